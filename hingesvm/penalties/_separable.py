"""The family of penalties: a sum of terms of one weight each."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hingesvm.losses._base import ByValue
from hingesvm.penalties._columns import ColumnPenalty

__all__ = ["Penalty"]

Float64Array = NDArray[np.float64]


class Penalty(ByValue, ABC):
    r"""A penalty of weights that is a sum over the columns.

    A subclass names two numbers for each column, `thresholds` (``t``) and `strengths`
    (``s``), neither negative, and not both 0. Everything else follows from

    .. math::

        h(w) = \sum_j \left( t_j |w_j| + \tfrac{s_j}{2} w_j^2 \right) .

    Weights of columns with a threshold are exactly 0 unless they are worth it.

    Examples
    --------
    A penalty that chooses among the columns from the third on, and keeps the first two:

    >>> import numpy as np
    >>> from hingesvm.penalties import Penalty
    >>> class KeepTwo(Penalty):
    ...     def thresholds(self, n_features):
    ...         return np.where(np.arange(n_features) < 2, 0.0, 1.0)
    ...     def strengths(self, n_features):
    ...         return np.where(np.arange(n_features) < 2, 1.0, 0.0)
    >>> KeepTwo().value([1.0, 2.0, -3.0])
    5.5
    """

    @abstractmethod
    def thresholds(self, n_features: int) -> Float64Array:
        """Return ``t``, the factor of the absolute value of each weight.

        Parameters
        ----------
        n_features : int
            Number of columns of X.

        Returns
        -------
        ndarray of float64, of shape (n_features,)
        """

    @abstractmethod
    def strengths(self, n_features: int) -> Float64Array:
        """Return ``s``, the factor of half of the square of each weight.

        Parameters
        ----------
        n_features : int
            Number of columns of X.

        Returns
        -------
        ndarray of float64, of shape (n_features,)
        """

    def columns(self, n_features: int) -> ColumnPenalty:
        """Return the two numbers for each column, checked.

        Parameters
        ----------
        n_features : int
            Number of columns of X.

        Returns
        -------
        ColumnPenalty

        Raises
        ------
        ValueError
            If they are not one for each column, negative, not finite, or both 0.
        """
        name, numbers = type(self).__name__, []
        for what in ("thresholds", "strengths"):
            given = np.asarray(getattr(self, what)(n_features), dtype=np.float64)
            if given.shape != (n_features,):
                raise ValueError(
                    f"{name}.{what} must return one number for each of the "
                    f"{n_features} columns of X, and returned shape {given.shape}."
                )
            if not (np.isfinite(given).all() and (given >= 0.0).all()):
                raise ValueError(
                    f"{name}.{what} must return finite numbers that are not negative."
                )
            numbers.append(np.ascontiguousarray(given))
        both_zero = np.flatnonzero((numbers[0] == 0.0) & (numbers[1] == 0.0))
        if len(both_zero):
            raise ValueError(
                f"{name} does not penalise the weight of column {int(both_zero[0])}: "
                "its threshold or its strength must be positive."
            )
        return ColumnPenalty(*numbers)

    def value(self, w: ArrayLike) -> float:
        """Return h(w).

        Parameters
        ----------
        w : array-like of shape (n_features,)
            The weights.

        Returns
        -------
        float
        """
        weights = np.asarray(w, dtype=np.float64)
        return self.columns(len(weights)).value(weights)

    def subgradient(self, w: ArrayLike) -> Float64Array:
        """Return the subgradient of h at w of smallest length.

        Parameters
        ----------
        w : array-like of shape (n_features,)
            The weights.

        Returns
        -------
        ndarray of float64, of shape (n_features,)
        """
        weights = np.asarray(w, dtype=np.float64)
        of = self.columns(len(weights))
        return np.asarray(of.threshold * np.sign(weights) + of.strength * weights)

    def conjugate(self, v: ArrayLike) -> float:
        """Return the convex conjugate, the largest value of ``v @ w - value(w)``.

        Parameters
        ----------
        v : array-like of shape (n_features,)
            The sums v_j.

        Returns
        -------
        float
            It is ``inf`` if a v exceeds its threshold in a column without strength.
        """
        sums = np.asarray(v, dtype=np.float64)
        of = self.columns(len(sums))
        outside = (of.strength == 0.0) & (np.abs(sums) > of.threshold)
        return np.inf if outside.any() else of.conjugate(sums)

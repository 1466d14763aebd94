"""The penalty of the weights of one problem: two numbers for each column."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["ColumnPenalty", "soft"]

Float64Array = NDArray[np.float64]

# Rounding errors of a quotient and a product, by which a scaled sum may be too large.
_ROUNDING = 4.0 * 2.0**-53


def soft(values: Float64Array, threshold: Float64Array) -> Float64Array:
    """Return values moved towards 0 by a threshold, and 0 if they are within it.

    Parameters
    ----------
    values, threshold : ndarray of float64, of shape (n_features,)
        The thresholds are not negative.

    Returns
    -------
    ndarray of float64, of shape (n_features,)

    Examples
    --------
    >>> import numpy as np
    >>> from hingesvm.penalties import soft
    >>> soft(np.array([3.0, 0.5, -2.0]), np.ones(3))
    array([ 2.,  0., -1.])
    """
    return np.asarray(values - np.clip(values, -threshold, threshold))


@dataclass(frozen=True)
class ColumnPenalty:
    r"""A sum over the columns, of which each term has a kink, a bend, or both.

    .. math::

        h(w) = \sum_j \left( t_j |w_j| + \tfrac{s_j}{2} w_j^2 \right)

        h^*(v) = \sum_j \max(|v_j| - t_j, 0)^2 / (2 s_j),

    where a term with :math:`s_j = 0` demands :math:`|v_j| \le t_j`. Dual variables
    whose sum v = sum a_i y_i x_i does not meet this are scaled until it does.

    Parameters
    ----------
    threshold, strength : ndarray of float64, of shape (n_features,)
        The numbers t_j and s_j: not negative, and not both 0.

    Examples
    --------
    >>> import numpy as np
    >>> from hingesvm.penalties import ElasticNet
    >>> columns = ElasticNet(0.5).columns(2)
    >>> columns.weights_of(np.array([2.0, -0.25]))
    array([3., 0.])
    """

    threshold: Float64Array
    strength: Float64Array

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return len(self.threshold)

    @cached_property
    def is_half_square(self) -> bool:
        """Whether the penalty is half of the squared norm."""
        return not self.threshold.any() and bool((self.strength == 1.0).all())

    @cached_property
    def has_flat(self) -> bool:
        """Whether a column has no strength, so that duals may need scaling."""
        return not self.strength.all()

    @cached_property
    def least_strength(self) -> float:
        """The smallest strength of a column that has one; inf if there is none."""
        return float(self.strength.min(where=self.strength > 0.0, initial=np.inf))

    @cached_property
    def least_threshold(self) -> float:
        """The least threshold of a column without strength; inf if there is none."""
        return float(self.threshold.min(where=self.strength == 0.0, initial=np.inf))

    def value(self, w: NDArray[np.floating]) -> float:
        """Return h(w).

        Parameters
        ----------
        w : ndarray of shape (n_features,)
            The weights.

        Returns
        -------
        float
        """
        w = w.astype(np.float64, copy=False)
        return float(self.threshold @ np.abs(w) + 0.5 * (self.strength * w) @ w)

    def weights_of(self, v: Float64Array) -> Float64Array:
        """Return the w at which v w - h(w) is largest; 0 where there is no strength.

        Parameters
        ----------
        v : ndarray of float64, of shape (n_features,)
            The sums v_j.

        Returns
        -------
        ndarray of float64, of shape (n_features,)
        """
        w = soft(v, self.threshold)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.strength > 0.0, w / self.strength, 0.0)

    def conjugate(self, v: Float64Array) -> float:
        """Return h*(v) over the columns with strength; the others count as within.

        Parameters
        ----------
        v : ndarray of float64, of shape (n_features,)
            The sums v_j.

        Returns
        -------
        float
        """
        beyond = soft(v, self.threshold)
        return 0.5 * float(beyond @ self.weights_of(v))

    def factor(self, v: Float64Array) -> float:
        """Return by what to multiply dual variables to be feasible; 1 if they are.

        Parameters
        ----------
        v : ndarray of float64, of shape (n_features,)
            Their sum v.

        Returns
        -------
        float
        """
        if not self.has_flat:
            return 1.0
        flat = self.strength == 0.0
        size, threshold = np.abs(v[flat]), self.threshold[flat]
        excess = float((size / threshold).max())
        return 1.0 if excess <= 1.0 else (1.0 - _ROUNDING) / excess

    def violation(self, w: Float64Array, v: Float64Array) -> Float64Array:
        """Return how far v_j is from the subdifferential of h at each w_j.

        Parameters
        ----------
        w, v : ndarray of float64, of shape (n_features,)
            The weights, and the sums v_j.

        Returns
        -------
        ndarray of float64, of shape (n_features,)
        """
        pull = v - self.strength * w
        at_zero = np.maximum(np.abs(pull) - self.threshold, 0.0)
        return np.where(w != 0.0, np.abs(pull - self.threshold * np.sign(w)), at_zero)

    def active(self, w: Float64Array, v: Float64Array) -> NDArray[np.intp]:
        """Return the columns whose weight is not 0, or is not to stay 0.

        Parameters
        ----------
        w, v : ndarray of float64, of shape (n_features,)
            The weights, and the sums v_j.

        Returns
        -------
        ndarray of intp
        """
        return np.flatnonzero((w != 0.0) | (np.abs(v) > self.threshold))

    def subset(self, columns: NDArray[np.intp]) -> ColumnPenalty:
        """Return the penalty of some of the weights.

        Parameters
        ----------
        columns : ndarray of intp
            Which of them.

        Returns
        -------
        ColumnPenalty
        """
        return replace(
            self, threshold=self.threshold[columns], strength=self.strength[columns]
        )

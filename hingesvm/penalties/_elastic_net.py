"""The elastic net: shares of the L1 norm and of half the squared norm."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hingesvm.losses._base import as_float
from hingesvm.penalties._separable import Penalty

__all__ = ["ElasticNet", "get_penalty"]

Float64Array = NDArray[np.float64]


class ElasticNet(Penalty):
    r"""The elastic net, with a factor for each column if wanted.

    .. math::

        h(w) = \sum_j f_j \left( r |w_j| + \tfrac{1 - r}{2} w_j^2 \right)

    Parameters
    ----------
    l1_ratio : float, default=0.5
        The share r of the L1 norm: 0 is half of the squared norm, 1 the L1 norm.
    factors : array-like of shape (n_features,), optional
        Positive penalty factors f of the columns, as glmnet has them. Default: all 1.

    Raises
    ------
    ValueError
        If `l1_ratio` is not a number from 0 to 1, or a factor not positive and finite.

    References
    ----------
    Zou and Hastie, "Regularization and variable selection via the elastic net", JRSS B
    67, 2005.

    Examples
    --------
    >>> from hingesvm.penalties import ElasticNet
    >>> ElasticNet(0.5).value([1.0, -2.0])
    2.75
    >>> ElasticNet(1.0, factors=[1.0, 10.0]).value([1.0, -2.0])
    21.0
    """

    def __init__(self, l1_ratio: float = 0.5, factors: ArrayLike | None = None) -> None:
        ratio = as_float(l1_ratio)
        if not 0.0 <= ratio <= 1.0:
            raise ValueError(f"l1_ratio must be from 0 to 1, got {l1_ratio!r}.")
        self.l1_ratio = ratio
        self.factors: tuple[float, ...] | None = None
        if factors is not None:
            try:
                numbers = np.asarray(factors, dtype=np.float64)
            except (TypeError, ValueError):
                numbers = np.full(1, math.nan)
            if numbers.ndim != 1 or not all(
                math.isfinite(factor) and factor > 0.0 for factor in numbers
            ):
                raise ValueError(
                    "factors must be positive finite numbers, one for each column."
                )
            self.factors = tuple(numbers.tolist())

    def _per_column(self, n_features: int, share: float) -> Float64Array:
        """Return a share times the factor of each column."""
        if self.factors is None:
            return np.full(n_features, share)
        return share * np.array(self.factors)

    def thresholds(self, n_features: int) -> Float64Array:
        """Return ``l1_ratio`` times the factor of each column.

        Parameters
        ----------
        n_features : int
            Number of columns of X.

        Returns
        -------
        ndarray of float64, of shape (n_features,)
        """
        return self._per_column(n_features, self.l1_ratio)

    def strengths(self, n_features: int) -> Float64Array:
        """Return ``1 - l1_ratio`` times the factor of each column.

        Parameters
        ----------
        n_features : int
            Number of columns of X.

        Returns
        -------
        ndarray of float64, of shape (n_features,)
        """
        return self._per_column(n_features, 1.0 - self.l1_ratio)


def get_penalty(l1_ratio: float | Penalty) -> Penalty:
    """Return the penalty object that a share of the L1 norm or an object stands for.

    Parameters
    ----------
    l1_ratio : float or Penalty
        A share from 0 to 1, or a penalty, which is returned as it is.

    Returns
    -------
    Penalty

    Raises
    ------
    ValueError
        If the share is not from 0 to 1.

    Examples
    --------
    >>> from hingesvm.penalties import get_penalty
    >>> get_penalty(1)
    ElasticNet(l1_ratio=1.0, factors=None)
    """
    return l1_ratio if isinstance(l1_ratio, Penalty) else ElasticNet(l1_ratio)

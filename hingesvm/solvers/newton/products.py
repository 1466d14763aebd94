"""Weighted products of columns that follow a series of Newton systems."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hingesvm.rows.contract import Rows

__all__ = ["KeptProducts"]

Float64Array = NDArray[np.float64]

# Rows that have changed, as a part of all, from which on all are multiplied anew, and
# updates after which they are, as rounding errors add up: with more products drift,
# with fewer they are multiplied for nothing (docs/experiments.md#batch-method).
_MOST_CHANGED, _MOST_UPDATES = 0.8, 20

# Relative change of a weight that is rounding.
_ROUNDING = 1e-12


class KeptProducts:
    """The sum of weights_i x_i x_i' over some rows, kept for the next such sum.

    From one Newton step to the next few rows enter the sum or leave it, and weights
    change by one factor, so that only those rows need be multiplied.

    Parameters
    ----------
    rows : Rows
    bordered : bool
        Whether each x_i has a last entry 1.
    """

    def __init__(self, rows: Rows, *, bordered: bool) -> None:
        self._rows, self._bordered = rows, bordered
        self._weights = np.zeros(rows.n_rows)
        self._sum = np.empty((0, 0))
        self._updates, self._is_single = _MOST_UPDATES, False

    def gram(
        self, some: NDArray[np.intp], weights: Float64Array, *, single: bool
    ) -> Float64Array:
        """Return what ``Rows.gram`` does; rows ascend, and it is not to be changed."""
        wanted = np.zeros(len(self._weights))
        wanted[some] = weights
        common = some[self._weights[some] > 0.0]
        factor = 1.0
        if len(common):
            factor = float(wanted[common[0]] / self._weights[common[0]])
        change = wanted - factor * self._weights
        change[np.abs(change) <= _ROUNDING * wanted] = 0.0
        changed = np.flatnonzero(change)
        too_coarse = self._is_single and not single
        few = len(changed) < _MOST_CHANGED * len(some)
        if few and not too_coarse and self._updates < _MOST_UPDATES:
            self._updates += 1
            self._is_single |= single
            if factor != 1.0:
                self._sum *= factor
            for sign in (1.0, -1.0):
                part = changed[sign * change[changed] > 0.0]
                if len(part):
                    size = np.abs(change[part])
                    self._sum += sign * self._gram(part, size, single)
        else:
            self._updates, self._is_single = 0, single
            self._sum = self._gram(some, weights, single)
        self._weights = wanted
        return self._sum

    def _gram(
        self, some: NDArray[np.intp], weights: Float64Array, single: bool
    ) -> Float64Array:
        return self._rows.gram(some, weights, bordered=self._bordered, single=single)

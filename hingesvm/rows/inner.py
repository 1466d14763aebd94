"""Inner products of rows that follow a series of Newton systems."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hingesvm.rows.contract import Rows

__all__ = ["KeptInnerProducts", "most_kept"]

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]

# Bytes of the inner products at most, so many or as many as X has: more take memory,
# fewer are computed anew (docs/experiments.md#which-method-when).
_FEW_BYTES = 1 << 25
# Rows for which there is room at first: more are memory for nothing, fewer more copies.
_FIRST_ROOM = 64


def most_kept(rows: Rows) -> int:
    """Return of how many rows the inner products are kept at most."""
    room = max(_FEW_BYTES, rows.n_bytes) / np.dtype(np.float64).itemsize
    return min(int(np.sqrt(room)), rows.n_rows)


class KeptInnerProducts:
    """The inner products of those rows that were asked for, kept for the next time.

    From one Newton step to the next few rows become free or cease to be, so that only
    those of new rows need be computed. Where there is no room for all that were seen,
    those of the present rows are kept.

    Parameters
    ----------
    rows : Rows
    """

    def __init__(self, rows: Rows) -> None:
        self._rows, self._most = rows, most_kept(rows)
        #: Where each row stands in the matrix, or -1.
        self._place = np.full(rows.n_rows, -1, dtype=np.intp)
        self._known = np.empty(0, dtype=np.intp)
        self._matrix = np.empty((0, 0))
        self._work = 0.0

    def of(self, some: IndexArray) -> Float64Array:
        """Return those of some rows, of shape (m, m), in an array of its own."""
        new = some[self._place[some] < 0]
        if len(self._known) + len(new) > self._most:
            self._forget()
            new = some
        if len(new) > self._most:
            self._work += self._rows.work_of_products(len(some), len(some))
            return self._rows.inner_products(some)
        if len(new):
            self._add(new)
        places = self._place[some]
        return self._matrix[np.ix_(places, places)]

    def take_work(self) -> float:
        """Return the work since the last call, as `Progress` counts it."""
        work, self._work = self._work, 0.0
        return work

    def _forget(self) -> None:
        """Forget all of them."""
        self._place[self._known] = -1
        self._known = np.empty(0, dtype=np.intp)

    def _add(self, new: IndexArray) -> None:
        """Compute those of new rows with each other and with the known ones."""
        before, after = len(self._known), len(self._known) + len(new)
        self._work += self._rows.work_of_products(len(new), after)
        if after > len(self._matrix):
            size = min(max(2 * len(self._matrix), after, _FIRST_ROOM), self._most)
            matrix = np.empty((size, size))
            matrix[:before, :before] = self._matrix[:before, :before]
            self._matrix = matrix
        known = self._matrix[:after, :after]
        if before:
            known[before:, :before] = self._rows.inner_products(new, self._known)
            known[:before, before:] = known[before:, :before].T
        known[before:, before:] = self._rows.inner_products(new)
        self._place[new] = np.arange(before, after)
        self._known = np.append(self._known, new)

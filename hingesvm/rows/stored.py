"""Copies of rows, from which some are dropped to make room for others."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from hingesvm.rows.contract import Rows
from hingesvm.rows.copied import Matrix
from hingesvm.rows.memory import MemoryRows

__all__ = ["StoredRows"]

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]

# Room for others when an array has to grow, as a part of what is in it.
_SPARE = 0.5


class _Growing:
    """An array whose first axis grows at its end, mostly without a copy."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._room, self._count = values, len(values)
        # How much of the room is taken, by whoever shares it.
        self._taken = [len(values)]

    @property
    def values(self) -> NDArray[Any]:
        """What is in it."""
        return self._room[: self._count]

    def add(self, values: NDArray[Any]) -> _Growing:
        """Return it with more values at its end; this one stays as it is."""
        before, now = self._count, self._count + len(values)
        dtype = np.promote_types(self._room.dtype, values.dtype)
        is_free = self._taken[0] == before and now <= len(self._room)
        grown = _Growing(self._room)
        if is_free and dtype == self._room.dtype:
            grown._taken = self._taken
        else:
            shape = (now + int(_SPARE * now), *self._room.shape[1:])
            grown._room = np.empty(shape, dtype)
            grown._room[:before] = self.values
        grown._room[before:now] = values
        grown._count = grown._taken[0] = now
        return grown


class StoredRows:
    """Rows of their own, in memory: others are added, some are dropped.

    Parameters
    ----------
    n_features : int
    is_sparse : bool
    dtype : dtype
        float32 or float64; becomes float64 with the first rows that are.
    """

    def __init__(
        self, n_features: int, is_sparse: bool, dtype: np.dtype[np.floating]
    ) -> None:
        self.n_features, self.is_sparse = n_features, is_sparse
        self._data = _Growing(np.empty(0 if is_sparse else (0, n_features), dtype))
        self._indices = _Growing(np.empty(0, np.int32))
        self._starts = _Growing(np.zeros(1, np.int32))
        self._norms = _Growing(np.empty(0))

    def copy(self) -> StoredRows:
        """Return a copy to which rows can be added while this one stays as it is."""
        other = StoredRows.__new__(StoredRows)
        vars(other).update(vars(self))
        return other

    def __getstate__(self) -> dict[str, Any]:
        # Without the room for others.
        return {
            name: value.values.copy() if isinstance(value, _Growing) else value
            for name, value in vars(self).items()
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            is_array = isinstance(value, np.ndarray)
            setattr(self, name, _Growing(value) if is_array else value)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self._norms.values)

    @property
    def row_bytes(self) -> float:
        """Bytes that a row takes on the average."""
        n_bytes = self._data.values.nbytes + self._norms.values.nbytes
        if self.is_sparse:
            n_bytes += self._indices.values.nbytes + self._starts.values.nbytes
        return n_bytes / max(self.n_rows, 1)

    def add(self, rows: Rows) -> None:
        """Add copies of rows, dense or sparse as all are, below those that are here."""
        X = rows.copy_of(np.arange(rows.n_rows, dtype=np.intp))
        self._norms = self._norms.add(rows.squared_norms())
        if not self.is_sparse:
            self._data = self._data.add(X)
            return
        last = int(self._starts.values[-1])
        self._data = self._data.add(X.data)
        self._indices = self._indices.add(X.indices)
        self._starts = self._starts.add(X.indptr[1:].astype(np.int32) + last)

    def rows(self) -> Rows:
        """Return all of them, valid until some are dropped."""
        rows = MemoryRows(self._matrix())
        rows.know_squared_norms(self._norms.values)
        return rows

    def _matrix(self) -> Matrix:
        """Return all of them as one array or CSR matrix that shares their memory."""
        if not self.is_sparse:
            return self._data.values
        shape = self.n_rows, self.n_features
        parts = self._data.values, self._indices.values, self._starts.values
        return sp.csr_matrix(parts, shape=shape)

    def keep(self, is_kept: NDArray[np.bool_]) -> None:
        """Drop all other rows; the order of the rest stays.

        Parameters
        ----------
        is_kept : ndarray of bool, of shape (n_rows,)
        """
        X = self._matrix()[is_kept]
        self._norms = _Growing(self._norms.values[is_kept])
        if not self.is_sparse:
            self._data = _Growing(X)
            return
        self._data, self._indices = _Growing(X.data), _Growing(X.indices)
        self._starts = _Growing(X.indptr.astype(np.int32))

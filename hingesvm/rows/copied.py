"""What can be made of copies of rows, a few at a time, in plain NumPy."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.rows.csr import csr_of, lookup_of, row_starts_of
from hingesvm.rows.divided import Divided

__all__ = ["Copied", "Matrix"]

#: An ndarray, a CSR matrix or a CSR array.
Matrix = Any

Float64Array = NDArray[np.float64]
FloatArray = NDArray[np.floating]
IndexArray = NDArray[np.intp]

# Entries of a copy of some rows: a bound of its memory.
_ENTRIES_PER_COPY = 1 << 16

# Rows up to which all their inner products are kept: in any case, and where at least so
# many problems share them. Of more rows most products are never asked for; of fewer
# they are computed again and again (docs/experiments.md#which-method-when).
_FEW_ROWS, _MANY_ROWS, _MANY_PROBLEMS = 256, 2000, 8


class Copied(Divided):
    """Rows of which copies are handed out.

    Attributes
    ----------
    dtype : dtype
        Of X, float32 or float64.
    n_sharing : int
        How many problems are to have these rows.
    """

    dtype: np.dtype[np.floating]
    n_sharing = 1
    _kernel: Float64Array | None
    _lock: threading.Lock

    @abstractmethod
    def copy_of(self, rows: IndexArray) -> Matrix:
        """Return a copy of some rows, an ndarray or a CSR matrix of the dtype of X."""

    def take(self, rows: IndexArray) -> Float64Array:
        """Return some rows as a dense float64 array of shape (m, n_features)."""
        some = self.copy_of(rows)
        if self.is_sparse:
            some = some.toarray()
        return np.asarray(some, dtype=np.float64)

    def blocks(self, rows: IndexArray) -> Iterator[Matrix]:
        """Yield copies of some rows, a few at a time, in any order.

        Ascending ones are in their order.
        """
        for some in self._few_of(rows):
            yield self.copy_of(some)

    def copy_with(self, chosen: IndexArray) -> Matrix:
        """Return a copy of all rows with some columns only, of the dtype of X.

        Parameters
        ----------
        chosen : ndarray of intp, of shape (m,)
            The columns, ascending.

        Returns
        -------
        ndarray or CSR matrix, of shape (n_rows, m)
            A CSR matrix has the entries of a row in their order.
        """
        blocks = self.blocks(np.arange(self.n_rows))
        if not self.is_sparse:
            out, start = np.empty((self.n_rows, len(chosen)), self.dtype), 0
            for block in blocks:
                stop = start + len(block)
                np.take(block, chosen, axis=1, out=out[start:stop])
                start = stop
            return out
        places = lookup_of(chosen, self.n_features)
        data, columns, lengths = [np.empty(0, self.dtype)], [places[:0]], [chosen[:0]]
        for block in blocks:
            is_chosen = places[block.indices] >= 0
            data.append(block.data[is_chosen])
            columns.append(places[block.indices[is_chosen]])
            before = np.append(0, np.cumsum(is_chosen))
            lengths.append(np.diff(before[block.indptr]))
        return csr_of(
            np.concatenate(data),
            np.concatenate(columns),
            row_starts_of(np.concatenate(lengths)),
            len(chosen),
        )

    def _few_of(self, rows: IndexArray) -> Iterator[IndexArray]:
        """Yield a few of some rows at a time."""
        per_row = self.n_features
        if self.is_sparse:
            # As many as columns, which an answer for each column takes too.
            per_row = -(-self.n_entries // max(self.n_rows, 1))
        most = max(_ENTRIES_PER_COPY, self.n_features if self.is_sparse else 0)
        height = max(1, most // max(per_row, 1))
        for start in range(0, len(rows), height):
            self.check_cancelled()
            yield rows[start : start + height]

    def fill_tiles(self, signs: NDArray[np.int8], tiles: FloatArray) -> None:
        """Copy the rows, times their signs, to tiles: groups of rows by columns.

        Parameters
        ----------
        signs : ndarray of int8, of shape (n_rows,)
        tiles : ndarray of the dtype of X, of shape (n_tiles, size, height)
            ``tiles[t, j, k]`` is set to column j of row ``height * t + k``. A column
            more than X has is one of ones; rows beyond the last are zeros.
        """
        n_tiles, size, height = tiles.shape
        values = np.ones((n_tiles * height, size), dtype=tiles.dtype)
        values[: self.n_rows, : self.n_features] = self.take(np.arange(self.n_rows))
        values[: self.n_rows] *= signs[:, None]
        values[self.n_rows :] = 0.0
        tiles[:] = values.reshape(n_tiles, height, size).transpose(0, 2, 1)

    def gram(
        self,
        rows: IndexArray,
        weights: Float64Array,
        *,
        bordered: bool = False,
        single: bool = False,
    ) -> Float64Array:
        """Return the sum of weights_i x_i x_i' over some rows.

        Parameters
        ----------
        rows : ndarray of intp, of shape (m,)
        weights : ndarray of float64, of shape (m,)
            Non-negative.
        bordered : bool, default=False
            Whether each x_i has a last entry 1, that of the intercept.
        single : bool, default=False
            Whether dense float32 rows may be multiplied in single precision, which
            takes half the time.

        Returns
        -------
        ndarray of float64, of shape (n_features, n_features), or one more each way
            Only the lower triangle is meant to be read.
        """
        out = np.zeros((self.n_features + bordered,) * 2)
        before = 0
        for some in self._few_of(rows):
            block = self.take(some)
            if bordered:
                block = np.column_stack([block, np.ones(len(some))])
            out += (block.T * weights[before : before + len(some)]) @ block
            before += len(some)
        return out

    def inner_products(
        self, rows: IndexArray, others: IndexArray | None = None
    ) -> Float64Array:
        """Return x_i . x_j for i among some rows and j among others, in float64.

        Parameters
        ----------
        rows : ndarray of intp, of shape (m,)
        others : ndarray of intp, of shape (k,), optional
            Default: the same rows.

        Returns
        -------
        ndarray of float64, of shape (m, k)
        """
        others = rows if others is None else others
        out = np.empty((len(rows), len(others)))
        before = 0
        for some in self._few_of(others):
            right = self.take(some).T
            of_some = slice(before, before + len(some))
            out[:, of_some] = np.concatenate(
                [self.take(part) @ right for part in self._few_of(rows)]
                or [np.empty((0, len(some)))]
            )
            before += len(some)
        return out

    @property
    def keeps_kernel(self) -> bool:
        """Whether the inner products of all rows are kept.

        They are where rows are few, or many problems share them.
        """
        many = self.n_sharing >= _MANY_PROBLEMS
        return self.n_rows <= (_MANY_ROWS if many else _FEW_ROWS)

    @property
    def is_shared(self) -> bool:
        """Whether several problems are to have these rows."""
        return self.n_sharing > 1

    def kernel(self, rows: IndexArray) -> Float64Array:
        """Return the inner products x_i . x_j of some rows, of shape (m, m)."""
        if not self.keeps_kernel:
            return self.inner_products(rows)
        with self._lock:
            if self._kernel is None:
                self._kernel = self.inner_products(np.arange(self.n_rows))
        return self._kernel[np.ix_(rows, rows)]

    def _forget_kernel(self) -> None:
        """Begin without inner products."""
        self._kernel = None
        self._lock = threading.Lock()

"""What a solver may ask of X, and nothing else.

The loops that make up these answers are in ``_sweep.pyx``. Another kind of data
(memory-mapped chunks, another array library) needs a class with these members.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from copy import copy
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from hingesvm.kernels._places import Places
from hingesvm.kernels.build import _newton, _sweep
from hingesvm.rows.csr import inner_products, with_like_indices
from hingesvm.rows.divided import Divided
from hingesvm.rows.team import Team

__all__ = ["Matrix", "Rows", "no_such_column"]

#: An ndarray, a CSR matrix or a CSR array.
Matrix = Any

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]

# Entries of a float64 copy of some rows that are multiplied: blocks beyond the cache
# are no faster, small ones are many calls (docs/experiments.md#batch-method).
_ENTRIES_PER_BLOCK = 1 << 18
# Entries of other copies: a bound of their memory.
_ENTRIES_PER_COPY = 1 << 16

# Rows up to which all their inner products are kept: in any case, and where at least so
# many problems share them. Of more rows most products are never asked for; of fewer
# they are computed again and again (docs/experiments.md#which-method-when).
_FEW_ROWS, _MANY_ROWS, _MANY_PROBLEMS = 256, 2000, 8

# Column indices are read as int32, or copied to it row by row.
_MOST_COLUMNS = int(np.iinfo(np.int32).max)

_NO_ROWS = np.empty(0, dtype=np.intp)
_NO_SIGNS = np.empty(0, dtype=np.int8)


def _never() -> None:
    """Check for nothing: the default of a fit that nobody can cancel."""


def no_such_column(n_features: int) -> ValueError:
    """Return the error about a sparse X with entries outside of its columns."""
    return ValueError(
        f"X is no valid CSR matrix: it has column indices outside 0..{n_features - 1}."
    )


class Rows(Divided):
    """The rows of X, read in place.

    Parameters
    ----------
    X : ndarray or CSR matrix or array, of shape (n_total, n_features)
        float32 or float64; C-ordered when dense, int32 or int64 indices when
        sparse. Neither copied nor changed.
    index : ndarray of intp, of shape (n_rows,), optional
        Rows of X that take part, in this order. Default: all of them.
    check_cancelled : callable, optional
        Called every few milliseconds; may raise.
    team : Team, optional
        Threads that share long work. Default: the present one alone.

    Attributes
    ----------
    n_rows, n_features : int
    n_entries : int
        Number of stored values in the rows that take part.
    is_sparse : bool
    dtype : dtype
        Of X.
    n_sharing : int
        How many problems are to have these rows.
    reach : ndarray of float32, of shape (n_rows,), or None
        What one of them has found, for the others; see ``newton/bands.py``.
    extent : float
        A bound of the norms of all rows, if one is known that needed no pass; else inf.
    rooms : list
        Memory that solvers lend each other, as fresh memory is slow to touch.
    """

    n_sharing = 1
    reach: NDArray[np.float32] | None = None
    extent = np.inf

    def __init__(
        self,
        X: Matrix,
        index: IndexArray | None = None,
        check_cancelled: Callable[[], None] = _never,
        team: Team | None = None,
    ) -> None:
        n_total, self.n_features = map(int, X.shape)
        self.index = _NO_ROWS if index is None else np.ascontiguousarray(index, np.intp)
        self.n_rows = n_total if index is None else len(self.index)
        self.is_sparse = sp.issparse(X)
        self.dtype = X.dtype
        self.check_cancelled = check_cancelled
        self.team = Team() if team is None else team
        self.rooms: list[Any] = []
        self._X = X
        self._squared_norms: Float64Array | None = None
        self._longest_square: float | None = None
        self._kernel: Float64Array | None = None
        self._lock = threading.Lock()
        self.row_starts = np.empty(0, dtype=np.intp)
        if self.is_sparse:
            if self.n_features > _MOST_COLUMNS:
                raise ValueError(
                    f"X has {self.n_features} columns, of which {_MOST_COLUMNS} are as "
                    "many as a sparse X may have: leave out those without entries."
                )
            self._X = X = with_like_indices(X)
            self.row_starts = X.indptr
            data, where = X.data, Places(self.n_features, X.indices, X.indptr)
        else:
            data, where = X.reshape(-1), Places(self.n_features)
        #: The arguments by which the kernels know X: its values, and where they are.
        self.arrays = data, where.of(self.index)
        self.n_entries = self._count_entries(index is None)

    def _count_entries(self, has_all: bool) -> int:
        """Return the number of stored values in the rows that take part."""
        if not self.is_sparse:
            return self.n_rows * self.n_features
        starts = self.row_starts
        if has_all:
            return int(starts[-1]) - int(starts[0])
        return int((starts[self.index + 1] - starts[self.index]).sum(dtype=np.int64))

    @property
    def n_bytes(self) -> int:
        """Bytes of the stored values in the rows that take part, and their indices."""
        each = self.dtype.itemsize
        if self.is_sparse:
            each += self.row_starts.itemsize
        return int(self.n_entries * each)

    def margins(
        self,
        w: Float64Array,
        rows: IndexArray | None = None,
        *,
        intercept: float = 0.0,
        signs: NDArray[np.int8] = _NO_SIGNS,
    ) -> Float64Array:
        """Return x_i . w + b for all rows, or for some, in float64.

        Parameters
        ----------
        w : ndarray of float64, of shape (n_features,)
        rows : ndarray of intp, optional
            Rows wanted.
        intercept : float, default=0.0
        signs : ndarray of int8, of shape (n_rows,) or (len(rows),), optional
            Factors of the result.
        """
        count = self.n_rows if rows is None else len(rows)
        order = _NO_ROWS if rows is None else rows
        out = np.empty(count)
        for start, stop in self.chunks(count):
            _sweep.margins(*self.arrays, order, start, stop, signs, w, intercept, out)
        return out

    def combine(self, a: Float64Array, rows: IndexArray | None = None) -> Float64Array:
        """Return the sum of a_i x_i over all rows, or over some, in float64.

        Parameters
        ----------
        a : ndarray of float64, of shape (n_rows,) or (len(rows),)
        rows : ndarray of intp, optional
            Rows that `a` belongs to.
        """
        order = _NO_ROWS if rows is None else rows
        out = np.zeros(self.n_features)
        for start, stop in self.chunks(len(a)):
            _sweep.combine(*self.arrays, order, start, stop, a, out)
        return out

    def squared_norms(self) -> Float64Array:
        """Return ||x_i||^2 for all rows, in float64; computed once.

        Raises
        ------
        ValueError
            If a column index of a sparse X is not one of a column.
        """
        if self._squared_norms is not None:
            return self._squared_norms
        out = np.empty(self.n_rows)
        width = self.n_features if self.is_sparse else 0

        def norms_of(first: int, last: int, _: int) -> bool:
            scratch = np.zeros(width)
            return all(
                _sweep.squared_norms(*self.arrays, start, stop, scratch, out)
                for start, stop in self.chunks(last, first=first)
            )

        if not all(self.in_shares(norms_of, width)):
            raise no_such_column(self.n_features)
        out.flags.writeable = False
        self._squared_norms = out
        return out

    def longest_square(self) -> float:
        """Return the largest ||x_i||^2; found once."""
        if self._longest_square is None:
            self._longest_square = float(self.squared_norms().max())
        return self._longest_square

    @property
    def has_rough_length(self) -> bool:
        """Whether a bound of all ||x_i|| is at hand, and no more than that."""
        return self._squared_norms is None and self.extent < np.inf

    def longest(self, *, roughly: bool = False) -> float:
        """Return the largest ||x_i||, or a bound of it if one is at hand."""
        if roughly and self.has_rough_length:
            return self.extent
        return math.sqrt(self.longest_square())

    def rounded(self, w: Float64Array, intercept: float) -> tuple[Float64Array, float]:
        """Return weights and intercept rounded to the dtype of X, as float64."""
        rounded = w.astype(self.dtype).astype(np.float64)
        return rounded, self.rounded_number(intercept)

    def rounded_number(self, value: float) -> float:
        """Return a number rounded to the dtype of X."""
        return float(self.dtype.type(value))

    def largest_possible(self) -> float:
        """Return a bound of all ||x_i||, known from the dtype alone; may be inf."""
        if self.dtype == np.float64:
            return np.inf
        # Entries of a column that is named twice add up.
        length = float(self.n_entries if self.is_sparse else np.sqrt(self.n_features))
        return length * float(np.finfo(self.dtype).max)

    def blocks(self, rows: IndexArray) -> Iterator[Matrix]:
        """Yield copies of some rows, a few at a time."""
        per_row = self.n_features
        if self.is_sparse:
            # As many as columns, which an answer for each column takes too.
            per_row = -(-self.n_entries // max(self.n_rows, 1))
        most = max(_ENTRIES_PER_COPY, self.n_features if self.is_sparse else 0)
        height = max(1, most // max(per_row, 1))
        for start in range(0, len(rows), height):
            self.check_cancelled()
            yield self.copy_of(rows[start : start + height])

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
        size = self.n_features + bordered
        out = np.zeros((size, size))
        if self.is_sparse:
            density = self.n_entries / max(self.n_rows, 1)
            for start, stop in self.chunks(len(rows), work=max(density, 1.0)):
                _newton.gram(*self.arrays, rows, start, stop, weights, bordered, out)
            return out
        height = max(1, _ENTRIES_PER_BLOCK // max(size, 1))
        roots = np.sqrt(weights)
        dtype = np.float32 if single and self.dtype == np.float32 else np.float64
        block = np.empty((min(height, len(rows)), size), dtype=dtype)
        for start in range(0, len(rows), height):
            self.check_cancelled()
            some = rows[start : start + height]
            part = block[: len(some)]
            _newton.gather(
                *self.arrays, some, roots[start : start + height], bordered, part
            )
            out += part.T @ part
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
        places = self._places(rows)
        theirs = None if others is None else self._places(others)
        if self.is_sparse:
            return inner_products(self._X, places, theirs, self.check_cancelled)
        count = len(rows) if others is None else max(len(rows), len(others))
        out = np.zeros((len(rows), len(rows) if others is None else len(others)))
        size = max(1, _ENTRIES_PER_BLOCK // max(count, 1))
        for start in range(0, self.n_features, size):
            self.check_cancelled()
            some = slice(start, start + size)
            left = self._X[places, some].astype(np.float64)
            right = left
            if theirs is not None:
                right = self._X[theirs, some].astype(np.float64)
            out += left @ right.T
        return out

    def copy_of(self, rows: IndexArray) -> Matrix:
        """Return a copy of some rows, stored as X is."""
        return self._X[self._places(rows)]

    def take(self, rows: IndexArray) -> Float64Array:
        """Return some rows as a dense float64 array of shape (m, n_features)."""
        some = self.copy_of(rows)
        if self.is_sparse:
            some = some.toarray()
        return np.asarray(some, dtype=np.float64)

    def subset(self, rows: IndexArray) -> Rows:
        """Return the same X restricted to some rows, without a copy."""
        part = copy(self)
        part.index = np.ascontiguousarray(self._places(rows), np.intp)
        part.n_rows = len(rows)
        part.arrays = self.arrays[0], self.arrays[1].of(part.index)
        part.n_entries = part._count_entries(False)
        part.n_sharing, part.reach, part._kernel = 1, None, None
        part._longest_square = None
        part._lock = threading.Lock()
        if self._squared_norms is not None:
            part._squared_norms = self._squared_norms[rows]
        return part

    def shared_by(self, team: Team, check_cancelled: Callable[[], None]) -> Rows:
        """Return the same rows for a team, with another check."""
        rows = copy(self)
        rows.team, rows.check_cancelled = team, check_cancelled
        return rows

    def _places(self, rows: IndexArray) -> IndexArray:
        """Return where rows of the problem stand in X."""
        return self.index[rows] if len(self.index) else rows

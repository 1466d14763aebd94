"""What a solver may ask of X, and nothing else.

The loops that make up these answers are in ``_sweep.pyx``. Another kind of data
(memory-mapped chunks, another array library) needs a class with these members.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from copy import copy
from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from hingesvm.solvers.kernels import _newton, _sweep
from hingesvm.solvers.team import Team

__all__ = ["Matrix", "Rows", "no_such_column"]

#: An ndarray, a CSR matrix or a CSR array.
Matrix = Any

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]
_T = TypeVar("_T")

# Entries of X handled between two looks for an interrupt: some milliseconds.
_ENTRIES_PER_CHUNK = 1 << 21
# Entries that a thread of a team handles, at least: to ask it takes as long as 20,000.
_ENTRIES_PER_SHARE = 1 << 17
# Entries of a float64 copy of some rows.
_ENTRIES_PER_BLOCK = 1 << 18

# Rows up to which all their inner products are kept.
_FEW_ROWS = 256

# What the kernels read; other types of indices are converted.
_INDEX_TYPES = (np.dtype(np.int32), np.dtype(np.int64))

_NO_ROWS = np.empty(0, dtype=np.intp)
_NO_SIGNS = np.empty(0, dtype=np.int8)


def _never() -> None:
    """Check for nothing: the default of a fit that nobody can cancel."""


def no_such_column(n_features: int) -> ValueError:
    """Return the error about a sparse X with entries outside of its columns."""
    return ValueError(
        f"X is no valid CSR matrix: it has column indices outside 0..{n_features - 1}."
    )


class Rows:
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
    is_shared : bool
        Whether several problems are to have these rows.
    reach : ndarray of float32, of shape (n_rows,), or None
        What one of them has found, for the others; see ``bands.py``.
    extent : float
        A bound of the norms of all rows, if one is known that needed no pass; else inf.
    rooms : list of ndarray of float64
        Memory that solvers lend each other, as fresh memory is slow to touch.
    """

    is_shared = False
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
        self.rooms: list[Float64Array] = []
        self._X = X
        self._squared_norms: Float64Array | None = None
        self._kernel: Float64Array | None = None
        if self.is_sparse:
            data, columns, row_starts = X.data, X.indices, X.indptr
            if columns.dtype != row_starts.dtype or columns.dtype not in _INDEX_TYPES:
                columns, row_starts = (
                    columns.astype(np.int64),
                    row_starts.astype(np.int64),
                )
            if index is None:
                self.n_entries = int(row_starts[-1]) - int(row_starts[0])
            else:
                self.n_entries = int(
                    (row_starts[self.index + 1] - row_starts[self.index]).sum()
                )
        else:
            data = X.reshape(-1)
            columns = row_starts = np.empty(0, dtype=np.int32)
            self.n_entries = self.n_rows * self.n_features
        #: The arguments by which the kernels know X.
        self.arrays = (data, columns, row_starts, self.n_features, self.index)

    def chunk_size(self, work: float = 1.0) -> int:
        """Return how many rows make up a few milliseconds of work.

        `work` is the arithmetic for one stored value, a multiply-add being 1.
        """
        per_row = max(self.n_entries / max(self.n_rows, 1), 8.0) * work
        return max(1, int(_ENTRIES_PER_CHUNK / per_row))

    def chunks(
        self, count: int, work: float = 1.0, first: int = 0
    ) -> Iterator[tuple[int, int]]:
        """Yield ranges that cover the rows up to `count`, each a few ms of work.

        Parameters
        ----------
        count : int
            Number of rows to cover, or where they end.
        work : float, default=1.0
            Arithmetic for one stored value, a multiply-add being 1.
        first : int, default=0
            Where they begin.
        """
        size = self.chunk_size(work)
        for start in range(first, count, size):
            self.check_cancelled()
            yield start, min(start + size, count)

    def in_shares(self, work: Callable[[int, int, int], _T]) -> list[_T]:
        """Return what a function of a range of rows returns for ranges that cover all.

        There is a range for each member of the team, which calls the function, or one
        in all where they are short. Ranges follow on, and have as many entries each.
        The third argument is the number of the member.
        """
        size = self.team.size
        if size == 1 or self.n_entries < size * _ENTRIES_PER_SHARE:
            return [work(0, self.n_rows, 0)]
        if self.is_sparse and not len(self.index):
            starts = self.arrays[2]
            aims = np.linspace(starts[0], starts[-1], size + 1)
            edges = np.searchsorted(starts, aims.round().astype(starts.dtype))
            edges[-1] = self.n_rows
        else:
            edges = np.linspace(0, self.n_rows, size + 1).round().astype(np.intp)
        return self.team.run(lambda k: work(int(edges[k]), int(edges[k + 1]), k))

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

        def norms_of(first: int, last: int, _: int) -> bool:
            scratch = np.zeros(self.n_features if self.is_sparse else 0)
            return all(
                _sweep.squared_norms(*self.arrays, start, stop, scratch, out)
                for start, stop in self.chunks(last, first=first)
            )

        if not all(self.in_shares(norms_of)):
            raise no_such_column(self.n_features)
        out.flags.writeable = False
        self._squared_norms = out
        return out

    def longest(self, *, roughly: bool = False) -> float:
        """Return the largest ||x_i||, or a bound of it if one is at hand."""
        if roughly and self._squared_norms is None and self.extent < np.inf:
            return self.extent
        return float(np.sqrt(self.squared_norms().max()))

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

    def mean_squares(self, rows: IndexArray) -> Float64Array:
        """Return the mean of x_ij^2 over some rows, of shape (n_features,)."""
        some = self._X[self._places(rows)]
        if self.is_sparse:
            some = some.astype(np.float64)
            return np.asarray(some.multiply(some).mean(axis=0)).ravel()
        return np.asarray(np.square(some, dtype=np.float64).mean(axis=0))

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

    def kernel(self, rows: IndexArray) -> Float64Array:
        """Return the inner products x_i . x_j of some rows, of shape (m, m).

        With few rows in all, those of all rows are kept.
        """
        if self.n_rows <= _FEW_ROWS:
            if self._kernel is None:
                self._kernel = self._new_kernel(np.arange(self.n_rows))
            return self._kernel[np.ix_(rows, rows)]
        return self._new_kernel(rows)

    def _new_kernel(self, rows: IndexArray) -> Float64Array:
        """Return the inner products of some rows."""
        if self.is_sparse:
            return self._sparse_kernel(rows)
        out = np.zeros((len(rows), len(rows)))
        size = max(1, _ENTRIES_PER_BLOCK // max(len(rows), 1))
        places = self._places(rows)
        for start in range(0, self.n_features, size):
            self.check_cancelled()
            block = self._X[places, start : start + size].astype(np.float64)
            out += block @ block.T
        return out

    def _sparse_kernel(self, rows: IndexArray) -> Float64Array:
        """Return the inner products of some sparse rows, in blocks of like work."""
        some = self._X[self._places(rows)].astype(np.float64)
        out = np.empty((len(rows), len(rows)))
        in_column = np.bincount(some.indices, minlength=self.n_features)
        work = np.concatenate([[0], np.cumsum(in_column[some.indices])])[some.indptr]
        blocks = work // (_ENTRIES_PER_CHUNK // 4)
        edges = np.flatnonzero(np.diff(blocks[:-1], prepend=-1))
        for start, stop in itertools.pairwise([*edges, len(rows)]):
            self.check_cancelled()
            out[start:stop] = (some[start:stop] @ some.T).toarray()
        return out

    def take(self, rows: IndexArray) -> Float64Array:
        """Return some rows as a dense float64 array of shape (m, n_features)."""
        some = self._X[self._places(rows)]
        if self.is_sparse:
            some = some.toarray()
        return np.asarray(some, dtype=np.float64)

    def subset(self, rows: IndexArray) -> Rows:
        """Return the same X restricted to some rows, without a copy."""
        part = Rows(self._X, self._places(rows), self.check_cancelled, self.team)
        part.rooms = self.rooms
        if self._squared_norms is not None:
            part._squared_norms = self._squared_norms[rows]
        return part

    def shared_by(self, team: Team, check_cancelled: Callable[[], None]) -> Rows:
        """Return the same rows for a team, with another check."""
        rows = copy(self)
        rows.team, rows.check_cancelled = team, check_cancelled
        return rows

    def column_scales(self) -> Float64Array:
        """Return the largest absolute value of each column."""
        largest = np.zeros(self.n_features)
        for start, stop in self.chunks(self.n_rows):
            some = self._X[self._places(np.arange(start, stop))]
            if self.is_sparse:
                some.sum_duplicates()
                some = abs(some).max(axis=0).toarray().ravel()
            else:
                some = abs(some).max(axis=0)
            largest = np.maximum(largest, some)
        return largest

    def _places(self, rows: IndexArray) -> IndexArray:
        """Return where rows of the problem stand in X."""
        return self.index[rows] if len(self.index) else rows

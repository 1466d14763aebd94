"""What a solver may ask of X, and nothing else.

The loops that make up these answers are in ``_sweep.pyx``. Another kind of data
(memory-mapped chunks, another array library) needs a class with these members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from hingesvm.solvers.csr import inner_products, with_like_indices
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
# The same for each column, where each share has an array of sums over rows: all these
# arrays then have at most a quarter as many numbers as X has entries.
_ENTRIES_PER_SUM = 4
# Entries of a float64 copy of some rows that are multiplied, and of other copies.
_ENTRIES_PER_BLOCK, _ENTRIES_PER_COPY = 1 << 18, 1 << 16

# Rows up to which all their inner products are kept.
_FEW_ROWS = 256

# Part of a sum of squares below which a difference is made of rounding errors.
_ROUNDING = 1e-12

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
            self._X = X = with_like_indices(X)
            data, columns, row_starts = X.data, X.indices, X.indptr
        else:
            data = X.reshape(-1)
            columns = row_starts = np.empty(0, dtype=np.int32)
        #: The arguments by which the kernels know X.
        self.arrays = (data, columns, row_starts, self.n_features, self.index)
        self.n_entries = self._count_entries(index is None)

    def _count_entries(self, has_all: bool) -> int:
        """Return the number of stored values in the rows that take part."""
        starts = self.arrays[2]
        if not self.is_sparse:
            return self.n_rows * self.n_features
        if has_all:
            return int(starts[-1]) - int(starts[0])
        return int((starts[self.index + 1] - starts[self.index]).sum(dtype=np.int64))

    @property
    def n_bytes(self) -> int:
        """Bytes of the stored values in the rows that take part, and their indices."""
        each = self.dtype.itemsize
        if self.is_sparse:
            each += self.arrays[1].itemsize
        return int(self.n_entries * each)

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
            self.team.check()
            yield start, min(start + size, count)

    def n_shares(self, width: int = 0) -> int:
        """Return the number of shares in which work on all rows is done.

        One for each member of the team, or one in all where they would be small; fewer
        where each has an array of `width` sums, so that these take little memory.
        """
        size = self.team.size
        if width:
            size = min(size, self.n_entries // (_ENTRIES_PER_SUM * width))
        return size if size > 1 and self.n_entries >= size * _ENTRIES_PER_SHARE else 1

    def in_shares(
        self, work: Callable[[int, int, int], _T], width: int = 0
    ) -> list[_T]:
        """Return what a function of a range of rows returns for ranges that cover all.

        Ranges follow on, and have as many entries each. The third argument is the
        number of the share. It is to go through the rows in `chunks`, so that all end
        soon after one has raised.

        Parameters
        ----------
        work : callable
        width : int, default=0
            As of `n_shares`.
        """
        size = self.n_shares(width)
        if size == 1:
            return [work(0, self.n_rows, 0)]
        if self.is_sparse and not len(self.index):
            starts = self.arrays[2]
            aims = np.linspace(starts[0], starts[-1], size + 1)
            edges = np.searchsorted(starts, aims.round().astype(starts.dtype))
            edges[-1] = self.n_rows
        else:
            edges = np.linspace(0, self.n_rows, size + 1).round().astype(np.intp)
        return self.team.run(
            lambda k: work(int(edges[k]), int(edges[k + 1]), k), size=size
        )

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
        out = np.zeros(self.n_features)
        for some in self._blocks(rows):
            if self.is_sparse:
                squares = some.astype(np.float64)
                squares = np.asarray(squares.multiply(squares).sum(axis=0)).ravel()
            else:
                squares = np.square(some, dtype=np.float64).sum(axis=0)
            out += squares
        return out / len(rows)

    def share_of_nonzeros(self, rows: IndexArray) -> float:
        """Return the part of the values of some rows that are not 0."""
        count = sum(
            int(np.count_nonzero(some.data if self.is_sparse else some))
            for some in self._blocks(rows)
        )
        return count / max(len(rows) * self.n_features, 1)

    def _blocks(self, rows: IndexArray) -> Iterator[Matrix]:
        """Yield copies of some rows, a few at a time."""
        per_row = self.n_features
        if self.is_sparse:
            # As many as columns, which an answer for each column takes too.
            per_row = -(-self.n_entries // max(self.n_rows, 1))
        most = max(_ENTRIES_PER_COPY, self.n_features if self.is_sparse else 0)
        height = max(1, most // max(per_row, 1))
        for start in range(0, len(rows), height):
            self.check_cancelled()
            yield self._X[self._places(rows[start : start + height])]

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
            return inner_products(self._X, self._places(rows), self.check_cancelled)
        out = np.zeros((len(rows), len(rows)))
        size = max(1, _ENTRIES_PER_BLOCK // max(len(rows), 1))
        places = self._places(rows)
        for start in range(0, self.n_features, size):
            self.check_cancelled()
            block = self._X[places, start : start + size].astype(np.float64)
            out += block @ block.T
        return out

    def take(self, rows: IndexArray) -> Float64Array:
        """Return some rows as a dense float64 array of shape (m, n_features)."""
        some = self._X[self._places(rows)]
        if self.is_sparse:
            some = some.toarray()
        return np.asarray(some, dtype=np.float64)

    def subset(self, rows: IndexArray) -> Rows:
        """Return the same X restricted to some rows, without a copy."""
        part = copy(self)
        part.index = np.ascontiguousarray(self._places(rows), np.intp)
        part.n_rows = len(rows)
        part.arrays = (*self.arrays[:-1], part.index)
        part.n_entries = part._count_entries(False)
        part.is_shared, part.reach, part._kernel = False, None, None
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
        for some in self._blocks(np.arange(self.n_rows)):
            if self.is_sparse:
                some.sum_duplicates()
                some = abs(some).max(axis=0).toarray().ravel()
            else:
                some = abs(some).max(axis=0)
            largest = np.maximum(largest, some)
        return largest

    def column_spreads(self, weights: Float64Array, *, centred: bool) -> Float64Array:
        """Return the weighted sum of squares of each column, from its mean or from 0.

        Parameters
        ----------
        weights : ndarray of float64, of shape (n_rows,) or (1,)
        centred : bool
        """
        weights = np.broadcast_to(weights, self.n_rows)
        sums, squares = np.zeros((2, self.n_features))
        # A constant column far from 0 must not be left with a rounding error.
        shift = self.take(np.arange(min(1, self.n_rows)))
        is_shifted = centred and not self.is_sparse and len(shift) > 0
        # Of each chunk there are copies, which are not to take much memory.
        for start, stop in self.chunks(self.n_rows, 8.0):
            some = self._X[self._places(np.arange(start, stop))].astype(np.float64)
            part = weights[start:stop]
            if self.is_sparse:
                some.sum_duplicates()
            if is_shifted:
                some -= shift[0]
            sums += some.T @ part
            squares += (some.multiply(some) if self.is_sparse else some * some).T @ part
        if not centred:
            return squares
        spreads: Float64Array = squares - sums * sums / weights.sum()
        return np.where(spreads > _ROUNDING * squares, spreads, 0.0)

    def _places(self, rows: IndexArray) -> IndexArray:
        """Return where rows of the problem stand in X."""
        return self.index[rows] if len(self.index) else rows

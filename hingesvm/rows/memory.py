"""Rows in memory, dense or CSR, read in place by the kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from hingesvm.kernels import _exact
from hingesvm.kernels._places import Places
from hingesvm.kernels.build import _narrow, _newton, _sweep
from hingesvm.rows.chosen import chosen_entries, chosen_values
from hingesvm.rows.columns import share_of_nonzeros
from hingesvm.rows.contract import Rows
from hingesvm.rows.copied import Matrix
from hingesvm.rows.csr import inner_products, no_such_column, with_like_indices
from hingesvm.rows.divided import WORK_OF_STEP
from hingesvm.rows.duals import Duals, RowSums
from hingesvm.rows.joint import JointRows
from hingesvm.rows.lanes import LaneRows
from hingesvm.rows.per_row import ColumnMap, PreciseParts, RowLosses, StepState
from hingesvm.rows.shared import SharedRows
from hingesvm.rows.surveying import surveyed
from hingesvm.rows.team import Team

__all__ = ["MemoryRows", "never", "room_to_pack"]

Float64Array = NDArray[np.float64]
FloatArray = NDArray[np.floating]
IndexArray = NDArray[np.intp]

# Entries of a float64 copy of some rows that are multiplied: blocks beyond the cache
# are no faster, small ones are many calls (docs/experiments.md#batch-method).
_ENTRIES_PER_BLOCK = 1 << 18
# Arithmetic for one value of a row in twice the precision, as `Rows.chunks` counts it:
# too little and an interrupt waits
# (docs/experiments.md#rounding-errors-in-the-certificate).
_PRECISE_WORK = 8.0

# Part of the entries of a dense X up to which those that are not 0 are packed for joint
# problems, and rows that are looked at for it: where more are not 0, to pack them takes
# longer than their zeros do (docs/experiments.md#joint-multi-class-problems).
_FEW_ENTRIES, _LOOKED_AT = 0.5, 500

# Column indices are read as int32, or copied to it row by row.
_MOST_COLUMNS = int(np.iinfo(np.int32).max)

_NO_ROWS = np.empty(0, dtype=np.intp)
_NO_SIGNS = np.empty(0, dtype=np.int8)


def never() -> None:
    """Check for nothing: the default of a fit that nobody can cancel."""


def room_to_pack(rows: Rows) -> tuple[FloatArray, NDArray[np.int32]]:
    """Return room for a row's entries that are not 0, if many of a dense X are 0."""
    size = 0
    if not rows.is_sparse:
        some = np.linspace(0, rows.n_rows - 1, _LOOKED_AT).astype(np.intp)
        if share_of_nonzeros(rows, np.unique(some)) < _FEW_ENTRIES:
            size = rows.n_features + 1
    return np.empty(size, rows.dtype), np.empty(size, np.int32)


class MemoryRows(Rows):
    """The rows of an array or CSR matrix, read in place.

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
    """

    def __init__(
        self,
        X: Matrix,
        index: IndexArray | None = None,
        check_cancelled: Callable[[], None] = never,
        team: Team | None = None,
    ) -> None:
        n_total, n_features = map(int, X.shape)
        self._index = (
            _NO_ROWS if index is None else np.ascontiguousarray(index, np.intp)
        )
        super().__init__(
            (n_total if index is None else len(self._index), n_features),
            X.dtype,
            is_sparse=sp.issparse(X),
            check_cancelled=check_cancelled,
            team=team,
        )
        self._X = X
        self._row_starts: NDArray[np.signedinteger[Any]] = np.empty(0, dtype=np.intp)
        if self.is_sparse:
            if self.n_features > _MOST_COLUMNS:
                raise ValueError(
                    f"X has {self.n_features} columns, of which {_MOST_COLUMNS} are as "
                    "many as a sparse X may have: leave out those without entries."
                )
            self._X = X = with_like_indices(X)
            self._row_starts = X.indptr
            data, where = X.data, Places(self.n_features, X.indices, X.indptr)
        else:
            data, where = X.reshape(-1), Places(self.n_features)
        #: The arguments by which the kernels know X: its values, and where they are.
        self.arrays = data, where.of(self._index)
        self.n_entries = self._count_entries(index is None)

    def _count_entries(self, has_all: bool) -> int:
        """Return the number of stored values in the rows that take part."""
        if not self.is_sparse:
            return self.n_rows * self.n_features
        starts = self._row_starts
        if has_all:
            return int(starts[-1]) - int(starts[0])
        return int((starts[self._index + 1] - starts[self._index]).sum(dtype=np.int64))

    @property
    def n_bytes(self) -> int:
        """Bytes of the stored values in the rows that take part, and their indices."""
        each = self.dtype.itemsize
        if self.is_sparse:
            each += self._row_starts.itemsize
        return int(self.n_entries * each)

    def _edges(self, size: int) -> IndexArray:
        if not self.is_sparse or len(self._index):
            return super()._edges(size)
        starts = self._row_starts
        aims = np.linspace(starts[0], starts[-1], size + 1)
        edges = np.searchsorted(starts, aims.round().astype(starts.dtype))
        edges[-1] = self.n_rows
        return edges

    def margins(
        self,
        w: Float64Array,
        rows: IndexArray | None = None,
        *,
        intercept: float = 0.0,
        signs: NDArray[np.int8] = _NO_SIGNS,
    ) -> Float64Array:
        count = self.n_rows if rows is None else len(rows)
        order = _NO_ROWS if rows is None else rows
        out = np.empty(count)
        for start, stop in self.chunks(count):
            _sweep.margins(*self.arrays, order, start, stop, signs, w, intercept, out)
        return out

    def combine(self, a: Float64Array, rows: IndexArray | None = None) -> Float64Array:
        order = _NO_ROWS if rows is None else rows
        out = np.zeros(self.n_features)
        for start, stop in self.chunks(len(a)):
            _sweep.combine(*self.arrays, order, start, stop, a, out)
        return out

    def survey(
        self,
        losses: RowLosses,
        w: FloatArray,
        intercept: float,
        duals: Duals | None,
        shortfall: FloatArray,
        *,
        scales: FloatArray | None = None,
        reach: NDArray[np.float32] | None = None,
        room: list[Float64Array] | None = None,
    ) -> RowSums:
        return surveyed(
            self,
            self.arrays,
            losses,
            w,
            intercept,
            duals,
            shortfall,
            scales,
            reach,
            room,
        )

    def settle(
        self,
        losses: RowLosses,
        rest: Float64Array,
        pace: Float64Array,
        shortfall: Float64Array,
        before: Float64Array,
        w_of_duals: Float64Array,
        room: IndexArray,
    ) -> tuple[Float64Array, IndexArray]:
        alpha, n_free = np.empty(self.n_rows), 0
        for start, stop in self.chunks(self.n_rows):
            n_free = _newton.settle(
                *self.arrays,
                start,
                stop,
                losses.signs,
                rest,
                pace,
                losses.bound,
                shortfall,
                before,
                alpha,
                room,
                n_free,
                w_of_duals,
            )
        return alpha, room[:n_free]

    def precise_scores(
        self, w: Float64Array, intercept: float, rows: IndexArray
    ) -> PreciseParts:
        parts = PreciseParts(*np.empty((3, len(rows))))
        w = np.ascontiguousarray(w)
        for start, stop in self.chunks(len(rows), work=_PRECISE_WORK):
            _exact.scores(*self.arrays, rows, start, stop, w, intercept, *parts)
        return parts

    def precise_combine(self, factors: Float64Array) -> PreciseParts:
        parts = PreciseParts(*np.zeros((3, self.n_features)))
        factors = np.ascontiguousarray(factors)
        for start, stop in self.chunks(self.n_rows, work=_PRECISE_WORK):
            _exact.combine(*self.arrays, start, stop, factors, *parts)
        return parts

    def longest_row(self) -> int:
        if not self.is_sparse:
            return self.n_features
        starts, index = self._row_starts, self._index
        ends = starts[index + 1] if len(index) else starts[1:]
        lengths = ends - (starts[index] if len(index) else starts[:-1])
        return int(lengths.max(initial=0))

    def _norms_of_all(self) -> Float64Array:
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
        return out

    def dual_steps(
        self, losses: RowLosses, state: StepState, scalars: Float64Array
    ) -> int:
        return self._steps(_sweep.dual_steps, losses, state, scalars)

    def penalized_steps(
        self,
        losses: RowLosses,
        state: StepState,
        map: ColumnMap,
        scalars: Float64Array,
    ) -> int:
        parts = map.threshold, map.reciprocal, map.center
        return self._steps(_sweep.penalized_steps, losses, state, scalars, *parts)

    def _steps(
        self,
        kernel: Callable[..., int],
        losses: RowLosses,
        state: StepState,
        scalars: Float64Array,
        *parts: Float64Array,
    ) -> int:
        """Take steps by a kernel that takes `parts` besides."""
        kept = 0
        for first, last in self.chunks(state.n_active, WORK_OF_STEP):
            kept = kernel(
                *self.arrays,
                state.order,
                first,
                last,
                kept,
                losses.signs,
                losses.bound,
                losses.curvature,
                state.step,
                state.tau,
                state.shrink_above,
                state.alpha,
                state.w,
                scalars,
                *parts,
            )
        return kept

    def dual_sweeps(
        self,
        losses: RowLosses,
        state: StepState,
        scalars: Float64Array,
        *,
        n_visits: float,
        least_visits: float,
        safely: float,
        enough: float,
        penalized: bool,
    ) -> tuple[int, float]:
        self.check_cancelled()
        return _sweep.dual_sweeps(
            *self.arrays,
            state.order,
            state.n_active,
            n_visits,
            least_visits,
            losses.signs,
            losses.bound,
            losses.curvature,
            state.step,
            state.tau,
            penalized,
            safely,
            enough,
            state.alpha,
            state.w,
            scalars,
            state.random_state,
        )

    def averaged_steps(
        self,
        losses: RowLosses,
        order: IndexArray,
        tau: float,
        delay: float,
        alpha: Float64Array,
        average: Float64Array,
        last_weight: Float64Array,
        w: Float64Array,
        scalars: Float64Array,
    ) -> None:
        for first, last in self.chunks(self.n_rows, WORK_OF_STEP):
            _sweep.averaged_steps(
                *self.arrays,
                order,
                first,
                last,
                losses.signs,
                losses.bound,
                losses.curvature,
                tau,
                delay,
                alpha,
                average,
                last_weight,
                w,
                scalars,
            )

    def lanes(self) -> LaneRows:
        return LaneRows(self, self.arrays)

    def shared(self) -> SharedRows:
        return SharedRows(self, self.arrays)

    def joint(self, codes: IndexArray, n_classes: int) -> JointRows:
        room = room_to_pack(self)
        return JointRows(self, self.arrays, codes, n_classes, room, self.copy_of)

    def copy_of(self, rows: IndexArray) -> Matrix:
        return self._X[self._places(rows)]

    def copy_with(self, chosen: IndexArray) -> Matrix:
        if self.is_sparse:
            return chosen_entries(self, self.arrays, chosen)
        return chosen_values(self, self.arrays, chosen)

    def columns(self, chosen: IndexArray) -> Rows:
        return MemoryRows(self.copy_with(chosen), None, self.check_cancelled, self.team)

    def fill_tiles(self, signs: NDArray[np.int8], tiles: FloatArray) -> None:
        _narrow.fill_tiles(*self.arrays, signs, tiles)

    def gram(
        self,
        rows: IndexArray,
        weights: Float64Array,
        *,
        bordered: bool = False,
        single: bool = False,
    ) -> Float64Array:
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

    def inner_products(
        self, rows: IndexArray, others: IndexArray | None = None
    ) -> Float64Array:
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

    def _keep(self, rows: IndexArray) -> None:
        self._index = np.ascontiguousarray(self._places(rows), np.intp)
        self.arrays = self.arrays[0], self.arrays[1].of(self._index)
        self.n_entries = self._count_entries(False)

    def _places(self, rows: IndexArray) -> IndexArray:
        """Return where rows of the problem stand in X."""
        return self._index[rows] if len(self._index) else rows

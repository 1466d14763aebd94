"""Rows in memory for a joint problem: all classes at once, padded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels._places import Places
from hingesvm.kernels.build import _joint, _joint_newton
from hingesvm.rows.divided import Divided

__all__ = ["BLOCK", "FAR", "BlockState", "JointLosses", "JointRows", "in_lines"]

Float64Array = NDArray[np.float64]
FloatArray = NDArray[np.floating]
IndexArray = NDArray[np.intp]

# Classes are padded to a multiple of it.
BLOCK = 4
# Bytes of a line of the cache.
_LINE = 64
# Stands for infinity, as in the kernels.
FAR = 1e30
# Arithmetic for one value of a row and each class, as `Divided.chunks` counts it.
_WORK = 0.5
# Rows of which an array for each class is made in one piece: a bound of memory.
_AT_ONCE = 4096
_ALL = np.empty(0, dtype=np.intp)
# Entries of a dense X that are not 0 are copied to one place for the rows that steps
# are taken at, up to a part of the bytes of X, and in any case up to so many: more
# takes memory, fewer leaves to each step what takes longer than itself
# (docs/experiments.md#joint-multi-class-problems).
_PART_PACKED, _ALWAYS_PACKED = 0.25, 1 << 22


def in_lines(count: int, width: int, dtype: np.dtype[Any]) -> FloatArray:
    """Return zeros of shape (count, width) that begin with a line of the cache."""
    size = count * width
    spare = _LINE // dtype.itemsize
    out = np.zeros(size + spare, dtype=dtype)
    first = (-out.ctypes.data % _LINE) // dtype.itemsize
    return out[first : first + size].reshape(count, width)


class JointLosses(Protocol):
    """What a joint problem says of each row: its class, and its loss by two numbers."""

    @property
    def codes(self) -> IndexArray:
        """The classes, of shape (n_rows,)."""

    @property
    def cost(self) -> Float64Array:
        """The costs c_i, of shape (n_rows,); may be a broadcast scalar."""

    @property
    def total(self) -> float:
        """The bound of the sum of a row's duals, over c_i."""

    @property
    def margin(self) -> float:
        """The margin at which a class has no loss."""


class BlockState(Protocol):
    """What steps at all duals of a row read, and change in place.

    Attributes
    ----------
    order : ndarray of intp, of shape (n_rows,)
        The active rows, `n_active` of them, and others behind.
    step : ndarray of float64, of shape (n_rows,)
        Factors of the steps.
    tau : float
        By how much an intercept moves with a dual variable.
    shrink_above : float
    alpha : ndarray, of shape (n_rows, width)
    w : ndarray, of shape (n_features, width)
    intercepts : ndarray, of shape (width,)
    outward : ndarray of float32, of shape (n_rows,)
        By how much each row points outwards, as the last survey found.
    before, imbalance : ndarray of float64, of shape (n_classes,)
        The intercepts before the last sweep, and what the rows add to them.
    random_state : ndarray of uint64, of shape (1,)
        That of the order of rows.
    """

    order: IndexArray
    n_active: int
    step: Float64Array
    tau: float
    shrink_above: float
    alpha: FloatArray
    w: FloatArray
    intercepts: FloatArray
    outward: NDArray[np.float32]
    before: Float64Array
    imbalance: Float64Array
    random_state: NDArray[np.uint64]


class _Packed:
    """Copies of the entries of some rows that are not 0, as those of a CSR matrix.

    Attributes
    ----------
    arrays : tuple
        Values and places, of all rows; of those that are not held, no place.
    """

    def __init__(
        self,
        data: FloatArray,
        columns: NDArray[np.int32],
        starts: NDArray[np.int64],
        place: IndexArray,
        n_features: int,
    ) -> None:
        starts = starts.astype(np.int32)
        self._place = place
        self.arrays = data, Places(n_features, columns, starts).of(place)

    def holds(self, order: IndexArray) -> bool:
        """Whether all of some rows are held."""
        return bool(self._place[order].min(initial=0) >= 0)

    @classmethod
    def of(
        cls,
        copy_of: Callable[[IndexArray], FloatArray],
        order: IndexArray,
        rows: Divided,
        most: float,
    ) -> _Packed | None:
        """Return copies of some rows, or None if they take more than `most` bytes."""
        data, columns, counts = [], [], [np.zeros(1, dtype=np.int64)]
        left = most
        for start in range(0, len(order), _AT_ONCE):
            rows.check_cancelled()
            some = copy_of(order[start : start + _AT_ONCE])
            is_there = some != 0.0
            counts.append(np.count_nonzero(is_there, axis=1))
            number = int(counts[-1].sum())
            left -= number * (some.itemsize + 4)
            # What remains is as dense as what was seen.
            if left < 0 or (
                start == 0
                and number * (some.itemsize + 4) * len(order) > most * len(some)
            ):
                return None
            columns.append(np.nonzero(is_there)[1].astype(np.int32))
            data.append(some[is_there])
        if not data:
            return None
        place = np.full(rows.n_rows, -1, dtype=np.intp)
        place[order] = np.arange(len(order))
        starts = np.concatenate(counts).cumsum()
        if starts[-1] > np.iinfo(np.int32).max:
            return None
        return cls(
            np.concatenate(data),
            np.concatenate(columns),
            starts,
            place,
            rows.n_features,
        )


class JointRows:
    """Rows whose values and places are given, for arrays whose last axis is classes.

    Parameters
    ----------
    rows : Divided
    arrays : tuple
        Values and places.
    codes : ndarray of intp, of shape (n_rows,)
        The class of each row.
    n_classes : int
    room : (ndarray of the dtype of X, ndarray of int32)
        Room for the entries of a row that are not 0 and for their columns, or none.
    copy_of : callable
        Returns the values of some rows, as `Rows.copy_of`.

    Attributes
    ----------
    width : int
        Number of classes, padded.
    """

    def __init__(
        self,
        rows: Divided,
        arrays: tuple[Any, Any],
        codes: IndexArray,
        n_classes: int,
        room: tuple[FloatArray, NDArray[np.int32]],
        copy_of: Callable[[IndexArray], Any],
    ) -> None:
        self.rows, self.codes = rows, codes
        self.width = -(-n_classes // BLOCK) * BLOCK
        self._arrays, self._room, self._copy_of = arrays, room, copy_of
        self._packed: _Packed | None = None

    def pack(self, order: IndexArray) -> None:
        """Copy the entries that are not 0 of the rows at which steps are taken next.

        Nothing is done where zeros are few or not stored, or the copy would be large.
        """
        if not len(self._room[0]):
            return
        if self._packed is not None and self._packed.holds(order):
            return
        self._packed = None
        most = max(
            _PART_PACKED * self.rows.n_entries * self._room[0].itemsize, _ALWAYS_PACKED
        )
        self._packed = _Packed.of(self._copy_of, order, self.rows, most)

    def steps(
        self,
        losses: JointLosses,
        state: BlockState,
        worst: Float64Array,
        turns: int = 1,
        safely: float = 1.0,
        *,
        is_penalized: bool = False,
    ) -> int:
        """Take the best step of all duals of each active row in turn.

        Parameters
        ----------
        losses : JointLosses
        state : BlockState
            Its arrays are changed in place.
        worst : ndarray of float64, of shape (4,)
            The first is set to the largest violation of optimality seen, if that is
            larger. To the others are added the rows' parts of the duality gap, the
            change of the sum of the duals, and the number of rows visited.
        turns : int, default=1
            Sweeps over rows that are few: no more than a chunk. The first two of
            `worst` are those of the last one.
        safely : float, default=1.0
            Part of the largest violation of a sweep by which a row has to point
            outwards to be left out of the next ones.
        is_penalized : bool, default=False
            Whether the intercepts are penalised, in their steps between sweeps.

        Returns
        -------
        int
            How many rows are left.
        """
        kept = 0
        room = np.empty(3 * self.width, dtype=state.w.dtype)
        classes = np.empty(self.width + BLOCK, dtype=np.intp)
        arrays, packing = self._arrays, self._room
        if self._packed is not None:
            arrays, packing = self._packed.arrays, (packing[0][:0], packing[1][:0])
        for first, last in self.rows.chunks(state.n_active, work=_WORK * self.width):
            kept = _joint.block_steps(
                *arrays,
                state.order,
                first,
                last,
                kept,
                losses.codes,
                losses.cost,
                losses.total,
                losses.margin,
                state.step,
                state.tau,
                state.shrink_above,
                state.alpha,
                state.w,
                state.intercepts,
                worst,
                *packing,
                room,
                classes,
                turns,
                safely,
                state.before,
                state.imbalance,
                is_penalized,
                state.random_state,
            )
        return kept

    def survey(
        self, losses: JointLosses, state: BlockState, factors: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Find what a certificate needs of all rows, in one pass.

        Parameters
        ----------
        losses : JointLosses
        state : BlockState
            `outward` is changed in place.
        factors : ndarray of float64, of shape (n_classes, width) or (0, 0)
            What duals are multiplied by, if anything.

        Returns
        -------
        w_of_duals : ndarray of float64, of shape (n_features, width)
        sums : ndarray of float64, of shape (3 + width,)
            Losses, gains, the largest violation of optimality, and b(a).
        """
        rows, width = self.rows, self.width
        w_of_duals = np.zeros((rows.n_features, width))
        sums, room = np.zeros(3 + width), np.empty(3 * width)
        classes = np.empty(width + BLOCK, dtype=np.intp)
        for first, last in rows.chunks(rows.n_rows, work=_WORK * width):
            _joint.survey(
                *self._arrays,
                first,
                last,
                losses.codes,
                losses.cost,
                losses.total,
                losses.margin,
                state.w,
                state.intercepts.astype(np.float64),
                state.alpha,
                factors,
                state.outward,
                w_of_duals,
                sums,
                *self._room,
                room,
                classes,
            )
        return w_of_duals, sums

    def add_curvature(
        self,
        order: IndexArray,
        codes: IndexArray,
        sigma: Float64Array,
        inside: NDArray[np.bool_],
        share: Float64Array,
        out: Float64Array,
        *,
        has_intercept: bool,
    ) -> None:
        """Add the curvature of some rows to the lower triangle of a Newton system.

        Parameters
        ----------
        order, codes : ndarray of intp, of shape (m,)
            The rows and their classes.
        sigma : ndarray of float64, of shape (m,)
            Proximal steps.
        inside : ndarray of bool, of shape (m, n_classes)
            Whether a class belongs to the support of the row.
        share : ndarray of float64, of shape (m,)
            What is taken from each class of the support for the others.
        out : ndarray of float64, of shape (n_classes * height, n_classes * height)
            `height` is the number of columns, one more with intercepts.
        has_intercept : bool
        """
        count = inside.shape[1]
        height = self.rows.n_features + has_intercept
        entries, support = np.zeros(height), np.empty(count + 1, dtype=np.intp)
        if has_intercept:
            entries[-1] = 1.0
        # Each row has a block for each two classes of its support.
        blocks = float(np.square(1.0 + inside.sum(axis=1)).mean()) / 2.0
        work = max(blocks * height, 1.0)
        for first, last in self.rows.chunks(len(order), work=work):
            _joint_newton.add_curvature(
                *self._arrays,
                order,
                first,
                last,
                codes,
                sigma,
                inside.view(np.uint8),
                share,
                entries,
                support,
                out,
            )

    def scores(
        self,
        w: Float64Array,
        order: IndexArray = _ALL,
        offset: Float64Array | None = None,
    ) -> Float64Array:
        """Return x_i . w of all rows or some, for w of shape (n_features, width).

        `offset`, of shape (width,), is added to each.
        """
        count = len(order) if len(order) else self.rows.n_rows
        out = np.empty((count, self.width))
        out[:] = 0.0 if offset is None else offset
        for first, last in self.rows.chunks(count, work=_WORK * self.width):
            _joint_newton.scores(*self._arrays, order, first, last, w, out, *self._room)
        return out

    def combine(self, factors: Float64Array, order: IndexArray = _ALL) -> Float64Array:
        """Return the sum of x_i times its factors, of shape (n_features, width)."""
        out = np.zeros((self.rows.n_features, self.width))
        self._add_rows(factors, order, out)
        return out

    def sums(self, alpha: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Return W(a), of shape (n_features, width), and b(a), of shape (width,)."""
        w_of_duals = np.zeros((self.rows.n_features, self.width))
        imbalance, room = np.zeros(self.width), np.empty(self.width)
        for first, last in self.rows.chunks(len(alpha), work=_WORK * self.width):
            _joint_newton.add_duals(
                *self._arrays,
                first,
                last,
                self.codes,
                alpha,
                w_of_duals,
                imbalance,
                *self._room,
                room,
            )
        return w_of_duals, imbalance

    def _add_rows(
        self, factors: Float64Array, order: IndexArray, out: Float64Array
    ) -> None:
        """Add x_i times its factors to `out`."""
        for first, last in self.rows.chunks(len(factors), work=_WORK * self.width):
            _joint_newton.add_rows(
                *self._arrays, order, first, last, factors, out, *self._room
            )

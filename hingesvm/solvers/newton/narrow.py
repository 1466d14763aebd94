"""The batch method on few rows of few columns: many Newton steps in one call."""

from __future__ import annotations

import time
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _narrow
from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Certificate
from hingesvm.rows.contract import Rows
from hingesvm.solvers.progress import Check, Progress

__all__ = ["DRIFT", "Narrow", "is_narrow"]

Float64Array = NDArray[np.float64]

# Steps in one call (docs/experiments.md#batch-method).
# Columns, and numbers in all, entries of X and others that go with a row, up to which
# there are any: products of more are faster in BLAS.
_MOST_COLUMNS, _MOST_NUMBERS, _PER_ROW = 64, 1 << 19, 8
# Steps are on a part of the rows where it is this one or smaller: of larger parts the
# copy costs more than it saves.
_PART = 4
#: Relative gap below which sums that follow the steps are summed anew, as their
#: rounding errors count: above that passes are for nothing, below it the gap stops
#: falling.
DRIFT = 1e-8
# Work of a step: part of the rows that is strictly inside its box in a typical one, and
# multiply-adds in the time of one unit (docs/experiments.md#which-method-when).
_TYPICALLY_FREE, _SPEEDUP = 0.3, 4.0

# Multiply-adds between two looks for an interrupt: some milliseconds.
_WORK = float(1 << 23)
# Inner problems between two looks of that kind at most: room for their lines.
_LOOKS = 64


def is_narrow(problem: Problem) -> bool:
    """Whether a problem has so few rows and columns that `Narrow` suits it."""
    rows = problem.rows
    if rows.n_features > _MOST_COLUMNS:
        return False
    return rows.n_rows * (rows.n_features + _PER_ROW) <= _MOST_NUMBERS


class _Room:
    """Memory for narrow problems, one after the other, and the tiles that it holds.

    Attributes
    ----------
    buffer : ndarray of float64
        All of it.
    per_row, free, tiles, of_part, free_of_part, spare : ndarray
        Parts of it, as the kernel calls them.
    """

    def __init__(self) -> None:
        self.buffer = np.empty(0)
        self._key: object = None
        self._size = 0
        self._signs: NDArray[np.int8] | None = None

    def take(self, rows: Rows, size: int, signs: NDArray[np.int8]) -> None:
        """Make room for points with so many entries, and fill the tiles.

        Where the last problem was of the same rows, as that of another class, their
        tiles differ by signs alone, in the rows of these classes.
        """
        if rows.key is not self._key or size != self._size:
            self._signs = None
            self._divide(rows, size)
            self._key, self._size = rows.key, size
        if self._signs is None:
            rows.fill_tiles(signs, self.tiles)
        else:
            _narrow.turn_tiles(signs, self._signs, self.tiles)
        self._signs = signs

    def _divide(self, rows: Rows, size: int) -> None:
        """Divide the memory among its parts; fetch more where it is too small."""
        tile, doubles = _narrow.ROWS_PER_TILE, rows.dtype.itemsize / 8
        n_tiles = -(-rows.n_rows // tile)
        some = -(-n_tiles // _PART)
        padded, part = n_tiles * tile, some * tile
        of_tiles, of_spare = int(size * padded * doubles), int(size * part * doubles)
        lengths = 8 * padded, padded, of_tiles, 10 * part, part, of_spare
        ends = list(accumulate(lengths))
        if len(self.buffer) < ends[-1]:
            self.buffer = np.empty(ends[-1])
        buffer, dtype = self.buffer, rows.dtype
        self.per_row = buffer[: ends[0]].reshape(8, padded)
        self.free = buffer[ends[0] : ends[1]].view(np.intp)
        self.tiles = _tiles_in(buffer[ends[1] : ends[2]], dtype, n_tiles, size)
        self.of_part = buffer[ends[2] : ends[3]].reshape(10, part)
        self.free_of_part = buffer[ends[3] : ends[4]].view(np.intp)
        self.spare = _tiles_in(buffer[ends[4] : ends[5]], dtype, some, size)


def _tiles_in(
    room: Float64Array, dtype: np.dtype[Any], count: int, size: int
) -> NDArray[np.floating]:
    """Return room for so many tiles."""
    tiles: NDArray[np.floating] = room.view(dtype)
    return tiles.reshape(count, size, _narrow.ROWS_PER_TILE)


def _borrowed(rows: Rows) -> _Room:
    """Return room, used before if there is any."""
    try:
        room: _Room = rows.rooms.pop()
    except IndexError:
        return _Room()
    return room


class Narrow:
    """An iterate of the batch method on a narrow problem.

    Parameters
    ----------
    problem : Problem
    w, intercept, shortfall
        The iterate and 1 - m.
    anchor, rho
        The multipliers and the proximal step.
    unit : ndarray of float64, of shape (n_rows,), optional
        Units of the proximal step; by default the costs.
    """

    def __init__(
        self,
        problem: Problem,
        w: Float64Array,
        intercept: float,
        shortfall: NDArray[np.floating],
        anchor: Float64Array,
        rho: float,
        unit: Float64Array | None = None,
    ) -> None:
        rows, rule = problem.rows, problem.intercept_rule
        n, d = rows.n_rows, rows.n_features
        size = d + (rule != "none")
        self.problem = problem
        self.unit = problem.cost if unit is None else unit
        self._room = _borrowed(rows)
        self._room.take(rows, size, problem.signs)
        self._per_row = self._room.per_row
        self._signs = np.empty(0)
        self._ridge = np.ones(size)
        self._fixed, self._fixed_gain = np.zeros(size), 0.0
        if rule == "free":
            self._ridge[d] = 0.0
            self._signs = problem.signs.astype(np.float64)
        if problem.fixed is not None:
            self._fixed[:d] = problem.fixed.w_of_duals
            self._fixed[d:] = problem.fixed.imbalance
            self._fixed_gain = problem.fixed.gain
        free = _TYPICALLY_FREE * n
        products = (8.0 + 3.0 * size) * n + 0.5 * free * size**2 + size**3 / 3.0
        self._step_work = products / _SPEEDUP
        self._points = np.zeros((2, size))
        self._points[0, :d], self._points[0, d:] = w, intercept
        self._per_row[0, :n] = shortfall
        self._per_row[1, :n] = self._per_row[3, :n] = anchor
        self._of_system = np.empty(_narrow.room_for(size))
        self._values = np.array([np.inf, -np.inf])
        self._state = np.empty(_narrow.STATE)
        # The rows of a band are those that matter.
        _narrow.first_state(rho, problem.fixed is None, self._state)

    def close(self) -> None:
        """Give room back; nothing else may be called after that."""
        self.problem.rows.rooms.append(self._room)

    @property
    def rho(self) -> float:
        """The proximal step in units of the costs."""
        return float(self._state[0])

    @property
    def w(self) -> Float64Array:
        """The weights, of shape (n_features,)."""
        return self._points[0, : self.problem.rows.n_features].copy()

    @property
    def intercept(self) -> float:
        """The intercept."""
        return float(self._points[0, self.problem.rows.n_features :].sum())

    @property
    def alpha(self) -> Float64Array:
        """The dual variables a+, of shape (n_rows,)."""
        return self._per_row[1, : self.problem.n_rows].copy()

    def go_on(self, progress: Progress, goal: float, floor: float) -> None:
        """Solve one inner problem after the other."""
        if progress.best is not None:
            self._values[:2] = progress.best.primal, progress.best.dual
        problem, room = self.problem, self._room
        # Near rounding, what is found from scratch later may be a little less good.
        aim = goal if goal > DRIFT else 0.5 * goal
        # Who is told of looks may ask to stop at each of them.
        looks = np.empty((_LOOKS if progress.report is None else 1, 3))
        end = _narrow.INTERRUPTED
        while end == _narrow.INTERRUPTED and not progress.exhausted:
            problem.rows.check_cancelled()
            steps, n_looks, end = _narrow.solve(
                room.tiles,
                self.unit,
                problem.bound,
                problem.curvature,
                self._signs,
                self._ridge,
                self._fixed,
                self._fixed_gain,
                aim,
                floor,
                progress.tol,
                progress.max_iter - progress.n_iter,
                _WORK,
                self._per_row,
                room.free,
                room.spare,
                room.of_part,
                room.free_of_part,
                self._points,
                self._values,
                self._state,
                looks,
                self._of_system,
            )
            before = progress.n_iter
            progress.n_iter += steps
            progress.work += steps * self._step_work
            seconds = time.perf_counter() - progress.began
            progress.history += [
                Check(before + int(taken), seconds, primal, gap, problem.n_rows)
                for taken, primal, gap in looks[: max(n_looks - 1, 0)].tolist()
            ]
            if n_looks:
                progress.record(self._best(progress.best))

    def _best(self, before: Certificate | None) -> Certificate:
        """Return the best points so far, given those of before."""
        d, (primal, dual) = self.problem.rows.n_features, self._values.tolist()
        has_point, has_duals = self._state[-2:].tolist()
        if before is not None and not has_point:
            w, intercept = before.w, before.intercept
        else:
            w, intercept = self._points[1, :d].copy(), float(self._points[1, d:].sum())
        if before is not None and not has_duals:
            duals = before.duals
        else:
            duals = self._per_row[2, : self.problem.n_rows].copy()
        return Certificate(w, intercept, duals, primal, dual)

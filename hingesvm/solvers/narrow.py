"""The batch method on few dense rows of few columns: many Newton steps in one call."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hingesvm.solvers.certificate import Certificate
from hingesvm.solvers.kernels import _narrow
from hingesvm.solvers.problem import Problem
from hingesvm.solvers.progress import Progress
from hingesvm.solvers.rows import Rows

__all__ = ["Narrow", "is_narrow"]

Float64Array = NDArray[np.float64]

# Columns, and numbers in all: entries of X, and others that go with a row. Products of
# more are faster in BLAS.
_MOST_COLUMNS, _MOST_NUMBERS, _PER_ROW = 64, 1 << 19, 8
# Multiply-adds between two looks for an interrupt: some milliseconds.
_WORK = float(1 << 23)


def is_narrow(problem: Problem) -> bool:
    """Whether a problem has so few dense rows of so few columns."""
    rows = problem.rows
    if rows.is_sparse or rows.n_features > _MOST_COLUMNS:
        return False
    return rows.n_rows * (rows.n_features + _PER_ROW) <= _MOST_NUMBERS


def _borrowed(rows: Rows, length: int) -> Float64Array:
    """Return room for so many numbers or more, used before if there is any."""
    try:
        room = rows.rooms.pop()
    except IndexError:
        room = np.empty(0)
    return room if len(room) >= length else np.empty(length)


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
        tile = _narrow.ROWS_PER_TILE
        n_tiles = -(-n // tile)
        self.problem, self.rho, self.loss = problem, rho, np.inf
        self._unit = problem.cost if unit is None else unit
        padded = n_tiles * tile
        self._buffer = _borrowed(rows, (7 + size) * padded)
        self._per_row = self._buffer[: 6 * padded].reshape(6, padded)
        self._free = self._buffer[6 * padded : 7 * padded].view(np.intp)
        tiles = self._buffer[7 * padded :].view(rows.dtype)[: size * padded]
        self._tiles = tiles.reshape(n_tiles, size, tile)
        _narrow.fill_tiles(*rows.arrays, problem.signs, self._tiles)
        self._signs = np.empty(0)
        self._ridge = np.ones(size)
        self._fixed, self._fixed_gain = np.zeros(size), 0.0
        if rule == "free":
            self._ridge[d] = 0.0
            self._signs = problem.signs.astype(np.float64)
        if problem.fixed is not None:
            self._fixed[:d] = problem.fixed.own
            self._fixed[d:] = problem.fixed.imbalance
            self._fixed_gain = problem.fixed.gain
        self._points = np.zeros((2, size))
        self._room = np.empty(_narrow.room_for(size))
        self._values = np.array([np.inf, -np.inf, 0.0])
        self.go_to(w, intercept, shortfall)
        self.take_anchor(anchor, rho)
        self._per_row[1, :n] = anchor

    def close(self) -> None:
        """Give room back; nothing else may be called after that."""
        self.problem.rows.rooms.append(self._buffer)

    @property
    def w(self) -> Float64Array:
        """Weights."""
        return self._points[0, : self.problem.rows.n_features].copy()

    @property
    def intercept(self) -> float:
        """The intercept."""
        return float(self._points[0, self.problem.rows.n_features :].sum())

    @property
    def alpha(self) -> Float64Array:
        """The dual variables a+."""
        return self._per_row[1, : self.problem.n_rows].copy()

    def go_to(
        self, w: Float64Array, intercept: float, shortfall: NDArray[np.floating]
    ) -> None:
        """Go to another point."""
        d = len(w)
        self._points[0, :d] = w
        self._points[0, d:] = intercept
        self._per_row[0, : len(shortfall)] = shortfall

    def take_anchor(self, anchor: Float64Array, rho: float) -> None:
        """Begin another inner problem."""
        self._anchor, self.rho = anchor, rho

    def minimise(
        self, progress: Progress, goal: float, floor: float, limit: int
    ) -> tuple[int, bool]:
        """Minimise Psi by Newton steps; return how many, and whether it was solved."""
        if progress.best is not None:
            self._values[:2] = progress.best.primal, progress.best.dual
        problem = self.problem
        steps, end = 0, _narrow.OUT_OF_WORK
        while end == _narrow.OUT_OF_WORK:
            problem.rows.check_cancelled()
            taken, end = _narrow.minimise(
                self._tiles,
                self._unit,
                problem.bound,
                problem.curvature,
                self._signs,
                self._anchor,
                self.rho,
                self._ridge,
                self._fixed,
                self._fixed_gain,
                goal,
                floor,
                limit - steps,
                progress.max_iter - progress.n_iter,
                _WORK,
                self._per_row,
                self._free,
                self._points,
                self._values,
                self._room,
            )
            steps += taken
            progress.n_iter += taken
        self.loss = float(self._values[2])
        progress.record(self._best(progress.best))
        return steps, end == _narrow.SOLVED

    def _best(self, before: Certificate | None) -> Certificate:
        """Return the best points; those of before where none is better."""
        d, (primal, dual, _) = self.problem.rows.n_features, self._values.tolist()
        if before is not None and primal == before.primal:
            w, intercept = before.w, before.intercept
        else:
            w, intercept = self._points[1, :d].copy(), float(self._points[1, d:].sum())
        if before is not None and dual == before.dual:
            duals = before.duals
        else:
            duals = self._per_row[2, : self.problem.n_rows].copy()
        return Certificate(w, intercept, duals, primal, dual)

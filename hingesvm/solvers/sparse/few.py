"""Inner problems of few rows and columns: all their Newton steps in one call."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _kinked, _narrow
from hingesvm.problems.certificate import Certificate
from hingesvm.problems.penalized import PenalizedProblem
from hingesvm.solvers.newton.narrow import DRIFT
from hingesvm.solvers.newton.state import State
from hingesvm.solvers.progress import Progress

__all__ = ["FewColumns", "has_few"]

Float64Array = NDArray[np.float64]

# Numbers in all, entries of X and others that go with a row, up to which steps are in
# one call: products of more are faster in BLAS (docs/experiments.md#sparse-weights).
_MOST_NUMBERS, _PER_ROW = 1 << 17, 8
# Work of a step: part of the rows that is strictly inside its box in a typical one, and
# multiply-adds in the time of one unit, as for narrow problems.
_TYPICALLY_FREE, _SPEEDUP = 0.3, 4.0
# Multiply-adds between two looks for an interrupt: some milliseconds.
_WORK = float(1 << 23)


def has_few(problem: PenalizedProblem) -> bool:
    """Whether a problem has so few rows and columns that `FewColumns` suits it."""
    rows = problem.rows
    size = rows.n_features + (problem.intercept_rule != "none")
    if not 0 < rows.n_features <= size <= _kinked.MOST_COLUMNS:
        return False
    return rows.n_rows * (size + _PER_ROW) <= _MOST_NUMBERS


class FewColumns:
    """The rows of a problem side by side, and room for Newton steps.

    Parameters
    ----------
    problem : PenalizedProblem
    """

    def __init__(self, problem: PenalizedProblem) -> None:
        rows, rule, penalty = problem.rows, problem.intercept_rule, problem.penalty
        n, d = rows.n_rows, rows.n_features
        size, tile = d + (rule != "none"), _narrow.ROWS_PER_TILE
        n_tiles = -(-n // tile)
        self._problem = problem
        self._tiles = np.empty((n_tiles, size, tile), dtype=rows.dtype)
        rows.fill_tiles(problem.signs, self._tiles)
        self._signs = np.empty(0)
        if rule == "free":
            self._signs = problem.signs.astype(np.float64)
        self._ridge = np.zeros(size)
        self._ridge[:d] = penalty.strength
        self._ridge[d:] = rule == "penalized"
        self._fixed, self._fixed_gain = np.zeros(size), 0.0
        if problem.fixed is not None:
            self._fixed[:d] = problem.fixed.w_of_duals
            self._fixed[d:] = problem.fixed.imbalance
            self._fixed_gain = problem.fixed.gain
        self._length = float(rows.squared_norms().mean()) / d
        self._per_row = np.empty((7, n_tiles * tile))
        self._free = np.empty(n_tiles * tile, dtype=np.intp)
        self._points = np.zeros((3, size))
        self._room = np.empty(_kinked.room_for(size))
        self._places = np.empty(2 * size, dtype=np.intp)
        free = _TYPICALLY_FREE * n
        products = (8.0 + 3.0 * size) * n + 0.5 * free * size**2 + size**3 / 3.0
        self._step_work = products / _SPEEDUP

    def minimise(
        self, progress: Progress, state: State, goal: float, floor: float, limit: int
    ) -> tuple[int, bool]:
        """Minimise Psi by Newton steps; return how many, and whether it was solved.

        Parameters
        ----------
        progress : Progress
        state : State
            The iterate, which goes to where the steps end.
        goal, floor : float
            As of ``newton_until``.
        limit : int
            Steps after which it is given up.
        """
        problem, threshold = self._problem, self._problem.penalty.threshold
        n, d = problem.n_rows, problem.rows.n_features
        points, per_row, values = self._points, self._per_row, np.zeros(7)
        points[0, :d], points[0, d:] = state.w, state.intercept
        per_row[0, :n], per_row[3, :n] = state.shortfall, state.anchor
        per_row[1, :n] = state.alpha
        values[:2] = np.inf, -np.inf
        if progress.best is not None:
            values[:2] = progress.best.primal, progress.best.dual
        is_noisy = progress.relative_gap < DRIFT or state.is_noisy
        taken, end = 0, _kinked.OUT_OF_WORK
        while end == _kinked.OUT_OF_WORK:
            problem.rows.check_cancelled()
            steps, end = _kinked.minimise(
                self._tiles,
                state.unit,
                problem.bound,
                problem.curvature,
                self._signs,
                self._ridge,
                threshold,
                self._fixed,
                self._fixed_gain,
                self._length,
                state.rho,
                is_noisy,
                goal,
                floor,
                progress.max_iter - progress.n_iter,
                limit - taken,
                _WORK,
                per_row,
                self._free,
                points,
                values,
                self._room,
                self._places,
            )
            is_noisy, taken = False, taken + steps
            progress.n_iter += steps
            progress.work += steps * self._step_work
            progress.record(self._best(progress.best, values))
        state.w, state.w_of_duals = points[0, :d].copy(), points[2, :d].copy()
        state.intercept = float(points[0, d:].sum())
        state.imbalance = float(points[2, d:].sum())
        state.shortfall, state.alpha = per_row[0, :n].copy(), per_row[1, :n].copy()
        state.loss, state.moved = float(values[4]), float(values[6])
        state.gain = float(values[5]) + self._fixed_gain
        return taken, end == _kinked.SOLVED

    def _best(self, before: Certificate | None, values: Float64Array) -> Certificate:
        """Return the best points so far, given those of before."""
        d, (primal, dual) = self._problem.rows.n_features, values[:2].tolist()
        has_point, has_duals = values[2:4].tolist()
        if before is not None and not has_point:
            w, intercept = before.w, before.intercept
        else:
            w, intercept = self._points[1, :d].copy(), float(self._points[1, d:].sum())
        if before is not None and not has_duals:
            duals = before.duals
        else:
            duals = self._per_row[2, : self._problem.n_rows].copy()
        return Certificate(w, intercept, duals, primal, dual)

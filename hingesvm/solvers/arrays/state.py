"""An iterate of Newton steps whose rows are on a device."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.certificate import Certificate
from hingesvm.rows.array_losses import clipped, numbers
from hingesvm.rows.compensated import SUM_ROUNDING
from hingesvm.solvers.arrays.line import Line
from hingesvm.solvers.arrays.problem import ArrayDuals, ArrayProblem
from hingesvm.solvers.arrays.system import newton_direction
from hingesvm.solvers.newton.line_search import FLAT
from hingesvm.solvers.newton.proximal import LARGEST_RHO, uneven
from hingesvm.solvers.newton.state import Iterate
from hingesvm.solvers.progress import CALL_WORK
from hingesvm.solvers.sweeping.steps import work_of_sweep

__all__ = ["ArrayState"]

Float64Array = NDArray[np.float64]

# Sum over rows, relative to that of absolute values, that can be rounding in float32.
_NARROW = 1e-7
# Proximal steps, in units of a dual variable, whose products float32 holds.
_SMALLEST, _LARGEST = 1e-25, 1e25


class ArrayState(Iterate):
    """An iterate and what is known of it; see ``newton/state.py``.

    Parameters
    ----------
    problem : ArrayProblem
    w : ndarray of float64, of shape (n_features,)
    intercept : float
    shortfall : array of shape (n_rows,)
    alpha : array of shape (n_rows,)
        Multipliers.
    rho : float
        Proximal step, in units of the costs or less.
    """

    curvature = None
    bend = 0.0
    is_noisy = False
    problem: ArrayProblem

    def __init__(
        self,
        problem: ArrayProblem,
        w: Float64Array,
        intercept: float,
        shortfall: Any,
        alpha: Any,
        rho: float,
    ) -> None:
        self.problem, self.losses = problem, problem.losses_of_rows
        self.w, self.intercept, self.shortfall = w, intercept, shortfall
        self.unit = _units(problem)
        self._least_rho, self._most_rho = _range_of_rho(problem, self.unit)
        self.take_anchor(alpha, rho)

    @property
    def duals(self) -> ArrayDuals:
        return ArrayDuals(self.total, self.imbalance, self.alpha)

    def take_anchor(self, anchor: Any, rho: float) -> None:
        rho = min(max(rho, self._least_rho), self._most_rho)
        self.anchor, self.rho = anchor, rho
        sigma = rho * self.unit
        if self.losses.has_kink:
            self.rest, self.pace = anchor, sigma
        else:
            width = 1.0 + sigma * self.losses.curvature
            self.rest, self.pace = anchor / width, sigma / width
        self.settle()

    def settle(self) -> None:
        problem, losses = self.problem, self.losses
        xp, signs = problem.space.xp, losses.signs
        fixed = problem.fixed
        if problem.intercept_rule == "free":
            offset = 0.0 if fixed is None else fixed.imbalance
            line = self._line(signs, -offset, 0.0)
            shift = line.zero(0.0, -np.inf, self._rounding())
            if shift:
                self.intercept += shift
                self.shortfall = self.shortfall - shift * signs
        raw = self.rest + self.pace * self.shortfall
        self.alpha = clipped(xp, raw, losses.bound)
        self._is_free = (raw > 0.0) & (raw < losses.bound)
        self.w_of_duals = problem.device_rows.combine(self.alpha * signs)
        change = self.alpha - self.anchor
        moved = numbers(problem.space, [xp.sum(change * change / self.unit)])[0]
        sums = losses.sums(self.shortfall, self.alpha)
        self.loss, self.gain, self.imbalance, self.total, _ = sums
        self.moved = moved
        if fixed is not None:
            self.w_of_duals = self.w_of_duals + fixed.w_of_duals
            self.gain += fixed.gain
            self.imbalance += fixed.imbalance

    def _rounding(self) -> float:
        """Return what a sum of dual variables may be off by rounding."""
        total = getattr(self, "total", 0.0)
        part = _NARROW if self.problem.device_rows.is_narrow else SUM_ROUNDING
        return part * float(total)

    def _line(self, change: Any, base: float, slope: float) -> Line:
        return Line(
            self.problem.space,
            self.rest,
            self.pace,
            self.losses.bound,
            self.shortfall,
            change,
            base,
            slope,
        )

    def refresh(self) -> None:
        """Sum anew what follows the steps; dual variables are summed at each."""
        self.shortfall = 1.0 - self.problem.scores(self.w, self.intercept)

    def go_back(self, best: Certificate) -> Any:
        self.w, self.intercept = best.w, float(best.intercept)
        self.refresh()
        duals = best.duals
        return duals.alpha if isinstance(duals, ArrayDuals) else 0.0 * self.alpha

    def newton_direction(
        self, gradient: Float64Array, pull: float
    ) -> tuple[Float64Array, float, float]:
        problem, xp = self.problem, self.problem.space.xp
        free = xp.nonzero(self._is_free)[0]
        slope = self.pace
        if not isinstance(slope, float):
            slope = xp.take(slope, free, axis=0)
        else:
            slope = slope + xp.zeros(
                free.shape[0],
                dtype=problem.space.widest,
                device=problem.space.device,
            )
        rule = problem.intercept_rule
        delta = {"none": None, "free": 0.0, "penalized": 1.0}[rule]
        direction, turn = newton_direction(
            problem.device_rows.take(free), slope, gradient, pull, delta
        )
        # What a device does at once has no price in sweeps: that of passes stands in.
        return direction, turn, CALL_WORK + work_of_sweep(problem.rows)

    def go_along(self, direction: Float64Array, turn: float) -> float:
        problem, fixed = self.problem, self.problem.fixed
        change = problem.scores(direction, turn)
        along, length = float(self.w @ direction), float(direction @ direction)
        if problem.intercept_rule == "penalized":
            along += self.intercept * turn
            length += turn * turn
        if fixed is not None:
            along -= float(fixed.w_of_duals @ direction) + fixed.imbalance * turn
        line = self._line(change, along, length)
        at_start, _ = line.at(0.0)
        if not at_start < 0.0:
            return 0.0
        t = line.zero(1.0, 0.0, FLAT * abs(at_start))
        self.w = self.w + t * direction
        self.intercept += t * turn
        self.shortfall = self.shortfall - t * change
        return t


def _units(problem: ArrayProblem) -> Any:
    """Return the units of proximal steps; see ``newton/proximal.py``."""
    rows, cost = problem.device_rows, problem.losses_of_rows.cost
    if not uneven(rows.longest() ** 2, rows.shortest_square):
        return cost
    xp, squares = problem.space.xp, rows.squared_norms
    median = xp.sort(squares)[rows.n_rows // 2]
    if not uneven(rows.longest() ** 2, numbers(problem.space, [median])[0]):
        return cost
    shortest = rows.space.xp.clip(squares, float(np.finfo(np.float32).tiny), None)
    return xp.minimum(1.0 / shortest, xp.zeros_like(squares) + cost)


def _range_of_rho(problem: ArrayProblem, unit: Any) -> tuple[float, float]:
    """Return the least and the largest rho with which no step is 0 or infinite."""
    if not problem.device_rows.is_narrow:
        return 0.0, LARGEST_RHO
    least = most = unit
    if not isinstance(unit, float):
        xp = problem.space.xp
        least, most = numbers(problem.space, [xp.min(unit), xp.max(unit)])
    tiny = float(np.finfo(np.float32).tiny)
    return _SMALLEST / max(least, tiny), _LARGEST / max(most, tiny)

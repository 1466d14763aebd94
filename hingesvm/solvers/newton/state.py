"""An iterate of Newton steps, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _vectors
from hingesvm.problems.binary import Problem
from hingesvm.rows.compensated import SUM_ROUNDING
from hingesvm.rows.inner import KeptInnerProducts
from hingesvm.rows.per_row import scaled
from hingesvm.solvers.newton.products import KeptProducts
from hingesvm.solvers.newton.proximal import LARGEST_RHO
from hingesvm.solvers.sparse.direction import Curvature

__all__ = ["State", "settle"]

Float64Array = NDArray[np.float64]


@dataclass
class State:
    """An iterate and what is known of it.

    Attributes
    ----------
    problem : Problem
    unit : ndarray of float64, of shape (n_rows,)
        Units of the proximal steps, by default the costs.
    w, intercept, shortfall
        The iterate and 1 - m.
    alpha, w_of_duals, free
        a+, w(a+), and the rows where a+ is strictly inside its box.
    spare, turning
        Room for `free`, and the signs as float64 if the intercept is free.
    kept, inner
        Products of columns and of rows of the Newton systems so far, if they are kept.
    curvature
        What steps share if the penalty has kinks, else None.
    is_noisy
        Whether rounding errors may have kept the last inner problem from being solved.
    bend
        As of `bend_after`.
    anchor, rho
        The multipliers a and the proximal step.
    rest, pace
        a+ is rest + pace * (1 - m), clipped to its box.
    loss, gain, imbalance, moved
        Sums over the rows: of the losses, of a+ - q a+^2 / 2, of a+ y, and of
        (a+ - a)^2 over the unit.
    """

    problem: Problem
    unit: Float64Array
    w: Float64Array
    intercept: float
    shortfall: Float64Array
    alpha: Float64Array
    w_of_duals: Float64Array
    spare: NDArray[np.intp]
    turning: Float64Array
    kept: KeptProducts | None
    inner: KeptInnerProducts | None
    curvature: Curvature | None
    is_noisy: bool = field(default=False, init=False)
    bend: float = field(default=0.0, init=False)
    anchor: Float64Array = field(init=False)
    rho: float = field(init=False)
    rest: Float64Array = field(init=False)
    pace: Float64Array = field(init=False)
    free: NDArray[np.intp] = field(init=False)
    loss: float = field(init=False)
    gain: float = field(init=False)
    imbalance: float = field(init=False)
    moved: float = field(init=False)

    def go_to(self, w: Float64Array, intercept: float, shortfall: Float64Array) -> None:
        """Go to another point, where `take_anchor` must follow."""
        self.w, self.intercept, self.shortfall = w, intercept, shortfall

    def is_at(self, w: Float64Array, intercept: float) -> bool:
        """Whether the iterate is a point."""
        return intercept == self.intercept and np.array_equal(w, self.w)

    def take_anchor(self, anchor: Float64Array, rho: float) -> None:
        """Begin the inner problem of other multipliers and another proximal step."""
        rho = min(rho, LARGEST_RHO)
        self.anchor, self.rho = anchor, rho
        problem = self.problem
        if problem.has_kink:
            self.rest = anchor
            self.pace = scaled(self.unit, rho)
        else:
            sigma = rho * self.unit
            width = 1.0 + sigma * problem.curvature
            self.rest = anchor / width
            self.pace = sigma / width
        settle(problem, self)


def settle(problem: Problem, state: State) -> None:
    """Move a free intercept to its minimiser, and update the dual point."""
    if problem.intercept_rule == "free":
        rounding = SUM_ROUNDING * float(state.alpha.sum())
        offset = problem.fixed.imbalance if problem.fixed is not None else 0.0
        shift, _ = _vectors.find_zero(
            state.rest,
            state.pace,
            problem.bound,
            state.shortfall,
            state.turning,
            False,
            -offset,
            0.0,
            0.0,
            -np.inf,
            rounding,
            rounding,
        )
        if shift:
            state.intercept += shift
            state.shortfall -= shift * state.turning
    w_of_duals = state.w_of_duals.copy()
    state.alpha, free = problem.rows.settle(
        problem,
        state.rest,
        state.pace,
        state.shortfall,
        state.alpha,
        w_of_duals,
        state.spare,
    )
    state.w_of_duals, state.free = w_of_duals, free.copy()
    state.loss, state.gain, state.imbalance, state.moved = _vectors.totals(
        problem.signs,
        state.unit,
        problem.bound,
        problem.curvature,
        state.shortfall,
        state.alpha,
        state.anchor,
    )
    if problem.fixed is not None:
        state.gain += problem.fixed.gain
        state.imbalance += problem.fixed.imbalance

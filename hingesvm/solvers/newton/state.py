"""An iterate of Newton steps, and what is known of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _vectors
from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Certificate
from hingesvm.rows.compensated import SUM_ROUNDING
from hingesvm.rows.inner import KeptInnerProducts
from hingesvm.rows.per_row import scaled
from hingesvm.solvers.newton.line_search import step_length
from hingesvm.solvers.newton.products import KeptProducts
from hingesvm.solvers.newton.proximal import LARGEST_RHO
from hingesvm.solvers.newton.system import (
    NewtonSystem,
    newton_direction,
    work_of_step,
)
from hingesvm.solvers.sparse.direction import Curvature

__all__ = ["Iterate", "State"]

Float64Array = NDArray[np.float64]


class Iterate(ABC):
    """An iterate of Newton steps, wherever its rows are.

    Attributes
    ----------
    problem : Problem
    w, intercept, w_of_duals, rho
        As of `State`, as are the sums `loss`, `gain`, `imbalance` and `moved`.
    curvature, bend, is_noisy
        The same.
    """

    problem: Problem
    w: Float64Array
    intercept: float
    w_of_duals: Float64Array
    alpha: Any
    rho: float
    loss: float
    gain: float
    imbalance: float
    moved: float
    curvature: Curvature | None
    bend: float
    is_noisy: bool

    @property
    def duals(self) -> Any:
        """The dual variables, as certificates keep them."""
        return self.alpha

    @abstractmethod
    def take_anchor(self, anchor: Any, rho: float) -> None:
        """Begin the inner problem of other multipliers and another proximal step."""

    @abstractmethod
    def settle(self) -> None:
        """Move a free intercept to its minimiser, and update the dual point."""

    @abstractmethod
    def refresh(self) -> None:
        """Sum anew what follows the steps."""

    @abstractmethod
    def go_back(self, best: Certificate) -> Any:
        """Go to the best point, where `take_anchor` must follow; return its duals."""

    @abstractmethod
    def newton_direction(
        self, gradient: Float64Array, pull: float
    ) -> tuple[Float64Array, float, float]:
        """Return the Newton step of weights and intercept, and its work.

        Of a penalty that is half of the squared norm.
        """

    @abstractmethod
    def go_along(self, direction: Float64Array, turn: float) -> float:
        """Go to the minimum of Psi along a direction; return how far, 0 if nowhere."""

    def certificate(self) -> Certificate:
        """Return the certificate of the iterate; needs no pass over X."""
        problem = self.problem
        dual = problem.dual_of(self.w_of_duals, self.gain, self.imbalance)
        if problem.intercept_rule == "free":
            # About what a repair of rounding errors in sum a_i y_i = 0 would cost.
            dual -= abs(self.imbalance) * (2.0 + abs(self.intercept))
        primal = problem.primal_of(self.w, self.intercept, self.loss)
        return Certificate(self.w, self.intercept, self.duals, primal, dual)


@dataclass
class State(Iterate):
    """An iterate in memory, and what is known of it.

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
        self.settle()

    def settle(self) -> None:
        problem = self.problem
        if problem.intercept_rule == "free":
            rounding = SUM_ROUNDING * float(self.alpha.sum())
            offset = problem.fixed.imbalance if problem.fixed is not None else 0.0
            shift, _ = _vectors.find_zero(
                self.rest,
                self.pace,
                problem.bound,
                self.shortfall,
                self.turning,
                False,
                -offset,
                0.0,
                0.0,
                -np.inf,
                rounding,
                rounding,
            )
            if shift:
                self.intercept += shift
                self.shortfall -= shift * self.turning
        w_of_duals = self.w_of_duals.copy()
        self.alpha, free = problem.rows.settle(
            problem,
            self.rest,
            self.pace,
            self.shortfall,
            self.alpha,
            w_of_duals,
            self.spare,
        )
        self.w_of_duals, self.free = w_of_duals, free.copy()
        self.loss, self.gain, self.imbalance, self.moved = _vectors.totals(
            problem.signs,
            self.unit,
            problem.bound,
            problem.curvature,
            self.shortfall,
            self.alpha,
            self.anchor,
        )
        if problem.fixed is not None:
            self.gain += problem.fixed.gain
            self.imbalance += problem.fixed.imbalance

    def refresh(self) -> None:
        self.w_of_duals = self.problem.combine(self.alpha)
        self.shortfall = 1.0 - self.problem.margins(self.w, self.intercept)

    def go_back(self, best: Certificate) -> Float64Array:
        shortfall = 1.0 - self.problem.margins(best.w, best.intercept)
        self.go_to(best.w, best.intercept, shortfall)
        # Those of the origin are one number for all rows.
        return np.ascontiguousarray(best.alpha)

    def newton_direction(
        self, gradient: Float64Array, pull: float
    ) -> tuple[Float64Array, float, float]:
        system = NewtonSystem(
            self.problem,
            self.free,
            self.pace[self.free],
            gradient,
            pull,
            self.kept,
            self.inner,
        )
        direction, turn = newton_direction(system)
        work = work_of_step(system)
        if self.inner is not None:
            work += self.inner.take_work()
        return direction, turn, work

    def go_along(self, direction: Float64Array, turn: float) -> float:
        problem = self.problem
        change = problem.margins(direction, turn)
        t = step_length(
            problem,
            (self.rest, self.pace),
            (self.w, self.intercept),
            (direction, turn),
            self.shortfall,
            change,
        )
        if not t > 0.0:
            return 0.0
        self.w = problem.moved(self.w, t, direction)
        self.intercept += t * turn
        change *= t
        self.shortfall -= change
        return t

r"""Full-batch steps with a second-order finish.

The proximal point method on the dual (the augmented Lagrangian method), with
semismooth Newton steps inside (Yan and Li, "An efficient augmented Lagrangian
method for support vector machine", 2020). With multipliers a and steps
:math:`\sigma_i = \rho c_i`, every (w, b) has the feasible dual point

.. math::

    a^+_i = \mathrm{clip}\left(
        \frac{a_i + \sigma_i (1 - m_i)}{1 + \sigma_i q_i}, \, 0, \, u_i \right),

and the inner problem minimises :math:`\Psi(w, b)`, whose gradient is
:math:`w - \sum_i a^+_i y_i x_i` and whose generalised Hessian is
:math:`I + \sum_{i \in F} \sigma_i / (1 + \sigma_i q_i) \, x_i x_i^\top` over the rows
F strictly inside their box. Then a becomes :math:`a^+`. A free intercept is
minimised over exactly at every step, so that :math:`\sum_i a^+_i y_i = 0` and every
iterate carries a certificate.

It solves a whole problem, or one restricted to some rows (``bands.py``). X is used
through ``rows`` alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import NOTHING, Certificate
from hingesvm.problems.penalized import PenalizedProblem
from hingesvm.problems.start import Start
from hingesvm.rows.inner import KeptInnerProducts
from hingesvm.solvers.newton.narrow import DRIFT, Narrow, is_narrow
from hingesvm.solvers.newton.products import KeptProducts
from hingesvm.solvers.newton.proximal import Growth, first_rho, rho_of_smooth, units
from hingesvm.solvers.newton.starts import BandStart, InterruptedStart, NewtonStart
from hingesvm.solvers.newton.state import Iterate, State
from hingesvm.solvers.newton.system import keeps_products
from hingesvm.solvers.progress import Progress, ProgressOf
from hingesvm.solvers.sparse.direction import (
    Curvature,
    bend_after,
    penalized_step,
    work_of_penalized_step,
)
from hingesvm.solvers.sparse.few import FewColumns, has_few

__all__ = [
    "LITTLE",
    "MAX_INNER_AT_END",
    "newton_until",
    "solve_inner_problems",
]

Float64Array = NDArray[np.float64]

# Newton steps of an inner problem, at most, at first and behind the tolerance: with
# more a rho that is too large costs more before it shrinks, with fewer hard inner
# problems are never solved (docs/experiments.md#constants).
_MAX_INNER = 25
#: The same behind the tolerance, where rounding can keep it from being solved.
MAX_INNER_AT_END = 8
# Inner problems, of a step each, behind a gap that is rounding: they leave of the
# weights what rounding permits (docs/experiments.md#batch-method).
_LAST_ONES = 2
#: Decrement, as a part of what is allowed, from which the Hessian is believed: if it is
#: larger iterates are less good, if smaller steps are for nothing
#: (docs/experiments.md#batch-method).
LITTLE = 1e-6
# Gain of a proximal step that is rounding, as a part of the objective: a larger one
# ends steps too soon, a smaller one lets them go on in vain
# (docs/experiments.md#sparse-weights).
_NOISE = 1e-15
# What D may lose as dual variables are scaled until they are feasible, in units of what
# an inner problem may be off: with more of it gaps are large though the weights are
# good, with less there are more steps (docs/experiments.md#sparse-weights).
_SCALED = 10.0
# Relative gap above which narrow steps that came to an end, or took this part of all,
# are followed by others, and how many they may take in any case: more are in vain where
# columns nearly depend on each other (docs/experiments.md#batch-method).
_FAR, _NARROW_PART, _NARROW_STEPS = 1e-7, 0.5, 200


def newton_until(
    progress: Progress, start: Start, goal: float, floor: float = -np.inf
) -> NewtonStart:
    """Take Newton steps to a relative gap, or until they no longer bring it closer.

    Parameters
    ----------
    progress : Progress
        Keeps what is found, and bounds the number of steps.
    start : Start
        Dual variables to start from, and weights if better ones are known.
    goal : float
        Relative gap to aim at; may be below the tolerance, even out of reach.
    floor : float, default=-inf
        Objective below which a restricted problem has lost touch with the whole one,
        so that there is no point in going on.

    Returns
    -------
    NewtonStart
        Where it ends.
    """
    state = _begin(progress.problem, start)
    if isinstance(state, Narrow):
        try:
            if _go_narrowly(progress, state, goal, floor):
                return _end(progress, state, goal, floor)
        finally:
            state.close()
        state = _begin(progress.problem, progress.start(), is_plain=True)
    assert isinstance(state, State)
    solve_inner_problems(progress, state, goal, floor)
    return _end(progress, state, goal, floor)


def _go_narrowly(progress: Progress, state: Narrow, goal: float, floor: float) -> bool:
    """Take steps on few columns; return whether that is the end.

    If not, others are to go on from the best points. These solve a system by
    reflections where products of columns leave it no correct digits.
    """
    is_whole, max_iter = progress.problem.fixed is None, progress.max_iter
    if is_whole:
        left = max_iter - progress.n_iter
        steps = max(int(_NARROW_PART * left), min(left, _NARROW_STEPS))
        progress.max_iter = progress.n_iter + steps
    state.go_on(progress, goal, floor)
    is_cut_short, progress.max_iter = progress.is_over, max_iter
    is_far = progress.relative_gap > max(progress.tol, _FAR)
    if is_whole and is_far:
        return progress.exhausted
    if is_cut_short:
        state.go_on(progress, goal, floor)
    return True


def _end(
    progress: Progress, state: State | Narrow, goal: float, floor: float
) -> NewtonStart:
    """Return where steps ended."""
    best = progress.best
    if best is not None and floor <= best.primal and best.relative_gap <= goal:
        point = best.alpha, best.w, best.intercept
    else:
        point = state.alpha, state.w, state.intercept
    if isinstance(state, Narrow):
        return NewtonStart(*point, rho=state.rho, unit=state.unit)
    shortfall, kept = None, None
    if progress.problem.penalty is not None:
        # Steps on other columns go on from there.
        kept = state.kept
        if state.is_at(*point[1:]):
            shortfall = state.shortfall
    return InterruptedStart(
        *point,
        rho=state.rho,
        unit=state.unit,
        inner=state.inner,
        shortfall=shortfall,
        kept=kept,
        anchor=state.anchor,
    )


def solve_inner_problems(
    progress: ProgressOf[Any], state: Iterate, goal: float, floor: float
) -> None:
    """Solve one inner problem after the other, as `newton_until` does from a start."""
    problem = progress.problem
    growth, left = Growth(has_flat=problem.has_flat), _LAST_ONES
    few = None
    if isinstance(problem, PenalizedProblem) and has_few(problem):
        few = FewColumns(problem)
    previous: Certificate | None = None
    while not progress.exhausted and growth.patience and left:
        limit = MAX_INNER_AT_END if progress.converged else _MAX_INNER
        left -= progress.relative_gap <= NOTHING
        if few is not None and isinstance(state, State):
            steps, solved = few.minimise(progress, state, goal, floor, limit)
        else:
            steps, solved = _minimise_inner(progress, state, goal, floor, limit)
        state.is_noisy = not solved
        best = progress.best
        assert best is not None
        if best.primal < floor or best.relative_gap <= goal or progress.exhausted:
            break
        factor = growth.change(progress, previous, state.rho, steps, solved)
        previous = best
        anchor = state.alpha
        if not solved and _has_strayed(problem, state, best):
            anchor = state.go_back(best)
        state.take_anchor(anchor, state.rho * factor)


def _has_strayed(problem: Problem, state: Iterate, best: Certificate) -> bool:
    """Whether the objective has risen by more than the gap."""
    primal = problem.primal_of(state.w, state.intercept, state.loss)
    return primal - best.primal > best.gap


def _begin(problem: Problem, start: Start, *, is_plain: bool = False) -> State | Narrow:
    """Return the state at the start: that of narrow steps where they suit."""
    # That of the origin is one number for all rows.
    alpha = np.ascontiguousarray(start.alpha)
    if problem.fixed is None and alpha.any():
        alpha = problem.repair(alpha)
    if isinstance(start, NewtonStart):
        unit, rho = start.unit, start.rho
    elif isinstance(start, BandStart):
        unit, rho = problem.cost, start.rho
    else:
        unit = units(problem.rows, problem.cost)
        rho = first_rho(problem, unit, alpha)
        if problem.penalty is not None:
            rho = max(rho, rho_of_smooth(problem, unit))
    narrow = is_narrow(problem) and not is_plain and problem.penalty is None
    w_of_duals = start.w_of_duals
    if w_of_duals is None and not (narrow and start.w is not None):
        w_of_duals = problem.combine(alpha)
    if start.w is None:
        assert w_of_duals is not None
        w = problem.weights_of(w_of_duals)
        intercept = problem.intercept_of(alpha, start.intercept)
    else:
        w = start.w
        with_intercept = problem.intercept_rule != "none"
        intercept = start.intercept if with_intercept else 0.0
    shortfall: Float64Array
    if isinstance(start, BandStart):
        shortfall = start.shortfall.astype(np.float64)
    elif isinstance(start, NewtonStart) and start.shortfall is not None:
        shortfall = start.shortfall.copy()
    elif w.any():
        shortfall = 1.0 - problem.margins(w, intercept)
    else:
        # At the origin there is no need of X.
        shortfall = np.subtract(1.0, intercept * problem.signs)
    if narrow:
        return Narrow(problem, w, intercept, shortfall, alpha, rho, unit)
    spare = np.empty(problem.n_rows, dtype=np.intp)
    with_turning = problem.signs if problem.intercept_rule == "free" else ()
    turning = np.asarray(with_turning, dtype=np.float64)
    assert w_of_duals is not None
    kept = keeps_products(problem)
    inner = start.inner if isinstance(start, NewtonStart) else None
    curvature = None
    if isinstance(problem, PenalizedProblem):
        bordered = problem.intercept_rule != "none"
        if isinstance(start, NewtonStart) and start.kept is not None:
            kept = start.kept
        elif problem.rows.is_sparse:
            kept = KeptProducts(problem.rows, bordered=bordered)
        curvature = Curvature(problem, kept, unit)
    elif inner is None and not problem.rows.keeps_kernel:
        inner = KeptInnerProducts(problem.rows)
    point = w, intercept, shortfall, alpha, w_of_duals
    state = State(problem, unit, *point, spare, turning, kept, inner, curvature)
    anchor = start.anchor if isinstance(start, InterruptedStart) else alpha
    state.take_anchor(anchor, rho)
    return state


def _minimise_inner(
    progress: ProgressOf[Any], state: Iterate, goal: float, floor: float, limit: int
) -> tuple[int, bool]:
    """Minimise Psi by Newton steps; return how many, and whether it was solved."""
    problem = progress.problem
    if progress.relative_gap < DRIFT or state.is_noisy:
        state.refresh()
    for steps in range(limit):
        certificate = state.certificate()
        progress.record(certificate)
        if progress.exhausted or progress.relative_gap <= goal:
            return steps, True
        if progress.relative_gap <= NOTHING and steps:
            return steps, True
        if certificate.primal < floor:
            return steps, True
        pull = 0.0
        if problem.intercept_rule == "penalized":
            pull = state.intercept - state.imbalance
        allowed = state.moved / state.rho
        step = _step(progress, state, pull, allowed)
        if step is None:
            if state.bend:
                state.bend = 0.0
                continue
            return steps, True
        direction, turn, decrement = step
        length = state.go_along(direction, turn)
        bend = state.bend
        if problem.has_flat:
            state.bend = bend_after(bend, length)
        if not length > 0.0:
            return steps, decrement <= allowed
        state.settle()
        enough = LITTLE * allowed
        if problem.penalty is not None:
            # The decrement of a proximal step is known with the step, which is then
            # taken; one that gains no more than rounding is the last.
            noise = _NOISE * abs(certificate.primal) / length
            enough = max(allowed, noise)
        if decrement <= enough and bend:
            state.bend = 0.0
        elif decrement <= enough and _is_nearly_feasible(problem, state, allowed):
            progress.record(state.certificate())
            return steps + 1, True
    return limit, False


def _is_nearly_feasible(problem: Problem, state: Iterate, allowed: float) -> bool:
    """Whether it costs D little to scale the dual variables until they are feasible."""
    part = problem.feasible_part(state.w_of_duals)
    if part == 1.0:
        return True
    primal = problem.primal_of(state.w, state.intercept, state.loss)
    return (1.0 - part) * primal <= _SCALED * allowed


def _step(
    progress: ProgressOf[Any], state: Iterate, pull: float, allowed: float
) -> tuple[Float64Array, float, float] | None:
    """Return a Newton step and its decrement, or None where there is no need of one.

    The decrement is twice what Psi is above its minimum, if its Hessian is that of here
    all along.
    """
    problem = progress.problem
    if state.curvature is not None and isinstance(state, State):
        step = penalized_step(
            state.curvature,
            state.w,
            state.w_of_duals,
            pull,
            state.free,
            state.pace,
            progress.relative_gap,
            state.bend,
        )
        progress.n_iter += 1
        progress.work += work_of_penalized_step(problem, len(state.free), step.size)
        if step.decrement <= LITTLE * allowed:
            return None
        return step.direction, step.turn, step.decrement
    gradient = state.w - state.w_of_duals
    if float(gradient @ gradient) + pull * pull <= allowed:
        return None
    direction, turn, work = state.newton_direction(gradient, pull)
    progress.n_iter += 1
    progress.work += work
    return direction, turn, abs(float(gradient @ direction) + pull * turn)

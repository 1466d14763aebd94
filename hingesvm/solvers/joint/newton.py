"""Newton steps for a joint multi-class problem: the batch method of all classes.

As in ``newton/until.py``, an augmented Lagrangian on the dual with semismooth Newton
steps inside (Yan and Li, "An efficient augmented Lagrangian method for support vector
machine", Optimization Methods and Software 35, 2020). With multipliers a and
sigma_i, the inner problem is to minimise over W and b

    Psi = 1/2 ||W||^2 [+ 1/2 ||b||^2]
        + sum_i max over s in c_i S of s . g_i - ||s - a_i||^2 / (2 sigma_i),

with g_ik = m - f_iy + f_ik. The maximisers are the projections of a_i + sigma_i g_i
onto c_i S; they are feasible dual variables, and the next multipliers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _joint_newton
from hingesvm.problems.balance import balancing_factors
from hingesvm.problems.certificate import Certificate
from hingesvm.problems.joint import JointProblem
from hingesvm.problems.start import Start
from hingesvm.rows.joint import BLOCK, JointRows
from hingesvm.solvers.joint.system import JointSystem, joint_direction
from hingesvm.solvers.newton.proximal import LARGEST_RHO, Growth, units
from hingesvm.solvers.newton.until import LITTLE, MAX_INNER_AT_END
from hingesvm.solvers.progress import ProgressOf

__all__ = ["newton_jointly"]

Float64Array = NDArray[np.float64]
_NOTHING = np.empty((0, 0))

# Newton steps of an inner problem at most, as `MAX_INNER_AT_END` behind the tolerance:
# with more a step length that is too long costs more before it shrinks, with fewer hard
# inner problems are never solved (docs/experiments.md#constants).
_MAX_INNER = 40
# Inner problems in sequence without progress that are the end behind the tolerance:
# more take steps for nothing, fewer leave digits (docs/experiments.md#constants).
_PATIENCE_AT_END = 3
# Part of the first derivative along a direction that may be left, and trials for it at
# most: longer searches save no steps, shorter ones cost some
# (docs/experiments.md#constants).
_FLAT, _MAX_SEARCH = 0.1, 30


@dataclass
class _State:
    """An iterate: weights, intercepts, and the projections that belong to them.

    Attributes
    ----------
    w, w_of_duals, b, imbalance
        W and W(alpha), of shape (n_features, width), b and b(alpha), of shape (width,).
    scores, anchor, alpha : ndarray of float64, of shape (n_rows, width)
        f, the multipliers, and the projections.
    rho : float
    unit : ndarray of float64, of shape (n_rows,)
        sigma is rho times this.
    change, gain, losses : float
        Sums over the rows: of ||s - a||^2 / sigma, of s, and of the losses.
    is_known : bool
        Whether others hold on to `alpha`, so that it must not be written over.
    """

    w: Float64Array
    b: Float64Array
    scores: Float64Array
    anchor: Float64Array
    alpha: Float64Array
    w_of_duals: Float64Array
    imbalance: Float64Array
    rho: float
    unit: Float64Array
    change: float = 0.0
    gain: float = 0.0
    losses: float = 0.0
    is_known: bool = True


def newton_jointly(
    progress: ProgressOf[JointProblem], start: Start | None, goal: float
) -> None:
    """Take Newton steps to a relative gap, or until they no longer bring it closer.

    Parameters
    ----------
    progress : ProgressOf
        Keeps what is found, and bounds the number of steps.
    start : Start or None
        Dual variables to start from, and weights if better ones are known.
    goal : float
        Relative gap to aim at; may be below the tolerance, even out of reach.
    """
    problem = progress.problem
    rows = problem.class_rows()
    state = _begin(problem, rows, start)
    # Its dual variables take memory.
    del start
    growth = Growth(_PATIENCE_AT_END)
    while not progress.exhausted and growth.patience:
        previous = progress.best
        steps, solved = _minimise_inner(progress, rows, state)
        progress.record(_certificate(problem, rows, state))
        best = progress.best
        assert best is not None
        if best.relative_gap <= goal:
            return
        factor = growth.change(progress, previous, state.rho, steps, solved)
        if not solved:
            # Rounding errors of sums that follow the steps may be the cause.
            state.scores = rows.scores(state.w, offset=state.b)
        state.rho = min(state.rho * factor, LARGEST_RHO)
        state.anchor = state.alpha
        state.is_known = True
        _settle(problem, rows, state)


def _begin(problem: JointProblem, rows: JointRows, start: Start | None) -> _State:
    """Return the state at the start."""
    width, count = rows.width, problem.n_classes
    anchor = np.zeros((problem.n_rows, width))
    w, b = np.zeros((problem.rows.n_features, width)), np.zeros(width)
    has_intercept = problem.intercept_rule != "none"
    lengths = problem.rows.squared_norms() + has_intercept
    unit = units(problem.rows, problem.cost)
    mean = float((unit * lengths).mean())
    rho = min(1.0 / mean, LARGEST_RHO) if mean > 0.0 else 1.0
    if start is not None and start.alpha.any():
        anchor[:, :count] = problem.repair(start.alpha)
        shares = anchor.sum(axis=1) / unit
        rho = max(rho, float(np.median(shares)))
    if start is not None and start.w is not None:
        w[:, :count] = start.w.T
        if has_intercept:
            b[:count] = start.intercept
    else:
        w, imbalance = rows.sums(anchor)
        if problem.intercept_rule == "penalized":
            b = imbalance
    scores = rows.scores(w, offset=b)
    state = _State(
        w,
        b,
        scores,
        anchor,
        anchor,
        w,
        b,
        rho,
        unit,
    )
    _settle(problem, rows, state)
    return state


def _settle(problem: JointProblem, rows: JointRows, state: _State) -> None:
    """Find the projections of an iterate, and what they add up to."""
    if state.is_known:
        state.alpha = np.empty_like(state.anchor)
        state.is_known = False
    sums = _project(problem, state, out=state.alpha)
    _, state.change, state.gain, state.losses = map(float, sums)
    state.w_of_duals, state.imbalance = rows.sums(state.alpha)


def _project(
    problem: JointProblem,
    state: _State,
    along: Float64Array = _NOTHING,
    length: float = 0.0,
    out: Float64Array = _NOTHING,
) -> Float64Array:
    """Project a + sigma g, `length` along a change of scores; return the sums."""
    sums = np.zeros(4)
    width = state.anchor.shape[1]
    room, classes = np.empty(3 * width), np.empty(width + BLOCK, dtype=np.intp)
    for first, last in problem.rows.chunks(problem.n_rows):
        _joint_newton.project(
            state.scores,
            along,
            length,
            state.anchor,
            problem.codes,
            problem.cost,
            problem.total,
            problem.margin,
            state.rho,
            state.unit,
            problem.n_classes,
            first,
            last,
            out,
            room,
            classes,
            sums,
        )
    return sums


def _minimise_inner(
    progress: ProgressOf[JointProblem], rows: JointRows, state: _State
) -> tuple[int, bool]:
    """Minimise Psi by Newton steps; return how many, and whether it was solved."""
    problem = progress.problem
    delta = 1.0 if problem.intercept_rule == "penalized" else 0.0
    has_intercept = problem.intercept_rule != "none"
    limit = MAX_INNER_AT_END if progress.converged else _MAX_INNER
    for step in range(limit + 1):
        gradient = state.w - state.w_of_duals
        pull = (delta * state.b - state.imbalance) * has_intercept
        size = float(np.vdot(gradient, gradient) + pull @ pull)
        if size <= state.change:
            return step, True
        if step == limit or progress.exhausted:
            break
        unit = None if state.unit is problem.cost else state.unit
        system = JointSystem(problem, rows, state.alpha, state.rho, delta, unit)
        direction, turn = joint_direction(system, gradient, pull)
        slope = float(np.vdot(gradient, direction) + pull @ turn)
        progress.n_iter += 1
        change = state.change
        if not slope < 0.0:
            return step, abs(slope) <= change
        along = rows.scores(direction, offset=turn)
        length = _search(problem, state, direction, turn, along, slope)
        if not length > 0.0:
            return step, abs(slope) <= change
        state.w = state.w + length * direction
        state.b = state.b + length * turn
        along *= length
        state.scores += along
        _settle(problem, rows, state)
        if abs(slope) <= LITTLE * change:
            return step + 1, True
    return step, False


def _search(
    problem: JointProblem,
    state: _State,
    direction: Float64Array,
    turn: Float64Array,
    along: Float64Array,
    slope: float,
) -> float:
    """Return the step at which Psi is about least along a direction.

    Its derivative increases, and is negative at 0.
    """
    is_penalized = problem.intercept_rule == "penalized"
    linear = float(np.vdot(state.w, direction))
    square = float(np.vdot(direction, direction))
    if is_penalized:
        linear += float(state.b @ turn)
        square += float(turn @ turn)

    def derivative(length: float) -> float:
        sums = _project(problem, state, along, length)
        return linear + length * square + float(sums[0])

    low, high, at_low, length = 0.0, np.inf, slope, 1.0
    for _ in range(_MAX_SEARCH):
        value = derivative(length)
        if abs(value) <= _FLAT * abs(slope):
            break
        if value < 0.0:
            low, at_low = length, value
        else:
            high, at_high = length, value
        if np.isinf(high):
            length *= 4.0
        else:
            part = at_low / (at_low - at_high)
            length = low + min(max(part, 0.1), 0.9) * (high - low)
    return length


def _certificate(problem: JointProblem, rows: JointRows, state: _State) -> Certificate:
    """Return what an iterate proves."""
    count = problem.n_classes
    alpha, w_of_duals, imbalance = state.alpha, state.w_of_duals, state.imbalance
    gain = problem.margin * state.gain
    if problem.intercept_rule == "free":
        check = problem.rows.check_cancelled
        factors = balancing_factors(problem.flows(alpha[:, :count]), check)
        if np.any(factors < 1.0):
            alpha = alpha.copy()
            problem.lower(alpha[:, :count], factors)
            w_of_duals, _ = rows.sums(alpha)
            gain = problem.margin * float(alpha.sum())
    weights = np.ascontiguousarray(state.w[:, :count].T)
    intercepts = state.b[:count].copy()
    if problem.intercept_rule == "free":
        intercepts -= intercepts.mean()
    return Certificate(
        weights,
        intercepts,
        alpha[:, :count],
        problem.primal_of(weights, intercepts, state.losses),
        problem.dual_of(w_of_duals, gain, imbalance),
    )

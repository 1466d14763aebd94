"""Sweeps of subgradient steps with exact line search, one row at a time.

The subgradient of the hinge at row i is 0 or -c_i y_i x_i. A step from its present
share a_i of w towards that subgradient, with the exact line search along it, is

    a_i <- clip(a_i + (1 - m_i - q_i a_i) / (||x_i||^2 + q_i), 0, u_i),

so there is no learning rate, and the shares are feasible dual variables, which
certify the result (Hsieh et al., "A dual coordinate descent method for large-scale
linear SVM", ICML 2008; Lacoste-Julien et al., "Block-coordinate Frank-Wolfe
optimization for structural SVMs", ICML 2013).

A free intercept is found by the method of multipliers on sum a_i y_i = 0: rows
behave as if they had one more feature sqrt(tau), and between sweeps its
contribution tau * sum a_i y_i is moved into the fixed part of the intercept. A
penalised one is moved by proximal steps in the same way, towards sum a_i y_i.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hingesvm.solvers.kernels import _sweep, _vectors
from hingesvm.solvers.problem import Problem
from hingesvm.solvers.progress import Progress, Start
from hingesvm.solvers.rows import Rows
from hingesvm.solvers.survey import COARSE, survey_rows

__all__ = [
    "Sweeps",
    "intercept_step",
    "predicted_sweeps",
    "random_bits",
    "row_steps",
    "shuffle",
    "sweep",
    "sweep_until",
    "weights_dtype",
]

Float64Array = NDArray[np.float64]

# A look at the gap costs about as much as half a sweep over all rows.
_LONGEST_WAIT = 0.5
# Sweeps before the first look where there are more columns than the second number, and
# so nothing to hand over to: the first gaps say little.
_FIRST_LOOK, _WIDE = 3.0, 2000
# A sweep over no active row still counts as this part of one.
LEAST_SWEEP = 0.01
# Squared value of the intercept's feature over the mean squared norm of the rows.
_INTERCEPT_SHARE = 0.1
# Relative gap, as a multiple of the tolerance, from which the intercept is moved to its
# minimiser at a look.
NEAR = 30.0
# Stands for 1/0: rows without entries go to whichever bound the sign says.
HUGE_STEP = 1e300
# Part of the largest violation of optimality by which the gradient of a row at a bound
# points outwards if the row is passed over until the next look.
SAFELY = 0.1
# Part of the violation that a look has left up to which the active rows are worked on.
SOLVED = 0.1
# Sweeps after which float32 weights are computed anew where that takes a pass.
MEND = 8.0
# Arithmetic for one value of a row, as `Rows.chunks` counts it.
_WORK = 3.0


def random_bits(seed: int) -> NDArray[np.uint64]:
    """Return the state of the kernels' random generator."""
    return np.array([seed], dtype=np.uint64)


def shuffle(
    rows: Rows, order: NDArray[np.intp], count: int, random_state: NDArray[np.uint64]
) -> None:
    """Permute the first `count` entries of an order of rows."""
    for start, stop in rows.chunks(count):
        _sweep.shuffle(order, start, stop, random_state)


def intercept_step(problem: Problem, squared_norms: Float64Array) -> float:
    """Return by how much the intercept moves with a dual variable.

    0 without an intercept, and with a free one a part t of the mean squared norm of
    the rows, which makes it a feature among others. A penalised one would be a feature
    of value 1, next to which rows of text are alike and sweeps slow; a proximal step
    t on it leaves t / (1 + t).
    """
    if problem.intercept_rule == "none":
        return 0.0
    mean = float(squared_norms.mean())
    step = _INTERCEPT_SHARE * mean if mean > 0.0 else 1.0
    return step if problem.intercept_rule == "free" else step / (1.0 + step)


def row_steps(
    problem: Problem, squared_norms: Float64Array, tau: float, huge: float = HUGE_STEP
) -> Float64Array:
    """Return the factors of line searches, 1 / (||x_i||^2 + tau + q_i) <= `huge`."""
    width = squared_norms + tau + problem.curvature
    step = np.full(problem.n_rows, huge)
    np.divide(1.0, width, out=step, where=width > 1.0 / huge)
    return step


def weights_dtype(problem: Problem, tol: float) -> np.dtype[np.floating]:
    """Return the precision of weights in sweeps."""
    return problem.rows.dtype if tol >= COARSE else np.dtype(np.float64)


@dataclass
class Sweeps:
    """The state of the sweeps.

    Attributes
    ----------
    step : ndarray of float64, of shape (n_rows,)
        As of `row_steps`.
    tau : float
        Step of the intercept.
    order : ndarray of intp, of shape (n_rows,)
        The active rows, `n_active` of them, and others behind.
    shrink_above : float
        Rows at a bound are dropped whose gradient points outwards by more.
    imbalance : float
        The sum of a_i y_i.
    unmended : float
        Sweeps since the weights were computed from the duals.
    """

    step: Float64Array
    tau: float
    alpha: Float64Array
    w: NDArray[np.floating]
    intercept: float
    order: NDArray[np.intp]
    n_active: int
    shrink_above: float
    random_state: NDArray[np.uint64]
    imbalance: float
    unmended: float = 0.0


def sweep_until(
    progress: Progress,
    start: Start,
    seed: int,
    hand_over: Callable[[float, float], bool] | None = None,
) -> None:
    """Sweep until converged, exhausted, or another method is worth its price.

    Rows that stay at a bound are passed over until the next look at the gap, which
    takes in all rows. A sweep counts as many steps as there are rows.

    Parameters
    ----------
    progress : Progress
        Says when to stop, and keeps what is found.
    start : Start
        Feasible dual variables to start from.
    seed : int
        Of the order of rows.
    hand_over : callable, optional
        Asked at each look at the gap with the number of sweeps taken and the number
        that the measured progress predicts to remain; True ends the sweeps.
    """
    problem = progress.problem
    n_rows = problem.n_rows
    squared_norms = problem.rows.squared_norms()
    tau = intercept_step(problem, squared_norms)
    alpha = start.alpha.copy()
    state = Sweeps(
        row_steps(problem, squared_norms, tau),
        tau,
        alpha,
        problem.combine(alpha).astype(weights_dtype(problem, progress.tol)),
        problem.intercept_of(alpha, start.intercept),
        np.arange(n_rows, dtype=np.intp),
        n_rows,
        np.inf,
        random_bits(seed),
        problem.imbalance(alpha),
    )
    visits = since_look = 0.0
    wait = _FIRST_LOOK if problem.rows.n_features > _WIDE else 1.0
    last_gap = np.inf
    shrunk_above = 0.0
    before = progress.n_iter
    while not progress.exhausted:
        # The last sweep that is begun may end above this.
        left = min(wait, progress.max_iter - 1 - before - visits) - since_look
        enough = SOLVED * shrunk_above
        since_look += sweep(problem, state, left, enough)
        progress.n_iter = before + math.ceil(visits + since_look)
        go_on = state.shrink_above > enough and state.n_active and since_look < wait
        if go_on and not progress.exhausted:
            continue
        state.unmended += since_look
        gap = _look(progress, state)
        visits += since_look
        remaining = predicted_sweeps(gap, last_gap, since_look, progress.tol)
        last_gap, since_look = gap, 0.0
        shrunk_above = state.shrink_above
        if progress.converged:
            return
        if hand_over is not None and hand_over(visits, remaining):
            return
        wait = max(1.0, min(remaining, _LONGEST_WAIT * visits))


def sweep(problem: Problem, state: Sweeps, most: float, enough: float) -> float:
    """Take one step at each active row, in random order; many times if they are few.

    Parameters
    ----------
    problem : Problem
    state : Sweeps
    most : float
        Where the rows are few: the sweeps to take at most, each over all rows.
    enough : float
        The same: where `shrink_above` is small enough to end.

    Returns
    -------
    float
        How many sweeps over all rows the steps amount to.
    """
    rows, count, before = problem.rows, state.n_active, state.intercept
    if count <= rows.chunk_size(_WORK):
        return _sweep_many_times(problem, state, most, enough)
    shuffle(rows, state.order, count, state.random_state)
    scalars = np.array([state.intercept, 0.0])
    state.n_active = 0
    for first, last in rows.chunks(count, _WORK):
        state.n_active = _sweep.dual_steps(
            *rows.arrays,
            state.order,
            first,
            last,
            state.n_active,
            problem.signs,
            problem.bound,
            problem.curvature,
            state.step,
            state.tau,
            state.shrink_above,
            state.alpha,
            state.w,
            scalars,
        )
    state.intercept, worst = map(float, scalars)
    state.shrink_above = SAFELY * worst
    if state.tau:
        state.imbalance += (state.intercept - before) / state.tau
        # The step of the proximal point method: to b = sum a y where it is penalised.
        now = state.intercept if problem.intercept_rule == "penalized" else 0.0
        state.intercept += state.tau * (state.imbalance - now)
    return max(count / problem.n_rows, LEAST_SWEEP)


def _sweep_many_times(
    problem: Problem, state: Sweeps, most: float, enough: float
) -> float:
    """Sweep over few rows in one call, as each call takes as long as some steps."""
    rows, n_rows = problem.rows, problem.n_rows
    rows.check_cancelled()
    scalars = np.array([state.intercept, state.shrink_above, state.imbalance])
    state.n_active, visits = _sweep.dual_sweeps(
        *rows.arrays,
        state.order,
        state.n_active,
        min(most * n_rows, rows.chunk_size(_WORK)),
        LEAST_SWEEP * n_rows,
        problem.signs,
        problem.bound,
        problem.curvature,
        state.step,
        state.tau,
        problem.intercept_rule == "penalized",
        SAFELY,
        enough,
        state.alpha,
        state.w,
        scalars,
        state.random_state,
    )
    state.intercept, state.shrink_above, state.imbalance = map(float, scalars)
    return visits / n_rows


def _look(progress: Progress, state: Sweeps) -> float:
    """Certify on all rows, wake the rows that matter, and return the relative gap."""
    problem = progress.problem
    feasible = problem.repair(state.alpha)
    w, intercept = state.w.astype(np.float64), state.intercept
    if progress.tol >= COARSE:
        w, intercept = problem.rows.rounded(w, intercept)
    survey = survey_rows(problem, w, intercept, feasible)
    n_awake, worst = _vectors.wake(
        survey.shortfall,
        state.alpha,
        problem.bound,
        problem.curvature,
        SAFELY,
        state.order,
    )
    # Rounding errors do not pile up.
    state.imbalance = problem.imbalance(state.alpha)
    if problem.intercept_rule != "free":
        state.w = survey.own.astype(state.w.dtype)
    elif state.w.dtype == np.float32 and state.unmended > MEND:
        # From dual variables that are not balanced, unlike the survey's.
        state.w = problem.combine(state.alpha).astype(np.float32)
        state.unmended = 0.0
    certificate = survey.certificate(problem)
    # Not far from the tolerance, a better intercept can be what is missing.
    is_near = progress.tol < certificate.relative_gap <= NEAR * progress.tol
    if problem.intercept_rule != "none" and is_near:
        survey.move_intercept(problem, rounded=progress.tol >= COARSE)
        certificate = survey.certificate(problem)
    progress.record(certificate, proven=True)
    state.n_active, state.shrink_above = n_awake, SAFELY * worst
    return certificate.relative_gap


def predicted_sweeps(gap: float, last_gap: float, spent: float, tol: float) -> float:
    """Return how many sweeps the last stretch's progress predicts to remain.

    NaN at the first look, which measures no progress.
    """
    if gap <= tol:
        return 0.0
    if not np.isfinite(last_gap):
        return np.nan
    if gap >= last_gap:
        return np.inf
    rate = np.log(last_gap / gap) / spent
    return float(np.log(gap / max(tol, 1e-16)) / rate)

"""Sweeps of subgradient steps with exact line search, until the gap is certified.

The steps are those of ``sweeping/steps.py``. Rows that stay at a bound are passed over;
every look at the gap takes in all rows, and certifies the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _vectors
from hingesvm.problems.binary import Problem
from hingesvm.problems.duals import PackedDuals
from hingesvm.problems.start import CertifiedStart, Start, UnseenStart
from hingesvm.rows.memory import Rows
from hingesvm.solvers.progress import CALL_WORK, Progress
from hingesvm.solvers.survey import COARSE, Survey, survey_rows
from hingesvm.solvers.sweeping.extrapolation import Trail
from hingesvm.solvers.sweeping.shares import (
    Shares,
    can_be_shared,
    deal,
    sweep_in_shares,
)
from hingesvm.solvers.sweeping.steps import (
    SAFELY,
    Sweeps,
    intercept_step,
    random_bits,
    row_steps,
    sweep,
    weights_dtype,
    work_of_sweep,
)

__all__ = [
    "LONGEST_WAIT",
    "LOOK",
    "NEAR",
    "SOLVED",
    "needs_mending",
    "predicted_sweeps",
    "relaxation",
    "sweep_until",
]

Float64Array = NDArray[np.float64]

# Sweeps between looks at most, as a part of all before: a look costs about as much as
# half a sweep over all rows.
LONGEST_WAIT = 0.5
# Part of all sweeps so far over which progress is measured, at least, before they are
# given up: that of a short stretch says little.
_WINDOW = 0.2
# Sweeps before the first look where there are more columns than the second number, and
# so nothing to hand over to: the first gaps say little.
_FIRST_LOOK, _WIDE = 3.0, 2000
# Factor of the steps from the first look on, with as many columns: most rows that are
# still worked on then stay inside their box.
_RELAXED = 1.5
# Relative gap, as a multiple of the tolerance, from which the intercept is moved to its
# minimiser at a look.
NEAR = 30.0
# Sweeps from an extrapolation to the next look, at most.
_AFTER_A_MOVE = 3.0
# Part of the violation that a look has left up to which the active rows are worked on.
SOLVED = 0.1
# Sweeps after which weights are computed anew where that takes a pass, in single and in
# double precision.
_MEND_SINGLE, _MEND_DOUBLE = 8.0, 64.0
# Part of an iteration that a look at the gap counts as, with the sweeps before it.
LOOK = 0.5


def sweep_until(
    progress: Progress,
    start: Start,
    seed: int,
    hand_over: Callable[[float, float], bool] | None = None,
) -> None:
    """Sweep until converged, exhausted, or another method is worth its price.

    Rows that stay at a bound are passed over until the next look at the gap, which
    takes in all rows. A sweep counts as many steps as there are rows, and a look with
    the sweeps before it at least as half of one.

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
    tau = intercept_step(
        problem.intercept_rule, squared_norms, problem.cost, problem.curvature
    )
    alpha = start.alpha.copy()
    w_of_duals = start.combined(problem)
    state = Sweeps(
        row_steps(problem, squared_norms, tau),
        tau,
        alpha,
        w_of_duals.astype(weights_dtype(problem, progress.tol)),
        problem.intercept_of(alpha, start.intercept),
        np.arange(n_rows, dtype=np.intp),
        n_rows,
        np.inf,
        random_bits(seed),
        problem.imbalance(alpha),
    )
    shares, is_shared = None, False
    if can_be_shared(problem.rows):
        shares = Shares.build(problem.rows, state.w.dtype, seed)
        is_shared = deal(problem, state, shares)
    # Sweeps, and what these and the looks between them count as.
    swept = visits = since_look = 0.0
    wait = _FIRST_LOOK if problem.rows.n_features > _WIDE else 1.0
    # Sweeps and relative gap at each look.
    looks = [(0.0, np.inf)]
    if isinstance(start, CertifiedStart):
        looks = [(0.0, start.certificate.relative_gap)]
    shrunk_above = 0.0
    trail = Trail(problem.rows, state.w.dtype)
    before, began = progress.n_iter, progress.work
    pass_work = work_of_sweep(problem.rows)
    if isinstance(start, UnseenStart):
        looks = [(0.0, _look(progress, state, start))]
        shrunk_above = state.shrink_above
        if progress.converged:
            return
    while not progress.exhausted:
        # The last sweep that is begun may end above this.
        left = min(wait, progress.max_iter - 1 - before - visits) - since_look
        left = min(left, trail.left(swept + since_look))
        enough = SOLVED * shrunk_above
        if shares is not None and is_shared:
            since_look += sweep_in_shares(problem, state, shares, left, enough)
        else:
            since_look += sweep(problem, state, left, enough)
        progress.work = began + (swept + since_look) * pass_work
        progress.n_iter = before + math.ceil(visits + since_look)
        ahead = trail.note(state.alpha, swept + since_look)
        if ahead is not None and _move(problem, state, ahead):
            wait = min(wait, since_look + _AFTER_A_MOVE)
        go_on = state.shrink_above > enough and state.n_active and since_look < wait
        if go_on and not progress.exhausted:
            continue
        state.unmended += since_look
        visits += max(since_look, LOOK)
        progress.n_iter = before + math.ceil(visits)
        began += LOOK * pass_work + CALL_WORK
        gap = _look(progress, state)
        if not swept:
            state.step *= relaxation(problem.rows)
        swept += since_look
        remaining = predicted_sweeps(gap, looks[-1][1], since_look, progress.tol)
        over_more = _remaining(looks, swept, gap, progress.tol)
        looks.append((swept, gap))
        since_look = 0.0
        shrunk_above = state.shrink_above
        is_shared = shares is not None and deal(problem, state, shares)
        if progress.converged:
            return
        if hand_over is not None and hand_over(visits, over_more):
            return
        wait = max(1.0, min(remaining, LONGEST_WAIT * visits))


def _look(progress: Progress, state: Sweeps, start: Start | None = None) -> float:
    """Certify on all rows, wake the rows that matter, and return the relative gap.

    At the weights and intercept of a start, if one is given that has weights.
    """
    problem = progress.problem
    duals = PackedDuals.pack(problem.repair(state.alpha), problem.bound)
    w, intercept = state.w.copy(), state.intercept
    if start is not None and start.w is not None:
        w, intercept = start.w.astype(w.dtype), start.intercept
    if progress.tol >= COARSE:
        w = w.astype(problem.rows.dtype, copy=False)
        intercept = problem.rows.rounded_number(intercept)
    survey = survey_rows(problem, w, intercept, duals, room=state.room)
    n_awake, worst = _wake(problem, state, survey)
    # Rounding errors do not pile up.
    state.imbalance = problem.imbalance(state.alpha)
    if problem.intercept_rule != "free":
        np.copyto(state.w, survey.own, casting="same_kind")
    elif needs_mending(state.w.dtype, state.unmended):
        # From dual variables that are not balanced, unlike the survey's.
        state.w = problem.combine(state.alpha).astype(state.w.dtype)
        state.unmended = 0.0
    certificate = survey.certificate(problem)
    # Not far from the tolerance, a better intercept can be what is missing.
    is_near = progress.tol < certificate.relative_gap <= NEAR * progress.tol
    # Where no row is left to work on, it is the intercept that is missing.
    with_intercept = problem.intercept_rule != "none"
    is_stuck = with_intercept and not n_awake
    if with_intercept and (is_near or is_stuck):
        survey.move_intercept(problem, rounded=progress.tol >= COARSE)
        certificate = survey.certificate(problem)
    if is_stuck:
        state.intercept = survey.intercept
        n_awake, worst = _wake(problem, state, survey)
    if problem.has_kink and certificate.relative_gap > progress.tol:
        certificate = survey.stretched(
            problem, certificate, progress.tol, rounded=progress.tol >= COARSE
        )
    progress.record(certificate, proven=True, active=n_awake)
    state.n_active, state.shrink_above = n_awake, SAFELY * worst
    return certificate.relative_gap


def _move(problem: Problem, state: Sweeps, ahead: Float64Array) -> bool:
    """Go on from other dual variables, made feasible, if the dual is larger there."""
    alpha = problem.repair(ahead)
    w_of_duals = problem.combine(alpha)
    now = problem.dual(problem.repair(state.alpha))
    if not problem.dual(alpha, w_of_duals) > now:
        return False
    state.alpha = alpha
    np.copyto(state.w, w_of_duals, casting="same_kind")
    state.imbalance = problem.imbalance(alpha)
    state.intercept = problem.intercept_of(alpha, state.intercept)
    state.unmended = 0.0
    return True


def _wake(problem: Problem, state: Sweeps, survey: Survey) -> tuple[int, float]:
    """Put the rows that matter first; return how many, and the largest violation."""
    n_awake, worst = _vectors.wake(
        np.asarray(survey.shortfall, dtype=np.float64),
        state.alpha,
        problem.bound,
        problem.curvature,
        SAFELY,
        state.order,
    )
    return int(n_awake), float(worst)


def needs_mending(dtype: np.dtype[np.floating], unmended: float) -> bool:
    """Whether rounding errors of so many sweeps are to be taken out of weights."""
    single = dtype == np.float32
    return unmended > (_MEND_SINGLE if single else _MEND_DOUBLE)


def relaxation(rows: Rows) -> float:
    """Return the factor of steps from the first look on."""
    return _RELAXED if rows.n_features > _WIDE else 1.0


def _remaining(
    looks: list[tuple[float, float]], swept: float, gap: float, tol: float
) -> float:
    """Return how many sweeps the progress since earlier looks predicts to remain."""
    before, last_gap = next(
        look for look in reversed(looks) if look[0] <= (1.0 - _WINDOW) * swept
    )
    return predicted_sweeps(gap, last_gap, swept - before, tol)


def predicted_sweeps(gap: float, last_gap: float, spent: float, tol: float) -> float:
    """Return how many sweeps the last stretch's progress predicts to remain.

    From the gaps relative to the dual value, which changes less than the objective
    while that is far off. NaN where no progress is measured yet; inf where there was
    none, or nothing is proven yet.
    """
    if gap <= tol:
        return 0.0
    if np.isinf(last_gap):
        return np.nan
    if gap >= 1.0:
        return np.inf
    if last_gap >= 1.0:
        return np.nan
    now, last = gap / (1.0 - gap), last_gap / (1.0 - last_gap)
    if now >= last:
        return np.inf
    rate = np.log(last / now) / spent
    return float(np.log(now / max(tol, 1e-16)) / rate)

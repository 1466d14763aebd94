"""Sweeps of subgradient steps with exact line search, until the gap is certified.

The steps are those of ``sweeping/steps.py``. Rows that stay at a bound are passed over;
every look at the gap takes in all rows, and certifies the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _vectors
from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Certificate
from hingesvm.problems.start import CertifiedStart, Start, UnseenStart
from hingesvm.rows.contract import Rows
from hingesvm.rows.duals import PackedDuals
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
    WIDE,
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
    "RELAXED",
    "SOLVED",
    "first_state",
    "look",
    "needs_mending",
    "predicted_sweeps",
    "relaxation",
    "sweep_until",
]

Float64Array = NDArray[np.float64]

# When to look at all rows, which costs half a sweep (docs/experiments.md#sweeps).
# Sweeps between looks at most, as a part of all before: with more of them the end is
# seen late, with fewer looks take the time.
LONGEST_WAIT = 0.5
# Sweeps before the first look with `WIDE` columns, where there is nothing to hand over
# to: the first gaps say little.
_FIRST_LOOK = 3.0
# Part of all sweeps so far over which progress is measured, at least, before they are
# given up: that of a short stretch says little, that of a long one is of the past.
_WINDOW = 0.2
# Part of the violation that a look has left up to which the active rows are worked on:
# with less of it sweeps over few rows gain nothing, with more looks come too often.
SOLVED = 0.1
# Sweeps from an extrapolation to the next look, at most.
_AFTER_A_MOVE = 3.0
# Part of an iteration that a look at the gap counts as, with the sweeps before it.
LOOK = 0.5

# What sweeps do beside steps (docs/experiments.md#sweeps).
# Factor of the steps from the first look on, with `WIDE` columns: most rows that are
# still worked on then stay inside their box. Longer steps overshoot.
RELAXED = 1.5
# Relative gap, as a multiple of the tolerance, from which the intercept is moved to its
# minimiser at a look: from a larger one on that is for nothing, a smaller one leaves a
# gap that is the intercept's alone.
NEAR = 30.0
# Sweeps after which weights are computed anew where that takes a pass, in single and in
# double precision: after more of them rounding errors stop the gap.
_MEND_SINGLE, _MEND_DOUBLE = 8.0, 64.0


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
    stretch = _Stretch.begin(progress, start, seed)
    if isinstance(start, UnseenStart):
        stretch.look_first(start)
        if progress.converged:
            return
    while not progress.exhausted:
        stretch.sweep()
        if stretch.goes_on and not progress.exhausted:
            continue
        remaining = stretch.end()
        if progress.converged:
            return
        if hand_over is not None and hand_over(stretch.visits, remaining):
            return


@dataclass
class _Stretch:
    """The sweeps from one look at the gap to the next, and what is kept of others.

    Attributes
    ----------
    progress : Progress
    state : Sweeps
    shares : Shares or None
        Those of the members of a team, if there is one.
    is_shared : bool
        Whether the active rows are dealt to its members.
    trail : Trail
    n_iter_before : int
        Iterations before these sweeps.
    work_before : float
        Work before these sweeps, and that of the looks between them.
    wait : float
        Sweeps of this stretch at most.
    looks : list of (float, float)
        The number of sweeps, and the relative gap, at each look.
    swept, since_look : float
        Sweeps before this stretch, and in it.
    visits : float
        What the sweeps before this stretch, and the looks between them, count as.
    shrunk_above : float
        `shrink_above` of the sweeps as the last look left it.
    """

    progress: Progress
    state: Sweeps
    shares: Shares | None
    is_shared: bool
    trail: Trail
    n_iter_before: int
    work_before: float
    wait: float
    looks: list[tuple[float, float]]
    swept: float = 0.0
    since_look: float = 0.0
    visits: float = 0.0
    shrunk_above: float = 0.0

    @classmethod
    def begin(cls, progress: Progress, start: Start, seed: int) -> _Stretch:
        """Return the first stretch, before its first sweep."""
        rows = progress.problem.rows
        state = first_state(progress, start, seed)
        gap = np.inf
        if isinstance(start, CertifiedStart):
            gap = start.certificate.relative_gap
        stretch = cls(
            progress,
            state,
            Shares.build(rows, state.w.dtype, seed) if can_be_shared(rows) else None,
            False,
            Trail(rows, state.w.dtype),
            progress.n_iter,
            progress.work,
            _FIRST_LOOK if rows.n_features > WIDE else 1.0,
            [(0.0, gap)],
        )
        stretch._deal()
        return stretch

    def _deal(self) -> None:
        """Deal the active rows to the members of the team, if that pays."""
        problem, shares = self.progress.problem, self.shares
        self.is_shared = shares is not None and deal(problem, self.state, shares)

    def look_first(self, start: UnseenStart) -> None:
        """Look at the gap at a start before any sweep."""
        self.looks = [(0.0, look(self.progress, self.state, start))]
        self.shrunk_above = self.state.shrink_above

    def sweep(self) -> None:
        """Sweep over the active rows, many times where they are few."""
        progress, state = self.progress, self.state
        problem, enough, most = progress.problem, self._enough, self._left()
        if self.shares is not None and self.is_shared:
            spent = sweep_in_shares(problem, state, self.shares, most, enough)
        else:
            spent = sweep(problem, state, most, enough)
        self.since_look += spent
        taken = self.swept + self.since_look
        progress.work = self.work_before + taken * work_of_sweep(problem.rows)
        self._count(self.visits + self.since_look)
        ahead = self.trail.note(state.alpha, taken)
        if ahead is not None and _move(problem, state, ahead):
            self.wait = min(self.wait, self.since_look + _AFTER_A_MOVE)

    def _left(self) -> float:
        """Return how many sweeps may be taken before something else is due."""
        # The last sweep that is begun may end above this.
        most = self.progress.max_iter - 1 - self.n_iter_before - self.visits
        left = min(self.wait, most) - self.since_look
        return min(left, self.trail.left(self.swept + self.since_look))

    @property
    def _enough(self) -> float:
        """The violation of optimality down to which the active rows are worked on."""
        return SOLVED * self.shrunk_above

    @property
    def goes_on(self) -> bool:
        """Whether the active rows are worth more sweeps before the next look."""
        state = self.state
        is_rough = state.shrink_above > self._enough
        return is_rough and state.n_active > 0 and self.since_look < self.wait

    def end(self) -> float:
        """Look at the gap, and begin the next stretch.

        Returns
        -------
        float
            How many sweeps the progress since earlier looks predicts to remain.
        """
        progress, state = self.progress, self.state
        spent, rows = self.since_look, progress.problem.rows
        state.unmended += spent
        self.visits += max(spent, LOOK)
        self._count(self.visits)
        self.work_before += LOOK * work_of_sweep(rows) + CALL_WORK
        gap = look(progress, state)
        if not self.swept:
            state.step *= relaxation(rows)
        self.swept += spent
        expected = predicted_sweeps(gap, self.looks[-1][1], spent, progress.tol)
        remaining = _remaining(self.looks, self.swept, gap, progress.tol)
        self.looks.append((self.swept, gap))
        self.since_look = 0.0
        self.shrunk_above = state.shrink_above
        self.wait = max(1.0, min(expected, LONGEST_WAIT * self.visits))
        self._deal()
        return remaining

    def _count(self, visits: float) -> None:
        """Tell the progress how many iterations these sweeps and looks count as."""
        self.progress.n_iter = self.n_iter_before + math.ceil(visits)


def first_state(progress: Progress, start: Start, seed: int) -> Sweeps:
    """Return the state of sweeps at the dual variables of a start."""
    problem, rows = progress.problem, progress.problem.rows
    mean = rows.mean_square()
    tau = intercept_step(problem.intercept_rule, mean, problem.cost, problem.curvature)
    step = np.empty(0)
    if not rows.reads_in_passes:
        step = row_steps(problem, rows.squared_norms(), tau)
    alpha = rows.scratch(np.float64)
    alpha[:] = start.alpha
    return Sweeps(
        step,
        tau,
        alpha,
        start.combined(problem).astype(weights_dtype(problem, progress.tol)),
        problem.intercept_of(alpha, start.intercept),
        rows.everyone(),
        rows.n_rows,
        np.inf,
        random_bits(seed),
        problem.imbalance(alpha),
    )


def look(progress: Progress, state: Sweeps, start: Start | None = None) -> float:
    """Certify on all rows, wake the rows that matter, and return the relative gap.

    It is certified at the weights and intercept of a start, if one is given that has
    weights.
    """
    problem = progress.problem
    survey = _survey(progress, state, start)
    _wake(problem, state, survey)
    _mend(problem, state, survey)
    # Where no row is left to work on, it is the intercept that is missing.
    is_stuck = problem.intercept_rule != "none" and not state.n_active
    certificate = _best_of(progress, survey, with_intercept=is_stuck)
    if is_stuck:
        state.intercept = survey.intercept
        _wake(problem, state, survey)
    progress.record(certificate, proven=True, active=state.n_active)
    return certificate.relative_gap


def _survey(progress: Progress, state: Sweeps, start: Start | None) -> Survey:
    """Look at all rows, with feasible dual variables, at the state or a start."""
    problem = progress.problem
    duals = PackedDuals.pack(problem.repair(state.alpha), problem.bound)
    w, intercept = state.w.copy(), state.intercept
    if start is not None and start.w is not None:
        w, intercept = start.w.astype(w.dtype), start.intercept
    if progress.tol >= COARSE:
        w = w.astype(problem.rows.dtype, copy=False)
        intercept = problem.rows.rounded_number(intercept)
    return survey_rows(problem, w, intercept, duals, room=state.room)


def _mend(problem: Problem, state: Sweeps, survey: Survey) -> None:
    """Compute sums that sweeps update anew, so that rounding errors do not pile up."""
    state.imbalance = problem.imbalance(state.alpha)
    if problem.intercept_rule != "free":
        np.copyto(state.w, survey.w_of_duals, casting="same_kind")
    elif needs_mending(state.w.dtype, state.unmended):
        # From dual variables that are not balanced, unlike the survey's.
        state.w = problem.combine(state.alpha).astype(state.w.dtype)
        state.unmended = 0.0


def _best_of(
    progress: Progress, survey: Survey, *, with_intercept: bool
) -> Certificate:
    """Return what a survey proves, with a better intercept or longer weights.

    Its intercept is moved to the best one if that is wanted, or the gap is near the
    tolerance, where a better one can be what is missing.
    """
    problem, tol = progress.problem, progress.tol
    certificate = survey.certificate(problem)
    if problem.intercept_rule != "none":
        with_intercept |= tol < certificate.relative_gap <= NEAR * tol
    if with_intercept:
        survey.move_intercept(problem, rounded=tol >= COARSE)
        certificate = survey.certificate(problem)
    if problem.has_kink and certificate.relative_gap > tol:
        return survey.stretched(problem, certificate, tol, rounded=tol >= COARSE)
    return certificate


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


def _wake(problem: Problem, state: Sweeps, survey: Survey) -> None:
    """Make the rows that matter the active ones, as far as the largest violation."""
    n_awake, worst = _vectors.wake(
        np.asarray(survey.shortfall, dtype=np.float64),
        state.alpha,
        problem.bound,
        problem.curvature,
        SAFELY,
        state.order,
    )
    state.n_active, state.shrink_above = int(n_awake), SAFELY * float(worst)


def needs_mending(dtype: np.dtype[np.floating], unmended: float) -> bool:
    """Whether rounding errors of so many sweeps are to be taken out of weights."""
    single = dtype == np.float32
    return unmended > (_MEND_SINGLE if single else _MEND_DOUBLE)


def relaxation(rows: Rows) -> float:
    """Return the factor of steps from the first look on."""
    return RELAXED if rows.n_features > WIDE else 1.0


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

    It is predicted from the gaps relative to the dual value, which changes less than
    the objective while that is far off. It is NaN where no progress is measured yet,
    and inf where there was none, or nothing is proven yet.
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

"""Sweeps over several classes at once, each against the rest.

The problems share their rows and differ in signs only, so a row that is read for one
of them can be stepped on for all: its indices are read once, and the weights of all
classes for a feature lie side by side (`_lanes.pyx`). The steps are those of
``sweeping/steps.py``, and each class has its own certificate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _lanes
from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Certificate
from hingesvm.problems.start import Start
from hingesvm.rows.duals import PackedDuals
from hingesvm.solvers.progress import Progress
from hingesvm.solvers.survey import COARSE, Survey
from hingesvm.solvers.sweeping.lanes import Lanes, at_the_origin, lanes_of, sweep_all
from hingesvm.solvers.sweeping.steps import SAFELY, Sweeps, sweep
from hingesvm.solvers.sweeping.until import (
    LOOK,
    NEAR,
    SOLVED,
    needs_mending,
    predicted_sweeps,
    relaxation,
)

__all__ = ["sweep_together"]

Float64Array = NDArray[np.float64]
FloatArray = NDArray[np.floating]

# Looks at all classes (docs/experiments.md#many-classes).
# Sweeps before the first one, and how many more before the next at most, as a multiple
# of those taken: with more classes that are done go on, with fewer looks take all the
# time.
_FIRST_LOOK, _LONGEST_WAIT = 4.0, 1.0
# Sweeps over all classes behind the first look at a start
# (docs/experiments.md#warm-starts).
_AFTER_START = 2.0
# As `NEAR`, for a penalised intercept, which sweeps find themselves.
_NEAR = 3.0
# Gap at the first look, in units of the tolerance, up to which as many sweeps again are
# expected to be enough: if it is large sweeps go on in vain, if small Newton steps
# begin where sweeps were nearly done (docs/experiments.md#which-method-when).
_RATHER_NEAR = 30.0

# Sweeps over a class alone (docs/experiments.md#many-classes).
# Part of the largest violation within which a row is worked on: if it is large rows are
# visited for nothing, if small more classes are short at the next look.
_WIDELY = 0.4
# Part of what is otherwise enough down to which rows are worked on
# (docs/experiments.md#constants).
_DEEPEST = 0.1


def sweep_together(
    progresses: Sequence[Progress],
    lane: NDArray[np.int8],
    seed: int,
    hand_over: Callable[[float, float], bool] | None = None,
    starts: Sequence[Start] | None = None,
) -> None:
    """Sweep over all classes until each is certified, exhausted or better done alone.

    The last are those whose progress is neither converged nor exhausted at the end.

    Parameters
    ----------
    progresses : sequence of Progress
        One for each class, no more than `most_lanes`; the problems share all but
        signs.
    lane : ndarray of int8, of shape (n_rows,)
        For each row the place in `progresses` of the class it belongs to, or -1.
    seed : int
        Of the order of rows.
    hand_over : callable, optional
        As of `sweep_until`.
    starts : sequence of Start, optional
        Feasible dual variables to start from, weights and intercepts, one for each.
    """
    problem, tol = progresses[0].problem, progresses[0].tol
    state = at_the_origin(problem, tol, len(progresses), lane, seed)
    classes = [
        _OneClass(progress, state, k, problem.n_rows)
        for k, progress in enumerate(progresses)
    ]
    longest = _FIRST_LOOK
    if starts is not None:
        state.go_to(starts)
        _look_first(classes, state)
        longest = _AFTER_START
    if left := _left(classes):
        spent = sweep_all(problem, state, min(longest, progresses[0].max_iter - 1))
        for one_class in left:
            one_class.since_look = spent
    state.step *= relaxation(problem.rows)
    while left := _left(classes):
        looks = _survey(problem, state)
        for one_class in left:
            one_class.go_on(looks, hand_over)
        # Before the next look makes room for its own.
        del looks


def _left(classes: Sequence[_OneClass]) -> list[_OneClass]:
    """Return the classes whose sweeps have not ended."""
    return [one_class for one_class in classes if not one_class.has_ended]


def _look_first(classes: Sequence[_OneClass], state: Lanes) -> None:
    """Look at starts, end the classes that are certified, and open all rows."""
    looks = _survey(classes[0].progress.problem, state)
    for one_class in classes:
        one_class.look_first(looks)
    ended = [one_class.has_ended for one_class in classes]
    state.live[: len(classes)][ended] = 0.0
    state.set_shrink_above(np.full_like(state.live, np.inf))


@dataclass
class _Looks:
    """What a look at all rows has found, in each lane.

    Attributes
    ----------
    factors : ndarray of float64, of shape (2, n_lanes)
        Of the duals of negative and of positive rows.
    intercept : ndarray of float64, of shape (n_lanes,)
    shortfall : ndarray, of shape (n_rows, n_lanes)
        1 - m.
    w_of_duals : ndarray of float64, of shape (n_features, n_lanes)
        w(alpha).
    sums : ndarray of float64, of shape (3, n_lanes)
        Of the losses, of a - q a^2 / 2, and of a y.
    squares : ndarray of float64, of shape (2, n_lanes)
        ||w||^2 and ||w(alpha)||^2.
    """

    factors: Float64Array
    intercept: Float64Array
    shortfall: FloatArray
    w_of_duals: Float64Array
    sums: Float64Array
    squares: Float64Array


def _survey(problem: Problem, state: Lanes) -> _Looks:
    """Look at all rows; if the intercept is free, with duals scaled to sum to 0."""
    width = len(state.live)
    factors = np.ones((2, width))
    sums = np.zeros((2, width))
    _lanes.class_sums(state.lane, state.top, problem.bound, state.alpha, sums)
    state.imbalance = sums[1] - sums[0]
    if problem.intercept_rule == "free":
        least = sums.min(axis=0)
        np.divide(least, sums, out=factors, where=sums > least)
    looks = _Looks(
        factors,
        state.intercept.astype(np.float64),
        np.empty_like(state.alpha),
        np.zeros(state.w.shape),
        np.zeros((3, width)),
        np.zeros((2, width)),
    )
    lanes_of(problem).survey(problem, state, looks)
    weights_of = state.w, looks.w_of_duals
    for weights, squares in zip(weights_of, looks.squares, strict=True):
        _lanes.add_squares(weights, squares)
    return looks


@dataclass
class _OneClass:
    """One of the classes: where its sweeps are, and what is done for it alone.

    Attributes
    ----------
    progress : Progress
    state : Lanes
        That of all classes.
    k : int
        Its lane.
    n_active : int
        Rows that mattered to it at the last look.
    gap : float
        Relative gap at the last look; inf before the first one.
    since_look, visits : float
        Sweeps since the last look, and what all before it, and looks, count as.
    has_ended : bool
        Whether it is certified, exhausted, stopped, or better done alone.
    """

    progress: Progress
    state: Lanes
    k: int
    n_active: int
    gap: float = np.inf
    since_look: float = 0.0
    visits: float = 0.0
    has_ended: bool = False

    def look_first(self, looks: _Looks) -> None:
        """Record what a start proves, and go on from its dual variables."""
        progress = self.progress
        certificate = self._with_point(looks, self._judge(looks))
        progress.record(certificate, proven=True, active=self.n_active)
        self.has_ended = certificate.relative_gap <= progress.tol or progress.exhausted
        # From the weights that were given to those of the dual variables.
        self.state.w[:, self.k] = looks.w_of_duals[:, self.k]

    def go_on(
        self, looks: _Looks, hand_over: Callable[[float, float], bool] | None
    ) -> None:
        """Judge what a look has found; end, or sweep over the rows that matter."""
        progress = self.progress
        self.visits += max(self.since_look, LOOK)
        progress.n_iter = math.ceil(self.visits)
        certificate = self._judge(looks)
        last_gap, self.gap = self.gap, certificate.relative_gap
        remaining = predicted_sweeps(self.gap, last_gap, self.since_look, progress.tol)
        if self._is_over(remaining, hand_over):
            self.has_ended = True
            certificate = self._with_point(looks, certificate)
            progress.record(certificate, proven=True, active=self.n_active)
            return
        sweeps, worst = self._open_rows(looks)
        self.n_active = sweeps.n_active
        seen = replace(certificate, weights=self.state.w[:, self.k])
        progress.note(seen, self.n_active)
        if progress.is_stopped:
            self.has_ended = True
            progress.keep(self._with_point(looks, certificate), proven=True)
            return
        self.since_look = self._sweep(sweeps, worst, self._most(remaining))

    def _is_over(
        self, remaining: float, hand_over: Callable[[float, float], bool] | None
    ) -> bool:
        """Whether sweeps end, given how many are predicted to remain."""
        tol = self.progress.tol
        if self.gap <= tol or self.progress.exhausted:
            return True
        if hand_over is None:
            return False
        is_near = math.isnan(remaining) and self.gap <= _RATHER_NEAR * tol
        return hand_over(self.visits, self.since_look if is_near else remaining)

    def _most(self, remaining: float) -> float:
        """Return how many sweeps the class may take until the next look."""
        longest = min(_LONGEST_WAIT * self.visits, max(remaining, _FIRST_LOOK))
        return min(max(1.0, longest), self.progress.max_iter - 1 - self.visits)

    def _judge(self, looks: _Looks) -> Certificate:
        """Return what is proven of the class, without weights and duals."""
        progress, problem, k = self.progress, self.progress.problem, self.k
        intercept = float(looks.intercept[k])
        loss, gain, imbalance = map(float, looks.sums[:, k])
        square, square_of_duals = map(float, looks.squares[:, k])
        nothing = np.empty(0)
        dual = problem.dual_from(square_of_duals, gain, imbalance)
        primal = problem.primal_from(square, intercept, loss)
        certificate = Certificate(nothing, intercept, nothing, primal, dual)
        # Not far from the tolerance, a better intercept can be what is missing.
        near = NEAR if problem.intercept_rule == "free" else _NEAR
        is_near = progress.tol < certificate.relative_gap <= near * progress.tol
        if problem.intercept_rule == "none" or not is_near:
            return certificate
        survey = self._with_best_intercept(looks)
        intercept, loss = survey.intercept, survey.loss
        primal = problem.primal_from(square, intercept, loss)
        moved = replace(certificate, intercept=intercept, primal=primal)
        if moved.relative_gap > progress.tol:
            return certificate
        # The shortfalls at hand were rounded.
        margins = problem.margins(self.state.w[:, k].astype(np.float64), intercept)
        loss = problem.loss_sum(1.0 - margins)
        primal = problem.primal_from(square, intercept, loss)
        return certificate.join(replace(moved, primal=primal))

    def _with_best_intercept(self, looks: _Looks) -> Survey:
        """Return the look at the class from the intercept at which P is least."""
        problem, nothing = self.progress.problem, np.empty(0)
        shortfall = looks.shortfall[:, self.k].astype(np.float64)
        intercept, zeros = float(looks.intercept[self.k]), np.zeros(problem.n_rows)
        survey = Survey(nothing, intercept, zeros, shortfall, nothing)
        survey.move_intercept(problem, rounded=self.progress.tol >= COARSE)
        return survey

    def _with_point(self, looks: _Looks, certificate: Certificate) -> Certificate:
        """Return what is proven of the class, with its weights and duals."""
        problem, k = self.progress.problem, self.k
        alpha = np.ascontiguousarray(self.state.alpha[:, k])
        duals = np.where(alpha >= self.state.top, problem.bound, alpha)
        for_negative, for_positive = looks.factors[:, k]
        if for_negative != for_positive:
            duals *= np.where(problem.signs > 0, for_positive, for_negative)
            problem.balance(duals)
        w = self.state.w[:, k].astype(np.float64)
        packed = PackedDuals.pack(duals, problem.bound)
        return replace(certificate, weights=w, duals=packed)

    def _open_rows(self, looks: _Looks) -> tuple[Sweeps, float]:
        """Return the state of sweeps over the class, and its largest violation."""
        sweeps, worst = self._open(looks)
        if sweeps.n_active or self.progress.problem.intercept_rule == "none":
            return sweeps, worst
        # Where no row is left to work on, it is the intercept that is missing.
        survey = self._with_best_intercept(looks)
        looks.shortfall[:, self.k] = survey.shortfall
        looks.intercept[self.k] = self.state.intercept[self.k] = survey.intercept
        return self._open(looks)

    def _open(self, looks: _Looks) -> tuple[Sweeps, float]:
        """Return the state of sweeps from the present intercept, and the violation."""
        problem, state, k = self.progress.problem, self.state, self.k
        alpha, scratch = np.empty((2, problem.n_rows))
        order = np.empty(problem.n_rows, dtype=np.intp)
        n_active, worst = _lanes.open_lane(
            looks.shortfall,
            state.alpha,
            state.top,
            problem.bound,
            problem.curvature,
            k,
            _WIDELY,
            scratch,
            alpha,
            order,
        )
        sweeps = Sweeps(
            state.step,
            state.tau,
            alpha,
            self._weights(looks, alpha),
            float(state.intercept[k]),
            order,
            n_active,
            _WIDELY * worst,
            state.random_state,
            float(state.imbalance[k]),
        )
        return sweeps, worst

    def _weights(self, looks: _Looks, alpha: Float64Array) -> FloatArray:
        """Return the weights that sweeps go on from, without rounding errors if due."""
        state, k = self.state, self.k
        dtype = state.w.dtype
        if self.progress.problem.intercept_rule != "free":
            return looks.w_of_duals[:, k].astype(dtype)
        if needs_mending(dtype, state.unmended[k]):
            # From dual variables that are not balanced, unlike the survey's.
            state.unmended[k] = 0.0
            return self.progress.problem.combine(alpha).astype(dtype)
        return np.ascontiguousarray(state.w[:, k])

    def _sweep(self, sweeps: Sweeps, worst: float, most: float) -> float:
        """Sweep over the rows that matter to the class; return how many sweeps.

        These are few of those that matter to any class. Sweeps end after `most` of
        them, or when violations of optimality have fallen to a part of `worst`: the
        farther the gap is from the tolerance, the smaller the part.
        """
        problem, state, k = self.progress.problem, self.state, self.k
        rows = sweeps.order[: sweeps.n_active].copy()
        depth = max(math.sqrt(self.progress.tol / self.gap), _DEEPEST)
        enough = SOLVED * SAFELY * (depth * worst)
        spent = 0.0
        while not spent or (spent < most and sweeps.shrink_above > enough):
            spent += sweep(problem, sweeps, most - spent, enough)
            if not sweeps.n_active:
                break
        alpha = sweeps.alpha[rows].astype(state.alpha.dtype)
        state.alpha[rows, k] = np.minimum(alpha, state.top[rows])
        state.w[:, k] = sweeps.w
        state.unmended[k] += spent
        state.intercept[k], state.imbalance[k] = sweeps.intercept, sweeps.imbalance
        return spent

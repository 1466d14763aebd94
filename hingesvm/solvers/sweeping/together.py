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

# Sweeps before the first look, and how many more before the next at most, as a multiple
# of those taken.
_FIRST_LOOK, _LONGEST_WAIT = 4.0, 1.0
# Sweeps over all classes behind the first look at a start.
_AFTER_START = 2.0
# Part of the largest violation within which a row is worked on for a class alone.
_WIDELY = 0.4
# Part of what is otherwise enough down to which rows are worked on.
_DEEPEST = 0.1
# Gap at the first look, in units of the tolerance, up to which as many sweeps again are
# expected to be enough.
_RATHER_NEAR = 30.0
# As `NEAR`, for a penalised intercept.
_NEAR = 3.0


def sweep_together(
    progress: Sequence[Progress],
    lane: NDArray[np.int8],
    seed: int,
    hand_over: Callable[[float, float], bool] | None = None,
    starts: Sequence[Start] | None = None,
) -> None:
    """Sweep over all classes until each is certified, exhausted or better done alone.

    The last are those whose progress is neither converged nor exhausted at the end.

    Parameters
    ----------
    progress : sequence of Progress
        One for each class, no more than `most_lanes`; the problems share all but
        signs.
    lane : ndarray of int8, of shape (n_rows,)
        For each row the place in `progress` of the class it belongs to, or -1.
    seed : int
        Of the order of rows.
    hand_over : callable, optional
        As of `sweep_until`.
    starts : sequence of Start, optional
        Feasible dual variables to start from, weights and intercepts, one for each.
    """
    first = progress[0]
    problem, tol = first.problem, first.tol
    state = at_the_origin(problem, tol, len(progress), lane, seed)
    ended = np.zeros(len(progress), dtype=bool)
    last_gap = np.full(len(progress), np.inf)
    n_active = [problem.n_rows] * len(progress)
    visits, since_look = np.zeros((2, len(progress)))
    longest = _FIRST_LOOK
    if starts is not None:
        state.go_to(starts)
        ended = _look_first(progress, state, n_active)
        longest = _AFTER_START
    if not ended.all():
        most = min(longest, first.max_iter - 1)
        since_look[~ended] = sweep_all(problem, state, most)
    state.step *= relaxation(problem.rows)
    while not ended.all():
        looks = _survey(problem, state)
        visits += np.maximum(since_look, LOOK)
        for k in np.flatnonzero(~ended).tolist():
            one = progress[k]
            one.n_iter = math.ceil(visits[k])
            found = _judge(one, state, looks, k)
            gap = found.relative_gap
            remaining = predicted_sweeps(gap, last_gap[k], since_look[k], tol)
            last_gap[k] = gap
            ended[k] = gap <= tol or one.exhausted
            if not ended[k] and hand_over is not None:
                is_near = math.isnan(remaining) and gap <= _RATHER_NEAR * tol
                expected = since_look[k] if is_near else remaining
                ended[k] = hand_over(visits[k], expected)
            if ended[k]:
                found = _with_point(one, state, looks, k, found)
                one.record(found, proven=True, active=n_active[k])
                continue
            sweeps, worst = _open(one.problem, state, looks, k)
            if not sweeps.n_active and one.problem.intercept_rule != "none":
                # Where no row is left to work on, it is the intercept that is missing.
                _move_intercept(one, state, looks, k)
                sweeps, worst = _open(one.problem, state, looks, k)
            n_active[k] = sweeps.n_active
            one.note(replace(found, weights=state.w[:, k]), n_active[k])
            if one.is_stopped:
                ended[k] = True
                one.keep(_with_point(one, state, looks, k, found), proven=True)
                continue
            depth = max(math.sqrt(tol / gap), _DEEPEST)
            longest = min(_LONGEST_WAIT * visits[k], max(remaining, _FIRST_LOOK))
            most = min(max(1.0, longest), one.max_iter - 1 - visits[k])
            since_look[k] = _sweep_alone(one, state, sweeps, k, depth * worst, most)
        since_look[ended] = 0.0
        # Before the next look makes room for its own.
        del looks


def _look_first(
    progress: Sequence[Progress], state: Lanes, n_active: list[int]
) -> NDArray[np.bool_]:
    """Look at starts; return which are certified, and go on from the others' duals."""
    ended = np.zeros(len(progress), dtype=bool)
    looks = _survey(progress[0].problem, state)
    for k, one in enumerate(progress):
        found = _judge(one, state, looks, k)
        found = _with_point(one, state, looks, k, found)
        one.record(found, proven=True, active=n_active[k])
        ended[k] = found.relative_gap <= one.tol or one.exhausted
        # From the weights that were given to those of the dual variables.
        state.w[:, k] = looks.w_of_duals[:, k]
    state.live[: len(progress)][ended] = 0.0
    state.set_shrink_above(np.full_like(state.live, np.inf))
    return ended


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


def _judge(one: Progress, state: Lanes, looks: _Looks, k: int) -> Certificate:
    """Return what is proven of a class, without weights and duals."""
    problem, intercept = one.problem, float(looks.intercept[k])
    loss, gain, imbalance = map(float, looks.sums[:, k])
    square, of_duals = map(float, looks.squares[:, k])
    nothing = np.empty(0)
    dual = problem.dual_from(of_duals, gain, imbalance)
    primal = problem.primal_from(square, intercept, loss)
    found = Certificate(nothing, intercept, nothing, primal, dual)
    # Not far from the tolerance, a better intercept can be what is missing.
    near = NEAR if problem.intercept_rule == "free" else _NEAR
    is_near = one.tol < found.relative_gap <= near * one.tol
    if problem.intercept_rule == "none" or not is_near:
        return found
    survey = _with_best_intercept(one, looks, k)
    intercept, loss = survey.intercept, survey.loss
    primal = problem.primal_from(square, intercept, loss)
    moved = replace(found, intercept=intercept, primal=primal)
    if moved.relative_gap > one.tol:
        return found
    # The shortfalls at hand were rounded.
    margins = problem.margins(state.w[:, k].astype(np.float64), intercept)
    primal = problem.primal_from(square, intercept, problem.loss_sum(1.0 - margins))
    return found.join(replace(moved, primal=primal))


def _with_best_intercept(one: Progress, looks: _Looks, k: int) -> Survey:
    """Return the look at a class from the intercept at which P is least."""
    problem, nothing = one.problem, np.empty(0)
    shortfall = looks.shortfall[:, k].astype(np.float64)
    zeros = np.zeros(problem.n_rows)
    survey = Survey(nothing, float(looks.intercept[k]), zeros, shortfall, nothing)
    survey.move_intercept(problem, rounded=one.tol >= COARSE)
    return survey


def _move_intercept(one: Progress, state: Lanes, looks: _Looks, k: int) -> None:
    """Go on from the best intercept of a class."""
    survey = _with_best_intercept(one, looks, k)
    looks.shortfall[:, k] = survey.shortfall
    looks.intercept[k] = state.intercept[k] = survey.intercept


def _with_point(
    one: Progress, state: Lanes, looks: _Looks, k: int, found: Certificate
) -> Certificate:
    """Return what is proven of a class, with its weights and duals."""
    problem = one.problem
    alpha = np.ascontiguousarray(state.alpha[:, k])
    duals = np.where(alpha >= state.top, problem.bound, alpha)
    for_negative, for_positive = looks.factors[:, k]
    if for_negative != for_positive:
        duals *= np.where(problem.signs > 0, for_positive, for_negative)
        problem.balance(duals)
    w = state.w[:, k].astype(np.float64)
    packed = PackedDuals.pack(duals, problem.bound)
    return replace(found, weights=w, duals=packed)


def _sweep_alone(
    one: Progress, state: Lanes, sweeps: Sweeps, k: int, worst: float, most: float
) -> float:
    """Sweep over the rows that matter to a class; return how many sweeps that was.

    These are few of those that matter to any class. It ends when violations of
    optimality have fallen to `SOLVED` times `worst`, or after `most` sweeps.
    """
    problem = one.problem
    rows = sweeps.order[: sweeps.n_active].copy()
    enough = SOLVED * SAFELY * worst
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


def _open(
    problem: Problem, state: Lanes, looks: _Looks, k: int
) -> tuple[Sweeps, float]:
    """Return the state of sweeps over one class, and its largest violation."""
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
    dtype = state.w.dtype
    if problem.intercept_rule != "free":
        w = looks.w_of_duals[:, k].astype(dtype)
    elif needs_mending(dtype, state.unmended[k]):
        # From dual variables that are not balanced, unlike the survey's.
        w = problem.combine(alpha).astype(dtype)
        state.unmended[k] = 0.0
    else:
        w = np.ascontiguousarray(state.w[:, k])
    sweeps = Sweeps(
        state.step,
        state.tau,
        alpha,
        w,
        float(state.intercept[k]),
        order,
        n_active,
        _WIDELY * worst,
        state.random_state,
        float(state.imbalance[k]),
    )
    return sweeps, worst

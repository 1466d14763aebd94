"""Sweeps over the rows of a joint multi-class problem, until the gap is certified.

A step takes the duals of a row, one for each class but its own, to their best values
while all others stay as they are: the subgradient step of ``sweeping/steps.py`` with an
exact search over a set in place of a line (Keerthi, Sundararajan, Chang, Hsieh and Lin,
"A sequential dual method for large scale multi-class linear SVMs", KDD 2008). The best
are

    a_k = clip(p_k - theta, 0, c),   p_k = a_k + sum a + g_k / ||x_i||^2,

with the theta at which their sum is min(theta, t c). Intercepts are treated as in
``sweeping/steps.py``, one for each class.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _joint
from hingesvm.problems.balance import balancing_factors
from hingesvm.problems.certificate import Certificate
from hingesvm.problems.joint import JointDuals, JointProblem
from hingesvm.problems.start import Start
from hingesvm.rows.joint import FAR, JointRows, in_lines
from hingesvm.rows.per_row import proximal_step
from hingesvm.solvers.progress import ProgressOf
from hingesvm.solvers.survey import COARSE
from hingesvm.solvers.sweeping.steps import (
    LEAST_SWEEP,
    RUN,
    SAFELY,
    intercept_step,
    random_bits,
    shuffle,
)
from hingesvm.solvers.sweeping.until import (
    LOOK,
    RELAXED,
    SOLVED,
    needs_mending,
    predicted_sweeps,
)

__all__ = ["sweep_jointly"]

Float64Array = NDArray[np.float64]
FloatArray = NDArray[np.floating]

# Looks, each of which costs more than two sweeps, where they are not foreseen
# (docs/experiments.md#joint-multi-class-problems).
# Sweeps between two looks at the gap, at most: as a part of all, and before the first.
_LONGEST_WAIT, _FIRST_WAIT = 1.0, 6.0
# Part of the gap seen at a look that was foreseen, at least: if it is small one bad
# look makes the next one late, if large looks come before there is anything to find.
_LEAST_FORESEEN = 0.3

# Visits of one call, a sweep at least and so many at most: a call takes as long as a
# few hundred, and the gap and the time to look are seen between calls
# (docs/experiments.md#joint-multi-class-problems).
_VISITS_OF_CALL, _MOST_TURNS = 2048, 8
# Factor of the intercepts' steps, which doubles, at most: their products are finite.
_LONGEST_PUSH = 2.0**30
# Arithmetic for one value of a row and each class, as `Rows.chunks` counts it.
_WORK = 0.5


@dataclass
class _Blocks:
    """The state of the sweeps; `width` is the number of classes, padded.

    Attributes
    ----------
    rows : JointRows
    step : ndarray of float64, of shape (n_rows,)
        One over the squared norm of each row, with the intercepts' share.
    tau : float
        Step of the intercepts.
    alpha : ndarray, of shape (n_rows, width)
    w : ndarray, of shape (n_features, width)
    intercepts : ndarray, of shape (width,)
        Minus a large number beyond the classes.
    imbalance : ndarray of float64, of shape (n_classes,)
        What the rows add to the intercepts.
    order, n_active, shrink_above, unmended
        As of `Sweeps`.
    push : float
        By how much longer the last step of the intercepts was than usual.
    gap : float
        The active rows' parts of the duality gap as they were visited last, added up.
    total : float
        The sum of the duals, but for rounding.
    before : ndarray of float64, of shape (n_classes,)
        The intercepts before the last sweep.
    kept : ndarray, of the shape of alpha, or without rows
        The duals that prove most so far.
    """

    rows: JointRows
    step: Float64Array
    tau: float
    alpha: FloatArray
    w: FloatArray
    intercepts: FloatArray
    imbalance: Float64Array
    order: NDArray[np.intp]
    n_active: int
    shrink_above: float
    random_state: NDArray[np.uint64]
    unmended: float = 0.0
    gap: float = 0.0
    push: float = 1.0
    total: float = 0.0
    before: Float64Array = field(default_factory=lambda: np.empty(0))
    kept: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    outward: NDArray[np.float32] = field(
        default_factory=lambda: np.empty(0, dtype=np.float32)
    )

    @property
    def width(self) -> int:
        """Number of classes, padded."""
        return self.rows.width


def sweep_jointly(
    progress: ProgressOf[JointProblem],
    start: Start | None,
    seed: int,
    hand_over: Callable[[float, float], bool] | None = None,
) -> None:
    """Sweep until converged, exhausted, or another method is worth its price.

    Rows that stay at a vertex of their set are passed over until the next look at the
    gap, which takes in all rows. A sweep counts as many steps as there are rows.

    Parameters
    ----------
    progress : ProgressOf
    start : Start or None
        Duals, of shape (n_rows, n_classes), to start from.
    seed : int
        Of the order of rows.
    hand_over : callable, optional
        As of `sweep_until`.
    """
    problem = progress.problem
    state = _begin(problem, start, progress.tol, seed)
    visits = since_look = shrunk_above = 0.0
    gap, aim = np.inf, progress.tol
    before = progress.n_iter
    while not progress.exhausted:
        last_sum, last_gap = state.gap, gap
        left = progress.max_iter - before - visits - since_look
        turns = turns_of(state.n_active, left * problem.n_rows)
        spent = _sweep_once(problem, state, turns)
        since_look += spent
        if np.isinf(last_gap):
            state.step *= RELAXED
        progress.n_iter = before + math.ceil(visits + since_look)
        gap = _gap_now(problem, state, last_sum, turns)
        remaining = predicted_sweeps(gap, last_gap, spent, progress.tol)
        leaves = hand_over is not None and hand_over(visits + since_look, remaining)
        go_on = since_look < max(_LONGEST_WAIT * visits, _FIRST_WAIT)
        go_on &= state.shrink_above > SOLVED * shrunk_above and state.n_active > 0
        go_on &= gap > aim and not leaves
        if go_on and not progress.exhausted:
            continue
        state.unmended += since_look
        visits += max(since_look, LOOK)
        progress.n_iter = before + math.ceil(visits)
        relative_gap = _look(progress, state)
        # Where a look finds more than was foreseen, the next one waits for less.
        foreseen = math.sqrt(gap / relative_gap) if relative_gap > 0.0 else 1.0
        aim = progress.tol * min(max(foreseen, _LEAST_FORESEEN), 1.0)
        since_look = 0.0
        shrunk_above = state.shrink_above
        if progress.converged or leaves:
            return


def _gap_now(
    problem: JointProblem, state: _Blocks, last_gap: float, turns: int = 1
) -> float:
    """Return about what the relative gap is after a sweep.

    The parts of the rows were added up as each was visited, in the mean half a sweep
    ago, and `turns` sweeps after those of `last_gap`.
    """
    # By rounding it can be negative.
    gap = max(state.gap, 0.0)
    if last_gap > gap:
        gap *= (gap / last_gap) ** (0.5 / turns)
    dual = problem.dual_of(state.w, problem.margin * state.total, state.imbalance)
    return gap / (dual + gap) if dual + gap > 0.0 else 1.0


def _begin(
    problem: JointProblem, start: Start | None, tol: float, seed: int
) -> _Blocks:
    """Return the state before the first sweep."""
    rows, count = problem.rows, problem.n_classes
    n_rows = problem.n_rows
    dtype = rows.dtype if tol >= COARSE else np.dtype(np.float64)
    classes = problem.class_rows()
    width = classes.width
    squared_norms = rows.squared_norms()
    tau = intercept_step(problem.intercept_rule, rows.mean_square(), problem.cost)
    least = 1.0 / FAR
    intercepts = np.full(width, -FAR, dtype=dtype)
    intercepts[:count] = 0.0
    state = _Blocks(
        classes,
        1.0 / np.maximum(squared_norms + tau, least),
        tau,
        np.zeros((n_rows, width), dtype=dtype),
        in_lines(rows.n_features, width, dtype),
        intercepts,
        np.zeros(count),
        np.arange(n_rows, dtype=np.intp),
        n_rows,
        np.inf,
        random_bits(seed),
        outward=np.empty(n_rows, dtype=np.float32),
    )
    if start is not None and start.alpha.any():
        alpha = problem.repair(start.alpha)
        state.alpha[:, :count] = alpha
        state.total = float(alpha.sum())
        state.w[:, :count] = problem.combine(alpha).T
        state.imbalance = problem.imbalance(alpha)
        if problem.intercept_rule == "penalized":
            intercepts[:count] = state.imbalance
        elif problem.intercept_rule == "free":
            intercepts[:count] = start.intercept
    return state


def _sweep_once(problem: JointProblem, state: _Blocks, turns: int = 1) -> float:
    """Take `turns` steps at each active row; return what part of a sweep they are."""
    rows, count, n_classes = problem.rows, state.n_active, problem.n_classes
    # Few rows have room in the cache, and better be in random order.
    run = RUN if count > rows.chunk_size(state.width) else 1
    shuffle(rows, state.order, count, state.random_state, run)
    worst = np.zeros(4)
    state.before = state.intercepts[:n_classes].astype(np.float64)
    is_penalized = problem.intercept_rule == "penalized"
    state.n_active = state.rows.steps(
        problem, state, worst, turns, SAFELY, is_penalized=is_penalized
    )
    state.shrink_above, state.gap = SAFELY * float(worst[0]), float(worst[1])
    state.total += float(worst[2])
    if state.tau:
        # Sweeps over no row lead the intercepts on, in ever longer steps.
        state.push = 1.0 if count else min(2.0 * state.push, _LONGEST_PUSH)
        length = min(state.push * state.tau, 1.0 if is_penalized else np.inf)
        state.intercepts[:n_classes], state.imbalance = proximal_step(
            state.before,
            state.intercepts[:n_classes].astype(np.float64),
            state.imbalance,
            state.tau,
            penalized=is_penalized,
            length=length,
        )
    return max(float(worst[3]) / problem.n_rows, turns * LEAST_SWEEP)


def turns_of(count: int, left: float) -> int:
    """Return how many sweeps over some active rows are made in one call.

    They are no more than the visits that are left.
    """
    visits = min(float(_VISITS_OF_CALL), left)
    return int(max(1.0, min(visits / max(count, 1), _MOST_TURNS)))


def _look(progress: ProgressOf[JointProblem], state: _Blocks) -> float:
    """Certify on all rows, wake the rows that matter, and return the relative gap."""
    problem = progress.problem
    count = problem.n_classes
    factors = np.empty((0, 0))
    if problem.intercept_rule == "free":
        factors = _factors(problem, state)
        # Only their differences matter.
        moved = state.intercepts[:count]
        moved -= moved.mean(dtype=np.float64)
    w_of_duals, losses, gain, worst, imbalance = _survey(problem, state, factors)
    # A copy, as sweeps go on in the same memory.
    weights = state.w[:, :count].T.copy()
    intercepts = state.intercepts[:count].astype(np.float64)
    duals = JointDuals(problem, state.alpha[:, :count], factors[:, :count])
    certificate = Certificate(
        weights,
        intercepts,
        duals,
        problem.primal_of(weights, intercepts, losses),
        problem.dual_of(w_of_duals, gain, imbalance),
    )
    best = progress.best
    if best is None or best.join(certificate).duals is duals:
        certificate = replace(certificate, duals=_keep(problem, state, duals))
    awake = np.flatnonzero(state.outward <= SAFELY * worst)
    progress.record(certificate, proven=True, active=len(awake))
    state.order[: len(awake)] = awake
    state.n_active, state.shrink_above = len(awake), SAFELY * worst
    state.rows.pack(awake)
    # Rounding errors do not pile up.
    if problem.intercept_rule == "free" and needs_mending(
        state.w.dtype, state.unmended
    ):
        w_of_duals, *_, imbalance = _survey(problem, state, np.empty((0, 0)))
        state.unmended = 0.0
    elif problem.intercept_rule == "free":
        return certificate.relative_gap
    np.copyto(state.w, w_of_duals, casting="same_kind")
    state.imbalance = imbalance
    return certificate.relative_gap


def _keep(problem: JointProblem, state: _Blocks, duals: JointDuals) -> JointDuals:
    """Return a copy of duals, written over the last one, and sum them up anew."""
    if not len(state.kept):
        state.kept = np.empty_like(state.alpha)
    state.total = 0.0
    for first, last in problem.rows.chunks(problem.n_rows, work=_WORK * state.width):
        np.copyto(state.kept[first:last], state.alpha[first:last])
        state.total += float(state.kept[first:last].sum(dtype=np.float64))
    return replace(duals, raw=state.kept[:, : problem.n_classes])


def _factors(problem: JointProblem, state: _Blocks) -> Float64Array:
    """Return the factors that balance the duals, of shape (n_classes, width)."""
    count = problem.n_classes
    flows = np.zeros((count, state.width))
    _joint.flows(problem.codes, problem.cost, problem.total, state.alpha, flows)
    factors = np.ones_like(flows)
    factors[:, :count] = balancing_factors(
        flows[:, :count], problem.rows.check_cancelled
    )
    return factors


def _survey(
    problem: JointProblem, state: _Blocks, factors: Float64Array
) -> tuple[Float64Array, float, float, float, Float64Array]:
    """Look at all rows; return W(a), losses, gains, the worst violation and b(a)."""
    w_of_duals, sums = state.rows.survey(problem, state, factors)
    losses, gain, worst = map(float, sums[:3])
    return w_of_duals, losses, gain, worst, sums[3 : 3 + problem.n_classes].copy()

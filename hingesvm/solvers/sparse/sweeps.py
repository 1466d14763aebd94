r"""Sweeps of dual steps for penalties with kinks.

A step at row i is that of ``sweeping/steps.py``, with margins at the weights that v
stands for (proximal stochastic dual coordinate ascent: Shalev-Shwartz and Zhang, 2014).
As :math:`h^*` bends by at most 1 over the least strength s, a step of
:math:`1 / (\|x_i\|^2 / s + q_i)` never lowers D. Columns without strength get some that
holds their weights where they were a sweep ago: each sweep is then one of another
proximal point (Rockafellar, "Monotone operators and the proximal point algorithm",
1976), and certificates are of the problem as it is.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _vectors
from hingesvm.penalties import ColumnPenalty
from hingesvm.problems.binary import Problem
from hingesvm.problems.penalized import PenalizedProblem
from hingesvm.problems.start import Start
from hingesvm.rows.per_row import ColumnMap, proximal_step
from hingesvm.solvers.progress import CALL_WORK, Progress
from hingesvm.solvers.sparse.until import certificate_of
from hingesvm.solvers.sweeping.steps import (
    LEAST_SWEEP,
    RUN,
    SAFELY,
    Sweeps,
    intercept_step,
    random_bits,
    row_steps,
    shuffle,
    work_of_sweep,
)
from hingesvm.solvers.sweeping.until import LOOK, predicted_sweeps

__all__ = ["columns_near", "moved", "step_width", "sweep", "sweep_with_kinks"]

Float64Array = NDArray[np.float64]

# Strength that holds weights where they were a sweep ago, in columns that have none:
# relative to thresholds, and to the length of a typical row, as weights are. With
# more, sweeps are many; with less, steps are short
# (docs/experiments.md#sparse-weights).
_HOLD = 0.5
# Sweeps before the first look, and those between two as a part of all before: with more
# the end is seen late, with fewer looks take the time.
_FIRST_LOOK, _WAIT = 3.0, 0.3
# Sweeps that may remain, beside those taken, for them to go on: with more, slow ones go
# on in vain; with fewer, Newton steps begin just before the end.
_MOST_REMAINING, _LEAST_TAKEN = 2.0, 10.0


def sweep_with_kinks(progress: Progress, start: Start, seed: int) -> Start:
    """Sweep until converged, or until that seems to take too long.

    Parameters
    ----------
    progress : Progress
        Of a penalised problem.
    start : Start
        Feasible dual variables to start from.
    seed : int
        Of the order of rows.

    Returns
    -------
    Start
        Where the sweeps ended.
    """
    problem = progress.problem
    assert isinstance(problem, PenalizedProblem)
    state, columns = _first_state(problem, start, seed)
    flat = problem.penalty.strength == 0.0
    swept, since_look, wait, last = 0.0, 0.0, _FIRST_LOOK, np.inf
    before, work = progress.n_iter, progress.work
    while True:
        since_look += sweep(problem, state, columns)
        if problem.penalty.has_flat:
            columns = moved(columns, flat, columns.weights(state.w))
        progress.n_iter = before + math.ceil(swept + since_look)
        progress.work = work + (swept + since_look) * work_of_sweep(problem.rows)
        rough = state.n_active and since_look < wait
        if rough and not progress.exhausted:
            continue
        swept += max(since_look, LOOK)
        work += LOOK * work_of_sweep(problem.rows) + CALL_WORK
        ahead = _look(progress, problem, state, columns)
        assert ahead.w is not None
        columns = moved(columns, flat, ahead.w)
        gap = progress.relative_gap
        remaining = predicted_sweeps(gap, last, since_look, progress.tol)
        last, since_look, wait = gap, 0.0, max(1.0, _WAIT * swept)
        goes_on = remaining <= _MOST_REMAINING * swept or swept < _LEAST_TAKEN
        if progress.is_done() or not goes_on:
            return ahead


def moved(columns: ColumnMap, flat: NDArray[np.bool_], w: Float64Array) -> ColumnMap:
    """Return the map that holds the weights of flat columns where they are now."""
    return replace(columns, center=flat * columns.strength * w)


def columns_near(
    penalty: ColumnPenalty, squares: Float64Array, w: Float64Array
) -> ColumnMap:
    """Return the map of a penalty that holds the weights of flat columns.

    Parameters
    ----------
    penalty : ColumnPenalty
    squares : ndarray of float64, of shape (n_rows,)
        Squared norms of rows.
    w : ndarray of float64, of shape (n_features,)
        Where they are held.
    """
    flat = penalty.strength == 0.0
    hold = _HOLD * math.sqrt(float(squares.mean())) * penalty.threshold
    strength = np.where(flat, hold, penalty.strength)
    return ColumnMap(penalty.threshold, strength, flat * strength * w)


def step_width(columns: ColumnMap) -> float:
    """Return by what squared norms are to be divided in steps."""
    return float(columns.strength.min())


def _first_state(
    problem: PenalizedProblem, start: Start, seed: int
) -> tuple[Sweeps, ColumnMap]:
    """Return the state of sweeps at the dual variables of a start, whose w is v."""
    n_rows, squares = problem.n_rows, problem.rows.squared_norms()
    w = np.zeros(problem.rows.n_features) if start.w is None else start.w
    columns = columns_near(problem.penalty, squares, w)
    norms = squares / step_width(columns)
    mean = float(norms.mean())
    tau = intercept_step(problem.intercept_rule, mean, problem.cost, problem.curvature)
    alpha = np.array(start.alpha)
    state = Sweeps(
        row_steps(problem, norms, tau),
        tau,
        alpha,
        problem.combine(alpha),
        problem.intercept_of(alpha, float(start.intercept)),
        np.arange(n_rows, dtype=np.intp),
        n_rows,
        np.inf,
        random_bits(seed),
        problem.imbalance(alpha),
    )
    return state, columns


def sweep(problem: Problem, state: Sweeps, columns: ColumnMap) -> float:
    """Take one step at each active row, in random order; return how many, of all."""
    rows, count, before = problem.rows, state.n_active, state.intercept
    shuffle(rows, state.order, count, state.random_state, RUN)
    scalars = np.array([state.intercept, 0.0])
    state.n_active = rows.penalized_steps(problem, state, columns, scalars)
    state.intercept, worst = map(float, scalars)
    state.shrink_above = SAFELY * worst
    if state.tau:
        state.intercept, state.imbalance = proximal_step(
            before,
            state.intercept,
            state.imbalance,
            state.tau,
            penalized=problem.intercept_rule == "penalized",
        )
    return max(count / problem.n_rows, LEAST_SWEEP)


def _look(
    progress: Progress, problem: PenalizedProblem, state: Sweeps, columns: ColumnMap
) -> Start:
    """Certify on all rows, wake the rows that matter, and return where they are."""
    alpha = problem.repair(state.alpha)
    v = problem.combine(alpha)
    w = columns.weights(v)
    scores = problem.rows.margins(w)
    intercept = state.intercept
    if problem.intercept_rule == "free":
        intercept = problem.best_intercept(scores, alpha, intercept)
    shortfall = 1.0 - problem.signs * (scores + intercept)
    certificate = certificate_of(problem, w, intercept, alpha, v, shortfall)
    progress.record(certificate, proven=True, active=state.n_active)
    n_awake, worst = _vectors.wake(
        1.0 - problem.signs * (scores + state.intercept),
        state.alpha,
        problem.bound,
        problem.curvature,
        SAFELY,
        state.order,
    )
    state.n_active, state.shrink_above = int(n_awake), SAFELY * float(worst)
    state.imbalance = problem.imbalance(state.alpha)
    # That of dual variables which are not balanced, unlike those certified.
    is_free = problem.intercept_rule == "free"
    state.w = problem.combine(state.alpha) if is_free else v.copy()
    return Start(alpha, w, intercept, v)

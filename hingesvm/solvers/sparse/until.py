r"""Few columns at a time: those whose weights are not 0, and those that are to move.

The problem restricted to some columns is solved; then all columns are looked at. One
whose pull :math:`v_j` is beyond its threshold joins, the farthest first and no more
than about as many as there are, until the gap on all rows and columns is small enough.
So the products of columns, and most passes over the rows, are of few columns alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.certificate import Certificate
from hingesvm.problems.penalized import PenalizedProblem
from hingesvm.problems.proof import EXACT
from hingesvm.problems.start import Start
from hingesvm.solvers.newton.narrow import DRIFT
from hingesvm.solvers.newton.proximal import first_rho
from hingesvm.solvers.newton.starts import NewtonStart
from hingesvm.solvers.progress import Progress

__all__ = ["certificate_of", "columns_until"]

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]
#: Solves the problem of some columns to a relative gap; returns where it ended.
Inner = Callable[[Progress, Start, float], NewtonStart]

# Columns that join: so many in any case, or as many times those that take part. With
# more, products are of columns that stay at 0; with fewer, there are more rounds
# (docs/experiments.md#sparse-weights).
_FIRST, _GROWTH = 100, 2.0
# Columns of sparse rows up to which all take part: their products are few anyway, and
# each round takes passes over all rows.
_FEW_SPARSE = 500
# Pull, as a part of the threshold, from which a column stays: with more, columns leave
# and join again and again; with less they take time.
_NEAR = 0.8
# Rounds without gain that end it, behind the tolerance and before it, and the part of
# the gap that is left by one with gain: fewer give up too soon, more go on in vain.
_PATIENCE_AT_END, _PATIENCE, _GAINED = 1, 10, 0.8
# Gap of the problem of some columns, as a part of that of all; and the gap of all above
# which it gets no more than some steps, as others are missing more; where losses have
# bounds, steps of an inner problem that was not solved would be lost.
_PART, _FAR, _STEPS_FAR = 0.2, 0.05, 3
# Rounds without gain after which it gets as many steps as it takes.
_WAITED = 2


def columns_until(
    progress: Progress, start: Start, goal: float, most: int, inner: Inner
) -> None:
    """Solve problems of some columns until the gap of all of them is small enough.

    Parameters
    ----------
    progress : Progress
        Of a penalised problem.
    start : Start
    goal : float
        Relative gap to reach.
    most : int
        Columns that there is room for.
    inner : callable
        ``inner(progress, start, goal)`` solves a problem and returns where it ended.
    """
    problem = progress.problem
    assert isinstance(problem, PenalizedProblem)
    alpha = np.ascontiguousarray(start.alpha)
    w = np.zeros(problem.rows.n_features) if start.w is None else start.w
    intercept = float(start.intercept)
    if not alpha.any():
        alpha = problem.repair(_first_duals(problem, w, intercept))
    n_before, goal_before, waited, gap = -1, np.inf, 0, np.inf
    end: NewtonStart | None = None
    columns = np.empty(0, dtype=np.intp)
    shortfall: Float64Array | None = None
    while True:
        v = problem.combine(alpha)
        # Margins that were followed from step to step prove nothing.
        is_proven = shortfall is None or progress.relative_gap < DRIFT
        if shortfall is not None and not is_proven:
            certificate = certificate_of(problem, w, intercept, alpha, v, shortfall)
            is_proven = certificate.relative_gap <= goal
        if is_proven:
            intercept, shortfall = _shortfall(problem, w, intercept, alpha)
            certificate = certificate_of(problem, w, intercept, alpha, v, shortfall)
        progress.record(certificate, proven=is_proven, active=len(columns))
        if progress.exhausted or progress.relative_gap <= goal:
            return
        waited = 0 if progress.relative_gap <= _GAINED * gap else waited + 1
        gap = min(gap, progress.relative_gap)
        if waited > (_PATIENCE_AT_END if progress.converged else _PATIENCE):
            return
        before = columns
        chosen, kept = _chosen(problem, w, v, columns, most), None
        inner_goal = goal
        if len(chosen) < len(w):
            inner_goal = max(_PART * progress.relative_gap, 0.5 * goal)
        if end is not None and np.isin(chosen, columns).all():
            # None has joined: the steps go on, if there were any or more is asked.
            if progress.n_iter == n_before and inner_goal >= goal_before:
                return
            kept = end.kept
        elif len(chosen) < len(w):
            columns = chosen
            part = problem.on_columns(problem.rows.columns(columns), columns)
        else:
            columns, part = chosen, problem
        max_iter = progress.max_iter
        is_far = progress.relative_gap > _FAR and not np.isfinite(problem.bound[0])
        if len(columns) < len(w) and is_far and waited < _WAITED:
            max_iter = min(max_iter, progress.n_iter + _STEPS_FAR)
        tol = max(inner_goal, min(progress.tol, EXACT))
        n_before, goal_before = progress.n_iter, inner_goal
        inside = Progress(part, tol, max_iter, progress.n_iter)
        point = Start(alpha, w[columns], intercept, v[columns])
        if end is not None:
            rho = end.rho
            if kept is None and problem.has_kink:
                # The more columns are new, the more it is as at the beginning.
                n_new = int(np.count_nonzero(np.isin(columns, before, invert=True)))
                new = n_new / max(len(columns), 1)
                first = first_rho(problem, end.unit, alpha)
                rho = rho ** (1.0 - new) * first**new
            point = end.moved(point, shortfall, kept, rho)
        end = inner(inside, point, inner_goal)
        progress.n_iter, progress.work = inside.n_iter, progress.work + inside.work
        w = np.zeros_like(w)
        assert end.w is not None
        w[columns] = end.w
        alpha, intercept = end.alpha, float(end.intercept)
        shortfall = end.shortfall


def certificate_of(
    problem: PenalizedProblem,
    w: Float64Array,
    intercept: float,
    alpha: Float64Array,
    v: Float64Array,
    shortfall: Float64Array,
) -> Certificate:
    """Return the certificate of a point whose margins are known."""
    primal = problem.primal_of(w, intercept, problem.loss_sum(shortfall))
    dual = problem.dual(alpha, v)
    return Certificate(w, intercept, alpha, primal, dual, v)


def _first_duals(
    problem: PenalizedProblem, w: Float64Array, intercept: float
) -> Float64Array:
    """Return dual variables to begin with: slopes, or the middle of the box."""
    if problem.has_kink:
        return np.ascontiguousarray(0.5 * problem.bound)
    return problem.slopes(1.0 - problem.margins(w, intercept))


def _shortfall(
    problem: PenalizedProblem, w: Float64Array, intercept: float, alpha: Float64Array
) -> tuple[float, Float64Array]:
    """Return the best intercept for weights, and 1 - m with it."""
    if not w.any() and problem.intercept_rule == "none":
        return intercept, np.ones(problem.n_rows)
    scores = problem.rows.margins(w)
    if problem.intercept_rule == "free":
        intercept = problem.best_intercept(scores, alpha, intercept)
    return intercept, 1.0 - problem.signs * (scores + intercept)


def _chosen(
    problem: PenalizedProblem,
    w: Float64Array,
    v: Float64Array,
    columns: IndexArray,
    most: int,
) -> IndexArray:
    """Return the columns of the next problem, in ascending order."""
    penalty = problem.penalty
    if problem.rows.is_sparse and len(w) <= min(_FEW_SPARSE, most):
        return np.arange(len(w))
    size = np.abs(v)
    takes_part = w != 0.0
    takes_part[columns] |= size[columns] > _NEAR * penalty.threshold[columns]
    n_kept = int(np.count_nonzero(takes_part))
    excess = size - penalty.threshold
    excess[takes_part] = 0.0
    beyond = np.flatnonzero(excess > 0.0)
    room = max(_FIRST, int(_GROWTH * n_kept))
    room = min(room, most - n_kept)
    if len(beyond) > room:
        farthest = np.argpartition(-excess[beyond], room - 1)[:room]
        beyond = beyond[farthest]
    takes_part[beyond] = True
    return np.flatnonzero(takes_part)

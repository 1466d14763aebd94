"""The one door to the solvers: `solve` chooses a method and hands over to the next."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hingesvm.solvers.bands import band_until, nest
from hingesvm.solvers.batch import newton_until
from hingesvm.solvers.certificate import Certificate
from hingesvm.solvers.joint_problem import JointProblem
from hingesvm.solvers.jointly import solve_jointly
from hingesvm.solvers.narrow import is_narrow
from hingesvm.solvers.newton import LARGEST_SYSTEM
from hingesvm.solvers.pegasos import step_until
from hingesvm.solvers.problem import InterceptRule, Problem
from hingesvm.solvers.progress import (
    Check,
    Progress,
    Report,
    Solution,
    Start,
    feasible_start,
)
from hingesvm.solvers.rays import along_ray, with_bounds
from hingesvm.solvers.rows import Rows
from hingesvm.solvers.stochastic import LONGEST_WAIT, sweep_until
from hingesvm.solvers.together import most_lanes, sweep_together

__all__ = [
    "Certificate",
    "Check",
    "InterceptRule",
    "JointProblem",
    "Method",
    "Problem",
    "Progress",
    "Report",
    "Rows",
    "Solution",
    "Start",
    "along_ray",
    "begin_together",
    "go_on",
    "most_together",
    "solve",
    "solve_jointly",
]

Method = Literal["auto", "stochastic", "batch", "pegasos"]

# Rows, and n_rows * n_features, of a problem that is always finished exactly.
_FEW_ROWS, _SMALL = 10_000, 4_000_000
# Relative gap that an exact finish aims at, so that rounding alone ends it.
_OUT_OF_REACH = -1.0
# Relative gap that an exact finish must certify.
_EXACT = 1e-10
# Sums whose squares are finite.
_LARGEST = 1e150
# Relative gap from which the exact finish of a small problem takes over.
_ROUGH = 1e-3
# Sweeps that a small problem gets before.
_FIRST_SWEEPS = 10
# Rows for each column from which a sample tells more than sweeps do.
_TALL = 1000
# Multiply-adds of dense linear algebra in the time of one in a sweep.
_DENSE_SPEEDUP = 8.0
# The same for a product of two sparse matrices, which is slower.
_SPARSE_SLOWDOWN = 4.0
# Multiply-adds for each entry of X in a Newton step by conjugate gradients.
_CONJUGATE_GRADIENTS = 1000.0
# Newton steps of a finish on bands, and the price of each beside its linear algebra.
_TYPICAL_STEPS, _SWEEPS_PER_STEP = 30, 0.25
# Sweeps taken before a prediction is believed, as a part of the other's price.
_EVIDENCE = 0.1
# Iterations of `max_iter` that are left for Newton steps.
_RESERVE = 100
# Part of the rows that is strictly inside its box in a typical step: at least, and at
# most.
_FREE_IF_TALL, _FREE_IF_WIDE = 0.02, 0.3


def solve(
    problem: Problem,
    *,
    method: Method = "auto",
    tol: float = 1e-4,
    max_iter: int = 1000,
    seed: int = 0,
    start: Start | None = None,
    report: Report | None = None,
    exact: bool = True,
) -> Solution:
    """Solve a binary problem to a relative duality gap.

    Parameters
    ----------
    problem : Problem
    method : {"auto", "stochastic", "batch", "pegasos"}, default="auto"
        "auto" sweeps, and hands over to the batch method when the progress measured
        so far predicts that to be cheaper, counted in arithmetic rather than in
        seconds so that the choice is reproducible. With 1000 rows or more for each
        column it takes the batch method from the start. A small problem (up to 10,000
        rows and n_rows * n_features up to 4 million) ends exact to rounding, and takes
        the batch method from the start if it has up to 64 dense columns.
    tol : float, default=1e-4
        Relative duality gap to reach.
    max_iter : int, default=1000
        Bound on sweeps and Newton steps together.
    seed : int, default=0
        Of the order of rows.
    start : Start, optional
        Dual variables to start from, repaired if infeasible, and weights and
        intercept if better ones than theirs are known. What it says was found is
        believed.
    report : callable, optional
        Called at each look at the gap with what it found, a Check, and the
        certificate; True ends the fit with the best points so far.
    exact : bool, default=True
        Whether a small problem ends exact to rounding; if not, it ends at `tol` too.

    Returns
    -------
    Solution
        Its certificate is computed from scratch on all rows.
    """
    _check_range(problem)
    progress = Progress(problem, tol, max_iter, report=report, exact=exact)
    first = Start(np.broadcast_to(0.0, problem.n_rows))
    if start is not None:
        first = start = feasible_start(problem, start)
    if start is None or start.found is None:
        progress.record(problem.origin())
        if progress.exhausted:
            return progress.solution()
    if start is not None and start.found is not None:
        progress.record(start.found, proven=True)
        if progress.relative_gap <= _goal(progress, method):
            return progress.solution()
    elif start is not None and (method == "pegasos" or _is_small(problem)):
        progress.record(problem.certify(start.alpha, start.w, start.intercept))
        if progress.relative_gap <= _goal(progress, method):
            return progress.solution()
    elif start is not None:
        first = start = replace(start, is_unseen=True)
    if method == "stochastic":
        sweep_until(progress, first, seed)
    elif method == "pegasos":
        step_until(progress, first, seed)
    elif method == "batch":
        _finish(progress, None if start is None else first, seed)
    elif _is_small(problem):
        _solve_small(progress, first, seed)
    else:
        _solve_large(progress, None if start is None else first, seed)
    return progress.solution()


def most_together(
    problem: Problem, *, method: Method = "auto", tol: float = 1e-4
) -> int:
    """Return for how many problems like this one `begin_together` saves time.

    1 if each is better solved alone.
    """
    if method == "auto":
        by_sweeps = not (_is_small(problem) or _is_tall(problem))
    else:
        by_sweeps = method == "stochastic"
    return most_lanes(problem, tol) if by_sweeps else 1


def begin_together(
    problems: Sequence[Problem],
    lane: NDArray[np.int8],
    *,
    method: Method = "auto",
    tol: float = 1e-4,
    max_iter: int = 1000,
    seed: int = 0,
    reports: Sequence[Report | None],
    starts: Sequence[Start] | None = None,
    exact: bool = True,
) -> list[Progress]:
    """Sweep over several classes, each against the rest, as far as that pays.

    Parameters
    ----------
    problems : sequence of Problem
        No more than `most_together` says; they share all but their signs.
    lane : ndarray of int8, of shape (n_rows,)
        For each row the place of its class among the problems, or -1.
    method : {"auto", "stochastic"}, default="auto"
    tol, max_iter, seed
        As of `solve`.
    reports : sequence of callable or None
        As of `solve`, one for each problem.
    starts : sequence of Start, optional
        Where to start, with weights, one for each problem. The dual variables may be of
        other costs.
    exact : bool, default=True
        As of `solve`.

    Returns
    -------
    list of Progress
        For `go_on`, one for each problem.
    """
    _check_range(problems[0])
    each = [
        Progress(problem, tol, max_iter, report=report, exact=exact)
        for problem, report in zip(problems, reports, strict=True)
    ]
    for progress in each:
        progress.record(progress.problem.origin())
    if all(progress.exhausted for progress in each):
        return each
    hand_over = _hand_over(each[0]) if method == "auto" else None
    if starts is not None:
        starts = [
            with_bounds(problem, start)
            for problem, start in zip(problems, starts, strict=True)
        ]
    sweep_together(each, lane, seed, hand_over, starts)
    return each


def go_on(progress: Progress, seed: int) -> Solution:
    """Solve a problem that was begun with others, by Newton steps if it is not yet."""
    _finish_and_sweep(progress, seed)
    return progress.solution()


def _check_range(problem: Problem) -> None:
    """Refuse data whose objective could overflow."""
    rows, cost = problem.rows, problem.cost
    total = float(cost[0]) * len(cost) if cost.strides[0] == 0 else float(cost.sum())
    if rows.largest_possible() * (1.0 + total) < _LARGEST:
        return
    longest = math.sqrt(float(rows.squared_norms().max()))
    if longest * (1.0 + total) < _LARGEST:
        return
    with np.errstate(over="ignore"):
        largest = float((cost * np.sqrt(rows.squared_norms())).sum())
    if not (largest < _LARGEST and longest < _LARGEST):
        raise ValueError(
            "The values of X, or C times those of X, are so large that their squares "
            "overflow: scale X or reduce C."
        )


def _goal(progress: Progress, method: Method) -> float:
    """Return the relative gap that a method must certify."""
    exact = progress.exact and method in ("auto", "batch")
    exact = exact and _is_small(progress.problem)
    return min(progress.tol, _EXACT) if exact else progress.tol


def _is_small(problem: Problem) -> bool:
    """Whether a problem is always finished exactly."""
    n_rows = problem.n_rows
    return n_rows <= _FEW_ROWS and n_rows * problem.rows.n_features <= _SMALL


def _solve_small(progress: Progress, first: Start, seed: int) -> None:
    """Sweep a little, then finish with Newton steps, to rounding if it is exact.

    A few dense columns need no sweeps before: Newton steps in one call take no longer.
    """
    if progress.exact and is_narrow(progress.problem):
        is_cold = not first.alpha.any() and first.w is None
        _finish(progress, progress.start() if is_cold else first, seed)
    else:
        tol, max_iter = progress.tol, progress.max_iter
        progress.tol = _ROUGH if progress.exact else max(tol, _ROUGH)
        progress.max_iter = min(_FIRST_SWEEPS, max_iter)
        sweep_until(progress, first, seed)
        progress.tol, progress.max_iter = tol, max_iter
        if progress.exact or not (progress.converged or progress.exhausted):
            _finish(progress, progress.start(), seed)
    if not progress.converged and not progress.exhausted:
        sweep_until(progress, progress.start(), seed)


def _finish(progress: Progress, start: Start | None, seed: int) -> None:
    """Take Newton steps to the tolerance, or on a small problem to rounding."""
    problem = progress.problem
    if not _is_small(problem):
        if start is None or not (start.alpha.any() or start.w is not None):
            start = nest(progress, seed)
        band_until(progress, start, progress.tol, lambda: nest(progress, seed))
        return
    if start is None:
        start = Start(np.zeros(problem.n_rows))
    if not progress.exact:
        newton_until(progress, start, goal=progress.tol)
        return
    tol = progress.tol
    progress.tol = min(tol, _EXACT)
    newton_until(progress, start, goal=_OUT_OF_REACH)
    progress.tol = tol


def _solve_large(progress: Progress, start: Start | None, seed: int) -> None:
    """Sweep while that is the cheaper way, then take Newton steps.

    Where there are very many rows for each column, a sample of them makes the better
    start, unless a class is too rare for one.
    """
    problem = progress.problem
    near = None
    if _is_tall(problem):
        near = nest(progress, seed) if start is None else start
    if near is not None:
        band_until(progress, near, progress.tol, lambda: nest(progress, seed))
    else:
        first = Start(np.zeros(problem.n_rows)) if start is None else start
        sweep_until(progress, first, seed, _hand_over(progress))
        _finish_and_sweep(progress, seed)
        return
    if not progress.converged and not progress.exhausted:
        sweep_until(progress, progress.start(), seed)


def _finish_and_sweep(progress: Progress, seed: int) -> None:
    """Take Newton steps if anything is left to do, and sweeps if there still is."""
    for method in (_finish, sweep_until):
        if not progress.converged and not progress.exhausted:
            method(progress, progress.start(), seed)


def _is_tall(problem: Problem) -> bool:
    """Whether a sample of the rows makes a better start than sweeps."""
    least = min(problem.n_rows / _TALL, LARGEST_SYSTEM)
    return problem.rows.n_features <= least


def _hand_over(progress: Progress) -> Callable[[float, float], bool]:
    """Return the rule by which sweeps are left for Newton steps.

    When they are predicted to cost more, or more than `max_iter` allows and the next
    look could leave too few iterations for Newton steps.
    """
    price = _newton_price(progress.problem)

    def is_dearer(taken: float, remaining: float) -> bool:
        left = progress.max_iter - progress.n_iter
        if remaining > price and taken > _EVIDENCE * price:
            return True
        return remaining > left and left - LONGEST_WAIT * taken < _RESERVE

    return is_dearer


def _newton_price(problem: Problem) -> float:
    """Return the price of a finish by Newton steps, in sweeps over all rows."""
    n, d, entries = problem.n_rows, problem.rows.n_features, problem.rows.n_entries
    # At the optimum about as many rows are free as there are columns, if so many are.
    free = min(max(_FREE_IF_TALL * n, d), _FREE_IF_WIDE * n)
    per_row = entries / n
    if problem.rows.is_sparse:
        by_columns = free * per_row * per_row
    else:
        by_columns = free * d * d / _DENSE_SPEEDUP
    by_columns += d**3 / (3.0 * _DENSE_SPEEDUP)
    by_rows = free**3 / (3.0 * _DENSE_SPEEDUP)
    if problem.rows.is_sparse:
        by_rows += _SPARSE_SLOWDOWN * free * free * per_row * per_row / d
    else:
        by_rows += free * free * d / _DENSE_SPEEDUP
    prices = [_CONJUGATE_GRADIENTS * entries]
    if d <= LARGEST_SYSTEM:
        prices.append(by_columns)
    if free <= LARGEST_SYSTEM:
        prices.append(by_rows)
    per_step = _SWEEPS_PER_STEP + min(prices) / (3.0 * entries + 10.0 * n)
    return _TYPICAL_STEPS * per_step

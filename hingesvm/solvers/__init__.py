"""The one door to the solvers: `solve` chooses a method and hands over to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.problems.proof import EXACT
from hingesvm.problems.rays import with_bounds
from hingesvm.problems.start import (
    CertifiedStart,
    Start,
    UnseenStart,
    feasible_start,
)
from hingesvm.rows.per_row import repeated
from hingesvm.solvers.choice import (
    are_swept_first,
    finish,
    hand_over,
    hand_over_soon,
    is_small,
    is_tall,
    solve_in_turns,
    solve_tall,
)
from hingesvm.solvers.joint.choice import solve_jointly
from hingesvm.solvers.passes import in_memory_if_few, solve_by_passes
from hingesvm.solvers.progress import CHEAP, Check, Progress, Report, Solution
from hingesvm.solvers.settings import Method, Settings
from hingesvm.solvers.sparse.choice import solve_penalized
from hingesvm.solvers.sparse.scaled import has_other_units, solve_in_units
from hingesvm.solvers.sweeping.lanes import most_lanes
from hingesvm.solvers.sweeping.pegasos import step_until
from hingesvm.solvers.sweeping.steps import work_of_sweep
from hingesvm.solvers.sweeping.together import sweep_together
from hingesvm.solvers.sweeping.until import sweep_until

__all__ = [
    "LARGEST_SUM",
    "Check",
    "Method",
    "Progress",
    "Report",
    "Settings",
    "Solution",
    "begin_together",
    "check_range",
    "go_on",
    "most_together",
    "solve",
    "solve_jointly",
    "too_large",
]

_DEFAULTS = Settings()

#: Sums whose squares are finite.
LARGEST_SUM = 1e150


def solve(
    problem: Problem,
    settings: Settings = _DEFAULTS,
    *,
    seed: int = 0,
    start: Start | None = None,
    report: Report | None = None,
    n_problems: int = 1,
    **changes: Any,
) -> Solution:
    """Solve a binary problem to a relative duality gap.

    Parameters
    ----------
    problem : Problem
    settings : Settings, optional
    seed : int, default=0
        Of the order of rows.
    start : Start, optional
        Where to start; dual variables are repaired if they are infeasible. The
        certificate of a `CertifiedStart` is believed, and others are looked at.
    report : callable, optional
        Called at each look at the gap with what it found, a Check, and the
        certificate; True ends the fit with the best points so far.
    n_problems : int, default=1
        Problems of the same fit, which share the work that an exact finish may take.
    **changes
        Settings that are to be others than those of `settings`.

    Returns
    -------
    Solution
        Its certificate is computed from scratch on all rows.
    """
    settings = replace(settings, **changes)
    method = settings.method
    problem = in_memory_if_few(problem)
    check_range(problem)
    progress = _progress(problem, settings, report, n_problems)
    if start is not None:
        start = feasible_start(problem, start)
    if isinstance(start, CertifiedStart):
        progress.record(start.certificate, proven=True)
    else:
        progress.record(problem.origin())
        if progress.exhausted:
            return progress.solution()
        if start is not None and (method == "pegasos" or is_small(problem)):
            progress.record(problem.certify(start.alpha, start.w, start.intercept))
        elif start is not None:
            start = UnseenStart.of(start)
    is_seen = start is not None and not isinstance(start, UnseenStart)
    if is_seen and progress.relative_gap <= _goal(progress, method):
        return progress.solution()
    if problem.penalty is None:
        _solve_by_norm(progress, start, seed, method)
        return progress.solution()
    if has_other_units(problem):
        by_norm = partial(_solve_by_norm, method=method)
        start = solve_in_units(progress, start, seed, by_norm)
    if not (progress.exhausted or progress.relative_gap <= _goal(progress, method)):
        solve_penalized(progress, start, seed)
    return progress.solution()


def _solve_by_norm(
    progress: Progress, start: Start | None, seed: int, method: Method
) -> None:
    """Solve a problem whose penalty is half of the squared norm."""
    problem = progress.problem
    if problem.rows.reads_in_passes:
        solve_by_passes(progress, start, seed, method)
    elif method == "stochastic":
        sweep_until(progress, start or _zeros(problem), seed)
    elif method == "pegasos":
        step_until(progress, start or _zeros(problem), seed)
    elif method == "batch":
        finish(progress, start, seed)
    else:
        _choose(progress, start, seed)


def _zeros(problem: Problem) -> Start:
    """Return dual variables of 0 as a start."""
    return Start(repeated(0.0, problem.n_rows))


def _choose(progress: Progress, start: Start | None, seed: int) -> None:
    """Solve a problem by the method that suits it."""
    solved = False
    if is_tall(progress.problem) and not is_small(progress.problem):
        solved = solve_tall(progress, start, seed)
    if not solved:
        solve_in_turns(progress, start, seed)


def most_together(
    problem: Problem, n_problems: int, settings: Settings = _DEFAULTS, **changes: Any
) -> int:
    """Return how many of the problems of a fit `begin_together` had better begin.

    This is 1 if each is better solved alone.
    """
    settings = replace(settings, **changes)
    if settings.method == "auto":
        by_sweeps = are_swept_first(problem, n_problems)
    else:
        by_sweeps = settings.method == "stochastic"
    return most_lanes(problem, settings.tol) if by_sweeps else 1


def begin_together(
    problems: Sequence[Problem],
    lane: NDArray[np.int8],
    settings: Settings = _DEFAULTS,
    *,
    seed: int = 0,
    reports: Sequence[Report | None],
    starts: Sequence[Start] | None = None,
    n_problems: int = 1,
    **changes: Any,
) -> list[Progress]:
    """Sweep over several classes, each against the rest, as far as that pays.

    Parameters
    ----------
    problems : sequence of Problem
        No more than `most_together` says; they share all but their signs.
    lane : ndarray of int8, of shape (n_rows,)
        For each row the place of its class among the problems, or -1.
    settings : Settings, optional
        With the method "auto" or "stochastic".
    seed : int, default=0
        As of `solve`.
    reports : sequence of callable or None
        As of `solve`, one for each problem.
    starts : sequence of Start, optional
        Where to start, with weights, one for each problem. The dual variables may be of
        other costs.
    n_problems : int, default=1
    **changes
        As of `solve`.

    Returns
    -------
    list of Progress
        For `go_on`, one for each problem.
    """
    settings = replace(settings, **changes)
    check_range(problems[0])
    progresses = [
        _progress(problem, settings, report, n_problems)
        for problem, report in zip(problems, reports, strict=True)
    ]
    for progress in progresses:
        progress.record(progress.problem.origin())
    if all(progress.exhausted for progress in progresses):
        return progresses
    is_dearer: Callable[[float, float], bool] | None = None
    if settings.method == "auto":
        suits_newton = is_small(problems[0]) or is_tall(problems[0])
        is_dearer = hand_over_soon if suits_newton else hand_over(progresses[0])
    if starts is not None:
        starts = [
            with_bounds(problem, start)
            for problem, start in zip(problems, starts, strict=True)
        ]
    sweep_together(progresses, lane, seed, is_dearer, starts)
    for progress in progresses:
        progress.work = progress.n_iter * work_of_sweep(progress.problem.rows)
    return progresses


def go_on(progress: Progress, seed: int, method: Method = "auto") -> Solution:
    """Solve a problem that was begun with others, by Newton steps if it is not yet."""
    is_done = progress.relative_gap <= _goal(progress, method)
    if not is_done and not progress.exhausted:
        _choose(progress, None, seed)
    return progress.solution()


def check_range(problem: Problem) -> None:
    """Refuse data whose objective could overflow."""
    rows, cost = problem.rows, problem.cost
    total = float(cost[0]) * len(cost) if cost.strides[0] == 0 else float(cost.sum())
    if rows.largest_possible() * (1.0 + total) < LARGEST_SUM:
        return
    longest = rows.longest()
    if longest * (1.0 + total) < LARGEST_SUM:
        return
    with np.errstate(over="ignore"):
        largest = float((cost * np.sqrt(rows.squared_norms())).sum())
    if not (largest < LARGEST_SUM and longest < LARGEST_SUM):
        raise too_large()


def too_large() -> ValueError:
    """Return the error about data whose objective could overflow."""
    return ValueError(
        "The values of X, or C times those of X, are so large that their squares "
        "overflow: scale X or reduce C."
    )


def _progress(
    problem: Problem, settings: Settings, report: Report | None, n_problems: int
) -> Progress:
    """Return the progress of a problem that nobody has worked on yet."""
    return Progress(
        problem,
        settings.tol,
        settings.max_iter,
        report=report,
        exact=settings.exact,
        cheap=CHEAP / n_problems,
    )


def _goal(progress: Progress, method: Method) -> float:
    """Return the relative gap that a method must certify."""
    exact = progress.exact and method in ("auto", "batch")
    exact = exact and is_small(progress.problem)
    return min(progress.tol, EXACT) if exact else progress.tol

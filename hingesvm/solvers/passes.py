"""Problems whose rows are read in passes: few passes, and much work with each.

A table begins with a sample, which is solved in memory; wide sparse rows begin with
some sweeps. Then bands of rows are gathered and solved in memory, and each is followed
by a survey of all rows, which certifies. Where bands do not suit, all rows are gathered
if there is room for them. Else Newton steps read all rows, two or three times each, or
sweeps gather one part of them after the other.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hingesvm.problems.binary import Problem
from hingesvm.problems.start import Start, UnseenStart
from hingesvm.rows.per_row import repeated
from hingesvm.solvers.choice import finish, solve_in_turns
from hingesvm.solvers.newton.bands import LEAST_BAND, band_until, nest
from hingesvm.solvers.newton.system import LARGEST_SYSTEM
from hingesvm.solvers.newton.until import newton_until
from hingesvm.solvers.progress import Progress
from hingesvm.solvers.settings import Method
from hingesvm.solvers.sweeping.blocks import sweep_all_rows, sweep_parts
from hingesvm.solvers.sweeping.steps import WIDE
from hingesvm.solvers.sweeping.until import sweep_until

__all__ = ["in_memory", "in_memory_if_few", "solve_by_passes"]

# Passes of sweeps before the first survey: more take passes, less leave bands that are
# far from the rows that matter.
_FIRST_PASSES = 3


def solve_by_passes(
    progress: Progress, start: Start | None, seed: int, method: Method
) -> None:
    """Solve a problem whose rows are read in passes.

    Parameters
    ----------
    progress : Progress
        Its problem has its rows in memory at the end, if these had to be gathered.
    start : Start or None
        Where to start, if something is known.
    seed : int
        Of the sample and of the order of rows.
    method : {"auto", "stochastic", "batch"}
        Bands are solved by sweeps where it says so, or "auto" finds sparse rows of
        more than 2000 columns, and else by Newton steps.
    """
    problem = progress.problem
    is_wide = problem.rows.is_sparse and problem.rows.n_features > WIDE
    by_sweeps = method == "stochastic" or (method == "auto" and is_wide)
    near = start if by_sweeps or start is not None else nest(progress, seed)
    if near is None:
        zeros = Start(repeated(0.0, problem.n_rows))
        near = sweep_all_rows(progress, zeros, seed, _FIRST_PASSES)
    elif isinstance(near, UnseenStart) and near.w is None:
        near = Start(near.alpha, problem.combine(near.alpha), near.intercept)
    sweeps_seed = seed + 1 if by_sweeps else None
    band_until(progress, near, progress.tol, sweeps_seed=sweeps_seed)
    if progress.is_done():
        return
    if problem.n_rows <= problem.rows.most_at_once:
        _go_on_in_memory(progress, seed, method)
        return
    if not by_sweeps and problem.rows.n_features <= LARGEST_SYSTEM:
        newton_until(progress, progress.start(), progress.tol)
    if not progress.is_done():
        sweep_parts(progress, progress.start(), seed)


def in_memory_if_few(problem: Problem) -> Problem:
    """Return the problem with its rows in memory, if they are no more than a band."""
    rows = problem.rows
    if not rows.reads_in_passes or rows.n_rows > min(LEAST_BAND, rows.most_at_once):
        return problem
    return in_memory(problem)


def in_memory(problem: Problem) -> Problem:
    """Return the same problem with all its rows in memory; one pass."""
    everyone = np.arange(problem.n_rows, dtype=np.intp)
    return replace(problem, rows=problem.rows.subset(everyone))


def _go_on_in_memory(progress: Progress, seed: int, method: Method) -> None:
    """Gather all rows, and go on as if they had been in memory."""
    progress.problem = in_memory(progress.problem)
    if method == "auto":
        solve_in_turns(progress, progress.start(), seed)
    elif method == "batch":
        finish(progress, progress.start(), seed)
    if not progress.is_done():
        sweep_until(progress, progress.start(), seed)

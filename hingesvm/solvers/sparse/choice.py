"""Which method when, for penalties with kinks."""

from __future__ import annotations

import numpy as np

from hingesvm.problems.binary import Problem
from hingesvm.problems.proof import EXACT
from hingesvm.problems.start import Start
from hingesvm.solvers.choice import finish, is_small
from hingesvm.solvers.newton.bands import band_until, nest
from hingesvm.solvers.newton.starts import NewtonStart, WeightsStart
from hingesvm.solvers.newton.system import LARGEST_SYSTEM
from hingesvm.solvers.newton.until import newton_until
from hingesvm.solvers.passes import in_memory
from hingesvm.solvers.progress import Progress
from hingesvm.solvers.sparse.sweeps import sweep_with_kinks
from hingesvm.solvers.sparse.until import columns_until
from hingesvm.solvers.sweeping.steps import WIDE

__all__ = ["FEW_COLUMNS", "columns_from", "solve_penalized"]

#: Columns up to which all take part: to choose among so few takes longer than it saves
# (docs/experiments.md#sparse-weights).
FEW_COLUMNS = 100
# Columns of sparse rows from which losses with a kink begin with sweeps, where all
# columns have strength: with fewer, Newton steps are cheaper than sweeps in vain; with
# more, they are dearer (docs/experiments.md#sparse-weights).
_SWEPT_COLUMNS = 200
# Columns beyond their threshold at w = 0 from which wide sparse rows begin with sweeps:
# with fewer, a few columns are soon found and solved; with more, they are many at the
# end (docs/experiments.md#sparse-weights).
_MANY_BEYOND = 2500
# Entries of the columns of one problem, at most: a bound of memory.
_MOST_ENTRIES = 1 << 26


def solve_penalized(progress: Progress, start: Start | None, seed: int) -> None:
    """Solve a problem whose penalty has kinks.

    Parameters
    ----------
    progress : Progress
    start : Start or None
    seed : int
        Of samples of the rows.
    """
    problem = progress.problem
    if problem.rows.reads_in_passes:
        if problem.n_rows <= problem.rows.most_at_once:
            progress.problem = problem = in_memory(problem)
        elif problem.rows.n_features <= LARGEST_SYSTEM:
            _solve_by_bands(progress, start, seed)
            return
    if problem.rows.n_features <= FEW_COLUMNS:
        finish(progress, start, seed)
        return
    goal = progress.tol
    if is_small(problem) and progress.exact:
        goal = min(goal, 0.01 * EXACT)
    first = Start(np.zeros(problem.n_rows)) if start is None else start
    if _sweeps_first(problem):
        first = sweep_with_kinks(progress, first, seed)
        if progress.relative_gap <= goal or progress.exhausted:
            return
    columns_from(progress, first, goal)


def columns_from(progress: Progress, start: Start, goal: float) -> None:
    """Take Newton steps on few columns at a time, or on all if they are few.

    Parameters
    ----------
    progress : Progress
        Of a penalised problem.
    start : Start
    goal : float
        Relative gap to reach.
    """
    rows = progress.problem.rows
    if rows.n_features <= FEW_COLUMNS:
        newton_until(progress, start, goal)
        return

    def inner(inside: Progress, point: Start, gap: float) -> NewtonStart:
        return newton_until(inside, point, goal=gap)

    per_column = max(rows.n_entries / max(rows.n_features, 1), 1.0)
    columns_until(progress, start, goal, int(_MOST_ENTRIES / per_column), inner)


def _sweeps_first(problem: Problem) -> bool:
    """Whether sweeps are to begin: with sparse rows, where steps are dear or many."""
    assert problem.penalty is not None
    if not problem.rows.is_sparse:
        return False
    is_wide = problem.rows.n_features > WIDE
    if problem.penalty.has_flat:
        return is_wide and _many_may_move(problem)
    return is_wide or (problem.has_kink and problem.rows.n_features > _SWEPT_COLUMNS)


def _many_may_move(problem: Problem) -> bool:
    """Whether many columns are beyond their threshold at w = 0."""
    assert problem.penalty is not None
    alpha = problem.repair(problem.slopes(np.ones(problem.n_rows)))
    size = np.abs(problem.combine(alpha))
    return int(np.count_nonzero(size > problem.penalty.threshold)) > _MANY_BEYOND


def _solve_by_bands(progress: Progress, start: Start | None, seed: int) -> None:
    """Solve a problem whose rows are read in passes, on a sample and on bands of them.

    Where bands do not suit, Newton steps read all rows, two or three times each.
    """
    problem = progress.problem
    near: Start | WeightsStart | None = start
    if start is None or start.w is None:
        near = nest(progress, seed)
    if near is None:
        near = WeightsStart(np.zeros(problem.rows.n_features), 0.0)
    band_until(progress, near, progress.tol)
    if not progress.is_done():
        newton_until(progress, progress.start(), progress.tol)

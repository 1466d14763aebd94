"""Which method when, for penalties with kinks."""

from __future__ import annotations

import numpy as np

from hingesvm.problems.proof import EXACT
from hingesvm.problems.start import Start
from hingesvm.solvers.choice import finish, is_small
from hingesvm.solvers.newton.starts import NewtonStart
from hingesvm.solvers.newton.until import newton_until
from hingesvm.solvers.progress import Progress
from hingesvm.solvers.sparse.until import columns_until

__all__ = ["solve_penalized"]

# Columns up to which all take part: to choose among so few takes longer than it saves
# (docs/experiments.md#sparse-weights).
_FEW_COLUMNS = 100
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
    if problem.rows.n_features <= _FEW_COLUMNS:
        finish(progress, start, seed)
        return
    goal = progress.tol
    if is_small(problem) and progress.exact:
        goal = min(goal, 0.01 * EXACT)
    first = Start(np.zeros(problem.n_rows)) if start is None else start

    def inner(inside: Progress, point: Start, gap: float) -> NewtonStart:
        return newton_until(inside, point, goal=gap)

    rows = problem.rows
    per_column = max(rows.n_entries / max(rows.n_features, 1), 1.0)
    columns_until(progress, first, goal, int(_MOST_ENTRIES / per_column), inner)

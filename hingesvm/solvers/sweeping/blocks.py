"""Sweeps without looks at the gap: over all rows in few passes, and over a band.

Who calls them surveys all rows afterwards.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.start import Start
from hingesvm.solvers.newton.starts import BandStart, NewtonStart
from hingesvm.solvers.progress import Progress
from hingesvm.solvers.sweeping.steps import SAFELY, sweep, work_of_sweep
from hingesvm.solvers.sweeping.until import first_state, relaxation

__all__ = ["sweep_all_rows", "sweep_band"]

Float64Array = NDArray[np.float64]

# Sweeps over a band at most, in units of all of its rows.
_MOST_SWEEPS = 40.0
# Largest violation of optimality at which a band is solved, for each unit of the gap
# that is aimed at: a violation counts once for each unit of the duals.
_VIOLATION = 2.0


def sweep_all_rows(progress: Progress, start: Start, seed: int, n_passes: int) -> Start:
    """Return where some sweeps over all rows lead; each pass is one or more."""
    problem = progress.problem
    state = first_state(progress, start, seed)
    taken = 0.0
    for _ in range(n_passes):
        if progress.n_iter + taken >= progress.max_iter:
            break
        taken += sweep(problem, state, 1.0, 0.0)
    _count(progress, taken)
    w = state.w.astype(np.float64)
    return Start(problem.repair(state.alpha), w, state.intercept)


def sweep_band(
    progress: Progress, start: BandStart, seed: int, goal: float
) -> NewtonStart:
    """Sweep over a band until violations of optimality are small.

    Parameters
    ----------
    progress : Progress
        That of the band; its iterations and work are counted on.
    start : BandStart
    seed : int
        Of the order of rows.
    goal : float
        Relative gap that is aimed at.
    """
    problem = progress.problem
    state = first_state(progress, start, seed)
    state.step *= relaxation(problem.rows)
    enough, taken = SAFELY * _VIOLATION * goal, 0.0
    most = min(_MOST_SWEEPS, progress.max_iter - progress.n_iter)
    everyone = np.arange(problem.n_rows, dtype=np.intp)
    while taken < most:
        taken += sweep(problem, state, most - taken, enough)
        if state.shrink_above > enough and state.n_active:
            continue
        # Rows that were passed over may have come to matter.
        state.order, state.n_active = everyone.copy(), problem.n_rows
        state.shrink_above = np.inf
        taken += sweep(problem, state, 1.0, 0.0)
        if state.shrink_above <= enough:
            break
    _count(progress, taken)
    w = state.w.astype(np.float64)
    return NewtonStart(
        state.alpha, w, state.intercept, rho=start.rho, unit=problem.cost
    )


def _count(progress: Progress, taken: float) -> None:
    """Count sweeps; the last one that is begun may end above the bound."""
    n_iter = progress.n_iter + math.ceil(taken)
    progress.n_iter = max(progress.n_iter, min(n_iter, progress.max_iter))
    progress.work += taken * work_of_sweep(progress.problem.rows)

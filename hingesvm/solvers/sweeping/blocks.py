"""Sweeps over rows that are read in passes, of which only a part fits into memory.

Those over all rows and over a band are followed by a survey of who calls them. Those
over one part after the other, gathered from all over, look at the gap themselves: block
minimization as in Yu, Hsieh, Chang and Lin, "Large linear classification when data
cannot fit in memory", KDD 2010, but for the choice of rows.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Fixed
from hingesvm.problems.start import Start
from hingesvm.solvers.newton.starts import BandStart, NewtonStart
from hingesvm.solvers.progress import Progress
from hingesvm.solvers.sweeping.steps import (
    SAFELY,
    Sweeps,
    row_steps,
    sweep,
    work_of_sweep,
)
from hingesvm.solvers.sweeping.until import (
    LOOK,
    SOLVED,
    first_state,
    look,
    relaxation,
)

__all__ = ["sweep_all_rows", "sweep_band", "sweep_parts"]

Float64Array = NDArray[np.float64]

# Sweeps over a band at most, in units of all of its rows.
_MOST_SWEEPS = 40.0
# Largest violation of optimality at which a band is solved, for each unit of the gap
# that is aimed at: a violation counts once for each unit of the duals.
_VIOLATION = 2.0
# Sweeps over a part of the rows at most: with more of them one part moves the weights
# too far from the others, with fewer it takes more passes.
_OF_PART = 10.0


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
    return Start(problem.repair(state.alpha, out=state.alpha), w, state.intercept)


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


def sweep_parts(progress: Progress, start: Start, seed: int) -> None:
    """Sweep over one part of the active rows after the other, until converged.

    Each part has as many rows as there may be in memory, drawn at random from all of
    them: batches may have one class each. To gather it takes a pass, and another one
    looks at the gap once all parts had their turn. Two passes count as an iteration at
    least.

    Parameters
    ----------
    progress : Progress
    start : Start
        Feasible dual variables to start from.
    seed : int
        Of the choice of rows and of their order.
    """
    problem, random = progress.problem, np.random.default_rng(seed)
    totals = _totals(problem, start.alpha)
    start = replace(start, w_of_duals=totals.w_of_duals)
    state = first_state(progress, start, seed)
    look(progress, state)
    while not progress.exhausted and not progress.converged:
        active = state.order[: state.n_active] if state.n_active else state.order
        n_parts = -(-len(active) // problem.rows.most_at_once)
        taken, enough = 0.0, SOLVED * state.shrink_above
        for some in np.array_split(random.permutation(active), n_parts):
            totals, swept = _sweep_part(progress, state, np.sort(some), totals, enough)
            taken += swept
        state.w = totals.w_of_duals.astype(state.w.dtype)
        state.imbalance = totals.imbalance
        _count(progress, max(taken, LOOK * (n_parts + 1)))
        look(progress, state)


def _sweep_part(
    progress: Progress,
    state: Sweeps,
    some: NDArray[np.intp],
    totals: Fixed,
    enough: float,
) -> tuple[Fixed, float]:
    """Sweep over some rows in memory; return the new totals and how many sweeps."""
    problem = progress.problem
    part = problem.restrict(some, state.alpha[some], totals)
    step = row_steps(part, part.rows.squared_norms(), state.tau)
    of_part = Sweeps(
        step * relaxation(problem.rows),
        state.tau,
        state.alpha[some],
        totals.w_of_duals.astype(state.w.dtype),
        state.intercept,
        np.arange(len(some), dtype=np.intp),
        len(some),
        np.inf,
        state.random_state,
        totals.imbalance,
    )
    taken = 0.0
    while taken < _OF_PART and of_part.n_active:
        taken += sweep(part, of_part, _OF_PART - taken, enough)
        if of_part.shrink_above <= enough:
            break
    state.alpha[some], state.intercept = of_part.alpha, of_part.intercept
    swept = taken * len(some) / problem.n_rows
    return _totals(part, of_part.alpha), swept


def _totals(problem: Problem, alpha: Float64Array) -> Fixed:
    """Return the sums over all rows, also those whose duals are held fixed."""
    return Fixed(problem.combine(alpha), problem.imbalance(alpha), problem.gain(alpha))


def _count(progress: Progress, taken: float) -> None:
    """Count sweeps; the last one that is begun may end above the bound."""
    n_iter = progress.n_iter + math.ceil(taken)
    progress.n_iter = max(progress.n_iter, min(n_iter, progress.max_iter))
    progress.work += taken * work_of_sweep(progress.problem.rows)

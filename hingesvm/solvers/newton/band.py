"""The rows of a band, solved while the dual variables of all others are held."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.solvers.newton.rounds import Rounds
from hingesvm.solvers.newton.starts import BandStart, NewtonStart
from hingesvm.solvers.newton.until import newton_until
from hingesvm.solvers.progress import Progress, ProgressOf
from hingesvm.solvers.sweeping.blocks import sweep_band
from hingesvm.solvers.sweeping.steps import work_of_sweep

__all__ = ["GOAL_READ", "SAMPLE_GOAL", "solve_band"]

Float64Array = NDArray[np.float64]

#: Relative gap to which a sample is solved (docs/experiments.md#constants).
SAMPLE_GOAL = 1e-2
#: The same of it and of bands where rows are read in passes: more is work in vain,
#: less of it takes passes (docs/experiments.md#few-passes-samples-and-bands).
GOAL_READ = 1e-3
# Rounds: with long ones steps are taken in vain on a wrong band, with short ones passes
# over all rows (docs/experiments.md#few-passes-samples-and-bands).
# Part of the last gap to which the next one is solved, and of the goal; and part of the
# objective below which a band has lost touch with the other rows.
_SHARPER, _ENOUGH, _LOST = 0.1, 0.5, 0.5
# By how much a round lets the step grow at most
# (docs/experiments.md#few-passes-samples-and-bands).
_LARGEST_GROWTH = 30.0


def solve_band(
    progress: ProgressOf[Any],
    rounds: Rounds,
    part: Problem,
    taken: Float64Array,
    shortfall: NDArray[np.floating],
    goal: float,
    sharpest: float | None = None,
) -> NewtonStart:
    """Solve the problem of a band, from where the last survey was.

    Parameters
    ----------
    progress : ProgressOf
        That of the problem of all rows.
    rounds : Rounds
        Of its survey, sums and weights are used.
    part : Problem
        That of the rows of the band.
    taken, shortfall : ndarray, of shape (n_band,)
        Their dual variables, and 1 - m.
    goal : float
        Relative gap to reach on all rows.
    sharpest : float, optional
        That to which a first band is solved at most.
    """
    problem, survey = progress.problem, rounds.survey
    first, w_of_duals, last_gap = taken, survey.w_of_duals, rounds.gap
    if rounds.is_centred:
        first = 0.5 * part.bound
        w_of_duals = part.combine(first)
        last_gap = SAMPLE_GOAL
        rounds.is_centred = False
    if sharpest is None:
        sharpest = GOAL_READ if problem.rows.reads_in_passes else SAMPLE_GOAL
    target = max(_ENOUGH * goal, min(sharpest, _SHARPER * last_gap))
    steps = rounds.steps if rounds.seed is None else progress.max_iter
    limit = min(progress.max_iter, progress.n_iter + steps)
    inner = Progress(part, target, limit, progress.n_iter)
    inner.work, inner.budget = progress.work, progress.budget
    start = BandStart(
        first,
        survey.w,
        survey.intercept,
        w_of_duals,
        shortfall=shortfall,
        rho=rounds.rho,
    )
    floor = _LOST * problem.primal_of(survey.w, survey.intercept, survey.loss)
    if progress.best is not None:
        floor = max(floor, progress.best.dual)
    if rounds.is_wary:
        floor = np.inf
    if rounds.seed is not None:
        end = sweep_band(inner, start, rounds.seed, target)
    else:
        end = newton_until(inner, start, target, floor)
    progress.n_iter = inner.n_iter
    rounds.is_cut_short = inner.is_over and not inner.relative_gap <= target
    # And the look at all rows that follows.
    progress.work = inner.work + work_of_sweep(problem.rows)
    # A band whose rows could hardly move says little of what suits the next one.
    rounds.rho = min(end.rho, _LARGEST_GROWTH * rounds.rho)
    return end

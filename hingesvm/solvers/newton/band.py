"""The rows of a band, solved while the dual variables of all others are held."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.solvers.newton.rounds import Rounds
from hingesvm.solvers.newton.starts import BandStart, NewtonStart
from hingesvm.solvers.newton.until import newton_until
from hingesvm.solvers.progress import ProgressOf
from hingesvm.solvers.sweeping.blocks import sweep_band
from hingesvm.solvers.sweeping.steps import work_of_sweep

__all__ = ["GOAL_READ", "SAMPLE_GOAL", "begin_band", "end_band", "solve_band"]

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
    survey = rounds.survey
    first, w_of_duals = taken, survey.w_of_duals
    if rounds.is_centred:
        first = 0.5 * part.bound
        w_of_duals = part.combine(first)
    inner, floor = begin_band(progress, rounds, part, goal, sharpest)
    start = BandStart(
        first,
        survey.w,
        survey.intercept,
        w_of_duals,
        shortfall=shortfall,
        rho=rounds.rho,
    )
    if rounds.seed is not None:
        end = sweep_band(inner, start, rounds.seed, inner.tol)
    else:
        end = newton_until(inner, start, inner.tol, floor)
    end_band(progress, rounds, inner, end.rho)
    return end


def begin_band(
    progress: ProgressOf[Any],
    rounds: Rounds,
    part: Any,
    goal: float,
    sharpest: float | None = None,
) -> tuple[ProgressOf[Any], float]:
    """Return the progress on a band, whose tolerance is its goal, and its floor.

    The parameters are those of `solve_band`; the floor is that of ``newton_until``.
    """
    problem, survey, last_gap = progress.problem, rounds.survey, rounds.gap
    if rounds.is_centred:
        last_gap = SAMPLE_GOAL
        rounds.is_centred = False
    if sharpest is None:
        sharpest = GOAL_READ if problem.rows.reads_in_passes else SAMPLE_GOAL
    target = max(_ENOUGH * goal, min(sharpest, _SHARPER * last_gap))
    steps = rounds.steps if rounds.seed is None else progress.max_iter
    limit = min(progress.max_iter, progress.n_iter + steps)
    inner = ProgressOf(part, target, limit, progress.n_iter)
    inner.work, inner.budget = progress.work, progress.budget
    floor = _LOST * problem.primal_of(survey.w, survey.intercept, survey.loss)
    if progress.best is not None:
        floor = max(floor, progress.best.dual)
    return inner, np.inf if rounds.is_wary else floor


def end_band(
    progress: ProgressOf[Any], rounds: Rounds, inner: ProgressOf[Any], rho: float
) -> None:
    """Take into account what a band has taken, and the step that it ended with."""
    progress.n_iter = inner.n_iter
    rounds.is_cut_short = inner.is_over and not inner.relative_gap <= inner.tol
    # And the look at all rows that follows.
    progress.work = inner.work + work_of_sweep(progress.problem.rows)
    # A band whose rows could hardly move says little of what suits the next one.
    rounds.rho = min(rho, _LARGEST_GROWTH * rounds.rho)

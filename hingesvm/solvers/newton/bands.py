r"""Few passes over many rows: nested samples, and bands of rows near the margin.

Most rows are far from the kinks of their loss and stay where they are: their dual
variables are 0 or at their bound, and their losses are linear. So the batch method
is run on the others, the band; the rest enter as one linear term (`Problem.restrict`).
A survey then looks at all rows, in one pass that computes the certificate from
scratch. Rows that have crossed a kink, or might, join the band of the next round.
The step from one survey to the next is cut short by a line search over all rows if
the objective would rise.

The first band comes from the solution of a random eighth of the rows at eight times
the costs, found in the same way, down to about a thousand rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.problems.intercept import JUDGES, smoothed
from hingesvm.problems.start import KnownMargins, Start, UnseenStart, WarmStart
from hingesvm.rows.columns import mean_squares, unit_factors
from hingesvm.rows.contract import Rows
from hingesvm.rows.duals import PackedDuals, unpacked
from hingesvm.solvers.newton.band import GOAL_READ, SAMPLE_GOAL, solve_band
from hingesvm.solvers.newton.line_search import step_length
from hingesvm.solvers.newton.rounds import PATIENCE, Rounds
from hingesvm.solvers.newton.starts import BandStart, NewtonStart, WeightsStart
from hingesvm.solvers.newton.until import newton_until
from hingesvm.solvers.progress import Progress
from hingesvm.solvers.survey import COARSE, Survey, survey_rows

__all__ = [
    "COLD_RHO",
    "LEAST_BAND",
    "LEAST_OF_CLASS",
    "LEAST_ROWS",
    "LIKELY",
    "RHO_OF_SAMPLE",
    "RHO_OF_SWEEPS",
    "ROWS_PER_COLUMN",
    "STEEP",
    "STEPS_READ",
    "band_until",
    "nest",
    "rows_wanted",
    "sample_of",
    "scales_of",
]

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]

# Where rows are read in passes, more is done between two: all rows over those of a
# sample, the part of the rows in bands, and steps of the first round. More of it is
# work in vain, less of it takes passes
# (docs/experiments.md#few-passes-samples-and-bands).
_FACTOR_READ, _PART_READ, STEPS_READ = 4, 0.2, 100

# Samples: the larger, the dearer; the smaller, the farther from the solution
# (docs/experiments.md#few-passes-samples-and-bands).
# Rows, at least: in all, for each column, and of each class; all rows over those of
# one.
LEAST_ROWS, ROWS_PER_COLUMN, LEAST_OF_CLASS, _FACTOR = 1000, 8, 10, 8

# Bands: wide ones take longer, of narrow ones it takes more, each with a pass over all
# rows (docs/experiments.md#few-passes-samples-and-bands).
# Rows: at least and at most as a part of all, at least in number, and in units of the
# statistical error of a sample's margins.
_LEAST_PART, _LARGEST_PART, LEAST_BAND, _ERRORS = 0.05, 0.3, 3000, 3.0
# Size of a later one, as a part of the first, as less is still to move; and rows join
# that are within so many times the distance just moved.
_LATER, LIKELY = 0.3, 2.0
# Rows from which the scales of columns are judged (docs/experiments.md#constants).
_SEEN = 1000

# Rounds: with long ones steps are taken in vain on a wrong band, with short ones passes
# over all rows (docs/experiments.md#few-passes-samples-and-bands).
# Newton steps in the first one, before anything is known of the other rows, and after a
# step that had to be cut short: after a sample, and after sweeps.
_STEPS_OF_SAMPLE, _STEPS_OF_SWEEPS = 12, 4
# The same for penalties with kinks, which take more steps to their columns: times more.
_MORE_IF_KINKED = 4
# Rows near a kink, for a line search over all rows, are within one part in this
# (docs/experiments.md#constants).
STEEP = 100.0
# Relative gap from which a start's dual variables mislead, as where the weights of rows
# have changed: those at their bound no longer cancel (docs/experiments.md#warm-starts).
_MISLED = 0.02

# Proximal steps: long ones make inner problems hard, of short ones it takes more
# (docs/experiments.md#few-passes-samples-and-bands).
# The first, in units of the costs: after a sample, after sweeps, and after nothing.
RHO_OF_SAMPLE, RHO_OF_SWEEPS, COLD_RHO = 20.0, 2.0, 2.0

# By how much rows are longer than a norm in float32 says, at most.
_LONGER = 1.1


def nest(progress: Progress, seed: int) -> WeightsStart | None:
    """Return a start from the solution of a sample, or None where there is none.

    Parameters
    ----------
    progress : Progress
        Its count of iterations includes those on the sample.
    seed : int
        Of the choice of rows.
    """
    problem = progress.problem
    least = max(LEAST_ROWS, ROWS_PER_COLUMN * problem.rows.n_features)
    factor = _factor(problem.rows)
    size = problem.n_rows // factor
    if size < least:
        return None
    rows = sample_of(problem.n_rows, seed, factor)
    positive = int(np.count_nonzero(problem.signs[rows] > 0))
    if min(positive, len(rows) - positive) < LEAST_OF_CLASS:
        return None
    part = problem.subset(rows, problem.n_rows / len(rows))
    goal = GOAL_READ if problem.rows.reads_in_passes else SAMPLE_GOAL
    inner = Progress(part, goal, progress.max_iter, progress.n_iter)
    band_until(inner, nest(inner, seed + 1), goal)
    progress.n_iter, progress.work = inner.n_iter, progress.work + inner.work
    if inner.best is None:
        return None
    return WeightsStart(inner.best.w, inner.best.intercept)


def _factor(rows: Rows) -> int:
    """Return of how many rows one is in a sample."""
    factor = _FACTOR_READ if rows.reads_in_passes else _FACTOR
    return max(factor, -(-rows.n_rows // rows.most_at_once))


def sample_of(n_rows: int, seed: int, factor: int | None = None) -> IndexArray:
    """Return one row at random out of each `factor` that follow each other."""
    factor = _FACTOR if factor is None else factor
    first = np.arange(0, n_rows - factor + 1, factor, dtype=np.intp)
    return first + np.random.default_rng(seed).integers(factor, size=len(first))


def band_until(
    progress: Progress,
    start: Start | WeightsStart | Rounds | None,
    goal: float,
    other: Callable[[], WeightsStart | None] | None = None,
    sweeps_seed: int | None = None,
) -> NewtonStart | Rounds | None:
    """Take Newton steps on bands of rows to a relative gap on all rows.

    Parameters
    ----------
    progress : Progress
        Keeps what is found, and bounds the number of steps.
    start : Start, WeightsStart or Rounds, optional
        Weights to start from, with dual variables if they are known. Without weights,
        all rows make up the one and only band. Or rounds that are to go on.
    goal : float
        Relative gap to reach.
    other : callable, optional
        Returns another start, asked where the dual variables of an unseen one mislead.
    sweeps_seed : int, optional
        Of the order of rows in sweeps, which are then taken in place of Newton steps.

    Returns
    -------
    NewtonStart, Rounds or None
        Where it was interrupted, if it was: with steps on all rows, or on bands.
    """
    problem = progress.problem
    if isinstance(start, Rounds):
        rounds = start
    elif start is None or start.w is None:
        newton_until(progress, start or _cold_start(problem), goal)
        return None
    else:
        rounds = _first_round(progress, start, goal, other)
        rounds.seed = sweeps_seed
        if isinstance(start, UnseenStart) and progress.relative_gap <= goal:
            return None
    rounds.patience = PATIENCE
    while not progress.exhausted and rounds.patience:
        ahead = _solve_band(progress, rounds, goal)
        certificate = ahead.certificate(problem)
        progress.record(certificate, proven=True, active=len(rounds.band))
        if progress.relative_gap <= goal:
            if progress.best is not None and progress.best.weights is ahead.weights:
                progress.margins = KnownMargins(ahead.shortfall, rounds.reach)
            return None
        rounds.note(certificate.relative_gap)
        _advance(progress, rounds, ahead)
    if progress.exhausted or problem.rows.reads_in_passes:
        return rounds
    return newton_until(progress, progress.start(), goal)


def _cold_start(problem: Problem) -> Start:
    """Return the start of steps on all rows where nothing is known."""
    if not problem.has_kink:
        return Start(np.zeros(problem.n_rows))
    # In the middle of its box, the smoothed kink is nearest to the sharp one.
    zero = np.zeros(problem.rows.n_features)
    shortfall = np.ones(problem.n_rows)
    return BandStart(0.5 * problem.bound, zero, shortfall=shortfall, rho=COLD_RHO)


def _first_round(
    progress: Progress,
    start: Start | WeightsStart,
    goal: float,
    other: Callable[[], WeightsStart | None] | None,
) -> Rounds:
    """Return the state before the first round, and record what an unseen start proves.

    Where its dual variables mislead, rounds begin at its weights without them, or at
    the other start if the primal value is lower there.
    """
    problem = progress.problem
    rounds = _first_survey(problem, start, goal)
    if not isinstance(start, UnseenStart):
        return rounds
    certificate = rounds.survey.certificate(problem)
    progress.record(certificate, proven=True)
    if progress.relative_gap <= goal or certificate.relative_gap <= _MISLED:
        return rounds
    instead = None if other is None else other()
    if instead is not None:
        rounds = _first_survey(problem, instead, goal)
        if rounds.survey.certificate(problem).primal < certificate.primal:
            return rounds
    assert start.w is not None
    return _first_survey(problem, WeightsStart(start.w, start.intercept), goal)


def _from_margins(
    problem: Problem, start: Start, margins: KnownMargins, duals: PackedDuals
) -> Rounds:
    """Return the state before the first round without a pass over X."""
    assert start.w is not None
    w_of_duals, intercept = start.combined(problem), float(start.intercept)
    survey = Survey(start.w, intercept, duals, margins.shortfall, w_of_duals)
    survey.add_up(problem)
    return Rounds(survey, margins.reach, RHO_OF_SWEEPS, False, _STEPS_OF_SWEEPS)


def _first_survey(problem: Problem, start: Start | WeightsStart, goal: float) -> Rounds:
    """Look at all rows at the start; return the state before the first round."""
    assert start.w is not None
    duals = None
    if isinstance(start, Start):
        duals = PackedDuals.pack(problem.repair(start.alpha), problem.bound)
        if isinstance(start, WarmStart) and start.margins is not None:
            return _from_margins(problem, start, start.margins, duals)
    with_duals = duals is not None
    known = problem.rows.reach
    reach = problem.rows.scratch(np.float32)
    if known is not None:
        reach[:] = known
    scales = scales_of(problem.rows) if known is None else None
    survey = survey_rows(
        problem,
        start.w,
        start.intercept,
        duals,
        scales=scales,
        reach=reach,
        # What shortfalls are kept for needs no more precision than X has.
        narrow=goal >= COARSE and problem.rows.dtype == np.float32,
    )
    if scales is not None and not problem.rows.is_sparse:
        farthest = float(reach.max()) / float(scales.min())
        problem.rows.extent = _LONGER * farthest
    if known is None and problem.rows.is_shared:
        problem.rows.reach = reach.copy()
    rho = RHO_OF_SWEEPS if with_duals else RHO_OF_SAMPLE
    steps = _STEPS_OF_SWEEPS if with_duals else _STEPS_OF_SAMPLE
    if problem.penalty is not None:
        steps *= _MORE_IF_KINKED
    steps = STEPS_READ if problem.rows.reads_in_passes else steps
    # In the middle of its box, the smoothed kink is nearest to the sharp one.
    is_centred = problem.has_kink and not with_duals
    return Rounds(survey, reach, rho, is_centred, steps)


def scales_of(all_rows: Rows) -> NDArray[np.floating]:
    """Return factors of columns by which their mean squares in some rows are 1."""
    rows = all_rows.few(_SEEN)
    squares = mean_squares(rows, np.arange(rows.n_rows))
    return unit_factors(squares, rows.n_rows).astype(rows.dtype)


def _solve_band(progress: Progress, rounds: Rounds, goal: float) -> Survey:
    """Solve the problem of a band, and look at all rows there."""
    problem = progress.problem
    rounds.band = _choose(problem, rounds)
    w, intercept, duals = _solve_part(progress, rounds, goal)
    if goal >= COARSE:
        w, intercept = problem.rows.rounded(w, intercept)
    narrow = rounds.survey.shortfall.dtype == np.float32
    return survey_rows(problem, w, intercept, duals, narrow=narrow)


def _solve_part(
    progress: Progress, rounds: Rounds, goal: float
) -> tuple[Float64Array, float, PackedDuals]:
    """Solve the problem of a band; return weights, intercept and the duals of all."""
    problem, survey, band = progress.problem, rounds.survey, rounds.band
    taken = survey.packed.take(band)
    part = problem.restrict(band, taken, survey.totals(), survey.w)
    end = solve_band(progress, rounds, part, taken, survey.shortfall[band], goal)
    assert end.w is not None
    return end.w, end.intercept, _duals_of_all(problem, part, rounds, end.alpha)


def _duals_of_all(
    problem: Problem, part: Problem, rounds: Rounds, alpha: Float64Array
) -> PackedDuals:
    """Return feasible duals of all rows, given those that solve the problem of a band.

    Where those of the band cannot be balanced alone, all rows are then its rows.
    """
    alpha = alpha.copy()
    is_balanced = part.balance(alpha)
    duals = rounds.survey.packed.replaced(rounds.band, alpha)
    if is_balanced:
        return duals
    alpha = unpacked(duals)
    problem.balance(alpha)
    rounds.band = np.arange(problem.n_rows)
    return PackedDuals.pack(alpha, problem.bound)


def rows_wanted(rounds: Rounds, rows: Rows, part: float, least: float) -> int:
    """Return how many rows nearest to their kinks make up the next band.

    Parameters
    ----------
    rounds : Rounds
    rows : Rows
        All of them.
    part, least : float
        The part of them in a first band, before its limits, and the least part of any.
    """
    part = min(max(part, least), _LARGEST_PART)
    if np.isfinite(rounds.gap):
        part = max(_LATER * part, least)
    wanted = max(LEAST_BAND, int(part * rows.n_rows))
    if rows.reads_in_passes:
        # Others come in addition, that are inside their box or may cross a kink.
        wanted = min(wanted, rows.most_at_once // 2)
    return wanted


def _choose(problem: Problem, rounds: Rounds) -> IndexArray:
    """Return the rows of the next band, in ascending order."""
    rows, n_rows = problem.rows, problem.n_rows
    error = np.sqrt(_factor(rows) * rows.n_features / n_rows)
    least = _PART_READ if rows.reads_in_passes else _LEAST_PART
    wanted = rows_wanted(rounds, rows, _ERRORS * error, least)
    near = np.inf
    if wanted < n_rows:
        ratio = rounds.distances(problem, max(1, n_rows // JUDGES))
        place = min(wanted * len(ratio) // n_rows, len(ratio) - 1)
        ratio.partition(place)
        near = max(float(ratio[place]), 0.0)
    band = rounds.within(problem, near, LIKELY)
    most = rows.most_at_once
    if len(band) > most:
        band = rounds.nearest(problem, band, most)
    # None is left where no margin can move, as with rows that are all empty.
    return band if len(band) else np.arange(n_rows)


def _advance(progress: Progress, rounds: Rounds, ahead: Survey) -> None:
    """Go to the next survey, or as far in its direction as the objective falls."""
    problem = progress.problem
    n_crossed = rounds.widen_reach(problem, ahead)
    part = _line_search(problem, rounds.survey, ahead) if n_crossed else 1.0
    rounds.go(problem, ahead, part)
    rounds.plan(part, n_crossed, problem.n_rows, progress.max_iter)


def _line_search(problem: Problem, survey: Survey, ahead: Survey) -> float:
    """Return the part of the way, at most all of it, that lowers the objective most."""
    part = step_length(
        problem,
        smoothed(problem.bound, problem.curvature, STEEP),
        (survey.w, survey.intercept),
        (ahead.w - survey.w, ahead.intercept - survey.intercept),
        survey.shortfall,
        ahead.shortfall,
        to_end=True,
    )
    return min(part, 1.0)

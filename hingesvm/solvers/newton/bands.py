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
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _vectors
from hingesvm.problems.binary import Problem
from hingesvm.problems.duals import PackedDuals, unpacked
from hingesvm.problems.intercept import smoothed
from hingesvm.problems.start import KnownMargins, Start, UnseenStart, WarmStart
from hingesvm.rows.columns import mean_squares
from hingesvm.solvers.newton.line_search import step_length
from hingesvm.solvers.newton.proximal import GROWTH
from hingesvm.solvers.newton.starts import BandStart, NewtonStart, WeightsStart
from hingesvm.solvers.newton.until import newton_until
from hingesvm.solvers.progress import Progress
from hingesvm.solvers.survey import COARSE, Survey, survey_rows
from hingesvm.solvers.sweeping.steps import work_of_sweep

__all__ = ["Rounds", "band_until", "nest"]

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]

# Rows of a sample, at least: in all, for each column, and of each class.
_LEAST_ROWS, _ROWS_PER_COLUMN, _LEAST_OF_CLASS = 1000, 8, 10
_FACTOR = 8
# Part of the gap that a round leaves which brought hardly anything; the proximal step
# then grows if it was cut short.
_HARDLY = 0.8
# Relative gap to which a sample is solved.
_SAMPLE_GOAL = 1e-2
# Rows in the band: at least and at most as a part of all, at least in number, and
# in units of the statistical error of a sample's margins.
_LEAST_PART, _LARGEST_PART, _LEAST_BAND, _ERRORS = 0.05, 0.3, 3000, 3.0
# Size of a later band, as a part of the first: less is still to move.
_LATER = 0.3
# Rows from which the width of the band is judged.
_JUDGES = 5000
# Rows from which the scales of columns are judged.
_SEEN = 1000
# Part of the objective below which a band has lost touch with the other rows.
_LOST = 0.5
# Factor of the reach of rows that have crossed a kink unforeseen.
_FARTHER = 4.0
# Rows join that are within so many times the distance just moved.
_LIKELY = 2.0
# First proximal step, in units of the costs: after a sample, after sweeps, and after
# nothing.
_RHO_OF_SAMPLE, _RHO_OF_SWEEPS, _COLD_RHO = 20.0, 2.0, 2.0
# Factor by which the step grows in one round, at most.
_LARGEST_GROWTH = 30.0
# Rows near a kink, for a line search over all rows, are within one part in this.
_STEEP = 100.0
# Newton steps in the first round, before anything is known of the other rows, and
# after a step that had to be cut short: after a sample, and after sweeps.
_STEPS_OF_SAMPLE, _STEPS_OF_SWEEPS = 12, 4
# Part of the last gap to which the next round is solved, and of the goal.
_SHARPER, _ENOUGH = 0.1, 0.5
# Part of the rows that may cross before the next round is kept short again.
_FEW = 0.01
# Relative gap from which a start's dual variables mislead, as where the weights of rows
# have changed: those at their bound no longer cancel.
_MISLED = 0.02
# By how much rows are longer than a norm in float32 says, at most.
_LONGER = 1.1
# Rounds without a smaller gap before all rows are taken in.
_PATIENCE = 4


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
    least = max(_LEAST_ROWS, _ROWS_PER_COLUMN * problem.rows.n_features)
    size = problem.n_rows // _FACTOR
    if size < least:
        return None
    rows = _sample(problem.n_rows, seed)
    positive = int(np.count_nonzero(problem.signs[rows] > 0))
    if min(positive, len(rows) - positive) < _LEAST_OF_CLASS:
        return None
    part = problem.subset(rows, problem.n_rows / len(rows))
    inner = Progress(part, _SAMPLE_GOAL, progress.max_iter, progress.n_iter)
    band_until(inner, nest(inner, seed + 1), _SAMPLE_GOAL)
    progress.n_iter, progress.work = inner.n_iter, progress.work + inner.work
    if inner.best is None:
        return None
    return WeightsStart(inner.best.w, inner.best.intercept)


def _sample(n_rows: int, seed: int) -> IndexArray:
    """Return one row at random out of each `_FACTOR` that follow each other."""
    first = np.arange(0, n_rows - _FACTOR + 1, _FACTOR, dtype=np.intp)
    return first + np.random.default_rng(seed).integers(_FACTOR, size=len(first))


@dataclass
class Rounds:
    """The state between two rounds.

    Attributes
    ----------
    here : Survey
        Where the next round starts.
    reach : ndarray of float32, of shape (n_rows,)
        How far the margins of the rows move, compared with each other.
    moved : ndarray of float32 or float64, of shape (n_rows,), or None
        How far they were to move in the last round.
    rho : float
        Proximal step, in units of the costs.
    first_steps, steps : int
        Most Newton steps of the first round, and of the next one.
    gap : float
        Smallest relative gap of any survey.
    is_centred : bool
        Whether the dual variables in the band are to start in the middle.
    is_cut_short : bool
        Whether the last round took all the steps that it was allowed.
    band : ndarray of intp, of shape (n_band,)
        Rows of the last round: all whose dual variables it may have changed.
    """

    here: Survey
    reach: NDArray[np.float32]
    rho: float
    is_centred: bool
    first_steps: int
    moved: NDArray[np.floating] | None = None
    steps: int = field(init=False)
    gap: float = np.inf
    is_cut_short: bool = False
    band: IndexArray = field(default_factory=lambda: np.empty(0, dtype=np.intp))

    def __post_init__(self) -> None:
        self.steps = self.first_steps


def band_until(
    progress: Progress,
    start: Start | WeightsStart | Rounds | None,
    goal: float,
    other: Callable[[], WeightsStart | None] | None = None,
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
        rounds = _first_survey(problem, start, goal)
        if isinstance(start, UnseenStart):
            found = rounds.here.certificate(problem)
            progress.record(found, proven=True)
            if progress.relative_gap <= goal:
                return None
            if found.relative_gap > _MISLED:
                rounds = _begin_anew(problem, start, found.primal, goal, other)
    patience = _PATIENCE
    while not progress.exhausted and patience:
        there = _solve_band(progress, rounds, goal)
        certificate = there.certificate(problem)
        progress.record(certificate, proven=True, active=len(rounds.band))
        if progress.relative_gap <= goal:
            if progress.best is not None and progress.best.weights is there.weights:
                progress.margins = KnownMargins(there.shortfall, rounds.reach)
            return None
        patience = _PATIENCE if certificate.relative_gap < rounds.gap else patience - 1
        if rounds.is_cut_short and certificate.relative_gap > _HARDLY * rounds.gap:
            rounds.rho *= GROWTH
        rounds.gap = min(rounds.gap, certificate.relative_gap)
        _advance(progress, rounds, there)
    if progress.exhausted:
        return rounds
    return newton_until(progress, progress.start(), goal)


def _cold_start(problem: Problem) -> Start:
    """Return a start from nothing."""
    if not problem.has_kink:
        return Start(np.zeros(problem.n_rows))
    # In the middle of its box, the smoothed kink is nearest to the sharp one.
    zero = np.zeros(problem.rows.n_features)
    shortfall = np.ones(problem.n_rows)
    return BandStart(0.5 * problem.bound, zero, shortfall=shortfall, rho=_COLD_RHO)


def _first_survey(problem: Problem, start: Start | WeightsStart, goal: float) -> Rounds:
    """Look at all rows at the start."""
    assert start.w is not None
    duals = None
    if isinstance(start, Start):
        duals = PackedDuals.pack(problem.repair(start.alpha), problem.bound)
    if isinstance(start, WarmStart) and start.margins is not None:
        assert duals is not None
        here = Survey(
            start.w,
            float(start.intercept),
            duals,
            start.margins.shortfall,
            start.combined(problem),
        )
        here.add_up(problem)
        reach = start.margins.reach
        return Rounds(here, reach, _RHO_OF_SWEEPS, False, _STEPS_OF_SWEEPS)
    with_duals = duals is not None
    known = problem.rows.reach
    reach = np.empty(problem.n_rows, np.float32) if known is None else known.copy()
    scales = _scales(problem) if known is None else None
    here = survey_rows(
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
    rho = _RHO_OF_SWEEPS if with_duals else _RHO_OF_SAMPLE
    steps = _STEPS_OF_SWEEPS if with_duals else _STEPS_OF_SAMPLE
    # In the middle of its box, the smoothed kink is nearest to the sharp one.
    is_centred = problem.has_kink and not with_duals
    return Rounds(here, reach, rho, is_centred, steps)


def _begin_anew(
    problem: Problem,
    start: Start,
    primal: float,
    goal: float,
    other: Callable[[], WeightsStart | None] | None,
) -> Rounds:
    """Look at the weights of a start without its dual variables, or at another start.

    At which the primal value is the lower one; `primal` is that of the start.
    """
    instead = None if other is None else other()
    if instead is not None:
        rounds = _first_survey(problem, instead, goal)
        if rounds.here.certificate(problem).primal < primal:
            return rounds
    assert start.w is not None
    return _first_survey(problem, WeightsStart(start.w, start.intercept), goal)


def _scales(problem: Problem) -> NDArray[np.floating]:
    """Return what makes the mean square of each column about 1, from some rows."""
    rows = problem.rows
    some = np.arange(0, rows.n_rows, max(1, rows.n_rows // _SEEN), dtype=np.intp)
    squares = mean_squares(rows, some)
    # A column that is zero in all of these rows has at most about one other entry.
    least = float(squares.min(where=squares > 0.0, initial=np.inf))
    floor = least / len(some) if np.isfinite(least) else 1.0
    return (1.0 / np.sqrt(np.maximum(squares, floor))).astype(rows.dtype)


def _solve_band(progress: Progress, rounds: Rounds, goal: float) -> Survey:
    """Solve the problem of a band, and look at all rows there."""
    problem = progress.problem
    rounds.band = _choose(problem, rounds)
    w, intercept, duals = _solve_part(progress, rounds, goal)
    if goal >= COARSE:
        w, intercept = problem.rows.rounded(w, intercept)
    narrow = rounds.here.shortfall.dtype == np.float32
    return survey_rows(problem, w, intercept, duals, narrow=narrow)


def _solve_part(
    progress: Progress, rounds: Rounds, goal: float
) -> tuple[Float64Array, float, PackedDuals]:
    """Solve the problem of a band; return weights, intercept and the duals of all."""
    problem, here, band = progress.problem, rounds.here, rounds.band
    taken = here.packed.take(band)
    part = problem.restrict(band, taken, here.totals())
    first, w_of_duals, last_gap = taken, here.own, rounds.gap
    if rounds.is_centred:
        first = 0.5 * part.bound
        w_of_duals = part.combine(first)
        last_gap = _SAMPLE_GOAL
        rounds.is_centred = False
    target = max(_ENOUGH * goal, min(_SAMPLE_GOAL, _SHARPER * last_gap))
    limit = min(progress.max_iter, progress.n_iter + rounds.steps)
    inner = Progress(part, target, limit, progress.n_iter)
    inner.work, inner.budget = progress.work, progress.budget
    start = BandStart(
        first,
        here.w,
        here.intercept,
        w_of_duals,
        shortfall=here.shortfall[band],
        rho=rounds.rho,
    )
    floor = _LOST * problem.primal_of(here.w, here.intercept, here.loss)
    if progress.best is not None:
        floor = max(floor, progress.best.dual)
    ahead = newton_until(inner, start, target, floor)
    progress.n_iter = inner.n_iter
    rounds.is_cut_short = inner.is_over and not inner.relative_gap <= target
    # And the look at all rows that follows.
    progress.work = inner.work + work_of_sweep(problem.rows)
    assert ahead.w is not None
    # A band whose rows could hardly move says little of what suits the next one.
    rounds.rho = min(ahead.rho, _LARGEST_GROWTH * rounds.rho)
    alpha = ahead.alpha.copy()
    balanced = part.balance(alpha)
    duals = here.packed.replaced(band, alpha)
    if not balanced:
        alpha = unpacked(duals)
        problem.balance(alpha)
        duals = PackedDuals.pack(alpha, problem.bound)
        rounds.band = np.arange(problem.n_rows)
    return ahead.w, ahead.intercept, duals


def _choose(problem: Problem, rounds: Rounds) -> IndexArray:
    """Return the rows of the next band."""
    n_rows, here, reach = problem.n_rows, rounds.here, rounds.reach
    error = np.sqrt(_FACTOR * problem.rows.n_features / n_rows)
    part = min(max(_ERRORS * error, _LEAST_PART), _LARGEST_PART)
    if np.isfinite(rounds.gap):
        part = max(_LATER * part, _LEAST_PART)
    wanted = max(_LEAST_BAND, int(part * n_rows))
    near = np.inf
    if wanted < n_rows:
        step = max(1, n_rows // _JUDGES)
        ratio = np.empty(-(-n_rows // step))
        _vectors.distances(
            here.shortfall, reach, problem.bound, problem.curvature, step, ratio
        )
        place = min(wanted * len(ratio) // n_rows, len(ratio) - 1)
        ratio.partition(place)
        near = max(float(ratio[place]), 0.0)
    chosen = np.empty(n_rows, dtype=np.uint8)
    _vectors.choose(
        here.shortfall,
        here.shortfall if rounds.moved is None else rounds.moved,
        reach,
        here.packed.places,
        problem.bound,
        problem.curvature,
        near,
        0.0 if rounds.moved is None else _LIKELY,
        chosen,
    )
    rounds.moved = None
    band = np.flatnonzero(chosen.view(np.bool_))
    # None is left where no margin can move, as with rows that are all empty.
    return band if len(band) else np.arange(n_rows)


def _advance(progress: Progress, rounds: Rounds, there: Survey) -> None:
    """Go to the next survey, or as far in its direction as the objective falls."""
    problem, here = progress.problem, rounds.here
    crossed = _vectors.misplaced(
        there.shortfall,
        there.packed.places,
        problem.bound,
        problem.curvature,
        _FARTHER,
        rounds.reach,
    )
    part = _line_search(problem, here, there) if crossed else 1.0
    # Of the two arrays of shortfalls, one holds the next and one the difference.
    spare = here.shortfall if part == 1.0 else there.shortfall
    rounds.moved = np.subtract(there.shortfall, here.shortfall, out=spare)
    if part == 1.0:
        rounds.here = there
    else:
        _go_between(problem, rounds, there, part)
    if part <= 0.5:
        rounds.steps = rounds.first_steps
    elif crossed < _FEW * problem.n_rows:
        rounds.steps = progress.max_iter
    else:
        rounds.steps *= 3


def _line_search(problem: Problem, here: Survey, there: Survey) -> float:
    """Return the part of the way, at most all of it, that lowers the objective most."""
    part = step_length(
        problem,
        smoothed(problem.bound, problem.curvature, _STEEP),
        (here.w, here.intercept),
        (there.w - here.w, there.intercept - here.intercept),
        here.shortfall,
        there.shortfall,
        to_end=True,
    )
    return min(part, 1.0)


def _go_between(problem: Problem, rounds: Rounds, there: Survey, part: float) -> None:
    """Go a part of the way to the next survey; past half of it, take its duals."""
    here, moved = rounds.here, rounds.moved
    assert moved is not None
    if part > 0.5:
        here.duals, here.own = there.duals, there.own
    else:
        old, new = here.packed.take(rounds.band), there.packed.take(rounds.band)
        alpha = np.clip(old + part * (new - old), 0.0, here.packed.bound[rounds.band])
        here.duals = here.packed.replaced(rounds.band, alpha)
        here.own = here.own + part * (there.own - here.own)
    here.weights = here.w + part * (there.w - here.w)
    here.intercept += part * (there.intercept - here.intercept)
    for start, stop in problem.rows.chunks(problem.n_rows):
        here.shortfall[start:stop] += part * moved[start:stop]
    here.add_up(problem)

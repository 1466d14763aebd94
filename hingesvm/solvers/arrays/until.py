"""Problems of rows on a device: nested samples, bands, and Newton steps there.

The method is that of ``newton/bands.py``. What is one number a row stays on the device:
margins, dual variables, which rows make up a band. Each round ends with a look at all
rows, which certifies.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.losses import MarginLoss
from hingesvm.problems.certificate import Fixed
from hingesvm.problems.proof import EXACT
from hingesvm.rows.arrays import Surveyed
from hingesvm.rows.columns import unit_factors
from hingesvm.solvers.arrays.bands import (
    Band,
    best_part,
    choose,
    go_to,
    survey_of,
    widened,
)
from hingesvm.solvers.arrays.problem import ArrayProblem
from hingesvm.solvers.arrays.rounding import looked_at
from hingesvm.solvers.arrays.state import ArrayState
from hingesvm.solvers.newton.band import SAMPLE_GOAL, begin_band, end_band
from hingesvm.solvers.newton.bands import (
    COLD_RHO,
    LEAST_OF_CLASS,
    LEAST_ROWS,
    RHO_OF_SAMPLE,
    ROWS_PER_COLUMN,
    sample_of,
)
from hingesvm.solvers.newton.rounds import PATIENCE, Rounds
from hingesvm.solvers.newton.starts import WeightsStart
from hingesvm.solvers.newton.until import solve_inner_problems
from hingesvm.solvers.progress import OUT_OF_REACH, ProgressOf, Report, Solution
from hingesvm.solvers.settings import Settings
from hingesvm.solvers.survey import COARSE

__all__ = ["solve_on_device"]

Float64Array = NDArray[np.float64]
ArrayProgress = ProgressOf[ArrayProblem]

# All rows over those of a sample (docs/experiments.md#arrays-on-a-device).
_FACTOR = 8
# Newton steps of the first round: more of them are taken in vain on a wrong band, less
# take passes (docs/experiments.md#arrays-on-a-device).
_STEPS = 20
# Relative gap that is not to be improved on a device without float64: costs are rounded
# to float32, and the bound of what that changes is five times as large.
_LEAST_NARROW = 2.0**-21
# Part of a gap that rounding errors may make up before steps would be in vain.
_HIDDEN = 0.9
# Rows from which the scales of columns are judged.
_SEEN = 1000
# Rows, and values, up to which a fit is exact where the device has float64.
_FEW_ROWS, _FEW_VALUES = 10_000, 4_000_000

_NOTHING = np.empty(0, dtype=np.float32)


def solve_on_device(
    problem: ArrayProblem,
    loss: MarginLoss,
    settings: Settings,
    *,
    start: WeightsStart | None = None,
    seed: int = 0,
    report: Report | None = None,
) -> Solution:
    """Solve a binary problem of rows on a device to a relative duality gap.

    Parameters
    ----------
    problem : ArrayProblem
    loss : MarginLoss
        Its loss, for samples.
    settings : Settings
        Of which the tolerance and the bound on iterations count.
    start : WeightsStart, optional
        Weights to start from. Default: those of a sample, if there are enough rows.
    seed : int, default=0
        Of the choice of rows.
    report : callable, optional
        As of ``solvers.solve``.

    Returns
    -------
    Solution
        Its certificate is computed from scratch on all rows, and its dual variables
        are on the device.
    """
    progress = ArrayProgress(
        problem, settings.tol, settings.max_iter, report=report, exact=False
    )
    progress.record(problem.origin(), proven=True)
    if not progress.is_done():
        goal = settings.tol
        n_values = problem.device_rows.n_entries
        is_small = problem.n_rows <= _FEW_ROWS and n_values <= _FEW_VALUES
        if is_small and not problem.device_rows.is_narrow:
            goal = min(goal, EXACT)
        if problem.device_rows.is_narrow:
            goal = max(goal, _LEAST_NARROW)
        if start is None:
            start = _nested(progress, loss, seed)
        _take_bands(progress, start, goal)
    return progress.solution()


def _nested(
    progress: ArrayProgress, loss: MarginLoss, seed: int
) -> WeightsStart | None:
    """Return a start from the solution of a sample, or None where there is none."""
    problem = progress.problem
    least = max(LEAST_ROWS, ROWS_PER_COLUMN * problem.device_rows.n_features)
    if problem.n_rows // _FACTOR < least:
        return None
    xp, integer = problem.space.xp, problem.space.integer
    # Numbers of the host, so that they are the same for all libraries.
    sample = sample_of(problem.n_rows, seed, _FACTOR)
    rows = problem.space.asarray(sample, integer)
    part = problem.subset_of(rows, problem.n_rows / rows.shape[0], loss)
    positive = int(xp.sum(xp.astype(part.losses_of_rows.signs > 0.0, integer)))
    if min(positive, part.n_rows - positive) < LEAST_OF_CLASS:
        return None
    inner = ArrayProgress(part, SAMPLE_GOAL, progress.max_iter, progress.n_iter)
    _take_bands(inner, _nested(inner, loss, seed + 1), SAMPLE_GOAL)
    progress.n_iter = inner.n_iter
    if inner.best is None:
        return None
    return WeightsStart(inner.best.w, float(inner.best.intercept))


def _take_bands(
    progress: ArrayProgress, start: WeightsStart | None, goal: float
) -> None:
    """Solve bands until a relative gap on all rows, or until they bring no more."""
    rounds = _Bands(progress, start, goal)
    while not progress.exhausted:
        if not rounds.state.patience:
            if rounds.is_whole:
                return
            rounds.take_all()
        if rounds.take():
            return


class _Bands:
    """The state between two rounds.

    Attributes
    ----------
    state : Rounds
        What is known of it without arrays of a number a row.
    is_whole : bool
        Whether all rows make up the band from now on.
    """

    def __init__(
        self, progress: ArrayProgress, start: WeightsStart | None, goal: float
    ) -> None:
        self.progress, self.goal = progress, goal
        problem = progress.problem
        self.reach: Any = None
        self.moved: Any = None
        self.is_whole = start is None
        is_centred = problem.has_kink
        if start is None:
            self.here, w, intercept = self._at_origin(), None, 0.0
            rho, is_centred = _first_step(problem)
        else:
            w, intercept = problem.device_rows.rounded(start.w, start.intercept)
            losses = problem.losses_of_rows
            self.here = problem.device_rows.survey(losses, w, intercept)
            rho = RHO_OF_SAMPLE
            squares = problem.device_rows.mean_squares(_SEEN)
            seen = min(problem.n_rows, _SEEN)
            self.reach = problem.device_rows.lengths(unit_factors(squares, seen))
        w = np.zeros(problem.device_rows.n_features) if w is None else w
        survey = survey_of(w, intercept, self.here)
        steps = progress.max_iter if start is None else _STEPS
        self.state = Rounds(survey, _NOTHING, rho, is_centred, steps)

    def _at_origin(self) -> Surveyed:
        """Return what there is to see where all weights and dual variables are 0."""
        problem = self.progress.problem
        losses, xp = problem.losses_of_rows, problem.space.xp
        shortfall, alpha = xp.ones_like(losses.signs), xp.zeros_like(losses.signs)
        nothing = np.zeros(problem.device_rows.n_features)
        return Surveyed(shortfall, alpha, nothing, losses.sums(shortfall, alpha))

    @property
    def _is_rounded(self) -> bool:
        """Whether points are in the precision of X, as the goal needs no more."""
        return self.goal >= COARSE or self.progress.problem.device_rows.is_narrow

    def take_all(self) -> None:
        """Let all rows make up the band from now on."""
        self.is_whole = True
        self.state.patience = PATIENCE
        self.state.steps = self.state.first_steps = self.progress.max_iter

    def take(self) -> bool:
        """Solve a band, and look at all rows there; return whether that is the end."""
        progress, rounds = self.progress, self.state
        problem = progress.problem
        xp = problem.space.xp
        band = Band.everyone(problem.n_rows)
        if not self.is_whole:
            band = choose(problem, rounds, self.here, self.reach, self.moved)
        w, intercept, alpha = self._solved(band)
        alpha = band.replaced(xp, self.here.alpha, alpha)
        alpha, _ = problem.balanced(alpha)
        if self._is_rounded:
            certificate, ahead = looked_at(problem, w, intercept, alpha, self.goal)
            w, intercept = certificate.w, float(certificate.intercept)
        else:
            ahead = problem.device_rows.survey(
                problem.losses_of_rows, w, intercept, alpha
            )
            certificate = problem.certificate_at(w, intercept, ahead)
        progress.record(certificate, proven=True, active=band.size)
        best = progress.best
        assert best is not None
        if best.relative_gap <= self.goal or best.hidden > _HIDDEN * best.gap:
            return True
        rounds.note(certificate.relative_gap)
        self._advance(w, intercept, ahead)
        return False

    def _solved(self, band: Band) -> tuple[Float64Array, float, Any]:
        """Solve the problem of a band; return a point, and its dual variables."""
        progress, rounds = self.progress, self.state
        problem, survey = progress.problem, rounds.survey
        xp = problem.space.xp
        taken = band.of(xp, self.here.alpha)
        totals = Fixed(survey.w_of_duals, survey.imbalance, survey.gain)
        part = problem.restricted(band.rows, taken, totals)
        if rounds.is_centred:
            # In the middle of its box, the smoothed kink is nearest to the sharp one.
            taken = xp.zeros_like(taken) + 0.5 * part.losses_of_rows.bound
        inner, floor = begin_band(progress, rounds, part, self.goal, SAMPLE_GOAL)
        if band.rows is None:
            # The objective is that of the whole problem, however low it is.
            floor = -np.inf
        shortfall = band.of(xp, self.here.shortfall)
        state = ArrayState(
            part, survey.w, survey.intercept, shortfall, taken, rounds.rho
        )
        # Where a fit is to be exact, rounding alone ends it.
        aim = OUT_OF_REACH if self.goal <= EXACT else inner.tol
        solve_inner_problems(inner, state, aim, floor)
        end_band(progress, rounds, inner, state.rho)
        best = inner.best
        is_best = best is not None and floor <= best.primal
        if is_best and best is not None and best.relative_gap <= inner.tol:
            duals: Any = best.duals
            point = best.w, float(best.intercept), duals.alpha
        else:
            point = state.w, state.intercept, state.alpha
        w, intercept, alpha = point
        return w, intercept, part.balanced(alpha)[0]

    def _advance(self, w: Float64Array, intercept: float, ahead: Surveyed) -> None:
        """Go to the next survey, or as far in its direction as the objective falls."""
        progress, rounds, here = self.progress, self.state, self.here
        problem = progress.problem
        after, part, n_crossed = survey_of(w, intercept, ahead), 1.0, 0
        if not self.is_whole:
            n_crossed, self.reach = widened(problem, ahead, self.reach)
        if n_crossed:
            part = best_part(problem, rounds.survey, after, here, ahead)
        self.moved = ahead.shortfall - here.shortfall
        self.here = go_to(problem, rounds, after, here, ahead, part)
        rounds.plan(part, n_crossed, problem.n_rows, progress.max_iter)


def _first_step(problem: ArrayProblem) -> tuple[float, bool]:
    """Return a proximal step where nothing is known, and whether it starts centred.

    In the middle of the boxes of dual variables, that is; where these will be far
    smaller than their bounds, they start at 0. See ``newton/proximal.py``.
    """
    losses, xp = problem.losses_of_rows, problem.space.xp

    def typical(values: Any) -> float:
        return values if isinstance(values, float) else float(xp.mean(values))

    cost = typical(losses.cost)
    size = problem.device_rows.mean_square * cost
    if problem.has_kink and size <= 1.0:
        return COLD_RHO, True
    return 1.0 / size if size > 1.0 else 1.0, False

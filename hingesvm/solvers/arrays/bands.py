"""Which rows on a device make up the next band, and how far to go to its solution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hingesvm.problems.intercept import JUDGES
from hingesvm.rows.array_losses import ArrayLosses, numbers
from hingesvm.rows.arrays import Surveyed
from hingesvm.solvers.arrays.line import Line
from hingesvm.solvers.arrays.problem import ArrayProblem
from hingesvm.solvers.newton.bands import LIKELY, STEEP, rows_wanted
from hingesvm.solvers.newton.line_search import FLAT
from hingesvm.solvers.newton.rounds import FARTHER, Rounds
from hingesvm.solvers.survey import Survey

__all__ = ["Band", "best_part", "choose", "go_to", "survey_of", "widened"]

# Bands: of all rows at least, and in units of the statistical error of a sample's
# margins: small ones take more passes, large ones more work with each step
# (docs/experiments.md#arrays-on-a-device).
_LEAST_PART, _ERRORS = 0.05, 3.0
# Part of the rows from which a band is all of them, which needs no copy.
_NEARLY_ALL = 0.6


@dataclass
class Band:
    """Rows of a round.

    Attributes
    ----------
    rows : array of indices, of shape (n_band,), or None
        None stands for all rows.
    mask : array of bool, of shape (n_rows,), or None
    size : int
    """

    rows: Any
    mask: Any
    size: int

    @classmethod
    def everyone(cls, n_rows: int) -> Band:
        """Return the band of all rows."""
        return cls(None, None, n_rows)

    def of(self, xp: Any, values: Any) -> Any:
        """Return what belongs to the rows of the band."""
        return values if self.rows is None else xp.take(values, self.rows, axis=0)

    def replaced(self, xp: Any, values: Any, of_band: Any) -> Any:
        """Return values of all rows, others in those of the band."""
        if self.rows is None:
            return of_band
        # What the standard has in place of writing to some entries.
        places = xp.cumulative_sum(xp.astype(self.mask, self.rows.dtype)) - 1
        spread = xp.take(of_band, xp.clip(places, 0, None), axis=0)
        return xp.where(self.mask, spread, values)


def _beyond(losses: ArrayLosses, shortfall: Any) -> Any:
    """Return shortfalls from the other end of where the losses bend."""
    if losses.has_kink:
        return shortfall
    return shortfall - losses.curvature * losses.bound


def _distance(xp: Any, losses: ArrayLosses, shortfall: Any) -> Any:
    """Return how far rows are from where their losses bend; negative within."""
    return xp.maximum(-shortfall, _beyond(losses, shortfall))


def _are_misplaced(losses: ArrayLosses, shortfall: Any, alpha: Any) -> Any:
    """Return which rows are at the end of their box that their margin is not."""
    return ((alpha <= 0.0) & (shortfall > 0.0)) | (
        (alpha >= losses.bound) & (_beyond(losses, shortfall) < 0.0)
    )


def choose(
    problem: ArrayProblem, rounds: Rounds, here: Surveyed, reach: Any, moved: Any
) -> Band:
    """Return the rows of the next band; see ``newton/bands.py``.

    Parameters
    ----------
    problem : ArrayProblem
    rounds : Rounds
    here : Surveyed
        The survey at which it begins.
    reach : array of shape (n_rows,)
        How far the margins of the rows move, compared with each other.
    moved : array of shape (n_rows,), or None
        How far they were to move in the last round.
    """
    xp, losses, n_rows = problem.space.xp, problem.losses_of_rows, problem.n_rows
    error = np.sqrt(8 * problem.device_rows.n_features / n_rows)
    wanted = rows_wanted(rounds, problem.rows, _ERRORS * error, _LEAST_PART)
    if wanted >= _NEARLY_ALL * n_rows:
        return Band.everyone(n_rows)
    far = _distance(xp, losses, here.shortfall)
    step = max(1, n_rows // JUDGES)
    ratio = xp.sort(far[::step] / reach[::step])
    count = ratio.shape[0]
    place = min(wanted * count // n_rows, count - 1)
    near = max(numbers(problem.space, [ratio[place]])[0], 0.0)
    alpha = here.alpha
    mask = (far <= near * reach) | ((alpha > 0.0) & (alpha < losses.bound))
    mask = mask | _are_misplaced(losses, here.shortfall, alpha)
    if moved is not None:
        mask = mask | (far <= LIKELY * xp.abs(moved))
    rows = xp.nonzero(mask)[0]
    size = int(rows.shape[0])
    if not size or size >= _NEARLY_ALL * n_rows:
        return Band.everyone(n_rows)
    return Band(rows, mask, size)


def widened(problem: ArrayProblem, ahead: Surveyed, reach: Any) -> tuple[int, Any]:
    """Return how many rows have crossed a kink unforeseen, and a wider reach."""
    xp = problem.space.xp
    crossed = _are_misplaced(problem.losses_of_rows, ahead.shortfall, ahead.alpha)
    ones = xp.astype(crossed, reach.dtype)
    count = int(numbers(problem.space, [xp.sum(ones)])[0])
    return count, reach * (1.0 + (FARTHER - 1.0) * ones)


def best_part(
    problem: ArrayProblem,
    before: Survey,
    after: Survey,
    here: Surveyed,
    ahead: Surveyed,
) -> float:
    """Return the part of the way, at most all of it, that lowers P most."""
    direction = after.w - before.w
    turn = after.intercept - before.intercept
    along, length = float(before.w @ direction), float(direction @ direction)
    if problem.intercept_rule == "penalized":
        along += before.intercept * turn
        length += turn * turn
    losses = problem.losses_of_rows
    rest, pace = 0.5 * losses.bound, STEEP * losses.bound
    if not losses.has_kink:
        rest, pace = 0.0, 1.0 / losses.curvature
    line = Line(
        problem.space,
        rest,
        pace,
        losses.bound,
        here.shortfall,
        here.shortfall - ahead.shortfall,
        along,
        length,
    )
    at_start, _ = line.at(0.0)
    if not at_start < 0.0:
        return 0.0
    return min(line.zero(1.0, 0.0, FLAT * abs(at_start)), 1.0)


def go_to(
    problem: ArrayProblem,
    rounds: Rounds,
    after: Survey,
    here: Surveyed,
    ahead: Surveyed,
    part: float,
) -> Surveyed:
    """Go a part of the way to the survey at the end of a round; return what is there.

    Dual variables are those of the end past half of the way, else a mean.
    """
    before = rounds.survey
    if part == 1.0:
        rounds.survey = after
        return ahead
    losses = problem.losses_of_rows
    shortfall = here.shortfall + part * (ahead.shortfall - here.shortfall)
    alpha, w_of_duals = ahead.alpha, ahead.w_of_duals
    if part <= 0.5:
        alpha = here.alpha + part * (ahead.alpha - here.alpha)
        w_of_duals = here.w_of_duals + part * (ahead.w_of_duals - here.w_of_duals)
    sums = losses.sums(shortfall, alpha)
    w = before.w + part * (after.w - before.w)
    intercept = before.intercept + part * (after.intercept - before.intercept)
    found = Surveyed(shortfall, alpha, w_of_duals, sums)
    rounds.survey = survey_of(w, intercept, found)
    return found


def survey_of(w: Any, intercept: float, found: Surveyed) -> Survey:
    """Return what was found as a survey without arrays of a number a row."""
    sums = found.sums
    return Survey(
        w,
        intercept,
        np.empty(0),
        np.empty(0),
        found.w_of_duals,
        sums.loss,
        sums.gain,
        sums.imbalance,
    )

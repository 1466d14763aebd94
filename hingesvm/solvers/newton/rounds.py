"""What Newton steps on bands keep from one round to the next."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _vectors
from hingesvm.problems.binary import Problem
from hingesvm.solvers.newton.proximal import GROWTH
from hingesvm.solvers.survey import Survey

__all__ = ["FARTHER", "PATIENCE", "Rounds"]

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]

#: Rounds without a smaller gap before all rows are taken in
#: (docs/experiments.md#constants).
PATIENCE = 4
# Part of the rows that may cross before the next round is kept short again
# (docs/experiments.md#constants).
_FEW = 0.01
# Bands: wide ones take longer, of narrow ones it takes more, each with a pass over all
# rows (docs/experiments.md#few-passes-samples-and-bands).
# Factor of the reach of rows that have crossed a kink unforeseen.
FARTHER = 4.0
# Rounds: with long ones steps are taken in vain on a wrong band, with short ones passes
# over all rows (docs/experiments.md#few-passes-samples-and-bands).
# Part of the gap that a round leaves which brought hardly anything, so that one that
# was cut short lets the step grow.
_HARDLY = 0.8


@dataclass
class Rounds:
    """The state between two rounds.

    Attributes
    ----------
    survey : Survey
        Of the point at which the next round starts.
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
    is_wary : bool
        Whether the next band is left after its first inner problem, as solving the last
        one led astray.
    seed : int or None
        Of the order of rows where bands are solved by sweeps; None for Newton steps.
    patience : int
        Rounds without a smaller gap that may still come.
    band : ndarray of intp, of shape (n_band,)
        Rows of the last round: all whose dual variables it may have changed.
    """

    survey: Survey
    reach: NDArray[np.float32]
    rho: float
    is_centred: bool
    first_steps: int
    moved: NDArray[np.floating] | None = None
    steps: int = field(init=False)
    gap: float = np.inf
    is_cut_short: bool = False
    is_wary: bool = False
    seed: int | None = None
    patience: int = PATIENCE
    band: IndexArray = field(default_factory=lambda: np.empty(0, dtype=np.intp))

    def __post_init__(self) -> None:
        self.steps = self.first_steps

    def note(self, gap: float) -> None:
        """Take the relative gap into account that a round has reached."""
        self.patience = PATIENCE if gap < self.gap else self.patience - 1
        if self.is_cut_short and gap > _HARDLY * self.gap:
            self.rho *= GROWTH
        self.gap = min(self.gap, gap)

    def plan(self, part: float, n_crossed: int, n_rows: int, most: int) -> None:
        """Say how many steps the next round may take.

        Parameters
        ----------
        part : float
            Of the way to the end of the last round, what was gone.
        n_crossed, n_rows : int
            Rows that have crossed a kink unforeseen, and all rows.
        most : int
            Steps of a round that is not kept short.
        """
        if part <= 0.5:
            self.steps = self.first_steps
        elif n_crossed < _FEW * n_rows:
            self.steps = most
        else:
            self.steps *= 3

    def go(self, problem: Problem, ahead: Survey, part: float) -> None:
        """Go a part of the way to the survey at the end of the round.

        Its shortfalls are written over unless the part is 1.
        """
        survey = self.survey
        # Of the two arrays of shortfalls, one holds the next and one the difference.
        spare = survey.shortfall if part == 1.0 else ahead.shortfall
        self.moved = moved = np.subtract(ahead.shortfall, survey.shortfall, out=spare)
        if part == 1.0:
            self.survey = ahead
            return
        self._mix_duals(ahead, part)
        survey.weights = survey.w + part * (ahead.w - survey.w)
        survey.intercept += part * (ahead.intercept - survey.intercept)
        for start, stop in problem.rows.chunks(problem.n_rows):
            survey.shortfall[start:stop] += part * moved[start:stop]
        survey.add_up(problem)

    def distances(
        self, problem: Problem, step: int = 1, survey: Survey | None = None
    ) -> Float64Array:
        """Return how far rows are from their kinks, over their reach.

        Of one row in `step`, at a survey or, by default, at that of the round. The
        distance is negative within a box.
        """
        shortfall = (self.survey if survey is None else survey).shortfall
        ratio = np.empty(-(-problem.n_rows // step))
        box = problem.bound, problem.curvature
        _vectors.distances(shortfall, self.reach, *box, step, ratio)
        return ratio

    def within(self, problem: Problem, near: float, likely: float) -> IndexArray:
        """Return the rows up to a distance from their kinks, in ascending order.

        Those join that are within `likely` times the distance just moved, and those
        with a dual variable inside its box.
        """
        survey = self.survey
        chosen = np.empty(problem.n_rows, dtype=np.uint8)
        _vectors.choose(
            survey.shortfall,
            survey.shortfall if self.moved is None else self.moved,
            self.reach,
            survey.packed.places,
            problem.bound,
            problem.curvature,
            near,
            0.0 if self.moved is None else likely,
            chosen,
        )
        self.moved = None
        return np.flatnonzero(chosen.view(np.bool_))

    def widen_reach(self, problem: Problem, ahead: Survey) -> int:
        """Count the rows that have crossed a kink unforeseen, and widen their reach."""
        return _vectors.misplaced(
            ahead.shortfall,
            ahead.packed.places,
            problem.bound,
            problem.curvature,
            FARTHER,
            self.reach,
        )

    def nearest(self, problem: Problem, band: IndexArray, most: int) -> IndexArray:
        """Return so many rows of a band: all inside their box, and near a kink."""
        ratio = self.distances(problem)[band]
        is_inside = self.survey.packed.is_inside[band]
        ratio[is_inside] = -np.inf
        most = max(most, int(np.count_nonzero(is_inside)))
        return np.sort(band[np.argpartition(ratio, most - 1)[:most]])

    def _mix_duals(self, ahead: Survey, part: float) -> None:
        """Take the duals at the end of the round past half of the way, else a mean."""
        survey, band = self.survey, self.band
        if part > 0.5:
            survey.duals, survey.w_of_duals = ahead.duals, ahead.w_of_duals
            return
        before, after = survey.packed.take(band), ahead.packed.take(band)
        alpha = before + part * (after - before)
        alpha = np.clip(alpha, 0.0, survey.packed.bound[band])
        survey.duals = survey.packed.replaced(band, alpha)
        survey.w_of_duals = survey.w_of_duals + part * (
            ahead.w_of_duals - survey.w_of_duals
        )

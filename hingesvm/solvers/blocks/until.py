"""Problems whose rows are in blocks that answer: few rounds of small answers.

A table begins with a sample, which is solved here; wide sparse rows begin with sweeps
over one block after the other. Then the rows of a band are gathered and solved here,
and a survey of all blocks adds up a certificate. Where bands do not suit, sweeps go on
over one block after the other (Yu, Hsieh, Chang and Lin, "Large linear classification
when data cannot fit in memory", KDD 2010), each pass followed by a survey.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Certificate, Fixed
from hingesvm.rows.contract import Rows
from hingesvm.rows.gathered import gathered
from hingesvm.rows.per_row import proximal_step
from hingesvm.solvers.blocks.answers import BandRows, Carry, Lowered
from hingesvm.solvers.blocks.asking import Talk
from hingesvm.solvers.blocks.block import FIRST_BIN, LINE, N_BINS
from hingesvm.solvers.blocks.problem import BlocksProblem
from hingesvm.solvers.newton.band import solve_band
from hingesvm.solvers.newton.bands import (
    LEAST_OF_CLASS,
    LIKELY,
    RHO_OF_SAMPLE,
    RHO_OF_SWEEPS,
    band_until,
    nest,
    rows_wanted,
)
from hingesvm.solvers.newton.rounds import Rounds
from hingesvm.solvers.newton.starts import NewtonStart, WeightsStart
from hingesvm.solvers.progress import Progress, ProgressOf, Report, Solution
from hingesvm.solvers.settings import Settings
from hingesvm.solvers.survey import COARSE, Survey
from hingesvm.solvers.sweeping.steps import WIDE, weights_dtype

__all__ = ["Sample", "rounded_gap", "solve_on_blocks"]

Float64Array = NDArray[np.float64]
BlocksProgress = ProgressOf[BlocksProblem]

# Bands of rows in blocks: those of a round as a part of all, at least, and in units of
# the statistical error of a sample's margins. Small ones take more rounds, large ones
# are solved in one place while workers wait (docs/experiments.md#rows-on-a-cluster).
_LEAST_PART, _ERRORS = 0.02, 2.0
# Newton steps of the first round: more of them are taken in vain on a wrong band, less
# take rounds (docs/experiments.md#rows-on-a-cluster).
_STEPS = 30
# All rows over those of a sample whose error is that of sweeps.
_FACTOR_OF_SWEEPS = 4
# Relative gap to which a sample is solved: a larger one leads the first band astray, a
# smaller one is work in vain (docs/experiments.md#rows-on-a-cluster).
_GOAL_OF_SAMPLE = 1e-3
# Passes of sweeps before the first survey, and between two.
_FIRST_PASSES, _PASSES = 3, 2
# Part of what dual variables inside their box add up to that can be taken from them.
_MOST_INSIDE = 0.5
# Rounds that may be taken warily, as bands without room for all that could cross a kink
# lead astray (docs/experiments.md#rows-on-a-cluster).
_MOST_WARY = 8
# By how much more rows a band is gathered again that cannot be balanced, and how often.
_WIDER, _TIMES = 4.0, 3


@dataclass(frozen=True)
class Sample:
    """Some rows from all blocks.

    Attributes
    ----------
    rows : Rows
    codes : ndarray of integers, of shape (n_rows,)
        Their classes.
    cost : ndarray of float64, of shape (n_rows,) or (1,)
        C times their weights.
    """

    rows: Rows
    codes: NDArray[np.integer]
    cost: Float64Array


def solve_on_blocks(
    problem: BlocksProblem,
    talk: Talk,
    settings: Settings,
    *,
    sample: Sample | None,
    start: WeightsStart | None,
    seed: int,
    report: Report | None,
) -> Solution:
    """Solve a binary problem of rows in blocks to a relative duality gap.

    Parameters
    ----------
    problem : BlocksProblem
    talk : Talk
    settings : Settings
        Bands are solved by sweeps where the method is "stochastic", or where it is
        "auto" and rows are sparse with more than 2000 columns; else by Newton steps.
    sample : Sample or None
        Rows whose solution is the start of tables.
    start : WeightsStart or None
        Weights to start from, in place of it.
    seed : int
        Of the order of rows.
    report : callable, optional
        As of `solve`.

    Returns
    -------
    Solution
        Its certificate is a sum over all rows. Dual variables stay where the rows are.
    """
    progress = BlocksProgress(
        problem, settings.tol, settings.max_iter, report=report, exact=False
    )
    progress.record(problem.origin(), proven=True)
    if not progress.is_done():
        method = _Blocks(progress, talk, seed)
        is_wide = problem.rows.is_sparse and problem.rows.n_features > WIDE
        by_sweeps = settings.method == "stochastic"
        by_sweeps |= settings.method == "auto" and is_wide
        method.solve(sample, start, by_sweeps=by_sweeps)
    return progress.solution()


@dataclass
class _Blocks:
    """The state of a problem of rows in blocks.

    Attributes
    ----------
    progress : ProgressOf
    talk : Talk
    seed : int
    passes, wary : int
        Passes of sweeps, and wary rounds, so far.
    is_bounded : bool
        Whether the last band had too little room for the rows it should have.
    """

    progress: BlocksProgress
    talk: Talk
    seed: int
    passes: int = 0
    wary: int = 0
    is_bounded: bool = False

    @property
    def problem(self) -> BlocksProblem:
        """The problem."""
        return self.progress.problem

    @property
    def goal(self) -> float:
        """The relative gap to reach."""
        return self.progress.tol

    def solve(
        self, sample: Sample | None, start: WeightsStart | None, *, by_sweeps: bool
    ) -> None:
        """Take bands, and sweeps before and after them where they are due."""
        if start is None and sample is not None and not by_sweeps:
            start = self._solve_sample(sample)
        if start is not None:
            error = self._error(sample)
            rounds = self._begin(start)
        else:
            error = self._error(None)
            rounds = self._swept(self._first_carry(), _FIRST_PASSES)
        rounds.seed = self.seed + 1 if by_sweeps else None
        is_first = not self._take_bands(rounds, error)
        if is_first:
            self.talk.forget()
        while not self.progress.is_done():
            carry = self._first_carry() if is_first else self._carry()
            survey = self._swept(carry, _PASSES, is_first=is_first).survey
            is_first = False
            if not self.talk.has_lost:
                certificate = survey.certificate(self.problem)
                self.progress.record(certificate, proven=True)

    def _error(self, sample: Sample | None) -> float:
        """Return the statistical error of margins at the start."""
        rows = self.problem.rows
        size = rows.n_rows / _FACTOR_OF_SWEEPS
        size = size if sample is None else sample.rows.n_rows
        return math.sqrt(rows.n_features / size)

    def _solve_sample(self, sample: Sample) -> WeightsStart | None:
        """Return the solution of a sample, if it has enough rows of both signs."""
        spec = self.talk.spec
        signs = np.where(sample.codes == spec.target, 1, -1).astype(np.int8)
        positive = int(np.count_nonzero(signs > 0))
        if min(positive, len(signs) - positive) < LEAST_OF_CLASS:
            return None
        factor = self.problem.n_rows / len(signs)
        part = Problem.build(
            sample.rows, signs, factor * sample.cost, spec.loss, spec.rule
        )
        progress = self.progress
        inner = Progress(part, _GOAL_OF_SAMPLE, progress.max_iter, progress.n_iter)
        band_until(inner, nest(inner, self.seed + 1), _GOAL_OF_SAMPLE)
        progress.n_iter = inner.n_iter
        if inner.best is None:
            return None
        return WeightsStart(inner.best.w, inner.best.intercept)

    def _rounded(self, w: Float64Array, intercept: float) -> tuple[Float64Array, float]:
        """Return weights in the precision of X, if `goal` needs no more."""
        if self.goal >= COARSE:
            return self.problem.rows.rounded(w, intercept)
        return w, intercept

    def _begin(self, start: WeightsStart) -> Rounds:
        """Return the state before the first round, at weights."""
        survey = self.talk.enter(*self._rounded(start.w, start.intercept))
        is_centred = self.problem.has_kink
        return Rounds(survey, _NOTHING, RHO_OF_SAMPLE, is_centred, _STEPS)

    # Bands

    def _take_bands(self, rounds: Rounds, error: float) -> bool:
        """Gather and solve bands until converged, or rounds bring nothing more.

        Returns
        -------
        bool
            False if the dual variables of a band could not be balanced.
        """
        progress, problem = self.progress, self.problem
        part = 1.0
        while not progress.exhausted and rounds.patience:
            found = self._solve_band(rounds, part, error)
            if found is None:
                return False
            end, alpha, size = found
            assert end.w is not None
            ahead = self.talk.look(*self._rounded(end.w, end.intercept), alpha)
            part = 1.0
            if self.talk.has_lost:
                # Dual variables that are not balanced prove nothing.
                rounds.survey, rounds.gap = ahead, np.inf
                continue
            certificate = ahead.certificate(problem)
            progress.record(certificate, proven=True, active=size)
            if progress.relative_gap <= self.goal:
                return True
            rounds.note(certificate.relative_gap)
            part = self._advance(rounds, ahead)
        return True

    def _solve_band(
        self, rounds: Rounds, part: float, error: float
    ) -> tuple[NewtonStart, Float64Array, int] | None:
        """Gather the next band and solve it; None if it cannot be balanced."""
        near = self._near(rounds, error)
        for _ in range(_TIMES):
            rounds.survey, bands = self.talk.gather(part, near, LIKELY, self._most())
            of_band, taken, shortfall = self._of_band(bands, rounds.survey)
            part = 1.0
            if not len(taken):
                near = np.inf
                continue
            end = solve_band(
                self.progress, rounds, of_band, taken, shortfall, self.goal, self.goal
            )
            alpha = end.alpha.copy()
            if of_band.balance(alpha):
                return end, alpha, len(taken)
            near = max(_WIDER * near, 2.0**FIRST_BIN)
        return None

    def _most(self) -> float:
        """Return the part of the rows that a band may have."""
        rows = self.problem.rows
        return min(rows.most_at_once / rows.n_rows, 1.0)

    def _near(self, rounds: Rounds, error: float) -> float:
        """Return the distance from the kinks up to which rows join the next band."""
        n_rows = self.problem.n_rows
        part = _ERRORS * error
        rows = self.problem.rows
        wanted = rows_wanted(rounds, rows, part, _LEAST_PART)
        self.is_bounded = wanted >= rows.most_at_once // 2
        if wanted >= n_rows:
            return np.inf
        counts = np.cumsum(self.talk.distances())
        aim = wanted / n_rows * counts[-1]
        place = int(np.searchsorted(counts, aim))
        if place >= N_BINS - 1:
            return np.inf
        before = float(counts[place - 1]) if place else 0.0
        inside = (aim - before) / max(float(counts[place]) - before, 1.0)
        return float(2.0 ** (FIRST_BIN + 0.5 * (place + inside)))

    def _of_band(
        self, bands: list[BandRows], survey: Survey
    ) -> tuple[Problem, Float64Array, NDArray[np.floating]]:
        """Return the problem of a band, its dual variables and its shortfalls."""
        spec = self.talk.spec
        rows = gathered([band.X for band in bands])
        signs = np.concatenate([band.signs for band in bands])
        taken = np.concatenate([band.taken for band in bands])
        shortfall = np.concatenate([band.shortfall for band in bands])
        costs = [band.cost for band in bands if band.cost is not None]
        cost = np.concatenate(costs) if costs else float(spec.costs[0])
        part = Problem.build(rows, signs, cost, spec.loss, spec.rule)
        fixed = Fixed(
            survey.w_of_duals - part.combine(taken),
            survey.imbalance - part.imbalance(taken),
            survey.gain - part.gain(taken),
        )
        return replace(part, fixed=fixed), taken, shortfall

    def _advance(self, rounds: Rounds, ahead: Survey) -> float:
        """Return the part of the way to go to a survey; all of it if P falls."""
        problem, before = self.problem, rounds.survey
        n_crossed = self.talk.n_crossed()
        part = 1.0
        at = problem.primal_of(ahead.weights, ahead.intercept, ahead.loss)
        least = problem.primal_of(before.weights, before.intercept, before.loss)
        if n_crossed and at > least:
            losses = self.talk.line()
            if losses is not None:
                part = self._best_part(before, ahead, losses, least)
        rounds.plan(part, n_crossed, problem.n_rows, self.progress.max_iter)
        rounds.is_wary = part <= 0.5 and self.is_bounded and self.wary < _MOST_WARY
        if rounds.is_wary:
            self.wary += 1
            rounds.patience = max(rounds.patience, 2)
        if part == 1.0:
            rounds.survey = ahead
        return part

    def _best_part(
        self, before: Survey, ahead: Survey, losses: Float64Array, at_start: float
    ) -> float:
        """Return the part of the way at which P is least, which may be 0."""
        best, least = 0.0, at_start
        for part, loss in zip(LINE.tolist(), losses.tolist(), strict=True):
            w = before.w + part * (ahead.w - before.w)
            intercept = before.intercept + part * (ahead.intercept - before.intercept)
            value = self.problem.primal_of(w, intercept, loss)
            if value < least:
                best, least = part, value
        return best

    # Sweeps

    def _first_carry(self) -> Carry:
        """Return where sweeps start from dual variables of 0."""
        dtype = weights_dtype(self.problem, self.goal)
        return Carry(np.zeros(self.problem.rows.n_features, dtype), 0.0)

    def _carry(self) -> Carry:
        """Return where sweeps go on from the last survey."""
        survey = self.talk.last()
        dtype = weights_dtype(self.problem, self.goal)
        intercept = survey.intercept
        if self.problem.intercept_rule == "penalized":
            intercept = survey.imbalance
        return Carry(survey.w_of_duals.astype(dtype), intercept)

    def _swept(self, carry: Carry, n_passes: int, *, is_first: bool = True) -> Rounds:
        """Take passes of sweeps, and look at all rows where they lead."""
        progress, talk = self.progress, self.talk
        rule, tau = self.problem.intercept_rule, talk.spec.tau
        n_blocks = len(talk.used)
        # Problems that are solved at once begin at different blocks.
        first = talk.spec.target * n_blocks // len(talk.spec.classes)
        for number in range(n_passes):
            before = carry.intercept
            carry = replace(carry, class_sums=np.zeros(4), lost=())
            carry = talk.sweep(
                carry,
                self.seed + self.passes * n_blocks,
                first,
                is_first=is_first and not number,
            )
            self.passes += 1
            progress.n_iter = min(progress.n_iter + 2, progress.max_iter)
            positive, negative = carry.class_sums[:2].tolist()
            imbalance = positive - negative
            if carry.lost:
                carry, imbalance = self._mended(carry)
            if tau:
                moved = (carry.intercept - before) / tau
                intercept, _ = proximal_step(
                    before,
                    carry.intercept,
                    imbalance - moved,
                    tau,
                    penalized=rule == "penalized",
                )
                carry = replace(carry, intercept=intercept)
            if progress.exhausted:
                break
        w, intercept = self._rounded(carry.w.astype(np.float64), carry.intercept)
        survey = talk.enter_swept(w, intercept, self._lowered(carry))
        return Rounds(survey, _NOTHING, RHO_OF_SWEEPS, False, _STEPS)

    def _mended(self, carry: Carry) -> tuple[Carry, float]:
        """Return what is carried without the share of dual variables that are lost."""
        sums = self.talk.combine()
        if sums is None:
            return carry, 0.0
        w, imbalance = sums
        return replace(carry, w=w.astype(carry.w.dtype)), imbalance

    def _lowered(self, carry: Carry) -> Lowered:
        """Return by how much dual variables are lowered so that they are balanced."""
        if self.problem.intercept_rule != "free":
            return Lowered()
        sums = carry.class_sums
        heavy = 0 if sums[0] > sums[1] else 1
        excess = float(sums[heavy] - sums[1 - heavy])
        inside = float(sums[2 + heavy])
        sign = 1 if heavy == 0 else -1
        if excess <= 0.0:
            return Lowered()
        if excess <= _MOST_INSIDE * inside:
            return Lowered(sign, 1.0 - excess / inside, True)
        return Lowered(sign, float(sums[1 - heavy] / sums[heavy]))


_NOTHING = np.empty(0, dtype=np.float32)


def rounded_gap(problem: BlocksProblem, talk: Talk, certificate: Certificate) -> float:
    """Return the relative gap of weights rounded to the dtype of X."""
    w, intercept = problem.rows.rounded(certificate.w, float(certificate.intercept))
    same = intercept == certificate.intercept and np.array_equal(w, certificate.w)
    if same:
        return certificate.relative_gap
    loss = talk.loss_at(w, intercept)
    if loss is None:
        return certificate.relative_gap
    primal = problem.primal_of(w, intercept, loss)
    least = certificate.primal - certificate.gap
    return max(primal - least, 0.0) / primal if primal > 0.0 else 0.0

"""One binary problem of a stream: a model, and dual variables of all rows so far.

Those of stored rows can change. All others are frozen: what counts of them are sums, in
which their losses are linear, as those of rows that stay on their side of the kinks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _vectors
from hingesvm.problems.binary import Problem
from hingesvm.problems.intercept import minimise_over_intercept
from hingesvm.problems.rounding import round_to
from hingesvm.solvers.choice import solve_in_turns
from hingesvm.solvers.newton.narrow import is_narrow
from hingesvm.solvers.newton.starts import BandStart
from hingesvm.solvers.newton.until import newton_until
from hingesvm.solvers.progress import Progress
from hingesvm.solvers.sparse.choice import columns_from
from hingesvm.solvers.streaming.frozen import Frozen
from hingesvm.solvers.streaming.sums import Sums
from hingesvm.solvers.streaming.sweeps import Position, swept

__all__ = ["Lane"]

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

# Newton steps on stored rows (docs/experiments.md#streams).
# Relative gap to which their problem is solved, and steps at most: with less of it time
# is spent on digits that the next rows change, with more the frozen rows, whose losses
# are linear, pull the weights away.
_GOAL, _MOST_STEPS = 2e-3, 40
# The same where the penalty has columns without strength: with less of it their sums v
# are beyond the threshold, and the lower bound is poor.
_GOAL_IF_FLAT = 1e-6
# The same while none is frozen: where steps take next to no time, and elsewhere. Then
# the problem is that of `fit`, which any number of steps that it takes are worth.
_GOAL_IF_NARROW, _GOAL_OF_ALL, _MOST_STEPS_OF_ALL = 2e-4, 5e-3, 1000
# The first proximal step, and the largest that the next ones begin with, in units of
# the costs: as that of bands.
_FIRST_RHO, _LARGEST_RHO = 2.0, 100.0
# Part of the objective by which the linear losses of frozen rows may be too low, as a
# sample of them tells, before the weights are found anew with that sample beside them,
# and then with the sample in their place: noise of samples is no better than that.
_STRAYED, _STRAYED_FAR = 0.01, 0.05

# Sweeps over wide rows (docs/experiments.md#streams).
# Batches that a row at rest waits, and least change of its dual variable, as a part of
# the bound, from which a row to be frozen is misplaced: it is kept.
_WAITS, _MISPLACED = 3, 0.01


@dataclass
class Lane:
    """The state of one problem. Arrays are never changed in place.

    Attributes
    ----------
    weights : ndarray of float64, of shape (n_features,)
        The model.
    intercept : float
    pulls : ndarray of float64, of shape (n_features,)
        The sum of a y x over all rows, as sweeps leave it.
    alpha : ndarray of float64, of shape (n_stored,)
        Dual variables of stored rows; of the frozen ones among them those of then.
    frozen, sums : Sums
        Those over frozen rows, and over all rows; the latter do not follow sweeps.
    lower_bound : float
        The best so far: the minimum only rises with more rows.
    turning, imbalance : float
        The intercept of sweeps, which is a multiplier of the sum of a y where it is
        free, and that sum as they leave it.
    is_begun : bool
        Whether Newton steps were taken.
    primal : float
        About the objective of the model over all rows, once Newton steps were taken.
    rho : float
        The proximal step that Newton steps go on with.
    waits : ndarray of int8, of shape (n_stored,)
        For how many batches a row is passed over.
    shrink_above : float
        As of `Sweeps`.
    """

    weights: Float64Array
    pulls: Float64Array
    alpha: Float64Array
    frozen: Sums
    sums: Sums
    intercept: float = 0.0
    lower_bound: float = 0.0
    turning: float = 0.0
    imbalance: float = 0.0
    rho: float = _FIRST_RHO
    waits: NDArray[np.int8] = field(default_factory=lambda: np.empty(0, np.int8))
    shrink_above: float = np.inf
    is_begun: bool = False
    primal: float = 0.0

    @classmethod
    def new(cls, n_features: int) -> Lane:
        """Return the state before the first row."""
        nothing = Sums.zero(n_features)
        nowhere = np.zeros(n_features)
        return cls(nowhere, nowhere, np.empty(0), nothing, nothing)

    def add(self, count: int) -> None:
        """Make room for so many rows, whose dual variables are 0."""
        self.alpha = np.concatenate([self.alpha, np.zeros(count)])
        self.waits = np.concatenate([self.waits, np.zeros(count, np.int8)])

    def meet(self, new: Problem) -> None:
        """Add the losses of new rows to the objective of the model."""
        shortfall = 1.0 - new.margins(self.weights, self.intercept)
        self.primal += new.loss_sum(shortfall)

    @property
    def relative_gap(self) -> float:
        """How far the model may be from the best for the rows so far, as estimated."""
        return (self.primal - self.lower_bound) / max(self.primal, 1e-300)

    def stand_still(self, sign: int) -> None:
        """Take the model of rows of one sign, which need no weights."""
        self.intercept = self.turning = float(sign)

    def awake(self, count: int, most: int) -> IndexArray:
        """Return those of the first `count` rows whose turn it is, at most so many."""
        waits = self.waits.copy()
        turn = np.flatnonzero(waits[:count] == 0)
        waits[waits > 0] -= 1
        if len(turn) > most:
            # The others are the first ones next time.
            waits[turn[:most]] = 1
            turn = turn[:most]
        self.waits = waits
        return turn

    def sweep(
        self,
        whole: Problem,
        some: IndexArray,
        n_sweeps: float,
        random_state: NDArray[np.uint64],
    ) -> None:
        """Take steps at some of the stored rows; the sums do not follow.

        Parameters
        ----------
        whole : Problem
            That of all stored rows, nothing in it fixed.
        some : ndarray of intp
        n_sweeps : float
            Sweeps over these, counted by visits.
        random_state : ndarray of uint64, of shape (1,)
            Changed in place.
        """
        part = whole.subset(some)
        before = Position(
            self.alpha[some],
            self.weights,
            self.pulls,
            self.turning,
            self.imbalance,
            self.shrink_above,
        )
        state, self.weights = swept(part, before, n_sweeps, random_state)
        self._set(some, np.minimum(np.maximum(state.alpha, 0.0), part.bound))
        self.pulls = state.w.astype(np.float64)
        self.intercept = self.turning = state.intercept
        self.imbalance = state.imbalance
        if part.intercept_rule == "free":
            active = state.order[: state.n_active]
            self._turn(part.subset(active), state.alpha[active])
        self.shrink_above = state.shrink_above
        waits = self.waits.copy()
        waits[some] = _WAITS
        waits[some[state.order[: state.n_active]]] = 0
        self.waits = waits

    def _turn(self, active: Problem, alpha: Float64Array) -> None:
        """Take the best intercept for the weights, where only active rows move.

        That of sweeps is a multiplier, which comes late.
        """
        # What all others pull, whose slopes do not change.
        pull = self.imbalance - active.imbalance(alpha)
        most = [float(active.bound.sum(where=active.signs == s)) for s in (1, -1)]
        if not (-most[0] < pull < most[1]):
            return
        # A row far beyond its kink stands for them.
        scores = active.rows.margins(self.weights)
        far = 2.0 + abs(self.intercept) + 2.0 * float(np.abs(scores).max())
        sign = 1 if pull > 0.0 else -1
        curvature = 0.0 if active.has_kink else 1.0 / max(abs(pull), 1.0)
        self.intercept = minimise_over_intercept(
            np.append(active.signs, np.int8(sign)),
            np.append(active.bound, abs(pull)),
            np.append(active.curvature, curvature),
            np.append(scores, -sign * far),
            self.intercept,
        )

    def _set(self, some: IndexArray, values: Float64Array) -> None:
        """Set dual variables of some rows."""
        alpha = self.alpha.copy()
        alpha[some] = values
        self.alpha = alpha

    def add_up(self, whole: Problem) -> None:
        """Take the sums and the weights anew of the dual variables, made feasible.

        Parameters
        ----------
        whole : Problem
            That of all stored rows, none of which is frozen.
        """
        alpha = self.alpha.copy()
        self.frozen.without(whole, np.zeros(len(alpha))).balance(alpha)
        self.alpha, self.sums = alpha, self.frozen.with_rows(whole, alpha)
        self.pulls = self.sums.fixed.w_of_duals
        self.imbalance = self.sums.fixed.imbalance
        if not whole.has_flat:
            self.weights = whole.weights_of(self.pulls)

    def prove(self, whole: Problem, longest: float) -> None:
        """Raise the lower bound to what the sums prove."""
        self.lower_bound = max(self.lower_bound, self.sums.lower_bound(whole, longest))

    def settle(
        self, whole: Problem, live: IndexArray, sample: IndexArray, ratio: float
    ) -> float:
        """Solve the problem of the live rows, the frozen ones held fixed.

        Where these are not as linear as they were frozen, a sample of them helps.

        Parameters
        ----------
        whole : Problem
            That of all stored rows, nothing in it fixed.
        live, sample : ndarray of intp
            Stored rows that are not frozen, and a random sample of those that are.
        ratio : float
            Number of frozen rows over those of the sample.

        Returns
        -------
        float
            The work that was spent.
        """
        part = whole.subset(live)
        alpha = self.alpha[live]
        if not self.is_begun and part.has_kink:
            # In the middle of its box, the smoothed kink is nearest to the sharp one.
            alpha = 0.5 * part.bound
        self.is_begun = True
        if not self.frozen.terms:
            goal = _GOAL_IF_NARROW if is_narrow(part) else _GOAL_OF_ALL
            found = self._solve(part, alpha, goal)
            self._take(part, live, found.alpha)
            self._take_model(found)
            return found.work
        some = whole.subset(sample, ratio)
        frozen = Frozen(part, self.frozen, some, ratio * self.alpha[sample])
        goal = _GOAL_IF_FLAT if part.has_flat else _GOAL
        found = self._solve(frozen.linear(self.weights), alpha, goal)
        self._take(part, live, found.alpha)
        work = found.work
        if len(sample):
            found, more = self._judge(found, frozen, whole, live, sample)
            work += more
        self._take_model(found)
        return work

    def _judge(
        self,
        found: _Found,
        frozen: Frozen,
        whole: Problem,
        live: IndexArray,
        sample: IndexArray,
    ) -> tuple[_Found, float]:
        """Return the best of what is found with linear losses and with the sample.

        The work that this took comes with it.
        """
        best, seen, work = found, frozen.estimate(found.w, found.intercept), 0.0
        best = found._replace(primal=seen.value)
        if seen.lack <= _STRAYED * found.primal and seen.value < np.inf:
            return best, work
        now = frozen.estimate(self.weights, self.intercept)
        if now.value < seen.value:
            best = _Found(self.weights, self.intercept, now.value, found.alpha, 0.0)
            seen = now
        is_linear = True
        for problem in frozen.with_sample(whole, live, sample, self.weights):
            # Steps on the frozen rows as they are lead far away.
            self.rho = _FIRST_RHO
            margins = problem.margins(self.weights, self.intercept)
            other = self._solve(problem, problem.slopes(1.0 - margins), _GOAL_OF_ALL)
            work += other.work
            self._take(frozen.live, live, other.alpha[: len(live)])
            its = frozen.estimate(other.w, other.intercept)
            is_better = its.value < best.primal
            if is_linear:
                is_better = is_better and its.is_explained
            else:
                is_better = is_better or not seen.is_explained
            if is_better:
                best, seen = other._replace(primal=its.value), its
                if its.lack <= _STRAYED_FAR * its.value:
                    break
            is_linear = False
        return best, work

    def _take_model(self, found: _Found) -> None:
        """Take where Newton steps have led as the model."""
        self.weights, self.intercept = found.w, found.intercept
        self.primal = found.primal

    def _take(self, part: Problem, live: IndexArray, found: Float64Array) -> None:
        """Take dual variables of the live rows, made feasible, if they prove more."""
        alpha = np.minimum(np.maximum(found, 0.0), part.bound)
        self.frozen.without(part, np.zeros(len(live))).balance(alpha)
        sums = self.frozen.with_rows(part, alpha)
        before, now = (
            part.dual_of(one.fixed.w_of_duals, one.fixed.gain, one.fixed.imbalance)
            for one in (self.sums, sums)
        )
        if now >= before:
            self.sums = sums
            self._set(live, alpha)

    def _solve(self, problem: Problem, alpha: Float64Array, goal: float) -> _Found:
        """Take Newton steps from the present weights."""
        start = BandStart(
            alpha,
            self.weights,
            self.intercept,
            problem.combine(alpha),
            shortfall=1.0 - problem.margins(self.weights, self.intercept),
            rho=self.rho,
        )
        progress = Progress(problem, goal, _MOST_STEPS, exact=False)
        if problem.penalty is None:
            end = newton_until(progress, start, goal)
            self.rho = min(end.rho, _LARGEST_RHO)
            alpha = end.alpha
            if problem.fixed is None and not progress.converged:
                progress.max_iter = _MOST_STEPS_OF_ALL
                solve_in_turns(progress, progress.start(), 0)
                alpha = progress.start().alpha
        else:
            progress.max_iter = _MOST_STEPS_OF_ALL
            columns_from(progress, start, goal)
            alpha = progress.start().alpha
        best = progress.best
        assert best is not None
        point = best.w.copy(), float(best.intercept)
        dtype = problem.rows.dtype
        if problem.fixed is None and dtype == np.float32:
            w, intercept, _ = round_to(problem, best, dtype, goal)
            point = w.astype(np.float64), float(intercept)
        return _Found(*point, best.primal, alpha, progress.work)

    def distances(
        self, whole: Problem, reach: NDArray[np.float32], *, keeps_misplaced: bool
    ) -> tuple[Float64Array, Float64Array]:
        """Return the distances of stored rows to their kinks, over their reach.

        Parameters
        ----------
        whole : Problem
        reach : ndarray of float32, of shape (n_stored,)
            How far their margins move.
        keeps_misplaced : bool
            Whether rows are near, too, whose dual variable is not that of their margin.

        Returns
        -------
        distances, shortfall : ndarray of float64, of shape (n_stored,)
        """
        shortfall = 1.0 - whole.margins(self.weights, self.intercept)
        far = np.empty(whole.n_rows)
        boxes = whole.bound, whole.curvature
        _vectors.distances(shortfall, reach, *boxes, 1, far)
        if keeps_misplaced:
            off = np.abs(whole.slopes(shortfall) - self.alpha)
            far[off > _MISPLACED * np.minimum(whole.bound, whole.cost)] = 0.0
        return far, shortfall

    def freeze(self, part: Problem, alpha: Float64Array, gone: IndexArray) -> None:
        """Freeze some of the stored rows at other dual variables.

        Parameters
        ----------
        part : Problem
            Of these rows.
        alpha : ndarray of float64, of shape (n_gone,)
        gone : ndarray of intp
            Where they are.
        """
        self.sums = self.sums.changed(part, self.alpha[gone], alpha)
        self.frozen = self.frozen.with_rows(part, alpha)
        self._set(gone, alpha)

    def keep(self, kept: IndexArray) -> None:
        """Drop all other stored rows."""
        self.alpha, self.waits = self.alpha[kept], self.waits[kept]


class _Found(NamedTuple):
    """Where Newton steps have led, and their work."""

    w: Float64Array
    intercept: float
    primal: float
    alpha: Float64Array
    work: float

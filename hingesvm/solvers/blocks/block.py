"""A block of rows: what it does when it is asked, where its rows are.

A block keeps what is one number a row, such as dual variables and margins. What it
answers is small: sums over its rows, or the few rows of a band. Every request has a
number, and a block that has not seen the one before, as it was made anew on another
machine, answers None. It is then told to begin anew, at the present weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _sweep, _vectors
from hingesvm.problems.binary import Problem
from hingesvm.rows.contract import Rows
from hingesvm.rows.copied import Matrix
from hingesvm.rows.duals import PackedDuals, unpacked
from hingesvm.rows.gathered import gathered
from hingesvm.rows.parts import PartSteps
from hingesvm.solvers.blocks.answers import (
    BandRows,
    Carry,
    Lowered,
    SomeRows,
    Spec,
    Summary,
    Sums,
)
from hingesvm.solvers.newton.rounds import Rounds
from hingesvm.solvers.survey import Survey, survey_rows
from hingesvm.solvers.sweeping.steps import SAFELY, random_bits, row_steps

__all__ = ["FIRST_BIN", "LINE", "N_BINS", "Block"]

Float64Array = NDArray[np.float64]
FloatArray = NDArray[np.floating]

#: Distances from the kinks are counted in bins, two for each power of two: where they
#: begin, and their number. That of the first bin is 0, of the last one infinite.
FIRST_BIN, N_BINS = -12, 32
#: Parts of a step at which a line search knows the losses.
LINE = np.concatenate([10.0 ** np.arange(-6.0, -1.0), np.arange(1, 20) / 20.0])
# Sweeps over a block before the next one has its turn: with one more passes are
# needed, with more of them a block moves the weights too far from the others.
_INNER_SWEEPS = 2
# Rows that are kept to judge the scales of columns by.
_FEW = 256


@dataclass
class _State:
    """What a block keeps of one problem.

    Attributes
    ----------
    spec : Spec
    problem : Problem
    turn : int
        The number of the last request.
    rounds : Rounds or None
        The last survey and the band, once there is one.
    ahead : Survey or None
        The survey after the band was solved, until the round ends.
    alpha : ndarray of float64, of shape (n_rows,), or None
        Dual variables while sweeps are taken.
    step : ndarray of float64, of shape (n_rows,), or None
        As of `row_steps`.
    """

    spec: Spec
    problem: Problem
    turn: int
    rounds: Rounds | None = None
    ahead: Survey | None = None
    alpha: Float64Array | None = None
    step: Float64Array | None = None

    @property
    def last(self) -> Rounds:
        """The last survey, which there must be."""
        assert self.rounds is not None
        return self.rounds


class Block:
    """Rows, labels and weights of a block, and the state of problems on them.

    A pickled block is one without any state.

    Parameters
    ----------
    number : int
    X : ndarray or CSR matrix
        Checked rows of positive weight.
    labels : ndarray of shape (n_labels,)
        Sorted labels.
    codes : ndarray of integers, of shape (n_rows,)
        The label of each row, as an index.
    weights : ndarray of float64, of shape (n_rows,), or None
    n_samples : int
        Rows, those of weight 0 included.
    names : ndarray of object, optional
        Names of the columns.
    left_out : frozenset, optional
        Labels of rows that are not there as their class has weight 0.
    """

    def __init__(
        self,
        number: int,
        X: Matrix,
        labels: NDArray[Any],
        codes: NDArray[np.integer],
        weights: Float64Array | None,
        n_samples: int,
        names: NDArray[Any] | None = None,
        left_out: frozenset[Any] = frozenset(),
    ) -> None:
        self.number, self.n_samples, self.names = number, n_samples, names
        self.left_out = left_out
        self._labels, self._codes, self._weights = labels, codes, weights
        self._X = X
        self._rows: Rows = gathered([X])
        self._states: dict[object, _State] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        given = self.number, self._X, self._labels, self._codes, self._weights
        return Block, (*given, self.n_samples, self.names, self.left_out)

    @property
    def n_rows(self) -> int:
        """Number of rows of positive weight."""
        return self._rows.n_rows

    def summary(self, _: Any = None) -> Summary:
        """Return what is to be known of the rows before a fit."""
        rows, weights = self._rows, self._weights
        ones = np.ones(1) if weights is None else weights
        # Those of dense rows would be kept beside them.
        norms = (rows if rows.is_sparse else gathered([self._X])).squared_norms()
        sizes = np.bincount(self._codes, weights, len(self._labels))
        return Summary(
            n_samples=self.n_samples,
            n_rows=rows.n_rows,
            n_features=rows.n_features,
            dtype=rows.dtype,
            is_sparse=rows.is_sparse,
            is_weighted=weights is not None,
            weights=(float(ones.min(initial=np.inf)), float(ones.max(initial=0.0))),
            n_entries=rows.n_entries,
            longest_row=rows.longest_row() if rows.n_rows else 0,
            longest_square=float(norms.max(initial=0.0)),
            sum_squares=float(norms.sum()),
            labels=self._labels,
            sizes=sizes.astype(np.float64),
            few=self._X[:: max(1, rows.n_rows // _FEW)][:_FEW],
            names=self.names,
            left_out=self.left_out,
        )

    def sample(self, seed: int, share: float, _: Any = None) -> SomeRows:
        """Return a share of the rows, drawn at random, with labels and weights."""
        if share >= 1.0:
            some = np.arange(self.n_rows)
        else:
            random = np.random.default_rng([seed, self.number])
            some = np.flatnonzero(random.random(self.n_rows) < share)
        weights = self._weights
        return SomeRows(
            self._rows.copy_of(some),
            self._labels[self._codes[some]],
            None if weights is None else weights[some],
        )

    def forget(self, key: object, _: Any = None) -> None:
        """Forget a problem."""
        self._states.pop(key, None)

    def _begin(self, spec: Spec, turn: int) -> _State:
        """Return the state of a problem that is new here."""
        if self._X.dtype != spec.dtype:
            self._X = self._X.astype(spec.dtype)
            self._rows = gathered([self._X])
        positive = self._labels == spec.classes[spec.target]
        signs = np.where(positive, 1, -1).astype(np.int8)[self._codes]
        cost: Float64Array | float = float(spec.costs[0])
        if not spec.is_uniform:
            cost = spec.costs[np.searchsorted(spec.classes, self._labels)][self._codes]
            if self._weights is not None:
                cost = cost * self._weights
        problem = Problem.build(self._rows, signs, cost, spec.loss, spec.rule)
        state = self._states[spec.key] = _State(spec, problem, turn)
        return state

    def _state(self, key: object, turn: int) -> _State | None:
        """Return the state of a problem if it has seen all requests before a turn."""
        state = self._states.get(key)
        if state is None or state.turn != turn - 1:
            return None
        state.turn = turn
        return state

    def enter(
        self, spec: Spec, turn: int, w: FloatArray, intercept: float, _: Any = None
    ) -> Sums:
        """Begin at weights, with minus the subgradients there as dual variables."""
        return self._first(self._begin(spec, turn), w, intercept, None)

    def enter_swept(
        self,
        key: object,
        turn: int,
        w: FloatArray,
        intercept: float,
        lowered: Lowered,
        _: Any = None,
    ) -> Sums | None:
        """Begin at weights, with the dual variables of sweeps, some of them lowered."""
        state = self._state(key, turn)
        if state is None or state.alpha is None:
            return None
        problem = state.problem
        alpha = np.clip(state.alpha, 0.0, problem.bound)
        if lowered.sign:
            some = problem.signs == lowered.sign
            if lowered.inside:
                some &= alpha < problem.bound
            alpha[some] *= lowered.factor
        state.alpha = None
        duals = PackedDuals.pack(alpha, problem.bound)
        return self._first(state, w, intercept, duals)

    def _first(
        self, state: _State, w: FloatArray, intercept: float, duals: PackedDuals | None
    ) -> Sums:
        """Look at all rows, and at how far their margins move."""
        spec, problem = state.spec, state.problem
        reach = np.empty(problem.n_rows, np.float32)
        survey = survey_rows(
            problem,
            w,
            intercept,
            duals,
            scales=spec.scales,
            reach=reach,
            narrow=spec.is_narrow,
        )
        state.rounds = Rounds(survey, reach, 1.0, False, 1)
        state.ahead = None
        return self._sums(state, survey, 0)

    def _sums(self, state: _State, survey: Survey, n_crossed: int) -> Sums:
        """Return what a survey has found."""
        return Sums(
            survey.w_of_duals,
            survey.loss,
            survey.gain,
            survey.imbalance,
            _total(state.problem, survey.packed),
            n_crossed,
            self._distances(state, survey),
        )

    def _distances(self, state: _State, survey: Survey) -> NDArray[np.uint32]:
        """Count rows by how far they are from their kinks."""
        ratio = state.last.distances(state.problem, state.spec.judged, survey)
        with np.errstate(divide="ignore"):
            # Within its box the distance of a row is negative.
            bins = np.floor(2.0 * np.log2(np.maximum(ratio, 0.0))) - 2 * FIRST_BIN
        bins = np.clip(bins, 0, N_BINS - 1).astype(np.intp)
        return np.bincount(bins, minlength=N_BINS).astype(np.uint32)

    def gather(
        self,
        key: object,
        turn: int,
        part: float,
        near: float,
        likely: float,
        most: float,
        _: Any = None,
    ) -> BandRows | None:
        """Go a part of the way to the last survey; return the rows of the next band.

        Parameters
        ----------
        key, turn
        part : float
        near : float
            Distance from the kinks up to which rows belong to it.
        likely : float
            And in units of the distance that margins have just moved.
        most : float
            Part of the rows that it may have.
        """
        state = self._state(key, turn)
        if state is None:
            return None
        problem, rounds = state.problem, state.last
        sums = None
        if state.ahead is not None:
            rounds.go(problem, state.ahead, part)
            state.ahead = None
            if part < 1.0:
                survey = rounds.survey
                total = _total(problem, survey.packed)
                sums = survey.loss, survey.gain, survey.imbalance, total
        survey = rounds.survey
        band = rounds.within(problem, near, likely)
        n_most = max(int(most * problem.n_rows), 1)
        if len(band) > n_most:
            band = rounds.nearest(problem, band, n_most)
        rounds.band = band
        return BandRows(
            self._rows.copy_of(band),
            problem.signs[band],
            None if state.spec.is_uniform else problem.cost[band],
            survey.packed.take(band),
            survey.shortfall[band],
            sums,
        )

    def look(
        self,
        key: object,
        turn: int,
        w: FloatArray,
        intercept: float,
        alpha: Float64Array,
    ) -> Sums | None:
        """Look at all rows, the dual variables of the band being these."""
        state = self._state(key, turn)
        if state is None:
            return None
        problem, rounds = state.problem, state.last
        duals = rounds.survey.packed.replaced(rounds.band, alpha)
        narrow = state.spec.is_narrow
        ahead = survey_rows(problem, w, intercept, duals, narrow=narrow)
        state.ahead = ahead
        return self._sums(state, ahead, rounds.widen_reach(problem, ahead))

    def line(self, key: object, turn: int, _: Any = None) -> Float64Array | None:
        """Return sums of losses on the way from one survey to the next, at `LINE`."""
        state = self._state(key, turn)
        if state is None or state.ahead is None:
            return None
        before, after = state.last.survey.shortfall, state.ahead.shortfall
        here, there = before.astype(np.float64), after.astype(np.float64)
        return np.array(
            [state.problem.loss_sum(here + part * (there - here)) for part in LINE]
        )

    def loss_at(
        self, key: object, turn: int, w: Float64Array, intercept: float, _: Any = None
    ) -> float | None:
        """Return the sum of the losses at a point."""
        state = self._state(key, turn)
        if state is None:
            return None
        problem = state.problem
        return problem.loss_sum(1.0 - problem.margins(w, intercept))

    def sweep(
        self, carry: Carry, spec: Spec, turn: int, seed: int, is_first: bool
    ) -> Carry:
        """Sweep over the rows; what is carried then comes to the next block."""
        state, lost = self._state(spec.key, turn), carry.lost
        if state is None:
            state = self._begin(spec, turn)
            lost = lost if is_first else (*lost, self.number)
        problem, rows = state.problem, self._rows
        if state.alpha is None:
            if state.rounds is None:
                state.alpha = np.zeros(problem.n_rows)
            else:
                last = state.ahead or state.rounds.survey
                state.alpha = unpacked(last.packed).copy()
                state.rounds = state.ahead = None
        if state.step is None:
            state.step = row_steps(problem, rows.squared_norms(), spec.tau)
        steps = PartSteps(
            np.arange(problem.n_rows, dtype=np.intp),
            problem.n_rows,
            state.step,
            spec.tau,
            np.inf,
            state.alpha,
            carry.w.copy(),
            random_bits(seed + self.number),
        )
        scalars = np.array([carry.intercept, 0.0])
        for _ in range(_INNER_SWEEPS):
            _sweep.shuffle(steps.order, 0, steps.n_active, 1, steps.random_state)
            scalars[1] = 0.0
            steps.n_active = rows.dual_steps(problem, steps, scalars)
            steps.shrink_above = SAFELY * float(scalars[1])
            if not steps.n_active:
                break
        sums = carry.class_sums + self._class_sums(state)
        return Carry(steps.w, float(scalars[0]), sums, lost)

    def _class_sums(self, state: _State) -> Float64Array:
        """Return what `Carry` says of the dual variables."""
        assert state.alpha is not None
        problem, alpha = state.problem, state.alpha
        inside = np.where(alpha < problem.bound, alpha, 0.0)
        return np.array(
            [
                *_vectors.class_sums(alpha, problem.signs),
                *_vectors.class_sums(inside, problem.signs),
            ]
        )

    def combine(self, key: object, turn: int, _: Any = None) -> Any:
        """Return the sums of a_i y_i x_i and of a_i y_i of the dual variables."""
        state = self._state(key, turn)
        if state is None or state.alpha is None:
            return None
        problem, alpha = state.problem, state.alpha
        return problem.combine(alpha), problem.imbalance(alpha)


def _total(problem: Problem, duals: PackedDuals) -> float | None:
    """Return the sum of the dual variables, if it is not their gain."""
    return None if problem.has_kink else float(unpacked(duals).sum())

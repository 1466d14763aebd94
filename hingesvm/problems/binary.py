"""A binary problem and what is proven of its solution: its certificates.

The objective and its dual are defined in ``values.py``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _vectors
from hingesvm.losses import MarginLoss
from hingesvm.problems.certificate import CARES, NOTHING, Care, Certificate, Fixed
from hingesvm.problems.stretching import stretch, worst_of_signs
from hingesvm.problems.values import TINY, InterceptRule, Values, squared_norm
from hingesvm.rows.compensated import (
    SPARE,
    UNIT,
    combined,
    dot,
    half_square,
    scores,
    total,
)
from hingesvm.rows.contract import Rows
from hingesvm.rows.duals import (
    DeferredDuals,
    Duals,
    PackedDuals,
    read_duals,
    unpacked,
)
from hingesvm.rows.per_row import repeated, scaled, sum_of

__all__ = ["InterceptRule", "Problem", "squared_norm"]

Float64Array = NDArray[np.float64]

# Weights this small, relative to the terms that they sum, are rounding errors.
_NOISE = 1e-13


@dataclass(frozen=True)
class Problem(Values):
    """A binary problem: its parts, and its certificates.

    The attributes are those of `Values`.
    """

    @classmethod
    def build(
        cls,
        rows: Rows,
        signs: NDArray[np.int8],
        cost: Float64Array | float,
        loss: MarginLoss,
        intercept_rule: InterceptRule,
    ) -> Problem:
        """Make the problem of a loss; a scalar cost is stored once, not n times."""
        costs = np.asarray(cost, dtype=np.float64)
        # One array stands for two that are equal, and one number for equal numbers.
        bound = costs if loss.bound == 1.0 else loss.dual_bound(costs)
        some = costs if loss.curvature else costs.ravel()[:1]
        curvature = loss.dual_curvature(some)
        costs, bound, curvature = (
            repeated(array.item(), rows.n_rows)
            if array.size == 1
            else np.broadcast_to(array, (rows.n_rows,))
            for array in (costs, bound, curvature)
        )
        return cls(rows, signs, costs, bound, curvature, intercept_rule)

    def with_signs(self, signs: NDArray[np.int8]) -> Problem:
        """Return the same problem with other signs."""
        return replace(self, signs=signs)

    def subset(self, chosen: NDArray[np.intp], cost_factor: float = 1.0) -> Problem:
        """Return the problem of some rows, their costs multiplied by a factor."""
        return replace(
            self,
            rows=self.rows.subset(chosen),
            signs=self.signs[chosen],
            cost=scaled(self.cost, cost_factor, chosen),
            bound=scaled(self.bound, cost_factor, chosen),
            curvature=scaled(self.curvature, 1.0 / cost_factor, chosen),
            fixed=None,
        )

    def restrict(
        self,
        chosen: NDArray[np.intp],
        taken: Float64Array,
        totals: Fixed,
        near: Float64Array | None = None,
    ) -> Problem:
        """Return the problem of some rows, the duals of all others held fixed.

        Parameters
        ----------
        chosen : ndarray of intp, of shape (m,)
        taken : ndarray of float64, of shape (m,)
            Their dual variables; those of all others are at a bound.
        totals : Fixed
            The sums over all rows.
        near : ndarray of float64, of shape (n_features,), optional
            Weights from which to go, for penalties that do not hold them.
        """
        part = self.subset(chosen)
        gain, imbalance = part._gain_and_imbalance(taken)
        fixed = Fixed(
            totals.w_of_duals - part.combine(taken),
            totals.imbalance - imbalance,
            totals.gain - gain,
        )
        return replace(part, fixed=fixed)

    def origin(self) -> Certificate:
        """Return the certificate of zero weights and duals, without a pass over X."""
        zeros = repeated(0.0, self.rows.n_features)
        nothing = repeated(0.0, self.n_rows)
        if self.has_kink:
            # The margin of the class with the higher costs is 1, if it can be.
            positive = self._sum_of(self.bound, 1)
            negative = self._sum_of(self.bound, -1)
            intercept = 0.0
            is_even = abs(positive - negative) <= _NOISE * (positive + negative)
            if self.intercept_rule == "free" and not is_even:
                intercept = math.copysign(1.0, positive - negative)
            losses = positive * (1.0 - intercept) + negative * (1.0 + intercept)
            return Certificate(zeros, intercept, nothing, losses, 0.0)
        # All rows of a class have the same margin: one row stands for them.
        first = np.array([self.signs.argmin(), self.signs.argmax()], dtype=np.intp)
        present = first if first[0] != first[1] else first[:1]
        size = np.array([self._sum_of(self.cost, self.signs[row]) for row in present])
        size /= self.cost[present]
        classes = Problem(
            self.rows,
            self.signs[present],
            self.cost[present] * size,
            self.bound[present] * size,
            self.curvature[present] / size,
            self.intercept_rule,
        )
        scores = np.zeros(len(present))
        intercept = classes.best_intercept(scores, scores)
        primal = classes.primal(zeros, intercept, scores)
        return Certificate(zeros, intercept, nothing, primal, 0.0)

    @cached_property
    def _n_positive(self) -> int:
        """Number of rows of the sign +1."""
        return int(np.count_nonzero(self.signs > 0))

    def _sum_of(self, values: Float64Array, sign: int) -> float:
        """Return the sum of values over the rows of a class."""
        if values.strides[0] == 0:
            others = self.n_rows - self._n_positive
            return float(values[0]) * (self._n_positive if sign > 0 else others)
        return float(values.sum(where=self.signs == sign))

    def certify(
        self,
        alpha: Float64Array,
        w: Float64Array | None = None,
        intercept: float | None = None,
    ) -> Certificate:
        """Return the certificate of dual variables, from scratch on all rows.

        Parameters
        ----------
        alpha : ndarray of float64, of shape (n_rows,)
            Dual variables, repaired first if need be.
        w : ndarray of float64, of shape (n_features,), optional
            A primal point to use in place of w(a), if its objective is lower.
        intercept : float, optional
            Its intercept; a free intercept is minimised over anyway.
        """
        certificate = self._of_duals(alpha)
        w_of_duals = certificate.w
        if w is not None:
            certificate = given = self._at(certificate, w, intercept)
        if not certificate.relative_gap <= NOTHING:
            # Of two equally good points the iterate is nearer the optimum than w(a).
            certificate = self._at(certificate, w_of_duals).join(certificate)
            if w is not None:
                margins = self.margins(given.w, given.intercept)
                balanced = self._counterbalanced(certificate, margins)
                certificate = certificate.join(balanced)
        return self._without_noise(certificate)

    def _at(
        self, certificate: Certificate, w: Float64Array, intercept: float | None = None
    ) -> Certificate:
        """Return a certificate with other weights and the best intercept for them."""
        scores = self.rows.margins(w)
        if self.intercept_rule != "penalized" or intercept is None:
            intercept = self.best_intercept(scores, certificate.alpha, intercept)
        primal, worst = self.primal_and_worst(w, intercept, scores, certificate.alpha)
        other = certificate.at(w, intercept, primal)
        longer = self._longer(other, worst)
        if longer is None:
            return other
        factor, w, intercept = longer
        scores *= factor
        primal, _ = self.primal_and_worst(w, intercept, scores, certificate.alpha)
        return other if primal >= other.primal else other.at(w, intercept, primal)

    def _counterbalanced(
        self, certificate: Certificate, margins: Float64Array
    ) -> Certificate:
        """Return the certificate of balanced duals where one class seems to have none.

        If its costs dwarf those of the other class, the margins that its duals tell of
        fall short by less than a rounding error. Then its row with the smallest margin
        takes what balances the other class.
        """
        if self.intercept_rule != "free":
            return certificate
        costs = self._sum_of(self.cost, 1), self._sum_of(self.cost, -1)
        if min(costs) > _NOISE * max(costs):
            return certificate
        slopes = self.slopes(1.0 - margins)
        of_class = [float(slopes[self.signs == sign].sum()) for sign in (1, -1)]
        poor = 1 if of_class[0] < of_class[1] else -1
        row = int(np.where(self.signs == poor, margins, np.inf).argmin())
        slopes[self.signs == poor] = 0.0
        slopes[row] = min(max(of_class), float(self.bound[row]))
        return self.evaluate(slopes)

    def _without_noise(self, certificate: Certificate) -> Certificate:
        """Set weights to 0 that are the rounding error of a sum that cancels."""
        norm = math.sqrt(squared_norm(certificate.weights))
        if norm * norm > _NOISE * certificate.primal:
            return certificate
        lengths = np.sqrt(self.rows.squared_norms())
        if norm > _NOISE * float(certificate.alpha @ lengths):
            return certificate
        zero, scores = np.zeros(self.rows.n_features), np.zeros(self.n_rows)
        intercept = certificate.intercept
        if self.intercept_rule == "free":
            intercept = self.best_intercept(scores, certificate.alpha)
        primal = self.primal(zero, intercept, scores)
        if primal > certificate.primal * (1.0 + _NOISE):
            return certificate
        return certificate.at(zero, intercept, primal)

    def stretched(
        self, certificate: Certificate, shortfall: NDArray[np.floating]
    ) -> tuple[float, Float64Array, float] | None:
        """Return a factor of w, and (w, b) at which no row falls short that need not.

        These are rows with duals below their bound or, where the loss has no kink, rows
        that fall short by what can be a rounding error. None where there is no such
        row. `shortfall` is 1 - m.
        """
        loose = certificate.alpha < self.bound if self.has_kink else shortfall < TINY
        return self._longer(certificate, worst_of_signs(shortfall, loose, self.signs))

    def _longer(
        self, certificate: Certificate, worst: tuple[float, float]
    ) -> tuple[float, Float64Array, float] | None:
        """Return what `stretched` does, given by how much rows of either sign lack."""
        longer = stretch(worst, has_intercept=self.intercept_rule != "none")
        if longer is None:
            return None
        factor, shift = longer
        return factor, factor * certificate.w, factor * certificate.intercept + shift

    def evaluate(self, alpha: Float64Array) -> Certificate:
        """Return the certificate of dual variables and of w(a)."""
        certificate = self._of_duals(alpha)
        return self._at(certificate, certificate.w)

    def _of_duals(self, alpha: Float64Array) -> Certificate:
        """Return the certificate of dual variables, no point being known."""
        feasible = self.repair(alpha)
        w_of_duals = self.combine(feasible)
        dual = self.dual(feasible, w_of_duals)
        w = self.weights_of(w_of_duals)
        return Certificate(w, 0.0, feasible, np.inf, dual, w_of_duals)

    @property
    def cares(self) -> Sequence[Care]:
        """How bounds of rounding errors can be found, the cheapest way first."""
        return CARES if self.rows.has_rough_length else CARES[1:]

    @property
    def terms(self) -> int:
        """Number of terms of all sums in an objective value."""
        return self.n_rows + self.rows.n_features + SPARE

    def primal_rounding(self, certificate: Certificate, care: Care = "rows") -> float:
        """Return a bound of the rounding error in P."""
        above = self.terms * UNIT * certificate.primal
        if care != "rows":
            longest = self.rows.longest(roughly=care == "glance")
            error = self._margin_error(certificate, longest)
            return above + self._loss_error(error, certificate.primal)
        short = 1.0 - self.margins(certificate.w, float(certificate.intercept))
        lengths = np.sqrt(self.rows.squared_norms())
        most = short + self._margin_error(certificate, lengths)
        return above + max(self.loss_sum(most) - self.loss_sum(short), 0.0)

    def dual_rounding(self, certificate: Certificate, care: Care = "rows") -> float:
        """Return a bound of the rounding error in D.

        It is that of an exactly feasible point beside the dual variables.
        """
        gain, excess = self._sums_of(certificate.duals)
        if care != "rows":
            longest = self.rows.longest(roughly=care == "glance")
            moved, used = gain * longest, self.n_rows
        else:
            lengths, alpha = np.sqrt(self.rows.squared_norms()), certificate.alpha
            moved, used = float(alpha @ lengths), int(np.count_nonzero(alpha))
        return self.dual_error(certificate.dual, gain, excess, moved, used + SPARE)

    def _margin_error(self, certificate: Certificate, length: Any) -> Any:
        """Return bounds of the errors in the margins of rows of one length or many."""
        size = length * math.sqrt(squared_norm(certificate.weights))
        size += abs(certificate.intercept) + 1.0
        return (self.rows.longest_row() + SPARE) * UNIT * size

    def _loss_error(self, margin: float, losses: float) -> float:
        """Return by how much errors in all margins can change the sum of the losses."""
        if math.isfinite(self.bound[0]):
            return margin * sum_of(self.bound)
        # Losses s^2 / (2 q) slope by s / q: Cauchy's inequality bounds their sum.
        steep = margin * margin * sum_of(scaled(1.0 / self.curvature, 1.0))
        return math.sqrt(2.0 * losses * steep) + 0.5 * steep

    def dual_error(
        self,
        dual: float,
        gain: float,
        excess: float,
        size: float,
        terms: int,
        longest: float = 0.0,
    ) -> float:
        """Return a bound of the rounding error in D, and of what balance costs.

        `gain`, `excess` and `size` are sums of a, a y and a ||x||, of so many terms.
        """
        # D = gain - ||w(a)||^2 / 2 - ..., of which all but the first are negative.
        norm = math.sqrt(2.0 * max(gain - dual, 0.0))
        moved, turned = terms * UNIT * size, terms * UNIT * gain
        value = 3.0 * turned + terms * UNIT * abs(dual)
        value += (self.rows.n_features + SPARE) * UNIT * norm * norm
        value += moved * (norm + 0.5 * moved)
        if self.intercept_rule == "penalized":
            value += turned * (norm + 0.5 * turned)
        elif self.intercept_rule == "free" and gain > 0.0:
            # All of the class with the larger sum are lowered by one factor.
            length = longest or 2.0 * size / gain
            value += _cost_of_balance(abs(excess) + turned, norm, length)
        return value

    def _sums_of(self, duals: Duals | DeferredDuals) -> tuple[float, float]:
        """Return the sums of a and of a y; takes little memory for packed duals."""
        if isinstance(duals, PackedDuals) and duals.bound.strides[0] == 0:
            return duals.sums(self.signs)
        kept = duals if isinstance(duals, PackedDuals) else unpacked(duals)
        positive, negative, count = 0.0, 0.0, 0
        for start, stop in self.rows.chunks(self.n_rows):
            alpha, count = read_duals(kept, start, stop, count)
            more, less = _vectors.class_sums(alpha, self.signs[start:stop])
            positive, negative = positive + more, negative + less
        return positive + negative, positive - negative

    def precise_primal(
        self, certificate: Certificate
    ) -> tuple[Certificate, Float64Array]:
        """Return a certificate with P in twice the precision, and bounds of 1 - m."""
        w, intercept = certificate.w, float(certificate.intercept)
        shortfall = 1.0 - self.margins(w, intercept)
        error = np.sqrt(self.rows.squared_norms())
        error *= math.sqrt(squared_norm(w))
        error += abs(intercept) + 1.0
        error *= (self.rows.longest_row() + SPARE) * UNIT
        # The others have no loss, whatever the rounding errors.
        near = np.flatnonzero(shortfall + error > 0.0)
        value, rest, error[near] = scores(self.rows, w, intercept, near)
        signs = self.signs[near]
        short = (1.0 - signs * value) - signs * rest
        # Near 1 the difference is exact, and elsewhere as exact as itself.
        error[near] += 3.0 * UNIT * (np.abs(short) + np.abs(rest))
        shortfall[near] = short
        losses, most = (
            total(self.losses(short)) for short in (shortfall, shortfall + error)
        )
        primal = self.primal_from(self._precise_square(w), intercept, losses)
        above = max(most - losses, 0.0) + SPARE * UNIT * primal
        return replace(certificate, primal=primal, above=above), shortfall + error

    def _precise_square(self, w: Float64Array) -> float:
        """Return twice the penalty of the weights, rounded once."""
        return dot(w, w)

    def precise_dual(self, certificate: Certificate) -> Certificate:
        """Return a certificate with D in twice the precision."""
        alpha = certificate.alpha
        signed = alpha * self.signs
        weights = combined(self.rows, signed)
        half, error = half_square(weights)
        gain = total(alpha)
        penalty = 0.0
        if not self.has_kink:
            penalty = 0.5 * total(self.curvature * alpha * alpha)
        imbalance = total(signed)
        dual = self.dual_from(2.0 * half, gain - penalty, imbalance)
        below = error + SPARE * UNIT * (3.0 * gain + 2.0 * penalty + abs(dual))
        if self.intercept_rule == "free" and imbalance:
            below += self._precise_cost(alpha, imbalance, weights.value)
        return replace(certificate, dual=dual, below=below, w_of_duals=weights.value)

    def _precise_cost(
        self, alpha: Float64Array, imbalance: float, w_of_duals: Float64Array
    ) -> float:
        """Return what it costs D to balance duals by lowering that of one short row."""
        excess, lengths = abs(imbalance), np.sqrt(self.rows.squared_norms())
        able = (self.signs * imbalance > 0.0) & (alpha >= excess)
        if not able.any():
            return _cost_of_balance(
                excess, math.sqrt(w_of_duals @ w_of_duals), float(lengths.max())
            )
        row = np.array([np.where(able, lengths, np.inf).argmin()])
        score, _, error = scores(self.rows, w_of_duals, 0.0, row)
        size, length = abs(float(score[0])) + float(error[0]), float(lengths[row][0])
        return excess * (1.0 + size + 0.5 * excess * length * length)


def _cost_of_balance(excess: float, norm: float, longest: float) -> float:
    """Return what it costs D at most to lower the duals of one class by so much in all.

    A dual variable that is lowered by t changes D by no more than t (1 + |w . x|) and
    t^2 ||x||^2 / 2. `norm` is ||w(a)||, and `longest` a bound of ||x||, or of its mean
    if all are lowered by one factor.
    """
    return excess * (1.0 + longest * (norm + 0.5 * excess * longest))

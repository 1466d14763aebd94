r"""The optimisation problem, its dual, and the certificate: the specification.

.. math::

    P(w, b) &= \tfrac12 \|w\|^2 \; [+ \tfrac12 b^2] + \sum_i c_i \, \ell(m_i),
        \qquad m_i = y_i (x_i^\top w + b)

    D(a) &= \sum_i \left( a_i - \tfrac{q_i}{2} a_i^2 \right)
        - \tfrac12 \|w(a)\|^2 \; [- \tfrac12 (\textstyle\sum_i a_i y_i)^2],
        \qquad w(a) = \sum_i a_i y_i x_i,

with :math:`0 \le a_i \le u_i`, the bracketed terms when the intercept is
penalised, and :math:`\sum_i a_i y_i = 0` when it is free. For every w, b and
feasible a, :math:`D(a) \le P(w, b)`; their difference is the duality gap. Since P
is 1-strongly convex in w, :math:`\|w - w^*\|^2 \le 2 (P - D)`.

All is in float64, whatever the dtype of X; solvers are tested against it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hingesvm.losses import MarginLoss
from hingesvm.solvers.certificate import Certificate, Fixed
from hingesvm.solvers.intercept import minimise_over_intercept, minimise_smoothed
from hingesvm.solvers.kernels import _vectors
from hingesvm.solvers.per_row import repeated, scaled
from hingesvm.solvers.rows import Rows

__all__ = ["InterceptRule", "Problem", "squared_norm"]

Float64Array = NDArray[np.float64]
InterceptRule = Literal["none", "penalized", "free"]

# Sum of a_i y_i, relative to that of a_i, that means nothing.
_ROUNDING = 4e-16
# Part of the duals inside their box that can be taken from them alone.
_LITTLE = 1e-6
# Weights this small, relative to the terms that they sum, are rounding errors.
_NOISE = 1e-13
# Relative gap at which no other point can be better by more than rounding.
_EXACT = 1e-14
# Relative gaps that rounding errors in margins can matter to.
_NEARLY_EXACT = 1e-4
_NO_ANCHOR = np.empty(0)
# Shortfalls of margins that can be rounding errors.
_LONGEST_STRETCH = 1e-12


def squared_norm(w: NDArray[np.floating]) -> float:
    """Return ||w||^2, summed in float64."""
    return float(w @ w) if w.dtype == np.float64 else _vectors.squared_norm(w)


@dataclass(frozen=True)
class Problem:
    """A binary problem: rows, signs, costs, loss and intercept rule.

    Attributes
    ----------
    rows : Rows
    signs : ndarray of int8, of shape (n_rows,)
        y_i, -1 or +1; both must occur when the intercept is free.
    cost : ndarray of float64, of shape (n_rows,)
        c_i > 0: C times the weight of the row. May be a broadcast scalar.
    bound, curvature : ndarray of float64, of shape (n_rows,)
        u_i and q_i of the loss at cost c_i.
    intercept_rule : {"none", "penalized", "free"}
    fixed : Fixed or None
        Of a restricted problem: what the rows left out contribute. Its primal value
        is a lower bound of that of the whole problem, its dual value is the whole
        problem's.
    """

    rows: Rows
    signs: NDArray[np.int8]
    cost: Float64Array
    bound: Float64Array
    curvature: Float64Array
    intercept_rule: InterceptRule
    fixed: Fixed | None = None

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
        bound, curvature = loss.dual_bound(costs), loss.dual_curvature(costs)
        if costs.size > 1:
            return cls(rows, signs, costs, bound, curvature, intercept_rule)
        return cls(
            rows,
            signs,
            repeated(costs.item(), rows.n_rows),
            repeated(bound.item(), rows.n_rows),
            repeated(curvature.item(), rows.n_rows),
            intercept_rule,
        )

    def subset(self, chosen: NDArray[np.intp], cost_factor: float = 1.0) -> Problem:
        """Return the problem of some rows, their costs multiplied by a factor."""
        return Problem(
            self.rows.subset(chosen),
            self.signs[chosen],
            scaled(self.cost, cost_factor, chosen),
            scaled(self.bound, cost_factor, chosen),
            scaled(self.curvature, 1.0 / cost_factor, chosen),
            self.intercept_rule,
        )

    def restrict(
        self, chosen: NDArray[np.intp], taken: Float64Array, totals: Fixed
    ) -> Problem:
        """Return the problem of some rows, the duals of all others held fixed.

        Parameters
        ----------
        chosen : ndarray of intp, of shape (m,)
        taken : ndarray of float64, of shape (m,)
            Their dual variables; those of all others are at a bound.
        totals : Fixed
            The sums over all rows.
        """
        part = self.subset(chosen)
        gain, imbalance = part._gain_and_imbalance(taken)
        fixed = Fixed(
            totals.own - part.combine(taken),
            totals.imbalance - imbalance,
            totals.gain - gain,
        )
        return replace(part, fixed=fixed)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.rows.n_rows

    @property
    def has_kink(self) -> bool:
        """Whether the loss has a kink at margin 1: q = 0 in every row."""
        return bool(self.curvature[0] == 0.0)

    def slopes(self, shortfall: Float64Array) -> Float64Array:
        """Return minus the subgradients c_i dl(m_i) at shortfalls 1 - m_i.

        They maximise a (1 - m) - q a^2 / 2 over 0 <= a <= u, row by row, and are 0
        at the kink of the hinge.
        """
        if self.has_kink:
            return np.where(shortfall > 0.0, self.bound, 0.0)
        with np.errstate(over="ignore"):
            return np.clip(shortfall / self.curvature, 0.0, self.bound)

    def loss_sum(self, shortfall: Float64Array) -> float:
        """Return the sum of c_i l(m_i) at shortfalls 1 - m_i."""
        slopes = self.slopes(shortfall)
        with np.errstate(over="ignore"):
            value = slopes * (shortfall - 0.5 * self.curvature * slopes)
        return float(value.sum())

    def primal(
        self, w: Float64Array, intercept: float, scores: Float64Array | None = None
    ) -> float:
        """Return P(w, b); `scores` are x_i . w, when they are known."""
        if scores is None:
            scores = self.rows.margins(w)
        losses = self.loss_sum(1.0 - self.signs * (scores + intercept))
        return self.primal_of(w, intercept, losses)

    def primal_of(
        self, w: NDArray[np.floating], intercept: float, losses: float
    ) -> float:
        """Return P(w, b), given the sum of the losses."""
        value = self.primal_from(squared_norm(w), intercept, losses)
        if self.fixed is not None:
            value += self.fixed.gain - float(self.fixed.own @ w)
            value -= self.fixed.imbalance * intercept
        return value

    def primal_from(self, square: float, intercept: float, losses: float) -> float:
        """Return P(w, b), given ||w||^2 and the sum of the losses of all rows."""
        value = 0.5 * square + losses
        if self.intercept_rule == "penalized":
            value += 0.5 * intercept * intercept
        return value

    def margins(self, w: Float64Array, intercept: float) -> Float64Array:
        """Return y_i (x_i . w + b) for all rows."""
        return self.rows.margins(w, intercept=intercept, signs=self.signs)

    def combine(self, alpha: Float64Array) -> Float64Array:
        """Return w(a), the sum of a_i y_i x_i."""
        own = self.rows.combine(alpha * self.signs)
        return own if self.fixed is None else own + self.fixed.own

    def imbalance(self, alpha: Float64Array) -> float:
        """Return the sum of a_i y_i."""
        for_positive, for_negative = _vectors.class_sums(alpha, self.signs)
        value = for_positive - for_negative
        return value if self.fixed is None else value + self.fixed.imbalance

    def gain(self, alpha: Float64Array) -> float:
        """Return the sum of a_i - q_i a_i^2 / 2."""
        value = self._gain_and_imbalance(alpha)[0]
        return value if self.fixed is None else value + self.fixed.gain

    def _gain_and_imbalance(self, alpha: Float64Array) -> tuple[float, float]:
        """Return the sums of a_i - q_i a_i^2 / 2 and of a_i y_i over its own rows."""
        losses = self.signs, self.cost, self.bound, self.curvature
        _, gain, imbalance, _ = _vectors.totals(*losses, alpha, alpha, _NO_ANCHOR)
        return gain, imbalance

    def dual(self, alpha: Float64Array, w: Float64Array | None = None) -> float:
        """Return D(a) of a feasible a; `w` is w(a), when it is known."""
        if w is None:
            w = self.combine(alpha)
        return self.dual_of(w, self.gain(alpha), self.imbalance(alpha))

    def dual_of(self, w: Float64Array, gain: float, imbalance: float) -> float:
        """Return D(a), given w(a) and the sums of a - q a^2 / 2 and of a y."""
        return self.dual_from(float(w @ w), gain, imbalance)

    def dual_from(self, square: float, gain: float, imbalance: float) -> float:
        """Return D(a), given ||w(a)||^2 and the sums of a - q a^2 / 2 and of a y."""
        value = gain - 0.5 * square
        if self.intercept_rule == "penalized":
            value -= 0.5 * imbalance * imbalance
        return value

    def repair(self, alpha: Float64Array) -> Float64Array:
        """Return a feasible copy of dual variables.

        They are clipped to [0, u]; with a free intercept the class with the larger
        sum is then scaled down to the sum of the other.
        """
        feasible = np.clip(alpha, 0.0, self.bound)
        self.balance(feasible)
        return feasible

    def balance(self, alpha: Float64Array) -> bool:
        """Lower the duals of the class with the larger sum to the sum of the other.

        In place, and only with a free intercept; `alpha` lies in its box. A rounding
        error is taken from rows inside their box, so that no row leaves its bound.
        False if the class has too little to be lowered, as it can have in a restricted
        problem.
        """
        if self.intercept_rule != "free":
            return True
        positive, negative = _vectors.class_sums(alpha, self.signs)
        fixed = 0.0 if self.fixed is None else self.fixed.imbalance
        heavier, heavy, light = 1, positive, negative - fixed
        if heavy < light:
            heavier, heavy, light = -1, negative, positive + fixed
        if heavy - light <= _ROUNDING * (positive + negative):
            return True
        if light < 0.0:
            return False
        _vectors.lower_class(
            alpha, self.bound, self.signs, heavier, heavy, light, _LITTLE
        )
        return True

    def best_intercept(
        self, scores: Float64Array, alpha: Float64Array, guess: float | None = None
    ) -> float:
        """Return the intercept that goes with scores x_i . w(a).

        None: 0. Penalised: the sum of a_i y_i, as for any other weight. Free: the
        minimiser of P over b, the midpoint where it is an interval; `guess` is about
        where it is.
        """
        if self.intercept_rule == "free":
            return self.minimise_over_intercept(scores, guess)
        return self.intercept_of(alpha, 0.0)

    def minimise_over_intercept(
        self, scores: Float64Array, guess: float | None
    ) -> float:
        """Return the intercept at which P is least for scores x_i . w.

        Exactly if it is free, nearly if it is penalised; `guess` is about where it is.
        """
        if self.intercept_rule == "none":
            return 0.0
        losses = self.signs, self.bound, self.curvature
        if self.intercept_rule == "free":
            return minimise_over_intercept(*losses, scores, guess)
        return minimise_smoothed(*losses, scores, guess or 0.0, 1.0)

    def intercept_of(self, alpha: Float64Array, free: float) -> float:
        """Return the intercept that goes with w(a); `free` is that of a free rule."""
        if self.intercept_rule == "free":
            return free
        return self.imbalance(alpha) if self.intercept_rule == "penalized" else 0.0

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

    def _sum_of(self, values: Float64Array, sign: int) -> float:
        """Return the sum of values over the rows of a class."""
        rows = self.signs == sign
        if values.strides[0] == 0:
            return float(values[0]) * int(np.count_nonzero(rows))
        return float(values.sum(where=rows))

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
        feasible = self.repair(alpha)
        own = self.combine(feasible)
        found = Certificate(own, 0.0, feasible, np.inf, self.dual(feasible, own), own)
        if w is not None:
            found = self._at(found, w, intercept)
        if not found.relative_gap <= _EXACT:
            # Of two equally good points the iterate is nearer the optimum than w(a).
            found = self._at(found, own).join(found)
        return self._without_noise(found)

    def _at(
        self, found: Certificate, w: Float64Array, intercept: float | None = None
    ) -> Certificate:
        """Return it with other weights, and the intercept that is best for them."""
        scores = self.rows.margins(w)
        if self.intercept_rule != "penalized" or intercept is None:
            intercept = self.best_intercept(scores, found.alpha, intercept)
        primal = self.primal(w, intercept, scores)
        other = replace(found, weights=w, intercept=intercept, primal=primal)
        return self._stretch(other, scores)

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
        return replace(certificate, weights=zero, intercept=intercept, primal=primal)

    def _stretch(self, certificate: Certificate, scores: Float64Array) -> Certificate:
        """Scale (w, b) up by the rounding error in margins that should be 1.

        At large C, C times the rounding error of a margin just below 1 is far more
        than the change in the norm.
        """
        if not _LONGEST_STRETCH < certificate.relative_gap <= _NEARLY_EXACT:
            return certificate
        margins = self.signs * (scores + certificate.intercept)
        outside = margins[certificate.alpha < self.bound]
        short = 1.0 - float(outside.min()) if len(outside) else 0.0
        if not 0.0 < short < _LONGEST_STRETCH:
            return certificate
        factor = 1.0 + 2.0 * short
        w, intercept = factor * certificate.w, factor * certificate.intercept
        primal = self.primal(w, intercept, factor * scores)
        if primal > certificate.primal * (1.0 - _LONGEST_STRETCH):
            return certificate
        return replace(certificate, weights=w, intercept=intercept, primal=primal)

    def evaluate(self, alpha: Float64Array) -> Certificate:
        """Return the certificate of dual variables and of w(a)."""
        feasible = self.repair(alpha)
        own = self.combine(feasible)
        found = Certificate(own, 0.0, feasible, np.inf, self.dual(feasible, own), own)
        return self._at(found, own)

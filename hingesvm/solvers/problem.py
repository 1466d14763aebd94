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

All is plain NumPy in float64; solvers are tested against it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from hingesvm.losses import MarginLoss
from hingesvm.solvers import _newton
from hingesvm.solvers.rows import Rows

__all__ = ["Certificate", "Fixed", "InterceptRule", "Problem"]

Float64Array = NDArray[np.float64]
InterceptRule = Literal["none", "penalized", "free"]

# Relative differences of objective values that mean nothing.
_ROUNDING = 4e-16
# Weights this small, relative to the terms that they sum, are rounding errors.
_NOISE = 1e-13
# Relative gaps that rounding errors in margins can matter to.
_NEARLY_EXACT = 1e-4
# Shortfalls of margins that can be rounding errors.
_LONGEST_STRETCH = 1e-12
# How far the dual value may exceed the primal one by rounding.
_WRONG = 1e-9
# Rows up to which all kinks are sorted to find the best intercept.
_FEW_ROWS = 10_000
# Rows from which the best intercept is judged at first.
_JUDGES = 5000
# Half the width of the window around a guess in which kinks are sorted.
_NEARBY = 1e-2
# Slope of a smoothed kink, in units of the bound.
_STEEP = 1e4
# A derivative this small, relative to its terms, is zero but for the tolerance.
_NEARLY_FLAT = 1e-4
# A derivative this small, relative to its terms, is zero but for rounding.
_FLAT = 1e-13


class Derivative(Protocol):
    """A derivative with its limits from above and from below."""

    def __call__(self, b: float, *, above: bool) -> float:
        """Return the limit at b."""


@dataclass(frozen=True)
class Certificate:
    """A primal point, a dual point, and the gap between their values.

    Attributes
    ----------
    w : ndarray of float64, of shape (n_features,)
    intercept : float
    alpha : ndarray of float64, of shape (n_rows,)
        Feasible dual variables.
    primal, dual : float
        P(w, intercept) and D(alpha).
    """

    w: Float64Array
    intercept: float
    alpha: Float64Array
    primal: float
    dual: float

    @property
    def gap(self) -> float:
        """Duality gap, an upper bound of P(w, b) - min P; never negative.

        A dual value above the primal one by more than rounding proves nothing, so
        the difference counts as a gap.
        """
        difference = self.primal - self.dual
        noise = _WRONG * (abs(self.primal) + abs(self.dual))
        return 0.0 if -noise <= difference < 0.0 else abs(difference)

    @property
    def relative_gap(self) -> float:
        """Gap as a fraction of the primal value."""
        if not np.isfinite(self.primal):
            return np.inf
        return self.gap / self.primal if self.primal > 0.0 else 0.0

    def join(self, newer: Certificate) -> Certificate:
        """Return the better primal point of two with the better dual point.

        Where they differ by rounding only, the newer point is taken.
        """
        noise = _ROUNDING * (abs(self.primal) + abs(self.dual))
        primal = newer if newer.primal <= self.primal + noise else self
        dual = newer if newer.dual >= self.dual - noise else self
        return Certificate(
            primal.w, primal.intercept, dual.alpha, primal.primal, dual.dual
        )


@dataclass(frozen=True)
class Fixed:
    """What rows contribute whose dual variables are held at a bound.

    A row that stays on its side of the kinks has a loss that is linear in (w, b),
    a_i (1 - m_i) - q_i a_i^2 / 2, so these three sums are all that counts of it.

    Attributes
    ----------
    own : ndarray of float64, of shape (n_features,)
        The sum of a_i y_i x_i.
    imbalance : float
        The sum of a_i y_i.
    gain : float
        The sum of a_i - q_i a_i^2 / 2.
    """

    own: Float64Array
    imbalance: float
    gain: float


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
        shape = (rows.n_rows,)
        return cls(
            rows,
            signs,
            np.broadcast_to(costs, shape),
            np.broadcast_to(loss.dual_bound(costs), shape),
            np.broadcast_to(loss.dual_curvature(costs), shape),
            intercept_rule,
        )

    def subset(self, chosen: NDArray[np.intp], cost_factor: float = 1.0) -> Problem:
        """Return the problem of some rows, their costs multiplied by a factor."""
        return Problem(
            self.rows.subset(chosen),
            self.signs[chosen],
            _of_rows(self.cost, chosen, cost_factor),
            _of_rows(self.bound, chosen, cost_factor),
            _of_rows(self.curvature, chosen, 1.0 / cost_factor),
            self.intercept_rule,
        )

    def restrict(
        self, chosen: NDArray[np.intp], alpha: Float64Array, totals: Fixed
    ) -> Problem:
        """Return the problem of some rows, the duals of all others held fixed.

        Parameters
        ----------
        chosen : ndarray of intp, of shape (m,)
        alpha : ndarray of float64, of shape (n_rows,)
            Dual variables of all rows, at a bound in those not chosen.
        totals : Fixed
            The sums over all rows.
        """
        part = self.subset(chosen)
        taken = alpha[chosen]
        fixed = Fixed(
            totals.own - part.combine(taken),
            totals.imbalance - part.imbalance(taken),
            totals.gain - part.gain(taken),
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

    def distance_to_kinks(self, shortfall: Float64Array, some: slice) -> Float64Array:
        """Return how far 1 - m of some rows lies outside of where the loss bends."""
        width = self.curvature[some]
        if not self.has_kink:
            width = width * self.bound[some]
        return np.asarray(np.maximum(-shortfall, shortfall - width))

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

    def primal_of(self, w: Float64Array, intercept: float, losses: float) -> float:
        """Return P(w, b), given the sum of the losses."""
        value = 0.5 * float(w @ w) + losses
        if self.intercept_rule == "penalized":
            value += 0.5 * intercept * intercept
        if self.fixed is not None:
            value += self.fixed.gain - float(self.fixed.own @ w)
            value -= self.fixed.imbalance * intercept
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
        for_positive, for_negative = _newton.class_sums(alpha, self.signs)
        value = for_positive - for_negative
        return value if self.fixed is None else value + self.fixed.imbalance

    def gain(self, alpha: Float64Array) -> float:
        """Return the sum of a_i - q_i a_i^2 / 2."""
        value = float((alpha - 0.5 * self.curvature * alpha * alpha).sum())
        return value if self.fixed is None else value + self.fixed.gain

    def dual(self, alpha: Float64Array, w: Float64Array | None = None) -> float:
        """Return D(a) of a feasible a; `w` is w(a), when it is known."""
        if w is None:
            w = self.combine(alpha)
        return self.dual_of(w, self.gain(alpha), self.imbalance(alpha))

    def dual_of(self, w: Float64Array, gain: float, imbalance: float) -> float:
        """Return D(a), given w(a) and the sums of a - q a^2 / 2 and of a y."""
        value = gain - 0.5 * float(w @ w)
        if self.intercept_rule == "penalized":
            value -= 0.5 * imbalance * imbalance
        return value

    def repair(self, alpha: Float64Array) -> Float64Array:
        """Return a feasible copy of dual variables.

        They are clipped to [0, u]; with a free intercept the class with the larger
        sum is then scaled down to the sum of the other.
        """
        feasible = np.clip(alpha, 0.0, self.bound)
        if self.intercept_rule != "free":
            return feasible
        sums = _newton.class_sums(feasible, self.signs)
        heavy, light = max(sums), min(sums)
        if heavy - light > _ROUNDING * (heavy + light):
            heavier = 1 if sums[0] > sums[1] else -1
            _newton.scale_class(feasible, self.signs, heavier, light / heavy)
        return feasible

    def best_intercept(
        self, scores: Float64Array, alpha: Float64Array, guess: float | None = None
    ) -> float:
        """Return the intercept that goes with scores x_i . w(a).

        None: 0. Penalised: the sum of a_i y_i, as for any other weight. Free: the
        minimiser of P over b, the midpoint where it is an interval; `guess` is about
        where it is.
        """
        if self.intercept_rule == "free":
            return self._minimise_over_intercept(scores, guess)
        return self.intercept_of(alpha, 0.0)

    def intercept_of(self, alpha: Float64Array, free: float) -> float:
        """Return the intercept that goes with w(a); `free` is that of a free rule."""
        if self.intercept_rule == "free":
            return free
        return self.imbalance(alpha) if self.intercept_rule == "penalized" else 0.0

    def origin(self) -> Certificate:
        """Return the certificate of zero weights and duals, without a pass over X."""
        # All rows of a class have the same margin: one row stands for them.
        first = np.array([self.signs.argmin(), self.signs.argmax()], dtype=np.intp)
        present = first if first[0] != first[1] else first[:1]
        size = np.array([self._cost_of(self.signs[row]) for row in present])
        size /= self.cost[present]
        classes = Problem(
            self.rows,
            self.signs[present],
            self.cost[present] * size,
            self.bound[present] * size,
            self.curvature[present] / size,
            self.intercept_rule,
        )
        zeros, scores = np.zeros(self.rows.n_features), np.zeros(len(present))
        intercept = classes.best_intercept(scores, scores)
        primal = classes.primal(zeros, intercept, scores)
        return Certificate(zeros, intercept, np.zeros(self.n_rows), primal, 0.0)

    def _cost_of(self, sign: np.int8) -> float:
        """Return the sum of the costs of a class."""
        rows = self.signs == sign
        if self.cost.strides[0] == 0:
            return float(self.cost[0]) * int(np.count_nonzero(rows))
        return float(self.cost.sum(where=rows))

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
        certificate, _ = self.evaluate(alpha)
        if w is not None:
            scores = self.rows.margins(w)
            if self.intercept_rule != "penalized" or intercept is None:
                intercept = self.best_intercept(scores, certificate.alpha, intercept)
            value = self.primal(w, intercept, scores)
            other = replace(certificate, w=w, intercept=intercept, primal=value)
            # Of two equally good points the iterate is nearer the optimum than w(a).
            certificate = certificate.join(self._stretch(other, scores))
        return self._without_noise(certificate)

    def _without_noise(self, certificate: Certificate) -> Certificate:
        """Set weights to 0 that are the rounding error of a sum that cancels."""
        norm = float(np.sqrt(certificate.w @ certificate.w))
        if norm * norm > _NOISE * certificate.primal:
            return certificate
        lengths = np.sqrt(self.rows.squared_norms())
        if norm > _NOISE * float(certificate.alpha @ lengths):
            return certificate
        zero, scores = np.zeros_like(certificate.w), np.zeros(self.n_rows)
        intercept = certificate.intercept
        if self.intercept_rule == "free":
            intercept = self.best_intercept(scores, certificate.alpha)
        primal = self.primal(zero, intercept, scores)
        if primal > certificate.primal * (1.0 + _NOISE):
            return certificate
        return replace(certificate, w=zero, intercept=intercept, primal=primal)

    def _stretch(self, certificate: Certificate, scores: Float64Array) -> Certificate:
        """Scale (w, b) up by the rounding error in margins that should be 1.

        At large C, C times the rounding error of a margin just below 1 is far more
        than the change in the norm.
        """
        if certificate.relative_gap > _NEARLY_EXACT:
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
        return replace(certificate, w=w, intercept=intercept, primal=primal)

    def evaluate(
        self, alpha: Float64Array, guess: float | None = None
    ) -> tuple[Certificate, Float64Array]:
        """Return the certificate of dual variables, and the scores x_i . w(a).

        Parameters
        ----------
        alpha : ndarray of float64, of shape (n_rows,)
        guess : float, optional
            About where a free intercept is; saves time with many rows.
        """
        feasible = self.repair(alpha)
        w = self.combine(feasible)
        scores = self.rows.margins(w)
        intercept = self.best_intercept(scores, feasible, guess)
        primal = self.primal(w, intercept, scores)
        dual = self.dual(feasible, w)
        certificate = Certificate(w, intercept, feasible, primal, dual)
        return self._stretch(certificate, scores), scores

    def smoothed(self, steepness: float = _STEEP) -> tuple[Float64Array, Float64Array]:
        """Return (rest, pace), by which slopes are clip(rest + pace (1 - m), 0, u).

        A kink is smoothed over one part in `steepness` of a margin.
        """
        if self.has_kink:
            every = slice(0, 1) if self.bound.strides[0] == 0 else slice(None)
            bound, shape = self.bound[every], self.bound.shape
            return (
                np.broadcast_to(0.5 * bound, shape),
                np.broadcast_to(steepness * bound, shape),
            )
        return np.broadcast_to(0.0, self.bound.shape), 1.0 / self.curvature

    def _near_best_intercept(self, scores: Float64Array, guess: float) -> float:
        """Return an intercept that is the best but for the smoothing of kinks.

        Found from some rows first, then from all.
        """
        change = self.signs.astype(np.float64)
        here = 1.0 - change * (scores + guess)
        flat = _NEARLY_FLAT * float(self.slopes(here).sum())
        some = slice(None, None, max(1, len(scores) // _JUDGES))
        shift = 0.0
        for rows, steepness in (some, 10.0), (slice(None), 1000.0):
            rest, pace = self.smoothed(steepness)
            near, along = np.ascontiguousarray(here[rows]), change[rows].copy()
            shift, _ = _newton.find_zero(
                rest[rows],
                pace[rows],
                self.bound[rows],
                near,
                along,
                0.0,
                0.0,
                shift,
                -np.inf,
                flat,
                0.0,
            )
        return guess + float(shift)

    def _minimise_over_intercept(
        self, scores: Float64Array, guess: float | None = None
    ) -> float:
        """Return the midpoint of argmin_b sum_i c_i l(y_i (scores_i + b)).

        The derivative in b is non-decreasing and linear between the kinks, where
        1 - m_i = y_i (y_i - scores_i - b) is 0 or, if the loss turns linear there,
        q_i u_i. With a guess of b, only the kinks nearby are sorted.
        """
        at_one = self.signs - scores
        low, high = -np.inf, np.inf
        if guess is not None and len(scores) > _FEW_ROWS:
            near = self._near_best_intercept(scores, guess)
            low, high = near - _NEARBY, near + _NEARBY

        def sums(b: float, above: bool) -> tuple[float, float]:
            return _newton.intercept_derivative(
                self.signs, self.bound, self.curvature, at_one, b, above
            )

        def derivative(b: float, *, above: bool) -> float:
            value, total = sums(b, above)
            return 0.0 if abs(value) <= _FLAT * total else value

        if not derivative(low, above=True) < 0.0 < derivative(high, above=False):
            low, high = -np.inf, np.inf
        if self.has_kink:
            return self._minimise_between(at_one, low, high)
        kinks = at_one
        if np.isfinite(self.bound[0]):
            kinks = np.concatenate(
                [kinks, kinks - self.signs * self.curvature * self.bound]
            )
        kinks = kinks[(kinks > low) & (kinks < high)]
        ends = [end for end in (low, high) if np.isfinite(end)]
        return _zero_of_derivative(derivative, np.unique([*ends, *kinks]))

    def _minimise_between(self, at_one: Float64Array, low: float, high: float) -> float:
        """Return the midpoint of argmin_b for a loss with a kink, known to lie between.

        The derivative rises by u_i at each kink and is constant between them.
        """
        inside = np.flatnonzero((at_one > low) & (at_one < high))
        inside = inside[np.argsort(at_one[inside], kind="stable")]
        kinks, jumps = at_one[inside], self.bound[inside]
        value, total = _newton.intercept_derivative(
            self.signs, self.bound, self.curvature, at_one, low, True
        )
        after = value + np.cumsum(jumps)
        terms = total - np.cumsum(jumps * self.signs[inside])
        after[np.abs(after) <= _FLAT * terms] = 0.0
        # Behind several kinks in one place only the last value is attained.
        last = np.flatnonzero(np.append(np.diff(kinks) > 0.0, True))
        first = int(np.argmax(after[last] >= 0.0))
        lower = float(kinks[last[first]])
        if after[last[first]] > 0.0:
            return lower
        return 0.5 * (lower + float(kinks[last[first] + 1]))


def _of_rows(
    values: Float64Array, chosen: NDArray[np.intp], factor: float = 1.0
) -> Float64Array:
    """Return a factor times the values of some rows; a broadcast scalar stays one."""
    if values.strides[0] == 0 and len(values):
        return np.broadcast_to(factor * values[0], (len(chosen),))
    return factor * values[chosen]


def _zero_of_derivative(derivative: Derivative, kinks: Float64Array) -> float:
    """Return the midpoint of the zeros of a derivative that is linear between kinks.

    Parameters
    ----------
    derivative : callable
        ``derivative(b, above=True)`` is its limit from above at b, with
        ``above=False`` from below; non-decreasing.
    kinks : ndarray of float64, sorted, without duplicates
        The limit at the first from below is not positive, that at the last from
        above not negative.
    """
    first, last = -1, len(kinks) - 1
    left = derivative(float(kinks[0]), above=False)
    right = derivative(float(kinks[last]), above=True)
    # Find the first kink above which the derivative is no longer negative.
    halve = False
    while last - first > 1:
        middle = (first + last) // 2
        if not halve and first >= 0:
            part = left / (left - right) if right > left else 0.5
            guess = kinks[first] + part * (kinks[last] - kinks[first])
            middle = int(np.searchsorted(kinks, guess))
            middle = min(max(middle, first + 1), last - 1)
        width = last - first
        value = derivative(float(kinks[middle]), above=True)
        if value < 0.0:
            first, left = middle, value
        else:
            last, right = middle, value
        halve = last - first > width // 2
    lower = float(kinks[last])
    value = derivative(lower, above=False)
    if value > 0.0 and first >= 0:
        before = float(kinks[first])
        return before + (lower - before) * (left / (left - value))
    upper = lower
    for kink in kinks[last + 1 :]:
        if derivative(float(kink), above=False) > 0.0:
            break
        upper = float(kink)
    return 0.5 * (lower + upper)

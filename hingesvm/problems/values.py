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

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _certify, _vectors
from hingesvm.penalties import ColumnPenalty
from hingesvm.problems.certificate import Fixed
from hingesvm.problems.intercept import minimise_over_intercept, minimise_smoothed
from hingesvm.rows.compensated import ROUNDING
from hingesvm.rows.contract import Rows

__all__ = ["TINY", "InterceptRule", "Values", "squared_norm"]

Float64Array = NDArray[np.float64]
InterceptRule = Literal["none", "penalized", "free"]

#: Shortfalls that can be rounding errors.
TINY = 1e-12
# Part of the duals inside their box that can be taken from them alone: a larger one
# changes these much, a smaller one takes a whole class from its bound, so that all of
# it enters the next band (docs/experiments.md#which-method-when).
_LITTLE = 1e-6

# Stands for no multipliers.
_NO_ANCHOR = np.empty(0)


def squared_norm(w: NDArray[np.floating]) -> float:
    """Return ||w||^2, summed in float64."""
    return float(w @ w) if w.dtype == np.float64 else _vectors.squared_norm(w)


def _clipped(
    values: Float64Array, bound: Float64Array, out: Float64Array | None = None
) -> Float64Array:
    """Return values clipped to [0, bound], sooner than np.clip does."""
    clipped = np.maximum(values, 0.0, out=out)
    return np.minimum(clipped, bound, out=clipped)


@dataclass(frozen=True)
class Values:
    """P and D of a binary problem: rows, signs, costs, loss and intercept rule.

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
    penalty : ColumnPenalty or None
        Of a `PenalizedProblem`; None is half of the squared norm.
    """

    rows: Rows
    signs: NDArray[np.int8]
    cost: Float64Array
    bound: Float64Array
    curvature: Float64Array
    intercept_rule: InterceptRule
    fixed: Fixed | None = None
    penalty: ColumnPenalty | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.rows.n_rows

    @cached_property
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
            return _clipped(shortfall / self.curvature, self.bound)

    def losses(self, shortfall: Float64Array) -> Float64Array:
        """Return c_i l(m_i) at shortfalls 1 - m_i."""
        if self.has_kink:
            with np.errstate(over="ignore"):
                return np.asarray(self.bound * np.maximum(shortfall, 0.0))
        slopes = self.slopes(shortfall)
        with np.errstate(over="ignore"):
            return np.asarray(slopes * (shortfall - 0.5 * self.curvature * slopes))

    def loss_sum(self, shortfall: Float64Array) -> float:
        """Return the sum of c_i l(m_i) at shortfalls 1 - m_i."""
        return float(self.losses(shortfall).sum())

    def primal(
        self, w: Float64Array, intercept: float, scores: Float64Array | None = None
    ) -> float:
        """Return P(w, b); `scores` are x_i . w, when they are known."""
        if scores is None:
            scores = self.rows.margins(w)
        losses = self.loss_sum(1.0 - self.signs * (scores + intercept))
        return self.primal_of(w, intercept, losses)

    def primal_and_worst(
        self,
        w: Float64Array,
        intercept: float,
        scores: Float64Array,
        alpha: Float64Array,
    ) -> tuple[float, tuple[float, float]]:
        """Return P(w, b), and by how much rows fall short that need no loss.

        The second is the largest 1 - m of rows of either sign with duals below their
        bound or, where the loss has no kink, of those below `TINY`.
        """
        losses = np.empty(self.n_rows)
        boxes = self.bound, self.curvature
        worst: tuple[float, float] = _certify.losses_at(
            self.signs, scores, intercept, *boxes, alpha, TINY, losses
        )
        return self.primal_of(w, intercept, float(losses.sum())), worst

    def primal_of(
        self, w: NDArray[np.floating], intercept: float, losses: float
    ) -> float:
        """Return P(w, b), given the sum of the losses."""
        value = self.primal_from(squared_norm(w), intercept, losses)
        if self.fixed is not None:
            value += self.fixed.gain - float(self.fixed.w_of_duals @ w)
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
        w_of_duals = self.rows.combine(alpha * self.signs)
        return w_of_duals if self.fixed is None else w_of_duals + self.fixed.w_of_duals

    def weights_of(self, w_of_duals: Float64Array) -> Float64Array:
        """Return the weights that dual variables stand for, given their sum."""
        return w_of_duals

    @property
    def has_flat(self) -> bool:
        """Whether the penalty has columns without strength."""
        return False

    def feasible_part(self, w_of_duals: Float64Array) -> float:
        """Return by what to multiply duals to be feasible, given their sum."""
        return 1.0

    def held(self, near: Float64Array) -> Self:
        """Return the problem with something that holds weights, if it needs that."""
        return self

    def moved(self, w: Float64Array, t: float, direction: Float64Array) -> Float64Array:
        """Return w + t direction."""
        return w + t * direction

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
        """Return the sums of a_i - q_i a_i^2 / 2 and of a_i y_i over rows not fixed."""
        losses = self.signs, self.cost, self.bound, self.curvature
        _, gain, imbalance, _ = _vectors.totals(*losses, alpha, alpha, _NO_ANCHOR)
        return gain, imbalance

    def dual(self, alpha: Float64Array, w: Float64Array | None = None) -> float:
        """Return D(a) of a feasible a; `w` is w(a), when it is known."""
        if w is None:
            w = self.combine(alpha)
        is_penalized = self.intercept_rule == "penalized"
        imbalance = self.imbalance(alpha) if is_penalized else 0.0
        return self.dual_of(w, self.gain(alpha), imbalance)

    def dual_of(self, w: Float64Array, gain: float, imbalance: float) -> float:
        """Return D(a), given w(a) and the sums of a - q a^2 / 2 and of a y."""
        return self.dual_from(float(w @ w), gain, imbalance)

    def dual_from(self, square: float, gain: float, imbalance: float) -> float:
        """Return D(a), given ||w(a)||^2 and the sums of a - q a^2 / 2 and of a y."""
        value = gain - 0.5 * square
        if self.intercept_rule == "penalized":
            value -= 0.5 * imbalance * imbalance
        return value

    def repair(
        self, alpha: Float64Array, out: Float64Array | None = None
    ) -> Float64Array:
        """Return a feasible copy of dual variables, in another array if one is given.

        They are clipped to [0, u]; with a free intercept the class with the larger
        sum is then scaled down to the sum of the other.
        """
        feasible = _clipped(alpha, self.bound, out)
        self.balance(feasible)
        return feasible

    def balance(self, alpha: Float64Array) -> bool:
        """Lower the dual variables of one class so that the sum of a_i y_i is 0.

        This is done with a free intercept only. The class with the larger sum is
        lowered to that of the other. A rounding error is taken from rows inside their
        box alone, so that no row leaves its bound.

        Parameters
        ----------
        alpha : ndarray of float64, of shape (n_rows,)
            Dual variables in their box; changed in place.

        Returns
        -------
        bool
            False if the class has too little to be lowered, as it can have in a
            restricted problem.
        """
        if self.intercept_rule != "free":
            return True
        positive, negative = _vectors.class_sums(alpha, self.signs)
        fixed = 0.0 if self.fixed is None else self.fixed.imbalance
        # The larger sum, and what it must be in view of the other and of fixed rows.
        sign, heavy, wanted = 1, positive, negative - fixed
        if heavy < wanted:
            sign, heavy, wanted = -1, negative, positive + fixed
        if heavy - wanted <= ROUNDING * (positive + negative):
            return True
        if wanted < 0.0:
            return False
        _vectors.lower_class(
            alpha, self.bound, self.signs, sign, heavy, wanted, _LITTLE
        )
        return True

    def best_intercept(
        self, scores: Float64Array, alpha: Float64Array, guess: float | None = None
    ) -> float:
        """Return the intercept that goes with scores x_i . w(a).

        Without an intercept it is 0. A penalised one is the sum of a_i y_i, as any
        other weight is. A free one is the minimiser of P over b, and the midpoint where
        that is an interval; `guess` is about where it is.
        """
        if self.intercept_rule == "free":
            return self.minimise_over_intercept(scores, guess)
        return self.intercept_of(alpha, 0.0)

    def minimise_over_intercept(
        self, scores: Float64Array, guess: float | None
    ) -> float:
        """Return the intercept at which P is least for scores x_i . w.

        A free one is exact and a penalised one nearly so. `guess` is about where it is.
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

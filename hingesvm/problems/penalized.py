r"""Problems with another penalty than half of the squared norm.

.. math::

    P(w, b) &= h(w) \; [+ \tfrac12 b^2] + \sum_i c_i \, \ell(m_i)

    D(a) &= \sum_i \left( a_i - \tfrac{q_i}{2} a_i^2 \right) - h^*(v(a))
        \; [- \tfrac12 (\textstyle\sum_i a_i y_i)^2], \qquad v(a) = \sum_i a_i y_i x_i,

with :math:`h` a :class:`~hingesvm.penalties.ColumnPenalty`. What is called w(a)
where the penalty is half of the squared norm, `w_of_duals`, is v(a) here, and the
weights that it stands for are those at which :math:`v^\top w - h(w)` is largest.

In a column without strength v must be within the threshold. D of other dual variables
is that of the same ones times the largest factor for which it is, so dual variables are
kept as they are, and the sum of :math:`a_i y_i` stays 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hingesvm.losses import MarginLoss
from hingesvm.penalties import ColumnPenalty, soft
from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Certificate, Fixed
from hingesvm.problems.values import InterceptRule
from hingesvm.rows.compensated import SPARE, UNIT, Sums, combined, scores, total
from hingesvm.rows.contract import Rows

__all__ = ["PenalizedProblem", "problem_of"]

Float64Array = NDArray[np.float64]

# Strength that holds weights to where they were, relative to thresholds over weights:
# with less they run away where few rows tell of a column, with more steps are short.
_HOLD = 0.01
# A weight this small beside what it was and what was added is an error of the length of
# a step that ends where it becomes 0.
_CANCELS = 1e-13
# So is one that is so small beside the largest.
_DUST = 1e-15
# Sums v that are beyond their threshold by no more than the first, relative to it, and
# by more than the second, which costs next to nothing, are led back to it by small
# changes of dual variables; those as near to it as the third are held there.
_NEARLY, _NEXT_TO_NOTHING, _NEAR = 0.1, 1e-12, 1e-3
# Work of that, in multiply-adds, at most; and how often it is done, as each time leaves
# rounding errors of the last: bounds of time.
_MOST_WORK, _MOST_TIMES = 1 << 25, 3


def problem_of(
    rows: Rows,
    signs: NDArray[np.int8],
    cost: Float64Array | float,
    loss: MarginLoss,
    intercept_rule: InterceptRule,
    penalty: ColumnPenalty | None = None,
) -> Problem:
    """Return the problem of a loss and a penalty; None is half of the squared norm."""
    problem = Problem.build(rows, signs, cost, loss, intercept_rule)
    if penalty is None or penalty.is_half_square:
        return problem
    parts = {name.name: getattr(problem, name.name) for name in fields(problem)}
    return PenalizedProblem(**(parts | {"penalty": penalty}))


@dataclass(frozen=True)
class PenalizedProblem(Problem):
    """A binary problem with a penalty that is a sum over the columns.

    Attributes
    ----------
    penalty : ColumnPenalty
        The other attributes are those of `Values`.
    """

    penalty: ColumnPenalty = field(kw_only=True)

    def weights_of(self, w_of_duals: Float64Array) -> Float64Array:
        """Return the weights that dual variables stand for, given their sum v."""
        return self.penalty.weights_of(w_of_duals)

    @property
    def has_flat(self) -> bool:
        """Whether the penalty has columns without strength."""
        return self.penalty.has_flat

    def feasible_part(self, w_of_duals: Float64Array) -> float:
        """Return by what to multiply duals to be feasible, given their sum v."""
        return self.penalty.factor(w_of_duals)

    def moved(self, w: Float64Array, t: float, direction: Float64Array) -> Float64Array:
        """Return w + t direction, and 0 where a weight with a threshold cancels."""
        step = t * direction
        end = w + step
        noise = _CANCELS * (np.abs(w) + np.abs(step))
        noise = np.maximum(noise, _DUST * float(np.abs(end).max(initial=0.0)))
        end[(np.abs(end) <= noise) & (self.penalty.threshold > 0.0)] = 0.0
        return end

    def primal_of(
        self, w: NDArray[np.floating], intercept: float, losses: float
    ) -> float:
        """Return P(w, b), given the sum of the losses."""
        value = self.primal_from(2.0 * self.penalty.value(w), intercept, losses)
        if self.fixed is not None:
            value += self.fixed.gain - float(self.fixed.w_of_duals @ w)
            value -= self.fixed.imbalance * intercept
        return value

    def dual_of(self, w: Float64Array, gain: float, imbalance: float) -> float:
        """Return D(a), given v(a) and the sums of a - q a^2 / 2 and of a y."""
        factor = self.penalty.factor(w)
        square = 2.0 * self.penalty.conjugate(w if factor == 1.0 else factor * w)
        return self.dual_from(square, factor * gain, factor * imbalance)

    def restrict(
        self,
        chosen: NDArray[np.intp],
        taken: Float64Array,
        totals: Fixed,
        near: Float64Array | None = None,
    ) -> PenalizedProblem:
        """Return the problem of some rows, the duals of all others held fixed.

        Losses of fixed rows are linear, so in a column without strength there may be
        nothing that holds a weight. Then the squared distance from `near` is penalised
        a little, in all such columns.
        """
        part = super().restrict(chosen, taken, totals)
        assert isinstance(part, PenalizedProblem)
        return part if near is None else part.held(near)

    def held(self, near: Float64Array) -> Self:
        """Return the problem with something that holds weights to where they are.

        That is a strength in columns that have none, where the losses of some rows are
        linear; see `restrict`.
        """
        penalty, fixed = self.penalty, self.fixed
        if not penalty.has_flat or fixed is None or not near.any():
            return self
        flat = penalty.strength == 0.0
        here = np.where(flat, near, 0.0)
        size = float(penalty.threshold @ np.abs(here))
        hold = _HOLD * size / float(here @ here) if size else 0.0
        held = replace(penalty, strength=penalty.strength + hold * flat)
        fixed = Fixed(
            fixed.w_of_duals + hold * here,
            fixed.imbalance,
            fixed.gain + 0.5 * hold * float(here @ here),
        )
        return replace(self, penalty=held, fixed=fixed)

    def polished(
        self, alpha: Float64Array, v: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Return feasible dual variables nearby of a higher D, and their sum v.

        Where v is a little beyond the threshold of columns without strength, to scale
        all dual variables would lower D by as much. So those inside their box are
        changed, each by a like part of its room, until v is where it should be.

        Parameters
        ----------
        alpha : ndarray of float64, of shape (n_rows,)
            Feasible dual variables; not changed.
        v : ndarray of float64, of shape (n_features,)
            Their sum.
        """
        dual = -np.inf
        for _ in range(_MOST_TIMES):
            beyond = 1.0 - self.penalty.factor(v)
            if not _NEXT_TO_NOTHING < beyond < _NEARLY or self.fixed is not None:
                break
            changed = self._led_back(alpha, v)
            if changed is None:
                break
            dual = max(dual, self.dual(alpha, v))
            sums = self.combine(changed)
            if not self.dual(changed, sums) > dual:
                break
            alpha, v = changed, sums
        return alpha, v

    def _led_back(self, alpha: Float64Array, v: Float64Array) -> Float64Array | None:
        """Return dual variables of which v is within its thresholds, about.

        None where no row can be changed, or that is too much work.
        """
        penalty, size = self.penalty, np.abs(v)
        near = (penalty.strength == 0.0) & (size > (1.0 - _NEAR) * penalty.threshold)
        columns = np.flatnonzero(near)
        room = np.minimum(alpha, self.bound - alpha)
        rows = np.flatnonzero(room > 0.0)
        balances = self.intercept_rule == "free"
        n, m = len(rows), len(columns) + balances
        if not n or n * m * min(n, m) > _MOST_WORK:
            return None
        room, signs = room[rows], self.signs[rows]
        excess = np.maximum(size - penalty.threshold, 0.0)[columns]
        system = np.empty((m, n))
        system[: len(columns)] = self.rows.columns(columns).take(rows).T * signs
        wanted = np.zeros(m)
        wanted[: len(columns)] = -excess * np.sign(v[columns])
        if balances:
            system[-1] = signs
        system *= room
        # All sums in units of what they are made of.
        unit = np.sqrt(np.einsum("ij,ij->i", system, system))
        unit[unit == 0.0] = 1.0
        system /= unit[:, np.newaxis]
        parts = np.linalg.lstsq(system, wanted / unit, rcond=None)[0]
        changed = alpha.copy()
        changed[rows] += room * parts
        return self.repair(changed)

    def _of_duals(self, alpha: Float64Array) -> Certificate:
        """Return the certificate of dual variables, no point being known."""
        certificate = super()._of_duals(alpha)
        before, v = certificate.alpha, certificate.w_of_duals
        assert v is not None
        duals, v = self.polished(before, v)
        if duals is before:
            return certificate
        w, dual = self.weights_of(v), self.dual(duals, v)
        return Certificate(w, 0.0, duals, np.inf, dual, v)

    def on_columns(self, rows: Rows, columns: NDArray[np.intp]) -> PenalizedProblem:
        """Return the problem of some columns, whose rows are given; others weigh 0."""
        fixed = self.fixed
        if fixed is not None:
            fixed = replace(fixed, w_of_duals=fixed.w_of_duals[columns])
        return replace(
            self, rows=rows, penalty=self.penalty.subset(columns), fixed=fixed
        )

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
        # D = gain - h*(v) - ..., of which all but the first are negative.
        conjugate = max(gain - dual, 0.0)
        moved, turned = terms * UNIT * size, terms * UNIT * gain
        value = 3.0 * turned + terms * UNIT * abs(dual)
        value += 2.0 * (self.rows.n_features + SPARE) * UNIT * conjugate
        value += self._cost_of_moving(moved, conjugate, dual)
        if self.intercept_rule == "penalized":
            value += turned * (math.sqrt(2.0 * conjugate) + 0.5 * turned)
        elif self.intercept_rule == "free" and gain > 0.0:
            # All of the class with the larger sum are lowered by one factor.
            length, rest = longest or 2.0 * size / gain, abs(excess) + turned
            value += rest + self._cost_of_moving(rest * length, conjugate, dual)
        return value

    def _cost_of_moving(self, size: float, conjugate: float, dual: float) -> float:
        """Return what it costs D at most to move v by so much in norm.

        `conjugate` is a bound of h*(v), of whose gradient the norm is then bounded.
        """
        penalty, cost = self.penalty, 0.0
        if penalty.least_strength < np.inf:
            norm = math.sqrt(2.0 * conjugate / penalty.least_strength)
            cost += size * (norm + 0.5 * size / penalty.least_strength)
        if penalty.has_flat:
            # Duals are scaled by what v may be beyond its threshold.
            cost += max(dual, 0.0) * min(size / penalty.least_threshold, 1.0)
        return cost

    def _precise_square(self, w: Float64Array) -> float:
        """Return twice the penalty of the weights, rounded a few times."""
        penalty = self.penalty
        terms = penalty.threshold * np.abs(w) + 0.5 * penalty.strength * w * w
        return 2.0 * total(terms)

    def precise_dual(self, certificate: Certificate) -> Certificate:
        """Return a certificate with D in twice the precision."""
        alpha = certificate.alpha
        signed = alpha * self.signs
        sums = combined(self.rows, signed)
        factor = self._precise_factor(sums)
        if factor < 1.0:
            value, rest, error = (factor * part for part in sums)
            sums = Sums(value, rest, error + 2.0 * UNIT * np.abs(value))
        conjugate, off = self._precise_conjugate(sums)
        gain, penalty = factor * total(alpha), 0.0
        if not self.has_kink:
            penalty = 0.5 * factor * factor * total(self.curvature * alpha * alpha)
        imbalance = factor * total(signed)
        dual = self.dual_from(2.0 * conjugate, gain - penalty, imbalance)
        largest = 3.0 * (gain + conjugate + penalty) + abs(dual)
        below = off + SPARE * UNIT * largest
        if self.intercept_rule == "free" and imbalance:
            below += self._cost_of_balance(factor * alpha, imbalance, sums, dual)
        return replace(
            certificate, dual=dual, below=below, w_of_duals=sums.value / factor
        )

    def _cost_of_balance(
        self, alpha: Float64Array, imbalance: float, sums: Sums, dual: float
    ) -> float:
        """Return what it costs D to balance duals by lowering that of one short row."""
        excess, lengths = abs(imbalance), np.sqrt(self.rows.squared_norms())
        able = (self.signs * imbalance > 0.0) & (alpha >= excess)
        if not able.any():
            length = float(lengths.max())
            conjugate = sum(self._precise_conjugate(sums))
            return excess + self._cost_of_moving(excess * length, conjugate, dual)
        penalty = self.penalty
        row = np.array([np.where(able, lengths, np.inf).argmin()])
        x, bent = np.abs(self.rows.take(row)[0]), penalty.strength > 0.0
        score, _, error = scores(self.rows, self.weights_of(sums.value), 0.0, row)
        off = (np.abs(sums.rest) + sums.error + 0.5 * excess * x)[bent]
        slope = abs(float(score[0])) + float(error[0])
        slope += float(off @ (x[bent] / penalty.strength[bent]))
        cost = excess * (1.0 + slope)
        if penalty.has_flat:
            # Duals are then scaled by what v may be beyond its threshold.
            part = float((x[~bent] / penalty.threshold[~bent]).max())
            cost += max(dual, 0.0) * min(excess * part, 1.0)
        return cost * (1.0 + SPARE * UNIT)

    def _precise_factor(self, sums: Sums) -> float:
        """Return a factor that makes dual variables feasible in exact arithmetic."""
        if not self.penalty.has_flat:
            return 1.0
        flat = self.penalty.strength == 0.0
        size = np.abs(sums.value) + np.abs(sums.rest) + sums.error
        excess = float((size[flat] / self.penalty.threshold[flat]).max())
        return 1.0 / max(1.0, excess * (1.0 + SPARE * UNIT))

    def _precise_conjugate(self, sums: Sums) -> tuple[float, float]:
        """Return h*(v), and a bound of its error but for roundings."""
        value, rest, error = sums
        penalty = self.penalty
        bent = penalty.strength > 0.0
        strength, beyond = penalty.strength[bent], soft(value, penalty.threshold)
        # A sum within its threshold by rounding alone may be beyond it.
        beyond = np.where(beyond != 0.0, np.abs(beyond + rest), np.abs(rest))[bent]
        error = error[bent] + 2.0 * UNIT * beyond
        size = (beyond + 0.5 * error) / strength
        return total(0.5 * beyond * beyond / strength), float(error @ size)

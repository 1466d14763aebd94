r"""The joint multi-class problem, its dual, and the certificate: the specification.

.. math::

    P(W, b) &= \tfrac12 \sum_k \|w_k\|^2 \; [+ \tfrac12 \|b\|^2] + \sum_i c_i
        \max_{s \in S} \sum_{k \ne y_i} s_k \, (m - f_{i y_i} + f_{ik}),
        \qquad f_{ik} = x_i^\top w_k + b_k

    D(a) &= m \sum_i \sum_{k \ne y_i} a_{ik} - \tfrac12 \sum_k \|w_k(a)\|^2
        \; [- \tfrac12 \|b(a)\|^2],

    w_k(a) &= \sum_i t_{ik} x_i, \quad b_k(a) = \sum_i t_{ik}, \quad
        t_{ik} = -a_{ik} \; (k \ne y_i), \quad t_{i y_i} = \sum_k a_{ik},

with :math:`S = \{0 \le s_k \le 1, \sum_k s_k \le t\}`, where t is 1 in Crammer and
Singer's loss and infinite in Weston and Watkins', :math:`a_i \in c_i S`, the bracketed
terms when the intercepts are penalised, and :math:`b(a) = 0` when they are free. For
every W, b and feasible a, :math:`D(a) \le P(W, b)`, and
:math:`\|W - W^*\|^2 \le 2 (P - D)`.

References: Crammer and Singer, "On the algorithmic implementation of multiclass
kernel-based vector machines", JMLR 2, 2001; Weston and Watkins, "Support vector
machines for multi-class pattern recognition", ESANN 1999; Dogan, Glasmachers and Igel,
"A unified view on multi-class support vector classification", JMLR 17, 2016.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.balance import balancing_factors
from hingesvm.problems.binary import InterceptRule, squared_norm
from hingesvm.problems.certificate import CARES, Care, Certificate
from hingesvm.problems.stretching import LONGEST
from hingesvm.rows.compensated import (
    ROUNDING,
    SPARE,
    UNIT,
    combined,
    difference,
    dot,
    half_square,
    scores,
    total,
)
from hingesvm.rows.contract import Rows
from hingesvm.rows.joint import JointRows
from hingesvm.rows.per_row import sum_of

__all__ = ["JointDuals", "JointProblem"]

Float64Array = NDArray[np.float64]

# Numbers of an array for each row and class that is made in one piece, and rows of it
# at least: larger pieces take memory, smaller ones calls.
_AT_ONCE, _LEAST_ROWS = 1 << 15, 1024


@dataclass(frozen=True)
class JointDuals:
    """Dual variables as sweeps leave them; made feasible when they are asked for.

    Attributes
    ----------
    problem : JointProblem
    raw : ndarray of float32 or float64, of shape (n_rows, n_classes)
    factors : ndarray of float64, of shape (n_classes, n_classes)
        By what those of the rows of class j for class k are multiplied; empty for 1.
    """

    problem: JointProblem
    raw: NDArray[np.floating]
    factors: Float64Array

    def unpacked(self) -> Float64Array:
        """Return feasible dual variables, of shape (n_rows, n_classes)."""
        alpha = self.problem.within(self.raw)
        if len(self.factors):
            self.problem.lower(alpha, self.factors)
        return alpha


@dataclass(frozen=True)
class JointProblem:
    """A joint multi-class problem: rows, classes, costs, loss and intercept rule.

    Attributes
    ----------
    rows : Rows
    codes : ndarray of intp, of shape (n_rows,)
        The class of each row; each class must occur.
    n_classes : int
    cost : ndarray of float64, of shape (n_rows,)
        c_i > 0: C times the weight of the row. May be a broadcast scalar.
    margin, total : float
        m and t of the loss; t is 1 or inf.
    intercept_rule : {"none", "penalized", "free"}
    """

    rows: Rows
    codes: NDArray[np.intp]
    n_classes: int
    cost: Float64Array
    margin: float
    total: float
    intercept_rule: InterceptRule

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.rows.n_rows

    def class_rows(self) -> JointRows:
        """Return the rows for arrays whose last axis is all classes.

        Raises
        ------
        ValueError
            If rows cannot be read so where they are.
        """
        rows = self.rows.joint(self.codes, self.n_classes)
        if rows is None:
            raise ValueError(
                "joint losses need all rows in memory: train one class against the "
                "rest, or load the rows."
            )
        return rows

    def parts(self) -> Iterator[tuple[slice, JointProblem]]:
        """Yield the problems of a few rows at a time, and which these are."""
        size = max(_LEAST_ROWS, _AT_ONCE // self.n_classes)
        for start in range(0, self.n_rows, size):
            self.rows.check_cancelled()
            some = slice(start, min(start + size, self.n_rows))
            rows = self.rows.subset(np.arange(some.start, some.stop, dtype=np.intp))
            part = replace(self, rows=rows, codes=self.codes[some])
            yield some, replace(part, cost=self.cost[some])

    def scores(self, weights: Float64Array, intercepts: Float64Array) -> Float64Array:
        """Return f, of shape (n_rows, n_classes)."""
        scores = np.empty((self.n_rows, self.n_classes))
        for k, w in enumerate(weights):
            scores[:, k] = self.rows.margins(w)
        scores += intercepts
        return scores

    def gradients(self, scores: Float64Array) -> Float64Array:
        """Return m - f_y + f_k for the other classes and -inf for the true one."""
        rows = np.arange(self.n_rows)
        gradients = scores - scores[rows, self.codes][:, np.newaxis] + self.margin
        gradients[rows, self.codes] = -np.inf
        return gradients

    def losses(self, scores: Float64Array) -> Float64Array:
        """Return c_i times the loss of each row."""
        return self._losses_of(self.gradients(scores))

    def _losses_of(self, gradients: Float64Array) -> Float64Array:
        """Return c_i times the loss of each row, given what `gradients` returns."""
        shortfall = np.maximum(gradients, 0.0)
        of_rows = shortfall.max(axis=1) if self.total == 1.0 else shortfall.sum(axis=1)
        return np.asarray(self.cost * of_rows)

    def primal(self, weights: Float64Array, intercepts: Float64Array) -> float:
        """Return P(W, b)."""
        losses = sum(
            float(part.losses(part.scores(weights, intercepts)).sum())
            for _, part in self.parts()
        )
        return self.primal_of(weights, intercepts, losses)

    def primal_of(
        self, weights: NDArray[np.floating], intercepts: Float64Array, losses: float
    ) -> float:
        """Return P(W, b), given the sum of the losses."""
        value = 0.5 * squared_norm(weights.ravel()) + losses
        if self.intercept_rule == "penalized":
            value += 0.5 * float(intercepts @ intercepts)
        return value

    def signed(self, alpha: Float64Array) -> Float64Array:
        """Return t: what each row adds to each class, of shape (n_rows, n_classes)."""
        signed = -alpha
        signed[np.arange(self.n_rows), self.codes] = alpha.sum(axis=1)
        return signed

    def combine(self, alpha: Float64Array) -> Float64Array:
        """Return W(a), of shape (n_classes, n_features)."""
        sums = alpha.sum(axis=1)
        w_of_duals = np.empty((self.n_classes, self.rows.n_features))
        for k in range(self.n_classes):
            signed = np.where(self.codes == k, sums, -alpha[:, k])
            w_of_duals[k] = self.rows.combine(signed)
        return w_of_duals

    def imbalance(self, alpha: Float64Array) -> Float64Array:
        """Return b(a), of shape (n_classes,)."""
        imbalance = np.zeros(self.n_classes)
        for some, part in self.parts():
            imbalance += part.signed(alpha[some]).sum(axis=0)
        return imbalance

    def dual(self, alpha: Float64Array) -> float:
        """Return D(a) of a feasible a."""
        gain = self.margin * float(alpha.sum())
        return self.dual_of(self.combine(alpha), gain, self.imbalance(alpha))

    def dual_of(
        self, w_of_duals: NDArray[np.floating], gain: float, imbalance: Float64Array
    ) -> float:
        """Return D(a), given W(a), m times the sum of a, and b(a)."""
        value = gain - 0.5 * squared_norm(w_of_duals.ravel())
        if self.intercept_rule == "penalized":
            value -= 0.5 * float(imbalance @ imbalance)
        return value

    def within(self, alpha: NDArray[np.floating]) -> Float64Array:
        """Return a copy of dual variables with those of each row in c S."""
        inside = np.empty((self.n_rows, self.n_classes))
        for some, part in self.parts():
            part._clip(alpha[some], inside[some])
        return inside

    def _clip(self, alpha: NDArray[np.floating], out: Float64Array) -> None:
        """Set `out` to dual variables moved into c S."""
        np.clip(alpha, 0.0, self.cost[:, np.newaxis], out=out)
        out[np.arange(self.n_rows), self.codes] = 0.0
        if np.isfinite(self.total):
            sums = out.sum(axis=1)
            most = self.total * self.cost
            ratio = np.ones(self.n_rows)
            np.divide(most, sums, out=ratio, where=sums > most)
            out *= ratio[:, np.newaxis]

    def lower(self, alpha: Float64Array, factors: Float64Array) -> None:
        """Multiply, in place, the duals of rows of class j for class k by factors."""
        for some, part in self.parts():
            alpha[some] *= factors[part.codes]

    def repair(self, alpha: Float64Array) -> Float64Array:
        """Return a feasible copy of dual variables.

        They are clipped to [0, c] and their sums scaled down to t c; with free
        intercepts those of the rows of class j for class k are then scaled down, for
        all j and k, so that b(a) = 0.
        """
        feasible = self.within(alpha)
        if self.intercept_rule == "free":
            check = self.rows.check_cancelled
            factors = balancing_factors(self.flows(feasible), check)
            if np.any(factors < 1.0):
                self.lower(feasible, factors)
        return feasible

    def flows(self, alpha: Float64Array) -> Float64Array:
        """Return what the rows of each class j have against each class k."""
        flows = np.zeros((self.n_classes, self.n_classes))
        for some, part in self.parts():
            order = np.argsort(part.codes, kind="stable")
            present, first = np.unique(part.codes[order], return_index=True)
            flows[present] += np.add.reduceat(alpha[some][order], first, axis=0)
        return flows

    def origin(self) -> Certificate:
        """Return the certificate of zero weights and duals, without a pass over X."""
        others = 1.0 if self.total == 1.0 else self.n_classes - 1.0
        if self.cost.strides[0] == 0:
            costs = float(self.cost[0]) * self.n_rows
        else:
            costs = float(self.cost.sum())
        zeros = np.broadcast_to(0.0, (self.n_classes, self.rows.n_features))
        return Certificate(
            zeros,
            np.zeros(self.n_classes),
            np.broadcast_to(0.0, (self.n_rows, self.n_classes)),
            self.margin * others * costs,
            0.0,
        )

    def certify(
        self,
        alpha: Float64Array,
        weights: Float64Array | None = None,
        intercepts: Float64Array | None = None,
    ) -> Certificate:
        """Return the certificate of dual variables, from scratch on all rows.

        Parameters
        ----------
        alpha : ndarray of float64, of shape (n_rows, n_classes)
            Dual variables, repaired first if need be.
        weights : ndarray of float64, of shape (n_classes, n_features), optional
            A primal point to use in place of W(a).
        intercepts : ndarray of float64, of shape (n_classes,), optional
            Its intercepts.
        """
        feasible = self.repair(alpha)
        w_of_duals = self.combine(feasible)
        if weights is None:
            weights = w_of_duals
        if self.intercept_rule == "none":
            intercepts = np.zeros(self.n_classes)
        elif intercepts is None:
            is_free = self.intercept_rule == "free"
            intercepts = self.imbalance(feasible) * (0.0 if is_free else 1.0)
        gain = self.margin * float(feasible.sum())
        dual = self.dual_of(w_of_duals, gain, self.imbalance(feasible))
        primal = self.primal(weights, intercepts)
        return Certificate(weights, intercepts, feasible, primal, dual, w_of_duals)

    @property
    def cares(self) -> Sequence[Care]:
        """How bounds of rounding errors can be found, the cheapest way first."""
        return CARES if self.rows.has_rough_length else CARES[1:]

    def primal_rounding(self, certificate: Certificate, care: Care = "rows") -> float:
        """Return a bound of the rounding error in P, as of `Problem`."""
        others = 1 if self.total == 1.0 else self.n_classes - 1
        longest = self.rows.longest(roughly=care == "glance")
        size = longest * _largest_norm(certificate.w)
        size += float(np.abs(certificate.intercept).max()) + self.margin
        error = 2.0 * (self.rows.longest_row() + SPARE) * UNIT * size
        rounding = self.terms * UNIT * certificate.primal
        return others * error * sum_of(self.cost) + rounding

    @property
    def terms(self) -> int:
        """Number of terms of all sums in an objective value, at most."""
        others = 1 if self.total == 1.0 else self.n_classes - 1
        return self.n_classes * self.rows.n_features + self.n_rows * others + SPARE

    def dual_rounding(self, certificate: Certificate, care: Care = "rows") -> float:
        """Return a bound of the rounding error in D, as of `Problem`."""
        n, longest = self.n_rows, self.rows.longest(roughly=care == "glance")
        taken = float(certificate.alpha.sum())
        gain = self.margin * taken
        norm = math.sqrt(2.0 * max(gain - certificate.dual, 0.0))
        size = 3.0 * gain + abs(certificate.dual)
        below = (n * self.n_classes + SPARE) * UNIT * size
        below += self.terms * UNIT * norm * norm
        turned = 2.0 * (n + self.n_classes + SPARE) * UNIT * taken
        moved = turned * longest
        below += moved * (norm + 0.5 * moved)
        if self.intercept_rule == "penalized":
            below += turned * (norm + 0.5 * turned)
        elif self.intercept_rule == "free":
            excess = float(np.abs(self.imbalance(certificate.alpha)).sum()) + turned
            below += self._cost_of_balance(excess, norm, longest)
        return below

    def _cost_of_balance(self, excess: float, norm: float, longest: float) -> float:
        """Return by how much D falls at most where flows with an excess are balanced.

        Flows are the sum of cycles and of paths from classes with too much to classes
        with too little. The paths are half of the excess, and to take a unit of one
        away lowers at most n_classes - 1 dual variables by one.
        """
        taken = 0.5 * excess * (self.n_classes - 1)
        return taken * (self.margin + 2.0 * longest * (norm + taken * longest))

    def precise_primal(
        self, certificate: Certificate
    ) -> tuple[Certificate, Float64Array]:
        """Return a certificate with P in twice the precision; bounds of `gradients`."""
        w, rows = certificate.w, np.arange(self.n_rows)
        columns = [
            scores(self.rows, weights, float(intercept), rows)
            for weights, intercept in zip(w, certificate.intercept, strict=True)
        ]
        value, rest, sizes = (
            np.stack(parts, axis=1) for parts in zip(*columns, strict=True)
        )
        sizes += sizes[rows, self.codes][:, np.newaxis]
        of_true_class = value[rows, self.codes][:, np.newaxis]
        gradients, rounding = difference(value, of_true_class)
        rest += rounding
        rest -= rest[rows, self.codes][:, np.newaxis]
        gradients += self.margin
        gradients += rest
        sizes += 4.0 * UNIT * (np.abs(gradients) + np.abs(rest))
        gradients[rows, self.codes] = -np.inf
        most = gradients + sizes
        lower, upper = (total(self._losses_of(bounds)) for bounds in (gradients, most))
        primal = self.primal_of(w, certificate.intercept, lower)
        terms = w.size + self.n_classes + SPARE
        above = max(upper - lower, 0.0) + terms * UNIT * primal
        return replace(certificate, primal=primal, above=above), most

    def precise_dual(self, certificate: Certificate) -> Certificate:
        """Return a certificate with D in twice the precision."""
        alpha = certificate.alpha
        row_sums, row_sums_rest = np.zeros((2, self.n_rows))
        for column in alpha.T:
            row_sums, rounding = difference(row_sums, -column)
            row_sums_rest += rounding
        half = below = 0.0
        imbalance = np.empty(self.n_classes)
        weights = np.empty((self.n_classes, self.rows.n_features))
        for k in range(self.n_classes):
            is_true_class = self.codes == k
            factors = np.where(is_true_class, row_sums, -alpha[:, k])
            corrections = np.where(is_true_class, row_sums_rest, 0.0)
            part = combined(self.rows, factors)
            part.rest[:] += self.rows.combine(corrections)
            square, error = half_square(part)
            half, below, weights[k] = half + square, below + error, part.value
            imbalance[k] = total(np.concatenate([factors, corrections]))
        gain = self.margin * total(alpha.ravel())
        dual = gain - half
        if self.intercept_rule == "penalized":
            dual -= 0.5 * dot(imbalance, imbalance)
        below += (self.n_classes + SPARE) * UNIT * (3.0 * gain + abs(dual))
        if self.intercept_rule == "free":
            excess, norm = float(np.abs(imbalance).sum()), math.sqrt(2.0 * half)
            below += self._cost_of_balance(excess, norm, self.rows.longest())
        return replace(certificate, dual=dual, below=below, w_of_duals=weights)

    def stretched(
        self, certificate: Certificate, gradients: Float64Array
    ) -> tuple[float, Float64Array, Float64Array] | None:
        """Return a factor, and the point at which no row falls short that need not.

        These are rows with duals below their bound. None where there is no such row.
        """
        alpha, bound = certificate.alpha, self.cost[:, np.newaxis]
        loose = alpha < bound
        if self.total == 1.0:
            loose = np.broadcast_to(alpha.sum(axis=1) < self.cost, alpha.T.shape).T
        short = float(gradients[loose].max(initial=-np.inf)) / self.margin
        if not 0.0 < short < LONGEST:
            return None
        factor = (1.0 + ROUNDING) / (1.0 - short)
        intercepts = np.asarray(certificate.intercept)
        return factor, factor * certificate.w, factor * intercepts


def _largest_norm(weights: Float64Array) -> float:
    """Return the largest norm of any class."""
    return math.sqrt(float((weights * weights).sum(axis=1).max()))

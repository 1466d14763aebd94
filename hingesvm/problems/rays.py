r"""Where to start when costs have changed: the best point along the ray of old duals.

Dual variables :math:`\alpha` of one problem, times a factor t, are feasible for another
one up to some t, and along this ray the dual is a parabola,

.. math::

    D(t \alpha) = t\, A - \tfrac{t^2}{2} B,

with A the sum of all :math:`\alpha_i` (times the margin) and B the squared norm of
:math:`w(\alpha)`, a penalised intercept and the curvature of smooth losses taken in. So
the best t is A / B, or the largest that is feasible. Where C grows and all duals are at
their bound that is the ratio of both C; where none is, it is 1, and the old solution is
kept.

Between the two, where it is A / B that limits t, rows at their bound should go up with
it while others stay. So they get factors of their own, and those of each class too as a
free intercept has them balanced: the dual is then a concave quadratic function of four
variables, whose best values are found by exact steps in one of them, or in two that
balance each other.

That takes some passes over the rows. Where many problems start at once, rows at their
bound simply follow it, and the others stay (`with_bounds`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import mul
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem, squared_norm
from hingesvm.problems.certificate import Certificate
from hingesvm.problems.joint import JointProblem
from hingesvm.problems.start import (
    CertifiedStart,
    KeptStart,
    PathStart,
    Start,
    feasible_start,
)
from hingesvm.rows.compensated import ROUNDING

__all__ = ["along_ray", "with_bounds"]

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]

# The best point along a ray of dual variables (docs/experiments.md#constants).
# Relative distance from their bound of dual variables that are to go up with it: a
# larger one takes inner rows along, a smaller one leaves behind those that rounding or
# the tolerance kept from their bound.
_NEARLY = 0.01
# Rounds of steps in the factors of groups, at most, and the change that ends them: the
# start is to be good, not best.
_ROUNDS, _ENOUGH = 100, 1e-3


def along_ray(problem: Problem | JointProblem, start: Start) -> Start:
    """Return a start with its dual variables scaled to where the dual is largest.

    Parameters
    ----------
    problem : Problem or JointProblem
        Whose bounds are kept to.
    start : Start
        With non-negative dual variables, of this problem or another one on its rows.

    Returns
    -------
    Start
        A `CertifiedStart` if the start is a `PathStart` and the loss has a kink: what
        was certified at other costs then says what holds at these, without a look at X.
    """
    if isinstance(problem, Problem) and problem.penalty is not None:
        return with_bounds(problem, start)
    before = start if isinstance(start, PathStart) and _is_linear(problem) else None
    if not start.alpha.any():
        return start.with_duals(start.alpha, start.w_of_duals)
    ray = _Ray.of(problem, start.alpha, None if before is None else before.certificate)
    factor = ray.best_factor
    if not 0.0 < factor < np.inf:
        return start.with_duals(start.alpha, start.w_of_duals)
    if isinstance(problem, Problem) and problem.has_kink and factor < ray.longest:
        point = _best_of_groups(problem, start.alpha, factor)
    else:
        point = ray.at(factor)
    if isinstance(problem, Problem):
        np.minimum(point.alpha, problem.bound, out=point.alpha)
    if before is None:
        return start.with_duals(point.alpha, point.w_of_duals)
    return _certified(problem, before, point)


def with_bounds(problem: Problem, start: Start) -> Start:
    """Return a start whose rows at their bound have followed it; takes no pass over X.

    Parameters
    ----------
    problem : Problem
    start : Start
        With non-negative dual variables of this problem or another one on its rows.
    """
    alpha = start.alpha
    if isinstance(start, KeptStart) and problem.has_kink:
        alpha = np.where(start.is_at_bound, problem.bound, alpha)
    elif isinstance(start, PathStart) and problem.has_kink:
        is_at_bound = start.ratio * alpha >= (1.0 - _NEARLY) * problem.bound
        alpha = np.where(is_at_bound, problem.bound, alpha)
    return feasible_start(problem, start.with_duals(alpha))


class _Point(NamedTuple):
    """Dual variables, w of them if it is known, the dual value, and its error."""

    alpha: Float64Array
    w_of_duals: Float64Array | None
    dual: float
    below: float = 0.0


@dataclass(frozen=True)
class _Ray:
    """All multiples of some dual variables, along which the dual is a parabola.

    Attributes
    ----------
    alpha : ndarray of float64, of shape (n_rows,) or (n_rows, n_classes)
    gain, square : float
        A and B.
    longest : float
        The largest factor that leaves the dual variables feasible.
    certificate : Certificate or None
        That of the dual variables at other costs, if it is known.
    """

    alpha: Float64Array
    gain: float
    square: float
    longest: float
    certificate: Certificate | None

    @classmethod
    def of(
        cls,
        problem: Problem | JointProblem,
        alpha: Float64Array,
        certificate: Certificate | None,
    ) -> _Ray:
        """Return the ray of dual variables; a pass over X where none is certified."""
        gain = float(alpha.sum())
        if isinstance(problem, JointProblem):
            gain *= problem.margin
        if certificate is None:
            square = _square_of_duals(problem, alpha)
        else:
            # D is the gain less half of the square.
            square = 2.0 * (gain - certificate.dual)
        return cls(alpha, gain, square, _longest(problem, alpha), certificate)

    @property
    def best_factor(self) -> float:
        """The feasible factor at which the dual is largest."""
        if self.square > 0.0:
            return min(self.gain / self.square, self.longest)
        return self.longest

    def at(self, factor: float) -> _Point:
        """Return the point at a factor."""
        w_of_duals, below = None, 0.0
        if self.certificate is not None:
            below = factor * factor * self.certificate.below
            if self.certificate.w_of_duals is not None:
                w_of_duals = factor * self.certificate.w_of_duals
        dual = factor * (self.gain - 0.5 * factor * self.square)
        return _Point(factor * self.alpha, w_of_duals, dual, below)


def _certified(
    problem: Problem | JointProblem, before: PathStart, point: _Point
) -> CertifiedStart:
    """Return the weights of a solution at other costs with the duals of a point."""
    solution = before.certificate
    certificate = Certificate(
        solution.weights,
        solution.intercept,
        point.alpha,
        _primal(problem, solution, before.ratio),
        point.dual,
        point.w_of_duals,
        # The losses are a difference, times the ratio.
        before.ratio * (solution.above + ROUNDING * solution.primal),
        point.below,
    )
    return CertifiedStart(
        point.alpha,
        before.w,
        before.intercept,
        point.w_of_duals,
        margins=before.margins,
        certificate=certificate,
    )


def _best_of_groups(problem: Problem, alpha: Float64Array, factor: float) -> _Point:
    """Return the best point with a factor for each group of rows.

    The search starts from one factor for all of them.
    """
    groups, bound = _groups(problem, alpha), problem.bound
    gains = np.array([alpha[rows].sum() for rows in groups])
    weights = np.stack(
        [
            problem.rows.combine(alpha[rows] * problem.signs[rows], rows)
            for rows in groups
        ]
    )
    imbalances = gains * [float(problem.signs[rows[0]]) for rows in groups]
    products = weights @ weights.T
    if problem.intercept_rule == "penalized":
        products += np.outer(imbalances, imbalances)
    limits = np.array([float((bound[rows] / alpha[rows]).min()) for rows in groups])
    kept = imbalances
    if problem.intercept_rule != "free":
        kept = np.zeros_like(imbalances)
    factors = _best_factors(gains, products, kept, limits, factor)
    scaled = alpha.copy()
    for rows, times in zip(groups, factors, strict=True):
        scaled[rows] *= times
    w_of_duals, imbalance = factors @ weights, float(factors @ imbalances)
    # From w, as its inner products with parts of itself cancel.
    square = float(w_of_duals @ w_of_duals)
    dual = problem.dual_from(square, float(factors @ gains), imbalance)
    return _Point(scaled, w_of_duals, dual)


def _groups(problem: Problem, alpha: Float64Array) -> list[IndexArray]:
    """Return the rows with dual variables: those of each class at a bound, and inside.

    Rows count as at their bound whose dual variables are nearly as large a part of it
    as any of their class.
    """
    positive = problem.signs > 0
    at_bound = np.zeros(problem.n_rows, np.bool_)
    for of_class in (positive, ~positive):
        used = of_class & (alpha > 0.0)
        part = alpha[used] / problem.bound[used]
        at_bound[used] = part >= (1.0 - _NEARLY) * part.max(initial=0.0)
    groups = [
        np.flatnonzero(rows & (alpha > 0.0))
        for rows in (
            positive & at_bound,
            ~positive & at_bound,
            positive & ~at_bound,
            ~positive & ~at_bound,
        )
    ]
    return [rows for rows in groups if len(rows)]


def _best_factors(
    gains: Float64Array,
    products: Float64Array,
    kept: Float64Array,
    limits: Float64Array,
    factor: float,
) -> Float64Array:
    """Return the s that maximises g . s - s Q s / 2, found by exact steps.

    The s are those with 0 <= s <= limits and k . s = k . (f, f, ...). Each step from
    (f, f, ...) on is in one entry, or in two that leave k . s as it is.

    Parameters
    ----------
    gains, products, kept, limits : ndarray of float64, of shape (m,) or (m, m)
        g, Q, k, and the largest factors.
    factor : float
        f.
    """
    # Plain numbers: for arrays of four, calls of NumPy take ten times as long.
    gain, bends, limit = gains.tolist(), products.tolist(), limits.tolist()
    factors = [min(factor, largest) for largest in limit]
    moves = _moves(kept.tolist())

    def slope(i: int) -> float:
        return float(gain[i] - sum(map(mul, bends[i], factors)))

    for _ in range(_ROUNDS):
        before = factors.copy()
        for i, j, ratio in moves:
            bend = bends[i][i] + ratio * (2.0 * bends[i][j] + ratio * bends[j][j])
            rise = slope(i) + ratio * slope(j)
            best = rise / bend if bend > 0.0 else math.copysign(math.inf, rise)
            # How far the entries may go, each way.
            least, most = -factors[i], limit[i] - factors[i]
            if ratio:
                ends = -factors[j] / ratio, (limit[j] - factors[j]) / ratio
                least, most = max(least, min(ends)), min(most, max(ends))
            length = min(max(best, least), most)
            if not math.isfinite(length * ratio):
                continue
            factors[i] = min(max(factors[i] + length, 0.0), limit[i])
            factors[j] = min(max(factors[j] + length * ratio, 0.0), limit[j])
        change = max(abs(now - then) for now, then in zip(factors, before, strict=True))
        if change <= _ENOUGH * max(factors):
            break
    return np.array(factors)


def _moves(kept: list[float]) -> list[tuple[int, int, float]]:
    """Return the ways (i, j, ratio) in which entries can move that leave k . s alone.

    Entry i moves by 1 and entry j by the ratio, which is 0 where i moves alone.
    """
    entries = range(len(kept))
    alone = [(i, i, 0.0) for i in entries if kept[i] == 0.0]
    return alone + [
        (i, j, -kept[i] / kept[j])
        for i in entries
        for j in range(i)
        if kept[i] != 0.0 and kept[j] != 0.0
    ]


def _is_linear(problem: Problem | JointProblem) -> bool:
    """Whether the dual variables count linearly, as those of losses with kinks do."""
    return isinstance(problem, JointProblem) or problem.has_kink


def _longest(problem: Problem | JointProblem, alpha: Float64Array) -> float:
    """Return the largest factor that leaves dual variables feasible."""
    if isinstance(problem, JointProblem):
        used = np.maximum(alpha.max(axis=1), alpha.sum(axis=1) / problem.total)
        bound = problem.cost
    else:
        used, bound = alpha, problem.bound
    if bound.strides[0] == 0:
        return float(bound[0]) / float(used.max())
    largest = np.full(len(used), np.inf)
    with np.errstate(over="ignore"):
        np.divide(bound, used, out=largest, where=used > 0.0)
    return float(largest.min())


def _square_of_duals(problem: Problem | JointProblem, alpha: Float64Array) -> float:
    """Return B, with a pass over X."""
    w_of_duals = problem.combine(alpha)
    square = float(np.vdot(w_of_duals, w_of_duals))
    if problem.intercept_rule == "penalized":
        imbalance = np.asarray(problem.imbalance(alpha))
        square += float(np.vdot(imbalance, imbalance))
    if isinstance(problem, Problem):
        # The gain is the sum of a - q a^2 / 2.
        square += 2.0 * (float(alpha.sum()) - problem.gain(alpha))
    return square


def _primal(
    problem: Problem | JointProblem, certificate: Certificate, ratio: float
) -> float:
    """Return the primal value of a solution at costs that are larger by a factor."""
    square = squared_norm(certificate.weights.ravel())
    if problem.intercept_rule == "penalized":
        intercept = np.asarray(certificate.intercept)
        square += float(np.vdot(intercept, intercept))
    return 0.5 * square + ratio * (certificate.primal - 0.5 * square)

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
from dataclasses import replace
from operator import mul
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem, squared_norm
from hingesvm.problems.certificate import Certificate
from hingesvm.problems.joint import JointProblem
from hingesvm.problems.start import Start, feasible_start

__all__ = ["along_ray", "with_bounds"]

Float64Array = NDArray[np.float64]

# Relative distance from their bound of dual variables that are to go up with it.
_NEARLY = 0.01
# Rounds of steps in the factors of groups, at most, and the change that ends them.
_ROUNDS, _ENOUGH = 100, 1e-3
# Rounding errors of a difference, relative to what is subtracted from.
_DIFFERENCE = 4e-16


def along_ray(problem: Problem | JointProblem, start: Start) -> Start:
    """Return a start with its dual variables scaled to where the dual is largest.

    Parameters
    ----------
    problem : Problem or JointProblem
        Whose bounds are kept to.
    start : Start
        With non-negative dual variables, of this problem or another one on its rows. If
        it says what was found at costs that were all smaller or larger by one factor,
        and the loss has a kink, the same is known of the result without a look at X.
    """
    alpha = start.alpha
    if not alpha.any():
        return replace(start, found=None)
    found = start.found if _is_linear(problem) else None
    total = float(alpha.sum())
    if isinstance(problem, JointProblem):
        total *= problem.margin
    # D is the total less half of the square.
    square = _square(problem, alpha) if found is None else 2.0 * (total - found.dual)
    longest = _longest(problem, alpha)
    factor = min(total / square, longest) if square > 0.0 else longest
    if not 0.0 < factor < np.inf:
        return replace(start, found=None)
    if isinstance(problem, Problem) and problem.has_kink and factor < longest:
        there = _by_groups(problem, start, factor)
    else:
        w_of_duals = (
            None
            if found is None or found.w_of_duals is None
            else factor * found.w_of_duals
        )
        below = 0.0 if found is None else factor * factor * found.below
        dual = factor * (total - 0.5 * factor * square)
        there = _Point(factor * alpha, w_of_duals, dual, below)
    if isinstance(problem, Problem):
        np.minimum(there.alpha, problem.bound, out=there.alpha)
    if found is None:
        return replace(
            start, alpha=there.alpha, w_of_duals=there.w_of_duals, found=None
        )
    known = Certificate(
        found.weights,
        found.intercept,
        there.alpha,
        _primal(problem, found, start.ratio),
        there.dual,
        there.w_of_duals,
        # The losses are a difference, times the ratio.
        start.ratio * (found.above + _DIFFERENCE * found.primal),
        there.below,
    )
    return replace(
        start, alpha=there.alpha, w_of_duals=there.w_of_duals, found=known, ratio=1.0
    )


def with_bounds(problem: Problem, start: Start) -> Start:
    """Return a start whose rows at their bound have followed it; takes no pass over X.

    Parameters
    ----------
    problem : Problem
    start : Start
        With non-negative dual variables of this problem or another one on its rows.
    """
    alpha = start.alpha
    if start.is_at_bound is not None and problem.has_kink:
        alpha = np.where(start.is_at_bound, problem.bound, alpha)
    return feasible_start(
        problem, replace(start, alpha=alpha, w_of_duals=None, found=None)
    )


class _Point(NamedTuple):
    """Dual variables, w of them if it is known, the dual value, and its error."""

    alpha: Float64Array
    w_of_duals: Float64Array | None
    dual: float
    below: float = 0.0


def _by_groups(problem: Problem, start: Start, factor: float) -> _Point:
    """Return the best point with factors for each class, at its bound and inside."""
    alpha, bound = start.alpha, problem.bound
    positive = problem.signs > 0
    at_bound = np.zeros(problem.n_rows, np.bool_)
    for one_class in (positive, ~positive):
        used = one_class & (alpha > 0.0)
        part = alpha[used] / bound[used]
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
    groups = [rows for rows in groups if len(rows)]
    gains = np.array([alpha[rows].sum() for rows in groups])
    weights = np.stack(
        [
            problem.rows.combine(alpha[rows] * problem.signs[rows], rows)
            for rows in groups
        ]
    )
    turns = gains * [float(problem.signs[rows[0]]) for rows in groups]
    square = weights @ weights.T
    if problem.intercept_rule == "penalized":
        square += np.outer(turns, turns)
    limits = np.array([float((bound[rows] / alpha[rows]).min()) for rows in groups])
    balance = turns
    if problem.intercept_rule != "free":
        turns = np.zeros_like(turns)
    factors = _best_factors(gains, square, turns, limits, factor)
    there = alpha.copy()
    for rows, times in zip(groups, factors, strict=True):
        there[rows] *= times
    w_of_duals, imbalance = factors @ weights, float(factors @ balance)
    # From w, as its inner products with parts of itself cancel.
    dual = problem.dual_from(
        float(w_of_duals @ w_of_duals), float(factors @ gains), imbalance
    )
    return _Point(there, w_of_duals, dual)


def _best_factors(
    gains: Float64Array,
    square: Float64Array,
    turns: Float64Array,
    limits: Float64Array,
    factor: float,
) -> Float64Array:
    """Maximise g . s - s Q s / 2 with 0 <= s <= limits, and t . s = t . (f, f, ...).

    From s = (f, f, ...), by exact steps in one entry or in two that balance.
    """
    # Plain numbers: for arrays of four, calls of NumPy take ten times as long.
    gain, bends, sign = gains.tolist(), square.tolist(), turns.tolist()
    limit = limits.tolist()
    entries = range(len(gain))
    factors = [min(factor, largest) for largest in limit]
    # Entry i moves by 1 and entry j by a ratio, 0 where i moves alone.
    moves = [(i, i, 0.0) for i in entries if sign[i] == 0.0] + [
        (i, j, -sign[i] / sign[j])
        for i in entries
        for j in range(i)
        if sign[i] != 0.0 and sign[j] != 0.0
    ]

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


def _square(problem: Problem | JointProblem, alpha: Float64Array) -> float:
    """Return B."""
    w_of_duals = problem.combine(alpha)
    square = float(np.vdot(w_of_duals, w_of_duals))
    if problem.intercept_rule == "penalized":
        imbalance = np.asarray(problem.imbalance(alpha))
        square += float(np.vdot(imbalance, imbalance))
    if isinstance(problem, Problem):
        # The gain is the sum of a - q a^2 / 2.
        square += 2.0 * (float(alpha.sum()) - problem.gain(alpha))
    return square


def _primal(problem: Problem | JointProblem, found: Certificate, ratio: float) -> float:
    """Return the primal value of a point at costs that are larger by a factor."""
    square = squared_norm(found.weights.ravel())
    if problem.intercept_rule == "penalized":
        intercept = np.asarray(found.intercept)
        square += float(np.vdot(intercept, intercept))
    return 0.5 * square + ratio * (found.primal - 0.5 * square)

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
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hingesvm.solvers.certificate import Certificate
from hingesvm.solvers.joint_problem import JointProblem
from hingesvm.solvers.problem import Problem, squared_norm
from hingesvm.solvers.progress import Start

__all__ = ["along_ray"]

Float64Array = NDArray[np.float64]


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
    if isinstance(problem, Problem):
        alpha = factor * alpha
        np.minimum(alpha, problem.bound, out=alpha)
    else:
        alpha = factor * alpha
    if found is None:
        return replace(start, alpha=alpha, own=None, found=None)
    own = None if found.own is None else factor * found.own
    there = Certificate(
        found.weights,
        found.intercept,
        alpha,
        _primal(problem, found, start.ratio),
        factor * (total - 0.5 * factor * square),
        own,
    )
    return replace(start, alpha=alpha, own=own, found=there, ratio=1.0)


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
    own = problem.combine(alpha)
    square = float(np.vdot(own, own))
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

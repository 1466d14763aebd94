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

from hingesvm.solvers.joint_problem import JointProblem
from hingesvm.solvers.problem import Problem
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
        With non-negative dual variables, of this problem or another one on its rows.
    """
    alpha = start.alpha
    if not alpha.any():
        return start
    longest = _longest(problem, alpha)
    gain, square = _parabola(problem, start)
    factor = min(gain / square, longest) if square > 0.0 else longest
    if not 0.0 < factor < np.inf:
        return start
    return replace(start, alpha=factor * alpha, own=None, square=None)


def _longest(problem: Problem | JointProblem, alpha: Float64Array) -> float:
    """Return the largest factor that leaves dual variables feasible."""
    if isinstance(problem, JointProblem):
        used = np.maximum(alpha.max(axis=1), alpha.sum(axis=1) / problem.total)
        bound = problem.cost
    else:
        used, bound = alpha, problem.bound
    largest = np.full(len(used), np.inf)
    with np.errstate(over="ignore"):
        np.divide(bound, used, out=largest, where=used > 0.0)
    return float(largest.min())


def _parabola(problem: Problem | JointProblem, start: Start) -> tuple[float, float]:
    """Return A and B."""
    alpha, square = start.alpha, start.square
    if square is None:
        own = problem.combine(alpha)
        square = float(np.vdot(own, own))
        if problem.intercept_rule == "penalized":
            imbalance = np.asarray(problem.imbalance(alpha))
            square += float(np.vdot(imbalance, imbalance))
    total = float(alpha.sum())
    if isinstance(problem, JointProblem):
        return problem.margin * total, square
    # The gain is the sum of a - q a^2 / 2.
    return total, square + 2.0 * (total - problem.gain(alpha))

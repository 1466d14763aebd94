"""Weights rounded to the dtype of X, longer by what rounding leaves rows short of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.certificate import Certificate
from hingesvm.problems.proof import gap_at
from hingesvm.problems.rounding import Rounded
from hingesvm.problems.stretching import stretch
from hingesvm.rows.array_losses import numbers
from hingesvm.rows.arrays import Surveyed
from hingesvm.solvers.arrays.problem import ArrayDuals, ArrayProblem

__all__ = ["looked_at", "round_on_device"]

Float64Array = NDArray[np.float64]

# Times that a rounded point is stretched, by so many times what it is short of: a bound
# of passes.
_MORE = (1.0, 8.0, 8.0)
# Part of the gap that losses must have of rows that need none.
_WORTH = 0.2


def looked_at(
    problem: ArrayProblem, w: Float64Array, intercept: float, alpha: object, goal: float
) -> tuple[Certificate, Surveyed]:
    """Look at all rows at a point rounded to the dtype of X, or one a little longer.

    At large C margins that rounding leaves a little short of 1 cost more than all the
    rest of the gap.

    Parameters
    ----------
    problem : ArrayProblem
    w : ndarray of float64, of shape (n_features,)
    intercept : float
    alpha : array of shape (n_rows,)
        Feasible dual variables.
    goal : float
        Relative gap that is good enough.

    Returns
    -------
    certificate : Certificate
        The best that was found.
    found : Surveyed
        What was seen there.
    """
    best: tuple[Certificate, Surveyed] | None = None
    for more in (*_MORE, None):
        point = problem.device_rows.rounded(w, intercept)
        found = problem.device_rows.survey(problem.losses_of_rows, *point, alpha)
        certificate = problem.certificate_at(*point, found)
        if best is None or certificate.primal < best[0].primal:
            best = certificate, found
        if more is None or best[0].relative_gap <= goal:
            break
        longer = _longer(problem, certificate, found)
        if longer is None:
            break
        factor, shift = longer
        factor = 1.0 + more * (factor - 1.0)
        w, intercept = factor * point[0], factor * point[1] + more * shift
    assert best is not None
    return best


def _longer(
    problem: ArrayProblem, certificate: Certificate, found: Surveyed
) -> tuple[float, float] | None:
    """Return a factor of w, and a shift, at which no row falls short that need not.

    None where that is no use.
    """
    losses, xp = problem.losses_of_rows, problem.space.xp
    if not losses.has_kink:
        return None
    short = found.shortfall
    is_loose = (found.alpha < losses.bound) & (short > 0.0)
    lost = xp.where(is_loose, losses.losses(short), xp.zeros_like(short))
    cost = numbers(problem.space, [xp.sum(lost)])[0]
    if not cost > _WORTH * certificate.gap:
        return None
    return stretch(
        problem.worst_of_classes(certificate.duals, short),
        has_intercept=problem.intercept_rule != "none",
        precision=float(np.finfo(problem.device_rows.dtype).eps),
    )


def round_on_device(
    problem: ArrayProblem, certificate: Certificate, tol: float
) -> Rounded:
    """Return weights and intercept in the dtype of X, and their relative gap."""
    dtype = problem.device_rows.dtype
    w, intercept = problem.device_rows.rounded(
        certificate.w, float(certificate.intercept)
    )
    duals = certificate.duals
    same = intercept == certificate.intercept and np.array_equal(w, certificate.w)
    gap = certificate.relative_gap
    if not same and isinstance(duals, ArrayDuals):
        found, _ = looked_at(
            problem, certificate.w, float(certificate.intercept), duals.alpha, tol
        )
        gap = gap_at(problem, certificate, found)
        w, intercept = found.w, float(found.intercept)
    return w.astype(dtype), dtype.type(intercept), gap

"""Proximal steps of the batch method: one number, in units that each row has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hingesvm.solvers.problem import Problem
from hingesvm.solvers.rows import Rows

__all__ = ["first_rho", "units"]

Float64Array = NDArray[np.float64]

# Squared length of the longest row over the median one from which rows are uneven.
_UNEVEN = 1e4


def units(rows: Rows, cost: Float64Array) -> Float64Array:
    """Return the units of the proximal steps: the costs, or less for long rows.

    A dual variable that changes by 1 / ||x||^2 moves its own margin by 1. Where rows
    differ much in length, one step in units of the costs is too long for some rows, so
    that Newton's method fails, or does nothing to the others.
    """
    squares = rows.squared_norms()
    if not squares.max() > _UNEVEN * float(np.median(squares)):
        return cost
    with np.errstate(divide="ignore"):
        return np.minimum(cost, 1.0 / squares)


def first_rho(problem: Problem, unit: Float64Array, alpha: Float64Array) -> float:
    """Return the first proximal step, in such units.

    1 where the duals are of the size of the costs; on nearly separable data they are
    far smaller, about 1 / ||x||^2.
    """
    moved = alpha > 0.0
    used = float(np.median(alpha[moved] / unit[moved])) if moved.any() else 0.0
    norms = problem.rows.squared_norms() * unit
    typical = float(norms.mean())
    return max(used, 1.0 / typical) if typical > 1.0 else 1.0

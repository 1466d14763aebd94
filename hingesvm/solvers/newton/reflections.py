r"""Newton directions where products of columns have lost the digits that matter.

The system of ``system.py`` is that of a least-squares problem,

.. math::

    \min_{p, r} \tfrac12 \|p + g\|^2 + \tfrac12 \sum_{i \in F} h_i (x_i^\top p + r)^2
        + \tfrac{\delta}{2} r^2 + g_b r .

Householder reflections solve it with the condition number of its matrix, whose square
is that of the products. With columns pivoted and rows sorted by size they are exact row
by row too (Cox and Higham, "Stability of Householder QR factorization for weighted
least squares problems", 1998).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr, solve_triangular

from hingesvm.rows.contract import Rows

__all__ = ["can_reflect", "direction_by_reflections", "solver_by_reflections"]

Float64Array = NDArray[np.float64]

# Arithmetic of a factorisation, at most: it must not hold up an interrupt.
_MOST_WORK = 1 << 27
# Part of the largest diagonal entry below which one counts as 0.
_NOTHING_LEFT = 1e-15

# Corrections of a solution: each takes two products and a solution
# (docs/experiments.md#batch-method).
_CORRECTIONS = 2


def can_reflect(n_free: int, n_features: int) -> bool:
    """Whether a system is so small that reflections hold up no interrupt."""
    return (n_free + n_features) * n_features * n_features <= _MOST_WORK


def direction_by_reflections(
    rows: Rows,
    free: NDArray[np.intp],
    slope: Float64Array,
    gradient: Float64Array,
    pull: float,
    delta: float | None,
) -> tuple[Float64Array, float]:
    """Return the Newton direction for the weights and the intercept.

    `delta` is the curvature of P in the intercept, None where there is none.
    """
    d = rows.n_features
    roots = np.sqrt(slope)
    some, centre = rows.take(free), np.zeros(d)
    ridge, right = np.ones(d), -gradient
    if delta == 0.0:
        # At the best r for each p, rows count from their mean.
        centre = slope @ some / slope.sum()
        some = some - centre
        # What is left of it is a rounding error of the mean.
        rest = slope @ some / slope.sum()
        some -= rest
        centre = centre + rest
        right = right + pull * centre
    matrix = some * roots[:, None]
    if delta:
        matrix = np.hstack([matrix, roots[:, None]])
        ridge, right = np.append(ridge, delta), np.append(right, -pull)
    step = solver_by_reflections(matrix, ridge)(right)
    if delta is None:
        return step, 0.0
    if delta:
        return step[:d], float(step[d])
    return step, float(-pull / slope.sum() - centre @ step)


def solver_by_reflections(
    matrix: Float64Array, ridge: Float64Array
) -> Callable[[Float64Array], Float64Array]:
    """Return what solves with matrix' matrix + diag(ridge), without making products.

    It solves the corrected seminormal equations (Bjorck, "Stability analysis of the
    method of seminormal equations for linear least squares problems", 1987).
    """
    size = np.sqrt((matrix * matrix).sum(axis=0) + ridge)
    scale = 1.0 / np.where(size > 0.0, size, 1.0)
    stacked = np.vstack([matrix * scale, np.diag(np.sqrt(ridge) * scale)])
    order = np.argsort(-np.abs(stacked).max(axis=1), kind="stable")
    stacked = stacked[order]
    upper, places = qr(stacked, mode="r", pivoting=True, check_finite=False)
    upper = upper[: len(scale)]
    diagonal = np.abs(np.diagonal(upper))
    rank = int(np.count_nonzero(diagonal > _NOTHING_LEFT * diagonal[0]))
    upper, places = upper[:rank, :rank], places[:rank]

    def roughly(right: Float64Array) -> Float64Array:
        out = np.zeros(len(scale))
        half = solve_triangular(upper, right[places], trans=1, check_finite=False)
        out[places] = solve_triangular(upper, half, check_finite=False)
        return out

    def solve(right: Float64Array) -> Float64Array:
        right = right * scale
        solution = roughly(right)
        for _ in range(_CORRECTIONS):
            solution += roughly(right - stacked.T @ (stacked @ solution))
        return solution * scale

    return solve

r"""Newton directions where products of columns have lost the digits that matter.

The system of ``newton.py`` is that of a least-squares problem,

.. math::

    \min_{p, r} \tfrac12 \|p + g\|^2 + \tfrac12 \sum_{i \in F} h_i (x_i^\top p + r)^2
        + \tfrac{\delta}{2} r^2 + g_b r .

Householder reflections solve it with the condition number of its matrix, whose square
is that of the products. With columns pivoted and rows sorted by size they are exact row
by row too (Cox and Higham, "Stability of Householder QR factorization for weighted
least squares problems", 1998).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr, solve_triangular

from hingesvm.solvers.rows import Rows

__all__ = ["can_reflect", "direction_by_reflections"]

Float64Array = NDArray[np.float64]

# Arithmetic of a factorisation, at most: it must not hold up an interrupt.
_MOST_WORK = 1 << 27


def can_reflect(n_free: int, n_features: int) -> bool:
    """Whether a problem is small enough."""
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
        ridge, right = np.append(ridge, delta), np.append(right, -pull / delta)
    step = _least_squares(matrix, ridge, right)
    if delta is None:
        return step, 0.0
    if delta:
        return step[:d], float(step[d])
    return step, float(-pull / slope.sum() - centre @ step)


def _least_squares(
    matrix: Float64Array, ridge: Float64Array, right: Float64Array
) -> Float64Array:
    """Minimise ||matrix z||^2 + the sum of ridge (z - right)^2."""
    roots = np.sqrt(ridge)
    scale = 1.0 / np.sqrt((matrix * matrix).sum(axis=0) + ridge)
    stacked = np.vstack([matrix * scale, np.diag(roots * scale)])
    aims = np.concatenate([np.zeros(len(matrix)), roots * right])
    order = np.argsort(-np.abs(stacked).max(axis=1), kind="stable")
    left, upper, places = qr(
        stacked[order], mode="economic", pivoting=True, check_finite=False
    )
    found = np.empty(len(scale))
    found[places] = solve_triangular(upper, left.T @ aims[order], check_finite=False)
    return found * scale

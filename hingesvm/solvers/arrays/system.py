"""The Newton system of rows on a device, solved there where it has float64.

It is that of ``newton/system.py``: by columns where these are few, through the inner
products of rows where those are, and by conjugate gradients where both are many.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm._namespace import Namespace, to_host
from hingesvm.rows.array_losses import numbers
from hingesvm.rows.arrays import ArrayRows
from hingesvm.solvers.newton.system import LARGEST_TRACE, solve_positive

__all__ = ["newton_direction"]

Float64Array = NDArray[np.float64]

# Columns, or free rows, up to which a system is solved as it stands: larger ones take
# memory, and a device has that of X (docs/experiments.md#arrays-on-a-device).
_LARGEST = 8192
# Columns up to which the first form is used whatever the number of free rows.
_FEW_COLUMNS = 64
# Shifts of a diagonal of ones that rounding has made singular.
_SHIFTS = (0.0, 1e-12, 1e-8, 1e-4)
# Steps of conjugate gradients at most, and the part of the gradient that they leave.
_MAX_CONJUGATE_STEPS, _ENOUGH = 200, 0.1


def newton_direction(
    rows: ArrayRows,
    slope: Any,
    gradient: Float64Array,
    pull: float,
    delta: float | None,
) -> tuple[Float64Array, float]:
    """Return the Newton direction for the weights and the intercept.

    Parameters
    ----------
    rows : ArrayRows
        The free rows.
    slope : array of shape (n_free,)
        Their entries of H, positive.
    gradient : ndarray of float64, of shape (n_features,)
    pull : float
        Derivative in the intercept.
    delta : float or None
        Curvature of P in the intercept; None where there is none.
    """
    n_free, d = rows.n_rows, rows.n_features
    if n_free == 0:
        return -gradient, -pull
    if d <= max(_FEW_COLUMNS, n_free) and d <= _LARGEST:
        return _by_columns(rows, slope, gradient, pull, delta)
    if n_free <= _LARGEST:
        return _by_rows(rows, slope, gradient, pull, delta)
    return _by_conjugate_gradients(rows, slope, gradient, pull, delta)


def _by_columns(
    rows: ArrayRows,
    slope: Any,
    gradient: Float64Array,
    pull: float,
    delta: float | None,
) -> tuple[Float64Array, float]:
    """Solve (I + X'HX) p + X'h r = -g, h'X p + (delta + sum h) r = -pull."""
    xp, space = rows.space.xp, rows.space
    trace, stiffness = numbers(
        space, [xp.sum(slope * rows.squared_norms), xp.sum(slope)]
    )
    square, border = rows.gram(slope, single=trace < LARGEST_TRACE)
    square = square + xp.eye(rows.n_features, dtype=square.dtype, device=space.device)
    edge = to_host(border).astype(np.float64)
    of_gradient, of_edge = _solved(space, square, np.stack([-gradient, edge])).T
    if delta is None:
        return of_gradient, 0.0
    # What is left of the last row and column, positive but for rounding.
    left = stiffness + delta - float(edge @ of_edge)
    if not left > 0.0:
        left = stiffness
    if not left > 0.0:
        return of_gradient, 0.0
    turn = (-pull - float(edge @ of_gradient)) / left
    return of_gradient - turn * of_edge, turn


def _by_rows(
    rows: ArrayRows,
    slope: Any,
    gradient: Float64Array,
    pull: float,
    delta: float | None,
) -> tuple[Float64Array, float]:
    """Solve for mu = H (X p + r); then p = -g - X' mu."""
    xp, space = rows.space.xp, rows.space
    kernel = rows.inner_products()
    ones = xp.ones_like(slope)
    eye = xp.eye(rows.n_rows, dtype=kernel.dtype, device=space.device)
    kernel = kernel + eye * (1.0 / slope)[None, :]
    right = xp.stack([rows.scores(gradient), ones])
    of_gradient, of_ones = _solved(space, kernel, to_host(right)).T
    turn = 0.0
    if delta is not None:
        turn = (float(of_gradient.sum()) - pull) / (float(of_ones.sum()) + delta)
    mu = turn * of_ones - of_gradient
    return -gradient - rows.combine(space.asarray(mu, space.widest)), turn


def _solved(space: Namespace, matrix: Any, right: Float64Array) -> Float64Array:
    """Solve with a positive definite matrix on the device, for rows of the right.

    On the host, where the device has no float64 or its library no solver.
    """
    xp = space.xp
    if not (space.has_float64 and hasattr(xp, "linalg")):
        host = to_host(matrix).astype(np.float64)
        return solve_positive(host, np.ascontiguousarray(right.T, dtype=np.float64))
    scale = 1.0 / xp.sqrt(xp.linalg.diagonal(matrix))
    matrix = matrix * scale[:, None] * scale[None, :]
    eye = xp.eye(matrix.shape[0], dtype=matrix.dtype, device=space.device)
    sides = space.asarray(right, space.widest) * scale[None, :]
    sides = xp.matrix_transpose(sides)
    failure: Exception | None = None
    for shift in _SHIFTS:
        try:
            found = xp.linalg.solve(matrix + shift * eye, sides)
        except (RuntimeError, ValueError) as error:
            # As libraries say of a singular matrix, each in its own way.
            failure = error
            continue
        if bool(xp.all(xp.isfinite(found))):
            host = to_host(found * scale[:, None])
            return host.astype(np.float64)
    if failure is not None:
        raise failure
    return np.zeros_like(right.T)


def _by_conjugate_gradients(
    rows: ArrayRows,
    slope: Any,
    gradient: Float64Array,
    pull: float,
    delta: float | None,
) -> tuple[Float64Array, float]:
    """Solve roughly, matrix-free."""
    xp, space = rows.space.xp, rows.space
    has_intercept = delta is not None

    def apply(p: Float64Array) -> Float64Array:
        mu = slope * (rows.scores(p[:-1]) + float(p[-1]))
        image = np.append(p[:-1] + rows.combine(mu), 0.0)
        if delta is not None:
            image[-1] = numbers(space, [xp.sum(mu)])[0] + delta * p[-1]
        return image

    direction = np.zeros(len(gradient) + 1)
    residual = -np.append(gradient, pull if has_intercept else 0.0)
    p = residual.copy()
    norm = float(residual @ residual)
    enough = _ENOUGH * _ENOUGH * norm
    for _ in range(_MAX_CONJUGATE_STEPS):
        image = apply(p)
        bend = float(p @ image)
        if not bend > 0.0:
            break
        length = norm / bend
        direction += length * p
        residual = residual - length * image
        previous, norm = norm, float(residual @ residual)
        if norm <= enough:
            break
        p = residual + (norm / previous) * p
    return direction[:-1], float(direction[-1])

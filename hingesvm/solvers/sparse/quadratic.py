r"""A small quadratic model with an L1 penalty, minimised by descent and direct solves.

.. math::

    \min_z \; \tfrac12 (z - z_0)^\top H (z - z_0) + g^\top (z - z_0)
    + \sum_j t_j |z_j| .

Coordinate descent (Friedman, Hastie and Tibshirani, 2010) finds which coordinates are
not 0, but takes ever more sweeps as columns become alike. So it takes turns with direct
solves: while no sign changes the model is quadratic, and one linear system in the
coordinates that are not 0 leads to its minimum. Where signs change on the way there,
these coordinates become 0 (feature-sign search, Lee et al., 2007).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _quadratic
from hingesvm.solvers.newton.system import solver_of

__all__ = ["minimise_quadratic"]

Float64Array = NDArray[np.float64]

# Multiply-adds between two looks for an interrupt: some milliseconds.
_WORK_PER_CALL = float(1 << 22)
# Rounds of descent and direct solves: a bound of the work.
_MOST_ROUNDS = 200
# Direct solves in a round: a bound of the work, as each but the last makes some
# coordinate 0.
_MOST_SOLVES = 100


def minimise_quadratic(
    hessian: Float64Array,
    slope: Float64Array,
    threshold: Float64Array,
    start: Float64Array,
    *,
    tol: float,
    check_cancelled: Callable[[], None],
) -> tuple[Float64Array, float]:
    """Minimise 1/2 (z - z0)'H(z - z0) + g'(z - z0) + sum_j t_j |z_j|.

    Parameters
    ----------
    hessian : ndarray of float64, of shape (m, m)
        H: C-ordered, symmetric and positive semidefinite. Where H_jj is 0, z_j
        becomes 0 if t_j is positive, and stays where it is otherwise.
    slope : ndarray of float64, of shape (m,)
        g, the slope at the start.
    threshold : ndarray of float64, of shape (m,)
        t, non-negative.
    start : ndarray of float64, of shape (m,)
        z0, where to begin; not changed.
    tol : float
        A violation that is small enough.
    check_cancelled : callable
        Called every few milliseconds; may raise.

    Returns
    -------
    z : ndarray of float64, of shape (m,)
        With exact zeros.
    violation : float
        The largest distance of minus a slope at z from the subgradients of t_j |z_j|,
        relative to the largest |g_j| and the largest t_j together. Coordinates with
        H_jj = 0 do not count. Larger than `tol` only where rounding errors permit no
        less, or after a bounded number of rounds.
    """
    size = len(slope)
    if not size:
        return start.copy(), 0.0
    points = np.empty((2, size))
    face = np.empty(size, dtype=np.intp)
    state = np.zeros(_quadratic.STATE)
    room = np.empty(_quadratic.room_for(size))
    while True:
        check_cancelled()
        end = _quadratic.minimise(
            hessian,
            slope,
            threshold,
            start,
            tol,
            _MOST_ROUNDS,
            _MOST_SOLVES,
            _WORK_PER_CALL,
            points,
            face,
            state,
            room,
        )
        if end == _quadratic.MINIMISED:
            return points[0].copy(), float(state[_quadratic.VIOLATION])
        if end == _quadratic.WANTS_DIRECTION:
            count = int(state[_quadratic.FACE_SIZE])
            some = face[:count]
            solve = solver_of(hessian[np.ix_(some, some)])
            points[1, :count] = solve(points[1, :count])

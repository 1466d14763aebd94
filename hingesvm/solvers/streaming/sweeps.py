"""Sweeps over some of the stored rows of a stream."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.solvers.sparse import sweeps as kinked
from hingesvm.solvers.sweeping.steps import Sweeps, intercept_step, row_steps, sweep

__all__ = ["Position", "swept"]

Float64Array = NDArray[np.float64]


class Position(NamedTuple):
    """Where sweeps begin.

    Attributes
    ----------
    alpha : ndarray of float64, of shape (n_rows,)
        Dual variables of the rows.
    weights, pulls : ndarray of float64, of shape (n_features,)
        The model, and the sum of a y x over all rows that there ever were.
    turning, imbalance : float
        The intercept, and the sum of a y over these rows.
    shrink_above : float
        As of `Sweeps`.
    """

    alpha: Float64Array
    weights: Float64Array
    pulls: Float64Array
    turning: float
    imbalance: float
    shrink_above: float


def swept(
    part: Problem,
    before: Position,
    n_sweeps: float,
    random_state: NDArray[np.uint64],
) -> tuple[Sweeps, Float64Array]:
    """Take steps at some rows; return the state, of which w is the pulls, and weights.

    Parameters
    ----------
    part : Problem
        That of these rows, nothing in it fixed.
    before : Position
    n_sweeps : float
        Sweeps over the rows, counted by visits.
    random_state : ndarray of uint64, of shape (1,)
        Changed in place.
    """
    rows, penalty = part.rows, part.penalty
    norms, dtype, columns = rows.squared_norms(), rows.dtype, None
    flat = None
    if penalty is not None:
        flat = penalty.strength == 0.0
        columns = kinked.columns_near(penalty, norms, before.weights)
        norms = norms / kinked.step_width(columns)
        dtype = np.dtype(np.float64)
    mean = float(norms.mean())
    tau = intercept_step(part.intercept_rule, mean, part.cost, part.curvature)
    state = Sweeps(
        row_steps(part, norms, tau),
        tau,
        before.alpha,
        before.pulls.astype(dtype),
        before.turning,
        np.arange(rows.n_rows, dtype=np.intp),
        rows.n_rows,
        before.shrink_above,
        random_state,
        before.imbalance,
    )
    taken = 0.0
    while taken < n_sweeps and state.n_active:
        # One at a time, as rows are at rest that it drops.
        if columns is None:
            taken += sweep(part, state, 0.0, 0.0)
            continue
        taken += kinked.sweep(part, state, columns)
        if part.has_flat:
            assert flat is not None
            columns = kinked.moved(columns, flat, columns.weights(state.w))
    if columns is None:
        return state, state.w.astype(np.float64)
    return state, columns.weights(state.w)

"""How far to go along a step: to the minimum of a sum of losses on a line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _vectors
from hingesvm.problems.binary import Problem
from hingesvm.solvers.sparse.line_search import length_with_kinks

__all__ = ["FLAT", "step_length"]

Float64Array = NDArray[np.float64]
FloatArray = NDArray[np.floating]

# Derivative along a line, as a part of that at its start, that counts as 0: a smaller
# one takes more trials and saves no steps (docs/experiments.md#constants).
FLAT = 1e-3


def step_length(
    problem: Problem,
    slopes: tuple[Float64Array, Float64Array],
    point: tuple[Float64Array, float],
    step: tuple[Float64Array, float],
    shortfall: FloatArray,
    change: FloatArray,
    *,
    to_end: bool = False,
) -> float:
    """Return how many times a step goes to the minimum along it; 0 if it leads up.

    Parameters
    ----------
    problem : Problem
    slopes : pair of ndarray
        (rest, pace): the losses slope by clip(rest + pace (1 - m), 0, u).
    point, step : pair of ndarray and float
        Weights and intercept, and what is added to them.
    shortfall, change : ndarray of float32 or float64, of shape (n_rows,)
        1 - m at the point, and what the step adds to m.
    to_end : bool, default=False
        Whether `change` is 1 - m at the end of the step instead.
    """
    (w, intercept), (direction, turn) = point, step
    bent = direction
    if problem.penalty is not None:
        bent = problem.penalty.strength * direction
    along, length = float(w @ bent), float(direction @ bent)
    if problem.intercept_rule == "penalized":
        along += intercept * turn
        length += turn * turn
    if problem.fixed is not None:
        along -= (
            float(problem.fixed.w_of_duals @ direction) + problem.fixed.imbalance * turn
        )

    def zero(slope: float) -> tuple[float, float]:
        t, at_start = _vectors.find_zero(
            *slopes,
            problem.bound,
            shortfall,
            change,
            to_end,
            along + slope,
            length,
            1.0,
            0.0,
            FLAT,
            0.0,
        )
        return float(t), float(at_start)

    if problem.penalty is not None:
        return length_with_kinks(zero, w, direction, problem.penalty.threshold)
    t, at_start = zero(0.0)
    return t if at_start < 0.0 else 0.0

"""Coefficients in the dtype of X, and what rounding to it costs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.solvers.certificate import Certificate
from hingesvm.solvers.problem import Problem

__all__ = ["Rounded", "round_to"]

#: Weights, intercept, and their relative gap.
Rounded = tuple[NDArray[np.floating], np.floating, float]

# Shortfalls of margins that can be the rounding of float32 coefficients.
_LONGEST_STRETCH = 1e-3
# Times that coefficients are rounded, stretched a little more each time.
_STRETCHES = 4


def round_to(
    problem: Problem, certificate: Certificate, dtype: np.dtype[Any]
) -> Rounded:
    """Return weights and intercept rounded to a dtype, and their relative gap.

    Where a hyperplane separates the classes, rounding leaves margins just short of 1,
    which costs much at large C; the weights are then stretched by that much.
    """
    w, intercept = certificate.w.astype(dtype), dtype.type(certificate.intercept)
    if intercept == certificate.intercept and np.array_equal(w, certificate.w):
        return w, intercept, certificate.relative_gap
    inside = certificate.alpha < problem.bound
    factor = 1.0
    points: list[tuple[float, int, NDArray[np.floating], np.floating]] = []
    for _ in range(_STRETCHES):
        w = (factor * certificate.w).astype(dtype)
        intercept = dtype.type(factor * certificate.intercept)
        margins = problem.margins(w.astype(np.float64), float(intercept))
        losses = problem.loss_sum(1.0 - margins)
        primal = problem.primal_of(w.astype(np.float64), float(intercept), losses)
        points.append((primal, len(points), w, intercept))
        short = 1.0 - float(margins[inside].min(initial=1.0))
        if not 0.0 < short < _LONGEST_STRETCH:
            break
        factor *= 1.0 + 2.0 * short
    primal, _, w, intercept = min(points)
    gap = max(primal - certificate.dual, 0.0) / primal if primal > 0.0 else 0.0
    return w, intercept, gap

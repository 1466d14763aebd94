"""Coefficients in the dtype of X, and what rounding to it costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Certificate
from hingesvm.problems.proof import gap_at

__all__ = ["WORSE", "Rounded", "round_to"]

Float64Array = NDArray[np.float64]
#: Weights, intercept, and their relative gap.
Rounded = tuple[NDArray[np.floating], np.floating, float]

# Coefficients in the dtype of X (docs/experiments.md#which-method-when, "float32").
# Weights are rounded anew, each time stretched by what falls short and so many times
# more than that, as rounding may take as much again: too little leaves losses, too much
# is paid for in the norm.
_MORE = (1.0, 8.0, 8.0)
# Neighbours: so many units in the last place away. The farthest come first.
_DISTANCES = (64.0, 16.0, 4.0, 1.0)
# Parts of the tolerance by which weights are stretched before a search.
_PARTS = (0.25, 0.0, 0.1)
#: Relative gap, as a multiple of that before, from which rounding is what matters: a
#: larger one lets rounded models be worse, a smaller one searches for nothing.
WORSE = 2.0

# Numbers that a search among neighbours looks at, at most, in one step and in all, and
# its steps: bounds of memory and time.
_LARGEST_STEP, _MOST_WORK, _MOST_STEPS = 1 << 20, 1 << 24, 500


def round_to(
    problem: Problem, certificate: Certificate, dtype: np.dtype[Any], tol: float
) -> Rounded:
    """Return weights and intercept rounded to a dtype, and their relative gap.

    Where a hyperplane separates the classes, rounding leaves margins just short of 1,
    which costs much at large C; the weights are then stretched by that much. If that
    misses the tolerance, neighbours of the rounded numbers are searched for better
    ones: rows that differ much in length can need that.
    """
    exact = certificate.w
    w, intercept = exact.astype(dtype), dtype.type(certificate.intercept)
    same = intercept == certificate.intercept
    if same and (w.dtype == exact.dtype or np.array_equal(w, exact)):
        return w, intercept, certificate.relative_gap
    best = _stretched(problem, certificate, dtype)
    gap = gap_at(problem, certificate, best)
    enough = max(tol, WORSE * certificate.relative_gap)
    if gap > enough:
        for part in _PARTS:
            searched = _searched(problem, certificate, dtype, 1.0 + part * tol)
            if searched is None:
                break
            new_gap = gap_at(problem, certificate, searched)
            if new_gap < gap:
                best, gap = searched, new_gap
            if gap <= enough:
                break
    return best.w.astype(dtype), dtype.type(best.intercept), gap


def _point(
    problem: Problem, like: Certificate, w: Float64Array, intercept: float
) -> tuple[Certificate, Float64Array]:
    """Return a certificate like another one at another point, and its shortfalls."""
    shortfall = 1.0 - problem.margins(w, intercept)
    primal = problem.primal_of(w, intercept, problem.loss_sum(shortfall))
    point = replace(like, weights=w, intercept=intercept, primal=primal, above=0.0)
    return point, shortfall


def _stretched(
    problem: Problem, certificate: Certificate, dtype: np.dtype[Any]
) -> Certificate:
    """Return the best of some rounded points, each longer than the last."""
    longer, best = certificate, None
    for more in (*_MORE, None):
        w = longer.w.astype(dtype).astype(np.float64)
        point, shortfall = _point(
            problem, certificate, w, float(dtype.type(longer.intercept))
        )
        if best is None or point.primal < best.primal:
            best = point
        stretched = problem.stretched(longer, shortfall)
        if stretched is None or more is None:
            break
        factor, weights, intercept = stretched
        factor = 1.0 + more * abs(factor - 1.0)
        longer = replace(longer, weights=factor * weights, intercept=factor * intercept)
    assert best is not None
    return best


def _searched(
    problem: Problem, certificate: Certificate, dtype: np.dtype[Any], factor: float
) -> Certificate | None:
    """Return the best point that steps from neighbour to neighbour lead to.

    The search starts from the rounded weights times a factor. Each step is the one in
    one number that lowers the objective most. None if that takes too long.
    """
    w = (factor * certificate.w).astype(dtype).astype(np.float64)
    intercept = float(dtype.type(factor * certificate.intercept))
    point, _ = _point(problem, certificate, w, intercept)
    point, shortfall = problem.precise_primal(point)
    rows = np.flatnonzero((certificate.alpha > 0.0) | (shortfall > 0.0))
    has_intercept = problem.intercept_rule != "none"
    numbers = np.append(w, intercept) if has_intercept else w
    if 2 * len(rows) * len(numbers) > _LARGEST_STEP:
        return None
    part, short = problem.subset(rows), shortfall[rows]
    changes = part.rows.take(np.arange(len(rows)))
    if has_intercept:
        changes = np.column_stack([changes, np.ones(len(rows))])
    changes = np.ascontiguousarray((changes * part.signs[:, np.newaxis]).T)
    weight = np.ones(len(numbers))
    if problem.intercept_rule == "free":
        weight[-1] = 0.0
    left = min(_MOST_WORK // max(2 * changes.size, 1), _MOST_STEPS)
    for distance in _DISTANCES:
        while left > 0:
            left -= 1
            step = distance * np.spacing(np.abs(numbers).astype(dtype)).astype(float)
            steps = np.concatenate([step, -step])
            neighbours = np.concatenate([numbers, numbers]) + steps
            moved = short - steps[:, np.newaxis] * np.concatenate([changes, changes])
            values = part.losses(moved).sum(axis=1)
            values += np.tile(weight, 2) * (neighbours - 0.5 * steps) * steps
            best = int(values.argmin())
            if not values[best] < part.loss_sum(short):
                break
            numbers[best % len(numbers)] = neighbours[best]
            short = moved[best]
    w = numbers[: len(w)]
    intercept = float(numbers[-1]) if has_intercept else 0.0
    return _point(problem, certificate, w, intercept)[0]

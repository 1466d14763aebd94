r"""The Newton step of a problem whose penalty has kinks.

Losses are replaced by the quadratic function that touches them, with the Hessian
:math:`X_F^\top H X_F` over the free rows F, and the penalty stays as it is. The minimum
of that is the end of the step (a proximal Newton step: Lee, Sun and Saunders, "Proximal
Newton-type methods for minimizing composite functions", 2014). Weights that are 0 and
whose pull is within their threshold stay 0, so that only the other columns take part.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _quadratic
from hingesvm.problems.binary import Problem
from hingesvm.problems.penalized import PenalizedProblem
from hingesvm.solvers.newton.products import KeptProducts
from hingesvm.solvers.newton.system import works_of_systems
from hingesvm.solvers.progress import CALL_WORK
from hingesvm.solvers.sparse.quadratic import minimise_quadratic
from hingesvm.solvers.sweeping.steps import work_of_sweep

__all__ = ["Curvature", "Step", "penalized_step", "work_of_penalized_step"]

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]

# Violation to which a model is minimised, as a part of the gap, and of the one at the
# start, and what rounding permits: with less models take longer, with more there
# are more steps.
_PART, _SHRINKS, _FINE = 0.1, 0.01, 1e-12
# Bend that is added where a column has no strength, as a part of that of all rows: with
# less a column that no free row has moves too far, with more steps are shorter. The
# second is taken where no row is free.
_BEND, _BEND_OF_NOTHING = 1e-10, 1e-2
# Sweeps over the coordinates of a model, as work is counted.
_SWEEPS = 10.0


@dataclass(frozen=True)
class Curvature:
    """What the steps of one problem share.

    Attributes
    ----------
    problem : PenalizedProblem
    kept : KeptProducts or None
        Products of the columns of the steps so far, if they are kept.
    """

    problem: PenalizedProblem
    kept: KeptProducts | None

    @cached_property
    def length(self) -> float:
        """Mean of the squared norms of all rows, for each column."""
        rows = self.problem.rows
        return float(rows.squared_norms().mean()) / rows.n_features

    def of(self, free: IndexArray, slope: Float64Array) -> Float64Array:
        """Return the sum of slope_i x_i x_i' over some rows; the lower triangle."""
        bordered = self.problem.intercept_rule != "none"
        if self.kept is not None:
            return self.kept.gram(free, slope, single=False)
        return self.problem.rows.gram(free, slope, bordered=bordered)


@dataclass(frozen=True)
class Step:
    """A Newton step.

    Attributes
    ----------
    direction : ndarray of float64, of shape (n_features,)
    turn : float
        The step of the intercept.
    decrement : float
        About twice what the objective is above its minimum.
    size : int
        Number of columns that took part.
    """

    direction: Float64Array
    turn: float
    decrement: float
    size: int


def penalized_step(
    curvature: Curvature,
    w: Float64Array,
    v: Float64Array,
    pull: float,
    free: IndexArray,
    pace: Float64Array,
    gap: float,
) -> Step:
    """Return the step to the minimum of the quadratic model.

    Parameters
    ----------
    curvature : Curvature
    w, v : ndarray of float64, of shape (n_features,)
        Weights, and minus the gradient of the losses there.
    pull : float
        Derivative in the intercept.
    free : ndarray of intp, of shape (m,)
        Rows whose loss bends.
    pace : ndarray of float64, of shape (n_rows,)
        By how much it bends, where it does.
    gap : float
        The present relative gap, which the accuracy of the step follows.
    """
    problem = curvature.problem
    penalty, rule = problem.penalty, problem.intercept_rule
    columns = penalty.active(w, v)
    part, d = penalty.subset(columns), problem.rows.n_features
    chosen = columns if rule == "none" else np.append(columns, d)
    hessian = np.empty((len(chosen), len(chosen)))
    _quadratic.symmetric(curvature.of(free, pace[free]), chosen, hessian)
    here, push, threshold = w[columns], v[columns], part.threshold
    far = max(float(part.violation(here, push).max(initial=0.0)), abs(pull))
    added = part.strength.copy()
    flat = part.strength == 0.0
    if flat.any():
        bend = _BEND if len(free) else _BEND_OF_NOTHING
        added[flat] = bend * curvature.length * float(pace.sum())
    bent = part.strength * here
    if rule != "none":
        # The last number is the step of the intercept, which is 0 here.
        here, push, bent = (np.append(of, 0.0) for of in (here, push, bent))
        push[-1], threshold = -pull, np.append(threshold, 0.0)
        least = 1.0 if rule == "penalized" else _BEND * float(pace.sum())
        added = np.append(added, least)
    hessian.flat[:: len(hessian) + 1] += added
    unit = float(np.abs(bent - push).max(initial=0.0) + threshold.max(initial=0.0))
    start = far / unit if unit > 0.0 else 0.0
    end, _ = minimise_quadratic(
        hessian,
        bent - push,
        threshold,
        here,
        tol=max(_FINE, min(_PART * gap, _SHRINKS * start)),
        check_cancelled=problem.rows.check_cancelled,
    )
    step = end - here
    turn = float(step[-1]) if rule != "none" else 0.0
    size = len(columns)
    direction = np.zeros(d)
    direction[columns] = step[:size]
    slope = float((bent - push) @ step)
    kinks = float(threshold @ (np.abs(end) - np.abs(here)))
    curved = 0.5 * float((part.strength * step[:size]) @ step[:size])
    return Step(direction, turn, max(-(slope + kinks + curved), 0.0), size)


def work_of_penalized_step(problem: Problem, n_free: int, size: int) -> float:
    """Return about the work of a step, as `Progress` counts it."""
    by_columns, _, _ = works_of_systems(problem, n_free)
    passes = 2.0 * work_of_sweep(problem.rows)
    return CALL_WORK + passes + by_columns + _SWEEPS * float(size) ** 2

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
from scipy import sparse

from hingesvm.kernels.build import _quadratic
from hingesvm.penalties import ColumnPenalty
from hingesvm.problems.binary import Problem
from hingesvm.problems.penalized import PenalizedProblem
from hingesvm.rows.columns import column_spreads
from hingesvm.solvers.newton.products import KeptProducts
from hingesvm.solvers.newton.system import LARGEST_SYSTEM, works_of_systems
from hingesvm.solvers.progress import CALL_WORK
from hingesvm.solvers.sparse.descent import Descent
from hingesvm.solvers.sparse.quadratic import minimise_quadratic
from hingesvm.solvers.sweeping.steps import work_of_sweep

__all__ = [
    "Curvature",
    "Step",
    "bend_after",
    "mean_bends",
    "penalized_step",
    "work_of_penalized_step",
]

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]

# Violation to which a model is minimised, as a part of the gap, and of the one at the
# start, and what rounding permits: with less models take longer, with more there
# are more steps (docs/experiments.md#sparse-weights).
_PART, _SHRINKS, _FINE = 0.1, 0.01, 1e-12
# Bend that is added where a column has no strength, as a part of that of all rows: with
# less a column that no free row has moves too far, with more steps are shorter. The
# second is taken where no row is free.
_BEND, _BEND_OF_NOTHING = 1e-10, 1e-2
# Lengths of a step below which the next one has more bend, and above which it has less;
# by how much, and the least of it.
_SHORT, _LONG, _MORE, _LEAST_BEND = 0.01, 0.5, 10.0, 1e-6
# Free rows for each column below which bend is added: with more rows models hold, and
# shorter steps only take longer (docs/experiments.md#sparse-weights).
_SCARCE = 0.25
# Size of a weight, times the length of its column, that is a rounding error beside the
# largest one.
_NOISE = 1e-15
# Columns from which a matrix of products is dearer than descent along columns.
_MANY = 1000
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
    unit : ndarray of float64, of shape (n_rows,)
        Units of the proximal steps.
    """

    problem: PenalizedProblem
    kept: KeptProducts | None
    unit: Float64Array

    @cached_property
    def length(self) -> Float64Array:
        """As of `mean_bends`."""
        return mean_bends(self.problem, self.unit)

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


def mean_bends(problem: PenalizedProblem, unit: Float64Array) -> Float64Array:
    """Return the mean of x_ij^2 in each column, rows being weighted by their unit.

    Times the sum of all paces it is how all rows together bend. It is the mean over
    columns where a column is 0.
    """
    bends = column_spreads(problem.rows, unit, centred=False) / float(unit.sum())
    return np.where(bends > 0.0, bends, float(bends.mean()) if len(bends) else 0.0)


def penalized_step(
    curvature: Curvature,
    w: Float64Array,
    v: Float64Array,
    pull: float,
    free: IndexArray,
    pace: Float64Array,
    gap: float,
    bend: float,
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
    bend : float
        As of `bend_after`.
    """
    penalty = curvature.problem.penalty
    columns = penalty.active(w, v)
    some = penalty.subset(columns), w[columns], v[columns]
    model = _Model(columns, *some, pull, free, pace, gap, bend)
    # Steep kinks need more exact steps than descent finds.
    many = LARGEST_SYSTEM if curvature.problem.has_kink else _MANY
    if curvature.problem.rows.n_features > LARGEST_SYSTEM or len(columns) > many:
        step, turn = _by_descent(curvature, model)
    else:
        step, turn = _by_products(curvature, model)
    direction = np.zeros(len(w))
    direction[columns] = step
    return Step(direction, turn, max(-model.change(step, turn), 0.0), len(columns))


@dataclass(frozen=True)
class _Model:
    """The model of one step.

    Attributes
    ----------
    columns : ndarray of intp, of shape (k,)
        Those that take part.
    penalty : ColumnPenalty
        That of their weights.
    w, v : ndarray of float64, of shape (k,)
        Their weights, and minus the gradient of the losses.
    pull, free, pace, gap, bend
        As of `penalized_step`.
    """

    columns: IndexArray
    penalty: ColumnPenalty
    w: Float64Array
    v: Float64Array
    pull: float
    free: IndexArray
    pace: Float64Array
    gap: float
    bend: float

    @property
    def slope(self) -> Float64Array:
        """The gradient of all but the thresholds."""
        return self.penalty.strength * self.w - self.v

    def added(self, bends: Float64Array, everywhere: Float64Array) -> Float64Array:
        """Return the bend of the penalty, and a little where it has none.

        `bends` are those of the losses, and `everywhere` is one to go by where they
        have none.
        """
        share = _BEND if len(self.free) else _BEND_OF_NOTHING
        little = share * np.where(bends > 0.0, bends, everywhere)
        if len(self.free) < _SCARCE * len(self.columns):
            little += self.bend * everywhere
        strength = self.penalty.strength
        return np.where(strength > 0.0, strength, little)

    def change(self, step: Float64Array, turn: float) -> float:
        """Return by how much the penalty and the linear part of the losses change."""
        change = self.penalty.value(self.w + step) - self.penalty.value(self.w)
        return change - float(self.v @ step) + self.pull * turn


def _by_products(curvature: Curvature, model: _Model) -> tuple[Float64Array, float]:
    """Return the step of some columns, found from their products."""
    problem, columns = curvature.problem, model.columns
    rule, size = problem.intercept_rule, len(columns)
    chosen = columns if rule == "none" else np.append(columns, problem.rows.n_features)
    hessian = np.empty((len(chosen), len(chosen)))
    products = curvature.of(model.free, model.pace[model.free])
    _quadratic.symmetric(products, chosen, hessian)
    start, slope, threshold = model.w, model.slope, model.penalty.threshold
    bends, total = np.diagonal(hessian)[:size], float(model.pace.sum())
    added = model.added(bends, curvature.length[columns] * total)
    if rule != "none":
        # The last number is the step of the intercept, which is 0 here.
        start, threshold = np.append(start, 0.0), np.append(threshold, 0.0)
        slope = np.append(slope, model.pull)
        little = _BEND * (float(hessian[-1, -1]) or total)
        added = np.append(added, 1.0 if rule == "penalized" else little)
    hessian.flat[:: len(hessian) + 1] += added
    unit = float(np.abs(slope).max(initial=0.0) + threshold.max(initial=0.0))
    violation = model.penalty.violation(model.w, model.v)
    far = max(float(violation.max(initial=0.0)), abs(model.pull))
    begun = far / unit if unit > 0.0 else 0.0
    end, _ = minimise_quadratic(
        hessian,
        slope,
        threshold,
        start,
        tol=max(_FINE, min(_PART * model.gap, _SHRINKS * begun)),
        check_cancelled=problem.rows.check_cancelled,
    )
    # What direct solves leave of weights that cancel is a rounding error.
    # Rounding errors can leave a bend below 0.
    reach = np.abs(end) * np.sqrt(np.maximum(np.diagonal(hessian), 0.0))
    is_noise = reach <= _NOISE * float(reach.max(initial=0.0))
    end = np.where(is_noise & (threshold > 0.0), 0.0, end)
    step = end - start
    return step[:size], float(step[-1]) if rule != "none" else 0.0


def _by_descent(curvature: Curvature, model: _Model) -> tuple[Float64Array, float]:
    """Return the step of many columns, found from their entries in the free rows."""
    problem, free = curvature.problem, model.free
    roots = np.sqrt(model.pace[free])
    matrix = sparse.csc_matrix(problem.rows.copy_of(free))
    if len(model.columns) < matrix.shape[1]:
        matrix = matrix[:, model.columns]
    matrix.data *= roots[matrix.indices].astype(matrix.dtype)
    squares = np.asarray(matrix.multiply(matrix).sum(axis=0), dtype=np.float64).ravel()
    everywhere = curvature.length[model.columns] * float(model.pace.sum())
    rule = problem.intercept_rule
    descent = Descent(
        matrix,
        squares,
        None if rule == "none" else roots,
        model.added(squares, everywhere),
        model.penalty.threshold,
        model.slope,
        model.w,
        model.pull,
        1.0 if rule == "penalized" else 0.0,
        problem.rows.check_cancelled,
    )
    descent.minimise()
    return descent.z - model.w, descent.turn


def bend_after(bend: float, length: float) -> float:
    """Return the bend of the next step where a column has no strength.

    It is a part of that of all rows. Where few rows are free the model leads far beyond
    where it holds, which short steps tell (Levenberg, 1944).

    Parameters
    ----------
    bend : float
        That of the step before; 0 at first.
    length : float
        How many times that step was taken.
    """
    if length < _SHORT:
        return min(max(bend * _MORE, _LEAST_BEND), 1.0)
    if length > _LONG:
        return bend / _MORE if bend > _LEAST_BEND else 0.0
    return bend


def work_of_penalized_step(problem: Problem, n_free: int, size: int) -> float:
    """Return about the work of a step, as `Progress` counts it."""
    by_columns, _, _ = works_of_systems(problem, n_free)
    passes = 2.0 * work_of_sweep(problem.rows)
    return CALL_WORK + passes + by_columns + _SWEEPS * float(size) ** 2

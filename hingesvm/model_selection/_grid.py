r"""Grids of C that cover the range in which solutions change.

At small C every row is short of its margin. All dual variables of the hinge are then at
their bound :math:`C s_i`, and the weights are proportional to C,

.. math::

    w = C v, \qquad v = \sum_i s_i y_i x_i .

That lasts until the first row reaches its margin, at

.. math::

    C_{\min} = \frac{1}{\max_i y_i (x_i^\top v + \beta)},

with :math:`\beta = \sum_i s_i y_i` for a penalised intercept and 0 for none. With a
free intercept the dual variables must balance: those of the class with the larger sum
are scaled down to that of the other, and, as the best b lies half-way between both,

.. math::

    C_{\min} = \frac{2}{\max_{y_i = 1} x_i^\top v - \min_{y_i = -1} x_i^\top v}

(exact where both sums are equal). Smooth losses have their slope at margin 0 in place
of the bound. With several classes the smallest value counts. Below it weights are
shorter and keep their direction, so that a grid need not begin lower. Where a penalty
has thresholds, weights are 0 up to a C in closed form (``_least_c.py``), and a grid
begins there.

To find its end, C is raised by factors of ten. A grid ends at ten times the last C from
which such a step reduced the loss of some class. A step may change nothing because C is
on a plateau, where the model uses the largest columns only: a column of spread
:math:`Q_j = \sum_i s_i (x_{ij} - \bar x_j)^2` can reach margins of 1 from
:math:`C = 1 / Q_j` on. The search goes on up to the largest of these values, and some
decades beyond it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.losses import Hinge
from hingesvm.model_selection._least_c import has_thresholds, least_c_of
from hingesvm.problems.binary import Problem
from hingesvm.rows.columns import column_spreads
from hingesvm.training.run import Training
from hingesvm.training.trained import TrainedModel

__all__ = ["grid_of", "grid_start"]

Float64Array = NDArray[np.float64]

# Factor between two values of C in the search for the end of a grid, and the smallest
# and the largest number of such decades: if they are large, values of C are fitted that
# tell nothing; if they are small, the best C can be missing
# (docs/experiments.md#constants).
_DECADE, _SHORTEST, _LONGEST = 10.0, 3, 12
# If columns are of small scale, a grid may go this many decades beyond the C from which
# the smallest column can reach margins of 1, but has no more decades than the second
# (docs/experiments.md#constants).
_FARTHER, _FARTHEST = 5, 17

# When a grid ends: later if these are smaller, and if `_PATIENCE` is larger
# (docs/experiments.md#constants).
# Relative gap of the fits in the search: a larger one sees reductions that are none.
_ROUGH = 1e-2
# A decade changed a loss if it reduced it by more than the first part of itself, and by
# more than the second part of the weights of the rows outside the largest class.
_STILL, _LITTLE = 0.05, 0.04
# A grid ends after this many decades in a row that changed no loss.
_PATIENCE = 3
# Classes are separated if their losses are below this part of the objective.
_SEPARATED = 0.02


def grid_of(
    trainings: Sequence[Training], Cs: int | Sequence[float] | Any
) -> Float64Array:
    """Return the values of C, made from the data if only their number is given.

    Parameters
    ----------
    trainings : sequence of Training
        The training on all rows with each penalty. A grid that is made for several of
        them covers those of all.
    Cs : int or array-like of shape (n_Cs,)
        The number of values, or the values.

    Returns
    -------
    ndarray of float64, of shape (n_Cs,)
        The values, in the order given; ascending if they are made from the data.

    Raises
    ------
    ValueError
        If there is no value, or one is not positive and finite.
    """
    is_number = isinstance(Cs, Real) and not isinstance(Cs, Integral)
    if is_number or isinstance(Cs, bool | np.bool_ | str):
        raise ValueError(f"Cs must be an integer or an array of numbers, got {Cs!r}.")
    if isinstance(Cs, Integral):
        if Cs < 1:
            raise ValueError(f"As a number of values Cs must be at least 1, got {Cs}.")
        lows = [grid_start(training) for training in trainings]
        ends = map(_grid_end, trainings, lows)
        return np.geomspace(min(lows), max(ends), int(Cs))
    try:
        given = np.asarray(Cs)
    except ValueError as error:
        raise ValueError(f"Cs must be an array of numbers, got {Cs!r}.") from error
    if given.dtype.kind not in "iuf":
        raise ValueError(f"Cs must be an array of numbers, got {Cs!r}.")
    values = given.astype(np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(
            f"Cs must be one-dimensional and not empty, got shape {values.shape}."
        )
    if not np.all(np.isfinite(values) & (values > 0.0)):
        raise ValueError(f"Every C must be positive and finite, got {Cs!r}.")
    return values


def grid_start(training: Training) -> float:
    """Return the C up to which the weights are 0, or about proportional to C."""
    if has_thresholds(training):
        least = least_c_of(training)
        return least if least < np.inf else 1.0
    return min(_start_of_class(training, target) for target in training.targets)


def _start_of_class(training: Training, target: int) -> float:
    """Return this C for the problem of one class against the rest."""
    rows = training.rows
    signs = np.where(training.codes == target, 1, -1).astype(np.int8)
    loss = Hinge() if training.joint is not None else training.loss
    problem = Problem.build(rows, signs, training.factors, loss, training.rule)
    alpha = problem.repair(problem.slopes(np.ones(rows.n_rows)))
    weights = problem.combine(alpha)
    if training.penalty is not None:
        weights = training.penalty.weights_of(weights)
    scores = rows.margins(weights)
    if training.rule == "free":
        reach = 0.5 * float(scores[signs > 0].max() - scores[signs < 0].min())
    else:
        reach = float((signs * (scores + problem.intercept_of(alpha, 0.0))).max())
    if not reach > 0.0:
        reach = float(np.abs(scores).max())
    return 1.0 / (reach * training.binary_factors.cost) if reach > 0.0 else 1.0


def _grid_end(training: Training, low: float) -> float:
    """Return a C above which solutions change little.

    That is ten times the last C from which a step of a decade reduced the loss of some
    class. The search passes over plateaus, on which a model uses the largest columns
    only.
    """
    tol = max(training.settings.tol, _ROUGH)
    settings = replace(training.settings, tol=tol, exact=False)
    rough = replace(training, settings=settings, verbose=False)
    columns = _start_of_smallest_column(training)
    longest = max(_DECADE**_LONGEST, _DECADE**_FARTHER * columns / low)
    # The small number keeps rounding errors from changing the number of decades.
    decades = min(int(np.log10(longest) + _ROUGH), _FARTHEST)
    least = _LITTLE * _losses_without_columns(training)
    C = last = low * _DECADE ** (_SHORTEST - 1)
    now = rough.train(C, keep_duals=True)
    losses = before = rough.losses_of_each(now) / C
    still = 0
    for _ in range(_SHORTEST, decades):
        if _are_separated(now, C * losses):
            break
        # Columns that come into use reduce losses little by little: these decades are
        # compared with the loss before all of them.
        if still == 0 or columns < C / _DECADE:
            before = losses
        C *= _DECADE
        starts = rough.starts_from(now, C)
        now = rough.train(C, starts, keep_duals=True)
        if not now.converged:
            break
        losses = rough.losses_of_each(now) / C
        if np.any(before - losses > np.maximum(_STILL * before, least)):
            last, still = C, 0
            continue
        still += 1
        if still >= _PATIENCE and columns <= C:
            break
    return last * _DECADE


def _losses_without_columns(training: Training) -> Float64Array:
    """Return for each problem the sum of the weights of rows outside the largest class.

    The losses of a model with an intercept alone are of this size.
    """
    weights = np.broadcast_to(training.factors, training.rows.n_rows)
    sums = np.bincount(training.codes, weights)
    if training.is_joint:
        assert training.joint is not None
        return np.array([training.joint.margin * (sums.sum() - sums.max())])
    of_target = sums[training.targets]
    factor, _, scale = training.binary_factors
    smaller: Float64Array = np.minimum(of_target, sums.sum() - of_target)
    return factor * scale * smaller


def _are_separated(trained: TrainedModel, losses: Float64Array) -> bool:
    """Whether losses are a very small part of the objective of each problem."""
    objectives = np.array(
        [solution.certificate.primal for solution in trained.solutions]
    )
    return bool(np.all(losses <= _SEPARATED * trained.scale * objectives))


def _start_of_smallest_column(training: Training) -> float:
    """Return the C from which the column of least spread can reach margins of 1.

    That is 1 / Q for a column of spread Q, a weighted sum of squares; with another
    penalty it is s / Q + t / sqrt(Q S) for the strength s and the threshold t of the
    column, where S is the sum of the weights of the rows.
    """
    centred = training.rule != "none"
    spreads = column_spreads(training.rows, training.factors, centred=centred)
    used = spreads > 0.0
    spreads = spreads[used]
    if not len(spreads):
        return 0.0
    with np.errstate(over="ignore"):
        if training.penalty is None:
            return float(1.0 / (spreads.min() * training.binary_factors.cost))
        weights = np.broadcast_to(training.factors, training.rows.n_rows)
        starts = training.penalty.strength[used] / spreads
        starts += training.penalty.threshold[used] / np.sqrt(spreads * weights.sum())
        return float(starts.max())

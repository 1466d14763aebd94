r"""Grids of C that span what a path of solutions has to show.

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
of the bound. Of several classes the smallest value counts. Below it weights are shorter
and their direction is the same, so that no grid need begin lower.

A grid ends at ten times the last C from which ten times as much told on the loss of
some class. On a plateau, where the largest columns alone are in use, it does not: a
column of spread :math:`Q_j = \sum_i s_i (x_{ij} - \bar x_j)^2` can reach margins of 1
from :math:`C = 1 / Q_j` on. So the end is looked for up to the largest of these and for
some more decades.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.losses import Hinge
from hingesvm.problems.binary import Problem
from hingesvm.rows.columns import column_spreads
from hingesvm.training.run import Training
from hingesvm.training.trained import Trained

__all__ = ["grid_of", "path_begins"]

Float64Array = NDArray[np.float64]

# Factor between two values of C by which the end of a path is looked for, and how many
# of these a path is long, at least and at most: longer ones fit more values of C that
# tell nothing, shorter ones end before the best (docs/experiments.md#constants).
_DECADE, _SHORTEST, _LONGEST = 10.0, 3, 12
# How many of these it is longer at most than to where the smallest column would do, and
# how long it is then (docs/experiments.md#constants).
_FARTHER, _FARTHEST = 5, 17

# When a path has come to its end: later if these are smaller, and for `_PATIENCE`
# larger (docs/experiments.md#constants).
# Relative gap to which the end is looked for: a larger one sees losses that are not
# there.
_ROUGH = 1e-2
# Ten times the C has told on a loss if it lowers it by more than these parts, of the
# loss and of the weights of the rows outside the largest class.
_STILL, _LITTLE = 0.05, 0.04
# How many times it must not have told, one after the other.
_PATIENCE = 3
# Part of the objective that the losses of separated classes are below.
_SEPARATED = 0.02


def grid_of(training: Training, Cs: int | Sequence[float] | Any) -> Float64Array:
    """Return the values of C, made from the data if only their number is given.

    Raises
    ------
    ValueError
        If there is none, or one is not positive and finite.
    """
    is_number = isinstance(Cs, Real) and not isinstance(Cs, Integral)
    if is_number or isinstance(Cs, bool | np.bool_ | str):
        raise ValueError(f"Cs must be an integer or an array of numbers, got {Cs!r}.")
    if isinstance(Cs, Integral):
        if Cs < 1:
            raise ValueError(f"As a number of values Cs must be at least 1, got {Cs}.")
        low = path_begins(training)
        return np.geomspace(low, _path_ends(training, low), int(Cs))
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


def path_begins(training: Training) -> float:
    """Return the C up to which the weights are about proportional to C."""
    return min(_begin_of(training, target) for target in training.targets)


def _begin_of(training: Training, target: int) -> float:
    """Return the same for the problem of a class against the rest."""
    rows = training.rows
    signs = np.where(training.codes == target, 1, -1).astype(np.int8)
    loss = Hinge() if training.joint is not None else training.loss
    problem = Problem.build(rows, signs, training.factors, loss, training.rule)
    alpha = problem.repair(problem.slopes(np.ones(rows.n_rows)))
    scores = rows.margins(problem.combine(alpha))
    if training.rule == "free":
        reach = 0.5 * float(scores[signs > 0].max() - scores[signs < 0].min())
    else:
        reach = float((signs * (scores + problem.intercept_of(alpha, 0.0))).max())
    if not reach > 0.0:
        reach = float(np.abs(scores).max())
    return 1.0 / (reach * training.factors_of_two[0]) if reach > 0.0 else 1.0


def _path_ends(training: Training, low: float) -> float:
    """Return a C from which on more of it changes little.

    That is ten times the last C that has told on the loss of some class. The search for
    it passes over plateaus, on which the largest columns alone are in use.
    """
    tol = max(training.settings.tol, _ROUGH)
    settings = replace(training.settings, tol=tol, exact=False)
    rough = replace(training, settings=settings, verbose=False)
    columns = _columns_begin(training)
    longest = max(_DECADE**_LONGEST, _DECADE**_FARTHER * columns / low)
    # Rounding must not make a decade of difference.
    decades = min(int(np.log10(longest) + _ROUGH), _FARTHEST)
    least = _LITTLE * _losses_to_tell(training)
    C = last = low * _DECADE ** (_SHORTEST - 1)
    now = rough.train(C, keep_duals=True)
    losses = before = rough.losses_of_each(now) / C
    still = 0
    for _ in range(_SHORTEST, decades):
        if _are_separated(now, C * losses):
            break
        # Columns that come into use tell by and by.
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


def _losses_to_tell(training: Training) -> Float64Array:
    """Return the sum of the weights of the rows outside the largest class.

    It is of the size of the losses of a model that knows no columns; one for each
    problem, in the unit of its losses.
    """
    weights = np.broadcast_to(training.factors, training.rows.n_rows)
    sums = np.bincount(training.codes, weights)
    if training.is_joint:
        assert training.joint is not None
        return np.array([training.joint.margin * (sums.sum() - sums.max())])
    each = sums[training.targets]
    factor, _, scale = training.factors_of_two
    smaller: Float64Array = np.minimum(each, sums.sum() - each)
    return factor * scale * smaller


def _are_separated(trained: Trained, losses: Float64Array) -> bool:
    """Whether next to nothing of any objective is losses."""
    objectives = np.array([one.certificate.primal for one in trained.solutions])
    return bool(np.all(losses <= _SEPARATED * trained.scale * objectives))


def _columns_begin(training: Training) -> float:
    """Return the C from which the smallest column would do, if it told the classes.

    A column of spread Q, the weighted sum of squares, can reach margins of 1 from
    C = 1 / Q on.
    """
    centred = training.rule != "none"
    spreads = column_spreads(training.rows, training.factors, centred=centred)
    spreads = spreads[spreads > 0.0]
    if not len(spreads):
        return 0.0
    with np.errstate(over="ignore"):
        return float(1.0 / (spreads.min() * training.factors_of_two[0]))

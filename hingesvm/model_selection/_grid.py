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
of the bound. Of several classes the smallest value counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm._training import Training
from hingesvm.losses import Hinge
from hingesvm.solvers import Problem

__all__ = ["grid_of", "path_begins"]

Float64Array = NDArray[np.float64]

# Factor between two values of C by which the end of a path is looked for.
_DECADE = 10.0
# How many of these a path is long, at least and at most.
_SHORTEST, _LONGEST = 2, 8
# Relative gap to which the end is looked for.
_ROUGH = 1e-2
# The path has stopped where ten times the C lowers the loss by a smaller part.
_STILL = 0.05
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
    """Return a C from which on more of it changes little."""
    tol = max(training.tol, _ROUGH)
    rough = replace(training, tol=tol, verbose=False, exact=False)
    C = low * _DECADE**_SHORTEST
    before = rough.train(C, keep_duals=True)
    for _ in range(_SHORTEST, _LONGEST):
        if rough.losses_of(before) <= _SEPARATED * before.objective:
            break
        starts = rough.starts_from(before, _DECADE * C)
        now = rough.train(_DECADE * C, starts, keep_duals=True)
        loss, loss_before = rough.losses_of(now) / _DECADE, rough.losses_of(before)
        still = loss > (1.0 - _STILL) * loss_before
        if still or not now.converged:
            break
        C, before = _DECADE * C, now
    return C

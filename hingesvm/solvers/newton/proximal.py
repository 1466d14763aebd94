"""Proximal steps of the batch method: one number, in units that each row has.

It follows progress: an inner problem that takes few Newton steps lets it grow, one that
takes many or is not solved lets it shrink.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Certificate
from hingesvm.rows.contract import Rows
from hingesvm.solvers.progress import ProgressOf

__all__ = [
    "GROWTH",
    "LARGEST_RHO",
    "Growth",
    "first_rho",
    "rho_of_smooth",
    "uneven",
    "units",
]

Float64Array = NDArray[np.float64]

# How rho changes: a large one makes inner problems hard, of a small one there are many
# (docs/experiments.md#batch-method).
# Inner problems solved in this many Newton steps let rho grow; in more, shrink.
_QUICK, _SLOW = 5, 15
#: By how much it grows or shrinks.
GROWTH = 3.0
# By which power of that it shrinks at most where several in a row were not solved and
# columns have no strength: of separable rows the first one is far too large, and each
# takes all its steps (docs/experiments.md#sparse-weights).
_FASTEST = 4
# Inner problems with next to no progress before a method gives up: at nothing certified
# yet, and behind the tolerance. More take steps for nothing, fewer give up too soon.
_PATIENCE, _PATIENCE_AT_END = 15, 1
# Gain that counts as progress, as a part of the gap (docs/experiments.md#constants).
_VISIBLE = 1e-3
# Squared length of the longest row over the median one from which rows are uneven.
_UNEVEN = 1e4

# Reciprocal of the curvature of a loss, in units of its cost, up to which steps need
# no smoother one; and by how much they then are longer than that: more gains nothing.
_SMOOTH, _LONG = 100.0, 100.0

#: Largest rho: far beyond what makes a difference, and its products are finite.
LARGEST_RHO = 1e100
# Gain that is rounding, as a part of the objective.
_NOISE = 4e-15


def units(rows: Rows, cost: Float64Array) -> Float64Array:
    """Return the units of the proximal steps: the costs, or less for long rows.

    A dual variable that changes by 1 / ||x||^2 moves its own margin by 1. Where rows
    differ much in length, one step in units of the costs is too long for some rows, so
    that Newton's method fails, or does nothing to the others.
    """
    squares = rows.squared_norms()
    # The shortest row tells it of most data without a search for the median.
    longest = rows.longest_square()
    if not uneven(longest, float(squares.min())):
        return cost
    if not uneven(longest, float(np.median(squares))):
        return cost
    with np.errstate(divide="ignore"):
        return np.minimum(cost, 1.0 / squares)


def uneven(longest: float, typical: float) -> bool:
    """Whether rows differ much in length, given two squared ones."""
    return longest > _UNEVEN * typical


def first_rho(problem: Problem, unit: Float64Array, alpha: Float64Array) -> float:
    """Return the first proximal step, in the units of each row.

    It is 1 where the duals are of the size of the costs. On nearly separable data they
    are far smaller, about 1 / ||x||^2.
    """
    used = 0.0
    if alpha.any():
        moved = alpha > 0.0
        used = float(np.median(alpha[moved] / unit[moved]))
    norms = problem.rows.squared_norms() * unit
    typical = float(norms.sum()) / len(norms)
    return max(used, 1.0 / typical) if typical > 1.0 else 1.0


def rho_of_smooth(problem: Problem, unit: Float64Array) -> float:
    """Return a proximal step so long that a smooth loss is nearly as it is, or 0.

    That is for losses which are as smooth as Newton's method needs them.
    """
    if problem.has_kink:
        return 0.0
    stiffness = 1.0 / float(np.median(unit * problem.curvature))
    return _LONG * stiffness if stiffness < _SMOOTH else 0.0


@dataclass
class Growth:
    """How rho changes from one inner problem to the next, and when that is the end.

    Attributes
    ----------
    at_end : int
        Inner problems without progress that are allowed behind the tolerance.
    patience : int
        Inner problems without progress that are left; 0 is the end.
    highest : float
        The largest rho so far.
    unsolved : int
        Inner problems, one after the other, that were not solved.
    has_flat : bool
        Whether the penalty has columns without strength.
    """

    at_end: int = _PATIENCE_AT_END
    patience: int = _PATIENCE
    highest: float = 0.0
    unsolved: int = 0
    has_flat: bool = False

    def change(
        self,
        progress: ProgressOf[Any],
        previous: Certificate | None,
        rho: float,
        steps: int,
        solved: bool,
    ) -> float:
        """Return the factor for rho after an inner problem.

        Parameters
        ----------
        progress : ProgressOf
            With the best points now.
        previous : Certificate or None
            The best points before; None before the first inner problem.
        rho : float
            The present step.
        steps : int
            Newton steps that the inner problem took.
        solved : bool
        """
        best = progress.best
        assert best is not None
        gained = previous is None or _is_progress(previous, best)
        factor = _factor(steps, solved)
        self.unsolved = 0 if solved else self.unsolved + 1
        if self.unsolved > 1 and self.has_flat:
            factor = GROWTH ** -min(self.unsolved, _FASTEST)
        if factor == 1.0 and not gained:
            factor = GROWTH
        # While rho is still finding its size a value may be far from its best.
        growing = rho > self.highest and not progress.converged
        growing &= factor > 1.0 and rho < LARGEST_RHO
        self.highest = max(self.highest, rho)
        self.patience = _PATIENCE if growing or gained else self.patience - 1
        if progress.converged:
            self.patience = min(self.patience, self.at_end)
        return factor


def _factor(steps: int, solved: bool) -> float:
    """Return the factor for rho that the Newton steps ask for."""
    if not solved or steps > _SLOW:
        return 1.0 / GROWTH
    if steps <= 1:
        return GROWTH * GROWTH
    return GROWTH if steps <= _QUICK else 1.0


def _is_progress(previous: Certificate, best: Certificate) -> bool:
    """Whether the primal fell or the dual rose by a visible part of the gap."""
    gained = (previous.primal - best.primal) + (best.dual - previous.dual)
    return gained > max(_VISIBLE * previous.gap, _NOISE * abs(best.primal))

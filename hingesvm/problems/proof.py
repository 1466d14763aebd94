"""The last look at a certificate: what rounding errors can hide of its gap.

The values of a certificate are sums in float64. A bound of their errors, which needs
next to no work, is part of the gap that a fit states, so that the gap is one in exact
arithmetic. Where that bound matters, as at large C, both values are computed anew in
twice the precision.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.certificate import Care, Certificate
from hingesvm.problems.values import TINY
from hingesvm.rows.compensated import UNIT
from hingesvm.rows.contract import Rows

__all__ = ["EXACT", "Provable", "gap_at", "prove"]

Float64Array = NDArray[np.float64]

# When sums are computed in twice the precision
# (docs/experiments.md#rounding-errors-in-the-certificate).
# Part of the gap up to which rounding errors do not matter: a larger one leaves gaps
# that are mostly their bounds, a smaller one computes sums anew that were good enough.
_PART = 0.1
#: Relative gap that counts as none, and is exact: less is not asked for.
EXACT = 1e-10
# The same in rounding errors for each term of the sums: with more, errors stay in the
# gap; with fewer, large problems of small C take twice as long
# (docs/experiments.md#which-method-when).
_TIMES = 300.0
# Times that weights are stretched: a bound of passes (docs/experiments.md#constants).
_STRETCHES = 6


class Provable(Protocol):
    """A problem that can tell what rounding errors hide."""

    @property
    def cares(self) -> Sequence[Care]:
        """How bounds of rounding errors can be found, the cheapest way first."""
        ...

    @property
    def rows(self) -> Rows:
        """The rows, of which reading may take passes."""
        ...

    @property
    def terms(self) -> int:
        """Number of terms of all sums in an objective value."""
        ...

    def primal_rounding(self, certificate: Certificate, care: Care = "rows") -> float:
        """Return a bound of the rounding error in P."""
        ...

    def dual_rounding(self, certificate: Certificate, care: Care = "rows") -> float:
        """Return a bound of the rounding error in D."""
        ...

    def precise_primal(
        self, certificate: Certificate
    ) -> tuple[Certificate, Float64Array]:
        """Return a certificate with P in twice the precision, and bounds of shortfalls.

        In exact arithmetic, no margin falls short by more than these.
        """
        ...

    def precise_dual(self, certificate: Certificate) -> Certificate:
        """Return a certificate with D in twice the precision."""
        ...

    def stretched(
        self, certificate: Certificate, shortfall: Float64Array
    ) -> tuple[float, Float64Array, Any] | None:
        """Return a factor, and a point longer by it; None where that is no use."""
        ...


def prove(problem: Provable, certificate: Certificate, tol: float) -> Certificate:
    """Return a certificate whose gap holds in exact arithmetic.

    Parameters
    ----------
    problem : Provable
    certificate : Certificate
        Computed from scratch on all rows, but for errors that it states.
    tol : float
        Relative gap that matters.
    """
    if not math.isfinite(certificate.primal):
        return certificate
    seen = certificate.bounded(0.0, 0.0)
    nothing = max(EXACT, _TIMES * UNIT * problem.terms)
    # A gap far below the tolerance need not be exact if that takes passes.
    least = tol if problem.rows.reads_in_passes else min(tol, nothing)
    matters = _PART * max(seen.gap, least * certificate.primal)
    for care in problem.cares:
        above = problem.primal_rounding(certificate, care)
        below = problem.dual_rounding(certificate, care)
        above, below = above + certificate.above, below + certificate.below
        bounded = certificate.bounded(above, below)
        decides = seen.relative_gap <= tol < bounded.relative_gap
        if bounded.hidden <= matters and not decides:
            return bounded
    return _precisely(problem, seen)


def _precisely(problem: Provable, certificate: Certificate) -> Certificate:
    """Return a certificate with both values in twice the precision.

    It is at weights a little longer, with which no margin falls short of 1, if these
    are better. They are rounded each time, so what still falls short of 1 is added to
    the next try.
    """
    certificate, shortfall = problem.precise_primal(certificate)
    slack = 0.0
    for _ in range(_STRETCHES):
        if certificate.relative_gap <= EXACT:
            break
        longer = problem.stretched(certificate, shortfall + slack)
        if longer is None:
            break
        other = replace(certificate, weights=longer[1], intercept=longer[2])
        other, rest = problem.precise_primal(other)
        if other.primal + other.above < certificate.primal + certificate.above:
            certificate, shortfall = other, rest
        slack += float(rest.max(where=rest < TINY, initial=0.0))
    return problem.precise_dual(certificate)


def gap_at(problem: Provable, certificate: Certificate, point: Certificate) -> float:
    """Return the relative gap of a point with the dual value of another certificate."""
    least = certificate.primal - certificate.gap
    matters = _PART * max(point.primal - least, EXACT * point.primal)
    for care in problem.cares:
        above = problem.primal_rounding(point, care)
        if above <= matters:
            break
    else:
        point, _ = problem.precise_primal(point)
        above = point.above
    gap = max(point.primal + above - least, 0.0)
    return gap / point.primal if point.primal > 0.0 else 0.0

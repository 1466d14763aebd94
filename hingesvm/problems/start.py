"""Where a solver starts: dual variables, and what is known of them.

A kind of start for each of those who make them:

| kind | made by | says besides |
|---|---|---|
| `Start` | solvers (zeros, the best points so far), `joint_start` | nothing |
| `KeptStart` | `KeptDuals.starts`: an earlier fit | which duals were at their bound |
| `PathStart` | `Training.starts_from`: another C | what is certified at other costs |
| `CertifiedStart` | `along_ray`, of a `PathStart` | what is certified at these costs |
| `WarmStart` | `along_ray`, where nothing is | the margins, if they are known |
| `UnseenStart` | `solve`, where nothing is | that a solver is to look first |

`along_ray` and `with_bounds` take starts to the costs of another problem, and
`feasible_start` takes them into its box. Starts of Newton steps alone are in
``solvers/newton/starts.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Certificate, Intercept
from hingesvm.rows.compensated import SUM_ROUNDING

__all__ = [
    "CertifiedStart",
    "KeptStart",
    "KnownMargins",
    "PathStart",
    "Start",
    "UnseenStart",
    "WarmStart",
    "feasible_start",
]

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class KnownMargins:
    """The margins of all rows at some weights, and how far they move.

    Newton steps on bands write over both arrays.

    Attributes
    ----------
    shortfall : ndarray of float32 or float64, of shape (n_rows,)
        1 - y_i (x_i . w + b).
    reach : ndarray of float32, of shape (n_rows,)
        How far the margins of the rows move, compared with each other.
    """

    shortfall: NDArray[np.floating]
    reach: NDArray[np.float32]


@dataclass(frozen=True)
class Start:
    """Dual variables to start from, and weights if better ones than theirs are known.

    Attributes
    ----------
    alpha : ndarray of float64, of shape (n_rows,)
        Dual variables; of joint problems of shape (n_rows, n_classes).
    w : ndarray of float64, of shape (n_features,), optional
        Weights, when better ones than w(alpha) are known.
    intercept : float, or ndarray of float64, of shape (n_classes,)
    w_of_duals : ndarray of float64, of shape (n_features,), optional
        w(alpha), when it is known.
    """

    alpha: Float64Array
    w: Float64Array | None = None
    intercept: Intercept = 0.0
    w_of_duals: Float64Array | None = None

    def combined(self, problem: Problem) -> Float64Array:
        """Return w(alpha), computed where it is not known."""
        if self.w_of_duals is None:
            return problem.combine(self.alpha)
        return self.w_of_duals

    def with_duals(
        self, alpha: Float64Array, w_of_duals: Float64Array | None = None
    ) -> Start:
        """Return the start with other dual variables, of which nothing is certified."""
        return replace(self, alpha=alpha, w_of_duals=w_of_duals)


@dataclass(frozen=True)
class KeptStart(Start):
    """The dual variables of an earlier fit, whose rows and costs may have been others.

    Attributes
    ----------
    is_at_bound : ndarray of bool, of shape (n_rows,)
        Which of the dual variables were at their bound.
    """

    is_at_bound: NDArray[np.bool_] = field(kw_only=True)


@dataclass(frozen=True)
class WarmStart(Start):
    """The solution of a problem on the same rows; its kinds say what is certified.

    Attributes
    ----------
    margins : KnownMargins, optional
        Those of the weights, when they are known.
    """

    margins: KnownMargins | None = field(default=None, kw_only=True)

    def with_duals(
        self, alpha: Float64Array, w_of_duals: Float64Array | None = None
    ) -> WarmStart:
        """Return the start with other dual variables, of which nothing is certified."""
        return WarmStart(
            alpha, self.w, self.intercept, w_of_duals, margins=self.margins
        )


@dataclass(frozen=True)
class PathStart(WarmStart):
    """The solution of the same problem at costs that differ by one factor.

    Attributes
    ----------
    certificate : Certificate
        Of that solution, at its own costs.
    ratio : float
        The present costs, over those of the solution.
    """

    certificate: Certificate = field(kw_only=True)
    ratio: float = field(kw_only=True)


@dataclass(frozen=True)
class CertifiedStart(WarmStart):
    """A start that is as good as its certificate says, without a look at the rows.

    Attributes
    ----------
    certificate : Certificate
        Of the weights and dual variables, at the present costs.
    """

    certificate: Certificate = field(kw_only=True)


@dataclass(frozen=True)
class UnseenStart(WarmStart):
    """A start of which nothing is certified yet, so that a solver looks at it first."""

    @classmethod
    def of(cls, start: Start) -> UnseenStart:
        """Return a start as one that is to be looked at first."""
        margins = start.margins if isinstance(start, WarmStart) else None
        return cls(
            start.alpha, start.w, start.intercept, start.w_of_duals, margins=margins
        )


def feasible_start(problem: Problem, start: Start) -> Start:
    """Return a start with feasible dual variables.

    w(alpha) and the certificate belong to the dual variables as they were, so they are
    kept only where these change by no more than rounding.
    """
    alpha = problem.repair(start.alpha)
    change = float(np.abs(alpha - start.alpha).sum())
    if change <= SUM_ROUNDING * float(alpha.sum()):
        return replace(start, alpha=alpha)
    return start.with_duals(alpha)

"""What every solver is given and keeps: where to start and stop, and what it saw."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Certificate, Intercept
from hingesvm.problems.proof import Provable, prove
from hingesvm.problems.start import KnownMargins, Start

__all__ = [
    "CALL_WORK",
    "CHEAP",
    "Check",
    "Progress",
    "ProgressOf",
    "Report",
    "Solution",
]

Float64Array = NDArray[np.float64]

#: Work of the Python between two calls of kernels, a look or a Newton step: if it is
#: too high small problems are left to sweeps, if too low to Newton steps
#: (docs/experiments.md#which-method-when).
CALL_WORK = 3e5

#: Relative gap that an exact finish aims at, so that rounding alone ends it.
OUT_OF_REACH = -1.0

# Exact finishes of small problems (docs/experiments.md#which-method-when).
#: Work that one may take in any case, 2 to 5 ms: more makes short fits longer, less
#: leaves digits that would cost next to nothing.
CHEAP = 4e6
#: Sweeps before one, and the relative gap that ends them: after more of them Newton
#: steps save nothing, after fewer they begin too far away
#: (docs/experiments.md#constants).
FIRST_SWEEPS, ROUGH = 10, 1e-3


class Certifying(Provable, Protocol):
    """A problem that can tell what dual variables prove."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        ...

    def certify(
        self,
        alpha: Float64Array,
        w: Float64Array | None = None,
        intercept: Intercept | None = None,
    ) -> Certificate:
        """Return the certificate of dual variables, from scratch on all rows."""


_Problem = TypeVar("_Problem", bound=Certifying)


class Check(NamedTuple):
    """One line of a fit's history: what a look at the gap found.

    Attributes
    ----------
    iteration : int
        Sweeps and Newton steps taken so far.
    seconds : float
        Wall-clock time since the fit began.
    objective : float
        Lowest primal value so far.
    gap : float
        Duality gap between it and the highest dual value so far.
    active : int
        Rows that are worked on: those that sweeps do not pass over, those in the band
        of the last Newton steps, or all.
    """

    iteration: int
    seconds: float
    objective: float
    gap: float
    active: int


#: Called with each line of the history and the certificate that it tells of, whose
#: weights may be overwritten later; True asks to stop.
Report = Callable[[Check, Certificate], bool | None]


@dataclass(frozen=True)
class Solution:
    """What `solve` returns.

    Attributes
    ----------
    certificate : Certificate
        Computed from scratch on all rows; holds w, the intercept and the duals.
    n_iter : int
        Sweeps and Newton steps taken.
    converged : bool
        Whether the certified relative gap is at most the tolerance.
    history : list of Check
    margins : KnownMargins, optional
        Those at the primal point, if they were at hand.
    is_stopped : bool, default=False
        Whether the report asked to stop.
    noise : float, default=0.0
        A bound of the rounding errors in float64 values of both points, which is what
        steps see of them; 0 where it was not asked for, as it converged or was stopped.
    """

    certificate: Certificate
    n_iter: int
    converged: bool
    history: list[Check]
    margins: KnownMargins | None = None
    is_stopped: bool = False
    noise: float = 0.0


@dataclass
class ProgressOf(Generic[_Problem]):
    """The state of a fit that outlives a single method.

    Attributes
    ----------
    problem : Problem or JointProblem
    tol : float
        Relative gap to reach.
    max_iter : int
        Bound on `n_iter`.
    n_iter : int
        Sweeps and Newton steps taken, those on some of the rows too.
    best : Certificate or None
        Best primal point and best dual point seen.
    history : list of Check
    report : callable, optional
        Called with each line of the history as it is written; may ask to stop.
    is_stopped : bool
        Whether it did, which counts as exhausted.
    margins : KnownMargins or None
        As of `Solution`, if the method that ends has them at hand.
    work, budget : float
        Arithmetic so far, in units of about a nanosecond on one core, and how much may
        be spent before a method gives way to another one. Counted, not measured, so
        that every machine decides alike.
    cheap : float, default=CHEAP
        Work that an exact finish may take even if it is more than before it.
    exact : bool, default=True
        Whether a small problem is to end exact to rounding, whatever `tol` is.
    """

    problem: _Problem
    tol: float
    max_iter: int
    n_iter: int = 0
    best: Certificate | None = None
    history: list[Check] = field(default_factory=list)
    report: Report | None = None
    began: float = field(default_factory=time.perf_counter)
    margins: KnownMargins | None = None
    exact: bool = True
    work: float = 0.0
    budget: float = np.inf
    cheap: float = CHEAP
    is_stopped: bool = field(default=False, init=False)
    _proven_primal: bool = field(default=False, init=False)
    _proven_dual: bool = field(default=False, init=False)
    _is_bounded: bool = field(default=False, init=False)

    def record(
        self,
        certificate: Certificate,
        *,
        proven: bool = False,
        active: int | None = None,
    ) -> None:
        """Keep the better points, and add a line to the history.

        Parameters
        ----------
        certificate : Certificate
        proven : bool, default=False
            Whether its values were computed from scratch on all rows.
        active : int, optional
            Rows that are worked on, if not all.
        """
        best = self.keep(certificate, proven=proven)
        if self._is_proven and (self.converged or self.is_over):
            best = self._bound_rounding(best)
        self.note(best, active)

    def keep(self, certificate: Certificate, *, proven: bool = False) -> Certificate:
        """Keep the better points, without a line in the history; return the best."""
        best = certificate if self.best is None else self.best.join(certificate)
        self.best = best
        if best.weights is certificate.weights:
            self._proven_primal, self._is_bounded = proven, False
        if best.duals is certificate.duals:
            self._proven_dual, self._is_bounded = proven, False
        return best

    @property
    def _is_proven(self) -> bool:
        """Whether both values of the best points were computed from scratch."""
        return self._proven_primal and self._proven_dual

    def _bound_rounding(self, certificate: Certificate) -> Certificate:
        """Take rounding errors into the gap of the best points, and return them."""
        if not self._is_bounded:
            self.best = certificate = prove(self.problem, certificate, self.tol)
            self._is_bounded = True
        return certificate

    def note(self, certificate: Certificate, active: int | None = None) -> None:
        """Add a line to the history, without keeping the points."""
        seconds = time.perf_counter() - self.began
        rows = self.problem.n_rows if active is None else active
        check = Check(self.n_iter, seconds, certificate.primal, certificate.gap, rows)
        self.history.append(check)
        if self.report is not None and self.report(check, certificate):
            self.is_stopped = True

    @property
    def relative_gap(self) -> float:
        """Relative gap of the best points; inf before the first look."""
        return np.inf if self.best is None else self.best.relative_gap

    @property
    def converged(self) -> bool:
        """Whether the best points certify the tolerance."""
        return self.relative_gap <= self.tol

    @property
    def exhausted(self) -> bool:
        """Whether a bound is reached, or the report asked to stop."""
        return self.is_over or self.work >= self.budget

    @property
    def is_over(self) -> bool:
        """Whether no method may go on."""
        return self.is_stopped or self.n_iter >= self.max_iter

    def is_done(self) -> bool:
        """Whether the tolerance is reached, or no method may go on."""
        return self.converged or self.is_over

    def start(self) -> Start:
        """Return the best points as the start of another method."""
        assert self.best is not None
        return Start(self.best.alpha, self.best.w, self.best.intercept)

    def solution(self) -> Solution:
        """Return the best points; certified from scratch, if they were not found so."""
        best = self.best
        assert best is not None
        certificate = best
        if not self._is_proven:
            certificate = self.problem.certify(best.alpha, best.w, best.intercept)
        if not (self._is_proven and self._is_bounded):
            self._is_bounded = False
            certificate = self._bound_rounding(certificate)
            self.note(certificate)
        if certificate.weights is not best.weights:
            self.margins = None
        converged = certificate.relative_gap <= self.tol
        return Solution(
            certificate,
            self.n_iter,
            converged,
            self.history,
            self.margins,
            self.is_stopped,
            0.0 if converged or self.is_stopped else self._noise(certificate),
        )

    def _noise(self, certificate: Certificate) -> float:
        """Return a bound of the rounding errors in float64 values of both points."""
        if not np.isfinite(certificate.primal):
            return 0.0
        above = self.problem.primal_rounding(certificate)
        return above + self.problem.dual_rounding(certificate)


#: Of a binary problem.
Progress = ProgressOf[Problem]

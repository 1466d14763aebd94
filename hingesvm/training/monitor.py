"""Progress of running fits: lines on stdout, and tasks for callbacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.certificate import Certificate
from hingesvm.solvers import Check, Solution
from hingesvm.training.callbacks import Task
from hingesvm.training.printing import ProgressPrinter

__all__ = ["FitMonitor", "ProblemMonitor", "ProblemState"]


class ProblemState(NamedTuple):
    """The state of a problem that is being solved.

    Attributes
    ----------
    checks : list of Check
        The checks of the gap so far.
    weights : ndarray of shape (n_features,) or (n_classes, n_features)
        The weights at the last check; of a joint problem those of all classes.
    intercept : float, or ndarray of shape (n_classes,)
        The intercept, or those of a joint problem.
    """

    checks: list[Check]
    weights: NDArray[np.floating]
    intercept: Any


@dataclass
class FitMonitor:
    """Prints the progress of the problems of one fit, and tells callbacks of it.

    Attributes
    ----------
    count : int
        Number of problems.
    printer : callable or None
        Takes the number of a problem and returns its ProgressPrinter. None prints
        nothing.
    task : Task or None
        The task of the fit. Its subtasks are the checks of the gap or, with several
        problems, the problems, whose subtasks are the checks.
    attributes : callable
        Takes the states of all problems and returns the attributes of the model as it
        would be if the fit stopped now.
    origin : callable, optional
        Takes the number of a problem and returns the certificate from which it starts.
        Required with several problems, as some may not have begun.
    """

    count: int
    printer: Callable[[int], ProgressPrinter] | None
    task: Task | None
    attributes: Callable[[Sequence[ProblemState]], dict[str, Any]]
    origin: Callable[[int], Certificate] | None = None

    def __post_init__(self) -> None:
        self.is_stopped = False
        self._states: dict[int, ProblemState] = {}
        self._initial_states: dict[int, ProblemState] = {}
        self._problems: dict[int, ProblemMonitor] = {}

    def of(self, number: int) -> ProblemMonitor:
        """Return the monitor of a problem, at each call the same."""
        if number not in self._problems:
            self._problems[number] = ProblemMonitor(self, number)
        return self._problems[number]

    def record(self, number: int, check: Check, certificate: Certificate) -> None:
        """Keep the state of a problem at a check of the gap."""
        before = self._states[number].checks if number in self._states else []
        # Copies, as solvers may write over both.
        weights = np.array(certificate.weights)
        intercept = np.copy(certificate.intercept)
        self._states[number] = ProblemState([*before, check], weights, intercept)

    def model(self) -> dict[str, Any]:
        """Return the attributes of the model as it would be if the fit stopped now."""
        return self.attributes(
            [self._states.get(k) or self._initial_state(k) for k in range(self.count)]
        )

    def _initial_state(self, number: int) -> ProblemState:
        """Return the state of a problem that has not begun."""
        if number not in self._initial_states:
            assert self.origin is not None
            start = self.origin(number)
            check = Check(0, 0.0, start.primal, start.gap, len(start.alpha))
            state = ProblemState([check], start.w, start.intercept)
            self._initial_states[number] = state
        return self._initial_states[number]


class ProblemMonitor:
    """Prints the progress of one problem, and tells callbacks; a solver's `Report`."""

    def __init__(self, fit: FitMonitor, number: int) -> None:
        self._fit = fit
        self._number = number
        self._printer = fit.printer(number) if fit.printer is not None else None
        self._task: Task | None = None

    def __call__(self, check: Check, certificate: Certificate) -> bool:
        """Report a check of the gap; return whether to stop."""
        fit = self._fit
        if self._printer is not None:
            self._printer.print_check(check)
        if fit.task is None:
            return False
        with fit.task.lock:
            fit.record(self._number, check, certificate)
            if fit.count == 1:
                self._task = fit.task
            elif self._task is None:
                self._task = fit.task.begin("class", self._number, size=None)
            stop = self._task.begin("gap-check").end(fit.model)
        return stop or fit.is_stopped

    def end(self, solution: Solution) -> None:
        """Report the end of the problem."""
        if self._printer is not None:
            self._printer.print_end(solution)
        fit = self._fit
        if self._task is None or fit.count == 1:
            return
        if self._task.end(fit.model):
            fit.is_stopped = True

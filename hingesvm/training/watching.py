"""What is told of fits while they run: lines on stdout, and tasks for callbacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.certificate import Certificate
from hingesvm.solvers import Check, Solution
from hingesvm.training.callbacks import Task
from hingesvm.training.lines import Lines

__all__ = ["ProblemWatch", "Seen", "Watch"]


class Seen(NamedTuple):
    """What is known of a problem while it is solved.

    Attributes
    ----------
    checks : list of Check
        The looks so far.
    weights : ndarray
        At the last look, of shape (n_features,); of joint problems (n_classes,
        n_features).
    intercept : float or ndarray
        Of these an ndarray of shape (n_classes,).
    """

    checks: list[Check]
    weights: NDArray[np.floating]
    intercept: Any


@dataclass
class Watch:
    """Watches the problems of one fit.

    Attributes
    ----------
    count : int
        Number of problems.
    lines : callable, optional
        Called with the number of a problem; returns what prints its lines.
    task : Task, optional
        That of the fit. Its parts are the looks at the gap or, with several problems,
        the problems, whose parts are the looks.
    attributes : callable
        Called with what was seen of each problem; returns the attributes of the model
        as it would be if the fit had stopped.
    origin : callable, optional
        Called with the number of a problem that is not yet begun; returns where it
        begins. Needed with several problems.
    """

    count: int
    lines: Callable[[int], Lines] | None
    task: Task | None
    attributes: Callable[[Sequence[Seen]], dict[str, Any]]
    origin: Callable[[int], Certificate] | None = None

    def __post_init__(self) -> None:
        self.is_stopped = False
        self._seen: dict[int, Seen] = {}
        self._unseen: dict[int, Seen] = {}
        self._problems: dict[int, ProblemWatch] = {}

    def of(self, number: int) -> ProblemWatch:
        """Return what watches a problem, always the same."""
        if number not in self._problems:
            self._problems[number] = ProblemWatch(self, number)
        return self._problems[number]

    def see(self, number: int, check: Check, found: Certificate) -> None:
        """Keep what a look has found."""
        before = self._seen[number].checks if number in self._seen else []
        weights, intercept = np.array(found.weights), np.copy(found.intercept)
        self._seen[number] = Seen([*before, check], weights, intercept)

    def model(self) -> dict[str, Any]:
        """Return the attributes of a model as if the fit had stopped."""
        numbers = range(self.count)
        return self.attributes([self._seen.get(k) or self._begun(k) for k in numbers])

    def _begun(self, number: int) -> Seen:
        """Return where a problem begins that was not seen yet."""
        if number not in self._unseen:
            assert self.origin is not None
            found = self.origin(number)
            check = Check(0, 0.0, found.primal, found.gap, len(found.alpha))
            self._unseen[number] = Seen([check], found.w, found.intercept)
        return self._unseen[number]


class ProblemWatch:
    """Watches one problem; a `Report` of the solvers."""

    def __init__(self, watch: Watch, number: int) -> None:
        self._watch, self._number = watch, number
        self._lines = watch.lines(number) if watch.lines is not None else None
        self._task: Task | None = None

    def __call__(self, check: Check, found: Certificate) -> bool:
        """Tell of a look at the gap; return whether to stop."""
        watch = self._watch
        if self._lines is not None:
            self._lines.look(check)
        if watch.task is None:
            return False
        with watch.task.lock:
            watch.see(self._number, check, found)
            if watch.count == 1:
                self._task = watch.task
            elif self._task is None:
                self._task = watch.task.begin("class", self._number, size=None)
            stop = self._task.begin("gap-check").end(watch.model)
        return stop or watch.is_stopped

    def end(self, solution: Solution) -> None:
        """Tell of the end."""
        if self._lines is not None:
            self._lines.end(solution)
        watch = self._watch
        if self._task is None or watch.count == 1:
            return
        if self._task.end(watch.model):
            watch.is_stopped = True

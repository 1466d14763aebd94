"""Each class against the rest, in threads: which are solved together, which alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hingesvm.losses import MarginLoss
from hingesvm.problems.binary import Problem
from hingesvm.problems.rays import along_ray
from hingesvm.problems.rounding import Rounded, round_to
from hingesvm.problems.start import PathStart, Start
from hingesvm.problems.values import InterceptRule
from hingesvm.rows.contract import Rows
from hingesvm.rows.team import Team
from hingesvm.solvers import (
    Progress,
    Settings,
    Solution,
    begin_together,
    go_on,
    most_together,
    solve,
)
from hingesvm.training.threads import map_in_threads, team_of
from hingesvm.training.watching import ProblemWatch, Watch

__all__ = ["CancelledError", "Classes", "Solved"]

Solved = tuple[Solution, Rounded]
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Classes:
    """The problems of the classes: what they share, and how they are solved.

    Attributes
    ----------
    rows : Rows
        Those that take part.
    codes : ndarray of integers, of shape (n_rows,)
        The class of each row that takes part.
    costs : ndarray of float64, of shape (n_rows,) or (1,)
    targets : list of int
        The class that is positive in each problem.
    seeds : list of int
        One for each problem.
    starts : list of Start or None
        Where to start, one for each problem; emptied while they are solved.
    watch : Watch or None
    keep_duals : bool
        Whether the solutions are to have dual variables.
    """

    rows: Rows
    codes: NDArray[np.integer[Any]]
    costs: NDArray[np.float64]
    targets: list[int]
    seeds: list[int]
    starts: list[Start | None]
    loss: MarginLoss
    rule: InterceptRule
    settings: Settings
    n_jobs: int | None
    watch: Watch | None
    keep_duals: bool

    def solve(self) -> list[Solved]:
        """Solve all problems; return coefficients in the dtype of X and their gap."""
        count, outer = len(self.targets), self.rows.check_cancelled
        if count == 1:
            with team_of(self.n_jobs) as team:
                rows = self.rows.shared_by(team, outer)
                return [self._solve_one(self._first(rows), 0)]
        cancelled = threading.Event()

        def check_cancelled() -> None:
            outer()
            if cancelled.is_set():
                raise CancelledError

        rows = self.rows.shared_by(Team(), check_cancelled)
        rows.n_sharing = count
        first = self._first(rows)
        if self.watch is not None:
            self.watch.origin = lambda number: self._problem(first, number).origin()

        def in_threads(
            function: Callable[[Problem, _Item], _Result], items: Sequence[_Item]
        ) -> list[_Result]:
            return map_in_threads(
                lambda item: function(first, item), items, self.n_jobs, cancelled.set
            )

        solved: dict[int, Solved] = {}
        begun: dict[int, Progress] = {}
        at_once = self._most_together(first)
        if at_once > 1:
            for done, others in in_threads(self._begin, _groups(count, at_once)):
                solved |= done
                begun |= others
        rest = [number for number in range(count) if number not in solved]

        def finish(first: Problem, number: int) -> Solved:
            if number in begun:
                return self._go_on(begun.pop(number), number)
            return self._solve_one(first, number)

        solved |= zip(rest, in_threads(finish, rest), strict=True)
        return [solved[number] for number in range(count)]

    def _signs(self, number: int) -> NDArray[np.int8]:
        """Return the signs of the rows in the problem of a class."""
        is_target: NDArray[np.bool_] = self.codes == self.targets[number]
        signs = is_target.view(np.int8)
        signs += signs
        signs -= 1
        return signs

    def _first(self, rows: Rows) -> Problem:
        """Return the problem of the first class."""
        return Problem.build(rows, self._signs(0), self.costs, self.loss, self.rule)

    def _problem(self, first: Problem, number: int) -> Problem:
        """Return the problem of a class, which shares all but signs with the first."""
        return first if number == 0 else first.with_signs(self._signs(number))

    def _report(self, number: int) -> ProblemWatch | None:
        """Return what watches the problem of a class."""
        return None if self.watch is None else self.watch.of(number)

    def _most_together(self, first: Problem) -> int:
        """Return how many problems are begun together at most."""
        if any(isinstance(start, PathStart) for start in self.starts):
            return 1
        return most_together(first, len(self.targets), self.settings)

    def _begin(
        self, first: Problem, numbers: range
    ) -> tuple[dict[int, Solved], dict[int, Progress]]:
        """Begin with some classes together; return those that are done, and others."""
        lane = np.full(len(self.codes), -1, dtype=np.int8)
        places = self.codes - numbers.start
        own = (places >= 0) & (places < len(numbers))
        np.copyto(lane, places, where=own, casting="unsafe")
        starts = [self._take_start(number) for number in numbers]
        begun = begin_together(
            [self._problem(first, number) for number in numbers],
            lane,
            self.settings,
            seed=self.seeds[numbers.start],
            reports=[self._report(number) for number in numbers],
            starts=None if None in starts else [start for start in starts if start],
            n_problems=len(self.targets),
        )
        done: dict[int, Solved] = {}
        others: dict[int, Progress] = {}
        for number, progress in zip(numbers, begun, strict=True):
            if progress.converged:
                done[number] = self._go_on(progress, number)
            else:
                others[number] = progress
        return done, others

    def _go_on(self, progress: Progress, number: int) -> Solved:
        """Solve the problem of a class that was begun with others."""
        solution = go_on(progress, self.seeds[number], self.settings.method)
        return self._round(progress.problem, solution, number)

    def _take_start(self, number: int) -> Start | None:
        """Return where the problem of a class starts, which is then forgotten.

        Nobody else is to hold on to it, as its dual variables take memory.
        """
        start, self.starts[number] = self.starts[number], None
        return start

    def _solve_one(self, first: Problem, number: int) -> Solved:
        """Solve the problem of a class."""
        problem = self._problem(first, number)
        start = self._take_start(number)
        if start is not None:
            start = along_ray(problem, start)
        solution = solve(
            problem,
            self.settings,
            seed=self.seeds[number],
            start=start,
            report=self._report(number),
            n_problems=len(self.targets),
        )
        return self._round(problem, solution, number)

    def _round(self, problem: Problem, solution: Solution, number: int) -> Solved:
        """Round the coefficients, and forget what nobody needs any more."""
        watch = self._report(number)
        if watch is not None:
            watch.end(solution)
        certificate = solution.certificate
        rounded = round_to(problem, certificate, self.rows.dtype, self.settings.tol)
        if not self.keep_duals:
            nothing = np.empty(0)
            certificate = replace(
                certificate, weights=nothing, duals=nothing, w_of_duals=None
            )
        if not self.keep_duals or len(self.targets) > 1:
            # Margins of many classes would take more memory than their duals.
            solution = replace(solution, certificate=certificate, margins=None)
        return solution, rounded


def _groups(count: int, most: int) -> list[range]:
    """Return the classes that are begun together: as many as there is room for.

    The groups are alike in size, and there is an even number of them for two threads.
    """
    n_groups = 2 * -(-count // (2 * most))
    edges = np.linspace(0, count, n_groups + 1).round().astype(int).tolist()
    return [range(*edges[k : k + 2]) for k in range(n_groups)]


class CancelledError(Exception):
    """Ends the fits of other threads after an interrupt."""

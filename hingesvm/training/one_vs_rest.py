"""One-vs-rest training: which classes are solved together, which alone, in threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hingesvm.losses import MarginLoss
from hingesvm.penalties import ColumnPenalty
from hingesvm.problems.binary import Problem
from hingesvm.problems.penalized import problem_of
from hingesvm.problems.rays import along_ray
from hingesvm.problems.rounding import Rounded, round_to
from hingesvm.problems.start import PathStart, Start
from hingesvm.problems.values import InterceptRule
from hingesvm.rows.contract import Rows
from hingesvm.rows.passes import IN_STEP, Passes
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
from hingesvm.training.monitor import FitMonitor, ProblemMonitor
from hingesvm.training.threads import map_in_threads, team_of

__all__ = ["CancelledError", "OneVsRestSolver", "Solved"]

#: A solution, and its coefficients in the dtype of X with their relative gap.
Solved = tuple[Solution, Rounded]
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class OneVsRestSolver:
    """Solves the problems of each class against the rest; one problem for two classes.

    Attributes
    ----------
    rows : Rows
        The training rows.
    codes : ndarray of integers, of shape (n_rows,)
        The class of each row, as an index into the sorted classes.
    costs : ndarray of float64, of shape (n_rows,) or (1,)
        C times the weight of each row, or the one cost of all rows.
    targets : list of int
        The positive class of each problem.
    seeds : list of int
        The seed of each problem.
    starts : list of Start or None
        Where to start, for each problem; set to None when the problem begins.
    loss : MarginLoss
        The loss of all problems.
    penalty : ColumnPenalty or None
        The penalty of the weights of each problem; None is half of the squared norm.
    rule : {"free", "penalized", "none"}
        How the intercept is treated.
    settings : Settings
        The method, the tolerance and the bound on iterations.
    n_jobs : int or None
        Number of threads, as joblib takes it.
    monitor : FitMonitor or None
        Reports the progress.
    keep_duals : bool
        Whether the solutions keep their dual variables.
    """

    rows: Rows
    codes: NDArray[np.integer[Any]]
    costs: NDArray[np.float64]
    targets: list[int]
    seeds: list[int]
    starts: list[Start | None]
    loss: MarginLoss
    penalty: ColumnPenalty | None
    rule: InterceptRule
    settings: Settings
    n_jobs: int | None
    monitor: FitMonitor | None
    keep_duals: bool

    def solve(self) -> list[Solved]:
        """Return the solutions of all problems, with coefficients in the dtype of X."""
        count = len(self.targets)
        check_outer = self.rows.check_cancelled
        if count == 1:
            with team_of(self.n_jobs) as team:
                rows = self.rows.shared_by(team, check_outer)
                return [self._solve_one(self._first(rows), 0)]
        cancelled = threading.Event()

        def check_cancelled() -> None:
            check_outer()
            if cancelled.is_set():
                raise CancelledError

        rows = self.rows.shared_by(Team(), check_cancelled)
        rows.n_sharing = count
        first = self._first(rows)
        if self.monitor is not None:
            self.monitor.origin = lambda number: self._problem(first, number).origin()

        if rows.passes is not None:
            return self._solve_in_step(first, rows.passes, cancelled.set)

        def in_threads(
            function: Callable[[Problem, _Item], _Result], items: Sequence[_Item]
        ) -> list[_Result]:
            return map_in_threads(
                lambda item: function(first, item), items, self.n_jobs, cancelled.set
            )

        solved: dict[int, Solved] = {}
        begun: dict[int, Progress] = {}
        group_size = self._most_together(first)
        if group_size > 1:
            for done, unfinished in in_threads(self._begin, _groups(count, group_size)):
                solved |= done
                begun |= unfinished
        rest = [number for number in range(count) if number not in solved]

        def finish(first: Problem, number: int) -> Solved:
            if number in begun:
                return self._go_on(begun.pop(number), number)
            return self._solve_one(first, number)

        solved |= zip(rest, in_threads(finish, rest), strict=True)
        return [solved[number] for number in range(count)]

    def _solve_in_step(
        self, first: Problem, passes: Passes, cancel: Callable[[], None]
    ) -> list[Solved]:
        """Return the solutions of problems that share their passes, some at a time."""
        solved: list[Solved] = []
        n_threads = team_of(self.n_jobs).n_threads
        for start in range(0, len(self.targets), IN_STEP):
            count = min(IN_STEP, len(self.targets) - start)

            def solve_one(number: int, start: int = start) -> Solved:
                return self._solve_one(first, start + number)

            solved += passes.in_step(solve_one, count, n_threads, cancel)
        return solved

    def _signs(self, number: int) -> NDArray[np.int8]:
        """Return 1 for rows of the positive class of a problem, -1 for the rest."""
        is_target: NDArray[np.bool_] = self.codes == self.targets[number]
        signs = is_target.view(np.int8)
        signs += signs
        signs -= 1
        return signs

    def _first(self, rows: Rows) -> Problem:
        """Return the problem of the first class."""
        parts = rows, self._signs(0), self.costs, self.loss, self.rule
        return problem_of(*parts, self.penalty)

    def _problem(self, first: Problem, number: int) -> Problem:
        """Return the problem of a class; it shares all but the signs with `first`."""
        return first if number == 0 else first.with_signs(self._signs(number))

    def _monitor_of(self, number: int) -> ProblemMonitor | None:
        """Return the monitor of a problem, or None if there is none."""
        return None if self.monitor is None else self.monitor.of(number)

    def _most_together(self, first: Problem) -> int:
        """Return the largest number of problems that begin together."""
        if any(isinstance(start, PathStart) for start in self.starts):
            return 1
        if self.penalty is not None:
            return 1
        return most_together(first, len(self.targets), self.settings)

    def _begin(
        self, first: Problem, numbers: range
    ) -> tuple[dict[int, Solved], dict[int, Progress]]:
        """Begin the problems of some classes together, in sweeps over all of them.

        Returns
        -------
        done : dict of int to Solved
            The results of those that already converged.
        unfinished : dict of int to Progress
            The progress of the others.
        """
        lane = np.full(len(self.codes), -1, dtype=np.int8)
        lanes = self.codes - numbers.start
        in_group = (lanes >= 0) & (lanes < len(numbers))
        np.copyto(lane, lanes, where=in_group, casting="unsafe")
        starts = [self._take_start(number) for number in numbers]
        begun = begin_together(
            [self._problem(first, number) for number in numbers],
            lane,
            self.settings,
            seed=self.seeds[numbers.start],
            reports=[self._monitor_of(number) for number in numbers],
            starts=None if None in starts else [start for start in starts if start],
            n_problems=len(self.targets),
        )
        done: dict[int, Solved] = {}
        unfinished: dict[int, Progress] = {}
        for number, progress in zip(numbers, begun, strict=True):
            if progress.converged:
                done[number] = self._go_on(progress, number)
            else:
                unfinished[number] = progress
        return done, unfinished

    def _go_on(self, progress: Progress, number: int) -> Solved:
        """Finish a problem that began together with others."""
        solution = go_on(progress, self.seeds[number], self.settings.method)
        return self._round(progress.problem, solution, number)

    def _take_start(self, number: int) -> Start | None:
        """Return the start of a problem, and drop it from the list.

        Its dual variables are then freed as soon as the solver needs them no more.
        """
        start, self.starts[number] = self.starts[number], None
        return start

    def _solve_one(self, first: Problem, number: int) -> Solved:
        """Solve the problem of one class on its own."""
        problem = self._problem(first, number)
        start = self._take_start(number)
        if start is not None:
            start = along_ray(problem, start)
        solution = solve(
            problem,
            self.settings,
            seed=self.seeds[number],
            start=start,
            report=self._monitor_of(number),
            n_problems=len(self.targets),
        )
        return self._round(problem, solution, number)

    def _round(self, problem: Problem, solution: Solution, number: int) -> Solved:
        """Round the coefficients, and drop what is no longer needed."""
        monitor = self._monitor_of(number)
        if monitor is not None:
            monitor.end(solution)
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
    """Return groups of problems that begin together, each of at most `most`.

    The groups are of about the same size. Their number is even, so that two threads
    have the same work.
    """
    n_groups = 2 * -(-count // (2 * most))
    edges = np.linspace(0, count, n_groups + 1).round().astype(int).tolist()
    return [range(*edges[k : k + 2]) for k in range(n_groups)]


class CancelledError(Exception):
    """Raised in the other threads of a fit after an interrupt or an error in one."""

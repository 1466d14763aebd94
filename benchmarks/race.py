"""Race hingesvm and its peers to the same objective; see README.md for the rules."""

import argparse
import math
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from data import PROBLEMS
from objective import suboptimality
from peers import BASELINE, OURS, SOLVERS, Solver, Task
from results import FOLDER, LEVELS, RaceResults, Reference, Row
from runner import Pool

# The number of peers, besides LinearSVC, that are run in turn with hingesvm.
RIVALS = 2
# The reference may take this many times as long as a fit.
REFERENCE_LIMITS = 10.0


def main() -> None:
    """Run the race with the options of the command line."""
    options = parse()
    results = RaceResults(options.output)
    for problem in options.problems:
        with Pool(problem) as pool:
            for C in options.C:
                Heat(results, pool, problem, C, options).run()


class Heat:
    """The race on one problem at one C."""

    def __init__(
        self,
        results: RaceResults,
        pool: Pool,
        problem: str,
        C: float,
        options: argparse.Namespace,
    ) -> None:
        self.results, self.pool, self.options = results, pool, options
        self.problem, self.C = problem, C
        self.key = (problem, C, options.rule)

    def run(self) -> None:
        """Find the reference, walk each solver's grid, then run in turn."""
        print(f"{self.problem}  C={self.C:g}  {self.options.rule}", flush=True)
        self.find_reference()
        for name in self.options.solvers:
            solver = SOLVERS[name]
            if not solver.is_installed:
                print(f"  {name}: not installed, skipped")
                continue
            for used in self.thread_counts(solver):
                self.walk(solver, used)
        if self.options.pairs:
            self.run_in_turn()

    def thread_counts(self, solver: Solver) -> list[int]:
        """Return the thread counts that a solver is tried with."""
        if not solver.parallel:
            return [1]
        threads = self.options.threads
        return [threads] if solver.name == OURS else sorted({1, threads})

    def find_reference(self) -> None:
        """Compute the best known solution, unless it is there already."""
        if self.results.references.get(*self.key) is not None:
            return
        worker = self.pool.get(OURS, self.options.threads)
        limit = REFERENCE_LIMITS * self.options.limit
        reply = worker.reference(self.C, self.options.rule, limit)
        if "upper" not in reply:
            print(f"  no reference within {limit:g} s: {reply.get('error', '')}")
            reply = {"upper": math.nan, "lower": math.nan, "seconds": limit}
        self.results.references.put(Reference(*self.key, **reply))

    def walk(self, solver: Solver, used: int) -> None:
        """Fit at settings from loose to tight, until the finest level or the limit."""
        if not self.options.resume:
            race = (*self.key, self.options.threads, solver.name, used)
            self.results.rows.drop(
                lambda r: (r.problem, r.C, r.rule, r.threads, r.solver, r.used) == race
            )
        for tol, max_iter in solver.grid:
            row = self.known(solver, used, tol, max_iter)
            if row is None:
                worker = self.pool.get(solver.name, used)
                if not solver.suits(self.options.rule, worker.n_rows):
                    return
                row = self.measure(solver, used, tol, max_iter)
            self.results.rows.put(row)
            print(
                f"  {row.setting} {row.seconds:9.4f} s  "
                f"{row.suboptimality:9.2e}  {row.note}",
                flush=True,
            )
            is_fine = self.results.distance(row) <= min(LEVELS)
            if is_fine or row.timed_out or math.isnan(row.objective):
                return

    def known(self, solver: Solver, used: int, tol: float, max_iter: int) -> Row | None:
        """Return a row that need not be measured again.

        That is a row that is there already, if the race is resumed, or one of a race
        with other threads, if the solver used as many there.
        """
        setting = (solver.name, used, tol, max_iter)
        threads = self.options.threads
        if self.options.resume:
            row = self.results.rows.get(*self.key, threads, *setting)
            if row is not None:
                return row
        if used == threads:
            return None
        row = self.results.rows.get(*self.key, used, *setting)
        return None if row is None else replace(row, threads=threads)

    def measure(self, solver: Solver, used: int, tol: float, max_iter: int) -> Row:
        """Run one fit."""
        worker, limit = self.pool.get(solver.name, used), self.options.limit
        reply = self.fit(solver.name, used, tol, max_iter)
        value = reply.get("objective", math.nan)
        return Row(
            problem=self.problem,
            source=worker.source,
            C=self.C,
            rule=self.options.rule,
            threads=self.options.threads,
            solver=solver.name,
            used=used,
            tol=tol,
            max_iter=max_iter,
            seconds=reply.get("seconds", limit if "timed_out" in reply else math.nan),
            runs=1,
            objective=value,
            suboptimality=suboptimality(value, self.results.best(*self.key)),
            timed_out=reply.get("timed_out", False),
            gap=reply.get("gap", math.nan),
            extra_mb=reply.get("extra_mb", math.nan),
            limit=limit,
            note=reply.get("error", reply.get("note", "")),
        )

    def fit(self, name: str, used: int, tol: float, max_iter: int) -> dict[str, Any]:
        """Ask a worker for a fit."""
        task = Task(self.C, self.options.rule, tol, max_iter, used)
        return self.pool.get(name, used).fit(task, self.options.limit)

    def run_in_turn(self) -> None:
        """Time the deciding fits again, one after the other, and keep medians."""
        rows = self.deciding()
        times: dict[Row, list[float]] = {row: [] for row in rows}
        for _ in range(self.options.pairs):
            for row in rows:
                reply = self.fit(row.solver, row.used, row.tol, row.max_iter)
                if "seconds" in reply:
                    times[row].append(reply["seconds"])
        for row, seconds in times.items():
            if seconds:
                print(f"  {row.setting} {median(seconds):9.4f} s")
                self.results.rows.put(
                    replace(row, seconds=median(seconds), runs=len(seconds))
                )

    def deciding(self) -> list[Row]:
        """Return the short fits by which hingesvm and its rivals reach the levels."""
        entries = self.results.entries(*self.key, self.options.threads)
        chosen: dict[Row, None] = {}
        for level in LEVELS:
            within = {
                entry: row
                for entry, rows in entries.items()
                if (row := self.results.first_within(rows, level)) is not None
            }
            peers = [row for (name, _), row in within.items() if name != OURS]
            peers.sort(key=lambda row: row.seconds)
            always = [row for (n, _), row in within.items() if n in (OURS, BASELINE)]
            chosen.update(dict.fromkeys([*always, *peers[:RIVALS]]))
        return [row for row in chosen if row.seconds <= self.options.longest_pair]


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--problems", nargs="+", default=list(PROBLEMS), metavar="NAME")
    add("--C", nargs="+", type=float, default=[0.01, 1.0, 100.0])
    add("--rule", choices=["penalized", "free", "none"], default="penalized")
    add("--threads", type=int, default=1)
    add("--solvers", nargs="+", choices=list(SOLVERS), default=list(SOLVERS))
    add("--limit", type=float, default=60.0, help="seconds a fit may take")
    add("--pairs", type=int, default=3, help="runs in turn of the fits that decide")
    add("--longest-pair", type=float, default=10.0, help="seconds of a fit run again")
    add("--resume", action="store_true", help="keep the rows that are there")
    add("--output", type=Path, default=FOLDER)
    return parser.parse_args()


if __name__ == "__main__":
    main()

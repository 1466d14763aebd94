"""Race sparse weights: HingeSVC(l1_ratio=...) and its peers to the same objective.

Three parts, chosen on the command line:

- squared: squared hinge and the L1 norm alone, against LinearSVC;
- net: hinge and l1_ratio = 1/2, against ReHLine and SGDClassifier;
- exact: hinge and the L1 norm alone, against linear programs solved by HiGHS.

Times are seconds of processor time of one thread for a whole fit, from float32 rows,
each in a process of its own, which ends at `--limit`. The time to a level, a relative
distance from the best objective known, is that of the loosest setting that is within
it. These fits are then run in turn, and medians are kept.
"""

import argparse
import multiprocessing
import resource
import time
import warnings
from dataclasses import replace
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import data
import numpy as np
import sparse_objective
from results import FOLDER, Store
from sources import Matrix
from sparse_objective import Task
from sparse_report import REFERENCE, Row, best_of, first_within, report
from sparse_solvers import PARTS, Fit, Part, Solver, ours
from threadpoolctl import threadpool_limits
from threads import keep_to_one_thread

# Tolerance of the best known solution, and its limit as a multiple of the others'.
REFERENCE_TOL, REFERENCE_LIMITS = 1e-7, 2.0
# Rows of each class of a first fit, which loads the libraries.
FEW_ROWS = 20


class Race:
    """The race on one problem at one C."""

    def __init__(
        self, rows: Store[Row], name: str, problem: data.Dataset, C: float, limit: float
    ) -> None:
        self.rows, self.problem, self.limit = rows, problem, limit
        self.part = PARTS[name]
        self.case = (name, problem.name, C)
        self.task = replace(self.part.task, C=C)

    def run(self, pairs: int, longest: float) -> None:
        """Find the reference, walk each solver's grid, then run in turn."""
        self.rows.drop(lambda row: row.case == self.case)
        self.measure(REFERENCE, fit_reference, REFERENCE_TOL, REFERENCE_LIMITS)
        for solver in self.part.solvers:
            if find_spec(solver.module) is None:
                print(f"  {solver.name}: not installed, skipped")
                continue
            self.walk(solver)
        self.run_in_turn(pairs, longest)

    def walk(self, solver: Solver) -> None:
        """Fit at settings from loose to tight, until the last level or the limit."""
        tried = {}
        for setting in solver.grid:
            row = tried[setting] = self.measure(solver.name, solver.fit, setting)
            if self.is_within(row, min(self.part.levels)) or not row.runs:
                return
        best = min(tried, key=lambda setting: tried[setting].objective)
        for epochs in solver.longer:
            self.measure(solver.name, solver.fit, (*best[:-1], epochs))

    def measure(self, name: str, fit: Fit, setting: Any, limits: float = 1.0) -> Row:
        """Run one fit, print and keep its row."""
        limit = limits * self.limit
        found = in_child(fit, self.problem, self.task, setting, limit)
        values = found or (limit, np.nan, 0, np.nan)
        row = Row(
            *(*self.case, name, str(setting), values[0], int(found is not None)),
            *values[1:],
        )
        self.rows.put(row)
        distance = row.objective / best_of(self.rows, self.case) - 1.0
        print(f"  {name} {setting} {row.seconds:.4f} s {distance:.2e}", flush=True)
        return row

    def is_within(self, row: Row, level: float) -> bool:
        """Whether a row is as near to the best objective known."""
        return row.objective <= (1.0 + level) * best_of(self.rows, self.case)

    def run_in_turn(self, pairs: int, longest: float) -> None:
        """Time the deciding fits again, one after the other, and keep medians."""
        chosen: dict[str, tuple[Row, Solver, Any]] = {}
        for solver in self.part.solvers:
            for level in self.part.levels:
                row = first_within(self.rows, self.case, solver.name, level)
                if row is not None and row.seconds <= longest:
                    settings = (*solver.grid, *solver.further)
                    setting = next(s for s in settings if str(s) == row.setting)
                    chosen[f"{solver.name} {setting}"] = (row, solver, setting)
        times: dict[str, list[float]] = {key: [] for key in chosen}
        for _ in range(pairs):
            for key, (_, solver, setting) in chosen.items():
                found = in_child(
                    solver.fit, self.problem, self.task, setting, self.limit
                )
                times[key] += [found[0]] if found else []
        for key, (row, _, _) in chosen.items():
            if times[key]:
                seconds, runs = median(times[key]), len(times[key])
                self.rows.put(replace(row, seconds=seconds, runs=runs))


def fit_reference(X: Matrix, y: np.ndarray, task: Task, tol: float) -> Any:
    """Return weights, the intercept, and a lower bound that our own code finds."""
    clf = ours(task, tol, warm_start=True).fit(X, y)
    lower = sparse_objective.dual(X, y, task, clf.dual_coef_[0] * y)
    return clf.coef_[0], float(np.ravel(clf.intercept_)[0]), lower


Found = tuple[float, float, int, float]


def in_child(
    fit: Fit, problem: data.Dataset, task: Task, setting: Any, limit: float
) -> Found | None:
    """Return seconds, objective, weights not 0, lower bound; None beyond the limit."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    arguments = (theirs, fit, problem, task, setting, limit)
    child = context.Process(target=_send_fit, args=arguments)
    child.start()
    theirs.close()
    try:
        answer = ours.recv()
    except EOFError:
        return None
    finally:
        child.join()
    X, y = problem.X, problem.y
    seconds, w, b, *lower = answer
    value = sparse_objective.primal(X, y, task, w, b)
    return seconds, value, np.count_nonzero(w), *(lower or [np.nan])


def _send_fit(
    pipe: Connection,
    fit: Fit,
    problem: data.Dataset,
    task: Task,
    setting: Any,
    limit: float,
) -> None:
    """Fit, and send seconds and weights; beyond the limit the system ends it."""
    seconds = int(limit) + 1
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    start = time.process_time()
    w, *rest = fit(problem.X, problem.y, task, setting)
    seconds_taken = time.process_time() - start
    pipe.send((seconds_taken, np.asarray(w, dtype=np.float64), *rest))


def warm_up(part: Part) -> None:
    """Fit a few rows with each solver, which loads the libraries for all children."""
    rng = np.random.default_rng(0)
    y = np.repeat([-1, 1], FEW_ROWS)
    X = rng.standard_normal((2 * FEW_ROWS, 3)).astype(np.float32)
    for solver in part.solvers:
        if find_spec(solver.module) is not None:
            solver.fit(X, y, part.task, solver.grid[0])


def main() -> None:
    """Run the parts and write results/sparse.csv and sparse.md."""
    options = parse()
    key = ("part", "problem", "C", "solver", "setting")
    rows = Store(options.output / "sparse.csv", Row, key)
    for name in options.parts:
        part = PARTS[name]
        warm_up(part)
        for problem in (data.load(one) for one in options.problems or part.problems):
            for C in options.C or part.Cs:
                print(f"{name}  {problem.name}  C={C:g}", flush=True)
                race = Race(rows, name, problem, C, options.limit)
                race.run(options.pairs, options.longest_pair)
    text = "\n".join(report(rows))
    (options.output / "sparse.md").write_text(text + "\n", encoding="utf-8")
    print(text)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    add("--problems", nargs="+", metavar="NAME", help="instead of those of each part")
    add("--C", nargs="+", type=float, help="instead of those of each part")
    add("--limit", type=float, default=60.0, help="seconds a fit may take")
    add("--pairs", type=int, default=3, help="runs in turn of the fits that decide")
    add("--longest-pair", type=float, default=5.0, help="seconds of a fit run again")
    add("--output", type=Path, default=FOLDER)
    return parser.parse_args()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    keep_to_one_thread()
    with threadpool_limits(1):
        main()

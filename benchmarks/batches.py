"""Fits of rows in batches: passes, and time over that of a fit in memory.

A table (covtype) is read from a Parquet file in 20 batches, a text (IMDB) is given in
10 CSR batches. Both are taken in the order of their files, in which a batch is unlike
the next one, and in one random order. SGDClassifier is given the same batches of the
table. `--large N` fits a generated table on disk in a process of limited memory.

Times are seconds of processor time of one thread, so waiting for a disk is not in them.
"""

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import data
import disk
import machine
import numpy as np
import objective
from markdown import table
from results import FOLDER
from sklearn.linear_model import SGDClassifier
from threadpoolctl import threadpool_limits

from hingesvm import HingeSVC
from hingesvm.batches import from_arrays, from_parquet

Row = dict[str, Any]

C = 1.0
TABLE, TEXT = ("covtype", 20, 1e-4), ("imdb_tfidf", 10, 1e-3)
ORDERS = ("file", "shuffled")
# Passes that read only, and pairs of which a median is taken.
READS = 3
# Relative suboptimality to which SGDClassifier is timed.
LEVEL = 1e-2
# Its settings: alpha in units of 1 / (C n), schedules, and passes before averaging.
ALPHAS = (1.0, 10.0)
SCHEDULES: list[Row] = [
    {"learning_rate": "optimal"},
    *({"learning_rate": "invscaling", "eta0": eta} for eta in (1.0, 0.1, 0.01)),
    *({"learning_rate": "constant", "eta0": eta} for eta in (1e-2, 1e-3, 1e-4, 1e-5)),
]
UNAVERAGED = (0, 1)
# All settings are given so many passes; the best few of them then go on to the limit.
FIRST_PASSES, BEST = 5, 4


def main() -> None:
    """Measure each part and write results/batches.md."""
    options = parse()
    if options.child:
        print(json.dumps(disk.fit(options.child, C, options.tol)))
        return
    kept = options.output / "batches.json"
    found = json.loads(kept.read_text("utf-8")) if kept.is_file() else {}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for part in options.parts:
            found[part] = PARTS[part](Path(folder), options)
        if options.large:
            found["large"] = disk.measure(Path(folder), __file__, options)
    options.output.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = "\n".join(report(found))
    (options.output / "batches.md").write_text(text + "\n", encoding="utf-8")
    print(text)


class Counted:
    """Batches that count the passes over them."""

    def __init__(self, batches: Iterable[Any]) -> None:
        self._batches, self.n_passes = batches, 0

    def __iter__(self) -> Iterator[Any]:
        self.n_passes += 1
        return iter(self._batches)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a function returns, and its seconds of processor time."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def read(batches: Iterable[Any]) -> None:
    """Read all batches, and do nothing with them."""
    for _ in batches:
        pass


def ordered(order: str, name: str) -> tuple[Any, np.ndarray, str]:
    """Return rows and signs of a problem in some order, and their source."""
    problem = data.load(name)
    if order == "file":
        return problem.X, problem.y, problem.source
    some = np.random.default_rng(0).permutation(len(problem.y))
    return problem.X[some], problem.y[some], problem.source


def compared(
    batches: Iterable[Any], X: Any, y: np.ndarray, tol: float, seeds: int
) -> Row:
    """Compare fits of batches with fits of the same rows in memory."""
    seconds = [timed(lambda: read(batches))[1] for _ in range(READS)]
    reading = float(np.median(seconds))
    fits = []
    for seed in range(seeds):
        clf = HingeSVC(C=C, tol=tol, random_state=seed)
        counted = Counted(batches)
        model, ours = timed(lambda clf=clf, counted=counted: clf.fit_batches(counted))
        gaps, values = [model.dual_gap_], [model.objective_]
        model, in_memory = timed(lambda clf=clf: clf.fit(X, y))
        gaps.append(model.dual_gap_)
        values.append(model.objective_)
        fits.append(
            {
                "passes": counted.n_passes,
                "seconds": ours,
                "in_memory": in_memory,
                "ratio": ours / (in_memory + counted.n_passes * reading),
                "gap": gaps[0] / values[0],
                "difference": (values[0] - values[1]) / values[1],
                "gaps": sum(gaps) / values[1],
            }
        )
    return {"reading": reading, "fits": fits}


def measure_table(folder: Path, options: argparse.Namespace) -> list[Row]:
    """Measure fits of a Parquet file, and SGDClassifier on the same batches."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pa.set_cpu_count(1)
    name, n_batches, tol = TABLE
    rows = []
    for order in ORDERS:
        X, y, source = ordered(order, name)
        path = folder / f"{order}.parquet"
        columns = {f"x{k}": X[:, k] for k in range(X.shape[1])}
        pq.write_table(pa.table(columns | {"label": y}), path)
        batches = from_parquet(path, label="label", rows=-(-len(y) // n_batches))
        row = compared(batches, X, y, tol, options.seeds)
        row |= {"order": order, "source": source, "limit": options.limit}
        row |= {"loose": loose(batches, X, y), "sgd": sgd(batches, X, y, options)}
        rows.append(row)
        print(json.dumps(row))
    return rows


def measure_text(folder: Path, options: argparse.Namespace) -> list[Row]:
    """Measure fits of sparse batches."""
    name, n_batches, tol = TEXT
    rows = []
    for order in ORDERS:
        X, y, source = ordered(order, name)
        batches = from_arrays(X, y, rows=-(-len(y) // n_batches))
        row = compared(batches, X, y, tol, options.seeds)
        rows.append(row | {"order": order, "source": source})
        print(json.dumps(rows[-1]))
    return rows


def loose(batches: Iterable[Any], X: Any, y: np.ndarray) -> Row:
    """Return the time of a fit to the level of SGDClassifier, and what it reaches."""
    lowest = minimum(X, y)
    clf = HingeSVC(C=C, tol=LEVEL, random_state=0)
    counted = Counted(batches)
    _, seconds = timed(lambda: clf.fit_batches(counted))
    return {
        "seconds": seconds,
        "passes": counted.n_passes,
        "excess": excess(clf, X, y, lowest),
    }


def minimum(X: Any, y: np.ndarray) -> float:
    """Return the minimum of the objective, to seven digits."""
    return float(HingeSVC(C=C, tol=1e-7).fit(X, y).objective_)


def excess(clf: Any, X: Any, y: np.ndarray, lowest: float) -> float:
    """Return how far the objective of a model is above the minimum, relative to it."""
    w, b = clf.coef_[0].astype(np.float64), float(clf.intercept_[0])
    return objective.suboptimality(objective.primal(X, y, C, "free", w, b), lowest)


def sgd(
    batches: Iterable[Any], X: Any, y: np.ndarray, options: argparse.Namespace
) -> Row:
    """Return how soon the best setting of SGDClassifier is within the level."""
    lowest, n = minimum(X, y), len(y)
    runs = [
        Run(alpha, schedule, passes, n)
        for alpha in ALPHAS
        for schedule in SCHEDULES
        for passes in UNAVERAGED
    ]
    for limit, most in ((np.inf, FIRST_PASSES), (options.limit, np.inf)):
        for run in runs:
            while run.excess > LEVEL and run.seconds < limit and run.n_passes < most:
                run.go_on(batches, X, y, lowest)
        reached = [run for run in runs if run.excess <= LEVEL]
        if reached:
            return min(reached, key=lambda run: run.seconds).row()
        runs = sorted(runs, key=lambda run: run.excess)[:BEST]
    return min(runs, key=lambda run: run.excess).row()


class Run:
    """SGDClassifier with one setting, trained pass by pass."""

    def __init__(self, alpha: float, schedule: Row, unaveraged: int, n: int) -> None:
        named = ", ".join(map(str, schedule.values()))
        self._about = f"alpha = {alpha:g} / (C n), {named}, averaged"
        if unaveraged:
            self._about += f" after {unaveraged} pass"
        average = True if unaveraged == 0 else unaveraged * n
        self._clf = SGDClassifier(
            alpha=alpha / (C * n), average=average, random_state=0, **schedule
        )
        self.seconds, self.n_passes, self.excess = 0.0, 0, np.inf

    def go_on(
        self, batches: Iterable[Any], X: Any, y: np.ndarray, lowest: float
    ) -> None:
        """Take a pass, which is timed, and see how good the model then is."""

        def step() -> None:
            for rows, signs in batches:
                self._clf.partial_fit(rows, signs, classes=[-1, 1])

        self.seconds += timed(step)[1]
        self.n_passes += 1
        self.excess = excess(self._clf, X, y, lowest)

    def row(self) -> Row:
        """Return what is reported."""
        return {
            "setting": self._about,
            "seconds": self.seconds,
            "passes": self.n_passes,
            "excess": self.excess,
        }


def report(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the report."""
    yield from ("# Rows in batches", "", machine.describe(), "")
    yield "Seconds of processor time of one thread, waiting for a disk not included."
    yield f"C = {C:g}, a free intercept. Numbers are medians over `random_state`, with"
    yield "the least and the most of passes and ratios. The ratio is the time of"
    yield "`fit_batches` over that of `fit` in memory and of as many passes that only"
    yield "read. `apart` is the largest difference of both objectives, in units of the"
    yield "sum of both gaps; above 1 a certificate would be wrong."
    yield ""
    for part, title in (
        ("table", "Table: covtype from Parquet, 20 batches, `tol` 1e-4"),
        ("text", "Text: IMDB, 10 CSR batches, `tol` 1e-3"),
    ):
        if part in found:
            yield from (f"## {title}", "", *comparison(found[part]))
    if "table" in found:
        yield from peers(found["table"], found["table"][0]["limit"])
    if "large" in found:
        yield from disk.report(found["large"])


def comparison(rows: list[Row]) -> Iterator[str]:
    """Yield a table of fits in batches beside fits in memory."""
    yield from table(
        (
            *("order of rows", "passes", "seconds", "in memory, s", "a pass, s"),
            *("ratio", "gap", "apart"),
        ),
        (
            (
                row["order"],
                spread(row, "passes"),
                median(row, "seconds"),
                median(row, "in_memory"),
                row["reading"],
                spread(row, "ratio"),
                median(row, "gap"),
                max(abs(fit["difference"]) / fit["gaps"] for fit in row["fits"]),
            )
            for row in rows
        ),
    )


def peers(rows: list[Row], limit: float) -> Iterator[str]:
    """Yield a table of the times to a loose level."""
    settings = len(ALPHAS) * len(SCHEDULES) * len(UNAVERAGED)
    yield f"## Table: within {LEVEL:g} of the minimum"
    yield ""
    yield "`HingeSVC(tol=1e-2).fit_batches`, which proves it, and"
    yield f"`SGDClassifier.partial_fit`, averaged, with the best of {settings} settings"
    yield "(alpha 1 and 10 times 1 / (C n), eight schedules, averaged from the first or"
    yield "the second pass on), on the same batches. Which setting is best is known"
    yield "only afterwards; the time of trying the others is not counted. SGDClassifier"
    yield f"ends once it is within, or after {limit:g} seconds. Both times include"
    yield "reading the file."
    yield ""
    yield from table(
        (
            *("order of rows", "solver", "passes", "seconds", "within"),
            "setting",
        ),
        (
            (
                row["order"],
                solver,
                row[key]["passes"],
                row[key]["seconds"],
                row[key]["excess"],
                row[key].get("setting", "default"),
            )
            for row in rows
            for solver, key in (("HingeSVC", "loose"), ("SGDClassifier", "sgd"))
        ),
    )


def median(row: Row, key: str) -> float:
    """Return the median of a number over the fits of a row."""
    return float(np.median([fit[key] for fit in row["fits"]]))


def spread(row: Row, key: str) -> str:
    """Return the median of a number, and the least and the most of it."""
    values = [fit[key] for fit in row["fits"]]
    return f"{np.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


PARTS = {"table": measure_table, "text": measure_text}


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--parts", nargs="*", choices=list(PARTS), default=list(PARTS))
    add("--seeds", type=int, default=6, help="fits of each kind")
    add("--limit", type=float, default=60.0, help="seconds of SGDClassifier")
    add("--large", type=int, metavar="N", help="rows of a table that is generated")
    add("--columns", type=int, default=50, help="columns of that table")
    add("--batch", type=int, default=100_000, help="rows of a batch of that table")
    add(
        "--address-space", type=int, metavar="MB", help="limit of the fit of that table"
    )
    add("--tol", type=float, default=1e-4, help="of the fit of that table")
    add("--folder", type=Path, help="where tables are written, and removed afterwards")
    add("--output", type=Path, default=FOLDER)
    add("--child", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        main()

"""Time fits on many shapes of data; print the worst ratios first.

For each shape of `zoo.py` and each C, these CPU seconds are measured, on one thread: of
HingeSVC at its default tolerance, of each of its two methods alone at the same, of
LinearSVC(loss="hinge") at its defaults and at the loosest tolerance within 1e-3 of the
minimum, and of SVC(kernel="linear") up to 2,000 rows. To minimise the same objective,
HingeSVC has the free intercept when compared with its own methods and SVC, and a
penalised one when compared with LinearSVC. How far above the minimum a peer ended is
computed from its coefficients. A fit is a forked process and ends at `--limit` seconds;
short ones are repeated, and the median counts.
"""

import argparse
import csv
import multiprocessing
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe
from markdown import table
from sklearn.svm import SVC, LinearSVC
from threads import keep_to_one_thread
from zoo import Matrix, Shape, chosen

from hingesvm import HingeSVC

RESULTS = Path(__file__).resolve().parent / "results"

# SVC is tried up to this number of rows; LinearSVC is timed to this suboptimality.
FEW_ROWS, LEVEL, NEAR = 2000, 1e-3, 1e-2
# A fit that takes fewer seconds than this is repeated so many times.
SHORT, REPEATS = 0.05, 5
# Enough iterations for any shape, so that all of our times are to the same tolerance.
MOST_ITERATIONS = 10_000
TOLERANCES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)

FIELDS = (
    "shape",
    "n",
    "d",
    "classes",
    "C",
    "auto",
    "gap",
    "stochastic",
    "batch",
    "penalized",
    "liblinear",
    "liblinear_above",
    "liblinear_equal",
    "libsvm",
)
Row = dict[str, Any]


def main() -> None:
    """Time what was asked for; write the rows and the report."""
    options = parse()
    path = RESULTS / "shapes.csv"
    rows: list[Row] = []
    for shape in chosen(options.shapes):
        for C in options.C:
            row = measured(shape, C, options)
            rows.append(row)
            print(line(row), flush=True)
    if options.shapes is None:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        (RESULTS / "shapes.md").write_text("\n".join(report(rows, options)))
    for text in summary(rows):
        print(text)


def measured(shape: Shape, C: float, options: argparse.Namespace) -> Row:
    """Return the times of all solvers on a shape."""
    X, y, weights = shape.build()

    def timed(model: Any) -> tuple[float, Any]:
        return in_process(lambda: fitted(model, X, y, weights), options.limit)

    row: Row = {"shape": shape.name, "n": X.shape[0], "d": X.shape[1], "C": C}
    row["classes"] = len(np.unique(y))
    ours = partial(HingeSVC, C, max_iter=MOST_ITERATIONS)
    row["auto"], result = timed(ours())
    row["gap"] = None if result is None else result["gap"]
    for solver in ("stochastic", "batch"):
        seconds, result = timed(ours(solver=solver))
        met = result is not None and result["gap"] <= 1e-4
        row[solver] = seconds if met else np.inf
    row["penalized"], best = timed(ours(penalized_intercept=True))
    if options.only_ours:
        return row
    least = np.nan
    if best is not None:
        least = objective(X, y, weights, C, best) * (1.0 - best["gap"])
    row["liblinear"], result = timed(LinearSVC(C=C, loss="hinge"))
    if result is not None:
        above = objective(X, y, weights, C, result) / least - 1.0
        row["liblinear_above"] = above
        row["liblinear_equal"] = np.inf
        for tol in TOLERANCES:
            model = LinearSVC(C=C, loss="hinge", tol=tol, max_iter=1_000_000)
            seconds, result = timed(model)
            if result is None:
                break
            if objective(X, y, weights, C, result) <= (1.0 + LEVEL) * least:
                row["liblinear_equal"] = seconds
                break
    if X.shape[0] <= FEW_ROWS:
        row["libsvm"], _ = timed(SVC(C=C, kernel="linear"))
    return row


def fitted(
    model: Any, X: Matrix, y: np.ndarray, weights: np.ndarray | None
) -> tuple[float, dict[str, Any]]:
    """Return the CPU seconds of a fit and what is known of it."""
    warnings.simplefilter("ignore")
    seconds: list[float] = []
    while len(seconds) < REPEATS and sum(seconds) < REPEATS * SHORT:
        began = time.process_time()
        model.fit(X, y, sample_weight=weights)
        seconds.append(time.process_time() - began)
    known = {"coef": model.coef_, "intercept": model.intercept_}
    if isinstance(model, HingeSVC):
        known["gap"] = model.dual_gap_ / max(model.objective_, 1e-300)
    elif isinstance(model, SVC):
        known = {}
    return float(np.median(seconds)), known


def in_process(
    work: Callable[[], tuple[float, Any]], limit: float
) -> tuple[float, Any]:
    """Return what a function returns in a forked process; (inf, None) at the limit."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)

    def run() -> None:
        theirs.send(work())

    process = context.Process(target=run)
    process.start()
    theirs.close()
    try:
        result = ours.recv() if ours.poll(REPEATS * SHORT + limit) else None
    except EOFError:
        result = None
    process.kill()
    process.join()
    ours.close()
    return (np.inf, None) if result is None else result


def objective(
    X: Matrix,
    y: np.ndarray,
    weights: np.ndarray | None,
    C: float,
    model: dict[str, Any],
) -> float:
    """Return 1/2 (||w||^2 + b^2) + C sum s_i loss_i, summed over the classes."""
    coef = model["coef"].astype(float)
    intercept = np.ravel(model["intercept"]).astype(float)
    labels = np.unique(y)
    targets = labels[1:] if len(labels) == 2 else labels
    costs = C * (np.ones(len(y)) if weights is None else weights)
    scores = np.asarray(X @ coef.T) + intercept
    total = 0.5 * float((coef**2).sum() + (intercept**2).sum())
    for k, target in enumerate(targets):
        signs = np.where(y == target, 1.0, -1.0)
        total += float(costs @ np.maximum(0.0, 1.0 - signs * scores[:, k]))
    return total


def line(row: Row) -> str:
    """Return a line for the terminal."""
    names = ("auto", "stochastic", "batch", "penalized", "liblinear", "libsvm")
    times = "".join(f"{1e3 * row.get(name, np.nan):10.2f}" for name in names)
    gap = np.nan if row["gap"] is None else row["gap"]
    return f"{row['shape']:46}{row['C']:8g}{times}  gap {gap:.0e}"


def pure(row: Row) -> float:
    """Return auto's time over that of the better pure method, 2 ms allowed."""
    best = min(row["stochastic"], row["batch"])
    return float(max(row["auto"] - 2e-3, 0.0) / best) if np.isfinite(best) else np.nan


def against(row: Row) -> float:
    """Return LinearSVC's time over ours where it is near the minimum, else NaN."""
    near = row.get("liblinear_above", np.inf) <= NEAR
    return float(row["liblinear"] / row["penalized"]) if near else np.nan


def summary(rows: list[Row]) -> Iterator[str]:
    """Yield what holds over all rows."""
    ratios = np.array([pure(row) for row in rows])
    yield f"auto / better pure method: worst {np.nanmax(ratios):.2f}, "
    yield f"above 2 in {int(np.sum(ratios > 2.0))} of {len(rows)} fits"
    if any("liblinear" in row for row in rows):
        ratios = np.array([against(row) for row in rows])
        ratios = ratios[np.isfinite(ratios)]
        if len(ratios):
            mean = np.exp(np.log(ratios).mean())
            yield (
                f"LinearSVC / HingeSVC where within 1 %: {mean:.2f} in the geometric "
                f"mean of {len(ratios)} fits, at least {ratios.min():.2f}"
            )


def report(rows: list[Row], options: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the report, worst ratios first."""
    yield "# Shapes of data\n"
    yield (
        "CPU milliseconds on one core, medians; made by `python benchmarks/shapes.py`. "
        f"*auto* is `HingeSVC(C, max_iter={MOST_ITERATIONS})`, *stochastic* and "
        "*batch* its pure methods to the same tolerance, *penalised* has LinearSVC's "
        "intercept; *above* is how far LinearSVC at its defaults ended above the "
        "minimum; ∞ is over "
        f"{options.limit:g} s, or never there. Worst ratios of auto to LinearSVC or to "
        "a pure method first.\n"
    )
    yield from (f"{text}\n" for text in summary(rows))
    yield describe() + "\n"

    def badness(row: Row) -> float:
        ratios = [pure(row), 1.0 / against(row)]
        return float(np.nanmax([*ratios, 0.0]))

    header = ("shape", "n", "d", "classes", "C", "auto", "stochastic", "batch")
    header += ("penalised", "LinearSVC", "above", "LinearSVC to 1e-3", "SVC", "gap")

    def ms(row: Row, name: str) -> Any:
        value = row.get(name)
        if value is None:
            return None
        return 1e3 * value if np.isfinite(value) else "∞"

    yield from table(
        header,
        (
            (
                *(row[name] for name in ("shape", "n", "d", "classes", "C")),
                *(ms(row, name) for name in ("auto", "stochastic", "batch")),
                *(ms(row, name) for name in ("penalized", "liblinear")),
                row.get("liblinear_above"),
                *(ms(row, name) for name in ("liblinear_equal", "libsvm")),
                row["gap"],
            )
            for row in sorted(rows, key=badness, reverse=True)
        ),
    )


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--shapes", nargs="+", metavar="WORD", help="those with a word in their name")
    add("--C", type=float, nargs="+", default=[1e-3, 1.0, 1e3])
    add("--limit", type=float, default=20.0, help="seconds a fit may take")
    add("--only-ours", action="store_true", help="leave peers out")
    return parser.parse_args()


if __name__ == "__main__":
    keep_to_one_thread()
    main()

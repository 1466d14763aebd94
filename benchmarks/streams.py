"""One pass over a stream: HingeSVC.partial_fit beside SGDClassifier.partial_fit.

Rows are passed in batches of 1000, shuffled or sorted by class. SGDClassifier averages,
with the best of a grid of alpha and schedules. The minimum is that of a fit in memory.
Test accuracy is that of models of three quarters of the rows on the last quarter.

Times are seconds of processor time of one thread.
"""

import argparse
import json
import time
import tracemalloc
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import data
import machine
import numpy as np
import objective
from markdown import table
from results import FOLDER
from sklearn.linear_model import SGDClassifier
from threadpoolctl import threadpool_limits

from hingesvm import HingeSVC

Row = dict[str, Any]

C = 1.0
NAMES = ("covtype", "a9a", "imdb_tfidf", "mnist")
# Rows of a batch, random orders, and the part of the rows that is trained on where
# accuracy is measured.
BATCH, ORDERS, TRAINED = 1000, 3, 0.75
# Settings of SGDClassifier: alpha in units of 1 / (C n), and schedules.
ALPHAS = (1.0, 10.0, 100.0)
SCHEDULES: list[Row] = [
    {"learning_rate": "optimal"},
    *({"learning_rate": "invscaling", "eta0": eta} for eta in (1.0, 0.1, 0.01)),
    *({"learning_rate": "constant", "eta0": 10.0**-k} for k in range(6)),
]


def main() -> None:
    """Measure each data set and write results/streams.md."""
    options = parse()
    options.output.mkdir(parents=True, exist_ok=True)
    kept = options.output / "streams.json"
    found = json.loads(kept.read_text("utf-8")) if kept.is_file() else {}
    for name in options.names:
        found[name] = measure(name)
        kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = "\n".join(report(found))
    (options.output / "streams.md").write_text(text + "\n", encoding="utf-8")
    print(text)


def timed(clf: Any, X: Any, y: np.ndarray) -> float:
    """Train on batches; return the seconds of processor time."""
    classes = np.array([-1, 1])
    start = time.process_time()
    for first in range(0, len(y), BATCH):
        rows = slice(first, first + BATCH)
        clf.partial_fit(X[rows], y[rows], classes=classes)
    # It is proven when it is read.
    getattr(clf, "lower_bound_", None)
    return time.process_time() - start


def objective_of(clf: Any, X: Any, y: np.ndarray) -> float:
    """Return the objective of a model over all rows."""
    w, b = clf.coef_[0].astype(np.float64), float(clf.intercept_[0])
    return objective.primal(X, y, C, "free", w, b)


def measure(name: str) -> Row:
    """Return what is reported of a data set."""
    problem = data.load(name)
    best = HingeSVC(C=C).fit(problem.X, problem.y)
    lowest = best.objective_ - best.dual_gap_
    runs = [measure_order(problem, seed, lowest) for seed in range(ORDERS)]
    return {
        "rows": len(problem.y),
        "columns": problem.X.shape[1],
        "runs": runs,
        "sgd": measure_sgd(problem, lowest),
        "accuracy": measure_accuracy(problem),
        "by_class": [measure_by_class(problem, sign, lowest) for sign in (1, -1)],
        "memory": measure_memory(problem),
    }


def shuffled(problem: data.Dataset, seed: int) -> tuple[Any, np.ndarray]:
    """Return all rows and signs in a random order."""
    order = np.random.default_rng(seed).permutation(len(problem.y))
    return problem.X[order], problem.y[order]


def measure_order(problem: data.Dataset, seed: int, lowest: float) -> Row:
    """Return what one pass over shuffled rows leads to."""
    X, y = shuffled(problem, seed)
    clf = HingeSVC(C=C)
    seconds = timed(clf, X, y)
    return stated(clf, X, y, lowest) | {"seconds": seconds}


def measure_by_class(problem: data.Dataset, sign: int, lowest: float) -> Row:
    """Return what one pass over rows sorted by class leads to."""
    X, y = shuffled(problem, 0)
    order = np.argsort(sign * y, kind="stable")
    X, y = X[order], y[order]
    clf = HingeSVC(C=C)
    timed(clf, X, y)
    return stated(clf, X, y, lowest)


def stated(clf: HingeSVC, X: Any, y: np.ndarray, lowest: float) -> Row:
    """Return how far objective and bound are from the minimum, relative to it."""
    return {
        "excess": objective_of(clf, X, y) / lowest - 1.0,
        "below": 1.0 - clf.lower_bound_ / lowest,
    }


def measure_sgd(problem: data.Dataset, lowest: float) -> Row:
    """Return the best of all settings of SGDClassifier on the first order."""
    X, y = shuffled(problem, 0)
    best: Row = {"excess": np.inf}
    seconds = []
    for alpha in ALPHAS:
        for schedule in SCHEDULES:
            clf = SGDClassifier(
                alpha=alpha / (C * len(y)), average=True, random_state=0, **schedule
            )
            seconds.append(timed(clf, X, y))
            excess = objective_of(clf, X, y) / lowest - 1.0
            if excess < best["excess"]:
                named = ", ".join(map(str, schedule.values()))
                setting = f"alpha = {alpha:g} / (C n), {named}"
                best = {"excess": excess, "setting": setting}
    return best | {"seconds": float(np.median(seconds))}


def measure_accuracy(problem: data.Dataset) -> Row:
    """Return the accuracies of a fit and of a stream on rows that both did not see."""
    X, y = shuffled(problem, 0)
    count = int(TRAINED * len(y))
    stream = HingeSVC(C=C)
    timed(stream, X[:count], y[:count])
    fit = HingeSVC(C=C).fit(X[:count], y[:count])
    test = X[count:], y[count:]
    return {"fit": float(fit.score(*test)), "stream": float(stream.score(*test))}


def measure_memory(problem: data.Dataset) -> float:
    """Return the largest memory in MB that a pass allocates at any time."""
    X, y = shuffled(problem, 0)
    tracemalloc.start()
    timed(HingeSVC(C=C), X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def report(found: dict[str, Row]) -> Iterator[str]:
    """Yield the lines of the report."""
    yield from ("# Streams", "", machine.describe(), "")
    yield f"One pass in batches of {BATCH} rows, C = {C:g}, a free intercept."
    yield "Objectives over all rows are in percent above the least; `bound` is how far"
    yield f"`lower_bound_` is below it. Medians over {ORDERS} random orders, with the"
    yield "worst in brackets. Time is that of one thread, with checks of the input and"
    yield "one reading of the bound;"
    yield f"SGDClassifier averages, with the best of {len(ALPHAS) * len(SCHEDULES)}"
    yield "settings, whose time is the median over all."
    yield ""
    yield from table(
        (
            *("data", "rows", "columns", "objective, %", "bound, %"),
            *("SGD, %", "us a row", "SGD, us a row", "ratio", "peak, MB"),
        ),
        (shown(name, row) for name, row in found.items()),
    )
    yield "## Accuracy"
    yield ""
    yield "In percent, of models of three quarters of the rows on the last quarter."
    yield ""
    yield from table(
        ("data", "fit", "one pass"),
        (
            (name, f"{100 * a['fit']:.2f}", f"{100 * a['stream']:.2f}")
            for name, a in ((name, row["accuracy"]) for name, row in found.items())
        ),
    )
    yield from ("## Rows sorted by class", "", "The worse of both orders.", "")
    yield from table(
        ("data", "objective, %", "bound, %"),
        (
            (name, *(worst(row["by_class"], key) for key in ("excess", "below")))
            for name, row in found.items()
        ),
    )
    yield from ("## Best settings of SGDClassifier", "")
    yield from table(
        ("data", "setting"),
        ((name, row["sgd"]["setting"]) for name, row in found.items()),
    )


def shown(name: str, row: Row) -> tuple[Any, ...]:
    """Return the cells of the main table."""
    runs, sgd, n = row["runs"], row["sgd"], row["rows"]
    seconds = float(np.median([run["seconds"] for run in runs]))
    return (
        *(name, n, row["columns"]),
        *(f"{middle(runs, key)} ({worst(runs, key)})" for key in ("excess", "below")),
        f"{100 * sgd['excess']:.3g}",
        1e6 * seconds / n,
        1e6 * sgd["seconds"] / n,
        seconds / sgd["seconds"],
        row["memory"],
    )


def middle(runs: list[Row], key: str) -> str:
    """Return the median over runs, in percent."""
    return f"{100 * np.median([run[key] for run in runs]):.3g}"


def worst(runs: list[Row], key: str) -> str:
    """Return the largest over runs, in percent."""
    return f"{100 * max(run[key] for run in runs):.3g}"


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("names", nargs="*", default=list(NAMES))
    add("--output", type=Path, default=FOLDER)
    return parser.parse_args()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        main()

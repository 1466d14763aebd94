"""Time that a free intercept takes: fits with it and with a penalised one, in turn.

Each pair of fits has its own random_state, as a seed can favour either of the two.
"""

import argparse
import itertools
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import data
import machine
import numpy as np
from markdown import table
from results import FOLDER
from threadpoolctl import threadpool_limits

from hingesvm import HingeSVC

Result = tuple[str, float, float, float, float, float]

PROBLEMS = ["ijcnn1", "a9a", "w8a", "letter", "mnist", "covtype"]


def main() -> None:
    """Measure each problem and write results/intercept.md."""
    options = parse()
    rows = list(measure(options))
    ratios = np.array([row[-1] for row in rows])
    text = "\n".join(report(rows, ratios))
    (options.output / "intercept.md").write_text(text + "\n", encoding="utf-8")
    print(text)


def measure(options: argparse.Namespace) -> Iterator[Result]:
    """Yield problem, C, tolerance, median seconds of both rules, and their ratio."""
    for name in options.problems:
        problem = data.load(name)
        some = np.random.default_rng(0).permutation(problem.X.shape[0])[:1000]
        time_pair(problem.X[some], problem.y[some], {})  # loads all libraries
        for C, tol in itertools.product(options.C, options.tol):
            seconds = [
                time_pair(problem.X, problem.y, {"C": C, "tol": tol}, seed)
                for seed in range(options.pairs)
            ]
            held, free = np.median(seconds, axis=0)
            ratio = float(np.median([free / held for held, free in seconds]))
            print(f"{name} C={C:g} tol={tol:g} {held:.4f} {free:.4f} {ratio:.2f}")
            yield name, C, tol, float(held), float(free), ratio


def time_pair(
    X: Any, y: np.ndarray, parameters: dict[str, float], seed: int = 0
) -> tuple[float, float]:
    """Return the seconds of a fit with a penalised and of one with a free intercept."""
    seconds = []
    for penalized in (True, False):
        clf = HingeSVC(penalized_intercept=penalized, random_state=seed, **parameters)
        start = time.perf_counter()
        clf.fit(X, y)
        seconds.append(time.perf_counter() - start)
    return seconds[0], seconds[1]


def report(rows: list[Result], ratios: np.ndarray) -> Iterator[str]:
    """Yield the lines of the report."""
    yield from (
        "# A free intercept against a penalised one",
        "",
        machine.describe(),
        "",
    )
    mean = float(np.exp(np.log(ratios).mean()))
    yield f"Geometric mean of the ratios {mean:.2f}, largest {ratios.max():.2f}."
    yield ""
    header = ("problem", "C", "tol", "penalised, s", "free, s", "ratio of pairs")
    yield from table(header, rows)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--problems", nargs="+", default=PROBLEMS, metavar="NAME")
    add("--C", nargs="+", type=float, default=[0.01, 1.0, 100.0])
    add("--tol", nargs="+", type=float, default=[1e-3, 1e-6])
    add("--pairs", type=int, default=5)
    add("--output", type=Path, default=FOLDER)
    return parser.parse_args()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        main()

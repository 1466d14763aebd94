"""Time the choice of C by cross-validation: HingeSVCCV against searches.

There are ten values of C from 1e-3 to 1e3 and five stratified folds, all on one thread.
Times are seconds of processor time, medians of the runs. HingeSVCCV and
``GridSearchCV(HingeSVC)`` certify each fit to `--tol`; ``GridSearchCV(LinearSVC)`` has
its own default tolerance and `max_iter`, and penalises the intercept. A search is ended
after `--limit` seconds, which then stand for its time. Each run has a process of its
own and is kept as a line of `--runs`; the report covers all lines there. Scores are the
best mean accuracies; where they are equal, models within the tolerance of each other
may choose different values of C. `above X` is the largest resident memory during the
fit less that before it, as a part of X; where X is small it is mostly the code that is
loaded.
"""

import argparse
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import data
import machine
import numpy as np
import scipy.sparse as sp
from markdown import table
from peak import forget_peak, peak_memory
from results import FOLDER
from sklearn.model_selection import GridSearchCV
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from hingesvm import HingeSVC, HingeSVCCV

PROBLEMS = ["imdb_tfidf", "20news_tfidf", "a9a", "ijcnn1", "covtype", "mnist"]
CS = np.logspace(-3, 3, 10)
WHO = ["hingesvm", "search", "linearsvc"]
COLUMNS = ["C", "score", "extra"]


def main() -> None:
    """Measure each problem and write results/path.md."""
    options = parse()
    if options.run:
        name, who = options.run
        print(json.dumps(run(name, who, options)))
        return
    measure(options)
    lines = options.runs.read_text(encoding="utf-8").splitlines()
    rows = list(rows_of([json.loads(line) for line in lines]))
    text = "\n".join(report(rows, options))
    (options.output / "path.md").write_text(text + "\n", encoding="utf-8")
    print(text)


def estimator(who: str, options: argparse.Namespace) -> Any:
    """Return what is timed."""
    if who == "hingesvm":
        return HingeSVCCV(CS, tol=options.tol, n_jobs=1, store_paths=False)
    if who == "search":
        model = HingeSVC(tol=options.tol)
    else:
        model = LinearSVC(loss="hinge", random_state=0)
    return GridSearchCV(model, {"C": CS}, n_jobs=1)


def run(name: str, who: str, options: argparse.Namespace) -> dict[str, Any]:
    """Fit in this process; return the seconds and the C chosen."""
    problem = data.load(name)
    warnings.simplefilter("ignore")
    clf = estimator(who, options)
    with threadpool_limits(1):
        small = np.linspace(0, problem.X.shape[0] - 1, 500).astype(int)
        estimator(who, options).fit(problem.X[small], problem.y[small])
        forget_peak()
        before = peak_memory()
        start = time.process_time()
        clf.fit(problem.X, problem.y)
        seconds = time.process_time() - start
    extra = (peak_memory() - before) / size_of(problem.X)
    if who == "hingesvm":
        C, scores = clf.C_, clf.scores_.mean(axis=0)
    else:
        C, scores = clf.best_params_["C"], clf.cv_results_["mean_test_score"]
    return {"seconds": seconds, "C": C, "score": scores.max(), "extra": extra}


def size_of(X: Any) -> int:
    """Return the bytes of a table."""
    parts = (X.data, X.indices, X.indptr) if sp.issparse(X) else (X,)
    return sum(part.nbytes for part in parts)


def in_process(name: str, who: str, options: argparse.Namespace) -> dict[str, Any]:
    """Fit in a process of its own, for as long as the limit allows."""
    command = [sys.executable, __file__, "--run", name, who, "--tol", str(options.tol)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            timeout=options.limit + 60.0,
        )
    except subprocess.TimeoutExpired:
        return {"seconds": options.limit, **dict.fromkeys(COLUMNS, np.nan)}
    reply: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return reply


def measure(options: argparse.Namespace) -> None:
    """Add a line for each run to the file of runs."""
    for name in options.problems:
        ended = set()
        for _ in range(options.pairs):
            for who in options.who:
                if who in ended:
                    continue
                reply = in_process(name, who, options)
                if reply["seconds"] >= options.limit:
                    reply["seconds"] = options.limit
                    ended.add(who)
                line = json.dumps({"name": name, "who": who, **reply})
                print(line, file=sys.stderr, flush=True)
                with options.runs.open("a", encoding="utf-8") as file:
                    file.write(line + "\n")


def rows_of(runs: list[dict[str, Any]]) -> Iterator[list[Any]]:
    """Yield a row of the table for each problem."""
    for name in PROBLEMS:
        runs_of = {
            who: [run for run in runs if (run["name"], run["who"]) == (name, who)]
            for who in WHO
        }
        if not any(runs_of.values()):
            continue
        seconds = [
            float(np.median([run["seconds"] for run in runs_of[who]] or [np.nan]))
            for who in WHO
        ]
        ours, search, peer = seconds
        nothing = dict.fromkeys(COLUMNS, np.nan)
        last = {who: (runs_of[who] or [nothing])[-1] for who in WHO}
        row = [name, *seconds, search / ours, peer / ours]
        for column in "C", "score":
            row += [last[who][column] for who in WHO]
        extras = [last[who]["extra"] for who in WHO[:2]]
        yield [*row, *(f"{100.0 * extra:.0f} %" for extra in extras)]


def report(rows: list[list[Any]], options: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the report."""
    yield from ("# The choice of C", "", machine.describe(), "")
    yield from __doc__.split("\n\n", 1)[1].strip().splitlines()
    yield ""
    header = ["data", "HingeSVCCV, s", "search of HingeSVC, s", "of LinearSVC, s"]
    header += ["ratio", "ratio to LinearSVC", "C", "search's", "LinearSVC's"]
    header += ["score", "search's", "LinearSVC's", "above X", "search's"]
    yield from table(header, rows)
    yield ""
    means = [
        np.exp(np.mean([np.log(row[column]) for row in rows])) for column in (4, 5)
    ]
    yield f"Geometric means of the ratios: {means[0]:.2f} and {means[1]:.2f}."
    yield f"The limit is {options.limit:g} s."


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--problems", nargs="+", default=PROBLEMS, metavar="NAME")
    add("--who", nargs="+", default=WHO, choices=WHO)
    add("--tol", type=float, default=1e-3)
    add("--pairs", type=int, default=3)
    add("--limit", type=float, default=600.0)
    add("--output", type=Path, default=FOLDER)
    add("--runs", type=Path, default=FOLDER / "path.jsonl")
    add("--run", nargs=2, metavar=("NAME", "WHO"))
    return parser.parse_args()


if __name__ == "__main__":
    main()

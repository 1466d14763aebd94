"""Time fits on small data, beside LinearSVC, SVC and another build of hingesvm.

Most fits are of small data, thousands of them inside a search, so that tenths of a
millisecond of one fit matter. Times are CPU seconds at default settings, on one thread,
medians of fits in turn. `--against` names a folder with another copy of the package and
its kernels, which is imported in a process of its own.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from threads import ONE_THREAD

# Seconds for one set of rows, for the fits of all in turn; the least and the largest
# number of turns; seconds of a turn, in which short fits follow each other.
LONG, FEWEST, MOST, TURN = 3.0, 5, 40, 0.02
Work = Callable[[Any], Any]


def generated(n: int, d: int, classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return a generated set of rows."""
    from sklearn.datasets import make_classification

    more = {"n_informative": min(d, 15), "n_redundant": 0} if classes > 2 else {}
    X, y = make_classification(
        n,
        d,
        n_classes=classes,
        n_clusters_per_class=1 + (classes == 2),
        random_state=0,
        **more,
    )
    return X, y


def sets() -> dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]]:
    """Return the sets of rows by name."""
    from sklearn import datasets
    from sklearn.preprocessing import scale

    def two_of_iris() -> tuple[np.ndarray, np.ndarray]:
        X, y = datasets.load_iris(return_X_y=True)
        return X, (y == 2).astype(int)

    def scaled_cancer() -> tuple[np.ndarray, np.ndarray]:
        X, y = datasets.load_breast_cancer(return_X_y=True)
        return scale(X), y

    return {
        "iris": partial(datasets.load_iris, return_X_y=True),
        "iris, 2 classes": two_of_iris,
        "wine": partial(datasets.load_wine, return_X_y=True),
        "breast cancer": partial(datasets.load_breast_cancer, return_X_y=True),
        "breast cancer, scaled": scaled_cancer,
        "digits": partial(datasets.load_digits, return_X_y=True),
        "300 x 5": partial(generated, 300, 5),
        "1000 x 20": partial(generated, 1000, 20),
        "5000 x 50": partial(generated, 5000, 50),
        "40 classes, 400 x 300": partial(generated, 400, 300, 40),
        "200 classes, 2000 x 40": partial(generated, 2000, 40, 200),
        "RFECV, 200 x 30": partial(generated, 200, 30),
        "GridSearchCV, breast cancer": scaled_cancer,
        "HingeSVCCV, breast cancer": scaled_cancer,
        "GridSearchCV, digits": partial(datasets.load_digits, return_X_y=True),
        "HingeSVCCV, digits": partial(datasets.load_digits, return_X_y=True),
        "GridSearchCV, 5000 x 50": partial(generated, 5000, 50),
        "HingeSVCCV, 5000 x 50": partial(generated, 5000, 50),
    }


def work_of(name: str, estimator: Any) -> Work:
    """Return what is timed on a set of rows."""
    if name.startswith("RFECV"):
        from sklearn.feature_selection import RFECV

        return lambda data: RFECV(estimator).fit(*data)
    if name.startswith(("GridSearchCV", "HingeSVCCV")):
        from sklearn.model_selection import GridSearchCV

        from hingesvm import HingeSVC, HingeSVCCV

        Cs = [0.01, 0.1, 1.0, 10.0, 100.0]
        if name.startswith("HingeSVCCV") and isinstance(estimator, HingeSVC):
            return lambda data: HingeSVCCV(Cs).fit(*data)
        return lambda data: GridSearchCV(estimator, {"C": Cs}).fit(*data)
    return lambda data: estimator.fit(*data)


def serve(pipe: Connection, folder: str | None, who: str) -> None:
    """Time what is asked for, in a process of its own."""
    if folder is not None:
        sys.path.insert(0, folder)
    warnings.simplefilter("ignore")
    from sklearn.svm import SVC, LinearSVC

    from hingesvm import HingeSVC

    estimator = {
        "ours": HingeSVC(),
        "LinearSVC": LinearSVC(loss="hinge"),
        "SVC": SVC(kernel="linear"),
    }[who]
    known, data = sets(), {}
    while (name := pipe.recv()) is not None:
        if name not in data:
            data[name] = known[name]()
            work_of(name, estimator)(data[name])
        work = work_of(name, estimator)
        began, count, seconds = time.process_time(), 0, 0.0
        while seconds < TURN:
            model = work(data[name])
            count += 1
            seconds = time.process_time() - began
        gap = getattr(model, "dual_gap_", 0.0) / getattr(model, "objective_", 1.0)
        pipe.send((seconds / count, gap))


def main() -> None:
    """Print a row for each set."""
    options = parse()
    os.environ |= ONE_THREAD
    context = multiprocessing.get_context("spawn")
    folders = {"ours": options.own, "LinearSVC": options.own, "SVC": options.own}
    if options.against is not None:
        folders["base"] = options.against
    if options.only_ours:
        del folders["LinearSVC"], folders["SVC"]
    pipes = {}
    for who, folder in folders.items():
        ours, theirs = context.Pipe()
        whose = "ours" if who == "base" else who
        context.Process(target=serve, args=(theirs, folder, whose), daemon=True).start()
        pipes[who] = ours
    print(
        f"{'ms':28}" + "".join(f"{who:>11}" for who in pipes) + "        gap  speedup"
    )
    speedups = []
    for name in options.sets or sets():
        times: dict[str, list[float]] = {who: [] for who in pipes}
        gap, spent = 0.0, 0.0
        while len(times["ours"]) < FEWEST or (
            spent < options.seconds and len(times["ours"]) < MOST
        ):
            for who, pipe in pipes.items():
                pipe.send(name)
                seconds, value = pipe.recv()
                times[who].append(seconds)
                spent += max(seconds, TURN)
                gap = value if who == "ours" else gap
        medians = {who: 1e3 * statistics.median(times[who]) for who in pipes}
        line = f"{name:28}" + "".join(f"{medians[who]:11.3f}" for who in pipes)
        line += f"  {gap:9.1e}"
        if "base" in medians:
            speedups.append(medians["base"] / medians["ours"])
            line += f"  {speedups[-1]:7.2f}"
        print(line, flush=True)
    if speedups:
        print(f"geometric mean of speedups {statistics.geometric_mean(speedups):.2f}")
    for pipe in pipes.values():
        pipe.send(None)


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", help="names; all by default")
    parser.add_argument("--against", metavar="FOLDER", help="another copy")
    parser.add_argument("--own", metavar="FOLDER", help="this copy, if not installed")
    parser.add_argument("--only-ours", action="store_true", help="no other packages")
    parser.add_argument("--seconds", type=float, default=LONG, help="for each set")
    return parser.parse_args()


if __name__ == "__main__":
    main()

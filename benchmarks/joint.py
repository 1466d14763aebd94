"""Time joint fits against LinearSVC's of Crammer and Singer, in CPU seconds, in turn.

LinearSVC's time is that of the loosest setting of its grid whose objective is within
`--near` of the lowest that is known: a lower bound of the minimum is certified. Both
run on one thread, one after the other, as often as `--pairs` says; ratios are medians
of those of the pairs. Weston and Watkins' fits are compared with our own of Crammer and
Singer. Digits and satellite pixels are generated, unless the folder has `optdigits` and
`satimage`.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import data
import numpy as np
import sources
from markdown import table
from sklearn.datasets import load_digits
from sklearn.svm import LinearSVC
from threads import keep_to_one_thread

from hingesvm import HingeSVC
from hingesvm.losses import CrammerSinger

Table = tuple[Any, np.ndarray]

# liblinear's tolerance, loose to tight.
GRID = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)


def main() -> None:
    """Print a row for each problem."""
    options = parse()
    rows = [[name, *race(*PROBLEMS[name](), options)] for name in options.problems]
    header = ["data", "rows", "columns", "classes", "gap", "hingesvm, s"]
    header += ["LinearSVC tol", "LinearSVC, s", "ratio", "excess", "WW gap", "WW / CS"]
    print("\n".join(table(header, rows)))


def race(X: Any, y: np.ndarray, options: argparse.Namespace) -> Iterator[Any]:
    """Yield what a row of the table says of a problem."""

    def ours(form: str, tol: float = options.tol) -> HingeSVC:
        return HingeSVC(
            C=options.C,
            multi_class=form,
            tol=tol,
            penalized_intercept=True,
            random_state=0,
            n_jobs=1,
        )

    def theirs(tol: float) -> LinearSVC:
        return LinearSVC(
            C=options.C,
            loss="hinge",
            multi_class="crammer_singer",
            tol=tol,
            random_state=0,
        )

    model, _ = timed(ours("crammer_singer"), X, y)
    watkins, _ = timed(ours("weston_watkins"), X, y)
    bound = model.objective_ - model.dual_gap_
    goal = min(bound * (1.0 + options.tol), model.objective_) * (1.0 + options.near)
    for tol in GRID:
        peer, _ = timed(theirs(tol), X, y)
        reached = objective(peer, X, y, options.C)
        if reached <= goal:
            break
    seconds = []
    for _ in range(options.pairs):
        fits = ours("crammer_singer"), ours("weston_watkins"), theirs(tol)
        seconds.append([timed(fit, X, y)[1] for fit in fits])
    own, other, liblinear = np.array(seconds).T
    yield from (*X.shape, len(model.classes_))
    yield model.dual_gap_ / model.objective_
    yield float(np.median(own))
    yield tol
    yield float(np.median(liblinear))
    yield float(np.median(liblinear / own))
    yield (reached - model.objective_) / model.objective_
    yield watkins.dual_gap_ / watkins.objective_
    yield float(np.median(other / own))


def timed(clf: Any, X: Any, y: np.ndarray) -> tuple[Any, float]:
    """Return a fitted classifier and the CPU seconds of its fit."""
    start = time.process_time()
    clf.fit(X, y)
    return clf, time.process_time() - start


def objective(clf: Any, X: Any, y: np.ndarray, C: float) -> float:
    """Return the objective of Crammer and Singer, intercepts penalised, in float64."""
    w, b = clf.coef_.astype(np.float64), np.float64(clf.intercept_)
    scores = X.astype(np.float64) @ w.T + b
    losses = CrammerSinger().value(scores, np.searchsorted(clf.classes_, y))
    return float(0.5 * (np.vdot(w, w) + b @ b) + C * losses.sum())


def from_folder(
    name: str, prepare: Callable[[Any], Any], otherwise: Callable[[], Table]
) -> Callable[[], Table]:
    """Return what loads a data set of the folder, or generates one like it."""

    def load() -> Table:
        folder = sources.given_folder()
        if folder is not None and (folder / f"{name}.npz").exists():
            X, y = sources.from_folder(folder, name)
        else:
            X, y = otherwise()
        return prepare(X).astype(np.float32), y

    return load


def digits(n: int = 5620) -> Table:
    """Generate digits: two of one class of scikit-learn's mixed, and some noise."""
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    first = rng.integers(0, len(y), n)
    order, starts = np.argsort(y, kind="stable"), np.searchsorted(np.sort(y), y[first])
    sizes = np.bincount(y)[y[first]]
    second = order[starts + (rng.random(n) * sizes).astype(np.intp)]
    share = rng.uniform(0.5, 1.0, (n, 1))
    mixed = share * X[first] + (1.0 - share) * X[second] + rng.normal(0.0, 1.0, (n, 64))
    return np.where(X[first] + X[second] > 0.0, mixed.round(), 0.0).clip(0, 16), y[
        first
    ]


def satellite(n: int = 6435) -> Table:
    """Generate nine pixels in four bands: six kinds of soil that overlap."""
    rng = np.random.default_rng(0)
    y = rng.choice(6, n, p=np.array([1533, 703, 1358, 626, 707, 1508]) / 6435.0)
    centres = np.array(
        [
            [62, 95, 108, 89],
            [49, 40, 115, 119],
            [87, 105, 110, 87],
            [77, 90, 95, 75],
            [60, 62, 83, 69],
            [69, 77, 82, 64],
        ]
    )
    spot = centres[y] + rng.normal(0.0, 6.0, (n, 4)) + rng.normal(0.0, 4.0, (n, 1))
    pixels = spot[:, np.newaxis, :] + rng.normal(0.0, 4.0, (n, 9, 4))
    return pixels.reshape(n, 36).round(), y


def words(n: int = 9000, n_classes: int = 42) -> Table:
    """Generate texts of many classes, few of them frequent."""
    rng = np.random.default_rng(0)
    X, _ = sources.text(n, 28_000, 67)
    size = 1.0 / np.arange(1, n_classes + 1)
    scores = X @ rng.normal(0.0, 4.0, (X.shape[1], n_classes)) + 2.0 * np.log(size)
    y = np.asarray(scores).argmax(axis=1)
    return X, y


def letters(n: int = 20_000) -> Table:
    """Generate 26 classes in 16 columns that overlap."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 26, n)
    return rng.normal(0.0, 1.1, (26, 16))[y] + rng.normal(size=(n, 16)), y


def as_it_is(X: Any) -> Any:
    """Return rows as they are."""
    return X


PROBLEMS: dict[str, Callable[[], Table]] = {
    "mnist": from_folder("mnist", lambda X: X / np.float32(255.0), digits),
    "digits": from_folder("optdigits", lambda X: X / np.float32(16.0), digits),
    "reuters": from_folder("reuters_single_tfidf", as_it_is, words),
    "letter": from_folder("letter", data.standardise, letters),
    "satellite": from_folder("satimage", data.standardise, satellite),
}


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--problems", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS))
    add("--C", type=float, default=1.0)
    add("--tol", type=float, default=1e-3)
    add("--near", type=float, default=1e-3)
    add("--pairs", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    keep_to_one_thread()
    warnings.simplefilter("ignore")
    main()

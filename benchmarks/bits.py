"""Keep hashes of fits, and name the fits whose bits differ in another build.

A change of the code that changes no result leaves every hash as it is. `python bits.py
write FILE` fits some 180 problems and writes, for each, a hash of its coefficients,
intercepts, gaps, objectives, iterations and history, with the numbers that a person
wants to see; `python bits.py compare FILE` fits them again and names those that differ.
The hashes hold for one machine, its BLAS and its processor.
"""

import argparse
import hashlib
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.datasets import load_breast_cancer, load_iris, make_classification
from threads import keep_to_one_thread

from hingesvm import HingeSVC, HingeSVCCV, hinge_path
from hingesvm.losses import SmoothedHinge

LOSSES = ("hinge", "squared_hinge", SmoothedHinge(0.5))
RULES: tuple[dict[str, Any], ...] = (
    {},
    {"penalized_intercept": True},
    {"fit_intercept": False},
)
# Rows, labels, and weights of the rows or None.
Data = tuple[Any, np.ndarray, np.ndarray | None]
Known = dict[str, Any]
Case = tuple[str, Callable[[], Known]]


def main() -> int:
    """Write the hashes or compare with those written; return 1 if some differ."""
    options = parse()
    warnings.simplefilter("ignore")
    results = {name: case() for name, case in cases()}
    if options.what == "write":
        options.file.write_text(json.dumps(results, indent=1) + "\n")
        print(f"{len(results)} fits written to {options.file}")
        return 0
    before = json.loads(options.file.read_text())
    others = [name for name in results if results[name] != before.get(name)]
    for name in others:
        print(f"{name}\n  was {before.get(name)}\n  is  {results[name]}")
    gone = sorted(set(before) - set(results))
    print(f"{len(others)} of {len(results)} differ; gone: {', '.join(gone) or 'none'}")
    return int(bool(others or gone))


def cases() -> Iterator[Case]:
    """Yield the name of each problem and what fits it."""
    shapes = {
        "narrow": generated(300, 8),
        "wide": generated(120, 200),
        "square": generated(400, 300),
        "tall": generated(20_000, 12),
        "3 classes": generated(200, 30, 3),
        "40 classes": generated(400, 50, 40),
        "text": text(4000, 6000),
        "raw": (*load_breast_cancer(return_X_y=True), None),
    }
    for name, data in shapes.items():
        for loss, rule in product(LOSSES, RULES):
            yield fit(name, data, loss=loss, **rule)
        for solver in ("stochastic", "batch", "pegasos"):
            yield fit(name, data, solver=solver, max_iter=60)
        for C in (1e-3, 1e3):
            yield fit(name, data, C=C)
        yield fit(name, data, n_jobs=2)
        yield fit(name, data, tol=1e-8)
        yield fit(f"{name} in float32", in_float32(data))
        yield fit(f"{name} in CSR", as_csr(data))
        yield fit(f"{name} with weights", with_weights(data), class_weight="balanced")
        yield f"{name}, warm", lambda data=data: warm(data)
    several = (*load_iris(return_X_y=True), None)
    for loss, rule in product(("crammer_singer", "weston_watkins"), RULES):
        yield fit("iris", several, multi_class=loss, **rule)
        yield fit("3 classes", shapes["3 classes"], multi_class=loss, **rule)
    for name in ("narrow", "wide", "3 classes", "text"):
        yield f"{name}, search", lambda data=shapes[name]: search(data)
    for name in ("narrow", "wide", "text"):
        yield f"{name}, path", lambda data=shapes[name]: path(data)


def fit(name: str, data: Data, **options: Any) -> Case:
    """Return the name of a fit, and a function that fits and returns what is known."""

    def result() -> Known:
        X, y, weights = data
        return known(HingeSVC(**options).fit(X, y, sample_weight=weights))

    return f"{name}, {options}", result


def known(model: Any) -> Known:
    """Return the hash of a model, and the numbers that a person wants to see."""
    histories = model.history_
    if not isinstance(histories, list):
        histories = [histories]
    numbers = (model.coef_, model.intercept_, model.dual_gap_, model.objective_)
    # All of the history but the seconds.
    seen = [
        np.asarray(history[field], dtype=np.float64)
        for history in histories
        for field in ("iteration", "objective", "gap", "active")
    ]
    gap = float(np.max(model.dual_gap_ / np.maximum(model.objective_, 1e-300)))
    iterations = int(np.sum(model.n_iter_))
    return {"hash": digest(*numbers, *seen), "gap": gap, "iterations": iterations}


def warm(data: Data) -> Known:
    """Return what is known of a fit that starts from another."""
    X, y, weights = data
    model = HingeSVC(C=0.5, warm_start=True).fit(X, y, sample_weight=weights)
    other = np.random.default_rng(5).random(len(y))
    model.set_params(C=2.0).fit(X, y, sample_weight=other)
    return known(model) | {"duals": digest(model.dual_coef_)}


def search(data: Data) -> Known:
    """Return what is known of a search of C."""
    X, y, weights = data
    model = HingeSVCCV(Cs=5, cv=3).fit(X, y, sample_weight=weights)
    return known(model) | {"scores": digest(model.scores_), "C": np.ravel(model.C_)[0]}


def path(data: Data) -> Known:
    """Return what is known of a path of C."""
    X, y, weights = data
    solved = hinge_path(X, y, Cs=5, sample_weight=weights)
    numbers = (solved.coefs, solved.intercepts, solved.dual_gaps, solved.objectives)
    return {"hash": digest(*numbers), "iterations": int(np.sum(solved.n_iters))}


def digest(*arrays: Any) -> str:
    """Return the hash of arrays, with their types and shapes."""
    made = hashlib.sha256()
    for array in map(np.ascontiguousarray, arrays):
        made.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return made.hexdigest()[:16]


def generated(n: int, d: int, n_classes: int = 2) -> Data:
    """Return generated rows."""
    informative = min(d, 12)
    X, y = make_classification(
        n,
        d,
        n_classes=n_classes,
        n_informative=informative,
        n_redundant=min(2, d - informative),
        n_clusters_per_class=1,
        random_state=0,
    )
    return X, y, None


def text(n: int, d: int) -> Data:
    """Return sparse rows of length 1, with words as Zipf has them."""
    rng = np.random.default_rng(0)
    odds = 1.0 / np.arange(1, d + 1)
    columns = rng.choice(d, n * 20, p=odds / odds.sum())
    rows = np.repeat(np.arange(n), 20)
    X = sp.csr_matrix((rng.random(n * 20), (rows, columns)), shape=(n, d))
    X = sp.csr_matrix(sp.diags(1.0 / np.sqrt(X.multiply(X).sum(axis=1).A1)) @ X)
    scores = X @ rng.standard_normal(d) + 0.2 * rng.standard_normal(n)
    return X, (scores > 0.0).astype(int), None


def in_float32(data: Data) -> Data:
    """Return the same rows in single precision."""
    return data[0].astype(np.float32), *data[1:]


def as_csr(data: Data) -> Data:
    """Return the larger half of the values as CSR with int64 indices."""
    X = data[0] if not sp.issparse(data[0]) else data[0].toarray()
    X = sp.csr_array(np.where(np.abs(X) > np.median(np.abs(X)), X, 0.0))
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X, *data[1:]


def with_weights(data: Data) -> Data:
    """Return the same rows with weights, some of them 0."""
    rng = np.random.default_rng(1)
    n = data[0].shape[0]
    return data[0], data[1], rng.random(n) * (rng.random(n) > 0.2)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["write", "compare"])
    parser.add_argument("file", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    keep_to_one_thread()
    sys.exit(main())

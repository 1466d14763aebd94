"""Models that are stored with each release: how they are made, and read again.

A name and what it stands for do not change once a release is out, as the models that it
stored are compared with them: a new case has a new name.
"""

import importlib
import io
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED

import joblib
import numpy as np
import scipy.sparse as sp
from sklearn.datasets import load_iris

from hingesvm import HingeSVC, HingeSVCCV
from hingesvm.losses import SmoothedHinge
from hingesvm.metrics import neg_hinge_loss_scorer
from hingesvm.penalties import ElasticNet

DATA = Path(__file__).resolve().parent / "data"
# What skops is told to trust, with which hingesvm has no part that it does not name.
TRUSTED = [
    *("hingesvm.HingeSVC", "hingesvm.HingeSVCCV"),
    *("hingesvm.losses.Hinge", "hingesvm.penalties.ElasticNet"),
]


@dataclass(frozen=True)
class Case:
    """An estimator, what it is trained on and by which method.

    Attributes
    ----------
    make : callable
        Returns the estimator.
    form : callable
        Takes an array and returns the rows in the form in which they are passed.
    labels : tuple
        Those of setosa, versicolor and virginica; the last two if these are two.
    method : str
        By which the estimator is trained.
    formats : tuple of str
        Those of the files.
    """

    make: Callable[[], Any]
    form: Callable[[Any], Any] = np.asarray
    labels: tuple[Any, ...] = (0, 1, 2)
    method: str = "fit"
    formats: tuple[str, ...] = ("pickle",)

    def data(self):
        """Return rows and labels: every third flower."""
        X, y = load_iris(return_X_y=True)
        y = y - 3 + len(self.labels)
        some = np.flatnonzero(y >= 0)[::3]
        return self.form(X[some]), np.array(self.labels)[y[some]]

    def train(self, clf):
        """Train the estimator, or train it again."""
        X, y = self.data()
        if self.method == "fit":
            return clf.fit(X, y)
        halves = [(X[half::2], y[half::2]) for half in range(2)]
        if self.method == "fit_batches":
            return clf.fit_batches(halves)
        for rows, labels in halves:
            clf.partial_fit(rows, labels, classes=np.unique(y))
        return clf


def float32(X):
    return X.astype(np.float32)


def frame(X):
    pandas = importlib.import_module("pandas")
    return pandas.DataFrame(X, columns=["a", "b", "c", "d"])


TWO = (0, 1)
ALL = ("pickle", "pickle4", "joblib", "skops")
CASES = {
    "plain": Case(HingeSVC, formats=ALL),
    "float32": Case(HingeSVC, float32, TWO),
    "csr": Case(HingeSVC, sp.csr_matrix),
    "frame": Case(HingeSVC, frame),
    "strings": Case(HingeSVC, labels=("setosa", "versicolor", "virginica")),
    "penalized-intercept": Case(lambda: HingeSVC(penalized_intercept=True)),
    "class-weight": Case(lambda: HingeSVC(class_weight={0: 2.0, 1: 1.0, 2: 1.0})),
    "squared-hinge": Case(lambda: HingeSVC(loss="squared_hinge")),
    "smoothed-hinge": Case(lambda: HingeSVC(loss=SmoothedHinge(0.5))),
    "crammer-singer": Case(lambda: HingeSVC(multi_class="crammer_singer")),
    "weston-watkins": Case(lambda: HingeSVC(multi_class="weston_watkins")),
    "elastic-net": Case(lambda: HingeSVC(l1_ratio=0.5)),
    "penalty": Case(lambda: HingeSVC(l1_ratio=ElasticNet(0.25, (1, 2, 1, 2)))),
    "duals": Case(lambda: HingeSVC(warm_start=True), labels=TWO),
    "duals-joint": Case(
        lambda: HingeSVC(multi_class="crammer_singer", warm_start=True)
    ),
    "batches": Case(HingeSVC, method="fit_batches"),
    "stream": Case(HingeSVC, method="partial_fit", formats=ALL[:3]),
    "stream-csr": Case(HingeSVC, sp.csr_matrix, TWO, "partial_fit"),
    "stream-net": Case(lambda: HingeSVC(l1_ratio=0.5), float32, TWO, "partial_fit"),
    "search": Case(lambda: HingeSVCCV(3, cv=2), formats=ALL),
    "search-scorer": Case(
        lambda: HingeSVCCV(3, cv=2, scoring=neg_hinge_loss_scorer, refit=False)
    ),
    "search-ratios": Case(
        lambda: HingeSVCCV(3, l1_ratios=[0.1, 0.9], cv=2), labels=TWO
    ),
}


def write(folder, name, suffix, clf):
    """Write a model in one of the formats."""
    path = folder / f"{name}.{suffix}"
    if suffix == "joblib":
        joblib.dump(clf, path, compress=3)
    elif suffix == "skops":
        skops = importlib.import_module("skops.io")
        skops.dump(clf, path, compression=ZIP_DEFLATED, compresslevel=9)
    else:
        path.write_bytes(pickle.dumps(clf, 4 if suffix == "pickle4" else 5))


def read(path):
    """Return the model in a file."""
    if path.suffix == ".joblib":
        return joblib.load(path)
    if path.suffix == ".skops":
        return importlib.import_module("skops.io").load(path, trusted=TRUSTED)
    return pickle.loads(path.read_bytes())


def facts_of(name, clf):
    """Return what is expected of a model: its decisions on all rows, and more."""
    X, _ = CASES[name].data()
    facts = {
        "attributes": sorted(key for key in vars(clf) if key.endswith("_")),
        "params": sorted(clf.get_params()),
        "decisions": clf.decision_function(X)[::3].tolist(),
        "predictions": clf.predict(X)[::3].tolist(),
    }
    for key in ("objective_", "dual_gap_", "lower_bound_", "C_", "n_samples_seen_"):
        if hasattr(clf, key):
            facts[key] = float(getattr(clf, key))
    return facts


def facts_in(folder):
    """Return the facts of all models of a folder."""
    return json.loads((folder / "facts.json").read_text(encoding="utf-8"))


class Names(pickle.Unpickler):
    """Unpickler that keeps the names of all that it is asked for."""

    def __init__(self, data):
        super().__init__(io.BytesIO(data))
        self.names = set()

    def find_class(self, module, name):
        self.names.add(f"{module}.{name}")
        return super().find_class(module, name)


def names_in(data):
    """What a pickle names, but for what arrays and numbers need."""
    reader = Names(data)
    reader.load()
    return {name for name in reader.names if not name.startswith("numpy.")}

"""The solvers that are raced: how each is called for one and the same objective."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from sources import Matrix

# A number of sweeps that no fit within a time limit reaches.
UNBOUNDED = 1_000_000
# SVC, whose time is quadratic in the rows, is not tried above this number of rows.
FEW_ROWS = 20_000


@dataclass(frozen=True)
class Task:
    """The problem and the settings that a solver is given."""

    C: float
    rule: str
    tol: float
    max_iter: int
    threads: int


@dataclass(frozen=True)
class Model:
    """What a solver returns; `gap`, absolute, only if it certifies one."""

    w: np.ndarray
    b: float
    gap: float = np.nan


@dataclass(frozen=True)
class Solver:
    """An entry of the race.

    `grid` lists (tol, max_iter) from loose to tight.
    """

    name: str
    module: str
    rules: tuple[str, ...]
    grid: tuple[tuple[float, int], ...]
    fit: Callable[[Matrix, np.ndarray, Task], Model]
    parallel: bool = False
    max_rows: int | None = None

    @property
    def is_installed(self) -> bool:
        """Whether its package is there."""
        return importlib.util.find_spec(self.module.partition(".")[0]) is not None

    def suits(self, rule: str, n_rows: int) -> bool:
        """Whether it has the intercept rule and can cope with the rows."""
        return rule in self.rules and (self.max_rows is None or n_rows <= self.max_rows)


def _grid(tols: str, max_iter: int) -> tuple[tuple[float, int], ...]:
    """Return a grid of tolerances with one bound on the iterations."""
    return tuple((float(tol), max_iter) for tol in tols.split())


def _model(estimator: Any, **more: float) -> Model:
    """Return the weights and the intercept of a fitted estimator."""
    coef = estimator.coef_
    dense = coef.toarray() if sp.issparse(coef) else np.asarray(coef)
    intercept = np.ravel(estimator.intercept_)
    return Model(dense.astype(np.float64).ravel(), float(intercept[0]), **more)


def hingesvm_estimator(task: Task, **more: Any) -> Any:
    """Return the estimator of this project for a task."""
    from hingesvm import HingeSVC

    return HingeSVC(
        C=task.C,
        fit_intercept=task.rule != "none",
        penalized_intercept=task.rule == "penalized",
        tol=task.tol,
        max_iter=task.max_iter,
        n_jobs=task.threads,
        **more,
    )


def _fit_hingesvm(X: Matrix, y: np.ndarray, task: Task) -> Model:
    clf = hingesvm_estimator(task).fit(X, y)
    return _model(clf, gap=clf.dual_gap_)


def _fit_linear_svc(X: Matrix, y: np.ndarray, task: Task) -> Model:
    from sklearn.svm import LinearSVC

    clf = LinearSVC(
        loss="hinge",
        dual=True,
        C=task.C,
        tol=task.tol,
        max_iter=task.max_iter,
        fit_intercept=task.rule == "penalized",
        intercept_scaling=1.0,
        random_state=0,
    )
    return _model(clf.fit(X, y))


def _fit_svc(X: Matrix, y: np.ndarray, task: Task) -> Model:
    from sklearn.svm import SVC

    clf = SVC(
        kernel="linear", C=task.C, tol=task.tol, cache_size=1000, max_iter=task.max_iter
    )
    return _model(clf.fit(X, y))


def _fit_sgd(X: Matrix, y: np.ndarray, task: Task) -> Model:
    from sklearn.linear_model import SGDClassifier

    # It has no penalised intercept, so a column of ones is appended.
    appended = task.rule == "penalized"
    clf = SGDClassifier(
        loss="hinge",
        penalty="l2",
        alpha=1.0 / (task.C * X.shape[0]),
        fit_intercept=task.rule == "free",
        average=True,
        tol=task.tol or None,
        max_iter=task.max_iter,
        random_state=0,
    )
    model = _model(clf.fit(_with_ones(X) if appended else X, y))
    return Model(model.w[:-1], float(model.w[-1])) if appended else model


def _with_ones(X: Matrix) -> Matrix:
    ones = np.ones((X.shape[0], 1), dtype=X.dtype)
    if sp.issparse(X):
        return sp.hstack([X, sp.csr_matrix(ones)], format="csr")
    return np.hstack([X, ones])


def _fit_liblinear(X: Matrix, y: np.ndarray, task: Task) -> Model:
    from liblinear import liblinearutil

    options = f"-s 3 -c {task.C!r} -e {task.tol!r} -q -m {task.threads}"
    if task.rule == "penalized":
        options += " -B 1"
    # An ndarray would go through a loop in Python.
    data = liblinearutil.problem(y.astype(np.float64), sp.csr_matrix(X))
    model = liblinearutil.train(data, options)
    w, b = model.get_decfun()
    # Its weights are those of the first label in the data.
    sign = float(model.get_labels()[0])
    return Model(sign * np.array(w), sign * float(b))


def _fit_snapml(X: Matrix, y: np.ndarray, task: Task) -> Model:
    from snapml import SupportVectorMachine

    clf = SupportVectorMachine(
        loss="hinge",
        regularizer=1.0 / task.C,
        max_iter=task.max_iter,
        tol=task.tol,
        n_jobs=task.threads,
        fit_intercept=task.rule == "penalized",
        intercept_scaling=1.0,
    )
    return _model(clf.fit(X, y))


def _fit_rehline(X: Matrix, y: np.ndarray, task: Task) -> Model:
    from rehline import plq_Ridge_Classifier

    clf = plq_Ridge_Classifier(
        loss={"name": "svm"},
        C=task.C,
        tol=task.tol,
        max_iter=task.max_iter,
        fit_intercept=task.rule == "penalized",
        intercept_scaling=1.0,
        shrink=1,
    )
    return _model(clf.fit(X, y))


OURS = "hingesvm"
BASELINE = "LinearSVC"

# Loose settings for solvers that may reach the limit even at loose tolerances.
FEW_SWEEPS = tuple((0.1, sweeps) for sweeps in (10, 30, 100, 130, 300, 1_000))

SOLVERS = {
    solver.name: solver
    for solver in (
        Solver(
            OURS,
            "hingesvm",
            ("penalized", "free", "none"),
            _grid("3e-2 1e-2 3e-3 1e-3 3e-4 1e-4 1e-5 1e-6 1e-7", 10_000),
            _fit_hingesvm,
            parallel=True,
        ),
        Solver(
            BASELINE,
            "sklearn.svm",
            ("penalized", "none"),
            # Below 1e-12 it never stops.
            (*FEW_SWEEPS, *_grid("1e-1 1e-2 1e-3 1e-4 1e-6 1e-8 1e-10", UNBOUNDED)),
            _fit_linear_svc,
        ),
        Solver(
            "snapml",
            "snapml",
            ("penalized", "none"),
            # Beyond 1e-7 only more sweeps bring it further.
            (
                *_grid("1e-1 1e-2 1e-3 1e-4 1e-5 1e-6 1e-7", 5_000),
                (0.0, 1_000),
                (0.0, 20_000),
            ),
            _fit_snapml,
            parallel=True,
        ),
        Solver(
            "rehline",
            "rehline",
            ("penalized", "none"),
            (*FEW_SWEEPS, *_grid("1e-1 1e-2 1e-3 1e-4 1e-5 1e-6 1e-7 1e-9", UNBOUNDED)),
            _fit_rehline,
        ),
        Solver(
            "liblinear-mc",
            "liblinear",
            ("penalized", "none"),
            # It has a bound of 300 sweeps of its own.
            _grid("1 1e-1 1e-2 1e-3 1e-4 1e-6", 300),
            _fit_liblinear,
            parallel=True,
        ),
        Solver(
            "SGDClassifier",
            "sklearn.linear_model",
            ("penalized", "free", "none"),
            (*_grid("1e-3 1e-4", 1_000), (0.0, 100), (0.0, 300), (0.0, 1_000)),
            _fit_sgd,
        ),
        Solver(
            "SVC",
            "sklearn.svm",
            ("free",),
            _grid("1e-1 1e-2 1e-3 1e-4 1e-6", -1),
            _fit_svc,
            max_rows=FEW_ROWS,
        ),
    )
}

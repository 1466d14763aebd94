"""The solvers and problems of the race of sparse weights; see `sparse_weights.py`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from peers import OURS
from scipy.optimize import linprog
from sklearn.linear_model import SGDClassifier
from sklearn.svm import LinearSVC
from sources import Matrix
from sparse_objective import Task

from hingesvm import HingeSVC

#: Fits rows and signs with a setting; returns the weights and the intercept.
Fit = Callable[[Matrix, np.ndarray, Task, Any], tuple[np.ndarray, float]]


def fit_ours(X: Matrix, y: np.ndarray, task: Task, tol: float) -> Any:
    """Fit HingeSVC."""
    clf = ours(task, tol).fit(X, y)
    return clf.coef_[0], float(np.ravel(clf.intercept_)[0])


def ours(task: Task, tol: float, **more: Any) -> HingeSVC:
    """Return the estimator of a task."""
    free = task.rule == "free"
    return HingeSVC(
        loss=task.loss,
        l1_ratio=task.l1_ratio,
        C=task.C,
        fit_intercept=free,
        tol=tol,
        max_iter=10_000,
        **more,
    )


def fit_linear_svc(X: Matrix, y: np.ndarray, task: Task, tol: float) -> Any:
    """Fit LinearSVC, which has the L1 norm with the squared hinge."""
    clf = LinearSVC(
        penalty="l1",
        dual=False,
        C=task.C,
        fit_intercept=False,
        tol=tol,
        max_iter=3000,
        random_state=0,
    )
    return clf.fit(X, y).coef_[0], 0.0


def fit_rehline(
    X: Matrix, y: np.ndarray, task: Task, setting: tuple[float, int]
) -> Any:
    """Fit ReHLine's elastic net."""
    from rehline import plq_ElasticNet_Classifier

    clf = plq_ElasticNet_Classifier(
        loss={"name": "svm"},
        C=task.C,
        l1_ratio=task.l1_ratio,
        fit_intercept=False,
        tol=setting[0],
        max_iter=setting[1],
    )
    return np.ravel(clf.fit(X, y).coef_), 0.0


def fit_sgd(X: Matrix, y: np.ndarray, task: Task, setting: tuple[Any, ...]) -> Any:
    """Fit SGDClassifier, whose alpha follows from C."""
    schedule, eta, average, epochs = setting
    clf = SGDClassifier(
        penalty="elasticnet",
        l1_ratio=task.l1_ratio,
        alpha=1.0 / (task.C * len(y)),
        fit_intercept=False,
        learning_rate=schedule,
        eta0=eta,
        average=average,
        max_iter=epochs,
        tol=None,
        random_state=0,
    )
    return clf.fit(X, y).coef_[0], 0.0


def fit_highs(X: Matrix, y: np.ndarray, task: Task, method: str) -> Any:
    """Solve the linear program: weights in two parts, a free intercept, losses."""
    n, d = X.shape
    signed = sp.csc_matrix(X.astype(np.float64) * y[:, np.newaxis])
    rows = sp.hstack([signed, -signed, y[:, np.newaxis], sp.eye(n)], format="csc")
    costs = np.repeat([1.0, 0.0, task.C], [2 * d, 1, n])
    bounds = [(0, None)] * (2 * d) + [(None, None)] + [(0, None)] * n
    found = linprog(costs, A_ub=-rows, b_ub=-np.ones(n), bounds=bounds, method=method)
    return found.x[:d] - found.x[d : 2 * d], float(found.x[2 * d])


def sgd_settings() -> Iterator[tuple[Any, ...]]:
    """Yield schedules, steps at the start, averages and passes over the rows."""
    schedules = [("optimal", 1.0)]
    schedules += [("invscaling", eta) for eta in (1.0, 0.1, 0.01)]
    schedules += [("constant", eta) for eta in (0.1, 0.01, 1e-3, 1e-4)]
    for schedule, eta in schedules:
        yield from ((schedule, eta, average, 100) for average in (False, True))


@dataclass(frozen=True)
class Solver:
    """A solver, its settings from loose to tight, and the package that it needs.

    With `longer`, the best of all settings is tried with so many passes besides.
    """

    name: str
    fit: Fit
    grid: tuple[Any, ...]
    module: str = "hingesvm"
    longer: tuple[int, ...] = ()

    @property
    def further(self) -> list[Any]:
        """Settings that may follow those of the grid."""
        return [(*some[:-1], more) for some in self.grid for more in self.longer]


@dataclass(frozen=True)
class Part:
    """One part of the race; `task` has C = 1."""

    title: str
    task: Task
    problems: tuple[str, ...]
    Cs: tuple[float, ...]
    levels: tuple[float, ...]
    solvers: tuple[Solver, ...]


TOLS = (0.5, 0.2, 0.1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
FEW_SWEEPS = tuple((0.1, sweeps) for sweeps in (10, 30, 100, 300, 1000))
MANY_SWEEPS = tuple((10.0**-k, 1_000_000) for k in range(1, 8))
SMALL = ("leukemia_train38", "colon_scaled")
TABLES = ("a9a", "w8a")
TEXTS = ("20news_tfidf", "imdb_tfidf", "reuters_earn_tfidf")

PARTS = {
    "squared": Part(
        "Squared hinge, L1 norm, no intercept",
        Task("squared_hinge", 1.0, 1.0, "none"),
        (*TEXTS, *TABLES, *SMALL, "mnist"),
        (0.01, 0.1, 1.0),
        (1e-3, 1e-5),
        (
            Solver(OURS, fit_ours, TOLS),
            Solver("LinearSVC", fit_linear_svc, tuple(10.0**-k for k in range(1, 7))),
        ),
    ),
    "net": Part(
        "Hinge, elastic net of 1/2, no intercept",
        Task("hinge", 0.5, 1.0, "none"),
        (*TABLES, "reuters_earn_tfidf", "sms_spam_tfidf", *SMALL),
        (0.1, 1.0),
        (1e-3,),
        (
            Solver(OURS, fit_ours, TOLS),
            Solver("ReHLine", fit_rehline, (*FEW_SWEEPS, *MANY_SWEEPS), "rehline"),
            Solver(
                "SGDClassifier",
                fit_sgd,
                tuple(sgd_settings()),
                longer=(10, 30, 300, 1000),
            ),
        ),
    ),
    "exact": Part(
        "Hinge, L1 norm, free intercept, to the end",
        Task("hinge", 1.0, 1.0, "free"),
        SMALL,
        (0.1, 1.0, 10.0),
        (1e-6,),
        (
            # The default, with which small problems are solved exactly.
            Solver(OURS, fit_ours, (1e-4,)),
            Solver("HiGHS simplex", fit_highs, ("highs-ds",)),
            Solver("HiGHS interior point", fit_highs, ("highs-ipm",)),
        ),
    ),
}

"""Random hard problems, each from its seed: data, parameters and what is hard in it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp

Matrix = Any
Generator = np.random.Generator

LOSSES = ("hinge", "squared_hinge", "smoothed_hinge")
RULES = ("free", "penalized", "none")
JOINT = ("crammer_singer", "weston_watkins")
SOLVERS = ("auto", "stochastic", "batch")


@dataclass
class Case:
    """A problem, parameters to solve it with, and traits by which results are grouped.

    `before` is what is fitted first where the fit is a warm start.
    """

    seed: int
    X: Matrix
    y: np.ndarray
    weights: np.ndarray | None
    parameters: dict[str, Any]
    traits: list[str] = field(default_factory=list)
    before: "Case | None" = None

    @property
    def rule(self) -> str:
        """The intercept rule."""
        if not self.parameters["fit_intercept"]:
            return "none"
        return "penalized" if self.parameters["penalized_intercept"] else "free"

    @property
    def costs(self) -> np.ndarray:
        """C times the weights, in float64."""
        weights = np.ones(len(self.y)) if self.weights is None else self.weights
        return self.parameters["C"] * weights

    @property
    def dense(self) -> np.ndarray:
        """The rows as a float64 array, which has every value as it is."""
        X = self.X.toarray() if sp.issparse(self.X) else self.X
        return np.asarray(X, dtype=np.float64)


def between(rng: Generator, low: float, high: float, size: Any = None) -> Any:
    """Return numbers whose logarithm is uniform."""
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def case(seed: int, solver: str | None = None) -> Case:
    """Return the problem of a seed, for a given solver or for one that it draws."""
    rng = np.random.default_rng(seed)
    n_classes = int(rng.choice([2, 2, 2, 2, 3, 4, 5]))
    large = bool(rng.random() < 0.5)
    n = int(rng.integers(2, 401) if large else between(rng, 2, 401))
    n, d = max(n, n_classes), int(rng.integers(1, 81) if large else between(rng, 1, 81))
    traits: list[str] = []

    def with_odds(odds: float, trait: str) -> bool:
        happens = bool(rng.random() < odds)
        traits.extend([trait] * happens)
        return happens

    X = _rows(rng, n, d, with_odds)
    y = _labels(rng, X, n_classes, with_odds)
    if with_odds(0.15, "duplicates"):
        keep = rng.integers(max(n // 4, 1), size=n)
        X, y = X[keep], y[keep]
    y[:n_classes] = np.arange(n_classes)
    X, weights = _scaled(rng, X, n_classes, with_odds)
    rule = str(rng.choice(RULES, p=[0.5, 0.25, 0.25]))
    joint = n_classes > 2 and rng.random() < 0.4
    loss = "hinge" if joint else str(rng.choice(LOSSES, p=[0.5, 0.25, 0.25]))
    form = str(rng.choice(JOINT)) if joint else "ovr"
    parameters = {
        "C": float(between(rng, 1e-6, 1e6)),
        "loss": loss,
        "multi_class": form,
        "fit_intercept": rule != "none",
        "penalized_intercept": rule == "penalized",
        "tol": float(between(rng, 1e-6, 1e-2)),
        "random_state": int(rng.integers(100)),
        "warm_start": True,
    }
    before = None
    if with_odds(0.15, "warm"):
        before = _changed(rng, X, y, weights, parameters)
    drawn = str(rng.choice(SOLVERS, p=[0.6, 0.2, 0.2]))
    parameters["solver"] = drawn if solver is None else solver
    traits += [f"rule {rule}", loss if form == "ovr" else form]
    traits.append("sparse" if sp.issparse(X) else "dense")
    traits += [str(X.dtype), f"C 1e{3 * int(np.log10(parameters['C']) // 3):+d}"]
    if before is not None:
        before.parameters["solver"] = parameters["solver"]
    return Case(seed, X, y, weights, parameters, traits, before)


def _rows(rng: Generator, n: int, d: int, with_odds: Any) -> np.ndarray:
    X = rng.standard_normal((n, d))
    if with_odds(0.25, "collinear"):
        rank = max(d // 3, 1)
        X = X[:, :rank] @ rng.standard_normal((rank, d))
        X += between(rng, 1e-9, 1e-2) * rng.standard_normal((n, d))
    if with_odds(0.1, "integers"):
        X = np.round(2.0 * X)
    if with_odds(0.35, "off-centre"):
        X += between(rng, 1.0, 1e4) * rng.standard_normal(d)
    if with_odds(0.35, "zeros"):
        X *= rng.random((n, d)) < between(rng, 0.05, 1.0)
    return X


def _labels(rng: Generator, X: np.ndarray, n_classes: int, with_odds: Any) -> Any:
    if with_odds(0.2, "random labels"):
        return rng.integers(n_classes, size=len(X))
    scores = (X - X.mean(axis=0)) @ rng.standard_normal((X.shape[1], n_classes))
    scores /= scores.std(axis=0) + 1e-300
    if not with_odds(0.25, "separable"):
        scores += between(rng, 0.05, 2.0) * rng.standard_normal(scores.shape)
    if with_odds(0.1, "rare class"):
        scores[:, 0] += 2.0
    return scores.argmax(axis=1)


def _scaled(
    rng: Generator, X: np.ndarray, n_classes: int, with_odds: Any
) -> tuple[Matrix, np.ndarray | None]:
    """Return rows with uneven columns or rows, in some format, and weights."""
    n, d = X.shape
    if with_odds(0.5, "column scales"):
        reach = rng.choice([2.0, 4.0, 6.0])
        X = X * 10.0 ** rng.uniform(-reach, reach, d)
    if with_odds(0.4, "row scales"):
        reach = rng.choice([1.0, 3.0, 5.0])
        X = X * 10.0 ** rng.uniform(-reach, reach, (n, 1))
    weights = None
    if with_odds(0.4, "weights"):
        weights = 10.0 ** rng.uniform(-3.0, 3.0, n)
        weights[n_classes:][rng.random(n - n_classes) < 0.1] = 0.0
    dtype = np.float32 if rng.random() < 0.35 else np.float64
    X = np.ascontiguousarray(X, dtype=dtype)
    return sp.csr_matrix(X) if rng.random() < 0.35 else X, weights


def _changed(
    rng: Generator,
    X: Matrix,
    y: np.ndarray,
    weights: np.ndarray | None,
    parameters: dict[str, Any],
) -> Case:
    """Return what was fitted before a change of labels, weights, values or C."""
    n, old = len(y), dict(parameters)
    old["C"] *= float(rng.choice([1.0, between(rng, 1e-3, 1e3)]))
    labels = y.copy()
    some = rng.random(n) < rng.choice([0.0, 0.1, 0.5])
    labels[some] = rng.permutation(y[some])
    labels[: y.max() + 1] = np.arange(y.max() + 1)
    if rng.random() < 0.3:
        weights = 10.0 ** rng.uniform(-1.0, 1.0, n)
    if rng.random() < 0.3:
        X = X * X.dtype.type(between(rng, 0.1, 10.0))
    return Case(-1, X, labels, weights, old)

"""Slow and plain: the textbook formulas, and checks of a fit that use only them."""

import math

import numpy as np
import scipy.sparse as sp
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.preprocessing import StandardScaler

from hingesvm.losses import Hinge, SmoothedHinge, SquaredHinge, get_loss
from hingesvm.problems.binary import Problem
from hingesvm.rows.memory import MemoryRows

LOSSES = [Hinge(), SquaredHinge(), SmoothedHinge(0.5)]
RULES = ["none", "penalized", "free"]


def loss_value(loss, m):
    """The loss of one margin, as the textbook writes it."""
    if isinstance(loss, Hinge):
        return max(0.0, 1.0 - m)
    if isinstance(loss, SquaredHinge):
        return max(0.0, 1.0 - m) ** 2
    gamma = loss.gamma
    if m >= 1.0:
        return 0.0
    if m > 1.0 - gamma:
        return (1.0 - m) ** 2 / (2.0 * gamma)
    return 1.0 - m - gamma / 2.0


def dual_penalty(loss, a, c):
    """What one dual variable costs: r(a) of a row with cost c."""
    if isinstance(loss, Hinge):
        return 0.0
    if isinstance(loss, SquaredHinge):
        return a * (a / (4.0 * c))
    return a * (loss.gamma * a / (2.0 * c))


def upper(loss, c):
    """The largest dual variable of a row with cost c."""
    return math.inf if isinstance(loss, SquaredHinge) else c


def primal(X, y, cost, loss, rule, w, b):
    """P(w, b), row by row."""
    X, w = np.asarray(X, dtype=np.float64), np.asarray(w, dtype=np.float64)
    total = [0.5 * float(w @ w), 0.5 * b * b if rule == "penalized" else 0.0]
    for x, sign, c in zip(X, y, cost, strict=True):
        total.append(c * loss_value(loss, sign * (float(x @ w) + b)))
    return math.fsum(total)


def dual(X, y, cost, loss, rule, alpha):
    """D(alpha), row by row; -inf where alpha is infeasible beyond rounding."""
    X = np.asarray(X, dtype=np.float64)
    w = np.zeros(X.shape[1])
    total = []
    for x, sign, c, a in zip(X, y, cost, alpha, strict=True):
        if not 0.0 <= a <= upper(loss, c) * (1.0 + 1e-12):
            return -math.inf
        w += a * sign * x
        total.append(a - dual_penalty(loss, a, c))
    excess = math.fsum(a * sign for a, sign in zip(alpha, y, strict=True))
    if rule == "penalized":
        total.append(-0.5 * excess * excess)
    if rule == "free" and abs(excess) > 1e-12 * float(np.sum(alpha)):
        return -math.inf
    return math.fsum([*total, -0.5 * float(w @ w)])


def rounding(X, cost, w, b):
    """What rounding errors in the margins can add to P."""
    X = np.abs(np.asarray(X, dtype=np.float64))
    size = 1.0 + X @ np.abs(w) + abs(b)
    return 1e-15 * float(np.asarray(cost) @ size)


def dual_rounding(X, signed):
    """What rounding errors in w(alpha), as `dual` sums it, can take from D."""
    X = np.asarray(X, dtype=np.float64)
    error = 1e-15 * float(np.abs(signed) @ np.linalg.norm(X, axis=1))
    return error * (float(np.linalg.norm(signed @ X)) + error)


def check_certificate(clf, X, y, sample_weight=None, rel=1e-9):
    """Recompute objective_ and dual_gap_ of a fit with warm_start=True.

    `rel` is the accuracy of the comparison, in units of the objective.
    """
    X = np.asarray(X.toarray() if sp.issparse(X) else X, dtype=np.float64)
    y = np.asarray(y)
    weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
    used = weights > 0.0
    loss = get_loss(clf.loss)
    rule = "penalized" if clf.penalized_intercept else "free"
    rule = rule if clf.fit_intercept else "none"
    assert np.all(np.isfinite(clf.coef_))
    assert np.all(np.isfinite(clf.intercept_))
    assert np.all(clf.dual_coef_[:, ~used] == 0.0)
    targets = clf.classes_[1:] if len(clf.classes_) == 2 else clf.classes_
    p = d = room = 0.0
    for k, target in enumerate(targets):
        signs = np.where(y == target, 1, -1)[used]
        cost = clf.C * weights[used]
        w, b = np.float64(clf.coef_[k]), float(clf.intercept_[k])
        p += primal(X[used], signs, cost, loss, rule, w, b)
        d += dual(X[used], signs, cost, loss, rule, signs * clf.dual_coef_[k, used])
        room += rounding(X[used], cost, w, b)
        room += dual_rounding(X[used], clf.dual_coef_[k, used])
    assert np.isfinite(p)
    assert np.isfinite(d)
    room += rel * max(p, abs(d))
    assert abs(clf.objective_ - p) <= room
    assert abs(clf.dual_gap_ - (p - d)) <= 2.0 * room
    assert clf.dual_gap_ >= 0.0


def check_solution(solution, X, signs, cost, loss, rule):
    """Recompute the certificate of a solution; return its gap."""
    X = np.asarray(X.toarray() if sp.issparse(X) else X, dtype=np.float64)
    cost = np.broadcast_to(cost, len(signs))
    c = solution.certificate
    p = primal(X, signs, cost, loss, rule, c.w, c.intercept)
    d = dual(X, signs, cost, loss, rule, c.alpha)
    room = rounding(X, cost, c.w, c.intercept) + 1e-12 * abs(p)
    assert abs(c.primal - p) <= room
    assert abs(c.dual - d) <= room
    if rule == "none":
        assert c.intercept == 0.0
    return max(p - d, 0.0)


def blobs(n_samples=60, n_features=4, seed=0, dtype=np.float64):
    """Overlapping classes: rows and signs."""
    X, y = make_classification(
        n_samples,
        n_features,
        n_informative=min(3, n_features),
        n_redundant=0,
        n_clusters_per_class=1,
        class_sep=0.6,
        flip_y=0.1,
        random_state=seed,
    )
    return X.astype(dtype), np.where(y == 1, 1, -1).astype(np.int8)


def breast_cancer():
    """Standardised breast cancer: rows and signs."""
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X), np.where(y == 1, 1, -1).astype(np.int8)


def make_problem(X, signs, loss, rule, cost=1.0):
    """The problem of all rows of X."""
    return Problem.build(MemoryRows(X), np.asarray(signs, np.int8), cost, loss, rule)

"""Streams, as tests pass them: batches, and little memory for rows."""

import numpy as np
import scipy.sparse as sp
from penalty_cases import penalty_value

from hingesvm import HingeSVC
from hingesvm.losses import get_loss
from hingesvm.penalties import get_penalty

STREAM = "hingesvm.solvers.streaming.stream."


def passed(clf, X, y, size=50, sample_weight=None, classes=None):
    """Pass rows in batches, once; return the estimator."""
    classes = np.unique(y) if classes is None else classes
    for first in range(0, len(y), size):
        some = slice(first, first + size)
        weight = None if sample_weight is None else sample_weight[some]
        clf.partial_fit(X[some], y[some], classes=classes, sample_weight=weight)
    return clf


def with_little_memory(monkeypatch, rows):
    """Let only so many rows be stored."""
    monkeypatch.setattr(STREAM + "_MOST_ROWS", rows)
    monkeypatch.setattr(STREAM + "_LEAST_OF_CLASS", 5)


def as_wide(monkeypatch):
    """Let small rows be worked on as wide ones are."""
    monkeypatch.setattr(STREAM + "WIDE", 0)


def stored_rows(clf):
    """How many rows a stream has stored."""
    return len(clf._stream._stream._codes)


def objective(clf, X, y, sample_weight=None, factors=None):
    """The objective of the model over rows, in plain NumPy."""
    X = X.toarray() if sp.issparse(X) else X
    scores = X.astype(np.float64) @ clf.coef_.T.astype(np.float64) + clf.intercept_
    classes = clf.classes_[1:] if len(clf.classes_) == 2 else clf.classes_
    loss, total = get_loss(clf.loss), 0.0
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    for k, label in enumerate(classes):
        margins = np.where(y == label, 1.0, -1.0) * scores[:, k]
        total += clf.C * float(weight @ loss.value(margins))
    total += sum(penalty_value(get_penalty(clf.l1_ratio), w) for w in clf.coef_)
    if clf.fit_intercept and clf.penalized_intercept:
        total += 0.5 * float(np.vdot(clf.intercept_, clf.intercept_))
    return total


def minimum(X, y, sample_weight=None, **params):
    """Bounds of the minimum over all rows, from a fit in memory."""
    clf = HingeSVC(**params).set_params(tol=1e-8, max_iter=100_000)
    clf.fit(X, y, sample_weight=sample_weight)
    return clf.objective_ - clf.dual_gap_, clf.objective_

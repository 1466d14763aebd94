"""Penalties that several test modules share, and their formulas in plain loops."""

import math

import numpy as np
import pytest

from hingesvm.losses import get_loss
from hingesvm.penalties import ElasticNet, Penalty, get_penalty
from hingesvm.problems.penalized import problem_of
from hingesvm.rows.memory import MemoryRows

RATIOS = [0.1, 0.5, 0.9, 1.0]


class Mixed(Penalty):
    """A user's own penalty: the two numbers of each column as they are given."""

    def __init__(self, t, s):
        self.t, self.s = tuple(t), tuple(s)

    def thresholds(self, n_features):
        return np.array(self.t)

    def strengths(self, n_features):
        return np.array(self.s)


# Of five columns, some of which have a kink, some a bend, and some both.
MIXED = Mixed([0.0, 0.5, 2.0, 0.3, 1.0], [1.0, 0.0, 0.5, 0.0, 3.0])
FACTORS = [0.5, 1.0, 2.0, 7.0, 0.1]
PENALTIES = [
    *map(ElasticNet, [0.0, *RATIOS]),
    ElasticNet(0.5, FACTORS),
    ElasticNet(1.0, FACTORS),
    MIXED,
]
every_penalty = pytest.mark.parametrize("penalty", PENALTIES, ids=repr)


def terms_of(penalty, n_features=5):
    """The pairs (t, s) of each column, from the definition where there is one."""
    if isinstance(penalty, Mixed):
        return list(zip(penalty.t, penalty.s, strict=True))
    penalty = get_penalty(penalty)
    factors = penalty.factors or [1.0] * n_features
    ratio = penalty.l1_ratio
    return [(factor * ratio, factor * (1.0 - ratio)) for factor in factors]


def penalty_value(penalty, w):
    """h(w), term by term."""
    terms = terms_of(penalty, len(w))
    each = (t * abs(x) + s * x * x / 2 for (t, s), x in zip(terms, w, strict=True))
    return math.fsum(each)


def objective(clf, X, y, cost=None, sign=1):
    """P at the coefficients of a binary fit, from the formulas alone."""
    X = np.asarray(X.toarray() if hasattr(X, "toarray") else X, dtype=np.float64)
    w, b = np.float64(clf.coef_[0]), float(clf.intercept_[0])
    cost = np.full(len(X), float(clf.C)) if cost is None else cost
    losses = get_loss(clf.loss).value(np.where(y == sign, 1.0, -1.0) * (X @ w + b))
    value = penalty_value(clf.l1_ratio, w) + float(cost @ losses)
    if clf.fit_intercept and clf.penalized_intercept:
        value += 0.5 * b * b
    return value


def make_penalized(X, signs, loss, rule, penalty, cost=1.0):
    """The problem of all rows of X, with a penalty."""
    columns = penalty.columns(X.shape[1])
    signs = np.asarray(signs, dtype=np.int8)
    return problem_of(MemoryRows(X), signs, cost, loss, rule, columns)


def few_of_many(n=40, d=12, seed=0, noise=1.0):
    """Rows whose labels, -1 and 1, depend on three of the columns."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    score = X[:, :3].sum(axis=1) + noise * rng.normal(size=n) + 0.3
    y = np.where(score > 0.0, 1, -1)
    y[:2] = 1, -1
    return X, y

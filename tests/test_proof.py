"""Certificates hold in exact arithmetic, whatever the sizes of C and X."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from samples import RULES

from hingesvm import HingeSVC, hinge_path

ZERO = Fraction(0)


def exact(values):
    """The same numbers as fractions, in an array of objects."""
    return np.vectorize(Fraction, otypes=[object])(np.asarray(values, np.float64))


def loss_sum(loss, shortfall, cost):
    """The sum of the losses at exact shortfalls."""
    total = ZERO
    for short, c in zip(shortfall, cost, strict=True):
        if short <= 0:
            continue
        if loss == "hinge":
            total += c * short
        elif loss == "squared_hinge":
            total += c * short * short
        else:
            total += c * (short * short / 2 if short < 1 else short - Fraction(1, 2))
    return total


def primal(clf, X, signs, cost, k=0):
    """P of the coefficients of a fit, exactly."""
    w, b = exact(clf.coef_[k]), Fraction(float(clf.intercept_[k]))
    value = sum(w * w, ZERO) / 2
    if clf.penalized_intercept and clf.fit_intercept:
        value += b * b / 2
    shortfall = 1 - signs * (X @ w + b)
    return value + loss_sum(clf.loss, shortfall, cost)


def dual(clf, X, signs, cost, k=0):
    """D of duals next to those of a fit that are exactly feasible."""
    a = signs * exact(clf.dual_coef_[k])
    assert all(a >= 0)
    if clf.loss != "squared_hinge":
        # The costs are rounded once, too.
        assert all(a <= cost * (1 + Fraction(2) ** -50))
        a = np.minimum(a, cost)
    if clf.fit_intercept and not clf.penalized_intercept:
        of_class = [sum(a[signs == sign], ZERO) for sign in (1, -1)]
        least = min(of_class)
        for sign, total in zip((1, -1), of_class, strict=True):
            if total > least:
                a[signs == sign] *= least / total
    w = (a * signs) @ X
    value = sum(a, ZERO) - sum(w * w, ZERO) / 2
    if clf.penalized_intercept and clf.fit_intercept:
        value -= sum(a * signs, ZERO) ** 2 / 2
    if clf.loss == "squared_hinge":
        value -= sum(a * a / (4 * cost), ZERO)
    elif clf.loss == "smoothed_hinge":
        value -= sum(a * a / (2 * cost), ZERO)
    return value


def rows_and_labels(seed, n=24, d=3, *, separable):
    rng = np.random.default_rng(seed)
    X, w = rng.normal(size=(n, d)), rng.normal(size=d)
    score = X @ w + 0.3
    if separable:
        X += 0.3 * np.outer(np.sign(score), w) / np.linalg.norm(w)
    else:
        score += 2.0 * rng.normal(size=n)
    y = (score > 0.0).astype(int)
    y[:2] = 0, 1
    return X, y


def check(clf, X, y, weights=None, targets=(1,)):
    """Check that the exact optimum lies where the fit says that it does."""
    weights = np.ones(len(y)) if weights is None else weights
    rows, cost = exact(X), Fraction(float(clf.C)) * exact(weights)
    highest = least = ZERO
    for k, target in enumerate(targets):
        signs = np.where(y == target, 1, -1).astype(object)
        highest += primal(clf, rows, signs, cost, k)
        least += dual(clf, rows, signs, cost, k)
    objective, gap = Fraction(clf.objective_), Fraction(clf.dual_gap_)
    # The attributes are rounded themselves.
    slack = Fraction(2) ** -50 * objective
    assert abs(highest - objective) <= gap + slack
    assert least >= objective - gap - slack
    assert highest - least <= gap + slack


@pytest.mark.parametrize("separable", [True, False])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("C", [1e-6, 1.0, 1e4, 1e12])
@pytest.mark.parametrize("rule", RULES)
def test_gap_holds_in_exact_arithmetic(rule, C, scale, separable):
    X, y = rows_and_labels(0, separable=separable)
    X *= scale
    clf = HingeSVC(C=C, warm_start=True, **rule).fit(X, y)
    check(clf, X, y)

"""HingeSVC on float32 rows: what rounding its coefficients may cost."""

import numpy as np
import pytest
from reference import LOSSES, RULES, make_problem, primal

from hingesvm import HingeSVC
from hingesvm.solvers import solve

OPTIONS = {
    "free": {},
    "penalized": {"penalized_intercept": True},
    "none": {"fit_intercept": False},
}


def separable(seed, n=30, d=2000):
    """More columns than rows, as in gene expression."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d), dtype=np.float32)
    y = np.where(rng.random(n) < 0.5, 1, -1)
    y[:2] = 1, -1
    return X, y


@pytest.mark.parametrize("C", [1.0, 100.0, 1e4])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_rounded_coefficients_are_within_the_tolerance(loss, rule, C):
    # No warning, for warnings are errors here.
    X, y = separable(0)
    clf = HingeSVC(loss=loss, C=C, **OPTIONS[rule]).fit(X, y)
    assert clf.coef_.dtype == clf.intercept_.dtype == np.float32
    optimum = solve(make_problem(X, y, loss, rule, C)).certificate
    assert optimum.relative_gap <= 1e-9
    cost = np.full(len(y), C)
    b = float(clf.intercept_[0])
    kept = primal(X, y, cost, loss, rule, clf.coef_[0], b)
    assert kept - optimum.dual <= 1e-4 * kept


def test_float64_coefficients_are_those_of_the_certificate():
    X, y = separable(0)
    clf = HingeSVC(C=100.0).fit(X.astype(np.float64), y)
    cost, b = np.full(len(y), 100.0), float(clf.intercept_[0])
    kept = primal(X, y, cost, LOSSES[0], "free", clf.coef_[0], b)
    assert kept == pytest.approx(clf.objective_, rel=1e-11)

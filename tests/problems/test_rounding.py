"""HingeSVC on float32 rows: what rounding its coefficients may cost."""

import numpy as np
import pytest
from reference import LOSSES, RULES, make_problem, primal

from hingesvm import HingeSVC
from hingesvm.problems import rounding
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


@pytest.mark.parametrize("seed", range(5))
def test_separable_rows_need_no_search(monkeypatch, seed):
    # A search takes hundreds of passes; weights that are longer by 1e-7 take three.
    searches = []
    monkeypatch.setattr(rounding, "_searched", lambda *args: searches.append(args))
    X, y = separable(seed)
    HingeSVC(C=1000.0).fit(3.0 * X + 1.0, y)
    assert not searches


def test_float64_coefficients_are_those_of_the_certificate():
    X, y = separable(0)
    clf = HingeSVC(C=100.0).fit(X.astype(np.float64), y)
    cost, b = np.full(len(y), 100.0), float(clf.intercept_[0])
    kept = primal(X, y, cost, LOSSES[0], "free", clf.coef_[0], b)
    assert kept == pytest.approx(clf.objective_, rel=1e-11)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("seed", range(4))
def test_rows_that_differ_much_in_length_are_rounded_within_the_tolerance(
    rule, offset, seed
):
    # Rounded to nearest, the margins of long rows are lost. Warnings are errors here.
    rng = np.random.default_rng(seed)
    X, w = rng.normal(size=(60, 5)), rng.normal(size=5)
    score = X @ w
    X += 0.3 * np.outer(np.sign(score), w) / np.linalg.norm(w)
    X *= 10.0 ** rng.uniform(0.0, 6.0, size=60)[:, None]
    if offset:
        X = rng.normal(size=(60, 5)) + offset
        score += rng.normal(size=60)
    X, y = X.astype(np.float32), np.where(score > 0.0, 1, -1)
    C, tol = (10.0, 1e-6) if offset else (1e5, 1e-4)
    clf = HingeSVC(C=C, tol=tol, **OPTIONS[rule]).fit(X, y)
    cost = np.full(len(y), C)
    b = float(clf.intercept_[0])
    kept = primal(X, y, cost, LOSSES[0], rule, clf.coef_[0], b)
    assert kept - (clf.objective_ - clf.dual_gap_) <= tol * kept * (1.0 + 1e-3)

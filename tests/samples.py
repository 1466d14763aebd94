"""Data and parameters that several test modules share."""

import numpy as np
import pytest
import scipy.sparse as sp

SOLVERS = ["auto", "stochastic", "batch", "pegasos"]
LOSSES = ["hinge", "squared_hinge", "smoothed_hinge"]
RULES = [
    pytest.param({}, id="free"),
    pytest.param({"penalized_intercept": True}, id="penalized"),
    pytest.param({"fit_intercept": False}, id="none"),
]


def make_data(n=120, d=6, n_classes=2, seed=0, dtype=np.float64, density=1.0):
    """Return rows and labels 0 .. n_classes - 1 that no hyperplane separates."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d), dtype=dtype)
    if density < 1.0:
        X *= rng.random((n, d)) < density
    scores = X @ rng.standard_normal((d, n_classes), dtype=dtype)
    noise = 0.6 * np.sqrt(d) * rng.standard_normal((n, n_classes), dtype=dtype)
    return X, (scores + noise).argmax(axis=1)


def text(n=3000, d=2500, dtype=np.float32, seed=0):
    """Sparse rows of length 1, and labels that they tell in part."""
    rng = np.random.default_rng(seed)
    share = 1.0 / np.arange(1, d + 1)
    columns = rng.choice(d, size=n * 30, p=share / share.sum())
    X = sp.csr_matrix(
        (rng.random(n * 30) + 0.5, columns, np.arange(0, n * 30 + 1, 30)), shape=(n, d)
    )
    X.sum_duplicates()
    X = sp.diags(1.0 / np.sqrt(X.multiply(X).sum(axis=1).A1)) @ X
    y = np.where(X @ rng.normal(size=d) + 0.3 * rng.normal(size=n) > 0.0, 1, -1)
    return sp.csr_matrix(X, dtype=dtype), y.astype(np.int8)


def word_counts(rng, n, d, words, *, log=False):
    """Counts of words whose ranks are as Zipf says: few columns are nearly full."""
    odds = 1.0 / (np.arange(d) + 2.7)
    columns = rng.choice(d, n * words, p=odds / odds.sum())
    rows = np.repeat(np.arange(n), words)
    X = sp.csr_matrix((np.ones(n * words), (rows, columns)), shape=(n, d))
    X.sum_duplicates()
    if log:
        X.data = np.log1p(X.data)
    return X


def assert_same_model(one, two, rtol=1e-6):
    """Assert that two fits are the same but for rounding."""
    np.testing.assert_array_equal(one.classes_, two.classes_)
    assert one.objective_ == pytest.approx(two.objective_, rel=1e-9)
    np.testing.assert_allclose(one.coef_, two.coef_, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(one.intercept_, two.intercept_, rtol=rtol, atol=rtol)

"""Data and parameters that several test modules share."""

import numpy as np
import pytest

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


def assert_same_model(one, two, rtol=1e-6):
    """Assert that two fits are the same but for rounding."""
    np.testing.assert_array_equal(one.classes_, two.classes_)
    assert one.objective_ == pytest.approx(two.objective_, rel=1e-9)
    np.testing.assert_allclose(one.coef_, two.coef_, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(one.intercept_, two.intercept_, rtol=rtol, atol=rtol)

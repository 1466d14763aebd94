"""Penalties with an L1 norm on rows that are read in batches."""

import numpy as np
import pytest
from batch_cases import cut, read_in_passes
from samples import text

from hingesvm import HingeSVC


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, 12))
    scores = X[:, :4] @ np.array([2.0, -1.0, 0.5, 0.0]) + rng.normal(size=6000)
    return X, (scores > 0.3).astype(int)


@pytest.mark.parametrize("params", [{}, {"penalized_intercept": True}])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
@pytest.mark.parametrize("ratio", [0.5, 1.0])
@pytest.mark.parametrize("part", [None, 0.4])
def test_the_optimum_is_that_of_fit(monkeypatch, table, part, ratio, loss, params):
    X, y = table
    read_in_passes(monkeypatch, part=part)
    expected = HingeSVC(0.01, l1_ratio=ratio, loss=loss, tol=1e-8, **params).fit(X, y)
    batches = cut(X, y)
    clf = HingeSVC(0.01, l1_ratio=ratio, loss=loss, tol=1e-4, **params)
    clf.fit_batches(batches)
    assert clf.dual_gap_ <= 1e-4 * clf.objective_
    gaps = clf.dual_gap_ + expected.dual_gap_
    assert abs(clf.objective_ - expected.objective_) <= gaps
    if part is None:
        # One to count, one to gather all rows, and those that this leaves.
        assert batches.n_passes <= 6


@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_weights_and_several_classes(monkeypatch, table, ratio):
    X, y = table
    read_in_passes(monkeypatch, part=0.4)
    rng = np.random.default_rng(1)
    weights, classes = rng.integers(0, 3, len(y)), y + (X[:, 5] > 1.0)
    params = {"l1_ratio": ratio, "class_weight": "balanced", "tol": 1e-4}
    clf = HingeSVC(0.01, **params).fit_batches(cut(X, classes, weights))
    expected = HingeSVC(0.01, **params).fit(X, classes, weights)
    assert clf.coef_.shape == (3, 12)
    gaps = clf.dual_gap_ + expected.dual_gap_
    assert abs(clf.objective_ - expected.objective_) <= gaps


def test_wide_sparse_rows_gather_few_columns(monkeypatch):
    X, y = text(400, 3000)
    read_in_passes(monkeypatch, part=0.4)
    params = {"l1_ratio": 1.0, "loss": "squared_hinge", "tol": 1e-4}
    clf = HingeSVC(1.0, **params).fit_batches(cut(X, y))
    expected = HingeSVC(1.0, **params).fit(X, y)
    assert clf.dual_gap_ <= 1e-4 * clf.objective_
    gaps = clf.dual_gap_ + expected.dual_gap_
    assert abs(clf.objective_ - expected.objective_) <= gaps
    assert 0 < np.count_nonzero(clf.coef_) < 1000

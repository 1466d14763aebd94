"""Penalties without kinks: solved as half of the squared norm of scaled columns."""

import numpy as np
import pytest
import scipy.sparse as sp
from callback_cases import Recorder, needs_callbacks
from penalty_cases import make_penalized
from samples import LOSSES, RULES

from hingesvm import HingeSVC
from hingesvm.losses import Hinge
from hingesvm.penalties import ElasticNet
from hingesvm.solvers.sparse import scaled
from hingesvm.solvers.sparse.scaled import has_other_units

FACTORS = np.geomspace(0.1, 10.0, 120)


def wide(n=40, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, len(FACTORS)))
    return X, np.where(X[:, 0] + X[:, -1] > 0.0, 1, -1)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix])
def test_is_the_fit_of_scaled_columns(kind, loss, rule):
    X, y = wide()
    unit = 1.0 / np.sqrt(FACTORS)
    penalty = ElasticNet(0.0, FACTORS)
    clf = HingeSVC(l1_ratio=penalty, loss=loss, **rule).fit(kind(X), y)
    other = HingeSVC(loss=loss, **rule).fit(X * unit, y)
    assert clf.objective_ == pytest.approx(other.objective_, rel=1e-9)
    np.testing.assert_allclose(clf.coef_, other.coef_ * unit, rtol=1e-5, atol=1e-7)
    assert clf.dual_gap_ <= 1e-9 * clf.objective_


def test_rounded_columns_are_certified_as_they_are():
    X, y = wide()
    X = X.astype(np.float32)
    clf = HingeSVC(l1_ratio=ElasticNet(0.0, FACTORS), tol=1e-6).fit(X, y)
    exact = HingeSVC(l1_ratio=ElasticNet(0.0, FACTORS)).fit(X.astype(np.float64), y)
    assert clf.dual_gap_ <= 1e-6 * clf.objective_
    assert clf.objective_ - clf.dual_gap_ <= exact.objective_
    assert clf.objective_ >= exact.objective_ - exact.dual_gap_


def test_rows_are_not_written_to():
    X, y = wide()
    before = X.copy()
    HingeSVC(l1_ratio=ElasticNet(0.0, FACTORS)).fit(X, y)
    np.testing.assert_array_equal(X, before)


def test_warm_starts_take_few_steps():
    X, y = wide()
    clf = HingeSVC(l1_ratio=ElasticNet(0.0, FACTORS), warm_start=True).fit(X, y)
    first = clf.n_iter_
    assert clf.fit(X, y).n_iter_ < first


@needs_callbacks
def test_callbacks_are_given_weights_of_columns_as_they_are():
    X, y = wide()
    recorder = Recorder()
    clf = HingeSVC(l1_ratio=ElasticNet(0.0, FACTORS)).set_callbacks(recorder)
    clf.fit(X, y)
    models = recorder.models_of("fit", "gap-check")
    assert len(models) == len(clf.history_[0])
    last = models[-1]
    np.testing.assert_allclose(last.coef_, clf.coef_, rtol=1e-6, atol=1e-9)


def test_of_many_columns_in_memory_that_fit(monkeypatch):
    X, y = wide()
    penalty = ElasticNet(0.0, FACTORS)
    problem = make_penalized(X, y.astype(np.int8), Hinge(), "free", penalty)
    assert has_other_units(problem)
    other = make_penalized(X, y.astype(np.int8), Hinge(), "free", ElasticNet(0.5))
    assert not has_other_units(other)
    monkeypatch.setattr(scaled, "_MOST_ENTRIES", X.size - 1)
    assert not has_other_units(problem)

"""HingeSVC.partial_fit with l1_ratio: sparse weights of a stream."""

import numpy as np
import pytest
import scipy.sparse as sp
from penalty_cases import MIXED
from samples import LOSSES, RULES, make_data, text
from stream_cases import as_wide, minimum, objective, passed, with_little_memory

from hingesvm import HingeSVC
from hingesvm.penalties import ElasticNet

PENALTIES = [0.3, 1.0, ElasticNet(1.0, np.linspace(0.5, 2.0, 5)), MIXED]
every_penalty = pytest.mark.parametrize("penalty", PENALTIES, ids=repr)


def noisy_table(n=3000, seed=0):
    """Five columns, two of which tell of the class."""
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, 5))
    scores = 0.5 * X[:, 0] - X[:, 1] + random.standard_normal(n)
    return X, np.where(scores > 0.0, 1, -1)


def distances(clf, X, y):
    """How far the objective is above the minimum, and the bound below it."""
    least, most = minimum(X, y, **clf.get_params())
    value, bound = objective(clf, X, y), clf.lower_bound_
    assert bound <= most
    assert value >= least * (1.0 - 1e-6)
    return value / least - 1.0, 1.0 - bound / most


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES)
@every_penalty
def test_rows_that_are_all_stored(penalty, loss, rule):
    X, y = noisy_table(1000)
    clf = passed(HingeSVC(l1_ratio=penalty, loss=loss, C=0.01, **rule), X, y)
    above, below = distances(clf, X, y)
    assert above <= 0.01
    assert below <= 0.01


@pytest.mark.parametrize("loss", LOSSES)
@every_penalty
def test_frozen_rows(penalty, loss, monkeypatch):
    with_little_memory(monkeypatch, 500)
    X, y = noisy_table()
    clf = passed(HingeSVC(l1_ratio=penalty, loss=loss, C=0.01), X, y, size=100)
    above, below = distances(clf, X, y)
    assert above <= 0.02
    assert below <= 0.1


@pytest.mark.parametrize(("penalty", "within"), [(0.3, 0.05), (1.0, 0.3)])
@pytest.mark.parametrize("loss", LOSSES)
def test_wide_sparse_rows(loss, penalty, within):
    X, y = text(2000, 2500, dtype=np.float64)
    clf = passed(HingeSVC(l1_ratio=penalty, loss=loss), X, y, size=200)
    above, below = distances(clf, X, y)
    assert above <= within
    assert 0.0 <= below <= 1.0
    assert 0 < np.count_nonzero(clf.coef_) < X.shape[1]


@pytest.mark.parametrize("penalty", [0.0, 0.5, 1.0])
def test_a_first_batch_of_few_wide_rows_is_learnt(penalty):
    # All weights stayed 0, as one and a half sweeps lead to no threshold.
    X = sp.random(50, 2001, 0.01, format="csr", random_state=0)
    y = np.where(np.arange(50) % 2, 1, -1)
    clf = passed(HingeSVC(l1_ratio=penalty, C=10.0), X, y, size=50)
    above, below = distances(clf, X, y)
    assert above <= 0.1
    assert below <= 0.1


@every_penalty
def test_columns_that_tell_nothing_have_no_weight(penalty):
    X, y = noisy_table(1000)
    clf = passed(HingeSVC(l1_ratio=penalty, C=0.01), X, y)
    assert np.all(clf.coef_[0, :2] != 0.0)
    if penalty is not MIXED:
        assert np.any(clf.coef_[0, 2:] == 0.0)


def test_several_classes_have_columns_of_their_own():
    X, y = make_data(900, 6, 3)
    clf = passed(HingeSVC(l1_ratio=1.0, C=0.02), X, y)
    above, below = distances(clf, X, y)
    assert above <= 0.01
    assert below <= 0.05


@pytest.mark.parametrize("wide", [False, True])
def test_is_deterministic(wide, monkeypatch):
    if wide:
        as_wide(monkeypatch)
    with_little_memory(monkeypatch, 100)
    X, y = noisy_table(600)
    one, two = (
        passed(HingeSVC(l1_ratio=1.0, random_state=0), sp.csr_matrix(X), y)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.coef_, two.coef_)
    assert one.lower_bound_ == two.lower_bound_


def test_the_penalty_stays_the_same():
    X, y = noisy_table(100)
    clf = passed(HingeSVC(l1_ratio=0.5), X, y)
    before = clf.coef_.copy()
    with pytest.raises(ValueError, match="l1_ratio cannot change within a stream"):
        clf.set_params(l1_ratio=0.0).partial_fit(X, y)
    np.testing.assert_array_equal(clf.coef_, before)
    clf.set_params(l1_ratio=ElasticNet(0.5)).partial_fit(X, y)


def test_a_penalty_of_other_columns_is_refused():
    X, y = noisy_table(100)
    clf = HingeSVC(l1_ratio=ElasticNet(0.5, [1.0, 2.0]))
    with pytest.raises(ValueError, match="for each of the 5 columns of X"):
        clf.partial_fit(X, y, classes=[-1, 1])
    assert not hasattr(clf, "coef_")

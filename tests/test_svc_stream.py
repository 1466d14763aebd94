"""HingeSVC.partial_fit: a lower bound that holds, and a model near that of fit."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from samples import LOSSES, RULES, make_data, text
from sklearn.base import clone
from stream_cases import (
    as_wide,
    minimum,
    objective,
    passed,
    stored_rows,
    with_little_memory,
)

from hingesvm import HingeSVC
from hingesvm.losses import MarginLoss

KINDS = pytest.mark.parametrize(
    "kind", [np.asarray, sp.csr_matrix, sp.csr_array], ids=["dense", "csr", "csr_array"]
)


class ModifiedHuber(MarginLoss):
    """The squared hinge down to margin -1, and straight below."""

    bound = 4.0
    curvature = 0.5


def state_of(clf):
    """What can be seen of an estimator, as bytes."""
    names = sorted(name for name in vars(clf) if name != "_stream")
    return {name: pickle.dumps(vars(clf)[name]) for name in names}


def check_bounds(clf, X, y, sample_weight=None, *, within=None):
    """See that the minimum lies between bound and objective; how near they are."""
    params = clf.get_params()
    least, most = minimum(X, y, sample_weight, **params)
    value = objective(clf, X, y, sample_weight)
    assert 0.0 <= clf.lower_bound_ <= most
    assert value >= least * (1.0 - 1e-6)
    if within is not None:
        assert value <= (1.0 + within) * most
        assert clf.lower_bound_ >= (1.0 - within) * least
    return value / most - 1.0, 1.0 - clf.lower_bound_ / least


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", [*LOSSES, ModifiedHuber()], ids=str)
@pytest.mark.parametrize("n_classes", [2, 3])
@KINDS
def test_all_rows_fit_into_memory(kind, n_classes, loss, rule):
    X, y = make_data(600, 6, n_classes)
    clf = passed(HingeSVC(loss=loss, **rule), kind(X), y, size=100)
    check_bounds(clf, X, y, within=0.05)
    assert clf.n_samples_seen_ == 600
    assert clf.coef_.shape == ((1 if n_classes == 2 else 3), 6)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_few_rows_fit_into_memory(n_classes, loss, rule, monkeypatch):
    with_little_memory(monkeypatch, 400)
    X, y = make_data(4000, 6, n_classes)
    clf = passed(HingeSVC(loss=loss, **rule), X, y, size=100)
    assert stored_rows(clf) < 800
    excess, _ = check_bounds(clf, X, y)
    assert excess <= 0.1


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("rows", [100_000, 600])
def test_wide_sparse_rows(rows, loss, rule, monkeypatch):
    with_little_memory(monkeypatch, rows)
    X, y = text(2000, 2500, dtype=np.float64)
    clf = passed(HingeSVC(loss=loss, **rule), X, y, size=200)
    check_bounds(clf, X, y, within=0.15 if rows > 600 else 0.3)


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32 - 1))
# No row is frozen where all are to stay.
@example(seed=820)
def test_the_bound_is_never_above_the_minimum(seed):
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(4, 200)), int(rng.integers(1, 10))
    n_classes = int(rng.integers(2, 5))
    X, y = make_data(n, d, n_classes, seed, density=rng.choice([0.3, 1.0]))
    y[:n_classes] = np.arange(n_classes)
    X *= 10.0 ** rng.uniform(-2, 2, d)
    weight = rng.choice([0.5, 1.0, 3.0], n) if rng.random() < 0.5 else None
    clf = HingeSVC(
        C=10.0 ** rng.uniform(-3, 3),
        loss=str(rng.choice(LOSSES)),
        fit_intercept=bool(rng.integers(2)),
        penalized_intercept=bool(rng.integers(2)),
        l1_ratio=float(rng.choice([0.0, 0.0, 0.3, 1.0])),
    )
    rows = sp.csr_matrix(X) if rng.random() < 0.5 else X
    size = int(rng.integers(1, 60))
    with pytest.MonkeyPatch.context() as monkeypatch:
        if rng.random() < 0.5:
            with_little_memory(monkeypatch, int(rng.integers(10, 60)))
        if rng.random() < 0.3:
            as_wide(monkeypatch)
        passed(clf, rows, y, size, weight, classes=np.arange(n_classes))
    full = clone(clf).set_params(tol=1e-8, max_iter=100_000)
    full.fit(X, y, sample_weight=weight)
    assert 0.0 <= clf.lower_bound_ <= full.objective_
    least = full.objective_ - full.dual_gap_
    assert objective(clf, X, y, weight) >= least * (1.0 - 1e-6)


def test_the_bound_rises_with_each_batch():
    X, y = make_data(1000, 5)
    clf, before = HingeSVC(), 0.0
    for first in range(0, 1000, 100):
        some = slice(first, first + 100)
        clf.partial_fit(X[some], y[some], classes=[0, 1])
        assert clf.lower_bound_ >= before
        before = clf.lower_bound_
    assert before > 0.0


@pytest.mark.parametrize("sign", [1, -1])
def test_rows_sorted_by_class(sign, monkeypatch):
    with_little_memory(monkeypatch, 1000)
    X, y = make_data(8000, 5)
    order = np.argsort(sign * y, kind="stable")
    X, y = X[order], y[order]
    clf = passed(HingeSVC(), X, y, size=200)
    excess, _ = check_bounds(clf, X, y)
    assert excess <= 0.1


@pytest.mark.parametrize("sign", [1, -1])
def test_wide_rows_sorted_by_class(sign):
    X, y = text(2000, 2500, dtype=np.float64)
    order = np.argsort(sign * y, kind="stable")
    clf = passed(HingeSVC(), X[order], y[order], size=200)
    excess, _ = check_bounds(clf, X[order], y[order])
    assert excess <= 0.1


def test_memory_does_not_grow(monkeypatch):
    with_little_memory(monkeypatch, 300)
    X, y = make_data(2000, 4)
    clf, sizes = HingeSVC(), []
    for _ in range(5):
        passed(clf, X, y, size=100)
        sizes.append(len(pickle.dumps(clf)))
        assert stored_rows(clf) <= 1.5 * 300 + 200
    assert max(sizes[1:]) <= 1.6 * sizes[1]


def test_large_batches_are_taken_in_parts(monkeypatch):
    with_little_memory(monkeypatch, 500)
    monkeypatch.setattr("hingesvm.training.streams._AT_ONCE", 200)
    X, y = make_data(3000, 4)
    clf = HingeSVC().partial_fit(X, y, classes=[0, 1])
    assert stored_rows(clf) <= 1.5 * 500 + 200
    assert clf.n_samples_seen_ == 3000


@pytest.mark.parametrize("wide", [False, True])
def test_is_deterministic(wide, monkeypatch):
    with_little_memory(monkeypatch, 200)
    if wide:
        as_wide(monkeypatch)
    X, y = make_data(1500, 5)
    one, two, other = (passed(HingeSVC(random_state=seed), X, y) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.coef_, two.coef_)
    assert one.lower_bound_ == two.lower_bound_
    # Of tables the seed matters only where the sample of frozen rows does.
    assert wide != np.array_equal(one.coef_, other.coef_)


@pytest.mark.parametrize("copied", [clone, None])
@KINDS
def test_goes_on_after_pickling(kind, copied, monkeypatch):
    with_little_memory(monkeypatch, 200)
    X, y = make_data(1000, 5)
    X = kind(X)
    one = passed(HingeSVC(), X[:500], y[:500])
    two = pickle.loads(pickle.dumps(one))
    assert state_of(one) == state_of(two)
    for clf in (one, two):
        passed(clf, X[500:], y[500:])
    np.testing.assert_array_equal(one.coef_, two.coef_)
    assert one.lower_bound_ == two.lower_bound_
    if copied is not None:
        assert not hasattr(copied(one), "lower_bound_")


def test_a_copy_does_not_change_with_its_original():
    X, y = make_data(900, 5)
    one = passed(HingeSVC(), X[:600], y[:600])
    kept = one._stream
    passed(one, X[600:], y[600:])
    again = clone(one)
    again.__dict__.update(vars(one), _stream=kept)
    passed(again, X[600:], y[600:])
    np.testing.assert_array_equal(one.coef_, again.coef_)


def test_zero_weights_change_nothing():
    X, y = make_data(300, 5)
    clf = passed(HingeSVC(), X, y)
    before = state_of(clf)
    clf.partial_fit(X[:50], y[:50], sample_weight=np.zeros(50))
    assert state_of(clf) == before


def test_a_first_batch_of_zero_weights():
    X, y = make_data(300, 5)
    clf = HingeSVC().partial_fit(X, y, classes=[0, 1], sample_weight=np.zeros(300))
    assert clf.n_samples_seen_ == 0
    assert clf.lower_bound_ == 0.0
    assert not clf.coef_.any()
    passed(clf, X, y)
    np.testing.assert_array_equal(clf.coef_, passed(HingeSVC(), X, y).coef_)


def test_rows_of_weight_zero_are_as_left_out():
    X, y = make_data(400, 5)
    weight = np.tile([1.0, 0.0], 200)
    one = passed(HingeSVC(), X, y, 40, weight)
    two = passed(HingeSVC(), X[::2], y[::2], 20)
    np.testing.assert_array_equal(one.coef_, two.coef_)
    assert one.n_samples_seen_ == two.n_samples_seen_ == 200


def test_weight_two_is_the_row_twice():
    X, y = make_data(400, 5)
    one = passed(HingeSVC(), X, y, 40, np.full(400, 2.0))
    two = passed(HingeSVC(), X.repeat(2, axis=0), y.repeat(2), 80)
    np.testing.assert_allclose(one.coef_, two.coef_, atol=0.05)
    assert one.lower_bound_ == pytest.approx(two.lower_bound_, rel=0.02)


def test_balanced_weights_are_those_of_the_classes_so_far():
    X, y = make_data(600, 5)
    y = np.where(np.arange(600) % 5, 0, 1) & y
    weight, counts = np.ones(600), np.zeros(2)
    for first in range(0, 600, 100):
        some = slice(first, first + 100)
        counts += np.bincount(y[some], minlength=2)
        weight[some] = (counts.sum() / (2.0 * counts))[y[some]]
    one = passed(HingeSVC(class_weight="balanced"), X, y, 100)
    two = passed(HingeSVC(), X, y, 100, weight)
    np.testing.assert_allclose(one.coef_, two.coef_, rtol=1e-9)
    heavier = passed(HingeSVC(class_weight={0: 1.0, 1: 20.0}), X, y, 100)
    same = passed(HingeSVC(), X, y, 100)
    assert heavier.decision_function(X).mean() > same.decision_function(X).mean()


@pytest.mark.parametrize("rule", RULES)
def test_batches_of_one_class(rule):
    X, y = make_data(100, 3)
    clf = HingeSVC(**rule)
    for label in (1, 0, 1, 1):
        some = y == label
        clf.partial_fit(X[some], y[some], classes=[0, 1])
        if clf.n_samples_seen_ == some.sum():
            assert np.all(clf.predict(X) == label) or not clf.fit_intercept
    assert clf.lower_bound_ > 0.0


def test_row_by_row():
    X, y = make_data(200, 3)
    clf = passed(HingeSVC(), X, y, size=1)
    check_bounds(clf, X, y, within=0.2)


def test_dtypes_and_kinds_may_change():
    X, y = make_data(300, 4, dtype=np.float32)
    clf = HingeSVC().partial_fit(X[:100], y[:100], classes=[0, 1])
    assert clf.coef_.dtype == np.float32
    clf.partial_fit(sp.csr_matrix(X[100:200]), y[100:200])
    assert clf.coef_.dtype == np.float32
    clf.partial_fit(X[200:].astype(np.float64), y[200:])
    assert clf.coef_.dtype == np.float64
    check_bounds(clf, X.astype(np.float64), y, within=0.05)


def test_arrays_may_be_written_over():
    X, y = make_data(300, 4)
    room, clf = np.empty((100, 4)), HingeSVC()
    for first in range(0, 300, 100):
        room[:] = X[first : first + 100]
        clf.partial_fit(room, y[first : first + 100], classes=[0, 1])
        room[:] = 1e6
    np.testing.assert_array_equal(clf.coef_, passed(HingeSVC(), X, y, 100).coef_)


def test_fit_ends_a_stream_and_a_stream_a_fit():
    X, y = make_data(300, 4)
    clf = passed(HingeSVC(), X, y).fit(X, y)
    assert not hasattr(clf, "lower_bound_")
    assert not hasattr(clf, "n_samples_seen_")
    np.testing.assert_array_equal(clf.coef_, HingeSVC().fit(X, y).coef_)
    clf.partial_fit(X[:100], y[:100])
    for name in ("objective_", "dual_gap_", "n_iter_", "history_"):
        assert not hasattr(clf, name)
    assert clf.n_samples_seen_ == 100
    fresh = HingeSVC().partial_fit(X[:100], y[:100], classes=[0, 1])
    np.testing.assert_array_equal(clf.coef_, fresh.coef_)


def test_a_second_pass_makes_a_certificate():
    X, y = make_data(5000, 5)
    clf = passed(HingeSVC(), X, y, size=500)
    gap = objective(clf, X, y) - clf.lower_bound_
    least, _ = minimum(X, y)
    assert 0.0 <= objective(clf, X, y) - least <= gap + 1e-6 * least
    assert gap <= 0.05 * least


def test_lists_row_by_row_as_river_passes_them():
    X, y = make_data(60, 3)
    clf = HingeSVC()
    for row, label in zip(X.tolist(), (y == 1).tolist(), strict=True):
        clf.partial_fit(X=[row], y=[label], classes=[False, True])
    assert clf.classes_.tolist() == [False, True]
    assert clf.score(X, y == 1) > 0.6


def test_a_shallow_copy_goes_its_own_way():
    X, y = make_data(900, 3, 2)
    one = passed(HingeSVC(), X[:400], y[:400], size=100)
    two = copy.copy(one)
    one.partial_fit(X[400:450], y[400:450])
    two.partial_fit(X[450:500], y[450:500])
    for clf, first in ((one, 400), (two, 450)):
        clf.partial_fit(X[500:], y[500:])
        alone = passed(HingeSVC(), X[:400], y[:400], size=100)
        alone.partial_fit(X[first : first + 50], y[first : first + 50])
        alone.partial_fit(X[500:], y[500:])
        np.testing.assert_array_equal(clf.coef_, alone.coef_)
        assert clf.lower_bound_ == alone.lower_bound_


def odd_table(kind, dtype=np.float64):
    """Rows that steps at one row after the other do not suit."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((700, 12))
    y = (X @ rng.standard_normal(12) + rng.standard_normal(700) > 0.0).astype(int)
    X *= 10.0 ** rng.uniform(-3, 3, 12) if kind == "columns" else 1.0
    X *= 10.0 ** rng.uniform(-2, 2, (700, 1)) if kind == "rows" else 1.0
    X += 1e3 * rng.standard_normal(12) if kind == "offset" else 0.0
    return X.astype(dtype), y


@pytest.mark.parametrize("size", [700, 60, 7])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", ["columns", "rows", "offset"])
def test_a_stream_of_few_rows_ends_as_a_fit_does(kind, loss, size):
    X, y = odd_table(kind)
    clf = passed(HingeSVC(loss=loss, C=10.0), X, y, size)
    check_bounds(clf, X, y, within=2e-3)


def test_weights_are_rounded_as_those_of_a_fit_are():
    X, y = odd_table("offset", np.float32)
    clf = passed(HingeSVC(C=10.0), X, y, 100)
    assert clf.coef_.dtype == np.float32
    check_bounds(clf, X.astype(np.float64), y, within=5e-3)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("seed", range(3))
def test_frozen_rows_that_are_no_longer_linear(seed, loss, monkeypatch):
    with_little_memory(monkeypatch, 500)
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((9000, 15))
    y = (X @ rng.standard_normal(15) + rng.standard_normal(9000) > 0.0).astype(int)
    clf = passed(HingeSVC(loss=loss, C=0.05), X, y, size=300)
    assert check_bounds(clf, X, y)[0] <= 0.03


def test_steps_leave_frozen_rows_as_they_are(monkeypatch):
    with_little_memory(monkeypatch, 100)
    X, y = make_data(1500, 4)
    stream = passed(HingeSVC(), X, y)._stream._stream
    is_frozen = stream._is_frozen
    before = stream.lanes[0].alpha[is_frozen]
    stream._settle(stream._stored.rows(), 0.0)
    np.testing.assert_array_equal(stream.lanes[0].alpha[is_frozen], before)


@pytest.mark.parametrize("wide", [False, True])
def test_the_bound_is_proven_when_it_is_read(wide, monkeypatch):
    with_little_memory(monkeypatch, 200)
    if wide:
        as_wide(monkeypatch)
    X, y = make_data(900, 4)
    one, two, before = HingeSVC(), HingeSVC(), 0.0
    for first in range(0, 900, 45):
        some = slice(first, first + 45)
        for clf in (one, two):
            clf.partial_fit(X[some], y[some], classes=[0, 1])
        model = one.coef_.copy()
        assert one.lower_bound_ == one.lower_bound_ >= before
        before = one.lower_bound_
        np.testing.assert_array_equal(one.coef_, model)
    # To read it has no effect on the model, and it is no worse than if read once.
    np.testing.assert_array_equal(one.coef_, two.coef_)
    assert one.lower_bound_ >= two.lower_bound_ > 0.0
    assert pickle.loads(pickle.dumps(two)).lower_bound_ == two.lower_bound_


def test_the_bound_is_that_of_a_stream_alone():
    X, y = make_data(100, 3)
    for clf in (HingeSVC(), HingeSVC().fit(X, y)):
        with pytest.raises(AttributeError, match="that of a stream"):
            _ = clf.lower_bound_


def test_the_intercept_of_wide_rows_is_the_best(monkeypatch):
    as_wide(monkeypatch)
    X, y = make_data(1000, 6)
    clf = passed(HingeSVC(), X, y, size=100)
    value, b = objective(clf, X, y), clf.intercept_.copy()
    for shift in (-0.1, 0.1):
        clf.intercept_ = b + shift
        assert objective(clf, X, y) >= value * (1.0 - 1e-3)

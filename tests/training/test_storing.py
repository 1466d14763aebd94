"""What pickles hold of an estimator, and what comes back."""

import copy
import pickle

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from model_cases import names_in
from sklearn.datasets import load_iris

from hingesvm import HingeSVC, HingeSVCCV
from hingesvm.losses import SmoothedHinge
from hingesvm.penalties import ElasticNet
from hingesvm.solvers.streaming.stream import Stream
from hingesvm.training.storing import plain_state, usual_state

PLAIN = {
    *(int, float, str, bool, type(None)),
    *(list, dict, np.ndarray, np.float64, np.intp),
}


def things_in(value):
    """All that a state holds, in lists and dicts too."""
    yield value
    inside = value.values() if isinstance(value, dict) else value
    if isinstance(value, (dict, list)):
        for one in inside:
            yield from things_in(one)


def streamed(clf, X, y):
    """An estimator after two batches."""
    order = np.random.default_rng(0).permutation(len(y))
    for rows in np.array_split(order, 2):
        clf.partial_fit(X[rows], y[rows], classes=np.unique(y))
    return clf


def as_pickled(clf):
    return pickle.loads(pickle.dumps(clf))


def usual_clone(clf):
    """The estimator by way of its own two methods alone."""
    other = type(clf).__new__(type(clf))
    other.__setstate__(clf.__getstate__())
    return other


STORED = [as_pickled, copy.deepcopy, usual_clone]


@pytest.fixture
def iris():
    return load_iris(return_X_y=True)


def fitted(name, X, y):
    """An estimator of each kind that keeps other things."""
    if name == "stream":
        return streamed(HingeSVC(), X, y)
    if name == "sparse stream":
        return streamed(HingeSVC(l1_ratio=0.5), sp.csr_matrix(X), y)
    made = {
        "plain": HingeSVC(),
        "float32": HingeSVC(),
        "duals": HingeSVC(warm_start=True),
        "joint": HingeSVC(multi_class="crammer_singer"),
        "search": HingeSVCCV(Cs=3),
    }[name]
    return made.fit(X.astype(np.float32) if name == "float32" else X, y)


OF_STREAMS = {"hingesvm.losses.Hinge", "hingesvm.penalties.ElasticNet"}
EXPECTED = {
    "plain": {"hingesvm.HingeSVC"},
    "float32": {"hingesvm.HingeSVC"},
    "duals": {"hingesvm.HingeSVC"},
    "joint": {"hingesvm.HingeSVC"},
    "search": {"hingesvm.HingeSVCCV"},
    "stream": {"hingesvm.HingeSVC"} | OF_STREAMS,
    "sparse stream": {"hingesvm.HingeSVC", "hingesvm.penalties.ColumnPenalty"}
    | OF_STREAMS,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_pickle_names_public_classes_alone(iris, name):
    assert names_in(pickle.dumps(fitted(name, *iris))) == EXPECTED[name]


def test_a_pickle_names_losses_and_penalties_that_were_passed(iris):
    clf = HingeSVC(loss=SmoothedHinge(0.5), l1_ratio=ElasticNet(0.5)).fit(*iris)
    passed = {"hingesvm.losses.SmoothedHinge", "hingesvm.penalties.ElasticNet"}
    assert names_in(pickle.dumps(clf)) == {"hingesvm.HingeSVC"} | passed


@pytest.mark.parametrize("name", EXPECTED)
def test_a_state_has_plain_things_and_public_objects_alone(iris, name):
    things = list(things_in(fitted(name, *iris).__getstate__()))
    of_users = {type(one) for one in things} - PLAIN
    assert {kind.__module__ for kind in of_users} <= {
        "hingesvm.losses",
        "hingesvm.penalties",
    }
    arrays = [one for one in things if isinstance(one, np.ndarray)]
    assert arrays
    # Of no array are there fields.
    assert all(array.dtype.names is None for array in arrays)


@pytest.mark.parametrize("stored", STORED, ids=["pickle", "deepcopy", "state"])
@pytest.mark.parametrize("name", ["plain", "float32", "joint", "search"])
def test_the_history_comes_back_as_it_was(iris, name, stored):
    clf = fitted(name, *iris)
    before = [table.copy() for table in clf.history_]
    other = stored(clf)
    assert type(other.history_) is list
    assert len(other.history_) == len(before)
    for one, two, was in zip(other.history_, clf.history_, before, strict=True):
        assert one.dtype == two.dtype == was.dtype
        np.testing.assert_array_equal(one, was)
        np.testing.assert_array_equal(two, was)
    other.history_[0]["gap"] = -1.0
    np.testing.assert_array_equal(clf.history_[0], before[0])


def test_the_attributes_of_a_plain_state_are_those_stored_before(iris):
    clf = fitted("plain", *iris)
    assert usual_state(vars(clf))["history_"] is clf.history_
    other = HingeSVC.__new__(HingeSVC)
    other.__setstate__(dict(vars(clf)))
    assert vars(other).keys() == vars(clf).keys()
    np.testing.assert_array_equal(other.predict(iris[0]), clf.predict(iris[0]))


def test_an_estimator_without_a_fit_has_a_plain_state():
    assert plain_state({"C": 1.0, "history_": []}) == {"C": 1.0, "history_": []}
    assert vars(as_pickled(HingeSVC(C=3.0))) == vars(HingeSVC(C=3.0))


@pytest.mark.parametrize("stored", STORED, ids=["pickle", "deepcopy", "state"])
@pytest.mark.parametrize("name", ["stream", "sparse stream"])
def test_a_stream_goes_on_as_if_it_had_not_been_stored(iris, name, stored):
    X, y = iris
    clf = fitted(name, X, y)
    other = stored(clf)
    assert other.lower_bound_ == clf.lower_bound_
    for one in (clf, other):
        one.partial_fit(X[::2], y[::2]).partial_fit(X[1::2], y[1::2])
    assert other.n_samples_seen_ == clf.n_samples_seen_ == 2 * len(y)
    np.testing.assert_array_equal(other.coef_, clf.coef_)
    assert other.lower_bound_ == clf.lower_bound_


def test_long_streams_that_froze_rows_go_on_after_storage(monkeypatch):
    monkeypatch.setattr("hingesvm.solvers.streaming.stream._MOST_ROWS", 500)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 5)).astype(np.float32)
    y = (X[:, 0] + rng.normal(size=4000) > 0.0).astype(int)
    one = HingeSVC()
    for part in range(0, 2000, 250):
        one.partial_fit(X[part : part + 250], y[part : part + 250], classes=[0, 1])
    assert isinstance(one._stream._stream, Stream)
    assert one._stream._stream._n_frozen > 0
    two = as_pickled(one)
    for part in range(2000, 4000, 250):
        for clf in (one, two):
            clf.partial_fit(X[part : part + 250], y[part : part + 250])
    assert two.coef_.dtype == np.float32
    np.testing.assert_array_equal(two.coef_, one.coef_)
    assert two.lower_bound_ == one.lower_bound_


@pytest.mark.parametrize("name", ["plain", "duals", "stream"])
def test_files_of_joblib_that_are_mapped(iris, name, tmp_path):
    X, y = iris
    clf = fitted(name, X, y)
    joblib.dump(clf, tmp_path / "model.joblib")
    other = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    np.testing.assert_array_equal(other.predict(X), clf.predict(X))
    if name == "stream":
        other.partial_fit(X, y)
        np.testing.assert_array_equal(other.coef_, clf.partial_fit(X, y).coef_)
    else:
        other.fit(X, y)
        np.testing.assert_allclose(other.coef_, clf.coef_, rtol=1e-6)

"""A LinearSVC with the model of a HingeSVC."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from samples import make_data
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from hingesvm import HingeSVC, HingeSVCCV
from hingesvm.export import to_linear_svc
from hingesvm.losses import CrammerSinger, Hinge, SmoothedHinge, SquaredHinge
from hingesvm.penalties import ElasticNet

DTYPES = [np.float32, np.float64]
LABELS = {
    "integers": np.array([7, -3, 20]),
    "booleans": np.array([True, False]),
    "floats": np.array([3.0, 2.0, -1.0]),
    "strings": np.array(["a", "bb", "ä"]),
    "objects": np.array(["a", "bb", "ä"], dtype=object),
}


def streamed(X, y):
    clf = HingeSVC()
    for rows, labels in zip(np.array_split(X, 3), np.array_split(y, 3), strict=True):
        clf.partial_fit(rows, labels, classes=np.unique(y))
    return clf


FITS = {
    "hinge": lambda X, y: HingeSVC().fit(X, y),
    "joint": lambda X, y: HingeSVC(multi_class="weston_watkins").fit(X, y),
    "no intercept": lambda X, y: HingeSVC(fit_intercept=False).fit(X, y),
    "sparse weights": lambda X, y: HingeSVC(C=0.02, l1_ratio=1.0).fit(X, y),
    "sparsified": lambda X, y: HingeSVC(C=0.02, l1_ratio=1.0).fit(X, y).sparsify(),
    "sparse rows": lambda X, y: HingeSVC().fit(sp.csr_matrix(X), y),
    "stream": streamed,
    "batches": lambda X, y: HingeSVC().fit_batches([(X[:50], y[:50]), (X, y)]),
    "search": lambda X, y: HingeSVCCV(Cs=[0.1, 1.0], cv=3).fit(X, y),
    "means": lambda X, y: HingeSVCCV(Cs=[0.1, 1.0], cv=3, refit=False).fit(X, y),
}


def assert_decides_alike(svc, clf, X):
    """Assert that decisions and labels are the same to the last bit."""
    assert type(svc) is LinearSVC
    assert isinstance(svc.coef_, np.ndarray)
    assert svc.coef_.dtype == svc.intercept_.dtype == clf.coef_.dtype
    dense = pickle.loads(pickle.dumps(clf)).densify()
    for rows in (X, np.asfortranarray(X), X[:1], sp.csr_matrix(X)):
        decisions = svc.decision_function(rows)
        expected = dense.decision_function(rows)
        assert decisions.dtype == expected.dtype
        np.testing.assert_array_equal(decisions, expected)
        predicted = svc.predict(rows)
        assert predicted.dtype == clf.predict(rows).dtype
        np.testing.assert_array_equal(predicted, clf.predict(rows))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("fit", FITS)
def test_decisions_and_labels_are_the_same(fit, n_classes, dtype):
    X, y = make_data(n_classes=n_classes, dtype=dtype)
    clf = FITS[fit](X, y)
    svc = to_linear_svc(clf)
    assert_decides_alike(svc, clf, X)
    assert svc.n_features_in_ == clf.n_features_in_
    assert getattr(svc, "n_iter_", None) == getattr(clf, "n_iter_", None)
    assert svc.score(X, y) == clf.score(X, y)


@pytest.mark.parametrize("labels", LABELS)
def test_labels_of_any_kind(labels):
    values = LABELS[labels]
    X, y = make_data(n_classes=len(values))
    clf = HingeSVC().fit(X, values[y])
    svc = to_linear_svc(clf)
    assert svc.classes_.dtype == clf.classes_.dtype
    assert_decides_alike(svc, clf, X)


def test_ties_and_scores_of_zero():
    X, y = make_data(n_classes=3)
    clf = HingeSVC().fit(X, y)
    clf.coef_, clf.intercept_ = np.ones_like(clf.coef_), np.zeros(3)
    assert set(to_linear_svc(clf).predict(X)) == set(clf.predict(X)) == {0}
    clf = HingeSVC().fit(X, y > 0)
    clf.coef_, clf.intercept_ = np.zeros_like(clf.coef_), np.zeros(1)
    np.testing.assert_array_equal(to_linear_svc(clf).predict(X), clf.predict(X))
    assert not to_linear_svc(clf).predict(X).any()


def test_feature_names():
    pandas = pytest.importorskip("pandas")
    X, y = make_data(d=3)
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    clf = HingeSVC().fit(frame, y)
    svc = to_linear_svc(clf)
    np.testing.assert_array_equal(svc.feature_names_in_, ["a", "b", "c"])
    np.testing.assert_array_equal(
        svc.decision_function(frame), clf.decision_function(frame)
    )
    with pytest.raises(ValueError, match="feature names"):
        svc.predict(frame[["c", "b", "a"]])
    assert not hasattr(to_linear_svc(HingeSVC().fit(X, y)), "feature_names_in_")


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, {"loss": "hinge"}),
        ({"C": np.float32(0.5), "loss": Hinge()}, {"C": 0.5, "loss": "hinge"}),
        ({"loss": "squared_hinge"}, {}),
        ({"loss": SquaredHinge(), "fit_intercept": False}, {"fit_intercept": False}),
        # LinearSVC has no such loss.
        ({"loss": SmoothedHinge(0.5)}, {}),
        ({"l1_ratio": 1.0}, {"loss": "hinge", "penalty": "l1"}),
        ({"l1_ratio": 0.5}, {"loss": "hinge"}),
        ({"l1_ratio": ElasticNet(1.0)}, {"loss": "hinge", "penalty": "l1"}),
        (
            {"multi_class": "crammer_singer"},
            {"loss": "hinge", "multi_class": "crammer_singer"},
        ),
        (
            {"multi_class": CrammerSinger(), "class_weight": "balanced"},
            {
                "loss": "hinge",
                "multi_class": "crammer_singer",
                "class_weight": "balanced",
            },
        ),
        ({"multi_class": CrammerSinger(margin=2.0)}, {"loss": "hinge"}),
        ({"multi_class": "weston_watkins"}, {"loss": "hinge"}),
        # What LinearSVC calls by the same names means something else.
        ({"tol": 0.1, "max_iter": 7, "random_state": 3}, {"loss": "hinge"}),
    ],
)
def test_parameters_say_what_was_trained(params, expected):
    X, y = make_data(n_classes=3)
    svc = to_linear_svc(HingeSVC(**{"tol": 0.1, **params}).fit(X, y))
    assert svc.get_params() == {**LinearSVC().get_params(), **expected}
    assert type(svc.C) is float
    assert clone(svc).get_params() == svc.get_params()


def test_the_c_of_a_search_is_the_one_chosen():
    X, y = make_data()
    search = HingeSVCCV(Cs=[0.25, 0.5], l1_ratios=[1.0], cv=3).fit(X, y)
    svc = to_linear_svc(search)
    assert svc.C == search.C_
    assert svc.penalty == "l1"


def test_nothing_is_shared_with_the_estimator():
    X, y = make_data()
    weights = {0: 2.0, 1: 1.0}
    clf = HingeSVC(class_weight=weights).fit(X, y)
    svc = to_linear_svc(clf)
    assert svc.class_weight == weights
    assert svc.class_weight is not weights
    expected = clf.decision_function(X)
    svc.coef_[:] = svc.intercept_[:] = svc.classes_[:] = 0
    np.testing.assert_array_equal(clf.decision_function(X), expected)
    assert clf.classes_.tolist() == [0, 1]


def test_the_clone_can_be_trained():
    X, y = make_data()
    svc = to_linear_svc(HingeSVC(loss="squared_hinge").fit(X, y))
    assert clone(svc).fit(X, y).score(X, y) > 0.6


@pytest.mark.parametrize("estimator", [HingeSVC(), HingeSVCCV()])
def test_an_estimator_that_is_not_fitted(estimator):
    with pytest.raises(NotFittedError, match=type(estimator).__name__):
        to_linear_svc(estimator)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (make_pipeline(StandardScaler(), HingeSVC()), r"Pipeline: pass .* model\[-1\]"),
        (LinearSVC(), "got a LinearSVC"),
        (HingeSVC, "the class HingeSVC: pass a fitted instance"),
        (None, "got a NoneType"),
    ],
)
def test_something_else_is_refused(wrong, match):
    with pytest.raises(TypeError, match=match):
        to_linear_svc(wrong)


def test_a_grid_search_is_told_where_its_estimator_is():
    X, y = make_data()
    search = GridSearchCV(HingeSVC(), {"C": [0.1, 1.0]}, cv=3).fit(X, y)
    with pytest.raises(TypeError, match="pass its best_estimator_"):
        to_linear_svc(search)
    svc = to_linear_svc(search.best_estimator_)
    assert type(svc.C) is float
    np.testing.assert_array_equal(svc.predict(X), search.predict(X))


def test_the_estimator_of_a_cluster():
    pytest.importorskip("distributed")
    import dask.array as da
    from distributed import Client

    from hingesvm.dask import DaskHingeSVC

    X, y = make_data(n_classes=3)
    with Client(processes=False, dashboard_address=":0") as client:
        chunks = da.from_array(X, chunks=(40, -1)), da.from_array(y, chunks=40)
        clf = DaskHingeSVC(client=client).fit(*chunks)
    svc = to_linear_svc(clf)
    assert_decides_alike(svc, clf.to_local(), X)
    assert_decides_alike(to_linear_svc(clf.to_local()), clf.to_local(), X)

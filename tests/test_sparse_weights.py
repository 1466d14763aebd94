"""Weights that are exactly 0: how they are kept, and scikit-learn's selectors."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from samples import make_data
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import RFE, RFECV, SelectFromModel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hingesvm import HingeSVC, HingeSVCCV
from hingesvm.penalties import ElasticNet, Penalty

TEXTS = [
    "the cat sat on the mat",
    "a dog barked at the cat",
    "the cat and the dog were red",
    "stocks fell on monday",
    "the market rose again",
    "a bond market fell",
]
TOPICS = ["pets", "pets", "pets", "money", "money", "money"]


def with_noise(n=90, d=4, **params):
    """Return rows of which two thirds of the columns tell nothing."""
    X, y = make_data(n, 3 * d, **params)
    X[:, d:] = X[np.random.default_rng(1).permutation(n), d:]
    return X, y


class KeepTwo(Penalty):
    """Chooses among the columns from the third on."""

    def thresholds(self, n_features):
        return np.where(np.arange(n_features) < 2, 0.0, 1.0)

    def strengths(self, n_features):
        return 1.0 - self.thresholds(n_features)


@pytest.fixture(scope="module")
def cancer():
    data = load_breast_cancer(as_frame=True)
    X = StandardScaler().set_output(transform="pandas").fit_transform(data.data)
    return X, data.target


@pytest.mark.parametrize(
    ("l1_ratio", "name"),
    [
        (0.0, "l2"),
        (0, "l2"),
        (0.3, "elasticnet"),
        (1.0, "l1"),
        (1, "l1"),
        (np.float32(1.0), "l1"),
        (ElasticNet(0.0, factors=[1.0, 2.0]), "l2"),
        (ElasticNet(0.5), "elasticnet"),
        (ElasticNet(1.0, factors=[1.0, 2.0]), "l1"),
        (KeepTwo(), "elasticnet"),
    ],
    ids=str,
)
@pytest.mark.parametrize("cls", [HingeSVC, HingeSVCCV])
def test_the_name_of_the_penalty_follows_from_the_share(cls, l1_ratio, name):
    clf = cls(l1_ratio=l1_ratio)
    assert clf.penalty == name
    assert clone(clf).penalty == name


def test_a_penalty_of_ones_own_is_known_once_the_columns_are():
    X, y = make_data(60, 4)
    assert HingeSVC(l1_ratio=KeepTwo()).fit(X, y).penalty == "elasticnet"
    assert HingeSVC(l1_ratio=KeepTwo()).fit(X[:, :2], y).penalty == "l2"


def test_the_penalty_is_no_parameter_and_cannot_be_set():
    clf = HingeSVC(l1_ratio=1.0)
    assert "penalty" not in clf.get_params()
    assert "penalty" not in vars(clf)
    with pytest.raises(AttributeError):
        clf.penalty = "l2"
    with pytest.raises(ValueError, match="Invalid parameter 'penalty'"):
        clf.set_params(penalty="l2")
    assert repr(clf) == "HingeSVC(l1_ratio=1.0)"
    assert clf.set_params(l1_ratio=0.0).penalty == "l2"


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix, sp.csr_array])
def test_predictions_of_a_sparsified_model_are_the_same(kind, dtype, n_classes):
    X, y = with_noise(n_classes=n_classes, dtype=dtype, density=0.5)
    clf = HingeSVC(1.0, l1_ratio=1.0).fit(kind(X), y)
    # No two classes have the same score in other rows.
    X = kind(with_noise(n_classes=n_classes, dtype=dtype, seed=1)[0])
    coef, decisions, predicted = clf.coef_, clf.decision_function(X), clf.predict(X)
    assert 0 < np.count_nonzero(coef) < coef.size
    assert clf.sparsify() is clf
    assert sp.isspmatrix_csr(clf.coef_)
    assert clf.coef_.dtype == dtype
    assert clf.coef_.nnz == np.count_nonzero(coef)
    assert isinstance(clf.decision_function(X), np.ndarray)
    assert clf.decision_function(X).shape == decisions.shape
    room = 32.0 * np.finfo(dtype).eps
    np.testing.assert_allclose(clf.decision_function(X), decisions, atol=room)
    np.testing.assert_array_equal(clf.predict(X), predicted)
    assert clf.score(X, predicted) == 1.0
    assert clf.sparsify().coef_.nnz == np.count_nonzero(coef)
    restored = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(restored.predict(X), clf.predict(X))
    assert clf.densify() is clf
    np.testing.assert_array_equal(clf.coef_, coef)
    assert clf.densify().coef_ is clf.coef_
    np.testing.assert_array_equal(restored.densify().coef_, coef)


@pytest.mark.parametrize("warm_start", [False, True])
def test_fits_after_sparsify_are_those_without_it(warm_start):
    X, y = make_data(90, 8)
    two = [HingeSVC(0.1, l1_ratio=0.9, warm_start=warm_start) for _ in range(2)]
    for C in [0.1, 0.2, 0.05]:
        for clf in two:
            clf.set_params(C=C).fit(X, y)
        np.testing.assert_array_equal(two[0].coef_, two[1].coef_)
        assert two[0].n_iter_ == two[1].n_iter_
        two[1].sparsify()


def test_a_stream_goes_on_after_sparsify():
    X, y = make_data(90, 8)
    one, two = (HingeSVC().partial_fit(X, y, classes=[0, 1]) for _ in range(2))
    two.sparsify()
    np.testing.assert_array_equal(
        one.partial_fit(X, y).coef_, two.partial_fit(X, y).coef_
    )


def test_a_search_over_C_can_be_sparsified():
    X, y = make_data(90, 8)
    search = HingeSVCCV([0.01, 0.1], cv=3, l1_ratio=1.0).fit(X, y)
    score = search.score(X, y)
    assert sp.issparse(search.sparsify().coef_)
    assert search.score(X, y) == score
    assert isinstance(search.fit(X, y).coef_, np.ndarray)


def test_sparse_arrays_where_scikit_learn_is_told_to_make_them():
    if "sparse_interface" not in sklearn.get_config():
        pytest.skip("this scikit-learn makes matrices only")
    X, y = make_data(60, 4)
    with sklearn.config_context(sparse_interface="sparray"):
        clf = HingeSVC(l1_ratio=0.5).fit(X, y).sparsify()
    assert isinstance(clf.coef_, sp.csr_array)
    assert clf.decision_function(X).shape == (60,)


def test_an_unfitted_estimator_has_nothing_to_convert():
    for name in ["sparsify", "densify"]:
        with pytest.raises(NotFittedError, match=f"fitted before {name[:-1]}"):
            getattr(HingeSVC(), name)()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_select_from_model_keeps_the_columns_that_are_used(n_classes):
    X, y = with_noise(n_classes=n_classes)
    clf = HingeSVC(0.1, l1_ratio=1.0).fit(X, y)
    used = (clf.coef_ != 0.0).any(axis=0)
    assert 0 < used.sum() < 12
    chosen = SelectFromModel(HingeSVC(0.1, l1_ratio=1.0)).fit(X, y)
    np.testing.assert_array_equal(chosen.get_support(), used)
    np.testing.assert_array_equal(chosen.transform(X), X[:, used])


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
def test_select_from_model_takes_the_mean_where_there_is_a_square(l1_ratio):
    X, y = with_noise()
    sizes = np.abs(HingeSVC(0.1, l1_ratio=l1_ratio).fit(X, y).coef_[0])
    chosen = SelectFromModel(HingeSVC(0.1, l1_ratio=l1_ratio)).fit(X, y)
    np.testing.assert_array_equal(chosen.get_support(), sizes >= sizes.mean())
    chosen.set_params(threshold=1e-5).fit(X, y)
    np.testing.assert_array_equal(chosen.get_support(), sizes > 0.0)


def test_the_names_of_the_columns_that_are_kept(cancer):
    X, y = cancer
    clf = HingeSVC(0.02, l1_ratio=1.0).fit(X, y)
    kept = X.columns[clf.coef_[0] != 0.0].tolist()
    assert 0 < len(kept) < 10
    chosen = SelectFromModel(HingeSVC(0.02, l1_ratio=1.0)).fit(X, y)
    assert chosen.get_feature_names_out().tolist() == kept
    frame = chosen.set_output(transform="pandas").transform(X)
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == kept


def test_words_that_are_kept():
    chooser = SelectFromModel(HingeSVC(l1_ratio=1.0, C=3.0))
    model = make_pipeline(TfidfVectorizer(), chooser, HingeSVC()).fit(TEXTS, TOPICS)
    words = model[:-1].get_feature_names_out()
    assert set(words) < set(model[0].get_feature_names_out())
    assert "cat" in words
    np.testing.assert_array_equal(model.predict(TEXTS), TOPICS)
    assert model[-1].coef_.shape == (1, len(words))


def test_recursive_elimination(cancer):
    X, y = cancer
    clf = HingeSVC(0.02, l1_ratio=1.0)
    eliminated = RFE(clf, n_features_to_select=3).fit(X, y)
    assert eliminated.support_.sum() == 3
    # Columns of weight 0 go first.
    used = clf.fit(X, y).coef_[0] != 0.0
    assert np.all(used[eliminated.support_])
    search = RFECV(clf, step=10, cv=2).fit(X, y)
    assert search.score(X, y) > 0.9
    kept = X.columns[search.support_].tolist()
    assert search.get_feature_names_out().tolist() == kept


def test_a_search_over_the_share(cancer):
    X, y = cancer
    grid = {"hingesvc__l1_ratio": [0.0, 0.5, 1.0, ElasticNet(1.0)]}
    pipeline = make_pipeline(StandardScaler(), HingeSVC(0.02))
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    means = search.cv_results_["mean_test_score"]
    assert means.min() > 0.9
    assert means[2] == means[3]
    assert len(set(means)) > 1
    names = [
        pipeline.set_params(**{"hingesvc__l1_ratio": share})[-1].penalty
        for share in grid["hingesvc__l1_ratio"]
    ]
    assert names == ["l2", "elasticnet", "l1", "l1"]


def test_a_search_over_the_share_inside_a_selection(cancer):
    X, y = cancer
    pipeline = make_pipeline(SelectFromModel(HingeSVC(0.02)), HingeSVC(0.1))
    grid = {"selectfrommodel__estimator__l1_ratio": [0.5, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.9
    assert 1 <= search.best_estimator_[-1].n_features_in_ < 30

"""HingeSVC inside scikit-learn's meta-estimators, with data frames, and stored."""

import pickle

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.inspection import permutation_importance
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hingesvm import HingeSVC
from hingesvm.losses import SmoothedHinge

TEXTS = [
    "the cat sat on the mat",
    "a dog barked at the cat",
    "the mat was red",
    "stocks fell on monday",
    "the market rose again",
    "a bond market fell",
]
TOPICS = ["pets", "pets", "pets", "money", "money", "money"]


@pytest.fixture
def data():
    return make_classification(120, 6, n_informative=4, random_state=0)


@pytest.fixture
def iris():
    return load_iris(return_X_y=True)


def assert_same_fit(one, two):
    np.testing.assert_array_equal(one.coef_, two.coef_)
    np.testing.assert_array_equal(one.intercept_, two.intercept_)
    np.testing.assert_array_equal(one.classes_, two.classes_)


def test_pipeline_with_text():
    model = make_pipeline(TfidfVectorizer(), HingeSVC()).fit(TEXTS, TOPICS)
    np.testing.assert_array_equal(model.classes_, ["money", "pets"])
    np.testing.assert_array_equal(model.predict(TEXTS), TOPICS)
    assert model.decision_function(["red cat"])[0] > 0.0


def test_pipeline_with_scaler(iris):
    X, y = iris
    model = make_pipeline(StandardScaler(), HingeSVC()).fit(X, y)
    expected = HingeSVC().fit(StandardScaler().fit_transform(X), y)
    assert_same_fit(model[-1], expected)
    assert model.score(X, y) > 0.9


def test_grid_search_in_processes(data):
    X, y = data
    grid = {
        "C": [0.01, 1.0],
        "loss": ["hinge", "squared_hinge", SmoothedHinge(gamma=0.5)],
    }
    search = GridSearchCV(HingeSVC(), grid, cv=3, n_jobs=2).fit(X, y)
    alone = GridSearchCV(HingeSVC(), grid, cv=3).fit(X, y)
    assert search.best_params_ == alone.best_params_
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )
    assert_same_fit(search.best_estimator_, alone.best_estimator_)


def test_cross_validation(iris):
    X, y = iris
    assert cross_val_score(HingeSVC(), X, y, cv=3).mean() > 0.9
    assert cross_val_predict(HingeSVC(), X, y, cv=3).shape == y.shape
    assert cross_val_score(HingeSVC(), X, y > 0, cv=3, scoring="roc_auc").min() > 0.9
    fits = cross_validate(HingeSVC(), X, y, cv=3, return_estimator=True)["estimator"]
    assert all(fit.dual_gap_ <= 1e-10 * fit.objective_ for fit in fits)


def test_calibration(iris):
    X, y = iris
    model = CalibratedClassifierCV(HingeSVC(), ensemble=False).fit(X, y)
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (len(X), 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert model.score(X, y) > 0.9


def test_bagging(data):
    X, y = data
    model = BaggingClassifier(HingeSVC(), n_estimators=4, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.7


def test_one_vs_rest_wrapper(iris):
    X, y = iris
    wrapped = OneVsRestClassifier(HingeSVC()).fit(X, y)
    own = HingeSVC().fit(X, y)
    np.testing.assert_allclose(
        wrapped.decision_function(X), own.decision_function(X), rtol=1e-6, atol=1e-6
    )
    np.testing.assert_array_equal(wrapped.predict(X), own.predict(X))


def test_other_reductions(iris):
    X, y = iris
    assert OneVsOneClassifier(HingeSVC()).fit(X, y).score(X, y) > 0.9
    several = MultiOutputClassifier(HingeSVC()).fit(X, np.column_stack([y, y > 0]))
    assert several.predict(X).shape == (len(X), 2)


def test_voting(data):
    X, y = data
    models = [(f"C={C}", HingeSVC(C=C)) for C in [0.01, 0.1, 1.0]]
    model = VotingClassifier(models).fit(X, y)
    votes = sum(HingeSVC(C=C).fit(X, y).predict(X) for C in [0.01, 0.1, 1.0])
    np.testing.assert_array_equal(model.predict(X), votes >= 2)


def test_feature_selection(data):
    X, y = data
    sizes = np.abs(HingeSVC(C=0.01).fit(X, y).coef_[0])
    chosen = SelectFromModel(HingeSVC(C=0.01), threshold="median").fit(X, y)
    np.testing.assert_array_equal(chosen.get_support(), sizes >= np.median(sizes))
    assert RFE(HingeSVC(C=0.01), n_features_to_select=2).fit(X, y).support_.sum() == 2


def test_permutation_importance(data):
    X, y = data
    clf = HingeSVC().fit(X, y)
    result = permutation_importance(clf, X, y, n_repeats=3, random_state=0)
    assert result.importances_mean.argmax() == np.abs(clf.coef_[0]).argmax()


def test_clone_and_set_params():
    loss = SmoothedHinge(gamma=0.5)
    clf = HingeSVC(C=2.0, loss=loss, class_weight={1: 3.0}, solver="batch")
    copy = clone(clf)
    assert copy.get_params() == clf.get_params()
    assert copy.class_weight is not clf.class_weight
    assert clone(copy.set_params(C=5.0)).C == 5.0
    with pytest.raises(NotFittedError):
        clone(clf.fit([[0.0], [1.0]], [0, 1])).predict([[0.0]])


def test_representation():
    assert repr(HingeSVC(C=2.0)) == "HingeSVC(C=2.0)"
    assert "HingeSVC" in HingeSVC(loss=SmoothedHinge(0.5))._repr_html_()
    fitted = HingeSVC().fit([[0.0], [1.0]], [0, 1])
    assert "HingeSVC" in fitted._repr_html_()


@pytest.mark.parametrize(
    "params", [{}, {"warm_start": True}, {"loss": SmoothedHinge(2)}]
)
def test_pickle(iris, params):
    X, y = iris
    clf = HingeSVC(**params).fit(X, y)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        restored = pickle.loads(pickle.dumps(clf, protocol=protocol))
        assert_same_fit(restored, clf)
        assert vars(restored).keys() == vars(clf).keys()
        np.testing.assert_array_equal(restored.predict(X), clf.predict(X))
        assert restored.fit(X, y).score(X, y) == clf.fit(X, y).score(X, y)


@pytest.mark.parametrize("mmap_mode", [None, "r"])
def test_joblib_dump_and_load(tmp_path, iris, mmap_mode):
    X, y = iris
    clf = HingeSVC().fit(X, y)
    joblib.dump(clf, tmp_path / "clf.joblib")
    restored = joblib.load(tmp_path / "clf.joblib", mmap_mode=mmap_mode)
    assert_same_fit(restored, clf)
    np.testing.assert_array_equal(restored.predict(X), clf.predict(X))


def test_joblib_memory_map_as_input(tmp_path, iris):
    X, y = iris
    joblib.dump((X, y), tmp_path / "data.joblib")
    X_mapped, y_mapped = joblib.load(tmp_path / "data.joblib", mmap_mode="r")
    assert isinstance(X_mapped, np.memmap)
    assert_same_fit(HingeSVC().fit(X_mapped, y_mapped), HingeSVC().fit(X, y))
    search = GridSearchCV(HingeSVC(), {"C": [0.1, 1.0]}, cv=3, n_jobs=2)
    assert search.fit(X_mapped, y_mapped).best_score_ > 0.9


def test_joblib_context_sets_the_number_of_threads(iris):
    X, y = iris
    expected = HingeSVC().fit(X, y)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert_same_fit(HingeSVC().fit(X, y), expected)
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert_same_fit(HingeSVC().fit(X, y), expected)


@pytest.fixture
def weights(data):
    return np.random.default_rng(0).integers(0, 3, size=len(data[1])).astype(float)


def test_metadata_routing_through_a_pipeline(data, weights):
    X, y = data
    with sklearn.config_context(enable_metadata_routing=True):
        final = HingeSVC().set_fit_request(sample_weight=True)
        model = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False), final
        )
        model.fit(X, y, sample_weight=weights)
    expected = HingeSVC().fit(
        StandardScaler().fit_transform(X), y, sample_weight=weights
    )
    assert_same_fit(model[-1], expected)


def test_metadata_routing_through_a_search(data, weights):
    X, y = data
    with sklearn.config_context(enable_metadata_routing=True):
        clf = HingeSVC().set_fit_request(sample_weight=True)
        clf.set_score_request(sample_weight=True)
        search = GridSearchCV(clf, {"C": [0.1]}, cv=3)
        search.fit(X, y, sample_weight=weights)
    expected = HingeSVC(C=0.1).fit(X, y, sample_weight=weights)
    assert_same_fit(search.best_estimator_, expected)


def test_metadata_must_be_requested(data, weights):
    X, y = data
    with sklearn.config_context(enable_metadata_routing=True):
        model = make_pipeline(HingeSVC())
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            model.fit(X, y, sample_weight=weights)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames(iris, library):
    frames = pytest.importorskip(library)
    X, y = iris
    frame = frames.DataFrame({name: X[:, k] for k, name in enumerate("abcd")})
    clf = HingeSVC().fit(frame, frames.Series(y), sample_weight=frames.Series(y + 1.0))
    assert_same_fit(clf, HingeSVC().fit(X, y, sample_weight=y + 1.0))
    np.testing.assert_array_equal(clf.feature_names_in_, ["a", "b", "c", "d"])
    np.testing.assert_array_equal(clf.predict(frame), clf.predict(frame[list("abcd")]))
    with pytest.raises(ValueError, match="feature names"):
        clf.predict(frame[["d", "c", "b", "a"]])


def test_pandas_categorical_and_string_labels(iris):
    pandas = pytest.importorskip("pandas")
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    expected = HingeSVC().fit(X, names)
    for labels in [pandas.Series(names), pandas.Series(names, dtype="category")]:
        clf = HingeSVC().fit(X, labels)
        np.testing.assert_array_equal(clf.coef_, expected.coef_)
        np.testing.assert_array_equal(clf.predict(X), expected.predict(X))


def test_names_are_gone_after_a_fit_without(iris):
    pandas = pytest.importorskip("pandas")
    X, y = iris
    clf = HingeSVC().fit(pandas.DataFrame(X, columns=["a", "b", "c", "d"]), y)
    assert not hasattr(clf.fit(X, y), "feature_names_in_")

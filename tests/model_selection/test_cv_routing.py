"""HingeSVCCV: weights and groups, frames, and its place among other estimators."""

import pickle

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from samples import make_data
from sklearn.base import clone
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.metrics import accuracy_score, get_scorer, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    LeaveOneGroupOut,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hingesvm import HingeSVC
from hingesvm.metrics import neg_hinge_loss_scorer
from hingesvm.model_selection import HingeSVCCV

CS = [1.0, 0.01]


@pytest.fixture
def data():
    return make_data(60, 3)


@pytest.fixture
def weights(data):
    """Weights of which some are 0, and no test set is without."""
    return np.random.default_rng(0).integers(0, 3, len(data[1])) * 0.75


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def assert_same_search(one, two):
    for name in ["scores_", "coefs_paths_", "objectives_", "coef_", "intercept_"]:
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert one.C_ == two.C_


def scores_by_hand(X, y, splits, *, weights, scoring, is_weighted):
    """Return the scores of fits with weights, weighted or not."""
    scores = []
    for train, test in splits:
        fits = [HingeSVC(C).fit(X[train], y[train], weights[train]) for C in CS]
        params = {"sample_weight": weights[test]} if is_weighted else {}
        scores.append([scoring(fit, X[test], y[test], **params) for fit in fits])
    return scores


@pytest.mark.parametrize("scoring", [None, "balanced_accuracy", neg_hinge_loss_scorer])
def test_weights_count_in_fits_and_scores(data, weights, scoring):
    X, y = data
    search = HingeSVCCV(Cs=CS, cv=3, scoring=scoring, tol=1e-12)
    search.fit(X, y, sample_weight=weights)
    named = isinstance(scoring, str) or scoring is None
    expected = scores_by_hand(
        X,
        y,
        StratifiedKFold(3).split(X, y),
        weights=weights,
        scoring=get_scorer(scoring or "accuracy") if named else scoring,
        is_weighted=True,
    )
    np.testing.assert_allclose(search.scores_, expected, rtol=1e-6)
    last = HingeSVC(search.C_).fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(search.coef_, last.coef_)


def test_weights_of_other_kinds(data, weights):
    X, y = data
    search = HingeSVCCV(Cs=CS, cv=3)
    expected = clone(search).fit(X, y, weights)
    assert_same_search(clone(search).fit(X, y, weights.tolist()), expected)
    alike = clone(search).fit(X, y, sample_weight=2.0)
    assert_same_search(alike, clone(search).fit(X, y, np.full(60, 2.0)))


def test_weight_zero_is_the_row_left_out(data):
    X, y = data
    weights = (np.arange(60) % 5 != 0).astype(float)
    kept = np.flatnonzero(weights)
    splits = list(StratifiedKFold(3).split(X[kept], y[kept]))
    without = HingeSVCCV(Cs=CS, cv=splits).fit(X[kept], y[kept])
    # The rows of weight 0 are in each part of each split.
    zeros = np.flatnonzero(weights == 0.0)
    given = [tuple(np.append(kept[part], zeros) for part in split) for split in splits]
    search = HingeSVCCV(Cs=CS, cv=given).fit(X, y, sample_weight=weights)
    assert_same_search(search, without)
    default = HingeSVCCV(Cs=2, cv=given).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(
        default.Cs_, HingeSVCCV(Cs=2, cv=splits).fit(X[kept], y[kept]).Cs_
    )


def test_parts_whose_weights_are_all_zero_are_refused(data):
    X, y = data
    weights = np.ones(60)
    weights[:20] = 0.0
    first, rest = np.arange(20), np.arange(20, 60)
    with pytest.raises(ValueError, match="Fold 1 of 1 has no rows to train on"):
        HingeSVCCV(Cs=CS, cv=[(first, rest)]).fit(X, y, weights)
    with pytest.raises(
        ValueError, match=r"must be finite .* fold 1 of 1 is nan at C=1"
    ):
        HingeSVCCV(Cs=CS, cv=[(rest, first)]).fit(X, y, weights)


def test_groups_need_routing(data):
    X, y = data
    with pytest.raises(ValueError, match="enable_metadata_routing"):
        HingeSVCCV(Cs=CS, cv=GroupKFold(3)).fit(X, y, groups=np.arange(60) % 5)


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("cv", [GroupKFold(3), LeaveOneGroupOut()])
@pytest.mark.parametrize("as_list", [False, True])
def test_groups_are_routed_to_the_splitter(data, cv, as_list):
    X, y = data
    groups = np.random.default_rng(1).integers(0, 4, 60)
    search = HingeSVCCV(Cs=CS, cv=cv)
    search.fit(X, y, groups=groups.tolist() if as_list else groups)
    splits = list(cv.split(X, y, groups))
    assert_same_search(search, HingeSVCCV(Cs=CS, cv=splits).fit(X, y))


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("request_it", [True, False])
def test_weights_are_routed_to_the_scorer(data, weights, request_it, n_jobs):
    X, y = data
    splits = list(StratifiedKFold(3).split(X, y))
    for scorer in [get_scorer("accuracy"), neg_hinge_loss_scorer]:
        scoring = scorer.set_score_request(sample_weight=request_it)
        search = HingeSVCCV(Cs=CS, cv=3, scoring=scoring, n_jobs=n_jobs)
        search.set_params(tol=1e-12).fit(X, y, sample_weight=weights)
        expected = scores_by_hand(
            X, y, splits, weights=weights, scoring=scorer, is_weighted=request_it
        )
        np.testing.assert_allclose(search.scores_, expected, rtol=1e-6)
        last = HingeSVC(search.C_).fit(X, y, sample_weight=weights)
        np.testing.assert_array_equal(search.coef_, last.coef_)
        found = search.score(X, y, sample_weight=weights) if request_it else 0.0
        own = scorer(last, X, y, sample_weight=weights) if request_it else 0.0
        assert found == own


@pytest.mark.usefixtures("routing")
def test_weights_that_the_scorer_has_not_asked_for(data, weights):
    X, y = data
    for scoring in [None, "accuracy"]:
        search = HingeSVCCV(Cs=CS, scoring=scoring)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            search.fit(X, y, sample_weight=weights)


@pytest.mark.usefixtures("routing")
def test_the_scorer_says_what_score_takes_inside_other_estimators(data, weights):
    X, y = data
    scoring = get_scorer("accuracy").set_score_request(sample_weight=True)
    search = HingeSVCCV(Cs=CS, cv=3, scoring=scoring)
    model = make_pipeline(StandardScaler(), search).fit(X, y)
    expected = np.average(model.predict(X) == y, weights=weights)
    assert model.score(X, y, sample_weight=weights) == pytest.approx(expected)
    model = make_pipeline(StandardScaler(), HingeSVCCV(Cs=CS, cv=3)).fit(X, y)
    with pytest.raises(UnsetMetadataPassedError, match="accuracy_score"):
        model.score(X, y, sample_weight=weights)


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("name", ["sample_weight", "importance"])
def test_a_search_over_searches_scores_by_their_scorer(data, weights, name):
    X, y = data
    scoring = get_scorer("accuracy").set_score_request(
        sample_weight=True if name == "sample_weight" else name
    )
    search = HingeSVCCV(Cs=CS, cv=2, scoring=scoring)
    search.set_fit_request(sample_weight=False)
    grid = {"loss": ["hinge", "squared_hinge"]}
    outer = GridSearchCV(search, grid, cv=3, error_score="raise")
    outer.fit(X, y, **{name: weights})
    for fold, (train, test) in enumerate(StratifiedKFold(3).split(X, y)):
        inner = clone(search).set_params(loss="hinge")
        inner.fit(X[train], y[train], **{name: weights[train]})
        right = inner.predict(X[test]) == y[test]
        score = outer.cv_results_[f"split{fold}_test_score"][0]
        assert score == pytest.approx(np.average(right, weights=weights[test]))


def accuracy_and_bonus(y, predicted, *, bonus=None):
    """Score with metadata of its own, one for each row."""
    assert bonus is not None
    assert len(bonus) == len(y)
    return accuracy_score(y, predicted) + float(np.mean(bonus))


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_other_metadata_in_each_thread(data, n_jobs):
    X, y = data
    scoring = make_scorer(accuracy_and_bonus).set_score_request(bonus="extra")
    cv = [(np.arange(60), np.arange(30)), (np.arange(60), -np.arange(1, 31))]
    search = HingeSVCCV(Cs=CS, cv=cv, scoring=scoring, n_jobs=n_jobs)
    extra = np.arange(60.0)
    search.fit(X, y, extra=extra)
    plain = HingeSVCCV(Cs=CS, cv=cv).fit(X, y)
    bonus = [[extra[test].mean()] for _, test in cv]
    np.testing.assert_allclose(search.scores_, plain.scores_ + bonus)
    plain_score = plain.set_params(scoring="accuracy").score(X, y)
    assert search.score(X, y, extra=extra) == plain_score + extra.mean()


@pytest.mark.usefixtures("routing")
def test_routing_from_outside(data, weights):
    X, y = data
    groups = np.arange(60) % 4
    scoring = get_scorer("accuracy").set_score_request(sample_weight=True)
    search = HingeSVCCV(Cs=CS, cv=GroupKFold(2), scoring=scoring)
    search.set_fit_request(sample_weight=True)
    model = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), search)
    model.fit(X, y, sample_weight=weights, groups=groups)
    rows = StandardScaler().fit_transform(X)
    assert_same_search(model[-1], clone(search).fit(rows, y, weights, groups=groups))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames(library):
    frames = pytest.importorskip(library)
    X, y = make_data(60, 3)
    names = np.array(["no", "yes"])[y]
    frame = frames.DataFrame({name: X[:, k] for k, name in enumerate("abc")})
    seen = []

    def score(estimator, some, labels):
        assert isinstance(some, frames.DataFrame)
        assert list(some.columns) == ["a", "b", "c"]
        seen.append(len(some))
        return float(np.mean(estimator.predict(some) == labels))

    expected = HingeSVCCV(Cs=CS, cv=3).fit(X, names, sample_weight=None)
    for scoring in [None, score]:
        search = HingeSVCCV(Cs=CS, cv=3, scoring=scoring)
        search.fit(frame, frames.Series(names))
        assert_same_search(search, expected)
        np.testing.assert_array_equal(search.feature_names_in_, ["a", "b", "c"])
        np.testing.assert_array_equal(search.classes_, ["no", "yes"])
        np.testing.assert_array_equal(search.predict(frame), expected.predict(X))
    assert seen == [20] * 6
    with pytest.raises(ValueError, match="feature names"):
        search.predict(frame[["b", "a", "c"]])


@pytest.mark.parametrize("scoring", ["accuracy", lambda model, X, y: model.score(X, y)])
def test_rows_of_other_kinds(data, scoring):
    X, y = data
    search = HingeSVCCV(Cs=CS, cv=3, scoring=scoring)
    expected = clone(search).fit(X, y)
    assert_same_search(clone(search).fit(X.tolist(), y.tolist()), expected)
    assert_same_search(clone(search).fit(np.asfortranarray(X), y), expected)
    whole = (4.0 * X).round()
    sparse = sp.csr_matrix(whole.astype(np.int64))
    wide = sparse.copy()
    wide.indices, wide.indptr = np.int64(wide.indices), np.int64(wide.indptr)
    expected = clone(search).fit(sp.csr_matrix(whole), y)
    for kind in [sparse, wide, sparse.tocoo(), sparse.tocsc(), sp.csr_array(sparse)]:
        assert_same_search(clone(search).fit(kind, y), expected)


def test_rows_and_labels_are_left_alone(data, weights):
    X, y = data
    given = [X.copy(), y.copy(), weights.copy()]
    for part in given:
        part.flags.writeable = False
    search = HingeSVCCV(Cs=2, cv=3).fit(*given)
    assert_same_search(search, HingeSVCCV(Cs=2, cv=3).fit(X, y, weights))


def test_in_a_pipeline_and_inside_other_searches(data):
    X, y = data
    model = make_pipeline(StandardScaler(), HingeSVCCV(Cs=CS, cv=3))
    nested = cross_val_score(model, X, y, cv=3)
    for (train, test), score in zip(
        StratifiedKFold(3).split(X, y), nested, strict=True
    ):
        fold = clone(model).fit(X[train], y[train])
        assert score == fold.score(X[test], y[test])
    grid = {"loss": ["hinge", "squared_hinge"]}
    outer = GridSearchCV(HingeSVCCV(Cs=CS, cv=2), grid, cv=2).fit(X, y)
    assert outer.best_estimator_.C_ in CS
    # The form of the multi-class loss is found in it.
    assert np.isfinite(neg_hinge_loss_scorer(outer, X, y))


def test_clone_params_and_representation():
    cv = StratifiedKFold(3)
    search = HingeSVCCV(Cs=CS, cv=cv, scoring="roc_auc", tol=1e-3, refit=False)
    params = search.get_params()
    assert {"C", "warm_start"}.isdisjoint(params)
    assert {"Cs", "cv", "one_standard_error", "store_paths", "loss"} <= params.keys()
    copy = clone(search)
    assert copy.get_params()["Cs"] == CS
    assert copy.tol == 1e-3
    with pytest.raises(ValueError, match="Invalid parameter 'C'"):
        copy.set_params(C=1.0)
    with pytest.raises(NotFittedError):
        copy.predict([[0.0]])
    assert repr(HingeSVCCV(Cs=3)) == "HingeSVCCV(Cs=3)"


def test_pickle_and_joblib(tmp_path, data):
    X, y = data
    search = HingeSVCCV(Cs=CS, cv=3, scoring=neg_hinge_loss_scorer).fit(X, y)
    joblib.dump(search, tmp_path / "search.joblib")
    for restored in [
        pickle.loads(pickle.dumps(search)),
        joblib.load(tmp_path / "search.joblib"),
    ]:
        assert vars(restored).keys() == vars(search).keys()
        assert_same_search(restored, search)
        assert_same_search(clone(restored).fit(X, y), search)
        np.testing.assert_array_equal(restored.predict(X), search.predict(X))


def test_memory_maps(tmp_path, data):
    X, y = data
    joblib.dump(X, tmp_path / "X.joblib")
    mapped = joblib.load(tmp_path / "X.joblib", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    search = HingeSVCCV(Cs=CS, cv=3)
    assert_same_search(clone(search).fit(mapped, y), search.fit(X, y))

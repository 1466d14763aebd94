"""HingeSVCCV: what scorers see, and where fits, scorers and splitters fail."""

import warnings

import numpy as np
import pytest
import sklearn
from samples import make_data
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import accuracy_score, get_scorer, make_scorer
from sklearn.metrics._scorer import _Scorer
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
from sklearn.utils.validation import check_is_fitted

from hingesvm import HingeSVC
from hingesvm.metrics import make_neg_hinge_loss_scorer
from hingesvm.model_selection import HingeSVCCV

CS = [0.003, 0.1, 1.0]


@pytest.fixture
def data():
    return make_data(60, 3)


def fails_at(C, fold=None):
    """Return a scorer that fails at one C, in the fold that begins with a row."""

    def score(estimator, X, y):
        is_there = fold is None or X[0, 0] == fold
        if estimator.C == C and is_there:
            raise ZeroDivisionError("of the scorer")
        return float(np.mean(estimator.predict(X) == y))

    return score


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("error_score", [np.nan, -1.0, 7])
def test_scorers_that_fail_are_as_in_a_search(data, error_score, n_jobs):
    X, y = data
    params = {"cv": 3, "scoring": fails_at(0.1, X[0, 0]), "error_score": error_score}
    search = HingeSVCCV(CS, n_jobs=n_jobs, tol=1e-12, **params)
    with pytest.warns(UserWarning, match="1 of 9 fits could not be scored") as caught:
        search.fit(X, y)
    assert [one.filename for one in caught] == [__file__]
    assert "ZeroDivisionError: of the scorer" in str(caught[0].message)
    assert f"set to {error_score}" in str(caught[0].message)
    with pytest.warns(UserWarning, match="Scoring failed|non-finite"):
        expected = GridSearchCV(HingeSVC(), {"C": CS}, **params).fit(X, y)
    scores = [expected.cv_results_[f"split{k}_test_score"] for k in range(3)]
    np.testing.assert_allclose(search.scores_, scores)
    assert expected.best_params_["C"] == search.C_
    # Averages are of what has a score.
    if np.isnan(error_score):
        with pytest.warns(UserWarning, match="could not be scored"):
            search.set_params(refit=False).fit(X, y)
        assert np.all(np.isfinite(search.coef_))


def test_scores_that_are_not_finite_may_be_told_to_be_no_choice(data):
    X, y = data

    def score(estimator, X, y):
        return {0.003: 0.5, 0.1: np.nan, 1.0: np.inf}[estimator.C]

    search = HingeSVCCV(CS, cv=3, scoring=score, error_score=np.nan)
    with pytest.warns(UserWarning, match="6 of 9 scores are not finite"):
        search.fit(X, y)
    assert search.C_ == 0.003
    with pytest.raises(ValueError, match="No C has a finite score in each fold"):
        search.set_params(Cs=CS[1:]).fit(X, y)
    with pytest.raises(ValueError, match=r"fold 1 of 3 is nan at C=0\.1"):
        search.set_params(error_score="raise").fit(X, y)


@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("error_score", [np.nan, 0.25])
def test_folds_that_cannot_be_trained_on(data, error_score, refit):
    X, y = data
    one_class, rest = np.flatnonzero(y == 1), np.arange(60)
    cv = [(rest, rest), (one_class, rest), (rest[5:], rest)]
    search = HingeSVCCV(CS, cv=cv, error_score=error_score, refit=refit)
    message = "HingeSVCCV: 3 of 9 fits failed; their scores are set to"
    with pytest.warns(FitFailedWarning, match=message) as caught:
        search.fit(X, y)
    assert [one.filename for one in caught] == [__file__]
    assert "fold 2 of 3 has only one class" in str(caught[0].message)
    np.testing.assert_array_equal(search.scores_[1], [error_score] * 3)
    assert np.all(np.isnan(search.coefs_paths_[1]))
    assert np.all(search.n_iters_[1] == 0)
    without = HingeSVCCV(CS, cv=[cv[0], cv[2]], refit=refit).fit(X, y)
    np.testing.assert_array_equal(search.coef_, without.coef_)
    assert without.C_ == search.C_
    search.set_params(error_score="raise")
    with pytest.raises(ValueError, match="fold 2 of 3 has only one class"):
        search.fit(X, y)


def test_values_of_C_that_cannot_be_trained(data):
    X, y = data
    search = HingeSVCCV([1.0, 1e200, 0.1], cv=2, error_score=np.nan, refit=False)
    with pytest.warns(FitFailedWarning, match="2 of 6 fits failed"):
        search.fit(X, y)
    np.testing.assert_array_equal(np.isnan(search.scores_), [[False, True, False]] * 2)
    assert search.C_ <= 1.0


def test_all_fits_fail(data):
    X, y = data
    alike = np.flatnonzero(y == 1)
    search = HingeSVCCV(CS, cv=[(alike, alike)], error_score=0.0)
    before = dict(vars(search))
    with pytest.raises(ValueError, match="All the 3 fits of HingeSVCCV failed"):
        search.fit(X, y)
    assert vars(search) == before


def test_all_scorers_fail(data):
    X, y = data
    search = HingeSVCCV([0.1], cv=3, scoring=fails_at(0.1), error_score=np.nan)
    with pytest.raises(ValueError, match=r"(?s)No C has a finite.*of the scorer"):
        search.fit(X, y)


@pytest.mark.parametrize("error_score", ["ignore", None, [0.0]])
def test_other_values_of_error_score(data, error_score):
    with pytest.raises(ValueError, match="'error_score' parameter"):
        HingeSVCCV(error_score=error_score).fit(*data)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("make", [lambda: iter([]), list, lambda: (x for x in ())])
def test_cv_without_splits(data, make, n_jobs):
    search = HingeSVCCV(CS, cv=make(), n_jobs=n_jobs)
    with pytest.raises(ValueError, match=r"cv gives no splits. An iterator"):
        search.fit(*data)


def test_a_generator_that_was_used_before(data):
    splits = StratifiedKFold(3).split(*data)
    search = HingeSVCCV(CS, cv=splits).fit(*data)
    before = search.scores_
    with pytest.raises(ValueError, match=r"once only: pass a splitter or a list"):
        search.fit(*data)
    assert search.scores_ is before


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_splitters_that_give_more_splits_than_they_said(data, n_jobs):
    class Long(KFold):
        def get_n_splits(self, X=None, y=None, groups=None):
            return 2

    search = HingeSVCCV(CS, cv=Long(4), n_jobs=n_jobs)
    with pytest.raises(ValueError, match="cv said that it has 2 splits, but gave more"):
        search.fit(*data)


@pytest.mark.parametrize("n_jobs", [1, 2, 4])
def test_splitters_and_scorers_see_the_settings_of_the_caller(data, n_jobs):
    seen = []

    class Watching(KFold):
        def split(self, X, y=None, groups=None):
            for split in super().split(X, y, groups):
                seen.append(sklearn.get_config()["working_memory"])
                yield split

    def score(estimator, X, y):
        seen.append(sklearn.get_config()["working_memory"])
        return float(np.mean(estimator.predict(X) == y))

    search = HingeSVCCV([0.1], cv=Watching(4), scoring=score, n_jobs=n_jobs)
    with sklearn.config_context(working_memory=77):
        search.fit(*data)
    assert seen == [77] * 8


def test_scorers_that_ask_for_what_is_not_there_name_HingeSVC(data):
    asks = make_scorer(accuracy_score, response_method="predict_proba")
    for scoring in ["neg_log_loss", asks]:
        with pytest.raises(AttributeError, match=r"^HingeSVC has none of"):
            HingeSVCCV(CS, scoring=scoring).fit(*data)
    search = HingeSVCCV(CS, scoring="neg_log_loss", error_score=np.nan)
    with pytest.raises(ValueError, match="HingeSVC has none of"):
        search.fit(*data)


@pytest.mark.parametrize("returned", ["0.5", None, {"a": 1.0}, np.ones(2)])
def test_scorers_have_to_return_a_number(data, returned):
    search = HingeSVCCV(CS, scoring=lambda *_: returned)
    with pytest.raises(ValueError, match="scoring must return a number, but <function"):
        search.fit(*data)


@pytest.mark.parametrize("returned", [np.float32(0.5), np.array([0.5]), 1, True])
def test_numbers_of_other_types(data, returned):
    search = HingeSVCCV(CS, cv=2, scoring=lambda *_: returned).fit(*data)
    assert np.all(search.scores_ == float(np.squeeze(returned)))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scorers_see_a_fitted_model(n_classes):
    X, y = make_data(60, 3, n_classes=n_classes)
    names = ["classes_", "coef_", "intercept_", "n_features_in_", "n_iter_"]
    seen = []

    def score(estimator, X, y):
        check_is_fitted(estimator)
        assert type(estimator) is HingeSVC
        assert estimator.get_params()["loss"] == "squared_hinge"
        found = [getattr(estimator, name) for name in names]
        assert len(estimator.history_) == len(estimator.coef_)
        assert estimator.objective_ > estimator.dual_gap_ >= 0.0
        seen.append([estimator.C, *(np.shape(value) for value in found)])
        return estimator.score(X, y)

    HingeSVCCV(CS, cv=2, loss="squared_hinge", scoring=score).fit(X, y)
    of_folds, seen = seen, []
    GridSearchCV(HingeSVC(loss="squared_hinge"), {"C": CS}, cv=2, scoring=score).fit(
        X, y
    )
    assert sorted(of_folds) == sorted(seen)


class LooksAtRows(_Scorer):
    """One of scikit-learn's scorers, but for looking at the rows and the model."""

    def _score(self, method_caller, estimator, X, y_true, **kwargs):
        return estimator.coef_.size + X.shape[0] + 0.1 * X.shape[1]


def test_scorers_derived_from_those_of_sklearn_may_look_at_rows(data):
    scorer = LooksAtRows(accuracy_score, 1, {}, "predict")
    search = HingeSVCCV([0.1], cv=3, scoring=scorer).fit(*data)
    np.testing.assert_allclose(search.scores_, 3 + 20 + 0.3)


def no_weights(y_true, y_pred):
    return accuracy_score(y_true, y_pred)


def of_the_model(estimator, X, y):
    return estimator.score(X, y)


@pytest.mark.parametrize("scoring", [make_scorer(no_weights), of_the_model])
def test_scorers_without_weights_in_a_weighted_fit(data, scoring):
    X, y = data
    weights = np.random.default_rng(0).uniform(0.5, 2.0, 60)
    search = HingeSVCCV(CS, cv=3, scoring=scoring, tol=1e-12)
    message = "does not support sample_weight, so that the fits of HingeSVCCV are"
    with pytest.warns(UserWarning, match=message) as caught:
        search.fit(X, y, sample_weight=weights)
    assert [one.filename for one in caught] == [__file__]
    grid = GridSearchCV(HingeSVC(), {"C": CS}, cv=3, scoring=scoring)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        grid.fit(X, y, sample_weight=weights)
    scores = [grid.cv_results_[f"split{k}_test_score"] for k in range(3)]
    np.testing.assert_allclose(search.scores_, scores)
    # Without weights there is nothing to say.
    clean = HingeSVCCV(CS, cv=3, scoring=scoring).fit(X, y)
    assert clean.scores_.shape == (3, 3)


@pytest.mark.parametrize(
    "scoring",
    [
        None,
        "accuracy",
        get_scorer("balanced_accuracy"),
        make_neg_hinge_loss_scorer(multi_class="ovr", squared=True),
    ],
)
def test_scorers_with_weights_use_them(data, scoring):
    X, y = data
    weights = np.random.default_rng(0).uniform(0.1, 5.0, 60)
    search = HingeSVCCV([0.1], cv=3, scoring=scoring, tol=1e-12)
    search.fit(X, y, sample_weight=weights)
    scorer = scoring if callable(scoring) else get_scorer("accuracy")
    for (train, test), score in zip(
        StratifiedKFold(3).split(X, y), search.scores_[:, 0], strict=True
    ):
        model = HingeSVC(0.1).fit(X[train], y[train], weights[train])
        expected = scorer(model, X[test], y[test], sample_weight=weights[test])
        assert score == pytest.approx(expected, rel=1e-5)

"""The scorer of hingesvm.metrics inside scikit-learn's searches and folds."""

import pickle

import numpy as np
import pytest
import sklearn
import sklearn.metrics
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris, make_classification
from sklearn.model_selection import (
    GridSearchCV,
    PredefinedSplit,
    cross_val_score,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from hingesvm import HingeSVC
from hingesvm.metrics import (
    hinge_loss,
    make_neg_hinge_loss_scorer,
    neg_hinge_loss_scorer,
)

SKLEARN = tuple(int(part) for part in sklearn.__version__.split(".")[:2])


class Identity(ClassifierMixin, BaseEstimator):
    """A classifier whose decision is its only feature, or its row of features."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        X = np.asarray(X)
        return X[:, 0] if X.shape[1] == 1 else X

    def predict(self, X):
        return self.classes_[(self.decision_function(X) > 0).astype(int)]


class Formed(Identity):
    """One that has been trained in some multi-class form."""

    def __init__(self, multi_class="ovr"):
        self.multi_class = multi_class


class Wrapper(BaseEstimator):
    """A meta-estimator that hides the classes of what it wraps."""

    def fit(self, X, y):
        self.model_ = Identity().fit(X, y)
        return self

    def decision_function(self, X):
        return self.model_.decision_function(X)


X_ONE_CLASS_FOLD = np.array([[2.0], [0.5], [-3.0], [1.0], [-0.5], [4.0]])
Y_ONE_CLASS_FOLD = np.array([1, 1, 0, 0, 0, 1])
ONE_CLASS_FOLD = PredefinedSplit([0, 0, 1, 1, 2, 2])
# By hand, of the margins (2, 0.5), (3, -1) and (0.5, 4).
ONE_CLASS_SCORES = [-0.25, -1.0, -0.25]


@pytest.fixture(scope="module")
def data():
    X, y = make_classification(n_samples=90, n_features=5, random_state=0)
    return X, np.array(["neg", "pos"])[y]


@pytest.fixture
def model():
    return LinearSVC(loss="hinge", C=0.1, max_iter=20_000, random_state=0)


def test_scorer_on_folds_of_one_class():
    scores = cross_val_score(
        Identity(),
        X_ONE_CLASS_FOLD,
        Y_ONE_CLASS_FOLD,
        cv=ONE_CLASS_FOLD,
        scoring=neg_hinge_loss_scorer,
        error_score="raise",
    )
    assert scores.tolist() == ONE_CLASS_SCORES


def test_scorer_on_folds_without_one_of_three_classes():
    X = np.vstack([np.eye(3), 0.5 * np.eye(3), 2.0 * np.eye(3)])
    y = ["a", "b", "c", "a", "b", "a", "c", "c", "c"]
    scores = cross_val_score(
        Identity(),
        X,
        y,
        cv=PredefinedSplit(np.repeat([0, 1, 2], 3)),
        scoring=neg_hinge_loss_scorer,
        error_score="raise",
    )
    np.testing.assert_allclose(scores, [0.0, -(0.5 + 0.5 + 1.5) / 3, -(3 + 3 + 0) / 3])


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_scorer_in_cross_validation_of_a_pipeline(data, model, n_jobs):
    X, y = data
    pipe = make_pipeline(StandardScaler(), model)
    cv = PredefinedSplit(np.arange(len(y)) % 3)
    scores = cross_val_score(pipe, X, y, cv=cv, scoring=neg_hinge_loss_scorer)
    expected = [
        -sklearn.metrics.hinge_loss(
            y[test], clone(pipe).fit(X[train], y[train]).decision_function(X[test])
        )
        for train, test in cv.split()
    ]
    np.testing.assert_allclose(scores, expected, rtol=1e-12)
    assert (scores < 0.0).all()


def test_scorer_in_a_parallel_search(data, model):
    X, y = data
    grid = {"linearsvc__C": [1e-6, 0.1]}
    search = GridSearchCV(
        make_pipeline(StandardScaler(), model),
        grid,
        scoring=neg_hinge_loss_scorer,
        cv=3,
        n_jobs=2,
    )
    search = clone(search).fit(X, y)
    assert search.best_params_ == {"linearsvc__C": 0.1}
    expected = -hinge_loss(y, search.decision_function(X))
    assert search.score(X, y) == neg_hinge_loss_scorer(search, X, y) == expected


def test_scorer_weighs_rows():
    model = Identity().fit([[0.0], [0.0]], [0, 1])
    X, y, w = [[0.5], [2.0]], [1, 0], [3.0, 1.0]
    assert neg_hinge_loss_scorer(model, X, y) == -1.75
    assert neg_hinge_loss_scorer(model, X, y, sample_weight=w) == -1.125


FORMS = ["crammer_singer", "weston_watkins", "ovr"]
X_THREE = np.array([[0.5, 1.0, -2.0], [0.25, 3.0, 1.0], [1.0, 0.0, 0.0]])
Y_THREE = [0, 2, 1]


def expected_score(form):
    return -hinge_loss(Y_THREE, X_THREE, multi_class=form)


def search_of(model, grid=None):
    scoring = {"cv": ONE_CLASS_FOLD, "scoring": neg_hinge_loss_scorer}
    return GridSearchCV(model, grid or {}, error_score="raise", **scoring)


def test_the_forms_differ():
    assert len({expected_score(form) for form in FORMS}) == 3


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model,
        lambda model: make_pipeline("passthrough", model),
        lambda model: make_pipeline("passthrough", Pipeline([("inner", model)])),
        lambda model: search_of(model),
        lambda model: make_pipeline(search_of(model)),
        lambda model: search_of(make_pipeline(model)),
    ],
    ids=["itself", "pipeline", "nested", "search", "in pipeline", "of pipeline"],
)
def test_scores_do_not_depend_on_how_a_model_was_trained(form, wrap):
    X, y = np.tile(X_THREE, (2, 1)), np.tile(Y_THREE, 2)
    for trained in FORMS:
        model = wrap(Formed(trained)).fit(X, y)
        scorer = make_neg_hinge_loss_scorer(multi_class=form)
        assert scorer(model, X_THREE, Y_THREE) == expected_score(form)
        default = neg_hinge_loss_scorer(model, X_THREE, Y_THREE)
        assert default == expected_score("crammer_singer")


def test_a_search_over_forms_compares_one_loss():
    X, y = np.tile(X_THREE, (2, 1)), np.tile(Y_THREE, 2)
    search = search_of(Formed(), {"multi_class": FORMS}).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    # The decisions are the same, whatever the form.
    assert len(set(scores)) == 1
    assert search.score(X_THREE, Y_THREE) == expected_score("crammer_singer")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("squared", [False, True])
def test_scorers_of_trained_estimators(form, squared):
    X, y = load_iris(return_X_y=True)
    rows = StandardScaler().fit_transform(X)
    scorer = make_neg_hinge_loss_scorer(multi_class=form, squared=squared)
    for model in [
        HingeSVC(),
        HingeSVC(loss="squared_hinge"),
        HingeSVC(multi_class="crammer_singer"),
        HingeSVC(multi_class="weston_watkins"),
        LinearSVC(random_state=0, max_iter=20_000),
        OneVsRestClassifier(HingeSVC()),
    ]:
        model.fit(rows, y)
        decisions = model.decision_function(rows)
        expected = hinge_loss(y, decisions, multi_class=form, squared=squared)
        assert scorer(model, rows, y) == -expected


def test_the_same_model_alone_and_one_against_the_rest():
    X, y = load_iris(return_X_y=True)
    rows = StandardScaler().fit_transform(X)
    alone = neg_hinge_loss_scorer(HingeSVC().fit(rows, y), rows, y)
    model = OneVsRestClassifier(HingeSVC()).fit(rows, y)
    assert neg_hinge_loss_scorer(model, rows, y) == pytest.approx(alone, rel=1e-9)
    expected = -sklearn.metrics.hinge_loss(y, model.decision_function(rows))
    assert alone == pytest.approx(expected, rel=1e-9)


def test_two_classes_have_one_loss():
    X, y = load_iris(return_X_y=True)
    X, y = X[:100], y[:100]
    model = HingeSVC().fit(X, y)
    expected = -sklearn.metrics.hinge_loss(y, model.decision_function(X))
    for form in FORMS:
        scorer = make_neg_hinge_loss_scorer(multi_class=form)
        assert scorer(model, X, y) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"multi_class": "multinomial"}, "multi_class must be one of .*'multinomial'"),
        ({"multi_class": None}, "multi_class must be one of .*None"),
        ({"multi_class": ["ovr"]}, r"multi_class must be one of .*\['ovr'\]"),
        ({"squared": "yes"}, "squared must be True or False, got 'yes'"),
    ],
)
def test_unknown_forms_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        make_neg_hinge_loss_scorer(**params)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("request_", [None, True, "importance"])
@pytest.mark.usefixtures("routing")
def test_scorers_are_values(form, squared, request_):
    scorer = make_neg_hinge_loss_scorer(multi_class=form, squared=squared)
    scorer = scorer.set_score_request(sample_weight=request_)
    for copy in [pickle.loads(pickle.dumps(scorer)), clone(scorer), eval(repr(scorer))]:
        assert copy == scorer
        assert hash(copy) == hash(scorer)
    is_default = form == "crammer_singer" and not squared and request_ is None
    assert (scorer == neg_hinge_loss_scorer) == is_default
    assert is_default == (repr(scorer) == "neg_hinge_loss_scorer")
    with pytest.raises(AttributeError):
        scorer.multi_class = "ovr"


@pytest.mark.usefixtures("routing")
def test_requests_reach_nobody_else():
    cross_validate(
        Identity().set_fit_request(sample_weight=False),
        X_ONE_CLASS_FOLD,
        Y_ONE_CLASS_FOLD,
        cv=ONE_CLASS_FOLD,
        scoring=neg_hinge_loss_scorer.set_score_request(sample_weight=True),
        params={"sample_weight": np.ones(6)},
    )
    own = make_neg_hinge_loss_scorer(multi_class="ovr")
    own.set_score_request(sample_weight="other")
    for scorer in [neg_hinge_loss_scorer, make_neg_hinge_loss_scorer(), own]:
        requests = scorer.get_metadata_routing().score.requests
        assert requests == {"sample_weight": None}
        assert "request" not in repr(scorer)


def test_score_of_no_loss_is_positive_zero():
    model = Identity().fit([[0.0], [0.0]], [0, 1])
    assert str(neg_hinge_loss_scorer(model, [[2.0]], [1])) == "0.0"


def test_scorer_copies():
    copy = pickle.loads(pickle.dumps(neg_hinge_loss_scorer))
    assert copy == clone(neg_hinge_loss_scorer) == neg_hinge_loss_scorer
    model = Identity().fit([[0.0], [0.0]], [0, 1])
    assert copy(model, [[0.5]], [1]) == -0.5


def test_scorer_is_immutable():
    with pytest.raises(AttributeError):
        neg_hinge_loss_scorer.weight_request = True


@pytest.mark.parametrize("make", [Wrapper().fit([[1.0], [2.0]], [0, 1]), LinearSVC()])
def test_scorer_needs_classes(make):
    with pytest.raises(AttributeError, match=f"{type(make).__name__} has no classes_"):
        neg_hinge_loss_scorer(make, [[1.0], [2.0]], [0, 1])


def test_scorer_refuses_a_label_the_estimator_has_not_seen():
    model = Identity().fit([[0.0], [0.0]], [0, 1])
    with pytest.raises(ValueError, match=r"y_true contains \[2\], not in labels"):
        neg_hinge_loss_scorer(model, [[1.0]], [2])


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.parametrize(("request_", "name"), [(True, "sample_weight"), ("ew", "ew")])
@pytest.mark.usefixtures("routing")
def test_routed_weights_reach_the_scorer(request_, name):
    w = np.array([1.0, 3.0, 1.0, 3.0, 1.0, 0.0])
    scorer = neg_hinge_loss_scorer.set_score_request(sample_weight=request_)
    scores = cross_val_score(
        Identity().set_fit_request(sample_weight=False),
        X_ONE_CLASS_FOLD,
        Y_ONE_CLASS_FOLD,
        cv=ONE_CLASS_FOLD,
        scoring=pickle.loads(pickle.dumps(clone(scorer))),
        params={name: w},
        error_score="raise",
    )
    assert scores.tolist() == [-0.375, -1.5, -0.5]


@pytest.mark.usefixtures("routing")
def test_routed_weights_reach_the_scorer_in_a_search(data, model):
    X, y = data
    w = np.random.default_rng(0).uniform(size=len(y))
    cv = PredefinedSplit(np.arange(len(y)) % 3)
    search = GridSearchCV(
        model.set_fit_request(sample_weight=True),
        {"C": [0.1]},
        scoring=neg_hinge_loss_scorer.set_score_request(sample_weight=True),
        cv=cv,
        n_jobs=2,
    ).fit(X, y, sample_weight=w)
    expected = [
        neg_hinge_loss_scorer(
            clone(model).fit(X[train], y[train], sample_weight=w[train]),
            X[test],
            y[test],
            sample_weight=w[test],
        )
        for train, test in cv.split()
    ]
    assert search.best_score_ == pytest.approx(np.mean(expected), rel=1e-9)
    assert search.score(X, y, sample_weight=w) == neg_hinge_loss_scorer(
        search, X, y, sample_weight=w
    )


@pytest.mark.usefixtures("routing")
def test_weights_that_are_not_requested():
    options = {
        "estimator": Identity().set_fit_request(sample_weight=False),
        "X": X_ONE_CLASS_FOLD,
        "y": Y_ONE_CLASS_FOLD,
        "cv": ONE_CLASS_FOLD,
        "params": {"sample_weight": [1.0, 3.0, 1.0, 3.0, 1.0, 0.0]},
    }
    with pytest.raises(ValueError, match=r"sample_weight.*not explicitly set"):
        cross_val_score(scoring=neg_hinge_loss_scorer, **options)
    ignoring = neg_hinge_loss_scorer.set_score_request(sample_weight=False)
    weighing = neg_hinge_loss_scorer.set_score_request(sample_weight=True)
    both = {"ignoring": ignoring, "weighing": weighing}
    scores = cross_validate(scoring=both, **options)
    assert scores["test_ignoring"].tolist() == ONE_CLASS_SCORES
    assert scores["test_weighing"].tolist() == [-0.375, -1.5, -0.5]


@pytest.mark.usefixtures("routing")
def test_set_score_request_returns_a_new_scorer():
    scorer = neg_hinge_loss_scorer.set_score_request(sample_weight=True)
    assert scorer != neg_hinge_loss_scorer
    assert scorer.set_score_request(sample_weight=None) == neg_hinge_loss_scorer
    request = neg_hinge_loss_scorer.get_metadata_routing().score.requests
    assert request == {"sample_weight": None}
    assert scorer.get_metadata_routing().score.requests == {"sample_weight": True}
    with pytest.raises(ValueError, match="valid identifier"):
        scorer.set_score_request(sample_weight="not a name")


def test_set_score_request_without_routing():
    with pytest.raises(RuntimeError, match="enable_metadata_routing=True"):
        neg_hinge_loss_scorer.set_score_request(sample_weight=True)


@pytest.mark.skipif(SKLEARN < (1, 9), reason="a search did not weigh its scores")
@pytest.mark.parametrize("several", [False, True])
def test_weights_reach_the_scorer_in_a_search_without_routing(several):
    scoring = {"loss": neg_hinge_loss_scorer} if several else neg_hinge_loss_scorer
    search = GridSearchCV(
        Identity(),
        {},
        scoring=scoring,
        refit="loss" if several else True,
        cv=ONE_CLASS_FOLD,
        error_score="raise",
    )
    w = np.array([1.0, 3.0, 1.0, 3.0, 1.0, 0.0])
    search.fit(X_ONE_CLASS_FOLD, Y_ONE_CLASS_FOLD, sample_weight=w)
    assert search.best_score_ == pytest.approx((-0.375 - 1.5 - 0.5) / 3)

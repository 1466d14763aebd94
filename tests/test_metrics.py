"""hingesvm.metrics against scikit-learn, plain loops and values worked by hand."""

import pickle

import numpy as np
import pytest
import sklearn
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.model_selection import (
    GridSearchCV,
    PredefinedSplit,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from hingesvm.metrics import hinge_loss, neg_hinge_loss_scorer

SKLEARN = tuple(int(part) for part in sklearn.__version__.split(".")[:2])

quick = settings(max_examples=60, deadline=None)
decision = st.floats(-1e3, 1e3)
weight = st.floats(0.0, 1e3).map(lambda w: 0.0 if w < 1e-3 else w)


@st.composite
def binary(draw, classes=((-1, 1), (0, 1), (3, 8), (1.0, 2.0))):
    """Labels of both classes, decisions, weights or None, and the classes."""
    low, high = draw(st.sampled_from(classes))
    rest = draw(st.lists(st.sampled_from([low, high]), max_size=20))
    y = draw(st.permutations([low, high, *rest]))
    n = len(y)
    f = draw(st.lists(decision, min_size=n, max_size=n))
    w = draw(st.none() | st.lists(weight, min_size=n, max_size=n).filter(any))
    return y, f, w, [low, high]


@st.composite
def multiclass(draw):
    """Labels of some of K >= 3 classes, decisions, weights or None, and the classes."""
    pool = draw(st.sampled_from([list(range(5)), list("vwxyz"), [-7.5, -1, 0, 2, 9]]))
    classes = pool[: draw(st.integers(3, 5))]
    y = draw(st.lists(st.sampled_from(classes), min_size=1, max_size=15))
    row = st.lists(decision, min_size=len(classes), max_size=len(classes))
    f = draw(st.lists(row, min_size=len(y), max_size=len(y)))
    w = draw(st.none() | st.lists(weight, min_size=len(y), max_size=len(y)).filter(any))
    return y, f, w, classes


def loop_loss(y, f, labels, power=1, w=None):
    """The weighted mean loss as its definition reads."""
    classes = sorted(labels)
    total = mass = 0.0
    for i, label in enumerate(y):
        k = classes.index(label)
        if len(classes) == 2:
            margin = f[i] if k == 1 else -f[i]
        else:
            margin = f[i][k] - max(s for j, s in enumerate(f[i]) if j != k)
        wi = 1.0 if w is None else w[i]
        total += wi * max(0.0, 1.0 - margin) ** power
        mass += wi
    return total / mass


@quick
@given(binary())
def test_binary_equals_sklearn(case):
    y, f, w, labels = case
    expected = sklearn.metrics.hinge_loss(y, f, sample_weight=w)
    assert hinge_loss(y, f, sample_weight=w) == pytest.approx(expected, rel=1e-12)
    assert hinge_loss(y, f, labels=labels, sample_weight=w) == pytest.approx(
        expected, rel=1e-12
    )


@quick
@given(binary(classes=(("no", "yes"), ("B", "a"), (False, True))))
def test_binary_strings_and_bools_equal_sklearn(case):
    y, f, w, labels = case
    expected = sklearn.metrics.hinge_loss(y, f, sample_weight=w)
    actual = hinge_loss(y, f, sample_weight=w, labels=labels[::-1])
    assert actual == pytest.approx(expected, rel=1e-12)


@quick
@given(multiclass())
def test_multiclass_equals_sklearn_even_where_classes_are_missing(case):
    y, f, w, labels = case
    expected = sklearn.metrics.hinge_loss(y, f, labels=labels, sample_weight=w)
    actual = hinge_loss(y, f, labels=labels, sample_weight=w)
    assert actual == pytest.approx(expected, rel=1e-12)


def test_columns_are_in_sorted_order_of_the_labels():
    y, f = ["c", "a"], [[0.0, 1.0, 3.0], [0.5, 0.0, 0.0]]
    assert hinge_loss(y, f, labels=["c", "a", "b"]) == 0.25
    assert sklearn.metrics.hinge_loss(y, f, labels=["c", "a", "b"]) == 0.25


def test_multiclass_without_labels():
    f = np.eye(3) * 1.5
    assert hinge_loss([0, 1, 2], f) == 0.0
    assert hinge_loss([1, 2, 0], f) == 2.5


@pytest.mark.parametrize(
    ("y", "labels", "expected"),
    [
        ([1, 1], [0, 1], 0.0),
        ([1, 1], [1, 2], 3.0),
        ([1, 1], [1, 0], 0.0),
        ([0, 0], [0, 1], 3.0),
        ([-1, -1], [-1, 1], 3.0),
        ([True, True], [False, True], 0.0),
        ([False, False], [False, True], 3.0),
        (["b", "b"], ["a", "b"], 0.0),
        (["b", "b"], ["c", "b"], 3.0),
        ([1.0, 1.0], np.array([0, 1]), 0.0),
        ([True, True], [0, 1], 0.0),
    ],
)
def test_one_class_with_labels(y, labels, expected):
    assert hinge_loss(y, [2.0, 2.0], labels=labels) == expected


@pytest.mark.parametrize("y", [[1, 1], [-1, -1], [0, 0], ["a", "a"], [True, True]])
def test_one_class_without_labels_is_refused(y):
    with pytest.raises(
        ValueError,
        match="y_true has one class, so the sign of the decision is unknown: "
        "pass labels=",
    ):
        hinge_loss(y, [2.0, 2.0])


@quick
@given(binary())
def test_rows_can_be_scored_one_by_one(case):
    y, f, _, labels = case
    parts = [hinge_loss([y[i]], [f[i]], labels=labels) for i in range(len(y))]
    assert hinge_loss(y, f) == pytest.approx(np.mean(parts), rel=1e-12)


@quick
@given(st.one_of(binary(), multiclass()), st.sampled_from([1, 2]))
def test_equals_a_plain_loop(case, power):
    y, f, w, labels = case
    actual = hinge_loss(y, f, labels=labels, sample_weight=w, squared=power == 2)
    assert actual == pytest.approx(loop_loss(y, f, labels, power, w), rel=1e-12)


@quick
@given(st.one_of(binary(), multiclass()), st.data())
def test_weight_k_is_repetition_k_times(case, data):
    y, f, _, labels = case
    n = len(y)
    k = data.draw(st.lists(st.integers(0, 4), min_size=n, max_size=n).filter(any))
    squared = data.draw(st.booleans())
    weighted = hinge_loss(y, f, labels=labels, sample_weight=k, squared=squared)
    repeated = hinge_loss(
        np.repeat(y, k), np.repeat(f, k, axis=0), labels=labels, squared=squared
    )
    assert weighted == pytest.approx(repeated, rel=1e-12)


@quick
@given(st.one_of(binary(), multiclass()), st.randoms(use_true_random=False))
def test_order_of_the_rows_does_not_matter(case, random):
    y, f, w, labels = case
    order = random.sample(range(len(y)), len(y))
    moved = hinge_loss(
        [y[i] for i in order],
        [f[i] for i in order],
        labels=labels,
        sample_weight=None if w is None else [w[i] for i in order],
    )
    original = hinge_loss(y, f, labels=labels, sample_weight=w)
    assert moved == pytest.approx(original, rel=1e-12)


def test_tied_scores_give_margin_zero():
    assert hinge_loss([0, 1, 2], np.zeros((3, 3))) == 1.0


def test_column_of_binary_decisions():
    assert hinge_loss([0, 1], [[0.5], [0.5]]) == hinge_loss([0, 1], [0.5, 0.5]) == 1.0


def test_inputs_are_left_alone():
    y, f = np.array([0, 2, 1]), np.arange(9.0).reshape(3, 3)
    w, labels = np.array([1.0, 0.0, 3.0]), np.array([2, 1, 0])
    for array in (y, f, w, labels):
        array.flags.writeable = False
    assert isinstance(hinge_loss(y, f, labels=labels, sample_weight=w), float)
    hinge_loss(y[:2], f[:2, 0], labels=[0, 2], sample_weight=w[:2], squared=True)


def test_decisions_of_lower_precision_are_taken_as_float64():
    assert hinge_loss([0, 1], np.array([-128, 127], dtype=np.int8)) == 0.0
    f = np.array([0.1, 0.9], dtype=np.float32)
    assert hinge_loss([0, 1], f) == hinge_loss([0, 1], f.astype(np.float64))


@pytest.mark.parametrize("squared", [False, True])
def test_extreme_decisions_raise_no_warning(squared):
    big = [1e300, -1e300, 1e300]
    expected = np.inf if squared else 1e300
    with np.errstate(all="raise"):
        actual = hinge_loss([0, 1, 0], big, squared=squared)
        assert actual == pytest.approx(expected)
        assert hinge_loss([1, 0, 1], big, squared=squared) == 0.0
        three = np.diag(big)
        actual = hinge_loss([1, 1, 0], three, labels=[0, 1, 2], squared=squared)
        assert actual == pytest.approx(expected)


def test_a_margin_that_overflows():
    f = [[-1.7e308, 1.7e308, 0.0]]
    with np.errstate(all="raise"):
        assert hinge_loss([0], f, labels=[0, 1, 2]) == np.inf
        assert hinge_loss([1], f, labels=[0, 1, 2]) == 0.0


def test_the_mean_does_not_overflow_before_its_terms_do():
    f = [1.7e308] * 4
    with np.errstate(all="raise"):
        assert hinge_loss([0] * 4, f, labels=[0, 1]) == 1.7e308
        assert hinge_loss([0] * 4, f, labels=[0, 1], sample_weight=f) == 1.7e308


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e308])
def test_the_scale_of_the_weights_does_not_matter(scale):
    with np.errstate(all="raise"):
        actual = hinge_loss([0, 1], [1.0, 1.0], sample_weight=[scale, scale])
    assert actual == 1.0


def test_a_row_of_weight_zero_does_not_count_even_if_its_loss_is_infinite():
    assert hinge_loss([0, 1], [1e300, 0.5], sample_weight=[0, 1], squared=True) == 0.25


@pytest.mark.parametrize(
    ("y", "f", "options", "message"),
    [
        ([0, 1], [1.0], {}, r"inconsistent numbers of samples: \[2, 1\]"),
        ([0, 1], [1.0, 2.0], {"sample_weight": [1]}, r"samples: \[2, 2, 1\]"),
        ([0, 1], [np.nan, 1.0], {}, "pred_decision contains NaN"),
        ([0, 1], [1.0, -np.inf], {}, "pred_decision contains infinity"),
        ([0, 1, 2], [[np.nan] * 3] * 3, {}, "pred_decision contains NaN"),
        (
            [0, 2],
            [1.0, 2.0],
            {"labels": [0, 1]},
            r"contains \[2\], not in labels \[0, 1",
        ),
        (["0", "1"], [1.0, 2.0], {"labels": [0, 1]}, r"contains \['0', '1'\], not in"),
        ([0, np.nan], [1.0, 2.0], {"labels": [0, 1]}, "y_true contains NaN"),
        ([0, 1], [1.0, 2.0], {"labels": [0, np.nan]}, "labels contains NaN"),
        ([0, 1, 2], np.ones((3, 4)), {}, r"shape \(n, 3\), got \(3, 4\)"),
        ([0, 1], np.ones((2, 2)), {"labels": [0, 1, 2]}, r"\(n, 3\), got \(2, 2\)"),
        ([0, 1, 2], np.ones(3), {}, r"between 3 classes .* got \(3,\)"),
        ([0, 1, 2], np.ones((3, 1)), {}, r"between 3 classes .* got \(3, 1\)"),
        (
            [0, 1],
            np.ones((2, 2)),
            {},
            r"binary decisions must have shape \(n,\), got \(n, 2\); pass the second "
            "column minus the first",
        ),
        ([0, 1], np.ones((2, 3)), {}, r"got \(n, 3\); .* labels= if there are more"),
        ([0, 1], np.ones((2, 1, 1)), {}, "dim 3"),
        ([[0, 1], [1, 0]], [1.0, 2.0], {}, "y_true cannot be taken as a vector"),
        ([0, 1], [1, 2], {"labels": [[0, 1]]}, "labels cannot be taken as a vector"),
        ([0, 1], [1, 2], {"sample_weight": np.ones((2, 2))}, "sample_weight cannot be"),
        ([0, 1], [1, 2], {"sample_weight": ["a", "b"]}, "sample_weight .* convert"),
        ([1, 1], [1.0, 2.0], {"labels": [1]}, r"two or more .* got \[1\]"),
        ([1, 1], [1.0, 2.0], {"labels": [1, 1]}, r"two or more .* got \[1\]"),
        ([0, 1], [1.0, 2.0], {"labels": []}, "labels is empty"),
        ([], [], {}, "y_true is empty"),
        ([], [], {"labels": [0, 1]}, "y_true is empty"),
        (
            [0, 1],
            [1, 2],
            {"sample_weight": [1, -1]},
            "non-negative .* -1.0 to 1.0",
        ),
        ([0, 1], [1, 2], {"sample_weight": [0, 0]}, "not zero everywhere"),
        ([0, 1], [1, 2], {"sample_weight": [1, np.nan]}, "must be finite"),
        ([0, 1], [1, 2], {"sample_weight": [1, np.inf]}, "must be finite"),
        (np.array([0, "a"], dtype=object), [1, 2], {}, "only numbers or only strings"),
        (np.array(["a", None], dtype=object), [1, 2], {}, "y_true must be only"),
    ],
)
def test_errors_say_what_was_wrong(y, f, options, message):
    with pytest.raises(ValueError, match=message):
        hinge_loss(y, f, **options)


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


def test_labels_may_repeat():
    y, decisions = [1, 1], [2.0, 0.5]
    once = hinge_loss(y, decisions, labels=[0, 1])
    assert hinge_loss(y, decisions, labels=[0, 1, 1, 0]) == once == 0.25

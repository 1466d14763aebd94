"""HingeSVC: what a fit returns, and how its parameters change it."""

import pickle

import numpy as np
import pytest
from samples import RULES, make_data
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from hingesvm import HingeSVC
from hingesvm.losses import Hinge, MarginLoss, SmoothedHinge, SquaredHinge
from hingesvm.training import one_vs_rest


class SteepHinge(MarginLoss):
    """A user's own loss: quadratic up to a slope of 2."""

    bound = 2.0
    curvature = 1.0


# Each loss as its formula reads, a function of the shortfall max(0, 1 - margin).
FORMULAS = [
    pytest.param("hinge", lambda s: s, id="hinge"),
    pytest.param("squared_hinge", lambda s: s**2, id="squared_hinge"),
    pytest.param(
        "smoothed_hinge",
        lambda s: np.where(s < 1, s**2 / 2, s - 0.5),
        id="smoothed_hinge",
    ),
    pytest.param(
        SmoothedHinge(gamma=0.5),
        lambda s: np.where(s < 0.5, s**2, s - 0.25),
        id="gamma=0.5",
    ),
    pytest.param(
        SteepHinge(), lambda s: np.where(s < 2, s**2 / 2, 2 * s - 2), id="own loss"
    ),
]


def signs_per_problem(y, classes):
    targets = classes[1:] if len(classes) == 2 else classes
    return [np.where(y == target, 1.0, -1.0) for target in targets]


def objective(clf, X, y, formula, costs=1.0):
    """Return P at the coefficients, summed over the one-vs-rest problems."""
    total = 0.0
    signs = signs_per_problem(y, clf.classes_)
    for w, b, sign in zip(clf.coef_, clf.intercept_, signs, strict=True):
        shortfall = np.maximum(1.0 - sign * (X @ w + b), 0.0)
        total += 0.5 * w @ w + np.sum(costs * formula(shortfall))
        if clf.fit_intercept and clf.penalized_intercept:
            total += 0.5 * b * b
    return total


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_shapes_and_dtypes(n_classes, dtype):
    X, y = make_data(n_classes=n_classes, dtype=dtype)
    clf = HingeSVC().fit(X, y)
    n_problems = 1 if n_classes == 2 else n_classes
    assert clf.coef_.shape == (n_problems, X.shape[1])
    assert clf.intercept_.shape == (n_problems,)
    assert clf.coef_.dtype == clf.intercept_.dtype == dtype
    assert isinstance(clf.objective_, float)
    assert isinstance(clf.dual_gap_, float)
    assert isinstance(clf.n_iter_, int)
    assert clf.n_features_in_ == X.shape[1]
    assert not hasattr(clf, "dual_coef_")
    np.testing.assert_array_equal(clf.classes_, np.arange(n_classes))


def test_other_dtypes_become_float64():
    X, y = make_data()
    assert HingeSVC().fit((10 * X).astype(np.int32), y).coef_.dtype == np.float64
    assert HingeSVC().fit(X.astype(np.float16), y).coef_.dtype == np.float64


def test_not_fitted():
    with pytest.raises(NotFittedError):
        HingeSVC().predict([[0.0]])


def test_decisions_and_predictions_binary():
    X, y = make_data()
    clf = HingeSVC().fit(X, y)
    scores = clf.decision_function(X)
    assert scores.shape == (len(X),)
    np.testing.assert_allclose(scores, X @ clf.coef_[0] + clf.intercept_[0])
    np.testing.assert_array_equal(
        clf.predict(X), clf.classes_[(scores > 0).astype(int)]
    )
    assert clf.score(X, y) == np.mean(clf.predict(X) == y)


def test_decisions_and_predictions_multiclass():
    X, y = make_data(n_classes=4)
    clf = HingeSVC().fit(X, y)
    scores = clf.decision_function(X)
    assert scores.shape == (len(X), 4)
    np.testing.assert_allclose(scores, X @ clf.coef_.T + clf.intercept_)
    np.testing.assert_array_equal(clf.predict(X), scores.argmax(axis=1))
    assert clf.score(X, y) == np.mean(clf.predict(X) == y)


@pytest.mark.parametrize(
    "labels", [("no", "yes"), (False, True), (-1, 1), (-7, -3), (2.0, 10.0)]
)
def test_second_class_is_positive(labels):
    X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    y = np.array([labels[0], labels[0], labels[1], labels[1]])
    clf = HingeSVC().fit(X, y)
    np.testing.assert_array_equal(clf.classes_, labels)
    assert clf.classes_.dtype == y.dtype
    assert clf.coef_[0, 0] > 0.0
    np.testing.assert_array_equal(clf.predict([[-9.0], [9.0]]), labels)


def test_one_vs_rest_is_a_binary_fit_per_class():
    X, y = make_data(n_classes=4)
    names = np.array(["d", "a", "c", "b"])
    clf = HingeSVC().fit(X, names[y])
    np.testing.assert_array_equal(clf.classes_, sorted(names))
    fits = [HingeSVC().fit(X, names[y] == name) for name in clf.classes_]
    for k, fit in enumerate(fits):
        np.testing.assert_allclose(clf.coef_[k], fit.coef_[0], rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(clf.intercept_[k], fit.intercept_[0], rtol=1e-6)
    assert clf.objective_ == pytest.approx(sum(fit.objective_ for fit in fits))
    assert len(clf.history_) == 4
    assert clf.n_iter_ == max(h["iteration"][-1] for h in clf.history_)


@pytest.mark.parametrize("solver", ["auto", "batch"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("loss", "formula"), FORMULAS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_small_problems_are_solved_exactly(n_classes, loss, formula, rule, solver):
    X, y = make_data(n_classes=n_classes)
    clf = HingeSVC(C=0.7, loss=loss, solver=solver, **rule).fit(X, y)
    assert 0.0 <= clf.dual_gap_ <= 1e-10 * clf.objective_
    assert clf.objective_ == pytest.approx(
        objective(clf, X, y, formula, 0.7), rel=1e-12
    )


@pytest.mark.parametrize("solver", ["stochastic", "pegasos"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("loss", "formula"), FORMULAS)
def test_other_solvers_reach_the_tolerance(loss, formula, rule, solver):
    X, y = make_data()
    tol = 1e-5 if solver == "stochastic" else 0.05
    clf = HingeSVC(C=0.1, loss=loss, solver=solver, tol=tol, max_iter=5000, **rule)
    clf.fit(X, y)
    assert clf.dual_gap_ <= tol * clf.objective_
    assert clf.objective_ == pytest.approx(
        objective(clf, X, y, formula, 0.1), rel=1e-12
    )
    best = HingeSVC(C=0.1, loss=loss, **rule).fit(X, y)
    distance = np.linalg.norm(clf.coef_ - best.coef_)
    assert clf.objective_ - best.objective_ <= clf.dual_gap_ + best.dual_gap_
    assert distance <= np.sqrt(2 * clf.dual_gap_) + np.sqrt(2 * best.dual_gap_)


def test_no_intercept_is_zero():
    X, y = make_data()
    clf = HingeSVC(fit_intercept=False, penalized_intercept=True).fit(X, y)
    np.testing.assert_array_equal(clf.intercept_, [0.0])


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("hinge", Hinge()),
        ("squared_hinge", SquaredHinge()),
        ("smoothed_hinge", SmoothedHinge(gamma=1.0)),
    ],
)
def test_loss_by_name_and_as_object(name, loss):
    X, y = make_data()
    named, given = HingeSVC(loss=name).fit(X, y), HingeSVC(loss=loss).fit(X, y)
    np.testing.assert_array_equal(named.coef_, given.coef_)
    assert clone(given).loss == loss


def test_pickle_holds_no_training_rows():
    X, y = make_data(n=20_000, d=4)
    data = pickle.dumps(HingeSVC().fit(X, y))
    assert len(data) < 10_000
    restored = pickle.loads(data)
    assert restored.score(X, y) > 0.5


def test_one_binary_problem_needs_no_threads(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("threads were asked for")

    monkeypatch.setattr(one_vs_rest, "map_in_threads", refuse)
    X, y = make_data()
    assert HingeSVC(n_jobs=2).fit(X, y).coef_.shape == (1, X.shape[1])
    with pytest.raises(AssertionError, match="threads were asked for"):
        HingeSVC(n_jobs=2).fit(*make_data(n_classes=3))

"""HingeSVC: when a fit stops, what it says on the way, and where it starts."""

import re
from itertools import combinations, pairwise

import numpy as np
import pytest
from samples import LOSSES, RULES, SOLVERS, assert_same_model, make_data, text
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning

from hingesvm import HingeSVC, HingeSVCCV
from hingesvm.model_selection import hinge_path

FIELDS = ("iteration", "seconds", "objective", "gap", "active")


def rough(**params):
    """Return an estimator that stops long before the optimum, but for `params`."""
    return HingeSVC(**{"tol": 1e-14, "max_iter": 2, **params})


def hinge_objective(clf, X, y):
    """Return P of a binary model with the hinge and C = 1."""
    w, b = clf.coef_[0], clf.intercept_[0]
    losses = np.maximum(1.0 - np.where(y == 1, 1.0, -1.0) * (X @ w + b), 0.0)
    penalized = clf.fit_intercept and clf.penalized_intercept
    return 0.5 * (w @ w + penalized * b * b) + losses.sum()


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("solver", SOLVERS)
def test_history(solver, n_classes):
    X, y = make_data(n_classes=n_classes)
    clf = HingeSVC(solver=solver, tol=0.05).fit(X, y)
    assert len(clf.history_) == len(clf.coef_)
    for checks in clf.history_:
        assert checks.dtype.names == FIELDS
        noise = 1e-12 * checks["objective"][-1]
        for earlier, later in pairwise(checks):
            assert earlier["iteration"] <= later["iteration"] <= clf.n_iter_
            assert 0.0 <= earlier["seconds"] <= later["seconds"]
            assert later["objective"] <= earlier["objective"] + noise
            assert later["gap"] <= earlier["gap"] + noise
    last = np.array([checks[-1] for checks in clf.history_])
    assert last["objective"].sum() == pytest.approx(clf.objective_, rel=1e-12)
    assert last["gap"].sum() == pytest.approx(clf.dual_gap_, abs=1e-12 * clf.objective_)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_max_iter_warns_and_leaves_the_best_model_so_far(solver, rule):
    X, y = make_data()
    clf = rough(solver=solver, **rule)
    with pytest.warns(ConvergenceWarning, match="relative duality gap") as caught:
        clf.fit(X, y)
    assert len(caught) == 1
    message = str(caught[0].message)
    stated, unit = re.search(r"duality gap of ([^\s,]+)( %)?", message).groups()
    stated = float(stated) * (0.01 if unit else 1.0)
    assert stated == pytest.approx(clf.dual_gap_ / clf.objective_, rel=0.1)
    assert "max_iter=2" in message
    assert "scale" not in message
    assert clf.n_iter_ == 2
    assert clf.objective_ == pytest.approx(hinge_objective(clf, X, y), rel=1e-12)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_max_iter_leaves_a_model_no_worse_than_none(solver, loss, rule):
    for seed in range(3):
        X, y = make_data(seed=seed)
        clf = rough(solver=solver, loss=loss, max_iter=1, **rule)
        with pytest.warns(ConvergenceWarning):
            clf.fit(X, y)
        at_zero = len(y) / 2.0 if loss == "smoothed_hinge" else len(y)
        assert clf.objective_ <= at_zero * (1.0 + 1e-12)
        # The dual variables 0 have the value 0.
        assert clf.dual_gap_ <= clf.objective_


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("max_iter", [1, 5])
def test_max_iter_on_uneven_columns_blames_the_scale(max_iter, solver, rule):
    X, y = load_breast_cancer(return_X_y=True)
    clf = rough(solver=solver, max_iter=max_iter, **rule)
    with pytest.warns(ConvergenceWarning, match="differ in scale by a factor of"):
        clf.fit(X, y)
    assert clf.objective_ == pytest.approx(hinge_objective(clf, X, y), rel=1e-9)
    assert clf.objective_ <= len(y)
    assert clf.dual_gap_ <= clf.objective_


@pytest.mark.parametrize(
    ("max_iter", "first", "then"),
    [
        (1, "Raise max_iter", "The columns"),
        (999, "Raise max_iter", "The columns"),
        (1000, "It came next to no closer in the last", "The columns"),
    ],
)
def test_what_is_likeliest_to_help_is_named_first(max_iter, first, then):
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.warns(ConvergenceWarning) as caught:
        rough(solver="stochastic", max_iter=max_iter).fit(X, y)
    message = str(caught[0].message)
    assert 0 < message.index(first) < message.index(then)


@pytest.mark.parametrize("gap_of", ["HingeSVC", "HingeSVCCV"])
def test_a_gap_that_is_all_of_the_objective_is_told_in_per_cent(gap_of):
    X, y = load_breast_cancer(return_X_y=True)
    clf = rough(max_iter=1)
    if gap_of == "HingeSVCCV":
        clf = HingeSVCCV(Cs=[1.0], max_iter=1)
    with pytest.warns(ConvergenceWarning, match="gap (of|is) 100 %[,.] "):
        clf.fit(X, y)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("form", ["ovr", "crammer_singer"])
def test_max_iter_warning_points_at_the_caller(form, n_classes):
    with pytest.warns(ConvergenceWarning) as caught:
        rough(multi_class=form).fit(*make_data(n_classes=n_classes))
    assert caught[0].filename == __file__


def test_max_iter_counts_the_classes_that_fell_short():
    X, y = make_data(n_classes=3)
    with pytest.warns(ConvergenceWarning, match="in 3 of the classes"):
        rough().fit(X, y)


@pytest.mark.parametrize("solver", ["auto", "stochastic", "batch"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_warm_start_needs_fewer_iterations(n_classes, loss, solver):
    X, y = make_data(n_classes=n_classes)
    clf = HingeSVC(loss=loss, solver=solver, warm_start=True).fit(X, y)
    cold, duals = clf.n_iter_, clf.dual_coef_
    objective_before, gap_before = clf.objective_, clf.dual_gap_
    assert duals.shape == (len(clf.coef_), len(X))
    clf.fit(X, y)
    assert clf.n_iter_ < cold
    noise = 1e-12 * clf.objective_
    change = abs(clf.objective_ - objective_before)
    assert change <= clf.dual_gap_ + gap_before + noise


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("rule", RULES)
def test_warm_start_gives_the_answer_of_a_cold_start(rule, loss):
    X, y = make_data(n_classes=3)
    warm = HingeSVC(loss=loss, warm_start=True, **rule)
    # Fewer rows, rows added at the end, another C, fewer rows, and another class.
    for n_rows, C, labels in [
        (70, 1.0, y),
        (120, 1.0, y),
        (120, 0.1, y),
        (120, 5.0, y),
        (90, 5.0, y),
        (90, 5.0, y + 1),
        (90, 5.0, y > 0),
    ]:
        warm.set_params(C=C).fit(X[:n_rows], labels[:n_rows])
        cold = HingeSVC(C=C, loss=loss, **rule).fit(X[:n_rows], labels[:n_rows])
        assert warm.dual_gap_ <= 1e-10 * warm.objective_
        assert warm.dual_coef_.shape == (len(cold.coef_), n_rows)
        assert_same_model(warm, cold, rtol=1e-5)


def test_warm_start_from_another_problem():
    X, y = make_data(n_classes=3)
    weights = np.random.default_rng(0).random(len(y))
    warm = HingeSVC(C=3.0, warm_start=True).fit(X, y)
    for changes, sample_weight in [
        ({"loss": "squared_hinge"}, None),
        ({"loss": "hinge"}, None),
        ({"fit_intercept": False}, None),
        ({"fit_intercept": True, "loss": "smoothed_hinge"}, None),
        ({"penalized_intercept": True, "solver": "batch"}, None),
        ({"class_weight": "balanced", "C": 0.2}, weights),
        ({"class_weight": None}, weights[::-1]),
    ]:
        warm.set_params(**changes).fit(X, y, sample_weight=sample_weight)
        cold = HingeSVC(**{**warm.get_params(), "warm_start": False})
        cold.fit(X, y, sample_weight=sample_weight)
        assert warm.dual_gap_ <= 1e-10 * warm.objective_
        assert_same_model(warm, cold, rtol=1e-5)


def test_warm_start_with_labels_of_another_type():
    X, y = make_data(n_classes=3)
    warm = HingeSVC(warm_start=True).fit(X, y)
    names = np.array(["a", "b", "c"])[y]
    assert_same_model(warm.fit(X, names), HingeSVC().fit(X, names))


def test_warm_start_with_other_columns():
    X, y = make_data()
    warm = HingeSVC(warm_start=True).fit(X, y)
    assert_same_model(warm.fit(X[:, :3], y), HingeSVC().fit(X[:, :3], y))


def test_warm_start_leaves_zeros_for_rows_of_weight_zero():
    X, y = make_data()
    weights = np.arange(len(y)) % 3 != 0
    clf = HingeSVC(warm_start=True).fit(X, y, sample_weight=weights)
    assert not clf.dual_coef_[0, ~weights].any()
    cold = clf.n_iter_
    clf.fit(X, y, sample_weight=weights)
    assert clf.n_iter_ < cold


# What changes between two fits of rows, labels and weights, and how the first is.
CHANGES = {
    "C up": ({}, {"C": 1.2}, None),
    "C down": ({}, {"C": 0.8}, None),
    "rows": ({}, {}, "rows"),
    "sample_weight": ({}, {}, "weights"),
    "class_weight": (
        {"class_weight": {-1: 1.0, 1: 1.0}},
        {"class_weight": {-1: 1.0, 1: 1.2}},
        None,
    ),
    "all": ({}, {"C": 1.1, "class_weight": "balanced"}, "both"),
}


@pytest.mark.parametrize("solver", ["stochastic", "batch"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("change", CHANGES)
def test_warm_start_after_a_change_needs_fewer_iterations(change, loss, solver):
    X, y = text(2000, 200)
    before, after, data = CHANGES[change]
    params = {"loss": loss, "solver": solver, "tol": 1e-4}
    n_before = 1950 if data in ("rows", "both") else 2000
    weights = None
    if data in ("weights", "both"):
        # Rows of weight 0 among them.
        weights = np.where(np.arange(len(y)) % 50 == 0, 0.0, 1.0 + 0.2 * (y > 0))
    warm = HingeSVC(warm_start=True, **params, **before).fit(X[:n_before], y[:n_before])
    warm.set_params(**after).fit(X, y, sample_weight=weights)
    cold = HingeSVC(**params, **before).set_params(**after)
    cold.fit(X, y, sample_weight=weights)
    # Newton steps from anywhere are so few that there may be none to save, and one more
    # is a matter of rounding.
    assert warm.n_iter_ < cold.n_iter_ + 2 * (solver == "batch")
    assert warm.dual_gap_ <= 1e-4 * warm.objective_
    distance = np.sqrt(2.0 * warm.dual_gap_) + np.sqrt(2.0 * cold.dual_gap_)
    digits = 1e-6 * np.linalg.norm(cold.coef_)
    assert np.linalg.norm(warm.coef_ - cold.coef_) <= distance + digits
    noise = 1e-9 * cold.objective_
    difference = warm.objective_ - cold.objective_
    assert -cold.dual_gap_ - noise <= difference <= warm.dual_gap_ + noise


@pytest.mark.parametrize("form", ["crammer_singer", "weston_watkins"])
def test_joint_warm_start_after_a_change_needs_fewer_iterations(form):
    X, y = make_data(2000, 10, n_classes=4)
    params = {"multi_class": form, "solver": "stochastic", "tol": 1e-4}
    params["penalized_intercept"] = True
    weights = 1.0 + 0.1 * (np.arange(2000) % 3)
    warm = HingeSVC(0.1, warm_start=True, **params).fit(X[:1950], y[:1950])
    for C, sample_weight in [(0.12, None), (0.12, weights), (0.1, None)]:
        warm.set_params(C=C).fit(X, y, sample_weight=sample_weight)
        cold = HingeSVC(C, **params).fit(X, y, sample_weight=sample_weight)
        assert warm.n_iter_ < cold.n_iter_
        distance = np.sqrt(2.0 * warm.dual_gap_) + np.sqrt(2.0 * cold.dual_gap_)
        assert np.linalg.norm(warm.coef_ - cold.coef_) <= distance


def test_duals_that_stay_at_their_bound_after_any_change_of_weights():
    # At so small a C all of them do.
    X, y = make_data(60, 4)
    y = np.arange(60) % 2
    rng = np.random.default_rng(0)
    warm = HingeSVC(1e-4, fit_intercept=False, warm_start=True).fit(X, y)
    for C in [1e-5, 2e-4]:
        weights = rng.integers(0, 3, 60).astype(float)
        warm.set_params(C=C, class_weight={0: 1.0, 1: 3.0})
        warm.fit(X, y, sample_weight=weights)
        expected = C * weights * np.where(y == 1, 3.0, -1.0)
        np.testing.assert_allclose(warm.dual_coef_[0], expected, rtol=1e-9)
        warm.fit(X, y, sample_weight=weights)
        # The first look finds no gap, and no iteration follows.
        assert not warm.history_[0]["iteration"].any()
        assert warm.n_iter_ == 1


def test_dual_coef_goes_with_warm_start():
    X, y = make_data()
    clf = HingeSVC(warm_start=True).fit(X, y)
    np.testing.assert_allclose(clf.dual_coef_ @ X, clf.coef_, atol=1e-6)
    clf.set_params(warm_start=False).fit(X, y)
    assert not hasattr(clf, "dual_coef_")


@pytest.mark.parametrize("solver", SOLVERS)
def test_same_seed_same_bits(solver):
    X, y = make_data(n_classes=3)
    for seed in [None, 0, 7]:
        fits = [
            HingeSVC(solver=solver, tol=0.05, random_state=seed).fit(X, y)
            for _ in range(2)
        ]
        np.testing.assert_array_equal(fits[0].coef_, fits[1].coef_)
        np.testing.assert_array_equal(fits[0].intercept_, fits[1].intercept_)


@pytest.mark.parametrize("solver", ["stochastic", "pegasos"])
def test_seeds_agree_within_the_gap(solver):
    X, y = make_data()
    one = HingeSVC(solver=solver, tol=0.05, random_state=1).fit(X, y)
    two = HingeSVC(solver=solver, tol=0.05, random_state=2).fit(X, y)
    distance = np.linalg.norm(one.coef_ - two.coef_)
    assert 0.0 < distance <= np.sqrt(2 * one.dual_gap_) + np.sqrt(2 * two.dual_gap_)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize(
    "rule", [{"penalized_intercept": True}, {"fit_intercept": False}]
)
def test_accuracy_depends_on_the_seed_no_more_than_the_gap_allows(rule, n_jobs):
    X, y = text(4000)
    fits = [
        HingeSVC(tol=0.02, C=10.0, random_state=seed, n_jobs=n_jobs, **rule).fit(X, y)
        for seed in range(4)
    ]
    reach = np.sqrt(X.multiply(X).sum(axis=1).A1 + ("penalized_intercept" in rule))
    seen = 0
    for one, two in combinations(fits, 2):
        # P is 1-strongly convex, so that each fit is so near to the one optimum.
        distance = np.sqrt(2 * one.dual_gap_) + np.sqrt(2 * two.dual_gap_)
        scores = one.decision_function(X)
        differs = one.predict(X) != two.predict(X)
        seen += np.count_nonzero(differs)
        undecided = np.abs(scores) <= reach * distance * (1.0 + 1e-6)
        assert np.all(undecided[differs])
        assert abs(one.score(X, y) - two.score(X, y)) <= undecided.mean()
    assert seen


def test_random_state_instance():
    X, y = make_data()
    clf = HingeSVC(solver="stochastic", tol=0.05)
    by_int = clf.set_params(random_state=3).fit(X, y).coef_
    by_instance = clf.set_params(random_state=np.random.RandomState(3)).fit(X, y).coef_
    np.testing.assert_array_equal(by_int, by_instance)


@pytest.mark.parametrize("solver", SOLVERS)
def test_global_random_state_is_neither_used_nor_changed(solver):
    X, y = make_data()
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one = HingeSVC(solver=solver, tol=0.05).fit(X, y)
    after = np.random.get_state()[1]  # noqa: NPY002
    np.testing.assert_array_equal(after, before)
    np.random.seed(5)  # noqa: NPY002
    two = HingeSVC(solver=solver, tol=0.05).fit(X, y)
    np.testing.assert_array_equal(one.coef_, two.coef_)


@pytest.mark.parametrize(
    "fit",
    [
        lambda X, y: HingeSVC(10.0, tol=1e-10).fit(X, y),
        lambda X, y: hinge_path(X, y, Cs=[1.0, 10.0], tol=1e-10),
        lambda X, y: HingeSVCCV([1.0, 10.0], cv=2, tol=1e-10).fit(X, y),
    ],
    ids=["HingeSVC", "hinge_path", "HingeSVCCV"],
)
def test_coefficients_too_coarse_for_the_tolerance(fit):
    # Means of columns that are far larger than their spread.
    X, y = make_data(200, 4, dtype=np.float32)
    X += np.float32(1000.0)
    with pytest.warns(ConvergenceWarning, match=r"rounded to float32 .* as float64"):
        fit(X, y)
    # Any warning is an error here.
    fit(X.astype(np.float64), y)

"""Problems on which other linear SVMs go wrong, each by the name it is known by."""

import numpy as np
import pytest
import scipy.sparse as sp
from samples import RULES
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_wine,
    make_classification,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import PolynomialFeatures
from sklearn.svm import LinearSVC

from hingesvm import HingeSVC, hinge_path
from hingesvm.solvers.newton import narrow, proximal

liblinear_may_stop_early = pytest.mark.filterwarnings(
    "ignore:Liblinear failed to converge:sklearn.exceptions.ConvergenceWarning"
)


def penalized_objective(clf, X, y):
    """Return P of a binary model, with C = 1, the hinge and a penalised intercept."""
    w, b = clf.coef_[0], clf.intercept_[0]
    signs = np.where(y == clf.classes_[1], 1.0, -1.0)
    losses = np.maximum(1.0 - signs * (X @ w + b), 0.0)
    return 0.5 * (w @ w + b * b) + losses.sum()


@liblinear_may_stop_early
@pytest.mark.parametrize("seed", range(2))
def test_liblinear_stalls_at_tight_tolerances(seed):
    # https://github.com/scikit-learn/scikit-learn/issues/22283
    X, y = make_classification(500, 300, n_informative=20, random_state=seed)
    clf = HingeSVC(penalized_intercept=True, tol=1e-10).fit(X, y)
    assert clf.dual_gap_ <= 1e-10 * clf.objective_
    ours = penalized_objective(clf, X, y)
    assert clf.objective_ == pytest.approx(ours, rel=1e-10)
    stalled = LinearSVC(loss="hinge", tol=1e-12, random_state=0).fit(X, y)
    assert ours < (1.0 - 1e-3) * penalized_objective(stalled, X, y)
    # Where liblinear does converge it confirms the optimum.
    converged = LinearSVC(loss="hinge", tol=1e-9, max_iter=10**6, random_state=0)
    converged.fit(X, y)
    assert ours == pytest.approx(penalized_objective(converged, X, y), rel=1e-6)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("solver", ["auto", "batch", "stochastic"])
def test_tolerances_out_of_reach_do_no_harm(solver, seed):
    X, y = make_classification(500, 300, n_informative=20, random_state=seed)
    best = HingeSVC(penalized_intercept=True, solver="batch").fit(X, y).objective_
    clf = HingeSVC(penalized_intercept=True, solver=solver, tol=1e-300, max_iter=3000)
    with pytest.warns(ConvergenceWarning, match="relative duality gap"):
        clf.fit(X, y)
    assert clf.objective_ == pytest.approx(best, rel=1e-7)


@liblinear_may_stop_early
def test_raw_breast_cancer_at_defaults():
    X, y = load_breast_cancer(return_X_y=True)
    linear_svc = LinearSVC(loss="hinge", random_state=0).fit(X, y)
    theirs = penalized_objective(linear_svc, X, y)
    for rule in [{}, {"penalized_intercept": True}, {"fit_intercept": False}]:
        # Any warning is an error here.
        clf = HingeSVC(**rule).fit(X, y)
        assert clf.dual_gap_ <= 1e-4 * clf.objective_
        assert clf.objective_ < 60.0
        assert clf.objective_ < theirs


@pytest.mark.parametrize("n_classes", [2, 3])
def test_balanced_class_weight_takes_sample_weight_in(n_classes):
    # https://github.com/scikit-learn/scikit-learn/issues/30056
    X, y = make_classification(
        150, 6, n_informative=5, n_redundant=0, n_classes=n_classes, random_state=0
    )
    counts = np.random.default_rng(0).integers(0, 5, size=len(y))
    clf = HingeSVC(class_weight="balanced")
    weighted = clf.fit(X, y, sample_weight=counts).coef_
    repeated = clf.fit(np.repeat(X, counts, axis=0), np.repeat(y, counts)).coef_
    np.testing.assert_allclose(weighted, repeated, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_weights_that_leave_one_class(class_weight):
    X, y = make_classification(50, 4, random_state=0)
    clf = HingeSVC(class_weight=class_weight)
    with pytest.raises(ValueError, match="only one class"):
        clf.fit(X, y, sample_weight=(y == 1).astype(float))


def test_intercept_is_not_shrunk():
    # liblinear counts the intercept among the weights, so that far from the origin
    # its model is another.
    X, y = make_classification(100, 4, random_state=0)
    near = HingeSVC().fit(X, y)
    far = HingeSVC().fit(X + 100.0, y)
    np.testing.assert_allclose(far.coef_, near.coef_, rtol=1e-6)
    np.testing.assert_allclose(
        far.decision_function(X + 100.0), near.decision_function(X), atol=1e-5
    )
    shrunk = LinearSVC(loss="hinge", max_iter=10**5, tol=1e-6).fit(X, y)
    assert far.objective_ == pytest.approx(near.objective_, rel=1e-8)
    assert near.objective_ < penalized_objective(shrunk, X, y)


@pytest.mark.parametrize("solver", ["auto", "batch"])
@pytest.mark.parametrize("rule", [{}, {"penalized_intercept": True}], ids=repr)
@pytest.mark.parametrize("C", [1e-3, 1.0, 1e3])
def test_a_column_of_time_stamps_does_not_stop_the_fit(C, rule, solver):
    # C ||x||^2 is about 1e18: the first proximal step is far below its final size.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 7))
    y = X[:, 0] + rng.normal(size=80) > 0
    X = np.column_stack([X, 1.7e9 + 1e6 * rng.random(80)])
    clf = HingeSVC(C=C, solver=solver, **rule).fit(X, y)
    assert clf.dual_gap_ <= 1e-4 * clf.objective_


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "smoothed_hinge"])
def test_rows_of_zeros_have_the_balanced_intercept(loss):
    # The derivative in b is zero on an interval around 0, or at 0 alone.
    clf = HingeSVC(loss=loss).fit(np.zeros((4, 1)), [0, 1, 0, 1])
    assert clf.intercept_ == pytest.approx([0.0], abs=1e-12)
    assert clf.dual_gap_ <= 1e-12


def test_warm_start_forgets_the_intercept_with_the_rule():
    X, y = make_classification(60, 4, random_state=0)
    clf = HingeSVC(solver="batch", warm_start=True).fit(X + 5.0, y)
    clf.set_params(fit_intercept=False).fit(X + 5.0, y)
    cold = HingeSVC(fit_intercept=False).fit(X + 5.0, y)
    assert clf.intercept_ == [0.0]
    assert clf.objective_ == pytest.approx(cold.objective_, rel=1e-10)


def test_a_warm_refit_of_the_same_problem_returns_the_same_bits():
    # Rows whose scores tie would change class with the last bit.
    X = np.random.RandomState(0).uniform(size=(30, 3))
    y = np.arange(30) % 3
    clf = HingeSVC(warm_start=True).fit(X, y)
    coef, intercept = clf.coef_.copy(), clf.intercept_.copy()
    clf.fit(X, y)
    np.testing.assert_array_equal(clf.coef_, coef)
    np.testing.assert_array_equal(clf.intercept_, intercept)


def test_index_arrays_of_any_integer_type():
    X, y = make_classification(40, 6, random_state=0)
    dense = HingeSVC().fit(X, y)
    rows = sp.csr_matrix(X)
    rows.indices, rows.indptr = rows.indices.astype(np.int16), rows.indptr
    np.testing.assert_allclose(HingeSVC().fit(rows, y).coef_, dense.coef_, rtol=1e-6)


def with_empty_columns(X):
    """As CSR, with more columns than narrow problems have."""
    return sp.csr_array((X.ravel(), *places_in(X)), shape=(len(X), 70))


def places_in(X):
    """Columns and row starts of a dense array as CSR."""
    n, d = X.shape
    return np.tile(np.arange(d), n), np.arange(0, n * d + 1, d)


@pytest.mark.parametrize(
    ("form", "owner", "name"),
    [
        (np.asarray, narrow.Narrow, "_best"),
        (sp.csr_array, narrow.Narrow, "_best"),
        (with_empty_columns, proximal.Growth, "change"),
    ],
    ids=["dense", "sparse", "wide"],
)
def test_a_band_that_cannot_move_does_not_go_on_for_ever(
    form, owner, name, monkeypatch
):
    rng = np.random.default_rng(39)
    n_rows, n_features = 16_000, rng.integers(1, 8)
    X = rng.random((n_rows, n_features)).astype(np.float32)
    X *= rng.random(n_features).astype(np.float32)
    scores = X @ rng.standard_normal(n_features) + 0.5 * rng.standard_normal(n_rows)
    y = np.where(scores > 0.5 * n_features**0.5, 1, -1)
    rounds = []
    known = getattr(owner, name)

    def counted(*args):
        rounds.append(args)
        assert len(rounds) < 1000
        return known(*args)

    monkeypatch.setattr(owner, name, counted)
    clf = HingeSVC(C=0.01, tol=1e-3).fit(form(X), y)
    assert rounds
    assert clf.dual_gap_ <= 1e-3 * clf.objective_
    # The step it ended with is not that of the next band.
    assert clf.n_iter_ < 30


@pytest.mark.parametrize("rule", RULES)
def test_more_columns_than_rows_that_differ_in_scale(rule):
    # Inner products of rows lose the small columns in rounding. Warnings are errors.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 200))
    y = X[:, :5].sum(axis=1) + rng.normal(size=60) > 0.0
    X[:, 0] += 1e8
    clf = HingeSVC(**rule).fit(X, y)
    assert clf.dual_gap_ <= 1e-5 * clf.objective_
    assert clf.n_iter_ < 1000


def test_products_of_raw_columns():
    X, y = load_breast_cancer(return_X_y=True)
    X = PolynomialFeatures(3).fit_transform(X[:, :10])
    clf = HingeSVC().fit(X, y)
    assert clf.dual_gap_ <= 1e-6 * clf.objective_
    assert clf.n_iter_ < 1000


def test_a_separable_table_of_a_tiny_objective():
    # Weights longer by a rounding error are what certifies it.
    X, y = load_wine(return_X_y=True)
    X = PolynomialFeatures(3).fit_transform(X)
    clf = HingeSVC().fit(X, y == 0)
    assert clf.dual_gap_ <= clf.tol * clf.objective_ < 1e-14


def uneven_rows(seed, n_classes):
    """Rows whose lengths are anything from 1e-5 to 1e5 times a usual one."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((60, 12))
    scores = X @ rng.standard_normal((12, n_classes))
    y = (scores + 0.5 * rng.standard_normal(scores.shape)).argmax(axis=1)
    y[:n_classes] = range(n_classes)
    return X * 10.0 ** rng.uniform(-5.0, 5.0, (60, 1)), y


@pytest.mark.parametrize(
    ("form", "rule", "seed", "minimum"),
    [
        ({"loss": "hinge"}, {}, 2, 10242.7726275),
        ({"loss": "squared_hinge"}, {}, 2, 13019.8403039),
        ({"loss": "smoothed_hinge"}, {}, 2, 6479.5582993),
        ({"multi_class": "weston_watkins"}, {}, 0, 35560.6250536),
        (
            {"multi_class": "weston_watkins"},
            {"penalized_intercept": True},
            0,
            35560.8592926,
        ),
        (
            {"multi_class": "crammer_singer"},
            {"fit_intercept": False},
            2,
            25382.9863649,
        ),
    ],
)
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
def test_rows_of_very_different_lengths(form, rule, seed, minimum, kind):
    # One proximal step for all of them is too long for some or nothing to the others.
    X, y = uneven_rows(seed, 3 if "multi_class" in form else 2)
    clf = HingeSVC(C=1e3, **form, **rule).fit(kind(X), y)
    assert clf.objective_ == pytest.approx(minimum, rel=1e-7)
    assert clf.dual_gap_ <= 1e-6 * clf.objective_
    assert clf.n_iter_ < 300


def test_rows_far_from_the_origin_in_columns_of_any_scale():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 12))
    y = (X @ rng.standard_normal((12, 3)) + 0.5 * rng.standard_normal((60, 3))).argmax(
        1
    )
    y[:3] = range(3)
    X = (X + 1e4 * rng.standard_normal(12)) * 10.0 ** rng.uniform(-6.0, 6.0, 12)
    clf = HingeSVC(C=1e3, multi_class="crammer_singer").fit(X, y)
    assert clf.objective_ == pytest.approx(0.031884989, rel=1e-5)
    assert clf.dual_gap_ <= 1e-5 * clf.objective_


def rare_columns():
    """Return a table with columns of rare levels, and what classes are made of."""
    rng = np.random.default_rng(0)
    numbers = rng.standard_normal((7000, 10))
    odds = rng.pareto(1.0, 44) + 1e-3
    level = rng.choice(44, 7000, p=odds / odds.sum())
    X = np.hstack([numbers, np.eye(44)[level]])
    X = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-9)
    score = numbers[:, 0] + rng.standard_normal(44)[level]
    return X, score + 2.0 * rng.standard_normal(7000)


@pytest.mark.parametrize("cost", [1.0, 64.0])
def test_rare_columns_beside_ordinary_ones(cost):
    # Systems of a part of the free rows lacked such columns, and steps led nowhere.
    X, score = rare_columns()
    clf = HingeSVC(cost).fit(X, score > 0.6)
    assert clf.dual_gap_ <= 1e-10 * clf.objective_
    assert clf.n_iter_ < 800


@pytest.mark.parametrize("solver", ["auto", "batch"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("rule", RULES)
def test_rare_columns_on_every_route(rule, form, dtype, solver):
    X, score = rare_columns()
    X = form(X.astype(dtype))
    one = HingeSVC(64.0, solver=solver, **rule)
    three = np.digitize(score, [-0.5, 1.0])
    for clf in (
        clone(one).fit(X, score > 0.6),
        clone(one).fit(X, three),
        clone(one).set_params(multi_class="crammer_singer").fit(X, three),
    ):
        assert np.all(clf.dual_gap_ <= 1e-4 * clf.objective_)
        assert clf.n_iter_ < 800
    path = hinge_path(X, score > 0.6, Cs=[1.0, 64.0], solver=solver, **rule)
    assert np.all(path.converged)
    assert np.all(path.n_iters < 800)


def test_an_inner_problem_that_was_interrupted_ends():
    # It met the tolerance in between, was allowed fewer steps from then on than it had
    # taken, and took all 3000.
    X, y = load_digits(return_X_y=True)
    clf = HingeSVC(1000.0, max_iter=3000).fit(X, y == 5)
    assert clf.n_iter_ < 200
    assert clf.dual_gap_ <= 1e-10 * clf.objective_


@pytest.mark.parametrize("solver", ["auto", "batch"])
@pytest.mark.parametrize("loss", ["hinge", "smoothed_hinge"])
@pytest.mark.parametrize("C", [1e4, 1e6])
def test_few_columns_far_from_the_origin_that_nearly_depend_on_each_other(
    C, loss, solver
):
    # Products of columns leave Newton systems no correct digits: gaps were 0.5 after
    # 1000 steps.
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(80, 4)) @ rng.normal(size=(4, 12))
        X += 1e-3 * rng.normal(size=X.shape) + 1e5 * rng.normal(size=12)
        scores = X @ rng.normal(size=12)
        y = (scores - np.median(scores)) / scores.std() + 0.5 * rng.normal(size=80) > 0
        X *= 10.0 ** rng.uniform(-4.0, 4.0, 12)
        # Any warning is an error here.
        clf = HingeSVC(C, loss=loss, solver=solver).fit(X, y)
        assert clf.dual_gap_ <= 1e-6 * clf.objective_
        assert clf.n_iter_ < 1000


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("seed", [1, 3, 6])
def test_bands_of_sparse_columns_take_few_steps(form, seed):
    # Systems of a part of the free rows took hundreds, and turns cut them short.
    rng = np.random.default_rng(seed)
    n, d = 10_001, 40
    X = rng.standard_normal((n, d)) + rng.uniform(-30.0, 30.0, d)
    X *= rng.random((n, d)) < 0.05
    score = X @ rng.standard_normal(d)
    score += 0.3 * score.std() * rng.standard_normal(n) - np.median(score)
    clf = HingeSVC(C=1000.0).fit(form(X), score > 0.0)
    assert clf.dual_gap_ <= 1e-4 * clf.objective_
    assert clf.n_iter_ < 150

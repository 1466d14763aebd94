"""HingeSVC with sparse weights: against linear programs, LinearSVC and itself."""

import numpy as np
import pytest
import scipy.sparse as sp
from penalty_cases import (
    RATIOS,
    Mixed,
    few_of_many,
    objective,
    penalty_value,
)
from penalty_optimum import optimum
from scipy.optimize import linprog
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from hingesvm import HingeSVC
from hingesvm.losses import MarginLoss, SmoothedHinge, get_loss
from hingesvm.penalties import ElasticNet, get_penalty

RULES = {
    "free": {},
    "penalized": {"penalized_intercept": True},
    "none": {"fit_intercept": False},
}
every_ratio = pytest.mark.parametrize("ratio", RATIOS)
every_rule = pytest.mark.parametrize("rule", RULES)


class SteepHinge(MarginLoss):
    """A user's own loss: quadratic up to a slope of 2."""

    bound = 2.0
    curvature = 1.0


def linear_program(X, y, cost, rule):
    """The least ||w||_1 + sum of cost times hinge loss, and its weights."""
    n, d = X.shape
    signed = y[:, None] * X
    A = np.hstack([-signed, signed, -y[:, None], -np.eye(n)])
    price = np.concatenate([np.ones(2 * d), [0.0], np.broadcast_to(cost, n)])
    turn = (None, None) if rule == "free" else (0.0, 0.0)
    bounds = [(0.0, None)] * (2 * d) + [turn] + [(0.0, None)] * n
    found = linprog(price, A, -np.ones(n), bounds=bounds, method="highs")
    assert found.status == 0
    return found.fun, found.x[:d] - found.x[d : 2 * d]


def assert_certified(clf, X, y, least=None, cost=None):
    """Check objective and gap of a binary fit that ended exact."""
    assert clf.objective_ == pytest.approx(objective(clf, X, y, cost), rel=1e-10)
    assert 0.0 <= clf.dual_gap_ <= 1e-10 * clf.objective_
    if least is not None:
        assert clf.objective_ == pytest.approx(least, rel=1e-8)
        assert clf.objective_ - clf.dual_gap_ <= least * (1.0 + 1e-9)


SHAPES = {"tall": (60, 8), "square": (30, 30), "wide": (25, 150)}


@pytest.mark.parametrize("rule", ["free", "none"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("C", [0.02, 0.3, 10.0])
def test_hinge_and_l1_norm_against_a_linear_program(C, shape, rule):
    for seed in range(2):
        X, y = few_of_many(*SHAPES[shape], seed)
        least, w = linear_program(X, y, C, rule)
        clf = HingeSVC(C, l1_ratio=1.0, **RULES[rule]).fit(X, y)
        assert_certified(clf, X, y, least)
        # The optimum of rows drawn at random is the only one.
        assert np.array_equal(clf.coef_[0] != 0.0, np.abs(w) > 1e-9)
        np.testing.assert_allclose(clf.coef_[0], w, atol=1e-7)


@every_rule
@every_ratio
@pytest.mark.parametrize(
    "loss", ["hinge", "squared_hinge", SmoothedHinge(0.5), SteepHinge()], ids=repr
)
def test_against_cutting_planes(loss, ratio, rule):
    X, y = few_of_many(20, 8, noise=2.0)
    clf = HingeSVC(0.3, loss=loss, l1_ratio=ratio, **RULES[rule]).fit(X, y)
    best = optimum(X, y, 0.3, get_loss(loss), rule, ElasticNet(ratio), rel=1e-9)
    assert best.objective - best.bound <= 1e-9 * best.objective
    assert_certified(clf, X, y, best.objective)
    assert np.array_equal(clf.coef_[0] != 0.0, np.abs(best.w) > 1e-4)
    assert 0 < np.count_nonzero(clf.coef_) < 8 or ratio <= 0.5
    np.testing.assert_allclose(clf.coef_[0], best.w, atol=1e-4)


@every_rule
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_penalties_of_each_column(loss, rule):
    X, y = few_of_many(20, 8, noise=2.0)
    factors = np.array([1.0, 10.0, 0.1, 1.0, 2.0, 0.5, 1.0, 3.0])
    # Two columns without a kink, two without a bend, and the others with both.
    mixed = Mixed(factors * [0, 0, 1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 1, 1, 0.1, 3])
    for penalty in (ElasticNet(1.0, factors), ElasticNet(0.5, factors), mixed):
        clf = HingeSVC(0.3, loss=loss, l1_ratio=penalty, **RULES[rule]).fit(X, y)
        best = optimum(X, y, 0.3, get_loss(loss), rule, penalty, rel=1e-9)
        assert_certified(clf, X, y, best.objective)
        np.testing.assert_allclose(clf.coef_[0], best.w, atol=1e-4)


def test_columns_without_a_kink_are_never_dropped():
    X, y = few_of_many(40, 8)
    mixed = Mixed([0.0, 0.0] + [5.0] * 6, [1.0] * 8)
    clf = HingeSVC(0.1, l1_ratio=mixed).fit(X, y)
    assert np.all(clf.coef_[0, :2] != 0.0)
    assert np.count_nonzero(clf.coef_[0, 2:]) < 6


def test_a_large_factor_drops_a_column():
    X, y = few_of_many(60, 5)
    plain = HingeSVC(l1_ratio=0.5).fit(X, y)
    assert plain.coef_[0, 1] != 0.0
    factors = [1.0, 1e3, 1.0, 1.0, 1.0]
    dropped = HingeSVC(l1_ratio=ElasticNet(0.5, factors)).fit(X, y)
    without = HingeSVC(l1_ratio=0.5).fit(np.delete(X, 1, axis=1), y)
    assert dropped.coef_[0, 1] == 0.0
    assert dropped.objective_ == pytest.approx(without.objective_, rel=1e-9)


@pytest.mark.parametrize("data", ["cancer", "tall", "wide"])
@pytest.mark.parametrize("C", [0.01, 0.1, 1.0])
def test_no_worse_than_linear_svc(data, C):
    if data == "cancer":
        X, y = load_breast_cancer(return_X_y=True)
        X = StandardScaler().fit_transform(X)
    else:
        X, y = few_of_many(*SHAPES[data])
    args = {"loss": "squared_hinge", "fit_intercept": False}
    other = LinearSVC(
        penalty="l1", C=C, dual=False, tol=1e-8, max_iter=100_000, **args
    ).fit(X, y)
    clf = HingeSVC(C, l1_ratio=1.0, **args).fit(X, y)
    positive = other.classes_[1]
    found = objective(clf, X, y, sign=positive)
    assert clf.objective_ == pytest.approx(found, rel=1e-10)
    assert clf.dual_gap_ <= 1e-10 * clf.objective_
    clf.coef_ = other.coef_
    theirs = objective(clf, X, y, sign=positive)
    assert found <= theirs * (1.0 + 1e-12)
    assert found == pytest.approx(theirs, rel=1e-6)


@every_rule
@pytest.mark.parametrize("ratio", [0.5, 1.0])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_a_weight_is_a_number_of_rows(loss, ratio, rule):
    X, y = few_of_many(40, 10)
    counts = np.random.default_rng(0).integers(0, 4, 40)
    counts[:2] = 1
    args = {"loss": loss, "l1_ratio": ratio, **RULES[rule]}
    weighted = HingeSVC(0.2, **args).fit(X, y, sample_weight=counts)
    rows = np.repeat(np.arange(40), counts)
    repeated = HingeSVC(0.2, **args).fit(X[rows], y[rows])
    assert_certified(weighted, X, y, repeated.objective_, 0.2 * counts)
    assert np.array_equal(weighted.coef_ != 0.0, repeated.coef_ != 0.0)
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-6)


def test_class_weights_are_factors_of_the_cost():
    X, y = few_of_many(60, 10)
    clf = HingeSVC(0.2, l1_ratio=1.0, class_weight={-1: 1.0, 1: 5.0}).fit(X, y)
    cost = np.where(y == 1, 1.0, 0.2)
    least, _ = linear_program(X, y, cost, "free")
    assert_certified(clf, X, y, least, cost)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_several_classes_are_a_binary_fit_each(ratio, n_jobs):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 10))
    y = (X[:, :4] + rng.normal(size=(80, 4))).argmax(axis=1)
    clf = HingeSVC(0.3, l1_ratio=ratio, n_jobs=n_jobs).fit(X, y)
    each = [HingeSVC(0.3, l1_ratio=ratio).fit(X, y == k) for k in range(4)]
    assert clf.coef_.shape == (4, 10)
    assert clf.dual_gap_ <= 1e-10 * clf.objective_
    assert clf.objective_ == pytest.approx(sum(fit.objective_ for fit in each))
    for k, fit in enumerate(each):
        assert np.array_equal(clf.coef_[k] != 0.0, fit.coef_[0] != 0.0)
        np.testing.assert_allclose(clf.coef_[k], fit.coef_[0], atol=1e-6)
    assert (clf.coef_ == 0.0).any()


@pytest.mark.parametrize("ratio", [0.5, 1.0])
@pytest.mark.parametrize("d", [12, 150])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dense_and_sparse_rows_of_any_index_type(dtype, d, ratio):
    X, y = few_of_many(40, d)
    X *= np.random.default_rng(1).random(X.shape) < 0.5
    X = X.astype(dtype)
    dense = HingeSVC(0.5, l1_ratio=ratio).fit(X, y)
    assert dense.coef_.dtype == dtype
    assert dense.dual_gap_ <= 1e-10 * dense.objective_
    for index in (np.int32, np.int64):
        rows = sp.csr_matrix(X)
        rows.indices, rows.indptr = (
            rows.indices.astype(index),
            rows.indptr.astype(index),
        )
        fit = HingeSVC(0.5, l1_ratio=ratio).fit(rows, y)
        assert fit.objective_ == pytest.approx(dense.objective_, rel=1e-9)
        assert np.array_equal(fit.coef_ != 0.0, dense.coef_ != 0.0)
        np.testing.assert_allclose(fit.coef_, dense.coef_, atol=1e-5)


@pytest.mark.parametrize("ratio", [0.5, 1.0])
@pytest.mark.parametrize("C", [0.1, 100.0])
def test_float32_keeps_zeros_and_its_objective(C, ratio):
    X, y = few_of_many(60, 30, noise=0.0)
    single = HingeSVC(C, l1_ratio=ratio).fit(X.astype(np.float32), y)
    double = HingeSVC(C, l1_ratio=ratio).fit(X.astype(np.float32).astype(float), y)
    assert np.array_equal(single.coef_ != 0.0, double.coef_ != 0.0)
    assert single.objective_ == pytest.approx(double.objective_, rel=1e-9)
    found = objective(single, X.astype(np.float32), y)
    assert found <= double.objective_ * (1.0 + 1e-4)


@every_rule
@every_ratio
def test_a_small_cost_leaves_no_weight(ratio, rule):
    X, y = few_of_many(31, 7)
    clf = HingeSVC(1e-5, l1_ratio=ratio, **RULES[rule]).fit(X, y)
    assert np.array_equal(clf.coef_, np.zeros((1, 7)))
    assert clf.dual_gap_ <= 1e-10 * clf.objective_
    if rule == "free":
        share = min(np.mean(y == 1), np.mean(y == -1))
        assert clf.objective_ == pytest.approx(1e-5 * 31 * 2.0 * share, rel=1e-9)


@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_columns_of_zeros_have_no_weight(ratio):
    X, y = few_of_many(30, 8)
    X[:, [1, 5]] = 0.0
    clf = HingeSVC(5.0, l1_ratio=ratio).fit(X, y)
    assert np.array_equal(clf.coef_[0, [1, 5]], np.zeros(2))
    assert_certified(clf, X, y)


def test_more_l1_leaves_fewer_weights():
    X, y = few_of_many(60, 40, noise=2.0)
    counts = [
        np.count_nonzero(HingeSVC(0.3, l1_ratio=ratio).fit(X, y).coef_)
        for ratio in (0.0, 0.1, 0.5, 1.0)
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 40
    assert counts[-1] < 30


@every_rule
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_a_tiny_share_is_next_to_none(loss, rule):
    X, y = few_of_many(40, 12, noise=2.0)
    args = {"loss": loss, **RULES[rule]}
    plain = HingeSVC(**args).fit(X, y)
    near = HingeSVC(l1_ratio=1e-12, **args).fit(X, y)
    assert near.objective_ == pytest.approx(plain.objective_, rel=1e-9)
    np.testing.assert_allclose(near.coef_, plain.coef_, atol=1e-8)
    np.testing.assert_allclose(near.intercept_, plain.intercept_, atol=1e-8)
    nearly_all = HingeSVC(l1_ratio=1.0 - 1e-12, **args).fit(X, y)
    all_of_it = HingeSVC(l1_ratio=1.0, **args).fit(X, y)
    assert nearly_all.objective_ == pytest.approx(all_of_it.objective_, rel=1e-9)


@pytest.mark.parametrize("ratio", [0, 0.0, np.float32(0.0), ElasticNet(0.0)])
def test_no_share_is_the_plain_fit_bit_for_bit(ratio):
    X, y = few_of_many(50, 6)
    plain, other = HingeSVC().fit(X, y), HingeSVC(l1_ratio=ratio).fit(X, y)
    assert np.array_equal(plain.coef_, other.coef_)
    assert plain.objective_ == other.objective_
    assert plain.dual_gap_ == other.dual_gap_
    assert plain.n_iter_ == other.n_iter_


def test_factors_without_l1_scale_columns():
    # f w^2 of a column x is w^2 of x / sqrt(f).
    X, y = few_of_many(50, 5)
    factors = np.array([4.0, 0.25, 1.0, 9.0, 1.0])
    penalty = ElasticNet(0.0, factors)
    clf = HingeSVC(l1_ratio=penalty).fit(X, y)
    scaled = HingeSVC().fit(X / np.sqrt(factors), y)
    assert clf.objective_ == pytest.approx(scaled.objective_, rel=1e-9)
    np.testing.assert_allclose(clf.coef_, scaled.coef_ / np.sqrt(factors), atol=1e-7)


@every_rule
@every_ratio
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "smoothed_hinge"])
@pytest.mark.parametrize("C", [1e-3, 1.0, 1e3])
def test_small_problems_end_exact_and_do_so_again(C, loss, ratio, rule):
    X, y = few_of_many(30, 10, noise=1.0)
    args = {"loss": loss, "l1_ratio": ratio, **RULES[rule]}
    clf = HingeSVC(C, **args).fit(X, y)
    assert_certified(clf, X, y)
    again = HingeSVC(C, **args).fit(X, y)
    assert np.array_equal(again.coef_, clf.coef_)
    assert again.dual_gap_ == clf.dual_gap_


def test_gap_of_many_columns_counts_all_of_them():
    # A fit that saw few columns only would take less than the linear program does.
    X, y = few_of_many(40, 400, noise=0.5)
    for C in (0.05, 1.0):
        least, _ = linear_program(X, y, C, "free")
        clf = HingeSVC(C, l1_ratio=1.0).fit(X, y)
        assert_certified(clf, X, y, least)


def test_value_of_the_penalty_is_part_of_the_objective():
    X, y = few_of_many(30, 6)
    clf = HingeSVC(1e-9, l1_ratio=0.5).fit(X, y)
    clf.coef_[:] = 1.0
    assert objective(clf, X, y) == pytest.approx(penalty_value(0.5, np.ones(6)))
    assert get_penalty(0.5).value(np.ones(6)) == 4.5

"""Warm starts after any change: of weights, labels, rows, costs, loss and intercept."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from reference import check_certificate
from samples import make_data, text
from sklearn.exceptions import ConvergenceWarning

from hingesvm import HingeSVC
from hingesvm.rows.memory import MemoryRows
from hingesvm.training.run import Training
from hingesvm.training.warm_start import KeptDuals

RULES = [{}, {"penalized_intercept": True}, {"fit_intercept": False}]


def sweeps_of(clf):
    """Return the iterations of all problems."""
    return sum(int(history["iteration"][-1]) for history in clf.history_)


def looks_of(clf):
    """Return how often the gap was looked at."""
    return sum(map(len, clf.history_))


def half_of_the_positives(y):
    """Return weights that leave out every second row of the second class."""
    weights = np.ones(len(y))
    weights[np.flatnonzero(y == 1)[::2]] = 0.0
    return weights


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("solver", ["stochastic", "batch", "auto"])
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_half_of_a_class_left_out(solver, rule, kind, dtype):
    # A free intercept has the other class lowered then: w(alpha) is another one.
    X, y = make_data(600, 8)
    X, weights = kind(X.astype(dtype)), half_of_the_positives(y)
    params = {"solver": solver, "tol": 1e-4, **rule}
    warm = HingeSVC(warm_start=True, **params).fit(X, y)
    warm.fit(X, y, sample_weight=weights)
    cold = HingeSVC(**params).fit(X, y, sample_weight=weights)
    assert warm.dual_gap_ <= 1e-4 * warm.objective_
    check_certificate(warm, X, y, sample_weight=weights)
    assert warm.n_iter_ <= 1.5 * cold.n_iter_ + 3


def test_half_of_a_class_left_out_of_wide_sparse_rows():
    X, y = text(3000, 2500, dtype=np.float64)
    weights = half_of_the_positives(y)
    warm = HingeSVC(warm_start=True).fit(X, y).fit(X, y, sample_weight=weights)
    cold = HingeSVC().fit(X, y, sample_weight=weights)
    assert warm.n_iter_ <= cold.n_iter_


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"penalized_intercept": True}, {"penalized_intercept": False}),
        ({"fit_intercept": False}, {"fit_intercept": True}),
        ({"penalized_intercept": False}, {"penalized_intercept": True}),
    ],
    ids=["penalized-free", "none-free", "free-penalized"],
)
def test_sweeps_over_few_rows_after_a_change_of_rule(seed, before, after):
    # A frozen intercept left the gap where it was for ever.
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((6, 2)), rng.permutation([0, 0, 0, 1, 1, 1])
    warm = HingeSVC(solver="stochastic", warm_start=True, max_iter=20_000, **before)
    warm.fit(X, y).set_params(**after).fit(X, y)
    cold = HingeSVC(solver="stochastic", max_iter=20_000, **before)
    cold.set_params(**after).fit(X, y)
    assert warm.dual_gap_ <= 1e-4 * warm.objective_
    # They differ by chance; a fit that is stuck takes all of `max_iter`.
    assert warm.n_iter_ <= 2 * cold.n_iter_ + 500


def changed(change, rng, X, y):
    """Return (X, y, weights, parameters) before and after a change."""
    n, weights = len(y), np.ones(len(y))
    first, second = (X, y, None, {}), (X, y, None, {})
    if change == "weights":
        second = (X, y, rng.uniform(0.1, 2.0, n) ** 2, {})
    elif change == "dropped":
        weights[6:] = rng.random(n - 6) < 0.6
        second = (X, y, weights, {})
    elif change == "added":
        first = (X[: 3 * n // 4], y[: 3 * n // 4], None, {})
    elif change == "labels":
        second = (X, np.where(rng.random(n) < 0.15, 1 - y, y), None, {})
    elif change == "loss":
        first = (X, y, None, {"loss": "smoothed_hinge"})
    elif change == "C down":
        first = (X, y, None, {"C": 20.0})
    else:
        first = (X, y, None, {"C": 0.05})
    return first, second


@pytest.mark.parametrize(
    "change", ["weights", "dropped", "added", "labels", "loss", "C up", "C down"]
)
def test_sweeps_are_fewer_than_from_nothing_on_the_whole(change):
    taken = np.zeros(2)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X, y = make_data(100 + 20 * seed, 3 + seed % 4, seed=seed)
        first, second = changed(change, rng, X * (1.0 + seed % 3), y)
        params = {"solver": "stochastic", "max_iter": 5000, **RULES[seed % 3]}
        warm = HingeSVC(warm_start=True, **params, **first[3]).fit(*first[:3])
        default = HingeSVC().get_params()
        warm.set_params(**{name: default[name] for name in first[3]})
        warm.fit(*second[:3])
        cold = HingeSVC(**params).fit(*second[:3])
        assert warm.dual_gap_ <= 1e-4 * warm.objective_
        taken += warm.n_iter_, cold.n_iter_
    assert taken[0] < taken[1]


@pytest.mark.parametrize("form", ["ovr", "crammer_singer"])
def test_rows_whose_label_changed_start_at_zero(form):
    X, y = make_data(60, 4, n_classes=3)
    other = y.copy()
    other[::5] = (other[::5] + 1) % 3
    clf = HingeSVC(multi_class=form, warm_start=True, C=0.1).fit(X, y)
    training = Training.build(clf, MemoryRows(X), other, None)
    kept = KeptDuals(clf.dual_coef_, clf._dual_costs)
    starts = kept.starts(training, 0.1, clf.coef_, clf.intercept_, 60, None)
    alphas = starts[0].alpha.T if form != "ovr" else [start.alpha for start in starts]
    same = other == y
    for target, alpha in enumerate(alphas):
        sign = np.where(other == target, 1.0, -1.0)
        pulled = sign * clf.dual_coef_[target]
        if form != "ovr":
            pulled[other == target] = 0.0
        np.testing.assert_allclose(alpha, np.maximum(pulled, 0.0), atol=1e-14)
        is_other = ~same & ((other == target) | (y == target))
        assert is_other.any()
        assert not alpha[is_other].any()


def many_classes():
    """Sparse rows of which 6 classes are swept over together."""
    X, _ = text(2500, 2500)
    W = np.random.default_rng(5).standard_normal((2500, 6))
    return X, (X @ W).argmax(axis=1)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_many_classes_start_together(rule):
    X, y = many_classes()
    warm = HingeSVC(warm_start=True, tol=1e-3, **rule).fit(X, y)
    looks = looks_of(warm)
    # What is certified already takes a look and no sweep.
    warm.fit(X, y)
    assert sweeps_of(warm) == 0
    assert looks_of(warm) < looks
    for C, weights in [(1.5, None), (1.5, 1.0 + 0.5 * (np.arange(2500) % 2))]:
        warm.set_params(C=C).fit(X, y, sample_weight=weights)
        cold = HingeSVC(C, tol=1e-3, **rule).fit(X, y, sample_weight=weights)
        assert warm.dual_gap_ <= 1e-3 * warm.objective_
        check_certificate(warm, X, y, sample_weight=weights, rel=1e-6)
        assert sweeps_of(warm) < sweeps_of(cold)


def tiny_values(n, n_classes):
    """Sparse rows of values 1e-4, with labels by chance, some classes rare."""
    X = sp.random(n, 300, density=0.05, format="csr", random_state=0)
    X.data[:] = 1e-4
    odds = np.arange(1, n_classes + 1) / (n_classes * (n_classes + 1) / 2)
    return X, np.random.default_rng(0).choice(n_classes, n, p=odds)


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "smoothed_hinge"])
@pytest.mark.parametrize("C", [1e-3, 0.1, 1.0])
@pytest.mark.parametrize(
    ("n_classes", "form"),
    [(2, "ovr"), (6, "ovr"), (6, "crammer_singer"), (6, "weston_watkins")],
)
def test_rows_far_shorter_than_the_intercept_moves(n_classes, form, C, loss, rule):
    # The intercept moved by so little in a sweep that tens of thousands were needed.
    if form != "ovr" and loss != "hinge":
        pytest.skip("joint losses are hinges")
    X, y = tiny_values(2000, n_classes)
    clf = HingeSVC(C, loss=loss, multi_class=form, solver="stochastic", **rule)
    clf.fit(X, y)
    assert clf.dual_gap_ <= 1e-4 * clf.objective_
    assert clf.n_iter_ <= 60
    assert looks_of(clf) <= 60 * len(clf.history_)


@pytest.mark.parametrize("solver", ["stochastic", "auto"])
def test_more_iterations_allowed_are_not_more_looks(solver):
    X, y = tiny_values(20_000, 10)
    few, many = (
        HingeSVC(0.1, solver=solver, max_iter=max_iter).fit(X, y)
        for max_iter in (100, 100_000)
    )
    assert many.dual_gap_ <= 1e-4 * many.objective_
    assert looks_of(many) <= looks_of(few) + 20
    assert sweeps_of(many) <= sweeps_of(few) + 20


@pytest.mark.parametrize("form", ["ovr", "crammer_singer"])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_looks_count_against_max_iter(n_classes, form):
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((40, 3)), np.arange(40) % n_classes
    for scale in (1e-3, 1.0, 1e3):
        clf = HingeSVC(10.0, solver="stochastic", multi_class=form, tol=1e-12)
        clf.set_params(max_iter=50, penalized_intercept=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            clf.fit(scale * X, y)
        # A look and the sweeps before it are half an iteration at least; the first
        # lines are of no sweeps.
        for history in clf.history_:
            assert len(history) <= 2 * history["iteration"][-1] + 3


@pytest.mark.parametrize("change", ["loss", "half", "labels", "weights"])
def test_bands_of_tall_data_do_not_follow_duals_that_mislead(change):
    # They took most of the rows in, for the sum of those at their bound was far off.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60_000, 20))
    noise = 3.0 * rng.standard_normal(len(X))
    y = (X @ rng.standard_normal(20) + noise > 0.0).astype(int)
    weights, labels = None, y
    warm = HingeSVC(warm_start=True)
    if change == "loss":
        warm.set_params(loss="squared_hinge")
    elif change == "half":
        weights = half_of_the_positives(y)
    elif change == "labels":
        labels = np.where(rng.random(len(y)) < 0.05, 1 - y, y)
    else:
        weights = rng.uniform(0.5, 1.5, len(y))
    warm.fit(X, y).set_params(loss="hinge").fit(X, labels, sample_weight=weights)
    assert warm.dual_gap_ <= 1e-4 * warm.objective_
    # Behind the looks at the origin and at the start.
    in_bands = warm.history_[0]["active"][2:]
    assert in_bands.max() <= 0.3 * len(X)

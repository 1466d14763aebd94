"""Joint fits against the optimality conditions, by the losses' own definitions."""

import numpy as np
import pytest
import scipy.sparse as sp
from joint_cases import objective, rule_of
from samples import RULES, make_data
from sklearn.exceptions import ConvergenceWarning

from hingesvm import HingeSVC
from hingesvm.losses import CrammerSinger, WestonWatkins, get_multiclass_loss

LOSSES = [
    pytest.param("crammer_singer", id="crammer_singer"),
    pytest.param("weston_watkins", id="weston_watkins"),
    pytest.param(CrammerSinger(margin=2.5), id="crammer_singer, 2.5"),
    pytest.param(WestonWatkins(margin=0.5), id="weston_watkins, 0.5"),
]
losses = pytest.mark.parametrize("multi_class", LOSSES)
rules = pytest.mark.parametrize("rule", RULES)
# What counts as 0: of scores and of weights.
ROOM = 1e-6


def weighted(y, C, seed=0):
    """Weights of rows, some 0, weights of classes, and the costs of the rows."""
    rng = np.random.default_rng(seed)
    rows = rng.choice([0.0, 0.3, 1.0, 2.0], len(y))
    classes = {k: 0.5 + 0.5 * k for k in np.unique(y).tolist()}
    return rows, classes, C * rows * np.array([classes[k] for k in y.tolist()])


def slacks(loss, scores, codes, added, cost):
    """By how much each row misses the equality of Fenchel and Young.

    What a row adds to the classes is minus its cost times a subgradient of its loss,
    exactly if c l(f) + c l*(s) is c s . f; else it is more.
    """
    used = cost > 0.0
    assert not added[~used].any()
    f, added, cost = scores[used], added[used], cost[used]
    s = -added / cost[:, np.newaxis]
    # Where a dual is at its bound the quotient can be off by a bit.
    conjugate = loss.conjugate((1.0 - 1e-14) * s, codes[used])
    assert np.all(np.isfinite(conjugate))
    value = loss.value(f, codes[used])
    return cost * (value + conjugate) + np.sum(added * f, axis=1)


def check_duals(loss, scores, codes, added, cost):
    """The conditions of each row, spelt out.

    Duals are in their set; classes that are far enough behind have none; and what is
    short of the margin has as much as it can.
    """
    for f, own, line, c in zip(scores, codes, added, cost, strict=True):
        a, short = np.delete(-line, own), loss.margin - f[own] + np.delete(f, own)
        assert line[own] == pytest.approx(a.sum(), rel=1e-12, abs=1e-15)
        assert np.all(a >= 0.0)
        assert np.all(a <= c * (1.0 + 1e-12))
        assert np.all(a[short < -ROOM] <= ROOM * c)
        if isinstance(loss, CrammerSinger):
            assert a.sum() <= c * (1.0 + 1e-12)
            # All of it is of the classes that come nearest.
            assert np.all(a[short < short.max() - ROOM] <= ROOM * c)
            if short.max() > ROOM:
                assert a.sum() >= c * (1.0 - ROOM)
        else:
            assert np.all(a[short > ROOM] >= c * (1.0 - ROOM))


def check_optimal(clf, X, y, cost):
    """The conditions under which weights and duals are optimal."""
    loss, added = get_multiclass_loss(clf.multi_class), clf.dual_coef_.T
    assert clf.dual_gap_ <= 1e-10 * clf.objective_
    scores = clf.decision_function(X)
    np.testing.assert_allclose(scores, X @ clf.coef_.T + clf.intercept_)
    # Weights are what the rows add up to, and so are intercepts that have a price.
    np.testing.assert_allclose(clf.coef_, added.T @ X, atol=ROOM)
    balance = added.sum(axis=0)
    if rule_of(clf) == "free":
        assert np.abs(balance).max() <= 1e-12 * np.abs(added).sum()
        assert abs(clf.intercept_.sum()) <= 1e-12 * np.abs(clf.intercept_).sum()
    elif rule_of(clf) == "penalized":
        np.testing.assert_allclose(clf.intercept_, balance, atol=ROOM)
    else:
        assert not clf.intercept_.any()
    check_duals(loss, scores, y, added, cost)
    missing = slacks(loss, scores, y, added, cost)
    assert np.all(np.abs(missing) <= 1e-9 * clf.objective_)
    # Away from the kinks there is but one subgradient.
    kind = type(loss)
    ends = [
        -cost[:, np.newaxis] * kind(loss.margin + room).subgradient(scores, y)
        for room in (-ROOM, ROOM)
    ]
    smooth = np.all(ends[0] == ends[1], axis=1)
    if kind is CrammerSinger:
        others = scores.copy()
        others[np.arange(len(y)), y] = -np.inf
        nearest = np.sort(others, axis=1)
        smooth &= (nearest[:, -1] - nearest[:, -2] > ROOM) | ~ends[1].any(axis=1)
    np.testing.assert_allclose(added[smooth], ends[0][smooth], atol=ROOM * cost.max())
    return smooth


@losses
@rules
def test_optimality_conditions(rule, multi_class):
    X, y = make_data(60, 3, n_classes=4)
    clf = HingeSVC(C=0.7, multi_class=multi_class, warm_start=True, **rule)
    cost, rows = np.full(60, 0.7), None
    if not isinstance(multi_class, str):
        rows, clf.class_weight, cost = weighted(y, 0.7)
    clf.fit(X, y, sample_weight=rows)
    smooth = check_optimal(clf, X, y, cost)
    # Rows on the kinks, and rows beside them that do and do not count.
    assert 3 <= np.count_nonzero(~smooth) <= 45
    counts = clf.dual_coef_.any(axis=0)
    assert np.count_nonzero(counts & smooth) > 3
    assert np.count_nonzero(~counts & smooth & (cost > 0.0)) > 3


@pytest.mark.parametrize("multi_class", LOSSES[:2])
@rules
def test_more_columns_than_rows(rule, multi_class):
    X, y = make_data(25, 60, n_classes=3, density=0.2)
    clf = HingeSVC(C=3.0, multi_class=multi_class, warm_start=True, **rule)
    check_optimal(clf.fit(sp.csr_matrix(X), y), X, y, np.full(25, 3.0))


@losses
@rules
@pytest.mark.parametrize("solver", ["stochastic", "batch"])
def test_gap_is_the_sum_of_what_the_conditions_miss(solver, rule, multi_class):
    # Far from the optimum: the rows' slacks, and the distance of W from the rows' sum.
    X, y = make_data(60, 3, n_classes=4)
    rows, classes, cost = weighted(y, 2.0)
    clf = HingeSVC(
        C=2.0, multi_class=multi_class, warm_start=True, solver=solver, max_iter=3,
        tol=1e-9, random_state=0, class_weight=classes, **rule,
    )  # fmt: skip
    with pytest.warns(ConvergenceWarning):
        clf.fit(X, y, sample_weight=rows)
    assert clf.dual_gap_ > 1e-3 * clf.objective_
    loss, added = get_multiclass_loss(multi_class), clf.dual_coef_.T
    missing = slacks(loss, clf.decision_function(X), y, added, cost)
    assert np.all(missing >= -1e-12 * clf.objective_)
    gap = missing.sum() + 0.5 * np.sum((clf.coef_ - added.T @ X) ** 2)
    if rule_of(clf) == "penalized":
        gap += 0.5 * np.sum((clf.intercept_ - added.sum(axis=0)) ** 2)
    assert clf.dual_gap_ == pytest.approx(gap, rel=1e-9)


@losses
@rules
def test_optimality_conditions_of_two_classes(rule, multi_class):
    # Coefficients and duals are those of the second class less those of the first.
    X, y = make_data(60, 3)
    clf = HingeSVC(C=0.7, multi_class=multi_class, warm_start=True, **rule)
    cost, rows = np.full(60, 0.7), None
    if not isinstance(multi_class, str):
        rows, clf.class_weight, cost = weighted(y, 0.7)
    clf.fit(X, y, sample_weight=rows)
    assert clf.coef_.shape == (1, 3)
    assert clf.dual_coef_.shape == (1, 60)
    halves = np.array([[-0.5], [0.5]])
    both = HingeSVC(**clf.get_params())
    both.coef_, both.intercept_ = halves * clf.coef_, halves[:, 0] * clf.intercept_
    both.dual_coef_, both.classes_ = halves * clf.dual_coef_, clf.classes_
    both.dual_gap_, both.objective_ = clf.dual_gap_, clf.objective_
    both.n_features_in_ = 3
    assert objective(both, X, y, cost / 0.7) == pytest.approx(clf.objective_, rel=1e-9)
    smooth = check_optimal(both, X, y, cost)
    assert np.count_nonzero(~smooth) >= 2


@pytest.mark.parametrize("multi_class", LOSSES[2:])
@rules
def test_two_classes_are_the_binary_problem_scaled(rule, multi_class):
    X, y = make_data()
    m = multi_class.margin
    params = {"solver": "stochastic", "max_iter": 10_000, "warm_start": True, **rule}
    clf = HingeSVC(C=0.2, multi_class=multi_class, **params).fit(X, y)
    binary = HingeSVC(C=0.4 / m, **params).fit(X, y)
    factor = 0.5 * m * m
    for name, scale in [
        ("objective_", factor),
        ("dual_gap_", factor),
        ("coef_", m),
        ("intercept_", m),
        ("dual_coef_", m),
        ("n_iter_", 1.0),
    ]:
        found, expected = getattr(clf, name), scale * getattr(binary, name)
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    for name in ("objective", "gap"):
        expected = factor * binary.history_[0][name]
        np.testing.assert_allclose(clf.history_[0][name], expected, rtol=1e-9)
    np.testing.assert_array_equal(clf.predict(X), binary.predict(X))
    # The next fit starts at what is kept, which is feasible for it.
    clf.fit(X, y)
    assert not clf.history_[0]["iteration"].any()


@rules
def test_margins_scale_the_weights(rule):
    # With W = m V, P is m^2 times that of V for the margin 1 and C / m.
    X, y = make_data(30, 3, n_classes=3)
    for kind in (CrammerSinger, WestonWatkins):
        clf = HingeSVC(C=2.0, multi_class=kind(4.0), **rule).fit(X, y)
        unit = HingeSVC(C=0.5, multi_class=kind(), **rule).fit(X, y)
        assert clf.objective_ == pytest.approx(16.0 * unit.objective_, rel=1e-9)
        np.testing.assert_allclose(clf.coef_, 4.0 * unit.coef_, atol=1e-5)


@rules
def test_each_loss_is_best_at_its_own_fit(rule):
    X, y = make_data(60, 3, n_classes=3)
    names = ["crammer_singer", "weston_watkins"]
    one, other = (HingeSVC(multi_class=name, **rule).fit(X, y) for name in names)
    optima = one.objective_, other.objective_
    assert optima[0] < 0.9 * optima[1]
    one.multi_class, other.multi_class = names[::-1]
    assert objective(one, X, y) > 1.001 * optima[1]
    assert objective(other, X, y) > 1.001 * optima[0]

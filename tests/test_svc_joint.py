"""HingeSVC with joint multi-class losses."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from hingesvm import HingeSVC
from hingesvm.losses import CrammerSinger, WestonWatkins, get_multiclass_loss
from hingesvm.metrics import (
    hinge_loss,
    make_neg_hinge_loss_scorer,
    neg_hinge_loss_scorer,
)

FORMS = ["crammer_singer", "weston_watkins"]
RULES = {
    "none": {"fit_intercept": False},
    "penalized": {"penalized_intercept": True},
    "free": {},
}
every_form = pytest.mark.parametrize("form", FORMS)
every_rule = pytest.mark.parametrize("rule", RULES)


def iris(n=150):
    X, y = load_iris(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(y))[:n]
    return StandardScaler().fit_transform(X)[chosen], y[chosen]


def words(n=120, d=300, k=5, seed=0, dtype=np.float64):
    """Sparse rows of unit norm whose class decides which columns are likely."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % k
    X = np.zeros((n, d))
    for i, label in enumerate(y):
        some = rng.choice(d, 8, replace=False)
        own = label * (d // k) + rng.choice(d // k, 6, replace=False)
        X[i, some] = rng.random(8)
        X[i, own] += rng.random(6)
    X /= np.linalg.norm(X, axis=1)[:, np.newaxis]
    return sp.csr_matrix(X.astype(dtype)), y


def objective(form, rule, C, W, b, X, y, weights=None):
    """P(W, b), row by row."""
    loss = get_multiclass_loss(form)
    X = np.asarray(X.toarray() if sp.issparse(X) else X, dtype=np.float64)
    total = 0.5 * float(np.sum(np.float64(W) ** 2))
    if rule == "penalized":
        total += 0.5 * float(np.sum(np.float64(b) ** 2))
    for i, (x, label) in enumerate(zip(X, y, strict=True)):
        scores = [
            float(x @ np.float64(w)) + float(c) for w, c in zip(W, b, strict=True)
        ]
        hinges = [
            max(0.0, loss.margin - scores[label] + score)
            for k, score in enumerate(scores)
            if k != label
        ]
        each = max(hinges) if isinstance(loss, CrammerSinger) else sum(hinges)
        total += C * (1.0 if weights is None else weights[i]) * each
    return total


def dual_objective(form, rule, C, signed, X, y, weights=None):
    """D, of what each row adds to each class; -inf where that is infeasible."""
    loss = get_multiclass_loss(form)
    X = np.asarray(X.toarray() if sp.issparse(X) else X, dtype=np.float64)
    costs = C * (np.ones(len(y)) if weights is None else np.asarray(weights))
    others = -signed.T.copy()
    others[np.arange(len(y)), y] = 0.0
    room = 1.0 + 1e-12
    feasible = np.all(others >= 0.0) and np.all(others <= room * costs[:, np.newaxis])
    if isinstance(loss, CrammerSinger):
        feasible &= np.all(others.sum(axis=1) <= room * costs)
    feasible &= np.allclose(signed.sum(axis=0), 0.0, atol=1e-9 * costs.max())
    if rule == "free":
        balance = np.abs(signed.sum(axis=1)).max()
        feasible &= balance <= 1e-9 * np.abs(signed).sum()
    if not feasible:
        return -np.inf
    value = loss.margin * others.sum() - 0.5 * np.sum((signed @ X) ** 2)
    if rule == "penalized":
        value -= 0.5 * np.sum(signed.sum(axis=1) ** 2)
    return float(value)


@every_rule
@every_form
@pytest.mark.parametrize("data", [iris, words])
def test_objective_and_gap_are_those_of_the_model(form, rule, data):
    X, y = data()
    weights = np.random.default_rng(1).uniform(0.5, 2.0, len(y))
    clf = HingeSVC(multi_class=form, C=0.7, warm_start=True, **RULES[rule])
    clf.fit(X, y, sample_weight=weights)
    args = X, y, weights
    primal = objective(form, rule, 0.7, clf.coef_, clf.intercept_, *args)
    dual = dual_objective(form, rule, 0.7, clf.dual_coef_, *args)
    assert clf.objective_ == pytest.approx(primal, rel=1e-9)
    assert clf.dual_gap_ == pytest.approx(primal - dual, abs=1e-8 * primal)
    assert clf.dual_gap_ <= 1e-4 * clf.objective_
    assert clf.coef_.shape == (len(clf.classes_), X.shape[1])


@pytest.mark.parametrize("rule", ["none", "penalized"])
@pytest.mark.parametrize("load", [load_iris, load_wine])
@pytest.mark.parametrize("C", [0.1, 1.0])
def test_crammer_singer_is_liblinears(load, rule, C):
    X, y = load(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    clf = HingeSVC(multi_class="crammer_singer", C=C, **RULES[rule]).fit(X, y)
    peer = LinearSVC(
        multi_class="crammer_singer",
        C=C,
        fit_intercept=rule != "none",
        tol=1e-9,
        max_iter=1_000_000,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer.fit(X, y)
    intercept = np.broadcast_to(peer.intercept_, 3)
    theirs = objective("crammer_singer", rule, C, peer.coef_, intercept, X, y)
    assert clf.objective_ == pytest.approx(theirs, rel=1e-6)


@every_rule
@every_form
def test_is_the_minimum_of_a_quadratic_program(form, rule):
    X, y = iris(18)
    n, d, k, C = len(y), X.shape[1], 3, 0.8
    each = [(i, j) for i in range(n) for j in range(k) if j != y[i]]
    n_weights, n_slacks = k * d + k, n if form == "crammer_singer" else len(each)

    def parts(z):
        return z[: k * d].reshape(k, d), z[k * d : n_weights], z[n_weights:]

    def value(z):
        W, b, slacks = parts(z)
        penalty = 0.5 * b @ b if rule == "penalized" else 0.0
        return 0.5 * np.sum(W * W) + penalty + C * slacks.sum()

    def slope(z):
        W, b, slacks = parts(z)
        pull = b if rule == "penalized" else np.zeros(k)
        return np.concatenate([W.ravel(), pull, np.full(len(slacks), C)])

    rows = np.zeros((len(each), n_weights + n_slacks))
    for r, (i, j) in enumerate(each):
        rows[r, y[i] * d : (y[i] + 1) * d] = X[i]
        rows[r, j * d : (j + 1) * d] -= X[i]
        rows[r, k * d + y[i]], rows[r, k * d + j] = 1.0, -1.0
        rows[r, n_weights + (i if form == "crammer_singer" else r)] = 1.0
    if rule == "none":
        rows[:, k * d : n_weights] = 0.0
    constraints = {
        "type": "ineq",
        "fun": lambda z: rows @ z - 1.0,
        "jac": lambda z: rows,
    }
    bounds = [(None, None)] * n_weights + [(0.0, None)] * n_slacks
    start = np.concatenate([np.zeros(n_weights), np.ones(n_slacks)])
    best = minimize(
        value,
        start,
        jac=slope,
        bounds=bounds,
        constraints=constraints,
        method="SLSQP",
        options={"maxiter": 1000, "ftol": 1e-14},
    )
    clf = HingeSVC(multi_class=form, C=C, **RULES[rule]).fit(X, y)
    assert clf.objective_ == pytest.approx(best.fun, rel=1e-6)


@every_rule
@pytest.mark.parametrize("loss", [CrammerSinger(), WestonWatkins(margin=2.0)], ids=repr)
def test_two_classes_are_the_binary_problem(loss, rule):
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    m, C = loss.margin, 0.3
    clf = HingeSVC(multi_class=loss, C=C, **RULES[rule]).fit(X, y)
    binary = HingeSVC(C=2.0 * C / m, **RULES[rule]).fit(X, y)
    assert clf.objective_ == pytest.approx(0.5 * m * m * binary.objective_, rel=1e-8)
    np.testing.assert_allclose(clf.coef_, m * binary.coef_, rtol=1e-6, atol=1e-8)
    W, b = np.vstack([-clf.coef_, clf.coef_]) / 2.0, clf.intercept_[0] / 2.0
    both = objective(loss, rule, C, W, [-b, b], X, y)
    assert clf.objective_ == pytest.approx(both, rel=1e-8)
    assert clf.history_[0]["objective"][-1] == pytest.approx(clf.objective_, rel=1e-9)


@every_form
def test_weights_are_repetitions(form):
    X, y = iris(60)
    weights = np.random.default_rng(2).integers(0, 3, len(y))
    weighted = HingeSVC(multi_class=form).fit(X, y, sample_weight=weights)
    repeated = HingeSVC(multi_class=form).fit(
        np.repeat(X, weights, axis=0), np.repeat(y, weights)
    )
    assert weighted.objective_ == pytest.approx(repeated.objective_, rel=1e-9)
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-5)


@every_rule
@every_form
def test_storage_makes_no_difference(form, rule):
    X, y = words()
    kinds = [X, X.toarray(), sp.csr_array(X), X.astype(np.float32)]
    wide = X.copy()
    wide.indices, wide.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    kinds.append(wide)
    found = [HingeSVC(multi_class=form, **RULES[rule]).fit(kind, y) for kind in kinds]
    for clf in found:
        low = clf.objective_ - clf.dual_gap_
        assert low <= found[0].objective_ * (1.0 + 1e-6)
        assert clf.objective_ == pytest.approx(found[0].objective_, rel=2e-4)
    assert found[3].coef_.dtype == np.float32


@every_form
@pytest.mark.parametrize("solver", ["auto", "stochastic", "batch"])
def test_every_solver_reaches_the_tolerance(form, solver):
    X, y = words(150, 150, 5)
    clf = HingeSVC(multi_class=form, solver=solver, tol=1e-5, max_iter=5000).fit(X, y)
    assert clf.dual_gap_ <= 1e-5 * clf.objective_
    again = clone(clf).fit(X, y)
    assert np.array_equal(clf.coef_, again.coef_)


@every_form
def test_max_iter_is_obeyed_and_the_warning_true(form):
    X, y = words()
    clf = HingeSVC(multi_class=form, max_iter=2, tol=1e-8)
    with pytest.warns(ConvergenceWarning, match="after 2 iterations"):
        clf.fit(X, y)
    assert clf.n_iter_ == 2
    primal = objective(form, "free", 1.0, clf.coef_, clf.intercept_, X, y)
    assert clf.objective_ == pytest.approx(primal, rel=1e-9)


@every_rule
@every_form
def test_warm_start_goes_on(form, rule):
    X, y = words(600, 300, 6)
    clf = HingeSVC(
        multi_class=form, warm_start=True, solver="stochastic", **RULES[rule]
    )
    clf.fit(X, y)
    cold = clone(clf).set_params(C=1.02).fit(X, y)
    clf.set_params(C=1.02).fit(X, y)
    assert clf.n_iter_ < cold.n_iter_
    assert clf.objective_ == pytest.approx(cold.objective_, rel=2e-4)
    clf.set_params(fit_intercept=False, penalized_intercept=False).fit(X, y)
    assert not np.any(clf.intercept_)


def test_what_cannot_be_trained_jointly_is_refused():
    X, y = iris(30)
    clf = HingeSVC(multi_class="crammer_singer").fit(X, y)
    before = dict(vars(clf))
    for params, message in [
        ({"loss": "squared_hinge"}, "plain hinge only"),
        ({"solver": "pegasos"}, "does not train"),
        ({"multi_class": "all"}, "multi_class"),
    ]:
        bad = clone(clf).set_params(**params)
        with pytest.raises(ValueError, match=message):
            bad.fit(X, y)
        assert not hasattr(bad, "coef_")
    assert vars(clf) == before


@every_form
@pytest.mark.parametrize("scale", [1e-100, 1e-10, 1e10])
def test_any_scale_is_certified_or_told_of(form, scale):
    X, y = iris(40)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf = HingeSVC(multi_class=form, max_iter=300).fit(scale * X, y)
    assert np.all(np.isfinite(clf.coef_))
    assert clf.dual_gap_ <= 1e-4 * clf.objective_ or caught


@every_form
def test_values_out_of_range_are_refused(form):
    X, y = iris(40)
    with pytest.raises(ValueError, match="scale X or reduce C"):
        HingeSVC(multi_class=form).fit(1e60 * X, y)


@every_form
def test_rows_and_columns_without_entries(form):
    X, y = words()
    X = X.tolil()
    X[::7] = 0.0
    X[:, ::5] = 0.0
    X = X.tocsr()
    for rule, params in RULES.items():
        clf = HingeSVC(multi_class=form, **params).fit(X, y)
        primal = objective(form, rule, 1.0, clf.coef_, clf.intercept_, X, y)
        assert clf.objective_ == pytest.approx(primal, rel=1e-9)
        assert clf.dual_gap_ <= 1e-4 * clf.objective_


@pytest.mark.parametrize("form", [*FORMS, CrammerSinger(), WestonWatkins(2.0)], ids=str)
def test_the_scorer_is_the_same_whatever_the_form(form):
    X, y = iris()
    clf = HingeSVC(multi_class=form, C=0.01).fit(X, y)
    loss = hinge_loss(y, clf.decision_function(X))
    assert neg_hinge_loss_scorer(clf, X, y) == -loss
    name = form if isinstance(form, str) else FORMS[isinstance(form, WestonWatkins)]
    loss = hinge_loss(y, clf.decision_function(X), multi_class=name)
    assert make_neg_hinge_loss_scorer(multi_class=name)(clf, X, y) == -loss

"""HingeSVC against the textbook: libsvm, liblinear, scipy.optimize and the KKT rules.

Where the intercept is free the model is that of SVC, where it is penalised that of
LinearSVC, as far as these converge.
"""

import numpy as np
import pytest
from samples import LOSSES
from scipy.optimize import minimize
from sklearn.datasets import (
    load_breast_cancer,
    load_iris,
    load_wine,
    make_classification,
)
from sklearn.preprocessing import StandardScaler, minmax_scale
from sklearn.svm import SVC, LinearSVC

from hingesvm import HingeSVC
from hingesvm.losses import SmoothedHinge

RULES = ["free", "penalized", "none"]


def generated(n, d, seed, **params):
    informative = min(d, 4)
    X, y = make_classification(
        n,
        d,
        n_informative=informative,
        n_redundant=0,
        n_clusters_per_class=1,
        flip_y=0.1,
        class_sep=0.7,
        random_state=seed,
        **params,
    )
    return X, y


def breast_cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def in_sixteenths(X):
    """Round X so that its inner products are exact in float32, as libsvm stores them.

    With other rows SVC is off by 1e-6 to 1e-5, whatever its tolerance.
    """
    return np.round(16.0 * X) / 16.0


def two_irises():
    X, y = load_iris(return_X_y=True)
    return X[y > 0], y[y > 0]


def wines():
    X, y = load_wine(return_X_y=True)
    return minmax_scale(X), y == 1


DATA = [
    pytest.param(lambda: generated(100, 5, 0), id="tall"),
    pytest.param(lambda: generated(200, 4, 1, weights=[0.85]), id="imbalanced"),
    pytest.param(lambda: generated(60, 80, 2), id="wide"),
    pytest.param(breast_cancer, id="breast cancer"),
    pytest.param(two_irises, id="iris"),
    pytest.param(wines, id="wine"),
]


def rule_params(rule):
    return {
        "fit_intercept": rule != "none",
        "penalized_intercept": rule == "penalized",
    }


def assert_same_hyperplane(clf, other, rtol=1e-6):
    size = np.linalg.norm(other.coef_)
    assert np.linalg.norm(clf.coef_ - other.coef_) <= rtol * size
    off = abs(clf.intercept_[0] - np.ravel(other.intercept_)[0])
    assert off <= rtol * max(abs(clf.intercept_[0]), size)


@pytest.mark.parametrize("C", [0.01, 1.0, 10.0])
@pytest.mark.parametrize("make", DATA)
def test_free_intercept_equals_svc(make, C):
    X, y = make()
    X = in_sixteenths(X)
    clf = HingeSVC(C=C).fit(X, y)
    assert_same_hyperplane(clf, SVC(C=C, kernel="linear", tol=1e-10).fit(X, y))


@pytest.mark.parametrize("make", DATA)
def test_free_intercept_equals_svc_with_weights(make):
    X, y = make()
    X = in_sixteenths(X)
    weights = np.random.default_rng(0).integers(0, 4, size=len(y)) / 2.0
    factors = {np.unique(y)[0].item(): 3.0}
    clf = HingeSVC(class_weight=factors).fit(X, y, sample_weight=weights)
    svc = SVC(kernel="linear", class_weight=factors, tol=1e-10)
    assert_same_hyperplane(clf, svc.fit(X, y, sample_weight=weights))


def test_balanced_equals_svc():
    X, y = generated(200, 4, 1, weights=[0.85])
    X = in_sixteenths(X)
    clf = HingeSVC(class_weight="balanced").fit(X, y)
    svc = SVC(kernel="linear", class_weight="balanced", tol=1e-10)
    assert_same_hyperplane(clf, svc.fit(X, y))


@pytest.mark.parametrize("solver", ["stochastic", "batch"])
def test_each_solver_equals_svc(solver):
    X, y = generated(100, 5, 0)
    clf = HingeSVC(C=0.1, solver=solver, tol=1e-12, max_iter=100_000).fit(X, y)
    assert_same_hyperplane(clf, SVC(C=0.1, kernel="linear", tol=1e-10).fit(X, y), 1e-5)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("C", [0.01, 0.1])
@pytest.mark.parametrize("make", DATA)
def test_penalized_intercept_equals_linear_svc(make, C, fit_intercept):
    X, y = make()
    clf = HingeSVC(C=C, fit_intercept=fit_intercept, penalized_intercept=True)
    linear_svc = LinearSVC(
        C=C, loss="hinge", fit_intercept=fit_intercept, tol=1e-9, max_iter=10**6
    )
    assert_same_hyperplane(clf.fit(X, y), linear_svc.fit(X, y))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("C", [0.01, 1.0, 10.0])
@pytest.mark.parametrize("make", DATA)
def test_squared_hinge_equals_linear_svc(make, C, fit_intercept):
    X, y = make()
    params = {"C": C, "loss": "squared_hinge", "fit_intercept": fit_intercept}
    clf = HingeSVC(penalized_intercept=True, **params).fit(X, y)
    linear_svc = LinearSVC(dual=False, tol=1e-10, max_iter=10**5, **params)
    assert_same_hyperplane(clf, linear_svc.fit(X, y))


def test_linear_svc_with_weights():
    X, y = generated(200, 4, 1)
    weights = np.random.default_rng(0).random(len(y))
    params = {"C": 0.1, "class_weight": {0: 2.0}}
    clf = HingeSVC(penalized_intercept=True, **params)
    linear_svc = LinearSVC(loss="hinge", tol=1e-9, max_iter=10**6, **params)
    clf.fit(X, y, sample_weight=weights)
    assert_same_hyperplane(clf, linear_svc.fit(X, y, sample_weight=weights))


def test_one_vs_rest_equals_linear_svc():
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    clf = HingeSVC(C=0.1, penalized_intercept=True).fit(X, y)
    linear_svc = LinearSVC(C=0.1, loss="hinge", tol=1e-9, max_iter=10**6).fit(X, y)
    np.testing.assert_allclose(clf.coef_, linear_svc.coef_, atol=1e-6)
    np.testing.assert_allclose(clf.intercept_, linear_svc.intercept_, atol=1e-6)


def test_smoothed_hinge_tends_to_the_hinge():
    X, y = generated(100, 5, 0)
    hinge = HingeSVC().fit(X, y)
    distances = []
    for gamma in [0.1, 0.01, 0.001]:
        clf = HingeSVC(loss=SmoothedHinge(gamma)).fit(X, y)
        distances.append(np.linalg.norm(clf.coef_ - hinge.coef_))
        # The loss is nowhere more than gamma / 2 below the hinge.
        lead = hinge.objective_ - clf.objective_
        assert 0.0 <= lead <= len(y) * gamma / 2.0
    assert distances[2] < distances[1] < distances[0]


def expected_duals(loss, shortfall):
    """Return the ranges of alpha / C at 1 - margin: minus the subdifferentials."""
    room = 1e-6
    if loss == "hinge":
        return shortfall > room, shortfall >= -room
    slope = 2.0 * shortfall if loss == "squared_hinge" else np.minimum(shortfall, 1.0)
    slope = np.maximum(slope, 0.0)
    return slope, slope


@pytest.mark.parametrize("make", DATA)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_optimality_conditions(loss, rule, make):
    X, y = make()
    C = 0.8
    clf = HingeSVC(C=C, loss=loss, warm_start=True, **rule_params(rule)).fit(X, y)
    signs = np.where(y == clf.classes_[1], 1.0, -1.0)
    duals = clf.dual_coef_[0]
    alpha = duals * signs
    upper = np.inf if loss == "squared_hinge" else C
    assert np.all((alpha >= 0.0) & (alpha <= upper))
    # Each of the two is within sqrt(2 gap) of the optimal weights.
    room = 2.0 * np.sqrt(2.0 * clf.dual_gap_) + 1e-7
    assert np.linalg.norm(duals @ X - clf.coef_[0]) <= room
    if rule == "free":
        assert abs(duals.sum()) <= 1e-9 * alpha.sum()
    if rule == "penalized":
        assert clf.intercept_[0] == pytest.approx(duals.sum(), rel=1e-6, abs=1e-6)
    lower, upper = expected_duals(loss, 1.0 - signs * clf.decision_function(X))
    assert np.all(alpha >= C * lower - 1e-5)
    assert np.all(alpha <= C * upper + 1e-5)


def solve_by_slsqp(X, signs, costs, loss, rule):
    """Return the optimal value and the weights of a tiny problem, from its dual."""
    kernel = (X @ X.T + (1.0 if rule == "penalized" else 0.0)) * np.outer(signs, signs)
    curvature = {
        "hinge": np.zeros_like(costs),
        "squared_hinge": 0.5 / costs,
        "smoothed_hinge": 1.0 / costs,
    }[loss]
    kernel = kernel + np.diag(curvature)
    constraints = ()
    if rule == "free":
        constraints = {"type": "eq", "fun": lambda a: a @ signs, "jac": lambda a: signs}
    result = minimize(
        lambda a: 0.5 * a @ kernel @ a - a.sum(),
        np.full(len(signs), 0.1),
        jac=lambda a: kernel @ a - 1.0,
        method="SLSQP",
        bounds=[(0.0, None if loss == "squared_hinge" else cost) for cost in costs],
        constraints=constraints,
        options={"ftol": 1e-12, "maxiter": 1000},
    )
    assert result.success
    return -result.fun, (result.x * signs) @ X


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_tiny_problem_by_a_general_solver(loss, rule, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((9, 2))
    y = np.array([0, 1, 0, 1, 0, 1, 0, 1, 1])
    weights = rng.random(9) + 0.5
    clf = HingeSVC(C=1.5, loss=loss, **rule_params(rule))
    clf.fit(X, y, sample_weight=weights)
    optimum, w = solve_by_slsqp(X, 2.0 * y - 1.0, 1.5 * weights, loss, rule)
    assert clf.objective_ == pytest.approx(optimum, rel=1e-7)
    np.testing.assert_allclose(clf.coef_[0], w, atol=1e-4)

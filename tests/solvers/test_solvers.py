"""Every solver against every other, and against its own certificate."""

from functools import cache
from itertools import combinations, pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from reference import blobs, breast_cancer, check_solution, make_problem
from solver_cases import every_loss, every_rule, exact

from hingesvm.losses import Hinge, MarginLoss, SmoothedHinge, SquaredHinge
from hingesvm.problems.start import Start
from hingesvm.solvers import choice, solve

METHODS = ["auto", "stochastic", "batch", "pegasos"]

every_method = pytest.mark.parametrize("method", METHODS)


def sparse_rows():
    """Wide sparse rows of which the sign of a sum of a few columns is the label."""
    X = sp.csr_array(sp.random(80, 400, density=0.03, random_state=1))
    return X, np.where(X[:, :40].sum(axis=1) > 0.6, 1, -1).astype(np.int8)


DATA = {
    "tall": lambda: blobs(150, 5),
    "wide": lambda: blobs(30, 100),
    "sparse": sparse_rows,
    "float32": lambda: blobs(100, 8, dtype=np.float32),
}
COST = {"tall": 0.1, "wide": 1.0, "sparse": 1.0, "float32": 0.1}


@cache
def solved(method, data, loss, rule):
    X, y = DATA[data]()
    tol = {"auto": 1e-4, "batch": 1e-4, "stochastic": 1e-5, "pegasos": 5e-2}[method]
    solution = solve(
        make_problem(X, y, loss, rule, COST[data]),
        method=method,
        tol=tol,
        max_iter=20_000,
        seed=3,
    )
    # Small problems end exact to rounding.
    return solution, 1e-10 if method in ("auto", "batch") else tol


@pytest.mark.parametrize("data", DATA)
@every_rule
@every_loss
@every_method
def test_tolerance_is_reached_on_all_rows(method, data, loss, rule):
    solution, tol = solved(method, data, loss, rule)
    X, y = DATA[data]()
    gap = check_solution(solution, X, y, COST[data], loss, rule)
    assert solution.converged
    assert solution.certificate.relative_gap <= tol
    assert gap <= tol * solution.certificate.primal * (1.0 + 1e-3)


@pytest.mark.parametrize("data", DATA)
@every_rule
@every_loss
def test_solvers_agree_as_far_as_their_certificates_promise(data, loss, rule):
    every = [solved(method, data, loss, rule)[0].certificate for method in METHODS]
    for one, two in combinations(every, 2):
        # ||w - w*||^2 <= 2 gap for each, and the triangle inequality.
        reach = np.sqrt(2.0 * one.gap) + np.sqrt(2.0 * two.gap)
        assert np.linalg.norm(one.w - two.w) <= reach + 1e-7 * np.linalg.norm(one.w)
        assert one.dual <= two.primal * (1.0 + 1e-12)
        assert two.dual <= one.primal * (1.0 + 1e-12)


@pytest.mark.parametrize("data", DATA)
@every_rule
@every_loss
def test_exact_solvers_give_the_same_weights(data, loss, rule):
    auto = solved("auto", data, loss, rule)[0].certificate
    batch = solved("batch", data, loss, rule)[0].certificate
    assert auto.primal == pytest.approx(batch.primal, rel=1e-9)
    assert batch.w == pytest.approx(auto.w, abs=1e-5 * np.abs(auto.w).max())
    assert batch.intercept == pytest.approx(auto.intercept, abs=1e-5)


@every_method
@every_rule
def test_same_seed_same_bits(method, rule):
    X, y = blobs(80, 5)
    one, two = (
        exact(X, y, rule=rule, method=method, max_iter=60, seed=9) for _ in range(2)
    )
    assert np.array_equal(one.certificate.w, two.certificate.w)
    assert np.array_equal(one.certificate.alpha, two.certificate.alpha)
    assert one.certificate.intercept == two.certificate.intercept
    assert one.n_iter == two.n_iter
    looks = [[(c.iteration, c.objective, c.gap) for c in s.history] for s in (one, two)]
    assert looks[0] == looks[1]


@pytest.mark.parametrize("method", ["stochastic", "pegasos"])
@every_rule
def test_seeds_change_the_path_and_not_the_answer(method, rule):
    X, y = blobs(80, 5)
    every = [
        exact(X, y, rule=rule, method=method, tol=1e-2, max_iter=3000, seed=seed)
        for seed in range(3)
    ]
    for one, two in combinations((s.certificate for s in every), 2):
        assert not np.array_equal(one.w, two.w)
        reach = np.sqrt(2.0 * one.gap) + np.sqrt(2.0 * two.gap)
        assert np.linalg.norm(one.w - two.w) <= reach


@pytest.mark.parametrize("max_iter", [1, 2, 7, 40])
@every_method
@every_rule
def test_max_iter_is_respected(method, rule, max_iter):
    X, y = breast_cancer()
    solution = exact(X, y, rule=rule, method=method, tol=1e-15, max_iter=max_iter)
    assert solution.n_iter <= max_iter
    assert solution.converged == (solution.certificate.relative_gap <= 1e-15)
    assert check_solution(solution, X, y, 1.0, Hinge(), rule) >= 0.0
    assert max(check.iteration for check in solution.history) == solution.n_iter


@every_method
@every_loss
def test_history_only_improves_and_ends_with_the_certificate(method, loss):
    X, y = blobs(100, 5)
    seen = []
    solution = exact(
        X,
        y,
        loss,
        method=method,
        max_iter=50,
        report=lambda check, _: seen.append(check),
    )
    history = solution.history
    assert history == seen
    # Bounds of rounding errors enter at the end.
    slack = 1e-11 * history[0].objective
    for before, after in pairwise(history):
        assert after.iteration >= before.iteration
        assert after.seconds >= before.seconds
        assert after.objective <= before.objective + slack
        assert after.gap <= before.gap + slack
    assert history[-1].objective == solution.certificate.primal
    assert history[-1].gap == solution.certificate.gap


@pytest.mark.parametrize("method", ["auto", "stochastic", "batch"])
@every_rule
@every_loss
def test_start_at_the_solution_ends_at_once(method, loss, rule):
    X, y = blobs(100, 5)
    first = exact(X, y, loss, rule).certificate
    again = exact(
        X,
        y,
        loss,
        rule,
        method=method,
        start=Start(first.alpha, intercept=first.intercept),
    )
    cold = exact(X, y, loss, rule, method=method)
    assert again.converged
    assert again.n_iter <= 3 or again.n_iter < cold.n_iter
    assert again.history[1].gap <= 1e-3 * again.certificate.primal
    assert np.linalg.norm(again.certificate.w - first.w) <= np.sqrt(
        2.0 * again.certificate.gap
    ) + 1e-6 * np.linalg.norm(first.w)


@every_method
@every_rule
def test_any_start_will_do(method, rule):
    X, y = blobs(60, 4)
    start = np.random.default_rng(0).normal(size=60) * 10.0
    before = start.copy()
    options = {"tol": 0.05, "max_iter": 5000, "start": Start(start, intercept=-7.0)}
    solution = exact(X, y, rule=rule, method=method, cost=0.1, **options)
    assert solution.converged
    gap = check_solution(solution, X, y, 0.1, Hinge(), rule)
    assert gap <= 0.05 * solution.certificate.primal
    assert np.array_equal(start, before)


@pytest.mark.parametrize("method", ["auto", "stochastic", "batch"])
@pytest.mark.parametrize("rule", ["none", "penalized"])
def test_start_at_the_solution_of_another_intercept_rule(method, rule):
    X, y = blobs(60, 4)
    X = X + 5.0  # far from the origin: the free intercept is large
    free = exact(X, y).certificate
    options = {"start": Start(free.alpha, intercept=free.intercept)}
    solution = exact(X, y, rule=rule, method=method, max_iter=50_000, **options)
    gap = check_solution(solution, X, y, 1.0, Hinge(), rule)
    assert gap <= 1e-4 * solution.certificate.primal
    best = exact(X, y, rule=rule).certificate
    assert solution.certificate.primal >= best.dual * (1.0 - 1e-12)


@pytest.mark.parametrize("method", ["auto", "batch"])
@pytest.mark.parametrize("data", ["tall", "sparse"])
def test_large_problems_stop_at_the_tolerance(monkeypatch, method, data):
    monkeypatch.setattr(choice, "_SMALL", 0)
    X, y = DATA[data]()
    rough = exact(X, y, method=method, tol=1e-2)
    fine = exact(X, y, method=method, tol=1e-6)
    assert rough.certificate.relative_gap <= 1e-2
    assert fine.certificate.relative_gap <= 1e-6
    assert rough.n_iter < fine.n_iter


class SteepHinge(MarginLoss):
    bound = 2.0
    curvature = 0.25


@pytest.mark.parametrize(
    "loss", [SteepHinge(), SmoothedHinge(0.01), SmoothedHinge(50.0)], ids=repr
)
@every_rule
@pytest.mark.parametrize("method", ["auto", "stochastic", "batch"])
def test_other_losses_of_the_family(method, rule, loss):
    X, y = blobs(60, 3)
    problem = make_problem(X, y, loss, rule, 0.5)
    solution = solve(problem, method=method, tol=1e-4, max_iter=20_000)
    scratch = problem.certify(solution.certificate.alpha)
    assert solution.converged
    assert scratch.relative_gap <= 1e-2
    assert scratch.dual == pytest.approx(solution.certificate.dual, rel=1e-9)


def test_squared_hinge_is_a_ridge_regression_when_no_row_leaves():
    # All margins below 1 (tiny C): linear equations, solved by hand.
    X, y = blobs(40, 3)
    C = 1e-4
    solution = exact(X, y, SquaredHinge(), "none", C).certificate
    w = np.linalg.solve(np.eye(3) + 2.0 * C * X.T @ X, 2.0 * C * X.T @ y)
    assert np.all(y * (X @ w) < 1.0)
    assert solution.w == pytest.approx(w, rel=1e-5)

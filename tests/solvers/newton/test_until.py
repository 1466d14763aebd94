"""The batch method: Newton steps, started well and badly, on kind data and unkind."""

import numpy as np
import pytest
import scipy.sparse as sp
from reference import (
    LOSSES,
    RULES,
    blobs,
    breast_cancer,
    check_solution,
    dual,
    make_problem,
    primal,
)
from sklearn.datasets import load_breast_cancer

from hingesvm.losses import Hinge, SmoothedHinge
from hingesvm.problems.start import Start
from hingesvm.solvers import Progress, solve
from hingesvm.solvers.newton import system as newton
from hingesvm.solvers.newton.until import newton_until

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)
every_rule = pytest.mark.parametrize("rule", RULES)


def run(problem, goal, max_iter=300, start=None):
    progress = Progress(problem, goal, max_iter)
    newton_until(progress, start or Start(np.zeros(problem.n_rows)), goal)
    return progress


@every_loss
@every_rule
@pytest.mark.parametrize("goal", [1e-1, 1e-3, 1e-8])
def test_goal_is_reached_in_few_steps(loss, rule, goal):
    X, y = blobs(200, 6)
    progress = run(make_problem(X, y, loss, rule), goal)
    assert progress.relative_gap <= goal
    assert progress.n_iter <= 60
    solution = progress.solution()
    gap = check_solution(solution, X, y, 1.0, loss, rule)
    assert gap <= goal * solution.certificate.primal


@every_rule
@every_loss
def test_every_look_is_a_certificate(loss, rule):
    # Weak duality at each step: no gap may be below the true one.
    X, y = blobs(100, 4)
    problem = make_problem(X, y, loss, rule)
    optimum = solve(problem, tol=1e-12).certificate
    progress = run(problem, 1e-10)
    for check in progress.history:
        assert check.objective >= optimum.dual * (1.0 - 1e-12)
        assert check.objective - check.gap <= optimum.primal * (1.0 + 1e-12)
    best = progress.best
    cost = np.ones(100)
    p = primal(X, y, cost, loss, rule, best.w, best.intercept)
    assert best.primal == pytest.approx(p, rel=1e-10)
    d = dual(X, y, cost, loss, rule, problem.repair(best.alpha))
    assert best.dual == pytest.approx(d, rel=1e-9)


@every_rule
@every_loss
@pytest.mark.parametrize("cost", [1e-6, 1e-3, 1e3, 1e6])
def test_any_cost(loss, rule, cost):
    X, y = breast_cancer()
    solution = solve(make_problem(X, y, loss, rule, cost), method="batch")
    assert solution.converged
    gap = check_solution(solution, X, y, cost, loss, rule)
    c = solution.certificate
    room = 1e-15 * cost * float(np.sum(1.0 + np.abs(X) @ np.abs(c.w)))
    assert gap <= 1e-4 * c.primal + room


@every_rule
def test_raw_breast_cancer(rule):
    # Columns from 4e-3 to 900: where coordinate methods do not get through.
    X, y = load_breast_cancer(return_X_y=True)
    y = np.where(y == 1, 1, -1)
    solution = solve(make_problem(X, y, Hinge(), rule), method="batch")
    assert solution.certificate.relative_gap <= 1e-10
    assert 48.0 < solution.certificate.primal < 51.0
    assert solution.n_iter < 300


@every_rule
@every_loss
def test_columns_of_very_different_scales(loss, rule):
    X, y = blobs(100, 6)
    X = X * np.logspace(-5, 5, 6)
    solution = solve(make_problem(X, y, loss, rule), method="batch")
    assert solution.certificate.relative_gap <= 1e-8
    check_solution(solution, X, y, 1.0, loss, rule)


@every_rule
@every_loss
def test_start_at_good_weights(loss, rule):
    X, y = blobs(100, 5)
    problem = make_problem(X, y, loss, rule)
    best = solve(problem, tol=1e-12).certificate
    start = Start(best.alpha, best.w, best.intercept)
    progress = run(problem, 1e-8, start=start)
    assert progress.relative_gap <= 1e-8
    assert progress.n_iter < run(problem, 1e-8).n_iter
    assert progress.history[0].objective == pytest.approx(best.primal, rel=1e-6)


@every_rule
def test_start_at_bad_weights(rule):
    X, y = blobs(100, 5)
    problem = make_problem(X, y, Hinge(), rule)
    w = np.full(5, 1e4)
    intercept = 0.0 if rule == "none" else -1e3
    start = Start(np.linspace(-5.0, 5.0, 100), w, intercept)
    progress = run(problem, 1e-6, start=start)
    assert progress.relative_gap <= 1e-6
    assert np.array_equal(w, np.full(5, 1e4))


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
@every_rule
def test_conjugate_gradients_alone(monkeypatch, rule, kind):
    monkeypatch.setattr(newton, "LARGEST_SYSTEM", 0)
    X, y = blobs(100, 6)
    progress = run(make_problem(kind(X), y, SmoothedHinge(0.5), rule), 1e-6, 1000)
    assert progress.relative_gap <= 1e-6


@every_rule
@every_loss
def test_more_columns_than_rows(loss, rule):
    X, y = blobs(25, 200)
    solution = solve(make_problem(X, y, loss, rule), method="batch")
    assert solution.certificate.relative_gap <= 1e-10
    check_solution(solution, X, y, 1.0, loss, rule)


@every_loss
def test_free_intercept_balances_the_duals(loss):
    X, y = blobs(90, 4)
    c = solve(make_problem(X, y, loss, "free"), method="batch").certificate
    assert abs(c.alpha @ y) <= 1e-13 * c.alpha.sum()


@every_rule
@every_loss
def test_equal_rows_of_both_classes(loss, rule):
    # Nothing to learn: w = 0, and each pair costs the loss at margin 0 twice.
    X = np.repeat(np.random.default_rng(0).normal(size=(10, 3)), 2, axis=0)
    y = np.array([1, -1] * 10)
    solution = solve(make_problem(X, y, loss, rule), method="batch")
    assert solution.converged
    assert solution.certificate.w == pytest.approx(np.zeros(3), abs=1e-7)
    assert solution.certificate.primal == pytest.approx(20.0 * float(loss.value(0.0)))


@every_rule
@every_loss
def test_rows_and_columns_of_zeros(loss, rule):
    X, y = blobs(40, 5)
    X[3] = 0.0
    X[:, 2] = 0.0
    for kind in (np.asarray, sp.csr_matrix):
        solution = solve(make_problem(kind(X), y, loss, rule), method="batch")
        assert solution.certificate.relative_gap <= 1e-10
        assert solution.certificate.w[2] == 0.0


def test_it_gives_up_rather_than_steps_forever():
    X, y = blobs(60, 3)
    progress = run(make_problem(X, y, Hinge(), "free"), 0.0, 10**6)
    assert progress.n_iter < 2000
    assert progress.relative_gap <= 1e-10

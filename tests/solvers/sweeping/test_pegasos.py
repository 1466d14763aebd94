"""Pegasos: slow, and certified all the same."""

import numpy as np
import pytest
import scipy.sparse as sp
from reference import (
    LOSSES,
    RULES,
    blobs,
    breast_cancer,
    check_solution,
    make_problem,
)

from hingesvm.losses import Hinge
from hingesvm.problems.start import Start
from hingesvm.solvers import Progress, solve
from hingesvm.solvers.sweeping.pegasos import step_until

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)
every_rule = pytest.mark.parametrize("rule", RULES)


@every_loss
@every_rule
def test_tolerance_is_reached_on_standardised_data(loss, rule):
    X, y = breast_cancer()
    cost = 0.01
    problem = make_problem(X, y, loss, rule, cost)
    solution = solve(problem, method="pegasos", tol=1e-2)
    best = solve(problem).certificate
    assert solution.converged
    assert check_solution(solution, X, y, cost, loss, rule) <= (
        1e-2 * solution.certificate.primal
    )
    c = solution.certificate
    assert best.primal * (1.0 - 1e-10) <= c.primal <= best.primal * 1.01
    assert np.linalg.norm(c.w - best.w) <= np.sqrt(2.0 * c.gap) * (1.0 + 1e-6)


@every_rule
def test_hinge_at_unit_cost(rule):
    X, y = breast_cancer()
    problem = make_problem(X, y, Hinge(), rule)
    solution = solve(problem, method="pegasos", tol=0.1)
    assert solution.converged
    assert 10 < solution.n_iter <= 1000


@every_loss
@every_rule
def test_gap_falls_with_the_number_of_epochs(loss, rule):
    X, y = blobs(200, 5)
    history = solve(
        make_problem(X, y, loss, rule, 0.1), method="pegasos", tol=1e-9, max_iter=800
    ).history
    early = next(check.gap for check in history if check.iteration >= 20)
    late = history[-1].gap
    # Like 1/t: forty times the epochs bring a tenth of the gap at least.
    assert late <= early / 10.0
    assert late > 0.0


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
def test_storage_does_not_matter(kind):
    X, y = blobs(60, 4)
    problems = [make_problem(k(X), y, Hinge(), "free", 0.1) for k in (np.asarray, kind)]
    one, two = (solve(p, method="pegasos", tol=1e-9, max_iter=20) for p in problems)
    assert two.certificate.w == pytest.approx(one.certificate.w, rel=1e-9)


def test_first_steps_by_hand():
    # One row x = 2, y = 1, C = 1, no intercept, rate 1 / (t + 1). t = 1: m = 0, so
    # a = 1/2 (w = 1). t = 2: m = 2, so a shrinks by 1 - 1/3 to 1/3 (w = 2/3). The
    # average of both with weights t is (1/2 + 2/3) / 3 = 7/18.
    problem = make_problem(np.array([[2.0]]), [1], Hinge(), "none")
    progress = Progress(problem, 1e-12, 2)
    step_until(progress, Start(np.zeros(1)), 0)
    first, second = progress.history
    assert first.objective == pytest.approx(0.5)  # a = 1/2: w = 1, no loss
    assert second.objective - second.gap == pytest.approx(
        max(0.5 - 2.0 * 0.25, 7 / 18 - 2.0 * (7 / 18) ** 2)
    )


@every_loss
@every_rule
def test_start_is_worth_something(loss, rule):
    X, y = blobs(100, 4)
    problem = make_problem(X, y, loss, rule, 0.1)
    alpha = solve(problem).certificate.alpha
    warm, cold = (
        solve(problem, method="pegasos", tol=1e-9, max_iter=1, start=start)
        for start in (Start(alpha), None)
    )
    assert warm.certificate.gap < cold.certificate.gap


@every_rule
def test_rows_of_zeros(rule):
    X, y = blobs(40, 3)
    X[5] = 0.0
    solution = solve(make_problem(X, y, Hinge(), rule, 0.1), method="pegasos", tol=1e-2)
    assert solution.converged

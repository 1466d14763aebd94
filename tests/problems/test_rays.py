"""Starts for other costs: the best of all multiples of old dual variables."""

import joint_cases
import numpy as np
import pytest
import reference
from joint_cases import TOTALS, random_duals, random_problem
from reference import LOSSES, RULES, blobs, make_problem

from hingesvm.losses import Hinge
from hingesvm.problems.rays import along_ray, with_bounds
from hingesvm.problems.start import (
    CertifiedStart,
    KeptStart,
    PathStart,
    Start,
    WarmStart,
    feasible_start,
)
from hingesvm.solvers import solve

SCALES = [1e-3, 0.3, 1.0, 4.0, 1e3]


def assert_best(found, alpha, value, longest):
    """Assert that dual variables are at least as good as all multiples of others."""
    best = value(found)
    assert np.isfinite(best)
    factor = found.sum() / alpha.sum()
    assert factor > 0.0
    top = longest if longest < 10.0 * factor else 3.0 * factor
    for other in np.linspace(0.0, top, 101):
        assert value(other * alpha) <= best + 1e-9 * abs(best)
    return factor


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_the_best_multiple_of_old_duals(loss, rule, scale):
    X, y = blobs(40, 3)
    cost = scale * np.linspace(0.5, 1.0, 40)
    problem = make_problem(X, y, loss, rule, cost)
    # Of costs that are the same in each row, and balanced for a free intercept.
    alpha = solve(make_problem(X, y, loss, rule, 1.0)).certificate.alpha
    if rule != "free":
        alpha = np.minimum(alpha + np.linspace(0.0, 0.1, 40), 1.0)
    start = Start(alpha, np.ones(3), 2.0, w_of_duals=np.ones(3))
    found = along_ray(problem, start)
    used = alpha > 0.0
    longest = float((problem.bound[used] / alpha[used]).min())

    def value(a):
        return reference.dual(X, y, cost, loss, rule, a)

    factor = assert_best(found.alpha, alpha, value, longest)
    np.testing.assert_allclose(problem.repair(found.alpha), found.alpha, rtol=1e-12)
    # Both ends of the rule occur: the largest feasible one, and one inside.
    if loss == Hinge() and scale in (1e-3, 1e3):
        assert (factor > (1.0 - 1e-9) * longest) == (scale == 1e-3)
    np.testing.assert_array_equal(found.w, start.w)
    assert found.intercept == 2.0
    np.testing.assert_array_equal(start.w_of_duals, np.ones(3))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("rule", ["none", "penalized"])
@pytest.mark.parametrize("form", TOTALS)
def test_the_best_multiple_of_joint_duals(form, rule, scale):
    total = TOTALS[form]
    problem = random_problem(total, rule, margin=1.5, cost=scale)
    alpha = random_duals(random_problem(total, rule, cost=1.0, equal=True))
    found = along_ray(problem, Start(alpha))
    rows = alpha.sum(axis=1) if total == 1.0 else alpha.max(axis=1)
    used = rows > 0.0
    longest = float((problem.cost[used] / rows[used]).min())

    def value(a):
        return joint_cases.dual(*joint_cases.plain(problem), a)

    assert_best(found.alpha, alpha, value, longest)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_the_solution_stays_where_it_is(loss, rule):
    X, y = blobs(40, 3)
    problem = make_problem(X, y, loss, rule, 0.7)
    solution = solve(problem).certificate
    found = along_ray(problem, Start(solution.alpha))
    np.testing.assert_allclose(found.alpha, solution.alpha, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("rule", RULES)
def test_duals_that_are_all_at_their_bound_follow_it(rule):
    X, y = blobs(40, 3)
    y = np.where(np.arange(40) % 2, 1, -1).astype(np.int8)
    for C in [1e-7, 1e-3]:
        problem = make_problem(1e-2 * X, y, Hinge(), rule, C)
        found = along_ray(problem, Start(np.full(40, 1e-5)))
        np.testing.assert_allclose(found.alpha, np.full(40, C), rtol=1e-12)


def test_nothing_to_scale():
    X, y = blobs(10, 3)
    problem = make_problem(X, y, Hinge(), "none", 1.0)
    start = Start(np.zeros(10), np.ones(3))
    assert along_ray(problem, start).alpha is start.alpha


def test_duals_without_weights_go_to_their_bound():
    # Rows of zeros: D grows with the duals for as long as they are feasible.
    problem = make_problem(np.zeros((4, 2)), [1, 1, -1, -1], Hinge(), "none", 2.0)
    found = along_ray(problem, Start(np.array([0.1, 0.2, 0.4, 0.1])))
    assert found.alpha == pytest.approx([0.5, 1.0, 2.0, 0.5])


def test_factors_that_overflow_are_not_used():
    problem = make_problem(np.ones((2, 1)), [1, -1], Hinge(), "none", 1.0)
    start = Start(np.array([5e-324, 0.0]))
    assert np.all(np.isfinite(along_ray(problem, start).alpha))


@pytest.mark.parametrize("rule", RULES)
def test_rows_at_their_bound_go_up_alone(rule):
    # Two rows that contradict each other, and two that a margin separates.
    X = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    y = np.array([1, -1, 1, -1], dtype=np.int8)
    before = solve(make_problem(X, y, Hinge(), rule, 2.0)).certificate
    inside = before.alpha[2:]
    assert before.alpha[:2] == pytest.approx([2.0, 2.0])
    assert np.all((inside > 0.0) & (inside < 1.5))
    problem = make_problem(X, y, Hinge(), rule, 10.0)
    start = PathStart(before.alpha, before.w, certificate=before, ratio=5.0)
    found = along_ray(problem, start)
    assert found.alpha == pytest.approx([10.0, 10.0, *inside], rel=1e-2)
    assert found.certificate.relative_gap < 1e-3


@pytest.mark.parametrize("rule", RULES)
def test_groups_are_no_worse_than_a_multiple(rule):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((30, 5))
        y = np.where(rng.random(30) < 0.4, 1, -1).astype(np.int8)
        before = solve(make_problem(X, y, Hinge(), rule, 0.3)).certificate
        problem = make_problem(X, y, Hinge(), rule, 3.0)
        start = PathStart(before.alpha, before.w, certificate=before, ratio=10.0)
        found = along_ray(problem, start)
        alpha = found.alpha
        np.testing.assert_allclose(problem.repair(alpha), alpha, atol=1e-12)
        assert found.certificate.dual == pytest.approx(problem.dual(alpha), rel=1e-9)
        for times in np.linspace(0.0, 10.0, 21):
            other = problem.repair(times * before.alpha)
            if np.array_equal(other, times * before.alpha):
                assert problem.dual(other) <= found.certificate.dual + 1e-9


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_rows_at_their_bound_follow_it(loss, rule):
    X, y = blobs(60, 3)
    alpha = solve(make_problem(X, y, loss, rule, 0.1)).certificate.alpha
    problem = make_problem(X, y, loss, rule, 0.3)
    at_bound = alpha >= 0.1 * (1.0 - 1e-9)
    start = KeptStart(alpha, np.ones(3), 2.0, np.ones(3), is_at_bound=at_bound)
    found = with_bounds(problem, start)
    np.testing.assert_array_equal(problem.repair(found.alpha), found.alpha)
    assert found.w_of_duals is None
    assert problem.dual(found.alpha) > 0.0
    if rule != "free" and loss == Hinge():
        assert at_bound.any()
        np.testing.assert_array_equal(found.alpha[at_bound], 0.3)
    if rule != "free":
        np.testing.assert_array_equal(found.alpha[~at_bound], alpha[~at_bound])


@pytest.mark.parametrize("rule", RULES)
def test_a_feasible_start_has_no_w_of_other_duals(rule):
    X, y = blobs(40, 3)
    problem = make_problem(X, y, Hinge(), rule, 1.0)
    alpha = solve(problem).certificate.alpha
    w_of_duals = problem.combine(alpha)
    found = problem.certify(alpha)
    known = {"w_of_duals": w_of_duals, "certificate": found}
    kept = feasible_start(problem, CertifiedStart(alpha, **known))
    np.testing.assert_allclose(kept.alpha, alpha, rtol=1e-12)
    assert kept.w_of_duals is w_of_duals
    assert kept.certificate is found
    outside = alpha.copy()
    outside[y > 0] += 2.0
    mended = feasible_start(problem, CertifiedStart(outside, **known))
    np.testing.assert_array_equal(problem.repair(mended.alpha), mended.alpha)
    assert mended.w_of_duals is None
    assert type(mended) is WarmStart


@pytest.mark.parametrize("method", ["auto", "stochastic", "batch"])
@pytest.mark.parametrize("n", [80, 12_000])
def test_what_a_start_says_of_infeasible_duals_is_not_believed(method, n):
    X, y = blobs(n, 3)
    problem = make_problem(X, y, Hinge(), "free", 1.0)
    alpha = np.where(y > 0, 0.9, 0.1)
    start = Start(alpha, w_of_duals=problem.combine(alpha))
    solution = solve(problem, method=method, start=start, max_iter=3000)
    assert solution.converged
    cold = solve(problem, method=method, max_iter=3000)
    noise = solution.certificate.gap + cold.certificate.gap
    assert abs(solution.certificate.primal - cold.certificate.primal) <= noise

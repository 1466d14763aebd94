"""Problems with penalties that have kinks: objective, dual, and what is proven."""

from fractions import Fraction

import numpy as np
import pytest
from exactly import ZERO, balanced, dual_price, exact, loss_sum
from penalty_cases import (
    MIXED,
    RATIOS,
    few_of_many,
    make_penalized,
    penalty_value,
    terms_of,
)
from reference import RULES, primal
from samples import LOSSES

from hingesvm.losses import SmoothedHinge, get_loss
from hingesvm.penalties import ElasticNet
from hingesvm.problems import penalized
from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import CARES, Certificate, Fixed
from hingesvm.problems.penalized import PenalizedProblem, problem_of
from hingesvm.problems.proof import prove
from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers import solve

PENALTIES = [
    *map(ElasticNet, RATIOS),
    ElasticNet(1.0, [0.5, 1.0, 2.0, 7.0, 0.1]),
    MIXED,
]
every_penalty = pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
every_loss = pytest.mark.parametrize("loss", LOSSES)
every_rule = pytest.mark.parametrize("rule", RULES)


def case(penalty, loss="hinge", rule="free", n=20, seed=0, cost=None):
    """Rows of five columns, signs, costs, and the problem of them."""
    X, signs = few_of_many(n, 5, seed)
    if cost is None:
        cost = np.random.default_rng(seed).uniform(0.1, 3.0, n)
    return X, signs, cost, make_penalized(X, signs, get_loss(loss), rule, penalty, cost)


def random_duals(problem, rng):
    """Duals in their box, and balanced; their sum v may be beyond its thresholds."""
    top = np.minimum(problem.bound, 10.0 * problem.cost)
    return problem.repair(np.clip(rng.uniform(-0.5, 1.5, problem.n_rows), 0, 1) * top)


def exact_primal(penalty, rule, loss, X, signs, cost, w, b):
    """P in exact arithmetic."""
    w, b = exact(w), Fraction(b)
    t, s = (exact(of) for of in numbers(penalty))
    value = sum(t * abs(w) + s * w * w / 2, ZERO)
    if rule == "penalized":
        value += b * b / 2
    return value + loss_sum(loss, 1 - signs * (exact(X) @ w + b), exact(cost))


def numbers(penalty):
    """The thresholds and strengths as the problem has them in float64."""
    columns = penalty.columns(5)
    return columns.threshold, columns.strength


def exact_dual(penalty, rule, loss, X, signs, cost, alpha):
    """The highest D of duals next to some that are feasible in exact arithmetic."""
    X, cost, a = exact(X), exact(cost), exact(alpha)
    assert all(a >= 0)
    if loss != "squared_hinge":
        a = np.minimum(a, cost)
    duals = balanced(a, signs, X) if rule == "free" else [a]
    each = (feasible_dual(penalty, rule, loss, X, signs, cost, a) for a in duals)
    return max(each)


def feasible_dual(penalty, rule, loss, X, signs, cost, a):
    """D of balanced duals, times the largest factor that makes v feasible."""
    t, s = (exact(of) for of in numbers(penalty))
    v = (a * signs) @ X
    flat = s == 0
    most = max([abs(x) / y for x, y in zip(v[flat], t[flat], strict=True)], default=0)
    factor = 1 / Fraction(max(most, 1))
    a, v = factor * a, factor * v
    assert all(abs(v[flat]) <= t[flat])
    beyond = np.maximum(abs(v) - t, 0)[~flat]
    value = sum(a, ZERO) - sum(beyond * beyond / (2 * s[~flat]), ZERO)
    if rule == "penalized":
        value -= sum(a * signs, ZERO) ** 2 / 2
    return value - dual_price(loss, a, cost)


def test_half_of_the_squared_norm_is_a_plain_problem():
    X, signs = few_of_many(10, 5)
    rows, loss = MemoryRows(X), get_loss("hinge")
    parts = rows, signs.astype(np.int8), 1.0, loss, "free"
    for penalty in (
        None,
        ElasticNet(0.0).columns(5),
        ElasticNet(0, np.ones(5)).columns(5),
    ):
        assert type(problem_of(*parts, penalty)) is Problem
    assert type(problem_of(*parts, MIXED.columns(5))) is PenalizedProblem


@every_penalty
@every_loss
@every_rule
def test_primal_and_dual_are_the_formulas(penalty, loss, rule):
    rng = np.random.default_rng(1)
    X, signs, cost, problem = case(penalty, loss, rule)
    for size in (1e-3, 1.0):
        w, b = size * rng.normal(size=5), 0.0 if rule == "none" else rng.normal()
        plain = primal(X, signs, cost, get_loss(loss), rule, w, b)
        expected = plain - 0.5 * float(w @ w) + penalty_value(penalty, w)
        assert problem.primal(w, b) == pytest.approx(expected, rel=1e-12)
        alpha = size * random_duals(problem, rng)
        parts = penalty, rule, loss, X, signs.astype(object), cost
        expected = float(exact_dual(*parts, alpha))
        # Of smooth losses a lower bound, where duals are scaled.
        v = problem.combine(alpha)
        scaled = problem.penalty.factor(v) < 1.0
        found = problem.dual(alpha, v)
        assert found == pytest.approx(problem.dual(alpha), rel=1e-12)
        if not scaled or loss == "hinge":
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert found <= expected + 1e-9 * abs(expected)


@every_penalty
@every_loss
@every_rule
def test_weak_duality(penalty, loss, rule):
    rng = np.random.default_rng(2)
    highest, least = -np.inf, np.inf
    _, _, _, problem = case(penalty, loss, rule)
    for size in np.logspace(-6.0, 3.0, 30):
        # Clipped, balanced and scaled where need be.
        alpha = problem.repair(size * rng.normal(size=20))
        highest = max(highest, problem.dual(alpha))
        w = size * np.where(rng.random(5) < 0.5, rng.normal(size=5), 0.0)
        b = 0.0 if rule == "none" else rng.normal()
        least = min(least, problem.primal(w, b))
        certificate = problem.certify(alpha)
        highest = max(highest, certificate.dual)
        least = min(least, certificate.primal)
    assert 0.0 < highest <= least < np.inf


@every_penalty
@every_rule
def test_certificate_is_from_scratch(penalty, rule):
    rng = np.random.default_rng(3)
    X, signs, cost, problem = case(penalty, "hinge", rule)
    parts = penalty, rule, "hinge", X, signs.astype(object), cost
    for w in (None, rng.normal(size=5), np.zeros(5)):
        # Infeasible in every way.
        found = problem.certify(rng.normal(size=20), w, 0.3)
        feasible = problem.repair(found.alpha)
        np.testing.assert_allclose(feasible, found.alpha, rtol=1e-12)
        expected = exact_primal(*parts, found.w, float(found.intercept))
        assert found.primal == pytest.approx(float(expected), rel=1e-12)
        expected = exact_dual(*parts, found.alpha)
        assert found.dual == pytest.approx(float(expected), rel=1e-9)
        if w is not None:
            b = 0.0 if rule == "none" else 0.3
            assert found.primal <= problem.primal(w, b) * (1.0 + 1e-12)
        else:
            v = problem.combine(found.alpha)
            assert np.array_equal(found.w != 0.0, problem.weights_of(v) != 0.0)


@pytest.mark.parametrize("care", CARES)
@every_penalty
@every_loss
@every_rule
def test_rounding_errors_of_any_point_are_within_their_bounds(
    penalty, loss, rule, care
):
    # Far from the optimum too, with rows, columns and costs of any size.
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X, signs = few_of_many(12, 5, seed)
        X *= 10.0 ** rng.uniform(-5, 5, size=5)
        X *= 10.0 ** rng.uniform(-3, 3, size=(12, 1))
        X += 1e3 * (seed % 2)
        cost = 10.0 ** rng.uniform(-6, 6, size=12)
        problem = make_penalized(X, signs, get_loss(loss), rule, penalty, cost)
        w = rng.normal(size=5) / np.abs(X).max(axis=0) * (rng.random(5) < 0.7)
        b = 0.0 if rule == "none" else rng.normal()
        parts = penalty, rule, loss, X, signs.astype(object), cost
        highest = exact_primal(*parts, w, b)
        for size in (1.0, 1e-9):
            alpha = problem.repair(size * cost * rng.random(12))
            found = Certificate(w, b, alpha, problem.primal(w, b), problem.dual(alpha))
            least = exact_dual(*parts, found.alpha)
            above = problem.primal_rounding(found, care)
            below = problem.dual_rounding(found, care)
            assert highest <= Fraction(found.primal) + Fraction(above)
            assert least >= Fraction(found.dual) - Fraction(below)
            precise, _ = problem.precise_primal(found)
            assert abs(highest - Fraction(precise.primal)) <= Fraction(precise.above)
            assert precise.above <= 1e-13 * precise.primal
            precise = problem.precise_dual(found)
            assert least >= Fraction(precise.dual) - Fraction(precise.below)
            # And it is no weaker than it need be.
            size = sum(exact(alpha), ZERO) + abs(least)
            room = Fraction(precise.below) + size / 10**9
            assert rule == "free" or Fraction(precise.dual) >= least - room


@every_penalty
@every_rule
def test_a_proven_gap_holds_in_exact_arithmetic_where_sums_cancel(penalty, rule):
    X, signs, cost, problem = case(penalty, "hinge", rule, cost=np.full(20, 1e9))
    rng = np.random.default_rng(0)
    # Each row twice, with both signs: all sums cancel but for rounding.
    X = np.repeat(X[:10], 2, axis=0)
    signs = np.tile([1, -1], 10)
    problem = make_penalized(X, signs, get_loss("hinge"), rule, penalty, cost)
    alpha = np.repeat(1e9 * rng.random(10), 2) * (1.0 + 1e-15 * rng.random(20))
    found = prove(problem, problem.certify(alpha, np.zeros(5)), 1e-4)
    parts = penalty, rule, "hinge", X, signs.astype(object), cost
    highest = exact_primal(*parts, found.w, float(found.intercept))
    least = exact_dual(*parts, found.alpha)
    assert found.relative_gap < 1.0
    assert highest - least <= Fraction(found.gap) + highest / 2**50


@every_loss
@every_rule
@pytest.mark.parametrize("penalty", [ElasticNet(1.0), MIXED], ids=repr)
def test_duals_a_little_beyond_their_thresholds_are_polished(penalty, rule, loss):
    X, signs = few_of_many(30, 5)
    problem = make_penalized(X, signs, get_loss(loss), rule, penalty, 0.7)
    best = solve(problem, tol=1e-9).certificate
    rng = np.random.default_rng(0)
    inside = (best.alpha > 1e-9) & (best.alpha < problem.bound * (1.0 - 1e-9))
    beyond = 0.0
    while beyond < 1e-6:
        noise = 1e-4 * inside * rng.normal(size=30)
        alpha = problem.repair(best.alpha * (1.0 + noise))
        v = problem.combine(alpha)
        beyond = 1.0 - problem.penalty.factor(v)
    before = alpha.copy()
    # A change of 1e-4 costs as much, where duals are scaled.
    polished, sums = problem.polished(alpha, v)
    assert np.array_equal(alpha, before)
    np.testing.assert_allclose(sums, problem.combine(polished), atol=1e-12)
    np.testing.assert_allclose(polished, problem.repair(polished), atol=1e-12)
    lost = best.primal - problem.dual(alpha, v)
    assert best.primal - problem.dual(polished, sums) < 0.3 * lost
    assert np.abs(polished - alpha).max() < 1e-2
    # And so certificates are.
    assert problem.certify(alpha).dual >= problem.dual(polished, sums) - 1e-12
    # What is far beyond them, or within, is left alone.
    for far in (2.0 * best.alpha, 0.5 * best.alpha):
        duals = problem.repair(far)
        same, _ = problem.polished(duals, problem.combine(duals))
        assert same is duals


def test_no_more_is_done_than_is_cheap(monkeypatch):
    _, _, _, problem = case(ElasticNet(1.0))
    best = solve(problem).certificate
    alpha = problem.repair(1.0001 * best.alpha)
    v = problem.combine(alpha)
    assert problem.polished(alpha, v)[0] is not alpha
    monkeypatch.setattr(penalized, "_MOST_WORK", 1)
    assert problem.polished(alpha, v)[0] is alpha


def test_weights_that_cancel_are_zero_where_they_have_a_threshold():
    _, _, _, problem = case(MIXED)
    w = np.array([1.0, 1.0, -1.0, 0.1, 3.0])
    step = np.array([-1.0, -1.0, 1.0, -0.1 / 0.3, 1.0])
    end = problem.moved(w, 1.0, step)
    assert np.array_equal(end, [0.0, 0.0, 0.0, 0.1 - 0.1 / 0.3, 4.0])
    # By rounding alone: 3 * (0.1 / 3) and 0.1 differ in the last place.
    noisy = problem.moved(
        w, 0.3, np.array([-1 / 0.3, -1 / 0.3, 1 / 0.3, -0.1 / 0.3, 0.0])
    )
    assert np.array_equal(noisy[1:], [0.0, 0.0, 0.0, 3.0])
    plain = Problem.moved(problem, np.array([0.1]), 3.0, np.array([-0.1 / 3.0]))
    assert abs(plain[0]) < 1e-16


@every_penalty
@every_rule
def test_the_problem_of_some_columns_is_that_of_weights_0_elsewhere(penalty, rule):
    rng = np.random.default_rng(4)
    _, _, _, problem = case(penalty, "hinge", rule)
    some = np.array([0, 2, 3])
    part = problem.on_columns(problem.rows.columns(some), some)
    w, b = np.zeros(5), 0.0 if rule == "none" else 0.7
    w[some] = rng.normal(size=3)
    assert isinstance(part, PenalizedProblem)
    assert part.primal(w[some], b) == pytest.approx(problem.primal(w, b), rel=1e-14)
    alpha = random_duals(problem, rng)
    np.testing.assert_allclose(part.combine(alpha), problem.combine(alpha)[some])
    # The fewer columns, the fewer terms of h*, and the fewer v to be feasible.
    assert part.dual(alpha) >= problem.dual(alpha)
    v = np.zeros(5)
    v[some] = part.combine(alpha)
    gain, excess = problem.gain(alpha), problem.imbalance(alpha)
    assert part.dual(alpha) == pytest.approx(problem.dual_of(v, gain, excess))


@every_penalty
@every_rule
def test_a_restricted_problem_bounds_the_whole_one(penalty, rule):
    rng = np.random.default_rng(5)
    for loss in LOSSES:
        _, _, _, problem = case(penalty, loss, rule)
        alpha = random_duals(problem, rng)
        totals = Fixed(
            problem.combine(alpha), problem.imbalance(alpha), problem.gain(alpha)
        )
        some = np.array([1, 4, 5, 11, 17])
        part = problem.restrict(some, alpha[some], totals)
        assert isinstance(part, PenalizedProblem)
        # The same duals: the same value. Others among the rows: that of all.
        for taken in (alpha[some], 0.5 * alpha[some]):
            whole = alpha.copy()
            whole[some] = taken
            assert part.dual(taken) == pytest.approx(problem.dual(whole), abs=1e-9)
        for _ in range(5):
            w, b = rng.normal(size=5), 0.0 if rule == "none" else rng.normal()
            room = 1e-12 * problem.primal(w, b)
            assert part.primal(w, b) <= problem.primal(w, b) + room


@every_penalty
def test_a_subset_is_the_problem_of_some_rows(penalty):
    X, signs, cost, problem = case(penalty)
    some = np.array([2, 3, 7, 0, 1, 12])
    part = problem.subset(some, cost_factor=2.0)
    alone = make_penalized(
        X[some], signs[some], get_loss("hinge"), "free", penalty, 2.0 * cost[some]
    )
    w = np.array([1.0, -2.0, 0.0, 0.5, 0.0])
    assert part.penalty is problem.penalty
    assert part.primal(w, 0.2) == pytest.approx(alone.primal(w, 0.2), rel=1e-14)
    alpha = alone.repair(cost[some])
    assert part.dual(alpha) == pytest.approx(alone.dual(alpha), rel=1e-14)
    assert part.with_signs(part.signs).penalty is problem.penalty


@every_penalty
def test_origin_is_zero_weights_and_the_best_intercept(penalty):
    for loss in (*LOSSES, SmoothedHinge(0.3)):
        _, _, _, problem = case(penalty, loss)
        origin = problem.origin()
        assert not origin.w.any()
        assert origin.dual == 0.0
        expected = problem.primal(np.zeros(5), origin.intercept)
        assert origin.primal == pytest.approx(expected, rel=1e-14)
        others = [problem.primal(np.zeros(5), b) for b in np.linspace(-2, 2, 41)]
        assert origin.primal <= min(others) * (1.0 + 1e-14)


def test_terms_are_the_numbers_of_the_problem():
    # The formulas above use what the user wrote; the problem has it rounded once.
    for penalty in PENALTIES:
        t, s = numbers(penalty)
        np.testing.assert_allclose(
            list(zip(t, s, strict=True)), terms_of(penalty), 1e-15
        )

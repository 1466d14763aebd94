"""The specification itself: Problem against plain loops and brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import LOSSES, RULES, blobs, dual, make_problem, primal

from hingesvm.losses import Hinge, MarginLoss, SmoothedHinge, SquaredHinge
from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Fixed
from hingesvm.rows.memory import MemoryRows

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)
every_rule = pytest.mark.parametrize("rule", RULES)


def random_costs(n, seed=0):
    return np.random.default_rng(seed).uniform(0.1, 3.0, n)


def random_feasible(problem, rng):
    """Random duals, half of them at or near a bound, made feasible by hand."""
    top = np.minimum(problem.bound, 5.0)
    alpha = np.clip(rng.uniform(-0.5, 1.5, problem.n_rows), 1e-3, 1.0) * top
    if problem.intercept_rule == "free":
        sides = [problem.signs > 0, problem.signs < 0]
        smaller = min(alpha[side].sum() for side in sides)
        for side in sides:
            alpha[side] *= smaller / alpha[side].sum()
    return alpha


@every_loss
@every_rule
def test_primal_and_dual_equal_plain_loops(loss, rule):
    X, y = blobs(30, 4)
    rng = np.random.default_rng(3)
    cost = random_costs(30)
    problem = make_problem(X, y, loss, rule, cost)
    for _ in range(5):
        w, b = rng.normal(size=4), float(rng.normal())
        expected = primal(X, y, cost, loss, rule, w, b)
        assert problem.primal(w, b) == pytest.approx(expected, rel=1e-12)
        assert problem.primal(w, b, X @ w) == pytest.approx(expected, rel=1e-12)
        alpha = random_feasible(problem, rng)
        expected = dual(X, y, cost, loss, rule, alpha)
        assert problem.dual(alpha) == pytest.approx(expected, rel=1e-10, abs=1e-10)
        w = problem.combine(alpha)
        assert w == pytest.approx(X.T @ (alpha * y))
        assert problem.dual(alpha, w) == pytest.approx(expected, rel=1e-10, abs=1e-10)


@every_loss
@every_rule
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([1e-3, 1.0, 1e3]))
def test_weak_duality(loss, rule, seed, size):
    rng = np.random.default_rng(seed)
    X = size * rng.normal(size=(12, 3))
    y = np.array([1, -1] * 6)
    problem = make_problem(X, y, loss, rule, random_costs(12, seed))
    w, b = rng.normal(size=3) / size, float(rng.normal())
    alpha = random_feasible(problem, rng)
    high = problem.primal(w, 0.0 if rule == "none" else b)
    low = problem.dual(alpha)
    assert low <= high + 1e-12 * (abs(low) + high)
    certificate = problem.certify(alpha)
    assert certificate.dual <= certificate.primal * (1.0 + 1e-12)
    assert certificate.dual <= high + 1e-12 * (abs(certificate.dual) + high)


# Rows -1 and +1 with C=1: by symmetry b = 0 and both duals are equal, to a. Without
# intercept term D(a) = 2 a - 2 a^2 - 2 r(a), so a = 1 / (2 + q): the margin is 2 a.
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("loss", "a", "optimum"),
    [
        (Hinge(), 1 / 2, 1 / 2),
        (SquaredHinge(), 2 / 5, 2 / 5),
        (SmoothedHinge(0.5), 2 / 5, 2 / 5),
        (SmoothedHinge(2.0), 1 / 4, 1 / 4),
    ],
    ids=repr,
)
def test_two_points_solved_by_hand(loss, a, optimum, rule):
    problem = make_problem(np.array([[-1.0], [1.0]]), [-1, 1], loss, rule)
    certificate = problem.certify(np.array([a, a]))
    assert certificate.primal == pytest.approx(optimum, rel=1e-14)
    assert certificate.dual == pytest.approx(optimum, rel=1e-14)
    assert certificate.gap == pytest.approx(0.0, abs=1e-15)
    assert certificate.w == pytest.approx([2.0 * a])
    assert certificate.intercept == pytest.approx(0.0, abs=1e-15)


def test_two_points_away_from_the_origin_by_hand():
    # Rows 2 and 4: free, w = 1 and b = -3 with a = (1/2, 1/2). Penalised, both
    # margins are 1 as well, for w^2 + b^2 is least there: a = X_+^-1 (1, -3).
    X, y = np.array([[2.0], [4.0]]), [-1, 1]
    free = make_problem(X, y, Hinge(), "free").certify(np.array([0.5, 0.5]))
    assert (free.primal, free.dual, free.intercept) == pytest.approx((0.5, 0.5, -3.0))
    alpha = np.array([6.5, 3.5])
    penalized = make_problem(X, y, Hinge(), "penalized", 10.0).certify(alpha)
    assert (penalized.primal, penalized.dual) == pytest.approx((5.0, 5.0))
    assert penalized.intercept == pytest.approx(-3.0)


def test_two_points_at_a_small_cost_by_hand():
    # C = 1/8: both duals at their bound, w = 1/4, margins 1/4, loss 3/4 each.
    problem = make_problem(np.array([[-1.0], [1.0]]), [-1, 1], Hinge(), "none", 0.125)
    certificate = problem.certify(np.array([0.125, 0.125]))
    assert certificate.primal == pytest.approx(1 / 32 + 2 * 0.125 * 0.75)
    assert certificate.gap == pytest.approx(0.0, abs=1e-16)


@every_loss
@every_rule
@settings(max_examples=20, deadline=None)
@given(
    alpha=st.lists(st.floats(-10.0, 10.0), min_size=6, max_size=6),
    signs=st.permutations([1, 1, 1, 1, -1, -1]),
)
def test_repair_gives_feasible_duals(loss, rule, alpha, signs):
    cost = random_costs(6)
    problem = make_problem(np.zeros((6, 1)), signs, loss, rule, cost)
    alpha = np.array(alpha)
    before = alpha.copy()
    repaired = problem.repair(alpha)
    assert np.array_equal(alpha, before)
    assert np.all((repaired >= 0.0) & (repaired <= loss.dual_bound(cost)))
    if rule != "free":
        assert np.array_equal(repaired, np.clip(alpha, 0.0, loss.dual_bound(cost)))
        return
    assert abs(repaired @ problem.signs) <= 1e-14 * repaired.sum() + 1e-300
    clipped = np.clip(alpha, 0.0, loss.dual_bound(cost))
    sides = [problem.signs > 0, problem.signs < 0]
    lighter = min(sides, key=lambda side: clipped[side].sum())
    assert np.array_equal(repaired[lighter], clipped[lighter])


@every_loss
@every_rule
def test_repair_leaves_feasible_duals_alone(loss, rule):
    problem = make_problem(np.zeros((5, 1)), [1, 1, -1, -1, -1], loss, rule)
    alpha = np.array([0.5, 0.25, 0.75, 0.0, 0.0])
    assert np.array_equal(problem.repair(alpha), alpha)
    assert problem.imbalance(alpha) == 0.0


def test_repair_of_one_class_alone_gives_zero():
    problem = make_problem(np.zeros((3, 1)), [1, 1, -1], Hinge(), "free")
    assert np.array_equal(problem.repair(np.array([0.5, 1.0, 0.0])), np.zeros(3))
    assert np.array_equal(problem.repair(np.array([0.0, 0.0, 1.0])), np.zeros(3))


@every_loss
def test_intercepts_that_are_not_free(loss):
    X, y = blobs(10, 2)
    alpha = np.linspace(0.0, 1.0, 10)
    scores = np.zeros(10)
    assert make_problem(X, y, loss, "none").best_intercept(scores, alpha) == 0.0
    penalized = make_problem(X, y, loss, "penalized").best_intercept(scores, alpha)
    assert penalized == pytest.approx(float(np.sum(alpha * y)))


@every_rule
@every_loss
def test_certify_from_scratch(loss, rule):
    X, y = blobs(20, 3)
    cost = random_costs(20)
    problem = make_problem(X, y, loss, rule, cost)
    alpha = np.linspace(-0.5, 2.0, 20)
    certificate = problem.certify(alpha)
    low = dual(X, y, cost, loss, rule, certificate.alpha)
    high = primal(X, y, cost, loss, rule, certificate.w, certificate.intercept)
    assert certificate.dual == pytest.approx(low, rel=1e-12)
    assert certificate.primal == pytest.approx(high, rel=1e-12)
    assert certificate.gap == pytest.approx(high - low, rel=1e-12)
    assert certificate.relative_gap == pytest.approx((high - low) / high, rel=1e-12)


@every_rule
def test_certify_takes_the_better_primal_point(rule):
    X, y = blobs(20, 3)
    problem = make_problem(X, y, Hinge(), rule)
    alpha = problem.repair(np.full(20, 0.5))
    own = problem.certify(alpha)
    worse = problem.certify(alpha, np.full(3, 100.0), 0.0)
    assert (worse.primal, worse.dual) == (own.primal, own.dual)
    assert worse.w == pytest.approx(own.w)
    best = min(
        (np.array(w) for w in itertools.product([-0.5, 0.0, 0.5], repeat=3)),
        key=lambda w: problem.certify(alpha, w, 0.0).primal,
    )
    better = problem.certify(alpha, best, 0.0)
    assert better.primal < own.primal
    assert better.w == pytest.approx(best)
    assert better.dual == own.dual
    recomputed = primal(X, y, np.ones(20), Hinge(), rule, better.w, better.intercept)
    assert better.primal == pytest.approx(recomputed, rel=1e-12)


@every_loss
@every_rule
def test_subset_is_the_problem_of_those_rows(loss, rule):
    X, y = blobs(20, 3)
    cost = random_costs(20)
    chosen = np.array([17, 2, 2, 9, 0, 11, 5])
    part = make_problem(X, y, loss, rule, cost).subset(chosen, 8.0)
    plain = make_problem(X[chosen], y[chosen], loss, rule, 8.0 * cost[chosen])
    assert part.n_rows == 7
    assert part.bound == pytest.approx(plain.bound)
    assert part.curvature == pytest.approx(plain.curvature)
    alpha, w = np.linspace(0.0, 0.5, 7), np.array([1.0, -2.0, 0.5])
    assert part.primal(w, 0.25) == pytest.approx(plain.primal(w, 0.25), rel=1e-13)
    assert part.dual(alpha) == pytest.approx(plain.dual(alpha), rel=1e-13)
    assert part.certify(alpha).gap == pytest.approx(plain.certify(alpha).gap)


@every_loss
@every_rule
def test_a_scalar_cost_equals_an_array_of_it(loss, rule):
    X, y = blobs(20, 3)
    scalar = make_problem(X, y, loss, rule, 0.3)
    array = make_problem(X, y, loss, rule, np.full(20, 0.3))
    one = make_problem(X, y, loss, rule, np.array([0.3]))
    assert scalar.cost.strides == (0,)
    alpha = np.linspace(0.0, 0.4, 20)
    for other in (array, one):
        mine, its = scalar.certify(alpha), other.certify(alpha)
        assert (mine.primal, mine.dual) == (its.primal, its.dual)
        assert np.array_equal(mine.w, its.w)
        assert np.array_equal(mine.alpha, its.alpha)


@every_loss
def test_slopes_and_loss_sum_are_those_of_the_loss(loss):
    cost = random_costs(9)
    problem = make_problem(np.zeros((9, 1)), [1, -1] * 4 + [1], loss, "none", cost)
    m = np.array([-2.0, -0.5, 0.0, 0.4, 0.5, 0.7, 1.0, 1.2, 3.0])
    assert problem.slopes(1.0 - m) == pytest.approx(-cost * loss.subgradient(m))
    assert problem.loss_sum(1.0 - m) == pytest.approx(float(cost @ loss.value(m)))
    assert problem.has_kink == isinstance(loss, Hinge)


def test_a_loss_of_ones_own():
    class SteepHinge(MarginLoss):
        bound = 2.0
        curvature = 0.25

    X, y = blobs(15, 2)
    problem = Problem.build(MemoryRows(X), y, 0.7, SteepHinge(), "free")
    w, b = np.array([0.3, -1.2]), 0.1
    m = y * (X @ w + b)
    expected = 0.5 * w @ w + 0.7 * SteepHinge().value(m).sum()
    assert problem.primal(w, b) == pytest.approx(expected, rel=1e-13)
    assert problem.certify(np.linspace(0.0, 2.0, 15)).gap >= 0.0


def totals_of(problem, alpha):
    """The sums over all rows, as the formulas read."""
    return Fixed(
        problem.rows.combine(alpha * problem.signs),
        float(alpha @ problem.signs),
        float(np.sum(alpha - 0.5 * problem.curvature * alpha**2)),
    )


def restricted_to(problem, chosen, alpha):
    return problem.restrict(chosen, alpha[chosen], totals_of(problem, alpha))


@every_loss
@every_rule
def test_restricted_primal_is_a_lower_bound(loss, rule):
    # A loss is at least a (1 - m) - q a^2 / 2 for every feasible a.
    X, y = blobs(30, 4)
    problem = make_problem(X, y, loss, rule, random_costs(30))
    rng = np.random.default_rng(0)
    for _ in range(20):
        alpha = random_feasible(problem, rng)
        chosen = np.flatnonzero(rng.random(30) < 0.5)
        part = restricted_to(problem, chosen, alpha)
        w, b = rng.normal(size=4), float(rng.normal())
        whole = problem.primal(w, b)
        assert part.primal(w, b) <= whole * (1.0 + 1e-12)


@every_loss
@every_rule
@pytest.mark.parametrize("size", [1, 7, 30])
def test_restricted_primal_is_exact_where_no_row_crosses_a_kink(loss, rule, size):
    X, y = blobs(30, 4)
    problem = make_problem(X, y, loss, rule, random_costs(30))
    w, b = np.array([0.5, -0.2, 0.1, 0.3]), 0.25
    alpha = problem.slopes(1.0 - problem.margins(w, b))
    chosen = np.arange(size, dtype=np.intp)
    part = restricted_to(problem, chosen, alpha)
    assert part.n_rows == size
    assert part.primal(w, b) == pytest.approx(problem.primal(w, b), rel=1e-12)
    if size == 30 or isinstance(loss, SquaredHinge):
        return
    # And nearby, if the rows left out are on a linear piece.
    shortfall = 1.0 - problem.margins(w, b)
    straight = np.abs(shortfall - 0.25) > 0.3
    part = restricted_to(problem, np.flatnonzero(~straight), alpha)
    assert 0 < part.n_rows < 30
    w = w + 1e-3
    near = problem.primal(w, b + 1e-3)
    assert part.primal(w, b + 1e-3) == pytest.approx(near, rel=1e-12)


@every_loss
@every_rule
def test_restricted_dual_is_that_of_the_whole(loss, rule):
    X, y = blobs(30, 4)
    cost = random_costs(30)
    problem = make_problem(X, y, loss, rule, cost)
    rng = np.random.default_rng(0)
    alpha = random_feasible(problem, rng)
    chosen = rng.permutation(30)[:11]
    part = restricted_to(problem, chosen, alpha)
    other = alpha.copy()
    other[chosen] *= rng.uniform(0.0, 1.0, 11)
    for whole in (alpha, other):
        own = whole[chosen]
        assert part.combine(own) == pytest.approx(problem.combine(whole), abs=1e-12)
        expected = problem.imbalance(whole)
        assert part.imbalance(own) == pytest.approx(expected, abs=1e-12)
        assert part.gain(own) == pytest.approx(problem.gain(whole), rel=1e-12)
        expected = problem.dual(whole)
        assert part.dual(own) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert dual(X, y, cost, loss, rule, alpha) == pytest.approx(
        part.dual(alpha[chosen]), rel=1e-10, abs=1e-10
    )


def test_restrict_changes_nothing_given():
    X, y = blobs(30, 4)
    problem = make_problem(X, y, Hinge(), "free")
    alpha = random_feasible(problem, np.random.default_rng(0))
    totals = totals_of(problem, alpha)
    before = alpha.copy(), totals.w_of_duals.copy()
    part = problem.restrict(np.arange(5), alpha[:5], totals)
    part.combine(np.ones(5))
    assert np.array_equal(alpha, before[0])
    assert np.array_equal(totals.w_of_duals, before[1])
    assert problem.fixed is None


@every_loss
@every_rule
@pytest.mark.parametrize("spread", [0.0, 0.5, 6.0])
@pytest.mark.parametrize("positive", [1, 12, 19])
def test_origin_is_zero_with_the_best_intercept(loss, rule, spread, positive):
    signs = np.array([1] * positive + [-1] * (20 - positive))
    rng = np.random.default_rng(positive)
    signs = rng.permutation(signs)
    cost = 10.0 ** rng.uniform(-spread, spread, 20) if spread else 0.7
    problem = make_problem(np.ones((20, 2)), signs, loss, rule, cost)
    origin = problem.origin()
    assert np.array_equal(origin.w, np.zeros(2))
    assert np.array_equal(origin.alpha, np.zeros(20))
    assert origin.dual == 0.0
    costs, zeros = np.broadcast_to(cost, 20), np.zeros(2)
    expected = primal(
        np.ones((20, 2)), signs, costs, loss, rule, zeros, origin.intercept
    )
    assert origin.primal == pytest.approx(expected, rel=1e-12)
    if rule != "free":
        assert origin.intercept == 0.0
        return
    best = problem.best_intercept(np.zeros(20), np.zeros(20))
    assert origin.intercept == pytest.approx(best, rel=1e-9)
    for b in np.linspace(-1.5, 1.5, 31):
        value = primal(np.ones((20, 2)), signs, costs, loss, rule, zeros, float(b))
        assert origin.primal <= value * (1.0 + 1e-12)


@pytest.mark.parametrize("sign", [-1, 1])
def test_origin_of_a_single_class(sign):
    problem = make_problem(np.ones((4, 2)), [sign] * 4, Hinge(), "none", 0.5)
    origin = problem.origin()
    assert (origin.primal, origin.dual, origin.intercept) == (2.0, 0.0, 0.0)


@every_loss
def test_repair_balances_duals_of_any_size(loss):
    rng = np.random.default_rng(0)
    signs = rng.permutation(np.repeat([1, -1], [300, 700]))
    cost = 10.0 ** rng.uniform(-8.0, 8.0, 1000)
    problem = make_problem(np.zeros((1000, 1)), signs, loss, "free", cost)
    for _ in range(5):
        alpha = cost * rng.uniform(-0.5, 1.5, 1000)
        before = alpha.copy()
        repaired = problem.repair(alpha)
        assert np.array_equal(alpha, before)
        assert np.all((repaired >= 0.0) & (repaired <= problem.bound))
        assert abs(repaired @ signs) <= 1e-13 * repaired.sum()
        clipped = np.clip(alpha, 0.0, problem.bound)
        kept = [
            np.array_equal(repaired[side], clipped[side])
            for side in (signs > 0, signs < 0)
        ]
        assert sum(kept) == 1


@pytest.mark.parametrize("method", ["balance", "repair"])
def test_balance_of_a_rounding_error_leaves_rows_at_their_bound(method):
    # Scaled off it, they count as inside their box, and bands took in a whole class.
    X, signs = blobs(200, 3)
    problem = make_problem(X, signs, Hinge(), "free")
    alpha = np.ones(200)
    alpha[np.flatnonzero(signs > 0)[:20]] = 0.5
    lighter = np.flatnonzero(signs < 0)
    needed = alpha[signs > 0].sum() - 1e-12
    alpha[lighter] = 0.0
    alpha[lighter[: int(needed)]] = 1.0
    alpha[lighter[int(needed)]] = needed - int(needed)
    before = alpha.copy()
    balanced = problem.repair(alpha) if method == "repair" else alpha
    problem.balance(balanced)
    assert abs(balanced @ signs) <= 1e-15 * balanced.sum()
    assert np.array_equal(balanced == 1.0, before == 1.0)


def test_balance_of_some_rows_counts_the_others_too():
    X, y = blobs(30, 4)
    problem = make_problem(X, y, Hinge(), "free")
    alpha = random_feasible(problem, np.random.default_rng(0))
    chosen = np.flatnonzero(y > 0)[:5]
    part = restricted_to(problem, chosen, alpha)
    more = np.minimum(alpha[chosen] + 0.1, 1.0)
    assert part.imbalance(more) > 0.01
    assert part.balance(more)
    assert part.imbalance(more) == pytest.approx(0.0, abs=1e-13)
    # What the others lack cannot be made up by rows that are at 0.
    lower = alpha.copy()
    lower[chosen], lower[y < 0] = 0.0, 0.5 * alpha[y < 0]
    part, none = restricted_to(problem, chosen, lower), np.zeros(5)
    assert part.imbalance(none) > 0.0
    assert not part.balance(none)
    assert np.array_equal(none, np.zeros(5))

"""The best free intercept against brute force and hand solutions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import LOSSES, make_problem, primal
from scipy.optimize import minimize_scalar

from hingesvm.losses import Hinge, SmoothedHinge, SquaredHinge
from hingesvm.problems import intercept

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)


def scores_problem(signs, cost, loss):
    """A problem with a free intercept whose scores the test makes up."""
    return make_problem(np.zeros((len(signs), 1)), signs, loss, "free", cost)


def best_intercept(scores, signs, cost, loss):
    problem = scores_problem(signs, cost, loss)
    return problem.best_intercept(np.array(scores, dtype=float), np.zeros(len(signs)))


tie = st.integers(-3, 3).map(float)
real = st.floats(-50.0, 50.0)


@every_loss
@settings(max_examples=100, deadline=None)
@given(data=st.data(), scores=st.lists(tie | real, min_size=2, max_size=8))
def test_best_intercept_minimises_the_primal(loss, data, scores):
    n = len(scores)
    sign = st.sampled_from([1, -1])
    rest = st.lists(sign, min_size=n - 2, max_size=n - 2)
    signs = np.array([1, -1, *data.draw(rest)])
    weights = st.lists(
        st.sampled_from([0.1, 0.2, 0.3, 1.0, 5.0]), min_size=n, max_size=n
    )
    cost = np.array(data.draw(weights))
    scores = np.array(scores)
    b = best_intercept(scores, signs, cost, loss)

    def value(b):
        return primal(np.diag(scores), signs, cost, loss, "none", np.ones(n), b)

    smallest = min(map(value, np.linspace(-60.0, 60.0, 25)))
    smallest = min(smallest, minimize_scalar(value, bracket=(b - 0.1, b + 0.1)).fun)
    for kink in (0.0, 1.0 - getattr(loss, "gamma", 0.0)):
        smallest = min(smallest, *map(value, signs * (1.0 - kink) - scores))
    assert value(b) <= smallest * (1.0 + 1e-12) + 1e-12


@every_loss
def test_best_intercept_of_one_row_per_class(loss):
    assert best_intercept([3.0, 1.0], [1, -1], 1.0, loss) == pytest.approx(-2.0)
    assert best_intercept([1.0, 5.0], [1, -1], 1.0, loss) == pytest.approx(-3.0)


@every_loss
def test_best_intercept_of_separated_rows_is_the_midpoint(loss):
    # No loss for b from 1 - 6 to -1 + 3.
    scores = [6.0, 9.0, -3.0, -8.0]
    assert best_intercept(scores, [1, 1, -1, -1], 1.0, loss) == pytest.approx(-1.5)


@every_loss
@pytest.mark.parametrize("repeats", [1, 2, 5])
def test_best_intercept_where_both_classes_touch_their_margin(loss, repeats):
    # Scores +1 and -1: b = 0 is the one point without loss, and a kink of each row.
    signs = np.repeat([1, -1], repeats)
    for heavy in (1.0, 1000.0):
        cost = np.where(signs > 0, 0.2, heavy)
        b = best_intercept(signs.astype(float), signs, cost, loss)
        assert b == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 3.0])
def test_best_intercept_without_any_score(gamma):
    # Balanced classes and no information: by symmetry the optimum is 0, or an
    # interval around it when the quadratic pieces do not meet.
    b = best_intercept(np.zeros(4), [1, 1, -1, -1], 1.0, SmoothedHinge(gamma))
    assert b == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("loss", [Hinge(), SmoothedHinge(0.5)], ids=repr)
@pytest.mark.parametrize("cost", [0.1, 0.3, 1.1, 1e-7, 1e9])
@pytest.mark.parametrize("many", [3, 10, 101])
def test_best_intercept_is_the_midpoint_of_an_interval(loss, cost, many):
    # As many rows short of their margin on one side as on the other, and none on
    # its kink for b in [-1, 3]: the slopes cancel, but for rounding.
    scores = np.r_[np.full(many, -4.0), np.full(many, 4.0), 2.0, -4.0]
    signs = np.r_[np.full(many, 1), np.full(many, -1), 1, -1]
    assert best_intercept(scores, signs, cost, loss) == pytest.approx(1.0, rel=1e-12)


def test_best_intercept_of_an_interval_with_unequal_costs():
    # 0.1 + 0.2 on one side, 0.3 on the other: not equal in floating point.
    scores, signs = [-5.0, -5.0, 5.0, 1.0, -4.0], [1, 1, -1, 1, -1]
    cost = np.array([0.1, 0.2, 0.3, 1.0, 1.0])
    assert cost[0] + cost[1] != cost[2]
    b = best_intercept(scores, signs, cost, Hinge())
    assert b == pytest.approx(1.5, rel=1e-12)


@pytest.mark.parametrize("shift", [1.0, 1e6, -1e6, 1e12, -1e12])
@every_loss
def test_best_intercept_follows_a_shift_of_the_scores(loss, shift):
    scores = np.array([1.0, 2.0, -0.5, 4.0, -3.0])
    signs = [1, 1, 1, -1, -1]
    b = best_intercept(scores, signs, 1.0, loss)
    shifted = best_intercept(scores + shift, signs, 1.0, loss)
    assert shifted + shift == pytest.approx(b, abs=4e-16 * abs(shift) + 1e-12)


@every_loss
@pytest.mark.parametrize("far", [1e6, 1e9, 1e12])
def test_best_intercept_is_indifferent_to_rows_far_outside_their_margin(loss, far):
    scores, signs = [0.0, 1.0, -1.0, 0.5], [1, -1, 1, -1]
    near = best_intercept(scores, signs, 1.0, loss)
    both = best_intercept([*scores, far, -far], [*signs, 1, -1], 1.0, loss)
    assert both == pytest.approx(near, abs=1e-9)


@every_loss
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_best_intercept_with_a_guess_is_the_same(monkeypatch, loss, ties, seed):
    monkeypatch.setattr(intercept, "_FEW_ROWS", 0)
    rng = np.random.default_rng(seed)
    scores = 2.0 * rng.normal(size=60) + 3.0 * rng.normal()
    if ties:
        scores = np.round(scores)
    signs = rng.permutation(np.repeat([1, -1], [15 + seed, 45 - seed]))
    for cost in (1.0, rng.uniform(0.1, 3.0, 60)):
        problem = scores_problem(signs, cost, loss)
        best = problem.best_intercept(scores, np.zeros(60))
        for guess in (best, best + 1e-3, best - 0.3, 0.0, 1e3, -1e3):
            found = problem.best_intercept(scores, np.zeros(60), guess)
            assert found == pytest.approx(best, abs=1e-11)


@pytest.mark.parametrize("loss", [SquaredHinge(), SmoothedHinge(0.5)], ids=repr)
def test_best_intercept_with_a_guess_sorts_the_kinks_nearby_only(monkeypatch, loss):
    monkeypatch.setattr(intercept, "_FEW_ROWS", 0)
    rng = np.random.default_rng(0)
    scores, signs = rng.normal(size=5000), np.repeat([1, -1], 2500)
    problem = scores_problem(signs, 1.0, loss)
    best = problem.best_intercept(scores, np.zeros(5000))
    sizes, unique = [], np.unique

    def spy_unique(values):
        sizes.append(len(values))
        return unique(values)

    monkeypatch.setattr(np, "unique", spy_unique)
    found = problem.best_intercept(scores, np.zeros(5000), best + 0.1)
    assert found == pytest.approx(best, abs=1e-12)
    assert 0 < max(sizes) < 500


@every_loss
def test_best_intercept_of_an_interval_wider_than_the_window(monkeypatch, loss):
    # No loss for b in [-4, 1]: the guess must not cut it short.
    monkeypatch.setattr(intercept, "_FEW_ROWS", 0)
    problem = scores_problem([1, 1, -1, -1], 1.0, loss)
    scores = np.array([5.0, 9.0, -2.0, -8.0])
    for guess in (-4.0, -1.0, 1.0, 7.0):
        found = problem.best_intercept(scores, np.zeros(4), guess)
        assert found == pytest.approx(-1.5, abs=1e-12)


@every_loss
@pytest.mark.parametrize("factors", [(1e-17, 1.0), (1.0, 1e-17), (1e-30, 1e30)])
@pytest.mark.parametrize("few", [0, 10_000])
def test_best_intercept_where_the_costs_of_one_class_vanish(
    monkeypatch, loss, factors, few
):
    # Added to those of the other class, they are lost in rounding.
    monkeypatch.setattr(intercept, "_FEW_ROWS", few)
    rng = np.random.default_rng(0)
    scores, signs = rng.normal(size=41), np.repeat([1, -1], [21, 20])
    cost = np.where(signs > 0, *factors)
    problem = scores_problem(signs, cost, loss)
    b = problem.best_intercept(scores, np.zeros(41), 0.3)
    # All rows of the dear class are without a loss, and no farther than that.
    dear = signs > 0 if factors[0] > factors[1] else signs < 0
    expected = signs[dear][0] * (1.0 - (signs * scores)[dear].min())
    assert b == pytest.approx(expected, abs=1e-9)

"""Extrapolation of the sweeps: where linear maps end, boxes, and what it saves."""

import numpy as np
import pytest
import scipy.sparse as sp
from reference import LOSSES, RULES, check_solution, make_problem
from samples import text

from hingesvm.losses import Hinge
from hingesvm.problems.start import Start
from hingesvm.solvers import solve
from hingesvm.solvers.sweeping import until as stochastic
from hingesvm.solvers.sweeping.extrapolation import Trail
from hingesvm.solvers.sweeping.steps import Sweeps, random_bits

# Points that a trail combines.
POINTS = 7


def state_at(problem, alpha):
    """Return the state of sweeps at some dual variables."""
    return Sweeps(
        np.ones(problem.n_rows),
        0.0,
        alpha,
        problem.combine(alpha),
        0.3,
        np.arange(problem.n_rows),
        problem.n_rows,
        np.inf,
        random_bits(0),
        problem.imbalance(alpha),
        unmended=2.0,
    )


def trail_of(problem, dtype=np.float64):
    """Return a trail of the duals of a problem."""
    return Trail(problem.rows, np.dtype(dtype))


def follow(problem, points):
    """Show a trail one point after the other; go where it leads, if that is better.

    Return the state, whether it has changed, and at which points the trail knew.
    """
    trail, taken, known = trail_of(problem), 0.0, []
    state = state_at(problem, points[-1].copy())
    has_moved = False
    for place, point in enumerate(points):
        taken += trail.left(taken)
        ahead = trail.note(point, taken)
        if ahead is not None:
            known.append(place)
            has_moved = stochastic._move(problem, state, ahead)
    return state, has_moved, known


def interior_rows():
    """Return rows that are nearly at right angles."""
    rng = np.random.default_rng(0)
    X, _ = np.linalg.qr(rng.normal(size=(40, 6)))
    return X.T + 0.1 * rng.normal(size=(6, 40))


def interior_problem(rule):
    """Return a problem whose dual variables are all inside their box, and these."""
    signs = np.array([1, -1, 1, -1, 1, -1])
    problem = make_problem(interior_rows(), signs, Hinge(), rule, 1e4)
    best = solve(problem, method="batch", tol=1e-12).certificate.alpha
    assert best.min() > 0.0
    assert best.max() < 1e4
    return problem, best


@pytest.mark.parametrize("rule", RULES)
def test_a_linear_map_is_followed_to_its_end(rule):
    problem, best = interior_problem(rule)
    # Three directions that shrink, each at its own rate, and stay balanced.
    rng = np.random.default_rng(1)
    ways = rng.normal(size=(3, 6)) * 0.01 * best.min()
    ways[:, 1::2] = ways[:, ::2]
    rates = np.array([0.9, 0.5, 0.2])
    points = [best + rates**k @ ways for k in range(POINTS)]
    state, has_moved, known = follow(problem, points)
    assert has_moved
    assert known == [POINTS - 1]
    before = np.abs(points[-1] - best).max()
    assert np.abs(state.alpha - best).max() < 1e-3 * before
    np.testing.assert_allclose(state.w, problem.combine(state.alpha), rtol=1e-12)
    assert state.imbalance == pytest.approx(problem.imbalance(state.alpha), abs=1e-12)
    expected = problem.imbalance(state.alpha) if rule == "penalized" else 0.3
    if rule != "none":
        assert state.intercept == pytest.approx(expected)
    assert state.unmended == 0.0


@pytest.mark.parametrize("rule", RULES)
def test_what_is_left_of_the_box_is_cut_off(rule):
    problem, best = interior_problem(rule)
    bound = 0.5 * best.max()
    tight = make_problem(interior_rows(), problem.signs, Hinge(), rule, bound)
    start = np.full(6, 0.1 * bound)
    points = [best + 0.9**k * (start - best) for k in range(POINTS)]
    points = [tight.repair(point) for point in points]
    now = tight.dual(points[-1])
    state, has_moved, _ = follow(tight, points)
    np.testing.assert_allclose(state.alpha, tight.repair(state.alpha), rtol=1e-12)
    assert tight.dual(state.alpha) >= now
    assert has_moved == (tight.dual(state.alpha) > now)


def test_nothing_changes_where_the_dual_would_not_rise():
    problem, best = interior_problem("free")
    rng = np.random.default_rng(2)
    points = [problem.repair(best * rng.uniform(0.9, 1.1, 6)) for _ in range(POINTS)]
    points[-1] = best
    state, has_moved, known = follow(problem, points)
    assert known
    assert not has_moved
    np.testing.assert_array_equal(state.alpha, best)
    assert state.intercept == 0.3
    assert state.unmended == 2.0


def test_sweeps_that_stand_still_are_left_alone():
    problem, best = interior_problem("free")
    *_, known = follow(problem, [best] * POINTS)
    assert not known


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1e-30, 1e30, 1e150, 1e200, 1e307])
def test_any_scale_is_safe(scale, dtype):
    problem, best = interior_problem("none")
    trail, taken, ahead = trail_of(problem, dtype), 0.0, None
    # Any warning is an error here.
    for k in range(POINTS):
        taken += trail.left(taken)
        ahead = trail.note(scale * (1.0 - 0.5**k) * best, taken)
    if 1e-30 <= scale <= (1e30 if dtype == np.float32 else 1e150):
        np.testing.assert_allclose(ahead, scale * best, rtol=1e-3)
    else:
        assert ahead is None


def test_points_are_kept_at_even_distances():
    problem, best = interior_problem("none")
    trail = trail_of(problem, np.float32)
    first = trail.left(0.0)
    assert first > 0.0
    assert trail.note(best, 0.5 * first) is None
    assert trail.left(0.5 * first) == 0.5 * first
    trail.note(best, first)
    apart = trail.left(first)
    assert apart >= 1.0
    trail.note(best, first + apart)
    assert trail.left(first + apart) == apart
    # Later they are farther apart.
    trail.note(best, 1e4)
    assert trail.left(1e4) > 2.0 * apart


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
def test_short_rows_are_not_followed(kind):
    # The points would take more memory than a small part of X.
    signs = np.where(np.arange(50_000) % 2, 1, -1)
    lefts = [
        trail_of(make_problem(kind(np.ones((n, 3))), signs[:n], Hinge(), "free")).left(
            1.0
        )
        for n in (50, 50_000)
    ]
    assert 0.0 < lefts[0] < np.inf
    assert lefts[1] == np.inf


class Never(Trail):
    """A trail that keeps nothing."""

    def left(self, taken):
        return np.inf

    def note(self, alpha, taken):
        return None


def hard_text(rule, loss=None):
    """Return text at a cost at which sweeps are slow."""
    X, y = text(1000, 1100, dtype=np.float64)
    return X, y, make_problem(X, y, loss or Hinge(), rule, 1e4)


@pytest.mark.parametrize("rule", RULES)
def test_text_at_high_costs_takes_fewer_sweeps(monkeypatch, rule):
    *_, problem = hard_text(rule)
    params = {"method": "stochastic", "tol": 1e-4, "max_iter": 100_000}
    found = solve(problem, **params)
    monkeypatch.setattr(stochastic, "Trail", Never)
    plain = solve(problem, **params)
    assert found.converged
    assert plain.converged
    assert found.n_iter < 0.75 * plain.n_iter


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_what_is_certified_is_the_optimum(loss, rule):
    X, y, problem = hard_text(rule, loss)
    found = solve(problem, method="stochastic", tol=1e-6, max_iter=100_000)
    gap = check_solution(found, X, y, problem.cost, loss, rule)
    assert gap <= 1e-6 * found.certificate.primal


def test_same_seed_same_bits():
    *_, problem = hard_text("free")
    params = {"method": "stochastic", "tol": 1e-4, "max_iter": 5000, "seed": 3}
    one, two = (solve(problem, **params).certificate for _ in range(2))
    np.testing.assert_array_equal(one.w, two.w)
    np.testing.assert_array_equal(one.alpha, two.alpha)


def test_starts_of_ones_own_are_followed_too():
    *_, problem = hard_text("free")
    rough = solve(problem, method="stochastic", tol=1e-2, max_iter=5000)
    start = Start(rough.certificate.alpha, rough.certificate.w)
    found = solve(problem, method="stochastic", start=start, max_iter=5000)
    assert found.converged

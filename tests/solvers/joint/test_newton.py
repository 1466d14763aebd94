"""Newton steps for joint problems: their parts against Psi, and good and bad starts."""

from dataclasses import replace

import numpy as np
import pytest
from joint_cases import (
    RULES,
    TOTALS,
    augmented,
    dense_rows,
    dual,
    padded,
    plain,
    primal,
    random_duals,
    random_problem,
    rows_of,
    slope_of,
)

from hingesvm.problems.start import Start
from hingesvm.solvers.joint import newton as joint_newton
from hingesvm.solvers.joint.newton import newton_jointly
from hingesvm.solvers.progress import ProgressOf

every_rule = pytest.mark.parametrize("rule", RULES)
every_total = pytest.mark.parametrize("total", TOTALS.values(), ids=TOTALS)


def run(problem, goal, max_iter=300, start=None):
    progress = ProgressOf(problem, max(goal, 0.0), max_iter)
    newton_jointly(progress, start, goal)
    return progress


def check_best(progress):
    """Recompute the best points of a run by plain loops; return their relative gap."""
    problem, best = progress.problem, progress.best
    p = primal(*plain(problem), best.w, best.intercept)
    d = dual(*plain(problem), best.alpha)
    assert best.primal == pytest.approx(p, rel=1e-10)
    assert best.dual == pytest.approx(d, rel=1e-9, abs=1e-9 * p)
    return (p - d) / p


def scaled(problem, factor):
    rows = rows_of("dense", factor * dense_rows(problem))
    return replace(problem, rows=rows)


@every_rule
@every_total
@pytest.mark.parametrize("goal", [1e-1, 1e-4, 1e-9])
def test_goal_is_reached_in_few_steps(rule, total, goal):
    progress = run(random_problem(total, rule, n=60, margin=1.5), goal)
    assert progress.relative_gap <= goal
    assert progress.n_iter <= 100
    assert check_best(progress) <= goal + 1e-12
    before = progress.history[-2] if len(progress.history) > 1 else None
    assert before is None or before.gap > goal * before.objective


@every_rule
@every_total
def test_every_look_is_a_certificate(monkeypatch, rule, total):
    problem = random_problem(total, rule, n_classes=4)
    optimum = run(problem, -1.0).best
    assert optimum.relative_gap <= 1e-12
    progress, found = ProgressOf(problem, 1e-9, 300), []
    record = progress.record
    monkeypatch.setattr(
        progress, "record", lambda look: found.append(look) or record(look)
    )
    newton_jointly(progress, None, 1e-9)
    assert len(found) > 4
    for look in found:
        p = primal(*plain(problem), look.w, look.intercept)
        d = dual(*plain(problem), look.alpha)
        assert look.primal == pytest.approx(p, rel=1e-10)
        assert look.dual == pytest.approx(d, rel=1e-9, abs=1e-9 * p)
        assert d <= optimum.primal * (1.0 + 1e-12)
        assert p >= optimum.dual * (1.0 - 1e-12)
        assert look.alpha.shape == (30, 4)
        if rule == "none":
            assert not look.intercept.any()
        if rule == "free":
            assert abs(look.intercept.sum()) <= 1e-12 * np.abs(look.intercept).max()


def state_at(problem, seed=0, rho=0.8):
    """A state at random weights, intercepts and multipliers, and these."""
    rng = np.random.default_rng(seed)
    count, d = problem.n_classes, problem.rows.n_features
    W = 0.4 * rng.normal(size=(count, d))
    b = 0.4 * rng.normal(size=count) * (problem.intercept_rule != "none")
    anchor = problem.within(random_duals(problem, seed))
    rows = problem.class_rows()
    state = joint_newton._begin(problem, rows, Start(anchor, W, b))
    # Not repaired, as the multipliers of an inner problem are not balanced.
    state.anchor, state.rho = padded(anchor), rho
    joint_newton._settle(problem, rows, state)
    return rows, state, (W, b, anchor)


@every_rule
@every_total
def test_a_state_is_what_psi_is_made_of(rule, total):
    problem = random_problem(total, rule, n_classes=5, margin=1.5)
    _, state, (W, b, anchor) = state_at(problem)
    _, alpha = augmented(problem, W, b, anchor, 0.8)
    np.testing.assert_allclose(state.alpha, padded(alpha), atol=1e-12)
    np.testing.assert_allclose(state.scores[:, :5], problem.scores(W, b), atol=1e-12)
    sigma = 0.8 * problem.cost[:, None]
    assert state.change == pytest.approx(np.sum((alpha - anchor) ** 2 / sigma))
    assert state.gain == pytest.approx(alpha.sum())
    p = primal(*plain(problem), W, b) - 0.5 * np.sum(W * W)
    assert state.losses == pytest.approx(p - 0.5 * b @ b * (rule == "penalized"))


@every_rule
@every_total
def test_gradient_is_the_difference_of_psi(rule, total):
    problem = random_problem(total, rule, n_classes=4)
    _, state, (W, b, anchor) = state_at(problem)
    delta = float(rule == "penalized")
    gradient, pull = state.w - state.w_of_duals, delta * state.b - state.imbalance
    rng, h = np.random.default_rng(5), 1e-5
    for _ in range(5):
        V, v = rng.normal(size=W.shape), rng.normal(size=4) * (rule != "none")
        ends = [
            augmented(problem, W + t * V, b + t * v, anchor, 0.8)[0] for t in (-h, h)
        ]
        expected = (ends[1] - ends[0]) / (2.0 * h)
        found = np.sum(V.T * gradient) + v @ pull
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("size", [0.01, 1.0, 300.0])
@every_rule
@every_total
def test_a_line_search_makes_the_slope_small(rule, total, size):
    problem = random_problem(total, rule, n_classes=4)
    rows, state, (W, b, anchor) = state_at(problem)
    gradient, pull = slope_of(problem, W, b, anchor, 0.8)
    direction, turn = -size * padded(gradient.T), -size * padded(pull)

    def slope_after(length):
        ended = W + length * direction.T, b + length * turn
        steepness, drag = slope_of(problem, *ended, anchor, 0.8)
        return np.sum(steepness * direction.T) + drag @ turn

    along = rows.scores(direction) + turn
    args = problem, state, direction, turn, along, slope_after(0.0)
    length = joint_newton._search(*args)
    assert length > 0.0
    assert abs(slope_after(length)) <= 0.1 * abs(slope_after(0.0)) * (1.0 + 1e-9)
    assert abs(slope_after(0.0)) > 0.0


@every_rule
@every_total
def test_an_inner_problem_is_solved_as_far_as_it_moves(rule, total):
    problem = random_problem(total, rule, n_classes=4)
    rows, state, (W, b, anchor) = state_at(problem)
    before = augmented(problem, W, b, anchor, 0.8)[0]
    steps, solved = joint_newton._minimise_inner(
        ProgressOf(problem, 0.0, 100), rows, state
    )
    assert solved
    assert 1 <= steps <= 20
    W, b = state.w.T[:4], state.b[:4]
    value, alpha = augmented(problem, W, b, anchor, 0.8)
    assert value < before
    gradient, pull = slope_of(problem, W, b, anchor, 0.8)
    moved = np.sum((alpha - anchor) ** 2 / (0.8 * problem.cost[:, None]))
    assert np.sum(gradient**2) + pull @ pull <= moved * (1.0 + 1e-9)
    # So little that steps without end would not lead further down by much.
    again = joint_newton._minimise_inner(ProgressOf(problem, 0.0, 100), rows, state)
    assert again == (0, True)


@every_rule
@every_total
def test_steps_of_an_inner_problem_are_bounded(monkeypatch, rule, total):
    problem = random_problem(total, rule, n_classes=4)
    rows, state, _ = state_at(problem)
    progress = ProgressOf(problem, 0.0, 1)
    assert joint_newton._minimise_inner(progress, rows, state) == (1, False)
    assert progress.n_iter == 1
    monkeypatch.setattr(joint_newton, "_MAX_INNER", 2)
    rows, state, _ = state_at(problem)
    progress = ProgressOf(problem, 0.0, 100)
    assert joint_newton._minimise_inner(progress, rows, state) == (2, False)
    assert progress.n_iter == 2
    monkeypatch.setattr(joint_newton, "MAX_INNER_AT_END", 1)
    rows, state, _ = state_at(problem)
    # Any gap is behind this tolerance.
    progress = ProgressOf(problem, 1.0, 100)
    progress.record(problem.origin())
    assert joint_newton._minimise_inner(progress, rows, state) == (1, False)


@every_rule
@every_total
def test_a_good_start_saves_steps(rule, total):
    problem = random_problem(total, rule)
    cold = run(problem, 1e-9)
    best = run(problem, 1e-4).best
    start = Start(best.alpha, best.w, best.intercept)
    progress = run(problem, 1e-9, start=start)
    assert progress.relative_gap <= 1e-9
    assert progress.n_iter < cold.n_iter
    assert progress.history[0].objective <= best.primal * (1.0 + 1e-12)


@every_rule
@every_total
def test_rounding_ends_it_in_few_steps(rule, total):
    # Inner problems that rounding keeps from being solved get 8 steps, not 40.
    problem = random_problem(total, rule)
    best = run(problem, -1.0).best
    progress = ProgressOf(problem, 1e-10, 300)
    progress.record(best)
    newton_jointly(progress, Start(best.alpha, best.w, best.intercept), -1.0)
    assert best.relative_gap <= 1e-12
    # Of points that differ by rounding the newer is kept.
    assert progress.relative_gap <= best.relative_gap + 1e-14
    assert progress.n_iter <= 4 * 8


@every_rule
@every_total
def test_start_at_duals_alone(rule, total):
    problem = random_problem(total, rule, n_classes=4)
    raw = random_duals(problem, slack=0.5)
    rows = problem.class_rows()
    state = joint_newton._begin(problem, rows, Start(raw))
    alpha = problem.repair(raw)
    np.testing.assert_allclose(state.anchor, padded(alpha), atol=1e-14)
    np.testing.assert_allclose(state.w[:, :4].T, problem.combine(alpha), atol=1e-12)
    expected = problem.imbalance(alpha) if rule == "penalized" else np.zeros(4)
    np.testing.assert_allclose(state.b, padded(expected), atol=1e-12)
    scores = problem.scores(problem.combine(alpha), expected)
    np.testing.assert_allclose(state.scores[:, :4], scores, atol=1e-12)
    assert run(problem, 1e-8, start=Start(raw)).relative_gap <= 1e-8


@every_rule
@every_total
def test_start_at_bad_points(rule, total):
    problem = random_problem(total, rule)
    alpha = 30.0 * np.random.default_rng(0).normal(size=(30, 3))
    W, b = np.full((3, 4), 1e4), np.array([1e3, 0.0, -1e3])
    kept = alpha.copy(), W.copy(), b.copy()
    progress = run(problem, 1e-6, start=Start(alpha, W, b))
    assert progress.relative_gap <= 1e-6
    assert check_best(progress) <= 1e-6
    for array, copy in zip((alpha, W, b), kept, strict=True):
        assert np.array_equal(array, copy)


@pytest.mark.parametrize("cost", [1e-6, 1e6])
@every_rule
@every_total
def test_any_cost(rule, total, cost):
    progress = run(random_problem(total, rule, n=40, cost=cost), 1e-8)
    assert progress.relative_gap <= 1e-8
    assert check_best(progress) <= 1e-8 + 1e-12


@pytest.mark.parametrize("scale", [0.0, 1e-160, 1e-5])
@every_rule
@every_total
def test_rows_of_next_to_nothing(rule, total, scale):
    # Squares that are 0, or so small that their inverse is none, once had no end.
    problem = scaled(random_problem(total, rule, n=40), scale)
    assert joint_newton._begin(problem, problem.class_rows(), None).rho <= 1e100
    progress = run(problem, 1e-8)
    assert progress.relative_gap <= 1e-8
    check_best(progress)


@pytest.mark.parametrize("scale", [1e5, 1e8])
@every_rule
@every_total
def test_rows_of_great_length(rule, total, scale):
    progress = run(scaled(random_problem(total, rule, n=40), scale), 1e-4)
    assert progress.relative_gap <= 1e-4
    assert progress.n_iter <= 200


@every_rule
@every_total
def test_more_unknowns_than_a_dense_system_has(monkeypatch, rule, total):
    monkeypatch.setattr("hingesvm.solvers.joint.system.FEW_UNKNOWNS", 0)
    for kind, n, d in (("dense", 60, 4), ("csr32", 25, 60)):
        problem = random_problem(total, rule, n_classes=4, kind=kind, n=n, d=d)
        progress = run(problem, 1e-8, 1000)
        assert progress.relative_gap <= 1e-8
        check_best(progress)


@every_rule
@every_total
def test_rows_and_columns_of_zeros(rule, total):
    problem = random_problem(total, rule)
    X = dense_rows(problem)
    X[[2, 5]] = 0.0
    X[:, 2] = 0.0
    for kind in ("dense", "csr32"):
        problem = replace(problem, rows=rows_of(kind, X))
        progress = run(problem, 1e-9)
        assert check_best(progress) <= 1e-9
        assert not progress.best.w[:, 2].any()


@every_rule
@every_total
def test_nothing_to_learn(rule, total):
    # Each row once in each class: W = 0, and each costs the loss of no lead.
    X = np.repeat(np.random.default_rng(0).normal(size=(10, 3)), 3, axis=0)
    problem = random_problem(total, rule, n=30, cost=1.0, equal=True, margin=2.0)
    problem.codes[:] = np.tile([0, 1, 2], 10)
    best = run(replace(problem, rows=rows_of("dense", X)), 1e-9).best
    np.testing.assert_allclose(best.w, 0.0, atol=1e-6)
    assert best.primal == pytest.approx(60.0 if total == 1.0 else 120.0)


@every_total
def test_free_intercepts_balance_the_duals(total):
    problem = random_problem(total, "free", n_classes=5)
    best = run(problem, -1.0).best
    assert best.relative_gap <= 1e-10
    balance = problem.imbalance(best.alpha)
    assert np.abs(balance).max() <= 1e-13 * best.alpha.sum()


@every_rule
@every_total
def test_max_iter_bounds_the_steps(rule, total):
    problem = random_problem(total, rule, n=40)
    for most in (1, 2, 7):
        progress = run(problem, -1.0, most)
        assert progress.n_iter == most
        assert progress.best is not None
        check_best(progress)
    assert run(problem, -1.0, 0).history == []


@every_rule
@every_total
def test_it_gives_up_rather_than_steps_forever(rule, total):
    progress = run(random_problem(total, rule), -1.0, 10**6)
    assert progress.n_iter < 2000
    assert progress.relative_gap <= 1e-12


def test_it_gives_up_where_no_step_gains_anything(monkeypatch):
    problem, seen = random_problem(1.0, "none"), []

    def solved(progress, rows, state):
        seen.append(state.rho)
        assert len(seen) < 1000
        return 0, True

    monkeypatch.setattr(joint_newton, "_minimise_inner", solved)
    monkeypatch.setattr(joint_newton, "_certificate", lambda *_: problem.origin())
    run(problem, -1.0)
    # It does not before a larger rho could help.
    assert seen[0] < 1.0
    assert max(seen) == 1e100


@every_total
def test_same_bits_again_however_the_rows_are_chunked(monkeypatch, total):
    problem = random_problem(total, "free", n=60, density=0.3)
    first, again = run(problem, 1e-8), run(problem, 1e-8)
    assert np.array_equal(first.best.w, again.best.w)
    assert np.array_equal(first.best.alpha, again.best.alpha)
    looks = []
    problem.rows.check_cancelled = lambda: looks.append(None)
    monkeypatch.setattr("hingesvm.rows.divided._ENTRIES_PER_CHUNK", 400)
    chunked = run(problem, 1e-8)
    assert np.array_equal(first.best.w, chunked.best.w)
    assert np.array_equal(first.best.intercept, chunked.best.intercept)
    # More than one look for an interrupt for each step.
    assert len(looks) > 10 * chunked.n_iter


@every_rule
@every_total
def test_storage_makes_no_difference(rule, total):
    values = []
    for kind, dtype in [("dense", "f8"), ("dense", "f4"), ("csr32", "f4")]:
        problem = random_problem(total, rule, kind=kind, dtype=np.dtype(dtype))
        progress = run(problem, 1e-10)
        assert check_best(progress) <= 1e-10 + 1e-12
        values.append(progress.best.primal)
    assert values[1] == pytest.approx(values[2], rel=1e-9)
    assert values[0] == pytest.approx(values[1], rel=1e-6)

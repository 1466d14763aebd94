"""The door to the joint problems: which method when, where it starts and ends."""

import re
from dataclasses import replace

import numpy as np
import pytest
from joint_cases import (
    RULES,
    TOTALS,
    dense_rows,
    dual,
    plain,
    primal,
    random_duals,
    random_problem,
    rows_of,
)

from hingesvm.problems.start import Start
from hingesvm.solvers import solve_jointly
from hingesvm.solvers.joint import choice as jointly

every_rule = pytest.mark.parametrize("rule", RULES)
every_total = pytest.mark.parametrize("total", TOTALS.values(), ids=TOTALS)
every_method = pytest.mark.parametrize("method", ["auto", "stochastic", "batch"])

# Of 3 classes: 303 unknowns, and more than 200,000 times the rows; and 1203 unknowns,
# too many for a dense system.
SMALL = {"n": 30, "d": 4}
MIDDLE = {"n": 700, "d": 100, "kind": "csr32", "density": 0.05}
WIDE = {"n": 40, "d": 400, "kind": "csr32", "density": 0.05}


def check(solution, problem):
    """Recompute what a solution says of itself; return its relative gap."""
    found = solution.certificate
    p = primal(*plain(problem), found.w, found.intercept)
    d = dual(*plain(problem), found.alpha)
    assert found.primal == pytest.approx(p, rel=1e-10)
    assert found.dual == pytest.approx(d, rel=1e-10, abs=1e-10 * p)
    return (p - d) / p


class Spy:
    """What the two methods are called with; they do nothing if told so."""

    def __init__(self, monkeypatch):
        self.calls, self.idle = [], set()
        sweep, newton = jointly.sweep_jointly, jointly.newton_jointly

        def swept(progress, start, seed, hand_over=None):
            self.calls.append(
                ("sweep", progress.tol, progress.max_iter, start, seed, hand_over)
            )
            if "sweep" not in self.idle:
                sweep(progress, start, seed, hand_over)

        def stepped(progress, start, goal):
            self.calls.append(("newton", progress.tol, progress.max_iter, start, goal))
            if "newton" not in self.idle:
                newton(progress, start, goal)

        monkeypatch.setattr(jointly, "sweep_jointly", swept)
        monkeypatch.setattr(jointly, "newton_jointly", stepped)

    @property
    def names(self):
        return [name for name, *_ in self.calls]


@pytest.fixture
def spy(monkeypatch):
    return Spy(monkeypatch)


@every_total
@every_rule
def test_small_problems_get_few_sweeps_and_are_finished_exactly(spy, rule, total):
    problem = random_problem(total, rule, margin=1.5)
    solution = solve_jointly(problem, tol=1e-2, max_iter=700, seed=5)
    first, second = spy.calls
    assert first == ("sweep", 1e-3, 10, None, 5, None)
    name, tol, most, start, goal = second
    assert (name, tol, most, goal) == ("newton", 1e-10, 700, -1.0)
    # It goes on from the sweeps.
    assert start.alpha.any()
    assert problem.primal(start.w, start.intercept) < problem.origin().primal
    assert solution.converged
    assert check(solution, problem) <= 1e-11


@every_total
def test_a_tighter_tolerance_than_exact_is_kept(spy, total):
    problem = random_problem(total, "free")
    solve_jointly(problem, tol=1e-13, max_iter=3)
    assert spy.calls[0][:3] == ("sweep", 1e-3, 3)
    assert spy.calls[1][:3] == ("newton", 1e-13, 3)


@every_total
def test_batch_of_a_small_problem_is_exact_without_sweeps(spy, total):
    problem = random_problem(total, "penalized", **SMALL)
    solution = solve_jointly(problem, method="batch", tol=1e-2)
    assert spy.calls == [("newton", 1e-10, 1000, None, -1.0)]
    assert check(solution, problem) <= 1e-11


@pytest.mark.parametrize("size", [MIDDLE, WIDE], ids=["middle", "wide"])
@every_total
def test_batch_of_a_larger_problem_ends_at_the_tolerance(spy, total, size):
    problem = random_problem(total, "penalized", **size)
    solution = solve_jointly(problem, method="batch", tol=1e-3)
    assert spy.calls == [("newton", 1e-3, 1000, None, 0.99 * 1e-3)]
    assert solution.converged
    assert 1e-11 < check(solution, problem) <= 1e-3


@pytest.mark.parametrize("size", [SMALL, MIDDLE, WIDE], ids=["small", "middle", "wide"])
@every_total
def test_stochastic_sweeps_only(spy, total, size):
    problem = random_problem(total, "penalized", **size)
    solution = solve_jointly(problem, method="stochastic", tol=1e-3, seed=2)
    assert spy.calls == [("sweep", 1e-3, 1000, None, 2, None)]
    assert solution.converged
    assert 1e-11 < check(solution, problem) <= 1e-3


@every_total
def test_a_wide_problem_is_swept_without_a_rule_to_stop(spy, total):
    problem = random_problem(total, "penalized", **WIDE)
    solution = solve_jointly(problem, tol=1e-3, seed=3)
    assert spy.calls == [("sweep", 1e-3, 1000, None, 3, None)]
    assert check(solution, problem) <= 1e-3


@every_total
def test_sweeps_of_a_middling_problem_may_hand_over(spy, total):
    problem = random_problem(total, "penalized", **MIDDLE)
    spy.idle = {"sweep"}
    solution = solve_jointly(problem, tol=1e-5)
    assert spy.names == ["sweep", "newton"]
    hand_over = spy.calls[0][-1]
    assert not hand_over(1e9, 0.0)
    assert not hand_over(0.0, 1e9)
    assert hand_over(1e9, 1e9)
    tol, most, start, goal = spy.calls[1][1:]
    assert (tol, most, goal) == (1e-5, 1000, 0.99 * 1e-5)
    assert not start.alpha.any()
    assert check(solution, problem) <= 1e-5
    # Sweeps that reach the tolerance leave nothing to do.
    spy.idle.clear()
    spy.calls.clear()
    solve_jointly(problem, tol=1e-2)
    assert spy.names == ["sweep"]


@pytest.mark.parametrize("size", [SMALL, MIDDLE], ids=["small", "middle"])
def test_sweeps_go_on_where_newton_steps_fail(monkeypatch, spy, size):
    monkeypatch.setattr(jointly, "_hand_over", lambda problem: lambda *sweeps: True)
    problem = random_problem(1.0, "penalized", **size)
    spy.idle = {"newton"}
    solution = solve_jointly(problem, tol=1e-5, max_iter=5000, seed=4)
    assert spy.names == ["sweep", "newton", "sweep"]
    tol, most, start, seed, hand_over = spy.calls[-1][1:]
    assert (tol, most, seed, hand_over) == (1e-5, 5000, 4, None)
    assert start.alpha.any()
    assert solution.converged
    assert check(solution, problem) <= 1e-5


def test_the_last_sweeps_are_of_auto_alone(spy):
    problem = random_problem(1.0, "penalized", **SMALL)
    spy.idle = {"newton", "sweep"}
    for method, names in [
        ("auto", ["sweep", "newton", "sweep"]),
        ("batch", ["newton"]),
        ("stochastic", ["sweep"]),
    ]:
        spy.calls.clear()
        solution = solve_jointly(problem, method=method)
        assert spy.names == names
        assert not solution.converged
        assert solution.n_iter == 0
        assert solution.certificate.primal == problem.origin().primal


def test_price_of_newton_steps():
    def price(**size):
        return jointly._price_of_joint_finish(random_problem(1.0, "none", **size))

    # Many columns cost much where the matrix is made, many rows where it is not.
    least = jointly._TYPICAL_STEPS
    assert least < price(n=2000, d=4) < price(n=2000, d=40) < price(n=2000, d=200)
    assert price(n=4000, d=40) < price(n=500, d=40)
    sparse = {"kind": "csr32", "density": 0.05}
    assert price(n=4000, d=40, **sparse) < price(n=4000, d=40)
    problem = random_problem(1.0, "none", n=500, d=40)
    rule, at = jointly._hand_over(problem), price(n=500, d=40)
    assert rule(0.11 * at, 1.01 * at)
    assert not rule(0.09 * at, 1.01 * at)
    assert not rule(0.11 * at, 0.99 * at)


def test_what_is_small():
    def is_small(n, d, n_classes=3):
        return jointly._is_small(
            random_problem(1.0, "none", n=n, d=d, n_classes=n_classes)
        )

    assert is_small(4000, 9, 5)
    assert not is_small(4001, 9, 5)
    assert is_small(200, 99, 10)
    # One unknown more than a dense system has.
    assert not is_small(10, 100, 10)


@every_rule
@every_total
def test_every_method_gives_the_same_optimum(rule, total):
    problem = random_problem(total, rule, n_classes=4, cost=0.2)
    exact = solve_jointly(problem).certificate
    for method in ("stochastic", "batch"):
        solution = solve_jointly(problem, method=method, tol=1e-4, max_iter=10_000)
        assert solution.converged
        assert check(solution, problem) <= 1e-4 + 1e-12
        distance = np.linalg.norm(solution.certificate.w - exact.w)
        assert distance**2 <= 2.0 * 1e-4 * exact.primal * (1.0 + 1e-6)


@every_method
@pytest.mark.parametrize("size", [SMALL, MIDDLE], ids=["small", "middle"])
def test_max_iter_bounds_sweeps_and_steps_together(method, size):
    problem = random_problem(np.inf, "free", cost=5.0, **size)
    for most in (1, 3, 13):
        solution = solve_jointly(problem, method=method, tol=1e-14, max_iter=most)
        assert solution.n_iter == most
        assert not solution.converged
        assert check(solution, problem) > 1e-14
        counts = [look.iteration for look in solution.history]
        assert counts == sorted(counts)
        assert counts[-1] == most


@every_method
@every_rule
def test_seed_decides_the_order_of_rows(rule, method):
    problem = random_problem(1.0, rule, n=60)
    args = {"method": method, "tol": 1e-14, "max_iter": 4}
    one, same, other = (
        solve_jointly(problem, seed=seed, **args).certificate for seed in (1, 1, 2)
    )
    assert np.array_equal(one.w, same.w)
    assert np.array_equal(one.alpha, same.alpha)
    assert np.array_equal(one.intercept, same.intercept)
    assert np.array_equal(one.w, other.w) == (method == "batch")


@every_rule
@every_total
def test_start_that_solves_it_is_returned(spy, rule, total):
    problem = random_problem(total, rule)
    best = solve_jointly(problem, tol=1e-12).certificate
    assert best.relative_gap <= 1e-12
    start = Start(best.alpha, best.w, best.intercept)
    spy.calls.clear()
    for method in ("auto", "stochastic", "batch"):
        solution = solve_jointly(problem, method=method, start=start)
        assert spy.names == []
        assert solution.n_iter == 0
        assert solution.converged
        assert check(solution, problem) <= 1e-11
        np.testing.assert_array_equal(solution.certificate.w, best.w)


@every_total
def test_small_problems_ask_more_of_a_start_than_the_tolerance(spy, total):
    problem = random_problem(total, "penalized")
    rough = solve_jointly(problem, method="stochastic", tol=1e-5, max_iter=9999)
    rough = rough.certificate
    assert 1e-9 < rough.relative_gap <= 1e-5
    start = Start(rough.alpha, rough.w, rough.intercept)
    spy.calls.clear()
    for method, names in [
        ("stochastic", []),
        ("batch", ["newton"]),
        ("auto", ["sweep", "newton"]),
    ]:
        spy.calls.clear()
        solution = solve_jointly(problem, method=method, tol=1e-4, start=start)
        assert spy.names == names
        assert check(solution, problem) <= (1e-11 if names else 1e-5)


@every_method
@every_rule
@every_total
def test_start_is_repaired_and_kept_as_it_was(spy, rule, total, method):
    problem = random_problem(total, rule, n_classes=4)
    raw = random_duals(problem, slack=0.5)
    W, b = np.random.default_rng(2).normal(size=(2, 4, 4))
    kept = raw.copy(), W.copy(), b[0].copy()
    start = Start(raw, W, b[0])
    solution = solve_jointly(problem, method=method, max_iter=3, start=start)
    given = spy.calls[0][3]
    assert np.array_equal(given.alpha, problem.repair(raw))
    assert np.array_equal(given.w, W)
    expected = np.zeros(4) if rule == "none" else b[0]
    assert np.array_equal(given.intercept, expected)
    assert solution.history[1].objective == pytest.approx(
        min(problem.origin().primal, problem.primal(W, expected)), rel=1e-12
    )
    check(solution, problem)
    for array, copy in zip((raw, W, b[0]), kept, strict=True):
        assert np.array_equal(array, copy)


@every_rule
def test_start_at_duals_alone_has_their_weights_and_intercepts(spy, rule):
    problem = random_problem(1.0, rule)
    raw = random_duals(problem)
    spy.idle = {"sweep", "newton"}
    solve_jointly(problem, start=Start(raw, intercept=np.full(3, 7.0)))
    given, alpha = spy.calls[0][3], problem.repair(raw)
    np.testing.assert_allclose(given.w, problem.combine(alpha), atol=1e-13)
    expected = problem.imbalance(alpha) if rule == "penalized" else np.zeros(3)
    np.testing.assert_allclose(given.intercept, expected, atol=1e-13)


@every_rule
def test_one_intercept_to_start_from_is_that_of_all_classes(spy, rule):
    problem = random_problem(1.0, rule)
    start = Start(random_duals(problem), np.zeros((3, 4)), 0.25)
    spy.idle = {"sweep", "newton"}
    solve_jointly(problem, start=start)
    expected = np.full(3, 0.0 if rule == "none" else 0.25)
    assert np.array_equal(spy.calls[0][3].intercept, expected)


@every_method
def test_each_look_is_reported(method):
    problem, looks = random_problem(1.0, "free"), []
    solution = solve_jointly(
        problem, method=method, report=lambda look, _: looks.append(look)
    )
    assert looks == solution.history
    assert looks[0].iteration == 0
    assert looks[0].objective == problem.origin().primal
    assert looks[0].active == problem.n_rows
    gaps = [look.gap for look in looks]
    assert np.all(np.diff(gaps) <= 1e-12 * gaps[0])


@pytest.mark.parametrize("margin", [0.0, 1e-28, 1e28, 1e300])
def test_margins_out_of_range_are_refused(margin):
    problem = replace(random_problem(1.0, "none"), margin=margin)
    message = f"loss is {margin}: it must lie between 1e-28 and 1e+28."
    with pytest.raises(ValueError, match=re.escape(message)):
        solve_jointly(problem)


@pytest.mark.parametrize("margin", [1.01e-28, 0.99e28])
def test_margins_almost_out_of_range_are_taken(margin):
    problem = random_problem(np.inf, "none", margin=margin)
    found = solve_jointly(problem, max_iter=30).certificate
    p = primal(*plain(problem), found.w, found.intercept)
    assert found.primal == pytest.approx(p, rel=1e-10, abs=0.0)
    assert 0.0 < p <= problem.origin().primal
    assert 0.0 < found.dual <= p * (1.0 + 1e-12)


@every_total
def test_values_out_of_range_are_refused(total):
    problem = random_problem(total, "none", n_classes=4)
    X = dense_rows(problem)
    lengths = np.sqrt(1.0 + np.square(1e10 * X).sum(axis=1))
    others = 1.0 if total == 1.0 else 3.0
    # What scores can be, at the cost of one unit.
    largest = others * float((problem.cost * lengths).sum() * lengths.max())
    rows = rows_of("dense", 1e10 * X)
    for size, is_refused in [(0.999e28 / largest, False), (1.001e28 / largest, True)]:
        asked = replace(problem, rows=rows, cost=size * problem.cost)
        if is_refused:
            message = r"summed, can exceed 1e\+28.*: scale X or reduce C\."
            with pytest.raises(ValueError, match=message):
                solve_jointly(asked, max_iter=1)
        else:
            assert check(solve_jointly(asked, max_iter=1), asked) <= 1.0
    for factor, size in [(1e20, 1.0), (1e160, 1.0), (1e300, 1.0), (1e100, 1e300)]:
        rows = rows_of("dense", factor * X)
        asked = replace(problem, rows=rows, cost=size * problem.cost)
        with pytest.raises(ValueError, match="scale X or reduce C"):
            solve_jointly(asked)

"""Sweeps and Newton steps in turns: no shape of data is hopeless."""

import numpy as np
import pytest
import scipy.sparse as sp
from reference import LOSSES, RULES, blobs, check_solution, make_problem
from samples import word_counts

from hingesvm.losses import Hinge
from hingesvm.problems.binary import Problem
from hingesvm.problems.start import Start
from hingesvm.rows.inner import KeptInnerProducts, most_kept
from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers import Progress, choice, solve
from hingesvm.solvers.newton.starts import BandStart
from hingesvm.solvers.newton.until import newton_until
from hingesvm.solvers.sweeping.steps import price_of_sweep


def counts(n, d, words, seed=0, log=False):
    """Counts of words, and labels that they tell."""
    rng = np.random.default_rng(seed)
    X = word_counts(rng, n, d, words, log=log)
    return X, (X @ rng.standard_normal(d) > 0.0).astype(int)


def work_of(X, y, method, rule="free", cost=1.0, tol=1e-4, max_iter=20_000):
    """Return the work of a fit, and whether it converged."""
    signs = np.where(y == 1, 1, -1).astype(np.int8)
    problem = Problem.build(MemoryRows(X), signs, cost, Hinge(), rule)
    progress = Progress(problem, tol, max_iter)
    progress.record(problem.origin())
    if method == "stochastic":
        choice.sweep_until(progress, choice.Start(np.zeros(len(y))), 0)
    elif method == "batch":
        choice.finish(progress, None, 0)
    else:
        choice.solve_in_turns(progress, None, 0)
    return progress.work, progress.relative_gap <= tol


SHAPES = {
    "log counts": lambda: counts(400, 2500, 700, log=True),
    "raw counts": lambda: counts(200, 6000, 1200),
    "more raw counts": lambda: counts(500, 6000, 900, seed=1),
    "genotypes": lambda: genotypes(150, 2000),
    "random labels": lambda: chance(200, 1500),
    "uneven columns": lambda: uneven(1000, 30),
    "as many columns as rows": lambda: square(400),
    "random features": lambda: cosines(300, 600),
}


def genotypes(n, d):
    rng = np.random.default_rng(0)
    X = rng.binomial(2, rng.uniform(0.05, 0.5, d), (n, d)).astype(float)
    return X, (X @ rng.standard_normal(d) > 0.0).astype(int)


def chance(n, d):
    rng = np.random.default_rng(1)
    return rng.standard_normal((n, d)), rng.integers(2, size=n)


def uneven(n, d):
    rng = np.random.default_rng(2)
    X = rng.standard_normal((n, d)) * 10.0 ** rng.uniform(-2.0, 2.0, d)
    noise = X[:, 0].std() * rng.standard_normal(n)
    return X, (X @ rng.standard_normal(d) + noise > 0.0).astype(int)


def square(n):
    rng = np.random.default_rng(3)
    X = rng.standard_normal((n, n))
    noise = X.std() * np.sqrt(n) * rng.standard_normal(n)
    return X, (X @ rng.standard_normal(n) + noise > 0.0).astype(int)


def cosines(n, d):
    rng = np.random.default_rng(4)
    X = rng.standard_normal((n, 10))
    y = (X[:, 0] * X[:, 1] > 0.0).astype(int)
    angles = 0.5 * X @ rng.standard_normal((10, d)) + rng.uniform(0.0, 6.3, d)
    return np.sqrt(2.0 / d) * np.cos(angles), y


@pytest.mark.parametrize("cost", [1e-2, 1.0, 100.0])
@pytest.mark.parametrize("name", SHAPES)
def test_turns_take_little_more_than_the_better_method(monkeypatch, name, cost):
    # Not exactly, which would be a matter of its own.
    monkeypatch.setattr(choice, "_SMALL", 0)
    X, y = SHAPES[name]()
    both = [work_of(X, y, method, cost=cost) for method in ("stochastic", "batch")]
    work, converged = work_of(X, y, "turns", cost=cost)
    assert converged
    alone = min(work for work, met in both if met)
    # Beside that of calls, which is the same for all data.
    assert work <= 3.0 * alone + 5e6


@pytest.mark.parametrize("cost", [1e-3, 1e-2])
@pytest.mark.parametrize(("n", "d"), [(1500, 80), (400, 100)])
def test_sweeps_that_are_nearly_done_go_on_to_the_end(monkeypatch, n, d, cost):
    # They did not where Newton steps would get farther, at several times the work.
    X, y = hats(n, d)
    steps = []
    monkeypatch.setattr(choice, "newton_until", lambda *args, **kw: steps.append(args))
    problem = make_problem(X, y, Hinge(), "free", cost)
    progress = Progress(problem, 1e-4, 1000, cheap=0.0)
    progress.record(problem.origin())
    choice.solve_in_turns(progress, None, 0)
    assert progress.converged
    assert not steps


def hats(n, d):
    rng = np.random.default_rng(5)
    u = rng.random((n, d // 10))
    X = np.maximum(0.0, 1.0 - np.abs(9.0 * u[:, :, None] - np.arange(10))).reshape(n, d)
    score = np.sin(6.0 * u).sum(axis=1)
    return X, np.where(score + 0.3 * rng.standard_normal(n) > score.mean(), 1, -1)


def test_the_method_that_gained_more_has_the_longer_turn():
    problem = make_problem(*blobs(50, 5), Hinge(), "free")
    progress = Progress(problem, 1e-4, 1000, cheap=1.0)
    turns = choice._Turns(swept=100.0, stepped=60.0)
    turns.pace_of_steps, turns.pace_of_sweeps = 2.0, 1.0
    # Newton steps take half as much again as sweeps, sweeps no more than half as much.
    assert turns._room(progress) == 150.0 - 60.0
    assert turns._share(100.0, 60.0, True, progress) == progress.cheap
    turns.pace_of_steps = 0.5
    assert turns._room(progress) == progress.cheap
    assert turns._share(100.0, 60.0, False, progress) == 50.0


def test_newton_steps_go_on_where_they_were_interrupted():
    # Multipliers do not move, and the step does not grow, within an inner problem.
    problem = make_problem(*blobs(120, 80), Hinge(), "free", 10.0)
    whole = Progress(problem, 1e-10, 500)
    whole.record(problem.origin())
    newton_until(whole, Start(np.zeros(120)), 1e-10)
    parts, start = Progress(problem, 1e-10, 500), Start(np.zeros(120))
    parts.record(problem.origin())
    while not parts.converged and not parts.is_over:
        parts.budget = parts.work + 1.0
        start = newton_until(parts, start, 1e-10)
    assert parts.converged
    assert parts.n_iter <= 1.5 * whole.n_iter


@pytest.mark.parametrize("name", SHAPES)
def test_an_exact_finish_takes_no_more_than_the_fit_before_it(monkeypatch, name):
    X, y = SHAPES[name]()
    signs = np.where(y == 1, 1, -1).astype(np.int8)
    problem = Problem.build(MemoryRows(X), signs, 1.0, Hinge(), "free")
    works = []
    for exact in (False, True):
        progress = Progress(problem, 1e-4, 1000, exact=exact)
        progress.record(problem.origin())
        choice.solve_in_turns(progress, None, 0)
        assert progress.converged
        works.append(progress.work)
    # A Newton step can end beyond its budget.
    step = (
        2.0 * max(choice._price_of_finish(problem), 1.0) * price_of_sweep(problem.rows)
    )
    assert works[1] <= 4.0 * works[0] + 2.0 * progress.cheap + step / 30.0


def test_small_problems_end_exact_where_that_is_cheap():
    problem = make_problem(*blobs(200, 5), Hinge(), "free")
    progress = Progress(problem, 1e-2, 1000)
    progress.record(problem.origin())
    choice.solve_in_turns(progress, None, 0)
    assert progress.relative_gap <= 1e-12
    assert progress.budget == np.inf


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("exact", [False, True], ids=["to tol", "exact"])
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_a_few_columns_need_no_sweeps(monkeypatch, warm, exact, kind):
    # Neither in a fit, nor in the folds of a search, which are solved to tol.
    X, y = blobs(200, 5)
    problem = make_problem(kind(X), y, Hinge(), "free")
    start = Start(0.5 * problem.bound) if warm else None
    sweeps = []
    monkeypatch.setattr(choice, "sweep_until", lambda *args: sweeps.append(args))
    progress = Progress(problem, 1e-4, 1000, exact=exact)
    progress.record(problem.origin())
    choice.solve_in_turns(progress, start, 0)
    assert progress.converged
    assert not sweeps


def test_some_iterations_are_left_for_newton_steps(monkeypatch):
    # Sweeps alone would take all of them and end far off.
    monkeypatch.setattr(choice, "_SMALL", 0)
    X, y = blobs(300, 5)
    solution = solve(make_problem(X, y, Hinge(), "free", 1e6), tol=1e-6, max_iter=300)
    assert solution.converged
    check_solution(solution, X, y, 1e6, Hinge(), "free")


def test_newton_steps_go_back_to_the_origin():
    # The best point is that of the origin, whose duals are one number for all rows.
    n = 150
    X, _ = counts(n, 8000, 2500, seed=1)
    y = np.where(np.random.default_rng(1).random(n) < 0.5, 1, -1).astype(np.int8)
    problem = Problem.build(MemoryRows(X), y, 1.0, Hinge(), "free")
    progress = Progress(problem, 1e-4, 60)
    progress.record(problem.origin())
    point = 0.5 * problem.bound, np.zeros(8000)
    start = BandStart(*point, shortfall=np.ones(n), rho=2.0)
    newton_until(progress, start, 1e-4)
    assert progress.relative_gap <= 1.0
    assert np.isfinite(progress.best.primal)


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
@pytest.mark.parametrize("most", [0, 7, 40, 1000])
def test_kept_inner_products(monkeypatch, kind, most):
    X = np.random.default_rng(0).standard_normal((60, 9))
    rows = MemoryRows(kind(X))
    monkeypatch.setattr("hingesvm.rows.inner._FEW_BYTES", 8 * most**2)
    monkeypatch.setattr(MemoryRows, "n_bytes", 0)
    assert most_kept(rows) == min(most, 60)
    kept = KeptInnerProducts(rows)
    for seed in range(8):
        some = np.random.default_rng(seed).permutation(60)[: 3 + 5 * (seed % 4)]
        found = kept.of(some)
        np.testing.assert_allclose(found, X[some] @ X[some].T, atol=1e-12)
        # It is the caller's.
        found += 1.0
    assert kept.take_work() > 0.0
    assert kept.take_work() == 0.0


def test_products_of_new_rows_alone_are_computed(monkeypatch):
    calls, real = [], MemoryRows.inner_products

    def spy(self, rows, others=None):
        calls.append((len(rows), None if others is None else len(others)))
        return real(self, rows, others)

    monkeypatch.setattr(MemoryRows, "inner_products", spy)
    kept = KeptInnerProducts(MemoryRows(np.random.default_rng(0).random((50, 4))))
    kept.of(np.arange(10))
    kept.of(np.arange(5, 12))
    kept.of(np.arange(3, 9))
    assert calls == [(10, None), (2, 10), (2, None)]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("d", [3, 100])
def test_rows_of_zeros_end_at_the_origin_or_at_an_intercept(loss, rule, d):
    # The best dual variables are those of the origin: one number for all rows.
    y = np.where(np.arange(30) % 3 == 0, 1, -1)
    for X in (np.zeros((30, d)), sp.csr_matrix((30, d))):
        for cost in (1e-3, 1.0, 1e5):
            problem = make_problem(X, y, loss, rule, cost)
            for method in ("auto", "batch", "stochastic"):
                solution = solve(problem, method=method, max_iter=50)
                assert not solution.certificate.w.any()
                check_solution(solution, X, y, cost, loss, rule)

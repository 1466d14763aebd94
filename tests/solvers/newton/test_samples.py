"""Samples of tall problems, and samples of these."""

import numpy as np
import pytest
from band_cases import D, N, check, check_feasible, every_loss, every_rule, run
from reference import RULES, blobs, check_solution, make_problem

from hingesvm.losses import Hinge
from hingesvm.solvers import Progress, choice, solve
from hingesvm.solvers.newton import bands
from hingesvm.solvers.newton.bands import nest
from hingesvm.solvers.newton.starts import WeightsStart

pytestmark = pytest.mark.usefixtures("small_constants")


def sample_of(problem, seed):
    progress = Progress(problem, 1e-4, 300)
    return nest(progress, seed), progress


@every_rule
@every_loss
def test_nest_starts_near_the_optimum(loss, rule):
    X, y = blobs(2000, D)
    problem = make_problem(X, y, loss, rule)
    start, progress = sample_of(problem, 0)
    assert isinstance(start, WeightsStart)
    assert progress.n_iter > 0
    assert progress.history == []
    assert progress.best is None
    optimum = solve(problem).certificate
    there = problem.primal(start.w, start.intercept)
    # A sample of a quarter: within a few per cent, where the origin is far off.
    assert there <= 1.1 * optimum.primal
    assert there < problem.origin().primal


def test_nest_takes_one_row_out_of_each_few_that_follow():
    for n_rows in (800, 803):
        rows = bands.sample_of(n_rows, 3)
        assert len(rows) == 200
        assert np.array_equal(rows // 4, np.arange(200))
        assert len(np.unique(rows % 4)) == 4
        assert np.array_equal(rows, bands.sample_of(n_rows, 3))
        assert not np.array_equal(rows, bands.sample_of(n_rows, 4))


def test_nest_of_a_small_problem_is_none(monkeypatch):
    X, y = blobs(200, D)
    problem = make_problem(X, y, Hinge(), "free")
    for name, value in [("LEAST_ROWS", 51), ("ROWS_PER_COLUMN", 11)]:
        assert sample_of(problem, 0)[0] is not None
        with monkeypatch.context() as patch:
            patch.setattr(bands, name, value)
            start, progress = sample_of(problem, 0)
        assert start is None
        assert progress.n_iter == 0


def test_nest_with_too_few_rows_of_a_class_is_none():
    X, _ = blobs(N, D)
    for few in (-1, 1):
        y = np.full(N, -few, dtype=np.int8)
        y[::100] = few
        problem = make_problem(X, y, Hinge(), "free")
        assert sample_of(problem, 0)[0] is None
        # Then all rows are one band.
        check(run(problem), X, y, 1.0, Hinge(), "free", 1e-4)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("few", [1, 60])
def test_a_rare_class(few, rule):
    # 60 rows of one class: enough for one sample, too few for the next.
    X, _ = blobs(N, D)
    y = np.full(N, -1, dtype=np.int8)
    y[np.random.default_rng(0).permutation(N)[:few]] = 1
    progress = run(make_problem(X, y, Hinge(), rule, 5.0))
    check(progress, X, y, 5.0, Hinge(), rule, 1e-4)


@pytest.mark.parametrize("max_iter", [1, 2, 3, 5, 9, 17])
@pytest.mark.parametrize("method", ["auto", "batch"])
@every_loss
def test_few_iterations_still_end_in_a_certificate(monkeypatch, loss, method, max_iter):
    # Out of iterations in a sample of a sample, in a sample, and on all rows.
    monkeypatch.setattr(choice, "_FEW_ROWS", 100)
    monkeypatch.setattr(choice, "_TALL", 10)
    X, y = blobs(N, D)
    problem = make_problem(X, y, loss, "free")
    solution = solve(problem, method=method, max_iter=max_iter, tol=1e-9)
    assert 1 <= solution.n_iter <= max_iter
    assert solution.converged == (solution.certificate.relative_gap <= 1e-9)
    check_solution(solution, X, y, 1.0, loss, "free")
    check_feasible(solution.certificate, y, 1.0, loss, "free")
    assert solution.certificate.primal <= problem.origin().primal

"""Sweeps over joint multi-class problems."""

import numpy as np
import pytest
from samples import make_data

from hingesvm.problems.joint import JointProblem
from hingesvm.problems.start import Start
from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers.joint import sweeps as joint
from hingesvm.solvers.joint.sweeps import _begin, _gap_now, _sweep_once, sweep_jointly
from hingesvm.solvers.progress import ProgressOf

RULES = ["none", "penalized", "free"]
every_rule = pytest.mark.parametrize("rule", RULES)
every_total = pytest.mark.parametrize("total", [1.0, np.inf])


def make_problem(total, rule, n=90, d=5, n_classes=4, dtype=np.float64):
    X, y = make_data(n, d, n_classes, dtype=dtype)
    cost = np.random.default_rng(3).uniform(0.2, 1.0, n)
    codes = y.astype(np.intp)
    return JointProblem(MemoryRows(X), codes, n_classes, cost, 1.0, total, rule)


@every_rule
@every_total
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sweeps_reach_the_tolerance_and_prove_it(total, rule, dtype):
    problem = make_problem(total, rule, dtype=dtype)
    progress = ProgressOf(problem, 1e-4, 5000)
    progress.record(problem.origin())
    sweep_jointly(progress, None, 0)
    assert progress.converged
    found = progress.best
    again = problem.certify(found.alpha, found.w, found.intercept)
    assert again.primal == pytest.approx(found.primal, rel=1e-9)
    assert again.dual == pytest.approx(found.dual, rel=1e-6)
    feasible = problem.repair(found.alpha)
    np.testing.assert_allclose(feasible, found.alpha, rtol=1e-9, atol=1e-12)


@every_rule
@every_total
def test_weights_follow_the_duals(total, rule):
    problem = make_problem(total, rule)
    state = _begin(problem, None, 1e-8, 0)
    for _ in range(5):
        _sweep_once(problem, state)
    alpha = state.alpha[:, : problem.n_classes]
    W = state.w[:, : problem.n_classes].T
    np.testing.assert_allclose(W, problem.combine(alpha), atol=1e-10)
    if rule != "none":
        imbalance = problem.imbalance(alpha)
        np.testing.assert_allclose(state.imbalance, imbalance, atol=1e-9)
    assert np.all(alpha >= 0.0)
    assert np.all(alpha <= problem.cost[:, np.newaxis])
    assert np.all(alpha.sum(axis=1) <= total * problem.cost * (1.0 + 1e-12))
    assert np.all(alpha[np.arange(problem.n_rows), problem.codes] == 0.0)


@every_total
def test_each_sweep_raises_the_dual(total):
    problem = make_problem(total, "none")
    state = _begin(problem, None, 1e-8, 0)
    values = [0.0]
    for _ in range(20):
        _sweep_once(problem, state)
        values.append(problem.dual(problem.repair(state.alpha[:, :4])))
    assert np.all(np.diff(values) >= -1e-12 * values[-1])


def test_a_gap_that_rounding_makes_negative_counts_as_none():
    problem = make_problem(1.0, "none")
    state = _begin(problem, None, 1e-8, 0)
    _sweep_once(problem, state)
    state.gap = -1e-20
    assert _gap_now(problem, state, 1.0) == 0.0
    state.gap = 0.25
    before = _gap_now(problem, state, 0.0)
    assert 0.0 < _gap_now(problem, state, 1.0) < before < 1.0


@every_rule
@every_total
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("is_started", [False, True])
def test_the_sum_of_the_duals_is_kept(total, rule, dtype, is_started):
    problem = make_problem(total, rule, dtype=dtype)
    start = None
    if is_started:
        alpha = np.random.default_rng(0).random((problem.n_rows, problem.n_classes))
        start = Start(problem.repair(alpha), None, np.zeros(problem.n_classes))
    state = _begin(problem, start, 1e-4, 0)
    for shrink_above in [np.inf, np.inf, 0.1, 0.1, 0.1]:
        state.shrink_above = min(state.shrink_above, shrink_above)
        _sweep_once(problem, state)
        total_now = float(state.alpha.sum(dtype=np.float64))
        assert state.total == pytest.approx(total_now, rel=1e-5)
    assert state.n_active < problem.n_rows


@every_total
def test_duals_that_prove_most_are_kept_as_they_were(total):
    problem = make_problem(total, "free")
    progress = ProgressOf(problem, 1e-6, 1000)
    progress.record(problem.origin())
    state = _begin(problem, None, progress.tol, 0)
    for _ in range(4):
        for _ in range(3):
            _sweep_once(problem, state)
        joint._look(progress, state)
        best = progress.best
        proven = problem.dual(problem.repair(best.alpha))
        assert proven == pytest.approx(best.dual, rel=1e-9)
        before = best.alpha
        # Sweeps go on, and a look at worse duals keeps the better ones.
        _sweep_once(problem, state)
        assert np.array_equal(best.alpha, before)
    state.alpha[:] = 0.0
    joint._look(progress, state)
    assert progress.best.dual == best.dual
    assert np.array_equal(progress.best.alpha, before)
    assert np.shares_memory(progress.best.duals.raw, state.kept)

"""What a stream keeps of rows, and what its sums prove."""

import numpy as np
import pytest
from reference import RULES
from samples import make_data
from stream_cases import with_little_memory

from hingesvm.losses import Hinge, SquaredHinge
from hingesvm.problems.binary import Problem
from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers import solve
from hingesvm.solvers.streaming.stream import Stream
from hingesvm.solvers.streaming.sums import Sums


def signed(y):
    """Labels 0 and 1 as signs."""
    return np.where(y == 1, 1, -1).astype(np.int8)


def streamed(X, y, loss, rule, size=50, seed=0):
    """A stream that has seen all rows."""
    stream = Stream(X.shape[1], 1, loss, rule, seed)
    for first in range(0, len(y), size):
        some = slice(first, first + size)
        stream.add(MemoryRows(X[some]), y[some], np.ones(len(y[some])))
    return stream


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", [Hinge(), SquaredHinge()], ids=str)
def test_any_sums_prove_a_lower_bound(loss, rule):
    X, y = make_data(80, 4)
    rng = np.random.default_rng(0)
    problem = Problem.build(MemoryRows(X), signed(y), 1.0, loss, rule)
    best = solve(problem, tol=1e-8, exact=False).certificate.primal
    longest = problem.rows.longest()
    for scale in (1e-3, 0.1, 1.0):
        alpha = problem.repair(scale * rng.random(80))
        sums = Sums.zero(4).with_rows(problem, alpha)
        bound = sums.lower_bound(problem, longest)
        assert bound <= best
        # The best multiple of the dual variables is no worse than they are.
        assert bound >= problem.dual(alpha) - 1e-9 * best
    assert Sums.zero(4).lower_bound(problem, longest) == 0.0


def test_sums_that_are_not_balanced_prove_less():
    X, y = make_data(80, 4)
    problem = Problem.build(MemoryRows(X), signed(y), 1.0, Hinge(), "free")
    best = solve(problem, tol=1e-8).certificate
    longest = problem.rows.longest()
    alpha = best.alpha.copy()
    assert Sums.zero(4).with_rows(problem, alpha).lower_bound(
        problem, longest
    ) == pytest.approx(best.dual, rel=1e-6)
    alpha[np.flatnonzero((y == 1) & (alpha > 0.5))[0]] = 0.0
    sums = Sums.zero(4).with_rows(problem, alpha)
    assert sums.lower_bound(problem, longest) < best.dual


def test_changes_add_up():
    X, y = make_data(60, 4)
    rng = np.random.default_rng(0)
    problem = Problem.build(MemoryRows(X), signed(y), 1.0, SquaredHinge(), "none")
    one, two = rng.random((2, 60))
    sums = Sums.zero(4).with_rows(problem, one).changed(problem, one, two)
    np.testing.assert_allclose(sums.fixed.w_of_duals, problem.combine(two))
    assert sums.fixed.gain == pytest.approx(problem.gain(two))
    assert sums.fixed.imbalance == pytest.approx(problem.imbalance(two))
    assert sums.total > one.sum() + np.abs(two - one).sum()
    assert sums.terms >= 120


@pytest.mark.parametrize("rule", RULES)
def test_sums_are_those_of_all_rows(rule, monkeypatch):
    with_little_memory(monkeypatch, 100)
    X, y = make_data(1000, 4)
    lane = streamed(X, y, Hinge(), rule).lanes[0]
    assert lane.frozen.terms > 0
    # All duals lie in [0, 1], so that their sum is no larger than the number of rows.
    assert 0.0 < lane.sums.fixed.gain <= 1000.0
    assert np.all((lane.alpha >= 0.0) & (lane.alpha <= 1.0))
    if rule == "free":
        assert abs(lane.sums.fixed.imbalance) <= 1e-9


def test_rows_of_rare_columns_stay(monkeypatch):
    with_little_memory(monkeypatch, 200)
    X, y = make_data(3000, 4)
    rare = np.arange(3000) % 300 == 7
    X = np.column_stack([X, 5.0 * rare])
    stream = streamed(X, y, Hinge(), "free")
    rows = stream._stored.rows()
    stored = rows.take(np.arange(rows.n_rows))[~stream._is_frozen]
    assert np.count_nonzero(stored[:, 4]) >= 8


def test_frozen_rows_are_a_random_sample(monkeypatch):
    with_little_memory(monkeypatch, 200)
    X, y = make_data(3000, 4)
    stream = streamed(np.column_stack([X, np.arange(3000)]), y, Hinge(), "none")
    rows = stream._stored.rows()
    frozen = rows.take(np.flatnonzero(stream._is_frozen))
    assert len(frozen) == 80
    assert 1000.0 < frozen[:, 4].mean() < 2000.0


def test_a_copy_stays_as_it_is():
    X, y = make_data(300, 4)
    stream = streamed(X[:200], y[:200], Hinge(), "free")
    kept = stream.copy()
    stream.add(MemoryRows(X[200:]), y[200:], np.ones(100))
    kept.add(MemoryRows(X[200:]), y[200:], np.ones(100))
    np.testing.assert_array_equal(stream.lanes[0].weights, kept.lanes[0].weights)
    assert stream.lanes[0].lower_bound == kept.lanes[0].lower_bound

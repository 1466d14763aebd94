"""Sweeps that several threads share."""

import copy
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
from kernel_cases import BUILDS, use_build
from reference import LOSSES, RULES, check_certificate, check_solution, dual
from samples import text

from hingesvm import HingeSVC
from hingesvm.kernels import build
from hingesvm.losses import Hinge
from hingesvm.problems.binary import Problem
from hingesvm.rows import shared
from hingesvm.rows.memory import MemoryRows
from hingesvm.rows.team import Team
from hingesvm.solvers import solve
from hingesvm.solvers.sweeping import shares
from hingesvm.solvers.sweeping import until as stochastic
from hingesvm.solvers.sweeping.steps import (
    Sweeps,
    intercept_step,
    random_bits,
    row_steps,
)

every_build = pytest.mark.parametrize("build", BUILDS)


@pytest.fixture
def use(monkeypatch):
    """Let sweeps in shares use one build of the kernel."""

    def set_build(build):
        namespace = {"_team": None}
        use_build(namespace, build)
        monkeypatch.setattr("hingesvm.rows.shared._team", namespace["_team"])

    return set_build


def begin(team, rule="none", dtype=np.float64, n=500):
    """A problem, and the state of sweeps over it that are about to be shared."""
    X, y = text(n, dtype=dtype)
    problem = Problem.build(MemoryRows(X, team=team), y, 0.7, Hinge(), rule)
    norms = problem.rows.squared_norms()
    mean = problem.rows.mean_square()
    tau = intercept_step(problem.intercept_rule, mean, problem.cost, problem.curvature)
    state = Sweeps(
        row_steps(problem, norms, tau),
        tau,
        np.zeros(n),
        np.zeros(X.shape[1], dtype=dtype),
        0.0,
        np.arange(n, dtype=np.intp),
        n,
        np.inf,
        random_bits(0),
        0.0,
    )
    kept = shares.Shares.build(problem.rows, state.w.dtype, seed=0)
    assert shares.deal(problem, state, kept)
    return X, y, problem, state, kept


@every_build
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_sweep(use, few_rows, build, rule, size, dtype):
    use(build)
    with Team(size) as team:
        X, y, problem, state, kept = begin(team, rule, dtype)
        spent = shares.sweep_in_shares(problem, state, kept, 1e-9, 0.0)
    assert spent == pytest.approx(1.0)
    alpha, precision = state.alpha, 1e-5 if dtype == np.float32 else 1e-13
    assert alpha.min() >= 0.0
    assert alpha.max() <= 0.7
    # The first rows have a margin of 0, so that most of all rows move at once.
    assert np.count_nonzero(alpha) > 0.5 * len(y)
    assert state.w == pytest.approx(X.astype(float).T @ (alpha * y), abs=precision)
    total = float(alpha @ y)
    if rule == "none":
        assert state.intercept == 0.0
        assert dual(X.toarray(), y, np.full(500, 0.7), Hinge(), rule, alpha) > 0.0
    else:
        assert state.imbalance == pytest.approx(total, abs=precision)
        pulled = state.tau * total
        now = pulled if rule == "penalized" else 0.0
        expected = pulled + state.tau * (total - now)
        assert state.intercept == pytest.approx(expected, abs=10.0 * precision)


@every_build
@pytest.mark.parametrize("size", [2, 4])
def test_sweeps_raise_the_dual_value_where_steps_are_short_enough(
    monkeypatch, use, few_rows, build, size
):
    use(build)
    # Shortened as if all members did the same, which is safe.
    monkeypatch.setattr(shares.math, "sqrt", lambda _: 1e-9)
    values = [0.0]
    with Team(size) as team:
        X, y, problem, state, kept = begin(team)
        for _ in range(8):
            shares.sweep_in_shares(problem, state, kept, 1e-9, 0.0)
            assert kept.spread == size
            values.append(
                dual(X.toarray(), y, np.full(500, 0.7), Hinge(), "none", state.alpha)
            )
    assert np.all(np.diff(values) > 0.0)


@every_build
@pytest.mark.parametrize("size", [2, 3])
def test_rows_are_dropped_from_their_buckets(use, few_rows, build, size):
    use(build)
    with Team(size) as team:
        _, _, problem, state, kept = begin(team)
        shares.sweep_in_shares(problem, state, kept, 1e-9, 0.0)
        before = active_rows(state, kept)
        assert before == list(range(500))
        state.shrink_above = 0.01
        alpha = state.alpha.copy()
        shares.sweep_in_shares(problem, state, kept, 1e-9, 0.0)
    after = active_rows(state, kept)
    assert after == sorted(after)
    assert state.n_active == len(after) < 500
    dropped = np.setdiff1d(before, after)
    # A row is dropped at a bound, from which it has not moved.
    assert np.all((alpha[dropped] == 0.0) | (alpha[dropped] == 0.7))
    assert np.array_equal(state.alpha[dropped], alpha[dropped])


def active_rows(state, kept):
    """The rows in all buckets, one bucket after the other."""
    return [
        int(row)
        for j, size in enumerate(kept.sizes)
        for row in state.order[j * shares._BUCKET : j * shares._BUCKET + size]
    ]


@every_build
@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("rule", RULES)
def test_ending_within_a_sweep_changes_nothing(
    monkeypatch, use, few_rows, build, rule, size
):
    use(build)
    monkeypatch.setattr(shares, "_ENTRIES_PER_RANGE", 1e-9)
    found = []
    for at_once in [10_000, 20]:
        monkeypatch.setattr(
            MemoryRows, "chunk_size", lambda *_, at_once=at_once: at_once
        )
        monkeypatch.setattr(shares, "_MOST_RANGES", 500 // (20 * size) + 1)
        with Team(size) as team:
            _, _, problem, state, kept = begin(team, rule)
            for _ in range(3):
                shares.sweep_in_shares(problem, state, kept, 1e-9, 0.0)
        found.append((state.alpha, state.w, state.intercept, state.shrink_above))
    for one, other in zip(*found, strict=True):
        assert np.array_equal(one, other)


@every_build
def test_a_member_does_not_wait_for_one_that_will_not_come(use, few_rows, build):
    use(build)
    with Team(2) as team:
        _, _, problem, state, kept = begin(team)
        left = threading.Event()

        def first_only(function, cancel, size):
            def work():
                function(0)
                left.set()

            assert size == 2
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            assert not left.wait(0.2)
            cancel()
            assert left.wait(60.0)
            thread.join()
            raise KeyboardInterrupt

        team.run = first_only
        with pytest.raises(KeyboardInterrupt):
            shares.sweep_in_shares(problem, state, kept, 1e-9, 0.0)


@every_build
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("size", [2, 3, 5])
def test_bits_do_not_depend_on_the_number_of_threads(
    monkeypatch, use, few_rows, build, size, rule
):
    use(build)
    monkeypatch.setattr(shares, "_ENTRIES_PER_RANGE", 1.0)
    found = []
    for n_threads in range(1, size + 1):
        with Team(size, n_threads) as team:
            _, _, problem, state, kept = begin(team, rule)
            for _ in range(3):
                shares.sweep_in_shares(problem, state, kept, 1e-9, 0.0)
                state.shrink_above = 0.05
        found.append((state.alpha, state.w, state.intercept, kept.spread))
        found[-1] += (active_rows(state, kept),)
    for other in found[1:]:
        for one, another in zip(found[0], other, strict=True):
            assert np.array_equal(one, another)


@every_build
def test_a_member_sleeps_until_the_others_come(use, few_rows, build):
    use(build)
    found = []
    for is_late in [False, True]:
        with Team(2) as team:
            _, _, problem, state, kept = begin(team)

            def first_alone(function, cancel, size):
                first = threading.Thread(target=function, args=(0,), daemon=True)
                first.start()
                first.join(0.1)
                assert first.is_alive()
                function(1)
                first.join(10.0)
                assert not first.is_alive()

            if is_late:
                team.run = first_alone
            shares.sweep_in_shares(problem, state, kept, 1e-9, 0.0)
        found.append((state.alpha, state.w))
    for one, other in zip(*found, strict=True):
        assert np.array_equal(one, other)


def test_copies_of_weights_are_a_part_of_the_data(monkeypatch):
    monkeypatch.setattr(shares, "FEW_BYTES", 0)
    monkeypatch.setattr(shares, "_LEAST_ENTRIES", 0.0)
    X, y = text(600)
    for size, fits in [(2, True), (8, False)]:
        problem = Problem.build(MemoryRows(X, team=Team(size)), y, 1.0, Hinge(), "none")
        kept = shares.Shares.build(problem.rows, np.dtype(np.float32), seed=0)
        assert kept.copies.nbytes == 0
        state = SimpleNamespace(n_active=len(y))
        assert shares.deal(problem, state, kept) == fits
        assert kept.copies.nbytes <= 0.5 * (X.data.nbytes + X.indices.nbytes)
        assert (kept.copies.nbytes > 0) == fits


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize(("dtype", "tol"), [(np.float32, 1e-4), (np.float64, 1e-6)])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_shared_sweeps_are_certified(
    monkeypatch, few_rows, loss, rule, dtype, tol, size
):
    X, y = text(600, dtype=dtype)
    calls, real = [], stochastic.sweep_in_shares

    def spy(*args):
        calls.append(args)
        return real(*args)

    monkeypatch.setattr(stochastic, "sweep_in_shares", spy)
    found = []
    for _ in range(2):
        with Team(size) as team:
            problem = Problem.build(MemoryRows(X, team=team), y, 1.0, loss, rule)
            found.append(solve(problem, method="stochastic", tol=tol, max_iter=500))
    assert len(calls) > 3
    one, other = (solution.certificate for solution in found)
    assert np.array_equal(one.w, other.w)
    assert np.array_equal(one.alpha, other.alpha)
    assert one.intercept == other.intercept
    assert found[0].converged
    gap = check_solution(found[0], X, y, 1.0, loss, rule)
    assert gap <= tol * one.primal * (1.0 + 1e-9)


@pytest.mark.parametrize(("size", "tol"), [(2, 1e-3), (4, 0.05), (9, 0.5)])
def test_threads_whose_rows_have_much_in_common(monkeypatch, few_rows, size, tol):
    X, y = text(500, 2000, np.float64)
    X = sp.csr_matrix(sp.hstack([X, np.full((len(y), 1), 5.0)]))
    spreads, real = [], stochastic.sweep_in_shares

    def spy(problem, state, kept, *args):
        spent = real(problem, state, kept, *args)
        spreads.append(kept.spread)
        return spent

    monkeypatch.setattr(stochastic, "sweep_in_shares", spy)
    with Team(size) as team:
        problem = Problem.build(MemoryRows(X, team=team), y, 1.0, Hinge(), "none")
        solution = solve(problem, method="stochastic", tol=tol)
    assert max(spreads) > 1.2
    assert solution.converged


def test_only_wide_sparse_rows_are_shared():
    X, _ = text(200)
    with Team(2) as team:
        assert shares.can_be_shared(MemoryRows(X, team=team))
        assert not shares.can_be_shared(MemoryRows(X[:, :1000].tocsr(), team=team))
        assert not shares.can_be_shared(MemoryRows(X.toarray(), team=team))
    assert not shares.can_be_shared(MemoryRows(X))


@pytest.mark.parametrize("rule", [{}, {"penalized_intercept": True}])
def test_estimator_on_two_threads(rule):
    X, y = text(4000, 2000)
    one, two, again = (
        HingeSVC(n_jobs=n_jobs, tol=1e-4, warm_start=True, **rule).fit(X, y)
        for n_jobs in (1, 2, 2)
    )
    assert not np.array_equal(two.coef_, one.coef_)
    assert np.array_equal(two.coef_, again.coef_)
    assert two.objective_ == again.objective_
    assert two.dual_gap_ <= 1e-4 * two.objective_
    assert abs(one.objective_ - two.objective_) <= one.dual_gap_ + two.dual_gap_
    check_certificate(two, X, y)


def test_states_are_not_shared_by_fits_side_by_side():
    X, y = text(4000, 2000)
    alone = HingeSVC(n_jobs=2, tol=1e-2).fit(X, y)
    fits = [copy.copy(alone) for _ in range(3)]
    threads = [threading.Thread(target=fit.fit, args=(X, y)) for fit in fits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for fit in fits:
        assert np.array_equal(fit.coef_, alone.coef_)


def test_kernel_is_the_one_of_this_processor():
    assert shared._team is build._team


@pytest.mark.parametrize("rule", RULES)
def test_shared_sweeps_are_extrapolated(monkeypatch, few_rows, rule):
    X, y = text(1000)
    moves, dealt = [], []
    move, deal = stochastic._move, stochastic.deal

    def spy(problem, state, ahead):
        moves.append(move(problem, state, ahead))
        return moves[-1]

    def count(*args):
        dealt.append(deal(*args))
        return dealt[-1]

    monkeypatch.setattr(stochastic, "_move", spy)
    monkeypatch.setattr(stochastic, "deal", count)
    found = []
    for _ in range(2):
        with Team(2) as team:
            problem = Problem.build(MemoryRows(X, team=team), y, 1e4, Hinge(), rule)
            params = {"method": "stochastic", "tol": 1e-4, "max_iter": 10_000}
            found.append(solve(problem, **params))
    one, two = found
    assert any(moves)
    assert all(dealt)
    # Rows are dealt at the start and after each look, where they are in order.
    assert len(dealt) == len(one.history) + len(two.history)
    assert one.converged
    gap = check_solution(one, X, y, 1e4, Hinge(), rule)
    assert gap <= 1e-4 * one.certificate.primal * (1.0 + 1e-5)
    np.testing.assert_array_equal(one.certificate.w, two.certificate.w)

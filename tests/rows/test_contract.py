"""The contract of rows: a second home of them, in blocks, gives the same answers."""

import inspect

import numpy as np
import pytest
import scipy.sparse as sp
from block_rows import BlockRows
from reference import LOSSES, RULES, blobs, check_solution
from samples import text

from hingesvm import HingeSVC
from hingesvm.kernels.build import _narrow
from hingesvm.losses import Hinge
from hingesvm.problems.binary import Problem
from hingesvm.problems.joint import JointProblem
from hingesvm.rows.contract import Rows
from hingesvm.rows.duals import unpacked
from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers import Settings, choice, solve
from hingesvm.solvers.sweeping.lanes import most_lanes
from hingesvm.training.run import Training

N, D = 41, 5
KINDS = {"dense": np.asarray, "csr": sp.csr_matrix}


def values():
    """Rows of which one is zero, with zero entries."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, D)) * (rng.random((N, D)) < 0.7)
    X[7] = 0.0
    return X


@pytest.fixture(params=KINDS)
def homes(request):
    """The same rows in blocks and in memory."""
    X = KINDS[request.param](values())
    return BlockRows(X), MemoryRows(X)


def both(homes, ask):
    """Assert that both give the same answer, and return it."""
    ours, theirs = (ask(rows) for rows in homes)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)
    return ours


def problem_of(rows, y, loss, rule, cost=0.7):
    return Problem.build(rows, np.asarray(y, np.int8), cost, loss, rule)


def test_a_home_has_all_that_the_contract_names():
    names = [name for name in dir(Rows) if not name.startswith("_")]
    assert not inspect.isabstract(BlockRows)
    assert not inspect.isabstract(MemoryRows)
    for name in names:
        for home in (BlockRows, MemoryRows):
            ours, theirs = getattr(home, name), getattr(Rows, name)
            if inspect.isfunction(theirs):
                expected = list(inspect.signature(theirs).parameters)
                assert list(inspect.signature(ours).parameters) == expected, name


def test_products(homes):
    w, a = np.linspace(-1.0, 2.0, D), np.linspace(0.0, 1.0, N)
    some = np.array([40, 3, 3, 0, 22])
    signs = np.where(np.arange(N) % 2, 1, -1).astype(np.int8)
    both(homes, lambda rows: rows.margins(w, intercept=0.5, signs=signs))
    both(homes, lambda rows: rows.margins(w, some))
    both(homes, lambda rows: rows.combine(a))
    both(homes, lambda rows: rows.combine(a[:5], some))
    both(homes, lambda rows: rows.squared_norms())
    both(homes, lambda rows: rows.take(some))
    both(homes, lambda rows: rows.inner_products(some))
    both(homes, lambda rows: rows.inner_products(some, np.arange(N)))
    both(homes, lambda rows: rows.kernel(some))
    both(homes, lambda rows: rows.longest_row())
    both(homes, lambda rows: rows.n_entries)
    for bordered in (False, True):
        both(
            homes,
            lambda rows, bordered=bordered: np.tril(
                rows.gram(some, a[:5] + 0.1, bordered=bordered)
            ),
        )


def test_products_of_many_rows_are_made_in_parts(homes, monkeypatch):
    monkeypatch.setattr("hingesvm.rows.copied._ENTRIES_PER_COPY", 3 * D)
    some, weights = np.arange(N), np.linspace(0.1, 1.0, N)
    assert len(list(homes[0].blocks(some))) > 5
    both(homes, lambda rows: np.tril(rows.gram(some, weights)))
    both(homes, lambda rows: rows.inner_products(some, some[:17]))


def test_products_in_twice_the_precision(homes):
    w, some = np.array([1e16, 1.0, -1e16, 3.0, 1e-3]), np.arange(N)
    for ask in (
        lambda rows: rows.precise_scores(w, 1.0, some),
        lambda rows: rows.precise_combine(np.linspace(-1e16, 1e16, N)),
    ):
        ours, theirs = (ask(rows) for rows in homes)
        size = np.maximum(theirs.size, 1.0)
        total = (ours.value - theirs.value) + (ours.rest - theirs.rest)
        assert np.abs(total / size).max() < 1e-30
        np.testing.assert_allclose(ours.size, theirs.size, rtol=1e-12)


def test_a_subset_is_these_rows_and_no_others(homes):
    chosen = np.array([30, 2, 11, 2])
    parts = [rows.subset(chosen).subset(np.array([3, 0])) for rows in homes]
    both(parts, lambda rows: rows.take(np.arange(2)))
    np.testing.assert_array_equal(parts[0].take(np.arange(2)), values()[[2, 30]])
    both(parts, lambda rows: rows.squared_norms())
    assert parts[0].key is not homes[0].key
    assert parts[1].key is not homes[1].key
    assert homes[1].shared_by(homes[1].team, print).key is homes[1].key


@pytest.mark.parametrize("size", [D, D + 1])
def test_tiles(homes, size):
    signs = np.where(np.arange(N) % 3, 1, -1).astype(np.int8)

    def filled(rows):
        height = _narrow.ROWS_PER_TILE
        tiles = np.full((-(-N // height), size, height), np.nan)
        rows.fill_tiles(signs, tiles)
        return tiles

    both(homes, filled)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("judged", [False, True])
def test_survey(homes, loss, judged):
    signs = np.where(np.arange(N) % 3, 1, -1)
    w, alpha = np.linspace(-1.0, 2.0, D), np.linspace(0.0, 0.7, N)

    def surveyed(rows):
        problem = problem_of(rows, signs, loss, "free")
        short, reach = np.empty(N), np.empty(N, dtype=np.float32)
        scales = np.linspace(1.0, 2.0, D)
        sums = rows.survey(
            problem, w, 0.3, None if judged else alpha, short,
            scales=scales, reach=reach,
        )  # fmt: skip
        found = sums.w_of_duals, [sums.loss, sums.gain, sums.imbalance], short
        return np.concatenate([*found, unpacked(sums.duals), reach.round(4)])

    both(homes, surveyed)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_settle(homes, loss):
    signs = np.where(np.arange(N) % 3, 1, -1)
    rest, pace = np.linspace(-1.0, 1.0, N), np.full(N, 0.6)
    before, short = np.linspace(0.0, 0.7, N), np.linspace(1.5, -1.0, N)

    def settled(rows):
        problem = problem_of(rows, signs, loss, "free")
        own = problem.combine(before)
        alpha, free = rows.settle(
            problem, rest, pace, short, before, own, np.empty(N, dtype=np.intp)
        )
        np.testing.assert_allclose(own, problem.combine(alpha), atol=1e-13)
        return np.concatenate([alpha, own, [len(free)], free])

    assert both(homes, settled)[N + D] > 0


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["stochastic", "batch", "auto"])
def test_each_method_certifies_the_same_optimum(method, kind, rule, loss):
    X, y = blobs(60, 3)
    expected = solve(problem_of(MemoryRows(X), y, loss, rule)).certificate
    rows = BlockRows(KINDS[kind](X))
    found = solve(problem_of(rows, y, loss, rule), Settings(method=method, tol=1e-3))
    gap = check_solution(found, X, y, 0.7, loss, rule)
    assert gap <= 1.001e-3 * expected.primal
    assert abs(found.certificate.primal - expected.primal) <= gap + 1e-9


def test_pegasos():
    X, y = blobs(60, 3)
    problem = problem_of(BlockRows(X), y, Hinge(), "penalized")
    found = solve(problem, Settings(method="pegasos", tol=0.05, max_iter=200))
    assert check_solution(found, X, y, 0.7, Hinge(), "penalized") <= 0.05 * 60


@pytest.mark.parametrize("rule", RULES)
def test_bands(rule, monkeypatch):
    X, y = blobs(12_000, 2)
    bands, real = [], choice.band_until
    monkeypatch.setattr(
        choice, "band_until", lambda *args, **kw: (bands.append(1), real(*args, **kw))
    )
    found, expected = (
        solve(problem_of(home(X), y, Hinge(), rule), Settings(tol=1e-4))
        for home in (BlockRows, MemoryRows)
    )
    assert len(bands) >= 2
    gap = check_solution(found, X, y, 0.7, Hinge(), rule)
    assert gap <= 1e-4 * found.certificate.primal
    allowed = gap + expected.certificate.primal - expected.certificate.dual
    primals = found.certificate.primal, expected.certificate.primal
    assert abs(primals[0] - primals[1]) <= allowed


def test_sweeps_over_text():
    X, y = text(300, 2500, dtype=np.float64)
    found = solve(
        problem_of(BlockRows(X), y, Hinge(), "free"),
        Settings(method="stochastic", tol=1e-2),
    )
    gap = check_solution(found, X, y, 0.7, Hinge(), "free")
    assert gap <= 1e-2 * found.certificate.primal


def test_several_classes_are_trained_one_against_the_rest():
    X, y = blobs(90, 3)
    labels = np.where(y > 0, 2, np.arange(90) % 2)
    expected = HingeSVC().fit(X, labels)
    training = Training.build(HingeSVC(), BlockRows(X), labels, None)
    trained = training.train(1.0, None)
    assert trained.objective == pytest.approx(expected.objective_, rel=1e-9)
    np.testing.assert_allclose(trained.coef, expected.coef_, rtol=1e-6, atol=1e-7)


def test_what_a_home_cannot_do_is_not_tried_or_said():
    rows, codes = BlockRows(values()), np.arange(N) % 3
    problem = problem_of(rows, np.where(codes, 1, -1), Hinge(), "free")
    assert most_lanes(problem, 1e-3) == 1
    joint = JointProblem(rows, codes, 3, np.ones(N), 1.0, 1.0, "free")
    with pytest.raises(ValueError, match="joint losses need all rows in memory"):
        joint.class_rows()

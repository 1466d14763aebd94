"""The contract of rows: a second home of them, in blocks, gives the same answers."""

import inspect

import numpy as np
import pytest
from block_rows import BlockRows
from contract_cases import KINDS, ContractTests, N, problem_of, values
from reference import LOSSES, RULES, blobs, check_solution
from samples import text

from hingesvm import HingeSVC
from hingesvm.losses import Hinge
from hingesvm.problems.joint import JointProblem
from hingesvm.rows.batches import BatchRows
from hingesvm.rows.contract import Rows
from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers import Settings, choice, solve
from hingesvm.solvers.sweeping.lanes import most_lanes
from hingesvm.training.run import Training


@pytest.fixture(params=KINDS)
def homes(request):
    """The same rows in blocks and in memory."""
    X = KINDS[request.param](values())
    return BlockRows(X), MemoryRows(X)


def test_a_home_has_all_that_the_contract_names():
    names = [name for name in dir(Rows) if not name.startswith("_")]
    assert not inspect.isabstract(BlockRows)
    assert not inspect.isabstract(BatchRows)
    assert not inspect.isabstract(MemoryRows)
    for name in names:
        for home in (BlockRows, BatchRows, MemoryRows):
            ours, theirs = getattr(home, name), getattr(Rows, name)
            if inspect.isfunction(theirs):
                expected = list(inspect.signature(theirs).parameters)
                assert list(inspect.signature(ours).parameters) == expected, name


class TestBlocks(ContractTests):
    """The answers of blocks, method by method."""


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

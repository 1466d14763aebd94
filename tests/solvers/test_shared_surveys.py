"""Surveys and norms of rows that several threads share."""

import threading
from functools import partial

import numpy as np
import pytest
import scipy.sparse as sp
from samples import text

from hingesvm.losses import Hinge
from hingesvm.problems.binary import Problem
from hingesvm.rows.duals import PackedDuals, unpacked
from hingesvm.rows.memory import MemoryRows
from hingesvm.rows.team import Team
from hingesvm.solvers.survey import survey_rows


class InTurn(Team):
    """Members that work one after the other, in an order."""

    def __init__(self, order):
        super().__init__(len(order))
        self.order = order

    def run(self, function, cancel=None, size=None):
        results = {member: function(member) for member in self.order}
        return [results[member] for member in range(self.size)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (2, 0, 1)])
@pytest.mark.parametrize("duals", ["judged", "packed", "array"])
@pytest.mark.parametrize("kind", ["csr", "dense", "some"])
def test_shared_looks_find_the_same(few_rows, order, duals, kind):
    X, y = text(400, 300, np.float64)
    index = np.arange(0, 400, 2) if kind == "some" else None
    X = X.toarray() if kind == "dense" else X
    y = y if index is None else y[index]
    rng = np.random.default_rng(0)
    w, alpha = rng.normal(size=300), rng.choice([0.0, 0.3, 1.0], len(y))
    found = []
    for team in [Team(), InTurn(order)]:
        problem = Problem.build(
            MemoryRows(X, index, team=team), y, 1.0, Hinge(), "free"
        )
        given = {
            "judged": None,
            "packed": PackedDuals.pack(alpha, problem.bound),
            "array": alpha,
        }[duals]
        found.append(survey_rows(problem, w, 0.1, given))
    one, other = found
    assert np.array_equal(one.shortfall, other.shortfall)
    assert np.array_equal(unpacked(one.duals), unpacked(other.duals))
    assert other.w_of_duals == pytest.approx(one.w_of_duals, abs=1e-12)
    for name in ["loss", "gain", "imbalance"]:
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-12)


@pytest.mark.parametrize("fails", [0, 1])
@pytest.mark.parametrize("what", ["look", "norms"])
def test_shares_end_with_the_one_that_raises(monkeypatch, few_rows, what, fails):
    monkeypatch.setattr(MemoryRows, "chunk_size", lambda *_: 4)
    first, chunks = threading.get_ident(), [0, 0]
    failed, is_amid = threading.Event(), threading.Event()

    def check():
        member = int(threading.get_ident() != first)
        chunks[member] += 1
        if chunks[member] == 2 and member == fails:
            assert is_amid.wait(10.0)
            raise KeyboardInterrupt
        if chunks[member] == 2:
            # In the middle of its share, whose rest nobody needs.
            is_amid.set()
            assert failed.wait(10.0)

    X, y = text(400, 300, np.float64)
    with Team(2) as team:
        begun = team.run

        def run(function, cancel=None, size=None):
            return begun(function, failed.set, size)

        monkeypatch.setattr(team, "run", run)
        rows = MemoryRows(X, None, check, team)
        problem = Problem.build(rows, y, 1.0, Hinge(), "none")
        look = partial(survey_rows, problem, np.zeros(300), 0.0, None)
        with pytest.raises(KeyboardInterrupt):
            (rows.squared_norms if what == "norms" else look)()
    assert chunks[fails] == 2
    assert chunks[1 - fails] == 2


def test_looks_have_fewer_sums_where_rows_have_few_entries(monkeypatch, few_rows):
    X, y = text(400, 300, np.float64)
    wide = sp.csr_matrix((X.data, X.indices, X.indptr), shape=(400, 100_000))
    found = []
    for rows in [MemoryRows(X, team=Team(16)), MemoryRows(wide, team=Team(16))]:
        problem = Problem.build(rows, y, 1.0, Hinge(), "none")
        room = []
        survey_rows(problem, np.zeros(rows.n_features), 0.0, None, room=room)
        extra = sum(part.nbytes for part in room[1:])
        assert extra <= 0.25 * X.nnz * 8
        found.append(len(room))
    assert found[0] > 3
    assert found[1] == 1


@pytest.mark.parametrize("size", [2, 3])
def test_norms_are_shared(few_rows, size):
    X, _ = text(300)
    with Team(size) as team:
        norms = MemoryRows(X, team=team).squared_norms()
    assert np.array_equal(norms, MemoryRows(X).squared_norms())

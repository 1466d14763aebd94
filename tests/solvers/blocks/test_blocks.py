"""Problems of rows in blocks: the optimum of all rows, in few rounds, in any blocks."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import make_classification

from hingesvm import HingeSVC
from hingesvm.solvers.blocks.asking import LocalBlocks
from hingesvm.solvers.blocks.problem import KnownRows
from hingesvm.training.batches import BatchReader
from hingesvm.training.blocks import BlocksTraining


class Counted(LocalBlocks):
    """Blocks that note what is asked, and may lose what they keep."""

    def __init__(self, blocks, lose_at=None, n_threads=1):
        super().__init__(blocks, n_threads)
        self.names, self._lose_at = [], lose_at

    def _note(self, name):
        self.names.append(name)
        if self._lose_at == (name, self.names.count(name)):
            self.blocks[1]._states.clear()

    def ask(self, name, *args, **kwargs):
        self._note(name)
        return super().ask(name, *args, **kwargs)

    def chain(self, name, *args):
        self._note(name)
        return super().chain(name, *args)


def blocks_of(X, y, n_blocks, **kwargs):
    edges = np.linspace(0, len(y), n_blocks + 1).astype(int)
    return Counted(
        [
            BatchReader(HingeSVC(), []).block(k, (X[a:b], y[a:b]))
            for k, (a, b) in enumerate(pairwise(edges))
        ],
        **kwargs,
    )


def trained(clf, blocks):
    return BlocksTraining(clf, blocks, range(len(blocks.blocks))).train(clf.C)


@pytest.fixture(scope="module")
def table():
    X, y = make_classification(30_000, 6, flip_y=0.1, random_state=0)
    return X, np.where(y == 1, 1, -1)


@pytest.fixture(scope="module")
def text():
    rng = np.random.default_rng(0)
    X = sp.random(12_000, 3000, 0.005, "csr", np.float64, rng)
    score = X @ rng.normal(size=3000)
    return X, np.where(score + 0.1 * rng.normal(size=12_000) > 0.0, 1, -1)


def assert_same(model, local):
    gaps = model.dual_gap + local.dual_gap_
    assert abs(model.objective - local.objective_) <= gaps


@pytest.mark.parametrize("solver", ["auto", "batch", "stochastic"])
def test_the_optimum_of_a_table(table, solver):
    clf = HingeSVC(solver=solver, tol=1e-3)
    model = trained(clf, blocks_of(*table, 4))
    assert model.dual_gap <= 1e-3 * model.objective
    assert_same(model, clf.fit(*table))


@pytest.mark.parametrize("rule", [{}, {"penalized_intercept": True}])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_the_optimum_of_a_text(text, rule, loss):
    clf = HingeSVC(tol=1e-3, loss=loss, **rule)
    model = trained(clf, blocks_of(*text, 4))
    assert model.dual_gap <= 1e-3 * model.objective
    assert_same(model, clf.fit(*text))


def test_classes_of_a_text_are_in_flight_at_once(text):
    X, y = text
    y = np.where(np.arange(len(y)) % 3 == 0, 2, y)
    models = [
        trained(HingeSVC(tol=1e-3), blocks_of(X, y, 4, n_threads=n)) for n in (1, 3)
    ]
    assert_same(models[0], HingeSVC(tol=1e-3).fit(X, y))
    # Which class is first changes no bit.
    np.testing.assert_array_equal(models[0].coef, models[1].coef)


def test_weights_out_of_range_are_refused(table):
    X, y = table
    weights = np.full(len(y), 1e-200)
    block = BatchReader(HingeSVC(), []).block(0, (X, y, weights))
    with pytest.raises(ValueError, match="rescale C or the weights"):
        trained(HingeSVC(), LocalBlocks([block]))


def test_rounds_do_not_grow_with_the_number_of_blocks(table):
    counts = []
    for n_blocks in (4, 64, 256):
        blocks = blocks_of(*table, n_blocks, n_threads=2)
        trained(HingeSVC(), blocks)
        counts.append(len(blocks.names))
    assert max(counts) <= counts[0] + 3


@pytest.mark.parametrize(
    "lose_at", [("gather", 1), ("look", 1), ("line", 1), ("look", 2)]
)
def test_a_block_of_a_table_that_is_new_begins_anew(table, lose_at):
    blocks = blocks_of(*table, 4, lose_at=lose_at)
    model = trained(HingeSVC(), blocks)
    assert model.dual_gap <= 1e-4 * model.objective
    assert_same(model, HingeSVC().fit(*table))


@pytest.mark.parametrize(
    "lose_at", [("sweep", 2), ("enter_swept", 1), ("gather", 1), ("look", 1)]
)
def test_a_block_of_a_text_that_is_new_begins_anew(text, lose_at):
    blocks = blocks_of(*text, 4, lose_at=lose_at)
    model = trained(HingeSVC(tol=1e-3), blocks)
    assert lose_at[0] in blocks.names
    assert model.dual_gap <= 1e-3 * model.objective
    assert_same(model, HingeSVC(tol=1e-3).fit(*text))


@pytest.mark.parametrize("kind", ["table", "text"])
def test_sweeps_alone_converge(request, monkeypatch, kind):
    X, y = request.getfixturevalue(kind)
    monkeypatch.setattr("hingesvm.solvers.newton.rounds.PATIENCE", 0)
    monkeypatch.setattr(
        "hingesvm.solvers.blocks.until._Blocks._take_bands", lambda *_: True
    )
    blocks = blocks_of(X, y, 4)
    model = trained(HingeSVC(C=0.01, tol=1e-2), blocks)
    assert "gather" not in blocks.names
    assert model.dual_gap <= 1e-2 * model.objective


@pytest.mark.parametrize("kind", ["table", "text"])
def test_sweeps_begin_anew_where_a_band_cannot_be_balanced(request, monkeypatch, kind):
    X, y = request.getfixturevalue(kind)
    monkeypatch.setattr(
        "hingesvm.solvers.blocks.until._Blocks._solve_band", lambda *_: None
    )
    model = trained(HingeSVC(C=0.01, tol=1e-2), blocks_of(X, y, 4))
    assert model.dual_gap <= 1e-2 * model.objective


def test_a_rare_class_begins_with_sweeps(table):
    X, y = table
    y = np.where((np.arange(len(y)) % 5000 == 0) & (y == 1), 1, -1)
    blocks = blocks_of(X, y, 4)
    model = trained(HingeSVC(tol=1e-3), blocks)
    assert model.dual_gap <= 1e-3 * model.objective
    assert_same(model, HingeSVC(tol=1e-3).fit(X, y))


def test_a_line_search_helps_where_the_objective_would_rise(table, monkeypatch):
    X, y = table
    # A column that few rows have, whose weight a sample does not know.
    X = np.column_stack([X, np.where(np.arange(len(y)) % 3000 == 0, 100.0, 0.0)])
    blocks = blocks_of(X, y, 4)
    model = trained(HingeSVC(), blocks)
    assert_same(model, HingeSVC().fit(X, y))


def test_float32_weights_are_rounded_and_certified(table):
    X, y = table
    clf = HingeSVC(tol=1e-7)
    model = trained(clf, blocks_of(X.astype(np.float32), y, 4))
    assert model.coef.dtype == np.float32
    assert model.dual_gap <= 1e-7 * model.objective
    assert model.dual_gap / model.objective < model.rounded_gap < 1e-4


def test_the_certificate_is_one_of_all_rows(table):
    X, y = table
    model = trained(HingeSVC(), blocks_of(X, y, 4))
    margins = y * (X @ model.coef[0] + model.intercept[0])
    losses = np.maximum(0.0, 1.0 - margins).sum()
    primal = 0.5 * model.coef[0] @ model.coef[0] + losses
    assert model.objective == pytest.approx(primal, rel=1e-12)
    least = HingeSVC(tol=1e-8).fit(X, y).objective_
    assert model.objective - model.dual_gap <= least * (1.0 + 1e-8)


def test_problems_of_several_classes_are_forgotten(table):
    X, y = table
    blocks = blocks_of(X, np.where(X[:, 0] > 0.5, 2, y), 3)
    trained(HingeSVC(), blocks)
    assert not any(block._states for block in blocks.blocks)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_bands_with_too_little_room_end_in_few_rounds(monkeypatch, seed):
    monkeypatch.setattr(KnownRows, "most_at_once", property(lambda rows: 5000))
    random = np.random.default_rng(7)
    X = random.standard_normal((100_000, 20), dtype=np.float32)
    score = X @ np.linspace(-1.0, 1.0, 20) + 2.0 * random.standard_normal(100_000)
    blocks = blocks_of(X, np.where(score > 0.0, 1, -1), 16)
    clf = HingeSVC(random_state=seed)
    model = trained(clf, blocks)
    assert model.solutions[0].certificate.relative_gap <= clf.tol
    assert len(blocks.names) <= 60
    assert "sweep" not in blocks.names

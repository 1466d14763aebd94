"""What each home of rows answers as rows in memory do, method by method."""

import numpy as np
import pytest
import scipy.sparse as sp
from reference import LOSSES

from hingesvm.kernels.build import _narrow
from hingesvm.problems.binary import Problem
from hingesvm.rows.duals import unpacked
from hingesvm.rows.parts import PartSteps
from hingesvm.rows.per_row import ColumnMap

N, D = 41, 5
KINDS = {"dense": np.asarray, "csr": sp.csr_matrix}


def values():
    """Rows of which one is zero, with zero entries."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, D)) * (rng.random((N, D)) < 0.7)
    X[7] = 0.0
    return X


def both(homes, ask):
    """Assert that both give the same answer, and return it."""
    ours, theirs = (ask(rows) for rows in homes)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)
    return ours


def problem_of(rows, y, loss, rule, cost=0.7):
    return Problem.build(rows, np.asarray(y, np.int8), cost, loss, rule)


class ContractTests:
    """For a module that has a fixture `homes`: the same rows there and in memory."""

    def test_products(self, homes):
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

    def test_products_of_many_rows_are_made_in_parts(self, homes, monkeypatch):
        monkeypatch.setattr("hingesvm.rows.copied._ENTRIES_PER_COPY", 3 * D)
        some, weights = np.arange(N), np.linspace(0.1, 1.0, N)
        assert len(list(homes[0].blocks(some))) > 5
        both(homes, lambda rows: np.tril(rows.gram(some, weights)))
        both(homes, lambda rows: rows.inner_products(some, some[:17]))

    def test_products_in_twice_the_precision(self, homes):
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

    def test_a_subset_is_these_rows_and_no_others(self, homes):
        chosen = np.array([30, 2, 11, 2])
        parts = [rows.subset(chosen).subset(np.array([3, 0])) for rows in homes]
        both(parts, lambda rows: rows.take(np.arange(2)))
        expected = values()[[2, 30]].astype(homes[0].dtype)
        np.testing.assert_array_equal(parts[0].take(np.arange(2)), expected)
        both(parts, lambda rows: rows.squared_norms())
        assert parts[0].key is not homes[0].key
        assert parts[1].key is not homes[1].key
        assert homes[1].shared_by(homes[1].team, print).key is homes[1].key

    @pytest.mark.parametrize("chosen", [[1, 2, 4], [3], [], list(range(D))], ids=str)
    def test_some_columns_of_the_same_rows(self, homes, chosen):
        chosen = np.array(chosen, dtype=np.intp)
        parts = [rows.columns(chosen) for rows in homes]
        for part, rows in zip(parts, homes, strict=True):
            expected = values().astype(rows.dtype)[:, chosen]
            np.testing.assert_array_equal(part.take(np.arange(N)), expected)
            assert (part.n_rows, part.n_features) == expected.shape
            assert (part.dtype, part.is_sparse) == (rows.dtype, rows.is_sparse)
        both(parts, lambda rows: rows.n_entries)
        both(parts, lambda rows: rows.squared_norms())
        both(parts, lambda rows: rows.margins(np.arange(1.0, len(chosen) + 1)))
        both(parts, lambda rows: rows.combine(np.arange(1.0, N + 1)))

    @pytest.mark.parametrize("size", [D, D + 1])
    def test_tiles(self, homes, size):
        signs = np.where(np.arange(N) % 3, 1, -1).astype(np.int8)

        def filled(rows):
            height = _narrow.ROWS_PER_TILE
            tiles = np.full((-(-N // height), size, height), np.nan, rows.dtype)
            rows.fill_tiles(signs, tiles)
            return tiles

        both(homes, filled)

    @pytest.mark.parametrize("loss", LOSSES, ids=repr)
    @pytest.mark.parametrize("judged", [False, True])
    def test_survey(self, homes, loss, judged):
        signs = np.where(np.arange(N) % 3, 1, -1)
        w, alpha = np.linspace(-1.0, 2.0, D), np.linspace(0.0, 0.7, N)

        def surveyed(rows):
            problem = problem_of(rows, signs, loss, "free")
            short, reach = np.empty(N), np.empty(N, dtype=np.float32)
            scales = np.linspace(1.0, 2.0, D, dtype=rows.dtype)
            sums = rows.survey(
                problem, w, 0.3, None if judged else alpha, short,
                scales=scales, reach=reach,
            )  # fmt: skip
            found = sums.w_of_duals, [sums.loss, sums.gain, sums.imbalance], short
            return np.concatenate([*found, unpacked(sums.duals), reach.round(4)])

        both(homes, surveyed)

    @pytest.mark.parametrize("loss", LOSSES, ids=repr)
    def test_settle(self, homes, loss):
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
    @pytest.mark.parametrize("is_penalized", [False, True])
    def test_steps(self, homes, loss, is_penalized):
        signs = np.where(np.arange(N) % 3, 1, -1)
        columns = np.linspace(0.0, 0.6, D), np.linspace(0.5, 2.0, D), np.ones(D)

        def stepped(rows):
            problem = problem_of(rows, signs, loss, "penalized")
            step = 1.0 / (2.0 * rows.squared_norms() + problem.curvature + 0.7)
            w, random = np.zeros(D, rows.dtype), np.zeros(1, np.uint64)
            state = PartSteps(np.arange(N), N, step, 0.7, 0.3, np.zeros(N), w, random)
            for _ in range(4):
                scalars = np.zeros(2)
                args = (ColumnMap(*columns),) if is_penalized else ()
                take = rows.penalized_steps if is_penalized else rows.dual_steps
                state.n_active = take(problem, state, *args, scalars)
            order = state.order[: state.n_active]
            return np.concatenate([state.alpha, state.w, scalars, order])

        assert len(both(homes, stepped)) < 2 * N + D + 2

"""Products that follow a series of Newton systems, against those from scratch."""

import numpy as np
import pytest

from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers.newton import products
from hingesvm.solvers.newton.products import KeptProducts

N, D = 200, 9


@pytest.fixture
def rows():
    return MemoryRows(np.random.default_rng(0).normal(size=(N, D)))


@pytest.fixture
def multiplied(rows, monkeypatch):
    """The numbers of rows that were multiplied."""
    counts, real = [], rows.gram

    def spy(some, *args, **kwargs):
        counts.append(len(some))
        return real(some, *args, **kwargs)

    monkeypatch.setattr(rows, "gram", spy)
    return counts


def check(kept, rows, some, weights):
    got = kept.gram(some, weights, single=False)
    bordered = len(got) > D
    expected = MemoryRows(rows.take(np.arange(N))).gram(
        some, weights, bordered=bordered
    )
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("bordered", [False, True])
def test_series_of_random_rows_and_weights(rows, bordered):
    rng = np.random.default_rng(1)
    kept = KeptProducts(rows, bordered=bordered)
    inside = rng.random(N) < 0.5
    weights = rng.uniform(0.5, 2.0, N)
    for step in range(60):
        inside ^= rng.random(N) < rng.choice([0.0, 0.02, 0.2, 0.9])
        if step % 3 == 0:
            weights *= rng.uniform(0.1, 10.0)
        if step % 7 == 0:
            weights[rng.integers(N, size=5)] *= 1.5
        some = np.flatnonzero(inside)
        check(kept, rows, some, weights[some])


def test_only_rows_that_change_are_multiplied(rows, multiplied):
    kept = KeptProducts(rows, bordered=True)
    some, weights = np.arange(100), np.random.default_rng(2).uniform(0.5, 2.0, N)
    check(kept, rows, some, weights[some])
    assert multiplied == [100]
    # Three leave, ten enter, and all weights are multiplied.
    some = np.arange(3, 110)
    check(kept, rows, some, 3.0 * weights[some])
    assert sorted(multiplied[1:]) == [3, 10]
    check(kept, rows, some, weights[some])
    assert len(multiplied) == 3


def test_where_most_rows_change_all_are_multiplied(rows, multiplied):
    kept = KeptProducts(rows, bordered=False)
    for some in (np.arange(100), np.arange(60, 160), np.arange(160, 200)):
        check(kept, rows, some, np.ones(len(some)))
    assert multiplied == [100, 100, 40]


def test_all_are_multiplied_once_in_a_while(rows, multiplied):
    kept = KeptProducts(rows, bordered=False)
    some = np.arange(100)
    for _ in range(2 * products._MOST_UPDATES + 2):
        kept.gram(some, np.ones(100), single=False)
    assert multiplied == [100, 100]


def test_no_rows(rows):
    kept = KeptProducts(rows, bordered=False)
    nothing = np.arange(0)
    for some in (nothing, np.arange(10), nothing, nothing):
        check(kept, rows, some, np.ones(len(some)))


def test_products_in_single_precision_are_not_kept_for_a_system_in_double():
    rows = MemoryRows(np.random.default_rng(0).normal(size=(N, D)).astype(np.float32))
    kept = KeptProducts(rows, bordered=True)
    some, weights = np.arange(100), np.random.default_rng(1).uniform(0.5, 2.0, N)
    kept.gram(some, weights[some], single=False)
    for entered in (some[:-1], some):
        kept.gram(entered, weights[entered], single=True)
        got = kept.gram(some, 1e9 * weights[some], single=False)
        expected = rows.gram(some, 1e9 * weights[some], bordered=True)
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12 * got.max())

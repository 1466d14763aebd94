"""Scales, spreads and mean squares of columns against NumPy."""

import numpy as np
import pytest
import scipy.sparse as sp
from row_cases import STORAGES, D, N, some_rows

from hingesvm.rows.columns import (
    column_scales,
    column_spreads,
    entries_above,
    mean_squares,
)
from hingesvm.rows.memory import MemoryRows


def test_column_scales(pair):
    rows, X = pair
    assert column_scales(rows) == pytest.approx(np.abs(X).max(axis=0), rel=1e-14)


@pytest.mark.parametrize("centred", [False, True])
def test_column_spreads(pair, centred):
    rows, X = pair
    for weights in [np.linspace(0.5, 2.0, rows.n_rows), np.array([3.0])]:
        each = np.broadcast_to(weights, rows.n_rows)
        mean = np.average(X, axis=0, weights=each) if centred else 0.0
        expected = each @ (X - mean) ** 2
        found = column_spreads(rows, weights, centred=centred)
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_spread_of_columns_far_from_zero(dtype):
    X = np.column_stack([np.full(N, 0.1), 1e4 + np.arange(N) % 2]).astype(dtype)
    found = column_spreads(MemoryRows(X), np.ones(1), centred=True)
    assert found == pytest.approx([0.0, X[:, 1].astype(float).var() * N], rel=1e-6)
    assert found[0] == 0.0


def test_mean_squares(pair):
    rows, X = pair
    for some in (some_rows(rows.n_rows), np.arange(rows.n_rows)):
        out = mean_squares(rows, some)
        assert out.dtype == np.float64
        assert out.shape == (D,)
        expected = np.square(X[some]).mean(axis=0)
        assert out == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("storage", ["dense", "csr32"])
@pytest.mark.parametrize("power", [-80, 80])
def test_mean_squares_beyond_the_range_of_float32(storage, power):
    # 2^80 is a float32; its square, of which the scale of a column is made, is not.
    X = np.full((N, D), 2.0**power, dtype=np.float32)
    out = mean_squares(MemoryRows(STORAGES[storage](X)), np.arange(N))
    assert out / 4.0**power == pytest.approx(np.ones(D), rel=1e-6)


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
def test_entries_above_limits(kind):
    X = np.random.default_rng(0).standard_normal((50, 4))
    some = np.array([3, 7, 40, 41])
    limits = np.array([0.1, 0.5, 1.0, 9.0])
    rows = MemoryRows(kind(X))
    found = set(zip(*entries_above(rows, some, limits), strict=True))
    expected = {(k, j) for k in range(4) for j in range(4)}
    assert found == {(k, j) for k, j in expected if abs(X[some[k], j]) > limits[j]}
    assert len(entries_above(rows, some[:0], limits)[0]) == 0

"""Proximal steps in units that each row has."""

import numpy as np

from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers.newton.proximal import units

X = np.random.default_rng(0).normal(size=(30, 4))
COST = np.linspace(0.5, 2.0, 30)


def test_even_rows_have_their_costs():
    assert units(MemoryRows(X), COST) is COST
    assert units(MemoryRows(1e6 * X), COST) is COST


def test_uneven_rows_move_their_own_margin_by_one():
    rows = X * np.logspace(-4, 4, 30)[:, None]
    rows[3] = 0.0
    squares = (rows**2).sum(axis=1)
    found = units(MemoryRows(rows), COST)
    assert found[3] == COST[3]
    np.testing.assert_allclose(found[-5:], 1.0 / squares[-5:], rtol=1e-12)
    assert np.array_equal(found[:3], COST[:3])

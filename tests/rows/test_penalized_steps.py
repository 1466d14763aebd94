"""Steps at one row after the other, where weights follow from sums of rows."""

import numpy as np
import pytest
from contract_cases import problem_of
from reference import LOSSES
from row_cases import STORAGES, D, N, values

from hingesvm.losses import Hinge
from hingesvm.rows.memory import MemoryRows
from hingesvm.rows.parts import PartSteps
from hingesvm.rows.per_row import ColumnMap

SIGNS = np.where(np.arange(N) % 3, 1, -1).astype(np.int8)
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)
each_storage = pytest.mark.parametrize("name", STORAGES)
each_dtype = pytest.mark.parametrize("dtype", ["float64", "float32"])


def state_of(rows, problem, least=1.0, tau=0.0):
    """The state at a = 0, its rows in an order of their own."""
    step = 1.0 / (rows.squared_norms() / least + tau + problem.curvature + 1e-3)
    order = np.random.default_rng(0).permutation(rows.n_rows)
    state = np.zeros(1, dtype=np.uint64)
    alpha, v = np.zeros(rows.n_rows), np.zeros(rows.n_features, rows.dtype)
    return PartSteps(order, len(order), step, tau, np.inf, alpha, v, state)


def some_map(kind=0):
    rng = np.random.default_rng(kind)
    thresholds = np.where(np.arange(D) % 4, rng.uniform(0.0, 0.6, D), 0.0)
    return ColumnMap(thresholds, rng.uniform(0.5, 2.0, D), rng.normal(size=D))


def plain_map():
    return ColumnMap(np.zeros(D), np.ones(D), np.zeros(D))


def dual(problem, map, alpha, v):
    """The dual objective of the penalised problem."""
    gain = (alpha - 0.5 * problem.curvature * alpha**2).sum()
    return gain - 0.5 * (map.strength * map.weights(v) ** 2).sum()


def test_weights_are_soft_thresholds():
    map = ColumnMap(np.array([1.0, 1, 1, 0]), np.array([2.0, 1, 1, 4]), np.zeros(4))
    found = map.weights(np.array([3.0, -0.5, -1.5, 2.0], dtype=np.float32))
    np.testing.assert_array_equal(found, [1.0, 0.0, -0.5, 0.5])
    assert not np.signbit(found[1])
    moved = ColumnMap(map.threshold, map.strength, np.array([-3.5, 2.0, 0.0, 0.0]))
    np.testing.assert_array_equal(
        moved.weights(np.array([3.0, -0.5, -1.5, 2.0])), [0.0, 0.5, -0.5, 0.5]
    )


@each_loss
@each_storage
@each_dtype
@pytest.mark.parametrize("shrink_above", [np.inf, 0.3])
def test_without_a_penalty_they_are_those_of_the_sums(dtype, name, loss, shrink_above):
    rows = MemoryRows(STORAGES[name](values().astype(dtype)))
    problem = problem_of(rows, SIGNS, loss, "penalized")
    states = [state_of(rows, problem, tau=0.7) for _ in range(2)]
    for _ in range(3):
        scalars = np.zeros((2, 2))
        for k, state in enumerate(states):
            state.shrink_above = shrink_above
            if k == 0:
                state.n_active = rows.dual_steps(problem, state, scalars[k])
            else:
                state.n_active = rows.penalized_steps(
                    problem, state, plain_map(), scalars[k]
                )
        ours, theirs = states
        assert ours.n_active == theirs.n_active
        tolerance = 1e-12 if dtype == "float64" else 1e-5
        np.testing.assert_array_equal(ours.order, theirs.order)
        np.testing.assert_allclose(ours.alpha, theirs.alpha, atol=tolerance)
        np.testing.assert_allclose(ours.w, theirs.w, atol=tolerance)
        np.testing.assert_allclose(*scalars, atol=tolerance)
    assert (ours.n_active < N) == (shrink_above < np.inf)


@each_loss
@each_storage
@each_dtype
def test_the_dual_objective_never_falls(dtype, name, loss):
    X = values().astype(dtype)
    rows, map = MemoryRows(STORAGES[name](X)), some_map()
    problem = problem_of(rows, SIGNS, loss, "none")
    state = state_of(rows, problem, map.strength.min())
    order, before = state.order.copy(), -np.inf
    slack = 1e-12 if dtype == "float64" else 1e-5
    for row in np.tile(order, 20):
        state.order, state.n_active = np.array([row]), 1
        rows.penalized_steps(problem, state, map, np.zeros(2))
        now = dual(problem, map, state.alpha, state.w)
        assert now >= before - slack
        before = now
    expected = rows.combine(SIGNS * state.alpha)
    np.testing.assert_allclose(
        state.w, expected, atol=1e-12 + (dtype == "float32") * 1e-4
    )
    assert before > 0.1


@each_loss
def test_sweeps_lead_to_the_optimum(loss):
    rows, map = MemoryRows(values()), some_map()
    problem = problem_of(rows, SIGNS, loss, "none")
    state = state_of(rows, problem, map.strength.min())
    for _ in range(3000):
        scalars = np.zeros(2)
        assert rows.penalized_steps(problem, state, map, scalars) == N
    w = map.weights(state.w)
    short = 1.0 - SIGNS * (values() @ w)
    primal = (
        0.5 * (map.strength * w**2).sum() + map.threshold @ np.abs(w) - map.center @ w
    )
    primal += (loss.value(1.0 - short) * problem.cost).sum()
    assert primal == pytest.approx(dual(problem, map, state.alpha, state.w), rel=1e-5)


@pytest.mark.parametrize("name", ["dense", "csr32"])
def test_in_chunks_the_same(name, monkeypatch):
    found = []
    for _ in range(2):
        rows = MemoryRows(STORAGES[name](values()))
        problem = problem_of(rows, SIGNS, Hinge(), "penalized")
        state = state_of(rows, problem, 0.5, tau=0.7)
        state.shrink_above = 0.1
        for _ in range(2):
            scalars = np.zeros(2)
            state.n_active = rows.penalized_steps(problem, state, some_map(), scalars)
        found.append(np.concatenate([state.alpha, state.w, scalars, state.order]))
        monkeypatch.setattr("hingesvm.rows.divided._ENTRIES_PER_CHUNK", 1)
    np.testing.assert_array_equal(*found)

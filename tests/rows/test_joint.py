"""What the Newton steps of joint problems ask of X, against dense products."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from joint_cases import dense_rows, random_problem, rows_of

from hingesvm.problems.joint import JointProblem
from hingesvm.rows import joint
from hingesvm.rows.memory import MemoryRows, room_to_pack
from hingesvm.solvers.joint.sweeps import _begin, _sweep_once

KINDS = ["dense", "csr32", "csr64"]


@pytest.fixture
def calls(monkeypatch):
    """Chunks of some 10 rows, and the looks for an interrupt between them."""
    monkeypatch.setattr("hingesvm.rows.divided._ENTRIES_PER_CHUNK", 320)
    return []


def joint_rows(calls, kind="dense", n_classes=3, density=0.8, dtype=np.float64):
    problem = random_problem(
        np.inf, "free", n=41, n_classes=n_classes, density=density, kind=kind,
        dtype=dtype,
    )  # fmt: skip
    problem.rows.check_cancelled = lambda: calls.append(None)
    return problem.class_rows(), dense_rows(problem)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("density", [0.1, 0.8])
@pytest.mark.parametrize("kind", KINDS)
def test_products_of_all_rows_and_of_some(calls, kind, density, dtype):
    joint, X = joint_rows(calls, kind, 5, density, dtype)
    assert joint.width == 8
    rng = np.random.default_rng(0)
    w, factors = rng.normal(size=(4, 8)), rng.normal(size=(41, 8))
    np.testing.assert_allclose(joint.scores(w), X @ w, atol=1e-13)
    assert len(calls) > 2
    calls.clear()
    np.testing.assert_allclose(joint.combine(factors), X.T @ factors, atol=1e-12)
    assert len(calls) > 2
    some = np.array([40, 3, 3, 0, *range(7, 32)])
    np.testing.assert_allclose(joint.scores(w, some), X[some] @ w, atol=1e-13)
    part = factors[: len(some)]
    np.testing.assert_allclose(joint.combine(part, some), X[some].T @ part, atol=1e-12)


def test_rows_of_a_subset_are_its_own(calls):
    joint, X = joint_rows(calls)
    chosen = np.array([30, 2, 11])
    problem = random_problem(np.inf, "free", n=41)
    rows, codes = joint.rows.subset(chosen), problem.codes[chosen]
    part = replace(problem, rows=rows, codes=codes).class_rows()
    w = np.random.default_rng(0).normal(size=(4, 4))
    np.testing.assert_allclose(part.scores(w), X[chosen] @ w, atol=1e-13)
    last_two = np.array([2, 1])
    np.testing.assert_allclose(part.scores(w, last_two), X[[11, 2]] @ w, atol=1e-13)


@pytest.mark.parametrize(("n_classes", "width"), [(2, 4), (4, 4), (5, 8), (9, 12)])
def test_classes_are_padded(n_classes, width):
    problem = random_problem(1.0, "none", n_classes=n_classes)
    assert problem.class_rows().width == width


def test_duals_count_for_the_own_class_and_against_the_others(calls):
    joint, X = joint_rows(calls)
    alpha = np.random.default_rng(0).random((41, 4))
    alpha[:, 3] = alpha[np.arange(41), joint.codes] = 0.0
    before = alpha.copy()
    own, imbalance = joint.sums(alpha)
    signed = -alpha
    signed[np.arange(41), joint.codes] = alpha.sum(axis=1)
    np.testing.assert_allclose(own, X.T @ signed, atol=1e-13)
    np.testing.assert_allclose(imbalance, signed.sum(axis=0), atol=1e-13)
    assert np.array_equal(alpha, before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_only_dense_rows_with_many_zeros_are_packed(dtype):
    X = np.ones((1200, 6), dtype=dtype)
    X[:, :3] = 0.0
    # Half of the entries are not 0: too many.
    for some in (MemoryRows(X), MemoryRows(sp.csr_matrix(X))):
        assert [len(part) for part in room_to_pack(some)] == [0, 0]
    X[:, 3] = 0.0
    values, places = room_to_pack(MemoryRows(X))
    assert len(values) == len(places) == 7
    assert values.dtype == dtype
    assert places.dtype == np.int32
    sparse = room_to_pack(rows_of("csr64", X))
    assert [len(part) for part in sparse] == [0, 0]
    assert [part.dtype for part in sparse] == [dtype, np.int32]


def test_rows_from_first_to_last_are_looked_at():
    # Of 3000 rows some 500 are looked at, evenly spread.
    X = np.zeros((3000, 4))
    X[:1200] = 1.0
    assert len(room_to_pack(MemoryRows(X))[0]) == 5
    X[1200:1800] = 1.0
    assert len(room_to_pack(MemoryRows(X))[0]) == 0
    assert len(room_to_pack(MemoryRows(X[::-1].copy()))[0]) == 0


def test_entries_of_some_rows_are_packed_once_and_steps_are_the_same():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(300, 40)) * (rng.random((300, 40)) < 0.2)
    codes = rng.integers(0, 4, 300)
    problem = JointProblem(MemoryRows(X), codes, 4, np.ones(300), 1.0, 1.0, "penalized")
    found = []
    for packs in (False, True):
        state = _begin(problem, None, 1e-8, 0)
        some = np.arange(5, 300, 2)
        state.order[: len(some)], state.n_active = some, len(some)
        if packs:
            state.rows.pack(some)
            held = state.rows._packed
            assert held.holds(some[::3])
            assert not held.holds(np.array([5, 6]))
            state.rows.pack(some[::3])
            assert state.rows._packed is held
        for _ in range(5):
            _sweep_once(problem, state)
        found.append((state.alpha, state.w, state.intercepts))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


def test_rows_are_not_packed_where_that_takes_much(monkeypatch):
    X = np.eye(60)
    dense = MemoryRows(np.ones((60, 60))).joint(np.zeros(60, np.intp), 3)
    dense.pack(np.arange(60))
    assert dense._packed is None
    sparse = MemoryRows(X).joint(np.zeros(60, np.intp), 3)
    monkeypatch.setattr(joint, "_ALWAYS_PACKED", 100)
    monkeypatch.setattr(joint, "_PART_PACKED", 0.0)
    sparse.pack(np.arange(9))
    assert sparse._packed is None
    sparse.pack(np.arange(8))
    assert sparse._packed is not None
    sparse.pack(np.arange(60))
    assert sparse._packed is None

"""Packed dual variables: what goes in comes out, in whole, by ranges and by rows."""

import numpy as np
import pytest
from kernel_cases import per_row

from hingesvm.rows import duals
from hingesvm.rows.duals import PackedDuals, read_duals, unpacked

N = 50


@pytest.fixture(params=[True, False], ids=["scalar", "array"])
def bound(request):
    return per_row(N, request.param, 0.5, 2.0)


def some_duals(bound, seed=0):
    """A third of them at 0, a third at their bound."""
    rng = np.random.default_rng(seed)
    return np.clip(rng.uniform(-1.0, 2.0, N), 0.0, 1.0) * np.minimum(bound, 3.0)


def test_pack_and_unpack(bound):
    alpha = some_duals(bound)
    packed = PackedDuals.pack(alpha, bound)
    assert np.array_equal(unpacked(packed), alpha)
    expected = np.where(alpha == 0.0, 0, np.where(alpha == bound, 1, 2))
    assert np.array_equal(packed.places, expected)
    assert set(expected) == {0, 1, 2}
    assert np.array_equal(packed.values, alpha[expected == 2])


def test_without_a_bound():
    bound = np.broadcast_to(np.inf, N)
    alpha = some_duals(bound)
    packed = PackedDuals.pack(alpha, bound)
    assert np.array_equal(unpacked(packed), alpha)
    assert not np.any(packed.places == 1)


def test_ranges_that_follow_on(bound):
    alpha = some_duals(bound)
    packed, count = PackedDuals.pack(alpha, bound), 0
    for start, stop in [(0, 7), (7, 7), (7, 30), (30, N)]:
        part, count = read_duals(packed, start, stop, count)
        assert np.array_equal(part, alpha[start:stop])
    assert count == len(packed.values)


def test_rows_with_all_that_are_inside(bound):
    alpha = some_duals(bound)
    packed = PackedDuals.pack(alpha, bound)
    rows = np.flatnonzero((packed.places == 2) | (np.arange(N) % 3 == 0))
    assert len(rows) < N
    assert np.array_equal(packed.take(rows), alpha[rows])
    with pytest.raises(AssertionError):
        packed.take(rows[: len(rows) // 2])


def test_others_in_some_rows(bound):
    alpha = some_duals(bound)
    packed = PackedDuals.pack(alpha, bound)
    rows = np.flatnonzero((packed.places == 2) | (np.arange(N) % 3 == 0))
    other = alpha.copy()
    other[rows] = some_duals(bound, seed=1)[rows]
    assert np.array_equal(unpacked(packed.replaced(rows, other[rows])), other)
    assert np.array_equal(unpacked(packed), alpha)


def test_join(bound):
    alpha = some_duals(bound)
    edges = [slice(0, 7), slice(7, 7), slice(7, N)]
    parts = [PackedDuals.pack(alpha[some], bound[some]) for some in edges]
    joined = PackedDuals.joined(parts, bound)
    assert np.array_equal(unpacked(joined), alpha)
    assert len(unpacked(PackedDuals.joined([], bound))) == 0


def test_no_rows():
    none = np.empty(0)
    packed = PackedDuals.pack(none, none)
    assert len(unpacked(packed)) == 0


@pytest.mark.parametrize("at_once", [1, 7, 1 << 16])
def test_sums_of_packed_duals(monkeypatch, at_once):
    monkeypatch.setattr(duals, "_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    alpha = rng.choice([0.0, 0.3, 2.0], 50) * rng.choice([1.0, 0.5], 50)
    signs = rng.choice([-1, 1], 50).astype(np.int8)
    packed = PackedDuals.pack(alpha, np.broadcast_to(2.0, 50))
    expected = alpha.sum(), alpha @ signs
    np.testing.assert_allclose(packed.sums(signs), expected, rtol=1e-13)

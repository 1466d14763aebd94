"""Conjugates of the multi-class losses: linear programs, Fenchel-Young inequality."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiclass_cases import cases, either_loss, every_loss, quick
from scipy.optimize import linprog

from hingesvm.losses import CrammerSinger, WestonWatkins

EPS = np.finfo(np.float64).eps


def plain_dual(loss, n_classes, y, rng):
    """A vector of the domain of the conjugate, at random."""
    s = rng.uniform(size=n_classes)
    s[rng.uniform(size=n_classes) < 0.3] = 0.0
    s[y] = 0.0
    if isinstance(loss, CrammerSinger) and s.sum() > 0.0:
        s *= rng.choice([1.0, rng.uniform()]) / s.sum()
    s[y] = -s.sum()
    return s


def conjugate_by_linear_program(loss, s, y):
    """sup over f of s f minus the loss, whose hinges are variables of the program."""
    n_classes = len(s)
    others = [k for k in range(n_classes) if k != y]
    n_hinges = 1 if isinstance(loss, CrammerSinger) else len(others)
    rows = np.zeros((len(others), n_classes + n_hinges))
    for number, k in enumerate(others):
        rows[number, k] += 1.0
        rows[number, y] -= 1.0
        rows[number, n_classes + number % n_hinges] = -1.0
    found = linprog(
        np.r_[-s, np.ones(n_hinges)],
        rows,
        np.full(len(others), -loss.margin),
        bounds=[(None, None)] * n_classes + [(0.0, None)] * n_hinges,
    )
    if found.status == 3:
        return math.inf
    assert found.status == 0
    return -found.fun


@every_loss
@quick
@given(case=cases())
def test_fenchel_young_equality_at_a_subgradient(loss, case):
    scores, codes, _ = case
    slopes = loss.subgradient(scores, codes)
    both = loss.value(scores, codes) + loss.conjugate(slopes, codes)
    products = (slopes * scores).sum(axis=1)
    np.testing.assert_allclose(both, products, rtol=1e-12, atol=1e-11)


@either_loss
@quick
@given(case=cases(), seed=st.integers(0, 99))
def test_fenchel_young_inequality(loss, case, seed):
    scores, codes, _ = case
    rng = np.random.default_rng(seed)
    n_classes = scores.shape[1]
    duals = [plain_dual(loss, n_classes, y, rng) for y in codes]
    duals = np.reshape(duals, scores.shape)
    conjugate = loss.conjugate(duals, codes)
    assert np.all(np.isfinite(conjugate))
    products = (duals * scores).sum(axis=1)
    assert np.all(loss.value(scores, codes) + conjugate >= products - 1e-11)


@every_loss
def test_conjugate_is_the_supremum(loss):
    rng = np.random.default_rng(0)
    found = []
    for _ in range(30):
        n_classes = rng.integers(2, 5)
        y = rng.integers(n_classes)
        s = plain_dual(loss, n_classes, y, rng)
        how = rng.integers(4)
        if how == 1:  # no sum of zero
            s[rng.integers(n_classes)] += 0.25
        elif how == 2:  # beyond the bound
            s *= 3.0
        elif how == 3:  # negative
            s = -s
        expected = conjugate_by_linear_program(loss, s, y)
        found.append(expected)
        assert loss.conjugate([s], [y])[0] == pytest.approx(expected, abs=1e-9)
    assert 5 < np.isinf(found).sum() < 25


@every_loss
def test_conjugate_at_the_ends_of_its_domain(loss):
    inside = [[0.0, 0.0, 0.0], [-1.0, 1.0, 0.0], [-0.25, 0.0, 0.25]]
    expected = -loss.margin * np.array([0.0, 1.0, 0.25])
    assert np.array_equal(loss.conjugate(inside, [0, 0, 0]), expected)
    assert not np.signbit(loss.conjugate(inside, [0, 0, 0])[0])
    above = 1.0 + 8.0 * EPS
    outside = [
        [-1e-300, 0.0, 0.0],
        [0.0, 1e-300, 0.0],
        [0.0, -1e-300, 1e-300],
        [-0.5, 1.0, -0.5],
        [1.0, -1.0, 0.0],
        [-above, above, 0.0],
        [-2.5, 1.25, 1.25],
        [-np.inf, np.inf, 0.0],
        [np.inf, -np.inf, 0.0],
        [-1e308, 1e308, 1e308],
    ]
    assert np.all(loss.conjugate(outside, np.zeros(10, dtype=int)) == np.inf)


def test_conjugate_where_the_domains_differ():
    both = [[-2.0, 1.0, 1.0]]
    assert CrammerSinger().conjugate(both, [0]) == np.inf
    assert WestonWatkins().conjugate(both, [0]) == -2.0


@either_loss
@pytest.mark.parametrize("n_classes", [3, 10, 1000])
def test_conjugate_allows_for_rounded_sums(loss, n_classes):
    rng = np.random.default_rng(n_classes)
    duals = rng.exponential(size=(200, n_classes))
    duals[:, 0] = 0.0
    duals /= duals.sum(axis=1, keepdims=True)
    duals[:, 0] = [-math.fsum(s) for s in duals]
    codes = np.zeros(len(duals), dtype=int)
    np.testing.assert_allclose(loss.conjugate(duals, codes), -loss.margin, rtol=1e-13)
    # Far more than rounding is refused.
    for k in (0, 1):
        off = duals.copy()
        off[:, k] *= 1.0 + 1e-6
        assert np.all(loss.conjugate(off, codes) == np.inf)

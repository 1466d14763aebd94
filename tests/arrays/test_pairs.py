"""Sums of pairs of float32, against exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from array_cases import STRICT, every_device

from hingesvm._namespace import to_host
from hingesvm.rows.pairs import (
    Pair,
    dot_error,
    dots,
    product,
    total,
    two_sum,
    weighted_rows,
)

# Sums of pairs, of absolute values.
ERROR_OF_TOTAL = 2.0**-40

narrow_devices = every_device("torch:float32", STRICT)


def cancelling(rng, shape):
    """Columns in pairs that nearly cancel, so that plain sums keep few digits."""
    X = rng.standard_normal(shape)
    half = shape[1] // 2
    X[:, half : 2 * half] = -X[:, :half] * (1.0 + 1e-6 * rng.random((shape[0], half)))
    return X


def scaled(rng, shape):
    """Columns of scales 1e-6 to 1e6."""
    return rng.standard_normal(shape) * 10.0 ** rng.uniform(-6, 6, shape[1])


MATRICES = {
    "normal": lambda rng: rng.standard_normal((7, 100)),
    "long": lambda rng: rng.standard_normal((5, 1000)),
    "tall": lambda rng: rng.standard_normal((300, 3)),
    "one column": lambda rng: rng.standard_normal((9, 1)),
    "one number": lambda rng: rng.standard_normal((1, 1)),
    "whole blocks": lambda rng: rng.standard_normal((64, 64)),
    "cancelling": lambda rng: cancelling(rng, (6, 130)),
    "scales": lambda rng: scaled(rng, (6, 70)),
    "tiny": lambda rng: 1e-18 * rng.standard_normal((6, 70)),
    "huge": lambda rng: 1e12 * rng.standard_normal((6, 70)),
    "zeros": lambda rng: np.zeros((4, 70)),
    "zero rows": lambda rng: rng.standard_normal((8, 9)) * (np.arange(8) % 2)[:, None],
    "powers": lambda rng: 2.0 ** rng.integers(-8, 9, (6, 70)),
}
every_matrix = pytest.mark.parametrize("name", MATRICES)


def fractions(values):
    return [Fraction(float(value)) for value in values]


def exact_dots(X, w):
    factors = fractions(w)
    return [
        sum((a * b for a, b in zip(fractions(row), factors, strict=True)), Fraction(0))
        for row in X
    ]


def host(pair):
    return [to_host(part).astype(np.float64) for part in pair]


def data(name, seed=0):
    rng = np.random.default_rng(seed)
    X = MATRICES[name](rng).astype(np.float32)
    return X, rng.standard_normal(X.shape[1]).astype(np.float32), rng


@narrow_devices
@every_matrix
def test_dots(device, name):
    X, w, _ = data(name)
    high, low = host(dots(device.space, device.exactly(X), device.exactly(w)))
    for row, exact, one, two in zip(X, exact_dots(X, w), high, low, strict=True):
        wide = row.astype(np.float64)
        size = math.sqrt(wide @ wide) * math.sqrt(w.astype(float) @ w.astype(float))
        off = abs(Fraction(one) + Fraction(two) - exact)
        assert off <= dot_error(len(w)) * size


@narrow_devices
@every_matrix
def test_weighted_rows(device, name):
    X, _, rng = data(name)
    a = rng.random(len(X)).astype(np.float32)
    a[rng.random(len(X)) < 0.3] = 0.0
    found = weighted_rows(device.space, device.exactly(X), device.exactly(a))
    off = [
        float(Fraction(value) - exact)
        for value, exact in zip(found.tolist(), exact_dots(X.T, a), strict=True)
    ]
    size = np.linalg.norm(a.astype(float)) * np.linalg.norm(X.astype(float))
    assert math.hypot(*off) <= dot_error(len(a)) * size


@pytest.mark.parametrize("name", ["cancelling", "long", "normal"])
def test_plain_sums_are_worse(name):
    """Else the tests above would pass of sums without pairs."""
    X, w, _ = data(name)
    exact = np.array([float(value) for value in exact_dots(X, w)])
    size = np.linalg.norm(X.astype(float), axis=1) * np.linalg.norm(w.astype(float))
    assert np.any(np.abs((X @ w).astype(float) - exact) > dot_error(len(w)) * size)


@narrow_devices
@pytest.mark.parametrize("count", [1, 2, 1023, 1024, 1025, 5000])
def test_total(device, count):
    rng = np.random.default_rng(count)
    numbers = (rng.standard_normal(count) * 10.0 ** rng.uniform(-4, 4, count)).astype(
        np.float32
    )
    rests = (1e-8 * numbers * rng.random(count)).astype(np.float32)
    pairs = Pair(device.exactly(numbers), device.exactly(rests))
    exact = sum(fractions(numbers)) + sum(fractions(rests))
    size = float(np.abs(numbers.astype(float)).sum())
    assert abs(Fraction(total(device.space, pairs)) - exact) <= ERROR_OF_TOTAL * size


@narrow_devices
def test_a_sum_that_cancels(device):
    rng = np.random.default_rng(3)
    half = rng.standard_normal(3000).astype(np.float32)
    numbers = np.concatenate([half, -half[::-1], np.float32([1e-7])])
    pairs = Pair(device.exactly(numbers), device.exactly(np.zeros_like(numbers)))
    size = float(np.abs(numbers.astype(float)).sum())
    off = abs(total(device.space, pairs) - float(np.float32(1e-7)))
    assert off <= ERROR_OF_TOTAL * size


@narrow_devices
def test_products_and_sums_of_two_are_exact(device):
    rng = np.random.default_rng(5)
    a, b = (
        (rng.standard_normal(400) * 10.0 ** rng.uniform(-5, 5, 400)).astype(np.float32)
        for _ in range(2)
    )
    a[::7] = 0.0
    x, y = device.exactly(a), device.exactly(b)
    for found, exact in (
        (product(x, y), lambda p, q: p * q),
        (two_sum(x, y), lambda p, q: p + q),
    ):
        high, low = host(found)
        for p, q, one, two in zip(fractions(a), fractions(b), high, low, strict=True):
            assert Fraction(one) + Fraction(two) == exact(p, q)


@narrow_devices
def test_sums_of_pairs(device):
    rng = np.random.default_rng(7)
    parts = [rng.standard_normal(200).astype(np.float32) for _ in range(2)]
    rests = [(2.0**-25 * rng.standard_normal(200)).astype(np.float32) for _ in range(2)]
    one, two = (
        Pair(device.exactly(high), device.exactly(low))
        for high, low in zip(parts, rests, strict=True)
    )
    high, low = host(one.plus(two))
    exact = sum(part.astype(float) for part in (*parts, *rests))
    size = sum(np.abs(part.astype(float)) for part in parts)
    assert np.all(np.abs(high + low - exact) <= 2.0**-44 * size)
    assert np.all(np.abs(low) <= 2.0**-24 * np.abs(high))

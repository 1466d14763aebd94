"""The kernels of certificates, against plain NumPy."""

import numpy as np
import pytest
from kernel_cases import (
    BUILDS,
    boxes,
    broadcast,
    every_loss,
    per_row,
    signs_of,
    slope_of,
    use_build,
)

from hingesvm.kernels import _certify

FLAT = 1e-13


@pytest.fixture(autouse=True, scope="module", params=BUILDS)
def each_build(request):
    use_build(globals(), request.param)


def losses_of(signs, bound, scores, b):
    return float(bound @ np.maximum(1.0 - signs * (scores + b), 0.0))


@broadcast
@pytest.mark.parametrize("n", [3, 60, 700])
@pytest.mark.parametrize("ties", [False, True])
def test_best_between_is_least(n, scalar, ties):
    scores = 2.0 * np.random.default_rng(n).normal(size=n)
    scores = np.round(scores) if ties else scores
    signs, bound = signs_of(n), per_row(n, scalar, 0.2, 2.0)
    at_one = signs - scores
    best = _certify.best_between(signs, bound, at_one, -np.inf, np.inf, FLAT)
    least = min(losses_of(signs, bound, scores, b) for b in at_one)
    assert losses_of(signs, bound, scores, best) == pytest.approx(least, rel=1e-13)
    windows = (best - 1e-3, best + 1e-3), (best - 9.0, best + 9.0), (best + 1.0, 50.0)
    for low, high in windows:
        found = _certify.best_between(signs, bound, at_one, low, high, FLAT)
        assert found == pytest.approx(best, abs=1e-12)


def test_best_between_is_the_midpoint_of_an_interval():
    signs, bound = np.array([1, 1, -1, -1], dtype=np.int8), np.full(4, 0.3)
    at_one = signs - np.array([5.0, 9.0, -2.0, -8.0])
    for low, high in (-np.inf, np.inf), (-10.0, 10.0), (0.0, 0.5):
        assert _certify.best_between(signs, bound, at_one, low, high, FLAT) == -1.5


@every_loss
@broadcast
def test_losses_at(name, scalar):
    n = 300
    rng = np.random.default_rng(3)
    bound, curvature = boxes(n, scalar, name)
    signs, scores = signs_of(n), rng.normal(size=n)
    alpha = np.where(rng.random(n) < 0.5, 0.1, np.minimum(bound, 9.0))
    short = 1.0 - signs * (scores + 0.25)
    slope = np.array([*map(slope_of, short, bound, curvature)])
    losses = np.empty(n)
    args = signs, scores, 0.25, bound, curvature, alpha, 0.1, losses
    worst = _certify.losses_at(*args)
    expected = slope * (short - 0.5 * curvature * slope)
    np.testing.assert_allclose(losses, expected, rtol=1e-14)
    loose = alpha < bound if name == "kink" else short < 0.1
    assert worst == tuple(short[loose & (signs == sign)].max() for sign in (1, -1))


def test_losses_at_where_every_row_may_have_a_loss():
    signs, ones = np.array([1, -1], dtype=np.int8), np.ones(2)
    worst = _certify.losses_at(
        signs, np.zeros(2), 0.0, ones, np.zeros(2), ones, 0.0, np.empty(2)
    )
    assert worst == (-np.inf, -np.inf)

"""Steps at one column after the other, against the minimum in each coordinate."""

import numpy as np
import pytest
from kernel_cases import BUILDS, use_build

from hingesvm.kernels.build import _quadratic


@pytest.fixture(params=BUILDS, autouse=True)
def build(request):
    use_build(globals(), request.param)


def model(m, seed=0):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(2 * m, m))
    return A.T @ A, 10.0 * rng.normal(size=m), rng.uniform(0.0, 20.0, m)


def test_each_step_is_to_the_minimum_in_its_coordinate():
    H, c, t = model(13)
    z = np.linspace(-1.0, 1.0, 13)
    expected = z.copy()
    order = np.array([5, 0, 12, 5, 7, 3], dtype=np.intp)
    for j in order[1:]:
        rest = c[j] - H[j] @ expected + H[j, j] * expected[j]
        expected[j] = np.sign(rest) * max(abs(rest) - t[j], 0.0) / H[j, j]
    gradient = H @ z - c
    _quadratic.descend(H, t, order, 1, 6, z, gradient)
    np.testing.assert_allclose(z, expected, rtol=1e-12, atol=1e-13)
    assert np.array_equal(z == 0.0, expected == 0.0)
    assert (z == 0.0).any()
    np.testing.assert_allclose(gradient, H @ z - c, rtol=1e-10, atol=1e-10)


def test_sweeps_end_at_the_minimum():
    H, c, t = model(9)
    z, gradient = np.zeros(9), -c
    for _ in range(300):
        _quadratic.descend(H, t, np.arange(9), 0, 9, z, gradient)
    off = c - H @ z
    assert np.abs(off[z == 0.0]).max() <= t[z == 0.0].max()
    np.testing.assert_allclose(off[z != 0.0], (t * np.sign(z))[z != 0.0], atol=1e-9)


def test_a_column_without_curvature():
    H, c, t = model(4)
    H[1] = H[:, 1] = H[2] = H[:, 2] = 0.0
    c[1:3], t[1], t[2] = 0.0, 1.0, 0.0
    z = np.ones(4)
    gradient = H @ z - c
    _quadratic.descend(H, t, np.arange(4), 0, 4, z, gradient)
    assert z[1] == 0.0
    assert z[2] == 1.0
    assert np.isfinite(z).all()


def test_nothing_to_do():
    none = np.empty(0)
    _quadratic.descend(np.empty((0, 0)), none, np.arange(0), 0, 0, none, none)

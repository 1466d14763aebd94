"""The quadratic model with an L1 penalty: optimality, and against plain descent."""

import numpy as np
import pytest

from hingesvm.kernels.build import _quadratic
from hingesvm.rows.memory import never
from hingesvm.solvers.sparse import quadratic
from hingesvm.solvers.sparse.quadratic import minimise_quadratic


def minimise(H, c, t, start=None, tol=1e-10):
    start = np.zeros(len(c)) if start is None else start
    return minimise_quadratic(
        H, H @ start - c, t, start, tol=tol, check_cancelled=never
    )


def objective(H, c, t, z):
    return 0.5 * z @ H @ z - c @ z + t @ np.abs(z)


def violation(H, c, t, z):
    """As documented, from scratch."""
    off = c - H @ z
    far = np.where(z == 0.0, np.abs(off) - t, np.abs(off - t * np.sign(z)))
    far[np.diagonal(H) == 0.0] = 0.0
    return max(far.max(initial=0.0), 0.0) / (np.abs(c).max() + t.max())


def case(m, n, condition=1.0, part=1e-2, seed=0):
    """The model of least squares on n rows whose columns are alike."""
    rng = np.random.default_rng(seed)
    U, _, V = np.linalg.svd(rng.normal(size=(n, m)), full_matrices=False)
    A = (U * np.logspace(0.0, -0.5 * np.log10(condition), len(V))) @ V
    w = np.where(rng.random(m) < 0.2, rng.normal(size=m), 0.0)
    c = A.T @ (A @ w + 0.01 * rng.normal(size=n) / np.sqrt(n))
    H = A.T @ A
    return np.ascontiguousarray(0.5 * (H + H.T)), c, np.full(m, part * np.abs(c).max())


def by_descent(H, c, t, n_sweeps):
    z, gradient = np.zeros(len(c)), -c
    everything = np.arange(len(c))
    for _ in range(n_sweeps):
        _quadratic.descend(H, t, everything, 0, len(c), z, gradient)
    return z


SHAPES = {"tall": (60, 200), "singular": (60, 25), "one": (1, 5), "large": (300, 250)}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("condition", [1.0, 1e6, 1e10])
@pytest.mark.parametrize("part", [0.3, 1e-2, 1e-4])
def test_is_optimal(shape, condition, part):
    H, c, t = case(*SHAPES[shape], condition, part)
    z, found = minimise(H, c, t)
    assert found <= 1e-10
    assert violation(H, c, t, z) <= 1.001e-10
    assert found == pytest.approx(violation(H, c, t, z), abs=1e-13)
    descended = objective(H, c, t, by_descent(H, c, t, 50))
    assert objective(H, c, t, z) <= descended + 1e-14 * abs(descended)


@pytest.mark.parametrize("shape", ["tall", "singular"])
def test_the_objective_is_that_of_many_sweeps(shape):
    H, c, t = case(*SHAPES[shape], 1e2, 1e-2)
    expected = objective(H, c, t, by_descent(H, c, t, 20_000))
    z, _ = minimise(H, c, t)
    assert objective(H, c, t, z) == pytest.approx(expected, rel=1e-10)


def test_zeros_are_exact():
    H, c, t = case(60, 200, 1e4, 0.1)
    z, _ = minimise(H, c, t)
    assert 0 < np.count_nonzero(z) < 40
    assert np.array_equal(minimise(H, c, 100.0 * t)[0], np.zeros(60))


@pytest.mark.parametrize("shape", ["tall", "singular"])
@pytest.mark.parametrize("condition", [1.0, 1e8])
def test_warm_starts_lead_to_the_same_objective(shape, condition):
    H, c, t = case(*SHAPES[shape], condition)
    z, _ = minimise(H, c, t)
    expected = objective(H, c, t, z)
    again, _ = minimise(H, c, t, z)
    assert np.array_equal(again, z)
    for start in (minimise(H, c, 3.0 * t)[0], np.ones(60), -3.0 * z):
        before = start.copy()
        found, far = minimise(H, c, t, start)
        assert np.array_equal(start, before)
        assert far <= 1e-10
        assert objective(H, c, t, found) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("condition", [1.0, 1e8])
def test_a_coordinate_without_penalty(condition):
    H, c, t = case(60, 200, condition)
    t[[0, 59]] = 0.0
    z, found = minimise(H, c, t)
    assert found <= 1e-10
    assert violation(H, c, t, z) <= 1.001e-10
    assert z[0] != 0.0


def test_without_any_penalty():
    H, c, t = case(30, 200, 1e3)
    z, found = minimise(H, c, 0.0 * t)
    assert found <= 1e-10
    np.testing.assert_allclose(z, np.linalg.solve(H, c), rtol=1e-9, atol=1e-10)


def test_columns_that_are_the_same():
    H, c, t = case(40, 200, 1e4)
    twice = np.repeat(np.arange(40), 2)
    H2, c2, t2 = np.ascontiguousarray(H[np.ix_(twice, twice)]), c[twice], t[twice]
    expected = objective(H, c, t, minimise(H, c, t)[0])
    for start in (np.zeros(80), np.tile([1.0, -1.0], 40)):
        z, found = minimise(H2, c2, t2, start)
        assert found <= 1e-10
        assert objective(H2, c2, t2, z) == pytest.approx(expected, rel=1e-11)


def test_columns_without_curvature():
    H, c, t = case(20, 60)
    for j in (3, 7):
        H[j] = H[:, j] = 0.0
        c[j] = 0.0
    t[7] = 0.0
    z, found = minimise(H, c, t, np.full(20, 2.0))
    assert found <= 1e-10
    assert z[3] == 0.0
    assert z[7] == 2.0
    assert violation(H, c, t, z) <= 1.001e-10


def test_columns_of_many_scales():
    H, c, t = case(60, 200, 1e4)
    scales = 10.0 ** np.linspace(-4.0, 4.0, 60)
    H, c, t = H * scales * scales[:, None], c * scales, t * scales
    z, found = minimise(H, c, t, tol=1e-12)
    assert found <= 1e-12
    assert objective(H, c, t, z) < 0.0


def test_nothing_to_minimise():
    none = np.empty(0)
    z, found = minimise(np.empty((0, 0)), none, none)
    assert len(z) == 0
    assert found == 0.0
    zeros = np.zeros(3)
    z, found = minimise(np.zeros((3, 3)), zeros, zeros, np.ones(3))
    assert np.array_equal(z, np.ones(3))
    assert found == 0.0


def test_out_of_reach_it_ends_where_rounding_permits_no_more():
    H, c, t = case(60, 200, 1e8)
    z, found = minimise(H, c, t, tol=0.0)
    assert found <= 1e-13
    assert violation(H, c, t, z) <= 1e-13


def test_work_is_bounded(monkeypatch):
    monkeypatch.setattr(quadratic, "_MOST_ROUNDS", 1)
    monkeypatch.setattr(quadratic, "_MOST_SOLVES", 1)
    H, c, t = case(300, 250, 1e8, 1e-4)
    z, found = minimise(H, c, t)
    assert found > 1e-10
    assert violation(H, c, t, z) == pytest.approx(found, rel=1e-6)


def test_is_repeated_bit_by_bit_and_can_be_interrupted(monkeypatch):
    H, c, t = case(60, 200, 1e6, 1e-3)
    z, _ = minimise(H, c, t)
    monkeypatch.setattr(quadratic, "_WORK_PER_CALL", 60)
    asked = []
    args = H, -c, t, np.zeros(60)
    again, _ = minimise_quadratic(
        *args, tol=1e-10, check_cancelled=lambda: asked.append(1)
    )
    assert np.array_equal(again, z)
    assert len(asked) > 50

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        minimise_quadratic(*args, tol=1e-10, check_cancelled=stop)

"""Parts of the solver on a device, against plain ways to find the same."""

import numpy as np
import pytest
from array_cases import NARROW, every_device

from hingesvm._namespace import to_host
from hingesvm.rows.arrays import ArrayRows
from hingesvm.solvers.arrays import system
from hingesvm.solvers.arrays.bands import Band
from hingesvm.solvers.arrays.line import Line
from hingesvm.solvers.arrays.system import newton_direction


@every_device("torch:float64", "array_api_strict:CPU_DEVICE")
@pytest.mark.parametrize("is_bounded", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_zero_of_a_line(device, is_bounded, seed):
    rng = np.random.default_rng(seed)
    n = 40
    rest, pace = rng.random(n), 10.0 ** rng.uniform(-2, 2, n)
    bound = 0.5 + rng.random(n) if is_bounded else np.inf
    here, change = rng.standard_normal(n), rng.standard_normal(n)
    slope = 10.0 ** rng.uniform(-3, 1)
    arrays = [device.put(values) for values in (rest, pace)]
    there = device.put(bound) if is_bounded else bound
    line = Line(
        device.space, *arrays, there, device.put(here), device.put(change), 0.7, slope
    )

    def value(t):
        pull = np.clip(rest + pace * (here - t * change), 0.0, bound)
        return 0.7 + slope * t - float(pull @ change)

    for t in (-3.0, 0.0, 2.0):
        found, steep = line.at(t)
        assert found == pytest.approx(value(t))
        ahead = (value(t + 1e-7) - value(t - 1e-7)) / 2e-7
        assert steep == pytest.approx(ahead, rel=1e-4)
    low, high = -1e6, 1e6
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if value(middle) < 0.0 else (low, middle)
    enough = 1e-12 * (1.0 + np.abs(pace * change * here).sum())
    assert line.zero(0.0, -np.inf, enough) == pytest.approx(high, abs=1e-9, rel=1e-9)


@every_device("torch:float64")
def test_zero_where_the_function_is_flat(device):
    """From far outside, where no row is inside its box."""
    change = device.put([1.0, -1.0, 1.0])
    line = Line(
        device.space, 0.5, 100.0, 1.0, device.put([50.0, 40.0, 60.0]), change, 0.5, 0.0
    )
    found = line.zero(0.0, -np.inf, 1e-12)
    assert 49.9 < found < 50.1
    assert line.at(found)[0] == pytest.approx(0.0, abs=1e-10)


FORMS = ["_by_columns", "_by_rows", "_by_conjugate_gradients"]


def dense(X, slope, gradient, pull, delta):
    """The Newton direction from the whole matrix."""
    n, d = X.shape
    Z = X if delta is None else np.column_stack([X, np.ones(n)])
    matrix = Z.T @ (slope[:, None] * Z)
    matrix[:d, :d] += np.eye(d)
    right = -gradient
    if delta is not None:
        matrix[d, d] += delta
        right = np.append(right, -pull)
    found = np.linalg.solve(matrix, right)
    return found[:d], 0.0 if delta is None else found[d]


@every_device("torch:float64", "torch:float32", "array_api_strict:device1", NARROW)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("delta", [None, 0.0, 1.0])
def test_newton_direction(device, form, delta, monkeypatch):
    rng = np.random.default_rng(1)
    n, d = (12, 80) if form == "_by_rows" else (30, 8)
    if form == "_by_conjugate_gradients":
        monkeypatch.setattr(system, "_FEW_COLUMNS", 0)
        monkeypatch.setattr(system, "_LARGEST", 1)
        monkeypatch.setattr(system, "_ENOUGH", 1e-12)
    for other in FORMS:
        if other != form:
            monkeypatch.setattr(system, other, None)
    X = rng.standard_normal((n, d)).astype(device.dtype)
    slope = 0.1 + rng.random(n)
    gradient, pull = rng.standard_normal(d), 0.3
    space = device.space
    direction, turn = newton_direction(
        ArrayRows(device.exactly(X), space),
        space.asarray(slope, space.widest),
        gradient,
        pull,
        delta,
    )
    wanted, wanted_turn = dense(X.astype(float), slope, gradient, pull, delta)
    part = 1e-10 if device.dtype == np.float64 else 1e-4
    np.testing.assert_allclose(direction, wanted, rtol=part, atol=part)
    assert turn == pytest.approx(wanted_turn, rel=part, abs=part)


@every_device("torch:float64", NARROW)
def test_no_free_row_is_a_gradient_step(device):
    rows = ArrayRows(device.put(np.zeros((0, 3))), device.space)
    gradient = np.array([1.0, -2.0, 0.5])
    direction, turn = newton_direction(rows, None, gradient, 0.25, 1.0)
    np.testing.assert_array_equal(direction, -gradient)
    assert turn == -0.25


@every_device("torch:float64", "array_api_strict:device1")
def test_a_singular_system_is_shifted(device):
    """Rows so long that rounding leaves nothing of the identity."""
    rng = np.random.default_rng(2)
    X = 1e10 * np.repeat(rng.standard_normal((20, 1)), 4, axis=1)
    space = device.space
    rows = ArrayRows(device.put(X), space)
    slope = space.xp.ones(20, dtype=space.widest, device=space.device)
    gradient = X.sum(axis=0)
    direction, _ = newton_direction(rows, slope, gradient, 0.0, None)
    assert np.all(np.isfinite(direction))
    assert direction @ gradient < 0.0


@every_device()
@pytest.mark.parametrize("chosen", [[0], [9], [2, 3, 7], [0, 9], list(range(9))])
def test_values_of_a_band_are_put_back(device, chosen):
    values, others = np.arange(10.0), -1.0 - np.arange(len(chosen))
    mask = np.isin(np.arange(10), chosen)
    space = device.space
    rows = space.asarray(np.array(chosen), space.integer)
    band = Band(rows, device.exactly(mask), len(chosen))
    there = device.put(values)
    np.testing.assert_array_equal(to_host(band.of(space.xp, there)), values[mask])
    found = band.replaced(space.xp, there, device.put(others))
    wanted = values.copy()
    wanted[chosen] = others
    np.testing.assert_array_equal(to_host(found), wanted)


@every_device("torch:float64")
def test_the_band_of_all_rows_takes_no_copy(device):
    values, others = device.put(np.arange(4.0)), device.put(-np.arange(4.0))
    band, xp = Band.everyone(4), device.space.xp
    assert band.of(xp, values) is values
    assert band.replaced(xp, values, others) is others

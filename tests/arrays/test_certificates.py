"""Certificates of hard problems on a device hold, or a warning says how far off."""

import warnings

import numpy as np
import pytest
from array_cases import (
    LOSSES,
    NARROW,
    ModifiedHuber,
    assert_certified,
    every_device,
    reference,
)
from samples import RULES, make_data
from sklearn.exceptions import ConvergenceWarning

from hingesvm import HingeSVC
from hingesvm._namespace import to_host
from hingesvm.losses import SmoothedHinge


def quietly(device, X, y, weights=None, **params):
    """Return a model, and whether it warns that it misses the tolerance."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        given = None if weights is None else device.put(weights)
        model = HingeSVC(**params).fit(device.put(X), device.exactly(y), given)
    assert all(warning.category is ConvergenceWarning for warning in caught)
    return model, bool(caught)


HARD = {
    "columns of many scales": lambda X, y: (X * 10.0 ** np.linspace(-4, 4, 6), y),
    "far from the origin": lambda X, y: (X + 1000.0, y),
    "long rows": lambda X, y: (X * 10.0 ** (np.arange(len(X)) % 7 - 3)[:, None], y),
    "tiny": lambda X, y: (1e-6 * X, y),
    "separable": lambda X, y: (X + 9.0 * (2.0 * y - 1.0)[:, None], y),
    "duplicates": lambda X, y: (X[np.arange(len(X)) % 9], y[np.arange(len(X)) % 9]),
    "rows of zeros": lambda X, y: (X * (np.arange(len(X)) % 2)[:, None], y),
    "all zero": lambda X, y: (0.0 * X, y),
    "columns that repeat": lambda X, y: (X[:, [0, 0, 0, 1, 1, 2]], y),
    "one of a class": lambda X, y: (X, (np.arange(len(X)) == 5).astype(int)),
}


@every_device("torch:float64", NARROW)
@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("C", [1.0, 1e4])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_hard_data(device, name, C, loss):
    X, y = HARD[name](*make_data(40, 6))
    X = X.astype(device.dtype)
    params = {"C": C, "loss": loss, "max_iter": 40 if device.is_narrow else 1000}
    model, has_warned = quietly(device, X, y, **params)
    exact = reference(X, y, **params)
    assert_certified(model, exact, is_narrow=device.is_narrow)
    assert has_warned or model.dual_gap_ <= 1e-4 * model.objective_
    if device.dtype == np.float64:
        assert not has_warned


def drawn(seed, dtype):
    """A small problem with weights and C of many sizes."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.choice([4, 12, 40])), int(rng.choice([1, 3, 20]))
    X = rng.standard_normal((n, d)) * 10.0 ** rng.uniform(-2, 2)
    y = (X[:, 0] + rng.choice([0.0, 2.0]) * rng.standard_normal(n) > 0.0).astype(int)
    y[:2] = 0, 1
    weights = 10.0 ** rng.uniform(-3, 3, n) if seed % 2 else None
    params = {
        "C": 10.0 ** rng.uniform(-4, 4),
        "loss": LOSSES[seed % 4],
        "tol": float(rng.choice([1e-2, 1e-4, 1e-7])),
        "max_iter": 60,
        **[{}, {"penalized_intercept": True}, {"fit_intercept": False}][seed % 3],
    }
    if weights is not None:
        weights = weights.astype(dtype).astype(float)
    return X.astype(dtype), y, weights, params


@every_device("torch:float64", "torch:float32", NARROW)
@pytest.mark.parametrize("seed", range(12))
def test_drawn_problems(device, seed):
    X, y, weights, params = drawn(seed, device.dtype)
    model, has_warned = quietly(device, X, y, weights, **params)
    exact = reference(X, y, weights, **params)
    assert_certified(model, exact, is_narrow=device.is_narrow)
    assert has_warned or model.dual_gap_ <= params["tol"] * model.objective_


def test_weights_of_rows_that_differ_by_far():
    """Bounds of rounding errors are those of each row, not of the longest one."""
    device = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    X, y = make_data(150, 20)
    weights = 10.0 ** rng.uniform(-6, 6, 150)
    for loss in (SmoothedHinge(0.01), ModifiedHuber(), "hinge"):
        model = HingeSVC(loss=loss, C=20.0).fit(*map(device.asarray, (X, y, weights)))
        assert model.dual_gap_ <= 1e-7 * model.objective_
        exact = reference(X, y, weights, loss=loss, C=20.0)
        assert_certified(model, exact)


@every_device("torch:float64")
def test_rows_just_short_of_one(device):
    """At large C the weights are stretched by the rounding errors of margins."""
    X, y = make_data(60, 100, seed=2)
    X += 1e4
    model = HingeSVC(C=300.0, tol=1e-6).fit(device.put(X), device.exactly(y))
    assert model.dual_gap_ <= 1e-6 * model.objective_
    assert_certified(model, reference(X, y, C=300.0))


@every_device("torch:float64", NARROW)
def test_a_class_of_next_to_no_cost(device):
    """Its costs are summed by themselves, not as a difference of larger sums."""
    X, y = make_data(40, 3, seed=3)
    X = (1e-6 * X).astype(device.dtype)
    weights = np.where(y == 1, 2.0**-34, 1024.0)
    model, _ = quietly(device, X, y, weights, max_iter=20)
    exact = reference(X, y, weights)
    assert model.objective_ == pytest.approx(exact.objective_, rel=1e-4)
    assert_certified(model, exact, is_narrow=device.is_narrow)


@every_device("torch:float32", NARROW)
def test_a_tolerance_below_what_float32_can_hold(device):
    X, y = make_data(200, 4, dtype=np.float32)
    there = device.put(X), device.exactly(y)
    with pytest.warns(ConvergenceWarning, match="tol=1e-12"):
        model = HingeSVC(tol=1e-12).fit(*there)
    exact = reference(X, y)
    assert_certified(model, exact, is_narrow=device.is_narrow)
    # And steps are not taken in vain.
    assert model.n_iter_ < 100


@every_device(NARROW)
def test_steps_that_float32_cannot_hold(device):
    """A fit whose proximal steps once became 0."""
    rng = np.random.default_rng(61)
    X = (1000.0 + rng.standard_normal((8, 3))).astype(np.float32)
    y = np.array([0, 1, 2, 3, 0, 1, 2, 3])
    params = {"C": 20.0, "class_weight": {0: 0.1}, "tol": 1e-6, "max_iter": 30}
    model, _ = quietly(device, X, y, 1.0 + np.arange(8) % 3, **params)
    exact = reference(X, y, 1.0 + np.arange(8) % 3, **params)
    assert_certified(model, exact, is_narrow=True)


def table(n, d, *, share=0.5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * 10.0 ** rng.uniform(-1, 1, d)
    scores = X @ rng.standard_normal(d)
    scores += 0.5 * np.std(scores) * rng.standard_normal(n)
    return X, (scores > np.quantile(scores, 1.0 - share)).astype(int)


@every_device("torch:float64", "torch:float32", NARROW)
@pytest.mark.parametrize(
    ("loss", "share", "params"),
    [
        ("hinge", 0.5, {}),
        ("squared_hinge", 0.02, {"penalized_intercept": True}),
        ("smoothed_hinge", 0.5, {"fit_intercept": False}),
    ],
)
def test_tables_are_solved_by_samples_and_bands(device, loss, share, params):
    X, y = table(40_000, 10, share=share)
    X = X.astype(device.dtype)
    params = {"loss": loss, "C": 0.25, **params}
    model, has_warned = quietly(device, X, y, **params)
    assert not has_warned
    assert model.dual_gap_ <= 1e-4 * model.objective_
    exact = HingeSVC(**params | {"tol": 1e-9}).fit(X.astype(float), y)
    least = exact.objective_ - exact.dual_gap_
    noise = 1e-6 if device.is_narrow else 1e-12
    assert model.objective_ - model.dual_gap_ <= exact.objective_
    assert model.objective_ >= least * (1.0 - noise)
    # Bands are fewer rows than all.
    active = model.history_[0]["active"]
    assert active.min() < 40_000
    assert active[0] == 40_000


@every_device("torch:float64")
def test_a_wide_table_in_parts(device):
    X, y = table(12_000, 60, seed=1)
    weights = 0.5 + np.arange(12_000) % 3
    model, has_warned = quietly(device, X, y, weights, tol=1e-6)
    assert not has_warned
    exact = HingeSVC(tol=1e-9).fit(X, y, weights)
    assert model.objective_ - model.dual_gap_ <= exact.objective_
    off = np.linalg.norm(to_host(model.coef_) - exact.coef_)
    assert off <= np.sqrt(2.0 * model.dual_gap_) + np.sqrt(2.0 * exact.dual_gap_)


every_rule = pytest.mark.parametrize("rule", RULES)


@every_device("torch:float64", NARROW)
@every_rule
def test_more_columns_than_rows(device, rule):
    X, y = make_data(15, 200, dtype=device.dtype)
    model, _ = quietly(device, X, y, **rule)
    assert model.dual_gap_ <= 1e-4 * model.objective_
    assert_certified(model, reference(X, y, **rule), is_narrow=device.is_narrow)

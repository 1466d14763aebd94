"""Models of arrays on a device, against those of the same numbers in memory."""

import itertools

import numpy as np
import pytest
from array_cases import (
    LOSSES,
    NARROW,
    STRICT,
    WIDE,
    assert_certified,
    every_device,
    on_device,
    reference,
)
from samples import RULES, make_data
from sklearn.base import clone

from hingesvm import HingeSVC
from hingesvm._namespace import namespace_of, to_host

WEIGHTS = {
    "none": lambda n: None,
    "powers": lambda n: 2.0 ** (np.arange(n) % 5 - 2),
    "some zero": lambda n: (np.arange(n) % 3).astype(float),
}
CLASS_WEIGHTS = {
    "none": lambda classes: None,
    "balanced": lambda classes: "balanced",
    "dict": lambda classes: {classes[0]: 0.25, classes[-1]: 2.0},
}


def fit(device, X, y, weights=None, **params):
    given = None if weights is None else device.put(weights)
    return HingeSVC(**params).fit(device.put(X), device.exactly(y), given)


def assert_follows(device, model, X):
    """Assert that a model and what it predicts are where X is."""
    there = device.put(X)
    scores = model.decision_function(there)
    for array in (model.coef_, model.intercept_, scores):
        assert device.has(array)
        assert array.dtype == there.dtype
    labels = model.predict(there)
    assert device.has(labels)
    assert device.has(model.classes_)
    assert labels.dtype == model.classes_.dtype
    coef, intercept = on_device(model)
    wanted = X.astype(device.dtype) @ coef.T + intercept
    wanted = wanted.ravel() if len(coef) == 1 else wanted
    part = 1e-4 if device.dtype == np.float32 else 1e-11
    np.testing.assert_allclose(to_host(scores), wanted, rtol=part, atol=part)
    found = to_host(scores)
    codes = (found > 0.0).astype(int) if len(coef) == 1 else found.argmax(axis=1)
    np.testing.assert_array_equal(to_host(labels), to_host(model.classes_)[codes])


@every_device("torch:float64", "torch:float32", NARROW)
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_losses_and_intercepts(device, loss, rule, n_classes):
    X, y = make_data(80, 5, n_classes, dtype=device.dtype)
    params = {"loss": loss, "C": 0.5, **rule}
    model = fit(device, X, y, **params)
    exact = reference(X, y, **params)
    assert_certified(model, exact, is_narrow=device.is_narrow)
    assert model.dual_gap_ <= 1e-4 * model.objective_
    assert_follows(device, model, X)
    if not device.is_narrow:
        # Small fits are exact.
        assert model.dual_gap_ <= 1e-9 * model.objective_
        part = 1e-5 if device.dtype == np.float32 else 1e-6
        np.testing.assert_allclose(
            to_host(model.coef_), exact.coef_, rtol=part, atol=part
        )
    coef, intercept = on_device(model)
    # ||w - w*||^2 <= 2 gap, and the rounding of the coefficients.
    off = np.linalg.norm(coef - exact.coef_)
    assert off <= np.sqrt(2.0 * model.dual_gap_) + 1e-5 * np.linalg.norm(coef)
    if not model.fit_intercept:
        np.testing.assert_array_equal(intercept, 0.0)


@every_device("torch:float64", "torch:float32")
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_wide_separable_rows_at_large_C_take_few_steps(device, loss):
    # Proximal steps that begin too long went on for hundreds of them.
    X, y = make_data(100, 300, 2, dtype=device.dtype)
    model = fit(device, X, y, loss=loss, C=100.0)
    assert model.dual_gap_ <= 1e-4 * model.objective_
    assert model.n_iter_ <= 60


@every_device("torch:float64", NARROW)
@pytest.mark.parametrize(
    ("weights", "class_weight", "n_classes"),
    [
        case
        for case in itertools.product(WEIGHTS, CLASS_WEIGHTS, [2, 3])
        if case[:2] != ("none", "none")
    ],
)
def test_weights(device, weights, class_weight, n_classes):
    X, y = make_data(80, 4, n_classes, dtype=device.dtype)
    weights = WEIGHTS[weights](80)
    params = {"class_weight": CLASS_WEIGHTS[class_weight](np.unique(y)), "C": 0.5}
    model = fit(device, X, y, weights, **params)
    exact = reference(X, y, weights, **params)
    assert_certified(model, exact, is_narrow=device.is_narrow)
    assert model.dual_gap_ <= 1e-4 * model.objective_
    assert_follows(device, model, X)


@every_device("torch:float64", "array_api_strict:device1")
@pytest.mark.parametrize("n_classes", [3, 4])
def test_a_class_that_is_left_out(device, n_classes):
    X, y = make_data(90, 4, n_classes, dtype=device.dtype)
    params = {"class_weight": {1: 0.0}}
    model = fit(device, X, y, **params)
    exact = reference(X, y, **params)
    np.testing.assert_array_equal(to_host(model.classes_), exact.classes_)
    assert 1 not in to_host(model.classes_)
    assert_certified(model, exact)
    assert_follows(device, model, X)


@every_device("torch:float64")
def test_a_class_whose_weights_are_all_zero(device):
    X, y = make_data(90, 4, 3, dtype=device.dtype)
    weights = (y != 2).astype(float)
    model = fit(device, X, y, weights)
    exact = reference(X, y, weights)
    np.testing.assert_array_equal(to_host(model.classes_), [0, 1])
    assert_certified(model, exact)


@every_device(*WIDE, NARROW)
@pytest.mark.parametrize(
    "labels",
    [
        np.array([False, True]),
        np.array([-1.0, 2.0]),
        np.array([7, 3]),
        np.array([-1, 1], dtype=np.int8),
        np.array([3, 200], dtype=np.uint8),
        np.array([2.0**24, 2.0**24 + 1]),
    ],
    ids=repr,
)
def test_labels(device, labels):
    if device.is_narrow and labels.dtype == np.float64:
        labels = labels.astype(np.float32)
    X, codes = make_data(60, 4, dtype=device.dtype)
    y = labels[codes]
    if len(np.unique(y)) < 2:
        pytest.skip("labels are the same in float32")
    model = fit(device, X, y)
    exact = reference(X, y)
    np.testing.assert_array_equal(to_host(model.classes_), exact.classes_)
    assert_certified(model, exact, is_narrow=device.is_narrow)
    assert device.has(model.classes_)
    labels = model.predict(device.put(X))
    assert device.has(labels)
    assert labels.dtype == model.classes_.dtype == device.exactly(y).dtype
    found = to_host(labels)
    assert np.mean(found == exact.predict(X.astype(np.float64))) > 0.97
    score = model.score(device.put(X), device.exactly(y))
    assert score == pytest.approx(np.mean(found == y), abs=1e-6)


@every_device("torch:float64", STRICT)
@pytest.mark.parametrize(
    "labels", [np.array(["no", "yes"]), np.array(["a", "b"], object)]
)
def test_labels_in_memory_beside_rows_on_a_device(device, labels):
    X, codes = make_data(60, 4, dtype=device.dtype)
    y = labels[codes]
    model = HingeSVC().fit(device.put(X), y)
    exact = reference(X, y)
    assert isinstance(model.classes_, np.ndarray)
    np.testing.assert_array_equal(model.classes_, exact.classes_)
    assert device.has(model.coef_)
    assert_certified(model, exact, is_narrow=device.is_narrow)
    found = model.predict(device.put(X))
    assert isinstance(found, np.ndarray)
    assert set(found) <= set(labels.tolist())
    assert np.mean(found == exact.predict(X.astype(np.float64))) > 0.97


@every_device("torch:float64", NARROW)
def test_numbers_in_memory_beside_rows_on_a_device(device):
    X, y = make_data(60, 4, dtype=device.dtype)
    weights = 1.0 + np.arange(60) % 2
    model = HingeSVC().fit(device.put(X), y.tolist(), weights.tolist())
    assert_certified(model, reference(X, y, weights), is_narrow=device.is_narrow)
    assert device.has(model.coef_)
    assert device.has(model.predict(device.put(X)))


@every_device("torch:float64", NARROW)
def test_rows_in_memory_beside_labels_on_a_device(device):
    """All follows X, and X is NumPy's."""
    X, y = make_data(60, 4)
    weights = 1.0 + np.arange(60) % 2
    model = HingeSVC().fit(X, device.exactly(y), device.put(weights))
    exact = HingeSVC().fit(X, y, weights)
    np.testing.assert_array_equal(model.coef_, exact.coef_)
    assert isinstance(model.coef_, np.ndarray)
    assert isinstance(model.predict(X), np.ndarray)


@every_device("torch:float64", "torch:float32")
def test_labels_of_another_library(device):
    strict = pytest.importorskip("array_api_strict")
    X, y = make_data(60, 4, 3, dtype=device.dtype)
    weights = 1.0 + np.arange(60) % 2
    model = HingeSVC().fit(device.put(X), strict.asarray(y), strict.asarray(weights))
    assert_certified(model, reference(X, y, weights))
    assert device.has(model.coef_)
    assert namespace_of(model.classes_) == namespace_of(strict.asarray(y))


@every_device("torch:float64", NARROW)
def test_the_same_fit_has_the_same_bits(device):
    X, y = make_data(200, 6, 3, dtype=device.dtype)
    one = fit(device, X, y)
    two = clone(one).fit(device.put(X), device.exactly(y))
    np.testing.assert_array_equal(to_host(one.coef_), to_host(two.coef_))
    assert one.objective_ == two.objective_
    assert one.dual_gap_ == two.dual_gap_


@every_device("torch:float64")
@pytest.mark.parametrize("n_classes", [2])
@pytest.mark.parametrize("joint", ["crammer_singer", "weston_watkins"])
def test_two_classes_of_a_joint_loss(device, joint, n_classes):
    """They are a binary problem, whose factors the model knows."""
    X, y = make_data(80, 4, n_classes, dtype=device.dtype)
    model = fit(device, X, y, multi_class=joint)
    exact = reference(X, y, multi_class=joint)
    assert_certified(model, exact)
    np.testing.assert_allclose(to_host(model.coef_), exact.coef_, rtol=1e-6, atol=1e-6)

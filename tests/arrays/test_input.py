"""Input on a device that cannot be trained on, and some that only looks so."""

import numpy as np
import pytest
from array_cases import NARROW, assert_certified, every_device, reference
from samples import make_data

from hingesvm import HingeSVC
from hingesvm._namespace import to_host

some_devices = every_device("torch:float64", "array_api_strict:device1", NARROW)


def spoiled(values, entry, value):
    values = np.array(values, dtype=float)
    values[entry] = value
    return values


DATA = make_data(30, 3)
X, Y = DATA
BAD = {
    "nan in X": ((spoiled(X, (4, 1), np.nan), Y, None), "NaN"),
    "inf in X": ((spoiled(X, (4, 1), np.inf), Y, None), "infinity"),
    "nan in y": ((X, spoiled(Y, 3, np.nan), None), "NaN"),
    "inf in y": ((X, spoiled(Y, 3, np.inf), None), "infinity"),
    "nan in weights": ((X, Y, spoiled(np.ones(30), 3, np.nan)), "NaN"),
    "inf in weights": ((X, Y, spoiled(np.ones(30), 3, np.inf)), "infinity"),
    "negative weights": ((X, Y, spoiled(np.ones(30), 3, -1.0)), "Negative"),
    "no weight": ((X, Y, np.zeros(30)), "non-zero"),
    "short y": ((X, Y[:-1], None), "inconsistent numbers of samples"),
    "short weights": ((X, Y, np.ones(29)), "29 entries"),
    "one class": ((X, np.zeros(30, dtype=int), None), "class"),
    "real labels": ((X, X[:, 0], None), "Unknown label type"),
    "one axis": ((X[:, 0], Y, None), "2D array"),
    "no rows": ((X[:0], Y[:0], None), "minimum of 1 is required"),
    "no columns": ((X[:, :0], Y, None), "minimum of 1 is required"),
    "weights of two axes": ((X, Y, np.ones((30, 2))), "1D array"),
}


@some_devices
@pytest.mark.parametrize("name", BAD)
def test_errors_leave_the_estimator_as_it_was(device, name):
    (rows, labels, weights), message = BAD[name]
    model = HingeSVC().fit(device.put(X), device.exactly(Y))
    before = dict(vars(model))
    given = None if weights is None else device.put(weights)
    with pytest.raises(ValueError, match=message):
        model.fit(device.put(rows), device.put(labels), given)
    assert vars(model) == before


@every_device("torch:float64", "torch:float32")
def test_gradients_are_left_alone(device):
    there = device.put(X)
    there.requires_grad_()
    model = HingeSVC().fit(there, device.exactly(Y))
    assert not model.coef_.requires_grad
    assert_certified(model, reference(X.astype(device.dtype), Y))


@every_device("torch:float64")
def test_sparse_tensors(device):
    model = HingeSVC()
    with pytest.raises(TypeError, match="sparse array on a device"):
        model.fit(device.put(X).to_sparse(), device.exactly(Y))
    assert not hasattr(model, "coef_")


@every_device("torch:float64", "torch:float32", NARROW)
def test_rows_that_are_not_contiguous(device):
    wide = device.put(np.repeat(X.T, 2, axis=1)).T[::2]
    model = HingeSVC().fit(wide, device.exactly(Y))
    same = HingeSVC().fit(device.put(X), device.exactly(Y))
    np.testing.assert_allclose(
        to_host(model.coef_), to_host(same.coef_), rtol=1e-3, atol=1e-3
    )


@some_devices
def test_integers(device):
    whole = np.round(4.0 * X).astype(np.int32)
    model = HingeSVC().fit(device.exactly(whole), device.exactly(Y))
    assert_certified(model, reference(whole, Y), is_narrow=device.is_narrow)
    assert model.coef_.dtype == device.space.widest


@some_devices
def test_other_numbers_of_columns(device):
    model = HingeSVC().fit(device.put(X), device.exactly(Y))
    with pytest.raises(ValueError, match="is expecting 3 features"):
        model.predict(device.put(X[:, :2]))

"""Arrays of other libraries, for the tests of what takes them under array API dispatch.

scikit-learn dispatches only if SCIPY_ARRAY_API=1 was in the environment when SciPy was
imported: without it, the modules that import this one are skipped.
"""

import os
from functools import cached_property

import numpy as np
import pytest
from array_cases import Device
from sklearn import config_context

from hingesvm import _namespace

if os.environ.get("SCIPY_ARRAY_API") != "1":
    pytest.skip("SCIPY_ARRAY_API=1 is not in the environment", allow_module_level=True)


class Place:
    """A device that is made where a test asks for it, and what numbers are there."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name

    @cached_property
    def _device(self):
        return Device(self.name)

    @property
    def dtype(self):
        """The dtype in which floats are passed there."""
        return self._device.dtype

    @property
    def widest(self):
        """The dtype of results, as NumPy has it."""
        return np.float32 if self._device.is_narrow else np.float64

    @property
    def rounding(self):
        """The relative error of a few operations in the widest dtype."""
        return 1e-6 if self._device.is_narrow else 1e-13

    def rounded(self, values):
        """Return the float64 array of the numbers that arrive there."""
        return np.asarray(values).astype(self.dtype).astype(np.float64)

    def put(self, values):
        """Return an array there, or None."""
        if values is None:
            return None
        values = np.asarray(values)
        if values.dtype.kind == "c" and self._device.is_narrow:
            return self._device.exactly(values.astype(np.complex64))
        return self._device.put(values)

    def holds(self, array):
        """Return whether an array is there, in the widest dtype."""
        return (
            self._device.has(array) and _namespace.to_host(array).dtype == self.widest
        )


PLACES = [
    Place("array_api_strict:CPU_DEVICE"),
    Place("array_api_strict:device1"),
    Place("array_api_strict:no_float64"),
    Place("torch:float64"),
    Place("torch:float32"),
    Place("torch:cuda"),
    Place("jax.numpy:x32"),
]
every_place = pytest.mark.parametrize("place", PLACES, ids=repr)
# Other places can only be told from these by what they round.
either_place = pytest.mark.parametrize("place", PLACES[1:4], ids=repr)


@pytest.fixture(autouse=True)
def dispatched():
    """Have scikit-learn dispatch arrays."""
    with config_context(array_api_dispatch=True):
        yield


@pytest.fixture
def brought(monkeypatch):
    """Return a list that gets the size of each array that is brought to the host."""
    sizes, to_host = [], _namespace.to_host

    def recorded(array):
        host = to_host(array)
        if host is not array:
            sizes.append(host.size)
        return host

    monkeypatch.setattr(_namespace, "to_host", recorded)
    return sizes


def raised_by(function, *args, **kwargs):
    """Return the error that a call raises."""
    with pytest.raises((TypeError, ValueError)) as caught:
        function(*args, **kwargs)
    return caught.value

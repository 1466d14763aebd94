"""Arrays of other libraries, for the tests of what takes them under array API dispatch.

scikit-learn dispatches only if SCIPY_ARRAY_API=1 was in the environment when SciPy was
imported: without it, the modules that import this one are skipped.
"""

import os
from dataclasses import dataclass

import numpy as np
import pytest
from sklearn import config_context

from hingesvm import _namespace

if os.environ.get("SCIPY_ARRAY_API") != "1":
    pytest.skip("SCIPY_ARRAY_API=1 is not in the environment", allow_module_level=True)


@dataclass(frozen=True)
class Place:
    """A device of an array library, and the dtype in which floats are passed there."""

    library: str
    device_name: str
    floats: str = "float64"

    def __str__(self):
        return f"{self.library}-{self.device_name}-{self.floats}"

    @property
    def xp(self):
        return pytest.importorskip(self.library)

    @property
    def device(self):
        if self.library == "array_api_strict":
            return self.xp.Device(self.device_name)
        if self.device_name == "cuda" and not self.xp.cuda.is_available():
            pytest.skip("there is no GPU")
        return None if self.library == "jax.numpy" else self.device_name

    @property
    def widest(self):
        """The dtype of results, as NumPy has it."""
        return np.float32 if self.device_name in {"no_float64", "x32"} else np.float64

    @property
    def rounding(self):
        """The relative error of a few operations in the widest dtype."""
        return 1e-6 if self.widest == np.float32 else 1e-13

    def rounded(self, values):
        """Return the float64 array of the numbers that arrive there."""
        return np.asarray(values).astype(self.floats).astype(np.float64)

    def put(self, values):
        """Return an array there, or None."""
        if values is None:
            return None
        array = np.asarray(values)
        if array.dtype.kind == "f":
            array = array.astype(self.floats)
        elif array.dtype.kind == "c" and self.floats == "float32":
            array = array.astype(np.complex64)
        return self.xp.asarray(array, device=self.device)

    def holds(self, array):
        """Return whether an array is there, in the widest dtype."""
        return (
            type(array) is type(self.put([0.0]))
            and array.device == self.put([0.0]).device
            and _namespace.to_host(array).dtype == self.widest
        )


PLACES = [
    Place("array_api_strict", "CPU_DEVICE"),
    Place("array_api_strict", "device1"),
    Place("array_api_strict", "no_float64", "float32"),
    Place("torch", "cpu"),
    Place("torch", "cpu", "float32"),
    Place("torch", "cuda"),
    Place("jax.numpy", "x32", "float32"),
]
every_place = pytest.mark.parametrize("place", PLACES, ids=str)
# Other places can only be told from these by what they round.
either_place = pytest.mark.parametrize("place", PLACES[1:4], ids=str)


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

"""Devices, and comparisons with fits of NumPy arrays, for the tests of arrays there."""

import warnings

import numpy as np
import pytest

from hingesvm import HingeSVC
from hingesvm._namespace import Namespace, namespace_of, to_host
from hingesvm.losses import MarginLoss, SmoothedHinge

# Relative: what sums of float64 are off by, and what costs are that are rounded to
# float32.
_ROUNDING, _NARROW = 1e-12, 1e-6


class ModifiedHuber(MarginLoss):
    """A loss of one's own: squared down to margin -1, and straight below."""

    bound = 4.0
    curvature = 0.5


class Device:
    """Where arrays are put, and the dtype of X there.

    Attributes
    ----------
    name : str
    dtype : type
    is_narrow : bool
        Whether it has no float64.
    """

    def __init__(self, name, monkeypatch=None):
        self.name = name
        library, _, place = name.partition(":")
        narrow = "no_float64", "x32"
        self.dtype = np.float32 if place in ("float32", *narrow) else np.float64
        self.is_narrow = place in narrow
        if library == "jax.numpy":
            self._xp, self._device = pytest.importorskip(library), None
        elif library == "torch":
            self._xp = pytest.importorskip("torch")
            self._device = "cuda" if place == "cuda" else "cpu"
            if place == "cuda" and not self._xp.cuda.is_available():
                pytest.skip("there is no GPU")
            if self.is_narrow:
                has_none = property(lambda self: False)
                monkeypatch.setattr(Namespace, "has_float64", has_none)
        else:
            self._xp = pytest.importorskip("array_api_strict")
            known = self._xp.__array_namespace_info__().devices()
            self._device = self._xp.Device(place)
            if self._device not in known:
                pytest.skip(f"this array_api_strict has no {place}")

    def put(self, values):
        """Return numbers as an array there; floats in its dtype."""
        values = np.array(values)
        if values.dtype.kind == "f":
            values = values.astype(self.dtype)
        return self.exactly(values)

    def exactly(self, values):
        """Return numbers as an array there, in their own dtype."""
        return self._xp.asarray(values, device=self._device)

    @property
    def space(self):
        """Namespace and device, as the package sees them."""
        return namespace_of(self.put([1.0]))

    def has(self, array):
        """Whether an array is there."""
        return namespace_of(array) == self.space


WIDE = ["torch:float64", "torch:float32", "array_api_strict:device1"]
# One that is fast, and seems to have no float64; and one that refuses it.
NARROW = "torch:no_float64"
STRICT = "array_api_strict:no_float64"
LOSSES = ["hinge", "squared_hinge", SmoothedHinge(0.5), ModifiedHuber()]


def every_device(*names):
    """Run a test on devices: by default on all kinds of them."""
    names = names or (*WIDE, NARROW, STRICT)
    return pytest.mark.parametrize("device", names, indirect=True)


def reference(X, y, sample_weight=None, **params):
    """Return the fit of the same numbers as NumPy arrays, to rounding."""
    params |= {"tol": 1e-12, "max_iter": 5000}
    X = np.asarray(X, dtype=np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return HingeSVC(**params).fit(X, y, sample_weight)


def assert_certified(model, exact, *, is_narrow=False):
    """Assert that a model's bounds hold the optimum that another fit has found."""
    part = _NARROW if is_narrow else _ROUNDING
    noise = part * exact.objective_ + 1e-300
    least = exact.objective_ - exact.dual_gap_
    assert model.objective_ - model.dual_gap_ <= exact.objective_ + _ROUNDING * least
    assert model.objective_ >= least - noise
    assert model.dual_gap_ >= 0.0


def on_device(model):
    """Return coefficients and intercepts of a model as NumPy arrays of float64."""
    coef, intercept = to_host(model.coef_), to_host(model.intercept_)
    return coef.astype(np.float64), intercept.astype(np.float64)

"""Arrays of other libraries, which stay where they are under array API dispatch.

With scikit-learn's setting ``array_api_dispatch`` on, arrays of torch, CuPy, JAX and
others that follow the array API standard are worked on in their own library and on
their own device. Where the setting is off, they are converted to NumPy arrays.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn import get_config

__all__ = [
    "Namespace",
    "detached",
    "dispatchable",
    "namespace_of",
    "on_host",
    "to_host",
]

# Where the wrappers of libraries are: those that scikit-learn brings come first.
_WRAPPERS = ("sklearn.externals.array_api_compat", "array_api_compat")
# Arrays that follow the standard, but are lazy or have no dense values in memory.
_CONVERTED = ("is_dask_array", "is_pydata_sparse_array", "is_ndonnx_array")


@dataclass(frozen=True)
class Namespace:
    """The functions of an array library, and a device of its.

    Attributes
    ----------
    xp : module
        What the array API standard calls a namespace.
    device : object
    """

    xp: Any
    device: Any

    @property
    def name(self) -> str:
        """Name of the library, such as "torch"."""
        return str(self.xp.__name__).rpartition(".")[2]

    @cached_property
    def _dtypes(self) -> dict[str, Any]:
        """The real floating dtypes that the device has, by their names."""
        info = self.xp.__array_namespace_info__()
        found: dict[str, Any] = info.dtypes(device=self.device, kind="real floating")
        return found

    @property
    def has_float64(self) -> bool:
        """Whether the device knows float64."""
        return "float64" in self._dtypes

    @property
    def widest(self) -> Any:
        """The dtype of most digits that the device has: float64, or else float32."""
        return self.xp.float64 if self.has_float64 else self.xp.float32

    @property
    def floats(self) -> list[Any]:
        """The dtypes that X may have: that to which others are cast comes first."""
        single = self.xp.float32
        return [self.xp.float64, single] if self.has_float64 else [single]

    @cached_property
    def integer(self) -> Any:
        """The dtype of most digits among those of indices."""
        info = self.xp.__array_namespace_info__()
        known = info.dtypes(device=self.device, kind="signed integer")
        return self.xp.int64 if "int64" in known else self.xp.int32

    def as_floats(self, array: Any) -> Any:
        """Return an array of real numbers of the namespace in its widest dtype.

        Raises
        ------
        ValueError
            If it has complex numbers.
        """
        if self.xp.isdtype(array.dtype, "complex floating"):
            raise ValueError(f"Complex data not supported, got {array.dtype}.")
        return self.xp.astype(array, self.widest, copy=False)

    def asarray(self, values: Any, dtype: Any = None) -> Any:
        """Return numbers of the host, or of another array library, on the device."""
        if not isinstance(values, (np.ndarray, int, float, list, tuple)):
            other = namespace_of(values)
            if other == self:
                return values if dtype is None else self.xp.astype(values, dtype)
            values = to_host(values)
        if not self.has_float64 and getattr(values, "dtype", None) == np.float64:
            values = values.astype(np.float32)
        if isinstance(values, np.ndarray):
            # Libraries take no strides below 0, and some no arrays that are read-only.
            values = np.array(values, order="C", copy=True)
        return self.xp.asarray(values, dtype=dtype, device=self.device)


def namespace_of(array: Any) -> Namespace | None:
    """Return the namespace and the device of an array that is to stay there.

    Returns
    -------
    Namespace or None
        None for NumPy arrays and all that scikit-learn converts to these, as it does
        with all arrays where its setting ``array_api_dispatch`` is off.
    """
    if isinstance(array, (np.ndarray, list, tuple)) or array is None:
        return None
    if not get_config()["array_api_dispatch"] or sp.issparse(array):
        return None
    wrappers = _wrappers()
    if not wrappers.is_array_api_obj(array):
        return None
    if any(getattr(wrappers, name)(array) for name in _CONVERTED):
        return None
    xp = wrappers.array_namespace(array)
    if wrappers.is_numpy_namespace(xp):
        return None
    return Namespace(xp, wrappers.device(array))


def to_host(array: Any) -> NDArray[Any]:
    """Return an array of any library as a NumPy array, which may share its memory."""
    if isinstance(array, np.ndarray):
        return array
    try:
        return np.from_dlpack(array, device="cpu")
    except (
        AttributeError,
        BufferError,
        NotImplementedError,
        RuntimeError,
        TypeError,
        ValueError,
    ):
        # Such libraries, and NumPy before 2.1, have other ways.
        pass
    array = detached(array)
    try:
        return np.asarray(_wrappers().to_device(array, "cpu"))
    except ValueError:
        xp = _wrappers().array_namespace(array)
        first = xp.__array_namespace_info__().default_device()
        return np.asarray(array.to_device(first))


def on_host(array: Any, but: Namespace | None = None) -> Any:
    """Return an array as a NumPy array if it would stay on a device, else as it is.

    Arrays that are where `but` is stay there.
    """
    space = namespace_of(array)
    return array if space is None or space == but else to_host(array)


def detached(array: Any) -> Any:
    """Return an array without the record of what gradients are taken through."""
    return array.detach() if hasattr(array, "detach") else array


def dispatchable(values: Any) -> Any:
    """Return what scikit-learn dispatches: no range, and by older ones no list."""
    if hasattr(values, "shape") or not get_config()["array_api_dispatch"]:
        return values
    return np.asarray(values)


def _wrappers() -> Any:
    """Return the package that wraps array libraries as the standard has them.

    Raises
    ------
    ImportError
        If there is none.
    """
    for name in _WRAPPERS:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImportError(
        "Arrays that are not NumPy's need array_api_compat under array_api_dispatch: "
        "pip install array-api-compat, or scikit-learn 1.7 or newer, which brings it."
    )

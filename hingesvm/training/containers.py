"""Containers of rows: the floats to read them in, and arrays that kernels can read."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from hingesvm._namespace import namespace_of, to_host
from hingesvm.rows.copied import Matrix

__all__ = ["float_types", "native", "readable"]

# Names of numbers that all libraries share, in spite of "torch.float32" or "Boolean".
_NUMBER = re.compile(r"(?:.*\.)?(bool|u?int\d+|float\d+)(?:ean)?")


def native(X: Any) -> Any:
    """Return X, or the SciPy matrix that it says it is.

    Raises
    ------
    TypeError
        If X is a query that has not been run, such as a LazyFrame.
    ValueError
        If X has masked values.
    """
    if isinstance(X, np.ndarray):
        # scikit-learn reads the values below the mask.
        if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
            raise ValueError(
                "X has masked values, which are missing ones: impute them, as "
                "SimpleImputer does of X.filled(numpy.nan), or leave out their rows."
            )
        return X
    if sp.issparse(X):
        return X
    space = namespace_of(X)
    if space is not None:
        warnings.warn(
            f"X, an array of {space.name} on {space.device}, is copied to the host: "
            "what HingeSVC.fit does with neither joint losses nor l1_ratio is all that "
            "stays on a device.",
            UserWarning,
            stacklevel=2,
        )
        return to_host(X)
    if callable(getattr(X, "collect", None)) and not hasattr(X, "__len__"):
        raise TypeError(
            f"X is {type(X).__name__}, whose rows are not in memory: pass X.collect()."
        )
    to_scipy = getattr(X, "to_scipy_sparse", None)
    return to_scipy() if callable(to_scipy) else X


def float_types(X: Any) -> list[type[np.floating]]:
    """Return the dtypes that scikit-learn's checks keep; others become the first.

    That is float32 where NumPy would have float32 of all columns together, and else
    float64. NumPy's own dtypes scikit-learn knows: these are kept.
    """
    if not isinstance(X, (np.ndarray, list, tuple)) and not sp.issparse(X):
        found = [_numpy_dtype(dtype) for dtype in _dtypes(X)]
        known = [dtype for dtype in found if dtype is not None]
        if known and len(known) == len(found) and _promoted(known) == np.float32:
            return [np.float32, np.float64]
    return [np.float64, np.float32]


def _dtypes(X: Any) -> Iterable[Any]:
    """Return the dtypes of the columns, or the one of all values; none if unknown."""
    # A frame can have a column named "dtype".
    if hasattr(X, "dtypes"):
        found: Iterable[Any] = X.dtypes
        return found
    schema: Any = getattr(X, "schema", None)
    if hasattr(schema, "types"):
        found = schema.types
        return found
    if hasattr(schema, "values"):
        found = schema.values()
        return found
    if hasattr(X, "dtype"):
        return [X.dtype]
    return [np.asarray(X).dtype] if hasattr(X, "__array__") else []


def _numpy_dtype(dtype: Any) -> np.dtype[Any] | None:
    """Return NumPy's dtype of the same numbers; None if there is none."""
    if isinstance(dtype, np.dtype):
        return dtype
    # The names of pandas: of nullable and Arrow columns, and of sparse ones.
    for name in ("numpy_dtype", "subtype"):
        inner = getattr(dtype, name, None)
        if isinstance(inner, np.dtype):
            return inner
    if hasattr(dtype, "to_pandas_dtype"):
        # In Arrow float32 is "float".
        try:
            dtype = np.dtype(dtype.to_pandas_dtype())
        except (NotImplementedError, TypeError):
            return None
    number = _NUMBER.fullmatch(str(dtype).lower())
    try:
        return None if number is None else np.dtype(number[1])
    except TypeError:
        # Such as 128-bit integers.
        return None


def _promoted(dtypes: list[np.dtype[Any]]) -> np.dtype[Any] | None:
    """Return the dtype that NumPy has for all; None if there is none."""
    try:
        return np.result_type(*dtypes)
    except TypeError:
        return None


def readable(X: Matrix) -> Matrix:
    """Return X, or a copy that kernels can read: contiguous, aligned and of floats.

    scikit-learn hands on sparse booleans of pandas, and parts of CSR matrices that are
    views. Fields of packed records need not be aligned, and to read unaligned numbers
    is undefined behaviour in C.
    """
    if X.dtype not in (np.float64, np.float32):
        X = X.astype(np.float64)
    parts: tuple[NDArray[Any], ...] = (X,)
    if sp.issparse(X):
        parts = (X.data, X.indices, X.indptr)
    flags = [part.flags for part in parts]
    return X if all(f.aligned and f.c_contiguous for f in flags) else X.copy()

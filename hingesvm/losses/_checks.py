"""Checks of the scores, labels and weights that a multi-class loss is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils import check_array

from hingesvm.losses._base import Float64Array

__all__ = ["Codes", "check_labels", "check_scores", "check_weights"]

Codes = NDArray[np.intp]


def check_scores(
    scores: Any, name: str, *, may_be_infinite: bool = False
) -> Float64Array:
    """Return a matrix with a column for each of two or more classes."""
    array = _as_float64(scores, name, ensure_all_finite=not may_be_infinite)
    if array.ndim != 2 or array.shape[1] < 2:
        raise ValueError(
            f"{name} must have shape (n_samples, n_classes) with two or more classes, "
            f"got {array.shape}; decisions f between two classes are the scores "
            "np.column_stack([-f, f]) / 2."
        )
    if may_be_infinite and np.isnan(array).any():
        raise ValueError(f"{name} contains NaN: only numbers have a conjugate.")
    return array


def check_labels(y: Any, n_samples: int, n_classes: int) -> Codes:
    """Return the code of the true class of each row."""
    if sp.issparse(y):
        raise TypeError(
            "y is sparse: pass integer codes, or encoded labels y.toarray()."
        )
    array = np.asarray(y)
    if array.shape == (n_samples,):
        return _check_codes(array, n_classes)
    if array.shape == (n_samples, n_classes):
        return _decode(array)
    raise ValueError(
        f"y must have shape ({n_samples},), integer codes, or ({n_samples}, "
        f"{n_classes}), encoded labels, as there are {n_samples} rows of {n_classes} "
        f"classes; got {array.shape}."
    )


def _check_codes(array: NDArray[Any], n_classes: int) -> Codes:
    """Return the codes as indices; refuse others than 0 to `n_classes` - 1."""
    if array.size == 0:
        return array.astype(np.intp)
    if array.dtype.kind not in "iu":
        raise ValueError(
            f"y must be integer codes from 0 to {n_classes - 1}, got such as "
            f"{array.tolist()[0]!r}; np.unique(labels, return_inverse=True) encodes "
            "labels."
        )
    low, high = array.min(), array.max()
    if low < 0 or high >= n_classes:
        raise ValueError(
            f"y must be codes from 0 to {n_classes - 1}, one for each column of "
            f"scores; got {low} to {high}."
        )
    return array.astype(np.intp, copy=False)


def _decode(array: NDArray[Any]) -> Codes:
    """Return the column of the only 1 in each row of encoded labels."""
    if array.dtype.kind in "biuf":
        is_true = array == 1
        rest = -1 if (array < 0).any() else 0
        has_single = np.count_nonzero(is_true, axis=1) == 1
        if has_single.all() and (is_true | (array == rest)).all():
            return np.asarray(is_true.argmax(axis=1))
    raise ValueError(
        "encoded labels y must have one 1 in each row and else only 0, or only -1; "
        "for classes as integers pass y of shape (n_samples,)."
    )


def check_weights(sample_weight: Any, n_samples: int) -> Float64Array | None:
    """Return a weight for each row, or None for equal ones."""
    if sample_weight is None:
        return None
    weights = _as_float64(sample_weight, "sample_weight")
    if weights.shape != (n_samples,):
        raise ValueError(
            f"sample_weight must have shape ({n_samples},), a weight for each row of "
            f"scores; got {weights.shape}."
        )
    if np.any(weights < 0.0):
        raise ValueError(
            f"sample_weight must be non-negative, got {weights.min()}: use weight 0 to "
            "leave out a row."
        )
    return weights


def _as_float64(
    values: Any, name: str, *, ensure_all_finite: bool = True
) -> Float64Array:
    """Return the values as a float64 array of their shape."""
    array: Float64Array = check_array(
        values,
        dtype=np.float64,
        ensure_2d=False,
        allow_nd=True,
        ensure_min_samples=0,
        ensure_all_finite=ensure_all_finite,
        input_name=name,
    )
    return array

"""Checks of the scores, labels and weights that a multi-class loss is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array

from hingesvm._namespace import detached, dispatchable, on_host, to_host
from hingesvm.losses._arithmetic import Arithmetic, arithmetic_of

__all__ = ["check_labels", "check_scores", "check_weights"]


def check_scores(
    scores: Any, name: str, on: Arithmetic, *, may_be_infinite: bool = False
) -> Any:
    """Return a matrix with a column for each of two or more classes."""
    array = _as_floats(scores, name, on, ensure_all_finite=not may_be_infinite)
    if array.ndim != 2 or array.shape[1] < 2:
        raise ValueError(
            f"{name} must have shape (n_samples, n_classes) with two or more classes, "
            f"got {tuple(array.shape)}; decisions f between two classes are the scores "
            "np.column_stack([-f, f]) / 2."
        )
    if may_be_infinite and on.xp.any(on.xp.isnan(array)):
        raise ValueError(f"{name} contains NaN: only numbers have a conjugate.")
    return array


def check_labels(y: Any, shape: tuple[int, int], on: Arithmetic) -> Any:
    """Return the code of the true class of each row, where the scores are."""
    n_samples, n_classes = shape
    if sp.issparse(y):
        raise TypeError(
            "y is sparse: pass integer codes, or encoded labels y.toarray()."
        )
    array = on_host(y, but=on.space)
    # Labels of the host stay there until they are codes.
    beside = arithmetic_of(array)
    if beside.space is None:
        array = np.asarray(array)
    if array.shape == (n_samples,):
        codes = _check_codes(beside, array, n_classes)
    elif array.shape == shape:
        codes = _decode(beside, array)
    else:
        raise ValueError(
            f"y must have shape ({n_samples},), integer codes, or ({n_samples}, "
            f"{n_classes}), encoded labels, as there are {n_samples} rows of "
            f"{n_classes} classes; got {tuple(array.shape)}."
        )
    return codes if on.space is None else on.space.asarray(codes)


def _check_codes(on: Arithmetic, array: Any, n_classes: int) -> Any:
    """Return the codes as indices; refuse others than 0 to `n_classes` - 1."""
    if array.shape[0] == 0:
        return on.indices(array)
    if not on.is_integral(array):
        raise ValueError(
            f"y must be integer codes from 0 to {n_classes - 1}, got such as "
            f"{to_host(array[:1]).tolist()[0]!r}; np.unique(labels, "
            "return_inverse=True) encodes labels."
        )
    low, high = on.bounds(array)
    if low < 0 or high >= n_classes:
        raise ValueError(
            f"y must be codes from 0 to {n_classes - 1}, one for each column of "
            f"scores; got {low} to {high}."
        )
    return on.indices(array)


def _decode(on: Arithmetic, array: Any) -> Any:
    """Return the column of the only 1 in each row of encoded labels."""
    xp = on.xp
    if on.is_real(array):
        values = array if on.space is None else on.floats(array)
        is_true = values == 1
        rest = -1 if xp.any(values < 0) else 0
        has_single = xp.count_nonzero(is_true, axis=1) == 1
        if xp.all(has_single) and xp.all(is_true | (values == rest)):
            return xp.argmax(values, axis=1)
    raise ValueError(
        "encoded labels y must have one 1 in each row and else only 0, or only -1; "
        "for classes as integers pass y of shape (n_samples,)."
    )


def check_weights(sample_weight: Any, n_samples: int, on: Arithmetic) -> Any:
    """Return a weight for each row, where the scores are, or None for equal ones."""
    if sample_weight is None:
        return None
    weights = on_host(sample_weight, but=on.space)
    weights = _as_floats(weights, "sample_weight", arithmetic_of(weights))
    if weights.shape != (n_samples,):
        raise ValueError(
            f"sample_weight must have shape ({n_samples},), a weight for each row of "
            f"scores; got {tuple(weights.shape)}."
        )
    if on.space is not None:
        weights = on.space.asarray(weights, on.space.widest)
    if on.xp.any(weights < 0.0):
        raise ValueError(
            f"sample_weight must be non-negative, got {float(on.xp.min(weights))}: "
            "use weight 0 to leave out a row."
        )
    return weights


def _as_floats(
    values: Any, name: str, on: Arithmetic, *, ensure_all_finite: bool = True
) -> Any:
    """Return the values as an array of their shape in the widest floats."""
    if on.space is not None:
        values = on.floats(values)
    checked = check_array(
        dispatchable(values) if on.space is None else detached(values),
        dtype=on.dtype,
        ensure_2d=False,
        allow_nd=True,
        ensure_min_samples=0,
        ensure_all_finite=ensure_all_finite,
        input_name=name,
    )
    # Gradients are taken through what was passed.
    return checked if on.space is None else values

"""Arrays with one entry a row, which a scalar stands for where all are equal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["repeated", "scaled", "sum_of"]

Float64Array = NDArray[np.float64]


def repeated(value: float, count: int) -> Float64Array:
    """Return a value for each row, stored once, as np.broadcast_to does but sooner."""
    out: Float64Array = np.ndarray((count,), np.float64, np.array(value), strides=(0,))
    out.flags.writeable = False
    return out


def scaled(
    values: Float64Array, factor: float, rows: NDArray[np.intp] | None = None
) -> Float64Array:
    """Return a factor times the values, of some rows if they are given.

    A broadcast scalar stays one.
    """
    if values.strides[0] == 0 and len(values):
        count = len(values) if rows is None else len(rows)
        return repeated(factor * values[0], count)
    return factor * (values if rows is None else values[rows])


def sum_of(values: Float64Array) -> float:
    """Return the sum of the values; of a broadcast scalar by one product."""
    if values.strides[0] == 0 and len(values):
        return float(values[0]) * len(values)
    return float(values.sum())

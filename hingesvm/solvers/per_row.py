"""Arrays with one entry a row, which a scalar stands for where all are equal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["scaled"]

Float64Array = NDArray[np.float64]


def scaled(
    values: Float64Array, factor: float, rows: NDArray[np.intp] | None = None
) -> Float64Array:
    """Return a factor times the values, of some rows if they are given.

    A broadcast scalar stays one.
    """
    if values.strides[0] == 0 and len(values):
        count = len(values) if rows is None else len(rows)
        return np.broadcast_to(factor * values[0], (count,))
    return factor * (values if rows is None else values[rows])

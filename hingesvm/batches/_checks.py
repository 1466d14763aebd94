"""What all readers check, and how they show their files."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from sklearn.utils.validation import check_scalar

__all__ = ["check_count", "check_dtype", "shown_files"]


def check_count(value: Any, name: str) -> int:
    """Return a number of rows or columns; refuse all but integers from 1 on."""
    return int(check_scalar(value, name, Integral, min_val=1))


def check_dtype(dtype: DTypeLike) -> np.dtype[np.floating]:
    """Return the dtype; refuse all but float32 and float64."""
    found: np.dtype[Any] = np.dtype(dtype)
    if found not in (np.float32, np.float64):
        raise ValueError(f'dtype must be "float32" or "float64", got {dtype!r}.')
    return found


def shown_files(paths: Sequence[str]) -> str:
    """Return the one path, or how many there are."""
    return repr(paths[0]) if len(paths) == 1 else f"{len(paths)} files"

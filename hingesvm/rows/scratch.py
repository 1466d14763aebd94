"""Arrays of one number a row that may lie in a temporary file, not in memory."""

from __future__ import annotations

import os
import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAPPED_BYTES", "on_disk"]

# Bytes from which an array goes to the disk: smaller ones take less memory than the
# libraries that are loaded.
MAPPED_BYTES = 1 << 26


def on_disk(n_rows: int, dtype: type[np.generic]) -> NDArray[Any]:
    """Return an array that lies in a temporary file, or in memory if it is small.

    The system keeps in memory what it has room for. The file has no name, where the
    system allows that, and is gone with the array. Without room on the disk, the array
    is in memory.

    Parameters
    ----------
    n_rows : int
    dtype : type

    Returns
    -------
    ndarray of shape (n_rows,)
        Its values are arbitrary.
    """
    n_bytes = n_rows * np.dtype(dtype).itemsize
    # A disk that is full later, at the first write, would end the process.
    if n_bytes >= MAPPED_BYTES and hasattr(os, "posix_fallocate"):
        try:
            with tempfile.TemporaryFile() as file:
                os.posix_fallocate(file.fileno(), 0, n_bytes)
                return np.asarray(np.memmap(file, dtype, "r+", shape=(n_rows,)))
        except OSError:
            pass
    return np.empty(n_rows, dtype)

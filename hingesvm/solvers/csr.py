"""What is done to CSR matrices before the kernels see them, or without kernels."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["inner_products", "with_like_indices"]

Float64Array = NDArray[np.float64]

# What the kernels read; other types of indices are converted.
_INDEX_TYPES = (np.dtype(np.int32), np.dtype(np.int64))
# Copies of rows that are multiplied by each other are a part of all of them at most, or
# have so many entries.
_PARTS, _FEW_ENTRIES = 8, 1 << 16
# Products between two looks for an interrupt: some milliseconds.
_PRODUCTS = 1 << 19


def with_like_indices(X: Any) -> Any:
    """Return a CSR matrix whose indices and row starts are of one type for kernels."""
    columns, row_starts = X.indices, X.indptr
    if columns.dtype == row_starts.dtype and columns.dtype in _INDEX_TYPES:
        return X
    kind = columns.dtype
    if kind not in _INDEX_TYPES or row_starts[-1] > np.iinfo(kind).max:
        kind = np.dtype(np.int64)
    X = copy(X)
    # Row starts are converted where that will do, as there are fewer of them.
    X.indices = columns.astype(kind, copy=False)
    X.indptr = row_starts.astype(kind, copy=False)
    return X


def inner_products(
    X: Any, rows: NDArray[np.intp], check_cancelled: Callable[[], None]
) -> Float64Array:
    """Return the inner products of some rows, of shape (m, m), in float64.

    Parameters
    ----------
    X : CSR matrix or array
    rows : ndarray of intp, of shape (m,)
    check_cancelled : callable
        Called every few milliseconds; may raise.
    """
    out = np.empty((len(rows), len(rows)))
    lengths = (X.indptr[rows + 1] - X.indptr[rows]).astype(np.int64)
    most = max(_FEW_ENTRIES, int(lengths.sum()) // _PARTS)
    parts = list(_of_like_sum(lengths, most))
    for k, some in enumerate(parts):
        right = X[rows[some]].astype(np.float64).T.tocsr()
        in_column = np.diff(right.indptr).astype(np.int64)
        for part in parts[k:]:
            left = X[rows[part]].astype(np.float64)
            # A product is as much work as there are pairs of entries in a column.
            before = np.append(0, np.cumsum(in_column[left.indices]))[left.indptr]
            for few in _of_like_sum(np.diff(before), _PRODUCTS):
                check_cancelled()
                block = (left[few] @ right).toarray()
                at = slice(part.start + few.start, part.start + few.stop)
                out[at, some] = block
                if part != some:
                    out[some, at] = block.T
    return out


def _of_like_sum(sizes: NDArray[np.int64], most: int) -> Iterator[slice]:
    """Yield ranges that cover some sizes, each with a sum of about `most`."""
    before = np.cumsum(sizes) - sizes
    edges = np.flatnonzero(np.diff(before // most, prepend=-1)).tolist()
    for start, stop in itertools.pairwise([*edges, len(sizes)]):
        yield slice(start, stop)

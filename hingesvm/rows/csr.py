"""What is done to CSR matrices before the kernels see them, or without kernels."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from copy import copy
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

__all__ = [
    "csr_of",
    "inner_products",
    "lookup_of",
    "no_such_column",
    "row_starts_of",
    "with_like_indices",
]

Float64Array = NDArray[np.float64]

# What the kernels read; other types of indices are converted.
_INDEX_TYPES = (np.dtype(np.int32), np.dtype(np.int64))
# Copies of rows that are multiplied by each other are a part of all of them at most, or
# have so many entries: larger copies take more memory, smaller ones more calls.
_PARTS, _FEW_ENTRIES = 8, 1 << 16
# Rows in a part, at least, where columns are multiplied as dense ones: a bound of
# calls.
_FEWEST_ROWS = 64
# Products between two looks for an interrupt: some milliseconds.
_PRODUCTS = 1 << 19

# Columns, as a part of the entries of X, up to which full ones are looked for: among
# more, looking takes longer than it saves (docs/experiments.md#constants).
_FULL_PART = 0.25
# Products of dense columns in the time of one of sparse ones: if it is too high,
# columns are made dense for nothing; if too low, full ones take the time of sparse
# products (docs/experiments.md#which-method-when).
_DENSE_SPEEDUP = 64.0


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


def lookup_of(chosen: NDArray[np.intp], n_features: int) -> NDArray[np.int32]:
    """Return the place of each column among some that are chosen, -1 for all others."""
    places = np.full(n_features, -1, dtype=np.int32)
    places[chosen] = np.arange(len(chosen), dtype=np.int32)
    return places


def row_starts_of(lengths: NDArray[np.intp]) -> NDArray[np.signedinteger[Any]]:
    """Return where rows of these lengths begin, and the end; int32 if that will do."""
    starts = np.append(0, np.cumsum(lengths))
    is_wide = starts[-1] > np.iinfo(np.int32).max
    return starts.astype(np.int64 if is_wide else np.int32)


def csr_of(
    data: NDArray[np.floating],
    columns: NDArray[np.int32],
    row_starts: NDArray[np.signedinteger[Any]],
    n_features: int,
) -> Any:
    """Return the CSR matrix of some entries, which are not checked.

    Parameters
    ----------
    data : ndarray of float32 or float64, of shape (n_entries,)
    columns : ndarray of int32, of shape (n_entries,)
    row_starts : ndarray of int32 or int64, of shape (n_rows + 1,)
    n_features : int
    """
    X = sp.csr_matrix((len(row_starts) - 1, n_features), dtype=data.dtype)
    X.data, X.indices, X.indptr = data, columns, row_starts
    return with_like_indices(X)


def no_such_column(n_features: int) -> ValueError:
    """Return the error about a sparse X with entries outside of its columns."""
    return ValueError(
        f"X is no valid CSR matrix: it has column indices outside 0..{n_features - 1}."
    )


def inner_products(
    X: Any,
    rows: NDArray[np.intp],
    others: NDArray[np.intp] | None,
    check_cancelled: Callable[[], None],
) -> Float64Array:
    """Return the inner products of some rows with others, in float64.

    Columns that have entries in many of the rows are multiplied as dense ones.

    Parameters
    ----------
    X : CSR matrix or array
    rows : ndarray of intp, of shape (m,)
    others : ndarray of intp, of shape (k,), or None
        None: the same rows.
    check_cancelled : callable
        Called every few milliseconds; may raise.

    Returns
    -------
    ndarray of float64, of shape (m, k)
    """
    same = others is None
    others = rows if others is None else others
    full = _full_columns(X, rows, others)
    out = np.empty((len(rows), len(others)))
    right_parts = list(_parts(X, others, len(full)))
    left_parts = right_parts if same else list(_parts(X, rows, len(full)))
    for k, some in enumerate(right_parts):
        of_some = _split(X, others[some], full)
        right, dense = of_some[1].T.tocsr(), np.ascontiguousarray(of_some[0].T)
        in_column = np.diff(right.indptr).astype(np.int64)
        for part in left_parts[k:] if same else left_parts:
            check_cancelled()
            is_itself = same and part == some
            dense_left, left = of_some if is_itself else _split(X, rows[part], full)
            out[part, some] = dense_left @ dense
            whole = slice(0, left.shape[0])
            # A product is as much work as there are pairs of entries in a column.
            before = np.append(0, np.cumsum(in_column[left.indices]))[left.indptr]
            for few in _of_like_sum(np.diff(before), _PRODUCTS):
                check_cancelled()
                at = slice(part.start + few.start, part.start + few.stop)
                part_of_left = left if few == whole else left[few]
                out[at, some] += (part_of_left @ right).toarray()
            if same and not is_itself:
                out[some, part] = out[part, some].T
    return out


def _full_columns(
    X: Any, rows: NDArray[np.intp], others: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return the columns that are multiplied sooner with their zeros than without."""
    d, pairs = X.shape[1], np.empty(0)
    for some in (rows,) if others is rows else (rows, others):
        counts = np.zeros(d if d <= _FULL_PART * len(X.indices) else 0)
        for part in _parts(X, some, 0) if len(counts) else ():
            counts += np.bincount(_rows_of(X, some[part]).indices, minlength=d)
        counts /= max(len(some), 1)
        pairs = pairs * counts if len(pairs) else counts
    if others is rows:
        pairs *= pairs
    return np.flatnonzero(pairs > 1.0 / _DENSE_SPEEDUP)


def _parts(X: Any, rows: NDArray[np.intp], n_full: int) -> Iterator[slice]:
    """Yield ranges of rows whose copies do not take too much memory."""
    lengths = (X.indptr[rows + 1] - X.indptr[rows]).astype(np.int64) + n_full
    most = max(_FEW_ENTRIES, int(lengths.sum()) // _PARTS, n_full * _FEWEST_ROWS)
    return _of_like_sum(lengths, most)


def _split(
    X: Any, rows: NDArray[np.intp], full: NDArray[np.intp]
) -> tuple[Float64Array, Any]:
    """Return some columns of some rows as a dense array, and the others as CSR."""
    some = _rows_of(X, rows).astype(np.float64)
    if not len(full):
        return np.empty((len(rows), 0)), some
    dense = some[:, full].toarray()
    is_full = np.zeros(X.shape[1], dtype=np.bool_)
    is_full[full] = True
    some.data[is_full[some.indices]] = 0.0
    some.eliminate_zeros()
    return dense, some


def _rows_of(X: Any, rows: NDArray[np.intp]) -> Any:
    """Return some rows; X itself if they are all rows in order."""
    is_whole = len(rows) == X.shape[0] and np.array_equal(rows, np.arange(len(rows)))
    return X if is_whole else X[rows]


def _of_like_sum(sizes: NDArray[np.int64], most: int) -> Iterator[slice]:
    """Yield ranges that cover some sizes, each with a sum of about `most`."""
    before = np.cumsum(sizes) - sizes
    edges = np.flatnonzero(np.diff(before // most, prepend=-1)).tolist()
    for start, stop in itertools.pairwise([*edges, len(sizes)]):
        yield slice(start, stop)

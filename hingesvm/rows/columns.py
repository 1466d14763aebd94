"""What the columns of X are like: scales, spreads, and how full they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hingesvm.rows.contract import Rows

__all__ = [
    "column_scales",
    "column_spreads",
    "condition_of_columns",
    "entries_above",
    "mean_squares",
    "share_of_nonzeros",
    "unit_factors",
]

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]

# Part of a sum of squares below which a difference is made of rounding errors.
_ROUNDING = 1e-12
# Columns, and rows of a sample, whose condition number takes up to a second: a bound of
# the time that a warning may take.
_MOST_COLUMNS, _SAMPLE = 1000, 2000


def mean_squares(rows: Rows, some: IndexArray) -> Float64Array:
    """Return the mean of x_ij^2 over some rows, of shape (n_features,)."""
    out = np.zeros(rows.n_features)
    for block in rows.blocks(some):
        if rows.is_sparse:
            squares = block.astype(np.float64)
            squares = np.asarray(squares.multiply(squares).sum(axis=0)).ravel()
        else:
            squares = np.square(block, dtype=np.float64).sum(axis=0)
        out += squares
    return out / len(some)


def entries_above(
    rows: Rows, some: IndexArray, limits: Float64Array
) -> tuple[IndexArray, IndexArray]:
    """Return where entries of some rows are larger in size than limits of columns.

    Returns
    -------
    places, columns : ndarray of intp
        For each such entry its place in `some`, and its column.
    """
    places, columns = [some[:0]], [some[:0]]
    before = 0
    limits = limits.astype(rows.dtype)
    for block in rows.blocks(some):
        if rows.is_sparse:
            block = block.tocoo()
            is_above = np.abs(block.data) > limits[block.col]
            row, column = block.row[is_above], block.col[is_above]
        else:
            # Faster than `nonzero` of an array of two axes.
            found = np.flatnonzero(np.abs(block) > limits)
            row, column = np.divmod(found, rows.n_features)
        places.append(row.astype(np.intp) + before)
        columns.append(column.astype(np.intp))
        before += block.shape[0]
    return np.concatenate(places), np.concatenate(columns)


def unit_factors(squares: Float64Array, n_rows: int) -> Float64Array:
    """Return factors of columns by which their mean squares become 1.

    Parameters
    ----------
    squares : ndarray of float64, of shape (n_features,)
        Mean squares in some rows.
    n_rows : int
        How many these are.
    """
    # A column that is zero in all of these rows has at most about one other entry.
    least = float(squares.min(where=squares > 0.0, initial=np.inf))
    floor = least / n_rows if np.isfinite(least) else 1.0
    return 1.0 / np.sqrt(np.maximum(squares, floor))


def share_of_nonzeros(rows: Rows, some: IndexArray) -> float:
    """Return the part of the values of some rows that are not 0."""
    count = sum(
        int(np.count_nonzero(block.data if rows.is_sparse else block))
        for block in rows.blocks(some)
    )
    return count / max(len(some) * rows.n_features, 1)


def column_scales(rows: Rows) -> Float64Array:
    """Return the largest absolute value of each column."""
    largest = np.zeros(rows.n_features)
    for block in rows.blocks(np.arange(rows.n_rows)):
        if rows.is_sparse:
            block.sum_duplicates()
            of_block = abs(block).max(axis=0).toarray().ravel()
        else:
            of_block = abs(block).max(axis=0)
        largest = np.maximum(largest, of_block)
    return largest


def condition_of_columns(rows: Rows) -> float:
    """Return the condition number of columns scaled to the same length.

    Of a sample where rows are many; 1 if columns are, or rows are fewer than these. Of
    columns that are zero there is nothing to say.
    """
    n, d = rows.n_rows, rows.n_features
    if d > min(n, _MOST_COLUMNS):
        return 1.0
    some = rows.take(np.unique(np.linspace(0, n - 1, min(n, _SAMPLE)).astype(np.intp)))
    scales = np.abs(some).max(axis=0, initial=0.0)
    some = some[:, scales > 0.0] / scales[scales > 0.0]
    some /= np.sqrt((some * some).sum(axis=0))
    sizes = np.linalg.svd(some, compute_uv=False)
    # Smaller ones are rounding errors.
    least = np.finfo(np.float64).eps * sizes.max(initial=0.0)
    return float(sizes[0] / max(sizes[-1], least)) if len(sizes) else 1.0


def column_spreads(rows: Rows, weights: Float64Array, *, centred: bool) -> Float64Array:
    """Return the weighted sum of squares of each column, from its mean or from 0.

    Parameters
    ----------
    rows : Rows
    weights : ndarray of float64, of shape (n_rows,) or (1,)
    centred : bool
    """
    weights = np.broadcast_to(weights, rows.n_rows)
    sums, squares = np.zeros((2, rows.n_features))
    # A constant column far from 0 must not be left with a rounding error.
    shift = rows.take(np.arange(min(1, rows.n_rows)))
    is_shifted = centred and not rows.is_sparse and len(shift) > 0
    # Of each chunk there are copies, which are not to take much memory.
    for start, stop in rows.chunks(rows.n_rows, 8.0):
        some = rows.copy_of(np.arange(start, stop)).astype(np.float64)
        part = weights[start:stop]
        if rows.is_sparse:
            some.sum_duplicates()
        if is_shifted:
            some -= shift[0]
        sums += some.T @ part
        squares += (some.multiply(some) if rows.is_sparse else some * some).T @ part
    if not centred:
        return squares
    spreads: Float64Array = squares - sums * sums / weights.sum()
    return np.where(spreads > _ROUNDING * squares, spreads, 0.0)

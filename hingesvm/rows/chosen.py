"""Copies of rows in memory with some of their columns, made by the kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels._places import Places
from hingesvm.kernels.build import _columns
from hingesvm.rows.csr import csr_of, lookup_of, no_such_column, row_starts_of
from hingesvm.rows.divided import Divided

__all__ = ["chosen_entries", "chosen_values"]

FloatArray = NDArray[np.floating]
IndexArray = NDArray[np.intp]


def chosen_values(
    rows: Divided, arrays: tuple[FloatArray, Places], chosen: IndexArray
) -> FloatArray:
    """Return some columns of dense rows.

    Parameters
    ----------
    rows : Divided
    arrays : tuple
        The values of X, and where they are.
    chosen : ndarray of intp, of shape (m,)
        The columns, ascending.

    Returns
    -------
    ndarray of the dtype of X, of shape (n_rows, m), C-ordered
    """
    out = np.empty((rows.n_rows, len(chosen)), dtype=arrays[0].dtype)

    def copy(first: int, last: int, _: int) -> None:
        for start, stop in rows.chunks(last, first=first):
            _columns.copy_values(*arrays, chosen, start, stop, out)

    rows.in_shares(copy)
    return out


def chosen_entries(
    rows: Divided, arrays: tuple[FloatArray, Places], chosen: IndexArray
) -> Any:
    """Return the entries of sparse rows in some columns.

    Parameters
    ----------
    rows : Divided
    arrays : tuple
        The stored values of X, and where they are.
    chosen : ndarray of intp, of shape (m,)
        The columns, ascending.

    Returns
    -------
    CSR matrix of the dtype of X, of shape (n_rows, m)
        With int32 indices where these will do.

    Raises
    ------
    ValueError
        If a column index of X is not one of a column.
    """
    data, where = arrays
    places = lookup_of(chosen, rows.n_features)
    lengths = np.empty(rows.n_rows, dtype=np.intp)

    def count(first: int, last: int, _: int) -> bool:
        return all(
            _columns.count_entries(where, places, start, stop, lengths)
            for start, stop in rows.chunks(last, first=first)
        )

    if not all(rows.in_shares(count)):
        raise no_such_column(rows.n_features)
    row_starts = row_starts_of(lengths)
    values = np.empty(int(row_starts[-1]), dtype=data.dtype)
    columns = np.empty(len(values), dtype=np.int32)

    def copy(first: int, last: int, _: int) -> None:
        for start, stop in rows.chunks(last, first=first):
            _columns.copy_entries(
                data, where, places, row_starts, start, stop, values, columns
            )

    rows.in_shares(copy)
    return csr_of(values, columns, row_starts, len(chosen))

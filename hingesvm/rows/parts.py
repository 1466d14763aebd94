"""Parts of what belongs to rows that are read in batches: those of one batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hingesvm.rows.copied import Matrix
from hingesvm.rows.per_row import RowLosses, StepState

__all__ = ["PartLosses", "PartSteps", "Shape", "is_ascending"]

Float64Array = NDArray[np.float64]
FloatArray = NDArray[np.floating]
IndexArray = NDArray[np.intp]


@dataclass(frozen=True)
class Shape:
    """What a first pass has found of all rows.

    Attributes
    ----------
    heights : ndarray of intp, of shape (n_batches,)
        The number of rows of each batch.
    n_features, n_entries, longest_row : int
        Columns, stored values, and the most of these in a row.
    dtype : dtype
    is_sparse : bool
    squared_norms : ndarray of float64, of shape (n_rows,), or None
        If they are kept.
    longest_square : float
        The largest squared norm of a row.
    few : ndarray or CSR matrix
        Some rows from all over.
    """

    heights: IndexArray
    n_features: int
    n_entries: int
    longest_row: int
    dtype: np.dtype[np.floating]
    is_sparse: bool
    squared_norms: Float64Array | None
    longest_square: float
    few: Matrix


@dataclass
class PartLosses:
    """Those of some rows that follow each other; see `RowLosses`."""

    signs: NDArray[np.int8]
    cost: Float64Array
    bound: Float64Array
    curvature: Float64Array

    @classmethod
    def of(cls, losses: RowLosses, some: slice) -> PartLosses:
        """Return those of a range of rows, without a copy."""
        return cls(
            losses.signs[some],
            losses.cost[some],
            losses.bound[some],
            losses.curvature[some],
        )


@dataclass
class PartSteps:
    """The state of steps at the rows of a batch; see `StepState`."""

    order: IndexArray
    n_active: int
    step: Float64Array
    tau: float
    shrink_above: float
    alpha: Float64Array
    w: FloatArray
    random_state: NDArray[np.uint64]

    @classmethod
    def of(cls, state: StepState, some: slice, order: IndexArray) -> PartSteps:
        """Return the state at a range of rows, of which those in `order` are active."""
        return cls(
            order,
            len(order),
            state.step[some],
            state.tau,
            state.shrink_above,
            state.alpha[some],
            state.w,
            state.random_state,
        )


def is_ascending(rows: IndexArray) -> bool:
    """Whether some rows are in the order of all."""
    return not np.any(rows[1:] < rows[:-1])

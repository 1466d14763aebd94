"""Parts of what belongs to rows that are read in batches: those of one batch."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hingesvm.rows.copied import Matrix
from hingesvm.rows.memory import MemoryRows
from hingesvm.rows.passes import Visit
from hingesvm.rows.per_row import RowLosses, StepState, factors_of_steps

__all__ = ["PartLosses", "PartSteps", "Shape", "is_ascending", "visit_active"]

Float64Array = NDArray[np.float64]
FloatArray = NDArray[np.floating]
IndexArray = NDArray[np.intp]

# Rows whose batch is found at once: a bound of memory.
_AT_ONCE = 1 << 16


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
    longest_square, mean_square : float
        The largest squared norm of a row, and their mean.
    few : ndarray or CSR matrix
        Some rows from all over.
    """

    heights: IndexArray
    n_features: int
    n_entries: int
    longest_row: int
    dtype: np.dtype[np.floating]
    is_sparse: bool
    longest_square: float
    mean_square: float
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
    def of(
        cls,
        state: StepState,
        some: slice,
        order: IndexArray,
        step: Float64Array | None = None,
    ) -> PartSteps:
        """Return the state at a range of rows, of which those in `order` are active.

        With their factors of line searches, if the state does not have them.
        """
        return cls(
            order,
            len(order),
            state.step[some] if step is None else step,
            state.tau,
            state.shrink_above,
            state.alpha[some],
            state.w,
            state.random_state,
        )


def is_ascending(rows: IndexArray) -> bool:
    """Whether some rows are in the order of all."""
    return not np.any(rows[1:] < rows[:-1])


def visit_active(
    visit_all: Callable[[Visit], None],
    stops: IndexArray,
    losses: RowLosses,
    state: StepState,
    visit: Callable[[PartLosses, PartSteps, MemoryRows], int],
) -> int:
    """Visit each batch with active rows; return how many rows are left in all.

    Parameters
    ----------
    visit_all : callable
        Lets all batches be visited.
    stops : ndarray of intp, of shape (n_batches,)
        The first row behind each batch.
    losses : RowLosses
    state : StepState
        Of whose order batches follow each other at the end.
    visit : callable
        Given the losses and the steps of a batch, returns how many rows are left in the
        order of the latter.
    """
    active = state.order[: state.n_active]
    _group(active, stops)
    first = kept = 0

    def step(place: slice, part: MemoryRows) -> None:
        nonlocal first, kept
        # The first row of a later batch.
        everywhere = range(len(active))
        last = bisect_left(everywhere, place.stop, first, key=active.__getitem__)
        some, first = active[first:last] - place.start, last
        if not len(some):
            return
        of_batch, factors = PartLosses.of(losses, place), None
        if not len(state.step):
            norms = part.squared_norms()
            factors = factors_of_steps(norms, state.tau, of_batch.curvature)
        steps = PartSteps.of(state, place, some, factors)
        n_left = visit(of_batch, steps, part)
        # No further than those that were taken.
        active[kept : kept + n_left] = steps.order[:n_left] + place.start
        kept += n_left

    visit_all(step)
    return kept


def _group(rows: IndexArray, stops: IndexArray) -> None:
    """Order rows by their batch, where they are not."""
    before = -1
    for first in range(0, len(rows), _AT_ONCE):
        some = rows[first : first + _AT_ONCE]
        batch = np.searchsorted(stops, some, side="right")
        if batch[0] < before or np.any(batch[1:] < batch[:-1]):
            batch = np.searchsorted(stops, rows, side="right")
            rows[:] = rows[np.argsort(batch, kind="stable")]
            return
        before = int(batch[-1])

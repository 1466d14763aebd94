"""Rows in memory for sweeps over several classes at once, each of which has a lane."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _lanes
from hingesvm.rows.divided import Divided
from hingesvm.rows.per_row import RowLosses

__all__ = ["LaneRows", "LaneState", "LaneSums"]

Float64Array = NDArray[np.float64]
FloatArray = NDArray[np.floating]

# Arithmetic of a step at a row for each of its values and each lane, as
# `Divided.chunks` counts it.
_WORK = 0.5


class LaneState(Protocol):
    """What steps in lanes read, and change in place.

    A lane is the last place of each two-dimensional array.

    Attributes
    ----------
    order : ndarray of intp, of shape (n_rows,)
        The active rows, `n_active` of them, and others behind.
    lane : ndarray of int8, of shape (n_rows,)
        The lane in which a row is positive, or -1.
    top : ndarray, of shape (n_rows,)
        The bounds, rounded down to the precision of `alpha`.
    step : ndarray of float64, of shape (n_rows,)
        Factors of the line searches.
    tau : float
        By how much an intercept moves with a dual variable.
    live : ndarray, of shape (n_lanes,)
        1 where there is a class, 0 where none is left for a lane.
    shrink_above, intercept : ndarray, of shape (n_lanes,)
    alpha : ndarray, of shape (n_rows, n_lanes)
    w : ndarray, of shape (n_features, n_lanes)
    """

    order: NDArray[np.intp]
    n_active: int
    lane: NDArray[np.int8]
    top: FloatArray
    step: Float64Array
    tau: float
    live: FloatArray
    shrink_above: FloatArray
    intercept: FloatArray
    alpha: FloatArray
    w: FloatArray


class LaneSums(Protocol):
    """Where a survey of lanes begins and what it finds; see `LaneRows.survey`.

    Attributes
    ----------
    factors : ndarray of float64, of shape (2, n_lanes)
        Of the duals of negative and of positive rows.
    intercept : ndarray of float64, of shape (n_lanes,)
    shortfall : ndarray, of shape (n_rows, n_lanes)
        Set to 1 - m.
    w_of_duals : ndarray of float64, of shape (n_features, n_lanes)
        To which a_i y_i x_i are added.
    sums : ndarray of float64, of shape (3, n_lanes)
        To which are added the losses, a - q a^2 / 2, and a y.
    """

    factors: Float64Array
    intercept: Float64Array
    shortfall: FloatArray
    w_of_duals: Float64Array
    sums: Float64Array


class LaneRows:
    """Rows whose values and places are given, for arrays whose last axis is lanes."""

    def __init__(self, rows: Divided, arrays: tuple[Any, Any]) -> None:
        self._rows, self._arrays = rows, arrays

    def steps(self, losses: RowLosses, state: LaneState, worst: FloatArray) -> int:
        """Take one step in each lane at each active row in turn, as `Rows.dual_steps`.

        A row is dropped if it is to be in each lane.

        Parameters
        ----------
        losses : RowLosses
            Those of any of the classes, which differ in signs alone.
        state : LaneState
            Its arrays are changed in place.
        worst : ndarray, of shape (n_lanes,)
            Set to the largest violation of optimality of each lane, if that is larger.

        Returns
        -------
        int
            How many rows are left.
        """
        kept = 0
        work = _WORK * len(state.live)
        for first, last in self._rows.chunks(state.n_active, work):
            kept = _lanes.dual_steps(
                *self._arrays,
                state.order,
                first,
                last,
                kept,
                state.lane,
                state.top,
                losses.curvature,
                state.step,
                state.tau,
                state.shrink_above,
                state.live,
                state.alpha,
                state.w,
                state.intercept,
                worst,
            )
        return kept

    def survey(self, losses: RowLosses, state: LaneState, sums: LaneSums) -> None:
        """Find what certificates of all lanes need, in one pass.

        Parameters
        ----------
        losses : RowLosses
        state : LaneState
            The duals, of which those at `top` count as the bound, and the weights.
        sums : LaneSums
            Its arrays are changed in place.
        """
        rows = self._rows
        for start, stop in rows.chunks(rows.n_rows, work=float(len(state.live))):
            _lanes.survey(
                *self._arrays,
                start,
                stop,
                state.lane,
                state.top,
                losses.bound,
                losses.curvature,
                state.w,
                sums.intercept,
                state.alpha,
                sums.factors,
                sums.shortfall,
                sums.w_of_duals,
                sums.sums,
            )

"""Rows in memory for sweeps that the members of a team share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels._meeting import Meeting
from hingesvm.kernels.build import _team
from hingesvm.rows.divided import Divided
from hingesvm.rows.per_row import RowLosses, StepState

__all__ = ["Dealt", "SharedPlan", "SharedRows"]

Float64Array = NDArray[np.float64]


class Dealt(Protocol):
    """The rows as they are dealt to members, and what members keep.

    Attributes
    ----------
    sizes : ndarray of intp, of shape (n_buckets,)
        The active rows of each bucket.
    decks : ndarray of intp, of shape (n_members, n_buckets)
        The order of the buckets, the same for all members.
    hands : ndarray of intp, of shape (n_rows,)
        The order of each member's rows.
    is_kept : ndarray of uint8, of shape (n_rows,)
    copies : ndarray, of shape (n_members, at least n_features)
        The weights of each.
    board : ndarray of float64, of shape (n_members, 8)
        What each tells the others.
    random_state : ndarray of uint64, of shape (n_members, 8)
        Of the decks, and of each member's own order.
    """

    sizes: NDArray[np.intp]
    decks: NDArray[np.intp]
    hands: NDArray[np.intp]
    is_kept: NDArray[np.uint8]
    copies: NDArray[np.floating]
    board: Float64Array
    random_state: NDArray[np.uint64]

    @property
    def bucket(self) -> int:
        """Places of `order` from one bucket of rows to the next."""


@dataclass(frozen=True)
class SharedPlan:
    """How far shared sweeps go, and how members keep together.

    Attributes
    ----------
    n_ranges : int
        Ranges of a sweep, after each of which the members meet.
    n_visits, least_visits, safely, enough, penalized
        As of `Rows.dual_sweeps`.
    too_far : float
        Measured factor by which steps went too far, over the one that they are
        shortened by.
    hold : float
        Part of the last such factor that remains at least.
    """

    n_ranges: int
    n_visits: float
    least_visits: float
    safely: float
    enough: float
    penalized: bool
    too_far: float
    hold: float


class SharedRows:
    """Rows whose values and places are given, for the threads of a team."""

    def __init__(self, rows: Divided, arrays: tuple[Any, Any]) -> None:
        self._rows, self._arrays = rows, arrays

    def sweeps(
        self,
        losses: RowLosses,
        state: StepState,
        dealt: Dealt,
        plan: SharedPlan,
        scalars: Float64Array,
    ) -> None:
        """Take sweeps over the active rows, all members together.

        Parameters
        ----------
        losses : RowLosses
        state : StepState
            Its arrays are changed in place.
        dealt : Dealt
            Likewise.
        plan : SharedPlan
        scalars : ndarray of float64, of shape (6,)
            The intercept, ``shrink_above``, the sum of a y, by how much steps are
            shortened, the range to begin with, and the visits so far. All are changed
            in place.
        """
        rows, meeting = self._rows, Meeting()
        n_threads = min(len(dealt.copies), rows.team.n_threads)
        rows.check_cancelled()
        meeting.begin()

        def work(thread: int) -> None:
            _team.shared_sweeps(
                *self._arrays,
                state.order,
                dealt.bucket,
                dealt.sizes,
                dealt.decks,
                dealt.hands,
                dealt.is_kept,
                plan.n_ranges,
                plan.n_visits,
                plan.least_visits,
                losses.signs,
                losses.bound,
                losses.curvature,
                state.step,
                state.tau,
                plan.penalized,
                plan.safely,
                plan.enough,
                plan.too_far,
                plan.hold,
                state.alpha,
                state.w,
                dealt.copies,
                dealt.board,
                scalars,
                dealt.random_state,
                meeting,
                thread,
                n_threads,
            )

        rows.team.run(work, meeting.cancel, n_threads)

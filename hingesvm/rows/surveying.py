"""A survey of rows in memory: one pass in chunks, by a team where rows are many."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _newton
from hingesvm.rows.divided import Divided
from hingesvm.rows.duals import (
    Duals,
    PackedDuals,
    RowSums,
    count_inside,
    read_duals,
)
from hingesvm.rows.per_row import RowLosses, loss_sums

__all__ = ["surveyed"]

Float64Array = NDArray[np.float64]
FloatArray = NDArray[np.floating]

#: Largest number that float32 is to hold, with room for products by small ones.
LARGEST_SINGLE = 1e30


def surveyed(
    rows: Divided,
    arrays: tuple[Any, Any],
    losses: RowLosses,
    w: FloatArray,
    intercept: float,
    duals: Duals | None,
    shortfall: FloatArray,
    scales: FloatArray | None,
    reach: NDArray[np.float32] | None,
    room: list[Float64Array] | None,
) -> RowSums:
    """Return what `Rows.survey` does, of the rows whose values and places are given."""
    narrow = shortfall.dtype != np.float64
    if scales is None or reach is None:
        scales = np.empty(0, dtype=arrays[0].dtype)
        reach = np.empty(0, dtype=np.float32)
    known = PackedDuals.joined([], losses.bound) if duals is None else duals
    room = [] if room is None else room
    room += [np.empty(len(w)) for _ in range(rows.n_shares(len(w)) - len(room))]

    def look(first: int, last: int, member: int) -> tuple[RowSums, list[PackedDuals]]:
        w_of_duals = room[member]
        w_of_duals.fill(0.0)
        loss = gain = imbalance = 0.0
        judged: list[PackedDuals] = []
        count = count_inside(known, first)
        for start, stop in rows.chunks(last, work=2.0, first=first):
            some = slice(start, stop)
            # Written to in place, unless they are kept as float32.
            short = (
                np.empty(stop - start)
                if narrow
                else shortfall[some].astype(np.float64, copy=False)
            )
            if duals is None:
                alpha = np.empty(stop - start)
            else:
                alpha, count = read_duals(duals, start, stop, count)
            _newton.survey(
                *arrays,
                start,
                stop,
                losses.signs[some],
                losses.bound[some],
                losses.curvature[some],
                duals is None,
                w,
                intercept,
                scales,
                short,
                alpha,
                reach[some],
                w_of_duals,
            )
            sums = loss_sums(losses, some, short, alpha)
            loss, gain, imbalance = loss + sums[0], gain + sums[1], imbalance + sums[2]
            if narrow:
                np.clip(short, -LARGEST_SINGLE, LARGEST_SINGLE, out=short)
                shortfall[some] = short
            if duals is None:
                judged.append(PackedDuals.pack(alpha, losses.bound[some]))
        return RowSums(w_of_duals, loss, gain, imbalance, known), judged

    parts = rows.in_shares(look, len(w))
    w_of_duals, loss, gain, imbalance = room[0], 0.0, 0.0, 0.0
    for part, _ in parts:
        if part.w_of_duals is not w_of_duals:
            w_of_duals += part.w_of_duals
        loss, gain = loss + part.loss, gain + part.gain
        imbalance += part.imbalance
    if duals is None:
        judged = [packed for _, of_range in parts for packed in of_range]
        known = PackedDuals.joined(judged, losses.bound)
    return RowSums(w_of_duals, loss, gain, imbalance, known)

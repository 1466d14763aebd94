"""Dual variables in little memory: most are at an end of their box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _vectors
from hingesvm.rows.per_row import scaled

__all__ = [
    "DeferredDuals",
    "Duals",
    "PackedDuals",
    "RowSums",
    "count_inside",
    "part_of",
    "read_duals",
    "unpacked",
]

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]

# Rows that are counted in one go: a bound of memory and of what an interrupt waits for.
_AT_ONCE = 1 << 16
# The places of those at their bound and inside their box.
_AT_BOUND, _INSIDE = 1, 2


@dataclass(frozen=True)
class PackedDuals:
    """Dual variables: one byte for each, and a value for those inside their box.

    Attributes
    ----------
    places : ndarray of uint8, of shape (n_rows,)
        0 at 0, 1 at the bound, 2 inside the box.
    values : ndarray of float64, of shape (n_inside,)
        Those inside, in the order of rows.
    bound : ndarray of float64, of shape (n_rows,)
        May be a broadcast scalar.
    """

    places: NDArray[np.uint8]
    values: Float64Array
    bound: Float64Array

    @classmethod
    def pack(cls, alpha: Float64Array, bound: Float64Array) -> PackedDuals:
        """Pack dual variables that lie in their box."""
        places, values = np.empty(len(alpha), np.uint8), np.empty(len(alpha))
        count = _vectors.pack(alpha, bound, places, values)
        return cls(places, values[:count].copy(), bound)

    @classmethod
    def joined(cls, parts: list[PackedDuals], bound: Float64Array) -> PackedDuals:
        """Join those of ranges of rows that follow each other."""
        places = [np.empty(0, np.uint8), *(part.places for part in parts)]
        values = [np.empty(0), *(part.values for part in parts)]
        return cls(np.concatenate(places), np.concatenate(values), bound)

    @property
    def is_at_bound(self) -> NDArray[np.bool_]:
        """Which of them are at their bound, of shape (n_rows,)."""
        return np.equal(self.places, _AT_BOUND)

    @property
    def is_inside(self) -> NDArray[np.bool_]:
        """Which of them are inside their box, of shape (n_rows,)."""
        return np.equal(self.places, _INSIDE)

    def sums(self, signs: NDArray[np.int8]) -> tuple[float, float]:
        """Return the sums of a and of a y, where the bound is a broadcast scalar."""
        top = float(self.bound[0]) if len(self.bound) else 0.0
        total, excess, count = float(self.values.sum()), 0.0, 0
        for start in range(0, len(self.places), _AT_ONCE):
            places = self.places[start : start + _AT_ONCE]
            some = signs[start : start + _AT_ONCE]
            at_bound = places == _AT_BOUND
            n_at_bound = int(np.count_nonzero(at_bound))
            n_positive = int(np.count_nonzero(at_bound & (some > 0)))
            turns = some[places == _INSIDE]
            total += top * n_at_bound
            excess += top * (2 * n_positive - n_at_bound)
            excess += float(self.values[count : count + len(turns)] @ turns)
            count += len(turns)
        return total, excess

    def take(self, rows: IndexArray) -> Float64Array:
        """Return those of some rows, ascending, with all that are inside among them."""
        alpha = np.empty(len(rows))
        count = _vectors.unpack(
            self.places[rows], self.values, scaled(self.bound, 1.0, rows), 0, alpha
        )
        assert count == len(self.values)
        return alpha

    def replaced(self, rows: IndexArray, alpha: Float64Array) -> PackedDuals:
        """Return a copy with others in some rows, as in `take`."""
        part = PackedDuals.pack(alpha, scaled(self.bound, 1.0, rows))
        places = self.places.copy()
        places[rows] = part.places
        return PackedDuals(places, part.values, self.bound)


class DeferredDuals(Protocol):
    """Dual variables that take work to unpack."""

    def unpacked(self) -> Float64Array:
        """Return them as an array."""


#: Dual variables of all rows, in an array of shape (n_rows,) or packed.
Duals = Float64Array | PackedDuals


class RowSums(NamedTuple):
    """What a survey adds up over all rows.

    Attributes
    ----------
    w_of_duals : ndarray of float64, of shape (n_features,)
        The sum of a_i y_i x_i.
    loss, gain, imbalance : float
        Sums of the losses, of a - q a^2 / 2, and of a y.
    duals : ndarray of float64, of shape (n_rows,), or PackedDuals
        The dual variables a.
    """

    w_of_duals: Float64Array
    loss: float
    gain: float
    imbalance: float
    duals: Duals


def count_inside(duals: Duals, stop: int) -> int:
    """Return how many of the packed values belong to the rows before one of them."""
    if stop == 0 or not isinstance(duals, PackedDuals):
        return 0
    return int(np.count_nonzero(duals.places[:stop] == _INSIDE))


def read_duals(
    duals: Duals, start: int, stop: int, count: int
) -> tuple[Float64Array, int]:
    """Return those of a range of rows, in a series of ranges that follow on.

    Parameters
    ----------
    duals : ndarray of float64 or PackedDuals
    start, stop : int
    count : int
        What the last call returned as such; at the first, `count_inside`.

    Returns
    -------
    alpha : ndarray of float64, of shape (stop - start,)
    count : int
    """
    some = slice(start, stop)
    if not isinstance(duals, PackedDuals):
        return duals[some], count
    alpha = np.empty(stop - start)
    count = _vectors.unpack(
        duals.places[some], duals.values, duals.bound[some], count, alpha
    )
    return alpha, count


def part_of(duals: Duals, some: slice, count: int) -> tuple[Duals, int]:
    """Return those of a range of rows, in a series of ranges that follow on.

    As `read_duals` does, but packed ones stay packed.
    """
    if not isinstance(duals, PackedDuals):
        return duals[some], count
    places = duals.places[some]
    stop = count + int(np.count_nonzero(places == _INSIDE))
    return PackedDuals(places, duals.values[count:stop], duals.bound[some]), stop


def unpacked(duals: Duals | DeferredDuals) -> Float64Array:
    """Return dual variables as an array, which may be theirs."""
    if isinstance(duals, PackedDuals):
        return read_duals(duals, 0, len(duals.places), 0)[0]
    return duals if isinstance(duals, np.ndarray) else duals.unpacked()

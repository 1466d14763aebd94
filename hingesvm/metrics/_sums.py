"""Exact sums of non-negative numbers of any scale, and their mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from hingesvm.losses import Float64Array

__all__ = ["Scaled", "Sums", "weighted_sums"]

# Halves of mantissas have up to 27 bits, so float64 sums of fewer than 2**26 are exact.
_ROWS = 1 << 20

# Numbers and exponents of 2, whose products need not fit into float64.
Scaled = tuple[Float64Array, NDArray[np.int32]]


@dataclass(frozen=True)
class Sums:
    """The exact sums of weighted losses and of weights."""

    loss: Fraction = Fraction(0)
    mass: Fraction = Fraction(0)
    overflows: bool = False  # whether a loss was infinite

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.loss + other.loss,
            self.mass + other.mass,
            self.overflows or other.overflows,
        )

    def mean(self) -> float:
        """Return the mean, rounded once; the sum of weights must be positive."""
        try:
            return math.inf if self.overflows else float(self.loss / self.mass)
        except OverflowError:
            return math.inf


def weighted_sums(losses: Scaled, weights: Float64Array | None) -> Sums:
    """Return the sums over rows; a row of weight 0 adds nothing, even if infinite."""
    numbers, exponents = losses
    mass = Fraction(numbers.size)
    if weights is not None:
        counts = weights > 0.0
        mantissas, scales = np.frexp(weights[counts])
        mass = _exact_sum(mantissas, scales)
        numbers, exponents = numbers[counts] * mantissas, exponents[counts] + scales
    finite = np.isfinite(numbers)
    return Sums(
        _exact_sum(numbers[finite], exponents[finite]), mass, not bool(finite.all())
    )


def _exact_sum(numbers: Float64Array, exponents: NDArray[np.int32]) -> Fraction:
    """Return the sum of ``numbers * 2**exponents``."""
    total = Fraction(0)
    for start in range(0, numbers.size, _ROWS):
        rows = slice(start, start + _ROWS)
        mantissas, places = np.frexp(numbers[rows])
        places = places + exponents[rows]
        lowest = int(places.min())
        scaled = mantissas * 2.0**27
        high = np.floor(scaled)
        low = (scaled - high) * 2.0**26
        whole = 0
        sums = [np.bincount(places - lowest, weights=part) for part in (high, low)]
        for place in np.flatnonzero(sums[0] + sums[1]).tolist():
            whole += ((int(sums[0][place]) << 26) + int(sums[1][place])) << place
        total += whole * Fraction(2) ** (lowest - 53)
    return total

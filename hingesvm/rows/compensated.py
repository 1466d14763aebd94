"""Margins and sums in twice the precision of float64, and bounds of rounding errors.

A sum of k products is off by at most k UNIT times the sum of their sizes, in whatever
order it is taken; in twice the precision by the square of that, and by UNIT times its
own size (Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 3.1).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels import _exact
from hingesvm.rows.contract import Rows
from hingesvm.rows.per_row import repeated

__all__ = [
    "ROUNDING",
    "SPARE",
    "SUM_ROUNDING",
    "UNIT",
    "Sums",
    "combined",
    "difference",
    "dot",
    "half_square",
    "scores",
    "total",
]

Float64Array = NDArray[np.float64]


class Sums(NamedTuple):
    """Sums in twice the precision: ``value + rest``, but for errors up to `error`."""

    value: Float64Array
    rest: Float64Array
    error: Float64Array


#: Largest relative error of an operation in float64.
UNIT = 2.0**-53
#: Difference of two numbers, relative to these, that can be rounding: four such errors.
ROUNDING = 4e-16
#: Sum over rows, relative to that of absolute values, that can be rounding.
SUM_ROUNDING = 1e-14
#: Operations beside those of a sum, with room to spare: more only widen the bounds.
SPARE = 8


def _rest_error(terms: int) -> float:
    """Return the error of a sum of so many products in twice the precision.

    Relative to the sum of their sizes, and beside UNIT times its own size.
    """
    return ((terms + SPARE) * UNIT) ** 2


def scores(
    rows: Rows, w: Float64Array, intercept: float, some: NDArray[np.intp]
) -> Sums:
    """Return x_i . w + b of some rows, in twice the precision."""
    value, rest, size = rows.precise_scores(w, intercept, some)
    return Sums(value, rest, _rest_error(rows.longest_row()) * size)


def combined(rows: Rows, factors: Float64Array) -> Sums:
    """Return the sum of factors_i x_i, in twice the precision."""
    value, rest, size = rows.precise_combine(factors)
    # Where the sum cancels, the corrections are larger than what is left of it.
    value, rest = difference(value, -rest)
    return Sums(value, rest, _rest_error(rows.n_rows) * size)


def half_square(weights: Sums) -> tuple[float, float]:
    """Return half of the squared norm, and a bound of its error but for roundings."""
    value, rest, error = weights
    square = 0.5 * dot(value, value) + dot(value, rest)
    return max(square, 0.0), float(np.abs(value) @ error + 0.5 * error @ error)


def dot(a: Float64Array, b: Float64Array) -> float:
    """Return the sum of a_k b_k, rounded once."""
    return float(_exact.dot(a, b)[0])


def total(values: Float64Array) -> float:
    """Return the sum of the values, rounded once."""
    return dot(values, repeated(1.0, len(values)))


def difference(a: Float64Array, b: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return a - b, as floats and corrections to be added to them."""
    value = a - b
    taken = value - a
    return value, (a - (value - taken)) - (b + taken)

r"""Sums on devices without float64: numbers as two float32 that add up to them.

A product of two matrices of float32 numbers is exact if these have few digits and
sums have few terms, in whatever order they are added. So numbers are cut into slices
of eight bits, in units that blocks of 64 of them share; products of slices are exact,
and what is left is so small that plain float32 is good enough for it (Ozaki, Ogita,
Oishi and Rump, "Error-free transformations of matrix multiplication by using fast
routines of matrix multiplication and its applications", Numerical Algorithms 59,
2012). Sums of pairs are Knuth's and Dekker's.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hingesvm._namespace import Namespace, to_host

__all__ = ["Pair", "dot_error", "dots", "product", "total", "two_sum", "weighted_rows"]

Float64Array = NDArray[np.float64]

# Terms of an exact sum; bits of a slice; and 2^24 / 2^8, by which its rounding unit is
# larger than the numbers. Slices of a number: with two of them, what is left of large
# problems is not below the tolerance.
_TERMS, _BITS, _SLICES = 64, 8, 3
_ABOVE = 2.0 ** (24 - _BITS)
# Splits a float32 in halves of 12 bits (Dekker).
_SPLITTER = 4097.0
# Numbers that are added up on the host.
_FEW = 1024


class Pair(NamedTuple):
    """Numbers ``high + low``, where ``low`` is below the rounding unit of ``high``."""

    high: Any
    low: Any

    def plus(self, other: Pair) -> Pair:
        """Return the sum of two arrays of pairs."""
        high, low = two_sum(self.high, other.high)
        return Pair(*two_sum(high, low + (self.low + other.low)))

    def times_exactly(self, factor: Any) -> Pair:
        """Return the product with 1, -1 or another power of 2."""
        return Pair(self.high * factor, self.low * factor)


def two_sum(a: Any, b: Any) -> Pair:
    """Return a sum, and the rounding error of it (Knuth)."""
    total = a + b
    taken = total - a
    return Pair(total, (a - (total - taken)) + (b - taken))


def product(a: Any, b: Any) -> Pair:
    """Return a product of numbers of float32, and the rounding error of it (Dekker)."""
    whole = a * b
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    rest = ((a_high * b_high - whole) + a_high * b_low + a_low * b_high) + a_low * b_low
    return Pair(whole, rest)


def _halves(a: Any) -> tuple[Any, Any]:
    """Return two numbers of half of the digits that add up to one."""
    scaled = _SPLITTER * a
    high = scaled - (scaled - a)
    return high, a - high


def total(space: Namespace, pairs: Pair) -> float:
    """Return the sum of an array of pairs, of one axis."""
    while pairs.high.shape[0] > _FEW:
        pairs = _folded(space, pairs)
    numbers = [to_host(part).astype(np.float64) for part in pairs]
    return math.fsum(np.concatenate(numbers).tolist())


def dots(space: Namespace, X: Any, w: Any) -> Pair:
    """Return the products of the rows of a matrix with a vector.

    Parameters
    ----------
    X : array of float32, of shape (m, n)
    w : array of float32, of shape (n,)

    Returns
    -------
    Pair of arrays of float32, of shape (m,)
        Off by at most `dot_error` times the norms of the row and of w.
    """
    xp = space.xp
    height = X.shape[0]
    blocks = xp.reshape(_padded(space, X, 1), (height, -1, _TERMS))
    vectors = xp.reshape(_padded(space, w, 0), (-1, _TERMS))
    of_rows, rest = _slices(xp, blocks, 2)
    of_vector, w_rest = _slices(xp, vectors, 1)
    right = xp.stack(of_vector, axis=2)
    zeros = xp.zeros(height, dtype=X.dtype, device=space.device)
    sums = Pair(zeros, zeros)
    for part in of_rows:
        # One product for each block, of all rows with all slices of the vector.
        exact = xp.matmul(xp.permute_dims(part, (1, 0, 2)), right)
        for block in range(exact.shape[0]):
            for column in range(_SLICES):
                sums = sums.plus(Pair(exact[block, :, column], zeros))
    # Without a matrix product, which some devices round to fewer digits.
    left = rest * vectors[None, :, :] + (blocks - rest) * w_rest[None, :, :]
    return sums.plus(Pair(xp.sum(xp.sum(left, axis=2), axis=1), zeros))


def dot_error(terms: int) -> float:
    """Return a bound of the errors of `dots` and `weighted_rows`, relative to norms.

    Each block of 64 terms leaves two remainders below 2^-24 of its largest number, at
    most 8 times the norm of the block, whose 66 roundings are 2^-24 each. Each of the
    sums of pairs is off by at most 2^-44.
    """
    n_sums = _SLICES * _SLICES * (-(-terms // _TERMS) + 1)
    return 4.0 * 8.0 * 66.0 * 2.0**-48 + n_sums * 2.0**-44


def weighted_rows(space: Namespace, X: Any, a: Any) -> Float64Array:
    """Return the sum of the rows of a matrix, each times a number.

    Parameters
    ----------
    X : array of float32, of shape (m, n)
    a : array of float32, of shape (m,)

    Returns
    -------
    ndarray of float64, of shape (n,)
        Its error has at most the length `dot_error` times that of `a` and of all of X.
    """
    xp = space.xp
    width = X.shape[1]
    blocks = xp.reshape(_padded(space, X, 0), (-1, _TERMS, width))
    factors = xp.reshape(_padded(space, a, 0), (-1, 1, _TERMS))
    of_rows, rest = _slices(xp, blocks, 1)
    of_factors, a_rest = _slices(xp, factors, 2)
    both = xp.concat(of_factors, axis=1)
    out = np.zeros(width)
    for part in of_rows:
        exact = xp.reshape(xp.matmul(both, part), (-1, width))
        out += _column_sums(space, exact)
    left = xp.permute_dims(factors, (0, 2, 1)) * rest
    left = left + xp.permute_dims(a_rest, (0, 2, 1)) * (blocks - rest)
    out += _column_sums(space, xp.sum(left, axis=1))
    return out


def _column_sums(space: Namespace, terms: Any) -> Float64Array:
    """Return the sums of the columns of a matrix of float32."""
    pairs = Pair(terms, space.xp.zeros_like(terms))
    while pairs.high.shape[0] > 1:
        pairs = _folded(space, pairs)
    high, low = (to_host(part)[0].astype(np.float64) for part in pairs)
    sums: Float64Array = high + low
    return sums


def _folded(space: Namespace, pairs: Pair) -> Pair:
    """Return the sums of the first half of the entries and the second."""
    half = (pairs.high.shape[0] + 1) // 2
    high, low = (_padded(space, part, 0, 2) for part in pairs)
    return Pair(high[:half, ...], low[:half, ...]).plus(
        Pair(high[half:, ...], low[half:, ...])
    )


def _padded(space: Namespace, values: Any, axis: int, size: int = _TERMS) -> Any:
    """Return numbers with zeros behind, so that their count is that of whole blocks."""
    missing = -values.shape[axis] % size
    if not missing:
        return values
    shape = list(values.shape)
    shape[axis] = missing
    zeros = space.xp.zeros(tuple(shape), dtype=values.dtype, device=space.device)
    return space.xp.concat([values, zeros], axis=axis)


def _slices(xp: Any, values: Any, axis: int) -> tuple[list[Any], Any]:
    """Return slices of eight bits each and the rest, in units of each block."""
    largest = xp.max(xp.abs(values), axis=axis, keepdims=True)
    unit = _ABOVE * _power_above(xp, largest)
    slices = []
    for _ in range(_SLICES):
        # Rounded to a multiple of the rounding unit of the larger number.
        part = (values + unit) - unit
        slices.append(part)
        values = values - part
        unit = unit * 2.0**-_BITS
    return slices, values


def _power_above(xp: Any, values: Any) -> Any:
    """Return the least powers of 2 that are not below numbers (Rump); 0 of 0."""
    far = values * 2.0**24
    power = xp.abs((far - values) - far)
    # Where it is 0 the number is a power itself, or 0.
    return xp.where(power == 0.0, values, power)

"""Sums over rows on a device, as exact as those of NumPy arrays.

Only elementwise arithmetic, which is rounded alike everywhere, and sums of integers are
used, so that a sum depends neither on the library nor on the order of rows. Of all that
is one number a row, nothing leaves the device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from hingesvm._namespace import Namespace, on_host
from hingesvm.metrics._sums import Sums

__all__ = ["device_sums", "exact_sum"]

# With more rows, of which each slice would have fewer bits, halves are summed apart.
_FEWEST_BITS = 8


@dataclass(frozen=True)
class _Scales:
    """Exponents of 2 by which numbers of a dtype are kept from overflow.

    Two factors of ``2**step`` bring any number to within ``2**(step / 2)`` of 1.
    Squares of hinges up to ``2**large`` are finite, and those of larger ones after
    division by ``2**far``.
    """

    step: int
    large: int
    far: int


_FLOAT64 = _Scales(step=600, large=400, far=800)
_FLOAT32 = _Scales(step=60, large=40, far=80)


def device_sums(space: Namespace, hinges: Any, weights: Any, squared: bool) -> Sums:
    """Return the sums over rows, of which `hinges` has the terms of the losses.

    A row of weight 0 adds nothing, even if its loss is infinite.
    """
    xp = space.xp
    scales = _FLOAT64 if space.has_float64 else _FLOAT32
    losses, exponents = _losses(space, hinges, scales, squared=squared)
    mass = Fraction(hinges.shape[0])
    if weights is not None:
        mass = exact_sum(space, weights)
        losses = xp.where(weights > 0.0, losses, 0.0)
        losses, of_losses = _near_1(space, losses, scales.step)
        weights, of_weights = _near_1(space, weights, scales.step)
        losses = losses * weights
        exponents = exponents + of_losses + of_weights
    is_finite = xp.isfinite(losses)
    overflows = not xp.all(is_finite)
    if overflows:
        losses = xp.where(is_finite, losses, 0.0)
    if isinstance(exponents, int):
        total = exact_sum(space, losses) * Fraction(2) ** exponents
        return Sums(total, mass, overflows)
    total = Fraction(0)
    for exponent in on_host(xp.unique_values(exponents)).tolist():
        group = xp.where(exponents == exponent, losses, 0.0)
        total += exact_sum(space, group) * Fraction(2) ** exponent
    return Sums(total, mass, overflows)


def exact_sum(space: Namespace, numbers: Any) -> Fraction:
    """Return the sum of non-negative finite numbers, of which there is one at least.

    Their leading bits are summed as integers, and then those of what remains.
    """
    xp, n_rows = space.xp, numbers.shape[0]
    bits = xp.iinfo(space.integer).bits - 1 - n_rows.bit_length()
    if bits < _FEWEST_BITS and n_rows > 1:
        half = n_rows // 2
        return exact_sum(space, numbers[:half]) + exact_sum(space, numbers[half:])
    total = Fraction(0)
    while (largest := float(xp.max(numbers))) > 0.0:
        shift = bits - math.frexp(largest)[1]
        whole = xp.floor(_times_power(numbers, shift))
        count = int(xp.sum(xp.astype(whole, space.integer)))
        if not count:
            break  # the device takes numbers as small as these for 0
        total += count * Fraction(2) ** -shift
        numbers = numbers - _times_power(whole, -shift)
    return total


def _losses(
    space: Namespace, hinges: Any, scales: _Scales, *, squared: bool
) -> tuple[Any, Any]:
    """Return the loss of each row as a number times a power of 2."""
    xp, exponents = space.xp, 0
    is_far = xp.max(hinges, axis=1) > 2.0**scales.large
    if xp.any(is_far):
        hinges = xp.where(is_far[:, None], hinges * 2.0**-scales.far, hinges)
        exponents = scales.far * xp.astype(is_far, space.integer)
    if squared:
        hinges, exponents = hinges * hinges, 2 * exponents
    return _row_sums(hinges), exponents


def _row_sums(terms: Any) -> Any:
    """Return the sum of each row, added up in an order that no other row changes."""
    rest = None
    while (width := terms.shape[1]) > 1:
        half = width // 2
        if width % 2:
            last = terms[:, -1]
            rest = last if rest is None else rest + last
        terms = terms[:, :half] + terms[:, half : 2 * half]
    return terms[:, 0] if rest is None else terms[:, 0] + rest


def _near_1(space: Namespace, numbers: Any, step: int) -> tuple[Any, Any]:
    """Return non-negative numbers as ones near 1, or 0, times powers of 2."""
    xp, exponents = space.xp, 0
    for _ in range(2):
        is_large = numbers >= 2.0 ** (step // 2)
        is_small = (numbers > 0.0) & (numbers < 2.0 ** -(step // 2))
        if not xp.any(is_large | is_small):
            break
        raised = xp.where(is_small, numbers * 2.0**step, numbers)
        numbers = xp.where(is_large, numbers * 2.0**-step, raised)
        large, small = (xp.astype(is_, space.integer) for is_ in (is_large, is_small))
        exponents = exponents + step * (large - small)
    return numbers, exponents


def _times_power(numbers: Any, exponent: int) -> Any:
    """Return numbers times a power of 2, which may itself be too large a number."""
    half = exponent // 2
    return numbers * 2.0**half * 2.0 ** (exponent - half)

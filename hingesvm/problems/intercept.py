"""The best free intercept: exact minimisation over one variable.

The losses as a function of the intercept b are convex and piecewise linear or
quadratic. Their derivative is non-decreasing and linear between the kinks, where
1 - m_i = y_i (y_i - scores_i - b) is 0 or, if the loss turns linear there, q_i u_i.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _certify, _vectors
from hingesvm.rows.per_row import scaled

__all__ = ["JUDGES", "minimise_over_intercept", "minimise_smoothed", "smoothed"]

Float64Array = NDArray[np.float64]

# Search for the best free intercept (docs/experiments.md#which-method-when).
# Rows up to which a guess is tried as it is: with more, kinks that a smoothed search
# would have left out are sorted, with fewer the search is for nothing
# (docs/experiments.md#constants).
_FEW_ROWS = 10_000
#: Rows from which something is judged at first: more take time, fewer misjudge.
JUDGES = 5000
# Half the width of the window around a guess in which kinks are sorted: a wider one has
# more of them, a narrower one can miss the minimum, and then all are sorted.
_NEARBY = 1e-2
# A derivative this small, relative to its terms, is zero but for the tolerance: a
# larger one leaves the minimum out of the window, a smaller one takes more steps
# (docs/experiments.md#constants).
_NEARLY_FLAT = 1e-4

# A derivative this small, relative to its terms, is zero but for rounding.
_FLAT = 1e-13


class Derivative(Protocol):
    """A derivative with its limits from above and from below."""

    def __call__(self, b: float, *, above: bool) -> float:
        """Return the limit at b."""


class _Losses(NamedTuple):
    """Signs, bounds and curvatures of the rows, and the b at which m_i is 1."""

    signs: NDArray[np.int8]
    bound: Float64Array
    curvature: Float64Array
    at_one: Float64Array

    @property
    def has_kink(self) -> bool:
        """Whether the losses have a kink at margin 1."""
        return bool(self.curvature[0] == 0.0)

    def shortfall(self, b: float) -> Float64Array:
        """Return 1 - m_i at b."""
        shortfall = self.at_one - b
        shortfall *= self.signs
        return shortfall


def minimise_over_intercept(
    signs: NDArray[np.int8],
    bound: Float64Array,
    curvature: Float64Array,
    scores: Float64Array,
    guess: float | None = None,
) -> float:
    """Return the midpoint of argmin_b sum_i c_i l(y_i (scores_i + b)).

    Parameters
    ----------
    signs : ndarray of int8, of shape (n_rows,)
        y_i; both signs must occur.
    bound, curvature, scores : ndarray of float64, of shape (n_rows,)
        u_i, q_i, and x_i . w.
    guess : float, optional
        About where the minimum is. Only the kinks nearby are sorted, if it is there.
    """
    losses = _Losses(signs, bound, curvature, signs - scores)
    low, high = -np.inf, np.inf
    if guess is not None:
        near = guess
        if len(scores) > _FEW_ROWS:
            near = _minimise_smoothed(*losses[:3], losses.shortfall(guess), guess)
        low, high = near - _NEARBY, near + _NEARBY

    if losses.has_kink:
        midpoint: float = _certify.best_between(
            signs, bound, losses.at_one, low, high, _FLAT
        )
        return midpoint

    def derivative(b: float, *, above: bool) -> float:
        value, total = _vectors.intercept_derivative(*losses, b, above)
        return 0.0 if abs(value) <= _FLAT * total else value

    if not derivative(low, above=True) < 0.0 < derivative(high, above=False):
        low, high = -np.inf, np.inf
    kinks = losses.at_one
    if np.isfinite(bound[0]):
        kinks = np.concatenate([kinks, kinks - signs * curvature * bound])
    kinks = kinks[(kinks > low) & (kinks < high)]
    ends = [end for end in (low, high) if np.isfinite(end)]
    return _zero_of_derivative(derivative, np.unique([*ends, *kinks]))


def smoothed(
    bound: Float64Array, curvature: Float64Array, steepness: float
) -> tuple[Float64Array, Float64Array]:
    """Return (rest, pace), by which slopes are clip(rest + pace (1 - m), 0, u).

    A kink is smoothed over one part in `steepness` of a margin.
    """
    if curvature[0] > 0.0:
        return np.broadcast_to(0.0, bound.shape), 1.0 / curvature
    return scaled(bound, 0.5), scaled(bound, steepness)


def minimise_smoothed(
    signs: NDArray[np.int8],
    bound: Float64Array,
    curvature: Float64Array,
    scores: Float64Array,
    guess: float,
    weight: float,
) -> float:
    """Return about the minimiser of weight b^2 / 2 + sum_i c_i l(y_i (scores_i + b)).

    It is that of losses whose kinks are smoothed over a thousandth of a margin. The
    other parameters are as of `minimise_over_intercept`.
    """
    shortfall = signs - scores
    shortfall -= guess
    shortfall *= signs
    return _minimise_smoothed(signs, bound, curvature, shortfall, guess, weight)


def _minimise_smoothed(
    signs: NDArray[np.int8],
    bound: Float64Array,
    curvature: Float64Array,
    shortfall: Float64Array,
    guess: float,
    weight: float = 0.0,
) -> float:
    """Return the minimiser with smoothed kinks, found on some rows, then on all.

    `shortfall` is 1 - m_i at the guess.
    """
    _, pace = smoothed(bound, curvature, 1.0)
    active = np.maximum(shortfall, 0.0)
    active *= pace
    np.minimum(active, bound, out=active)
    flat = _NEARLY_FLAT * float(active.sum())
    del active
    change = signs.astype(np.float64)
    some = slice(None, None, max(1, len(shortfall) // JUDGES))
    shift = 0.0
    for rows, steepness in (some, 10.0), (slice(None), 1000.0):
        rest, pace = smoothed(bound, curvature, steepness)
        part = len(shortfall[rows]) / len(shortfall)
        shift, _ = _vectors.find_zero(
            rest[rows],
            pace[rows],
            bound[rows],
            np.ascontiguousarray(shortfall[rows]),
            np.ascontiguousarray(change[rows]),
            False,
            weight * guess * part,
            weight * part,
            shift,
            -np.inf,
            flat,
            0.0,
        )
    return guess + float(shift)


def _zero_of_derivative(derivative: Derivative, kinks: Float64Array) -> float:
    """Return the midpoint of the zeros of a derivative that is linear between kinks.

    Parameters
    ----------
    derivative : callable
        ``derivative(b, above=True)`` is its limit from above at b, with
        ``above=False`` from below; non-decreasing.
    kinks : ndarray of float64, sorted, without duplicates
        The limit at the first from below is not positive, that at the last from
        above not negative.
    """
    first, last = -1, len(kinks) - 1
    left = derivative(float(kinks[0]), above=False)
    right = derivative(float(kinks[last]), above=True)
    # Find the first kink above which the derivative is no longer negative.
    halve = False
    while last - first > 1:
        middle = (first + last) // 2
        if not halve and first >= 0:
            part = left / (left - right) if right > left else 0.5
            guess = kinks[first] + part * (kinks[last] - kinks[first])
            middle = int(np.searchsorted(kinks, guess))
            middle = min(max(middle, first + 1), last - 1)
        width = last - first
        value = derivative(float(kinks[middle]), above=True)
        if value < 0.0:
            first, left = middle, value
        else:
            last, right = middle, value
        halve = last - first > width // 2
    lower = float(kinks[last])
    value = derivative(lower, above=False)
    if value > 0.0 and first >= 0:
        before = float(kinks[first])
        return before + (lower - before) * (left / (left - value))
    upper = lower
    for kink in kinks[last + 1 :]:
        if derivative(float(kink), above=False) > 0.0:
            break
        upper = float(kink)
    return 0.5 * (lower + upper)

"""How far to go along a step where the penalty has kinks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["length_with_kinks"]

Float64Array = NDArray[np.float64]

# Rounding errors of the length of a step.
_ROUNDING = 8.0 * 2.0**-53
# Distance from the end of a step that makes no difference.
_AT_END = 1e-9


def length_with_kinks(
    zero: Callable[[float], tuple[float, float]],
    w: Float64Array,
    direction: Float64Array,
    threshold: Float64Array,
) -> float:
    """Return how many times a step goes to the minimum along it; 0 if it leads up.

    Parameters
    ----------
    zero : callable
        ``zero(slope)`` returns where the derivative of all but the thresholds, plus a
        slope, is 0, and what that sum is at the start.
    w, direction : ndarray of float64, of shape (n_features,)
    threshold : ndarray of float64, of shape (n_features,)
    """
    steep = threshold * np.abs(direction)
    turns = (w != 0.0) & (w * direction < 0.0) & (threshold > 0.0)
    kinks = -w[turns] / direction[turns]
    order = np.argsort(kinks)
    kinks, rises = kinks[order], 2.0 * steep[turns][order]
    # Slope of the thresholds behind so many kinks.
    slopes = float(steep.sum()) - float(rises.sum()) + np.append(0.0, np.cumsum(rises))
    _, at_start = zero(float(slopes[0]))
    if not at_start < 0.0:
        return 0.0
    low, high = 0, len(kinks)
    # Most steps end at their end, where many weights become 0.
    guess = int(np.searchsorted(kinks, 1.0 + _ROUNDING, side="right"))
    while True:
        # The minimum is behind kink number `low` - 1, and not behind kink `high`.
        t, _ = zero(float(slopes[guess]))
        first = kinks[guess - 1] if guess else 0.0
        last = kinks[guess] if guess < len(kinks) else np.inf
        if t < first:
            high = guess - 1
        elif t > last:
            low = guess + 1
        else:
            # At its end, weights are 0 that are to be.
            return 1.0 if abs(t - 1.0) <= _AT_END else float(t)
        if low > high:
            # Between the slopes before and behind one kink.
            return float(kinks[low - 1])
        guess = (low + high) // 2

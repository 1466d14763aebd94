"""Where a function of one number that increases, a sum over rows on a device, is 0."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from hingesvm._namespace import Namespace
from hingesvm.rows.array_losses import clipped, numbers

__all__ = ["Line"]

# Trials at most: with Newton steps few are needed, and what halving a bracket so often
# leaves is rounding.
_MOST_TRIALS = 100


@dataclass(frozen=True)
class Line:
    """base + slope t - sum clip(rest + pace (here - t change), 0, u) change, of t.

    Attributes
    ----------
    space : Namespace
    rest, pace, bound : float or array of shape (n_rows,)
    here, change : array of shape (n_rows,)
    base, slope : float
    """

    space: Namespace
    rest: Any
    pace: Any
    bound: Any
    here: Any
    change: Any
    base: float
    slope: float

    def at(self, t: float) -> tuple[float, float]:
        """Return the value and the derivative at t."""
        xp, change = self.space.xp, self.change
        raw = self.rest + self.pace * (self.here - t * change)
        pull = clipped(xp, raw, self.bound) * change
        inside = xp.astype((raw > 0.0) & (raw < self.bound), change.dtype)
        bend = inside * self.pace * change * change
        value, steep = numbers(self.space, [xp.sum(pull), xp.sum(bend)])
        return self.base + self.slope * t - value, self.slope + steep

    def zero(self, t: float, low: float, enough: float, unit: float = 1.0) -> float:
        """Return about where the function is 0.

        Parameters
        ----------
        t : float
            First trial.
        low : float
            Where the function is known to be negative, or -inf.
        enough : float
            Absolute value that counts as 0.
        unit : float, default=1.0
            The first step where the function is flat.
        """
        high, best, least = math.inf, t, math.inf
        for _ in range(_MOST_TRIALS):
            value, steep = self.at(t)
            if abs(value) < least:
                best, least = t, abs(value)
            if abs(value) <= enough:
                break
            if value < 0.0:
                low = t
            else:
                high = t
            trial = t - value / steep if steep > 0.0 else math.nan
            if not low < trial < high:
                trial = _between(low, high, t, unit)
                unit *= 2.0
            if trial in (low, high, t):
                break
            t = trial
        return best


def _between(low: float, high: float, t: float, unit: float) -> float:
    """Return the middle of a bracket, or a step out of one that is open."""
    if math.isinf(high):
        return t + unit
    if math.isinf(low):
        return t - unit
    return 0.5 * (low + high)

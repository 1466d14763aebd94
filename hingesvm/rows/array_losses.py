"""What a binary problem says of each row, in arrays on a device."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

from hingesvm._namespace import Namespace, to_host
from hingesvm.rows.pairs import Pair, product, total

__all__ = ["ArrayLosses", "ArraySums", "clipped", "numbers"]


class ArraySums(NamedTuple):
    """Sums over rows.

    Attributes
    ----------
    loss, gain, imbalance, total : float
        Of the losses, of a - q a^2 / 2, of a y, and of a.
    square : float
        The sum of a^2.
    """

    loss: float
    gain: float
    imbalance: float
    total: float
    square: float


@dataclass(frozen=True)
class ArrayLosses:
    """Labels and losses of rows; what is one number for all rows is a float.

    Attributes
    ----------
    space : Namespace
    signs : array of shape (n_rows,)
        The labels y_i, 1 or -1, in the widest dtype of the device.
    cost, bound, curvature : float or array of shape (n_rows,)
        c_i, u_i and q_i.
    has_kink : bool
        Whether q_i is 0.
    """

    space: Namespace
    signs: Any
    cost: Any
    bound: Any
    curvature: Any
    has_kink: bool

    def take(self, rows: Any, factor: float = 1.0) -> Self:
        """Return those of some rows, their costs multiplied by a factor."""

        def some(values: Any, times: float) -> Any:
            if isinstance(values, float):
                return values * times
            return self.space.xp.take(values, rows, axis=0) * times

        return replace(
            self,
            signs=some(self.signs, 1.0),
            cost=some(self.cost, factor),
            bound=some(self.bound, factor),
            curvature=some(self.curvature, 1.0 / factor),
        )

    def part(self, some: slice) -> Self:
        """Return those of a range of rows."""
        signs, cost, bound, curvature = (
            values if isinstance(values, float) else values[some]
            for values in (self.signs, self.cost, self.bound, self.curvature)
        )
        return replace(self, signs=signs, cost=cost, bound=bound, curvature=curvature)

    def slopes(self, shortfall: Any) -> Any:
        """Return minus the subgradients at shortfalls 1 - m; see `Values.slopes`."""
        if self.has_kink:
            zero = self.space.xp.zeros_like(shortfall)
            return self.space.xp.where(shortfall > 0.0, zero + self.bound, zero)
        return clipped(self.space.xp, shortfall / self.curvature, self.bound)

    def losses(self, shortfall: Any) -> Any:
        """Return c_i l(m_i) at shortfalls 1 - m_i."""
        if self.has_kink:
            return self.bound * self.space.xp.clip(shortfall, 0.0, None)
        slopes = self.slopes(shortfall)
        return slopes * (shortfall - 0.5 * self.curvature * slopes)

    def sums(self, shortfall: Any, alpha: Any) -> ArraySums:
        """Return the sums over the rows, in the widest dtype."""
        xp = self.space.xp
        square = xp.sum(alpha * alpha)
        whole = xp.sum(alpha)
        gain = whole
        if not self.has_kink:
            gain = whole - 0.5 * xp.sum(self.curvature * alpha * alpha)
        imbalance = xp.sum(alpha * self.signs)
        loss = xp.sum(self.losses(shortfall))
        return ArraySums(*numbers(self.space, [loss, gain, imbalance, whole, square]))

    def precise_sums(self, shortfall: Pair, alpha: Any) -> ArraySums:
        """Return the sums over the rows, of pairs of float32.

        Losses are those of slopes that are rounded, which at their maximum hardly
        matters.
        """
        xp, space = self.space.xp, self.space
        slopes = self.slopes(shortfall.high)
        losses = product(slopes, shortfall.high)
        losses = losses.plus(Pair(slopes * shortfall.low, xp.zeros_like(slopes)))
        loss = total(space, losses.plus(self._half_squares(slopes)))
        plain = Pair(alpha, xp.zeros_like(alpha))
        whole = total(space, plain)
        gain = whole
        if not self.has_kink:
            gain += total(space, self._half_squares(alpha))
        imbalance = total(space, plain.times_exactly(self.signs))
        square = total(space, product(alpha, alpha))
        return ArraySums(loss, gain, imbalance, whole, square)

    def _half_squares(self, alpha: Any) -> Pair:
        """Return -q a^2 / 2."""
        xp = self.space.xp
        if self.has_kink:
            zeros = xp.zeros_like(alpha)
            return Pair(zeros, zeros)
        curvature = xp.zeros_like(alpha) + self.curvature
        squares = product(alpha, alpha)
        scaled = product(squares.high, -0.5 * curvature)
        return Pair(scaled.high, scaled.low - 0.5 * curvature * squares.low)


def clipped(xp: Any, values: Any, bound: Any) -> Any:
    """Return values clipped to [0, bound], where the bound may be a float."""
    above = xp.clip(values, 0.0, None)
    if isinstance(bound, float):
        return above if math.isinf(bound) else xp.clip(above, None, bound)
    return xp.minimum(above, bound)


def numbers(space: Namespace, values: list[Any]) -> list[float]:
    """Return arrays of no axis as floats; all come to the host at once."""
    found: list[float] = to_host(space.xp.stack(values)).tolist()
    return found

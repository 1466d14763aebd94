"""What a fit proves: a primal point, a dual point, and the gap between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hingesvm.rows.compensated import ROUNDING
from hingesvm.rows.duals import DeferredDuals, Duals, unpacked

__all__ = ["CARES", "NOTHING", "Care", "Certificate", "Fixed", "Intercept"]

Float64Array = NDArray[np.float64]
#: How a bound of rounding errors is found: from a bound of the lengths of rows that
#: needs no pass over X, from the longest row, or row by row.
Care = Literal["glance", "longest", "rows"]
CARES: tuple[Care, ...] = ("glance", "longest", "rows")
#: A float, or of several classes an array.
Intercept = Any

#: Relative gap that is rounding: no other point can be better by more.
NOTHING = 1e-14
# How far the dual value may exceed the primal one by rounding.
_WRONG = 1e-9


@dataclass(frozen=True)
class Certificate:
    """A primal point, a dual point, and the gap between their values.

    Attributes
    ----------
    weights : ndarray of float32 or float64, of shape (n_features,)
        Of joint multi-class problems (n_classes, n_features).
    intercept : float
        Of these an ndarray of float64, of shape (n_classes,).
    duals : ndarray of float64, of shape (n_rows,), or packed ones
        Feasible dual variables; of these of shape (n_rows, n_classes).
    primal, dual : float
        P(w, intercept) and D(alpha).
    w_of_duals : ndarray of float64, of the shape of the weights, optional
        w(alpha), when it is known.
    above, below : float
        How far rounding errors may have hidden that P lies above `primal`, and D of
        exactly feasible duals below `dual`; part of the gap. 0 until it is proven.
    """

    weights: NDArray[np.floating]
    intercept: Intercept
    duals: Duals | DeferredDuals
    primal: float
    dual: float
    w_of_duals: Float64Array | None = None
    above: float = 0.0
    below: float = 0.0

    @property
    def w(self) -> Float64Array:
        """The weights in float64; made at each call if they are not kept so."""
        return np.ascontiguousarray(self.weights, dtype=np.float64)

    @property
    def alpha(self) -> Float64Array:
        """The dual variables, of shape (n_rows,); made at each call if packed."""
        return unpacked(self.duals)

    @property
    def gap(self) -> float:
        """Duality gap, an upper bound of P(w, b) - min P; never negative.

        A dual value above the primal one by more than rounding proves nothing, so
        the difference counts as a gap.
        """
        seen = self.primal - self.dual
        if seen < 0.0:
            noise = _WRONG * (abs(self.primal) + abs(self.dual))
            seen = 0.0 if -noise <= seen else -seen
        hidden = self.above + self.below
        if not hidden:
            return seen
        # The objective is nowhere negative.
        return seen + min(hidden, max(self.primal - seen, 0.0))

    @property
    def hidden(self) -> float:
        """The part of the gap that rounding errors may have hidden."""
        return self.above + self.below

    @property
    def relative_gap(self) -> float:
        """Gap as a fraction of the primal value."""
        if not math.isfinite(self.primal):
            return math.inf
        return self.gap / self.primal if self.primal > 0.0 else 0.0

    def at(
        self, weights: NDArray[np.floating], intercept: Intercept, primal: float
    ) -> Certificate:
        """Return the certificate with another primal point, of unknown errors."""
        return Certificate(
            weights,
            intercept,
            self.duals,
            primal,
            self.dual,
            self.w_of_duals,
            0.0,
            self.below,
        )

    def bounded(self, above: float, below: float) -> Certificate:
        """Return the certificate with other bounds of its rounding errors."""
        return Certificate(
            self.weights,
            self.intercept,
            self.duals,
            self.primal,
            self.dual,
            self.w_of_duals,
            above,
            below,
        )

    def join(self, newer: Certificate) -> Certificate:
        """Return the better primal point of two with the better dual point.

        Where they differ by rounding only, the newer point is taken.
        """
        noise = ROUNDING * (abs(self.primal) + abs(self.dual))
        highest, least = self.primal + self.above, self.dual - self.below
        primal = newer if newer.primal + newer.above <= highest + noise else self
        dual = newer if newer.dual - newer.below >= least - noise else self
        return Certificate(
            primal.weights,
            primal.intercept,
            dual.duals,
            primal.primal,
            dual.dual,
            dual.w_of_duals,
            primal.above,
            dual.below,
        )


@dataclass(frozen=True)
class Fixed:
    """What rows contribute whose dual variables are held at a bound.

    A row that stays on its side of the kinks has a loss that is linear in (w, b),
    a_i (1 - m_i) - q_i a_i^2 / 2, so these three sums are all that counts of it.

    Attributes
    ----------
    w_of_duals : ndarray of float64, of shape (n_features,)
        The sum of a_i y_i x_i.
    imbalance : float
        The sum of a_i y_i.
    gain : float
        The sum of a_i - q_i a_i^2 / 2.
    """

    w_of_duals: Float64Array
    imbalance: float
    gain: float

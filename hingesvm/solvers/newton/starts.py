"""Where Newton steps start, beside the starts of all solvers.

| kind | made by | says |
|---|---|---|
| `WeightsStart` | `nest`; bands, where dual variables mislead | weights alone |
| `BandStart` | bands, for the rows of a round | margins and proximal step |
| `NewtonStart` | `newton_until`, of narrow steps; turns | how steps go on |
| `InterruptedStart` | `newton_until`, of other steps | the multipliers, too |
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.start import Start
from hingesvm.rows.inner import KeptInnerProducts
from hingesvm.solvers.newton.products import KeptProducts

__all__ = ["BandStart", "InterruptedStart", "NewtonStart", "WeightsStart"]

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class WeightsStart:
    """Weights and an intercept without dual variables.

    Attributes
    ----------
    w : ndarray of float64, of shape (n_features,)
    intercept : float
    """

    w: Float64Array
    intercept: float


@dataclass(frozen=True)
class BandStart(Start):
    """Dual variables and weights with the margins of these; steps are new to them.

    Attributes
    ----------
    shortfall : ndarray of float32 or float64, of shape (n_rows,)
        1 - y_i (x_i . w + b).
    rho : float
        Proximal step, in units of the costs.
    """

    shortfall: NDArray[np.floating] = field(kw_only=True)
    rho: float = field(kw_only=True)


@dataclass(frozen=True)
class NewtonStart(Start):
    """A point, and how Newton steps that were taken before go on from it.

    Attributes
    ----------
    rho : float
        Proximal step.
    unit : ndarray of float64, of shape (n_rows,)
        Units of that step.
    inner : KeptInnerProducts, optional
        Inner products of rows of the Newton systems so far, if they are kept.
    shortfall : ndarray of float64, of shape (n_rows,), optional
        1 - y_i (x_i . w + b), if it is known.
    kept : KeptProducts, optional
        Products of columns of the systems so far, if the penalty has kinks.
    """

    rho: float = field(kw_only=True)
    unit: Float64Array = field(kw_only=True)
    inner: KeptInnerProducts | None = field(default=None, kw_only=True)
    shortfall: Float64Array | None = field(default=None, kw_only=True)
    kept: KeptProducts | None = field(default=None, kw_only=True)

    def moved(
        self,
        point: Start,
        shortfall: Float64Array | None = None,
        kept: KeptProducts | None = None,
        rho: float | None = None,
    ) -> NewtonStart:
        """Return how the steps go on from another point, and what is known there.

        With another proximal step, if one is given.
        """
        return NewtonStart(
            point.alpha,
            point.w,
            point.intercept,
            w_of_duals=point.w_of_duals,
            rho=self.rho if rho is None else rho,
            unit=self.unit,
            inner=self.inner,
            shortfall=shortfall,
            kept=kept,
        )


@dataclass(frozen=True)
class InterruptedStart(NewtonStart):
    """Where Newton steps ended within an inner problem.

    Attributes
    ----------
    anchor : ndarray of float64, of shape (n_rows,)
        Multipliers of the inner problem.
    """

    anchor: Float64Array = field(kw_only=True)

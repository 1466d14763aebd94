"""Arrays with one entry a row, which a scalar stands for where all are equal.

`RowLosses` and `StepState` say which of them `Rows` takes together. `ColumnMap` is what
steps may need of each column besides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _vectors

__all__ = [
    "ColumnMap",
    "PreciseParts",
    "RowLosses",
    "StepState",
    "factors_of_steps",
    "loss_sums",
    "proximal_step",
    "repeated",
    "scaled",
    "sum_of",
]

Float64Array = NDArray[np.float64]
_Numbers = TypeVar("_Numbers", float, NDArray[np.float64])

_NO_ANCHOR = np.empty(0)


class RowLosses(Protocol):
    """What a binary problem says of each row: its label, and its loss by two numbers.

    Arrays have the shape (n_rows,); those of float64 may be broadcast scalars.
    """

    @property
    def signs(self) -> NDArray[np.int8]:
        """The labels y_i, 1 or -1."""

    @property
    def cost(self) -> Float64Array:
        """The costs c_i."""

    @property
    def bound(self) -> Float64Array:
        """The bounds u_i of the dual variables."""

    @property
    def curvature(self) -> Float64Array:
        """The curvatures q_i."""


class StepState(Protocol):
    """What steps at one row after the other read, and change in place.

    Attributes
    ----------
    order : ndarray of intp, of shape (n_rows,)
        The active rows, `n_active` of them, and others behind.
    step : ndarray of float64, of shape (n_rows,)
        Factors of the line searches. Rows that are read in passes find those of
        `factors_of_steps` where it is of length 0.
    tau : float
        By how much the intercept moves with a dual variable.
    shrink_above : float
        Rows at a bound are dropped whose gradient points outwards by more.
    alpha : ndarray of float64, of shape (n_rows,)
    w : ndarray of float32 or float64, of shape (n_features,)
    random_state : ndarray of uint64, of shape (1,)
    """

    order: NDArray[np.intp]
    n_active: int
    step: Float64Array
    tau: float
    shrink_above: float
    alpha: Float64Array
    w: NDArray[np.floating]
    random_state: NDArray[np.uint64]


# Stands for 1/0: rows without entries go to whichever bound the sign says.
HUGE_STEP = 1e300


def factors_of_steps(
    squares: Float64Array, tau: float, curvature: Float64Array, huge: float = HUGE_STEP
) -> Float64Array:
    """Return the factors of line searches, 1 / (||x_i||^2 + tau + q_i) <= `huge`.

    Parameters
    ----------
    squares, curvature : ndarray of float64, of shape (n_rows,)
        ||x_i||^2 and q_i.
    tau, huge : float
    """
    width = squares + tau + curvature
    step = np.full(len(squares), huge)
    np.divide(1.0, width, out=step, where=width > 1.0 / huge)
    return step


@dataclass(frozen=True)
class ColumnMap:
    """How the weights of a penalised problem follow from the sum v of a_i y_i x_i.

    As w_j = soft(v_j + z_j, t_j) / s_j, where soft moves a number towards 0 by t_j, and
    no further than to 0.

    Attributes
    ----------
    threshold : ndarray of float64, of shape (n_features,)
        t, non-negative.
    strength : ndarray of float64, of shape (n_features,)
        s, positive.
    center : ndarray of float64, of shape (n_features,)
        z.
    """

    threshold: Float64Array
    strength: Float64Array
    center: Float64Array

    @cached_property
    def reciprocal(self) -> Float64Array:
        """The array of 1 / s_j."""
        return 1.0 / self.strength

    def weights(self, sums: NDArray[np.floating]) -> Float64Array:
        """Return the weights w of some sums v, in float64."""
        moved = sums + self.center
        held = np.clip(moved, -self.threshold, self.threshold)
        weights: Float64Array = (moved - held) * self.reciprocal
        return weights


def proximal_step(
    before: _Numbers,
    now: _Numbers,
    imbalance: _Numbers,
    tau: float,
    *,
    penalized: bool,
    length: float | None = None,
) -> tuple[_Numbers, _Numbers]:
    """Return an intercept after the step that ends a sweep, and the sum of a y.

    Parameters
    ----------
    before, now : float or ndarray of float64, of shape (n_classes,)
        The intercept before the sweep and after its steps.
    imbalance : float or ndarray of float64, of shape (n_classes,)
        The sum of a y before the sweep.
    tau : float
        By how much the intercept moves with a dual variable.
    penalized : bool
        Whether the intercept is penalised, and so to become the sum of a y.
    length : float, optional
        Length of the step. Default: `tau`.
    """
    imbalance = imbalance + (now - before) / tau
    rest = imbalance - (now if penalized else 0.0)
    return now + (tau if length is None else length) * rest, imbalance


class PreciseParts(NamedTuple):
    """Sums of products in twice the precision: ``value + rest``.

    `size` is the sum of the sizes of the products, which bounds rounding errors.
    """

    value: Float64Array
    rest: Float64Array
    size: Float64Array


def loss_sums(
    losses: RowLosses, some: slice, shortfall: Float64Array, alpha: Float64Array
) -> tuple[float, float, float]:
    """Return sums over a range of rows: of the losses, of a - q a^2 / 2, and of a y.

    Parameters
    ----------
    losses : RowLosses
    some : slice
        The range.
    shortfall, alpha : ndarray of float64, of shape (m,)
        1 - m and the dual variables of these rows.
    """
    loss, gain, imbalance, _ = _vectors.totals(
        losses.signs[some],
        losses.cost[some],
        losses.bound[some],
        losses.curvature[some],
        shortfall,
        alpha,
        _NO_ANCHOR,
    )
    return loss, gain, imbalance


def repeated(value: float, count: int) -> Float64Array:
    """Return a value for each row, stored once, as np.broadcast_to does but sooner."""
    out: Float64Array = np.ndarray((count,), np.float64, np.array(value), strides=(0,))
    out.flags.writeable = False
    return out


def scaled(
    values: Float64Array, factor: float, rows: NDArray[np.intp] | None = None
) -> Float64Array:
    """Return a factor times the values, of some rows if they are given.

    A broadcast scalar stays one.
    """
    if values.strides[0] == 0 and len(values):
        count = len(values) if rows is None else len(rows)
        return repeated(factor * values[0], count)
    return factor * (values if rows is None else values[rows])


def sum_of(values: Float64Array) -> float:
    """Return the sum of the values; of a broadcast scalar by one product."""
    if values.strides[0] == 0 and len(values):
        return float(values[0]) * len(values)
    return float(values.sum())

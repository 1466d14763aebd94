"""Dual variables of free intercepts: as much for each class as against it.

What the rows of class j have against class k is a flow from j to k. Dual variables are
feasible for free intercepts if as much flows out of each class as into it. Flows can
only be lowered, and each unit of them is worth the same to the dual, so that as little
as possible is to be taken away: a minimum-cost flow problem.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels import _flows

__all__ = ["balancing_factors"]

Float64Array = NDArray[np.float64]

# Parts of all flows that are rounding: an imbalance, what is left of a flow, and an
# imbalance where nothing better can be done.
_ROUNDING, _CRUMB, _NOISE = 1e-15, 2e-16, 1e-11
# Looks at flows between two looks for an interrupt: some milliseconds.
_LOOKS = 1 << 21


def _no_check() -> None:
    """Check for no interrupt."""


def balancing_factors(
    flows: Float64Array, check_cancelled: Callable[[], None] = _no_check
) -> Float64Array:
    """Return factors between 0 and 1 that balance flows, and take little away.

    Parameters
    ----------
    flows : ndarray of float64, of shape (n_classes, n_classes)
        Non-negative, 0 on the diagonal.
    check_cancelled : callable, optional
        Called every few milliseconds; may raise.

    Returns
    -------
    ndarray of float64, of the same shape
        Row sums and column sums of ``factors * flows`` are the same but for rounding.
        All are 0 where rounding errors leave no way to balance the flows.
    """
    left, total = flows.copy(), flows.sum()
    if not total > 0.0:
        return np.ones_like(flows)
    # What is taken is a sum, whose rounding errors are taken after it.
    for lowered in (_in_proportion, _least_taken, _in_proportion, _least_taken):
        excess = _excess(left)
        if np.abs(excess).max() <= _ROUNDING * total:
            break
        left = lowered(left, excess, check_cancelled)
        left[(left < flows) & (left <= _CRUMB * total)] = 0.0
    if np.abs(_excess(left)).max() > _NOISE * total:
        return np.zeros_like(flows)
    factors = np.ones_like(flows)
    np.divide(left, flows, out=factors, where=flows > 0.0)
    return factors


def _excess(flows: Float64Array) -> Float64Array:
    """Return what flows out of each class less what flows into it."""
    excess: Float64Array = flows.sum(axis=1) - flows.sum(axis=0)
    return excess


def _in_proportion(
    flows: Float64Array, excess: Float64Array, _: Callable[[], None]
) -> Float64Array:
    """Return flows of which those from classes with too much to others are lowered.

    To classes with too little, in proportion to both, which balances them. If one of
    these flows is smaller than what is to be taken, all are returned as they are.
    """
    more, less = np.maximum(excess, 0.0), np.maximum(-excess, 0.0)
    if not less.any():
        return flows.copy()
    left = flows - np.outer(more, less / less.sum())
    return flows.copy() if left.min() < 0.0 else left


def _least_taken(
    flows: Float64Array, excess: Float64Array, check_cancelled: Callable[[], None]
) -> Float64Array:
    """Return the largest flows in balance that are at most these.

    The excess of each class is sent to classes with too little by ways that take the
    least from the flows, the cheapest ways first (``kernels/_flows.pyx``).
    """
    left, taken = flows.copy(), np.zeros_like(flows)
    price, level, scratch = np.zeros((3, len(flows)), dtype=np.intp)
    network = left, taken, excess.copy(), price
    cost = 0
    # Rounding errors can leave no way to balance them.
    while (cost := _flows.raise_prices(*network, cost)) >= 0:
        check_cancelled()
        while _flows.find_levels(*network, cost, level, scratch):
            cursor = np.zeros_like(level)
            check_cancelled()
            while not _flows.push(*network, cost, level, cursor, scratch, _LOOKS):
                check_cancelled()
    return left

"""Dual variables of free intercepts: as much for each class as against it.

What the rows of class j have against class k is a flow from j to k, and the intercepts
are free if as much flows out of each class as into it. Flows can only be lowered, and
each unit of them is worth the same, so that the least is to be taken away: a flow
problem.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import linprog

__all__ = ["balancing_factors"]

Float64Array = NDArray[np.float64]

# Imbalance, relative to all flows, that means nothing.
_ROUNDING = 1e-15
# The same, where nothing better can be done.
_NOISE = 1e-11


def balancing_factors(flows: Float64Array) -> Float64Array:
    """Return factors between 0 and 1 that balance flows, and take little away.

    Parameters
    ----------
    flows : ndarray of float64, of shape (n_classes, n_classes)
        Non-negative, 0 on the diagonal.

    Returns
    -------
    ndarray of float64, of the same shape
        Row sums and column sums of ``factors * flows`` are the same but for rounding.
    """
    left, total = flows.copy(), flows.sum()
    # A linear program is solved to some digits, and the rest is taken after it.
    for take in (_in_proportion, _least_taken, _in_proportion, _least_taken):
        excess = left.sum(axis=1) - left.sum(axis=0)
        if np.abs(excess).max() <= _ROUNDING * total:
            break
        taken = take(left, excess)
        left = left if taken is None else np.maximum(left - taken, 0.0)
    excess = left.sum(axis=1) - left.sum(axis=0)
    if np.abs(excess).max() > _NOISE * total:
        return np.zeros_like(flows)
    factors = np.ones_like(flows)
    np.divide(left, flows, out=factors, where=flows > 0.0)
    return factors


def _in_proportion(flows: Float64Array, excess: Float64Array) -> Float64Array | None:
    """Return what goes from each class with too much to each with too little.

    In proportion to both; None if there is less than that.
    """
    more, less = np.maximum(excess, 0.0), np.maximum(-excess, 0.0)
    if not less.any():
        return None
    taken = np.outer(more, less / less.sum())
    return None if np.any(taken > flows) else taken


def _least_taken(flows: Float64Array, excess: Float64Array) -> Float64Array:
    """Return the least that can be taken from flows to balance them."""
    size = len(flows)
    sources, sinks = np.nonzero(flows)
    count, classes = len(sources), np.arange(size)
    # In units of what is to go, as the solver's tolerance is absolute.
    scale = float(np.abs(excess).sum())
    with np.errstate(over="ignore"):
        limits = np.minimum(flows[sources, sinks] / scale, 1.0)
    # Rounding errors can leave no way to balance them: what is left of the excess, on
    # either side, costs more than the longest way.
    balance = sp.csr_array(
        (
            np.repeat([1.0, -1.0, 1.0, -1.0], [count, count, size, size]),
            (
                np.concatenate([sources, sinks, classes, classes]),
                np.concatenate(
                    [np.tile(np.arange(count), 2), count + np.arange(2 * size)]
                ),
            ),
        ),
        shape=(size, count + 2 * size),
    )
    found = linprog(
        np.repeat([1.0, float(size)], [count, 2 * size]),
        A_eq=balance,
        b_eq=excess / scale,
        bounds=[(0.0, limit) for limit in limits] + [(0.0, None)] * (2 * size),
        method="highs",
    )
    taken = np.zeros_like(flows)
    if found.x is not None:
        taken[sources, sinks] = found.x[:count] * scale
    return taken

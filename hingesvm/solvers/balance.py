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
    left = flows.copy()
    for take in (_in_proportion, _least_taken, _in_proportion):
        excess = left.sum(axis=1) - left.sum(axis=0)
        if np.abs(excess).max() <= _ROUNDING * flows.sum():
            break
        taken = take(left, excess)
        # A linear program is solved to some digits, and the rest is taken after it.
        left = left if taken is None else np.maximum(left - taken, 0.0)
    excess = left.sum(axis=1) - left.sum(axis=0)
    if np.abs(excess).max() > _NOISE * flows.sum():
        return np.zeros_like(flows)
    factors = np.ones_like(flows)
    np.divide(left, flows, out=factors, where=flows > 0.0)
    return factors


def _in_proportion(flows: Float64Array, excess: Float64Array) -> Float64Array | None:
    """Return what goes from each class with too much to each with too little.

    In proportion to both; None if there is less than that.
    """
    more, less = np.maximum(excess, 0.0), np.maximum(-excess, 0.0)
    taken = np.outer(more, less) / less.sum()
    return None if np.any(taken > flows) else taken


def _least_taken(flows: Float64Array, excess: Float64Array) -> Float64Array | None:
    """Return the least that can be taken from flows to balance them."""
    size = len(flows)
    sources, sinks = np.nonzero(flows)
    count = len(sources)
    scale = float(flows.max())
    balance = sp.csr_array(
        (
            np.concatenate([np.ones(count), -np.ones(count)]),
            (np.concatenate([sources, sinks]), np.tile(np.arange(count), 2)),
        ),
        shape=(size, count),
    )
    limits = flows[sources, sinks] / scale
    found = linprog(
        np.ones(count),
        A_eq=balance,
        b_eq=excess / scale,
        bounds=np.column_stack([np.zeros(count), limits]),
        method="highs",
    )
    if found.x is None:
        return None
    taken = np.zeros_like(flows)
    taken[sources, sinks] = found.x * scale
    return taken

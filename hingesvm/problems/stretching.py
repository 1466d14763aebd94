"""Weights made a little longer, so that margins which should be 1 do not fall short.

At large C a margin a little short of 1 costs more than all the rest of the gap, and
that little can be a rounding error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["LONGEST", "stretch", "worst_of_signs"]

#: Shortfalls by which weights are stretched at most: beyond that the longer weights
#: cost more than the losses that they save (docs/experiments.md#constants).
LONGEST = 0.1

# Spacing of float64 at 1.
_EPSILON = float(np.finfo(np.float64).eps)


def worst_of_signs(
    shortfall: NDArray[np.floating],
    loose: NDArray[np.bool_],
    signs: NDArray[np.int8],
) -> tuple[float, float]:
    """Return by how much rows of either sign fall short that are to have no loss.

    Parameters
    ----------
    shortfall : ndarray, of shape (n_rows,)
        1 - m.
    loose : ndarray of bool, of shape (n_rows,)
        Those rows.
    signs : ndarray of int8, of shape (n_rows,)

    Returns
    -------
    (positive, negative) : the largest 1 - m of them; -inf if there is none.
    """
    positive, negative = (
        float(shortfall[loose & (signs == sign)].max(initial=-np.inf))
        for sign in (1, -1)
    )
    return positive, negative


def stretch(
    worst: tuple[float, float], *, has_intercept: bool, precision: float = _EPSILON
) -> tuple[float, float] | None:
    """Return a factor of (w, b), and a shift of b then, for which no row falls short.

    Parameters
    ----------
    worst : pair of float
        The largest 1 - m of either sign, of the rows that are to have no loss: those
        with duals below their bound.
    has_intercept : bool
        Whether it may be shifted.
    precision : float
        Of the weights, which are rounded once they are stretched.

    Returns
    -------
    (factor, shift), or None where no row falls short, or one by too much.
    """
    short, other = worst
    shortest = max(worst)
    if not 0.0 < shortest < LONGEST:
        return None
    if not has_intercept or min(worst) < -LONGEST:
        short = other = shortest
    mean = 0.5 * (short + other)
    factor = (1.0 + 2.0 * precision) / (1.0 - mean)
    return factor, 0.5 * factor * (short - other)

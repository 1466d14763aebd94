"""Numbers of weights that are not 0, on an axis above a panel over C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hingesvm.losses import Float64Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_nonzeros"]

# The most numbers that have room side by side.
_MOST = 8
# Smaller means of several folds are written with a digit after the point.
_EXACT = 10.0


def draw_nonzeros(ax: Axes, Cs: Float64Array, counts: Float64Array, note: str) -> Any:
    """Write above a panel how many weights are not 0; return the axis.

    Parameters
    ----------
    ax : matplotlib Axes
        The panel, with its scale of C.
    Cs : ndarray of float64, of shape (n_Cs,)
        Ascending.
    counts : ndarray of shape (n_folds, n_Cs)
        Numbers of weights that are not 0.
    note : str
        What is added to the label.
    """
    means = np.mean(counts, axis=0)
    places = _with_room(np.log(Cs))
    top = ax.secondary_xaxis("top")
    top.set_xticks(Cs[places], [_text(mean) for mean in means[places]])
    top.minorticks_off()
    top.set_xlabel(f"number of weights that are not 0{note}")
    return top


def _with_room(values: Float64Array) -> list[int]:
    """Return places of ascending values that lie so far apart that all have room."""
    gap = float(np.ptp(values)) / _MOST
    places = [0]
    for place in range(1, len(values)):
        if values[place] > values[places[-1]] + gap:
            places.append(place)
    return places


def _text(mean: float) -> str:
    """Return a mean number in few characters."""
    return f"{mean:.0f}" if mean >= _EXACT else f"{mean:.1f}".removesuffix(".0")

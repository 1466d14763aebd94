"""Margins of rows as a histogram for each class, with the loss over them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.losses import Float64Array, MarginLoss

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["bin_edges", "draw_distribution", "figure_inches"]

# Where there are more classes than these, each further one has less room.
_FEW_CLASSES = 12
# Height of the highest bin, where the classes stand 1 apart.
_TALLEST = 0.8
# Height that is kept free above the classes, for the legend.
_LEGEND_INCHES = 0.8
# Height that a class label of two lines needs.
_TWO_LINES_INCHES = 0.33


def bin_edges(margins: Float64Array, bins: int) -> Float64Array:
    """Return the edges of about `bins` bins.

    Margin 1 is an edge, and so is margin 0 where bins are narrower than 1.
    """
    low, high = min(float(margins.min()), 0.0), max(float(margins.max()), 1.0)
    width = high / bins - low / bins
    # Edges are whole multiples of the width, above 1 or above 0.
    origin, parts = 1.0, 1
    if width < 1.0:
        origin, parts = 0.0, math.floor(1.0 / width)
        width = 1.0
    first = math.floor((low - origin) / width * parts)
    last = math.floor((high - origin) / width * parts) + 1
    edges: Float64Array = origin + width * (np.arange(first, last + 1) / parts)
    edges[0], edges[-1] = min(edges[0], low), max(edges[-1], high)
    return edges


def figure_inches(n_classes: int) -> tuple[float, float]:
    """Return width and height of a figure for so many classes."""
    many = max(n_classes - _FEW_CLASSES, 0)
    height = 2.2 + 0.45 * (n_classes - many) + 0.2 * many
    return 6.4, min(max(height, 4.8), 20.0)


def _words_of(n_classes: int) -> tuple[str, str, str]:
    """Return the words for margins, for rows that are supports, and for other rows."""
    if n_classes == 2:
        return (
            "margin: decision, with the sign of the class",
            "support vectors (margin ≤ 1)",
            "other rows (margin > 1)",
        )
    return (
        "margin: score of the true class minus the highest of the others",
        "margin ≤ 1",
        "margin > 1",
    )


def draw_distribution(
    ax: Axes,
    margins: Float64Array,
    codes: NDArray[np.intp],
    support: NDArray[np.bool_],
    classes: list[Any],
    loss: MarginLoss,
    *,
    bins: int,
    legend: bool,
) -> tuple[list[tuple[Any, ...]], Any, Any, list[Any]]:
    """Draw a histogram of shares for each class, one above the other, and the loss.

    Return both parts of each histogram, the axes of the loss, its line and the entries
    of a legend.
    """
    from matplotlib.patches import Patch

    n_classes = len(classes)
    xlabel, *names = _words_of(n_classes)
    ax.set_xlabel(xlabel)
    edges = bin_edges(margins, bins)
    # Supports are drawn left of 1, also those that rounding puts right of it.
    placed = np.where(support, np.minimum(margins, np.nextafter(1.0, 0.0)), margins)
    counts = [np.histogram(placed[codes == k], edges)[0] for k in range(n_classes)]
    shares = [count / max(count.sum(), 1) for count in counts]
    largest = max(float(share.max()) for share in shares)
    styles: list[dict[str, Any]] = [
        {"facecolor": "C1", "hatch": "/////"},
        {"facecolor": "C0"},
    ]
    sides = [edges <= 1.0, edges >= 1.0]
    histograms = []
    for k, share in enumerate(shares):
        baseline = n_classes - 1 - k
        tops = baseline + share * (_TALLEST / largest)
        ax.axhline(baseline, color="black", linewidth=0.5)
        histograms.append(
            tuple(
                ax.stairs(
                    tops[side[:-1] & side[1:]],
                    edges[side],
                    baseline=baseline,
                    fill=True,
                    edgecolor="black",
                    linewidth=0.7,
                    **style,
                )
                for side, style in zip(sides, styles, strict=True)
            )
        )
    for margin, linestyle in (0.0, ":"), (1.0, "--"):
        ax.axvline(
            margin, color="black", linewidth=0.9, linestyle=linestyle, zorder=0.5
        )
    inches = ax.get_window_extent().height / ax.figure.dpi
    room = min(_LEGEND_INCHES / inches, 0.5) if legend else 0.0
    ax.set(xlim=(edges[0], edges[-1]), ylim=(0.0, n_classes / (1.0 - room)))
    _name_classes(ax, codes, support, classes, inches * (1.0 - room) / n_classes)
    ax.set_ylabel(
        "class, and how many of its rows have margin ≤ 1\n"
        f"height: share of the class, the highest {largest:.0%}"
    )

    loss_ax = ax.twinx()
    at = np.union1d(np.linspace(edges[0], edges[-1], 400), [1.0])
    (line,) = loss_ax.plot(at, loss.value(at), color="black", linewidth=1.6)
    line.set_label(f"loss: {loss!r}")
    loss_ax.set_ylim(bottom=0.0)
    loss_ax.set_ylabel(f"loss of a row, {loss!r}")
    n_support = np.count_nonzero(support)
    totals = (n_support, len(margins) - n_support)
    handles: list[Any] = [
        Patch(label=f"{name}: {total}", edgecolor="black", linewidth=0.7, **style)
        for name, total, style in zip(names, totals, styles, strict=True)
    ]
    handles.append(line)
    if legend:
        loss_ax.legend(handles=handles, loc="upper right")
    return histograms, loss_ax, line, handles


def _name_classes(
    ax: Axes,
    codes: NDArray[np.intp],
    support: NDArray[np.bool_],
    classes: list[Any],
    inches: float,
) -> None:
    """Label each class with its name and its counts, in a height of `inches`."""
    n_classes = len(classes)
    members = np.bincount(codes, minlength=n_classes)
    supports = np.bincount(codes[support], minlength=n_classes)
    separator = "\n" if inches > _TWO_LINES_INCHES else ": "
    names = [
        f"{label}{separator}{some} of {total}"
        for label, some, total in zip(classes, supports, members, strict=True)
    ]
    ax.set_yticks(np.arange(n_classes)[::-1] + 0.5 * _TALLEST, names)
    points = 0.8 * 72.0 * inches / (1 + (separator == "\n"))
    ax.tick_params("y", length=0.0, labelsize=min(10.0, max(points, 3.0)))

"""Weights of features over C, with the names of the features where the lines end."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import isotonic_regression

from hingesvm.inspection._matplotlib import line_style
from hingesvm.losses import Float64Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from hingesvm.model_selection import HingeSVCCV

__all__ = [
    "along_chosen_share",
    "draw_coefs",
    "largest",
    "mean_of_folds",
    "reached",
    "spread_out",
    "which_of",
]

_POINTS = 9.0
_SMALLEST_POINTS = 3.0
_POINTS_PER_INCH = 72.0
# Distance of names, in their heights.
_SPACING = 1.3
# Where names begin, in widths of the axes.
_NAMES_AT = 1.06
# Part of the range of the weights that is free above and below.
_BORDER = 0.05


def along_chosen_share(model: HingeSVCCV) -> Any:
    """Return the attributes of a search along C alone, for the share it has chosen.

    Where shares of the L1 norm were averaged over folds, it is the nearest one.
    """
    if not hasattr(model, "l1_ratios_"):
        return model
    place = int(np.abs(model.l1_ratios_ - model.l1_ratio_).argmin())
    values = {"Cs_": model.Cs_, "classes_": model.classes_}
    for name in ("scores_", "objectives_", "n_iters_", "n_nonzeros_"):
        values[name] = getattr(model, name)[:, place]
    for name in ("coefs_paths_", "intercepts_paths_"):
        if hasattr(model, name):
            values[name] = getattr(model, name)[:, place]
    return SimpleNamespace(**values)


def reached(model: HingeSVCCV) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which folds were begun, and which values of C were fitted in all of these.

    These are all folds and values, unless a callback stopped the search.
    """
    trained = model.n_iters_ > 0
    begun = np.asarray(trained.any(axis=1))
    return begun, np.asarray(trained[begun].all(axis=0))


def mean_of_folds(
    model: HingeSVCCV, begun: NDArray[np.bool_], known: NDArray[np.bool_]
) -> NDArray[np.floating] | None:
    """Return, for each C and class, the mean weights of the folds that have the class.

    It returns None if weights were not kept. `begun` and `known` are what `reached`
    returned.

    Raises
    ------
    ValueError
        If no fold has rows of some class.
    """
    coefs = getattr(model, "coefs_paths_", None)
    if coefs is None:
        return None
    lacks = np.isnan(model.intercepts_paths_[begun][:, known][:, 0])
    if not (begun.all() and known.all()):
        coefs = coefs[begun][:, known]
    if not lacks.any():
        return np.asarray(coefs.mean(axis=0))
    if lacks.all(axis=0).any():
        missing = model.classes_[lacks.all(axis=0)].tolist()[0]
        raise ValueError(
            f"No fold has rows of class {missing!r} to train on, so there are no "
            'weights to draw: pass kind="curves", or fit with folds that have.'
        )
    return np.asarray(np.nanmean(coefs, axis=0))


def largest(coefs: NDArray[np.floating], count: int) -> NDArray[np.intp]:
    """Return the places of the largest weights by size, the largest first.

    Equal ones keep their order, and weights of 0 are not left out.
    """
    order = np.argsort(-np.abs(coefs), kind="stable")
    return order[:count].astype(np.intp)


def spread_out(places: Float64Array, gap: float, high: float) -> Float64Array:
    """Return places in [0, high] that are at least `gap` apart, near those given.

    They keep their order, and have the least sum of squared distances from those
    given. All must fit below `high`.
    """
    order = np.argsort(places, kind="stable")
    steps = gap * np.arange(len(places))
    room = max(high - gap * (len(places) - 1), 0.0)
    spread = np.empty(len(places))
    spread[order] = steps + isotonic_regression(
        places[order] - steps, y_min=0.0, y_max=room
    )
    return spread


def draw_coefs(
    ax: Axes, Cs: Float64Array, coefs: Float64Array, names: Sequence[str]
) -> tuple[list[Line2D], list[Any]]:
    """Draw a line for each column of `coefs`, and its name on the right.

    Return the lines and the names.
    """
    lines = [
        ax.plot(Cs, column, **line_style(place, len(Cs)))[0]
        for place, column in enumerate(coefs.T)
    ]
    ax.axhline(0.0, color="black", linewidth=0.7, zorder=1.0)
    low, high = min(float(coefs.min()), 0.0), max(float(coefs.max()), 0.0)
    border = _BORDER * (high - low) or 1.0
    bottom, top = low - border, high + border
    ax.set_ylim(bottom, top)
    points = ax.get_window_extent().height / ax.figure.dpi * _POINTS_PER_INCH
    size = min(_POINTS, max(points / (_SPACING * len(names)), _SMALLEST_POINTS))
    ends = (coefs[-1] - bottom) / (top - bottom)
    gap = min(_SPACING * size / points, 1.0 / max(len(names) - 1, 1))
    texts = [
        ax.annotate(
            name,
            (Cs[-1], end),
            xytext=(_NAMES_AT, height),
            textcoords="axes fraction",
            annotation_clip=False,
            fontsize=size,
            verticalalignment="center",
            arrowprops={
                "arrowstyle": "-",
                "color": line.get_color(),
                "linewidth": 0.6,
                "relpos": (0.0, 0.5),
                "shrinkA": 0.0,
            },
        )
        for name, end, height, line in zip(
            names, coefs[-1], spread_out(ends, gap, 1.0), lines, strict=True
        )
    ]
    return lines, texts


def which_of(n_drawn: int, n_all: int) -> str:
    """Return which of the weights are drawn, in words."""
    return "weights" if n_drawn == n_all else f"{n_drawn} largest of {n_all} weights"

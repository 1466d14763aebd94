"""The plane of two columns: rows, the line between classes, the lines of margin 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils import check_array

from hingesvm.losses import Float64Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Plane", "draw_plane", "is_plane", "plane_of"]

_MARKERS = "os"
# Part of the range of a column that is shown beyond it on each side.
_BORDER = 0.08
# Decisions on the lines that are drawn.
_LEVELS = {-1.0: "--", 0.0: "-", 1.0: "--"}


@dataclass(frozen=True)
class Plane:
    """Rows of two columns, and decisions between two classes around them.

    Attributes
    ----------
    points : ndarray of float64, of shape (n_samples, 2)
    x, y : ndarray of float64, of shape (resolution,)
        Values of the two columns.
    decisions : ndarray of float64, of shape (resolution, resolution)
        A row for each value in `y`, a column for each in `x`.
    names : tuple of two str
        The columns.
    """

    points: Float64Array
    x: Float64Array
    y: Float64Array
    decisions: Float64Array
    names: tuple[str, str]


def is_plane(X: Any) -> bool:
    """Return whether X has two columns of finite numbers."""
    if getattr(X, "shape", (0, 2))[1:] != (2,):
        return False  # before X, which may be large, is copied
    try:
        _points(X)
    except (TypeError, ValueError):
        return False
    return True


def _points(X: Any) -> Float64Array:
    """Return X as a matrix of two columns."""
    points = check_array(X, accept_sparse=True, dtype=np.float64, input_name="X")
    if points.shape[1] != 2:
        raise ValueError(
            f"The plane needs X of two columns, got {points.shape[1]}: pass "
            'kind="distribution".'
        )
    dense: Float64Array = points.toarray() if sp.issparse(points) else points
    return dense


def plane_of(estimator: Any, X: Any, resolution: int) -> Plane:
    """Return the rows, and the decisions of an estimator on a grid around them."""
    points = _points(X)
    x, y = (_grid(column, resolution) for column in points.T)
    columns = [axis.ravel() for axis in np.meshgrid(x, y)]
    names = getattr(X, "columns", None)
    if names is None:
        names = ("first column of X", "second column of X")
        grid: Any = np.column_stack(columns)
    else:
        # The grid is a frame too, as estimators compare the names of columns.
        grid = type(X)(dict(zip(names, columns, strict=True)))
    decisions = np.asarray(estimator.decision_function(grid), dtype=np.float64)
    first, second = map(str, names)
    shape = (resolution, resolution)
    return Plane(points, x, y, decisions.reshape(shape), (first, second))


def _grid(column: Float64Array, resolution: int) -> Float64Array:
    """Return equally spaced values from below the least to above the greatest."""
    low, high = float(column.min()), float(column.max())
    border = _BORDER * (high - low) or 1.0
    return np.linspace(low - border, high + border, resolution)


def draw_plane(
    ax: Axes,
    plane: Plane,
    codes: NDArray[np.intp],
    support: NDArray[np.bool_],
    classes: list[Any],
) -> tuple[list[Any], Any, Any, list[Any]]:
    """Draw rows and lines.

    Return the points of each class, the lines, the rings and the entries of a legend.
    """
    from matplotlib.lines import Line2D

    points = []
    for code, label in enumerate(classes):
        x, y = plane.points[codes == code].T
        points.append(
            ax.scatter(
                x,
                y,
                s=26,
                marker=_MARKERS[code],
                color=f"C{code}",
                alpha=0.75,
                linewidths=0.0,
                label=str(label),
            )
        )
    x, y = plane.points[support].T
    rings = ax.scatter(
        x, y, s=90, marker="o", facecolors="none", edgecolors="black", linewidths=1.1
    )
    rings.set_label(f"support vectors: {np.count_nonzero(support)}")
    low, high = plane.decisions.min(), plane.decisions.max()
    # Matplotlib warns of levels that no point has.
    levels = [level for level in _LEVELS if low <= level <= high and low < high]
    lines = None
    if levels:
        lines = ax.contour(
            plane.x,
            plane.y,
            plane.decisions,
            levels=levels,
            linestyles=[_LEVELS[level] for level in levels],
            colors="black",
            linewidths=1.3,
        )
    handles = [
        *points,
        rings,
        Line2D([], [], color="black", linestyle="-", label="decision 0"),
        Line2D([], [], color="black", linestyle="--", label="decision -1 and 1"),
    ]
    ax.set(xlabel=plane.names[0], ylabel=plane.names[1])
    return points, lines, rings, handles

"""Axes, line styles and legends of Matplotlib, imported when needed; checks."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "axes_for",
    "below_legend",
    "beside_legend",
    "check_choice",
    "check_count",
    "check_shape",
    "line_style",
    "panels_for",
    "require_matplotlib",
]

_MARKERS = "osD^vPX*"
_LINESTYLES = ("-", "--", "-.")
# Height of the numbers and the label below an axis.
_LABEL_INCHES = 0.5


def require_matplotlib(caller: str) -> None:
    """Raise ImportError unless Matplotlib can be imported."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} needs Matplotlib, which is not installed: "
            'python -m pip install "hingesvm[plot]"'
        ) from error


def axes_for(caller: str, ax: Axes | None, **options: Any) -> Axes:
    """Return `ax`, or the axes of a new figure with these options."""
    require_matplotlib(caller)
    from matplotlib.axes import Axes

    if ax is None:
        from matplotlib import pyplot as plt

        figure = plt.figure(layout="constrained", **options)
        axes: Axes = figure.add_subplot()
        return axes
    if not isinstance(ax, Axes):
        raise TypeError(
            f"ax must be one Matplotlib Axes or None, got a {type(ax).__name__}."
        )
    return ax


def panels_for(caller: str, ax: Any, count: int, **options: Any) -> list[Axes]:
    """Return `count` axes: those given, or new ones side by side in a figure."""
    if count == 1:
        return [axes_for(caller, ax, **options)]
    require_matplotlib(caller)
    from matplotlib.axes import Axes

    if ax is None:
        from matplotlib import pyplot as plt

        figure = plt.figure(layout="constrained", **options)
        return list(figure.subplots(1, count))
    given = np.ravel(np.asarray(ax, dtype=object)).tolist()
    if len(given) != count or not all(isinstance(panel, Axes) for panel in given):
        raise TypeError(
            f"ax must be {count} Matplotlib Axes, as plt.subplots(1, {count}) returns "
            f"them, or None, got {ax!r}."
        )
    return given


def line_style(place: int, n_points: int, *, shared: bool = False) -> dict[str, Any]:
    """Return the style of a line; 24 differ from each other even without colour.

    If several lines share it, they are thin, with a marker at their end only.
    """
    return {
        "color": f"C{place % 10}",
        "marker": _MARKERS[place % len(_MARKERS)],
        "linestyle": _LINESTYLES[place % len(_LINESTYLES)],
        "markersize": 5.0,
        "markevery": [n_points - 1] if shared else -(-n_points // 12),
        "linewidth": 0.8 if shared else 1.4,
    }


def beside_legend(ax: Axes, **options: Any) -> None:
    """Put a legend on the right of the axes, where it hides nothing."""
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), **options)


def below_legend(ax: Axes, **options: Any) -> None:
    """Put a legend below the axes and their label, where it hides nothing."""
    inches = ax.get_window_extent().height / ax.figure.dpi
    ax.legend(
        loc="upper center", bbox_to_anchor=(0.5, -_LABEL_INCHES / inches), **options
    )


def check_choice(value: object, name: str, known: tuple[str, ...]) -> None:
    """Raise ValueError unless `value` is one of the known ones."""
    if not isinstance(value, str) or value not in known:
        listed = ", ".join(repr(choice) for choice in known)
        raise ValueError(f"{name} must be one of {listed}, got {value!r}.")


def check_count(value: Any, name: str, least: int) -> None:
    """Raise ValueError unless `value` is an integer of at least `least`."""
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not (is_integer and value >= least):
        raise ValueError(f"{name} must be an integer from {least} on, got {value!r}.")


def check_shape(values: Any, name: str, wanted: tuple[int | str, ...]) -> None:
    """Refuse any shape but `wanted`, in which a string stands for any size."""
    shape = np.shape(values)
    fits = len(shape) == len(wanted) and all(
        isinstance(want, str) or size == want
        for size, want in zip(shape, wanted, strict=True)
    )
    if not fits or 0 in shape:
        listed = ", ".join(map(str, wanted)) + ("," if len(wanted) == 1 else "")
        raise ValueError(f"{name} must be of shape ({listed}), got {shape}.")

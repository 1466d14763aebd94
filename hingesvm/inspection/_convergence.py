"""ConvergenceDisplay: the duality gap of fits, or the bounds of the minimum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hingesvm.inspection._history import (
    History,
    attributes,
    check_classes,
    check_history,
    check_mapping,
    finite,
    fit_in,
    relative_gap,
)
from hingesvm.inspection._inner_estimators import unwrapped
from hingesvm.inspection._matplotlib import (
    axes_for,
    beside_legend,
    check_choice,
    line_style,
    require_matplotlib,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

__all__ = ["ConvergenceDisplay"]

_KINDS = ("gap", "bounds")
_XS = ("seconds", "iteration")
# Part of the lowest objective that is the lower end of the axis of bounds.
_BELOW = 0.1
# How the legend's entry of a tolerance begins.
_TOL = "tol = "
# A fit of more classes has one line style and one entry in the legend.
_MOST_CLASSES = 10
# A longer legend stands beside the axes.
_MOST_INSIDE = 6


class ConvergenceDisplay:
    r"""How the duality gap of a fit, or of several, closed.

    At each duality-gap check a fit knows an objective :math:`P`, the lowest so far, and
    a dual value :math:`D`, the highest so far, between which the minimum lies. It
    draws both, or their relative gap :math:`(P - D) / P` on a log axis, as steps: the
    values of a check hold until the next one.

    It is made by :meth:`from_estimator` or, to compare fits, :meth:`from_estimators`.

    Parameters
    ----------
    histories : dict of str to list of ndarray
        For each fit, by its name in the legend, `history_` of a HingeSVC: a
        structured array for each one-vs-rest problem, with the fields "iteration",
        "seconds", "objective" and "gap".
    classes : dict of str to array-like, default=None
        The classes of the problems of a fit, for the legend; by default numbers.
    tols : dict of str to float, default=None
        The relative gap that a fit was to reach, drawn as a dotted line.

    Attributes
    ----------
    lines_ : dict of str to list of Line2D
        The relative gap or the objective: for each fit a line per problem.
    bound_lines_ : dict of str to list of Line2D
        The dual bound likewise; empty for ``kind="gap"``.
    fills_ : list of PolyCollection
        The area between the bounds, for each fit of one problem; empty for
        ``kind="gap"``.
    tol_lines_ : list of Line2D
        A line for each tolerance; empty for ``kind="bounds"``.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Raises
    ------
    ValueError
        If there is no fit, a history lacks a field or has no row, or the classes of
        a fit are not as many as its problems.
    TypeError
        If `histories` is no mapping.

    See Also
    --------
    hingesvm.HingeSVC : Its `history_` is what is drawn.

    Notes
    -----
    With more than two classes there is a line for each. Their sum, `dual_gap_`, is only
    known at the end: every problem has its own iterations, and its seconds count from
    when work on its class began. The lines of a fit of more than ten classes, or of one
    fit among several, have the same style and one entry in the legend.

    Relative gaps below 2.2e-16, the spacing of float64 numbers at 1, are drawn there,
    and those that are not finite are not drawn.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from hingesvm import HingeSVC
    >>> from hingesvm.inspection import ConvergenceDisplay
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> fits = {f"C = {C}": HingeSVC(C=C).fit(X, y) for C in (0.1, 1.0)}
    >>> display = ConvergenceDisplay.from_estimators(fits, x="iteration")
    >>> [line.get_label() for (line,) in display.lines_.values()]
    ['C = 0.1', 'C = 1.0']

    Both pictures of a fit side by side:

    >>> from matplotlib import pyplot as plt
    >>> figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    >>> display = ConvergenceDisplay.from_estimator(
    ...     fits["C = 1.0"], kind="bounds", ax=left
    ... )
    >>> display = display.plot(right, kind="gap")
    >>> right.get_yscale()
    'log'
    """

    lines_: dict[str, list[Line2D]]
    bound_lines_: dict[str, list[Line2D]]
    fills_: list[Any]
    tol_lines_: list[Line2D]
    ax_: Axes
    figure_: Any

    def __init__(
        self,
        *,
        histories: Mapping[str, Sequence[History]],
        classes: Mapping[str, ArrayLike] | None = None,
        tols: Mapping[str, float] | None = None,
    ) -> None:
        check_mapping(histories, "histories", "history_ of a fit")
        for name, problems in histories.items():
            check_history(name, problems)
            if len(problems) > 1 and classes is not None and name in classes:
                check_classes(name, classes[name], len(problems))
        self.histories = histories
        self.classes = classes
        self.tols = tols

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        kind: str = "gap",
        x: str = "seconds",
        name: str | None = None,
        ax: Axes | None = None,
        line_kwargs: Mapping[str, Any] | None = None,
    ) -> ConvergenceDisplay:
        """Draw how the duality gap of one fit closed.

        Parameters
        ----------
        estimator : HingeSVC, Pipeline or search
            A fitted HingeSVC, or a pipeline that ends in one, or a search with a best
            estimator that is one.
        kind : {"gap", "bounds"}, default="gap"
            The relative gap, or the objective and the dual bound.
        x : {"seconds", "iteration"}, default="seconds"
            Wall-clock time, or sweeps and Newton steps.
        name : str, default=None
            What the legend calls the fit; by default the class of the estimator.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.
        line_kwargs : dict, default=None
            Options of Matplotlib's `plot`, for all lines.

        Returns
        -------
        ConvergenceDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it holds no HingeSVC.
        ValueError
            If `kind` or `x` is not one of the above.
        ImportError
            If Matplotlib is not installed.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from hingesvm import HingeSVC
        >>> from hingesvm.inspection import ConvergenceDisplay
        >>> clf = HingeSVC().fit(*load_iris(return_X_y=True))
        >>> display = ConvergenceDisplay.from_estimator(clf)
        >>> [line.get_label() for line in display.lines_["HingeSVC"]]
        ['0', '1', '2']
        """
        require_matplotlib(f"{cls.__name__}.from_estimator")
        if name is None:
            *_, innermost = unwrapped(estimator)
            name = type(innermost).__name__
        display = cls._of({name: estimator})
        return display.plot(ax, kind=kind, x=x, line_kwargs=line_kwargs)

    @classmethod
    def from_estimators(
        cls,
        estimators: Mapping[str, Any],
        *,
        kind: str = "gap",
        x: str = "seconds",
        ax: Axes | None = None,
        line_kwargs: Mapping[str, Any] | None = None,
    ) -> ConvergenceDisplay:
        """Draw how the duality gaps of several fits closed, into the same axes.

        Parameters
        ----------
        estimators : dict of str to estimator
            Fitted estimators, as of :meth:`from_estimator`, by their names in the
            legend.
        kind, x, ax, line_kwargs
            As of :meth:`from_estimator`.

        Returns
        -------
        ConvergenceDisplay

        Raises
        ------
        NotFittedError, TypeError, ValueError, ImportError
            As of :meth:`from_estimator`; also if `estimators` is no mapping, or empty.
        """
        require_matplotlib(f"{cls.__name__}.from_estimators")
        check_mapping(estimators, "estimators", "a fitted estimator")
        display = cls._of(estimators)
        return display.plot(ax, kind=kind, x=x, line_kwargs=line_kwargs)

    @classmethod
    def _of(cls, estimators: Mapping[str, Any]) -> ConvergenceDisplay:
        """Return the display of fitted estimators, not yet drawn."""
        fits = {name: fit_in(estimator) for name, estimator in estimators.items()}
        return cls(
            histories={name: fit.history_ for name, fit in fits.items()},
            classes=attributes(fits, "classes_"),
            tols=attributes(fits, "tol"),
        )

    def plot(
        self,
        ax: Axes | None = None,
        *,
        kind: str = "gap",
        x: str = "seconds",
        line_kwargs: Mapping[str, Any] | None = None,
    ) -> ConvergenceDisplay:
        """Draw the fits.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure. Fits that were drawn there by
            another display keep their line styles, and these get others.
        kind, x, line_kwargs
            As of :meth:`from_estimator`.

        Returns
        -------
        ConvergenceDisplay
            This object, with the artists as attributes.

        Raises
        ------
        ValueError
            If `kind` or `x` is not one of those known.
        TypeError
            If `ax` is something else than axes.
        ImportError
            If Matplotlib is not installed.
        """
        check_choice(kind, "kind", _KINDS)
        check_choice(x, "x", _XS)
        self.ax_ = ax = axes_for(f"{type(self).__name__}.plot", ax)
        self.figure_ = ax.figure
        self.lines_ = {name: [] for name in self.histories}
        self.bound_lines_ = {name: [] for name in self.histories}
        self.fills_, self.tol_lines_ = [], []
        overrides = _full_names(line_kwargs)
        place = _n_entries(ax) - 1
        lows = [ax.get_ylim()[0]] if place >= 0 and ax.get_yscale() == "log" else []
        for name, problems in self.histories.items():
            labels = self._labels(name)
            for label, history in zip(labels, problems, strict=True):
                # A problem without an entry has the style of the one before.
                place += label is not None
                style = line_style(place, len(history), shared=None in labels)
                style |= {"drawstyle": "steps-post", "label": label or "_"}
                if kind == "gap":
                    heights = relative_gap(history)
                    self._add(self.lines_, name, history[x], heights, style | overrides)
                else:
                    self._draw_bounds(name, history, x, style, overrides)
        if kind == "gap":
            self._draw_tols()
        if np.isfinite(ax.dataLim.minposy):
            ax.set_yscale("log")
        if kind == "bounds":
            # Dual bounds start at 0, so that they come from below the frame.
            ends = [float(history["objective"][-1]) for history in self._problems()]
            lows += [_BELOW * end for end in ends if 0.0 < end < np.inf]
            if lows:
                ax.set_ylim(bottom=min(lows), auto=None)
        self._explain(kind, x)
        return self

    def _problems(self) -> list[History]:
        """Return the histories of all fits."""
        return [history for fit in self.histories.values() for history in fit]

    def _labels(self, name: str) -> list[str | None]:
        """Return the legend's entry of each problem of a fit; None stands for none."""
        n_problems = len(self.histories[name])
        if n_problems == 1:
            return [name]
        if len(self.histories) > 1 or n_problems > _MOST_CLASSES:
            return [f"{name}, {n_problems} classes", *[None] * (n_problems - 1)]
        classes = (self.classes or {}).get(name, range(n_problems))
        return [str(label) for label in np.asarray(classes)]

    def _add(
        self,
        lines: dict[str, list[Line2D]],
        name: str,
        x: NDArray[Any],
        y: NDArray[Any],
        style: dict[str, Any],
    ) -> Line2D:
        """Draw a line of a fit, and keep it."""
        (line,) = self.ax_.plot(x, y, **style)
        lines[name].append(line)
        return line

    def _draw_bounds(
        self,
        name: str,
        history: History,
        x: str,
        style: dict[str, Any],
        overrides: dict[str, Any],
    ) -> None:
        """Draw the objective and the dual bound of a problem."""
        upper = finite(history["objective"])
        lower = upper - finite(history["gap"])
        own = {"linestyle": "-"} | overrides
        line = self._add(self.lines_, name, history[x], upper, style | own)
        own = {"linestyle": "--", "label": "_", "color": line.get_color()} | overrides
        self._add(self.bound_lines_, name, history[x], lower, style | own)
        if len(self.histories[name]) == 1:
            self.fills_.append(
                self.ax_.fill_between(
                    history[x],
                    lower,
                    upper,
                    step="post",
                    color=line.get_color(),
                    alpha=0.12,
                    linewidth=0.0,
                )
            )

    def _draw_tols(self) -> None:
        """Draw a line for each tolerance that has none yet."""
        for tol in sorted(set((self.tols or {}).values())):
            label = f"{_TOL}{tol:g}"
            if label not in self.ax_.get_legend_handles_labels()[1]:
                self.tol_lines_.append(
                    self.ax_.axhline(
                        tol, color="grey", linestyle=":", zorder=1.0, label=label
                    )
                )

    def _explain(self, kind: str, x: str) -> None:
        """Set the title, the labels and the legend."""
        has_classes = len(self._problems()) > len(self.histories)
        if kind == "gap":
            title = "How far above the minimum a fit may be"
            ylabel = "relative duality gap"
        else:
            title = "Between which bounds the minimum lies"
            ylabel = "objective (solid) and dual bound (dashed)"
        if has_classes:
            title += "\n(each class against the rest)"
        xlabel = "sweeps and Newton steps"
        if x == "seconds":
            start = "work on the class" if has_classes else "the fit"
            xlabel = f"seconds since {start} began"
        self.ax_.set(title=title, xlabel=xlabel, ylabel=ylabel)
        self.ax_.grid(alpha=0.3)
        if _n_entries(self.ax_) > _MOST_INSIDE:
            beside_legend(self.ax_)
        else:
            self.ax_.legend()


def _n_entries(ax: Axes) -> int:
    """Return how many lines of fits are in the legend of `ax`, drawn or not yet."""
    labels = ax.get_legend_handles_labels()[1]
    return sum(not label.startswith(_TOL) for label in labels)


def _full_names(line_kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the options of a line by their full names: "linestyle" for "ls"."""
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D

    return dict(normalize_kwargs(dict(line_kwargs or {}), Line2D))

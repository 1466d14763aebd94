"""MarginDisplay: the margins of rows by a linear classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from hingesvm.inspection._distribution import draw_distribution, figure_inches
from hingesvm.inspection._inner_estimators import unwrapped
from hingesvm.inspection._matplotlib import (
    axes_for,
    beside_legend,
    check_choice,
    check_count,
    require_matplotlib,
)
from hingesvm.inspection._plane import Plane, draw_plane, is_plane, plane_of
from hingesvm.inspection._predictions import loss_of, margins_and_codes
from hingesvm.losses import Float64Array, Hinge, MarginLoss, get_loss
from hingesvm.losses._base import as_float
from hingesvm.metrics._labels import sorted_classes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MarginDisplay"]

_KINDS = ("auto", "distribution", "plane")
_PLANE_INCHES = (7.6, 4.8)

_NO_PLANE = (
    'There is no plane to draw: pass kind="plane" to from_estimator, with two classes '
    "and X of two columns."
)


class MarginDisplay:
    r"""Margins of rows by a linear classifier, and its support vectors.

    The margin of a row of class y with decisions f is

    .. math::

        m = y f \ \text{(two classes, } y \text{ in \{-1, +1\})}, \qquad
        m = f_y - \max_{k \ne y} f_k \ \text{(more)},

    negative where the row is on the wrong side. Rows of margin below 1 are margin
    violations: only they have a loss. Of the rows that a model for two classes was
    trained on, those of margin 1 at most are its support vectors: the others could
    have been left out.

    There are two pictures. One is the distribution of the margins in each class, with
    the loss as a function of the margin drawn over it. The other, for two classes and
    `X` of two columns, is the plane, with rings around the support vectors, the line
    that separates the classes and the lines of decision -1 and 1.

    It is made by :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    margins : ndarray of float64, of shape (n_samples,)
        Finite margins.
    codes : ndarray of intp, of shape (n_samples,)
        The class of each row, a place in `classes`.
    classes : list of length n_classes
        The classes, sorted.
    loss : MarginLoss, default=Hinge()
        What is drawn over the distribution.
    tol : float, default=1e-3
        Margins that are closer to 1 count as 1.
    name : str, default=None
        What the title calls the model.
    plane : object, default=None
        Rows of two columns and decisions around them, as :meth:`from_estimator` makes
        it.

    Attributes
    ----------
    support : ndarray of bool, of shape (n_samples,)
        The rows of margin ``1 + tol`` at most.
    n_violations : int
        Number of rows of margin below ``1 - tol``.
    kind_ : {"distribution", "plane"}
        The picture that was drawn.
    histograms_ : list of tuple of StepPatch
        For each class the part of the support vectors, up to margin 1, and the other
        part, of the distribution.
    loss_ax_ : matplotlib Axes
        The axes of the loss, of the distribution.
    loss_line_ : Line2D
        The loss, of the distribution.
    points_ : list of PathCollection
        The rows of each class, of the plane.
    lines_ : QuadContourSet or None
        The lines of decision -1, 0 and 1 that cross the plane; None if none does.
    support_points_ : PathCollection
        The rings around the support vectors, of the plane.
    legend_handles_ : list of artists
        The artists that a legend names, each with its label, for one of your own.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Raises
    ------
    ValueError
        If the margins are not finite, or `tol` is no number between 0 and 1.

    See Also
    --------
    hingesvm.metrics.hinge_loss : The mean of the loss over rows.
    sklearn.inspection.DecisionBoundaryDisplay : Decisions in the plane as colours.

    Notes
    -----
    HingeSVC trains more than two classes one against the rest, each on a margin of its
    own. The margin that is drawn is the one that prediction depends on, and the loss
    at it is that of Crammer and Singer.

    Heights are shares of a class, so that a rare class can be seen. Margin 1 is an edge
    of bins; the bins below it, which have the support vectors, are hatched.

    The support vectors on the margin have margins that agree with 1 to 13 digits where
    a model is solved to rounding, and to 5 where `X` is float32. Where it is solved to
    a relative gap of 1e-4, as on tall tables, some may be off by more than `tol`. Which
    rows are support vectors is then certain from `dual_coef_`, which is kept with
    ``warm_start=True``.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from hingesvm import HingeSVC
    >>> from hingesvm.inspection import MarginDisplay
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> display = MarginDisplay.from_estimator(HingeSVC().fit(X, y), X, y)
    >>> int(display.support.sum()), display.n_violations
    (58, 48)
    >>> display.kind_
    'distribution'

    In the plane of two columns:

    >>> X = X[:, :2]
    >>> display = MarginDisplay.from_estimator(HingeSVC().fit(X, y), X, y)
    >>> display.kind_
    'plane'
    """

    kind_: str
    histograms_: list[tuple[Any, ...]]
    loss_ax_: Axes
    loss_line_: Any
    points_: list[Any]
    lines_: Any
    support_points_: Any
    legend_handles_: list[Any]
    ax_: Axes
    figure_: Any

    def __init__(
        self,
        *,
        margins: Float64Array,
        codes: NDArray[np.intp],
        classes: list[Any],
        loss: MarginLoss | None = None,
        tol: float = 1e-3,
        name: str | None = None,
        plane: Plane | None = None,
    ) -> None:
        if not 0.0 <= as_float(tol) < 1.0:
            raise ValueError(f"tol must be a number in [0, 1), got {tol!r}.")
        if not np.all(np.isfinite(margins)):
            raise ValueError(
                "margins must be finite: scale the decisions, some of which are so "
                "large that their differences overflow."
            )
        self.margins = margins
        self.codes = codes
        self.classes = classes
        self.loss = Hinge() if loss is None else loss
        self.tol = tol
        self.name = name
        self.plane = plane
        self.support: NDArray[np.bool_] = margins <= 1.0 + tol
        self.n_violations = int(np.count_nonzero(margins < 1.0 - tol))

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        kind: str = "auto",
        loss: str | MarginLoss | None = None,
        tol: float = 1e-3,
        bins: int = 40,
        grid_resolution: int = 100,
        legend: bool = True,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> MarginDisplay:
        """Draw the margins that a fitted classifier gives to rows.

        Parameters
        ----------
        estimator : classifier
            A fitted one with `decision_function` and `classes_`: a HingeSVC, a
            pipeline or a search, or another.
        X : array-like, sparse matrix or frame of shape (n_samples, n_features)
            Rows, those of the fit or others.
        y : array-like of shape (n_samples,)
            Their classes, of `classes_`.
        kind : {"auto", "distribution", "plane"}, default="auto"
            The picture. "auto" is the plane where there are two classes and `X` has two
            columns of finite numbers, and else the distribution.
        loss : str or MarginLoss, default=None
            The loss over the distribution, by name or as an object. By default that
            of the estimator if it is for two classes and has one that is in
            :mod:`hingesvm.losses`, and else the hinge.
        tol : float, default=1e-3
            Margins that are closer to 1 count as 1.
        bins : int, default=40
            About how many bins the distribution has.
        grid_resolution : int, default=100
            The lines of the plane are made from decisions on a grid of so many points
            in each direction. For a linear model any number gives the same lines.
        legend : bool, default=True
            Whether to draw a legend. Displays side by side may share one, which
            `legend_handles_` of one of them makes.
        name : str, default=None
            What the title calls the model; by default the class of the estimator, or
            of the one in it.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        MarginDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If rows and labels do not fit together or to the estimator, an option is
            not one of the above, or the plane is asked for and there is none.
        TypeError
            If the estimator has no `decision_function` or no `classes_`.
        ImportError
            If Matplotlib is not installed.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from hingesvm import HingeSVC
        >>> from hingesvm.inspection import MarginDisplay
        >>> X, y = load_iris(return_X_y=True)
        >>> display = MarginDisplay.from_estimator(HingeSVC().fit(X, y), X, y)
        >>> int(display.support.sum()), len(display.histograms_)
        (27, 3)
        """
        require_matplotlib(f"{cls.__name__}.from_estimator")
        check_choice(kind, "kind", _KINDS)
        check_count(grid_resolution, "grid_resolution", 2)
        check_is_fitted(estimator)
        for name_needed in ("decision_function", "classes_"):
            if not hasattr(estimator, name_needed):
                raise TypeError(
                    f"{type(estimator).__name__} has no {name_needed}: pass a "
                    "classifier that has, or its decisions to from_predictions."
                )
        classes = sorted_classes(estimator.classes_)
        margins, codes = margins_and_codes(y, estimator.decision_function(X), classes)
        plane = None
        if kind == "plane" and len(classes) > 2:
            raise ValueError(
                f"The plane is for two classes, and there are {len(classes)}: pass "
                'kind="distribution".'
            )
        if kind == "plane" or (kind == "auto" and len(classes) == 2 and is_plane(X)):
            plane = plane_of(estimator, X, grid_resolution)
        if name is None:
            *_, innermost = unwrapped(estimator)
            name = type(innermost).__name__
        display = cls(
            margins=margins,
            codes=codes,
            classes=classes,
            loss=loss_of(estimator, classes) if loss is None else get_loss(loss),
            tol=tol,
            name=name,
            plane=plane,
        )
        return display.plot(ax, kind=kind, bins=bins, legend=legend)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        pred_decision: ArrayLike,
        *,
        labels: ArrayLike | None = None,
        loss: str | MarginLoss = "hinge",
        tol: float = 1e-3,
        bins: int = 40,
        legend: bool = True,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> MarginDisplay:
        """Draw the distribution of margins from labels and decisions.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True labels: numbers, booleans or strings.
        pred_decision : array-like of shape (n_samples,) or (n_samples, n_classes)
            Decisions, as for :func:`hingesvm.metrics.hinge_loss`.
        labels : array-like of shape (n_classes,), default=None
            All classes; by default those in `y_true`.
        loss, tol, bins, legend
            As of :meth:`from_estimator`.
        name : str, default=None
            What the title calls the model.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        MarginDisplay

        Raises
        ------
        ValueError
            If labels and decisions do not fit together, a decision is not finite, or
            an option is not one of the above.
        TypeError
            If `y_true` or `pred_decision` is no array, or a sparse one.
        ImportError
            If Matplotlib is not installed.

        Examples
        --------
        >>> from hingesvm.inspection import MarginDisplay
        >>> display = MarginDisplay.from_predictions(
        ...     ["no", "yes", "yes"], [-2.0, 0.5, 1.0]
        ... )
        >>> display.margins
        array([2. , 0.5, 1. ])
        >>> display.support
        array([False,  True,  True])
        >>> display.n_violations
        1
        """
        require_matplotlib(f"{cls.__name__}.from_predictions")
        classes = None if labels is None else sorted_classes(labels)
        margins, codes = margins_and_codes(y_true, pred_decision, classes)
        display = cls(
            margins=margins,
            codes=codes,
            classes=sorted_classes(y_true) if classes is None else classes,
            loss=get_loss(loss),
            tol=tol,
            name=name,
        )
        return display.plot(ax, kind="distribution", bins=bins, legend=legend)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        kind: str = "auto",
        bins: int = 40,
        legend: bool = True,
    ) -> MarginDisplay:
        """Draw the distribution or the plane.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.
        kind : {"auto", "distribution", "plane"}, default="auto"
            The picture; "auto" is the plane where there is one.
        bins : int, default=40
            About how many bins the distribution has.
        legend : bool, default=True
            Whether to draw a legend.

        Returns
        -------
        MarginDisplay
            This object, with the artists as attributes.

        Raises
        ------
        ValueError
            If an option is not one of the above, or the plane is asked for and there
            is none.
        TypeError
            If `ax` is something else than axes.
        ImportError
            If Matplotlib is not installed.
        """
        check_choice(kind, "kind", _KINDS)
        check_count(bins, "bins", 1)
        if kind == "plane" and self.plane is None:
            raise ValueError(_NO_PLANE)
        if kind == "auto":
            kind = "distribution" if self.plane is None else "plane"
        n_classes, is_plane = len(self.classes), kind == "plane"
        size = _PLANE_INCHES if is_plane else figure_inches(n_classes)
        self.ax_ = ax = axes_for(f"{type(self).__name__}.plot", ax, figsize=size)
        self.figure_ = ax.figure
        self.kind_ = kind
        if is_plane:
            assert self.plane is not None
            drawn = draw_plane(ax, self.plane, self.codes, self.support, self.classes)
            self.points_, self.lines_, self.support_points_, handles = drawn
            self.legend_handles_ = handles
            if legend:
                beside_legend(ax, handles=handles)
        else:
            drawn = draw_distribution(
                ax,
                self.margins,
                self.codes,
                self.support,
                self.classes,
                self.loss,
                bins=bins,
                legend=legend,
            )
            self.histograms_, self.loss_ax_, self.loss_line_ = drawn[:3]
            self.legend_handles_ = drawn[3]
        model = "" if self.name is None else f"{self.name}: "
        n_support = int(np.count_nonzero(self.support))
        supports = "support vectors" if n_classes == 2 else "with margin ≤ 1"
        counts = f"{len(self.margins)} rows, {n_support} {supports}"
        violations = f"{self.n_violations} margin violations (margin < 1)"
        ax.set_title(f"{model}{counts},\n{violations}")
        return self

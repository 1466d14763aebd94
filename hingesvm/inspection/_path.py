"""RegularizationPathDisplay: scores, objective and weights along a path of C."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hingesvm.inspection._coefs import along_chosen_share, mean_of_folds, reached
from hingesvm.inspection._inner_estimators import fitted_inside
from hingesvm.inspection._matplotlib import (
    check_choice,
    check_count,
    check_shape,
    panels_for,
    require_matplotlib,
)
from hingesvm.inspection._names import (
    features_inside,
    place_of_class,
    score_name_of,
    texts_of_features,
)
from hingesvm.inspection._panels import Panels
from hingesvm.losses import Float64Array
from hingesvm.metrics._labels import sorted_classes
from hingesvm.model_selection import HingePath, HingeSVCCV

__all__ = ["RegularizationPathDisplay"]

_KINDS = ("both", "curves", "coefs")
_PANEL_INCHES = (6.4, 5.4)


class RegularizationPathDisplay(Panels):
    r"""Scores, objective and weights along a path of C.

    One panel has the scores on the test rows of each fold as thin lines, their mean
    with a band of one standard error :math:`s / \sqrt k` on either side, where s is the
    standard deviation over the k folds, and the C that was chosen. On an axis of its
    own it has the objective divided by C,

    .. math::

        \frac{P(w, b)}{C} = \frac{1}{2 C} \|w\|^2
            + \sum_i s_i \, \ell\big(y_i (x_i^\top w + b)\big)

    at its minimum, as the mean over the folds, which can only fall as C grows. For a
    path without folds the panel has this and its second term, the loss of the training
    rows. The other panel has the largest weights, with their names where the lines end.
    Where the penalty has an L1 norm it takes the place of the square, and an axis above
    each panel has the number of weights that are not 0.

    It is made by :meth:`from_estimator` or :meth:`from_path`.

    Parameters
    ----------
    Cs : ndarray of float64, of shape (n_Cs,)
        Values of C, in any order.
    objectives : ndarray of float64, of shape (n_folds, n_Cs)
        Primal values of each fold; one row if there are no folds.
    scores : ndarray of float64, of shape (n_folds, n_Cs), default=None
        Scores of each fold.
    losses : ndarray of float64, of shape (n_Cs,), default=None
        Losses of the training rows, summed.
    n_nonzeros : ndarray of shape (n_folds, n_Cs), default=None
        Numbers of weights that are not 0, of all classes together.
    coefs : ndarray of shape (n_Cs, n_scores, n_features), default=None
        Weights; if there are several folds, their means. `n_scores` is 1 for two
        classes, and else the number of classes.
    classes : array-like of shape (n_classes,), default=None
        The classes; needed with `coefs`.
    C : float, default=None
        The C that was chosen.
    one_standard_error : bool, default=False
        Whether to draw a line at the best mean score less one standard error.
    feature_names : array-like of shape (n_features,), default=None
        Names of the features; by default "x0" and so on.
    score_name : str, default="score"
        What the scores are called.
    name : str, default=None
        What the titles call the model.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The panels that were drawn, in the order of `kind`.
    objective_ax_ : matplotlib Axes or None
        The axes of the objective: where there are scores, those on the right of the
        panel; None for ``kind="coefs"``.
    score_line_ : Line2D or None
        The mean score; None where there are no scores.
    fold_lines_ : list of Line2D
        The scores of each fold; empty if there is one.
    band_ : PolyCollection or None
        One standard error around the mean; None if there is one fold.
    threshold_line_ : Line2D or None
        The best mean less one standard error, with `one_standard_error`.
    objective_line_, loss_line_ : Line2D or None
        The objective over C and the loss.
    chosen_lines_ : list of Line2D
        The chosen C, in each panel.
    coef_lines_ : list of Line2D
        The largest weights, the largest first; empty for ``kind="curves"``.
    features_ : ndarray of intp
        The features of these weights.
    name_texts_ : list of Annotation
        Their names.
    nonzero_axes_ : list of SecondaryAxis
        The axes above the panels, with the numbers of weights that are not 0: where
        folds differ, their means.
    figure_ : matplotlib Figure

    Raises
    ------
    ValueError
        If shapes do not fit together, or a C is not positive and finite.

    See Also
    --------
    hingesvm.model_selection.HingeSVCCV : Chooses C by cross-validation.
    hingesvm.model_selection.hinge_path : The path on all rows.
    ConvergenceDisplay : How one fit closed its gap.

    Notes
    -----
    The largest weights are those at the chosen C, or at the value nearest to it by
    ratio if it is none of `Cs`; if none was chosen, those at the largest C. A fold
    without rows of a class is left out of the mean weights of that class. If a callback
    stopped the search, only the folds begun are drawn, and the values of C that were
    fitted in all of these. Of a search over several `l1_ratios`, the path of the one
    that was chosen is drawn.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from hingesvm.inspection import RegularizationPathDisplay
    >>> from hingesvm.model_selection import HingeSVCCV
    >>> data = load_breast_cancer()
    >>> model = make_pipeline(StandardScaler(), HingeSVCCV(Cs=[0.001, 0.01, 0.1, 1.0]))
    >>> model = model.fit(data.data, data.target)
    >>> display = RegularizationPathDisplay.from_estimator(
    ...     model, feature_names=data.feature_names, n_features=3
    ... )
    >>> [text.get_text() for text in display.name_texts_]
    ['worst texture', 'worst symmetry', 'radius error']
    >>> display.chosen_lines_[0].get_label()
    'chosen: C = 0.1'
    """

    def __init__(
        self,
        *,
        Cs: Float64Array,
        objectives: Float64Array,
        scores: Float64Array | None = None,
        losses: Float64Array | None = None,
        n_nonzeros: NDArray[np.number] | None = None,
        coefs: NDArray[np.floating] | None = None,
        classes: ArrayLike | None = None,
        C: float | None = None,
        one_standard_error: bool = False,
        feature_names: ArrayLike | None = None,
        score_name: str = "score",
        name: str | None = None,
    ) -> None:
        if np.ndim(Cs) != 1 or not np.all(np.isfinite(Cs) & (np.asarray(Cs) > 0.0)):
            raise ValueError("Cs must be a vector of positive, finite numbers.")
        n_Cs = len(Cs)
        check_shape(objectives, "objectives", ("n_folds", n_Cs))
        if scores is not None:
            check_shape(scores, "scores", ("n_folds", n_Cs))
        if losses is not None:
            check_shape(losses, "losses", (n_Cs,))
        if n_nonzeros is not None:
            check_shape(n_nonzeros, "n_nonzeros", ("n_folds", n_Cs))
        self.classes: list[Any] = []
        if coefs is not None:
            if classes is None:
                raise ValueError("classes must be given with coefs, to choose one.")
            self.classes = sorted_classes(classes)
            n_rows = 1 if len(self.classes) == 2 else len(self.classes)
            check_shape(coefs, "coefs", (n_Cs, n_rows, "n_features"))
            self.names = texts_of_features(feature_names, np.shape(coefs)[2])
        self.Cs = Cs
        self.objectives = objectives
        self.scores = scores
        self.losses = losses
        self.n_nonzeros = n_nonzeros
        self.coefs = coefs
        self.C = C
        self.one_standard_error = one_standard_error
        self.feature_names = feature_names
        self.score_name = score_name
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        kind: str = "both",
        label: Any = None,
        n_features: int = 10,
        feature_names: ArrayLike | None = None,
        score_name: str | None = None,
        name: str | None = None,
        ax: Any = None,
    ) -> RegularizationPathDisplay:
        """Draw the path of C along which a fit has chosen.

        Parameters
        ----------
        estimator : HingeSVCCV, Pipeline or search
            A fitted HingeSVCCV, or a pipeline that ends in one, or a search with a
            best estimator that is one.
        kind : {"both", "curves", "coefs"}, default="both"
            Scores and objective in one panel and the weights in another, or one of
            these panels.
        label : object, default=None
            The class whose weights are drawn; by default the first, or the second of
            two. The weights of the first of two are those of the second with the
            opposite sign.
        n_features : int, default=10
            How many weights are drawn at most, the largest by size.
        feature_names : array-like of shape (n_features,), default=None
            Names of the features that the HingeSVCCV is given; by default those of
            the columns of a frame, as the steps of a pipeline pass them on, and else
            "x0" and so on.
        score_name : str, default=None
            What the scores are called; by default `scoring` of the estimator.
        name : str, default=None
            What the titles call the model; by default the class of the estimator.
        ax : matplotlib Axes or array-like of two, default=None
            Where to draw: two axes for ``kind="both"`` and else one. By default in a
            new figure.

        Returns
        -------
        RegularizationPathDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it holds no HingeSVCCV, or `ax` is something else than the axes needed.
        ValueError
            If an option is not one of the above, or there are no weights to draw as
            the HingeSVCCV has ``store_paths=False``.
        ImportError
            If Matplotlib is not installed.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from hingesvm.inspection import RegularizationPathDisplay
        >>> from hingesvm.model_selection import HingeSVCCV
        >>> X, y = load_iris(return_X_y=True, as_frame=True)
        >>> clf = HingeSVCCV(Cs=[0.01, 0.1, 1.0]).fit(X, y)
        >>> display = RegularizationPathDisplay.from_estimator(clf, label=2)
        >>> display.axes_[1].get_title().splitlines()
        ['HingeSVCCV: the weights of class 2,', 'means of 5 folds']
        >>> display.name_texts_[0].get_text()
        'petal length (cm)'
        """
        require_matplotlib(f"{cls.__name__}.from_estimator")
        search = fitted_inside(estimator, "objectives_")
        if not isinstance(search, HingeSVCCV):
            raise TypeError(
                f"{type(estimator).__name__} has no path of C: pass a fitted "
                "HingeSVCCV, a pipeline that ends in one, or a search over one that "
                "was refitted; a HingePath goes to from_path."
            )
        if feature_names is None:
            feature_names = features_inside(estimator, search)
        path = along_chosen_share(search)
        begun, known = reached(path)
        own_name = type(search).__name__
        if path is not search:
            own_name += f" with l1_ratio={search.l1_ratio_:g}"
        counts = None
        if search.penalty != "l2":
            counts = path.n_nonzeros_[begun][:, known]
        display = cls(
            Cs=path.Cs_[known],
            objectives=path.objectives_[begun][:, known],
            scores=path.scores_[begun][:, known],
            n_nonzeros=counts,
            coefs=mean_of_folds(path, begun, known),
            classes=search.classes_,
            C=search.C_,
            one_standard_error=search.one_standard_error and search.refit,
            feature_names=feature_names,
            score_name=score_name or score_name_of(search.scoring),
            name=own_name if name is None else name,
        )
        return display.plot(ax, kind=kind, label=label, n_features=n_features)

    @classmethod
    def from_path(
        cls,
        path: HingePath,
        *,
        kind: str = "both",
        label: Any = None,
        n_features: int = 10,
        feature_names: ArrayLike | None = None,
        name: str | None = None,
        ax: Any = None,
    ) -> RegularizationPathDisplay:
        """Draw a path on all rows, which has no scores.

        Parameters
        ----------
        path : HingePath
            What :func:`hingesvm.model_selection.hinge_path` returned.
        kind, label, n_features
            As of :meth:`from_estimator`.
        feature_names : array-like of shape (n_features,), default=None
            Names of the columns; by default "x0" and so on.
        name : str, default=None
            What the titles call the path.
        ax : matplotlib Axes or array-like of two, default=None
            As of :meth:`from_estimator`.

        Returns
        -------
        RegularizationPathDisplay

        Raises
        ------
        TypeError
            If `path` is no HingePath, or `ax` is something else than the axes needed.
        ValueError
            If an option is not one of those known.
        ImportError
            If Matplotlib is not installed.

        Examples
        --------
        >>> from sklearn.datasets import load_breast_cancer
        >>> from sklearn.preprocessing import scale
        >>> from hingesvm.inspection import RegularizationPathDisplay
        >>> from hingesvm.model_selection import hinge_path
        >>> X, y = load_breast_cancer(return_X_y=True)
        >>> path = hinge_path(scale(X), y, Cs=[0.01, 0.1, 1.0])
        >>> display = RegularizationPathDisplay.from_path(path, kind="curves")
        >>> display.loss_line_.get_ydata().round(1)
        array([60.5, 32.5, 21.8])
        """
        require_matplotlib(f"{cls.__name__}.from_path")
        if not isinstance(path, HingePath):
            raise TypeError(
                f"path must be a HingePath, as hinge_path returns it, got a "
                f"{type(path).__name__}; a fitted HingeSVCCV goes to from_estimator."
            )
        display = cls(
            Cs=path.Cs,
            objectives=path.objectives[np.newaxis],
            losses=path.losses,
            n_nonzeros=None if path.penalty == "l2" else path.n_nonzeros[np.newaxis],
            coefs=path.coefs,
            classes=path.classes,
            feature_names=feature_names,
            name=name,
        )
        return display.plot(ax, kind=kind, label=label, n_features=n_features)

    def plot(
        self,
        ax: Any = None,
        *,
        kind: str = "both",
        label: Any = None,
        n_features: int = 10,
    ) -> RegularizationPathDisplay:
        """Draw the path.

        Parameters
        ----------
        ax, kind, label, n_features
            As of :meth:`from_estimator`.

        Returns
        -------
        RegularizationPathDisplay
            This object, with the artists as attributes.

        Raises
        ------
        ValueError
            If an option is not one of those known, or there are no weights to draw.
        TypeError
            If `ax` is something else than the axes needed.
        ImportError
            If Matplotlib is not installed.
        """
        check_choice(kind, "kind", _KINDS)
        check_count(n_features, "n_features", 1)
        if kind != "curves" and self.coefs is None:
            raise ValueError(
                "There are no weights along the path to draw: fit HingeSVCCV with "
                'store_paths=True, or pass kind="curves".'
            )
        place = 0
        if kind != "curves":
            place = place_of_class(self.classes, label)
        count = 2 if kind == "both" else 1
        width, height = _PANEL_INCHES
        panels = panels_for(
            f"{type(self).__name__}.plot", ax, count, figsize=(count * width, height)
        )
        self.axes_ = np.array(panels, dtype=object)
        self.figure_ = panels[0].figure
        self.chosen_lines_ = []
        self._draw_curves(panels[0] if kind != "coefs" else None)
        self._draw_coefs(panels[-1] if kind != "curves" else None, place, n_features)
        self._draw_nonzeros(panels)
        return self

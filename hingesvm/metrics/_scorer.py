"""Scorers for searches and cross-validation, right on folds that lack a class."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from sklearn import get_config
from sklearn.utils.metadata_routing import MetadataRequest

from hingesvm.metrics._forms import Form
from hingesvm.metrics._hinge_loss import hinge_loss

__all__ = ["NegHingeLossScorer", "make_neg_hinge_loss_scorer", "neg_hinge_loss_scorer"]


@dataclass(frozen=True, repr=False)
class NegHingeLossScorer:
    """Scorer of minus the mean hinge loss, with ``estimator.classes_`` as the labels.

    It is one measure for every model: how the estimator was trained makes no
    difference to it. ``neg_hinge_loss_scorer`` is the loss of Crammer and Singer, as
    ``hinge_loss`` of scikit-learn and of this package by default;
    :func:`make_neg_hinge_loss_scorer` makes others.

    Parameters
    ----------
    estimator : classifier
        A fitted one with `decision_function` and `classes_`.
    X : array-like, sparse matrix or frame of shape (n_samples, n_features)
        Rows to score.
    y : array-like of shape (n_samples,)
        Their classes, of `classes_`.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights; by default all are equal.

    Returns
    -------
    float
        Minus the :func:`hinge_loss`: 0 at best.

    Raises
    ------
    AttributeError
        If the estimator has no `classes_`.

    See Also
    --------
    hinge_loss : The loss, and its forms for more than two classes.
    make_neg_hinge_loss_scorer : Scorers of the other forms.

    Notes
    -----
    A scorer never changes, so that it can be shared. With metadata routing,
    `set_score_request` returns a new one that has the request: pass on what it returns.

    Examples
    --------
    >>> from hingesvm.metrics import neg_hinge_loss_scorer
    >>> from sklearn.svm import LinearSVC
    >>> model = LinearSVC(random_state=0).fit([[-1.0], [1.0]], [0, 1])
    >>> round(neg_hinge_loss_scorer(model, [[0.0], [9.0]], [1, 1]), 2)
    -0.5
    """

    multi_class: str = "crammer_singer"
    squared: bool = False
    weight_request: bool | str | None = None  # as `set_score_request` was told

    def __post_init__(self) -> None:
        """Refuse a form that is unknown."""
        Form(self.multi_class, self.squared)

    def __call__(
        self, estimator: Any, X: Any, y: Any, *, sample_weight: Any = None
    ) -> float:
        """Return minus the :func:`hinge_loss` of a fitted classifier."""
        classes = getattr(estimator, "classes_", None)
        if classes is None:
            raise AttributeError(
                f"{type(estimator).__name__} has no classes_, which tell the class of "
                "a decision: fit it, or have it expose classes_ of what it wraps."
            )
        decisions = estimator.decision_function(X)
        return 0.0 - hinge_loss(
            y,
            decisions,
            labels=classes,
            sample_weight=sample_weight,
            squared=self.squared,
            multi_class=self.multi_class,
        )

    def __repr__(self) -> str:
        """Return the expression that makes this scorer."""
        shown = self._name
        if self.weight_request is not None:
            shown += f".set_score_request(sample_weight={self.weight_request!r})"
        return shown

    @property
    def _name(self) -> str:
        """The expression that makes it, but for the request."""
        arguments = []
        if self.multi_class != "crammer_singer":
            arguments.append(f"multi_class={self.multi_class!r}")
        if self.squared:
            arguments.append("squared=True")
        if not arguments:
            return "neg_hinge_loss_scorer"
        return f"make_neg_hinge_loss_scorer({', '.join(arguments)})"

    def set_score_request(self, *, sample_weight: bool | str | None) -> Self:
        """Return a new scorer with this request; see scikit-learn's user guide.

        The scorer itself stays as it is, so that nobody else's request changes.

        Parameters
        ----------
        sample_weight : bool, str or None
            Whether weights are requested; a string is the name they are passed by.

        Returns
        -------
        scorer
        """
        if not get_config()["enable_metadata_routing"]:
            raise RuntimeError("set_score_request needs enable_metadata_routing=True.")
        scorer = replace(self, weight_request=sample_weight)
        scorer.get_metadata_routing()  # refuses a string that is no name
        return scorer

    def get_metadata_routing(self) -> MetadataRequest:
        """Return the request, as scikit-learn asks of a consumer of metadata."""
        request = MetadataRequest(owner=self._name)
        request.score.add_request(param="sample_weight", alias=self.weight_request)
        return request

    def _accept_sample_weight(self) -> bool:
        """Say that weights are accepted, as a search asks each of several scorers."""
        return True

    def __sklearn_clone__(self) -> Self:
        return self


def make_neg_hinge_loss_scorer(
    *, multi_class: str = "crammer_singer", squared: bool = False
) -> NegHingeLossScorer:
    """Return a scorer of minus the mean hinge loss in one form.

    Parameters
    ----------
    multi_class : {"crammer_singer", "weston_watkins", "ovr"}, default="crammer_singer"
        The loss of a row where there are more than two classes; see
        :func:`hinge_loss`. It is that of every model, however it was trained.
    squared : bool, default=False
        Whether each hinge is squared.

    Returns
    -------
    callable
        ``scorer(estimator, X, y, *, sample_weight=None)``, for `scoring` of searches
        and cross-validation; pickled and cloned it is equal to itself. As of
        ``neg_hinge_loss_scorer``, `set_score_request` returns a new scorer.

    Raises
    ------
    ValueError
        If `multi_class` or `squared` is none of these.

    See Also
    --------
    neg_hinge_loss_scorer : The one with the default form.
    hinge_loss : The loss, and its forms for more than two classes.

    Examples
    --------
    >>> from hingesvm import HingeSVC
    >>> from hingesvm.metrics import make_neg_hinge_loss_scorer
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_score
    >>> scorer = make_neg_hinge_loss_scorer(multi_class="ovr", squared=True)
    >>> scorer
    make_neg_hinge_loss_scorer(multi_class='ovr', squared=True)
    >>> X, y = load_iris(return_X_y=True)
    >>> scores = cross_val_score(HingeSVC(loss="squared_hinge"), X, y, scoring=scorer)
    >>> print(f"{scores.mean():.1f}")
    -0.8
    """
    return NegHingeLossScorer(multi_class, squared)


neg_hinge_loss_scorer = NegHingeLossScorer()

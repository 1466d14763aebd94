"""Scorers of the hinge loss, right also on folds that lack a class."""

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

    It measures every model in the same way, however it was trained.
    ``neg_hinge_loss_scorer`` has the loss of Crammer and Singer, as ``hinge_loss`` of
    scikit-learn has, and by default that of this package;
    :func:`make_neg_hinge_loss_scorer` makes others.

    Parameters
    ----------
    estimator : classifier
        A fitted classifier with `decision_function` and `classes_`.
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
    make_neg_hinge_loss_scorer : Scorers with the other forms of the loss.

    Notes
    -----
    A scorer never changes, so that it can be shared. With metadata routing,
    `set_score_request` returns a new scorer that has the request: use that one.

    With scikit-learn's setting ``array_api_dispatch``, decisions that the estimator
    leaves on a device are measured there, as by :func:`hinge_loss`.

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
        """Refuse an unknown form."""
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
        """The expression that makes this scorer, without its request."""
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

        The scorer itself does not change, so that it can be shared.

        Parameters
        ----------
        sample_weight : bool, str or None
            Whether weights are requested; a string is the name that they are passed by.

        Returns
        -------
        scorer
        """
        if not get_config()["enable_metadata_routing"]:
            raise RuntimeError("set_score_request needs enable_metadata_routing=True.")
        scorer = replace(self, weight_request=sample_weight)
        scorer.get_metadata_routing()  # refuses a string that is no identifier
        return scorer

    def get_metadata_routing(self) -> MetadataRequest:
        """Return the request, as scikit-learn asks of a consumer of metadata."""
        request = MetadataRequest(owner=self._name)
        request.score.add_request(param="sample_weight", alias=self.weight_request)
        return request

    def _accept_sample_weight(self) -> bool:
        """Return that weights are accepted, as searches ask each of several scorers."""
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
        :func:`hinge_loss`. It is the same for every model, however it was trained.
    squared : bool, default=False
        Whether each hinge is squared.

    Returns
    -------
    callable
        ``scorer(estimator, X, y, *, sample_weight=None)``, for `scoring` of searches
        and cross-validation. Its pickles and clones are equal to it. As with
        ``neg_hinge_loss_scorer``, `set_score_request` returns a new scorer.

    Raises
    ------
    ValueError
        If `multi_class` or `squared` is none of these.

    See Also
    --------
    neg_hinge_loss_scorer : The scorer with the default form.
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

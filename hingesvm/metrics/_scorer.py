"""A scorer for searches and cross-validation, right on folds that lack a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from sklearn import get_config
from sklearn.utils.metadata_routing import MetadataRequest

from hingesvm._wrapped import unwrapped
from hingesvm.losses import CrammerSinger, WestonWatkins
from hingesvm.metrics._forms import FORMS
from hingesvm.metrics._hinge_loss import hinge_loss

__all__ = ["neg_hinge_loss_scorer"]

_NAMES: dict[type, str] = {
    CrammerSinger: "crammer_singer",
    WestonWatkins: "weston_watkins",
}


@dataclass(frozen=True)
class NegHingeLossScorer:
    """Scorer of minus the mean hinge loss, with ``estimator.classes_`` as the labels.

    With more than two classes it is in the form that the estimator was trained with,
    where its `multi_class` is "ovr", "crammer_singer" or "weston_watkins", or one of
    these losses as an object (the margin is 1 here, whatever its own), and else in
    "crammer_singer". The final step of a pipeline and the best estimator of a search
    are asked too. Hinges are never squared.

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

    Examples
    --------
    >>> from hingesvm.metrics import neg_hinge_loss_scorer
    >>> from sklearn.svm import LinearSVC
    >>> model = LinearSVC(random_state=0).fit([[-1.0], [1.0]], [0, 1])
    >>> round(neg_hinge_loss_scorer(model, [[0.0], [9.0]], [1, 1]), 2)
    -0.5
    """

    weight_request: bool | str | None = None  # as `set_score_request` was told

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
            multi_class=_form_of(estimator),
        )

    def set_score_request(self, *, sample_weight: bool | str | None) -> Self:
        """Return a new scorer with this request; see scikit-learn's user guide."""
        if not get_config()["enable_metadata_routing"]:
            raise RuntimeError("set_score_request needs enable_metadata_routing=True.")
        scorer = type(self)(sample_weight)
        scorer.get_metadata_routing()  # refuses a string that is no name
        return scorer

    def get_metadata_routing(self) -> MetadataRequest:
        """Return the request, as scikit-learn asks of a consumer of metadata."""
        request = MetadataRequest(owner="neg_hinge_loss_scorer")
        request.score.add_request(param="sample_weight", alias=self.weight_request)
        return request

    def _accept_sample_weight(self) -> bool:
        """Say that weights are accepted, as a search asks each of several scorers."""
        return True

    def __sklearn_clone__(self) -> Self:
        return self


def _form_of(estimator: Any) -> str:
    """Return the multi-class form that an estimator, or the one in it, has."""
    for inner in unwrapped(estimator):
        form = getattr(inner, "multi_class", None)
        form = _NAMES.get(type(form), form)
        if isinstance(form, str) and form in FORMS:
            return form
    return "crammer_singer"


neg_hinge_loss_scorer = NegHingeLossScorer()

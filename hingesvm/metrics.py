"""The mean hinge loss of decisions and its scorer, right on data that lack a class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.metadata_routing import MetadataRequest

from hingesvm.losses import Float64Array, Hinge, SquaredHinge

__all__ = ["hinge_loss", "neg_hinge_loss_scorer"]


def hinge_loss(
    y_true: ArrayLike,
    pred_decision: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    squared: bool = False,
) -> float:
    r"""Weighted mean hinge loss of decisions.

    .. math::

        \frac{\sum_i w_i \, \ell(m_i)}{\sum_i w_i}, \qquad
        \ell(m) = \max(0, 1 - m) \ \text{or its square}.

    The margin :math:`m_i` is the decision, negated for the lesser of two classes;
    of more than two classes it is Crammer and Singer's
    :math:`f_{i, y_i} - \max_{k \ne y_i} f_{i, k}`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels: numbers, booleans or strings.
    pred_decision : array-like of shape (n_samples,) or (n_samples, n_classes)
        Decisions, taken as float64. For two classes one per row, positive for the
        greater class; for more, a column per class in sorted order of the classes.
    labels : array-like of shape (n_classes,), default=None
        All classes, in any order and number; by default those in `y_true`.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights, taken as float64; by default all are equal.
    squared : bool, default=False
        Whether to average the squared hinge loss.

    Returns
    -------
    float
        Non-negative; ``inf`` where the exact value overflows.

    Raises
    ------
    ValueError
        If an array is empty or of the wrong shape or length, a decision or weight is
        not finite, a weight is negative or all are zero, or `labels` has fewer than
        two distinct entries, lacks one of `y_true`, or is needed and not given.

    Notes
    -----
    Equals :func:`sklearn.metrics.hinge_loss`, but where `y_true` has one of two
    `labels`, which scikit-learn always takes for the negative class.

    References
    ----------
    Crammer and Singer, "On the algorithmic implementation of multiclass
    kernel-based vector machines", JMLR 2, 2001.

    Examples
    --------
    >>> from hingesvm.metrics import hinge_loss
    >>> hinge_loss([0, 1, 1], [-2.0, 0.5, 0.0])
    0.5
    >>> hinge_loss(["yes", "yes"], [2.0, 2.0], labels=["no", "yes"])
    0.0
    >>> decisions = [[2.0, 0.0, 0.0], [0.0, 0.5, 1.0]]
    >>> hinge_loss(["a", "c"], decisions, labels=["a", "b", "c"])
    0.25
    """
    check_consistent_length(y_true, pred_decision, sample_weight)
    codes, n_classes = _encode(y_true, labels)
    decisions = _check_decisions(pred_decision, n_classes)
    weights = None if sample_weight is None else _check_weights(sample_weight)
    loss = SquaredHinge() if squared else Hinge()
    return _weighted_mean(loss.value(_margins(codes, decisions)), weights)


def _encode(y_true: Any, labels: Any) -> tuple[NDArray[np.intp], int]:
    """Return the place of each label among the sorted classes, and their number."""
    values, inverse = _unique(y_true, "y_true")
    if labels is None:
        if values.size == 1:
            raise ValueError(
                "y_true has one class, so the sign of the decision is unknown: pass "
                "labels=, all the classes that were decided between."
            )
        return inverse, values.size
    classes, _ = _unique(labels, "labels")
    if classes.size < 2:
        raise ValueError(
            f"labels must have two or more distinct classes, got {classes.tolist()}: "
            "pass all the classes that were decided between."
        )
    # A dict compares as Python does: 1 equals 1.0 and True, never "1".
    codes = {label: code for code, label in enumerate(classes.tolist())}
    unknown = [value for value in values.tolist() if value not in codes]
    if unknown:
        raise ValueError(
            f"y_true contains {unknown[:5]}, not in labels {classes[:10].tolist()}: "
            "add to labels or leave out those rows."
        )
    return np.array([codes[value] for value in values.tolist()])[inverse], classes.size


def _unique(values: Any, name: str) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the distinct entries of `values`, sorted, and the place of each entry."""
    array = _vector(values, name)
    if array.size == 0:
        raise ValueError(f"{name} is empty: pass at least one label.")
    try:
        distinct, inverse = np.unique(array, return_inverse=True)
    except TypeError as error:
        raise ValueError(f"{name} must be only numbers or only strings") from error
    if np.any(distinct != distinct):
        raise ValueError(f"{name} contains NaN: leave out rows without a label.")
    return distinct, inverse


def _vector(values: Any, name: str, dtype: Any = None) -> NDArray[Any]:
    """Return `values` as a vector of `dtype`, or of their own type if None."""
    try:
        return np.asarray(column_or_1d(values, dtype=dtype))
    except ValueError as error:
        raise ValueError(f"{name} cannot be taken as a vector: {error}") from error


def _check_decisions(pred_decision: Any, n_classes: int) -> Float64Array:
    """Return the decisions, of shape (n,) for two classes or (n, n_classes)."""
    array: Float64Array = check_array(
        pred_decision, dtype=np.float64, ensure_2d=False, input_name="pred_decision"
    )
    if n_classes == 2 and array.shape[1:] == (1,):
        array = array[:, 0]
    if n_classes == 2 and array.ndim == 2:
        raise ValueError(
            f"binary decisions must have shape (n,), got (n, {array.shape[1]}); pass "
            "the second column minus the first, or labels= if there are more classes."
        )
    if n_classes > 2 and array.shape[1:] != (n_classes,):
        raise ValueError(
            f"decisions between {n_classes} classes must have shape (n, {n_classes}), "
            f"got {array.shape}; pass a column per class, and every class in labels=."
        )
    return array


def _check_weights(sample_weight: Any) -> Float64Array:
    """Return the weights, which have a mean."""
    weights: Float64Array = _vector(sample_weight, "sample_weight", np.float64)
    if not 0 <= weights.min() <= weights.max() < math.inf or not weights.any():
        raise ValueError(
            "sample_weight must be finite, non-negative and not zero everywhere; got "
            f"{weights.min()} to {weights.max()}: use weight 0 to leave out a row."
        )
    return weights


def _margins(codes: NDArray[np.intp], decisions: Float64Array) -> Float64Array:
    """Return the margin of each row."""
    if decisions.ndim == 1:
        return np.where(codes == 1, decisions, -decisions)
    rows = np.arange(codes.size)
    others = decisions.copy()
    others[rows, codes] = -np.inf
    with np.errstate(over="ignore"):
        return np.asarray(decisions[rows, codes] - others.max(axis=1))


def _weighted_mean(losses: Float64Array, weights: Float64Array | None) -> float:
    """Return the mean of non-negative `losses`, some of them perhaps infinite."""
    with np.errstate(over="ignore", under="ignore"):
        if weights is not None:
            # A row of weight 0 does not count, even if its loss is infinite.
            losses, weights = losses[weights > 0], weights[weights > 0] / weights.max()
        # Division by a power of two is exact and keeps the sum from overflowing.
        _, exponent = math.frexp(losses.max())
        mean = np.average(np.ldexp(losses, -exponent), weights=weights)
        return float(np.ldexp(mean, exponent))


@dataclass(frozen=True)
class _NegHingeLossScorer:
    """Scorer of minus the mean hinge loss, with ``estimator.classes_`` as the labels.

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
        loss = hinge_loss(y, decisions, labels=classes, sample_weight=sample_weight)
        return 0.0 - loss

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


neg_hinge_loss_scorer = _NegHingeLossScorer()

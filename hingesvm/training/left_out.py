"""Classes of weight 0: their rows are left out, as are rows of sample weight 0."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight

from hingesvm.training.labels import encode_labels, plain

__all__ = [
    "are_left_out",
    "check_labels_left_out",
    "labels_left_out",
    "names_of",
    "refuse_too_few_classes",
    "weights_of_fit",
    "weights_without",
]

Float64Array = NDArray[np.float64]
ClassWeight = dict[Any, float] | str | None


def labels_left_out(class_weight: ClassWeight) -> set[Any]:
    """Return the labels of weight 0."""
    if not isinstance(class_weight, dict):
        return set()
    given: dict[Any, Any] = class_weight
    return {
        label
        for label, weight in given.items()
        if isinstance(weight, Real) and weight == 0
    }


def names_of(label: Any) -> set[Any]:
    """Return the keys that name a label: scikit-learn has "1" and 1 for one label."""
    try:
        return {label, int(label)}
    except (TypeError, ValueError, OverflowError):
        return {label}


def are_left_out(class_weight: ClassWeight, classes: NDArray[Any]) -> NDArray[np.bool_]:
    """Return for each of some labels whether it has weight 0."""
    labels = labels_left_out(class_weight)
    return np.array(
        [not labels.isdisjoint(names_of(label)) for label in classes.tolist()],
        dtype=np.bool_,
    )


def weights_without(
    class_weight: ClassWeight,
    classes: NDArray[Any],
    codes: NDArray[np.integer],
    weights: Float64Array | None,
) -> Float64Array | None:
    """Return sample weights that are 0 in classes of weight 0.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        The parameter of the estimator.
    classes : ndarray of shape (n_classes,)
        The labels.
    codes : ndarray of integers, of shape (n_rows,)
        The class of each row, as an index into `classes`.
    weights : ndarray of float64, of shape (n_rows,), or None
        Sample weights, which stay as they are.

    Returns
    -------
    ndarray of float64, of shape (n_rows,), or None
        `weights` itself if no row is left out.
    """
    is_out = are_left_out(class_weight, classes)
    if not is_out.any():
        return weights
    rows_out = is_out[codes]
    return np.where(rows_out, 0.0, 1.0 if weights is None else weights)


def weights_of_fit(
    class_weight: ClassWeight, labels: NDArray[Any], weights: Float64Array | None
) -> Float64Array | None:
    """Return the sample weights of a fit, 0 in classes of weight 0.

    Raises
    ------
    ValueError
        If no row is left, or `class_weight` names labels that there are not.
    """
    if not labels_left_out(class_weight):
        return weights
    classes, codes = encode_labels(labels)
    check_labels_left_out(class_weight, classes)
    weights = weights_without(class_weight, classes, codes, weights)
    if weights is not None and not np.any(weights):
        raise ValueError(
            f"class_weight={class_weight!r} and sample weights leave out all rows, so "
            "there is nothing to train on."
        )
    return weights


def check_labels_left_out(class_weight: ClassWeight, classes: NDArray[Any]) -> None:
    """See that labels of weight 0 are among all labels, as scikit-learn does."""
    if labels_left_out(class_weight):
        compute_class_weight(class_weight, classes=classes, y=classes)


def refuse_too_few_classes(class_weight: ClassWeight, classes: NDArray[Any]) -> None:
    """Raise a ValueError if fewer than two classes of a stream have a weight."""
    is_out = are_left_out(class_weight, classes)
    left = plain(classes[~is_out].tolist())
    if is_out.any() and len(left) < 2:
        raise ValueError(
            f"class_weight={class_weight!r} leaves out all classes but {left}: at "
            "least two classes need a positive weight."
        )

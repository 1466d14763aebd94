"""Rows and labels of one batch that a user passes, before they are checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from hingesvm.rows.copied import Matrix
from hingesvm.training.labels import with_objects

__all__ = ["as_labels", "check_width", "is_empty"]


def is_empty(X: Any) -> bool:
    """Whether the rows of a batch, not checked yet, are none."""
    shape = getattr(X, "shape", None)
    return not shape[0] if shape else hasattr(X, "__len__") and not len(X)


def as_labels(y: Any, count: int) -> NDArray[Any]:
    """Return the labels of a batch as an array, one for each row."""
    labels = np.asarray(with_objects(y))
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels.ravel()
    if labels.ndim != 1 or len(labels) != count:
        raise ValueError(f"y has the shape {labels.shape}, and X has {count} rows.")
    return labels


def check_width(X: Matrix, estimator: BaseEstimator) -> None:
    """See that a batch has as many columns as the first."""
    if X.shape[1] != estimator.n_features_in_:
        raise ValueError(
            f"X has {X.shape[1]} columns, and other batches have "
            f"{estimator.n_features_in_}."
        )

"""Class labels: encoded, told apart, and as a user lists them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.multiclass import check_classification_targets

from hingesvm._namespace import on_host

__all__ = ["class_labels", "encode_labels", "plain", "two_classes", "with_objects"]

# Labels are encoded in pieces of this size, which an interrupt waits for.
_LABELS = 1 << 19


def encode_labels(y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.integer]]:
    """Return the sorted classes, and the index of each label among them.

    Labels are handled in pieces, so that Ctrl-C is noticed between two.

    Raises
    ------
    ValueError
        If the labels are no classes, such as fractions.
    """
    numbers = y.dtype.kind in "biuf"
    if not numbers:
        check_classification_targets(y)
    classes = two_classes(y) if numbers else None
    if classes is not None:
        # Two integers are valid classes, and the check takes a tenth of a small fit.
        if y.dtype.kind == "f":
            check_classification_targets(classes)
        return classes, (y == classes[1]).view(np.int8)
    pieces = [slice(at, at + _LABELS) for at in range(0, len(y), _LABELS)]
    classes = np.unique(y[pieces[0]])
    if len(pieces) > 1:
        parts = [classes, *(np.unique(y[piece]) for piece in pieces[1:])]
        classes = np.unique(np.concatenate(parts))
    # scikit-learn warns if most labels differ; otherwise integers are valid classes.
    few = 2 * len(classes) <= len(y)
    if numbers and (y.dtype.kind == "f" or not few):
        check_classification_targets(np.repeat(classes, 3) if few else y)
    codes = np.empty(len(y), dtype=np.min_scalar_type(-len(classes)))
    for piece in pieces:
        codes[piece] = np.searchsorted(classes, y[piece])
    return classes, codes


def class_labels(classes: ArrayLike) -> NDArray[Any]:
    """Return the sorted labels that a user passed as `classes`.

    Raises
    ------
    ValueError
        If they are not labels in one dimension that can be sorted.
    """
    given: NDArray[Any] = np.asarray(with_objects(classes))
    if given.ndim != 1:
        raise ValueError(
            "classes must be a list or 1-D array of labels, got "
            f"{type(classes).__name__} of shape {given.shape}."
        )
    try:
        return np.unique(given)
    except TypeError:
        raise ValueError(
            "classes has labels of different types, such as numbers and strings."
        ) from None


def two_classes(y: NDArray[Any]) -> NDArray[Any] | None:
    """Return the sorted classes if there are exactly two, without sorting y."""
    if not len(y):
        return None
    others = y != y[0]
    second = int(others.argmax())
    if not others[second] or not np.array_equal(others, y == y[second]):
        return None
    return np.sort(y[[0, second]])


def with_objects(y: Any) -> Any:
    """Return labels, as an array of objects if they are of NumPy's StringDType.

    Others stay as they are; scikit-learn cannot tell labels of that dtype apart. Those
    on a device come to the host.
    """
    y = on_host(y)
    is_of_strings = getattr(getattr(y, "dtype", None), "kind", "") == "T"
    return np.asarray(y).astype(object) if is_of_strings else y


def plain(labels: Iterable[Any]) -> list[Any]:
    """Return labels as values of Python, as which messages show them."""
    return [
        label.item() if isinstance(label, np.generic) else label for label in labels
    ]

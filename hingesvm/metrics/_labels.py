"""Labels: checks, and their places among the sorted classes."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from reprlib import repr as short
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d

from hingesvm._namespace import Namespace, dispatchable, namespace_of, on_host

__all__ = [
    "IGNORED",
    "check_ignore_label",
    "check_sequence",
    "encode",
    "sorted_classes",
    "vector",
]

# The place of a label whose row is left out.
IGNORED = -1


def check_sequence(values: Any, name: str) -> None:
    """Refuse what has no order, such as a set, or no entries, such as a number.

    None passes, as the caller decides what it means.
    """
    if values is None:
        return
    is_single = isinstance(values, (str, bytes, Mapping))
    is_single |= getattr(values, "shape", None) == ()
    has_entries = hasattr(values, "__getitem__") or hasattr(values, "__array__")
    if is_single or not has_entries:
        raise TypeError(
            f"{name} must be a list, an array or another sequence, got "
            f"{short(values)}, of type {type(values).__name__}: pass a list."
        )


def vector(
    values: Any, name: str, dtype: Any = None, space: Namespace | None = None
) -> Any:
    """Return `values` as a vector of `dtype`, or of their own type if None.

    It is a NumPy array, unless `values` are an array of `space`: then it stays there,
    and is in the widest floats for a `dtype`.
    """
    check_sequence(values, name)
    values = on_host(values, but=space)
    try:
        values = dispatchable(values)
        if dtype is not None and space is not None and namespace_of(values) == space:
            values, dtype = space.as_floats(values), space.widest
        column = column_or_1d(values, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} cannot be taken as a vector: {error}") from error
    return np.asarray(column) if namespace_of(column) is None else column


def sorted_classes(labels: Any) -> list[Any]:
    """Return the distinct entries of `labels`, two or more, sorted."""
    classes, _ = _unique(vector(labels, "labels"), "labels")
    if not classes:
        raise ValueError("labels is empty: pass all the classes.")
    if len(classes) == 1:
        raise ValueError(
            f"labels must have two or more distinct classes, got {classes}: "
            "pass all the classes that were decided between."
        )
    return classes


def check_ignore_label(label: Any) -> Any:
    """Return the label of rows to leave out, as a Python object, or None."""
    if isinstance(label, np.generic):
        label = label.item()
    if label is None or isinstance(label, str):
        return label
    if not isinstance(label, Real):
        raise ValueError(
            "ignore_label must be one label, a number, boolean or string, or None to "
            f"leave out no row; got {label!r}."
        )
    if label != label:
        raise ValueError(
            "ignore_label is NaN, which equals no label: give the rows to leave out "
            "another label."
        )
    return label


def encode(
    y_true: Any,
    classes: list[Any] | None,
    ignore_label: Any,
    space: Namespace | None = None,
) -> tuple[Any, int]:
    """Return the place of each label among the classes, and the number of classes.

    Labels compare as in Python: 1 equals 1.0 and True, never "1". The place of those
    that equal `ignore_label` is ``IGNORED``. If `classes` is None, the classes are all
    other labels. Places are in `space`, and so is all that is done with labels that
    are numbers there; of these only the distinct ones leave it.
    """
    labels = vector(y_true, "y_true", space=space)
    if not _can_be_sorted(labels):
        labels = on_host(labels)
    rows = _candidates(labels, ignore_label)
    distinct, inverse = _unique(labels[rows], "y_true")
    counted = [label for label in distinct if not _equal(label, ignore_label)]
    if classes is None:
        if len(counted) == 1:
            raise ValueError(
                "y_true has one class, so the sign of the decision is unknown: pass "
                "labels=, all the classes that were decided between."
            )
        classes = counted
    places = {label: place for place, label in enumerate(classes)}
    unknown = [label for label in counted if label not in places]
    if unknown:
        raise ValueError(
            f"y_true contains {unknown[:5]}, not in labels {classes[:10]}: add to "
            "labels, leave out those rows or pass their label as ignore_label=."
        )
    if len(counted) < len(distinct):
        places[ignore_label] = IGNORED
    of_distinct = np.array([places[label] for label in distinct], dtype=np.intp)
    if space is not None and namespace_of(inverse) == space:
        return space.xp.take(space.asarray(of_distinct), inverse), len(classes)
    codes = np.full(labels.size, IGNORED, dtype=np.intp)
    codes[rows] = of_distinct[inverse]
    return codes if space is None else space.asarray(codes), len(classes)


def _candidates(
    labels: Any, ignore_label: Any
) -> slice[None, None, None] | NDArray[np.bool_]:
    """Return which labels to sort: all, or of objects those not to be ignored."""
    if ignore_label is None or labels.shape[0] == 0:
        return slice(None)
    # Of other libraries all arrays have numbers.
    kind = "f" if namespace_of(labels) is not None else labels.dtype.kind
    if kind == "O":
        return np.array([not _equal(label, ignore_label) for label in labels])
    is_text = isinstance(ignore_label, str)
    if kind in ("biuf" if is_text else "UST"):
        passed, held = ("a string", "numbers") if is_text else ("a number", "strings")
        raise ValueError(
            f"ignore_label {ignore_label!r} is {passed}, but y_true has {held}: pass "
            "the label as y_true has it."
        )
    return slice(None)


def _unique(labels: Any, name: str) -> tuple[list[Any], Any]:
    """Return the distinct labels, sorted, and the place of each label."""
    space = namespace_of(labels)
    if space is not None:
        return _unique_on(space, labels, name)
    try:
        distinct, inverse = np.unique(labels, return_inverse=True)
        set(distinct.tolist())
    except TypeError as error:
        raise ValueError(f"{name} must be only numbers or only strings") from error
    _refuse_nan(np.any(distinct != distinct), name)
    return distinct.tolist(), inverse


def _unique_on(space: Namespace, labels: Any, name: str) -> tuple[list[Any], Any]:
    """Return the distinct labels, sorted, on the host, and all places on the device."""
    xp = space.xp
    numbers = xp.astype(labels, _sorted_as(space, labels), copy=False)
    # Each NaN would be a value of its own.
    _refuse_nan(xp.any(numbers != numbers), name)
    distinct = xp.sort(xp.unique_values(numbers))
    inverse = xp.searchsorted(distinct, numbers)
    found = on_host(distinct)
    if xp.isdtype(labels.dtype, "bool"):
        found = found.astype(bool)
    return found.tolist(), inverse


def _can_be_sorted(labels: Any) -> bool:
    """Return whether labels can be sorted where they are."""
    space = namespace_of(labels)
    return space is None or _sorted_as(space, labels) is not None


def _sorted_as(space: Namespace, labels: Any) -> Any:
    """Return the dtype in which a device sorts labels, None where it has none.

    Libraries sort no booleans, and no unsigned integers of some widths.
    """
    xp, dtype = space.xp, labels.dtype
    if xp.isdtype(dtype, "real floating"):
        return space.widest
    whole = xp.isdtype(dtype, "integral")
    if whole and xp.iinfo(dtype).max > xp.iinfo(space.integer).max:
        return None
    return space.integer if whole or xp.isdtype(dtype, "bool") else None


def _refuse_nan(has_nan: Any, name: str) -> None:
    """Refuse labels of which one is NaN."""
    if has_nan:
        raise ValueError(f"{name} contains NaN: leave out rows without a label.")


def _equal(label: Any, other: Any) -> bool:
    """Return whether two labels are equal: no, where `==` gives no boolean."""
    answer = label == other
    return isinstance(answer, (bool, np.bool_)) and bool(answer)

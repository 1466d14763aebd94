"""Checks of the labels, decisions and weights that users pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite, check_array, check_consistent_length

from hingesvm._namespace import Namespace, detached, dispatchable, namespace_of
from hingesvm.metrics._device_sums import device_sums
from hingesvm.metrics._forms import Form
from hingesvm.metrics._labels import IGNORED, check_sequence, encode, vector
from hingesvm.metrics._sums import Sums, weighted_sums

__all__ = ["Rows", "read_rows"]


@dataclass(frozen=True)
class Rows:
    """The rows whose label is not ignored: arrays of NumPy, or of a namespace."""

    codes: Any
    decisions: Any
    weights: Any
    n_ignored: int
    space: Namespace | None

    @property
    def n_counted(self) -> int:
        """The number of rows."""
        return int(self.codes.shape[0])

    @property
    def have_weight(self) -> bool:
        """Whether some weight is not 0."""
        xp = np if self.space is None else self.space.xp
        return self.weights is None or bool(xp.any(self.weights != 0.0))

    def sums(self, form: Form) -> Sums:
        """Return the sums of their weighted losses and of their weights."""
        if not self.n_counted:
            return Sums()
        if self.space is not None:
            # Some libraries compute with NumPy, which would warn.
            with np.errstate(over="ignore", under="ignore", invalid="ignore"):
                terms = form.hinges(self.decisions, self.codes)
                return device_sums(self.space, terms, self.weights, form.squared)
        return weighted_sums(form.losses(self.decisions, self.codes), self.weights)


def read_rows(
    y_true: Any,
    pred_decision: Any,
    sample_weight: Any,
    *,
    classes: list[Any] | None,
    ignore_label: Any,
) -> Rows:
    """Return the checked rows, without those that are ignored, whatever these contain.

    If `classes` is None, the classes are those in `y_true`.
    """
    if pred_decision is None:
        raise ValueError("pred_decision is None: pass the decisions of the rows.")
    check_sequence(y_true, "y_true")
    check_sequence(pred_decision, "pred_decision")
    check_sequence(sample_weight, "sample_weight")
    check_consistent_length(y_true, pred_decision, sample_weight)
    space = namespace_of(pred_decision)
    codes, n_classes = encode(y_true, classes, ignore_label, space)
    if space is not None:
        pred_decision = space.as_floats(detached(pred_decision))
    decisions = check_array(
        dispatchable(pred_decision),
        dtype=np.float64 if space is None else space.widest,
        order="C",
        ensure_2d=False,
        ensure_all_finite=False,
        ensure_min_samples=0,
        input_name="pred_decision",
    )
    decisions = _shaped(decisions, n_classes)
    weights = None
    if sample_weight is not None:
        weights = _weights(sample_weight, space)
    counted = codes != IGNORED
    xp = np if space is None else space.xp
    n_ignored = int(codes.shape[0] - xp.count_nonzero(counted))
    if n_ignored:
        codes, decisions = codes[counted], decisions[counted]
        weights = None if weights is None else weights[counted]
    with np.errstate(invalid="ignore"):  # the check adds decisions of any size and sign
        assert_all_finite(decisions, input_name="pred_decision")
    if weights is not None and codes.shape[0]:
        _check_weights(float(xp.min(weights)), float(xp.max(weights)))
    return Rows(codes, decisions, weights, n_ignored, space)


def _weights(sample_weight: Any, space: Namespace | None) -> Any:
    """Return the weights as floats where the decisions are."""
    if space is None:
        return vector(sample_weight, "sample_weight", np.float64)
    weights = vector(detached(sample_weight), "sample_weight", np.float64, space)
    if namespace_of(weights) is None:
        with np.errstate(over="ignore"):  # such weights are refused later
            weights = space.asarray(weights, space.widest)
    return weights


def _shaped(decisions: Any, n_classes: int) -> Any:
    """Return decisions of shape (n,), between two classes, or (n, n_classes)."""
    shape = tuple(decisions.shape)
    if shape == (0,):
        return decisions  # as of an empty list, which has no columns
    if n_classes > 2 and shape[1:] != (n_classes,):
        raise ValueError(
            f"decisions between {n_classes} classes must have shape (n, {n_classes}), "
            f"got {shape}; pass a column per class, and every class in labels=."
        )
    if n_classes == 2 and shape[1:] not in {(), (1,), (2,)}:
        raise ValueError(
            "decisions between two classes must have shape (n,) or (n, 2), got "
            f"{shape}; pass every class in labels= if there are more."
        )
    return decisions[:, 0] if shape[1:] == (1,) else decisions


def _check_weights(low: float, high: float) -> None:
    """Refuse weights from `low` to `high` that are negative or not finite."""
    if not 0 <= low <= high < math.inf:
        raise ValueError(
            "sample_weight must be finite and non-negative; got "
            f"{low} to {high}: use weight 0 to leave out a row."
        )

"""Checks of the labels, decisions and weights that users pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import assert_all_finite, check_array, check_consistent_length

from hingesvm.losses import Float64Array
from hingesvm.metrics._forms import Form
from hingesvm.metrics._labels import IGNORED, check_sequence, encode, vector
from hingesvm.metrics._sums import Sums, weighted_sums

__all__ = ["Rows", "read_rows"]


@dataclass(frozen=True)
class Rows:
    """The rows whose label is not ignored."""

    codes: NDArray[np.intp]
    decisions: Float64Array
    weights: Float64Array | None
    n_ignored: int

    def sums(self, form: Form) -> Sums:
        """Return the sums of their weighted losses and of their weights."""
        if not self.codes.size:
            return Sums()
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
    codes, n_classes = encode(y_true, classes, ignore_label)
    decisions: Float64Array = check_array(
        pred_decision,
        dtype=np.float64,
        order="C",
        ensure_2d=False,
        ensure_all_finite=False,
        ensure_min_samples=0,
        input_name="pred_decision",
    )
    decisions = _shaped(decisions, n_classes)
    weights = None
    if sample_weight is not None:
        weights = vector(sample_weight, "sample_weight", np.float64)
    counted = codes != IGNORED
    n_ignored = int(codes.size - np.count_nonzero(counted))
    if n_ignored:
        codes, decisions = codes[counted], decisions[counted]
        weights = None if weights is None else weights[counted]
    with np.errstate(invalid="ignore"):  # the check adds decisions of any size and sign
        assert_all_finite(decisions, input_name="pred_decision")
    if weights is not None:
        _check_weights(weights)
    return Rows(codes, decisions, weights, n_ignored)


def _shaped(decisions: Float64Array, n_classes: int) -> Float64Array:
    """Return decisions of shape (n,), between two classes, or (n, n_classes)."""
    shape = decisions.shape
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


def _check_weights(weights: Float64Array) -> None:
    """Refuse weights that are negative or not finite."""
    if weights.size and not 0 <= weights.min() <= weights.max() < math.inf:
        raise ValueError(
            "sample_weight must be finite and non-negative; got "
            f"{weights.min()} to {weights.max()}: use weight 0 to leave out a row."
        )

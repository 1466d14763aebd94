"""Batches that a user passes: checked, counted, and read again for each pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets

from hingesvm.rows.batches import BatchRows
from hingesvm.rows.contract import Rows
from hingesvm.rows.copied import Matrix
from hingesvm.rows.gathered import stacked
from hingesvm.rows.memory import MemoryRows
from hingesvm.rows.parts import Shape
from hingesvm.rows.scratch import on_disk
from hingesvm.solvers.blocks.block import Block
from hingesvm.training.batch_parts import (
    as_labels,
    check_width,
    is_empty,
)
from hingesvm.training.labels import class_labels, plain, two_classes
from hingesvm.training.left_out import (
    are_left_out,
    check_labels_left_out,
    labels_left_out,
    weights_without,
)
from hingesvm.training.validation import (
    check_indices,
    check_sample_weight,
    checked_matrix,
    checked_rows,
    is_plain,
    refuse_infinite,
)

__all__ = ["FEW_ROWS", "FEW_VALUES", "BatchReader"]

Float64Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Rows and values (rows times columns) up to which all batches are kept in memory, as
#: a fit of so few is exact there; see ``solvers/choice.py``.
FEW_ROWS, FEW_VALUES = 10_000, 4_000_000
# Rows that are kept to judge the scales of columns by: of each batch, and in all.
_OF_BATCH, _OF_ALL = 256, 4096
# Classes up to which a code takes one byte.
_MOST_OF_BYTE = 127


class BatchReader:
    """Reads the batches of a user, one pass after the other.

    Parameters
    ----------
    estimator : estimator instance
        `n_features_in_` and, if there are names, `feature_names_in_` are set by the
        first batch with rows; the others must agree.
    batches : iterable of (X, y) or (X, y, sample_weight)
        What the user passed. Each iteration of it is a pass.
    classes : array-like of shape (n_classes,), optional
        The labels that may occur.
    what : str, default="batch"
        What one is called in messages.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted labels of rows of positive weight.
    codes : ndarray of integers, of shape (n_rows,)
        The class of each of these rows.
    weights : ndarray of float64, of shape (n_rows,), or None
        Their sample weights, until they are taken.
    n_samples : int
        Rows of all batches.
    kept : ndarray of intp, of shape (n_rows,), or None
        The rows of positive weight, if these are not all.

    Raises
    ------
    ValueError
        If `batches` cannot be read twice, or a batch is unusable; the message names it.
    """

    classes: NDArray[Any]
    codes: NDArray[np.integer]
    weights: Float64Array | None = None
    kept: NDArray[np.intp] | None = None
    n_samples = 0

    def __init__(
        self,
        estimator: BaseEstimator,
        batches: Iterable[Any],
        classes: ArrayLike | None = None,
        what: str = "batch",
    ) -> None:
        if isinstance(batches, Iterator):
            raise ValueError(
                "batches can be read only once, as a generator or an open iterator, "
                "and a fit reads all rows several times: pass a list, one of the "
                "readers of hingesvm.batches, or an object whose __iter__ begins anew "
                "each time."
            )
        if not hasattr(batches, "__iter__"):
            hint = " Call it, and see that it can be read again." * callable(batches)
            raise ValueError(
                "batches must be an iterable of (X, y) or (X, y, sample_weight), got "
                f"{type(batches).__name__}.{hint}"
            )
        self._estimator, self._batches, self._what = estimator, batches, what
        self._allowed = None if classes is None else set(class_labels(classes).tolist())
        self._heights: list[int] = []
        self._masks: list[BoolArray | None] = []
        self._found: list[NDArray[Any]] = []
        self._left_out: set[Any] = set()
        self._is_sparse: bool | None = None
        self._dtype = np.dtype(np.float32)

    def take_weights(self) -> Float64Array | None:
        """Return the weights of the rows, or None, and keep them no longer."""
        weights, self.weights = self.weights, None
        return weights

    def rows(self) -> Rows:
        """Return the rows of positive weight, after a first pass over all batches."""
        for name in ("n_features_in_", "feature_names_in_"):
            # Those of an earlier fit say nothing of these batches.
            vars(self._estimator).pop(name, None)
        known: dict[Any, int] = {}
        codes: list[NDArray[np.integer]] = []
        weights: list[Float64Array | None] = []
        few: list[Matrix] = []
        all_rows: list[Matrix] | None = []
        n_entries = longest_row = n_rows = 0
        longest_square = sum_squares = 0.0
        for number, batch in enumerate(self._batches):
            X, of_batch, weight, mask = self._taken(number, batch, known)
            self._masks.append(mask)
            codes.append(of_batch)
            weights.append(weight)
            if not len(of_batch):
                continue
            with self._naming(number):
                part = checked_rows(X)
            longest_square = max(longest_square, part.longest_square())
            sum_squares += float(part.squared_norms().sum())
            n_entries += part.n_entries
            longest_row = max(longest_row, part.longest_row())
            n_rows += len(of_batch)
            if n_rows > FEW_ROWS or n_rows * X.shape[1] > FEW_VALUES:
                all_rows = None
            elif all_rows is not None:
                all_rows.append(X.copy())
            few = _with_some(few, X)
        if not self.n_samples:
            raise ValueError("batches has no rows: there is nothing to train on.")
        self._finish_labels(known, codes)
        labels = np.array([*known, *self._left_out], dtype=object)
        check_labels_left_out(self._estimator.class_weight, labels)
        self._finish_weights(weights)
        if all_rows is not None:
            return MemoryRows(stacked([self._cast(X) for X in all_rows]))
        n_features = int(self._estimator.n_features_in_)
        shape = Shape(
            heights=self._used_heights(),
            n_features=n_features,
            n_entries=n_entries,
            longest_row=longest_row,
            dtype=self._dtype,
            is_sparse=bool(self._is_sparse),
            longest_square=longest_square,
            mean_square=sum_squares / max(n_rows, 1),
            few=stacked([self._cast(X) for X in few]),
        )
        return BatchRows(self._read, shape)

    def _taken(
        self, number: int, batch: Any, known: dict[Any, int]
    ) -> tuple[Matrix, NDArray[np.integer], Float64Array | None, BoolArray | None]:
        """Return checked rows of positive weight, their codes and weights, and which.

        Labels that were not known get the next codes.
        """
        X, y, weight = self._parts(batch, number)
        with self._naming(number):
            X = self._checked(X)
            labels = as_labels(y, X.shape[0])
            weight = check_sample_weight(weight, len(labels), may_be_zero=True)
            # What was passed may be written over by the next batch.
            weight = None if weight is None else weight.copy()
            is_weighted = weight is not None
            weight = self._without_classes(labels, weight)
            mask: BoolArray | None = None
            self._heights.append(len(labels))
            self.n_samples += len(labels)
            if weight is not None and not np.all(weight):
                mask = np.greater(weight, 0.0)
                X, labels, weight = X[mask], labels[mask], weight[mask]
            # Those of rows that are left are 1 where only classes are left out.
            weight = weight if is_weighted else None
            return X, self._encoded(labels, known), weight, mask

    def block(self, number: int, batch: Any) -> Block:
        """Return the rows of positive weight of one batch, with labels and weights.

        It belongs to no other batch, so that its labels are those that it has.
        """
        known: dict[Any, int] = {}
        X, codes, weight, _ = self._taken(number, batch, known)
        with self._naming(number):
            if len(codes):
                checked_rows(X)
        self._finish_labels(known, [codes])
        names = getattr(self._estimator, "feature_names_in_", None)
        X = self._cast(X)
        given = number, X, self.classes, self.codes, weight
        return Block(*given, self.n_samples, names, frozenset(self._left_out))

    def _read(self) -> Iterator[Matrix]:
        """Yield the rows of positive weight of each batch: a later pass."""
        number, before = -1, 0
        for number, batch in enumerate(self._batches):
            if number == len(self._heights):
                raise ValueError(
                    f"batches yielded more than {number} batches, as many as there "
                    "were in the first pass: each pass must yield the same rows."
                )
            X, y, _ = self._parts(batch, number)
            with self._naming(number):
                X = self._checked(X, is_first=False)
                labels = as_labels(y, X.shape[0])
            height = self._heights[number]
            if X.shape[0] != height:
                raise ValueError(
                    f"batch {number} has {X.shape[0]} rows, and had {height} in the "
                    "first pass: each pass must yield the same rows."
                )
            mask = self._masks[number]
            if mask is not None:
                X, labels = X[mask], labels[mask]
            known = self.codes[before : before + len(labels)]
            before += len(labels)
            if not np.array_equal(self.classes[known], labels):
                raise ValueError(
                    f"batch {number} has other labels than in the first pass: each "
                    "pass must yield the same rows in the same order. Rows that are "
                    "shuffled anew for each pass cannot be trained on."
                )
            yield self._cast(X)
        if number + 1 < len(self._heights):
            raise ValueError(
                f"batches ended after {number + 1} batches, and had "
                f"{len(self._heights)} in the first pass: each pass must yield the "
                "same rows. Iterators that are used up end at once."
            )

    @contextmanager
    def _naming(self, number: int) -> Iterator[None]:
        """Add the number of a batch to errors about it."""
        try:
            yield
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self._what} {number}: {error}") from error

    def _parts(self, batch: Any, number: int) -> tuple[Any, Any, Any]:
        """Return X, y and sample weights, or None, of a batch."""
        if isinstance(batch, (tuple, list)) and len(batch) in (2, 3):
            # Those of Dask are computed, in each pass.
            X, y, *weight = (
                part.compute() if hasattr(part, "__dask_graph__") else part
                for part in batch
            )
            return X, y, weight[0] if weight else None
        found = type(batch).__name__
        if isinstance(batch, (tuple, list)):
            found += f" of {len(batch)}"
        raise ValueError(
            f"{self._what} {number} must be (X, y) or (X, y, sample_weight), got a "
            f"{found}."
        )

    def _checked(self, X: Any, *, is_first: bool = True) -> Matrix:
        """Return the checked rows of a batch, as an array or CSR matrix."""
        estimator, is_new = self._estimator, self._is_sparse is None
        if is_empty(X) and np.ndim(X) == 1:
            # That of a batch ([], []), which does not tell of columns.
            return np.empty((0, getattr(estimator, "n_features_in_", 0)), np.float32)
        if is_plain(X, ordered=True) and not hasattr(estimator, "feature_names_in_"):
            if is_new:
                estimator.n_features_in_ = X.shape[1]
            check_width(X, estimator)
        else:
            X, _ = checked_matrix(
                estimator,
                X,
                reset=is_new and not is_empty(X),
                skip_check_array=False,
                ensure_min_samples=0,
            )
        if X.shape[0]:
            self._check_kind(X)
        if is_first:
            self._dtype = np.promote_types(self._dtype, X.dtype)
        elif sp.issparse(X):
            # Kernels check no bounds.
            check_indices(X)
        return X

    def _check_kind(self, X: Matrix) -> None:
        """See that all batches are dense, or all are sparse."""
        if self._is_sparse is None:
            self._is_sparse = sp.issparse(X)
        if self._is_sparse != sp.issparse(X):
            kinds = ("dense", "sparse") if self._is_sparse else ("sparse", "dense")
            raise ValueError(f"X is {kinds[0]}, and that of other batches {kinds[1]}.")

    def _cast(self, X: Matrix) -> Matrix:
        """Return rows in the dtype of all batches, and in the order of kernels."""
        X = X if X.dtype == self._dtype else X.astype(self._dtype)
        return X if sp.issparse(X) else np.ascontiguousarray(X)

    def _without_classes(
        self, labels: NDArray[Any], weight: Float64Array | None
    ) -> Float64Array | None:
        """Return the weights of a batch, 0 in classes that are left out."""
        chosen = self._estimator.class_weight
        if not labels_left_out(chosen):
            return weight
        try:
            found, codes = np.unique(labels, return_inverse=True)
        except TypeError:
            # Such labels are refused when they are encoded.
            return weight
        self._left_out.update(found[are_left_out(chosen, found)].tolist())
        return weights_without(chosen, found, codes, weight)

    def _encoded(
        self, labels: NDArray[Any], known: dict[Any, int]
    ) -> NDArray[np.integer]:
        """Return codes of labels in the order in which these were first seen."""
        pair = two_classes(labels) if labels.dtype.kind in "biu" else None
        try:
            if pair is None:
                found, places = np.unique(labels, return_inverse=True)
            else:
                found, places = pair, np.equal(labels, pair[1]).view(np.int8)
        except TypeError:
            raise ValueError(
                "y has labels of different types, such as numbers and strings, or "
                "missing ones (None, NaN)."
            ) from None
        if found.dtype.kind == "f":
            refuse_infinite(found, "y")
        if len(found) and found.dtype.kind not in "biu":
            # Each three times, as scikit-learn warns where most labels differ.
            check_classification_targets(np.repeat(found, 3))
        n_known = len(known)
        for label in found.tolist():
            if self._allowed is not None and label not in self._allowed:
                raise ValueError(
                    f"y has the label {plain([label])[0]!r}, which is not one of "
                    "`classes`."
                )
            known.setdefault(label, len(known))
        if len(known) > n_known:
            self._found.append(found)
        seen = np.array([known[label] for label in found.tolist()], dtype=np.int32)
        dtype = np.int8 if len(known) <= _MOST_OF_BYTE else np.int32
        return seen[places].astype(dtype)

    def _finish_labels(
        self, known: dict[Any, int], codes: list[NDArray[np.integer]]
    ) -> None:
        """Set classes and codes once all labels are known."""
        try:
            found = np.concatenate(self._found) if self._found else np.empty(0)
            self.classes = np.unique(found)
            order = {label: k for k, label in enumerate(self.classes.tolist())}
            places = np.array([order[label] for label in known], dtype=np.int32)
        except (TypeError, KeyError):
            raise ValueError(
                "y has labels of different types, such as numbers and strings, in "
                "different batches."
            ) from None
        if self._allowed is not None and len(known) < len(self._allowed):
            missing = self._allowed - set(known) - self._left_out
            if missing:
                raise ValueError(
                    "`classes` has labels that no row of positive weight has: "
                    f"{sorted(plain(missing), key=repr)}."
                )
        dtype = np.min_scalar_type(-max(len(self.classes), 1))
        self.codes = np.concatenate([places.astype(dtype)[piece] for piece in codes])

    def _finish_weights(self, weights: list[Float64Array | None]) -> None:
        """Set weights and kept rows once all batches are known."""
        if any(mask is not None for mask in self._masks):
            whole = [
                np.ones(height, dtype=np.bool_) if mask is None else mask
                for height, mask in zip(self._heights, self._masks, strict=True)
            ]
            self.kept = np.flatnonzero(np.concatenate(whole))
            if not len(self.kept):
                check_sample_weight(np.zeros(1), 1)
        if any(weight is not None for weight in weights):
            heights = self._used_heights().tolist()
            self.weights = on_disk(sum(heights), np.float64)
            start = 0
            for number, height in enumerate(heights):
                weight, weights[number] = weights[number], None
                some = slice(start, start + height)
                self.weights[some] = 1.0 if weight is None else weight
                start += height

    def _used_heights(self) -> NDArray[np.intp]:
        """Return the number of rows of positive weight of each batch."""
        return np.array(
            [
                height if mask is None else int(np.count_nonzero(mask))
                for height, mask in zip(self._heights, self._masks, strict=True)
            ],
            dtype=np.intp,
        )


def _with_some(few: list[Matrix], X: Matrix) -> list[Matrix]:
    """Return kept rows with some of a batch, and half of all where these are many."""
    step = max(1, X.shape[0] // _OF_BATCH)
    few.append(X[::step][:_OF_BATCH].copy())
    if sum(part.shape[0] for part in few) <= _OF_ALL:
        return few
    # In one piece, as batches of one row have no half.
    return [stacked(few)[::2].copy()]

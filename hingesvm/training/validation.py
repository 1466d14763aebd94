"""Checks of what users pass to `fit`, beyond those that scikit-learn has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real
from typing import Any, TypeGuard

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator
from sklearn.utils import assert_all_finite, check_array, check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from hingesvm.rows.contract import Matrix, Rows
from hingesvm.rows.memory import MemoryRows, no_such_column
from hingesvm.training.callbacks import LEFT_TO_SKLEARN

__all__ = [
    "aligned",
    "check_indices",
    "check_sample_weight",
    "checked_input",
    "checked_rows",
    "draw_seeds",
    "encode_labels",
    "is_plain",
    "row_costs",
    "row_factors",
    "unchanged_on_error",
]

Float64Array = NDArray[np.float64]

# Labels looked at in one go.
_LABELS = 1 << 19
# Costs whose squares and reciprocals are finite.
_SMALLEST_COST, _LARGEST_COST = 1e-150, 1e150
# Seeds are drawn below this number.
_LARGEST_SEED = np.iinfo(np.int32).max


@contextmanager
def unchanged_on_error(estimator: BaseEstimator) -> Iterator[None]:
    """Put an estimator back as it was when the body raises."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        now = dict(vars(estimator))
        before |= {name: now[name] for name in LEFT_TO_SKLEARN if name in now}
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def checked_input(
    estimator: BaseEstimator,
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
) -> tuple[Rows, NDArray[Any], Float64Array | None]:
    """Return rows, labels and weights, and set what an estimator says of features."""
    if is_plain(X, ordered=True) and _are_plain_labels(y, len(X)):
        estimator.n_features_in_ = X.shape[1]
        if hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
        return MemoryRows(X), y, check_sample_weight(sample_weight, len(y))
    # Whether sparse rows are finite is found with their norms, in one pass.
    is_sparse = sp.issparse(X)
    data, labels = validate_data(
        estimator,
        X,
        y,
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        order="C",
        ensure_all_finite=not is_sparse,
    )
    if get_config()["assume_finite"] and labels.dtype.kind == "f":
        _refuse_infinite(labels, "y")
    rows = checked_rows(aligned(data))
    return rows, labels, check_sample_weight(sample_weight, len(labels))


def is_plain(X: Any, *, ordered: bool = False) -> TypeGuard[NDArray[np.floating]]:
    """Whether X is an array that scikit-learn's checks would return as it is.

    They take longer than a small fit. `ordered` asks for rows in C's order too.
    """
    if not (type(X) is np.ndarray and X.ndim == 2 and X.size > 0):
        return False
    if not (X.dtype == np.float64 or X.dtype == np.float32):
        return False
    if ordered and not (X.flags.c_contiguous and X.flags.aligned):
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(X.sum()))


def _are_plain_labels(y: Any, count: int) -> TypeGuard[NDArray[Any]]:
    """Whether labels are an array of numbers of which the same is true."""
    if not (type(y) is np.ndarray and y.shape == (count,)):
        return False
    if y.dtype.kind != "f":
        return y.dtype.kind in "biu"
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(y.sum()))


def check_sample_weight(
    sample_weight: ArrayLike | None, n_samples: int
) -> Float64Array | None:
    """Return checked sample weights as float64, or None for equal ones."""
    if sample_weight is None:
        return None
    is_scalar = isinstance(sample_weight, Real)
    if is_scalar or (isinstance(sample_weight, np.ndarray) and sample_weight.ndim == 0):
        sample_weight = np.full(n_samples, sample_weight)
    with config_context(assume_finite=False):
        weights: Float64Array = check_array(
            sample_weight,
            ensure_2d=False,
            ensure_min_samples=0,
            dtype=np.float64,
            input_name="sample_weight",
        )
    if weights.ndim != 1:
        raise ValueError(
            f"Sample weights must be a 1D array or a scalar, got shape {weights.shape}."
        )
    if len(weights) != n_samples:
        raise ValueError(
            f"sample_weight has {len(weights)} entries, but X has {n_samples} rows."
        )
    if np.any(weights < 0.0):
        raise ValueError(
            "Negative values in sample_weight: weights must be zero or positive."
        )
    if not np.any(weights):
        raise ValueError(
            "Sample weights must contain at least one non-zero number: all rows have "
            "zero weight, so there is nothing to train on."
        )
    return weights


def encode_labels(y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.integer]]:
    """Return the sorted classes and the place of each label among them.

    In pieces, between which an interrupt is seen. Labels that are no classes are
    refused.
    """
    numbers = y.dtype.kind in "biuf"
    if not numbers:
        check_classification_targets(y)
    classes = _two_classes(y) if numbers else None
    if classes is not None:
        # Two integers are always classes, and the check takes a tenth of a small fit.
        if y.dtype.kind == "f":
            check_classification_targets(classes)
        return classes, (y == classes[1]).view(np.int8)
    pieces = [slice(at, at + _LABELS) for at in range(0, len(y), _LABELS)]
    classes = np.unique(y[pieces[0]])
    if len(pieces) > 1:
        each = [classes, *(np.unique(y[piece]) for piece in pieces[1:])]
        classes = np.unique(np.concatenate(each))
    # Where most labels differ scikit-learn warns; else integers are always classes.
    few = 2 * len(classes) <= len(y)
    if numbers and (y.dtype.kind == "f" or not few):
        check_classification_targets(np.repeat(classes, 3) if few else y)
    codes = np.empty(len(y), dtype=np.min_scalar_type(-len(classes)))
    for piece in pieces:
        codes[piece] = np.searchsorted(classes, y[piece])
    return classes, codes


def _two_classes(y: NDArray[Any]) -> NDArray[Any] | None:
    """Return the sorted classes if there are exactly two, which needs no sorting."""
    others = y != y[0]
    second = int(others.argmax())
    if not others[second] or not np.array_equal(others, y == y[second]):
        return None
    return np.sort(y[[0, second]])


def row_factors(
    class_weight: dict[Any, float] | str | None,
    classes: NDArray[Any],
    y: NDArray[Any],
    codes: NDArray[np.integer],
    weights: Float64Array | None,
) -> Float64Array:
    """Return class weight times sample weight for each row, or the one of all rows."""
    if class_weight is None and weights is None:
        return np.ones(1)
    if class_weight is None:
        factors = np.ones(len(classes))
    else:
        factors = compute_class_weight(
            class_weight, classes=classes, y=y, sample_weight=weights
        )
    if not np.all(np.isfinite(factors) & (factors > 0.0)):
        raise ValueError(
            f"class_weight must be positive and finite, got {class_weight!r}; to leave "
            "a class out, leave out its rows or give them sample_weight 0."
        )
    each: Float64Array = factors[codes]
    if weights is not None:
        with np.errstate(over="ignore", under="ignore"):
            each = each * weights
    return each[:1] if np.ptp(each) == 0.0 else each


def row_costs(C: float, factors: Float64Array) -> Float64Array:
    """Return C times what `row_factors` returned, once the product is known to do."""
    with np.errstate(over="ignore", under="ignore"):
        costs = C * factors
    if not (costs.min() > _SMALLEST_COST and costs.max() < _LARGEST_COST):
        raise ValueError(
            "C times class weight times sample weight must lie between "
            f"{_SMALLEST_COST} and {_LARGEST_COST} for every row of positive weight; "
            "rescale C or the weights."
        )
    return costs


def check_indices(X: Matrix) -> None:
    """Refuse a CSR matrix whose indices point outside its rows and columns."""
    if not sp.issparse(X):
        return
    _check_row_starts(X)
    used = X.indices[X.indptr[0] : X.indptr[-1]]
    n_features = X.shape[1]
    if len(used) and not (used.min() >= 0 and used.max() < n_features):
        raise no_such_column(n_features)


def checked_rows(X: Matrix) -> Rows:
    """Return the rows of X, once they are known to be finite and sparse ones valid.

    One pass finds their norms, which a fit needs, and whether they are. Dense ones have
    been looked at, unless scikit-learn was told to assume that they are finite: with a
    NaN there would be no certificate.
    """
    if sp.issparse(X):
        _check_row_starts(X)
    rows = MemoryRows(X)
    unseen = rows.is_sparse or get_config()["assume_finite"]
    if unseen and not np.all(np.isfinite(rows.squared_norms())):
        _refuse_infinite(X, "X", estimator_name="HingeSVC")
    return rows


def _refuse_infinite(values: Any, name: str, estimator_name: str = "") -> None:
    """Raise if values are not finite, whatever scikit-learn was told to assume."""
    with config_context(assume_finite=False):
        assert_all_finite(values, estimator_name=estimator_name, input_name=name)


def _check_row_starts(X: Matrix) -> None:
    """Refuse a CSR matrix whose rows do not follow on within its data."""
    starts, indices = X.indptr, X.indices
    n_samples = X.shape[0]
    if len(starts) != n_samples + 1 or starts[0] < 0 or np.any(np.diff(starts) < 0):
        raise ValueError(
            "X is no valid CSR matrix: its indptr must have one entry more than there "
            "are rows, and must not decrease."
        )
    if starts[-1] > min(len(indices), len(X.data)):
        raise ValueError(
            "X is no valid CSR matrix: its indptr points behind the end of its data."
        )


def aligned(X: Matrix) -> Matrix:
    """Return X, or a copy if its numbers do not stand at multiples of their size.

    Those of packed records need not, and C does not define what reading them does.
    """
    parts = (X.data, X.indices, X.indptr) if sp.issparse(X) else (X,)
    return X if all(part.flags.aligned for part in parts) else X.copy()


def draw_seeds(
    random_state: int | np.random.RandomState | None, count: int
) -> list[int]:
    """Return seeds for so many problems, always the same ones for None."""
    if random_state is None:
        # A generator of NumPy's takes 0.1 ms to make; the kernels' mixes these well.
        return list(range(count))
    seeds = check_random_state(random_state).randint(_LARGEST_SEED, size=count)
    return [int(seed) for seed in seeds]

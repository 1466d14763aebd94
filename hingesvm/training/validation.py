"""Checks of rows, labels and weights, beyond those of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from sklearn.utils.validation import validate_data

from hingesvm._namespace import on_host
from hingesvm.rows.contract import Rows
from hingesvm.rows.copied import Matrix
from hingesvm.rows.csr import no_such_column
from hingesvm.rows.memory import MemoryRows
from hingesvm.training.callbacks import LEFT_TO_SKLEARN
from hingesvm.training.containers import float_types, native, readable
from hingesvm.training.labels import with_objects
from hingesvm.training.left_out import labels_left_out, names_of, weights_of_fit

__all__ = [
    "check_indices",
    "check_sample_weight",
    "checked_input",
    "checked_matrix",
    "checked_rows",
    "class_factors",
    "draw_seeds",
    "is_plain",
    "refuse_infinite",
    "refuse_pegasos",
    "row_costs",
    "row_factors",
    "unchanged_on_error",
]

Float64Array = NDArray[np.float64]

# What scikit-learn calls no labels, as None is a mistake of the user.
_NO_LABELS = "no_validation"
# Squares and reciprocals of costs between these are finite.
_SMALLEST_COST, _LARGEST_COST = 1e-150, 1e150
# Rows whose factors are found in one go.
_AT_ONCE = 1 << 16
# Seeds are drawn below this number.
_LARGEST_SEED = np.iinfo(np.int32).max


@contextmanager
def unchanged_on_error(estimator: BaseEstimator) -> Iterator[None]:
    """Restore the attributes of an estimator if the body of the `with` raises."""
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
    """Check the arguments of `fit`, and set the attributes that describe features.

    Parameters
    ----------
    estimator : estimator instance
        `n_features_in_` and, if there are names, `feature_names_in_` are set.
    X, y, sample_weight : array-like
        The arguments of `fit`, as the user gave them.

    Returns
    -------
    rows : Rows
        The rows of X.
    labels : ndarray of shape (n_samples,)
        The labels.
    weights : ndarray of float64, of shape (n_samples,), or None
        The sample weights, 0 in classes that `class_weight` leaves out.

    Raises
    ------
    ValueError
        If the input is unusable; the message says why.
    """
    if is_plain(X, ordered=True) and _are_plain_labels(y, len(X)):
        estimator.n_features_in_ = X.shape[1]
        if hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
        weights = check_sample_weight(sample_weight, len(y))
        if estimator.class_weight is not None:
            weights = weights_of_fit(estimator.class_weight, y, weights)
        return MemoryRows(X), y, weights
    _refuse_batches(X)
    data, labels = checked_matrix(estimator, X, y)
    if get_config()["assume_finite"] and labels.dtype.kind == "f":
        refuse_infinite(labels, "y")
    rows = checked_rows(data)
    weights = check_sample_weight(sample_weight, len(labels))
    return rows, labels, weights_of_fit(estimator.class_weight, labels, weights)


def checked_matrix(
    estimator: BaseEstimator, X: Any, y: Any = _NO_LABELS, **options: Any
) -> tuple[Matrix, Any]:
    """Return X and, if they are given, labels as scikit-learn checks them.

    Parameters
    ----------
    estimator : estimator instance
    X, y : array-like
        As the user gave them.
    **options
        Others of `validate_data`, such as `reset`.

    Returns
    -------
    X : ndarray or CSR matrix
        C-ordered and aligned, of float32 or float64. Dense rows are finite; sparse ones
        are looked at when their norms are computed, in one pass.
    y : ndarray, or None
    """
    X = native(X)
    found = validate_data(
        estimator,
        X,
        with_objects(y),
        accept_sparse="csr",
        dtype=float_types(X),
        order="C",
        ensure_all_finite=not sp.issparse(X),
        **options,
    )
    data, labels = (found, None) if y is _NO_LABELS else found
    return readable(data), labels


def is_plain(X: Any, *, ordered: bool = False) -> TypeGuard[NDArray[np.floating]]:
    """Whether X is an array that scikit-learn's checks would return unchanged.

    The checks take longer than a small fit. With `ordered`, X must also be C-ordered
    and aligned.
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
    """Whether y is an array of numbers that the checks would return unchanged."""
    if not (type(y) is np.ndarray and y.shape == (count,)):
        return False
    if y.dtype.kind != "f":
        return y.dtype.kind in "biu"
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(y.sum()))


def check_sample_weight(
    sample_weight: ArrayLike | None, n_samples: int, *, may_be_zero: bool = False
) -> Float64Array | None:
    """Return checked sample weights as float64, or None if there are none.

    Whether all of them may be 0, as those of some of the rows can be, is said by
    `may_be_zero`.

    Raises
    ------
    ValueError
        If weights are of another shape than (n_samples,), negative, not finite or all
        zero.
    """
    if sample_weight is None:
        return None
    sample_weight = on_host(sample_weight)
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
    if not (may_be_zero or np.any(weights)):
        raise ValueError(
            "Sample weights must contain at least one non-zero number: all rows have "
            "zero weight, so there is nothing to train on."
        )
    return weights


def _refuse_batches(X: Any) -> None:
    """Say what trains on batches, if X can only be iterated over."""
    says_more = ("__len__", "__array__", "__dataframe__", "shape")
    if hasattr(X, "__iter__") and not any(hasattr(X, name) for name in says_more):
        raise TypeError(
            f"X is {type(X).__name__}, which holds no rows in memory. HingeSVC trains "
            "on batches of rows with fit_batches(batches); HingeSVCCV and hinge_path "
            "need arrays, so choose C on some of the rows, or by fits in batches with "
            "warm_start=True."
        )


def refuse_pegasos(solver: str, parts: str) -> None:
    """Raise a ValueError if the solver needs single rows, and there are only parts."""
    if solver == "pegasos":
        raise ValueError(
            f"solver='pegasos' visits single rows in random order, which {parts} "
            "cannot give: leave it to 'auto'."
        )


def row_factors(
    class_weight: dict[Any, float] | str | None,
    classes: NDArray[Any],
    codes: NDArray[np.integer],
    weights: Float64Array | None,
    out: Callable[[], Float64Array] | None = None,
) -> Float64Array:
    """Return class weight times sample weight of each row.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        The parameter of the estimator.
    classes : ndarray of shape (n_classes,)
        The sorted classes.
    codes : ndarray of integers, of shape (n_rows,)
        The class of each row, as an index into `classes`.
    weights : ndarray of float64, of shape (n_rows,), or None
        Sample weights.
    out : callable, optional
        Returns an array for what is returned, which may also be `weights` then.
        Default: a new one in memory.

    Returns
    -------
    ndarray of float64, of shape (n_rows,) or (1,)
        A single factor if it is that of all rows.

    Raises
    ------
    ValueError
        If a class weight is negative or not finite.
    """
    if class_weight is None and weights is None:
        return np.ones(1)
    is_balanced = isinstance(class_weight, str)
    sizes = np.bincount(codes, weights, len(classes)) if is_balanced else None
    factors = class_factors(class_weight, classes, sizes)
    if class_weight is None and weights is not None and out is not None:
        # They are nobody else's, and where there is room for them.
        row_weights = weights
    else:
        row_weights = np.empty(len(codes)) if out is None else out()
        # By pieces, as numpy copies codes to long integers.
        for start in range(0, len(codes), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            np.take(factors, codes[some], out=row_weights[some])
        if weights is not None:
            with np.errstate(over="ignore", under="ignore"):
                np.multiply(row_weights, weights, out=row_weights)
    return row_weights[:1] if np.ptp(row_weights) == 0.0 else row_weights


def class_factors(
    class_weight: dict[Any, float] | str | None,
    classes: NDArray[Any],
    sizes: NDArray[Any] | None,
) -> Float64Array:
    """Return the weight of each class.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        The parameter of the estimator.
    classes : ndarray of shape (n_classes,)
        The sorted classes.
    sizes : ndarray of shape (n_classes,), or None
        The summed sample weights of each, where they are "balanced".

    Raises
    ------
    ValueError
        If a class weight is negative or not finite.
    """
    factors: Float64Array
    if class_weight is None:
        factors = np.ones(len(classes))
    elif isinstance(class_weight, str):
        # As scikit-learn has "balanced", without labels of all rows.
        assert sizes is not None
        factors = sizes.sum() / (len(classes) * sizes)
    else:
        # Classes that are left out are not among `classes`.
        present = map(names_of, classes.tolist())
        absent = labels_left_out(class_weight).difference(*present)
        chosen = {k: w for k, w in class_weight.items() if k not in absent}
        factors = compute_class_weight(chosen, classes=classes, y=classes)
    if not np.all(np.isfinite(factors) & (factors >= 0.0)):
        raise ValueError(
            "class_weight must be positive and finite, or 0 to leave a class out, got "
            f"{class_weight!r}."
        )
    return factors


def row_costs(
    C: float, factors: Float64Array, out: Callable[[], Float64Array] | None = None
) -> Float64Array:
    """Return C times the factors that `row_factors` returned, in an array of `out`.

    Raises
    ------
    ValueError
        If a product is so small or large that its square or reciprocal is not finite.
    """
    with np.errstate(over="ignore", under="ignore"):
        room = None if out is None or len(factors) == 1 else out()
        costs = factors if C == 1.0 else np.multiply(C, factors, out=room)
    if not (costs.min() > _SMALLEST_COST and costs.max() < _LARGEST_COST):
        raise ValueError(
            "C times class weight times sample weight must lie between "
            f"{_SMALLEST_COST} and {_LARGEST_COST} for every row of positive weight; "
            "rescale C or the weights."
        )
    return costs


def check_indices(X: Matrix) -> None:
    """Raise a ValueError if a CSR matrix has indices outside its rows or columns."""
    if not sp.issparse(X):
        return
    _check_row_starts(X)
    used = X.indices[X.indptr[0] : X.indptr[-1]]
    n_features = X.shape[1]
    if len(used) and not (used.min() >= 0 and used.max() < n_features):
        raise no_such_column(n_features)


def checked_rows(X: Matrix) -> Rows:
    """Return the rows of X after checking that they are finite, and valid if sparse.

    One pass over the rows finds their norms, which a fit needs anyway; a norm is finite
    if its row is. scikit-learn has already checked dense rows, unless its setting
    `assume_finite` is on. They are then checked here, as a NaN leaves no certificate.

    Raises
    ------
    ValueError
        If a row is not finite, or X is no valid CSR matrix.
    """
    if sp.issparse(X):
        _check_row_starts(X)
    rows = MemoryRows(X)
    unchecked = rows.is_sparse or get_config()["assume_finite"]
    if unchecked and not np.all(np.isfinite(rows.squared_norms())):
        refuse_infinite(X, "X", estimator_name="HingeSVC")
    return rows


def refuse_infinite(values: Any, name: str, estimator_name: str = "") -> None:
    """Raise a ValueError if values are not finite, also with `assume_finite` set."""
    with config_context(assume_finite=False):
        assert_all_finite(values, estimator_name=estimator_name, input_name=name)


def _check_row_starts(X: Matrix) -> None:
    """Raise a ValueError if the `indptr` of a CSR matrix is not valid."""
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


def draw_seeds(
    random_state: int | np.random.RandomState | None, count: int
) -> list[int]:
    """Return `count` seeds; with None they are the same at each call."""
    if random_state is None:
        # NumPy takes 0.1 ms to make a generator; that of the kernels mixes these well.
        return list(range(count))
    seeds = check_random_state(random_state).randint(_LARGEST_SEED, size=count)
    return [int(seed) for seed in seeds]

"""Streams: batches that a user passes one by one, and the model of all so far."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import _fit_context
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from hingesvm.losses import get_loss
from hingesvm.penalties import get_penalty
from hingesvm.rows.copied import Matrix
from hingesvm.solvers.streaming.stream import Stream
from hingesvm.training.labels import class_labels, plain, with_objects
from hingesvm.training.left_out import (
    check_labels_left_out,
    refuse_too_few_classes,
    weights_without,
)
from hingesvm.training.parameters import HingeParameters, intercept_rule
from hingesvm.training.penalty import column_penalty
from hingesvm.training.validation import (
    check_sample_weight,
    checked_matrix,
    checked_rows,
    draw_seeds,
    is_plain,
    refuse_infinite,
    row_costs,
    row_factors,
    unchanged_on_error,
)

__all__ = ["PartialFitMixin", "end_stream"]

Float64Array = NDArray[np.float64]

# Attributes of one kind of training alone, which the other one ends.
_OF_FIT = (
    *("objective_", "dual_gap_", "n_iter_", "history_"),
    *("dual_coef_", "_dual_costs"),
)
_OF_STREAM = ("_stream", "n_samples_seen_")

# Rows that are taken at once: a bound of the memory that a large batch takes.
_AT_ONCE = 10_000


class StreamTraining:
    """What an estimator keeps of a stream, and how it takes a batch.

    Parameters
    ----------
    params : HingeParameters
        The estimator when the stream begins.
    classes : ndarray of shape (n_classes,)
        The sorted labels.
    X : ndarray or CSR matrix
        The first batch. Others are converted if they are sparse and it is not, or the
        other way round.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        As passed.
    n_samples : int
        Rows of positive weight so far.
    """

    def __init__(
        self, params: HingeParameters, classes: NDArray[Any], X: Matrix
    ) -> None:
        count = 1 if len(classes) == 2 else len(classes)
        seed = draw_seeds(params.random_state, 1)[0]
        self._loss, self._rule = get_loss(params.loss), intercept_rule(params)
        self._penalty = get_penalty(params.l1_ratio)
        penalty = column_penalty(params, X.shape[1], None)
        self._stream = Stream(X.shape[1], count, self._loss, self._rule, seed, penalty)
        self.classes, self._is_sparse = classes, sp.issparse(X)
        self._dtype = X.dtype
        self._sizes = np.zeros(len(classes))
        self.n_samples = 0
        # The highest bound so far, as more rows only raise the minimum, and whether it
        # is that of all rows.
        self._bound, self._is_proven = 0.0, True

    def copy(self) -> StreamTraining:
        """Return a copy that can change while this one stays as it is."""
        other = StreamTraining.__new__(StreamTraining)
        vars(other).update(vars(self))
        other._stream, other._sizes = self._stream.copy(), self._sizes.copy()
        return other

    def check_parameters(self, params: HingeParameters) -> None:
        """See that the problem is the one that the stream began with."""
        same = {
            "loss": get_loss(params.loss) == self._loss,
            "fit_intercept and penalized_intercept": intercept_rule(params)
            == self._rule,
            "l1_ratio": get_penalty(params.l1_ratio) == self._penalty,
        }
        for names, is_same in same.items():
            if not is_same:
                raise ValueError(
                    f"{names} cannot change within a stream: what is known of earlier "
                    "rows would not hold. Set them back, or begin a stream anew with "
                    "sklearn.base.clone(estimator)."
                )

    def add(
        self,
        params: HingeParameters,
        C: float,
        X: Matrix,
        codes: NDArray[np.intp],
        weights: Float64Array | None,
    ) -> None:
        """Take the rows of a batch.

        Parameters
        ----------
        params : HingeParameters
            Has the weights of classes.
        C : float
        X : ndarray or CSR matrix, of shape (n_rows, n_features)
        codes : ndarray of intp, of shape (n_rows,)
            The class of each row.
        weights : ndarray of float64, of shape (n_rows,), or None
            Sample weights; rows of weight 0 are left out, and so are classes.
        """
        weights = weights_without(params.class_weight, self.classes, codes, weights)
        if weights is not None and not np.all(weights):
            kept = np.flatnonzero(weights)
            X, codes, weights = X[kept], codes[kept], weights[kept]
        if not len(codes):
            return
        X = self._converted(X)
        self._dtype = np.promote_types(self._dtype, X.dtype)
        self._sizes += np.bincount(codes, weights, len(self.classes))
        costs = row_costs(C, self._factors(params, codes, weights))
        costs = np.broadcast_to(costs, (len(codes),))
        for first in range(0, len(codes), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            self._stream.add(checked_rows(X[some]), codes[some], costs[some])
        self.n_samples += len(codes)
        self._is_proven = False

    @property
    def lower_bound(self) -> float:
        """A lower bound of the least objective over all rows so far.

        Newton steps prove it when it is first asked for; they do not change the model.
        """
        if not self._is_proven:
            self._bound = max(self._bound, self._stream.lower_bound())
            self._is_proven = True
        return self._bound

    def _converted(self, X: Matrix) -> Matrix:
        """Return rows as the first batch had them, dense or CSR."""
        if self._is_sparse == sp.issparse(X):
            return X
        # Sparse rows are not yet known to be finite.
        checked_rows(X)
        return sp.csr_matrix(X) if self._is_sparse else X.toarray()

    def _factors(
        self,
        params: HingeParameters,
        codes: NDArray[np.intp],
        weights: Float64Array | None,
    ) -> Float64Array:
        """Return class weight times sample weight of each row."""
        chosen = params.class_weight
        if isinstance(chosen, str):
            # By all rows so far, and the classes that have any.
            present = self._sizes > 0.0
            factors = np.ones(len(self._sizes))
            sizes = np.count_nonzero(present) * self._sizes[present]
            factors[present] = self._sizes.sum() / sizes
            chosen = dict(zip(self.classes.tolist(), factors.tolist(), strict=True))
        return row_factors(chosen, self.classes, codes, weights)

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of an estimator that has this model."""
        lanes = self._stream.lanes
        return {
            "classes_": self.classes,
            "coef_": np.array([lane.weights for lane in lanes], dtype=self._dtype),
            "intercept_": np.array(
                [lane.intercept for lane in lanes], dtype=self._dtype
            ),
            "n_samples_seen_": self.n_samples,
        }


def advanced(
    estimator: Any,
    stream: StreamTraining | None,
    X: ArrayLike,
    y: ArrayLike,
    classes: ArrayLike | None,
    sample_weight: ArrayLike | None,
) -> StreamTraining:
    """Return a stream with one batch more.

    Parameters
    ----------
    estimator : HingeSVC
        `n_features_in_` and, if there are names, `feature_names_in_` are set by the
        first batch; the others must agree.
    stream : StreamTraining or None
        That so far; None before the first batch. It stays as it is.
    X, y, classes, sample_weight : array-like
        The arguments of `partial_fit`, as the user gave them.

    Returns
    -------
    StreamTraining

    Raises
    ------
    ValueError
        If the input is unusable; the message says why.
    """
    is_first = stream is None
    if is_first and classes is None:
        # Those of a fit, of whose rows nothing else is known.
        classes = getattr(estimator, "classes_", None)
    labels = _checked_classes(stream, classes)
    check_labels_left_out(estimator.class_weight, labels)
    refuse_too_few_classes(estimator.class_weight, labels)
    data, y = _checked_batch(estimator, X, y, is_first=is_first)
    codes = _encoded(y, labels)
    weights = check_sample_weight(sample_weight, len(codes), may_be_zero=True)
    if stream is None:
        stream = StreamTraining(estimator, labels, data)
    else:
        stream.check_parameters(estimator)
        stream = stream.copy()
    stream.add(estimator, estimator.C, data, codes, weights)
    return stream


def _checked_classes(
    stream: StreamTraining | None, classes: ArrayLike | None
) -> NDArray[Any]:
    """Return the sorted labels of all classes of a stream."""
    if classes is None:
        if stream is None:
            raise ValueError(
                "classes must be passed on the first call to partial_fit: all labels "
                "that will ever occur, as those of later batches are not known yet."
            )
        return stream.classes
    given = class_labels(classes)
    check_classification_targets(np.repeat(given, 3))
    if stream is not None:
        if not np.array_equal(given, stream.classes):
            raise ValueError(
                f"`classes={plain(given)}` is not the same as on last call to "
                f"partial_fit, was: {plain(stream.classes)}."
            )
    elif len(given) < 2:
        raise ValueError(
            f"classes must have at least two labels, got {plain(given)}: pass all "
            "that will ever occur."
        )
    return given


def _checked_batch(
    estimator: Any, X: ArrayLike, y: ArrayLike, *, is_first: bool
) -> tuple[Matrix, NDArray[Any]]:
    """Return checked rows and labels of a batch."""
    if is_first:
        for name in ("n_features_in_", "feature_names_in_"):
            vars(estimator).pop(name, None)
    has_names = hasattr(estimator, "feature_names_in_")
    if is_plain(X, ordered=True) and not has_names:
        if is_first:
            estimator.n_features_in_ = X.shape[1]
        labels: NDArray[Any] = np.asarray(with_objects(y))
        if X.shape[1] == estimator.n_features_in_ and labels.shape == (len(X),):
            return X, labels
    return checked_matrix(estimator, X, y, reset=is_first)


def _encoded(y: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.intp]:
    """Return the class of each label."""
    if y.dtype.kind == "f":
        refuse_infinite(y, "y")
    try:
        codes = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
        is_known = classes[codes] == y
    except TypeError:
        # Labels that cannot be compared, as where some are missing.
        places = {label: place for place, label in enumerate(classes.tolist())}
        codes = np.array([places.get(label, -1) for label in y.tolist()], dtype=np.intp)
        is_known = codes >= 0
    if not np.all(is_known):
        first = int(np.argmin(is_known))
        stranger = plain(y[first : first + 1])[0]
        raise ValueError(
            f"y has the label {stranger!r}, which is not one of `classes`, "
            f"{plain(classes)}. Classes must have all labels from the first call on; "
            "for another one begin a stream anew."
        )
    if y.dtype.kind not in "biuf":
        # As `fit` does, to which numbers that are objects are no labels. One label
        # tells, and is passed three times as scikit-learn warns where most differ.
        check_classification_targets(np.repeat(y[:1], 3))
    return codes


def _trains_streams(estimator: Any) -> bool:
    """Whether classes are trained one by one; an error if not."""
    if estimator.multi_class == "ovr":
        return True
    raise AttributeError(
        "partial_fit trains each class against the rest: joint losses, such as "
        f"multi_class={estimator.multi_class!r}, need all rows at once. Leave "
        'multi_class at "ovr", or call fit.'
    )


class PartialFitMixin:
    """The method `partial_fit` of an estimator."""

    # None of a model that is not of a stream.
    _stream: StreamTraining | None = None

    @property
    def lower_bound_(self) -> float:
        """A proven lower bound of the least objective over all rows of a stream.

        It takes Newton steps, on a copy, when it is first read after a batch.
        """
        if self._stream is None:
            raise AttributeError("lower_bound_ is that of a stream: call partial_fit.")
        return self._stream.lower_bound

    @available_if(_trains_streams)
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train on one batch of a stream, whose rows need not be passed again.

        The problem is that of `fit` on all rows passed so far,

            1/2 ||w||^2 + C * (sum of s_i * loss(y_i * (x_i . w + b))),

        which this solves about, in one pass and in constant memory: of the rows up to
        50,000 or 64 MB are kept, those near the margin and a sample of the others.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows with the columns of those before. Some hundreds or more in each batch
            take the least time for a row.
        y : array-like of shape (n_samples,)
            Class labels.
        classes : array-like of shape (n_classes,), optional
            All labels that will ever occur, required at the first call. Several classes
            are trained each against the rest.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights. Rows of weight 0 are left out, and a batch of no other
            rows changes nothing.

        Returns
        -------
        HingeSVC
            The estimator. It has `coef_`, `intercept_`, `n_samples_seen_` and
            `lower_bound_`, and of a fit's attributes none that tell of its rows.

        Raises
        ------
        ValueError
            If the input is unusable, or y has a label that is not one of `classes`; the
            message says why. The estimator is then as it was before.
        AttributeError
            If `multi_class` is not "ovr", as joint losses need all rows at once.

        Notes
        -----
        `lower_bound_` is proven for all rows so far, those that were dropped too, when
        it is first read after a batch. With the objective from a second pass it makes a
        certificate.

        Rows should come in random order. Those of one class after the other give a
        less good model, and a poor bound.

        ``class_weight="balanced"`` means the weights of the classes so far: each row
        counts with the factor that its class has with its batch. `C` may change from
        batch to batch; the loss, `l1_ratio` and the kind of intercept may not.
        `solver`, `tol`, `max_iter` and `n_jobs` have no effect.

        With `l1_ratio` the penalty is that of `fit`. At 1 the bound is only as good as
        the column that fits it least, which on many columns may be far below.

        A call after `fit` or `fit_batches` begins a new stream, in which the rows of
        that fit do not count: pass them first if they shall. `fit` ends a stream.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import make_classification
        >>> from hingesvm import HingeSVC
        >>> X, y = make_classification(20_000, 10, flip_y=0.1, random_state=0)
        >>> clf = HingeSVC()
        >>> for rows, labels in zip(np.array_split(X, 20), np.array_split(y, 20)):
        ...     _ = clf.partial_fit(rows, labels, classes=[0, 1])
        >>> clf.n_samples_seen_
        20000
        >>> margins = np.where(y == 1, 1, -1) * clf.decision_function(X)
        >>> losses = np.maximum(0.0, 1.0 - margins)
        >>> objective = 0.5 * np.sum(clf.coef_**2) + losses.sum()
        >>> bool(0.97 * objective <= clf.lower_bound_ <= objective)
        True
        """
        with unchanged_on_error(self):
            estimator: Any = self
            # scikit-learn looks at parameters before the first call only.
            if not get_config()["skip_parameter_validation"]:
                estimator._validate_params()
            stream = advanced(estimator, self._stream, X, y, classes, sample_weight)
            for name in _OF_FIT:
                vars(self).pop(name, None)
            self._stream = stream
            for name, value in stream.attributes().items():
                setattr(self, name, value)
        return self


def end_stream(estimator: Any) -> None:
    """Forget the stream of an estimator."""
    for name in _OF_STREAM:
        vars(estimator).pop(name, None)

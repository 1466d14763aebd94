"""Training on an array of another library, where it is.

Under scikit-learn's setting ``array_api_dispatch`` all follows X: labels and weights
are moved to its device, and the model is arrays of its library there.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from hingesvm._namespace import Namespace, namespace_of, to_host
from hingesvm.penalties import Penalty
from hingesvm.problems.certificate import Certificate
from hingesvm.rows.array_losses import numbers
from hingesvm.rows.arrays import ArrayRows
from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers import LARGEST_SUM, Solution, too_large
from hingesvm.solvers.arrays.problem import ArrayProblem, losses_of
from hingesvm.solvers.arrays.rounding import round_on_device
from hingesvm.solvers.arrays.until import solve_on_device
from hingesvm.solvers.newton.starts import WeightsStart
from hingesvm.training.blocks import LastModel
from hingesvm.training.callbacks import Task
from hingesvm.training.labels import encode_labels, with_objects
from hingesvm.training.left_out import are_left_out, check_labels_left_out
from hingesvm.training.parameters import HingeParameters
from hingesvm.training.run import Training
from hingesvm.training.trained import TrainedModel
from hingesvm.training.validation import (
    check_sample_weight,
    class_factors,
    refuse_infinite,
    row_costs,
)

__all__ = ["ArrayTraining", "warn_of_host", "why_on_host"]

Float64Array = NDArray[np.float64]

# Sums whose squares are finite in float32, with room for sums over many columns.
_LARGEST_NARROW = 1e15
# Rows that come to the host where a warning says what they are like.
_SEEN = 1000


def why_on_host(params: HingeParameters, n_classes: int) -> str | None:
    """Return what of the parameters is trained on the host alone, or None."""
    if params.solver not in ("auto", "batch"):
        return f"solver={params.solver!r}"
    if isinstance(params.l1_ratio, Penalty) or params.l1_ratio:
        return f"l1_ratio={params.l1_ratio!r}"
    if n_classes > 2 and params.multi_class != "ovr":
        return f"multi_class={params.multi_class!r} of more than two classes"
    return None


class ArrayTraining:
    """Checked rows on a device, with labels and weights beside them.

    Parameters
    ----------
    params : HingeParameters
        The estimator; `n_features_in_` is set.
    space : Namespace
        That of X.
    X : array of shape (n_samples, n_features)
    y, sample_weight : array-like of shape (n_samples,)
        As the user gave them, wherever they are.

    Attributes
    ----------
    labels : ndarray or array of shape (n_classes,)
        The sorted classes, where y is.
    n_samples : int
        Rows, those of weight 0 included.
    kept : array of indices, or None
        Those that take part, if not all do.
    training : Training
        The same parameters, as if each class were one row.

    Raises
    ------
    ValueError
        If the input is unusable; the message says why.
    """

    def __init__(
        self,
        params: HingeParameters,
        space: Namespace,
        X: Any,
        y: Any,
        sample_weight: Any,
    ) -> None:
        self._params, self.space = params, space
        xp = space.xp
        X = _checked(params, space, X)
        self.n_samples = int(X.shape[0])
        marks, values, classes, labels = self._encoded(X, y)
        weights = self._weights(sample_weight)
        check_labels_left_out(params.class_weight, classes)
        is_out = are_left_out(params.class_weight, classes)
        if is_out.any():
            weights = self._ones(self.n_samples) if weights is None else weights
            for value, leaves in zip(values, is_out.tolist(), strict=True):
                if leaves:
                    weights = xp.where(marks == value, 0.0 * weights, weights)
        self.kept: Any = None
        if weights is not None and not bool(xp.all(weights > 0.0)):
            self.kept = xp.nonzero(weights > 0.0)[0]
            if not self.kept.shape[0]:
                check_sample_weight(np.zeros(1), 1)
            X, marks, weights = (
                xp.take(values_of, self.kept, axis=0)
                for values_of in (X, marks, weights)
            )
        self.rows = ArrayRows(X, space)
        self._marks, self._weights_of_rows = marks, weights
        sizes = self._class_sizes(values)
        used = [k for k, size in enumerate(sizes) if size > 0.0]
        self._values = [values[k] for k in used]
        self.sizes = sizes[used]
        self.classes = classes[used]
        self.labels = labels[used] if isinstance(labels, np.ndarray) else labels
        if not isinstance(labels, np.ndarray) and len(used) < len(classes):
            home = namespace_of(labels)
            assert home is not None
            places = home.asarray(np.array(used))
            self.labels = home.xp.take(labels, places, axis=0)
        stand_in = MemoryRows(
            np.zeros((len(used), self.rows.n_features), self.rows.dtype)
        )
        self.training = Training.of_codes(
            params, stand_in, self.classes, np.arange(len(used)), None
        )

    def _encoded(
        self, X: Any, y: Any
    ) -> tuple[Any, list[Any], NDArray[Any], NDArray[Any] | Any]:
        """Return marks of rows on the device, the mark of each class, and the classes.

        The classes come on the host and, last, where y is.
        """
        home = namespace_of(y)
        if home is None:
            labels = column_or_1d(with_objects(y), warn=True)
            check_consistent_length(X, labels)
            if labels.dtype.kind == "f":
                refuse_infinite(labels, "y")
            classes, codes = encode_labels(labels)
            marks = self.space.asarray(codes.astype(np.int32))
            return marks, list(range(len(classes))), classes, classes
        y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        xp = home.xp
        if xp.isdtype(y.dtype, "real floating") and not bool(xp.all(xp.isfinite(y))):
            is_nan = bool(xp.any(xp.isnan(y)))
            refuse_infinite(np.array([np.nan if is_nan else np.inf]), "y")
        labels = xp.sort(xp.astype(xp.unique_values(y), _sortable(xp, y.dtype)))
        labels = xp.astype(labels, y.dtype)
        classes = to_host(labels)
        few = 2 * len(classes) <= self.n_samples
        check_classification_targets(np.repeat(classes, 3) if few else to_host(y))
        if y.dtype == xp.bool:
            y = xp.astype(y, xp.int32)
        marks = self.space.asarray(y)
        values = [int(c) if c.dtype.kind == "b" else c.item() for c in classes]
        return marks, values, classes, labels

    def _weights(self, sample_weight: Any) -> Any:
        """Return checked sample weights on the device, or None."""
        space = self.space
        home = namespace_of(sample_weight)
        if home is None or sample_weight.ndim != 1:
            given = sample_weight if home is None else to_host(sample_weight)
            weights = check_sample_weight(given, self.n_samples)
            return None if weights is None else space.asarray(weights, space.widest)
        if sample_weight.shape[0] != self.n_samples:
            check_sample_weight(np.ones(sample_weight.shape[0]), self.n_samples)
        weights = space.asarray(sample_weight, space.widest)
        least, most = numbers(space, [space.xp.min(weights), space.xp.max(weights)])
        if not (least >= 0.0 and 0.0 < most < np.inf):
            # The same checks, and messages, as of weights on the host.
            check_sample_weight(to_host(weights), self.n_samples)
        return weights

    def _ones(self, count: int) -> Any:
        """Return a weight of 1 for each of some rows."""
        space = self.space
        return space.xp.ones(count, dtype=space.widest, device=space.device)

    def _class_sizes(self, values: list[Any]) -> Float64Array:
        """Return the summed weights of each class."""
        xp, weights = self.space.xp, self._weights_of_rows
        if weights is None:
            weights = self._ones(self.rows.n_rows)
        zero = xp.zeros_like(weights)
        sums = [
            xp.sum(xp.where(self._marks == value, weights, zero)) for value in values
        ]
        return np.array(numbers(self.space, sums))

    @property
    def n_classes(self) -> int:
        """Number of classes with rows that take part."""
        return len(self.classes)

    def _costs(self, C: float) -> Any:
        """Return C times the weight of each row: a float if it is that of all."""
        xp, space = self.space.xp, self.space
        factors = class_factors(self._params.class_weight, self.classes, self.sizes)
        weights = self._weights_of_rows
        ends = np.ones(2)
        if weights is not None:
            ends = np.array(numbers(space, [xp.min(weights), xp.max(weights)]))
        row_costs(C, np.outer(ends, factors).ravel())
        factor = C * self.training.binary_factors.cost
        if weights is None and np.ptp(factors) == 0.0:
            return float(factor * factors[0])
        if weights is None:
            weights = self._ones(self.rows.n_rows)
        costs = xp.zeros_like(weights)
        for value, of_class in zip(self._values, factors.tolist(), strict=True):
            costs = xp.where(self._marks == value, (factor * of_class) * weights, costs)
        return costs

    def train(
        self,
        C: float,
        last: LastModel | None = None,
        task: Task | None = None,
        *,
        keep_duals: bool = False,
    ) -> tuple[TrainedModel, Any]:
        """Train with one C; see `Training.train`.

        Parameters
        ----------
        C : float
        last : LastModel, optional
            Where to start, in NumPy arrays.
        task : Task, optional
        keep_duals : bool, default=False
            Whether to return the dual variables of all rows.

        Returns
        -------
        TrainedModel
            Its coefficients are NumPy arrays.
        array of shape (n_problems, n_samples), or None
            ``y_i * alpha_i``, on the device.
        """
        training, space = self.training, self.space
        cost = self._costs(C)
        self._check_range(cost)
        loss, factors = training.loss, training.binary_factors
        monitor = training.monitor(task, self.rows.n_rows)
        if monitor is not None:
            monitor.origin = lambda number: self._problem(number, cost).origin()
        solutions: list[Solution] = []
        rounded, signed = [], []
        for number, seed in enumerate(training.seeds):
            problem = self._problem(number, cost)
            report = None if monitor is None else monitor.of(number)
            start = None
            if last is not None:
                w = last.coef[number].astype(np.float64) / factors.coef
                start = WeightsStart(w, float(last.intercept[number]) / factors.coef)
            solution = solve_on_device(
                problem, loss, training.settings, start=start, seed=seed, report=report
            )
            if report is not None:
                report.end(solution)
            certificate = solution.certificate
            rounded.append(round_on_device(problem, certificate, training.settings.tol))
            if keep_duals:
                signed.append(self._signed(problem, certificate))
            bare = replace(
                certificate, weights=np.empty(0), duals=np.empty(0), w_of_duals=None
            )
            solutions.append(replace(solution, certificate=bare))
        dtype = self.rows.dtype.type
        coef = np.array([w for w, _, _ in rounded]) * dtype(factors.coef)
        intercept = np.array([b for _, b, _ in rounded]) * dtype(factors.coef)
        trained = TrainedModel(
            coef,
            intercept,
            solutions,
            max(gap for _, _, gap in rounded),
            factors.objective,
            np.array([C]),
        )
        return trained, space.xp.stack(signed) if keep_duals else None

    def _problem(self, number: int, cost: Any) -> ArrayProblem:
        """Return the problem of a class against the rest."""
        xp, training = self.space.xp, self.training
        value = self._values[training.targets[number]]
        positive = xp.astype(self._marks == value, self.space.widest)
        losses = losses_of(self.space, 2.0 * positive - 1.0, cost, training.loss)
        return ArrayProblem.on_device(self.rows, losses, training.loss, training.rule)

    def _check_range(self, cost: Any) -> None:
        """Refuse data that are not finite, or whose objective could overflow."""
        longest = self.rows.longest()
        if not np.isfinite(longest):
            refuse_infinite(to_host(self.rows.X), "X", estimator_name="HingeSVC")
        total = cost
        if isinstance(cost, float):
            total = cost * self.rows.n_rows
        else:
            total = float(self.space.xp.sum(cost))
        largest = _LARGEST_NARROW if self.rows.is_narrow else LARGEST_SUM
        if not longest * (1.0 + total) < largest:
            raise too_large()

    def _signed(self, problem: ArrayProblem, certificate: Certificate) -> Any:
        """Return y_i alpha_i of all rows, 0 for those that took no part."""
        xp, losses = self.space.xp, problem.losses_of_rows
        alpha = getattr(certificate.duals, "alpha", None)
        signed = xp.zeros_like(losses.signs) if alpha is None else alpha * losses.signs
        # Adding 0 turns negative zeros, which are shown as "-0.", into zeros.
        signed = signed + 0.0
        if self.kept is None:
            return signed
        everyone = xp.arange(self.n_samples, device=self.space.device)
        places = xp.searchsorted(self.kept, everyone)
        places = xp.clip(places, 0, self.kept.shape[0] - 1)
        is_kept = xp.take(self.kept, places, axis=0) == everyone
        spread = xp.take(signed, places, axis=0)
        return xp.where(is_kept, spread, xp.zeros_like(spread))

    @cached_property
    def some_rows(self) -> MemoryRows:
        """Some rows in memory, from which a warning tells what columns are like."""
        step = max(1, self.rows.n_rows // _SEEN)
        return MemoryRows(np.ascontiguousarray(to_host(self.rows.X[::step, :])))


def _checked(params: BaseEstimator, space: Namespace, X: Any) -> Any:
    """Return X as scikit-learn checks it, in float32 or float64."""
    if hasattr(X, "detach"):
        # Nobody is to differentiate a fit.
        X = X.detach()
    if getattr(X, "is_sparse", False):
        raise TypeError(
            "X is a sparse array on a device: pass a dense one, or a CSR matrix of "
            "SciPy, which is trained on in memory of the host."
        )
    return validate_data(params, X, dtype=space.floats)


def _sortable(xp: Any, dtype: Any) -> Any:
    """Return a dtype of the same order that can be sorted: booleans cannot."""
    return xp.int8 if dtype == xp.bool else dtype


def warn_of_host(params: HingeParameters, space: Namespace, why: str) -> None:
    """Warn that a fit goes to the host, as its parameters ask for."""
    warnings.warn(
        f"{type(params).__name__} trains {why} on the host alone: X, an array of "
        f"{space.name} on {space.device}, is copied there. coef_, intercept_ and "
        "predictions follow X all the same.",
        UserWarning,
        stacklevel=5,
    )

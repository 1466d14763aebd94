"""HingeSVC, the estimator with a given C."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval

from hingesvm._base import BaseHingeSVC
from hingesvm._namespace import Namespace, namespace_of, on_host, to_host
from hingesvm.losses import MarginLoss, MulticlassLoss
from hingesvm.penalties import Penalty
from hingesvm.problems.start import Start
from hingesvm.solvers import Method
from hingesvm.training.arguments import explains_arguments
from hingesvm.training.arrays import ArrayTraining, warn_of_host, why_on_host
from hingesvm.training.batches import BatchReader
from hingesvm.training.blocks import LastModel
from hingesvm.training.callbacks import begin_fit
from hingesvm.training.docstrings import documented_by
from hingesvm.training.parameters import BOOLEAN, HingeParameters
from hingesvm.training.reporting import warn_if_not_converged
from hingesvm.training.run import Training
from hingesvm.training.streams import PartialFitMixin, end_stream
from hingesvm.training.validation import (
    checked_input,
    refuse_pegasos,
    unchanged_on_error,
)
from hingesvm.training.warm_start import KeptDuals

__all__ = ["HingeSVC"]

Float64Array = NDArray[np.float64]


@documented_by(HingeParameters)
class HingeSVC(PartialFitMixin, BaseHingeSVC):
    r"""Linear support vector classifier that certifies its answer.

    For two classes it minimises

    .. math::

        P(w, b) = \tfrac12 \|w\|^2 + C \sum_i s_i \,
            \ell\big(y_i (x_i^\top w + b)\big),

    with labels :math:`y_i` in {-1, +1}, weights :math:`s_i` and :math:`\ell` the hinge
    loss, :math:`\max(0, 1 - m)`, or a smooth relative of it: the problem that
    ``SVC(kernel="linear")`` solves. `l1_ratio` puts a share of the L1 norm into the
    penalty, which makes weights exactly 0. Every fit returns a duality gap, computed on
    all rows, which bounds how far `objective_` is above the minimum. Training is by
    subgradient descent with exact line search and a second-order finish; there is no
    learning rate. More than two classes are trained one against the rest, or jointly:

    .. math::

        P(W, b) = \tfrac12 \sum_k \|w_k\|^2 + C \sum_i s_i \,
            \ell\big(W x_i + b, y_i\big)

    with Crammer and Singer's loss, :math:`\max_{k \ne y} \max(0, 1 - f_y + f_k)`, or
    Weston and Watkins', :math:`\sum_{k \ne y} \max(0, 1 - f_y + f_k)`.

    Parameters
    ----------
    C : float, default=1.0
        Weight of the losses against the penalty; positive and finite. It multiplies
        a sum over rows, as in LinearSVC and SVC; ``SGDClassifier(alpha=a)`` on n
        rows has ``C = 1 / (a * n)``.
    loss
    l1_ratio
    multi_class
    fit_intercept
    penalized_intercept
    class_weight
    solver
    tol
    max_iter
    warm_start : bool, default=False
        Whether to keep `dual_coef_` and to start the next fit from it.
    n_jobs
    random_state
    verbose

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Weights, in the dtype of `X` (float32 or float64); one row for two classes.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts, in the same dtype.
    objective_ : float
        Primal value P at the solution, summed over the one-vs-rest problems.
    dual_gap_ : float
        Absolute duality gap, summed likewise: `objective_` is at most this far above
        the minimum, and for each problem the weights are within ``sqrt(2 * gap)`` of
        the optimal ones, or ``sqrt(2 * gap / (1 - l1_ratio))``. It belongs to the
        solution found in float64, of which `coef_` holds the rounded values when `X` is
        float32.
    n_iter_ : int
        Sweeps and Newton steps, the most of any one-vs-rest problem. A sweep is as
        many steps as there are rows; Newton steps on samples and bands count too, and a
        look at the gap, with the sweeps before it, as half an iteration at least.
    history_ : list of ndarray
        For each problem (one if joint) a structured array with a row per look at the
        gap and the fields "iteration", "seconds", "objective", "gap" and "active", the
        number of rows that are worked on: those that sweeps do not pass over, those in
        the band of the last Newton steps, or all.
    dual_coef_ : ndarray of shape (1, n_samples) or (n_classes, n_samples)
        ``y_i * alpha_i``; of a joint problem what each row adds to each class, or of
        two classes to their difference. At the optimum ``dual_coef_ @ X`` is `coef_`
        or, with `l1_ratio`, a subgradient of the penalty there. Only with
        ``warm_start=True``.
    n_samples_seen_ : int
        Rows of positive weight that `partial_fit` was given; after it alone.
    lower_bound_ : float
        Proven lower bound of the least objective over all of these rows, summed over
        the one-vs-rest problems, when it is read; after `partial_fit` alone.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, when all are strings.

    See Also
    --------
    sklearn.svm.SVC : The same model with ``kernel="linear"``; time quadratic in rows.
    sklearn.svm.LinearSVC : Penalises the intercept; no certificate.
    sklearn.linear_model.SGDClassifier : One step size for all, no certificate.

    Notes
    -----
    `X` is used in place when it is a C-ordered float32 or float64 array (a memmap
    too) or a CSR matrix of these, with int32 or int64 indices. Rows of weight 0 are
    left out at no cost.

    Under scikit-learn's setting ``array_api_dispatch``, dense arrays of PyTorch, CuPy,
    JAX and other libraries of the array API standard are trained in their library and
    on their device, and the model and its predictions are arrays there. A UserWarning
    says where parameters ask for the host.

    With scikit-learn 1.9 or later, `set_callbacks` takes callbacks such as its
    ``ProgressBar``. The tasks of a fit are the looks at the gap, "gap-check", with
    several problems in one task, "class", for each. A callback that returns True at
    the end of a look ends that problem; at the end of a class, the others too. The
    model is then the best found, with its certificate.

    For class probabilities, wrap the estimator in
    ``CalibratedClassifierCV(HingeSVC(), ensemble=False)``.

    References
    ----------
    Hsieh, Chang, Lin, Keerthi and Sundararajan, "A dual coordinate descent method for
    large-scale linear SVM", ICML 2008.

    Yan and Li, "An efficient augmented Lagrangian method for support vector machine",
    Optimization Methods and Software 35, 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from hingesvm import HingeSVC
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> clf = HingeSVC().fit(X, y)
    >>> bool(clf.dual_gap_ <= 1e-10 * clf.objective_)
    True
    >>> round(clf.objective_, 4)
    48.8757
    >>> clf.predict(X[:3])
    array([0, 0, 0])
    """

    _doc_page = "hingesvm.HingeSVC"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **HingeParameters._parameter_constraints,
        "C": [Interval(Real, 0.0, None, closed="neither")],
        "warm_start": BOOLEAN,
    }

    @explains_arguments
    def __init__(
        self,
        C: float = 1.0,
        *,
        loss: str | MarginLoss = "hinge",
        l1_ratio: float | Penalty = 0.0,
        multi_class: str | MulticlassLoss = "ovr",
        fit_intercept: bool = True,
        penalized_intercept: bool = False,
        class_weight: dict[Any, float] | str | None = None,
        solver: Method = "auto",
        tol: float = 1e-4,
        max_iter: int = 1000,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            loss=loss,
            l1_ratio=l1_ratio,
            multi_class=multi_class,
            fit_intercept=fit_intercept,
            penalized_intercept=penalized_intercept,
            class_weight=class_weight,
            solver=solver,
            tol=tol,
            max_iter=max_iter,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )
        self.C = C
        self.warm_start = warm_start

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> HingeSVC:
        """Train on rows and their labels.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Training rows. Sparse formats other than CSR are converted.
        y : array-like of shape (n_samples,)
            Class labels; at least two classes.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights. Weight 2 is the same as the row twice, weight 0 the
            same as the row left out.

        Returns
        -------
        HingeSVC
            The fitted estimator.

        Raises
        ------
        ValueError
            If the input is unusable; the message says why. The estimator is then as
            it was before, as it is after an interrupt.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` was reached first, or a callback stopped the fit; the message
            gives the gap reached. Also if float32 coefficients are too coarse for
            `tol`, as they can be at large C or with columns whose mean is far larger
            than their spread.
        """
        with unchanged_on_error(self):
            space = namespace_of(X)
            if space is None:
                rows, labels, weights = checked_input(self, X, y, sample_weight)
                kept = None
                if weights is not None and not np.all(weights):
                    kept = np.flatnonzero(weights)
                training = Training.build(self, rows, labels, weights)
                self._train(training, rows.n_rows, kept, (X, y, sample_weight))
            else:
                self._fit_arrays(space, X, y, sample_weight)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_batches(
        self, batches: Iterable[Any], classes: ArrayLike | None = None
    ) -> HingeSVC:
        """Train on rows that do not fit into memory, given in batches.

        The problem and its certificate are those of `fit` on all rows, one below the
        other. All batches are read several times, in their order: once to count rows
        and labels, and then once or twice for each band of rows that is gathered and
        solved in memory. Few passes are taken, and the gap is computed on all rows in
        each.

        Parameters
        ----------
        batches : iterable of (X, y) or (X, y, sample_weight)
            Each iteration begins a new pass and must yield the same rows; a generator
            can be read only once and is refused. X are as in `fit`, all dense or all
            sparse, with the same columns. A batch may have any number of rows, none
            included, and need not have all classes. ``hingesvm.batches`` reads memory
            maps, Parquet and svmlight files in batches.
        classes : array-like of shape (n_classes,), optional
            The labels that occur; another label is then an error at once. Default:
            those that do.

        Returns
        -------
        HingeSVC
            The fitted estimator.

        Raises
        ------
        ValueError
            If the input is unusable, the solver is "pegasos", or more than two classes
            are to be trained jointly on rows that are not kept; the message says why,
            and names the batch. The estimator is then as it was before.

        Warns
        -----
        ConvergenceWarning
            As from `fit`.

        Notes
        -----
        In memory there are one batch, the band or a sample of the rows (up to 256 MB),
        and 12 bytes for each row, with 4 in a temporary file: about 15 and 20 if
        weights differ or classes have weights, 100 if rows are sparse and wide. Up to
        10,000 rows and 4 million values are kept, and trained as by `fit`. Several
        classes, up to 16 at a time, share their passes and that memory for bands, while
        each has its own bytes for each row; `n_jobs` threads work on them between
        passes.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import make_classification
        >>> from hingesvm import HingeSVC
        >>> X, y = make_classification(20_000, 10, flip_y=0.1, random_state=0)
        >>> batches = list(zip(np.array_split(X, 7), np.array_split(y, 7)))
        >>> clf = HingeSVC().fit_batches(batches)
        >>> bool(clf.dual_gap_ <= 1e-4 * clf.objective_)
        True
        """
        with unchanged_on_error(self):
            refuse_pegasos(self.solver, "batches")
            reader = BatchReader(self, batches, classes)
            rows = reader.rows()
            training = Training.of_codes(
                self, rows, reader.classes, reader.codes, reader.take_weights()
            )
            given = batches, None, None
            self._train(training, reader.n_samples, reader.kept, given)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.array_api_support = why_on_host(self, 3) is None
        return tags

    def _fit_arrays(self, space: Namespace, X: Any, y: Any, sample_weight: Any) -> None:
        """Train on arrays of another library, where X is."""
        found = ArrayTraining(self, space, X, y, sample_weight)
        why = why_on_host(self, len(found.classes))
        if why is not None:
            warn_of_host(self, space, why)
            given = [on_host(values) for values in (X, y, sample_weight)]
            rows, labels, weights = checked_input(self, *given)
            kept = None if found.kept is None else to_host(found.kept)
            training = Training.build(self, rows, labels, weights)
            self._train(training, rows.n_rows, kept, (X, y, sample_weight))
        else:
            last = None
            if self._is_warm(found.classes, found.rows.n_features):
                coef, intercept = self._dense_coef(), to_host(self.intercept_)
                last = LastModel(found.classes, coef, intercept)
            task = begin_fit(self, X, y, sample_weight, **found.training.tasks)
            trained, duals = found.train(self.C, last, task, keep_duals=self.warm_start)
            self._set_model(found.classes, trained)
            end_stream(self)
            if duals is not None:
                self.dual_coef_, self._dual_costs = duals, trained.costs
            elif hasattr(self, "dual_coef_"):
                del self.dual_coef_, self._dual_costs
            if task is not None:
                task.end(dict)
            rows = found.training.rows if trained.converged else found.some_rows
            warn_if_not_converged(rows, trained, self.tol, self.max_iter, self.solver)
        self.classes_ = found.labels
        for name in ("coef_", "intercept_", "dual_coef_"):
            if isinstance(getattr(self, name, None), np.ndarray):
                setattr(self, name, space.asarray(getattr(self, name)))

    def _is_warm(self, classes: NDArray[Any], n_features: int) -> bool:
        """Whether the next fit starts here, having the same classes and columns."""
        if not (self.warm_start and hasattr(self, "dual_coef_")):
            return False
        same = np.array_equal(classes, to_host(self.classes_))
        return bool(same and self.coef_.shape[1] == n_features)

    def _train(
        self,
        training: Training,
        n_samples: int,
        kept: NDArray[np.intp] | None,
        given: tuple[Any, Any, Any],
    ) -> None:
        """Train with the estimator's C and set the fitted attributes.

        Parameters
        ----------
        training : Training
            The rows of positive weight, and their labels.
        n_samples : int
            Number of rows, those of weight 0 included.
        kept : ndarray of intp, or None
            The indices of the training rows; None trains on all.
        given : tuple
            X, y and sample_weight as the user gave them, for callbacks.
        """
        starts = self._starts(training, n_samples, kept)
        task = begin_fit(self, *given, **training.tasks)
        trained = training.train(self.C, starts, keep_duals=self.warm_start, task=task)
        self._set_model(training.classes, trained)
        end_stream(self)
        if self.warm_start:
            duals = KeptDuals.of(training, trained, n_samples, kept)
            self.dual_coef_, self._dual_costs = duals.signed, duals.costs
        elif hasattr(self, "dual_coef_"):
            del self.dual_coef_, self._dual_costs
        if task is not None:
            task.end(dict)
        rows = training.rows
        warn_if_not_converged(rows, trained, self.tol, self.max_iter, self.solver)

    def _starts(
        self, training: Training, n_samples: int, kept: NDArray[np.intp] | None
    ) -> list[Start | None] | None:
        """Return warm starts, one for each problem; None starts from zero.

        There are warm starts if the last fit had the same classes and columns, and the
        rows are the same or some were added at the end.
        """
        if not self._is_warm(training.classes, training.rows.n_features):
            return None
        last = KeptDuals(to_host(self.dual_coef_), self._dual_costs)
        same = last.signed.shape[1] <= n_samples
        if not (same and len(last.signed) == len(training.targets)):
            return None
        intercept = to_host(self.intercept_)
        return last.starts(
            training, self.C, self._dense_coef(), intercept, n_samples, kept
        )

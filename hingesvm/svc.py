"""HingeSVC, the scikit-learn face of the solvers."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted, validate_data

from hingesvm._classes import Classes, Solved
from hingesvm._jointly import (
    Jointly,
    joint_loss_of,
    joint_start,
    signed_duals,
    two_class_factors,
)
from hingesvm._reporting import (
    history_table,
    warn_not_converged,
    warn_rounded,
)
from hingesvm._validation import (
    aligned,
    check_indices,
    check_sample_weight,
    checked_rows,
    draw_seeds,
    encode_labels,
    row_costs,
    unchanged_on_error,
)
from hingesvm.losses import MarginLoss, MulticlassLoss, get_loss
from hingesvm.solvers import (
    InterceptRule,
    Method,
    Rows,
    Solution,
    Start,
)

__all__ = ["HingeSVC"]

Float64Array = NDArray[np.float64]


class HingeSVC(ClassifierMixin, BaseEstimator):
    r"""Linear support vector classifier that certifies its answer.

    For two classes it minimises

    .. math::

        P(w, b) = \tfrac12 \|w\|^2 + C \sum_i s_i \,
            \ell\big(y_i (x_i^\top w + b)\big),

    with labels :math:`y_i` in {-1, +1}, weights :math:`s_i` and :math:`\ell` the hinge
    loss, :math:`\max(0, 1 - m)`, or a smooth relative of it: the problem that
    ``SVC(kernel="linear")`` solves. Every fit returns a duality gap, computed on all
    rows, which bounds how far `objective_` is above the minimum. Training is by
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
    loss : str or MarginLoss, default="hinge"
        The loss, by name, "hinge", "squared_hinge" or "smoothed_hinge", or as an
        object such as ``SmoothedHinge(gamma=0.5)``.
    multi_class : str or MulticlassLoss, default="ovr"
        How more than two classes are trained: each against the rest, "ovr", or jointly
        by a loss of all scores, "crammer_singer", "weston_watkins" or an object such as
        ``WestonWatkins(margin=2.0)``, with the plain hinge only. Of two classes a joint
        problem is solved as the binary one that it is; its objective is half that of
        "ovr" at twice the C, and `decision_function` is the difference of both scores.
    fit_intercept : bool, default=True
        Whether there is an intercept b; without, b is 0.
    penalized_intercept : bool, default=False
        Whether to add :math:`\tfrac12 b^2` to the objective, as LinearSVC does. By
        default the intercept is free, as in SVC.
    class_weight : dict, "balanced" or None, default=None
        Factors of C per class, positive. "balanced" makes them inversely
        proportional to the summed sample weights of the classes.
    solver : {"auto", "stochastic", "batch", "pegasos"}, default="auto"
        "auto" sweeps over the rows and hands over to the batch method when its own
        measurements say that this is cheaper; where rows are very many it starts
        with the batch method, on samples of them. "stochastic" sweeps only, "batch"
        takes Newton steps only, and "pegasos" is the classical stochastic
        subgradient method, for reference: it is slow to converge, and trains no joint
        problems.
    tol : float, default=1e-4
        Relative duality gap to reach: ``dual_gap_ <= tol * objective_``, for each of
        the one-vs-rest problems. Problems with up to 10,000 rows and 4 million values
        (rows times columns) are solved as far as rounding permits in any case, by
        "auto" and "batch": normally to 1e-10 or better.
    max_iter : int, default=1000
        Bound on the sweeps and Newton steps of a fit.
    warm_start : bool, default=False
        Whether to keep `dual_coef_` and to start the next fit from it.
    n_jobs : int or None, default=None
        Number of threads, for one-vs-rest problems or, with two classes, for one
        problem on wide sparse rows; joint problems are solved by one. None means 1
        unless in a joblib context, -1 all processors. The same number gives the same
        bits; another one may not with two classes, but is certified to the same `tol`.
    random_state : int, RandomState instance or None, default=None
        Seed of the order in which rows are visited. None is the seed 0: fits are
        reproducible in any case, and none uses NumPy's global random state.
    verbose : int, default=0
        1 prints one line for each look at the duality gap.

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
        the minimum, and for each problem the weights are within
        ``sqrt(2 * gap)`` of the optimal ones. It belongs to the solution found in
        float64, of which `coef_` holds the rounded values when `X` is float32.
    n_iter_ : int
        Sweeps and Newton steps, the most of any one-vs-rest problem. A sweep is as
        many steps as there are rows; Newton steps on samples and bands count too.
    history_ : list of ndarray
        For each problem (one if joint) a structured array with a row per look at the
        gap and the fields "iteration", "seconds", "objective" and "gap".
    dual_coef_ : ndarray of shape (1, n_samples) or (n_classes, n_samples)
        ``y_i * alpha_i``; of a joint problem what each row adds to each class. Only
        with ``warm_start=True``.
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

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "C": [Interval(Real, 0.0, None, closed="neither")],
        "loss": [
            StrOptions({"hinge", "squared_hinge", "smoothed_hinge"}),
            MarginLoss,
        ],
        "multi_class": [
            StrOptions({"ovr", "crammer_singer", "weston_watkins"}),
            MulticlassLoss,
        ],
        "fit_intercept": ["boolean"],
        "penalized_intercept": ["boolean"],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "solver": [StrOptions({"auto", "stochastic", "batch", "pegasos"})],
        "tol": [Interval(Real, 0.0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        C: float = 1.0,
        *,
        loss: str | MarginLoss = "hinge",
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
        self.C = C
        self.loss = loss
        self.multi_class = multi_class
        self.fit_intercept = fit_intercept
        self.penalized_intercept = penalized_intercept
        self.class_weight = class_weight
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

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
            If `max_iter` was reached first; the message gives the gap reached. Also
            if float32 coefficients are too coarse for `tol`, as they can be at large C
            or with columns whose mean is far larger than their spread.
        """
        # Whether sparse rows are finite is found with their norms, in one pass.
        is_sparse = sp.issparse(X)
        with unchanged_on_error(self):
            data, labels = validate_data(
                self,
                X,
                y,
                accept_sparse="csr",
                dtype=[np.float64, np.float32],
                order="C",
                ensure_all_finite=not is_sparse,
            )
            rows = checked_rows(aligned(data))
            weights = check_sample_weight(sample_weight, len(labels))
            kept = None
            if weights is not None and not np.all(weights):
                kept = np.flatnonzero(weights)
            self._fit_rows(rows, labels, weights, kept)
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.floating]:
        """Return the signed scores ``X @ coef_.T + intercept_``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows with the columns of those in fit.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes one score, positive for ``classes_[1]``.
        """
        check_is_fitted(self)
        rows = validate_data(
            self,
            X,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            reset=False,
        )
        check_indices(rows)
        scores: NDArray[np.floating] = (
            safe_sparse_dot(rows, self.coef_.T, dense_output=True) + self.intercept_
        )
        return scores.ravel() if scores.shape[1] == 1 else scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows with the columns of those in fit.

        Returns
        -------
        ndarray of shape (n_samples,)
            Members of `classes_`.
        """
        scores = self.decision_function(X)
        one_score = scores.ndim == 1
        places = (scores > 0).astype(np.intp) if one_score else scores.argmax(axis=1)
        predicted: NDArray[Any] = self.classes_[places]
        return predicted

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        # A hyperplane through the origin cannot predict one class everywhere.
        tags.classifier_tags.poor_score = not self.fit_intercept
        return tags

    def _fit_rows(
        self,
        rows: Rows,
        y: NDArray[Any],
        weights: Float64Array | None,
        kept: NDArray[np.intp] | None,
    ) -> None:
        """Fit to the rows `kept` (None: all) and set the fitted attributes."""
        n_samples = rows.n_rows
        if kept is not None:
            y, weights = y[kept], None if weights is None else weights[kept]
            rows = rows.subset(kept)
        classes, codes = encode_labels(y)
        if len(classes) < 2:
            raise ValueError(
                "HingeSVC needs at least two classes with positive weight to train on, "
                f"but y has only one class: {classes.tolist()[0]!r}."
            )
        cost = row_costs(self.C, self.class_weight, classes, y, codes, weights)
        joint = joint_loss_of(self.multi_class, self.loss, self.solver)
        shape = n_samples, rows.n_features
        if joint is not None and len(classes) > 2:
            found = self._fit_jointly(rows, classes, codes, cost, joint, shape, kept)
            self._conclude(rows, *found, (n_samples, kept))
            return
        scales = (1.0, 1.0, 1.0) if joint is None else two_class_factors(joint)
        targets = [1] if len(classes) == 2 else list(range(len(classes)))
        starts = self._starts(classes, len(targets), shape, kept, 1.0 / scales[1])
        if joint is not None:
            cost = np.broadcast_to(scales[0] * _stored_once(cost), codes.shape)
        solved = self._solve_each(rows, codes, cost, targets, starts)
        solutions = [solution for solution, _ in solved]
        self.classes_ = classes
        self.coef_ = np.stack([w for _, (w, _, _) in solved])
        self.intercept_ = np.array([b for _, (_, b, _) in solved], dtype=rows.dtype)
        if joint is not None:
            self.coef_ *= self.coef_.dtype.type(scales[1])
            self.intercept_ *= self.coef_.dtype.type(scales[1])
        duals = [
            np.where(codes == target, 1, -1) * solution.certificate.alpha
            for target, solution in zip(targets, solutions, strict=True)
            if self.warm_start
        ]
        gap = max(gap for _, (_, _, gap) in solved)
        self._conclude(rows, solutions, duals, gap, (n_samples, kept), scales[2])

    def _fit_jointly(
        self,
        rows: Rows,
        classes: NDArray[Any],
        codes: NDArray[np.integer],
        cost: Float64Array,
        loss: MulticlassLoss,
        shape: tuple[int, int],
        kept: NDArray[np.intp] | None,
    ) -> tuple[list[Solution], list[Float64Array], float]:
        """Solve one problem of all classes, and set the coefficients.

        Returns what `_conclude` takes: the solution, duals to keep, and the gap.
        """
        starts = self._starts(classes, len(classes), shape, kept)
        solution, self.coef_, self.intercept_, gap = Jointly(
            rows=rows,
            codes=codes,
            n_classes=len(classes),
            costs=_stored_once(cost),
            loss=loss,
            rule=self._intercept_rule(),
            method=self.solver,
            tol=self.tol,
            max_iter=self.max_iter,
            seed=draw_seeds(self.random_state, 1)[0],
            start=joint_start(starts, codes),
            verbose=bool(self.verbose),
        ).solve()
        self.classes_ = classes
        duals: list[Float64Array] = []
        if self.warm_start:
            duals = list(signed_duals(solution.certificate.alpha, codes).T)
        return [solution], duals, gap

    def _conclude(
        self,
        rows: Rows,
        solutions: list[Solution],
        duals: list[Float64Array],
        gap: float,
        places: tuple[int, NDArray[np.intp] | None],
        scale: float = 1.0,
    ) -> None:
        """Set the attributes that tell of the solutions, and warn if need be.

        `places` are the number of samples and those that take part, `scale` is a factor
        of all objectives.
        """
        certificates = [solution.certificate for solution in solutions]
        self.objective_ = scale * float(sum(c.primal for c in certificates))
        self.dual_gap_ = scale * float(sum(c.gap for c in certificates))
        self.n_iter_ = max(1, *(solution.n_iter for solution in solutions))
        self.history_ = [history_table(solution, scale) for solution in solutions]
        if self.warm_start:
            n_samples, kept = places
            self.dual_coef_ = np.zeros((len(duals), n_samples))
            self.dual_coef_[:, slice(None) if kept is None else kept] = duals
            self._cost_scale = self.C
        elif hasattr(self, "dual_coef_"):
            del self.dual_coef_, self._cost_scale
        if not all(solution.converged for solution in solutions):
            warn_not_converged(rows, solutions, self.tol, self.max_iter)
        elif gap > self.tol:
            warn_rounded(gap, self.tol)

    def _solve_each(
        self,
        rows: Rows,
        codes: NDArray[np.integer],
        cost: Float64Array,
        targets: list[int],
        starts: list[Start | None],
    ) -> list[Solved]:
        """Solve the problem of each class against the rest."""
        if self.n_jobs == 0:
            raise ValueError(
                "n_jobs == 0 has no meaning: pass a number of threads, -1 for all "
                "processors, or None."
            )
        seeds = draw_seeds(self.random_state, len(targets))
        return Classes(
            rows=rows,
            codes=codes,
            costs=_stored_once(cost),
            targets=targets,
            seeds=seeds,
            starts=starts,
            loss=get_loss(self.loss),
            rule=self._intercept_rule(),
            method=self.solver,
            tol=self.tol,
            max_iter=self.max_iter,
            n_jobs=self.n_jobs,
            verbose=bool(self.verbose),
            keep_duals=self.warm_start,
        ).solve()

    def _intercept_rule(self) -> InterceptRule:
        """Return the rule that the two intercept parameters stand for."""
        if not self.fit_intercept:
            return "none"
        return "penalized" if self.penalized_intercept else "free"

    def _starts(
        self,
        classes: NDArray[Any],
        n_problems: int,
        shape: tuple[int, int],
        kept: NDArray[np.intp] | None,
        scale: float = 1.0,
    ) -> list[Start | None]:
        """Return where to start, one for each problem.

        At the last fit if it was of the same classes and columns and the rows have
        stayed or rows were added at the end; its duals are scaled with C, which
        leaves them feasible. `scale` is a factor of the weights.
        """
        if not (self.warm_start and hasattr(self, "dual_coef_")):
            return [None] * n_problems
        n_samples, n_features = shape
        n_before = self.dual_coef_.shape[1]
        same = np.array_equal(classes, self.classes_) and n_before <= n_samples
        same &= len(self.dual_coef_) == n_problems
        if not same or self.coef_.shape[1] != n_features:
            return [None] * n_problems
        duals = np.zeros((n_problems, n_samples))
        duals[:, :n_before] = np.abs(self.dual_coef_) * (self.C / self._cost_scale)
        if kept is not None:
            duals = duals[:, kept]
        weights = scale * self.coef_.astype(np.float64)
        intercepts = scale * self.intercept_.astype(np.float64)
        return [
            Start(alpha, w, float(b))
            for alpha, w, b in zip(duals, weights, intercepts, strict=True)
        ]


def _stored_once(cost: Float64Array) -> Float64Array:
    """Return costs, or the one that all rows have, which is then stored once."""
    return cost[:1] if cost.strides[0] == 0 or np.ptp(cost) == 0.0 else cost

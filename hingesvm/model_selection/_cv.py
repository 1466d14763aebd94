"""HingeSVCCV: HingeSVC with C chosen by cross-validation."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.model_selection import check_cv
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metadata_routing import _raise_for_params

from hingesvm.losses import MarginLoss, MulticlassLoss
from hingesvm.model_selection._candidates import Candidates
from hingesvm.model_selection._cross_validation import cross_validate, train_on_all
from hingesvm.model_selection._folds import Fold, FoldPath, mean_of_best, stacked_models
from hingesvm.model_selection._routing import RoutedSearch
from hingesvm.model_selection._scoring import FoldScorer, Scorer, with_rows
from hingesvm.model_selection._warnings import check_scores, warn_after_search
from hingesvm.penalties import Penalty
from hingesvm.solvers import Method
from hingesvm.svc import HingeSVC
from hingesvm.training.arguments import explains_arguments
from hingesvm.training.callbacks import Task, begin_fit
from hingesvm.training.docstrings import documented_by
from hingesvm.training.left_out import labels_left_out
from hingesvm.training.parameters import BOOLEAN, HingeParameters
from hingesvm.training.run import Training
from hingesvm.training.trained import TrainedModel
from hingesvm.training.validation import (
    check_sample_weight,
    checked_input,
    unchanged_on_error,
)

__all__ = ["HingeSVCCV"]

Float64Array = NDArray[np.float64]


@documented_by(HingeSVC)
class HingeSVCCV(RoutedSearch):
    """HingeSVC with C chosen by cross-validation, along the path of C.

    In each fold the problems of all C are solved in ascending order, each from the
    dual variables of the last, until it is certified to `tol`. A fold is an index into
    `X`: no training rows are copied, and folds run in threads.

    Parameters
    ----------
    Cs : int or array-like of shape (n_Cs,), default=10
        The values of C, or how many on a logarithmic grid that is found from the data;
        see :func:`hinge_path`.
    l1_ratios : array-like of shape (n_l1_ratios,), default=None
        Shares of the L1 norm, from 0 to 1, each of which is tried with each C, as in
        LogisticRegressionCV; `l1_ratio` has then no effect. A grid that is found from
        the data covers those of all shares.
    cv : int, cross-validation generator or iterable, default=None
        The folds, as GridSearchCV takes them: None is five stratified folds, and an
        integer is their number.
    scoring : str, callable or None, default=None
        A scorer's name or ``scorer(estimator, X, y)``; None is the accuracy. Scorers
        that scikit-learn's ``make_scorer`` makes, and
        ``hingesvm.metrics.neg_hinge_loss_scorer``, need no copy of the test rows;
        others are given one.
    refit : bool, default=True
        Whether to train on all rows with the C chosen. Otherwise C, `l1_ratio_`,
        coefficients and intercepts are means over the folds of those with the best
        score, as in LogisticRegressionCV, and there is no certificate. A class counts
        in the folds that have it.
    one_standard_error : bool, default=False
        Whether to choose the smallest C whose mean score is within one standard error
        of the best mean, in place of the best. Of `l1_ratios`, that of the best mean is
        kept. The standard error is that of the best
        mean over the folds.
    store_paths : bool, default=True
        Whether to keep `coefs_paths_` and `intercepts_paths_`, which for wide data and
        many classes are large.
    error_score : 'raise' or numeric, default='raise'
        What happens if a fit or a scorer fails: 'raise' raises the error, and a number
        is taken for the score, with a warning, as in GridSearchCV (where NaN is the
        default). A C with a score that is not finite is not chosen, and a fold that
        failed for every C is left out of the means. It is an error if all fail, or no C
        is left.
    loss
    l1_ratio
    multi_class
    fit_intercept
    penalized_intercept
    class_weight
        The weights are summed over the training rows of each fold, and for the last fit
        over all rows.
    solver
    tol
        With `refit`, the fits of the folds end at `tol` on such small data too, and
        only the last one, on all rows, goes on.
    max_iter
        Each C in each fold is a fit, and so is the last one, on all rows.
    n_jobs : int or None, default=None
        Number of threads. Each trains one fold at a time; the last fit, on all rows,
        uses them for one-vs-rest problems or, with two classes, for one problem on wide
        sparse rows. None means 1 unless in a joblib context, -1 all processors.
        No more threads are started than there are processors. Scores and paths do not
        depend on the number.
    random_state
        The fits of all folds have the same seed.
    verbose : int, default=0
        1 prints a line for each fold and C. 2 also prints, for each fit, a line for
        each look at the duality gap, and one at the end of each problem that says why
        it ended.

    Attributes
    ----------
    C_ : float
        The C chosen: that of the best mean score, and the smallest of several whose
        means differ by rounding alone.
    l1_ratio_ : float
        The share of the L1 norm chosen with it: the largest of those whose best means
        differ by rounding alone. Only with `l1_ratios`; C is then chosen for it.
    Cs_ : ndarray of float64, of shape (n_Cs,)
        The values tried, in the order given.
    l1_ratios_ : ndarray of float64, of shape (n_l1_ratios,)
        The shares tried, in the order given; only with `l1_ratios`. All arrays below
        then have an axis for them before that of `Cs_`: `scores_`, for example, has the
        shape (n_folds, n_l1_ratios, n_Cs).
    scores_ : ndarray of float64, of shape (n_folds, n_Cs)
        Scores on the test rows of each fold.
    coefs_paths_ : ndarray of shape (n_folds, n_Cs, n_scores, n_features)
        Weights of each fit, in the dtype of `X`, with 1 score for two classes and one
        for each of more; NaN for classes that a fold lacks. Only with `store_paths`.
    intercepts_paths_ : ndarray of shape (n_folds, n_Cs, n_scores)
        Intercepts likewise.
    objectives_, dual_gaps_ : ndarray of float64, of shape (n_folds, n_Cs)
        Primal values and absolute duality gaps of each fit.
    n_iters_ : ndarray of intp, of shape (n_folds, n_Cs)
        Sweeps and Newton steps of each fit, from the last C.
    n_nonzeros_ : ndarray of intp, of shape (n_folds, n_Cs)
        Number of weights that are not 0 of each fit, of all classes together.
    classes_
    coef_
    intercept_
    objective_
        Of the last fit; only with `refit`.
    dual_gap_
        Of the last fit; only with `refit`.
    n_iter_
        Of the last fit; without `refit` the most of any fit with the best score of its
        fold.
    history_
        Of the last fit; only with `refit`.
    n_features_in_
    feature_names_in_

    See Also
    --------
    hinge_path : The path on all rows.
    hingesvm.inspection.RegularizationPathDisplay : Draws scores and weights over C.
    HingeSVC : With a given C.
    sklearn.linear_model.LogisticRegressionCV : The same conventions.

    Notes
    -----
    The tasks that callbacks see, with scikit-learn 1.9 or later, are "fold" for each
    fold, in these "C" for each value, ascending (for one of `l1_ratios` after the
    other, the largest first), and "refit", with the looks at the gap
    as of HingeSVC. A callback that returns True at the end of a C ends its fold, at the
    end of a fold the search. What was not trained then has NaN for a score, and C is
    chosen among the values that each fold that was begun has a score for.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from hingesvm.model_selection import HingeSVCCV
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> search = HingeSVCCV(Cs=[0.001, 0.01, 0.1, 1.0, 10.0])
    >>> model = make_pipeline(StandardScaler(), search).fit(X, y)
    >>> search.C_
    0.1
    >>> search.scores_.mean(axis=0).round(3)
    array([0.939, 0.968, 0.975, 0.97 , 0.967])
    """

    _doc_page = "hingesvm.model_selection.HingeSVCCV"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **HingeParameters._parameter_constraints,
        "Cs": ["array-like", Integral],
        "l1_ratios": ["array-like", None],
        "cv": ["cv_object"],
        "scoring": [str, callable, None],
        "refit": BOOLEAN,
        "one_standard_error": BOOLEAN,
        "store_paths": BOOLEAN,
        "error_score": [StrOptions({"raise"}), Real],
    }

    @explains_arguments
    def __init__(
        self,
        Cs: int | ArrayLike = 10,
        *,
        l1_ratios: ArrayLike | None = None,
        cv: Any = None,
        scoring: str | Scorer | None = None,
        refit: bool = True,
        one_standard_error: bool = False,
        store_paths: bool = True,
        error_score: str | float = "raise",
        loss: str | MarginLoss = "hinge",
        l1_ratio: float | Penalty = 0.0,
        multi_class: str | MulticlassLoss = "ovr",
        fit_intercept: bool = True,
        penalized_intercept: bool = False,
        class_weight: dict[Any, float] | str | None = None,
        solver: Method = "auto",
        tol: float = 1e-4,
        max_iter: int = 1000,
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
        self.Cs = Cs
        self.l1_ratios = l1_ratios
        self.cv = cv
        self.scoring = scoring
        self.refit = refit
        self.one_standard_error = one_standard_error
        self.store_paths = store_paths
        self.error_score = error_score

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        **params: Any,
    ) -> HingeSVCCV:
        """Choose C by cross-validation, and train on all rows with it.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels; at least two classes in each fold.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights, of the losses and, unless metadata routing says
            otherwise, of the scores.
        **params : dict
            Parameters of the splitter, such as `groups`, and of the scorer, by
            metadata routing.

        Returns
        -------
        HingeSVCCV
            The fitted estimator.

        Raises
        ------
        ValueError
            If the input is unusable; the message says why. The estimator is then as
            it was before.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` was reached in some of the fits, float32 coefficients are
            too coarse for `tol`, or a callback stopped the search.
        FitFailedWarning
            If fits failed and `error_score` is a number.
        UserWarning
            If the best C is the largest of a grid that was made from the data and
            smaller ones score clearly less, scorers failed and `error_score` is a
            number, or the rows are weighted and the scorer takes no weights.
        """
        _raise_for_params(params, self, "fit")
        with unchanged_on_error(self):
            rows, labels, weights = checked_input(self, X, y, sample_weight)
            given, left_out = weights, None
            if weights is not None and labels_left_out(self.class_weight):
                given = check_sample_weight(sample_weight, len(labels))
                left_out = weights == 0.0
                if given is not None:
                    left_out &= given > 0.0
            split_params, score_params = self._routed(given, params)
            training = Training.build(self, rows, labels, weights)
            training = replace(training, verbose=self.verbose > 1)
            candidates = Candidates.of(self, training)
            scorer = FoldScorer(
                self.scoring,
                with_rows(self.scoring, X),
                rows,
                labels,
                score_params,
                self._shared_parameters(),
            )
            cv = check_cv(self.cv, labels, classifier=True)
            count = cv.get_n_splits(X, labels, **split_params)
            if count < 1:
                raise ValueError(
                    "cv gives no splits. An iterator, such as a generator, gives them "
                    "once only: pass a splitter or a list."
                )
            # A fold is made when a thread takes it, as its indices take memory.
            folds = (
                Fold.build(
                    f"fold {number + 1} of {count}", split, scorer, weights, left_out
                )
                for number, split in enumerate(cv.split(X, labels, **split_params))
            )
            size = count + bool(self.refit)
            task = begin_fit(self, X, y, sample_weight, size, in_order=False)
            paths = cross_validate(self, folds, count, candidates, task)
            self._set_paths(training, candidates, paths)
            check_scores(self, candidates, paths)
            best = self._best_index(candidates, paths)
            last = self._conclude(training, candidates, paths, best, task)
            if task is not None:
                task.end(dict)
            warn_after_search(self, candidates, rows, paths, last, best, stack_level=3)
        return self

    def _set_paths(
        self, training: Training, candidates: Candidates, paths: list[FoldPath]
    ) -> None:
        """Set the attributes that have an entry for each fold and candidate."""
        shape = len(paths), *candidates.shape
        self._forget("coefs_paths_", "intercepts_paths_", "l1_ratios_", "l1_ratio_")
        self.Cs_ = candidates.Cs
        if candidates.l1_ratios is not None:
            self.l1_ratios_ = candidates.l1_ratios
        self.scores_ = np.stack([path.scores for path in paths]).reshape(shape)
        self.objectives_ = np.stack([path.objectives for path in paths]).reshape(shape)
        self.dual_gaps_ = np.stack([path.dual_gaps for path in paths]).reshape(shape)
        self.n_iters_ = np.stack([path.n_iters for path in paths]).reshape(shape)
        self.n_nonzeros_ = np.stack([path.n_nonzeros for path in paths]).reshape(shape)
        if self.store_paths:
            coefs, intercepts = stacked_models(paths, training)
            self.coefs_paths_ = coefs.reshape(*shape, *coefs.shape[2:])
            self.intercepts_paths_ = intercepts.reshape(*shape, intercepts.shape[2])

    def _conclude(
        self,
        training: Training,
        candidates: Candidates,
        paths: list[FoldPath],
        best: int,
        task: Task | None,
    ) -> list[TrainedModel]:
        """Set C and the model: trained on all rows, or the mean over the folds.

        Returns
        -------
        list of TrainedModel
            The model trained on all rows; empty without `refit`.
        """
        self._forget("objective_", "dual_gap_", "n_iter_", "history_")
        if self.refit:
            for name, value in candidates.values(best).items():
                setattr(self, name, value)
            chosen = candidates.training_of(training, best)
            last = train_on_all(chosen, self.C_, len(self.scores_), task)
            self._set_model(training.classes, last)
            return [last]
        paths = [path for path in paths if path.best >= 0]
        self.coef_, self.intercept_ = mean_of_best(paths, training)
        means = candidates.mean_values([path.best for path in paths])
        for name, value in means.items():
            setattr(self, name, value)
        self.classes_ = training.classes
        self.n_iter_ = max(int(path.n_iters[path.best]) for path in paths)
        return []

    def _forget(self, *names: str) -> None:
        """Delete attributes of an earlier fit."""
        for name in names:
            if hasattr(self, name):
                delattr(self, name)

    def _best_index(self, candidates: Candidates, paths: list[FoldPath]) -> int:
        """Return the index of the candidate to choose."""
        scores = np.stack([path.scores for path in paths if path.n_iters.any()])
        return candidates.best(scores, one_standard_error=self.one_standard_error)

    def _l1_ratio(self) -> Any:
        """Return the share of the L1 norm, or the penalty, of the model."""
        if self.l1_ratios is None:
            return self.l1_ratio
        if hasattr(self, "l1_ratio_"):
            return self.l1_ratio_
        # 0 and 1 are the means of nothing else.
        return float(np.mean(np.asarray(self.l1_ratios)))

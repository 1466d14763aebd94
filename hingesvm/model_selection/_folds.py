"""Folds, as indices of the rows of X, and the results of their paths of C."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import _safe_indexing, indexable

from hingesvm.model_selection._scoring import FoldScorer
from hingesvm.training.callbacks import Task
from hingesvm.training.run import Training
from hingesvm.training.trained import TrainedModel

__all__ = ["Fold", "FoldPath", "mean_of_best", "stacked_models"]

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fold:
    """The training rows of a fold, and the scorer of its test rows.

    Attributes
    ----------
    name : str
        The name in errors and progress lines, such as "fold 1 of 5".
    train : ndarray of intp
        The indices of the training rows, without those of weight 0.
    weights : ndarray of float64, of shape (n_samples,), or None
        The sample weights of all rows of X.
    scorer : FoldScorer
        Scores on the test rows; has all rows of X and their labels.
    """

    name: str
    train: NDArray[np.intp]
    weights: Float64Array | None
    scorer: FoldScorer

    @classmethod
    def build(
        cls,
        name: str,
        split: tuple[ArrayLike, ArrayLike],
        scorer: FoldScorer,
        weights: Float64Array | None,
        left_out: NDArray[np.bool_] | None = None,
    ) -> Fold:
        """Return the fold of a split.

        Parameters
        ----------
        name : str
            Name of the fold.
        split : tuple of two array-like
            Training and test rows, as indices or masks.
        scorer : FoldScorer
            A scorer on all rows.
        weights : ndarray of float64, of shape (n_samples,), or None
            The sample weights of all rows.
        left_out : ndarray of bool, of shape (n_samples,), optional
            The rows of classes that are left out, which are not tested on.

        Raises
        ------
        ValueError
            If there is no row to train on or to test on.
        """
        train, test = (_indices(part, scorer.rows.n_rows) for part in split)
        if weights is not None:
            train = train[weights[train] > 0.0]
        if left_out is not None:
            test = test[~left_out[test]]
        for part, purpose in [(train, "train"), (test, "test")]:
            if not len(part):
                raise ValueError(f"{name} has no rows to {purpose} on.".capitalize())
        return cls(name, train, weights, scorer.of_rows(test))

    def with_ratio(self, l1_ratio: float | None) -> Fold:
        """Return the fold of which scorers are given models with a share; None is none.

        The share is that of the L1 norm, in place of the estimator's.
        """
        if l1_ratio is None:
            return self
        model = {**self.scorer.model, "l1_ratio": l1_ratio}
        return replace(self, scorer=replace(self.scorer, model=model))

    def begin(self, task: Task, number: int, count: int) -> Task:
        """Begin the task of this fold, a subtask of `task`.

        Parameters
        ----------
        task : Task
            The task of the search.
        number : int
            The number of this fold.
        count : int
            Number of candidates.
        """
        # Functions, so that rows are copied only if a callback asks for them.
        data = {
            "X": lambda: _safe_indexing(indexable(self.scorer.X)[0], self.train),
            "y": lambda: self.scorer.labels[self.train],
            "metadata": self._metadata,
        }
        return task.begin("fold", number, size=count, data=data)

    def _metadata(self) -> dict[str, Any] | None:
        """Return the metadata for callbacks: the weights of the training rows."""
        if self.weights is None:
            return None
        return {"sample_weight": self.weights[self.train]}


@dataclass
class FoldPath:
    """The results of a fold for each candidate, a C or a pair of a share and a C.

    One that was not trained, because a fit failed or a callback stopped the search, has
    0 iterations.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The classes of the training rows.
    scores, objectives, dual_gaps : ndarray of float64, of shape (n_candidates,)
        The scores on the test rows, primal values and duality gaps; NaN if a callback
        stopped the search before.
    n_iters : ndarray of intp, of shape (n_candidates,)
        Sweeps and Newton steps.
    n_nonzeros : ndarray of intp, of shape (n_candidates,)
        Numbers of weights that are not 0.
    trained : dict of int to TrainedModel
        The models of those that were trained, by index. Only that with the best score
        has coefficients, unless all are to be stored.
    best : int
        Index of the best score, for several of them that of the largest share and the
        smallest C; -1 if there is none.
    not_fitted : list of str
        Traceback of the error, for each candidate whose fit failed.
    not_scored : list of str
        Traceback of the error, for each candidate whose scorer failed.
    """

    classes: NDArray[Any]
    scores: Float64Array
    objectives: Float64Array
    dual_gaps: Float64Array
    n_iters: NDArray[np.intp]
    n_nonzeros: NDArray[np.intp]
    trained: dict[int, TrainedModel]
    best: int = -1
    not_fitted: list[str] = field(default_factory=list)
    not_scored: list[str] = field(default_factory=list)

    @classmethod
    def empty(cls, classes: NDArray[Any], count: int) -> FoldPath:
        """Return the results of a fold before any of `count` candidates is trained."""
        scores, objectives, gaps = np.full((3, count), np.nan)
        n_iters, n_nonzeros = np.zeros((2, count), dtype=np.intp)
        return cls(classes, scores, objectives, gaps, n_iters, n_nonzeros, {})

    def aligned(
        self, index: int, training: Training
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return coefficients and intercepts of a fit in the shape of all classes.

        Parameters
        ----------
        index : int
            Index of the candidate.
        training : Training
            The training on all rows, with all classes.

        Returns
        -------
        coef : ndarray of shape (n_scores, n_features)
            The coefficients, NaN for classes that this fold lacks.
        intercept : ndarray of shape (n_scores,)
            The intercepts likewise.
        """
        trained, n_classes = self.trained[index], len(training.classes)
        if len(self.classes) == n_classes:
            return trained.coef, trained.intercept
        coef = np.full((n_classes, trained.coef.shape[1]), np.nan, trained.coef.dtype)
        intercept = np.full(n_classes, np.nan, trained.coef.dtype)
        present = np.searchsorted(training.classes, self.classes)
        if len(present) > 2:
            coef[present], intercept[present] = trained.coef, trained.intercept
            return coef, intercept
        # Two classes have one score, for the second and against the first; in joint
        # training it is the difference of the scores of both.
        part = 0.5 if training.is_joint else 1.0
        for row, factor in zip(present, (-part, part), strict=True):
            coef[row] = factor * trained.coef[0]
            intercept[row] = factor * trained.intercept[0]
        return coef, intercept


def stacked_models(
    paths: Sequence[FoldPath], training: Training
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the coefficients and intercepts of all folds and candidates.

    Parameters
    ----------
    paths : sequence of FoldPath
        The results of the folds.
    training : Training
        The training on all rows, with all classes.

    Returns
    -------
    coefs : ndarray of shape (n_folds, n_candidates, n_scores, n_features)
        The coefficients, NaN where there are none.
    intercepts : ndarray of shape (n_folds, n_candidates, n_scores)
        The intercepts likewise.
    """
    shape = len(paths), len(paths[0].scores), len(training.targets)
    dtype = training.rows.dtype
    coefs = np.full((*shape, training.rows.n_features), np.nan, dtype)
    intercepts = np.full(shape, np.nan, dtype)
    for fold, path in enumerate(paths):
        for index in path.trained:
            coefs[fold, index], intercepts[fold, index] = path.aligned(index, training)
    return coefs, intercepts


def mean_of_best(
    paths: Sequence[FoldPath], training: Training
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the means over folds of coefficients and intercepts with the best scores.

    Parameters
    ----------
    paths : sequence of FoldPath
        The results of folds that have a best score. A class counts in the folds that
        have it.
    training : Training
        The training on all rows, with all classes.

    Raises
    ------
    ValueError
        If a class is among the training rows of no fold.
    """
    best = [path.aligned(path.best, training) for path in paths]
    intercepts = np.stack([intercept for _, intercept in best])
    absent = np.all(np.isnan(intercepts), axis=0)
    if np.any(absent):
        raise ValueError(
            f"Class {training.classes[absent].tolist()[0]!r} is among the training "
            "rows of no fold, so that there is nothing to average: set refit=True."
        )
    coef: NDArray[np.floating] = np.nanmean([coef for coef, _ in best], axis=0)
    return coef, np.nanmean(intercepts, axis=0)


def _indices(part: ArrayLike, n_rows: int) -> NDArray[np.intp]:
    """Return the indices of the rows of a part of a split, which may be a mask."""
    given = np.asarray(part)
    is_plain = given.dtype == np.intp and given.ndim == 1 and given.size > 0
    if is_plain and 0 <= given.min() <= given.max() < n_rows:
        # Not copied, as a copy would take as much memory as dual variables.
        return given
    # The dtype of an empty list is none of indices.
    indices: NDArray[np.intp] = np.arange(n_rows)[given if given.size else slice(0)]
    return indices

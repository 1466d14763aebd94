"""A fold, as an index view of the rows, and what its path has found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import _safe_indexing, indexable

from hingesvm.model_selection._scoring import FoldScorer
from hingesvm.training.callbacks import Task
from hingesvm.training.run import Training
from hingesvm.training.trained import Trained

__all__ = ["Fold", "FoldPath", "mean_of_best", "positive"]

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fold:
    """What a fold is trained and scored on.

    Attributes
    ----------
    name : str
        "fold 1 of 5", for errors and lines of progress.
    train : ndarray of intp
        Rows to train on; those of weight 0 are left out.
    weights : ndarray of float64, of shape (n_samples,), or None
        Of all rows.
    scorer : FoldScorer
        Knows all rows and their labels.
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
    ) -> Fold:
        """Make it of a split, whose parts may be masks.

        Raises
        ------
        ValueError
            If there is no row to train on or to test on.
        """
        train, test = (_places(part, scorer.rows.n_rows) for part in split)
        train = positive(train, weights)
        for part, purpose in [(train, "train"), (test, "test")]:
            if not len(part):
                raise ValueError(f"{name} has no rows to {purpose} on.".capitalize())
        return cls(name, train, weights, scorer.of_rows(test))

    def begin(self, task: Task, number: int, count: int) -> Task:
        """Begin its task, with so many values of C, as a part of another."""
        # Copied only where a callback asks for it.
        data = {
            "X": lambda: _safe_indexing(indexable(self.scorer.X)[0], self.train),
            "y": lambda: self.scorer.labels[self.train],
            "metadata": self._metadata,
        }
        return task.begin("fold", number, size=count, data=data)

    def _metadata(self) -> dict[str, Any] | None:
        """Return what callbacks see of the weights."""
        if self.weights is None:
            return None
        return {"sample_weight": self.weights[self.train]}


@dataclass
class FoldPath:
    """What the path of a fold has found, for each C in the order given.

    NaN and 0 for those that were not trained, as a callback stopped the search.

    Attributes
    ----------
    classes : ndarray
        Those among the training rows.
    scores, objectives, dual_gaps : ndarray of float64, of shape (n_Cs,)
    n_iters : ndarray of intp, of shape (n_Cs,)
    trained : dict of int to Trained
        By place, of each C that was trained. Without coefficients, but where they are
        to be kept, and of the best score.
    best : int
        Place of the best score; the smallest C of several. -1 if there is none.
    not_fitted, not_scored : list of str
        Why fits, or the scores of those that were trained, failed: tracebacks, one for
        each C.
    """

    classes: NDArray[Any]
    scores: Float64Array
    objectives: Float64Array
    dual_gaps: Float64Array
    n_iters: NDArray[np.intp]
    trained: dict[int, Trained]
    best: int = -1
    not_fitted: list[str] = field(default_factory=list)
    not_scored: list[str] = field(default_factory=list)

    @classmethod
    def empty(cls, classes: NDArray[Any], count: int) -> FoldPath:
        """Return one on which none of so many C was trained yet."""
        scores, objectives, gaps = np.full((3, count), np.nan)
        n_iters = np.zeros(count, dtype=np.intp)
        return cls(classes, scores, objectives, gaps, n_iters, {})

    def aligned(
        self, place: int, training: Training
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return coefficients and intercepts of a fit, with a row for each class.

        Parameters
        ----------
        place : int
            Of the C.
        training : Training
            On all rows. Classes that this fold lacks have NaN.
        """
        trained, n_classes = self.trained[place], len(training.classes)
        if len(self.classes) == n_classes:
            return trained.coef, trained.intercept
        coef = np.full((n_classes, trained.coef.shape[1]), np.nan, trained.coef.dtype)
        intercept = np.full(n_classes, np.nan, trained.coef.dtype)
        places = np.searchsorted(training.classes, self.classes)
        if len(places) > 2:
            coef[places], intercept[places] = trained.coef, trained.intercept
            return coef, intercept
        # One score, for the second class and against the first; jointly trained, it is
        # the difference of both.
        part = 0.5 if training.is_joint else 1.0
        for row, sign in zip(places, (-part, part), strict=True):
            coef[row] = sign * trained.coef[0]
            intercept[row] = sign * trained.intercept[0]
        return coef, intercept


def mean_of_best(
    paths: Sequence[FoldPath], training: Training
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the means of the coefficients and intercepts with the best scores.

    Parameters
    ----------
    paths : sequence of FoldPath
        Each has a best score.
    training : Training
        On all rows. A class counts in the folds that have it.

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


def positive(
    places: NDArray[np.intp], weights: Float64Array | None
) -> NDArray[np.intp]:
    """Return the places whose weight is not 0."""
    return places if weights is None else places[weights[places] > 0.0]


def _places(part: ArrayLike, n_rows: int) -> NDArray[np.intp]:
    """Return the rows of a part of a split, which may be a mask."""
    found = np.asarray(part)
    is_plain = found.dtype == np.intp and found.ndim == 1 and found.size > 0
    if is_plain and 0 <= found.min() <= found.max() < n_rows:
        # Not copied, as it takes as much memory as duals do.
        return found
    # An empty list has a dtype that is no index.
    places: NDArray[np.intp] = np.arange(n_rows)[found if found.size else slice(0)]
    return places

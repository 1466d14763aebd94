"""The path of one fold: trained on an index view of the rows, scored on the others."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm._training import Trained, Training
from hingesvm.model_selection._path import train_along
from hingesvm.model_selection._scoring import FoldScorer
from hingesvm.solvers import Rows

__all__ = ["Fold", "FoldPath", "follow"]

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
    y : ndarray
        Labels of all rows.
    weights : ndarray of float64, or None
        Of the rows to train on.
    scorer : FoldScorer
    """

    name: str
    train: NDArray[np.intp]
    y: NDArray[Any]
    weights: Float64Array | None
    scorer: FoldScorer


@dataclass
class FoldPath:
    """What the path of a fold has found, for each C in the order given.

    Attributes
    ----------
    classes : ndarray
        Those among the training rows.
    scores, objectives, dual_gaps : ndarray of float64, of shape (n_Cs,)
    n_iters : ndarray of intp, of shape (n_Cs,)
    trained : list of Trained
        Without coefficients, but where they are to be kept, and of the best score.
    best : int
        Place of the best score; the first of several.
    """

    classes: NDArray[Any]
    scores: Float64Array
    objectives: Float64Array
    dual_gaps: Float64Array
    n_iters: NDArray[np.intp]
    trained: list[Trained | None]
    best: int = -1


def follow(
    params: Any, rows: Rows, fold: Fold, Cs: Float64Array, *, keep_all: bool
) -> FoldPath:
    """Train on a fold along the path of C, and score each model.

    Parameters
    ----------
    params : object
        With the parameters of HingeSVC as attributes.
    rows : Rows
        All rows.
    fold : Fold
    Cs : ndarray of float64, of shape (n_Cs,)
    keep_all : bool
        Whether to keep the coefficients of each C, or of the best alone.
    """
    part = rows.subset(fold.train)
    where = f" of the training rows of {fold.name}"
    training = Training.build(params, part, fold.y[fold.train], fold.weights, where)
    count = len(Cs)
    nothing = np.full(count, np.nan)
    path = FoldPath(
        training.classes,
        nothing,
        nothing.copy(),
        nothing.copy(),
        np.zeros(count, dtype=np.intp),
        [None] * count,
    )
    began = time.perf_counter()
    for place, trained in train_along(training, Cs):
        C = float(Cs[place])
        score = fold.scorer(C, training.classes, trained.coef, trained.intercept)
        path.scores[place] = score
        path.objectives[place] = trained.objective
        path.dual_gaps[place] = trained.dual_gap
        path.n_iters[place] = trained.n_iter
        path.trained[place] = trained
        _keep_best(path, place, keep_all=keep_all)
        if params.verbose:
            seconds = time.perf_counter() - began
            gap = trained.dual_gap / trained.objective if trained.objective else 0.0
            print(
                f"[HingeSVCCV] {fold.name}, C={C:.4g}: score {score:.4f}, "
                f"relative gap {gap:.2e}, iterations {trained.n_iter}, {seconds:.3f} s"
            )
    return path


def _keep_best(path: FoldPath, place: int, *, keep_all: bool) -> None:
    """Note which score is the best, and forget coefficients that nobody needs."""
    last = path.best
    score, best = path.scores[place], path.scores[last]
    if last < 0 or score > best or (score == best and place < last):
        path.best = place
    forgotten = last if path.best == place else place
    if not keep_all and forgotten >= 0:
        trained = path.trained[forgotten]
        assert trained is not None
        path.trained[forgotten] = trained.without_coefficients()

"""Training and scoring of folds along the path of C, in threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from functools import partial
from traceback import format_exc
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context, get_config

from hingesvm.model_selection._choice import is_better
from hingesvm.model_selection._folds import Fold, FoldPath
from hingesvm.model_selection._path import train_along
from hingesvm.rows.contract import Rows
from hingesvm.rows.team import Team
from hingesvm.training.callbacks import Task
from hingesvm.training.causes import relative
from hingesvm.training.classes import CancelledError
from hingesvm.training.lines import say
from hingesvm.training.run import Training
from hingesvm.training.threads import map_in_threads
from hingesvm.training.trained import Trained
from hingesvm.training.validation import draw_seeds

__all__ = ["follow_all"]

Float64Array = NDArray[np.float64]


def follow_all(
    params: Any,
    folds: Iterator[Fold],
    count: int,
    Cs: Float64Array,
    task: Task | None,
) -> list[FoldPath]:
    """Train and score all folds, in threads.

    Parameters
    ----------
    params : object
        With the parameters of HingeSVCCV as attributes.
    folds : iterator of Fold
        Each is made when a thread takes it.
    count : int
        How many there are to be.
    Cs : ndarray of float64, of shape (n_Cs,)
    task : Task or None
        Of the search, in which there is one for each fold.
    """
    cancelled, stopped = threading.Event(), threading.Event()

    def check_cancelled() -> None:
        if cancelled.is_set():
            raise CancelledError

    inner = copy(params)
    # Threads take folds; none is left for the fits in them.
    inner.n_jobs = 1
    if isinstance(params.random_state, np.random.RandomState):
        # Folds must not draw from it in the order in which they are taken.
        inner.random_state = draw_seeds(params.random_state, 1)[0]
    # The settings of scikit-learn are those of each thread.
    config = get_config()

    numbered = enumerate(folds)
    turn = threading.Lock()

    def one(_: int) -> tuple[int, FoldPath]:
        # The splitter is one of those that see the settings.
        with config_context(**config):
            with turn:
                number, fold = next(numbered, (-1, None))
            if fold is None:
                raise ValueError(f"cv said that it has {count} splits, but gave fewer.")
            if stopped.is_set():
                return number, FoldPath.empty(np.empty(0), len(Cs))
            shared = fold.scorer.rows.shared_by(Team(), check_cancelled)
            part = None if task is None else fold.begin(task, number, len(Cs))
            path = _follow(inner, shared, fold, Cs, part, stopped.is_set)
            if part is not None and part.end():
                stopped.set()
        return number, path

    found = dict(map_in_threads(one, range(count), params.n_jobs, cancelled.set))
    if not stopped.is_set() and next(numbered, None) is not None:
        raise ValueError(f"cv said that it has {count} splits, but gave more.")
    return [found[number] for number in range(count)]


def _follow(
    params: Any,
    rows: Rows,
    fold: Fold,
    Cs: Float64Array,
    task: Task | None,
    is_stopped: Callable[[], bool],
) -> FoldPath:
    """Train on a fold along the path of C, and score each model.

    Parameters
    ----------
    params : object
        As of `follow_all`.
    rows : Rows
        All rows.
    fold : Fold
    Cs : ndarray of float64, of shape (n_Cs,)
    task : Task or None
        Of the fold, in which there is one for each C.
    is_stopped : callable
        Returns whether no other C is to be trained.
    """
    path = FoldPath.empty(np.empty(0), len(Cs))
    try:
        training = _training_of(params, rows, fold)
    except Exception:
        if params.error_score == "raise":
            raise
        _note_failure(params, path)
        return path
    path.classes = training.classes
    found = path.trained
    began = time.perf_counter()
    ahead = train_along(training, Cs, f"{fold.name}, ")
    for _ in Cs:
        step = None if task is None else task.begin("C")
        try:
            place, trained = next(ahead)
        except CancelledError:
            raise
        except Exception:
            if params.error_score == "raise":
                raise
            _note_failure(params, path)
            if step is not None:
                step.end()
            break
        C = float(Cs[place])
        score = _score(params, fold, C, trained, path)
        path.scores[place] = score
        path.objectives[place] = trained.objective
        path.dual_gaps[place] = trained.dual_gap
        path.n_iters[place] = trained.n_iter
        found[place] = trained
        forgotten = _note_best(path, place)
        if not params.store_paths and forgotten >= 0:
            found[forgotten] = found[forgotten].without_coefficients()
        if params.verbose:
            gap = relative(trained.dual_gap, trained.objective)
            say(
                f"[HingeSVCCV] {fold.name}, {f'C={C:.4g}:':<13} score {score:<8.6g} "
                f"relative gap {gap:.2e}  "
                f"iterations {trained.n_iter:>{len(str(params.max_iter))}}  "
                f"{time.perf_counter() - began:>9.3f} s"
            )
        if step is not None:
            stop = step.end(partial(_attributes, C, trained, training))
            if stop or is_stopped():
                break
    return path


def _training_of(params: Any, rows: Rows, fold: Fold) -> Training:
    """Return the training on the rows of a fold."""
    weights = None if fold.weights is None else fold.weights[fold.train]
    training = Training.build(
        params,
        rows.subset(fold.train),
        # Nobody else is to hold on to the labels, which take memory.
        fold.scorer.labels[fold.train],
        weights,
        f" of the training rows of {fold.name}",
    )
    # Scores need no more than the tolerance; models that are averaged are used.
    settings = replace(training.settings, exact=not params.refit)
    return replace(training, settings=settings, verbose=params.verbose > 1)


def _score(
    params: Any, fold: Fold, C: float, trained: Trained, path: FoldPath
) -> float:
    """Return the score of a model, or `error_score` if there is none."""
    try:
        return fold.scorer(C, path.classes, trained)
    except CancelledError:
        raise
    except Exception:
        if params.error_score == "raise":
            raise
        path.not_scored.append(format_exc())
        return float(params.error_score)


def _note_failure(params: Any, path: FoldPath) -> None:
    """Give all values of C that were not trained the score of the error in hand."""
    rest = [place for place in range(len(path.scores)) if place not in path.trained]
    path.scores[rest] = params.error_score
    path.not_fitted += [format_exc()] * len(rest)


def _attributes(C: float, trained: Trained, training: Training) -> dict[str, Any]:
    """Return the attributes of an estimator with the model of a C."""
    return {"C_": C, **trained.attributes(training.classes)}


def _note_best(path: FoldPath, place: int) -> int:
    """Note which score is the best; return the place of one that is not, or -1.

    Places come in ascending order of C.
    """
    last = path.best
    best = path.scores[last] if last >= 0 else np.nan
    if not is_better(path.scores[place], best):
        return place
    path.best = place
    return last


def refitted(training: Training, C: float, number: int, task: Task | None) -> Trained:
    """Train on all rows with the C chosen, as a task of that number."""
    where = f"refit, C={C:.4g}"
    if task is None:
        return training.train(C, where=where)
    refit = task.begin("refit", number, **training.tasks)
    trained = training.train(C, task=refit, where=where)
    refit.end(lambda: trained.attributes(training.classes))
    return trained

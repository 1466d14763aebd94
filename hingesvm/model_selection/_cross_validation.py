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
from hingesvm.training.causes import relative_gap
from hingesvm.training.one_vs_rest import CancelledError
from hingesvm.training.printing import print_line
from hingesvm.training.run import Training
from hingesvm.training.threads import map_in_threads
from hingesvm.training.trained import TrainedModel
from hingesvm.training.validation import draw_seeds

__all__ = ["cross_validate"]

Float64Array = NDArray[np.float64]


def cross_validate(
    params: Any,
    folds: Iterator[Fold],
    count: int,
    Cs: Float64Array,
    task: Task | None,
) -> list[FoldPath]:
    """Train and score all folds, in threads.

    Parameters
    ----------
    params : HingeSVCCV
        The search, of which only the parameters are used.
    folds : iterator of Fold
        The folds. Each is made when a thread takes it.
    count : int
        The number of folds that the splitter promised.
    Cs : ndarray of float64, of shape (n_Cs,)
        The values of C.
    task : Task or None
        The task of the search; that of a fold is a subtask.

    Returns
    -------
    list of FoldPath
        The results of the folds, in their order.

    Raises
    ------
    ValueError
        If there are fewer or more folds than `count`.
    """
    cancelled, stopped = threading.Event(), threading.Event()

    def check_cancelled() -> None:
        if cancelled.is_set():
            raise CancelledError

    fold_params = copy(params)
    # The threads train folds, so that a fit in a fold has one thread.
    fold_params.n_jobs = 1
    if isinstance(params.random_state, np.random.RandomState):
        # Otherwise seeds would depend on the order in which threads take folds.
        fold_params.random_state = draw_seeds(params.random_state, 1)[0]
    # Each thread has settings of scikit-learn of its own.
    config = get_config()

    numbered_folds = enumerate(folds)
    lock = threading.Lock()

    def train_next_fold(_: int) -> tuple[int, FoldPath]:
        # The splitter, which `next` calls, is to see the settings too.
        with config_context(**config):
            with lock:
                number, fold = next(numbered_folds, (-1, None))
            if fold is None:
                raise ValueError(f"cv said that it has {count} splits, but gave fewer.")
            if stopped.is_set():
                return number, FoldPath.empty(np.empty(0), len(Cs))
            shared = fold.scorer.rows.shared_by(Team(), check_cancelled)
            fold_task = None if task is None else fold.begin(task, number, len(Cs))
            path = _train_fold(fold_params, shared, fold, Cs, fold_task, stopped.is_set)
            if fold_task is not None and fold_task.end():
                stopped.set()
        return number, path

    paths = dict(
        map_in_threads(train_next_fold, range(count), params.n_jobs, cancelled.set)
    )
    if not stopped.is_set() and next(numbered_folds, None) is not None:
        raise ValueError(f"cv said that it has {count} splits, but gave more.")
    return [paths[number] for number in range(count)]


def _train_fold(
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
    params : HingeSVCCV
        The search, of which only the parameters are used.
    rows : Rows
        All rows of X.
    fold : Fold
        The fold.
    Cs : ndarray of float64, of shape (n_Cs,)
        The values of C.
    task : Task or None
        The task of the fold; that of a C is a subtask.
    is_stopped : callable
        Returns whether a callback has stopped the search.

    Returns
    -------
    FoldPath
        The results for each C.
    """
    path = FoldPath.empty(np.empty(0), len(Cs))
    try:
        training = _training_of(params, rows, fold)
    except Exception:
        if params.error_score == "raise":
            raise
        _record_failure(params, path)
        return path
    path.classes = training.classes
    began = time.perf_counter()
    models = train_along(training, Cs, f"{fold.name}, ")
    for _ in Cs:
        C_task = None if task is None else task.begin("C")
        try:
            index, trained = next(models)
        except CancelledError:
            raise
        except Exception:
            if params.error_score == "raise":
                raise
            _record_failure(params, path)
            if C_task is not None:
                C_task.end()
            break
        C = float(Cs[index])
        score = _score(params, fold, C, trained, path)
        path.scores[index] = score
        path.objectives[index] = trained.objective
        path.dual_gaps[index] = trained.dual_gap
        path.n_iters[index] = trained.n_iter
        path.trained[index] = trained
        worse = _update_best(path, index)
        if not params.store_paths and worse >= 0:
            path.trained[worse] = path.trained[worse].without_coefficients()
        if params.verbose:
            gap = relative_gap(trained.dual_gap, trained.objective)
            print_line(
                f"[HingeSVCCV] {fold.name}, {f'C={C:.4g}:':<13} score {score:<8.6g} "
                f"relative gap {gap:.2e}  "
                f"iterations {trained.n_iter:>{len(str(params.max_iter))}}  "
                f"{time.perf_counter() - began:>9.3f} s"
            )
        if C_task is not None:
            stop = C_task.end(partial(_attributes, C, trained, training))
            if stop or is_stopped():
                break
    return path


def _training_of(params: Any, rows: Rows, fold: Fold) -> Training:
    """Return the training on the training rows of a fold."""
    weights = None if fold.weights is None else fold.weights[fold.train]
    training = Training.build(
        params,
        rows.subset(fold.train),
        # Not kept in a variable, so that their memory is freed early.
        fold.scorer.labels[fold.train],
        weights,
        f" of the training rows of {fold.name}",
    )
    # To compare scores the tolerance suffices. Without `refit`, the models of the folds
    # are the result, and are solved exactly.
    settings = replace(training.settings, exact=not params.refit)
    return replace(training, settings=settings, verbose=params.verbose > 1)


def _score(
    params: Any, fold: Fold, C: float, trained: TrainedModel, path: FoldPath
) -> float:
    """Return the score of a model, or `error_score` if the scorer fails."""
    try:
        return fold.scorer(C, path.classes, trained)
    except CancelledError:
        raise
    except Exception:
        if params.error_score == "raise":
            raise
        path.not_scored.append(format_exc())
        return float(params.error_score)


def _record_failure(params: Any, path: FoldPath) -> None:
    """Record the current exception for each C that was not trained yet."""
    rest = [index for index in range(len(path.scores)) if index not in path.trained]
    path.scores[rest] = params.error_score
    path.not_fitted += [format_exc()] * len(rest)


def _attributes(C: float, trained: TrainedModel, training: Training) -> dict[str, Any]:
    """Return the attributes of a search whose model is the one of this C."""
    return {"C_": C, **trained.attributes(training.classes)}


def _update_best(path: FoldPath, index: int) -> int:
    """Compare the score at an index with the best one, and update the best.

    The values of C come in ascending order.

    Returns
    -------
    int
        The index of the worse one of both, -1 if there was no best one.
    """
    last = path.best
    best = path.scores[last] if last >= 0 else np.nan
    if not is_better(path.scores[index], best):
        return index
    path.best = index
    return last


def train_on_all(
    training: Training, C: float, number: int, task: Task | None
) -> TrainedModel:
    """Train on all rows with the C chosen.

    Parameters
    ----------
    training : Training
        The training on all rows.
    C : float
        The C chosen.
    number : int
        The number of this fit among the subtasks of the search.
    task : Task or None
        The task of the search.
    """
    name = f"refit, C={C:.4g}"
    if task is None:
        return training.train(C, fit_name=name)
    refit = task.begin("refit", number, **training.tasks)
    trained = training.train(C, task=refit, fit_name=name)
    refit.end(lambda: trained.attributes(training.classes))
    return trained

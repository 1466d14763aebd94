"""Training and scoring of folds along paths of C, in threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from traceback import format_exc
from typing import Any

import numpy as np
from sklearn import config_context, get_config

from hingesvm.model_selection._candidates import Candidates
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


def cross_validate(
    params: Any,
    folds: Iterator[Fold],
    count: int,
    candidates: Candidates,
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
    candidates : Candidates
        What is tried in each fold.
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
                return number, FoldPath.empty(np.empty(0), len(candidates))
            shared = fold.scorer.rows.shared_by(Team(), check_cancelled)
            fold_task = None
            if task is not None:
                fold_task = fold.begin(task, number, len(candidates))
            path = _train_fold(
                fold_params, shared, fold, candidates, fold_task, stopped.is_set
            )
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
    candidates: Candidates,
    task: Task | None,
    is_stopped: Callable[[], bool],
) -> FoldPath:
    """Train on a fold along the paths of C, and score each model.

    Parameters
    ----------
    params : HingeSVCCV
        The search, of which only the parameters are used.
    rows : Rows
        All rows of X.
    fold : Fold
        The fold.
    candidates : Candidates
        What is tried.
    task : Task or None
        The task of the fold; that of a C is a subtask.
    is_stopped : callable
        Returns whether a callback has stopped the search.

    Returns
    -------
    FoldPath
        The results for each candidate.
    """
    path = FoldPath.empty(np.empty(0), len(candidates))
    try:
        training = _training_of(params, rows, fold)
    except Exception:
        if params.error_score == "raise":
            raise
        _record_failure(params, path, range(len(candidates)))
        return path
    path.classes = training.classes
    began = time.perf_counter()
    for part in candidates.parts:
        run = _PathRun(params, fold.with_ratio(candidates.ratio_of(part)), path, began)
        models = candidates.training_of(training, candidates.places(part)[0])
        if run.train(models, candidates, part, task, is_stopped):
            break
    return path


@dataclass(frozen=True)
class _PathRun:
    """Trains and scores along one path of C in a fold.

    Attributes
    ----------
    params : HingeSVCCV
        The search, of which only the parameters are used.
    fold : Fold
        The fold.
    path : FoldPath
        Where the results go.
    began : float
        When the fold began, in seconds.
    """

    params: Any
    fold: Fold
    path: FoldPath
    began: float

    def train(
        self,
        training: Training,
        candidates: Candidates,
        part: int,
        task: Task | None,
        is_stopped: Callable[[], bool],
    ) -> bool:
        """Train and score with each C; return whether a callback ends the fold.

        Parameters
        ----------
        training : Training
            The training on the rows of the fold.
        candidates : Candidates
            What is tried.
        part : int
            The place of the share of the L1 norm.
        task : Task or None
            The task of the fold; that of a C is a subtask.
        is_stopped : callable
            Returns whether a callback has stopped the search.
        """
        places, ratio = candidates.places(part), candidates.ratio_of(part)
        which = "" if ratio is None else f"l1_ratio={ratio:g}, "
        models = train_along(training, candidates.Cs, f"{self.fold.name}, {which}")
        for _ in places:
            C_task = None if task is None else task.begin("C")
            try:
                place, trained = next(models)
            except CancelledError:
                raise
            except Exception:
                if self.params.error_score == "raise":
                    raise
                _record_failure(self.params, self.path, places)
                if C_task is not None:
                    C_task.end()
                return False
            values = candidates.values(places[place])
            self._keep(places[place], values["C_"], trained, which)
            if C_task is not None:
                stop = C_task.end(partial(_attributes, values, trained, training))
                if stop or is_stopped():
                    return True
        return False

    def _keep(self, index: int, C: float, trained: TrainedModel, which: str) -> None:
        """Score a model, and keep what is to be known of it."""
        path, params = self.path, self.params
        score = _score(params, self.fold, C, trained, path)
        path.scores[index] = score
        path.objectives[index] = trained.objective
        path.dual_gaps[index] = trained.dual_gap
        path.n_iters[index] = trained.n_iter
        path.n_nonzeros[index] = np.count_nonzero(trained.coef)
        path.trained[index] = trained
        worse = _update_best(path, index)
        if not params.store_paths and worse >= 0:
            path.trained[worse] = path.trained[worse].without_coefficients()
        if params.verbose:
            gap = relative_gap(trained.dual_gap, trained.objective)
            print_line(
                f"[HingeSVCCV] {self.fold.name}, {which}{f'C={C:.4g}:':<13} "
                f"score {score:<8.6g} relative gap {gap:.2e}  "
                f"iterations {trained.n_iter:>{len(str(params.max_iter))}}  "
                f"{time.perf_counter() - self.began:>9.3f} s"
            )


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


def _record_failure(params: Any, path: FoldPath, places: range) -> None:
    """Record the current exception for those of some places not trained yet."""
    rest = [index for index in places if index not in path.trained]
    path.scores[rest] = params.error_score
    path.not_fitted += [format_exc()] * len(rest)


def _attributes(
    values: dict[str, float], trained: TrainedModel, training: Training
) -> dict[str, Any]:
    """Return the attributes of a search whose model is the one of these values."""
    return {**values, **trained.attributes(training.classes)}


def _update_best(path: FoldPath, index: int) -> int:
    """Compare the score at an index with the best one, and update the best.

    Shares come from the largest down, and values of C in ascending order.

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
        The training on all rows, with the penalty chosen.
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

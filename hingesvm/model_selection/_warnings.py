"""Errors and warnings of a search whose folds are done."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import FitFailedWarning

from hingesvm.model_selection._candidates import Candidates
from hingesvm.model_selection._folds import FoldPath
from hingesvm.rows.contract import Rows
from hingesvm.training.reporting import warn_if_path_not_converged, warn_search_stopped
from hingesvm.training.trained import TrainedModel

__all__ = ["check_scores", "warn_after_search", "warn_unweighted_scores"]


def check_scores(
    search: Any, candidates: Candidates, paths: Sequence[FoldPath]
) -> None:
    """Raise an error if no C can be chosen by the scores.

    Parameters
    ----------
    search : HingeSVCCV
        The search, with the attributes of its folds.
    candidates : Candidates
        What it tried.
    paths : sequence of FoldPath
        The results of the folds.

    Raises
    ------
    ValueError
        If all fits failed, a score is not finite and `error_score` is "raise", or no C
        has a finite score in each fold.
    """
    scores, n_iters = _by_fold(search.scores_), _by_fold(search.n_iters_)
    # A fit has at least one iteration. 0 stands for one that failed or was not begun.
    if not n_iters.any():
        failed = [error for path in paths for error in path.not_fitted]
        raise ValueError(
            f"All the {len(failed)} fits of {type(search).__name__} failed; "
            f"error_score='raise' raises the first error.\n{_summary(failed)}"
        )
    bad = np.argwhere(~np.isfinite(scores) & (n_iters > 0))
    if len(bad) and search.error_score == "raise":
        fold, index = bad[0]
        raise ValueError(
            "The scores must be finite to choose C by them, but with scoring="
            f"{search.scoring!r} that of fold {fold + 1} of {len(scores)} is "
            f"{scores[fold, index]} at {candidates.name(int(index))}."
        )
    if not np.isfinite(scores[n_iters.any(axis=1)]).all(axis=0).any():
        failed = [error for path in paths for error in path.not_scored]
        raise ValueError(
            "No C has a finite score in each fold, so that none can be chosen with "
            f"scoring={search.scoring!r} and error_score={search.error_score!r}.\n"
            f"{_summary(failed)}".rstrip()
        )


def warn_after_search(
    search: Any,
    candidates: Candidates,
    rows: Rows,
    paths: Sequence[FoldPath],
    last: list[TrainedModel],
    best: int,
    *,
    stack_level: int,
) -> None:
    """Warn of fits and scorers that failed or ended early, and of a grid that is short.

    Parameters
    ----------
    search : HingeSVCCV
        The search, with the attributes of its folds.
    candidates : Candidates
        What it tried.
    rows : Rows
        The rows of all folds.
    paths : sequence of FoldPath
        The results of the folds.
    last : list of TrainedModel
        The model trained on all rows, if there is one.
    best : int
        Index of the candidate chosen.
    stack_level : int
        Number of frames from this function up to the user's call.
    """
    who = type(search).__name__
    trained = [model for path in paths for model in path.trained.values()]
    _warn_failures(search, paths, stack_level)
    n_failed = sum(len(path.not_fitted) for path in paths)
    if len(trained) + n_failed < search.scores_.size:
        warn_search_stopped(
            who, len(trained), search.scores_.size, stack_level=stack_level + 1
        )
    warn_if_path_not_converged(
        who,
        rows,
        [*trained, *last],
        search.tol,
        search.max_iter,
        search.solver,
        stack_level=stack_level + 1,
    )
    scores = _by_fold(search.scores_)[_by_fold(search.n_iters_).any(axis=1)]
    if isinstance(search.Cs, Integral) and candidates.is_limited(scores, best):
        C = candidates.values(best)["C_"]
        warnings.warn(
            f"The best C that {who} found, {C:.3g}, is the largest of the grid made "
            f"for Cs={search.Cs}, and smaller ones score clearly less: still larger "
            "ones may score better. Pass values that go farther, such as "
            f"Cs=np.geomspace({0.01 * C:.1g}, {1e3 * C:.1g}, 11), or scale the columns "
            "of X.",
            UserWarning,
            stacklevel=stack_level + 1,
        )


def warn_unweighted_scores(search: Any, *, stack_level: int) -> None:
    """Warn that the scorer takes no weights, though the rows have some.

    Parameters
    ----------
    search : HingeSVCCV
        The search.
    stack_level : int
        Number of frames from this function up to the user's call.
    """
    warnings.warn(
        f"The scoring {search.scoring!r} does not support sample_weight, so that the "
        f"fits of {type(search).__name__} are weighted and their scores are not.",
        UserWarning,
        stacklevel=stack_level + 1,
    )


def _by_fold(values: NDArray[Any]) -> NDArray[Any]:
    """Return values of shape (n_folds, ...) as a row for each fold."""
    return values.reshape(len(values), -1)


def _warn_failures(search: Any, paths: Sequence[FoldPath], stack_level: int) -> None:
    """Warn of fits and scorers that failed, and of scores that are not finite."""
    size, instead = search.scores_.size, search.error_score
    for what, category, failed in [
        ("fits failed", FitFailedWarning, [path.not_fitted for path in paths]),
        ("fits could not be scored", UserWarning, [path.not_scored for path in paths]),
    ]:
        errors = [error for of_a_fold in failed for error in of_a_fold]
        if errors:
            warnings.warn(
                f"{type(search).__name__}: {len(errors)} of {size} {what}; their "
                f"scores are set to {instead}. error_score='raise' raises the first "
                f"error.\n{_summary(errors)}",
                category,
                stacklevel=stack_level + 2,
            )
    bad = np.count_nonzero(~np.isfinite(search.scores_) & (search.n_iters_ > 0))
    if bad > sum(len(path.not_scored) for path in paths):
        warnings.warn(
            f"{type(search).__name__}: {bad} of {size} scores are not finite; a C with "
            "such a score is not chosen.",
            UserWarning,
            stacklevel=stack_level + 2,
        )


def _summary(errors: Sequence[str]) -> str:
    """Return each error once, with the number of fits that had it."""
    return "\n".join(
        f"{count} with the following error:\n{error}"
        for error, count in Counter(errors).items()
    )

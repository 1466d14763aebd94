"""What a search refuses and warns of, once its folds are done."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.exceptions import FitFailedWarning

from hingesvm.model_selection._choice import tells_of_the_end
from hingesvm.model_selection._folds import FoldPath
from hingesvm.rows.contract import Rows
from hingesvm.training.reporting import warn_path_short, warn_search_stopped
from hingesvm.training.trained import Trained

__all__ = ["check_scores", "warn_of", "warn_unweighted"]


def check_scores(search: Any, paths: Sequence[FoldPath]) -> None:
    """Refuse scores by which no C can be chosen.

    Raises
    ------
    ValueError
        If all fits failed, a score is not finite and `error_score` is "raise", or no C
        has a finite score in each fold.
    """
    scores, n_iters = search.scores_, search.n_iters_
    # Fits have at least one iteration; those that failed or were stopped have none.
    if not n_iters.any():
        failed = [error for path in paths for error in path.not_fitted]
        raise ValueError(
            f"All the {len(failed)} fits of {type(search).__name__} failed; "
            f"error_score='raise' raises the first error.\n{_summary(failed)}"
        )
    bad = np.argwhere(~np.isfinite(scores) & (n_iters > 0))
    if len(bad) and search.error_score == "raise":
        fold, place = bad[0]
        raise ValueError(
            "The scores must be finite to choose C by them, but with scoring="
            f"{search.scoring!r} that of fold {fold + 1} of {len(scores)} is "
            f"{scores[fold, place]} at C={search.Cs_[place]:.4g}."
        )
    if not np.isfinite(scores[n_iters.any(axis=1)]).all(axis=0).any():
        failed = [error for path in paths for error in path.not_scored]
        raise ValueError(
            "No C has a finite score in each fold, so that none can be chosen with "
            f"scoring={search.scoring!r} and error_score={search.error_score!r}.\n"
            f"{_summary(failed)}".rstrip()
        )


def warn_of(
    search: Any,
    rows: Rows,
    paths: Sequence[FoldPath],
    last: list[Trained],
    place: int,
    *,
    stack_level: int,
) -> None:
    """Warn of what the user of a search should know.

    Parameters
    ----------
    search : HingeSVCCV
    rows : Rows
        Those of all folds.
    paths : sequence of FoldPath
    last : list of Trained
        The last fit, if there was one.
    place : int
        Of the best C.
    stack_level : int
        How many frames the call of the user is above this one.
    """
    who = type(search).__name__
    trained = [one for path in paths for one in path.trained.values()]
    _warn_failures(search, paths, stack_level)
    n_failed = sum(len(path.not_fitted) for path in paths)
    if len(trained) + n_failed < search.scores_.size:
        warn_search_stopped(
            who, len(trained), search.scores_.size, stack_level=stack_level + 1
        )
    warn_path_short(
        who,
        rows,
        [*trained, *last],
        search.tol,
        search.max_iter,
        search.solver,
        stack_level=stack_level + 1,
    )
    scores = search.scores_[search.n_iters_.any(axis=1)]
    if isinstance(search.Cs, Integral) and tells_of_the_end(search.Cs_, scores, place):
        C = search.Cs_[place]
        warnings.warn(
            f"The best C that {who} found, {C:.3g}, is the largest of the grid made "
            f"for Cs={search.Cs}, and smaller ones score clearly less: still larger "
            "ones may score better. Pass values that go farther, such as "
            f"Cs=np.geomspace({0.01 * C:.1g}, {1e3 * C:.1g}, 11), or scale the columns "
            "of X.",
            UserWarning,
            stacklevel=stack_level + 1,
        )


def warn_unweighted(search: Any, *, stack_level: int) -> None:
    """Warn that the scorer takes no weights; `stack_level` as of `warn_of`."""
    warnings.warn(
        f"The scoring {search.scoring!r} does not support sample_weight, so that the "
        f"fits of {type(search).__name__} are weighted and their scores are not.",
        UserWarning,
        stacklevel=stack_level + 1,
    )


def _warn_failures(search: Any, paths: Sequence[FoldPath], stack_level: int) -> None:
    """Warn of fits and scorers that failed, and of scores that are not finite."""
    size, instead = search.scores_.size, search.error_score
    for what, category, failed in [
        ("fits failed", FitFailedWarning, [path.not_fitted for path in paths]),
        ("fits could not be scored", UserWarning, [path.not_scored for path in paths]),
    ]:
        errors = [error for some in failed for error in some]
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
    """Return each error once, with how many fits had it."""
    return "\n".join(
        f"{count} with the following error:\n{error}"
        for error, count in Counter(errors).items()
    )

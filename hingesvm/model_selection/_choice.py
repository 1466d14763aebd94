"""The choice of C by the scores of folds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_place", "is_better", "standard_errors", "tells_of_the_end"]

Float64Array = NDArray[np.float64]

# Part of a score by which another must exceed it, so that more than rounding tells them
# apart.
_ROUNDING = 1e-12
# Values of C that a grid must have for its last one to tell of what lies beyond: of two
# one is always the better.
_FEWEST = 3


def is_better(score: float, best: float) -> bool:
    """Whether a score is better than another by more than rounding.

    One that is not finite never is.
    """
    if not np.isfinite([score, best]).all():
        return bool(np.isfinite(score))
    return bool(score > _above(best))


def standard_errors(scores: Float64Array) -> Float64Array:
    """Return the standard errors of means over folds, which are at least two.

    `scores` are of shape (n_folds, n_Cs).
    """
    errors: Float64Array = scores.std(axis=0, ddof=1) / np.sqrt(len(scores))
    return errors


def best_place(
    Cs: Float64Array, scores: Float64Array, *, one_standard_error: bool
) -> int:
    """Return the place of the C to choose: of equal means that of the smallest C.

    Parameters
    ----------
    Cs : ndarray of float64, of shape (n_Cs,)
    scores : ndarray of float64, of shape (n_folds, n_Cs)
        At least one C has a finite score in each fold; it is one of these.
    one_standard_error : bool
        Whether to choose the smallest whose mean is within one standard error of the
        best mean.
    """
    finite = np.isfinite(scores).all(axis=0)
    means = np.full(len(Cs), np.nan)
    means[finite] = scores[:, finite].mean(axis=0)
    top = int(np.nanargmax(means))
    best = _smallest(Cs, _above(means) >= means[top])
    if not one_standard_error or len(scores) < 2:
        return best
    error = standard_errors(scores[:, [best]])[0]
    return _smallest(Cs, _above(means) >= means[top] - error)


def tells_of_the_end(Cs: Float64Array, scores: Float64Array, place: int) -> bool:
    """Whether the C chosen is the largest because there are no larger ones.

    That is, each smaller one is worse by more than the standard error of the
    difference. At the small end there is nothing to tell: with a smaller C weights are
    shorter, and their direction is the same.
    """
    if len(Cs) < _FEWEST or Cs[place] < Cs.max():
        return False
    others = scores[:, (Cs < Cs[place]) & np.isfinite(scores).all(axis=0)]
    differences = scores[:, [place]] - others
    means = differences.mean(axis=0)
    if len(scores) > 1:
        # Of a single fold that differs, both are the same but for rounding.
        return bool(np.all(means > _above(standard_errors(differences))))
    return bool(np.all(means > 0.0))


def _above(scores: Float64Array | float) -> Float64Array:
    """Return the largest numbers that rounding might have made of some."""
    above: Float64Array = scores + _ROUNDING * np.abs(scores)
    return above


def _smallest(Cs: Float64Array, where: NDArray[np.bool_]) -> int:
    """Return the place of the smallest C among some."""
    places = np.flatnonzero(where)
    return int(places[Cs[places].argmin()])

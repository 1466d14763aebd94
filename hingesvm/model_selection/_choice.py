"""The choice of C by the scores of folds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_index", "is_better", "is_limited_by_grid", "standard_errors"]

Float64Array = NDArray[np.float64]

# A score is better than another if it is larger by more than this part of that one.
_ROUNDING = 1e-12
# A grid of fewer values of C does not show whether larger ones would be better.
_FEWEST = 3


def is_better(score: float, best: float) -> bool:
    """Whether a score exceeds the best one so far by more than rounding errors.

    A score that is not finite is never better; a finite one is better than one that is
    not.
    """
    if not np.isfinite([score, best]).all():
        return bool(np.isfinite(score))
    return bool(score > _above(best))


def standard_errors(scores: Float64Array) -> Float64Array:
    """Return the standard error of the mean over folds, for each C.

    Parameters
    ----------
    scores : ndarray of float64, of shape (n_folds, n_Cs)
        Scores of at least two folds.
    """
    errors: Float64Array = scores.std(axis=0, ddof=1) / np.sqrt(len(scores))
    return errors


def best_index(
    Cs: Float64Array,
    scores: Float64Array,
    *,
    one_standard_error: bool,
    l1_ratios: Float64Array | None = None,
) -> int:
    """Return the index of the C to choose.

    This is the C with the best mean score, and the smallest of several whose means are
    equal. Only a C with a finite score in each fold is chosen. Where each C comes with
    a share of the L1 norm, of equal means the largest share is taken first.

    Parameters
    ----------
    Cs : ndarray of float64, of shape (n_Cs,)
        The values of C.
    scores : ndarray of float64, of shape (n_folds, n_Cs)
        At least one C has a finite score in each fold.
    one_standard_error : bool
        Whether to choose instead the smallest C whose mean score is within one standard
        error of the best mean, of those with the share of the best one.
    l1_ratios : ndarray of float64, of shape (n_Cs,), optional
        The share for each C.
    """
    finite = np.isfinite(scores).all(axis=0)
    means = np.full(len(Cs), np.nan)
    means[finite] = scores[:, finite].mean(axis=0)
    top = int(np.nanargmax(means))
    tied = _above(means) >= means[top]
    if l1_ratios is not None:
        tied &= l1_ratios == l1_ratios[tied].max()
    best = _smallest(Cs, tied)
    if not one_standard_error or len(scores) < 2:
        return best
    error = standard_errors(scores[:, [best]])[0]
    within = _above(means) >= means[top] - error
    if l1_ratios is not None:
        within &= l1_ratios == l1_ratios[best]
    return _smallest(Cs, within)


def is_limited_by_grid(Cs: Float64Array, scores: Float64Array, index: int) -> bool:
    """Whether a C larger than those of the grid may be better than the one chosen.

    This is so if the C chosen, at `index`, is the largest and each smaller one is worse
    by more than the standard error of the difference. The smallest C of a grid needs no
    such check: a still smaller one shortens the weights and keeps their direction.
    """
    if len(Cs) < _FEWEST or Cs[index] < Cs.max():
        return False
    others = scores[:, (Cs < Cs[index]) & np.isfinite(scores).all(axis=0)]
    differences = scores[:, [index]] - others
    means = differences.mean(axis=0)
    if len(scores) > 1:
        # If a single fold differs, mean and standard error are equal but for rounding.
        return bool(np.all(means > _above(standard_errors(differences))))
    return bool(np.all(means > 0.0))


def _above(scores: Float64Array | float) -> Float64Array:
    """Return the upper bounds of what rounding errors can make of scores."""
    above: Float64Array = scores + _ROUNDING * np.abs(scores)
    return above


def _smallest(Cs: Float64Array, mask: NDArray[np.bool_]) -> int:
    """Return the index of the smallest C that the mask selects."""
    indices = np.flatnonzero(mask)
    return int(indices[Cs[indices].argmin()])

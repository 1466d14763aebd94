"""Dual variables that a fit leaves for the next one, and what that makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.start import KeptStart, Start
from hingesvm.training.joint import joint_start, signed_duals
from hingesvm.training.run import Training
from hingesvm.training.trained import Trained

__all__ = ["KeptDuals"]

Float64Array = NDArray[np.float64]

# Relative distance from the cost of a row up to which its dual variable is at it.
_NEARLY = 1e-6


@dataclass(frozen=True)
class KeptDuals:
    """Dual variables of all rows, those of weight zero among them.

    Attributes
    ----------
    signed : ndarray of float64, of shape (n_scores, n_samples)
        Such that `coef_` is the product with X.
    costs : ndarray of float64, of shape (n_samples,) or (1,)
        Of the rows in the problems that they solve; 1 where the weight was zero.
    """

    signed: Float64Array
    costs: Float64Array

    @classmethod
    def of(
        cls,
        training: Training,
        trained: Trained,
        n_samples: int,
        kept: NDArray[np.intp] | None,
    ) -> KeptDuals:
        """Take them from training on the rows `kept` (None: all)."""
        places = slice(None) if kept is None else kept
        count = len(training.classes) if training.is_joint else training.n_problems
        signed = np.zeros((count, n_samples))
        for row, duals in zip(signed, _signed(training, trained), strict=True):
            # Without negative zeros, which are shown as "-0.".
            row[places] = duals + 0.0
        costs = trained.costs
        if len(costs) > 1:
            costs = np.ones(n_samples)
            costs[places] = trained.costs
        return cls(signed, costs)

    def starts(
        self,
        training: Training,
        C: float,
        coef: NDArray[np.floating],
        intercept: NDArray[np.floating],
        n_samples: int,
        kept: NDArray[np.intp] | None,
    ) -> list[Start | None]:
        """Return where to start on rows of which the first are those from before.

        Dual variables follow the costs of their rows as far as these differ within a
        class: the factor in common is left to the start, which finds the best one.
        """
        longer = training.factors_of_two[1]
        places = slice(None) if kept is None else kept
        before = np.ones(n_samples)
        before[: self.signed.shape[1]] = self.costs
        before = before[places]
        now = training.costs(C)
        factors = None
        if len(now) > 1 or len(self.costs) > 1:
            used = np.zeros(n_samples)
            used[: self.signed.shape[1]] = self.signed.any(axis=0)
            factors = _within_classes(now / before, before * used[places], training)
        targets = range(len(self.signed)) if training.is_joint else training.targets
        starts: list[Start] = []
        # One after the other, as the cache holds the dual variables of one.
        for number, target in enumerate(targets):
            signed = np.zeros(n_samples)
            np.divide(self.signed[number], longer, out=signed[: self.signed.shape[1]])
            alpha = _of_labels(signed[places], training, target)
            at_bound = alpha >= (1.0 - _NEARLY) * before
            if factors is not None:
                alpha *= factors
            w = coef[number].astype(np.float64) / longer
            b = float(intercept[number]) / longer
            starts.append(KeptStart(alpha, w, b, is_at_bound=at_bound))
        if training.is_joint:
            return [joint_start(starts, training.codes)]
        return list(starts)


def _of_labels(signed: Float64Array, training: Training, target: int) -> Float64Array:
    """Return dual variables that go with the labels, 0 where these have changed.

    A row whose label is another one now would pull the weights the other way. In joint
    problems they are what it takes from another class than its own.
    """
    is_target = training.codes == target
    if training.is_joint:
        return np.where(is_target, 0.0, np.maximum(-signed, 0.0))
    return np.maximum(np.where(is_target, signed, -signed), 0.0)


def _within_classes(
    factors: Float64Array, used: Float64Array, training: Training
) -> Float64Array:
    """Return the factors of rows without the mean one of their class.

    `used` are the costs that the factors were of, in rows with dual variables. Where
    all duals of a class grow, those of the others do not answer, and the weights are
    farther off than with the old ones.
    """
    count = len(training.classes)
    old = np.bincount(training.codes, used, count)
    new = np.bincount(training.codes, used * factors, count)
    means = np.divide(new, old, out=np.ones(count), where=old > 0.0)
    within: Float64Array = factors / means[training.codes]
    return within


def _signed(training: Training, trained: Trained) -> Iterator[Float64Array]:
    """Yield what the rows add to each score, one score after the other."""
    alphas = (solution.certificate.alpha for solution in trained.solutions)
    if training.is_joint:
        yield from signed_duals(next(alphas), training.codes).T
        return
    longer = training.factors_of_two[1]
    for target, alpha in zip(training.targets, alphas, strict=True):
        yield longer * np.where(training.codes == target, 1, -1) * alpha

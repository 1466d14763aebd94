"""Dual variables that a fit leaves for the next one, and what that makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hingesvm._jointly import joint_start, signed_duals
from hingesvm._training import Trained, Training
from hingesvm.solvers import Start

__all__ = ["KeptDuals"]

Float64Array = NDArray[np.float64]


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
        n_before = self.signed.shape[1]
        longer = training.factors_of_two[1]
        places = slice(None) if kept is None else kept
        duals = np.zeros((len(self.signed), n_samples))
        duals[:, :n_before] = np.abs(self.signed) / longer
        duals = duals[:, places]
        now = training.costs(C)
        if len(now) > 1 or len(self.costs) > 1:
            before = np.ones(n_samples)
            before[:n_before] = self.costs
            duals *= _within_classes(
                now / before[places], before[places], duals, training
            )
        starts = [
            Start(alpha, w, float(b))
            for alpha, w, b in zip(
                duals,
                coef.astype(np.float64) / longer,
                intercept.astype(np.float64) / longer,
                strict=True,
            )
        ]
        if training.is_joint:
            return [joint_start(starts, training.codes)]
        return list(starts)


def _within_classes(
    factors: Float64Array,
    before: Float64Array,
    duals: Float64Array,
    training: Training,
) -> Float64Array:
    """Return the factors of rows without the mean one of their class.

    Where all duals of a class grow, those of the others do not answer, and the weights
    are farther off than with the old ones.
    """
    used = before * duals.any(axis=0)
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

"""Warm starts: dual variables of one fit as the start of the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.start import KeptStart, Start
from hingesvm.training.joint import joint_start, signed_duals
from hingesvm.training.run import Training
from hingesvm.training.trained import TrainedModel

__all__ = ["KeptDuals"]

Float64Array = NDArray[np.float64]

# A dual variable is at its bound if it is relatively this close to the cost of its row.
_NEARLY = 1e-6


@dataclass(frozen=True)
class KeptDuals:
    """The dual variables of a fit, with entries for rows of weight zero too.

    Attributes
    ----------
    signed : ndarray of float64, of shape (n_scores, n_samples)
        Dual variables with signs, such that ``signed @ X`` is `coef_`.
    costs : ndarray of float64, of shape (n_samples,) or (1,)
        The costs of the rows in the problems; 1 for rows of weight zero.
    """

    signed: Float64Array
    costs: Float64Array

    @classmethod
    def of(
        cls,
        training: Training,
        trained: TrainedModel,
        n_samples: int,
        kept: NDArray[np.intp] | None,
    ) -> KeptDuals:
        """Return those of a trained model.

        Parameters
        ----------
        training : Training
            The training of the model.
        trained : TrainedModel
            The model.
        n_samples : int
            Number of rows of X.
        kept : ndarray of intp, or None
            The rows that took part; None if all did.
        """
        used = slice(None) if kept is None else kept
        count = len(training.classes) if training.is_joint else training.n_problems
        signed = np.zeros((count, n_samples))
        for row, duals in zip(signed, _signed(training, trained), strict=True):
            # Adding 0 turns negative zeros, which are shown as "-0.", into zeros.
            row[used] = duals + 0.0
        costs = trained.costs
        if len(costs) > 1:
            costs = np.ones(n_samples)
            costs[used] = trained.costs
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
        """Return starts for a fit to the same rows, or to more that follow them.

        Where the costs of rows change by different factors within a class, the dual
        variables change with them. A common factor is not applied: the solver finds the
        best multiple of a start.

        Parameters
        ----------
        training : Training
            The training of the new fit.
        C : float
            Its C.
        coef : ndarray of shape (n_scores, n_features)
            The weights of the last fit.
        intercept : ndarray of shape (n_scores,)
            The intercepts of the last fit.
        n_samples : int
            Number of rows of the new X.
        kept : ndarray of intp, or None
            The rows that take part; None if all do.

        Returns
        -------
        list of Start
            One for each problem.
        """
        factor = training.binary_factors.coef
        used = slice(None) if kept is None else kept
        n_before = self.signed.shape[1]
        before = np.ones(n_samples)
        before[:n_before] = self.costs
        before = before[used]
        now = training.costs(C)
        changes = None
        if len(now) > 1 or len(self.costs) > 1:
            has_dual = np.zeros(n_samples)
            has_dual[:n_before] = self.signed.any(axis=0)
            changes = _within_classes(now / before, before * has_dual[used], training)
        targets = range(len(self.signed)) if training.is_joint else training.targets
        starts: list[Start] = []
        # One class after the other, as the cache holds the dual variables of one.
        for number, target in enumerate(targets):
            signed = np.zeros(n_samples)
            np.divide(self.signed[number], factor, out=signed[:n_before])
            alpha = _unsigned(signed[used], training, target)
            at_bound = alpha >= (1.0 - _NEARLY) * before
            if changes is not None:
                alpha *= changes
            w = coef[number].astype(np.float64) / factor
            b = float(intercept[number]) / factor
            starts.append(KeptStart(alpha, w, b, is_at_bound=at_bound))
        if training.is_joint:
            return [joint_start(starts, training.codes)]
        return list(starts)


def _unsigned(signed: Float64Array, training: Training, target: int) -> Float64Array:
    """Return the dual variables of a class without signs, 0 where labels have changed.

    The old dual variable of a row with a new label would move the weights in the wrong
    direction. In joint problems a row has a dual variable for each class but its own.
    """
    is_target = training.codes == target
    if training.is_joint:
        return np.where(is_target, 0.0, np.maximum(-signed, 0.0))
    return np.maximum(np.where(is_target, signed, -signed), 0.0)


def _within_classes(
    factors: Float64Array, used: Float64Array, training: Training
) -> Float64Array:
    """Return the factors of rows, divided by the mean factor of their class.

    If all dual variables of one class grew and those of the others stayed, the weights
    would be farther from the optimum than the old ones.

    Parameters
    ----------
    factors : ndarray of float64, of shape (n_rows,)
        New costs divided by old ones.
    used : ndarray of float64, of shape (n_rows,)
        Old costs of the rows that have dual variables, 0 for the others: the weights of
        the mean.
    training : Training
        Has the classes of the rows.
    """
    count = len(training.classes)
    old = np.bincount(training.codes, used, count)
    new = np.bincount(training.codes, used * factors, count)
    means = np.divide(new, old, out=np.ones(count), where=old > 0.0)
    within: Float64Array = factors / means[training.codes]
    return within


def _signed(training: Training, trained: TrainedModel) -> Iterator[Float64Array]:
    """Yield the dual variables with signs, for one score after the other."""
    alphas = (solution.certificate.alpha for solution in trained.solutions)
    if training.is_joint:
        yield from signed_duals(next(alphas), training.codes).T
        return
    factor = training.binary_factors.coef
    for target, alpha in zip(training.targets, alphas, strict=True):
        yield factor * np.where(training.codes == target, 1, -1) * alpha

"""What is known of the losses of frozen rows: linear sums, and a sample of the rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Fixed
from hingesvm.solvers.streaming.sums import Sums

__all__ = ["Estimate", "Frozen"]

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]

# Standard errors by which the linear losses of all frozen rows may differ from what the
# sample says of them: beyond, rows matter that it lacks, as those of rare columns.
_UNEXPLAINED = 4.0


class Estimate(NamedTuple):
    """The objective over all rows, as a sample of the frozen ones tells.

    Attributes
    ----------
    value : float
        Infinite where the losses of frozen rows seem to be negative.
    lack : float
        What of it is missing in the linear losses.
    is_explained : bool
        Whether the sample agrees with the sums over all frozen rows.
    """

    value: float
    lack: float
    is_explained: bool


@dataclass(frozen=True)
class Frozen:
    """The frozen rows of a stream beside the live ones.

    The loss of a row at a dual variable a is at least a (1 - m) - q a^2 / 2. Sums tell
    what this is for all frozen rows, and the sample how much is missing.

    Attributes
    ----------
    live : Problem
        That of the live rows, nothing in it fixed.
    sums : Sums
        Those over all frozen rows.
    sample : Problem
        That of a random sample of these, each standing for `ratio` of them.
    alpha : ndarray of float64, of shape (n_sample,)
        The dual variables at which these are frozen, times `ratio`.
    """

    live: Problem
    sums: Sums
    sample: Problem
    alpha: Float64Array

    def linear(self, near: Float64Array) -> Problem:
        """Return the problem of the live rows, where the losses of others are linear.

        Parameters
        ----------
        near : ndarray of float64, of shape (n_features,)
            Weights from which to go, for penalties that do not hold them.
        """
        return replace(self.live, fixed=self.sums.fixed).held(near)

    def estimate(self, w: Float64Array, intercept: float) -> Estimate:
        """Return about the objective of a model over all rows."""
        shortfall = 1.0 - self.sample.margins(w, intercept)
        linear = self.alpha * shortfall
        linear -= 0.5 * (self.sample.curvature * self.alpha) * self.alpha
        lack = float((self.sample.losses(shortfall) - linear).sum())
        fixed = self.sums.fixed
        of_all = fixed.gain - float(fixed.w_of_duals @ w) - fixed.imbalance * intercept
        error = math.sqrt(len(linear)) * float(linear.std())
        is_explained = abs(of_all - float(linear.sum())) <= _UNEXPLAINED * error
        value = self.live.primal(w, intercept) + of_all + lack
        return Estimate(value if of_all + lack >= 0.0 else np.inf, lack, is_explained)

    def with_sample(
        self,
        whole: Problem,
        live: IndexArray,
        sample: IndexArray,
        near: Float64Array,
    ) -> Iterator[Problem]:
        """Yield problems of the live rows and the sample.

        In the first the losses of the sample replace their linear ones; in the second,
        which has no others, they stand for all frozen rows.

        Parameters
        ----------
        whole : Problem
            That of all stored rows.
        live, sample : ndarray of intp
            Where these are.
        near : ndarray of float64, of shape (n_features,)
            As of `linear`.
        """
        both = replace(
            whole.subset(np.concatenate([live, sample])),
            cost=np.concatenate([self.live.cost, self.sample.cost]),
            bound=np.concatenate([self.live.bound, self.sample.bound]),
            curvature=np.concatenate([self.live.curvature, self.sample.curvature]),
        )
        others = self.sums.changed(self.sample, self.alpha, np.zeros(len(sample)))
        yield replace(both, fixed=others.fixed).held(near)
        nothing = Fixed(np.zeros(whole.rows.n_features), 0.0, 0.0)
        yield replace(both, fixed=nothing)

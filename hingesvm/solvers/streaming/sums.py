"""What is known of the dual variables of a stream: sums, and the bound they prove."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Fixed
from hingesvm.rows.compensated import SPARE

__all__ = ["Sums"]

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sums:
    """Sums over dual variables, and what bounds their rounding errors.

    Attributes
    ----------
    fixed : Fixed
        The sums of a y x, of a y and of a - q a^2 / 2.
    total, size : float
        What the sums of a + q a^2 / 2 and of a ||x|| are at most. Where dual variables
        have changed, the sizes of the changes are added.
    terms : int
        Number of terms.
    """

    fixed: Fixed
    total: float = 0.0
    size: float = 0.0
    terms: int = 0

    @classmethod
    def zero(cls, n_features: int) -> Sums:
        """Return the sums over no rows."""
        return cls(Fixed(np.zeros(n_features), 0.0, 0.0))

    def with_rows(self, problem: Problem, alpha: Float64Array) -> Sums:
        """Return the sums with those over the rows of a problem.

        Parameters
        ----------
        problem : Problem
            Nothing in it is fixed.
        alpha : ndarray of float64, of shape (n_rows,)
        """
        return self.changed(problem, np.zeros(problem.n_rows), alpha)

    def changed(
        self, problem: Problem, before: Float64Array, now: Float64Array
    ) -> Sums:
        """Return the sums where the dual variables of some rows have changed."""
        moved = np.flatnonzero(now != before)
        change, signs = now[moved] - before[moved], problem.signs[moved]
        slope = 0.5 * problem.curvature[moved] * (now[moved] + before[moved])
        size = np.abs(change)
        lengths = np.sqrt(problem.rows.squared_norms()[moved])
        fixed = Fixed(
            self.fixed.w_of_duals + problem.rows.combine(change * signs, moved),
            self.fixed.imbalance + float(change @ signs),
            self.fixed.gain + float(change @ (1.0 - slope)),
        )
        return Sums(
            fixed,
            self.total + float(size @ (1.0 + slope)),
            self.size + float(size @ lengths),
            self.terms + len(moved) + SPARE,
        )

    def without(self, problem: Problem, alpha: Float64Array) -> Problem:
        """Return the problem of some rows, with what all others contribute.

        The sums are not to be certified with, as those over a few rows are taken out.
        """
        fixed = Fixed(
            self.fixed.w_of_duals,
            self.fixed.imbalance - problem.imbalance(alpha),
            self.fixed.gain - problem.gain(alpha),
        )
        return replace(problem, fixed=fixed)

    def lower_bound(self, problem: Problem, longest: float) -> float:
        """Return a proven lower bound of the minimum over all rows.

        Parameters
        ----------
        problem : Problem
            Of any rows: it says how intercepts are treated.
        longest : float
            A bound of the lengths of all rows.
        """
        fixed = self.fixed
        dual = problem.dual_of(fixed.w_of_duals, fixed.gain, fixed.imbalance)
        error = problem.dual_error(
            dual, self.total, fixed.imbalance, self.size, self.terms, longest
        )
        # For t <= 1, D(t a) >= t gain - t^2 loss; it is largest at gain / (2 loss).
        gain = problem.feasible_part(fixed.w_of_duals) * fixed.gain
        loss = max(gain - dual, 0.0)
        if not gain > 0.0:
            return 0.0
        part = 1.0 if 2.0 * loss <= gain else gain / (2.0 * loss)
        return part * (gain - part * loss - error)

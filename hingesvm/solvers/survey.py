"""One look at all rows, in one pass: a certificate from scratch and all margins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hingesvm.solvers import _newton
from hingesvm.solvers.problem import Certificate, Fixed, Problem

__all__ = ["COARSE", "Survey", "survey_rows"]

Float64Array = NDArray[np.float64]

# Relative gap that weights in the precision of X can be expected to reach. From there
# on it is these that are looked at: what is certified is then what an estimator keeps.
COARSE = 1e-5


@dataclass
class Survey:
    """What a look at all rows has found.

    Attributes
    ----------
    w, intercept, alpha
        The point looked at.
    shortfall : ndarray of float64, of shape (n_rows,)
        1 - m.
    own : ndarray of float64, of shape (n_features,)
        w(alpha).
    loss, gain, imbalance : float
        Sums over the rows: of the losses, of a - q a^2 / 2, and of a y.
    """

    w: Float64Array
    intercept: float
    alpha: Float64Array
    shortfall: Float64Array
    own: Float64Array
    loss: float = 0.0
    gain: float = 0.0
    imbalance: float = 0.0

    def add_up(self, problem: Problem) -> None:
        """Find the sums over the rows."""
        self.loss, self.gain, self.imbalance, _ = _newton.totals(
            problem.signs,
            problem.cost,
            problem.bound,
            problem.curvature,
            self.shortfall,
            self.alpha,
            self.alpha,
        )

    def move_intercept(self, problem: Problem, *, rounded: bool = False) -> None:
        """Move a free intercept to its minimiser, rounded to X's dtype if wanted."""
        scores = problem.signs * (1.0 - self.shortfall) - self.intercept
        best = problem.best_intercept(scores, self.alpha, self.intercept)
        if rounded:
            _, best = problem.rows.rounded(self.w, best)
        self.shortfall -= problem.signs * (best - self.intercept)
        self.intercept = best
        self.add_up(problem)

    def totals(self) -> Fixed:
        """Return the sums that count of rows whose duals are held fixed."""
        return Fixed(self.own, self.imbalance, self.gain)

    def certificate(self, problem: Problem) -> Certificate:
        """Return the certificate, from sums over all rows."""
        primal = problem.primal_of(self.w, self.intercept, self.loss)
        dual = problem.dual_of(self.own, self.gain, self.imbalance)
        return Certificate(self.w, self.intercept, self.alpha, primal, dual)


def survey_rows(
    problem: Problem,
    w: Float64Array,
    intercept: float,
    alpha: Float64Array | None,
    scales: NDArray[np.floating] | None = None,
    reach: NDArray[np.float32] | None = None,
) -> Survey:
    """Look at all rows.

    Parameters
    ----------
    problem : Problem
    w : ndarray of float64, of shape (n_features,)
    intercept : float
    alpha : ndarray of float64, of shape (n_rows,), or None
        Dual variables; None stands for minus the subgradients at (w, b).
    scales : ndarray of the dtype of X, of shape (n_features,), optional
        Factors of the columns.
    reach : ndarray of float32, of shape (n_rows,), optional
        Overwritten with the norms of the rows, their columns so multiplied.
    """
    judge = alpha is None
    if alpha is None:
        alpha = np.empty(problem.n_rows)
    if scales is None or reach is None:
        scales = np.empty(0, dtype=problem.rows.dtype)
        reach = np.empty(0, dtype=np.float32)
    survey = Survey(w, intercept, alpha, np.empty(problem.n_rows), np.zeros(len(w)))
    for start, stop in problem.rows.chunks(problem.n_rows, work=2.0):
        _newton.survey(
            *problem.rows.arrays,
            start,
            stop,
            problem.signs,
            problem.bound,
            problem.curvature,
            judge,
            w,
            intercept,
            scales,
            survey.shortfall,
            alpha,
            reach,
            survey.own,
        )
    survey.add_up(problem)
    return survey

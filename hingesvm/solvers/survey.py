"""One look at all rows, in one pass: a certificate from scratch and all margins."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem, squared_norm
from hingesvm.problems.certificate import Certificate, Fixed
from hingesvm.problems.stretching import stretch, worst_of_signs
from hingesvm.rows.duals import DeferredDuals, Duals, PackedDuals, read_duals
from hingesvm.rows.per_row import loss_sums

__all__ = ["COARSE", "Survey", "survey_rows"]

Float64Array = NDArray[np.float64]

# Relative gap that weights in the precision of X can be expected to reach. From there
# on it is these that are looked at: what is certified is then what an estimator keeps.
# If it is larger sweeps read twice the memory for nothing, if smaller rounding stops
# them (docs/experiments.md#sweeps).
COARSE = 1e-5


@dataclass
class Survey:
    """What a look at all rows has found.

    Attributes
    ----------
    weights, intercept, duals
        The point looked at. Dual variables may be elsewhere, and only summed up here.
    shortfall : ndarray of float32 or float64, of shape (n_rows,)
        1 - m.
    w_of_duals : ndarray of float64, of shape (n_features,)
        w(alpha).
    loss, gain, imbalance : float
        Sums over the rows: of the losses, of a - q a^2 / 2, and of a y.
    """

    weights: NDArray[np.floating]
    intercept: float
    duals: Duals | DeferredDuals
    shortfall: NDArray[np.floating]
    w_of_duals: Float64Array
    loss: float = 0.0
    gain: float = 0.0
    imbalance: float = 0.0

    @property
    def w(self) -> Float64Array:
        """The weights in float64; made at each call if they are not kept so."""
        return self.weights.astype(np.float64, copy=False)

    @property
    def packed(self) -> PackedDuals:
        """The dual variables of a survey that was given packed ones, or none."""
        assert isinstance(self.duals, PackedDuals)
        return self.duals

    def add_up(self, problem: Problem) -> None:
        """Find the sums over the rows."""
        self.loss = self.gain = self.imbalance = 0.0
        duals, count = self.duals, 0
        assert isinstance(duals, (np.ndarray, PackedDuals))
        for start, stop in problem.rows.chunks(problem.n_rows):
            alpha, count = read_duals(duals, start, stop, count)
            short = self.shortfall[start:stop].astype(np.float64, copy=False)
            loss, gain, imbalance = loss_sums(problem, slice(start, stop), short, alpha)
            self.loss += loss
            self.gain += gain
            self.imbalance += imbalance

    def move_intercept(self, problem: Problem, *, rounded: bool = False) -> None:
        """Move the intercept to where P is least, rounded to X's dtype if wanted."""
        scores = 1.0 - self.shortfall.astype(np.float64, copy=False)
        scores *= problem.signs
        scores -= self.intercept
        best = problem.minimise_over_intercept(scores, self.intercept)
        if rounded:
            best = problem.rows.rounded_number(best)
        self.shortfall -= problem.signs * (best - self.intercept)
        self.intercept = best
        self.add_up(problem)

    def stretched(
        self, problem: Problem, certificate: Certificate, goal: float, *, rounded: bool
    ) -> Certificate:
        """Return the certificate of weights scaled up, if it is within a relative gap.

        They are scaled, and the intercept is moved, so that no row has a loss but those
        with duals at their bound: at large C a margin a little short of 1 costs more
        than all the rest of the gap.

        Parameters
        ----------
        problem : Problem
            With a loss that has a kink.
        certificate : Certificate
            That of this survey, returned where scaling does not help enough.
        goal : float
        rounded : bool
            Whether to round to the dtype of X.
        """
        loose = ~self.packed.is_at_bound
        longer = stretch(
            worst_of_signs(self.shortfall, loose, problem.signs),
            has_intercept=problem.intercept_rule != "none",
            precision=float(np.finfo(self.weights.dtype).eps),
        )
        if longer is None:
            return certificate
        factor, shift = longer
        shortfall = 1.0 - factor * (1.0 - self.shortfall) - problem.signs * shift
        square = factor * factor * squared_norm(self.weights)
        intercept = factor * self.intercept + shift
        primal = problem.primal_from(square, intercept, problem.loss_sum(shortfall))
        if replace(certificate, primal=primal).relative_gap > goal:
            return certificate
        w = factor * self.w
        if rounded:
            w, intercept = problem.rows.rounded(w, intercept)
        primal = problem.primal(w, intercept)
        stretched = replace(certificate, weights=w, intercept=intercept, primal=primal)
        return stretched if stretched.relative_gap <= goal else certificate

    def totals(self) -> Fixed:
        """Return the sums that count of rows whose duals are held fixed."""
        return Fixed(self.w_of_duals, self.imbalance, self.gain)

    def certificate(self, problem: Problem) -> Certificate:
        """Return the certificate, from sums over all rows."""
        primal = problem.primal_of(self.weights, self.intercept, self.loss)
        dual = problem.dual_of(self.w_of_duals, self.gain, self.imbalance)
        # A copy, as the next survey may use the room of this one.
        w_of_duals = self.w_of_duals.copy()
        return Certificate(
            self.weights, self.intercept, self.duals, primal, dual, w_of_duals
        )


def survey_rows(
    problem: Problem,
    w: NDArray[np.floating],
    intercept: float,
    duals: Duals | None,
    *,
    scales: NDArray[np.floating] | None = None,
    reach: NDArray[np.float32] | None = None,
    narrow: bool = False,
    room: list[Float64Array] | None = None,
) -> Survey:
    """Look at all rows.

    Parameters
    ----------
    problem : Problem
    w : ndarray of float32 or float64, of shape (n_features,)
    intercept : float
    duals : ndarray of float64, PackedDuals or None
        Dual variables; None stands for minus the subgradients at (w, b).
    scales : ndarray of the dtype of X, of shape (n_features,), optional
        Factors of the columns.
    reach : ndarray of float32, of shape (n_rows,), optional
        Overwritten with the norms of the rows, their columns so multiplied.
    narrow : bool, default=False
        Whether to keep the shortfalls as float32. All sums are of float64 ones.
    room : list of ndarray of float64, of shape (n_features,), optional
        Arrays that the last survey left, the first of which becomes `w_of_duals`; those
        that are missing are added.
    """
    dtype = np.dtype(np.float32 if narrow else np.float64)
    shortfall: NDArray[np.floating] = np.empty(problem.n_rows, dtype)
    w_of_duals, loss, gain, imbalance, known = problem.rows.survey(
        problem,
        w,
        intercept,
        duals,
        shortfall,
        scales=scales,
        reach=reach,
        room=room,
    )
    return Survey(w, intercept, known, shortfall, w_of_duals, loss, gain, imbalance)

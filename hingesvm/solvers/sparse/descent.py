r"""The model of a Newton step on more columns than a matrix of their products can have.

.. math::

    \min_z \; \tfrac12 \|A (z - z_0)\|^2 + \sum_j \left( \tfrac{s_j}{2} (z_j - z_{0j})^2
    + g_j (z_j - z_{0j}) + t_j |z_j| \right),

with :math:`A = H^{1/2} X_F` on the columns that take part. Coordinate descent
(Friedman, Hastie and Tibshirani, 2010) keeps :math:`A (z - z_0)`, so a sweep costs as
much as two passes over the entries of A. It ends as soon as the model is better by most
of what there is to gain: the next step has another model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hingesvm.kernels import _descent

__all__ = ["Descent"]

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]

# Entries of A between two looks for an interrupt: some milliseconds.
_ENTRIES_PER_CALL = 1 << 20
# Violation of optimality, as a part of that at the start, that is small enough; sweeps
# at most over the coordinates that are not 0 before one over all; and of all in all
# (docs/experiments.md#sparse-weights).
_ENOUGH, _MOST_INSIDE, _MOST_SWEEPS = 0.05, 5, 60


@dataclass
class Descent:
    """The model, and where its minimisation is.

    Attributes
    ----------
    matrix : csc_matrix of shape (n_free, n_columns)
        A, in float32 or float64.
    squares : ndarray of float64, of shape (n_columns,)
        The squared norms of its columns.
    roots : ndarray of float64, of shape (n_free,), or None
        The column of an intercept in A; None without one.
    strength, threshold, slope, start : ndarray of float64, of shape (n_columns,)
        s, t, g and z0.
    pull, delta : float
        Slope and strength of the intercept.
    check_cancelled : callable
        Called every few milliseconds; may raise.
    """

    matrix: sparse.csc_matrix
    squares: Float64Array
    roots: Float64Array | None
    strength: Float64Array
    threshold: Float64Array
    slope: Float64Array
    start: Float64Array
    pull: float
    delta: float
    check_cancelled: Callable[[], None]

    def __post_init__(self) -> None:
        self.z, self.turn = self.start.copy(), 0.0
        self._moved = np.zeros(self.matrix.shape[0])
        self._bend = self.squares + self.strength
        self._ends = self.matrix.indptr
        self.n_sweeps = 0

    def minimise(self, enough: float = _ENOUGH) -> None:
        """Sweep until the violation is a part of what it was, or a limit is reached."""
        everyone = np.arange(len(self.z))
        first = self._sweep(everyone)
        while self.n_sweeps < _MOST_SWEEPS:
            for _ in range(_MOST_INSIDE):
                if self._sweep(np.flatnonzero(self.z)) <= enough * first:
                    break
            if self._sweep(everyone) <= enough * first:
                break

    def _sweep(self, chosen: IndexArray) -> float:
        """Take a step at some coordinates and the intercept; return the violation."""
        self.n_sweeps += 1
        worst = self._step_of_intercept()
        if not len(chosen):
            return worst
        lengths = np.diff(self._ends)[chosen]
        calls = np.cumsum(lengths) // _ENTRIES_PER_CALL
        edges = np.flatnonzero(np.diff(calls, prepend=-1))
        for start, stop in zip(edges, [*edges[1:], len(chosen)], strict=True):
            self.check_cancelled()
            far = _descent.descend(
                self.matrix.data,
                self.matrix.indices,
                self._ends,
                self.strength,
                self._bend,
                self.threshold,
                self.slope,
                self.start,
                chosen,
                int(start),
                int(stop),
                self.z,
                self._moved,
            )
            worst = max(worst, far)
        return worst

    def _step_of_intercept(self) -> float:
        """Minimise over the intercept; return the slope that was met."""
        if self.roots is None:
            return 0.0
        slope = self.pull + self.delta * self.turn + float(self.roots @ self._moved)
        bend = float(self.roots @ self.roots) + self.delta
        if not bend > 0.0:
            return 0.0
        change = -slope / bend
        self.turn += change
        self._moved += change * self.roots
        return abs(slope)

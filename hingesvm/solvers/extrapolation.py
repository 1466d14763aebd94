r"""Where sweeps are heading: extrapolation from the dual variables they have visited.

After the first sweeps few rows change sides, and sweeps are then nearly a linear map
whose slow directions shrink by the same factor each time. From K + 1 points
:math:`\alpha_0, ..., \alpha_K` the same number of sweeps apart, the combination

.. math::

    \sum_k c_k \alpha_k, \qquad c = \arg\min_{\sum_k c_k = 1}
        \Big\| \sum_k c_k (\alpha_k - \alpha_{k-1}) \Big\|

is where such a map would end (D. G. Anderson, "Iterative procedures for nonlinear
integral equations", JACM 1965; Q. Bertrand and M. Massias, "Anderson acceleration of
coordinate descent", AISTATS 2021). It is moved into its box, and kept if the dual is
larger there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hingesvm.solvers.problem import Problem
from hingesvm.solvers.sweeps import Sweeps

__all__ = ["Trail"]

Float64Array = NDArray[np.float64]

# Differences that are combined.
_COUNT = 6
# Sweeps before the first point, between the first points, and what they are later as a
# part of all sweeps.
_FIRST, _LEAST_APART, _APART = 15.0, 4.0, 0.03
# Added to the squared lengths of the differences, as a part of them.
_RIDGE = 1e-10
# Bytes for the points at most: as a part of those of X, or in all.
_LARGEST_PART, _FEW_BYTES = 0.1, 1_000_000


class Trail:
    """The last points of the sweeps, evenly spaced.

    Parameters
    ----------
    problem : Problem
    dtype : dtype
        In which points are kept.
    """

    def __init__(self, problem: Problem, dtype: np.dtype[np.floating]) -> None:
        self._problem = problem
        self._points: list[NDArray[np.floating]] = []
        self._dtype = dtype
        rows = problem.rows
        needed = (_COUNT + 1) * problem.n_rows * dtype.itemsize
        per_entry = rows.dtype.itemsize + (4 if rows.is_sparse else 0)
        room = max(_LARGEST_PART * rows.n_entries * per_entry, _FEW_BYTES)
        self._due = _FIRST if needed <= room else np.inf

    def left(self, taken: float) -> float:
        """Return how many sweeps are left until a point is due."""
        return self._due - taken

    def note(self, state: Sweeps, taken: float) -> bool:
        """Keep a point if one is due; True if the sweeps were moved farther.

        Parameters
        ----------
        state : Sweeps
        taken : float
            Sweeps so far.
        """
        if taken < self._due:
            return False
        self._points.append(state.alpha.astype(self._dtype))
        self._due = taken + max(_LEAST_APART, _APART * taken)
        if len(self._points) <= _COUNT:
            return False
        points = np.stack(self._points).astype(np.float64)
        self._points.clear()
        return self._move(state, points)

    def _move(self, state: Sweeps, points: Float64Array) -> bool:
        """Move the sweeps to the extrapolated point if the dual is larger there."""
        problem = self._problem
        steps = np.diff(points, axis=0)
        products = steps @ steps.T
        scale = float(np.trace(products))
        if not scale > 0.0:
            return False
        products += _RIDGE * scale * np.eye(_COUNT)
        parts = np.linalg.solve(products, np.ones(_COUNT))
        parts /= parts.sum()
        before = problem.repair(state.alpha)
        alpha = problem.repair(parts @ points[1:])
        own = problem.combine(alpha)
        now = problem.dual(before)
        if not problem.dual(alpha, own) > now:
            return False
        state.alpha = alpha
        np.copyto(state.w, own, casting="same_kind")
        state.imbalance = problem.imbalance(alpha)
        state.intercept = problem.intercept_of(alpha, state.intercept)
        state.unmended = 0.0
        return True

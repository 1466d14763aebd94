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

from hingesvm.rows.contract import Rows
from hingesvm.solvers.sweeping.steps import FEW_BYTES

__all__ = ["Trail"]

Float64Array = NDArray[np.float64]
FloatArray = NDArray[np.floating]

# Points on the way of sweeps: if they are few or close the limit is that of a few
# sweeps, if many or far apart it is found late (docs/experiments.md#sweeps).
# Differences that are combined.
_COUNT = 6
# Sweeps before the first point, between the first points, and what they are later as a
# part of all sweeps.
_FIRST, _LEAST_APART, _APART = 15.0, 4.0, 0.03
# Bytes for the points, as a part of those of X: a bound of memory.
_LARGEST_PART = 0.1
# Added to the squared lengths of the differences, as a part of them: with more of it
# the limit is less far, with less it is noise (docs/experiments.md#constants).
_RIDGE = 1e-10

# Squared length of all differences from which on their products are numbers.
_LEAST = 1e-200
# Values that are multiplied at once: a bound of memory.
_AT_ONCE = 100_000


class Trail:
    """The last dual variables of sweeps over some rows, evenly spaced.

    Parameters
    ----------
    rows : Rows
    dtype : dtype
        In which they are kept.
    """

    def __init__(self, rows: Rows, dtype: np.dtype[np.floating]) -> None:
        self._points: list[FloatArray] = []
        self._dtype = dtype
        per_entry = rows.dtype.itemsize + (4 if rows.is_sparse else 0)
        room = max(_LARGEST_PART * rows.n_entries * per_entry, FEW_BYTES)
        needed = (_COUNT + 1) * rows.n_rows * dtype.itemsize
        self._due = _FIRST if needed <= room else np.inf

    def left(self, taken: float) -> float:
        """Return how many sweeps are left until a point is due."""
        return self._due - taken

    def note(self, alpha: Float64Array, taken: float) -> Float64Array | None:
        """Keep a point if one is due; return where the last ones lead, if known.

        Parameters
        ----------
        alpha : ndarray of float64, of shape (n_rows,)
            Present dual variables.
        taken : float
            Sweeps so far.

        Returns
        -------
        ndarray of float64, of shape (n_rows,), or None
            Not feasible as a rule.
        """
        if taken < self._due:
            return None
        with np.errstate(over="ignore"):
            self._points.append(alpha.astype(self._dtype))
        self._due = taken + max(_LEAST_APART, _APART * taken)
        if len(self._points) <= _COUNT:
            return None
        points, self._points = self._points, []
        return _limit(points)


def _limit(points: list[FloatArray]) -> Float64Array | None:
    """Return where a linear map that takes each point to the next would end."""
    products = np.zeros((_COUNT, _COUNT))
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(points[0]), _AT_ONCE):
            some = [point[start : start + _AT_ONCE] for point in points]
            steps = np.diff(np.stack(some).astype(np.float64), axis=0)
            products += steps @ steps.T
    scale = float(np.trace(products))
    if not _LEAST < scale < np.inf:
        return None
    products += _RIDGE * scale * np.eye(_COUNT)
    parts = np.linalg.solve(products, np.ones(_COUNT))
    parts /= parts.sum()
    limit = np.zeros(len(points[0]))
    for part, point in zip(parts, points[1:], strict=True):
        limit += part * point
    return limit

r"""A small quadratic model with an L1 penalty, minimised by descent and direct solves.

.. math::

    \min_z \; \tfrac12 (z - z_0)^\top H (z - z_0) + g^\top (z - z_0)
    + \sum_j t_j |z_j| .

Coordinate descent (Friedman, Hastie and Tibshirani, 2010) finds which coordinates are
not 0, but takes ever more sweeps as columns become alike. So it takes turns with direct
solves: while no sign changes the model is quadratic, and one linear system in the
coordinates that are not 0 leads to its minimum. Where signs change on the way there,
these coordinates become 0 (feature-sign search, Lee et al., 2007).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _columns
from hingesvm.solvers.newton.system import solver_of

__all__ = ["minimise_quadratic"]

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]

# Multiply-adds of descent between two looks for an interrupt: some milliseconds.
_WORK_PER_CALL = 1 << 21
# Rounds of descent and direct solves: a bound of the work.
_MOST_ROUNDS = 200
# Rounds without progress, after which rounding errors are what is left.
_MOST_STALLS = 3
# Part of the largest violation from which coordinates leave 0 in a round: if it is too
# low too many do, which direct solves have to lead back; if too high, rounds are many.
_LEAVING = 0.5
# Sweeps over the coordinates that are not 0 in a round: a few of them make the steps of
# the first direct solve longer, and more take as long as another solve.
_MOST_SWEEPS = 4
# Part of the violation of coordinates that are 0 below which that of the others is
# small: then a direct solve is not worth its time yet.
_ROUGHLY = 0.1
# Direct solves in a round: a bound of the work, as each but the last makes some
# coordinate 0.
_MOST_SOLVES = 100
# A sum of products is known to about so much of their sizes.
_ROUNDING = 8.0 * float(np.finfo(np.float64).eps)


def minimise_quadratic(
    hessian: Float64Array,
    slope: Float64Array,
    threshold: Float64Array,
    start: Float64Array,
    *,
    tol: float,
    check_cancelled: Callable[[], None],
) -> tuple[Float64Array, float]:
    """Minimise 1/2 (z - z0)'H(z - z0) + g'(z - z0) + sum_j t_j |z_j|.

    Parameters
    ----------
    hessian : ndarray of float64, of shape (m, m)
        H: C-ordered, symmetric and positive semidefinite. Where H_jj is 0, z_j
        becomes 0 if t_j is positive, and stays where it is otherwise.
    slope : ndarray of float64, of shape (m,)
        g, the slope at the start.
    threshold : ndarray of float64, of shape (m,)
        t, non-negative.
    start : ndarray of float64, of shape (m,)
        z0, where to begin; not changed.
    tol : float
        A violation that is small enough.
    check_cancelled : callable
        Called every few milliseconds; may raise.

    Returns
    -------
    z : ndarray of float64, of shape (m,)
        With exact zeros.
    violation : float
        The largest distance of minus a slope at z from the subgradients of t_j |z_j|,
        relative to the largest |g_j| and the largest t_j together. Coordinates with
        H_jj = 0 do not count. Larger than `tol` only where rounding errors permit no
        less, or after a bounded number of rounds.
    """
    model = _Model(hessian, slope, threshold, start, check_cancelled)
    best, lowest, least = model.z.copy(), model.objective(), model.violation()
    n_stalls = 0
    for _ in range(_MOST_ROUNDS):
        if least <= tol or n_stalls == _MOST_STALLS:
            break
        if not model.descend():
            model.solve()
        model.refresh()
        objective, violation = model.objective(), model.violation()
        falls = lowest - objective > _ROUNDING * model.size()
        if falls or violation < least:
            best[:], lowest, least = model.z, min(lowest, objective), violation
            n_stalls = 0
        else:
            n_stalls += 1
    return best, least


class _Model:
    """The model, and where its minimisation is.

    Attributes
    ----------
    z : ndarray of float64, of shape (m,)
    gradient : ndarray of float64, of shape (m,)
        The slope at z, without the thresholds.
    """

    def __init__(
        self,
        hessian: Float64Array,
        slope: Float64Array,
        threshold: Float64Array,
        start: Float64Array,
        check_cancelled: Callable[[], None],
    ) -> None:
        self._hessian, self._slope, self._threshold = hessian, slope, threshold
        self._start = start
        self._check_cancelled = check_cancelled
        self._bends = np.diagonal(hessian) > 0.0
        unit = float(np.abs(slope).max(initial=0.0) + threshold.max(initial=0.0))
        self._unit = unit if unit > 0.0 else 1.0
        self.z = np.where(self._bends | (threshold == 0.0), start, 0.0)
        self.refresh()
        self._face = self._face_of(np.arange(0))

    def refresh(self) -> None:
        """Find the gradient from scratch."""
        self.gradient: Float64Array = self._slope_at(self.z)

    def _slope_at(self, z: Float64Array) -> Float64Array:
        slope: Float64Array = self._hessian @ (z - self._start) + self._slope
        return slope

    def objective(self) -> float:
        """Return the value of the model."""
        smooth = 0.5 * float((self.z - self._start) @ (self.gradient + self._slope))
        kinks = np.abs(self.z) - np.abs(self._start)
        return smooth + float(self._threshold @ kinks)

    def size(self) -> float:
        """Return the sum of the sizes of what `objective` adds up."""
        sizes = np.abs(self.gradient) + np.abs(self._slope) + self._threshold
        return float(np.abs(self.z - self._start) @ sizes)

    def violation(self) -> float:
        """Return the violation of optimality, as `minimise_quadratic` does."""
        return float(self._far().max(initial=0.0)) / self._unit

    def _far(self) -> Float64Array:
        """Return by how much each coordinate misses optimality; none if negative."""
        # Mirrored, so that no coordinate is negative.
        slope = np.where(self.z < 0.0, -self.gradient, self.gradient)
        far = np.where(
            self.z != 0.0,
            np.abs(slope + self._threshold),
            np.abs(slope) - self._threshold,
        )
        far[~self._bends] = 0.0
        return far

    def descend(self) -> bool:
        """Take a sweep over coordinates that should move, and some over those not 0.

        Returns
        -------
        bool
            Whether other coordinates now miss optimality by far more than those.
        """
        moves = self._nonzero(), self._leaving()
        self._sweep(np.sort(np.concatenate(moves)))
        for _ in range(_MOST_SWEEPS):
            far, is_zero = self._far(), self.z == 0.0
            inside = far.max(where=~is_zero, initial=0.0)
            outside = far.max(where=is_zero, initial=0.0)
            if inside < _ROUGHLY * outside:
                return True
            self._sweep(self._nonzero())
        return False

    def _sweep(self, chosen: IndexArray) -> None:
        """Take a step at some coordinates in turn."""
        size = max(1, _WORK_PER_CALL // max(len(self.z), 1))
        for start in range(0, len(chosen), size):
            self._check_cancelled()
            stop = min(start + size, len(chosen))
            _columns.descend(
                self._hessian,
                self._threshold,
                chosen,
                start,
                stop,
                self.z,
                self.gradient,
            )

    def _nonzero(self) -> IndexArray:
        """Return the coordinates that are not 0, and those that have no penalty."""
        is_one = (self.z != 0.0) | (self._threshold == 0.0)
        return np.flatnonzero(is_one & self._bends)

    def _leaving(self) -> IndexArray:
        """Return the coordinates that are 0 and should not be, but for slight ones."""
        far = self._far()
        far[(self.z != 0.0) | (self._threshold == 0.0)] = 0.0
        return np.flatnonzero(far > _LEAVING * far.max(initial=0.0))

    def _face_of(self, some: IndexArray) -> _Face:
        """Return the model on some coordinates."""
        return _Face(some, self._hessian[np.ix_(some, some)])

    def solve(self) -> None:
        """Go to the minimum for the present signs, some becoming 0 on the way."""
        some = self._nonzero()
        if not np.array_equal(some, self._face.some):
            self._face = self._face_of(some)
        # From scratch, as what descent has kept is no longer exact; all others are 0.
        slope = self._slope_at(self.z)[some]
        for _ in range(_MOST_SOLVES):
            self._check_cancelled()
            some = self._face.some
            if not len(some):
                break
            threshold = self._threshold[some]
            now, has_changed = self._face.step(self.z[some], slope, threshold)
            slope = slope + self._face.block @ (now - self.z[some])
            self.z[some] = now
            if not has_changed:
                break
            stays = (now != 0.0) | (threshold == 0.0)
            slope, self._face = slope[stays], self._face.part(stays)


class _Face:
    """The model on some coordinates, while these keep their signs.

    Parameters
    ----------
    some : ndarray of intp, of shape (k,)
        The coordinates.
    block : ndarray of float64, of shape (k, k)
        Their part of H, with a positive diagonal.
    """

    def __init__(self, some: IndexArray, block: Float64Array) -> None:
        self.some, self.block = some, block
        self._solve: Callable[[Float64Array], Float64Array] | None = None

    def part(self, stays: NDArray[np.bool_]) -> _Face:
        """Return the model on some of these coordinates."""
        return _Face(self.some[stays], self.block[np.ix_(stays, stays)])

    def step(
        self, z: Float64Array, slope: Float64Array, threshold: Float64Array
    ) -> tuple[Float64Array, bool]:
        """Go towards the minimum for the present signs, as far as the model falls.

        Of the points on the way at which a coordinate becomes 0 and remains there, the
        first, second, fourth, ... are tried, and so is the end of the way.

        Parameters
        ----------
        z, slope, threshold : ndarray of float64, of shape (k,)
            The coordinates, not 0 where the threshold is positive; the gradient without
            the penalty; and the thresholds.

        Returns
        -------
        z : ndarray of float64, of shape (k,)
        has_changed : bool
            Whether some of them have become 0.
        """
        if self._solve is None:
            self._solve = solver_of(self.block.copy())
        signed = slope + threshold * np.sign(z)
        direction = self._solve(-signed)
        ends = np.full(len(z), np.inf)
        shrinks = (threshold > 0.0) & (z * direction < 0.0)
        np.divide(-z, direction, out=ends, where=shrinks)
        order = np.sort(ends[ends <= 1.0])
        tried = (1 << np.arange(len(order).bit_length())) - 1
        lengths = np.append(order[tried], 1.0)
        points = z[:, None] + direction[:, None] * lengths
        points[ends[:, None] <= lengths] = 0.0
        moves = points - z[:, None]
        rises = signed @ moves
        rises += 0.5 * np.einsum("ij,ij->j", moves, self.block @ moves)
        best = int(np.argmin(rises))
        if not rises[best] < 0.0:
            return z, False
        return points[:, best], bool((ends <= lengths[best]).any())

r"""The Newton systems of joint multi-class problems.

A row that is free, with a support A of classes k that have 0 < a_k < c, and r = 1 if
the sum of its duals is at the cap, else 0, has the curvature

    sigma M' (I_A - r 1_A 1_A' / |A|) M   (x) x x',

where M takes scores f to the differences f_k - f_y. Solved as it stands when there are
few unknowns, by conjugate gradients otherwise, with the blocks of the single classes as
preconditioner where these, or the inner products of their free rows, are small enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from hingesvm.kernels.build import _joint_newton
from hingesvm.problems.joint import JointProblem
from hingesvm.rows.joint import JointRows
from hingesvm.solvers.newton.reflections import can_reflect, solver_by_reflections
from hingesvm.solvers.newton.system import (
    LARGEST_SYSTEM,
    LEAST_PIVOT,
    add_to_diagonal,
    solver_and_pivot,
    solver_of,
)

__all__ = ["FEW_UNKNOWNS", "JointSystem", "joint_direction"]

Float64Array = NDArray[np.float64]

# Unknowns up to which the system is solved as it stands: of more, factorisations take
# longer than conjugate gradients (docs/experiments.md#joint-multi-class-problems).
FEW_UNKNOWNS = 1000
# Conjugate gradients: steps at most, and the residual that ends them, over the first.
# With a smaller one steps are better and dearer (docs/experiments.md#constants).
_MAX_CONJUGATE_STEPS, _CONJUGATE_TOL = 100, 0.1

# Sum of duals, relative to the cap, that is at it but for rounding.
_FULL = 1.0 - 1e-12
# Numbers in the blocks of all classes at most: in all, or one for so many bytes of X.
_MOST_NUMBERS, _NUMBERS_PER_BYTES = 1 << 23, 16
# Curvature in free intercepts, relative to the mean one, and where reflections are
# used: with more of it they move too little, with less rounding moves them. And the
# part of it that a pivot may have lost.
_RIDGE, _LITTLE_RIDGE, _SMALL_PIVOT = 1e-9, 1e-20, 0.1


@dataclass(frozen=True)
class JointSystem:
    """The system of one Newton step.

    Attributes
    ----------
    problem : JointProblem
    rows : JointRows
    alpha : ndarray of float64, of shape (n_rows, width)
        The projections.
    rho : float
    delta : float
        Curvature of P in the intercepts.
    unit : ndarray of float64, of shape (n_rows,), optional
        The proximal steps over rho; by default the costs.
    """

    problem: JointProblem
    rows: JointRows
    alpha: Float64Array
    rho: float
    delta: float
    unit: Float64Array | None = None

    @property
    def units(self) -> Float64Array:
        """The proximal steps over rho, of shape (n_rows,)."""
        return self.problem.cost if self.unit is None else self.unit

    @property
    def has_intercept(self) -> bool:
        """Whether the intercepts are unknowns."""
        return self.problem.intercept_rule != "none"


def joint_direction(
    system: JointSystem, gradient: Float64Array, pull: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Return the Newton direction for the weights and the intercepts.

    Parameters
    ----------
    system : JointSystem
    gradient : ndarray of float64, of shape (n_features, width)
    pull : ndarray of float64, of shape (width,)

    Returns
    -------
    direction, turn : ndarray of float64, of the same shapes
    """
    free = _Free.of(system)
    if len(free.order) == 0:
        return -gradient, -pull
    count = system.problem.n_classes
    height = system.problem.rows.n_features + system.has_intercept
    right = np.empty((count, height))
    right[:, : len(gradient)] = -gradient[:, :count].T
    if system.has_intercept:
        right[:, -1] = -pull[:count]
    if count * height <= FEW_UNKNOWNS:
        solve, pivot = solver_and_pivot(_matrix(system, free))
        rows = int(np.count_nonzero(free.inside))
        if pivot < _least_pivot(system) and can_reflect(rows, count * height):
            solution = _by_reflections(system, free, right)
        else:
            solution = solve(right.ravel()).reshape(count, height)
    else:
        solution = _by_conjugate_gradients(system, free, right)
    direction, turn = np.zeros_like(gradient), np.zeros_like(pull)
    direction[:, :count] = solution[:, : len(gradient)].T
    if system.has_intercept:
        turn[:count] = solution[:, -1]
    return direction, turn


@dataclass(frozen=True)
class _Free:
    """The rows that are free, and what their curvature is made of.

    Attributes
    ----------
    order : ndarray of intp, of shape (m,)
    codes : ndarray of intp, of shape (m,)
    sigma : ndarray of float64, of shape (m,)
    inside : ndarray of bool, of shape (m, n_classes)
        Whether a class belongs to the support.
    share : ndarray of float64, of shape (m,)
        r / |A|.
    """

    order: NDArray[np.intp]
    codes: NDArray[np.intp]
    sigma: Float64Array
    inside: NDArray[np.bool_]
    share: Float64Array

    @classmethod
    def of(cls, system: JointSystem) -> _Free:
        """Return the free rows of a system."""
        problem, n_rows = system.problem, system.problem.n_rows
        order, share = np.empty(n_rows, dtype=np.intp), np.empty(n_rows)
        inside = np.empty((n_rows, problem.n_classes), dtype=np.uint8)
        count = 0
        for first, last in problem.rows.chunks(n_rows):
            count = _joint_newton.free_rows(
                problem.codes,
                problem.cost,
                problem.total,
                _FULL,
                system.alpha,
                problem.n_classes,
                first,
                last,
                count,
                order,
                inside,
                share,
            )
        order = order[:count].copy()
        return cls(
            order,
            problem.codes[order],
            system.rho * system.units[order],
            inside[:count].view(np.bool_),
            share[:count],
        )

    @property
    def is_connected(self) -> bool:
        """Whether the free rows bind the intercepts of all classes to each other."""
        count = self.inside.shape[1]
        linked = np.zeros((count, count), dtype=bool)
        for k in range(count):
            linked[self.codes[self.inside[:, k]], k] = True
        return int(connected_components(linked, directed=False)[0]) == 1

    def curve(self, scores: Float64Array) -> None:
        """Multiply some f, of shape (m, n_classes), by the curvature in f, in place."""
        rows = np.arange(len(self.order))
        scores -= scores[rows, self.codes][:, np.newaxis]
        scores *= self.inside
        mean = (self.share * scores.sum(axis=1))[:, np.newaxis]
        np.subtract(scores, mean, out=scores, where=self.inside)
        scores *= self.sigma[:, np.newaxis]
        scores[rows, self.codes] = -scores.sum(axis=1)

    def entries(self, j: int, k: int) -> Float64Array:
        """Return the entries (j, k) of the curvatures in f, of shape (m,)."""
        # I_A extends to the own class by M, which makes its entry minus the sum.
        first, second = self._column(j), self._column(k)
        value = -self.share * first * second
        if j == k:
            number = self.inside.sum(axis=1)
            value += np.where(self.codes == j, number, self.inside[:, j])
        else:
            value -= np.where(self.codes == j, self.inside[:, k], 0.0)
            value -= np.where(self.codes == k, self.inside[:, j], 0.0)
        return np.asarray(self.sigma * value)

    def _column(self, k: int) -> Float64Array:
        """Return the entry k of M' 1_A of each row."""
        return np.where(self.codes == k, -self.inside.sum(axis=1), self.inside[:, k])


def _matrix(system: JointSystem, free: _Free) -> Float64Array:
    """Return the lower triangle of the matrix of the system."""
    count = system.problem.n_classes
    height = system.problem.rows.n_features + system.has_intercept
    matrix = np.zeros((count * height, count * height))
    system.rows.add_curvature(
        free.order,
        free.codes,
        free.sigma,
        free.inside,
        free.share,
        matrix,
        has_intercept=system.has_intercept,
    )
    diagonal = matrix.reshape(-1)[:: count * height + 1].reshape(count, height)
    diagonal += _ridge_of(system, free)
    return matrix


def _least_pivot(system: JointSystem) -> float:
    """Return the pivot of the matrix below which reflections are more exact.

    Where rows are even, small pivots that are due to free intercepts do no harm.
    """
    is_harmless = system.problem.intercept_rule == "free" and system.unit is None
    return _SMALL_PIVOT * _RIDGE if is_harmless else LEAST_PIVOT


def _by_reflections(
    system: JointSystem, free: _Free, right: Float64Array
) -> Float64Array:
    """Return the solution, of shape (n_classes, n_features + has_intercept).

    The curvature in f of a row is that of one square for each class of its support.
    """
    rows, count = system.problem.rows, system.problem.n_classes
    d, height = rows.n_features, right.shape[1]
    some, centre = rows.take(free.order), np.zeros(d)
    if system.problem.intercept_rule == "free":
        # Scores are the same with rows that count from their mean.
        centre = free.sigma @ some / free.sigma.sum()
        some = some - centre
        right = right.copy()
        right[:, :d] -= right[:, d:] * centre
    if system.has_intercept:
        some = np.hstack([some, np.ones((len(some), 1))])
    order = np.arange(len(some))
    differs = np.zeros((len(some), count, count))
    differs[:, range(count), range(count)] = 1.0
    differs[order, :, free.codes] -= 1.0
    differs *= free.inside[:, :, np.newaxis]
    differs -= (free.share[:, np.newaxis] * differs.sum(axis=1))[:, np.newaxis, :]
    differs *= np.sqrt(free.sigma)[:, np.newaxis, np.newaxis]
    row, k = np.nonzero(free.inside)
    squares = differs[row, k][:, :, np.newaxis] * some[row][:, np.newaxis, :]
    squares = squares.reshape(len(row), count * height)
    ridge = _ridge_of(system, free, _LITTLE_RIDGE if free.is_connected else _RIDGE)
    # Only differences of free intercepts matter: the last one may stay.
    unknowns = count * height - (system.problem.intercept_rule == "free")
    solve = solver_by_reflections(squares[:, :unknowns], ridge.ravel()[:unknowns])
    solution = np.zeros((count, height))
    solution.reshape(-1)[:unknowns] = solve(right.ravel()[:unknowns])
    solution[:, d:] -= (solution[:, :d] @ centre)[:, np.newaxis]
    return solution


def _ridge_of(system: JointSystem, free: _Free, little: float = _RIDGE) -> Float64Array:
    """Return what P adds to the diagonal: 1 for weights, delta for intercepts.

    Free intercepts, of which only differences matter, get a little more.
    """
    count, d = system.problem.n_classes, system.problem.rows.n_features
    ridge = np.ones((count, d + system.has_intercept))
    if system.has_intercept:
        ridge[:, d] = system.delta
    if system.problem.intercept_rule == "free":
        sums = [float(free.entries(k, k).sum()) for k in range(count)]
        ridge[:, d] = little * (sum(sums) / count)
    return ridge


def _by_conjugate_gradients(
    system: JointSystem, free: _Free, right: Float64Array
) -> Float64Array:
    """Return about the solution, of shape (n_classes, n_features + has_intercept)."""
    problem, rows = system.problem, system.rows
    count, d = problem.n_classes, problem.rows.n_features
    ridge = _ridge_of(system, free)
    # The blocks of all classes are held at once.
    most = max(_MOST_NUMBERS, problem.rows.n_bytes // _NUMBERS_PER_BYTES)
    largest = min(LARGEST_SYSTEM, math.isqrt(most // count))
    solvers = [_of_class(system, free, k, ridge[k], largest) for k in range(count)]

    def times(unknowns: Float64Array) -> Float64Array:
        w = np.zeros((d, rows.width))
        w[:, :count] = unknowns[:, :d].T
        curved = rows.scores(w, free.order)
        if system.has_intercept:
            curved[:, :count] += unknowns[:, -1]
        free.curve(curved[:, :count])
        out = ridge * unknowns
        out[:, :d] += rows.combine(curved, free.order)[:, :count].T
        if system.has_intercept:
            out[:, -1] += curved[:, :count].sum(axis=0)
        return out

    def preconditioned(residual: Float64Array) -> Float64Array:
        parts = zip(solvers, residual, strict=True)
        return np.stack([solve(part) for solve, part in parts])

    solution, residual = np.zeros_like(right), right.copy()
    enough = _CONJUGATE_TOL * float(np.linalg.norm(right))
    along = preconditioned(residual)
    size = float(np.vdot(residual, along))
    for _ in range(_MAX_CONJUGATE_STEPS):
        image = times(along)
        bend = float(np.vdot(along, image))
        if not bend > 0.0:
            break
        length = size / bend
        solution += length * along
        residual -= length * image
        if float(np.linalg.norm(residual)) <= enough:
            break
        step = preconditioned(residual)
        previous, size = size, float(np.vdot(residual, step))
        along = step + (size / previous) * along
    return solution


def _of_class(
    system: JointSystem,
    free: _Free,
    k: int,
    ridge: Float64Array,
    largest: int | None = None,
) -> Callable[[Float64Array], Float64Array]:
    """Return what solves with the block of a class, or with its diagonal at least.

    No more than `largest` of its rows or columns are multiplied with each other.
    """
    largest = LARGEST_SYSTEM if largest is None else largest
    rows, d = system.problem.rows, system.problem.rows.n_features
    weights = free.entries(k, k)
    some = np.flatnonzero(weights)
    order, weights = free.order[some], weights[some]
    if len(ridge) <= min(len(order), largest):
        block = rows.gram(order, weights, bordered=system.has_intercept)
        add_to_diagonal(block, ridge)
        return solver_of(block)
    if not 0 < len(order) <= largest:
        diagonal = ridge.copy()
        diagonal[d:] += weights.sum()
        return lambda right: right / diagonal
    # The inverse of ridge + A' H A, by that of 1 / H + A A' / ridge.
    kernel = rows.kernel(order)
    kernel += np.sum(1.0 / ridge[d:])
    add_to_diagonal(kernel, 1.0 / weights)
    inner = solver_of(kernel)

    def solve(right: Float64Array) -> Float64Array:
        out = right / ridge
        mu = inner(rows.margins(out[:d], order) + np.sum(out[d:]))
        out[:d] -= rows.combine(mu, order)
        out[d:] -= mu.sum() / ridge[d:]
        return out

    return solve

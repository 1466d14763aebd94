r"""The Newton system of the batch method.

.. math::

    \begin{pmatrix} I + X_F^\top H X_F & X_F^\top h \\ h^\top X_F & \delta + 1^\top h
    \end{pmatrix}
    \begin{pmatrix} p \\ r \end{pmatrix} = -\begin{pmatrix} g \\ g_b \end{pmatrix},

with :math:`H = \mathrm{diag}(h)` over the free rows F; the last row and column are
there when there is an intercept, with :math:`\delta = 1` when it is penalised.
Solved as it stands when there are few columns, through the matrix of inner products
of the free rows when there are few of these, and by conjugate gradients when there
are many of both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtri

from hingesvm.problems.binary import Problem
from hingesvm.rows.columns import mean_squares
from hingesvm.rows.contract import Rows
from hingesvm.rows.divided import DENSE_SPEEDUP
from hingesvm.rows.inner import KeptInnerProducts
from hingesvm.solvers.newton.products import KeptProducts
from hingesvm.solvers.newton.reflections import can_reflect, direction_by_reflections
from hingesvm.solvers.progress import CALL_WORK
from hingesvm.solvers.sweeping.steps import work_of_sweep

__all__ = [
    "LARGEST_SYSTEM",
    "LARGEST_TRACE",
    "LEAST_PIVOT",
    "NewtonSystem",
    "add_to_diagonal",
    "keeps_products",
    "newton_direction",
    "solve_positive",
    "solver_and_pivot",
    "solver_of",
    "work_of_step",
    "works_of_systems",
]

Float64Array = NDArray[np.float64]

# Largest dense system: the factorisation of a larger one holds up an interrupt
# (docs/experiments.md#builds-sums-and-interrupts).
LARGEST_SYSTEM = 2000

# Which system is solved, and how (docs/experiments.md#batch-method).
# Below this many columns the first form is used whatever the number of free rows: with
# few of them it takes no time, and is as good where columns differ in scale.
_FEW_COLUMNS = 64
# Columns from which products take most of the time, and the trace of the Hessian up
# to which single precision is good enough for them, against the 1 on its diagonal: with
# more of it steps are less good, with less they take twice the time.
_MANY_COLUMNS, LARGEST_TRACE = 128, 1e7
# Errors in margins from which products of rows may be too coarse, and the ratio of the
# scales of columns from which those of columns are better: larger ones leave steps that
# go astray, smaller ones take longer to solve what was solved.
_LARGEST_MISS, _UNEVEN = 1e-7, 1e3
#: Part of a diagonal entry left after elimination that rounding errors may falsify.
LEAST_PIVOT = 1e-7
# Rows from which a matrix is factorised in blocks, and columns of a block: of larger
# blocks less is products, of smaller ones there are more calls.
_LARGE, _BLOCK = 400, 64
# Steps of conjugate gradients at most (docs/experiments.md#constants).
_MAX_CONJUGATE_STEPS = 200

# Prices of Newton steps (docs/experiments.md#which-method-when).
# Multiply-adds of many dense columns in the time of one in a sweep.
_LARGE_SPEEDUP = 32.0
# What is done to each entry of a matrix besides, and multiply-adds for each entry of X
# in a step by conjugate gradients (docs/experiments.md#constants).
_COPIES, _CONJUGATE_GRADIENTS = 4.0, 1000.0

# The shift grows a hundredfold each time, from 1e-14: to 1.
_MAX_SHIFTS = 8


@dataclass(frozen=True)
class NewtonSystem:
    """The system of one Newton step.

    Attributes
    ----------
    problem : Problem
    free : ndarray of intp, of shape (m,)
        Rows F.
    slope : ndarray of float64, of shape (m,)
        Their entries of H, positive.
    gradient : ndarray of float64, of shape (n_features,)
    pull : float
        Derivative in the intercept.
    kept : KeptProducts, optional
        Products of the systems before, if the next ones are likely to need them.
    inner : KeptInnerProducts, optional
        Inner products of rows of the systems before, unless those of all are kept.
    """

    problem: Problem
    free: NDArray[np.intp]
    slope: Float64Array
    gradient: Float64Array
    pull: float
    kept: KeptProducts | None = None
    inner: KeptInnerProducts | None = None

    @property
    def has_intercept(self) -> bool:
        """Whether there is a last row and column."""
        return self.problem.intercept_rule != "none"

    @property
    def delta(self) -> float:
        """Curvature of P in the intercept."""
        return 1.0 if self.problem.intercept_rule == "penalized" else 0.0


def newton_direction(system: NewtonSystem) -> tuple[Float64Array, float]:
    """Return the Newton direction for the weights and the intercept.

    Parameters
    ----------
    system : NewtonSystem

    Returns
    -------
    direction : ndarray of float64, of shape (n_features,)
    turn : float
        The step of the intercept.
    """
    n_free = len(system.free)
    if n_free == 0:
        return -system.gradient, -system.pull
    if _has_few_columns(system):
        return _by_columns(system)
    if n_free <= LARGEST_SYSTEM:
        return _by_rows(system)
    return _by_conjugate_gradients(system)


def work_of_step(system: NewtonSystem) -> float:
    """Return about the work of a step with a system, as `Progress` counts it."""
    problem, n_free = system.problem, len(system.free)
    work = CALL_WORK + work_of_sweep(problem.rows)
    if n_free == 0:
        return work
    by_columns, by_rows, by_gradients = works_of_systems(problem, n_free)
    if _has_few_columns(system):
        return work + by_columns
    return work + (by_rows if n_free <= LARGEST_SYSTEM else by_gradients)


def works_of_systems(problem: Problem, n_free: float) -> tuple[float, float, float]:
    """Return the work of solving a system in each of three ways.

    These are by columns, by rows whose inner products are known, and by conjugate
    gradients.
    """
    rows, d = problem.rows, float(problem.rows.n_features)
    per_row = rows.n_entries / max(problem.n_rows, 1)
    by_columns = d**3 / (3.0 * DENSE_SPEEDUP)
    if rows.is_sparse:
        by_columns += n_free * per_row * per_row
    else:
        speedup = _LARGE_SPEEDUP if d >= _MANY_COLUMNS else DENSE_SPEEDUP
        by_columns += n_free * d * d / speedup
    by_rows = n_free**3 / (3.0 * DENSE_SPEEDUP) + _COPIES * n_free * n_free
    return by_columns, by_rows, _CONJUGATE_GRADIENTS * rows.n_entries


def keeps_products(problem: Problem) -> KeptProducts | None:
    """Return what follows the Newton systems of a problem, where that saves time."""
    rows = problem.rows
    if not _has_many_columns(rows) or rows.n_features > LARGEST_SYSTEM:
        return None
    return KeptProducts(rows, bordered=problem.intercept_rule != "none")


def _has_many_columns(rows: Rows) -> bool:
    """Whether products of dense columns take most of the time."""
    return rows.n_features >= _MANY_COLUMNS and not rows.is_sparse


def add_to_diagonal(matrix: Float64Array, values: Float64Array | float) -> None:
    """Add to the diagonal of a square matrix, in place."""
    matrix.flat[:: len(matrix) + 1] += values


def solve_positive(matrix: Float64Array, right: Float64Array) -> Float64Array:
    """Solve with a positive definite matrix, as `solver_of` does."""
    return solver_of(matrix)(right)


def solver_of(matrix: Float64Array) -> Callable[[Float64Array], Float64Array]:
    """Return what solves with a positive definite matrix, as of `solver_and_pivot`."""
    return solver_and_pivot(matrix)[0]


def solver_and_pivot(
    matrix: Float64Array,
) -> tuple[Callable[[Float64Array], Float64Array], float]:
    """Return what solves with a positive definite matrix, and its smallest pivot.

    It is given by its lower triangle. A pivot is the part of a diagonal entry that is
    left after elimination; 0 stands for none that is left.

    The matrix is overwritten. It is scaled to a unit diagonal, which makes the
    factorisation indifferent to the scales of columns, and shifted a little where
    rounding has made it singular. Solutions are zeros if that is of no use.
    """
    scale = 1.0 / np.sqrt(np.diagonal(matrix))
    matrix *= scale[:, None]
    matrix *= scale
    shift = 0.0
    for _ in range(_MAX_SHIFTS):
        factor = _factorised(matrix)
        if factor is not None:
            break
        grown = max(100.0 * shift, 1e-14)
        add_to_diagonal(matrix, grown - shift)
        shift = grown

    def solve(right: Float64Array) -> Float64Array:
        if factor is None:
            return np.zeros_like(right)
        solution, _ = dpotrs(factor, (right.T * scale).T, lower=False)
        return np.asarray((solution.T * scale).T)

    if factor is None or shift:
        return solve, 0.0
    return solve, float(np.square(np.diagonal(factor)).min(initial=1.0))


def _factorised(matrix: Float64Array) -> Float64Array | None:
    """Return the upper Cholesky factor of a lower triangle, or None if it has none.

    A large one is found in blocks of columns, mostly by products: LAPACK holds the GIL
    as SciPy calls it, and no interrupt is seen.
    """
    size = len(matrix)
    if size < _LARGE:
        # The upper triangle in Fortran's order is the lower one in C's.
        factor, failed = dpotrf(matrix.T, lower=False, clean=False)
        return None if failed else factor
    lower = matrix.copy()
    for start in range(0, size, _BLOCK):
        stop = min(start + _BLOCK, size)
        panel = lower[start:, start:stop]
        panel -= lower[start:, :start] @ lower[start:stop, :start].T
        top, below = panel[: stop - start], panel[stop - start :]
        factor, failed = dpotrf(top.T, lower=False, clean=True)
        if failed:
            return None
        top[:] = factor.T
        inverse, _ = dtrtri(factor, lower=False)
        below[:] = below @ inverse
    return lower.T


def _has_few_columns(system: NewtonSystem) -> bool:
    """Whether the system is solved as it stands."""
    d = system.problem.rows.n_features
    return d <= max(_FEW_COLUMNS, len(system.free)) and d <= LARGEST_SYSTEM


def _by_columns(system: NewtonSystem) -> tuple[Float64Array, float]:
    """Solve the system as it stands."""
    rows, bordered = system.problem.rows, system.has_intercept
    d = rows.n_features
    single = False
    if _has_many_columns(rows):
        trace = float(system.slope @ rows.squared_norms()[system.free])
        single = trace < LARGEST_TRACE
    if system.kept is None:
        hessian = rows.gram(system.free, system.slope, bordered=bordered, single=single)
    else:
        hessian = system.kept.gram(system.free, system.slope, single=single).copy()
    diagonal = np.diagonal(hessian).copy()
    diagonal[:d] += 1.0
    right = -system.gradient
    if bordered:
        diagonal[d] += system.delta
        right = np.append(right, -system.pull)
    np.fill_diagonal(hessian, diagonal)
    solve, pivot = solver_and_pivot(hessian)
    if pivot < LEAST_PIVOT and can_reflect(len(system.free), d):
        return _by_reflections(system)
    step = solve(right)
    return step[:d], float(step[d]) if bordered else 0.0


def _by_reflections(system: NewtonSystem) -> tuple[Float64Array, float]:
    """Solve the system as a least-squares problem."""
    return direction_by_reflections(
        system.problem.rows,
        system.free,
        system.slope,
        system.gradient,
        system.pull,
        system.delta if system.has_intercept else None,
    )


def _by_rows(system: NewtonSystem) -> tuple[Float64Array, float]:
    """Solve for mu = H (X_F p + r); then p = -g - X_F' mu.

    (X_F X_F' + 1/H) mu = r - X_F g, and the sum of mu plus delta r is -g_b. Where
    that is solved badly as columns differ in scale, the system is solved by columns:
    with a unit diagonal, their products are indifferent to that.
    """
    rows, free = system.problem.rows, system.free
    kernel = rows.kernel(free) if system.inner is None else system.inner.of(free)
    add_to_diagonal(kernel, 1.0 / system.slope)
    ones = np.ones(len(free))
    right = np.stack([rows.margins(system.gradient, free), ones], axis=1)
    of_gradient, of_ones = solve_positive(kernel, right).T
    turn = 0.0
    if system.has_intercept:
        stiffness = float(of_ones.sum()) + system.delta
        turn = (float(of_gradient.sum()) - system.pull) / stiffness
    mu = turn * of_ones - of_gradient
    step = -system.gradient - rows.combine(mu, free)
    if rows.n_features <= LARGEST_SYSTEM:
        missed = rows.margins(step, free, intercept=turn) - mu / system.slope
        is_rough = not float(np.abs(missed).max()) <= _LARGEST_MISS
        if is_rough and can_reflect(len(free), rows.n_features):
            return _by_reflections(system)
        if is_rough and _are_uneven(mean_squares(rows, free)):
            return _by_columns(system)
    return step, turn


def _are_uneven(squares: Float64Array) -> bool:
    """Whether columns differ much in scale; those that are zero do not count."""
    least = float(squares.min(where=squares > 0.0, initial=np.inf))
    return bool(squares.max() > _UNEVEN * _UNEVEN * least)


def _by_conjugate_gradients(system: NewtonSystem) -> tuple[Float64Array, float]:
    """Solve roughly, to a tenth of the gradient, matrix-free."""
    rows, free, slope = system.problem.rows, system.free, system.slope

    def apply(p: Float64Array, r: float) -> tuple[Float64Array, float]:
        mu = slope * (rows.margins(p, free) + r)
        total = float(mu.sum()) + system.delta * r if system.has_intercept else 0.0
        return p + rows.combine(mu, free), total

    direction, turn = np.zeros_like(system.gradient), 0.0
    residual, rest = -system.gradient, -system.pull
    p, r = residual.copy(), rest
    norm = float(residual @ residual) + rest * rest
    enough = 0.01 * norm
    for _ in range(_MAX_CONJUGATE_STEPS):
        image, total = apply(p, r)
        bend = float(p @ image) + r * total
        if not bend > 0.0:
            break
        length = norm / bend
        direction += length * p
        turn += length * r
        residual = residual - length * image
        rest -= length * total
        previous, norm = norm, float(residual @ residual) + rest * rest
        if norm <= enough:
            break
        p = residual + (norm / previous) * p
        r = rest + (norm / previous) * r
    return direction, turn

"""One sweep: a subgradient step with exact line search at each active row.

The subgradient of the hinge at row i is 0 or -c_i y_i x_i. A step from its present
share a_i of w towards that subgradient, with the exact line search along it, is

    a_i <- clip(a_i + (1 - m_i - q_i a_i) / (||x_i||^2 + q_i), 0, u_i),

so there is no learning rate, and the shares are feasible dual variables, which
certify the result (Hsieh et al., "A dual coordinate descent method for large-scale
linear SVM", ICML 2008; Lacoste-Julien et al., "Block-coordinate Frank-Wolfe
optimization for structural SVMs", ICML 2013).

A free intercept is found by the method of multipliers on sum a_i y_i = 0: rows
behave as if they had one more feature sqrt(tau), and between sweeps its
contribution tau * sum a_i y_i is moved into the fixed part of the intercept. A
penalised one is moved by proximal steps in the same way, towards sum a_i y_i.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _sweep
from hingesvm.problems.binary import InterceptRule, Problem
from hingesvm.rows.contract import Rows
from hingesvm.rows.divided import WORK_OF_STEP
from hingesvm.rows.per_row import HUGE_STEP, factors_of_steps, proximal_step
from hingesvm.solvers.survey import COARSE

__all__ = [
    "FEW_BYTES",
    "LEAST_SWEEP",
    "RUN",
    "SAFELY",
    "WIDE",
    "Sweeps",
    "intercept_step",
    "price_of_sweep",
    "random_bits",
    "row_steps",
    "shuffle",
    "sweep",
    "weights_dtype",
    "work_of_sweep",
]

Float64Array = NDArray[np.float64]

# Sweeps over some of the rows (docs/experiments.md#sweeps).
# Part of the largest violation of optimality by which the gradient of a row at a bound
# points outwards if the row is passed over until the next look: if it is larger rows
# are visited for nothing, if smaller rows are missed that were to move.
SAFELY = 0.1
# Active rows that are visited one after the other where there are many: they lie near
# each other in memory, and with more of them there are more sweeps.
RUN = 8
# A sweep over no active row still counts as this part of one: if it is large few rows
# end at `max_iter`, if small a fit can look at all rows without end.
LEAST_SWEEP = 0.01
# Squared value of the intercept's feature over the mean squared norm of the rows: if it
# is large line searches are short, if small the intercept is slow.
_INTERCEPT_SHARE = 0.1
#: Columns from which rows have little in common: nothing else comes near to sweeps
#: then, and they can be shared.
WIDE = 2000

# Prices of sweeps, beside those of Newton steps: if they are too high sweeps are left
# too soon, if too low they go on for too long (docs/experiments.md#which-method-when).
# Arithmetic for one value of a dense row, as `Progress` counts it, and what there is to
# do for a row besides.
_DENSE_WORK, _ROW_WORK = 1.2, 40.0

#: Bytes that may be taken beside X in any case.
FEW_BYTES = 1_000_000


def random_bits(seed: int) -> NDArray[np.uint64]:
    """Return the state of the kernels' random generator."""
    return np.array([seed], dtype=np.uint64)


def shuffle(
    rows: Rows,
    order: NDArray[np.intp],
    count: int,
    random_state: NDArray[np.uint64],
    run: int = 1,
) -> None:
    """Permute the first `count` entries of an order of rows, `run` of them at a time.

    A rest of less than `run` stays at the end.
    """
    for start, stop in rows.chunks(count // run):
        _sweep.shuffle(order, start, stop, run, random_state)


def intercept_step(
    rule: InterceptRule,
    mean_square: float,
    cost: Float64Array,
    curvature: Float64Array | None = None,
) -> float:
    """Return by how much the intercept moves with a dual variable.

    It is 0 without an intercept. With a free one it is a part of the mean of
    ||x_i||^2 + q_i, next to which it costs the line searches little; and at least so
    much that it can move by a margin when all dual variables cross their box. A
    penalised one would be a feature of value 1, next to which rows of text are alike
    and sweeps slow; a proximal step t on it leaves t / (1 + t).

    Parameters
    ----------
    rule : {"none", "penalized", "free"}
    mean_square : float
        The mean of ||x_i||^2.
    cost : ndarray of float64, of shape (n_rows,)
        c_i.
    curvature : ndarray of float64, of shape (n_rows,), optional
        q_i, which is a number over c_i. Default: 0.
    """
    if rule == "none":
        return 0.0
    total = _sum_of(cost)
    mean = mean_square
    if curvature is not None:
        # The mean with the costs as weights, as c_i q_i are all the same.
        mean += float(curvature[0]) * float(cost[0]) * len(cost) / total
    step = max(_INTERCEPT_SHARE * mean, 1.0 / total)
    return step if rule == "free" else step / (1.0 + step)


def work_of_sweep(rows: Rows) -> float:
    """Return the work of a sweep over all rows, as `Progress` counts it."""
    return (
        WORK_OF_STEP if rows.is_sparse else _DENSE_WORK
    ) * rows.n_entries + _rows_work(rows)


def price_of_sweep(rows: Rows) -> float:
    """Return the work of a sweep as if dense rows took as long as sparse ones.

    By this measure large dense data are left for Newton steps sooner.
    """
    return WORK_OF_STEP * rows.n_entries + _rows_work(rows)


def _rows_work(rows: Rows) -> float:
    """Return the work of a sweep over all rows beside that for their values."""
    return _ROW_WORK * rows.n_rows


def _sum_of(values: Float64Array) -> float:
    """Return the sum of values, which may be a broadcast scalar."""
    if values.strides[0] == 0:
        return float(values[0]) * len(values)
    return float(values.sum())


def row_steps(
    problem: Problem, squared_norms: Float64Array, tau: float, huge: float = HUGE_STEP
) -> Float64Array:
    """Return the factors of line searches at the rows of a problem."""
    return factors_of_steps(squared_norms, tau, problem.curvature, huge)


def weights_dtype(problem: Problem, tol: float) -> np.dtype[np.floating]:
    """Return the precision of weights in sweeps."""
    return problem.rows.dtype if tol >= COARSE else np.dtype(np.float64)


@dataclass
class Sweeps:
    """The state of the sweeps.

    Attributes
    ----------
    step : ndarray of float64, of shape (n_rows,)
        As of `row_steps`; of length 0 where rows are read in passes, which find them.
    tau : float
        Step of the intercept.
    order : ndarray of intp, of shape (n_rows,)
        The active rows, `n_active` of them, and others behind.
    shrink_above : float
        Rows at a bound are dropped whose gradient points outwards by more.
    imbalance : float
        The sum of a_i y_i.
    unmended : float
        Sweeps since the weights were computed from the duals.
    room : list of ndarray of float64
        As of `survey_rows`.
    """

    step: Float64Array
    tau: float
    alpha: Float64Array
    w: NDArray[np.floating]
    intercept: float
    order: NDArray[np.intp]
    n_active: int
    shrink_above: float
    random_state: NDArray[np.uint64]
    imbalance: float
    unmended: float = 0.0
    room: list[Float64Array] = field(default_factory=list)


def sweep(problem: Problem, state: Sweeps, most: float, enough: float) -> float:
    """Take one step at each active row, in random order; many times if they are few.

    Parameters
    ----------
    problem : Problem
    state : Sweeps
    most : float
        Where the rows are few: the sweeps to take at most, each over all rows.
    enough : float
        The same: where `shrink_above` is small enough to end.

    Returns
    -------
    float
        How many sweeps over all rows the steps amount to.
    """
    rows, count, before = problem.rows, state.n_active, state.intercept
    if rows.sweeps_at_once(count):
        return _sweep_many_times(problem, state, most, enough)
    shuffle(rows, state.order, count, state.random_state, RUN)
    scalars = np.array([state.intercept, 0.0])
    state.n_active = rows.dual_steps(problem, state, scalars)
    state.intercept, worst = map(float, scalars)
    state.shrink_above = SAFELY * worst
    if state.tau:
        state.intercept, state.imbalance = proximal_step(
            before,
            state.intercept,
            state.imbalance,
            state.tau,
            penalized=problem.intercept_rule == "penalized",
        )
    return max(count / problem.n_rows, LEAST_SWEEP)


def _sweep_many_times(
    problem: Problem, state: Sweeps, most: float, enough: float
) -> float:
    """Sweep over few rows in one call, as each call takes as long as some steps."""
    rows, n_rows = problem.rows, problem.n_rows
    scalars = np.array([state.intercept, state.shrink_above, state.imbalance])
    state.n_active, visits = rows.dual_sweeps(
        problem,
        state,
        scalars,
        n_visits=min(most * n_rows, rows.chunk_size(WORK_OF_STEP)),
        least_visits=LEAST_SWEEP * n_rows,
        safely=SAFELY,
        enough=enough,
        penalized=problem.intercept_rule == "penalized",
    )
    state.intercept, state.shrink_above, state.imbalance = map(float, scalars)
    return visits / n_rows

"""The state of sweeps over several classes at once, and these sweeps.

Each class has a lane: a place beside those of the others in all arrays. A row that is
read for one of them is stepped on for all (`_lanes.pyx`); ``together.py`` looks at what
comes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.problems.start import Start
from hingesvm.rows.lanes import LaneRows
from hingesvm.rows.per_row import HUGE_STEP, proximal_step
from hingesvm.rows.surveying import LARGEST_SINGLE
from hingesvm.solvers.sweeping.steps import (
    LEAST_SWEEP,
    RUN,
    SAFELY,
    intercept_step,
    random_bits,
    row_steps,
    shuffle,
    weights_dtype,
)

__all__ = ["Lanes", "at_the_origin", "lanes_of", "most_lanes", "sweep_all"]

Float64Array = NDArray[np.float64]
FloatArray = NDArray[np.floating]

# Whether classes are swept over together (docs/experiments.md#many-classes).
# Bytes of weights that the cache of most processors holds for one core: with more, each
# class had better be swept alone.
_CACHED = 2**20
# Entries of a row, on average, up to which what all classes share of the work counts.
_LONGEST_ROWS = 256

# Lanes there can be.
_WIDTHS = (4, 8, 16)
# The least bound of dual variables that float32 lanes can hold.
_LEAST_SINGLE = 1e-30
# Stands for a lane without a class, in which no row has to be kept.
_KEEP_NONE = -2.0


@dataclass
class Lanes:
    """The state of the sweeps; a lane is the last place of each two-dimensional array.

    Attributes
    ----------
    lane : ndarray of int8, of shape (n_rows,)
        The lane in which a row is positive, or -1.
    top : ndarray, of shape (n_rows,)
        The bounds, rounded down.
    step : ndarray of float64, of shape (n_rows,)
        Of the line search of each row.
    tau : float
        Step of the intercept.
    live : ndarray, of shape (n_lanes,)
        1 where there is a class, 0 where none is left for a lane.
    """

    lane: NDArray[np.int8]
    top: FloatArray
    step: Float64Array
    tau: float
    alpha: FloatArray
    w: FloatArray
    intercept: FloatArray
    live: FloatArray
    shrink_above: FloatArray
    order: NDArray[np.intp]
    n_active: int
    random_state: NDArray[np.uint64]
    imbalance: Float64Array = field(init=False)
    unmended: Float64Array = field(init=False)

    def __post_init__(self) -> None:
        self.imbalance, self.unmended = np.zeros((2, len(self.live)))

    def go_to(self, starts: Sequence[Start]) -> None:
        """Go to the dual variables, weights and intercepts of starts."""
        for k, start in enumerate(starts):
            assert start.w is not None
            alpha = start.alpha.astype(self.alpha.dtype)
            self.alpha[:, k] = np.minimum(alpha, self.top)
            self.w[:, k] = start.w
            self.intercept[k] = start.intercept

    def set_shrink_above(self, worst: FloatArray) -> None:
        """Set which rows are passed over, given the worst violations of optimality."""
        above = np.where(self.live > 0.0, SAFELY * worst, _KEEP_NONE)
        self.shrink_above = above.astype(self.w.dtype)


def most_lanes(problem: Problem, tol: float) -> int:
    """Return how many classes can be swept over at once, or 1 if each is better alone.

    Their weights have to fit into the cache, and the numbers of the problem into the
    precision of the lanes.
    """
    dtype = weights_dtype(problem, tol)
    if dtype == np.float32:
        finite = problem.bound if problem.has_kink else problem.curvature
        if not (finite.min() > _LEAST_SINGLE and finite.max() < LARGEST_SINGLE):
            return 1
    rows = problem.rows
    if rows.lanes() is None or rows.n_entries > _LONGEST_ROWS * rows.n_rows:
        return 1
    per_lane = rows.n_features * dtype.itemsize
    return max((width for width in _WIDTHS if width * per_lane <= _CACHED), default=1)


def lanes_of(problem: Problem) -> LaneRows:
    """Return the rows of problems that can be swept over at once."""
    rows = problem.rows.lanes()
    assert rows is not None
    return rows


def at_the_origin(
    problem: Problem, tol: float, count: int, lane: NDArray[np.int8], seed: int
) -> Lanes:
    """Return the state in which all weights and duals are 0."""
    n_rows, d = problem.n_rows, problem.rows.n_features
    dtype = weights_dtype(problem, tol)
    width = next(width for width in _WIDTHS if width >= count)
    squared_norms = problem.rows.squared_norms()
    mean = problem.rows.mean_square()
    tau = intercept_step(problem.intercept_rule, mean, problem.cost, problem.curvature)
    huge = HUGE_STEP if dtype == np.float64 else LARGEST_SINGLE
    live = np.zeros(width, dtype=dtype)
    live[:count] = 1.0
    return Lanes(
        lane,
        _rounded_down(problem.bound, dtype),
        row_steps(problem, squared_norms, tau, huge),
        tau,
        np.zeros((n_rows, width), dtype=dtype),
        np.zeros((d, width), dtype=dtype),
        np.zeros(width, dtype=dtype),
        live,
        np.where(live > 0.0, np.inf, _KEEP_NONE).astype(dtype),
        np.arange(n_rows, dtype=np.intp),
        n_rows,
        random_bits(seed),
    )


def sweep_all(problem: Problem, state: Lanes, most: float) -> float:
    """Sweep over all classes at once; return how many sweeps it was, about `most`."""
    spent = 0.0
    while not spent or (state.n_active and spent < most):
        spent += max(state.n_active / problem.n_rows, LEAST_SWEEP)
        _sweep_once(problem, state)
    return spent


def _sweep_once(problem: Problem, state: Lanes) -> None:
    """Take one step in each lane at each active row, in random order."""
    rows = problem.rows
    shuffle(rows, state.order, state.n_active, state.random_state, RUN)
    worst = np.zeros_like(state.live)
    before = state.intercept.astype(np.float64)
    state.n_active = lanes_of(problem).steps(problem, state, worst)
    state.set_shrink_above(worst)
    if state.tau:
        intercept, state.imbalance = proximal_step(
            before,
            state.intercept.astype(np.float64),
            state.imbalance,
            state.tau,
            penalized=problem.intercept_rule == "penalized",
        )
        state.intercept = intercept.astype(state.w.dtype)


def _rounded_down(bound: Float64Array, dtype: np.dtype[np.floating]) -> FloatArray:
    """Return bounds in a precision, none above what it was; a scalar stays one."""
    stored = bound[:1] if bound.strides[0] == 0 else bound
    top = stored.astype(dtype)
    top = np.where(top > stored, np.nextafter(top, dtype.type(0.0)), top)
    return np.broadcast_to(top, bound.shape)

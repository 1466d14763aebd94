"""The contract of rows: all that a solver may ask of X, wherever its rows are.

A home of rows (the memory of one machine, files, another array library) is a subclass
of `Rows` with its abstract methods. ``memory.py`` has the one in use, and
``tests/block_rows.py`` a small one in plain NumPy.

What is one number for each row (a label, a cost, a dual variable) is an array beside
the rows, in their order.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.rows.divided import WORK_OF_STEP
from hingesvm.rows.duals import Duals, RowSums
from hingesvm.rows.joint import JointRows
from hingesvm.rows.lanes import LaneRows
from hingesvm.rows.measured import Measured
from hingesvm.rows.passes import Passes
from hingesvm.rows.per_row import ColumnMap, PreciseParts, RowLosses, StepState
from hingesvm.rows.shared import SharedRows
from hingesvm.rows.team import Team

__all__ = ["Rows"]

Float64Array = NDArray[np.float64]
FloatArray = NDArray[np.floating]
IndexArray = NDArray[np.intp]

# Stands for rows without signs.
_NO_SIGNS = np.empty(0, dtype=np.int8)


class Rows(Measured):
    """Rows of X, as solvers and problems know them.

    Attributes
    ----------
    n_rows, n_features : int
    n_entries : int
        Number of stored values in the rows that take part.
    is_sparse : bool
    dtype : dtype
        Of X, float32 or float64.
    reach : ndarray of float32, of shape (n_rows,), or None
        What one of them has found, for the others; see ``newton/bands.py``.
    rooms : list
        Memory that solvers lend each other, as fresh memory is slow to touch.
    key : object
        Stands for these rows in this order: that of a copy is the same object.
    """

    reach: NDArray[np.float32] | None = None

    def __init__(
        self,
        shape: tuple[int, int],
        dtype: np.dtype[np.floating],
        *,
        is_sparse: bool,
        check_cancelled: Callable[[], None],
        team: Team | None,
    ) -> None:
        self.n_rows, self.n_features = shape
        self.dtype, self.is_sparse = dtype, is_sparse
        self.check_cancelled = check_cancelled
        self.team = Team() if team is None else team
        self.rooms: list[Any] = []
        self.key = object()
        self._forget_lengths()
        self._forget_kernel()

    @property
    @abstractmethod
    def n_bytes(self) -> int:
        """Bytes of the stored values in the rows that take part, and their indices."""

    def scratch(self, dtype: type[np.generic]) -> NDArray[Any]:
        """Return an array of one number a row, to be read from front to back.

        Its values are arbitrary.
        """
        return np.empty(self.n_rows, dtype)

    def everyone(self) -> IndexArray:
        """Return the numbers of all rows, in such an array."""
        out = self.scratch(np.intp)
        for start, stop in self.chunks(self.n_rows):
            out[start:stop] = np.arange(start, stop)
        return out

    # Products with vectors

    @abstractmethod
    def margins(
        self,
        w: Float64Array,
        rows: IndexArray | None = None,
        *,
        intercept: float = 0.0,
        signs: NDArray[np.int8] = _NO_SIGNS,
    ) -> Float64Array:
        """Return x_i . w + b for all rows, or for some, in float64.

        Parameters
        ----------
        w : ndarray of float64, of shape (n_features,)
        rows : ndarray of intp, optional
            Rows wanted.
        intercept : float, default=0.0
        signs : ndarray of int8, of shape (n_rows,) or (len(rows),), optional
            Factors of the result.
        """

    @abstractmethod
    def combine(self, a: Float64Array, rows: IndexArray | None = None) -> Float64Array:
        """Return the sum of a_i x_i over all rows, or over some, in float64.

        Parameters
        ----------
        a : ndarray of float64, of shape (n_rows,) or (len(rows),)
        rows : ndarray of intp, optional
            Rows that `a` belongs to.
        """

    @abstractmethod
    def survey(
        self,
        losses: RowLosses,
        w: FloatArray,
        intercept: float,
        duals: Duals | None,
        shortfall: FloatArray,
        *,
        scales: FloatArray | None = None,
        reach: NDArray[np.float32] | None = None,
        room: list[Float64Array] | None = None,
    ) -> RowSums:
        """Return what a certificate needs of all rows, found in one pass.

        Parameters
        ----------
        losses : RowLosses
            A binary problem.
        w : ndarray of float32 or float64, of shape (n_features,)
        intercept : float
        duals : ndarray of float64, PackedDuals or None
            Dual variables; None stands for minus the subgradients at (w, b).
        shortfall : ndarray of float32 or float64, of shape (n_rows,)
            Set to 1 - m. All sums are of float64 ones.
        scales : ndarray of the dtype of X, of shape (n_features,), optional
            Factors of the columns.
        reach : ndarray of float32, of shape (n_rows,), optional
            Set to the norms of the rows, their columns so multiplied.
        room : list of ndarray of float64, of shape (n_features,), optional
            Arrays that the last survey left, the first of which becomes `w_of_duals`;
            those that are missing are added.
        """

    def settle(
        self,
        losses: RowLosses,
        rest: Float64Array,
        pace: Float64Array,
        shortfall: Float64Array,
        before: Float64Array,
        w_of_duals: Float64Array,
        room: IndexArray,
    ) -> tuple[Float64Array, IndexArray]:
        """Return a = clip(rest + pace shortfall, 0, bound), and the rows inside.

        Parameters
        ----------
        losses : RowLosses
        rest, pace, shortfall : ndarray of float64, of shape (n_rows,)
        before : ndarray of float64, of shape (n_rows,)
            The values of a before.
        w_of_duals : ndarray of float64, of shape (n_features,)
            The sum of a_i y_i x_i, changed in place.
        room : ndarray of intp, of shape (n_rows,)
            Overwritten.

        Returns
        -------
        alpha : ndarray of float64, of shape (n_rows,)
        free : ndarray of intp, of shape (n_free,)
            The rows whose value is strictly inside its box; may be a part of `room`.
        """
        raw = rest + pace * shortfall
        alpha = np.clip(raw, 0.0, losses.bound)
        changed = np.flatnonzero(alpha != before)
        step = (alpha - before)[changed] * losses.signs[changed]
        w_of_duals += self.combine(step, changed)
        return alpha, np.flatnonzero((raw > 0.0) & (raw < losses.bound))

    @abstractmethod
    def precise_scores(
        self, w: Float64Array, intercept: float, rows: IndexArray
    ) -> PreciseParts:
        """Return x_i . w + b of some rows in twice the precision of float64."""

    @abstractmethod
    def precise_combine(self, factors: Float64Array) -> PreciseParts:
        """Return the sum of factors_i x_i in twice the precision of float64."""

    # Weights in the dtype of X

    def rounded(self, w: Float64Array, intercept: float) -> tuple[Float64Array, float]:
        """Return weights and intercept rounded to the dtype of X, as float64."""
        rounded = w.astype(self.dtype).astype(np.float64)
        return rounded, self.rounded_number(intercept)

    def rounded_number(self, value: float) -> float:
        """Return a number rounded to the dtype of X."""
        return float(self.dtype.type(value))

    # Steps at one row after the other

    @abstractmethod
    def dual_steps(
        self, losses: RowLosses, state: StepState, scalars: Float64Array
    ) -> int:
        r"""Take one subgradient step with exact line search at each active row in turn.

        For the rows i = ``order[k]``, k < ``n_active``,

            alpha_i <- clip(alpha_i + (1 - m_i - q_i alpha_i) step_i, 0, u_i),

        with w and the intercept ``scalars[0]`` following; ``scalars[1]`` keeps the
        largest violation of optimality seen. A row at a bound whose violation points
        outwards by more than ``shrink_above`` is dropped from `order`, and those behind
        it move up.

        Parameters
        ----------
        losses : RowLosses
        state : StepState
            Its arrays are changed in place.
        scalars : ndarray of float64, of shape (2,)

        Returns
        -------
        int
            How many rows are left.
        """

    @abstractmethod
    def penalized_steps(
        self,
        losses: RowLosses,
        state: StepState,
        map: ColumnMap,
        scalars: Float64Array,
    ) -> int:
        """Take steps as `dual_steps` does, where the weights follow from their sums.

        Parameters
        ----------
        losses : RowLosses
        state : StepState
            Its arrays are changed in place; ``w`` holds the sums v, and margins are
            those of the weights that follow from them.
        map : ColumnMap
            How they do.
        scalars : ndarray of float64, of shape (2,)

        Returns
        -------
        int
            How many rows are left.
        """

    def sweeps_at_once(self, n_active: int) -> bool:
        """Whether `dual_sweeps` is the better way to visit so many rows."""
        return n_active <= self.chunk_size(WORK_OF_STEP)

    @abstractmethod
    def dual_sweeps(
        self,
        losses: RowLosses,
        state: StepState,
        scalars: Float64Array,
        *,
        n_visits: float,
        least_visits: float,
        safely: float,
        enough: float,
        penalized: bool,
    ) -> tuple[int, float]:
        """Take sweeps of `dual_steps` in random order over the active rows.

        After each, rows are dropped above a part `safely` of the largest violation
        seen, and the intercept takes its proximal step (see
        ``solvers/sweeping/steps.py``). It ends when ``shrink_above`` is at most
        `enough`, when no row is left, or after `n_visits` steps, a sweep counting as
        `least_visits` at least.

        Parameters
        ----------
        losses : RowLosses
        state : StepState
            Its arrays are changed in place.
        scalars : ndarray of float64, of shape (3,)
            The intercept, ``shrink_above``, and the sum of a y.
        n_visits, least_visits, safely, enough : float
        penalized : bool
            Whether the intercept is penalised.

        Returns
        -------
        n_active : int
        visits : float
            The steps that were counted.
        """

    def averaged_steps(
        self,
        losses: RowLosses,
        order: IndexArray,
        tau: float,
        delay: float,
        alpha: Float64Array,
        average: Float64Array,
        last_weight: Float64Array,
        w: Float64Array,
        scalars: Float64Array,
    ) -> None:
        r"""Take one Pegasos step, of size 1 / (t + delay), at each row in turn.

        With n rows and s_i a subgradient of minus the loss of row i = ``order[k]``,

            w <- (1 - 1/(t + delay)) w + n / (t + delay) s_i y_i x_i.

        w and alpha are stored divided by a common scale. `average` sums the duals with
        weights t, lazily: `last_weight` is the total up to which a row is summed.
        `scalars` holds the fixed part of the intercept, its part in the scale, the
        scale, the time t, and the total of t * scale.

        Raises
        ------
        NotImplementedError
            If rows are read in batches, which have no single rows in random order;
            ``solvers/passes.py`` asks for no such steps.
        """
        raise NotImplementedError("steps of Pegasos need all rows in memory")

    # How dear answers are

    @property
    def passes(self) -> Passes | None:
        """The passes that read all rows, if each answer about any of them takes one."""
        return None

    @property
    def reads_in_passes(self) -> bool:
        """Whether each answer about all rows, or some, takes such a pass."""
        return self.passes is not None

    @property
    def most_at_once(self) -> int:
        """Rows that a subset may have; those that are read are then in memory."""
        return self.n_rows

    def few(self, count: int) -> Rows:
        """Return about so many rows from all over."""
        step = max(1, self.n_rows // count)
        return self.subset(np.arange(0, self.n_rows, step, dtype=np.intp))

    # What not each home of rows can do

    def lanes(self) -> LaneRows | None:
        """Return the rows for sweeps over several classes at once, if they can be."""
        return None

    def shared(self) -> SharedRows | None:
        """Return the rows for sweeps that threads share, if they can be."""
        return None

    def joint(self, codes: IndexArray, n_classes: int) -> JointRows | None:
        """Return the rows of a joint problem, if they can be.

        Parameters
        ----------
        codes : ndarray of intp, of shape (n_rows,)
            The class of each row.
        n_classes : int
        """
        return None

    # Some of the rows, and the same rows for others

    @abstractmethod
    def _keep(self, rows: IndexArray) -> None:
        """Keep some rows only, in place, and set `n_entries`."""

    def subset(self, rows: IndexArray) -> Rows:
        """Return the same X restricted to some rows, without a copy."""
        part = copy(self)
        part.n_rows, part.key = len(rows), object()
        part.n_sharing, part.reach, part._longest_square = 1, None, None
        part._forget_kernel()
        if self._squared_norms is not None:
            part._squared_norms = self._squared_norms[rows]
        part._keep(rows)
        return part

    @abstractmethod
    def columns(self, chosen: IndexArray) -> Rows:
        """Return the same rows with some columns only, copied into memory.

        `chosen` is an ascending ndarray of intp.
        """

    def shared_by(self, team: Team, check_cancelled: Callable[[], None]) -> Rows:
        """Return the same rows for a team, with another check."""
        rows = copy(self)
        rows.team, rows.check_cancelled = team, check_cancelled
        return rows

"""Rows that are read in batches, one pass after the other; none is kept in memory.

Products and surveys are sums over batches, also those of some of the rows. A subset is
gathered into memory, which takes a pass: that of a sample or of a band. Sweeps go
through one batch after the other, twice each, as reading costs more than steps (Yu,
Hsieh, Chang and Lin, "Large linear classification when data cannot fit in memory", KDD
2010).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from hingesvm.kernels.build import _sweep
from hingesvm.rows.contract import Rows
from hingesvm.rows.copied import Matrix
from hingesvm.rows.duals import Duals, PackedDuals, RowSums, part_of
from hingesvm.rows.memory import MemoryRows, never
from hingesvm.rows.parts import PartLosses, PartSteps, Shape, is_ascending, visit_active
from hingesvm.rows.passes import IN_STEP, Passes, Visit
from hingesvm.rows.per_row import (
    ColumnMap,
    PreciseParts,
    RowLosses,
    StepState,
    proximal_step,
)
from hingesvm.rows.scratch import on_disk
from hingesvm.rows.team import Team

__all__ = ["BatchRows"]

Float64Array = NDArray[np.float64]
FloatArray = NDArray[np.floating]
IndexArray = NDArray[np.intp]

# Which of some rows are in a batch, an array or a slice; and where in it, an array or
# None for all.
Place = Any
Some = Any

# Sweeps over a batch while it is in memory: with one more passes are needed, with more
# of them a batch moves the weights too far from the others.
_INNER_SWEEPS = 2
# Bytes of rows that are gathered for all problems that share passes, and bytes of what
# solvers keep for such a row: with fewer rows more passes are needed, with more memory.
_MOST_BYTES, _BESIDE = 1 << 28, 64

_NO_SIGNS = np.empty(0, dtype=np.int8)


class BatchRows(Rows):
    """Rows that are read in batches.

    Parameters
    ----------
    read : callable
        Returns an iterator of the values of each batch, a C-ordered array or a CSR
        matrix, all of the dtype and the kind that `shape` says.
    shape : Shape
    check_cancelled : callable, optional
        Called every few milliseconds; may raise.
    team : Team, optional
        Threads that share long work. Default: the present one alone.
    """

    def __init__(
        self,
        read: Callable[[], Iterator[Matrix]],
        shape: Shape,
        check_cancelled: Callable[[], None] = never,
        team: Team | None = None,
    ) -> None:
        self._read, self._shape = read, shape
        self._stops = np.cumsum(shape.heights)
        super().__init__(
            (int(shape.heights.sum()), shape.n_features),
            shape.dtype,
            is_sparse=shape.is_sparse,
            check_cancelled=check_cancelled,
            team=team,
        )
        self.n_entries = shape.n_entries
        self._longest_square = shape.longest_square
        self._passes = Passes(self._run)

    @property
    def passes(self) -> Passes:
        return self._passes

    @property
    def n_bytes(self) -> int:
        return self.n_entries * (self.dtype.itemsize + 4 * self.is_sparse)

    @property
    def most_at_once(self) -> int:
        per_row = self.n_bytes / max(self.n_rows, 1) + _BESIDE
        return max(int(_MOST_BYTES / min(self.n_sharing, IN_STEP) / per_row), 1)

    def scratch(self, dtype: type[np.generic]) -> NDArray[Any]:
        return on_disk(self.n_rows, dtype)

    def _run(self, visits: list[Visit]) -> None:
        """Read all batches, and let each be visited."""
        start = 0
        for height, X in zip(self._shape.heights.tolist(), self._read(), strict=True):
            if height:
                part = MemoryRows(X)
                for visit in visits:
                    visit(slice(start, start + height), part)
            start += height

    def _visit(self, visit: Visit) -> None:
        """Visit all batches, with the team and the check of these rows."""

        def of_batch(place: slice, part: MemoryRows) -> None:
            self.check_cancelled()
            visit(place, part.shared_by(self.team, self.check_cancelled))

        self.passes.take(of_batch, self.check_cancelled)

    def _visit_some(
        self,
        rows: IndexArray | None,
        visit: Callable[[Place, MemoryRows, Some], None],
    ) -> None:
        """Visit the batches of some rows, or all.

        A visit is given which of the rows are in a batch, the batch, and where they are
        in it, None standing for everywhere.
        """
        if rows is None:
            self._visit(lambda place, part: visit(place, part, None))
            return
        order = None if is_ascending(rows) else np.argsort(rows, kind="stable")
        ascending = rows if order is None else rows[order]

        def of_batch(place: slice, part: MemoryRows) -> None:
            first, last = np.searchsorted(ascending, [place.start, place.stop])
            if first < last:
                chosen = slice(first, last) if order is None else order[first:last]
                visit(chosen, part, ascending[first:last] - place.start)

        self._visit(of_batch)

    def copy_of(self, rows: IndexArray) -> Matrix:
        return self._sparse(rows) if self.is_sparse else self._dense(rows)

    def _gathered(self, rows: IndexArray) -> MemoryRows:
        """Return some rows in memory, in their order; one pass."""
        return MemoryRows(self.copy_of(rows), None, self.check_cancelled, self.team)

    def _dense(self, rows: IndexArray) -> Matrix:
        """Return some dense rows, in their order; one pass."""
        X = np.empty((len(rows), self.n_features), dtype=self.dtype)

        def copy(places: Place, part: MemoryRows, some: Some) -> None:
            X[places] = part.copy_of(some)

        self._visit_some(rows, copy)
        return X

    def _sparse(self, rows: IndexArray) -> Matrix:
        """Return some sparse rows as a CSR matrix, in their order; one pass."""
        pieces = [sp.csr_matrix((0, self.n_features), dtype=self.dtype)]
        self._visit_some(rows, lambda _, part, some: pieces.append(part.copy_of(some)))
        X = sp.vstack(pieces, format="csr")
        pieces.clear()
        if is_ascending(rows):
            return X
        back = np.empty_like(rows)
        back[np.argsort(rows, kind="stable")] = np.arange(len(rows))
        return X[back]

    def margins(
        self,
        w: Float64Array,
        rows: IndexArray | None = None,
        *,
        intercept: float = 0.0,
        signs: NDArray[np.int8] = _NO_SIGNS,
    ) -> Float64Array:
        out = np.empty(self.n_rows if rows is None else len(rows))

        def multiply(places: Place, part: MemoryRows, some: Some) -> None:
            of_part = signs[places] if len(signs) else signs
            out[places] = part.margins(w, some, intercept=intercept, signs=of_part)

        self._visit_some(rows, multiply)
        return out

    def combine(self, a: Float64Array, rows: IndexArray | None = None) -> Float64Array:
        out = np.zeros(self.n_features)
        if not a.any():
            return out

        def add(places: Place, part: MemoryRows, some: Some) -> None:
            np.add(out, part.combine(np.ascontiguousarray(a[places]), some), out=out)

        self._visit_some(rows, add)
        return out

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
        room = [] if room is None else room
        w_of_duals, totals = np.zeros(self.n_features), np.zeros(3)
        judged: list[PackedDuals] = []
        before = 0

        def look(place: slice, part: MemoryRows) -> None:
            nonlocal before
            of_part = None
            if duals is not None:
                of_part, before = part_of(duals, place, before)
            sums = part.survey(
                PartLosses.of(losses, place),
                w,
                intercept,
                of_part,
                shortfall[place],
                scales=scales,
                reach=None if reach is None else reach[place],
                room=room,
            )
            np.add(w_of_duals, sums.w_of_duals, out=w_of_duals)
            np.add(totals, (sums.loss, sums.gain, sums.imbalance), out=totals)
            if duals is None:
                assert isinstance(sums.duals, PackedDuals)
                judged.append(sums.duals)

        self._visit(look)
        known = PackedDuals.joined(judged, losses.bound) if duals is None else duals
        loss, gain, imbalance = totals.tolist()
        return RowSums(w_of_duals, loss, gain, imbalance, known)

    def precise_scores(
        self, w: Float64Array, intercept: float, rows: IndexArray
    ) -> PreciseParts:
        out = PreciseParts(*np.empty((3, len(rows))))

        def score(places: Place, part: MemoryRows, some: Some) -> None:
            found = part.precise_scores(w, intercept, some)
            for whole, piece in zip(out, found, strict=True):
                whole[places] = piece

        self._visit_some(rows, score)
        return out

    def precise_combine(self, factors: Float64Array) -> PreciseParts:
        value, rest, size = np.zeros((3, self.n_features))

        def add(place: slice, part: MemoryRows) -> None:
            more = part.precise_combine(np.ascontiguousarray(factors[place]))
            total = value + more.value
            # The rounding error of the sum, exactly (Knuth's two-sum).
            taken = total - value
            rest[:] += (value - (total - taken)) + (more.value - taken) + more.rest
            value[:] = total
            size[:] += more.size

        self._visit(add)
        return PreciseParts(value, rest, size)

    def longest_row(self) -> int:
        return self._shape.longest_row

    def mean_square(self) -> float:
        return self._shape.mean_square

    def _norms_of_all(self) -> Float64Array:
        out = np.empty(self.n_rows)

        def measure(place: slice, part: MemoryRows) -> None:
            out[place] = part.squared_norms()

        self._visit(measure)
        return out

    def dual_steps(
        self, losses: RowLosses, state: StepState, scalars: Float64Array
    ) -> int:
        return visit_active(
            self._visit,
            self._stops,
            losses,
            state,
            lambda of_batch, steps, part: part.dual_steps(of_batch, steps, scalars),
        )

    def penalized_steps(
        self,
        losses: RowLosses,
        state: StepState,
        map: ColumnMap,
        scalars: Float64Array,
    ) -> int:
        return visit_active(
            self._visit,
            self._stops,
            losses,
            state,
            lambda of_batch, steps, part: part.penalized_steps(
                of_batch, steps, map, scalars
            ),
        )

    def sweeps_at_once(self, n_active: int) -> bool:
        return True

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
        visits, worst = 0.0, 0.0
        state.shrink_above, before = float(scalars[1]), float(scalars[0])
        of_steps = np.array([before, 0.0])

        def visit(of_batch: PartLosses, steps: PartSteps, part: MemoryRows) -> int:
            nonlocal visits, worst
            for _ in range(_INNER_SWEEPS):
                visits += steps.n_active
                _sweep.shuffle(steps.order, 0, steps.n_active, 1, state.random_state)
                of_steps[1] = 0.0
                steps.n_active = part.dual_steps(of_batch, steps, of_steps)
                steps.shrink_above = safely * float(of_steps[1])
                if not steps.n_active or steps.shrink_above <= enough:
                    break
            worst = max(worst, float(of_steps[1]))
            return steps.n_active

        kept = visit_active(self._visit, self._stops, losses, state, visit)
        scalars[0], scalars[1] = of_steps[0], safely * worst
        if state.tau:
            scalars[0], scalars[2] = proximal_step(
                before,
                float(scalars[0]),
                float(scalars[2]),
                state.tau,
                penalized=penalized,
            )
        # A pass is dear, however few rows are active.
        return kept, max(visits, float(self.n_rows))

    def blocks(self, rows: IndexArray) -> Iterator[Matrix]:
        # A pass of its own, as nobody waits for all of it.
        self.passes.count += 1
        order, start = np.sort(rows), 0
        for X in self._read():
            stop = start + X.shape[0]
            first, last = np.searchsorted(order, [start, stop])
            if first < last:
                part = MemoryRows(X, None, self.check_cancelled, self.team)
                yield from part.blocks(order[first:last] - start)
            start = stop

    def gram(
        self,
        rows: IndexArray,
        weights: Float64Array,
        *,
        bordered: bool = False,
        single: bool = False,
    ) -> Float64Array:
        out = np.zeros((self.n_features + bordered,) * 2)

        def add(places: Place, part: MemoryRows, some: Some) -> None:
            of_part = weights[places]
            more = part.gram(some, of_part, bordered=bordered, single=single)
            np.add(out, more, out=out)

        self._visit_some(rows, add)
        return out

    def inner_products(
        self, rows: IndexArray, others: IndexArray | None = None
    ) -> Float64Array:
        if others is None:
            return self._gathered(rows).inner_products(np.arange(len(rows)))
        both = self._gathered(np.concatenate([rows, others]))
        places = np.arange(len(rows) + len(others))
        return both.inner_products(places[: len(rows)], places[len(rows) :])

    def subset(self, rows: IndexArray) -> Rows:
        return self._gathered(rows)

    def _keep(self, rows: IndexArray) -> None:
        # `subset` gathers rows in place of that.
        raise NotImplementedError("rows that are read in batches are not restricted")

    def columns(self, chosen: IndexArray) -> Rows:
        return MemoryRows(self.copy_with(chosen), None, self.check_cancelled, self.team)

    def few(self, count: int) -> Rows:
        # Those that the first pass has kept.
        return MemoryRows(self._shape.few, None, self.check_cancelled, self.team)

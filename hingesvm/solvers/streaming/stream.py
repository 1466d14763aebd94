"""A stream: rows are seen once, in batches, and a bounded number of them is kept.

From time to time Newton steps solve the problem of all stored rows. Wide rows are swept
over instead, each batch together with stored rows, as LASVM processes a new row and
reprocesses old ones (Bordes, Ertekin, Weston and Bottou, "Fast kernel classifiers with
online and active learning", JMLR 6, 2005). Rows far from their kinks are frozen where
there is no room for them: their losses stay linear.

The dual value of all rows, the frozen ones too, is a lower bound of the minimum.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hingesvm.losses import MarginLoss
from hingesvm.penalties import ColumnPenalty
from hingesvm.problems.binary import Problem
from hingesvm.problems.penalized import problem_of
from hingesvm.problems.values import InterceptRule
from hingesvm.rows.columns import entries_above, mean_squares, unit_factors
from hingesvm.rows.contract import Rows
from hingesvm.rows.stored import StoredRows
from hingesvm.solvers import check_range
from hingesvm.solvers.streaming.lane import Lane
from hingesvm.solvers.survey import survey_rows
from hingesvm.solvers.sweeping.steps import WIDE, random_bits, work_of_sweep

__all__ = ["Stream"]

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

# Rows that are stored (docs/experiments.md#streams).
# Bytes at most, and rows: of tables, and of wide rows. More of them take time, with
# fewer of them rows are frozen on the wrong side.
_MOST_BYTES, _MOST_ROWS, _MOST_ROWS_IF_WIDE = 64 << 20, 50_000, 17_000
# Part by which there may be more before some are dropped, as each time takes a pass
# over them; and rows of each class that stay, at least.
_SLACK, _LEAST_OF_CLASS = 0.5, 200
# Part of these that may be a random sample of frozen rows: a large one leaves less room
# for the others, a small one is noise where rows do not come in random order.
_SAMPLE = 0.4
# Part of the live rows that are those of columns with few large entries, and what these
# are, in units of the root of the mean square of the column.
_RARE, _LARGE = 0.25, 3.0
# Stands for no difference of two distances.
_TIE = 1e-9

# Work (docs/experiments.md#streams).
# Wide rows that are swept over again with those of a batch, in units of these, and
# sweeps: more of them take time, with fewer of them the model is less good.
_AGAIN, _SWEEPS = 20.0, 1.5
# Work of sweeps that a first batch of wide rows may take, and sweeps at most: with less
# of it the model of few rows is far off, with more the call takes longer.
_FREE_IF_WIDE, _FREE_SWEEPS = 5e5, 100.0
# Part of all rows that is new before Newton steps are taken, and factor of their number
# after which they are taken in any case. Work of Newton steps for each unit of a sweep
# over the new rows, and for each batch besides.
_GROWTH, _LARGEST_GROWTH, _WORK, _WORK_OF_BATCH = 0.1, 2.0, 8.0, 1e6
# Work that need not be earned, for each batch and each row, of tables of few columns:
# with more of it tables take long, with less few rows are not settled at once.
_FREE_OF_BATCH, _FREE_OF_ROW, _FEW_COLUMNS = 2e6, 5e3, 64
# The same for each row while so few rows, and rows times columns, are stored: with more
# of it short streams take long, with less they lack their last rows.
_FREE_IF_FEW, _FEW_ROWS, _FEW_VALUES = 2e5, 10_000, 250_000
# Relative gap above which rows since the last Newton steps call for others, while all
# rows are stored, and later: a small one takes steps in vain, a large one is an error.
_OUTDATED, _OUTDATED_IF_FROZEN = 1e-3, 2e-2
# One row of how many tells of the scales of columns: of more the first ones tell alone.
_JUDGES = 8


class Stream:
    """What is known of a stream.

    Parameters
    ----------
    n_features, n_lanes : int
        One problem for two classes, else one for each class.
    loss : MarginLoss
    rule : {"none", "penalized", "free"}
    seed : int
        Of the order of rows, and of samples.
    penalty : ColumnPenalty, optional
        Default: half of the squared norm.

    Attributes
    ----------
    lanes : list of Lane
    """

    def __init__(
        self,
        n_features: int,
        n_lanes: int,
        loss: MarginLoss,
        rule: InterceptRule,
        seed: int,
        penalty: ColumnPenalty | None = None,
    ) -> None:
        self.lanes = [Lane.new(n_features) for _ in range(n_lanes)]
        self._loss, self._rule, self._penalty = loss, rule, penalty
        self._random, self._keys = random_bits(seed), np.random.default_rng(seed)
        self._is_wide = n_features > WIDE
        self._stored: StoredRows | None = None
        self._codes = np.empty(0, np.intp)
        # Of each stored row: its cost, a random number, and whether it is frozen.
        self._cost, self._key = np.empty((2, 0))
        self._is_frozen = np.empty(0, np.bool_)
        self._n_frozen, self._longest = 0, 0.0
        # How far margins move, of the first rows; factors of columns, and from how many
        # rows these are known.
        self._reach = np.empty(0, np.float32)
        self._scales = self._squares = np.zeros(n_features)
        self._n_judged = self._n_scaled = 0
        # Rows of each class, and as many as there were when it was last settled.
        n_classes = max(n_lanes, 2)
        self._sizes, self._settled = np.zeros((2, n_classes))
        self._credit = self._price = 0.0

    def copy(self) -> Stream:
        """Return a copy to which rows can be added while this one stays as it is."""
        other = Stream.__new__(Stream)
        vars(other).update(vars(self))
        other.lanes = [replace(lane) for lane in self.lanes]
        other._random = self._random.copy()
        other._keys = np.random.default_rng(0)
        other._keys.bit_generator.state = self._keys.bit_generator.state
        if self._stored is not None:
            other._stored = self._stored.copy()
        return other

    def add(self, rows: Rows, codes: IndexArray, cost: Float64Array) -> None:
        """Learn from rows.

        Parameters
        ----------
        rows : Rows
            At least one; copied.
        codes : ndarray of intp, of shape (n_rows,)
            Their classes, from 0.
        cost : ndarray of float64, of shape (n_rows,)
            Positive.

        Raises
        ------
        ValueError
            If values are so large that their squares overflow.
        """
        signs = np.ones(rows.n_rows, np.int8)
        check_range(Problem.build(rows, signs, cost, self._loss, self._rule))
        stored, before = self._store(rows, codes, cost), len(self._codes) - rows.n_rows
        work = _WORK * work_of_sweep(rows) + _WORK_OF_BATCH
        self._credit += len(self.lanes) * work
        for number, lane in enumerate(self.lanes):
            lane.add(rows.n_rows)
            whole = self._problem(stored, number)
            if self._is_one_sided(whole):
                lane.stand_still(int(whole.signs[0]))
                continue
            if lane.is_begun:
                lane.meet(whole.subset(np.arange(before, whole.n_rows)))
            if self._is_wide:
                self._sweep(lane, whole, before)
        free = len(self.lanes) * _free_work(stored, rows.n_rows)
        is_due = self._is_due(free)
        if is_due:
            self._settle(stored, free)
        most = _MOST_ROWS_IF_WIDE if self._is_wide else _MOST_ROWS
        limit = min(most, int(_MOST_BYTES / self._row_bytes()))
        is_full = len(self._codes) > (1.0 + _SLACK) * limit
        if is_full or is_due:
            self._look(stored, limit if is_full else len(self._codes))

    def _store(self, rows: Rows, codes: IndexArray, cost: Float64Array) -> Rows:
        """Copy rows below the stored ones, and return all of them."""
        if self._stored is None:
            self._stored = StoredRows(rows.n_features, rows.is_sparse, rows.dtype)
        self._stored.add(rows)
        self._codes = np.concatenate([self._codes, codes])
        self._cost = np.concatenate([self._cost, cost])
        nothing = np.zeros(rows.n_rows, np.bool_)
        self._is_frozen = np.concatenate([self._is_frozen, nothing])
        self._key = np.concatenate([self._key, self._keys.random(rows.n_rows)])
        self._longest = max(self._longest, rows.longest())
        if not self._is_wide:
            some = np.arange(0, rows.n_rows, _JUDGES, dtype=np.intp)
            self._squares = self._squares + len(some) * mean_squares(rows, some)
            self._n_judged += len(some)
        self._sizes = self._sizes + np.bincount(codes, minlength=len(self._sizes))
        return self._stored.rows()

    def _row_bytes(self) -> float:
        """Return the bytes of a stored row, those of all problems counted."""
        assert self._stored is not None
        return self._stored.row_bytes + 8.0 * (4 + 2 * len(self.lanes))

    def _problem(self, rows: Rows, number: int) -> Problem:
        """Return the problem of the stored rows, those frozen left out."""
        positive = 1 if len(self.lanes) == 1 else number
        signs = np.where(self._codes == positive, 1, -1).astype(np.int8)
        return problem_of(
            rows, signs, self._cost, self._loss, self._rule, self._penalty
        )

    def _is_one_sided(self, whole: Problem) -> bool:
        """Whether all rows so far have one sign, and a free intercept that fits them.

        Some rows of each class are always stored.
        """
        signs = whole.signs
        return self._rule == "free" and bool(np.all(signs == signs[0]))

    def _sweep(self, lane: Lane, whole: Problem, before: int) -> None:
        """Sweep over the new wide rows, behind `before` others, and some of these."""
        new = np.arange(before, whole.n_rows, dtype=np.intp)
        old = lane.awake(before, int(_AGAIN * len(new)))
        some = np.concatenate([old, new])
        n_sweeps = _SWEEPS
        if not before:
            free = _FREE_IF_WIDE / max(work_of_sweep(whole.rows), 1.0)
            n_sweeps = max(n_sweeps, min(free, _FREE_SWEEPS))
        lane.sweep(whole, some, n_sweeps, self._random)

    def lower_bound(self) -> float:
        """Return a proven lower bound of the least objective over all rows so far.

        Where there are new rows since Newton steps were taken, a copy takes them. The
        dual variables of wide rows are those of the sweeps.
        """
        other = self.copy()
        if other._stored is not None:
            stored = other._stored.rows()
            if self._is_wide:
                for number, lane in enumerate(other.lanes):
                    whole = other._problem(stored, number)
                    lane.add_up(whole)
                    lane.prove(whole, self._longest)
            elif np.any(self._sizes > self._settled):
                other._settle(stored, 0.0)
        return float(sum(lane.lower_bound for lane in other.lanes))

    def _is_due(self, free: float) -> bool:
        """Whether it is time to settle, of which so much work need not be earned."""
        if self._is_wide:
            return False
        if np.any(self._sizes > _LARGEST_GROWTH * self._settled):
            return True
        price = self._price * float(self._sizes.sum() / max(self._settled.sum(), 1.0))
        gap = max(lane.relative_gap for lane in self.lanes)
        if self._n_frozen:
            if price <= free and gap > _OUTDATED_IF_FROZEN:
                return True
        elif price <= max(self._credit, free):
            return gap > _OUTDATED
        if not np.any(self._sizes >= (1.0 + _GROWTH) * self._settled):
            return False
        return self._credit >= price

    def _settle(self, stored: Rows, free: float) -> None:
        """Solve the problems of stored rows, and count what that takes."""
        self._settled, self._price = self._sizes, 0.0
        live, sample = np.flatnonzero(~self._is_frozen), np.flatnonzero(self._is_frozen)
        ratio = self._n_frozen / max(len(sample), 1)
        for number, lane in enumerate(self.lanes):
            whole = self._problem(stored, number)
            if self._is_one_sided(whole):
                continue
            work = lane.settle(whole, live, sample, ratio)
            lane.prove(whole, self._longest)
            self._price += work
        self._credit -= max(self._price - free, 0.0)

    def _look(self, stored: Rows, limit: int) -> None:
        """See which rows are near their kinks, and keep so many of them."""
        reach = self._reach_of(stored)
        near = np.full(stored.n_rows, np.inf)
        sides = np.zeros(stored.n_rows, np.bool_)
        shortfalls: dict[int, Float64Array] = {}
        for number, lane in enumerate(self.lanes):
            whole = self._problem(stored, number)
            if self._is_one_sided(whole):
                continue
            far, shortfalls[number] = lane.distances(
                whole, reach, keeps_misplaced=self._is_wide
            )
            sides = np.where(far < near, shortfalls[number] > 0.0, sides)
            near = np.minimum(near, far)
        if limit < stored.n_rows:
            self._drop(
                stored, self._chosen(stored, near, sides, limit), limit, shortfalls
            )

    def _reach_of(self, stored: Rows) -> NDArray[np.float32]:
        """Return how far the margins of rows move: their norms, if rows are wide."""
        if self._is_wide:
            return np.sqrt(stored.squared_norms()).astype(np.float32)
        if self._n_judged >= 2.0 * self._n_scaled:
            mean = self._squares / self._n_judged
            self._scales = unit_factors(mean, self._n_judged)
            self._n_scaled, self._reach = self._n_judged, self._reach[:0]
        new = np.arange(len(self._reach), stored.n_rows, dtype=np.intp)
        reach = np.empty(len(new), np.float32)
        if len(new):
            part = self._problem(stored, 0).subset(new)
            scales = self._scales.astype(stored.dtype)
            nothing = np.zeros(len(new))
            w = self.lanes[0].weights
            survey_rows(part, w, 0.0, nothing, scales=scales, reach=reach)
            self._reach = np.concatenate([self._reach, reach])
        return self._reach

    def _chosen(
        self, stored: Rows, near: Float64Array, sides: BoolArray, limit: int
    ) -> BoolArray:
        """Return which rows stay live: the nearest ones, and some of each class."""
        room = limit - self._largest_sample(limit)
        near = np.where(self._is_frozen, np.inf, near)
        # Rows that are equally near, as all those of one class, stay by chance: not by
        # that of the sample, which would then not be one of all frozen rows.
        near = near + _TIE * self._keys.random(len(near))
        is_live = np.zeros(len(near), dtype=np.bool_)
        if not self._is_wide:
            is_live[self._of_rare_columns(stored, near, sides, int(_RARE * room))] = (
                True
            )
        n_others = max(room - int(np.count_nonzero(is_live)), 0)
        others = np.flatnonzero(~is_live)
        if n_others < len(others):
            others = others[np.argpartition(near[others], n_others)[:n_others]]
        is_live[others] = True
        for code in np.unique(self._codes):
            of_class = np.flatnonzero(self._codes == code)
            if np.count_nonzero(is_live[of_class]) < _LEAST_OF_CLASS:
                order = np.argsort(near[of_class], kind="stable")
                is_live[of_class[order[:_LEAST_OF_CLASS]]] = True
        return is_live & ~self._is_frozen

    def _of_rare_columns(
        self, stored: Rows, near: Float64Array, sides: BoolArray, most: int
    ) -> IndexArray:
        """Return the rows nearest to their kinks of those with large entries.

        So many of each column and either side that there are `most` in all. Without
        them nothing holds the weights of columns that few rows have.
        """
        everyone = np.flatnonzero(~self._is_frozen)
        limits = _LARGE / np.maximum(self._scales, 1e-300)
        places, columns = entries_above(stored, everyone, limits)
        rows = everyone[places]
        group = 2 * columns + sides[rows]
        order = np.lexsort((near[rows], group))
        rows, group = rows[order], group[order]
        first = np.flatnonzero(np.diff(group, prepend=-1))
        if not len(first):
            return everyone[:0]
        rank = np.arange(len(rows)) - np.repeat(first, np.diff([*first, len(rows)]))
        return np.unique(rows[rank < max(most // len(first), 1)])

    def _largest_sample(self, limit: int) -> int:
        """Return how many frozen rows may be stored; wide rows need none."""
        return 0 if self._is_wide else int(_SAMPLE * limit)

    def _drop(
        self,
        stored: Rows,
        is_live: BoolArray,
        limit: int,
        shortfalls: dict[int, Float64Array],
    ) -> None:
        """Freeze the rows that are not to stay live, and drop all but a sample."""
        gone = np.flatnonzero(~(is_live | self._is_frozen))
        # None are gone where there is room for fewer rows than some of each class.
        for number, lane in enumerate(self.lanes if len(gone) else ()):
            part = self._problem(stored, number).subset(gone)
            alpha = lane.alpha[gone]
            if not self._is_wide and number in shortfalls:
                # Sweeps leave others, by which weights would be drawn away.
                alpha = part.slopes(shortfalls[number][gone])
            lane.freeze(part, alpha, gone)
        self._n_frozen += len(gone)
        frozen = np.flatnonzero(~is_live)
        # Those with the least keys are a random sample of all that were ever frozen.
        frozen = frozen[np.argsort(self._key[frozen], kind="stable")]
        is_kept = is_live.copy()
        is_kept[frozen[: self._largest_sample(limit)]] = True
        kept = np.flatnonzero(is_kept)
        for lane in self.lanes:
            lane.keep(kept)
        assert self._stored is not None
        self._stored.keep(is_kept)
        self._is_frozen = ~is_live[kept]
        self._codes, self._key = self._codes[kept], self._key[kept]
        self._cost = self._cost[kept]
        if not self._is_wide:
            self._reach = self._reach[kept]
            return
        for number, lane in enumerate(self.lanes):
            # So that rounding errors of many steps do not pile up.
            lane.add_up(self._problem(self._stored.rows(), number))


def _free_work(stored: Rows, n_new: int) -> float:
    """Return the work of Newton steps that a batch of so many rows need not earn."""
    count, width = stored.n_rows, stored.n_features
    if count <= _FEW_ROWS and count * width <= _FEW_VALUES:
        return _FREE_OF_BATCH + _FREE_IF_FEW * n_new
    if width <= _FEW_COLUMNS:
        return _FREE_OF_BATCH + _FREE_OF_ROW * n_new
    return 0.0

"""A stream: rows are seen once, in batches, and a bounded number of them is kept.

Each batch is swept over together with stored rows near their kinks, as LASVM processes
a new row and reprocesses old ones (Bordes, Ertekin, Weston and Bottou, "Fast kernel
classifiers with online and active learning", JMLR 6, 2005). From time to time Newton
steps solve the problem of all stored rows; wide rows are swept over instead. Rows far
from their kinks are frozen where there is no room for them: their losses stay linear.

The dual value of all rows, the frozen ones too, is a lower bound of the minimum.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hingesvm.losses import MarginLoss
from hingesvm.problems.binary import Problem
from hingesvm.problems.values import InterceptRule
from hingesvm.rows.columns import mean_squares
from hingesvm.rows.contract import Rows
from hingesvm.rows.stored import StoredRows
from hingesvm.solvers.streaming.lane import Lane
from hingesvm.solvers.sweeping.steps import WIDE, random_bits, work_of_sweep

__all__ = ["Stream"]

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

# Rows that are stored (docs/experiments.md#streams).
# Bytes and rows at most: more of them take time, with less of them rows are frozen on
# the wrong side. Part by which there may be more before some are dropped, as each time
# takes a pass over them. Of each class, at least.
_MOST_BYTES, _MOST_ROWS, _SLACK, _LEAST_OF_CLASS = 32 << 20, 40_000, 0.5, 200
# Rows of a random sample of all, to judge weights by, and part of the stored rows that
# it may be.
_MEMBERS, _PART_OF_MEMBERS = 2000, 0.2

# Work (docs/experiments.md#streams).
# Rows that are swept over again with those of a batch, in units of these, and sweeps:
# of tables, and of wide rows.
_AGAIN, _SWEEPS = 1.0, 3.0
_AGAIN_IF_WIDE, _SWEEPS_IF_WIDE = 20.0, 2.0
# Part of all rows that is new before Newton steps are taken, and factor of their number
# after which they are taken in any case. Work of Newton steps for each unit of a sweep
# over the new rows, and for each batch besides.
_GROWTH, _LARGEST_GROWTH, _WORK, _WORK_OF_BATCH = 0.1, 2.0, 8.0, 1e6
# Work that Newton steps may take beyond what is left, once they are begun.
_CREDIT = 1e9
# Rows by which the scales of columns are judged.
_SEEN = 1000


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
    ) -> None:
        self.lanes = [Lane.new(n_features) for _ in range(n_lanes)]
        self._loss, self._rule = loss, rule
        self._random, self._keys = random_bits(seed), np.random.default_rng(seed)
        self._is_wide = n_features > WIDE
        self._stored: StoredRows | None = None
        self._codes = np.empty(0, np.intp)
        # Costs, those that rows have of themselves, and a random number of each row.
        self._cost, self._own_cost, self._key = np.empty((3, 0))
        self._total_cost = self._longest = 0.0
        self._heaviest = 1.0
        self._n_seen = self._n_settled = 0
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
        """
        stored, before = self._store(rows, codes, cost), len(self._codes) - rows.n_rows
        self._credit += _WORK * work_of_sweep(rows) + _WORK_OF_BATCH
        is_due = self._is_due()
        for number, lane in enumerate(self.lanes):
            lane.add(rows.n_rows)
            whole = self._problem(stored, number)
            if self._is_one_sided(whole):
                lane.stand_still(int(whole.signs[0]))
                continue
            if self._is_wide or lane.is_begun:
                self._sweep(lane, whole, before)
            lane.prove(whole, self._longest, self._heaviest)
        if is_due:
            self._settle(stored)
        limit = min(_MOST_ROWS, int(_MOST_BYTES / self._row_bytes()))
        is_full = len(self._codes) > (1.0 + _SLACK) * limit
        if is_full or (is_due and not self._is_wide):
            self._look(stored, limit if is_full else len(self._codes))

    def _store(self, rows: Rows, codes: IndexArray, cost: Float64Array) -> Rows:
        """Copy rows below the stored ones, and return all of them."""
        if self._stored is None:
            self._stored = StoredRows(rows.n_features, rows.is_sparse, rows.dtype)
        self._stored.add(rows)
        self._codes = np.concatenate([self._codes, codes])
        self._cost = np.concatenate([self._cost, cost])
        self._own_cost = np.concatenate([self._own_cost, cost])
        self._key = np.concatenate([self._key, self._keys.random(rows.n_rows)])
        self._total_cost += float(cost.sum())
        self._longest = max(self._longest, rows.longest())
        self._n_seen += rows.n_rows
        return self._stored.rows()

    def _row_bytes(self) -> float:
        """Return the bytes of a stored row, those of all problems counted."""
        assert self._stored is not None
        return self._stored.row_bytes + 8.0 * (4 + 2 * len(self.lanes))

    def _problem(self, rows: Rows, number: int) -> Problem:
        """Return the problem of the stored rows, those frozen left out."""
        positive = 1 if len(self.lanes) == 1 else number
        signs = np.where(self._codes == positive, 1, -1).astype(np.int8)
        return Problem.build(rows, signs, self._cost, self._loss, self._rule)

    def _is_one_sided(self, whole: Problem) -> bool:
        """Whether all rows so far have one sign, and a free intercept that fits them.

        Some rows of each class are always stored.
        """
        signs = whole.signs
        return self._rule == "free" and bool(np.all(signs == signs[0]))

    def _sweep(self, lane: Lane, whole: Problem, before: int) -> None:
        """Sweep over the new rows, behind `before` others, and some of these."""
        count = whole.n_rows - before
        new = np.arange(before, whole.n_rows, dtype=np.intp)
        if self._is_wide:
            old = lane.awake(before, int(_AGAIN_IF_WIDE * count))
        else:
            old = np.sort(lane.near[: int(_AGAIN * count)])
        some = np.concatenate([old, new])
        sweeps = _SWEEPS_IF_WIDE if self._is_wide else _SWEEPS
        lane.sweep(whole, some, sweeps, self._random, shrinks=self._is_wide)
        if self._is_wide:
            lane.follow_duals(self._rule)

    def _is_due(self) -> bool:
        """Whether it is time to settle."""
        if self._n_seen < (1.0 + _GROWTH) * self._n_settled:
            return False
        if self._is_wide or self._n_seen >= _LARGEST_GROWTH * self._n_settled:
            return True
        price = self._price * self._n_seen / self._n_settled
        return self._credit >= price

    def _settle(self, stored: Rows) -> None:
        """Solve the problems of stored rows; of wide ones, add up their sums anew."""
        self._n_settled, self._price = self._n_seen, 0.0
        for number, lane in enumerate(self.lanes):
            whole = self._problem(stored, number)
            if self._is_one_sided(whole):
                continue
            if self._is_wide:
                lane.add_up(whole)
                lane.follow_duals(self._rule)
                continue
            budget = max(self._credit, 0.0) + _CREDIT
            work = lane.settle(whole, budget, self._members(whole))
            lane.prove(whole, self._longest, self._heaviest)
            self._credit -= work
            self._price += work

    def _members(self, whole: Problem) -> Problem:
        """Return the problem of a random sample of all rows, of the costs of all.

        Rows with the least keys are always stored.
        """
        count = min(_MEMBERS, len(self._key))
        some = np.sort(np.argpartition(self._key, count - 1)[:count])
        factor = self._total_cost / float(self._own_cost[some].sum())
        own = replace(whole, cost=self._own_cost)
        costs = self._own_cost
        own = Problem.build(whole.rows, whole.signs, costs, self._loss, self._rule)
        return own.subset(some, factor)

    def _look(self, stored: Rows, limit: int) -> None:
        """See which rows are near their kinks, and keep so many of them."""
        reach = self._reach(stored)
        near = np.full(stored.n_rows, np.inf)
        shortfalls: dict[int, Float64Array] = {}
        for number, lane in enumerate(self.lanes):
            whole = self._problem(stored, number)
            if self._is_one_sided(whole):
                continue
            far, shortfalls[number] = lane.distances(
                whole, reach, keeps_misplaced=self._is_wide
            )
            near = np.minimum(near, far)
            if not self._is_wide:
                lane.near = np.argsort(far, kind="stable")[: int(_SEEN * _AGAIN)]
        if limit >= stored.n_rows:
            return
        if shortfalls:
            is_kept = self._nearest(near, limit)
        else:
            is_kept = self._thinned(limit)
        self._drop(stored, is_kept, shortfalls)

    def _reach(self, stored: Rows) -> NDArray[np.float32]:
        """Return how far the margins of rows move."""
        return np.sqrt(stored.squared_norms()).astype(np.float32)

    def _nearest(self, near: Float64Array, limit: int) -> BoolArray:
        """Return the rows to be kept: the nearest ones, and some others."""
        is_kept = np.zeros(len(near), dtype=np.bool_)
        is_kept[np.argpartition(near, limit)[:limit]] = True
        for code in np.unique(self._codes):
            of_class = np.flatnonzero(self._codes == code)
            order = np.argsort(near[of_class], kind="stable")
            is_kept[of_class[order[:_LEAST_OF_CLASS]]] = True
        count = min(_MEMBERS, int(_PART_OF_MEMBERS * limit))
        is_kept[np.argpartition(self._key, count)[:count]] = True
        return is_kept

    def _thinned(self, limit: int) -> BoolArray:
        """Return a random sample of rows of one sign, which stands for all of them.

        No row is nearer to its kink than another. A kept row has the costs of several.
        """
        is_kept = np.zeros(len(self._key), dtype=np.bool_)
        is_kept[np.argpartition(self._key, limit)[:limit]] = True
        factor = self._total_cost / float(self._own_cost[is_kept].sum())
        self._cost = np.where(is_kept, factor * self._own_cost, self._cost)
        self._heaviest = max(self._heaviest, factor)
        return is_kept

    def _drop(
        self, stored: Rows, is_kept: BoolArray, shortfalls: dict[int, Float64Array]
    ) -> None:
        """Freeze the rows that are not kept."""
        gone, kept = np.flatnonzero(~is_kept), np.flatnonzero(is_kept)
        for number, lane in enumerate(self.lanes):
            part = self._problem(stored, number).subset(gone)
            alpha = lane.alpha[gone]
            if not self._is_wide and number in shortfalls:
                # Sweeps leave others, by which weights would be drawn away.
                alpha = part.slopes(shortfalls[number][gone])
            lane.freeze(part, alpha, gone, kept)
        assert self._stored is not None
        self._stored.keep(is_kept)
        self._codes, self._key = self._codes[kept], self._key[kept]
        self._cost, self._own_cost = self._cost[kept], self._own_cost[kept]

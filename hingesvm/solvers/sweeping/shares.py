"""Sweeps that the members of a team share: each takes steps at rows of its own.

A member works on a copy of the weights. Once or a few times in a sweep the members meet
and the changes of all are added up (Jaggi et al., "Communication-efficient distributed
dual coordinate ascent", NeurIPS 2014), which gives the same bits on any number of
threads. Changes that are alike would together go too far, so steps are shortened by how
alike the last ones were: the squared norm of their sum over the sum of their squared
norms, which is 1 where they are orthogonal and the number of members where they are the
same (the safe choice of Ma et al., "Adding vs. averaging in distributed primal-dual
optimization", ICML 2015). What the rows of one member want and those of another do not
is only settled when they meet, so the rows are dealt out anew for each sweep (Ioannou,
Mendler-Duenner and Parnell, "SySCD: A system-aware parallel coordinate descent
algorithm", NeurIPS 2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.rows.contract import Rows
from hingesvm.rows.divided import WORK_OF_STEP
from hingesvm.rows.shared import SharedPlan
from hingesvm.solvers.sweeping.steps import (
    FEW_BYTES,
    LEAST_SWEEP,
    SAFELY,
    WIDE,
    Sweeps,
    random_bits,
)

__all__ = ["Shares", "can_be_shared", "deal", "sweep_in_shares"]

# How often members meet in a sweep: often costs time, seldom costs sweeps, as each goes
# on from what the others no longer are
# (docs/experiments.md#one-problem-several-threads).
# Entries for each column that a member handles in a sweep, at least, and those that it
# handles between two meetings.
_LEAST_ENTRIES, _ENTRIES_PER_RANGE = 1.0, 16.0
# Ranges of a sweep, at most, unless they would take too long.
_MOST_RANGES = 8
# Ranges for each member beyond two, at least.
_RANGES_PER_MEMBER = 3
# Part of the last factor by which steps are shortened that remains at least.
_HOLD = 0.9
# Members of a team that share sweeps at most: with more, sweeps are so many more that
# nothing is gained.
_MOST_MEMBERS = 8
# Active rows that go to a member together, as neighbours share lines of the cache.
_BUCKET = 128

# Numbers in a line of the cache.
_LINE = 8
# Bytes for the copies of the weights, as a part of those of X: a bound of memory.
_LARGEST_PART = 0.5
# Stands for rows that were not dealt.
_NO_BUCKETS = np.empty(0, dtype=np.intp)


@dataclass
class Shares:
    """What the members keep.

    Attributes
    ----------
    copies : ndarray, of shape (n_members, at least n_features)
        The weights of each; without columns until rows are dealt.
    sizes : ndarray of intp, of shape (n_buckets,)
        The active rows of each bucket.
    decks : ndarray of intp, of shape (n_members, n_buckets)
        The order of the buckets.
    hands : ndarray of intp, of shape (n_rows,)
        The order of each member's rows.
    is_kept : ndarray of uint8, of shape (n_rows,)
    board : ndarray of float64, of shape (n_members, 8)
        What each tells the others.
    random_state : ndarray of uint64, of shape (n_members, 8)
    spread : float
        By how much steps are shortened.
    """

    copies: NDArray[np.floating]
    hands: NDArray[np.intp]
    is_kept: NDArray[np.uint8]
    board: NDArray[np.float64]
    random_state: NDArray[np.uint64]
    spread: float
    sizes: NDArray[np.intp] = field(default_factory=lambda: _NO_BUCKETS)
    decks: NDArray[np.intp] = field(default_factory=lambda: _NO_BUCKETS)

    @property
    def bucket(self) -> int:
        """Places in the order of rows from one bucket to the next."""
        return _BUCKET

    @property
    def size(self) -> int:
        """Number of members."""
        return len(self.copies)

    @classmethod
    def build(cls, rows: Rows, dtype: np.dtype[np.floating], seed: int) -> Shares:
        """Make room for the members of the team."""
        size = min(rows.team.size, _MOST_MEMBERS)
        random_state = np.zeros((size, _LINE), dtype=np.uint64)
        random_state[:, 0] = random_bits(seed)
        random_state[:, 1] = [random_bits(seed + 1 + k)[0] for k in range(size)]
        return cls(
            np.empty((size, 0), dtype=dtype),
            np.empty(rows.n_rows, dtype=np.intp),
            np.empty(rows.n_rows, dtype=np.uint8),
            np.zeros((size, _LINE)),
            random_state,
            float(size),
        )

    def make_room(self, rows: Rows) -> bool:
        """Make room for the copies; False if they would take too much."""
        line = 2 * _LINE
        width = -(-rows.n_features // line) * line
        if self.copies.shape[1] < width:
            limit = max(_LARGEST_PART * rows.n_bytes, FEW_BYTES)
            if self.size * width * self.copies.itemsize > limit:
                return False
            self.copies = np.empty((self.size, width), dtype=self.copies.dtype)
        return True


def can_be_shared(rows: Rows) -> bool:
    """Whether sweeps over these rows can gain from a team."""
    is_wide = rows.is_sparse and rows.n_features >= WIDE
    return rows.team.size > 1 and is_wide and rows.shared() is not None


def deal(problem: Problem, state: Sweeps, shares: Shares) -> bool:
    """Give the active rows to the members; False if they are too few to share.

    The active rows are in ascending order.
    """
    rows, size = problem.rows, shares.size
    per_row = rows.n_entries / max(problem.n_rows, 1)
    if state.n_active * per_row < size * _LEAST_ENTRIES * rows.n_features:
        return False
    if not shares.make_room(rows):
        return False
    n_buckets = -(-state.n_active // _BUCKET)
    shares.sizes = np.full(n_buckets, _BUCKET, dtype=np.intp)
    shares.sizes[-1] = state.n_active - (n_buckets - 1) * _BUCKET
    shares.decks = np.tile(np.arange(n_buckets, dtype=np.intp), (size, 1))
    return True


def sweep_in_shares(
    problem: Problem, state: Sweeps, shares: Shares, most: float, enough: float
) -> float:
    """Sweep over the active rows, as `sweep` does, all members together."""
    rows, n_rows, size = problem.rows, problem.n_rows, shares.size
    shared = rows.shared()
    assert shared is not None
    per_member = max(1.0, state.n_active / size)
    at_once = rows.chunk_size(WORK_OF_STEP)
    per_row = rows.n_entries / n_rows
    wanted = round(per_member * per_row / (_ENTRIES_PER_RANGE * rows.n_features))
    wanted = max(min(wanted, _MOST_RANGES), _RANGES_PER_MEMBER * (size - 2))
    n_ranges = max(1, wanted, int(per_member / at_once) + 1)
    visits = 0.0
    scalars = np.array(
        [state.intercept, state.shrink_above, state.imbalance, shares.spread, 0.0, 0.0]
    )
    plan = SharedPlan(
        n_ranges,
        size * at_once,
        LEAST_SWEEP * n_rows,
        SAFELY,
        enough,
        problem.intercept_rule == "penalized",
        math.sqrt(2.0 / size),
        _HOLD,
    )
    is_within = True
    while is_within:
        scalars[-1] = 0.0
        plan = replace(plan, n_visits=min(most * n_rows - visits, size * at_once))
        shared.sweeps(problem, state, shares, plan, scalars)
        visits += float(scalars[-1])
        is_within = scalars[4] > 0.0
    state.intercept, state.shrink_above, state.imbalance, shares.spread = map(
        float, scalars[:4]
    )
    state.n_active = int(shares.sizes.sum())
    return visits / n_rows

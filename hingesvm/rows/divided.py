"""How work on rows is divided: into chunks of some milliseconds, and among threads."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hingesvm.rows.team import Team

__all__ = ["DENSE_SPEEDUP", "WORK_OF_STEP", "Divided"]

_T = TypeVar("_T")

#: Arithmetic of a step at a row for each of its values, as `Divided.chunks` counts it:
#: if it is too high sweeps seem dear, and Newton steps begin too soon
#: (docs/experiments.md#which-method-when).
WORK_OF_STEP = 3.0

# Entries of X handled between two looks for an interrupt, some milliseconds: more make
# Ctrl-C wait, fewer make calls (docs/experiments.md#builds-sums-and-interrupts).
_ENTRIES_PER_CHUNK = 1 << 21
# Entries that a thread of a team handles, at least: to ask it takes as long as 20,000,
# so fewer are slower than one thread (docs/experiments.md#one-problem-several-threads).
_ENTRIES_PER_SHARE = 1 << 17
# The same for each column, where each share has an array of sums over rows: all these
# arrays then have at most a quarter as many numbers as X has entries.
_ENTRIES_PER_SUM = 4

# Prices of Newton steps: if they are too high sweeps go on for too long, if too low
# they are left too soon (docs/experiments.md#which-method-when).
#: Multiply-adds of dense linear algebra in the time of one of sparse one.
DENSE_SPEEDUP = 8.0
# How much more often two sparse rows have a column in common than if columns were
# alike, with the slowness of their products (docs/experiments.md#constants).
_CROWDING = 8.0


class Divided(ABC):
    """Rows of which ranges are worked on, one after the other or by a team.

    Attributes
    ----------
    n_rows, n_features : int
    n_entries : int
        Number of stored values.
    is_sparse : bool
    check_cancelled : callable
        Called at each chunk; may raise.
    team : Team
        Threads that share long work.
    """

    n_rows: int
    n_features: int
    n_entries: int
    is_sparse: bool
    check_cancelled: Callable[[], None]
    team: Team

    def chunk_size(self, work: float = 1.0) -> int:
        """Return how many rows make up a few milliseconds of work.

        `work` is the arithmetic for one stored value, a multiply-add being 1.
        """
        per_row = max(self.n_entries / max(self.n_rows, 1), 8.0) * work
        return max(1, int(_ENTRIES_PER_CHUNK / per_row))

    def chunks(
        self, count: int, work: float = 1.0, first: int = 0
    ) -> Iterator[tuple[int, int]]:
        """Yield ranges that cover the rows up to `count`, each a few ms of work.

        Parameters
        ----------
        count : int
            Number of rows to cover, or where they end.
        work : float, default=1.0
            Arithmetic for one stored value, a multiply-add being 1.
        first : int, default=0
            Where they begin.
        """
        size = self.chunk_size(work)
        for start in range(first, count, size):
            self.check_cancelled()
            self.team.check()
            yield start, min(start + size, count)

    def n_shares(self, width: int = 0) -> int:
        """Return the number of shares in which work on all rows is done.

        One for each member of the team, or one in all where they would be small; fewer
        where each has an array of `width` sums, so that these take little memory.
        """
        size = self.team.size
        if width:
            size = min(size, self.n_entries // (_ENTRIES_PER_SUM * width))
        return size if size > 1 and self.n_entries >= size * _ENTRIES_PER_SHARE else 1

    def in_shares(
        self, work: Callable[[int, int, int], _T], width: int = 0
    ) -> list[_T]:
        """Return what a function of a range of rows returns for ranges that cover all.

        Ranges follow on, and have as many entries each. The third argument is the
        number of the share. It is to go through the rows in `chunks`, so that all end
        soon after one has raised.

        Parameters
        ----------
        work : callable
        width : int, default=0
            As of `n_shares`.
        """
        size = self.n_shares(width)
        if size == 1:
            return [work(0, self.n_rows, 0)]
        edges = self._edges(size)
        return self.team.run(
            lambda k: work(int(edges[k]), int(edges[k + 1]), k), size=size
        )

    def _edges(self, size: int) -> NDArray[np.intp]:
        """Return where ranges of rows with as many entries each begin, and the end."""
        return np.linspace(0, self.n_rows, size + 1).round().astype(np.intp)

    def work_of_products(self, count: float, others: float) -> float:
        """Return the work of `inner_products` of so many rows, a multiply-add being 1.

        Of sparse rows as if each column had as many entries as every other one, or as
        dense ones, as it is for columns with many entries.
        """
        pairs = float(count) * float(others)
        if not self.is_sparse:
            return pairs * self.n_features / DENSE_SPEEDUP
        per_row = self.n_entries / max(self.n_rows, 1)
        return pairs * per_row * min(_CROWDING * per_row / self.n_features, 1.0)

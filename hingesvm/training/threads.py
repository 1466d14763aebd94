"""Calls in threads, the calling one among them; nobody polls for results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

from joblib import cpu_count, effective_n_jobs

from hingesvm.rows.team import Team

__all__ = ["map_in_threads", "team_of"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def team_of(n_jobs: int | None, most: int | None = None) -> Team:
    """Return so many members, on no more threads than there are processors.

    These are the ones that this process may use: by its affinity, and by the quota of
    its container.

    Parameters
    ----------
    n_jobs : int or None
        Number of members, as joblib takes it.
    most : int, optional
        Members that have work.
    """
    size = effective_n_jobs(n_jobs)
    if most is not None:
        size = max(1, min(size, most))
    return Team(size, cpu_count() if size > 1 else 1)


def map_in_threads(
    function: Callable[[_Item], _Result],
    items: Sequence[_Item],
    n_jobs: int | None,
    cancel: Callable[[], None],
) -> list[_Result]:
    """Return the results for all items, in their order.

    Parameters
    ----------
    function : callable
    items : sequence
        Each is given to the next thread that is free.
    n_jobs : int or None
        Number of threads, as joblib takes it; no more than there are processors.
    cancel : callable
        Called when a call fails; lets the others end soon, by an exception. The
        first exception is raised here once they have.
    """
    waiting: SimpleQueue[int] = SimpleQueue()
    for place in range(len(items)):
        waiting.put(place)
    results: dict[int, _Result] = {}
    failed = threading.Event()

    def work(_: int) -> None:
        while not failed.is_set():
            try:
                place = waiting.get_nowait()
            except Empty:
                return
            results[place] = function(items[place])

    def fail() -> None:
        failed.set()
        cancel()

    with team_of(n_jobs, len(items)) as team:
        team.run(work, fail)
    return [results[place] for place in range(len(items))]

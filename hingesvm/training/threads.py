"""Calls in several threads, the calling thread among them, without polling."""

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
    """Return a team of threads, of which no more run at once than there are processors.

    Processors are those that this process may use, by its affinity and by the quota of
    its container.

    Parameters
    ----------
    n_jobs : int or None
        Number of members of the team, as joblib takes it.
    most : int, optional
        Largest number of members, as no more have work.

    Returns
    -------
    Team
        Members share the threads if these are fewer.
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
    """Call a function with each item, in several threads.

    Parameters
    ----------
    function : callable
        Called with each item.
    items : sequence
        The next item goes to the next thread that is free.
    n_jobs : int or None
        Number of threads, as joblib takes it; no more than there are processors.
    cancel : callable
        Called when a call fails; should make the others end soon, by an exception. The
        first exception is raised here once they have ended.

    Returns
    -------
    list
        The results, in the order of the items.
    """
    waiting: SimpleQueue[int] = SimpleQueue()
    for index in range(len(items)):
        waiting.put(index)
    results: dict[int, _Result] = {}
    failed = threading.Event()

    def work(_: int) -> None:
        while not failed.is_set():
            try:
                index = waiting.get_nowait()
            except Empty:
                return
            results[index] = function(items[index])

    def fail() -> None:
        failed.set()
        cancel()

    with team_of(n_jobs, len(items)) as team:
        team.run(work, fail)
    return [results[index] for index in range(len(items))]

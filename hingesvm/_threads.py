"""Calls in threads, the calling one among them; nobody polls for results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

from joblib import effective_n_jobs

__all__ = ["map_in_threads"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# Seconds after which a thread that waits looks for an interrupt, where none wakes it.
_LOOK = 0.05


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
        Number of threads, as joblib takes it.
    cancel : callable
        Called when a call fails; lets the others end soon, by an exception. The
        first exception is raised here once they have.
    """
    waiting: SimpleQueue[int] = SimpleQueue()
    for place in range(len(items)):
        waiting.put(place)
    results: dict[int, _Result] = {}
    errors: list[BaseException] = []

    def fail(error: BaseException) -> None:
        errors.append(error)
        cancel()

    def work() -> None:
        try:
            while not errors:
                place = waiting.get_nowait()
                results[place] = function(items[place])
        except Empty:
            pass
        except BaseException as error:
            fail(error)

    count = min(effective_n_jobs(n_jobs), len(items))
    others = [threading.Thread(target=work) for _ in range(count - 1)]
    try:
        for other in others:
            other.start()
        work()
        _join(others)
    except BaseException as error:
        fail(error)
        _join(others)
    if errors:
        first = errors[0]
        try:
            raise first
        finally:
            # Else the error, and the arrays of its frames, would refer to themselves.
            errors.clear()
            del first
    return [results[place] for place in range(len(items))]


def _join(threads: list[threading.Thread]) -> None:
    """Wait for threads that have begun, open to interrupts."""
    for thread in threads:
        while thread.is_alive():
            thread.join(_LOOK)

"""Threads that share the work on one problem."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

__all__ = ["Team"]

_T = TypeVar("_T")
_Work = Callable[[int], Any]


class Team:
    """So many threads, of which the one that asks is the first.

    A context manager, at the end of which the others end too.

    Parameters
    ----------
    size : int, default=1
    """

    def __init__(self, size: int = 1) -> None:
        self.size = size
        self._others: list[_Member] = []

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *_: object) -> None:
        for other in self._others:
            other.work.put(None)
        for other in self._others:
            other.join()
        self._others = []

    def run(
        self,
        function: Callable[[int], _T],
        cancel: Callable[[], None] | None = None,
        size: int | None = None,
    ) -> list[_T]:
        """Return what a function returns for each member, called by that member.

        An error of any is raised when all have returned.

        Parameters
        ----------
        function : callable
            Called with the number of the member, from 0 on.
        cancel : callable, optional
            Called by a member that raises, so that the others need not wait for it.
        size : int, optional
            How many members are asked. Default: all.
        """
        size = self.size if size is None else size
        if size == 1:
            return [function(0)]
        if not self._others:
            # Started when there is work, as most problems are too small for it.
            self._others = [_Member(number) for number in range(1, self.size)]
        done: SimpleQueue[tuple[int, Any, BaseException | None]] = SimpleQueue()
        results: list[Any] = [None] * size
        error: BaseException | None = None
        waiting = 0
        try:
            for other in self._others[: size - 1]:
                other.work.put((function, cancel, done))
                waiting += 1
            results[0] = function(0)
        except BaseException as raised:
            error = raised
            if cancel is not None:
                cancel()
        while waiting:
            try:
                number, result, raised_there = done.get()
            except KeyboardInterrupt as raised:
                error = raised
                if cancel is not None:
                    cancel()
                continue
            waiting -= 1
            results[number] = result
            if raised_there is not None:
                error = error or raised_there
        if error is not None:
            raise error
        return results


class _Member(threading.Thread):
    """A thread that waits for work."""

    def __init__(self, number: int) -> None:
        super().__init__(name=f"hingesvm-{number}", daemon=True)
        self.number = number
        self.work: SimpleQueue[Any] = SimpleQueue()
        self.start()

    def run(self) -> None:
        """Do what is asked until nothing is."""
        while (job := self.work.get()) is not None:
            function, cancel, done = job
            result, error = None, None
            try:
                result = function(self.number)
            except BaseException as raised:
                error = raised
                if cancel is not None:
                    cancel()
            done.put((self.number, result, error))

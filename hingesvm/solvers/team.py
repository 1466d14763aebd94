"""Threads that share the work on one problem."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

__all__ = ["Team"]

_T = TypeVar("_T")
_Work = Callable[[int], Any]

# Seconds after which a thread that waits looks for an interrupt, where none wakes it.
_LOOK = 0.05


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
            # One whose start was interrupted ends by itself.
            with suppress(RuntimeError):
                other.join()
        self._others = []

    def run(
        self,
        function: Callable[[int], _T],
        cancel: Callable[[], None] | None = None,
        size: int | None = None,
    ) -> list[_T]:
        """Return what a function returns for each member, called by that member.

        The first error of any is raised when all have returned.

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
        # Started when there is work, as most problems are too small for it.
        while size > 1 and len(self._others) < self.size - 1:
            member = _Member(len(self._others) + 1)
            # Kept before it starts, so that an interrupt meanwhile does not lose it.
            self._others.append(member)
            member.start()
        done: SimpleQueue[None] = SimpleQueue()
        results: dict[int, Any] = {}
        asked: list[int] = []
        errors: list[BaseException] = []

        def fail(error: BaseException) -> None:
            errors.append(error)
            if cancel is not None:
                cancel()

        try:
            for other in self._others[: size - 1]:
                other.work.put((function, fail, results, done))
                asked.append(other.number)
            results[0] = function(0)
        except BaseException as error:
            fail(error)
        # An interrupt can swallow what `done` says, but not what is in `results`.
        while not results.keys() >= set(asked):
            try:
                done.get(timeout=_LOOK)
            except Empty:
                pass
            except BaseException as error:
                fail(error)
        if errors:
            first = errors[0]
            try:
                raise first
            finally:
                # Else it and the arrays of its frames would refer to themselves.
                errors.clear()
                del first
        return [results[number] for number in range(size)]


class _Member(threading.Thread):
    """A thread that waits for work."""

    def __init__(self, number: int) -> None:
        super().__init__(name=f"hingesvm-{number}", daemon=True)
        self.number = number
        self.work: SimpleQueue[Any] = SimpleQueue()

    def run(self) -> None:
        """Do what is asked until nothing is."""
        while (job := self.work.get()) is not None:
            self._do(*job)
            # An array that is waited for by nobody must not wait for the next job.
            del job

    def _do(
        self,
        function: _Work,
        fail: Callable[[BaseException], None],
        results: dict[int, Any],
        done: SimpleQueue[None],
    ) -> None:
        result = None
        try:
            result = function(self.number)
        except BaseException as error:
            fail(error)
        results[self.number] = result
        done.put(None)

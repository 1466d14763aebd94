"""Threads that share the work on one problem."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

__all__ = ["Team"]

_T = TypeVar("_T")

# Seconds after which a thread that waits looks for an interrupt, where none wakes it:
# the longest that Ctrl-C can wait for it.
_LOOK = 0.05


class Team:
    """So many members, whose work is done by as many threads or fewer.

    How work is divided depends on the number of members alone, and so do the bits of
    results. The thread that asks is the first of the threads. A context manager, at the
    end of which the others end too.

    Parameters
    ----------
    size : int, default=1
        Number of members.
    n_threads : int, optional
        Number of threads, at most; no more than `size`. Default: one for each member.
    """

    def __init__(self, size: int = 1, n_threads: int | None = None) -> None:
        self.size = size
        self.n_threads = size if n_threads is None else max(1, min(n_threads, size))
        self._others: list[_Member] = []
        self._has_failed = False

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
        """Return what a function returns for each member.

        The first error of any is raised when all have returned, which `check` lets them
        do soon.

        Parameters
        ----------
        function : callable
            Called with the number of the member, from 0 on. Up to `n_threads` members
            are called at once, and can wait for each other.
        cancel : callable, optional
            Called if a member raises, so that the others need not wait for it.
        size : int, optional
            How many members are asked. Default: all.
        """
        size = self.size if size is None else size
        n_threads = min(size, self.n_threads)
        # Started when there is work, as most problems are too small for it.
        while len(self._others) < n_threads - 1:
            member = _Member(len(self._others) + 1)
            # Kept before it starts, so that an interrupt meanwhile does not lose it.
            self._others.append(member)
            member.start()
        done: SimpleQueue[None] = SimpleQueue()
        results: dict[int, _T] = {}
        ended: set[int] = set()
        asked: set[int] = set()
        errors: list[BaseException] = []
        self._has_failed = False

        def work(thread: int) -> None:
            for member in range(thread, size, n_threads):
                if member > thread:
                    self.check()
                results[member] = function(member)

        def fail(error: BaseException) -> None:
            errors.append(error)
            self._has_failed = True
            if cancel is not None:
                cancel()

        try:
            for other in self._others[: n_threads - 1]:
                other.work.put((work, fail, ended, done))
                asked.add(other.number)
            work(0)
        except BaseException as error:
            fail(error)
        # An interrupt can swallow what `done` says, but not what is in `ended`.
        while not ended >= asked:
            try:
                done.get(timeout=_LOOK)
            except Empty:
                pass
            except BaseException as error:
                fail(error)
        self._has_failed = False
        if errors:
            first = errors[0]
            try:
                raise first
            finally:
                # Else it and the arrays of its frames would refer to themselves.
                errors.clear()
                del first
        return [results[number] for number in range(size)]

    def check(self) -> None:
        """Raise an error if another member has: nobody waits for results any more."""
        if self._has_failed:
            raise _LeftError


class _LeftError(Exception):
    """Ends the work of a member after an error of another one."""


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
        work: Callable[[int], None],
        fail: Callable[[BaseException], None],
        ended: set[int],
        done: SimpleQueue[None],
    ) -> None:
        try:
            work(self.number)
        except BaseException as error:
            fail(error)
        ended.add(self.number)
        done.put(None)

"""Passes over batches, which problems of the same rows share.

Each problem is solved by a thread of its own. What it asks of all rows it does at each
batch of a pass; a pass begins when every problem that is not solved waits for one. So
as many problems take as many passes as the one that needs most, and what each of them
sees does not depend on which thread comes first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from hingesvm.rows.team import Team

__all__ = ["IN_STEP", "Passes", "Visit"]

_T = TypeVar("_T")

# Problems that share passes at most: with fewer more passes are needed, with more of
# them memory.
IN_STEP = 16
# Seconds after which a thread that waits looks for an interrupt, where none wakes it.
_LOOK = 0.05

#: Called with each batch of a pass: which rows these are, and the rows.
Visit = Callable[[slice, Any], None]


@dataclass(eq=False)
class _Request:
    """What one problem does in a pass."""

    visit: Visit
    is_done: bool = False
    error: BaseException | None = None


class Passes:
    """The passes of one or several problems.

    Parameters
    ----------
    run : callable
        Reads all batches, and calls each of a list of visits with each of them.

    Attributes
    ----------
    count : int
        Passes so far.
    """

    def __init__(self, run: Callable[[list[Visit]], None]) -> None:
        self._run = run
        self.count = 0
        self._changed = threading.Condition()
        self._asking: list[_Request] = []
        self._n_unsolved = 1
        self._is_running = False
        self._permits: threading.Semaphore | None = None

    def take(self, visit: Visit, check_cancelled: Callable[[], None]) -> None:
        """Visit all batches, in a pass that is shared with other problems.

        Parameters
        ----------
        visit : callable
            Called with each batch: which rows these are, and the rows.
        check_cancelled : callable
            Called now and then while others are waited for; may raise.
        """
        if self._permits is None:
            self.count += 1
            self._run([visit])
            return
        request = _Request(visit)
        with self._changed:
            self._asking.append(request)
            self._changed.notify_all()
        # Another problem can be worked on meanwhile.
        self._permits.release()
        try:
            while not request.is_done:
                self._wait_or_run(request, check_cancelled)
        finally:
            self._permits.acquire()
        if request.error is not None:
            raise request.error

    def _wait_or_run(
        self, request: _Request, check_cancelled: Callable[[], None]
    ) -> None:
        """Wait until a pass has served a request, or is to be run by this thread."""
        with self._changed:
            while not request.is_done and not self._is_due():
                self._changed.wait(_LOOK)
                try:
                    check_cancelled()
                except BaseException:
                    if request in self._asking:
                        self._asking.remove(request)
                    raise
            if request.is_done:
                return
            self._is_running = True
            requests, self._asking = self._asking, []
            self.count += 1
        error: BaseException | None = None
        try:
            self._run([other.visit for other in requests])
        except BaseException as found:
            error = found
        with self._changed:
            for other in requests:
                other.error, other.is_done = error, True
            self._is_running = False
            self._changed.notify_all()

    def _is_due(self) -> bool:
        """Whether all problems that are not solved wait for a pass."""
        return not self._is_running and len(self._asking) == self._n_unsolved

    def in_step(
        self,
        solve: Callable[[int], _T],
        count: int,
        n_threads: int,
        cancel: Callable[[], None],
    ) -> list[_T]:
        """Return what is found for several problems that share their passes.

        Parameters
        ----------
        solve : callable
            Solves the problem of a number, from 0 on; it may call `take`.
        count : int
            Number of problems.
        n_threads : int
            Problems that are worked on at once, between passes.
        cancel : callable
            Called when one fails; should make the others end soon, by an exception.
            The first exception is raised here once they have ended.
        """
        permits = threading.Semaphore(n_threads)
        self._permits, self._n_unsolved = permits, count

        def work(number: int) -> _T:
            permits.acquire()
            try:
                return solve(number)
            finally:
                permits.release()
                with self._changed:
                    self._n_unsolved -= 1
                    self._changed.notify_all()

        try:
            with Team(count) as team:
                return team.run(work, cancel)
        finally:
            self._permits, self._n_unsolved, self._asking = None, 1, []

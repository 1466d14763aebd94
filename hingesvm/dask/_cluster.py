"""Blocks on the workers of a Dask cluster: one task for each worker and round.

A block is the result of a task, and stays in the memory of the worker that has its
partition. What is asked of it changes it there. Tasks are pinned to that worker. If the
worker dies, Dask makes the partition anew from its graph, a new block is made of it
where it then is, and that block has none of the state of the old one.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import numpy as np
from distributed import CancelledError, Client, Future, KilledWorker, wait

from hingesvm.solvers.blocks.block import Block
from hingesvm.training.batches import BatchReader
from hingesvm.training.left_out import labels_left_out
from hingesvm.training.parameters import HingeParameters

__all__ = ["DaskBlocks"]

# Seconds between two looks at which workers are alive, and for which workers may all be
# gone, or a partition nowhere.
_LOOK, _PATIENCE = 0.5, 10.0
# Bytes of a request from which it is sent to workers before the task.
_LARGE = 1 << 19
# Seconds in which a worker must answer the client to be one that it reaches, and how
# many are tried at once.
_REACH, _AT_ONCE = 1.0, 64
# Times that sending to a worker may fail before that is an error.
_TIMES = 5
# Tasks that are in error as their worker has died, or what they need is gone.
_GONE = (CancelledError, KilledWorker)


class DaskBlocks:
    """Blocks on workers; see `Blocks`.

    Parameters
    ----------
    client : Client
    parts : list of tuple of Future
        For each partition a future of (X, y) or (X, y, sample_weight), or two or three
        futures of these.
    class_weight : dict, "balanced" or None, default=None
        Rows of classes of weight 0 are left out.

    Attributes
    ----------
    heights : list of int
        The number of rows of each block.
    n_tasks, n_bytes : int
        Tasks so far, and the bytes of arrays in requests and answers.
    is_direct : bool
        Whether rows and sums come from the workers themselves, as the client reaches
        all of them. Else they pass through the scheduler.
    """

    def __init__(
        self,
        client: Client,
        parts: list[tuple[Future, ...]],
        class_weight: dict[Any, float] | str | None = None,
    ) -> None:
        self._client, self._parts = client, parts
        # All that a block needs of it are the classes that it leaves out.
        self._left_out = dict.fromkeys(labels_left_out(class_weight), 0.0)
        self.heights = [0] * len(parts)
        self.n_tasks = self.n_bytes = self._n_failures = 0
        self.is_direct = client.direct_to_workers is not False
        self._reached: set[str] = set()
        self._where: list[str] = [""] * len(parts)
        self._blocks: dict[int, Future] = {}
        # Several threads ask, and one of them makes anew what is lost.
        self._making = threading.Lock()
        self._make(range(len(parts)), {})

    def ask(
        self,
        name: str,
        common: tuple[Any, ...],
        numbers: Sequence[int],
        each: Sequence[Any] | None = None,
    ) -> list[Any]:
        """Return what a method of some blocks returns; see `Blocks`."""
        mine = dict(zip(numbers, each or [None] * len(numbers), strict=True))
        answers: dict[int, Any] = {}
        left = list(numbers)
        while left:
            tasks, known = {}, self._blocks.copy()
            for address, some in self._by_thread(left):
                blocks = [known[number] for number in some]
                request = [mine[number] for number in some]
                task = self._submit(address, _ask, name, blocks, common, request)
                if task is not None:
                    tasks[task] = (address, some)
            self._collect(tasks, answers)
            left = [number for number in left if number not in answers]
            if left:
                self._make(left, known)
        self.n_bytes += sum(_size(answers[number]) for number in numbers)
        return [answers[number] for number in numbers]

    def chain(
        self, name: str, first: Any, common: tuple[Any, ...], order: Sequence[int]
    ) -> Any:
        """Return what the last of some blocks returns; see `Blocks`."""
        left = list(order)
        while left:
            tasks: list[Future] = []
            before: Any = first
            known = self._blocks.copy()
            for number in left:
                block, where = known[number], self._where[number]
                before = self._submit(where, _step, name, block, before, common)
                if before is None:
                    break
                tasks.append(before)
            places = [self._where[number] for number in left]
            have_ended = self._finished(tasks[-1:], places)
            if before is not None and have_ended:
                found = self._result(tasks[-1], places[-1])
                if found is not None:
                    self.n_bytes += _size(found[0]) * len(order)
                    return found[0]
            # What was last carried and is still there; blocks before it are done.
            for place in reversed(range(len(tasks))):
                if tasks[place].status != "finished":
                    continue
                found = self._result(tasks[place], places[place])
                if found is not None:
                    first, left = found[0], left[place + 1 :]
                    break
            self._make(self._lost(order), known)
        return first

    def _submit(
        self, address: str, function: Callable[..., Any], *args: Any
    ) -> Future | None:
        """Submit a task for one worker; None if it has died."""
        self.n_tasks += 1
        self.n_bytes += sum(map(_size, args))
        sent = [
            self._sent(arg, address) if _size(arg) > _LARGE else arg for arg in args
        ]
        if any(arg is None for arg in sent):
            return None
        return self._client.submit(
            function, *sent, workers=[address], allow_other_workers=False, pure=False
        )

    def _sent(self, value: Any, address: str) -> Future | None:
        """Send something to a worker; return its future, or None if that has died."""

        def send() -> Awaitable[Any]:
            sending: Awaitable[Any] = self._client.scatter(
                value,
                workers=[address],
                direct=self.is_direct,
                hash=False,
                asynchronous=True,
            )
            return sending

        try:
            found = self._awaited(send, [address])
        except (OSError, LookupError, ValueError):
            # Dask does not say that it was the worker that died, nor always at once.
            if address in self._client.nthreads():
                self._n_failures += 1
                if self._n_failures > _TIMES:
                    raise
                self.is_direct = False
            return None
        return None if found is None else found[0]

    def _by_thread(self, numbers: Sequence[int]) -> list[tuple[str, list[int]]]:
        """Return the blocks of each thread of each worker."""
        threads = self._client.nthreads()
        by_worker: dict[str, list[int]] = {}
        for number in numbers:
            by_worker.setdefault(self._where[number], []).append(number)
        return [
            (address, some[k::count])
            for address, some in by_worker.items()
            for count in [min(threads.get(address, 1) or 1, len(some))]
            for k in range(count)
        ]

    def _collect(
        self, tasks: dict[Future, tuple[str, list[int]]], answers: dict[int, Any]
    ) -> None:
        """Wait for tasks; add the answers of those whose worker lives."""
        self._finished(list(tasks), [address for address, _ in tasks.values()])
        found = self._gathered(list(tasks), [address for address, _ in tasks.values()])
        if found is not None:
            for results, (_, numbers) in zip(found, tasks.values(), strict=True):
                answers.update(zip(numbers, results, strict=True))
            return
        for task, (address, numbers) in tasks.items():
            one = self._result(task, address)
            if one is not None:
                answers.update(zip(numbers, one[0], strict=True))

    def _gathered(
        self, tasks: list[Future], addresses: Sequence[str]
    ) -> list[Any] | None:
        """Return the results of tasks; None if one may have gone with its worker."""
        if any(task.status in ("pending", "cancelled", "lost") for task in tasks):
            return None

        def fetch() -> Awaitable[Any]:
            fetching: Awaitable[Any] = self._client.gather(
                tasks, direct=self.is_direct, asynchronous=True
            )
            return fetching

        found = self._awaited(fetch, addresses)
        return None if found is None else found[0]

    def _awaited(
        self, begin: Callable[[], Awaitable[Any]], addresses: Sequence[str]
    ) -> tuple[Any] | None:
        """Return what a client does in a tuple; None if workers die meanwhile."""
        begun = self._client.sync(_begin, begin)
        while True:
            try:
                found: tuple[Any] | None = self._client.sync(_poll, begin, begun)
            except _GONE:
                return None
            if found is not None:
                return found
            alive = self._client.nthreads()
            if any(address not in alive for address in addresses):
                self._client.loop.add_callback(begun[0].cancel)
                return None

    def _wait(self, futures: list[Future]) -> None:
        """Wait until futures are done, for a while."""
        with self._client.as_current():
            wait(futures, timeout=_LOOK)

    def _finished(self, tasks: list[Future], addresses: Sequence[str]) -> bool:
        """Wait until tasks are done, but for those that wait for a worker that died.

        Returns
        -------
        bool
            Whether all of them are done, and no worker has died.
        """
        while True:
            waiting = [task for task in tasks if task.status == "pending"]
            if not waiting:
                return True
            try:
                self._wait(waiting)
            except _GONE:
                continue
            except TimeoutError:
                alive = self._client.nthreads()
                if any(address not in alive for address in addresses):
                    return False

    def _result(self, task: Future, address: str) -> tuple[Any] | None:
        """Return the result of a task in a tuple; None if it went with its worker."""
        found = self._gathered([task], [address])
        return None if found is None else (found[0],)

    def _lost(self, numbers: Sequence[int]) -> list[int]:
        """Return which blocks were on workers that died."""
        alive = self._client.nthreads()
        return [number for number in numbers if self._where[number] not in alive]

    def _make(self, numbers: Sequence[int], known: dict[int, Future]) -> None:
        """Make blocks of partitions where these are, anew if there were some.

        Those that are not what was known are new already.
        """
        with self._making:
            left = [n for n in numbers if self._blocks.get(n) is known.get(n)]
            while left:
                self._locate(left)
                self._see_who_is_reached()
                for number in left:
                    self._blocks[number] = self._client.submit(
                        _block,
                        number,
                        self._left_out,
                        *self._parts[number],
                        workers=[self._where[number]],
                        allow_other_workers=False,
                        pure=False,
                    )
                tasks = [self._blocks[number] for number in left]
                self._finished(tasks, [self._where[number] for number in left])
                for number in left:
                    block = self._blocks[number]
                    if block.status == "error":
                        error = block.exception()
                        if not isinstance(error, _GONE):
                            raise error
                left = [n for n in left if self._blocks[n].status != "finished"]

    def _locate(self, numbers: Sequence[int]) -> None:
        """Wait until partitions are in memory, and find out where."""
        first = {number: self._parts[number][0] for number in numbers}
        since = time.monotonic()
        while True:
            self._check_parts(numbers)
            pending = [f for f in first.values() if f.status in ("pending", "lost")]
            if pending:
                try:
                    self._wait(pending)
                except _GONE:
                    continue
                except TimeoutError:
                    if self._client.nthreads():
                        since = time.monotonic()
            else:
                found = self._client.who_has(list(first.values()))
                where = {n: sorted(found.get(f.key, ())) for n, f in first.items()}
                if all(where.values()):
                    for number, addresses in where.items():
                        self._where[number] = addresses[0]
                    return
                time.sleep(0.1)
            if time.monotonic() - since > _PATIENCE:
                raise RuntimeError(
                    f"partition {min(numbers)} of X is on no worker any more, and is "
                    "not being made anew: are there any workers left?"
                )

    def _see_who_is_reached(self) -> None:
        """Find out whether the client reaches all workers itself."""
        new = sorted(set(self._where) - self._reached)
        if not self.is_direct or not new or self._client.direct_to_workers:
            return
        self._reached.update(new)
        self.is_direct = self._client.sync(_reaches, self._client, new)

    def _check_parts(self, numbers: Sequence[int]) -> None:
        """Raise errors of partitions that could not be computed, or are lost."""
        if self._client.status != "running":
            raise RuntimeError(f"the client is {self._client.status}")
        parts = [(part, number) for number in numbers for part in self._parts[number]]
        # What is lost may be being made anew, which only the scheduler knows.
        lost = [part.key for part, _ in parts if part.status == "lost"]
        ask = self._client.scheduler.get_task_status
        states = self._client.sync(ask, keys=lost) if lost else {}
        for part, number in parts:
            if part.status == "error":
                raise part.exception()
            if part.status == "cancelled" or states.get(part.key, "") is None:
                raise RuntimeError(
                    f"partition {number} is gone for good: the worker that had it "
                    "died, and Dask does not know how it was made, as with data that "
                    "were scattered. Make it from files or other sources on the "
                    "workers, so that it can be made anew."
                )


async def _begin(begin: Callable[[], Awaitable[Any]]) -> list[Any]:
    """Begin what takes a while."""
    return [asyncio.ensure_future(begin())]


async def _poll(
    begin: Callable[[], Awaitable[Any]], begun: list[Any]
) -> tuple[Any] | None:
    """Return what was begun in a tuple, or None if it takes longer."""
    await asyncio.wait(begun, timeout=_LOOK)
    if begun[0].cancelled():
        # Clients fetch for several threads together, and one of these gave up.
        begun[:] = await _begin(begin)
        return None
    return (begun[0].result(),) if begun[0].done() else None


async def _reaches(client: Client, addresses: Iterable[str]) -> bool:
    """Return whether a client reaches workers itself, within a second or so."""
    free = asyncio.Semaphore(_AT_ONCE)

    async def reach(address: str) -> None:
        async with free:
            comm = await asyncio.wait_for(client.rpc.connect(address), _REACH)
            client.rpc.reuse(address, comm)

    trying = [asyncio.ensure_future(reach(address)) for address in addresses]
    try:
        await asyncio.gather(*trying)
    except (OSError, ValueError, RuntimeError):
        return False
    finally:
        for other in trying:
            other.cancel()
    return True


class _Named(HingeParameters):
    """What errors about a partition name as the estimator."""


_Named.__name__ = "DaskHingeSVC"


def _block(number: int, left_out: dict[Any, float], *part: Any) -> Block:
    """Return the block of a partition; on the worker that has it."""
    batch = part[0] if len(part) == 1 else part
    params = _Named(class_weight=left_out)
    return BatchReader(params, [], what="partition").block(number, batch)


def _ask(
    name: str, blocks: list[Block], common: tuple[Any, ...], each: list[Any]
) -> list[Any]:
    """Return what a method of some blocks returns; on their worker."""
    return [
        getattr(block, name)(*common, mine)
        for block, mine in zip(blocks, each, strict=True)
    ]


def _step(name: str, block: Block, before: Any, common: tuple[Any, ...]) -> Any:
    """Return what a method of a block makes of what the one before has returned."""
    return getattr(block, name)(before, *common)


def _size(value: Any) -> int:
    """Return the bytes of the arrays and numbers in a request or an answer."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, float):
        return 8
    if isinstance(value, (tuple, list)):
        return sum(map(_size, value))
    if hasattr(value, "indptr"):
        return _size([value.data, value.indices, value.indptr])
    fields = getattr(value, "__dataclass_fields__", None)
    return sum(_size(getattr(value, name)) for name in fields) if fields else 0

"""Who asks blocks: all of them at once, or one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hingesvm.solvers.blocks.answers import Carry, Spec, Sums
from hingesvm.solvers.blocks.block import LINE, N_BINS, Block
from hingesvm.solvers.blocks.problem import SummedDuals
from hingesvm.solvers.survey import Survey

__all__ = ["Blocks", "LocalBlocks", "Talk"]

Float64Array = NDArray[np.float64]


class Blocks(Protocol):
    """Blocks that can be asked.

    Attributes
    ----------
    heights : list of int
        The number of rows of each block.
    """

    heights: list[int]

    def ask(
        self,
        name: str,
        common: tuple[Any, ...],
        numbers: Sequence[int],
        each: Sequence[Any] | None = None,
    ) -> list[Any]:
        """Return what a method of some blocks returns, in the order of blocks.

        Parameters
        ----------
        name : str
        common : tuple
            Arguments that are the same for all blocks.
        numbers : sequence of int
            Which blocks.
        each : sequence, optional
            The last argument, for each of these blocks. Default: None.
        """
        ...

    def chain(
        self, name: str, first: Any, common: tuple[Any, ...], order: Sequence[int]
    ) -> Any:
        """Return what the last of some blocks returns.

        Each is given what the one before has returned.
        """
        ...


class LocalBlocks:
    """Blocks in this process.

    Parameters
    ----------
    blocks : list of Block
    n_threads : int, default=1
        Blocks that are worked on at once.
    """

    def __init__(self, blocks: list[Block], n_threads: int = 1) -> None:
        self.blocks = blocks
        self.heights = [block.n_rows for block in blocks]
        self._n_threads = n_threads

    def ask(
        self,
        name: str,
        common: tuple[Any, ...],
        numbers: Sequence[int],
        each: Sequence[Any] | None = None,
    ) -> list[Any]:
        """Return what a method of some blocks returns; see `Blocks`."""
        mine = each if each is not None else [None] * len(numbers)

        def work(number: int, last: Any) -> Any:
            return getattr(self.blocks[number], name)(*common, last)

        if self._n_threads == 1:
            return list(map(work, numbers, mine))
        with ThreadPoolExecutor(self._n_threads) as pool:
            return list(pool.map(work, numbers, mine))

    def chain(
        self, name: str, first: Any, common: tuple[Any, ...], order: Sequence[int]
    ) -> Any:
        """Return what the last of some blocks returns; see `Blocks`."""
        for number in order:
            first = getattr(self.blocks[number], name)(first, *common)
        return first


@dataclass
class _Shares:
    """What each block has added to a survey, and where that was."""

    w: NDArray[np.floating]
    intercept: float
    of_blocks: list[Sums]

    def survey(self) -> Survey:
        """Add up the shares in the order of blocks."""
        shares = self.of_blocks
        w_of_duals = np.zeros(len(self.w))
        for share in shares:
            w_of_duals += share.w_of_duals
        loss, gain, imbalance = (
            float(sum(values))
            for values in zip(
                *((s.loss, s.gain, s.imbalance) for s in shares), strict=True
            )
        )
        totals = [s.gain if s.total is None else s.total for s in shares]
        return Survey(
            self.w,
            self.intercept,
            SummedDuals(float(sum(totals)), imbalance),
            np.empty(0),
            w_of_duals,
            loss,
            gain,
            imbalance,
        )


class Talk:
    """The requests that one problem makes, each with a number.

    A block that answers None has lost its dual variables, as it was made anew. It then
    begins anew at the present weights, with minus the subgradients there, and its share
    is theirs from then on.

    Parameters
    ----------
    blocks : Blocks
    spec : Spec
    check : callable, optional
        Called before each request; may raise.

    Attributes
    ----------
    used : list of int
        Blocks with rows.
    has_lost : bool
        Whether a block had to begin anew in the last request, so that the dual
        variables are not balanced.
    n_rounds : int
        Requests so far; one to all blocks in turn counts once.
    """

    def __init__(
        self, blocks: Blocks, spec: Spec, check: Callable[[], None] = lambda: None
    ) -> None:
        self._blocks, self.spec, self._check = blocks, spec, check
        self._turn = 0
        self._here: _Shares | None = None
        self._ahead: _Shares | None = None
        self._heights: list[int] = []
        self.used = [k for k, height in enumerate(blocks.heights) if height]
        self.has_lost = False
        self.n_rounds = 0

    @property
    def here(self) -> _Shares:
        """The shares in the last survey that was gone to."""
        assert self._here is not None
        return self._here

    def _ask(
        self, name: str, common: tuple[Any, ...], each: Sequence[Any] | None = None
    ) -> list[Any]:
        """Ask all blocks with rows."""
        self._check()
        self._turn += 1
        self.n_rounds += 1
        request = self.spec.key, self._turn, *common
        return self._blocks.ask(name, request, self.used, each)

    def _enter(
        self, places: Iterable[int], w: NDArray[np.floating], intercept: float
    ) -> list[Sums]:
        """Let some blocks begin at weights; return their shares there."""
        self.n_rounds += 1
        common = self.spec, self._turn, w, intercept
        return self._blocks.ask("enter", common, [self.used[k] for k in places])

    def _mend(self, answers: list[Any], shares: _Shares) -> list[int]:
        """Let blocks that answered None begin anew; return which these are."""
        lost = [place for place, answer in enumerate(answers) if answer is None]
        self.has_lost = bool(lost)
        if lost:
            anew = self._enter(lost, shares.w, shares.intercept)
            for place, answer in zip(lost, anew, strict=True):
                shares.of_blocks[place] = answer
        return lost

    def enter(self, w: NDArray[np.floating], intercept: float) -> Survey:
        """Look at all rows, the dual variables being minus the subgradients there."""
        self._turn += 1
        of_blocks = self._enter(range(len(self.used)), w, intercept)
        self._here, self._ahead = _Shares(w, intercept, of_blocks), None
        self.has_lost = False
        return self._here.survey()

    def enter_swept(
        self, w: NDArray[np.floating], intercept: float, lowered: Any
    ) -> Survey:
        """Look at all rows with the dual variables of sweeps."""
        answers = self._ask("enter_swept", (w, intercept, lowered))
        self._here, self._ahead = _Shares(w, intercept, answers), None
        self._mend(answers, self._here)
        return self._here.survey()

    def last(self) -> Survey:
        """Return the last survey, whether it was gone to or not."""
        return (self._ahead or self.here).survey()

    def distances(self) -> NDArray[np.intp]:
        """Return how many judged rows are how far from their kinks."""
        last = self._ahead or self.here
        counts = np.zeros(N_BINS, dtype=np.intp)
        for share in last.of_blocks:
            counts += share.distances
        return counts

    def n_crossed(self) -> int:
        """Return how many rows have crossed a kink unforeseen."""
        assert self._ahead is not None
        return sum(share.n_crossed for share in self._ahead.of_blocks)

    def gather(
        self, part: float, near: float, likely: float, most: float
    ) -> tuple[Survey, list[Any]]:
        """Go a part of the way to the last survey, and gather the next band.

        Returns
        -------
        survey : Survey
            Where that is.
        bands : list of BandRows
            The rows of the band in each block.
        """
        if self._ahead is not None:
            self._here = self._gone(part)
        request = part, near, likely, most
        answers = self._ask("gather", request)
        has_lost = False
        for place, answer in enumerate(answers):
            if answer is not None and answer.sums is not None:
                loss, gain, imbalance, total = answer.sums
                self.here.of_blocks[place] = self.here.of_blocks[place]._replace(
                    loss=loss, gain=gain, imbalance=imbalance, total=total
                )
        while self._mend(answers, self.here):
            has_lost, answers = True, self._ask("gather", request)
        self.has_lost = has_lost
        self._ahead = None
        self._heights = [len(answer.taken) for answer in answers]
        return self.here.survey(), answers

    def _gone(self, part: float) -> _Shares:
        """Return the shares a part of the way to the last survey."""
        here, ahead = self.here, self._ahead
        assert ahead is not None
        if part == 1.0:
            return ahead
        w = here.w + part * (ahead.w - here.w)
        intercept = here.intercept + part * (ahead.intercept - here.intercept)
        of_blocks = [
            after._replace(
                w_of_duals=after.w_of_duals
                if part > 0.5
                else before.w_of_duals + part * (after.w_of_duals - before.w_of_duals)
            )
            for before, after in zip(here.of_blocks, ahead.of_blocks, strict=True)
        ]
        return _Shares(w, intercept, of_blocks)

    def look(
        self, w: NDArray[np.floating], intercept: float, alpha: Float64Array
    ) -> Survey:
        """Look at all rows, the dual variables of the band being these."""
        stops = np.cumsum(self._heights)[:-1]
        answers = self._ask("look", (w, intercept), np.split(alpha, stops))
        self._ahead = _Shares(w, intercept, answers)
        self._mend(answers, self._ahead)
        return self._ahead.survey()

    def line(self) -> Float64Array | None:
        """Return losses at parts of the way to the last survey, if all know them."""
        answers = self._ask("line", ())
        if any(answer is None for answer in answers):
            return None
        losses = np.zeros(len(LINE))
        for answer in answers:
            losses += answer
        return losses

    def loss_at(self, w: Float64Array, intercept: float) -> float | None:
        """Return the sum of the losses at a point, if no block has begun anew."""
        answers = self._ask("loss_at", (w, intercept))
        if any(answer is None for answer in answers):
            return None
        return float(sum(answers))

    def sweep(self, carry: Carry, seed: int, first: int, *, is_first: bool) -> Carry:
        """Sweep over one block after the other, from a place on."""
        self._check()
        self._turn += 1
        self.n_rounds += 1
        order = self.used[first:] + self.used[:first]
        common = self.spec, self._turn, seed, is_first
        carry = self._blocks.chain("sweep", carry, common, order)
        self.has_lost = bool(carry.lost)
        return carry

    def combine(self) -> tuple[Float64Array, float] | None:
        """Return the sums of a y x and of a y after sweeps, if no block is new."""
        answers = self._ask("combine", ())
        if any(answer is None for answer in answers):
            return None
        w, imbalance = np.zeros_like(answers[0][0]), 0.0
        for share, excess in answers:
            w += share
            imbalance += excess
        return w, imbalance

    def forget(self) -> None:
        """Let blocks forget the problem."""
        self._blocks.ask("forget", (self.spec.key,), self.used)

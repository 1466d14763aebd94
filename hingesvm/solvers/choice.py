r"""Which method when: sweeps and Newton steps in turns that grow with each other.

A method that is hopeless on some data shows that by its progress only, so that neither
is trusted with all of the work. Sweeps begin; then each method in turn goes on from the
best dual variables: the one that gained more for its work until it has spent half as
much again as the other, which may spend half as much as the first. If one of them would
have taken the work W alone, both together take about 2 W.

Predictions shorten that. Sweeps that are predicted to be done soon go on. On large data
sweeps are left for Newton steps when these are predicted to be cheaper; with very many
rows for each column these even begin, from a sample.

Work is counted in arithmetic (`Progress.work`), so that every machine decides alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hingesvm.problems.binary import Problem
from hingesvm.problems.proof import EXACT
from hingesvm.problems.start import Start
from hingesvm.solvers.newton.bands import LEAST_BAND, band_until, nest
from hingesvm.solvers.newton.narrow import is_narrow
from hingesvm.solvers.newton.rounds import Rounds
from hingesvm.solvers.newton.starts import (
    InterruptedStart,
    NewtonStart,
    WeightsStart,
)
from hingesvm.solvers.newton.system import LARGEST_SYSTEM, works_of_systems
from hingesvm.solvers.newton.until import newton_until
from hingesvm.solvers.price import are_dearer, newton_price
from hingesvm.solvers.progress import (
    CALL_WORK,
    FIRST_SWEEPS,
    OUT_OF_REACH,
    ROUGH,
    Progress,
)
from hingesvm.solvers.sweeping.steps import price_of_sweep, work_of_sweep
from hingesvm.solvers.sweeping.until import LONGEST_WAIT, sweep_until

__all__ = [
    "are_swept_first",
    "finish",
    "hand_over",
    "hand_over_soon",
    "is_small",
    "is_tall",
    "solve_in_turns",
    "solve_tall",
]

# Exact finishes of small problems (docs/experiments.md#which-method-when).
# Rows, and n_rows * n_features, up to which there is one: of larger problems it would
# take longer than the fit (docs/experiments.md#constants).
_FEW_ROWS, _SMALL = 10_000, 4_000_000
# Relative gap from which one that was cut short goes on: below, rounding is in the way.
_NOISE = 1e-12
# Work of one, as a part of that before it: with more fits take longer, with less fewer
# end exact. Newton steps of one at least: with more it is begun less often, with fewer
# it is cut short.
_EXACT_PART, _STEPS_TO_EXACT = 0.5, 10

# Turns of sweeps and Newton steps (docs/experiments.md#which-method-when).
# Columns up to which the predicted price of Newton steps is trusted on small problems:
# of more it can be wrong by a factor of hundreds.
_NARROW = 256
# Relative gap of the best points, over that where Newton steps ended, from which these
# go on from there: with less of it what sweeps gained is lost, with more an iterate is.
_PASSED = 0.5
# Times the predicted price that the first Newton steps may take on bands, where it is
# too low as a rule, and the same up to little work: with less they end before they
# gain.
_PATIENCE, _MORE_PATIENCE, _LITTLE = 2.0, 8.0, 1e9
# Logarithm of the part of the gap over the dual value that a turn leaves at most if it
# is prolonged; above the second number it says nothing.
_GAINED, _LARGEST_ODDS = math.log(0.1), math.log(1e6)
# Pace of Newton steps, over that of sweeps, from which their turn may be prolonged.
_AS_FAST = 0.5
# Work of a method with its turn, as a part of that of the other one so far: where it
# gained more in its last turn, where it did not, and at first. One that is ahead takes
# a part of its own work at least. Large ones waste work, small ones begin anew too
# often.
_AHEAD, _BEHIND, _AT_FIRST, _GROWTH = 1.5, 0.5, 1.0, 0.5
# Iterations of `max_iter` that are left for Newton steps, and part of the others that a
# turn of sweeps may take: few rows are swept over hundreds of times in no time.
_RESERVE, _PART_OF_LEFT = 100, 0.25

# Which method begins (docs/experiments.md#which-method-when).
# Rows for each column from which a sample tells more than sweeps do: with fewer it is
# as wrong as they are (docs/experiments.md#constants).
_TALL = 1000
# Classes from which small and tall problems without a free intercept begin with sweeps
# over all of them at once, which then cost each next to nothing.
_MANY_CLASSES = 16

# Price of Newton steps, from which sweeps are given up: if it is too high they go on in
# vain, if too low they end just before the goal
# (docs/experiments.md#which-method-when).
# Steps of a finish on bands, and the price of each beside its linear algebra.
_TYPICAL_STEPS, _SWEEPS_PER_STEP = 30, 0.25
# Part of the rows that is inside its box in a typical step: at least, and at most.
_FREE_IF_TALL, _FREE_IF_WIDE = 0.02, 0.3


def is_small(problem: Problem) -> bool:
    """Whether a problem is finished exactly where that is cheap."""
    n_rows = problem.n_rows
    return n_rows <= _FEW_ROWS and n_rows * problem.rows.n_features <= _SMALL


def are_swept_first(problem: Problem, n_problems: int) -> bool:
    """Whether problems that share their rows begin with sweeps over all at once.

    Small and tall ones, which Newton steps suit, often end there if C is so small that
    w is next to 0, but not where duals have to be balanced.
    """
    if not (is_small(problem) or is_tall(problem)):
        return True
    return n_problems >= _MANY_CLASSES and problem.intercept_rule != "free"


def is_tall(problem: Problem) -> bool:
    """Whether a sample of the rows makes a better start than sweeps."""
    least = min(problem.n_rows / _TALL, LARGEST_SYSTEM)
    return problem.rows.n_features <= least


def solve_tall(progress: Progress, start: Start | None, seed: int) -> bool:
    """Take Newton steps on bands from a sample; False if there is none."""
    near = nest(progress, seed) if start is None else start
    if near is None:
        return False
    band_until(progress, near, progress.tol, lambda: nest(progress, seed))
    if not progress.converged and not progress.is_over:
        sweep_until(progress, progress.start(), seed)
    return True


def solve_in_turns(progress: Progress, start: Start | None, seed: int) -> None:
    """Solve by sweeps and Newton steps in turns, small problems exactly if cheap.

    Parameters
    ----------
    progress : Progress
        If some work was done, it was sweeps, and Newton steps are next.
    start : Start or None
    seed : int
        Of the order of rows.
    """
    problem = progress.problem
    small, turns = is_small(problem), _Turns()
    is_begun = progress.work > 0.0
    first = Start(np.zeros(problem.n_rows)) if start is None else start
    if small and is_narrow(problem):
        # A few columns need no sweeps: steps in one call take no longer.
        is_cold = not first.alpha.any() and first.w is None
        finish(progress, progress.start() if is_begun or is_cold else first, seed)
        turns.is_cut_short = False
    elif not is_begun:
        if small:
            turns.sweep_first(progress, first, seed)
        else:
            sweep_until(progress, first, seed, hand_over(progress))
    turns.swept = progress.work
    while not progress.is_done():
        turns.step(progress, seed)
        if progress.is_done():
            break
        seed += 1
        turns.sweep(progress, seed)
    is_wanted = small and progress.exact and progress.relative_gap > _NOISE
    if is_wanted and turns.is_cut_short and not progress.is_over:
        room = max(_EXACT_PART * (turns.swept + turns.stepped), progress.cheap)
        if turns.price(progress, _STEPS_TO_EXACT) <= room:
            progress.budget = progress.work + room
            finish(progress, turns.start(progress), seed)
    progress.budget = np.inf


@dataclass
class _Turns:
    """Work of both methods so far, and where Newton steps go on.

    Attributes
    ----------
    swept, stepped : float
        Work of sweeps and of Newton steps.
    ahead : NewtonStart, Rounds or None
        Where the last Newton steps ended.
    gap : float
        The relative gap then.
    is_cut_short : bool
        Whether they had not ended by themselves.
    pace_of_sweeps, pace_of_steps : float
        Logarithm of what the gap lost in the last turn, for each unit of work.
    """

    swept: float = 0.0
    stepped: float = 0.0
    ahead: NewtonStart | Rounds | None = None
    gap: float = np.inf
    is_cut_short: bool = True
    pace_of_sweeps: float = 0.0
    pace_of_steps: float = 0.0

    def start(self, progress: Progress) -> Start | Rounds:
        """Return where Newton steps go on: at their end, or that of better sweeps."""
        if self.ahead is not None and not self._is_passed(progress):
            return self.ahead
        best = progress.start()
        return self.ahead.moved(best) if isinstance(self.ahead, NewtonStart) else best

    @property
    def _keeps_products(self) -> bool:
        """Whether the last Newton steps have left inner products of rows."""
        return isinstance(self.ahead, NewtonStart) and self.ahead.inner is not None

    def _is_passed(self, progress: Progress) -> bool:
        """Whether sweeps have got farther than the last Newton steps."""
        return progress.relative_gap <= _PASSED * self.gap

    def price(self, progress: Progress, count: int) -> float:
        """Return about the work of so many Newton steps from here."""
        problem, best = progress.problem, progress.best
        assert best is not None
        inside = (best.alpha > 0.0) & (best.alpha < problem.bound)
        products, step_work = _works(problem, max(float(np.count_nonzero(inside)), 1.0))
        if problem.rows.keeps_kernel or self._keeps_products:
            products = 0.0
        return products + count * (step_work + work_of_sweep(problem.rows) + CALL_WORK)

    def step(self, progress: Progress, seed: int) -> None:
        """Take Newton steps until they have taken more work than sweeps.

        None is taken if one alone is known to take more than that.
        """
        room = self._room(progress)
        if self.price(progress, 1) > room:
            return
        before, first = progress.work, _log_odds(progress)
        goes_on = True
        while goes_on:
            last = min(_log_odds(progress), _LARGEST_ODDS)
            progress.budget = progress.work + room
            self.ahead = finish(progress, self.start(progress), seed)
            self.gap = progress.relative_gap
            self.is_cut_short = progress.exhausted
            work, odds = progress.work - before, _log_odds(progress)
            self.pace_of_steps = (first - odds) / max(work, 1.0)
            has_gained = odds <= last + _GAINED
            is_as_fast = self.pace_of_steps >= _AS_FAST * self.pace_of_sweeps
            goes_on = has_gained and is_as_fast and self.is_cut_short
            goes_on = goes_on and not progress.is_done()
        self.stepped += work

    def _room(self, progress: Progress) -> float:
        """Return how much work Newton steps may take in their turn."""
        problem = progress.problem
        if progress.max_iter - progress.n_iter <= _RESERVE:
            return np.inf
        room = self._share(self.stepped, self.swept, self._is_behind(), progress)
        is_trusted = not is_small(problem) or problem.rows.n_features <= _NARROW
        if self.stepped or not is_trusted:
            return room
        price = _price_of_finish(problem) * price_of_sweep(problem.rows)
        if problem.n_rows > LEAST_BAND:
            most = _LITTLE if problem.rows.is_sparse else np.inf
            price = max(_PATIENCE * price, min(_MORE_PATIENCE * price, most))
        return max(room, price)

    def sweep_first(self, progress: Progress, first: Start, seed: int) -> None:
        """Sweep a little; no farther than a rough gap if Newton steps are cheap."""
        pass_work = work_of_sweep(progress.problem.rows)
        progress.budget = FIRST_SWEEPS * (pass_work + CALL_WORK)
        is_spent = self._end_of_turn(progress)

        def is_enough(taken: float, remaining: float) -> bool:
            is_rough = progress.exact and progress.relative_gap <= ROUGH
            if is_rough and self.price(progress, _STEPS_TO_EXACT) <= progress.cheap:
                return True
            return is_spent(taken, remaining)

        max_iter, most = progress.max_iter, _most_sweeps(progress)
        progress.max_iter = min(max_iter, progress.n_iter + max(most, FIRST_SWEEPS))
        sweep_until(progress, first, seed, is_enough)
        progress.max_iter, progress.budget = max_iter, np.inf

    def _end_of_turn(self, progress: Progress) -> Callable[[float, float], bool]:
        """Return the rule by which a turn of sweeps that is spent comes to its end.

        It may go on if the work that is predicted to remain is no more than Newton
        steps would take in their turn, and takes no more than that.
        """
        spent, pass_work = progress.budget, work_of_sweep(progress.problem.rows)
        swept, before = self.swept, progress.work

        def is_enough(taken: float, remaining: float) -> bool:
            if progress.work < spent:
                return False
            so_far = swept + progress.work - before
            latest = spent + max(_AHEAD * so_far - self.stepped, progress.cheap)
            progress.budget = latest
            return not progress.work + remaining * pass_work <= latest

        return is_enough

    def sweep(self, progress: Progress, seed: int) -> None:
        """Sweep until that has taken more work than Newton steps.

        Some iterations are left to these, unless they have nothing more to do.
        """
        before, max_iter = progress.work, progress.max_iter
        first = _log_odds(progress)
        room = self._share(self.swept, self.stepped, not self._is_behind(), progress)
        is_enough = None
        if self.is_cut_short:
            progress.budget = before + room
            progress.max_iter = progress.n_iter + _most_sweeps(progress)
            is_enough = self._end_of_turn(progress)
        else:
            progress.budget = np.inf
        sweep_until(progress, progress.start(), seed, is_enough)
        progress.max_iter = max_iter
        work = progress.work - before
        self.swept += work
        self.pace_of_sweeps = (first - _log_odds(progress)) / max(work, 1.0)

    def _is_behind(self) -> bool:
        """Whether Newton steps gained less than sweeps, in the last turns."""
        return self.pace_of_steps < self.pace_of_sweeps

    def _share(
        self, spent: float, by_other: float, is_behind: bool, progress: Progress
    ) -> float:
        """Return how much work a method may take, given that of both so far."""
        both = self.swept and self.stepped
        if is_behind and both and not _takes_bands(progress.problem):
            return max(_BEHIND * by_other - spent, progress.cheap)
        ahead = _AHEAD if both else _AT_FIRST
        return max(ahead * by_other - spent, _GROWTH * spent, progress.cheap)


def _most_sweeps(progress: Progress) -> int:
    """Return how many iterations a turn of sweeps may take."""
    left = max(progress.max_iter - _RESERVE - progress.n_iter, 0)
    return math.ceil(_PART_OF_LEFT * left)


def _takes_bands(problem: Problem) -> bool:
    """Whether Newton steps are on bands of rows."""
    return not is_small(problem) and problem.n_rows > LEAST_BAND


def _log_odds(progress: Progress) -> float:
    """Return the logarithm of the gap over the dual value."""
    gap = min(progress.relative_gap, 1.0 - 1e-15)
    return float(np.log(max(gap, 1e-16) / (1.0 - gap)))


def finish(
    progress: Progress, start: Start | WeightsStart | Rounds | None, seed: int
) -> NewtonStart | Rounds | None:
    """Take Newton steps to the tolerance, or on a small problem to rounding.

    Returns
    -------
    NewtonStart, Rounds or None
        Where they ended, if they can go on there.
    """
    problem = progress.problem
    small = is_small(problem)
    if isinstance(start, Rounds | WeightsStart):
        return band_until(progress, start, progress.tol)
    goes_on = isinstance(start, InterruptedStart)
    if (_takes_bands(problem) and not goes_on) or (not small and start is None):
        first: Start | WeightsStart | None = start
        if start is None or not (start.alpha.any() or start.w is not None):
            first = nest(progress, seed)
        return band_until(progress, first, progress.tol, lambda: nest(progress, seed))
    if start is None:
        start = Start(np.zeros(problem.n_rows))
    if not (small and progress.exact):
        return newton_until(progress, start, goal=progress.tol)
    tol = progress.tol
    progress.tol = min(tol, EXACT)
    ahead = newton_until(progress, start, goal=OUT_OF_REACH)
    progress.tol = tol
    return ahead


def hand_over_soon(taken: float, remaining: float) -> bool:
    """Whether sweeps are less than half done, as far as that is known."""
    return not remaining <= taken


def hand_over(progress: Progress) -> Callable[[float, float], bool]:
    """Return the rule by which sweeps are left for Newton steps.

    They are left when they are predicted to cost more, or more than `max_iter` allows
    while the next look could leave too few iterations for Newton steps.
    """
    price = _price_of_finish(progress.problem)

    def is_dearer(taken: float, remaining: float) -> bool:
        left = progress.max_iter - progress.n_iter
        if are_dearer(taken, remaining, price):
            return True
        return remaining > left and left - LONGEST_WAIT * taken < _RESERVE

    return is_dearer


def _price_of_finish(problem: Problem) -> float:
    """Return the price of a finish by Newton steps, in sweeps over all rows."""
    n, d = problem.n_rows, problem.rows.n_features
    # At the optimum about as many rows are free as there are columns, if so many are.
    free = min(max(_FREE_IF_TALL * n, d), _FREE_IF_WIDE * n)
    products, step_work = _works(problem, free)
    sweep = price_of_sweep(problem.rows)
    step = _SWEEPS_PER_STEP * sweep + step_work
    return newton_price(_TYPICAL_STEPS, step, sweep, products)


def _works(problem: Problem, n_free: float) -> tuple[float, float]:
    """Return the work of inner products, if the system needs any, and of each step."""
    by_columns, by_rows, by_gradients = works_of_systems(problem, n_free)
    step_work = by_gradients
    if problem.rows.n_features <= LARGEST_SYSTEM:
        step_work = min(step_work, by_columns)
    if n_free <= LARGEST_SYSTEM and by_rows <= step_work:
        return problem.rows.work_of_products(n_free, n_free), by_rows
    return 0.0, step_work

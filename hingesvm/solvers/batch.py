r"""Full-batch steps with a second-order finish.

The proximal point method on the dual (the augmented Lagrangian method), with
semismooth Newton steps inside (Yan and Li, "An efficient augmented Lagrangian
method for support vector machine", 2020). With multipliers a and steps
:math:`\sigma_i = \rho c_i`, every (w, b) has the feasible dual point

.. math::

    a^+_i = \mathrm{clip}\left(
        \frac{a_i + \sigma_i (1 - m_i)}{1 + \sigma_i q_i}, \, 0, \, u_i \right),

and the inner problem minimises :math:`\Psi(w, b)`, whose gradient is
:math:`w - \sum_i a^+_i y_i x_i` and whose generalised Hessian is
:math:`I + \sum_{i \in F} \sigma_i / (1 + \sigma_i q_i) \, x_i x_i^\top` over the rows
F strictly inside their box. Then a becomes :math:`a^+`. A free intercept is
minimised over exactly at every step, so that :math:`\sum_i a^+_i y_i = 0` and every
iterate carries a certificate.

X is used through ``rows`` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hingesvm.solvers import _sweep
from hingesvm.solvers.newton import NewtonSystem, newton_direction
from hingesvm.solvers.problem import Certificate, Problem
from hingesvm.solvers.progress import Progress, Start

__all__ = ["newton_until"]

Float64Array = NDArray[np.float64]

# Inner problems solved in this many Newton steps let rho grow; in more, shrink.
_QUICK, _SLOW = 5, 15
_GROWTH = 3.0
_MAX_INNER, _MAX_INNER_AT_END = 25, 8
# Multiplier updates with next to no progress before the method gives up: at
# nothing certified yet, and behind the tolerance.
_PATIENCE, _PATIENCE_AT_END = 15, 1
_MAX_SEARCH = 40
# Gains that count as progress: as a part of the gap, and of the objective.
_VISIBLE, _NOISE = 1e-3, 4e-15
# Sum of a_i y_i, relative to that of a_i, that can be rounding.
_ROUNDING = 1e-14


@dataclass
class _State:
    """An iterate and what is known of it.

    Attributes
    ----------
    w, intercept, scores
        The iterate and x_i . w.
    anchor, rho
        The multipliers a and the proximal step in units of the costs.
    rest, pace
        a+ is rest + pace * (1 - m), clipped to its box.
    alpha, own, free
        a+, w(a+), and the rows where a+ is strictly inside its box.
    """

    w: Float64Array
    intercept: float
    scores: Float64Array
    alpha: Float64Array
    own: Float64Array
    anchor: Float64Array = field(init=False)
    rho: float = field(init=False)
    rest: Float64Array = field(init=False)
    pace: Float64Array = field(init=False)
    free: NDArray[np.intp] = field(init=False)

    def take_anchor(self, problem: Problem, anchor: Float64Array, rho: float) -> None:
        """Begin another inner problem."""
        self.anchor, self.rho = anchor, rho
        sigma = rho * problem.cost
        width = 1.0 + sigma * problem.curvature
        self.rest = anchor / width
        self.pace = sigma / width


def newton_until(progress: Progress, start: Start, goal: float) -> None:
    """Take Newton steps to a relative gap, or until they no longer bring it closer.

    Parameters
    ----------
    progress : Progress
        Keeps what is found, and bounds the number of steps.
    start : Start
        Dual variables to start from, and weights if better ones are known.
    goal : float
        Relative gap to aim at; may be below the tolerance, even out of reach.
    """
    problem = progress.problem
    state = _begin(problem, start)
    patience = _PATIENCE
    previous: Certificate | None = None
    while not progress.exhausted and patience:
        steps, solved = _minimise_inner(progress, state, goal)
        if progress.relative_gap <= goal:
            return
        best = progress.best
        assert best is not None
        factor = _change_of_rho(steps, solved)
        # While rho is still finding its size the dual value is next to nothing.
        growing = factor > 1.0 and best.relative_gap > 0.5
        if growing or previous is None or _is_progress(previous, best):
            patience = _PATIENCE
        else:
            patience -= 1
        if progress.converged:
            patience = min(patience, _PATIENCE_AT_END)
        previous = best
        anchor = state.alpha
        if not solved and _has_strayed(problem, state, best):
            state.w, state.intercept, anchor = best.w, best.intercept, best.alpha
            state.scores = problem.rows.margins(best.w)
        state.take_anchor(problem, anchor, state.rho * factor)
        _settle(problem, state)


def _change_of_rho(steps: int, solved: bool) -> float:
    """Return the factor for rho after an inner problem."""
    if not solved or steps > _SLOW:
        return 1.0 / _GROWTH
    if steps <= 1:
        return _GROWTH * _GROWTH
    return _GROWTH if steps <= _QUICK else 1.0


def _has_strayed(problem: Problem, state: _State, best: Certificate) -> bool:
    """Whether the objective has risen by more than the gap."""
    primal = problem.primal(state.w, state.intercept, state.scores)
    return primal - best.primal > best.gap


def _is_progress(previous: Certificate, best: Certificate) -> bool:
    """Whether the primal fell or the dual rose by a visible part of the gap."""
    gained = (previous.primal - best.primal) + (best.dual - previous.dual)
    return gained > max(_VISIBLE * previous.gap, _NOISE * best.primal)


def _begin(problem: Problem, start: Start) -> _State:
    """Return the state at the start."""
    alpha = problem.repair(start.alpha)
    own = problem.combine(alpha)
    w, intercept = own, problem.intercept_of(alpha, start.intercept)
    if start.w is not None:
        w = start.w
        if problem.intercept_rule != "none":
            intercept = start.intercept
    scores = problem.rows.margins(w)
    state = _State(w, intercept, scores, alpha, own)
    state.take_anchor(problem, alpha, _first_rho(problem, alpha))
    _settle(problem, state)
    return state


def _first_rho(problem: Problem, alpha: Float64Array) -> float:
    """Return the first proximal step, in units of the costs.

    1 where the duals are of the size of the costs; on nearly separable data they are
    far smaller, about 1 / ||x||^2.
    """
    moved = alpha > 0.0
    used = float(np.median(alpha[moved] / problem.cost[moved])) if moved.any() else 0.0
    norms = problem.rows.squared_norms() * problem.cost
    typical = float(norms.mean())
    return max(used, 1.0 / typical) if typical > 1.0 else 1.0


def _settle(problem: Problem, state: _State) -> None:
    """Move a free intercept to its minimiser, and update the dual point."""
    signs = problem.signs
    if problem.intercept_rule == "free":
        here, change = 1.0 - signs * state.scores, signs.astype(np.float64)

        def excess(b: float) -> tuple[float, float]:
            pull, bend = _sweep.clipped_sums(
                state.rest, state.pace, problem.bound, here, change, b
            )
            return -pull, bend

        rounding = _ROUNDING * float(state.alpha.sum())
        state.intercept = _increasing_zero(excess, state.intercept, noise=rounding)
    shortfall = 1.0 - signs * (state.scores + state.intercept)
    raw = state.rest + state.pace * shortfall
    alpha = np.clip(raw, 0.0, problem.bound)
    state.own = state.own + problem.combine(alpha - state.alpha)
    state.alpha = alpha
    state.free = np.flatnonzero((raw > 0.0) & (raw < problem.bound))


def _minimise_inner(progress: Progress, state: _State, goal: float) -> tuple[int, bool]:
    """Minimise Psi by Newton steps; return how many, and whether it was solved."""
    problem = progress.problem
    state.own = problem.combine(state.alpha)
    state.scores = problem.rows.margins(state.w)
    limit = _MAX_INNER_AT_END if progress.converged else _MAX_INNER
    for steps in range(limit):
        progress.record(_certificate(problem, state))
        if progress.exhausted or progress.relative_gap <= goal:
            return steps, True
        gradient = state.w - state.own
        pull = 0.0
        if problem.intercept_rule == "penalized":
            pull = state.intercept - problem.imbalance(state.alpha)
        moved = state.alpha - state.anchor
        allowed = float((moved * moved / problem.cost).sum()) / state.rho
        if float(gradient @ gradient) + pull * pull <= allowed:
            return steps, True
        slope = state.pace[state.free]
        system = NewtonSystem(problem, state.free, slope, gradient, pull)
        direction, turn = newton_direction(system)
        progress.n_iter += 1
        if not _line_search(problem, state, direction, turn):
            return steps, False
        _settle(problem, state)
    return limit, False


def _certificate(problem: Problem, state: _State) -> Certificate:
    """Return the certificate of the present iterate; needs no pass over X."""
    dual = problem.dual(state.alpha, state.own)
    if problem.intercept_rule == "free":
        # About what a repair of rounding errors in sum a_i y_i = 0 would cost.
        excess = abs(problem.imbalance(state.alpha))
        dual -= excess * (2.0 + abs(state.intercept))
    primal = problem.primal(state.w, state.intercept, state.scores)
    return Certificate(state.w, state.intercept, state.alpha, primal, dual)


def _line_search(
    problem: Problem, state: _State, direction: Float64Array, turn: float
) -> bool:
    """Go to the minimum of Psi along a direction; False when it leads nowhere."""
    signs = problem.signs
    across = problem.rows.margins(direction)
    change = signs * (across + turn)
    here = 1.0 - signs * (state.scores + state.intercept)
    along = float(state.w @ direction)
    length = float(direction @ direction)
    if problem.intercept_rule == "penalized":
        along += state.intercept * turn
        length += turn * turn

    def derivative(t: float) -> tuple[float, float]:
        pull, bend = _sweep.clipped_sums(
            state.rest, state.pace, problem.bound, here, change, t
        )
        return along + t * length - pull, length + bend

    at_start = derivative(0.0)[0]
    if not at_start < 0.0:
        return False
    t = _increasing_zero(derivative, 1.0, 1e-3 * -at_start, low=0.0)
    if not t > 0.0:
        return False
    state.w = state.w + t * direction
    state.intercept += t * turn
    state.scores = state.scores + t * across
    return True


def _increasing_zero(
    function: Callable[[float], tuple[float, float]],
    start: float,
    tolerance: float = 0.0,
    *,
    noise: float = 0.0,
    low: float = -np.inf,
) -> float:
    """Return a zero of an increasing piecewise linear function of one variable.

    Newton steps, kept inside a bracket; finite for a piecewise linear function.

    Parameters
    ----------
    function : callable
        Returns the value and the derivative.
    start : float
    tolerance : float, default=0.0
        Absolute value that counts as 0.
    noise : float, default=0.0
        Absolute value at which the search ends once it no longer falls.
    low : float, default=-inf
        Where the function is known to be negative.
    """
    high, reach = np.inf, 1.0
    x = best = start
    smallest = np.inf
    for _ in range(_MAX_SEARCH):
        value, slope = function(x)
        if abs(value) < smallest:
            smallest, best = abs(value), x
        elif smallest <= noise:
            break
        if abs(value) <= tolerance:
            break
        if value > 0.0:
            high = x
        else:
            low = x
        x_next = x - value / slope if slope > 0.0 else np.nan
        if not low < x_next < high:
            if np.isfinite(low) and np.isfinite(high):
                x_next = 0.5 * (low + high)
            else:
                x_next = x - np.copysign(reach, value)
                reach *= 4.0
        if x_next in (x, low, high):
            break
        x = x_next
    return best

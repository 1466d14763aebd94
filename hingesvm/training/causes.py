"""Why fits ended above the tolerance, from what was measured, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hingesvm.rows.columns import column_scales, condition_of_columns
from hingesvm.rows.contract import Rows
from hingesvm.solvers import Method, Solution
from hingesvm.training.trained import Trained

__all__ = ["causes_of", "end_of", "relative", "told"]

#: How a problem that was not stopped ended: rounding errors are most of its gap, or it
#: is no larger than they are anyway; few iterations were allowed; the gap was still
#: falling at `max_iter`; or it was not.
End = Literal["hidden", "nothing", "few", "falling", "stuck"]

Float64Array = NDArray[np.float64]

# Part of a gap from which rounding errors that may be there are the cause of it.
_MOST_OF_IT = 0.5
# Relative gaps below this are made of rounding errors.
_ROUNDING_ERRORS = 1e-13
# Iterations that next to no fit needs more of: the default of `max_iter`.
_MANY_ITERATIONS = 1000
# Part of the iterations, the last ones, over which a gap falls or not; to what part.
_LAST_PART, _FALLS = 0.25, 0.9
# Ratios from which columns of different scale slow a fit down, as weights do, and rows
# of different length.
_UNEVEN_COLUMNS, _UNEVEN_ROWS = 1e3, 1e2
# Condition numbers of columns of length 1 from which they nearly depend on each other,
# and C ||x||^2 from which a margin is nearly a hard one; far below 1 weights are none.
_DEPENDENT, _HARD = 1e4, 1e4
# Relative gaps from here on are told in per cent.
_PER_CENT = 0.01

_RAISE_IT = "Raise max_iter, or tol if this gap is small enough."


def relative(gap: float, objective: float) -> float:
    """Return a gap as a part of the objective."""
    return gap / objective if objective > 0.0 else 0.0


def told(relative_gap: float) -> str:
    """Return a relative gap as a warning tells it."""
    if _PER_CENT <= relative_gap < np.inf:
        return f"{100.0 * relative_gap:.3g} %"
    return f"{relative_gap:.2g}"


def causes_of(
    rows: Rows,
    short: Sequence[Trained],
    tol: float,
    max_iter: int,
    method: Method = "auto",
) -> list[str]:
    """Return why fits ended above the tolerance, with numbers, and what to do.

    Of the problems that ended alike the worst one speaks.

    Parameters
    ----------
    rows : Rows
    short : sequence of Trained
        Fits of these rows, or of some of them, that did not converge.
    tol : float
    max_iter : int
    method : {"auto", "stochastic", "batch", "pegasos"}, default="auto"
    """
    each = [(one, trained) for trained in short for one in trained.solutions]
    each.sort(key=lambda pair: -pair[0].certificate.relative_gap)
    worst: dict[End, tuple[Solution, Trained]] = {}
    for solution, trained in each:
        if not solution.converged:
            worst.setdefault(end_of(solution, max_iter), (solution, trained))
    causes = [
        _sentence(end, solution, "Another one" if place else "It")
        for place, (end, (solution, _)) in enumerate(worst.items())
    ]
    if {"few", "falling", "stuck"} & set(worst):
        # Few iterations tell little of where rounding would end them.
        long = [worst[end][0] for end in ("falling", "stuck") if end in worst]
        facts = [*_of_rounding(long, tol), *_of_scales(rows)]
        if "stuck" in worst and not facts:
            facts = [*_of_the_rest(rows, worst["stuck"][1].costs)]
        causes += facts
        if method in ("stochastic", "pegasos") and "few" not in worst:
            causes.append(f"solver={method!r} takes no Newton steps: take 'auto'.")
    if "falling" in worst:
        causes.append(_RAISE_IT)
    return causes


def end_of(solution: Solution, max_iter: int) -> End:
    """Return how a problem ended above the tolerance."""
    found = solution.certificate
    if found.relative_gap < _ROUNDING_ERRORS:
        return "nothing"
    if found.hidden > _MOST_OF_IT * found.gap > 0.0:
        return "hidden"
    if solution.n_iter < max_iter:
        return "stuck"
    if max_iter < _MANY_ITERATIONS:
        return "few"
    _, before, now = _last_part(solution)
    return "falling" if now < _FALLS * before else "stuck"


def _last_part(solution: Solution) -> tuple[int, float, float]:
    """Return how many iterations the last ones are, and the relative gaps around."""
    if not solution.history:
        gap = solution.certificate.relative_gap
        return 0, gap, gap
    last = solution.history[-1]
    latest = (1.0 - _LAST_PART) * last.iteration
    first = [check for check in solution.history if check.iteration <= latest][-1:]
    first = first or solution.history[:1]
    before, now = (relative(one.gap, one.objective) for one in (first[0], last))
    return last.iteration - first[0].iteration, before, now


def _sentence(end: End, solution: Solution, who: str) -> str:
    """Return how a problem ended."""
    found = solution.certificate
    if end == "nothing":
        return "Rounding permits no smaller gap: raise tol."
    if end == "hidden":
        return (
            "Rounding errors of float64 hide the rest: with this C and rows of this "
            "length the bounds of the objective can be off by "
            f"{_share(found.hidden, found.primal)} of it. Scale the columns of X, "
            "reduce C, or raise tol."
        )
    if end == "few":
        return _RAISE_IT
    count, before, now = _last_part(solution)
    if end == "falling":
        return (
            f"{who} still fell, from {told(before)} to {told(now)} in the last {count} "
            "iterations."
        )
    if now < _FALLS * before:
        return f"{who} did not fall any more after {solution.n_iter} iterations."
    return f"{who} came next to no closer in the last {count} iterations."


def _of_rounding(each: Sequence[Solution], tol: float) -> Iterator[str]:
    """Yield that steps cannot see what is left, if they cannot."""
    blurred = [one for one in each if one.noise > tol * one.certificate.primal]
    if blurred:
        most = max(blurred, key=lambda one: one.noise / one.certificate.primal)
        yield (
            "Rounding errors in the float64 sums of its steps can change the objective "
            f"by {_share(most.noise, most.certificate.primal)} of it, which is above "
            "tol: scale X, reduce C, or raise tol."
        )


def _share(size: float, objective: float) -> str:
    """Return a part of the objective in words."""
    return told(size / objective) if size < objective else "all"


def _of_scales(rows: Rows) -> Iterator[str]:
    """Yield what is uneven in X."""
    scales = column_scales(rows)
    ratio = _ratio(scales[scales > 0.0])
    if ratio > _UNEVEN_COLUMNS:
        yield (
            f"The columns of X differ in scale by a factor of {ratio:.2g}, which "
            "slows convergence: scale them, for instance with StandardScaler or "
            "MaxAbsScaler."
        )
    lengths = np.sqrt(rows.squared_norms())
    median = float(np.median(lengths[lengths > 0.0])) if lengths.any() else 1.0
    ratio = float(lengths.max(initial=0.0)) / median
    if ratio > _UNEVEN_ROWS:
        yield (
            f"The longest row of X is {ratio:.2g} times as long as the median one, "
            "which slows convergence: look for outliers, or scale rows whose lengths "
            "mean nothing, for instance with Normalizer."
        )


def _of_the_rest(rows: Rows, costs: Float64Array) -> Iterator[str]:
    """Yield what else makes a problem hard."""
    condition = condition_of_columns(rows)
    if condition > _DEPENDENT:
        yield (
            "The columns of X nearly depend on each other: scaled to the same length, "
            f"they have a condition number of {condition:.2g}. Subtract their means, "
            "or leave some of them out."
        )
    size = float(np.median(costs)) * float(np.median(rows.squared_norms()))
    if size > _HARD:
        yield (
            f"C times weight times squared length of a row of X is {size:.2g}, by "
            "medians, so that margins are nearly hard ones: reduce C, or scale X."
        )
    elif 0.0 < size * _HARD < 1.0:
        yield (
            f"C times weight times squared length of a row of X is {size:.2g}, by "
            "medians, so that coefficients are nearly 0: raise C, or scale X."
        )
    ratio = _ratio(costs)
    if ratio > _UNEVEN_COLUMNS:
        yield (
            f"The weights of rows differ by a factor of {ratio:.2g}, which slows "
            "convergence: use weights that are more alike."
        )


def _ratio(sizes: Float64Array) -> float:
    """Return the largest over the smallest; 1 of none."""
    return float(sizes.max() / sizes.min()) if len(sizes) else 1.0

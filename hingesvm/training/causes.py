"""Explanations of fits that ended above the tolerance, with measurements and advice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hingesvm.rows.columns import column_scales, condition_of_columns
from hingesvm.rows.contract import Rows
from hingesvm.solvers import Method, Solution
from hingesvm.training.trained import TrainedModel

__all__ = ["causes_of", "end_of", "format_gap", "relative_gap"]

#: How a problem ended that no callback stopped. "hidden": rounding errors make up most
#: of the gap. "nothing": the gap is as small as rounding permits. "few": `max_iter` is
#: small. "falling": the gap was still falling at `max_iter`. "stuck": it was not.
End = Literal["hidden", "nothing", "few", "falling", "stuck"]

Float64Array = NDArray[np.float64]

# Bounds of rounding errors above this part of a gap are taken for the cause of it.
_MOST_OF_IT = 0.5
# Relative gaps below this consist of rounding errors.
_ROUNDING_ERRORS = 1e-13
# Hardly any fit needs more iterations than this, the default of `max_iter`.
_MANY_ITERATIONS = 1000
# A gap is falling if the last quarter of the iterations reduced it below 0.9 of itself.
_LAST_PART, _FALLS = 0.25, 0.9

# From where on something is named as a cause. If these are low, causes are named that
# do no harm; if they are high, a warning has no cause (`benchmarks/fuzz.py` counts
# these).
# Scales of columns, and weights of rows, slow a fit down from the first ratio on, and
# lengths of rows from the second.
_UNEVEN_COLUMNS, _UNEVEN_ROWS = 1e3, 1e2
# Columns of length 1 are nearly linearly dependent above this condition number.
_DEPENDENT = 1e4
# Margins are nearly hard where C ||x||^2 is above this, and coefficients are nearly 0
# where it is below the reciprocal.
_HARD = 1e4

# Relative gaps from here on are written in per cent.
_PER_CENT = 0.01

_RAISE_IT = "Raise max_iter, or tol if this gap is small enough."


def relative_gap(gap: float, objective: float) -> float:
    """Return a gap divided by the objective, or 0 if the objective is 0."""
    return gap / objective if objective > 0.0 else 0.0


def format_gap(gap: float) -> str:
    """Return a relative gap as text for a warning."""
    if _PER_CENT <= gap < np.inf:
        return f"{100.0 * gap:.3g} %"
    return f"{gap:.2g}"


def causes_of(
    rows: Rows,
    short: Sequence[TrainedModel],
    tol: float,
    max_iter: int,
    method: Method = "auto",
) -> list[str]:
    """Return why fits ended above the tolerance, with numbers, and what to do.

    Problems that ended in the same way are described by the worst of them.

    Parameters
    ----------
    rows : Rows
        The rows of all fits.
    short : sequence of TrainedModel
        Fits of all or some of these rows that did not converge.
    tol : float
        The tolerance that they missed.
    max_iter : int
        The bound on their iterations.
    method : {"auto", "stochastic", "batch", "pegasos"}, default="auto"
        The solver.

    Returns
    -------
    list of str
        Sentences.
    """
    pairs = [(solution, model) for model in short for solution in model.solutions]
    pairs.sort(key=lambda pair: -pair[0].certificate.relative_gap)
    worst: dict[End, tuple[Solution, TrainedModel]] = {}
    for solution, model in pairs:
        if not solution.converged:
            worst.setdefault(end_of(solution, max_iter), (solution, model))
    causes = [
        _sentence(end, solution, "Another one" if position else "It")
        for position, (end, (solution, _)) in enumerate(worst.items())
    ]
    if {"few", "falling", "stuck"} & set(worst):
        # A few iterations do not show where rounding would end them.
        long = [worst[end][0] for end in ("falling", "stuck") if end in worst]
        facts = [*_rounding_causes(long, tol), *_scale_causes(rows)]
        if "stuck" in worst and not facts:
            facts = [*_other_causes(rows, worst["stuck"][1].costs)]
        causes += facts
        if method in ("stochastic", "pegasos") and "few" not in worst:
            causes.append(f"solver={method!r} takes no Newton steps: take 'auto'.")
    if "falling" in worst:
        causes.append(_RAISE_IT)
    return causes


def end_of(solution: Solution, max_iter: int) -> End:
    """Return how a problem ended that did not reach the tolerance."""
    certificate = solution.certificate
    if certificate.relative_gap < _ROUNDING_ERRORS:
        return "nothing"
    if certificate.hidden > _MOST_OF_IT * certificate.gap > 0.0:
        return "hidden"
    if solution.n_iter < max_iter:
        return "stuck"
    if max_iter < _MANY_ITERATIONS:
        return "few"
    _, before, now = _last_part(solution)
    return "falling" if now < _FALLS * before else "stuck"


def _last_part(solution: Solution) -> tuple[int, float, float]:
    """Return the number of the last iterations, and the gaps before and after them.

    The gaps are relative ones.
    """
    if not solution.history:
        gap = solution.certificate.relative_gap
        return 0, gap, gap
    last = solution.history[-1]
    latest = (1.0 - _LAST_PART) * last.iteration
    early = [check for check in solution.history if check.iteration <= latest]
    first = early[-1] if early else solution.history[0]
    before, now = (relative_gap(check.gap, check.objective) for check in (first, last))
    return last.iteration - first.iteration, before, now


def _sentence(end: End, solution: Solution, who: str) -> str:
    """Return a sentence on how a problem ended, in which `who` is its gap."""
    if end == "nothing":
        return "Rounding permits no smaller gap: raise tol."
    if end == "hidden":
        certificate = solution.certificate
        return (
            "Rounding errors hide the rest: with this C and rows of this "
            "length the bounds of the objective can be off by "
            f"{_share(certificate.hidden, certificate.primal)} of it. Scale the "
            "columns of X, reduce C, or raise tol."
        )
    if end == "few":
        return _RAISE_IT
    count, before, now = _last_part(solution)
    if end == "falling":
        return (
            f"{who} still fell, from {format_gap(before)} to {format_gap(now)} in the "
            f"last {count} iterations."
        )
    if now < _FALLS * before:
        return f"{who} did not fall any more after {solution.n_iter} iterations."
    return f"{who} came next to no closer in the last {count} iterations."


def _rounding_causes(solutions: Sequence[Solution], tol: float) -> Iterator[str]:
    """Yield a sentence if rounding errors of steps can be larger than the tolerance."""
    blurred = [
        solution
        for solution in solutions
        if solution.noise > tol * solution.certificate.primal
    ]
    if blurred:
        most = max(
            blurred, key=lambda solution: solution.noise / solution.certificate.primal
        )
        yield (
            "Rounding errors in the float64 sums of its steps can change the objective "
            f"by {_share(most.noise, most.certificate.primal)} of it, which is above "
            "tol: scale X, reduce C, or raise tol."
        )


def _share(size: float, objective: float) -> str:
    """Return `size` as a part of the objective, as text."""
    return format_gap(size / objective) if size < objective else "all"


def _scale_causes(rows: Rows) -> Iterator[str]:
    """Yield a sentence if columns, and one if rows, differ much in scale."""
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


def _other_causes(rows: Rows, costs: Float64Array) -> Iterator[str]:
    """Yield sentences on dependent columns, on extreme costs and on uneven weights."""
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
    """Return the largest size divided by the smallest, or 1 if there are none."""
    return float(sizes.max() / sizes.min()) if len(sizes) else 1.0

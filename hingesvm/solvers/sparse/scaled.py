"""Penalties without kinks: half of the squared norm, of columns in units of their own.

With w_j = u_j / sqrt(s_j) the penalty sum_j s_j w_j^2 / 2 is half of the squared norm
of u, and column j of X is divided by sqrt(s_j). All methods of that norm then serve.
What they find is certified on X as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Certificate
from hingesvm.problems.penalized import PenalizedProblem
from hingesvm.problems.start import Start
from hingesvm.rows.gathered import gathered
from hingesvm.solvers.progress import Check, Progress, Report
from hingesvm.solvers.sparse.choice import FEW_COLUMNS

__all__ = ["has_other_units", "solve_in_units"]

Float64Array = NDArray[np.float64]

# Entries of X that are copied at most: a bound of memory.
_MOST_ENTRIES = 1 << 26

#: Solves a problem with half of the squared norm.
Solve = Callable[[Progress, Start | None, int], None]


def has_other_units(problem: Problem) -> bool:
    """Whether a penalty has no kinks, and columns are many and may be copied."""
    penalty, rows = problem.penalty, problem.rows
    if penalty is None or rows.reads_in_passes or penalty.threshold.any():
        return False
    return rows.n_features > FEW_COLUMNS and rows.n_entries <= _MOST_ENTRIES


def solve_in_units(
    progress: Progress, start: Start | None, seed: int, solve: Solve
) -> Start:
    """Solve a problem in the units of its penalty; return where that led.

    Parameters
    ----------
    progress : Progress
        Of a problem that `has_other_units`.
    start : Start or None
    seed : int
    solve : callable
        ``solve(progress, start, seed)``.
    """
    problem = progress.problem
    assert isinstance(problem, PenalizedProblem)
    unit = 1.0 / np.sqrt(problem.penalty.strength)
    inside = Progress(
        _in_units(problem, unit),
        progress.tol,
        progress.max_iter,
        progress.n_iter,
        history=progress.history,
        report=_of_weights(progress.report, unit),
        began=progress.began,
        exact=progress.exact,
        cheap=progress.cheap,
    )
    inside.keep(inside.problem.origin())
    if start is not None:
        w = None if start.w is None else start.w / unit
        start = Start(np.ascontiguousarray(start.alpha), w, start.intercept)
    solve(inside, start, seed)
    progress.n_iter, progress.work = inside.n_iter, progress.work + inside.work
    progress.is_stopped = inside.is_stopped
    best = inside.solution().certificate
    found = Start(best.alpha, unit * best.w, best.intercept)
    progress.keep(problem.certify(found.alpha, found.w, found.intercept), proven=True)
    return found


def _in_units(problem: PenalizedProblem, unit: Float64Array) -> Problem:
    """Return the problem of scaled columns, which are copied."""
    rows = problem.rows
    X = rows.copy_of(np.arange(rows.n_rows))
    factors = unit.astype(X.dtype)
    if rows.is_sparse:
        X.data *= factors[X.indices]
    else:
        X *= factors
    return Problem(
        gathered([X]).shared_by(rows.team, rows.check_cancelled),
        problem.signs,
        problem.cost,
        problem.bound,
        problem.curvature,
        problem.intercept_rule,
    )


def _of_weights(report: Report | None, unit: Float64Array) -> Report | None:
    """Return a report that is given certificates of scaled columns."""
    if report is None:
        return None

    def wrapped(check: Check, certificate: Certificate) -> bool | None:
        return report(check, replace(certificate, weights=unit * certificate.w))

    return wrapped

"""The door to the joint multi-class problems: which method when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.joint import JointProblem
from hingesvm.problems.proof import EXACT
from hingesvm.problems.start import CertifiedStart, Start
from hingesvm.rows.divided import DENSE_SPEEDUP
from hingesvm.solvers.joint.newton import newton_jointly
from hingesvm.solvers.joint.sweeps import sweep_jointly
from hingesvm.solvers.joint.system import FEW_UNKNOWNS
from hingesvm.solvers.price import are_dearer, newton_price
from hingesvm.solvers.progress import (
    FIRST_SWEEPS,
    OUT_OF_REACH,
    ROUGH,
    ProgressOf,
    Report,
    Solution,
)
from hingesvm.solvers.settings import Settings

__all__ = ["solve_jointly"]

Float64Array = NDArray[np.float64]

# What scores and margins must stay below, and duals relative to steps: the kernels'
# infinity is 1e30.
_LARGEST = 1e28

# Rows times unknowns of a problem that is always finished exactly: a larger one would
# take much longer than to `tol` (docs/experiments.md#constants).
_SMALL = 200_000
# Part of the tolerance that Newton steps aim at, so that what is found from scratch, a
# little less good, is within it (docs/experiments.md#constants).
_BEYOND = 0.99

# Price of Newton steps, from which sweeps are given up: if it is too high they go on in
# vain, if too low they end just before the goal (docs/experiments.md#constants).
# Steps to the tolerance.
_TYPICAL_STEPS = 20
# What a step does beside the multiply-adds, for each class of a row: in a sweep, and in
# the projections of a Newton step. Part of the rows that is free, and the pairs of
# classes that each has a block for.
_STEP, _PROJECTION, _FREE, _PAIRS = 20.0, 75.0, 0.5, 10.0

_DEFAULTS = Settings()


def solve_jointly(
    problem: JointProblem,
    settings: Settings = _DEFAULTS,
    *,
    seed: int = 0,
    start: Start | None = None,
    report: Report | None = None,
    **changes: Any,
) -> Solution:
    """Solve a joint multi-class problem to a relative duality gap.

    Parameters
    ----------
    problem : JointProblem
    settings : Settings, optional
        With any method but "pegasos". "auto" sweeps, and takes Newton steps where the
        progress measured so far predicts that very many sweeps remain.
    seed : int, default=0
        Of the order of rows.
    start : Start, optional
        Dual variables to start from, repaired if infeasible, and weights and intercepts
        if better ones than theirs are known.
    report : callable, optional
        As of `solve`.
    **changes
        Settings that are to be others than those of `settings`.

    Returns
    -------
    Solution
        Its certificate is computed from scratch on all rows.

    Raises
    ------
    ValueError
        If X, the costs or the margin are so large that the arithmetic could fail.
    """
    settings = replace(settings, **changes)
    method, tol, max_iter = settings.method, settings.tol, settings.max_iter
    _check_range(problem)
    progress = ProgressOf(problem, tol, max_iter, report=report)
    progress.record(problem.origin())
    if progress.exhausted:
        return progress.solution()
    is_small = method != "stochastic" and _is_small(problem)
    exact = settings.exact and is_small
    if start is not None:
        if isinstance(start, CertifiedStart):
            certificate = start.certificate
        else:
            intercepts = _intercepts(problem, start)
            certificate = problem.certify(start.alpha, start.w, intercepts)
        progress.record(certificate, proven=isinstance(start, CertifiedStart))
        if progress.relative_gap <= (min(tol, EXACT) if exact else tol):
            return progress.solution()
        start = Start(certificate.alpha, certificate.w, certificate.intercept)
    if is_small and method == "auto":
        progress.tol = ROUGH if exact else max(tol, ROUGH)
        progress.max_iter = min(FIRST_SWEEPS, max_iter)
        sweep_jointly(progress, start, seed)
        progress.tol, progress.max_iter = tol, max_iter
        start = progress.start()
        if not exact and (progress.converged or progress.exhausted):
            return progress.solution()
    if method == "stochastic":
        sweep_jointly(progress, start, seed)
    elif exact:
        progress.tol = min(tol, EXACT)
        newton_jointly(progress, start, OUT_OF_REACH)
        progress.tol = tol
    elif is_small or method == "batch":
        newton_jointly(progress, start, _BEYOND * tol)
    else:
        sweep_jointly(progress, start, seed, _hand_over(problem))
        if not progress.converged and not progress.exhausted:
            newton_jointly(progress, progress.start(), _BEYOND * tol)
    if method == "auto" and not progress.converged and not progress.exhausted:
        sweep_jointly(progress, progress.start(), seed)
    return progress.solution()


def _check_range(problem: JointProblem) -> None:
    """Refuse data whose scores could come near what stands for infinity."""
    others = 1 if problem.total == 1.0 else problem.n_classes - 1
    rows, cost = problem.rows, problem.cost
    if not 1.0 / _LARGEST < problem.margin < _LARGEST:
        raise ValueError(
            f"The margin of the multi-class loss is {problem.margin}: it must lie "
            f"between {1.0 / _LARGEST:.0e} and {_LARGEST:.0e}."
        )
    lengths = np.sqrt(1.0 + rows.squared_norms())
    with np.errstate(over="ignore"):
        largest = others * float((cost * lengths).sum()) * float(lengths.max())
    if not largest < _LARGEST:
        raise ValueError(
            "C times the squares of the values of X, summed, can exceed "
            f"{_LARGEST:.0e}, which joint problems cannot handle: scale X or reduce C."
        )


def _intercepts(problem: JointProblem, start: Start) -> Float64Array | None:
    """Return the intercepts to start from; None for those of the dual variables."""
    if problem.intercept_rule == "none":
        return np.zeros(problem.n_classes)
    if start.w is None:
        return None
    return np.broadcast_to(start.intercept, problem.n_classes)


def _is_small(problem: JointProblem) -> bool:
    """Whether a problem is always finished exactly."""
    unknowns = _unknowns(problem)
    return unknowns <= FEW_UNKNOWNS and problem.n_rows * unknowns <= _SMALL


def _unknowns(problem: JointProblem) -> int:
    """Return the number of weights and intercepts."""
    return problem.n_classes * (problem.rows.n_features + 1)


def _hand_over(problem: JointProblem) -> Callable[[float, float], bool] | None:
    """Return the rule by which sweeps are left for Newton steps, if they ever are."""
    if _unknowns(problem) > FEW_UNKNOWNS:
        return None
    price = _price_of_joint_finish(problem)
    return lambda taken, remaining: are_dearer(taken, remaining, price)


def _price_of_joint_finish(problem: JointProblem) -> float:
    """Return the price of a finish by Newton steps, in sweeps over all rows."""
    n, count = problem.n_rows, problem.n_classes
    per_row = problem.rows.n_entries / n
    sweep = n * count * (2.0 * per_row + _STEP)
    projections = n * count * _PROJECTION
    matrix = _FREE * n * _PAIRS * per_row * (per_row + 1.0)
    factorisation = _unknowns(problem) ** 3 / (3.0 * DENSE_SPEEDUP)
    step = sweep + projections + matrix + factorisation
    return newton_price(_TYPICAL_STEPS, step, sweep)

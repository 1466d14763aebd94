"""What a fit says: its lines, its history and its warnings."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from hingesvm.solvers import Rows, Solution

if TYPE_CHECKING:
    from hingesvm._training import Trained

__all__ = ["Report", "history_table", "warn_if_short", "warn_path_short"]

# Columns that differ in scale by more than this slow a fit down.
_UNEVEN_SCALES = 1e3
# Relative gaps below this are made of rounding errors.
_ROUNDING_ERRORS = 1e-13
# Frames between the warning and the call of `fit`.
_STACK_LEVEL = 6


class Report:
    """Prints one line for each look at the gap."""

    def __init__(self, number: int, count: int) -> None:
        self.prefix = f"class {number + 1} of {count}, " if count > 1 else ""

    def __call__(
        self, iteration: int, seconds: float, objective: float, gap: float
    ) -> None:
        relative = gap / objective if objective > 0.0 else 0.0
        print(
            f"[HingeSVC] {self.prefix}iteration {iteration}, {seconds:.3f} s: "
            f"objective {objective:.8g}, relative gap {relative:.2e}"
        )


def history_table(solution: Solution, scale: float = 1.0) -> NDArray[np.void]:
    """Return the looks at the gap as a structured array, objectives times a factor."""
    fields = [
        ("iteration", np.intp),
        ("seconds", np.float64),
        ("objective", np.float64),
        ("gap", np.float64),
    ]
    table = np.array([tuple(check) for check in solution.history], dtype=fields)
    table["objective"] *= scale
    table["gap"] *= scale
    return table


def warn_if_short(rows: Rows, trained: Trained, tol: float, max_iter: int) -> None:
    """Warn if problems, or their rounded coefficients, miss the tolerance."""
    if not trained.converged:
        _warn_not_converged(rows, trained.solutions, tol, max_iter)
    elif trained.rounded_gap > tol:
        _warn_rounded(trained.rounded_gap, tol)


def warn_path_short(
    who: str, each: list[Trained], tol: float, max_iter: int, *, stack_level: int
) -> None:
    """Warn that some of many fits did not reach the tolerance.

    `stack_level` is how many frames the call of the user is above this one.
    """
    short = [trained for trained in each if not trained.converged]
    if not short:
        return
    worst = max(
        solution.certificate.relative_gap
        for trained in short
        for solution in trained.solutions
    )
    warnings.warn(
        f"{who}: {len(short)} of {len(each)} fits stopped before tol={tol:.2g} "
        f"(max_iter={max_iter}); the largest relative duality gap is {worst:.2g}. "
        "Raise max_iter or tol, scale the columns of X, or leave out the largest C.",
        ConvergenceWarning,
        stacklevel=stack_level + 1,
    )


def _warn_not_converged(
    rows: Rows, solutions: list[Solution], tol: float, max_iter: int
) -> None:
    """Warn that problems did not reach the tolerance, with gap and cause."""
    short = [solution for solution in solutions if not solution.converged]
    n_iter = max(solution.n_iter for solution in short)
    worst = max(solution.certificate.relative_gap for solution in short)
    which = "" if len(solutions) == 1 else f" in {len(short)} of the classes"
    message = (
        f"HingeSVC stopped after {n_iter} iterations (max_iter={max_iter}) with a "
        f"relative duality gap of {worst:.2g}{which}, above tol={tol:.2g}: the "
        "objective may be that far above its minimum. "
    )
    scales = rows.column_scales()
    scales = scales[scales > 0.0]
    ratio = float(scales.max() / scales.min()) if len(scales) else 1.0
    if worst < _ROUNDING_ERRORS:
        message += "Rounding permits no smaller gap: raise tol."
    elif ratio > _UNEVEN_SCALES:
        message += (
            f"The columns of X differ in scale by a factor of {ratio:.2g}, which "
            "slows convergence: scale them, for instance with StandardScaler or "
            "MaxAbsScaler."
        )
    elif n_iter < max_iter:
        message += "It came no closer: scale the columns of X, or reduce C."
    else:
        message += "Raise max_iter, or tol if this gap is small enough."
    warnings.warn(message, ConvergenceWarning, stacklevel=_STACK_LEVEL)


def _warn_rounded(gap: float, tol: float) -> None:
    """Warn that float32 coefficients are too coarse for the tolerance."""
    warnings.warn(
        "HingeSVC converged, but the objective of its coefficients rounded to float32 "
        f"has a relative duality gap of {gap:.2g}, above tol={tol:.2g}: pass X as "
        "float64, or raise tol.",
        ConvergenceWarning,
        stacklevel=_STACK_LEVEL,
    )

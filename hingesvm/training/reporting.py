"""Warnings of fits whose gap, or that of their rounded coefficients, is above tol."""

from __future__ import annotations

import warnings

from sklearn.exceptions import ConvergenceWarning

from hingesvm.problems.rounding import WORSE
from hingesvm.rows.contract import Rows
from hingesvm.solvers import Method
from hingesvm.training.causes import causes_of, format_gap
from hingesvm.training.trained import TrainedModel

__all__ = [
    "warn_if_not_converged",
    "warn_if_path_not_converged",
    "warn_search_stopped",
]

# Frames between the warning and the call of `fit`.
_STACK_LEVEL = 6


def warn_if_not_converged(
    rows: Rows,
    trained: TrainedModel,
    tol: float,
    max_iter: int,
    method: Method = "auto",
) -> None:
    """Warn if problems, or their rounded coefficients, miss the tolerance."""
    if not trained.converged:
        _warn_not_converged(rows, trained, tol, max_iter, method)
    elif trained.rounded_gap > tol:
        _warn_rounded("HingeSVC", trained.rounded_gap, tol, _STACK_LEVEL)


def warn_search_stopped(who: str, done: int, count: int, *, stack_level: int) -> None:
    """Warn that a callback stopped a search after some of its fits.

    Parameters
    ----------
    who : str
        Name of the estimator.
    done, count : int
        Number of fits that were done, and of all.
    stack_level : int
        Number of frames from this function up to the user's call.
    """
    warnings.warn(
        f"{who}: a callback stopped the search after {done} of {count} fits; the "
        "choice of C is by these.",
        ConvergenceWarning,
        stacklevel=stack_level + 1,
    )


def warn_if_path_not_converged(
    who: str,
    rows: Rows,
    models: list[TrainedModel],
    tol: float,
    max_iter: int,
    method: Method = "auto",
    *,
    stack_level: int,
) -> None:
    """Warn if some of many fits, or their rounded coefficients, miss the tolerance.

    Parameters
    ----------
    who : str
        Name of the estimator or function.
    rows : Rows
        The rows of all fits.
    models : list of TrainedModel
        The results of all fits.
    tol, max_iter, method : float, int, str
        The parameters of the fits.
    stack_level : int
        Number of frames from this function up to the user's call.
    """
    short = [model for model in models if not model.converged]
    gaps = [model.rounded_gap for model in models if model.converged]
    coarse = [gap for gap in gaps if gap > tol]
    if coarse and not short:
        who = f"{who}: {len(coarse)} of {len(models)} fits"
        _warn_rounded(who, max(coarse), tol, stack_level + 2)
    if not short:
        return
    worst = max(
        solution.certificate.relative_gap
        for model in short
        for solution in model.solutions
    )
    ended = [model for model in short if not _is_stopped(model)]
    why = ", stopped by a callback" if len(ended) < len(short) else ""
    message = (
        f"{who}: {len(short)} of {len(models)} fits stopped before tol={tol:.2g} "
        f"(max_iter={max_iter}{why}); the largest relative duality gap is "
        f"{format_gap(worst)}. "
    )
    message += " ".join(causes_of(rows, ended, tol, max_iter, method))
    warnings.warn(message.rstrip(), ConvergenceWarning, stacklevel=stack_level + 1)


def _is_stopped(model: TrainedModel) -> bool:
    """Whether a callback stopped one of the problems above the tolerance."""
    return any(
        solution.is_stopped and not solution.converged for solution in model.solutions
    )


def _warn_not_converged(
    rows: Rows, trained: TrainedModel, tol: float, max_iter: int, method: Method
) -> None:
    """Warn that problems did not reach the tolerance; the message says why."""
    solutions = trained.solutions
    short = [solution for solution in solutions if not solution.converged]
    n_iter = max(solution.n_iter for solution in short)
    worst = max(solution.certificate.relative_gap for solution in short)
    which = "" if len(solutions) == 1 else f" in {len(short)} of the classes"
    stopped = _is_stopped(trained)
    how = "was stopped by a callback" if stopped else "stopped"
    count = "1 iteration" if n_iter == 1 else f"{n_iter} iterations"
    message = (
        f"HingeSVC {how} after {count} (max_iter={max_iter}) with a "
        f"relative duality gap of {format_gap(worst)}{which}, above tol={tol:.2g}: the "
        "objective may be that far above its minimum. "
    )
    if stopped:
        warnings.warn(message.rstrip(), ConvergenceWarning, stacklevel=_STACK_LEVEL)
        return
    message += " ".join(causes_of(rows, [trained], tol, max_iter, method))
    if trained.rounded_gap > WORSE * max(worst, tol):
        message += (
            " Rounded to float32, the coefficients have a gap of up to "
            f"{format_gap(trained.rounded_gap)}: pass X as float64."
        )
    warnings.warn(message, ConvergenceWarning, stacklevel=_STACK_LEVEL)


def _warn_rounded(who: str, gap: float, tol: float, stack_level: int) -> None:
    """Warn that float32 coefficients are too coarse for the tolerance."""
    warnings.warn(
        f"{who} converged, but the objective of coefficients rounded to float32 has a "
        f"relative duality gap of up to {format_gap(gap)}, above tol={tol:.2g}: pass X "
        "as float64, scale rows or columns that are far longer than others, or raise "
        "tol.",
        ConvergenceWarning,
        stacklevel=stack_level,
    )

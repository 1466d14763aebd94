"""What a fit says: its lines, its history and its warnings."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from hingesvm._causes import causes_of, end_of, relative, told
from hingesvm.solvers import Check, Method, Rows, Solution

if TYPE_CHECKING:
    from hingesvm._training import Trained

__all__ = [
    "Lines",
    "history_table",
    "say",
    "warn_if_short",
    "warn_path_short",
    "warn_search_stopped",
]

# Relative gap of rounded coefficients, as a multiple of that before rounding, from
# which a warning tells of it.
_FAR_WORSE = 2.0
# Frames between the warning and the call of `fit`.
_STACK_LEVEL = 6

# What a history has of each look.
_LOOK = np.dtype(
    [
        ("iteration", np.intp),
        ("seconds", np.float64),
        ("objective", np.float64),
        ("gap", np.float64),
        ("active", np.intp),
    ]
)


def say(line: str) -> None:
    """Print a line in one piece, whatever other threads print."""
    print(line + "\n", end="", flush=True)


@dataclass(frozen=True)
class Lines:
    """Prints a line for each look at the gap of a problem, and one at the end.

    Attributes
    ----------
    number, count : int
        Which problem it is, and of how many.
    n_rows : int
    tol : float
    max_iter : int
    scale : float
        Factor of the objective.
    where : str, default=""
        Which fit it is, if it is one of many.
    """

    number: int
    count: int
    n_rows: int
    tol: float
    max_iter: int
    scale: float
    where: str = ""

    @property
    def _prefix(self) -> str:
        width = len(str(self.count))
        which = f"class {self.number + 1:>{width}} of {self.count}"
        names = [self.where, which if self.count > 1 else ""]
        return " ".join(["[HingeSVC]", *(f"{name}:" for name in names if name)])

    def look(self, check: Check) -> None:
        """Print what a look has found."""
        say(
            f"{self._prefix} "
            f"iteration {check.iteration:>{len(str(self.max_iter))}}  "
            f"{check.seconds:>9.3f} s  "
            f"objective {self.scale * check.objective:<13.8g} "
            f"relative gap {relative(check.gap, check.objective):.2e}  "
            f"active rows {check.active:>{len(str(self.n_rows))}}"
        )

    def end(self, solution: Solution) -> None:
        """Print whether it converged, and why it ended."""
        gap = solution.certificate.relative_gap
        if solution.converged:
            end = f"converged: relative gap {gap:.2e}, tol={self.tol:.2g} reached"
        else:
            reason = _reason(solution, self.max_iter)
            end = (
                f"not converged: relative gap {gap:.2e}, above tol={self.tol:.2g}; "
                f"{reason}"
            )
        say(f"{self._prefix} {end}")


def _reason(solution: Solution, max_iter: int) -> str:
    """Return why a problem ended above the tolerance."""
    if solution.is_stopped:
        return "a callback stopped it"
    end = end_of(solution, max_iter)
    if end == "nothing":
        return "rounding permits no smaller gap"
    if end == "hidden":
        return "rounding errors hide the rest"
    if solution.n_iter >= max_iter:
        return f"max_iter={max_iter} reached"
    return "it came no closer"


def history_table(checks: Sequence[Check], scale: float = 1.0) -> NDArray[np.void]:
    """Return the looks at the gap as a structured array, objectives times a factor."""
    table = np.array([tuple(check) for check in checks], dtype=_LOOK)
    if scale != 1.0:
        table["objective"] *= scale
        table["gap"] *= scale
    return table


def warn_if_short(
    rows: Rows, trained: Trained, tol: float, max_iter: int, method: Method = "auto"
) -> None:
    """Warn if problems, or their rounded coefficients, miss the tolerance."""
    if not trained.converged:
        _warn_not_converged(rows, trained, tol, max_iter, method)
    elif trained.rounded_gap > tol:
        _warn_rounded("HingeSVC", trained.rounded_gap, tol, _STACK_LEVEL)


def warn_search_stopped(who: str, done: int, count: int, *, stack_level: int) -> None:
    """Warn that a callback stopped a search after some of its fits.

    `stack_level` is how many frames the call of the user is above this one.
    """
    warnings.warn(
        f"{who}: a callback stopped the search after {done} of {count} fits; the "
        "choice of C is by these.",
        ConvergenceWarning,
        stacklevel=stack_level + 1,
    )


def warn_path_short(
    who: str,
    rows: Rows,
    each: list[Trained],
    tol: float,
    max_iter: int,
    method: Method = "auto",
    *,
    stack_level: int,
) -> None:
    """Warn that some of many fits, or their rounded coefficients, miss the tolerance.

    `rows` are those of all fits, and `stack_level` is how many frames the call of the
    user is above this one.
    """
    short = [trained for trained in each if not trained.converged]
    gaps = [trained.rounded_gap for trained in each if trained.converged]
    coarse = [gap for gap in gaps if gap > tol]
    if coarse and not short:
        who = f"{who}: {len(coarse)} of {len(each)} fits"
        _warn_rounded(who, max(coarse), tol, stack_level + 2)
    if not short:
        return
    worst = max(
        solution.certificate.relative_gap
        for trained in short
        for solution in trained.solutions
    )
    ended = [one for one in short if not _is_stopped(one)]
    why = ", stopped by a callback" if len(ended) < len(short) else ""
    message = (
        f"{who}: {len(short)} of {len(each)} fits stopped before tol={tol:.2g} "
        f"(max_iter={max_iter}{why}); the largest relative duality gap is "
        f"{told(worst)}. "
    )
    message += " ".join(causes_of(rows, ended, tol, max_iter, method))
    warnings.warn(message.rstrip(), ConvergenceWarning, stacklevel=stack_level + 1)


def _is_stopped(trained: Trained) -> bool:
    """Whether a callback stopped one of its problems above the tolerance."""
    return any(one.is_stopped and not one.converged for one in trained.solutions)


def _warn_not_converged(
    rows: Rows, trained: Trained, tol: float, max_iter: int, method: Method
) -> None:
    """Warn that problems did not reach the tolerance, with gap and cause."""
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
        f"relative duality gap of {told(worst)}{which}, above tol={tol:.2g}: the "
        "objective may be that far above its minimum. "
    )
    if stopped:
        warnings.warn(message.rstrip(), ConvergenceWarning, stacklevel=_STACK_LEVEL)
        return
    message += " ".join(causes_of(rows, [trained], tol, max_iter, method))
    if trained.rounded_gap > _FAR_WORSE * max(worst, tol):
        message += (
            " Rounded to float32, the coefficients have a gap of up to "
            f"{told(trained.rounded_gap)}: pass X as float64."
        )
    warnings.warn(message, ConvergenceWarning, stacklevel=_STACK_LEVEL)


def _warn_rounded(who: str, gap: float, tol: float, stack_level: int) -> None:
    """Warn that float32 coefficients are too coarse for the tolerance."""
    warnings.warn(
        f"{who} converged, but the objective of coefficients rounded to float32 has a "
        f"relative duality gap of up to {told(gap)}, above tol={tol:.2g}: pass X as "
        "float64, scale rows or columns that are far longer than others, or raise tol.",
        ConvergenceWarning,
        stacklevel=stack_level,
    )

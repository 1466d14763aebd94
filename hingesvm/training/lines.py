"""The lines that a fit prints: one for each look at the gap, and one at the end."""

from __future__ import annotations

from dataclasses import dataclass

from hingesvm.solvers import Check, Solution
from hingesvm.training.causes import end_of, relative

__all__ = ["Lines", "say"]


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

"""Lines that a fit prints: one for each check of the gap, and one at the end."""

from __future__ import annotations

from dataclasses import dataclass

from hingesvm.solvers import Check, Solution
from hingesvm.training.causes import end_of, relative_gap

__all__ = ["ProgressPrinter", "print_line"]


def print_line(line: str) -> None:
    """Print a line in one call, so that lines of other threads do not mix with it."""
    print(line + "\n", end="", flush=True)


@dataclass(frozen=True)
class ProgressPrinter:
    """Prints a line for each check of the gap of a problem, and one at the end.

    Attributes
    ----------
    number, count : int
        The number of the problem, from 0, and the number of problems of the fit.
    n_rows : int
        Number of rows.
    tol : float
        The tolerance of the fit.
    max_iter : int
        The bound on its iterations.
    scale : float
        Factor by which the objective is multiplied.
    fit_name : str, default=""
        Name of the fit, if it is one of many.
    """

    number: int
    count: int
    n_rows: int
    tol: float
    max_iter: int
    scale: float
    fit_name: str = ""

    @property
    def _prefix(self) -> str:
        """What each line begins with."""
        width = len(str(self.count))
        which = f"class {self.number + 1:>{width}} of {self.count}"
        names = [self.fit_name, which if self.count > 1 else ""]
        return " ".join(["[HingeSVC]", *(f"{name}:" for name in names if name)])

    def print_check(self, check: Check) -> None:
        """Print the line of a check of the gap."""
        print_line(
            f"{self._prefix} "
            f"iteration {check.iteration:>{len(str(self.max_iter))}}  "
            f"{check.seconds:>9.3f} s  "
            f"objective {self.scale * check.objective:<13.8g} "
            f"relative gap {relative_gap(check.gap, check.objective):.2e}  "
            f"active rows {check.active:>{len(str(self.n_rows))}}"
        )

    def print_end(self, solution: Solution) -> None:
        """Print the line that says whether the problem converged, or why it did not."""
        gap = solution.certificate.relative_gap
        if solution.converged:
            end = f"converged: relative gap {gap:.2e}, tol={self.tol:.2g} reached"
        else:
            reason = _reason(solution, self.max_iter)
            end = (
                f"not converged: relative gap {gap:.2e}, above tol={self.tol:.2g}; "
                f"{reason}"
            )
        print_line(f"{self._prefix} {end}")


def _reason(solution: Solution, max_iter: int) -> str:
    """Return why a problem ended that did not reach the tolerance."""
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

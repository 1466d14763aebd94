"""What training returns: a model, and what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.solvers import Check, Solution

__all__ = ["Trained", "history_table"]

Float64Array = NDArray[np.float64]

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


@dataclass(frozen=True)
class Trained:
    """A model, and what is known of it.

    Attributes
    ----------
    coef : ndarray of shape (n_scores, n_features)
    intercept : ndarray of shape (n_scores,)
        Both in the dtype of X.
    solutions : list of Solution
        One for each problem that was solved.
    rounded_gap : float
        Largest relative gap of the rounded coefficients.
    scale : float
        Factor of the objectives.
    costs : ndarray of float64, of shape (n_rows,) or (1,)
        Of the rows, in the problems.
    """

    coef: NDArray[np.floating]
    intercept: NDArray[np.floating]
    solutions: list[Solution]
    rounded_gap: float
    scale: float
    costs: Float64Array

    @property
    def objective(self) -> float:
        """Primal value, summed over the problems."""
        each = (solution.certificate.primal for solution in self.solutions)
        return self.scale * float(sum(each))

    @property
    def dual_gap(self) -> float:
        """Duality gap, summed over the problems."""
        each = (solution.certificate.gap for solution in self.solutions)
        return self.scale * float(sum(each))

    @property
    def n_iter(self) -> int:
        """Sweeps and Newton steps, the most of any problem, at least 1."""
        return max(1, *(solution.n_iter for solution in self.solutions))

    @property
    def converged(self) -> bool:
        """Whether all problems are certified to the tolerance."""
        return all(solution.converged for solution in self.solutions)

    def attributes(self, classes: NDArray[Any]) -> dict[str, Any]:
        """Return the attributes of an estimator that has this model."""
        return {
            "classes_": classes,
            "coef_": self.coef,
            "intercept_": self.intercept,
            "objective_": self.objective,
            "dual_gap_": self.dual_gap,
            "n_iter_": self.n_iter,
            "history_": [
                history_table(solution.history, self.scale)
                for solution in self.solutions
            ],
        }

    def without_duals(self) -> Trained:
        """Return the same without dual variables, which are many."""
        return self._with_certificates(duals=np.empty(0), w_of_duals=None)

    def without_coefficients(self) -> Trained:
        """Return the same without coefficients."""
        # Copies, as views would keep all of it.
        coef, intercept = self.coef[:0].copy(), self.intercept[:0].copy()
        bare = replace(self, coef=coef, intercept=intercept)
        return bare._with_certificates(weights=np.empty(0))

    def _with_certificates(self, **changes: Any) -> Trained:
        """Return the same with these attributes of the certificates."""
        return replace(
            self,
            solutions=[
                replace(
                    solution,
                    certificate=replace(solution.certificate, **changes),
                    margins=None,
                )
                for solution in self.solutions
            ],
        )


def history_table(checks: Sequence[Check], scale: float = 1.0) -> NDArray[np.void]:
    """Return the looks at the gap as a structured array, objectives times a factor."""
    table = np.array([tuple(check) for check in checks], dtype=_LOOK)
    if scale != 1.0:
        table["objective"] *= scale
        table["gap"] *= scale
    return table

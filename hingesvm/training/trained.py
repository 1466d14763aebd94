"""What training returns: a model with its certificates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.solvers import Check, Solution

__all__ = ["TrainedModel", "history_table"]

Float64Array = NDArray[np.float64]

# The fields of `history_`, one record for each check of the gap.
_CHECK = np.dtype(
    [
        ("iteration", np.intp),
        ("seconds", np.float64),
        ("objective", np.float64),
        ("gap", np.float64),
        ("active", np.intp),
    ]
)


@dataclass(frozen=True)
class TrainedModel:
    """A model with its certificates.

    Attributes
    ----------
    coef : ndarray of shape (n_scores, n_features)
        Weights, in the dtype of X.
    intercept : ndarray of shape (n_scores,)
        Intercepts, in the dtype of X.
    solutions : list of Solution
        The solution of each problem, in float64.
    rounded_gap : float
        The largest relative gap of any problem with coefficients in the dtype of X.
    scale : float
        The model's objective, divided by the sum of those of the problems.
    costs : ndarray of float64, of shape (n_rows,) or (1,)
        The costs of the rows in the problems.
    """

    coef: NDArray[np.floating]
    intercept: NDArray[np.floating]
    solutions: list[Solution]
    rounded_gap: float
    scale: float
    costs: Float64Array

    @property
    def objective(self) -> float:
        """The primal value, summed over the problems."""
        values = (solution.certificate.primal for solution in self.solutions)
        return self.scale * float(sum(values))

    @property
    def dual_gap(self) -> float:
        """The duality gap, summed over the problems."""
        gaps = (solution.certificate.gap for solution in self.solutions)
        return self.scale * float(sum(gaps))

    @property
    def n_iter(self) -> int:
        """The largest number of sweeps and Newton steps of any problem, at least 1."""
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

    def without_duals(self) -> TrainedModel:
        """Return the same model without dual variables, to free their memory."""
        return self._with_certificates(duals=np.empty(0), w_of_duals=None)

    def without_coefficients(self) -> TrainedModel:
        """Return the same model without coefficients, to free their memory."""
        # Copies, as views would keep the whole array.
        coef, intercept = self.coef[:0].copy(), self.intercept[:0].copy()
        bare = replace(self, coef=coef, intercept=intercept)
        return bare._with_certificates(weights=np.empty(0))

    def _with_certificates(self, **changes: Any) -> TrainedModel:
        """Return the same model with these attributes of all certificates changed."""
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
    """Return the checks of the gap as a structured array.

    Parameters
    ----------
    checks : sequence of Check
        The checks of one problem.
    scale : float, default=1.0
        Factor by which objectives and gaps are multiplied.

    Returns
    -------
    structured ndarray of shape (n_checks,)
        With the fields of `history_`.
    """
    table = np.array([tuple(check) for check in checks], dtype=_CHECK)
    if scale != 1.0:
        table["objective"] *= scale
        table["gap"] *= scale
    return table

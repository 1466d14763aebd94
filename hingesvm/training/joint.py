"""All classes in one problem, or the problem of two classes that is the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hingesvm.losses import (
    Hinge,
    MarginLoss,
    MulticlassLoss,
    get_loss,
    get_multiclass_loss,
)
from hingesvm.problems.joint import JointProblem
from hingesvm.problems.proof import gap_at
from hingesvm.problems.rays import along_ray
from hingesvm.problems.start import Start
from hingesvm.problems.values import InterceptRule
from hingesvm.rows.contract import Rows
from hingesvm.solvers import Method, Settings, Solution, solve_jointly
from hingesvm.training.watching import Watch

__all__ = [
    "Jointly",
    "joint_loss_of",
    "joint_start",
    "signed_duals",
    "two_class_factors",
]

Float64Array = NDArray[np.float64]
#: Solution, weights and intercepts in the dtype of X, and their relative gap.
JointlySolved = tuple[Solution, NDArray[np.floating], NDArray[np.floating], float]


@dataclass(frozen=True)
class Jointly:
    """A joint problem and how it is solved.

    Attributes
    ----------
    rows : Rows
        Those that take part.
    codes : ndarray of integers, of shape (n_rows,)
        The class of each.
    n_classes : int
    costs : ndarray of float64, of shape (n_rows,) or (1,)
    loss : MulticlassLoss
    start : Start or None
        Where to start, with arrays of all classes.
    watch : Watch or None
    exact : bool, default=True
        Whether a small problem ends exact to rounding; if not, it ends at `tol` too.
    """

    rows: Rows
    codes: NDArray[np.integer]
    n_classes: int
    costs: Float64Array
    loss: MulticlassLoss
    rule: InterceptRule
    settings: Settings
    seed: int
    start: Start | None
    watch: Watch | None

    def solve(self) -> JointlySolved:
        """Solve it; return coefficients in the dtype of X and their gap."""
        problem = JointProblem(
            self.rows,
            self.codes.astype(np.intp),
            self.n_classes,
            np.broadcast_to(self.costs, self.codes.shape),
            self.loss.margin,
            self.loss.total,
            self.rule,
        )
        start = None if self.start is None else along_ray(problem, self.start)
        watch = None if self.watch is None else self.watch.of(0)
        solution = solve_jointly(
            problem,
            self.settings,
            seed=self.seed,
            start=start,
            report=watch,
        )
        if watch is not None:
            watch.end(solution)
        found = solution.certificate
        weights = found.weights.astype(self.rows.dtype)
        intercepts = found.intercept.astype(self.rows.dtype)
        same = np.array_equal(weights, found.weights)
        if same and np.array_equal(intercepts, found.intercept):
            return solution, weights, intercepts, found.relative_gap
        kept = weights.astype(np.float64), intercepts.astype(np.float64)
        point = replace(
            found,
            weights=kept[0],
            intercept=kept[1],
            primal=problem.primal(*kept),
        )
        return solution, weights, intercepts, gap_at(problem, found, point)


def two_class_factors(loss: MulticlassLoss) -> tuple[float, float, float]:
    """Return the factors of C, of coefficients and of the objective for two classes.

    With v the weights of the second class and -v those of the first, both multi-class
    losses are max(0, m - 2 y v . x). With 2 v = m w the objective is m^2 / 2 times that
    of the binary hinge for w and the cost 2 C / m.
    """
    m = loss.margin
    return 2.0 / m, m, 0.5 * m * m


def joint_loss_of(
    multi_class: str | MulticlassLoss, loss: str | MarginLoss, solver: Method
) -> MulticlassLoss | None:
    """Return the loss of all scores, or None for one against the rest.

    Raises
    ------
    ValueError
        If it cannot be trained with this loss or solver.
    """
    if isinstance(multi_class, str) and multi_class == "ovr":
        return None
    if get_loss(loss) != Hinge():
        raise ValueError(
            f"multi_class={multi_class!r} is trained with the plain hinge only: set "
            f"loss='hinge', or multi_class='ovr' for loss={loss!r}."
        )
    if solver == "pegasos":
        raise ValueError(
            f"solver='pegasos' does not train multi_class={multi_class!r}: use another "
            "solver, or multi_class='ovr'."
        )
    return get_multiclass_loss(multi_class)


def joint_start(starts: list[Start], codes: NDArray[np.integer]) -> Start:
    """Return the start of a joint problem, given one for each class."""
    alpha = np.stack([start.alpha for start in starts], axis=1)
    alpha[np.arange(len(codes)), codes] = 0.0
    weights = np.stack([start.w for start in starts if start.w is not None])
    return Start(alpha, weights, np.array([start.intercept for start in starts]))


def signed_duals(alpha: Float64Array, codes: NDArray[np.integer]) -> Float64Array:
    """Return what each row adds to each class: minus its duals, and their sum."""
    signed = -alpha
    signed[np.arange(len(codes)), codes] = alpha.sum(axis=1)
    return signed

"""Joint training of all classes, and the binary problem it is for two classes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

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
from hingesvm.training.monitor import FitMonitor

__all__ = [
    "BinaryFactors",
    "JointSolver",
    "binary_factors",
    "joint_loss_of",
    "joint_start",
    "signed_duals",
]

Float64Array = NDArray[np.float64]
#: The solution, its weights and intercepts in the dtype of X, and their relative gap.
JointResult = tuple[Solution, NDArray[np.floating], NDArray[np.floating], float]


@dataclass(frozen=True)
class JointSolver:
    """Solves the joint problem of three or more classes.

    Attributes
    ----------
    rows : Rows
        The training rows.
    codes : ndarray of integers, of shape (n_rows,)
        The class of each row, as an index into the sorted classes.
    n_classes : int
        Number of classes.
    costs : ndarray of float64, of shape (n_rows,) or (1,)
        C times the weight of each row.
    loss : MulticlassLoss
        The loss of all scores.
    rule : {"free", "penalized", "none"}
        How intercepts are treated.
    settings : Settings
        The method, the tolerance and the bound on iterations.
    seed : int
        Seed of the order in which rows are visited.
    start : Start or None
        Where to start, with arrays of all classes.
    monitor : FitMonitor or None
        Reports the progress.
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
    monitor: FitMonitor | None

    def solve(self) -> JointResult:
        """Return the solution, its coefficients in the dtype of X, and their gap."""
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
        monitor = None if self.monitor is None else self.monitor.of(0)
        solution = solve_jointly(
            problem,
            self.settings,
            seed=self.seed,
            start=start,
            report=monitor,
        )
        if monitor is not None:
            monitor.end(solution)
        certificate = solution.certificate
        weights = certificate.weights.astype(self.rows.dtype)
        intercepts = certificate.intercept.astype(self.rows.dtype)
        same = np.array_equal(weights, certificate.weights)
        if same and np.array_equal(intercepts, certificate.intercept):
            return solution, weights, intercepts, certificate.relative_gap
        rounded = weights.astype(np.float64), intercepts.astype(np.float64)
        point = replace(
            certificate,
            weights=rounded[0],
            intercept=rounded[1],
            primal=problem.primal(*rounded),
        )
        return solution, weights, intercepts, gap_at(problem, certificate, point)


class BinaryFactors(NamedTuple):
    """Factors by which a joint problem of two classes differs from the binary one.

    Attributes
    ----------
    cost : float
        Cost of a row in the binary problem, divided by its cost in the joint one.
    coef : float
        Difference of the joint coefficients of both classes, divided by the binary
        ones.
    objective : float
        Joint objective, divided by the binary one.
    """

    cost: float = 1.0
    coef: float = 1.0
    objective: float = 1.0


def binary_factors(loss: MulticlassLoss) -> BinaryFactors:
    """Return the factors of the binary problem that a joint one of two classes is.

    With v the weights of the second class and -v those of the first, both multi-class
    losses are max(0, m - 2 y v . x). With 2 v = m w the objective is m^2 / 2 times that
    of the binary hinge for w and the cost 2 C / m.
    """
    m = loss.margin
    return BinaryFactors(cost=2.0 / m, coef=m, objective=0.5 * m * m)


def joint_loss_of(
    multi_class: str | MulticlassLoss, loss: str | MarginLoss, solver: Method
) -> MulticlassLoss | None:
    """Return the loss of all scores, or None if classes are trained one-vs-rest.

    Raises
    ------
    ValueError
        If joint training does not support the binary loss or the solver.
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
    """Return the start of a joint problem that combines one start for each class."""
    alpha = np.stack([start.alpha for start in starts], axis=1)
    alpha[np.arange(len(codes)), codes] = 0.0
    weights = np.stack([start.w for start in starts if start.w is not None])
    return Start(alpha, weights, np.array([start.intercept for start in starts]))


def signed_duals(alpha: Float64Array, codes: NDArray[np.integer]) -> Float64Array:
    """Return the factors of each row in the weights of each class.

    Parameters
    ----------
    alpha : ndarray of float64, of shape (n_rows, n_classes)
        Dual variables.
    codes : ndarray of integers, of shape (n_rows,)
        The class of each row.

    Returns
    -------
    ndarray of float64, of shape (n_rows, n_classes)
        Minus the dual variables, and in the class of the row their sum.
    """
    signed = -alpha
    signed[np.arange(len(codes)), codes] = alpha.sum(axis=1)
    return signed

"""The objective with an L1 norm and its dual, without any code of the solvers.

P(w, b) = (1 - r)/2 ||w||^2 + r ||w||_1 + C sum_i loss(y_i (x_i . w + b))
"""

from dataclasses import dataclass

import numpy as np
from objective import combination, scores
from sources import Matrix


@dataclass(frozen=True)
class Task:
    """A problem: loss "hinge" or "squared_hinge", r, C, rule "none" or "free"."""

    loss: str
    l1_ratio: float
    C: float
    rule: str


def primal(X: Matrix, y: np.ndarray, task: Task, w: np.ndarray, b: float) -> float:
    """Return P(w, b)."""
    losses = np.maximum(0.0, 1.0 - y * (scores(X, w) + b))
    if task.loss == "squared_hinge":
        losses **= 2
    ridge = 0.5 * (1.0 - task.l1_ratio) * float(w @ w)
    return ridge + task.l1_ratio * float(np.abs(w).sum()) + task.C * float(losses.sum())


def dual(X: Matrix, y: np.ndarray, task: Task, alpha: np.ndarray) -> float:
    """Return a lower bound of P, whatever alpha is.

    Duals outside their box are clipped. With a free intercept the heavier side is
    scaled down until both classes sum to the same; with the L1 norm alone all are
    scaled down until the sum of each column is within 1.
    """
    is_squared = task.loss == "squared_hinge"
    feasible = np.clip(alpha, 0.0, np.inf if is_squared else task.C)
    if task.rule == "free":
        sums = {sign: float(feasible[y == sign].sum()) for sign in (-1, 1)}
        lighter = min(sums.values())
        for sign, total in sums.items():
            feasible[y == sign] *= lighter / total if total > 0.0 else 0.0
    pull = combination(X, feasible * y)
    r, cost = task.l1_ratio, 0.0
    if r < 1.0:
        beyond = np.maximum(np.abs(pull) - r, 0.0)
        cost = 0.5 * float(beyond @ beyond) / (1.0 - r)
    else:
        feasible /= max(1.0, float(np.abs(pull).max()))
    if is_squared:
        cost += float(feasible @ feasible) / (4.0 * task.C)
    return float(feasible.sum()) - cost

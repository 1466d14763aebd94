"""The objective and its dual in plain float64, without any code of the solvers.

P(w, b) = 1/2 ||w||^2 [+ 1/2 b^2, penalized] + C sum_i max(0, 1 - y_i (x_i . w + b))
"""

from collections.abc import Iterator

import numpy as np
from sources import Matrix

# At most this many values are held as a float64 copy at a time.
BLOCK = 1 << 22


def scores(X: Matrix, w: np.ndarray) -> np.ndarray:
    """Return X @ w, summed in float64."""
    return np.concatenate([rows.astype(np.float64) @ w for rows in _blocks(X)])


def combination(X: Matrix, weights: np.ndarray) -> np.ndarray:
    """Return X.T @ weights, summed in float64."""
    total, first = np.zeros(X.shape[1]), 0
    for rows in _blocks(X):
        total += rows.T.astype(np.float64) @ weights[first : first + rows.shape[0]]
        first += rows.shape[0]
    return total


def primal(
    X: Matrix, y: np.ndarray, C: float, rule: str, w: np.ndarray, b: float
) -> float:
    """Return P(w, b)."""
    losses = np.maximum(0.0, 1.0 - y * (scores(X, w) + b))
    penalty = 0.5 * float(w @ w) + (0.5 * b * b if rule == "penalized" else 0.0)
    return penalty + C * float(losses.sum())


def dual(X: Matrix, y: np.ndarray, C: float, rule: str, alpha: np.ndarray) -> float:
    """Return D(alpha), a lower bound of P whatever alpha is.

    Duals outside their box are clipped. With a free intercept the heavier side is
    scaled down until both classes sum to the same.
    """
    feasible = np.clip(alpha, 0.0, C)
    if rule == "free":
        sums = {sign: float(feasible[y == sign].sum()) for sign in (-1, 1)}
        lighter = min(sums.values())
        for sign, total in sums.items():
            feasible[y == sign] *= lighter / total if total > 0.0 else 0.0
    w = combination(X, feasible * y)
    balance = float(feasible @ y) if rule == "penalized" else 0.0
    return float(feasible.sum()) - 0.5 * float(w @ w) - 0.5 * balance * balance


def suboptimality(objective: float, best: float) -> float:
    """Return how far an objective is above the best one known, relative to it."""
    return (objective - best) / best


def _blocks(X: Matrix) -> Iterator[Matrix]:
    size = max(1, BLOCK // X.shape[1])
    return (X[first : first + size] for first in range(0, X.shape[0], size))

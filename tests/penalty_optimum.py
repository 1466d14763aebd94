"""The optimum of a penalised problem by linear programs: slow, plain and certain.

Whatever is not piecewise linear is a sum of convex functions of one number each: the
squares of weights and intercept, and smooth losses of margins. Each is replaced by the
largest of some of its tangents, which leaves a linear program whose minimum is a lower
bound. Tangents at its solution are added until that bound is the objective there
(Kelley, "The cutting-plane method for solving convex programs", 1960).
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog


class Optimum(NamedTuple):
    """The best point found, its objective, and a lower bound of all objectives."""

    objective: float
    bound: float
    w: np.ndarray
    b: float


def optimum(X, signs, cost, loss, rule, penalty, rel=1e-10, most=80):
    """Minimise the objective of `HingeSVC` for two classes.

    Parameters
    ----------
    X, signs, cost : array-like of shape (n, d), (n,), (n,) or scalar
    loss : MarginLoss
    rule : {"none", "penalized", "free"}
    penalty : Penalty
    rel : float
        How close bound and objective are to be, relative to the objective.
    most : int
        Linear programs at most.
    """
    return _Program(X, signs, cost, loss, rule, penalty).solve(rel, most)


class _Program:
    """The program: all weights are p - q, with the heights of curves beside them."""

    def __init__(self, X, signs, cost, loss, rule, penalty):
        X = np.asarray(X.toarray() if sp.issparse(X) else X, dtype=np.float64)
        self.X, self.signs, self.loss, self.rule = X, np.asarray(signs), loss, rule
        (self.n, self.d), columns = X.shape, penalty.columns(X.shape[1])
        self.cost = np.broadcast_to(np.asarray(cost, dtype=np.float64), (self.n,))
        self.t, self.s = columns.threshold, columns.strength
        # The numbers whose curves are approximated: weights, intercept, margins.
        eye = sp.identity(self.d)
        signed = sp.csr_matrix(self.signs[:, None] * X)
        turn = sp.csr_matrix(self.signs[:, None].astype(float))
        weights = sp.hstack([eye, -eye, sp.csr_matrix((self.d, 1))])
        intercept = sp.csr_matrix(([1.0], ([0], [2 * self.d])), (1, 2 * self.d + 1))
        self.forms = sp.vstack(
            [weights, intercept, sp.hstack([signed, -signed, turn])]
        ).tocsr()
        self.n_curves = self.forms.shape[0]
        self.rows, self.limits = [], []

    def curves(self, x):
        """The values and slopes of all curves, at one number each."""
        w, b, m = x[: self.d], x[self.d], x[self.d + 1 :]
        bend = float(self.rule == "penalized")
        values = 0.5 * self.s * w**2, [0.5 * bend * b**2], self.loss.value(m)
        slopes = self.s * w, [bend * b], self.loss.subgradient(m)
        return np.concatenate(values), np.concatenate(slopes)

    def add(self, x):
        """Add tangents at some numbers: slope . form - height <= slope x - value."""
        values, slopes = self.curves(x)
        tangents = sp.diags(slopes) @ self.forms
        self.rows.append(sp.hstack([tangents, -sp.identity(self.n_curves)]))
        self.limits.append(slopes * x - values)

    def objective(self, z):
        """P at the point of a solution, and the point."""
        p, q, b = z[: self.d], z[self.d : 2 * self.d], z[2 * self.d]
        w = p - q
        x = np.concatenate([w, [b], self.signs * (self.X @ w + b)])
        values, _ = self.curves(x)
        heights = np.concatenate([np.ones(self.d + 1), self.cost])
        return float(self.t @ np.abs(w) + heights @ values), w, float(b), x

    def solve(self, rel, most):
        # No better point than the origin is farther away than this.
        start = float(self.cost @ self.loss.value(np.zeros(self.n)))
        with np.errstate(divide="ignore"):
            far = np.minimum(start / self.t, np.sqrt(2.0 * start / self.s))
        # Slopes of the straight parts of the losses, and some of the others.
        for part in (-1.0, -0.5, -0.1, 0.0, 0.1, 0.5, 1.0):
            margins = np.full(self.n, 1.0 + 3.0 * part)
            self.add(np.concatenate([part * far, [part], margins]))
        self.add(np.concatenate([0.1 * far, [0.0], np.full(self.n, -100.0)]))
        price = np.concatenate([self.t, self.t, [0.0], np.ones(self.d + 1), self.cost])
        wide = np.inf if self.rule != "none" else 0.0
        bounds = [(0.0, x) for x in np.tile(far, 2)] + [(-wide, wide)]
        bounds += [(0.0, None)] * self.n_curves
        best, bound = None, -np.inf
        for _ in range(most):
            found = linprog(
                price,
                sp.vstack(self.rows).tocsc(),
                np.concatenate(self.limits),
                bounds=bounds,
                method="highs",
                options={
                    "primal_feasibility_tolerance": 1e-10,
                    "dual_feasibility_tolerance": 1e-10,
                },
            )
            assert found.status == 0, found.message
            bound = max(bound, float(found.fun))
            value, w, b, x = self.objective(found.x)
            if best is None or value < best.objective:
                best = Optimum(value, bound, w, b)
            if best.objective - bound <= rel * best.objective:
                break
            self.add(x)
        return best._replace(bound=bound)

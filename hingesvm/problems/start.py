"""Where a solver starts: dual variables, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Certificate, Intercept
from hingesvm.rows.inner import KeptInnerProducts

__all__ = ["Start", "feasible_start"]

Float64Array = NDArray[np.float64]

# Change of dual variables, relative to their sum, that is rounding.
_ROUNDING = 1e-14


@dataclass(frozen=True)
class Start:
    """Where a solver starts.

    Attributes
    ----------
    alpha : ndarray of float64, of shape (n_rows,)
        Dual variables; of joint problems of shape (n_rows, n_classes).
    w : ndarray of float64, of shape (n_features,), optional
        Weights, when better ones than w(alpha) are known.
    intercept : float, or ndarray of float64, of shape (n_classes,)
    shortfall : ndarray of float32 or float64, of shape (n_rows,), optional
        1 - y_i (x_i . w + b), when it is known.
    reach : ndarray of float32, of shape (n_rows,), optional
        As of `Solution`. Bands write over it, and over shortfalls that come with it.
    rho : float, optional
        Proximal step of the batch method.
    unit : ndarray of float64, of shape (n_rows,), optional
        Units of that step; by default the costs.
    w_of_duals : ndarray of float64, of shape (n_features,), optional
        w(alpha), when it is known.
    found : Certificate, optional
        What is known of this point without a look.
    ratio : float, default=1.0
        The costs, over those that `found` is of.
    is_unseen : bool, default=False
        Whether no certificate of it is known, so that a solver is to look first.
    is_at_bound : ndarray of bool, of shape (n_rows,), optional
        Which of the dual variables were at their bound, where that is known and the
        costs may have changed.
    inner : KeptInnerProducts, optional
        Those of Newton steps that are to go on.
    anchor : ndarray of float64, of shape (n_rows,), optional
        Multipliers of the inner problem in which Newton steps were interrupted.
    """

    alpha: Float64Array
    w: Float64Array | None = None
    intercept: Intercept = 0.0
    shortfall: NDArray[np.floating] | None = None
    rho: float | None = None
    w_of_duals: Float64Array | None = None
    found: Certificate | None = None
    ratio: float = 1.0
    is_unseen: bool = False
    reach: NDArray[np.float32] | None = None
    unit: Float64Array | None = None
    is_at_bound: NDArray[np.bool_] | None = None
    inner: KeptInnerProducts | None = None
    anchor: Float64Array | None = None


def feasible_start(problem: Problem, start: Start) -> Start:
    """Return a start with feasible dual variables, less what no longer holds of them.

    w(alpha) and what was found belong to the dual variables as they were.
    """
    alpha = problem.repair(start.alpha)
    change = float(np.abs(alpha - start.alpha).sum())
    if change <= _ROUNDING * float(alpha.sum()):
        return replace(start, alpha=alpha)
    return replace(start, alpha=alpha, w_of_duals=None, found=None)

"""Other solvers' solutions of a problem: points, and dual variables.

``exactly.py`` computes their values, so that no judge has to be trusted. `clarabel` is
an interior-point method for all problems, and SciPy's minimisers stand in for it on
some.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import scipy.sparse as sp
from exactly import JOINED, Binary, Joint
from scipy.optimize import minimize

#: Weights, intercepts and dual variables.
Judgement = tuple[np.ndarray, Any, np.ndarray]
Judge = Callable[[Binary | Joint], Judgement | None]

# SciPy is asked up to this number of rows where duals have to be balanced.
_FEW_ROWS = 60


def judge_named(name: str) -> Judge:
    """Return the judge of a name."""
    if name == "scipy":
        return scipy_judge
    if find_spec("clarabel") is None:
        raise SystemExit(
            "The judge needs clarabel: run `python -m pip install clarabel`, or take "
            "`--judge scipy`, which can judge some of the problems only."
        )
    return clarabel_judge


def clarabel_judge(problem: Binary | Joint) -> Judgement | None:
    """Return what an interior-point method finds."""
    import clarabel

    n, d = problem.X.shape
    used = np.flatnonzero(problem.costs > 0.0)
    X, costs = problem.X[used], problem.costs[used]
    centre = X.mean(axis=0) if problem.rule == "free" else np.zeros(d)
    X = X - centre
    scale = np.sqrt((X * X).mean(axis=0))
    scale[scale == 0.0] = 1.0
    X = X / scale
    if problem.rule != "none":
        X = np.hstack([X, np.ones((len(X), 1))])
    ridge = np.append(scale**-2, 1.0 if problem.rule == "penalized" else 0.0)
    ridge = ridge[: X.shape[1]]
    if isinstance(problem, Binary):
        n_classes = 1
        margins = sp.csc_matrix(problem.signs[used][:, None] * X)
        slack = sp.identity(len(used))
    else:
        n_classes = int(problem.codes.max()) + 1
        margins, slack = _joint_margins(problem, used, X, n_classes)
    squares, slopes = _slack_costs(problem, costs, slack)
    if len(slopes) > slack.shape[1]:
        slack = sp.hstack([slack, slack])
    quadratic = sp.diags(np.concatenate([np.tile(ridge, n_classes), squares]))
    linear = np.concatenate([np.zeros(margins.shape[1]), slopes])
    zero = sp.csc_matrix((slack.shape[1], margins.shape[1]))
    A = sp.vstack(
        [sp.hstack([-margins, -slack]), sp.hstack([zero, -sp.identity(zero.shape[0])])]
    )
    right = np.concatenate([-np.ones(margins.shape[0]), np.zeros(zero.shape[0])])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_iter = 200
    settings.max_threads = 1
    settings.tol_gap_rel = settings.tol_gap_abs = settings.tol_feas = 1e-13
    settings.equilibrate_max_iter = 100
    settings.equilibrate_min_scaling, settings.equilibrate_max_scaling = 1e-12, 1e12
    cones = [clarabel.NonnegativeConeT(A.shape[0])]
    solver = clarabel.DefaultSolver(
        sp.csc_matrix(quadratic), linear, sp.csc_matrix(A), right, cones, settings
    )
    solution = solver.solve()
    point = np.array(solution.x)[: margins.shape[1]].reshape(n_classes, -1)
    duals = np.array(solution.z)[: margins.shape[0]]
    if not (np.isfinite(point).all() and np.isfinite(duals).all()):
        return None
    W = point[:, :d] / scale
    b = point[:, d] - W @ centre if problem.rule != "none" else np.zeros(n_classes)
    if isinstance(problem, Binary):
        alpha = np.zeros(n)
        alpha[used] = duals
        return W[0], float(b[0]), alpha
    alpha = np.zeros((n, n_classes))
    others = np.ones((len(used), n_classes), bool)
    others[np.arange(len(used)), problem.codes[used]] = False
    some = np.zeros(others.shape)
    some[others] = duals
    alpha[used] = some
    return W, b, alpha


def _joint_margins(
    problem: Joint, used: np.ndarray, X: np.ndarray, n_classes: int
) -> tuple[sp.csc_matrix, sp.csc_matrix]:
    """Return f_y - f_k as a matrix of all weights, and which slacks each row has."""
    blocks, slack = [], []
    d, count = X.shape[1], len(used)
    for i, (x, own) in enumerate(zip(X, problem.codes[used], strict=True)):
        for k in range(n_classes):
            if k != own:
                row = np.zeros(n_classes * d)
                row[own * d : (own + 1) * d] = x
                row[k * d : (k + 1) * d] = -x
                blocks.append(row)
                slack.append(i)
    margins = sp.csc_matrix(np.array(blocks))
    if problem.form != JOINED:
        return margins, sp.identity(len(slack), format="csc")
    places = np.arange(len(slack)), np.array(slack)
    return margins, sp.csc_matrix((np.ones(len(slack)), places), (len(slack), count))


def _slack_costs(
    problem: Binary | Joint, costs: np.ndarray, slack: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return quadratic and linear costs of the slacks."""
    nothing = np.zeros(len(costs))
    loss = problem.loss if isinstance(problem, Binary) else "hinge"
    if loss == "squared_hinge":
        return 2.0 * costs, nothing
    if loss == "smoothed_hinge":
        return np.append(costs, nothing), np.append(nothing, costs)
    if slack.shape[1] > len(costs):
        costs = np.repeat(costs, slack.shape[1] // len(costs))
    return np.zeros(len(costs)), costs


def scipy_judge(problem: Binary | Joint) -> Judgement | None:
    """Return what SciPy finds for the dual, if it is one that SciPy can solve."""
    if isinstance(problem, Joint):
        return None
    free = problem.rule == "free"
    if free and len(problem.costs) > _FEW_ROWS:
        return None
    signs, costs = problem.signs.astype(float), problem.costs
    used = costs > 0.0
    columns = [problem.X, np.ones((len(signs), int(problem.rule == "penalized")))]
    signed = signs[:, None] * np.hstack(columns)
    weight = {"hinge": 0.0, "squared_hinge": 0.5, "smoothed_hinge": 1.0}[problem.loss]
    q = np.where(used, weight / np.where(used, costs, 1.0), 0.0)
    bounded = problem.loss != "squared_hinge"
    # Duals in units in which the curvature of each is 1.
    unit = 1.0 / np.sqrt((signed * signed).sum(axis=1) + q + 1e-300)
    unit = np.minimum(unit, np.where(used, costs, 1.0) if bounded else np.inf)

    def dual(z: np.ndarray) -> tuple[float, np.ndarray]:
        a = unit * z
        w = a @ signed
        value = 0.5 * w @ w + 0.5 * (q * a) @ a - a.sum()
        return value, unit * (signed @ w + q * a - 1.0)

    top = np.where(used, costs / unit if bounded else np.inf, 0.0)
    found = minimize(
        dual,
        np.zeros(len(signs)),
        jac=True,
        bounds=list(zip(np.zeros(len(signs)), top, strict=True)),
        method="SLSQP" if free else "L-BFGS-B",
        constraints=(
            [{"type": "eq", "fun": lambda z: (unit * signs) @ z}] if free else ()
        ),
        options={"maxiter": 1000, "ftol": 1e-15},
    )
    alpha = unit * np.clip(found.x, 0.0, top)
    w = (alpha * signs) @ problem.X
    b = float(alpha @ signs) if problem.rule == "penalized" else 0.0
    if free:
        kinks = signs - problem.X @ w
        b = min(map(float, kinks), key=lambda b: float(problem.primal(w, b)))
    return w, b, alpha

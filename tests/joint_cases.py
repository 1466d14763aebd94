"""Joint multi-class problems: the formulas in plain loops, and random cases."""

import math

import numpy as np
import scipy.sparse as sp

from hingesvm.losses import get_multiclass_loss
from hingesvm.problems.joint import JointProblem
from hingesvm.rows.memory import MemoryRows

RULES = ["none", "penalized", "free"]
TOTALS = {"crammer_singer": 1.0, "weston_watkins": math.inf}


def loss_value(scores, own, margin, total):
    """The loss of one row of scores, as the papers write it."""
    terms = [
        max(0.0, margin - scores[own] + scores[k])
        for k in range(len(scores))
        if k != own
    ]
    return max(terms) if total == 1.0 else math.fsum(terms)


def primal(X, y, cost, margin, total, rule, W, b):
    """P(W, b), row by row."""
    W, b = np.float64(W), np.float64(b)
    terms = [0.5 * float(w @ w) for w in W]
    if rule == "penalized":
        terms += [0.5 * float(value) ** 2 for value in b]
    for x, own, c in zip(X, y, cost, strict=True):
        scores = [float(x @ w) + float(value) for w, value in zip(W, b, strict=True)]
        terms.append(float(c) * loss_value(scores, own, margin, total))
    return math.fsum(terms)


def dual(X, y, cost, margin, total, rule, alpha):
    """D(alpha), row by row; -inf where alpha is infeasible beyond rounding."""
    n_classes = alpha.shape[1]
    W, b, gains = np.zeros((n_classes, X.shape[1])), np.zeros(n_classes), []
    for x, own, c, duals in zip(X, y, cost, alpha, strict=True):
        for k, a in enumerate(duals):
            if k == own:
                if a != 0.0:
                    return -math.inf
                continue
            if not 0.0 <= a <= c * (1.0 + 1e-12):
                return -math.inf
            W[own] += a * x
            W[k] -= a * x
            b[own] += a
            b[k] -= a
            gains.append(margin * a)
        if math.fsum(duals) > total * c * (1.0 + 1e-12):
            return -math.inf
    terms = [*gains, *(-0.5 * float(w @ w) for w in W)]
    if rule == "penalized":
        terms += [-0.5 * float(value) ** 2 for value in b]
    if rule == "free" and np.abs(b).max() > 1e-11 * float(alpha.sum()):
        return -math.inf
    return math.fsum(terms)


def objective(clf, X, y, sample_weight=None):
    """P at the coefficients of a fit with more than two classes."""
    X = np.asarray(X.toarray() if sp.issparse(X) else X, dtype=np.float64)
    loss = get_multiclass_loss(clf.multi_class)
    cost = np.full(len(X), clf.C)
    if sample_weight is not None:
        cost = cost * np.asarray(sample_weight, dtype=np.float64)
    codes = np.searchsorted(clf.classes_, y)
    args = loss.margin, loss.total, rule_of(clf)
    return primal(X, codes, cost, *args, clf.coef_, clf.intercept_)


def rule_of(clf):
    if not clf.fit_intercept:
        return "none"
    return "penalized" if clf.penalized_intercept else "free"


def check_joint_certificate(clf, X, y, sample_weight=None, rel=1e-9):
    """Recompute objective_ and dual_gap_ of a fit with warm_start=True.

    It has more than two classes. `rel` is the accuracy of the comparison, in units of
    the objective.
    """
    X = np.asarray(X.toarray() if sp.issparse(X) else X, dtype=np.float64)
    weights = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight)
    used = weights > 0.0
    assert np.all(np.isfinite(clf.coef_))
    assert np.all(np.isfinite(clf.intercept_))
    assert np.all(clf.dual_coef_[:, ~used] == 0.0)
    X, y, cost = X[used], np.asarray(y)[used], clf.C * weights[used]
    loss, codes = get_multiclass_loss(clf.multi_class), np.searchsorted(clf.classes_, y)
    alpha = -clf.dual_coef_[:, used].T
    own = -alpha[np.arange(len(X)), codes]
    alpha[np.arange(len(X)), codes] = 0.0
    np.testing.assert_allclose(own, alpha.sum(axis=1), rtol=1e-12)
    args = loss.margin, loss.total, rule_of(clf)
    p = primal(X, codes, cost, *args, clf.coef_, clf.intercept_)
    d = dual(X, codes, cost, *args, alpha)
    room = rel * max(p, abs(d))
    assert abs(clf.objective_ - p) <= room
    assert abs(clf.dual_gap_ - (p - d)) <= 2.0 * room
    assert clf.dual_gap_ >= 0.0


def rows_of(kind, X):
    """The rows of X in a kind of storage: "dense", "csr32" or "csr64"."""
    if kind == "dense":
        return MemoryRows(np.ascontiguousarray(X))
    out = sp.csr_matrix(X)
    index_dtype = np.int64 if kind == "csr64" else np.int32
    out.indices = out.indices.astype(index_dtype)
    out.indptr = out.indptr.astype(index_dtype)
    return MemoryRows(out)


def random_problem(
    total,
    rule,
    *,
    n=30,
    d=4,
    n_classes=3,
    seed=0,
    margin=1.0,
    cost=1.0,
    equal=False,
    density=0.8,
    kind="dense",
    dtype=np.float64,
):
    """A problem whose classes overlap; with a row of zeros and costs that differ."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * (rng.random((n, d)) < density)
    codes = (X @ rng.standard_normal((d, n_classes))).argmax(axis=1)
    codes = np.where(rng.random(n) < 0.2, rng.integers(0, n_classes, n), codes)
    codes[:n_classes] = np.arange(n_classes)
    X[0] = 0.0
    costs = np.broadcast_to(cost, n) if equal else cost * rng.uniform(0.3, 2.0, n)
    return JointProblem(
        rows_of(kind, X.astype(dtype)),
        codes.astype(np.intp),
        n_classes,
        costs,
        margin,
        total,
        rule,
    )


def dense_rows(problem):
    """X of a problem as a float64 array."""
    return problem.rows.take(np.arange(problem.n_rows))


def plain(problem):
    """What the loops above take, for a problem."""
    return (
        dense_rows(problem),
        problem.codes,
        problem.cost,
        problem.margin,
        problem.total,
        problem.intercept_rule,
    )


def random_duals(problem, seed=0, *, slack=0.0):
    """Duals of which some are at 0 and some at the cost; infeasible with slack."""
    rng = np.random.default_rng(seed)
    alpha = np.clip(rng.uniform(-1.0, 2.0, (problem.n_rows, problem.n_classes)), 0, 1)
    if slack:
        alpha += slack * rng.standard_normal(alpha.shape)
    else:
        alpha[np.arange(problem.n_rows), problem.codes] = 0.0
        if problem.total == 1.0:
            alpha /= np.maximum(alpha.sum(axis=1), 1.0)[:, None]
        alpha[-3:] = 0.0
    return alpha * problem.cost[:, None]


def padded(values, fill=0.0):
    """The same with a multiple of four columns."""
    count = values.shape[-1]
    width = -(-count // 4) * 4
    out = np.full((*values.shape[:-1], width), fill, dtype=values.dtype)
    out[..., :count] = values
    return out


def projection(point, own, bound, cap):
    """The nearest point with 0 <= a <= bound and a sum of at most `cap`."""
    point = np.array(point, dtype=np.float64)
    point[own] = -np.inf
    level = 0.0
    if np.clip(point, 0.0, bound).sum() > cap:
        others = np.delete(point, own)
        kinks = np.unique(np.concatenate([[0.0], others, others - bound]))
        kinks = kinks[kinks >= 0.0]
        sums = np.clip(others - kinks[:, None], 0.0, bound).sum(axis=1)
        # They fall along the kinks, and are linear between these.
        level = np.interp(-cap, -sums, kinks)
    return np.clip(point - level, 0.0, bound)


def augmented(problem, W, b, anchor, rho):
    """The augmented Lagrangian Psi at (W, b), and the projections that attain it."""
    X, codes, cost, margin, total, rule = plain(problem)
    value = 0.5 * np.sum(W * W) + 0.5 * (rule == "penalized") * np.sum(b * b)
    alpha = np.zeros_like(anchor)
    for i, (x, own, c) in enumerate(zip(X, codes, cost, strict=True)):
        f = W @ x + b
        g = margin - f[own] + f
        g[own] = 0.0
        alpha[i] = projection(anchor[i] + rho * c * g, own, c, total * c)
        moved = alpha[i] - anchor[i]
        value += alpha[i] @ g - moved @ moved / (2.0 * rho * c)
    return float(value), alpha


def slope_of(problem, W, b, anchor, rho):
    """The gradient of Psi in W and b; without intercepts, 0 in these."""
    X, codes, *_, rule = plain(problem)
    _, alpha = augmented(problem, W, b, anchor, rho)
    signed = -alpha
    signed[np.arange(len(X)), codes] = alpha.sum(axis=1)
    pull = (rule == "penalized") * b - signed.sum(axis=0)
    return W - signed.T @ X, pull * (rule != "none")

"""Certificates hold in exact arithmetic, whatever the sizes of C and X."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from exactly import ZERO, balanced, dual_price, exact, loss_sum
from reference import make_problem
from samples import LOSSES, RULES, make_data

from hingesvm import HingeSVC
from hingesvm.losses import Hinge, get_loss
from hingesvm.model_selection import hinge_path
from hingesvm.problems import proof
from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import CARES, Certificate
from hingesvm.problems.joint import JointProblem
from hingesvm.problems.proof import prove
from hingesvm.rows.compensated import combined, dot, scores, total
from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers import solve

absurd = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def primal(clf, X, signs, cost, k=0):
    """P of the coefficients of a fit, exactly."""
    w, b = exact(clf.coef_[k]), Fraction(float(clf.intercept_[k]))
    value = sum(w * w, ZERO) / 2
    if clf.penalized_intercept and clf.fit_intercept:
        value += b * b / 2
    shortfall = 1 - signs * (X @ w + b)
    return value + loss_sum(clf.loss, shortfall, cost)


def dual(clf, X, signs, cost, k=0):
    """The highest D of duals next to those of a fit that are exactly feasible."""
    a = signs * exact(clf.dual_coef_[k])
    assert all(a >= 0)
    if clf.loss != "squared_hinge":
        # The costs are rounded once, too.
        assert all(a <= cost * (1 + Fraction(2) ** -50))
        a = np.minimum(a, cost)
    if clf.fit_intercept and not clf.penalized_intercept:
        return max(dual_at(clf, X, signs, cost, one) for one in balanced(a, signs, X))
    return dual_at(clf, X, signs, cost, a)


def dual_at(clf, X, signs, cost, a):
    """D of exactly feasible duals."""
    w = (a * signs) @ X
    value = sum(a, ZERO) - sum(w * w, ZERO) / 2
    if clf.penalized_intercept and clf.fit_intercept:
        value -= sum(a * signs, ZERO) ** 2 / 2
    return value - dual_price(clf.loss, a, cost)


def rows_and_labels(seed, n=24, d=3, *, separable):
    rng = np.random.default_rng(seed)
    X, w = rng.normal(size=(n, d)), rng.normal(size=d)
    score = X @ w + 0.3
    if separable:
        X += 0.3 * np.outer(np.sign(score), w) / np.linalg.norm(w)
    else:
        score += 2.0 * rng.normal(size=n)
    y = (score > 0.0).astype(int)
    y[:2] = 0, 1
    return X, y


def check(clf, X, y, weights=None, targets=(1,)):
    """Check that the exact optimum lies where the fit says that it does."""
    weights = np.ones(len(y)) if weights is None else weights
    rows, cost = exact(X), Fraction(float(clf.C)) * exact(weights)
    highest = least = ZERO
    for k, target in enumerate(targets):
        signs = np.where(y == target, 1, -1).astype(object)
        highest += primal(clf, rows, signs, cost, k)
        least += dual(clf, rows, signs, cost, k)
    objective, gap = Fraction(clf.objective_), Fraction(clf.dual_gap_)
    # The attributes are rounded themselves.
    slack = Fraction(2) ** -50 * objective
    assert abs(highest - objective) <= gap + slack
    assert least >= objective - gap - slack
    assert highest - least <= gap + slack


@absurd
@pytest.mark.parametrize("solver", ["auto", "stochastic"])
@pytest.mark.parametrize("scale", [1e-4, 1e4])
@pytest.mark.parametrize("C", [1e-6, 1.0, 1e12])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("rule", RULES)
def test_gap_holds_in_exact_arithmetic(rule, loss, C, scale, solver):
    for seed, separable in enumerate([True, False]):
        X, y = rows_and_labels(seed, separable=separable)
        X *= scale
        clf = HingeSVC(C, loss=loss, solver=solver, max_iter=40, warm_start=True)
        clf.set_params(**rule).fit(X, y)
        check(clf, X, y)


@pytest.mark.parametrize("rule", [RULES[0], RULES[2]])
@pytest.mark.parametrize(("C", "scale"), [(1e10, 100.0), (1e12, 1e4), (1e12, 1e-4)])
def test_separable_rows_are_certified_at_any_cost(rule, C, scale):
    # No warning, for warnings are errors here.
    for seed in range(3):
        X, y = rows_and_labels(seed, 30, 4, separable=True)
        X *= scale
        clf = HingeSVC(C, tol=1e-6, warm_start=True, **rule).fit(X, y)
        check(clf, X, y)
        assert clf.dual_gap_ <= 1e-10 * clf.objective_


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("separable", [True, False])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix])
def test_paths_do_not_multiply_rounding_errors(form, separable, rule):
    X, y = rows_and_labels(1, 40, 5, separable=separable)
    X *= 1e4
    Cs = [1.0, 1e4, 1e12]
    path = hinge_path(form(X), y, Cs=Cs, **rule)
    for C, w, b, objective, gap in zip(
        Cs, path.coefs, path.intercepts, path.objectives, path.dual_gaps, strict=True
    ):
        fit = HingeSVC(C, **rule)
        fit.coef_, fit.intercept_ = np.atleast_2d(w), np.atleast_1d(b)
        signs = np.where(y == 1, 1, -1).astype(object)
        cost = Fraction(C) * exact(np.ones(len(y)))
        value = primal(fit, exact(X), signs, cost)
        assert abs(value - Fraction(objective)) <= Fraction(gap) + value / 2**50
        assert gap <= 1e-4 * objective


@pytest.mark.parametrize("solver", ["stochastic", "auto"])
def test_classes_that_are_swept_together(solver):
    X, y = make_data(24, 3, n_classes=3)
    clf = HingeSVC(solver=solver, warm_start=True, tol=1e-3).fit(X, y)
    check(clf, X, y, targets=range(3))


@absurd
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("solver", ["auto", "batch"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weights", [(1e-17, 1.0), (1.0, 1e-17), (1e-30, 1e30)])
def test_classes_whose_weights_vanish_beside_the_other(weights, loss, solver, rule):
    X, y = rows_and_labels(2, separable=False)
    sample_weight = np.where(y == 1, *weights)
    clf = HingeSVC(loss=loss, solver=solver, warm_start=True, **rule)
    clf.fit(X, y, sample_weight=sample_weight)
    check(clf, X, y, sample_weight)
    if not rule:
        assert clf.dual_gap_ <= 1e-10 * clf.objective_


@pytest.mark.parametrize("form", ["crammer_singer", "weston_watkins"])
@pytest.mark.parametrize("C", [1.0, 1e12])
@pytest.mark.parametrize("rule", RULES)
def test_joint_objectives_are_exact(rule, C, form):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(24, 3))
    y = (X @ rng.normal(size=(3, 3))).argmax(axis=1)
    X *= 1e4
    clf = HingeSVC(C, multi_class=form, **rule).fit(X, y)
    W, b = exact(clf.coef_), exact(clf.intercept_)
    value = sum((W * W).ravel(), ZERO) / 2
    if clf.penalized_intercept and clf.fit_intercept:
        value += sum(b * b, ZERO) / 2
    for each, own in zip(exact(X) @ W.T + b, y, strict=True):
        short = [1 - each[own] + each[k] for k in range(3) if k != own]
        loss = [max(ZERO, one) for one in short]
        value += Fraction(C) * (max(loss) if form == "crammer_singer" else sum(loss))
    gap = Fraction(clf.dual_gap_)
    assert abs(value - Fraction(clf.objective_)) <= gap
    assert gap <= Fraction(1e-4) * value


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix])
def test_sums_in_twice_the_precision(form, dtype):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(9, 13)) * 10.0 ** rng.integers(-8, 8, (9, 13))).astype(dtype)
    w, a = rng.normal(size=13), rng.normal(size=9)
    # All but cancels.
    X[1], a[1] = -X[0], a[0] * (1.0 + 1e-15)
    rows, some = MemoryRows(form(X)), np.array([8, 0, 3])
    for found, expected in [
        (scores(rows, w, 0.3, some), exact(X)[some] @ exact(w) + Fraction(0.3)),
        (combined(rows, a), exact(a) @ exact(X)),
    ]:
        value, rest, error = map(exact, found)
        assert all(abs(value + rest - expected) <= error)
        assert all(error <= Fraction(1e-20))
    assert total(np.array([1e16, 1.0, -1e16])) == 1.0
    assert dot(np.array([1e8, 1.0, -1e8]), np.array([1e8, 1e-3, 1e8])) == 1e-3


def test_long_sums_that_are_exact_enough_are_only_bounded(monkeypatch):
    # Their errors may be more than those of small problems, if far below `tol`.
    X = sp.random(500, 200_000, 1e-4, "csr", random_state=0)
    X.data[:] = 1.0
    y = np.arange(500) % 2

    def refuse(*args):
        raise AssertionError("twice the precision")

    monkeypatch.setattr(Problem, "precise_primal", refuse)
    model = HingeSVC(C=1e-6, penalized_intercept=True).fit(X, y)
    # 300 rounding errors for each term, of which a tenth matters.
    limit = 0.1 * 300.0 * 200_500 * 2.0**-53
    assert 0.0 < model.dual_gap_ / model.objective_ <= limit < 1e-4


def test_a_false_certificate_is_corrected_and_a_small_error_only_bounded(monkeypatch):
    X, y = rows_and_labels(0, separable=False)
    problem = make_problem(X, np.where(y == 1, 1, -1), Hinge(), "free")
    found = solve(problem).certificate
    calls, real = [], Problem.precise_primal
    monkeypatch.setattr(
        Problem, "precise_primal", lambda *args: calls.append(1) or real(*args)
    )
    rough = prove(problem, found.__class__(**{**vars(found), "above": 0.0}), 1e-4)
    assert rough.hidden <= proof._PART * max(found.gap, proof.EXACT * found.primal)
    # As a step along a path to a far larger C may leave it.
    false = found.__class__(
        **{**vars(found), "primal": found.dual, "above": found.primal}
    )
    del calls[:]
    proven = prove(problem, false, 1e-4)
    assert calls
    assert proven.primal == pytest.approx(found.primal, rel=1e-14)
    assert proven.relative_gap <= 1e-12


@pytest.mark.parametrize("care", CARES)
@pytest.mark.parametrize("rule", ["free", "penalized", "none"])
@pytest.mark.parametrize("loss", LOSSES)
def test_rounding_errors_of_any_point_are_within_their_bounds(loss, rule, care):
    # Far from the optimum too, with rows, columns and costs of any size.
    options = {
        "free": {},
        "penalized": {"penalized_intercept": True},
        "none": {"fit_intercept": False},
    }[rule]
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(20, 4)) * 10.0 ** rng.uniform(-5, 5, size=4)
        X *= 10.0 ** rng.uniform(-3, 3, size=(20, 1))
        X += 1e3 * (seed % 2)
        signs = np.where(rng.random(20) < 0.5, 1, -1)
        signs[:2] = 1, -1
        cost = 10.0 ** rng.uniform(-6, 6, size=20)
        problem = make_problem(X, signs, get_loss(loss), rule, cost)
        # What `certify` does, without what makes the point better.
        alpha = problem.repair(cost * rng.random(20))
        w = rng.normal(size=4) / np.abs(X).max(axis=0)
        b = 0.0 if rule == "none" else rng.normal()
        found = Certificate(w, b, alpha, problem.primal(w, b), problem.dual(alpha))
        clf = HingeSVC(loss=loss, **options)
        clf.coef_, clf.intercept_ = w[np.newaxis], np.array([b])
        clf.dual_coef_ = (signs * alpha)[np.newaxis]
        rows, each = exact(X), signs.astype(object)
        highest = primal(clf, rows, each, exact(cost))
        least = dual(clf, rows, each, exact(cost))
        above = problem.primal_rounding(found, care)
        below = problem.dual_rounding(found, care)
        assert highest <= Fraction(found.primal) + Fraction(above)
        assert least >= Fraction(found.dual) - Fraction(below)
        precise, shortfall = problem.precise_primal(found)
        assert abs(highest - Fraction(precise.primal)) <= Fraction(precise.above)
        assert precise.above <= 1e-13 * precise.primal
        assert all(exact(shortfall) >= 1 - each * (rows @ exact(w) + Fraction(b)))
        precise = problem.precise_dual(found)
        assert least >= Fraction(precise.dual) - Fraction(precise.below)


@pytest.mark.parametrize("total", [1.0, np.inf])
@pytest.mark.parametrize("rule", ["penalized", "none"])
def test_rounding_errors_of_any_joint_point_are_within_their_bounds(rule, total):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(15, 4)) * 10.0 ** rng.uniform(-5, 5, size=4)
        codes, cost = np.arange(15) % 3, 10.0 ** rng.uniform(-6, 6, size=15)
        problem = JointProblem(MemoryRows(X), codes, 3, cost, 1.0, total, rule)
        alpha = problem.repair(cost[:, None] * rng.random((15, 3)))
        W = rng.normal(size=(3, 4)) / np.abs(X).max(axis=0)
        b = np.zeros(3) if rule == "none" else rng.normal(size=3)
        values = problem.primal(W, b), problem.dual(alpha)
        found = Certificate(W, b, alpha, *values)
        rows, a = exact(X), exact(alpha)
        square = sum((exact(W) ** 2).ravel(), ZERO)
        if rule == "penalized":
            square += sum(exact(b) ** 2, ZERO)
        highest = square / 2
        signed = -a
        for i, each in enumerate(rows @ exact(W).T + exact(b)):
            own = codes[i]
            signed[i, own] = sum(a[i], ZERO)
            losses = [max(ZERO, 1 - each[own] + each[k]) for k in range(3) if k != own]
            part = max(losses) if total == 1.0 else sum(losses)
            highest += Fraction(cost[i]) * part
        least = sum(a.ravel(), ZERO) - sum(((signed.T @ rows) ** 2).ravel(), ZERO) / 2
        if rule == "penalized":
            least -= sum(sum(signed) ** 2, ZERO) / 2
        above, below = problem.primal_rounding(found), problem.dual_rounding(found)
        assert highest <= Fraction(found.primal) + Fraction(above)
        assert least >= Fraction(found.dual) - Fraction(below)
        precise, _ = problem.precise_primal(found)
        assert abs(highest - Fraction(precise.primal)) <= Fraction(precise.above)
        assert precise.above <= 1e-13 * precise.primal
        precise = problem.precise_dual(found)
        assert abs(least - Fraction(precise.dual)) <= Fraction(precise.below)

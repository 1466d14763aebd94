"""The Newton systems of joint problems against dense matrices and differences."""

from dataclasses import replace

import numpy as np
import pytest
from joint_cases import (
    RULES,
    TOTALS,
    augmented,
    dense_rows,
    padded,
    random_duals,
    random_problem,
    rows_of,
    slope_of,
)
from kernel_cases import BUILDS, use_build

from hingesvm.rows import joint as joint_rows
from hingesvm.solvers.joint import system as joint_system
from hingesvm.solvers.joint.system import JointSystem, _Free, joint_direction

every_rule = pytest.mark.parametrize("rule", RULES)
every_total = pytest.mark.parametrize("total", TOTALS.values(), ids=TOTALS)
TALL, WIDE = {"n": 80, "d": 5}, {"n": 40, "d": 60}


class Case:
    """A point, multipliers, and the system there with its right side."""

    def __init__(self, total, rule, *, rho=0.7, seed=0, **params):
        self.problem = random_problem(total, rule, seed=seed, **params)
        rng = np.random.default_rng(seed)
        count, d = self.problem.n_classes, self.problem.rows.n_features
        self.W = 0.3 * rng.normal(size=(count, d))
        self.b = 0.3 * rng.normal(size=count) * (rule != "none")
        self.anchor = self.problem.within(random_duals(self.problem, seed))
        self.rho, self.delta = rho, float(rule == "penalized")
        point = self.problem, self.W, self.b, self.anchor, rho
        self.alpha = augmented(*point)[1]
        gradient, pull = slope_of(*point)
        self.right = padded(gradient.T), padded(pull)

    @property
    def system(self):
        rows = self.problem.class_rows()
        return JointSystem(self.problem, rows, padded(self.alpha), self.rho, self.delta)

    def direction(self):
        """The Newton direction, without what pads it."""
        count = self.problem.n_classes
        direction, turn = joint_direction(self.system, *self.right)
        assert not direction[:, count:].any()
        assert not turn[count:].any()
        return direction[:, :count].T, turn[:count]

    def curvatures(self):
        """The curvature of each row in its scores, of shape (n_rows, K, K)."""
        problem, count = self.problem, self.problem.n_classes
        out = np.zeros((problem.n_rows, count, count))
        for i, (a, own, c) in enumerate(
            zip(self.alpha, problem.codes, problem.cost, strict=True)
        ):
            differences = np.eye(count)
            differences[:, own] -= 1.0
            support = ((a > 0.0) & (a < c)).astype(float)
            inner = np.diag(support)
            if support.any() and a.sum() >= problem.total * c * (1.0 - 1e-12):
                inner -= np.outer(support, support) / support.sum()
            out[i] = self.rho * c * differences.T @ inner @ differences
        return out

    def matrix(self):
        """The matrix of the system; unknowns are the classes' one after the other."""
        X = dense_rows(self.problem)
        own = np.ones(X.shape[1])
        if self.problem.intercept_rule != "none":
            X = np.c_[X, np.ones(len(X))]
            own = np.append(own, self.delta)
        matrix = np.diag(np.tile(own, self.problem.n_classes))
        for curvature, x in zip(self.curvatures(), X, strict=True):
            matrix += np.kron(curvature, np.outer(x, x))
        return matrix

    def vector(self, W, b):
        """The unknowns in one vector."""
        parts = [W] if self.problem.intercept_rule == "none" else [W, b[:, None]]
        return np.concatenate(parts, axis=1).ravel()

    def residual(self, W, b):
        """How far a direction is from solving, as a part of the right side."""
        count = self.problem.n_classes
        right = self.vector(self.right[0][:, :count].T, self.right[1][:count])
        left = self.matrix() @ self.vector(W, b) + right
        return np.linalg.norm(left) / np.linalg.norm(right)


@pytest.fixture
def way(monkeypatch):
    """Spy on the two ways to solve the system."""
    taken = []

    def spied(name, real):
        def spy(*args):
            taken.append(name)
            return real(*args)

        return spy

    for name in ("_matrix", "_by_conjugate_gradients"):
        spy = spied(name, getattr(joint_system, name))
        monkeypatch.setattr(joint_system, name, spy)
    return taken


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("dense", np.float32),
        ("dense", np.float64),
        ("csr32", np.float32),
        ("csr64", np.float64),
    ],
)
@every_total
@every_rule
def test_direction_equals_a_dense_solve(
    monkeypatch, way, rule, total, kind, dtype, build
):
    kernels = {"_joint_newton": None}
    use_build(kernels, build)
    monkeypatch.setattr(joint_rows, "_joint_newton", kernels["_joint_newton"])
    case = Case(total, rule, n_classes=5, kind=kind, dtype=dtype)
    monkeypatch.setattr(joint_system, "_CONJUGATE_TOL", 1e-12)
    by_matrix = case.direction()
    monkeypatch.setattr(joint_system, "FEW_UNKNOWNS", 0)
    by_steps = case.direction()
    assert way == ["_matrix", "_by_conjugate_gradients"]
    right = case.vector(case.right[0][:, :5].T, case.right[1][:5])
    # With free intercepts the same number can be added to all.
    expected = np.linalg.lstsq(case.matrix(), -right, rcond=1e-12)[0]
    for W, b in (by_matrix, by_steps):
        if rule == "free":
            b = b - b.mean()
        np.testing.assert_allclose(case.vector(W, b), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("size", [TALL, WIDE], ids=["tall", "wide"])
@every_total
@every_rule
def test_a_short_step_takes_its_part_of_the_gradient(rule, total, size):
    # Psi is quadratic between the kinks, whose Hessian is the matrix.
    case = Case(total, rule, n_classes=4, seed=3, **size)
    W, b = case.direction()
    assert _Free.of(case.system).order.size > 2
    h = 1e-7
    after = slope_of(
        case.problem, case.W + h * W, case.b + h * b, case.anchor, case.rho
    )
    before = case.right[0].T, case.right[1]
    for now, then in zip(after, before, strict=True):
        np.testing.assert_allclose(now, (1.0 - h) * then, rtol=1e-9, atol=1e-12)
        assert np.abs(now - then).max() >= 0.5 * h * np.abs(then).max()


@pytest.mark.parametrize("size", [TALL, WIDE], ids=["tall", "wide"])
@every_total
@every_rule
def test_conjugate_gradients_stop_early_and_lead_down(monkeypatch, rule, total, size):
    monkeypatch.setattr(joint_system, "FEW_UNKNOWNS", 0)
    case = Case(total, rule, n_classes=4, **size)
    W, b = case.direction()
    assert 1e-3 < case.residual(W, b) <= 0.1 + 1e-6
    assert np.sum(W.T * case.right[0]) + b @ case.right[1] < 0.0


@every_total
def test_conjugate_gradients_are_limited(monkeypatch, total):
    monkeypatch.setattr(joint_system, "FEW_UNKNOWNS", 0)
    monkeypatch.setattr(joint_system, "_CONJUGATE_TOL", 0.0)
    case = Case(total, "penalized", n_classes=4, **TALL)
    exact = case.residual(*case.direction())
    monkeypatch.setattr(joint_system, "_MAX_CONJUGATE_STEPS", 1)
    assert exact < 1e-9 < 1e-4 < case.residual(*case.direction())


def few_rows(total):
    """A problem of three classes whose rows 2 to 9 cost 2, and a function of duals."""
    problem = random_problem(total, "none", n=10, equal=True, cost=2.0)
    problem.codes[:] = [1, 2, *[0] * 8]

    def order_of(*duals):
        alpha = np.zeros((10, 4))
        alpha[2 : 2 + len(duals), 1:3] = duals
        system = JointSystem(problem, problem.class_rows(), alpha, 3.0, 0.0)
        return _Free.of(system)

    return order_of


def test_rows_that_are_free():
    duals = [(0.0, 0.0), (2.0, 0.0), (0.5, 0.0), (0.5, 0.7), (0.5, 1.5), (2.0, 2.0)]
    largest = few_rows(1.0)(*duals[:5])
    # A single dual inside cannot move where the sum is at the cap; two can.
    np.testing.assert_array_equal(largest.order, [4, 5, 6])
    np.testing.assert_array_equal(largest.inside, [[0, 1, 0], [0, 1, 1], [0, 1, 1]])
    np.testing.assert_array_equal(largest.share, [0.0, 0.0, 0.5])
    np.testing.assert_array_equal(largest.sigma, 6.0)
    np.testing.assert_array_equal(largest.codes, 0)
    almost = 2.0 - 1e-13
    assert few_rows(1.0)((almost, 0.0), (0.0, 2.0 - 1e-11)).order.tolist() == [3]
    summed = few_rows(np.inf)(*duals)
    np.testing.assert_array_equal(summed.order, [4, 5, 6])
    np.testing.assert_array_equal(summed.share, 0.0)
    assert few_rows(np.inf)((2.0, 0.5), (almost, 0.0)).order.tolist() == [2, 3]


@every_total
def test_curvature_of_the_free_rows(total):
    case = Case(total, "free", n_classes=5)
    free, curvatures = _Free.of(case.system), case.curvatures()
    used = np.flatnonzero(np.abs(curvatures).max(axis=(1, 2)) > 1e-12)
    np.testing.assert_array_equal(free.order, used)
    scores = np.random.default_rng(0).normal(size=(len(used), 5))
    expected = np.einsum("ikl,il->ik", curvatures[used], scores)
    free.curve(scores)
    np.testing.assert_allclose(scores, expected, atol=1e-13)
    for k in range(5):
        for other in range(5):
            found = free.entries(k, other)
            np.testing.assert_allclose(found, curvatures[used, k, other], atol=1e-13)


@pytest.mark.parametrize("name", ["columns", "rows", "diagonal"])
@every_total
@every_rule
def test_preconditioner_of_a_class(monkeypatch, rule, total, name):
    case = Case(total, rule, n_classes=3, **(WIDE if name == "rows" else TALL))
    if name == "diagonal":
        monkeypatch.setattr(joint_system, "LARGEST_SYSTEM", 0)
    system, X = case.system, dense_rows(case.problem)
    d = X.shape[1]
    free = _Free.of(system)
    ridge = joint_system._ridge_of(system, free)
    for k in range(3):
        block = np.zeros((d, d))
        if rule != "none":
            X, block = np.c_[X[:, :d], np.ones(len(X))], np.zeros((d + 1, d + 1))
        weights = case.curvatures()[:, k, k]
        assert (np.count_nonzero(weights) >= len(block)) == (name != "rows")
        block += X.T @ (weights[:, None] * X)
        if name == "diagonal":
            # Only what it knows without a pass over X.
            block = np.diag(np.append(np.zeros(d), np.diagonal(block)[d:]))
        block[np.diag_indices_from(block)] += ridge[k]
        right = np.random.default_rng(k).normal(size=len(block))
        found = joint_system._of_class(system, free, k, ridge[k])(right)
        expected = np.linalg.solve(block, right)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


@every_rule
def test_preconditioner_of_a_class_without_free_rows(rule):
    case = Case(np.inf, rule, n_classes=3)
    case.alpha[:] = 0.0
    # One dual of class 0 for class 1 alone.
    case.alpha[np.flatnonzero(case.problem.codes == 0)[0], 1] = 0.1
    system = case.system
    free = _Free.of(system)
    ridge = joint_system._ridge_of(system, free)
    right = np.arange(1.0, len(ridge[2]) + 1.0)
    found = joint_system._of_class(system, free, 2, ridge[2])(right)
    np.testing.assert_allclose(found, right / ridge[2], rtol=1e-15)


@every_rule
def test_ridge_of(rule):
    case = Case(np.inf, rule)
    ridge = joint_system._ridge_of(case.system, _Free.of(case.system))
    assert np.all(ridge[:, :4] == 1.0)
    if rule == "none":
        assert ridge.shape == (3, 4)
    elif rule == "penalized":
        assert np.all(ridge[:, 4] == 1.0)
    else:
        trace = np.trace(case.curvatures().sum(axis=0))
        np.testing.assert_allclose(ridge[:, 4], 1e-9 * trace / 3.0, rtol=1e-9)


@pytest.mark.parametrize("few", [0, 1000])
@every_total
def test_scale_of_the_columns_makes_no_difference(monkeypatch, total, few):
    # For s X the weights' curvature is the same with rho / s^2, and b is s times it.
    monkeypatch.setattr(joint_system, "FEW_UNKNOWNS", few)
    monkeypatch.setattr(joint_system, "_CONJUGATE_TOL", 1e-11)
    case = Case(total, "free")
    W, b = case.direction()
    s = 2.0**20
    rows = rows_of("dense", s * dense_rows(case.problem))
    case.problem, case.rho = replace(case.problem, rows=rows), case.rho / s**2
    case.right = case.right[0], case.right[1] / s
    scaled_W, scaled_b = case.direction()
    np.testing.assert_allclose(scaled_W, W, rtol=1e-6, atol=1e-9)
    shift = b.mean() - scaled_b.mean() / s
    np.testing.assert_allclose(scaled_b / s + shift, b, rtol=1e-6, atol=1e-9)


@every_rule
def test_without_free_rows_it_is_the_gradient(way, rule):
    case = Case(1.0, rule)
    case.alpha[:] = 0.0
    direction, turn = joint_direction(case.system, *case.right)
    assert np.array_equal(direction, -case.right[0])
    assert np.array_equal(turn, -case.right[1])
    assert not way


@pytest.mark.parametrize("few", [0, 1000])
def test_same_bits_again_and_nothing_is_changed(monkeypatch, few):
    monkeypatch.setattr(joint_system, "FEW_UNKNOWNS", few)
    case = Case(1.0, "free", n_classes=5)
    system = case.system
    given = system.alpha, *case.right
    before = [array.copy() for array in given]
    first = joint_direction(system, *case.right)
    second = joint_direction(system, *case.right)
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one, other)
    for array, copy in zip(given, before, strict=True):
        assert np.array_equal(array, copy)


@pytest.mark.parametrize(("d", "rule"), [(333, "none"), (332, "free")])
def test_few_unknowns_are_solved_as_they_stand(monkeypatch, way, d, rule):
    # 3 classes of 333 unknowns each are 999.
    monkeypatch.setattr(joint_system, "FEW_UNKNOWNS", 999)
    Case(1.0, rule, n=10, d=d).direction()
    Case(1.0, rule, n=10, d=d + 1).direction()
    assert way == ["_matrix", "_by_conjugate_gradients"]


@every_rule
@every_total
def test_reflections_find_the_same_direction(monkeypatch, rule, total):
    case = Case(total, rule, **TALL)
    direction, turn = case.direction()
    taken, real = [], joint_system._by_reflections

    def spy(*args):
        taken.append(args)
        return real(*args)

    monkeypatch.setattr(joint_system, "_least_pivot", lambda _: np.inf)
    monkeypatch.setattr(joint_system, "_by_reflections", spy)
    other, turned = case.direction()
    assert taken
    np.testing.assert_allclose(other, direction, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(
        turned - turned.mean(), turn - turn.mean(), rtol=1e-6, atol=1e-8
    )


def test_intercepts_of_classes_that_no_free_row_binds_stay_near(monkeypatch):
    monkeypatch.setattr(joint_system, "_least_pivot", lambda _: np.inf)
    case = Case(1.0, "free", **TALL)
    # Free rows bind the first two classes only.
    case.alpha[:] = 0.0
    rows = np.flatnonzero(case.problem.codes == 0)
    case.alpha[rows, 1] = 0.5 * case.problem.cost[rows]
    assert not _Free.of(case.system).is_connected
    case.right[1][:3] = [0.1, -0.3, 0.2]
    _, turn = case.direction()
    assert np.abs(turn).max() < 1e12

"""The Newton system against a dense solve."""

import numpy as np
import pytest
import scipy.sparse as sp
from reference import RULES, blobs, make_problem

from hingesvm.losses import Hinge
from hingesvm.solvers.newton import system as newton
from hingesvm.solvers.newton.system import (
    NewtonSystem,
    newton_direction,
    solve_positive,
)

TALL = blobs(60, 6)
WIDE = blobs(40, 120)

every_rule = pytest.mark.parametrize("rule", RULES)


def system(X, free, slope, rule):
    """The matrix of the Newton system, with the intercept last."""
    A = np.c_[X[free], np.ones(len(free))]
    matrix = np.diag(np.r_[np.ones(X.shape[1]), float(rule == "penalized")])
    matrix += A.T @ (slope[:, None] * A)
    return matrix[:-1, :-1] if rule == "none" else matrix


def case(data, n_free, rule, seed=0, spread=0.0):
    X, y = data
    rng = np.random.default_rng(seed)
    free = np.sort(rng.permutation(len(y))[:n_free]).astype(np.intp)
    slope = 10.0 ** rng.uniform(-spread, spread, n_free)
    gradient = rng.normal(size=X.shape[1])
    pull = {"none": 0.0, "penalized": 0.7, "free": 0.2}[rule]
    return free, slope, gradient, pull


def branch(monkeypatch, name):
    """Spy on one of the three ways to solve the system."""
    taken, real = [], getattr(newton, name)

    def spy(*args):
        taken.append(name)
        return real(*args)

    monkeypatch.setattr(newton, name, spy)
    return taken


@every_rule
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("data", "n_free", "name"),
    [
        (TALL, 1, "_by_columns"),
        (TALL, 50, "_by_columns"),
        (WIDE, 1, "_by_rows"),
        (WIDE, 35, "_by_rows"),
    ],
    ids=["columns-1", "columns", "rows-1", "rows"],
)
def test_direction_equals_a_dense_solve(
    monkeypatch, data, n_free, name, dtype, kind, rule
):
    taken = branch(monkeypatch, name)
    X = data[0].astype(dtype)
    free, slope, gradient, pull = case(data, n_free, rule, spread=2.0)
    problem = make_problem(kind(X), data[1], Hinge(), rule)
    direction, turn = newton_direction(
        NewtonSystem(problem, free, slope, gradient, pull)
    )
    assert taken == [name]
    matrix = system(X.astype(float), free, slope, rule)
    right = gradient if rule == "none" else np.append(gradient, pull)
    expected = -np.linalg.solve(matrix, right)
    assert direction == pytest.approx(expected[: len(gradient)], rel=1e-7, abs=1e-9)
    assert turn == pytest.approx(0.0 if rule == "none" else expected[-1], rel=1e-7)


@every_rule
@pytest.mark.parametrize("data", [TALL, WIDE], ids=["tall", "wide"])
def test_columns_and_rows_and_gradients_agree(monkeypatch, data, rule):
    X, y = data
    free, slope, gradient, pull = case(data, 30, rule)
    args = (make_problem(X, y, Hinge(), rule), free, slope, gradient, pull)
    by_columns = newton._by_columns(NewtonSystem(*args))
    by_rows = newton._by_rows(NewtonSystem(*args))
    assert by_rows[0] == pytest.approx(by_columns[0], rel=1e-8, abs=1e-10)
    assert by_rows[1] == pytest.approx(by_columns[1], rel=1e-8, abs=1e-10)
    taken = branch(monkeypatch, "_by_conjugate_gradients")
    monkeypatch.setattr(newton, "LARGEST_SYSTEM", 0)
    direction, turn = newton_direction(NewtonSystem(*args))
    assert len(taken) == 1
    matrix = system(X, free, slope, rule)
    right, step = gradient, direction
    if rule == "none":
        assert turn == 0.0
    else:
        right, step = np.append(gradient, pull), np.append(direction, turn)
    residual = matrix @ step + right
    assert np.linalg.norm(residual) <= 0.1 * np.linalg.norm(right) * (1.0 + 1e-9)
    assert step @ right < 0.0


@every_rule
@pytest.mark.parametrize("form", ["_by_columns", "_by_rows"])
def test_direction_at_wildly_different_column_scales(form, rule):
    X, y = TALL
    X = X * np.logspace(-4, 4, 6)
    free, slope, gradient, pull = case(TALL, 30, rule)
    gradient = gradient * np.logspace(-4, 4, 6)
    problem = make_problem(X, y, Hinge(), rule)
    direction, turn = getattr(newton, form)(
        NewtonSystem(problem, free, slope, gradient, pull)
    )
    scale = np.r_[np.logspace(4, -4, 6), 1.0]
    matrix, right = system(X, free, slope, rule), np.append(gradient, pull)
    scale, right = scale[: len(matrix)], right[: len(matrix)]
    scaled = np.linalg.solve(matrix * scale[:, None] * scale, -right * scale)
    step = np.append(direction, turn)[: len(matrix)] / scale
    tight = 1e-9 if form == "_by_columns" else 1e-3
    assert step == pytest.approx(scaled, rel=tight, abs=tight * np.abs(scaled).max())


@every_rule
def test_without_free_rows_it_is_the_gradient(rule):
    X, y = TALL
    none, gradient = np.empty(0, dtype=np.intp), np.arange(6.0)
    problem = make_problem(X, y, Hinge(), rule)
    direction, turn = newton_direction(
        NewtonSystem(problem, none, np.empty(0), gradient, 0.25)
    )
    assert np.array_equal(direction, -gradient)
    assert turn == -0.25


def test_nothing_is_changed():
    X, y = WIDE
    free, slope, gradient, pull = case(WIDE, 20, "free")
    before = [array.copy() for array in (X, free, slope, gradient)]
    problem = make_problem(X, y, Hinge(), "free")
    newton_direction(NewtonSystem(problem, free, slope, gradient, pull))
    for array, copy in zip((X, free, slope, gradient), before, strict=True):
        assert np.array_equal(array, copy)


def positive_definite(n, seed=0):
    A = np.random.default_rng(seed).normal(size=(n, n))
    return A @ A.T + np.eye(n)


@pytest.mark.parametrize("shape", [(8,), (8, 3)])
def test_solve_positive(shape):
    matrix = positive_definite(8)
    x = np.random.default_rng(1).normal(size=shape)
    assert solve_positive(matrix.copy(), matrix @ x) == pytest.approx(x, rel=1e-10)


def test_solve_positive_reads_the_lower_triangle_only():
    matrix = positive_definite(8)
    x = np.arange(8.0)
    right = matrix @ x
    assert solve_positive(np.tril(matrix), right) == pytest.approx(x, abs=1e-10)


def test_solve_positive_is_indifferent_to_scales():
    matrix, x = positive_definite(9), np.linspace(1.0, 2.0, 9)
    scale = np.logspace(-12, 12, 9)
    solution = solve_positive(matrix * scale[:, None] * scale, scale * (matrix @ x))
    assert solution * scale == pytest.approx(x, rel=1e-10)


@pytest.mark.parametrize("rank", [1, 4, 7])
@pytest.mark.parametrize("spread", [0.0, 8.0])
def test_solve_positive_with_a_singular_matrix(rank, spread):
    A = np.random.default_rng(rank).normal(size=(8, rank))
    matrix, scale = A @ A.T, np.logspace(-spread, spread, 8)
    right = matrix @ np.arange(1.0, 9.0)
    solution = scale * solve_positive(matrix * scale[:, None] * scale, right * scale)
    assert np.all(np.isfinite(solution))
    residual = matrix @ solution - right
    assert np.linalg.norm(residual) <= 1e-6 * np.linalg.norm(right)


def test_solve_positive_with_equal_rows_and_columns():
    solution = solve_positive(np.full((3, 3), 4.0), np.full(3, 8.0))
    assert solution.sum() == pytest.approx(2.0, rel=1e-6)


@pytest.mark.parametrize("n", [63, 64, 65, 200])
def test_factorisation_in_blocks(n, monkeypatch):
    rng = np.random.default_rng(n)
    A = rng.normal(size=(n, n + 5)) * np.logspace(0, 3, n)[:, None]
    matrix = A @ A.T
    right = rng.normal(size=(n, 2))
    expected = solve_positive(matrix.copy(), right)
    monkeypatch.setattr(newton, "_LARGE", 1)
    # Only the lower triangle is read.
    garbled = np.tril(matrix) + np.triu(np.full((n, n), np.nan), 1)
    solution = solve_positive(garbled, right)
    np.testing.assert_allclose(solution, expected, rtol=1e-6, atol=1e-12)


def test_factorisation_in_blocks_of_a_singular_matrix(monkeypatch):
    monkeypatch.setattr(newton, "_LARGE", 1)
    A = np.random.default_rng(0).normal(size=(150, 100))
    matrix = A @ A.T
    right = matrix @ np.ones(150)
    solution = solve_positive(matrix.copy(), right)
    np.testing.assert_allclose(matrix @ solution, right, rtol=1e-4, atol=1e-4)

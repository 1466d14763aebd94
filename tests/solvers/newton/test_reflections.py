"""Newton directions by reflections, against fractions and against centred rows."""

from fractions import Fraction

import numpy as np
import pytest
from reference import RULES, make_problem

from hingesvm.losses import Hinge
from hingesvm.solvers.newton import system as newton
from hingesvm.solvers.newton.reflections import can_reflect, solver_by_reflections
from hingesvm.solvers.newton.system import NewtonSystem, newton_direction


def exactly(matrix, right):
    """The solution of a linear system, by elimination in fractions."""
    rows = [
        [*map(Fraction, row), value] for row, value in zip(matrix, right, strict=True)
    ]
    for i, pivot in enumerate(rows):
        for row in rows[i + 1 :]:
            factor = row[i] / pivot[i]
            row[:] = [a - factor * b for a, b in zip(row, pivot, strict=True)]
    found = [Fraction(0)] * len(rows)
    for i in reversed(range(len(rows))):
        known = sum(rows[i][k] * found[k] for k in range(i + 1, len(rows)))
        found[i] = (rows[i][-1] - known) / rows[i][i]
    return np.array([float(value) for value in found])


def products(A, slope, own):
    """A' H A + diag(own) in fractions."""
    A = [[Fraction(float(v)) for v in row] for row in A]
    slope = [Fraction(float(v)) for v in slope]
    d = len(A[0])
    return [
        [
            sum(h * row[j] * row[k] for h, row in zip(slope, A, strict=True))
            + (Fraction(float(own[j])) if j == k else 0)
            for k in range(d)
        ]
        for j in range(d)
    ]


def uneven(n=20, d=5, seed=0):
    """Rows far from the origin, of uneven lengths; two columns alike."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) + 100.0 * rng.normal(size=d)
    X[:, 1] = X[:, 0] + 1e-6 * rng.normal(size=n)
    X[:, 2:] *= 10.0 ** rng.uniform(-3, 3, d - 2)
    return X * 10.0 ** rng.uniform(0, 3, (n, 1))


def test_solutions_are_those_of_the_products_in_fractions():
    A = uneven()
    ridge = np.array([1.0, 1.0, 1e-8, 1.0, 1.0])
    right = [Fraction(float(v)) for v in np.random.default_rng(1).normal(size=5)]
    found = solver_by_reflections(A, ridge)(np.array([float(v) for v in right]))
    expected = exactly(products(A, np.ones(20), ridge), right)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_what_no_equation_tells_of_stays_zero():
    A = np.array([[1.0, 0.0, 2.0], [3.0, 0.0, 1.0]])
    found = solver_by_reflections(A, np.zeros(3))(np.array([1.0, 0.0, 1.0]))
    assert found[1] == 0.0
    np.testing.assert_allclose(A.T @ (A @ found), [1.0, 0.0, 1.0], rtol=1e-12)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("n", "d"), [(24, 5), (4, 9)], ids=["columns", "rows"])
def test_directions_of_uneven_rows(rule, n, d, monkeypatch):
    monkeypatch.setattr(newton, "_FEW_COLUMNS", 1)
    X = uneven(n, d)
    signs = np.resize([1, -1], n)
    problem = make_problem(X, signs, Hinge(), rule)
    rng = np.random.default_rng(2)
    free = np.arange(n)
    slope = 10.0 ** rng.uniform(-2.0, 4.0, n)
    gradient, pull = rng.normal(size=d), 0.3 * (rule != "none")
    system = NewtonSystem(problem, free, slope, gradient, pull)
    step, turn = newton_direction(system)
    A, own, right = X, np.ones(d), -gradient
    if rule != "none":
        A = np.c_[X, np.ones(n)]
        own, right = np.append(own, system.delta), np.append(right, -pull)
    fractions = [Fraction(float(value)) for value in right]
    expected = exactly(products(A, slope, own), fractions)
    found = np.append(step, turn)[: len(right)]
    np.testing.assert_allclose(A @ found, A @ expected, atol=1e-6 * reach(A, expected))
    np.testing.assert_allclose(step, expected[:d], rtol=1e-7)


def reach(A, step):
    """The size of the terms that make up the margins, of which one digit is lost."""
    return np.abs(A @ step).max() + 1e-10 * (np.abs(A) @ np.abs(step)).max()


def test_large_systems_are_left_to_products(monkeypatch):
    assert can_reflect(300, 100)
    assert not can_reflect(100_000, 100)
    X = uneven(24, 5)
    problem = make_problem(X, np.resize([1, -1], 24), Hinge(), "free")
    system = NewtonSystem(problem, np.arange(24), np.ones(24), np.ones(5), 0.0)
    monkeypatch.setattr(newton, "can_reflect", lambda *_: False)
    monkeypatch.setattr(newton, "_by_reflections", None)
    step, turn = newton_direction(system)
    assert np.isfinite(step).all()
    assert np.isfinite(turn)

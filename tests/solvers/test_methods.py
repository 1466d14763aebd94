"""Which methods `solve` takes, and in which order."""

import numpy as np
import pytest
import scipy.sparse as sp
from reference import blobs, breast_cancer, check_solution, make_problem
from samples import text
from solver_cases import every_loss, every_rule, exact

from hingesvm import solvers
from hingesvm.losses import Hinge
from hingesvm.problems.start import Start
from hingesvm.solvers import Progress, choice, solve
from hingesvm.solvers.newton import bands


class Spy:
    """Counts the calls of a solver on their way to it."""

    def __init__(self, monkeypatch, name):
        self.calls = 0
        self.real = getattr(choice, name)
        monkeypatch.setattr(choice, name, self)

    def __call__(self, *args, **kwargs):
        self.calls += 1
        return self.real(*args, **kwargs)


def test_auto_sweeps_and_then_takes_newton_steps(monkeypatch):
    sweeps, newton = Spy(monkeypatch, "sweep_until"), Spy(monkeypatch, "newton_until")
    X, y = blobs(100, 70)
    assert exact(sp.csr_matrix(X), y).converged
    assert sweeps.calls == newton.calls == 1


@every_rule
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
def test_few_columns_need_no_sweeps(monkeypatch, rule, kind):
    sweeps = Spy(monkeypatch, "sweep_until")
    X, y = blobs(100, 5)
    solution = exact(kind(X), y, rule=rule)
    assert solution.certificate.relative_gap <= 1e-10
    assert sweeps.calls == 0
    # The start, and a look for each inner problem, a step or more in all but the last.
    assert len(solution.history) <= solution.n_iter + 3


@pytest.mark.parametrize(
    ("cost", "tol", "handed_over"), [(0.01, 1e-2, 0), (1.0, 1e-8, 1)]
)
def test_auto_on_large_problems_hands_over_when_that_is_cheaper(
    monkeypatch, cost, tol, handed_over
):
    monkeypatch.setattr(choice, "_SMALL", 0)
    monkeypatch.setattr(choice, "LEAST_BAND", 0)
    newton = Spy(monkeypatch, "band_until")
    X, y = breast_cancer()  # at C=1 collinear columns make sweeps slow
    solution = exact(X, y, cost=cost, tol=tol)
    assert newton.calls == handed_over
    assert solution.converged
    gap = check_solution(solution, X, y, cost, Hinge(), "free")
    assert gap <= tol * solution.certificate.primal


def trace(monkeypatch, *names):
    """Spy on functions that `solve` calls: their names, in order."""
    taken = []

    def spy_on(name):
        where = solvers if hasattr(solvers, name) else choice
        real = getattr(where, name)

        def spy(*args, **options):
            taken.append(name)
            return real(*args, **options)

        for module in (solvers, choice):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, spy)

    for name in names:
        spy_on(name)
    return taken


@pytest.fixture
def taken(monkeypatch):
    """As if a few hundred rows were many."""
    monkeypatch.setattr(choice, "_FEW_ROWS", 100)
    monkeypatch.setattr(choice, "LEAST_BAND", 50)
    monkeypatch.setattr(bands, "LEAST_ROWS", 30)
    monkeypatch.setattr(bands, "ROWS_PER_COLUMN", 1)
    monkeypatch.setattr(bands, "LEAST_BAND", 50)
    return trace(monkeypatch, "nest", "band_until", "sweep_until", "newton_until")


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
@every_rule
@every_loss
def test_many_rows_for_each_column_start_from_samples(
    monkeypatch, taken, loss, rule, kind
):
    monkeypatch.setattr(choice, "_TALL", 100)
    X, y = blobs(500, 5)
    solution = solve(make_problem(kind(X), y, loss, rule), tol=1e-5)
    assert taken == ["nest", "band_until"]
    assert solution.converged
    gap = check_solution(solution, X, y, 1.0, loss, rule)
    assert gap <= 1e-5 * solution.certificate.primal * (1.0 + 1e-6)


@every_rule
@every_loss
def test_fewer_rows_for_each_column_start_with_sweeps(monkeypatch, taken, loss, rule):
    monkeypatch.setattr(choice, "_TALL", 101)
    X, y = blobs(500, 5)
    solution = solve(make_problem(X, y, loss, rule), tol=1e-5)
    assert taken[0] == "sweep_until"
    assert "nest" not in taken
    assert solution.converged
    gap = check_solution(solution, X, y, 1.0, loss, rule)
    assert gap <= 1e-5 * solution.certificate.primal * (1.0 + 1e-6)


def test_a_class_too_rare_for_a_sample_leaves_tall_data_to_sweeps(monkeypatch, taken):
    monkeypatch.setattr(choice, "_TALL", 100)
    X, y = blobs(500, 5)
    y[20:] = -1
    y[:20] = 1  # about 3 of them in an eighth of the rows
    solution = solve(make_problem(X, y, Hinge(), "free"), tol=1e-5)
    assert taken[:2] == ["nest", "sweep_until"]
    assert solution.converged
    gap = check_solution(solution, X, y, 1.0, Hinge(), "free")
    assert gap <= 1e-5 * solution.certificate.primal * (1.0 + 1e-6)


def test_sweeps_hand_over_to_bands(taken):
    # Sweeps alone would take very long at this cost.
    X, y = blobs(500, 5)
    solution = solve(make_problem(X, y, Hinge(), "free", 1e4), tol=1e-6)
    assert taken == ["sweep_until", "band_until"]
    assert solution.converged
    check_solution(solution, X, y, 1e4, Hinge(), "free")


@pytest.mark.parametrize(
    ("price", "taken", "remaining", "left", "expected"),
    [
        # Dearer than Newton steps, once enough is known.
        (50.0, 2.0, 100.0, 900, False),
        (50.0, 20.0, 100.0, 900, True),
        (50.0, 20.0, 40.0, 900, False),
        # More than is left, but the next look will come in time to leave.
        (1e6, 300.0, 2000.0, 700, False),
        (1e6, 300.0, np.inf, 700, False),
        (1e6, 650.0, 2000.0, 350, True),
        (1e6, 650.0, 300.0, 350, False),
        (1e6, 650.0, np.nan, 350, False),
    ],
)
def test_when_sweeps_hand_over(monkeypatch, price, taken, remaining, left, expected):
    monkeypatch.setattr(choice, "_price_of_finish", lambda problem: price)
    problem = make_problem(*blobs(50, 3), Hinge(), "free")
    progress = Progress(problem, 1e-3, 1000)
    progress.n_iter = 1000 - left
    assert choice.hand_over(progress)(taken, remaining) == expected


def test_a_start_of_ones_own_needs_no_sample(monkeypatch, taken):
    monkeypatch.setattr(choice, "_TALL", 100)
    X, y = blobs(500, 5)
    problem = make_problem(X, y, Hinge(), "free")
    rough = solve(problem, tol=0.01).certificate
    for method in ("auto", "batch"):
        del taken[:]
        start = Start(rough.alpha, rough.w, rough.intercept)
        solution = solve(problem, method=method, tol=1e-6, start=start)
        assert solution.converged
        assert "nest" not in taken
        check_solution(solution, X, y, 1.0, Hinge(), "free")


def test_few_rows_need_no_sample(monkeypatch, taken):
    monkeypatch.setattr(choice, "_FEW_ROWS", 500)
    monkeypatch.setattr(choice, "_TALL", 1)
    X, y = blobs(500, 70)
    solution = solve(make_problem(sp.csr_matrix(X), y, Hinge(), "free"))
    assert set(taken) == {"sweep_until", "newton_until"}
    assert solution.certificate.relative_gap <= 1e-10


def test_text_with_fewer_columns_than_rows_is_left_to_sweeps():
    X, y = text(4000)
    problem = make_problem(X, y, Hinge(), "none", 10.0)
    auto, sweeps = (solve(problem, method=m, tol=0.02) for m in ("auto", "stochastic"))
    assert auto.converged
    assert auto.n_iter == sweeps.n_iter
    assert np.array_equal(auto.certificate.w, sweeps.certificate.w)

"""Progress keeps the best, counts, reports, and certifies from scratch at the end."""

from types import SimpleNamespace

import numpy as np
import pytest
from reference import blobs, make_problem

from hingesvm.losses import Hinge
from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Certificate
from hingesvm.problems.start import Start
from hingesvm.solvers import Progress


@pytest.fixture
def problem():
    X, y = blobs(20, 3)
    return make_problem(X, y, Hinge(), "free")


def certificate_of(primal, dual, n=20):
    return Certificate(np.full(3, primal), primal, np.full(n, dual), primal, dual)


def test_before_the_first_look(problem):
    progress = Progress(problem, 1e-4, 5)
    assert progress.best is None
    assert progress.relative_gap == np.inf
    assert not progress.converged
    assert not progress.exhausted
    assert progress.history == []


def test_the_best_primal_and_the_best_dual_are_kept(problem):
    progress = Progress(problem, 0.3, 5)
    for primal, dual in [(10.0, 1.0), (12.0, 5.0), (8.0, 2.0), (9.0, 4.0)]:
        progress.record(certificate_of(primal, dual))
        progress.n_iter += 1
    best = progress.best
    assert (best.primal, best.dual) == (8.0, 5.0)
    assert best.w[0] == best.intercept == 8.0
    assert best.alpha[0] == 5.0
    assert progress.relative_gap == pytest.approx(3.0 / 8.0)
    assert [check.gap for check in progress.history] == [9.0, 5.0, 3.0, 3.0]
    assert [check.objective for check in progress.history] == [10.0, 10.0, 8.0, 8.0]
    assert [check.iteration for check in progress.history] == [0, 1, 2, 3]
    start = progress.start()
    assert isinstance(start, Start)
    assert (start.w[0], start.intercept, start.alpha[0]) == (8.0, 8.0, 5.0)


@pytest.mark.parametrize(
    ("tol", "converged"), [(0.25, True), (0.5, True), (0.24, False)]
)
def test_converged_is_a_relative_gap_at_the_tolerance(problem, tol, converged):
    progress = Progress(problem, tol, 5)
    progress.record(certificate_of(8.0, 6.0))
    assert progress.converged == converged


@pytest.mark.parametrize(("n_iter", "exhausted"), [(4, False), (5, True), (6, True)])
def test_exhausted_is_max_iter_reached(problem, n_iter, exhausted):
    assert Progress(problem, 0.1, 5, n_iter=n_iter).exhausted == exhausted


def test_seconds_count_from_the_beginning(monkeypatch, problem):
    clock = SimpleNamespace(perf_counter=iter([100.5, 103.0]).__next__)
    progress = Progress(problem, 0.1, 5, began=100.0)
    monkeypatch.setattr("hingesvm.solvers.progress.time", clock)
    for _ in range(2):
        progress.record(certificate_of(8.0, 6.0))
    assert [check.seconds for check in progress.history] == [0.5, 3.0]


def test_each_look_is_reported(problem):
    seen = []
    progress = Progress(problem, 0.1, 5, report=lambda *look: seen.append(look))
    progress.record(certificate_of(8.0, 6.0))
    progress.record(certificate_of(7.0, 6.5))
    assert [check for check, _ in seen] == progress.history
    assert seen[1][0][2:] == (7.0, 0.5, problem.n_rows)
    assert [found.primal for _, found in seen] == [8.0, 7.0]
    assert not progress.exhausted


def test_report_can_stop(problem):
    progress = Progress(problem, 0.1, 5, report=lambda check, _: check.objective < 8.0)
    progress.record(certificate_of(8.0, 6.0))
    assert not progress.exhausted
    progress.record(certificate_of(7.0, 6.0), active=1)
    assert progress.exhausted
    assert progress.is_stopped
    assert [check.active for check in progress.history] == [problem.n_rows, 1]


def test_points_can_be_kept_without_a_line(problem):
    progress = Progress(problem, 0.1, 5)
    progress.record(certificate_of(8.0, 6.0))
    assert progress.keep(certificate_of(7.0, 5.0)).gap == 1.0
    assert progress.best.primal == 7.0
    assert len(progress.history) == 1


@pytest.mark.parametrize("wrong", [-3.0, 0.0, 1e-3])
def test_solution_is_certified_from_scratch(problem, wrong):
    # Whatever the values recorded on the way, those of the solution are true.
    progress = Progress(problem, 1e-4, 5)
    true = problem.certify(np.full(20, 0.1))
    progress.record(
        Certificate(true.w, true.intercept, true.alpha, wrong, wrong - 1e-9)
    )
    solution = progress.solution()
    assert solution.certificate.primal == pytest.approx(true.primal, rel=1e-12)
    assert solution.certificate.dual == pytest.approx(true.dual, rel=1e-12)
    assert not solution.converged


def test_solution_of_a_solved_problem_is_converged():
    problem = make_problem(np.array([[-1.0], [1.0]]), [-1, 1], Hinge(), "free")
    progress = Progress(problem, 1e-12, 5, n_iter=4)
    progress.record(problem.certify(np.array([0.5, 0.5])))
    solution = progress.solution()
    assert solution.converged
    assert solution.n_iter == 4
    assert solution.certificate.primal == pytest.approx(0.5)
    assert solution.history is progress.history
    assert len(solution.history) == 2


@pytest.fixture
def certified(monkeypatch):
    """Spy on Problem.certify: how often it is called."""
    calls, real = [], Problem.certify

    def spy(self, *args):
        calls.append(args)
        return real(self, *args)

    monkeypatch.setattr(Problem, "certify", spy)
    return calls


def with_point(certificate, primal, dual):
    """The same, with arrays of its own and other values."""
    return Certificate(
        certificate.w.copy(),
        certificate.intercept,
        certificate.alpha.copy(),
        primal,
        dual,
    )


def test_what_is_proven_is_not_certified_again(problem, certified):
    true = problem.certify(np.full(20, 0.1))
    del certified[:]
    progress = Progress(problem, 1e-4, 5)
    progress.record(true, proven=True)
    solution = progress.solution()
    assert certified == []
    found = solution.certificate
    assert found.weights is true.weights
    assert found.duals is true.duals
    # What rounding can hide is part of its gap, and of a line of its own.
    assert 0.0 < found.hidden < 1e-12
    assert found.gap == true.gap + found.hidden == solution.history[-1].gap
    assert len(solution.history) == 2
    assert progress.solution().certificate is found
    assert not solution.converged


@pytest.mark.parametrize(
    ("first", "second", "again"),
    [
        (True, True, False),
        (True, False, True),
        (False, True, True),
        (False, False, True),
    ],
)
def test_a_pair_is_proven_if_both_of_its_points_are(
    problem, certified, first, second, again
):
    # The primal point of one look with the dual point of another.
    true = problem.certify(np.full(20, 0.1))
    del certified[:]
    progress = Progress(problem, 1e-4, 5)
    progress.record(with_point(true, true.primal, true.dual - 1.0), proven=first)
    progress.record(with_point(true, true.primal + 1.0, true.dual), proven=second)
    solution = progress.solution()
    assert bool(certified) == again
    assert solution.certificate.primal == pytest.approx(true.primal, rel=1e-12)
    assert solution.certificate.dual == pytest.approx(true.dual, rel=1e-12)


def test_a_worse_look_takes_no_proof_away(problem, certified):
    true = problem.certify(np.full(20, 0.1))
    del certified[:]
    progress = Progress(problem, 1e-4, 5)
    progress.record(true, proven=True)
    progress.record(with_point(true, true.primal + 1.0, true.dual - 1.0))
    assert progress.solution().certificate.primal == true.primal
    assert certified == []
    # A better one does.
    progress.record(with_point(true, true.primal - 1.0, true.dual - 1.0))
    assert progress.solution().certificate.primal == pytest.approx(true.primal)
    assert len(certified) == 1

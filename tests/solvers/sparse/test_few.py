"""Newton steps on few rows and columns in one call: as those taken one by one."""

import numpy as np
import pytest
import scipy.sparse as sp

from hingesvm.kernels.build import _kinked
from hingesvm.losses import get_loss
from hingesvm.penalties import ElasticNet
from hingesvm.problems.certificate import Fixed
from hingesvm.problems.penalized import problem_of
from hingesvm.problems.start import Start
from hingesvm.rows.memory import MemoryRows, never
from hingesvm.solvers.newton.until import newton_until
from hingesvm.solvers.progress import Progress
from hingesvm.solvers.sparse import few

N, D = 150, 40
RULES = ["none", "penalized", "free"]


def problem_with(
    rule="none", loss="squared_hinge", l1_ratio=1.0, dtype=float, check=never, **kwargs
):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, D)) * np.logspace(-1.0, 1.0, D)
    y = np.where(X[:, 20:24].sum(axis=1) + rng.normal(size=N) > 0.5, 1, -1)
    X = sp.csr_matrix(X, dtype=dtype) if kwargs.get("sparse") else X.astype(dtype)
    rows = MemoryRows(X, None, check)
    cost = rng.uniform(0.1, 2.0, N) if kwargs.get("weighted") else np.full(N, 0.3)
    penalty = ElasticNet(l1_ratio).columns(D)
    signs = y.astype(np.int8)
    return problem_of(rows, signs, cost, get_loss(loss), rule, penalty)


def end_of(problem, tol=1e-10, max_iter=1000):
    progress = Progress(problem, tol, max_iter)
    newton_until(progress, Start(np.zeros(problem.n_rows)), goal=tol)
    return progress


def both(monkeypatch, problem, **kwargs):
    assert few.has_few(problem)
    here = end_of(problem, **kwargs)
    with monkeypatch.context() as patched:
        patched.setattr(few, "_MOST_NUMBERS", 0)
        assert not few.has_few(problem)
        there = end_of(problem, **kwargs)
    return here, there


def check(here, there, tol=1e-10):
    problem, best = here.problem, here.best
    assert here.relative_gap <= tol
    assert best.primal == pytest.approx(there.best.primal, rel=2.0 * tol)
    assert best.primal == pytest.approx(problem.primal(best.w, best.intercept))
    proven = problem.dual(problem.repair(best.alpha))
    assert proven == pytest.approx(best.dual, rel=1e-9)
    assert 0 < np.count_nonzero(best.w) < D
    assert np.array_equal(best.w == 0.0, there.best.w == 0.0)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
def test_as_steps_one_by_one(monkeypatch, rule, loss, l1_ratio):
    problem = problem_with(rule, loss, l1_ratio)
    check(*both(monkeypatch, problem))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("sparse", [False, True])
def test_costs_of_rows_in_single_precision(monkeypatch, rule, sparse):
    problem = problem_with(rule, dtype=np.float32, sparse=sparse, weighted=True)
    check(*both(monkeypatch, problem))


@pytest.mark.parametrize("rule", RULES)
def test_rows_that_are_fixed(monkeypatch, rule):
    whole = problem_with(rule, l1_ratio=0.7)
    best = end_of(whole).best
    alpha = best.alpha
    totals = Fixed(whole.combine(alpha), whole.imbalance(alpha), whole.gain(alpha))
    chosen = np.sort(np.argsort(alpha)[-100:])
    part = whole.restrict(chosen, alpha[chosen], totals)
    here, there = both(monkeypatch, part)
    check(here, there)
    # The rows that are left out keep the duals that they have at the optimum.
    assert here.best.dual == pytest.approx(best.dual, rel=1e-9)


def test_the_same_number_of_steps(monkeypatch):
    here, there = both(monkeypatch, problem_with())
    assert abs(here.n_iter - there.n_iter) <= 2


@pytest.mark.parametrize("max_iter", [1, 3])
def test_the_number_of_steps_is_bounded(max_iter):
    progress = end_of(problem_with("free", "hinge"), max_iter=max_iter)
    assert progress.n_iter == max_iter
    assert progress.exhausted
    assert 0.0 < progress.relative_gap < np.inf


def test_can_be_interrupted(monkeypatch):
    asked = []
    problem = problem_with(check=lambda: asked.append(1))
    expected = end_of(problem).best
    before = len(asked)
    monkeypatch.setattr(few, "_WORK", 1.0)
    found = end_of(problem)
    assert len(asked) - before > before
    assert np.array_equal(found.best.w, expected.w)

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        end_of(problem_with(check=stop))


def test_more_columns_than_fit():
    rows = MemoryRows(np.ones((3, _kinked.MOST_COLUMNS)))
    signs = np.array([1, -1, 1], dtype=np.int8)
    penalty = ElasticNet(1.0).columns(_kinked.MOST_COLUMNS)
    parts = rows, signs, 1.0, get_loss("squared_hinge")
    assert few.has_few(problem_of(*parts, "none", penalty))
    assert not few.has_few(problem_of(*parts, "free", penalty))

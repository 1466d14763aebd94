"""Few columns at a time: which take part, and when it ends."""

import numpy as np
import pytest
from penalty_cases import Mixed, few_of_many, make_penalized
from reference import RULES

from hingesvm.losses import get_loss
from hingesvm.penalties import ElasticNet
from hingesvm.problems.start import Start
from hingesvm.solvers import solve
from hingesvm.solvers.newton.until import newton_until
from hingesvm.solvers.progress import Progress
from hingesvm.solvers.sparse import choice, until
from hingesvm.solvers.sparse.until import columns_until


@pytest.fixture
def few_at_first(monkeypatch):
    """Three columns join at first, so that there are several rounds."""
    monkeypatch.setattr(until, "_FIRST", 3)


class Inner:
    """Newton steps, and the columns of each problem that they were asked to solve."""

    def __init__(self):
        self.widths, self.goals, self.problems = [], [], []

    def __call__(self, progress, start, gap):
        self.widths.append(progress.problem.rows.n_features)
        self.goals.append(gap)
        self.problems.append(progress.problem)
        return newton_until(progress, start, goal=gap)


def case(penalty, loss="hinge", rule="free", n=40, d=60, seed=0, cost=0.5):
    X, signs = few_of_many(n, d, seed)
    return make_penalized(X, signs, get_loss(loss), rule, penalty, cost)


def run(problem, goal=1e-9, most=2000, max_iter=1000, start=None):
    progress = Progress(problem, goal, max_iter)
    progress.record(problem.origin())
    inner = Inner()
    first = Start(np.zeros(problem.n_rows)) if start is None else start
    columns_until(progress, first, goal, most, inner)
    return progress, inner


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "smoothed_hinge"])
@pytest.mark.parametrize("ratio", [0.1, 0.5, 1.0])
@pytest.mark.usefixtures("few_at_first")
def test_the_optimum_is_that_of_all_columns(ratio, loss, rule):
    problem = case(ElasticNet(ratio), loss, rule)
    progress, inner = run(problem)
    solution = progress.solution()
    assert solution.converged
    assert solution.certificate.relative_gap <= 1e-9
    whole = solve(problem, tol=1e-9)
    assert whole.certificate.relative_gap <= 1e-9
    found, expected = solution.certificate.primal, whole.certificate.primal
    assert found == pytest.approx(expected, rel=2e-9)
    assert len(inner.widths) > 1
    assert inner.widths[0] <= 3
    # No more join than a multiple of those there are, or three.
    for now, then in zip(inner.widths[1:], inner.widths, strict=False):
        assert now <= (1.0 + until._GROWTH) * max(then, 3)
    if ratio == 1.0:
        assert max(inner.widths) < 60


@pytest.mark.usefixtures("few_at_first")
def test_the_farthest_columns_join_first():
    problem = case(ElasticNet(1.0), "squared_hinge", "none")
    _, inner = run(problem)
    v = problem.combine(problem.slopes(np.ones(40)))
    farthest = np.sort(np.argsort(-np.abs(v))[:3])
    expected = problem.rows.columns(farthest).margins(np.array([1.0, 10.0, 100.0]))
    first = inner.problems[0].rows.margins(np.array([1.0, 10.0, 100.0]))
    assert np.array_equal(first, expected)


@pytest.mark.usefixtures("few_at_first")
def test_penalties_go_with_their_columns():
    rng = np.random.default_rng(0)
    factors = 10.0 ** rng.uniform(-1.0, 1.0, 60)
    mixed = Mixed(factors, np.where(rng.random(60) < 0.5, 0.0, 1.0))
    for penalty in (ElasticNet(0.5, factors), mixed):
        problem = case(penalty)
        progress, _ = run(problem)
        whole = solve(problem, tol=1e-9)
        found = progress.solution().certificate
        assert found.relative_gap <= 1e-9
        assert found.primal == pytest.approx(whole.certificate.primal, rel=2e-9)


@pytest.mark.usefixtures("few_at_first")
def test_room_bounds_the_columns():
    problem = case(ElasticNet(0.1), "squared_hinge", cost=5.0)
    progress, inner = run(problem, most=8, max_iter=200)
    assert max(inner.widths) <= 8
    # What is left is told: the gap of all columns.
    certificate = progress.solution().certificate
    assert 1e-9 < certificate.relative_gap <= 1.0
    least = solve(problem, tol=1e-9).certificate
    assert certificate.dual - certificate.below <= least.primal <= certificate.primal


def test_ends_at_the_number_of_iterations():
    problem = case(ElasticNet(1.0))
    progress, _ = run(problem, max_iter=3)
    assert progress.n_iter == 3
    assert not progress.solution().converged


@pytest.mark.usefixtures("few_at_first")
def test_a_good_start_needs_one_look():
    problem = case(ElasticNet(1.0))
    progress, _ = run(problem, goal=1e-10)
    best = progress.best
    start = Start(best.alpha, best.w, best.intercept)
    again, inner = run(problem, start=start)
    assert inner.widths == []
    assert again.n_iter == 0
    assert again.relative_gap <= 1e-9
    # Weights alone, without dual variables, too.
    start = Start(np.zeros(40), best.w, best.intercept)
    again, inner = run(problem, start=start)
    assert again.relative_gap <= 1e-9
    assert inner.widths[0] >= np.count_nonzero(best.w)


@pytest.mark.usefixtures("few_at_first")
def test_looks_are_recorded_as_proven_with_the_columns_at_work():
    problem = case(ElasticNet(1.0))
    progress, inner = run(problem)
    assert [check.active for check in progress.history[1:]] == [0, *inner.widths]
    gaps = [check.gap for check in progress.history]
    assert gaps == sorted(gaps, reverse=True)
    n_history = len(progress.history)
    progress.solution()
    assert len(progress.history) == n_history


@pytest.mark.usefixtures("few_at_first")
def test_goals_come_closer_with_the_gap():
    _, inner = run(case(ElasticNet(1.0)))
    assert inner.goals[0] > inner.goals[-1]
    assert all(goal >= 0.5e-9 for goal in inner.goals)


def test_few_columns_all_take_part(monkeypatch):
    called = []
    monkeypatch.setattr(choice, "columns_until", lambda *args: called.append(args))
    solve(case(ElasticNet(1.0), d=choice.FEW_COLUMNS))
    assert not called
    solve(case(ElasticNet(1.0), d=choice.FEW_COLUMNS + 1))
    assert called

"""The sweeps: single steps by hand, order, shrinking, multipliers, hand-over."""

import numpy as np
import pytest
import scipy.sparse as sp
from kernel_cases import BUILDS, use_build
from reference import LOSSES, RULES, blobs, check_solution, dual, make_problem
from samples import text

from hingesvm.kernels import _sweep
from hingesvm.losses import Hinge, SmoothedHinge, SquaredHinge
from hingesvm.problems.start import Start
from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers import Progress, solve
from hingesvm.solvers.sweeping import until as stochastic
from hingesvm.solvers.sweeping.until import (
    _remaining,
    intercept_step,
    predicted_sweeps,
    random_bits,
    sweep_until,
)


@pytest.fixture(autouse=True, scope="module", params=BUILDS)
def each_build(request):
    use_build(globals(), request.param)


every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)
every_rule = pytest.mark.parametrize("rule", RULES)


def one_step(problem, row, alpha, intercept=0.0, tau=0.0, shrink_above=np.inf):
    """A step at one row: alpha, w, intercept, largest violation, rows kept."""
    alpha = alpha.copy()
    w = problem.combine(alpha)
    scalars = np.array([intercept, 0.0])
    width = problem.rows.squared_norms() + tau + problem.curvature
    kept = _sweep.dual_steps(
        *problem.rows.arrays,
        np.array([row]),
        0,
        1,
        0,
        problem.signs,
        problem.bound,
        problem.curvature,
        1.0 / width,
        tau,
        shrink_above,
        alpha,
        w,
        scalars,
    )
    return alpha, w, *scalars, kept


@every_loss
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
@pytest.mark.parametrize("rule", ["none", "penalized"])
def test_a_step_maximises_the_dual_in_one_variable(loss, kind, rule):
    X, y = blobs(12, 3)
    cost = np.linspace(0.2, 1.0, 12)
    problem = make_problem(kind(X), y, loss, rule, cost)
    tau = 1.0 if rule == "penalized" else 0.0
    alpha = problem.repair(np.linspace(-0.2, 0.6, 12))
    for row in range(12):
        b = tau * problem.imbalance(alpha)
        new, w, b, _, _ = one_step(problem, row, alpha, b, tau)
        assert w == pytest.approx(X.T @ (new * y))
        assert b == pytest.approx(tau * problem.imbalance(new))
        best = dual(X, y, cost, loss, rule, new)
        for other in np.linspace(0.0, min(problem.bound[row], 5.0), 30):
            changed = new.copy()
            changed[row] = other
            assert dual(X, y, cost, loss, rule, changed) <= best + 1e-12
        alpha = new


def test_a_step_by_hand():
    # x = (3, 4), y = -1, w = 0, b = 0.5: m = -0.5, so a = 1.5 / 25.
    problem = make_problem(np.array([[3.0, 4.0]]), [-1], Hinge(), "none", 1.0)
    alpha, w, b, worst, kept = one_step(problem, 0, np.zeros(1), 0.5)
    assert alpha == pytest.approx([0.06])
    assert w == pytest.approx([-0.18, -0.24])
    assert (b, worst, kept) == pytest.approx((0.5, 1.5, 1))


@pytest.mark.parametrize(
    ("alpha", "intercept", "shrink_above", "kept"),
    [
        (0.0, 3.0, np.inf, 1),  # margin 3, alpha 0: outwards by 2
        (0.0, 3.0, 2.0, 1),
        (0.0, 3.0, 1.9, 0),
        (1.0, -3.0, 1.9, 0),  # margin -3, alpha at its bound
        (1.0, -3.0, 4.0, 1),
        (0.5, -3.0, 0.0, 1),  # inside: never dropped
    ],
)
def test_rows_that_stay_at_a_bound_are_dropped(alpha, intercept, shrink_above, kept):
    problem = make_problem(np.zeros((1, 1)), [1], SmoothedHinge(1e-9), "none", 1.0)
    new, *_, count = one_step(
        problem, 0, np.array([alpha]), intercept, 0.0, shrink_above
    )
    assert count == kept
    assert (new[0] == alpha) == (alpha != 0.5)


@pytest.mark.parametrize("run", [1, 3, 8])
@pytest.mark.parametrize("count", [0, 1, 2, 5, 50])
def test_shuffle_permutes_runs_of_the_first(count, run):
    order = np.arange(50)
    _sweep.shuffle(order, 0, count // run, run, random_bits(4))
    assert np.array_equal(np.sort(order[:count]), np.arange(count))
    whole = count - count % run
    assert np.array_equal(order[whole:], np.arange(whole, 50))
    runs = order[:whole].reshape(-1, run)
    assert np.array_equal(runs % run, np.tile(np.arange(run), (len(runs), 1)))
    assert np.all(np.diff(runs, axis=1) == 1)
    if len(runs) > 3:
        assert np.any(np.diff(runs[:, 0]) < 0)


def test_shuffle_is_uniform():
    counts, state = np.zeros((5, 5)), random_bits(0)
    for _ in range(5000):
        order = np.arange(5)
        _sweep.shuffle(order, 0, 5, 1, state)
        counts[np.arange(5), order] += 1
    # Each place holds each number 1000 times, give or take five standard deviations.
    assert np.all(np.abs(counts - 1000.0) < 5.0 * np.sqrt(800.0))


def test_seeds_give_different_orders():
    orders = []
    for seed in (0, 1, 2, 2**31 - 1):
        order = np.arange(30)
        _sweep.shuffle(order, 0, 30, 1, random_bits(seed))
        orders.append(tuple(order))
    assert len(set(orders)) == 4


def test_intercept_step():
    X, _ = blobs(10, 3)
    mean = MemoryRows(X).squared_norms().mean()
    cost = np.linspace(1.0, 3.0, 10)
    steps = [intercept_step(rule, mean, cost) for rule in RULES]
    step = 0.1 * mean
    assert steps == pytest.approx([0.0, step / (1.0 + step), step])
    # Rows of a smooth loss have q besides: with the costs as weights, 5 / 2 on average.
    step = intercept_step("free", mean, cost, 5.0 / cost)
    assert step == pytest.approx(0.1 * (mean + 2.5))


@pytest.mark.parametrize("scale", [1e-150, 1e-4, 1.0])
def test_the_intercept_can_cross_a_margin_in_a_sweep_however_small_the_rows(scale):
    cost = np.linspace(0.1, 0.5, 20)
    for costs in (cost, np.broadcast_to(0.3, 20)):
        step = intercept_step("free", scale**2, costs)
        assert step * costs.sum() >= 1.0 - 1e-12
    assert intercept_step("penalized", scale**2, cost) == pytest.approx(1.0 / 7.0)


def sweep(problem, tol=1e-4, max_iter=2000, seed=0, start=None, hand_over=None):
    progress = Progress(problem, tol, max_iter)
    alpha = np.zeros(problem.n_rows) if start is None else start
    sweep_until(progress, Start(alpha), seed, hand_over)
    return progress


@every_loss
@every_rule
def test_sweeps_reach_the_tolerance_and_no_further_than_needed(loss, rule):
    X, y = blobs(200, 5)
    gaps = []
    for tol in (1e-1, 1e-3, 1e-5):
        progress = sweep(make_problem(X, y, loss, rule, 0.1), tol)
        assert progress.converged
        gaps.append((progress.n_iter, progress.relative_gap))
    assert gaps[0][0] <= gaps[1][0] <= gaps[2][0] < 2000
    assert gaps[0][0] < gaps[2][0]
    # The gap is looked at often enough: not asked for 1e-1 and stopped at 1e-5.
    assert gaps[0][1] > 1e-5


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
@every_rule
@every_loss
def test_sweeps_over_float32_rows(monkeypatch, loss, rule, kind):
    # Their weights are float32 unless the tolerance is beyond that; mended at times.
    X, y = blobs(200, 5, dtype=np.float32)
    for tol, mend in [(1e-5, 0.0), (1e-4, 8.0), (1e-8, 0.0)]:
        monkeypatch.setattr(stochastic, "_MEND_SINGLE", mend)
        monkeypatch.setattr(stochastic, "_MEND_DOUBLE", mend)
        progress = sweep(make_problem(kind(X), y, loss, rule, 0.1), tol)
        assert progress.converged
        check_solution(progress.solution(), X, y, 0.1, loss, rule)


@every_rule
def test_float32_weights_do_not_drift_away(monkeypatch, rule):
    # Far more sweeps than needed: w is still that of the dual variables.
    monkeypatch.setattr(stochastic, "SOLVED", 0.0)
    X, y = blobs(300, 4, dtype=np.float32)
    problem = make_problem(X, y, Hinge(), rule, 10.0)
    progress = Progress(problem, 1e-5, 400)
    seen, real = [], stochastic.look

    def spy(progress, state):
        gap = real(progress, state)
        seen.append((state.w.dtype, state.w - problem.combine(state.alpha)))
        return gap

    monkeypatch.setattr(stochastic, "look", spy)
    sweep_until(progress, Start(np.zeros(300)), 0)
    assert len(seen) > 3
    for dtype, drift in seen:
        assert dtype == np.float32
        assert np.abs(drift).max() <= 1e-3 * np.abs(progress.best.w).max()


@every_rule
def test_rows_without_entries(rule):
    # They have no part in w; without an intercept their margin is 0 and a = C.
    X, y = blobs(30, 3)
    X[[4, 7]] = 0.0
    for kind in (np.asarray, sp.csr_matrix):
        problem = make_problem(kind(X), y, Hinge(), rule, 0.3)
        progress = sweep(problem)
        assert progress.converged
        if rule == "none":
            assert progress.best.alpha[[4, 7]] == pytest.approx([0.3, 0.3])


@every_loss
@every_rule
def test_nothing_but_zero_rows(loss, rule):
    X, y = np.zeros((6, 2)), np.array([1, 1, 1, 1, -1, -1])
    progress = sweep(make_problem(X, y, loss, rule, 0.5))
    assert progress.converged
    assert np.all(progress.best.w == 0.0)


def test_free_intercept_far_from_zero():
    X, y = blobs(80, 3)
    here = solve(make_problem(X, y, Hinge(), "free", 0.1)).certificate
    problem = make_problem(X + 20.0, y, Hinge(), "free", 0.1)
    progress = sweep(problem, 1e-3, 20_000)
    assert progress.converged
    assert progress.best.primal == pytest.approx(here.primal, rel=1e-3)
    assert abs(progress.best.alpha @ y) <= 1e-12 * progress.best.alpha.sum()


@every_rule
def test_the_start_is_where_it_starts(rule):
    X, y = blobs(100, 4)
    problem = make_problem(X, y, SquaredHinge(), rule, 0.1)
    best = solve(problem).certificate
    start = best.alpha.copy()
    progress = sweep(problem, 1e-3, start=start)
    cold = sweep(problem, 1e-3)
    assert progress.n_iter <= cold.n_iter
    assert progress.history[0].objective <= cold.history[0].objective
    assert np.array_equal(start, best.alpha)


def test_hand_over_is_asked_at_each_look_with_the_progress():
    X, y = blobs(200, 5)
    asked = []

    def never(taken, remaining):
        asked.append((taken, remaining))
        return False

    problem = make_problem(X, y, Hinge(), "free")
    progress = sweep(problem, 1e-4, hand_over=never)
    taken, remaining = np.array(asked).T
    assert progress.converged
    assert len(asked) == len(progress.history) - 1
    assert np.isnan(remaining[0])
    assert np.all(np.diff(taken) > 0.0)
    assert np.all(taken <= progress.n_iter)
    assert np.all(remaining[1:] > 0.0)


def test_hand_over_ends_the_sweeps():
    X, y = blobs(200, 5)
    problem = make_problem(X, y, Hinge(), "free")
    progress = sweep(problem, 1e-9, hand_over=lambda taken, remaining: taken >= 3)
    assert 3 <= progress.n_iter < 10
    assert not progress.converged
    assert problem.certify(progress.best.alpha).dual == pytest.approx(
        progress.best.dual, rel=1e-12
    )


@pytest.mark.parametrize("max_iter", [1, 3, 10])
def test_iterations_are_sweeps_over_all_rows(max_iter):
    X, y = blobs(100, 4)
    progress = sweep(make_problem(X, y, Hinge(), "free"), 1e-15, max_iter)
    assert progress.n_iter == max_iter
    assert progress.best is not None
    assert progress.history[-1].iteration == max_iter


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_longer_steps_on_wide_rows_save_sweeps(monkeypatch, loss):
    X, y = text(2000)
    problem = make_problem(X, y, loss, "none", 100.0)
    sweeps = []
    for factor in [1.0, stochastic.RELAXED]:
        monkeypatch.setattr(stochastic, "RELAXED", factor)
        solution = solve(problem, method="stochastic", tol=1e-4)
        assert solution.converged
        check_solution(solution, X, y, 100.0, loss, "none")
        sweeps.append(solution.n_iter)
    assert sweeps[1] < sweeps[0]


def test_steps_are_longer_on_wide_rows_alone():
    X, _ = text(100)
    assert stochastic.relaxation(MemoryRows(X)) > 1.0
    assert stochastic.relaxation(MemoryRows(X[:, :2000])) == 1.0


def test_progress_is_measured_against_the_dual_value():
    # From a gap as large as the dual value to a quarter of it in three sweeps.
    rate = np.log(4.0) / 3.0
    found = predicted_sweeps(0.2, 0.5, 3.0, 1e-3)
    assert found == pytest.approx(np.log(0.25 / 1e-3) / rate)
    # The same gap at an objective that has fallen as well is progress.
    primal, last_primal, gap = 2.0, 20.0, 1.0
    slow = predicted_sweeps(gap / primal, gap / last_primal, 3.0, 1e-3)
    assert slow == np.inf
    falling = predicted_sweeps((primal - 1.0) / primal, 19.0 / last_primal, 3.0, 1e-3)
    assert falling == pytest.approx(3.0 * np.log(1e3) / np.log(19.0))


def test_what_cannot_be_predicted():
    assert np.isnan(predicted_sweeps(0.5, np.inf, 1.0, 1e-3))
    assert np.isnan(predicted_sweeps(0.5, 1.0, 1.0, 1e-3))
    assert predicted_sweeps(0.5, 0.5, 1.0, 1e-3) == np.inf
    # Nothing is proven, and after a look that did no better: as good as for ever.
    assert np.isnan(predicted_sweeps(1.0, np.inf, 1.0, 1e-3))
    assert predicted_sweeps(1.0, 1.0, 1.0, 1e-3) == np.inf
    assert predicted_sweeps(3.0, 40.0, 1.0, 1e-3) == np.inf
    assert predicted_sweeps(1e-4, 0.5, 1.0, 1e-3) == 0.0


def test_a_short_stretch_without_progress_predicts_nothing():
    # A fifth of all sweeps counts: an early look can find the gap where it was.
    looks = [(0.0, 1.0), (50.0, 0.9), (90.0, 0.3), (98.0, 0.2)]
    found = _remaining(looks, 100.0, 0.2, 1e-3)
    assert found == predicted_sweeps(0.2, 0.9, 50.0, 1e-3)
    found = _remaining(looks, 120.0, 0.2, 1e-3)
    assert found == predicted_sweeps(0.2, 0.3, 30.0, 1e-3)
    assert np.isnan(_remaining(looks[:1], 1.0, 0.5, 1e-3))


@pytest.mark.parametrize("loss", [Hinge(), SmoothedHinge(0.5)], ids=repr)
@pytest.mark.parametrize("part", [0.3, 0.49])
def test_rows_that_all_stay_at_their_bound_leave_the_intercept_to_the_look(part, loss):
    # At so small a cost it is the only thing that is missing for long.
    X, _ = text(400, 500)
    y = np.where(np.arange(400) < part * 400, 1, -1)
    problem = make_problem(X, y, loss, "free", 1e-4)
    solution = solve(problem, method="stochastic", tol=1e-3)
    assert solution.converged
    assert len(solution.history) <= 6
    check_solution(solution, X, y, 1e-4, loss, "free")

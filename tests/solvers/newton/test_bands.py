"""Bands: small data, and constants as small, so that all levels run."""

import numpy as np
import pytest
import scipy.sparse as sp
from band_cases import D, N, check, every_loss, every_rule, run
from reference import blobs, check_solution, make_problem

from hingesvm.losses import Hinge, SmoothedHinge, SquaredHinge
from hingesvm.problems.start import Start
from hingesvm.solvers import Progress, choice, solve
from hingesvm.solvers.newton import bands
from hingesvm.solvers.newton.bands import band_until, nest
from hingesvm.solvers.newton.starts import WeightsStart
from hingesvm.solvers.sweeping.until import sweep_until

pytestmark = pytest.mark.usefixtures("small_constants")
every_kind = pytest.mark.parametrize(
    "kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"]
)


def costs(n=N):
    return np.random.default_rng(1).uniform(0.1, 3.0, n)


@every_kind
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@every_rule
@every_loss
def test_goal_is_reached_by_samples_and_bands(restricted, loss, rule, dtype, kind):
    X, y = blobs(N, D, dtype=dtype)
    progress = run(make_problem(kind(X), y, loss, rule))
    check(progress, X, y, 1.0, loss, rule, 1e-4)
    # Bands of the sample and of all rows.
    assert {n_rows for _, n_rows in restricted} == {200, N}
    of_all = [size for size, n_rows in restricted if n_rows == N]
    assert all(0 < size < N for size in of_all)
    if not isinstance(loss, SquaredHinge):
        # There all rows short of their margin belong to the band, here few.
        assert of_all[0] <= 0.4 * N
        assert of_all[-1] <= 0.6 * N
    assert progress.n_iter <= 100


@pytest.mark.parametrize("goal", [1e-1, 1e-6, 1e-9])
@every_rule
@every_loss
def test_any_goal(restricted, loss, rule, goal):
    X, y = blobs(N, D)
    progress = run(make_problem(X, y, loss, rule, costs()), goal)
    check(progress, X, y, costs(), loss, rule, goal)
    of_all = [size for size, n_rows in restricted if n_rows == N]
    assert len(restricted) > len(of_all) >= 1
    assert all(size < N for size in of_all)


@every_rule
@every_loss
def test_several_rounds(restricted, monkeypatch, loss, rule):
    # So few rows in a band that the first ones cannot be enough.
    monkeypatch.setattr(bands, "_LEAST_PART", 0.01)
    monkeypatch.setattr(bands, "_LARGEST_PART", 0.02)
    X, y = blobs(N, D)
    progress = run(make_problem(X, y, loss, rule), 1e-6)
    certificate = check(progress, X, y, 1.0, loss, rule, 1e-6)
    assert sum(n_rows == N for _, n_rows in restricted) >= 2
    exact = solve(make_problem(X, y, loss, rule)).certificate
    assert certificate.dual <= exact.primal * (1.0 + 1e-12)
    assert certificate.primal >= exact.dual * (1.0 - 1e-12)


@pytest.mark.parametrize("cost", [1e-6, 1e-3, 1e3, 1e6])
@every_rule
@every_loss
def test_any_cost(loss, rule, cost):
    X, y = blobs(N, D)
    progress = run(make_problem(X, y, loss, rule, cost), 1e-3)
    check(progress, X, y, cost, loss, rule, 1e-3)


@every_rule
@every_loss
def test_columns_of_very_different_scales(loss, rule):
    X, y = blobs(N, D)
    X = X * np.logspace(-4, 4, D)
    progress = run(make_problem(X, y, loss, rule), 1e-4)
    check(progress, X, y, 1.0, loss, rule, 1e-4)


@every_rule
@every_loss
def test_costs_that_differ_by_magnitudes(loss, rule):
    X, y = blobs(N, D)
    cost = 10.0 ** np.random.default_rng(0).uniform(-3.0, 3.0, N)
    progress = run(make_problem(X, y, loss, rule, cost), 1e-4)
    check(progress, X, y, cost, loss, rule, 1e-4)


@pytest.mark.parametrize("size", [1e4, -1e4, 1e-4])
@every_rule
@every_loss
def test_bad_weights_to_start_from(loss, rule, size):
    X, y = blobs(N, D)
    problem = make_problem(X, y, loss, rule)
    w, intercept = np.full(D, size), 0.0 if rule == "none" else size
    alpha = np.linspace(-5.0, 5.0, N)
    before = alpha.copy()
    for start in (WeightsStart(w, intercept), Start(alpha, w, intercept)):
        progress = run(problem, start=start)
        check(progress, X, y, 1.0, loss, rule, 1e-4)
        assert np.array_equal(w, np.full(D, size))
        assert np.array_equal(alpha, before)


@every_kind
@every_rule
@every_loss
def test_start_from_sweeps(restricted, loss, rule, kind):
    X, y = blobs(N, D)
    problem = make_problem(kind(X), y, loss, rule)
    progress = Progress(problem, 1e-6, 3)
    sweep_until(progress, Start(np.zeros(N)), 0)
    swept = progress.best
    assert swept.relative_gap > 1e-6
    progress.max_iter = 300
    band_until(progress, progress.start(), 1e-6)
    check(progress, X, y, 1.0, loss, rule, 1e-6)
    assert restricted
    assert all(size < n_rows == N for size, n_rows in restricted)


@every_rule
@every_loss
def test_without_weights_all_rows_are_the_one_band(restricted, loss, rule):
    X, y = blobs(200, D)
    problem = make_problem(X, y, loss, rule)
    for start in (None, Start(np.full(200, 0.1))):
        progress = Progress(problem, 1e-6, 300)
        band_until(progress, start, 1e-6)
        check(progress, X, y, 1.0, loss, rule, 1e-6)
    assert restricted == []


@every_kind
@every_rule
@every_loss
def test_a_feature_of_three_rows(loss, rule, kind):
    # No sample need show it, nor the rows from which its scale is judged.
    X, y = blobs(N, D)
    X[:, 0] = 0.0
    X[[101, 333, 798], 0] = 1.0
    problem = make_problem(kind(X), y, loss, rule, 10.0)
    for seed in range(3):
        progress = run(problem, 1e-6, seed=seed)
        certificate = check(progress, X, y, 10.0, loss, rule, 1e-6)
    exact = solve(problem).certificate
    # ||w - w*||^2 <= 2 gap for each of them, and the triangle inequality.
    apart = np.sqrt(2.0 * certificate.gap) + np.sqrt(2.0 * exact.gap)
    assert abs(certificate.w[0] - exact.w[0]) <= apart
    assert exact.w[0] != 0.0


@every_kind
@every_rule
@every_loss
def test_most_rows_are_empty(loss, rule, kind):
    # Their margins move with the intercept alone, whatever the scales.
    X, y = blobs(N, D)
    X[np.random.default_rng(0).random(N) < 0.9] = 0.0
    progress = run(make_problem(kind(X), y, loss, rule))
    check(progress, X, y, 1.0, loss, rule, 1e-4)


@every_kind
@every_rule
@every_loss
def test_all_rows_are_empty(loss, rule, kind):
    y = np.where(np.arange(N) % 4, 1, -1).astype(np.int8)
    progress = run(make_problem(kind(np.zeros((N, D))), y, loss, rule))
    check(progress, np.zeros((N, D)), y, 1.0, loss, rule, 1e-4)


@every_kind
def test_empty_rows_on_their_kink(kind):
    # Distance 0 and reach 0: margins are exactly 1 at the weights to start from.
    X, y = blobs(N, D)
    X[40:], y[40:-40], y[-40:] = 0.0, 1, -1
    problem = make_problem(kind(X), y, Hinge(), "free")
    point = np.zeros(D), 1.0
    for start in (WeightsStart(*point), Start(np.full(N, 0.1), *point)):
        progress = run(problem, start=start)
        check(progress, X, y, 1.0, Hinge(), "free", 1e-4)


@every_rule
@every_loss
def test_rows_sorted_by_class(restricted, loss, rule):
    X, y = blobs(N, D)
    order = np.argsort(y, kind="stable")
    X, y = X[order], y[order]
    progress = run(make_problem(X, y, loss, rule))
    check(progress, X, y, 1.0, loss, rule, 1e-4)
    assert {n_rows for _, n_rows in restricted} == {200, N}


@every_rule
def test_separable_classes(rule):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, D))
    y = np.where(X[:, 0] > 0.0, 1, -1).astype(np.int8)
    X[:, 0] += 0.5 * y
    for cost in (1.0, 1e4):
        progress = run(make_problem(X, y, Hinge(), rule, cost))
        check(progress, X, y, cost, Hinge(), rule, 1e-4)


@every_rule
@every_loss
def test_same_seed_same_bits(loss, rule):
    X, y = blobs(N, D)
    one, two, other = (
        run(make_problem(X, y, loss, rule), seed=seed).solution().certificate
        for seed in (7, 7, 8)
    )
    assert np.array_equal(one.w, two.w)
    assert np.array_equal(one.alpha, two.alpha)
    assert (one.primal, one.dual) == (two.primal, two.dual)
    assert one.intercept == two.intercept
    assert not np.array_equal(one.w, other.w)


def test_bands_end_at_the_bound_on_iterations():
    X, y = blobs(N, D)
    problem = make_problem(X, y, Hinge(), "free")
    progress = Progress(problem, 1e-12, 300)
    start = nest(progress, 0)
    before = progress.n_iter
    for more in (1, 2, 5):
        progress = Progress(problem, 1e-12, before + more, before)
        band_until(progress, start, 1e-12)
        assert progress.n_iter == before + more
        check_solution(progress.solution(), X, y, 1.0, Hinge(), "free")


@pytest.mark.parametrize("loss", [Hinge(), SmoothedHinge(0.5)], ids=repr)
def test_a_goal_out_of_reach_ends(loss):
    X, y = blobs(N, D)
    progress = run(make_problem(X, y, loss, "free"), 0.0, 10**6)
    assert progress.n_iter < 2000
    assert progress.relative_gap <= 1e-10


@every_rule
def test_steps_that_are_cut_short(monkeypatch, rule):
    # A first band that knows next to nothing of the rows left out.
    parts, real = [], bands._line_search

    def spy(*args):
        parts.append(real(*args))
        return parts[-1]

    monkeypatch.setattr(bands, "_line_search", spy)
    monkeypatch.setattr(bands, "_LEAST_PART", 0.01)
    monkeypatch.setattr(bands, "_LARGEST_PART", 0.02)
    X, y = blobs(N, D)
    start = WeightsStart(np.full(D, -5.0), 0.0)
    progress = run(make_problem(X, y, SquaredHinge(), rule), 1e-6, start=start)
    check(progress, X, y, 1.0, SquaredHinge(), rule, 1e-6)
    assert any(0.0 < part < 1.0 for part in parts)
    assert all(0.0 <= part <= 1.0 for part in parts)


def test_weights_in_the_precision_of_the_rows():
    X, y = blobs(N, D, dtype=np.float32)
    problem = make_problem(X, y, Hinge(), "free")
    best = run(problem, 1e-3).best
    assert np.array_equal(best.w, best.w.astype(np.float32))
    assert best.intercept == np.float32(best.intercept)
    # A goal beyond that precision keeps more of them.
    best = run(problem, 1e-8).best
    assert not np.array_equal(best.w, best.w.astype(np.float32))


def test_nothing_given_is_changed():
    X, y = blobs(N, D)
    given = [X, y, costs(), np.ones(D), np.full(N, 0.1)]
    before = [array.copy() for array in given]
    problem = make_problem(X, y, Hinge(), "free", given[2])
    run(problem)
    run(problem, start=Start(given[4], given[3], 0.5))
    for array, copy in zip(given, before, strict=True):
        assert np.array_equal(array, copy)


@every_rule
@every_kind
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("columns", [D, 70], ids=["narrow", "wide"])
def test_bands_go_on_where_they_were_interrupted(
    monkeypatch, columns, dtype, kind, rule
):
    # Begun anew each time they lost their step and their multipliers.
    X, y = blobs(N, columns)
    X = X.astype(dtype)
    monkeypatch.setattr(choice, "_SMALL", 0)
    monkeypatch.setattr(choice, "LEAST_BAND", 0)
    problem = make_problem(kind(X), y, Hinge(), rule, 100.0)
    whole = run(problem)
    parts = Progress(problem, 1e-4, 300)
    ahead = nest(parts, 0)
    turns = 0
    while not parts.converged and turns < 50:
        turns += 1
        parts.budget = parts.work + 0.2 * whole.work
        ahead = choice.finish(parts, ahead, 0)
    assert parts.converged
    assert parts.n_iter <= 1.25 * whole.n_iter
    check_solution(parts.solution(), X, y, 100.0, Hinge(), rule)

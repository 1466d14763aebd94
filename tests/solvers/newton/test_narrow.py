"""Newton steps that are taken many in one call, against those taken one by one."""

from importlib import import_module

import numpy as np
import pytest
import scipy.sparse as sp
from kernel_cases import BUILDS
from reference import LOSSES, RULES, blobs, check_solution, make_problem

from hingesvm.losses import Hinge
from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Fixed
from hingesvm.problems.start import Start
from hingesvm.rows import memory
from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers import Progress
from hingesvm.solvers.newton import narrow
from hingesvm.solvers.newton import until as batch
from hingesvm.solvers.newton.narrow import is_narrow
from hingesvm.solvers.newton.starts import NewtonStart
from hingesvm.solvers.newton.until import newton_until

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)
every_rule = pytest.mark.parametrize("rule", RULES)
PARTS = "signs", "cost", "bound", "curvature", "intercept_rule"
# More than a tile of rows, and not a multiple of it.
N, D = 150, 7


@pytest.fixture(autouse=True, params=BUILDS)
def kernel(request, monkeypatch):
    module = import_module(f"hingesvm.kernels._narrow{request.param}")
    for user in (narrow, memory):
        monkeypatch.setattr(user, "_narrow", module)
    return module


def case(loss, rule, dtype=np.float64, weights=False, restricted=False, n=N):
    """A problem, and where to start."""
    X, y = blobs(n, D)
    costs = np.random.default_rng(3).uniform(0.2, 2.0, n) if weights else 0.7
    problem = make_problem(X.astype(dtype), y, loss, rule, costs)
    alpha = np.minimum(0.4, problem.bound)
    if restricted:
        some = np.arange(0, n, 2, dtype=np.intp)
        own, imbalance = problem.combine(alpha), problem.imbalance(alpha)
        fixed = Fixed(own, imbalance, problem.gain(alpha))
        problem, alpha = problem.restrict(some, alpha[some], fixed), alpha[some]
    start = NewtonStart(alpha, np.full(D, 0.01), 0.1, rho=1.5, unit=problem.cost)
    return problem, start


def run(problem, start, goal=1e-6, max_iter=300):
    progress = Progress(problem, goal, max_iter)
    end = newton_until(progress, start, goal)
    return progress, end


@every_loss
@every_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weights", [False, True], ids=["scalar", "array"])
@pytest.mark.parametrize("restricted", [False, True], ids=["whole", "part"])
def test_same_steps_as_one_by_one(loss, rule, dtype, weights, restricted, monkeypatch):
    problem, start = case(loss, rule, dtype, weights, restricted)
    progress, end = run(problem, start)
    assert problem.rows.rooms
    monkeypatch.setattr(batch, "is_narrow", lambda problem: False)
    expected, other = run(problem, start)
    assert progress.n_iter == expected.n_iter > 0
    assert progress.best.primal == pytest.approx(expected.best.primal, rel=1e-9)
    assert progress.best.dual == pytest.approx(expected.best.dual, rel=1e-9)
    np.testing.assert_allclose(end.w, other.w, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(end.alpha, other.alpha, rtol=1e-5, atol=1e-7)
    assert end.intercept == pytest.approx(other.intercept, abs=1e-6)
    assert end.rho == other.rho


@every_loss
@every_rule
@pytest.mark.parametrize("weights", [False, True], ids=["scalar", "array"])
@pytest.mark.parametrize("restricted", [False, True], ids=["whole", "part"])
def test_steps_on_a_part_of_the_rows_lead_to_the_same_end(
    loss, rule, weights, restricted, monkeypatch
):
    problem, start = case(loss, rule, np.float64, weights, n=900)
    if restricted:
        found = run(problem, start, goal=1e-2)[0].solution().certificate
        alpha = found.alpha
        at_bound = (alpha == 0.0) | (alpha == problem.bound)
        some = np.flatnonzero(~at_bound | (np.arange(900) % 2 == 0))
        totals = Fixed(
            problem.combine(alpha), problem.imbalance(alpha), problem.gain(alpha)
        )
        problem = problem.restrict(some, alpha[some], totals)
        start = Start(alpha[some], found.w, found.intercept)
    progress, end = run(problem, start, goal=1e-12)
    monkeypatch.setattr(batch, "is_narrow", lambda problem: False)
    expected, other = run(problem, start, goal=1e-12)
    assert progress.relative_gap <= 1e-12
    assert progress.best.primal == pytest.approx(expected.best.primal, rel=1e-12)
    assert progress.n_iter <= expected.n_iter + 10
    np.testing.assert_allclose(end.w, other.w, atol=1e-5)
    certificate = problem.certify(end.alpha, end.w, end.intercept)
    if not restricted:
        assert certificate.relative_gap <= 2e-12


@every_loss
@every_rule
def test_what_is_found_is_certified(loss, rule):
    X, y = blobs(N, D)
    problem = make_problem(X, y, loss, rule)
    progress, _ = run(problem, Start(np.zeros(N)), goal=1e-5)
    solution = progress.solution()
    gap = check_solution(solution, X, y, 1.0, loss, rule)
    assert gap <= 1e-5 * solution.certificate.primal


@every_rule
def test_work_is_cut_into_pieces_between_which_it_can_be_cancelled(rule, monkeypatch):
    problem, start = case(Hinge(), rule)
    progress, end = run(problem, start)
    monkeypatch.setattr(narrow, "_WORK", 1.0)
    looks = []
    problem.rows.check_cancelled = lambda: looks.append(None)
    in_pieces, other = run(problem, start)
    assert in_pieces.n_iter == progress.n_iter <= len(looks)
    assert len(in_pieces.history) == len(progress.history)
    for one, other_one in zip(in_pieces.history, progress.history, strict=True):
        assert one.iteration == other_one.iteration
        # An interrupted step on a part of the rows is looked at on all of them.
        assert one.gap == pytest.approx(other_one.gap, rel=0.5)
    np.testing.assert_allclose(other.w, end.w, rtol=1e-9)
    np.testing.assert_allclose(other.alpha, end.alpha, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("most", [0, 1, 2, 5])
def test_number_of_steps_is_bounded(most):
    problem, start = case(Hinge(), "penalized")
    progress, _ = run(problem, start, max_iter=most)
    assert progress.n_iter == most


def test_it_ends_where_the_objective_is_below_the_floor():
    problem, start = case(Hinge(), "penalized", restricted=True)
    progress = Progress(problem, 1e-6, 300)
    newton_until(progress, start, 1e-6, floor=1e9)
    assert progress.n_iter == 0


def test_columns_that_are_alike_or_empty():
    X, y = blobs(N, 4)
    X = np.c_[X, 1e7 * X[:, :2], np.zeros(N), 1e-9 * X[:, 1]]
    for rule in RULES:
        problem = make_problem(X, y, Hinge(), rule)
        progress, _ = run(problem, Start(np.zeros(N)), goal=1e-4)
        assert progress.converged


def test_best_points_of_before_are_kept():
    problem, start = case(Hinge(), "penalized")
    progress, _ = run(problem, start)
    best = progress.best
    progress.n_iter = 0
    progress.tol = 1e-12
    newton_until(progress, Start(np.zeros(N)), 0.5)
    assert progress.best.primal == best.primal
    assert progress.best.dual == best.dual
    assert np.array_equal(progress.best.w, best.w)


def test_room_is_used_again_by_parts_of_the_rows():
    problem, start = case(Hinge(), "none")
    run(problem, start)
    (room,) = problem.rows.rooms
    part = problem.subset(np.arange(0, N, 2, dtype=np.intp))
    run(part, Start(start.alpha[::2]))
    (same,) = problem.rows.rooms
    assert same is room


def test_bits_do_not_depend_on_what_the_room_held():
    problem, start = case(Hinge(), "free", np.float32)
    _, end = run(problem, start)
    (room,) = problem.rows.rooms
    other = problem.subset(np.arange(1, N, dtype=np.intp))
    room.take(other.rows, D, other.signs)
    room.buffer[:] = np.nan
    _, again = run(problem, start)
    assert np.array_equal(end.w, again.w)
    assert np.array_equal(end.alpha, again.alpha)
    assert end.intercept == again.intercept


@every_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_classes_share_tiles(kernel, monkeypatch, rule, dtype):
    X, y = blobs(N, D)
    classes = y + (np.arange(N) % 2)
    rows, filled, fill = MemoryRows(X.astype(dtype)), [], kernel.fill_tiles
    monkeypatch.setattr(
        kernel, "fill_tiles", lambda *args: (filled.append(args), fill(*args))
    )
    for target in np.unique(classes):
        signs = np.where(classes == target, 1, -1)
        problem = make_problem(X.astype(dtype), signs, Hinge(), rule)
        _, expected = run(problem, Start(np.zeros(N)))
        shared = Problem(rows, *(getattr(problem, name) for name in PARTS))
        _, found = run(shared, Start(np.zeros(N)))
        assert np.array_equal(found.w, expected.w)
        assert np.array_equal(found.alpha, expected.alpha)
    assert sum(args[0] is rows.arrays[0] for args in filled) == 1
    assert len(rows.rooms) == 1


def twice(X):
    """As CSR, where each row names its first column twice."""
    X = sp.csr_matrix(X)
    starts = X.indptr[:-1]
    data = np.insert(X.data, starts, 0.5 * X.data[starts])
    columns = np.insert(X.indices, starts, X.indices[starts])
    places = X.indptr + np.arange(len(X.indptr), dtype=X.indptr.dtype)
    data[places[:-1] + 1] *= 0.5
    return sp.csr_matrix((data, columns, places), shape=X.shape)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bordered", [False, True])
@pytest.mark.parametrize("index", [None, np.arange(N - 1, -1, -2)])
@pytest.mark.parametrize("form", [np.asarray, twice], ids=["dense", "csr"])
def test_fill_tiles(kernel, dtype, bordered, index, form):
    X, _ = blobs(N, D)
    X = X.astype(dtype)
    rows = MemoryRows(form(X), index)
    signs = np.where(np.arange(rows.n_rows) % 3, 1, -1).astype(np.int8)
    tile = kernel.ROWS_PER_TILE
    tiles = np.full((-(-rows.n_rows // tile), D + bordered, tile), 7, dtype=dtype)
    kernel.fill_tiles(*rows.arrays, signs, tiles)
    expected = np.zeros((len(tiles) * tile, D + bordered))
    some = X if index is None else X[index]
    expected[: rows.n_rows] = (
        signs[:, None] * np.c_[some, np.ones((len(some), 1))][:, : D + bordered]
    )
    assert np.array_equal(tiles.transpose(0, 2, 1).reshape(expected.shape), expected)


def test_which_problems_are_narrow():
    def problem(X):
        signs = np.where(np.arange(X.shape[0]) % 2, 1, -1)
        return make_problem(X, signs, Hinge(), "none")

    assert is_narrow(problem(np.ones((1000, 64))))
    assert not is_narrow(problem(np.ones((1000, 65))))
    assert not is_narrow(problem(np.ones((100_000, 8))))
    assert is_narrow(problem(sp.csr_matrix(np.ones((1000, 8)))))


@every_loss
@every_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_goals_out_of_reach_end_at_rounding(loss, rule, dtype):
    problem, _ = case(loss, rule, dtype)
    progress = Progress(problem, 1e-10, 1000)
    newton_until(progress, Start(np.zeros(N)), -1.0)
    certificate = progress.solution().certificate
    # Beside what rounding errors may hide.
    assert certificate.gap - certificate.hidden <= 1e-14 * certificate.primal
    assert certificate.relative_gap <= 1e-10
    # Next to no step is taken where there is nothing left to gain.
    exact = [
        check for check in progress.history if check.gap <= 1e-13 * check.objective
    ]
    assert progress.n_iter - exact[0].iteration <= 3
    again = Progress(problem, 1e-10, 1000)
    newton_until(again, Start(certificate.alpha, certificate.w), -1.0)
    other = again.solution().certificate
    np.testing.assert_allclose(other.w, certificate.w, rtol=1e-9, atol=1e-11)


def test_each_inner_problem_is_a_look():
    problem, start = case(Hinge(), "free")
    progress, _ = run(problem, start)
    told = []
    other = Progress(problem, 1e-6, 300, report=lambda check, found: told.append(check))
    newton_until(other, start, 1e-6)
    without_time = [check._replace(seconds=0.0) for check in progress.history]
    assert without_time == [check._replace(seconds=0.0) for check in told]
    assert len(without_time) > 3


def test_a_report_stops_it_at_a_look():
    problem, start = case(Hinge(), "free")
    reported = []

    def report(check, found):
        reported.append(found)
        return len(reported) == 2

    progress = Progress(problem, 1e-6, 300, report=report)
    newton_until(progress, start, 1e-6)
    assert len(reported) == 2
    assert progress.is_stopped
    assert np.array_equal(progress.best.w, reported[-1].w)

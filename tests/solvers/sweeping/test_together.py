"""Sweeps over several classes at once: their answers, their ends, and when they run."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from reference import LOSSES, RULES, check_certificate, check_solution
from samples import make_data
from sklearn.base import clone

from hingesvm import HingeSVC
from hingesvm.losses import Hinge, SmoothedHinge
from hingesvm.problems.binary import Problem
from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers import begin_together, go_on, most_together
from hingesvm.solvers.sweeping import lanes
from hingesvm.training import one_vs_rest

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)
every_rule = pytest.mark.parametrize("rule", RULES)
RULE_PARAMS = {
    "none": {"fit_intercept": False},
    "penalized": {"penalized_intercept": True},
    "free": {},
}


def problems_of(X, y, loss, rule, cost=0.5, index=None):
    rows = MemoryRows(X, index)
    codes = y if index is None else y[index]
    cost = np.asarray(cost)
    return [
        Problem.build(
            rows, np.where(codes == k, 1, -1).astype(np.int8), cost, loss, rule
        )
        for k in range(y.max() + 1)
    ], codes.astype(np.int8)


def begin(X, y, loss=None, rule="free", tol=1e-3, max_iter=1000, seed=0, **options):
    method = options.pop("method", "stochastic")
    problems, lane = problems_of(X, y, loss or Hinge(), rule, **options)
    return begin_together(
        problems,
        lane,
        method=method,
        tol=tol,
        max_iter=max_iter,
        seed=seed,
        reports=[None] * len(problems),
    )


@pytest.mark.parametrize("kind", ["dense", "csr", "subset"])
@pytest.mark.parametrize("n_classes", [2, 5, 9])
@pytest.mark.parametrize(("dtype", "tol"), [(np.float32, 1e-3), (np.float64, 1e-6)])
@every_rule
@every_loss
def test_each_class_is_certified(loss, rule, dtype, tol, n_classes, kind):
    X, y = make_data(150, 8, n_classes, dtype=dtype, density=0.5)
    cost = np.random.default_rng(0).uniform(0.1, 1.0, len(y))
    index = None
    data = sp.csr_matrix(X) if kind == "csr" else X
    if kind == "subset":
        index = np.flatnonzero(np.arange(len(y)) % 4)
        X, cost = X[index], cost[index]
    begun = begin(data, y, loss, rule, tol, cost=cost, index=index)
    codes = y if index is None else y[index]
    for k, one in enumerate(begun):
        assert one.converged
        solution = one.solution()
        signs = np.where(codes == k, 1, -1)
        gap = check_solution(solution, X, signs, cost, loss, rule)
        assert gap <= tol * solution.certificate.primal * (1.0 + 1e-9)


@every_rule
def test_weights_of_float32_keep_to_their_duals(rule):
    X, y = make_data(400, 10, 4, dtype=np.float32)
    for tol in (1e-5, 1e-8):
        for one in begin(X, y, Hinge(), rule, tol, cost=0.5):
            assert one.converged


@pytest.mark.parametrize("max_iter", [1, 2, 3, 7])
@every_rule
def test_max_iter_is_respected(rule, max_iter):
    X, y = make_data(200, 6, 4)
    begun = begin(X, y, Hinge(), rule, tol=1e-12, max_iter=max_iter, cost=10.0)
    for k, one in enumerate(begun):
        assert one.n_iter == max_iter
        assert one.exhausted
        signs = np.where(y == k, 1, -1)
        check_solution(one.solution(), X, signs, 10.0, Hinge(), rule)


def test_history_ends_with_what_is_certified():
    X, y = make_data(300, 8, 4)
    for one in begin(X, y, cost=5.0, tol=1e-6):
        history, certificate = one.history, one.solution().certificate
        assert len(history) > 2
        assert history[-1].objective == certificate.primal
        assert history[-1].gap == certificate.gap
        iterations = [check.iteration for check in history]
        assert iterations == sorted(iterations)


def test_seed_decides_the_bits():
    X, y = make_data(300, 8, 4)
    one, same, other = (
        [each.solution().certificate.w for each in begin(X, y, seed=seed)]
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_auto_hands_over_what_sweeps_do_not_solve():
    # Columns of very different scales.
    X, y = make_data(300, 8, 4)
    X *= np.logspace(0, 4, 8)
    begun = begin(X, y, method="auto", cost=10.0, tol=1e-6)
    assert any(not one.converged and not one.exhausted for one in begun)
    for k, one in enumerate(begun):
        solution = go_on(one, seed=0)
        assert solution.converged
        signs = np.where(y == k, 1, -1)
        check_solution(solution, X, signs, 10.0, Hinge(), "free")


@pytest.mark.parametrize(
    ("solver", "dtype"), [("auto", np.float32), ("stochastic", np.float64)]
)
@every_rule
def test_estimator_on_sparse_rows(monkeypatch, rule, dtype, solver):
    # Few rows with many columns are no small problem, and soon checked.
    X, y = make_data(2100, 2000, 5, dtype=dtype, density=0.01)
    X, calls = sp.csr_matrix(X), []

    def spy(*args, **options):
        calls.append(args)
        return begin_together(*args, **options)

    monkeypatch.setattr(one_vs_rest, "begin_together", spy)
    clf = HingeSVC(C=0.1, solver=solver, tol=1e-3, **RULE_PARAMS[rule])
    clf.set_params(warm_start=True).fit(X, y)
    assert len(calls) == 2
    check_certificate(clf, X, y)
    assert clf.dual_gap_ <= 1e-3 * clf.objective_
    monkeypatch.setattr(one_vs_rest, "most_together", lambda *args, **options: 1)
    alone = HingeSVC(C=0.1, solver=solver, tol=1e-3, **RULE_PARAMS[rule]).fit(X, y)
    assert len(calls) == 2
    assert not hasattr(alone, "dual_coef_")
    room = alone.dual_gap_ + clf.dual_gap_
    assert abs(alone.objective_ - clf.objective_) <= room


def test_estimator_with_weights():
    X, y = make_data(300, 6, 4)
    weights = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    clf = HingeSVC(solver="stochastic", tol=1e-10, warm_start=True)
    clf.fit(X, y, sample_weight=weights)
    check_certificate(clf, X, y, weights)
    repeated = np.repeat(np.arange(len(y)), weights.astype(int))
    other = HingeSVC(solver="stochastic", tol=1e-10).fit(X[repeated], y[repeated])
    np.testing.assert_allclose(clf.coef_, other.coef_, atol=1e-4)


def test_many_classes_are_begun_in_groups():
    assert one_vs_rest._groups(3, 16) == [range(2), range(2, 3)]
    for count in range(3, 60):
        for most in (4, 8, 16):
            groups = one_vs_rest._groups(count, most)
            assert [k for group in groups for k in group] == list(range(count))
            assert max(map(len, groups)) <= most
            assert len(groups) % 2 == 0
            assert max(map(len, groups)) - min(map(len, groups)) <= 1


def test_when_classes_are_begun_together():
    def most(
        shape,
        sparse=True,
        dtype=np.float32,
        loss=None,
        cost=1.0,
        n_problems=16,
        rule="free",
        **options,
    ):
        if sparse:
            columns, starts = np.zeros(shape[0], np.int32), np.arange(shape[0] + 1)
            parts = np.ones(shape[0], dtype), columns, starts.astype(np.int32)
            X = sp.csr_matrix(parts, shape=shape)
        else:
            X = np.ones(shape, dtype=dtype)
        signs = np.ones(shape[0], dtype=np.int8)
        cost = np.asarray(cost)
        problem = Problem.build(MemoryRows(X), signs, cost, loss or Hinge(), rule)
        return most_together(problem, n_problems, **options)

    assert most((20_000, 1000)) == 16
    assert most((20_000, 20_000)) == 8
    assert most((20_000, 20_000), dtype=np.float64) == 4
    assert most((20_000, 20_000), tol=1e-7) == 4
    assert most((20_000, 70_000)) == 1  # weights do not fit into the cache
    assert most((2000, 300)) == 1  # few rows end exactly
    assert most((2000, 300), sparse=False, method="stochastic") == 1  # long rows
    assert most((2000, 200), sparse=False, method="stochastic") == 16
    assert most((20_000, 10)) == 1  # tall
    for shape in ((2000, 40), (20_000, 10)):
        # Many classes begin with sweeps, unless duals are to be balanced.
        assert most(shape, rule="none") == most(shape, rule="penalized") == 16
        assert most(shape, rule="none", n_problems=15) == 1
    assert most((2000, 200), method="batch") == 1
    assert most((2000, 200), method="pegasos") == 1
    options = {"method": "stochastic"}
    assert most((2000, 20), cost=1e35, **options) == 1  # too much for float32
    assert most((2000, 20), cost=1e-35, loss=SmoothedHinge(), **options) == 1
    assert most((2000, 20), cost=1e35, dtype=np.float64, **options) == 16


def test_many_classes_of_small_weights_end_with_sweeps():
    # Newton steps take eight times as long where C is so small that w is next to 0.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12_000, 10))
    y = (X @ rng.normal(size=(10, 20))).argmax(axis=1)
    model = HingeSVC(C=3e-4, penalized_intercept=True)
    swept, steps = clone(model), clone(model)
    swept.set_params(solver="stochastic").fit(X, y)
    steps.set_params(solver="batch").fit(X, y)
    assert model.fit(X, y).n_iter_ == swept.n_iter_ <= steps.n_iter_ / 2
    assert model.dual_gap_ <= 1e-4 * model.objective_
    assert_allclose(model.objective_, steps.objective_, rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix])
@pytest.mark.parametrize("options", [{}, {"n_jobs": 2}, {"warm_start": True}])
@pytest.mark.parametrize("rule", ["none", "penalized"])
@pytest.mark.parametrize("n_rows", [400, 9000], ids=["small", "tall"])
def test_many_classes_that_are_swept_first(n_rows, rule, options, form, dtype):
    # Some end with sweeps, others go on by Newton steps, small or from a sample.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 8)).astype(dtype)
    y = (X @ rng.normal(size=(8, 17))).argmax(axis=1)
    for C in (1e-3, 1.0):
        options = options | RULE_PARAMS[rule]
        model = HingeSVC(C=C, **options).fit(form(X), y)
        assert np.all(model.n_iter_ > 0)
        assert model.dual_gap_ <= 1e-4 * model.objective_
        best = HingeSVC(C=C, solver="batch", **RULE_PARAMS[rule]).fit(form(X), y)
        both = model.dual_gap_ + best.dual_gap_
        assert abs(model.objective_ - best.objective_) <= both


def test_many_small_classes_go_on_to_rounding():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 5)), np.arange(300) % 20
    model = HingeSVC(C=1.0, penalized_intercept=True).fit(X, y)
    assert model.dual_gap_ <= 1e-9 * model.objective_
    once = HingeSVC(C=1.0, penalized_intercept=True, solver="stochastic").fit(X, y)
    assert once.dual_gap_ > 1e-9 * once.objective_


def test_bounds_are_rounded_down():
    bound = np.array([0.1, 0.5, 1.0 / 3.0, np.inf, 3e-5])
    top = lanes._rounded_down(bound, np.dtype(np.float32))
    assert top.dtype == np.float32
    assert np.all(top.astype(np.float64) <= bound)
    assert top[[1, 3]].tolist() == [0.5, np.inf]
    scalar = lanes._rounded_down(np.broadcast_to(0.1, 7), np.dtype(np.float32))
    assert scalar.shape == (7,)
    assert scalar.strides == (0,)


def test_empty_rows_and_columns():
    X, y = make_data(400, 6, 4)
    X[::3] = 0.0
    X[:, 2] = 0.0
    for rule in RULES:
        for one in begin(sp.csr_matrix(X), y, Hinge(), rule, cost=1.0):
            assert one.converged
    for one in begin(sp.csr_matrix((400, 6)), y, Hinge(), "free", cost=1.0):
        assert one.converged

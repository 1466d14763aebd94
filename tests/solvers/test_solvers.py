"""Every solver against every other, and against what must not change an answer."""

from functools import cache
from itertools import combinations, pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from reference import LOSSES, RULES, blobs, breast_cancer, check_solution, make_problem
from samples import text

from hingesvm import solvers
from hingesvm.losses import Hinge, MarginLoss, SmoothedHinge, SquaredHinge
from hingesvm.problems.start import Start
from hingesvm.solvers import Progress, choice, solve
from hingesvm.solvers.newton import bands

METHODS = ["auto", "stochastic", "batch", "pegasos"]

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)
every_rule = pytest.mark.parametrize("rule", RULES)
every_method = pytest.mark.parametrize("method", METHODS)


def sparse_rows():
    """Wide sparse rows of which the sign of a sum of a few columns is the label."""
    X = sp.csr_array(sp.random(80, 400, density=0.03, random_state=1))
    return X, np.where(X[:, :40].sum(axis=1) > 0.6, 1, -1).astype(np.int8)


DATA = {
    "tall": lambda: blobs(150, 5),
    "wide": lambda: blobs(30, 100),
    "sparse": sparse_rows,
    "float32": lambda: blobs(100, 8, dtype=np.float32),
}
COST = {"tall": 0.1, "wide": 1.0, "sparse": 1.0, "float32": 0.1}


@cache
def solved(method, data, loss, rule):
    X, y = DATA[data]()
    tol = {"auto": 1e-4, "batch": 1e-4, "stochastic": 1e-5, "pegasos": 5e-2}[method]
    solution = solve(
        make_problem(X, y, loss, rule, COST[data]),
        method=method,
        tol=tol,
        max_iter=20_000,
        seed=3,
    )
    # Small problems end exact to rounding.
    return solution, 1e-10 if method in ("auto", "batch") else tol


@pytest.mark.parametrize("data", DATA)
@every_rule
@every_loss
@every_method
def test_tolerance_is_reached_on_all_rows(method, data, loss, rule):
    solution, tol = solved(method, data, loss, rule)
    X, y = DATA[data]()
    gap = check_solution(solution, X, y, COST[data], loss, rule)
    assert solution.converged
    assert solution.certificate.relative_gap <= tol
    assert gap <= tol * solution.certificate.primal * (1.0 + 1e-3)


@pytest.mark.parametrize("data", DATA)
@every_rule
@every_loss
def test_solvers_agree_as_far_as_their_certificates_promise(data, loss, rule):
    every = [solved(method, data, loss, rule)[0].certificate for method in METHODS]
    for one, two in combinations(every, 2):
        # ||w - w*||^2 <= 2 gap for each, and the triangle inequality.
        reach = np.sqrt(2.0 * one.gap) + np.sqrt(2.0 * two.gap)
        assert np.linalg.norm(one.w - two.w) <= reach + 1e-7 * np.linalg.norm(one.w)
        assert one.dual <= two.primal * (1.0 + 1e-12)
        assert two.dual <= one.primal * (1.0 + 1e-12)


@pytest.mark.parametrize("data", DATA)
@every_rule
@every_loss
def test_exact_solvers_give_the_same_weights(data, loss, rule):
    auto = solved("auto", data, loss, rule)[0].certificate
    batch = solved("batch", data, loss, rule)[0].certificate
    assert auto.primal == pytest.approx(batch.primal, rel=1e-9)
    assert batch.w == pytest.approx(auto.w, abs=1e-5 * np.abs(auto.w).max())
    assert batch.intercept == pytest.approx(auto.intercept, abs=1e-5)


def exact(X, y, loss=LOSSES[0], rule="free", cost=1.0, method="auto", **options):
    return solve(make_problem(X, y, loss, rule, cost), method=method, **options)


def assert_same(one, two, turned=1.0):
    one, two = one.certificate, two.certificate
    assert two.primal == pytest.approx(one.primal, rel=1e-9)
    assert turned * two.w == pytest.approx(one.w, abs=1e-6 * np.abs(one.w).max())
    assert turned * two.intercept == pytest.approx(one.intercept, abs=1e-6)


both = pytest.mark.parametrize("method", ["auto", "batch"])


@both
@every_rule
@every_loss
def test_order_of_rows_and_columns_does_not_matter(loss, rule, method):
    X, y = blobs(70, 6)
    cost = np.linspace(0.1, 2.0, 70)
    p = np.random.default_rng(0).permutation(70)
    first = exact(X, y, loss, rule, cost, method)
    assert_same(first, exact(X[p], y[p], loss, rule, cost[p], method))
    turned = exact(X[:, ::-1].copy(), y, loss, rule, cost, method)
    assert turned.certificate.w[::-1] == pytest.approx(first.certificate.w, abs=1e-6)


@both
@every_rule
@every_loss
def test_swapped_labels_turn_the_signs(loss, rule, method):
    X, y = blobs(70, 6)
    one = exact(X, y, loss, rule, method=method)
    assert_same(one, exact(X, -y, loss, rule, method=method), -1.0)
    mirrored = exact(-X, -y, loss, rule, method=method).certificate
    assert mirrored.w == pytest.approx(one.certificate.w, abs=1e-6)
    assert mirrored.intercept == pytest.approx(-one.certificate.intercept, abs=1e-6)


@both
@every_rule
@every_loss
def test_a_row_twice_is_a_row_of_double_cost(loss, rule, method):
    X, y = blobs(50, 4)
    times = np.arange(50) % 3 + 1
    index = np.repeat(np.arange(50), times)
    one = exact(X[index], y[index], loss, rule, 0.7, method)
    assert_same(one, exact(X, y, loss, rule, 0.7 * times, method))


@both
@pytest.mark.parametrize("rule", ["none", "free"])
@every_loss
def test_scale_of_rows_is_a_scale_of_the_cost(loss, rule, method):
    # w / 8 for 8 X, and so P / 64. (A penalised intercept would not follow.)
    X, y = blobs(50, 4)
    one = exact(X, y, loss, rule, 64.0, method).certificate
    two = exact(8.0 * X, y, loss, rule, 1.0, method).certificate
    assert 8.0 * two.w == pytest.approx(one.w, abs=1e-6 * np.abs(one.w).max())
    assert two.intercept == pytest.approx(one.intercept, abs=1e-6)
    assert 64.0 * two.primal == pytest.approx(one.primal, rel=1e-9)


@both
@every_loss
def test_storage_does_not_matter(loss, method):
    X, y = blobs(60, 6)
    X = (np.round(4.0 * X) / 4.0) * (np.abs(X) > 0.4)  # exact in float32
    one = exact(X, y, loss, method=method)
    wide = sp.csr_array(X)
    wide.indices, wide.indptr = wide.indices.astype("i8"), wide.indptr.astype("i8")
    for other in (X.astype("f4"), sp.csr_matrix(X), wide, wide.astype("f4")):
        assert_same(one, exact(other, y, loss, method=method))


@pytest.mark.parametrize("method", ["auto", "batch"])
@every_loss
def test_free_intercept_absorbs_a_shift_of_the_rows(loss, method):
    X, y = blobs(60, 4)
    shift = np.array([3.0, -2.0, 0.0, 5.0])
    one = exact(X, y, loss, method=method).certificate
    two = exact(X + shift, y, loss, method=method).certificate
    assert two.w == pytest.approx(one.w, abs=1e-6)
    assert two.intercept + shift @ two.w == pytest.approx(one.intercept, abs=1e-6)


@every_method
@every_rule
def test_same_seed_same_bits(method, rule):
    X, y = blobs(80, 5)
    one, two = (
        exact(X, y, rule=rule, method=method, max_iter=60, seed=9) for _ in range(2)
    )
    assert np.array_equal(one.certificate.w, two.certificate.w)
    assert np.array_equal(one.certificate.alpha, two.certificate.alpha)
    assert one.certificate.intercept == two.certificate.intercept
    assert one.n_iter == two.n_iter
    looks = [[(c.iteration, c.objective, c.gap) for c in s.history] for s in (one, two)]
    assert looks[0] == looks[1]


@pytest.mark.parametrize("method", ["stochastic", "pegasos"])
@every_rule
def test_seeds_change_the_path_and_not_the_answer(method, rule):
    X, y = blobs(80, 5)
    every = [
        exact(X, y, rule=rule, method=method, tol=1e-2, max_iter=3000, seed=seed)
        for seed in range(3)
    ]
    for one, two in combinations((s.certificate for s in every), 2):
        assert not np.array_equal(one.w, two.w)
        reach = np.sqrt(2.0 * one.gap) + np.sqrt(2.0 * two.gap)
        assert np.linalg.norm(one.w - two.w) <= reach


@pytest.mark.parametrize("max_iter", [1, 2, 7, 40])
@every_method
@every_rule
def test_max_iter_is_respected(method, rule, max_iter):
    X, y = breast_cancer()
    solution = exact(X, y, rule=rule, method=method, tol=1e-15, max_iter=max_iter)
    assert solution.n_iter <= max_iter
    assert solution.converged == (solution.certificate.relative_gap <= 1e-15)
    assert check_solution(solution, X, y, 1.0, Hinge(), rule) >= 0.0
    assert max(check.iteration for check in solution.history) == solution.n_iter


@every_method
@every_loss
def test_history_only_improves_and_ends_with_the_certificate(method, loss):
    X, y = blobs(100, 5)
    seen = []
    solution = exact(
        X,
        y,
        loss,
        method=method,
        max_iter=50,
        report=lambda check, _: seen.append(check),
    )
    history = solution.history
    assert history == seen
    # Bounds of rounding errors enter at the end.
    slack = 1e-11 * history[0].objective
    for before, after in pairwise(history):
        assert after.iteration >= before.iteration
        assert after.seconds >= before.seconds
        assert after.objective <= before.objective + slack
        assert after.gap <= before.gap + slack
    assert history[-1].objective == solution.certificate.primal
    assert history[-1].gap == solution.certificate.gap


@pytest.mark.parametrize("method", ["auto", "stochastic", "batch"])
@every_rule
@every_loss
def test_start_at_the_solution_ends_at_once(method, loss, rule):
    X, y = blobs(100, 5)
    first = exact(X, y, loss, rule).certificate
    again = exact(
        X,
        y,
        loss,
        rule,
        method=method,
        start=Start(first.alpha, intercept=first.intercept),
    )
    cold = exact(X, y, loss, rule, method=method)
    assert again.converged
    assert again.n_iter <= 3 or again.n_iter < cold.n_iter
    assert again.history[1].gap <= 1e-3 * again.certificate.primal
    assert np.linalg.norm(again.certificate.w - first.w) <= np.sqrt(
        2.0 * again.certificate.gap
    ) + 1e-6 * np.linalg.norm(first.w)


@every_method
@every_rule
def test_any_start_will_do(method, rule):
    X, y = blobs(60, 4)
    start = np.random.default_rng(0).normal(size=60) * 10.0
    before = start.copy()
    options = {"tol": 0.05, "max_iter": 5000, "start": Start(start, intercept=-7.0)}
    solution = exact(X, y, rule=rule, method=method, cost=0.1, **options)
    assert solution.converged
    gap = check_solution(solution, X, y, 0.1, Hinge(), rule)
    assert gap <= 0.05 * solution.certificate.primal
    assert np.array_equal(start, before)


@pytest.mark.parametrize("method", ["auto", "stochastic", "batch"])
@pytest.mark.parametrize("rule", ["none", "penalized"])
def test_start_at_the_solution_of_another_intercept_rule(method, rule):
    X, y = blobs(60, 4)
    X = X + 5.0  # far from the origin: the free intercept is large
    free = exact(X, y).certificate
    options = {"start": Start(free.alpha, intercept=free.intercept)}
    solution = exact(X, y, rule=rule, method=method, max_iter=50_000, **options)
    gap = check_solution(solution, X, y, 1.0, Hinge(), rule)
    assert gap <= 1e-4 * solution.certificate.primal
    best = exact(X, y, rule=rule).certificate
    assert solution.certificate.primal >= best.dual * (1.0 - 1e-12)


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
    monkeypatch.setattr(choice, "_NO_BANDS", 0)
    newton = Spy(monkeypatch, "band_until")
    X, y = breast_cancer()  # at C=1 collinear columns make sweeps slow
    solution = exact(X, y, cost=cost, tol=tol)
    assert newton.calls == handed_over
    assert solution.converged
    gap = check_solution(solution, X, y, cost, Hinge(), "free")
    assert gap <= tol * solution.certificate.primal


@pytest.mark.parametrize("method", ["auto", "batch"])
@pytest.mark.parametrize("data", ["tall", "sparse"])
def test_large_problems_stop_at_the_tolerance(monkeypatch, method, data):
    monkeypatch.setattr(choice, "_SMALL", 0)
    X, y = DATA[data]()
    rough = exact(X, y, method=method, tol=1e-2)
    fine = exact(X, y, method=method, tol=1e-6)
    assert rough.certificate.relative_gap <= 1e-2
    assert fine.certificate.relative_gap <= 1e-6
    assert rough.n_iter < fine.n_iter


class SteepHinge(MarginLoss):
    bound = 2.0
    curvature = 0.25


@pytest.mark.parametrize(
    "loss", [SteepHinge(), SmoothedHinge(0.01), SmoothedHinge(50.0)], ids=repr
)
@every_rule
@pytest.mark.parametrize("method", ["auto", "stochastic", "batch"])
def test_other_losses_of_the_family(method, rule, loss):
    X, y = blobs(60, 3)
    problem = make_problem(X, y, loss, rule, 0.5)
    solution = solve(problem, method=method, tol=1e-4, max_iter=20_000)
    scratch = problem.certify(solution.certificate.alpha)
    assert solution.converged
    assert scratch.relative_gap <= 1e-2
    assert scratch.dual == pytest.approx(solution.certificate.dual, rel=1e-9)


def test_squared_hinge_is_a_ridge_regression_when_no_row_leaves():
    # All margins below 1 (tiny C): linear equations, solved by hand.
    X, y = blobs(40, 3)
    C = 1e-4
    solution = exact(X, y, SquaredHinge(), "none", C).certificate
    w = np.linalg.solve(np.eye(3) + 2.0 * C * X.T @ X, 2.0 * C * X.T @ y)
    assert np.all(y * (X @ w) < 1.0)
    assert solution.w == pytest.approx(w, rel=1e-5)


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
    monkeypatch.setattr(choice, "_NO_BANDS", 50)
    monkeypatch.setattr(bands, "_LEAST_ROWS", 30)
    monkeypatch.setattr(bands, "_ROWS_PER_COLUMN", 1)
    monkeypatch.setattr(bands, "_LEAST_BAND", 50)
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

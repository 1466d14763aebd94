"""The look at all rows against the plain formulas."""

import numpy as np
import pytest
import scipy.sparse as sp
from reference import LOSSES, RULES, blobs, dual, make_problem, primal

from hingesvm.losses import Hinge, SmoothedHinge
from hingesvm.rows.duals import PackedDuals, unpacked
from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers import solve
from hingesvm.solvers.survey import Survey, survey_rows

N, D = 40, 4

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)
every_rule = pytest.mark.parametrize("rule", RULES)
every_kind = pytest.mark.parametrize(
    "kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"]
)


def costs(seed=0):
    return np.random.default_rng(seed).uniform(0.1, 3.0, N)


def case(loss, rule, kind=np.asarray, dtype=np.float64, seed=0):
    """MemoryRows, signs, costs, problem, and a point that is not the best."""
    X, y = blobs(N, D, seed, dtype)
    rng = np.random.default_rng(seed)
    problem = make_problem(kind(X), y, loss, rule, costs())
    b = 0.0 if rule == "none" else float(rng.normal())
    return X.astype(float), y, problem, rng.normal(size=D), b


def some_duals(problem, seed=1):
    rng = np.random.default_rng(seed)
    alpha = rng.uniform(-0.5, 1.5, N) * np.minimum(problem.bound, 2.0)
    return PackedDuals.pack(problem.repair(alpha), problem.bound)


def check_sums(survey, X, y, problem, loss, rule, precision=1e-13):
    """Everything but the duals follows from the point and the duals."""
    cost, alpha = costs(), unpacked(survey.duals)
    w, b = survey.w, survey.intercept
    margins = y * (X @ w + b)
    assert survey.shortfall == pytest.approx(1.0 - margins, abs=precision)
    assert survey.w_of_duals == pytest.approx(X.T @ (alpha * y), abs=1e-13)
    assert survey.loss == pytest.approx(float(cost @ loss.value(margins)), rel=1e-13)
    q = loss.dual_curvature(cost)
    gain = float(np.sum(alpha - 0.5 * q * alpha**2))
    assert survey.gain == pytest.approx(gain, rel=1e-13)
    assert survey.imbalance == pytest.approx(float(alpha @ y), abs=1e-13)
    certificate = survey.certificate(problem)
    expected = primal(X, y, cost, loss, rule, w, b)
    assert certificate.primal == pytest.approx(expected, rel=1e-12)
    assert certificate.w is w
    assert certificate.intercept == b
    assert certificate.duals is survey.duals
    return certificate


@every_kind
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@every_rule
@every_loss
def test_survey_with_duals_given(loss, rule, dtype, kind):
    X, y, problem, w, b = case(loss, rule, kind, dtype)
    duals = some_duals(problem)
    survey = survey_rows(problem, w, b, duals)
    assert survey.duals is duals
    certificate = check_sums(survey, X, y, problem, loss, rule)
    expected = dual(X, y, costs(), loss, rule, unpacked(duals))
    assert certificate.dual == pytest.approx(expected, rel=1e-11, abs=1e-11)


@every_kind
@every_rule
@every_loss
def test_survey_without_duals_takes_the_slopes(loss, rule, kind):
    X, y, problem, w, b = case(loss, rule, kind)
    survey = survey_rows(problem, w, b, None)
    slopes = -costs() * loss.subgradient(y * (X @ w + b))
    assert unpacked(survey.duals) == pytest.approx(slopes, rel=1e-11, abs=1e-13)
    certificate = check_sums(survey, X, y, problem, loss, rule)
    if rule != "free":
        # These are feasible as they are; with a free intercept they do not balance.
        expected = dual(X, y, costs(), loss, rule, unpacked(survey.duals))
        assert certificate.dual == pytest.approx(expected, rel=1e-11)


@every_rule
@every_loss
def test_certificates_of_any_point_and_duals_are_valid(loss, rule):
    optimum = solve(case(loss, rule)[2]).certificate
    for seed in range(5):
        _, _, problem, _, _ = case(loss, rule)
        rng = np.random.default_rng(seed)
        b = 0.0 if rule == "none" else float(rng.normal())
        survey = survey_rows(problem, rng.normal(size=D), b, some_duals(problem, seed))
        certificate = survey.certificate(problem)
        assert certificate.primal >= optimum.dual * (1.0 - 1e-12)
        assert certificate.dual <= optimum.primal * (1.0 + 1e-12)


@every_rule
@every_loss
def test_certificate_at_the_optimum_closes_the_gap(loss, rule):
    *_, problem, _, _ = case(loss, rule)
    best = solve(problem).certificate
    duals = PackedDuals.pack(best.alpha, problem.bound)
    survey = survey_rows(problem, best.w, best.intercept, duals)
    assert survey.certificate(problem).relative_gap <= 1e-9
    totals = survey.totals()
    assert totals.w_of_duals is survey.w_of_duals
    assert (totals.gain, totals.imbalance) == (survey.gain, survey.imbalance)


@every_kind
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_reach_is_the_norm_of_scaled_rows(dtype, kind):
    X, _, problem, w, b = case(Hinge(), "free", kind, dtype)
    scales = np.logspace(-3, 3, D).astype(dtype)
    reach = np.full(N, 9.0, dtype=np.float32)
    survey_rows(problem, w, b, None, scales=scales, reach=reach)
    assert reach == pytest.approx(np.linalg.norm(X * scales, axis=1), rel=1e-5)


def test_reach_needs_scales():
    *_, problem, w, b = case(Hinge(), "free")
    reach = np.full(N, 9.0, dtype=np.float32)
    survey_rows(problem, w, b, None, reach=reach)
    assert np.all(reach == 9.0)


@every_loss
def test_move_intercept_finds_the_best(loss):
    X, y, problem, w, b = case(loss, "free")
    duals = some_duals(problem)
    survey = survey_rows(problem, w, b, duals)
    survey.move_intercept(problem)
    assert survey.intercept != b
    check_sums(survey, X, y, problem, loss, "free")
    least = survey.certificate(problem).primal
    assert least <= primal(X, y, costs(), loss, "free", w, b)
    for other in survey.intercept + np.r_[-1.0, -1e-3, 1e-3, 1.0]:
        value = primal(X, y, costs(), loss, "free", w, float(other))
        assert least <= value * (1.0 + 1e-13)


@every_loss
def test_move_intercept_nearly_finds_the_best_penalised_one(loss):
    X, y, problem, w, b = case(loss, "penalized")
    survey = survey_rows(problem, w, b, some_duals(problem))
    survey.move_intercept(problem)
    assert survey.intercept != b
    check_sums(survey, X, y, problem, loss, "penalized")
    least = survey.certificate(problem).primal
    assert least <= primal(X, y, costs(), loss, "penalized", w, b)
    for other in survey.intercept + np.r_[-1.0, -0.1, -0.01, 0.01, 0.1, 1.0]:
        value = primal(X, y, costs(), loss, "penalized", w, float(other))
        assert least <= value * (1.0 + 1e-3)


def test_move_intercept_without_one_stays():
    X, y, problem, w, b = case(Hinge(), "none")
    survey = survey_rows(problem, w, b, some_duals(problem))
    survey.move_intercept(problem)
    assert survey.intercept == 0.0
    check_sums(survey, X, y, problem, Hinge(), "none")


def test_nothing_given_is_changed():
    X, y, _, w, b = case(Hinge(), "free")
    problem = make_problem(X, y, SmoothedHinge(0.5), "free", costs())
    duals, scales = some_duals(problem), np.linspace(1.0, 2.0, D)
    given = [
        X,
        y,
        w,
        duals.places,
        duals.values,
        scales,
        problem.bound,
        problem.curvature,
    ]
    before = [array.copy() for array in given]
    reach = np.empty(N, dtype=np.float32)
    survey_rows(problem, w, b, duals, scales=scales, reach=reach).move_intercept(
        problem
    )
    survey_rows(problem, w, b, None, scales=scales, reach=reach)
    for array, copy in zip(given, before, strict=True):
        assert np.array_equal(array, copy)


def test_survey_in_chunks_is_the_same(monkeypatch):
    X, y, problem, w, b = case(Hinge(), "free")
    whole = survey_rows(problem, w, b, None)
    monkeypatch.setattr("hingesvm.rows.divided._ENTRIES_PER_CHUNK", 100)
    seen = []
    again = make_problem(X, y, Hinge(), "free", costs())
    again.rows.check_cancelled = lambda: seen.append(1)
    parts = survey_rows(again, w, b, None)
    assert len(seen) > 3
    for name in ("shortfall", "w_of_duals"):
        assert np.array_equal(getattr(parts, name), getattr(whole, name))
    for name in ("loss", "gain", "imbalance"):
        # Sums of sums, in another order.
        expected = pytest.approx(getattr(whole, name), rel=1e-14)
        assert getattr(parts, name) == expected
    assert np.array_equal(unpacked(parts.duals), unpacked(whole.duals))
    given = survey_rows(again, w, b, whole.duals)
    assert np.array_equal(given.w_of_duals, parts.w_of_duals)
    assert (given.loss, given.gain) == (parts.loss, parts.gain)
    before = parts.loss, parts.gain, parts.imbalance
    parts.add_up(again)
    assert (parts.loss, parts.gain, parts.imbalance) == pytest.approx(before)


@every_rule
@every_loss
def test_narrow_shortfalls_leave_the_sums_alone(loss, rule):
    X, y, problem, w, b = case(loss, rule)
    survey = survey_rows(problem, w, b, None, narrow=True)
    assert survey.shortfall.dtype == np.float32
    check_sums(survey, X, y, problem, loss, rule, precision=1e-6)


@pytest.mark.filterwarnings("error")
def test_narrow_shortfalls_of_any_size_are_finite():
    X, y, problem, _, b = case(Hinge(), "penalized")
    w = np.full(D, 1e60)
    survey = survey_rows(problem, w, b, None, narrow=True)
    assert np.isfinite(survey.shortfall).all()
    assert np.array_equal(survey.shortfall > 0.0, y * (X @ w) < 0.0)


def test_add_up_follows_what_is_changed():
    X, y, problem, w, b = case(Hinge(), "penalized")
    survey = survey_rows(problem, w, b, None)
    half = PackedDuals.pack(0.5 * unpacked(survey.duals), problem.bound)
    other = Survey(w, b, half, survey.shortfall, 0.5 * survey.w_of_duals)
    assert (other.loss, other.gain, other.imbalance) == (0.0, 0.0, 0.0)
    other.add_up(problem)
    check_sums(other, X, y, problem, Hinge(), "penalized")


def test_survey_of_some_rows_in_another_order():
    X, y = blobs(N, D)
    index = np.random.default_rng(0).permutation(N)[:25]
    whole = MemoryRows(X)
    problem = make_problem(X, y, Hinge(), "free", costs()).subset(index)
    w = np.linspace(-1.0, 1.0, D)
    survey = survey_rows(problem, w, 0.5, None)
    margins = y[index] * (whole.margins(w)[index] + 0.5)
    assert survey.shortfall == pytest.approx(1.0 - margins, abs=1e-13)
    assert survey.w_of_duals == pytest.approx(
        X[index].T @ (unpacked(survey.duals) * y[index])
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_rule
def test_weights_are_stretched_where_margins_are_a_little_short(rule, dtype):
    X, y = blobs(N, D, 0, dtype)
    X += 2.0 * y[:, None].astype(dtype)
    problem = make_problem(X, y, Hinge(), rule, 1e4)
    best = solve(problem, tol=1e-10).certificate
    assert not (best.alpha == problem.bound).any()
    w = ((1.0 - 1e-4) * best.w).astype(dtype)
    b = 0.0 if rule == "none" else float(dtype(best.intercept - 2e-5))
    duals = PackedDuals.pack(best.alpha, problem.bound)
    survey = survey_rows(problem, w, b, duals)
    found = survey.certificate(problem)
    assert found.relative_gap > 0.1
    longer = survey.stretched(problem, found, 1e-3, rounded=True)
    assert longer.relative_gap <= 1e-3
    assert longer.dual == found.dual
    assert np.array_equal(longer.w, longer.w.astype(dtype))
    expected = primal(
        X.astype(float), y, np.full(N, 1e4), Hinge(), rule, longer.w, longer.intercept
    )
    assert longer.primal == pytest.approx(expected, rel=1e-9)
    # Out of reach, or nothing to gain.
    assert survey.stretched(problem, found, -1.0, rounded=True) is found
    far = survey_rows(problem, 2.0 * w.astype(float), 2.0 * b, duals)
    assert far.stretched(problem, found, 1e-3, rounded=True) is found


def test_rows_at_their_bound_are_not_stretched_for():
    _, _, problem, w, b = case(Hinge(), "free")
    duals = PackedDuals.pack(problem.bound.copy(), problem.bound)
    survey = survey_rows(problem, w, b, duals)
    found = survey.certificate(problem)
    assert survey.stretched(problem, found, np.inf, rounded=False) is found

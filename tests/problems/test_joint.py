"""The joint problem against plain loops: values, weak duality, feasible duals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joint_cases import (
    RULES,
    TOTALS,
    dual,
    plain,
    primal,
    random_duals,
    random_problem,
)

from hingesvm.losses import CrammerSinger, WestonWatkins
from hingesvm.problems.joint import JointDuals

totals = pytest.mark.parametrize("total", TOTALS.values(), ids=TOTALS)
rules = pytest.mark.parametrize("rule", RULES)
kinds = pytest.mark.parametrize("kind", ["dense", "csr32", "csr64"])
problems = {
    "total": st.sampled_from(list(TOTALS.values())),
    "rule": st.sampled_from(RULES),
    "n_classes": st.integers(2, 6),
    "seed": st.integers(0, 10**6),
    "margin": st.sampled_from([1.0, 0.3, 7.0]),
    "equal": st.booleans(),
}


def point(problem, seed=1):
    rng = np.random.default_rng(seed)
    size = problem.n_classes, problem.rows.n_features
    b = rng.standard_normal(problem.n_classes)
    return rng.standard_normal(size), b * (problem.intercept_rule != "none")


@kinds
@totals
@rules
def test_values_are_those_of_the_loops(rule, total, kind):
    problem = random_problem(total, rule, kind=kind, margin=1.5, n_classes=4)
    W, b = point(problem)
    expected = primal(*plain(problem), W, b)
    assert problem.primal(W, b) == pytest.approx(expected, rel=1e-13)
    alpha = problem.repair(random_duals(problem))
    assert alpha.any()
    assert problem.dual(alpha) == pytest.approx(dual(*plain(problem), alpha), rel=1e-12)


@totals
def test_weights_are_sums_over_rows(total):
    problem = random_problem(total, "free")
    X, codes, *_ = plain(problem)
    alpha = random_duals(problem)
    W, b = np.zeros((3, 4)), np.zeros(3)
    for x, own, duals in zip(X, codes, alpha, strict=True):
        for k in range(3):
            W[own] += duals[k] * x
            W[k] -= duals[k] * x
            b[own] += duals[k]
            b[k] -= duals[k]
    np.testing.assert_allclose(problem.combine(alpha), W, atol=1e-13)
    np.testing.assert_allclose(problem.imbalance(alpha), b, atol=1e-13)


@settings(deadline=None, max_examples=50)
@given(size=st.floats(1e-3, 1e3), cost=st.floats(1e-3, 1e3), **problems)
def test_weak_duality(size, cost, **params):
    problem = random_problem(cost=cost, n=20, **params)
    W, b = point(problem, params["seed"])
    alpha = problem.repair(size * random_duals(problem, params["seed"]))
    d = problem.dual(alpha)
    assert d <= problem.primal(size * W, size * b) * (1.0 + 1e-12)
    own, intercepts = problem.combine(alpha), problem.imbalance(alpha)
    if problem.intercept_rule == "none":
        intercepts = np.zeros_like(intercepts)
    p = problem.primal(own, intercepts)
    assert d <= p + 1e-12 * max(abs(p), abs(d))


@settings(deadline=None, max_examples=50)
@given(slack=st.sampled_from([0.0, 0.1, 5.0]), **problems)
def test_repair_is_feasible_and_idempotent(slack, **params):
    problem = random_problem(n=20, **params)
    given_ = random_duals(problem, params["seed"], slack=slack)
    before = given_.copy()
    alpha = problem.repair(given_)
    assert np.array_equal(given_, before)
    assert np.isfinite(dual(*plain(problem), alpha))
    np.testing.assert_allclose(problem.repair(alpha), alpha, rtol=1e-12, atol=1e-14)
    assert np.all(alpha <= np.maximum(before, 0.0))


@rules
@totals
def test_repair_leaves_what_is_feasible(total, rule):
    # As many rows of each class, each with the same duals against both others.
    problem = random_problem(total, rule, n=30, equal=True)
    problem.codes[:] = np.arange(30) % 3
    alpha = np.full((30, 3), 0.25)
    alpha[np.arange(30), problem.codes] = 0.0
    assert np.array_equal(problem.repair(alpha), alpha)


@totals
@rules
def test_origin_is_the_certificate_of_zeros(rule, total):
    for equal in (True, False):
        problem = random_problem(total, rule, equal=equal, margin=2.0, n_classes=4)
        origin = problem.origin()
        zeros = np.zeros((4, 4)), np.zeros(4)
        expected = primal(*plain(problem), *zeros)
        assert origin.primal == pytest.approx(expected, rel=1e-14)
        assert origin.dual == 0.0
        assert np.array_equal(origin.w, zeros[0])
        assert np.array_equal(origin.intercept, zeros[1])
        assert origin.alpha.shape == (30, 4)
        assert not origin.alpha.any()


@totals
@rules
def test_certify(rule, total):
    problem = random_problem(total, rule)
    raw = random_duals(problem, slack=0.5)
    alone = problem.certify(raw)
    assert np.array_equal(alone.alpha, problem.repair(raw))
    np.testing.assert_allclose(alone.w, problem.combine(alone.alpha))
    expected = problem.imbalance(alone.alpha) if rule == "penalized" else np.zeros(3)
    np.testing.assert_allclose(alone.intercept, expected)
    for found in (alone, problem.certify(raw, *point(problem))):
        args = plain(problem)
        p = primal(*args, found.w, found.intercept)
        assert found.primal == pytest.approx(p, rel=1e-12)
        assert found.dual == pytest.approx(dual(*args, found.alpha), rel=1e-12)
        assert 0.0 < found.gap == found.primal - found.dual
    assert np.array_equal(found.w, point(problem)[0])
    assert np.array_equal(found.intercept, point(problem)[1])


@totals
def test_losses_of_rows_are_those_of_the_loss_objects(total):
    kind = CrammerSinger if total == 1.0 else WestonWatkins
    problem = random_problem(total, "none", margin=1.5)
    scores = problem.scores(*point(problem))
    expected = kind(1.5).value(scores, problem.codes, sample_weight=problem.cost)
    np.testing.assert_allclose(problem.losses(scores), expected, rtol=1e-14)


@totals
def test_deferred_duals_are_feasible(total):
    problem = random_problem(total, "none")
    raw = random_duals(problem, slack=0.5)
    expected = problem.repair(raw)
    assert np.array_equal(
        JointDuals(problem, raw, np.empty((0, 3))).unpacked(), expected
    )
    factors = np.random.default_rng(0).random((3, 3))
    duals = JointDuals(problem, raw.astype(np.float32), factors)
    np.testing.assert_allclose(
        duals.unpacked(), expected * factors[problem.codes], rtol=1e-6
    )

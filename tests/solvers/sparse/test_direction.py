"""The Newton step where the penalty has kinks: it ends at the minimum of its model."""

import numpy as np
import pytest
from penalty_cases import MIXED, few_of_many, make_penalized
from reference import RULES

from hingesvm.losses import SquaredHinge
from hingesvm.penalties import ElasticNet
from hingesvm.solvers.newton.system import keeps_products
from hingesvm.solvers.sparse.direction import (
    Curvature,
    bend_after,
    mean_bends,
    penalized_step,
    work_of_penalized_step,
)

PENALTIES = [ElasticNet(0.1), ElasticNet(0.9), ElasticNet(1.0), MIXED]
every_penalty = pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
every_rule = pytest.mark.parametrize("rule", RULES)


def step_from(problem, w, b, free=None, kept=None):
    """The step of the squared hinge from a point, and what it is taken from."""
    shortfall = 1.0 - problem.margins(w, b)
    slopes = problem.slopes(shortfall)
    v = problem.combine(slopes)
    free = np.flatnonzero(slopes > 0.0) if free is None else free
    pace = 1.0 / problem.curvature
    # The derivative in the intercept; a free one is at its minimum, but for the test.
    pull = -float(slopes @ problem.signs)
    pull += b if problem.intercept_rule == "penalized" else 0.0
    shared = Curvature(problem, kept, problem.cost)
    step = penalized_step(shared, w, v, pull, free, pace, 0.0, 0.0)
    return step, v, pull, pace


def case(penalty, rule, n=30, seed=0, cost=0.3):
    X, signs = few_of_many(n, 5, seed)
    return X, make_penalized(X, signs, SquaredHinge(), rule, penalty, cost)


@every_penalty
@every_rule
@pytest.mark.parametrize("keeps", [False, True])
def test_ends_where_the_model_is_least(penalty, rule, keeps):
    rng = np.random.default_rng(0)
    X, problem = case(penalty, rule)
    for n_zeros in (0, 2, 5):
        w, b = rng.normal(size=5), 0.0 if rule == "none" else 0.4
        w[:n_zeros] = 0.0
        kept = keeps_products(problem) if keeps else None
        step, v, pull, pace = step_from(problem, w, b, kept=kept)
        free = problem.slopes(1.0 - problem.margins(w, b)) > 0.0
        active = problem.penalty.active(w, v)
        assert step.size == len(active)
        assert not np.delete(step.direction, active).any()
        assert (step.turn == 0.0) == (rule == "none")
        # The pull of the losses, as the model has it at the end of the step.
        moved = X[free] @ step.direction + step.turn
        at_end = v - X[free].T @ (pace[free] * moved)
        far = problem.penalty.violation(w + step.direction, at_end)[active]
        assert far.max(initial=0.0) <= 1e-8 * (np.abs(v).max() + 1.0)
        if rule != "none":
            bend = step.turn if rule == "penalized" else 0.0
            pull_at_end = pull + float(pace[free] @ moved) + bend
            assert abs(pull_at_end) <= 1e-8 * (abs(pull) + 1.0)


@every_penalty
@every_rule
def test_one_step_is_enough_where_the_loss_is_its_model(penalty, rule):
    # At so small costs no margin gets to 1, so that all rows stay where they are.
    X, problem = case(penalty, rule, cost=0.01)
    w = np.full(5, 1e-3)
    step, *_ = step_from(problem, w, 0.0)
    # But for columns that were to stay 0, of which there is none here.
    assert step.size == 5
    end = w + step.direction
    certificate = problem.certify(
        problem.slopes(1.0 - problem.margins(end, step.turn)), end, step.turn
    )
    assert np.all(problem.margins(end, step.turn) < 1.0)
    primal = problem.primal(end, step.turn)
    assert primal == pytest.approx(certificate.primal, rel=1e-9)
    assert certificate.relative_gap <= 1e-6
    # The decrement is what was gained, and the quadratic part of the losses again.
    gained, moved = problem.primal(w, 0.0) - primal, X @ step.direction + step.turn
    curved = float((moved * moved) @ (0.5 / problem.curvature))
    if rule == "penalized":
        curved += 0.5 * step.turn**2
    assert step.decrement == pytest.approx(gained + curved, rel=1e-6)


@every_penalty
@every_rule
def test_there_is_no_step_from_the_minimum(penalty, rule):
    _, problem = case(penalty, rule)
    w, b = np.zeros(5), 0.0
    for _ in range(50):
        step, *_ = step_from(problem, w, b)
        t, now = 1.0, problem.primal(w, b)
        room = 1e-14 * now
        while t > 1e-6:
            end = problem.moved(w, t, step.direction), b + t * step.turn
            if problem.primal(*end) <= now + room:
                w, b = end
                break
            t *= 0.5
    step, *_ = step_from(problem, w, b)
    assert step.decrement <= 1e-12 * problem.primal(w, b)
    alpha = problem.slopes(1.0 - problem.margins(w, b))
    assert problem.certify(alpha, w, b).relative_gap <= 1e-9


def test_a_step_without_free_rows_shrinks_the_weights():
    _, problem = case(ElasticNet(1.0), "none")
    w = np.array([50.0, 50.0, 50.0, 0.0, 1.0])
    none = np.empty(0, dtype=np.intp)
    zeros = np.zeros(5)
    pace = np.full(30, 0.5)
    shared = Curvature(problem, None, problem.cost)
    step = penalized_step(shared, w, zeros, 0.0, none, pace, 0.0, 0.0)
    assert step.decrement > 0.0
    assert np.all(step.direction[w > 0.0] < 0.0)
    assert step.direction[3] == 0.0


def test_work_grows_with_what_a_step_is_made_of():
    _, problem = case(ElasticNet(1.0), "none")
    small = work_of_penalized_step(problem, 10, 2)
    assert small < work_of_penalized_step(problem, 20, 2)
    assert small < work_of_penalized_step(problem, 10, 4)


def test_short_steps_ask_for_bend_and_long_ones_take_it_back():
    bend = bend_after(0.0, 1e-9)
    assert 0.0 < bend < bend_after(bend, 1e-9) <= 1.0
    assert bend_after(1.0, 0.0) == 1.0
    assert bend_after(bend, 0.2) == bend
    assert bend_after(bend, 1.0) == 0.0
    assert 0.0 < bend_after(0.1, 1.0) < 0.1


def test_bend_makes_steps_of_flat_columns_shorter():
    X, problem = case(ElasticNet(1.0), "none")
    few = np.arange(1)
    curvature = Curvature(problem, None, problem.cost)
    v = problem.combine(problem.slopes(np.ones(len(X))))
    pace = 1.0 / problem.curvature
    lengths = [
        np.linalg.norm(
            penalized_step(
                curvature, np.zeros(5), v, 0.0, few, pace, 0.0, bend
            ).direction
        )
        for bend in (0.0, 1e-3, 1.0)
    ]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > 10.0 * lengths[2] > 0.0


def test_columns_bend_as_rows_do_together():
    X, problem = case(ElasticNet(1.0), "none")
    weights = np.linspace(0.1, 2.0, len(X))
    expected = np.average(np.square(X), axis=0, weights=weights)
    np.testing.assert_allclose(mean_bends(problem, weights), expected)
    empty = make_penalized(
        np.where(np.arange(5) == 2, 0.0, X),
        problem.signs,
        SquaredHinge(),
        "none",
        ElasticNet(1.0),
    )
    bends = mean_bends(empty, weights)
    assert bends[2] == pytest.approx(np.delete(expected, 2).sum() / 5.0)

"""How far to go along a step with kinks: against a grid."""

import numpy as np
import pytest
from penalty_cases import MIXED, few_of_many, make_penalized
from reference import RULES

from hingesvm.losses import get_loss
from hingesvm.penalties import ElasticNet
from hingesvm.solvers.newton.line_search import step_length
from hingesvm.solvers.sparse.line_search import length_with_kinks


def parabola(bend, slope):
    """Where the derivative bend t + slope plus another slope is 0."""

    def zero(more):
        at_start = slope + more
        return (-at_start / bend if bend else np.copysign(np.inf, -at_start)), at_start

    return zero


def value(bend, slope, w, direction, threshold, t):
    kinks = threshold @ np.abs(w[:, None] + direction[:, None] * t)
    return 0.5 * bend * t * t + slope * t + kinks


def brute_force(bend, slope, w, direction, threshold):
    """The least value on a grid that holds all kinks."""
    with np.errstate(divide="ignore", invalid="ignore"):
        kinks = -w / direction
    kinks = kinks[np.isfinite(kinks) & (kinks > 0.0)]
    grid = np.concatenate([np.linspace(0.0, 20.0, 20_001), kinks])
    return value(bend, slope, w, direction, threshold, grid).min()


@pytest.mark.parametrize("seed", range(40))
def test_is_the_minimum_on_a_grid(seed):
    rng = np.random.default_rng(seed)
    m = int(rng.integers(1, 9))
    w = np.where(rng.random(m) < 0.3, 0.0, rng.normal(size=m))
    direction = np.where(rng.random(m) < 0.2, 0.0, rng.normal(size=m))
    threshold = np.where(rng.random(m) < 0.2, 0.0, rng.uniform(0.0, 2.0, m))
    bend, slope = rng.uniform(0.05, 3.0), rng.normal() * 3.0 - 2.0
    args = bend, slope, w, direction, threshold
    t = length_with_kinks(parabola(bend, slope), *args[2:])
    least = brute_force(*args)
    assert value(*args, np.array([t]))[0] <= least + 1e-12 * (1.0 + abs(least))
    # The grid is no farther from the minimum than its step.
    assert least - value(*args, np.array([t]))[0] <= bend * 1e-6


def test_ends_at_a_kink_exactly():
    # Behind the kink at 1 / 3 the penalty rises faster than the rest falls.
    w, direction = np.array([1.0, -5.0]), np.array([-3.0, 1.0])
    threshold = np.array([10.0, 0.0])
    t = length_with_kinks(parabola(1.0, -1.0), w, direction, threshold)
    assert t == -w[0] / direction[0]
    # Many at the same place.
    ten = np.ones(10)
    t = length_with_kinks(parabola(1.0, -1.0), ten, -ten, ten)
    assert t == 1.0


def test_goes_through_kinks_that_cost_less_than_is_gained():
    w, direction = np.array([1.0, 2.0, 30.0]), np.array([-1.0, -1.0, -1.0])
    threshold = np.full(3, 0.1)
    t = length_with_kinks(parabola(1.0, -10.0), w, direction, threshold)
    # Behind two kinks and before the third: 10 = t + 0.1 + 0.1 - 0.1.
    assert t == pytest.approx(9.9)


def test_a_step_that_leads_up_is_none():
    w, direction = np.array([1.0, 0.0]), np.array([1.0, 1.0])
    one = np.ones(2)
    assert length_with_kinks(parabola(1.0, 0.5), w, direction, one) == 0.0
    assert length_with_kinks(parabola(1.0, -1.9), w, direction, one) == 0.0
    assert length_with_kinks(parabola(1.0, -2.1), w, direction, one) > 0.0
    # Nor one to nowhere.
    assert length_with_kinks(parabola(0.0, 0.0), w, 0.0 * one, one) == 0.0


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("penalty", [ElasticNet(0.5), ElasticNet(1.0), MIXED], ids=repr)
def test_is_the_minimum_of_losses_and_penalty_on_a_line(penalty, rule, loss):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X, signs = few_of_many(20, 5, seed)
        problem = make_penalized(X, signs, get_loss(loss), rule, penalty, 0.7)
        w = np.where(rng.random(5) < 0.4, 0.0, rng.normal(size=5))
        b = 0.0 if rule == "none" else rng.normal()
        v = problem.combine(problem.slopes(1.0 - problem.margins(w, b)))
        direction = v - problem.penalty.strength * w
        direction -= problem.penalty.threshold * np.sign(w)
        turn = 0.0 if rule == "none" else 0.1 * rng.normal()
        # Losses replaced by the quadratic functions whose slopes are these.
        rest, pace = 0.5 * problem.cost, np.full(20, 0.3)

        def psi(t, rest=rest, pace=pace, problem=problem, at=(w, direction, b, turn)):
            w, direction, b, turn = at
            here = w + t * direction
            short = 1.0 - problem.margins(here, b + t * turn)
            slope = np.clip(rest + pace * short, 0.0, problem.bound)
            each = slope * short - (slope - rest) ** 2 / (2.0 * pace)
            return problem.primal_of(here, b + t * turn, float(each.sum()))

        change = problem.margins(direction, turn)
        short = 1.0 - problem.margins(w, b)
        step = (direction, turn)
        t = step_length(problem, (rest, pace), (w, b), step, short, change)
        grid = np.append(np.linspace(0.0, 3.0, 1501), t)
        values = np.array([psi(x) for x in grid])
        room = 1e-6 * (values[0] - values.min())
        assert values[-1] <= values.min() + room
        assert values[-1] < values[0] or t == 0.0

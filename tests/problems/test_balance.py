"""Balanced flows between classes: as much out of each as into it, and little taken."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from hingesvm.problems import balance
from hingesvm.problems.balance import balancing_factors


def random_flows(size, density, seed):
    """Flows between classes, some of them 0."""
    rng = np.random.default_rng(seed)
    flows = rng.random((size, size)) * (rng.random((size, size)) < density)
    np.fill_diagonal(flows, 0.0)
    return flows


def largest_total(flows):
    """The largest sum of balanced flows that are at most these, up to 1e-7 of it."""
    size = len(flows)
    sources, sinks = np.nonzero(flows)
    if not len(sources):
        return 0.0
    arcs, scale = np.arange(len(sources)), flows.max()
    out_less_in = np.zeros((size, len(sources)))
    out_less_in[sources, arcs] += 1.0
    out_less_in[sinks, arcs] -= 1.0
    found = linprog(
        -np.ones(len(sources)),
        A_eq=out_less_in,
        b_eq=np.zeros(size),
        bounds=[(0.0, most) for most in flows[sources, sinks] / scale],
    )
    return -found.fun * scale


def check_balanced(flows, factors):
    assert factors.shape == flows.shape
    assert np.all((factors >= 0.0) & (factors <= 1.0))
    left = factors * flows
    excess = left.sum(axis=1) - left.sum(axis=0)
    assert np.abs(excess).max() <= 1e-14 * flows.sum()
    return left.sum()


@settings(deadline=None, max_examples=30)
@given(
    size=st.integers(2, 8),
    density=st.floats(0.1, 1.0),
    exponent=st.sampled_from([-250, -30, 0, 30, 250]),
    seed=st.integers(0, 10**6),
)
def test_flows_are_balanced_and_the_least_is_taken(size, density, exponent, seed):
    flows = random_flows(size, density, seed) * 10.0**exponent
    total = check_balanced(flows, balancing_factors(flows))
    rounding = 1e-13 * flows.sum()
    assert total == pytest.approx(largest_total(flows), rel=1e-6, abs=rounding)


@settings(deadline=None, max_examples=20)
@given(
    size=st.integers(3, 8),
    exponent=st.floats(-13.0, -3.0),
    seed=st.integers(0, 10**6),
)
def test_next_to_nothing_is_taken_from_flows_next_to_balance(size, exponent, seed):
    # Few pairs of classes have flows, so that the excess goes a long way.
    flows = random_flows(size, 0.5, seed)
    flows *= balancing_factors(flows)
    flows[flows < 1e-3] = 0.0
    flows *= balancing_factors(flows)
    change = np.random.default_rng(seed).random(flows.shape)
    flows *= 1.0 - 10.0**exponent * change
    total = check_balanced(flows, balancing_factors(flows))
    assert total >= flows.sum() * (1.0 - size * size * 10.0**exponent)


def test_nothing_is_taken_from_balanced_flows():
    flows = np.array([[0.0, 2.0, 0.5], [1.0, 0.0, 1.0], [1.5, 0.0, 0.0]])
    assert np.array_equal(balancing_factors(flows), np.ones((3, 3)))


@pytest.mark.parametrize("size", [2, 5])
def test_no_flows(size):
    assert np.array_equal(
        balancing_factors(np.zeros((size, size))), np.ones((size, size))
    )


def test_two_classes():
    flows = np.array([[0.0, 3.0], [1.0, 0.0]])
    factors = balancing_factors(flows)
    assert factors[0, 1] == pytest.approx(1.0 / 3.0, rel=1e-15)
    assert factors[1, 0] == 1.0


def test_a_flow_without_return_is_taken_away():
    flows = np.zeros((4, 4))
    flows[0, 1] = flows[1, 2] = 1.0
    assert not np.any(balancing_factors(flows) * flows)


def test_excess_that_no_single_flow_carries_goes_the_long_way():
    # Class 0 has too much and class 2 too little, and no flow goes from 0 to 2.
    flows = np.zeros((3, 3))
    flows[0, 1] = flows[1, 2] = 1.0
    flows[2, 0] = 0.75
    factors = balancing_factors(flows)
    assert factors[[0, 1, 2], [1, 2, 0]] == pytest.approx([0.75, 0.75, 1.0], rel=1e-14)


def test_proportional_shares_need_no_search(monkeypatch):
    def refuse(*args):
        raise AssertionError("ways were searched")

    monkeypatch.setattr(balance, "_least_taken", refuse)
    flows = random_flows(6, 1.0, 0) + 1.0
    np.fill_diagonal(flows, 0.0)
    check_balanced(flows, balancing_factors(flows))
    with pytest.raises(AssertionError, match="searched"):
        balancing_factors(random_flows(6, 0.4, 0))


def test_no_flow_is_left_where_none_is_balanced(monkeypatch):
    monkeypatch.setattr(balance, "_least_taken", lambda flows, *_: flows)
    flows = random_flows(6, 0.4, 0)
    assert not np.any(balancing_factors(flows))


def test_the_cheapest_way_takes_back_what_was_taken():
    # From 0 to 3 by 1 and 2 costs three; then 1 and 2 are needed by others.
    flows = np.zeros((6, 6))
    for way in [(0, 2), (2, 5), (0, 1), (1, 4), (3, 2)]:
        flows[way] = 1.0
    flows[5, 0] = flows[4, 3] = 0.5
    total = check_balanced(flows, balancing_factors(flows))
    assert total == pytest.approx(largest_total(flows), rel=1e-12)


@pytest.mark.parametrize(("density", "seed"), [(0.02, 0), (0.1, 1), (0.9, 2)])
def test_many_classes(density, seed):
    flows = random_flows(60, density, seed)
    total = check_balanced(flows, balancing_factors(flows))
    assert total == pytest.approx(largest_total(flows), rel=1e-6)


def test_an_interrupt_is_seen_every_few_looks(monkeypatch):
    flows = random_flows(40, 0.3, 0)
    whole, checks = balancing_factors(flows), []
    monkeypatch.setattr(balance, "_LOOKS", 40)
    in_pieces = balancing_factors(flows, lambda: checks.append(1))
    assert np.array_equal(in_pieces, whole)
    assert len(checks) > 30

    def interrupt():
        checks.pop()
        if not checks:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        balancing_factors(flows, interrupt)


def test_flows_are_not_changed():
    flows = random_flows(5, 0.5, 1)
    before = flows.copy()
    balancing_factors(flows)
    assert np.array_equal(flows, before)

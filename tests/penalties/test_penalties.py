"""The penalties against plain formulas, numeric derivatives and grids."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penalty_cases import (
    FACTORS,
    MIXED,
    PENALTIES,
    Mixed,
    every_penalty,
    penalty_value,
    terms_of,
)
from sklearn.base import clone

from hingesvm import HingeSVC
from hingesvm.penalties import ElasticNet, Penalty, get_penalty, soft

quick = settings(max_examples=15, deadline=None)
points = st.lists(
    st.one_of(st.just(0.0), st.floats(-50.0, 50.0)), min_size=5, max_size=5
).map(np.array)


def flat(penalty):
    """Which columns have no strength."""
    return np.array([s == 0.0 for _, s in terms_of(penalty)])


def within(penalty, v):
    """The same sums, clipped to the thresholds of columns without strength."""
    t = np.array([t for t, _ in terms_of(penalty)])
    return np.where(flat(penalty), np.clip(v, -t, t), v)


@every_penalty
@quick
@given(w=points)
def test_value_is_the_formula(penalty, w):
    expected = pytest.approx(penalty_value(penalty, w), rel=1e-14, abs=1e-300)
    assert penalty.value(w) == expected
    assert penalty.columns(5).value(w) == expected
    assert penalty.value(list(w)) == expected


def test_value_of_a_few_weights_by_hand():
    assert ElasticNet(0.5).value([1.0, -2.0]) == 0.5 * 3.0 + 0.25 * 5.0
    assert ElasticNet(1).value([1.0, -2.0]) == 3.0
    assert ElasticNet(0).value([1.0, -2.0]) == 2.5
    assert ElasticNet(0.25, [2.0, 4.0]).value([1.0, -2.0]) == 0.25 * 10.0 + 0.375 * 18.0
    assert MIXED.value([2.0, -2.0, 1.0, 0.0, 0.0]) == 2.0 + 1.0 + 2.25


def test_value_of_float32_weights_is_a_sum_in_float64():
    w = np.full(5, 0.1, dtype=np.float32)
    assert MIXED.columns(5).value(w) == MIXED.value(w.astype(np.float64))


@every_penalty
@quick
@given(w=points)
def test_subgradient_is_the_derivative_away_from_kinks(penalty, w):
    h = 1e-5
    w = np.where(np.abs(w) <= h, 1.0, w)
    slopes = penalty.subgradient(w)
    for j, step in enumerate(h * np.eye(5)):
        slope = (penalty.value(w + step) - penalty.value(w - step)) / (2.0 * h)
        assert slopes[j] == pytest.approx(slope, rel=1e-6, abs=1e-5)


@every_penalty
@quick
@given(w=points, other=points, size=st.sampled_from([1e-9, 1e-3, 1.0]))
def test_subgradient_supports_the_penalty_also_at_kinks(penalty, w, other, size):
    s = penalty.subgradient(w)
    line = penalty.value(w) + size * float(s @ other)
    room = 1e-13 * (1.0 + abs(line) + float(np.abs(s) @ np.abs(w)))
    assert penalty.value(w + size * other) >= line - room


@every_penalty
def test_subgradient_at_zero_is_zero_and_the_shortest(penalty):
    assert np.array_equal(penalty.subgradient(np.zeros(5)), np.zeros(5))


@every_penalty
@quick
@given(w=points, v=points)
def test_fenchel_young_inequality(penalty, w, v):
    v = within(penalty, v)
    both = penalty.value(w) + penalty.conjugate(v)
    assert both >= float(v @ w) - 1e-12 * (1.0 + abs(both))


@every_penalty
@quick
@given(w=points, part=st.lists(st.floats(-1.0, 1.0), min_size=5, max_size=5))
def test_fenchel_young_equality_at_each_subgradient(penalty, w, part):
    # At a kink the subgradients are all from -t to t.
    t = np.array([t for t, _ in terms_of(penalty)])
    v = penalty.subgradient(w) + np.where(w == 0.0, t * part, 0.0)
    v = within(penalty, v)
    both = penalty.value(w) + penalty.conjugate(v)
    assert both == pytest.approx(float(v @ w), rel=1e-12, abs=1e-12)


@every_penalty
def test_conjugate_is_the_supremum(penalty):
    grid = np.linspace(-40.0, 40.0, 8001)
    for size in (0.0, 0.2, 1.0, 3.0):
        for v in size * np.array([np.ones(5), [1.0, -1.0, 0.5, -0.5, 0.0]]):
            v = within(penalty, v)
            largest = sum(
                float(np.max(x * grid - (t * np.abs(grid) + s * grid**2 / 2)))
                for x, (t, s) in zip(v, terms_of(penalty), strict=True)
            )
            found = penalty.conjugate(v)
            # Weights of the least strength are farther out than the grid goes.
            reached = np.abs(penalty.columns(5).weights_of(v)).max() <= 40.0
            assert found >= largest - 1e-12
            assert found <= largest + 1e-3 or not reached


@every_penalty
def test_conjugate_is_infinite_outside(penalty):
    for j, (t, s) in enumerate(terms_of(penalty)):
        v = np.zeros(5)
        for v[j] in (t * (1.0 + 1e-15) + 1e-300, -1e6):
            assert (penalty.conjugate(v) == np.inf) == (s == 0.0)
        v[j] = -t
        assert penalty.conjugate(v) == 0.0


@every_penalty
@quick
@given(v=points)
def test_weights_of_dual_sums_are_where_the_supremum_is(penalty, v):
    v = within(penalty, v)
    w = penalty.columns(5).weights_of(v)
    reached = float(v @ w) - penalty.value(w)
    assert reached == pytest.approx(penalty.conjugate(v), rel=1e-12, abs=1e-12)
    assert np.array_equal(w == 0.0, (np.abs(v) <= within_zero(penalty)) | flat(penalty))


def within_zero(penalty):
    """The thresholds."""
    return np.array([t for t, _ in terms_of(penalty)])


@every_penalty
@quick
@given(v=points)
def test_conjugate_of_columns_counts_those_with_strength(penalty, v):
    expected = sum(
        max(abs(x) - t, 0.0) ** 2 / (2.0 * s)
        for x, (t, s) in zip(v, terms_of(penalty), strict=True)
        if s
    )
    assert penalty.columns(5).conjugate(v) == pytest.approx(expected, rel=1e-12)


@every_penalty
@quick
@given(v=points, size=st.sampled_from([1e-3, 1.0, 1e3, 1e150]))
def test_factor_makes_sums_feasible_and_is_the_largest_that_does(penalty, v, size):
    columns, v = penalty.columns(5), size * v
    factor = columns.factor(v)
    assert 0.0 < factor <= 1.0
    assert np.all(np.abs(factor * v)[flat(penalty)] <= columns.threshold[flat(penalty)])
    assert penalty.conjugate(factor * v) < np.inf
    larger = factor * (1.0 + 1e-14)
    assert factor == 1.0 or penalty.conjugate(larger * v) == np.inf


@every_penalty
@quick
@given(w=points, v=points)
def test_violation_is_the_distance_from_the_subgradients(penalty, w, v):
    far = penalty.columns(5).violation(w, v)
    for j, (t, s) in enumerate(terms_of(penalty)):
        low, high = (-t, t) if w[j] == 0.0 else 2 * (t * np.sign(w[j]),)
        nearest = np.clip(v[j], low + s * w[j], high + s * w[j])
        assert far[j] == pytest.approx(abs(v[j] - nearest), rel=1e-12, abs=1e-12)
    assert np.all(far >= 0.0)


@every_penalty
@quick
@given(w=points)
def test_nothing_is_violated_at_a_subgradient(penalty, w):
    far = penalty.columns(5).violation(w, penalty.subgradient(w))
    assert np.all(far <= 1e-13 * (1.0 + np.abs(w)))


@every_penalty
def test_active_columns_are_those_that_are_not_to_stay_zero(penalty):
    columns = penalty.columns(5)
    t = columns.threshold
    none = np.zeros(5)
    assert len(columns.active(none, t)) == len(columns.active(none, -t)) == 0
    beyond = np.nextafter(t, np.inf)
    assert np.array_equal(columns.active(none, -beyond), np.arange(5))
    w = np.array([0.0, -1.0, 0.0, 1e-300, 0.0])
    assert np.array_equal(columns.active(w, none), [1, 3])


@every_penalty
def test_subset_is_the_penalty_of_some_columns(penalty):
    some = np.array([4, 1])
    part, columns = penalty.columns(5).subset(some), penalty.columns(5)
    w = np.zeros(5)
    w[some] = 3.0, -2.0
    assert part.n_features == 2
    assert part.value(w[some]) == pytest.approx(columns.value(w))
    assert part.conjugate(w[some]) == pytest.approx(columns.conjugate(w))


def test_what_is_known_of_columns():
    half, l1, mixed = (p.columns(5) for p in (ElasticNet(0), ElasticNet(1), MIXED))
    assert half.is_half_square
    assert not any(p.columns(5).is_half_square for p in PENALTIES[1:])
    assert not Mixed([0.0, 0.0], [1.0, 2.0]).columns(2).is_half_square
    assert [p.has_flat for p in (half, l1, mixed)] == [False, True, True]
    assert half.least_strength == 1.0
    assert half.least_threshold == l1.least_strength == np.inf
    assert l1.least_threshold == 1.0
    assert (mixed.least_strength, mixed.least_threshold) == (0.5, 0.3)
    assert half.n_features == 5


def test_soft_thresholding():
    v, t = np.array([-3.0, -1.0, -0.0, 0.5, 1.0, 1.5]), np.ones(6)
    assert np.array_equal(soft(v, t), [-2.0, 0.0, 0.0, 0.0, 0.0, 0.5])
    assert np.array_equal(soft(v, 0.0 * t), v)


@pytest.mark.parametrize(
    "ratio", [-0.1, -1e-300, 1.0000001, np.nan, np.inf, True, "0.5", None, 1j, [0.5]]
)
def test_l1_ratio_must_be_from_0_to_1(ratio):
    for make in (ElasticNet, get_penalty):
        with pytest.raises(ValueError, match="l1_ratio must be from 0 to 1, got"):
            make(ratio)


def test_l1_ratio_is_kept_as_a_float():
    for ratio in (1, np.float32(1.0), np.int64(1)):
        assert type(ElasticNet(ratio).l1_ratio) is float
        assert get_penalty(ratio) == ElasticNet(1.0)
    assert ElasticNet().l1_ratio == 0.5
    assert ElasticNet().factors is None


@pytest.mark.parametrize(
    "factors",
    [[0.0, 1.0], [-1.0], [np.nan], [np.inf], 2.0, [[1.0, 2.0]], ["a"], [None], [1j]],
)
def test_factors_must_be_positive(factors):
    with pytest.raises(ValueError, match="factors must be positive finite numbers"):
        ElasticNet(0.5, factors=factors)


def test_factors_multiply_both_terms_of_their_column():
    plain, twice = ElasticNet(0.3), ElasticNet(0.3, factors=np.full(5, 2))
    w = np.array([1.0, -2.0, 0.0, 3.0, 0.5])
    assert twice.value(w) == pytest.approx(2.0 * plain.value(w))
    one = ElasticNet(0.3, factors=[1, 1, 1, 10, 1])
    assert one.value(w) - plain.value(w) == pytest.approx(9.0 * plain.value([3.0]))
    assert np.array_equal(ElasticNet(1.0, FACTORS).thresholds(5), FACTORS)


@pytest.mark.parametrize("n_features", [4, 6, 1])
def test_numbers_must_be_one_for_each_column(n_features):
    message = f"for each of the {n_features} columns of X, and returned shape"
    for penalty in (ElasticNet(0.5, FACTORS), MIXED):
        with pytest.raises(ValueError, match=message):
            penalty.columns(n_features)
        with pytest.raises(ValueError, match=message):
            penalty.value(np.ones(n_features))


@pytest.mark.parametrize("bad", [-1.0, -1e-300, np.nan, np.inf])
def test_numbers_must_be_finite_and_not_negative(bad):
    message = "must return finite numbers that are not negative"
    with pytest.raises(ValueError, match=f"Mixed.thresholds {message}"):
        Mixed([1.0, bad], [1.0, 1.0]).columns(2)
    with pytest.raises(ValueError, match=f"Mixed.strengths {message}"):
        Mixed([1.0, 1.0], [bad, 1.0]).columns(2)


def test_each_column_must_be_penalised():
    with pytest.raises(ValueError, match="does not penalise the weight of column 1"):
        Mixed([1.0, 0.0], [0.0, 0.0]).columns(2)


def test_a_subclass_must_name_its_numbers():
    with pytest.raises(TypeError, match="abstract"):
        type("Half", (Penalty,), {"thresholds": lambda self, n: np.ones(n)})()


def test_get_penalty_returns_an_object_as_it_is():
    assert get_penalty(MIXED) is MIXED
    assert get_penalty(0.25) == ElasticNet(0.25)


def test_equality_and_hash():
    assert ElasticNet(1) == ElasticNet(1.0)
    assert hash(ElasticNet(1)) == hash(ElasticNet(1.0))
    assert ElasticNet(0.5) != ElasticNet(0.25)
    assert ElasticNet(0.5) != ElasticNet(0.5, [1.0])
    assert ElasticNet(0.5, np.ones(2)) == ElasticNet(0.5, [1, 1])
    assert ElasticNet(0.5) != 0.5
    assert len({*PENALTIES, *PENALTIES}) == len(PENALTIES)


@every_penalty
def test_repr_can_be_read_back_and_pickle_keeps_a_penalty(penalty):
    if not isinstance(penalty, Mixed):
        assert eval(repr(penalty)) == penalty
    assert pickle.loads(pickle.dumps(penalty)) == penalty


@every_penalty
def test_clone_keeps_the_penalty_of_an_estimator(penalty):
    estimator = HingeSVC(l1_ratio=penalty)
    assert clone(estimator).l1_ratio == penalty
    assert estimator.get_params()["l1_ratio"] is penalty


def test_factors_are_copied():
    factors = np.ones(3)
    penalty = ElasticNet(1.0, factors)
    factors[0] = 9.0
    assert penalty.value([1.0, 0.0, 0.0]) == 1.0


@every_penalty
def test_input_is_not_modified(penalty):
    w = np.array([1.0, 0.0, -3.0, 2.0, 0.0])
    v = w.copy()
    w.flags.writeable = v.flags.writeable = False
    columns = penalty.columns(5)
    for of in (penalty.value, penalty.subgradient, penalty.conjugate, columns.factor):
        of(w)
    for both in (columns.violation, columns.active):
        both(w, v)
    assert np.array_equal(columns.weights_of(v), columns.weights_of(w))

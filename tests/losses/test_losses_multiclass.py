"""The multi-class losses against plain loops, linear programs, Hinge and autograd."""

import math
import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from sklearn.preprocessing import LabelBinarizer

from hingesvm.losses import (
    CrammerSinger,
    Hinge,
    MulticlassLoss,
    WestonWatkins,
    get_loss,
    get_multiclass_loss,
)

MARGINS = [0.25, 1.0, 2.0]
FAMILY = [CrammerSinger, WestonWatkins]
EVERY = [kind(margin) for kind in FAMILY for margin in MARGINS]
EPS = np.finfo(np.float64).eps

quick = settings(max_examples=25, deadline=None)
every_loss = pytest.mark.parametrize("loss", EVERY, ids=repr)
# Where the margin plays no part.
either_loss = pytest.mark.parametrize("loss", [CrammerSinger(), WestonWatkins()])
every_kind = pytest.mark.parametrize("kind", FAMILY)
# Multiples of 1/4 meet at kinks, where their differences are exact.
anywhere = st.floats(-100.0, 100.0)
on_grid = st.integers(-12, 12).map(lambda k: k / 4.0)


@st.composite
def cases(draw, numbers=anywhere | on_grid, min_rows=0):
    """Scores of 2 to 5 classes, codes, and weights."""
    n, n_classes = draw(st.integers(min_rows, 5)), draw(st.integers(2, 5))

    def array(of, *shape):
        size = math.prod(shape)
        return np.reshape(draw(st.lists(of, min_size=size, max_size=size)), shape)

    codes = array(st.integers(0, n_classes - 1), n).astype(int)
    weights = array(st.sampled_from([0.0, 0.5, 1.0, 3.0]), n)
    return array(numbers, n, n_classes), codes, weights


def hinges(loss, f, y):
    """The argument of the hinge of each other class, in their order."""
    return [loss.margin - (f[y] - f[k]) for k in range(len(f)) if k != y]


def loop_value(loss, scores, codes):
    """The losses as their definitions read."""
    values = []
    for f, y in zip(scores, codes, strict=True):
        terms = [max(0.0, argument) for argument in hinges(loss, f, y)]
        values.append(max(terms) if isinstance(loss, CrammerSinger) else sum(terms))
    return np.array(values)


def plain_dual(loss, n_classes, y, rng):
    """A vector of the domain of the conjugate, at random."""
    s = rng.uniform(size=n_classes)
    s[rng.uniform(size=n_classes) < 0.3] = 0.0
    s[y] = 0.0
    if isinstance(loss, CrammerSinger) and s.sum() > 0.0:
        s *= rng.choice([1.0, rng.uniform()]) / s.sum()
    s[y] = -s.sum()
    return s


def conjugate_by_linear_program(loss, s, y):
    """sup over f of s f minus the loss, whose hinges are variables of the program."""
    n_classes = len(s)
    others = [k for k in range(n_classes) if k != y]
    n_hinges = 1 if isinstance(loss, CrammerSinger) else len(others)
    rows = np.zeros((len(others), n_classes + n_hinges))
    for number, k in enumerate(others):
        rows[number, k] += 1.0
        rows[number, y] -= 1.0
        rows[number, n_classes + number % n_hinges] = -1.0
    found = linprog(
        np.r_[-s, np.ones(n_hinges)],
        rows,
        np.full(len(others), -loss.margin),
        bounds=[(None, None)] * n_classes + [(0.0, None)] * n_hinges,
    )
    if found.status == 3:
        return math.inf
    assert found.status == 0
    return -found.fun


@every_loss
@quick
@given(case=cases())
def test_value_is_that_of_a_loop(loss, case):
    scores, codes, weights = case
    expected = loop_value(loss, scores, codes)
    np.testing.assert_allclose(loss.value(scores, codes), expected, rtol=1e-14)
    weighted = loss.value(scores, codes, sample_weight=weights)
    np.testing.assert_allclose(weighted, weights * expected, rtol=1e-14)


@either_loss
@quick
@given(case=cases())
def test_weights_scale_the_subgradient(loss, case):
    scores, codes, weights = case
    weighted = loss.subgradient(scores, codes, sample_weight=weights)
    plain = loss.subgradient(scores, codes)
    np.testing.assert_allclose(weighted, weights[:, None] * plain, rtol=1e-15)


@every_loss
@quick
@given(case=cases(anywhere, min_rows=1))
def test_subgradient_is_the_derivative_away_from_kinks(loss, case):
    h = 1e-5
    scores, codes = case[0][:1], case[1][:1]
    f, y = scores[0], codes[0]
    arguments = sorted(hinges(loss, f, y))
    assume(min(abs(argument) for argument in arguments) > 3 * h)
    if isinstance(loss, CrammerSinger):
        assume(len(f) == 2 or arguments[-1] - arguments[-2] > 3 * h)
    slopes = loss.subgradient(scores, codes)[0]
    for k, slope in enumerate(slopes):
        step = np.where(np.arange(len(f)) == k, h, 0.0)
        change = loss.value(scores + step, codes) - loss.value(scores - step, codes)
        assert change[0] / (2.0 * h) == pytest.approx(slope, abs=1e-5)


@every_loss
@quick
@given(case=cases(on_grid), step=st.floats(1e-6, 10.0), seed=st.integers(0, 99))
def test_subgradient_supports_the_loss_also_at_kinks(loss, case, step, seed):
    scores, codes, weights = case
    slopes = loss.subgradient(scores, codes, sample_weight=weights)
    others = scores + step * np.random.default_rng(seed).normal(size=scores.shape)
    line = loss.value(scores, codes, sample_weight=weights)
    line += (slopes * (others - scores)).sum(axis=1)
    value = loss.value(others, codes, sample_weight=weights)
    assert np.all(value >= line - 1e-12 * (1.0 + np.abs(line)))


@either_loss
@quick
@given(case=cases())
def test_subgradient_has_the_signs_and_sums_that_it_says(loss, case):
    scores, codes, weights = case
    slopes = loss.subgradient(scores, codes, sample_weight=weights)
    rows = np.arange(len(codes))
    assert not np.signbit(slopes[slopes == 0.0]).any()
    np.testing.assert_allclose(slopes.sum(axis=1), 0.0, atol=1e-14)
    assert np.all(slopes[rows, codes] <= 0.0)
    slopes[rows, codes] = 0.0
    assert np.all((slopes == 0.0) | (slopes == weights[:, None]))
    if isinstance(loss, CrammerSinger):
        assert np.all(np.count_nonzero(slopes, axis=1) <= 1)


@every_loss
def test_subgradient_at_a_kink_is_zero(loss):
    lead = loss.margin
    kink = [[lead, 0.0, 0.0], [lead, 0.0, -9.0]]
    assert np.all(loss.value(kink, [0, 0]) == 0.0)
    assert np.all(loss.subgradient(kink, [0, 0]) == 0.0)
    short = [[np.nextafter(lead, 0.0), -9.0, 0.0]]
    assert np.array_equal(loss.subgradient(short, [0]), [[-1.0, 0.0, 1.0]])


def test_subgradient_of_tied_classes():
    scores = [[0.0, 5.0, 5.0], [5.0, 0.0, 5.0], [5.0, 5.0, 0.0], [1.0, 1.0, 1.0]]
    first = [[-1.0, 1.0, 0.0], [1.0, -1.0, 0.0], [1.0, 0.0, -1.0], [1.0, -1.0, 0.0]]
    both = [[-2.0, 1.0, 1.0], [1.0, -2.0, 1.0], [1.0, 1.0, -2.0], [1.0, -2.0, 1.0]]
    codes = [0, 1, 2, 1]
    assert np.array_equal(CrammerSinger().subgradient(scores, codes), first)
    assert np.array_equal(WestonWatkins().subgradient(scores, codes), both)


def test_largest_score_is_found_where_the_margin_rounds_it_away():
    slopes = CrammerSinger().subgradient([[0.0, 1e-30, 2e-30]], [0])
    assert np.array_equal(slopes, [[-1.0, 0.0, 1.0]])


@every_loss
@quick
@given(case=cases())
def test_fenchel_young_equality_at_a_subgradient(loss, case):
    scores, codes, _ = case
    slopes = loss.subgradient(scores, codes)
    both = loss.value(scores, codes) + loss.conjugate(slopes, codes)
    products = (slopes * scores).sum(axis=1)
    np.testing.assert_allclose(both, products, rtol=1e-12, atol=1e-11)


@either_loss
@quick
@given(case=cases(), seed=st.integers(0, 99))
def test_fenchel_young_inequality(loss, case, seed):
    scores, codes, _ = case
    rng = np.random.default_rng(seed)
    n_classes = scores.shape[1]
    duals = [plain_dual(loss, n_classes, y, rng) for y in codes]
    duals = np.reshape(duals, scores.shape)
    conjugate = loss.conjugate(duals, codes)
    assert np.all(np.isfinite(conjugate))
    products = (duals * scores).sum(axis=1)
    assert np.all(loss.value(scores, codes) + conjugate >= products - 1e-11)


@every_loss
def test_conjugate_is_the_supremum(loss):
    rng = np.random.default_rng(0)
    found = []
    for _ in range(30):
        n_classes = rng.integers(2, 5)
        y = rng.integers(n_classes)
        s = plain_dual(loss, n_classes, y, rng)
        how = rng.integers(4)
        if how == 1:  # no sum of zero
            s[rng.integers(n_classes)] += 0.25
        elif how == 2:  # beyond the bound
            s *= 3.0
        elif how == 3:  # negative
            s = -s
        expected = conjugate_by_linear_program(loss, s, y)
        found.append(expected)
        assert loss.conjugate([s], [y])[0] == pytest.approx(expected, abs=1e-9)
    assert 5 < np.isinf(found).sum() < 25


@every_loss
def test_conjugate_at_the_ends_of_its_domain(loss):
    inside = [[0.0, 0.0, 0.0], [-1.0, 1.0, 0.0], [-0.25, 0.0, 0.25]]
    expected = -loss.margin * np.array([0.0, 1.0, 0.25])
    assert np.array_equal(loss.conjugate(inside, [0, 0, 0]), expected)
    assert not np.signbit(loss.conjugate(inside, [0, 0, 0])[0])
    above = 1.0 + 8.0 * EPS
    outside = [
        [-1e-300, 0.0, 0.0],
        [0.0, 1e-300, 0.0],
        [0.0, -1e-300, 1e-300],
        [-0.5, 1.0, -0.5],
        [1.0, -1.0, 0.0],
        [-above, above, 0.0],
        [-2.5, 1.25, 1.25],
        [-np.inf, np.inf, 0.0],
        [np.inf, -np.inf, 0.0],
        [-1e308, 1e308, 1e308],
    ]
    assert np.all(loss.conjugate(outside, np.zeros(10, dtype=int)) == np.inf)


def test_conjugate_where_the_domains_differ():
    both = [[-2.0, 1.0, 1.0]]
    assert CrammerSinger().conjugate(both, [0]) == np.inf
    assert WestonWatkins().conjugate(both, [0]) == -2.0


@either_loss
@pytest.mark.parametrize("n_classes", [3, 10, 1000])
def test_conjugate_allows_for_rounded_sums(loss, n_classes):
    rng = np.random.default_rng(n_classes)
    duals = rng.exponential(size=(200, n_classes))
    duals[:, 0] = 0.0
    duals /= duals.sum(axis=1, keepdims=True)
    duals[:, 0] = [-math.fsum(s) for s in duals]
    codes = np.zeros(len(duals), dtype=int)
    np.testing.assert_allclose(loss.conjugate(duals, codes), -loss.margin, rtol=1e-13)
    # Far more than rounding is refused.
    for k in (0, 1):
        off = duals.copy()
        off[:, k] *= 1.0 + 1e-6
        assert np.all(loss.conjugate(off, codes) == np.inf)


@every_kind
@quick
@given(case=cases(min_rows=1), margin=st.sampled_from(MARGINS))
def test_two_classes_are_the_hinge_of_their_difference(kind, case, margin):
    scores, codes, weights = case
    scores, codes = scores[:, :2], codes % 2
    rows = np.arange(len(codes))
    lead = scores[rows, codes] - scores[rows, 1 - codes]
    loss, hinge = kind(), Hinge()
    assert np.array_equal(loss.value(scores, codes), hinge.value(lead))
    slopes = loss.subgradient(scores, codes, sample_weight=weights)
    assert np.array_equal(slopes[rows, codes], weights * hinge.subgradient(lead))
    duals = loss.subgradient(scores, codes) / 3.0
    assert np.array_equal(
        loss.conjugate(duals, codes), hinge.conjugate(duals[rows, codes])
    )
    wide = kind(margin).value(scores, codes)
    np.testing.assert_allclose(wide, margin * hinge.value(lead / margin), atol=1e-12)


def test_two_classes_of_a_binary_decision():
    f = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])
    codes = np.array([0, 1, 1, 1, 0])
    hinge = Hinge().value(np.where(codes == 1, f, -f))
    scores = np.column_stack([-f, f])
    for kind in FAMILY:
        assert np.array_equal(kind().value(scores / 2.0, codes), hinge)
        assert np.array_equal(kind(margin=2.0).value(scores, codes), 2.0 * hinge)


@quick
@given(case=cases(), margin=st.sampled_from(MARGINS))
def test_largest_hinge_is_at_most_their_sum(case, margin):
    scores, codes, weights = case
    largest = CrammerSinger(margin).value(scores, codes, sample_weight=weights)
    total = WestonWatkins(margin).value(scores, codes, sample_weight=weights)
    assert np.all(largest <= total)
    assert np.all(total <= (scores.shape[1] - 1) * largest * (1.0 + 1e-14))


@either_loss
@quick
@given(case=cases(on_grid), shift=on_grid, seed=st.integers(0, 99))
def test_only_differences_count_and_the_order_of_classes_does_not(
    loss, case, shift, seed
):
    scores, codes, _ = case
    order = np.random.default_rng(seed).permutation(scores.shape[1])
    moved, renamed = scores[:, order] + shift, np.argsort(order)[codes]
    assert np.array_equal(loss.value(moved, renamed), loss.value(scores, codes))


@either_loss
@pytest.mark.parametrize(
    "encode",
    [
        lambda one_hot: one_hot,
        lambda one_hot: one_hot.astype(bool),
        lambda one_hot: one_hot.astype(np.float32),
        lambda one_hot: one_hot.astype(np.uint8),
        lambda one_hot: 2 * one_hot - 1,
        lambda one_hot: 2.0 * one_hot - 1.0,
        lambda one_hot: one_hot.tolist(),
    ],
)
@pytest.mark.parametrize("n_classes", [2, 4])
def test_encoded_labels(loss, encode, n_classes):
    rng = np.random.default_rng(0)
    scores, codes = rng.normal(size=(20, n_classes)), rng.integers(n_classes, size=20)
    encoded = encode(np.eye(n_classes, dtype=int)[codes])
    for function in (loss.value, loss.subgradient):
        assert np.array_equal(function(scores, encoded), function(scores, codes))
    slopes = loss.subgradient(scores, codes)
    conjugate = loss.conjugate(slopes, codes)
    assert np.array_equal(loss.conjugate(slopes, encoded), conjugate)


@either_loss
def test_labels_encoded_by_sklearn(loss):
    labels = np.array(["b", "a", "c", "c"])
    scores = np.random.default_rng(0).normal(size=(4, 3))
    expected = loss.value(scores, [1, 0, 2, 2])
    for negative in (0, -1):
        encoded = LabelBinarizer(neg_label=negative).fit_transform(labels)
        assert np.array_equal(loss.value(scores, encoded), expected)


@either_loss
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8, object])
def test_other_dtypes_and_lists_are_taken(loss, dtype):
    scores = np.array([[2, 0, 1], [0, 3, 3]], dtype=dtype)
    codes = np.array([0, 2], dtype=np.uint8)
    plain = scores.astype(np.float64)
    for function in (loss.value, loss.subgradient):
        expected = function(plain, [0, 2], sample_weight=[1.0, 2.0])
        assert expected.dtype == np.float64
        for form in (scores, scores.tolist(), np.asfortranarray(scores)):
            out = function(form, codes, sample_weight=[1, 2])
            assert type(out) is np.ndarray
            assert out.dtype == np.float64
            assert np.array_equal(out, expected)


@either_loss
def test_shapes(loss):
    for n, n_classes in [(0, 2), (0, 5), (1, 2), (3, 7)]:
        scores, codes = np.zeros((n, n_classes)), np.zeros(n, dtype=int)
        assert loss.value(scores, codes).shape == (n,)
        assert loss.subgradient(scores, codes).shape == (n, n_classes)
        assert loss.conjugate(scores, codes).shape == (n,)
    assert loss.value(np.zeros((0, 3)), [], sample_weight=[]).shape == (0,)


@either_loss
def test_input_is_not_modified(loss):
    scores = np.random.default_rng(0).normal(size=(6, 3))
    codes, weights = np.array([0, 1, 2, 0, 1, 2]), np.arange(6.0)
    duals = loss.subgradient(scores, codes)
    arrays = scores, codes, weights, duals
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    loss.value(scores, codes, sample_weight=weights)
    loss.subgradient(scores, codes, sample_weight=weights)
    loss.conjugate(duals, codes)
    for array, copy in zip(arrays, before, strict=True):
        assert np.array_equal(array, copy)


@either_loss
def test_memory_is_a_few_times_that_of_the_scores(loss):
    scores = np.random.default_rng(0).normal(size=(500, 400))
    codes = np.arange(500) % 400
    loss.value(scores, codes)
    for function in (loss.value, loss.subgradient, loss.conjugate):
        tracemalloc.start()
        function(scores, codes)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 6 * scores.nbytes


@every_loss
def test_huge_scores_give_limits_and_no_warning(loss):
    huge = 1.7e308
    scores = [[huge, -huge, 0.0], [huge, -huge, 0.0], [huge, huge, huge]]
    n_hinges = np.array([0.0, 2.0, 2.0])
    if isinstance(loss, CrammerSinger):
        n_hinges = np.minimum(n_hinges, 1.0)
    with np.errstate(all="raise"):
        value = loss.value(scores, [0, 1, 2])
        slopes = loss.subgradient(scores, [0, 1, 2])
        assert np.array_equal(value, [0.0, np.inf, n_hinges[2] * loss.margin])
        assert np.array_equal(slopes[[0, 1, 2], [0, 1, 2]], -n_hinges)
        # A row of weight 0 does not count, even where the loss overflows.
        some = loss.value(scores, [0, 1, 2], sample_weight=[1.0, 0.0, 1.0])
        assert np.array_equal(some, [0.0, 0.0, value[2]])


def test_sum_of_finite_hinges_may_overflow():
    scores = [[0.0, 1e308, 1e308]]
    with np.errstate(all="raise"):
        assert CrammerSinger().value(scores, [0]) == 1e308
        assert WestonWatkins().value(scores, [0]) == np.inf
        heavy = WestonWatkins().subgradient(scores, [0], sample_weight=[1e308])
        assert np.array_equal(heavy, [[-np.inf, 1e308, 1e308]])
        assert CrammerSinger().value(scores, [0], sample_weight=[1e9]) == np.inf


@every_kind
def test_tiny_and_huge_numbers_give_no_warning(kind):
    with np.errstate(all="raise"):
        tiny = kind(margin=1e-308)
        assert tiny.value([[0.0, 0.0]], [0], sample_weight=[1e-300]) == 0.0
        assert tiny.value([[1e-310, 0.0]], [0]) == 1e-308 - 1e-310
        assert tiny.conjugate([[-1e-20, 1e-20]], [0]) == 0.0
        wide = kind(margin=1.7e308)
        assert wide.value([[0.0, 0.0]], [0]) == 1.7e308
        assert wide.value([[1.7e308, -1.7e308]], [0]) == 0.0
        assert wide.value([[-1e308, 1e308]], [0]) == np.inf


@either_loss
@pytest.mark.parametrize("method", ["value", "subgradient", "conjugate"])
@pytest.mark.parametrize(
    ("scores", "y", "message"),
    [
        ([1.0, 2.0], [0, 1], "two or more classes, got \\(2,\\)"),
        (3.0, [0], "two or more classes, got \\(\\)"),
        ([[1.0], [2.0]], [0, 0], "two or more classes, got \\(2, 1\\)"),
        (np.zeros((2, 2, 2)), [0, 1], "two or more classes, got \\(2, 2, 2\\)"),
        ([[0.0, np.nan]], [0], "contains NaN"),
        ([["x", "y"]], [0], "could not convert string"),
        (np.array([[1.0, 1j]]), [0], "Complex data not supported"),
        ([[0.0, 1.0]], [2], "codes from 0 to 1.*got 2 to 2"),
        ([[0.0, 1.0], [0.0, 1.0]], [-1, 1], "codes from 0 to 1.*got -1 to 1"),
        ([[0.0, 1.0]], [0.5], "integer codes from 0 to 1, got such as 0.5"),
        ([[0.0, 1.0]], [1.0], "integer codes"),
        ([[0.0, 1.0]], [True], "integer codes"),
        ([[0.0, 1.0]], ["a"], "integer codes.*'a'.*encodes labels"),
        ([[0.0, 1.0]], [None], "integer codes"),
        ([[0.0, 1.0]], [0, 1], "y must have shape \\(1,\\).*got \\(2,\\)"),
        ([[0.0, 1.0]], 0, "y must have shape \\(1,\\).*got \\(\\)"),
        ([[0.0, 1.0]], [[0]], "y must have shape.*got \\(1, 1\\)"),
        ([[0.0, 1.0]], [[0, 1, 0]], "y must have shape.*got \\(1, 3\\)"),
        ([[0.0, 1.0]], [[0, 0]], "one 1 in each row"),
        ([[0.0, 1.0]], [[1, 1]], "one 1 in each row"),
        ([[0.0, 1.0]], [[-1, -1]], "one 1 in each row"),
        ([[0.0, 1.0]], [[2, 0]], "one 1 in each row"),
        ([[0.0, 1.0]], [[1, -2]], "one 1 in each row"),
        ([[0.0, 1.0]], [[0.9, 0.1]], "one 1 in each row"),
        ([[0.0, 1.0]], [[1.0, np.nan]], "one 1 in each row"),
        ([[0.0, 1.0]], [["1", "0"]], "one 1 in each row"),
        ([[0.0, 1.0, 2.0]], [[1, 0, -1]], "one 1 in each row"),
        ([[0.0, 1.0], [0.0, 1.0]], [[1, 0], [-1, 1]], "one 1 in each row"),
        ([[0.0, 1.0], [0.0, 1.0]], [[True, True], [False, False]], "one 1 in each row"),
    ],
)
def test_bad_input_is_refused(loss, method, scores, y, message):
    with pytest.raises(ValueError, match=message):
        getattr(loss, method)(scores, y)


@either_loss
@pytest.mark.parametrize("method", ["value", "subgradient"])
def test_infinite_scores_are_refused(loss, method):
    for entry in (np.inf, -np.inf):
        with pytest.raises(ValueError, match="scores contains infinity"):
            getattr(loss, method)([[0.0, entry]], [0])


@either_loss
@pytest.mark.parametrize("method", ["value", "subgradient", "conjugate"])
def test_sparse_input_is_refused(loss, method):
    with pytest.raises(TypeError, match="dense data is required"):
        getattr(loss, method)(sp.csr_array(np.eye(2)), [0, 1])
    with pytest.raises(TypeError, match="y is sparse: pass integer codes"):
        getattr(loss, method)(np.eye(2), sp.csr_array(np.eye(2)))


@either_loss
@pytest.mark.parametrize("method", ["value", "subgradient"])
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], "sample_weight must have shape \\(2,\\).*got \\(1,\\)"),
        ([1.0, 1.0, 1.0], "sample_weight must have shape \\(2,\\).*got \\(3,\\)"),
        ([[1.0], [1.0]], "sample_weight must have shape \\(2,\\).*got \\(2, 1\\)"),
        (2.0, "sample_weight must have shape \\(2,\\).*got \\(\\)"),
        ([1.0, -0.5], "sample_weight must be non-negative, got -0.5"),
        ([1.0, np.nan], "sample_weight contains NaN"),
        ([1.0, np.inf], "sample_weight contains infinity"),
    ],
)
def test_bad_weights_are_refused(loss, method, weights, message):
    with pytest.raises(ValueError, match=message):
        getattr(loss, method)(np.eye(2), [0, 1], sample_weight=weights)


@every_kind
@pytest.mark.parametrize(
    "margin",
    [0.0, -0.0, -1.0, math.nan, math.inf, -math.inf, True, "x", None, [1.0], 10**400],
)
def test_margin_must_be_positive_and_finite(kind, margin):
    with pytest.raises(ValueError, match="margin must be a positive finite number"):
        kind(margin)


@every_kind
def test_margin_is_kept_as_a_float(kind):
    for margin in (2, np.float32(2.0), np.int64(2)):
        assert type(kind(margin=margin).margin) is float
        assert kind(margin=margin) == kind(2.0)
    assert kind().margin == 1.0


def test_the_base_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        MulticlassLoss()


def test_equality_and_hash():
    assert CrammerSinger() == CrammerSinger(1)
    assert hash(CrammerSinger()) == hash(CrammerSinger(1))
    assert CrammerSinger() != CrammerSinger(2.0)
    assert CrammerSinger() != WestonWatkins()
    assert CrammerSinger() != "crammer_singer"
    assert len({*EVERY, *EVERY}) == len(EVERY)


@every_loss
def test_repr_can_be_read_back_and_pickle_keeps_a_loss(loss):
    assert eval(repr(loss)) == loss
    assert pickle.loads(pickle.dumps(loss)) == loss
    assert repr(CrammerSinger(2)) == "CrammerSinger(margin=2.0)"


def test_get_multiclass_loss_by_name():
    assert get_multiclass_loss("crammer_singer") == CrammerSinger()
    assert get_multiclass_loss("weston_watkins") == WestonWatkins()


@every_loss
def test_objects_are_returned_as_they_are_and_train_nothing(loss):
    assert get_multiclass_loss(loss) is loss
    with pytest.raises(TypeError, match="one-sided piecewise quadratic"):
        get_loss(loss)


@pytest.mark.parametrize("name", ["hinge", "CrammerSinger", ""])
def test_get_multiclass_loss_names_what_is_known(name):
    known = "choose one of 'crammer_singer', 'weston_watkins' or a MulticlassLoss"
    with pytest.raises(ValueError, match=known):
        get_multiclass_loss(name)


@pytest.mark.parametrize("loss", [None, 3, Hinge(), CrammerSinger, ["hinge"]])
def test_get_multiclass_loss_refuses_what_is_no_loss(loss):
    with pytest.raises(TypeError, match="name of a multi-class loss or an instance"):
        get_multiclass_loss(loss)


@every_loss
def test_value_and_gradient_are_those_of_torch(loss):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    n, n_classes = 200, 5
    scores, weights = rng.normal(size=(n, n_classes)), rng.uniform(size=n)
    codes = rng.integers(n_classes, size=n)
    f = torch.tensor(scores, requires_grad=True)
    y = torch.tensor(codes)
    if isinstance(loss, CrammerSinger):
        true = f.gather(1, y[:, None])
        is_true = torch.nn.functional.one_hot(y, n_classes)
        losses = (loss.margin * (1 - is_true) + f - true).amax(dim=1)
    else:  # torch divides by the number of classes
        losses = n_classes * torch.nn.functional.multi_margin_loss(
            f, y, margin=loss.margin, reduction="none"
        )
    losses = torch.tensor(weights) * losses
    losses.sum().backward()
    value = loss.value(scores, codes, sample_weight=weights)
    slopes = loss.subgradient(scores, codes, sample_weight=weights)
    np.testing.assert_allclose(value, losses.detach().numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(slopes, f.grad.numpy(), rtol=1e-12, atol=1e-14)
    # Tensors are taken as arrays are.
    assert np.array_equal(loss.value(f.detach(), y), loss.value(scores, codes))

"""What the multi-class losses take, extreme numbers too, and what they refuse."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from multiclass_cases import either_loss, every_kind, every_loss
from sklearn.preprocessing import LabelBinarizer

from hingesvm.losses import CrammerSinger, WestonWatkins


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

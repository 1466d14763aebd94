"""hingesvm.metrics against scikit-learn, plain loops and values worked by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from metric_cases import binary, forms, loop_loss, multiclass, quick

from hingesvm.metrics import (
    HingeLossAccumulator,
    hinge_loss,
    neg_hinge_loss_scorer,
)


@quick
@given(binary())
def test_binary_equals_sklearn(case):
    y, f, w, labels = case
    expected = sklearn.metrics.hinge_loss(y, f, sample_weight=w)
    assert hinge_loss(y, f, sample_weight=w) == pytest.approx(expected, rel=1e-12)
    assert hinge_loss(y, f, labels=labels, sample_weight=w) == pytest.approx(
        expected, rel=1e-12
    )


@quick
@given(binary(classes=(("no", "yes"), ("B", "a"), (False, True))))
def test_binary_strings_and_bools_equal_sklearn(case):
    y, f, w, labels = case
    expected = sklearn.metrics.hinge_loss(y, f, sample_weight=w)
    actual = hinge_loss(y, f, sample_weight=w, labels=labels[::-1])
    assert actual == pytest.approx(expected, rel=1e-12)


@quick
@given(multiclass())
def test_multiclass_equals_sklearn_even_where_classes_are_missing(case):
    y, f, w, labels = case
    expected = sklearn.metrics.hinge_loss(y, f, labels=labels, sample_weight=w)
    actual = hinge_loss(y, f, labels=labels, sample_weight=w)
    assert actual == pytest.approx(expected, rel=1e-12)


def test_columns_are_in_sorted_order_of_the_labels():
    y, f = ["c", "a"], [[0.0, 1.0, 3.0], [0.5, 0.0, 0.0]]
    assert hinge_loss(y, f, labels=["c", "a", "b"]) == 0.25
    assert sklearn.metrics.hinge_loss(y, f, labels=["c", "a", "b"]) == 0.25


def test_multiclass_without_labels():
    f = np.eye(3) * 1.5
    assert hinge_loss([0, 1, 2], f) == 0.0
    assert hinge_loss([1, 2, 0], f) == 2.5


@pytest.mark.parametrize(
    ("y", "labels", "expected"),
    [
        ([1, 1], [0, 1], 0.0),
        ([1, 1], [1, 2], 3.0),
        ([1, 1], [1, 0], 0.0),
        ([0, 0], [0, 1], 3.0),
        ([-1, -1], [-1, 1], 3.0),
        ([True, True], [False, True], 0.0),
        ([False, False], [False, True], 3.0),
        (["b", "b"], ["a", "b"], 0.0),
        (["b", "b"], ["c", "b"], 3.0),
        ([1.0, 1.0], np.array([0, 1]), 0.0),
        ([True, True], [0, 1], 0.0),
    ],
)
def test_one_class_with_labels(y, labels, expected):
    assert hinge_loss(y, [2.0, 2.0], labels=labels) == expected


@pytest.mark.parametrize("y", [[1, 1], [-1, -1], [0, 0], ["a", "a"], [True, True]])
def test_one_class_without_labels_is_refused(y):
    with pytest.raises(
        ValueError,
        match="y_true has one class, so the sign of the decision is unknown: "
        "pass labels=",
    ):
        hinge_loss(y, [2.0, 2.0])


@quick
@given(binary())
def test_rows_can_be_scored_one_by_one(case):
    y, f, _, labels = case
    parts = [hinge_loss([y[i]], [f[i]], labels=labels) for i in range(len(y))]
    assert hinge_loss(y, f) == pytest.approx(np.mean(parts), rel=1e-12)


@quick
@given(st.one_of(binary(), multiclass(least=2)), st.sampled_from([1, 2]), forms)
def test_equals_a_plain_loop(case, power, form):
    y, f, w, labels = case
    actual = hinge_loss(
        y, f, labels=labels, sample_weight=w, squared=power == 2, multi_class=form
    )
    assert actual == pytest.approx(loop_loss(y, f, labels, power, w, form), rel=1e-12)


@quick
@given(st.one_of(binary(), multiclass(least=2)), st.data())
def test_weight_k_is_repetition_k_times(case, data):
    y, f, _, labels = case
    n = len(y)
    k = data.draw(st.lists(st.integers(0, 4), min_size=n, max_size=n).filter(any))
    options = {
        "labels": labels,
        "squared": data.draw(st.booleans()),
        "multi_class": data.draw(forms),
    }
    weighted = hinge_loss(y, f, sample_weight=k, **options)
    repeated = hinge_loss(np.repeat(y, k), np.repeat(f, k, axis=0), **options)
    assert weighted == pytest.approx(repeated, rel=1e-12)


@quick
@given(
    st.one_of(binary(), multiclass(least=2)), forms, st.randoms(use_true_random=False)
)
def test_order_of_the_rows_does_not_matter(case, form, random):
    y, f, w, labels = case
    order = random.sample(range(len(y)), len(y))
    moved = hinge_loss(
        [y[i] for i in order],
        [f[i] for i in order],
        labels=labels,
        sample_weight=None if w is None else [w[i] for i in order],
        multi_class=form,
    )
    columns = np.asfortranarray(f)
    assert moved == hinge_loss(
        y, columns, labels=labels, sample_weight=w, multi_class=form
    )


def test_tied_scores_give_margin_zero():
    assert hinge_loss([0, 1, 2], np.zeros((3, 3))) == 1.0


def test_column_of_binary_decisions():
    assert hinge_loss([0, 1], [[0.5], [0.5]]) == hinge_loss([0, 1], [0.5, 0.5]) == 1.0


def test_inputs_are_left_alone():
    y, f = np.array([0, 2, 1]), np.arange(9.0).reshape(3, 3)
    w, labels = np.array([1.0, 0.0, 3.0]), np.array([2, 1, 0])
    for array in (y, f, w, labels):
        array.flags.writeable = False
    assert isinstance(hinge_loss(y, f, labels=labels, sample_weight=w), float)
    hinge_loss(y[:2], f[:2, 0], labels=[0, 2], sample_weight=w[:2], squared=True)


def test_decisions_of_lower_precision_are_taken_as_float64():
    assert hinge_loss([0, 1], np.array([-128, 127], dtype=np.int8)) == 0.0
    f = np.array([0.1, 0.9], dtype=np.float32)
    assert hinge_loss([0, 1], f) == hinge_loss([0, 1], f.astype(np.float64))


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e308])
def test_the_scale_of_the_weights_does_not_matter(scale):
    with np.errstate(all="raise"):
        actual = hinge_loss([0, 1], [1.0, 1.0], sample_weight=[scale, scale])
    assert actual == 1.0


def test_a_row_of_weight_zero_does_not_count_even_if_its_loss_is_infinite():
    assert hinge_loss([0, 1], [1e300, 0.5], sample_weight=[0, 1], squared=True) == 0.25


@pytest.mark.parametrize(
    ("y", "f", "options", "message"),
    [
        ([0, 1], [1.0], {}, r"inconsistent numbers of samples: \[2, 1\]"),
        ([0, 1], [1.0, 2.0], {"sample_weight": [1]}, r"samples: \[2, 2, 1\]"),
        ([0, 1], [np.nan, 1.0], {}, "pred_decision contains NaN"),
        ([0, 1], [1.0, -np.inf], {}, "pred_decision contains infinity"),
        ([0, 1, 2], [[np.nan] * 3] * 3, {}, "pred_decision contains NaN"),
        (
            [0, 2],
            [1.0, 2.0],
            {"labels": [0, 1]},
            r"contains \[2\], not in labels \[0, 1",
        ),
        (["0", "1"], [1.0, 2.0], {"labels": [0, 1]}, r"contains \['0', '1'\], not in"),
        ([0, np.nan], [1.0, 2.0], {"labels": [0, 1]}, "y_true contains NaN"),
        ([0, 1], [1.0, 2.0], {"labels": [0, np.nan]}, "labels contains NaN"),
        ([0, 1, 2], np.ones((3, 4)), {}, r"shape \(n, 3\), got \(3, 4\)"),
        ([0, 1], np.ones((2, 2)), {"labels": [0, 1, 2]}, r"\(n, 3\), got \(2, 2\)"),
        ([0, 1, 2], np.ones(3), {}, r"between 3 classes .* got \(3,\)"),
        ([0, 1, 2], np.ones((3, 1)), {}, r"between 3 classes .* got \(3, 1\)"),
        (
            [0, 1],
            np.ones((2, 3)),
            {},
            r"two classes must have shape \(n,\) or \(n, 2\), got \(2, 3\); .* "
            "labels= if there are more",
        ),
        ([0, 1], np.ones((2, 0)), {}, r"0 feature\(s\)"),
        ([0, 1], ["a", "b"], {}, "could not convert string"),
        ([0, 1], None, {}, "pred_decision is None"),
        (None, [1.0], {}, "y_true cannot be taken as a vector"),
        ([0, 1], np.ones((2, 1, 1)), {}, "dim 3"),
        ([[0, 1], [1, 0]], [1.0, 2.0], {}, "y_true cannot be taken as a vector"),
        ([0, 1], [1, 2], {"labels": [[0, 1]]}, "labels cannot be taken as a vector"),
        ([0, 1], [1, 2], {"sample_weight": np.ones((2, 2))}, "sample_weight cannot be"),
        ([0, 1], [1, 2], {"sample_weight": ["a", "b"]}, "sample_weight .* convert"),
        ([1, 1], [1.0, 2.0], {"labels": [1]}, r"two or more .* got \[1\]"),
        ([1, 1], [1.0, 2.0], {"labels": [1, 1]}, r"two or more .* got \[1\]"),
        ([0, 1], [1.0, 2.0], {"labels": []}, "labels is empty"),
        ([], [], {}, "y_true is empty"),
        ([], [], {"labels": [0, 1]}, "y_true is empty"),
        (
            [0, 1],
            [1, 2],
            {"sample_weight": [1, -1]},
            "non-negative; got -1.0 to 1.0",
        ),
        ([0, 1], [1, 2], {"sample_weight": [0, 0]}, "not be zero everywhere"),
        ([0, 1], [1, 2], {"sample_weight": [1, np.nan]}, "must be finite"),
        ([0, 1], [1, 2], {"sample_weight": [1, np.inf]}, "must be finite"),
        (np.array([0, "a"], dtype=object), [1, 2], {}, "only numbers or only strings"),
        (np.array(["a", None], dtype=object), [1, 2], {}, "y_true must be only"),
        (
            np.array([[0], [0, 1]], dtype=object),
            [1, 2],
            {},
            "y_true must be only numbers or only strings",
        ),
        (
            [0, 1],
            [1, 2],
            {"multi_class": "crammer-singer"},
            "multi_class must be one of 'crammer_singer', 'weston_watkins', 'ovr', "
            "got 'crammer-singer'",
        ),
        ([0, 1], [1, 2], {"multi_class": ["ovr"]}, r"multi_class .* got \['ovr'\]"),
        ([0, 1], [1, 2], {"squared": "no"}, "squared must be True or False, got 'no'"),
    ],
)
def test_errors_say_what_was_wrong(y, f, options, message):
    with pytest.raises(ValueError, match=message):
        hinge_loss(y, f, **options)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({0, 1}, "set"),
        (frozenset({0, 1}), "frozenset"),
        ({0: 1, 1: 2}, "dict"),
        ({0: 1, 1: 2}.keys(), "dict_keys"),
        ({0: 0, 1: 1}.values(), "dict_values"),
        (map(int, "01"), "map"),
        (1, "int"),
        (True, "bool"),
        (np.float64(1.0), "float64"),
        (np.array(1), "ndarray"),
        ("ab", "str"),
        (b"ab", "bytes"),
    ],
)
def test_what_is_no_sequence_is_refused_by_name(value, kind):
    y, f = [0, 1], [1.0, 2.0]

    def refused(name):
        return pytest.raises(
            TypeError, match=rf"^{name} must be .* sequence, got .*, of type {kind}:"
        )

    with refused("labels"):
        hinge_loss(y, f, labels=value)
    with refused("labels"):
        HingeLossAccumulator(labels=value)
    with refused("labels"):
        neg_hinge_loss_scorer(
            SimpleNamespace(classes_=value, decision_function=np.asarray), f, y
        )
    for options in [{}, {"labels": [0, 1]}]:
        with refused("y_true"):
            hinge_loss(value, f, **options)
    with refused("pred_decision"):
        hinge_loss(y, value)
    with refused("sample_weight"):
        hinge_loss(y, f, sample_weight=value)
    loss = HingeLossAccumulator(labels=[0, 1]).update([0], [0.5])
    for name, args in [("y_true", (value, f)), ("pred_decision", (y, value))]:
        with refused(name):
            loss.update(*args)
    assert loss.compute() == 1.5


@pytest.mark.parametrize("labels", [(0, 1), range(2), np.array([1, 0]), [[0], [1]]])
def test_sequences_of_labels(labels):
    assert hinge_loss([0, 1], [-1.0, 0.5], labels=labels) == 0.25


def test_sparse_decisions_are_no_array():
    with pytest.raises(TypeError, match="Sparse data was passed"):
        hinge_loss([0, 1, 2], scipy.sparse.csr_matrix(np.eye(3)))


def test_labels_may_repeat():
    y, decisions = [1, 1], [2.0, 0.5]
    once = hinge_loss(y, decisions, labels=[0, 1])
    assert hinge_loss(y, decisions, labels=[0, 1, 1, 0]) == once == 0.25

"""Rows that hinge_loss leaves out by their label."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_cases import binary, forms, multiclass, quick

from hingesvm.metrics import hinge_loss


@quick
@given(st.one_of(binary(), multiclass(least=2)), forms, st.data())
def test_as_if_the_rows_had_not_been_passed(case, form, data):
    y, f, w, labels = case
    options = {"labels": labels, "multi_class": form}
    expected = hinge_loss(y, f, sample_weight=w, **options)
    outside = "none" if isinstance(labels[0], str) else 255
    y, f, w = list(y), list(f), None if w is None else list(w)
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(y)))
        y.insert(place, outside)
        f.insert(place, np.full_like(f[0], data.draw(st.floats())))
        if w is not None:
            w.insert(place, data.draw(st.floats()))
    actual = hinge_loss(y, f, sample_weight=w, ignore_label=outside, **options)
    assert actual == expected


@quick
@given(multiclass(least=2), forms)
def test_an_ignored_class_keeps_its_column(case, form):
    y, f, w, labels = case
    for label in set(y):
        kept = [i for i, one in enumerate(y) if one != label]
        if not kept or (w is not None and not any(w[i] for i in kept)):
            continue
        options = {"labels": labels, "multi_class": form}
        assert hinge_loss(
            y, f, sample_weight=w, ignore_label=label, **options
        ) == hinge_loss(
            [y[i] for i in kept],
            [f[i] for i in kept],
            sample_weight=None if w is None else [w[i] for i in kept],
            **options,
        )


def test_without_labels_the_classes_are_the_others():
    assert hinge_loss([0, 255, 1], [0.5, 9.0, 0.5], ignore_label=255) == 1.0
    eye = np.eye(3) * 1.5
    three = np.vstack([eye, np.full((1, 3), np.nan)])
    assert hinge_loss(["a", "b", "c", "?"], three, ignore_label="?") == 0.0
    with pytest.raises(ValueError, match="y_true has one class"):
        hinge_loss([1, 1, 255], [0.5, 0.5, 9.0], ignore_label=255)


@pytest.mark.parametrize(
    ("y", "ignore_label"),
    [
        ([0, 1, 1], 1.0),
        ([0, 1, 1], True),
        ([0, 1, 1], np.int8(1)),
        ([0.0, 1.0, 1.0], 1),
        ([False, True, True], np.True_),
        ([0, 1, 1], Fraction(1)),
        (np.array([0, 1, 1], dtype=np.uint8), 1),
        (["0", "1", "1"], "1"),
        (["0", "1", "1"], np.str_("1")),
        (np.array(["0", 1, 1], dtype=object), 1),
        (np.array([0, "1", "1"], dtype=object), "1"),
    ],
)
def test_labels_compare_as_in_python(y, ignore_label):
    labels = ["0", "9"] if isinstance(np.asarray(y)[0], str) else [0, 9]
    loss = hinge_loss(y, [0.25, 5.0, 5.0], labels=labels, ignore_label=ignore_label)
    assert loss == 1.25


@pytest.mark.parametrize(
    ("y", "ignore_label"),
    [
        ([0, 1], 255),
        (np.array([0, 1], dtype=np.uint8), -1),
        (np.array([0, 1], dtype=np.uint8), 10**30),
        ([False, True], 2),
        ([0, 1], 0.5),
        ([0, 1], np.inf),
        (np.array(["a", "b"], dtype=object), -1),
        (["a", "b"], ""),
    ],
)
def test_a_label_that_no_row_has(y, ignore_label):
    assert hinge_loss(y, [0.5, 0.5], ignore_label=ignore_label) == 1.0


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (
            [255, 255],
            {"labels": [0, 1], "ignore_label": 255},
            "All rows of y_true are ignored, by ignore_label=255: pass at least one",
        ),
        ([255, 255], {"ignore_label": 255}, "All rows of y_true are ignored"),
        (["", ""], {"ignore_label": ""}, "All rows of y_true are ignored"),
        ([], {"labels": [0, 1], "ignore_label": 255}, "y_true is empty"),
        (
            [0, 255],
            {"labels": [0, 1], "ignore_label": 255, "sample_weight": [0.0, 1.0]},
            "positive weight whose label is not ignored",
        ),
        (
            [0, 255],
            {"labels": [0, 1]},
            r"y_true contains \[255\], not in labels \[0, 1\]: add to labels, leave "
            "out those rows or pass their label as ignore_label=",
        ),
        (
            np.array([0, 1, None], dtype=object),
            {"ignore_label": None},
            "only numbers or only strings",
        ),
        ([0, 1], {"ignore_label": np.nan}, "ignore_label is NaN, which equals no"),
        ([0, 1], {"ignore_label": np.float32("nan")}, "ignore_label is NaN"),
        ([0.0, np.nan], {"ignore_label": 255}, "y_true contains NaN"),
        ([0, 1], {"ignore_label": [1]}, r"must be one label, .* got \[1\]"),
        ([0, 1], {"ignore_label": np.array([1])}, "must be one label"),
        ([0, 1], {"ignore_label": 1j}, "must be one label"),
        (
            [0, 1],
            {"ignore_label": "255"},
            "ignore_label '255' is a string, but y_true has numbers: pass the label as",
        ),
        (
            ["a", "b"],
            {"ignore_label": -1},
            "ignore_label -1 is a number, but y_true has strings: pass the label as",
        ),
        (
            ["a", -1],  # NumPy makes this ["a", "-1"]
            {"labels": ["a", "b"], "ignore_label": -1},
            "ignore_label -1 is a number, but y_true has strings",
        ),
        (
            np.array([0, "a", "?"], dtype=object),
            {"ignore_label": "?"},
            "y_true must be only numbers or only strings",
        ),
    ],
)
def test_errors_say_what_was_wrong(y, options, message):
    with pytest.raises(ValueError, match=message):
        hinge_loss(y, [1.0] * len(y), **options)


def test_shapes_are_checked_though_all_that_is_wrong_is_ignored():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        hinge_loss([0, 1, 255], [1.0, 2.0], ignore_label=255)
    with pytest.raises(ValueError, match=r"shape \(n, 3\), got \(2, 2\)"):
        hinge_loss([0, 9], np.ones((2, 2)), labels=[0, 1, 2], ignore_label=9)
    with pytest.raises(ValueError, match="pred_decision contains NaN"):
        hinge_loss([0, 1, 255], [np.nan, 1.0, 1.0], ignore_label=255)
    with pytest.raises(ValueError, match=r"non-negative; got -1.0 to 1.0"):
        hinge_loss(
            [0, 1, 9], [1.0] * 3, ignore_label=9, sample_weight=[1.0, -1.0, -2.0]
        )

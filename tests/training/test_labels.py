"""Labels of every kind, encoded as np.unique would."""

import numpy as np
import pytest

from hingesvm import HingeSVC
from hingesvm.training.labels import encode_labels

# Two labels and a third one, not in their order.
KINDS = {
    "bool": np.array([True, False]),
    "int8": np.array([5, -128, 127], dtype=np.int8),
    "uint8": np.array([255, 0, 7], dtype=np.uint8),
    "negative": np.array([-1, -7, 3]),
    "int64": np.array([2**62, -(2**62), 1]),
    "float32": np.array([2.0, -1.0, 0.0], dtype=np.float32),
    "float64": np.array([1.0, -3.0, 1e6]),
    "str": np.array(["yes", "no", "y"]),
    "object": np.array(["yes", "no", "perhaps"], dtype=object),
}
PATTERNS = {
    "first": [0, 1, 1, 1, 1, 1, 1],
    "last": [0, 0, 0, 0, 0, 0, 1],
    "turned": [1, 0, 0, 1, 1, 0, 1],
    "three": [1, 0, 2, 2, 0, 1, 1],
    "late": [0, 0, 0, 1, 0, 1, 2],
    "one": [1, 1, 1, 1, 1, 1, 1],
}


@pytest.mark.parametrize("piece", [2, 1 << 19])
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_encoded_as_by_numpy(monkeypatch, kind, pattern, piece):
    monkeypatch.setattr("hingesvm.training.labels._LABELS", piece)
    labels, places = KINDS[kind], np.array(PATTERNS[pattern])
    y = labels[np.minimum(places, len(labels) - 1)]
    before = y.copy()
    classes, codes = encode_labels(y)
    expected, inverse = np.unique(y, return_inverse=True)
    assert np.array_equal(classes, expected)
    assert classes.dtype == y.dtype
    assert codes.shape == y.shape
    assert np.array_equal(codes, inverse)
    assert np.array_equal(y, before)


@pytest.mark.parametrize("count", [127, 128, 129, 300, 40_000])
def test_many_classes(count):
    y = np.random.default_rng(0).permutation(np.r_[np.arange(count), np.arange(count)])
    classes, codes = encode_labels(y)
    assert np.array_equal(classes, np.arange(count))
    assert np.array_equal(codes, y)


@pytest.mark.parametrize("y", [[0.5, 1.0, 0.5], [0.5, 1.5, 2.5], [0.25, 0.25]])
def test_labels_that_are_no_classes_are_refused(y):
    with pytest.raises(ValueError, match="Unknown label type"):
        encode_labels(np.array(y))


@pytest.mark.parametrize("kind", KINDS)
def test_the_larger_label_is_the_positive_class(kind):
    labels = np.sort(KINDS[kind][:2])
    X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    for order in ([0, 0, 1, 1], [1, 1, 0, 0]):
        y = labels[np.array(order)]
        clf = HingeSVC().fit(X, y)
        assert np.array_equal(clf.classes_, labels)
        assert np.array_equal(clf.predict(X), y)
        assert np.array_equal(clf.decision_function(X) > 0.0, y == labels[1])


def of_strings(y):
    """Labels of NumPy's StringDType, which NumPy 1 does not have."""
    dtypes = pytest.importorskip("numpy.dtypes")
    if not hasattr(dtypes, "StringDType"):
        pytest.skip("needs NumPy 2")
    return np.array(["no", "yes"], dtype=dtypes.StringDType())[y]


X = np.random.default_rng(0).standard_normal((60, 3))
Y = (X[:, 0] > 0.0).astype(int)
TRAINED = {
    "fit": lambda y, classes: HingeSVC().fit(X, y),
    "batches": lambda y, classes: HingeSVC().fit_batches([(X, y), (X, y)]),
    "batches with classes": lambda y, classes: HingeSVC().fit_batches(
        [(X, y)], classes=classes
    ),
    "stream": lambda y, classes: HingeSVC().partial_fit(X, y, classes=classes),
    "second batch": lambda y, classes: (
        HingeSVC()
        .partial_fit(X, classes[Y], classes=classes)
        .partial_fit(X, y, classes=classes)
    ),
}


@pytest.mark.parametrize("how", TRAINED)
def test_strings_of_numpy_are_labels(how):
    y = of_strings(Y)
    clf = TRAINED[how](y, np.unique(y))
    assert clf.classes_.tolist() == ["no", "yes"]
    assert set(clf.predict(X)) == {"no", "yes"}
    assert clf.score(X, y.astype(object)) > 0.9


@pytest.mark.parametrize("how", TRAINED)
@pytest.mark.parametrize("number", [int, bool, np.int64])
def test_numbers_that_are_objects_are_no_labels(how, number):
    y = np.array([number(label) for label in Y], dtype=object)
    with pytest.raises(ValueError, match="Unknown label type"):
        TRAINED[how](y, np.array([0, 1]))
    if how in ("stream", "second batch"):
        with pytest.raises(ValueError, match="Unknown label type"):
            TRAINED[how](Y, np.unique(y))


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (np.array([3, 5], dtype=np.int8), r"label 5, .*\[0, 3\]"),
        (np.array(["a", "c"]), r"label 'c', .*\['a', 'b'\]"),
        (
            np.array([np.str_("a"), np.str_("c")], dtype=object),
            r"label 'c', .*\['a', 'b'\]",
        ),
    ],
    ids=["int8", "str", "object"],
)
def test_messages_show_labels_as_plain_values(labels, shown):
    known = labels.copy()
    known[1] = 0 if known.dtype.kind == "i" else np.str_("b")
    with pytest.raises(ValueError, match=shown):
        HingeSVC().partial_fit(X, labels[Y], classes=known)
    with pytest.raises(ValueError, match=shown.partition(",")[0] + ", which"):
        HingeSVC().fit_batches([(X, labels[Y])], classes=known)
    clf = HingeSVC().partial_fit(X, known[Y], classes=known)
    with pytest.raises(ValueError, match=r"same .* was: \[(0, 3|'a', 'b')\]"):
        clf.partial_fit(X, known[Y], classes=labels)
    with pytest.raises(ValueError, match=r"no row of positive weight has: \[(5|'c')\]"):
        HingeSVC().fit_batches(
            [(X, known[Y])], classes=np.concatenate([known, labels[1:]])
        )

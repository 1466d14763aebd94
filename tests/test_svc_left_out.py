"""Classes of weight 0: as if their rows were not there, in every way to train."""

import re

import numpy as np
import pytest
import scipy.sparse as sp
from samples import assert_same_model, make_data
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from hingesvm import HingeSVC, HingeSVCCV, hinge_path
from hingesvm.metrics import make_neg_hinge_loss_scorer
from hingesvm.model_selection import least_c

NAMES = np.array(["a", "b", "c", "d"])
WITHOUT_B = {"b": 0.0, "c": 2.0}


def four_classes(n=160):
    """Rows of four named classes, and which are not of "b"."""
    X, y = make_data(n, n_classes=4)
    return X, NAMES[y], y != 1


@pytest.mark.parametrize("make", [np.asarray, np.asfortranarray, sp.csr_array])
@pytest.mark.parametrize("multi_class", ["ovr", "crammer_singer"])
@pytest.mark.parametrize("zero", [0, 0.0, -0.0, np.float32(0.0), np.int64(0), False])
def test_a_class_of_weight_zero_is_left_out(zero, multi_class, make):
    X, y, kept = four_classes()
    clf = HingeSVC(multi_class=multi_class, class_weight={"b": zero, "c": 2.0})
    clf.fit(make(X), y)
    assert clf.classes_.tolist() == ["a", "c", "d"]
    fewer = HingeSVC(multi_class=multi_class, class_weight={"c": 2.0})
    assert_same_model(clf, fewer.fit(X[kept], y[kept]))
    assert "b" not in clf.predict(X)
    by_rows = fewer.fit(X, y, sample_weight=kept.astype(float))
    assert_same_model(clf, by_rows)


def test_rows_that_are_left_out_may_be_of_any_size():
    X, y, kept = four_classes()
    far = np.where(kept[:, np.newaxis], X, 1e200)
    clf = HingeSVC(class_weight={"b": 0}).fit(far, y)
    assert_same_model(clf, HingeSVC().fit(X[kept], y[kept]))


@pytest.mark.parametrize("labels", [np.int8, float, bool, object])
def test_labels_of_any_type(labels):
    X, y = make_data(n_classes=2 if labels is bool else 3)
    y = y.astype(labels)
    if labels is bool:
        with pytest.raises(ValueError, match="only one class: False"):
            HingeSVC(class_weight={True: 0.0}).fit(X, y)
        return
    y = y if labels is not object else NAMES[y.astype(int)].astype(object)
    first = y[0]
    kept = y != first
    clf = HingeSVC(class_weight={first: 0.0}).fit(X, y)
    assert_same_model(clf, HingeSVC().fit(X[kept], y[kept]))


@pytest.mark.parametrize("way", ["fit", "fit_batches"])
def test_names_of_numbers_are_those_of_scikit_learn(way):
    # Depending on its version {1: 2.0} means the class "1" or is refused.
    X, y, kept = four_classes()
    numbers = np.searchsorted(NAMES, y).astype(str)
    try:
        LinearSVC(class_weight={1: 0.0}).fit(X, numbers)
    except ValueError as error:
        expected = re.escape(str(error))
        with pytest.raises(ValueError, match=expected):
            HingeSVC(class_weight={1: 0.0}).fit(X, numbers)
        return
    clf = HingeSVC(class_weight={1: 0.0})
    clf = clf.fit(X, numbers) if way == "fit" else clf.fit_batches([(X, numbers)])
    assert_same_model(clf, HingeSVC().fit(X[kept], numbers[kept]))


def test_sample_weights_are_not_changed():
    X, y, kept = four_classes()
    weights = np.random.default_rng(1).random(len(y))
    weights[::7] = 0.0
    before = weights.copy()
    clf = HingeSVC(class_weight=WITHOUT_B).fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(weights, before)
    fewer = HingeSVC(class_weight={"c": 2.0})
    fewer.fit(X[kept], y[kept], sample_weight=weights[kept])
    assert_same_model(clf, fewer)


def test_a_class_may_be_left_out_twice():
    X, y, kept = four_classes()
    clf = HingeSVC(class_weight=WITHOUT_B).fit(X, y, sample_weight=1.0 * kept)
    fewer = HingeSVC(class_weight={"c": 2.0}).fit(X[kept], y[kept])
    assert_same_model(clf, fewer)


def test_linear_svc_never_predicts_the_class_either():
    X, y, _ = four_classes()
    theirs = LinearSVC(class_weight=WITHOUT_B).fit(X, y)
    assert theirs.classes_.tolist() == NAMES.tolist()
    assert "b" not in theirs.predict(X)


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({"a": 0, "b": 0, "c": 0}, "only one class: 'd'"),
        (dict.fromkeys("abcd", 0.0), "leave out all rows"),
        ({"B": 0.0}, "not in class_weight"),
        ({"b": 0.0, "C": 2.0}, "not in class_weight"),
        ({"b": 0.0, "c": -1.0}, "positive and finite, or 0 to leave a class out"),
    ],
)
@pytest.mark.parametrize("way", ["fit", "cv", "path"])
def test_weights_that_leave_too_little(way, class_weight, message):
    X, y, _ = four_classes()
    train = {
        "fit": HingeSVC(class_weight=class_weight).fit,
        "cv": HingeSVCCV([0.1, 1.0], class_weight=class_weight).fit,
        "path": lambda X, y: hinge_path(X, y, Cs=[1.0], class_weight=class_weight),
    }[way]
    with pytest.raises(ValueError, match=message):
        train(X, y)


def test_warm_starts_know_which_rows_are_left_out():
    X, y, kept = four_classes()
    clf = HingeSVC(class_weight=WITHOUT_B, warm_start=True).fit(X, y)
    assert clf.dual_coef_.shape == (3, len(y))
    assert not np.any(clf.dual_coef_[:, ~kept])
    first = clf.objective_
    clf.fit(X, y)
    assert clf.objective_ == pytest.approx(first, rel=1e-9)


def test_paths():
    X, y, kept = four_classes()
    path = hinge_path(X, y, Cs=[0.1, 1.0], class_weight=WITHOUT_B)
    fewer = hinge_path(X[kept], y[kept], Cs=[0.1, 1.0], class_weight={"c": 2.0})
    assert path.classes.tolist() == ["a", "c", "d"]
    np.testing.assert_allclose(path.objectives, fewer.objectives, rtol=1e-9)


def test_the_least_c():
    X, y, kept = four_classes()
    found = least_c(X, y, class_weight=WITHOUT_B)
    fewer = least_c(X[kept], y[kept], class_weight={"c": 2.0})
    assert found == pytest.approx(fewer, rel=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scoring", [None, make_neg_hinge_loss_scorer()])
def test_searches_test_on_no_row_that_is_left_out(scoring, weighted):
    X, y, kept = four_classes()
    folds = list(StratifiedKFold(3).split(X, y))
    places = np.cumsum(kept) - 1
    fewer = [tuple(places[part[kept[part]]] for part in fold) for fold in folds]
    weights = np.linspace(0.5, 2.0, len(y)) if weighted else None
    some = None if weights is None else weights[kept]
    search = HingeSVCCV([0.01, 1.0], cv=folds, scoring=scoring, class_weight=WITHOUT_B)
    search.fit(X, y, sample_weight=weights)
    expected = HingeSVCCV(
        [0.01, 1.0], cv=fewer, scoring=scoring, class_weight={"c": 2.0}
    ).fit(X[kept], y[kept], sample_weight=some)
    assert search.classes_.tolist() == ["a", "c", "d"]
    np.testing.assert_allclose(search.scores_, expected.scores_, rtol=1e-6)
    np.testing.assert_allclose(search.coef_, expected.coef_, rtol=1e-6, atol=1e-6)


def test_searches_without_weights_warn_of_none(recwarn):
    X, y, _ = four_classes()
    search = HingeSVCCV(
        [0.1], cv=2, class_weight=WITHOUT_B, scoring=lambda clf, X, y: 1.0
    )
    search.fit(X, y)
    assert not recwarn.list


def in_batches(X, y, *others, size=37):
    """Return batches of rows and labels."""
    cuts = range(size, len(y), size)
    return list(
        zip(*(np.array_split(part, cuts) for part in (X, y, *others)), strict=True)
    )


@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [None, ["a", "c", "d"], list("abcd")])
def test_batches(monkeypatch, classes, weighted, few):
    if not few:
        monkeypatch.setattr("hingesvm.training.batches.FEW_ROWS", 50)
    X, y, kept = four_classes(400)
    weights = (np.linspace(0.5, 2.0, len(y)),) if weighted else ()
    clf = HingeSVC(class_weight=WITHOUT_B, tol=1e-7)
    clf.fit_batches(in_batches(X, y, *weights), classes=classes)
    fewer = HingeSVC(class_weight={"c": 2.0})
    fewer.fit(X[kept], y[kept], *(some[kept] for some in weights))
    assert clf.classes_.tolist() == ["a", "c", "d"]
    assert clf.objective_ == pytest.approx(fewer.objective_, rel=1e-6)


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({"a": 0, "b": 0, "c": 0}, "only one class: 'd'"),
        (dict.fromkeys("abcd", 0.0), "nothing to train on"),
        ({"B": 0.0}, "not in class_weight"),
    ],
)
def test_batches_that_leave_too_little(class_weight, message):
    X, y, _ = four_classes()
    clf = HingeSVC(class_weight=class_weight)
    with pytest.raises(ValueError, match=message):
        clf.fit_batches(in_batches(X, y))
    assert vars(clf) == vars(HingeSVC(class_weight=class_weight))


def test_labels_that_cannot_be_sorted_are_refused_as_ever():
    X = np.arange(4.0)[:, np.newaxis]
    batches = [(X, np.array(["a", 1, "b", 2], dtype=object))]
    with pytest.raises(ValueError, match="labels of different types"):
        HingeSVC(class_weight={"a": 0.0}).fit_batches(batches)


def test_streams():
    X, y, kept = four_classes()
    clf = HingeSVC(class_weight=WITHOUT_B)
    fewer = HingeSVC(class_weight={"c": 2.0})
    for rows, labels, some in in_batches(X, y, kept):
        clf.partial_fit(rows, labels, classes=NAMES)
        fewer.partial_fit(rows[some], labels[some], classes=NAMES)
    # All that will ever occur: another batch may be given another weight.
    assert clf.classes_.tolist() == NAMES.tolist()
    assert clf.n_samples_seen_ == kept.sum()
    np.testing.assert_array_equal(clf.coef_, fewer.coef_)
    assert "b" not in clf.predict(X)


def test_a_batch_of_nothing_else_changes_no_stream():
    X, y, kept = four_classes()
    clf = HingeSVC(class_weight=WITHOUT_B).partial_fit(X, y, classes=NAMES)
    before = clf.coef_.copy()
    clf.partial_fit(X[~kept], y[~kept])
    np.testing.assert_array_equal(clf.coef_, before)


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({"a": 0, "b": 0, "c": 0}, r"leaves out all classes but \['d'\]"),
        (dict.fromkeys("abcd", 0.0), r"leaves out all classes but \[\]"),
        ({"B": 0.0}, "not in class_weight"),
    ],
)
def test_streams_with_too_little(class_weight, message):
    X, y, _ = four_classes()
    clf = HingeSVC(class_weight=class_weight)
    with pytest.raises(ValueError, match=message):
        clf.partial_fit(X, y, classes=NAMES)
    assert vars(clf) == vars(HingeSVC(class_weight=class_weight))

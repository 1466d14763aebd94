"""What partial_fit refuses, with the estimator left as it was."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from samples import make_data
from stream_cases import passed

from hingesvm import HingeSVC
from hingesvm.losses import CrammerSinger

X, Y = make_data(200, 4)


def unlike(X, value):
    """A copy of rows with one other value."""
    X = X.copy()
    X[3, 1] = value
    return X


BAD = {
    "labels that are not of the classes": (
        {"X": X, "y": np.where(Y, 1, 7)},
        "label .*7.* not one of `classes`",
    ),
    "other classes": (
        {"X": X, "y": Y, "classes": [0, 1, 2]},
        "not the same as on last",
    ),
    "fewer columns": ({"X": X[:, :3], "y": Y}, "X has 3 features"),
    "rows and labels": ({"X": X, "y": Y[:9]}, "inconsistent"),
    "weights": ({"X": X, "y": Y, "sample_weight": np.ones(3)}, "sample_weight has 3"),
    "negative weights": (
        {"X": X, "y": Y, "sample_weight": np.full(200, -1.0)},
        "Negative values",
    ),
    "NaN": ({"X": unlike(X, np.nan), "y": Y}, "NaN"),
    "infinity in sparse rows": (
        {"X": sp.csr_matrix(unlike(X, np.inf)), "y": Y},
        "infinity",
    ),
    "NaN in y": ({"X": X, "y": np.where(Y, 1.0, np.nan)}, "NaN"),
    "missing labels": (
        {"X": X, "y": np.where(Y, 1, None)},
        "label None, which is not one of",
    ),
    "strings": ({"X": X, "y": np.where(Y, "a", "b")}, "not one of `classes`"),
    "values whose squares overflow": ({"X": unlike(X, 1e200), "y": Y}, "overflow"),
    "no rows": ({"X": X[:0], "y": Y[:0]}, "0 sample"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_batches_leave_a_stream_as_it_was(case):
    arguments, message = BAD[case]
    clf = passed(HingeSVC(), X, Y)
    before = pickle.dumps(clf)
    with pytest.raises(ValueError, match=message):
        clf.partial_fit(**arguments)
    assert pickle.dumps(clf) == before


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"C": 1e-200}, "rescale C"),
        ({"C": "a"}, "'C' parameter"),
        ({"C": -1.0}, "'C' parameter"),
        ({"class_weight": "bogus"}, "'class_weight' parameter"),
        ({"tol": -1.0}, "'tol' parameter"),
        ({"class_weight": {0: -1.0}}, "class_weight must be positive"),
        ({"loss": "squared_hinge"}, "loss cannot change"),
        ({"fit_intercept": False}, "fit_intercept and penalized_intercept"),
    ],
)
def test_parameters(params, message):
    clf = passed(HingeSVC(), X, Y).set_params(**params)
    before = pickle.dumps(clf)
    with pytest.raises(ValueError, match=message):
        clf.partial_fit(X, Y)
    assert pickle.dumps(clf) == before


@pytest.mark.parametrize("joint", ["weston_watkins", CrammerSinger()])
def test_joint_losses_have_none(joint):
    clf = HingeSVC(multi_class=joint)
    assert not hasattr(clf, "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit") as raised:
        clf.partial_fit(X, Y, classes=[0, 1])
    assert "against the rest" in str(raised.value.__cause__)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (None, "classes must be passed on the first call"),
        ([1], "at least two labels"),
        ([0.5, 1.5], "continuous"),
        ([[0, 1], [1, 2]], "classes must be a list or 1-D array"),
        ({0, 1}, "classes must be a list or 1-D array .* got set"),
        (np.array([0, "a"], dtype=object), "classes has labels of different types"),
    ],
)
def test_classes_at_the_first_call(classes, message):
    clf = HingeSVC()
    with pytest.raises(ValueError, match=message):
        clf.partial_fit(X, Y, classes=classes)
    assert vars(clf) == vars(HingeSVC())


def test_feature_names():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    clf = HingeSVC().partial_fit(frame, Y, classes=[0, 1])
    assert list(clf.feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names should match"):
        clf.partial_fit(frame[list("abdc")], Y)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        clf.partial_fit(X, Y)


def test_labels_of_strings_in_any_order():
    names = np.array(["no", "yes"])
    clf = HingeSVC().partial_fit(X, names[Y], classes=["yes", "no"])
    assert clf.classes_.tolist() == ["no", "yes"]
    other = HingeSVC().partial_fit(X, Y, classes=[0, 1])
    np.testing.assert_array_equal(clf.coef_, other.coef_)


def test_an_interrupt_leaves_a_stream_as_it_was(monkeypatch):
    clf = passed(HingeSVC(), X, Y)
    before = pickle.dumps(clf)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("hingesvm.solvers.streaming.lane.Lane.prove", interrupt)
    with pytest.raises(KeyboardInterrupt):
        clf.partial_fit(X, Y)
    assert pickle.dumps(clf) == before


def test_balanced_classes_of_which_one_has_no_rows_yet():
    clf = HingeSVC(class_weight="balanced")
    clf.partial_fit(X[Y == 0], Y[Y == 0], classes=[0, 1])
    clf.partial_fit(X[Y == 1], Y[Y == 1])
    assert clf.lower_bound_ > 0.0

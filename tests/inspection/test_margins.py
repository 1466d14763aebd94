"""MarginDisplay: margins and supports, and the distribution that it draws of them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_cases import hinges
from samples import LOSSES, make_data
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from hingesvm import HingeSVC
from hingesvm.inspection import MarginDisplay
from hingesvm.inspection._distribution import bin_edges
from hingesvm.losses import Hinge, SmoothedHinge, SquaredHinge
from hingesvm.metrics import hinge_loss

pytestmark = pytest.mark.usefixtures("pyplot")


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return X, np.array(["malignant", "benign"])[y]


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X, np.array(["setosa", "versicolor", "virginica"])[y]


def tick_labels(display):
    return [label.get_text() for label in display.ax_.get_yticklabels()]


def legend_of(display):
    return [text.get_text() for text in display.loss_ax_.get_legend().get_texts()]


def shares(display, code):
    """Return by its left edge the share of a class in each bin that is not empty."""
    found = {}
    for part in display.histograms_[code]:
        tops, edges, baseline = part.get_data()
        found |= dict(zip(edges[:-1].tolist(), (tops - baseline).tolist(), strict=True))
    total = sum(found.values())
    return {edge: height / total for edge, height in found.items() if height}


def tops(display):
    """Return the highest point of each class, the first class at the end."""
    both = [
        np.concatenate([part.get_data()[0] for part in parts])
        for parts in display.histograms_
    ]
    return [float(each.max()) for each in both]


def by_loop(y, f, labels):
    """Return the margins as 1 minus what the hinge would be without its bound."""
    margins = []
    for label, decision in zip(y, np.asarray(f, dtype=float).tolist(), strict=True):
        place = labels.index(label)
        if isinstance(decision, float):
            margins.append(decision if place else -decision)
        else:
            rest = [s for k, s in enumerate(decision) if k != place]
            margins.append(decision[place] - max(rest))
    return margins


def test_margins_of_two_classes(cancer):
    X, y = cancer
    clf = HingeSVC().fit(X, y)
    display = MarginDisplay.from_estimator(clf, X, y)
    f = clf.decision_function(X)
    expected = by_loop(y, f, ["benign", "malignant"])
    np.testing.assert_array_equal(display.margins, expected)
    assert display.classes == ["benign", "malignant"]
    np.testing.assert_array_equal(display.codes, y == "malignant")
    assert np.maximum(1.0 - display.margins, 0.0).mean() == pytest.approx(
        hinge_loss(y, f)
    )
    assert display.plane is None
    assert display.kind_ == "distribution"


def test_margins_of_three_classes(iris):
    X, y = iris
    clf = HingeSVC().fit(X, y)
    display = MarginDisplay.from_estimator(clf, X, y)
    f = clf.decision_function(X)
    np.testing.assert_array_equal(display.margins, by_loop(y, f, list(clf.classes_)))
    total = sum(
        hinges(row, place, "crammer_singer")[0]
        for row, place in zip(f.tolist(), display.codes.tolist(), strict=True)
    )
    assert np.maximum(1.0 - display.margins, 0.0).sum() == pytest.approx(total)
    right = clf.predict(X) == y
    np.testing.assert_array_equal(display.margins > 0.0, right)


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_supports_are_the_rows_with_dual_variables(cancer, C, dtype):
    X, y = cancer
    X = StandardScaler().fit_transform(X).astype(dtype)
    clf = HingeSVC(C, warm_start=True).fit(X, y)
    display = MarginDisplay.from_estimator(clf, X, y)
    np.testing.assert_array_equal(display.support, clf.dual_coef_[0] != 0.0)
    bounded = np.abs(clf.dual_coef_[0]) == C
    assert display.n_violations == np.count_nonzero(bounded)
    assert 0 < display.n_violations < display.support.sum() < len(y)


def test_tolerance_of_supports_and_violations():
    f = [0.5, 1.0 - 2e-3, 1.0 - 5e-4, 1.0, 1.0 + 5e-4, 1.0 + 2e-3, 3.0]
    y = [1] * len(f)
    display = MarginDisplay.from_predictions(y, f, labels=[0, 1])
    np.testing.assert_array_equal(np.flatnonzero(display.support), [0, 1, 2, 3, 4])
    assert display.n_violations == 2
    display = MarginDisplay.from_predictions(y, f, labels=[0, 1], tol=0.0)
    np.testing.assert_array_equal(np.flatnonzero(display.support), [0, 1, 2, 3])
    assert display.n_violations == 3


@pytest.mark.parametrize(
    ("decisions", "labels", "expected"),
    [
        ([-2.0, 0.5, 1.0], None, [2.0, 0.5, 1.0]),
        ([[1.0, 0.0], [2.0, 2.5], [0.0, -1.0]], None, [1.0, 0.5, -1.0]),
        (
            [[1.0, 0.0, 3.0], [2.0, 2.5, 0.0], [9.0, 0.0, 1.0]],
            ["a", "b", "z"],
            [-2.0, 0.5, -9.0],
        ),
    ],
    ids=["one", "two columns", "three columns"],
)
def test_margins_from_predictions(decisions, labels, expected):
    display = MarginDisplay.from_predictions(["a", "b", "b"], decisions, labels=labels)
    np.testing.assert_array_equal(display.margins, expected)
    assert display.classes == (labels or ["a", "b"])
    assert display.kind_ == "distribution"


def test_heights_are_shares_of_the_classes_in_order():
    f = [-0.5, -2.5, -2.5, -2.5, 0.25, 3.0, -4.0, 3.0]
    y = ["a"] * 4 + ["b"] * 4
    display = MarginDisplay.from_predictions(y, f, bins=7)
    of_a = {0.0: 0.25, 2.0: 0.75}  # of margins 0.5, 2.5, 2.5 and 2.5
    of_b = {-4.0: 0.25, 0.0: 0.25, 3.0: 0.5}  # of 0.25, 3, -4 and 3
    assert shares(display, 0) == pytest.approx(of_a)
    assert shares(display, 1) == pytest.approx(of_b)
    # The first class stands above the second.
    assert tops(display) == pytest.approx([1.0 + 0.8, 0.8 * 0.5 / 0.75])
    assert tick_labels(display) == ["a\n1 of 4", "b\n2 of 4"]
    assert "the highest 75%" in display.ax_.get_ylabel()


def test_supports_are_hatched_also_where_rounding_has_moved_them(cancer):
    X, y = cancer
    clf = HingeSVC().fit(X, y)
    display = MarginDisplay.from_estimator(clf, X, y)
    assert (display.support & (display.margins > 1.0)).any()
    for code, (inside, outside) in enumerate(display.histograms_):
        assert inside.get_hatch()
        assert not outside.get_hatch()
        assert inside.get_data().edges[-1] == outside.get_data().edges[0] == 1.0
        found = shares(display, code)
        hatched = sum(share for edge, share in found.items() if edge < 1.0)
        own = display.support[display.codes == code]
        assert hatched == pytest.approx(own.mean())


def test_labels_title_and_legend(cancer, iris):
    X, y = cancer
    clf = HingeSVC(warm_start=True).fit(X, y)
    display = MarginDisplay.from_estimator(clf, X, y)
    n_benign = np.count_nonzero(clf.dual_coef_[0, y == "benign"])
    assert tick_labels(display) == [
        f"benign\n{n_benign} of 357",
        f"malignant\n{58 - n_benign} of 212",
    ]
    assert display.ax_.get_title() == (
        "HingeSVC: 569 rows, 58 support vectors,\n48 margin violations (margin < 1)"
    )
    assert legend_of(display) == [
        "support vectors (margin ≤ 1): 58",
        "other rows (margin > 1): 511",
        "loss: Hinge()",
    ]
    assert display.ax_.get_xlabel() == "margin: decision, with the sign of the class"
    X, y = iris
    display = MarginDisplay.from_estimator(HingeSVC().fit(X, y), X, y, name="iris")
    assert display.ax_.get_title() == (
        "iris: 150 rows, 27 with margin ≤ 1,\n27 margin violations (margin < 1)"
    )
    assert legend_of(display)[:2] == ["margin ≤ 1: 27", "margin > 1: 123"]
    display = MarginDisplay.from_predictions([0, 1], [0.5, 0.5])
    assert display.ax_.get_title().startswith("2 rows, 2 support vectors")


def test_loss_is_drawn_over_all_bins(cancer):
    X, y = cancer
    display = MarginDisplay.from_estimator(HingeSVC().fit(X, y), X, y)
    x, height = display.loss_line_.get_data()
    np.testing.assert_array_equal(height, np.maximum(1.0 - x, 0.0))
    assert 1.0 in x
    assert x[0] <= display.margins.min()
    assert x[-1] >= display.margins.max()
    assert display.loss_line_.axes is display.loss_ax_
    assert display.loss_ax_.figure is display.ax_.figure
    assert display.loss_ax_.get_ylim()[0] == 0.0
    assert display.loss_ax_.get_ylabel() == "loss of a row, Hinge()"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (HingeSVC(), Hinge()),
        (HingeSVC(loss="squared_hinge"), SquaredHinge()),
        (HingeSVC(loss=SmoothedHinge(0.5)), SmoothedHinge(0.5)),
        (make_pipeline(HingeSVC(loss="squared_hinge")), SquaredHinge()),
        (GridSearchCV(HingeSVC(loss="squared_hinge"), {}, cv=2), SquaredHinge()),
        (LinearSVC(random_state=0), SquaredHinge()),
        (SGDClassifier(loss="log_loss", random_state=0), Hinge()),
        (LogisticRegression(), Hinge()),
    ],
    ids=repr,
)
def test_loss_is_the_estimator_s(model, expected):
    X, y = make_data()
    display = MarginDisplay.from_estimator(model.fit(X, y), X, y)
    assert display.loss == expected
    np.testing.assert_array_equal(
        display.loss_line_.get_ydata(), expected.value(display.loss_line_.get_xdata())
    )
    display = MarginDisplay.from_estimator(model, X, y, loss="smoothed_hinge")
    assert display.loss == SmoothedHinge()


def test_loss_of_more_classes_is_the_hinge_unless_said():
    X, y = make_data(n_classes=3)
    clf = HingeSVC(loss="squared_hinge").fit(X, y)
    assert MarginDisplay.from_estimator(clf, X, y).loss == Hinge()
    display = MarginDisplay.from_estimator(clf, X, y, loss=SquaredHinge())
    assert display.loss == SquaredHinge()


@pytest.mark.parametrize("loss", LOSSES)
def test_title_has_the_innermost_class(loss):
    X, y = make_data()
    model = GridSearchCV(make_pipeline(StandardScaler(), HingeSVC(loss=loss)), {}, cv=2)
    display = MarginDisplay.from_estimator(model.fit(X, y), X, y)
    assert display.name == "HingeSVC"
    np.testing.assert_array_equal(
        display.margins, by_loop(y, model.decision_function(X), [0, 1])
    )


def test_rows_other_than_those_of_the_fit_may_lack_a_class(iris):
    X, y = iris
    clf = HingeSVC().fit(X, y)
    display = MarginDisplay.from_estimator(clf, X[:50], y[:50])
    assert tick_labels(display) == [
        "setosa\n1 of 50",
        "versicolor\n0 of 0",
        "virginica\n0 of 0",
    ]
    assert tops(display)[1:] == [1.0, 0.0]
    display.figure_.canvas.draw()


def test_many_classes_have_room_and_labels_of_one_line():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 40
    display = MarginDisplay.from_predictions(y, rng.normal(size=(200, 40)))
    assert len(display.histograms_) == 40
    assert tick_labels(display)[0].startswith("0: ")
    display.figure_.canvas.draw()
    boxes = [label.get_window_extent() for label in display.ax_.get_yticklabels()]
    assert all(low.y1 <= high.y0 + 1.0 for high, low in pairwise(boxes))


def test_without_a_legend_no_room_is_left_for_it(cancer):
    X, y = cancer
    clf = HingeSVC().fit(X, y)
    display = MarginDisplay.from_estimator(clf, X, y)
    entries = legend_of(display)
    assert display.ax_.get_ylim()[1] > 2.0
    display = display.plot(legend=False)
    assert display.loss_ax_.get_legend() is None
    assert display.ax_.get_ylim()[1] == 2.0
    assert [handle.get_label() for handle in display.legend_handles_] == entries
    decisions = clf.decision_function(X)
    display = MarginDisplay.from_predictions(y, decisions, legend=False)
    assert display.loss_ax_.get_legend() is None


def test_legend_is_above_the_bins(iris):
    X, y = iris
    display = MarginDisplay.from_estimator(HingeSVC().fit(X, y), X, y)
    display.figure_.canvas.draw()
    legend = display.loss_ax_.get_legend().get_window_extent()
    highest = display.ax_.transData.transform((0.0, max(tops(display))))
    assert legend.y0 > highest[1]


@settings(max_examples=50, deadline=None)
@given(
    margins=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20),
    bins=st.integers(1, 200),
)
def test_edges_of_bins(margins, bins):
    edges = bin_edges(np.array(margins), bins)
    assert np.all(np.diff(edges) > 0.0)
    assert 1.0 in edges
    assert edges[0] <= min(margins)
    assert edges[-1] >= max(margins)
    width = (max(*margins, 1.0) - min(*margins, 0.0)) / bins
    assert len(edges) <= 2 * bins + 3
    if width < 1.0:
        assert 0.0 in edges
    else:
        inner = np.diff(edges)[1:-1]
        np.testing.assert_allclose(inner, width, rtol=1e-6)


def test_given_axes_are_drawn_on(pyplot, cancer):
    figure, axes = pyplot.subplots(1, 2)
    X, y = cancer
    clf = HingeSVC().fit(X, y)
    display = MarginDisplay.from_estimator(clf, X, y, ax=axes[0], bins=10)
    assert display.ax_ is axes[0]
    assert display.figure_ is figure
    coarse = display.histograms_[0][1].get_data().edges
    assert display.plot(axes[1], bins=30) is display
    assert display.ax_ is axes[1]
    assert len(display.histograms_[0][1].get_data().edges) > len(coarse)
    assert pyplot.get_fignums() == [figure.number]
    with pytest.raises(TypeError, match="one Matplotlib Axes or None, got a list"):
        display.plot([axes[0]])


@pytest.mark.parametrize(
    "model",
    [HingeSVC(), make_pipeline(HingeSVC()), GridSearchCV(HingeSVC(), {})],
    ids=lambda model: type(model).__name__,
)
def test_unfitted_is_refused(model, pyplot):
    with pytest.raises(NotFittedError):
        MarginDisplay.from_estimator(model, *make_data())
    assert not pyplot.get_fignums()


def test_estimators_without_decisions_are_refused():
    X, y = make_data()
    model = KNeighborsClassifier().fit(X, y)
    with pytest.raises(TypeError, match="Classifier has no decision_function"):
        MarginDisplay.from_estimator(model, X, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "histogram"}, "kind must be one of 'auto', 'distribution', 'plane'"),
        ({"bins": 0}, "bins must be an integer from 1 on, got 0"),
        ({"bins": 4.0}, "bins must be an integer"),
        ({"bins": True}, "bins must be an integer"),
        ({"grid_resolution": 1}, "grid_resolution must be an integer from 2 on"),
        ({"tol": -0.1}, r"tol must be a number in \[0, 1\), got -0.1"),
        ({"tol": 1.0}, "tol must be a number"),
        ({"tol": "small"}, "tol must be a number"),
        ({"tol": float("nan")}, "tol must be a number"),
        ({"loss": "log_loss"}, "Unknown loss 'log_loss'"),
        ({"kind": "plane"}, "The plane needs X of two columns, got 6"),
    ],
)
def test_options_that_are_refused(pyplot, options, message):
    X, y = make_data()
    clf = HingeSVC().fit(X, y)
    with pytest.raises(ValueError, match=message):
        MarginDisplay.from_estimator(clf, X, y, **options)
    assert not pyplot.get_fignums()


@pytest.mark.parametrize(
    ("y", "f", "options", "message"),
    [
        ([0, 1], [0.5], {}, "inconsistent numbers of samples"),
        ([1, 1], [0.5, 0.5], {}, "y_true has one class"),
        ([0, 2], [0.5, 0.5], {"labels": [0, 1]}, r"y_true contains \[2\]"),
        ([0, 1], [0.5, np.nan], {}, "NaN"),
        ([], [], {"labels": [0, 1]}, "There are no rows to draw"),
        ([0, 1], [[1e308, -1e308], [0.0, 1.0]], {}, "margins must be finite: scale"),
        ([0, 1], [0.5, 0.5], {"loss": "log"}, "Unknown loss"),
    ],
)
def test_predictions_that_are_refused(pyplot, y, f, options, message):
    with pytest.raises(ValueError, match=message):
        MarginDisplay.from_predictions(y, f, **options)
    assert not pyplot.get_fignums()


def test_labels_that_the_estimator_has_not_seen_are_refused():
    X, y = make_data()
    clf = HingeSVC().fit(X, y)
    with pytest.raises(ValueError, match=r"y_true contains \[7\]"):
        MarginDisplay.from_estimator(clf, X, np.where(y == 1, 7, y))

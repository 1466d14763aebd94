"""MarginDisplay in two columns: rows, rings and lines, and when it is drawn so."""

import numpy as np
import pytest
import scipy.sparse as sp
from samples import make_data
from sklearn.datasets import make_blobs, make_moons
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

from hingesvm import HingeSVC
from hingesvm.inspection import MarginDisplay

pytestmark = pytest.mark.usefixtures("pyplot")


@pytest.fixture(scope="module")
def blobs():
    X, y = make_blobs(150, centers=2, random_state=0)
    return X * [1.0, 1e4], np.array(["no", "yes"])[y]


def points_on_lines(display):
    """Return for each level the points that its line goes through."""
    levels, segments = display.lines_.levels, display.lines_.allsegs
    return {
        level: np.vstack(each) for level, each in zip(levels, segments, strict=True)
    }


def legend_of(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


@pytest.mark.parametrize("resolution", [2, 3, 100])
def test_lines_are_those_of_the_model(blobs, resolution):
    X, y = blobs
    clf = HingeSVC().fit(X, y)
    display = MarginDisplay.from_estimator(clf, X, y, grid_resolution=resolution)
    assert display.kind_ == "plane"
    lines = points_on_lines(display)
    assert list(lines) == [-1.0, 0.0, 1.0]
    for level, points in lines.items():
        assert len(points) >= 2
        decisions = points @ clf.coef_[0] + clf.intercept_[0]
        np.testing.assert_allclose(decisions, level, atol=1e-9)
    assert list(display.lines_.linestyles) == ["--", "-", "--"]


def test_rows_and_rings(blobs):
    X, y = blobs
    clf = HingeSVC(warm_start=True).fit(X, y)
    display = MarginDisplay.from_estimator(clf, X, y)
    for points, label in zip(display.points_, ["no", "yes"], strict=True):
        np.testing.assert_array_equal(points.get_offsets(), X[y == label])
        assert points.get_label() == label
    shapes = [points.get_paths()[0].vertices.shape for points in display.points_]
    assert shapes[0] != shapes[1]
    is_support = clf.dual_coef_[0] != 0.0
    rings = display.support_points_
    np.testing.assert_array_equal(rings.get_offsets(), X[is_support])
    assert len(rings.get_facecolors()) == 0
    n_support = np.count_nonzero(is_support)
    assert legend_of(display) == [
        "no",
        "yes",
        f"support vectors: {n_support}",
        "decision 0",
        "decision -1 and 1",
    ]
    assert f"HingeSVC: 150 rows, {n_support} support vectors" in display.ax_.get_title()


def test_all_rows_are_within_the_frame(blobs):
    X, y = blobs
    display = MarginDisplay.from_estimator(HingeSVC().fit(X, y), X, y)
    (left, right), (bottom, top) = display.ax_.get_xlim(), display.ax_.get_ylim()
    assert left < X[:, 0].min() < X[:, 0].max() < right
    assert bottom < X[:, 1].min() < X[:, 1].max() < top


def test_lines_of_a_pipeline_are_in_the_columns_of_its_input(blobs):
    X, y = blobs
    model = make_pipeline(StandardScaler(), HingeSVC()).fit(X, y)
    display = MarginDisplay.from_estimator(model, X, y)
    for level, points in points_on_lines(display).items():
        np.testing.assert_allclose(model.decision_function(points), level, atol=1e-9)


def test_lines_of_a_model_that_is_not_linear_in_its_input():
    X, y = make_moons(200, noise=0.2, random_state=0)
    model = make_pipeline(PolynomialFeatures(3), StandardScaler(), HingeSVC())
    search = GridSearchCV(model, {}, cv=2).fit(X, y)
    display = MarginDisplay.from_estimator(search, X, y, grid_resolution=200)
    for level, points in points_on_lines(display).items():
        np.testing.assert_allclose(search.decision_function(points), level, atol=1e-2)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_name_the_axes(blobs, library):
    frames = pytest.importorskip(library)
    X, y = blobs
    table = frames.DataFrame({"length": X[:, 0], "width": X[:, 1]})
    # That names of columns are missing or differ would be a warning or an error.
    clf = HingeSVC().fit(table, y)
    display = MarginDisplay.from_estimator(clf, table, y)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("length", "width")
    decisions = display.plane.decisions
    x, height = np.meshgrid(display.plane.x, display.plane.y)
    expected = x * clf.coef_[0, 0] + height * clf.coef_[0, 1] + clf.intercept_[0]
    np.testing.assert_allclose(decisions, expected)


@pytest.mark.parametrize(
    "convert", [np.ndarray.tolist, sp.csr_matrix, np.float32], ids=lambda f: f.__name__
)
def test_other_kinds_of_rows(blobs, convert):
    X, y = blobs
    X = convert(X / [1.0, 1e4])
    display = MarginDisplay.from_estimator(HingeSVC().fit(X, y), X, y)
    assert display.kind_ == "plane"
    assert display.ax_.get_xlabel() == "first column of X"
    assert sum(len(points.get_offsets()) for points in display.points_) == 150


@pytest.mark.parametrize(("d", "n_classes"), [(3, 2), (2, 3), (1, 2)])
def test_auto_is_the_distribution_of_other_shapes(d, n_classes):
    X, y = make_data(d=d, n_classes=n_classes)
    display = MarginDisplay.from_estimator(HingeSVC().fit(X, y), X, y)
    assert display.kind_ == "distribution"
    assert display.plane is None


def test_auto_is_the_distribution_of_columns_that_are_no_numbers():
    X = np.array([["a", "x"], ["b", "x"], ["a", "y"], ["b", "y"]] * 5, dtype=object)
    y = X[:, 0] == "a"
    model = make_pipeline(OneHotEncoder(), HingeSVC()).fit(X, y)
    assert MarginDisplay.from_estimator(model, X, y).kind_ == "distribution"
    with pytest.raises(ValueError, match="could not convert string"):
        MarginDisplay.from_estimator(model, X, y, kind="plane")


def test_both_pictures_of_one_display(blobs, pyplot):
    X, y = blobs
    clf = HingeSVC().fit(X, y)
    figure, (left, right) = pyplot.subplots(1, 2)
    display = MarginDisplay.from_estimator(clf, X, y, ax=left)
    assert display.plot(right, kind="distribution").kind_ == "distribution"
    assert display.ax_ is right
    assert len(display.histograms_) == 2
    assert display.histograms_[0][0].axes is right
    assert display.plot().kind_ == "plane"
    assert len(pyplot.get_fignums()) == 2
    figure.canvas.draw()
    display = MarginDisplay.from_estimator(clf, X, y, kind="distribution")
    assert display.kind_ == "distribution"


def test_lines_that_are_elsewhere_are_not_drawn():
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = [0, 1, 1, 0]
    clf = HingeSVC(C=1e-3).fit(X, y)
    assert np.abs(clf.coef_).max() < 1e-2
    clf.coef_[:], clf.intercept_[:] = 0.0, 1.0
    assert MarginDisplay.from_estimator(clf, X, y).lines_ is None
    clf.coef_[0, 0] = 0.25
    display = MarginDisplay.from_estimator(clf, X, y)
    assert list(display.lines_.levels) == [1.0]
    assert list(display.lines_.linestyles) == ["--"]


def test_column_of_one_value():
    X, y = make_data(d=2)
    X[:, 1] = 3.0
    display = MarginDisplay.from_estimator(HingeSVC().fit(X, y), X, y)
    assert display.ax_.get_ylim()[0] < 3.0 < display.ax_.get_ylim()[1]


def test_planes_that_there_are_not():
    X, y = make_data(d=2, n_classes=3)
    clf = HingeSVC().fit(X, y)
    with pytest.raises(ValueError, match="for two classes, and there are 3"):
        MarginDisplay.from_estimator(clf, X, y, kind="plane")
    display = MarginDisplay.from_predictions([0, 1], [0.5, 0.5])
    with pytest.raises(ValueError, match="There is no plane to draw"):
        display.plot(kind="plane")


def test_displays_side_by_side_share_a_legend(blobs, pyplot):
    X, y = blobs
    figure, axes = pyplot.subplots(1, 2)
    for ax, C in zip(axes, (0.01, 1.0), strict=True):
        clf = HingeSVC(C=C).fit(X, y)
        display = MarginDisplay.from_estimator(clf, X, y, legend=False, ax=ax)
        assert ax.get_legend() is None
    legend = figure.legend(handles=display.legend_handles_)
    shown = [text.get_text() for text in legend.get_texts()]
    assert shown == legend_of(MarginDisplay.from_estimator(clf, X, y))

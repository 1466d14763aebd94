"""ConvergenceDisplay: what its lines show of a fit, and what stands around them."""

import pickle

import numpy as np
import pytest
from samples import make_data
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from hingesvm import HingeSVC
from hingesvm.inspection import ConvergenceDisplay

pytestmark = pytest.mark.usefixtures("pyplot")

EPSILON = np.finfo(np.float64).eps
FIELDS = [("iteration", int), ("seconds", float), ("objective", float), ("gap", float)]


@pytest.fixture(scope="module")
def binary():
    return HingeSVC().fit(*load_breast_cancer(return_X_y=True))


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return HingeSVC().fit(X, np.array(["setosa", "versicolor", "virginica"])[y])


@pytest.fixture(scope="module")
def by_cost():
    X, y = make_data()
    return {f"C = {C}": HingeSVC(C=C).fit(X, y) for C in (0.01, 1.0, 10.0)}


def history(*rows):
    return np.array(list(rows), dtype=FIELDS)


def legend_of(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def looks(lines):
    return {(line.get_marker(), line.get_linestyle()) for line in lines}


def assert_draws(display):
    """Assert that nothing warns or fails before there are pixels."""
    display.figure_.canvas.draw()


@pytest.mark.parametrize("x", ["seconds", "iteration"])
def test_gap_is_that_of_the_history(binary, x):
    display = ConvergenceDisplay.from_estimator(binary, x=x)
    (line,) = display.lines_["HingeSVC"]
    (seen,) = binary.history_
    np.testing.assert_array_equal(line.get_xdata(), seen[x])
    expected = [max(row["gap"] / row["objective"], EPSILON) for row in seen]
    np.testing.assert_array_equal(line.get_ydata(), expected)
    assert expected[0] == 1.0
    assert line.get_drawstyle() == "steps-post"
    assert display.ax_.get_yscale() == "log"
    assert display.bound_lines_ == {"HingeSVC": []}
    assert display.fills_ == []
    assert display.figure_ is display.ax_.figure
    assert_draws(display)


@pytest.mark.parametrize("x", ["seconds", "iteration"])
def test_bounds_are_those_of_the_history(binary, x):
    display = ConvergenceDisplay.from_estimator(binary, kind="bounds", x=x)
    (upper,), (lower,) = display.lines_["HingeSVC"], display.bound_lines_["HingeSVC"]
    (seen,) = binary.history_
    for line in (upper, lower):
        np.testing.assert_array_equal(line.get_xdata(), seen[x])
    np.testing.assert_array_equal(upper.get_ydata(), seen["objective"])
    np.testing.assert_array_equal(lower.get_ydata(), seen["objective"] - seen["gap"])
    assert upper.get_ydata()[-1] == pytest.approx(binary.objective_)
    assert upper.get_ydata()[-1] - lower.get_ydata()[-1] == pytest.approx(
        binary.dual_gap_, abs=1e-12 * binary.objective_
    )
    assert (upper.get_linestyle(), lower.get_linestyle()) == ("-", "--")
    assert upper.get_marker() == lower.get_marker()
    assert upper.get_color() == lower.get_color()
    assert len(display.fills_) == 1
    assert display.tol_lines_ == []
    assert legend_of(display) == ["HingeSVC"]
    assert_draws(display)


def test_axis_of_bounds_leaves_out_what_is_far_below_the_minimum(binary):
    # The first dual bounds are 0, up to rounding.
    assert binary.history_[0]["gap"][0] == binary.history_[0]["objective"][0]
    display = ConvergenceDisplay.from_estimator(binary, kind="bounds")
    bottom, top = display.ax_.get_ylim()
    assert bottom == pytest.approx(0.1 * binary.objective_)
    assert top > binary.history_[0]["objective"][0]


@pytest.mark.parametrize(
    ("kind", "title", "ylabel"),
    [
        ("gap", "How far above the minimum a fit may be", "relative duality gap"),
        (
            "bounds",
            "Between which bounds the minimum lies",
            "objective (solid) and dual bound (dashed)",
        ),
    ],
)
def test_labels(binary, iris, kind, title, ylabel):
    display = ConvergenceDisplay.from_estimator(binary, kind=kind)
    assert display.ax_.get_title() == title
    assert display.ax_.get_xlabel() == "seconds since the fit began"
    assert display.ax_.get_ylabel() == ylabel
    display = ConvergenceDisplay.from_estimator(iris, kind=kind)
    assert display.ax_.get_title() == f"{title}\n(each class against the rest)"
    assert display.ax_.get_xlabel() == "seconds since work on the class began"
    display = display.plot(kind=kind, x="iteration")
    assert display.ax_.get_xlabel() == "sweeps and Newton steps"


def test_several_fits_share_axes_and_differ_without_colour(by_cost):
    display = ConvergenceDisplay.from_estimators(by_cost)
    assert list(display.lines_) == list(by_cost)
    assert legend_of(display) == [*by_cost, "tol = 0.0001"]
    lines = [line for (line,) in display.lines_.values()]
    for line, clf in zip(lines, by_cost.values(), strict=True):
        assert line.axes is display.ax_
        np.testing.assert_array_equal(line.get_xdata(), clf.history_[0]["seconds"])
    assert len(looks(lines)) == 3
    assert len({line.get_color() for line in lines}) == 3


def test_looks_of_24_fits_differ_without_colour():
    histories = {f"{k}": [history((0, 0.0, 1.0, 1.0))] for k in range(24)}
    lines = ConvergenceDisplay(histories=histories).plot().lines_
    assert len(looks([line for (line,) in lines.values()])) == 24


def test_long_legend_hides_nothing():
    histories = {f"{k}": [history((0, 0.0, 1.0, 1.0))] for k in range(7)}
    display = ConvergenceDisplay(histories=histories).plot()
    assert_draws(display)
    legend, axes = display.ax_.get_legend(), display.ax_
    assert legend.get_window_extent().x0 >= axes.get_window_extent().x1


def test_a_line_for_each_tolerance(pyplot):
    X, y = make_data()
    tols = {"a": 1e-2, "b": 1e-6, "c": 1e-2}
    fits = {name: HingeSVC(tol=tol).fit(X, y) for name, tol in tols.items()}
    display = ConvergenceDisplay.from_estimators(fits)
    heights = [line.get_ydata() for line in display.tol_lines_]
    np.testing.assert_array_equal(heights, [[1e-6, 1e-6], [1e-2, 1e-2]])
    again = ConvergenceDisplay.from_estimators(fits, ax=display.ax_)
    assert again.tol_lines_ == []
    assert legend_of(again).count("tol = 0.01") == 1


def test_each_class_has_a_line(iris):
    display = ConvergenceDisplay.from_estimator(iris, kind="bounds", name="iris")
    for lines in (display.lines_["iris"], display.bound_lines_["iris"]):
        assert len(lines) == 3
        for line, seen in zip(lines, iris.history_, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), seen["seconds"])
    assert len({line.get_marker() for line in display.lines_["iris"]}) == 3
    assert legend_of(display) == ["setosa", "versicolor", "virginica"]
    assert display.fills_ == []
    total = sum(line.get_ydata()[-1] for line in display.lines_["iris"])
    assert total == pytest.approx(iris.objective_)


def test_classes_of_a_fit_among_others_look_alike(iris, binary):
    display = ConvergenceDisplay.from_estimators({"iris": iris, "cancer": binary})
    assert len(display.lines_["iris"]) == 3
    assert len(looks(display.lines_["iris"])) == 1
    assert not looks(display.lines_["iris"]) & looks(display.lines_["cancer"])
    assert legend_of(display) == ["iris, 3 classes", "cancer", "tol = 0.0001"]
    assert_draws(display)


def test_many_classes_look_alike():
    X, y = make_data(n=240, n_classes=11)
    clf = HingeSVC(tol=0.1).fit(X, y)
    display = ConvergenceDisplay.from_estimator(clf)
    assert len(display.lines_["HingeSVC"]) == 11
    assert len(looks(display.lines_["HingeSVC"])) == 1
    assert legend_of(display) == ["HingeSVC, 11 classes", "tol = 0.1"]
    few = HingeSVC(tol=0.1).fit(X[y < 10], y[y < 10])
    assert legend_of(ConvergenceDisplay.from_estimator(few))[:10] == list("0123456789")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda clf: make_pipeline(StandardScaler(), clf),
        lambda clf: make_pipeline(StandardScaler(), Pipeline([("inner", clf)])),
        lambda clf: GridSearchCV(clf, {"C": [0.1, 1.0]}, cv=2),
        lambda clf: GridSearchCV(make_pipeline(StandardScaler(), clf), {}, cv=2),
        lambda clf: make_pipeline(GridSearchCV(clf, {}, cv=2)),
    ],
    ids=["pipeline", "nested", "search", "search of pipeline", "in pipeline"],
)
def test_fit_inside_other_estimators(wrap):
    X, y = make_data()
    model = wrap(HingeSVC()).fit(X, y)
    inner = model
    while not isinstance(inner, HingeSVC):
        inner = inner[-1] if isinstance(inner, Pipeline) else inner.best_estimator_
    (line,) = ConvergenceDisplay.from_estimator(model).lines_["HingeSVC"]
    np.testing.assert_array_equal(line.get_xdata(), inner.history_[0]["seconds"])


def test_gaps_that_a_log_axis_cannot_show():
    seen = history(
        (0, 0.0, np.inf, np.inf),
        (1, 0.1, 8.0, np.inf),
        (2, 0.2, 8.0, 4.0),
        (3, 0.3, 4.0, 1e-20),
        (4, 0.4, 4.0, 0.0),
        (5, 0.5, 0.0, 0.0),
    )
    display = ConvergenceDisplay(histories={"fit": [seen]}).plot()
    (line,) = display.lines_["fit"]
    expected = [np.nan, np.nan, 0.5, EPSILON, EPSILON, EPSILON]
    np.testing.assert_array_equal(line.get_ydata(), expected)
    assert_draws(display)
    bottom, top = display.ax_.get_ylim()
    assert EPSILON / 100.0 < bottom < EPSILON
    assert 0.5 < top < 50.0
    assert_draws(display.plot(kind="bounds"))
    for stop in (1, 2):
        display = ConvergenceDisplay(histories={"fit": [seen[:stop]]})
        assert_draws(display.plot(kind="bounds"))
        assert_draws(display.plot())


def test_given_axes_are_drawn_on(pyplot, binary):
    figure, axes = pyplot.subplots(1, 2)
    display = ConvergenceDisplay.from_estimator(binary, ax=axes[0])
    assert display.ax_ is axes[0]
    assert display.figure_ is figure
    assert pyplot.get_fignums() == [figure.number]
    assert display.plot(axes[1], kind="bounds") is display
    assert display.ax_ is axes[1]
    assert pyplot.get_fignums() == [figure.number]
    display.plot()
    assert len(pyplot.get_fignums()) == 2


def test_axes_may_have_lines_of_others(pyplot, binary):
    _, ax = pyplot.subplots()
    ax.plot([0.0, 0.01], [-1.0, 60.0], label="other")
    display = ConvergenceDisplay.from_estimator(binary, kind="bounds", ax=ax)
    assert ax.get_ylim()[0] == pytest.approx(0.1 * binary.objective_)
    assert legend_of(display) == ["other", "HingeSVC"]
    assert_draws(display)


def test_displays_on_the_same_axes_do_not_look_alike(by_cost):
    first, second, third = by_cost.values()
    display = ConvergenceDisplay.from_estimator(first, kind="bounds", name="a")
    other = ConvergenceDisplay.from_estimators(
        {"b": second, "c": third}, kind="bounds", ax=display.ax_
    )
    (a,), (b,), (c,) = display.lines_["a"], other.lines_["b"], other.lines_["c"]
    assert len({line.get_marker() for line in (a, b, c)}) == 3
    assert legend_of(other) == ["a", "b", "c"]
    bottom, top = other.ax_.get_ylim()
    assert bottom == pytest.approx(0.1 * first.objective_)
    assert top > third.history_[0]["objective"][0]


def test_options_of_lines_go_before_the_display_s(binary):
    options = {"lw": 3.0, "ls": ":", "c": "red", "drawstyle": "default"}
    for kind in ("gap", "bounds"):
        display = ConvergenceDisplay.from_estimator(
            binary, kind=kind, line_kwargs=options
        )
        lines = display.lines_["HingeSVC"] + display.bound_lines_["HingeSVC"]
        assert len(lines) == 1 + (kind == "bounds")
        for line in lines:
            assert line.get_linewidth() == 3.0
            assert line.get_linestyle() == ":"
            assert line.get_color() == "red"
            assert line.get_drawstyle() == "default"


def test_kept_histories_can_be_drawn(iris):
    histories = pickle.loads(pickle.dumps(iris.history_))
    display = ConvergenceDisplay(histories={"kept": histories}).plot()
    assert legend_of(display) == ["0", "1", "2"]
    assert display.tol_lines_ == []


@pytest.mark.parametrize(
    "model",
    [HingeSVC(), make_pipeline(HingeSVC()), GridSearchCV(HingeSVC(), {})],
    ids=lambda model: type(model).__name__,
)
def test_unfitted_is_refused(model, pyplot):
    with pytest.raises(NotFittedError):
        ConvergenceDisplay.from_estimator(model)
    with pytest.raises(NotFittedError):
        ConvergenceDisplay.from_estimators({"fit": model})
    assert not pyplot.get_fignums()


@pytest.mark.parametrize(
    "model",
    [
        LinearSVC(),
        make_pipeline(LinearSVC()),
        GridSearchCV(HingeSVC(), {"C": [1.0]}, cv=2, refit=False),
    ],
    ids=["LinearSVC", "pipeline", "not refitted"],
)
def test_what_holds_no_history_is_refused(model, pyplot):
    model.fit(*make_data())
    message = f"{type(model).__name__} keeps no history_ .*fitted HingeSVC"
    with pytest.raises(TypeError, match=message):
        ConvergenceDisplay.from_estimator(model)
    assert not pyplot.get_fignums()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"kind": "both"},
            ValueError,
            "kind must be one of 'gap', 'bounds', got 'both'",
        ),
        ({"kind": None}, ValueError, "kind must be"),
        ({"x": "time"}, ValueError, "x must be one of 'seconds', 'iteration', got"),
        ({"ax": np.array([None, None])}, TypeError, "one Matplotlib Axes .* a ndarray"),
    ],
)
def test_options_that_are_refused(binary, pyplot, options, error, message):
    with pytest.raises(error, match=message):
        ConvergenceDisplay.from_estimator(binary, **options)
    with pytest.raises(error, match=message):
        ConvergenceDisplay.from_estimators({"fit": binary}, **options)
    assert not pyplot.get_fignums()


def test_fits_without_names_are_refused(binary):
    with pytest.raises(TypeError, match=r"estimators must be a dict .* a list"):
        ConvergenceDisplay.from_estimators([binary])
    with pytest.raises(ValueError, match="estimators is empty"):
        ConvergenceDisplay.from_estimators({})


ROW = (0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("histories", "error", "message"),
    [
        ([history(ROW)], TypeError, "histories must be a dict"),
        ({}, ValueError, "histories is empty"),
        ({"fit": []}, ValueError, "history of 'fit' must be a list of arrays"),
        ({"fit": history(ROW)}, ValueError, "history of 'fit' must be a list"),
        ({"fit": [np.zeros((3, 4))]}, ValueError, "of 'fit' must be a structured"),
        ({"fit": [[ROW]]}, ValueError, "of 'fit' must be a structured"),
        ({"fit": [history(ROW)[:0]]}, ValueError, "one row or more"),
        (
            {"fit": [history(ROW)[["iteration", "gap"]]]},
            ValueError,
            "the fields iteration, seconds, objective, gap",
        ),
    ],
)
def test_histories_that_are_refused(histories, error, message):
    with pytest.raises(error, match=message):
        ConvergenceDisplay(histories=histories)


def test_classes_must_be_as_many_as_problems():
    two = {"fit": [history(ROW), history(ROW)]}
    with pytest.raises(
        ValueError, match=r"must name its 2 problems, got an array of shape \(3,\)"
    ):
        ConvergenceDisplay(histories=two, classes={"fit": ["a", "b", "c"]})
    one = ConvergenceDisplay(histories={"fit": [history(ROW)]}, classes={"fit": [3, 5]})
    assert legend_of(one.plot()) == ["fit"]

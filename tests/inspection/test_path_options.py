"""RegularizationPathDisplay: which models, axes and options it takes, and its names."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from path_cases import (
    CS,
    assert_draws,
    from_estimator,
    from_path,
    heights,
    looks,
    names_of,
)
from samples import make_data
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC

from hingesvm import HingeSVC
from hingesvm.inspection import RegularizationPathDisplay
from hingesvm.inspection._coefs import spread_out
from hingesvm.model_selection import HingeSVCCV

pytestmark = pytest.mark.usefixtures("pyplot")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda clf: make_pipeline(StandardScaler(), clf),
        lambda clf: make_pipeline(StandardScaler(), Pipeline([("inner", clf)])),
        lambda clf: GridSearchCV(clf, {"tol": [1e-4]}, cv=2),
        lambda clf: GridSearchCV(make_pipeline(StandardScaler(), clf), {}, cv=2),
        lambda clf: make_pipeline(GridSearchCV(clf, {}, cv=2)),
    ],
    ids=["pipeline", "nested", "search", "search of pipeline", "in pipeline"],
)
def test_fit_inside_other_estimators(wrap):
    pandas = pytest.importorskip("pandas")
    X, y = make_data()
    table = pandas.DataFrame(X, columns=[f"column {place}" for place in range(6)])
    model = wrap(HingeSVCCV(Cs=CS)).fit(table, y)
    inner = model
    while not isinstance(inner, HingeSVCCV):
        inner = inner[-1] if isinstance(inner, Pipeline) else inner.best_estimator_
    display = from_estimator(model)
    np.testing.assert_array_equal(heights(display.fold_lines_), inner.scores_)
    expected = [f"column {feature}" for feature in display.features_]
    assert names_of(display) == expected


def test_features_without_names_are_numbered():
    X, y = make_data()
    # Steps that make no names of columns.
    model = make_pipeline(FunctionTransformer(np.abs), HingeSVCCV(Cs=CS)).fit(X, y)
    display = from_estimator(model)
    assert names_of(display) == [f"x{feature}" for feature in display.features_]


def test_names_given_go_first(cancer_search):
    names = [f"measure {place}" for place in range(30)]
    display = from_estimator(cancer_search, feature_names=names)
    assert names_of(display) == [names[feature] for feature in display.features_]


@pytest.mark.parametrize("n_features", [10, 30])
def test_names_hide_neither_each_other_nor_the_lines(cancer_path, n_features):
    display = from_path(cancer_path, n_features=n_features)
    assert_draws(display)
    right = display.axes_[1].get_window_extent().x1
    spans = []
    for text in display.name_texts_:
        x, y = display.axes_[1].transAxes.transform(text.get_position())
        assert x > right
        spans.append((y, text.get_fontsize() * display.figure_.dpi / 72.0))
    spans.sort()
    for (low, size), (high, _) in pairwise(spans):
        assert high - low > size


def test_lines_differ_without_colour(cancer_path):
    assert len(looks(from_path(cancer_path, n_features=24).coef_lines_)) == 24
    display = from_path(cancer_path)
    assert len(looks([display.objective_line_, display.loss_line_])) == 2


@given(
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20),
    st.floats(0.0, 0.05),
)
def test_places_are_spread_out(places, gap):
    places = np.array(places)
    found = spread_out(places, gap, 1.0)
    order = np.argsort(places, kind="stable")
    assert np.all(np.diff(found[order]) >= gap - 1e-12)
    assert found.min() >= 0.0
    assert found.max() <= 1.0 + 1e-12
    if np.all(np.diff(places[order]) >= gap):
        inside = max(1.0 - gap * (len(places) - 1), 0.0)
        if np.all(places[order] - gap * np.arange(len(places)) <= inside):
            np.testing.assert_allclose(found, places, atol=1e-12)


def test_given_axes_are_drawn_on(pyplot, cancer_search):
    figure, axes = pyplot.subplots(1, 2)
    display = from_estimator(cancer_search, ax=axes)
    assert list(display.axes_) == list(axes)
    assert display.figure_ is figure
    assert pyplot.get_fignums() == [figure.number]
    figure, ax = pyplot.subplots()
    assert display.plot(ax, kind="coefs") is display
    assert list(display.axes_) == [ax]
    assert display.score_line_ is display.objective_line_ is None
    assert display.fold_lines_ == []
    assert len(display.chosen_lines_) == 1
    display.plot(kind="curves")
    assert display.coef_lines_ == display.name_texts_ == []
    assert len(display.features_) == 0
    assert len(display.axes_) == 1
    assert len(pyplot.get_fignums()) == 3


def test_without_paths_the_curves_are_left(scaled_cancer, pyplot):
    clf = HingeSVCCV(Cs=CS, store_paths=False).fit(*scaled_cancer)
    for kind in ("both", "coefs"):
        with pytest.raises(
            ValueError, match=r'store_paths=True, or pass kind="curves"'
        ):
            from_estimator(clf, kind=kind)
    assert not pyplot.get_fignums()
    display = from_estimator(clf, kind="curves")
    np.testing.assert_array_equal(heights(display.fold_lines_), clf.scores_)


@pytest.mark.parametrize(
    "model",
    [HingeSVCCV(), make_pipeline(HingeSVCCV()), GridSearchCV(HingeSVCCV(), {})],
    ids=lambda model: type(model).__name__,
)
def test_unfitted_is_refused(model, pyplot):
    with pytest.raises(NotFittedError):
        from_estimator(model)
    assert not pyplot.get_fignums()


@pytest.mark.parametrize(
    "model",
    [
        HingeSVC(),
        make_pipeline(LinearSVC()),
        GridSearchCV(HingeSVCCV(Cs=CS), {}, cv=2, refit=False),
    ],
    ids=["HingeSVC", "pipeline", "not refitted"],
)
def test_what_has_no_path_is_refused(model, pyplot):
    model.fit(*make_data())
    with pytest.raises(TypeError, match=f"{type(model).__name__} has no path of C"):
        from_estimator(model)
    assert not pyplot.get_fignums()


def test_a_path_and_a_fit_are_not_confused(cancer_search, cancer_path):
    with pytest.raises(TypeError, match=r"must be a HingePath, .* got a HingeSVCCV"):
        from_path(cancer_search)
    with pytest.raises(TypeError):
        from_estimator(cancer_path)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"kind": "all"}, ValueError, "kind must be one of 'both', 'curves', 'coefs'"),
        ({"n_features": 0}, ValueError, "n_features must be an integer from 1 on"),
        ({"label": 7}, ValueError, "label must be one of the classes 0, 1, got 7"),
        ({"feature_names": ["a"]}, ValueError, r"name the 30 features .*shape \(1,\)"),
        ({"ax": [None, None]}, TypeError, r"ax must be 2 Matplotlib Axes"),
        ({"ax": "here", "kind": "coefs"}, TypeError, "one Matplotlib Axes .* a str"),
    ],
)
def test_options_that_are_refused(
    cancer_search, cancer_path, pyplot, options, error, message
):
    with pytest.raises(error, match=message):
        from_estimator(cancer_search, **options)
    with pytest.raises(error, match=message):
        from_path(cancer_path, **options)
    assert not pyplot.get_fignums()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"Cs": np.array([1.0, -1.0])}, "Cs must be a vector of positive, finite"),
        ({"Cs": np.ones((2, 2))}, "Cs must be a vector"),
        ({"objectives": np.ones(2)}, r"objectives must be of shape \(n_folds, 2\)"),
        ({"scores": np.ones((5, 3))}, r"scores must be of shape \(n_folds, 2\), got"),
        ({"losses": np.ones(3)}, r"losses must be of shape \(2,\), got \(3,\)"),
        ({"coefs": np.ones((2, 1, 4))}, "classes must be given with coefs"),
        (
            {"coefs": np.ones((2, 1, 4)), "classes": [0, 1, 2]},
            r"coefs must be of shape \(2, 3, n_features\), got \(2, 1, 4\)",
        ),
    ],
)
def test_shapes_that_are_refused(wrong, message):
    right = {"Cs": np.array([0.1, 1.0]), "objectives": np.ones((5, 2))}
    with pytest.raises(ValueError, match=message):
        RegularizationPathDisplay(**(right | wrong))

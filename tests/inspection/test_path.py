"""RegularizationPathDisplay: what it shows of a path."""

import numpy as np
import pytest
from path_cases import (
    CS,
    assert_draws,
    from_estimator,
    from_path,
    heights,
    legend_of,
    names_of,
)
from samples import LOSSES, RULES, make_data
from sklearn.exceptions import ConvergenceWarning

from hingesvm.losses import CrammerSinger, get_loss
from hingesvm.metrics import neg_hinge_loss_scorer
from hingesvm.model_selection import HingeSVCCV, hinge_path

pytestmark = pytest.mark.usefixtures("pyplot")


def test_scores_and_objective_are_those_of_the_folds(cancer_search):
    display = from_estimator(cancer_search)
    np.testing.assert_array_equal(heights(display.fold_lines_), cancer_search.scores_)
    means = cancer_search.scores_.mean(axis=0)
    np.testing.assert_array_equal(display.score_line_.get_xdata(), CS)
    np.testing.assert_allclose(display.score_line_.get_ydata(), means)
    edges = display.band_.get_paths()[0].vertices
    errors = cancer_search.scores_.std(axis=0, ddof=1) / np.sqrt(5.0)
    for C, mean, error in zip(CS, means, errors, strict=True):
        found = edges[edges[:, 0] == C, 1]
        assert found.min() == pytest.approx(mean - error)
        assert found.max() == pytest.approx(mean + error)
    np.testing.assert_allclose(
        display.objective_line_.get_ydata(),
        (cancer_search.objectives_ / CS).mean(axis=0),
    )
    assert np.all(np.diff(display.objective_line_.get_ydata()) < 0.0)
    assert display.objective_line_.axes is display.objective_ax_
    assert display.objective_ax_ not in display.axes_
    assert display.loss_line_ is display.threshold_line_ is None
    for line in display.chosen_lines_:
        np.testing.assert_array_equal(line.get_xdata(), cancer_search.C_)
    assert_draws(display)


def test_weights_are_means_of_the_folds(cancer_search):
    display = from_estimator(cancer_search, n_features=4)
    means = cancer_search.coefs_paths_.mean(axis=0)[:, 0]
    at_chosen = np.abs(means[CS.index(cancer_search.C_)])
    assert list(display.features_) == np.argsort(-at_chosen)[:4].tolist()
    np.testing.assert_allclose(
        heights(display.coef_lines_), means[:, display.features_].T
    )
    assert names_of(display) == [f"x{feature}" for feature in display.features_]
    for line, text in zip(display.coef_lines_, display.name_texts_, strict=True):
        assert text.xy == pytest.approx((CS[-1], line.get_ydata()[-1]))
    assert len(from_estimator(cancer_search).coef_lines_) == 10
    assert len(from_estimator(cancer_search, n_features=99).coef_lines_) == 30


def test_labels_titles_and_legend(cancer_search, iris_search, cancer_path):
    display = from_estimator(cancer_search)
    left, right = display.axes_
    assert left.get_title() == (
        "HingeSVCCV: accuracy and objective\nalong the path of C"
    )
    assert right.get_title() == (
        "HingeSVCCV: the 10 largest of 30 weights of class 1,\nmeans of 5 folds"
    )
    for ax in display.axes_:
        assert ax.get_xlabel() == "C"
        assert ax.get_xscale() == "log"
    assert left.get_ylabel() == "accuracy"
    assert display.objective_ax_.get_ylabel() == "objective / C"
    assert right.get_ylabel() == "weight of a feature"
    assert legend_of(display) == [
        "mean accuracy of 5 folds",
        "one standard error on either side",
        "each fold",
        "objective / C (mean of the folds, right axis)",
        f"chosen: C = {cancer_search.C_:g}",
    ]
    display = from_estimator(iris_search, label="virginica", name="iris")
    assert display.axes_[1].get_title() == (
        "iris: the weights of class virginica,\nmeans of 5 folds"
    )
    display = from_path(cancer_path)
    left, right = display.axes_
    assert left.get_title() == "Objective and training loss\nalong the path of C"
    assert right.get_title() == "The 10 largest of 30 weights of class 1"
    assert legend_of(display) == ["objective / C", "loss, summed over the rows"]


def test_scores_that_failed_are_left_out():
    X, y = make_data()

    def score(estimator, X, y):
        if estimator.C == 0.1:
            raise ZeroDivisionError
        return estimator.score(X, y)

    search = HingeSVCCV([0.01, 0.1, 1.0], scoring=score, error_score=np.nan)
    with pytest.warns(UserWarning, match="could not be scored"):
        search.set_params(one_standard_error=True).fit(X, y)
    display = from_estimator(search)
    means = search.scores_.mean(axis=0)
    best = np.nanargmax(means)
    error = search.scores_[:, best].std(ddof=1) / np.sqrt(5.0)
    expected = 2 * [means[best] - error]
    np.testing.assert_allclose(display.threshold_line_.get_ydata(), expected)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_loss_of_a_path_is_that_of_the_rows(loss, rule):
    X, y = make_data()
    weights = np.linspace(0.0, 2.0, len(y))
    path = hinge_path(X, y, Cs=CS, loss=loss, sample_weight=weights, **rule)
    display = from_path(path)
    signs = np.where(y == 1, 1.0, -1.0)
    for place, height in enumerate(display.loss_line_.get_ydata()):
        scores = X @ path.coefs[place, 0] + path.intercepts[place, 0]
        expected = weights @ get_loss(loss).value(signs * scores)
        assert height == pytest.approx(expected)
    objectives = display.objective_line_.get_ydata()
    np.testing.assert_allclose(objectives, path.objectives / CS)
    assert display.objective_ax_ is display.axes_[0]
    assert display.score_line_ is display.band_ is None
    assert display.fold_lines_ == display.chosen_lines_ == []
    assert_draws(display)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_loss_of_a_path_of_all_classes_jointly(n_classes):
    X, y = make_data(n_classes=n_classes)
    path = hinge_path(X, y, Cs=CS, multi_class="crammer_singer")
    for place, height in enumerate(from_path(path).loss_line_.get_ydata()):
        scores = X @ path.coefs[place].T + path.intercepts[place]
        if n_classes == 2:
            scores = np.hstack([-0.5 * scores, 0.5 * scores])
        assert height == pytest.approx(CrammerSinger().value(scores, y).sum())


def test_losses_of_separated_classes_leave_the_objective_readable():
    X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    path = hinge_path(X, [0, 0, 1, 1], Cs=[0.01, 1.0, 100.0, 1e4])
    assert path.losses[-1] < 1e-9
    display = from_path(path)
    assert_draws(display)
    bottom, _ = display.axes_[0].get_ylim()
    assert bottom > 1e-3 * display.objective_line_.get_ydata()[-1]


def test_largest_weights_of_a_path_are_those_of_the_largest_cost(cancer_path):
    display = from_path(cancer_path, n_features=3)
    at_last = np.abs(cancer_path.coefs[-1, 0])
    assert list(display.features_) == np.argsort(-at_last)[:3].tolist()


def test_costs_are_drawn_in_ascending_order(scaled_cancer, cancer_path):
    backwards = from_path(hinge_path(*scaled_cancer, Cs=CS[::-1]))
    forwards = from_path(cancer_path)
    pairs = [
        (backwards.objective_line_, forwards.objective_line_),
        (backwards.loss_line_, forwards.loss_line_),
        *zip(backwards.coef_lines_, forwards.coef_lines_, strict=True),
    ]
    for one, other in pairs:
        np.testing.assert_array_equal(one.get_xdata(), CS)
        np.testing.assert_array_equal(one.get_ydata(), other.get_ydata())


def test_one_class_of_several_is_drawn(iris_search):
    display = from_estimator(iris_search, n_features=2)
    for place, label in enumerate(iris_search.classes_.tolist()):
        display.plot(label=label, n_features=2)
        means = iris_search.coefs_paths_.mean(axis=0)[:, place]
        np.testing.assert_allclose(
            heights(display.coef_lines_), means[:, display.features_].T
        )
        assert f"of class {label}" in display.axes_[1].get_title()
    display.plot()
    assert "of class setosa" in display.axes_[1].get_title()


def test_weights_of_the_first_of_two_classes_have_the_opposite_sign(cancer_path):
    second, first = from_path(cancer_path, label=1), from_path(cancer_path, label=0)
    np.testing.assert_array_equal(
        heights(second.coef_lines_), -heights(first.coef_lines_)
    )
    np.testing.assert_array_equal(
        heights(second.coef_lines_), heights(from_path(cancer_path).coef_lines_)
    )


def test_folds_without_a_class_have_no_part_in_its_weights():
    X, y = make_data(n_classes=3)
    rows = np.arange(len(y))
    folds = [(rows[y != 2], rows[y == 2]), (rows[::2], rows[1::2])]
    clf = HingeSVCCV(Cs=CS, cv=folds).fit(X, y)
    display = from_estimator(clf, label=2, n_features=6)
    np.testing.assert_allclose(
        heights(display.coef_lines_), clf.coefs_paths_[1, :, 2, display.features_]
    )
    clf = HingeSVCCV(Cs=CS, cv=folds[:1]).fit(X, y)
    with pytest.raises(ValueError, match="No fold has rows of class 2 to train on"):
        from_estimator(clf)


@pytest.mark.skipif(
    not hasattr(HingeSVCCV, "set_callbacks"), reason="scikit-learn has no callbacks"
)
def test_a_search_that_was_stopped_is_drawn_as_far_as_it_came(
    scaled_cancer, cancer_search
):
    class Stop:
        def setup(self, estimator, context): ...

        def teardown(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context):
            fold = context.parent
            if context.task_name == "fold":
                return context.task_id == 2
            return context.task_name == "C" and (fold.task_id, context.task_id) == (
                1,
                2,
            )

    places = [3, 0, 2, 1]
    clf = HingeSVCCV(Cs=np.array(CS)[places]).set_callbacks(Stop())
    with pytest.warns(ConvergenceWarning, match="stopped the search after 11 of 20"):
        clf.fit(*scaled_cancer)
    display = from_estimator(clf)
    np.testing.assert_array_equal(display.Cs, [0.001, 0.1, 0.01])
    line = display.score_line_
    np.testing.assert_array_equal(line.get_xdata(), CS[:3])
    np.testing.assert_allclose(
        line.get_ydata(), cancer_search.scores_[:3, :3].mean(axis=0)
    )
    assert len(display.fold_lines_) == 3
    for lines in (display.coef_lines_, [display.objective_line_]):
        assert np.isfinite(heights(lines)).all()
    assert_draws(display)


def test_one_standard_error(scaled_cancer, cancer_search):
    clf = HingeSVCCV(Cs=CS, one_standard_error=True).fit(*scaled_cancer)
    display = from_estimator(clf)
    means = clf.scores_.mean(axis=0)
    best = means.argmax()
    error = clf.scores_[:, best].std(ddof=1) / np.sqrt(5.0)
    np.testing.assert_allclose(
        display.threshold_line_.get_ydata(), 2 * [means[best] - error]
    )
    assert "best mean less one standard error" in legend_of(display)
    # The C chosen is the smallest whose mean is not below the line.
    assert min(np.array(CS)[means >= means[best] - error]) == clf.C_


def test_one_fold_has_no_band():
    X, y = make_data()
    rows = np.arange(len(y))
    clf = HingeSVCCV(Cs=CS, cv=[(rows[::2], rows[1::2])], one_standard_error=True)
    display = from_estimator(clf.fit(X, y))
    assert display.band_ is display.threshold_line_ is None
    assert display.fold_lines_ == []
    np.testing.assert_array_equal(display.score_line_.get_ydata(), clf.scores_[0])
    assert legend_of(display)[:2] == ["accuracy", "objective / C (right axis)"]
    assert_draws(display)


def test_one_cost_can_be_drawn(pyplot):
    X, y = make_data()
    assert_draws(from_path(hinge_path(X, y, Cs=[0.1])))
    assert_draws(from_estimator(HingeSVCCV(Cs=[0.1]).fit(X, y)))


def test_constant_columns_have_weights_of_0(pyplot):
    X, y = make_data()
    X[:, :] = 0.0
    display = from_path(hinge_path(X, y, Cs=CS))
    assert not heights(display.coef_lines_).any()
    assert_draws(display)


def test_without_refit_the_mean_of_the_best_is_marked():
    X, y = make_data()
    clf = HingeSVCCV(Cs=CS, refit=False, one_standard_error=True).fit(X, y)
    display = from_estimator(clf)
    assert display.threshold_line_ is None
    for line in display.chosen_lines_:
        np.testing.assert_array_equal(line.get_xdata(), clf.C_)
    nearest = np.abs(np.log(np.array(CS) / clf.C_)).argmin()
    means = clf.coefs_paths_.mean(axis=0)[nearest, 0]
    assert list(display.features_) == np.argsort(-np.abs(means)).tolist()


@pytest.mark.parametrize(
    ("scoring", "name"),
    [
        (None, "accuracy"),
        ("balanced_accuracy", "balanced accuracy"),
        (neg_hinge_loss_scorer, "score"),
    ],
)
def test_scores_are_named(scoring, name):
    X, y = make_data()
    clf = HingeSVCCV(Cs=CS, scoring=scoring).fit(X, y)
    assert from_estimator(clf).axes_[0].get_ylabel() == name
    display = from_estimator(clf, score_name="minus the hinge loss")
    assert display.axes_[0].get_ylabel() == "minus the hinge loss"

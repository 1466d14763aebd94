"""Fits that a callback stops."""

import numpy as np
import pytest
from callback_cases import Recorder, at_gap, counts, needs_callbacks, text_of_classes
from samples import make_data
from sklearn.exceptions import ConvergenceWarning

from hingesvm import HingeSVC


@needs_callbacks
@pytest.mark.parametrize("solver", ["auto", "stochastic", "batch", "pegasos"])
def test_stop_at_a_gap(solver):
    X, y = make_data(400, 8)
    # Its looks are further apart.
    bound = 0.5 if solver == "pegasos" else 0.3
    clf = HingeSVC(solver=solver, tol=1e-9).set_callbacks(Recorder(at_gap(bound)))
    with pytest.warns(ConvergenceWarning, match="was stopped by a callback after"):
        clf.fit(X, y)
    assert 1e-9 < clf.dual_gap_ / clf.objective_ <= bound * (1.0 + 1e-9)
    relative = clf.history_[0]["gap"] / clf.history_[0]["objective"]
    # One line more can be the certificate from scratch.
    assert np.all(relative[:-2] > bound)
    signs = np.where(y == clf.classes_[1], 1.0, -1.0)
    losses = np.maximum(0.0, 1.0 - signs * clf.decision_function(X))
    primal = 0.5 * np.sum(clf.coef_**2) + losses.sum()
    assert clf.objective_ == pytest.approx(primal)


@needs_callbacks
@pytest.mark.parametrize("form", ["crammer_singer", "weston_watkins"])
def test_stop_of_a_joint_problem(form):
    X, y = make_data(400, 8, n_classes=3)
    clf = HingeSVC(multi_class=form).set_callbacks(Recorder(at_gap(0.3)))
    with pytest.warns(ConvergenceWarning, match="was stopped by a callback after"):
        clf.fit(X, y)
    assert 1e-4 < clf.dual_gap_ / clf.objective_ <= 0.3


@needs_callbacks
def test_stop_before_the_first_step():
    X, y = make_data()
    clf = HingeSVC().set_callbacks(Recorder(at_gap(1.0)))
    with pytest.warns(ConvergenceWarning, match="stopped by a callback after 0"):
        clf.fit(X, y)
    assert not clf.coef_.any()
    assert clf.dual_gap_ == clf.objective_ == 2.0 * np.bincount(y).min()
    assert set(clf.predict(X)) <= set(y)


@needs_callbacks
def test_stop_behind_the_tolerance_is_no_failure():
    X, y = make_data()
    exact = HingeSVC().fit(X, y)
    clf = HingeSVC(tol=0.01).set_callbacks(Recorder(at_gap(0.01))).fit(X, y)
    assert len(clf.history_[0]) < len(exact.history_[0])
    assert clf.dual_gap_ <= 0.01 * clf.objective_


@needs_callbacks
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_stop_of_one_class_leaves_the_others_be(n_jobs):
    X, y = make_data(400, 8, n_classes=4)

    def stop(context, model):
        return context.task_name == "gap-check" and context.parent.task_id == 2

    clf = HingeSVC(n_jobs=n_jobs).set_callbacks(Recorder(stop))
    with pytest.warns(ConvergenceWarning, match="by a callback .* in 1 of the classes"):
        clf.fit(X, y)
    for number, history in enumerate(clf.history_):
        relative = history["gap"][-1] / history["objective"][-1]
        assert (relative > 1e-4) == (number == 2)


@needs_callbacks
@pytest.mark.parametrize("solver", ["auto", "stochastic"])
def test_stop_at_the_end_of_a_class_stops_the_others(solver):
    X, y = make_data(400, 8, n_classes=4)
    seen = Recorder(lambda context, model: context.task_name == "class")
    clf = HingeSVC(solver=solver, max_iter=5000).set_callbacks(seen)
    with pytest.warns(ConvergenceWarning, match="by a callback"):
        clf.fit(X, y)
    assert counts(seen.ended)["class"] == 4
    assert clf.coef_.shape == (4, 8)
    gaps = [h["gap"][-1] / h["objective"][-1] for h in clf.history_]
    assert min(gaps) <= 1e-4 < max(gaps)
    assert clf.dual_gap_ == pytest.approx(sum(h["gap"][-1] for h in clf.history_))


@needs_callbacks
def test_stop_of_classes_that_are_swept_together():
    X, y = text_of_classes()
    clf = HingeSVC(tol=1e-5).set_callbacks(Recorder(at_gap(0.9)))
    with pytest.warns(ConvergenceWarning, match="by a callback .* in 5 of the classes"):
        clf.fit(X, y)
    for history, w, b, label in zip(
        clf.history_, clf.coef_, clf.intercept_, clf.classes_, strict=True
    ):
        assert np.all(np.diff(history["iteration"]) >= 0)
        signs = np.where(np.asarray(y) == label, 1.0, -1.0)
        losses = np.maximum(0.0, 1.0 - signs * (X @ w + b))
        primal = 0.5 * (w @ w) + losses.sum()
        assert history["objective"][-1] == pytest.approx(primal, rel=1e-4)


@needs_callbacks
def test_closing_line_and_warning_name_the_callback(capsys):
    X, y = make_data()
    clf = HingeSVC(verbose=1).set_callbacks(Recorder(at_gap(0.5)))
    with pytest.warns(ConvergenceWarning, match="by a callback") as caught:
        clf.fit(X, y)
    assert caught[0].filename == __file__
    assert capsys.readouterr().out.splitlines()[-1].endswith("a callback stopped it")

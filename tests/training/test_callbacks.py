"""Callbacks of scikit-learn on the estimators: what they are told, and when."""

import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from callback_cases import Recorder, at_gap, counts, needs_callbacks, text_of_classes
from samples import make_data
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hingesvm import HingeSVC, HingeSVCCV


class Propagated(Recorder):
    max_propagation_depth = None


@needs_callbacks
@pytest.mark.parametrize("form", ["ovr", "crammer_singer"])
@pytest.mark.parametrize("solver", ["auto", "stochastic", "batch"])
def test_looks_of_one_problem_are_tasks(solver, form):
    X, y = make_data(n_classes=2 if form == "ovr" else 3)
    seen = Recorder()
    clf = HingeSVC(solver=solver, multi_class=form, tol=0.01).set_callbacks(seen)
    clf.fit(X, y)
    (history,) = clf.history_
    assert seen.calls == ["setup", "teardown"]
    assert seen.begun[0] == seen.ended[-1] == [("fit", 0)]
    expected = [[("fit", 0), ("gap-check", k)] for k in range(len(history))]
    assert seen.begun[1:] == seen.ended[:-1] == expected
    plain = clone(clf).set_callbacks().fit(X, y)
    np.testing.assert_array_equal(plain.coef_, clf.coef_)
    assert seen.given[0] is X
    assert seen.given[1] is y
    assert seen.given[2] is None


@needs_callbacks
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("solver", ["auto", "stochastic"])
def test_classes_are_tasks_with_looks_in_them(solver, n_jobs):
    X, y = make_data(n_classes=4)
    seen = Recorder()
    clf = HingeSVC(solver=solver, n_jobs=n_jobs).set_callbacks(seen).fit(X, y)
    looks = [len(history) for history in clf.history_]
    assert counts(seen.begun) == counts(seen.ended)
    assert counts(seen.ended) == {"fit": 1, "class": 4, "gap-check": sum(looks)}
    for number in range(4):
        within = [p for p in seen.ended if len(p) == 3 and p[1] == ("class", number)]
        assert [p[-1][1] for p in within] == list(range(looks[number]))


@needs_callbacks
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("form", ["ovr", "weston_watkins"])
def test_models_at_looks_have_the_objective_they_state(form, n_classes, dtype):
    X, y = make_data(n_classes=n_classes)
    X = X.astype(dtype)
    seen = Recorder()
    clf = HingeSVC(multi_class=form, solver="stochastic").set_callbacks(seen).fit(X, y)
    *looks, last = seen.models
    for model in looks:
        assert model.coef_.shape == clf.coef_.shape
        assert model.coef_.dtype == model.intercept_.dtype == dtype
        assert len(model.history_) == len(clf.history_)
        assert model.predict(X).shape == y.shape
        total = sum(history["objective"][-1] for history in model.history_)
        assert model.objective_ == pytest.approx(total)
        assert model.dual_gap_ <= model.objective_ * (1.0 + 1e-9)
        if form == "ovr":
            signs = np.where(y[:, None] == clf.classes_, 1.0, -1.0)
            signs = signs[:, 1:] if n_classes == 2 else signs
            scores = X @ model.coef_.T.astype(float) + model.intercept_
            primal = 0.5 * np.sum(model.coef_.astype(float) ** 2)
            primal += np.maximum(0.0, 1.0 - signs * scores).sum()
            assert model.objective_ == pytest.approx(primal, rel=1e-3)
    np.testing.assert_array_equal(last.coef_, clf.coef_)
    assert last.objective_ == clf.objective_


@needs_callbacks
def test_models_at_looks_of_classes_that_are_swept_together_are_true():
    X, y = text_of_classes()
    seen = Recorder()
    clf = HingeSVC(C=0.1).set_callbacks(seen).fit(X, y)
    assert len(seen.models) > 12
    signs = np.where(np.asarray(y)[:, None] == clf.classes_, 1.0, -1.0)
    for model in seen.models:
        scores = X @ model.coef_.T + model.intercept_
        primal = 0.5 * np.sum(model.coef_**2)
        primal += 0.1 * np.maximum(0.0, 1.0 - signs * scores).sum()
        assert model.objective_ == pytest.approx(primal, rel=1e-3)


@needs_callbacks
@pytest.mark.parametrize("n_classes", [2, 3])
def test_error_in_a_callback_leaves_the_estimator_as_it_was(n_classes):
    X, y = make_data(n_classes=n_classes)

    def fail(context, model):
        if context.task_name == "gap-check" and context.task_id == 2:
            raise KeyError("mine")

    seen = Recorder(fail)
    clf = HingeSVC(n_jobs=2).set_callbacks(seen)
    before = dict(vars(clf))
    with pytest.raises(KeyError, match="mine"):
        clf.fit(X, y)
    assert vars(clf) == before
    assert seen.calls == ["setup", "teardown"]
    seen.stop = lambda context, model: False
    assert clf.fit(X, y).score(X, y) > 0.5


@needs_callbacks
def test_callbacks_are_called_by_one_thread_at_a_time():
    X, y = make_data(n_classes=6)
    inside = threading.Lock()

    def alone(context, model):
        assert inside.acquire(blocking=False)
        inside.release()

    HingeSVC(n_jobs=2).set_callbacks(Recorder(alone)).fit(X, y)


@needs_callbacks
def test_sample_weights_are_metadata():
    X, y = make_data()
    weights = np.linspace(0.0, 1.0, len(X))
    seen = Recorder()
    HingeSVC().set_callbacks(seen).fit(X, y, weights)
    assert seen.given[2] == {"sample_weight": weights}
    assert seen.given[0] is X


@needs_callbacks
@pytest.mark.parametrize("model", [HingeSVC(), HingeSVCCV(Cs=[0.1, 1.0], cv=2)])
def test_clones_keep_callbacks_and_fitted_estimators_pickle(model):
    X, y = make_data()
    model = clone(model).set_callbacks(Propagated(at_gap(-1.0)))
    copy = clone(model).fit(X, y)
    (one,), (other,) = copy._skl_callbacks, model._skl_callbacks
    assert one is other
    one.stop, one.models = None, []
    again = pickle.loads(pickle.dumps(copy))
    np.testing.assert_array_equal(again.predict(X), copy.predict(X))
    assert not [name for name in vars(copy) if "callback_" in name]


@needs_callbacks
def test_pipeline_and_search_hand_callbacks_on():
    X, y = make_data()
    seen = Propagated()
    pipe = make_pipeline(StandardScaler(), HingeSVC()).set_callbacks(seen).fit(X, y)
    looks = len(pipe[-1].history_[0])
    assert counts(seen.ended)["gap-check"] == looks
    assert seen.calls == ["setup", "teardown"]
    seen = Propagated()
    pipe = make_pipeline(StandardScaler(), HingeSVC())
    search = GridSearchCV(pipe, {"hingesvc__C": [0.1, 1.0]}, cv=2)
    search.set_callbacks(seen).fit(X, y)
    kept = [task for task in seen.ended if task[-1][0] == "gap-check"]
    assert len({tuple(task[:-1]) for task in kept}) == 5
    assert not hasattr(search.best_estimator_[-1], "_skl_callbacks")


@needs_callbacks
def test_scoring_monitor_scores_each_look():
    from sklearn.callback import ScoringMonitor

    X, y = make_data()
    monitor = ScoringMonitor(scoring="accuracy")
    weights = np.ones(len(X))
    clf = HingeSVC().set_callbacks(monitor).fit(X, y, weights)
    rows = monitor.get_logs().data
    assert len(rows) == len(clf.history_[0]) + 1
    assert rows[0]["accuracy"] == clf.score(X, y)


BARS = """
from sklearn.callback import ProgressBar
from sklearn.datasets import load_iris
from hingesvm import HingeSVC, HingeSVCCV
X, y = load_iris(return_X_y=True)
HingeSVC().set_callbacks(ProgressBar()).fit(X[:100], y[:100])
HingeSVC(n_jobs=2).set_callbacks(ProgressBar()).fit(X, y)
HingeSVCCV(Cs=[0.1, 1.0], cv=2).set_callbacks(ProgressBar()).fit(X, y)
"""


@needs_callbacks
def test_progress_bars_in_a_terminal():
    pytest.importorskip("rich")
    pty = pytest.importorskip("pty")
    reader, writer = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
    process = subprocess.Popen(
        [sys.executable, "-c", BARS],
        stdin=writer,
        stdout=writer,
        stderr=writer,
        env=environment,
    )
    os.close(writer)
    shown = b""
    while True:
        try:
            part = os.read(reader, 65536)
        except OSError:
            # Linux says so at the end.
            break
        if not part:
            break
        shown += part
    os.close(reader)
    assert process.wait() == 0, shown.decode()
    assert "\x1b[" in shown.decode()
    for name in ["HingeSVC - fit", "HingeSVC - class #2", "HingeSVCCV - fold #1"]:
        assert name in shown.decode()
    assert "HingeSVCCV - refit #2" in shown.decode()
    assert "100%" in shown.decode()
    assert "Traceback" not in shown.decode()


OLDER = """
import pickle
import sys
import sklearn.model_selection, sklearn.pipeline
from sklearn.datasets import load_iris
new = sys.modules.pop("sklearn.callback", None)
sys.modules["sklearn.callback"] = None
from hingesvm import HingeSVC, HingeSVCCV
if new is None:
    del sys.modules["sklearn.callback"]
else:
    sys.modules["sklearn.callback"] = new
X, y = load_iris(return_X_y=True)
for model in [HingeSVC(), HingeSVCCV(Cs=[0.1, 1.0], cv=2)]:
    assert not hasattr(model, "set_callbacks")
    model = sklearn.base.clone(model).fit(X, y)
    assert pickle.loads(pickle.dumps(model)).score(X, y) > 0.9
"""


def test_older_scikit_learn_has_no_callbacks():
    subprocess.run([sys.executable, "-W", "error", "-c", OLDER], check=True)

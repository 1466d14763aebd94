"""Callbacks of scikit-learn on the estimators: what they see, and what they stop."""

import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from samples import make_data, text
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hingesvm import HingeSVC, HingeSVCCV

needs_callbacks = pytest.mark.skipif(
    not hasattr(HingeSVC, "set_callbacks"), reason="scikit-learn has no callbacks"
)


class Recorder:
    """Keeps what it is told; `stop` of a context and a model says when to stop."""

    def __init__(self, stop=lambda context, model: False):
        self.stop = stop
        self.calls = []
        self.begun, self.ended, self.models = [], [], []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self.begun.append(path(context))
        self.given = X, y, metadata

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.ended.append(path(context))
        self.models.append(fitted_estimator)
        return self.stop(context, fitted_estimator)

    def models_of(self, *names):
        """Return the models at the ends of tasks."""
        pairs = zip(self.ended, self.models, strict=True)
        return [model for at, model in pairs if tuple(n for n, _ in at) == names]


class Propagated(Recorder):
    max_propagation_depth = None


def path(context):
    """Return names and numbers of a task and those that it is a part of."""
    above = [] if context.parent is None else path(context.parent)
    return [*above, (context.task_name, context.task_id)]


def counts(seen):
    """Return how many tasks there are of each kind."""
    names = [task[-1][0] for task in seen]
    return {name: names.count(name) for name in names}


def at_gap(bound):
    """Return what stops at a look with a relative gap of at most `bound`."""

    def stop(context, model):
        if context.task_name != "gap-check":
            return False
        number = context.parent.task_id if context.parent.task_name == "class" else 0
        last = model.history_[number][-1]
        return last["gap"] <= bound * last["objective"]

    return stop


def text_of_classes(count=5):
    """Return sparse rows, enough of them for classes to be swept over together."""
    X, _ = text()
    scores = X @ np.random.default_rng(0).normal(size=(X.shape[1], count))
    return X, scores.argmax(axis=1)


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
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_folds_and_values_are_tasks(n_classes, refit, n_jobs):
    X, y = make_data(n_classes=n_classes)
    seen = Recorder()
    Cs = [1.0, 0.01, 0.1]
    clf = HingeSVCCV(Cs=Cs, cv=4, refit=refit, n_jobs=n_jobs).set_callbacks(seen)
    clf.fit(X, y)
    assert seen.begun[0] == seen.ended[-1] == [("fit", 0)]
    found = counts(seen.ended)
    assert counts(seen.begun) == found
    assert found["fold"] == 4
    assert found["C"] == 12
    assert found.get("refit", 0) == refit
    if refit:
        looks = [len(history) for history in clf.history_]
        assert found["gap-check"] == sum(looks)
        assert found.get("class", 0) == (n_classes if n_classes > 2 else 0)
    models = seen.models_of("fit", "fold", "C")
    assert {model.C_ for model in models} == set(Cs)
    for fold in range(4):
        own = [
            (task[-1][1], model)
            for task, model in zip(seen.ended, seen.models, strict=True)
            if task[1:2] == [("fold", fold)] and len(task) == 3
        ]
        assert [number for number, _ in own] == [0, 1, 2]
        assert [model.C_ for _, model in own] == sorted(Cs)
        for place, C in enumerate(Cs):
            (model,) = [model for _, model in own if model.C_ == C]
            np.testing.assert_array_equal(model.coef_, clf.coefs_paths_[fold, place])
            assert model.objective_ == clf.objectives_[fold, place]


@needs_callbacks
def test_folds_show_their_own_rows():
    X, y = make_data()
    seen = []

    class Rows(Recorder):
        def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None):
            if context.task_name == "C":
                seen.append((X, y, metadata))

    weights = np.linspace(1.0, 2.0, len(X))
    clf = HingeSVCCV(Cs=[0.1], cv=[(np.arange(90), np.arange(90, len(X)))])
    clf.set_callbacks(Rows()).fit(X, y, weights)
    ((rows, labels, metadata),) = seen
    np.testing.assert_array_equal(rows, X[:90])
    np.testing.assert_array_equal(labels, y[:90])
    np.testing.assert_array_equal(metadata["sample_weight"], weights[:90])


@needs_callbacks
@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("refit", [True, False])
def test_stop_of_a_fold_at_a_value(refit, keep):
    X, y = make_data()
    Cs = [1.0, 0.001, 0.01, 0.1]

    def stop(context, model):
        return context.task_name == "C" and model.C_ == 0.01

    whole = HingeSVCCV(Cs=Cs, cv=3).fit(X, y)
    clf = HingeSVCCV(Cs=Cs, cv=3, refit=refit, store_paths=keep)
    clf.set_callbacks(Recorder(stop))
    with pytest.warns(ConvergenceWarning, match="search after 6 of 12 fits") as caught:
        clf.fit(X, y)
    assert caught[0].filename == __file__
    known = np.array([False, True, True, False])
    np.testing.assert_array_equal(np.isfinite(clf.scores_), np.tile(known, (3, 1)))
    np.testing.assert_array_equal(clf.scores_[:, known], whole.scores_[:, known])
    if keep:
        paths = np.isfinite(clf.coefs_paths_).all(axis=(2, 3))
        np.testing.assert_array_equal(paths, np.isfinite(clf.scores_))
    if refit:
        best = int(np.argmax(whole.scores_[:, known].mean(axis=0)))
        assert [0.001, 0.01][best] == clf.C_
        np.testing.assert_array_equal(clf.coef_, HingeSVC(C=clf.C_).fit(X, y).coef_)
    assert np.isfinite(clf.coef_).all()


@needs_callbacks
@pytest.mark.parametrize("one_standard_error", [True, False])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_stop_of_the_search_after_a_fold(n_jobs, one_standard_error):
    X, y = make_data()
    seen = Recorder(lambda context, model: context.task_name == "fold")
    clf = HingeSVCCV(
        Cs=[0.01, 0.1], cv=5, n_jobs=n_jobs, one_standard_error=one_standard_error
    )
    clf.set_callbacks(seen)
    with pytest.warns(ConvergenceWarning, match="a callback stopped the search"):
        clf.fit(X, y)
    begun = np.isfinite(clf.scores_).any(axis=1)
    assert counts(seen.ended)["fold"] == begun.sum() <= n_jobs
    assert clf.C_ in (0.01, 0.1)
    assert clf.score(X, y) > 0.5


@needs_callbacks
def test_stop_of_the_last_fit_of_a_search():
    X, y = make_data()
    clf = HingeSVCCV(Cs=[0.01, 0.1], cv=2).set_callbacks(Recorder(at_gap(0.5)))
    message = "1 of 5 fits stopped before tol=.*stopped by a callback"
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        clf.fit(X, y)
    assert caught[0].filename == __file__
    assert 1e-4 < clf.dual_gap_ / clf.objective_ <= 0.5


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

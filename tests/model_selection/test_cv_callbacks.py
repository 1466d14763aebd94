"""Callbacks on HingeSVCCV: folds and values are tasks, and a search can be stopped."""

import numpy as np
import pytest
from callback_cases import Recorder, at_gap, counts, needs_callbacks
from samples import make_data
from sklearn.exceptions import ConvergenceWarning

from hingesvm import HingeSVC, HingeSVCCV


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

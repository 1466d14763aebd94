"""HingeSVCCV while it runs: threads, memory, lines, warnings and interrupts."""

import _thread
import itertools
import signal
import threading
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from samples import make_data
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold

from hingesvm import HingeSVC
from hingesvm.model_selection import HingeSVCCV

CS = [1.0, 0.01, 0.1]
RESULTS = [
    "scores_",
    "coefs_paths_",
    "intercepts_paths_",
    "objectives_",
    "dual_gaps_",
    "n_iters_",
    "coef_",
    "intercept_",
]


def assert_same_bits(one, two):
    for name in RESULTS:
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert one.C_ == two.C_


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
@pytest.mark.parametrize("solver", ["auto", "stochastic"])
def test_number_of_threads_does_not_change_the_bits(solver, kind):
    X, y = make_data(80, 4, n_classes=3)
    one, two, more = (
        HingeSVCCV(Cs=CS, cv=3, solver=solver, tol=0.01, n_jobs=n_jobs).fit(kind(X), y)
        for n_jobs in [1, 2, 5]
    )
    assert_same_bits(one, two)
    assert_same_bits(one, more)


@pytest.mark.parametrize("make", [int, np.random.RandomState])
def test_seeds_do_not_depend_on_threads(make):
    X, y = make_data(80, 4, n_classes=3)
    params = {"Cs": CS, "cv": 4, "solver": "stochastic", "tol": 0.05}
    one, two = (
        HingeSVCCV(random_state=make(3), n_jobs=n_jobs, **params).fit(X, y)
        for n_jobs in [1, 2]
    )
    assert_same_bits(one, two)
    other = HingeSVCCV(random_state=make(4), **params).fit(X, y)
    assert np.any(other.coefs_paths_ != one.coefs_paths_)
    last = HingeSVC(one.C_, solver="stochastic", tol=0.05, random_state=make(3))
    np.testing.assert_array_equal(last.fit(X, y).coef_, one.coef_)


def test_folds_run_in_as_many_threads_as_asked_for():
    X, y = make_data(60, 3)
    met = threading.Barrier(2)

    def score(estimator, X, y):
        # Waits until a second fold is being scored.
        met.wait(timeout=60.0)
        return float(np.mean(estimator.predict(X) == y))

    HingeSVCCV(Cs=[0.1], cv=4, scoring=score, n_jobs=2).fit(X, y)


@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_training_rows_are_not_copied(kind):
    X, y = make_data(50_000, 60, dtype=np.float32)
    size = X.nbytes
    if kind == "csr":
        X = sp.csr_matrix(X)
        size = X.data.nbytes + X.indices.nbytes
    search = HingeSVCCV(Cs=[1e-4, 1e-3, 1e-2], cv=5, tol=1e-2)
    tracemalloc.start()
    try:
        search.fit(X, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The training rows of a fold are 0.8 of this.
    assert peak < 0.65 * size


def test_folds_are_made_when_they_are_taken():
    X, y = make_data(60, 3)
    taken = []

    class Counting(KFold):
        def split(self, X, y=None, groups=None):
            for number, split in enumerate(super().split(X, y, groups)):
                taken.append(number)
                yield split

    def score(estimator, X, y):
        scored.append(len(taken))
        return 0.5

    scored = []
    HingeSVCCV(Cs=[0.1], cv=Counting(4), scoring=score).fit(X, y)
    assert scored == [1, 2, 3, 4]


def test_splitters_that_give_fewer_splits_than_they_said():
    class Short(KFold):
        def split(self, X, y=None, groups=None):
            yield from itertools.islice(super().split(X, y, groups), 2)

    X, y = make_data(60, 3)
    with pytest.raises(
        ValueError, match="cv said that it has 4 splits, but gave fewer"
    ):
        HingeSVCCV(Cs=[0.1], cv=Short(4)).fit(X, y)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_errors_of_scorers_come_out_and_change_nothing(n_jobs):
    X, y = make_data(60, 3)
    search = HingeSVCCV(Cs=CS, cv=3, n_jobs=n_jobs).fit(X, y)

    def score(estimator, X, y):
        if estimator.C == 1.0:
            raise ZeroDivisionError("of the scorer")
        return 0.5

    before = dict(vars(search.set_params(scoring=score)))
    with pytest.raises(ZeroDivisionError, match="of the scorer"):
        search.fit(X, y)
    assert vars(search).keys() == before.keys()
    assert all(vars(search)[name] is before[name] for name in before)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("refit", [True, False])
def test_scores_that_are_not_finite_are_refused(value, refit):
    X, y = make_data(60, 3)
    scores = iter([0.5, 0.5, 0.5, 0.5, value, 0.5])

    def score(estimator, X, y):
        return next(scores)

    search = HingeSVCCV(Cs=CS, cv=2, scoring=score, refit=refit)
    with pytest.raises(ValueError, match=f"fold 2 of 2 is {value} at C=0.1"):
        search.fit(X, y)
    assert not hasattr(search, "scores_")


@pytest.mark.parametrize("refit", [True, False])
def test_max_iter_warns_once_at_the_caller(refit):
    X, y = make_data(60, 3)
    search = HingeSVCCV(Cs=CS, cv=2, max_iter=1, tol=1e-14, refit=refit)
    with pytest.warns(ConvergenceWarning) as caught:
        search.fit(X, y)
    assert [one.filename for one in caught] == [__file__]
    fits = 7 if refit else 6
    assert f"HingeSVCCV: {fits} of {fits} fits stopped" in str(caught[0].message)
    assert "max_iter=1" in str(caught[0].message)
    assert np.all(search.n_iters_ == 1)
    assert np.all(np.isfinite(search.coefs_paths_))


def test_the_last_fit_alone_warns_too():
    # Of two rows both duals go to their bound in a sweep; of all they do not.
    X, y = make_data(400, 3)
    two = np.array([np.flatnonzero(y == 0)[0], np.flatnonzero(y == 1)[0]])
    search = HingeSVCCV(Cs=[0.1], cv=[(two, two)], max_iter=3, tol=1e-9)
    search.set_params(solver="stochastic", fit_intercept=False)
    with pytest.warns(ConvergenceWarning, match="1 of 2 fits"):
        search.fit(X, y)


def test_verbose_prints_a_line_for_each_fold_and_C(capsys):
    X, y = make_data(60, 3)
    search = HingeSVCCV(Cs=CS, cv=2).fit(X, y)
    assert capsys.readouterr() == ("", "")
    search.set_params(verbose=1).fit(X, y)
    out, err = capsys.readouterr()
    assert err == ""
    lines = [line for line in out.splitlines() if line.startswith("[HingeSVCCV] ")]
    assert len(lines) == 6
    for fold in range(2):
        for place, C in enumerate(CS):
            score = search.scores_[fold, place]
            start = f"[HingeSVCCV] fold {fold + 1} of 2, C={C:.4g}: "
            (line,) = (line for line in lines if line.startswith(start))
            shown = float(line.split("score ")[1].split()[0])
            assert shown == pytest.approx(score, 1e-5)
    assert lines == out.splitlines()
    search.set_params(verbose=2).fit(X, y)
    starts = ("[HingeSVCCV] fold ", "[HingeSVC] ")
    out = capsys.readouterr().out.splitlines()
    assert all(line.startswith(starts) for line in out)
    assert sum(line.startswith(starts[0]) for line in out) == 6
    assert len(out) > 12


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_interrupt_leaves_a_fitted_search_as_it_was(n_jobs):
    before_signal = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        X, y = make_data(20_000, 50, dtype=np.float32)
        search = HingeSVCCV(Cs=[1e-3], cv=3, n_jobs=n_jobs).fit(X[:300], y[:300])
        search.set_params(solver="pegasos", tol=1e-300, max_iter=10**9, Cs=[1.0])
        before = dict(vars(search))
        coef = search.coef_.copy()
        threads = threading.active_count()
        timer = threading.Timer(0.3, _thread.interrupt_main)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            search.fit(X, y)
        timer.join()
        assert threading.active_count() == threads
        assert vars(search).keys() == before.keys()
        assert all(vars(search)[name] is before[name] for name in before)
        np.testing.assert_array_equal(search.coef_, coef)
    finally:
        signal.signal(signal.SIGINT, before_signal)

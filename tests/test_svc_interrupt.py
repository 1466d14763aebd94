"""HingeSVC among threads: fits side by side, and fits that are interrupted."""

import _thread
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import wraps

import numpy as np
import pytest
import scipy.sparse as sp
from samples import SOLVERS, make_data
from sklearn.base import clone

from hingesvm import HingeSVC
from hingesvm.kernels import build
from hingesvm.rows.team import Team

# Calls of kernels between two looks of a thread at whether it is to end, at most.
FEW = 20


@pytest.fixture(autouse=True)
def interrupts_are_heard():
    """A job in the background of a shell is started with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("solver", SOLVERS)
def test_number_of_threads_does_not_change_the_bits(solver):
    X, y = make_data(300, 6, n_classes=4)
    one, two, all_threads = (
        HingeSVC(solver=solver, tol=0.05, n_jobs=n_jobs).fit(X, y)
        for n_jobs in [1, 2, -1]
    )
    for other in [two, all_threads]:
        np.testing.assert_array_equal(other.coef_, one.coef_)
        np.testing.assert_array_equal(other.intercept_, one.intercept_)
        assert other.objective_ == one.objective_
        assert other.n_iter_ == one.n_iter_


@pytest.mark.parametrize("solver", SOLVERS)
def test_fits_side_by_side_give_the_bits_of_one_after_the_other(solver):
    data = [make_data(2000, 20, seed=seed) for seed in range(4)]

    def fit(rows_and_labels):
        return HingeSVC(solver=solver, tol=0.1).fit(*rows_and_labels)

    alone = [fit(each) for each in data]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(fit, data))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.coef_, other.coef_)
        np.testing.assert_array_equal(one.intercept_, other.intercept_)
        assert one.objective_ == other.objective_


class Striker:
    """Interrupts the main thread after one of its calls of a kernel; counts calls.

    A signal that comes while a kernel runs is seen once it has returned. Other threads
    then wait until they are told to end, so that nothing depends on who is faster.
    """

    def __init__(self, monkeypatch):
        self.at, self.meet = None, False
        self.struck, self.told = threading.Event(), threading.Event()
        self.arrived = threading.Event()
        self.at_work = set()
        self.calls, self.later = Counter(), Counter()
        for name in build.__all__[1:]:
            module = getattr(build, name)
            for attribute, value in list(vars(module).items()):
                if callable(value) and not attribute.startswith("_"):
                    monkeypatch.setattr(module, attribute, self._counted(value))
        monkeypatch.setattr(Team, "run", self._observed(Team.run))

    def _observed(self, run):
        """Return `Team.run` that tells who is at work, and when others are to end."""

        def observed(team, function, cancel=None, size=None):
            together = threading.Barrier(team.size if size is None else size)

            def begin(number):
                self.at_work.add(number)
                together.wait(60.0)
                try:
                    return function(number)
                finally:
                    self.at_work.discard(number)
                    if number:
                        self.arrived.set()

            def tell():
                if cancel is not None:
                    cancel()
                self.told.set()

            return run(team, begin, tell, size)

        return observed

    def _counted(self, kernel):
        @wraps(kernel)
        def counted(*args, **kwargs):
            thread = threading.current_thread()
            is_main = thread is threading.main_thread()
            if self.struck.is_set():
                self.arrived.set()
                assert is_main or self.told.wait(60.0)
                self.later[thread] += 1
            self.calls[thread] += 1
            result = kernel(*args, **kwargs)
            if is_main and not self.struck.is_set() and self._is_time(thread):
                self.struck.set()
                assert not self.meet or self.arrived.wait(60.0)
                _thread.interrupt_main()
            return result

        return counted

    def _is_time(self, main):
        if self.at is None or self.calls[main] < self.at:
            return False
        # Set again by a thread that leaves after the next line.
        self.arrived.clear()
        return not self.meet or bool(self.at_work - {0})

    def count(self, fit):
        """Return how often a fit that nobody interrupts calls kernels."""
        self._reset(None)
        fit()
        return self.calls.total()

    def strike(self, fit, at, *, meet=False):
        """Interrupt a fit after so many calls; check that all threads end there.

        With `meet` not before another thread works, too.
        """
        self._reset(at, meet)
        with pytest.raises(KeyboardInterrupt):
            fit()
        main = threading.main_thread()
        assert self.calls[main] == at or meet
        assert self.later.pop(main, 0) == 0
        assert all(count <= FEW for count in self.later.values())

    def _reset(self, at, meet=False):
        self.at, self.meet = at, meet
        for event in (self.struck, self.told, self.arrived):
            event.clear()
        for counter in (self.calls, self.later):
            counter.clear()


@pytest.fixture
def striker(monkeypatch):
    # A pass over the rows below is some twenty calls.
    monkeypatch.setattr("hingesvm.rows.divided._ENTRIES_PER_CHUNK", 1 << 12)
    return Striker(monkeypatch)


def spread_out(X):
    """Return the same rows, spread over more columns."""
    columns = np.random.default_rng(0).permutation(5000)[: X.shape[1]]
    starts = np.arange(0, X.size + 1, X.shape[1])
    parts = (X.ravel(), np.tile(columns, len(X)), starts)
    return sp.csr_array(parts, shape=(len(X), 5000))


@pytest.fixture(scope="module")
def rows_and_labels():
    return make_data(4000, 20, n_classes=5, dtype=np.float32)


def moments(calls):
    """Return after which of so many calls to interrupt: early, late and between."""
    return sorted({1, 2, 3, calls // 4, calls // 2, calls - 1, calls} - {0})


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_kernels_return_after_so_many_rows(
    striker, monkeypatch, rows_and_labels, solver, kind
):
    X, y = rows_and_labels[0], rows_and_labels[1] > 1
    if kind == "sparse":
        X = spread_out(X)
    clf = HingeSVC(solver=solver, tol=0.1)
    calls = striker.count(lambda: clf.fit(X, y))
    monkeypatch.setattr("hingesvm.rows.divided._ENTRIES_PER_CHUNK", X.size)
    assert calls > 3 * striker.count(lambda: clf.fit(X, y))


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_interrupt_leaves_at_once_and_unfitted(striker, rows_and_labels, solver, kind):
    X, y = rows_and_labels[0], rows_and_labels[1] > 1
    if kind == "sparse":
        X = spread_out(X)
    clf = HingeSVC(solver=solver, tol=0.1)
    before = dict(vars(clf))
    for at in moments(striker.count(lambda: clone(clf).fit(X, y))):
        striker.strike(lambda: clf.fit(X, y), at)
        assert vars(clf) == before


@pytest.mark.parametrize("solver", ["auto", "stochastic", "batch"])
def test_interrupt_leaves_a_fitted_estimator_as_it_was(
    striker, rows_and_labels, solver
):
    X, y = rows_and_labels[0], rows_and_labels[1] > 1
    clf = HingeSVC(C=1e-4, solver=solver, tol=0.1, warm_start=True)
    clf.fit(X[:1000], y[:1000]).set_params(tol=1e-3, C=1.0)
    before = dict(vars(clf))
    coef = clf.coef_.copy()
    for at in moments(striker.count(lambda: deepcopy(clf).fit(X, y))):
        striker.strike(lambda: clf.fit(X, y), at)
        assert vars(clf).keys() == before.keys()
        assert all(vars(clf)[name] is before[name] for name in before)
        np.testing.assert_array_equal(clf.coef_, coef)


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("solver", ["auto", "stochastic", "batch"])
def test_interrupt_ends_the_fits_of_other_threads(
    striker, monkeypatch, rows_and_labels, solver, n_classes
):
    X, y = rows_and_labels
    if n_classes == 2:
        y = y > 1
        # Threads share the sweeps over one problem.
        X = spread_out(X)
        monkeypatch.setattr("hingesvm.rows.divided._ENTRIES_PER_SHARE", 1)
        monkeypatch.setattr("hingesvm.solvers.sweeping.shares._LEAST_ENTRIES", 0.0)
    clf = HingeSVC(solver=solver, tol=1e-3, n_jobs=2)
    threads = threading.active_count()
    assert striker.count(lambda: clone(clf).fit(X, y)) > 200
    for at in [1, 2, 10, 30, 60]:
        striker.strike(lambda: clf.fit(X, y), at, meet=n_classes > 2)
        assert not hasattr(clf, "coef_")
        assert threading.active_count() == threads

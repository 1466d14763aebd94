"""HingeSVC among threads: fits side by side, and fits that are interrupted."""

import _thread
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp
from samples import SOLVERS, make_data

from hingesvm import HingeSVC

# What a user is promised is 0.2 s; machines that run tests are busy.
PATIENCE = 0.5


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


def seconds_to_leave(fit, delay=0.1):
    """Interrupt a fit that would take long; return how long it took to leave."""
    struck = []

    def strike():
        struck.append(time.perf_counter())
        _thread.interrupt_main()

    timer = threading.Timer(delay, strike)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            fit()
        return time.perf_counter() - struck[0]
    finally:
        timer.cancel()
        timer.join()


def endless(**params):
    """Return an estimator whose tolerance is out of reach."""
    return HingeSVC(tol=1e-300, max_iter=10**9, **params)


def spread_out(X):
    """Return the same rows, spread over more columns."""
    columns = np.random.default_rng(0).permutation(5000)[: X.shape[1]]
    starts = np.arange(0, X.size + 1, X.shape[1])
    parts = (X.ravel(), np.tile(columns, len(X)), starts)
    return sp.csr_array(parts, shape=(len(X), 5000))


@pytest.fixture(scope="module")
def large():
    return make_data(100_000, 100, n_classes=5, dtype=np.float32)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_interrupt_leaves_at_once_and_unfitted(large, solver, kind):
    X, y = large[0], large[1] > 1
    if kind == "sparse":
        X = spread_out(X)
    clf = endless(solver=solver)
    before = dict(vars(clf))
    assert seconds_to_leave(lambda: clf.fit(X, y)) < PATIENCE
    assert vars(clf) == before


@pytest.mark.parametrize("solver", ["auto", "stochastic", "batch"])
def test_interrupt_leaves_a_fitted_estimator_as_it_was(large, solver):
    X, y = large[0], large[1] > 1
    clf = endless(solver=solver).set_params(tol=0.1, C=1e-4, warm_start=True)
    clf.fit(X[:1000], y[:1000])
    clf.set_params(tol=1e-300, C=1.0)
    before = dict(vars(clf))
    coef = clf.coef_.copy()
    assert seconds_to_leave(lambda: clf.fit(X, y)) < PATIENCE
    assert vars(clf).keys() == before.keys()
    assert all(vars(clf)[name] is before[name] for name in before)
    np.testing.assert_array_equal(clf.coef_, coef)


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("solver", ["auto", "stochastic", "batch"])
def test_interrupt_ends_the_fits_of_other_threads(large, solver, n_classes):
    X, y = large
    if n_classes == 2:
        y = y > 1
        # Threads share the sweeps over one problem.
        X = spread_out(X)
    clf = endless(solver=solver, n_jobs=2)
    threads = threading.active_count()
    assert seconds_to_leave(lambda: clf.fit(X, y)) < PATIENCE
    assert not hasattr(clf, "coef_")
    deadline = time.perf_counter() + 5.0
    while threading.active_count() > threads and time.perf_counter() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == threads

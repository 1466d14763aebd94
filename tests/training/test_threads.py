"""Calls in threads: their order, their number, and what happens when one fails."""

import os
import threading

import joblib
import numpy as np
import pytest
from samples import make_data, text

from hingesvm import HingeSVC
from hingesvm.training import threads
from hingesvm.training.threads import map_in_threads, team_of


@pytest.fixture
def processors(monkeypatch):
    """Let there be so many, whatever the machine has."""

    def set_count(count):
        monkeypatch.setattr(threads, "cpu_count", lambda: count)

    set_count(16)
    return set_count


@pytest.fixture
def started(monkeypatch):
    """The threads that were started."""
    threads, start = [], threading.Thread.start

    def spy(thread):
        threads.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", spy)
    return threads


def never():
    raise AssertionError("cancelled")


@pytest.mark.parametrize("n_jobs", [None, 1, 2, 3, -1])
@pytest.mark.parametrize("count", [0, 1, 2, 20])
def test_results_are_in_the_order_of_items(n_jobs, count):
    assert map_in_threads(lambda k: k * k, range(count), n_jobs, never) == [
        k * k for k in range(count)
    ]


@pytest.mark.parametrize(("n_jobs", "expected"), [(None, 1), (1, 1), (3, 3), (9, 5)])
def test_number_of_threads_is_that_of_jobs_and_at_most_that_of_items(
    processors, n_jobs, expected
):
    everybody = threading.Barrier(expected)
    seen = set()

    def meet(place):
        if place < expected:
            everybody.wait(60.0)
        seen.add(threading.get_ident())

    map_in_threads(meet, range(5), n_jobs, never)
    assert len(seen) == expected
    assert threading.get_ident() in seen


@pytest.mark.parametrize("count", [1, 2])
def test_threads_are_no_more_than_processors(processors, started, count):
    processors(count)
    assert map_in_threads(lambda k: k, range(5), 8, never) == list(range(5))
    assert len(started) == count - 1
    team = team_of(8)
    assert (team.size, team.n_threads) == (8, count)
    assert team_of(8, 3).size == 3


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="affinity is of some systems"
)
def test_processors_are_those_that_the_process_may_use():
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert team_of(8).n_threads == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_bits_and_threads_of_a_fit_with_fewer_processors(
    processors, started, n_classes
):
    if n_classes == 2:
        X, y = text(4000, 2000)
    else:
        X, y = make_data(2000, 20, n_classes)
    found = []
    for count in [4, 2, 1]:
        processors(count)
        started.clear()
        found.append(HingeSVC(n_jobs=4, tol=1e-3).fit(X, y))
        assert len(started) <= (count - 1) * (1 if n_classes == 2 else 2)
        assert bool(started) == (count > 1)
    for other in found[1:]:
        np.testing.assert_array_equal(other.coef_, found[0].coef_)
        np.testing.assert_array_equal(other.intercept_, found[0].intercept_)
        assert other.n_iter_ == found[0].n_iter_


def test_context_of_joblib_sets_the_number_of_threads(processors):
    everybody = threading.Barrier(2)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        map_in_threads(lambda _: everybody.wait(60.0), range(2), None, never)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("failing", [0, 1, 5])
def test_first_failure_ends_the_others_and_is_raised(n_jobs, kind, failing):
    cancelled = threading.Event()
    begun = []

    def call(place):
        begun.append(place)
        if place == failing:
            raise kind("this one")
        if place > failing:
            assert cancelled.wait(60.0)
            raise RuntimeError("another one")

    before = threading.active_count()
    with pytest.raises(kind, match="this one"):
        map_in_threads(call, range(20), n_jobs, cancelled.set)
    assert cancelled.is_set()
    assert len(begun) <= failing + 3
    assert threading.active_count() == before

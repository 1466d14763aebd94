"""Calls in threads: their order, their number, and what happens when one fails."""

import threading

import joblib
import pytest

from hingesvm._threads import map_in_threads


def never():
    raise AssertionError("cancelled")


@pytest.mark.parametrize("n_jobs", [None, 1, 2, 3, -1])
@pytest.mark.parametrize("count", [0, 1, 2, 20])
def test_results_are_in_the_order_of_items(n_jobs, count):
    assert map_in_threads(lambda k: k * k, range(count), n_jobs, never) == [
        k * k for k in range(count)
    ]


@pytest.mark.parametrize(("n_jobs", "expected"), [(None, 1), (1, 1), (3, 3), (9, 5)])
def test_number_of_threads_is_that_of_jobs_and_at_most_that_of_items(n_jobs, expected):
    everybody = threading.Barrier(expected)
    seen = set()

    def meet(place):
        if place < expected:
            everybody.wait(60.0)
        seen.add(threading.get_ident())

    map_in_threads(meet, range(5), n_jobs, never)
    assert len(seen) == expected
    assert threading.get_ident() in seen


def test_context_of_joblib_sets_the_number_of_threads():
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

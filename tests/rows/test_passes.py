"""Passes that problems share: each sees every batch, none waits for ever."""

import threading
import time

import pytest

from hingesvm.rows.passes import Passes

BATCHES = [(slice(0, 2), "a"), (slice(2, 5), "b")]


def run(visits):
    for place, part in BATCHES:
        for visit in visits:
            visit(place, part)


def never():
    """Check for nothing."""


def seen_by(passes, n_passes, check=never):
    """What a problem that takes so many passes sees."""
    seen = []
    for _ in range(n_passes):
        passes.take(lambda place, part: seen.append((place, part)), check)
    return seen


def test_one_problem_takes_its_own():
    passes = Passes(run)
    assert seen_by(passes, 3) == BATCHES * 3
    assert passes.count == 3


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_problems_take_as_many_together_as_the_longest(n_threads):
    passes, wanted = Passes(run), [3, 1, 7, 0, 2]
    found = passes.in_step(
        lambda k: seen_by(passes, wanted[k]), 5, n_threads, lambda: None
    )
    assert [len(seen) for seen in found] == [2 * count for count in wanted]
    assert passes.count == 7
    # And alone again.
    assert seen_by(passes, 1) == BATCHES
    assert passes.count == 8


@pytest.mark.parametrize("n_threads", [1, 2])
def test_no_more_are_worked_on_than_threads(n_threads):
    passes, lock, at_work, most = Passes(run), threading.Lock(), [0], [0]

    def solve(_):
        for _ in range(3):
            with lock:
                at_work[0] += 1
                most[0] = max(most[0], at_work[0])
            time.sleep(0.002)
            with lock:
                at_work[0] -= 1
            seen_by(passes, 1)

    passes.in_step(solve, 6, n_threads, lambda: None)
    assert most[0] <= n_threads


@pytest.mark.parametrize("fails", [0, 2])
def test_an_error_of_one_ends_the_others(fails):
    passes, cancelled, ended = Passes(run), threading.Event(), []

    def check():
        if cancelled.is_set():
            raise RuntimeError("cancelled")

    def solve(number):
        try:
            seen_by(passes, 2, check)
            if number == fails:
                raise ValueError("of one")
            seen_by(passes, 50, check)
        finally:
            ended.append(number)

    with pytest.raises(ValueError, match="of one"):
        passes.in_step(solve, 4, 2, cancelled.set)
    assert sorted(ended) == [0, 1, 2, 3]
    assert passes.count <= 3


def test_an_error_in_a_pass_is_raised():
    def broken(visits):
        raise OSError("no such file")

    for count in (1, 3):
        passes = Passes(broken)
        with pytest.raises(OSError, match="no such file"):
            passes.in_step(lambda _, p=passes: seen_by(p, 2), count, 2, lambda: None)


def test_an_error_of_a_visit_is_raised():
    passes = Passes(run)

    def solve(number):
        def visit(place, part):
            if number == 1 and part == "b":
                raise ZeroDivisionError

        passes.take(visit, never)

    with pytest.raises(ZeroDivisionError):
        passes.in_step(solve, 3, 1, lambda: None)

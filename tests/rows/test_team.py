"""Threads that share one problem: who works, and what becomes of errors."""

import signal
import threading
from queue import SimpleQueue

import pytest

from hingesvm.rows import team as team_module
from hingesvm.rows.team import Team


@pytest.mark.parametrize("size", [1, 2, 5])
def test_each_member_is_called_by_a_thread_of_its_own(size):
    barrier = threading.Barrier(size)

    def meet(member):
        barrier.wait(60.0)
        return member, threading.get_ident()

    with Team(size) as team:
        for _ in range(3):
            found = team.run(meet)
            assert [member for member, _ in found] == list(range(size))
            assert found[0][1] == threading.get_ident()
            assert len({thread for _, thread in found}) == size


def test_fewer_members_than_there_are():
    with Team(3) as team:
        assert team.run(lambda member: member, size=2) == [0, 1]
        assert team.run(lambda member: member, size=1) == [0]
        assert team.run(lambda member: member) == [0, 1, 2]


@pytest.mark.parametrize(("size", "n_threads"), [(5, 2), (3, 1), (4, 9)])
def test_members_can_be_more_than_threads(size, n_threads):
    before = threading.active_count()
    with Team(size, n_threads) as team:
        assert team.n_threads == min(n_threads, size)
        barrier = threading.Barrier(team.n_threads)
        found = team.run(lambda member: (member, threading.get_ident()))
        assert [member for member, _ in found] == list(range(size))
        assert len({thread for _, thread in found}) <= team.n_threads
        assert threading.active_count() == before + team.n_threads - 1
        # So many are called at once.
        team.run(lambda _: barrier.wait(10.0), size=team.n_threads)
    assert threading.active_count() == before


def test_members_that_wait_for_a_thread_are_not_called_after_an_error():
    called = []

    def work(member):
        called.append(member)
        if member == 1:
            raise ValueError("no")

    with Team(5, 1) as team, pytest.raises(ValueError, match="no"):
        team.run(work)
    assert called == [0, 1]


def test_members_can_ask_whether_another_has_failed():
    failed, ends = threading.Event(), []

    def work(member):
        team.check()
        if member == 1:
            raise ValueError("no")
        assert failed.wait(10.0)
        try:
            team.check()
        except Exception as error:
            ends.append(error)
            raise

    with Team(2) as team:
        with pytest.raises(ValueError, match="no"):
            team.run(work, failed.set)
        assert len(ends) == 1
        # And then it is forgotten.
        team.check()
        team.run(lambda member: team.check())


def test_threads_begin_with_the_first_work_and_end_with_the_team():
    before = threading.active_count()
    with Team(4) as team:
        assert threading.active_count() == before
        team.run(lambda member: None)
        assert threading.active_count() == before + 3
    assert threading.active_count() == before


@pytest.mark.parametrize("fails", [0, 1, 2])
def test_an_error_is_raised_when_all_have_returned(fails):
    returned, cancelled = [], threading.Event()

    def work(member):
        if member == fails:
            raise ValueError(f"member {member}")
        assert cancelled.wait(60.0)
        returned.append(member)

    before = threading.active_count()
    with Team(3) as team, pytest.raises(ValueError, match=f"member {fails}"):
        team.run(work, cancelled.set)
    assert sorted(returned) == [member for member in range(3) if member != fails]
    assert threading.active_count() == before


@pytest.mark.skipif(
    not hasattr(signal, "pthread_kill"), reason="signals of threads are of POSIX"
)
def test_an_interrupt_while_others_work_cancels_them():
    cancelled = threading.Event()

    def work(member):
        if member == 1:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            assert cancelled.wait(60.0)

    # A job in the background of a shell is started with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Team(2) as team, pytest.raises(KeyboardInterrupt):
            team.run(work, cancelled.set)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_team_works_on_after_an_error():
    def fail(member):
        raise ValueError("no")

    with Team(2) as team:
        with pytest.raises(ValueError, match="no"):
            team.run(fail)
        assert team.run(lambda member: member) == [0, 1]


def test_an_interrupt_may_swallow_what_a_member_says(monkeypatch):
    struck = []

    class Lossy(SimpleQueue):
        def get(self, *args, **kwargs):
            said = super().get(*args, **kwargs)
            if not struck:
                struck.append(said)
                raise KeyboardInterrupt
            return said

    with Team(2) as team:
        team.run(lambda member: member)
        monkeypatch.setattr(team_module, "SimpleQueue", Lossy)
        with pytest.raises(KeyboardInterrupt):
            team.run(lambda member: member)
        assert struck
        assert team.run(lambda member: member) == [0, 1]

"""Workers that die in the middle of a fit."""

import os
import signal
import time

import pytest

pytest.importorskip("distributed")

from dask import delayed
from distributed import wait
from sklearn.datasets import make_classification

from hingesvm import HingeSVC
from hingesvm.dask import DaskHingeSVC
from hingesvm.dask._cluster import DaskBlocks

from .conftest import chunked
from .test_estimator import assert_same_optimum, wide_text


def kill_one(client):
    """Kill a worker, and return when it is gone."""
    address, process = sorted(client.run(os.getpid).items())[0]
    os.kill(process, signal.SIGKILL)
    while address in client.nthreads():
        time.sleep(0.01)


def killing(monkeypatch, client, method, name):
    """Let a worker die before the first request of a name."""
    ask = getattr(DaskBlocks, method)
    killed = []

    def first_kill(self, asked, *args, **kwargs):
        if asked == name and not killed:
            killed.append(asked)
            kill_one(client)
        return ask(self, asked, *args, **kwargs)

    monkeypatch.setattr(DaskBlocks, method, first_kill)
    return killed


@pytest.mark.parametrize("name", ["gather", "look"])
def test_blocks_of_a_worker_that_dies_begin_anew(fragile, monkeypatch, table, name):
    X, y = table
    killed = killing(monkeypatch, fragile, "ask", name)
    clf = DaskHingeSVC(client=fragile).fit(*chunked(X, y))
    assert killed
    assert clf.dual_gap_ <= 1e-4 * clf.objective_
    assert_same_optimum(clf, HingeSVC().fit(X, y))


def test_sweeps_go_on_after_a_worker_has_died(fragile, monkeypatch):
    X, y = wide_text()
    parts = [
        delayed((X[k : k + 2000], y[k : k + 2000])) for k in range(0, 12_000, 2000)
    ]
    chain, count = DaskBlocks.chain, []

    def second_kill(self, *args):
        count.append(1)
        if len(count) == 2:
            kill_one(fragile)
        return chain(self, *args)

    monkeypatch.setattr(DaskBlocks, "chain", second_kill)
    clf = DaskHingeSVC(client=fragile, tol=1e-3).fit(parts)
    assert clf.dual_gap_ <= 1e-3 * clf.objective_
    assert_same_optimum(clf, HingeSVC(tol=1e-3).fit(X, y))


def test_data_that_are_gone_for_good(fragile, monkeypatch):
    X, y = make_classification(12_000, 5, random_state=0)
    addresses = sorted(fragile.nthreads())
    parts = [
        fragile.scatter([(X[k::4], y[k::4])], workers=[where], hash=False)[0]
        for k, where in enumerate(2 * addresses)
    ]
    wait(parts)
    killing(monkeypatch, fragile, "ask", "gather")
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="gone for good"):
        DaskHingeSVC(client=fragile).fit(parts)
    assert time.monotonic() - began < 30.0


def test_partitions_that_take_a_while_to_be_made_anew(
    fragile, monkeypatch, table, tmp_path
):
    X, y = table

    def made(number):
        marker = tmp_path / str(number)
        if marker.exists():
            time.sleep(2.0)
        marker.touch()
        return X[number::4], y[number::4]

    killed = killing(monkeypatch, fragile, "ask", "look")
    parts = [delayed(made, pure=False)(number) for number in range(4)]
    clf = DaskHingeSVC(client=fragile).fit(parts)
    assert killed
    assert_same_optimum(clf, HingeSVC().fit(X, y))

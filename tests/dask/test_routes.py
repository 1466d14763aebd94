"""What takes the way from workers to the client, and what through the scheduler."""

import asyncio

import pytest

pytest.importorskip("distributed")

import numpy as np
import scipy.sparse as sp
from dask import delayed
from distributed import Client
from sklearn.datasets import make_classification

from hingesvm import HingeSVC
from hingesvm.dask import DaskHingeSVC, _cluster

from .conftest import chunked
from .test_cluster import kill_one
from .test_estimator import assert_same_optimum


@pytest.fixture
def ways(monkeypatch):
    """Which way each answer took: True where it came from the workers."""
    taken = []
    gather = Client.gather

    def noted(self, *args, **kwargs):
        if "direct" in kwargs:
            taken.append(kwargs["direct"])
        return gather(self, *args, **kwargs)

    monkeypatch.setattr(Client, "gather", noted)
    return taken


def unreached(client, monkeypatch, answer):
    """Let no worker answer the client, but the scheduler."""
    given, workers = client.rpc.connect, client.nthreads()

    async def connect(address, *args, **kwargs):
        if address in workers:
            return await answer()
        return await given(address, *args, **kwargs)

    monkeypatch.setattr(client.rpc, "connect", connect)


async def never():
    await asyncio.sleep(3600.0)


async def refused():
    raise OSError("refused")


async def no_peer():
    raise ValueError("another protocol")


def test_answers_come_from_workers_that_are_reached(client, table, ways):
    DaskHingeSVC().fit(*chunked(*table))
    assert ways
    assert all(ways)


@pytest.mark.parametrize("answer", [never, refused, no_peer])
def test_workers_that_are_not_reached(client, table, ways, monkeypatch, answer):
    direct = DaskHingeSVC(random_state=1).fit(*chunked(*table))
    ways.clear()
    monkeypatch.setattr(_cluster, "_REACH", 0.05)
    unreached(client, monkeypatch, answer)
    clf = DaskHingeSVC(random_state=1).fit(*chunked(*table))
    assert ways
    assert not any(ways)
    np.testing.assert_array_equal(clf.coef_, direct.coef_)
    assert clf.dual_gap_ == direct.dual_gap_


@pytest.mark.parametrize("direct", [True, False])
def test_clients_that_were_told_are_not_asked(
    cluster, table, ways, monkeypatch, direct
):
    async def asked(*_):
        raise AssertionError

    monkeypatch.setattr(_cluster, "_reaches", asked)
    with Client(cluster, direct_to_workers=direct):
        DaskHingeSVC().fit(*chunked(*table))
    assert ways
    assert set(ways) == {direct}


def very_wide_text():
    """Rows whose weights are too long to go with a task."""
    rng = np.random.default_rng(0)
    X = sp.random(12_000, 200_000, 1e-4, "csr", np.float32, rng)
    return X, np.where(X @ rng.normal(size=200_000) > 0.0, 1, -1)


@pytest.mark.parametrize(("told", "number"), [(None, 1), (None, 4), (False, 2)])
def test_a_worker_that_dies_before_something_is_sent(
    fragile, monkeypatch, told, number
):
    X, y = very_wide_text()
    fragile.direct_to_workers = told
    count = []
    send = _cluster.DaskBlocks._sent

    def killing(self, *args):
        count.append(1)
        if len(count) == number:
            kill_one(fragile)
        return send(self, *args)

    monkeypatch.setattr(_cluster.DaskBlocks, "_sent", killing)
    parts = [
        delayed((X[k : k + 3000], y[k : k + 3000])) for k in range(0, 12_000, 3000)
    ]
    clf = DaskHingeSVC(client=fragile, tol=1e-2).fit(parts)
    assert len(count) > number
    assert clf.dual_gap_ <= 1e-2 * clf.objective_
    assert_same_optimum(clf, HingeSVC(tol=1e-2).fit(X, y))


@pytest.mark.parametrize("told", [None, False])
def test_a_worker_that_dies_while_several_classes_ask(fragile, monkeypatch, told):
    X, y = make_classification(
        24_000, 8, n_classes=4, n_informative=6, flip_y=0.1, random_state=0
    )
    fragile.direct_to_workers = told
    gathered, count = _cluster.DaskBlocks._gathered, []

    def killing(self, *args):
        count.append(1)
        if len(count) == 9:
            kill_one(fragile)
        return gathered(self, *args)

    monkeypatch.setattr(_cluster.DaskBlocks, "_gathered", killing)
    clf = DaskHingeSVC(client=fragile).fit(*chunked(X, y))
    assert len(count) > 9
    assert_same_optimum(clf, HingeSVC().fit(X, y))

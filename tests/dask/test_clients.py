"""Clients: in tasks, in event loops, and closed."""

import asyncio
import threading

import pytest

pytest.importorskip("distributed")

from distributed import Client, get_client, worker_client

from hingesvm.dask import DaskHingeSVC
from hingesvm.dask._cluster import DaskBlocks

from .conftest import chunked


@pytest.mark.parametrize("enters", [True, False])
def test_fits_in_tasks(client, table, enters):
    # By value, as workers cannot import tests.
    def fit(number):
        from hingesvm.dask import DaskHingeSVC

        if enters:
            with worker_client() as here:
                clf = DaskHingeSVC(client=here).fit(*given)
        else:
            clf = DaskHingeSVC(client=get_client()).fit(*given)
        return clf.objective_, clf.score(*given)

    given = chunked(*table)
    clf = DaskHingeSVC().fit(*given)
    expected = clf.objective_, clf.score(*given)
    # As many as there are threads: none would be left for the rows.
    found = client.gather(client.map(fit, range(3)))
    assert found == [expected] * 3


def test_asynchronous_clients(cluster, table):
    rows, labels = chunked(*table)

    async def fit():
        address = cluster.scheduler_address
        async with Client(address, asynchronous=True, set_as_default=False) as client:
            clf = DaskHingeSVC(client=client, tol=1e-2)
            with pytest.raises(ValueError, match=r"asyncio\.to_thread"):
                clf.fit(rows, labels)
            await asyncio.to_thread(clf.fit, rows, labels)
            with pytest.raises(ValueError, match=r"asyncio\.to_thread"):
                clf.score(rows, labels)
            return clf.dual_gap_ / clf.objective_

    assert asyncio.run(fit()) <= 1e-2


def test_closed_clients(cluster, table):
    client = Client(cluster, set_as_default=False)
    client.close()
    with pytest.raises(ValueError, match="client is closed"):
        DaskHingeSVC(client=client).fit(*chunked(*table))


def test_a_client_that_is_closed_in_mid_fit(cluster, table, monkeypatch):
    client = Client(cluster, set_as_default=False)
    ask, found = DaskBlocks.ask, []

    def closing(self, name, *args):
        if name == "look":
            client.close()
        return ask(self, name, *args)

    def fit():
        try:
            DaskHingeSVC(client=client).fit(*chunked(*table))
        except Exception as error:
            found.append(error)

    monkeypatch.setattr(DaskBlocks, "ask", closing)
    thread = threading.Thread(target=fit, daemon=True)
    thread.start()
    thread.join(60)
    assert len(found) == 1
    assert "closed" in str(found[0])

"""A small cluster of processes, and problems in partitions."""

import numpy as np
import pytest

pytest.importorskip("distributed")

import dask.array as da
from distributed import Client, LocalCluster
from sklearn.datasets import make_classification


def cluster_of(n_workers):
    """A cluster of processes with one thread each."""
    return LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",
        memory_limit=None,
    )


@pytest.fixture(scope="session")
def cluster():
    with cluster_of(2) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with Client(cluster) as client:
        yield client


@pytest.fixture
def fragile():
    """A cluster of its own, whose worker dies."""
    with cluster_of(2) as cluster, Client(cluster) as client:
        yield client


@pytest.fixture(scope="session")
def table():
    X, y = make_classification(24_000, 8, flip_y=0.1, random_state=0)
    return X.astype(np.float32), y


def chunked(X, y, height=3000):
    """Rows and labels as Dask arrays."""
    return da.from_array(X, chunks=(height, -1)), da.from_array(y, chunks=height)

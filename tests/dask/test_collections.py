"""What DaskHingeSVC refuses, and what it says then."""

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("distributed")

import dask.array as da
from dask import delayed

from hingesvm.dask import DaskHingeSVC

from .conftest import chunked


@pytest.fixture(scope="module")
def rows(table):
    return chunked(*table)


def refused(error, match, *given, **params):
    """A fit raises, and leaves the estimator as it was."""
    clf = DaskHingeSVC(**params)
    before = set(vars(clf))
    with pytest.raises(error, match=match):
        clf.fit(*given)
    assert set(vars(clf)) == before


def test_chunks_of_columns(client, rows):
    X, y = rows
    refused(ValueError, r"rechunk\(\{1: -1\}\)", X.rechunk({1: 4}), y)


def test_other_numbers_of_partitions(client, rows, table):
    pd = pytest.importorskip("pandas")
    dd = pytest.importorskip("dask.dataframe")
    y = dd.from_pandas(pd.Series(table[1]), npartitions=3)
    refused(ValueError, "y has 3 partitions, and X has 8", rows[0], y)


def test_lengths_that_differ_name_the_partition(client, table):
    X, y = table
    edges = [0, 8000, 16_000, 24_000]
    parts = [delayed((X[a:b], y[a : b - (a == 8000)])) for a, b in pairwise(edges)]
    refused(ValueError, r"partition 1: y has the shape \(7999,\)", parts)


def test_labels_in_other_chunks_are_aligned(client, rows, table):
    X, y = rows
    clf = DaskHingeSVC().fit(X, y.rechunk(5000))
    assert clf.objective_ == DaskHingeSVC().fit(X, y).objective_


def test_rows_in_memory(client, table):
    refused(TypeError, "For rows in memory use HingeSVC", *table)


def test_labels_in_memory(client, rows, table):
    refused(TypeError, "y is a numpy.ndarray", rows[0], table[1])


def test_values_that_are_not_finite(client, table):
    X, y = table[0].copy(), table[1]
    X[7000, 3] = np.nan
    refused(ValueError, "partition 2: .*NaN", *chunked(X, y))


def test_one_class(client, table):
    X, y = table
    refused(ValueError, "only one class", *chunked(X, np.zeros_like(y)))


def test_negative_weights(client, rows, table):
    weights = da.from_array(np.full(24_000, -1.0), chunks=3000)
    refused(ValueError, "partition 0: Negative", *rows, weights)


def test_partitions_of_other_columns(client, table):
    X, y = table
    parts = [delayed((X[:9000], y[:9000])), delayed((X[9000:, :7], y[9000:]))]
    refused(ValueError, "partition 1: X has 7 columns", parts)


def test_parts_that_are_no_pairs(client, table):
    refused(ValueError, "partition 0 must be", [delayed(table[0])])


def test_pegasos(client, rows):
    refused(ValueError, "pegasos", *rows, solver="pegasos")


def test_an_error_in_a_partition_is_the_users(client):
    def broken():
        raise OSError("no such file")

    refused(OSError, "no such file", [delayed(broken)()])


def test_without_a_client(rows):
    with pytest.raises(ValueError, match="There is no Dask client"):
        DaskHingeSVC().fit(*rows)

"""What DaskHingeSVC refuses, and what it says then."""

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("distributed")

import dask.array as da
import scipy.sparse as sp
from dask import delayed

from hingesvm import HingeSVC
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


def test_one_delayed_part_is_no_list(client, table):
    X, y = map(delayed, table)
    refused(TypeError, "list of delayed parts", X, y)
    refused(TypeError, "y is a dask", *chunked(*table)[:1], y)


def test_pairs_that_are_delayed_each_on_its_own(client, table):
    X, y = table
    edges = range(0, 24_000, 8000)
    together = [delayed((X[k : k + 8000], y[k : k + 8000])) for k in edges]
    alone = [tuple(map(delayed, (X[k : k + 8000], y[k : k + 8000]))) for k in edges]
    weighted = [(*pair, delayed(np.ones(8000))) for pair in alone]
    clf = DaskHingeSVC().fit(together)
    for parts in (alone, weighted):
        assert DaskHingeSVC().fit(parts).objective_ == clf.objective_
        assert clf.score(parts) == clf.score(together)
    with pytest.raises(TypeError, match="list of delayed parts"):
        DaskHingeSVC().fit([*alone[:2], weighted[2]])


def test_one_delayed_part_is_predicted(client, rows, table):
    clf = DaskHingeSVC(tol=1e-2).fit(*rows)
    found = clf.predict(delayed(table[0]))
    np.testing.assert_array_equal(found.compute(), clf.predict(table[0]))


def test_arrays_of_one_dimension(client, rows):
    X, y = rows
    refused(ValueError, "X has 1 dimensions", X[0], y)
    clf = DaskHingeSVC(tol=1e-2).fit(X, y)
    with pytest.raises(ValueError, match="X has 1 dimensions"):
        clf.predict(X[0])


def test_a_score_of_no_weight(client, rows):
    clf = DaskHingeSVC(tol=1e-2).fit(*rows)
    with pytest.raises(ValueError, match="No row has a positive weight"):
        clf.score(*rows, da.zeros(24_000, chunks=3000))


@pytest.mark.parametrize("kind", ["Series", "DataFrame"])
def test_labels_and_weights_of_other_kinds_than_the_rows(client, rows, kind):
    pd = pytest.importorskip("pandas")
    dd = pytest.importorskip("dask.dataframe")
    X, y = rows
    given = getattr(pd, kind)(y.compute())
    labels = dd.from_pandas(given, npartitions=8).clear_divisions()
    weights = da.ones(24_000, chunks=5000)
    clf = DaskHingeSVC().fit(X, y)
    assert DaskHingeSVC().fit(X, labels, weights).objective_ == clf.objective_


def test_labels_of_frames_are_predicted_as_they_are_announced(client, table):
    pd = pytest.importorskip("pandas")
    dd = pytest.importorskip("dask.dataframe")
    rows = dd.from_pandas(pd.DataFrame(table[0]), npartitions=3)
    words = np.array(["no", "yes"])[table[1]]
    for labels in (words, words.astype(object), pd.Categorical(words)):
        y = dd.from_pandas(pd.Series(labels), npartitions=3)
        clf = DaskHingeSVC(tol=1e-2).fit(rows, y)
        found = clf.predict(rows)
        assert found.compute().dtype == found.dtype
        assert clf.score(rows, y) > 0.8


def test_missing_values_and_categories_name_the_partition(client, table):
    pd = pytest.importorskip("pandas")
    dd = pytest.importorskip("dask.dataframe")
    frame = pd.DataFrame(table[0], columns=list("abcdefgh")).astype("Float32")
    y = dd.from_pandas(pd.Series(table[1]).astype("Int64"), npartitions=4)
    clf = DaskHingeSVC(tol=1e-2).fit(dd.from_pandas(frame, npartitions=4), y)
    assert clf.classes_.tolist() == [0, 1]
    frame.iloc[13_000, 2] = pd.NA
    refused(ValueError, "partition 2: .*NaN", dd.from_pandas(frame, npartitions=4), y)
    words = frame.drop(columns="c").assign(word=pd.Categorical(["a"] * 24_000))
    refused(ValueError, "partition 0: ", dd.from_pandas(words, npartitions=4), y)


@pytest.mark.parametrize("dtype", [np.float16, np.int32, bool, object])
def test_other_dtypes(client, table, dtype):
    X, y = (table[0] * 2.0).astype(dtype), table[1]
    clf = DaskHingeSVC().fit(*chunked(X, y))
    local = HingeSVC().fit(X, y)
    gaps = clf.dual_gap_ + local.dual_gap_
    assert clf.coef_.dtype == local.coef_.dtype
    assert abs(clf.objective_ - local.objective_) <= gaps


def test_indices_of_64_bits(client, table):
    X = sp.csr_array(np.where(np.abs(table[0]) > 0.5, table[0], 0.0))
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    parts = [delayed((X[k : k + 8000], table[1][k : k + 8000])) for k in (0, 8000)]
    assert X[:10].indices.dtype == np.int64
    clf = DaskHingeSVC().fit(parts)
    local = HingeSVC().fit(X[:16_000], table[1][:16_000])
    gaps = clf.dual_gap_ + local.dual_gap_
    assert abs(clf.objective_ - local.objective_) <= gaps


def test_a_single_partition_and_many_without_rows(client, table):
    X, y = table
    clf = DaskHingeSVC().fit([delayed((X, y))])
    empty = [delayed((X[:0], y[:0])) for _ in range(300)]
    parts = [*empty[:100], delayed((X, y)), *empty[100:]]
    other = DaskHingeSVC().fit(parts)
    gaps = clf.dual_gap_ + other.dual_gap_
    assert abs(clf.objective_ - other.objective_) <= gaps


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

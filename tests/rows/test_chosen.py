"""Rows with some of their columns only, against NumPy's."""

import numpy as np
import pytest
import scipy.sparse as sp
from row_cases import STORAGES, D, N, untidy, values

from hingesvm.rows.memory import MemoryRows
from hingesvm.rows.team import Team

CHOSEN = {
    "some": np.array([0, 2, 5]),
    "one": np.array([3]),
    "none": np.arange(0),
    "all": np.arange(D),
}


@pytest.fixture(params=CHOSEN)
def chosen(request):
    return CHOSEN[request.param]


def test_values_and_storage(pair, chosen):
    rows, X = pair
    part = rows.columns(chosen)
    np.testing.assert_array_equal(part.take(np.arange(rows.n_rows)), X[:, chosen])
    assert part.dtype == rows.dtype
    assert part.is_sparse == rows.is_sparse
    copy = rows.copy_with(chosen)
    assert copy.shape == (rows.n_rows, len(chosen))
    assert copy.dtype == rows.dtype
    if rows.is_sparse:
        assert copy.indices.dtype == copy.indptr.dtype == np.int32
        copy.check_format(full_check=True)
    else:
        assert copy.flags.c_contiguous
        assert copy.flags.owndata


def test_as_the_default_has_it(pair, chosen):
    rows, _ = pair
    ours, default = rows.copy_with(chosen), super(MemoryRows, rows).copy_with(chosen)
    names = ["data", "indices", "indptr"] if rows.is_sparse else ["T"]
    for name in names:
        np.testing.assert_array_equal(getattr(ours, name), getattr(default, name))
        assert getattr(ours, name).dtype == getattr(default, name).dtype


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_a_column_named_twice_stays_named_twice(index_dtype):
    X = untidy(values(), index_dtype)
    part = MemoryRows(X).columns(np.array([1, 4]))
    assert part.n_entries == 2 * np.count_nonzero(values()[:, [1, 4]])
    expected = np.square(values()[:, [1, 4]]).sum(axis=1)
    np.testing.assert_allclose(part.squared_norms(), expected)


def test_the_rows_are_left_as_they_are(pair, chosen):
    rows, X = pair
    part = rows.columns(chosen)
    part.combine(np.ones(rows.n_rows))
    np.testing.assert_array_equal(rows.take(np.arange(rows.n_rows)), X)
    assert rows.n_features == D
    assert part.key is not rows.key


@pytest.mark.parametrize("storage", ["dense", "csr32", "csr64"])
def test_in_shares_and_in_chunks_the_same(storage, monkeypatch):
    X, chosen = STORAGES[storage](values()), np.array([1, 3, 4])
    for name in ("_ENTRIES_PER_SHARE", "_ENTRIES_PER_CHUNK"):
        monkeypatch.setattr(f"hingesvm.rows.divided.{name}", 1)
    asked = []
    rows = MemoryRows(X, None, lambda: asked.append(1), Team(3))
    part = rows.columns(chosen)
    np.testing.assert_array_equal(part.take(np.arange(N)), values()[:, chosen])
    assert len(asked) >= N
    assert part.team is rows.team
    assert part.check_cancelled is rows.check_cancelled


@pytest.mark.parametrize("storage", ["dense", "csr32"])
def test_can_be_interrupted(storage):
    def stop():
        raise KeyboardInterrupt

    rows = MemoryRows(STORAGES[storage](values()), None, stop)
    with pytest.raises(KeyboardInterrupt):
        rows.columns(np.array([1]))


@pytest.mark.parametrize("column", [-1, D])
@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_column_indices_outside_are_refused(column, index_dtype):
    X = sp.csr_matrix(values())
    X.indices = X.indices.astype(index_dtype)
    X.indptr = X.indptr.astype(index_dtype)
    X.indices[4] = column
    with pytest.raises(ValueError, match=r"it has column indices outside 0\.\.5"):
        MemoryRows(X).columns(np.array([1]))


def test_no_rows():
    part = MemoryRows(sp.csr_matrix((0, D))).columns(np.array([1, 2]))
    assert (part.n_rows, part.n_features, part.n_entries) == (0, 2, 0)

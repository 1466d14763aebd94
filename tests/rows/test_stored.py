"""Rows of their own: added, dropped, copied and pickled."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp

from hingesvm.rows.memory import MemoryRows
from hingesvm.rows.stored import StoredRows

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 5)) * (RNG.random((60, 5)) < 0.6)


def stored(kind, dtype=np.float64):
    """Rows that came in pieces, and what they should be."""
    rows = StoredRows(5, kind is not np.asarray, np.dtype(dtype))
    for first in range(0, 60, 7):
        rows.add(MemoryRows(kind(X[first : first + 7].astype(dtype))))
    return rows


def dense(rows):
    """All values."""
    some = rows.rows()
    return some.take(np.arange(some.n_rows))


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
def test_rows_are_added_dropped_and_kept_apart(kind):
    rows = stored(kind)
    np.testing.assert_array_equal(dense(rows), X)
    before = rows.copy()
    rows.add(MemoryRows(kind(X[:3])))
    assert (rows.n_rows, before.n_rows) == (63, 60)
    is_kept = RNG.random(63) < 0.5
    expected = np.concatenate([X, X[:3]])[is_kept]
    rows.keep(is_kept)
    np.testing.assert_array_equal(dense(rows), expected)
    np.testing.assert_allclose(
        rows.rows().squared_norms(), (expected**2).sum(axis=1), rtol=1e-12
    )
    np.testing.assert_array_equal(dense(before), X)
    rows.add(MemoryRows(kind(X[:4])))
    np.testing.assert_array_equal(dense(rows), np.concatenate([expected, X[:4]]))
    np.testing.assert_array_equal(dense(pickle.loads(pickle.dumps(rows))), dense(rows))


def test_a_pickle_has_no_spare_room():
    rows = stored(np.asarray)
    assert len(pickle.dumps(rows)) < X.nbytes + 2000


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
def test_single_rows_become_double(kind):
    rows = stored(kind, np.float32)
    assert rows.rows().dtype == np.float32
    rows.add(MemoryRows(kind(X[:2])))
    assert rows.rows().dtype == np.float64
    assert rows.row_bytes > 8.0


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
def test_two_copies_grow_apart(kind):
    one = stored(kind)
    two = one.copy()
    one.add(MemoryRows(kind(X[:3])))
    two.add(MemoryRows(kind(X[10:14])))
    np.testing.assert_array_equal(dense(one), np.concatenate([X, X[:3]]))
    np.testing.assert_array_equal(dense(two), np.concatenate([X, X[10:14]]))

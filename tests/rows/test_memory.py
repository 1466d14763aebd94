"""Rows against NumPy, for every way in which rows may be stored."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from row_cases import INDICES, STORAGES, D, N, some_rows, values

from hingesvm.rows import memory as rows_module
from hingesvm.rows.columns import column_scales, column_spreads, mean_squares
from hingesvm.rows.memory import MemoryRows


def test_shape(pair):
    rows, X = pair
    assert (rows.n_rows, rows.n_features) == X.shape
    assert rows.n_entries >= np.count_nonzero(X)


@pytest.mark.parametrize("index", [None, INDICES["some"]])
def test_number_of_entries(index):
    X = values()
    part = X if index is None else X[index]
    assert MemoryRows(X, index).n_entries == part.size
    assert MemoryRows(sp.csr_matrix(X), index).n_entries == np.count_nonzero(part)
    assert not MemoryRows(X).is_sparse
    assert MemoryRows(sp.csr_array(X)).is_sparse


def test_margins(pair):
    rows, X = pair
    w = np.linspace(-1.0, 2.0, D)
    out = rows.margins(w)
    assert out.dtype == np.float64
    assert out == pytest.approx(X @ w, rel=1e-14, abs=1e-15)
    some = some_rows(rows.n_rows)
    assert rows.margins(w, some) == pytest.approx(X[some] @ w, rel=1e-14, abs=1e-15)


def test_combine(pair):
    rows, X = pair
    a = np.linspace(-1.0, 1.0, rows.n_rows)
    out = rows.combine(a)
    assert out.dtype == np.float64
    assert out == pytest.approx(X.T @ a, abs=1e-14)
    some, a = some_rows(rows.n_rows), np.array([2.0, 0.0, -1.0, 0.5])
    assert rows.combine(a, some) == pytest.approx(X[some].T @ a, abs=1e-14)


def test_squared_norms(pair):
    rows, X = pair
    assert rows.squared_norms() == pytest.approx((X * X).sum(axis=1), rel=1e-14)


def test_gram(pair):
    rows, X = pair
    some, weights = some_rows(rows.n_rows), np.array([0.5, 2.0, 0.0, 1.0])
    expected = X[some].T @ (weights[:, None] * X[some])
    lower = np.tril(rows.gram(some, weights))
    assert lower == pytest.approx(np.tril(expected), abs=1e-14)


def test_kernel(pair):
    rows, X = pair
    some = some_rows(rows.n_rows)
    assert rows.kernel(some) == pytest.approx(X[some] @ X[some].T, abs=1e-14)


def test_take(pair):
    rows, X = pair
    some = some_rows(rows.n_rows)
    out = rows.take(some)
    assert type(out) is np.ndarray
    assert out.dtype == np.float64
    assert np.array_equal(out, X[some])


def test_subset(pair):
    rows, X = pair
    some = some_rows(rows.n_rows)
    part = rows.subset(some)
    assert part.n_rows == 4
    w = np.linspace(-1.0, 2.0, D)
    assert part.margins(w) == pytest.approx(X[some] @ w, rel=1e-14, abs=1e-15)
    again = part.subset(np.array([3, 1]))
    assert np.array_equal(again.take(np.array([0, 1])), X[some][[3, 1]])


def test_no_rows_wanted(pair):
    rows, _ = pair
    none, empty = np.empty(0, dtype=np.intp), np.empty(0)
    assert rows.margins(np.ones(D), none).shape == (0,)
    assert np.array_equal(rows.combine(empty, none), np.zeros(D))
    assert np.array_equal(rows.gram(none, empty), np.zeros((D, D)))
    assert rows.kernel(none).shape == (0, 0)
    assert rows.take(none).shape == (0, D)


@pytest.mark.parametrize("storage", ["dense", "csr32", "csr64"])
@pytest.mark.parametrize("shape", [(1, 1), (4, 3), (3, 40)])
def test_nothing_but_zeros(storage, shape):
    rows = MemoryRows(STORAGES[storage](np.zeros(shape)))
    n, d = shape
    every = np.arange(n)
    assert np.array_equal(rows.margins(np.ones(d)), np.zeros(n))
    assert np.array_equal(rows.combine(np.ones(n)), np.zeros(d))
    assert np.array_equal(rows.squared_norms(), np.zeros(n))
    assert np.array_equal(rows.gram(every, np.ones(n)), np.zeros((d, d)))
    assert np.array_equal(rows.kernel(every), np.zeros((n, n)))
    assert np.array_equal(column_scales(rows), np.zeros(d))
    for centred in [False, True]:
        spreads = column_spreads(rows, np.ones(1), centred=centred)
        assert np.array_equal(spreads, np.zeros(d))


@pytest.mark.parametrize("storage", ["dense", "csr32", "untidy64"])
def test_work_in_blocks_gives_the_same(storage, monkeypatch):
    X = values()
    whole = MemoryRows(STORAGES[storage](X))
    monkeypatch.setattr("hingesvm.rows.divided._ENTRIES_PER_CHUNK", 20)
    monkeypatch.setattr(rows_module, "_ENTRIES_PER_BLOCK", 5)
    every, w = np.arange(N), np.linspace(-1.0, 2.0, D)
    assert len(list(whole.chunks(N))) > 3
    assert whole.margins(w) == pytest.approx(X @ w, abs=1e-14)
    assert whole.combine(every / N) == pytest.approx(X.T @ every / N, abs=1e-14)
    assert whole.squared_norms() == pytest.approx((X * X).sum(axis=1))
    lower = np.tril(whole.gram(every, np.ones(N)))
    assert lower == pytest.approx(np.tril(X.T @ X), abs=1e-13)
    assert whole.kernel(every) == pytest.approx(X @ X.T, abs=1e-13)


@pytest.mark.parametrize("count", [0, 1, 2, 1000, 2**21])
@pytest.mark.parametrize("work", [0.5, 1.0, 50.0, 5000.0])
def test_chunks_cover_everything_once(count, work):
    ranges = list(MemoryRows(values()).chunks(count, work))
    ends = [0] + [stop for _, stop in ranges]
    assert [start for start, _ in ranges] == ends[:-1]
    assert all(before < after for before, after in pairwise(ends))
    assert ends[-1] == count


def test_chunks_have_a_row_at_least():
    assert list(MemoryRows(values()).chunks(3, 1e12)) == [(0, 1), (1, 2), (2, 3)]


def test_read_only_data_is_taken_and_nothing_is_changed(storage, dtype):
    X = storage(values().astype(dtype))
    arrays = [X.data, X.indices, X.indptr] if sp.issparse(X) else [X]
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    rows = MemoryRows(X)
    some = some_rows(N)
    rows.margins(np.ones(D))
    rows.combine(np.ones(N))
    rows.squared_norms()
    rows.gram(some, np.ones(4))
    rows.kernel(some)
    rows.take(some)
    column_scales(rows)
    column_spreads(rows, np.ones(1), centred=True)
    mean_squares(rows, some)
    rows.margins(np.ones(D), intercept=0.5, signs=np.ones(N, dtype=np.int8))
    rows.subset(some).margins(np.ones(D))
    for array, copy in zip(arrays, before, strict=True):
        assert np.array_equal(array, copy)
        assert array.dtype == copy.dtype


def test_what_is_taken_may_be_changed():
    X = values()
    copy = X.copy()
    for rows in (MemoryRows(X), MemoryRows(X).subset(np.arange(N))):
        rows.take(np.arange(N))[:] = 7.0
        assert np.array_equal(X, copy)


def test_subset_shares_the_data(storage):
    X = storage(values())
    part = MemoryRows(X).subset(np.array([1, 2]))
    mine = X.data if sp.issparse(X) else X
    assert np.shares_memory(part.arrays[0], mine)


class StoppedError(Exception):
    pass


CALLS = {
    "margins": lambda rows: rows.margins(np.ones(D)),
    "combine": lambda rows: rows.combine(np.ones(N)),
    "squared_norms": lambda rows: rows.squared_norms(),
    "gram": lambda rows: rows.gram(np.arange(N), np.ones(N)),
    "kernel": lambda rows: rows.kernel(np.arange(N)),
    "column_scales": lambda rows: column_scales(rows),
    "column_spreads": lambda rows: column_spreads(rows, np.ones(1), centred=True),
    "subset": lambda rows: rows.subset(np.arange(N)).margins(np.ones(D)),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("storage", ["dense", "csr32"])
def test_every_pass_can_be_cancelled(call, storage):
    seen = []
    rows = MemoryRows(STORAGES[storage](values()), None, lambda: seen.append(call))
    CALLS[call](rows)
    assert seen

    def stop():
        raise StoppedError

    rows = MemoryRows(STORAGES[storage](values()), None, stop)
    with pytest.raises(StoppedError):
        CALLS[call](rows)


def test_signed_margins(pair):
    rows, X = pair
    w = np.linspace(-1.0, 2.0, D)
    signs = np.where(np.arange(rows.n_rows) % 2, 1, -1).astype(np.int8)
    out = rows.margins(w, intercept=0.25, signs=signs)
    assert out.dtype == np.float64
    assert out == pytest.approx(signs * (X @ w + 0.25), rel=1e-14, abs=1e-15)


def test_bordered_gram(pair):
    rows, X = pair
    some, weights = some_rows(rows.n_rows), np.array([0.5, 2.0, 0.0, 1.0])
    A = np.c_[X[some], np.ones(4)]
    lower = np.tril(rows.gram(some, weights, bordered=True))
    assert lower == pytest.approx(np.tril(A.T @ (weights[:, None] * A)), abs=1e-14)
    none = np.empty(0, dtype=np.intp)
    empty = rows.gram(none, np.empty(0), bordered=True)
    assert np.array_equal(empty, np.zeros((D + 1, D + 1)))


@pytest.mark.parametrize("bordered", [False, True])
def test_gram_in_single_precision(pair, bordered):
    rows, _ = pair
    some, weights = some_rows(rows.n_rows), np.array([0.3, 2.0, 0.0, 1.1])
    double = np.tril(rows.gram(some, weights, bordered=bordered))
    single = np.tril(rows.gram(some, weights, bordered=bordered, single=True))
    assert single.dtype == np.float64
    assert single == pytest.approx(double, rel=1e-6, abs=1e-6)
    # Nothing is lost of float64 rows, nor of sparse ones.
    rounds = rows.dtype == np.float32 and not rows.is_sparse
    assert rounds != np.array_equal(single, double)


@pytest.mark.parametrize("storage", ["dense", "csr32"])
def test_gram_in_single_precision_in_blocks(storage, monkeypatch):
    X = values().astype(np.float32)
    rows = MemoryRows(STORAGES[storage](X))
    monkeypatch.setattr(rows_module, "_ENTRIES_PER_BLOCK", 5)
    lower = np.tril(rows.gram(np.arange(N), np.full(N, 0.25), single=True))
    assert lower == pytest.approx(np.tril(0.25 * X.T @ X), rel=1e-6)


def test_largest_possible(pair):
    rows, _ = pair
    largest = rows.largest_possible()
    if rows.dtype == np.float64:
        assert largest == np.inf
        return
    assert np.sqrt(rows.squared_norms()).max() <= largest < 1e41


@pytest.mark.parametrize("storage", ["dense", "csr32"])
def test_largest_possible_bounds_the_longest_row_there_is(storage):
    X = np.full((3, D), np.finfo(np.float32).max)
    rows = MemoryRows(STORAGES[storage](X))
    norms = np.sqrt(rows.squared_norms())
    assert norms.max() <= rows.largest_possible() * (1.0 + 1e-15)


@pytest.mark.parametrize("few", [N, 0], ids=["kept", "not-kept"])
def test_kernel_again_and_of_other_rows(pair, few, monkeypatch):
    monkeypatch.setattr("hingesvm.rows.copied._FEW_ROWS", few)
    rows, X = pair
    n = rows.n_rows
    for some in (some_rows(n), some_rows(n), np.arange(n)[::-1], np.arange(1)):
        kernel = rows.kernel(some)
        assert kernel == pytest.approx(X[some] @ X[some].T, abs=1e-14)
        # What is returned may be changed, as the Newton system does.
        kernel += 7.0
    part = rows.subset(some_rows(n))
    some = np.array([3, 1])
    own = X[some_rows(n)][some]
    assert part.kernel(some) == pytest.approx(own @ own.T, abs=1e-14)


def test_kernel_of_few_rows_is_computed_once(monkeypatch):
    counts, real = [], MemoryRows.inner_products

    def spy(self, rows):
        counts.append(len(rows))
        return real(self, rows)

    monkeypatch.setattr(MemoryRows, "inner_products", spy)
    rows = MemoryRows(values())
    rows.kernel(np.arange(3))
    rows.kernel(np.arange(5))
    assert counts == [N]
    monkeypatch.setattr("hingesvm.rows.copied._FEW_ROWS", N - 1)
    rows = MemoryRows(values())
    rows.kernel(np.arange(3))
    rows.kernel(np.arange(5))
    assert counts == [N, 3, 5]


def test_squared_norms_of_a_subset_whether_known_or_not(pair):
    rows, X = pair
    some = some_rows(rows.n_rows)
    expected = (X[some] ** 2).sum(axis=1)
    assert rows.subset(some).squared_norms() == pytest.approx(expected, rel=1e-14)
    rows.squared_norms()
    assert rows.subset(some).squared_norms() == pytest.approx(expected, rel=1e-14)


def test_rounded(pair):
    rows, _ = pair
    w = np.linspace(0.1, 0.7, D)
    rounded, intercept = rows.rounded(w, 0.1)
    assert rounded.dtype == np.float64
    assert type(intercept) is float
    assert np.array_equal(rounded, w.astype(rows.dtype))
    assert intercept == float(rows.dtype.type(0.1))
    assert (intercept == 0.1) == (rows.dtype == np.float64)

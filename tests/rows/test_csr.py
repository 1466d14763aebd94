"""CSR matrices: types of indices, and inner products of rows."""

import numpy as np
import pytest
import scipy.sparse as sp
from row_cases import N, csr, untidy, values

from hingesvm.rows import csr as csr_module
from hingesvm.rows.csr import inner_products, with_like_indices
from hingesvm.rows.memory import MemoryRows


def arrays_of(rows):
    """Columns and row starts that the kernels read."""
    return rows._X.indices, rows._X.indptr


def test_wide_indices_are_no_others_when_they_are_made_narrow():
    # 2**32 + 1 would be column 1 of int32.
    X = csr(values(), np.int64)
    X.indices[3] += 2**32
    with pytest.raises(ValueError, match="column indices outside"):
        MemoryRows(X).squared_norms()


def test_as_many_columns_as_int32_can_number():
    empty = np.zeros(3, np.int64)
    few = np.ones(1), np.array([2**31 - 2]), np.array([0, 1])
    assert MemoryRows(sp.csr_array(few, shape=(1, 2**31 - 1))).n_features == 2**31 - 1
    X = sp.csr_array((np.empty(0), empty[:0], empty), shape=(2, 2**31))
    with pytest.raises(ValueError, match="leave out those without entries"):
        MemoryRows(X)


@pytest.mark.parametrize("dtypes", [(np.int32, np.int64), (np.int64, np.int32)])
def test_of_two_types_of_indices_row_starts_are_converted_once(dtypes):
    X = csr(values(), dtypes[0], start_dtype=dtypes[1])
    given = X.data, X.indices, X.indptr
    rows = MemoryRows(X)
    columns, starts = arrays_of(rows)
    assert np.shares_memory(columns, X.indices)
    assert np.shares_memory(rows.arrays[0], X.data)
    assert starts.dtype == columns.dtype == dtypes[0]
    part = rows.subset(np.array([3, 1, 9])).subset(np.array([2, 0]))
    for again in [part, rows.shared_by(rows.team, rows.check_cancelled)]:
        assert again.arrays[0] is rows.arrays[0]
        for one, other in zip(arrays_of(again), (columns, starts), strict=True):
            assert one is other
    assert np.array_equal(part.take(np.array([0, 1])), values()[[9, 3]])
    for before, after in zip(given, (X.data, X.indices, X.indptr), strict=True):
        assert before is after


@pytest.mark.parametrize("dtype", [np.uint32, np.int16])
def test_indices_of_other_types_are_converted_once(dtype):
    X = csr(values(), dtype)
    rows = MemoryRows(X)
    columns, starts = arrays_of(rows)
    assert columns.dtype == starts.dtype == np.int64
    assert arrays_of(rows.subset(np.array([1])))[0] is columns
    assert np.array_equal(rows.take(np.arange(N)), values())


def test_few_row_starts_follow_columns_unless_they_are_too_large():
    X = csr(values(), np.int32, start_dtype=np.int64)
    X.indptr[-1] = 2**31
    like = with_like_indices(X)
    assert like.indices.dtype == like.indptr.dtype == np.int64


@pytest.mark.parametrize("speedup", [0.5, 8.0, 1e9], ids=["sparse", "both", "dense"])
@pytest.mark.parametrize("parts", [1, 3, 100])
def test_inner_products_in_parts(monkeypatch, parts, speedup):
    monkeypatch.setattr(csr_module, "_DENSE_SPEEDUP", speedup)
    monkeypatch.setattr(csr_module, "_FULL_PART", 1.0)
    monkeypatch.setattr(csr_module, "_FEW_ENTRIES", 1)
    monkeypatch.setattr(csr_module, "_PARTS", parts)
    monkeypatch.setattr(csr_module, "_PRODUCTS", 20)
    X, some, looks = values(), np.array([5, 3, 3, 16, 0, 8, 9, 1]), []
    found = inner_products(untidy(X, np.int32), some, None, lambda: looks.append(None))
    np.testing.assert_allclose(found, X[some] @ X[some].T, rtol=1e-14, atol=1e-14)
    assert len(looks) > (2 if speedup < 1.0 else 0)
    others = np.array([2, 5, 7])
    found = inner_products(csr(X, np.int32), some, others, lambda: None)
    np.testing.assert_allclose(found, X[some] @ X[others].T, rtol=1e-14, atol=1e-14)

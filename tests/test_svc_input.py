"""HingeSVC on the kinds of X that arrive: read in place, none changed."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from reference import blobs
from samples import SOLVERS, assert_same_model, make_data

from hingesvm import HingeSVC
from hingesvm.rows.memory import MemoryRows

FORMATS = [
    sp.csr_array,
    sp.csr_matrix,
    sp.csc_array,
    sp.csc_matrix,
    sp.coo_array,
    sp.coo_matrix,
]


def with_index_dtype(X, index_dtype):
    """Give a CSR or CSC matrix this index dtype."""
    X.indices = X.indices.astype(index_dtype)
    X.indptr = X.indptr.astype(index_dtype)
    return X


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", FORMATS)
def test_sparse_formats_give_the_dense_answer(make, dtype, index_dtype):
    X, y = make_data(dtype=dtype, density=0.5)
    dense = HingeSVC().fit(X, y)
    X_sparse = make(X)
    if X_sparse.format != "coo":
        X_sparse = with_index_dtype(X_sparse, index_dtype)
    clf = HingeSVC().fit(X_sparse, y)
    assert isinstance(clf.coef_, np.ndarray)
    assert clf.coef_.dtype == dtype
    assert_same_model(clf, dense)
    np.testing.assert_allclose(
        clf.decision_function(X_sparse), dense.decision_function(X), atol=1e-5
    )


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("rule", [{}, {"penalized_intercept": True}])
def test_solvers_on_sparse_rows(rule, solver):
    X, y = make_data(density=0.5)
    clf = HingeSVC(solver=solver, tol=0.02, **rule)
    dense = clf.fit(X, y)
    sparse = HingeSVC(**clf.get_params()).fit(sp.csr_array(X), y)
    # The same steps in the same order, but for the order of the sums.
    assert_same_model(sparse, dense)


def uncanonical(X, seed=0):
    """Return X as CSR with its entries split in two and in random order."""
    rng = np.random.default_rng(seed)
    starts, columns, data = [0], [], []
    for row in np.asarray(X):
        used = np.flatnonzero(row)
        halves = np.concatenate([used, used])
        order = rng.permutation(len(halves))
        columns.append(halves[order])
        data.append(0.5 * row[columns[-1]])
        starts.append(starts[-1] + len(order))
    parts = (np.concatenate(data), np.concatenate(columns), np.array(starts))
    return sp.csr_array(parts, shape=X.shape)


@pytest.mark.parametrize("solver", SOLVERS)
def test_unsorted_and_duplicate_entries(solver):
    X, y = make_data(density=0.5)
    X_odd = uncanonical(X)
    before = [part.copy() for part in (X_odd.data, X_odd.indices, X_odd.indptr)]
    clf = HingeSVC(solver=solver, tol=0.02).fit(X_odd, y)
    after = (X_odd.data, X_odd.indices, X_odd.indptr)
    for was, now in zip(before, after, strict=True):
        np.testing.assert_array_equal(was, now)
    assert not X_odd.has_sorted_indices
    expected = HingeSVC(solver=solver, tol=0.02).fit(sp.csr_array(X), y)
    assert_same_model(clf, expected)


def test_explicit_zeros_and_empty_rows():
    X, y = make_data(density=0.5)
    X[::7] = 0.0
    X_sparse = sp.csr_array(X + 1.0)
    X_sparse.data -= 1.0
    assert X_sparse.nnz == X.size
    assert_same_model(HingeSVC().fit(X_sparse, y), HingeSVC().fit(X, y))
    assert_same_model(HingeSVC().fit(sp.csr_array(X), y), HingeSVC().fit(X, y))


def test_rows_of_a_larger_matrix_in_use():
    # The buffers are longer than the entries, and do not begin with them.
    X, y = make_data(density=0.5)
    X_sparse = sp.csr_array(X)
    padded = sp.csr_array(
        (
            np.append(X_sparse.data, [np.e] * 5),
            np.append(X_sparse.indices, [0] * 5),
            X_sparse.indptr,
        ),
        shape=X.shape,
    )
    assert_same_model(HingeSVC().fit(padded, y), HingeSVC().fit(X, y))


@pytest.mark.parametrize(
    ("indices", "indptr", "message"),
    [
        ([0, 9, 1, 0], [0, 1, 2, 3, 4], "column indices outside"),
        ([0, -1, 1, 0], [0, 1, 2, 3, 4], "indices|column"),
        ([0, 1, 1, 0], [0, 3, 1, 3, 4], "indptr"),
    ],
)
def test_invalid_sparse_rows_are_refused(indices, indptr, message):
    X = sp.csr_array(np.eye(4)[:, :2] + 1.0)
    X.data = np.ones(4)
    X.indices, X.indptr = np.array(indices), np.array(indptr)
    with pytest.raises(ValueError, match=message):
        HingeSVC().fit(X, [0, 1, 0, 1])


def test_other_layouts_of_dense_rows():
    X, y = make_data(density=0.5)
    expected = HingeSVC().fit(X, y)
    wide = np.repeat(X, 2, axis=1)
    for layout in [
        np.asfortranarray(X),
        wide[:, ::2],
        np.repeat(X, 2, axis=0)[::2],
        X[::-1][::-1],
        X.tolist(),
        X.astype(X.dtype.newbyteorder()),
    ]:
        assert_same_model(HingeSVC().fit(layout, y), expected)


def misaligned(array):
    """Return a copy that starts one byte behind where its numbers may stand."""
    out = np.empty(array.nbytes + 1, dtype=np.uint8)[1:].view(array.dtype)
    out = out.reshape(array.shape)
    out[:] = array
    assert not out.flags.aligned
    return out


class AlignedRows(MemoryRows):
    """Rows that kernels may read, also where the processor would allow others."""

    def __init__(self, *args):
        super().__init__(*args)
        parts = [self.arrays[0]]
        if self.is_sparse:
            parts += [self._X.indices, self._X.indptr]
        assert all(part.flags.aligned for part in parts)


@pytest.mark.parametrize("name", ["dense", "data", "indices", "indptr"])
def test_misaligned_numbers(monkeypatch, name):
    monkeypatch.setattr("hingesvm.training.validation.MemoryRows", AlignedRows)
    X, y = make_data(density=0.5)
    rows = X if name == "dense" else sp.csr_array(X)
    expected = HingeSVC().fit(rows, y)
    if name == "dense":
        rows = misaligned(X)
    else:
        setattr(rows, name, misaligned(getattr(rows, name)))
    clf = HingeSVC().fit(rows, y)
    np.testing.assert_array_equal(clf.coef_, expected.coef_)
    np.testing.assert_array_equal(clf.predict(rows), expected.predict(rows))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", SOLVERS)
def test_read_only_rows(solver, dtype):
    X, y = make_data(n_classes=3, dtype=dtype, density=0.5)
    weights = np.arange(len(y)) % 3 / 2.0
    X_sparse = sp.csr_array(X)
    arrays = [X, y, weights, X_sparse.data, X_sparse.indices, X_sparse.indptr]
    for array in arrays:
        array.flags.writeable = False
    for rows in [X, X_sparse]:
        clf = HingeSVC(solver=solver, tol=0.05, warm_start=True)
        clf.fit(rows, y, sample_weight=weights).fit(rows, y)
        assert clf.predict(rows).shape == y.shape


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_map(tmp_path, dtype):
    X, y = make_data(dtype=dtype, density=0.5)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    clf = HingeSVC().fit(mapped, y)
    expected = HingeSVC().fit(X, y)
    np.testing.assert_array_equal(clf.coef_, expected.coef_)
    assert type(clf.coef_) is np.ndarray
    np.testing.assert_array_equal(clf.predict(mapped), expected.predict(X))


@pytest.mark.parametrize("make", [np.array, sp.csr_array])
@pytest.mark.parametrize("solver", SOLVERS)
def test_rows_are_not_changed(solver, make):
    X, y = make_data(n_classes=3, density=0.5)
    weights = np.random.default_rng(1).random(len(y))
    given = make(X), y.copy(), weights.copy()
    HingeSVC(solver=solver, tol=0.05).fit(given[0], given[1], given[2])
    rows = given[0].toarray() if sp.issparse(given[0]) else given[0]
    for was, now in zip((X, y, weights), (rows, *given[1:]), strict=True):
        np.testing.assert_array_equal(was, now)


def peak_memory(function):
    """Return the most bytes allocated during a call."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("penalized", [False, True])
def test_a_tall_table_takes_few_bytes_for_each_row(penalized):
    n_rows = 1_000_000
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, 20), dtype=np.float32)
    y = X[:, 0] + rng.standard_normal(n_rows, dtype=np.float32) > 0.0
    model = HingeSVC(penalized_intercept=penalized)
    assert peak_memory(lambda: model.fit(X, y)) < 22 * n_rows
    assert model.dual_gap_ <= 1e-4 * model.objective_


@pytest.fixture(scope="module", params=["dense", "sparse"])
def large(request):
    """Rows of 40 MB, labels, and the size of which a copy in float32 would be all."""
    rng = np.random.default_rng(0)
    if request.param == "dense":
        X = rng.standard_normal((50_000, 200), dtype=np.float32)
        size = X.nbytes
    else:
        starts = np.arange(0, 5_000_001, 100)
        columns = rng.integers(0, 500, size=5_000_000, dtype=np.int32)
        data = rng.standard_normal(5_000_000, dtype=np.float32)
        X = sp.csr_array((data, columns, starts), shape=(50_000, 500))
        size = X.data.nbytes + X.indices.nbytes
    y = X @ rng.standard_normal(X.shape[1], dtype=np.float32) > 0
    return X, y, size


@pytest.mark.parametrize("solver", SOLVERS)
def test_large_rows_are_not_copied(large, solver):
    X, y, size = large
    clf = HingeSVC(C=1e-3, solver=solver, tol=0.1)
    assert peak_memory(lambda: clf.fit(X, y)) < 0.3 * size


def test_rows_of_weight_zero_are_not_copied():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50_000, 200), dtype=np.float32)
    y = X[:, 0] > 0
    weights = (rng.random(len(y)) < 0.8).astype(float)
    clf = HingeSVC(C=1e-3, tol=0.1)
    assert peak_memory(lambda: clf.fit(X, y, sample_weight=weights)) < 0.3 * X.nbytes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("labels", [bool, np.int8, np.int64, np.float64])
def test_arrays_as_they_should_be_are_looked_at_once(monkeypatch, dtype, labels):
    X, y = blobs(40, 3)
    X, y = X.astype(dtype), (y > 0).astype(labels)
    expected = HingeSVC().fit(X.tolist() if dtype is np.float64 else X.copy("F"), y)
    scores = expected.decision_function(X.copy("F").tolist())

    def refuse(*args, **kwargs):
        raise AssertionError

    monkeypatch.setattr("hingesvm.training.validation.validate_data", refuse)
    monkeypatch.setattr("hingesvm._base.validate_data", refuse)
    clf = HingeSVC().fit(X, y)
    assert np.array_equal(clf.coef_, expected.coef_)
    assert clf.n_features_in_ == 3
    np.testing.assert_allclose(clf.decision_function(X), scores, rtol=1e-5)
    with pytest.raises(AssertionError):
        HingeSVC().fit(np.full_like(X, np.inf), y)
    with pytest.raises(AssertionError):
        clf.decision_function(X[:, :2])


def test_names_of_columns_are_forgotten_by_a_fit_without(recwarn):
    pandas = pytest.importorskip("pandas")
    X, y = blobs(40, 3)
    clf = HingeSVC().fit(pandas.DataFrame(X, columns=["a", "b", "c"]), y)
    clf.predict(X)
    assert "feature names" in str(recwarn.pop(UserWarning).message)
    clf.fit(X, y)
    assert not hasattr(clf, "feature_names_in_")
    clf.predict(X)
    assert not recwarn.list

"""Batches of arrays, memory maps and CSR matrices."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp

from hingesvm.batches import from_arrays

CSR = {"matrix": sp.csr_matrix, "array": sp.csr_array}


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(23, 4)).astype(np.float32)
    return X, rng.integers(0, 3, 23), rng.uniform(size=23)


def mapped(folder, name, values):
    """Return the values as a read-only memory map of a new file."""
    np.save(folder / f"{name}.npy", values)
    return np.load(folder / f"{name}.npy", mmap_mode="r")


@pytest.mark.parametrize("rows", [1, 7, 22, 23, 24, 10**12, np.int32(5)])
def test_batches_are_all_rows_in_order(data, rows):
    X, y, w = data
    batches = list(from_arrays(X, y, w, rows=rows))
    assert [len(part) for part, _, _ in batches[:-1]] == [rows] * (len(batches) - 1)
    assert 0 < len(batches[-1][0]) <= rows
    for whole, parts in zip(data, zip(*batches, strict=True), strict=True):
        np.testing.assert_array_equal(np.concatenate(parts), whole)
        assert all(part.dtype == whole.dtype for part in parts)
        assert all(np.shares_memory(part, whole) for part in parts)


def test_without_weights_a_batch_is_a_pair(data):
    X, y, _ = data
    assert {len(batch) for batch in from_arrays(X, y, rows=10)} == {2}
    ((part, labels),) = from_arrays(X, y)
    assert part.shape == X.shape
    assert labels.shape == y.shape


@pytest.mark.parametrize("container", [*CSR, "dense"])
def test_two_passes_at_once_give_the_same(data, container):
    X, y, w = data
    if container in CSR:
        X = CSR[container](X)
    batches = from_arrays(X, y, w, rows=6)
    copied = pickle.loads(pickle.dumps(batches))
    assert repr(copied) == repr(batches)
    for one, two, three in zip(batches, batches, copied, strict=True):
        for a, b, c in zip(one, two, three, strict=True):
            if sp.issparse(a):
                a, b, c = a.toarray(), b.toarray(), c.toarray()
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(a, c)


def test_memory_maps_are_not_copied(data, tmp_path):
    X, y, w = (mapped(tmp_path, f"{i}", values) for i, values in enumerate(data))
    for batch in from_arrays(X, y, w, rows=6):
        for part, whole in zip(batch, (X, y, w), strict=True):
            assert isinstance(part, np.memmap)
            assert np.shares_memory(part, whole)


@pytest.mark.parametrize("container", CSR)
@pytest.mark.parametrize("on_disk", [False, True])
def test_csr_is_not_copied(data, tmp_path, container, on_disk):
    dense, y, _ = data
    dense = np.where(dense > 0.3, dense, 0.0)
    X = CSR[container](dense)
    if on_disk:
        parts = ("data", "indices", "indptr")
        X = CSR[container](
            tuple(mapped(tmp_path, name, getattr(X, name)) for name in parts),
            shape=X.shape,
        )
        assert not X.data.flags.writeable
    found = []
    for part, labels in from_arrays(X, y, rows=6):
        assert type(part) is type(X)
        assert part.shape == (len(labels), 4)
        assert part.dtype == np.float32
        assert part.indices.dtype == np.int32
        assert np.shares_memory(part.data, X.data)
        assert np.shares_memory(part.indices, X.indices)
        part.check_format(full_check=True)
        found.append(part)
    np.testing.assert_array_equal(sp.vstack(found).toarray(), dense)


def test_csr_keeps_64_bit_indices(data):
    dense, y, _ = data
    X = sp.csr_array(dense)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    for part, _ in from_arrays(X, y, rows=6):
        assert part.indices.dtype == part.indptr.dtype == np.int64
        assert np.shares_memory(part.indices, X.indices)


def test_lists_and_whatever_can_be_sliced(data):
    X, y, _ = data

    class Stored:
        shape = X.shape

        def __getitem__(self, rows):
            assert isinstance(rows, slice)
            return X[rows]

    for source in (X.tolist(), Stored()):
        parts, labels = zip(*from_arrays(source, y.tolist(), rows=9), strict=True)
        np.testing.assert_array_equal(np.concatenate(parts), X)
        np.testing.assert_array_equal(np.concatenate(labels), y)


def test_data_frame(data):
    pd = pytest.importorskip("pandas")
    X, y, _ = data
    # Rows are taken by place, not by label.
    index = np.arange(len(y))[::-1]
    frame, labels = pd.DataFrame(X, index=index), pd.Series(y, index=index)
    parts, found = zip(*from_arrays(frame, labels, rows=9), strict=True)
    np.testing.assert_array_equal(np.concatenate(parts), X)
    np.testing.assert_array_equal(np.concatenate(found), y)


def test_no_rows_are_no_batches():
    assert list(from_arrays(np.empty((0, 3)), [])) == []
    assert list(from_arrays(sp.csr_array((0, 3)), [])) == []


def test_repr(data):
    X, y, w = data
    expected = "ArrayBatches(n_samples=23, n_features=4, rows=100000)"
    assert repr(from_arrays(X, y, w)) == expected


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"rows": 0}, ValueError, "rows == 0"),
        ({"rows": 2.0}, TypeError, "rows must be an instance of int"),
        ({"X": np.zeros(23)}, ValueError, r"got \(23,\); .*reshape"),
        ({"X": np.zeros((23, 2, 2))}, ValueError, "n_samples, n_features"),
        ({"X": np.zeros((22, 4))}, ValueError, r"y must .* \(22,\).* got \(23,\)"),
        ({"y": np.zeros((23, 1))}, ValueError, r"y must .* \(23,\).* got \(23, 1\)"),
        ({"y": 1}, ValueError, r"y must .* got \(\)"),
        ({"sample_weight": [1.0]}, ValueError, r"sample_weight must .* got \(1,\)"),
        ({"sample_weight": 2.0}, ValueError, r"sample_weight must .* got \(\)"),
        *(
            ({"X": sp.random(23, 4, format=form)}, ValueError, "tocsr")
            for form in ("csc", "coo", "lil", "dok")
        ),
    ],
)
def test_bad_input(data, change, error, message):
    arguments = dict(zip(("X", "y", "sample_weight"), data, strict=True))
    with pytest.raises(error, match=message):
        from_arrays(**(arguments | change))

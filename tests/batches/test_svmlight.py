"""Batches of text files in the format of SVMlight."""

import bz2
import gzip
import io
import pickle
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import dump_svmlight_file

from hingesvm.batches import from_svmlight


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(23, 9)).astype(np.float32)
    X = sp.csr_matrix(np.where(dense > 0.5, dense, np.float32(0.0)))
    return X, rng.integers(-1, 2, 23).astype(float)


def text_of(X, y, **options):
    """Return the text of a file with these rows."""
    file = io.BytesIO()
    dump_svmlight_file(X, y, file, **options)
    return file.getvalue()


def together(batches):
    """Return the rows of all batches, dense, and their labels."""
    parts, labels = zip(*batches, strict=True)
    return sp.vstack(parts).toarray(), np.concatenate(labels)


@pytest.fixture
def files(data, tmp_path):
    """Write files of 10, 0, 12 and 1 rows, and return their paths."""
    X, y = data
    paths = []
    for start, stop in pairwise([0, 10, 10, 22, 23]):
        path = tmp_path / f"{len(paths)}.svm"
        text = text_of(X[start:stop], y[start:stop]) if start < stop else b""
        path.write_bytes(text)
        paths.append(path)
    return paths


def test_a_file_is_a_batch(data, files):
    X, y = data
    batches = list(from_svmlight(files, n_features=9, zero_based=True))
    assert [len(labels) for _, labels in batches] == [10, 12, 1]
    for part, labels in batches:
        assert part.format == "csr"
        assert part.shape == (len(labels), 9)
        assert part.dtype == np.float32
        assert part.indices.dtype == part.indptr.dtype == np.int32
        assert labels.dtype == np.float64
    found, labels = together(batches)
    np.testing.assert_array_equal(found, X.toarray())
    np.testing.assert_array_equal(labels, y)


@pytest.mark.parametrize("rows", [1, 2, 5, 10, 11, 12, 13, 10**12])
@pytest.mark.parametrize("last_newline", [True, False])
def test_no_row_is_lost_or_doubled(data, files, rows, last_newline):
    X, y = data
    if not last_newline:
        for path in files:
            path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    batches = list(from_svmlight(files, n_features=9, zero_based=True, rows=rows))
    sizes = [len(labels) for _, labels in batches]
    assert max(sizes) <= rows
    assert len(sizes) == sum(-(-count // rows) for count in (10, 12, 1))
    found, labels = together(batches)
    np.testing.assert_array_equal(found, X.toarray())
    np.testing.assert_array_equal(labels, y)


@pytest.mark.parametrize("rows", [None, 3])
def test_two_passes_at_once_give_the_same(files, rows):
    batches = from_svmlight(files, n_features=9, zero_based=True, rows=rows)
    copied = pickle.loads(pickle.dumps(batches))
    assert copied == batches
    for passes in zip(batches, batches, copied, strict=True):
        for X, y in passes:
            np.testing.assert_array_equal(X.data, passes[0][0].data)
            np.testing.assert_array_equal(X.indices, passes[0][0].indices)
            np.testing.assert_array_equal(X.indptr, passes[0][0].indptr)
            np.testing.assert_array_equal(y, passes[0][1])


def test_column_numbers_from_one(data, tmp_path):
    X, y = data
    path = tmp_path / "ones.svm"
    path.write_bytes(text_of(X, y, zero_based=False))
    explicit = from_svmlight(path, n_features=9, zero_based=False, rows=4)
    np.testing.assert_array_equal(together(explicit)[0], X.toarray())
    guessed = from_svmlight(str(path), n_features=9)
    np.testing.assert_array_equal(together(guessed)[0], X.toarray())


@pytest.mark.parametrize("end", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("rows", [None, 4])
def test_compressed(data, tmp_path, end, rows):
    X, y = data
    compress = {"gz": gzip.compress, "bz2": bz2.compress}
    if end == "xz":
        compress["xz"] = pytest.importorskip("lzma").compress
    path = tmp_path / f"rows.svm.{end}"
    path.write_bytes(compress[end](text_of(X, y)))
    batches = from_svmlight(path, n_features=9, zero_based=True, rows=rows)
    np.testing.assert_array_equal(together(batches)[0], X.toarray())


def test_comments_count_as_lines_only(data, tmp_path):
    X, y = data
    path = tmp_path / "rows.svm"
    # A comment of six lines, some of it without a word.
    path.write_bytes(b"# one\n\n# two\n#\n\n# six\n" + text_of(X, y) + b"\n\n# end")
    batches = list(from_svmlight(path, n_features=9, zero_based=True, rows=3))
    assert min(len(labels) for _, labels in batches) > 0
    np.testing.assert_array_equal(together(batches)[0], X.toarray())


def test_more_columns_than_are_in_the_file(files):
    for X, _ in from_svmlight(files, n_features=20, zero_based=True):
        assert X.shape[1] == 20


def test_float64(data, tmp_path):
    path = tmp_path / "rows.svm"
    path.write_bytes(b"1 0:0.1\n")
    ((X, _),) = from_svmlight(path, n_features=1, dtype=np.float64)
    assert X.dtype == np.float64
    assert X[0, 0] == 0.1


@pytest.mark.parametrize("rows", [None, 3])
def test_abandoned_pass_closes_its_file(files, open_files, rows):
    batches = from_svmlight(files, n_features=9, zero_based=True, rows=rows)
    assert open_files() == []
    passing = iter(batches)
    next(passing)
    del passing
    assert open_files() == []
    circle = [iter(batches)]
    next(circle[0])
    circle.append(circle)
    del circle
    assert open_files() == []
    with pytest.raises(ZeroDivisionError):
        [1 / 0 for _ in batches]
    assert open_files() == []


@pytest.mark.parametrize("rows", [None, 3])
def test_a_pass_that_fails_closes_its_file(files, open_files, rows):
    batches = from_svmlight(files, n_features=3, zero_based=True, rows=rows)
    with pytest.raises(ValueError, match="contains"):
        list(batches)
    assert open_files() == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 0:1 3:1", "n_features=3 and zero_based=True: .* contains 4 features"),
        ("1 0:1\n1 0:x", "could not convert"),
        ("1,2 0:1", "could not convert"),
        ("1 2:1 1:1", "sorted and unique"),
        ("1 99999999999:1", "too large"),
    ],
)
@pytest.mark.parametrize("rows", [None, 2])
def test_bad_file_is_named(tmp_path, text, message, rows):
    (tmp_path / "good.svm").write_text("1 0:1\n" * 4)
    (tmp_path / "bad.svm").write_text("1 0:1\n" * 4 + text)
    lines = "" if rows is None else ", lines 5 to 6"
    passing = iter(
        from_svmlight(
            [tmp_path / "good.svm", tmp_path / "bad.svm"],
            n_features=3,
            zero_based=True,
            rows=rows,
        )
    )
    for _ in range(1 if rows is None else 4):
        next(passing)
    with pytest.raises(ValueError, match=rf"bad.svm{lines}, .*{message}"):
        next(passing)


def test_column_number_0_in_a_file_that_counts_from_1(tmp_path):
    path = tmp_path / "zero.svm"
    path.write_text("1 0:1\n")
    with pytest.raises(ValueError, match="zero_based=False: Invalid index 0"):
        list(from_svmlight(path, n_features=3, zero_based=False))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"paths": []}, ValueError, "no file"),
        ({"paths": [3]}, TypeError, "int"),
        ({"n_features": 0}, ValueError, "n_features == 0"),
        ({"n_features": None}, TypeError, "n_features must be"),
        ({"rows": 0}, ValueError, "rows == 0"),
        ({"rows": "all"}, TypeError, "rows must be"),
        ({"dtype": "float16"}, ValueError, 'dtype must be "float32"'),
        ({"dtype": int}, ValueError, 'dtype must be "float32"'),
        ({"zero_based": "auto", "rows": 2}, ValueError, "batches could differ"),
        ({"zero_based": "auto", "paths": "ab"}, ValueError, "batches could differ"),
        ({"zero_based": 1}, TypeError, "zero_based must be a bool"),
        ({"zero_based": "yes"}, TypeError, "zero_based must be a bool"),
    ],
)
def test_bad_input(change, error, message):
    given = {"paths": ["a.svm"], "n_features": 3, "zero_based": True} | change
    given["paths"] = list(given["paths"])
    with pytest.raises(error, match=message):
        from_svmlight(**given)


def test_missing_file():
    batches = from_svmlight("nowhere.svm", n_features=3)
    with pytest.raises(FileNotFoundError):
        next(iter(batches))


def test_repr(files):
    one = from_svmlight("a.svm", n_features=3)
    assert repr(one) == (
        "SvmlightBatches('a.svm', n_features=3, dtype='float32', "
        "zero_based='auto', rows=None)"
    )
    several = from_svmlight(files, n_features=3, zero_based=True, rows=8)
    assert repr(several) == (
        "SvmlightBatches(4 files, n_features=3, dtype='float32', "
        "zero_based=True, rows=8)"
    )

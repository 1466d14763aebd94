"""BatchReader: what batches may be, and what is said of those that are not."""

import numpy as np
import pytest
import scipy.sparse as sp
from batch_cases import Batches, cut, read_in_passes
from samples import make_data

from hingesvm import HingeSVC
from hingesvm.rows.batches import BatchRows
from hingesvm.rows.memory import MemoryRows
from hingesvm.training import batches as module
from hingesvm.training.batches import BatchReader

X, Y = make_data(60, 3)
HALVES = [(X[:30], Y[:30]), (X[30:], Y[30:])]


@pytest.fixture(autouse=True)
def in_passes(monkeypatch):
    read_in_passes(monkeypatch)


def read(batches, classes=None):
    """Return the reader and its rows after two passes, and the values of the second."""
    reader = BatchReader(HingeSVC(), batches, classes)
    rows = reader.rows()
    assert isinstance(rows, BatchRows)
    return reader, rows, rows.take(np.arange(rows.n_rows))


def refused(batches, message, classes=None):
    """Assert that a fit to batches is refused, and leaves nothing behind."""
    clf = HingeSVC()
    with pytest.raises(ValueError, match=message):
        clf.fit_batches(batches, classes)
    assert vars(clf) == vars(HingeSVC())


class Passes:
    """Other batches in each pass; those of the last one again and again."""

    def __init__(self, *passes):
        self.passes, self.n_passes = passes, 0

    def __iter__(self):
        self.n_passes += 1
        return iter(self.passes[min(self.n_passes, len(self.passes)) - 1])


def numbered():
    """A generator function."""
    yield from HALVES


class UsedUp:
    """An iterable whose iterators are one and the same."""

    def __init__(self):
        self.iterator = iter(HALVES)

    def __iter__(self):
        return self.iterator


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        (numbered(), "read only once"),
        (iter(HALVES), "read only once"),
        (zip([X], [Y], strict=True), "read only once"),
        (map(tuple, HALVES), "read only once"),
        (numbered, "got function. Call it"),
        (None, r"iterable of \(X, y\).*got NoneType.$"),
        (7, "got int.$"),
        (UsedUp(), "ended after 0 batches.*used up"),
        ([], "batches has no rows"),
        ([(X[:0], Y[:0])], "batches has no rows"),
        ((X, Y), r"batch 0 must be \(X, y\) or .*got a ndarray"),
        ([HALVES[0], X], "batch 1 must be .* got a ndarray"),
        ([(X,)], "got a tuple of 1"),
        ([(X, Y, None, None)], "got a tuple of 4"),
        ({"X": X}, "got a str"),
        ([HALVES[0], None], "batch 1 must be .*NoneType"),
        ([(X, Y[:-1])], r"batch 0: y has the shape \(59,\), and X has 60 rows"),
        ([(X, X)], r"batch 0: y has the shape \(60, 3\)"),
        ([(X, 1)], r"batch 0: y has the shape \(\)"),
        ([HALVES[0], (X[:, :2].copy(), Y)], "batch 1: X has 2 columns, and other .* 3"),
        ([HALVES[0], (X[:, :2].tolist(), Y)], "batch 1: X has 2 features"),
        ([HALVES[0], (X[:0, :2], Y[:0])], "batch 1: X has 2 features"),
        ([HALVES[0], (sp.csr_matrix(X), Y)], "batch 1: X is sparse, .*batches dense"),
        ([(sp.csr_matrix(X), Y), HALVES[0]], "batch 1: X is dense, .*batches sparse"),
        ([HALVES[0], (X[0], Y[:1])], "batch 1: .*Expected 2D array"),
        ([(X, Y, -np.ones(60))], "batch 0: Negative values in sample_weight"),
        ([(X, Y, np.full(60, np.nan))], "batch 0: .*sample_weight.* NaN"),
        ([(X, Y, np.ones(59))], "batch 0: sample_weight has 59 entries"),
        ([(X, Y, np.zeros(60))], "all rows have zero weight"),
        ([(X, Y, np.zeros(60)), (X, Y, 0.0)], "all rows have zero weight"),
        ([(X, Y + 0.5)], "batch 0: Unknown label type"),
        ([HALVES[0], (X, Y * np.nan)], "batch 1: .*NaN"),
        ([(X, np.where(Y, "a", None))], "batch 0: y has labels of .* missing"),
        ([(X, Y), (X, np.where(Y, "a", "b"))], "different types.* different batches"),
        ([(X[Y == 1], Y[Y == 1])], "only one class: 1"),
        ([(X, Y, 1.0 * Y)], "only one class: 1"),
    ],
)  # fmt: skip
def test_unusable_batches_are_refused(batches, message):
    refused(batches, message)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix])
def test_values_that_are_not_finite(wrong, kind):
    other = X.copy()
    other[41, 2] = wrong
    batches = [(kind(X), Y), (kind(other), Y)]
    refused(batches, "batch 1: .*(NaN|infinity)")
    # A later pass, for dense rows: sparse ones are not looked at again.
    if kind is np.asarray:
        refused(Passes([(X, Y)] * 2, batches), "batch 1: .*(NaN|infinity)")


def test_rows_without_weight_may_be_anything_but_labels_are_of_those_with_weight():
    labels = np.append(Y, [7, 7])
    weights = np.append(np.ones(60), [0.0, 0.0])
    reader, rows, values = read([(np.vstack([X, X[:2]]), labels, weights)], [0, 1])
    assert reader.classes.tolist() == [0, 1]
    assert rows.n_rows == 60
    np.testing.assert_array_equal(values, X)


@pytest.mark.parametrize("index", [-1, 3, 2**31 - 1])
@pytest.mark.parametrize("later", [False, True])
def test_column_numbers_outside_of_the_columns(index, later):
    good, bad = sp.csr_matrix(X), sp.csr_matrix(X)
    bad.indices[17] = index
    first, second = [(good, Y), (good, Y)], [(good, Y), (bad, Y)]
    batches = Passes(first, second) if later else second
    refused(batches, r"batch 1: X is no valid CSR.*outside 0\.\.2")


def test_row_starts_that_decrease():
    good, bad = sp.csr_matrix(X), sp.csr_matrix(X)
    bad.indptr[3] = bad.indptr[2] - 1
    refused(Passes([(good, Y)], [(bad, Y)]), "batch 0: X is no valid CSR.*indptr")


@pytest.mark.parametrize(
    ("later", "message"),
    [
        ([(X[:29], Y[:29]), HALVES[1]], "batch 0 has 29 rows, and had 30"),
        (HALVES[:1], "ended after 1 batches, and had 2"),
        ([*HALVES, HALVES[0]], "more than 2 batches"),
        ([HALVES[0], (X[30:, :2], Y[30:])], "batch 1: X has 2 features"),
        ([HALVES[0], (sp.csr_matrix(X[30:]), Y[30:])], "batch 1: X is sparse"),
        ([HALVES[0], X[30:]], "batch 1 must be"),
        ([HALVES[0], (X[30:], Y[31:])], "batch 1: y has the shape"),
        ([HALVES[0], (X[30:], Y[30:] + 5)], "batch 1 has other labels"),
        ([(X[30:], Y[30:]), (X[:30], Y[:30])], "batch 0 has other labels.*shuffled"),
        ([HALVES[0], (X[30:], np.array(["a"] * 30))], "batch 1 has other labels"),
    ],
)
def test_a_later_pass_with_other_rows(later, message):
    refused(Passes(HALVES, later), message)
    # Not those of the second pass but of a third.
    refused(Passes(HALVES, HALVES, later), message)


def test_labels_of_a_later_pass_are_those_of_rows_with_weight():
    weights = np.where(np.arange(60) % 3, 1.0, 0.0)
    other = np.where(weights, Y, 7)
    first, second = [(X, Y, weights)], [(X, other, weights)]
    reader, _, values = read(Passes(first, second))
    np.testing.assert_array_equal(values, X[weights > 0.0])
    np.testing.assert_array_equal(reader.kept, np.flatnonzero(weights))
    assert reader.n_samples == 60


def test_classes_that_are_given():
    assert read(HALVES, [1, 0])[0].classes.tolist() == [0, 1]
    assert read(HALVES, np.array([0.0, 1.0]))[0].classes.tolist() == [0, 1]
    refused(HALVES, "batch 0: y has the label 1, which is not one", [0, 2])
    refused(HALVES, r"`classes` has labels that no row .*: \[2, 3\]", [0, 1, 2, 3])
    refused(HALVES, "batch 0: y has the label 0", ["0", "1"])
    words = [(part, np.where(labels, "yes", "no")) for part, labels in HALVES]
    assert read(words, ["no", "yes"])[0].classes.tolist() == ["no", "yes"]


LABELS = {
    "words": lambda y: np.where(y, "yes", "perhaps not"),
    "objects": lambda y: np.where(y, "yes", "no").astype(object),
    "bools": lambda y: y == 1,
    "int8": lambda y: np.where(y, 127, -128).astype(np.int8),
    "uint64": lambda y: np.where(y, 2**64 - 1, 2**63).astype(np.uint64),
    "large": lambda y: np.where(y, 2**62 + 1, 2**62),
    "floats": lambda y: 2.0 * y - 1.0,
    "lists": lambda y: y.tolist(),
    "columns": lambda y: y.reshape(-1, 1),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels(name):
    of = LABELS[name]
    reader, _, _ = read([(X[:0], Y[:0]), *((part, of(y)) for part, y in HALVES)])
    labels = np.asarray(of(Y)).ravel()
    classes, codes = np.unique(labels, return_inverse=True)
    np.testing.assert_array_equal(reader.classes, classes)
    np.testing.assert_array_equal(reader.codes, codes)
    if name != "lists":
        assert reader.classes.dtype == classes.dtype


@pytest.mark.parametrize("count", [3, 127, 128, 129, 200])
@pytest.mark.parametrize("order", [1, -1])
def test_many_classes_in_any_order(count, order):
    labels = np.arange(count).repeat(2)[::order] * 3 - 5
    values = np.arange(2.0 * count).reshape(-1, 1)
    batches = [(values[k : k + 7], labels[k : k + 7]) for k in range(0, len(values), 7)]
    reader, rows, found = read(batches)
    np.testing.assert_array_equal(reader.classes[reader.codes], labels)
    assert len(reader.classes) == count
    np.testing.assert_array_equal(found, values)
    assert rows.n_rows == 2 * count


def test_longer_words_in_a_later_batch():
    batches = [(X, np.where(Y, "a", "b")), (X, np.where(Y, "a", "much longer"))]
    reader, _, _ = read(batches)
    assert reader.classes.tolist() == ["a", "b", "much longer"]
    labels = np.concatenate([labels for _, labels in batches])
    np.testing.assert_array_equal(reader.classes[reader.codes], labels)


def test_weights_in_some_batches_only():
    given = np.linspace(0.5, 1.0, 30)
    reader, _, _ = read([HALVES[0], (*HALVES[1], given)])
    np.testing.assert_array_equal(reader.weights, np.append(np.ones(30), given))
    assert reader.kept is None
    assert read(HALVES)[0].weights is None
    assert read([(*half, None) for half in HALVES])[0].weights is None
    reader, rows, _ = read([(*HALVES[0], 2), (*HALVES[1], np.where(given > 0.7, 3, 0))])
    expected = np.append(np.full(30, 2.0), np.full((given > 0.7).sum(), 3.0))
    np.testing.assert_array_equal(reader.weights, expected)
    assert rows.n_rows == len(expected)
    # A batch without any weight, and one that is empty.
    reader, rows, values = read(
        [(*HALVES[0], np.zeros(30)), (X[:0], Y[:0], np.ones(0)), HALVES[1]]
    )
    np.testing.assert_array_equal(values, X[30:])
    np.testing.assert_array_equal(reader.kept, np.arange(30, 60))


def fortran(X):
    return np.asfortranarray(X)


def strided(X):
    return np.repeat(X, 2, axis=0)[::2]


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def wide_indices(X):
    X = sp.csr_array(X)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def locked(X):
    X = sp.csr_matrix(X)
    for part in (X.data, X.indices, X.indptr):
        part.flags.writeable = False
    return X


@pytest.mark.parametrize(
    "kind",
    [
        np.asarray, fortran, strided, read_only, list, np.ndarray.tolist, sp.csr_matrix,
        sp.csr_array, sp.coo_matrix, sp.csc_array, wide_indices, locked,
    ],
)  # fmt: skip
@pytest.mark.parametrize("weights", [None, np.arange(60) % 2])
def test_kinds_of_rows(kind, weights):
    more = () if weights is None else (weights,)
    batches = cut(X, Y, *more)
    for k, (part, *rest) in enumerate(batches.batches):
        if len(part):
            batches.batches[k] = (kind(part), *rest)
    reader, rows, values = read(batches)
    kept = slice(None) if weights is None else weights > 0
    np.testing.assert_array_equal(values, X[kept])
    np.testing.assert_array_equal(reader.codes, Y[kept])
    assert rows.is_sparse == sp.issparse(kind(X))
    assert rows.dtype == np.float64
    memory = MemoryRows(sp.csr_matrix(X[kept]) if rows.is_sparse else X[kept])
    assert rows.n_entries == memory.n_entries
    assert rows.longest_row() == memory.longest_row()
    assert rows.longest_square() == pytest.approx(memory.longest_square())
    assert batches.n_passes == 2


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix])
@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_single_and_double_precision_are_double(kind, order):
    types = np.array([np.float32, np.float64])[order]
    parts = [part.astype(dtype) for (part, _), dtype in zip(HALVES, types, strict=True)]
    labels = [Y[:30], Y[30:]]
    _, rows, values = read([*zip(map(kind, parts), labels, strict=True)])
    assert rows.dtype == rows.few(9).dtype == np.float64
    np.testing.assert_array_equal(values, np.concatenate(parts))
    single = [(kind(part.astype(np.float32)), y) for part, y in HALVES]
    assert read(single)[1].dtype == np.float32


def test_integers_and_bools_are_double():
    for part in (np.arange(60).reshape(20, 3), np.arange(60).reshape(20, 3) % 2 == 0):
        _, rows, values = read([(part, Y[:20])])
        assert rows.dtype == np.float64
        np.testing.assert_array_equal(values, part)


def test_frames():
    pandas = pytest.importorskip("pandas")
    names = ["a", "b", "c"]
    frame = pandas.DataFrame(X, columns=names)
    series = pandas.Series(np.where(Y, "yes", "no"))
    batches = cut(frame, series)
    clf = HingeSVC().fit_batches(batches)
    assert clf.feature_names_in_.tolist() == names
    assert clf.n_features_in_ == 3
    assert clf.predict(frame).tolist() == HingeSVC().fit(X, series).predict(X).tolist()
    other = frame.rename(columns={"b": "d"})
    refused([(frame, Y), (other, Y)], "batch 1: The feature names should match")
    swapped = frame[["b", "a", "c"]]
    refused(Passes([(frame, Y)], [(swapped, Y)]), "batch 0: The feature names")
    # Those of an earlier fit are forgotten, and those of a failed one not kept.
    with pytest.raises(ValueError, match="features"):
        clf.fit_batches([(X, Y), (X[:, :2], Y)])
    assert clf.feature_names_in_.tolist() == names
    clf.fit_batches([(X[:0, :2], Y[:0]), (X[:, :2], Y)])
    assert clf.n_features_in_ == 2
    assert not hasattr(clf, "feature_names_in_")
    with pytest.warns(UserWarning, match="valid feature names"):
        BatchReader(clf, [(frame, Y), (X, Y)]).rows()


class Reused:
    """Yields the same arrays again and again, with other contents each time."""

    def __init__(self):
        self.X, self.y, self.weights = np.empty((20, 3)), np.empty(20, int), np.ones(20)

    def __iter__(self):
        for start in range(0, 60, 20):
            some = slice(start, start + 20)
            self.X[:], self.y[:] = X[some], Y[some]
            self.weights[:] = start + 1.0
            yield self.X, self.y, self.weights
            self.X[:] = self.weights[:] = np.nan


@pytest.mark.parametrize("few", [0, 10_000])
def test_arrays_may_be_written_over_by_the_next_batch(few, monkeypatch):
    monkeypatch.setattr(module, "FEW_ROWS", few)
    reader = BatchReader(HingeSVC(), Reused())
    rows = reader.rows()
    assert isinstance(rows, MemoryRows) == (few > 0)
    np.testing.assert_array_equal(rows.take(np.arange(60)), X)
    np.testing.assert_array_equal(reader.weights, np.repeat([1.0, 21.0, 41.0], 20))
    assert np.isfinite(rows.few(10).take(np.arange(10))).all()


def test_some_rows_are_kept_from_all_over(monkeypatch):
    monkeypatch.setattr(module, "_OF_ALL", 64)
    monkeypatch.setattr(module, "_OF_BATCH", 16)
    values = np.arange(3000.0).reshape(-1, 1)
    labels = np.arange(3000) % 2
    for height in (1, 7, 1000, 3000):
        cuts = range(0, 3000, height)
        batches = [(values[k : k + height], labels[k : k + height]) for k in cuts]
        _, rows, _ = read(batches)
        few = rows.few(99).take(np.arange(rows.few(99).n_rows)).ravel()
        assert min(3000 // height, 2) * 8 <= len(few) <= 64
        assert few.min() < 400.0
        assert few.max() > 2000.0 or height == 3000


@pytest.mark.parametrize(
    ("n", "d", "kept"),
    [(10_000, 2, True), (10_001, 2, False), (2000, 2000, True), (2000, 2001, False)],
)
def test_few_rows_are_kept(n, d, kept, monkeypatch):
    monkeypatch.undo()
    values, labels = np.ones((n, d), dtype=np.float32), np.arange(n) % 2
    batches = Batches([(values[:9], labels[:9]), (values[9:], labels[9:])])
    rows = BatchReader(HingeSVC(), batches).rows()
    assert isinstance(rows, MemoryRows) == kept
    assert rows.n_rows == n
    assert batches.n_passes == 1

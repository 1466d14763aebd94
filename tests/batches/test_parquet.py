"""Batches of Parquet files: their rows, types and order, and files left open."""

import pickle
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

from hingesvm.batches import from_parquet

pa = pytest.importorskip("pyarrow")
pc = pytest.importorskip("pyarrow.compute")
ds = pytest.importorskip("pyarrow.dataset")
pq = pytest.importorskip("pyarrow.parquet")

# Rows of seven files; the third has none.
SIZES = [5, 101, 0, 1, 33, 64, 7]


@pytest.fixture
def table():
    """A table with a label, a weight and four columns of numbers."""
    rng = np.random.default_rng(0)
    n = sum(SIZES)
    return pa.table(
        {
            "wide": rng.normal(size=n),
            "label": rng.integers(0, 3, n),
            "count": rng.integers(-9, 9, n).astype(np.int16),
            "flag": rng.integers(0, 2, n).astype(bool),
            "weight": rng.integers(1, 5, n),
            "narrow": rng.normal(size=n).astype(np.float32),
        }
    )


@pytest.fixture
def files(table, tmp_path):
    """Write the rows to seven files with row groups of three rows, return paths."""
    bounds = np.cumsum([0, *SIZES])
    paths = []
    for place, (start, stop) in enumerate(pairwise(bounds)):
        paths.append(tmp_path / f"{place}.parquet")
        pq.write_table(table[start:stop], paths[-1], row_group_size=3)
    return paths


def columns_of(table, names):
    """Return the columns as a float32 matrix."""
    values = [table[name].to_numpy().astype(np.float32) for name in names]
    return np.column_stack(values)


def written(folder, columns, name="t.parquet"):
    """Return the path of a file with these columns."""
    pq.write_table(pa.table(columns), folder / name)
    return folder / name


@pytest.mark.parametrize("rows", [1, 2, 3, 50, 64, sum(SIZES), sum(SIZES) + 1])
@pytest.mark.parametrize("kind", ["files", "folder", "dataset"])
def test_batches_are_all_rows_in_order(table, files, tmp_path, rows, kind):
    sources = {"files": files, "folder": tmp_path, "dataset": ds.dataset(tmp_path)}
    batches = from_parquet(sources[kind], label="label", weight="weight", rows=rows)
    parts, labels, weights = zip(*batches, strict=True)
    assert [len(part) for part in parts[:-1]] == [rows] * (len(parts) - 1)
    assert 0 < len(parts[-1]) <= rows
    for part, label, weight in zip(parts, labels, weights, strict=True):
        assert part.dtype == np.float32
        assert part.flags.c_contiguous
        assert part.shape == (len(label), 4)
        assert label.dtype == np.int64
        assert weight.dtype == np.float64
        assert label.shape == weight.shape
    expected = columns_of(table, ["wide", "count", "flag", "narrow"])
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    np.testing.assert_array_equal(np.concatenate(labels), table["label"])
    np.testing.assert_array_equal(np.concatenate(weights), table["weight"])


@pytest.mark.parametrize("rows", [20_000, 70_000])
def test_large_row_groups(tmp_path, rows):
    values = np.arange(70_001)
    path = written(tmp_path, {"x": values, "y": values % 2})
    parts, labels = zip(*from_parquet(path, label="y", rows=rows), strict=True)
    assert [len(part) for part in parts[:-1]] == [rows] * (len(parts) - 1)
    np.testing.assert_array_equal(np.concatenate(parts)[:, 0], values)
    np.testing.assert_array_equal(np.concatenate(labels), values % 2)


def test_a_pass_holds_little_beside_its_batch(tmp_path):
    values = np.random.default_rng(0).normal(size=(8, 200_000)).astype(np.float32)
    columns = {f"x{place}": column for place, column in enumerate(values)}
    table = pa.table(columns | {"y": np.zeros(200_000, dtype=bool)})
    path = tmp_path / "t.parquet"
    # All rows are one row group.
    pq.write_table(table, path, use_dictionary=False, data_page_size=1 << 14)
    del table
    before = pa.total_allocated_bytes()
    held = [
        pa.total_allocated_bytes() - before
        for _ in from_parquet(path, label="y", rows=1000)
    ]
    assert len(held) == 200
    assert max(held) < values.nbytes / 4


def test_batches_own_their_memory(files):
    batches = from_parquet(files, label="label", weight="weight", rows=50)
    kept = list(batches)
    for batch in kept:
        for values in batch:
            assert values.flags.writeable
    for one, two in pairwise(kept):
        assert not any(map(np.shares_memory, one, two))


@pytest.mark.parametrize("kind", ["files", "dataset"])
def test_two_passes_at_once_give_the_same(files, kind):
    source = files if kind == "files" else ds.dataset(files)
    batches = from_parquet(source, label="label", weight="weight", rows=17)
    copied = pickle.loads(pickle.dumps(batches))
    assert repr(copied) == repr(batches)
    for passes in zip(batches, batches, copied, strict=True):
        for other in passes[1:]:
            for one, two in zip(passes[0], other, strict=True):
                assert one.tobytes() == two.tobytes()


def test_chosen_columns_in_their_order(table, files):
    chosen = ["narrow", "wide"]
    ((X, _),) = from_parquet(files, label="label", columns=chosen)
    np.testing.assert_array_equal(X, columns_of(table, chosen))


def test_files_in_the_order_given(files):
    ((X, _),) = from_parquet(files[::-1], label="label")
    last = pq.read_table(files[-1])
    np.testing.assert_array_equal(X[: SIZES[-1], -1], last["narrow"])


def test_columns_in_another_order_and_more_columns(tmp_path):
    one = written(tmp_path, {"a": [1.0], "b": [2.0], "y": [1]}, "1.parquet")
    two = written(tmp_path, {"y": [0], "c": ["no"], "b": [4.0], "a": [3.0]}, "2.pq")
    ((X, y),) = from_parquet([one, two], label="y")
    assert X.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert y.tolist() == [1, 0]


def test_float64(tmp_path):
    path = written(tmp_path, {"x": [0.1], "y": [1]})
    ((X, _),) = from_parquet(str(path), label="y", dtype=np.float64)
    assert X.dtype == np.float64
    assert X.item() == 0.1


def test_decimals_and_half_precision():
    exact = pa.array([Decimal("1.25"), Decimal("-3.50")])
    half = pa.array(np.array([0.5, 2.0], dtype=np.float16))
    # Old versions of pyarrow cannot write half precision.
    dataset = ds.dataset(pa.table({"x": exact, "h": half, "w": exact, "y": exact}))
    ((X, y, w),) = from_parquet(dataset, label="y", weight="w")
    assert X.tolist() == [[1.25, 0.5], [-3.5, 2.0]]
    assert y.tolist() == w.tolist() == [1.25, -3.5]


def test_filtered_dataset(table, files):
    dataset = ds.dataset(files).filter(pc.field("label") != 1)
    parts, labels = zip(*from_parquet(dataset, label="label", rows=20), strict=True)
    keep = table["label"].to_numpy() != 1
    np.testing.assert_array_equal(np.concatenate(labels), table["label"].filter(keep))
    np.testing.assert_array_equal(
        np.concatenate(parts)[:, -1], table["narrow"].filter(keep)
    )


def test_datasets_of_other_formats(tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n1.5,no\n2.5,yes\n")
    for dataset in (
        ds.dataset(tmp_path / "t.csv", format="csv"),
        ds.dataset(pa.table({"a": [1.5, 2.5], "y": ["no", "yes"]})),
    ):
        batches = from_parquet(dataset, label="y")
        ((X, y),) = batches
        assert X.tolist() == [[1.5], [2.5]]
        assert y.tolist() == ["no", "yes"]
        assert repr(batches).startswith("ParquetBatches(a dataset, ")


STRINGS = pa.array(["no", "yes", "no"])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (STRINGS, "O"),
        (STRINGS.cast(pa.large_string()), "O"),
        (STRINGS.dictionary_encode(), "O"),
        (pa.array([7, -1, 7]), "i"),
        (pa.array([7, 1, 7], type=pa.uint8()), "u"),
        (pa.array([7, -1, 7]).dictionary_encode(), "i"),
        (pa.array([True, False, True]), "b"),
        (pa.array([1.0, -1.0, 1.0]), "f"),
    ],
    ids=lambda values: str(getattr(values, "type", "")),
)
@pytest.mark.parametrize("rows", [1, 3])
def test_labels(tmp_path, values, kind, rows):
    path = written(tmp_path, {"x": [1.0, 2.0, 3.0], "y": values})
    labels = [y for _, y in from_parquet(path, label="y", rows=rows)]
    assert {part.dtype.kind for part in labels} == {kind}
    assert np.concatenate(labels).tolist() == values.to_pylist()


def test_labels_of_all_files_have_the_type_of_the_first(tmp_path):
    small = pa.array([1, 0], type=pa.int8())
    one = written(tmp_path, {"x": [1.0, 2.0], "y": small}, "1.parquet")
    two = written(tmp_path, {"x": [1.0], "y": [2]}, "2.parquet")
    ((_, y),) = from_parquet([one, two], label="y")
    assert y.dtype == np.int8
    assert y.tolist() == [1, 0, 2]
    three = written(tmp_path, {"x": [1.0], "y": ["cat"]}, "3.parquet")
    with pytest.raises(ValueError, match=r"Column 'y': .*cat"):
        list(from_parquet([one, three], label="y"))


def test_pandas_index_is_no_column(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": ["a", "b", "a"]})
    numbers = pd.Index([5, 7, 0], name="id")
    for index in (frame.index, numbers.rename(None), numbers):
        frame.set_index(index).to_parquet(tmp_path / "t.parquet")
        ((X, _),) = from_parquet(tmp_path / "t.parquet", label="y")
        assert X.tolist() == [[1.0], [2.0], [3.0]]
    ((X, _),) = from_parquet(tmp_path / "t.parquet", label="y", columns=["id", "x"])
    assert X.tolist() == [[5.0, 1.0], [7.0, 2.0], [0.0, 3.0]]


def test_empty_file_of_other_types(tmp_path):
    pd = pytest.importorskip("pandas")
    path = written(tmp_path, {"x": [1.0, 2.0], "y": [1, 0]}, "1.parquet")
    pd.DataFrame({"x": [], "y": []}, dtype=object).to_parquet(tmp_path / "2.parquet")
    ((X, _),) = from_parquet([path, tmp_path / "2.parquet"], label="y")
    assert X.tolist() == [[1.0], [2.0]]
    path = written(tmp_path, {"x": pa.array([], pa.float64()), "y": pa.array([], "i1")})
    assert list(from_parquet(path, label="y")) == []


def test_polars_file(tmp_path):
    pl = pytest.importorskip("polars")
    values = {"x": [1.0, 2.0], "y": ["a", "b"]}
    frame = pl.DataFrame(values)
    for y in (pl.String, pl.Categorical, pl.Enum(["b", "a"])):
        frame.with_columns(pl.col("y").cast(y)).write_parquet(tmp_path / "t.parquet")
        ((X, labels),) = from_parquet(tmp_path / "t.parquet", label="y")
        assert X.tolist() == [[1.0], [2.0]]
        assert labels.tolist() == ["a", "b"]


def test_abandoned_pass_closes_its_file(files, open_files):
    batches = from_parquet(files, label="label", rows=40)
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


def test_abandoned_pass_over_a_dataset_can_be_repeated(files):
    batches = from_parquet(ds.dataset(files), label="label", rows=40)
    for _ in range(20):
        next(iter(batches))
    assert sum(len(y) for _, y in batches) == sum(SIZES)

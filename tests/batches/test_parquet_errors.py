"""What from_parquet refuses, and what it says."""

import subprocess
import sys
from datetime import date

import pytest

from hingesvm.batches import from_parquet


def test_error_says_how_to_install_pyarrow(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    message = r"^from_parquet needs pyarrow, .*pip install pyarrow.*hingesvm\[parquet\]"
    with pytest.raises(ImportError, match=message) as error:
        from_parquet("nowhere.parquet", label="y")
    assert isinstance(error.value.__cause__, ImportError)


def test_other_readers_need_no_pyarrow():
    program = """
import sys
sys.modules["pyarrow"] = None
from hingesvm.batches import from_arrays
assert len(list(from_arrays([[1.0], [2.0]], [0, 1], rows=1))) == 2
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


pa = pytest.importorskip("pyarrow")
ds = pytest.importorskip("pyarrow.dataset")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def path(tmp_path):
    """Return a file with columns of numbers and others."""
    columns = {
        "height": [1.0, 2.0],
        "weight": [1, 2],
        "name": ["a", "b"],
        "born": [date(2000, 1, 1)] * 2,
        "size": pa.array(["s", "l"]).dictionary_encode(),
        "y": [0, 1],
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"rows": 0}, ValueError, "rows == 0"),
        ({"rows": None}, TypeError, "rows must be"),
        ({"dtype": "int32"}, ValueError, 'dtype must be "float32"'),
        ({"source": 5}, TypeError, "int"),
        ({"source": []}, ValueError, "no Parquet files"),
        ({"source": "nowhere.parquet"}, FileNotFoundError, "nowhere"),
        ({"label": "Y"}, ValueError, "no column 'Y'; there is 'height', 'weight'"),
        ({"label": 3}, ValueError, "no column 3; there is 'height'"),
        ({"label": "nam"}, ValueError, "no column 'nam'; there is 'name'"),
        ({"weight": "wieght"}, ValueError, "'wieght'; there is 'weight', 'height'"),
        ({"columns": ["heigt"]}, ValueError, "'heigt'; there is 'height', 'weight'"),
        ({"columns": "height"}, TypeError, r"pass \['height'\]"),
        ({"columns": []}, ValueError, "no columns for X"),
        ({"columns": ["height", "y"]}, ValueError, r"more than once .*\['y'\]"),
        ({"columns": ["height"] * 2}, ValueError, r"more than once .*\['height'\]"),
        (
            {"weight": "height", "columns": ["height"]},
            ValueError,
            r"more than once .*\['height'\]",
        ),
        (
            {"columns": None},
            ValueError,
            r"neither numbers nor booleans.*'name' \(string\), 'born' \(date32\[day\]\)"
            r", 'size' \(dictionary.*columns=",
        ),
        ({"weight": "name"}, ValueError, r"'name' \(string\)"),
        ({"label": "born"}, ValueError, r"'born' is of type date32\[day\]"),
    ],
)
def test_bad_input(path, change, error, message):
    given = {"source": path, "label": "y", "columns": ["height"]} | change
    with pytest.raises(error, match=message):
        from_parquet(**given)


def test_folder_without_files(tmp_path):
    with pytest.raises(ValueError, match="no Parquet files"):
        from_parquet(tmp_path, label="y")


def test_a_label_alone(tmp_path):
    pq.write_table(pa.table({"y": [1]}), tmp_path / "t.parquet")
    with pytest.raises(ValueError, match="no columns for X"):
        from_parquet(tmp_path, label="y")


def test_a_file_that_is_not_parquet(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"")
    with pytest.raises(ValueError, match=r"t\.parquet"):
        from_parquet(tmp_path / "t.parquet", label="y")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"b": [1.0, None, 2.0]}, "b"),
        ({"b": [True, None, False]}, "b"),
        ({"w": [1, None, 2]}, "w"),
        ({"y": [0, None, 1]}, "y"),
        ({"y": ["a", None, "b"]}, "y"),
        ({"y": pa.array(["a", None, "b"]).dictionary_encode()}, "y"),
    ],
)
@pytest.mark.parametrize("as_dataset", [False, True])
def test_nulls(tmp_path, change, name, as_dataset):
    columns = {"a": [1.0, 2.0, 3.0], "b": [1, 2, 3], "w": [1, 1, 1], "y": [0, 1, 0]}
    table = pa.table(columns | change)
    pq.write_table(table, tmp_path / "t.parquet")
    source = ds.dataset(table) if as_dataset else tmp_path / "t.parquet"
    passing = iter(from_parquet(source, label="y", weight="w", rows=1))
    next(passing)
    with pytest.raises(ValueError, match=rf"Column '{name}' has nulls.*is_valid"):
        next(passing)


def test_null_among_the_values_of_a_dictionary():
    y = pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["a", None]))
    assert y.null_count == 0
    dataset = ds.dataset(pa.table({"a": [1.0, 2.0], "y": y}))
    with pytest.raises(ValueError, match="Column 'y' has nulls"):
        list(from_parquet(dataset, label="y"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"aa": [1.0], "y": [1]}, r"2\.parquet: .*no column 'a'; there is 'aa'"),
        ({"a": ["x"], "y": [1]}, r"2\.parquet: .*'a' \(string\)"),
        ({"a": [1.0]}, r"2\.parquet: .*no column 'y'"),
    ],
)
def test_a_later_file_that_differs(tmp_path, open_files, columns, message):
    pq.write_table(pa.table({"a": [1.0], "y": [1]}), tmp_path / "1.parquet")
    pq.write_table(pa.table(columns), tmp_path / "2.parquet")
    passing = iter(from_parquet(tmp_path, label="y", rows=1))
    next(passing)
    with pytest.raises(ValueError, match=message):
        next(passing)
    assert open_files() == []


def test_repr(path):
    batches = from_parquet(path, label="y", columns=["height"], weight="weight")
    assert repr(batches) == (
        f"ParquetBatches({str(path)!r}, label='y', weight='weight', n_features=1, "
        "rows=100000, dtype='float32')"
    )
    several = from_parquet([path, path], label="name", columns=["height"], rows=5)
    assert repr(several) == (
        "ParquetBatches(2 files, label='name', n_features=1, rows=5, dtype='float32')"
    )

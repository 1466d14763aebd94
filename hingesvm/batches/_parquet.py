"""Batches of Parquet files and of what else pyarrow reads, imported when needed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hingesvm.batches._checks import check_count, check_dtype, shown_files

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.dataset import Dataset

__all__ = ["ParquetBatches", "from_parquet"]

# Rows that pyarrow decodes at once: few beside a batch, so that memory is that of the
# batch, and enough that the work in Python is small.
_PIECE = 16_384
# Bytes that are read ahead in each column of a file. Without such a buffer whole
# columns of a row group are read.
_BUFFER = 1 << 16

_Path = str | os.PathLike[str]


def from_parquet(
    source: _Path | Sequence[_Path] | Dataset,
    *,
    label: str,
    columns: Sequence[str] | None = None,
    weight: str | None = None,
    rows: int = 100_000,
    dtype: DTypeLike = "float32",
) -> ParquetBatches:
    """Return batches of Parquet files.

    It needs pyarrow, which ``pip install hingesvm[parquet]`` brings.

    Parameters
    ----------
    source : str, path-like, sequence of these or pyarrow.dataset.Dataset
        A file, several, which are read in this order, or a folder, whose files are
        read in the order of their names. A `Dataset` can be of other formats, and can
        be filtered.
    label : str
        The column of labels: numbers, booleans or strings, also dictionary-encoded.
    columns : sequence of str, default=None
        The columns of X in their order, which have to be numbers or booleans. By
        default all but `label`, `weight` and the index of a pandas frame, in the
        order of the schema.
    weight : str, default=None
        The column of sample weights. With it batches are (X, y, sample_weight).
    rows : int, default=100000
        Rows of a batch, which can be of several files. The last one has what is left.
        Memory for that many is reserved.
    dtype : {"float32", "float64"}, default="float32"
        Type of the values of X.

    Returns
    -------
    ParquetBatches
        Each ``iter()`` starts a pass, which yields (X, y) or (X, y, sample_weight): a
        C-ordered array of shape (n_rows, n_columns), labels of shape (n_rows,) as
        numbers, booleans or, as objects, strings, and float64 weights of shape
        (n_rows,).

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    ValueError
        If a column is not there, is named twice, or has a type that cannot be used, if
        no columns are left for X, if there are no files, if `rows` is less than 1 or
        `dtype` is another one. During a pass, if a column has nulls, or a file other
        columns or types than the first. The message names the column.
    TypeError
        If `columns` is a string, `rows` is no integer, or `source` is none of the
        above.
    OSError
        If a file cannot be read.

    See Also
    --------
    from_arrays : Batches of arrays and memory maps.
    from_svmlight : Batches of text files in the format of LIBSVM.

    Notes
    -----
    Files are read piece by piece, whatever their row groups are: memory is that of one
    batch, of some thousand rows as pyarrow has them, and of a page or two of each
    column. A `Dataset` is read by its own scanner instead, which holds whole row
    groups, several of them; so pass paths where you can.

    A file without rows may have columns of any type.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pyarrow as pa
    >>> import pyarrow.parquet as pq
    >>> from hingesvm.batches import from_parquet
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "pets.parquet"
    >>> pets = {"kg": [4.0, 30.0, 5.5], "barks": [False, True, False]}
    >>> pq.write_table(pa.table(pets | {"pet": ["cat", "dog", "cat"]}), path)
    >>> batches = from_parquet(path, label="pet", rows=2)
    >>> for X, y in batches:
    ...     print(X.tolist(), y.tolist())
    [[4.0, 0.0], [30.0, 1.0]] ['cat', 'dog']
    [[5.5, 0.0]] ['cat']
    >>> folder.cleanup()
    """
    rows, dtype = check_count(rows, "rows"), check_dtype(dtype)
    if isinstance(columns, str):
        raise TypeError(
            f"columns must be a sequence of names: pass [{columns!r}] for one column."
        )
    dataset, files = _dataset_of(source)
    schema = dataset.schema
    if columns is None:
        # An index that pandas stored is no column of its frame.
        pandas = schema.pandas_metadata or {}
        left_out = [label, weight, *map(str, pandas.get("index_columns", []))]
        columns = [name for name in schema.names if name not in left_out]
    columns = tuple(columns)
    if not columns:
        raise ValueError("There are no columns for X.")
    names = [*columns, label] if weight is None else [*columns, label, weight]
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ValueError(
            f"Named more than once among columns, label and weight: {twice}."
        )
    _check_names(names, schema.names)
    batches = ParquetBatches(
        dataset,
        files,
        columns,
        label,
        weight,
        rows,
        dtype,
        _plain(schema.field(label).type),
    )
    batches.check_types(schema)
    return batches


def _dataset_of(source: Any) -> tuple[Dataset, tuple[str, ...] | None]:
    """Return a dataset, and its files if they can be read one by one."""
    try:
        from pyarrow import dataset as ds
    except ImportError as error:
        raise ImportError(
            "from_parquet needs pyarrow, which is not installed: "
            'pip install pyarrow, or pip install "hingesvm[parquet]"'
        ) from error
    if isinstance(source, ds.Dataset):
        return source, None
    dataset = ds.dataset(source, format="parquet")
    if not isinstance(dataset, ds.FileSystemDataset):
        return dataset, None
    if not dataset.files:
        raise ValueError(f"There are no Parquet files in {source!r}.")
    return dataset, tuple(dataset.files)


@dataclass(frozen=True, repr=False, eq=False)
class ParquetBatches:
    """Rows of a dataset; most of the parameters are those of `from_parquet`.

    Parameters
    ----------
    files : tuple of str, or None
        Paths of Parquet files in the filesystem of the dataset. None leaves the
        reading to the dataset.
    label_type : pyarrow.DataType
        What labels are cast to, so that all batches have labels of one type.
    """

    dataset: Dataset
    files: tuple[str, ...] | None
    columns: tuple[str, ...]
    label: str
    weight: str | None
    rows: int
    dtype: np.dtype[np.floating]
    label_type: pa.DataType

    def __iter__(self) -> Iterator[tuple[NDArray[Any], ...]]:
        batch = _Batch(self)
        for piece in self._pieces():
            while piece.num_rows:
                part = piece.slice(0, self.rows - batch.count)
                batch.add(part)
                piece = piece.slice(part.num_rows)
                if batch.count == self.rows:
                    yield batch.take()
        if batch.count:
            yield batch.take()

    def __repr__(self) -> str:
        shown = "a dataset" if self.files is None else shown_files(self.files)
        weight = "" if self.weight is None else f"weight={self.weight!r}, "
        return (
            f"{type(self).__name__}({shown}, label={self.label!r}, {weight}"
            f"n_features={len(self.columns)}, rows={self.rows}, "
            f"dtype={self.dtype.name!r})"
        )

    @property
    def names(self) -> list[str]:
        """All columns that are read."""
        others = [self.label] if self.weight is None else [self.label, self.weight]
        return [*self.columns, *others]

    def check_types(self, schema: pa.Schema) -> None:
        """Raise ValueError if a column has a type that cannot be used."""
        bad = [
            f"{name!r} ({schema.field(name).type})"
            for name in self.names
            if name != self.label and not _is_number(schema.field(name).type)
        ]
        if bad:
            raise ValueError(
                "These columns are neither numbers nor booleans, so they cannot be in "
                f"X or be weights: {', '.join(bad)}. Name others in columns=, or "
                "encode them before."
            )
        kind = _plain(schema.field(self.label).type)
        # As words, since old versions of pyarrow do not know the last.
        if not _is_number(kind) and str(kind) not in (
            "string",
            "large_string",
            "string_view",
        ):
            raise ValueError(
                f"The label column {self.label!r} is of type {kind}: labels are "
                "numbers, booleans or strings."
            )

    def _pieces(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows of all files in small pieces."""
        size = min(self.rows, _PIECE)
        if self.files is None:
            yield from self.dataset.to_batches(
                columns=self.names,
                batch_size=size,
                batch_readahead=1,
                fragment_readahead=1,
            )
            return
        from pyarrow.parquet import ParquetFile

        for path in self.files:
            with ParquetFile(
                path,
                filesystem=self.dataset.filesystem,
                buffer_size=_BUFFER,
                pre_buffer=False,
            ) as file:
                # What pandas stores of an empty frame has other types.
                if file.metadata.num_rows:
                    schema = file.schema_arrow
                    try:
                        _check_names(self.names, schema.names)
                        self.check_types(schema)
                    except ValueError as error:
                        raise ValueError(f"{path}: {error}") from None
                    yield from file.iter_batches(size, columns=self.names)


class _Batch:
    """A batch that is being filled with the pieces of a pass.

    Parameters
    ----------
    reader : ParquetBatches
        Says what a batch is.

    Attributes
    ----------
    count : int
        Rows that it has so far.
    """

    def __init__(self, reader: ParquetBatches) -> None:
        self._reader = reader
        self._clear()

    def _clear(self) -> None:
        self.count = 0
        self._X: NDArray[np.floating] | None = None
        self._labels: list[NDArray[Any]] = []
        self._weights: list[NDArray[np.float64]] = []

    def add(self, part: pa.RecordBatch) -> None:
        """Add rows, for which there has to be room."""
        reader = self._reader
        if self._X is None:
            self._X = np.empty((reader.rows, len(reader.columns)), reader.dtype)
        rows = self._X[self.count : self.count + part.num_rows]
        for place, name in enumerate(reader.columns):
            rows[:, place] = _values(part, name)
        self._labels.append(_values(part, reader.label, reader.label_type))
        if reader.weight is not None:
            self._weights.append(_values(part, reader.weight).astype(np.float64))
        self.count += part.num_rows

    def take(self) -> tuple[NDArray[Any], ...]:
        """Return the batch, and begin another."""
        assert self._X is not None
        taken = [self._X[: self.count], np.concatenate(self._labels)]
        if self._weights:
            taken.append(np.concatenate(self._weights))
        self._clear()
        return tuple(taken)


def _values(
    part: pa.RecordBatch, name: str, kind: pa.DataType | None = None
) -> NDArray[Any]:
    """Return a column as an array, cast to a type of pyarrow; refuse nulls."""
    import pyarrow as pa

    column = part.column(name)
    try:
        column = column.cast(_plain(column.type) if kind is None else kind)
    except pa.ArrowException as error:
        raise ValueError(f"Column {name!r}: {error}") from error
    if column.null_count:
        raise ValueError(
            f"Column {name!r} has nulls: fill them, or leave these rows out by "
            f"dataset.filter(pyarrow.compute.field({name!r}).is_valid())."
        )
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values


def _check_names(names: Sequence[str], known: Sequence[str]) -> None:
    """Raise ValueError with similar names if there is no column of some name."""
    for name in names:
        if name not in known:
            close = get_close_matches(str(name), known) or list(known[:10])
            listed = ", ".join(map(repr, close))
            raise ValueError(f"There is no column {name!r}; there is {listed}.")


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the type that NumPy has values of this type in."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    return pa.float64() if pa.types.is_decimal(kind) else kind


def _is_number(kind: pa.DataType) -> bool:
    """Whether a type is of numbers or booleans."""
    from pyarrow import types

    tests = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal)
    return any(test(kind) for test in tests)

"""Batches of text files in the format of SVMlight and LIBSVM."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from io import BytesIO
from itertools import count, islice
from typing import IO, Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import DTypeLike, NDArray
from sklearn.datasets import load_svmlight_file

from hingesvm.batches._checks import check_count, check_dtype, shown_files

__all__ = ["SvmlightBatches", "from_svmlight"]

# Which module of the standard library opens a file, by the end of its name. Some
# builds of Python lack some, so they are imported when needed.
_OPENERS = {".gz": "gzip", ".bz2": "bz2", ".xz": "lzma"}
# As many entries can be counted with int32.
_LARGEST = np.iinfo(np.int32).max

_Path = str | os.PathLike[str]
_Batch = tuple[sp.csr_matrix, NDArray[np.float64]]


def from_svmlight(
    paths: _Path | Sequence[_Path],
    *,
    n_features: int,
    dtype: DTypeLike = "float32",
    zero_based: bool | Literal["auto"] = "auto",
    rows: int | None = None,
) -> SvmlightBatches:
    r"""Return batches of text files in the format of SVMlight and LIBSVM.

    They are read by :func:`sklearn.datasets.load_svmlight_file`.

    Parameters
    ----------
    paths : str, path-like or sequence of these
        The files, which are read in this order. Those whose names end in ``.gz``,
        ``.bz2`` or ``.xz`` are decompressed.
    n_features : int
        Columns of X. It has to be given, as the last ones may be absent from some
        batches.
    dtype : {"float32", "float64"}, default="float32"
        Type of the values of X.
    zero_based : bool or "auto", default="auto"
        Whether the first column has the number 0 or 1 in the files. "auto" takes it
        for 1 if no column has the number 0, which batches could answer differently,
        so it is accepted only for one file that is one batch.
    rows : int, default=None
        Lines of a batch, which are rows but for comments and empty lines. By default
        a file is a batch. No batch has rows of two files.

    Returns
    -------
    SvmlightBatches
        Each ``iter()`` starts a pass, which yields (X, y): a CSR matrix of shape
        (n_rows, n_features) with `dtype` values and int32 indices (int64 from 2^31
        entries on), and float64 labels of shape (n_rows,).

    Raises
    ------
    ValueError
        If there is no path, `dtype` is another one, a number is less than 1, or
        `zero_based` is "auto" where there are several batches. During a pass, if a
        file is not in this format, or has more than `n_features` columns; the message
        names the file and the lines of the batch.
    TypeError
        If a number is no integer or `zero_based` is neither bool nor "auto".
    OSError
        During a pass, if a file cannot be read.

    See Also
    --------
    from_arrays : Batches of arrays and memory maps, which are read many times as fast.
    from_parquet : Batches of Parquet files.

    Notes
    -----
    The lines of a batch are read one after the other. So a batch ends where a line
    does, and a compressed file is decompressed once in each pass.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from hingesvm.batches import from_svmlight
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "three.svm"
    >>> _ = path.write_text("1 1:0.5 3:2\n-1 2:1\n1 1:4\n")
    >>> batches = from_svmlight(path, n_features=3, zero_based=False, rows=2)
    >>> for X, y in batches:
    ...     print(X.toarray().tolist(), y.tolist())
    [[0.5, 0.0, 2.0], [0.0, 1.0, 0.0]] [1.0, -1.0]
    [[4.0, 0.0, 0.0]] [1.0]
    >>> folder.cleanup()
    """
    several = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    if not several:
        raise ValueError("paths is empty: there is no file to read.")
    if not (isinstance(zero_based, (bool, np.bool_)) or zero_based == "auto"):
        raise TypeError(f'zero_based must be a bool or "auto", got {zero_based!r}.')
    if zero_based == "auto" and (len(several) > 1 or rows is not None):
        raise ValueError(
            'zero_based="auto" looks at one batch at a time, and batches could differ: '
            "pass True if the first column has the number 0, or False if it has 1."
        )
    return SvmlightBatches(
        tuple(os.fspath(path) for path in several),
        check_count(n_features, "n_features"),
        check_dtype(dtype),
        zero_based if zero_based == "auto" else bool(zero_based),
        None if rows is None else check_count(rows, "rows"),
    )


@dataclass(frozen=True, repr=False)
class SvmlightBatches:
    """Rows of text files; the parameters are those of `from_svmlight`."""

    paths: tuple[str, ...]
    n_features: int
    dtype: np.dtype[np.floating]
    zero_based: bool | Literal["auto"]
    rows: int | None

    def __iter__(self) -> Iterator[_Batch]:
        for path in self.paths:
            with _opened(path) as file:
                # No variable holds a batch, which could be large, beside the user's.
                yield from filter(
                    _has_rows,
                    map(partial(self._load, path), count(), self._sources(file)),
                )

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({shown_files(self.paths)}, "
            f"n_features={self.n_features}, dtype={self.dtype.name!r}, "
            f"zero_based={self.zero_based!r}, rows={self.rows})"
        )

    def _sources(self, file: IO[bytes]) -> Iterator[IO[bytes]]:
        """Return the file, or files in memory of `rows` lines each."""
        if self.rows is None:
            return iter([file])
        texts = iter(lambda: b"".join(islice(file, self.rows)), b"")
        return map(BytesIO, texts)

    def _load(self, path: str, place: int, source: IO[bytes]) -> _Batch:
        """Return the rows of a source, the file's at `place` of them."""
        try:
            X, y = load_svmlight_file(
                source,
                n_features=self.n_features,
                dtype=self.dtype,
                zero_based=self.zero_based,
            )
        # Numbers of columns beyond 32 bits overflow.
        except (ValueError, OverflowError) as error:
            lines = ""
            if self.rows is not None:
                first = place * self.rows
                lines = f", lines {first + 1} to {first + self.rows}"
            raise ValueError(
                f"{path}{lines}, read with n_features={self.n_features} and "
                f"zero_based={self.zero_based!r}: {error}"
            ) from error
        # scikit-learn may return indices of two types.
        index = np.int32 if X.nnz <= _LARGEST else np.int64
        X.indices = X.indices.astype(index, copy=False)
        X.indptr = X.indptr.astype(index, copy=False)
        return X, y


def _opened(path: str) -> IO[bytes]:
    """Return the file, which the caller closes, opened for reading its text."""
    module = import_module(_OPENERS.get(os.path.splitext(path)[1], "io"))
    file: IO[bytes] = module.open(path, "rb")
    return file


def _has_rows(batch: tuple[Any, NDArray[np.float64]]) -> bool:
    """Whether a batch is not empty, as comments alone would be."""
    return len(batch[1]) > 0

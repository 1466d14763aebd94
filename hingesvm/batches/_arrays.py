"""Batches of arrays, memory maps and CSR matrices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from hingesvm.batches._checks import check_count

__all__ = ["ArrayBatches", "from_arrays"]


def from_arrays(
    X: Any,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    rows: int = 100_000,
) -> ArrayBatches:
    """Return batches of an array, a memory map or a CSR matrix.

    Batches are views: nothing is copied, and of a memory map only the rows of a batch
    are read.

    Parameters
    ----------
    X : array-like or CSR matrix of shape (n_samples, n_features)
        A NumPy array, also a memory map (``np.memmap``,
        ``np.load(path, mmap_mode="r")``), or a CSR matrix or array, whose own arrays
        may be memory maps. Anything else that has a `shape` and can be sliced by rows
        is sliced, such as a dataset of h5py.
    y : array-like of shape (n_samples,)
        Labels; a memory map stays one.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights. With them batches are (X, y, sample_weight).
    rows : int, default=100000
        Rows of a batch. The last one has what is left.

    Returns
    -------
    ArrayBatches
        Each ``iter()`` starts a pass, which yields (X, y) or (X, y, sample_weight):
        slices of the arguments in their order, with their dtypes.

    Raises
    ------
    ValueError
        If X does not have two dimensions, if it is sparse but not CSR, if y or
        sample_weight is not of shape (n_samples,), or if `rows` is less than 1.
    TypeError
        If `rows` is no integer.

    See Also
    --------
    from_parquet : Batches of Parquet files.
    from_svmlight : Batches of text files in the format of LIBSVM.

    Notes
    -----
    ``scipy.sparse.csr_array((data, indices, indptr), shape=...)`` keeps memory maps
    where they are if `indices` and `indptr` are int32, or int64 because there are 2^31
    entries or more; of other indices it makes int32 copies.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from hingesvm.batches import from_arrays
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "X.npy"
    >>> np.save(path, np.arange(12, dtype=np.float32).reshape(6, 2))
    >>> X = np.load(path, mmap_mode="r")
    >>> batches = from_arrays(X, np.array([0, 1, 1, 0, 1, 0]), rows=4)
    >>> batches
    ArrayBatches(n_samples=6, n_features=2, rows=4)
    >>> [(part.shape, labels.tolist()) for part, labels in batches]
    [((4, 2), [0, 1, 1, 0]), ((2, 2), [1, 0])]
    >>> all(np.shares_memory(part, X) for part, _ in batches)
    True
    >>> del X, batches
    >>> folder.cleanup()
    """
    rows = check_count(rows, "rows")
    if sp.issparse(X):
        if X.format != "csr":
            raise ValueError(
                f"X is sparse in the format {X.format!r}, which cannot be cut into "
                "batches of rows without copies: pass X.tocsr()."
            )
    elif not hasattr(X, "shape"):
        X = np.asarray(X)
    if len(X.shape) != 2:
        raise ValueError(
            f"X must have the shape (n_samples, n_features), got {tuple(X.shape)}; "
            "np.reshape(X, (-1, 1)) makes one column of it."
        )
    # Subclasses such as np.memmap stay what they are.
    others = {"y": np.asanyarray(y)}
    if sample_weight is not None:
        others["sample_weight"] = np.asanyarray(sample_weight)
    for name, values in others.items():
        if values.shape != (X.shape[0],):
            raise ValueError(
                f"{name} must have the shape ({X.shape[0]},), as X has {X.shape[0]} "
                f"rows, got {values.shape}."
            )
    return ArrayBatches((X, *others.values()), rows)


@dataclass(frozen=True, repr=False, eq=False)
class ArrayBatches:
    """Slices of arrays that have a row for each sample.

    Parameters
    ----------
    data : tuple of array-like
        X, y and perhaps sample_weight.
    rows : int
        Rows of a batch.
    """

    data: tuple[Any, ...]
    rows: int

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for start in range(0, self.data[0].shape[0], self.rows):
            stop = start + self.rows
            X, *others = self.data
            part = _csr_rows(X, start, stop) if sp.issparse(X) else X[start:stop]
            yield (part, *(values[start:stop] for values in others))

    def __repr__(self) -> str:
        n_samples, n_features = self.data[0].shape
        return (
            f"{type(self).__name__}(n_samples={n_samples}, n_features={n_features}, "
            f"rows={self.rows})"
        )


def _csr_rows(X: Any, start: int, stop: int) -> Any:
    """Return rows of a CSR matrix whose values and indices are views.

    A slice of the matrix is a copy, and the constructor copies views that are less than
    half of their array.
    """
    starts = X.indptr[start : stop + 1]
    entries = slice(starts[0], starts[-1])
    rows = type(X)((len(starts) - 1, X.shape[1]), dtype=X.dtype)
    rows.data, rows.indices = X.data[entries], X.indices[entries]
    rows.indptr = starts - starts[0]
    return rows

"""Containers of the same rows, with the type of `coef_` and whether they are copied.

``docs/data.md`` has a row for each of them.
"""

from importlib import import_module
from tempfile import TemporaryFile

import numpy as np
import pytest
import scipy.sparse as sp

COLUMNS = ["a", "b", "c", "d"]


def numbers(dtype=np.float64):
    """Rows of numbers that all types hold exactly, and labels."""
    rng = np.random.default_rng(0)
    X = rng.integers(-3, 4, size=(80, 4)).astype(dtype)
    y = (X[:, 0] + X[:, 1] + rng.normal(size=80) > 0).astype(np.int8)
    return X, y


def library(name):
    """Return a module, or skip the test."""
    return pytest.importorskip(name, exc_type=ImportError)


def read_only(X):
    rows = X.view()
    rows.flags.writeable = False
    return rows


def memory_map(X):
    with TemporaryFile() as file:
        mapped = np.memmap(file, X.dtype, shape=X.shape, mode="w+")
    mapped[:] = X
    return mapped


def with_indices(X, dtype):
    X = sp.csr_array(X)
    X.indices, X.indptr = X.indices.astype(dtype), X.indptr.astype(dtype)
    return X


def every_other(values):
    """Return a view of the same values that is not contiguous."""
    return np.repeat(values, 2)[::2]


def strided_csr(X):
    X = sp.csr_array(X)
    parts = every_other(X.data), every_other(X.indices), every_other(X.indptr)
    X.data, X.indices, X.indptr = parts
    return X


def frame(X, dtype=None, **options):
    made = library("pandas").DataFrame(X, columns=COLUMNS, **options)
    return made if dtype is None else made.astype(dtype)


def sparse_frame(X):
    dtype = library("pandas").SparseDtype(X.dtype, X.dtype.type(0))
    return frame(X).astype(dtype)


def arrow_frame(X, name):
    library("pyarrow")
    return frame(X, f"{name}[pyarrow]")


def columns_of(X):
    return dict(zip(COLUMNS, X.T.copy(), strict=True))


def polars(X):
    return library("polars").DataFrame(columns_of(X))


def arrow(X):
    return library("pyarrow").table(columns_of(X))


def narwhals(X):
    return library("narwhals").from_native(polars(X))


def mixed(X):
    """Return columns of which the first are of 8 and the second of 16 bits."""
    columns = columns_of(X)
    return columns | {"a": columns["a"].astype("i1"), "b": columns["b"].astype("i2")}


def dask_array(X):
    return library("dask.array").from_array(X, chunks=(40, -1))


def dask_frame(X):
    library("pandas")
    return library("dask.dataframe").from_pandas(frame(X), npartitions=2)


def pydata(kind):
    return lambda X: getattr(library("sparse"), kind)(X)


def tensor(X):
    return library("torch").from_numpy(X)


def jax(X):
    if X.dtype == np.float64:
        pytest.skip("64-bit numbers are off by default")
    return library("jax.numpy").asarray(X)


SAME, SINGLE = "float32, float64", "float32"
IN_PLACE, COPY = True, False

#: For each case what makes it of an array in C order, the types of numbers that are
#: kept, and whether rows that are kept are used in place.
CASES = {
    "array": (lambda X: X, SAME, IN_PLACE),
    "read-only array": (read_only, SAME, IN_PLACE),
    "some rows in their order": (lambda X: X[10:70], SAME, IN_PLACE),
    "memory map": (memory_map, SAME, IN_PLACE),
    "masked array without masked values": (np.ma.array, SAME, IN_PLACE),
    "Fortran order": (np.asfortranarray, SAME, COPY),
    "some columns": (lambda X: np.repeat(X, 2, axis=1)[:, ::2], SAME, COPY),
    "other byte order": (lambda X: X.astype(X.dtype.newbyteorder()), "", COPY),
    "array of objects": (lambda X: X.astype(object), "", COPY),
    "list": (lambda X: X.tolist(), "", COPY),
    "list of arrays": (list, "", COPY),
    "CSR": (sp.csr_array, SAME, IN_PLACE),
    "CSR, 64-bit indices": (lambda X: with_indices(X, np.int64), SAME, IN_PLACE),
    "CSR, views": (strided_csr, SAME, COPY),
    "CSC": (sp.csc_array, SAME, COPY),
    "COO": (sp.coo_array, SAME, COPY),
    "pydata COO": (pydata("COO"), SAME, COPY),
    "pydata GCXS": (pydata("GCXS"), SAME, None),
    "pandas": (frame, SAME, COPY),
    "pandas of an array": (lambda X: frame(X, copy=False), SAME, IN_PLACE),
    "pandas, nullable": (lambda X: frame(X, X.dtype.name.title()), SAME, COPY),
    "pandas, sparse columns": (sparse_frame, SAME, COPY),
    "polars": (polars, SAME, COPY),
    "Arrow table": (arrow, SAME, COPY),
    "narwhals": (narwhals, SAME, COPY),
    "xarray": (lambda X: library("xarray").DataArray(X), SAME, IN_PLACE),
    "dask array": (dask_array, SAME, COPY),
    "dask frame": (dask_frame, SAME, COPY),
    "torch": (tensor, SAME, IN_PLACE),
    "jax": (jax, SINGLE, None),
}

#: Columns of several types, and that of `coef_`, which is NumPy's for all of them.
MIXED = {
    "pandas": (lambda columns: import_module("pandas").DataFrame(columns)),
    "polars": (lambda columns: import_module("polars").DataFrame(columns)),
    "pyarrow": (lambda columns: import_module("pyarrow").table(columns)),
}

"""A small matrix, and every way in which its rows may be stored."""

import numpy as np
import scipy.sparse as sp

N, D = 17, 6


def values(seed=0):
    """A matrix with zero entries, a zero row, a zero column and repeated rows."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-4, 5, size=(N, D)) * (rng.random((N, D)) < 0.6)
    X[3] = 0
    X[:, 2] = 0
    X[8] = X[9]
    return X.astype(np.float64) / 4.0  # exact in float32 too


def csr(X, index_dtype, kind=sp.csr_matrix, start_dtype=None):
    out = kind(X)
    out.indices = out.indices.astype(index_dtype)
    out.indptr = out.indptr.astype(start_dtype or index_dtype)
    return out


def untidy(X, index_dtype):
    """CSR with the columns of each row backwards, and each entry as a sum of two."""
    columns, entries, starts = [], [], [0]
    for x in X:
        used = np.flatnonzero(x)[::-1]
        columns += [*used, *used]
        entries += [*(1.5 * x[used]), *(-0.5 * x[used])]
        starts.append(len(columns))
    out = sp.csr_matrix(X.shape, dtype=X.dtype)
    out.data = np.array(entries, dtype=X.dtype)
    out.indices = np.array(columns, dtype=index_dtype)
    out.indptr = np.array(starts, dtype=index_dtype)
    out.has_canonical_format = False
    assert np.array_equal(out.toarray(), X)
    return out


STORAGES = {
    "dense": lambda X: X,
    "csr32": lambda X: csr(X, np.int32),
    "csr64": lambda X: csr(X, np.int64),
    "csr_array": lambda X: csr(X, np.int32, sp.csr_array),
    "csr32_64": lambda X: csr(X, np.int32, start_dtype=np.int64),
    "csr64_32": lambda X: csr(X, np.int64, start_dtype=np.int32),
    "untidy32": lambda X: untidy(X, np.int32),
    "untidy64": lambda X: untidy(X, np.int64),
}
INDICES = {
    "all": None,
    "some": np.array([16, 0, 3, 3, 9, 5, 12]),
    "one": np.array([8]),
}


def some_rows(n):
    """A list of rows out of order and with a repetition."""
    return np.array([n - 1, 0, n // 2, n // 2], dtype=np.intp)

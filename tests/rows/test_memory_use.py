"""Memory that a fit takes beside X: no more than docs/data.md says."""

import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from hingesvm import HingeSVC
from hingesvm.problems.joint import JointProblem
from hingesvm.rows.columns import column_scales, mean_squares, share_of_nonzeros
from hingesvm.rows.memory import MemoryRows, room_to_pack

MEGABYTE = 1_000_000


def dense(n, d, n_classes=2, dtype=np.float32):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d), dtype=dtype)
    known = X[:, :10]
    scores = known @ rng.standard_normal((known.shape[1], n_classes), dtype=dtype)
    noise = rng.standard_normal((n, n_classes), dtype=dtype)
    return X, (scores + noise).argmax(axis=1)


def sparse(n, d, per_row, n_classes=2, dtype=np.float32):
    rng = np.random.default_rng(0)
    columns = rng.integers(0, d, n * per_row, dtype=np.int32)
    starts = np.arange(0, n * per_row + 1, per_row, dtype=np.int32)
    X = sp.csr_matrix((rng.random(n * per_row, dtype=dtype), columns, starts), (n, d))
    return X, (X @ rng.standard_normal((d, n_classes), dtype=dtype)).argmax(axis=1)


def size_of(X):
    parts = [X.data, X.indices, X.indptr] if sp.issparse(X) else [X]
    return sum(part.nbytes for part in parts)


def peak_of(function):
    """Return the bytes that a call has taken at most."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def peak_of_fit(X, y, **params):
    clf = HingeSVC(**params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Modules are loaded before.
        HingeSVC(**{**params, "max_iter": 1}).fit(X[:50], y[:50])
        return peak_of(lambda: clf.fit(X, y))


# Tables of 16 MB with long rows, and a C for which sweeps are enough.
LONG_ROWS = {
    "dense": (lambda n_classes: dense(1000, 4000, n_classes), 1.0),
    "csr": (lambda n_classes: sparse(4000, 3000, 500, n_classes), 1e-4),
}
FITS = {
    "one problem": (2, {}),
    "sweeps": (2, {"solver": "stochastic"}),
    "threads": (2, {"n_jobs": 4}),
    "many classes": (4, {}),
    "many classes, threads": (4, {"n_jobs": 2}),
    "joint": (4, {"multi_class": "crammer_singer", "solver": "stochastic"}),
}


@pytest.mark.parametrize("kind", LONG_ROWS)
@pytest.mark.parametrize("name", FITS)
def test_a_fit_on_long_rows_takes_a_small_part_of_them(name, kind):
    n_classes, params = FITS[name]
    data, C = LONG_ROWS[kind]
    X, y = data(n_classes)
    taken = peak_of_fit(X, y, C=C, tol=0.1, max_iter=8, **params)
    assert taken <= 0.1 * size_of(X) + 2 * MEGABYTE


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["auto", "stochastic", "batch"])
def test_a_fit_on_many_rows(solver, dtype):
    X, y = dense(60_000, 10, dtype=dtype)
    taken = peak_of_fit(X, y, tol=1e-3, solver=solver, max_iter=30)
    assert taken <= 180 * len(y) + 4 * MEGABYTE


@pytest.mark.parametrize(("solver", "each"), [("stochastic", 32), ("batch", 80)])
@pytest.mark.parametrize("rule", ["penalized", "free"])
def test_joint_fits_hold_a_few_numbers_for_each_row_and_class(solver, each, rule):
    X, y = dense(20_000, 10, 8)
    params = {"solver": solver, "max_iter": 8, "multi_class": "crammer_singer"}
    params["penalized_intercept"] = rule == "penalized"
    taken = peak_of_fit(X, y, tol=0.01, **params)
    assert taken <= (each * 8 + 60) * len(y) + 3 * MEGABYTE


def test_classes_that_are_swept_together_take_two_numbers_for_each_row():
    X, y = sparse(20_000, 1000, 20, 12)
    taken = peak_of_fit(X, y, tol=0.2)
    columns = 80 * 12 * X.shape[1]
    assert taken <= (180 + 8 * 16) * len(y) + columns + MEGABYTE


def test_threads_add_a_quarter_of_sparse_rows_whatever_the_columns():
    X, y = sparse(10_000, 300_000, 40)
    params = {"tol": 0.1, "max_iter": 8}
    alone = peak_of_fit(X, y, **params)
    assert alone <= 180 * len(y) + 80 * X.shape[1] + MEGABYTE
    among = peak_of_fit(X, y, n_jobs=16, **params)
    assert among <= alone + 0.25 * size_of(X) + MEGABYTE


PARTS = {
    "mean squares": lambda rows, some: mean_squares(rows, some),
    "scales": lambda rows, _: column_scales(rows),
    "room to pack": lambda rows, _: room_to_pack(rows),
    "part that is not 0": lambda rows, some: share_of_nonzeros(rows, some),
}


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("name", PARTS)
def test_what_is_asked_of_rows_copies_few_at_a_time(name, kind):
    X, _ = dense(1999, 2000) if kind == "dense" else sparse(1999, 3000, 1000)
    rows = MemoryRows(X)
    taken = peak_of(lambda: PARTS[name](rows, np.arange(1999)))
    # Copies of so many values.
    assert taken <= 4 * MEGABYTE < 0.3 * size_of(X)


def test_inner_products_of_sparse_rows_copy_a_part_of_them():
    X, _ = sparse(300, 60_000, 2500)
    rows = MemoryRows(X)
    taken = peak_of(lambda: rows.kernel(np.arange(300)))
    assert taken <= 0.75 * size_of(X) + 5 * MEGABYTE


@pytest.mark.parametrize("total", [1.0, np.inf])
def test_the_objective_of_many_rows_and_classes_is_found_in_parts(total):
    X, y = dense(100_000, 4, 20)
    problem = JointProblem(
        MemoryRows(X), y, 20, np.broadcast_to(1.0, len(y)), 1.0, total, "none"
    )
    weights = np.ones((20, 4))

    def primal():
        return problem.primal(weights, np.zeros(20))

    assert peak_of(primal) <= 0.2 * len(y) * 20 * 8

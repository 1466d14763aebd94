"""Where the entries of X are, and 64-bit indices, which are made narrow row by row."""

import gc

import numpy as np
import pytest
import scipy.sparse as sp
from samples import text

from hingesvm import HingeSVC
from hingesvm.kernels import _sweep
from hingesvm.kernels._places import Places
from hingesvm.rows.csr import with_like_indices

RULES = [{}, {"penalized_intercept": True}, {"fit_intercept": False}]
# How sweeps, Newton steps, narrow tiles, bands, lanes, threads and joint problems run.
ROUTES = {
    "auto": {},
    "sweeps": {"solver": "stochastic"},
    "steps": {"solver": "batch"},
    "pegasos": {"solver": "pegasos", "max_iter": 3},
    "threads": {"n_jobs": 2},
    "joint": {"multi_class": "crammer_singer"},
    "exact": {"C": 100.0, "tol": 1e-8},
}
absurd = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def table(n, d, n_classes, seed=0):
    """Sparse rows and classes that they tell of."""
    rng = np.random.default_rng(seed)
    X = sp.random(n, d, 0.3, "csr", random_state=seed)
    y = (X @ rng.normal(size=(d, n_classes)) + rng.normal(size=(n, n_classes))).argmax(
        1
    )
    return X, y


DATA = {
    "text": text(400),
    "narrow, 3 classes": table(300, 20, 3),
    "20 classes": table(600, 90, 20),
    "tall": table(12_000, 9, 2),
}


def widened(X):
    """The same matrix with 64-bit indices."""
    X = X.copy()
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


@absurd
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", RULES, ids=["free", "penalized", "none"])
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", DATA)
def test_wide_indices_give_the_same_bits(name, route, rule, dtype):
    X, y = DATA[name]
    X = X.astype(dtype)
    wide = widened(X)
    assert with_like_indices(wide).indptr.dtype == np.int64
    fits = [HingeSVC(**ROUTES[route], **rule).fit(one, y) for one in (X, wide)]
    for attribute in ("coef_", "intercept_", "dual_gap_", "objective_", "n_iter_"):
        one, other = (getattr(fit, attribute) for fit in fits)
        assert np.array_equal(one, other), attribute
    assert np.array_equal(*(fit.decision_function(wide) for fit in fits))


@pytest.mark.parametrize("widen", [False, True])
def test_places_keep_their_arrays_alive(widen):
    X = sp.random(50, 7, 0.5, "csr", random_state=0)
    X = widened(X) if widen else X
    index = np.array([4, 0, 49], np.intp)
    expected = X[index] @ np.arange(7.0)
    where = Places(7, X.indices.copy(), X.indptr.copy()).of(index.copy())
    gc.collect()
    # Memory that was given back would be taken now.
    junk = [np.full(50, 7, index.dtype) for _ in range(100)]
    out = np.empty(3)
    none = np.empty(0, np.intp), np.empty(0, np.int8)
    _sweep.margins(X.data, where, none[0], 0, 3, none[1], np.arange(7.0), 0.0, out)
    assert np.allclose(out, expected)
    assert len(junk) == 100


def test_places_of_a_part_are_of_the_rows_of_x():
    X = widened(sp.random(30, 5, 0.5, "csr", random_state=0))
    where = Places(5, X.indices, X.indptr)
    part = where.of(np.array([3, 4], np.intp)).of(np.array([9], np.intp))
    everything = part.of(np.empty(0, np.intp))
    none, no_signs, w = np.empty(0, np.intp), np.empty(0, np.int8), np.arange(5.0)
    one, all_of_them = np.empty(1), np.empty(30)
    _sweep.margins(X.data, part, none, 0, 1, no_signs, w, 0.0, one)
    _sweep.margins(X.data, everything, none, 0, 30, no_signs, w, 0.0, all_of_them)
    assert np.allclose(one, (X @ w)[9])
    assert np.allclose(all_of_them, X @ w)

"""Rows in batches, as tests pass and count them."""

import itertools

import numpy as np
import scipy.sparse as sp
from reference import check_certificate

from hingesvm import HingeSVC
from hingesvm.rows.batches import BatchRows
from hingesvm.rows.memory import MemoryRows
from hingesvm.rows.parts import Shape


class Batches:
    """Batches that can be read again; counts how often they were, and to their end."""

    def __init__(self, batches):
        self.batches, self.n_passes = list(batches), 0

    def __iter__(self):
        self.n_passes += 1
        yield from self.batches


def cut(X, y, *more, n_batches=5, empty=True):
    """Return batches of uneven sizes, one of them empty, one of them of one row."""
    n = X.shape[0]
    edges = np.unique((n * np.linspace(0.0, 1.0, n_batches + 1) ** 1.5).astype(int))
    edges = [*edges[:1], 1, *edges[1:]] if edges[1] > 1 else edges
    edges = np.sort([*edges, edges[2]]) if empty else np.asarray(edges)
    parts = [slice(*pair) for pair in itertools.pairwise(edges)]
    return Batches([tuple(each[part] for each in (X, y, *more)) for part in parts])


def read_in_passes(monkeypatch, *, bands=True, part=None):
    """Let small data be read in passes, by bands, or with little memory.

    `part` is that of the bytes of X which may be in memory at once.
    """
    monkeypatch.setattr("hingesvm.training.batches.FEW_ROWS", 0)
    if bands:
        monkeypatch.setattr("hingesvm.solvers.passes.LEAST_BAND", 0)
    if part is not None:
        most = property(lambda rows: max(int(part * rows.n_rows), 2))
        monkeypatch.setattr(BatchRows, "most_at_once", most)


def batch_rows(X, heights):
    """Return rows that are read in batches of these heights."""
    edges = np.cumsum([0, *heights])
    assert edges[-1] == X.shape[0]
    memory = MemoryRows(X)

    def read():
        return (X[start:stop] for start, stop in itertools.pairwise(edges))

    shape = Shape(
        heights=np.asarray(heights, dtype=np.intp),
        n_features=X.shape[1],
        n_entries=memory.n_entries,
        longest_row=memory.longest_row(),
        dtype=X.dtype,
        is_sparse=sp.issparse(X),
        longest_square=memory.longest_square(),
        mean_square=memory.mean_square(),
        few=X[::3].copy(),
    )
    return BatchRows(read, shape)


def check_batches(batches, X, y, weights=None, *, costs=None, classes=None, **params):
    """Fit in batches and to all rows at once, compare both, and return both.

    Parameters
    ----------
    costs : array-like, optional
        Weights times class weights of the rows, where these differ from `weights`.
    """
    clf = HingeSVC(warm_start=True, **params).fit_batches(batches, classes)
    whole = HingeSVC(**params).fit(X, y, weights)
    # P and D are recomputed; bounds of rounding errors may make up a tenth of the gap,
    # or of the tolerance.
    single = X.dtype == np.float32
    costs = weights if costs is None else costs
    rel = (2e-6 if single else 1e-9) + 0.06 * max(
        clf.tol, clf.dual_gap_ / clf.objective_
    )
    check_certificate(clf, X, y, costs, rel=rel)
    assert clf.dual_gap_ <= clf.tol * clf.objective_ * (1.0 + 1e-9)
    slack = (2e-6 if single else 1e-9) * whole.objective_
    assert clf.objective_ - clf.dual_gap_ <= whole.objective_ + slack
    assert whole.objective_ - whole.dual_gap_ <= clf.objective_ + slack
    # Of each problem the weights are within sqrt(2 gap) of the optimum.
    apart = np.linalg.norm(clf.coef_.astype(float) - whole.coef_)
    gaps = (
        np.sqrt(2.0 * (clf.dual_gap_ + slack)),
        np.sqrt(2.0 * (whole.dual_gap_ + slack)),
    )
    assert apart <= sum(gaps) * (1.0 + 1e-6)
    np.testing.assert_array_equal(clf.classes_, whole.classes_)
    assert clf.coef_.shape == whole.coef_.shape
    assert clf.coef_.dtype == whole.coef_.dtype
    return clf, whole

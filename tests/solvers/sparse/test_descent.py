"""Descent along columns: the minimum of a model, with nothing to move too."""

import numpy as np
import pytest
from scipy import sparse

from hingesvm.solvers.sparse.descent import Descent
from hingesvm.solvers.sparse.quadratic import minimise_quadratic


def never():
    """Nobody interrupts."""


def model(threshold, *, with_intercept=True, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    A = sparse.random(60, 25, 0.3, rng=rng, format="csc", dtype=dtype)
    squares = np.asarray(A.multiply(A).sum(axis=0)).ravel().astype(float)
    start = np.where(rng.random(25) < 0.5, rng.normal(size=25), 0.0)
    return Descent(
        A,
        squares,
        rng.random(60) if with_intercept else None,
        np.full(25, 0.1),
        np.full(25, threshold),
        rng.normal(size=25),
        start,
        0.3,
        0.0,
        never,
    )


def reference(descent):
    """The same minimum from products of columns."""
    A = descent.matrix.toarray().astype(float)
    columns = [A] if descent.roots is None else [A, descent.roots[:, None]]
    A = np.hstack(columns)
    extra = 0 if descent.roots is None else 1
    H = A.T @ A
    H.flat[:: len(H) + 1] += np.append(descent.strength, np.zeros(extra))
    slope = np.append(descent.slope, [descent.pull] * extra)
    threshold = np.append(descent.threshold, np.zeros(extra))
    start = np.append(descent.start, np.zeros(extra))
    return minimise_quadratic(
        H, slope, threshold, start, tol=1e-13, check_cancelled=never
    )[0]


@pytest.mark.parametrize("with_intercept", [True, False])
@pytest.mark.parametrize("threshold", [0.0, 0.3])
def test_the_minimum(threshold, with_intercept):
    descent = model(threshold, with_intercept=with_intercept)
    expected = reference(descent)
    for _ in range(40):
        descent.n_sweeps = 0
        descent.minimise(1e-12)
    assert descent.z == pytest.approx(expected[:25], abs=1e-8)
    assert np.array_equal(descent.z == 0.0, expected[:25] == 0.0)
    if with_intercept:
        assert descent.turn == pytest.approx(expected[25], abs=1e-8)


@pytest.mark.parametrize("with_intercept", [True, False])
def test_all_weights_become_0(with_intercept):
    descent = model(1e6, with_intercept=with_intercept)
    descent.minimise()
    assert not descent.z.any()


def test_it_can_be_interrupted():
    descent = model(0.3)

    def stop():
        raise KeyboardInterrupt

    descent.check_cancelled = stop
    with pytest.raises(KeyboardInterrupt):
        descent.minimise()

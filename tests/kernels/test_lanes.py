"""The kernels for several classes at once, against those for one and plain NumPy."""

import numpy as np
import pytest
import scipy.sparse as sp
from kernel_cases import (
    BUILDS,
    boxes,
    broadcast,
    every_loss,
    slope_of,
    use_build,
)

from hingesvm.kernels import _lanes, _sweep, _vectors
from hingesvm.rows.memory import MemoryRows


@pytest.fixture(autouse=True, scope="module", params=BUILDS)
def each_build(request):
    use_build(globals(), request.param)


N, D = 60, 7
kinds = pytest.mark.parametrize("kind", ["dense", "csr", "int64", "subset"])
widths = pytest.mark.parametrize("width", [4, 8, 16])
precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def rows_of(kind, dtype=np.float64):
    """Rows of which one is empty, and the same as a float64 array."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, D)) * (rng.random((N, D)) < 0.6)
    X[3] = 0.0
    X = X.astype(dtype)
    if kind == "dense":
        return MemoryRows(X), X.astype(np.float64)
    if kind == "subset":
        index = np.arange(0, N, 2)
        return MemoryRows(X, index), X[index].astype(np.float64)
    sparse = sp.csr_matrix(X)
    if kind == "int64":
        sparse.indices = sparse.indices.astype(np.int64)
        sparse.indptr = sparse.indptr.astype(np.int64)
    return MemoryRows(sparse), X.astype(np.float64)


def classes_of(n, width):
    """For each row its lane, or -1; one lane more than there are classes."""
    lane = np.random.default_rng(1).integers(-1, width - 1, n)
    return lane.astype(np.int8)


def signs_of(lane, k):
    return np.where(lane == k, 1, -1).astype(np.int8)


def duals_of(bound, width, dtype=np.float64):
    """Some at 0, some at the bound, some between."""
    rng = np.random.default_rng(2)
    top = np.minimum(bound, 3.0)[:, None]
    alpha = top * np.clip(rng.uniform(-0.5, 1.5, (len(bound), width)), 0.0, 1.0)
    return alpha.astype(dtype)


@broadcast
@every_loss
@widths
@kinds
def test_dual_steps_are_those_of_each_class(kind, width, name, scalar):
    rows, _ = rows_of(kind)
    n = rows.n_rows
    bound, curvature = boxes(n, scalar, name)
    lane, alpha = classes_of(n, width), duals_of(bound, width)
    tau = 0.3
    step = 1.0 / (rows.squared_norms() + tau + curvature)
    w = np.random.default_rng(3).normal(size=(D, width))
    b = np.linspace(-0.5, 0.5, width)
    above = np.linspace(0.1, 2.0, width)
    live = np.ones(width)
    live[-1], above[-1] = 0.0, -2.0
    order = np.random.default_rng(4).permutation(n)
    kept_by_class = np.zeros(n, dtype=bool)
    expected = []
    for k in range(width - 1):
        mine, weights = alpha[:, k].copy(), w[:, k].copy()
        scalars, own_order = np.array([b[k], 0.1]), order.copy()
        kept = _sweep.dual_steps(
            *(*rows.arrays, own_order, 0, n, 0, signs_of(lane, k), bound, curvature),
            *(step, tau, above[k], mine, weights, scalars),
        )
        kept_by_class[own_order[:kept]] = True
        expected.append((mine, weights, *scalars))
    before, weights_before = alpha.copy(), w.copy()
    worst, own_order, kept = np.full(width, 0.1), order.copy(), 0
    intercept = b.copy()
    for start, stop in [(0, 0), (0, 20), (20, n)]:
        kept = _lanes.dual_steps(
            *(*rows.arrays, own_order, start, stop, kept, lane, bound, curvature),
            *(step, tau, above, live, alpha, w, intercept, worst),
        )
    for k, (mine, weights, last, largest) in enumerate(expected):
        assert alpha[:, k] == pytest.approx(mine, abs=1e-12)
        assert w[:, k] == pytest.approx(weights, abs=1e-12)
        assert intercept[k] == pytest.approx(last, abs=1e-12)
        assert worst[k] == pytest.approx(largest, abs=1e-12)
    assert np.array_equal(own_order[:kept], order[kept_by_class[order]])
    assert np.array_equal(alpha[:, -1], before[:, -1])
    assert np.array_equal(w[:, -1], weights_before[:, -1])
    assert intercept[-1] == b[-1]


@pytest.mark.parametrize(("dtype", "scalar"), [(np.float32, True), (np.float64, False)])
@every_loss
@widths
@kinds
def test_survey(kind, width, name, scalar, dtype):
    rows, X = rows_of(kind, dtype)
    n = rows.n_rows
    bound, curvature = boxes(n, scalar, name)
    # The duals of some rows stand at a bound that was rounded down.
    top = (0.75 * bound).astype(dtype)
    lane, alpha = classes_of(n, width), duals_of(0.75 * bound, width, dtype)
    w = np.random.default_rng(3).normal(size=(D, width)).astype(dtype)
    b = np.linspace(-0.5, 0.5, width)
    factors = np.random.default_rng(5).uniform(0.5, 1.0, (2, width))
    shortfall = np.empty((n, width), dtype=dtype)
    own, sums = np.zeros((D, width)), np.zeros((3, width))
    for start, stop in [(0, 0), (0, 25), (25, n)]:
        _lanes.survey(
            *(*rows.arrays, start, stop, lane, top, bound, curvature, w, b, alpha),
            *(factors, shortfall, own, sums),
        )
    for k in range(width):
        y = signs_of(lane, k)
        short = 1.0 - y * (X @ w[:, k].astype(np.float64) + b[k])
        slope = np.array([*map(slope_of, short, bound, curvature)])
        a = np.where(alpha[:, k] >= top, bound, alpha[:, k])
        a = a * np.where(y > 0, factors[1, k], factors[0, k])
        assert shortfall[:, k] == pytest.approx(short.astype(dtype), rel=1e-6)
        assert own[:, k] == pytest.approx(X.T @ (a * y), abs=1e-12)
        loss = float(np.sum(slope * (short - 0.5 * curvature * slope)))
        gain = float(np.sum(a - 0.5 * curvature * a * a))
        assert sums[:, k] == pytest.approx([loss, gain, float(a @ y)], abs=1e-11)


@precisions
@broadcast
@every_loss
@widths
def test_sums_of_each_class(width, name, scalar, dtype):
    bound, _ = boxes(N, scalar, name)
    top = (0.75 * bound).astype(dtype)
    lane, alpha = classes_of(N, width), duals_of(0.75 * bound, width, dtype)
    out = np.ones((2, width))
    _lanes.class_sums(lane, top, bound, alpha, out)
    for k in range(width):
        a = np.where(alpha[:, k] >= top, bound, alpha[:, k])
        positive, negative = _vectors.class_sums(a, signs_of(lane, k))
        assert out[:, k] == pytest.approx([1.0 + negative, 1.0 + positive])


@precisions
@broadcast
@every_loss
@widths
def test_open_lane_lists_the_rows_that_matter(width, name, scalar, dtype):
    bound, curvature = boxes(N, scalar, name)
    top = bound.astype(dtype)
    alpha = np.minimum(duals_of(bound, width, dtype), top[:, None])
    shortfall = np.random.default_rng(6).normal(size=(N, width)).astype(dtype)
    for k in [0, width - 1]:
        mine = np.where(alpha[:, k] >= top, bound, alpha[:, k]).astype(np.float64)
        expected = np.empty(N, dtype=np.intp)
        own_shortfall = shortfall[:, k].astype(np.float64)
        count, worst = _vectors.wake(
            own_shortfall, mine, bound, curvature, 0.02, expected
        )
        scratch, out = np.empty((2, N))
        order = np.empty(N, dtype=np.intp)
        found = _lanes.open_lane(
            shortfall, alpha, top, bound, curvature, k, 0.02, scratch, out, order
        )
        assert found == (count, pytest.approx(worst))
        assert 0 < count < N
        assert np.array_equal(order[:count], expected[:count])
        assert np.array_equal(out, mine)


@precisions
def test_add_squares(dtype):
    w = np.random.default_rng(0).normal(size=(30, 8)).astype(dtype)
    out = np.ones(8)
    _lanes.add_squares(w, out)
    assert out == pytest.approx(1.0 + np.square(w, dtype=np.float64).sum(axis=0))

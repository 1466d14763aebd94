"""The kernels of the batch method against plain NumPy, for every kind of X."""

import numpy as np
import pytest
import scipy.sparse as sp
from kernel_cases import (
    BUILDS,
    boxes,
    broadcast,
    every_loss,
    per_row,
    signs_of,
    slope_of,
    use_build,
)

from hingesvm.kernels import _newton, _sweep
from hingesvm.rows.memory import MemoryRows


@pytest.fixture(autouse=True, scope="module", params=BUILDS)
def each_build(request):
    use_build(globals(), request.param)


N, D = 23, 5
# Rows of X in another order, with a repetition; more than the kernels fetch ahead.
INDEX = np.array([22, 0, 3, 3, 9, 5, 12, 1, 2, 21, 20, 17, 4], dtype=np.intp)
STORAGES = ["dense", "csr32", "csr64"]


def values(seed=0):
    """A matrix with zero entries, zero rows and a zero column; exact in float32."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-4, 5, size=(N, D)) * (rng.random((N, D)) < 0.6)
    X[[3, 22]] = 0
    X[:, 2] = 0
    return X / 4.0


@pytest.fixture(params=STORAGES)
def storage(request):
    return request.param


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    return request.param


@pytest.fixture(params=[None, INDEX], ids=["all", "index"])
def pair(storage, dtype, request):
    """The rows, and the same as a dense float64 matrix."""
    X = values()
    given = X.astype(dtype)
    if storage != "dense":
        given = sp.csr_matrix(given)
        kind = np.int32 if storage == "csr32" else np.int64
        given.indices, given.indptr = (
            given.indices.astype(kind),
            given.indptr.astype(kind),
        )
    index = request.param
    rows = MemoryRows(given, index)
    assert rows.arrays[0].dtype == dtype
    return rows, X if index is None else X[index]


ALL = np.empty(0, dtype=np.intp)


def ranges(n):
    """A whole pass in three calls, one of them over no rows."""
    return [(0, n // 3), (n // 3, n // 3), (n // 3, n)]


def test_margins(pair):
    rows, X = pair
    signs, w = signs_of(rows.n_rows), np.linspace(-1.0, 2.0, D)
    out = np.full(rows.n_rows, 9.0)
    for start, stop in ranges(rows.n_rows):
        _sweep.margins(*rows.arrays, ALL, start, stop, signs, w, 0.25, out)
    assert out == pytest.approx(signs * (X @ w + 0.25), rel=1e-14, abs=1e-15)


def test_margins_of_a_range_leave_the_others_alone(pair):
    rows, X = pair
    signs, w = signs_of(rows.n_rows), np.ones(D)
    out = np.full(rows.n_rows, 9.0)
    _sweep.margins(*rows.arrays, ALL, 2, 4, signs, w, 0.0, out)
    expected = np.full(rows.n_rows, 9.0)
    expected[2:4] = (signs * (X @ w))[2:4]
    assert out == pytest.approx(expected, abs=1e-15)


@every_loss
@broadcast
@pytest.mark.parametrize("judge", [True, False], ids=["judge", "given"])
def test_survey(pair, name, scalar, judge):
    rows, X = pair
    n = rows.n_rows
    signs, w, b = signs_of(n), np.linspace(-1.0, 2.0, D), 0.25
    bound, curvature = boxes(n, scalar, name)
    shortfall, own = np.full(n, 9.0), np.zeros(D)
    given = np.where(np.arange(n) % 2, 0.0, 0.15)
    alpha = np.full(n, np.nan) if judge else given.copy()
    scales = np.linspace(0.5, 2.0, D).astype(rows.dtype)
    reach = np.full(n, 9.0, dtype=np.float32)
    for start, stop in ranges(n):
        some = slice(start, stop)
        _newton.survey(
            *rows.arrays,
            start,
            stop,
            signs[some],
            bound[some],
            curvature[some],
            judge,
            w,
            b,
            scales,
            shortfall[some],
            alpha[some],
            reach[some],
            own,
        )
    assert shortfall == pytest.approx(1.0 - signs * (X @ w + b), abs=1e-14)
    if judge:
        expected = [
            slope_of(*of_row)
            for of_row in zip(shortfall, bound, curvature, strict=True)
        ]
        assert alpha == pytest.approx(expected, rel=1e-15)
        assert np.any(alpha == 0.0)
        assert np.any(alpha > 0.0)
    else:
        assert np.array_equal(alpha, given)
    assert own == pytest.approx(X.T @ (alpha * signs), abs=1e-13)
    norms = np.linalg.norm(X * np.linspace(0.5, 2.0, D), axis=1)
    assert reach == pytest.approx(norms, rel=1e-6)


def test_survey_without_scales_leaves_reach_alone(pair):
    rows, _ = pair
    n = rows.n_rows
    reach, own = np.full(n, 9.0, dtype=np.float32), np.full(D, 2.0)
    none = np.empty(0, dtype=rows.dtype)
    box = np.broadcast_to(1.0, n)
    _newton.survey(
        *rows.arrays,
        0,
        n,
        signs_of(n),
        box,
        box,
        False,
        np.ones(D),
        0.0,
        none,
        np.empty(n),
        np.zeros(n),
        reach,
        own,
    )
    assert np.all(reach == 9.0)
    assert np.all(own == 2.0)  # added to, not overwritten


def test_survey_on_a_kink():
    # Rows of zeros: shortfalls 1 - y b, exactly 0 for y = b = 1.
    rows, signs = MemoryRows(np.zeros((2, 1))), np.array([1, -1], dtype=np.int8)
    alpha, shortfall = np.empty(2), np.empty(2)
    none, own = np.empty(0), np.zeros(1)
    reach = np.empty(0, dtype=np.float32)
    for curvature in (0.0, 0.5):
        box = np.full(2, 1.0), np.full(2, curvature)
        args = (np.zeros(1), 1.0, none, shortfall, alpha, reach, own)
        _newton.survey(*rows.arrays, 0, 2, signs, *box, True, *args)
        assert np.array_equal(shortfall, [0.0, 2.0])
        assert np.array_equal(alpha, [0.0, 1.0])


@broadcast
@pytest.mark.parametrize("top", [0.7, np.inf])
def test_settle(pair, scalar, top):
    rows, X = pair
    n = rows.n_rows
    signs, rng = signs_of(n), np.random.default_rng(4)
    rest = per_row(n, scalar, -0.5, 0.3)
    pace = per_row(n, scalar, 0.1, 0.5, seed=2)
    bound = np.broadcast_to(top, n) if scalar else np.full(n, top)
    shortfall = rng.normal(size=n)
    # Exactly on both ends of the box: not free.
    shortfall[0] = -rest[0] / pace[0]
    before = rng.uniform(0.0, 0.5, n)
    raw = rest + pace * shortfall
    expected = np.clip(raw, 0.0, bound)
    before[1] = expected[1]  # one row that does not change
    own = X.T @ (before * signs)
    alpha, free = np.full(n, 9.0), np.full(n, -1, dtype=np.intp)
    n_free = 0
    for start, stop in ranges(n):
        n_free = _newton.settle(
            *rows.arrays,
            start,
            stop,
            signs,
            rest,
            pace,
            bound,
            shortfall,
            before,
            alpha,
            free,
            n_free,
            own,
        )
    assert alpha == pytest.approx(expected, abs=1e-15)
    inside = np.flatnonzero((raw > 0.0) & (raw < bound))
    assert 0 < len(inside) < n
    assert np.array_equal(free[:n_free], inside)
    assert np.all(free[n_free:] == -1)
    assert own == pytest.approx(X.T @ (alpha * signs), abs=1e-13)


def test_settle_on_the_ends_of_the_box():
    rows, own = MemoryRows(np.eye(4)), np.zeros(4)
    alpha, free = np.empty(4), np.empty(4, dtype=np.intp)
    signs = np.array([1, -1, 1, -1], dtype=np.int8)
    scalars = [np.broadcast_to(value, 4) for value in (0.5, 0.5, 1.0)]
    shortfall = np.array([-1.0, 1.0, 0.5, 3.0])  # 0, the bound, inside, beyond
    n_free = _newton.settle(
        *rows.arrays,
        0,
        4,
        signs,
        *scalars,
        shortfall,
        np.zeros(4),
        alpha,
        free,
        0,
        own,
    )
    assert np.array_equal(alpha, [0.0, 1.0, 0.75, 1.0])
    assert np.array_equal(free[:n_free], [2])
    assert np.array_equal(own, [0.0, -1.0, 0.75, -1.0])


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("bordered", [False, True])
@pytest.mark.parametrize("index", [None, INDEX], ids=["all", "index"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gather(dtype, index, bordered, kind):
    X = values()
    rows = MemoryRows(X.astype(dtype), index)
    dense = X if index is None else X[index]
    order = np.array([*range(12), 3, 0], dtype=np.intp)
    factors = np.linspace(-1.0, 2.0, len(order))
    out = np.full((len(order), D + bordered), 9.0, dtype=kind)
    _newton.gather(*rows.arrays, order, factors, bordered, out)
    assert out[:, :D] == pytest.approx(factors[:, None] * dense[order], rel=1e-6)
    if bordered:
        assert out[:, D] == pytest.approx(factors, rel=1e-6)
    # Products of exact numbers in the precision asked for.
    exact = factors.astype(kind)[:, None] * dense[order].astype(kind)
    assert np.array_equal(out[:, :D], exact)


def test_gather_of_no_rows():
    out = np.empty((0, D))
    none = np.empty(0, dtype=np.intp)
    _newton.gather(*MemoryRows(values()).arrays, none, np.empty(0), False, out)
    assert out.shape == (0, D)


@pytest.mark.parametrize("bordered", [False, True])
@pytest.mark.parametrize("storage", ["csr32", "csr64"])
def test_gram(pair, bordered):
    rows, X = pair
    order = np.array([*range(12), 3, 0], dtype=np.intp)
    factors = np.linspace(0.0, 2.0, len(order))
    A = np.c_[X, np.ones(len(X))] if bordered else X
    expected = np.tril(A[order].T @ (factors[:, None] * A[order]))
    out = np.zeros((A.shape[1], A.shape[1]))
    for start, stop in ranges(len(order)):
        _newton.gram(*rows.arrays, order, start, stop, factors, bordered, out)
    assert out == pytest.approx(expected, abs=1e-13)


def test_gram_of_unsorted_and_repeated_columns():
    # Row (3, 0, 2), its second entry as a sum and before the first.
    X = sp.csr_matrix((1, 3))
    X.data = np.array([1.5, 3.0, 0.5])
    X.indices = np.array([2, 0, 2], dtype=np.int32)
    X.indptr = np.array([0, 3], dtype=np.int32)
    out, order = np.zeros((4, 4)), np.zeros(1, dtype=np.intp)
    _newton.gram(*MemoryRows(X).arrays, order, 0, 1, np.array([2.0]), True, out)
    row = np.array([3.0, 0.0, 2.0, 1.0])
    assert np.array_equal(out, np.tril(2.0 * np.outer(row, row)))

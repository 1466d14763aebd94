"""The kernels of joint problems against plain loops, on both builds."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from joint_cases import padded, projection
from kernel_cases import BUILDS, use_build

from hingesvm.kernels import _joint, _joint_newton, _sweep
from hingesvm.problems.joint import JointProblem
from hingesvm.rows.memory import MemoryRows
from hingesvm.rows.per_row import proximal_step

FAR = 1e30
NONE = np.empty((0, 0))


@pytest.fixture(autouse=True, scope="module", params=BUILDS)
def each_build(request):
    use_build(globals(), request.param)


every_total = pytest.mark.parametrize("total", [1.0, np.inf])
every_count = pytest.mark.parametrize("count", [2, 3, 4, 7, 11, 13, 20, 29, 37])


def row_solution(alpha, gradient, own, squared_norm, bound, cap):
    """The best duals of a row, by bisection on theta."""
    point = alpha + alpha.sum() + gradient / squared_norm
    point[own] = -np.inf
    low, high = 0.0, max(0.0, float(point.max()))
    for _ in range(80):
        middle = 0.5 * (low + high)
        above = np.clip(point - middle, 0.0, bound).sum() > min(middle, cap)
        low, high = (middle, high) if above else (low, middle)
    return np.clip(point - high, 0.0, bound)


def sample(total, count, seed=0, n=40, d=6, dtype=np.float64, density=0.6):
    rng = np.random.default_rng(seed)
    X = (rng.normal(size=(n, d)) * (rng.random((n, d)) < density)).astype(dtype)
    codes = rng.integers(0, count, n)
    codes[: min(n, count)] = np.arange(min(n, count))
    cost = rng.uniform(0.2, 1.5, n)
    problem = JointProblem(MemoryRows(X), codes, count, cost, 0.8, total, "none")
    alpha = np.stack(
        [
            projection(rng.normal(0.0, 0.8, count), codes[i], cost[i], total * cost[i])
            for i in range(n)
        ]
    )
    return problem, alpha


def storages(X):
    """The same rows dense, dense and packed, and sparse with both kinds of indices."""
    sparse = sp.csr_matrix(X)
    wide = sparse.copy()
    wide.indices, wide.indptr = (
        sparse.indices.astype(np.int64),
        sparse.indptr.astype(np.int64),
    )
    return [(X, False), (X, True), (sparse, False), (wide, False)]


def room(rows, packs):
    size = rows.n_features + 1 if packs else 0
    return np.empty(size, rows.dtype), np.empty(size, np.int32)


def scratch(w):
    """Scratch for an entry or three of each class, and for their list."""
    width = w.shape[1]
    return np.empty(3 * width, dtype=w.dtype), np.empty(width + 4, dtype=np.intp)


# What a single turn does not use: part of the violation, intercepts, random bits.
UNUSED = 0.0, np.empty(0), np.empty(0), False, np.zeros(1, dtype=np.uint64)


@every_count
@every_total
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_block_step_finds_the_best_duals_of_a_row(total, count, dtype):
    problem, alpha = sample(total, count, dtype=dtype)
    X = problem.rows.take(np.arange(problem.n_rows)).astype(dtype)
    W = problem.combine(alpha)
    gradients = problem.gradients(problem.scores(W, np.zeros(count)))
    norms = (X.astype(np.float64) ** 2).sum(axis=1)
    tol = 1e-4 if dtype == np.float32 else 1e-10
    best = {
        i: row_solution(
            alpha[i],
            gradients[i],
            problem.codes[i],
            norms[i],
            problem.cost[i],
            total * problem.cost[i],
        )
        for i in np.flatnonzero(norms > 0.0)[:6]
    }
    for matrix, packs in storages(X):
        rows = MemoryRows(matrix)
        for i in best:
            duals = padded(alpha).astype(dtype)
            w = padded(W.T.copy()).astype(dtype)
            b = padded(np.zeros(count, dtype=dtype), -FAR)
            order, worst = np.array([i]), np.zeros(4)
            _joint.block_steps(
                *rows.arrays, order, 0, 1, 0, problem.codes, problem.cost, total, 0.8,
                1.0 / np.maximum(norms, 1e-30), 0.0, FAR, duals, w, b, worst,
                *room(rows, packs), *scratch(w), 1, *UNUSED,
            )  # fmt: skip
            assert worst[3] == 1.0
            np.testing.assert_allclose(duals[i, :count], best[i], atol=tol)
            assert not np.any(duals[i, count:])
            assert worst[2] == pytest.approx(best[i].sum() - alpha[i].sum(), abs=tol)
            others = np.delete(np.arange(problem.n_rows), i)
            assert np.array_equal(duals[others], padded(alpha).astype(dtype)[others])
            moved = problem.combine(np.float64(duals[:, :count]))
            np.testing.assert_allclose(w[:, :count].T, moved, atol=10.0 * tol)


@every_count
@every_total
def test_a_survey_is_the_problem_in_plain_numpy(total, count):
    problem, alpha = sample(total, count, seed=1)
    X = problem.rows.take(np.arange(problem.n_rows))
    rng = np.random.default_rng(5)
    W, b = rng.normal(size=(count, X.shape[1])), rng.normal(size=count)
    factors = rng.random((count, count))
    for matrix, packs in storages(X):
        rows = MemoryRows(matrix)
        for scale in (NONE, factors):
            w = padded(W.T.copy())
            own, sums = np.zeros_like(w), np.zeros(3 + w.shape[1])
            outward = np.empty(rows.n_rows, dtype=np.float32)
            _joint.survey(
                *rows.arrays, 0, rows.n_rows, problem.codes, problem.cost, total, 0.8,
                w, padded(b, -FAR), padded(alpha),
                padded(scale) if len(scale) else NONE, outward, own, sums,
                *room(rows, packs), *scratch(w),
            )  # fmt: skip
            kept = alpha * scale[problem.codes] if len(scale) else alpha
            losses = problem.losses(problem.scores(W, b)).sum()
            assert sums[0] == pytest.approx(losses, rel=1e-12)
            assert sums[1] == pytest.approx(0.8 * kept.sum(), rel=1e-12)
            np.testing.assert_allclose(own[:, :count].T, problem.combine(kept))
            imbalance = problem.imbalance(kept)
            np.testing.assert_allclose(sums[3 : 3 + count], imbalance, atol=1e-12)
    flows = np.zeros((count, padded(alpha).shape[1]))
    _joint.flows(problem.codes, problem.cost, total, padded(alpha), flows)
    np.testing.assert_allclose(flows[:, :count], problem.flows(alpha))


@every_count
@every_total
def test_projections_and_their_sums(total, count):
    problem, anchor = sample(total, count, seed=2)
    n, rng = problem.n_rows, np.random.default_rng(6)
    scores, along = rng.normal(size=(2, n, count))
    rho, length = 1.7, 0.3
    for step in (0.0, length):
        out, sums = np.empty_like(padded(anchor)), np.zeros(4)
        _joint_newton.project(
            padded(scores), padded(along), step, padded(anchor), problem.codes,
            problem.cost, total, 0.8, rho, problem.cost, count, 0, n, out,
            *scratch(out), sums,
        )  # fmt: skip
        gradients = problem.gradients(scores + step * along)
        sigma = rho * problem.cost
        found = np.stack(
            [
                projection(
                    anchor[i] + sigma[i] * gradients[i],
                    problem.codes[i],
                    problem.cost[i],
                    total * problem.cost[i],
                )
                for i in range(n)
            ]
        )
        np.testing.assert_allclose(out[:, :count], found, atol=1e-12)
        slope = np.sum(problem.signed(found) * along)
        change = np.sum((found - anchor) ** 2 / sigma[:, np.newaxis])
        losses = problem.losses(scores + step * along).sum()
        expected = [-slope, change, found.sum(), losses]
        np.testing.assert_allclose(sums, expected, rtol=1e-10, atol=1e-12)


@every_count
def test_scores_and_sums_of_rows(count):
    problem, alpha = sample(1.0, count, seed=3)
    X = problem.rows.take(np.arange(problem.n_rows))
    W = np.random.default_rng(7).normal(size=(X.shape[1], count))
    some = np.array([5, 0, 17, 17, 3])
    for matrix, packs in storages(X):
        rows = MemoryRows(matrix)
        for order in (some, np.arange(problem.n_rows), np.empty(0, np.intp)):
            chosen = order if len(order) else np.arange(problem.n_rows)
            out = np.zeros((len(chosen), padded(W).shape[1]))
            ends = 0, len(chosen)
            _joint_newton.scores(
                *rows.arrays, order, *ends, padded(W), out, *room(rows, packs)
            )
            np.testing.assert_allclose(out[:, :count], X[chosen] @ W, atol=1e-12)
            total = np.zeros_like(padded(W))
            factors = padded(alpha[chosen])
            _joint_newton.add_rows(
                *rows.arrays, order, *ends, factors, total, *room(rows, packs)
            )
            expected = X[chosen].T @ alpha[chosen]
            np.testing.assert_allclose(total[:, :count], expected, atol=1e-12)


@every_total
@pytest.mark.parametrize("is_penalized", [False, True])
@pytest.mark.parametrize("tau", [0.0, 0.3, 1.7])
def test_turns_are_sweeps_one_after_the_other(total, is_penalized, tau):
    problem, alpha = sample(total, 5, seed=4)
    rows, safely = problem.rows, 0.1
    step = 1.0 / (rows.squared_norms() + tau + 0.1)

    def begin():
        w = padded(problem.combine(alpha).T.copy())
        b = padded(np.linspace(-0.1, 0.1, 5), -FAR)
        bits = np.array([7], dtype=np.uint64)
        return padded(alpha), w, b, problem.imbalance(alpha), bits, np.arange(40)

    def sweep(state, stop, above, turns, before):
        duals, w, b, imbalance, bits, order = state
        worst = np.zeros(4)
        kept = _joint.block_steps(
            *rows.arrays, order, 0, stop, 0, problem.codes, problem.cost, total, 0.8,
            step, tau, above, duals, w, b, worst, *room(rows, False), *scratch(w),
            turns, safely, before, imbalance, is_penalized, bits,
        )  # fmt: skip
        return kept, worst

    together, apart = begin(), begin()
    before = together[2][:5].copy()
    kept, worst = sweep(together, 40, FAR, 4, before)
    stop, above, visits, total_change = 40, FAR, 0, 0.0
    for turn in range(4):
        if turn:
            _sweep.shuffle(apart[5], 0, stop, 1, apart[4])
        last = apart[2][:5].copy()
        left, seen = sweep(apart, stop, above, 1, last.copy())
        visits, total_change = visits + stop, total_change + seen[2]
        stop, above = left, safely * seen[0]
        if tau and turn < 3:
            moved, apart[3][:] = proximal_step(
                last,
                apart[2][:5],
                apart[3],
                tau,
                penalized=is_penalized,
                length=min(tau, 1.0) if is_penalized else tau,
            )
            apart[2][:5] = moved
    assert kept == stop < 40
    assert worst[3] == visits <= 160
    np.testing.assert_allclose(worst[:2], seen[:2], rtol=1e-9)
    assert worst[2] == pytest.approx(total_change, rel=1e-9)
    assert np.array_equal(together[5], apart[5])
    for one, other in zip(together[:4], apart[:4], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(before, last, rtol=1e-9, atol=1e-12)


@every_count
@every_total
def test_duals_are_summed_and_free_rows_listed(total, count):
    problem, alpha = sample(total, count, seed=5)
    alpha[:3] = 0.0
    n, width = problem.n_rows, padded(alpha).shape[1]
    for matrix, packs in storages(problem.rows.take(np.arange(n))):
        rows = MemoryRows(matrix)
        w, b = np.zeros((rows.n_features, width)), np.zeros(width)
        _joint_newton.add_duals(
            *rows.arrays, 0, n, problem.codes, padded(alpha), w, b,
            *room(rows, packs), np.empty(width),
        )  # fmt: skip
        expected = problem.combine(alpha).T
        np.testing.assert_allclose(w[:, :count], expected, atol=1e-12)
        np.testing.assert_allclose(b[:count], problem.imbalance(alpha), atol=1e-12)
        assert not w[:, count:].any()
    order, share = np.empty(n, dtype=np.intp), np.empty(n)
    inside = np.empty((n, count), dtype=np.uint8)
    ends = [0, 17, n]
    found = 0
    for first, last in pairwise(ends):
        found = _joint_newton.free_rows(
            problem.codes, problem.cost, total, 1.0 - 1e-12, padded(alpha), count,
            first, last, found, order, inside, share,
        )  # fmt: skip
    within = (alpha > 0.0) & (alpha < problem.cost[:, np.newaxis])
    full = alpha.sum(axis=1) >= (1.0 - 1e-12) * total * problem.cost
    free = np.flatnonzero(within.sum(axis=1) > full)
    assert np.array_equal(order[:found], free)
    assert np.array_equal(inside[:found], within[free])
    shares = np.where(full[free], 1.0 / within[free].sum(axis=1), 0.0)
    np.testing.assert_allclose(share[:found], shares)

"""The kernels of joint problems against plain loops, on both builds."""

import numpy as np
import pytest
import scipy.sparse as sp
from joint_cases import padded, projection
from kernel_cases import BUILDS, use_build

from hingesvm.kernels import _joint, _joint_newton
from hingesvm.problems.joint import JointProblem
from hingesvm.rows.memory import MemoryRows

FAR = 1e30
NONE = np.empty((0, 0))


@pytest.fixture(autouse=True, scope="module", params=BUILDS)
def each_build(request):
    use_build(globals(), request.param)


every_total = pytest.mark.parametrize("total", [1.0, np.inf])
every_count = pytest.mark.parametrize("count", [2, 3, 4, 7, 13, 20, 29])


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
    codes[:count] = np.arange(count)
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
            order, worst = np.array([i]), np.zeros(3)
            _joint.block_steps(
                *rows.arrays, order, 0, 1, 0, problem.codes, problem.cost, total, 0.8,
                1.0 / np.maximum(norms, 1e-30), 0.0, FAR, duals, w, b, worst,
                *room(rows, packs), np.empty(3 * w.shape[1], dtype=dtype),
            )  # fmt: skip
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
                *room(rows, packs), np.empty(4 * w.shape[1]),
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
            np.empty(2 * out.shape[1]), sums,
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

"""Rows and losses on a device, against those in memory."""

from dataclasses import replace

import numpy as np
import pytest
from array_cases import LOSSES, NARROW, every_device

from hingesvm._namespace import to_host
from hingesvm.losses import get_loss
from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Fixed
from hingesvm.rows import arrays as arrays_module
from hingesvm.rows.arrays import ArrayRows
from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers.arrays.problem import ArrayProblem, losses_of

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)
RULES = ["free", "penalized", "none"]


def make(device, loss, rule="free", n=60, d=7, seed=0, weights=None, scales=1.0):
    """Return the same problem on a device and in memory, with the rows of both."""
    rng = np.random.default_rng(seed)
    X = (rng.standard_normal((n, d)) * scales).astype(device.dtype)
    y = np.where(X[:, 0] + rng.standard_normal(n) > 0.0, 1, -1).astype(np.int8)
    cost = 0.5 if weights is None else 0.5 * weights
    loss = get_loss(loss)
    space = device.space
    signs = space.asarray(y.astype(np.float64), space.widest)
    there = cost if isinstance(cost, float) else space.asarray(cost, space.widest)
    rows = ArrayRows(device.exactly(X), space)
    problem = ArrayProblem.on_device(
        rows, losses_of(space, signs, there, loss), loss, rule
    )
    memory = Problem.build(MemoryRows(X), y, np.asarray(cost), loss, rule)
    return problem, memory


def close(device, found, wanted, size=1.0):
    """Assert that numbers are the same but for rounding."""
    if not isinstance(found, (float, np.ndarray)):
        found = to_host(found)
    part = 3e-6 if device.is_narrow else 1e-13
    np.testing.assert_allclose(found, wanted, rtol=part, atol=part * size)


def weights_of(n, seed=1):
    # Powers of 2, which float32 holds.
    return 2.0 ** np.random.default_rng(seed).integers(-3, 4, n)


@pytest.fixture(params=["at once", "in parts"])
def parts(request, monkeypatch):
    """Look at all rows at once, or at a few of them at a time."""
    if request.param == "in parts":
        monkeypatch.setattr(arrays_module, "_ON_HOST", 100)
        monkeypatch.setattr(arrays_module, "_ON_DEVICE", 100)


@every_device("torch:float64", "torch:float32", NARROW)
@every_loss
@pytest.mark.parametrize("weighted", [False, True])
def test_what_a_survey_finds(device, loss, weighted, parts):
    n = 60
    weights = weights_of(n) if weighted else None
    problem, memory = make(device, loss, n=n, weights=weights)
    rng = np.random.default_rng(4)
    w = rng.standard_normal(7).astype(np.float32).astype(np.float64)
    intercept = 0.25
    short = 1.0 - memory.margins(w, intercept)
    found = problem.device_rows.survey(problem.losses_of_rows, w, intercept)
    # The slope of a sharp kink is that of its side.
    is_clear = np.abs(short) > 1e-5
    alpha = memory.slopes(short)
    close(device, found.shortfall, short)
    close(device, to_host(found.alpha)[is_clear], alpha[is_clear])
    close(device, found.w_of_duals, memory.combine(alpha), size=100.0)
    sums = found.sums
    close(device, sums.loss, memory.loss_sum(short))
    close(device, sums.total, float(alpha.sum()))
    close(device, sums.imbalance, float(alpha @ memory.signs), size=float(alpha.sum()))
    close(device, sums.square, float(alpha @ alpha))
    gain = float(np.sum(alpha - 0.5 * memory.curvature * alpha * alpha))
    close(device, sums.gain, gain, size=float(alpha.sum()))
    if device.is_narrow:
        # Sums of pairs of float32 keep more digits than float32 has.
        part = losses_in_float64(problem, w, intercept, found.alpha)
        assert sums.total == pytest.approx(part["total"], rel=2.0**-40)
        assert sums.loss == pytest.approx(part["loss"], rel=2.0**-40)


def losses_in_float64(problem, w, intercept, alpha):
    """Sums in float64, of duals and costs as they are in float32."""
    losses = problem.losses_of_rows
    X = to_host(problem.device_rows.X).astype(np.float64)
    signs, bound, curvature = (
        part if isinstance(part, float) else to_host(part).astype(np.float64)
        for part in (losses.signs, losses.bound, losses.curvature)
    )
    short = np.maximum(1.0 - signs * (X @ w + intercept), 0.0)
    if losses.has_kink:
        values = bound * short
    else:
        slope = np.minimum(short / curvature, bound)
        values = slope * (short - 0.5 * curvature * slope)
    return {"loss": float(values.sum()), "total": float(to_host(alpha).sum(dtype="f8"))}


@every_device("torch:float64", "torch:float32", NARROW)
def test_rows(device, parts):
    problem, memory = make(device, "hinge", scales=10.0 ** np.arange(-3, 4))
    rows, others = problem.device_rows, memory.rows
    rng = np.random.default_rng(2)
    w, a = rng.standard_normal(7), rng.random(60)
    X = to_host(rows.X).astype(np.float64)
    close(device, rows.scores(w), X @ w, size=1e4)
    there = device.space.asarray(a, device.space.widest)
    close(device, rows.combine(there), X.T @ a, size=1e5)
    squares = np.sum(X * X, axis=1)
    close(device, rows.squared_norms, squares)
    assert rows.longest() >= np.sqrt(squares.max())
    assert rows.longest() == pytest.approx(others.longest(), rel=1e-5)
    close(device, rows.shortest_square, float(squares.min()))
    close(device, rows.mean_square, float(squares.mean()))
    scales = 10.0 ** rng.uniform(-2, 2, 7)
    close(device, rows.lengths(scales), np.linalg.norm(X * scales, axis=1))
    close(device, rows.mean_squares(60), np.mean(X * X, axis=0))
    close(device, rows.inner_products(), X @ X.T, size=1e7)
    slope = device.space.asarray(a + 0.5, device.space.widest)
    for single in (False, True):
        square, border = rows.gram(slope, single=single)
        # Products in float32 have its digits.
        part = 1e-5 if single or device.is_narrow else 1e-12
        wanted = X.T @ ((a + 0.5)[:, None] * X)
        np.testing.assert_allclose(
            to_host(square), wanted, rtol=part, atol=part * np.abs(wanted).max()
        )
        np.testing.assert_allclose(
            to_host(border), X.T @ (a + 0.5), rtol=part, atol=part * 1e5
        )
    some = device.space.asarray(np.array([3, 5, 5, 59]), device.space.integer)
    np.testing.assert_array_equal(to_host(rows.take(some).X), X[[3, 5, 5, 59]])
    assert (rows.n_rows, rows.n_features, rows.n_entries) == (60, 7, 420)
    rounded, intercept = rows.rounded(w, 0.1)
    np.testing.assert_array_equal(rounded, w.astype(device.dtype))
    assert intercept == float(device.dtype(0.1))


@every_device("torch:float64", NARROW)
@pytest.mark.parametrize("rule", RULES)
@every_loss
def test_certificates(device, rule, loss):
    """Their values are those of the same points in memory."""
    weights = weights_of(60)
    problem, memory = make(device, loss, rule, weights=weights)
    w, intercept = np.full(7, 0.125), 0.0 if rule == "none" else -0.5
    rows, losses = problem.device_rows, problem.losses_of_rows
    seen = rows.survey(losses, w, intercept)
    alpha, is_balanced = problem.balanced(0.9 * seen.alpha)
    assert is_balanced
    found = problem.certificate_at(
        w, intercept, rows.survey(losses, w, intercept, alpha)
    )
    host = to_host(alpha).astype(np.float64)
    assert np.all(host >= 0.0)
    assert np.all(host <= memory.bound * (1.0 + 1e-6))
    short = 1.0 - memory.margins(w, intercept)
    primal = memory.primal_of(w, intercept, memory.loss_sum(short))
    close(device, found.primal, primal)
    close(device, found.dual, memory.dual(host, memory.combine(host)), size=primal)
    # And what rounding may hide is a bound of that.
    for care in problem.cares:
        above = problem.primal_rounding(found, care)
        below = problem.dual_rounding(found, care)
        assert 0.0 < above < 1e-4 * primal
        assert abs(found.primal - primal) <= above
        exact = memory.dual(host, memory.combine(host))
        assert abs(found.dual - exact) <= below


@every_device("torch:float64", "torch:float32", NARROW)
@pytest.mark.parametrize("seed", range(4))
def test_balanced(device, seed):
    problem, memory = make(device, "hinge", "free", weights=weights_of(60))
    rng = np.random.default_rng(seed)
    alpha = memory.bound * rng.random(60) * (rng.random(60) < 0.7)
    if seed == 3:
        # Off by next to nothing, which rows inside their box pay for.
        alpha[memory.signs > 0] *= alpha[memory.signs < 0].sum() / np.sum(
            alpha[memory.signs > 0]
        )
        alpha = np.minimum(alpha, memory.bound)
    there = device.space.asarray(alpha, device.space.widest)
    found, is_balanced = problem.balanced(there)
    host = to_host(found).astype(np.float64)
    assert is_balanced
    unit = 2.0**-22 if device.is_narrow else 2.0**-50
    assert abs(host @ memory.signs) <= unit * host.sum()
    assert np.all((host >= 0.0) & (host <= to_host(there)))


@every_device("torch:float64")
def test_balanced_by_what_is_inside(device):
    """A rounding error is not taken from duals at their bound."""
    problem, memory = make(device, "hinge", "free")
    alpha = memory.bound.copy()
    positive, negative = (np.flatnonzero(memory.signs == s) for s in (1, -1))
    few = min(len(positive), len(negative)) - 1
    alpha[positive[few:]] = alpha[negative[few:]] = 0.0
    alpha[positive[0]], alpha[negative[0]] = 0.25 + 1e-9, 0.25
    found, _ = problem.balanced(device.exactly(alpha))
    host = to_host(found)
    np.testing.assert_array_equal(host[positive[1:]], alpha[positive[1:]])
    np.testing.assert_array_equal(host[negative], alpha[negative])
    assert host[positive[0]] == pytest.approx(0.25, abs=1e-14)


@every_device("torch:float64")
def test_a_class_with_too_little_cannot_be_lowered(device):
    problem, _ = make(device, "hinge", "free")
    alpha = device.exactly(np.zeros(60))
    same, is_balanced = problem.balanced(alpha)
    assert is_balanced
    np.testing.assert_array_equal(to_host(same), 0.0)
    part = replace(problem, fixed=Fixed(np.zeros(7), 3.0, 3.0))
    assert not part.balanced(alpha)[1]

"""The kernels for arrays with one entry a row, against plain NumPy."""

import numpy as np
import pytest
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

from hingesvm.kernels import _vectors
from hingesvm.rows.duals import PackedDuals


@pytest.fixture(autouse=True, scope="module", params=BUILDS)
def each_build(request):
    use_build(globals(), request.param)


@every_loss
@broadcast
def test_totals(name, scalar):
    n = 40
    rng = np.random.default_rng(5)
    bound, curvature = boxes(n, scalar, name)
    signs, cost = signs_of(n), per_row(n, scalar, 0.5, 2.0, seed=3)
    shortfall = rng.normal(size=n)
    shortfall[0] = 0.0
    if name == "rounded":
        shortfall[1] = curvature[1] * bound[1]
    alpha, anchor = rng.uniform(0.0, 1.0, n), rng.uniform(0.0, 1.0, n)
    slope = np.array([*map(slope_of, shortfall, bound, curvature)])
    loss, gain, imbalance, moved = _vectors.totals(
        signs, cost, bound, curvature, shortfall, alpha, anchor
    )
    expected = float(np.sum(slope * (shortfall - 0.5 * curvature * slope)))
    assert loss == pytest.approx(expected, rel=1e-13)
    assert gain == pytest.approx(float(np.sum(alpha - 0.5 * curvature * alpha**2)))
    assert imbalance == pytest.approx(float(alpha @ signs), abs=1e-13)
    assert moved == pytest.approx(float(np.sum((alpha - anchor) ** 2 / cost)))
    arrays = (signs, cost, bound, curvature, shortfall, alpha)
    assert _vectors.totals(*arrays, np.empty(0)) == (loss, gain, imbalance, 0.0)


def pull_of(line, t):
    rest, pace, bound, here, change, base, slope = line
    return (
        base
        + slope * t
        - np.clip(rest + pace * (here - t * change), 0, bound) @ (change)
    )


def find_zero(line, *options):
    """The kernel's answer for such a function."""
    *slopes, here, change, base, slope = line
    return _vectors.find_zero(*slopes, here, change, False, base, slope, *options)


def random_line(rng, scalar, top, n=600):
    """A random piecewise linear function that is negative at 0; more than a block."""
    rest = per_row(n, scalar, 0.0, 1.0, seed=int(rng.integers(1000)))
    pace = per_row(n, scalar, 0.1, 10.0, seed=int(rng.integers(1000)))
    bound = np.broadcast_to(top, n) if scalar else np.full(n, top)
    here, change = rng.normal(size=n), rng.normal(size=n)
    slope = float(rng.uniform(0.01, 5.0))
    line = (rest, pace, bound, here, change, 0.0, slope)
    base = -pull_of(line, 0.0) - float(rng.uniform(0.1, 50.0))
    return (rest, pace, bound, here, change, base, slope)


def bisected(line, low, high):
    """The zero between a point of negative and one of positive value."""
    assert pull_of(line, low) < 0.0 < pull_of(line, high)
    for _ in range(200):
        middle = 0.5 * (low + high)
        if pull_of(line, middle) < 0.0:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@broadcast
@pytest.mark.parametrize("top", [1.0, np.inf])
@pytest.mark.parametrize("low", [0.0, -np.inf])
@pytest.mark.parametrize("seed", range(8))
def test_zero_equals_bisection(seed, low, top, scalar):
    line = random_line(np.random.default_rng(seed), scalar, top)
    expected = bisected(line, 0.0, 1e9)
    for start in (1.0, 1e-6, 1e4):
        t, at_low = find_zero(line, start, low, 0.0, 0.0)
        assert t == pytest.approx(expected, rel=1e-9)
        at_zero = pull_of(line, 0.0) if low == 0.0 else 0.0
        assert at_low == pytest.approx(at_zero, rel=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_zero_within_a_tolerance(seed):
    line = random_line(np.random.default_rng(seed), False, 1.0)
    at_zero = pull_of(line, 0.0)
    for part in (0.5, 1e-3):
        t, _ = find_zero(line, 1.0, 0.0, part, 0.0)
        assert abs(pull_of(line, t)) <= part * abs(at_zero) * (1.0 + 1e-9)
        t, _ = find_zero(line, 1.0, -np.inf, part, 0.0)
        assert abs(pull_of(line, t)) <= part * (1.0 + 1e-9)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(4))
def test_zero_of_a_change_given_by_its_end(seed, kind):
    rest, pace, bound, here, change, base, slope = random_line(
        np.random.default_rng(seed), False, 1.0
    )
    here, there = here.astype(kind), (here - change).astype(kind)
    line = (rest, pace, bound, here.astype(float), change, base, slope)
    expected, _ = find_zero(line, 1.0, 0.0, 0.0, 0.0)
    box = (rest, pace, bound)
    ends = (base, slope, 1.0, 0.0, 0.0, 0.0)
    t, _ = _vectors.find_zero(*box, here, there, True, *ends)
    assert t == pytest.approx(expected, rel=1e-5 if kind == "float32" else 1e-9)
    t, _ = _vectors.find_zero(*box, here, here - there, False, *ends)
    assert t == pytest.approx(expected, rel=1e-5 if kind == "float32" else 1e-9)


def single(rest, pace, bound, here, change, base, slope):
    """The same for a single row."""
    arrays = [np.array([float(x)]) for x in (rest, pace, bound, here, change)]
    return (*arrays, float(base), float(slope))


@pytest.mark.parametrize("zero", [1e-6, 1e-3, 1.0, 1e3, 1e6])
def test_zero_near_and_far(zero):
    # Nothing but the straight line; then a row whose box is left in between.
    straight = single(0.0, 0.0, 1.0, 0.0, 1.0, -1.0, 1.0 / zero)
    assert find_zero(straight, 1.0, 0.0, 0.0, 0.0) == pytest.approx((zero, -1.0))
    # Value -1 up to a kink at 0.9 zero, then a slope that is 1 at 0.9 + 0.1 zero.
    pace = 10.0 / zero
    kinked = single(0.0, pace, np.inf, -0.9 * zero, -1.0, -1.0, 0.0)
    assert pull_of(kinked, 0.5 * zero) == -1.0
    t, at_low = find_zero(kinked, 1.0, 0.0, 1e-12, 0.0)
    assert (t, at_low) == pytest.approx((zero, -1.0))


@pytest.mark.parametrize("base", [0.0, 0.5])
def test_nothing_to_gain_at_the_lower_end(base):
    line = single(0.0, 0.0, 1.0, 0.0, 1.0, base, 1.0)
    assert find_zero(line, 1.0, 0.0, 1e-3, 0.0) == (0.0, base)
    shifted = single(0.0, 0.0, 1.0, 0.0, 1.0, base - 3.0, 1.0)
    assert find_zero(shifted, 9.0, 3.0, 1e-3, 0.0) == (3.0, base)


def test_zero_at_the_start_is_found_at_once():
    line = single(0.0, 1.0, np.inf, 0.0, -1.0, -2.0, 1.0)  # 2 t - 2 for t > 0
    assert pull_of(line, 1.0) == 0.0
    assert find_zero(line, 1.0, 0.0, 0.0, 0.0) == (1.0, -2.0)
    assert find_zero(line, 1.0, -np.inf, 0.0, 0.0) == (1.0, 0.0)


@pytest.mark.parametrize("base", [-0.5, 0.5])
def test_a_flat_function_ends(base):
    # No slope, and every row at the end of its box: no zero, but no loop either.
    line = single(5.0, 0.0, 1.0, 0.0, 1.0, 1.0 + base, 0.0)
    for low in (-np.inf, 0.0):
        t, _ = find_zero(line, 1.0, low, 0.0, 0.0)
        assert np.isfinite(t)
        assert pull_of(line, t) == base
    zero = single(5.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0)
    assert find_zero(zero, 2.0, -np.inf, 0.0, 0.0) == (2.0, 0.0)


@pytest.mark.parametrize("zero", [-1e6, -30.0, -1e-3, 1e-3, 30.0, 1e6])
def test_zero_behind_flat_pieces_on_both_sides(zero):
    # The sum a y of one row of each class; flat but within 0.1 of the zero, as the
    # derivative in a free intercept is.
    rest = np.array([0.5, 0.5])
    pace, bound = np.full(2, 5.0), np.ones(2)
    change = np.array([1.0, -1.0])
    here = change * zero
    line = (rest, pace, bound, here, change, 0.0, 0.0)
    assert pull_of(line, zero - 1.0) == -1.0
    assert pull_of(line, zero + 1.0) == 1.0
    t, _ = find_zero(line, 0.0, -np.inf, 1e-9, 0.0)
    assert t == pytest.approx(zero, abs=1e-9 + 1e-15 * abs(zero))


def test_the_search_ends_at_noise():
    line = random_line(np.random.default_rng(0), False, 1.0)
    t, _ = find_zero(line, 1.0, 0.0, 0.0, 1e6)
    # Anything counts as noise, so the first value that does not fall ends it.
    assert abs(pull_of(line, t)) <= abs(pull_of(line, 1.0))


@pytest.mark.parametrize("low", [0.0, -np.inf])
def test_zero_without_rows(low):
    none = np.empty(0)
    line = (none, none, none, none, none, -3.0, 2.0)
    assert find_zero(line, 1.0, low, 0.0, 0.0)[0] == 1.5


def state(n, scalar, name, seed=6):
    """Shortfalls, duals and boxes, with every kind of row among them."""
    rng = np.random.default_rng(seed)
    bound, curvature = boxes(n, scalar, name)
    shortfall = 3.0 * rng.normal(size=n)
    top = np.minimum(bound, 1e3)
    alpha = np.clip(rng.uniform(-0.5, 1.5, n), 0.0, 1.0) * top
    if name == "rounded":
        # Exactly where the loss turns linear.
        shortfall[:3] = curvature[:3] * bound[:3]
    shortfall[3:6] = 0.0
    alpha[[0, 3]], alpha[[1, 4]] = 0.0, top[[1, 4]]
    return shortfall, alpha, bound, curvature


def beyond_of(shortfall, bound, curvature):
    """How far each row is behind the kink where its loss turns linear."""
    with np.errstate(invalid="ignore"):
        return np.where(curvature > 0.0, shortfall - curvature * bound, shortfall)


@every_loss
@broadcast
def test_choose(name, scalar):
    n = 200
    shortfall, alpha, bound, curvature = state(n, scalar, name)
    rng = np.random.default_rng(7)
    reach = rng.uniform(0.0, 2.0, n).astype(np.float32)
    beyond = beyond_of(shortfall, bound, curvature)
    distance = np.maximum(-shortfall, beyond)
    wrong = (alpha > 0.0) & (alpha < bound)
    wrong |= (alpha == 0.0) & (shortfall > 0.0) | (alpha > 0.0) & (beyond < 0.0)
    assert 0 < np.count_nonzero(wrong) < n
    places = PackedDuals.pack(alpha, bound).places
    for moved in (np.zeros(n), rng.normal(size=n)):
        for near, likely in [(0.0, 0.0), (0.5, 0.0), (0.3, 2.0), (np.inf, 0.0)]:
            out = np.full(n, 7, dtype=np.uint8)
            _vectors.choose(
                shortfall, moved, reach, places, bound, curvature, near, likely, out
            )
            expected = wrong | (distance <= near * reach)
            expected |= distance <= likely * np.abs(moved)
            assert np.array_equal(out, expected)


def test_choose_row_by_row():
    # Hinge with u = 1: what a row is chosen for, and what not.
    shortfall = np.array([-0.5, -0.5, -0.5, -3.0, -3.0, 2.0, 2.0, 0.0])
    moved = np.array([0.0, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    reach = np.array([1.0, 0.1, 0.1, 1.0, 1.0, 1.0, 1.0, 0.0], dtype=np.float32)
    alpha = np.array([0.0, 0.0, 0.0, 0.5, 1.0, 0.0, 1.0, 0.0])
    box = np.broadcast_to(1.0, 8), np.broadcast_to(0.0, 8)
    places = PackedDuals.pack(alpha, box[0]).places
    for kind in (np.float32, np.float64):
        out = np.empty(8, dtype=np.uint8)
        margins = shortfall.astype(kind), moved.astype(kind)
        _vectors.choose(*margins, reach, places, *box, 0.6, 2.0, out)
        # Near; likely; far; inside; at the wrong end; the other one; far; on the kink.
        assert np.array_equal(out, [1, 1, 0, 1, 1, 1, 0, 1])


@every_loss
@broadcast
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("step", [1, 3])
def test_distances(name, scalar, kind, step):
    n = 200
    shortfall, _, bound, curvature = state(n, scalar, name)
    shortfall = shortfall.astype(kind)
    reach = np.random.default_rng(7).uniform(0.5, 2.0, n).astype(np.float32)
    reach[::5] = 0.0
    out = np.empty(-(-n // step))
    _vectors.distances(shortfall, reach, bound, curvature, step, out)
    distance = np.maximum(-shortfall, beyond_of(shortfall, bound, curvature))[::step]
    some = reach[::step] > 0.0
    expected = distance[some] / reach[::step][some]
    np.testing.assert_allclose(out[some], expected, rtol=1e-6)
    assert np.all(np.isinf(out[~some]))


@every_loss
@broadcast
def test_misplaced(name, scalar):
    n = 200
    shortfall, alpha, bound, curvature = state(n, scalar, name)
    reach = np.random.default_rng(8).uniform(0.5, 2.0, n).astype(np.float32)
    before = reach.copy()
    beyond = beyond_of(shortfall, bound, curvature)
    wrong = (alpha == 0.0) & (shortfall > 0.0) | (alpha == bound) & (beyond < 0.0)
    places = PackedDuals.pack(alpha, bound).places
    count = _vectors.misplaced(shortfall, places, bound, curvature, 4.0, reach)
    assert count == np.count_nonzero(wrong) > 0
    assert np.array_equal(reach[wrong], 4.0 * before[wrong])
    assert np.array_equal(reach[~wrong], before[~wrong])


@every_loss
@broadcast
def test_wake(name, scalar):
    n = 200
    shortfall, alpha, bound, curvature = state(n, scalar, name)
    # Optimal duals but for a few rows that are a little off, so that others are safe.
    off = np.arange(n) % 10 == 0
    shortfall[off] *= 0.1
    alpha = np.array([*map(slope_of, shortfall, bound, curvature)])
    alpha[off] = np.minimum(alpha[off] + 0.1, bound[off])
    worst, outwards = 0.0, []
    for a, u, q, short in zip(alpha, bound, curvature, shortfall, strict=True):
        g = short - q * a
        safe = (a == 0.0 and g < 0.0) or (a == u and g > 0.0)
        outwards.append(abs(g) if safe else -abs(g))
        worst = max(worst, -outwards[-1])
    out = np.full(n, -1, dtype=np.intp)
    count, found = _vectors.wake(shortfall, alpha, bound, curvature, 1.0, out)
    assert found == pytest.approx(worst, rel=1e-15)
    outwards = np.array(outwards)
    expected = np.flatnonzero(outwards <= worst)
    assert 0 < len(expected) < n
    assert np.array_equal(out[:count], expected)
    assert np.all(out[count:] == -1)
    fewer, found = _vectors.wake(shortfall, alpha, bound, curvature, 0.1, out)
    assert found == pytest.approx(worst, rel=1e-15)
    assert np.array_equal(out[:fewer], np.flatnonzero(outwards <= 0.1 * worst))


def test_wake_at_the_optimum_keeps_the_rows_without_a_gradient():
    # Margins 3, 1, 1 and -1 with a = 0, 0, inside and at the bound.
    shortfall, alpha = np.array([-2.0, 0.0, 0.0, 2.0]), np.array([0.0, 0.0, 0.5, 1.0])
    box = np.broadcast_to(1.0, 4), np.broadcast_to(0.0, 4)
    out = np.empty(4, dtype=np.intp)
    count, worst = _vectors.wake(shortfall, alpha, *box, 1.0, out)
    assert worst == 0.0
    assert np.array_equal(out[:count], [1, 2])


@every_loss
@broadcast
def test_intercept_derivative_is_that_of_the_losses(name, scalar):
    n = 60
    bound, curvature = boxes(n, scalar, name)
    signs, scores = signs_of(n), np.random.default_rng(9).normal(size=n)

    def losses(b):
        short = 1.0 - signs * (scores + b)
        slope = np.array([*map(slope_of, short, bound, curvature)])
        return float(np.sum(slope * (short - 0.5 * curvature * slope)))

    at_one = signs - scores
    for b in (-2.0, 0.1, 1.7):
        assert np.abs(at_one - b).min() > 1e-5
        slopes = (losses(b + 1e-6) - losses(b - 1e-6)) / 2e-6
        for above in (True, False):
            value, total = _vectors.intercept_derivative(
                signs, bound, curvature, at_one, b, above
            )
            assert value == pytest.approx(slopes, rel=1e-4, abs=1e-4)
            short = signs * (at_one - b)
            terms = sum(map(slope_of, short, bound, curvature))
            assert total == pytest.approx(terms, rel=1e-13)
            assert abs(value) <= total


def test_intercept_derivative_on_a_kink():
    # Both rows have margin 1 at b = 0. Above it, row -1 falls short; below, row 1.
    signs, at_one = np.array([1, -1], dtype=np.int8), np.zeros(2)
    box = np.array([2.0, 3.0]), np.zeros(2)
    above = _vectors.intercept_derivative(signs, *box, at_one, 0.0, True)
    below = _vectors.intercept_derivative(signs, *box, at_one, 0.0, False)
    assert above == (3.0, 3.0)
    assert below == (-2.0, 2.0)
    smooth = np.array([2.0, 3.0]), np.ones(2)
    for side in (True, False):
        derivative = _vectors.intercept_derivative(signs, *smooth, at_one, 0.0, side)
        assert derivative == (0.0, 0.0)


@pytest.mark.parametrize("end", [-np.inf, np.inf])
@every_loss
def test_intercept_derivative_at_the_ends(name, end):
    bound, curvature = boxes(10, False, name)
    signs, at_one = signs_of(10), np.linspace(-1.0, 1.0, 10)
    value, total = _vectors.intercept_derivative(
        signs, bound, curvature, at_one, end, True
    )
    short = signs < 0 if end > 0.0 else signs > 0
    assert value == np.sign(end) * total
    assert total == pytest.approx(bound[short].sum())


def test_sums_over_no_rows():
    none, signs = np.empty(0), np.empty(0, dtype=np.int8)
    assert _vectors.totals(signs, none, none, none, none, none, none) == (0, 0, 0, 0)
    order = np.empty(0, dtype=np.intp)
    assert _vectors.wake(none, none, none, none, 1.0, order) == (0, 0.0)
    reach, places = np.empty(0, dtype=np.float32), np.empty(0, dtype=np.uint8)
    assert _vectors.misplaced(none, places, none, none, 2.0, reach) == 0
    assert _vectors.pack(none, none, places, none) == 0
    assert _vectors.unpack(places, none, none, 0, none) == 0
    args = (signs, none, none, none, 0.0, True)
    assert _vectors.intercept_derivative(*args) == (0.0, 0.0)
    assert _vectors.class_sums(none, signs) == (0.0, 0.0)
    _vectors.lower_class(none, none, signs, 1, 2.0, 1.0, 1e-6)


@broadcast
def test_class_sums(scalar):
    signs, alpha = signs_of(200), per_row(200, scalar, -1.0, 2.0)
    positive, negative = _vectors.class_sums(alpha, signs)
    assert positive == pytest.approx(float(alpha[signs > 0].sum()), rel=1e-13)
    assert negative == pytest.approx(float(alpha[signs < 0].sum()), rel=1e-13)


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_class_is_lowered_in_all_rows(sign):
    signs, alpha = signs_of(50), np.linspace(0.0, 2.0, 50)
    expected = np.where(signs == sign, 0.3 * alpha, alpha)
    heavy = float(alpha[signs == sign].sum())
    bound = np.broadcast_to(2.0, 50)
    _vectors.lower_class(alpha, bound, signs, sign, heavy, 0.3 * heavy, 1e-6)
    assert alpha == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("scalar", [True, False])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_class_is_lowered_a_little_in_rows_inside_their_box_alone(sign, scalar):
    # A row that leaves its bound by rounding would join every band.
    signs, bound = signs_of(50), per_row(50, scalar, 0.5, 2.0)
    alpha = np.where(np.arange(50) % 5 == 0, 0.5 * bound, bound)
    before, of_class = alpha.copy(), signs == sign
    heavy = float(alpha[of_class].sum())
    light = heavy * (1.0 - 1e-9)
    _vectors.lower_class(alpha, bound, signs, sign, heavy, light, 1e-6)
    assert alpha[of_class].sum() == pytest.approx(light, rel=1e-15)
    inside = before < bound
    assert np.array_equal(alpha[~(of_class & inside)], before[~(of_class & inside)])
    assert np.all(alpha[of_class & inside] < before[of_class & inside])

"""The losses against textbook formulas, numeric derivatives and grids."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import loss_value
from sklearn.base import clone

from hingesvm import HingeSVC
from hingesvm.losses import Hinge, MarginLoss, SmoothedHinge, SquaredHinge, get_loss


class SteepHinge(MarginLoss):
    """Quadratic up to a slope of 2: a loss that the package does not know."""

    bound = 2.0
    curvature = 0.25


GAMMAS = [0.01, 0.5, 1.0, 7.0]
TEXTBOOK = [Hinge(), SquaredHinge(), *map(SmoothedHinge, GAMMAS)]
EVERY = [*TEXTBOOK, SteepHinge()]

quick = settings(max_examples=40, deadline=None)
margins = st.floats(-100.0, 100.0)
every_loss = pytest.mark.parametrize("loss", EVERY, ids=repr)
textbook_loss = pytest.mark.parametrize("loss", TEXTBOOK, ids=repr)


def kinks(loss):
    """Margins at which the formula of a loss changes."""
    if math.isinf(loss.bound):
        return [1.0]
    return [1.0, 1.0 - loss.bound * loss.curvature]


@textbook_loss
@quick
@given(m=margins)
def test_value_is_the_textbook_formula(loss, m):
    expected = pytest.approx(loss_value(loss, m), rel=1e-15, abs=1e-14)
    assert float(loss.value(m)) == expected


@textbook_loss
def test_value_at_the_kinks(loss):
    for m in kinks(loss):
        assert float(loss.value(m)) == pytest.approx(loss_value(loss, m), abs=1e-15)


@every_loss
@quick
@given(m=margins)
def test_subgradient_is_the_derivative_away_from_kinks(loss, m):
    h = 1e-5
    if min(abs(m - kink) for kink in kinks(loss)) <= h:
        return
    slope = (loss.value(m + h) - loss.value(m - h)) / (2.0 * h)
    assert float(loss.subgradient(m)) == pytest.approx(float(slope), abs=1e-6)


@every_loss
def test_subgradient_supports_the_loss_everywhere(loss):
    others = np.linspace(-12.0, 12.0, 2401)
    near = np.concatenate([1.0 + t * others for t in (1e-15, 1e-9, 1e-4)])
    for m in [*kinks(loss), *np.linspace(-9.0, 3.0, 49)]:
        s = float(loss.subgradient(m))
        assert -loss.bound <= s <= 0.0
        for other in (others, near):
            line = loss.value(m) + s * (other - m)
            assert np.all(loss.value(other) >= line - 1e-14 * (1.0 + np.abs(line)))


def test_subgradient_at_the_kink_is_zero():
    assert float(Hinge().subgradient(1.0)) == 0.0
    assert float(Hinge().subgradient(np.nextafter(1.0, 0.0))) == -1.0


@every_loss
def test_subgradient_has_no_negative_zero(loss):
    assert not np.signbit(loss.subgradient([1.0, 2.0])).any()


@every_loss
@quick
@given(m=margins, part=st.floats(0.0, 1.0))
def test_fenchel_young_inequality(loss, m, part):
    s = -part * min(loss.bound, 50.0)
    both = float(loss.value(m)) + float(loss.conjugate(s))
    assert both >= s * m - 1e-12 * (1.0 + abs(s * m))


@every_loss
@quick
@given(m=margins)
def test_fenchel_young_equality_at_a_subgradient(loss, m):
    s = float(loss.subgradient(m))
    value, conjugate = float(loss.value(m)), float(loss.conjugate(s))
    size = abs(value) + abs(conjugate)
    assert value + conjugate == pytest.approx(s * m, rel=1e-14, abs=1e-14 * size)


@every_loss
def test_conjugate_is_the_supremum(loss):
    m = np.linspace(-60.0, 20.0, 80_001)  # holds every maximiser of the slopes below
    value = loss.value(m)
    for part in (0.0, 0.1, 0.5, 0.9, 1.0):
        s = -part * min(loss.bound, 20.0)
        largest = float(np.max(s * m - value))
        assert float(loss.conjugate(s)) == pytest.approx(largest, abs=2e-3)
        assert float(loss.conjugate(s)) >= largest - 1e-12


@every_loss
def test_conjugate_is_infinite_outside(loss):
    outside = [1e-300, 1.0, np.inf]
    if math.isfinite(loss.bound):
        outside += [-loss.bound * (1.0 + 1e-15), -1e300]
    assert np.all(loss.conjugate(outside) == np.inf)
    assert np.all(np.isfinite(loss.conjugate([0.0, -min(loss.bound, 1e100)])))


@every_loss
@pytest.mark.parametrize("cost", [0.01, 1.0, 30.0])
def test_scaled_loss_is_the_maximum_over_its_dual_variable(loss, cost):
    u, q = float(loss.dual_bound(cost)), float(loss.dual_curvature(cost))
    grid = np.linspace(0.0, min(u, 10.0 * cost), 20_001)
    for m in (-1.0, 0.0, 0.3, 0.99, 1.0, 1.5):
        largest = float(np.max(grid * (1.0 - m) - 0.5 * q * grid * grid))
        coarse = 1e-12 + q * grid[1] ** 2
        assert cost * float(loss.value(m)) == pytest.approx(largest, abs=coarse)


@every_loss
def test_dual_numbers_of_several_costs(loss):
    cost = np.array([0.5, 1.0, 8.0])
    assert loss.dual_bound(cost) == pytest.approx(loss.bound * cost)
    assert loss.dual_curvature(cost) == pytest.approx(loss.curvature / cost)
    assert loss.dual_bound([1, 2]).dtype == loss.dual_curvature([1, 2]).dtype == float


@every_loss
def test_extreme_margins_give_limits_and_no_warning(loss):
    right = np.array([1e300, 1.7e308])
    assert np.all(loss.value(right) == 0.0)
    assert np.all(loss.subgradient(right) == 0.0)
    tiny = np.array([1e-300, -1e-300, 0.0])
    assert np.all(loss.value(tiny) == loss.value(0.0))
    assert np.all(loss.subgradient(tiny) == loss.subgradient(0.0))
    left = np.array([-1e300, -1.7e308])
    if math.isinf(loss.bound):
        assert np.all(loss.value(left) == np.inf)
        assert loss.subgradient(-1e300) == pytest.approx(-1e300 / loss.curvature)
    else:
        assert loss.value(-1e300) == pytest.approx(loss.bound * 1e300)
        assert np.all(loss.subgradient(left) == -loss.bound)


def test_largest_margin_overflows_to_infinity():
    assert SteepHinge().value(-1.7e308) == np.inf
    assert SquaredHinge().subgradient(-1.7e308) == -np.inf


@every_loss
def test_extreme_slopes_give_no_warning(loss):
    assert loss.conjugate(-1e-300) == -1e-300
    assert loss.conjugate(-1e300) == np.inf
    assert loss.conjugate(-np.inf) == np.inf


@pytest.mark.parametrize("gamma", [1e-300, 1e-12, 1e12, 1e300])
def test_extreme_gamma_is_the_textbook_formula(gamma):
    loss = SmoothedHinge(gamma)
    for m in (-3.0, 0.0, 0.5, 1.0 - 1e-12, 1.0, 2.0):
        # As far as a rounding of m goes.
        room = 1e-15 * abs(float(loss.subgradient(m)))
        expected = pytest.approx(loss_value(loss, m), rel=1e-12, abs=room)
        assert float(loss.value(m)) == expected


def test_smoothed_hinge_tends_to_the_hinge():
    m = np.linspace(-2.0, 2.0, 41)
    for gamma in (1e-1, 1e-3, 1e-6):
        below = Hinge().value(m) - SmoothedHinge(gamma).value(m)
        assert np.all((below >= -1e-15) & (below <= gamma / 2.0 + 1e-15))


@pytest.mark.parametrize(
    "gamma", [0.0, -0.0, -1.0, math.nan, math.inf, -math.inf, "x", None, [1.0], 1j]
)
def test_smoothed_hinge_refuses(gamma):
    with pytest.raises(ValueError, match="gamma must be a positive finite number"):
        SmoothedHinge(gamma)


def test_smoothed_hinge_keeps_gamma_as_a_float():
    loss = SmoothedHinge(gamma=2)
    assert loss.gamma == 2.0
    assert type(loss.gamma) is float
    assert loss.curvature == 2.0
    assert SmoothedHinge().gamma == 1.0


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("hinge", Hinge()),
        ("squared_hinge", SquaredHinge()),
        ("smoothed_hinge", SmoothedHinge(1.0)),
    ],
)
def test_get_loss_by_name(name, loss):
    assert get_loss(name) == loss


@every_loss
def test_get_loss_returns_an_object_as_it_is(loss):
    assert get_loss(loss) is loss


@pytest.mark.parametrize("name", ["log", "Hinge", ""])
def test_get_loss_names_what_is_known(name):
    with pytest.raises(ValueError, match="choose one of 'hinge', 'squared_hinge'"):
        get_loss(name)


@pytest.mark.parametrize("loss", [None, 3, Hinge, np.abs, ["hinge"]])
def test_get_loss_refuses_what_is_no_loss(loss):
    with pytest.raises(TypeError, match="one-sided piecewise quadratic"):
        get_loss(loss)


@pytest.mark.parametrize(
    ("bound", "curvature"),
    [
        (math.inf, 0.0),
        (0.0, 1.0),
        (-1.0, 1.0),
        (math.nan, 1.0),
        (1.0, -1.0),
        (1.0, math.inf),
        (1.0, math.nan),
    ],
)
def test_get_loss_refuses_numbers_that_make_no_loss(bound, curvature):
    ill_formed = type("Ill", (MarginLoss,), {"bound": bound, "curvature": curvature})
    with pytest.raises(ValueError, match="describes no trainable loss"):
        get_loss(ill_formed())


def test_a_subclass_must_name_its_numbers():
    with pytest.raises(TypeError, match="abstract"):
        type("Half", (MarginLoss,), {"bound": 1.0})()


def test_equality_and_hash():
    assert Hinge() == Hinge()
    assert SmoothedHinge(1) == SmoothedHinge(1.0)
    assert hash(SmoothedHinge(1)) == hash(SmoothedHinge(1.0))
    assert SmoothedHinge(1.0) != SmoothedHinge(2.0)
    assert Hinge() != SquaredHinge()
    assert Hinge() != "hinge"
    assert len({Hinge(), Hinge(), SmoothedHinge(2.0), SmoothedHinge(3.0)}) == 3


def test_repr_can_be_read_back():
    assert repr(Hinge()) == "Hinge()"
    assert repr(SmoothedHinge(0.5)) == "SmoothedHinge(gamma=0.5)"
    assert eval(repr(SmoothedHinge(0.1))) == SmoothedHinge(0.1)


@every_loss
def test_pickle_keeps_a_loss(loss):
    assert pickle.loads(pickle.dumps(loss)) == loss


@every_loss
def test_clone_keeps_the_loss_of_an_estimator(loss):
    assert clone(HingeSVC(loss=loss)).loss == loss


@every_loss
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 1, 2)])
def test_shapes_are_kept(loss, shape):
    m = np.full(shape, -0.25, dtype=np.float32)
    for function in (loss.value, loss.subgradient, loss.conjugate):
        out = function(m)
        assert isinstance(out, np.ndarray)
        assert out.shape == shape
        assert out.dtype == np.float64
        assert np.all(out == function(-0.25))


@every_loss
def test_lists_and_integers_are_taken(loss):
    assert np.all(
        loss.value([[0, 1], [2, -3]]) == loss.value(np.array([[0, 1], [2, -3.0]]))
    )
    assert np.all(loss.subgradient([0, 2]) == loss.subgradient(np.array([0.0, 2.0])))

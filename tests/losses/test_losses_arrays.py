"""The losses of arrays of other libraries, where these arrays are."""

import numpy as np
import pytest
from multiclass_cases import every_loss as every_multiclass_loss
from namespace_cases import (
    PLACES,
    brought,  # noqa: F401
    dispatched,  # noqa: F401
    either_place,
    every_place,
    raised_by,
)
from sklearn import config_context

from hingesvm._namespace import to_host
from hingesvm.losses import (
    CrammerSinger,
    Hinge,
    MarginLoss,
    SmoothedHinge,
    SquaredHinge,
    WestonWatkins,
)


class SteepHinge(MarginLoss):
    """Quadratic up to a slope of 2: a loss that the package does not know."""

    bound = 2.0
    curvature = 0.25


every_loss = pytest.mark.parametrize(
    "loss", [Hinge(), SquaredHinge(), SmoothedHinge(0.5), SteepHinge()], ids=repr
)
either_multiclass_loss = pytest.mark.parametrize(
    "loss", [CrammerSinger(), WestonWatkins(2.0)], ids=repr
)
METHODS = ["value", "subgradient", "conjugate", "dual_bound", "dual_curvature"]


def compared(place, found, expected):
    """Require an array at a place, of these numbers."""
    assert place.holds(found)
    assert tuple(found.shape) == expected.shape
    error = place.rounding
    np.testing.assert_allclose(to_host(found), expected, rtol=error, atol=error)


@every_place
@every_loss
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(), (0,), (40,), (5, 4, 2)])
def test_binary_losses_are_those_of_numpy(place, loss, method, shape):
    numbers = np.random.default_rng(0).normal(0.0, 2.0, shape)
    if shape == (40,):
        # Kinks, and what is beyond all of them.
        numbers[:8] = [1.0, 0.875, 0.5, 0.0, -0.5, -1.0, np.inf, -np.inf]
    if method.startswith("dual_"):
        numbers = np.abs(numbers) + 0.25
    function = getattr(loss, method)
    compared(place, function(place.put(numbers)), function(place.rounded(numbers)))


@every_place
@every_loss
def test_nan_stays_nan(place, loss):
    margins = place.put([np.nan, 0.5])
    assert np.isnan(to_host(loss.value(margins))).tolist() == [True, False]


@every_place
@every_multiclass_loss
@pytest.mark.parametrize("n_classes", [2, 5])
def test_multiclass_losses_are_those_of_numpy(place, loss, n_classes):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(60, n_classes))
    scores[:30] = rng.integers(-12, 12, (30, n_classes)) / 4.0  # at kinks, and tied
    codes = rng.integers(0, n_classes, 60)
    weights = rng.integers(0, 3, 60) / 2.0
    there = [place.put(values) for values in (scores, codes)]
    here = place.rounded(scores), codes
    for method in (loss.value, loss.subgradient):
        compared(place, method(*there), method(*here))
        found = method(*there, sample_weight=place.put(weights))
        compared(place, found, method(*here, sample_weight=weights))
    duals = loss.subgradient(*here)
    for s in (duals, 0.5 * duals, -duals, 3.0 * duals, np.abs(duals)):
        found = loss.conjugate(place.put(s), there[1])
        compared(place, found, loss.conjugate(s, codes))


@every_place
@either_multiclass_loss
def test_labels_are_taken_from_anywhere(place, loss):
    scores = place.put(np.random.default_rng(0).normal(size=(20, 3)))
    codes = np.arange(20) % 3
    one_hot = np.eye(3)[codes]
    expected = to_host(loss.value(scores, place.put(codes)))
    others = [codes, codes.astype(np.uint8), codes.tolist(), one_hot, 2 * one_hot - 1]
    others += [one_hot.astype(bool), one_hot.astype(int), one_hot.tolist()]
    others += [place.put(other) for other in others]
    others += [other.put(codes) for other in PLACES[:4]]
    others += [other.put(one_hot) for other in PLACES[:4]]
    for y in others:
        found = loss.value(scores, y, sample_weight=np.ones(20))
        assert place.holds(found)
        assert np.array_equal(to_host(found), expected)
        # Scores of the host keep all on the host.
        found = loss.value(to_host(scores), y, sample_weight=place.put(np.ones(20)))
        assert type(found) is np.ndarray
        assert found.dtype == np.float64


@every_place
def test_unsigned_labels_of_all_widths(place):
    scores = place.put(np.eye(3))
    for width in (8, 16, 32, 64):
        codes = place.put(np.arange(3, dtype=f"uint{width}"))
        assert to_host(CrammerSinger().value(scores, codes)).tolist() == [0.0] * 3


@every_place
def test_other_numbers_are_taken(place):
    for dtype in (np.int8, np.int32, bool):
        numbers = np.array([[2, 0], [1, 3]]).astype(dtype)
        found = CrammerSinger().value(place.put(numbers), place.put([0, 1]))
        compared(place, found, CrammerSinger().value(numbers, [0, 1]))
        compared(place, Hinge().value(place.put(numbers)), Hinge().value(numbers))
    numbers = place.put(np.array([1 + 1j]))
    with pytest.raises(ValueError, match="Complex data not supported"):
        Hinge().value(numbers)
    with pytest.raises(ValueError, match="Complex data not supported"):
        CrammerSinger().value(numbers[:, None], [0])


@either_place
@either_multiclass_loss
@pytest.mark.parametrize("n_rows", [0, 1])
def test_few_rows(place, loss, n_rows):
    scores, codes = np.zeros((n_rows, 3)), np.zeros(n_rows, dtype=int)
    there = place.put(scores), place.put(codes)
    for method in (loss.value, loss.subgradient, loss.conjugate):
        compared(place, method(*there), method(scores, codes))
    found = loss.value(*there, sample_weight=place.put(np.ones(n_rows)))
    compared(place, found, loss.value(scores, codes))


@every_place
@either_multiclass_loss
def test_nothing_a_row_is_brought_to_the_host(place, loss, brought):  # noqa: F811
    scores = place.put(np.random.default_rng(0).normal(size=(500, 3)))
    codes, weights = place.put(np.arange(500) % 3), place.put(np.ones(500))
    one_hot = place.put(np.eye(3)[np.arange(500) % 3])
    for y in (codes, one_hot):
        loss.value(scores, y, sample_weight=weights)
        slopes = loss.subgradient(scores, y, sample_weight=weights)
        loss.conjugate(slopes, y)
    for method in METHODS:
        getattr(SmoothedHinge(), method)(weights)
    assert not brought


@either_place
@either_multiclass_loss
@pytest.mark.parametrize("method", ["value", "subgradient", "conjugate"])
@pytest.mark.parametrize(
    ("scores", "y"),
    [
        ([1.0, 2.0], [0, 1]),
        (3.0, [0]),
        ([[1.0], [2.0]], [0, 0]),
        (np.zeros((2, 2, 2)), [0, 1]),
        ([[0.0, np.nan]], [0]),
        ([[0.0, 1.0]], [2]),
        ([[0.0, 1.0], [0.0, 1.0]], [-1, 1]),
        ([[0.0, 1.0]], [0.5]),
        ([[0.0, 1.0]], [1.0]),
        ([[0.0, 1.0]], [True]),
        ([[0.0, 1.0]], [0, 1]),
        ([[0.0, 1.0]], 0),
        ([[0.0, 1.0]], [[0]]),
        ([[0.0, 1.0]], [[0, 1, 0]]),
        ([[0.0, 1.0]], [[0, 0]]),
        ([[0.0, 1.0]], [[1, 1]]),
        ([[0.0, 1.0]], [[2, 0]]),
        ([[0.0, 1.0]], [[1.0, np.nan]]),
        ([[0.0, 1.0]], [[1j, 0.0]]),
        ([[0.0, 1.0, 2.0]], [[1, 0, -1]]),
        ([[0.0, 1.0], [0.0, 1.0]], [[True, True], [False, False]]),
    ],
)
def test_bad_input_is_refused_as_of_numpy(place, loss, method, scores, y):
    function = getattr(loss, method)
    expected = raised_by(function, np.array(scores), np.array(y))
    for labels in (place.put(y), np.array(y)):
        error = raised_by(function, place.put(scores), labels)
        assert type(error) is type(expected)
        assert str(error) == str(expected)


@either_place
@either_multiclass_loss
@pytest.mark.parametrize(
    "weights",
    [[1.0], [[1.0], [1.0]], 2.0, [1.0, -0.5], [1.0, np.nan]],
)
def test_bad_weights_are_refused_as_of_numpy(place, loss, weights):
    for method in (loss.value, loss.subgradient):
        weights = np.array(weights)
        expected = raised_by(method, np.eye(2), [0, 1], sample_weight=weights)
        for w in (weights, place.put(weights)):
            error = raised_by(method, place.put(np.eye(2)), [0, 1], sample_weight=w)
            assert type(error) is type(expected)
            assert str(error) == str(expected)


@either_place
def test_infinite_numbers_are_refused(place):
    for entry in (np.inf, -np.inf):
        with pytest.raises(ValueError, match="scores contains infinity"):
            CrammerSinger().value(place.put([[0.0, entry]]), [0])
    with pytest.raises(ValueError, match="sample_weight contains infinity"):
        CrammerSinger().value(place.put(np.eye(2)), [0, 1], sample_weight=[1, np.inf])


@either_place
@either_multiclass_loss
def test_huge_scores_give_limits_and_no_warning(place, loss):
    huge = float(np.finfo(place.widest).max)
    scores = [[huge, -huge, 0.0], [huge, -huge, 0.0], [huge, huge, huge]]
    there = place.put(np.array(scores).astype(place.dtype))
    value = to_host(loss.value(there, [0, 1, 2], sample_weight=[1.0, 1.0, 1.0]))
    assert value[:2].tolist() == [0.0, np.inf]
    assert value[2] == loss.margin * (1 if isinstance(loss, CrammerSinger) else 2)
    some = to_host(loss.value(there, [0, 1, 2], sample_weight=[1.0, 0.0, 1.0]))
    assert some.tolist() == [0.0, 0.0, value[2]]


@every_place
@pytest.mark.parametrize("gamma", [1e-300, 1e-40, 1e40, 1e300])
def test_extreme_gamma_gives_limits_and_no_warning(place, gamma):
    loss, margins = SmoothedHinge(gamma), np.array([-3.0, 0.0, 0.5, 1.0, 2.0])
    for method in (loss.value, loss.subgradient, loss.conjugate):
        found = to_host(method(place.put(margins)))
        np.testing.assert_allclose(found, method(margins), rtol=1e-6, atol=1e-37)
    slopes = np.array([-1.0, 0.0])
    found = to_host(loss.conjugate(place.put(slopes)))
    assert found[1] == 0.0
    assert (found[0] > 1e37) == (gamma > 1.0)


def test_gradients_pass_through_the_losses():
    torch = pytest.importorskip("torch")
    margins = torch.linspace(-2.0, 2.0, 9, dtype=torch.float64, requires_grad=True)
    for loss in (Hinge(), SquaredHinge(), SmoothedHinge(0.7)):
        away = margins + 0.1
        (slope,) = torch.autograd.grad(loss.value(away).sum(), margins)
        torch.testing.assert_close(slope, loss.subgradient(away.detach()))
    scores = torch.eye(3, dtype=torch.float64, requires_grad=True)
    y = torch.tensor([1, 0, 2])
    weights = torch.tensor([0.5, 0.0, 2.0], dtype=torch.float64)
    for loss in (CrammerSinger(1.5), WestonWatkins(1.5)):
        # Classes that tie share a gradient there, so that none do here.
        uneven = scores + torch.tensor([0.0, 0.1, 0.3], dtype=torch.float64)
        value = loss.value(uneven, y, sample_weight=weights)
        (slope,) = torch.autograd.grad(value.sum(), scores)
        expected = loss.subgradient(uneven.detach(), y, sample_weight=weights)
        torch.testing.assert_close(slope, expected)


def test_tensors_are_left_alone():
    torch = pytest.importorskip("torch")
    arrays = torch.eye(3).double(), torch.tensor([2, 0, 1]), torch.ones(3).double()
    scores, codes, weights = arrays
    before = [array.clone() for array in arrays]
    for loss in (CrammerSinger(), WestonWatkins()):
        loss.value(scores, codes, sample_weight=weights)
        loss.subgradient(scores, codes, sample_weight=weights)
        loss.conjugate(scores, codes)
    for function in (getattr(SmoothedHinge(), method) for method in METHODS):
        function(weights)
    for array, copy in zip(arrays, before, strict=True):
        assert torch.equal(array, copy)


def test_without_dispatch_tensors_are_converted():
    torch = pytest.importorskip("torch")
    with config_context(array_api_dispatch=False):
        for method in METHODS:
            found = getattr(SmoothedHinge(), method)(torch.tensor([-0.5]))
            assert type(found) is np.ndarray
        for method in ("value", "subgradient", "conjugate"):
            found = getattr(CrammerSinger(), method)(torch.eye(2), torch.tensor([0, 1]))
            assert type(found) is np.ndarray

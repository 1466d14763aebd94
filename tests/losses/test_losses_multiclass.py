"""Values and subgradients of the multi-class losses: plain loops, Hinge, autograd."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from multiclass_cases import (
    FAMILY,
    MARGINS,
    anywhere,
    cases,
    either_loss,
    every_kind,
    every_loss,
    on_grid,
    quick,
)

from hingesvm.losses import CrammerSinger, Hinge, WestonWatkins


def hinges(loss, f, y):
    """The argument of the hinge of each other class, in their order."""
    return [loss.margin - (f[y] - f[k]) for k in range(len(f)) if k != y]


def loop_value(loss, scores, codes):
    """The losses as their definitions read."""
    values = []
    for f, y in zip(scores, codes, strict=True):
        terms = [max(0.0, argument) for argument in hinges(loss, f, y)]
        values.append(max(terms) if isinstance(loss, CrammerSinger) else sum(terms))
    return np.array(values)


@every_loss
@quick
@given(case=cases())
def test_value_is_that_of_a_loop(loss, case):
    scores, codes, weights = case
    expected = loop_value(loss, scores, codes)
    np.testing.assert_allclose(loss.value(scores, codes), expected, rtol=1e-14)
    weighted = loss.value(scores, codes, sample_weight=weights)
    np.testing.assert_allclose(weighted, weights * expected, rtol=1e-14)


@either_loss
@quick
@given(case=cases())
def test_weights_scale_the_subgradient(loss, case):
    scores, codes, weights = case
    weighted = loss.subgradient(scores, codes, sample_weight=weights)
    plain = loss.subgradient(scores, codes)
    np.testing.assert_allclose(weighted, weights[:, None] * plain, rtol=1e-15)


@every_loss
@quick
@given(case=cases(anywhere, min_rows=1))
def test_subgradient_is_the_derivative_away_from_kinks(loss, case):
    h = 1e-5
    scores, codes = case[0][:1], case[1][:1]
    f, y = scores[0], codes[0]
    arguments = sorted(hinges(loss, f, y))
    assume(min(abs(argument) for argument in arguments) > 3 * h)
    if isinstance(loss, CrammerSinger):
        assume(len(f) == 2 or arguments[-1] - arguments[-2] > 3 * h)
    slopes = loss.subgradient(scores, codes)[0]
    for k, slope in enumerate(slopes):
        step = np.where(np.arange(len(f)) == k, h, 0.0)
        change = loss.value(scores + step, codes) - loss.value(scores - step, codes)
        assert change[0] / (2.0 * h) == pytest.approx(slope, abs=1e-5)


@every_loss
@quick
@given(case=cases(on_grid), step=st.floats(1e-6, 10.0), seed=st.integers(0, 99))
def test_subgradient_supports_the_loss_also_at_kinks(loss, case, step, seed):
    scores, codes, weights = case
    slopes = loss.subgradient(scores, codes, sample_weight=weights)
    others = scores + step * np.random.default_rng(seed).normal(size=scores.shape)
    line = loss.value(scores, codes, sample_weight=weights)
    line += (slopes * (others - scores)).sum(axis=1)
    value = loss.value(others, codes, sample_weight=weights)
    assert np.all(value >= line - 1e-12 * (1.0 + np.abs(line)))


@either_loss
@quick
@given(case=cases())
def test_subgradient_has_the_signs_and_sums_that_it_says(loss, case):
    scores, codes, weights = case
    slopes = loss.subgradient(scores, codes, sample_weight=weights)
    rows = np.arange(len(codes))
    assert not np.signbit(slopes[slopes == 0.0]).any()
    np.testing.assert_allclose(slopes.sum(axis=1), 0.0, atol=1e-14)
    assert np.all(slopes[rows, codes] <= 0.0)
    slopes[rows, codes] = 0.0
    assert np.all((slopes == 0.0) | (slopes == weights[:, None]))
    if isinstance(loss, CrammerSinger):
        assert np.all(np.count_nonzero(slopes, axis=1) <= 1)


@every_loss
def test_subgradient_at_a_kink_is_zero(loss):
    lead = loss.margin
    kink = [[lead, 0.0, 0.0], [lead, 0.0, -9.0]]
    assert np.all(loss.value(kink, [0, 0]) == 0.0)
    assert np.all(loss.subgradient(kink, [0, 0]) == 0.0)
    short = [[np.nextafter(lead, 0.0), -9.0, 0.0]]
    assert np.array_equal(loss.subgradient(short, [0]), [[-1.0, 0.0, 1.0]])


def test_subgradient_of_tied_classes():
    scores = [[0.0, 5.0, 5.0], [5.0, 0.0, 5.0], [5.0, 5.0, 0.0], [1.0, 1.0, 1.0]]
    first = [[-1.0, 1.0, 0.0], [1.0, -1.0, 0.0], [1.0, 0.0, -1.0], [1.0, -1.0, 0.0]]
    both = [[-2.0, 1.0, 1.0], [1.0, -2.0, 1.0], [1.0, 1.0, -2.0], [1.0, -2.0, 1.0]]
    codes = [0, 1, 2, 1]
    assert np.array_equal(CrammerSinger().subgradient(scores, codes), first)
    assert np.array_equal(WestonWatkins().subgradient(scores, codes), both)


def test_largest_score_is_found_where_the_margin_rounds_it_away():
    slopes = CrammerSinger().subgradient([[0.0, 1e-30, 2e-30]], [0])
    assert np.array_equal(slopes, [[-1.0, 0.0, 1.0]])


@every_kind
@quick
@given(case=cases(min_rows=1), margin=st.sampled_from(MARGINS))
def test_two_classes_are_the_hinge_of_their_difference(kind, case, margin):
    scores, codes, weights = case
    scores, codes = scores[:, :2], codes % 2
    rows = np.arange(len(codes))
    lead = scores[rows, codes] - scores[rows, 1 - codes]
    loss, hinge = kind(), Hinge()
    assert np.array_equal(loss.value(scores, codes), hinge.value(lead))
    slopes = loss.subgradient(scores, codes, sample_weight=weights)
    assert np.array_equal(slopes[rows, codes], weights * hinge.subgradient(lead))
    duals = loss.subgradient(scores, codes) / 3.0
    assert np.array_equal(
        loss.conjugate(duals, codes), hinge.conjugate(duals[rows, codes])
    )
    wide = kind(margin).value(scores, codes)
    np.testing.assert_allclose(wide, margin * hinge.value(lead / margin), atol=1e-12)


def test_two_classes_of_a_binary_decision():
    f = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])
    codes = np.array([0, 1, 1, 1, 0])
    hinge = Hinge().value(np.where(codes == 1, f, -f))
    scores = np.column_stack([-f, f])
    for kind in FAMILY:
        assert np.array_equal(kind().value(scores / 2.0, codes), hinge)
        assert np.array_equal(kind(margin=2.0).value(scores, codes), 2.0 * hinge)


@quick
@given(case=cases(), margin=st.sampled_from(MARGINS))
def test_largest_hinge_is_at_most_their_sum(case, margin):
    scores, codes, weights = case
    largest = CrammerSinger(margin).value(scores, codes, sample_weight=weights)
    total = WestonWatkins(margin).value(scores, codes, sample_weight=weights)
    assert np.all(largest <= total)
    assert np.all(total <= (scores.shape[1] - 1) * largest * (1.0 + 1e-14))


@either_loss
@quick
@given(case=cases(on_grid), shift=on_grid, seed=st.integers(0, 99))
def test_only_differences_count_and_the_order_of_classes_does_not(
    loss, case, shift, seed
):
    scores, codes, _ = case
    order = np.random.default_rng(seed).permutation(scores.shape[1])
    moved, renamed = scores[:, order] + shift, np.argsort(order)[codes]
    assert np.array_equal(loss.value(moved, renamed), loss.value(scores, codes))


@every_loss
def test_value_and_gradient_are_those_of_torch(loss):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    n, n_classes = 200, 5
    scores, weights = rng.normal(size=(n, n_classes)), rng.uniform(size=n)
    codes = rng.integers(n_classes, size=n)
    f = torch.tensor(scores, requires_grad=True)
    y = torch.tensor(codes)
    if isinstance(loss, CrammerSinger):
        true = f.gather(1, y[:, None])
        is_true = torch.nn.functional.one_hot(y, n_classes)
        losses = (loss.margin * (1 - is_true) + f - true).amax(dim=1)
    else:  # torch divides by the number of classes
        losses = n_classes * torch.nn.functional.multi_margin_loss(
            f, y, margin=loss.margin, reduction="none"
        )
    losses = torch.tensor(weights) * losses
    losses.sum().backward()
    value = loss.value(scores, codes, sample_weight=weights)
    slopes = loss.subgradient(scores, codes, sample_weight=weights)
    np.testing.assert_allclose(value, losses.detach().numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(slopes, f.grad.numpy(), rtol=1e-12, atol=1e-14)
    # Tensors are taken as arrays are.
    assert np.array_equal(loss.value(f.detach(), y), loss.value(scores, codes))

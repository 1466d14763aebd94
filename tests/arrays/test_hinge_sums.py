"""Sums on a device are exact, whatever the size of the numbers."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_cases import forms, quick
from namespace_cases import PLACES, every_place

from hingesvm._namespace import namespace_of
from hingesvm.metrics import HingeLossAccumulator, hinge_loss
from hingesvm.metrics._device_sums import exact_sum

# Those that compute with float64, of which one has tensors.
of_float64 = pytest.mark.parametrize("place", PLACES[1:2] + PLACES[3:4], ids=repr)
of_float32 = pytest.mark.parametrize("place", PLACES[2:3], ids=repr)


def fractions_of(numbers):
    return sum(map(Fraction, np.asarray(numbers, dtype=np.float64).tolist()))


def sum_there(place, numbers):
    array = place.put(numbers)
    space = namespace_of(array)
    return exact_sum(space, space.as_floats(array))


@every_place
@pytest.mark.parametrize("n_rows", [1, 2, 1000, 70_001])
def test_sums_are_exact(place, n_rows):
    rng = np.random.default_rng(n_rows)
    spread = 3.0 if place.dtype == np.float32 else 60.0
    for scale in (0.0, 1.0, spread):
        numbers = np.exp(scale * rng.normal(size=n_rows)) * (rng.random(n_rows) < 0.9)
        numbers = place.rounded(numbers)
        assert sum_there(place, numbers) == fractions_of(numbers)


@of_float64
@quick
@given(numbers=st.lists(st.floats(0.0, 1.7976931348623157e308), min_size=1))
def test_sums_of_any_scale_are_exact(place, numbers):
    assert sum_there(place, numbers) == fractions_of(numbers)


@of_float32
@quick
@given(numbers=st.lists(st.floats(0.0, 2.0**127, width=32), min_size=1))
def test_sums_of_any_scale_are_exact_in_float32(place, numbers):
    assert sum_there(place, numbers) == fractions_of(numbers)


@pytest.mark.parametrize("place", PLACES[1:4], ids=repr)
@pytest.mark.parametrize("fewest_bits", [8, 26])
def test_narrow_integers_count_as_well(place, fewest_bits, monkeypatch):
    monkeypatch.setattr("hingesvm.metrics._device_sums._FEWEST_BITS", fewest_bits)
    numbers = place.rounded(np.random.default_rng(0).exponential(size=999))
    array = place.put(numbers)
    space = namespace_of(array)
    vars(space)["integer"] = space.xp.int32  # as JAX has by default
    assert exact_sum(space, array) == fractions_of(numbers)


extreme = st.one_of(
    st.floats(-1.7e308, 1.7e308), st.sampled_from([1.7e308, -1.7e308, 5e-324, 1.0, 0.0])
)
weight = st.one_of(
    st.floats(0.0, 1.7e308), st.sampled_from([5e-324, 1e-310, 1.7e308, 1.0, 0.0])
)


@of_float64
@quick
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 2), *[extreme] * 3, weight), min_size=1
    ).filter(lambda rows: any(row[-1] for row in rows)),
    form=forms,
    squared=st.booleans(),
)
def test_any_scale(place, rows, form, squared):
    y, *f, w = (list(column) for column in zip(*rows, strict=True))
    f = np.transpose(f)
    options = {"labels": [0, 1, 2], "squared": squared, "multi_class": form}
    expected = hinge_loss(y, f, sample_weight=w, **options)
    there = place.put(y), place.put(f)
    found = hinge_loss(*there, sample_weight=place.put(w), **options)
    # A weighted loss below the least number is another after another rounding.
    assert found == pytest.approx(expected, rel=1e-13, abs=1e-320)
    loss = HingeLossAccumulator(**options)
    for i in reversed(range(len(y))):
        row = place.put(f[i : i + 1])
        loss.update([y[i]], row, sample_weight=place.put([w[i]]))
    assert loss.compute() == found


@of_float32
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("scale", [1e-44, 1e-20, 1.0, 1e30])
@pytest.mark.parametrize("large", [1.0, 1e10, 1e16, 1e30])
def test_any_scale_in_float32(place, squared, scale, large):
    rng = np.random.default_rng(0)
    y, f = rng.integers(0, 3, 100), rng.normal(size=(100, 3))
    f[::7] *= large
    w = rng.integers(0, 9, 100) * scale
    options = {"squared": squared, "multi_class": "ovr"}
    there = place.put(f), place.put(w)
    found = hinge_loss(y, there[0], sample_weight=there[1], **options)
    here = place.rounded(f), place.rounded(w)
    expected = hinge_loss(y, here[0], sample_weight=here[1], **options)
    assert found == pytest.approx(expected, rel=1e-6)


@of_float64
def test_losses_that_overflow(place):
    y, f = place.put([0, 2]), place.put([[-1.7e308, 1.7e308, 0.0], [0.0, 0.0, 0.5]])
    options = {"labels": [0, 1, 2]}
    assert hinge_loss(y, f, **options) == np.inf
    assert hinge_loss(y, f, sample_weight=place.put([0.0, 1.0]), **options) == 0.5
    f = place.put([[0.0, 1e200, 0.0]] * 2)
    assert hinge_loss(y, f, squared=True, **options) == np.inf

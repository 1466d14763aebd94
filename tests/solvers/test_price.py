"""What Newton steps cost in sweeps, and when sweeps are left for them."""

import math

import pytest

from hingesvm.solvers.price import are_dearer, newton_price


def test_price_is_in_sweeps():
    assert newton_price(20, 3.0, 2.0) == 30.0
    assert newton_price(20, 3.0, 2.0, 8.0) == 34.0


@pytest.mark.parametrize(
    ("taken", "remaining", "expected"),
    [
        (11.0, 101.0, True),
        (11.0, math.inf, True),
        (9.0, 101.0, False),
        (11.0, 99.0, False),
        (11.0, math.nan, False),
    ],
)
def test_a_prediction_needs_evidence(taken, remaining, expected):
    assert are_dearer(taken, remaining, 100.0, 0.1) == expected

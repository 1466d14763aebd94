"""Margins are drawn from the host, wherever the decisions are."""

import numpy as np
import pytest
from namespace_cases import either_place

from hingesvm.inspection import MarginDisplay


@either_place
@pytest.mark.parametrize("n_columns", [1, 3])
def test_margins_of_decisions_on_a_device(place, n_columns, pyplot):
    rng = np.random.default_rng(0)
    y, f = np.arange(30) % max(n_columns, 2), rng.normal(size=(30, n_columns))
    f = f[:, 0] if n_columns == 1 else f
    found = MarginDisplay.from_predictions(place.put(y), place.put(f))
    expected = MarginDisplay.from_predictions(y, place.rounded(f))
    assert found.classes == expected.classes
    assert found.codes.tolist() == expected.codes.tolist()
    np.testing.assert_allclose(found.margins, expected.margins, rtol=1e-6)

"""Multi-class losses, and scores and labels to evaluate them at."""

import math

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from hingesvm.losses import CrammerSinger, WestonWatkins

MARGINS = [0.25, 1.0, 2.0]
FAMILY = [CrammerSinger, WestonWatkins]
EVERY = [kind(margin) for kind in FAMILY for margin in MARGINS]

quick = settings(max_examples=25, deadline=None)
every_loss = pytest.mark.parametrize("loss", EVERY, ids=repr)
# Where the margin plays no part.
either_loss = pytest.mark.parametrize("loss", [CrammerSinger(), WestonWatkins()])
every_kind = pytest.mark.parametrize("kind", FAMILY)
# Multiples of 1/4 meet at kinks, where their differences are exact.
anywhere = st.floats(-100.0, 100.0)
on_grid = st.integers(-12, 12).map(lambda k: k / 4.0)


@st.composite
def cases(draw, numbers=anywhere | on_grid, min_rows=0):
    """Scores of 2 to 5 classes, codes, and weights."""
    n, n_classes = draw(st.integers(min_rows, 5)), draw(st.integers(2, 5))

    def array(of, *shape):
        size = math.prod(shape)
        return np.reshape(draw(st.lists(of, min_size=size, max_size=size)), shape)

    codes = array(st.integers(0, n_classes - 1), n).astype(int)
    weights = array(st.sampled_from([0.0, 0.5, 1.0, 3.0]), n)
    return array(numbers, n, n_classes), codes, weights

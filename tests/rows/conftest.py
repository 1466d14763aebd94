"""The rows of a small matrix, in every way in which they may be stored."""

import numpy as np
import pytest
from row_cases import INDICES, STORAGES, values

from hingesvm.rows.memory import MemoryRows


@pytest.fixture(params=INDICES)
def index(request):
    return INDICES[request.param]


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    return request.param


@pytest.fixture(params=STORAGES)
def storage(request):
    return STORAGES[request.param]


@pytest.fixture
def pair(storage, dtype, index):
    """The rows, and the same as a dense float64 matrix."""
    X = values().astype(dtype)
    dense = X.astype(np.float64)
    return MemoryRows(storage(X), index), dense if index is None else dense[index]

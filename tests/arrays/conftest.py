"""Tests of arrays on a device run where SciPy was told to take these, before import."""

import os

import pytest
from array_cases import Device
from sklearn import config_context


@pytest.fixture(autouse=True)
def dispatch():
    """Turn array API dispatch on, or skip where SciPy does not follow."""
    if os.environ.get("SCIPY_ARRAY_API") != "1":
        pytest.skip("needs SCIPY_ARRAY_API=1 in the environment")
    with config_context(array_api_dispatch=True):
        yield


@pytest.fixture
def device(request, monkeypatch):
    """Return a device by its name."""
    return Device(request.param, monkeypatch)

"""Problems of few rows, shared among threads as if they were large."""

import pytest

from hingesvm.solvers.sweeping import shares


@pytest.fixture
def few_rows(monkeypatch):
    """Few rows are shared all the same."""
    monkeypatch.setattr(shares, "_LEAST_ENTRIES", 0.0)
    monkeypatch.setattr(shares, "_BUCKET", 16)
    monkeypatch.setattr("hingesvm.rows.divided._ENTRIES_PER_SHARE", 1)

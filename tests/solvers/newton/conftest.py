"""Constants so small that a few hundred rows have samples and bands."""

import pytest

from hingesvm.problems.binary import Problem
from hingesvm.solvers.newton import bands


@pytest.fixture
def small_constants(monkeypatch):
    """800 rows are sampled down to 200 and 50, and bands are a part of them."""
    monkeypatch.setattr(bands, "_FACTOR", 4)
    monkeypatch.setattr(bands, "LEAST_ROWS", 40)
    monkeypatch.setattr(bands, "ROWS_PER_COLUMN", 2)
    monkeypatch.setattr(bands, "LEAST_BAND", 20)


@pytest.fixture
def restricted(monkeypatch):
    """Spy on the bands: their sizes, and those of the problems that they are of."""
    sizes, real = [], Problem.restrict

    def spy(self, chosen, *args):
        sizes.append((len(chosen), self.n_rows))
        return real(self, chosen, *args)

    monkeypatch.setattr(Problem, "restrict", spy)
    return sizes

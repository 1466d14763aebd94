"""Let the test modules import those beside them, and draw without windows."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture
def pyplot():
    """Return pyplot, which opens no windows and is left without figures."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    assert not plt.get_fignums()
    yield plt
    plt.close("all")

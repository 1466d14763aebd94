"""Let the test modules import those beside them, and draw without windows.

With CI in the environment Hypothesis draws the same examples at each run, so that a
failure is of the change and can be had again; elsewhere it looks for new ones.
"""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).resolve().parent))

settings.register_profile(
    "tests",
    derandomize=bool(os.environ.get("CI")),
    # No test may fail because a machine is busy.
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tests")


@pytest.fixture
def pyplot():
    """Return pyplot, which opens no windows and is left without figures."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    assert not plt.get_fignums()
    yield plt
    plt.close("all")

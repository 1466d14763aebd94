"""hingesvm.inspection where Matplotlib is missing, and the rest of the package."""

import subprocess
import sys

import numpy as np
import pytest

from hingesvm import HingeSVC
from hingesvm.inspection import (
    ConvergenceDisplay,
    MarginDisplay,
    RegularizationPathDisplay,
)

FIELDS = ["iteration", "seconds", "objective", "gap"]
HISTORY = np.array([(0, 0.0, 1.0, 0.5)], dtype=[(name, float) for name in FIELDS])


def test_no_module_of_the_package_imports_matplotlib():
    program = """
import pkgutil, sys
import hingesvm
names = [m.name for m in pkgutil.walk_packages(hingesvm.__path__, "hingesvm.")]
names = [name for name in names if not name.startswith("hingesvm.dask")]
for name in names:
    __import__(name)
assert "hingesvm.inspection._plane" in names
assert not [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def unplotted_margins():
    return MarginDisplay(margins=np.zeros(2), codes=np.array([0, 1]), classes=[0, 1])


@pytest.mark.parametrize(
    ("caller", "call"),
    [
        (
            "ConvergenceDisplay.from_estimator",
            lambda: ConvergenceDisplay.from_estimator(HingeSVC()),
        ),
        (
            "ConvergenceDisplay.from_estimators",
            lambda: ConvergenceDisplay.from_estimators({}),
        ),
        (
            "ConvergenceDisplay.plot",
            lambda: ConvergenceDisplay(histories={"fit": [HISTORY]}).plot(),
        ),
        (
            "MarginDisplay.from_estimator",
            lambda: MarginDisplay.from_estimator(HingeSVC(), [], []),
        ),
        (
            "MarginDisplay.from_predictions",
            lambda: MarginDisplay.from_predictions([], []),
        ),
        ("MarginDisplay.plot", lambda: unplotted_margins().plot()),
        (
            "RegularizationPathDisplay.from_estimator",
            lambda: RegularizationPathDisplay.from_estimator(HingeSVC()),
        ),
        (
            "RegularizationPathDisplay.from_path",
            lambda: RegularizationPathDisplay.from_path(None),
        ),
        (
            "RegularizationPathDisplay.plot",
            lambda: RegularizationPathDisplay(
                Cs=np.ones(2), objectives=np.ones((1, 2))
            ).plot(kind="curves"),
        ),
    ],
)
def test_error_names_the_extra_before_anything_else(monkeypatch, caller, call):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    message = rf"^{caller} needs Matplotlib, .*pip install \"hingesvm\[plot\]\"$"
    with pytest.raises(ImportError, match=message) as error:
        call()
    assert isinstance(error.value.__cause__, ImportError)

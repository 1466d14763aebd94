"""The builds of the kernels, and which of them is used."""

import os
import subprocess
import sys

import numpy as np
import pytest
from kernel_cases import BUILDS

from hingesvm import HingeSVC
from hingesvm.solvers import kernels

TRAIN = """
import numpy as np
from sklearn.datasets import load_breast_cancer
from hingesvm import HingeSVC
from hingesvm.solvers import kernels

model = HingeSVC(tol=1e-10).fit(*load_breast_cancer(return_X_y=True))
print(repr(kernels.SUFFIX), model.objective_.hex(), kernels._sweep.__name__)
"""


def train(disable):
    """Train in a new process; return the build, the objective and a module's name."""
    environment = os.environ | {"HINGESVM_DISABLE_AVX2": disable}
    command = [sys.executable, "-c", TRAIN]
    out = subprocess.check_output(command, text=True, env=environment)
    suffix, objective, module = out.split()
    return suffix, float.fromhex(objective), module


def test_avx2_can_be_disabled():
    suffix, objective, module = train("1")
    assert (suffix, module) == ("''", "hingesvm.solvers._sweep")
    used, other, _ = train("")
    assert used == repr(BUILDS[-1])
    assert objective == pytest.approx(other, rel=2e-10)


@pytest.mark.skipif(len(BUILDS) == 1, reason="there is one build only here")
def test_builds_are_different_modules():
    names = {f"hingesvm.solvers._vectors{suffix}" for suffix in BUILDS}
    for name in names:
        assert __import__(name, fromlist=["pack"]).__name__ == name
    files = {sys.modules[name].__file__ for name in names}
    assert len(files) == len(BUILDS)


def test_same_bits_with_one_build():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 37)).astype(np.float32)
    y = X[:, 0] > rng.normal(size=3000)
    first, second = (HingeSVC(random_state=3).fit(X, y) for _ in range(2))
    assert kernels.SUFFIX in BUILDS
    assert np.array_equal(first.coef_, second.coef_)

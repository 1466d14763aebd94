"""The builds of the kernels, and which of them is used."""

import subprocess
import sys

import numpy as np
import pytest
from kernel_cases import BUILDS

from hingesvm import HingeSVC
from hingesvm.kernels import build
from hingesvm.rows.memory import MemoryRows

# Trains with one build and then with the other, importing all but NumPy, SciPy and
# scikit-learn twice.
TRAIN = """
import os, sys
import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 30))
y = X[:, 0] > rng.normal(size=300)
for disable in ("1", ""):
    os.environ["HINGESVM_DISABLE_AVX2"] = disable
    for name in [name for name in sys.modules if name.startswith("hingesvm")]:
        del sys.modules[name]
    from hingesvm import HingeSVC
    from hingesvm.kernels import build

    model = HingeSVC(tol=1e-10).fit(X, y)
    print(repr(build.SUFFIX), model.objective_.hex(), build._sweep.__name__)
"""


def test_avx2_can_be_disabled():
    out = subprocess.check_output([sys.executable, "-c", TRAIN], text=True)
    (suffix, objective, module), (used, other, _) = map(str.split, out.splitlines())
    assert (suffix, module) == ("''", "hingesvm.kernels._sweep")
    assert used == repr(BUILDS[-1])
    objective, other = map(float.fromhex, (objective, other))
    assert objective == pytest.approx(other, rel=2e-10)


@pytest.mark.skipif(len(BUILDS) == 1, reason="there is one build only here")
def test_builds_are_different_modules():
    names = {f"hingesvm.kernels._vectors{suffix}" for suffix in BUILDS}
    for name in names:
        assert __import__(name, fromlist=["pack"]).__name__ == name
    files = {sys.modules[name].__file__ for name in names}
    assert len(files) == len(BUILDS)


def test_same_bits_with_one_build():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 37)).astype(np.float32)
    y = X[:, 0] > rng.normal(size=3000)
    first, second = (HingeSVC(random_state=3).fit(X, y) for _ in range(2))
    assert build.SUFFIX in BUILDS
    assert np.array_equal(first.coef_, second.coef_)


def test_weights_in_less_precision_than_the_rows_are_refused():
    rows = MemoryRows(np.ones((2, 3)))
    order, signs = np.arange(2), np.array([1, -1], dtype=np.int8)
    ones, w = np.ones(2), np.zeros(3, dtype=np.float32)
    with pytest.raises(TypeError, match="weights of float64 rows must be float64"):
        build._sweep.dual_steps(
            *rows.arrays, order, 0, 2, 0, signs, ones, ones, ones, 0.0, np.inf,
            np.zeros(2), w, np.zeros(2),
        )  # fmt: skip
    assert not w.any()

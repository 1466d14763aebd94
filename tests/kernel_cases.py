"""For the kernels' tests: their builds, and rows of each kind of loss."""

from importlib import import_module

import numpy as np
import pytest

from hingesvm.kernels._processor import has_avx2

BUILDS = ["", "_avx2"] if has_avx2() else [""]
KERNELS = {
    "_certify",
    "_columns",
    "_joint",
    "_kinked",
    "_quadratic",
    "_joint_newton",
    "_lanes",
    "_narrow",
    "_newton",
    "_sweep",
    "_team",
    "_vectors",
}
broadcast = pytest.mark.parametrize("scalar", [True, False], ids=["scalar", "array"])
every_loss = pytest.mark.parametrize("name", ["kink", "rounded", "unbounded"])


def use_build(namespace, suffix):
    """Let a test module's kernels be those of one build."""
    for name in KERNELS & namespace.keys():
        namespace[name] = import_module(f"hingesvm.kernels.{name}{suffix}")


def signs_of(n):
    return np.where(np.arange(n) % 3 == 0, -1, 1).astype(np.int8)


def per_row(n, scalar, low, high, seed=1):
    """One value for each row: the same without memory of its own, or different."""
    if scalar:
        out = np.broadcast_to(np.array(high), (n,))
        assert out.strides == (0,)
        return out
    return np.random.default_rng(seed).uniform(low, high, n)


def slope_of(short, bound, curvature):
    """The maximiser of a (1 - m) - q a^2 / 2 over [0, u]; 0 on the kink."""
    if short <= 0.0:
        return 0.0
    return bound if curvature == 0.0 else min(short / curvature, bound)


def boxes(n, scalar, name):
    """Bounds and curvatures as the three losses have them."""
    bound = per_row(n, scalar, 0.2, 2.0)
    curvature = per_row(n, scalar, 0.2, 1.5, seed=2)
    if name == "kink":
        curvature = np.broadcast_to(0.0, n)
    if name == "unbounded":
        bound = np.broadcast_to(np.inf, n)
    return bound, curvature

"""The compiled kernels, of the build for this processor.

On x86-64 each is built twice, and the one for the 32-byte vectors of AVX2 is used where
the processor has these; sums are then rounded in another order. The environment
variable ``HINGESVM_DISABLE_AVX2``, if it is not empty when hingesvm is imported, keeps
to the build that gives the same bits on every such processor.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from hingesvm.kernels._processor import has_avx2

if TYPE_CHECKING:
    from hingesvm.kernels import (
        _certify,
        _columns,
        _joint,
        _joint_newton,
        _kinked,
        _lanes,
        _narrow,
        _newton,
        _quadratic,
        _sweep,
        _team,
        _vectors,
    )

__all__ = [
    "SUFFIX",
    "_certify",
    "_columns",
    "_joint",
    "_joint_newton",
    "_kinked",
    "_lanes",
    "_narrow",
    "_newton",
    "_quadratic",
    "_sweep",
    "_team",
    "_vectors",
]

#: Ends the names of the modules that are used.
SUFFIX = "_avx2" if has_avx2() and not os.environ.get("HINGESVM_DISABLE_AVX2") else ""

if not TYPE_CHECKING:
    for name in __all__[1:]:
        globals()[name] = import_module(f"hingesvm.kernels.{name}{SUFFIX}")

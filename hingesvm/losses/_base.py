"""What the families of losses share: comparison by value, numbers, names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hingesvm.losses._names import hint_of_loss

__all__ = ["ByValue", "Float64Array", "as_float", "by_name"]

Float64Array = NDArray[np.float64]
_Loss = TypeVar("_Loss")


class ByValue:
    """Objects that are equal if they have the same class and equal attributes."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), tuple(sorted(vars(self).items()))))

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({inside})"


def as_float(value: Any) -> float:
    """Return a number as a float, or NaN if `value` is no real number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def by_name(name: str, losses: Mapping[str, type[_Loss]], family: str) -> _Loss:
    """Return the loss of a name with its defaults; refuse an unknown name."""
    if name not in losses:
        known = ", ".join(repr(name) for name in losses)
        raise ValueError(
            f"Unknown loss {name!r}: choose one of {known} or a {family} object."
            f"{hint_of_loss(name)}"
        )
    return losses[name]()

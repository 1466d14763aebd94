"""The losses of rows, as sums of hinges: the forms for two and for more classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.losses import CrammerSinger, Float64Array, Hinge
from hingesvm.metrics._sums import Scaled

__all__ = ["FORMS", "Form", "margins_of"]

Codes = NDArray[np.intp]

# Sums of squares of numbers up to this are finite.
_LARGE = 2.0**400


def _crammer_singer(decisions: Float64Array, codes: Codes) -> Float64Array:
    """Return the hinge of each row, of shape (n, 1)."""
    return CrammerSinger().value(decisions, codes)[:, np.newaxis]


def _leads(decisions: Float64Array, codes: Codes) -> Float64Array:
    """Return the lead of the true class over each other class, and inf over itself."""
    rows = np.arange(codes.size)
    leads = decisions[rows, codes][:, np.newaxis] - decisions
    leads[rows, codes] = np.inf
    return leads


def margins_of(decisions: Float64Array, codes: Codes) -> Float64Array:
    """Return the margin of each row: its signed decision, or its smallest lead."""
    if decisions.ndim == 1:
        return np.where(codes == 1, decisions, -decisions)
    smallest: Float64Array = _leads(decisions, codes).min(axis=1)
    return smallest


def _weston_watkins(decisions: Float64Array, codes: Codes) -> Float64Array:
    """Return the hinge of each lead, and 0 at the true class."""
    return Hinge().value(_leads(decisions, codes))


def _one_vs_rest(decisions: Float64Array, codes: Codes) -> Float64Array:
    """Return the hinge of each decision between a class and the rest."""
    rows = np.arange(codes.size)
    margins = -decisions
    margins[rows, codes] = decisions[rows, codes]
    return Hinge().value(margins)


FORMS: dict[str, Callable[[Float64Array, Codes], Float64Array]] = {
    "crammer_singer": _crammer_singer,
    "weston_watkins": _weston_watkins,
    "ovr": _one_vs_rest,
}


@dataclass(frozen=True)
class Form:
    """The loss that is averaged: its multi-class form, and whether it is squared."""

    multi_class: str
    squared: bool

    def __post_init__(self) -> None:
        name: Any = self.multi_class
        if not isinstance(name, str) or name not in FORMS:
            known = ", ".join(repr(form) for form in FORMS)
            raise ValueError(f"multi_class must be one of {known}, got {name!r}.")
        if not isinstance(self.squared, (bool, np.bool_)):
            raise ValueError(f"squared must be True or False, got {self.squared!r}.")

    def losses(self, decisions: Float64Array, codes: Codes) -> Scaled:
        """Return the loss of each row as a number times a power of 2.

        Decisions are in C order, so that the sum of a row does not depend on the other
        rows.
        """
        # Only checks have invalid operations: they add decisions of any size and sign.
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            if decisions.ndim == 1:
                hinges = Hinge().value(margins_of(decisions, codes))[:, np.newaxis]
            else:
                hinges = FORMS[self.multi_class](decisions, codes)
            largest = hinges.max(axis=1)
            exponents = np.zeros(codes.size, dtype=np.int32)
            # Smaller ones need no scaling, which would not change their bits.
            scaled = (largest > _LARGE) & (largest < np.inf)
            if scaled.any():
                exponents[scaled] = np.frexp(largest[scaled])[1]
                hinges = hinges * np.ldexp(1.0, -exponents)[:, np.newaxis]
            if self.squared:
                hinges *= hinges
                exponents = 2 * exponents
            return hinges.sum(axis=1), exponents

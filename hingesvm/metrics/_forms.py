"""The losses of rows, as sums of hinges: the forms for two and for more classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hingesvm.losses import CrammerSinger, Hinge
from hingesvm.losses._arithmetic import arithmetic_of
from hingesvm.metrics._sums import Scaled

__all__ = ["FORMS", "Form", "margins_of"]

# Sums of squares of numbers up to this are finite.
_LARGE = 2.0**400


def _crammer_singer(decisions: Any, codes: Any) -> Any:
    """Return the hinge of each row, of shape (n, 1)."""
    return CrammerSinger().value(decisions, codes)[:, np.newaxis]


def _leads(decisions: Any, codes: Any) -> Any:
    """Return the lead of the true class over each other class, and inf over itself."""
    on = arithmetic_of(decisions)
    leads = on.entries(decisions, codes)[:, np.newaxis] - decisions
    return on.replaced(leads, codes, math.inf)


def margins_of(decisions: Any, codes: Any) -> Any:
    """Return the margin of each row: its signed decision, or its smallest lead."""
    on = arithmetic_of(decisions)
    if decisions.ndim == 1:
        return on.xp.where(codes == 1, decisions, -decisions)
    return on.by_row("min", _leads(decisions, codes))


def _weston_watkins(decisions: Any, codes: Any) -> Any:
    """Return the hinge of each lead, and 0 at the true class."""
    return Hinge().value(_leads(decisions, codes))


def _one_vs_rest(decisions: Any, codes: Any) -> Any:
    """Return the hinge of each decision between a class and the rest."""
    on = arithmetic_of(decisions)
    margins = on.replaced(-decisions, codes, on.entries(decisions, codes))
    return Hinge().value(margins)


FORMS: dict[str, Callable[[Any, Any], Any]] = {
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

    def hinges(self, decisions: Any, codes: Any) -> Any:
        """Return the hinges that a row is the sum of, in a row of their own."""
        if decisions.ndim == 1:
            return Hinge().value(margins_of(decisions, codes))[:, np.newaxis]
        return FORMS[self.multi_class](decisions, codes)

    def losses(self, decisions: Any, codes: Any) -> Scaled:
        """Return the loss of each row as a number times a power of 2.

        Decisions are in C order, so that the sum of a row does not depend on the other
        rows.
        """
        # Only checks have invalid operations: they add decisions of any size and sign.
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            hinges = self.hinges(decisions, codes)
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

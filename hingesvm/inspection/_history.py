"""Histories of fits: how to find and check them, and their relative gaps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hingesvm.inspection._inner_estimators import fitted_inside

__all__ = [
    "History",
    "attributes",
    "check_classes",
    "check_history",
    "check_mapping",
    "finite",
    "fit_in",
    "relative_gap",
]

History = NDArray[np.void]

_FIELDS = ("iteration", "seconds", "objective", "gap")
# Relative gaps below this are rounding errors, and 0 has no place on a log axis.
_FLOOR = float(np.finfo(np.float64).eps)


def relative_gap(history: History) -> NDArray[np.float64]:
    """Return the relative gaps: at least the floor, and NaN where not finite."""
    objective, gap = history["objective"], history["gap"]
    relative = np.zeros(len(history))
    with np.errstate(invalid="ignore", over="ignore"):
        np.divide(gap, objective, out=relative, where=~(objective <= 0.0))
    return np.maximum(finite(relative), _FLOOR)


def finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values with NaN, which is not drawn, in place of infinity."""
    return np.where(np.isfinite(values), values, np.nan)


def fit_in(estimator: Any) -> Any:
    """Return the fitted HingeSVC in an estimator."""
    inner = fitted_inside(estimator, "history_")
    if inner is not None:
        return inner
    raise TypeError(
        f"{type(estimator).__name__} keeps no history_ of its duality gap: pass a "
        "fitted HingeSVC, a pipeline that ends in one, or a search over one that was "
        "refitted."
    )


def attributes(fits: Mapping[str, Any], attribute: str) -> dict[str, Any]:
    """Return an attribute of those fits that have it, by their names."""
    return {
        name: getattr(fit, attribute)
        for name, fit in fits.items()
        if hasattr(fit, attribute)
    }


def check_mapping(values: object, name: str, content: str) -> None:
    """Refuse what is no mapping from names to values, or is empty."""
    if not isinstance(values, Mapping):
        raise TypeError(
            f"{name} must be a dict from names to values, each {content}; got a "
            f"{type(values).__name__}."
        )
    if not values:
        raise ValueError(f"{name} is empty: there is nothing to draw.")


def check_history(name: str, problems: Any) -> None:
    """Refuse what is not the `history_` of a fit."""
    if isinstance(problems, np.ndarray) or not len(problems):
        raise ValueError(
            f"the history of {name!r} must be a list of arrays, one for each problem."
        )
    for history in problems:
        fields = getattr(getattr(history, "dtype", None), "names", None) or ()
        if not set(_FIELDS) <= set(fields) or not len(history):
            raise ValueError(
                f"a history of {name!r} must be a structured array with one row or "
                f"more and the fields {', '.join(_FIELDS)}, as history_ has them."
            )


def check_classes(name: str, classes: ArrayLike, n_problems: int) -> None:
    """Refuse classes whose number is not that of the problems."""
    shape = np.shape(classes)
    if shape != (n_problems,):
        raise ValueError(
            f"classes of {name!r} must name its {n_problems} problems, got an array of "
            f"shape {shape}."
        )

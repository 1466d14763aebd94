"""Margins of rows by a classifier, and the loss that it was trained with."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm._namespace import to_host
from hingesvm.inspection._inner_estimators import unwrapped
from hingesvm.losses import Float64Array, Hinge, MarginLoss, get_loss
from hingesvm.metrics._forms import margins_of
from hingesvm.metrics._rows import read_rows

__all__ = ["loss_of", "margins_and_codes"]


def margins_and_codes(
    y: Any, decisions: Any, classes: list[Any] | None
) -> tuple[Float64Array, NDArray[np.intp]]:
    """Return the margin and the class of each row, on the host."""
    rows = read_rows(y, decisions, None, classes=classes, ignore_label=None)
    if not rows.n_counted:
        raise ValueError("There are no rows to draw: pass at least one.")
    with np.errstate(over="ignore"):
        margins = margins_of(rows.decisions, rows.codes)
    return to_host(margins), to_host(rows.codes)


def loss_of(estimator: Any, classes: list[Any]) -> MarginLoss:
    """Return the loss of a classifier of two classes if it is known, else the hinge."""
    *_, innermost = unwrapped(estimator)
    loss: Any = getattr(innermost, "loss", None)
    if len(classes) == 2:
        with suppress(TypeError, ValueError):
            return get_loss(loss)
    return Hinge()

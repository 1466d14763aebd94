"""The estimators inside pipelines and searches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sklearn.pipeline import Pipeline

__all__ = ["unwrapped"]


def unwrapped(estimator: Any) -> Iterator[Any]:
    """Yield an estimator, then what predicts inside it, down to the innermost.

    That is the final step of a pipeline and the best estimator of a search.
    """
    while estimator is not None:
        yield estimator
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        else:
            estimator = getattr(estimator, "best_estimator_", None)

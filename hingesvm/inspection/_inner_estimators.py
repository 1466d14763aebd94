"""The estimators inside pipelines and searches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

__all__ = ["fitted_inside", "unwrapped"]


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


def fitted_inside(estimator: Any, attribute: str) -> Any | None:
    """Return a fitted estimator, or the outermost inside it, that has an attribute.

    It returns None if none has.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    """
    check_is_fitted(estimator)
    return next(
        (inner for inner in unwrapped(estimator) if hasattr(inner, attribute)), None
    )

"""Names of what is drawn: features, classes and scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from hingesvm.inspection._wrapped import unwrapped

__all__ = ["features_inside", "place_of_class", "score_name_of", "texts_of_features"]


def features_inside(estimator: Any, inner: Any) -> NDArray[Any] | None:
    """Return the names of the features that `inner`, inside an estimator, is given.

    They are those of its own fit, or what the steps of pipelines before it make of
    names; None if those do not tell.
    """
    names: NDArray[Any] | None = None
    for one in unwrapped(estimator):
        names = getattr(one, "feature_names_in_", names)
        if one is inner:
            break
        if isinstance(one, Pipeline) and len(one.steps) > 1:
            try:
                names = one[:-1].get_feature_names_out(names)
            except (AttributeError, NotFittedError, ValueError):
                names = None
    known = names is not None and len(names) == inner.n_features_in_
    return names if known else None


def texts_of_features(names: ArrayLike | None, n_features: int) -> list[str]:
    """Return the names of the features as strings, "x0" and so on for None.

    Raises
    ------
    ValueError
        If they are not one for each feature.
    """
    if names is None:
        return [f"x{place}" for place in range(n_features)]
    given = np.asarray(names, dtype=object)
    if given.shape != (n_features,):
        raise ValueError(
            f"feature_names must name the {n_features} features that the weights are "
            f"of, got an array of shape {given.shape}."
        )
    return [str(name) for name in given]


def place_of_class(classes: list[Any], label: Any) -> int:
    """Return the place of a class; for None that of the first, and the second of two.

    Raises
    ------
    ValueError
        If there is no such class.
    """
    if label is None:
        return 1 if len(classes) == 2 else 0
    for place, known in enumerate(classes):
        if known == label:
            return place
    listed = ", ".join(map(repr, classes))
    raise ValueError(f"label must be one of the classes {listed}, got {label!r}.")


def score_name_of(scoring: Any) -> str:
    """Return what `scoring` of an estimator is called."""
    if scoring is None:
        return "accuracy"
    name = (
        scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
    )
    return str(name).replace("_", " ")

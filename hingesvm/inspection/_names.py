"""Names of what is drawn: features, classes and scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from hingesvm.inspection._inner_estimators import unwrapped

__all__ = ["features_inside", "place_of_class", "score_name_of", "texts_of_features"]


def features_inside(estimator: Any, inner: Any) -> NDArray[Any] | None:
    """Return the names of the features that `inner`, inside an estimator, is given.

    They are those of its own fit, or what the steps before it in pipelines make of
    the names that they were given. It returns None if neither is known.
    """
    names: NDArray[Any] | None = None
    for wrapper in unwrapped(estimator):
        names = getattr(wrapper, "feature_names_in_", names)
        if wrapper is inner:
            break
        if isinstance(wrapper, Pipeline) and len(wrapper.steps) > 1:
            try:
                names = wrapper[:-1].get_feature_names_out(names)
            except (AttributeError, NotFittedError, ValueError):
                names = None
    known = names is not None and len(names) == inner.n_features_in_
    return names if known else None


def texts_of_features(names: ArrayLike | None, n_features: int) -> list[str]:
    """Return the names of the features as strings: "x0" and so on if `names` is None.

    Raises
    ------
    ValueError
        If there is not one name for each feature.
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
    """Return the place of a class; by default the first, or the second of two.

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
    """Return the name of the scores that `scoring` of an estimator gives."""
    if scoring is None:
        return "accuracy"
    name = (
        scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
    )
    return str(name).replace("_", " ")

"""Scores and labels of rows on a device, as arrays there."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import validate_data

from hingesvm._namespace import Namespace, namespace_of, to_host

__all__ = ["labels_on_device", "scores_on_device"]


def scores_on_device(
    estimator: Any, X: Any, space: Namespace | None, method: str
) -> Any:
    """Return ``X @ coef_.T + intercept_`` where X is.

    Parameters
    ----------
    estimator : estimator instance
        A fitted one.
    X : array of shape (n_samples, n_features)
    space : Namespace or None
        That of X; None for NumPy arrays and others that become these.
    method : str
        The method that the user has called, for an error message.

    Raises
    ------
    ValueError
        If the model is not where X is.
    """
    home = namespace_of(estimator.coef_)
    if space is None or home != space:
        raise ValueError(_elsewhere(estimator, X, home, space, method))
    xp = space.xp
    X = validate_data(estimator, X, dtype=space.floats, reset=False)
    coef = estimator.coef_
    if coef.dtype != X.dtype:
        # The wider of the two, as NumPy would have it.
        X, coef = (xp.astype(array, space.widest) for array in (X, coef))
    intercept = xp.astype(estimator.intercept_, X.dtype)
    scores = xp.matmul(X, xp.matrix_transpose(coef)) + intercept[None, :]
    return scores[:, 0] if scores.shape[1] == 1 else scores


def labels_on_device(space: Namespace, scores: Any, classes: Any) -> Any:
    """Return the class of each row: on the device, or as strings on the host."""
    xp = space.xp
    if scores.ndim == 1:
        codes = xp.astype(scores > 0.0, space.integer)
    else:
        codes = xp.argmax(scores, axis=1)
    if isinstance(classes, np.ndarray) and classes.dtype.kind not in "biuf":
        return classes[to_host(codes)]
    return xp.take(space.asarray(classes), codes, axis=0)


def _elsewhere(
    estimator: Any, X: Any, home: Namespace | None, space: Namespace | None, method: str
) -> str:
    """Return what to say where a model is not where X is."""

    def named(where: Namespace | None) -> str:
        return "NumPy" if where is None else f"{where.name} on {where.device}"

    given = "a sparse matrix" if sp.issparse(X) else f"an array of {named(space)}"
    return (
        f"Inputs passed to {type(estimator).__name__}.{method}() must use the same "
        "namespace and the same device as those passed to fit(): it was fitted with "
        f"arrays of {named(home)}, and X is {given}. Move X there, or coef_, "
        "intercept_ and classes_ to where X is."
    )

"""A fitted LinearSVC with the model of a HingeSVC."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.svm import LinearSVC
from sklearn.utils.validation import check_is_fitted

from hingesvm._base import BaseHingeSVC
from hingesvm.losses import (
    CrammerSinger,
    Hinge,
    SquaredHinge,
    get_loss,
    get_multiclass_loss,
)

__all__ = ["to_linear_svc"]

# The losses and penalties that LinearSVC has, too; others are left at its defaults.
_LOSSES = {Hinge(): "hinge", SquaredHinge(): "squared_hinge"}
_PENALTIES = ("l1", "l2")


def to_linear_svc(estimator: BaseHingeSVC) -> LinearSVC:
    """Return a fitted LinearSVC that decides and predicts as a fitted HingeSVC does.

    Tools that translate, explain or store models know scikit-learn's classes by name.
    They take this one, which has the same weights, intercepts and labels.

    Parameters
    ----------
    estimator : HingeSVC, HingeSVCCV or DaskHingeSVC
        A fitted one; it stays as it is. Of a pipeline or a search pass the estimator
        inside, such as ``model[-1]`` or ``search.best_estimator_``.

    Returns
    -------
    sklearn.svm.LinearSVC
        Its weights are dense, in the dtype of `coef_`, and are copies. `C`, `loss`,
        `penalty`, `multi_class`, `fit_intercept` and `class_weight` say what was
        trained where LinearSVC has such a value; the others are its defaults.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is of another class.

    See Also
    --------
    register_onnx : Converts to ONNX in the precision of the model.

    Notes
    -----
    Do not train it further: LinearSVC has other tolerances, and penalises the
    intercept. Duality gap and history stay behind. Decisions of dense rows that are
    float32 or float64 are the same to the last bit. LinearSVC does not turn rows of
    integers into float64 first, which can change their last bits, as `sparsify` can.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from hingesvm import HingeSVC
    >>> from hingesvm.export import to_linear_svc
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = HingeSVC(C=0.5).fit(X, y)
    >>> svc = to_linear_svc(clf)
    >>> svc
    LinearSVC(C=0.5, loss='hinge')
    >>> np.array_equal(svc.decision_function(X), clf.decision_function(X))
    True
    """
    if not isinstance(estimator, BaseHingeSVC):
        raise TypeError(
            "to_linear_svc takes a fitted HingeSVC, HingeSVCCV or DaskHingeSVC, got "
            f"{_described(estimator)}."
        )
    check_is_fitted(estimator, "coef_")
    svc = LinearSVC(**_parameters(estimator))
    svc.classes_ = estimator.classes_.copy()
    # The layout is kept: another one can change the last bits of products.
    svc.coef_ = np.array(estimator._dense_coef(), order="K")
    svc.intercept_ = estimator.intercept_.copy()
    svc.n_features_in_ = estimator.n_features_in_
    for name in ("feature_names_in_", "n_iter_"):
        if hasattr(estimator, name):
            setattr(svc, name, getattr(estimator, name))
    return svc


def _described(estimator: Any) -> str:
    """Return what was passed in place of an estimator, and what to pass, in words."""
    if isinstance(estimator, type):
        return f"the class {estimator.__name__}: pass a fitted instance"
    name = type(estimator).__name__
    if hasattr(estimator, "steps"):
        return f"a {name}: pass its last step, as model[-1]"
    if hasattr(estimator, "best_estimator_"):
        return f"a {name}: pass its best_estimator_"
    return f"a {name}"


def _parameters(estimator: Any) -> dict[str, Any]:
    """Return the parameters of LinearSVC that say what was trained."""
    found = {
        # A search has chosen one.
        "C": float(getattr(estimator, "C_", None) or estimator.C),
        "fit_intercept": bool(estimator.fit_intercept),
        "class_weight": clone(estimator.class_weight, safe=False),
    }
    loss = get_loss(estimator.loss)
    if loss in _LOSSES:
        found["loss"] = _LOSSES[loss]
    if estimator.penalty in _PENALTIES:
        found["penalty"] = estimator.penalty
    if _is_crammer_singer(estimator.multi_class):
        found["multi_class"] = "crammer_singer"
    return found


def _is_crammer_singer(multi_class: Any) -> bool:
    """Whether classes were trained jointly by the loss that LinearSVC has, too."""
    if isinstance(multi_class, str) and multi_class == "ovr":
        return False
    return get_multiclass_loss(multi_class) == CrammerSinger()

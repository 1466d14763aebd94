"""What HingeSVC and HingeSVCCV share."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted, validate_data

from hingesvm.training.callbacks import CallbackSupportMixin
from hingesvm.training.parameters import HingeParameters
from hingesvm.training.trained import TrainedModel
from hingesvm.training.validation import check_indices, is_plain

__all__ = ["BaseHingeSVC"]


class BaseHingeSVC(CallbackSupportMixin, ClassifierMixin, HingeParameters):
    """What HingeSVC and HingeSVCCV share: parameters, a model and its predictions."""

    classes_: NDArray[Any]
    coef_: NDArray[np.floating]
    intercept_: NDArray[np.floating]

    _doc_link_module = "hingesvm"
    _doc_link_template = "https://hingesvm.readthedocs.io/en/stable/api/{page}.html"
    _doc_page: ClassVar[str]

    def decision_function(self, X: ArrayLike) -> NDArray[np.floating]:
        """Return the signed scores ``X @ coef_.T + intercept_``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows with the columns of those in fit.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes one score, positive for ``classes_[1]``.
        """
        if not hasattr(self, "coef_"):
            check_is_fitted(self)
        is_same = getattr(X, "shape", (0,))[1:] == (self.n_features_in_,)
        if is_same and is_plain(X) and not hasattr(self, "feature_names_in_"):
            rows: Any = X
        else:
            rows = validate_data(
                self,
                X,
                accept_sparse="csr",
                dtype=[np.float64, np.float32],
                reset=False,
            )
            check_indices(rows)
        scores: NDArray[np.floating] = (
            safe_sparse_dot(rows, self.coef_.T, dense_output=True) + self.intercept_
        )
        return scores.ravel() if scores.shape[1] == 1 else scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows with the columns of those in fit.

        Returns
        -------
        ndarray of shape (n_samples,)
            Members of `classes_`.
        """
        scores = self.decision_function(X)
        one_score = scores.ndim == 1
        codes = (scores > 0).astype(np.intp) if one_score else scores.argmax(axis=1)
        predicted: NDArray[Any] = self.classes_[codes]
        return predicted

    def _doc_link_url_param_generator(self) -> dict[str, str]:
        """Return the variable part of the address of the documentation."""
        return {"page": self._doc_page}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        # A hyperplane through the origin cannot predict one class everywhere.
        tags.classifier_tags.poor_score = not self.fit_intercept
        return tags

    def _set_model(self, classes: NDArray[Any], trained: TrainedModel) -> None:
        """Set the fitted attributes of a trained model."""
        for name, value in trained.attributes(classes).items():
            setattr(self, name, value)

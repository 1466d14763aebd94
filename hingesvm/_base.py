"""What HingeSVC and HingeSVCCV share."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import ClassifierMixin
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted, validate_data

from hingesvm._namespace import namespace_of, to_host
from hingesvm.training.callbacks import CallbackSupportMixin
from hingesvm.training.containers import float_types, native, readable
from hingesvm.training.parameters import HingeParameters
from hingesvm.training.penalty import PenaltyName, penalty_name
from hingesvm.training.predictions import labels_on_device, scores_on_device
from hingesvm.training.storing import plain_state, usual_state
from hingesvm.training.trained import TrainedModel
from hingesvm.training.validation import check_indices, is_plain

__all__ = ["BaseHingeSVC"]

_UNFITTED = "Estimator, %(name)s, must be fitted before {}."


class BaseHingeSVC(CallbackSupportMixin, ClassifierMixin, HingeParameters):
    """What HingeSVC and HingeSVCCV share: parameters, a model and its predictions."""

    classes_: NDArray[Any]
    coef_: NDArray[np.floating]
    intercept_: NDArray[np.floating]

    _doc_link_module = "hingesvm"
    _doc_link_template = "https://hingesvm.readthedocs.io/en/stable/api/{page}.html"
    _doc_page: ClassVar[str]

    @property
    def penalty(self) -> PenaltyName:
        """The kind of the penalty: "l2", "l1", or "elasticnet" for both.

        It follows from `l1_ratio` and is no parameter. A penalty of a class of one's
        own counts as "elasticnet" until a fit knows the number of columns.
        ``SelectFromModel`` keeps by default the columns of weights from 1e-5 on where
        it is "l1".
        """
        return penalty_name(self._l1_ratio(), getattr(self, "n_features_in_", None))

    def _l1_ratio(self) -> Any:
        """Return the share of the L1 norm, or the penalty, of the model."""
        return self.l1_ratio

    @property
    def predict_proba(self) -> NoReturn:
        """None: scores of a hinge loss are no probabilities.

        An AttributeError says what gives some, so that ``hasattr`` is False.
        """
        raise _no_probabilities(self, "predict_proba")

    @property
    def predict_log_proba(self) -> NoReturn:
        """None, as `predict_proba`."""
        raise _no_probabilities(self, "predict_log_proba")

    def sparsify(self) -> Self:
        """Convert `coef_` to a CSR matrix, which holds weights that are not 0 alone.

        Predictions stay the same, and so do fits that follow; they make `coef_` dense
        again.

        Returns
        -------
        BaseHingeSVC
            The fitted estimator.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        check_is_fitted(self, msg=_UNFITTED.format("sparsifying"))
        arrays = get_config().get("sparse_interface") == "sparray"
        coef: Any = self.coef_
        coef = coef if sp.issparse(coef) else self._dense_coef()
        self.coef_ = (sp.csr_array if arrays else sp.csr_matrix)(coef)
        return self

    def densify(self) -> Self:
        """Convert `coef_` back to an ndarray; it is one unless `sparsify` was called.

        Returns
        -------
        BaseHingeSVC
            The fitted estimator.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        check_is_fitted(self, msg=_UNFITTED.format("densifying"))
        self.coef_ = self._dense_coef()
        return self

    def _dense_coef(self) -> NDArray[np.floating]:
        """Return `coef_` as an ndarray, wherever it is."""
        coef: Any = self.coef_
        if sp.issparse(coef):
            coef = coef.toarray()
        return to_host(coef)

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
        scores: NDArray[np.floating] = self._scores(X, "decision_function")
        return scores

    def _scores(self, X: Any, method: str) -> Any:
        """Return the scores of rows, for a method of the user's."""
        if not hasattr(self, "coef_"):
            check_is_fitted(self)
        space = namespace_of(X)
        coef: Any = self.coef_
        intercept: Any = self.intercept_
        if space is not None or namespace_of(coef) is not None:
            return scores_on_device(self, X, space, method)
        if not (isinstance(coef, np.ndarray) or sp.issparse(coef)):
            # Trained on a device, where the setting is now off.
            coef, intercept = to_host(coef), to_host(intercept)
        is_same = getattr(X, "shape", (0,))[1:] == (self.n_features_in_,)
        if is_same and is_plain(X) and not hasattr(self, "feature_names_in_"):
            rows: Any = X
        else:
            X = native(X)
            rows = validate_data(
                self, X, accept_sparse="csr", dtype=float_types(X), reset=False
            )
            if sp.issparse(rows):
                rows = readable(rows)
                check_indices(rows)
        scores: NDArray[np.floating] = (
            safe_sparse_dot(rows, coef.T, dense_output=True) + intercept
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
        scores = self._scores(X, "predict")
        space = namespace_of(scores)
        if space is not None:
            labels: NDArray[Any] = labels_on_device(space, scores, self.classes_)
            return labels
        one_score = scores.ndim == 1
        codes = (scores > 0).astype(np.intp) if one_score else scores.argmax(axis=1)
        predicted: NDArray[Any] = to_host(self.classes_)[codes]
        return predicted

    def __getstate__(self) -> dict[str, Any]:
        return plain_state(super().__getstate__())

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(usual_state(state))

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


def _no_probabilities(estimator: BaseHingeSVC, method: str) -> AttributeError:
    """Return the error of a method that would return probabilities."""
    name = type(estimator).__name__
    return AttributeError(
        f"{name} has no {method}, as the scores of a hinge loss are no probabilities. "
        f"For these fit sklearn.calibration.CalibratedClassifierCV({name}(...), "
        "ensemble=False).",
        name=method,
        obj=estimator,
    )

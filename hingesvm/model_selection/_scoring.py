"""Scores of models on the rows of a fold, without a copy of them where possible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from inspect import signature
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import get_scorer
from sklearn.metrics._scorer import _Scorer
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.validation import _check_method_params

from hingesvm.metrics._scorer import NegHingeLossScorer
from hingesvm.rows.contract import Rows
from hingesvm.svc import HingeSVC
from hingesvm.training.trained import Trained

__all__ = ["FoldScorer", "Scorer", "accepts_weights", "scorer_of", "with_rows"]

Scorer = Callable[..., float]


def scorer_of(scoring: str | Scorer | None) -> Scorer:
    """Return the scorer that `scoring` names; accuracy for None."""
    if callable(scoring):
        return scoring
    scorer: Scorer = get_scorer("accuracy" if scoring is None else scoring)
    return scorer


def accepts_weights(scorer: Scorer) -> bool:
    """Whether a scorer takes `sample_weight`, as a search of scikit-learn asks it."""
    asked = getattr(scorer, "_accept_sample_weight", None)
    if asked is not None:
        return bool(asked())
    try:
        names = signature(getattr(scorer, "_score_func", scorer)).parameters
    except (TypeError, ValueError):
        # Some that are not written in Python have none.
        return False
    return "sample_weight" in names


def with_rows(scoring: str | Scorer | None, X: Any) -> Any:
    """Return X with rows that can be taken, if a scorer looks at them."""
    return X if _asks_only(scorer_of(scoring)) else indexable(X)[0]


def _asks_only(scorer: Scorer) -> bool:
    """Whether a scorer asks for decisions or predictions, and never looks at X."""
    # Classes derived from these may look at anything.
    return type(scorer) in (_Scorer, NegHingeLossScorer)


@dataclass(frozen=True)
class _Known:
    """Has the decisions for the rows that a model is asked about."""

    decisions: NDArray[np.floating]

    def decision_function(self, X: Any) -> NDArray[np.floating]:
        """Return the known decisions."""
        assert len(X) == len(self.decisions)
        return self.decisions


@dataclass(frozen=True)
class FoldScorer:
    """Scores models on the test rows of a fold.

    Attributes
    ----------
    scoring : str, callable or None
        As of HingeSVCCV.
    X : array-like or sparse matrix
        As it was given, for scorers that look at it.
    rows : Rows
        All of its rows.
    labels : ndarray
        Of all rows.
    params : dict
        Keyword arguments of the scorer; those with an entry for each row of X are cut
        by `of_rows`.
    model : dict
        Parameters of the estimator that the scorer is shown.
    test : ndarray of intp
        The test rows.
    """

    scoring: str | Scorer | None
    X: Any
    rows: Rows
    labels: NDArray[Any]
    params: dict[str, Any]
    model: dict[str, Any]
    test: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))

    def of_rows(self, test: NDArray[np.intp]) -> FoldScorer:
        """Return the scorer of some test rows."""
        params = _check_method_params(self.labels, self.params, indices=test)
        return replace(self, params=params, test=test)

    def __call__(self, C: float, classes: NDArray[Any], trained: Trained) -> float:
        """Return the score of a model."""
        if self.scoring is None and set(self.params) <= {"sample_weight"}:
            return self._accuracy(classes, trained.coef, trained.intercept)
        scorer = scorer_of(self.scoring)
        model = HingeSVC(C, **self.model)
        for name, value in trained.attributes(classes).items():
            setattr(model, name, value)
        model.n_features_in_ = self.rows.n_features
        y = self.labels[self.test]
        if _asks_only(scorer):
            # It is asked about the test rows alone.
            known = _Known(self._decisions(trained.coef, trained.intercept))
            model.__dict__["decision_function"] = known.decision_function
            # Stands for the rows; nobody looks at it.
            some = np.empty((len(self.test), 0))
        else:
            some = _safe_indexing(self.X, self.test)
            names = getattr(some, "columns", None)
            if names is not None and all(isinstance(name, str) for name in names):
                model.feature_names_in_ = np.asarray(names, dtype=object)
        return _number(scorer(model, some, y, **self.params), scorer)

    def _decisions(
        self, coef: NDArray[np.floating], intercept: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """Return the decisions for the test rows, in the dtype of X."""
        rows = self.rows.subset(self.test)
        scores = np.empty((len(self.test), len(coef)), dtype=rows.dtype)
        for k, (w, b) in enumerate(zip(coef, intercept, strict=True)):
            scores[:, k] = rows.margins(w.astype(np.float64), intercept=float(b))
        return scores.ravel() if len(coef) == 1 else scores

    def _accuracy(
        self,
        classes: NDArray[Any],
        coef: NDArray[np.floating],
        intercept: NDArray[np.floating],
    ) -> float:
        """Return the part of the rows, weighted, that is predicted right."""
        decisions = self._decisions(coef, intercept)
        if decisions.ndim == 1:
            places = (decisions > 0).astype(np.intp)
        else:
            places = decisions.argmax(axis=1)
        right = classes[places] == self.labels[self.test]
        weights = self.params.get("sample_weight")
        if weights is not None and not np.any(weights):
            return np.nan
        return float(np.average(right, weights=weights))


def _number(score: Any, scorer: Scorer) -> float:
    """Return what a scorer returned, if it is a number."""
    if hasattr(score, "item") and np.size(score) == 1:
        score = score.item()
    is_number = isinstance(score, Number)
    if not is_number:
        raise ValueError(
            f"scoring must return a number, but {scorer!r} returned {score!r}."
        )
    return float(score)

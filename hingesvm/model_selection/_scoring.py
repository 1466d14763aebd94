"""Scores of models on the test rows of a fold, which are not copied if possible."""

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
from hingesvm.training.trained import TrainedModel

__all__ = ["FoldScorer", "Scorer", "accepts_weights", "scorer_of", "with_rows"]

Scorer = Callable[..., float]


def scorer_of(scoring: str | Scorer | None) -> Scorer:
    """Return the scorer that `scoring` names; accuracy for None."""
    if callable(scoring):
        return scoring
    scorer: Scorer = get_scorer("accuracy" if scoring is None else scoring)
    return scorer


def accepts_weights(scorer: Scorer) -> bool:
    """Whether a scorer takes `sample_weight`, decided as in scikit-learn's searches."""
    asked = getattr(scorer, "_accept_sample_weight", None)
    if asked is not None:
        return bool(asked())
    try:
        names = signature(getattr(scorer, "_score_func", scorer)).parameters
    except (TypeError, ValueError):
        # Some callables that are not written in Python have no signature.
        return False
    return "sample_weight" in names


def with_rows(scoring: str | Scorer | None, X: Any) -> Any:
    """Return X in a form whose rows can be indexed, if the scorer is given rows."""
    return X if _needs_no_rows(scorer_of(scoring)) else indexable(X)[0]


def _needs_no_rows(scorer: Scorer) -> bool:
    """Whether a scorer only calls methods of the model, and never looks at X itself."""
    # The exact types, as derived classes may look at X.
    return type(scorer) in (_Scorer, NegHingeLossScorer)


@dataclass(frozen=True)
class _KnownDecisions:
    """Stands for a model's scores of rows, by decisions computed before."""

    decisions: NDArray[np.floating]

    def scores(self, X: Any, method: str) -> NDArray[np.floating]:
        """Return the decisions, whatever X is and whichever method asks."""
        assert len(X) == len(self.decisions)
        return self.decisions


@dataclass(frozen=True)
class FoldScorer:
    """Scores models on the test rows of a fold.

    Attributes
    ----------
    scoring : str, callable or None
        The scorer; None is the accuracy.
    X : array-like or sparse matrix
        The rows as the user gave them, for scorers that look at them.
    rows : Rows
        The rows of X after the checks.
    labels : ndarray of shape (n_samples,)
        The labels of all rows.
    params : dict
        Keyword arguments of the scorer. Those with an entry for each row of X are
        reduced to the test rows by `of_rows`.
    model : dict
        Parameters of the estimator that the scorer is given, except C.
    test : ndarray of intp
        The indices of the test rows.
    """

    scoring: str | Scorer | None
    X: Any
    rows: Rows
    labels: NDArray[Any]
    params: dict[str, Any]
    model: dict[str, Any]
    test: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))

    def of_rows(self, test: NDArray[np.intp]) -> FoldScorer:
        """Return this scorer for the test rows with these indices."""
        params = _check_method_params(self.labels, self.params, indices=test)
        return replace(self, params=params, test=test)

    def __call__(self, C: float, classes: NDArray[Any], trained: TrainedModel) -> float:
        """Return the score of a model trained with C on these classes."""
        if self.scoring is None and set(self.params) <= {"sample_weight"}:
            return self._accuracy(classes, trained.coef, trained.intercept)
        scorer = scorer_of(self.scoring)
        model = HingeSVC(C, **self.model)
        for name, value in trained.attributes(classes).items():
            setattr(model, name, value)
        model.n_features_in_ = self.rows.n_features
        y = self.labels[self.test]
        if _needs_no_rows(scorer):
            # The scorer calls the model with the test rows only.
            known = _KnownDecisions(self._decisions(trained.coef, trained.intercept))
            # What decision_function and predict both ask.
            model.__dict__["_scores"] = known.scores
            # In place of the rows, which are not looked at.
            test_rows = np.empty((len(self.test), 0))
        else:
            test_rows = _safe_indexing(self.X, self.test)
            names = getattr(test_rows, "columns", None)
            if names is not None and all(isinstance(name, str) for name in names):
                model.feature_names_in_ = np.asarray(names, dtype=object)
        return _checked_score(scorer(model, test_rows, y, **self.params), scorer)

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
        """Return the weighted fraction of the test rows that is predicted correctly."""
        decisions = self._decisions(coef, intercept)
        if decisions.ndim == 1:
            codes = (decisions > 0).astype(np.intp)
        else:
            codes = decisions.argmax(axis=1)
        is_correct = classes[codes] == self.labels[self.test]
        weights = self.params.get("sample_weight")
        if weights is not None and not np.any(weights):
            return np.nan
        return float(np.average(is_correct, weights=weights))


def _checked_score(score: Any, scorer: Scorer) -> float:
    """Return the result of a scorer as a float; raise a ValueError if it is none."""
    if hasattr(score, "item") and np.size(score) == 1:
        score = score.item()
    is_number = isinstance(score, Number)
    if not is_number:
        raise ValueError(
            f"scoring must return a number, but {scorer!r} returned {score!r}."
        )
    return float(score)

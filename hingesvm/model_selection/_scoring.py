"""Scores of models on the rows of a fold, without a copy of them where possible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import get_scorer
from sklearn.metrics._scorer import _BaseScorer
from sklearn.utils import _safe_indexing

from hingesvm.metrics._scorer import NegHingeLossScorer
from hingesvm.solvers import Rows
from hingesvm.svc import HingeSVC

__all__ = ["FoldScorer", "scorer_of"]

Scorer = Callable[..., float]


def scorer_of(scoring: str | Scorer | None) -> Scorer:
    """Return the scorer that `scoring` names; accuracy for None."""
    if callable(scoring):
        return scoring
    scorer: Scorer = get_scorer("accuracy" if scoring is None else scoring)
    return scorer


class _Decided(HingeSVC):
    """A classifier whose decisions for the rows it is asked about are known.

    What it is asked with has a row for each, and no more.
    """

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
    y : ndarray
        Labels of the test rows.
    test : ndarray of intp
        Which they are.
    params : dict
        Keyword arguments of the scorer.
    model : dict
        Parameters of the estimator that the scorer is shown.
    """

    scoring: str | Scorer | None
    X: Any
    rows: Rows
    y: NDArray[Any]
    test: NDArray[np.intp]
    params: dict[str, Any]
    model: dict[str, Any]

    def __call__(
        self,
        C: float,
        classes: NDArray[Any],
        coef: NDArray[np.floating],
        intercept: NDArray[np.floating],
    ) -> float:
        """Return the score of a model."""
        if self.scoring is None and set(self.params) <= {"sample_weight"}:
            return self._accuracy(classes, coef, intercept)
        scorer = scorer_of(self.scoring)
        # These ask for decisions or predictions alone.
        asks_only = isinstance(scorer, _BaseScorer | NegHingeLossScorer)
        model = (_Decided if asks_only else HingeSVC)(C, **self.model)
        model.classes_, model.coef_, model.intercept_ = classes, coef, intercept
        model.n_features_in_ = self.rows.n_features
        if not asks_only:
            some = _safe_indexing(self.X, self.test)
            names = getattr(some, "columns", None)
            if names is not None and all(isinstance(name, str) for name in names):
                model.feature_names_in_ = np.asarray(names, dtype=object)
            return float(scorer(model, some, self.y, **self.params))
        model.decisions = self._decisions(coef, intercept)
        # Stands for the rows; nobody looks at it.
        some = np.empty((len(self.test), 0))
        return float(scorer(model, some, self.y, **self.params))

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
        right = classes[places] == self.y
        return float(np.average(right, weights=self.params.get("sample_weight")))

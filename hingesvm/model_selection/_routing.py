"""Metadata routing of a search: what goes to its splitter and to its scorer."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.metadata_routing import (
    UNUSED,
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    process_routing,
)

from hingesvm._base import BaseHingeSVC
from hingesvm.model_selection._scoring import Scorer, accepts_weights, scorer_of
from hingesvm.model_selection._warnings import warn_unweighted_scores

__all__ = ["RoutedSearch"]

Float64Array = NDArray[np.float64]


class RoutedSearch(BaseHingeSVC):
    """A search whose parameters `cv` and `scoring` are given metadata."""

    cv: Any
    scoring: str | Scorer | None

    # The scorer says which metadata `score` uses.
    __metadata_request__score: ClassVar[dict[str, str]] = {"sample_weight": UNUSED}

    def score(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        **score_params: Any,
    ) -> float:
        """Return the score on rows and their labels, as `scoring` defines it.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows with the columns of those in fit.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights of the rows.
        **score_params : dict
            Parameters of the scorer, by metadata routing.

        Returns
        -------
        float
            The score; larger is better.
        """
        _raise_for_params(score_params, self, "score")
        if _routing_enabled():
            if sample_weight is not None:
                score_params["sample_weight"] = sample_weight
            routed = process_routing(self, "score", **score_params)
            params: dict[str, Any] = routed.scorer.score
        else:
            params = {} if sample_weight is None else {"sample_weight": sample_weight}
        return float(scorer_of(self.scoring)(self, X, y, **params))

    def get_metadata_routing(self) -> MetadataRouter:
        """Return which metadata goes to the splitter and to the scorer.

        Returns
        -------
        MetadataRouter
            The routes, as scikit-learn describes them.
        """
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                splitter=self.cv,
                method_mapping=MethodMapping().add(caller="fit", callee="split"),
            )
            .add(
                scorer=scorer_of(self.scoring),
                method_mapping=MethodMapping()
                .add(caller="score", callee="score")
                .add(caller="fit", callee="score"),
            )
        )

    def _routed(
        self, weights: Float64Array | None, params: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the keyword arguments of the splitter and of the scorer."""
        if weights is not None:
            params = {**params, "sample_weight": weights}
        if _routing_enabled():
            routed = process_routing(self, "fit", **params)
            return routed.splitter.split, routed.scorer.score
        if weights is not None and not accepts_weights(scorer_of(self.scoring)):
            warn_unweighted_scores(self, stack_level=4)
            return {}, {}
        return {}, params

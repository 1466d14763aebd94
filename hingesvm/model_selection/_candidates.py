"""What a search tries: values of C, or pairs of a share of the L1 norm and a C."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.model_selection._choice import best_index, is_limited_by_grid
from hingesvm.model_selection._grid import grid_of
from hingesvm.penalties import ColumnPenalty, ElasticNet
from hingesvm.training.penalty import column_penalty
from hingesvm.training.run import Training

__all__ = ["Candidates", "checked_ratios"]

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Candidates:
    """All values of C, for one share of the L1 norm after the other.

    A candidate is known by its index: those of a share follow each other, in the order
    of `Cs`.

    Attributes
    ----------
    Cs : ndarray of float64, of shape (n_Cs,)
    l1_ratios : ndarray of float64, of shape (n_l1_ratios,), or None
        None is the one share, or the penalty, that the estimator has.
    penalties : list of ColumnPenalty or None
        The penalty for each share.
    """

    Cs: Float64Array
    l1_ratios: Float64Array | None
    penalties: list[ColumnPenalty | None]

    @classmethod
    def of(cls, search: Any, training: Training) -> Candidates:
        """Return those of a search.

        Parameters
        ----------
        search : HingeSVCCV
            The search, of which only the parameters are used.
        training : Training
            The training on all rows, with the penalty of `l1_ratio`.

        Raises
        ------
        ValueError
            If `Cs` or `l1_ratios` are unusable.
        """
        ratios = checked_ratios(search.l1_ratios)
        if ratios is None:
            return cls(grid_of([training], search.Cs), None, [training.penalty])
        part, penalties = copy(search), []
        for part.l1_ratio in ratios.tolist():
            n_features = training.rows.n_features
            penalties.append(column_penalty(part, n_features, training.joint))
        trainings = [replace(training, penalty=penalty) for penalty in penalties]
        return cls(grid_of(trainings, search.Cs), ratios, penalties)

    def __len__(self) -> int:
        return len(self.penalties) * len(self.Cs)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an array with an entry for each candidate."""
        if self.l1_ratios is None:
            return (len(self.Cs),)
        return len(self.l1_ratios), len(self.Cs)

    @property
    def parts(self) -> Iterator[int]:
        """The places of the shares, from the largest share down."""
        ratios = np.zeros(1) if self.l1_ratios is None else self.l1_ratios
        yield from np.argsort(-ratios, kind="stable").tolist()

    def places(self, part: int) -> range:
        """Return the indices of the candidates of a share."""
        return range(part * len(self.Cs), (part + 1) * len(self.Cs))

    def ratio_of(self, part: int) -> float | None:
        """Return a share; None if there is only that of the estimator."""
        return None if self.l1_ratios is None else float(self.l1_ratios[part])

    def values(self, index: int) -> dict[str, float]:
        """Return the fitted attributes of a search that has chosen a candidate."""
        part, place = divmod(index, len(self.Cs))
        values = {"C_": float(self.Cs[place])}
        if self.l1_ratios is not None:
            values["l1_ratio_"] = float(self.l1_ratios[part])
        return values

    def mean_values(self, indices: list[int]) -> dict[str, float]:
        """Return the means of these attributes over candidates."""
        each = [self.values(index) for index in indices]
        return {name: float(np.mean([one[name] for one in each])) for name in each[0]}

    def training_of(self, training: Training, index: int) -> Training:
        """Return a training with the penalty of a candidate."""
        penalty = self.penalties[index // len(self.Cs)]
        if self.l1_ratios is None:
            return training
        return replace(training, penalty=penalty)

    def name(self, index: int) -> str:
        """Return what messages call a candidate."""
        values = self.values(index)
        name = f"C={values['C_']:.4g}"
        if "l1_ratio_" in values:
            name += f" and l1_ratio={values['l1_ratio_']:g}"
        return name

    def best(self, scores: Float64Array, *, one_standard_error: bool) -> int:
        """Return the index of the candidate to choose.

        Of several whose mean scores are equal, it is that of the largest share, and of
        these that of the smallest C. With `one_standard_error` the share is that of the
        best mean.

        Parameters
        ----------
        scores : ndarray of float64, of shape (n_folds, n_candidates)
        one_standard_error : bool
            As of `best_index`.
        """
        Cs = np.tile(self.Cs, len(self.penalties))
        ratios = None
        if self.l1_ratios is not None:
            ratios = np.repeat(self.l1_ratios, len(self.Cs))
        return best_index(
            Cs, scores, one_standard_error=one_standard_error, l1_ratios=ratios
        )

    def is_limited(self, scores: Float64Array, index: int) -> bool:
        """Whether a larger C than those of the grid may be better than a candidate."""
        part, place = divmod(index, len(self.Cs))
        of_share = scores[:, list(self.places(part))]
        return is_limited_by_grid(self.Cs, of_share, place)


def checked_ratios(l1_ratios: Any) -> Float64Array | None:
    """Return shares of the L1 norm as an array, or None if there are none.

    Raises
    ------
    ValueError
        If they are not one or more numbers from 0 to 1.
    """
    if l1_ratios is None:
        return None
    wanted = "l1_ratios must be one or more numbers from 0 to 1"
    try:
        given = np.asarray(l1_ratios)
    except ValueError as error:
        raise ValueError(f"{wanted}, got {l1_ratios!r}.") from error
    if given.dtype.kind not in "iuf" or given.ndim != 1 or not len(given):
        raise ValueError(f"{wanted}, got {l1_ratios!r}.")
    return np.array([ElasticNet(float(ratio)).l1_ratio for ratio in given])

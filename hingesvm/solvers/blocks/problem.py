"""A binary problem whose rows are in blocks, as the one who asks them knows it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.binary import Problem
from hingesvm.problems.certificate import Care, Certificate
from hingesvm.rows.duals import DeferredDuals, Duals
from hingesvm.rows.gathered import gathered
from hingesvm.solvers.blocks.answers import Spec, Summary
from hingesvm.solvers.sweeping.steps import intercept_step

__all__ = ["BlocksProblem", "KnownRows", "SummedDuals"]

Float64Array = NDArray[np.float64]

# Bytes of rows that are gathered for all problems that are solved at once: with fewer
# more rounds are needed, with more of them memory.
_MOST_BYTES = 1 << 30


class KnownRows:
    """What is known of the rows of all blocks without asking them.

    Parameters
    ----------
    summaries : list of Summary
        Those of blocks with rows.
    n_sharing : int
        Problems that are solved at once.

    Attributes
    ----------
    n_rows, n_features, n_entries : int
    dtype : dtype
    is_sparse : bool
    reads_in_passes : bool
    """

    reads_in_passes = True
    has_rough_length = False

    def __init__(self, summaries: list[Summary], n_sharing: int) -> None:
        self.n_rows = sum(summary.n_rows for summary in summaries)
        self.n_entries = sum(summary.n_entries for summary in summaries)
        self.n_features = summaries[0].n_features
        self.is_sparse = summaries[0].is_sparse
        dtypes = [summary.dtype for summary in summaries]
        self.dtype: np.dtype[np.floating] = np.result_type(*dtypes)
        self.some = gathered([s.few.astype(self.dtype) for s in summaries])
        self.mean_square = sum(s.sum_squares for s in summaries) / self.n_rows
        self._longest = math.sqrt(max(s.longest_square for s in summaries))
        self._longest_row = max(s.longest_row for s in summaries)
        self._n_sharing = n_sharing

    @property
    def n_bytes(self) -> int:
        """Bytes of the stored values, and their indices."""
        return self.n_entries * (self.dtype.itemsize + (4 if self.is_sparse else 0))

    @property
    def most_at_once(self) -> int:
        """Rows that a band may have."""
        per_row = max(self.n_bytes / self.n_rows, 1.0)
        return max(int(_MOST_BYTES / self._n_sharing / per_row), 1)

    def longest(self, *, roughly: bool = False) -> float:
        """Return the largest ||x_i||."""
        return self._longest

    def longest_row(self) -> int:
        """Return the largest number of stored values in a row."""
        return self._longest_row

    def rounded(self, w: Float64Array, intercept: float) -> tuple[Float64Array, float]:
        """Return weights and intercept rounded to the dtype of X, as float64."""
        return self.some.rounded(w, intercept)


@dataclass(frozen=True)
class SummedDuals:
    """Dual variables that are with their rows: what is known of them here.

    Attributes
    ----------
    total, excess : float
        The sums of a and of a y.
    """

    total: float
    excess: float

    def unpacked(self) -> Float64Array:
        """Return nothing, as they are not here."""
        return np.empty(0)


class BlocksProblem(Problem):
    """A binary problem of rows in blocks; two rows stand for those of each class.

    What it says of them are sums: their costs are those of the classes, and rounding
    errors are bounded by the longest row.
    """

    @classmethod
    def of(cls, rows: KnownRows, spec: Spec, sizes: Float64Array) -> BlocksProblem:
        """Return the problem of a spec, given the summed weights of each class."""
        costs = spec.costs * sizes
        positive = float(costs[spec.target])
        cost = np.array([float(costs.sum()) - positive, positive])
        return cls(
            # All that is asked of rows that are elsewhere.
            rows,  # type: ignore[arg-type]
            np.array([-1, 1], dtype=np.int8),
            cost,
            spec.loss.dual_bound(cost),
            spec.loss.dual_curvature(cost),
            spec.rule,
        )

    @property
    def cares(self) -> Sequence[Care]:
        """How bounds of rounding errors can be found: only from the longest row."""
        return ("longest",)

    def primal_rounding(
        self, certificate: Certificate, care: Care = "longest"
    ) -> float:
        """Return a bound of the rounding error in P."""
        return super().primal_rounding(certificate, "longest")

    def dual_rounding(self, certificate: Certificate, care: Care = "longest") -> float:
        """Return a bound of the rounding error in D."""
        return super().dual_rounding(certificate, "longest")

    def _sums_of(self, duals: Duals | DeferredDuals) -> tuple[float, float]:
        if isinstance(duals, SummedDuals):
            return duals.total, duals.excess
        return 0.0, 0.0

    def precise_primal(
        self, certificate: Certificate
    ) -> tuple[Certificate, Float64Array]:
        """Return a certificate with a bound of the error in P, and no shortfalls."""
        above = self.primal_rounding(certificate)
        return certificate.bounded(above, certificate.below), np.empty(0)

    def precise_dual(self, certificate: Certificate) -> Certificate:
        """Return a certificate with a bound of the error in D."""
        below = self.dual_rounding(certificate)
        return certificate.bounded(certificate.above, below)

    def stretched(
        self, certificate: Certificate, shortfall: NDArray[np.floating]
    ) -> tuple[float, Float64Array, float] | None:
        """Return None: no row is known here that falls short."""
        return None


def sweeping_step(rows: KnownRows, spec_costs: Float64Array, spec: Spec) -> float:
    """Return the step of the intercept in sweeps over rows in blocks."""
    total = float(spec_costs.sum())
    curvature = float(spec.loss.dual_curvature(np.ones(1))[0])
    mean = rows.mean_square + curvature * rows.n_rows / total
    return intercept_step(spec.rule, mean, np.array([total]))

"""How long rows are, in their norms and in their stored values."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from hingesvm.rows.copied import Copied

__all__ = ["Measured"]

Float64Array = NDArray[np.float64]


class Measured(Copied):
    """Rows whose norms are found once.

    Attributes
    ----------
    extent : float
        A bound of the norms of all rows, if one is known that needed no pass; else inf.
    """

    extent = np.inf
    _squared_norms: Float64Array | None
    _longest_square: float | None

    @abstractmethod
    def longest_row(self) -> int:
        """Return the largest number of stored values in a row."""

    @abstractmethod
    def _norms_of_all(self) -> Float64Array:
        """Return what `squared_norms` keeps."""

    def squared_norms(self) -> Float64Array:
        """Return ||x_i||^2 for all rows, in float64; computed once.

        Raises
        ------
        ValueError
            If a column index of a sparse X is not one of a column.
        """
        if self._squared_norms is None:
            norms = self._norms_of_all()
            norms.flags.writeable = False
            self._squared_norms = norms
        return self._squared_norms

    def know_squared_norms(self, norms: Float64Array) -> None:
        """Take what `squared_norms` returns from who has found it before."""
        self._squared_norms = norms

    def longest_square(self) -> float:
        """Return the largest ||x_i||^2; found once."""
        if self._longest_square is None:
            self._longest_square = float(self.squared_norms().max())
        return self._longest_square

    def mean_square(self) -> float:
        """Return the mean of all ||x_i||^2."""
        return float(self.squared_norms().mean())

    @property
    def has_rough_length(self) -> bool:
        """Whether a bound of all ||x_i|| is at hand, and no more than that."""
        return self._squared_norms is None and self.extent < np.inf

    def longest(self, *, roughly: bool = False) -> float:
        """Return the largest ||x_i||, or a bound of it if one is at hand."""
        if roughly and self.has_rough_length:
            return self.extent
        return math.sqrt(self.longest_square())

    def largest_possible(self) -> float:
        """Return a bound of all ||x_i||, known from the dtype alone; may be inf."""
        if self.dtype == np.float64:
            return np.inf
        # Entries of a column that is named twice add up.
        length = float(self.n_entries if self.is_sparse else np.sqrt(self.n_features))
        return length * float(np.finfo(self.dtype).max)

    def _forget_lengths(self) -> None:
        """Begin without norms."""
        self._squared_norms = self._longest_square = None

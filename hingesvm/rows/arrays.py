"""Rows of an array on a device, worked on there by the functions of its library.

What is one number for each row is an array beside the rows, on the device too. Vectors
of one number a column, and numbers, come to the host and go from there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hingesvm._namespace import Namespace, to_host
from hingesvm.rows.array_losses import ArrayLosses, ArraySums, numbers
from hingesvm.rows.memory import never
from hingesvm.rows.pairs import Pair, dots, two_sum, weighted_rows

__all__ = ["ArrayRows", "Surveyed"]

Float64Array = NDArray[np.float64]

# Entries of X that are cast, or multiplied, at once: on a processor copies that leave
# the cache are slower, on other devices small ones are many calls
# (docs/experiments.md#arrays-on-a-device).
_ON_HOST, _ON_DEVICE = 1 << 18, 1 << 24


class Surveyed(NamedTuple):
    """What a look at all rows has found.

    Attributes
    ----------
    shortfall, alpha : array of shape (n_rows,)
        1 - m, and the dual variables.
    w_of_duals : ndarray of float64, of shape (n_features,)
        The sum of a_i y_i x_i.
    sums : ArraySums
    """

    shortfall: Any
    alpha: Any
    w_of_duals: Float64Array
    sums: ArraySums


class ArrayRows:
    """Rows of an array on a device.

    Parameters
    ----------
    X : array of shape (n_rows, n_features)
        Of float32, or of float64 where the device has that.
    space : Namespace
    check_cancelled : callable, optional
        Called between two pieces of work; may raise.
    """

    is_sparse = False
    # Each look at all rows is dear, as of rows that are read in passes.
    reads_in_passes = True
    has_rough_length = False

    def __init__(
        self, X: Any, space: Namespace, check_cancelled: Callable[[], None] = never
    ) -> None:
        self.X, self.space = X, space
        self.n_rows, self.n_features = map(int, X.shape)
        self.check_cancelled = check_cancelled
        is_single = X.dtype == space.xp.float32
        self.dtype: np.dtype[np.floating] = np.dtype("f4" if is_single else "f8")
        is_on_host = "cpu" in str(space.device).lower()
        self._at_once = _ON_HOST if is_on_host else _ON_DEVICE

    @property
    def n_entries(self) -> int:
        """Number of values."""
        return self.n_rows * self.n_features

    @property
    def most_at_once(self) -> int:
        """Rows that a band may have: as many as there are."""
        return 2 * self.n_rows

    @property
    def is_narrow(self) -> bool:
        """Whether the device has no float64, so that sums are those of pairs."""
        return not self.space.has_float64

    def take(self, rows: Any) -> ArrayRows:
        """Return some rows, copied on the device; `rows` is an array of indices."""
        some = self.space.xp.take(self.X, rows, axis=0)
        return ArrayRows(some, self.space, self.check_cancelled)

    def _parts(self, dtype: Any = None) -> Iterator[tuple[slice, Any]]:
        """Yield ranges of rows, cast to the widest dtype or another one."""
        dtype = self.space.widest if dtype is None else dtype
        height = max(1, self._at_once // max(self.n_features, 1))
        for start in range(0, self.n_rows, height):
            self.check_cancelled()
            some = slice(start, min(start + height, self.n_rows))
            part = self.X[some, :]
            if part.dtype != dtype:
                part = self.space.xp.astype(part, dtype)
            yield some, part

    # Products with vectors

    def scores(self, w: Float64Array) -> Any:
        """Return x_i . w for all rows, in the widest dtype."""
        xp, vector = self.space.xp, self._vector(w)
        parts = [xp.matmul(part, vector) for _, part in self._parts()]
        return parts[0] if len(parts) == 1 else xp.concat(parts)

    def combine(self, a: Any) -> Float64Array:
        """Return the sum of a_i x_i over all rows, summed in the widest dtype."""
        xp = self.space.xp
        out = None
        for some, part in self._parts():
            more = xp.matmul(a[some], part)
            out = more if out is None else out + more
        return to_host(out).astype(np.float64)

    def _vector(self, w: Float64Array) -> Any:
        """Return a vector of the host on the device, in the widest dtype."""
        return self.space.asarray(w, self.space.widest)

    def survey(
        self, losses: ArrayLosses, w: Float64Array, intercept: float, alpha: Any = None
    ) -> Surveyed:
        """Look at all rows: what a certificate needs, found from scratch.

        Parameters
        ----------
        losses : ArrayLosses
        w : ndarray of float64, of shape (n_features,)
            Rounded to float32 where the device has no more.
        intercept : float
        alpha : array of shape (n_rows,), optional
            Dual variables. Default: minus the subgradients at (w, b).
        """
        survey = self._precise_survey if self.is_narrow else self._plain_survey
        return survey(losses, w, intercept, alpha)

    def _plain_survey(
        self, losses: ArrayLosses, w: Float64Array, intercept: float, alpha: Any
    ) -> Surveyed:
        xp, vector = self.space.xp, self._vector(w)
        shortfalls, duals, w_of_duals = [], [], None
        for some, part in self._parts():
            of_part = losses.part(some)
            short = 1.0 - of_part.signs * (xp.matmul(part, vector) + intercept)
            here = of_part.slopes(short) if alpha is None else alpha[some]
            more = xp.matmul(here * of_part.signs, part)
            w_of_duals = more if w_of_duals is None else w_of_duals + more
            shortfalls.append(short)
            duals.append(here)
        shortfall = xp.concat(shortfalls)
        alpha = xp.concat(duals) if alpha is None else alpha
        sums = losses.sums(shortfall, alpha)
        return Surveyed(shortfall, alpha, to_host(w_of_duals).astype(np.float64), sums)

    def _precise_survey(
        self, losses: ArrayLosses, w: Float64Array, intercept: float, alpha: Any
    ) -> Surveyed:
        xp, vector = self.space.xp, self._vector(w)
        highs, lows, duals = [], [], []
        w_of_duals = np.zeros(self.n_features)
        for some, part in self._parts():
            of_part = losses.part(some)
            signs = of_part.signs
            margins = dots(self.space, part, vector)
            more = xp.zeros_like(signs) + intercept
            margins = margins.plus(Pair(more, xp.zeros_like(more)))
            signed = margins.times_exactly(-signs)
            high, low = two_sum(xp.ones_like(signs), signed.high)
            short = Pair(*two_sum(high, low + signed.low))
            here = of_part.slopes(short.high) if alpha is None else alpha[some]
            w_of_duals += weighted_rows(self.space, part, here * signs)
            highs.append(short.high)
            lows.append(short.low)
            duals.append(here)
        shortfall = Pair(xp.concat(highs), xp.concat(lows))
        alpha = xp.concat(duals) if alpha is None else alpha
        sums = losses.precise_sums(shortfall, alpha)
        return Surveyed(shortfall.high, alpha, w_of_duals, sums)

    # Products of rows

    def gram(self, slope: Any, *, single: bool) -> tuple[Any, Any]:
        """Return the sums of h_i x_i x_i' and of h_i x_i.

        Parameters
        ----------
        slope : array of shape (n_rows,)
            Positive h.
        single : bool
            Whether products may be in the dtype of X, if that is float32.
        """
        xp, space = self.space.xp, self.space
        dtype = self.X.dtype if single else space.widest
        roots = xp.astype(xp.sqrt(slope), dtype)
        square, border = None, None
        for some, part in self._parts(dtype):
            scaled = part * roots[some][:, None]
            more = xp.matmul(xp.matrix_transpose(scaled), scaled)
            edge = xp.matmul(roots[some], scaled)
            square = more if square is None else square + more
            border = edge if border is None else border + edge
        wide = space.widest
        return xp.astype(square, wide), xp.astype(border, wide)

    def inner_products(self) -> Any:
        """Return x_i . x_j of all rows, of shape (n_rows, n_rows)."""
        xp = self.space.xp
        X = xp.astype(self.X, self.space.widest)
        return xp.matmul(X, xp.matrix_transpose(X))

    # How long rows are

    def lengths(self, scales: Float64Array) -> Any:
        """Return the norms of the rows, their columns multiplied by some factors."""
        return self.space.xp.sqrt(self._sums_of_squares(self._vector(scales * scales)))

    def _sums_of_squares(self, weights: Any) -> Any:
        xp = self.space.xp
        parts = [xp.matmul(part * part, weights) for _, part in self._parts()]
        return parts[0] if len(parts) == 1 else xp.concat(parts)

    @cached_property
    def squared_norms(self) -> Any:
        """||x_i||^2 of all rows, on the device."""
        return self._sums_of_squares(self._vector(np.ones(self.n_features)))

    @cached_property
    def _norms(self) -> tuple[float, float, float]:
        """The largest and the smallest of these, and their mean."""
        xp, squares = self.space.xp, self.squared_norms
        some = [xp.max(squares), xp.min(squares), xp.mean(squares)]
        largest, smallest, mean = numbers(self.space, some)
        # What rounding may have taken away.
        longer = 1.0 + 2.0 * (self.n_features + 2) * 2.0 ** (
            -24 if self.is_narrow else -53
        )
        return longer * largest, smallest, longer * mean

    def longest(self, *, roughly: bool = False) -> float:
        """Return a bound of all ||x_i||, which one of them nearly has."""
        return math.sqrt(self._norms[0])

    @property
    def shortest_square(self) -> float:
        """The smallest ||x_i||^2."""
        return self._norms[1]

    @property
    def mean_square(self) -> float:
        """The mean of all ||x_i||^2."""
        return self._norms[2]

    def longest_row(self) -> int:
        """Return the number of values in a row."""
        return self.n_features

    def mean_squares(self, most: int) -> Float64Array:
        """Return the mean of x_ij^2 over some rows from all over, for each column."""
        some = self.X[:: max(1, self.n_rows // most), :]
        some = self.space.xp.astype(some, self.space.widest)
        return to_host(self.space.xp.mean(some * some, axis=0)).astype(np.float64)

    def rounded(self, w: Float64Array, intercept: float) -> tuple[Float64Array, float]:
        """Return weights and intercept rounded to the dtype of X, as float64."""
        number = float(self.dtype.type(intercept))
        return w.astype(self.dtype).astype(np.float64), number

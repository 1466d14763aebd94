"""What the Newton steps of joint problems ask of X: all classes at once, padded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels.build import _joint_newton
from hingesvm.problems.joint import JointProblem
from hingesvm.rows.columns import share_of_nonzeros
from hingesvm.rows.memory import Rows

__all__ = ["BLOCK", "FAR", "JointRows", "room_to_pack"]

Float64Array = NDArray[np.float64]
FloatArray = NDArray[np.floating]
IndexArray = NDArray[np.intp]

# Classes are padded to a multiple of it.
BLOCK = 4
# Stands for infinity, as in the kernels.
FAR = 1e30
# Part of the entries of a dense X up to which those that are not 0 are packed, and rows
# that are looked at for it.
_FEW_ENTRIES, _LOOKED_AT = 0.5, 500
# Rows of which an array for each class is made in one piece.
_AT_ONCE = 4096
_ALL = np.empty(0, dtype=np.intp)


def room_to_pack(rows: Rows) -> tuple[FloatArray, NDArray[np.int32]]:
    """Return room for a row's entries, if a dense X has many that are 0."""
    if not rows.is_sparse:
        some = np.linspace(0, rows.n_rows - 1, _LOOKED_AT).astype(np.intp)
        if share_of_nonzeros(rows, np.unique(some)) < _FEW_ENTRIES:
            size = rows.n_features + 1
            return np.empty(size, rows.dtype), np.empty(size, np.int32)
    return np.empty(0, rows.dtype), np.empty(0, np.int32)


class JointRows:
    """The rows of a joint problem, for arrays whose last axis is `width` classes."""

    def __init__(self, problem: JointProblem) -> None:
        self.rows = problem.rows
        self.codes = problem.codes
        self.width = -(-problem.n_classes // BLOCK) * BLOCK
        self._room = room_to_pack(problem.rows)

    def scores(self, w: Float64Array, order: IndexArray = _ALL) -> Float64Array:
        """Return x_i . w of all rows or some, for w of shape (n_features, width)."""
        count = len(order) if len(order) else self.rows.n_rows
        out = np.zeros((count, self.width))
        for first, last in self.rows.chunks(count, work=0.5 * self.width):
            _joint_newton.scores(
                *self.rows.arrays, order, first, last, w, out, *self._room
            )
        return out

    def combine(self, factors: Float64Array, order: IndexArray = _ALL) -> Float64Array:
        """Return the sum of x_i times its factors, of shape (n_features, width)."""
        out = np.zeros((self.rows.n_features, self.width))
        self._add_rows(factors, order, out)
        return out

    def sums(self, alpha: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Return W(a), of shape (n_features, width), and b(a), of shape (width,)."""
        w_of_duals = np.zeros((self.rows.n_features, self.width))
        imbalance = np.zeros(self.width)
        for start in range(0, len(alpha), _AT_ONCE):
            some = np.arange(start, min(start + _AT_ONCE, len(alpha)))
            # What each row adds to each class: minus its duals, and their sum.
            signed = -alpha[some]
            signed[some - start, self.codes[some]] = alpha[some].sum(axis=1)
            imbalance += signed.sum(axis=0)
            self._add_rows(signed, some, w_of_duals)
        return w_of_duals, imbalance

    def _add_rows(
        self, factors: Float64Array, order: IndexArray, out: Float64Array
    ) -> None:
        """Add x_i times its factors to `out`."""
        for first, last in self.rows.chunks(len(factors), work=0.5 * self.width):
            _joint_newton.add_rows(
                *self.rows.arrays, order, first, last, factors, out, *self._room
            )

"""What is asked of blocks, and what they answer: small, so that it can travel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hingesvm.losses import MarginLoss
from hingesvm.problems.values import InterceptRule
from hingesvm.rows.copied import Matrix

__all__ = ["BandRows", "Carry", "Lowered", "SomeRows", "Spec", "Summary", "Sums"]

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """What a block says of its rows when it is first asked.

    Attributes
    ----------
    n_samples, n_rows : int
        Its rows, and those of positive weight.
    n_features : int
    dtype : dtype
    is_sparse, is_weighted : bool
    weights : pair of float
        The smallest and the largest of the weights.
    n_entries, longest_row : int
        Stored values, and the most of these in a row.
    longest_square, sum_squares : float
        The largest squared norm of a row, and the sum of all.
    labels : ndarray of shape (n_labels,)
        Sorted labels of rows of positive weight.
    sizes : ndarray of float64, of shape (n_labels,)
        Sums of the weights of their rows.
    few : ndarray or CSR matrix
        Some rows.
    names : ndarray of object, or None
        Names of the columns.
    left_out : frozenset
        Labels of rows that are left out as their class has weight 0.
    """

    n_samples: int
    n_rows: int
    n_features: int
    dtype: np.dtype[np.floating]
    is_sparse: bool
    is_weighted: bool
    weights: tuple[float, float]
    n_entries: int
    longest_row: int
    longest_square: float
    sum_squares: float
    labels: NDArray[Any]
    sizes: Float64Array
    few: Matrix
    names: NDArray[Any] | None = None
    left_out: frozenset[Any] = frozenset()


@dataclass(frozen=True)
class Spec:
    """A binary problem, as blocks are told of it.

    Attributes
    ----------
    key : object
        Stands for the problem among others of the same rows.
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    target : int
        The positive class.
    costs : ndarray of float64, of shape (n_classes,)
        C times the weight of each class.
    is_uniform : bool
        Whether the costs of all rows are one number.
    loss : MarginLoss
    rule : {"free", "penalized", "none"}
    dtype : dtype
        Of all rows.
    is_narrow : bool
        Whether shortfalls are kept as float32.
    scales : ndarray of the dtype of X, of shape (n_features,)
        Factors of the columns.
    tau : float
        Step of the intercept in sweeps.
    judged : int
        Of how many rows one says how far it is from its kinks.
    """

    key: object
    classes: NDArray[Any]
    target: int
    costs: Float64Array
    is_uniform: bool
    loss: MarginLoss
    rule: InterceptRule
    dtype: np.dtype[np.floating]
    is_narrow: bool
    scales: NDArray[np.floating]
    tau: float
    judged: int


class SomeRows(NamedTuple):
    """Some rows of a block, with labels and, if there are any, weights."""

    X: Matrix
    labels: NDArray[Any]
    weights: Float64Array | None


class Sums(NamedTuple):
    """The share of a block in a survey, and what helps to choose the next band.

    Attributes
    ----------
    w_of_duals : ndarray of float64, of shape (n_features,)
        The sum of a_i y_i x_i.
    loss, gain, imbalance : float
        Sums of the losses, of a - q a^2 / 2, and of a y.
    total : float or None
        The sum of a, where it is not the gain.
    n_crossed : int
        Rows that have crossed a kink unforeseen.
    distances : ndarray of uint32, of shape (N_BINS,)
        How many of the rows that are judged are how far from their kinks.
    """

    w_of_duals: Float64Array
    loss: float
    gain: float
    imbalance: float
    total: float | None
    n_crossed: int
    distances: NDArray[np.uint32]


class BandRows(NamedTuple):
    """The rows of a band in one block, and its sums where they have changed.

    Attributes
    ----------
    X : ndarray or CSR matrix
    signs : ndarray of int8
    cost : ndarray of float64, or None
        None if the costs of all rows are one number.
    taken : ndarray of float64
        Dual variables.
    shortfall : ndarray of float32 or float64
    sums : tuple of float, or None
        Losses, gain, imbalance and total, as of `Sums`.
    """

    X: Matrix
    signs: NDArray[np.int8]
    cost: Float64Array | None
    taken: Float64Array
    shortfall: NDArray[np.floating]
    sums: tuple[float, float, float, float | None] | None


class Lowered(NamedTuple):
    """By which factor the dual variables of one class are lowered.

    Attributes
    ----------
    sign : int
        0 lowers none.
    factor : float
    inside : bool
        Whether those inside their box are lowered alone.
    """

    sign: int = 0
    factor: float = 1.0
    inside: bool = False


@dataclass(frozen=True)
class Carry:
    """What sweeps carry from one block to the next.

    Attributes
    ----------
    w : ndarray of float32 or float64, of shape (n_features,)
    intercept : float
    class_sums : ndarray of float64, of shape (4,)
        Sums of the dual variables of positive and of negative rows in the blocks
        visited, and of those that are inside their box.
    lost : tuple of int
        Blocks that had no dual variables any more, and began at 0.
    """

    w: NDArray[np.floating]
    intercept: float
    class_sums: Float64Array = field(default_factory=lambda: np.zeros(4))
    lost: tuple[int, ...] = ()

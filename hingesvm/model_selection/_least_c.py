r"""The least C at which a weight is not 0, in closed form.

With w = 0 the margins depend on the class alone: b for the positive one and -b for the
other. So do the slopes :math:`a(m) = \min(\max(1 - m, 0) / q, u)` of a loss with bound
u and curvature q, and the gradient of the losses in w is -v with

.. math::

    v = C \, \big( a(b) X_+ - a(-b) X_- \big), \qquad
    X_\pm = \sum_{y_i = \pm 1} s_i x_i, \quad S_\pm = \sum_{y_i = \pm 1} s_i .

w = 0 is optimal as long as :math:`|v_j| \le t_j` for the threshold of each column. The
best b is 0 without an intercept. A free one makes both sums
:math:`S_+ a(b) = S_- a(-b)` equal, whatever C is, so that

.. math::

    v = C \kappa \, (\bar x_+ - \bar x_-), \qquad
    \kappa = \min(S_+, S_-) \min\Big(u, \frac{2 \max(S_+, S_-)}{q (S_+ + S_-)}\Big)

with the weighted means of both classes. A penalised one grows with C,
:math:`b = C (S_+ a(b) - S_- a(-b))`. Between the b at which the slope of a class
reaches or leaves its bound, both slopes are linear in b, and b and v are quotients of
polynomials in C of degrees 1 and 2: :math:`v_j = \pm t_j` is a quadratic equation.

At the kink of the hinge the dual variables of the class with the larger sum are not
determined by their sum. Here all of them are the same part of their bound, so that w is
0 up to the C found, and can stay 0 above it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hingesvm.losses import MarginLoss
from hingesvm.penalties import Penalty
from hingesvm.rows.columns import column_scales
from hingesvm.svc import HingeSVC
from hingesvm.training.docstrings import documented_by
from hingesvm.training.parameters import HingeParameters
from hingesvm.training.run import Training
from hingesvm.training.validation import checked_input

__all__ = ["has_thresholds", "least_c", "least_c_of"]

Float64Array = NDArray[np.float64]

# A C this many times as large as one at which all rows would agree in a column is the
# reciprocal of rounding errors.
_ROUNDING = 1e13
# What is returned lies below by this part, so that rounding errors give no weight.
_BELOW = 1e-11


@documented_by(HingeParameters)
def least_c(
    X: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    loss: str | MarginLoss = "hinge",
    l1_ratio: float | Penalty = 1.0,
    fit_intercept: bool = True,
    penalized_intercept: bool = False,
    class_weight: dict[Any, float] | str | None = None,
) -> float:
    r"""Return the C up to which HingeSVC has no weight, as scikit-learn's l1_min_c.

    With a free intercept and the threshold :math:`t_j` of a column, `l1_ratio` times
    its penalty factor, it is

    .. math::

        \min_j \frac{t_j}{\kappa \, |\bar x_{+,j} - \bar x_{-,j}|},

    where :math:`\bar x_\pm` are the weighted means of both classes, whose weights have
    the sums :math:`S_\pm`, and :math:`\kappa` is :math:`\min(S_+, S_-)` for the hinge,
    :math:`4 S_+ S_- / (S_+ + S_-)` for the squared hinge. Without an intercept it is
    :math:`\min_j t_j / (a \, |\sum_i s_i y_i x_{ij}|)`, with a the slope at margin 0: 1
    for the hinge, and 2 for the squared hinge. A penalised intercept grows with C, and
    a quadratic equation for each column is solved.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Training rows, used in place as by HingeSVC.
    y : array-like of shape (n_samples,)
        Class labels; at least two classes. Of more, each against the rest, the least C
        is returned.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    loss
    l1_ratio : float or Penalty, default=1.0
        The share r of the L1 norm in the penalty, above 0 and up to 1; or a penalty
        object. Columns without a threshold do not count.
    fit_intercept
    penalized_intercept
    class_weight

    Returns
    -------
    float
        A bit above it some weight is not 0, except for the hinge with a free or
        penalised intercept and classes of unequal weight, where it can be that a
        larger C is needed. It is inf if w = 0 is optimal for every C.

    Raises
    ------
    ValueError
        If the input is unusable, or no column has a threshold.

    See Also
    --------
    hinge_path : Begins its grid there.
    sklearn.svm.l1_min_c : For LinearSVC and LogisticRegression.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from hingesvm import HingeSVC
    >>> from hingesvm.model_selection import least_c
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = scale(X)
    >>> C = least_c(X, y, loss="squared_hinge")
    >>> print(f"{C:.5f}")
    0.00115
    >>> for factor in (1.0, 1.01):
    ...     clf = HingeSVC(factor * C, l1_ratio=1.0, loss="squared_hinge").fit(X, y)
    ...     print(int((clf.coef_ != 0.0).sum()))
    0
    1
    """
    params = HingeSVC(
        loss=loss,
        l1_ratio=l1_ratio,
        fit_intercept=fit_intercept,
        penalized_intercept=penalized_intercept,
        class_weight=class_weight,
    )
    params._validate_params()
    training = Training.build(params, *checked_input(params, X, y, sample_weight))
    if not has_thresholds(training):
        raise ValueError(
            f"l1_ratio must be above 0, got {l1_ratio!r}: without an L1 norm weights "
            "are not 0 at any C."
        )
    return least_c_of(training)


def has_thresholds(training: Training) -> bool:
    """Whether some weights are 0 at small C."""
    return training.penalty is not None and bool(training.penalty.threshold.any())


def least_c_of(training: Training) -> float:
    """Return the least C of a training whose penalty has thresholds.

    Parameters
    ----------
    training : Training
        On all rows, one class against the rest.

    Returns
    -------
    float
        The least of all classes; inf if w = 0 is optimal for every C.
    """
    assert training.penalty is not None
    rows, penalty = training.rows, training.penalty
    counts = np.flatnonzero(penalty.threshold)
    thresholds = penalty.threshold[counts]
    weights = np.ones(rows.n_rows) * training.factors
    in_all, weight = rows.combine(weights)[counts], float(weights.sum())
    least = np.inf
    for target in training.targets:
        of_class = np.where(training.codes == target, weights, 0.0)
        sums, size = rows.combine(of_class)[counts], float(of_class.sum())
        classes = _Classes(sums, in_all - sums, size, weight - size)
        for piece in _pieces(classes, training.loss, training.rule):
            found = piece.first_beyond(thresholds)
            if found < np.inf:
                least = min(least, found)
                break
    largest = weight * column_scales(rows)[counts] / thresholds
    slope = training.loss.bound
    if training.loss.curvature > 0.0:
        slope = min(slope, 2.0 / training.loss.curvature)
    agreed = slope * float(largest.max())
    return (1.0 - _BELOW) * least if least * agreed <= _ROUNDING else np.inf


class _Classes(NamedTuple):
    """Sums of the weighted rows of both classes, and of their weights."""

    positive: Float64Array
    negative: Float64Array
    size_positive: float
    size_negative: float

    @property
    def swapped(self) -> _Classes:
        """The same with the names of both exchanged."""
        return _Classes(*self[1::-1], *self[:1:-1])


@dataclass(frozen=True)
class _Piece:
    """A range of C with (1 + rest C) v = constant + linear C + square C^2."""

    low: float
    high: float
    linear: Float64Array
    constant: Float64Array | float = 0.0
    square: Float64Array | float = 0.0
    rest: float = 0.0

    def first_beyond(self, thresholds: Float64Array) -> float:
        """Return the first C from which some |v| is larger; inf if there is none."""
        bounds = np.stack([thresholds, -thresholds])
        least = np.inf
        for root in _roots(
            np.broadcast_to(self.square, bounds.shape),
            self.linear - self.rest * bounds,
            self.constant - bounds,
        ):
            # An end that is a root but for rounding is one.
            inside = (root >= self.low * (1.0 - 1e-12)) & (root <= self.high)
            least = min(least, float(root.min(where=inside, initial=np.inf)))
        return max(least, self.low)


def _roots(
    square: Float64Array, linear: Float64Array, constant: Float64Array
) -> Iterator[Float64Array]:
    """Yield both roots of quadratics, NaN or infinite where there are none."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        root = np.sqrt(linear * linear - 4.0 * square * constant)
        # Neither quotient cancels.
        q = -0.5 * (linear + np.copysign(root, linear))
        yield q / square
        yield constant / q


def _pieces(classes: _Classes, loss: MarginLoss, rule: str) -> Iterator[_Piece]:
    """Yield the ranges of C in which v has one formula, ascending."""
    u, q = loss.bound, loss.curvature
    if rule == "none":
        slope = min(u, 1.0 / q) if q > 0.0 else u
        yield _Piece(0.0, np.inf, slope * (classes.positive - classes.negative))
        return
    if classes.size_positive < classes.size_negative:
        classes = classes.swapped
    positive, negative, heavy, light = classes
    means = positive / heavy, negative / light
    if rule == "free":
        slope = min(u, 2.0 * heavy / (q * (heavy + light))) if q > 0.0 else u
        yield _Piece(0.0, np.inf, slope * light * (means[0] - means[1]))
        return
    low = 0.0
    for end, at_zero, bends in _linear_slopes(u, q):
        tilt = heavy * at_zero[0] - light * at_zero[1]
        rest = heavy * bends[0] + light * bends[1]
        room = tilt - rest * end
        high = end / room if room > 0.0 else np.inf
        linear = at_zero[0] * positive - at_zero[1] * negative
        turned = bends[0] * positive + bends[1] * negative
        square = rest * linear - tilt * turned
        yield _Piece(low, high, linear, square=square, rest=rest)
        if high == np.inf:
            return
        low = high
    # The heavy class is at the kink of the hinge, and its slopes balance b = 1.
    yield _Piece(low, np.inf, u * light * (means[0] - means[1]), constant=means[0])


def _linear_slopes(
    u: float, q: float
) -> Iterator[tuple[float, tuple[float, float], tuple[float, float]]]:
    """Yield where slopes are linear in b, for b from 0 to 1: a(b) and a(-b).

    Each is the end of a range of b, both slopes at b = 0 if they were linear down to
    it, and by how much a(b) falls, and a(-b) rises, with b.
    """
    if q == 0.0:
        yield 1.0, (u, u), (0.0, 0.0)
        return
    bend = 1.0 / q
    if q * u <= 1.0:
        yield 1.0 - q * u, (u, u), (0.0, 0.0)
    elif q * u < 2.0:
        yield q * u - 1.0, (bend, bend), (bend, bend)
    else:
        yield 1.0, (bend, bend), (bend, bend)
        return
    yield 1.0, (bend, u), (bend, 0.0)

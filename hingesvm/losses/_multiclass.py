"""The multi-class hinge losses: functions of a row of scores and its true class."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hingesvm.losses._arithmetic import Arithmetic, arithmetic_of
from hingesvm.losses._base import ByValue, Float64Array, as_float, by_name
from hingesvm.losses._checks import check_labels, check_scores, check_weights

__all__ = ["CrammerSinger", "MulticlassLoss", "WestonWatkins", "get_multiclass_loss"]


class MulticlassLoss(ByValue, ABC):
    r"""A convex, piecewise linear loss of how far the true class leads the others.

    For a row of scores :math:`f`, one for each of K classes, the true class y and
    the margin m, every loss of the family is

    .. math::

        \ell(f, y) = \max_{s \in S} \sum_{k \ne y} s_k \, (m - (f_y - f_k)) ,
        \qquad S = \bigl\{ 0 \le s_k \le 1, \; \sum_k s_k \le t \bigr\} ,

    and a subclass names t, its :attr:`total`, which is all that training needs to know
    of it. This class is abstract: use :class:`CrammerSinger` or :class:`WestonWatkins`.

    Parameters
    ----------
    margin : float, default=1.0
        By how much the score of the true class must lead; positive.

    Raises
    ------
    ValueError
        If `margin` is not a positive finite number.

    Notes
    -----
    Adding a number to all scores of a row changes nothing, so the entries of a
    subgradient sum to 0. Those of the other classes are the maximiser s.

    With scikit-learn's setting ``array_api_dispatch``, scores that are arrays of torch,
    CuPy, JAX or another library of the array API standard are worked on in their
    library and on their device. Labels and weights from elsewhere are moved there. The
    methods then return arrays there, in float64, or in float32 where the device has no
    float64.

    Examples
    --------
    >>> from hingesvm.losses import CrammerSinger, MulticlassLoss, WestonWatkins
    >>> isinstance(CrammerSinger(), MulticlassLoss)
    True
    >>> WestonWatkins(margin=2.0).total
    inf
    """

    #: Upper bound of the sum of the slopes s of the other classes.
    total: float

    def __init__(self, margin: float = 1.0) -> None:
        lead = as_float(margin)
        if not (math.isfinite(lead) and lead > 0.0):
            raise ValueError(
                f"margin must be a positive finite number, got {margin!r}."
            )
        self.margin = lead

    def value(
        self, scores: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None
    ) -> Float64Array:
        """Return the weight times the loss of each row.

        Parameters
        ----------
        scores : array-like of shape (n_samples, n_classes)
            Finite scores of two or more classes, taken as float64.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            The true classes: integer codes from 0 to ``n_classes - 1``, or encoded
            labels, whose rows have one entry 1 and in all other places 0 or ``False``,
            or in all other places -1.
        sample_weight : array-like of shape (n_samples,), default=None
            Finite non-negative weights, taken as float64; by default 1.

        Returns
        -------
        ndarray of float64, or array where `scores` are, of shape (n_samples,)
            Non-negative values; ``inf`` where the loss overflows and the weight is
            positive, or their product overflows.

        Raises
        ------
        ValueError
            If an array has the wrong shape, a score or weight is not finite, a
            weight is negative, a code is no integer or out of range, or a row of
            encoded labels does not name one class.
        TypeError
            If `scores`, `y` or `sample_weight` is sparse.
        """
        on = arithmetic_of(scores)
        f = check_scores(scores, "scores", on)
        codes = check_labels(y, f.shape, on)
        weights = check_weights(sample_weight, f.shape[0], on)
        losses: Float64Array
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            losses = self._maximum(on, *on.split(f, codes, -math.inf))
            if weights is not None:
                # A row of weight 0 does not count, even if its loss is infinite.
                losses = on.xp.where(weights > 0.0, weights * losses, 0.0)
        return losses

    def subgradient(
        self, scores: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None
    ) -> Float64Array:
        """Return one subgradient of :meth:`value` with respect to each row of scores.

        A class that trails the true one by exactly the margin counts as far enough
        behind, so at such a kink its entry is 0.

        Parameters
        ----------
        scores : array-like of shape (n_samples, n_classes)
            Finite scores of two or more classes, taken as float64.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            The true classes, as for :meth:`value`.
        sample_weight : array-like of shape (n_samples,), default=None
            Finite non-negative weights, taken as float64; by default 1.

        Returns
        -------
        ndarray of float64, or array where `scores` are, of their shape
            Non-negative entries, except at the true class, where it is minus their sum.

        Raises
        ------
        ValueError, TypeError
            As of :meth:`value`.
        """
        on = arithmetic_of(scores)
        f = check_scores(scores, "scores", on)
        codes = check_labels(y, f.shape, on)
        weights = check_weights(sample_weight, f.shape[0], on)
        with np.errstate(over="ignore", under="ignore"):
            slopes = self._maximiser(on, *on.split(f, codes, -math.inf))
            if weights is not None:
                slopes *= weights[:, np.newaxis]
            at_true = 0.0 - on.by_row("sum", slopes)
        found: Float64Array = on.replaced(slopes, codes, at_true)
        return found

    def conjugate(self, dual: ArrayLike, y: ArrayLike) -> Float64Array:
        r"""Return the convex conjugate of the loss of each row, at weight 1.

        It is :math:`\ell^*(s, y) = \sup_f \; s \cdot f - \ell(f, y)`.

        Parameters
        ----------
        dual : array-like of shape (n_samples, n_classes)
            Rows s, such as subgradients; taken as float64.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            The true classes, as for :meth:`value`.

        Returns
        -------
        ndarray of float64, or array where `dual` is, of shape (n_samples,)
            ``-margin`` times the sum of the entries of the other classes, where
            these lie in the set S of the loss and all entries sum to 0; ``inf``
            elsewhere.

        Raises
        ------
        ValueError
            If an array has the wrong shape, `dual` has NaN, or `y` is refused as by
            :meth:`value`.
        TypeError
            If `dual` or `y` is sparse.

        Notes
        -----
        Entries are compared exactly. Their sums are rounded: they may miss 0 and
        exceed a bound by ``n_classes * eps`` times the sum of the other classes,
        where ``eps`` is 2.2e-16, or 1.2e-7 on a device that has no float64.
        """
        on = arithmetic_of(dual)
        xp, s = on.xp, check_scores(dual, "dual", on, may_be_infinite=True)
        codes = check_labels(y, s.shape, on)
        true, others = on.split(s, codes, 0.0)
        conjugate: Float64Array
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            total = on.by_row("sum", others)
            slack = s.shape[1] * on.epsilon * total
            sums_to_zero = xp.abs(true + total) <= slack
            inside = sums_to_zero & (total - slack <= self.total)
            inside &= on.by_row("min", others) >= 0.0
            inside &= on.by_row("max", others) <= 1.0
            conjugate = xp.where(inside, 0.0 - self.margin * total, math.inf)
        return conjugate

    @abstractmethod
    def _maximum(self, on: Arithmetic, true: Any, others: Any) -> Any:
        """Return the loss of each row: the maximum over S.

        Parameters
        ----------
        on : Arithmetic
            Where the arrays are.
        true : array of shape (n_samples,)
            Scores of the true classes.
        others : array of shape (n_samples, n_classes)
            Scores of the other classes, and -inf at the true one.
        """

    @abstractmethod
    def _maximiser(self, on: Arithmetic, true: Any, others: Any) -> Any:
        """Return a new array of the s in S that attain :meth:`_maximum`.

        It has a column for each class; that of the true class is 0.
        """


class CrammerSinger(MulticlassLoss):
    r"""Crammer and Singer's loss: the largest hinge over the other classes.

    .. math::

        \ell(f, y) = \max_k \bigl( m [k \ne y] + f_k - f_y \bigr)
        = \max\bigl(0, \; m - (f_y - \max_{k \ne y} f_k)\bigr)

    Its conjugate is :math:`-m \sum_{k \ne y} s_k` where :math:`s_k \ge 0` for
    :math:`k \ne y`, :math:`\sum_{k \ne y} s_k \le 1` and :math:`\sum_k s_k = 0`.

    Parameters
    ----------
    margin : float, default=1.0
        By how much the score of the true class must lead; positive.

    Raises
    ------
    ValueError
        If `margin` is not a positive finite number.

    Notes
    -----
    Where several other classes share the largest score, the subgradient is that of
    the first of them.

    References
    ----------
    Crammer and Singer, "On the algorithmic implementation of multiclass
    kernel-based vector machines", JMLR 2, 2001.

    Examples
    --------
    >>> from hingesvm.losses import CrammerSinger
    >>> loss = CrammerSinger()
    >>> scores = [[2.0, 0.5, 0.0], [0.5, 0.25, 0.0]]
    >>> loss.value(scores, [0, 1])
    array([0.  , 1.25])
    >>> loss.subgradient(scores, [0, 1])
    array([[ 0.,  0.,  0.],
           [ 1., -1.,  0.]])
    >>> loss.conjugate([[0.5, -1.0, 0.5], [0.5, 0.5, -1.0]], [1, 1])
    array([-1., inf])
    """

    total = 1.0

    def _maximum(self, on: Arithmetic, true: Any, others: Any) -> Any:
        lead = true - on.by_row("max", others)
        return on.positive_part(self.margin - lead)

    def _maximiser(self, on: Arithmetic, true: Any, others: Any) -> Any:
        best = on.by_row("argmax", others)
        short = self.margin - (true - on.entries(others, best)) > 0.0
        return on.marked(best, short, others.shape)


class WestonWatkins(MulticlassLoss):
    r"""Weston and Watkins' loss: the sum of the hinges over the other classes.

    .. math::

        \ell(f, y) = \sum_{k \ne y} \max\bigl(0, \; m - (f_y - f_k)\bigr)

    Its conjugate is :math:`-m \sum_{k \ne y} s_k` where :math:`0 \le s_k \le 1` for
    :math:`k \ne y` and :math:`\sum_k s_k = 0`.

    Parameters
    ----------
    margin : float, default=1.0
        By how much the score of the true class must lead each other; positive.
        Weston and Watkins' own is 2.

    Raises
    ------
    ValueError
        If `margin` is not a positive finite number.

    References
    ----------
    Weston and Watkins, "Support vector machines for multi-class pattern
    recognition", ESANN 1999.

    Examples
    --------
    >>> from hingesvm.losses import WestonWatkins
    >>> loss = WestonWatkins()
    >>> scores = [[2.0, 0.5, 0.0], [0.5, 0.25, 0.0]]
    >>> loss.value(scores, [0, 1])
    array([0., 2.])
    >>> loss.subgradient(scores, [0, 1])
    array([[ 0.,  0.,  0.],
           [ 1., -2.,  1.]])
    >>> loss.conjugate([[1.0, -1.5, 0.5], [2.0, -2.0, 0.0]], [1, 1])
    array([-1.5,  inf])
    """

    total = math.inf

    def _maximum(self, on: Arithmetic, true: Any, others: Any) -> Any:
        shortfall = self._shortfall(on, true, others)
        return on.by_row("sum", on.positive_part(shortfall))

    def _maximiser(self, on: Arithmetic, true: Any, others: Any) -> Any:
        return on.floats(self._shortfall(on, true, others) > 0.0)

    def _shortfall(self, on: Arithmetic, true: Any, others: Any) -> Any:
        """Return the margin minus the lead of the true class over each other class."""
        return on.subtracted(self.margin, true[:, np.newaxis] - others)


_BY_NAME: dict[str, type[MulticlassLoss]] = {
    "crammer_singer": CrammerSinger,
    "weston_watkins": WestonWatkins,
}


def get_multiclass_loss(loss: str | MulticlassLoss) -> MulticlassLoss:
    """Return the multi-class loss object that a name or an object stands for.

    Parameters
    ----------
    loss : {"crammer_singer", "weston_watkins"} or MulticlassLoss
        A name, or a loss object, which is returned as it is.

    Returns
    -------
    MulticlassLoss

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If `loss` is neither a name nor a multi-class loss.

    Examples
    --------
    >>> from hingesvm.losses import get_multiclass_loss
    >>> get_multiclass_loss("weston_watkins")
    WestonWatkins(margin=1.0)
    """
    if isinstance(loss, str):
        return by_name(loss, _BY_NAME, "MulticlassLoss")
    if not isinstance(loss, MulticlassLoss):
        raise TypeError(
            "Pass the name of a multi-class loss or an instance of a "
            f"hingesvm.losses.MulticlassLoss subclass; got {loss!r}."
        )
    return loss

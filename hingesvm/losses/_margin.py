"""The binary losses: functions of the margin, of which solvers use two numbers."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike

from hingesvm.losses._arithmetic import arithmetic_of
from hingesvm.losses._base import ByValue, Float64Array, as_float, by_name

__all__ = ["Hinge", "MarginLoss", "SmoothedHinge", "SquaredHinge", "get_loss"]


class MarginLoss(ByValue, ABC):
    r"""A convex, one-sided, piecewise quadratic loss of the margin.

    A subclass names two numbers, :attr:`bound` (``u``) and :attr:`curvature`
    (``q``); at least one of ``u < inf`` and ``q > 0`` must hold. Everything else
    follows from

    .. math::

        \ell(m) = \max_{0 \le a \le u} a (1 - m) - \tfrac{q}{2} a^2 .

    Notes
    -----
    The maximiser ``a`` is minus a subgradient of the loss, and at the optimum it is
    the dual variable of a training row.

    With scikit-learn's setting ``array_api_dispatch``, arrays of torch, CuPy, JAX and
    other libraries of the array API standard are worked on in their library and on
    their device. The methods then return arrays there, in float64, or in float32 where
    the device has no float64.

    Examples
    --------
    A loss that is quadratic up to a slope of 2:

    >>> from hingesvm.losses import MarginLoss
    >>> class SteepHinge(MarginLoss):
    ...     bound = 2.0
    ...     curvature = 1.0
    >>> SteepHinge().value([1.0, 0.0, -1.0, -2.0])
    array([0. , 0.5, 2. , 4. ])
    """

    @property
    @abstractmethod
    def bound(self) -> float:
        """Largest slope ``u``: the upper bound of the dual variable at unit cost."""

    @property
    @abstractmethod
    def curvature(self) -> float:
        """Curvature ``q`` of the dual term at unit cost; 0 at a kink."""

    def value(self, margin: ArrayLike) -> Float64Array:
        """Return the loss at each margin.

        Parameters
        ----------
        margin : array-like of any shape
            Margins ``y * f(x)``.

        Returns
        -------
        ndarray of float64, or array where `margin` is, of its shape
            Non-negative values; ``inf`` where the exact value overflows.
        """
        on = arithmetic_of(margin)
        xp = on.xp
        shortfall = xp.maximum(1.0 - on.floats(margin), on.zero)
        u, q = on.known(self.bound), on.known(self.curvature)
        with np.errstate(over="ignore", under="ignore"):
            if q == 0.0:
                value = u * shortfall
            else:
                value = shortfall * (0.5 * shortfall / q)
                if not math.isinf(u):
                    linear = u * (shortfall - 0.5 * q * u)
                    value = xp.where(shortfall < q * u, value, linear)
        found: Float64Array = on.array(value)
        return found

    def subgradient(self, margin: ArrayLike) -> Float64Array:
        """Return one subgradient of the loss with respect to each margin.

        At a kink (of the hinge, at margin 1) it is 0, the subgradient of smallest
        absolute value.

        Parameters
        ----------
        margin : array-like of any shape
            Margins ``y * f(x)``.

        Returns
        -------
        ndarray of float64, or array where `margin` is, of its shape
            Values in ``[-bound, 0]``.
        """
        on = arithmetic_of(margin)
        xp = on.xp
        shortfall = 1.0 - on.floats(margin)
        u, q = on.known(self.bound), on.known(self.curvature)
        if q == 0.0:
            slope = xp.where(shortfall > 0.0, -u, on.zero)
        else:
            with np.errstate(over="ignore", under="ignore"):
                slope = 0.0 - xp.clip(shortfall / q, 0.0, u)
        found: Float64Array = on.array(slope)
        return found

    def conjugate(self, slope: ArrayLike) -> Float64Array:
        r"""Return the convex conjugate :math:`\ell^*(s) = \sup_m \; s m - \ell(m)`.

        Parameters
        ----------
        slope : array-like of any shape
            Slopes ``s``; minus the dual variable of a row at unit cost.

        Returns
        -------
        ndarray of float64, or array where `slope` is, of its shape
            ``s + q s^2 / 2`` for ``-bound <= s <= 0`` and ``inf`` elsewhere.
        """
        on = arithmetic_of(slope)
        s = on.floats(slope)
        u, q = on.known(self.bound), on.known(self.curvature)
        inside = (s <= 0.0) & (s >= -u)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            finite = s * (1.0 + 0.5 * q * s)
        found: Float64Array = on.xp.where(inside, finite, math.inf)
        return found

    def dual_bound(self, cost: ArrayLike) -> Float64Array:
        """Return the upper bound of the dual variable of a row with this cost.

        Parameters
        ----------
        cost : array-like of any shape
            Positive factors of the loss, ``C`` times the weight of the row.

        Returns
        -------
        ndarray of float64, or array where `cost` is, of its shape
        """
        on = arithmetic_of(cost)
        if on.space is None:
            return np.asarray(
                np.multiply(np.asarray(cost), self.bound, dtype=np.float64)
            )
        bound: Float64Array = on.floats(cost) * on.known(self.bound)
        return bound

    def dual_curvature(self, cost: ArrayLike) -> Float64Array:
        """Return the curvature of the dual objective in the dual variable of a row.

        Parameters
        ----------
        cost : array-like of any shape
            Positive factors of the loss, ``C`` times the weight of the row.

        Returns
        -------
        ndarray of float64, or array where `cost` is, of its shape
        """
        on = arithmetic_of(cost)
        if on.space is None:
            return np.asarray(
                np.divide(self.curvature, np.asarray(cost), dtype=np.float64)
            )
        curvature: Float64Array = on.known(self.curvature) / on.floats(cost)
        return curvature


class Hinge(MarginLoss):
    r"""The hinge loss, :math:`\max(0, 1 - m)`.

    Its subgradient is -1 below margin 1, 0 above, and all of [-1, 0] at 1.

    References
    ----------
    Cortes and Vapnik, "Support-vector networks", Machine Learning 20, 1995.

    Examples
    --------
    >>> from hingesvm.losses import Hinge
    >>> Hinge().value([-1.0, 0.0, 2.0])
    array([2., 1., 0.])
    """

    bound = 1.0
    curvature = 0.0


class SquaredHinge(MarginLoss):
    r"""The squared hinge loss, :math:`\max(0, 1 - m)^2`, as in LinearSVC.

    There is no factor 1/2.

    References
    ----------
    Chang, Hsieh and Lin, "Coordinate descent method for large-scale L2-loss
    linear support vector machines", JMLR 9, 2008.

    Examples
    --------
    >>> from hingesvm.losses import SquaredHinge
    >>> SquaredHinge().value([-1.0, 0.0, 2.0])
    array([4., 1., 0.])
    """

    bound = math.inf
    curvature = 0.5


class SmoothedHinge(MarginLoss):
    r"""The hinge loss with its kink rounded off over a width of `gamma`.

    .. math::

        \ell(m) = \begin{cases}
            0 & m \ge 1 \\
            (1 - m)^2 / (2 \gamma) & 1 - \gamma < m < 1 \\
            1 - m - \gamma / 2 & m \le 1 - \gamma
        \end{cases}

    Parameters
    ----------
    gamma : float, default=1.0
        Width of the quadratic piece, in units of the margin; positive. As
        `gamma` falls to 0 the loss tends to the hinge.

    Raises
    ------
    ValueError
        If `gamma` is not a positive finite number.

    References
    ----------
    Rennie and Srebro, "Loss functions for preference levels", 2005;
    Shalev-Shwartz and Zhang, "Stochastic dual coordinate ascent methods for
    regularized loss minimization", JMLR 14, 2013.

    Examples
    --------
    >>> from hingesvm.losses import SmoothedHinge
    >>> SmoothedHinge(gamma=0.5).value([-1.0, 0.75, 2.0])
    array([1.75  , 0.0625, 0.    ])
    """

    bound = 1.0

    def __init__(self, gamma: float = 1.0) -> None:
        width = as_float(gamma)
        if not (math.isfinite(width) and width > 0.0):
            raise ValueError(
                f"gamma must be a positive finite number, got {gamma!r}; "
                "for the unsmoothed loss use Hinge()."
            )
        self.gamma = width

    @property
    def curvature(self) -> float:
        """Curvature of the dual term at unit cost: `gamma`."""
        return self.gamma


_BY_NAME: dict[str, type[MarginLoss]] = {
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "smoothed_hinge": SmoothedHinge,
}


def get_loss(loss: str | MarginLoss) -> MarginLoss:
    """Return the loss object that a name or an object stands for.

    Parameters
    ----------
    loss : {"hinge", "squared_hinge", "smoothed_hinge"} or MarginLoss
        A name, or a loss object, which is returned as it is.

    Returns
    -------
    MarginLoss

    Raises
    ------
    ValueError
        If the name is unknown, or the numbers of the object describe no convex
        finite loss.
    TypeError
        If `loss` is neither a name nor a loss of the family that can be trained.

    Examples
    --------
    >>> from hingesvm.losses import get_loss
    >>> get_loss("smoothed_hinge")
    SmoothedHinge(gamma=1.0)
    """
    if isinstance(loss, str):
        return by_name(loss, _BY_NAME, "MarginLoss")
    if not isinstance(loss, MarginLoss):
        raise TypeError(
            "Only one-sided piecewise quadratic losses can be trained: pass a name or "
            "an instance of a hingesvm.losses.MarginLoss subclass, which names its "
            f"bound and curvature; got {loss!r}."
        )
    u, q = as_float(loss.bound), as_float(loss.curvature)
    if not (u > 0.0 and 0.0 <= q < math.inf and (q > 0.0 or u < math.inf)):
        raise ValueError(
            f"{loss!r} describes no trainable loss: bound must be positive, curvature "
            "non-negative and finite, and an infinite bound needs a positive "
            f"curvature; got bound={loss.bound!r}, curvature={loss.curvature!r}."
        )
    return loss

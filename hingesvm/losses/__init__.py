r"""The hinge losses as objects: value, subgradient, conjugate, curvature.

A binary loss is a function of the margin ``m = y * f(x)`` with ``y`` in {-1, +1},
and a member of one family,

.. math::

    \ell(m) = \max_{0 \le a \le u} \; a (1 - m) - \tfrac{q}{2} a^2 ,

whose two numbers are the bound ``u`` of the dual variable and its curvature
``q``. Solvers use only these two, so a new loss of the family is a small class that
names them, and every solver can train it.

A multi-class loss, :class:`CrammerSinger` or :class:`WestonWatkins`, is a function of
a row of scores, one for each class, and of the true class. It trains all classes in
one problem.

Examples
--------
>>> from hingesvm.losses import Hinge
>>> loss = Hinge()
>>> loss.value([0.8, 0.4, 1.2])
array([0.2, 0.6, 0. ])
>>> loss.subgradient([0.8, 0.4, 1.2])
array([-1., -1.,  0.])

>>> from hingesvm.losses import CrammerSinger
>>> CrammerSinger().value([[2.0, 0.5, 0.0], [0.5, 0.25, 0.0]], [0, 1])
array([0.  , 1.25])
"""

from hingesvm._public import set_public_module
from hingesvm.losses._base import Float64Array as Float64Array
from hingesvm.losses._margin import (
    Hinge,
    MarginLoss,
    SmoothedHinge,
    SquaredHinge,
    get_loss,
)
from hingesvm.losses._multiclass import (
    CrammerSinger,
    MulticlassLoss,
    WestonWatkins,
    get_multiclass_loss,
)

__all__ = [
    "CrammerSinger",
    "Hinge",
    "MarginLoss",
    "MulticlassLoss",
    "SmoothedHinge",
    "SquaredHinge",
    "WestonWatkins",
    "get_loss",
    "get_multiclass_loss",
]

set_public_module(__name__)

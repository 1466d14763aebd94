"""The mean hinge loss of decisions: at once, over batches, and as a scorer.

All are right also on data that lack a class.

Examples
--------
>>> from hingesvm.metrics import HingeLossAccumulator, hinge_loss
>>> hinge_loss([0, 1, 1], [-2.0, 0.5, 0.0])
0.5
>>> batches = HingeLossAccumulator(labels=[0, 1])
>>> batches.update([0], [-2.0]).update([1, 1], [0.5, 0.0]).compute()
0.5
"""

from hingesvm._public import set_public_module
from hingesvm.metrics._accumulator import HingeLossAccumulator
from hingesvm.metrics._hinge_loss import hinge_loss
from hingesvm.metrics._scorer import NegHingeLossScorer as NegHingeLossScorer
from hingesvm.metrics._scorer import (
    make_neg_hinge_loss_scorer,
    neg_hinge_loss_scorer,
)

__all__ = [
    "HingeLossAccumulator",
    "hinge_loss",
    "make_neg_hinge_loss_scorer",
    "neg_hinge_loss_scorer",
]

set_public_module(__name__, "NegHingeLossScorer")

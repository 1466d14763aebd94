"""Penalties of weights: the squared norm, the L1 norm, and sums of both.

A penalty is a sum of terms of one weight each, of which solvers see two numbers.
"""

from hingesvm._public import set_public_module
from hingesvm.penalties._columns import ColumnPenalty, soft
from hingesvm.penalties._elastic_net import ElasticNet, get_penalty
from hingesvm.penalties._separable import Penalty

__all__ = ["ColumnPenalty", "ElasticNet", "Penalty", "get_penalty", "soft"]

set_public_module(__name__)

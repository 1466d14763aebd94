"""Fits that the tests of all solvers share."""

import pytest
from reference import LOSSES, RULES, make_problem

from hingesvm.solvers import solve

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)
every_rule = pytest.mark.parametrize("rule", RULES)


def exact(X, y, loss=LOSSES[0], rule="free", cost=1.0, method="auto", **options):
    return solve(make_problem(X, y, loss, rule, cost), method=method, **options)

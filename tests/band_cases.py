"""Newton steps on bands of a small problem, and checks of what they find."""

import numpy as np
import pytest
from reference import LOSSES, RULES, check_solution, upper

from hingesvm.solvers import Progress
from hingesvm.solvers.newton.bands import band_until, nest

N, D = 800, 5

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)
every_rule = pytest.mark.parametrize("rule", RULES)


def run(problem, goal=1e-4, max_iter=300, start=None, seed=0):
    """Bands from a start, else from samples."""
    progress = Progress(problem, goal, max_iter)
    band_until(progress, start or nest(progress, seed), goal)
    return progress


def check(progress, X, y, cost, loss, rule, goal):
    """The goal is reached, feasibly, and the certificate is true; return it."""
    solution = progress.solution()
    assert solution.converged
    gap = check_solution(solution, X, y, cost, loss, rule)
    certificate = solution.certificate
    assert gap <= goal * certificate.primal * (1.0 + 1e-6)
    check_feasible(certificate, y, cost, loss, rule)
    for before, after in zip(progress.history, progress.history[1:], strict=False):
        # Where they differ by rounding only, the newer point is taken.
        assert after.objective <= before.objective * (1.0 + 1e-14)
        # The gap of the last line has rounding errors that may be there, too.
        hidden = certificate.hidden + 1e-14 * before.objective
        assert after.gap <= before.gap + hidden
        assert after.iteration >= before.iteration
    assert certificate.hidden <= 0.1 * goal * certificate.primal
    assert progress.n_iter == progress.history[-1].iteration
    return certificate


def check_feasible(certificate, y, cost, loss, rule):
    alpha, cost = certificate.alpha, np.broadcast_to(cost, len(y))
    tops = np.array([upper(loss, c) for c in cost])
    assert np.all((alpha >= 0.0) & (alpha <= tops))
    if rule == "free":
        assert abs(alpha @ y) <= 1e-13 * alpha.sum()

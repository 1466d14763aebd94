"""Kinds of start: what is kept of them, and what is believed."""

import numpy as np
import pytest
from reference import RULES, blobs, make_problem

from hingesvm.losses import Hinge
from hingesvm.problems.start import (
    CertifiedStart,
    KeptStart,
    KnownMargins,
    PathStart,
    Start,
    UnseenStart,
    WarmStart,
)
from hingesvm.solvers import solve

ALPHA, W = np.array([0.5, 0.0, 1.0]), np.array([1.0, -2.0])
MARGINS = KnownMargins(np.zeros(3), np.ones(3, dtype=np.float32))


def certificate_of(cost, rule="free"):
    problem = make_problem(*blobs(60, 3), Hinge(), rule, cost)
    return problem, solve(problem).certificate


def test_w_of_duals_is_computed_where_it_is_not_known():
    problem, best = certificate_of(1.0)
    assert Start(best.alpha).combined(problem) == pytest.approx(
        problem.combine(best.alpha)
    )
    known = np.ones(3)
    assert Start(best.alpha, w_of_duals=known).combined(problem) is known


def test_what_is_known_of_duals_goes_with_them():
    other, known = np.ones(3), np.full(2, 3.0)
    kept = KeptStart(ALPHA, W, 0.5, known, is_at_bound=ALPHA == 1.0).with_duals(other)
    assert isinstance(kept, KeptStart)
    assert kept.alpha is other
    assert kept.w is W
    assert kept.intercept == 0.5
    assert kept.w_of_duals is None
    assert Start(ALPHA).with_duals(other, known).w_of_duals is known


@pytest.mark.parametrize("kind", [PathStart, CertifiedStart])
def test_other_duals_have_no_certificate_but_the_margins(kind):
    _, best = certificate_of(1.0)
    more = {"ratio": 2.0} if kind is PathStart else {}
    start = kind(ALPHA, W, 0.5, margins=MARGINS, certificate=best, **more)
    moved = start.with_duals(np.ones(3))
    assert type(moved) is WarmStart
    assert moved.margins is MARGINS
    assert moved.w is W


def test_an_unseen_start_keeps_all_but_the_certificate():
    _, best = certificate_of(1.0)
    start = PathStart(ALPHA, W, 0.5, margins=MARGINS, certificate=best, ratio=2.0)
    unseen = UnseenStart.of(start)
    assert unseen.alpha is ALPHA
    assert unseen.w is W
    assert unseen.intercept == 0.5
    assert unseen.margins is MARGINS
    assert UnseenStart.of(Start(ALPHA)).margins is None


@pytest.mark.parametrize("rule", RULES)
def test_what_holds_at_other_costs_is_not_believed(rule):
    _, best = certificate_of(0.1, rule)
    problem, _ = certificate_of(1.0, rule)
    point = best.alpha, best.w, best.intercept
    wrong = solve(problem, start=PathStart(*point, certificate=best, ratio=10.0))
    right = solve(problem)
    assert wrong.converged
    distance = abs(wrong.certificate.primal - right.certificate.primal)
    assert distance <= 1e-9 * right.certificate.primal


def test_a_certificate_at_these_costs_is_believed():
    problem, best = certificate_of(1.0)
    start = CertifiedStart(best.alpha, best.w, best.intercept, certificate=best)
    solution = solve(problem, start=start, max_iter=1)
    assert solution.converged
    assert solution.n_iter == 0

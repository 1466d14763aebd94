"""Certificates: gaps that are never negative, and the better points of two."""

import numpy as np

from hingesvm.problems.certificate import Certificate
from hingesvm.rows.duals import PackedDuals


def certificate_of(primal_value, dual_value):
    return Certificate(
        np.array([primal_value]), 0.0, np.array([dual_value]), primal_value, dual_value
    )


def test_join_takes_the_better_of_each():
    old, new = certificate_of(5.0, 1.0), certificate_of(7.0, 2.0)
    for joined in (old.join(new), new.join(old)):
        assert (joined.primal, joined.dual, joined.gap) == (5.0, 2.0, 3.0)
        assert joined.w == [5.0]
        assert joined.alpha == [2.0]


def test_join_prefers_the_newer_of_equals():
    old, new = certificate_of(5.0, 1.0), certificate_of(5.0, 1.0)
    joined = old.join(new)
    assert joined.w is new.w
    assert joined.alpha is new.alpha


def test_gap_is_never_negative_nor_proved_by_an_impossible_dual_value():
    assert certificate_of(1.0, 1.0 + 1e-16).gap == 0.0
    assert certificate_of(1.0, 2.0).gap == 1.0
    assert certificate_of(4.0, 1.0).relative_gap == 0.75
    assert certificate_of(0.0, -1.0).relative_gap == 0.0


def test_packed_duals_are_unpacked():
    alpha, bound = np.array([0.0, 2.0, 0.5]), np.full(3, 2.0)
    plain = Certificate(np.zeros(1), 0.0, alpha, 2.0, 1.0)
    packed = Certificate(np.zeros(1), 0.0, PackedDuals.pack(alpha, bound), 2.0, 1.5)
    assert plain.alpha is alpha
    assert np.array_equal(packed.alpha, alpha)
    assert plain.join(packed).duals is packed.duals

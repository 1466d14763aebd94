"""What must not change an answer: order, labels, repetition, scale, storage, shift."""

import numpy as np
import pytest
import scipy.sparse as sp
from reference import blobs
from solver_cases import every_loss, every_rule, exact


def assert_same(one, two, turned=1.0):
    one, two = one.certificate, two.certificate
    assert two.primal == pytest.approx(one.primal, rel=1e-9)
    assert turned * two.w == pytest.approx(one.w, abs=1e-6 * np.abs(one.w).max())
    assert turned * two.intercept == pytest.approx(one.intercept, abs=1e-6)


both = pytest.mark.parametrize("method", ["auto", "batch"])


@both
@every_rule
@every_loss
def test_order_of_rows_and_columns_does_not_matter(loss, rule, method):
    X, y = blobs(70, 6)
    cost = np.linspace(0.1, 2.0, 70)
    p = np.random.default_rng(0).permutation(70)
    first = exact(X, y, loss, rule, cost, method)
    assert_same(first, exact(X[p], y[p], loss, rule, cost[p], method))
    turned = exact(X[:, ::-1].copy(), y, loss, rule, cost, method)
    assert turned.certificate.w[::-1] == pytest.approx(first.certificate.w, abs=1e-6)


@both
@every_rule
@every_loss
def test_swapped_labels_turn_the_signs(loss, rule, method):
    X, y = blobs(70, 6)
    one = exact(X, y, loss, rule, method=method)
    assert_same(one, exact(X, -y, loss, rule, method=method), -1.0)
    mirrored = exact(-X, -y, loss, rule, method=method).certificate
    assert mirrored.w == pytest.approx(one.certificate.w, abs=1e-6)
    assert mirrored.intercept == pytest.approx(-one.certificate.intercept, abs=1e-6)


@both
@every_rule
@every_loss
def test_a_row_twice_is_a_row_of_double_cost(loss, rule, method):
    X, y = blobs(50, 4)
    times = np.arange(50) % 3 + 1
    index = np.repeat(np.arange(50), times)
    one = exact(X[index], y[index], loss, rule, 0.7, method)
    assert_same(one, exact(X, y, loss, rule, 0.7 * times, method))


@both
@pytest.mark.parametrize("rule", ["none", "free"])
@every_loss
def test_scale_of_rows_is_a_scale_of_the_cost(loss, rule, method):
    # w / 8 for 8 X, and so P / 64. (A penalised intercept would not follow.)
    X, y = blobs(50, 4)
    one = exact(X, y, loss, rule, 64.0, method).certificate
    two = exact(8.0 * X, y, loss, rule, 1.0, method).certificate
    assert 8.0 * two.w == pytest.approx(one.w, abs=1e-6 * np.abs(one.w).max())
    assert two.intercept == pytest.approx(one.intercept, abs=1e-6)
    assert 64.0 * two.primal == pytest.approx(one.primal, rel=1e-9)


@both
@every_loss
def test_storage_does_not_matter(loss, method):
    X, y = blobs(60, 6)
    X = (np.round(4.0 * X) / 4.0) * (np.abs(X) > 0.4)  # exact in float32
    one = exact(X, y, loss, method=method)
    wide = sp.csr_array(X)
    wide.indices, wide.indptr = wide.indices.astype("i8"), wide.indptr.astype("i8")
    for other in (X.astype("f4"), sp.csr_matrix(X), wide, wide.astype("f4")):
        assert_same(one, exact(other, y, loss, method=method))


@pytest.mark.parametrize("method", ["auto", "batch"])
@every_loss
def test_free_intercept_absorbs_a_shift_of_the_rows(loss, method):
    X, y = blobs(60, 4)
    shift = np.array([3.0, -2.0, 0.0, 5.0])
    one = exact(X, y, loss, method=method).certificate
    two = exact(X + shift, y, loss, method=method).certificate
    assert two.w == pytest.approx(one.w, abs=1e-6)
    assert two.intercept + shift @ two.w == pytest.approx(one.intercept, abs=1e-6)

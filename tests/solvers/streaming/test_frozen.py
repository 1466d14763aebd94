"""What sums and a sample tell of the losses of frozen rows."""

import numpy as np
import pytest
from reference import RULES
from samples import make_data

from hingesvm.losses import Hinge, SmoothedHinge, SquaredHinge
from hingesvm.problems.binary import Problem
from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers.streaming.frozen import Frozen
from hingesvm.solvers.streaming.sums import Sums

LOSSES = [Hinge(), SquaredHinge(), SmoothedHinge(0.5)]
LIVE, OTHERS = np.arange(40), np.arange(40, 200)


def parts(X, y, loss, rule, *, every=1, w=0.0, intercept=0.0):
    """The whole problem, and what is known where all but 40 rows are frozen.

    They are frozen as they are at a model, and one of `every` is in the sample.
    """
    signs = np.where(y == 1, 1, -1).astype(np.int8)
    whole = Problem.build(MemoryRows(X), signs, 1.0, loss, rule)
    frozen, sample = whole.subset(OTHERS), OTHERS[::every]
    alpha = frozen.slopes(1.0 - frozen.margins(np.full(X.shape[1], w), intercept))
    sums = Sums.zero(X.shape[1]).with_rows(frozen, alpha)
    some = whole.subset(sample, every)
    return whole, Frozen(whole.subset(LIVE), sums, some, every * alpha[::every]), sample


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_sample_of_all_rows_tells_the_objective(loss, rule):
    X, y = make_data(200, 4)
    whole, frozen, _ = parts(X, y, loss, rule, w=0.3)
    w, intercept = np.array([0.5, -0.2, 0.1, 0.7]), 0.3 * (rule != "none")
    found = frozen.estimate(w, intercept)
    assert found.value == pytest.approx(whole.primal(w, intercept))
    assert found.lack > 0.0
    assert found.is_explained
    linear = frozen.linear(w).primal(w, intercept)
    assert linear + found.lack == pytest.approx(found.value)


def test_at_the_model_of_the_freezing_nothing_is_missing():
    X, y = make_data(200, 4)
    _, frozen, _ = parts(X, y, SquaredHinge(), "free", every=4, w=0.3, intercept=0.1)
    found = frozen.estimate(np.full(4, 0.3), 0.1)
    assert found.lack == pytest.approx(0.0, abs=1e-9)


def test_a_sample_without_the_rows_of_a_column_explains_nothing():
    X, y = make_data(200, 4)
    rare = np.zeros(200)
    # Rows that are frozen, and not of the sample.
    rare[41::4] = np.where(y[41::4] == 1, 1.0, -1.0)
    _, frozen, _ = parts(np.column_stack([X, rare]), y, Hinge(), "none", every=4)
    assert frozen.estimate(np.zeros(5), 0.0).is_explained
    along = np.array([0.0, 0.0, 0.0, 0.0, 100.0])
    assert not frozen.estimate(along, 0.0).is_explained


def test_negative_losses_are_not_believed():
    X, y = make_data(200, 4)
    X[:, 3] = 0.0
    X[41::4, 3] = np.where(y[41::4] == 1, 1.0, -1.0)
    _, frozen, _ = parts(X, y, Hinge(), "none", every=4)
    assert frozen.estimate(np.array([0.0, 0.0, 0.0, 1e3]), 0.0).value == np.inf


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_problems_with_the_sample(loss, rule):
    X, y = make_data(200, 4)
    whole, frozen, sample = parts(X, y, loss, rule, every=4, w=0.3)
    w, intercept = np.array([0.5, -0.2, 0.1, 0.7]), 0.3 * (rule != "none")
    corrected, replaced = frozen.with_sample(whole, LIVE, sample, w)
    assert corrected.primal(w, intercept) == pytest.approx(
        frozen.estimate(w, intercept).value
    )
    losses = [
        part.loss_sum(1.0 - part.margins(w, intercept))
        for part in (frozen.live, whole.subset(sample))
    ]
    norm = w @ w + intercept**2 * (rule == "penalized")
    assert replaced.primal(w, intercept) == pytest.approx(
        0.5 * norm + losses[0] + 4.0 * losses[1]
    )

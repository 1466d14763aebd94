"""Training: one build of rows and labels, trained with many values of C."""

import numpy as np
import pytest
from samples import LOSSES, RULES, make_data, text

from hingesvm import HingeSVC
from hingesvm._training import Training
from hingesvm.solvers import Rows, Solution


def training_of(X, y, weights=None, where="", **params):
    """Return the training that a fit with these parameters does."""
    return Training.build(HingeSVC(**params), Rows(X), y, weights, where)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "params",
    [*({"loss": loss} for loss in LOSSES), {"multi_class": "crammer_singer"}],
    ids=str,
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_training_is_what_fits_do(n_classes, params, rule):
    X, y = make_data(40, 4, n_classes=n_classes)
    training = training_of(X, y, **params, **rule)
    for C in [1.0, 0.1]:
        trained, clf = training.train(C), HingeSVC(C, **params, **rule).fit(X, y)
        np.testing.assert_array_equal(trained.coef, clf.coef_)
        np.testing.assert_array_equal(trained.intercept, clf.intercept_)
        assert trained.objective == clf.objective_
        assert trained.dual_gap == clf.dual_gap_
        assert trained.n_iter == clf.n_iter_
        assert trained.converged


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "params",
    [*({"loss": loss} for loss in LOSSES), {"multi_class": "weston_watkins"}],
    ids=str,
)
def test_starts_know_the_square_of_their_weights(params, rule):
    X, y = make_data(60, 4, n_classes=3)
    training = training_of(X, y, **params, **rule)
    starts = training.starts_from(training.train(0.5, keep_duals=True))
    assert len(starts) == (1 if "multi_class" in params else 3)
    for target, start in enumerate(starts):
        if params.get("loss") in ("squared_hinge", "smoothed_hinge"):
            assert start.square is None
            continue
        if start.alpha.ndim == 1:
            signed = np.where(y == target, 1.0, -1.0) * start.alpha
        else:
            signed = -start.alpha
            signed[np.arange(len(y)), y] = start.alpha.sum(axis=1)
        expected = np.sum((X.T @ signed) ** 2)
        if "penalized_intercept" in rule:
            expected += np.sum(signed.sum(axis=0) ** 2)
        assert start.square == pytest.approx(expected, rel=1e-9)


def test_what_is_kept():
    X, y = make_data(60, 4)
    training = training_of(X, y)
    alone, kept = training.train(0.5), training.train(0.5, keep_duals=True)
    assert len(alone.solutions[0].certificate.alpha) == 0
    assert len(kept.solutions[0].certificate.alpha) == 60
    without = kept.without_duals()
    assert isinstance(without.solutions[0], Solution)
    assert len(without.solutions[0].certificate.alpha) == 0
    np.testing.assert_array_equal(without.coef, kept.coef)
    assert without.objective == kept.objective
    bare = kept.without_coefficients()
    assert bare.coef.shape == (0, 4)
    assert bare.intercept.shape == (0,)
    assert bare.dual_gap == kept.dual_gap


def test_one_class_names_the_rows():
    X, _ = make_data(20, 2)
    with pytest.raises(ValueError, match=r"HingeSVC .*, but y of these has .*: 1"):
        training_of(X, np.ones(20, dtype=int), where=" of these")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", ["auto", "stochastic", "batch"])
def test_start_at_the_solution_takes_one_look(solver, loss):
    X, y = text(11_000, 400)
    training = training_of(X, y, loss=loss, solver=solver, tol=1e-2)
    first = training.train(0.1, keep_duals=True)
    again = training.train(0.1, training.starts_from(first))
    assert again.solutions[0].n_iter == 0
    assert again.n_iter == 1
    # The multiple of smooth duals that is best may be another one.
    assert again.dual_gap <= first.dual_gap + 1e-9 * first.objective

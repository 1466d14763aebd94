"""Training: one build of rows and labels, trained with many values of C."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from samples import LOSSES, RULES, make_data, text

from hingesvm import HingeSVC
from hingesvm.model_selection._path import train_along
from hingesvm.problems.binary import Problem
from hingesvm.problems.joint import JointProblem
from hingesvm.problems.rays import along_ray
from hingesvm.problems.start import CertifiedStart
from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers import Solution
from hingesvm.solvers.newton import bands
from hingesvm.training.run import Training


def training_of(X, y, weights=None, where="", **params):
    """Return the training that a fit with these parameters does."""
    return Training.build(HingeSVC(**params), MemoryRows(X), y, weights, where)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("C", [0.05, 0.5, 7.0])
@pytest.mark.parametrize(
    "params",
    [*({"loss": loss} for loss in LOSSES), {"multi_class": "weston_watkins"}],
    ids=str,
)
def test_starts_know_their_certificate_at_other_costs(params, C, rule):
    X, y = make_data(60, 4, n_classes=3)
    training = training_of(X, y, **params, **rule)
    starts = training.starts_from(training.train(0.5, keep_duals=True), C)
    assert len(starts) == (1 if "multi_class" in params else 3)
    for target, start in enumerate(starts):
        if "multi_class" in params:
            problem = JointProblem(
                *(training.rows, y.astype(np.intp), 3, np.full(60, C)),
                *(training.joint.margin, training.joint.total, training.rule),
            )
        else:
            signs = np.where(y == target, 1, -1).astype(np.int8)
            problem = Problem.build(
                training.rows, signs, C, training.loss, training.rule
            )
        moved = along_ray(problem, start)
        if params.get("loss") in ("squared_hinge", "smoothed_hinge"):
            assert not isinstance(moved, CertifiedStart)
            continue
        found = moved.certificate
        np.testing.assert_array_equal(problem.repair(found.alpha), found.alpha)
        b = found.intercept
        assert found.primal == pytest.approx(problem.primal(found.w, b), rel=1e-12)
        assert found.dual == pytest.approx(problem.dual(found.alpha), rel=1e-9)
        w_of_duals = problem.combine(found.alpha)
        if found.w_of_duals is not None:
            np.testing.assert_allclose(found.w_of_duals, w_of_duals, rtol=0, atol=1e-9)


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
    again = training.train(0.1, training.starts_from(first, 0.1))
    assert again.solutions[0].n_iter == 0
    assert again.n_iter == 1
    # The multiple of smooth duals that is best may be another one.
    assert again.dual_gap <= first.dual_gap + 1e-9 * first.objective


def tall_training(loss, dtype, kind, rule):
    """Return the training of a problem that is solved in bands, and its rows."""
    X, y = make_data(12_000, 4, dtype=dtype)
    return training_of(kind(X), y, loss=loss, tol=1e-3, **rule), X


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
def test_what_the_last_look_saw_is_not_looked_at_again(
    monkeypatch, kind, dtype, loss, rule
):
    training, X = tall_training(loss, dtype, kind, rule)
    first = training.train(0.01, keep_duals=True)
    (solution,) = first.solutions
    certificate = solution.certificate
    signs = np.where(training.codes == 1, 1, -1).astype(np.int8)
    margins = signs * (X @ certificate.w + certificate.intercept)
    np.testing.assert_allclose(solution.margins.shortfall, 1.0 - margins, atol=1e-5)
    lengths = []
    look = bands.survey_rows

    def counted(problem, *args, **kwargs):
        lengths.append(problem.n_rows)
        return look(problem, *args, **kwargs)

    monkeypatch.setattr(bands, "survey_rows", counted)
    found = training.train(0.1, training.starts_from(first, 0.1), keep_duals=True)
    reused, lengths[:] = len(lengths), []
    starts = [
        replace(start, margins=None) for start in training.starts_from(first, 0.1)
    ]
    other = training.train(0.1, starts)
    assert reused <= len(lengths) - 1
    assert found.dual_gap <= 1e-3 * found.objective
    # The models are as near each other as their gaps promise.
    distance = np.sqrt(2.0 * found.dual_gap) + np.sqrt(2.0 * other.dual_gap)
    assert np.linalg.norm(found.coef - other.coef) <= distance + 1e-5
    problem = Problem.build(training.rows, signs, 0.1, training.loss, training.rule)
    certificate = found.solutions[0].certificate
    primal = problem.primal(certificate.w, certificate.intercept)
    assert primal == pytest.approx(certificate.primal, rel=1e-9)
    dual = problem.dual(certificate.alpha)
    assert dual == pytest.approx(certificate.dual, rel=1e-9)


def test_margins_of_a_look_are_kept_for_the_next_fit_only():
    training, _ = tall_training("hinge", np.float32, np.asarray, {})
    kept = training.train(0.01, keep_duals=True)
    alone = training.train(0.01)
    for trained in [alone, kept.without_duals(), kept.without_coefficients()]:
        assert trained.solutions[0].margins is None
    assert kept.solutions[0].margins.reach.dtype == np.float32
    X, y = make_data(12_000, 4, n_classes=3, dtype=np.float32)
    each = training_of(X, y, tol=1e-3).train(0.01, keep_duals=True).solutions
    assert [solution.margins for solution in each] == [None] * 3


def arrays_of(trained):
    certificates = [solution.certificate for solution in trained.solutions]
    found = [trained.coef, trained.intercept]
    return found + [each.weights for each in certificates]


def test_forgotten_coefficients_take_no_memory():
    X, y = make_data(n_classes=3)
    training = training_of(X, y)
    for _, trained in train_along(training, [0.1, 1.0]):
        bare = trained.without_coefficients()
        for array in arrays_of(bare):
            assert array.size == 0
            assert array.base is None or array.base.size == 0
        assert bare.objective == trained.objective
        assert bare.dual_gap == trained.dual_gap
        assert all(np.any(array) for array in arrays_of(trained))

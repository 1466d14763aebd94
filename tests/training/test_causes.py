"""Why a fit ended above the tolerance: what its warning says, of what it measured."""

import re

import numpy as np
import pytest
import scipy.sparse as sp
from samples import make_data
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning

from hingesvm import HingeSVC, HingeSVCCV, hinge_path
from hingesvm.problems.certificate import Certificate
from hingesvm.rows.columns import condition_of_columns
from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers import Check, Solution
from hingesvm.training.causes import causes_of, end_of
from hingesvm.training.trained import TrainedModel

FORMS = ["ovr", "crammer_singer", "weston_watkins"]


def message_of(fit, *args):
    """Return the one warning of a fit."""
    with pytest.warns(ConvergenceWarning) as caught:
        fit(*args)
    (one,) = caught
    return str(one.message)


def solution_of(gaps, *, hidden=0.0, noise=0.0, step=100):
    """Return a solution with the objective 2 and these relative gaps, in looks."""
    history = [Check(step * k, 0.0, 2.0, 2.0 * gap, 9) for k, gap in enumerate(gaps)]
    nothing = np.empty(0)
    dual = 2.0 - 2.0 * gaps[-1] + hidden
    found = Certificate(nothing, 0.0, nothing, 2.0, dual, above=hidden)
    return Solution(found, step * (len(gaps) - 1), False, history, noise=noise)


def told(*solutions, X=None, max_iter=1000, tol=1e-4, cost=1.0):
    """Return what is said of problems."""
    X = make_data(20, 3)[0] if X is None else X
    nothing = np.empty(0)
    trained = TrainedModel(
        nothing, nothing, list(solutions), 0.0, 1.0, np.full(1, float(cost))
    )
    return " ".join(causes_of(MemoryRows(X), [trained], tol, max_iter))


FALLING = solution_of([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1])
STUCK = solution_of([1.0] + [0.3] * 10)
HIDDEN = solution_of([1.0] + [0.5] * 10, hidden=0.6)


@pytest.mark.parametrize(
    ("solution", "max_iter", "end"),
    [
        (FALLING, 1000, "falling"),
        (STUCK, 1000, "stuck"),
        # It gave up by itself.
        (FALLING, 2000, "stuck"),
        (HIDDEN, 1000, "hidden"),
        (HIDDEN, 2000, "hidden"),
        (solution_of([1.0, 0.5, 0.1]), 200, "few"),
        (solution_of([1.0, 1e-15]), 100, "nothing"),
    ],
)
def test_ends(solution, max_iter, end):
    assert end_of(solution, max_iter) == end


def test_a_gap_that_still_fell_asks_for_more_iterations():
    text = told(FALLING)
    assert "It still fell, from 30 % to 10 % in the last 300 iterations." in text
    assert text.endswith("Raise max_iter, or tol if this gap is small enough.")


def test_a_gap_that_no_longer_fell_does_not():
    text = told(STUCK)
    assert text.startswith("It came next to no closer in the last 300 iterations.")
    assert "max_iter" not in text


def test_a_gap_that_fell_to_an_early_end_is_not_said_to_have_stood():
    # Nothing more could be done, at an iteration before max_iter.
    text = told(solution_of([1.0, 0.5, 0.1, 1e-2, 1e-3], step=10))
    assert "closer" not in text
    assert "did not fall any more after 40 iterations" in text


def test_rounding_that_is_most_of_the_gap_is_told_with_its_size():
    text = told(HIDDEN)
    assert "Rounding errors hide the rest" in text
    assert "can be off by 30 % of it" in text
    assert "max_iter" not in text


@pytest.mark.parametrize(
    ("noise", "said"), [(1e-5, None), (0.02, "by 1 % of it"), (9.0, "by all of it")]
)
def test_steps_that_are_blind_below_rounding_errors(noise, said):
    text = told(solution_of([1.0] + [0.3] * 10, noise=noise))
    assert ("Rounding errors in the float64 sums" in text) == (said is not None)
    assert said is None or said in text


def test_problems_that_end_in_different_ways_are_told_apart():
    text = told(FALLING, STUCK, HIDDEN)
    first, second, third = (
        text.index("Rounding errors hide the rest"),
        text.index("Another one came next to no closer"),
        text.index("Another one still fell"),
    )
    assert first < second < third
    # Of those that end alike, the worst speaks.
    assert told(STUCK, solution_of([1.0] + [0.2] * 10)) == told(STUCK)


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix])
def test_uneven_rows_and_columns_are_named_with_their_ratios(make):
    X = np.ones((9, 2))
    assert "times as long" not in told(STUCK, X=make(X))
    X[0] *= 1e4
    assert "The longest row of X is 1e+04 times as long" in told(STUCK, X=make(X))
    assert "differ in scale" not in told(STUCK, X=make(X))
    X = np.ones((9, 2)) * [1.0, 1e-5]
    assert "columns of X differ in scale by a factor of 1e+05" in told(STUCK, X=make(X))
    # Zeros have no scale.
    assert told(STUCK, X=make(np.zeros((9, 2)))) == told(STUCK, X=make(np.eye(9)))


def test_columns_that_nearly_depend_on_each_other():
    X = np.random.default_rng(0).normal(size=(50, 3))
    assert "depend" not in told(STUCK, X=X)
    X = np.column_stack([X, X.sum(axis=1) + 1e-7 * X[:, 0] ** 2])
    assert re.search(r"condition number of [\d.]+e\+07", told(STUCK, X=X))


def test_margins_that_are_nearly_hard():
    X = np.eye(3)
    assert "hard" not in told(STUCK, X=X)
    text = told(STUCK, X=X, cost=1e9)
    assert (
        "C times weight times squared length of a row of X is 1e+09, by medians" in text
    )


def test_coefficients_that_are_nearly_zero_and_weights_that_differ():
    assert "nearly 0" in told(STUCK, X=np.eye(3), cost=1e-5)
    assert "nearly 0" not in told(STUCK, X=np.eye(3), cost=1e-3)
    nothing = np.empty(0)
    costs = np.array([1.0, 1e-4, 1.0])
    trained = TrainedModel(nothing, nothing, [STUCK], 0.0, 1.0, costs)
    (_, text) = causes_of(MemoryRows(np.eye(3)), [trained], 1e-4, 1000)
    assert text.startswith("The weights of rows differ by a factor of 1e+04")


@pytest.mark.parametrize("shape", [(30, 1), (4000, 3), (5, 5)])
def test_condition_number_does_not_depend_on_scales(shape):
    X = np.random.default_rng(0).normal(size=shape)
    X[:, -1] *= 1e150
    expected = X / np.sqrt(((X / X.max(axis=0)) ** 2).sum(axis=0)) / X.max(axis=0)
    expected = np.linalg.cond(expected)
    # Of many rows a sample is looked at.
    rel = 0.1 if shape[0] > 2000 else 1e-9
    assert condition_of_columns(MemoryRows(X)) == pytest.approx(expected, rel=rel)


@pytest.mark.parametrize("X", [np.ones((3, 4)), np.zeros((3, 2)), np.ones((1, 1))])
def test_condition_number_of_what_has_none(X):
    assert condition_of_columns(MemoryRows(X)) == 1.0


def test_equal_columns_have_a_large_condition_number():
    assert 1e15 < condition_of_columns(MemoryRows(np.ones((4, 2)))) < 1e17


@pytest.mark.parametrize("form", FORMS)
def test_fits_say_when_rounding_errors_hide_the_rest(form):
    # C ||x||^2 is 1e26.
    X, y = make_data(60, 4, n_classes=2)
    clf = HingeSVC(1e12, tol=1e-9, multi_class=form)
    text = message_of(clf.fit, 1e7 * X, y)
    assert "Rounding errors" in text
    assert "can be off by" in text or "can change the objective by" in text


@pytest.mark.parametrize("form", FORMS)
def test_fits_on_uneven_rows_name_them(form):
    X, y = make_data(60, 4, n_classes=3)
    X = X * 10.0 ** np.random.default_rng(0).uniform(-5.0, 5.0, (60, 1))
    clf = HingeSVC(1e4, solver="stochastic", tol=1e-6, multi_class=form)
    text = message_of(clf.fit, X, y)
    assert "solver='stochastic' takes no Newton steps: take 'auto'." in text
    assert re.search(r"came next to no closer in the last \d+ iterations", text)
    assert re.search(r"The longest row of X is [\d.]+e\+0[345] times as long", text)


def search(X, y):
    """Search with sweeps that do not get there."""
    return HingeSVCCV(Cs=[1e-3, 1.0], cv=2, solver="stochastic").fit(X, y)


def path(X, y):
    """Follow a path likewise."""
    return hinge_path(X, y, Cs=[1e-3, 1.0], solver="stochastic")


@pytest.mark.parametrize("fit", [search, path])
def test_paths_and_searches_tell_causes_too(fit):
    X, y = load_breast_cancer(return_X_y=True)
    text = message_of(fit, X, y)
    assert re.search(r"(came no closer|still fell).* in the last \d+ iterations", text)
    assert "The columns of X differ in scale by a factor of 1.4e+05" in text

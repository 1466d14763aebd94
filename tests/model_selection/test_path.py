"""hinge_path: each solution along the path is that of an independent fit."""

import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from samples import LOSSES, RULES, make_data, text
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import InvalidParameterError

from hingesvm import HingeSVC
from hingesvm.losses import SmoothedHinge, WestonWatkins
from hingesvm.model_selection import HingePath, hinge_path
from hingesvm.penalties import ElasticNet, get_penalty

CS = [0.3, 1e-3, 4.0, 0.3]  # in no order, one twice
KINDS = pytest.mark.parametrize(
    "kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"]
)


def assert_as_cold(path, X, y, sample_weight=None, **params):
    """Assert that each fit is a cold one's, within what both gaps allow.

    P is 1-strongly convex in w, so that each is within sqrt(2 gap) of the optimum.
    """
    for place, C in enumerate(path.Cs):
        cold = HingeSVC(C, **params).fit(X, y, sample_weight=sample_weight)
        gap, room = path.dual_gaps[place], 1e-12 * cold.objective_
        # The weights of a two-class joint fit are the difference of both.
        joint = params.get("multi_class", "ovr") != "ovr" and len(path.classes) == 2
        # Of float32 weights the last digit is rounded.
        digits = np.finfo(path.coefs.dtype).eps * np.linalg.norm(cold.coef_)
        distance = sum(np.sqrt(2.0 * (g + room)) for g in [gap, cold.dual_gap_])
        distance = (2.0 if joint else 1.0) * len(cold.coef_) ** 0.5 * distance + digits
        assert np.linalg.norm(path.coefs[place] - cold.coef_) <= distance
        difference = path.objectives[place] - cold.objective_
        assert -cold.dual_gap_ - room <= difference <= gap + room
        assert gap <= params.get("tol", 1e-4) * path.objectives[place]
        assert path.converged[place]
        assert 1 <= path.n_iters[place] <= 1000
        assert path.coefs[place].shape == cold.coef_.shape
        assert path.intercepts[place].shape == cold.intercept_.shape
        np.testing.assert_array_equal(path.classes, cold.classes_)


@KINDS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", [*LOSSES, SmoothedHinge(0.3)])
def test_each_fit_is_a_cold_one(loss, rule, dtype, kind):
    X, y = make_data(60, 4, dtype=dtype)
    X = kind(X)
    path = hinge_path(X, y, Cs=CS, loss=loss, **rule)
    assert isinstance(path, HingePath)
    assert path.coefs.dtype == path.intercepts.dtype == dtype
    np.testing.assert_array_equal(path.Cs, CS)
    assert_as_cold(path, X, y, loss=loss, **rule)


@KINDS
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "form", ["ovr", "crammer_singer", "weston_watkins", WestonWatkins(margin=2.0)]
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_several_classes(n_classes, form, rule, kind):
    X, y = make_data(30, 3, n_classes=n_classes)
    X = kind(X)
    path = hinge_path(X, y, Cs=CS[:3], multi_class=form, **rule)
    assert_as_cold(path, X, y, multi_class=form, **rule)


@pytest.mark.parametrize("form", ["ovr", "weston_watkins"])
def test_weights_of_rows_and_classes(form):
    X, y = make_data(30, 3, n_classes=3)
    weights = np.arange(len(y)) % 3
    for class_weight in ["balanced", {0: 0.5, 1: 2.0, 2: 1.0}]:
        params = {"multi_class": form, "class_weight": class_weight}
        path = hinge_path(X, y, Cs=CS, sample_weight=weights, **params)
        assert_as_cold(path, X, y, weights, **params)


@pytest.mark.parametrize("solver", ["auto", "stochastic", "batch"])
@pytest.mark.parametrize("loss", LOSSES)
def test_large_problems_that_stop_at_the_tolerance(loss, solver):
    X, y = text(11_000, 400)
    params = {"loss": loss, "solver": solver, "tol": 1e-2}
    path = hinge_path(X, y, Cs=[1.0, 0.01, 0.1], **params)
    assert_as_cold(path, X, y, **params)
    # None is solved farther than asked for: the bound above means something.
    if solver != "batch":
        assert path.dual_gaps.max() > 1e-6 * path.objectives.max()


def test_tall_problems():
    X, y = make_data(20_000, 5, dtype=np.float32)
    path = hinge_path(X, y, Cs=[1e-3, 10.0, 0.1], tol=1e-3)
    assert_as_cold(path, X, y, tol=1e-3)


@pytest.mark.parametrize("loss", LOSSES)
def test_tiny_and_huge(loss):
    X, y = make_data()
    path = hinge_path(X, y, Cs=[1e6, 1e-9, 1.0], loss=loss)
    assert_as_cold(path, X, y, loss=loss)
    tiny, huge = path.coefs[1], path.coefs[0]
    assert 0.0 < np.linalg.norm(tiny) < 1e-5
    assert np.linalg.norm(huge) > np.linalg.norm(path.coefs[2])


def test_the_same_C_twice_costs_next_to_nothing():
    X, y = text(11_000, 400)
    path = hinge_path(X, y, Cs=[0.1, 0.1], tol=1e-3)
    assert path.n_iters[1] == 1
    assert path.dual_gaps[1] <= 1e-3 * path.objectives[1]
    assert_as_cold(path, X, y, tol=1e-3)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_fit_from_the_last_takes_fewer_iterations(loss):
    X, y = text(11_000, 400)
    Cs = np.geomspace(0.01, 1.0, 9)
    path = hinge_path(X, y, Cs=Cs, loss=loss, tol=1e-3)
    cold = [HingeSVC(C, loss=loss, tol=1e-3).fit(X, y).n_iter_ for C in Cs]
    assert path.n_iters[0] == cold[0]
    assert path.n_iters.sum() < sum(cold)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_number_of_threads_changes_no_bits(n_classes):
    X, y = make_data(n_classes=n_classes)
    one, two = (hinge_path(X, y, Cs=CS, n_jobs=n_jobs) for n_jobs in [1, 2])
    for name in ["coefs", "intercepts", "objectives", "dual_gaps", "n_iters"]:
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_objectives_by_the_formula():
    X, y = make_data()
    weights = np.linspace(0.0, 2.0, len(y))
    path = hinge_path(X, y, Cs=CS, sample_weight=weights)
    for place, C in enumerate(CS):
        w, b = path.coefs[place, 0], path.intercepts[place, 0]
        hinges = np.maximum(1.0 - np.where(y == 1, 1, -1) * (X @ w + b), 0.0)
        expected = 0.5 * w @ w + C * weights @ hinges
        assert path.objectives[place] == pytest.approx(expected, rel=1e-12)


def test_labels_and_lists():
    X, y = make_data()
    names = np.where(y == 1, "yes", "no")
    path = hinge_path(X.tolist(), names.tolist(), Cs=[0.1])
    np.testing.assert_array_equal(path.classes, ["no", "yes"])
    np.testing.assert_array_equal(path.coefs, hinge_path(X, y, Cs=(0.1,)).coefs)


def test_max_iter_warns_once_at_the_caller():
    X, y = make_data(n_classes=3)
    with pytest.warns(ConvergenceWarning, match="hinge_path: 2 of 2 fits") as caught:
        path = hinge_path(X, y, Cs=[1.0, 10.0], max_iter=1, tol=1e-14)
    assert [one.filename for one in caught] == [__file__]
    assert not path.converged.any()
    np.testing.assert_array_equal(path.n_iters, [1, 1])
    worst = float(re.search(r"gap is (\S+) %[.] ", str(caught[0].message)).group(1))
    assert 0.01 * worst >= 0.9 * (path.dual_gaps / path.objectives).max()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"loss": "log"}, InvalidParameterError, "loss"),
        ({"tol": 0.0}, InvalidParameterError, "tol"),
        ({"n_jobs": 0}, ValueError, "n_jobs == 0"),
        ({"sample_weight": [1.0]}, ValueError, "sample_weight has 1 entries"),
        ({"Cs": [1e200]}, ValueError, "must lie between"),
        ({"y": np.zeros(120)}, ValueError, "only one class: 0.0"),
        (
            {"multi_class": "weston_watkins", "loss": "squared_hinge"},
            ValueError,
            "hinge",
        ),
    ],
)
def test_bad_input(changes, error, message):
    X, y = make_data()
    with pytest.raises(error, match=message):
        hinge_path(**{"X": X, "y": y, "Cs": [1.0], **changes})


def test_paths_are_equal_if_their_arrays_are():
    X, y = make_data()
    path, same = (hinge_path(X, y, Cs=[0.1, 1.0]) for _ in range(2))
    assert path == same
    assert (path != same) is False
    assert path != hinge_path(X, y, Cs=[0.1, 2.0])
    assert path != hinge_path(X, y, Cs=[0.1])
    assert path != hinge_path(X, np.where(y == 1, "yes", "no"), Cs=[0.1, 1.0])
    assert path != replace(path, converged=~path.converged)
    assert path != "a path"
    assert path in [same]
    assert pickle.loads(pickle.dumps(path)) == path
    with pytest.raises(TypeError, match="unhashable"):
        hash(path)


@pytest.mark.parametrize("form", ["ovr", "crammer_singer"])
def test_small_problems_are_exact_whatever_the_tolerance(form):
    X, y = make_data(60, 4, n_classes=3)
    path = hinge_path(X, y, Cs=[0.01, 1.0], multi_class=form, tol=0.1)
    assert (path.dual_gaps <= 1e-10 * path.objectives).all()


def test_global_random_state_and_input_are_left_alone():
    X, y = make_data()
    before, copies = np.random.get_state()[1].copy(), (X.copy(), y.copy())  # noqa: NPY002
    Cs = np.array(CS)
    hinge_path(X, y, Cs=Cs)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.testing.assert_array_equal(X, copies[0])
    np.testing.assert_array_equal(y, copies[1])
    np.testing.assert_array_equal(Cs, CS)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_path_counts_the_weights_that_are_not_0(n_classes):
    X, y = make_data(90, 6, n_classes=n_classes)
    path = hinge_path(X, y, Cs=CS, l1_ratio=0.9)
    expected = [np.count_nonzero(HingeSVC(C, l1_ratio=0.9).fit(X, y).coef_) for C in CS]
    np.testing.assert_array_equal(path.n_nonzeros, expected)
    assert min(expected) < max(expected)
    assert path.l1_ratio == 0.9
    assert path == pickle.loads(pickle.dumps(path))
    assert path != replace(path, l1_ratio=0.5)
    assert hinge_path(X, y, Cs=CS).l1_ratio == 0.0


@pytest.mark.parametrize("share", [0.5, 1.0, ElasticNet(0.5, factors=[1, 2, 3, 4])])
def test_losses_are_the_objective_less_the_penalty(share):
    X, y = make_data(90, 4)
    path = hinge_path(X, y, Cs=CS, l1_ratio=share, penalized_intercept=True)
    for place in range(len(CS)):
        scores = X @ path.coefs[place, 0] + path.intercepts[place, 0]
        losses = np.maximum(1.0 - np.where(y == 1, 1, -1) * scores, 0.0).sum()
        assert path.losses[place] == pytest.approx(losses)
        penalty = get_penalty(share).value(path.coefs[place, 0])
        penalty += 0.5 * path.intercepts[place, 0] ** 2
        assert path.objectives[place] == pytest.approx(penalty + CS[place] * losses)

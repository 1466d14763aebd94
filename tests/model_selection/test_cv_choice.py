"""HingeSVCCV: folds solved to the tolerance, the choice of C, and its warning."""

import numpy as np
import pytest
import scipy.sparse as sp
from samples import make_data
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from hingesvm import HingeSVC
from hingesvm.model_selection import HingeSVCCV
from hingesvm.model_selection._choice import best_index, is_better, is_limited_by_grid

CS = np.logspace(-4, 4, 10)


def relative_gaps(search):
    return search.dual_gaps_ / search.objectives_


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"loss": "squared_hinge"},
        {"loss": "smoothed_hinge", "penalized_intercept": True},
        {"solver": "batch", "fit_intercept": False},
        {"multi_class": "crammer_singer"},
        {"multi_class": "weston_watkins", "solver": "batch"},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
def test_fits_of_folds_stop_at_the_tolerance_and_the_last_is_exact(kind, params):
    X, y = load_wine(return_X_y=True)
    X = kind(StandardScaler().fit_transform(X))
    rough, close = (
        HingeSVCCV(Cs=[0.01, 0.1, 1.0], cv=3, tol=tol, **params).fit(X, y)
        for tol in [1e-2, 1e-10]
    )
    assert 1e-5 < relative_gaps(rough).max() <= 1e-2
    assert relative_gaps(close).max() <= 1e-10
    assert rough.n_iters_.sum() < close.n_iters_.sum()
    for search in [rough, close]:
        assert search.dual_gap_ <= 1e-10 * search.objective_
        last = HingeSVC(search.C_, **params).fit(X, y)
        np.testing.assert_array_equal(search.coef_, last.coef_)
    # Where models of folds are averaged they are exact.
    rough.set_params(refit=False).fit(X, y)
    assert relative_gaps(rough).max() <= 1e-10


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_two_classes_stop_at_the_tolerance_too(n_jobs):
    X, y = make_data(300, 5)
    search = HingeSVCCV(Cs=CS[:5], cv=3, tol=1e-2, n_jobs=n_jobs).fit(X, y)
    assert 1e-5 < relative_gaps(search).max() <= 1e-2
    assert search.dual_gap_ <= 1e-10 * search.objective_


@pytest.mark.parametrize("scaled", [False, True], ids=["raw", "scaled"])
@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
def test_the_choice_is_as_good_as_that_of_exact_fits(load, scaled):
    X, y = load(return_X_y=True)
    X = StandardScaler().fit_transform(X) if scaled else X
    search = HingeSVCCV(Cs=CS, cv=3).fit(X, y)
    exact = GridSearchCV(HingeSVC(), {"C": CS}, cv=3, refit=False).fit(X, y)
    means, expected = search.scores_.mean(axis=0), exact.cv_results_["mean_test_score"]
    assert expected[means.argmax()] == pytest.approx(expected.max())
    # A few rows lie so near the line that a gap of 1e-4 decides.
    assert np.abs(means - expected).max() < 0.02


def test_better_is_more_than_rounding():
    assert is_better(0.5 + 1e-9, 0.5)
    assert is_better(0.5, np.nan)
    assert is_better(0.5, -np.inf)
    assert is_better(-1e-9, -2e-9)
    for score, best in [(0.5, 0.5), (0.5 + 1e-16, 0.5), (0.4, 0.5), (-0.5, -0.5)]:
        assert not is_better(score, best)
    for bad in [np.nan, -np.inf, np.inf]:
        assert not is_better(bad, 0.5)
        assert not is_better(bad, np.nan)


def test_the_best_place_is_among_finite_scores():
    Cs = np.array([2.0, 1.0, 4.0])
    scores = np.array([[0.5, 0.5, 0.9], [0.7, 0.7, np.nan], [0.6, 0.6, -np.inf]])
    for one_standard_error in [False, True]:
        assert best_index(Cs, scores, one_standard_error=one_standard_error) == 1


def rising(estimator, X, y):
    """Score that is the better the larger C is."""
    return float(np.log10(estimator.C)) + 1e-3 * X[0, 0]


def test_a_warning_where_the_grid_ends_too_early():
    X, y = make_data(120, 4)
    message = "largest of the grid made for Cs=10"
    with pytest.warns(UserWarning, match=message) as caught:
        search = HingeSVCCV(cv=3, scoring=rising).fit(X, y)
    assert [one.filename for one in caught] == [__file__]
    assert max(search.Cs_) == search.C_
    message = str(caught[0].message)
    assert f"{search.C_:.3g}" in message
    # What it says to do leads farther.
    numbers = message.split("np.geomspace(")[1].split(")")[0].split(",")
    start, stop, count = map(float, numbers)
    assert 0.005 * search.C_ < start < search.C_ < 500.0 * search.C_ < stop
    assert count == 11
    with pytest.warns(UserWarning, match="largest of the grid"):
        HingeSVCCV(cv=3, scoring=rising, refit=False).fit(X, y)


@pytest.mark.parametrize(
    "params",
    [
        {"Cs": [0.1, 1.0, 10.0]},  # who gives them knows their end
        {"Cs": 1},
        {"Cs": 2},
    ],
)
def test_no_warning_where_the_end_tells_nothing(params):
    X, y = make_data(120, 4)
    search = HingeSVCCV(cv=3, scoring=rising, **params).fit(X, y)
    assert max(search.Cs_) == search.C_


def test_no_warning_at_the_small_end():
    X, y = make_data(120, 4)
    search = HingeSVCCV(cv=3, scoring=lambda model, X, y: -model.C).fit(X, y)
    assert min(search.Cs_) == search.C_


def test_the_end_tells_only_where_smaller_values_are_clearly_worse():
    Cs = np.array([1.0, 2.0, 4.0])
    clear = np.array([[0.1, 0.2, 0.4], [0.2, 0.3, 0.5], [0.1, 0.1, 0.3]])
    assert is_limited_by_grid(Cs, clear, 2)
    assert not is_limited_by_grid(Cs, clear, 1)
    assert not is_limited_by_grid(Cs[1:], clear[:, 1:], 1)
    assert is_limited_by_grid(Cs[::-1], clear[:, ::-1], 0)
    # A row more in one fold may be chance.
    chance = np.array([[0.1, 0.4, 0.4], [0.2, 0.5, 0.5], [0.1, 0.3, 0.4]])
    assert not is_limited_by_grid(Cs, chance, 2)
    assert is_limited_by_grid(Cs, clear[:1], 2)
    assert not is_limited_by_grid(Cs, np.array([[0.1, 0.4, 0.4]]), 2)


@pytest.mark.parametrize("scaled", [False, True], ids=["raw", "scaled"])
@pytest.mark.parametrize(
    "load", [load_iris, load_wine, load_breast_cancer, load_digits]
)
def test_no_warning_in_the_ordinary_case(load, scaled):
    X, y = load(return_X_y=True)
    X, y = X[:: len(y) // 120], y[:: len(y) // 120]
    # Warnings are errors here.
    HingeSVCCV().fit(StandardScaler().fit_transform(X) if scaled else X, y)

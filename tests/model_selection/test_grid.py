"""Grids of C: where a path begins, where it ends, and which values are refused."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from samples import LOSSES, RULES, make_data, text
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.preprocessing import StandardScaler

from hingesvm import HingeSVC
from hingesvm.model_selection import HingeSVCCV, hinge_path

# Slope and value at margin 0 of each loss.
SLOPES = {"hinge": 1.0, "squared_hinge": 2.0, "smoothed_hinge": 1.0}


def balanced(n=120, d=6, seed=0, **params):
    """Return rows of two classes of equal size."""
    X, y = make_data(3 * n, d, seed=seed, **params)
    some = np.concatenate([np.flatnonzero(y == k)[: n // 2] for k in [0, 1]])
    return X[some], y[some]


def long_path(n=300):
    """Return rows whose classes only small columns tell: paths to them are long."""
    X, y = make_data(n)
    noise = np.random.default_rng(1).standard_normal((n, 2))
    return np.hstack([0.02 * X, noise]), y


def total_loss(path, place, X, y, loss="hinge", weights=1.0):
    """Return the sum of the losses of the model of one C, two classes."""
    scores = X @ path.coefs[place, 0] + path.intercepts[place, 0]
    hinges = np.maximum(1.0 - np.where(y == path.classes[1], 1, -1) * scores, 0.0)
    if loss == "squared_hinge":
        hinges = hinges**2
    if loss == "smoothed_hinge":
        hinges = np.where(hinges < 1.0, 0.5 * hinges**2, hinges - 0.5)
    return float(np.sum(weights * hinges))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
@pytest.mark.parametrize("rule", RULES)
def test_up_to_the_low_end_weights_are_proportional_to_C(rule, kind, weighted):
    X, y = balanced()
    signs, weights = np.where(y == 1, 1.0, -1.0), np.ones(len(y))
    if weighted:
        # Of both classes in the same order, so that their sums are equal.
        weights = np.tile(np.linspace(0.5, 2.0, len(y) // 2), 2)
    low = hinge_path(kind(X), y, Cs=2, sample_weight=weights, **rule).Cs[0]
    v = (weights * signs) @ X
    for part, is_so in [(1e-3, True), (0.5, True), (0.999, True), (1.1, False)]:
        C = part * low
        clf = HingeSVC(C, warm_start=True, **rule)
        clf.fit(kind(X), y, sample_weight=weights)
        at_bound = np.abs(clf.dual_coef_[0]) >= C * weights * (1.0 - 1e-9)
        assert np.all(at_bound) == is_so
        if is_so:
            np.testing.assert_allclose(clf.coef_[0], C * v, rtol=1e-7, atol=1e-9 * C)
        else:
            assert np.linalg.norm(clf.coef_[0] - C * v) > 1e-4 * np.linalg.norm(C * v)


@pytest.mark.parametrize("form", ["ovr", "crammer_singer", "weston_watkins"])
def test_low_end_of_two_classes_in_each_form(form):
    # Joint losses of two classes are the binary one at twice the C.
    X, y = balanced()
    low = hinge_path(X, y, Cs=2).Cs[0]
    expected = low if form == "ovr" else low / 2.0
    found = hinge_path(X, y, Cs=2, multi_class=form).Cs[0]
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("rule", [{"penalized_intercept": True}, {"fit_intercept": 0}])
def test_low_end_of_many_classes(rule):
    rule = {name: bool(value) for name, value in rule.items()}
    X, y = make_data(200, n_classes=4)
    low = hinge_path(X, y, Cs=2, **rule).Cs[0]
    lows = [hinge_path(X, y == k, Cs=2, **rule).Cs[0] for k in range(4)]
    assert low == pytest.approx(min(lows), rel=1e-12)
    clf = HingeSVC(0.999 * low, warm_start=True, **rule).fit(X, y)
    assert np.abs(clf.dual_coef_).min() >= 0.999 * low * (1.0 - 1e-9)


def test_low_end_of_unequal_classes_is_near():
    X, y = make_data(300)
    y = (X[:, 0] + 0.3 * y > 0.7).astype(int)
    low = hinge_path(X, y, Cs=2).Cs[0]
    small, tiny = (HingeSVC(part * low).fit(X, y).coef_[0] for part in [0.1, 0.01])
    np.testing.assert_allclose(small, 10.0 * tiny, atol=0.05 * np.linalg.norm(small))


@pytest.mark.parametrize("loss", ["squared_hinge", "smoothed_hinge"])
@pytest.mark.parametrize("rule", RULES)
def test_low_end_of_smooth_losses_is_nearly_linear(rule, loss):
    X, y = balanced()
    low = hinge_path(X, y, Cs=2, loss=loss, **rule).Cs[0]
    v = SLOPES[loss] * np.where(y == 1, 1.0, -1.0) @ X
    clf = HingeSVC(1e-3 * low, loss=loss, **rule).fit(X, y)
    np.testing.assert_allclose(clf.coef_[0] / clf.C, v, atol=1e-2 * np.linalg.norm(v))
    # There the first row would reach its margin, were it linear.
    assert np.linalg.norm(low * v) * np.linalg.norm(X, axis=1).max() > 0.5


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("data", [make_data, long_path])
def test_at_the_high_end_ten_times_the_C_tells_next_to_nothing(data, loss, rule):
    X, y = data(300)
    path = hinge_path(X, y, Cs=3, loss=loss, **rule)
    low, _, high = path.Cs
    assert high >= 999.0 * low
    assert path.Cs[1] == pytest.approx(np.sqrt(low * high))
    Cs = [0.01 * high, 0.1 * high, high, 10.0 * high]
    further = hinge_path(X, y, Cs=Cs, loss=loss, **rule)
    losses = [total_loss(further, k, X, y, loss) for k in range(4)]
    # Nothing has told for a decade. It is looked for with a gap of a hundredth.
    little = 0.05 * min(np.bincount(y))
    assert losses[1] - losses[2] < max(0.07 * losses[1], little)
    assert losses[2] - losses[3] < max(0.07 * losses[2], little)
    # Nor is it farther than need be, but for the shortest path.
    is_shortest = high < 1001.0 * low
    assert data is make_data or not is_shortest
    assert is_shortest or losses[1] < 0.97 * losses[0]


@pytest.mark.parametrize("scaled", [False, True], ids=["raw", "scaled"])
@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
def test_a_grid_has_a_C_as_good_as_the_best_of_a_wide_one(load, scaled):
    X, y = load(return_X_y=True)
    assert_as_good_as_a_wide_grid(StandardScaler().fit_transform(X) if scaled else X, y)


@pytest.mark.parametrize("scaled", [False, True], ids=["raw", "scaled"])
def test_a_grid_for_digits(scaled):
    X, y = load_digits(n_class=4, return_X_y=True)
    X, y = X[::4], y[::4]
    assert_as_good_as_a_wide_grid(StandardScaler().fit_transform(X) if scaled else X, y)


@pytest.mark.filterwarnings("ignore:The best C")
@pytest.mark.parametrize("factor", [30.0, 1e3, 1e4])
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
def test_a_grid_passes_over_a_large_column_of_noise(kind, factor):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 6))
    y = X @ [1.0, -1.0, 0.5, 0.5, 2.0, 0.0] > 0.0
    X[:, 5] *= factor
    search = assert_as_good_as_a_wide_grid(kind(X), y)
    assert search.scores_.mean(axis=0).max() > 0.98


@pytest.mark.filterwarnings("ignore:The best C")
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_grid_passes_over_noise_that_columns_share(n_classes):
    # Each column is large, and their difference is what tells the classes.
    rng = np.random.default_rng(1)
    small, large = rng.standard_normal((400, 3)), 100.0 * rng.standard_normal(400)
    X = np.column_stack([small[:, 0] + large, large, small[:, 1:]])
    y = np.digitize(2.0 * small[:, 0] + small[:, 1], [0.0, 1.5][: n_classes - 1])
    search = assert_as_good_as_a_wide_grid(X, y)
    assert search.scores_.mean(axis=0).max() > 0.9


def assert_as_good_as_a_wide_grid(X, y):
    """Assert that the best score is within a standard error of that of a wide grid."""
    found, wide = (
        HingeSVCCV(Cs=Cs, refit=False).fit(X, y) for Cs in [10, np.logspace(-4, 4, 10)]
    )
    best = wide.scores_.mean(axis=0).argmax()
    error = wide.scores_[:, best].std(ddof=1) / np.sqrt(5.0)
    assert found.scores_.mean(axis=0).max() >= wide.scores_[:, best].mean() - error
    return found


def test_a_class_that_still_gains_counts_beside_one_that_does_not():
    # The losses of versicolor against the rest are most of the sum, and stay.
    X, y = load_iris(return_X_y=True)
    high = hinge_path(X, y, Cs=2).Cs[1]
    Cs = [0.01 * high, 0.1 * high]
    every, one = (hinge_path(X, labels, Cs=Cs).losses for labels in [y, y == 2])
    assert every[1] > 0.95 * every[0]
    assert one[1] < 0.8 * one[0]


def test_small_columns_of_noise_do_not_lengthen_a_grid():
    X, y = make_data(300)
    noise = 1e-5 * np.random.default_rng(1).standard_normal((300, 2))
    plain, more = (hinge_path(some, y, Cs=2).Cs for some in [X, np.hstack([X, noise])])
    np.testing.assert_allclose(plain, more, rtol=1e-6)
    # Nor do constant ones, though they make a rough fit another.
    constant = np.full((300, 1), 1e3)
    more = hinge_path(np.hstack([X, constant]), y, Cs=2).Cs
    assert more[1] < 11.0 * plain[1]


def test_a_grid_is_not_longer_than_columns_ask_for():
    # Without a cap this one would not end: the loss falls for ever.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 30)) * 10.0 ** -np.arange(30)
    y = rng.integers(0, 2, 60)
    low, high = hinge_path(X, y, Cs=2).Cs
    assert 1e3 < high / low <= 1.001e17


@pytest.mark.parametrize("form", ["crammer_singer", "weston_watkins"])
def test_high_end_of_two_classes_in_each_form(form):
    X, y = long_path()
    own = hinge_path(X, y, Cs=2)
    path = hinge_path(X, y, Cs=2, multi_class=form)
    assert own.Cs[1] > 200.0 * own.Cs[0]
    np.testing.assert_allclose(path.Cs, own.Cs / 2.0)


def test_high_end_of_many_classes():
    X, y = make_data(200, n_classes=3)
    for form in ["ovr", "weston_watkins"]:
        high = hinge_path(X, y, Cs=2, multi_class=form).Cs[-1]
        path = hinge_path(X, y, Cs=[high, 10.0 * high], multi_class=form)
        losses = path.objectives - 0.5 * (path.coefs**2).sum(axis=(1, 2))
        assert losses[1] / 10.0 > 0.93 * losses[0]


def test_separable_classes_end_where_they_are_separated():
    X, y = text(400, 1000)
    path = hinge_path(X, y, Cs=3, tol=1e-3)
    assert total_loss(path, 2, X, y) * path.Cs[2] <= 0.1 * path.objectives[2]
    assert path.Cs[2] < 1e5 * path.Cs[0]


def test_weight_two_is_the_row_twice():
    X, y = make_data()
    weights = np.arange(len(y)) % 3
    one = hinge_path(X, y, Cs=3, sample_weight=weights)
    two = hinge_path(np.repeat(X, weights, axis=0), np.repeat(y, weights), Cs=3)
    np.testing.assert_allclose(one.Cs, two.Cs, rtol=1e-9)


def test_grid_scales_with_the_rows():
    X, y = make_data()
    one, two = hinge_path(X, y, Cs=4), hinge_path(10.0 * X, y, Cs=4)
    np.testing.assert_allclose(one.Cs, 100.0 * two.Cs, rtol=1e-9)


def test_grid_is_logarithmic():
    X, y = make_data()
    Cs = hinge_path(X, y, Cs=7).Cs
    np.testing.assert_allclose(np.diff(np.log(Cs)), np.log(Cs[-1] / Cs[0]) / 6.0)
    assert hinge_path(X, y, Cs=1).Cs == pytest.approx(Cs[:1])
    assert hinge_path(X, y, Cs=np.int64(7)).Cs == pytest.approx(Cs)
    assert HingeSVCCV(Cs=np.int32(7)).fit(X, y).Cs_ == pytest.approx(Cs)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_constant_rows(value, loss, rule):
    X, y = np.full((10, 3), value), np.arange(10) % 3 > 0
    for kind in (np.asarray, sp.csr_matrix):
        path = hinge_path(kind(X), y, Cs=3, loss=loss, **rule)
        assert np.all(np.isfinite(path.Cs) & (path.Cs > 0.0))
        assert np.all(np.diff(path.Cs) > 0.0)
        assert path.converged.all()


BAD = [
    (0, "at least 1, got 0"),
    (-3, "at least 1, got -3"),
    (True, "integer or an array of numbers, got True"),
    (np.True_, "integer or an array of numbers"),
    (2.5, "integer or an array of numbers, got 2.5"),
    ("ten", "integer or an array of numbers, got 'ten'"),
    (None, "array of numbers, got None"),
    ([], "not empty"),
    ([[1.0], [2.0]], "one-dimensional"),
    (np.array(1.0), "one-dimensional"),
    ([1.0, 0.0], "positive and finite"),
    ([1.0, -1.0], "positive and finite"),
    ([np.nan], "positive and finite"),
    ([1.0, np.inf], "positive and finite"),
    (["1.0"], "array of numbers"),
    ([True, True], "array of numbers"),
    ([1j], "array of numbers"),
    ([Fraction(1, 2)], "array of numbers"),
    ([[1.0], [1.0, 2.0]], "array of numbers"),
    ({"C": 1.0}, "array of numbers"),
]


@pytest.mark.parametrize(("Cs", "message"), BAD, ids=repr)
def test_bad_grids_are_refused_and_leave_the_estimator_alone(Cs, message):
    X, y = make_data(30, 2)
    with pytest.raises(ValueError, match=message):
        hinge_path(X, y, Cs=Cs)
    search = HingeSVCCV(Cs=[1.0]).fit(X[:, :1], y)
    search.set_params(Cs=Cs)
    before = dict(vars(search))
    # The parameter's type is checked first, in scikit-learn's words.
    with pytest.raises(ValueError, match=f"{message}|'Cs' parameter .* must be"):
        search.fit(X, y)
    assert vars(search).keys() == before.keys()
    assert all(vars(search)[name] is before[name] for name in before)


def test_grids_of_other_numbers():
    X, y = make_data(30, 2)
    for Cs in [(1, 2), np.array([1, 2]), range(1, 3), np.float32([1, 2])]:
        found = hinge_path(X, y, Cs=Cs).Cs
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, [1.0, 2.0])

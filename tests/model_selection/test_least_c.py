"""The least C at which a weight is not 0, and grids of C that begin there."""

import numpy as np
import pytest
import scipy.sparse as sp
from samples import LOSSES, RULES, make_data, text
from sklearn.svm import l1_min_c

from hingesvm import HingeSVC
from hingesvm.losses import MarginLoss, SmoothedHinge
from hingesvm.model_selection import HingeSVCCV, hinge_path, least_c
from hingesvm.penalties import ElasticNet, Penalty


class Steep(MarginLoss):
    """Reaches its largest slope above margin 0."""

    bound = 2.0
    curvature = 0.3


# What the product of bound and curvature is: up to 1, up to 2, and above.
SMOOTH = [
    "squared_hinge",
    "smoothed_hinge",
    SmoothedHinge(0.5),
    SmoothedHinge(1.7),
    SmoothedHinge(3.0),
    Steep(),
]
FACTORS = ElasticNet(0.7, factors=[1.0, 2.0, 0.5, 1.0, 1.0, 3.0])


def uneven(n=80, seed=0, offset=0.0):
    """Return rows of which few are of class 1, and weights."""
    X, y = make_data(n, 6, seed=seed)
    y = (X[:, 0] + 0.5 * y > 1.0).astype(int)
    weights = 0.2 + np.random.default_rng(seed).random(n)
    return X + offset, y, weights


def even(n=80, seed=0, **params):
    """Return rows of two classes of the same size, and weights of the same sums."""
    X, y = make_data(3 * n, 6, seed=seed, **params)
    some = np.concatenate([np.flatnonzero(y == k)[: n // 2] for k in [0, 1]])
    return X[some], y[some], np.tile(np.linspace(0.5, 2.0, n // 2), 2)


def counts_at(parts, C, X, y, weights, **params):
    """Return the number of weights that are not 0 at some parts of C."""
    fits = (HingeSVC(part * C, **params).fit(X, y, weights) for part in parts)
    return [int(np.count_nonzero(fit.coef_)) for fit in fits]


def assert_is_least(C, X, y, weights, **params):
    """Assert that weights are 0 up to C, and no longer right above it."""
    assert counts_at([0.5, 1.0 - 1e-6], C, X, y, weights, **params) == [0, 0]
    assert counts_at([1.001], C, X, y, weights, **params) > [0]


@pytest.mark.parametrize("share", [0.3, 1.0, FACTORS], ids=str)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", SMOOTH, ids=str)
def test_smooth_losses(loss, rule, share):
    params = {"loss": loss, "l1_ratio": share, **rule}
    # Either class is the larger one.
    for seed, flipped in enumerate([False, True]):
        X, y, weights = uneven(seed=seed, offset=1.5 * seed)
        y = 1 - y if flipped else y
        C = least_c(X, y, sample_weight=weights, **params)
        assert_is_least(C, X, y, weights, **params)


@pytest.mark.parametrize("share", [0.3, 1.0, FACTORS], ids=str)
@pytest.mark.parametrize("rule", RULES)
def test_the_hinge_and_classes_of_equal_weight(rule, share):
    X, y, weights = even()
    C = least_c(X, y, sample_weight=weights, l1_ratio=share, **rule)
    assert_is_least(C, X, y, weights, l1_ratio=share, **rule)


@pytest.mark.parametrize("seed", range(3))
def test_the_hinge_without_an_intercept(seed):
    X, y, weights = uneven(seed=seed)
    params = {"l1_ratio": 1.0, "fit_intercept": False}
    C = least_c(X, y, sample_weight=weights, **params)
    assert_is_least(C, X, y, weights, **params)


@pytest.mark.parametrize("rule", RULES[:2])
@pytest.mark.parametrize("seed", range(4))
def test_the_hinge_and_classes_of_other_weights_have_no_weights_up_to_it(seed, rule):
    X, y, weights = uneven(seed=seed)
    C = least_c(X, y, sample_weight=weights, **rule)
    params = {"l1_ratio": 1.0, **rule}
    assert counts_at([0.5, 1.0 - 1e-6], C, X, y, weights, **params) == [0, 0]
    assert counts_at([10.0], C, X, y, weights, **params) > [0]


@pytest.mark.parametrize("loss", [*LOSSES, *SMOOTH[2:]], ids=str)
def test_the_formulas_of_the_documentation(loss):
    X, y, weights = uneven(seed=3)
    signs = np.where(y == 1, 1.0, -1.0)
    few, many = np.sort(np.bincount(y, weights))
    means = [np.average(X[y == k], axis=0, weights=weights[y == k]) for k in [0, 1]]
    known = {
        "hinge": (few, 1.0),
        "squared_hinge": (4.0 * few * many / (few + many), 2.0),
    }
    if loss in known:
        kappa, slope = known[loss]
    else:
        # The slope of the smaller class where both sums are equal.
        curve = loss.curvature if isinstance(loss, MarginLoss) else 1.0
        bound = loss.bound if isinstance(loss, MarginLoss) else 1.0
        kappa = few * min(bound, 2.0 * many / (curve * (few + many)))
        slope = min(bound, 1.0 / curve)
    expected = 0.5 / np.abs(kappa * (means[1] - means[0])).max()
    found = least_c(X, y, sample_weight=weights, loss=loss, l1_ratio=0.5)
    assert found == pytest.approx(expected, rel=1e-9)
    v = slope * (weights * signs) @ X
    params = {"loss": loss, "l1_ratio": 0.5, "fit_intercept": False}
    found = least_c(X, y, sample_weight=weights, **params)
    assert found == pytest.approx(0.5 / np.abs(v).max(), rel=1e-9)


def test_it_is_that_of_scikit_learn_without_an_intercept():
    X, y = make_data(100, 6)
    found = least_c(X, y, loss="squared_hinge", fit_intercept=False)
    assert found == pytest.approx(l1_min_c(X, y, fit_intercept=False))


def test_a_penalised_intercept_that_has_grown():
    # The classes differ in a column that is seen only once b is large: at b = 0 both
    # sums are equal in it.
    X = np.array([[1.0], [1.0], [1.0], [3.0]])
    y, weights = np.array([1, 1, 1, 0]), np.full(4, 0.25)
    for loss in [*LOSSES, *SMOOTH[2:]]:
        params = {"loss": loss, "l1_ratio": 1.0, "penalized_intercept": True}
        C = least_c(X, y, sample_weight=weights, **params)
        assert_is_least(C, X, y, weights, **params)


@pytest.mark.parametrize("kind", [sp.csr_matrix, np.float32], ids=["csr", "float32"])
def test_other_kinds_of_rows(kind):
    X, y, weights = uneven(seed=2)
    expected = least_c(X, y, sample_weight=weights)
    found = least_c(kind(X), y, sample_weight=weights)
    assert found == pytest.approx(expected, rel=1e-5)


def test_of_many_classes_the_least_counts():
    X, y = make_data(90, 5, n_classes=4)
    for loss in ["hinge", "squared_hinge"]:
        found = least_c(X, y, loss=loss)
        lows = [least_c(X, y == k, loss=loss) for k in range(4)]
        assert found == pytest.approx(min(lows))


def test_weights_and_class_weights_count_as_rows_do():
    X, y, _ = uneven(seed=1)
    weights = np.arange(len(y)) % 3
    one = least_c(X, y, sample_weight=weights)
    two = least_c(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    assert one == pytest.approx(two, rel=1e-9)
    one = least_c(X, y, class_weight={0: 2.0, 1: 3.0})
    two = least_c(X, y, sample_weight=np.where(y == 1, 3.0, 2.0))
    assert one == pytest.approx(two, rel=1e-12)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_it_is_infinite_where_no_column_tells_the_classes(rule, offset):
    X, y = np.random.default_rng(0).standard_normal((20, 3)) + offset, np.arange(40) % 2
    X = np.repeat(X, 2, axis=0)
    assert least_c(X, y, **rule) == np.inf
    path = hinge_path(X, y, Cs=3, l1_ratio=1.0, **rule)
    assert np.all(np.isfinite(path.Cs))
    assert not path.coefs.any()


def test_without_a_threshold_there_is_none():
    X, y = make_data(30, 2)
    for share in [0.0, ElasticNet(0.0, factors=[1.0, 2.0])]:
        with pytest.raises(ValueError, match="l1_ratio must be above 0"):
            least_c(X, y, l1_ratio=share)
    with pytest.raises(ValueError, match="only one class"):
        least_c(X, np.zeros(30))
    with pytest.raises(ValueError, match="'l1_ratio' parameter"):
        least_c(X, y, l1_ratio=2.0)


class KeepTwo(Penalty):
    """Chooses among the columns from the third on."""

    def thresholds(self, n_features):
        return np.where(np.arange(n_features) < 2, 0.0, 1.0)

    def strengths(self, n_features):
        return 1.0 - self.thresholds(n_features)


def test_columns_without_a_threshold_do_not_count():
    X, y, weights = even()
    found = least_c(X, y, sample_weight=weights, l1_ratio=KeepTwo())
    assert found == least_c(X[:, 2:], y, sample_weight=weights)


@pytest.mark.parametrize("share", [0.1, 1.0, FACTORS], ids=str)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("rule", RULES)
def test_a_grid_begins_there(rule, loss, share):
    X, y, _ = uneven()
    params = {"loss": loss, "l1_ratio": share, **rule}
    expected = least_c(X, y, **params)
    path = hinge_path(X, y, Cs=4, **params)
    assert path.Cs[0] == pytest.approx(expected, rel=1e-12)
    assert not path.coefs[0].any()
    assert path.coefs[-1].any()
    assert path.converged.all()
    search = HingeSVCCV(4, cv=2, **params).fit(X, y)
    np.testing.assert_allclose(search.Cs_, path.Cs, rtol=1e-12)


def test_a_grid_for_many_classes_begins_at_the_least():
    X, y = make_data(90, 5, n_classes=3)
    path = hinge_path(X, y, Cs=3, l1_ratio=1.0, loss="squared_hinge")
    assert path.Cs[0] == pytest.approx(least_c(X, y, loss="squared_hinge"))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_at_the_end_of_a_grid_ten_times_the_C_tells_next_to_nothing(share, loss):
    X, y = make_data(200, 6)
    # A grid goes on until the small columns are in use.
    X = np.hstack([0.02 * X, np.random.default_rng(1).standard_normal((200, 2))])
    params = {"loss": loss, "l1_ratio": share}
    low, high = hinge_path(X, y, Cs=2, **params).Cs
    assert 999.0 * low <= high <= 1e7 * low
    path = hinge_path(X, y, Cs=[low, 0.1 * high, high, 10.0 * high], **params)
    little = 0.05 * min(np.bincount(y))
    losses = path.losses
    assert losses[1] < 0.9 * losses[0]
    assert losses[1] - losses[2] < max(0.07 * losses[1], little)
    assert losses[2] - losses[3] < max(0.07 * losses[2], little)
    assert (path.coefs[2][0] != 0.0).all()


def test_separable_text_ends_where_it_is_separated():
    X, y = text(300, 600)
    params = {"l1_ratio": 1.0, "loss": "squared_hinge", "tol": 1e-3}
    path = hinge_path(X, y, Cs=3, **params)
    assert path.Cs[2] < 1e5 * path.Cs[0]
    counts = np.count_nonzero(path.coefs[:, 0], axis=1)
    assert counts[0] == 0
    assert 0 < counts[2] < 300


def test_a_grid_scales_with_the_rows():
    X, y, _ = uneven()
    one, two = (hinge_path(f * X, y, Cs=4, l1_ratio=1.0) for f in [1.0, 10.0])
    np.testing.assert_allclose(one.Cs, 10.0 * two.Cs, rtol=1e-9)


def test_a_square_with_factors_begins_where_rows_reach_their_margins():
    # Columns divided by the roots of the factors have half the square for a penalty.
    X, y, weights = even()
    factors = np.array([1.0, 4.0, 0.25, 1.0, 1.0, 9.0])
    square = ElasticNet(0.0, factors=factors)
    one = hinge_path(X, y, Cs=3, sample_weight=weights, l1_ratio=square)
    two = hinge_path(X / np.sqrt(factors), y, Cs=3, sample_weight=weights)
    np.testing.assert_allclose(one.Cs, two.Cs, rtol=1e-9)

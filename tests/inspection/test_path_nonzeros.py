"""RegularizationPathDisplay: the numbers of weights that are not 0."""

import numpy as np
import pytest
from path_cases import CS, assert_draws, from_estimator, from_path, heights
from samples import make_data

from hingesvm.inspection import RegularizationPathDisplay
from hingesvm.model_selection import HingeSVCCV, hinge_path
from hingesvm.penalties import ElasticNet

pytestmark = pytest.mark.usefixtures("pyplot")


def numbers_of(top):
    """Return the values of C that an axis names, and what is written there."""
    texts = [label.get_text() for label in top.get_xticklabels()]
    return top.get_xticks().tolist(), texts


@pytest.fixture(scope="module")
def sparse_search(scaled_cancer):
    return HingeSVCCV(CS, l1_ratios=[0.5, 1.0], cv=3).fit(*scaled_cancer)


@pytest.mark.parametrize("share", [0.5, 1.0, ElasticNet(1.0)], ids=str)
def test_numbers_of_a_path_stand_above_its_panels(share, scaled_cancer):
    path = hinge_path(*scaled_cancer, Cs=CS[::-1], l1_ratio=share)
    display = from_path(path)
    assert len(display.nonzero_axes_) == 2
    for top in display.nonzero_axes_:
        assert top.get_xlabel() == "number of weights that are not 0"
        assert numbers_of(top) == (CS, [str(n) for n in path.n_nonzeros[::-1]])
    assert_draws(display)
    # They stay once there are pixels.
    assert numbers_of(display.nonzero_axes_[0])[0] == CS
    for kind in ["curves", "coefs"]:
        assert len(from_path(path, kind=kind).nonzero_axes_) == 1


@pytest.mark.parametrize("share", [0.0, ElasticNet(0.0, factors=np.full(30, 2.0))])
def test_without_an_l1_norm_there_are_none(share, scaled_cancer, cancer_search):
    path = hinge_path(*scaled_cancer, Cs=CS, l1_ratio=share)
    assert from_path(path).nonzero_axes_ == []
    assert from_estimator(cancer_search).nonzero_axes_ == []


def test_numbers_of_a_search_are_means_of_the_share_chosen(sparse_search):
    place = [0.5, 1.0].index(sparse_search.l1_ratio_)
    display = from_estimator(sparse_search)
    means = sparse_search.n_nonzeros_[:, place].mean(axis=0)
    for top in display.nonzero_axes_:
        label = "number of weights that are not 0\n(mean of 3 folds)"
        assert top.get_xlabel() == label
        Cs, texts = numbers_of(top)
        assert Cs == CS
        np.testing.assert_allclose([float(text) for text in texts], means, atol=0.5)
    title = display.axes_[0].get_title()
    assert title.startswith(
        f"HingeSVCCV with l1_ratio={sparse_search.l1_ratio_:g}: acc"
    )
    scores = sparse_search.scores_[:, place]
    np.testing.assert_array_equal(heights(display.fold_lines_), scores)
    coefs = sparse_search.coefs_paths_[:, place, :, 0].mean(axis=0)
    expected = coefs[:, display.features_].T
    np.testing.assert_allclose(heights(display.coef_lines_), expected)
    assert_draws(display)


def test_where_shares_are_averaged_the_nearest_is_drawn(scaled_cancer):
    search = HingeSVCCV(CS, l1_ratios=[0.0, 0.1, 1.0], cv=3, refit=False)
    search.fit(*scaled_cancer)
    place = int(np.abs(search.l1_ratios_ - search.l1_ratio_).argmin())
    display = from_estimator(search, kind="curves")
    scores = search.scores_[:, place]
    np.testing.assert_array_equal(heights(display.fold_lines_), scores)
    without = search.set_params(store_paths=False).fit(*scaled_cancer)
    assert len(from_estimator(without, kind="curves").nonzero_axes_) == 1
    with pytest.raises(ValueError, match="store_paths=True"):
        from_estimator(without)


def test_numbers_of_many_classes_are_sums():
    X, y = make_data(90, 6, n_classes=3)
    path = hinge_path(X, y, Cs=CS, l1_ratio=1.0)
    top = from_path(path, kind="coefs").nonzero_axes_[0]
    assert top.get_xlabel() == "number of weights that are not 0, of all classes"
    assert numbers_of(top)[1] == [str(n) for n in path.n_nonzeros]


def test_of_many_values_as_many_numbers_as_have_room():
    Cs = np.geomspace(1e-3, 10.0, 50)
    counts = np.array([np.linspace(0.0, 98.0, 50), np.linspace(1.0, 99.0, 50)])
    display = RegularizationPathDisplay(
        Cs=Cs, objectives=np.ones((2, 50)), n_nonzeros=counts
    )
    top = display.plot(kind="curves").nonzero_axes_[0]
    found, texts = numbers_of(top)
    assert 5 <= len(found) <= 9
    assert np.diff(np.log(found)).min() >= np.log(1e4) / 8.0
    # Below ten there is a digit after the point where it is not 0.
    assert texts[:2] == ["0.5", "14"]
    one = RegularizationPathDisplay(
        Cs=np.ones(1), objectives=np.ones((1, 1)), n_nonzeros=np.array([[3]])
    )
    assert numbers_of(one.plot(kind="curves").nonzero_axes_[0]) == ([1.0], ["3"])


def test_counts_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="n_nonzeros must be of shape"):
        RegularizationPathDisplay(
            Cs=np.ones(2), objectives=np.ones((1, 2)), n_nonzeros=np.ones(2)
        )

"""HingeSVCCV over a grid of shares of the L1 norm and values of C."""

import pickle

import numpy as np
import pytest
from callback_cases import Recorder, counts, needs_callbacks
from samples import make_data
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedKFold

from hingesvm import HingeSVC, HingeSVCCV
from hingesvm.losses import SmoothedHinge
from hingesvm.metrics import neg_hinge_loss_scorer
from hingesvm.model_selection import hinge_path

CS = [0.3, 0.02, 0.1]
RATIOS = [0.5, 1.0, 0.0]
PARAMS = {"loss": "squared_hinge", "tol": 1e-12}


@pytest.fixture(scope="module")
def data():
    return make_data(90, 6)


@pytest.fixture(scope="module")
def search(data):
    return HingeSVCCV(CS, l1_ratios=RATIOS, cv=3, **PARAMS).fit(*data)


def test_all_arrays_have_an_axis_for_the_shares(search):
    np.testing.assert_array_equal(search.Cs_, CS)
    np.testing.assert_array_equal(search.l1_ratios_, RATIOS)
    for name in ["scores_", "objectives_", "dual_gaps_", "n_iters_", "n_nonzeros_"]:
        assert getattr(search, name).shape == (3, 3, 3)
    assert search.coefs_paths_.shape == (3, 3, 3, 1, 6)
    assert search.intercepts_paths_.shape == (3, 3, 3, 1)
    assert isinstance(search.l1_ratio_, float)
    assert search.n_nonzeros_.dtype == np.intp
    counted = np.count_nonzero(search.coefs_paths_, axis=(3, 4))
    np.testing.assert_array_equal(search.n_nonzeros_, counted)
    assert (search.n_nonzeros_[:, 2] == 6).all()
    assert search.n_nonzeros_[:, 1].min() < 6


def test_each_share_is_a_search_of_its_own(search, data):
    for place, ratio in enumerate(RATIOS):
        own = HingeSVCCV(CS, l1_ratio=ratio, cv=3, **PARAMS).fit(*data)
        for name in ["scores_", "objectives_", "dual_gaps_", "n_iters_", "n_nonzeros_"]:
            expected = getattr(own, name)
            np.testing.assert_array_equal(getattr(search, name)[:, place], expected)
        for name in ["coefs_paths_", "intercepts_paths_"]:
            expected = getattr(own, name)
            np.testing.assert_array_equal(getattr(search, name)[:, place], expected)


def test_without_shares_nothing_has_another_axis(data):
    search = HingeSVCCV(CS, l1_ratio=1.0, cv=3).fit(*data)
    assert search.scores_.shape == search.n_nonzeros_.shape == (3, 3)
    assert search.coefs_paths_.shape == (3, 3, 1, 6)
    assert not hasattr(search, "l1_ratio_")
    assert not hasattr(search, "l1_ratios_")


def test_scores_and_choice_are_those_of_a_search(data):
    X, y = data
    params = {**PARAMS, "penalized_intercept": True}
    search = HingeSVCCV(
        CS, l1_ratios=RATIOS, cv=3, scoring=neg_hinge_loss_scorer, **params
    ).fit(X, y)
    grid = {"C": CS, "l1_ratio": RATIOS}
    found = GridSearchCV(
        HingeSVC(**params), grid, cv=3, scoring=neg_hinge_loss_scorer
    ).fit(X, y)
    means = found.cv_results_["mean_test_score"].reshape(3, 3)
    np.testing.assert_allclose(search.scores_.mean(axis=0), means.T, rtol=1e-6)
    assert found.best_params_ == {"C": search.C_, "l1_ratio": search.l1_ratio_}
    best = found.best_estimator_
    np.testing.assert_allclose(search.coef_, best.coef_, atol=1e-6)
    assert search.objective_ == pytest.approx(best.objective_)


def by_table(table):
    """Return a scorer that looks scores up by share and C."""

    def score(estimator, X, y):
        return table[estimator.l1_ratio][estimator.C]

    return score


def test_of_equal_scores_the_largest_share_and_then_the_smallest_C_wins():
    X, y = np.arange(12.0)[:, None], np.arange(12) % 2
    table = {
        0.5: {1.0: 0.9, 2.0: 1.0, 4.0: 0.1},
        1.0: {1.0: 0.3, 2.0: 1.0 - 1e-16, 4.0: 1.0},
        0.0: {1.0: 1.0, 2.0: 1.0, 4.0: 1.0},
    }
    params = {"cv": [(np.arange(2, 12), [0, 1])], "scoring": by_table(table)}
    for ratios in [[0.5, 1.0, 0.0], [0.0, 0.5, 1.0], [1.0, 0.0, 0.5]]:
        for refit in [True, False]:
            search = HingeSVCCV([4.0, 1.0, 2.0], l1_ratios=ratios, refit=refit)
            search.set_params(**params, store_paths=False).fit(X, y)
            assert (search.C_, search.l1_ratio_) == (2.0, 1.0)
    # The smallest C within one standard error is one of the same share.
    search.set_params(refit=True, one_standard_error=True)
    table[0.5][1.0] = 1.0
    assert search.fit(X, y).l1_ratio_ == 1.0
    splits = [(np.arange(2, 12), [0]), (np.arange(2, 12), [1])]
    table[1.0] = {1.0: 0.94, 2.0: 0.0, 4.0: 1.1}

    def with_noise(estimator, X, y):
        return by_table(table)(estimator, X, y) + 0.2 * X[0, 0]

    search.set_params(cv=splits, scoring=with_noise).fit(X, y)
    assert (search.C_, search.l1_ratio_) == (4.0, 1.0)
    table[1.0][2.0] = 1.05
    assert (search.fit(X, y).C_, search.l1_ratio_) == (2.0, 1.0)


def test_without_refit_the_best_of_each_fold_are_averaged(data):
    X, y = data
    search = HingeSVCCV(CS, l1_ratios=RATIOS, cv=4, refit=False, **PARAMS).fit(X, y)
    pairs = []
    for scores in search.scores_:
        tied = [
            (-RATIOS[r], CS[c], r, c)
            for r, c in np.argwhere(scores >= scores.max() - 1e-12)
        ]
        pairs.append(min(tied)[2:])
    means = np.mean([(RATIOS[r], CS[c]) for r, c in pairs], axis=0)
    assert (search.l1_ratio_, search.C_) == pytest.approx(tuple(means))
    coefs = [search.coefs_paths_[k, r, c] for k, (r, c) in enumerate(pairs)]
    np.testing.assert_allclose(search.coef_, np.mean(coefs, axis=0))
    without = clone(search).set_params(store_paths=False).fit(X, y)
    np.testing.assert_array_equal(without.coef_, search.coef_)


def test_the_grid_covers_those_of_all_shares(data):
    X, y = data
    params = {"loss": "squared_hinge"}
    ends = [
        hinge_path(X, y, Cs=2, l1_ratio=ratio, **params).Cs[[0, -1]] for ratio in RATIOS
    ]
    search = HingeSVCCV(4, l1_ratios=RATIOS, cv=2, **params).fit(X, y)
    lows, highs = np.transpose(ends)
    assert search.Cs_[0] == pytest.approx(lows.min())
    assert search.Cs_[-1] == pytest.approx(highs.max())
    assert search.scores_.shape == (2, 3, 4)


def test_the_penalty_is_the_one_that_was_chosen(search, data):
    assert HingeSVCCV(l1_ratios=[1, 1.0]).penalty == "l1"
    assert HingeSVCCV(l1_ratios=[0.0], l1_ratio=1.0).penalty == "l2"
    assert HingeSVCCV(l1_ratios=RATIOS).penalty == "elasticnet"
    X, y = data
    for wanted, name in zip(RATIOS, ["elasticnet", "l1", "l2"], strict=True):
        own = HingeSVCCV([0.02], l1_ratios=RATIOS, cv=2)
        own.set_params(
            scoring=lambda model, X, y, wanted=wanted: model.l1_ratio == wanted
        )
        assert own.fit(X, y).l1_ratio_ == wanted
        assert own.penalty == name
        if name == "l1":
            chosen = SelectFromModel(own).fit(X, y)
            np.testing.assert_array_equal(chosen.get_support(), own.coef_[0] != 0.0)
    restored = pickle.loads(pickle.dumps(search))
    assert restored.penalty == search.penalty
    assert not hasattr(clone(search), "l1_ratio_")


def test_a_fit_without_shares_drops_what_a_fit_with_them_left(data):
    X, y = data
    search = HingeSVCCV([0.1], l1_ratios=[0.5], cv=2).fit(X, y)
    assert search.l1_ratio_ == 0.5
    search.set_params(l1_ratios=None).fit(X, y)
    assert not hasattr(search, "l1_ratio_")
    assert not hasattr(search, "l1_ratios_")
    assert search.penalty == "l2"


@pytest.mark.parametrize(
    "bad", [[], [0.5, 1.5], [-0.1], [np.nan], [[0.5]], ["0.5"], [True], 0.5]
)
def test_bad_shares_are_refused_and_leave_the_estimator_alone(bad, data):
    search = HingeSVCCV([0.1], cv=2).fit(*data)
    before = dict(vars(search))
    search.set_params(l1_ratios=bad)
    with pytest.raises(ValueError, match="l1_ratio"):
        search.fit(*data)
    assert vars(search).keys() == before.keys()
    assert all(
        vars(search)[name] is before[name] for name in before if name != "l1_ratios"
    )


def test_joint_losses_have_no_share():
    X, y = make_data(60, 4, n_classes=3)
    search = HingeSVCCV([0.1], l1_ratios=[0.0, 0.5], multi_class="crammer_singer")
    with pytest.raises(ValueError, match=r"l1_ratio is 0\.5"):
        search.fit(X, y)
    assert search.set_params(l1_ratios=[0.0]).fit(X, y).l1_ratio_ == 0.0


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_many_classes_in_threads(n_jobs):
    X, y = make_data(90, 5, n_classes=3)
    search = HingeSVCCV([0.1, 1.0], l1_ratios=[0.5, 1.0], cv=3, n_jobs=n_jobs)
    search.set_params(loss=SmoothedHinge(0.5)).fit(X, y)
    assert search.coefs_paths_.shape == (3, 2, 2, 3, 5)
    for fold, (train, test) in enumerate(StratifiedKFold(3).split(X, y)):
        clf = HingeSVC(1.0, l1_ratio=0.5, loss=SmoothedHinge(0.5))
        clf.fit(X[train], y[train])
        score = clf.score(X[test], y[test])
        assert search.scores_[fold, 0, 1] == pytest.approx(score, abs=0.05)
        np.testing.assert_allclose(
            search.coefs_paths_[fold, 0, 1], clf.coef_, atol=0.02
        )


def test_scorers_see_the_share(data):
    seen = set()

    def score(estimator, X, y):
        seen.add((estimator.l1_ratio, estimator.C, estimator.penalty))
        return estimator.score(X, y)

    HingeSVCCV([0.1, 1.0], l1_ratios=[0.5, 1.0], cv=2, scoring=score).fit(*data)
    names = {0.5: "elasticnet", 1.0: "l1"}
    assert seen == {(r, C, names[r]) for r in names for C in [0.1, 1.0]}


def test_groups_and_weights(data):
    X, y = data
    weights = np.linspace(0.0, 2.0, len(y))
    splits = list(GroupKFold(3).split(X, y, np.arange(len(y)) // 3))
    search = HingeSVCCV([0.1], l1_ratios=[0.5, 1.0], cv=splits).fit(X, y, weights)
    train = splits[0][0]
    clf = HingeSVC(0.1, l1_ratio=0.5).fit(X[train], y[train], weights[train])
    np.testing.assert_allclose(search.coefs_paths_[0, 0, 0], clf.coef_, atol=0.02)


def test_fits_that_fail_end_their_own_path(data):
    X, y = data

    def score(estimator, X, y):
        if estimator.l1_ratio == 1.0 and estimator.C == 0.1:
            raise ZeroDivisionError
        return estimator.score(X, y)

    search = HingeSVCCV(CS, l1_ratios=RATIOS, cv=2, scoring=score, error_score=np.nan)
    with pytest.warns(UserWarning, match="2 of 18 fits could not be scored"):
        search.fit(X, y)
    assert np.isnan(search.scores_[:, 1, 2]).all()
    assert np.isnan(search.scores_).sum() == 2
    search.set_params(scoring=lambda *_: np.nan, error_score="raise")
    with pytest.raises(ValueError, match=r"is nan at C=0\.3 and l1_ratio=0\.5"):
        search.fit(X, y)


def test_a_warning_where_the_grid_ends_too_early(data):
    search = HingeSVCCV(5, l1_ratios=[0.5, 1.0], cv=2)
    search.set_params(
        scoring=lambda model, X, y: np.log(model.C) + model.l1_ratio + 1e-3 * X[0, 0]
    )
    with pytest.warns(UserWarning, match="largest of the grid made for Cs=5"):
        search.fit(*data)
    assert search.l1_ratio_ == 1.0


@pytest.mark.parametrize("n_lines", [12])
def test_lines_that_are_printed_name_the_share(n_lines, data, capsys):
    HingeSVCCV([0.1, 1.0], l1_ratios=[0.5, 1.0], cv=3, verbose=1).fit(*data)
    lines = [line for line in capsys.readouterr().out.splitlines() if "fold" in line]
    assert len(lines) == n_lines
    # In each fold the largest share comes first.
    assert "fold 1 of 3, l1_ratio=1, C=0.1:" in lines[0]
    assert "fold 1 of 3, l1_ratio=0.5, C=1:" in lines[3]


@needs_callbacks
def test_pairs_are_tasks_of_their_fold(data):
    seen = Recorder()
    search = HingeSVCCV([1.0, 0.1], l1_ratios=[0.5, 1.0], cv=3).set_callbacks(seen)
    search.fit(*data)
    assert counts(seen.ended)["C"] == 12
    models = seen.models_of("fit", "fold", "C")
    found = [(model.l1_ratio_, model.C_) for model in models]
    expected = [(1.0, 0.1), (1.0, 1.0), (0.5, 0.1), (0.5, 1.0)]
    assert found == 3 * expected


@needs_callbacks
def test_a_stop_ends_the_fold_with_all_of_its_shares(data):
    def stop(context, model):
        return context.task_name == "C" and (model.l1_ratio_, model.C_) == (0.5, 0.1)

    search = HingeSVCCV([1.0, 0.1], l1_ratios=[0.5, 1.0], cv=3)
    search.set_callbacks(Recorder(stop))
    with pytest.warns(ConvergenceWarning, match="search after 9 of 12 fits"):
        search.fit(*data)
    assert np.isnan(search.scores_[:, 0, 0]).all()
    assert np.isfinite(search.scores_).sum() == 9

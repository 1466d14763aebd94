"""HingeSVCCV: the scores, paths and choice of a search over fits of HingeSVC."""

import numpy as np
import pytest
import scipy.sparse as sp
from samples import LOSSES, RULES, make_data
from sklearn.metrics import balanced_accuracy_score, fbeta_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    LeaveOneOut,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    cross_validate,
)

from hingesvm import HingeSVC
from hingesvm.losses import Hinge, get_multiclass_loss
from hingesvm.metrics import neg_hinge_loss_scorer
from hingesvm.model_selection import HingeSVCCV, hinge_path

CS = [1.0, 0.003, 0.1]
# Folds are solved to it, where fits of HingeSVC are solved to rounding.
CLOSE = 1e-12


def margin_of_first_column(estimator, X, y):
    """Score that looks at the rows as they were given, and at the model."""
    first = X[:, 0].toarray().ravel() if sp.issparse(X) else np.asarray(X)[:, 0]
    assert first.shape == y.shape
    assert estimator.n_features_in_ == X.shape[1]
    right = estimator.predict(X) == y
    return float(np.average(right, weights=1.0 + np.abs(first))) + estimator.C * 1e-3


def log_of_weights(estimator, X, y):
    """Score that asks for coefficients alone."""
    return -float(np.log(np.linalg.norm(estimator.coef_)))


SCORINGS = {
    "default": None,
    "accuracy": "accuracy",
    "f1_macro": "f1_macro",
    "hinge": neg_hinge_loss_scorer,
    "rows": margin_of_first_column,
    "weights": log_of_weights,
    "f_beta": make_scorer(fbeta_score, beta=2.0, average="macro"),
    "negated": make_scorer(balanced_accuracy_score, greater_is_better=False),
}


def assert_as_search(search, X, y, *, params=None, rtol=1e-9):
    """Assert that scores and choice are those of a search with the same splits."""
    # Of equal means a search takes the first, which is to be the smallest.
    order = np.argsort(search.Cs_)
    grid = {"C": search.Cs_[order]}
    scoring, cv = search.scoring, search.cv
    found = GridSearchCV(HingeSVC(**(params or {})), grid, scoring=scoring, cv=cv)
    found.fit(X, y)
    scores = np.stack(
        [found.cv_results_[f"split{k}_test_score"] for k in range(len(search.scores_))]
    )
    np.testing.assert_allclose(search.scores_[:, order], scores, rtol=rtol, atol=1e-12)
    assert found.best_params_["C"] == search.C_
    best = found.best_estimator_
    distance = np.sqrt(2 * best.dual_gap_) + np.sqrt(2 * search.dual_gap_)
    room = 1e-6 * np.linalg.norm(best.coef_)
    assert np.linalg.norm(search.coef_ - best.coef_) <= distance + room


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", SCORINGS)
def test_scores_and_choice_are_those_of_a_search(name, n_classes):
    X, y = make_data(60, 3, n_classes=n_classes)
    X = X if n_classes == 2 else sp.csr_matrix(X)
    search = HingeSVCCV(Cs=CS[1:], cv=3, scoring=SCORINGS[name], tol=CLOSE).fit(X, y)
    assert search.scores_.shape == (3, 2)
    assert_as_search(search, X, y)
    # The scores tell the values of C apart.
    assert len(np.unique(search.scores_)) > 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_roc_auc(dtype):
    X, y = make_data(60, 4, dtype=dtype)
    for scoring in ["roc_auc", "average_precision"]:
        search = HingeSVCCV(Cs=CS[1:], cv=3, scoring=scoring).fit(X, y)
        assert_as_search(search, X, y)


@pytest.mark.parametrize(
    "params",
    [
        *({"loss": loss, **rule.values[0]} for loss in LOSSES for rule in RULES),
        {"class_weight": "balanced"},
        {"class_weight": {0: 3.0, 1: 0.5, 2: 1.0}, "fit_intercept": False},
        {"multi_class": "crammer_singer", "penalized_intercept": True},
        {"multi_class": "weston_watkins", "fit_intercept": False},
        {"solver": "batch"},
    ],
    ids=str,
)
def test_parameters_of_the_fits(params):
    X, y = make_data(50, 4, n_classes=3)
    params = {**params, "tol": CLOSE}
    search = HingeSVCCV(CS[1:], cv=2, scoring=neg_hinge_loss_scorer, **params)
    assert_as_search(search.fit(X, y), X, y, params=params, rtol=1e-6)


@pytest.mark.parametrize(
    "cv",
    [
        None,
        4,
        KFold(3, shuffle=True, random_state=0),
        StratifiedShuffleSplit(3, test_size=0.3, random_state=1),
        RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0),
    ],
    ids=str,
)
def test_splitters(cv):
    X, y = make_data(60, 4)
    search = HingeSVCCV(Cs=CS, cv=cv, tol=CLOSE).fit(X, y)
    assert_as_search(search, X, y)


def test_splits_of_masks_negative_places_and_repeated_rows():
    X, y = make_data(60, 4)
    rng = np.random.default_rng(0)
    mask = rng.random(60) < 0.6
    drawn = rng.integers(0, 60, 60)  # in no order, with repeats
    splits = [
        (np.arange(40), np.arange(30, 60)),
        (np.flatnonzero(mask), np.flatnonzero(~mask)),
        (np.arange(-50, 0), np.arange(-60, -45)),
        (drawn, np.arange(60)),
        (list(range(20, 60)), [3, 1, 2]),
    ]
    given = [*splits[:1], (mask, ~mask), *splits[2:]]
    search = HingeSVCCV(Cs=CS, cv=given, tol=CLOSE).fit(X, y)
    assert_as_search(search, X, y)
    for fold, (train, test) in enumerate(splits):
        for place, C in enumerate(CS):
            clf = HingeSVC(C).fit(X[train], y[train])
            score = clf.score(X[test], y[test])
            assert search.scores_[fold, place] == pytest.approx(score)
            np.testing.assert_allclose(
                search.coefs_paths_[fold, place], clf.coef_, rtol=1e-5, atol=1e-6
            )


def test_an_iterator_of_splits():
    X, y = make_data(60, 4)
    splits = StratifiedKFold(3).split(X, y)
    search = HingeSVCCV(Cs=CS, cv=splits).fit(X, y)
    expected = HingeSVCCV(Cs=CS, cv=3).fit(X, y)
    np.testing.assert_array_equal(search.scores_, expected.scores_)


def test_leave_one_out():
    X, y = make_data(16, 2)
    search = HingeSVCCV(Cs=[0.1, 1.0], cv=LeaveOneOut()).fit(X, y)
    assert search.scores_.shape == (16, 2)
    assert set(np.unique(search.scores_)) <= {0.0, 1.0}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_what_a_fit_leaves(n_classes, dtype):
    X, y = make_data(90, 4, n_classes=n_classes, dtype=dtype)
    # Its fits end at `tol` wherever they are made.
    params = {"solver": "stochastic", "tol": 1e-3}
    search = HingeSVCCV(Cs=CS, cv=3, **params)
    assert search.fit(X, y) is search
    n_scores = 1 if n_classes == 2 else n_classes
    assert search.coefs_paths_.shape == (3, 3, n_scores, 4)
    assert search.intercepts_paths_.shape == (3, 3, n_scores)
    assert search.coefs_paths_.dtype == search.coef_.dtype == dtype
    np.testing.assert_array_equal(search.Cs_, CS)
    for name in ["scores_", "objectives_", "dual_gaps_"]:
        assert getattr(search, name).shape == (3, 3)
        assert getattr(search, name).dtype == np.float64
    assert search.n_iters_.min() >= 1
    assert search.n_iters_.dtype.kind == "i"
    assert isinstance(search.C_, float)
    assert search.n_features_in_ == 4
    for fold, (train, _) in enumerate(StratifiedKFold(3).split(X, y)):
        path = hinge_path(X[train], y[train], Cs=CS, **params)
        np.testing.assert_array_equal(search.coefs_paths_[fold], path.coefs)
        np.testing.assert_array_equal(search.intercepts_paths_[fold], path.intercepts)
        np.testing.assert_array_equal(search.objectives_[fold], path.objectives)
        np.testing.assert_array_equal(search.dual_gaps_[fold], path.dual_gaps)
        np.testing.assert_array_equal(search.n_iters_[fold], path.n_iters)
    last = HingeSVC(search.C_, **params).fit(X, y)
    np.testing.assert_array_equal(search.coef_, last.coef_)
    np.testing.assert_array_equal(search.intercept_, last.intercept_)
    np.testing.assert_array_equal(search.predict(X), last.predict(X))
    assert search.objective_ == last.objective_
    assert search.dual_gap_ == last.dual_gap_
    assert search.n_iter_ == last.n_iter_
    assert len(search.history_) == n_scores


def test_score_is_that_of_the_scorer():
    X, y = make_data(90, 4)
    for name, scoring in SCORINGS.items():
        search = HingeSVCCV(Cs=[0.1], cv=3, scoring=scoring).fit(X, y)
        last = HingeSVC(0.1).fit(X, y)
        if name == "rows":
            search.C = 0.1
        expected = cross_validate(last, X, y, scoring=scoring, cv=[(range(90),) * 2])
        assert search.score(X, y) == pytest.approx(expected["test_score"][0])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_without_refit_the_best_of_each_fold_are_averaged(n_classes):
    X, y = make_data(90, 4, n_classes=n_classes)
    Cs = [1.0, 0.003, 0.03, 0.3]
    search = HingeSVCCV(Cs=Cs, cv=4, refit=False).fit(X, y)
    # Of equal scores the smallest C has the best.
    order = np.argsort(Cs)
    best = order[search.scores_[:, order].argmax(axis=1)]
    assert len(set(best)) > 1
    folds = np.arange(4)
    coef = search.coefs_paths_[folds, best].mean(axis=0)
    np.testing.assert_allclose(search.coef_, coef, rtol=1e-12)
    intercept = search.intercepts_paths_[folds, best].mean(axis=0)
    np.testing.assert_allclose(search.intercept_, intercept, rtol=1e-12)
    mean = np.mean(np.array(Cs)[best])
    assert mean == pytest.approx(search.C_)
    assert search.n_iter_ == search.n_iters_[folds, best].max()
    assert not hasattr(search, "dual_gap_")
    without = HingeSVCCV(Cs=Cs, cv=4, refit=False, store_paths=False).fit(X, y)
    np.testing.assert_array_equal(without.coef_, search.coef_)
    assert search.score(X, y) > 0.5


def test_a_fit_without_refit_drops_what_a_fit_with_it_left():
    X, y = make_data(60, 4)
    search = HingeSVCCV(Cs=CS).fit(X, y)
    search.set_params(refit=False, store_paths=False).fit(X, y)
    for name in ["objective_", "dual_gap_", "history_", "coefs_paths_"]:
        assert not hasattr(search, name)
    assert not hasattr(search, "intercepts_paths_")
    search.set_params(refit=True).fit(X, y)
    assert search.dual_gap_ <= 1e-10 * search.objective_


def by_table(table):
    """Return a scorer that looks scores up by fold and C; folds have one test row."""

    def score(estimator, X, y):
        return table[int(X[0, 0])][estimator.C]

    return score


def test_one_standard_error_by_hand():
    # Means 0.5, 0.75, 0.875 at C = 1, 2, 4, and 0.8 at C = 8. The best has the
    # deviations -0.125, 0.125, so a standard error of 0.125.
    table = [
        {4.0: 0.75, 1.0: 0.5, 8.0: 0.8, 2.0: 0.75},
        {4.0: 1.0, 1.0: 0.5, 8.0: 0.8, 2.0: 0.75},
    ]
    X, y = np.arange(12.0)[:, None], np.arange(12) % 2
    cv = [(np.arange(2, 12), [0]), (np.arange(2, 12), [1])]
    search = HingeSVCCV(Cs=[4.0, 1.0, 8.0, 2.0], cv=cv, scoring=by_table(table))
    assert search.fit(X, y).C_ == 4.0
    search.set_params(one_standard_error=True)
    assert search.fit(X, y).C_ == 2.0
    table[0][2.0] = 0.74  # mean 0.745, below 0.75
    assert search.fit(X, y).C_ == 4.0
    table[0][8.0] = table[1][8.0] = 0.9  # no spread, and the smallest within it is 8
    assert search.fit(X, y).C_ == 8.0
    assert search.set_params(cv=cv[:1]).fit(X, y).C_ == 8.0


@pytest.mark.parametrize("rounding", [0.0, 1e-16, 5e-14])
def test_of_equal_scores_the_smaller_C_wins(rounding):
    X, y = np.arange(12.0)[:, None], np.arange(12) % 2
    cv = [(np.arange(2, 12), [0])]
    table = [{4.0: 0.5, 1.0: 1.0 - rounding, 8.0: 1.0}]
    for Cs in [[4.0, 8.0, 1.0], [4.0, 1.0, 8.0]]:
        for one_standard_error in [False, True]:
            search = HingeSVCCV(Cs=Cs, cv=cv, scoring=by_table(table))
            search.set_params(one_standard_error=one_standard_error)
            assert search.fit(X, y).C_ == 1.0
            assert search.set_params(refit=False).fit(X, y).C_ == 1.0
    # More than rounding is told apart.
    table[0][1.0] = 1.0 - 1e-9
    assert search.fit(X, y).C_ == 8.0


def test_means_of_the_same_scores_in_another_order_are_equal():
    X, y = np.arange(12.0)[:, None], np.arange(12) % 2
    scores, Cs = [0.1, 0.2, 0.3], [4.0, 1.0, 2.0]
    table = [dict(zip(Cs, np.roll(scores, k), strict=True)) for k in range(3)]
    means = [np.mean([each[C] for each in table]) for C in Cs]
    assert np.ptp(means) > 0.0
    cv = [(np.arange(3, 12), [k]) for k in range(3)]
    search = HingeSVCCV(Cs=Cs, cv=cv, scoring=by_table(table))
    assert search.fit(X, y).C_ == 1.0


@pytest.mark.parametrize("form", ["ovr", "crammer_singer", "weston_watkins"])
def test_folds_that_lack_a_class(form):
    X, y = make_data(40, 3, n_classes=4, seed=1)
    lacks_one, lacks_two = np.flatnonzero(y != 1), np.flatnonzero((y != 1) & (y != 2))
    everything = np.arange(40)
    cv = [(lacks_one, everything), (lacks_two, everything), (everything, everything)]
    params = {"multi_class": form, "penalized_intercept": True, "tol": CLOSE}
    search = HingeSVCCV(Cs=CS[1:], cv=cv, **params).fit(X, y)
    assert search.coefs_paths_.shape == (3, 2, 4, 3)
    for fold, (train, test) in enumerate(cv):
        for place, C in enumerate(CS[1:]):
            clf = HingeSVC(C, **params).fit(X[train], y[train])
            assert search.scores_[fold, place] == clf.score(X[test], y[test])
            coef = search.coefs_paths_[fold, place]
            lacking = ~np.isin(range(4), clf.classes_)
            np.testing.assert_array_equal(np.isnan(coef).all(axis=1), lacking)
            kept = coef[~lacking]
            if len(kept) == 2:
                np.testing.assert_array_equal(kept[0], -kept[1])
                if form == "ovr":
                    kept = kept[1:]
            if len(kept) == 2 and form != "ovr":
                # Both rows are those of the joint problem.
                b = search.intercepts_paths_[fold, place, ~lacking]
                codes = np.searchsorted(clf.classes_, y[train])
                losses = get_multiclass_loss(form).value(X[train] @ kept.T + b, codes)
                squares = np.sum(kept**2) + np.sum(b**2)
                objective = 0.5 * squares + C * np.sum(losses)
                assert search.objectives_[fold, place] == pytest.approx(objective)
            else:
                np.testing.assert_allclose(kept, clf.coef_, rtol=1e-4, atol=1e-5)
    # Of each class the mean is that of the folds that have it.
    mean = HingeSVCCV(Cs=CS[1:2], cv=cv, refit=False, **params).fit(X, y)
    expected = search.coefs_paths_[:, 0]
    np.testing.assert_allclose(mean.coef_[1], expected[2, 1])
    np.testing.assert_allclose(mean.coef_[0], expected[:, 0].mean(axis=0))
    assert np.all(np.isfinite(mean.decision_function(X)))
    never = HingeSVCCV(Cs=CS, cv=cv[:2], refit=False, **params)
    with pytest.raises(ValueError, match="Class 1 is among the training rows of no"):
        never.fit(X, y)


def test_a_fold_of_one_class_is_refused_by_name():
    X, y = make_data(60, 4)
    cv = [(np.arange(60), [0]), (np.flatnonzero(y == 1), [0])]
    search = HingeSVCCV(Cs=CS, cv=cv)
    message = "HingeSVCCV needs at least two classes .* fold 2 of 2 has only .*: 1"
    with pytest.raises(ValueError, match=message):
        search.fit(X, y)
    assert not hasattr(search, "classes_")
    with pytest.raises(ValueError, match=r"HingeSVCCV needs .* y has only one"):
        search.fit(X, np.zeros(60))


@pytest.mark.parametrize("part", [[], np.zeros(60, dtype=bool)], ids=["list", "mask"])
def test_a_fold_without_rows_is_refused_by_name(part):
    X, y = make_data(60, 4)
    everything = np.arange(60)
    for split, purpose in [((part, everything), "train"), ((everything, part), "test")]:
        search = HingeSVCCV(Cs=CS, cv=[(everything, everything), split])
        with pytest.raises(ValueError, match=f"Fold 2 of 2 has no rows to {purpose}"):
            search.fit(X, y)


def test_loss_objects_are_shown_to_scorers():
    X, y = make_data(60, 4)

    def is_hinge(estimator, X, y):
        return float(estimator.loss == Hinge() and estimator.get_params()["C"] < 0.05)

    search = HingeSVCCV(Cs=CS, loss=Hinge(), scoring=is_hinge).fit(X, y)
    assert search.C_ == 0.003

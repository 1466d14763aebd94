"""Fits with sparse weights one after the other: starts, callbacks, limits, refusals."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from callback_cases import Recorder, needs_callbacks
from penalty_cases import MIXED, few_of_many, objective
from samples import text
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from hingesvm import HingeSVC
from hingesvm.model_selection import HingeSVCCV, hinge_path
from hingesvm.penalties import ElasticNet, Penalty

RULES = [{}, {"penalized_intercept": True}, {"fit_intercept": False}]
every_rule = pytest.mark.parametrize("rule", RULES, ids=str)
every_ratio = pytest.mark.parametrize("ratio", [0.5, 1.0])
either_loss = pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])


@every_rule
@every_ratio
@either_loss
@pytest.mark.parametrize("d", [12, 150])
def test_a_fit_from_its_own_solution_is_done(d, loss, ratio, rule):
    X, y = few_of_many(40, d)
    clf = HingeSVC(0.5, loss=loss, l1_ratio=ratio, warm_start=True, **rule).fit(X, y)
    first, n_iter = clf.objective_, clf.n_iter_
    clf.fit(X, y)
    assert clf.objective_ == pytest.approx(first, rel=1e-9)
    assert clf.dual_gap_ <= 1e-10 * clf.objective_
    assert clf.n_iter_ < 0.5 * n_iter


@every_rule
@either_loss
@pytest.mark.parametrize(
    "change",
    [
        {"C": 5.0},
        {"C": 0.01},
        {"l1_ratio": 0.1},
        {"l1_ratio": 1.0},
        {"l1_ratio": 0.0},
        {"l1_ratio": ElasticNet(1.0, np.linspace(0.5, 2.0, 12))},
        {"class_weight": "balanced"},
    ],
    ids=str,
)
def test_a_warm_start_leads_to_the_optimum_of_a_cold_one(change, loss, rule):
    X, y = few_of_many(40, 12)
    warm = HingeSVC(0.5, loss=loss, l1_ratio=0.5, warm_start=True, **rule).fit(X, y)
    warm.set_params(**change).fit(X, y)
    cold = clone(warm).fit(X, y)
    assert warm.objective_ == pytest.approx(cold.objective_, rel=1e-9)
    assert warm.dual_gap_ <= 1e-10 * warm.objective_
    np.testing.assert_allclose(warm.coef_, cold.coef_, atol=1e-6)


def test_a_warm_start_from_plain_weights():
    X, y = few_of_many(40, 150)
    warm = HingeSVC(warm_start=True).fit(X, y).set_params(l1_ratio=1.0).fit(X, y)
    cold = HingeSVC(l1_ratio=1.0).fit(X, y)
    assert warm.objective_ == pytest.approx(cold.objective_, rel=1e-9)
    assert np.array_equal(warm.coef_ != 0.0, cold.coef_ != 0.0)


def test_a_warm_start_on_other_rows_and_weights():
    X, y = few_of_many(60, 12)
    warm = HingeSVC(l1_ratio=1.0, warm_start=True).fit(X, y)
    weights = np.where(np.arange(60) % 3, 1.0, 0.0)
    warm.fit(X, y, sample_weight=weights)
    cold = HingeSVC(l1_ratio=1.0).fit(X, y, sample_weight=weights)
    assert warm.objective_ == pytest.approx(cold.objective_, rel=1e-9)
    assert np.array_equal(
        warm.dual_coef_[0] == 0.0, (weights == 0.0) | (warm.dual_coef_[0] == 0.0)
    )
    kept = weights > 0.0
    other = HingeSVC(l1_ratio=1.0).fit(X[kept], y[kept])
    assert warm.objective_ == pytest.approx(other.objective_, rel=1e-9)


@every_ratio
def test_duals_of_a_fit_are_feasible(ratio):
    X, y = few_of_many(40, 12)
    clf = HingeSVC(0.5, l1_ratio=ratio, warm_start=True).fit(X, y)
    alpha = y * clf.dual_coef_[0]
    assert np.all((alpha >= 0.0) & (alpha <= 0.5))
    assert abs(clf.dual_coef_.sum()) <= 1e-12 * alpha.sum()
    pulls = clf.dual_coef_[0] @ X
    assert np.all(np.abs(pulls[clf.coef_[0] == 0.0]) <= ratio * (1.0 + 1e-9))
    support = clf.coef_[0] != 0.0
    expected = ratio * np.sign(clf.coef_[0]) + (1.0 - ratio) * clf.coef_[0]
    np.testing.assert_allclose(pulls[support], expected[support], atol=1e-6)


@every_ratio
@either_loss
def test_a_path_is_a_fit_for_each_c(loss, ratio):
    X, y = few_of_many(40, 12)
    Cs = [0.01, 0.3, 10.0]
    path = hinge_path(X, y, Cs=Cs, loss=loss, l1_ratio=ratio, tol=1e-8)
    for k, C in enumerate(Cs):
        clf = HingeSVC(C, loss=loss, l1_ratio=ratio, tol=1e-8).fit(X, y)
        assert path.objectives[k] == pytest.approx(clf.objective_, rel=2e-8)
        assert path.dual_gaps[k] <= 1e-8 * path.objectives[k]
        np.testing.assert_allclose(np.ravel(path.coefs[k]), clf.coef_[0], atol=1e-3)


def test_a_penalty_can_be_searched_over():
    X, y = few_of_many(60, 12)
    grid = {"l1_ratio": [0.0, 0.5, 1.0], "C": [0.1, 1.0]}
    search = GridSearchCV(HingeSVC(), grid, cv=3).fit(X, y)
    assert search.best_params_["l1_ratio"] in grid["l1_ratio"]
    best = HingeSVCCV(Cs=[0.1, 1.0], cv=3, l1_ratio=1.0).fit(X, y)
    alone = HingeSVC(best.C_, l1_ratio=1.0).fit(X, y)
    assert np.array_equal(best.coef_ != 0.0, alone.coef_ != 0.0)
    assert (best.coef_ == 0.0).any()


@needs_callbacks
def test_callbacks_are_told_of_every_look():
    X, y = few_of_many(40, 150)
    recorder = Recorder()
    clf = HingeSVC(l1_ratio=1.0).set_callbacks(recorder).fit(X, y)
    models = recorder.models_of("fit", "gap-check")
    assert len(models) == len(clf.history_[0]) > 2
    # Below that, gaps are rounding errors.
    gaps = [max(model.dual_gap_ / model.objective_, 1e-10) for model in models]
    assert gaps == sorted(gaps, reverse=True)
    last = models[-1]
    assert last.objective_ == pytest.approx(clf.objective_)
    assert objective(last, X, y) == pytest.approx(last.objective_, rel=1e-9)
    assert [check["gap"] for check in clf.history_[0]] == [m.dual_gap_ for m in models]


@needs_callbacks
def test_a_callback_may_stop_a_fit():
    X, y = few_of_many(40, 150)

    def stop(context, model):
        return context.task_name == "gap-check" and model.n_iter_ >= 5

    clf = HingeSVC(l1_ratio=1.0, tol=1e-8).set_callbacks(Recorder(stop))
    with pytest.warns(ConvergenceWarning):
        clf.fit(X, y)
    exact = HingeSVC(l1_ratio=1.0).fit(X, y)
    assert clf.dual_gap_ > 1e-8 * clf.objective_
    assert clf.objective_ - clf.dual_gap_ <= exact.objective_ <= clf.objective_


@every_rule
@every_ratio
@either_loss
@pytest.mark.parametrize("max_iter", [1, 4, 12])
def test_a_fit_that_is_cut_short_says_so_and_by_how_much(max_iter, loss, ratio, rule):
    X, y = few_of_many(40, 150)
    args = {"loss": loss, "l1_ratio": ratio, **rule}
    clf = HingeSVC(30.0, max_iter=max_iter, tol=1e-12, **args)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        clf.fit(X, y)
    short = clf.dual_gap_ > 1e-12 * clf.objective_
    assert short == any(w.category is ConvergenceWarning for w in seen)
    assert clf.n_iter_ <= max_iter
    exact = HingeSVC(30.0, **args).fit(X, y)
    assert clf.objective_ - clf.dual_gap_ <= exact.objective_ * (1.0 + 1e-12)
    assert clf.objective_ >= (exact.objective_ - exact.dual_gap_) * (1.0 - 1e-12)


def test_progress_is_printed(capsys):
    X, y = few_of_many(40, 150)
    HingeSVC(l1_ratio=1.0, verbose=1).fit(X, y)
    assert "relative gap" in capsys.readouterr().out


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@either_loss
def test_wide_sparse_rows(loss, dtype):
    X, y = text(400, 2500, dtype=dtype)
    C = 10.0
    plain = HingeSVC(C, loss=loss).fit(X, y)
    clf = HingeSVC(C, loss=loss, l1_ratio=1.0, warm_start=True).fit(X, y)
    assert clf.dual_gap_ <= 1e-4 * clf.objective_
    assert clf.coef_.dtype == dtype
    n_weights = np.count_nonzero(clf.coef_)
    assert 0 < n_weights < 0.2 * np.count_nonzero(plain.coef_)
    assert objective(clf, X, y) == pytest.approx(clf.objective_, rel=1e-5)
    pulls = np.abs(sp.csr_matrix(X, dtype=float).T @ clf.dual_coef_[0])
    # The dual value is that of these duals times the largest factor that is feasible.
    factor = min(1.0, 1.0 / pulls.max())
    alpha = factor * np.abs(clf.dual_coef_[0])
    price = np.sum(alpha**2) / (4.0 * C) if loss == "squared_hinge" else 0.0
    least = clf.objective_ - clf.dual_gap_
    assert least == pytest.approx(alpha.sum() - price, rel=1e-6)


def test_labels_and_predictions_are_as_ever():
    X, y = few_of_many(60, 12)
    names = np.where(y == 1, "spam", "ham")
    clf = HingeSVC(l1_ratio=1.0).fit(X, names)
    scores = clf.decision_function(X)
    support = np.flatnonzero(clf.coef_[0])
    assert 0 < len(support) < 12
    some = X[:, support] @ clf.coef_[0, support] + clf.intercept_
    np.testing.assert_allclose(scores, some, atol=1e-12)
    assert np.array_equal(clf.predict(X), np.where(scores > 0.0, "spam", "ham"))


@pytest.mark.parametrize("ratio", [-0.1, 1.1, "l1", None, np.nan])
def test_a_share_outside_0_to_1_is_refused(ratio):
    X, y = few_of_many()
    with pytest.raises(ValueError, match=r"The 'l1_ratio' parameter of HingeSVC"):
        HingeSVC(l1_ratio=ratio).fit(X, y)


@pytest.mark.parametrize("penalty", [0.5, ElasticNet(1.0)])
def test_joint_losses_and_pegasos_are_refused(penalty):
    X, y = few_of_many()
    joint = HingeSVC(l1_ratio=penalty, multi_class="crammer_singer")
    with pytest.raises(ValueError, match=r"trained with l1_ratio=0 only.*'ovr'"):
        joint.fit(X, y)
    with pytest.raises(ValueError, match="solver='pegasos' takes steps for l1_ratio=0"):
        HingeSVC(l1_ratio=penalty, solver="pegasos").fit(X, y)


def test_no_share_is_refused_nowhere():
    X, y = few_of_many()
    for ratio in (0, np.float32(0.0), ElasticNet(0.0)):
        HingeSVC(l1_ratio=ratio, multi_class="crammer_singer").fit(X, y)
        HingeSVC(l1_ratio=ratio).fit_batches([(X, y)])
        HingeSVC(l1_ratio=ratio).partial_fit(X, y, classes=[-1, 1])


def test_a_penalty_of_other_columns_is_refused():
    X, y = few_of_many(20, 6)
    for penalty in (MIXED, ElasticNet(0.5, [1.0, 2.0])):
        with pytest.raises(ValueError, match="for each of the 6 columns of X"):
            HingeSVC(l1_ratio=penalty).fit(X, y)

    class Free(Penalty):
        def thresholds(self, n_features):
            return np.arange(n_features, dtype=float)

        def strengths(self, n_features):
            return np.zeros(n_features)

    with pytest.raises(ValueError, match="Free does not penalise the weight of col"):
        HingeSVC(l1_ratio=Free()).fit(X, y)


def test_errors_leave_the_estimator_as_it_was():
    X, y = few_of_many(20, 5)
    clf = HingeSVC(l1_ratio=1.0).fit(X, y)
    before = clf.coef_.copy()
    with pytest.raises(ValueError, match="for each of the 3 columns"):
        clf.set_params(l1_ratio=MIXED).fit(X[:, :3], y)
    assert np.array_equal(clf.coef_, before)
    assert clf.n_features_in_ == 5


def wide_case(kind, n, d, seed):
    """Few rows of many columns: repeated, or of low rank and different lengths."""
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, d))
    if kind == "repeated":
        X = X[random.integers(0, n, n)]
    if kind == "low rank":
        X = random.standard_normal((n, 5)) @ random.standard_normal((5, d))
        X *= 10.0 ** random.uniform(-2, 2, (n, 1))
    y = np.where(random.random(n) < 0.5, 1, -1)
    y[:2] = 1, -1
    return X, y, random.uniform(0.2, 3.0, d)


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("has_factors", [False, True])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
@pytest.mark.parametrize("C", [0.017, 4.0, 300.0])
@pytest.mark.parametrize("kind", ["full", "repeated", "low rank"])
@pytest.mark.parametrize("seed", range(3))
def test_wide_rows_reach_the_tolerance(kind, C, loss, has_factors, ratio, seed):
    # Rounds of columns ended while none joined, though more was asked of the others.
    X, y, factors = wide_case(kind, 20, 600, seed)
    penalty = ElasticNet(ratio, factors) if has_factors else ratio
    clf = HingeSVC(C=C, l1_ratio=penalty, loss=loss, tol=1e-6).fit(X, y)
    assert clf.dual_gap_ <= 1e-6 * clf.objective_
    assert objective(clf, X, y) == pytest.approx(clf.objective_, rel=1e-9)


@pytest.mark.parametrize("C", [0.005, 0.01, 0.02, 0.04])
def test_no_column_takes_part_in_several_rounds(C):
    # A mean over no columns became a proximal step that is no number, with a warning.
    random = np.random.default_rng(0)
    X = random.standard_normal((20, 150))
    y = np.where(random.random(20) < 0.5, 1, -1)
    y[:2] = 1, -1
    clf = HingeSVC(C, l1_ratio=0.9, penalized_intercept=True, tol=1e-6).fit(X, y)
    assert clf.dual_gap_ <= 1e-6 * clf.objective_


def test_a_table_whose_columns_nearly_depend_on_each_other():
    # Steps of a long proximal step, on a handful of rows near their kinks, led nowhere.
    random = np.random.default_rng(2)
    n, d, k = 3000, 300, 30
    X = random.standard_normal((n, k)) @ random.standard_normal((k, d))
    X = np.maximum(X + 0.05 * random.standard_normal((n, d)), 0.0)
    # Drawn in vain: the data are then those of a fit that did not end.
    random.standard_normal((n, k))
    scores = X[:, :40] @ random.standard_normal(40)
    y = np.where(scores + 20.0 * random.standard_normal(n) > 0.0, 1, -1)
    clf = HingeSVC(l1_ratio=1.0, tol=1e-3).fit(X, y)
    assert clf.dual_gap_ <= 1e-3 * clf.objective_

"""HingeSVC.fit_batches: the model and certificate of `fit`, from rows in batches."""

import pickle
import re

import numpy as np
import pytest
import scipy.sparse as sp
from batch_cases import Batches, check_batches, cut, read_in_passes
from callback_cases import Recorder, at_gap, counts, needs_callbacks
from reference import check_certificate
from samples import LOSSES, RULES, make_data, text
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from hingesvm import HingeSVC

# Not "pegasos", which is refused.
SOLVERS = ["auto", "stochastic", "batch"]


@pytest.fixture(params=["bands", "memory", "tight"])
def in_passes(request, monkeypatch):
    """Bands of rows; all rows at once; and too many of them for memory."""
    part = 0.4 if request.param == "tight" else None
    read_in_passes(monkeypatch, bands=request.param != "memory", part=part)


SHAPES = {
    "tall": lambda k: make_data(3300, 3, k),
    "square": lambda k: make_data(120, 120, k, density=0.5),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
@pytest.mark.parametrize("shape", SHAPES)
def test_model_and_certificate_are_those_of_fit(
    shape, kind, solver, loss, rule, monkeypatch
):
    read_in_passes(monkeypatch)
    X, y = SHAPES[shape](2)
    batches = cut(kind(X), y)
    clf, _ = check_batches(
        batches, kind(X), y, loss=loss, solver=solver, tol=1e-3, C=0.1, **rule
    )
    assert batches.n_passes <= 60
    np.testing.assert_array_equal(
        clf.predict(X), clf.classes_[(clf.decision_function(X) > 0.0).astype(int)]
    )


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_wide_sparse_rows(solver, loss, rule, monkeypatch):
    read_in_passes(monkeypatch)
    X, y = text(600, 2500, dtype=np.float64)
    batches = cut(X, y)
    check_batches(batches, X, y, loss=loss, solver=solver, tol=1e-3, **rule)
    assert batches.n_passes <= 40


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("weighting", ["weights", "balanced", "dict", "both"])
def test_four_classes_and_weights(weighting, kind, loss, dtype, in_passes):
    X, y = make_data(400, 5, 4, dtype=dtype)
    names = np.array(["a", "b", "c", "d"])
    labels = names[y]
    weights = np.random.default_rng(0).choice([0.0, 0.5, 1.0, 3.0], 400)
    weights = weights if weighting in ("weights", "both") else None
    given = () if weights is None else (weights,)
    by_class = {"a": 2.0, "c": 0.25} if weighting in ("dict", "both") else None
    by_class = "balanced" if weighting == "balanced" else by_class
    costs = np.ones(400) if weights is None else weights
    if by_class == "balanced":
        costs = 400.0 / (4.0 * np.bincount(y))[y]
    elif by_class is not None:
        costs = costs * np.array([2.0, 1.0, 0.25, 1.0])[y]
    check_batches(
        cut(kind(X), labels, *given),
        kind(X),
        labels,
        weights,
        costs=costs,
        loss=loss,
        class_weight=by_class,
        tol=1e-3,
        C=0.5,
    )


def balanced_by_weights(y, weights):
    """Return the costs of class_weight="balanced"."""
    sizes = np.bincount(y, weights)
    return weights * (sizes.sum() / (len(sizes) * sizes))[y]


def test_balanced_classes_with_weights(in_passes):
    X, y = make_data(300, 4, 3)
    weights = np.random.default_rng(1).choice([0.0, 1.0, 2.0], 300)
    check_batches(
        cut(X, y, weights),
        X,
        y,
        weights,
        costs=balanced_by_weights(y, weights),
        class_weight="balanced",
    )


def sorted_by_class(X, y):
    order = np.argsort(y, kind="stable")
    return X[order], y[order]


def doubled(X, y):
    return np.repeat(X[:150], 8, axis=0), np.repeat(y[:150], 8)


def with_constants(X, y):
    X = X.copy()
    X[:, 0], X[:, 1] = 1.0, 0.0
    return X, y


def of_raw_scales(X, y):
    return X * np.logspace(-6.0, 6.0, X.shape[1]), y


def separable(X, y):
    return X + 8.0 * np.where(y > 0, 1.0, -1.0)[:, np.newaxis], y


def empty_rows(X, y):
    return X * (np.arange(len(X)) % 3 > 0)[:, np.newaxis], y


def far_away(X, y):
    return X + 30.0, y


@pytest.mark.parametrize(
    "change",
    [
        sorted_by_class,
        doubled,
        with_constants,
        of_raw_scales,
        separable,
        empty_rows,
        far_away,
    ],
)
@pytest.mark.parametrize("loss", LOSSES)
def test_hard_data(change, loss, monkeypatch):
    read_in_passes(monkeypatch)
    X, y = change(*make_data(1200, 6))
    batches = cut(X, y)
    check_batches(batches, X, y, loss=loss)
    assert batches.n_passes <= 40


@pytest.mark.parametrize("nothing", [([], []), (np.array([]), np.array([]), [])])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_empty_lists_are_an_empty_batch(place, nothing, in_passes):
    parts = cut(*make_data(300, 4), n_batches=3).batches
    clf = HingeSVC().fit_batches(Batches([*parts[:place], nothing, *parts[place:]]))
    other = HingeSVC().fit_batches(Batches(parts))
    np.testing.assert_array_equal(clf.coef_, other.coef_)
    assert clf.n_features_in_ == 4


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("rule", RULES)
def test_batches_of_one_class_or_one_row(n_classes, rule, in_passes):
    X, y = sorted_by_class(*make_data(200, 4, n_classes))
    parts = [(X[y == k], y[y == k]) for k in range(n_classes)]
    check_batches(Batches(parts), X, y, tol=1e-3, **rule)
    rows = [(X[k : k + 1], y[k : k + 1]) for k in range(200)]
    check_batches(Batches(rows), X, y, tol=1e-3, **rule)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("C", [1e-3, 1e-1, 10.0, 1e3])
def test_small_and_large_C(C, solver, monkeypatch):
    read_in_passes(monkeypatch)
    X, y = make_data(500, 3)
    batches = cut(X, y)
    check_batches(batches, X, y, C=C, solver=solver, tol=1e-2, max_iter=10_000)
    assert batches.n_passes <= (200 if solver == "stochastic" else 40)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_rare_class(loss):
    X, _ = make_data(20_000, 4)
    y = np.zeros(20_000, dtype=int)
    y[[17, 9_000, 19_999]] = 1
    check_batches(cut(X, y), X, y, loss=loss)
    balanced = balanced_by_weights(y, np.ones(20_000))
    check_batches(cut(X, y), X, y, costs=balanced, loss=loss, class_weight="balanced")


def test_passes_over_a_table():
    X, y = make_data(50_000, 10)
    batches = cut(X, y, n_batches=20)
    clf = HingeSVC().fit_batches(batches)
    whole = HingeSVC().fit(X, y)
    assert clf.dual_gap_ <= 1e-4 * clf.objective_
    assert abs(clf.objective_ - whole.objective_) <= clf.dual_gap_ + whole.dual_gap_
    assert batches.n_passes <= 9


@pytest.mark.parametrize("order", ["mixed", "sorted"])
def test_passes_over_text(order):
    X, y = text(12_000, 2500)
    if order == "sorted":
        X, y = sorted_by_class(X, y)
    batches = cut(X, y, n_batches=10)
    clf = HingeSVC(tol=1e-3).fit_batches(batches)
    assert clf.dual_gap_ <= 1e-3 * clf.objective_
    assert batches.n_passes <= 12


def test_few_rows_are_trained_as_by_fit():
    X, y = make_data(2000, 10, 3)
    batches = cut(X, y)
    clf, whole = HingeSVC().fit_batches(batches), HingeSVC().fit(X, y)
    np.testing.assert_array_equal(clf.coef_, whole.coef_)
    assert clf.dual_gap_ == whole.dual_gap_
    assert batches.n_passes == 1


def test_same_bits_on_repeat(in_passes):
    X, y = make_data(500, 4, 3)
    first, second = (HingeSVC(random_state=3).fit_batches(cut(X, y)) for _ in range(2))
    np.testing.assert_array_equal(first.coef_, second.coef_)
    assert first.dual_gap_ == second.dual_gap_
    for one, other in zip(first.history_, second.history_, strict=True):
        np.testing.assert_array_equal(one["objective"], other["objective"])


def test_threads_change_nothing(in_passes):
    X, y = make_data(300, 4, 3)
    one, many = (HingeSVC(n_jobs=n).fit_batches(cut(X, y)) for n in (1, -1))
    np.testing.assert_array_equal(one.coef_, many.coef_)
    with pytest.raises(ValueError, match="n_jobs == 0"):
        HingeSVC(n_jobs=0).fit_batches(cut(X, y))


@pytest.mark.parametrize("rule", RULES)
def test_warm_start(rule):
    X, y = make_data(16_000, 5)
    batches = cut(X[:12_000], y[:12_000])
    warm = HingeSVC(warm_start=True, **rule).fit_batches(batches)
    first, passes = warm.n_iter_, batches.n_passes
    again = cut(X[:12_000], y[:12_000], n_batches=3)
    warm.fit_batches(again)
    assert warm.n_iter_ < first
    assert again.n_passes < passes
    check_certificate(warm, X[:12_000], y[:12_000], rel=1e-5)
    # From a fit in memory, with rows added at the end, and with others left out.
    warm.fit(X[:12_000], y[:12_000]).fit_batches(cut(X, y))
    check_certificate(warm, X, y, rel=1e-5)
    assert warm.dual_gap_ <= 1e-4 * warm.objective_
    weights = np.where(np.arange(16_000) % 5, 1.0, 0.0)
    warm.fit_batches(cut(X, y, weights))
    assert warm.dual_coef_.shape == (1, 16_000)
    check_certificate(warm, X, y, weights, rel=1e-5)
    assert warm.dual_gap_ <= 1e-4 * warm.objective_
    # And on to a fit in memory.
    warm.fit(X, y, weights)
    assert warm.n_iter_ < first
    warm.set_params(warm_start=False).fit_batches(cut(X, y))
    assert not hasattr(warm, "dual_coef_")


def test_history_and_what_is_printed(monkeypatch, capsys):
    read_in_passes(monkeypatch)
    X, y = make_data(3000, 4)
    clf = HingeSVC(verbose=1).fit_batches(cut(X, y))
    (history,) = clf.history_
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= len(history) >= 2
    assert np.all(np.diff(history["iteration"]) >= 0)
    assert np.all(np.diff(history["objective"]) <= 0.0)
    assert history["gap"][-1] <= 1e-4 * history["objective"][-1]
    assert 0 < history["active"][-1] <= 3000
    assert clf.n_iter_ == history["iteration"][-1]


def test_one_iteration_warns_with_the_gap_and_a_cause(in_passes):
    X, y = make_data(400, 6)
    clf = HingeSVC(max_iter=1, warm_start=True)
    with pytest.warns(ConvergenceWarning, match="1 iteration") as caught:
        clf.fit_batches(cut(X, y))
    assert caught[0].filename == __file__
    gap = clf.dual_gap_ / clf.objective_
    number, percent = re.search(
        r"gap of ([\d.e+-]+)( %)?", str(caught[0].message)
    ).groups()
    assert float(number) / (100.0 if percent else 1.0) == pytest.approx(gap, rel=0.01)
    assert "Raise max_iter" in str(caught[0].message)
    check_certificate(clf, X, y, rel=1e-7)


def test_a_warning_of_uneven_columns(monkeypatch):
    read_in_passes(monkeypatch, part=0.5)
    X, y = make_data(3000, 4)
    X *= [1e-4, 1.0, 1.0, 1e4]
    batches = cut(X, y)
    with pytest.warns(ConvergenceWarning, match="columns of X differ in scale by"):
        HingeSVC(max_iter=2, tol=1e-12).fit_batches(batches)
    # Measured in few passes, too.
    assert batches.n_passes <= 20


@needs_callbacks
@pytest.mark.parametrize("n_classes", [2, 3])
def test_callbacks(n_classes, monkeypatch):
    read_in_passes(monkeypatch)
    X, y = make_data(2000, 4, n_classes)
    recorder, batches = Recorder(), cut(X, y)
    clf = HingeSVC().set_callbacks(recorder).fit_batches(batches)
    looks = sum(map(len, clf.history_))
    assert counts(recorder.begun)["gap-check"] == looks
    assert counts(recorder.ended) == counts(recorder.begun)
    assert recorder.given[0] is batches
    early = HingeSVC(tol=1e-8).set_callbacks(Recorder(at_gap(0.1)))
    with pytest.warns(ConvergenceWarning, match="stopped by a callback"):
        early.fit_batches(batches)
    assert 1e-8 < early.dual_gap_ / early.objective_ <= 0.1


def test_params_clones_and_pickles(in_passes):
    X, y = make_data(300, 4)
    clf = HingeSVC(warm_start=True).set_params(C=0.5).fit_batches(cut(X, y))
    other = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(other.predict(X), clf.predict(X))
    np.testing.assert_array_equal(other.fit_batches(cut(X, y)).classes_, [0, 1])
    assert not hasattr(clone(clf), "coef_")
    again = clone(clf).fit_batches(cut(X, y))
    np.testing.assert_array_equal(again.coef_, clf.coef_)
    assert clf.score(X, y) == again.score(X, y) > 0.5
    # No rows and no batches are kept.
    assert len(pickle.dumps(clf)) < X.nbytes


class Breaks(Batches):
    """Batches of which one cannot be read in one of the passes."""

    def __init__(self, batches, at, error):
        super().__init__(batches)
        self.at, self.error = at, error

    def __iter__(self):
        for number, batch in enumerate(super().__iter__()):
            if (self.n_passes, number) == self.at:
                raise self.error
            yield batch


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("disk"), ValueError("x")])
@pytest.mark.parametrize("fitted", [False, True])
def test_an_error_in_a_pass_leaves_the_estimator_as_it_was(error, fitted, in_passes):
    X, y = make_data(400, 4)
    clf = HingeSVC(warm_start=True, tol=1e-5)
    if fitted:
        clf.fit(X[:100, :3], y[:100])
    whole = cut(X, y)
    clone(clf).fit_batches(whole)
    for at in range(1, min(whole.n_passes, 12) + 1):
        before = dict(vars(clf))
        kind = error if isinstance(error, type) else type(error)
        with pytest.raises(kind):
            clf.fit_batches(Breaks(whole.batches, (at, 3), error))
        assert vars(clf).keys() == before.keys()
        assert all(vars(clf)[name] is before[name] for name in before)


def test_joint_losses_need_few_rows(monkeypatch):
    X, y = make_data(300, 4, 3)
    clf = HingeSVC(multi_class="crammer_singer").fit_batches(cut(X, y))
    whole = HingeSVC(multi_class="crammer_singer").fit(X, y)
    np.testing.assert_array_equal(clf.coef_, whole.coef_)
    read_in_passes(monkeypatch)
    for form in ("crammer_singer", "weston_watkins"):
        with pytest.raises(ValueError, match="joint losses need all rows in memory"):
            HingeSVC(multi_class=form).fit_batches(cut(X, y))
    # Of two classes they are the binary problem.
    two = HingeSVC(multi_class="crammer_singer").fit_batches(cut(X, y > 0))
    whole = HingeSVC(multi_class="crammer_singer").fit(X, y > 0)
    gaps = two.dual_gap_ + whole.dual_gap_
    assert abs(two.objective_ - whole.objective_) <= gaps * (1.0 + 1e-9)


def test_pegasos_is_refused_before_anything_is_read():
    batches = Batches([make_data(50, 2)])
    with pytest.raises(ValueError, match="pegasos"):
        HingeSVC(solver="pegasos").fit_batches(batches)
    with pytest.raises(ValueError, match="'C' parameter"):
        HingeSVC(C=-1.0).fit_batches(batches)
    assert batches.n_passes == 0


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
def test_more_rows_inside_their_box_than_can_be_in_memory(kind, loss, monkeypatch):
    # Newton steps then read all rows, a few times each.
    read_in_passes(monkeypatch, part=0.1)
    monkeypatch.setattr("hingesvm.solvers.newton.narrow._MOST_NUMBERS", 0)
    X, y = make_data(3000, 20)
    batches = cut(kind(X), y)
    check_batches(batches, kind(X), y, loss=loss, tol=1e-3)
    assert batches.n_passes <= 80


@pytest.mark.parametrize("order", [lambda X, y: (X, y), sorted_by_class])
@pytest.mark.parametrize("loss", LOSSES)
def test_more_text_than_can_be_in_memory(loss, order, monkeypatch):
    # Sweeps over one batch after the other came to nothing where each has one class.
    read_in_passes(monkeypatch, part=0.2)
    X, y = order(*text(2000, 2500, dtype=np.float64))
    batches = cut(X, y)
    check_batches(batches, X, y, loss=loss, tol=1e-3)
    assert batches.n_passes <= 60


@pytest.mark.parametrize("seed", range(12))
def test_any_shape_and_parameters(seed, in_passes):
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(20, 1200)), int(rng.integers(1, 30))
    X, y = make_data(
        n, d, int(rng.choice([2, 3])), seed, density=rng.choice([1.0, 0.3])
    )
    X = sp.csr_matrix(X) if rng.random() < 0.5 else X
    weights = rng.choice([0.5, 1.0, 4.0], n) if rng.random() < 0.5 else None
    params = {
        "C": 10.0 ** rng.uniform(-2.0, 1.0),
        "loss": str(rng.choice(LOSSES)),
        "tol": 10.0 ** rng.uniform(-4.0, -1.0),
        **RULES[int(rng.integers(3))].values[0],
    }
    given = () if weights is None else (weights,)
    batches = cut(X, y, *given, n_batches=int(rng.integers(3, 9)))
    check_batches(batches, X, y, weights, **params)

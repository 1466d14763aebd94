"""The multi-class forms of hinge_loss: conventions, agreement, and extremes."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_cases import binary, forms, multiclass, quick
from sklearn.datasets import load_iris
from sklearn.svm import LinearSVC

from hingesvm import HingeSVC
from hingesvm.losses import CrammerSinger, WestonWatkins
from hingesvm.metrics import hinge_loss

FORMS = ["crammer_singer", "weston_watkins", "ovr"]
every_form = pytest.mark.parametrize("form", FORMS)
LARGEST = np.finfo(np.float64).max


def test_values_by_hand():
    y, f = [0, 2], [[0.5, 1.0, -2.0], [0.25, 3.0, 1.0]]
    expected = {
        "crammer_singer": [1.5, 3.0],
        "weston_watkins": [1.5 + 0.0, 0.25 + 3.0],
        "ovr": [0.5 + 2.0 + 0.0, 1.25 + 4.0 + 0.0],
    }
    squares = {
        "crammer_singer": [1.5**2, 9.0],
        "weston_watkins": [1.5**2, 0.25**2 + 9.0],
        "ovr": [0.25 + 4.0, 1.25**2 + 16.0],
    }
    for form in FORMS:
        options = {"labels": [0, 1, 2], "multi_class": form}
        assert hinge_loss(y, f, **options) == np.mean(expected[form])
        assert hinge_loss(y, f, squared=True, **options) == np.mean(squares[form])


@quick
@given(multiclass(least=2))
def test_means_of_the_losses_as_objects(case):
    y, f, w, labels = case
    codes = [sorted(labels).index(label) for label in y]
    for form, loss in (
        ("crammer_singer", CrammerSinger()),
        ("weston_watkins", WestonWatkins()),
    ):
        expected = np.average(loss.value(f, codes), weights=w)
        actual = hinge_loss(y, f, labels=labels, sample_weight=w, multi_class=form)
        assert actual == pytest.approx(expected, rel=1e-12)


@quick
@given(multiclass(least=2), st.booleans())
def test_one_vs_rest_is_the_sum_of_binary_losses(case, squared):
    y, f, w, labels = case
    options = {"sample_weight": w, "squared": squared}
    parts = [
        hinge_loss(
            [one == label for one in y],
            np.array(f)[:, k],
            labels=[False, True],
            **options,
        )
        for k, label in enumerate(sorted(labels))
    ]
    whole = hinge_loss(y, f, labels=labels, multi_class="ovr", **options)
    assert whole == pytest.approx(sum(parts), rel=1e-12)


def test_one_vs_rest_is_what_estimators_minimise():
    X, y = load_iris(return_X_y=True)
    model = HingeSVC(C=0.5).fit(X, y)
    loss = hinge_loss(y, model.decision_function(X), multi_class="ovr")
    penalty = 0.5 * np.sum(model.coef_**2)
    assert model.objective_ == pytest.approx(penalty + 0.5 * len(y) * loss, rel=1e-9)


def test_crammer_singer_is_what_linear_svc_minimises():
    X, y = load_iris(return_X_y=True)
    options = {"C": 0.1, "tol": 1e-9, "max_iter": 100_000, "random_state": 0}
    model = LinearSVC(multi_class="crammer_singer", fit_intercept=False, **options)

    def objective(W):
        loss = hinge_loss(y, X @ W.T, multi_class="crammer_singer")
        return 0.5 * np.sum(W**2) + 0.1 * len(y) * loss

    best = model.fit(X, y).coef_
    rng = np.random.default_rng(0)
    for _ in range(20):
        step = rng.normal(size=best.shape)
        for size in (1e-1, 1e-2, 1e-3):
            assert objective(best + size * step) > objective(best)


@quick
@given(binary(), forms, st.booleans())
def test_one_decision_per_row_has_one_loss(case, form, squared):
    y, f, w, labels = case
    options = {"labels": labels, "sample_weight": w, "squared": squared}
    plain = hinge_loss(y, f, **options)
    assert hinge_loss(y, f, multi_class=form, **options) == plain
    column = np.array(f)[:, np.newaxis]
    assert hinge_loss(y, column, multi_class=form, **options) == plain


@quick
@given(binary(), st.booleans())
def test_two_columns_for_two_classes(case, squared):
    y, f, w, labels = case
    options = {"labels": labels, "sample_weight": w, "squared": squared}
    plain = hinge_loss(y, f, **options)
    f = np.array(f)
    halves = np.column_stack([-f / 2.0, f / 2.0])
    for form in ("crammer_singer", "weston_watkins"):
        assert hinge_loss(y, halves, multi_class=form, **options) == plain
    both = np.column_stack([-f, f])
    twice = hinge_loss(y, both, multi_class="ovr", **options)
    assert twice == pytest.approx(2.0 * plain, rel=1e-15)
    assert hinge_loss(y, both, **options) == hinge_loss(y, 2.0 * f, **options)


@quick
@given(multiclass(), st.floats(-1e3, 1e3))
def test_a_number_added_to_all_columns_changes_differences_not(case, shift):
    y, f, _, labels = case
    moved = np.array(f) + shift
    for form in ("crammer_singer", "weston_watkins"):
        options = {"labels": labels, "multi_class": form}
        actual = hinge_loss(y, moved, **options)
        assert actual == pytest.approx(hinge_loss(y, f, **options), abs=1e-9)


def test_a_number_added_to_all_columns_changes_one_vs_rest():
    assert hinge_loss([0], [[2.0, -1.0]], labels=[0, 1], multi_class="ovr") == 0.0
    assert hinge_loss([0], [[1.0, -2.0]], labels=[0, 1], multi_class="ovr") == 0.0
    assert hinge_loss([0], [[3.0, 0.0]], labels=[0, 1], multi_class="ovr") == 1.0


@every_form
@pytest.mark.parametrize("squared", [False, True])
def test_extreme_decisions_raise_no_warning(form, squared):
    options = {"squared": squared, "multi_class": form}
    big = [1e300, -1e300, 1e300]
    expected = np.inf if squared else 1e300
    with np.errstate(all="raise"):
        assert hinge_loss([0, 1, 0], big, **options) == pytest.approx(expected)
        assert hinge_loss([1, 0, 1], big, **options) == 0.0
        actual = hinge_loss([1, 1, 0], np.diag(big), labels=[0, 1, 2], **options)
        sums = {"crammer_singer": 3.0, "weston_watkins": 4.0, "ovr": 3.0}
        assert actual == pytest.approx(sums[form] / 3.0 * expected)


@every_form
def test_decisions_whose_sum_is_no_number(form):
    f = np.zeros((8, 4))
    f[::3, 1:3], f[1::3, 2:] = LARGEST, -LARGEST
    options = {"labels": range(4), "multi_class": form}
    with np.errstate(all="raise"):
        for shift in range(4):
            loss = hinge_loss([shift] * 8, np.roll(f, shift, axis=1), **options)
            # Three rows have two such hinges, or their maximum.
            hinges = 3 if form == "crammer_singer" else 6
            assert loss == LARGEST / 8 * hinges
        assert hinge_loss([0, 1] * 4, f[:, 2]) > 1e307


@pytest.mark.parametrize("form", ["crammer_singer", "weston_watkins"])
def test_a_margin_that_overflows(form):
    f, options = [[-1.7e308, 1.7e308, 0.0]], {"labels": [0, 1, 2], "multi_class": form}
    with np.errstate(all="raise"):
        assert hinge_loss([0], f, **options) == np.inf
        assert hinge_loss([1], f, **options) == 0.0


@every_form
def test_the_mean_does_not_overflow_before_its_hinges_do(form):
    options = {"multi_class": form}
    with np.errstate(all="raise"):
        f = [1.7e308] * 4
        assert hinge_loss([0] * 4, f, labels=[0, 1], **options) == 1.7e308
        assert (
            hinge_loss([0] * 4, f, labels=[0, 1], sample_weight=f, **options) == 1.7e308
        )
        # The sum over classes of the first row overflows, but not the mean.
        f = [[0.0, LARGEST, LARGEST, LARGEST], *[[2.0, -2.0, -2.0, -2.0]] * 3]
        actual = hinge_loss([0] * 4, f, labels=range(4), **options)
        share = 1 if form == "crammer_singer" else 3
        assert actual == float(Fraction(LARGEST) * share / 4)


def test_squares_that_overflow_do_not_where_the_mean_does_not():
    with np.errstate(all="raise"):
        actual = hinge_loss(
            [0, 1], [1e160, 2.0], sample_weight=[1e-100, 1.0], squared=True
        )
        assert actual == pytest.approx(1e220, rel=1e-12)
        assert hinge_loss([0, 1], [1e160, 2.0], squared=True) == np.inf


@quick
@given(
    st.lists(
        st.tuples(st.integers(-(2**20), 2**20), st.none() | st.integers(-1074, 1023)),
        min_size=1,
        max_size=30,
    ).filter(lambda rows: any(power is not None for _, power in rows)),
    st.booleans(),
)
def test_the_mean_is_rounded_once(rows, squared):
    """No product is, of multiples of 2**-10 and weights that are powers of 2."""
    f = [number / 1024.0 for number, _ in rows]
    w = [0.0 if power is None else 2.0**power for _, power in rows]
    hinges = [Fraction(max(0.0, 1.0 - value)) ** (2 if squared else 1) for value in f]
    masses = [Fraction(weight) for weight in w]
    total = sum(hinge * mass for hinge, mass in zip(hinges, masses, strict=True))
    with np.errstate(all="raise"):
        actual = hinge_loss(
            [1] * len(f), f, labels=[0, 1], sample_weight=w, squared=squared
        )
    assert actual == float(total / sum(masses))


@every_form
def test_many_rows(monkeypatch, form):
    """More than are summed in one piece."""
    monkeypatch.setattr("hingesvm.metrics._sums._ROWS", 1 << 10)
    n, rng = (1 << 12) + 3, np.random.default_rng(0)
    y, f, w = rng.integers(0, 3, n), rng.normal(size=(n, 3)), rng.uniform(size=n)
    own = y[:, np.newaxis] == np.arange(3)
    if form == "ovr":
        losses = np.maximum(0.0, 1.0 - np.where(own, f, -f)).sum(axis=1)
    else:
        leads = np.where(own, np.inf, f[own][:, np.newaxis] - f)
        hinges = np.maximum(0.0, 1.0 - leads)
        losses = hinges.max(axis=1) if form == "crammer_singer" else hinges.sum(axis=1)
    for weights in (None, w):
        expected = np.average(losses, weights=weights)
        actual = hinge_loss(y, f, sample_weight=weights, multi_class=form)
        assert actual == pytest.approx(expected, rel=1e-12)


def test_more_rows_than_are_summed_in_one_piece():
    n, rng = (1 << 20) + 3, np.random.default_rng(0)
    y, f, w = rng.integers(0, 2, n), rng.normal(size=n), rng.uniform(size=n)
    losses = np.maximum(0.0, 1.0 - np.where(y == 1, f, -f))
    actual = hinge_loss(y, f, sample_weight=w)
    assert actual == pytest.approx(np.average(losses, weights=w), rel=1e-12)

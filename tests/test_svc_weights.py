"""HingeSVC with sample_weight and class_weight: weight k is the row k times."""

import numpy as np
import pytest
from samples import LOSSES, RULES, SOLVERS, assert_same_model, make_data

from hingesvm import HingeSVC
from hingesvm.training.labels import encode_labels


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("solver", ["auto", "batch"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("rule", RULES)
def test_weight_k_is_the_row_k_times(rule, loss, solver, n_classes):
    X, y = make_data(n_classes=n_classes)
    counts = np.random.default_rng(1).integers(0, 4, size=len(y))
    clf = HingeSVC(C=0.5, loss=loss, solver=solver, **rule)
    weighted = clf.fit(X, y, sample_weight=counts)
    repeated = HingeSVC(**clf.get_params())
    repeated.fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    assert_same_model(weighted, repeated)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_weight_zero_is_the_row_removed(n_classes, solver):
    X, y = make_data(n_classes=n_classes)
    kept = np.random.default_rng(1).random(len(y)) < 0.6
    clf = HingeSVC(solver=solver, tol=0.05)
    weighted = clf.fit(X, y, sample_weight=kept)
    removed = HingeSVC(**clf.get_params()).fit(X[kept], y[kept])
    assert_same_model(weighted, removed)
    assert weighted.n_iter_ == removed.n_iter_


def test_rows_of_weight_zero_may_be_of_any_size():
    X, y = make_data()
    expected = HingeSVC().fit(X, y)
    X_more = np.vstack([X, np.full((3, X.shape[1]), 1e300)])
    y_more = np.append(y, [0, 1, 0])
    weights = np.append(np.ones(len(y)), np.zeros(3))
    clf = HingeSVC().fit(X_more, y_more, sample_weight=weights)
    assert_same_model(clf, expected)


def test_a_class_of_weight_zero_is_no_class():
    X, y = make_data(n_classes=3)
    names = np.array(["a", "b", "c"])[y]
    clf = HingeSVC().fit(X, names, sample_weight=(y != 1).astype(float))
    np.testing.assert_array_equal(clf.classes_, ["a", "c"])
    assert clf.coef_.shape == (1, X.shape[1])
    assert_same_model(clf, HingeSVC().fit(X[y != 1], names[y != 1]))


def test_scalar_weight_multiplies_c():
    X, y = make_data()
    expected = HingeSVC(C=3.0).fit(X, y)
    for weight in [3, 3.0, np.float32(3.0)]:
        assert_same_model(HingeSVC().fit(X, y, sample_weight=weight), expected)


def test_equal_weights_are_no_weights():
    X, y = make_data()
    plain = HingeSVC().fit(X, y)
    weighted = HingeSVC().fit(X, y, sample_weight=np.ones(len(y)))
    np.testing.assert_array_equal(plain.coef_, weighted.coef_)
    assert plain.objective_ == weighted.objective_


def test_weights_as_list_and_as_integers():
    X, y = make_data()
    weights = np.random.default_rng(1).integers(0, 4, size=len(y))
    expected = HingeSVC().fit(X, y, sample_weight=weights.astype(float))
    for given in [weights, weights.tolist(), weights.astype(np.float32)]:
        assert_same_model(HingeSVC().fit(X, y, sample_weight=given), expected)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_scale_of_weights_goes_into_c(scale):
    X, y = make_data()
    weights = np.random.default_rng(1).random(len(y)) + 0.1
    clf = HingeSVC(C=1.0 / scale).fit(X, y, sample_weight=scale * weights)
    assert_same_model(clf, HingeSVC().fit(X, y, sample_weight=weights))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_class_weight_is_a_weight_per_row(loss, n_classes):
    X, y = make_data(n_classes=n_classes)
    factors = {0: 2.0, 1: 0.3, 2: 1.5}
    by_class = HingeSVC(loss=loss, class_weight=factors).fit(X, y)
    per_row = np.array([factors[label] for label in y])
    by_row = HingeSVC(loss=loss).fit(X, y, sample_weight=per_row)
    assert_same_model(by_class, by_row)


def test_class_weight_with_names_and_the_rest_at_one():
    X, y = make_data()
    names = np.array(["no", "yes"])[y]
    by_class = HingeSVC(class_weight={"yes": 4.0}).fit(X, names)
    by_row = HingeSVC().fit(X, names, sample_weight=np.where(y == 1, 4.0, 1.0))
    assert_same_model(by_class, by_row)


def test_class_weight_times_sample_weight():
    X, y = make_data()
    weights = np.random.default_rng(1).random(len(y))
    both = HingeSVC(class_weight={0: 2.0}).fit(X, y, sample_weight=weights)
    per_row = weights * np.where(y == 0, 2.0, 1.0)
    assert_same_model(both, HingeSVC().fit(X, y, sample_weight=per_row))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_balanced_counts_rows(n_classes):
    X, y = make_data(n_classes=n_classes)
    counts = np.bincount(y)
    balanced = HingeSVC(class_weight="balanced").fit(X, y)
    per_row = len(y) / (n_classes * counts[y])
    assert_same_model(balanced, HingeSVC().fit(X, y, sample_weight=per_row))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_balanced_counts_sample_weights(n_classes):
    X, y = make_data(n_classes=n_classes)
    weights = np.random.default_rng(1).integers(0, 4, size=len(y)).astype(float)
    totals = np.bincount(y, weights)
    balanced = HingeSVC(class_weight="balanced").fit(X, y, sample_weight=weights)
    per_row = weights * weights.sum() / (n_classes * totals[y])
    assert_same_model(balanced, HingeSVC().fit(X, y, sample_weight=per_row))


@pytest.mark.parametrize("value", [-1.0, np.inf, np.nan])
def test_class_weight_must_be_positive_and_finite(value):
    X, y = make_data()
    with pytest.raises(ValueError, match="class_weight must be positive and finite"):
        HingeSVC(class_weight={0: value}).fit(X, y)


def test_class_weight_of_no_class():
    X, y = make_data()
    with pytest.raises(ValueError, match="not in class_weight"):
        HingeSVC(class_weight={7: 2.0}).fit(X, y)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (lambda n: np.full(n, -1.0), "Negative"),
        (lambda n: np.zeros(n), "non-zero"),
        (lambda n: 0.0, "non-zero"),
        (lambda n: np.full(n, np.nan), "NaN"),
        (lambda n: np.full(n, np.inf), "infinity"),
        (lambda n: np.ones(n + 1), "sample_weight has"),
        (lambda n: np.ones((n, 1)), "1D array"),
        (lambda n: ["a"] * n, "convert"),
    ],
)
def test_unusable_sample_weights(weights, message):
    X, y = make_data()
    clf = HingeSVC()
    with pytest.raises(ValueError, match=message):
        clf.fit(X, y, sample_weight=weights(len(y)))
    assert not hasattr(clf, "coef_")


def test_refused_fit_leaves_the_estimator_as_it_was():
    X, y = make_data()
    clf = HingeSVC().fit(X, y)
    before = dict(vars(clf))
    with pytest.raises(ValueError, match="Negative"):
        clf.fit(X[:, :2], y, sample_weight=np.full(len(y), -1.0))
    assert vars(clf) == before


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "smoothed_hinge"])
@pytest.mark.parametrize("seed", [2, 10, 60])
def test_exact_finish_ends_beyond_the_root_of_the_gap(seed, loss):
    # A gap of 1e-16 leaves room for errors of 1e-8 in the weights of a smooth loss.
    rng = np.random.default_rng(seed)
    X, y = rng.random((40, 10)), np.arange(40) % 2
    counts = rng.integers(1, 5, size=40)
    rows = rng.permutation(np.repeat(np.arange(40), counts))
    weighted = HingeSVC(loss=loss).fit(X, y, sample_weight=counts)
    repeated = HingeSVC(loss=loss).fit(X[rows], y[rows])
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=0.0, atol=1e-9)


def test_labels_are_encoded_alike_in_pieces(monkeypatch):
    y = np.array(["b", "a", "c", "a", "b", "d", "a"])
    monkeypatch.setattr("hingesvm.training.labels._LABELS", 2)
    classes, codes = encode_labels(y)
    np.testing.assert_array_equal(classes, ["a", "b", "c", "d"])
    np.testing.assert_array_equal(classes[codes], y)

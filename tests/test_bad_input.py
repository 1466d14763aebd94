"""Unusable input is refused and changes nothing; merely odd input is solved."""

import numpy as np
import pytest
import scipy.sparse as sp
from reference import LOSSES, blobs, check_certificate
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from hingesvm import HingeSVC, HingeSVCCV
from hingesvm.batches import from_arrays
from hingesvm.losses import Hinge, MarginLoss
from hingesvm.model_selection import hinge_path

X, SIGNS = blobs(40, 3)
Y = (SIGNS > 0).astype(int)
ONES = np.ones(40)

RULES = [{}, {"penalized_intercept": True}, {"fit_intercept": False}]
SOLVERS = ["auto", "batch", "stochastic", "pegasos"]

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)
every_rule = pytest.mark.parametrize("rule", RULES, ids=["free", "penalized", "none"])


def changed(array, place, value):
    out = np.array(array, dtype=type(value) if value is None else None)
    out[place] = value
    return out


def assert_refused(clf, X, y, match, error=ValueError, **fit_params):
    """Neither an unfitted nor a fitted estimator may be changed by the refusal."""
    fitted = HingeSVC(warm_start=True).fit([[0.0], [1.0]], ["a", "b"])
    for estimator in (clone(clf), fitted.set_params(**clf.get_params())):
        before = dict(vars(estimator))
        with pytest.raises(error, match=match):
            estimator.fit(X, y, **fit_params)
        after = vars(estimator)
        assert list(after) == list(before)
        assert all(after[name] is before[name] for name in before)
    assert fitted.coef_.shape == (1, 1)
    assert list(fitted.predict([[0.0], [1.0]])) == ["a", "b"]


BAD_X = {
    "nan": (changed(X, (3, 1), np.nan), "contains NaN"),
    "inf": (changed(X, (3, 1), np.inf), "contains infinity"),
    "minus inf": (changed(X, (3, 1), -np.inf), "contains infinity"),
    "sparse nan": (sp.csr_matrix(changed(X, (3, 1), np.nan)), "contains NaN"),
    "sparse inf": (sp.csr_array(changed(X, (3, 1), np.inf)), "contains infinity"),
    "float32 inf": (changed(X.astype("f4"), (3, 1), np.inf), "contains infinity"),
    "no columns": (np.empty((40, 0)), r"0 feature\(s\)"),
    "sparse without columns": (sp.csr_matrix((40, 0)), r"0 feature\(s\)"),
    "one axis": (X[:, 0], "Expected 2D array, got 1D array"),
    "three axes": (X[:, :, None], "dim 3"),
    "scalar": (3.0, "Expected 2D array, got scalar"),
    "none": (None, "Expected 2D array"),
    "complex": (X.astype(complex), "Complex data not supported"),
    "words": (np.full((40, 3), "a"), "could not convert string to float"),
    "objects": (np.full((40, 3), "a", object), "could not convert string to float"),
    "ragged": ([[1.0, 2.0]] * 39 + [[3.0]], "inhomogeneous"),
}


@pytest.mark.parametrize("name", BAD_X)
def test_unusable_rows(name):
    rows, message = BAD_X[name]
    assert_refused(HingeSVC(), rows, Y, message)


@pytest.mark.parametrize("rows", [np.empty((0, 3)), sp.csr_matrix((0, 3))])
def test_no_rows(rows):
    assert_refused(HingeSVC(), rows, [], r"0 sample\(s\)")


BAD_Y = {
    "one class": (np.zeros(40), "one class"),
    "one named class": (np.full(40, "spam"), "one class.*spam"),
    "continuous": (np.linspace(0.0, 1.0, 40), "Unknown label type"),
    "nan": (changed(Y.astype(float), 2, np.nan), "contains NaN"),
    "inf": (changed(Y.astype(float), 2, np.inf), "contains infinity"),
    "none": (None, "requires y to be passed"),
    "some None": (np.array([None, 1] * 20, dtype=object), "Unknown label type"),
    "multi-label": (np.eye(40, 3, dtype=int), "y should be a 1d array"),
    "scalar": (1, "y should be a 1d array"),
    "complex": (Y.astype(complex), "Complex data not supported"),
    "short": (Y[:-1], r"inconsistent numbers of samples: \[40, 39\]"),
    "long": (np.r_[Y, 1], r"inconsistent numbers of samples: \[40, 41\]"),
}


@pytest.mark.parametrize("name", BAD_Y)
def test_unusable_labels(name):
    labels, message = BAD_Y[name]
    assert_refused(HingeSVC(), X, labels, message)


def test_labels_that_cannot_be_compared():
    labels = np.array(["a", 1] * 20, dtype=object)
    assert_refused(HingeSVC(), X, labels, "'int' and 'str'", TypeError)


def test_sparse_labels():
    labels = sp.csr_matrix(Y[:, None])
    assert_refused(HingeSVC(), X, labels, "dense data is required", TypeError)


BAD_WEIGHTS = {
    "negative": (changed(ONES, 7, -1e-300), "Negative values in sample_weight"),
    "negative scalar": (-1.0, "Negative values in sample_weight"),
    "all zero": (0.0 * ONES, "at least one non-zero"),
    "zero": (0.0, "at least one non-zero"),
    "nan": (changed(ONES, 7, np.nan), "sample_weight contains NaN"),
    "inf": (changed(ONES, 7, np.inf), "sample_weight contains infinity"),
    "short": (ONES[:-1], "sample_weight has 39 entries, but X has 40 rows"),
    "long": (np.ones(41), "sample_weight has 41 entries, but X has 40 rows"),
    "column": (ONES[:, None], r"must be a 1D array or a scalar, got shape \(40, 1\)"),
    "word": ("x", "could not convert string to float"),
    "complex": (ONES.astype(complex), "Complex data not supported"),
    "one class left": (Y.astype(float), "at least two classes with positive weight"),
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_unusable_weights(name):
    weights, message = BAD_WEIGHTS[name]
    assert_refused(HingeSVC(), X, Y, message, sample_weight=weights)


def test_weights_that_overflow_with_c():
    assert_refused(HingeSVC(C=1e200), X, Y, "rescale C", sample_weight=1e200 * ONES)


class NoLoss(MarginLoss):
    bound = np.inf
    curvature = 0.0


BAD_PARAMETERS = [
    *[{"C": C} for C in (0, -1.0, np.inf, np.nan, "1", None, 1j, [1.0])],
    *[{"tol": tol} for tol in (0.0, -1e-3, np.nan, np.inf, "x", None)],
    *[{"max_iter": count} for count in (0, -1, 10.0, np.inf, "x", None)],
    *[{"loss": loss} for loss in ("log", "", None, Hinge, 1)],
    *[{"solver": solver} for solver in ("lbfgs", "liblinear", None)],
    {"multi_class": "multinomial"},
    {"fit_intercept": "yes"},
    {"fit_intercept": None},
    {"penalized_intercept": 2},
    {"class_weight": "bal"},
    {"class_weight": [1.0, 2.0]},
    {"warm_start": "x"},
    {"n_jobs": "x"},
    {"n_jobs": 1.5},
    {"random_state": "x"},
    {"random_state": -1},
    {"verbose": -1},
    {"verbose": "x"},
]


@pytest.mark.parametrize("params", BAD_PARAMETERS, ids=str)
def test_unusable_parameters(params):
    (name,) = params
    message = f"The '{name}' parameter of HingeSVC must be"
    assert_refused(HingeSVC(**params), X, Y, message)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"loss": NoLoss()}, "describes no trainable loss"),
        ({"class_weight": {0: -1.0}}, "class_weight must be positive"),
        ({"class_weight": {0: 0.0}}, "at least two classes with positive weight"),
        ({"class_weight": {0: 0.0, 1: 0.0}}, "leave out all rows"),
        ({"class_weight": {7: 0.0}}, "not in class_weight"),
        ({"class_weight": {0: np.nan}}, "class_weight must be positive"),
        ({"class_weight": {7: 1.0}}, "not in class_weight"),
        ({"n_jobs": 0}, "n_jobs"),
    ],
    ids=str,
)
def test_parameters_that_do_not_go_with_the_data(params, message):
    assert_refused(HingeSVC(**params), X, Y, message)


def invalid_csr(name):
    rows = sp.csr_matrix(np.abs(X) + 1.0)
    indices, indptr = rows.indices.copy(), rows.indptr.copy()
    match name:
        case "column too large":
            indices[5] = 3
        case "column far too large":
            indices[5] = 2**31 - 1
        case "negative column":
            indices[5] = -1
        case "starts decrease":
            indptr[4] = indptr[6]
        case "starts go beyond":
            indptr[-1] += 1
        case "starts below zero":
            indptr[0] = -1
        case "too few starts":
            indptr = indptr[:-3]
    rows.indices, rows.indptr = indices, indptr
    return rows


INVALID_CSR = [
    "column too large",
    "column far too large",
    "negative column",
    "starts decrease",
    "starts go beyond",
    "starts below zero",
    "too few starts",
]


@pytest.mark.parametrize("name", INVALID_CSR)
def test_csr_that_points_outside(name):
    assert_refused(HingeSVC(), invalid_csr(name), Y, "no valid CSR")


@pytest.mark.parametrize("name", INVALID_CSR)
def test_csr_that_points_outside_in_predict(name):
    clf = HingeSVC().fit(X, Y)
    with pytest.raises(ValueError, match="no valid CSR"):
        clf.predict(invalid_csr(name))


@pytest.mark.parametrize("method", ["predict", "decision_function"])
def test_unusable_rows_in_predict(method):
    clf = HingeSVC()
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(clf, method)(X)
    predict = getattr(clf.fit(X, Y), method)
    with pytest.raises(
        ValueError, match="X has 2 features, but HingeSVC is expecting 3"
    ):
        predict(X[:, :2])
    for name in ("nan", "inf", "one axis", "complex", "sparse nan"):
        rows, message = BAD_X[name]
        with pytest.raises(ValueError, match=message):
            predict(rows)


def test_a_warning_that_is_an_error_leaves_the_estimator_as_it_was():
    assert_refused(HingeSVC(max_iter=1), X, Y, "max_iter", Warning)


def fit(rows, labels, sample_weight=None, rel=1e-9, **params):
    """Fit, and verify the certificate."""
    clf = HingeSVC(warm_start=True, **params)
    clf.fit(rows, labels, sample_weight=sample_weight)
    check_certificate(clf, rows, labels, sample_weight, rel)
    assert clf.dual_gap_ <= clf.tol * clf.objective_
    assert np.isin(clf.predict(rows), clf.classes_).all()
    return clf


@every_rule
@pytest.mark.parametrize("loss", [*LOSSES, "smoothed_hinge"], ids=repr)
@pytest.mark.parametrize("solver", ["auto", "batch"])
@pytest.mark.parametrize("labels", [[0, 1, 0, 1], [0, 0, 0, 1], [0, 1, 2, 2]])
@pytest.mark.parametrize("rows", [np.zeros((4, 2)), sp.csr_matrix((4, 2))])
def test_nothing_but_zeros(rows, labels, solver, loss, rule):
    clf = fit(rows, labels, loss=loss, solver=solver, **rule)
    assert np.all(clf.coef_ == 0.0)


@every_rule
@every_loss
@pytest.mark.parametrize("solver", SOLVERS)
def test_one_row_per_class(solver, loss, rule):
    rows = [[2.0, 1.0], [-1.0, 3.0]]
    clf = fit(rows, ["b", "a"], loss=loss, solver=solver, tol=1e-2, C=0.1, **rule)
    if solver != "pegasos":
        assert list(clf.predict(rows)) == ["b", "a"]


ODD_ROWS = {
    "rows of both labels": (np.repeat(X[:20], 2, axis=0), np.arange(40) % 2),
    "equal rows": (np.ones((40, 2)), Y),
    "constant column": (np.c_[X, np.ones(40)], Y),
    "large constant column": (np.c_[X, np.full(40, 1e4)], Y),
    "constant columns only": (np.full((40, 2), 3.0), Y),
    "one column": (X[:, :1], Y),
    "one column of two values": (Y[:, None] * 1.0, Y),
    "equal columns": (np.repeat(X, 3, axis=1), Y),
    "more columns than rows": (blobs(6, 500)[0], [0, 1, 0, 1, 1, 0]),
    "separable": (X + 10.0 * Y[:, None], Y),
    "one row of one class": (X, np.arange(40) == 17),
    "a class for each row": (X[:5], np.arange(5)),
    "an outlier": (np.r_[X, [[1e4, -1e4, 1e4]]], np.r_[Y, 1]),
    "zero rows": (X * (np.arange(40) % 3 > 0)[:, None], Y),
    "empty csr rows": (sp.csr_matrix(X * (np.arange(40) % 3 > 0)[:, None]), Y),
}
ODD_FORMS = {
    "booleans": (X > 0.0, Y),
    "bytes": (np.round(20.0 * np.abs(X)).astype(np.uint8), Y),
    "integers": (np.round(3.0 * X).astype(int), Y),
    "half precision": (X.astype(np.float16), Y),
    "other byte order": (X.astype(">f8"), Y),
    "column-major": (np.asfortranarray(X), Y),
    "every other column": (np.repeat(X, 2, axis=1)[:, ::2], Y),
    "numbers as objects": (X.astype(object), Y),
    "list": (X.tolist(), Y.tolist()),
    "booleans as labels": (X, Y.astype(bool)),
    "sparse integers": (sp.csr_matrix(np.round(3.0 * X).astype(int)), Y),
    "csc": (sp.csc_matrix(X), Y),
    "coo": (sp.coo_array(X), Y),
    "int64 indices": (invalid_csr("none").astype(float), Y),
}
_long = ODD_FORMS["int64 indices"][0]
_long.indices, _long.indptr = _long.indices.astype("i8"), _long.indptr.astype("i8")


@every_rule
@every_loss
@pytest.mark.parametrize("name", ODD_ROWS)
def test_odd_rows_are_solved(name, loss, rule):
    rows, labels = ODD_ROWS[name]
    fit(rows, np.asarray(labels), loss=loss, **rule)


@pytest.mark.parametrize("name", ODD_FORMS)
def test_odd_forms_are_solved(name):
    rows, labels = ODD_FORMS[name]
    fit(rows, np.asarray(labels))


@every_loss
@every_rule
@pytest.mark.parametrize("C", [1e-6, 1e-3, 1e3, 1e6])
def test_any_c_is_solved(C, loss, rule):
    fit(X, Y, C=C, loss=loss, **rule)


@every_loss
@every_rule
@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e-8, 1e-3, 1e3, 1e7])
def test_any_scale_is_solved(scale, loss, rule):
    fit(scale * X, Y, loss=loss, **rule)


@every_loss
@every_rule
def test_columns_from_1e_minus_12_to_1e12_are_solved(loss, rule):
    rows, labels = blobs(80, 7)
    fit(rows * np.logspace(-12.0, 12.0, 7), labels, loss=loss, rel=1e-8, **rule)


NOT_FINITE = {"nan": np.nan, "inf": np.inf}


@pytest.mark.parametrize("multi_class", ["ovr", "crammer_singer"])
@pytest.mark.parametrize("storage", [np.array, sp.csr_matrix], ids=["dense", "csr"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", NOT_FINITE.values(), ids=NOT_FINITE)
def test_what_is_assumed_finite_and_is_not_is_told_as_what_it_is(
    value, dtype, storage, multi_class
):
    rows = storage(changed(X, (3, 1), value).astype(dtype))
    said = "Input X contains NaN" if np.isnan(value) else "Input X contains infinity"
    with config_context(assume_finite=True):
        for solver in SOLVERS if multi_class == "ovr" else ["auto"]:
            clf = HingeSVC(solver=solver, multi_class=multi_class)
            for labels in (Y, np.arange(40) % 3):
                assert_refused(clf, rows, labels, said)
        with pytest.raises(ValueError, match=said):
            HingeSVCCV(Cs=[1.0], multi_class=multi_class).fit(rows, Y)
        with pytest.raises(ValueError, match=said):
            hinge_path(rows, Y, Cs=[1.0], multi_class=multi_class)


@pytest.mark.parametrize("value", NOT_FINITE.values(), ids=NOT_FINITE)
def test_labels_and_weights_that_are_assumed_finite_and_are_not(value):
    said = "contains NaN" if np.isnan(value) else "contains infinity"
    with config_context(assume_finite=True):
        labels = changed(Y.astype(float), 7, value)
        assert_refused(HingeSVC(), X, labels, f"Input y {said}")
        weights = changed(ONES, 7, value)
        message = f"Input sample_weight {said}"
        assert_refused(HingeSVC(), X, Y, message, sample_weight=weights)


@pytest.mark.parametrize("storage", [np.array, sp.csr_matrix], ids=["dense", "csr"])
def test_finite_values_whose_squares_overflow_are_told_as_such(storage):
    with config_context(assume_finite=True):
        assert_refused(HingeSVC(), storage(1e200 * X), Y, "squares overflow")


def certified_or_refused(clf, rows, labels, culprit):
    """Fit; what cannot be solved may be refused, with the culprit's name."""
    try:
        clf.fit(rows, labels)
    except ValueError as error:
        assert culprit in str(error)  # noqa: PT017
    else:
        check_certificate(clf, rows, labels)


absurd = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@absurd
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("scale", [1e20, 1e150, 1e160, 1e300])
def test_absurd_scales_are_certified_or_refused(scale, solver, loss):
    for rule in RULES:
        clf = HingeSVC(loss=loss, solver=solver, max_iter=50, warm_start=True, **rule)
        certified_or_refused(clf, scale * X, Y, "scale")


@absurd
@every_loss
@pytest.mark.parametrize("C", [1e-310, 1e-200, 1e100, 1e300])
def test_absurd_costs_are_certified_or_refused(C, loss):
    for rule in RULES:
        clf = HingeSVC(C=C, loss=loss, max_iter=50, warm_start=True, **rule)
        certified_or_refused(clf, X, Y, "C")


def test_batches_are_refused_with_what_trains_on_them():
    for batches in (from_arrays(X, Y, rows=10), iter([(X, Y)])):
        assert_refused(HingeSVC(), batches, Y, "fit_batches", TypeError)
        with pytest.raises(TypeError, match="warm_start=True"):
            HingeSVCCV().fit(batches, Y)
        with pytest.raises(TypeError, match="warm_start=True"):
            hinge_path(batches, Y)

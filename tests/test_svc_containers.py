"""HingeSVC on containers of other libraries: one model, float32 kept, few copies."""

import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from container_cases import CASES, MIXED, arrow_frame, library, mixed, numbers
from samples import assert_same_model

from hingesvm import HingeSVC, HingeSVCCV, hinge_path
from hingesvm.rows.memory import MemoryRows
from hingesvm.training.validation import checked_matrix


@pytest.fixture
def used(monkeypatch):
    """A list of the arrays of values that fits are given by the checks."""
    found = []

    class Seen(MemoryRows):
        def __init__(self, X, *args):
            found.append(X.data if sp.issparse(X) else X)
            super().__init__(X, *args)

    monkeypatch.setattr("hingesvm.training.validation.MemoryRows", Seen)
    return found


def values_of(rows, X):
    """Return the memory in which a container has its values, if it is known."""
    if isinstance(rows, np.ndarray):
        return rows
    if sp.issparse(rows):
        return rows.data if rows.format != "dok" else X
    return X


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_each_container_is_one_array(used, case, dtype):
    make, kept, in_place = CASES[case]
    X, y = numbers(dtype)
    rows = make(X)
    if case == "some rows in their order":
        y = y[10:70]
        X = X[10:70]
    clf = HingeSVC().fit(rows, y)
    is_kept = np.dtype(dtype).name in kept
    assert clf.coef_.dtype == (dtype if is_kept else np.float64)
    expected = HingeSVC().fit(X.astype(clf.coef_.dtype), y)
    assert_same_model(clf, expected)
    if is_kept and in_place is not None:
        assert np.shares_memory(used[0], values_of(rows, X)) == in_place
    decisions = clf.decision_function(rows)
    assert decisions.dtype == clf.coef_.dtype
    np.testing.assert_allclose(decisions, expected.decision_function(X), atol=1e-5)


@pytest.mark.parametrize("dtype", ["f2", "i1", "u1", "i4", "i8", "?", "g", "S3", "U3"])
def test_other_numbers_are_copied_to_float64(used, dtype):
    X, y = numbers()
    rows = X.astype(dtype)
    clf = HingeSVC().fit(rows, y)
    assert clf.coef_.dtype == np.float64
    assert not np.shares_memory(used[0], rows)
    assert_same_model(clf, HingeSVC().fit(rows.astype(float), y))


@pytest.mark.parametrize("half", ["polars", "torch", "pandas", "numpy"])
def test_half_precision_becomes_float64_everywhere(half):
    X, y = numbers(np.float16)
    if half == "torch":
        rows = library("torch").from_numpy(X)
    elif half == "numpy":
        rows = X
    else:
        module = library(half)
        if not (half == "pandas" or hasattr(module, "Float16")):
            pytest.skip("polars has none")
        rows = module.DataFrame(X)
    assert HingeSVC().fit(rows, y).coef_.dtype == np.float64


@pytest.mark.parametrize("name", ["float", "double"])
def test_arrow_columns_of_pandas(name):
    X, y = numbers(np.float32)
    clf = HingeSVC().fit(arrow_frame(X, name), y)
    assert clf.coef_.dtype == {"float": np.float32, "double": np.float64}[name]
    assert_same_model(clf, HingeSVC().fit(X, y), rtol=1e-5)


@pytest.mark.parametrize("rest", ["f4", "f8", "i4"])
@pytest.mark.parametrize("name", MIXED)
def test_columns_of_several_types_promote_as_in_numpy(name, rest):
    library(name)
    X, y = numbers(np.float32)
    columns = mixed(X) | {"d": X[:, 3].astype(rest)}
    clf = HingeSVC().fit(MIXED[name](columns), y)
    together = np.result_type(*(column.dtype for column in columns.values()))
    assert clf.coef_.dtype == together
    assert clf.coef_.dtype == (np.float32 if rest == "f4" else np.float64)
    assert_same_model(clf, HingeSVC().fit(X, y), rtol=1e-5)


def test_missing_values_of_float32_columns_are_refused():
    pandas, polars = library("pandas"), library("polars")
    X, y = numbers(np.float32)
    nullable = pandas.DataFrame(X).astype("Float32")
    nullable.iloc[3, 1] = pandas.NA
    holed = polars.DataFrame({"a": [1.0, None, 2.0], "b": [0.5, 1.0, 2.0]})
    holed = holed.cast(polars.Float32)
    for rows, labels in [(nullable, y), (holed, [0, 1, 1])]:
        with pytest.raises(ValueError, match="contains NaN"):
            HingeSVC().fit(rows, labels)


def test_names_of_float32_columns_are_known():
    pandas, polars = library("pandas"), library("polars")
    X, y = numbers(np.float32)
    for rows in [
        pandas.DataFrame(X, columns=list("wxyz")).astype("Float32"),
        polars.DataFrame(X, schema=list("wxyz")),
    ]:
        clf = HingeSVC().fit(rows, y)
        assert clf.feature_names_in_.tolist() == list("wxyz")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            clf.predict(rows)


def test_columns_may_have_the_names_of_attributes():
    pandas = library("pandas")
    X, y = numbers(np.float32)
    names = ["dtype", "schema", "collect", "to_scipy_sparse"]
    clf = HingeSVC().fit(pandas.DataFrame(X, columns=names).astype("Float32"), y)
    assert clf.coef_.dtype == np.float32
    assert_same_model(clf, HingeSVC().fit(X, y))


def dummies():
    """The sparse booleans that pandas makes of words, and labels."""
    pandas = library("pandas")
    rng = np.random.default_rng(0)
    words = {name: rng.choice(list("uvwx"), size=90) for name in ("p", "q")}
    y = (words["p"] < words["q"]) ^ (rng.random(90) < 0.1)
    return pandas.get_dummies(pandas.DataFrame(words), sparse=True), y.astype(int)


def strided():
    """A CSR matrix that is the real part of a complex one, and labels."""
    X, y = numbers()
    return sp.csr_array(X.astype(complex)).real, y


@pytest.mark.parametrize("data", [dummies, strided])
def test_every_method_takes_them(data):
    rows, y = data()
    X = rows.toarray() if sp.issparse(rows) else np.asarray(rows).astype(float)
    clf, expected = HingeSVC().fit(rows, y), HingeSVC().fit(sp.csr_array(X), y)
    assert clf.coef_.dtype == np.float64
    assert_same_model(clf, expected)
    scores = expected.decision_function(X)
    np.testing.assert_allclose(clf.decision_function(rows), scores, atol=1e-10)
    np.testing.assert_array_equal(clf.predict(rows), expected.predict(X))
    clf = HingeSVC().fit_batches([(rows, y), (rows, y)])
    assert_same_model(clf, HingeSVC(C=2.0).fit(X, y), rtol=1e-5)
    clf = HingeSVC().partial_fit(rows, y, classes=[0, 1]).partial_fit(rows, y)
    again = HingeSVC().partial_fit(sp.csr_array(X), y, classes=[0, 1])
    again.partial_fit(sp.csr_array(X), y)
    np.testing.assert_array_equal(clf.coef_, again.coef_)
    search = HingeSVCCV([0.1, 1.0], cv=2).fit(rows, y)
    np.testing.assert_allclose(
        search.scores_, HingeSVCCV([0.1, 1.0], cv=2).fit(X, y).scores_
    )
    path = hinge_path(rows, y, Cs=[0.1, 1.0])
    objectives = hinge_path(X, y, Cs=[0.1, 1.0]).objectives
    np.testing.assert_allclose(path.objectives, objectives, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.int64, np.longdouble])
def test_csr_matrices_of_other_numbers(dtype):
    X, y = numbers()
    rows = sp.csr_array(X.astype(dtype))
    expected = HingeSVC().fit(sp.csr_array(X.astype(dtype).astype(float)), y)
    clf = HingeSVC().fit(rows, y)
    assert clf.coef_.dtype == np.float64
    np.testing.assert_array_equal(clf.coef_, expected.coef_)


def test_parts_that_are_views_one_by_one():
    X, y = numbers()
    expected = HingeSVC().fit(sp.csr_array(X), y).coef_
    for name in ("data", "indices", "indptr"):
        rows = sp.csr_array(X)
        view = np.repeat(getattr(rows, name), 2)[::2]
        setattr(rows, name, view)
        clf = HingeSVC().fit(rows, y)
        np.testing.assert_array_equal(clf.coef_, expected)
        clf.predict(rows)
        assert getattr(rows, name) is view


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_method_keeps_float32(dtype):
    polars = library("polars")
    X, y = numbers(dtype)
    rows = polars.DataFrame(X)
    halves = [(rows[:40], y[:40]), (rows[40:], y[40:])]
    fitted = [
        HingeSVC().fit_batches(halves),
        HingeSVC().partial_fit(*halves[0], classes=[0, 1]).partial_fit(*halves[1]),
        HingeSVCCV([0.1], cv=2).fit(rows, y),
    ]
    for clf in fitted:
        assert clf.coef_.dtype == dtype
        assert clf.decision_function(rows).dtype == dtype
    assert hinge_path(rows, y, Cs=[1.0]).coefs.dtype == dtype


class Tensor:
    """Numbers of a library that NumPy does not know, such as a tensor."""

    def __init__(self, values, dtype):
        self.values, self.shape = values, values.shape
        if dtype is not None:
            self.dtype = dtype

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype=dtype)

    def __len__(self):
        return len(self.values)


class Name:
    """A dtype that is known by its name alone."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name


@pytest.mark.parametrize("name", ["tensors.float32", "Float32", "float32", None])
def test_any_library_of_arrays(used, name):
    X, y = numbers(np.float32)
    rows = Tensor(X, None if name is None else Name(name))
    clf = HingeSVC().fit(rows, y)
    assert clf.coef_.dtype == np.float32
    assert np.shares_memory(used[0], X)
    assert clf.decision_function(rows).dtype == np.float32


@pytest.mark.parametrize("name", ["bfloat16", "float64", "int128", "unknown"])
def test_all_else_becomes_float64(name):
    X, y = numbers(np.float64)
    assert HingeSVC().fit(Tensor(X, Name(name)), y).coef_.dtype == np.float64


def test_masked_values_are_missing_ones():
    X, y = numbers()
    rows = np.ma.array(X, mask=X > 2)
    clf = HingeSVC().fit(X, y)
    for call in (lambda: HingeSVC().fit(rows, y), lambda: clf.predict(rows)):
        with pytest.raises(ValueError, match=r"masked values, .* impute"):
            call()


def test_queries_are_told_to_be_run():
    polars = library("polars")
    X, y = numbers()
    rows = polars.DataFrame(X).lazy()
    with pytest.raises(TypeError, match=r"LazyFrame, .* pass X.collect\(\)"):
        HingeSVC().fit(rows, y)
    with pytest.raises(TypeError, match=r"pass X.collect\(\)"):
        HingeSVC().fit(X, y).predict(rows)
    assert HingeSVC().fit(rows.collect(), y).coef_.shape == (1, 4)


@pytest.mark.parametrize("case", ["complex", "matrix", "1-D", "3-D"])
def test_what_is_refused(case):
    X, y = numbers()
    rows, error, message = {
        "complex": (X.astype(complex), ValueError, "Complex data not supported"),
        "matrix": (X.view(np.matrix), TypeError, "np.matrix is not supported"),
        "1-D": (X[:, 0], ValueError, "Expected 2D array"),
        "3-D": (X[np.newaxis], ValueError, "dim 3"),
    }[case]
    with pytest.raises(error, match=message):
        HingeSVC().fit(rows, y)


def test_tensors_that_numpy_cannot_read_are_refused():
    torch = library("torch")
    X, y = numbers(np.float32)
    rows = torch.from_numpy(X)
    for given in (rows.bfloat16(), rows.clone().requires_grad_(), rows.to_sparse()):
        with pytest.raises((TypeError, RuntimeError), match=r"numpy|BFloat16"):
            HingeSVC().fit(given, y)


#: The most memory that some containers take, in units of X, beside X.
MEMORY = {
    "array": 0.0,
    "pandas of an array": 0.0,
    "xarray": 0.0,
    "torch": 0.0,
    "Fortran order": 1.0,
    "pandas": 1.0,
    "polars": 1.0,
    "Arrow table": 1.0,
    "narwhals": 1.0,
    "pandas, nullable": 2.0,
}


@pytest.mark.parametrize("case", MEMORY)
def test_memory_that_containers_take(case):
    X = np.random.default_rng(0).standard_normal((200_000, 4), dtype=np.float32)
    rows = CASES[case][0](X)
    HingeSVC().fit(rows[:40], np.arange(40) % 2)  # imports what scikit-learn needs
    tracemalloc.start()
    try:
        found, _ = checked_matrix(HingeSVC(), rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.dtype == np.float32
    assert peak < (MEMORY[case] + 0.3) * X.nbytes

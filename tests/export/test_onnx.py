"""HingeSVC as ONNX: labels and decisions are those of the estimator."""

import numpy as np
import pytest
from samples import make_data
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from hingesvm import HingeSVC, HingeSVCCV
from hingesvm.export import register_onnx, to_linear_svc

# What the packages of others warn of is not of this one.
pytestmark = pytest.mark.filterwarnings("ignore")

TOLERANCES = {np.float32: 1e-6, np.float64: 1e-12}
LABELS = {
    "integers": np.array([7, -3, 20, 2**40]),
    "booleans": np.array([True, False]),
    "whole floats": np.array([2.0, -1.0, 3.0]),
    "strings": np.array(["a", "bb", "ä"]),
    "objects": np.array(["a", "bb"], dtype=object),
}


@pytest.fixture
def run():
    """Converts a model and returns what it makes of rows."""
    skl2onnx = pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    register_onnx()

    def run(model, X, **options):
        graph = skl2onnx.to_onnx(model, X[:1], **options)
        session = onnxruntime.InferenceSession(
            graph.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        (source,) = session.get_inputs()
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(None, {source.name: X}), strict=True))

    return run


def assert_same(found, model, X, tolerance):
    """Assert that a graph has the labels and decisions of a model."""
    assert list(found) == ["label", "decisions"]
    expected = model.decision_function(X)
    assert found["decisions"].dtype == X.dtype
    assert found["decisions"].shape == expected.reshape(len(X), -1).shape
    np.testing.assert_allclose(
        found["decisions"].reshape(expected.shape),
        expected,
        rtol=0.0,
        atol=tolerance * np.abs(expected).max(),
    )
    np.testing.assert_array_equal(found["label"], model.predict(X))


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize(
    "estimator",
    [
        HingeSVC(),
        HingeSVC(fit_intercept=False),
        HingeSVC(multi_class="crammer_singer"),
        HingeSVCCV(Cs=[0.1, 1.0], cv=3),
    ],
)
def test_labels_and_decisions(run, estimator, n_classes, dtype):
    X, y = make_data(n_classes=n_classes, dtype=dtype)
    estimator.fit(X, y)
    rows = np.random.default_rng(1).standard_normal((500, X.shape[1]), dtype=dtype)
    assert_same(run(estimator, rows), estimator, rows, TOLERANCES[dtype])


@pytest.mark.parametrize("labels", LABELS)
def test_labels(run, labels):
    values = LABELS[labels]
    X, y = make_data(n_classes=len(values))
    clf = HingeSVC().fit(X, values[y])
    found = run(clf, X)
    assert_same(found, clf, X, 1e-12)
    assert found["label"].dtype == (object if values.dtype.kind in "UO" else np.int64)


def test_labels_that_onnx_lacks(run):
    X, y = make_data()
    clf = HingeSVC().fit(X, np.array([0, 2**64 - 1], dtype=np.uint64)[y])
    with pytest.raises(TypeError, match=r"strings or integers.*LabelEncoder"):
        run(clf, X)


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_ties_are_broken_as_by_predict(run, dtype):
    X = np.zeros((1, 6), dtype)
    clf = HingeSVC().fit(*make_data(n_classes=4, dtype=dtype))
    clf.intercept_ = np.array([0.0, 1.0, 1.0, 0.5], dtype)
    assert run(clf, X)["label"].tolist() == clf.predict(X).tolist() == [1]
    clf = HingeSVC().fit(*make_data(dtype=dtype))
    for intercept in (-0.0, 0.0, 1e-30, -1e-30):
        clf.intercept_ = np.array([intercept], dtype)
        assert run(clf, X)["label"].tolist() == clf.predict(X).tolist()


def test_raw_scores_have_a_column_for_each_class(run):
    X, y = make_data()
    clf = HingeSVC().fit(X, y)
    found = run(clf, X, options={"raw_scores": True})["decisions"]
    scores = clf.decision_function(X)
    np.testing.assert_allclose(found, np.stack([-scores, scores], 1), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.bool_])
def test_rows_that_are_no_floats(run, dtype):
    X, y = make_data()
    X = np.round(X).astype(dtype)
    clf = HingeSVC().fit(X, y)
    found = run(clf, X)
    assert found["decisions"].dtype == np.float32
    scores = clf.decision_function(X)
    np.testing.assert_allclose(found["decisions"][:, 0], scores, rtol=0, atol=1e-5)


def test_weights_are_rounded_to_the_type_of_the_input(run):
    X, y = make_data()
    clf = HingeSVC().fit(X, y)
    rows = X.astype(np.float32)
    found = run(clf, rows)["decisions"][:, 0]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, clf.decision_function(rows), rtol=0, atol=1e-5)


def test_sparsified_weights(run):
    X, y = make_data(n_classes=3)
    clf = HingeSVC(C=0.02, l1_ratio=1.0).fit(X, y).sparsify()
    assert_same(run(clf, X), clf, X, 1e-12)


@pytest.mark.parametrize("zipmap", [None, True, False])
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_pipelines(run, n_classes, dtype, zipmap):
    X, y = make_data(n_classes=n_classes, dtype=dtype)
    columns = make_column_transformer(
        (StandardScaler(), [0, 1, 2]), (MinMaxScaler(), [3, 5]), ("passthrough", [4])
    )
    options = {} if zipmap is None else {"options": {"zipmap": zipmap}}
    for model in (
        make_pipeline(StandardScaler(), HingeSVC()),
        make_pipeline(columns, HingeSVC()),
        make_pipeline(StandardScaler(), HingeSVCCV(Cs=[0.1], cv=3)),
    ):
        model.fit(X, y)
        assert_same(run(model, X, **options), model, X, 4 * TOLERANCES[dtype])


def test_grid_searches(run):
    X, y = make_data()
    search = GridSearchCV(HingeSVC(), {"C": [0.1, 1.0]}, cv=3).fit(X, y)
    assert_same(run(search, X), search, X, 1e-12)


@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_calibrated_probabilities(run, n_classes, dtype, ensemble):
    X, y = make_data(n_classes=n_classes, dtype=dtype)
    model = make_pipeline(
        StandardScaler(), CalibratedClassifierCV(HingeSVC(), ensemble=ensemble)
    ).fit(X, np.array(["a", "b", "c"])[y])
    found = run(model, X, options={"zipmap": False})
    np.testing.assert_array_equal(found["label"], model.predict(X))
    np.testing.assert_allclose(
        found["probabilities"], model.predict_proba(X), atol=TOLERANCES[dtype]
    )


def test_registered_twice(run):
    register_onnx()
    X, y = make_data()
    clf = HingeSVC().fit(X, y)
    assert_same(run(clf, X), clf, X, 1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_linear_svc_in_float32(run, n_classes):
    X, y = make_data(n_classes=n_classes, dtype=np.float32)
    clf = HingeSVC().fit(X, y)
    found = run(to_linear_svc(clf), X)
    np.testing.assert_array_equal(found["label"], clf.predict(X))
    np.testing.assert_allclose(
        found["probabilities"].reshape(clf.decision_function(X).shape),
        clf.decision_function(X),
        atol=1e-5,
    )

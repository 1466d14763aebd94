"""What tools that know LinearSVC, or any linear model, make of a HingeSVC."""

import ctypes
import shutil
import subprocess
import zipfile

import numpy as np
import pytest
import sklearn
from samples import make_data
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.fixes import parse_version

from hingesvm import HingeSVC, HingeSVCCV
from hingesvm.export import to_linear_svc

# What the packages of others warn of is not of this one.
pytestmark = pytest.mark.filterwarnings("ignore")

CLASSES = [2, 3]


@pytest.fixture(params=CLASSES)
def fitted(request):
    """Rows, and a pipeline that was fitted to them."""
    X, y = make_data(n_classes=request.param)
    labels = np.array(["low", "high", "between"])[y]
    model = make_pipeline(StandardScaler(), HingeSVC(C=0.1)).fit(X, labels)
    return X, model


def twin_of(model):
    """The same pipeline, which ends in a LinearSVC."""
    return make_pipeline(model[0], to_linear_svc(model[-1]))


def test_m2cgen_writes_python(fitted):
    m2cgen = pytest.importorskip("m2cgen")
    X, model = fitted
    clf, rows = model[-1], model[0].transform(X)
    namespace = {}
    exec(m2cgen.export_to_python(to_linear_svc(clf)), namespace)
    found = [namespace["score"](row) for row in rows.tolist()]
    np.testing.assert_allclose(found, clf.decision_function(rows), atol=1e-12)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a compiler")
def test_m2cgen_writes_c(fitted, tmp_path):
    m2cgen = pytest.importorskip("m2cgen")
    X, model = fitted
    clf, rows = model[-1], model[0].transform(X)
    (tmp_path / "model.c").write_text(m2cgen.export_to_c(to_linear_svc(clf)))
    command = ["gcc", "-shared", "-fPIC", "-o", "model.so", "model.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    score = ctypes.CDLL(str(tmp_path / "model.so")).score
    array = ctypes.c_double * rows.shape[1]
    if len(clf.classes_) == 2:
        score.restype = ctypes.c_double
        found = [score(array(*row)) for row in rows]
    else:
        found = np.empty((len(rows), len(clf.classes_)))
        for row, scores in zip(rows, found, strict=True):
            score(array(*row), ctypes.c_void_p(scores.ctypes.data))
    np.testing.assert_allclose(found, clf.decision_function(rows), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_skops_trusts_it(fitted, dtype):
    io = pytest.importorskip("skops.io")
    X, model = fitted
    X = X.astype(dtype)
    weights = dict.fromkeys(model.classes_.tolist(), 2.0)
    search = HingeSVCCV(Cs=[0.1], cv=3, class_weight=weights)
    twin = twin_of(make_pipeline(StandardScaler(), search).fit(X, model.predict(X)))
    stored = io.dumps(twin)
    assert io.get_untrusted_types(data=stored) == []
    np.testing.assert_array_equal(
        io.loads(stored).decision_function(X), twin.decision_function(X)
    )


@pytest.fixture
def evaluate_pmml(tmp_path):
    """A function that writes a model as PMML, and returns a frame of what that says."""
    pandas = pytest.importorskip("pandas")
    pmml = pytest.importorskip("sklearn2pmml")
    evaluators = pytest.importorskip("jpmml_evaluator")
    if shutil.which("java") is None:
        pytest.skip("sklearn2pmml needs Java")
    if parse_version(sklearn.__version__) > parse_version("1.9.0"):
        pytest.skip("sklearn2pmml refuses a later version of scikit-learn")

    def evaluate(model, X, **options):
        frame = pandas.DataFrame(X, columns=list("abcdef"))
        path = str(tmp_path / "model.pmml")
        pipeline = pmml.make_pmml_pipeline(
            model, active_fields=list(frame), target_fields=["label"]
        )
        pmml.sklearn2pmml(pipeline, path, **options)
        return evaluators.make_evaluator(path).verify().evaluateAll(frame)

    return evaluate


def test_pmml_predicts_the_same_labels(fitted, evaluate_pmml):
    X, model = fitted
    found = evaluate_pmml(twin_of(model), X)
    np.testing.assert_array_equal(found["label"], model.predict(X))


def test_pmml_is_written_once_the_class_is_named(
    fitted, evaluate_pmml, tmp_path, capsys
):
    X, model = fitted
    with pytest.raises(RuntimeError, match="has failed"):
        evaluate_pmml(model, X)
    assert "hingesvm.HingeSVC) is not a supported Estimator" in capsys.readouterr().out
    jar = tmp_path / "hingesvm.jar"
    with zipfile.ZipFile(jar, "w") as file:
        line = "hingesvm.(HingeSVC|HingeSVCCV) = sklearn.svm.LinearSVC\n"
        file.writestr("META-INF/sklearn2pmml.properties", line)
    search = HingeSVCCV(Cs=[0.1, 1.0], cv=3).fit(X, model.predict(X))
    for estimator in (model, search):
        found = evaluate_pmml(estimator, X, user_classpath=[str(jar)])
        np.testing.assert_array_equal(found["label"], estimator.predict(X))
    calibrated = CalibratedClassifierCV(HingeSVC(C=0.1), ensemble=False)
    calibrated.fit(X, model.predict(X) == "low")  # labels that are no strings
    found = evaluate_pmml(calibrated, X, user_classpath=[str(jar)])
    np.testing.assert_allclose(
        found.filter(like="probability"), calibrated.predict_proba(X), atol=1e-12
    )


@pytest.mark.parametrize("n_classes", CLASSES)
def test_hummingbird_predicts_the_same_labels(n_classes):
    hummingbird = pytest.importorskip("hummingbird.ml")
    X, y = make_data(n_classes=n_classes)
    model = make_pipeline(StandardScaler(), HingeSVC(C=0.1)).fit(X, y)
    net = hummingbird.convert(twin_of(model), "pytorch", X[:1])
    np.testing.assert_array_equal(net.predict(X), model.predict(X))


def test_shap_values_add_up_to_decisions(fitted):
    shap = pytest.importorskip("shap")
    X, model = fitted
    clf, rows = model[-1], model[0].transform(X)
    explainer = shap.LinearExplainer(clf, rows)
    total = explainer.shap_values(rows).sum(axis=1) + explainer.expected_value
    np.testing.assert_allclose(total, clf.decision_function(rows), atol=1e-12)


def test_eli5_shows_the_weights(fitted):
    eli5 = pytest.importorskip("eli5")
    _, model = fitted
    clf = model[-1]
    explanation = eli5.explain_weights(to_linear_svc(clf), feature_names=list("abcdef"))
    assert explanation.error is None
    for target in explanation.targets:
        row = 0 if len(clf.coef_) == 1 else clf.classes_.tolist().index(target.target)
        weights = target.feature_weights
        shown = {one.feature: one.weight for one in [*weights.pos, *weights.neg]}
        assert shown.pop("<BIAS>") == pytest.approx(clf.intercept_[row])
        expected = dict(zip("abcdef", clf.coef_[row].tolist(), strict=True))
        assert shown == pytest.approx(expected)

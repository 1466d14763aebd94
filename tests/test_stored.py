"""Models that releases stored: they load, predict as they did, and can be trained."""

import inspect
import json
import re

import numpy as np
import pytest
from model_cases import CASES, DATA, facts_in, facts_of, read
from sklearn.base import clone

import hingesvm
from hingesvm import HingeSVC, HingeSVCCV

FOLDERS = sorted(DATA.glob("models-*"))
FILES = [
    path
    for folder in FOLDERS
    for path in sorted(folder.iterdir())
    if path.name != "facts.json"
]
EVERY_FILE = pytest.mark.parametrize(
    "path", FILES, ids=[f"{path.parent.name}/{path.name}" for path in FILES]
)
pytestmark = [
    # NumPy 2 wrote them, and says so by names that 1.26 is the first to know.
    pytest.mark.skipif(
        tuple(map(int, re.findall(r"\d+", np.__version__)[:2])) < (1, 26),
        reason="NumPy before 1.26 reads no pickles of NumPy 2",
    ),
    # Few rows, and few values of C.
    pytest.mark.filterwarnings("ignore:The best C:UserWarning"),
]


def loaded(path):
    """The model in a file, if what it needs is here."""
    if path.suffix == ".skops":
        pytest.importorskip("skops")
    if path.stem == "frame":
        pytest.importorskip("pandas")
    return read(path)


def test_each_release_has_all_of_its_models():
    assert FOLDERS
    for folder in FOLDERS:
        found = {path.stem for path in FILES if path.parent == folder}
        assert found == facts_in(folder).keys() <= CASES.keys()


def test_this_version_has_stored_all_models_in_all_formats():
    of_version = DATA / f"models-{hingesvm.__version__}"
    expected = {f"{name}.{end}" for name, case in CASES.items() for end in case.formats}
    assert {path.name for path in FILES if path.parent == of_version} == expected


def test_the_models_of_a_release_are_small():
    for folder in FOLDERS:
        assert sum(path.stat().st_size for path in folder.iterdir()) < 200_000


@EVERY_FILE
def test_a_stored_model_is_what_it_was(path):
    clf, expected = loaded(path), facts_in(path.parent)[path.stem]
    facts = json.loads(json.dumps(facts_of(path.stem, clf)))
    # Later releases may have more of both.
    for key in ("attributes", "params"):
        assert set(expected.pop(key)) <= set(facts[key])
    assert facts["predictions"] == expected.pop("predictions")
    for key, value in expected.items():
        np.testing.assert_allclose(facts[key], value, rtol=1e-12, atol=1e-12)
    assert type(clone(clf)) is type(clf)
    assert repr(clone(clf)) == repr(CASES[path.stem].make())


@EVERY_FILE
def test_a_stored_model_has_a_history_as_before(path):
    clf = loaded(path)
    if CASES[path.stem].method == "partial_fit" or not clf.get_params().get(
        "refit", True
    ):
        assert not hasattr(clf, "history_")
        return
    for table in clf.history_:
        gap = table["gap"]
        assert table.dtype.names[:4] == ("iteration", "seconds", "objective", "gap")
        assert np.all(gap >= 0.0)
        assert gap[-1] <= 1e-3 * table["objective"][-1]


@EVERY_FILE
def test_a_stored_model_can_be_trained_again(path):
    case, clf = CASES[path.stem], loaded(path)
    before = {key: getattr(clf, key, None) for key in ("objective_", "C_")}
    gap = getattr(clf, "dual_gap_", 0.0)
    if case.method == "partial_fit":
        seen, bound = clf.n_samples_seen_, clf.lower_bound_
        case.train(clf)
        assert clf.n_samples_seen_ == 2 * seen
        assert clf.lower_bound_ >= bound
        # As a stream that was never stored.
        other = case.train(case.train(case.make()))
        X, _ = case.data()
        assert np.mean(clf.predict(X) == other.predict(X)) > 0.95
        return
    case.train(clf)
    if before["objective_"] is not None:
        tol = clf.dual_gap_ + gap + 1e-9 * before["objective_"]
        assert abs(clf.objective_ - before["objective_"]) <= tol
    if before["C_"] is not None:
        np.testing.assert_allclose(clf.C_, before["C_"])


@pytest.mark.parametrize("name", ["duals", "duals-joint"])
def test_stored_duals_are_a_start(name):
    for folder in FOLDERS:
        clf = read(folder / f"{name}.pickle")
        before = clf.objective_
        X, y = CASES[name].data()
        clf.set_params(max_iter=1).fit(X, y)
        assert clf.objective_ == pytest.approx(before, rel=1e-4)
        assert clf.dual_gap_ <= clf.tol * clf.objective_


@pytest.mark.parametrize("name", CASES)
def test_what_is_stored_has_not_changed_since(name):
    if name == "frame":
        pytest.importorskip("pandas")
    stored = facts_in(DATA / f"models-{hingesvm.__version__}")[name]
    now = facts_of(name, CASES[name].train(CASES[name].make()))
    again = "run tests/data/make_models.py"
    assert now["attributes"] == stored["attributes"], again
    assert now["params"] == stored["params"], again


# Readers of other packages


def a_search():
    return CASES["search"].train(CASES["search"].make())


ESTIMATORS = {
    "hingesvm.HingeSVC": lambda: CASES["plain"].train(HingeSVC()),
    "hingesvm.HingeSVCCV": a_search,
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_skops_need_trust_the_estimator_alone(name):
    io = pytest.importorskip("skops.io")
    clf = ESTIMATORS[name]()
    stored = io.dumps(clf)
    assert io.get_untrusted_types(data=stored) == [name]
    other = io.loads(stored, trusted=[name])
    X, y = CASES["plain"].data()
    np.testing.assert_array_equal(other.decision_function(X), clf.decision_function(X))
    assert vars(other).keys() == vars(clf).keys()
    for one, two in zip(other.history_, clf.history_, strict=True):
        assert one.dtype == two.dtype
        np.testing.assert_array_equal(one, two)
    assert other.fit(X, y).objective_ == clf.objective_


def test_skops_take_streams_too():
    io = pytest.importorskip("skops.io")
    case = CASES["stream"]
    clf = case.train(case.make())
    stored = io.dumps(clf)
    named = io.get_untrusted_types(data=stored)
    assert set(named) == {
        *("hingesvm.HingeSVC", "hingesvm.losses.Hinge"),
        "hingesvm.penalties.ElasticNet",
    }
    other = io.loads(stored, trusted=named)
    np.testing.assert_array_equal(case.train(other).coef_, case.train(clf).coef_)
    assert other.lower_bound_ == clf.lower_bound_


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_mlflow_stores_a_model(name, tmp_path):
    mlflow = pytest.importorskip("mlflow.sklearn")
    if "skops_trusted_types" not in inspect.signature(mlflow.save_model).parameters:
        pytest.skip("an MLflow that knows no skops")
    clf = ESTIMATORS[name]()
    path = str(tmp_path / "model")
    mlflow.save_model(
        clf,
        path,
        serialization_format="skops",
        skops_trusted_types=[name],
        pip_requirements=["hingesvm"],
    )
    X, _ = CASES["plain"].data()
    other = mlflow.load_model(path)
    assert type(other) is type(clf)
    np.testing.assert_array_equal(other.decision_function(X), clf.decision_function(X))
    general = pytest.importorskip("mlflow.pyfunc").load_model(path)
    np.testing.assert_array_equal(general.predict(X), clf.predict(X))


def test_both_estimators_are_stored():
    kinds = {type(case.make()) for case in CASES.values()}
    assert kinds == {HingeSVC, HingeSVCCV}

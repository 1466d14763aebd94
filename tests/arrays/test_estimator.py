"""What HingeSVC does with arrays on a device beside a fit."""

import gc
import pickle
import warnings

import numpy as np
import pytest
from array_cases import NARROW, STRICT, WIDE, assert_certified, every_device, reference
from samples import make_data
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import hingesvm._namespace as namespace_module
from hingesvm import HingeSVC, HingeSVCCV
from hingesvm._namespace import to_host


@every_device("torch:float64", "torch:float32", NARROW)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_warm_start(device, n_classes):
    X, y = make_data(90, 4, n_classes, dtype=device.dtype)
    weights = (np.arange(90) % 4).astype(float)
    there = device.put(X), device.exactly(y), device.put(weights)
    model = HingeSVC(C=0.5, warm_start=True).fit(*there)
    signed = to_host(model.dual_coef_).astype(float)
    assert device.has(model.dual_coef_)
    assert signed.shape == (1 if n_classes == 2 else n_classes, 90)
    np.testing.assert_array_equal(signed[:, weights == 0.0], 0.0)
    off = np.linalg.norm(signed @ X - to_host(model.coef_))
    assert off <= np.sqrt(2.0 * model.dual_gap_) + 1e-5
    model.set_params(C=0.75).fit(*there)
    exact = reference(X, y, weights, C=0.75)
    assert_certified(model, exact, is_narrow=device.is_narrow)
    again = model.fit(*there)
    assert_certified(again, exact, is_narrow=device.is_narrow)
    model.set_params(warm_start=False).fit(*there)
    assert not hasattr(model, "dual_coef_")


@every_device("torch:float64", STRICT)
def test_pickle_clone_and_dispatch_off(device):
    X, y = make_data(60, 4, dtype=device.dtype)
    there = device.put(X)
    model = HingeSVC(C=0.5).fit(there, device.exactly(y))
    assert clone(model).get_params() == model.get_params()
    scores = to_host(model.decision_function(there))
    if not device.name.startswith("array_api_strict"):
        copy = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(to_host(copy.decision_function(there)), scores)
    with config_context(array_api_dispatch=False):
        found = model.decision_function(X)
        assert isinstance(found, np.ndarray)
        np.testing.assert_allclose(found, scores, rtol=1e-4, atol=1e-5)
        assert isinstance(model.predict(X), np.ndarray)
        if device.name.startswith("torch"):
            np.testing.assert_array_equal(model.decision_function(there), found)
            assert model.score(there, y) == np.mean(model.predict(X) == y)


@every_device("torch:float64", NARROW)
def test_max_iter_and_history(device):
    X, y = make_data(300, 8, dtype=device.dtype)
    there = device.put(X), device.exactly(y)
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        model = HingeSVC(max_iter=1).fit(*there)
    assert model.n_iter_ == 1
    assert_certified(model, reference(X, y), is_narrow=device.is_narrow)
    model = HingeSVC().fit(*there)
    history = model.history_[0]
    assert history["iteration"][-1] == model.n_iter_
    assert history["objective"][-1] == model.objective_
    assert history["gap"][-1] == model.dual_gap_
    assert np.all(np.diff(history["iteration"]) >= 0)


@every_device("torch:float64")
def test_verbose(device, capsys):
    X, y = make_data(60, 4)
    HingeSVC(verbose=1).fit(device.put(X), device.exactly(y))
    assert "gap" in capsys.readouterr().out


FALLBACKS = [
    ({"solver": "stochastic"}, 2, "solver='stochastic'"),
    ({"l1_ratio": 0.5}, 2, "l1_ratio=0.5"),
    ({"multi_class": "crammer_singer"}, 3, "multi_class='crammer_singer'"),
]


@every_device(*WIDE)
@pytest.mark.parametrize(("params", "n_classes", "told"), FALLBACKS)
def test_what_is_trained_in_memory(device, params, n_classes, told):
    X, y = make_data(60, 4, n_classes, dtype=device.dtype)
    with pytest.warns(UserWarning, match=told):
        model = HingeSVC(**params).fit(device.put(X), device.exactly(y))
    exact = HingeSVC(**params).fit(X, y)
    np.testing.assert_array_equal(to_host(model.coef_), exact.coef_)
    assert device.has(model.coef_)
    assert device.has(model.intercept_)
    assert device.has(model.predict(device.put(X)))
    assert not model.__sklearn_tags__().array_api_support or "multi_class" in told
    assert HingeSVC().__sklearn_tags__().array_api_support


@every_device("torch:float64")
def test_streams_batches_and_choices_of_c_are_in_memory(device):
    X, y = make_data(60, 4)
    there = device.put(X), device.exactly(y)
    for train in (
        lambda rows, labels: HingeSVC(random_state=0).partial_fit(rows, labels, [0, 1]),
        lambda rows, labels: HingeSVC().fit_batches([(rows, labels)]),
        lambda rows, labels: HingeSVCCV(Cs=[0.1, 1.0], cv=2).fit(rows, labels),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = train(*there)
        assert any("copied to the host" in str(item.message) for item in caught)
        exact = train(X, y)
        np.testing.assert_array_equal(to_host(model.coef_), exact.coef_)


@every_device("torch:float64", NARROW)
@pytest.mark.parametrize("method", ["predict", "decision_function"])
def test_another_place_than_that_of_fit(device, method):
    X, y = make_data(60, 4, dtype=device.dtype)
    model = HingeSVC().fit(device.put(X), device.exactly(y))
    with pytest.raises(ValueError, match=rf"HingeSVC.{method}\(\) must use the same"):
        getattr(model, method)(X)
    with pytest.raises(ValueError, match="same namespace"):
        getattr(HingeSVC().fit(X, y), method)(device.put(X))
    strict = pytest.importorskip("array_api_strict")
    with pytest.raises(ValueError, match="same namespace"):
        getattr(model, method)(strict.asarray(X))


@every_device("torch:float64", "torch:float32", NARROW)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_nothing_of_the_length_of_a_column_comes_to_the_host(
    device, n_classes, monkeypatch
):
    """Vectors of one number a column do, and the numbers that pairs are folded to."""
    n, d = 9_000, 5
    X, y = make_data(n, d, n_classes, dtype=device.dtype)
    there = device.put(X), device.exactly(y), device.put(np.ones(n))
    # And the rows whose columns tell the reach of samples.
    largest = 2 * 1024
    plain, seen = namespace_module.to_host, []

    def recorded(array):
        if not isinstance(array, np.ndarray):
            seen.append(int(np.prod(tuple(array.shape))))
        return plain(array)

    patched = 0
    for module in list(gc.get_objects()):
        if type(module).__name__ != "module":
            continue
        if module.__name__.startswith("hingesvm") and vars(module).get("to_host"):
            monkeypatch.setattr(module, "to_host", recorded)
            patched += 1
    assert patched > 5
    HingeSVC(warm_start=True).fit(*there)
    assert seen
    assert max(seen) <= largest


@every_device("torch:float64", "torch:float32")
def test_pipelines_and_searches(device):
    X, y = make_data(90, 4, dtype=device.dtype)
    X = (5.0 + 3.0 * X).astype(device.dtype)
    there = device.put(X), device.exactly(y)
    pipe = make_pipeline(StandardScaler(), HingeSVC()).fit(*there)
    exact = make_pipeline(StandardScaler(), HingeSVC()).fit(X.astype(float), y)
    assert device.has(pipe[-1].coef_)
    np.testing.assert_allclose(
        to_host(pipe[-1].coef_), exact[-1].coef_, rtol=1e-3, atol=1e-3
    )
    scores = cross_val_score(HingeSVC(), *there, cv=3)
    np.testing.assert_allclose(
        scores, cross_val_score(HingeSVC(), X, y, cv=3), atol=0.04
    )
    search = GridSearchCV(HingeSVC(), {"C": [0.01, 1.0]}, cv=3).fit(*there)
    assert device.has(search.best_estimator_.coef_)

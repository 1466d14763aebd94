"""What users of other estimators try: errors say what takes its place here."""

import inspect
import pickle

import numpy as np
import pytest
from samples import make_data
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import get_scorer
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC, LinearSVC
from sklearn.utils.validation import _check_response_method

from hingesvm import HingeSVC, HingeSVCCV
from hingesvm.losses import SmoothedHinge, get_loss

ESTIMATORS = [HingeSVC, HingeSVCCV]


@pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba"])
@pytest.mark.parametrize("make", ESTIMATORS)
def test_there_are_no_probabilities(make, method):
    X, y = make_data()
    clf = make().fit(X, y)
    for estimator in (make(), clf, pickle.loads(pickle.dumps(clf)), clone(clf)):
        assert not hasattr(estimator, method)
        with pytest.raises(AttributeError, match="CalibratedClassifierCV") as raised:
            getattr(estimator, method)(X)
        message = str(raised.value)
        assert message.startswith(f"{make.__name__} has no {method}")
        assert raised.value.name == method
        assert raised.value.obj is estimator


def test_checks_of_response_methods_go_on():
    X, y = make_data()
    clf = HingeSVC().fit(X, y)
    asked = _check_response_method(clf, ["predict_proba", "decision_function"])
    np.testing.assert_array_equal(asked(X), clf.decision_function(X))
    with pytest.raises(AttributeError, match="predict_proba"):
        _check_response_method(clf, "predict_proba")
    assert np.isfinite(get_scorer("roc_auc")(clf, X, y))
    assert np.all(np.isfinite(cross_val_score(HingeSVC(), X, y, scoring="roc_auc")))
    calibrated = CalibratedClassifierCV(HingeSVC(), ensemble=False).fit(X, y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1.0)


LOSSES = {
    "log_loss": "LogisticRegression",
    "log": "LogisticRegression",
    "Hinge": 'is "hinge" here',
    "L1": 'is "hinge" here',
    "squared-hinge": 'is "squared_hinge" here',
    "L2": 'is "squared_hinge" here',
    "smooth_hinge": 'is "smoothed_hinge" or SmoothedHinge',
    "modified_huber": r"4 times SmoothedHinge\(gamma=2.0\)",
    "perceptron": "Perceptron",
    "squared_error": "a loss of regression",
    "epsilon_insensitive": "a loss of regression",
    "crammer_singer": 'pass multi_class="crammer_singer"',
    "squard_hinge": "Did you mean 'squared_hinge'",
}


@pytest.mark.parametrize("make", [*ESTIMATORS, None])
@pytest.mark.parametrize("name", LOSSES)
def test_names_of_losses(name, make):
    def train():
        return get_loss(name) if make is None else make(loss=name).fit(*make_data())

    with pytest.raises(ValueError, match=LOSSES[name]) as raised:
        train()
    start = f"Unknown loss {name!r}: choose one of"
    if make is not None:
        start = f"The 'loss' parameter of {make.__name__} must be"
    assert str(raised.value).startswith(start)


@pytest.mark.parametrize("estimator", [LinearSVC(), SGDClassifier()])
def test_losses_of_scikit_learn_have_a_hint(estimator):
    known = estimator._parameter_constraints["loss"][0].options
    for name in known - {"hinge", "squared_hinge"}:
        with pytest.raises(ValueError, match=rf"object\. '{name}' (is|has)"):
            get_loss(name)


def test_other_names_have_none():
    for name in ("", "quantum"):
        with pytest.raises(ValueError, match=r"MarginLoss object\.$"):
            get_loss(name)


def test_other_bad_parameters_have_no_hint_of_losses():
    X, y = make_data()
    with pytest.raises(ValueError, match="'tol' parameter") as raised:
        HingeSVC(loss=SmoothedHinge(), tol=-1.0).fit(X, y)
    assert str(raised.value).endswith("Got -1.0 instead.")


def test_the_modified_huber_loss_is_four_smoothed_hinges():
    m = np.linspace(-4.0, 3.0, 71)
    huber = np.where(m < -1.0, -4.0 * m, np.maximum(0.0, 1.0 - m) ** 2)
    np.testing.assert_allclose(4.0 * SmoothedHinge(2.0).value(m), huber, atol=1e-12)


def test_arguments_of_linear_svc_svc_and_sgd_have_a_hint():
    ours = set(inspect.signature(HingeSVC).parameters)
    for other in (LinearSVC, SVC, SGDClassifier, HingeSVCCV):
        for name in set(inspect.signature(other).parameters) - ours:
            if name in {"epsilon", "store_paths", "one_standard_error", "error_score"}:
                continue
            with pytest.raises(TypeError, match=rf"'{name}'.*\. {name}: \w"):
                HingeSVC(**{name: 1})


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (HingeSVC, {"dual": False}, "'dual'. dual: there is nothing to choose"),
        (HingeSVC, {"penalty": "l1"}, "'penalty'. penalty: pass l1_ratio"),
        (HingeSVC, {"max_iters": 3}, "max_iters: did you mean max_iter?"),
        (HingeSVC, {"dual": 0, "alpha": 1}, "alpha: pass C = .* dual: there is"),
        (HingeSVCCV, {"C": 1.0}, "C: pass Cs"),
    ],
)
def test_arguments_that_there_are_not(make, arguments, message):
    with pytest.raises(TypeError, match=message) as raised:
        make(**arguments)
    start = f"{make.__name__}.__init__() got an unexpected keyword argument"
    assert str(raised.value).startswith(start)


def test_other_errors_of_arguments_are_those_of_python():
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'colour'$"):
        HingeSVC(colour=1)
    with pytest.raises(TypeError, match=r"positional arguments but 3 were given$"):
        HingeSVC(1.0, "hinge")


@pytest.mark.parametrize("make", ESTIMATORS)
def test_scikit_learn_reads_the_signature(make):
    names = list(inspect.signature(make).parameters)
    assert sorted(names) == make._get_param_names() == sorted(make().get_params())
    values = make(tol=0.01, class_weight={0: 2.0}).get_params()
    assert clone(make(tol=0.01, class_weight={0: 2.0})).get_params() == values
    assert make().set_params(tol=0.5).tol == 0.5
    with pytest.raises(ValueError, match="Invalid parameter 'dual'"):
        make().set_params(dual=True)


def test_subclasses_may_have_arguments_of_their_own():
    class Mine(HingeSVC):
        def __init__(self, C=1.0, dual=True):
            super().__init__(C)
            self.dual = dual

    assert clone(Mine(2.0, dual=False)).get_params() == {"C": 2.0, "dual": False}

"""The parameters that both estimators and hinge_path share are those declared once."""

import ast
import inspect
from typing import get_args

import pytest

from hingesvm import HingeSVC, HingeSVCCV, hinge_path
from hingesvm.solvers import Method
from hingesvm.training.docstrings import entries_of
from hingesvm.training.parameters import HingeParameters

ESTIMATORS = [HingeSVC, HingeSVCCV]
SHARED = inspect.signature(HingeParameters).parameters
DECLARED = entries_of(HingeParameters.__doc__)
# Parameters whose meaning is another one, in their own words.
IN_OWN_WORDS = {HingeSVC: set(), HingeSVCCV: {"n_jobs", "verbose"}, hinge_path: set()}


def type_of(entry):
    """Return the type in an entry of a docstring, and the default as it is written."""
    kind, _, default = entry.split("\n")[0].partition(" : ")[2].rpartition(", default=")
    return kind, default


@pytest.mark.parametrize("user", IN_OWN_WORDS)
def test_signature_has_the_shared_parameters_in_their_order(user):
    parameters = inspect.signature(user).parameters
    own = [parameter for name, parameter in parameters.items() if name in SHARED]
    # Parameters are equal if names, kinds, defaults and annotations are.
    assert own == list(SHARED.values())


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_each_parameter_has_constraints_and_shared_ones_the_same(cls):
    constraints = cls._parameter_constraints
    assert constraints.keys() == inspect.signature(cls).parameters.keys()
    declared = HingeParameters._parameter_constraints
    assert declared.keys() == SHARED.keys()
    assert {name: constraints[name] for name in SHARED} == declared


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_each_argument_is_the_attribute_of_its_name(cls):
    values = {name: object() for name in inspect.signature(cls).parameters}
    estimator = cls(**values)
    assert estimator.get_params(deep=False) == values
    assert estimator._shared_parameters() == {name: values[name] for name in SHARED}


@pytest.mark.parametrize("user", IN_OWN_WORDS)
def test_documentation_says_type_default_and_meaning(user):
    entries = entries_of(user.__doc__)
    for name in SHARED:
        assert type_of(entries[name]) == type_of(DECLARED[name])
        is_declared = entries[name].startswith(DECLARED[name])
        assert is_declared == (name not in IN_OWN_WORDS[user])
        assert "As of" not in entries[name]


def test_names_in_the_documentation_are_those_that_are_accepted():
    constraints = HingeParameters._parameter_constraints
    methods = ast.literal_eval(type_of(DECLARED["solver"])[0])
    assert methods == set(get_args(Method)) == constraints["solver"][0].options
    for name in ("loss", "multi_class", "class_weight"):
        for option in constraints[name][0].options:
            assert f'"{option}"' in DECLARED[name]

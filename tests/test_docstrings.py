"""Docstrings of public names: parameters as in the signature, examples, and pages."""

import ast
import importlib
import importlib.util
import inspect
import pkgutil
from itertools import pairwise
from pathlib import Path

import pytest

import hingesvm

API = Path(__file__).resolve().parent.parent / "docs" / "api.rst"
NOT_PUBLIC = {
    "kernels",
    "problems",
    "rows",
    "solvers",
    "svc",
    "training",
}  # svc has the class that hingesvm itself names
MODULES = [
    "hingesvm",
    *(
        f"hingesvm.{module.name}"
        for module in pkgutil.iter_modules(hingesvm.__path__)
        if not module.name.startswith("_") and module.name not in NOT_PUBLIC
    ),
]
if importlib.util.find_spec("distributed") is None:
    MODULES.remove("hingesvm.dask")
PUBLIC = {
    f"{module}.{name}": getattr(importlib.import_module(module), name)
    for module in MODULES
    for name in importlib.import_module(module).__all__
    if not name.startswith("_")
}


def is_ours(attribute):
    """Whether an attribute of a class is a function of hingesvm, inherited or not."""
    module = getattr(attribute, "__module__", None) or ""
    return callable(attribute) and module.split(".")[0] == "hingesvm"


METHODS = {
    f"{name}.{method}": getattr(cls, method)
    for name, cls in PUBLIC.items()
    if inspect.isclass(cls)
    for method in dir(cls)
    if not method.startswith("_") and is_ours(getattr(cls, method))
}
EXPECTED = {"hingesvm.HingeSVC", "hingesvm.metrics.hinge_loss", "hingesvm.losses.Hinge"}
assert PUBLIC.keys() >= EXPECTED
assert {"hingesvm.HingeSVC.predict", "hingesvm.losses.Hinge.value"} <= METHODS.keys()


def sections(docstring):
    """Return the lines of each section of a docstring in numpydoc's form, by title."""
    found, title = {}, None
    for line, below in pairwise([*inspect.cleandoc(docstring).splitlines(), ""]):
        if below and below == "-" * len(line):
            title = line
            found[title] = []
        elif title is not None:
            found[title].append(line)
    return found


def parameter_entries(docstring):
    """Return the lines of the section Parameters that have a name, in order."""
    lines = sections(docstring).get("Parameters", [])[1:]
    return [line for line in lines if line and not line.startswith(" ")]


def documented_parameters(docstring):
    """Return the names of the section Parameters, in order."""
    return [
        name.strip(" *")
        for entry in parameter_entries(docstring)
        for name in entry.partition(" : ")[0].split(",")
    ]


def parameters(function):
    """Return the names of the parameters of a function or class, in order."""
    names = list(inspect.signature(function).parameters)
    return names[1:] if names[:1] == ["self"] else names


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_has_an_example(name):
    assert any(
        line.startswith(">>> ")
        for line in sections(PUBLIC[name].__doc__).get("Examples", [])
    )


@pytest.mark.parametrize("name", PUBLIC)
def test_parameters_of_public_name_are_those_documented(name):
    assert documented_parameters(PUBLIC[name].__doc__) == parameters(PUBLIC[name])


@pytest.mark.parametrize("name", METHODS)
def test_parameters_of_method_are_those_documented(name):
    assert documented_parameters(METHODS[name].__doc__) == parameters(METHODS[name])


@pytest.mark.parametrize("name", [*PUBLIC, *METHODS])
def test_defaults_that_are_documented_are_those_of_the_signature(name):
    function = (PUBLIC | METHODS)[name]
    for entry in parameter_entries(function.__doc__):
        names, _, default = entry.partition(", default=")
        if default:
            (parameter,) = names.partition(" : ")[0].split(", ")
            expected = inspect.signature(function).parameters[parameter].default
            # None can stand for a default that the call makes.
            assert expected is None or ast.literal_eval(default) == expected


@pytest.mark.parametrize("name", [*PUBLIC, *METHODS])
def test_summary_is_a_line(name):
    summary, *rest = inspect.cleandoc((PUBLIC | METHODS)[name].__doc__).splitlines()
    assert summary.endswith(".")
    assert not rest or not rest[0]


@pytest.mark.skipif(not API.exists(), reason="the documentation is not here")
@pytest.mark.parametrize("module", MODULES)
def test_module_is_in_the_reference(module):
    assert module in API.read_text(encoding="utf-8").split()

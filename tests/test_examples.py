"""The examples are Python, have a title and use names that are there; none is run."""

import ast
import importlib
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.py"))
assert EXAMPLES

each_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)


def imported_names(path):
    """Yield each module that a script imports, and the name from it or None."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.module, alias.name


@each_example
def test_compiles_without_a_warning(path):
    compile(path.read_text(encoding="utf-8"), path.name, "exec")


@each_example
def test_begins_with_a_title(path):
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    title, underline, blank, *_ = docstring.splitlines()
    assert title
    assert underline == "=" * len(title)
    assert not blank


@each_example
def test_names_of_the_package_are_there(path):
    names = [
        (module, name)
        for module, name in imported_names(path)
        if module.partition(".")[0] == "hingesvm"
    ]
    assert names
    for module, name in names:
        loaded = importlib.import_module(module)
        assert name is None or hasattr(loaded, name), (module, name)


@each_example
def test_only_those_that_plot_need_matplotlib(path):
    modules = {module.partition(".")[0] for module, _ in imported_names(path)}
    assert ("matplotlib" in modules) == path.name.startswith("plot_")

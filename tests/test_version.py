"""One version, wherever it is written."""

import re
import tomllib
from pathlib import Path

import pytest

import hingesvm

ROOT = Path(__file__).resolve().parent.parent


with open(ROOT / "pyproject.toml", "rb") as file:
    VERSION = tomllib.load(file)["project"]["version"]


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("meson.build", r"^  version: '(.*)',$"),
        ("CITATION.cff", r"^version: (.*)$"),
        ("CHANGELOG.md", r"^## (\S+)"),
    ],
)
def test_version_is_that_of_the_project(name, pattern):
    found = re.search(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    assert found[1] == VERSION


def test_the_package_is_of_this_version():
    assert hingesvm.__version__ == VERSION


def test_each_module_is_installed():
    # An editable install, or one in place, works without.
    package = ROOT / "hingesvm"
    if not (package / "meson.build").is_file():
        pytest.skip("the sources are not here")
    missing = [
        path
        for path in package.rglob("*.py*")
        if path.suffix in {".py", ".pyi"}
        and f"'{path.name}'" not in (path.parent / "meson.build").read_text()
    ]
    assert not missing

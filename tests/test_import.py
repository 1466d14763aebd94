"""Where the package is imported from, also by Python that is started in a clone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hingesvm
from hingesvm._source import has_kernels

PACKAGE = Path(hingesvm.__path__[0])
WHERE = "import hingesvm.svc, hingesvm; print(hingesvm.__file__, hingesvm.svc.__file__)"


def python_in(folder, code, site):
    """Run code in a folder, where a site folder is the only one beside the usual."""
    environment = {
        key: value for key, value in os.environ.items() if "PYTHON" not in key
    }
    environment |= {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def clone(tmp_path):
    """A source folder: the package without its compiled modules."""
    kernels = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "clone" / "hingesvm", ignore=kernels)
    return tmp_path / "clone"


def test_python_in_a_clone_takes_the_installed_package(clone, tmp_path):
    if not has_kernels(PACKAGE):
        pytest.skip("an editable install has its own import hook")
    site = tmp_path / "site"
    shutil.copytree(PACKAGE, site / "hingesvm")
    about = site / "hingesvm-0.1.0.dist-info" / "METADATA"
    about.parent.mkdir()
    about.write_text("Metadata-Version: 2.1\nName: hingesvm\nVersion: 0.1.0\n")
    found = python_in(clone, WHERE, site)
    assert found.returncode == 0, found.stderr
    own, other = map(Path, found.stdout.split())
    assert own.is_relative_to(clone.resolve())
    assert other.is_relative_to(site.resolve())
    code = (
        "from hingesvm import HingeSVC; print(HingeSVC().fit([[0.0], [1.0]], [0, 1]))"
    )
    assert python_in(clone, code, site).stdout == "HingeSVC()\n"


def test_a_source_folder_that_is_not_installed_says_what_to_do(clone, tmp_path):
    code = (
        "import importlib.metadata as m, sys\n"
        "def absent(name): raise m.PackageNotFoundError(name)\n"
        "m.distribution = absent\n"
        "sys.meta_path = [f for f in sys.meta_path if 'editable' not in repr(f).lower()"
        " and 'meson' not in repr(f).lower()]\n"
        "import hingesvm"
    )
    found = python_in(clone, code, tmp_path)
    assert found.returncode != 0
    assert "pip install ." in found.stderr
    # One traceback, not two.
    assert found.stderr.count("Traceback") == 1

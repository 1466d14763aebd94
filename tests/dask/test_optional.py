"""What is said where Dask is not installed."""

import subprocess
import sys

CODE = """
import sys
sys.modules["distributed"] = None
import hingesvm
try:
    import hingesvm.dask
except ImportError as error:
    print(error)
"""


def test_the_message_says_what_to_install():
    found = subprocess.run(
        [sys.executable, "-P", "-c", CODE], capture_output=True, text=True, check=True
    )
    assert "pip install dask distributed" in found.stdout


def test_the_package_itself_imports_no_dask():
    code = "import sys, hingesvm; print('distributed' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout == "False\n"

"""What is said where skl2onnx is not installed, and that nothing else needs it."""

import subprocess
import sys

MISSING = """
import sys
sys.modules["skl2onnx"] = None
from hingesvm.export import register_onnx
try:
    register_onnx()
except ImportError as error:
    print(error)
"""


def printed_by(code):
    """Return what a program prints."""
    found = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    return found.stdout


def test_the_message_says_what_to_install():
    message = printed_by(MISSING)
    assert "register_onnx needs skl2onnx" in message
    assert 'pip install "hingesvm[onnx]"' in message


def test_skl2onnx_is_imported_by_the_call_alone():
    code = (
        "import sys, hingesvm.export, hingesvm.export._onnx_graph\n"
        "print([name for name in ('skl2onnx', 'onnx') if name in sys.modules])"
    )
    assert printed_by(code) == "[]\n"


def test_the_package_itself_does_not_import_it():
    code = "import sys, hingesvm; print('hingesvm.export' in sys.modules)"
    assert printed_by(code) == "False\n"

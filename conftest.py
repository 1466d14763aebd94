"""Make the tests import the installed package, never the source folder beside them.

The compiled module is not built into ``hingesvm/``, so that folder cannot be
imported; but it stands where ``python -m pytest`` looks first. An editable install
is found by its own import hook, which needs no path.
"""

import os
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent

sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != _ROOT]

# The same for the interpreters that tests start, whose first path is the folder they
# start in.
os.environ["PYTHONSAFEPATH"] = "1"

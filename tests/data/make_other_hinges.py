r"""Write other_hinges.json, what other libraries compute in other_hinge_cases.py.

And what they find in other_fit_cases.py.

    pip install jax optax jaxopt river torch torchmetrics keras cyanure mlpack \
        liblinear-official vowpalwabbit pyspark rehline snapml skglm
    KERAS_BACKEND=jax python tests/data/make_other_hinges.py

It needs all of them, and Java for pyspark. With the names of some packages as arguments
it needs these alone, and keeps what is stored of the others.
"""

import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from other_fit_cases import FITS
from other_hinge_cases import LOSSES

PATH = Path(__file__).with_name("other_hinges.json")


def numbers(values):
    """Return nested lists of numbers."""
    return np.asarray(values, dtype=float).tolist()


def loss(case):
    """Return the loss of a library."""
    return numbers(case.theirs())


def fit(case):
    """Return the weights and intercepts that a library finds."""
    coef, intercept = case.theirs()
    return {"coef": numbers(coef), "intercept": numbers(intercept)}


def main():
    """Compute and write what is asked for."""
    packages = {case.package for case in [*LOSSES, *FITS]}
    asked = set(sys.argv[1:]) or packages
    if unknown := asked - packages:
        sys.exit(f"there is no case of {', '.join(sorted(unknown))}")
    stored = json.loads(PATH.read_text())

    versions = {"python": platform.python_version(), **stored["versions"]}
    versions |= {name: version(name).partition("+")[0] for name in sorted(asked)}
    names = ["python", *sorted(packages)]
    told = {"versions": {name: versions[name] for name in names}}
    for part, cases, ask in ("losses", LOSSES, loss), ("fits", FITS, fit):
        told[part] = {}
        for case in cases:
            key = f"{case.package}: {case.name}"
            is_asked = case.package in asked
            told[part][key] = ask(case) if is_asked else stored[part][key]
    lines = [f"{json.dumps(part)}: {block(told[part])}" for part in told]
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def block(values):
    """Return a dict as text, with a line for each entry."""
    lines = [
        f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in values.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}"


if __name__ == "__main__":
    main()

r"""Write other_hinges.json, what other libraries compute in other_hinge_cases.py.

    pip install jax optax jaxopt river torch torchmetrics keras cyanure mlpack \
        liblinear-official vowpalwabbit pyspark
    KERAS_BACKEND=jax python tests/data/make_other_hinges.py

It needs all of them, and Java for the last.
"""

import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from other_hinge_cases import FITS, LOSSES


def main():
    """Compute and write all of them."""
    packages = {case.package for case in [*LOSSES, *FITS]}
    versions = {name: version(name).partition("+")[0] for name in sorted(packages)}
    losses = {
        f"{case.package}: {case.name}": np.asarray(case.theirs(), dtype=float).tolist()
        for case in LOSSES
    }
    fits = {}
    for case in FITS:
        coef, intercept = (np.asarray(part, dtype=float) for part in case.theirs())
        found = {"coef": coef.tolist(), "intercept": intercept.tolist()}
        fits[f"{case.package}: {case.name}"] = found
    told = {
        "versions": {"python": platform.python_version(), **versions},
        "losses": losses,
        "fits": fits,
    }
    lines = [f"{json.dumps(part)}: {block(told[part])}" for part in told]
    path = Path(__file__).with_name("other_hinges.json")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def block(values):
    """Return a dict as text, with a line for each entry."""
    lines = [
        f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in values.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}"


if __name__ == "__main__":
    main()

"""Write models-VERSION/, models that later releases must load.

    pip install pandas skops
    python tests/data/make_models.py

Run it anew after each change of what is stored, until the release of this version is
out; from then on its folder stays as it is. The files are the same at each run with the
same versions, but for times of day in those of skops.
"""

import json
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from model_cases import CASES, DATA, facts_of, write

import hingesvm

MOST_BYTES = 200_000


def model_of(case):
    """Return the trained estimator of a case, without the seconds that it took."""
    with warnings.catch_warnings():
        # Few rows, and few values of C.
        warnings.simplefilter("ignore", UserWarning)
        clf = case.train(case.make())
    for table in getattr(clf, "history_", []):
        table["seconds"] = 0.0
    return clf


def main():
    """Write all models of this version, and what is expected of them."""
    folder = DATA / f"models-{hingesvm.__version__}"
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    facts = {}
    for name, case in CASES.items():
        clf = model_of(case)
        facts[name] = facts_of(name, clf)
        for suffix in case.formats:
            write(folder, name, suffix, clf)
    text = "".join(
        f'  "{name}": {json.dumps(found)},\n' for name, found in facts.items()
    )
    body = "{\n" + text.removesuffix(",\n") + "\n}\n"
    (folder / "facts.json").write_text(body, encoding="utf-8")
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{size} bytes in {folder.name}")
    assert size <= MOST_BYTES


if __name__ == "__main__":
    main()

"""Write torchmetrics_hinge.json, hinge losses as torchmetrics computes them.

    pip install torch torchmetrics
    python tests/data/make_torchmetrics_golden.py

All is in float64; in float32, the default there, figures agree to 7 digits.
"""

import json
import platform
from itertools import product
from pathlib import Path

import torch
import torchmetrics
from torchmetrics.classification import BinaryHingeLoss, MulticlassHingeLoss

ABSENT = -100  # no class
# Largest absolute score of each of two batches; those up to 1 are in [0, 1].
SCALES = {"inside": (1.0, 1.0), "outside": (3.0, 3.0), "mixed": (1.0, 3.0)}
FORMS = [
    (1, None),
    (2, "crammer-singer"),
    (2, "one-vs-all"),
    (4, "crammer-singer"),
    (4, "one-vs-all"),
]


def draw(generator, n_rows, n_columns, scale, ignore_index):
    """Return scores and true classes, some of them to be ignored."""
    shape = (n_rows, n_columns) if n_columns > 1 else (n_rows,)
    scores = torch.rand(shape, generator=generator, dtype=torch.float64)
    if scale > 1.0:
        scores = scale * (2.0 * scores - 1.0)
    target = torch.randint(max(n_columns, 2), (n_rows,), generator=generator)
    target[0] = 0  # a batch with no row that counts is an error there
    target[1] = 1 if ignore_index is None else ignore_index
    return torch.round(scores, decimals=3), target


def make(n_columns, mode, squared, ignore_index):
    """Return the metric of a form."""
    options = {"squared": squared, "ignore_index": ignore_index}
    if mode is None:
        return BinaryHingeLoss(**options)
    return MulticlassHingeLoss(n_columns, multiclass_mode=mode, **options)


def main():
    generator = torch.Generator().manual_seed(0)
    cases = []
    for (n_columns, mode), squared, ignore_index, scores in product(
        FORMS, (False, True), (None, ABSENT, 1), SCALES
    ):
        metric = make(n_columns, mode, squared, ignore_index).set_dtype(torch.float64)
        batches = []
        for n_rows, scale in zip((5, 3), SCALES[scores], strict=True):
            preds, target = draw(generator, n_rows, n_columns, scale, ignore_index)
            metric.update(preds, target)
            batches.append({"preds": preds.tolist(), "target": target.tolist()})
        case = {
            "multiclass_mode": mode,
            "n_classes": max(n_columns, 2),
            "squared": squared,
            "ignore_index": ignore_index,
            "scores": scores,
            "batches": batches,
            "value": metric.compute().tolist(),
        }
        cases.append(case)
    versions = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchmetrics": torchmetrics.__version__,
    }
    path = Path(__file__).with_name("torchmetrics_hinge.json")
    lines = ",\n".join(json.dumps(case) for case in cases)
    path.write_text(
        f'{{"versions": {json.dumps(versions)},\n"cases": [\n{lines}\n]}}\n'
    )


if __name__ == "__main__":
    main()

"""Agreement with torchmetrics, of which data/torchmetrics_hinge.json has the figures.

It takes scores outside [0, 1] for logits: if a batch has one, it applies the sigmoid,
or the softmax over classes, to all of the batch. It ignores rows before that.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, softmax

from hingesvm.metrics import HingeLossAccumulator, hinge_loss

GOLDEN = json.loads(
    (Path(__file__).parent.parent / "data" / "torchmetrics_hinge.json").read_text()
)
CASES = GOLDEN["cases"]
# Its one-vs-all is a figure for each class, the sum of which is ovr.
FORMS = {
    None: "crammer_singer",
    "crammer-singer": "crammer_singer",
    "one-vs-all": "ovr",
}


def prepared(batch, case):
    """Return true classes and scores that count as they are."""
    target, preds = np.array(batch["target"]), np.array(batch["preds"])
    rows = target != case["ignore_index"] if case["ignore_index"] is not None else ...
    kept = preds[rows]
    if np.any((kept < 0.0) | (kept > 1.0)):
        preds = expit(preds) if preds.ndim == 1 else softmax(preds, axis=1)
    return target, preds


def settings(case):
    return {
        "labels": range(case["n_classes"]),
        "squared": case["squared"],
        "multi_class": FORMS[case["multiclass_mode"]],
        "ignore_label": case["ignore_index"],
    }


def test_the_file_has_cases_of_each_kind():
    assert GOLDEN["versions"]["torchmetrics"] == "1.9.0"
    kinds = {
        (c["multiclass_mode"], c["squared"], c["ignore_index"], c["scores"])
        for c in CASES
    }
    assert len(kinds) == 3 * 2 * 3 * 3


@pytest.mark.parametrize("case", CASES)
def test_batches_agree(case):
    loss = HingeLossAccumulator(**settings(case))
    for batch in case["batches"]:
        loss.update(*prepared(batch, case))
    assert loss.compute() == pytest.approx(np.sum(case["value"]), rel=1e-12)


@pytest.mark.parametrize("case", [c for c in CASES if c["scores"] == "inside"])
def test_scores_from_0_to_1_agree_as_they_are(case):
    y = np.concatenate([batch["target"] for batch in case["batches"]])
    f = np.concatenate([batch["preds"] for batch in case["batches"]])
    actual = hinge_loss(y, f, **settings(case))
    assert actual == pytest.approx(np.sum(case["value"]), rel=1e-12)


@pytest.mark.parametrize("case", [c for c in CASES if c["scores"] == "outside"])
def test_scores_outside_differ_unless_squashed(case):
    y = np.concatenate([batch["target"] for batch in case["batches"]])
    f = np.concatenate([batch["preds"] for batch in case["batches"]])
    actual = hinge_loss(y, f, **settings(case))
    assert actual != pytest.approx(np.sum(case["value"]), rel=1e-3)


@pytest.mark.parametrize(
    "case", [c for c in CASES if c["multiclass_mode"] == "one-vs-all"]
)
def test_figures_of_classes_are_binary_losses(case):
    parts = [prepared(batch, case) for batch in case["batches"]]
    y, f = (np.concatenate(part) for part in zip(*parts, strict=True))
    ignored = case["ignore_index"]
    for label, expected in enumerate(case["value"]):
        binary = np.where(y == label, 1, -1)
        if ignored is not None:
            binary = np.where(y == ignored, 0, binary)
        actual = hinge_loss(
            binary,
            f[:, label],
            labels=[-1, 1],
            squared=case["squared"],
            ignore_label=0,
        )
        assert actual == pytest.approx(expected, rel=1e-12)


def test_tensors_are_taken():
    torch = pytest.importorskip("torch")
    y, f = (
        torch.tensor([0, 2, -100]),
        torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.5, 1.0], [0.0] * 3]),
    )
    loss = HingeLossAccumulator(labels=[0, 1, 2], ignore_label=-100).update(y, f)
    assert (
        loss.compute() == hinge_loss(y, f, labels=[0, 1, 2], ignore_label=-100) == 0.25
    )

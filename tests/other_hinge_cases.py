"""The hinge losses of other libraries.

For tests/metrics/test_other_hinges.py, and for data/make_other_hinges.py, which stores
what each library computed. Scores are multiples of 1/8, so that float32 has them
exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import numpy as np
from scipy.special import expit, softmax

from hingesvm.losses import CrammerSinger, Hinge, SquaredHinge, WestonWatkins
from hingesvm.metrics import hinge_loss

K = 4
SCORES = ((37 * np.arange(160) % 49) - 24.0).reshape(40, K) / 8.0
SCORES[::3] -= 2.0  # some rows have no positive score
CODES = 7 * np.arange(40) % 11 % K
F = SCORES[:, 0]
BITS = 5 * np.arange(40) % 7 % 2
SIGNS = 2.0 * BITS - 1.0
ONE_HOT = np.eye(K)[CODES]
WEIGHTS = 1.0 + np.arange(K)


@dataclass(frozen=True)
class Loss:
    """One row of the table: what a library says, and what is equal to it here."""

    name: str
    package: str
    theirs: Callable
    ours: Callable


def rows(form, squared=False):
    """The loss of each row in one of the forms of hingesvm.metrics."""
    options = {"labels": range(K), "multi_class": form, "squared": squared}
    return np.array(
        [hinge_loss([c], [s], **options) for c, s in zip(CODES, SCORES, strict=True)]
    )


def triple():
    """The hinge where a label -1 counts as -3, and 1 as 1."""
    return Hinge().value(np.where(SIGNS > 0.0, F, -3.0 * F))


def keras(name, *arguments):
    function = getattr(import_module("keras").losses, name)
    return np.asarray(function(*arguments))


def torch(name, *arguments, **options):
    """A loss of torch in float64, by row."""
    torch = import_module("torch")
    tensors = [torch.as_tensor(argument) for argument in arguments]
    return getattr(torch.nn, name)(reduction="none", **options)(*tensors).numpy()


def weighted_torch():
    torch = import_module("torch")
    loss = torch.nn.MultiMarginLoss(weight=torch.as_tensor(WEIGHTS))
    return float(loss(torch.as_tensor(SCORES), torch.as_tensor(CODES)))


def weighted_keras():
    loss = import_module("keras").losses.Hinge()
    return float(loss(SIGNS[:, None], F[:, None], sample_weight=WEIGHTS[CODES]))


def torchmetrics(scores, y, **options):
    """A hinge loss of torchmetrics, of all rows in one batch."""
    torch = import_module("torch")
    classification = import_module("torchmetrics.classification")
    name = "MulticlassHingeLoss" if options else "BinaryHingeLoss"
    metric = getattr(classification, name)(**options).set_dtype(torch.float64)
    metric.update(torch.as_tensor(scores), torch.as_tensor(y))
    return metric.compute().tolist()


def river(y):
    return import_module("river.optim").losses.Hinge()(y, F)


def jaxopt_multiclass():
    function = import_module("jaxopt").loss.multiclass_hinge_loss
    return np.asarray(import_module("jax").vmap(function)(CODES, SCORES))


def optax(name, *arguments):
    return np.asarray(getattr(import_module("optax.losses"), name)(*arguments))


def jaxopt_binary(y):
    return np.asarray(import_module("jaxopt").loss.binary_hinge_loss(y, F))


def sklearn(*arguments, **options):
    return import_module("sklearn.metrics").hinge_loss(*arguments, **options)


def by_class(decisions):
    """The binary loss of each class against the rest."""
    options = {"labels": [False, True]}
    return [hinge_loss(k == CODES, decisions[:, k], **options) for k in range(K)]


def zero_besides():
    """Crammer and Singer's loss with one more class, whose score is always 0."""
    return CrammerSinger().value(np.column_stack([SCORES, np.zeros(40)]), CODES)


def signed_categorical():
    """What keras makes of one-hot labels with -1 for 0, which is none of ours."""
    others = SCORES[ONE_HOT == 0.0].reshape(40, K - 1)
    lead = SCORES[ONE_HOT == 1.0] - others.sum(axis=1)
    return np.maximum(0.0, 1.0 + np.maximum(0.0, 2.0 * others.max(axis=1)) - lead)


def first_labels():
    """The codes as MultiLabelMarginLoss has a single label: first, and then -1."""
    return np.column_stack([CODES, np.full((40, K - 1), -1)])


LOSSES = [
    Loss(
        "binary",
        "scikit-learn",
        lambda: sklearn(SIGNS, F),
        lambda: hinge_loss(SIGNS, F),
    ),
    Loss(
        "multiclass",
        "scikit-learn",
        lambda: sklearn(CODES, SCORES),
        lambda: hinge_loss(CODES, SCORES),
    ),
    Loss(
        "weighted",
        "scikit-learn",
        lambda: sklearn(SIGNS, F, sample_weight=WEIGHTS[CODES]),
        lambda: hinge_loss(SIGNS, F, sample_weight=WEIGHTS[CODES]),
    ),
    Loss(
        "binary",
        "optax",
        lambda: optax("hinge_loss", F, SIGNS),
        lambda: Hinge().value(SIGNS * F),
    ),
    Loss(
        "binary, 0 for -1",
        "optax",
        lambda: optax("hinge_loss", F, BITS),
        lambda: Hinge().value(BITS * F),
    ),
    Loss(
        "multiclass",
        "optax",
        lambda: optax("multiclass_hinge_loss", SCORES, CODES),
        lambda: rows("crammer_singer"),
    ),
    Loss(
        "binary",
        "jaxopt",
        lambda: jaxopt_binary(BITS),
        lambda: Hinge().value(SIGNS * F),
    ),
    Loss("binary, -1 for 0", "jaxopt", lambda: jaxopt_binary(SIGNS), triple),
    Loss("multiclass", "jaxopt", jaxopt_multiclass, lambda: rows("crammer_singer")),
    Loss("binary", "river", lambda: river(BITS), lambda: Hinge().value(SIGNS * F)),
    Loss("binary, -1 for 0", "river", lambda: river(SIGNS), triple),
    Loss(
        "binary",
        "keras",
        lambda: keras("hinge", SIGNS[:, None], F[:, None]),
        lambda: Hinge().value(SIGNS * F),
    ),
    Loss(
        "binary, 0 for -1",
        "keras",
        lambda: keras("hinge", BITS[:, None], F[:, None]),
        lambda: Hinge().value(SIGNS * F),
    ),
    Loss(
        "binary squared",
        "keras",
        lambda: keras("squared_hinge", SIGNS[:, None], F[:, None]),
        lambda: SquaredHinge().value(SIGNS * F),
    ),
    Loss(
        "one-hot",
        "keras",
        lambda: keras("hinge", ONE_HOT, SCORES),
        lambda: rows("ovr") / K,
    ),
    Loss(
        "one-hot squared",
        "keras",
        lambda: keras("squared_hinge", ONE_HOT, SCORES),
        lambda: rows("ovr", squared=True) / K,
    ),
    Loss(
        "categorical",
        "keras",
        lambda: keras("categorical_hinge", ONE_HOT, SCORES),
        zero_besides,
    ),
    Loss(
        "categorical, -1 for 0",
        "keras",
        lambda: keras("categorical_hinge", 2.0 * ONE_HOT - 1.0, SCORES),
        signed_categorical,
    ),
    Loss(
        "weighted",
        "keras",
        weighted_keras,
        lambda: np.mean(WEIGHTS[CODES] * Hinge().value(SIGNS * F)),
    ),
    Loss(
        "MultiMarginLoss",
        "torch",
        lambda: torch("MultiMarginLoss", SCORES, CODES),
        lambda: WestonWatkins().value(SCORES, CODES) / K,
    ),
    Loss(
        "MultiMarginLoss(p=2)",
        "torch",
        lambda: torch("MultiMarginLoss", SCORES, CODES, p=2),
        lambda: rows("weston_watkins", squared=True) / K,
    ),
    Loss(
        "MultiMarginLoss(weight)",
        "torch",
        weighted_torch,
        lambda: np.mean(WEIGHTS[CODES] * rows("weston_watkins")) / K,
    ),
    Loss(
        "MultiLabelMarginLoss",
        "torch",
        lambda: torch("MultiLabelMarginLoss", SCORES, first_labels()),
        lambda: rows("weston_watkins") / K,
    ),
    Loss(
        "MarginRankingLoss",
        "torch",
        lambda: torch("MarginRankingLoss", F, np.zeros(40), SIGNS, margin=1.0),
        lambda: Hinge().value(SIGNS * F),
    ),
    Loss(
        "HingeEmbeddingLoss",
        "torch",
        lambda: torch("HingeEmbeddingLoss", F, SIGNS),
        lambda: np.where(SIGNS > 0.0, F, Hinge().value(F)),
    ),
    Loss(
        "binary",
        "torchmetrics",
        lambda: torchmetrics(F, BITS),
        lambda: hinge_loss(BITS, expit(F)),
    ),
    Loss(
        "crammer-singer",
        "torchmetrics",
        lambda: torchmetrics(SCORES, CODES, num_classes=K),
        lambda: hinge_loss(CODES, softmax(SCORES, axis=1)),
    ),
    Loss(
        "one-vs-all",
        "torchmetrics",
        lambda: torchmetrics(
            SCORES, CODES, num_classes=K, multiclass_mode="one-vs-all"
        ),
        lambda: by_class(softmax(SCORES, axis=1)),
    ),
    Loss(
        "binary, from 0 to 1",
        "torchmetrics",
        lambda: torchmetrics(expit(F), BITS),
        lambda: hinge_loss(BITS, expit(F)),
    ),
]

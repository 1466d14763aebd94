"""The hinge losses of other libraries, and the problems that others solve.

For tests/metrics/test_other_hinges.py, and for data/make_other_hinges.py, which stores
what each library computed. Scores and columns are multiples of 1/8, so that float32 has
them exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module

import numpy as np
from scipy.special import expit, softmax
from threadpoolctl import threadpool_limits

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

X = (np.arange(1, 181) ** 3 % 61 - 30.0).reshape(60, 3) / 16.0
NOISE = (np.arange(60) ** 2 % 31 - 13.0) / 8.0
Y = (X @ [1.0, -0.5, 0.25] + NOISE > 0.0).astype(int)  # no plane divides the classes
THREE = Y + (X[:, 2] > 0.25)  # classes 0, 1 and 2


@dataclass(frozen=True)
class Loss:
    """One row of the table: what a library says, and what is equal to it here."""

    name: str
    package: str
    theirs: Callable
    ours: Callable


@dataclass(frozen=True)
class Fit:
    """Weights and intercepts that a library finds, and the same problem here."""

    name: str
    package: str
    theirs: Callable
    ours: dict
    y: np.ndarray = field(default_factory=lambda: Y)
    error: float = 1e-4


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


def sgd(alpha):
    """SGDClassifier, as near the minimum as averages of its steps come."""
    module = import_module("sklearn.linear_model")
    settings = {"tol": None, "max_iter": 2000, "average": True, "random_state": 0}
    clf = module.SGDClassifier(alpha=alpha, fit_intercept=False, **settings).fit(X, Y)
    return clf.coef_, [0.0]


def cyanure(strength):
    module = import_module("cyanure.estimators")
    clf = module.LinearSVC(
        loss="sqhinge",
        lambda_1=strength,
        tol=1e-12,
        max_iter=5000,
        n_threads=1,
        verbose=False,
    ).fit(X, Y)
    return np.ravel(clf.coef_)[np.newaxis], np.ravel(clf.intercept_)


def mlpack(strength, y):
    """Its scores at the origin and the unit vectors, with its stochastic solver."""
    module = import_module("mlpack")
    settings = {"epochs": 100, "step_size": 5e-4, "seed": 1}
    # Its threads wait for each other for most of the time.
    with threadpool_limits(1):
        scores = module.linear_svm(
            training=X,
            labels=y,
            lambda_=strength,
            optimizer="psgd",
            test=np.vstack([np.zeros(3), np.eye(3)]),
            **settings,
        )["probabilities"]
    # Its columns stand in the order in which the classes first appear.
    scores = scores[:, np.argsort(list(dict.fromkeys(y.tolist())))]
    if scores.shape[1] == 2:
        scores = scores[:, 1:] - scores[:, :1]
    return (scores[1:] - scores[0]).T, scores[0]


def liblinear(cost):
    """Its decisions at the unit vectors for label 1, with a constant column (-B 1)."""
    train = import_module("liblinear.liblinearutil").train
    # With labels 0 and 1 that of the first row is positive.
    order = np.argsort(-Y, kind="stable")
    model = train(Y[order], X[order], f"-s 3 -c {cost} -B 1 -e 1e-8 -q")
    assert model.get_labels() == [1, 0]
    weights, intercept = model.get_decfun()
    return [list(weights)], [intercept]


def vw(strength):
    """Its predictions at the unit vectors, in a range that does not clip them."""
    workspace = import_module("vowpalwabbit").Workspace(
        f"--loss_function hinge --l2 {strength} --sgd -l 0.1 --power_t 0.5 --noconstant"
        " --min_prediction -1000 --max_prediction 1000 --quiet"
    )

    def told(x):
        pairs = zip("abc", x, strict=True)
        return "| " + " ".join(f"{name}:{value}" for name, value in pairs)

    for _ in range(200):
        for x, label in zip(X, Y, strict=True):
            workspace.learn(f"{2 * label - 1} {told(x)}")
    weights = [workspace.predict(told(x)) for x in np.eye(3)]
    workspace.finish()
    return [weights], [0.0]


def spark(strength):
    sql = import_module("pyspark.sql")
    classification = import_module("pyspark.ml.classification")
    dense = import_module("pyspark.ml.linalg").Vectors.dense
    session = sql.SparkSession.builder.master("local[1]").getOrCreate()
    data = [(float(label), dense(x)) for label, x in zip(Y, X, strict=True)]
    frame = session.createDataFrame(data, ["label", "features"])
    settings = {"standardization": False, "fitIntercept": False, "tol": 1e-10}
    model = classification.LinearSVC(regParam=strength, **settings).fit(frame)
    found = [model.coefficients.tolist()], [model.intercept]
    session.stop()
    return found


N = len(Y)
FITS = [
    Fit(
        "SGDClassifier",
        "scikit-learn",
        lambda: sgd(0.5),
        {"C": 1.0 / (N * 0.5), "fit_intercept": False},
        error=2e-2,
    ),
    Fit(
        "LinearSVC",
        "cyanure",
        lambda: cyanure(0.25),
        {"C": 1.0 / (2.0 * N * 0.25), "loss": "squared_hinge"},
    ),
    Fit(
        "linear_svm, two classes",
        "mlpack",
        lambda: mlpack(2.0, Y),
        {"C": 2.0 / (N * 2.0), "penalized_intercept": True},
        error=2e-2,
    ),
    Fit(
        "linear_svm, three classes",
        "mlpack",
        lambda: mlpack(2.0, THREE),
        {
            "C": 1.0 / (N * 2.0),
            "multi_class": "weston_watkins",
            "penalized_intercept": True,
        },
        y=THREE,
        error=2e-2,
    ),
    Fit(
        "train",
        "liblinear-official",
        lambda: liblinear(0.02),
        {"C": 0.02, "penalized_intercept": True},
    ),
    Fit(
        "hinge, --sgd",
        "vowpalwabbit",
        lambda: vw(4.0),
        {"C": 1.0 / (N * 4.0), "fit_intercept": False},
        error=1e-2,
    ),
    Fit(
        "LinearSVC",
        "pyspark",
        lambda: spark(2.0),
        {"C": 1.0 / (N * 2.0), "fit_intercept": False},
    ),
]

"""The linear SVMs of other libraries, and the same problems here.

For tests/metrics/test_other_hinges.py, and for data/make_other_hinges.py, which stores
what each library found. Columns are multiples of 1/16, so that float32 has them
exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module

import numpy as np
from threadpoolctl import threadpool_limits

from hingesvm.losses import SmoothedHinge

X = (np.arange(1, 181) ** 3 % 61 - 30.0).reshape(60, 3) / 16.0
NOISE = (np.arange(60) ** 2 % 31 - 13.0) / 8.0
Y = (X @ [1.0, -0.5, 0.25] + NOISE > 0.0).astype(int)  # no plane divides the classes
THREE = Y + (X[:, 2] > 0.25)  # classes 0, 1 and 2


@dataclass(frozen=True)
class Fit:
    """Weights and intercepts that a library finds, and the same problem here."""

    name: str
    package: str
    theirs: Callable
    ours: dict
    y: np.ndarray = field(default_factory=lambda: Y)
    error: float = 1e-4


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


def rehline(estimator, loss, cost, **settings):
    """One of its classifiers, at a gap of rounding errors."""
    module = import_module("rehline")
    settings = {"tol": 1e-12, "max_iter": 1_000_000, **settings}
    clf = getattr(module, estimator)(loss={"name": loss}, C=cost, **settings)
    clf.fit(X, Y)
    return clf.coef_[np.newaxis], [clf.intercept_]


def snapml(loss, strength, **settings):
    module = import_module("snapml")
    settings = {"tol": 1e-14, "max_iter": 200_000, "random_state": 0, **settings}
    clf = module.SupportVectorMachine(loss=loss, regularizer=strength, **settings)
    clf.fit(X, Y)
    return clf.coef_, np.atleast_1d(clf.intercept_)


def skglm(cost):
    """Its LinearSVC with the default fit_intercept=True, which it does not use."""
    clf = import_module("skglm").LinearSVC(C=cost, tol=1e-12, max_iter=1000).fit(X, Y)
    assert clf.fit_intercept
    return clf.coef_, [clf.intercept_]


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
    Fit(
        "svm",
        "rehline",
        lambda: rehline("plq_Ridge_Classifier", "svm", 0.02),
        {"C": 0.02, "penalized_intercept": True},
    ),
    Fit(
        "squared hinge",
        "rehline",
        lambda: rehline("plq_Ridge_Classifier", "squared hinge", 0.02),
        {"C": 0.02, "loss": "squared_hinge", "penalized_intercept": True},
    ),
    Fit(
        "sSVM",
        "rehline",
        lambda: rehline("plq_Ridge_Classifier", "sSVM", 0.02),
        {"C": 0.02, "loss": SmoothedHinge(1.0), "penalized_intercept": True},
    ),
    Fit(
        "svm, elastic net",
        "rehline",
        lambda: rehline(
            "plq_ElasticNet_Classifier", "svm", 0.02, l1_ratio=0.25, fit_intercept=False
        ),
        {"C": 0.02, "l1_ratio": 0.25, "fit_intercept": False},
    ),
    Fit(
        "hinge",
        "snapml",
        lambda: snapml("hinge", 50.0),
        {"C": 1.0 / 50.0, "fit_intercept": False},
    ),
    Fit(
        "squared hinge, fit_intercept",
        "snapml",
        lambda: snapml("squared_hinge", 50.0, fit_intercept=True),
        {"C": 1.0 / 50.0, "loss": "squared_hinge", "penalized_intercept": True},
    ),
    Fit(
        "LinearSVC",
        "skglm",
        lambda: skglm(0.02),
        {"C": 0.02, "fit_intercept": False},
    ),
]

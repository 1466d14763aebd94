"""Some 40 small fits, most shorter than a tenth of a second, and the work they take.

Narrow, wide, square and tall tables, sparse rows, text, raw columns and columns far
from 0, several classes, each against the rest and jointly, warm starts and paths.
"""

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from bits import Data, generated, text
from sklearn.datasets import load_breast_cancer, load_digits, load_iris

from hingesvm import HingeSVC, hinge_path
from hingesvm.solvers.progress import ProgressOf, Solution

Case = tuple[str, Callable[[], Any]]


class Fit(NamedTuple):
    """What a fit took, all its problems together, and how many ended above `tol`."""

    work: float
    iterations: int
    missed: int


def fitted(every: list[Case]) -> list[Fit]:
    """Return what each case takes."""
    warnings.simplefilter("ignore")
    ended: list[tuple[float, Solution]] = []
    solution = ProgressOf.solution

    def noted(progress: Any) -> Solution:
        found = solution(progress)
        ended.append((progress.work, found))
        return found

    ProgressOf.solution = noted  # type: ignore[assignment, method-assign]
    fits = []
    for _, case in every:
        ended.clear()
        case()
        iterations = sum(found.n_iter for _, found in ended)
        work = sum(work for work, _ in ended) or float(iterations)
        missed = sum(not found.converged for _, found in ended)
        fits.append(Fit(work, iterations, missed))
    return fits


def cases() -> Iterator[Case]:
    """Yield the name of each fit, and what makes it."""
    shapes = {
        "narrow": generated(300, 8),
        "wide": generated(120, 200),
        "square": generated(400, 300),
        "tall": generated(20_000, 12),
        "sparse": sparse(10_500, 100),
        "text": text(4000, 6000),
        "raw": (*load_breast_cancer(return_X_y=True), None),
    }
    for name, data in shapes.items():
        for C in (1e-3, 1.0, 1e3):
            yield fit(name, data, C=C)
        yield fit(name, data, loss="squared_hinge", penalized_intercept=True)
    yield fit("sparse", shapes["sparse"], tol=1e-6)
    yield fit("text", shapes["text"], n_jobs=2, fit_intercept=False)
    yield fit("shifted", shifted(generated(200, 100)), C=100.0, max_iter=200)
    many = classes(text(2000, 3000), 20)
    yield fit("many classes", many)
    yield fit("many classes", many, penalized_intercept=True, C=30.0)
    yield "many classes, warm", partial(refit, many)
    yield fit("dense classes", generated(1000, 30, 20), penalized_intercept=True)
    iris, digits = load_iris(return_X_y=True), load_digits(return_X_y=True)
    yield fit("iris, joint", (*iris, None), multi_class="crammer_singer")
    yield fit(
        "digits, joint",
        (digits[0][:600], digits[1][:600], None),
        multi_class="crammer_singer",
        C=0.01,
    )
    joint = classes(text(1000, 3000), 4)
    yield fit("text, joint", joint, multi_class="weston_watkins")
    few = classes(text(200, 400), 4)
    yield fit("text, joint", few, multi_class="crammer_singer", solver="batch")
    for name in ("text", "tall", "narrow"):
        X, y, _ = shapes[name]
        yield f"{name}, path", partial(hinge_path, X, y, Cs=4)


def fit(name: str, data: Data, **options: Any) -> Case:
    """Return the case of one fit."""
    return f"{name}, {options}", partial(HingeSVC(**options).fit, *data[:2])


def refit(data: Data) -> Any:
    """Fit again from the last fit, at another C and with some rows left out."""
    model = HingeSVC(C=0.5, warm_start=True).fit(*data[:2])
    weights = np.arange(len(data[1])) % 10 > 0
    return model.set_params(C=1.0).fit(*data[:2], sample_weight=weights.astype(float))


def sparse(n: int, d: int) -> Data:
    """Return rows of 0 and 1, of columns that are more or less rare."""
    rng = np.random.default_rng(0)
    X = sp.csr_matrix((rng.random((n, d)) < rng.random(d) ** 3).astype(float))
    scores = X @ rng.standard_normal(d)
    noisy = scores + rng.standard_normal(n) * scores.std()
    return X, (noisy > np.quantile(noisy, 0.75)).astype(int), None


def shifted(data: Data) -> Data:
    """Return rows far from the origin, with columns of very different scale."""
    X, y, weights = data
    return (X + 100.0) * 10.0 ** np.linspace(-3.0, 3.0, X.shape[1]), y, weights


def classes(data: Data, count: int) -> Data:
    """Return the same rows with as many classes, which they tell about."""
    rng = np.random.default_rng(0)
    scores = np.asarray(data[0] @ rng.standard_normal((data[0].shape[1], count)))
    return data[0], scores.argmax(axis=1), None

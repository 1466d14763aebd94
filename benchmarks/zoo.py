"""Generated data of the shapes that occur in practice, on which `shapes.py` times fits.

Each is made from a seed, in well under a second as a rule, and nothing is downloaded.
Rows are float64, as most tables are; text and counts are CSR.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_classification,
)
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer, scale

Matrix = Any
Made = tuple[Matrix, np.ndarray]
Generator = np.random.Generator


@dataclass(frozen=True)
class Shape:
    """A data set: how it is made, and weights of its rows if it has some."""

    name: str
    make: Callable[[Generator], Made]
    weighted: bool = False

    def build(self) -> tuple[Matrix, np.ndarray, np.ndarray | None]:
        """Return rows, labels and weights, always the same ones."""
        rng = np.random.default_rng(sum(self.name.encode()))
        X, y = self.make(rng)
        if sp.issparse(X):
            # LinearSVC accepts no other indices.
            X.indices, X.indptr = X.indices.astype("i4"), X.indptr.astype("i4")
        weights = 10.0 ** rng.uniform(-1.0, 1.0, len(y)) if self.weighted else None
        return X, y, weights


SHAPES: list[Shape] = []


def shape(name: str, *, weighted: bool = False, **options: Any) -> Callable[..., Any]:
    """Register a function of a random generator (and options) as a shape."""

    def register(function: Callable[..., Made]) -> Callable[..., Made]:
        SHAPES.append(Shape(name, lambda rng: function(rng, **options), weighted))
        return function

    return register


def labels(
    scores: np.ndarray, rng: Generator, *, noise: float = 0.0, rare: float = 0.5
) -> np.ndarray:
    """Return 1 where scores, disturbed by a part of their spread, are high."""
    scores = scores + noise * scores.std() * rng.standard_normal(len(scores))
    return (scores > np.quantile(scores, 1.0 - rare)).astype(int)


def classes(X: Matrix, count: int, rng: Generator, *, noise: float = 0.3) -> np.ndarray:
    """Return which of so many random directions each row is farthest along."""
    scores = np.asarray(X @ rng.standard_normal((X.shape[1], count)))
    scores = (scores - scores.mean(axis=0)) / (scores.std(axis=0) + 1e-12)
    y = (scores + noise * rng.standard_normal(scores.shape)).argmax(axis=1)
    # No class is missing, and each has two rows at least.
    y[: 2 * count] = np.arange(2 * count) % count
    return y


def outcome(
    X: Matrix,
    rng: Generator,
    *,
    noise: float,
    rare: float,
    n_classes: int,
    used: float = 1.0,
) -> np.ndarray:
    """Return labels that depend on X, or do not where noise is infinite.

    With two classes they depend on a part `used` of the columns.
    """
    n, d = X.shape
    if n_classes > 2:
        return classes(X, n_classes, rng, noise=noise)
    if noise == np.inf:
        return rng.integers(2, size=n)
    w = rng.standard_normal(d)
    if used < 1.0:
        w *= rng.random(d) < used
    return labels(X @ w, rng, noise=noise, rare=rare)


# --- words ---------------------------------------------------------------------------


def counts(n: int, d: int, words: int, rng: Generator) -> sp.csr_array:
    """Return counts of words: so many in a row on average, their ranks as Zipf says."""
    odds = 1.0 / (np.arange(d) + 2.7)
    edges = np.cumsum(odds / odds.sum())
    lengths = np.maximum(1, rng.lognormal(np.log(words), 0.4, n)).astype(int)
    columns = np.minimum(np.searchsorted(edges, rng.random(lengths.sum())), d - 1)
    rows = np.repeat(np.arange(n), lengths)
    X = sp.coo_array((np.ones(len(rows)), (rows, columns)), shape=(n, d)).tocsr()
    X.sum_duplicates()
    return X


def _text(
    rng: Generator,
    n: int,
    d: int,
    words: int,
    form: str = "tfidf",
    noise: float = 0.5,
    rare: float = 0.5,
    n_classes: int = 2,
) -> Made:
    X = counts(n, d, words, rng)
    known = TfidfTransformer(sublinear_tf=True).fit_transform(X).tocsr()
    y = outcome(known, rng, noise=noise, rare=rare, n_classes=n_classes, used=0.2)
    if form == "tfidf":
        X = known
    elif form == "log":
        X.data = np.log1p(X.data)
    elif form == "binary":
        X.data[:] = 1.0
    return sp.csr_matrix(X), y


for _name, _options in {
    "counts, log1p, 800 x 5,000": {"n": 800, "d": 5000, "words": 1500, "form": "log"},
    "counts, raw, 400 x 20,000": {"n": 400, "d": 20_000, "words": 3000, "form": "raw"},
    "counts, raw, 1,200 x 15,000": {
        "n": 1200,
        "d": 15_000,
        "words": 2000,
        "form": "raw",
    },
    "counts, raw, 1,200 x 15,000, random labels": {
        "n": 1200,
        "d": 15_000,
        "words": 2000,
        "form": "raw",
        "noise": np.inf,
    },
    "counts, raw, 300 x 30,000, random labels": {
        "n": 300,
        "d": 30_000,
        "words": 2500,
        "form": "raw",
        "noise": np.inf,
    },
    "counts, raw, 5,000 x 2,000": {"n": 5000, "d": 2000, "words": 100, "form": "raw"},
    "counts, raw, 50,000 x 1,000": {"n": 50_000, "d": 1000, "words": 30, "form": "raw"},
    "tf-idf, 200 x 3,000": {"n": 200, "d": 3000, "words": 80},
    "tf-idf, 2,000 x 20,000": {"n": 2000, "d": 20_000, "words": 150},
    "tf-idf, 10,000 x 50,000": {"n": 10_000, "d": 50_000, "words": 100},
    "tf-idf, 20,000 x 100,000, short": {"n": 20_000, "d": 100_000, "words": 12},
    "tf-idf, 3,000 x 10,000, separable": {
        "n": 3000,
        "d": 10_000,
        "words": 100,
        "noise": 0.0,
    },
    "tf-idf, 3,000 x 10,000, random labels": {
        "n": 3000,
        "d": 10_000,
        "words": 100,
        "noise": np.inf,
    },
    "tf-idf, 20,000 x 10,000, 0.1 % positive": {
        "n": 20_000,
        "d": 10_000,
        "words": 50,
        "rare": 0.001,
    },
    "binary words, 4,000 x 8,000": {
        "n": 4000,
        "d": 8000,
        "words": 200,
        "form": "binary",
    },
    "tf-idf, 3,000 x 8,000, 20 classes": {
        "n": 3000,
        "d": 8000,
        "words": 80,
        "n_classes": 20,
    },
    "tf-idf, 6,000 x 5,000, 150 classes": {
        "n": 6000,
        "d": 5000,
        "words": 20,
        "n_classes": 150,
    },
}.items():
    shape(_name, **_options)(_text)

shape("tf-idf, 4,000 x 10,000, weights", weighted=True, n=4000, d=10_000, words=80)(
    _text
)


@shape("hashed, 5,000 x 4,096", n=5000, d=4096)
@shape("hashed, 2,000 x 65,536", n=2000, d=65_536)
def _hashed(rng: Generator, n: int, d: int) -> Made:
    known, y = _text(rng, n, 30_000, 80, form="raw")
    place = rng.integers(d, size=known.shape[1])
    sign = rng.choice([-1.0, 1.0], known.shape[1])
    fold = sp.csr_array(
        (sign, (np.arange(known.shape[1]), place)), shape=(known.shape[1], d)
    )
    return sp.csr_matrix(known @ fold), y


@shape("one-hot, 3,000 x 60", n=3000, columns=12, levels=5)
@shape("one-hot, 20,000 x 600", n=20_000, columns=20, levels=30)
@shape("one-hot, 40,000 x 10,000", n=40_000, columns=10, levels=1000)
def _one_hot(rng: Generator, n: int, columns: int, levels: int) -> Made:
    codes = (levels * rng.random((n, columns)) ** 2).astype(int)
    places = (codes + levels * np.arange(columns)).ravel()
    starts = np.arange(0, n * columns + 1, columns)
    d = columns * levels
    X = sp.csr_matrix((np.ones(n * columns), places, starts), shape=(n, d))
    return X, labels(X @ rng.standard_normal(d), rng, noise=1.0)


# --- tables --------------------------------------------------------------------------


def correlated(n: int, d: int, rng: Generator, decay: float = 0.7) -> np.ndarray:
    """Return normal columns that share directions of falling weight."""
    directions = rng.standard_normal((d, d)) * np.exp(-decay * np.arange(d) ** 0.5)
    return rng.standard_normal((n, d)) @ directions.T + 0.1 * rng.standard_normal(
        (n, d)
    )


def _table(
    rng: Generator,
    n: int,
    d: int,
    kind: str = "plain",
    noise: float = 0.5,
    rare: float = 0.5,
    n_classes: int = 2,
) -> Made:
    X = correlated(n, d, rng) if kind == "correlated" else rng.standard_normal((n, d))
    y = outcome(X, rng, noise=noise, rare=rare, n_classes=n_classes)
    if kind == "raw":
        X = X * 10.0 ** rng.uniform(-3.0, 4.0, d)
    elif kind == "off-centre":
        X = X + rng.uniform(-100.0, 100.0, d)
    elif kind == "collinear":
        X = np.hstack([X, X[:, : d // 2] + 1e-6 * rng.standard_normal((n, d // 2)), X])
    elif kind == "constant":
        X[:, ::3] = rng.uniform(-5.0, 5.0, len(X[0, ::3]))
    elif kind == "heavy":
        X = np.sign(X) * np.exp(2.0 * np.abs(X))
    elif kind == "duplicated":
        keep = rng.integers(max(n // 20, 2), size=n)
        X, y = X[keep], y[keep]
    return X, y


for _name, _options in {
    "50 x 3": {"n": 50, "d": 3},
    "150 x 4": {"n": 150, "d": 4},
    "1,000 x 20": {"n": 1000, "d": 20},
    "1,000 x 20, separable": {"n": 1000, "d": 20, "noise": 0.0},
    "1,000 x 20, random labels": {"n": 1000, "d": 20, "noise": np.inf},
    "2,000 x 200": {"n": 2000, "d": 200},
    "5,000 x 50, correlated": {"n": 5000, "d": 50, "kind": "correlated"},
    "3,000 x 30, raw": {"n": 3000, "d": 30, "kind": "raw"},
    "30,000 x 30, raw": {"n": 30_000, "d": 30, "kind": "raw"},
    "2,000 x 40, off-centre": {"n": 2000, "d": 40, "kind": "off-centre"},
    "2,000 x 40, collinear": {"n": 2000, "d": 16, "kind": "collinear"},
    "1,500 x 30, constant columns": {"n": 1500, "d": 30, "kind": "constant"},
    "2,000 x 20, heavy tails": {"n": 2000, "d": 20, "kind": "heavy"},
    "20,000 x 20, heavy tails": {"n": 20_000, "d": 20, "kind": "heavy"},
    "5,000 x 20, each row 20 times": {"n": 5000, "d": 20, "kind": "duplicated"},
    "50,000 x 20": {"n": 50_000, "d": 20},
    "30,000 x 300": {"n": 30_000, "d": 300},
    "50,000 x 10, 0.1 % positive": {"n": 50_000, "d": 10, "rare": 0.001},
    "150 x 4, 3 classes": {"n": 150, "d": 4, "n_classes": 3},
    "1,500 x 20, 5 classes": {"n": 1500, "d": 20, "n_classes": 5},
    "400 x 300, 40 classes": {"n": 400, "d": 300, "n_classes": 40},
    "2,000 x 40, 200 classes": {"n": 2000, "d": 40, "n_classes": 200},
    "3,000 x 30, 300 classes": {"n": 3000, "d": 30, "n_classes": 300},
    "20,000 x 16, 26 classes": {"n": 20_000, "d": 16, "n_classes": 26},
    "100 x 2,000": {"n": 100, "d": 2000},
    "60 x 20,000": {"n": 60, "d": 20_000},
    "500 x 5,000, random labels": {"n": 500, "d": 5000, "noise": np.inf},
    "1,500 x 1,500": {"n": 1500, "d": 1500},
    "3,000 x 3,000": {"n": 3000, "d": 3000},
}.items():
    shape(_name, **_options)(_table)

shape("3,000 x 20, weights", weighted=True, n=3000, d=20)(_table)
shape("500 x 40, weights", weighted=True, n=500, d=40, kind="correlated")(_table)


@shape("make_classification, 300 x 5", n=300, d=5)
@shape("make_classification, 5,000 x 50", n=5000, d=50)
def _sklearn(rng: Generator, n: int, d: int) -> Made:
    return make_classification(n, d, random_state=int(rng.integers(1000)))


@shape("iris", load=load_iris)
@shape("wine, raw", load=load_wine)
@shape("breast cancer, raw", load=load_breast_cancer)
@shape("digits", load=load_digits)
@shape("breast cancer, scaled", load=load_breast_cancer, scaled=True)
def _known(rng: Generator, load: Callable[..., Made], scaled: bool = False) -> Made:
    X, y = load(return_X_y=True)
    return (scale(X) if scaled else X), y


# --- signals and features made of others ---------------------------------------------


def smooth(n: int, d: int, rng: Generator, width: float) -> np.ndarray:
    """Return rows that are random functions, smooth over so many columns."""
    reach = np.arange(-3 * int(width), 3 * int(width) + 1)
    window = np.exp(-0.5 * (reach / width) ** 2)
    noise = rng.standard_normal((n, d + len(reach) - 1))
    steps = np.fft.rfft(noise, axis=1) * np.fft.rfft(window, noise.shape[1])
    return np.fft.irfft(steps, noise.shape[1], axis=1)[:, len(reach) - 1 :]


@shape("pixels, raw, 2,500 x 2,200", n=2500, d=2200)
@shape("pixels, raw, 1,000 x 3,072, 10 classes", n=1000, d=3072, n_classes=10)
@shape("pixels, 0 to 1, 4,000 x 784, 10 classes", n=4000, d=784, n_classes=10, top=1.0)
def _pixels(
    rng: Generator, n: int, d: int, n_classes: int = 2, top: float = 255.0
) -> Made:
    field = smooth(n, d, rng, 8.0) + 0.5 * smooth(n, d, rng, 2.0)
    y = classes(field, n_classes, rng, noise=0.5)
    levels = np.clip(128.0 + 60.0 * field / field.std(), 0.0, 255.0).astype(np.uint8)
    return levels * (top / 255.0), y


@shape("spectra, 200 x 1,500", n=200, d=1500)
@shape("spectra, 2,000 x 500, 4 classes", n=2000, d=500, n_classes=4)
def _spectra(rng: Generator, n: int, d: int, n_classes: int = 2) -> Made:
    curves = smooth(n, d, rng, 20.0)
    y = classes(curves, n_classes, rng, noise=0.3)
    return 5.0 + np.cumsum(np.abs(curves), axis=1) / d + 0.3 * curves, y


@shape("genotypes, 300 x 4,000", n=300, d=4000)
@shape("genotypes, 1,500 x 10,000", n=1500, d=10_000)
def _genotypes(rng: Generator, n: int, d: int) -> Made:
    X = rng.binomial(2, rng.uniform(0.05, 0.5, d), (n, d)).astype(float)
    w = rng.standard_normal(d) * (rng.random(d) < 0.02)
    return X, labels(X @ w, rng, noise=1.0)


@shape("polynomials of degree 2, 2,000 x 231")
def _polynomials(rng: Generator) -> Made:
    X = rng.standard_normal((2000, 20))
    y = labels((X**2) @ rng.standard_normal(20), rng, noise=0.5)
    return PolynomialFeatures(2).fit_transform(X), y


@shape("polynomials of degree 3 of raw wine")
def _wine(rng: Generator) -> Made:
    X, y = load_wine(return_X_y=True)
    return PolynomialFeatures(3).fit_transform(X), y


@shape("splines, 3,000 x 80")
def _splines(rng: Generator) -> Made:
    X = rng.standard_normal((3000, 10))
    y = labels(np.sin(2.0 * X) @ rng.standard_normal(10), rng, noise=0.5)
    return SplineTransformer(6).fit_transform(X), y


@shape("Nystroem, 3,000 x 300", sampler=Nystroem, count=300)
@shape("RBFSampler, 5,000 x 500", sampler=RBFSampler, n=5000, count=500)
@shape("RBFSampler, 1,000 x 2,000", sampler=RBFSampler, n=1000, count=2000)
def _kernels(rng: Generator, sampler: Any, count: int, n: int = 3000) -> Made:
    X = rng.standard_normal((n, 8))
    y = labels(np.sin(X).prod(axis=1) + 0.5 * X[:, 0], rng, noise=0.3)
    features = sampler(gamma=0.1, n_components=count, random_state=0)
    return features.fit_transform(X), y


@shape("random rectified features, 3,000 x 1,000")
def _rectified(rng: Generator) -> Made:
    X = rng.standard_normal((3000, 20))
    y = labels(np.abs(X[:, 0]) - X[:, 1] * X[:, 2], rng, noise=0.3)
    return np.maximum(X @ rng.standard_normal((20, 1000)), 0.0), y


def chosen(names: list[str] | None) -> Iterator[Shape]:
    """Yield the shapes whose name has one of some words in it, or all."""
    for one in SHAPES:
        if names is None or any(name in one.name for name in names):
            yield one

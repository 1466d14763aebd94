"""Shapes of data that were slow once: how much arithmetic a fit of each may take.

Counted, as ``choice.py`` counts it, so that a test says the same on every machine. Each
limit is about half as much again as was measured when it was set.
"""

import numpy as np
import pytest
from samples import text, word_counts
from sklearn.datasets import load_digits, load_iris, load_wine, make_classification
from sklearn.feature_selection import RFECV
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale

from hingesvm import HingeSVC, HingeSVCCV, solvers

Generator = np.random.default_rng


def labels(scores, rng, noise=0.3):
    """Which half of the scores, disturbed, each is in."""
    scores = scores + noise * scores.std() * rng.standard_normal(len(scores))
    return (scores > np.median(scores)).astype(int)


def counts(n, d, words, *, log=False, chance=False):
    """Counts of words, and labels that they tell in part."""
    rng = Generator(0)
    X = word_counts(rng, n, d, words, log=log)
    if chance:
        return X, rng.integers(2, size=n)
    return X, labels(X @ rng.standard_normal(d), rng)


def pixels(n, d, n_classes):
    """Levels of grey from 0 to 255, alike in neighbours."""
    rng = Generator(1)
    field = np.cumsum(rng.standard_normal((n, d + 20)), axis=1)
    field = field[:, 20:] - field[:, :-20]
    scores = field @ rng.standard_normal((d, n_classes))
    scores += 0.5 * scores.std() * rng.standard_normal(scores.shape)
    levels = np.clip(128.0 + 60.0 * field / field.std(), 0.0, 255.0).astype(np.uint8)
    return levels, scores.argmax(axis=1)


def generated(n, d, n_classes=2):
    more = {"n_informative": min(d, 15), "n_redundant": 0} if n_classes > 2 else {}
    return make_classification(
        n, d, n_classes=n_classes, n_clusters_per_class=1, random_state=0, **more
    )


def genotypes(n, d):
    rng = Generator(2)
    X = rng.binomial(2, rng.uniform(0.05, 0.5, d), (n, d)).astype(float)
    return X, labels(X @ rng.standard_normal(d), rng, noise=1.0)


def expression(n, d):
    """A few rows of many columns, which separate them."""
    rng = Generator(3)
    y = np.arange(n) % 2
    return (rng.standard_normal((n, d)) + 0.1 * y[:, None]).astype(np.float32), y


def scaled(load):
    X, y = load(return_X_y=True)
    return scale(X), y


SEARCH = GridSearchCV(HingeSVC(), {"C": [0.01, 1.0, 100.0]}, cv=3)

# What is fitted, on what, and the work in units of a million.
CASES = {
    "log counts, 800 x 5000": (
        HingeSVC(),
        lambda: counts(800, 5000, 850, log=True),
        95,
    ),
    "raw counts, 400 x 20,000": (HingeSVC(), lambda: counts(400, 20_000, 2500), 310),
    "raw counts, 1200 x 15,000": (HingeSVC(), lambda: counts(1200, 15_000, 600), 970),
    "raw counts, random labels": (
        HingeSVC(),
        lambda: counts(300, 30_000, 3000, chance=True),
        220,
    ),
    "raw pixels, 2500 x 2200": (HingeSVC(), lambda: pixels(2500, 2200, 2), 4400),
    "raw pixels, 10 classes": (HingeSVC(), lambda: pixels(1000, 3072, 10), 2900),
    "40 classes, 400 x 300": (HingeSVC(), lambda: generated(400, 300, 40), 190),
    "5 classes, 1500 x 20": (HingeSVC(), lambda: generated(1500, 20, 5), 58),
    "3 classes, 150 x 4": (HingeSVC(), lambda: generated(150, 4, 3), 1),
    "150 x 4": (HingeSVC(), lambda: generated(150, 4), 1),
    "1000 x 20": (HingeSVC(), lambda: generated(1000, 20), 8),
    "RFECV, 200 x 30": (RFECV(HingeSVC()), lambda: generated(200, 30), 170),
    "GridSearchCV, wine": (SEARCH, lambda: scaled(load_wine), 8),
    "HingeSVCCV, iris": (HingeSVCCV(), lambda: scaled(load_iris), 4),
    "HingeSVCCV, wine": (HingeSVCCV(), lambda: scaled(load_wine), 21),
    "HingeSVCCV, digits": (HingeSVCCV(), lambda: scaled(load_digits), 14000),
    "genotypes, 300 x 4000": (HingeSVC(), lambda: genotypes(300, 4000), 190),
    "short texts": (HingeSVC(fit_intercept=False), lambda: text(5574, 8713), 6),
    "38 x 7129": (HingeSVC(), lambda: expression(38, 7129), 9),
    "62 x 2000": (HingeSVC(), lambda: expression(62, 2000), 5),
}


@pytest.mark.parametrize("name", CASES)
def test_the_work_of_a_fit(monkeypatch, name):
    model, make, most = CASES[name]
    fits, real = [], solvers.Progress

    def recorded(*args, **options):
        fits.append(real(*args, **options))
        return fits[-1]

    monkeypatch.setattr(solvers, "Progress", recorded)
    model.fit(*make())
    assert fits
    assert all(fit.converged for fit in fits)
    work = 1e-6 * sum(fit.work for fit in fits)
    assert work <= most

"""Where rows and labels come from: a folder, scikit-learn, or a generator."""

import importlib.util
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

#: An ndarray or a CSR matrix.
Matrix = Any
Table = tuple[Matrix, np.ndarray]

# Rows generated at a time, so that no float64 copy of a table is ever held.
CHUNK = 100_000
# Seconds that a fetcher may wait for a server.
PATIENCE = 30.0
# The word of rank r is as frequent as r to the power of minus this.
ZIPF_EXPONENT = 1.1


def given_folder() -> Path | None:
    """Return the folder that HINGESVM_DATA names, if it does."""
    folder = os.environ.get("HINGESVM_DATA")
    return Path(folder).resolve() if folder else None


def from_folder(folder: Path, name: str) -> Table:
    """Load a data set with the folder's own load.py."""
    spec = importlib.util.spec_from_file_location("given_load", folder / "load.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"no load.py in {folder}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    X, labels = module.load(name)
    return X, labels


def covtype() -> Table:
    """Fetch Covertype."""
    from sklearn.datasets import fetch_covtype

    return fetch_covtype(return_X_y=True)


def breast_cancer() -> Table:
    """Load the table that comes with scikit-learn."""
    from sklearn.datasets import load_breast_cancer

    return load_breast_cancer(return_X_y=True)


def newsgroups() -> Table:
    """Fetch 20 Newsgroups and count words as tf-idf."""
    from sklearn.datasets import fetch_20newsgroups
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = fetch_20newsgroups(subset="all")
    words = TfidfVectorizer(sublinear_tf=True, dtype=np.float32)
    return words.fit_transform(texts.data), texts.target


def rcv1() -> Table:
    """Fetch the training part of RCV1, topic CCAT against the rest."""
    from sklearn.datasets import fetch_rcv1

    texts = fetch_rcv1(subset="train")
    topic = list(texts.target_names).index("CCAT")
    return texts.data, texts.target[:, [topic]].toarray().ravel()


def openml(name: str) -> Callable[[], Table]:
    """Return a fetcher of an OpenML data set."""

    def fetch() -> Table:
        from sklearn.datasets import fetch_openml

        X, labels = fetch_openml(
            name, version=1, return_X_y=True, as_frame=False, parser="liac-arff"
        )
        try:
            return X, labels.astype(np.float64)
        except ValueError:
            return X, np.unique(labels, return_inverse=True)[1]

    return fetch


def stand_in(n: int, d: int, per_row: int) -> Table:
    """Generate a table of a given shape, sparse text if `per_row` is positive."""
    return text(n, d, per_row) if per_row else overlap(n, d)


def overlap(n: int, d: int, seed: int = 0) -> Table:
    """Generate two overlapping classes of normal rows, labels 0 and 1."""
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal(d, dtype=np.float32)
    direction /= np.linalg.norm(direction)
    X = np.empty((n, d), dtype=np.float32)
    labels = np.empty(n, dtype=np.int64)
    for first in range(0, n, CHUNK):
        rows = X[first : first + CHUNK]
        rng.standard_normal(out=rows, dtype=np.float32)
        noise = rng.standard_normal(len(rows), dtype=np.float32)
        labels[first : first + CHUNK] = rows @ direction + 0.5 * noise > 0.0
    return X, labels


def text(n: int, d: int, per_row: int, seed: int = 0) -> Table:
    """Generate rows of length 1 with few words each, words as frequent as in texts."""
    rng = np.random.default_rng(seed)
    share = 1.0 / np.arange(1, d + 1) ** ZIPF_EXPONENT
    columns = rng.choice(d, size=n * per_row, p=share / share.sum())
    values = rng.random(n * per_row, dtype=np.float32) - np.log(share[columns])
    starts = np.arange(0, n * per_row + 1, per_row)
    X = sp.csr_matrix((values.astype(np.float32), columns, starts), shape=(n, d))
    X.sum_duplicates()
    lengths = np.sqrt(X.multiply(X).sum(axis=1)).A1
    X.data /= np.repeat(lengths, np.diff(X.indptr)).astype(np.float32)
    scores = X @ rng.standard_normal(d) + 0.3 * rng.standard_normal(n)
    return X, (scores > 0.0).astype(np.int64)


def overlap_shape(name: str) -> tuple[int, int] | None:
    """Return (n, d) if a problem's name is like overlap_1000x50."""
    match = re.fullmatch(r"overlap_(\d+)x(\d+)", name)
    return (int(match[1]), int(match[2])) if match else None


def try_fetch(fetch: Callable[[], Table]) -> Table | str:
    """Return what a fetcher returns, or why it cannot."""
    import socket

    before: Any = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        return fetch()
    except Exception as error:  # servers fail in many ways, all of them expected
        return f"{type(error).__name__}"
    finally:
        socket.setdefaulttimeout(before)

"""The problems of the race by name: X in float32, dense or CSR, and y of -1 and +1."""

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import sources
from sources import Matrix

Mask = Callable[[np.ndarray], np.ndarray]

CSR_PARTS = ("data", "indices", "indptr")


@dataclass(frozen=True)
class Dataset:
    """Rows, signs, and the name of their source."""

    name: str
    X: Matrix
    y: np.ndarray
    source: str


@dataclass(frozen=True)
class Recipe:
    """How a problem is made from a source.

    `stored` is the name in the folder HINGESVM_DATA, `shape` the rows, columns and
    (sparse only) entries a row of a generated stand-in.
    """

    stored: str | None
    fetch: Callable[[], sources.Table] | None
    shape: tuple[int, int, int]
    positive: Mask = lambda labels: labels == labels.max()
    prepare: Callable[[Matrix], Matrix] = lambda X: X


def standardise(X: Matrix) -> Matrix:
    """Centre the columns and divide by their standard deviation."""
    values = np.asarray(X, dtype=np.float64)
    spread = values.std(axis=0)
    spread[spread == 0.0] = 1.0
    return (values - values.mean(axis=0)) / spread


PROBLEMS = {
    "covtype": Recipe(
        "covtype",
        sources.covtype,
        (581_012, 54, 0),
        positive=lambda labels: labels == 2,
        prepare=standardise,
    ),
    "covtype_raw": Recipe(
        "covtype",
        sources.covtype,
        (581_012, 54, 0),
        positive=lambda labels: labels == 2,
    ),
    "skin_raw": Recipe(
        "skin_nonskin", sources.openml("skin-segmentation"), (245_057, 3, 0)
    ),
    "breast_cancer_raw": Recipe(None, sources.breast_cancer, (569, 30, 0)),
    "ijcnn1": Recipe("ijcnn1", sources.openml("ijcnn"), (49_990, 22, 0)),
    "a9a": Recipe("a9a", sources.openml("a9a"), (32_561, 123, 14)),
    "w8a": Recipe("w8a", sources.openml("w8a"), (49_749, 300, 12)),
    "letter": Recipe(
        "letter",
        sources.openml("letter"),
        (20_000, 16, 0),
        positive=lambda labels: labels >= 13,
        prepare=standardise,
    ),
    "mnist": Recipe(
        "mnist",
        sources.openml("mnist_784"),
        (70_000, 784, 0),
        positive=lambda labels: labels % 2 == 0,
        prepare=lambda X: X / np.float32(255.0),
    ),
    "leukemia_train38": Recipe(
        "leukemia_train38", sources.openml("leukemia"), (38, 7_129, 0)
    ),
    "colon_scaled": Recipe(
        "colon_scaled", sources.openml("colon-cancer"), (62, 2_000, 0)
    ),
    "imdb_tfidf": Recipe("imdb_tfidf", None, (50_000, 101_895, 137)),
    "20news_tfidf": Recipe(
        "20news_tfidf",
        sources.newsgroups,
        (18_846, 173_762, 157),
        positive=lambda labels: labels >= 10,
    ),
    "reuters_earn_tfidf": Recipe(
        "reuters_earn_tfidf", sources.rcv1, (10_794, 31_029, 73)
    ),
    "sms_spam_tfidf": Recipe("sms_spam_tfidf", None, (5_574, 8_713, 13)),
}


def load(name: str) -> Dataset:
    """Return a problem by name; overlap_1000x50 and the like are generated."""
    shape = sources.overlap_shape(name)
    if shape is not None:
        X, labels = sources.overlap(*shape)
        return Dataset(name, X, _signs(labels == 1), "generated")
    folder = _cache_folder() / name
    if not (folder / "about.json").is_file():
        _store(_make(name), folder)
    return _restore(name, folder)


def source_of(name: str) -> sources.Table:
    """Return rows and all labels of a problem, as its source has them."""
    return _read(PROBLEMS[name])[0]


def _cache_folder() -> Path:
    """Return the folder of prepared problems, one for each kind of source."""
    kind = "fetched" if sources.given_folder() is None else "given"
    return Path(tempfile.gettempdir()) / "hingesvm-benchmarks" / kind


def _make(name: str) -> Dataset:
    """Read a problem from the best source there is, and prepare it."""
    recipe = PROBLEMS[name]
    (X, labels), source = _read(recipe)
    mask = labels == 1 if source.startswith("generated") else recipe.positive(labels)
    prepared = recipe.prepare(X)
    if recipe.shape[2]:
        return Dataset(
            name, sp.csr_matrix(prepared, dtype=np.float32), _signs(mask), source
        )
    dense = prepared.toarray() if sp.issparse(prepared) else prepared
    table = np.ascontiguousarray(dense, dtype=np.float32)
    return Dataset(name, table, _signs(mask), source)


def _read(recipe: Recipe) -> tuple[sources.Table, str]:
    """Return rows and labels, and the name of their source."""
    folder = sources.given_folder()
    if folder is not None and recipe.stored is not None:
        return sources.from_folder(folder, recipe.stored), "given folder"
    reason = "no public fetcher"
    if recipe.fetch is not None:
        table = sources.try_fetch(recipe.fetch)
        if not isinstance(table, str):
            return table, "scikit-learn"
        reason = table
    return sources.stand_in(*recipe.shape), f"generated, same shape ({reason})"


def _signs(mask: np.ndarray) -> np.ndarray:
    return np.where(mask, 1, -1)


def _store(dataset: Dataset, folder: Path) -> None:
    """Write a problem as .npy files: all of them or none."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent))
    np.save(partial / "y.npy", dataset.y)
    if sp.issparse(dataset.X):
        for part in CSR_PARTS:
            np.save(partial / f"{part}.npy", getattr(dataset.X, part))
    else:
        np.save(partial / "X.npy", dataset.X)
    about = {"source": dataset.source, "shape": dataset.X.shape}
    (partial / "about.json").write_text(json.dumps(about))
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _restore(name: str, folder: Path) -> Dataset:
    """Read a problem that was stored."""
    about = json.loads((folder / "about.json").read_text())
    y = np.load(folder / "y.npy")
    if (folder / "X.npy").is_file():
        return Dataset(name, np.load(folder / "X.npy"), y, about["source"])
    parts = tuple(np.load(folder / f"{part}.npy") for part in CSR_PARTS)
    X = sp.csr_matrix(parts, shape=tuple(about["shape"]))
    return Dataset(name, X, y, about["source"])

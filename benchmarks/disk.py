"""A table on disk that is larger than the memory of the process that fits it."""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from markdown import table
from peak import forget_peak, peak_memory

from hingesvm import HingeSVC

Row = dict[str, Any]

MB = 1e6


class MappedBatches:
    """Batches of a table on disk, each a memory map of its own.

    So neither the address space nor the resident memory of the process ever has more
    than one batch, whatever the system does with pages that are not needed any more.

    Parameters
    ----------
    folder : Path
        With ``X.f32``, the values row by row, ``y.i8``, and ``about.json``.
    """

    def __init__(self, folder: Path) -> None:
        about = json.loads((folder / "about.json").read_text("utf-8"))
        self._folder = folder
        self.n_samples, self.n_features = about["n"], about["d"]
        self._rows = about["batch"]
        self.n_passes = 0

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        self.n_passes += 1
        for first in range(0, self.n_samples, self._rows):
            yield self._batch(first)

    def _batch(self, first: int) -> tuple[np.ndarray, np.ndarray]:
        count, d = min(self._rows, self.n_samples - first), self.n_features
        X = np.memmap(
            self._folder / "X.f32", np.float32, "r", 4 * d * first, (count, d)
        )
        y = np.memmap(self._folder / "y.i8", np.int8, "r", first, (count,))
        return X, y


def generate(folder: Path, n: int, d: int, batch: int) -> None:
    """Write two overlapping classes of normal rows, block by block."""
    rng = np.random.default_rng(0)
    direction = rng.standard_normal(d, dtype=np.float32)
    direction /= np.linalg.norm(direction)
    with (folder / "X.f32").open("wb") as X, (folder / "y.i8").open("wb") as y:
        for first in range(0, n, batch):
            rows = rng.standard_normal((min(batch, n - first), d), dtype=np.float32)
            noise = rng.standard_normal(len(rows), dtype=np.float32)
            signs = np.where(rows @ direction + 0.5 * noise > 0.0, 1, -1)
            rows.tofile(X)
            signs.astype(np.int8).tofile(y)
    about = {"n": n, "d": d, "batch": batch}
    (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")


def measure(folder: Path, script: str, options: argparse.Namespace) -> Row:
    """Generate a table, and fit it in a process of limited address space."""
    generate(folder, options.large, options.columns, options.batch)
    arguments = ["--child", str(folder), "--tol", str(options.tol)]

    def limit() -> None:
        if options.address_space:
            size = int(options.address_space * MB)
            resource.setrlimit(resource.RLIMIT_AS, (size, size))

    child = subprocess.run(
        [sys.executable, *(["-P"] if sys.flags.safe_path else []), script, *arguments],
        stdout=subprocess.PIPE,
        preexec_fn=limit,
        text=True,
        check=False,
    )
    if child.returncode:
        raise SystemExit(f"the fit ended with the exit code {child.returncode}")
    row: Row = json.loads(child.stdout.splitlines()[-1])
    return row | {"address_space": options.address_space}


def fit(folder: Path, C: float, tol: float) -> Row:
    """Fit the table of a folder in this process, and say what it took."""
    batches = MappedBatches(folder)
    w = np.ones(batches.n_features, dtype=np.float32)
    start = time.perf_counter(), time.process_time()
    for X, _ in batches:
        X @ w
    one_pass = time.perf_counter() - start[0], time.process_time() - start[1]
    forget_peak()
    before, batches.n_passes = peak_memory(), 0
    start = time.perf_counter(), time.process_time()
    clf = HingeSVC(C=C, tol=tol, random_state=0).fit_batches(batches)
    seconds = time.perf_counter() - start[0], time.process_time() - start[1]
    return {
        "n": batches.n_samples,
        "d": batches.n_features,
        "x_mb": 4 * batches.n_samples * batches.n_features / MB,
        "before_mb": before / MB,
        "peak_mb": peak_memory() / MB,
        "passes": batches.n_passes,
        "gap": clf.dual_gap_ / clf.objective_,
        "seconds": seconds,
        "one_pass": one_pass,
    }


def report(row: Row) -> Iterator[str]:
    """Yield the lines of the report."""
    yield "## A table larger than the memory of the fit"
    yield ""
    yield "Generated on disk, fitted by a process whose address space is limited. Each"
    yield "batch is a memory map of its own. A pass for comparison reads each batch and"
    yield "multiplies it with a vector. `before` is the resident memory of the process"
    yield "with all libraries loaded, and is part of the peak."
    yield ""
    wall, processor = row["seconds"]
    pass_wall, pass_processor = row["one_pass"]
    yield from table(
        (
            *("rows", "columns", "X, MB", "limit, MB", "before, MB", "peak, MB"),
            *("passes", "gap", "seconds", "of processor", "a pass, s", "of processor"),
            *("ratio", "of processor"),
        ),
        [
            (
                *(row["n"], row["d"], f"{row['x_mb']:.0f}", row["address_space"]),
                *(f"{row['before_mb']:.0f}", f"{row['peak_mb']:.0f}"),
                *(row["passes"], row["gap"], wall, processor),
                *(pass_wall, pass_processor),
                *(wall / pass_wall, processor / pass_processor),
            )
        ],
    )

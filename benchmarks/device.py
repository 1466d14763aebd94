"""Fits of arrays on a device: arithmetic, transfers, and time where there is a GPU.

Under array API dispatch X stays where it is. What is counted is the same on every
device: multiply-adds in units of one pass over X, the bytes that come to the host and
go from there, and how often. Where torch finds a GPU, seconds of fits there stand
beside those of fits of NumPy arrays on this machine's processor, and beside the time of
one pass over X at the speed at which the device copies memory.

Needs torch. SCIPY_ARRAY_API=1 is set by the script.
"""

import os

os.environ["SCIPY_ARRAY_API"] = "1"

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import data
import machine
import numpy as np
import torch
from markdown import table
from results import FOLDER
from sklearn import config_context
from torch.utils.flop_counter import FlopCounterMode

from hingesvm import HingeSVC, _namespace
from hingesvm.rows import array_losses, arrays
from hingesvm.solvers.arrays import problem, system

Row = dict[str, Any]

# Modules that fetch arrays from a device by a name of their own.
FETCHING = (_namespace, array_losses, arrays, problem, system)
# What is fitted: rows, columns and tolerance of generated tables, or a real set.
GENERATED = {
    "400,000 x 2000": (400_000, 2000, 1e-3),
    "10,000,000 x 100": (10_000_000, 100, 1e-4),
}
#: The same with as many rows as this machine's memory and patience allow.
SMALLER = {
    "40,000 x 500": (40_000, 500, 1e-3),
    "500,000 x 100": (500_000, 100, 1e-4),
}
REAL = {"mnist, even against odd": ("mnist", 1e-4), "covtype": ("covtype", 1e-4)}
RUNS = 3


def main() -> None:
    """Count, time if there is a GPU, and write results/device.md."""
    options = parse()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generated = GENERATED if device.type == "cuda" or options.large else SMALLER
    rows = []
    for name, (key, tol) in REAL.items():
        found = data.load(key)
        X = np.ascontiguousarray(found.X, dtype=np.float32)
        rows.append(measured(name, X, found.y, tol, device))
    for name, (n, d, tol) in generated.items():
        rows.append(measured(name, *made(n, d), tol, device))
    found = {"machine": machine.describe(), "device": named(device), "fits": rows}
    options.output.mkdir(parents=True, exist_ok=True)
    kept = options.output / "device.json"
    kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = "\n".join(report(found))
    (options.output / "device.md").write_text(text + "\n", encoding="utf-8")
    print(text)


def made(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a generated table of two classes that overlap."""
    random = np.random.default_rng(0)
    X = random.standard_normal((n, d), dtype=np.float32)
    w = random.standard_normal(d).astype(np.float32) / np.sqrt(d)
    return X, (X @ w + 0.5 * random.standard_normal(n) > 0.0).astype(int)


@contextmanager
def transfers() -> Iterator[Row]:
    """Count what is fetched from the device, and what is sent there."""
    count = {"fetched": 0, "fetched_bytes": 0, "sent": 0, "sent_bytes": 0, "largest": 0}
    fetch, send = _namespace.to_host, _namespace.Namespace.asarray

    def to_host(array: Any) -> Any:
        host = fetch(array)
        if not isinstance(array, np.ndarray):
            count["fetched"] += 1
            count["fetched_bytes"] += host.nbytes
            count["largest"] = max(count["largest"], host.nbytes)
        return host

    def asarray(space: Any, values: Any, dtype: Any = None) -> Any:
        if isinstance(values, np.ndarray):
            count["sent"] += 1
            count["sent_bytes"] += values.nbytes
        return send(space, values, dtype)

    for module in FETCHING:
        module.to_host = to_host
    _namespace.Namespace.asarray = asarray
    try:
        yield count
    finally:
        for module in FETCHING:
            module.to_host = fetch
        _namespace.Namespace.asarray = send


def measured(
    name: str, X: np.ndarray, y: np.ndarray, tol: float, device: torch.device
) -> Row:
    """Return what fits of one table take."""
    there = torch.asarray(X, device=device), torch.asarray(y.astype(int), device=device)
    model = HingeSVC(tol=tol)
    counter = FlopCounterMode(display=False)
    with config_context(array_api_dispatch=True), transfers() as count, counter:
        model.fit(*there)
    row: Row = {"name": name, "rows": X.shape[0], "columns": X.shape[1], "tol": tol}
    row |= {
        "gap": model.dual_gap_ / model.objective_,
        "iterations": model.n_iter_,
        "looks": len(model.history_[0]) - 1,
        "passes": counter.get_total_flops() / (2.0 * X.size),
        **count,
    }
    if device.type == "cuda":
        row |= timed(X, y, there, tol)
    return row


def timed(X: np.ndarray, y: np.ndarray, there: tuple[Any, Any], tol: float) -> Row:
    """Return medians of seconds on the device, on the host, and of one pass."""
    on_device, on_host = [], []
    for _ in range(RUNS):
        with config_context(array_api_dispatch=True):
            torch.cuda.synchronize()
            start = time.perf_counter()
            HingeSVC(tol=tol).fit(*there)
            torch.cuda.synchronize()
            on_device.append(time.perf_counter() - start)
    start = time.perf_counter()
    HingeSVC(tol=tol, n_jobs=2).fit(X, y)
    on_host.append(time.perf_counter() - start)
    copied, start = there[0].clone(), time.perf_counter()
    copied.copy_(there[0])
    torch.cuda.synchronize()
    # A copy reads and writes.
    floor = 0.5 * (time.perf_counter() - start)
    return {
        "device_seconds": float(np.median(on_device)),
        "host_seconds": float(np.median(on_host)),
        "pass_seconds": floor,
    }


def named(device: torch.device) -> str:
    """Return the name of a device, or that there is none but the processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU"


def report(found: Row) -> Iterator[str]:
    """Yield the lines of the report."""
    yield "# Arrays on a device"
    yield ""
    yield from found["machine"].splitlines()
    yield f"- {found['device']}, torch {torch.__version__}"
    yield ""
    yield (
        "`HingeSVC` of float32 tensors under array API dispatch, C = 1. Multiply-adds "
        "are those of all products of matrices, in units of one pass over X (a product "
        "with one vector). Looks are those at all rows, each with a certificate. "
        "Bytes to the host are vectors of a number a column, numbers, and the "
        "coefficients; bytes to the device the same and, once for each sample, the "
        "numbers of its rows."
    )
    yield ""
    yield from table(
        (
            "table",
            "tol",
            "gap",
            "steps",
            "looks",
            "multiply-adds, passes",
            "transfers to the host",
            "bytes",
            "largest",
            "to the device",
            "bytes",
        ),
        (
            (
                row["name"],
                row["tol"],
                row["gap"],
                row["iterations"],
                row["looks"],
                row["passes"],
                row["fetched"],
                row["fetched_bytes"],
                row["largest"],
                row["sent"],
                row["sent_bytes"],
            )
            for row in found["fits"]
        ),
    )
    if "device_seconds" in found["fits"][0]:
        yield from table(
            ("table", "device, s", "processor, 2 threads, s", "one pass, s"),
            (
                (
                    row["name"],
                    row["device_seconds"],
                    row["host_seconds"],
                    row["pass_seconds"],
                )
                for row in found["fits"]
            ),
        )
    else:
        yield "No GPU was at hand, so no time on one is given."
        yield ""


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=FOLDER)
    parser.add_argument(
        "--large", action="store_true", help="the tables of a GPU, also without one"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""Peak memory of a fit above X itself, on a dense float32 array of 2 GB by default."""

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import machine
from markdown import table
from peers import OURS, SOLVERS, Task
from results import FOLDER, Store
from runner import Worker

BYTES = 4


@dataclass(frozen=True)
class Fit:
    """One fit: the size of X, and the peak of the process above it, in megabytes."""

    n: int
    d: int
    solver: str
    threads: int
    C: float
    tol: float
    x_mb: float
    extra_mb: float
    seconds: float
    note: str


def main() -> None:
    """Measure each shape and solver, and write results/memory.*."""
    options = parse()
    store = Store(
        options.output / "memory.csv",
        Fit,
        ("n", "d", "solver", "threads", "C", "tol"),
    )
    for n, d in options.shapes:
        for name in options.solvers:
            store.put(measure(n, d, name, options))
    text = "\n".join(report(store))
    (options.output / "memory.md").write_text(text + "\n", encoding="utf-8")
    print(text)


def measure(n: int, d: int, name: str, options: argparse.Namespace) -> Fit:
    """Fit once, in a process that holds X already."""
    task = Task(options.C, options.rule, options.tol, 10_000, options.threads)
    with Worker(f"overlap_{n}x{d}", name, options.threads) as worker:
        reply = worker.fit(task, options.limit)
    timed_out = "timed out" if reply.get("timed_out") else ""
    return Fit(
        *(n, d, name, options.threads, options.C, options.tol),
        x_mb=n * d * BYTES / 1e6,
        extra_mb=reply.get("extra_mb", math.nan),
        seconds=reply.get("seconds", options.limit),
        note=reply.get("error", timed_out or reply.get("note", "")),
    )


def report(fits: Store[Fit]) -> Iterator[str]:
    """Yield the lines of the report."""
    yield from ("# Memory", "", machine.describe(), "")
    yield "Peak resident memory during a fit, less that before it, with X in place."
    yield ""
    yield from table(
        (
            *("rows", "columns", "solver", "threads", "C", "tol"),
            *("X, MB", "above it, MB", "of X", "seconds", "note"),
        ),
        (
            (
                *(f.n, f.d, f.solver, f.threads, f.C, f.tol, f.x_mb, f.extra_mb),
                *(f"{100.0 * f.extra_mb / f.x_mb:.1f} %", f.seconds, f.note),
            )
            for f in fits
        ),
    )


def shape(text: str) -> tuple[int, int]:
    """Read a shape such as 1000x50."""
    n, d = text.split("x")
    return int(n), int(d)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    default = [(1_000_000, 500), (10_000_000, 50)]
    add("--shapes", nargs="+", type=shape, default=default, metavar="ROWSxCOLUMNS")
    add("--solvers", nargs="+", choices=list(SOLVERS), default=[OURS])
    add("--C", type=float, default=0.01)
    add("--rule", choices=["penalized", "free", "none"], default="penalized")
    add("--tol", type=float, default=1e-4)
    add("--threads", type=int, default=1)
    add("--limit", type=float, default=600.0, help="seconds a fit may take")
    add("--output", type=Path, default=FOLDER)
    return parser.parse_args()


if __name__ == "__main__":
    main()

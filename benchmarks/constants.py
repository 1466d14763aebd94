"""How much work fits take with each tuned constant halved, and with it doubled.

The constants are the module-level numbers whose comment names a section of
docs/experiments.md (`tuned.py`). Each is set to half and to twice its value wherever it
is imported, and some 40 small fits are made again. Work is counted as `Progress` counts
it, in arithmetic and never in seconds, so that the table is the same on a busy machine.
Of joint problems, which count none, it is iterations; so it is for prices, in whose
units work itself is counted. `--all` takes facts and bounds too, `--keep FILE` goes on
where an earlier run ended.
"""

import argparse
import json
import math
import multiprocessing
import sys
import types
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from counted import Case, Fit, cases, fitted
from markdown import table
from threads import keep_to_one_thread
from tuned import Number, numbers

import hingesvm

RESULTS = Path(__file__).resolve().parent / "results"
PACKAGE = Path(hingesvm.__path__[-1])
# Seconds after which all fits at one value are given up.
LIMIT = 120.0
# Constants in whose units work is counted, so that work says nothing of them.
PRICES = {
    "solvers/progress.py": {"CALL_WORK"},
    "solvers/newton/narrow.py": {"_SPEEDUP", "_TYPICALLY_FREE"},
    "solvers/newton/system.py": {
        "_CONJUGATE_GRADIENTS",
        "_COPIES",
        "_LARGE_SPEEDUP",
    },
    "solvers/sweeping/steps.py": {"_DENSE_WORK", "_ROW_WORK"},
    "solvers/sweeping/until.py": {"LOOK"},
    "rows/divided.py": {"DENSE_SPEEDUP", "WORK_OF_STEP", "_CROWDING"},
}


class Change(NamedTuple):
    """Fits at another value of a constant, over those at its own, fit by fit.

    Attributes
    ----------
    ratios : list of float
        Of work, or of iterations.
    missed : int
        Problems that end above `tol`, less those that did before.
    """

    ratios: list[float]
    missed: int

    def __str__(self) -> str:
        logs = np.log(self.ratios)
        mean, least, most = map(math.exp, (logs.mean(), logs.min(), logs.max()))
        missed = f"; {self.missed:+d} above tol" if self.missed else ""
        return f"{mean:.3f} ({least:.2f} to {most:.2f}){missed}"


Row = tuple[Number, Change | None, Change | None]


def main() -> None:
    """Measure each constant; of all of them, write the report."""
    options = parse()
    found = [one for one in numbers(PACKAGE) if options.all or one.section]
    if options.names:
        found = [one for one in found if one.name in options.names]
    known: dict[str, list[Any] | None] = {}
    if options.keep and options.keep.exists():
        known = json.loads(options.keep.read_text())
    every = list(cases())
    usual = in_process(partial(fitted, every))
    assert usual is not None
    rows: list[Row] = []
    for one in found:
        changes: list[Change | None] = []
        for factor in (0.5, 2.0):
            key = f"{one.file} {one.name} {one.source} {factor}"
            if key not in known:
                known[key] = in_process(partial(fitted_at, every, one, factor))
                if options.keep:
                    options.keep.write_text(json.dumps(known))
            changes.append(compared(one, usual, known[key]))
        rows.append((one, changes[0], changes[1]))
        print(one.file, one.name, *map(told, changes), sep=", ", flush=True)
    if not options.names and not options.all:
        text = "\n".join(report(rows, len(every)))
        (RESULTS / "constants.md").write_text(text, encoding="utf-8")


def report(rows: list[Row], n_fits: int) -> Iterator[str]:
    """Yield the lines of the report."""
    yield from (
        "# Constants at half and at twice their value",
        "",
        f"Work of {n_fits} fits over that at the constant's own value: the geometric",
        "mean, and the least and the largest of any fit. Of prices and joint problems",
        "it is iterations. Written by `benchmarks/constants.py`.",
        "",
    )
    moving = [row for row in rows if not all(map(is_still, row[1:]))]
    header = ("module", "constant", "value", "section", "halved", "doubled")
    yield from table(
        header,
        (
            (one.file, f"`{one.name}`", one.source, one.section, *map(told, changes))
            for one, *changes in moving
        ),
    )
    yield from (
        "No fit changed its work by 1 % at either value of the others. They matter to",
        "problems that are not among these, or to memory, interrupts and the time of a",
        "unit of work, which are not counted here:",
        "",
    )
    for file, some in groupby(
        (one for one, *changes in rows if all(map(is_still, changes))),
        key=lambda one: one.file,
    ):
        names = ", ".join(f"`{one.name}`" for one in some)
        yield f"- {file}: {names}"
    yield ""


def told(change: Change | None) -> str:
    """Return a change in words."""
    return "failed" if change is None else str(change)


def is_still(change: Change | None) -> bool:
    """Whether no fit changed its work by 1 %, and all met what they met before."""
    if change is None or change.missed:
        return False
    return all(abs(ratio - 1.0) < 0.01 for ratio in change.ratios)


def fitted_at(every: list[Case], one: Number, factor: float) -> list[Fit]:
    """Return all fits with a constant times a factor."""
    change(one, factor)
    return fitted(every)


def change(one: Number, factor: float) -> None:
    """Set a constant times a factor wherever it is known."""
    module = sys.modules[one.module]
    value = getattr(module, one.name)
    new = scaled(value, factor)
    setattr(module, one.name, new)
    for name, other in list(sys.modules.items()):
        # Names that begin with _ are not imported.
        is_user = name.startswith("hingesvm") and not one.name.startswith("_")
        if is_user and vars(other).get(one.name) is value:
            setattr(other, one.name, new)
    # Those of dataclasses and functions were bound as the module was made.
    for known in vars(module).values():
        function = vars(known).get("__init__") if isinstance(known, type) else known
        if isinstance(function, types.FunctionType) and function.__defaults__:
            function.__defaults__ = tuple(
                new if default is value else default
                for default in function.__defaults__
            )


def scaled(value: Any, factor: float) -> Any:
    """Return a value times a factor, of the same type; integers are 1 at least."""
    if isinstance(value, tuple):
        return tuple(scaled(one, factor) for one in value)
    return max(round(value * factor), 1) if isinstance(value, int) else value * factor


def in_process(work: Callable[[], list[Fit]]) -> list[Fit] | None:
    """Return what a function returns in a forked process; None if it fails."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=lambda: theirs.send(work()))
    process.start()
    theirs.close()
    try:
        fits = ours.recv() if ours.poll(LIMIT) else None
    except EOFError:
        fits = None
    process.kill()
    process.join()
    ours.close()
    return fits


def compared(one: Number, usual: list[Fit], fits: list[Any] | None) -> Change | None:
    """Return fits at another value over those at the usual one."""
    if fits is None:
        return None
    place = 1 if one.name in PRICES.get(one.file, ()) else 0
    pairs = zip(fits, usual, strict=True)
    ratios = [max(new[place], 1.0) / max(old[place], 1.0) for new, old in pairs]
    missed = sum(fit[2] for fit in fits) - sum(old.missed for old in usual)
    return Change(ratios, missed)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="constants; all by default")
    parser.add_argument("--all", action="store_true", help="facts and bounds too")
    parser.add_argument("--keep", type=Path, help="JSON file of what is measured")
    return parser.parse_args()


if __name__ == "__main__":
    keep_to_one_thread()
    main()

"""The report of the race of sparse weights, and questions to its rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Any

import machine
import numpy as np
from markdown import table
from peers import OURS
from results import Store
from sparse_solvers import PARTS, Part

# The solver of the best known solution.
REFERENCE = "reference"


@dataclass(frozen=True)
class Row:
    """One fit; `lower` is a bound of the minimum, of the reference only."""

    part: str
    problem: str
    C: float
    solver: str
    setting: str
    seconds: float
    runs: int
    objective: float
    support: int
    lower: float

    @property
    def case(self) -> tuple[str, str, float]:
        """What was to be solved."""
        return self.part, self.problem, self.C


def best_of(rows: Store[Row], case: tuple[str, str, float]) -> float:
    """Return the least objective of all fits of a case."""
    values = [row.objective for row in rows if row.case == case]
    return float(np.nanmin(values))


def first_within(
    rows: Store[Row], case: tuple[str, str, float], name: str, level: float
) -> Row | None:
    """Return the first fit of a solver that reaches a level; of SGD, the shortest."""
    goal = (1.0 + level) * best_of(rows, case)
    own = (row for row in rows if row.case == case and row.solver == name)
    within = [row for row in own if row.objective <= goal]
    if name == "SGDClassifier":
        within.sort(key=lambda row: row.seconds)
    return within[0] if within else None


def report(rows: Store[Row]) -> Iterator[str]:
    """Yield the lines of the report."""
    yield from ("# Sparse weights", "", machine.describe(), "")
    yield "Seconds of processor time of one thread for a whole fit of float32 rows, to"
    yield "a relative distance from the best objective known: medians of fits in turn,"
    yield "each at the loosest of its solver's settings that gets there. Where none"
    yield "does, `never` has the nearest distance. `ratio` is the peer's time over that"
    yield "of hingesvm, where `>` and `<` have the longest fit of one that never gets"
    yield "there. `proven` is how far the best objective is above a lower bound, both"
    yield "computed by the benchmark's own code. `weights` counts those that are not 0."
    yield ""
    for name in PARTS:
        cases = list(dict.fromkeys(row.case for row in rows if row.part == name))
        if cases:
            yield from _section(rows, PARTS[name], cases)


def _section(
    rows: Store[Row], part: Part, cases: list[tuple[str, str, float]]
) -> Iterator[str]:
    """Yield the tables of one part, one for each level."""
    names = [solver.name for solver in part.solvers]
    raced = {row.solver for row in rows if row.part == cases[0][0]}
    peers = [name for name in names[1:] if name in raced]
    yield from (f"## {part.title}", "")
    for level in part.levels:
        header = ["data", "C", "weights", "proven", OURS]
        for peer in peers:
            header += [peer, "ratio"]
        lines = []
        ratios: dict[str, list[float]] = {peer: [] for peer in peers}
        for case in cases:
            mine, own = _cell(rows, case, OURS, level)
            line: list[Any] = [*case[1:], *_proven(rows, case), own]
            for peer in peers:
                seconds, cell = _cell(rows, case, peer, level)
                ratios[peer].append(seconds / mine)
                signs = ("<" if "never" in own else "", ">" if "never" in cell else "")
                line += [cell, f"{''.join(signs)}{seconds / mine:.3g}"]
            lines.append(line)
        yield from (f"To {level:g}:", "")
        yield from table(header, lines)
        for peer, found in ratios.items():
            yield f"- {peer}: slower in {_above(found)}; the least ratio is"
            yield f"  {min(found):.3g}, the geometric mean {geometric_mean(found):.3g}"
        yield ""


def _above(ratios: list[float]) -> str:
    return f"{sum(ratio > 1.0 for ratio in ratios)} of {len(ratios)}"


def _proven(rows: Store[Row], case: tuple[str, str, float]) -> tuple[int, str]:
    """Return the weights of the best fit that are not 0, and its proven distance."""
    fits = [row for row in rows if row.case == case]
    best = min(fits, key=lambda row: (np.isnan(row.objective), row.objective))
    reference = next(row for row in fits if row.solver == REFERENCE)
    return reference.support, f"{best.objective / reference.lower - 1.0:.0e}"


def _cell(
    rows: Store[Row], case: tuple[str, str, float], name: str, level: float
) -> tuple[float, str]:
    """Return seconds to a level, and as they are printed."""
    row = first_within(rows, case, name, level)
    if row is not None:
        return row.seconds, f"{row.seconds:.3g}"
    own = [row for row in rows if row.case == case and row.solver == name]
    nearest = min([row.objective for row in own if row.runs], default=np.nan)
    distance = nearest / best_of(rows, case) - 1.0
    return max(row.seconds for row in own), f"never ({distance:.0e})"

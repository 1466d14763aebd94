"""Results as CSV files of dataclass rows, and questions to the rows of a race."""

import csv
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Generic, TypeVar

from objective import suboptimality
from peers import SOLVERS

FOLDER = Path(__file__).with_name("results")

#: Relative suboptimalities to which the time is compared.
LEVELS = (1e-2, 1e-3, 1e-4, 1e-6)

T = TypeVar("T")


class Store(Generic[T]):
    """Rows of a dataclass in a CSV file, one for each value of some key fields.

    The file is rewritten at each `put`, so that an interrupt loses nothing.
    """

    def __init__(self, path: Path, kind: type[T], key: tuple[str, ...]) -> None:
        self.path, self._kind, self._key = path, kind, key
        self._rows: dict[tuple[Any, ...], T] = {}
        if path.is_file():
            with path.open(newline="") as file:
                for record in csv.DictReader(file):
                    self._keep(self._parse(record))

    def __iter__(self) -> Iterator[T]:
        return iter(self._rows.values())

    def get(self, *key: Any) -> T | None:
        """Return the row of a key, if there is one."""
        return self._rows.get(key)

    def put(self, row: T) -> None:
        """Add a row or replace that of the same key, and save."""
        self._keep(row)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        with partial.open("w", newline="") as file:
            names = [field.name for field in fields(self._kind)]
            writer = csv.DictWriter(file, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(map(_printed, self))
        partial.replace(self.path)

    def drop(self, condition: Callable[[T], bool]) -> None:
        """Remove the rows that meet a condition."""
        self._rows = {k: row for k, row in self._rows.items() if not condition(row)}

    def _keep(self, row: T) -> None:
        self._rows[tuple(getattr(row, name) for name in self._key)] = row

    def _parse(self, record: dict[str, str]) -> T:
        values = {f.name: _read(f.type, record[f.name]) for f in fields(self._kind)}
        return self._kind(**values)


def _read(kind: Any, text: str) -> Any:
    return text == "True" if kind is bool else kind(text)


def _printed(row: Any) -> dict[str, Any]:
    """Return a row's values, seconds and the like with few digits."""
    short = ("seconds", "suboptimality", "gap", "extra_mb")
    values = asdict(row)
    for name in short:
        if isinstance(values.get(name), float):
            values[name] = f"{values[name]:.4g}"
    return values


@dataclass(frozen=True)
class Row:
    """One fit of the race.

    `threads` is what the race allows, `used` what the solver was told to use. `gap`
    is the relative gap that hingesvm certifies, `limit` the time limit.
    """

    problem: str
    source: str
    C: float
    rule: str
    threads: int
    solver: str
    used: int
    tol: float
    max_iter: int
    seconds: float
    runs: int
    objective: float
    suboptimality: float
    timed_out: bool
    gap: float
    extra_mb: float
    limit: float
    note: str

    @property
    def label(self) -> str:
        """The solver, with its threads where they are more than one."""
        return self.solver if self.used == 1 else f"{self.solver} x{self.used}"

    @property
    def setting(self) -> str:
        """The solver and its tolerances, in columns."""
        return f"{self.label:16} tol {self.tol:<6g} max_iter {self.max_iter:<8}"


@dataclass(frozen=True)
class Reference:
    """Bounds of the minimum, both computed by objective.py."""

    problem: str
    C: float
    rule: str
    upper: float
    lower: float
    seconds: float


ROW_KEY = ("problem", "C", "rule", "threads", "solver", "used", "tol", "max_iter")


class RaceResults:
    """All rows of a race and the references that they are measured against."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows = Store(folder / "race.csv", Row, ROW_KEY)
        self.references = Store(
            folder / "references.csv", Reference, ("problem", "C", "rule")
        )

    def best(self, problem: str, C: float, rule: str) -> float:
        """Return the lowest objective known, NaN without a certified reference.

        Without a reference the first fit would seem perfect.
        """
        reference = self.references.get(problem, C, rule)
        if reference is None or not math.isfinite(reference.upper):
            return math.nan
        seen = [
            row.objective
            for row in self.rows
            if (row.problem, row.C, row.rule) == (problem, C, rule)
            and math.isfinite(row.objective)
        ]
        return min([reference.upper, *seen])

    def doubt(self, reference: Reference) -> float:
        """Return how far the best objective can be above the minimum, relatively."""
        best = self.best(reference.problem, reference.C, reference.rule)
        return (best - reference.lower) / best

    def distance(self, row: Row) -> float:
        """Return the relative suboptimality of a row, NaN if it has no model."""
        return suboptimality(row.objective, self.best(row.problem, row.C, row.rule))

    def entries(
        self, problem: str, C: float, rule: str, threads: int
    ) -> dict[tuple[str, int], list[Row]]:
        """Return the rows of a race by solver and threads used, loose to tight."""
        race = (problem, C, rule, threads)
        grouped: dict[tuple[str, int], list[Row]] = {}
        for row in self.rows:
            race = (row.problem, row.C, row.rule, row.threads)
            if race == (problem, C, rule, threads) and _place(row) >= 0:
                grouped.setdefault((row.solver, row.used), []).append(row)
        return {entry: sorted(rows, key=_place) for entry, rows in grouped.items()}

    def first_within(self, rows: list[Row], level: float) -> Row | None:
        """Return the loosest setting whose model is within a level of the best."""
        return next((row for row in rows if self.distance(row) <= level), None)


def _place(row: Row) -> int:
    """Return a row's place in its solver's grid, -1 if the grid has changed since."""
    grid = SOLVERS[row.solver].grid
    setting = (row.tol, row.max_iter)
    return grid.index(setting) if setting in grid else -1

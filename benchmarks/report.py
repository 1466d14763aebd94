"""Make race.md and a plot for each problem from race.csv."""

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import machine
import plots
from markdown import table
from peers import BASELINE, OURS
from results import FOLDER, LEVELS, RaceResults, Row

# References with a wider relative gap are named in the report.
CERTAIN = 1e-7

# The groups of problems over which means are taken.
GROUPS = {
    "Tables": ("ijcnn1", "a9a", "w8a", "letter", "mnist"),
    "Text": ("imdb_tfidf", "20news_tfidf", "reuters_earn_tfidf", "sms_spam_tfidf"),
}

INTRODUCTION = """\
Seconds from `(X, y)` to a model whose objective is within a level of the best one
known, relative to it. Ratios are the peer's time over that of hingesvm: above 1,
hingesvm is faster. `> 60` means that no setting of the solver was within the level, and
60 is the limit at which it was stopped (or the longest that was tried, if every setting
ended by itself); for the best peer, the lowest limit at which one of them was stopped.
The ratio is then a bound, marked by ≥, or by ≤ when it is hingesvm that did not get
there; if neither did, there is no ratio.
"""


@dataclass(frozen=True)
class Time:
    """Seconds to a level; only a lower bound if it was not reached."""

    seconds: float
    reached: bool
    label: str = ""

    def __str__(self) -> str:
        name = f" {self.label}" if self.label else ""
        return f"{'' if self.reached else '> '}{self.seconds:.3g}{name}"


@dataclass(frozen=True)
class Comparison:
    """The times of hingesvm, of the best peer and of LinearSVC to one level."""

    problem: str
    C: float
    level: float
    ours: Time | None
    best: Time | None
    baseline: Time | None


def main() -> None:
    """Write the report beside the CSV."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=FOLDER)
    results = RaceResults(parser.parse_args().output)
    text = "\n".join(report(results))
    (results.folder / "race.md").write_text(text + "\n", encoding="utf-8")
    print(text)


def report(results: RaceResults) -> Iterator[str]:
    """Yield the lines of the report."""
    yield from ("# The race", "", INTRODUCTION, machine.describe(), "")
    for rule, threads in sorted({(row.rule, row.threads) for row in results.rows}):
        yield from (f"## Intercept {rule}, threads: {threads}", "")
        compared = list(comparisons(results, rule, threads))
        for title, names in GROUPS.items():
            of_group = [c for c in compared if c.problem in names]
            if of_group:
                yield from (f"### {title}: {', '.join(names)}", "")
                yield from summary(of_group)
        yield from ("### Each", "")
        yield from details(compared)
        yield from pictures(results, rule, threads)
    yield from doubts(results)
    yield from origins(results)


def comparisons(results: RaceResults, rule: str, threads: int) -> Iterator[Comparison]:
    """Yield the comparison for each problem, C and level."""
    heats = dict.fromkeys(
        (row.problem, row.C)
        for row in results.rows
        if (row.rule, row.threads) == (rule, threads)
    )
    for problem, C in heats:
        entries = results.entries(problem, C, rule, threads)
        rivals = {entry: rows for entry, rows in entries.items() if entry[0] != OURS}
        ours = entries.get((OURS, threads))
        if ours is None or math.isnan(results.best(problem, C, rule)):
            continue
        for level in LEVELS:
            yield Comparison(
                problem,
                C,
                level,
                time_to(results, [ours], level),
                time_to(results, list(rivals.values()), level, named=True),
                time_to(results, [rivals.get((BASELINE, 1), [])], level),
            )


def time_to(
    results: RaceResults, walks: list[list[Row]], level: float, named: bool = False
) -> Time | None:
    """Return the shortest time in which one of some solvers is within a level."""
    reached = [row for rows in walks if (row := results.first_within(rows, level))]
    if reached:
        first = min(reached, key=lambda row: row.seconds)
        return Time(first.seconds, True, first.label if named else "")
    tried = [row for rows in walks for row in rows if row.seconds >= 0.0]
    # A solver that ended by itself would not have got there later either.
    stopped = [row.seconds for row in tried if row.timed_out]
    if stopped:
        return Time(min(stopped), False)
    return Time(max(row.seconds for row in tried), False) if tried else None


def ratio(peer: Time | None, ours: Time | None) -> str:
    """Return a ratio as text, with a sign if it is a bound."""
    if peer is None or ours is None or not (peer.reached or ours.reached):
        return "-"
    sign = "" if peer.reached and ours.reached else ("≤ " if peer.reached else "≥ ")
    return f"{sign}{peer.seconds / ours.seconds:.2f}"


def details(compared: list[Comparison]) -> Iterator[str]:
    """Yield the table of all times."""
    return table(
        (
            *("problem", "C", "within", OURS, "best peer", BASELINE),
            *("best peer / ours", f"{BASELINE} / ours"),
        ),
        (
            (
                *(c.problem, c.C, c.level, c.ours, c.best, c.baseline),
                *(ratio(c.best, c.ours), ratio(c.baseline, c.ours)),
            )
            for c in compared
        ),
    )


def summary(compared: list[Comparison]) -> Iterator[str]:
    """Yield the table of geometric means."""
    against = {
        "best peer": [(c.level, c.best, c.ours) for c in compared],
        BASELINE: [(c.level, c.baseline, c.ours) for c in compared],
    }
    yield "Geometric means of the ratios, bounds taken as they stand:"
    yield ""
    yield from table(
        ("within", "against", "mean ratio", "ratios", "above 1", "≥", "≤", "no ratio"),
        (
            (level, name, *means([(p, o) for at, p, o in times if at == level]))
            for level in LEVELS
            for name, times in against.items()
        ),
    )


def means(
    pairs: list[tuple[Time | None, Time | None]],
) -> tuple[float | int, ...]:
    """Return the mean ratio, and how many ratios there are of each kind."""
    known = [(p, o) for p, o in pairs if p and o and (p.reached or o.reached)]
    logs = [math.log(peer.seconds / ours.seconds) for peer, ours in known]
    won = [o.reached and log > 0.0 for log, (_, o) in zip(logs, known, strict=True)]
    return (
        math.exp(sum(logs) / len(logs)) if logs else math.nan,
        len(known),
        sum(won),
        sum(not peer.reached for peer, _ in known),
        sum(not ours.reached for _, ours in known),
        len(pairs) - len(known),
    )


def pictures(results: RaceResults, rule: str, threads: int) -> Iterator[str]:
    """Draw the plots and yield the lines that show them."""
    heats: dict[str, set[float]] = {}
    for row in results.rows:
        if (row.rule, row.threads) == (rule, threads):
            heats.setdefault(row.problem, set()).add(row.C)
    for problem, Cs in heats.items():
        if not any(results.best(problem, C, rule) > 0.0 for C in Cs):
            continue
        name = plots.progress(results, problem, rule, threads, sorted(Cs))
        yield f"![{problem}]({name})"
    yield ""


def doubts(results: RaceResults) -> Iterator[str]:
    """Yield the problems whose minimum is certified only loosely."""
    loose = [
        (r.problem, r.C, r.rule, doubt)
        for r in results.references
        if not (doubt := results.doubt(r)) <= CERTAIN
    ]
    if loose:
        yield from (f"## References with a relative gap above {CERTAIN:g}", "")
        yield from table(("problem", "C", "intercept", "gap"), loose)


def origins(results: RaceResults) -> Iterator[str]:
    """Yield where the data came from."""
    yield from ("## Data", "")
    for problem, source in dict.fromkeys((r.problem, r.source) for r in results.rows):
        yield f"- {problem}: {source}"


if __name__ == "__main__":
    main()

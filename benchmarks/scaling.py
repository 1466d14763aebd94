"""How time grows with rows and columns, and how many passes over X a fit takes."""

import argparse
import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import machine
import numpy as np
import plots
from data import PROBLEMS
from markdown import table
from peers import BASELINE, OURS, UNBOUNDED, Task
from results import FOLDER, Store
from runner import Worker

# The default tolerances: a relative gap, and a projected gradient.
TOL = {OURS: 1e-4, BASELINE: 1e-4}
MAX_ITER = {OURS: 10_000, BASELINE: UNBOUNDED}

# The synthetic series, and what varies in each.
ROWS, COLUMNS, REAL = "rows", "columns", "real"


@dataclass(frozen=True)
class Fit:
    """One fit of a series; `pass_seconds` is the time of one X @ w."""

    series: str
    problem: str
    solver: str
    C: float
    n: int
    d: int
    seconds: float
    pass_seconds: float
    objective: float
    gap: float
    timed_out: bool

    @property
    def passes(self) -> float:
        """The time of the fit in passes over X."""
        return self.seconds / self.pass_seconds

    @property
    def size(self) -> int:
        """What varies in the series."""
        return self.d if self.series == COLUMNS else self.n


def main() -> None:
    """Run the series and write results/scaling.*."""
    options = parse()
    store = Store(
        options.output / "scaling.csv", Fit, ("series", "problem", "solver", "C")
    )
    for solver in (OURS, BASELINE):
        for series, names in all_series(options, solver):
            run(store, series, names, solver, options)
    text = "\n".join(report(list(store), options.output))
    (options.output / "scaling.md").write_text(text + "\n", encoding="utf-8")
    print(text)


def all_series(
    options: argparse.Namespace, solver: str
) -> Iterator[tuple[str, list[str]]]:
    """Yield the problems of each series, from small to large."""
    most = options.most_rows if solver == OURS else options.most_rows_linear_svc
    sizes = [n for n in half_decades(10_000, 10_000_000) if n <= most]
    yield ROWS, [f"overlap_{n}x{options.columns}" for n in sizes]
    widths = [d for d in half_decades(10, 1_000) if d <= options.most_columns]
    yield COLUMNS, [f"overlap_{options.rows}x{d}" for d in widths]
    yield REAL, options.problems


def half_decades(first: int, last: int) -> Iterator[int]:
    """Yield 1, 3, 10, 30 and so on."""
    while first <= last:
        yield first
        first = 3 * first if str(first)[0] == "1" else first // 3 * 10


def run(
    store: Store[Fit],
    series: str,
    names: Iterable[str],
    solver: str,
    options: argparse.Namespace,
) -> None:
    """Fit each problem of a series; after a timeout larger ones are left out."""
    task = Task(options.C, options.rule, TOL[solver], MAX_ITER[solver], options.threads)
    for name in names:
        with Worker(name, solver, options.threads) as worker:
            reply = worker.fit(task, options.limit)
            fit = Fit(
                *(series, name, solver, options.C, worker.n_rows, worker.n_columns),
                seconds=reply.get("seconds", options.limit),
                pass_seconds=worker.pass_seconds(),
                objective=reply.get("objective", math.nan),
                gap=reply.get("gap", math.nan),
                timed_out="seconds" not in reply,
            )
        store.put(fit)
        print(f"{series} {name} {solver} {fit.seconds:.4g} s", flush=True)
        if fit.timed_out and series != REAL:
            return


def exponent(fits: list[Fit]) -> float:
    """Return the slope of log time in log size, by least squares."""
    if len(fits) < 2:
        return math.nan
    sizes, seconds = zip(*((fit.size, fit.seconds) for fit in fits), strict=True)
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def draw(axis: Any, fits: list[Fit]) -> Iterator[tuple[str, float, int, int, float]]:
    """Plot time against size; yield solver, C, sizes and exponent of each curve."""
    for solver, C in dict.fromkeys((fit.solver, fit.C) for fit in fits):
        done = [f for f in fits if (f.solver, f.C) == (solver, C) and not f.timed_out]
        if not done:
            continue
        done.sort(key=lambda fit: fit.size)
        slope = exponent(done)
        axis.plot(
            [fit.size for fit in done],
            [fit.seconds for fit in done],
            label=f"{solver}, C = {C:g}: {slope:.2f}",
            **plots.style(solver),
        )
        axis.legend(title="exponents")
        yield solver, C, done[0].size, done[-1].size, slope


def report(fits: list[Fit], folder: Path) -> Iterator[str]:
    """Yield the lines of the report, and draw its plot."""
    yield from ("# Scaling", "", machine.describe(), "")
    yield f"{OURS} stops at a relative gap of {TOL[OURS]:g}, {BASELINE} at its"
    yield f"tol={TOL[BASELINE]:g}. A pass is one X @ w of NumPy or SciPy, in float32."
    yield ""
    figure, axes = plots.panels(2)
    for axis, series in zip(axes, (ROWS, COLUMNS), strict=True):
        growth = list(draw(axis, [fit for fit in fits if fit.series == series]))
        axis.set(xlabel=f"number of {series}")
        yield from (f"## Exponent of the time in the number of {series}", "")
        yield from table(("solver", "C", "from", "to", "exponent"), growth)
    axes[0].set_ylabel("seconds")
    plots.save(figure, folder / "scaling.png")
    yield from ("![time against size](scaling.png)", "", "## Fits", "")
    yield from table(
        ("series", "problem", "solver", "C", "seconds", "passes", "objective", "gap"),
        (
            (
                *(f.series, f.problem, f.solver, f.C),
                f"> {f.seconds:g}" if f.timed_out else f.seconds,
                math.nan if f.timed_out else f.passes,
                "-" if f.timed_out else f"{f.objective:.8g}",
                f.gap,
            )
            for f in fits
        ),
    )


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--C", type=float, default=1.0)
    add("--rule", choices=["penalized", "none"], default="penalized")
    add("--threads", type=int, default=1)
    add("--limit", type=float, default=300.0, help="seconds a fit may take")
    add("--columns", type=int, default=50, help="of the series in rows")
    add("--rows", type=int, default=100_000, help="of the series in columns")
    add("--most-rows", type=int, default=10_000_000)
    add("--most-rows-linear-svc", type=int, default=1_000_000, help="it copies X")
    add("--most-columns", type=int, default=1_000)
    add("--problems", nargs="*", default=list(PROBLEMS), metavar="NAME")
    add("--output", type=Path, default=FOLDER)
    return parser.parse_args()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()

"""Plots of results, readable without colour: each solver has its own marker."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.ticker import NullFormatter
from peers import SOLVERS
from results import LEVELS, RaceResults

mpl.use("Agg")

DOTS_PER_INCH = 80
# Relative suboptimalities below this are drawn here.
FLOOR = 1e-8
STYLES = dict(
    zip(
        SOLVERS,
        ("o-", "s--", "^-.", "D:", "v--", "x-.", "P:"),
        strict=True,
    )
)


def style(solver: str, used: int = 1) -> dict[str, Any]:
    """Return the style of a solver's curve; more threads make it thicker."""
    place = list(SOLVERS).index(solver)
    fmt = STYLES[solver]
    return {
        "marker": fmt[0],
        "linestyle": fmt[1:],
        "color": "black" if place == 0 else f"C{place}",
        "linewidth": 1.0 + 0.8 * (used > 1),
        "markersize": 5,
    }


def save(figure: Any, path: Path) -> None:
    """Write a figure as PNG and forget it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH)
    plt.close(figure)


def panels(count: int) -> tuple[Any, list[Any]]:
    """Return a figure with a row of log-log panels that share their y axis."""
    figure, grid = plt.subplots(
        1,
        count,
        figsize=(2.0 + 4.0 * count, 3.8),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    axes = list(grid[0])
    for axis in axes:
        axis.set(xscale="log", yscale="log")
        # Labels between powers of ten would overlap.
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.grid(alpha=0.3)
    return figure, axes


def progress(
    results: RaceResults, problem: str, rule: str, threads: int, Cs: list[float]
) -> str:
    """Plot suboptimality against seconds, a panel for each C; return the file name."""
    figure, axes = panels(len(Cs))
    curves: dict[str, Any] = {}
    for axis, C in zip(axes, Cs, strict=True):
        for (solver, used), rows in results.entries(problem, C, rule, threads).items():
            done = [row for row in rows if results.distance(row) < float("inf")]
            if done:
                seconds = [row.seconds for row in done]
                heights = [max(results.distance(row), FLOOR) for row in done]
                (curve,) = axis.plot(seconds, heights, **style(solver, used))
                curves.setdefault(done[0].label, curve)
        for level in LEVELS:
            axis.axhline(level, color="grey", linewidth=0.6, zorder=0)
        axis.set(title=f"C = {C:g}", xlabel="seconds")
    axes[0].set_ylabel("relative suboptimality")
    figure.suptitle(f"{problem} ({rule} b, threads: {threads})", fontsize="medium")
    figure.legend(curves.values(), curves.keys(), loc="outside center right")
    name = f"{problem}_{rule}_{threads}t.png"
    save(figure, results.folder / name)
    return name

"""Fit random hard problems, and hold each certificate against independent judges.

Each problem is made from its seed. A fit says that the minimum is between
`objective_ - dual_gap_` and `objective_`. The first is false if any point at all has a
lower objective in exact arithmetic: that of an interior-point method, or the model
itself. The second is if the model's own objective is higher. The dual variables have to
prove the first again. Fits above `tol` are counted, and must have warned. The table
names seeds; `--only SEED` shows one.
"""

import argparse
import multiprocessing
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from cases import SOLVERS, Case, case
from exactly import Binary, Joint
from judges import Judge, judge_named
from machine import describe
from markdown import table
from sklearn.exceptions import ConvergenceWarning
from threads import keep_to_one_thread

from hingesvm import HingeSVC

RESULTS = Path(__file__).resolve().parent / "results"

# A minimum counts as known if its bounds are as close as this part of `tol`.
CLOSE = 0.1
# Difference of a lower bound that is a rounding error of making duals feasible again.
ROUNDING = 1e-9
# Seeds that are named of each kind.
NAMED = 12
# Balanced again at a higher cost, dual variables may prove less: no fault by itself.
UNPROVEN = "not proven again"
WRONG = (
    "error",
    "false bound",
    "objective too low",
    UNPROVEN,
    "silent",
    "without a cause",
)
# Why a fit ended above `tol`, by what its message says: the first that it does.
CAUSES = {
    "rounding hides the rest": ("float64 hide the rest", "permits no smaller gap"),
    "rounding in steps": ("errors in the float64 sums",),
    "still falling": ("still fell, from",),
    "uneven columns": ("columns of X differ in scale",),
    "uneven rows": ("longest row of X is",),
    "dependent columns": ("nearly depend on each other",),
    "hard margins": ("margins are nearly hard",),
    "small C": ("coefficients are nearly 0",),
    "uneven weights": ("weights of rows differ",),
    "sweeps alone": ("takes no Newton steps",),
}


@dataclass
class Finding:
    """What is known of a fit.

    Attributes
    ----------
    gap : float
        The largest relative gap of its problems, as it says.
    excess : float
        How far its objective is above the judge's minimum, relative to it.
    judged : bool
        Whether that minimum is known.
    cause : str
        Of `CAUSES`, why it ended above `tol`, as its message says; empty if it did not.
    is_refused : bool
        Whether an error said that its values are too large.
    faults : list of str
        What is wrong, of `WRONG`.
    """

    seed: int
    solver: str
    traits: list[str]
    tol: float
    gap: float = np.nan
    excess: float = np.nan
    judged: bool = False
    cause: str = ""
    is_refused: bool = False
    n_iter: int = 0
    message: str = ""
    faults: list[str] = field(default_factory=list)

    @property
    def above(self) -> bool:
        """Whether it ended above `tol`."""
        return self.gap > self.tol


def main() -> None:
    """Judge the fits asked for, and print what was found."""
    options = parse()
    seeds = options.only or range(options.seed, options.seed + options.count)
    judge = None if options.judge == "none" else judge_named(options.judge)
    jobs = [(seed, options.solver) for seed in seeds]
    if options.jobs == 1 or options.only:
        found = [examined(seed, solver, judge) for seed, solver in jobs]
    else:
        context = multiprocessing.get_context("fork")
        with context.Pool(options.jobs) as pool:
            work = [(seed, solver, judge) for seed, solver in jobs]
            found = pool.starmap(examined, work, chunksize=8)
    if options.only:
        for one in found:
            print(told(one))
        return
    lines = list(report(found, options))
    print("\n".join(lines))
    if options.write:
        path = RESULTS / "fuzz.md"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if any(set(one.faults) - {UNPROVEN} for one in found):
        sys.exit(1)


def examined(seed: int, solver: str | None, judge: Judge | None) -> Finding:
    """Return what there is to find in the problem of a seed; little without a judge."""
    one = case(seed, solver)
    parameters = dict(one.parameters)
    found = Finding(seed, parameters["solver"], one.traits, parameters["tol"])
    model = HingeSVC(**parameters)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if one.before is not None:
                model.set_params(**one.before.parameters)
                model.fit(one.before.X, one.before.y, one.before.weights)
                model.set_params(**parameters)
            caught.clear()
            model.fit(one.X, one.y, one.weights)
    except Exception as error:
        found.message = f"{type(error).__name__}: {error}"
        found.is_refused = isinstance(error, ValueError) and "scale X" in str(error)
        found.faults.extend(["error"] * (not found.is_refused))
        return found
    found.message = " ".join(str(warning.message) for warning in caught)
    if any(warning.category is not ConvergenceWarning for warning in caught):
        found.faults.append("error")
    found.n_iter = int(model.n_iter_)
    last = [history[-1] for history in model.history_]
    found.gap = max(
        float(end["gap"] / end["objective"]) if end["objective"] > 0.0 else 0.0
        for end in last
    )
    if found.above:
        found.cause = cause_in(found.message)
        found.faults.extend(["silent"] * (not found.message))
        found.faults.extend(["without a cause"] * (not found.cause))
    if judge is not None:
        hold_against(found, one, model, judge)
    return found


def cause_in(message: str) -> str:
    """Return the first of `CAUSES` that a message names; empty if it names none."""
    named = (
        cause
        for cause, phrases in CAUSES.items()
        if any(phrase in message for phrase in phrases)
    )
    return next(named, "")


def problems_of(one: Case) -> list[Binary | Joint]:
    """Return the problems that a case is made of."""
    X, costs, form = one.dense, one.costs, one.parameters["multi_class"]
    if form != "ovr":
        return [Joint(X, one.y, costs, form, one.rule)]
    n_classes = int(one.y.max()) + 1
    targets = [1] if n_classes == 2 else range(n_classes)
    return [
        Binary(
            X,
            np.where(one.y == target, 1, -1),
            costs,
            one.parameters["loss"],
            one.rule,
        )
        for target in targets
    ]


def hold_against(found: Finding, one: Case, model: HingeSVC, judge: Judge) -> None:
    """Compare what a model says with exact values of it and of the judge."""
    upper = lower = own = proven = Fraction(0)
    for k, problem in enumerate(problems_of(one)):
        if isinstance(problem, Joint):
            point: Any = model.coef_, model.intercept_
            alpha = -model.dual_coef_.T
        else:
            point = model.coef_[k], float(model.intercept_[k])
            alpha = problem.signs * model.dual_coef_[k]
        values, bounds = [problem.primal(*point)], [problem.dual(alpha)]
        own, proven = own + values[0], proven + bounds[0]
        judged = judge(problem)
        if judged is not None:
            values.append(problem.primal(*judged[:2]))
            bounds.append(problem.dual(judged[2]))
        upper, lower = upper + min(values), lower + max(bounds)
    objective, gap = Fraction(model.objective_), Fraction(model.dual_gap_)
    room = Fraction(max(found.tol, 1e-12)) * own if found.message == "" else own
    if upper < objective - gap:
        found.faults.append("false bound")
    is_single = one.X.dtype == np.float32
    if own > objective + gap + (room if is_single else 0):
        found.faults.append("objective too low")
    if proven < objective - gap - Fraction(ROUNDING) * objective:
        found.faults.append(UNPROVEN)
    found.judged = upper - lower <= Fraction(CLOSE * found.tol) * upper
    if upper > 0:
        found.excess = float((own - upper) / upper)


def told(one: Finding) -> str:
    """Return all about a fit."""
    return (
        f"seed {one.seed} ({one.solver}): gap {one.gap:.2e}, tol {one.tol:.2e}, "
        f"{one.excess:.2e} above the judge's point"
        f"{'' if one.judged else ' (minimum not known)'}, {one.n_iter} iterations; "
        f"{', '.join(one.faults) or 'nothing wrong'}\n  {', '.join(one.traits)}\n"
        f"  {one.message}"
    )


def report(found: list[Finding], options: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the report."""
    yield "# Fits of random hard problems\n"
    solver = f" --solver {options.solver}" if options.solver else ""
    yield (
        f"Made by `python benchmarks/fuzz.py --count {len(found)} --seed "
        f"{options.seed}{solver}`; the judge is {options.judge}. "
        "[README.md](../README.md) says what is checked.\n"
    )
    columns = ("fits", "refused", "judged", *WRONG, "above tol")
    rows = []
    for name in [*SOLVERS, "all"]:
        some = [one for one in found if name in (one.solver, "all")]
        if some:
            above = [one for one in some if one.above]
            rows.append(
                [
                    name,
                    len(some),
                    sum(one.is_refused for one in some),
                    sum(one.judged for one in some),
                    *(sum(kind in one.faults for one in some) for kind in WRONG),
                    len(above),
                ]
            )
    yield from table(("solver", *columns), rows)
    for kind in WRONG:
        yield from seeds_of(kind, [one for one in found if kind in one.faults])
    above = [one for one in found if one.above]
    for name in SOLVERS:
        for cause in CAUSES:
            some = [one for one in above if (one.solver, one.cause) == (name, cause)]
            yield from seeds_of(f"above tol, {name}, {cause} ({len(some)})", some)
    if above:
        yield "Above tol, by what is in the problem:\n"
        totals = Counter(trait for one in found for trait in one.traits)
        counts = Counter(trait for one in above for trait in one.traits)
        yield from table(
            ("trait", "fits", "above tol", "part"),
            sorted(
                ([t, n, counts[t], counts[t] / n] for t, n in totals.items()),
                key=lambda row: -row[3],
            ),
        )
    yield describe()


def seeds_of(kind: str, some: list[Finding]) -> Iterator[str]:
    """Yield a line of the seeds of a kind, the farthest from `tol` first."""
    if some:
        some = sorted(some, key=lambda one: -one.gap / one.tol)
        seeds = ", ".join(str(one.seed) for one in some[:NAMED])
        more = f" and {len(some) - NAMED} more" if len(some) > NAMED else ""
        yield f"{kind}: seeds {seeds}{more}\n"


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--count", type=int, default=1000, help="how many problems")
    add("--seed", type=int, default=0, help="seed of the first")
    add("--only", type=int, nargs="+", metavar="SEED", help="tell all about these")
    add("--solver", choices=SOLVERS, help="for all; each draws one by default")
    add("--judge", choices=("clarabel", "scipy", "none"), default="clarabel")
    add("--jobs", type=int, default=1, help="processes")
    add("--write", action="store_true", help="write results/fuzz.md too")
    return parser.parse_args()


if __name__ == "__main__":
    keep_to_one_thread()
    main()

"""Fit random hard problems, and compare each certificate with independent judges.

Each problem is made from its seed. A fit says that the minimum is between
`objective_ - dual_gap_` and `objective_`. The lower bound is false if any point has a
lower objective in exact arithmetic, be it that of an interior-point method or the model
itself. The upper bound is false if the model's own objective is higher. The dual
variables have to prove the lower bound again. Fits above `tol` are counted, and must
have warned. The table names seeds; `--only SEED` shows one.
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
# By so much, relatively, rounding errors of making duals feasible may lower a bound.
ROUNDING = 1e-9
# The number of seeds that are named of each kind.
NAMED = 12
# Dual variables that are balanced anew at a higher cost prove less, which is no fault.
UNPROVEN = "not proven again"
WRONG = (
    "error",
    "false bound",
    "objective too low",
    UNPROVEN,
    "silent",
    "without a cause",
)
# Why a fit ended above `tol`: the first cause whose words are in its message.
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
        The largest relative gap of its problems that the fit states.
    excess : float
        How far its objective is above the judge's minimum, relative to it.
    judged : bool
        Whether that minimum is known.
    cause : str
        The cause, of `CAUSES`, for which it ended above `tol`, by its message; empty if
        it did not.
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
        findings = [examined(seed, solver, judge) for seed, solver in jobs]
    else:
        context = multiprocessing.get_context("fork")
        with context.Pool(options.jobs) as pool:
            work = [(seed, solver, judge) for seed, solver in jobs]
            findings = pool.starmap(examined, work, chunksize=8)
    if options.only:
        for finding in findings:
            print(told(finding))
        return
    lines = list(report(findings, options))
    print("\n".join(lines))
    if options.write:
        path = RESULTS / "fuzz.md"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if any(set(finding.faults) - {UNPROVEN} for finding in findings):
        sys.exit(1)


def examined(seed: int, solver: str | None, judge: Judge | None) -> Finding:
    """Fit the problem of a seed; return what is found, little of it without a judge."""
    problem = case(seed, solver)
    parameters = dict(problem.parameters)
    finding = Finding(seed, parameters["solver"], problem.traits, parameters["tol"])
    model = HingeSVC(**parameters)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if problem.before is not None:
                model.set_params(**problem.before.parameters)
                model.fit(problem.before.X, problem.before.y, problem.before.weights)
                model.set_params(**parameters)
            caught.clear()
            model.fit(problem.X, problem.y, problem.weights)
    except Exception as error:
        finding.message = f"{type(error).__name__}: {error}"
        finding.is_refused = isinstance(error, ValueError) and "scale X" in str(error)
        finding.faults.extend(["error"] * (not finding.is_refused))
        return finding
    finding.message = " ".join(str(warning.message) for warning in caught)
    if any(warning.category is not ConvergenceWarning for warning in caught):
        finding.faults.append("error")
    finding.n_iter = int(model.n_iter_)
    last = [history[-1] for history in model.history_]
    finding.gap = max(
        float(end["gap"] / end["objective"]) if end["objective"] > 0.0 else 0.0
        for end in last
    )
    if finding.above:
        finding.cause = cause_in(finding.message)
        finding.faults.extend(["silent"] * (not finding.message))
        finding.faults.extend(["without a cause"] * (not finding.cause))
    if judge is not None:
        hold_against(finding, problem, model, judge)
    return finding


def cause_in(message: str) -> str:
    """Return the first of `CAUSES` that a message names; empty if it names none."""
    named = (
        cause
        for cause, phrases in CAUSES.items()
        if any(phrase in message for phrase in phrases)
    )
    return next(named, "")


def problems_of(problem: Case) -> list[Binary | Joint]:
    """Return the problems that a case is made of."""
    X, costs, form = problem.dense, problem.costs, problem.parameters["multi_class"]
    if form != "ovr":
        return [Joint(X, problem.y, costs, form, problem.rule)]
    n_classes = int(problem.y.max()) + 1
    targets = [1] if n_classes == 2 else range(n_classes)
    return [
        Binary(
            X,
            np.where(problem.y == target, 1, -1),
            costs,
            problem.parameters["loss"],
            problem.rule,
        )
        for target in targets
    ]


def hold_against(finding: Finding, fitted: Case, model: HingeSVC, judge: Judge) -> None:
    """Compare what a model says with exact values of it and of the judge."""
    upper = lower = own = proven = Fraction(0)
    for k, problem in enumerate(problems_of(fitted)):
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
    room = Fraction(max(finding.tol, 1e-12)) * own if finding.message == "" else own
    if upper < objective - gap:
        finding.faults.append("false bound")
    is_single = fitted.X.dtype == np.float32
    if own > objective + gap + (room if is_single else 0):
        finding.faults.append("objective too low")
    if proven < objective - gap - Fraction(ROUNDING) * objective:
        finding.faults.append(UNPROVEN)
    finding.judged = upper - lower <= Fraction(CLOSE * finding.tol) * upper
    if upper > 0:
        finding.excess = float((own - upper) / upper)


def told(fit: Finding) -> str:
    """Return all that is known of a fit, as text."""
    return (
        f"seed {fit.seed} ({fit.solver}): gap {fit.gap:.2e}, tol {fit.tol:.2e}, "
        f"{fit.excess:.2e} above the judge's point"
        f"{'' if fit.judged else ' (minimum not known)'}, {fit.n_iter} iterations; "
        f"{', '.join(fit.faults) or 'nothing wrong'}\n  {', '.join(fit.traits)}\n"
        f"  {fit.message}"
    )


def report(findings: list[Finding], options: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the report."""
    yield "# Fits of random hard problems\n"
    solver = f" --solver {options.solver}" if options.solver else ""
    yield (
        f"Made by `python benchmarks/fuzz.py --count {len(findings)} --seed "
        f"{options.seed}{solver}`; the judge is {options.judge}. "
        "[README.md](../README.md) says what is checked.\n"
    )
    columns = ("fits", "refused", "judged", *WRONG, "above tol")
    rows = []
    for name in [*SOLVERS, "all"]:
        some = [fit for fit in findings if name in (fit.solver, "all")]
        if some:
            above = [fit for fit in some if fit.above]
            rows.append(
                [
                    name,
                    len(some),
                    sum(fit.is_refused for fit in some),
                    sum(fit.judged for fit in some),
                    *(sum(kind in fit.faults for fit in some) for kind in WRONG),
                    len(above),
                ]
            )
    yield from table(("solver", *columns), rows)
    for kind in WRONG:
        yield from seeds_of(kind, [fit for fit in findings if kind in fit.faults])
    above = [fit for fit in findings if fit.above]
    for name in SOLVERS:
        for cause in CAUSES:
            some = [fit for fit in above if (fit.solver, fit.cause) == (name, cause)]
            yield from seeds_of(f"above tol, {name}, {cause} ({len(some)})", some)
    if above:
        yield "Above tol, by what is in the problem:\n"
        totals = Counter(trait for fit in findings for trait in fit.traits)
        counts = Counter(trait for fit in above for trait in fit.traits)
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
        some = sorted(some, key=lambda fit: -fit.gap / fit.tol)
        seeds = ", ".join(str(fit.seed) for fit in some[:NAMED])
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

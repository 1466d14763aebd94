"""Training on rows in blocks that answer where they are, as on workers of a cluster."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from hingesvm.rows.gathered import gathered
from hingesvm.solvers import LARGEST_SUM, Solution, too_large
from hingesvm.solvers.blocks.answers import SomeRows, Spec, Summary
from hingesvm.solvers.blocks.asking import Blocks, Talk
from hingesvm.solvers.blocks.problem import BlocksProblem, KnownRows, sweeping_step
from hingesvm.solvers.blocks.until import Sample, rounded_gap, solve_on_blocks
from hingesvm.solvers.newton.bands import (
    LEAST_ROWS,
    ROWS_PER_COLUMN,
    scales_of,
)
from hingesvm.solvers.newton.starts import WeightsStart
from hingesvm.solvers.survey import COARSE
from hingesvm.solvers.sweeping.steps import WIDE
from hingesvm.training.batches import FEW_ROWS, FEW_VALUES
from hingesvm.training.callbacks import Task
from hingesvm.training.left_out import check_labels_left_out
from hingesvm.training.one_vs_rest import CancelledError
from hingesvm.training.parameters import HingeParameters
from hingesvm.training.run import Training
from hingesvm.training.trained import TrainedModel
from hingesvm.training.validation import class_factors, row_costs

__all__ = ["BlocksTraining", "LastModel"]

Float64Array = NDArray[np.float64]

# Rows of a sample, in units of (n sqrt(d))^(2/3), at which it and the band, which has
# about 2 n sqrt(d / m) rows where the sample has m, cost about as much
# (docs/experiments.md#rows-on-a-cluster).
_SIZE = 1.5
# Part of the rows that a sample may have: more of them are gathered for nothing.
_LARGEST_SAMPLE = 0.25
# Problems that are solved at once: with fewer of them workers wait for the bands of
# others, with more there is more in memory.
_AT_ONCE = 16
# Rows that are judged to choose a band.
_JUDGES = 10_000


@dataclass(frozen=True)
class LastModel:
    """The model of an earlier fit, at which this one starts.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
    coef : ndarray of shape (n_scores, n_features)
    intercept : ndarray of shape (n_scores,)
    """

    classes: NDArray[Any]
    coef: NDArray[np.floating]
    intercept: NDArray[np.floating]


class BlocksTraining:
    """Blocks of checked rows, and parameters.

    Parameters
    ----------
    params : HingeParameters
        The estimator, of which only the shared parameters are used.
    blocks : Blocks
        Their `heights` are set.
    numbers : sequence of int
        The numbers of all blocks.

    Attributes
    ----------
    known : KnownRows
        What is known of the rows.
    training : Training
        The same parameters, as if each class were one row.
    names : ndarray of object, or None
        Names of the columns.

    Raises
    ------
    ValueError
        If blocks do not go together, or labels or parameters are unusable.
    """

    def __init__(self, params: HingeParameters, blocks: Blocks, numbers: range) -> None:
        self._params, self._blocks, self._numbers = params, blocks, numbers
        summaries: list[Summary] = blocks.ask("summary", (), numbers)
        blocks.heights = [summary.n_rows for summary in summaries]
        used = [number for number in numbers if summaries[number].n_rows]
        if not used:
            if any(summary.n_samples for summary in summaries):
                raise ValueError(
                    "Sample weights must contain at least one non-zero number: all "
                    "rows have zero weight, so there is nothing to train on."
                )
            raise ValueError("X has no rows: there is nothing to train on.")
        self.names = _common(summaries, used)
        some = [summaries[number] for number in used]
        classes = _union([summary.labels for summary in some])
        left_out = frozenset().union(*(summary.left_out for summary in summaries))
        labels = np.array([*classes.tolist(), *left_out], dtype=object)
        check_labels_left_out(params.class_weight, labels)
        self._sizes = np.zeros(len(classes))
        for summary in some:
            places = np.searchsorted(classes, summary.labels)
            self._sizes[places] += summary.sizes
        codes = np.arange(len(classes))
        self._is_weighted = any(summary.is_weighted for summary in some)
        self._weights = np.unique([summary.weights for summary in some])
        self.known = KnownRows(some, max(1, min(len(classes), _AT_ONCE)))
        self.training = Training.of_codes(
            params, self.known.some, classes, codes, self._sizes
        )

    @property
    def classes(self) -> NDArray[Any]:
        """The sorted labels."""
        return self.training.classes

    def train(
        self, C: float, last: LastModel | None = None, task: Task | None = None
    ) -> TrainedModel:
        """Train with one C; see `Training.train`.

        Raises
        ------
        ValueError
            If more than two classes are to be trained jointly on rows that are not few.
        """
        rows, training = self.known, self.training
        n_values = rows.n_rows * rows.n_features
        if rows.n_rows <= FEW_ROWS and n_values <= FEW_VALUES:
            return self._train_here(C, task)
        is_wide = rows.is_sparse and rows.n_features > WIDE
        least = max(LEAST_ROWS, ROWS_PER_COLUMN * rows.n_features)
        is_short = rows.n_rows * _LARGEST_SAMPLE < least
        if is_short and not is_wide and rows.n_rows <= rows.most_at_once:
            return self._train_here(C, task)
        if training.is_joint:
            raise ValueError(
                f"multi_class={self._params.multi_class!r} trains more than two "
                f"classes only on up to {FEW_ROWS} rows, which are gathered: use "
                'multi_class="ovr".'
            )
        factors = class_factors(self._params.class_weight, self.classes, self._sizes)
        # Those of all rows lie between these.
        row_costs(C, np.outer(self._weights[[0, -1]], factors))
        costs = training.binary_factors.cost * C * factors
        total = float((costs * self._sizes).sum())
        if not rows.longest() * (1.0 + total) < LARGEST_SUM:
            raise too_large()
        last = last if last is not None and self._suits(last) else None
        sample = None
        if last is None and not is_wide and training.settings.method != "stochastic":
            sample = self._sample(costs, least)
        return self._train(costs, sample, last, task)

    def _suits(self, last: LastModel) -> bool:
        """Whether an earlier model has the same classes and columns."""
        same = np.array_equal(last.classes, self.classes)
        return same and last.coef.shape[1] == self.known.n_features

    def _train_here(self, C: float, task: Task | None) -> TrainedModel:
        """Gather all rows, and train in one place."""
        parts: list[SomeRows] = self._blocks.ask("sample", (0, 1.0), self._used)
        weights = None
        if self._is_weighted:
            weights = np.concatenate([_weights(part) for part in parts])
        training = Training.of_codes(
            self._params,
            gathered([part.X.astype(self.known.dtype) for part in parts]),
            self.classes,
            self._codes(parts),
            weights,
        )
        return training.train(C, task=task)

    @property
    def _used(self) -> list[int]:
        """The numbers of blocks with rows."""
        return [k for k, height in enumerate(self._blocks.heights) if height]

    def _codes(self, parts: list[SomeRows]) -> NDArray[np.integer]:
        """Return the classes of some rows."""
        codes = np.concatenate(
            [np.searchsorted(self.classes, part.labels) for part in parts]
        )
        return codes.astype(np.min_scalar_type(-len(self.classes)))

    def _sample(self, costs: Float64Array, least: int) -> Sample | None:
        """Return a random sample; its size balances its cost and that of bands."""
        rows = self.known
        size = _SIZE * (rows.n_rows * math.sqrt(rows.n_features)) ** (2 / 3)
        size = min(max(size, least), _LARGEST_SAMPLE * rows.n_rows, rows.most_at_once)
        share = size / rows.n_rows
        parts: list[SomeRows] = self._blocks.ask(
            "sample", (self.training.seeds[0], share), self._used
        )
        codes = self._codes(parts)
        if not len(codes):
            return None
        cost = costs[:1]
        if not self._is_uniform(costs):
            weights = np.concatenate([_weights(part) for part in parts])
            cost = costs[codes] * weights
        X = gathered([part.X.astype(rows.dtype) for part in parts])
        return Sample(X, codes, cost)

    def _is_uniform(self, costs: Float64Array) -> bool:
        """Whether the costs of all rows are one number."""
        return not self._is_weighted and np.ptp(costs) == 0.0

    def _spec(self, fit: object, target: int, costs: Float64Array) -> Spec:
        """Return the problem of a class, as blocks are told of it."""
        rows, training = self.known, self.training
        spec = Spec(
            key=(fit, target),
            classes=self.classes,
            target=target,
            costs=costs,
            is_uniform=self._is_uniform(costs),
            loss=training.loss,
            rule=training.rule,
            dtype=rows.dtype,
            is_narrow=training.settings.tol >= COARSE and rows.dtype == np.float32,
            scales=scales_of(rows.some),
            tau=0.0,
            judged=max(1, rows.n_rows // _JUDGES),
        )
        return replace(spec, tau=sweeping_step(rows, costs * self._sizes, spec))

    def _train(
        self,
        costs: Float64Array,
        sample: Sample | None,
        last: LastModel | None,
        task: Task | None,
    ) -> TrainedModel:
        """Train one problem for each class, several at once."""
        training, fit = self.training, uuid4().hex
        targets, factors = training.targets, training.binary_factors
        monitor = training.monitor(task, self.known.n_rows)
        problems = []
        for target in targets:
            spec = self._spec(fit, target, costs)
            problems.append((BlocksProblem.of(self.known, spec, self._sizes), spec))
        if monitor is not None:
            monitor.origin = lambda number: problems[number][0].origin()

        def solve(number: int, check: Callable[[], None]) -> tuple[Solution, float]:
            problem, spec = problems[number]
            talk = Talk(self._blocks, spec, check)
            start = None
            if last is not None:
                w = last.coef[number].astype(np.float64) / factors.coef
                start = WeightsStart(w, float(last.intercept[number]) / factors.coef)
            report = None if monitor is None else monitor.of(number)
            solution = solve_on_blocks(
                problem,
                talk,
                training.settings,
                sample=sample,
                start=start,
                seed=training.seeds[number],
                report=report,
            )
            if report is not None:
                report.end(solution)
            gap = rounded_gap(problem, talk, solution.certificate)
            if len(targets) > 1:
                # Blocks of a single problem are gone with it.
                talk.forget()
            return solution, gap

        found = _at_once(solve, len(targets))
        dtype = self.known.dtype.type
        solutions = [solution for solution, _ in found]
        coef = np.array([s.certificate.w for s in solutions]) * factors.coef
        intercept = np.array([float(s.certificate.intercept) for s in solutions])
        return TrainedModel(
            coef.astype(dtype),
            (intercept * factors.coef).astype(dtype),
            [_without_duals(solution) for solution in solutions],
            max(gap for _, gap in found),
            factors.objective,
            np.array([costs.max()]),
        )


def _at_once(
    solve: Callable[[int, Callable[[], None]], tuple[Solution, float]], count: int
) -> list[tuple[Solution, float]]:
    """Return what is found for several problems; where one fails, others end soon."""
    cancelled = threading.Event()

    def check() -> None:
        if cancelled.is_set():
            raise CancelledError

    if count == 1:
        return [solve(0, check)]
    with ThreadPoolExecutor(min(count, _AT_ONCE)) as pool:
        futures = [pool.submit(solve, number, check) for number in range(count)]
        try:
            return [future.result() for future in futures]
        except BaseException:
            cancelled.set()
            pool.shutdown(cancel_futures=True)
            errors = [f.exception() for f in futures if not f.cancelled()]
            for error in errors:
                if error is not None and not isinstance(error, CancelledError):
                    raise error from None
            raise


def _without_duals(solution: Solution) -> Solution:
    """Return a solution without what is not kept of it."""
    nothing = np.empty(0)
    certificate = replace(
        solution.certificate, weights=nothing, duals=nothing, w_of_duals=None
    )
    return replace(solution, certificate=certificate)


def _weights(part: SomeRows) -> Float64Array:
    """Return the weights of some rows, 1 where there are none."""
    return np.ones(len(part.labels)) if part.weights is None else part.weights


def _common(summaries: list[Summary], used: list[int]) -> NDArray[Any] | None:
    """Return the names of the columns; see that all blocks have the same columns."""
    first = summaries[used[0]]
    for number in used[1:]:
        other = summaries[number]
        where = f"partition {number}: X"
        if other.n_features != first.n_features:
            raise ValueError(
                f"{where} has {other.n_features} columns, and that of partition "
                f"{used[0]} has {first.n_features}."
            )
        if other.is_sparse != first.is_sparse:
            kinds = ("dense", "sparse") if first.is_sparse else ("sparse", "dense")
            raise ValueError(
                f"{where} is {kinds[0]}, and that of partition {used[0]} {kinds[1]}."
            )
        if _listed(other.names) != _listed(first.names):
            raise ValueError(
                f"{where} has other names of columns than partition {used[0]}."
            )
    return first.names


def _listed(names: NDArray[Any] | None) -> list[Any] | None:
    """Return names as a list, if there are any."""
    return None if names is None else names.tolist()


def _union(labels: list[NDArray[Any]]) -> NDArray[Any]:
    """Return the sorted labels of all blocks."""
    are_numbers = {some.dtype.kind in "biuf" for some in labels}
    try:
        if len(are_numbers) > 1:
            raise TypeError
        return np.unique(np.concatenate(labels))
    except TypeError:
        raise ValueError(
            "y has labels of different types, such as numbers and strings, in "
            "different partitions."
        ) from None

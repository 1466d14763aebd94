"""Training on rows and labels for one C after the other, as fits and paths do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.losses import MarginLoss, MulticlassLoss, get_loss
from hingesvm.problems.start import PathStart, Start
from hingesvm.problems.values import InterceptRule
from hingesvm.rows.contract import Rows
from hingesvm.solvers import Settings
from hingesvm.training.callbacks import Task
from hingesvm.training.classes import Classes
from hingesvm.training.joint import Jointly, joint_loss_of, two_class_factors
from hingesvm.training.lines import Lines
from hingesvm.training.trained import Trained, history_table
from hingesvm.training.validation import (
    draw_seeds,
    encode_labels,
    row_costs,
    row_factors,
)
from hingesvm.training.watching import Seen, Watch

__all__ = ["Training"]

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Training:
    """Rows, labels and parameters; C is given with each call.

    Attributes
    ----------
    rows : Rows
        Those that take part.
    classes : ndarray of shape (n_classes,)
    codes : ndarray of integers, of shape (n_rows,)
        The class of each row.
    factors : ndarray of float64, of shape (n_rows,) or (1,)
        Class weight times sample weight.
    joint : MulticlassLoss or None
        None for one against the rest.
    seeds : list of int
        One for each problem.
    """

    rows: Rows
    classes: NDArray[Any]
    codes: NDArray[np.integer]
    factors: Float64Array
    loss: MarginLoss
    joint: MulticlassLoss | None
    rule: InterceptRule
    settings: Settings
    seeds: list[int]
    n_jobs: int | None
    verbose: bool

    @classmethod
    def build(
        cls,
        params: Any,
        rows: Rows,
        y: NDArray[Any],
        weights: Float64Array | None,
        where: str = "",
    ) -> Training:
        """Make it of the parameters of an estimator.

        Parameters
        ----------
        params : object
            With the parameters of HingeSVC as attributes; C is not used.
        rows : Rows
        y : ndarray of shape (n_rows,)
            Labels.
        weights : ndarray of float64, of shape (n_rows,), or None
            Positive.
        where : str, default=""
            What the rows are, for an error, where they are not all.
        """
        if params.n_jobs == 0:
            raise ValueError(
                "n_jobs == 0 has no meaning: pass a number of threads, -1 for all "
                "processors, or None."
            )
        classes, codes = encode_labels(y)
        if len(classes) < 2:
            raise ValueError(
                f"{type(params).__name__} needs at least two classes with positive "
                f"weight to train on, but y{where} has only one class: "
                f"{classes.tolist()[0]!r}."
            )
        joint = joint_loss_of(params.multi_class, params.loss, params.solver)
        rule: InterceptRule = "penalized" if params.penalized_intercept else "free"
        one_problem = len(classes) == 2 or joint is not None
        return cls(
            rows=rows,
            classes=classes,
            codes=codes,
            factors=row_factors(params.class_weight, classes, y, codes, weights),
            loss=get_loss(params.loss),
            joint=joint,
            rule=rule if params.fit_intercept else "none",
            settings=Settings(params.solver, params.tol, params.max_iter),
            seeds=draw_seeds(params.random_state, 1 if one_problem else len(classes)),
            n_jobs=params.n_jobs,
            verbose=bool(params.verbose),
        )

    @property
    def is_joint(self) -> bool:
        """Whether one problem has the duals of all classes."""
        return self.joint is not None and len(self.classes) > 2

    @property
    def targets(self) -> list[int]:
        """The positive class of each problem; of joint ones, all classes."""
        return [1] if len(self.classes) == 2 else list(range(len(self.classes)))

    @property
    def n_problems(self) -> int:
        """Number of problems."""
        return 1 if self.is_joint else len(self.targets)

    @property
    def tasks(self) -> dict[str, Any]:
        """How many tasks callbacks see, None if unknown, and whether in order."""
        count = self.n_problems
        return {"size": None if count == 1 else count, "in_order": count == 1}

    @property
    def factors_of_two(self) -> tuple[float, float, float]:
        """Factors of C, coefficients and objective, of a joint loss of two classes."""
        if self.joint is None or self.is_joint:
            return 1.0, 1.0, 1.0
        return two_class_factors(self.joint)

    def costs(self, C: float) -> Float64Array:
        """Return the costs of the rows in the problems, of shape (n_rows,) or (1,)."""
        costs = row_costs(C, self.factors)
        factor = self.factors_of_two[0]
        return costs if factor == 1.0 else factor * costs

    def losses_of(self, trained: Trained) -> float:
        """Return the losses of all rows times their costs: P less the penalty."""
        return float(self.losses_of_each(trained).sum())

    def losses_of_each(self, trained: Trained) -> Float64Array:
        """Return the same for each problem."""
        losses = []
        for solution in trained.solutions:
            found = solution.certificate
            square = float(np.vdot(found.w, found.w))
            if self.rule == "penalized":
                square += float(np.vdot(found.intercept, found.intercept))
            losses.append(max(found.primal - 0.5 * square, 0.0))
        return trained.scale * np.array(losses)

    def starts_from(self, trained: Trained, C: float) -> list[Start | None]:
        """Return where the same problems with this C are to start."""
        ratio = float(self.costs(C)[0] / trained.costs[0])
        return [
            PathStart(
                solution.certificate.alpha,
                solution.certificate.w,
                solution.certificate.intercept,
                margins=solution.margins,
                certificate=solution.certificate,
                ratio=ratio,
            )
            for solution in trained.solutions
        ]

    def train(
        self,
        C: float,
        starts: list[Start | None] | None = None,
        *,
        keep_duals: bool = False,
        task: Task | None = None,
        where: str = "",
    ) -> Trained:
        """Train with one C.

        Parameters
        ----------
        C : float
        starts : list of Start or None, optional
            Where to start, one for each problem; emptied. The dual variables may be of
            other costs.
        keep_duals : bool, default=False
            Whether the solutions are to have dual variables.
        task : Task, optional
            Of callbacks, in which this is done.
        where : str, default=""
            Which of many fits it is, for the lines that are printed.
        """
        costs = self.costs(C)
        watch = self._watch(task, where)
        if self.is_joint:
            return self._train_jointly(costs, starts[0] if starts else None, watch)
        solved = Classes(
            rows=self.rows,
            codes=self.codes,
            costs=costs,
            targets=self.targets,
            seeds=self.seeds,
            starts=starts or [None] * len(self.targets),
            loss=self.loss,
            rule=self.rule,
            settings=self.settings,
            n_jobs=self.n_jobs,
            watch=watch,
            keep_duals=keep_duals,
        ).solve()
        _, longer, scale = self.factors_of_two
        dtype = self.rows.dtype.type
        coef = np.array([w for _, (w, _, _) in solved])
        intercept = np.array([b for _, (_, b, _) in solved], dtype=dtype)
        if longer != 1.0:
            coef *= dtype(longer)
            intercept *= dtype(longer)
        return Trained(
            coef,
            intercept,
            [solution for solution, _ in solved],
            max(gap for _, (_, _, gap) in solved),
            scale,
            costs,
        )

    def _watch(self, task: Task | None, where: str) -> Watch | None:
        """Return what watches the problems; None if nobody is told of them."""
        if not (self.verbose or task is not None):
            return None
        count = self.n_problems
        scale = self.factors_of_two[2]

        def lines(number: int) -> Lines:
            return Lines(
                number,
                count,
                self.rows.n_rows,
                self.settings.tol,
                self.settings.max_iter,
                scale,
                where,
            )

        return Watch(count, lines if self.verbose else None, task, self._so_far)

    def _so_far(self, seen: Sequence[Seen]) -> dict[str, Any]:
        """Return the attributes of a model of problems that are not yet solved."""
        _, longer, scale = self.factors_of_two
        dtype = self.rows.dtype
        last = [one.checks[-1] for one in seen]
        coef = np.concatenate([np.atleast_2d(one.weights) for one in seen])
        intercept = np.concatenate([np.atleast_1d(one.intercept) for one in seen])
        return {
            "classes_": self.classes,
            "coef_": (longer * coef).astype(dtype),
            "intercept_": (longer * intercept).astype(dtype),
            "objective_": scale * sum(check.objective for check in last),
            "dual_gap_": scale * sum(check.gap for check in last),
            "n_iter_": max(1, *(check.iteration for check in last)),
            "history_": [history_table(one.checks, scale) for one in seen],
        }

    def _train_jointly(
        self, costs: Float64Array, start: Start | None, watch: Watch | None
    ) -> Trained:
        """Solve one problem of all classes."""
        assert self.joint is not None
        solution, coef, intercept, gap = Jointly(
            rows=self.rows,
            codes=self.codes,
            n_classes=len(self.classes),
            costs=costs,
            loss=self.joint,
            rule=self.rule,
            settings=self.settings,
            seed=self.seeds[0],
            start=start,
            watch=watch,
        ).solve()
        return Trained(coef, intercept, [solution], gap, 1.0, costs)

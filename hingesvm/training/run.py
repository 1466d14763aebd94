"""Training on rows and labels, with one value of C or several in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.losses import MarginLoss, MulticlassLoss, get_loss
from hingesvm.penalties import ColumnPenalty
from hingesvm.problems.start import PathStart, Start
from hingesvm.problems.values import InterceptRule
from hingesvm.rows.contract import Rows
from hingesvm.solvers import Settings
from hingesvm.training.callbacks import Task
from hingesvm.training.joint import (
    BinaryFactors,
    JointSolver,
    binary_factors,
    joint_loss_of,
)
from hingesvm.training.labels import encode_labels
from hingesvm.training.monitor import FitMonitor, ProblemState
from hingesvm.training.one_vs_rest import OneVsRestSolver
from hingesvm.training.parameters import HingeParameters, intercept_rule
from hingesvm.training.penalty import column_penalty
from hingesvm.training.printing import ProgressPrinter
from hingesvm.training.trained import TrainedModel, history_table
from hingesvm.training.validation import (
    draw_seeds,
    row_costs,
    row_factors,
)

__all__ = ["Training"]

Float64Array = NDArray[np.float64]


def _room_of(rows: Rows) -> Callable[[], NDArray[np.float64]] | None:
    """Return what makes arrays of a number a row, where these are not in memory."""
    if not rows.reads_in_passes:
        return None
    return lambda: rows.scratch(np.float64)


@dataclass(frozen=True)
class Training:
    """Checked rows, labels and parameters, on which `train` is called for each C.

    Attributes
    ----------
    rows : Rows
        The training rows.
    classes : ndarray of shape (n_classes,)
        The sorted class labels.
    codes : ndarray of integers, of shape (n_rows,)
        The class of each row, as an index into `classes`.
    factors : ndarray of float64, of shape (n_rows,) or (1,)
        Class weight times sample weight of each row, or the one factor of all rows.
    loss : MarginLoss
        The loss of binary problems.
    joint : MulticlassLoss or None
        The loss of joint training; None trains one-vs-rest.
    penalty : ColumnPenalty or None
        The penalty of the weights of each problem; None is half of the squared norm.
    rule : {"free", "penalized", "none"}
        How intercepts are treated.
    settings : Settings
        The method, the tolerance and the bound on iterations.
    seeds : list of int
        The seed of each problem.
    n_jobs : int or None
        Number of threads, as joblib takes it.
    verbose : bool
        Whether progress is printed.
    """

    rows: Rows
    classes: NDArray[Any]
    codes: NDArray[np.integer]
    factors: Float64Array
    loss: MarginLoss
    joint: MulticlassLoss | None
    penalty: ColumnPenalty | None
    rule: InterceptRule
    settings: Settings
    seeds: list[int]
    n_jobs: int | None
    verbose: bool

    @classmethod
    def build(
        cls,
        params: HingeParameters,
        rows: Rows,
        y: NDArray[Any],
        weights: Float64Array | None,
        where: str = "",
    ) -> Training:
        """Return the training that the parameters of an estimator describe.

        Parameters
        ----------
        params : HingeParameters
            The estimator, of which only the shared parameters are used.
        rows : Rows
            The rows, of which those of weight 0 are left out.
        y : ndarray of shape (n_rows,)
            Labels.
        weights : ndarray of float64, of shape (n_rows,), or None
            Non-negative sample weights.
        where : str, default=""
            For error messages: which rows these are, if not all.

        Returns
        -------
        Training
            Ready to train with any C.

        Raises
        ------
        ValueError
            If labels, class weights or a combination of parameters are unusable.
        """
        if weights is not None and not np.all(weights):
            kept = np.flatnonzero(weights)
            rows, y, weights = rows.subset(kept), y[kept], weights[kept]
        return cls.of_codes(params, rows, *encode_labels(y), weights, where)

    @classmethod
    def of_codes(
        cls,
        params: HingeParameters,
        rows: Rows,
        classes: NDArray[Any],
        codes: NDArray[np.integer],
        weights: Float64Array | None,
        where: str = "",
    ) -> Training:
        """Return the training of rows whose labels are encoded, all of weight > 0.

        Parameters
        ----------
        params, rows
            As of `build`.
        classes : ndarray of shape (n_classes,)
            The sorted labels.
        codes : ndarray of integers, of shape (n_rows,)
            The class of each row, as an index into `classes`.
        weights : ndarray of float64, of shape (n_rows,), or None
            Positive sample weights.
        where : str, default=""
            As of `build`.

        Returns
        -------
        Training
            Ready to train with any C.

        Raises
        ------
        ValueError
            As from `build`.
        """
        if params.n_jobs == 0:
            raise ValueError(
                "n_jobs == 0 has no meaning: pass a number of threads, -1 for all "
                "processors, or None."
            )
        if len(classes) < 2:
            raise ValueError(
                f"{type(params).__name__} needs at least two classes with positive "
                f"weight to train on, but y{where} has only one class: "
                f"{classes.tolist()[0]!r}."
            )
        joint = joint_loss_of(params.multi_class, params.loss, params.solver)
        one_problem = len(classes) == 2 or joint is not None
        return cls(
            rows=rows,
            classes=classes,
            codes=codes,
            factors=row_factors(
                params.class_weight, classes, codes, weights, _room_of(rows)
            ),
            loss=get_loss(params.loss),
            joint=joint,
            penalty=column_penalty(params, rows.n_features, joint),
            rule=intercept_rule(params),
            settings=Settings(params.solver, params.tol, params.max_iter),
            seeds=draw_seeds(params.random_state, 1 if one_problem else len(classes)),
            n_jobs=params.n_jobs,
            verbose=bool(params.verbose),
        )

    @property
    def is_joint(self) -> bool:
        """Whether all classes are trained in one joint problem."""
        return self.joint is not None and len(self.classes) > 2

    @property
    def targets(self) -> list[int]:
        """The positive class of each one-vs-rest problem; all classes if joint."""
        return [1] if len(self.classes) == 2 else list(range(len(self.classes)))

    @property
    def n_problems(self) -> int:
        """The number of problems."""
        return 1 if self.is_joint else len(self.targets)

    @property
    def tasks(self) -> dict[str, Any]:
        """The arguments `size` and `in_order` of the task of a fit."""
        count = self.n_problems
        return {"size": None if count == 1 else count, "in_order": count == 1}

    @property
    def binary_factors(self) -> BinaryFactors:
        """Factors of the binary problem; 1 unless two classes have a joint loss."""
        if self.joint is None or self.is_joint:
            return BinaryFactors()
        return binary_factors(self.joint)

    def costs(self, C: float) -> Float64Array:
        """Return C times the factors of the rows, of shape (n_rows,) or (1,)."""
        costs = row_costs(C, self.factors, _room_of(self.rows))
        factor = self.binary_factors.cost
        return costs if factor == 1.0 else factor * costs

    def losses_of(self, trained: TrainedModel) -> float:
        """Return the sum of cost times loss over rows and problems."""
        return float(self.losses_of_each(trained).sum())

    def losses_of_each(self, trained: TrainedModel) -> Float64Array:
        """Return for each problem the sum of cost times loss over its rows.

        This is the objective without the penalty.
        """
        losses = []
        for solution in trained.solutions:
            certificate = solution.certificate
            if self.penalty is None:
                square = float(np.vdot(certificate.w, certificate.w))
            else:
                square = 2.0 * self.penalty.value(certificate.w)
            if self.rule == "penalized":
                square += float(np.vdot(certificate.intercept, certificate.intercept))
            losses.append(max(certificate.primal - 0.5 * square, 0.0))
        return trained.scale * np.array(losses)

    def starts_from(self, trained: TrainedModel, C: float) -> list[Start | None]:
        """Return starts for the same problems with another C, one for each problem."""
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
        fit_name: str = "",
    ) -> TrainedModel:
        """Train with one C.

        Parameters
        ----------
        C : float
            Factor of the losses.
        starts : list of Start or None, optional
            Where to start, for each problem; set to None when the problem begins. The
            dual variables may belong to other costs.
        keep_duals : bool, default=False
            Whether the solutions keep their dual variables.
        task : Task, optional
            The task of this fit, for callbacks.
        fit_name : str, default=""
            Name of this fit in the lines that are printed, if it is one of many.

        Returns
        -------
        TrainedModel
            The model and its certificates.
        """
        costs = self.costs(C)
        monitor = self.monitor(task, self.rows.n_rows, fit_name)
        if self.is_joint:
            return self._train_jointly(costs, starts[0] if starts else None, monitor)
        solved = OneVsRestSolver(
            rows=self.rows,
            codes=self.codes,
            costs=costs,
            targets=self.targets,
            seeds=self.seeds,
            starts=starts or [None] * len(self.targets),
            loss=self.loss,
            penalty=self.penalty,
            rule=self.rule,
            settings=self.settings,
            n_jobs=self.n_jobs,
            monitor=monitor,
            keep_duals=keep_duals,
        ).solve()
        factors = self.binary_factors
        dtype = self.rows.dtype.type
        coef = np.array([w for _, (w, _, _) in solved])
        intercept = np.array([b for _, (_, b, _) in solved], dtype=dtype)
        if factors.coef != 1.0:
            coef *= dtype(factors.coef)
            intercept *= dtype(factors.coef)
        return TrainedModel(
            coef,
            intercept,
            [solution for solution, _ in solved],
            max(gap for _, (_, _, gap) in solved),
            factors.objective,
            costs,
        )

    def monitor(
        self, task: Task | None, n_rows: int, fit_name: str = ""
    ) -> FitMonitor | None:
        """Return the monitor of a fit, or None if nothing is printed or called back."""
        if not (self.verbose or task is not None):
            return None
        count = self.n_problems
        scale = self.binary_factors.objective

        def printer(number: int) -> ProgressPrinter:
            return ProgressPrinter(
                number,
                count,
                n_rows,
                self.settings.tol,
                self.settings.max_iter,
                scale,
                fit_name,
            )

        return FitMonitor(
            count, printer if self.verbose else None, task, self._unfinished_model
        )

    def _unfinished_model(self, states: Sequence[ProblemState]) -> dict[str, Any]:
        """Return the attributes of a model whose problems are in these states."""
        _, factor, scale = self.binary_factors
        dtype = self.rows.dtype
        last = [state.checks[-1] for state in states]
        coef = np.concatenate([np.atleast_2d(state.weights) for state in states])
        intercept = np.concatenate([np.atleast_1d(state.intercept) for state in states])
        return {
            "classes_": self.classes,
            "coef_": (factor * coef).astype(dtype),
            "intercept_": (factor * intercept).astype(dtype),
            "objective_": scale * sum(check.objective for check in last),
            "dual_gap_": scale * sum(check.gap for check in last),
            "n_iter_": max(1, *(check.iteration for check in last)),
            "history_": [history_table(state.checks, scale) for state in states],
        }

    def _train_jointly(
        self, costs: Float64Array, start: Start | None, monitor: FitMonitor | None
    ) -> TrainedModel:
        """Train all classes in one joint problem."""
        assert self.joint is not None
        solution, coef, intercept, gap = JointSolver(
            rows=self.rows,
            codes=self.codes,
            n_classes=len(self.classes),
            costs=costs,
            loss=self.joint,
            rule=self.rule,
            settings=self.settings,
            seed=self.seeds[0],
            start=start,
            monitor=monitor,
        ).solve()
        return TrainedModel(coef, intercept, [solution], gap, 1.0, costs)

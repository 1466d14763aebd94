"""Training on rows and labels for one C after the other, as fits and paths do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm._classes import Classes
from hingesvm._jointly import Jointly, joint_loss_of, two_class_factors
from hingesvm._validation import draw_seeds, encode_labels, row_costs, row_factors
from hingesvm.losses import MarginLoss, MulticlassLoss, get_loss
from hingesvm.solvers import InterceptRule, Method, Rows, Solution, Start

__all__ = ["Trained", "Training"]

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Trained:
    """A model, and what is known of it.

    Attributes
    ----------
    coef : ndarray of shape (n_scores, n_features)
    intercept : ndarray of shape (n_scores,)
        Both in the dtype of X.
    solutions : list of Solution
        One for each problem that was solved.
    rounded_gap : float
        Largest relative gap of the rounded coefficients.
    scale : float
        Factor of the objectives.
    costs : ndarray of float64, of shape (n_rows,) or (1,)
        Of the rows, in the problems.
    """

    coef: NDArray[np.floating]
    intercept: NDArray[np.floating]
    solutions: list[Solution]
    rounded_gap: float
    scale: float
    costs: Float64Array

    @property
    def objective(self) -> float:
        """Primal value, summed over the problems."""
        each = (solution.certificate.primal for solution in self.solutions)
        return self.scale * float(sum(each))

    @property
    def dual_gap(self) -> float:
        """Duality gap, summed over the problems."""
        each = (solution.certificate.gap for solution in self.solutions)
        return self.scale * float(sum(each))

    @property
    def n_iter(self) -> int:
        """Sweeps and Newton steps, the most of any problem, at least 1."""
        return max(1, *(solution.n_iter for solution in self.solutions))

    @property
    def converged(self) -> bool:
        """Whether all problems are certified to the tolerance."""
        return all(solution.converged for solution in self.solutions)

    def without_duals(self) -> Trained:
        """Return the same without dual variables, which are many."""
        return self._with_certificates(duals=np.empty(0), own=None)

    def without_coefficients(self) -> Trained:
        """Return the same without coefficients."""
        # Copies, as views would keep all of it.
        coef, intercept = self.coef[:0].copy(), self.intercept[:0].copy()
        bare = replace(self, coef=coef, intercept=intercept)
        return bare._with_certificates(weights=np.empty(0))

    def _with_certificates(self, **changes: Any) -> Trained:
        """Return the same with these attributes of the certificates."""
        return replace(
            self,
            solutions=[
                replace(
                    solution,
                    certificate=replace(solution.certificate, **changes),
                    shortfall=None,
                    reach=None,
                )
                for solution in self.solutions
            ],
        )


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
    method: Method
    tol: float
    max_iter: int
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
            method=params.solver,
            tol=params.tol,
            max_iter=params.max_iter,
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
        square = 0.0
        for solution in trained.solutions:
            found = solution.certificate
            square += float(np.vdot(found.w, found.w))
            if self.rule == "penalized":
                square += float(np.vdot(found.intercept, found.intercept))
        return max(trained.objective - 0.5 * trained.scale * square, 0.0)

    def starts_from(self, trained: Trained, C: float) -> list[Start | None]:
        """Return where the same problems with this C are to start."""
        ratio = float(self.costs(C)[0] / trained.costs[0])
        return [
            Start(
                solution.certificate.alpha,
                solution.certificate.w,
                solution.certificate.intercept,
                solution.shortfall,
                found=solution.certificate,
                ratio=ratio,
                reach=solution.reach,
            )
            for solution in trained.solutions
        ]

    def train(
        self,
        C: float,
        starts: list[Start | None] | None = None,
        *,
        keep_duals: bool = False,
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
        """
        costs = self.costs(C)
        if self.is_joint:
            return self._train_jointly(costs, starts[0] if starts else None)
        solved = Classes(
            rows=self.rows,
            codes=self.codes,
            costs=costs,
            targets=self.targets,
            seeds=self.seeds,
            starts=starts or [None] * len(self.targets),
            loss=self.loss,
            rule=self.rule,
            method=self.method,
            tol=self.tol,
            max_iter=self.max_iter,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            keep_duals=keep_duals,
        ).solve()
        _, longer, scale = self.factors_of_two
        dtype = self.rows.dtype.type
        coef = np.stack([w for _, (w, _, _) in solved])
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

    def _train_jointly(self, costs: Float64Array, start: Start | None) -> Trained:
        """Solve one problem of all classes."""
        assert self.joint is not None
        solution, coef, intercept, gap = Jointly(
            rows=self.rows,
            codes=self.codes,
            n_classes=len(self.classes),
            costs=costs,
            loss=self.joint,
            rule=self.rule,
            method=self.method,
            tol=self.tol,
            max_iter=self.max_iter,
            seed=self.seeds[0],
            start=start,
            verbose=self.verbose,
        ).solve()
        return Trained(coef, intercept, [solution], gap, 1.0, costs)

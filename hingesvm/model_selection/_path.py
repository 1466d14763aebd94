"""hinge_path: certified solutions for many values of C."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hingesvm.losses import MarginLoss, MulticlassLoss
from hingesvm.model_selection._grid import grid_of
from hingesvm.penalties import Penalty
from hingesvm.solvers import Method
from hingesvm.svc import HingeSVC
from hingesvm.training.docstrings import documented_by
from hingesvm.training.parameters import HingeParameters
from hingesvm.training.penalty import PenaltyName, penalty_name
from hingesvm.training.reporting import warn_if_path_not_converged
from hingesvm.training.run import Training
from hingesvm.training.trained import TrainedModel
from hingesvm.training.validation import checked_input

__all__ = ["HingePath", "hinge_path", "train_along"]

Float64Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HingePath:
    """Certified solutions for several values of C, in the order of `Cs`.

    Two paths are equal if all of their arrays and their penalties are.

    Parameters
    ----------
    Cs : ndarray of float64, of shape (n_Cs,)
        The values of C.
    classes : ndarray of shape (n_classes,)
        Class labels, sorted.
    coefs : ndarray of shape (n_Cs, 1, n_features) or (n_Cs, n_classes, n_features)
        Weights, in the dtype of `X`, as `coef_` of HingeSVC for each C.
    intercepts : ndarray of shape (n_Cs, 1) or (n_Cs, n_classes)
        Intercepts, as `intercept_` for each C.
    objectives : ndarray of float64, of shape (n_Cs,)
        Primal values, summed over one-vs-rest problems.
    losses : ndarray of float64, of shape (n_Cs,)
        The losses of the rows, weighted and summed: the objective less the penalty,
        divided by C.
    dual_gaps : ndarray of float64, of shape (n_Cs,)
        Absolute duality gaps, summed over one-vs-rest problems.
    n_iters : ndarray of intp, of shape (n_Cs,)
        Sweeps and Newton steps from the solution for the next smaller C, the most of
        any one-vs-rest problem.
    converged : ndarray of bool, of shape (n_Cs,)
        Whether the gap is within the tolerance.
    l1_ratio : float or Penalty, default=0.0
        The share of the L1 norm in the penalty, or the penalty, as passed.

    See Also
    --------
    hinge_path : Returns it.
    hingesvm.inspection.RegularizationPathDisplay : Draws it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from hingesvm.model_selection import hinge_path
    >>> path = hinge_path(*load_iris(return_X_y=True), Cs=[0.1, 1.0, 10.0])
    >>> path.coefs.shape, path.intercepts.shape
    ((3, 3, 4), (3, 3))
    >>> path.losses.round(2)
    array([120.72,  96.11,  90.44])

    With an L1 norm weights are exactly 0 up to the first C of a grid:

    >>> settings = {"l1_ratio": 1.0, "loss": "squared_hinge"}
    >>> path = hinge_path(*load_iris(return_X_y=True), Cs=4, **settings)
    >>> path.n_nonzeros
    array([0, 4, 9, 9])
    """

    Cs: Float64Array
    classes: NDArray[Any]
    coefs: NDArray[np.floating]
    intercepts: NDArray[np.floating]
    objectives: Float64Array
    losses: Float64Array
    dual_gaps: Float64Array
    n_iters: NDArray[np.intp]
    converged: NDArray[np.bool_]
    l1_ratio: float | Penalty = 0.0

    @property
    def penalty(self) -> PenaltyName:
        """The kind of the penalty, as `penalty` of HingeSVC."""
        return penalty_name(self.l1_ratio, self.coefs.shape[2])

    @property
    def n_nonzeros(self) -> NDArray[np.intp]:
        """Number of weights that are not 0 for each C, of all classes together."""
        counts: NDArray[np.intp] = np.count_nonzero(self.coefs, axis=(1, 2))
        return counts

    def __eq__(self, other: object) -> bool:
        """Whether the arrays of both are equal."""
        if not isinstance(other, HingePath):
            return NotImplemented
        names = (field.name for field in fields(self))
        return all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in names
        )


@documented_by(HingeParameters)
def hinge_path(
    X: ArrayLike,
    y: ArrayLike,
    *,
    Cs: int | ArrayLike = 10,
    sample_weight: ArrayLike | None = None,
    loss: str | MarginLoss = "hinge",
    l1_ratio: float | Penalty = 0.0,
    multi_class: str | MulticlassLoss = "ovr",
    fit_intercept: bool = True,
    penalized_intercept: bool = False,
    class_weight: dict[Any, float] | str | None = None,
    solver: Method = "auto",
    tol: float = 1e-4,
    max_iter: int = 1000,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
    verbose: int = 0,
) -> HingePath:
    r"""Solve the problem of HingeSVC for many values of C along a path.

    For each C, it minimises

    .. math::

        P(w, b) = \tfrac12 \|w\|^2 + C \sum_i s_i \,
            \ell\big(y_i (x_i^\top w + b)\big),

    or with the penalty that `l1_ratio` says in place of :math:`\tfrac12 \|w\|^2`.

    The values are taken in ascending order, and each solution is the start for the next
    C: its dual variables, times a factor up to the ratio of both values, are feasible
    for the next C. They are also near its optimum, as dual variables at their bound
    stay there.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Training rows, used in place as by HingeSVC.
    y : array-like of shape (n_samples,)
        Class labels; at least two classes.
    Cs : int or array-like of shape (n_Cs,), default=10
        The values of C, or their number on a logarithmic grid. The grid begins at the C
        below which every dual variable is at its bound and w is proportional to C: with
        :math:`v = \sum_i s_i y_i x_i`, this is :math:`1 / \max_i y_i x_i^\top v`
        without an intercept, and
        :math:`2 / (\max_{y_i=1} x_i^\top v - \min_{y_i=-1} x_i^\top v)` with a free one
        and classes of equal size. With `l1_ratio` above 0 it begins at the C up to
        which all weights are 0, see :func:`least_c`. It ends at ten times the last C
        from which a ten times larger one reduced the training loss of some class. On
        plateaus, where the model uses the largest columns only, the search for the end
        goes on. If columns differ much in scale, the grid can span many decades: pass a
        larger number of values then.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    loss
    l1_ratio
    multi_class
    fit_intercept
    penalized_intercept
    class_weight
    solver
    tol
        This holds for each C.
    max_iter
        Each C is a fit.
    n_jobs
    random_state
    verbose

    Returns
    -------
    HingePath
        Coefficients, objectives, gaps and iterations for each C.

    Raises
    ------
    ValueError
        If the input is unusable; the message says why.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` was reached for some C, or float32 coefficients are too coarse
        for `tol`.

    See Also
    --------
    HingeSVCCV : Chooses C by cross-validation along such paths.

    References
    ----------
    Hastie, Rosset, Tibshirani and Zhu, "The entire regularization path for the support
    vector machine", Journal of Machine Learning Research 5, 2004: dual variables change
    piecewise linearly along the path.

    Chu, Ho, Tsai, Lin and Lin, "Warm start for parameter selection of linear
    classifiers", KDD 2015.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from hingesvm.model_selection import hinge_path
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> path = hinge_path(scale(X), y, Cs=[0.01, 0.1, 1.0])
    >>> path.coefs.shape
    (3, 1, 30)
    >>> path.objectives.round(3)
    array([ 0.869,  4.347, 26.525])
    >>> bool((path.dual_gaps <= 1e-10 * path.objectives).all())
    True
    """
    params = HingeSVC(
        loss=loss,
        l1_ratio=l1_ratio,
        multi_class=multi_class,
        fit_intercept=fit_intercept,
        penalized_intercept=penalized_intercept,
        class_weight=class_weight,
        solver=solver,
        tol=tol,
        max_iter=max_iter,
        n_jobs=n_jobs,
        random_state=random_state,
        verbose=verbose,
    )
    params._validate_params()
    training = Training.build(params, *checked_input(params, X, y, sample_weight))
    values = grid_of([training], Cs)
    by_index = dict(train_along(training, values))
    models = [by_index[index] for index in range(len(values))]
    warn_if_path_not_converged(
        "hinge_path", training.rows, models, tol, max_iter, solver, stack_level=2
    )
    return HingePath(
        values,
        training.classes,
        np.stack([model.coef for model in models]),
        np.stack([model.intercept for model in models]),
        np.array([model.objective for model in models]),
        np.array([training.losses_of(model) for model in models]) / values,
        np.array([model.dual_gap for model in models]),
        np.array([model.n_iter for model in models], dtype=np.intp),
        np.array([model.converged for model in models]),
        l1_ratio,
    )


def train_along(
    training: Training, Cs: Sequence[float] | Float64Array, prefix: str = ""
) -> Iterator[tuple[int, TrainedModel]]:
    """Train with each C in ascending order, and yield its index and model.

    Dual variables are kept only until the next C is trained.

    Parameters
    ----------
    training : Training
        The training on some rows.
    Cs : sequence of float
        The values of C, in any order.
    prefix : str, default=""
        The lines that are printed name a fit by this and its C.

    Yields
    ------
    index : int
        The index of the C in `Cs`.
    model : TrainedModel
        The model, without dual variables.
    """
    last: TrainedModel | None = None
    for index in np.argsort(Cs, kind="stable").tolist():
        C = float(Cs[index])
        starts = None if last is None else training.starts_from(last, C)
        name = f"{prefix}C={C:.4g}"
        last = training.train(C, starts, keep_duals=True, fit_name=name)
        yield index, last.without_duals()

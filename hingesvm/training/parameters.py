"""The one declaration of the parameters that both estimators and hinge_path share."""

from __future__ import annotations

from functools import cache
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    StrOptions,
)

from hingesvm.losses import MarginLoss, MulticlassLoss
from hingesvm.losses._names import hint_of_loss
from hingesvm.penalties import Penalty
from hingesvm.problems.values import InterceptRule
from hingesvm.solvers import Method

__all__ = ["BOOLEAN", "HingeParameters", "intercept_rule"]

# What scikit-learn's "boolean" and "random_state" stand for. The names would be
# translated anew at each fit.
BOOLEAN = [bool, np.bool_]
_SEED = Interval(Integral, 0, 2**32 - 1, closed="both")


class HingeParameters(BaseEstimator):
    r"""The parameters that HingeSVC, HingeSVCCV and hinge_path share.

    Their order, types and defaults are those of the signature below, the values that
    they may have are in `_parameter_constraints`, and `documented_by` copies the
    following entries into the docstrings of all three. Their own signatures repeat
    the shared parameters, as scikit-learn and editors read them there;
    ``tests/training/test_parameters.py`` compares them with this one.

    Parameters
    ----------
    loss : str or MarginLoss, default="hinge"
        The loss, by name, "hinge", "squared_hinge" or "smoothed_hinge", or as an
        object such as ``SmoothedHinge(gamma=0.5)``.
    l1_ratio : float or Penalty, default=0.0
        The share r of the L1 norm in the penalty, from 0 to 1, which is then
        :math:`\tfrac{1 - r}{2} \|w\|^2 + r \|w\|_1`; or a penalty object, such as
        ``ElasticNet(0.5, factors=f)`` with a factor for each column. Above 0, weights
        of columns that are not worth their price are exactly 0. A penalised intercept
        adds :math:`\tfrac12 b^2` whatever it is. Joint training needs 0.
    multi_class : str or MulticlassLoss, default="ovr"
        How more than two classes are trained: each against the rest, "ovr", or jointly
        by a loss of all scores, "crammer_singer", "weston_watkins" or an object such as
        ``WestonWatkins(margin=2.0)``, with the plain hinge only. With two classes the
        joint problem is solved as the binary one that it equals: its objective is half
        that of "ovr" at twice the C, and its one score is the difference of the scores
        of both classes.
    fit_intercept : bool, default=True
        Whether the model has an intercept b. Without one, b is 0, and
        `penalized_intercept` has no effect.
    penalized_intercept : bool, default=False
        Whether to add :math:`\tfrac12 b^2` to the objective, as LinearSVC does. By
        default the intercept is not penalised, as in SVC.
    class_weight : dict, "balanced" or None, default=None
        Factors of C, by class; classes of factor 0 are left out, and are not among
        `classes_`. "balanced" makes them inversely proportional to the summed sample
        weights of the classes.
    solver : {"auto", "stochastic", "batch", "pegasos"}, default="auto"
        "stochastic" sweeps over the rows, and "batch" takes Newton steps. "auto" takes
        turns between both, and gives more work to the one that has gained more for its
        work so far. With very many rows it begins with Newton steps on samples of them,
        and on small dense tables of few columns with Newton steps on all rows.
        "pegasos" is the classical stochastic subgradient method, for reference: it is
        slow to converge, and trains no joint problems.
    tol : float, default=1e-4
        Relative duality gap to reach: the gap is at most `tol` times the objective, for
        each of the one-vs-rest problems. Binary and one-vs-rest problems with up to
        10,000 rows and 4 million values (rows times columns), and joint ones with up to
        1000 weights and 200,000 rows times weights, are solved as far as rounding
        permits, normally to 1e-10 or better: by "batch" in any case, and by "auto"
        where that takes no more arithmetic than to reach `tol`, or a few milliseconds.
    max_iter : int, default=1000
        Largest number of sweeps and Newton steps, counted together, of a fit.
    n_jobs : int or None, default=None
        Number of threads, for one-vs-rest problems or, with two classes, for one
        problem on wide sparse rows; a joint problem is solved by one thread. None means
        1 unless in a joblib context, -1 all processors. No more threads are started
        than there are processors. The same number gives the same result to the last
        bit, whatever the number of processors. With two classes another number can give
        another result, which is certified to the same `tol`.
    random_state : int, RandomState instance or None, default=None
        Seed of the order in which rows are visited. None is the seed 0: fits are
        reproducible in any case, and none uses NumPy's global random state.
    verbose : int, default=0
        1 prints a line for each look at the duality gap, and one at the end of each
        problem that says why it ended.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "loss": [
            StrOptions({"hinge", "squared_hinge", "smoothed_hinge"}),
            MarginLoss,
        ],
        "l1_ratio": [Interval(Real, 0.0, 1.0, closed="both"), Penalty],
        "multi_class": [
            StrOptions({"ovr", "crammer_singer", "weston_watkins"}),
            MulticlassLoss,
        ],
        "fit_intercept": BOOLEAN,
        "penalized_intercept": BOOLEAN,
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "solver": [StrOptions({"auto", "stochastic", "batch", "pegasos"})],
        "tol": [Interval(Real, 0.0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": [_SEED, np.random.RandomState, None],
        "verbose": [Interval(Integral, 0, None, closed="left"), *BOOLEAN],
    }

    def __init__(
        self,
        *,
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
    ) -> None:
        self.loss = loss
        self.l1_ratio = l1_ratio
        self.multi_class = multi_class
        self.fit_intercept = fit_intercept
        self.penalized_intercept = penalized_intercept
        self.class_weight = class_weight
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _validate_params(self) -> None:
        """Check the parameters; say what a loss of another package is here."""
        try:
            super()._validate_params()
        except InvalidParameterError as error:
            if not isinstance(self.loss, str) or "'loss'" not in str(error):
                raise
            raise InvalidParameterError(f"{error}{hint_of_loss(self.loss)}") from None

    @classmethod
    @cache
    def _get_param_names(cls) -> list[str]:
        """Return the names of the parameters, which are looked up at each fit."""
        names: list[str] = super()._get_param_names()
        return names

    def _shared_parameters(self) -> dict[str, Any]:
        """Return the values of the shared parameters, by name."""
        return {
            name: getattr(self, name) for name in HingeParameters._get_param_names()
        }


def intercept_rule(params: HingeParameters) -> InterceptRule:
    """Return how intercepts are treated."""
    if not params.fit_intercept:
        return "none"
    return "penalized" if params.penalized_intercept else "free"

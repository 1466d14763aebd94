"""DaskHingeSVC, the estimator for rows on the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, ClassVar

import numpy as np
from dask.delayed import delayed
from distributed import Client, get_client, get_worker, worker_client
from numpy.typing import NDArray
from sklearn.base import _fit_context, clone
from sklearn.utils.validation import check_is_fitted

from hingesvm._base import BaseHingeSVC
from hingesvm.dask._cluster import DaskBlocks
from hingesvm.dask._collections import (
    are_local,
    are_tuples,
    map_rows,
    partitions,
    parts_on_workers,
)
from hingesvm.losses import MarginLoss, MulticlassLoss
from hingesvm.penalties import Penalty
from hingesvm.solvers import Method
from hingesvm.svc import HingeSVC
from hingesvm.training.arguments import explains_arguments
from hingesvm.training.blocks import BlocksTraining, LastModel
from hingesvm.training.callbacks import begin_fit
from hingesvm.training.docstrings import documented_by
from hingesvm.training.penalty import refuse_penalty
from hingesvm.training.reporting import warn_if_not_converged
from hingesvm.training.validation import refuse_pegasos, unchanged_on_error

__all__ = ["DaskHingeSVC"]


@documented_by(HingeSVC)
class DaskHingeSVC(BaseHingeSVC):
    r"""Linear support vector classifier for rows in partitions on a Dask cluster.

    For two classes it minimises

    .. math::

        P(w, b) = \tfrac12 \|w\|^2 + C \sum_i s_i \,
            \ell\big(y_i (x_i^\top w + b)\big)

    over the rows of all partitions: the problem of `HingeSVC`, with the same
    certificate. Partitions stay on their workers, and so does what is one number a row.
    A round asks each worker for sums over its rows, one for each column and a few more;
    few rounds are taken. The few rows near their kinks are gathered and solved by the
    client.

    Parameters
    ----------
    C
    loss
    l1_ratio
    multi_class
    fit_intercept
    penalized_intercept
    class_weight
    solver
    tol
    max_iter
    warm_start : bool, default=False
        Whether the next fit starts from `coef_` and `intercept_`.
    n_jobs
    random_state
    verbose
    client : distributed.Client, optional
        The client of the cluster. Default: that of ``distributed.get_client()``. It is
        never pickled, and clones share it.

    Attributes
    ----------
    classes_
    coef_
    intercept_
    objective_
    dual_gap_
    n_iter_
    history_
    n_features_in_
    feature_names_in_

    See Also
    --------
    HingeSVC : The same on one machine; its `fit_batches` reads rows from disk.

    Notes
    -----
    Rows of up to 10,000 in all are gathered, and trained as by `HingeSVC`. More than
    two classes are trained jointly on no more than these. ``solver="pegasos"`` is
    refused.

    The same partitions and `random_state` give the same result to the last bit,
    whatever the number of workers. A worker may die: where Dask can make its partitions
    anew, training goes on with dual variables that begin anew in them, and the
    certificate is still one of all rows.

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from sklearn.datasets import make_classification
    >>> from hingesvm.dask import DaskHingeSVC
    >>> X, y = make_classification(20_000, 10, flip_y=0.1, random_state=0)
    >>> X, y = da.from_array(X, chunks=(5_000, -1)), da.from_array(y, chunks=5_000)
    >>> with Client(processes=False, dashboard_address=":0") as client:
    ...     clf = DaskHingeSVC(client=client).fit(X, y)
    >>> bool(clf.dual_gap_ <= 1e-4 * clf.objective_)
    True
    """

    _doc_page = "hingesvm.dask.DaskHingeSVC"

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **HingeSVC._parameter_constraints,
        "client": "no_validation",
    }

    @explains_arguments
    def __init__(
        self,
        C: float = 1.0,
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
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        client: Client | None = None,
    ) -> None:
        super().__init__(
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
        self.C = C
        self.warm_start = warm_start
        self.client = client

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {**state, "client": None}

    def _shared_params(self) -> dict[str, Any]:
        """Return the parameters that HingeSVC has, too."""
        return {k: v for k, v in self.get_params().items() if k != "client"}

    def __sklearn_clone__(self) -> DaskHingeSVC:
        """Return an unfitted copy, which shares the client."""
        others = self._shared_params().items()
        copied = {name: clone(value, safe=False) for name, value in others}
        return type(self)(**copied, client=self.client)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coef_")

    def _client(self) -> Client:
        """Return the client of the cluster."""
        if self.client is not None and not isinstance(self.client, Client):
            raise TypeError(
                "client must be a distributed.Client or None, got "
                f"{type(self.client).__name__}."
            )
        try:
            client = get_client() if self.client is None else self.client
        except ValueError:
            raise ValueError(
                "There is no Dask client: pass DaskHingeSVC(client=Client(...)), or "
                "make one before, as distributed.Client() does. Clients are not "
                "pickled, so processes of joblib have none."
            ) from None
        if client.asynchronous:
            raise ValueError(
                "DaskHingeSVC waits for the cluster, and would stop the event loop of "
                "an asynchronous client: call it in a thread of its own, as in "
                "await asyncio.to_thread(clf.fit, X, y)."
            )
        if client.status == "closed":
            raise ValueError("client is closed: pass DaskHingeSVC(client=Client(...)).")
        return client

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> DaskHingeSVC:
        """Train on the rows of all partitions.

        Parameters
        ----------
        X : dask.array.Array, dask DataFrame, or list of delayed or futures
            Partitions of rows, of shape (n_samples, n_features). Sizes of chunks may be
            unknown. The parts of an array may be ndarrays or CSR matrices or arrays,
            and it has one chunk of columns. A list is one of parts (X, y) or (X, y,
            sample_weight) if `y` is None, delayed together or each on its own.
        y : dask array, Series, or list of delayed or futures
            Class labels, in the partitions of X.
        sample_weight : dask array, Series, or list, optional
            Non-negative weights, in the partitions of X.

        Returns
        -------
        DaskHingeSVC
            The fitted estimator.

        Raises
        ------
        TypeError
            If X is in memory.
        ValueError
            If the input is unusable; the message says why, and names the partition. The
            estimator is then as it was before.
        RuntimeError
            If a partition is lost with its worker and cannot be made anew, or the
            client is closed meanwhile.

        Warns
        -----
        ConvergenceWarning
            As from `HingeSVC.fit`.
        """
        refuse_pegasos(self.solver, "partitions")
        refuse_penalty(self, "DaskHingeSVC")
        lists, client = partitions(X, y, sample_weight), self._client()
        with unchanged_on_error(self), _beside_tasks(), _while_open(client):
            parts = parts_on_workers(client, lists)
            blocks = DaskBlocks(client, parts, self.class_weight)
            training = BlocksTraining(self, blocks, range(len(blocks.heights)))
            self.n_features_in_ = training.known.n_features
            if training.names is not None:
                self.feature_names_in_ = training.names
            elif hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
            last = None
            if self.warm_start and hasattr(self, "coef_"):
                coef = self._dense_coef()
                last = LastModel(self.classes_, coef, self.intercept_)
            tasks = training.training.tasks
            task = begin_fit(self, X, y, sample_weight, **tasks)
            trained = training.train(self.C, last, task)
            self._set_model(training.classes, trained)
            if task is not None:
                task.end(dict)
            warn_if_not_converged(
                training.known.some, trained, self.tol, self.max_iter, self.solver
            )
        return self

    def to_local(self) -> HingeSVC:
        """Return a fitted HingeSVC with the same parameters and the same model.

        Returns
        -------
        HingeSVC
            It needs no cluster.
        """
        check_is_fitted(self)
        local = HingeSVC(**self._shared_params())
        for name, value in vars(self).items():
            if name.endswith("_") and not name.startswith("_"):
                setattr(local, name, value)
        return local

    def decision_function(self, X: Any) -> Any:
        """Return the signed scores ``X @ coef_.T + intercept_``.

        Parameters
        ----------
        X : Dask array, Dask DataFrame, list of delayed or futures, or rows in memory
            Rows with the columns of `fit`.

        Returns
        -------
        Dask array, Dask Series or DataFrame, list of delayed, or ndarray
            Of the kind of X, and lazy unless X is in memory. Of the shape (n_samples,)
            or (n_samples, n_classes).
        """
        if are_local(X):
            return super().decision_function(X)
        local = self.to_local()
        n_scores = len(self.intercept_)
        shape = (0,) if n_scores == 1 else (0, n_scores)
        return map_rows(local.decision_function, X, np.empty(shape, self.coef_.dtype))

    def predict(self, X: Any) -> Any:
        """Return the class of each row.

        Parameters
        ----------
        X : Dask array, Dask DataFrame, list of delayed or futures, or rows in memory
            Rows with the columns of `fit`.

        Returns
        -------
        Dask array, Dask Series, list of delayed, or ndarray of shape (n_samples,)
            Members of `classes_`; lazy unless X is in memory.
        """
        if are_local(X):
            return super().predict(X)
        return map_rows(self.to_local().predict, X, self.classes_[:0])

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the accuracy.

        Parameters
        ----------
        X, y, sample_weight
            As of `fit`, or rows in memory.

        Returns
        -------
        float
            The weighted share of rows whose class is predicted.
        """
        if are_local(X) and not are_tuples(X):
            return float(super().score(X, y, sample_weight))
        client, local = self._client(), self.to_local()
        lists = partitions(X, y, sample_weight)
        parts = [delayed(_hits)(local, *part) for part in zip(*lists, strict=True)]
        with _beside_tasks():
            found = client.gather(client.compute(parts))
        hits, total = np.sum(found, axis=0)
        if not total:
            raise ValueError("No row has a positive weight, so there is no score.")
        return float(hits / total)


@contextmanager
def _while_open(client: Client) -> Iterator[None]:
    """Say so if the client was closed, whatever error came of it."""
    try:
        yield
    except Exception as error:
        if client.status == "running":
            raise
        raise RuntimeError(
            "The client was closed, or has lost the scheduler, before the fit was done."
        ) from error


@contextmanager
def _beside_tasks() -> Iterator[None]:
    """Leave the thread of the worker to other tasks, if this is in a task."""
    with ExitStack() as stack:
        with suppress(ValueError):
            get_worker()
            stack.enter_context(worker_client())
        yield


def _hits(model: HingeSVC, *part: Any) -> NDArray[np.float64]:
    """Return the weights of the rows that are predicted right, and of all."""
    X, y, *weight = part[0] if len(part) == 1 else part
    labels = np.asarray(y).ravel()
    if X.shape[0] == 0:
        return np.zeros(2)
    right = model.predict(X) == labels
    weights = np.asarray(weight[0], dtype=np.float64) if weight else np.ones(len(right))
    return np.array([weights[right].sum(), weights.sum()])

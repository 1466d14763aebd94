"""The tasks of a fit, as scikit-learn's callbacks see them; none before version 1.9."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for that of scikit-learn where it has no callbacks: adds nothing."""


__all__ = ["LEFT_TO_SKLEARN", "CallbackSupportMixin", "Data", "Task", "begin_fit"]

#: Attributes of an estimator in fit that scikit-learn removes, after errors too.
LEFT_TO_SKLEARN = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")

#: Keyword arguments of the hooks: "X", "y" and "metadata", or calls that return them.
Data = dict[str, Any]
#: Returns what makes a copy of the estimator one that is fitted.
Attributes = Callable[[], dict[str, Any]]


class Task:
    """A task of a fit, which has begun.

    Callbacks are called by one thread at a time.

    Parameters
    ----------
    estimator : estimator instance
        The one in fit.
    context : CallbackContext
    data : dict
        As hooks are given it.
    lock : RLock
        The same for all tasks of a fit.
    """

    def __init__(
        self, estimator: Any, context: Any, data: Data, lock: threading.RLock
    ) -> None:
        self.estimator, self.context, self.data, self.lock = (
            estimator,
            context,
            data,
            lock,
        )
        with lock:
            context.call_on_fit_task_begin(estimator=estimator, **data)

    def begin(
        self,
        name: str,
        number: int | None = None,
        *,
        size: int | None = 0,
        in_order: bool = True,
        data: Data | None = None,
    ) -> Task:
        """Begin a task that is a part of this one.

        Parameters
        ----------
        name : str
        number : int, optional
            Which one it is; must be given where the parts are in no order.
        size : int or None, default=0
            Number of its own parts at most; None if unknown.
        in_order : bool, default=True
            Whether these are begun one after the other.
        data : dict, optional
            What hooks are given; as of this task by default.
        """
        with self.lock:
            context = self.context.subcontext(
                task_name=name,
                task_id=number,
                max_subtasks=size,
                sequential_subtasks=in_order,
            )
            return Task(self.estimator, context, data or self.data, self.lock)

    def end(self, attributes: Attributes | None = None) -> bool:
        """End it; return whether a callback asks to stop tasks of this level."""
        with self.lock:
            stop = self.context.call_on_fit_task_end(
                estimator=self.estimator,
                reconstruction_attributes=attributes,
                **self.data,
            )
        return bool(stop)


def begin_fit(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    size: int | None,
    *,
    in_order: bool,
) -> Task | None:
    """Begin the task of a whole fit; None if no callbacks are set.

    Parameters
    ----------
    estimator : estimator instance
    X, y, sample_weight
        As they were given to `fit`.
    size, in_order
        As of `Task.begin`.
    """
    if not getattr(estimator, "_skl_callbacks", None):
        return None
    context = estimator._init_callback_context(
        max_subtasks=size, sequential_subtasks=in_order
    )
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    data = {"X": X, "y": y, "metadata": metadata}
    return Task(estimator, context, data, threading.RLock())

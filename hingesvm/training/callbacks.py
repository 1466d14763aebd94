"""Tasks of a fit, for callbacks, which scikit-learn has since version 1.9."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """An empty stand-in for the class of a scikit-learn that has callbacks."""


__all__ = ["LEFT_TO_SKLEARN", "CallbackSupportMixin", "Data", "Task", "begin_fit"]

#: Attributes of an estimator during fit, which scikit-learn removes, after errors too.
LEFT_TO_SKLEARN = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")

#: Keyword arguments of the hooks: "X", "y" and "metadata", or calls that return them.
Data = dict[str, Any]
#: Returns the attributes that make a copy of the estimator a fitted one.
Attributes = Callable[[], dict[str, Any]]


class Task:
    """A task of a fit that has begun; callbacks are told of its beginning and end.

    One thread at a time calls callbacks.

    Parameters
    ----------
    estimator : estimator instance
        The estimator that is fitted.
    context : CallbackContext
        The context of this task.
    data : dict
        The keyword arguments of the hooks: "X", "y" and "metadata".
    lock : RLock
        The lock that all tasks of a fit share.
    """

    def __init__(
        self, estimator: Any, context: Any, data: Data, lock: threading.RLock
    ) -> None:
        self.estimator = estimator
        self.context = context
        self.data = data
        self.lock = lock
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
        """Begin a subtask of this task.

        Parameters
        ----------
        name : str
            The name by which callbacks know it.
        number : int, optional
            Its number among the subtasks, required if they are in no order.
        size : int or None, default=0
            The largest number of subtasks that it can have; None if unknown.
        in_order : bool, default=True
            Whether its subtasks are begun one after the other.
        data : dict, optional
            The keyword arguments of the hooks; by default those of this task.

        Returns
        -------
        Task
            The subtask.
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
        """End this task; return whether a callback asks to stop tasks of this level."""
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
    """Begin the task of a whole fit.

    Parameters
    ----------
    estimator : estimator instance
        The estimator that is fitted.
    X, y, sample_weight : array-like
        The arguments of `fit`, as the user gave them.
    size : int or None
        The largest number of subtasks; None if unknown.
    in_order : bool
        Whether the subtasks are begun one after the other.

    Returns
    -------
    Task or None
        None if the estimator has no callbacks.
    """
    if not getattr(estimator, "_skl_callbacks", None):
        return None
    context = estimator._init_callback_context(
        max_subtasks=size, sequential_subtasks=in_order
    )
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    data = {"X": X, "y": y, "metadata": metadata}
    return Task(estimator, context, data, threading.RLock())

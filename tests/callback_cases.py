"""A callback that keeps what it is told, and what the tests of callbacks ask of it."""

import numpy as np
import pytest
from samples import text

from hingesvm import HingeSVC

needs_callbacks = pytest.mark.skipif(
    not hasattr(HingeSVC, "set_callbacks"), reason="scikit-learn has no callbacks"
)


class Recorder:
    """Keeps what it is told; `stop` of a context and a model says when to stop."""

    def __init__(self, stop=lambda context, model: False):
        self.stop = stop
        self.calls = []
        self.begun, self.ended, self.models = [], [], []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self.begun.append(path(context))
        self.given = X, y, metadata

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.ended.append(path(context))
        self.models.append(fitted_estimator)
        return self.stop(context, fitted_estimator)

    def models_of(self, *names):
        """Return the models at the ends of tasks."""
        pairs = zip(self.ended, self.models, strict=True)
        return [model for at, model in pairs if tuple(n for n, _ in at) == names]


def path(context):
    """Return names and numbers of a task and those that it is a part of."""
    above = [] if context.parent is None else path(context.parent)
    return [*above, (context.task_name, context.task_id)]


def counts(seen):
    """Return how many tasks there are of each kind."""
    names = [task[-1][0] for task in seen]
    return {name: names.count(name) for name in names}


def at_gap(bound):
    """Return what stops at a look with a relative gap of at most `bound`."""

    def stop(context, model):
        if context.task_name != "gap-check":
            return False
        number = context.parent.task_id if context.parent.task_name == "class" else 0
        last = model.history_[number][-1]
        return last["gap"] <= bound * last["objective"]

    return stop


def text_of_classes(count=5):
    """Return sparse rows, enough of them for classes to be swept over together."""
    X, _ = text()
    scores = X @ np.random.default_rng(0).normal(size=(X.shape[1], count))
    return X, scores.argmax(axis=1)

"""A process that holds one problem and one solver, and forks a child for each fit.

Requests and replies are lines of JSON on standard input and output. What libraries
print goes to standard error.
"""

import json
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import objective
from data import Dataset, load
from peak import forget_peak, peak_memory
from peers import SOLVERS, Task, hingesvm_estimator

Reply = dict[str, Any]

# Rows of each class in a first fit, which loads and compiles the libraries.
WARM_UP_ROWS = 20
# Seconds that a child may take for all but what is timed.
GRACE = 300.0
# Passes over X, of which the median is taken.
PASSES = 5


def main() -> None:
    """Serve requests until standard input ends."""
    problem, solver = sys.argv[1:]
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    # An exit, unlike a signal, ends the child too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if solver in SOLVERS:
        import_module(SOLVERS[solver].module)
    dataset = load(problem)
    about = {"source": dataset.source, "shape": dataset.X.shape}
    print(json.dumps(about), file=channel)
    for line in sys.stdin:
        request = json.loads(line)
        reply = _in_child(JOBS[request["job"]], dataset, solver, request)
        print(json.dumps(reply), file=channel)


def _in_child(
    job: Callable[..., Reply], dataset: Dataset, solver: str, request: dict[str, Any]
) -> Reply:
    """Run a job in a forked child, and kill it at the limit."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(theirs, job, dataset, solver, request))
    child.start()
    theirs.close()
    try:
        for stage, limit in (("ready", GRACE), ("timed", request["limit"])):
            if not ours.poll(limit):
                return {"timed_out": True, "note": "" if stage == "timed" else "setup"}
            message = ours.recv()
            if message != stage:
                return message
        return ours.recv() if ours.poll(GRACE) else {"error": "no reply"}
    except EOFError:
        return {"error": "the process died"}
    finally:
        child.kill()
        child.join()


def _run(
    pipe: Connection,
    job: Callable[..., Reply],
    dataset: Dataset,
    solver: str,
    request: dict[str, Any],
) -> None:
    """Do a job in this process and send its reply, or what went wrong."""
    try:
        pipe.send(job(pipe.send, dataset, solver, **request["task"]))
    except Exception as error:  # a peer may raise anything; the race goes on
        pipe.send({"error": f"{type(error).__name__}: {error}"[:200]})


def _fit(
    send: Callable[[str], None], dataset: Dataset, solver: str, **task: Any
) -> Reply:
    """Time a fit, from rows and labels in memory to the model."""
    X, y, wanted = dataset.X, dataset.y, Task(**task)
    fit = SOLVERS[solver].fit
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classes = (np.flatnonzero(y == sign) for sign in (-1, 1))
        few = np.concatenate([rows[:WARM_UP_ROWS] for rows in classes])
        fit(X[few], y[few], replace(wanted, tol=0.1, max_iter=10))
        caught.clear()
        forget_peak()
        before = peak_memory()
        send("ready")
        start = time.perf_counter()
        model = fit(X, y, wanted)
        seconds = time.perf_counter() - start
        send("timed")
        peak = peak_memory() - before
    value = objective.primal(X, y, wanted.C, wanted.rule, model.w, model.b)
    return {
        "seconds": seconds,
        "objective": value,
        "gap": model.gap / value,
        "extra_mb": peak / 1e6,
        "note": " ".join(sorted({w.category.__name__ for w in caught})),
    }


def _reference(
    send: Callable[[str], None], dataset: Dataset, solver: str, **task: Any
) -> Reply:
    """Bound the minimum from both sides, with values computed by `objective.py`."""
    X, y, wanted = dataset.X, dataset.y, Task(**task)
    send("ready")
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf = hingesvm_estimator(wanted, warm_start=True).fit(X, y)
    seconds = time.perf_counter() - start
    send("timed")
    alpha = clf.dual_coef_[0] * y
    w, b = clf.coef_.astype(np.float64).ravel(), float(clf.intercept_[0])
    rounded = objective.primal(X, y, wanted.C, wanted.rule, w, b)
    w = objective.combination(X, np.clip(alpha, 0.0, wanted.C) * y)
    b = float(alpha @ y) if wanted.rule == "penalized" else b
    exact = objective.primal(X, y, wanted.C, wanted.rule, w, b)
    return {
        "upper": min(rounded, exact),
        "lower": objective.dual(X, y, wanted.C, wanted.rule, alpha),
        "seconds": seconds,
    }


def _pass(
    send: Callable[[str], None], dataset: Dataset, solver: str, **task: Any
) -> Reply:
    """Time X @ w in the type of X."""
    X, w = dataset.X, np.ones(dataset.X.shape[1], dtype=dataset.X.dtype)
    X @ w
    send("ready")
    times = []
    for _ in range(PASSES):
        start = time.perf_counter()
        X @ w
        times.append(time.perf_counter() - start)
    send("timed")
    return {"seconds": float(np.median(times))}


JOBS = {"fit": _fit, "reference": _reference, "pass": _pass}

if __name__ == "__main__":
    main()

"""Worker processes, as seen from the race: start one, ask it for fits, stop it."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from peers import Task

# Tolerance and bound on the iterations for the best known solution.
REFERENCE = (1e-9, 100_000)


class Worker:
    """A process that holds one problem and one solver.

    `python` is the interpreter, and so the packages, that it runs with.
    """

    def __init__(
        self, problem: str, solver: str, threads: int = 1, python: str = sys.executable
    ) -> None:
        script = Path(__file__).with_name("worker.py")
        self._name = f"{solver} on {problem}"
        self._process = subprocess.Popen(
            [python, str(script), problem, solver],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Some libraries print at each fit; errors come as replies.
            stderr=subprocess.DEVNULL,
            env=environment(threads),
            text=True,
            bufsize=1,
        )
        self.threads = threads
        about = self._receive()
        self.source: str = about["source"]
        self.n_rows, self.n_columns = about["shape"]

    def fit(self, task: Task, limit: float) -> dict[str, Any]:
        """Return seconds, objective, gap and memory of a fit, or what went wrong."""
        return self._ask("fit", asdict(task), limit)

    def reference(self, C: float, rule: str, limit: float) -> dict[str, Any]:
        """Return upper and lower bounds of the minimum."""
        task = Task(C, rule, *REFERENCE, threads=self.threads)
        return self._ask("reference", asdict(task), limit)

    def pass_seconds(self, limit: float = 600.0) -> float:
        """Return the time of one product of X and a vector."""
        return float(self._ask("pass", {}, limit)["seconds"])

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A worker ends when its input does, but not during a fit, as after Ctrl-C.
        assert self._process.stdin is not None
        self._process.stdin.close()
        if kind is not None:
            self._process.terminate()
        self._process.wait()

    def _ask(self, job: str, task: dict[str, Any], limit: float) -> dict[str, Any]:
        assert self._process.stdin is not None
        request = {"job": job, "task": task, "limit": limit}
        print(json.dumps(request), file=self._process.stdin)
        return self._receive()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker of {self._name} died")
        return json.loads(line)


class Pool(ExitStack):
    """The workers of one problem, each started when it is first asked for."""

    def __init__(self, problem: str) -> None:
        super().__init__()
        self._problem = problem
        self._workers: dict[tuple[str, int], Worker] = {}

    def get(self, solver: str, threads: int) -> Worker:
        """Return the worker of a solver with so many threads."""
        if (solver, threads) not in self._workers:
            worker = self.enter_context(Worker(self._problem, solver, threads))
            self._workers[solver, threads] = worker
        return self._workers[solver, threads]


def environment(threads: int) -> dict[str, str]:
    """Return the environment in which libraries use that many threads."""
    counts = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {
        **os.environ,
        **dict.fromkeys(counts, str(threads)),
        # Threads that spin while they wait would take the cores from those that work.
        "OMP_WAIT_POLICY": "passive",
    }

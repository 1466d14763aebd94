"""Fits on a Dask cluster of processes: rounds, bytes, and seconds by workers.

A table (covtype) in 16 partitions and texts in 10, in the order of their files; a
generated table of 5,000,000 x 50, made on the workers; and the same table in 4 to 256
blocks, simulated in threads. SGDClassifier is trained partition after partition, as
dask_ml's Incremental does it.

Seconds are those of a clock, medians over fits.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import data
import machine
import numpy as np
import objective
from dask import delayed
from distributed import Client, LocalCluster, wait
from markdown import table
from results import FOLDER
from sklearn.linear_model import SGDClassifier

import hingesvm.dask._estimator as estimator
from hingesvm import HingeSVC
from hingesvm.dask import DaskHingeSVC
from hingesvm.dask._cluster import DaskBlocks, _size
from hingesvm.solvers.blocks.asking import LocalBlocks
from hingesvm.training.batches import BatchReader
from hingesvm.training.blocks import BlocksTraining

Row = dict[str, Any]

C, TOL, PARTS = 1.0, 1e-4, 16
WORKERS = (1, 2)
# Requests that bring rows, and those whose answers are added up.
ROWS, SUMS = ("sample", "gather"), ("enter", "enter_swept", "look", "line")
LEVEL = 1e-2
BLOCKS = (4, 16, 64, 256)


class Noted(DaskBlocks):
    """Blocks that note requests and bytes."""

    last: "Noted"

    def __init__(self, *args: Any) -> None:
        self.names: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.most = 0
        super().__init__(*args)
        Noted.last = self

    def ask(self, name: str, *args: Any, **kwargs: Any) -> list[Any]:
        """Ask, and note it."""
        found = super().ask(name, *args, **kwargs)
        self.names[name] += 1
        self.bytes[name] += sum(map(_size, found))
        if name in SUMS:
            self.most = max(self.most, *(_size(answer) for answer in found))
        return found

    def chain(self, name: str, *args: Any) -> Any:
        """Ask one after the other, and note it."""
        self.names[name] += 1
        return super().chain(name, *args)


def main() -> None:
    """Measure each part and write results/cluster.md."""
    options = parse()
    estimator.DaskBlocks = Noted  # type: ignore[misc]
    kept = options.output / "cluster.json"
    found = json.loads(kept.read_text("utf-8")) if kept.is_file() else {}
    for part in options.parts:
        found[part] = MEASURES[part](options)
        print(json.dumps(found[part]), flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = "\n".join(report(found))
    (options.output / "cluster.md").write_text(text + "\n", encoding="utf-8")
    print(text)


def cluster(n_workers: int) -> LocalCluster:
    """Return a cluster of processes of one thread."""
    return LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",
        memory_limit=None,
    )


def scattered(client: Client, X: Any, y: np.ndarray, n_parts: int) -> list[Any]:
    """Return futures of partitions, on the workers in turn."""
    edges = np.linspace(0, len(y), n_parts + 1).astype(int)
    workers = sorted(client.nthreads())
    parts = [
        client.scatter([(X[a:b], y[a:b])], workers=[workers[k % len(workers)]])[0]
        for k, (a, b) in enumerate(pairwise(edges))
    ]
    wait(parts)
    return parts


def fits(parts: list[Any], seeds: int, n_features: int, **params: Any) -> Row:
    """Fit several times; return medians of counts, and the least seconds."""
    rows = []
    for seed in range(seeds):
        start = time.perf_counter()
        clf = DaskHingeSVC(C=C, random_state=seed, **params).fit(parts)
        seconds = time.perf_counter() - start
        blocks = Noted.last
        names = blocks.names
        n_sums = 1 + sum(names[name] for name in SUMS)
        del names["forget"]
        rows.append(
            {
                "seconds": seconds,
                "rounds": sum(names.values()),
                "sums": n_sums,
                "bytes": blocks.n_bytes,
                "each": blocks.most,
                "of_rows": sum(blocks.bytes[name] for name in ROWS),
                "gap": clf.dual_gap_ / clf.objective_,
                "objective": clf.objective_,
            }
        )
    best = {key: float(np.median([row[key] for row in rows])) for key in rows[0]}
    best |= {f"most_{key}": max(row[key] for row in rows) for key in ("rounds", "sums")}
    return best | {"columns": n_features, "parts": len(parts)}


def measure_table(options: argparse.Namespace) -> list[Row]:
    """Measure fits of covtype."""
    problem = data.load("covtype")
    start = time.perf_counter()
    HingeSVC(C=C, tol=TOL).fit(problem.X, problem.y)
    here = time.perf_counter() - start
    rows = []
    for n_workers in WORKERS:
        with cluster(n_workers) as workers, Client(workers) as client:
            parts = scattered(client, problem.X, problem.y, PARTS)
            row = fits(parts, options.seeds, problem.X.shape[1], tol=TOL)
            rows.append(row | {"workers": n_workers, "in_memory": here})
    return rows


def measure_texts(options: argparse.Namespace) -> list[Row]:
    """Measure fits of sparse rows, of two and of twenty classes."""
    rows = []
    imdb = data.load("imdb_tfidf")
    news = data.source_of("20news_tfidf")
    for name, X, y in (
        ("imdb_tfidf", imdb.X, imdb.y),
        ("20news_tfidf, 20 classes", *news),
    ):
        for n_workers in WORKERS:
            with cluster(n_workers) as workers, Client(workers) as client:
                parts = scattered(client, X, y, 10)
                row = fits(parts, 2, X.shape[1], tol=1e-3)
                rows.append(row | {"workers": n_workers, "name": name})
    return rows


def part(number: int, n_rows: int, n_columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Generate a partition of two overlapping classes."""
    random = np.random.default_rng([7, number])
    X = random.standard_normal((n_rows, n_columns), dtype=np.float32)
    noise = 2.0 * random.standard_normal(n_rows, dtype=np.float32)
    w = np.linspace(-1.0, 1.0, n_columns, dtype=np.float32)
    return X, np.where(X @ w + noise > 0.0, 1, -1).astype(np.int8)


def measure_generated(options: argparse.Namespace) -> list[Row]:
    """Measure fits of a generated table by the number of workers."""
    rows = []
    n_rows, n_columns = options.large, 50
    for direct in (False, True):
        for n_workers in WORKERS:
            with (
                cluster(n_workers) as workers,
                # Without a word, workers are asked themselves where that is possible.
                Client(workers, direct_to_workers=direct or False) as client,
            ):
                parts = client.compute(
                    [delayed(part)(k, n_rows // PARTS, n_columns) for k in range(PARTS)]
                )
                wait(parts)
                row = fits(parts, options.repeat, n_columns, tol=TOL)
                row |= {"workers": n_workers, "rows": n_rows, "direct": direct}
                rows.append(row)
    return rows


def step(model: SGDClassifier, batch: tuple[Any, np.ndarray]) -> SGDClassifier:
    """Return a model after one more partition."""
    return model.partial_fit(*batch, classes=[-1, 1])


def measure_peer(options: argparse.Namespace) -> list[Row]:
    """Measure the time to a loose level, of HingeSVC and of SGDClassifier."""
    problem = data.load("covtype")
    X, y = problem.X, problem.y
    lowest = float(HingeSVC(C=C, tol=1e-7).fit(X, y).objective_)
    rows = []

    def excess(clf: Any) -> float:
        w, b = clf.coef_[0].astype(np.float64), float(clf.intercept_[0])
        return objective.suboptimality(objective.primal(X, y, C, "free", w, b), lowest)

    with cluster(2) as workers, Client(workers) as client:
        parts = scattered(client, X, y, PARTS)
        for seed in range(options.seeds):
            start = time.perf_counter()
            clf = DaskHingeSVC(C=C, tol=LEVEL, random_state=seed).fit(parts)
            ours = time.perf_counter() - start
            passes = 1 + sum(Noted.last.names[key] for key in SUMS)
            row = {"name": "DaskHingeSVC(tol=1e-2)", "passes": passes, "seconds": ours}
            rows.append(row | {"excess": excess(clf)})
        rows = [sorted(rows, key=lambda row: row["seconds"])[len(rows) // 2]]
        # The best setting of 32 in benchmarks/results/batches.md for this order.
        setting = {"learning_rate": "invscaling", "eta0": 0.01, "average": True}
        model: Any = SGDClassifier(alpha=10.0 / (C * len(y)), random_state=0, **setting)
        seconds, passes, found = 0.0, 0, np.inf
        while found > LEVEL and seconds < options.limit:
            start = time.perf_counter()
            for batch in parts:
                model = client.submit(step, model, batch, pure=False)
            wait(model)
            seconds += time.perf_counter() - start
            passes += 1
            found = excess(model.result())
        name = "SGDClassifier, partition after partition"
        rows.append(
            {"name": name, "passes": passes, "seconds": seconds, "excess": found}
        )
    return rows


class Simulated(LocalBlocks):
    """Blocks in threads that count rounds."""

    n_rounds = 0

    def ask(self, name: str, *args: Any, **kwargs: Any) -> list[Any]:
        """Ask, and count it."""
        self.n_rounds += name != "forget"
        return super().ask(name, *args, **kwargs)


def measure_blocks(options: argparse.Namespace) -> list[Row]:
    """Count rounds by the number of blocks."""
    problem = data.load("covtype")
    rows = []
    for n_blocks in BLOCKS:
        edges = np.linspace(0, len(problem.y), n_blocks + 1).astype(int)
        blocks = [
            BatchReader(HingeSVC(), []).block(k, (problem.X[a:b], problem.y[a:b]))
            for k, (a, b) in enumerate(pairwise(edges))
        ]
        counts = []
        for seed in range(options.seeds):
            simulated = Simulated(blocks, 2)
            clf = HingeSVC(C=C, tol=TOL, random_state=seed)
            BlocksTraining(clf, simulated, range(n_blocks)).train(C)
            counts.append(simulated.n_rounds)
        rows.append({"blocks": n_blocks, "rounds": counts})
    return rows


def report(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the report."""
    yield from ("# A cluster", "", machine.describe(), "")
    yield "Dask's LocalCluster, processes of one thread, C = 1, a free intercept."
    yield "Rounds are requests to all blocks; `of sums` are those whose answers are"
    yield "added up, the first count of rows included. `bytes each` is the longest"
    yield "such answer of a block: (d + 3) x 8 of the certificate, 8 of rows that have"
    yield "crossed a kink, and 128 that help to choose the band. `MB` is all that was"
    yield "sent, `of rows` that of the sample and of bands. Counts are medians, with"
    yield "the most; seconds are medians too."
    yield ""
    if "table" in found:
        yield from ("## covtype, 16 partitions, `tol` 1e-4", "")
        yield from counted(found["table"], ("workers",), in_memory=True)
    if "texts" in found:
        yield from ("## Texts, 10 partitions, `tol` 1e-3", "")
        yield "Rounds and bytes are those of all classes; 16 are solved at once."
        yield ""
        yield from counted(found["texts"], ("name", "workers"))
    if "generated" in found:
        yield from ("## A generated table, 50 columns, 16 partitions, `tol` 1e-4", "")
        yield "`direct` is whether rows come from the workers themselves, as is the"
        yield "rule. Else they pass through the scheduler."
        yield ""
        yield from counted(found["generated"], ("rows", "workers", "direct"))
    if "peer" in found:
        yield from (f"## covtype, 2 workers: within {LEVEL:g} of the minimum", "")
        yield "SGDClassifier.partial_fit on one partition after the other, as dask_ml's"
        yield "Incremental does it, with the best of the 32 settings that `batches.md`"
        yield "tries on this order of rows. Of DaskHingeSVC, rounds of sums are passes,"
        yield "and the row is the fit of median time over `random_state`."
        yield ""
        yield from table(
            ("solver", "passes", "seconds", "within"),
            (
                (row["name"], row["passes"], row["seconds"], row["excess"])
                for row in found["peer"]
            ),
        )
    if "blocks" in found:
        yield from ("## covtype in more blocks, in threads: rounds", "")
        yield from table(
            ("blocks", "median", "least", "most"),
            (
                (
                    row["blocks"],
                    float(np.median(row["rounds"])),
                    min(row["rounds"]),
                    max(row["rounds"]),
                )
                for row in found["blocks"]
            ),
        )


def counted(
    rows: list[Row], keys: Sequence[str], *, in_memory: bool = False
) -> Iterator[str]:
    """Yield a table of fits."""
    here = ("in memory, s",) if in_memory else ()
    names = "rounds", "of sums", "bytes each", "MB", "of rows", "seconds"
    yield from table(
        (*keys, *names, *here, "gap"),
        (
            (
                *(str(row[key]) for key in keys),
                f"{row['rounds']:.0f} (at most {row['most_rounds']:.0f})",
                f"{row['sums']:.0f} (at most {row['most_sums']:.0f})",
                f"{row['each']:.0f}",
                row["bytes"] / 1e6,
                row["of_rows"] / 1e6,
                row["seconds"],
                *((row["in_memory"],) if in_memory else ()),
                row["gap"],
            )
            for row in rows
        ),
    )


MEASURES = {
    "table": measure_table,
    "texts": measure_texts,
    "generated": measure_generated,
    "peer": measure_peer,
    "blocks": measure_blocks,
}


def parse() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="*", choices=MEASURES, default=list(MEASURES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=11)
    parser.add_argument("--large", type=int, default=5_000_000)
    parser.add_argument("--limit", type=float, default=90.0)
    parser.add_argument("--output", type=Path, default=FOLDER)
    return parser.parse_args()


if __name__ == "__main__":
    main()

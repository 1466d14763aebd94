"""Time two commits of hingesvm against each other; exit with 1 if HEAD is slower.

Each commit is built from a git worktree of its own and installed into an environment
of its own, which shares all other packages with this interpreter.
"""

import argparse
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from peers import OURS, Task
from runner import Worker

ROOT = Path(__file__).resolve().parents[1]

PROBLEMS = ("letter", "breast_cancer_raw", "a9a", "sms_spam_tfidf")


def main() -> int:
    """Print a ratio of times for each problem; return 1 if one is too large."""
    options = parse()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pythons = [
            install(stack.enter_context(worktree(commit, folder / side)), folder / side)
            for side, commit in (("base", options.base), ("head", options.head))
        ]
        print(f"{'problem':20} {'C':>6} {'base':>10} {'head':>10} {'ratio':>6}")
        ratios = [ratio(name, pythons, options) for name in options.problems]
    slower = sum(value > options.tolerance for value in ratios)
    print(f"{slower} of {len(ratios)} slower than {options.tolerance:g} times base")
    return int(slower > 0)


@contextmanager
def worktree(commit: str, folder: Path) -> Iterator[Path]:
    """Check a commit out into a folder, and forget it at the end."""
    git = ("git", "-C", str(ROOT), "worktree")
    tree = folder / "source"
    add = (*git, "add", "--quiet", "--detach", str(tree), commit)
    subprocess.run(add, check=True)
    try:
        yield tree
    finally:
        subprocess.run((*git, "remove", "--force", str(tree)), check=True)


def install(tree: Path, folder: Path) -> str:
    """Build a source tree into a new environment; return its interpreter."""
    print(f"building {tree}", flush=True)
    venv.create(folder / "environment", symlinks=True)
    paths = {"base": str(folder / "environment")}
    own = Path(sysconfig.get_path("purelib", scheme="venv", vars=paths))
    # A path in a .pth file is searched, but .pth files in it are not read. So an
    # editable hingesvm of this interpreter is not found.
    (own / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps")
    subprocess.run((*pip, "--target", str(own), str(tree)), check=True)
    scripts = sysconfig.get_path("scripts", scheme="venv", vars=paths)
    return str(Path(scripts) / "python")


def ratio(problem: str, pythons: list[str], options: argparse.Namespace) -> float:
    """Return the time of HEAD over that of BASE, medians of fits in turn."""
    task = Task(options.C, options.rule, options.tol, 10_000, threads=1)
    times: list[list[float]] = [[] for _ in pythons]
    with ExitStack() as stack:
        workers = [
            stack.enter_context(Worker(problem, OURS, python=python))
            for python in pythons
        ]
        for _ in range(options.pairs):
            for worker, seconds in zip(workers, times, strict=True):
                reply = worker.fit(task, options.limit)
                if "error" in reply:
                    raise RuntimeError(f"{problem}: {reply['error']}")
                seconds.append(reply.get("seconds", options.limit))
    base, head = map(median, times)
    print(
        f"{problem:20} {options.C:6g} {base:9.4f}s {head:9.4f}s {head / base:6.2f}",
        flush=True,
    )
    return head / base


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("base", metavar="BASE")
    add("head", metavar="HEAD", nargs="?", default="HEAD")
    add("--problems", nargs="+", default=PROBLEMS, metavar="NAME")
    add("--C", type=float, default=1.0)
    add("--rule", choices=["penalized", "free", "none"], default="penalized")
    add("--tol", type=float, default=1e-4)
    add("--pairs", type=int, default=7, help="fits of each commit")
    add("--limit", type=float, default=60.0, help="seconds a fit may take")
    add("--tolerance", type=float, default=1.25, help="ratio that is still accepted")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

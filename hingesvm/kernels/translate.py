"""Translates the kernels to C, all in one process. Meson runs it; it is not installed.

A start of Cython takes about a second of processor time, as long as most translations.

    python translate.py --folder DIR --depfile FILE --utility MODULE SOURCE=MODULE ...

Each source, `NAME.pyx`, becomes `FOLDER/NAME.c`. The utility module, which holds what
Cython needs in every module, becomes the C file of its last name there. A C file that
would not change is left as it is, so that it is not compiled again.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from Cython.Compiler import Main

OPTIONS = ["-3", "--fast-fail", "-Xfreethreading_compatible=True"]


def run_cython(*arguments: str) -> None:
    """Do what the command `cython` does with these arguments."""
    with mock.patch.object(sys, "argv", ["cython", *OPTIONS, *arguments]):
        command: Callable[[], None] = Main.setuptools_main
        command()


def replace(path: Path, made: Path) -> None:
    """Put what was made in the place of `path`, unless it is the same."""
    new = made.read_bytes()
    if not path.is_file() or path.read_bytes() != new:
        path.write_bytes(new)


def dependencies(path: Path) -> list[str]:
    """Return the files that a translation reads, of what `cython -M` wrote."""
    _, _, names = path.read_text().replace("\\\n", " ").partition(": ")
    return names.split()


def main() -> None:
    """Translate what the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--depfile", type=Path, required=True)
    parser.add_argument("--utility", required=True)
    parser.add_argument("--line-directives", action="store_true")
    parser.add_argument("sources", nargs="+")
    options = parser.parse_args()
    # Cycles of references are few; looking for them took a third of the time.
    gc.set_threshold(200_000)
    extra = ["--line-directives"] if options.line_directives else []
    read: set[str] = set()
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        for source, module in (named.rsplit("=", 1) for named in options.sources):
            made = Path(scratch, Path(source).with_suffix(".c").name)
            run_cython(
                *extra,
                "-M",
                f"--shared={options.utility}",
                f"--module-name={module}",
                source,
                "-o",
                str(made),
            )
            read.update(dependencies(made.with_name(made.name + ".dep")))
            replace(options.folder / made.name, made)
        made = Path(scratch, options.utility.rpartition(".")[2] + ".c")
        run_cython(*extra, f"--generate-shared={made}")
        utility = options.folder / made.name
        replace(utility, made)
    options.depfile.write_text(f"{utility}: {' '.join(sorted(read))}\n")


if __name__ == "__main__":
    main()

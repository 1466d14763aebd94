"""The module-level numbers of the package, and the comments that say what they are for.

Read from the sources, without importing them. Numbers stand in paragraphs, which end at
an empty line. The comment of a number is directly above it, and the one that begins its
paragraph speaks for all in it. `docs/experiments.md#sweeps` in the first, or else in
the second, says that a number was tuned, and which section has the record.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

#: Folders whose numbers decide how a problem is solved.
ROOMS = ("rows", "problems", "solvers", "training", "model_selection")
#: Functions of numbers that are numbers themselves.
CALLS = ("float", "int", "math.log")
SECTION = re.compile(r"docs/experiments\.md#([\w-]+)")


class Number(NamedTuple):
    """A module-level number, or a tuple of numbers.

    Attributes
    ----------
    file : str
        Path of its module, below the package's folder.
    name : str
    source : str
        Its value, as written.
    comment : str
        The lines of comment directly above it; empty if there are none.
    section : str or None
        The heading in docs/experiments.md of its record; None of facts and bounds.
    """

    file: str
    name: str
    source: str
    comment: str
    section: str | None

    @property
    def module(self) -> str:
        """Dotted name of its module."""
        parts = ("hingesvm", *Path(self.file).with_suffix("").parts)
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def numbers(package: Path) -> Iterator[Number]:
    """Yield the numbers of all modules in these folders of a package."""
    for room in ROOMS:
        for path in sorted((package / room).rglob("*.py")):
            file = path.relative_to(package).as_posix()
            yield from _of_module(file, path.read_text(encoding="utf-8"))


def _of_module(file: str, text: str) -> Iterator[Number]:
    """Yield the numbers of one module."""
    lines = text.splitlines()
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Assign):
            continue
        first = node.lineno - 1
        while first and lines[first - 1].startswith("#"):
            first -= 1
        start = first
        while start and lines[start - 1].strip():
            start -= 1
        comment = "\n".join(lines[first : node.lineno - 1])
        own = SECTION.findall(comment)
        shared = SECTION.findall(_comment_at(lines, start))
        section = own[-1] if own else shared[0] if shared else None
        for name, value in _pairs(node):
            if name.isupper() and _is_number(value):
                yield Number(file, name, ast.unparse(value), comment, section)


def _comment_at(lines: list[str], start: int) -> str:
    """Return the comment that begins a paragraph."""
    stop = start
    while lines[stop].startswith("#"):
        stop += 1
    return "\n".join(lines[start:stop])


def _pairs(node: ast.Assign) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names of an assignment, each with its value."""
    (target,) = node.targets
    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
        for one, value in zip(target.elts, node.value.elts, strict=True):
            yield ast.unparse(one), value
    else:
        yield ast.unparse(target), node.value


def _is_number(value: ast.expr) -> bool:
    """Whether an expression is a number, made of numbers, or a limit of a dtype."""
    if isinstance(value, ast.Call):
        return ast.unparse(value.func) in CALLS
    if isinstance(value, ast.Attribute):
        return ast.unparse(value).startswith("np.iinfo")
    if isinstance(value, ast.Tuple):
        return all(map(_is_number, value.elts))
    if isinstance(value, ast.BinOp):
        return _is_number(value.left) and _is_number(value.right)
    if isinstance(value, ast.UnaryOp):
        return _is_number(value.operand)
    return isinstance(value, ast.Constant) and type(value.value) in (int, float)

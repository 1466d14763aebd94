"""Docstrings that take their entries on shared parameters from another class."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["documented_by", "entries_of"]

_Documented = TypeVar("_Documented", bound=Callable[..., Any])

# The title of a section that has entries, and the entries.
_SECTION = re.compile(
    r"^((?:Parameters|Attributes)\n-+\n)((?:.+(?:\n|$))+)", re.MULTILINE
)
# A name, mostly with a type, and the indented lines that describe it.
_ENTRY = re.compile(r"^\S.*(?:\n .*)*", re.MULTILINE)


def documented_by(source: type) -> Callable[[_Documented], _Documented]:
    """Return a decorator that completes a docstring from that of another class.

    In the sections Parameters and Attributes, an entry that is a name without a type
    stands for the entry of this name in the docstring of `source`. Lines that are
    indented below the name are added to the end of that entry.

    Parameters
    ----------
    source : type
        A class with a docstring in numpydoc's form.

    Returns
    -------
    callable
        Takes a class or a function, changes its docstring in place and returns it. It
        raises a KeyError if `source` has no entry of a name.

    Notes
    -----
    With ``python -OO`` there are no docstrings, and the decorator does nothing.
    """
    entries = entries_of(source.__doc__)

    def full_entry(entry: re.Match[str]) -> str:
        name, *added = entry[0].split("\n")
        if " : " in name:
            return entry[0]
        return "\n".join([entries[name], *added])

    def full_section(section: re.Match[str]) -> str:
        return section[1] + _ENTRY.sub(full_entry, section[2])

    def complete(documented: _Documented) -> _Documented:
        if documented.__doc__ is not None:
            # The line break at the end is where the closing quotes stand.
            text = inspect.cleandoc(documented.__doc__) + "\n"
            documented.__doc__ = _SECTION.sub(full_section, text)
        return documented

    return complete


def entries_of(docstring: str | None) -> dict[str, str]:
    """Return the entries of the sections Parameters and Attributes, by name.

    An entry is the line of the name and type, and the indented lines below it. A
    docstring that is None has none.
    """
    sections = _SECTION.findall(inspect.cleandoc(docstring or ""))
    entries = [entry for _, body in sections for entry in _ENTRY.findall(body)]
    return {re.split(" : |\n", entry, maxsplit=1)[0]: entry for entry in entries}

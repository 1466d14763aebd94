"""Public names say the package that users import them from, not the file they are in.

Pickles, lists of trusted types and messages name a class by its ``__module__``. Files
below a package can then move without harm to stored models.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from inspect import get_annotations, isclass, isfunction
from typing import Any

__all__ = ["set_public_module"]


def set_public_module(package: str, *others: str) -> None:
    """Let the classes and functions of a package's ``__all__`` say that they are of it.

    Methods say so too, as doctest looks for them where their class is. They stay
    importable from their files, so pickles that name these can be loaded.

    Parameters
    ----------
    package : str
        The ``__name__`` of the package. A package that takes a name from another one
        is the one that the name says, as it is imported later.
    *others : str
        Further names of the package, as the class of an instance in its ``__all__``.

    Notes
    -----
    ``inspect.getsource`` looks for a class in the file of the module that it says, and
    finds none, as with classes of NumPy and pandas; it finds methods and functions.
    """
    names = vars(sys.modules[package])
    for name in (*names["__all__"], *others):
        public = names[name]
        if isclass(public):
            file = public.__module__
            # Its annotations are strings, whose names are known in its file alone.
            with suppress(NameError):
                public.__annotations__ = get_annotations(public, eval_str=True)
            for member in vars(public).values():
                _move(getattr(member, "__func__", member), file, package)
            public.__module__ = package
        else:
            _move(public, getattr(public, "__module__", ""), package)


def _move(function: Any, file: str, package: str) -> None:
    """Let a function of a file say that it is of a package."""
    if isfunction(function) and function.__module__ == file:
        function.__module__ = package

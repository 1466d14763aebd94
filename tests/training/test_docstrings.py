"""Docstrings that are completed from that of another class."""

import subprocess
import sys

import pytest

from hingesvm.training.docstrings import documented_by, entries_of


class Source:
    r"""A class with entries.

    Parameters
    ----------
    size : int, default=1
        How large; at most :math:`\tfrac12 n`.
    name : str

    Attributes
    ----------
    size_ : int
        How large it became.

    Examples
    --------
    >>> size = Source
    """


def test_entries_are_those_of_parameters_and_attributes():
    assert entries_of(Source.__doc__) == {
        "size": "size : int, default=1\n    How large; at most :math:`\\tfrac12 n`.",
        "name": "name : str",
        "size_": "size_ : int\n    How large it became.",
    }
    assert entries_of(None) == {}


def test_names_without_a_type_are_completed():
    @documented_by(Source)
    class User:
        """Another class.

        Parameters
        ----------
        own : float
            size
        size
            For each row.
        name

        Attributes
        ----------
        size_

        Notes
        -----
        size
        """

    assert User.__doc__.splitlines() == [
        "Another class.",
        "",
        "Parameters",
        "----------",
        "own : float",
        "    size",
        "size : int, default=1",
        "    How large; at most :math:`\\tfrac12 n`.",
        "    For each row.",
        "name : str",
        "",
        "Attributes",
        "----------",
        "size_ : int",
        "    How large it became.",
        "",
        "Notes",
        "-----",
        "size",
    ]


def test_functions_stay_what_they_are():
    def function(size):
        """Do nothing.

        Parameters
        ----------
        size
        """

    assert documented_by(Source)(function) is function
    assert function.__doc__.endswith("tfrac12 n`.\n")


def test_an_unknown_name_is_an_error():
    def function(other):
        """Do nothing.

        Parameters
        ----------
        other
        """

    with pytest.raises(KeyError, match="other"):
        documented_by(Source)(function)


def test_the_package_works_without_docstrings():
    code = (
        "from hingesvm import HingeSVC, HingeSVCCV, hinge_path\n"
        "print(HingeSVC.__doc__, HingeSVCCV.__doc__, hinge_path.__doc__)\n"
        "print(HingeSVC().fit([[0.0], [1.0]], [0, 1]))"
    )
    command = [sys.executable, "-B", "-OO", "-c", code]
    lines = subprocess.check_output(command, text=True).splitlines()
    assert lines == ["None None None", "HingeSVC()"]

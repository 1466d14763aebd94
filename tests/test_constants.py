"""Module-level numbers say what they are for, and where they were measured."""

import importlib.util
import re
from importlib import import_module
from pathlib import Path

import pytest

import hingesvm

ROOT = Path(__file__).resolve().parent.parent
RECORD = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
HEADING = re.compile(r"^#{2,3} (.*)$", re.MULTILINE)
ROW = re.compile(r"^\| `(\w+)` \| `([\w/]+\.py)` \| ([^|]+) \|", re.MULTILINE)


def numbers():
    """The numbers, as the script that measures them finds them."""
    path = ROOT / "benchmarks" / "tuned.py"
    spec = importlib.util.spec_from_file_location("tuned", path)
    tuned = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tuned)
    return list(tuned.numbers(Path(hingesvm.__path__[-1])))


NUMBERS = numbers()
# As MyST makes anchors of headings.
SECTIONS = {
    re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
    for heading in HEADING.findall(RECORD)
}
ROWS = {(file, name): value for name, file, value in ROW.findall(RECORD)}
IN_TABLE = [one for one in NUMBERS if one.section == "constants"]

each_number = pytest.mark.parametrize(
    "one", NUMBERS, ids=lambda one: f"{one.file}:{one.name}"
)


def test_there_are_some():
    assert {"SAFELY", "RHO_OF_SAMPLE"} <= {one.name for one in NUMBERS}
    assert (
        {"sweeps", "constants"}
        <= {one.section for one in NUMBERS}
        <= {
            None,
            *SECTIONS,
        }
    )


@each_number
def test_has_a_comment_directly_above(one):
    assert one.comment, f"{one.file}: {one.name} = {one.source} has no comment above"


@each_number
def test_the_section_it_names_is_there(one):
    assert one.section is None or one.section in SECTIONS


@pytest.mark.parametrize("one", IN_TABLE, ids=lambda one: f"{one.file}:{one.name}")
def test_has_a_row_with_its_value(one):
    value = ROWS[one.file, one.name].replace(",", "")
    assert float(value) == getattr(import_module(one.module), one.name)


def test_no_row_is_of_anything_else():
    assert set(ROWS) == {(one.file, one.name) for one in IN_TABLE}


def test_a_name_stands_for_one_number():
    # What several modules use is defined once, and imported by the others.
    shared = [one.name for one in NUMBERS if not one.name.startswith("_")]
    assert len(shared) == len(set(shared))

"""Markdown tables."""

from collections.abc import Iterable, Iterator
from typing import Any


def table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Yield the lines of a table: floats with 3 digits, numbers to the right."""
    names = list(header)
    printed = [[_cell(value) for value in row] for row in rows]
    rules = [
        "---:" if all(_is_number(row[k]) for row in printed) else "---"
        for k in range(len(names))
    ]
    for cells in (names, rules, *printed):
        yield f"| {' | '.join(cells)} |"
    yield ""


def _cell(value: Any) -> str:
    if value is None or value != value:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _is_number(cell: str) -> bool:
    return cell[:1] in tuple("0123456789-><≥≤")

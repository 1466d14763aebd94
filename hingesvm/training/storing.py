"""What a pickle holds of an estimator: its class, and plain things beside it.

A stored model names the class of the estimator, and those of losses and penalties that
were passed as objects. All else is numbers, strings, arrays, lists and dicts: other
readers of pickles than Python can do with it, lists of trusted types are short, and
files of this package can move without harm to what is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.problems.certificate import Fixed
from hingesvm.rows.stored import StoredRows
from hingesvm.solvers.streaming.lane import Lane
from hingesvm.solvers.streaming.stream import Stream
from hingesvm.solvers.streaming.sums import Sums
from hingesvm.training.streams import StreamTraining

__all__ = ["plain_state", "usual_state"]

# The parts of a stream, by the names that stand for them in stored models.
_PARTS = {
    part.__name__: part for part in (StreamTraining, Stream, Lane, Sums, Fixed)
} | {"StoredRows": StoredRows}
_PART, _RANDOM, _DTYPE, _LENGTHS = "part", "random", "dtype", "n_checks"


def plain_state(state: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of an estimator in their plain forms.

    Parameters
    ----------
    state : dict
        The attributes by name; stays as it is.
    """
    return _with_forms(state, _plain_history, _plain)


def usual_state(state: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of an estimator that are stored in plain forms.

    Parameters
    ----------
    state : dict
        What `plain_state` returned, or attributes that were stored as they are.
    """
    return _with_forms(state, _history, _usual)


def _with_forms(
    state: dict[str, Any],
    of_history: Callable[[Any], Any],
    of_stream: Callable[[Any], Any],
) -> dict[str, Any]:
    """Return attributes of which two have another form."""
    forms = {"history_": of_history, "_stream": of_stream}
    return {
        name: forms[name](value) if name in forms else value
        for name, value in state.items()
    }


def _plain_history(tables: Any) -> Any:
    """Return structured arrays as one array for each field, and their lengths."""
    if not isinstance(tables, list) or not tables:
        return tables
    whole: NDArray[Any] = np.concatenate(tables)
    fields = {name: np.array(whole[name]) for name in whole.dtype.names or ()}
    return {_LENGTHS: [len(table) for table in tables], **fields}


def _history(stored: Any) -> Any:
    """Return structured arrays of what `_plain_history` returned."""
    if not isinstance(stored, dict):
        return stored
    fields = {name: values for name, values in stored.items() if name != _LENGTHS}
    dtype = np.dtype([(name, values.dtype) for name, values in fields.items()])
    tables, first = [], 0
    for length in stored[_LENGTHS]:
        table = np.empty(length, dtype)
        for name, values in fields.items():
            table[name] = values[first : first + length]
        tables.append(table)
        first += length
    return tables


def _plain(value: Any) -> Any:
    """Return a part of a stream as a dict that has its name; others as they are."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, np.random.Generator):
        return {_PART: _RANDOM, "state": value.bit_generator.state}
    if isinstance(value, np.dtype):
        return {_PART: _DTYPE, "name": value.name}
    name = type(value).__name__
    if _PARTS.get(name) is not type(value):
        return value
    state: Any = value.__getstate__()
    return {_PART: name, **{key: _plain(one) for key, one in state.items()}}


def _usual(stored: Any) -> Any:
    """Return the part of a stream of which `_plain` returned this."""
    if isinstance(stored, list):
        return [_usual(one) for one in stored]
    if not isinstance(stored, dict):
        return stored
    if stored[_PART] == _RANDOM:
        bits = np.random.PCG64()
        bits.state = stored["state"]
        return np.random.Generator(bits)
    if stored[_PART] == _DTYPE:
        return np.dtype(stored["name"])
    part = _PARTS[stored[_PART]]
    made = part.__new__(part)
    state = {key: _usual(one) for key, one in stored.items() if key != _PART}
    if isinstance(made, StoredRows):
        made.__setstate__(state)
    else:
        vars(made).update(state)
    return made

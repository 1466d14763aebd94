"""Dask collections as partitions, and what is computed of each partition lazily."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import dask.array as da
import numpy as np
from dask.base import is_dask_collection
from dask.delayed import Delayed, delayed
from distributed import Client, Future

__all__ = ["are_local", "are_tuples", "map_rows", "partitions", "parts_on_workers"]


def _is_frame(X: Any) -> bool:
    """Whether X is a Dask DataFrame or Series."""
    # Delayed objects have any attribute.
    is_other = isinstance(X, Delayed) or not is_dask_collection(X)
    return not is_other and hasattr(X, "npartitions") and hasattr(X, "divisions")


def _is_parts(X: Any) -> bool:
    """Whether X is a list of delayed parts or futures."""
    return isinstance(X, (list, tuple)) and len(X) > 0 and all(map(_is_part, X))


def _is_part(X: Any) -> bool:
    """Whether X is one delayed part or future."""
    return isinstance(X, (Delayed, Future))


def are_tuples(X: Any) -> bool:
    """Whether X is a list of pairs or triples of delayed X, y and weights."""
    if not (isinstance(X, (list, tuple)) and X):
        return False
    sizes = {len(some) if _is_parts(some) else 0 for some in X}
    return sizes in ({2}, {3})


def are_local(X: Any) -> bool:
    """Whether X is none of what is computed by Dask."""
    is_array = isinstance(X, da.Array)
    return not (is_array or _is_frame(X) or _is_parts(X) or _is_part(X))


def partitions(X: Any, y: Any, sample_weight: Any) -> list[list[Any]]:
    """Return the partitions of X, of y and of weights, as lists of delayed parts.

    Parts of (X, y) or (X, y, sample_weight) are one list.

    Raises
    ------
    TypeError, ValueError
        If these are no Dask collections, or do not go together.
    """
    if y is None and sample_weight is None:
        if _is_parts(X):
            return [list(X)]
        if are_tuples(X):
            return [list(column) for column in zip(*X, strict=True)]
    if are_local(X) or _is_part(X):
        raise TypeError(
            f"X is {_named(X)}: DaskHingeSVC trains on a Dask array or DataFrame, or "
            "on a list of delayed parts or futures of (X, y). For rows in memory use "
            "HingeSVC, and dask.array.from_array for a part of them on each worker."
        )
    if isinstance(X, da.Array):
        _check_rows(X)
    found = [_delayed(X)]
    for name, other in (("y", y), ("sample_weight", sample_weight)):
        if other is None:
            if name == "y":
                raise ValueError("y is missing: DaskHingeSVC needs the labels.")
            continue
        if are_local(other) or _is_part(other):
            raise TypeError(
                f"{name} is {_named(other)}, and X is a Dask collection: pass {name} "
                "as one too, with the same partitions."
            )
        parts = _delayed(_aligned(other, X))
        if len(parts) != len(found[0]):
            raise ValueError(
                f"{name} has {len(parts)} partitions, and X has {len(found[0])}: "
                "rechunk or repartition one of them, so that each partition of "
                f"{name} has the rows of that of X."
            )
        found.append(parts)
    return found


def _check_rows(X: da.Array) -> None:
    """See that an array has whole rows in each chunk."""
    if X.ndim != 2:
        raise ValueError(f"X has {X.ndim} dimensions; it must have two.")
    if X.numblocks[1] > 1:
        raise ValueError(
            f"X is chunked along its columns, in {X.numblocks[1]} pieces, and rows "
            "must be whole: pass X.rechunk({1: -1})."
        )


def _named(value: Any) -> str:
    """Return what a value is called in messages."""
    return f"a {type(value).__module__.split('.')[0]}.{type(value).__name__}"


def _aligned(y: Any, X: Any) -> Any:
    """Return y in the chunks of X, where both are known and differ."""
    if not (isinstance(y, da.Array) and isinstance(X, da.Array)):
        return y
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    known = not np.isnan(X.chunks[0]).any() and not np.isnan(y.chunks[0]).any()
    if known and y.ndim == 1 and sum(y.chunks[0]) == sum(X.chunks[0]):
        return y.rechunk({0: X.chunks[0]})
    return y


def _delayed(X: Any) -> list[Any]:
    """Return the partitions of a collection along its rows."""
    if _is_parts(X):
        return list(X)
    parts = X.to_delayed(optimize_graph=False)
    return list(parts.ravel()) if isinstance(parts, np.ndarray) else list(parts)


def parts_on_workers(
    client: Client, lists: list[list[Any]]
) -> list[tuple[Future, ...]]:
    """Begin to compute all partitions, in one call; return their futures together."""
    flat = [part for parts in lists for part in parts]
    lazy = [part for part in flat if not isinstance(part, Future)]
    begun = iter(client.compute(lazy, optimize_graph=False) if lazy else [])
    futures = [part if isinstance(part, Future) else next(begun) for part in flat]
    count = len(lists[0])
    return [tuple(futures[k::count]) for k in range(count)]


def map_rows(function: Callable[[Any], Any], X: Any, meta: Any) -> Any:
    """Return what a function makes of the rows of a collection, lazily.

    Parameters
    ----------
    function : callable
        Of a partition, an array of one or two dimensions.
    X : Array, DataFrame, delayed part or future, or list of these
    meta : ndarray of shape (0,) or (0, n_columns)
        What an answer is like.
    """

    # Dask shows the name of what is mapped.
    @wraps(function)
    def of_rows(part: Any) -> Any:
        # Models refuse to predict no rows at all.
        return function(part) if part.shape[0] else meta

    if _is_part(X):
        return delayed(of_rows)(X)
    if _is_parts(X):
        return [delayed(of_rows)(part) for part in X]
    if isinstance(X, da.Array):
        _check_rows(X)
        if meta.ndim == 1:
            return X.map_blocks(of_rows, drop_axis=1, meta=meta, dtype=meta.dtype)
        chunks = X.chunks[0], (meta.shape[1],)
        return X.map_blocks(of_rows, chunks=chunks, meta=meta, dtype=meta.dtype)
    import pandas as pd

    like = pd.Series(meta) if meta.ndim == 1 else pd.DataFrame(meta)

    def of_frame(part: Any) -> Any:
        # Pandas takes arrays of objects for strings, where there are some.
        dtype = like.dtype if meta.ndim == 1 else None
        return type(like)(of_rows(part), index=part.index, dtype=dtype)

    return X.map_partitions(of_frame, meta=like)

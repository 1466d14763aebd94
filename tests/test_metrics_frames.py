"""hingesvm.metrics on the containers that people keep labels and decisions in."""

import numpy as np
import pytest

from hingesvm.metrics import hinge_loss

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")


@pytest.mark.parametrize("box", [list, tuple, np.array, pandas.Series, polars.Series])
@pytest.mark.parametrize("names", [("no", "yes"), (0, 1), (False, True)])
def test_containers_of_vectors(box, names):
    no, yes = names
    actual = hinge_loss(
        box([yes, no, yes]),
        box([0.5, -3.0, -1.0]),
        labels=box([no, yes]),
        sample_weight=box([2.0, 1.0, 1.0]),
    )
    assert actual == 0.75


@pytest.mark.parametrize("box", [pandas.DataFrame, polars.DataFrame])
def test_containers_of_columns(box):
    f = box({"a": [2.0, 0.0], "b": [0.0, 0.5], "c": [0.0, 1.0]})
    assert hinge_loss(["a", "c"], f, labels=["a", "b", "c"]) == 0.25


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "string", "str", "object"])
def test_pandas_types_of_labels(dtype):
    y = pandas.Series([True, False], dtype="object" if dtype == "object" else None)
    y = y.astype("str").astype(dtype) if "str" in dtype else y.astype(dtype)
    assert hinge_loss(y, [0.5, 0.5]) == 1.0


def test_pandas_index_and_categories_are_ignored():
    y = pandas.Series(["a", "b"], index=[7, 3], dtype="category")
    assert hinge_loss(y, pandas.Series([-1.5, 0.5], index=[3, 7])) == 0.25

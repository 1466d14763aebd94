"""hingesvm.metrics on the containers that people keep labels and decisions in."""

import numpy as np
import pytest

from hingesvm.metrics import HingeLossAccumulator, hinge_loss

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
    two = box({"a": [2.0, 0.0], "b": [0.0, 0.5]})
    assert hinge_loss(["a", "b"], two, multi_class="ovr") == 1.25
    one = box({"label": ["a", "b"]}), box({"decision": [-2.0, 0.5]})
    assert hinge_loss(*one) == 0.25


@pytest.mark.parametrize("box", [pandas.Series, polars.Series])
@pytest.mark.parametrize(
    ("y", "ignore_label"),
    [([0, 1, 9], 9), (["a", "b", "?"], "?"), ([0, 1, None], None)],
)
def test_ignored_rows_in_series(box, y, ignore_label):
    f = box([0.5, 0.5, None])
    if ignore_label is None:
        with pytest.raises(ValueError, match=r"NaN|only numbers or only strings"):
            hinge_loss(box(y), f, labels=[0, 1])
    else:
        assert hinge_loss(box(y), f, ignore_label=ignore_label) == 1.0


def test_missing_pandas_labels_equal_no_label():
    y = pandas.Series([0, 1, None], dtype="Int64")
    with pytest.raises(ValueError, match=r"NaN|only numbers or only strings"):
        hinge_loss(y, [0.5, 0.5, 0.5], ignore_label=9)


@pytest.mark.parametrize("library", [pandas, polars])
def test_batches_in_frames(library):
    table = {"y": ["a", "b", "b", "?"], "f": [-1.5, 0.5, 0.0, 7.0], "w": [1, 3, 2, 9]}
    table = library.DataFrame(table)
    loss = HingeLossAccumulator(labels=library.Series(["a", "b"]), ignore_label="?")
    for part in (table[:0], table[:2], table[2:]):
        loss.update(part["y"], part["f"], sample_weight=part["w"])
    expected = hinge_loss(
        table["y"], table["f"], sample_weight=table["w"], ignore_label="?"
    )
    assert loss.compute() == expected == 3.5 / 6.0
    columns = library.DataFrame({"a": [2.0, 0.0], "b": [0.0, 0.5], "c": [0.0, 1.0]})
    loss = HingeLossAccumulator(labels=["a", "b", "c"])
    loss.update(library.Series(["a", "c"])[:0], columns[:0])
    assert loss.update(["a", "c"], columns).compute() == 0.25


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "string", "str", "object"])
def test_pandas_types_of_labels(dtype):
    y = pandas.Series([True, False], dtype="object" if dtype == "object" else None)
    y = y.astype("str").astype(dtype) if "str" in dtype else y.astype(dtype)
    assert hinge_loss(y, [0.5, 0.5]) == 1.0


def test_pandas_index_and_categories_are_ignored():
    y = pandas.Series(["a", "b"], index=[7, 3], dtype="category")
    assert hinge_loss(y, pandas.Series([-1.5, 0.5], index=[3, 7])) == 0.25

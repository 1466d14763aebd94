"""Batches in any order and split have the hinge loss of all rows, to the last bit."""

import copy
import pickle

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_cases import binary, forms, multiclass, quick

from hingesvm.metrics import HingeLossAccumulator, hinge_loss

NOTHING = "Nothing has been counted"


def take(values, rows):
    return None if values is None else [values[i] for i in rows]


@st.composite
def batches(draw, n_rows):
    """Row numbers in any order, cut anywhere; some batches are empty."""
    order = draw(st.permutations(range(n_rows)))
    cuts = sorted(draw(st.lists(st.integers(0, n_rows), max_size=6)))
    return [
        order[low:high] for low, high in zip([0, *cuts], [*cuts, n_rows], strict=True)
    ]


@quick
@given(
    st.one_of(binary(), multiclass(least=2)),
    forms,
    st.booleans(),
    st.booleans(),
    st.data(),
)
def test_any_order_and_split(case, form, squared, ignore, data):
    y, f, w, labels = case
    settings = {"labels": labels, "squared": squared, "multi_class": form}
    if ignore:
        ignored = "none" if isinstance(labels[0], str) else 255
        y, f, settings["ignore_label"] = [*y, ignored], [*f, f[0]], ignored
        w = None if w is None else [*w, 7.0]
    whole = hinge_loss(y, f, sample_weight=w, **settings)
    one, workers = HingeLossAccumulator(**settings), []
    for rows in data.draw(batches(len(y))):
        batch = take(y, rows), take(f, rows)
        one.update(*batch, sample_weight=take(w, rows))
        worker = HingeLossAccumulator(**settings)
        workers.append(worker.update(*batch, sample_weight=take(w, rows)))
    assert one.compute() == whole
    merged = HingeLossAccumulator(**settings)
    for worker in data.draw(st.permutations(workers)):
        assert merged.merge(pickle.loads(pickle.dumps(worker))) is merged
    assert merged.compute() == whole


@pytest.mark.parametrize("form", ["crammer_singer", "weston_watkins", "ovr"])
@pytest.mark.parametrize("squared", [False, True])
def test_many_classes_in_any_layout(form, squared):
    rng = np.random.default_rng(0)
    y, f = rng.integers(0, 300, 40), rng.normal(size=(40, 300))
    settings = {"labels": range(300), "squared": squared, "multi_class": form}
    whole = hinge_loss(y, f, **settings)
    assert hinge_loss(y, np.asfortranarray(f), **settings) == whole
    wide = np.zeros((40, 600))
    wide[:, ::2] = f
    assert hinge_loss(y, wide[:, ::2], **settings) == whole
    loss = HingeLossAccumulator(**settings)
    for i in rng.permutation(40):
        loss.update(y[[i]], f[[i]])
    assert loss.compute() == whole


extreme = st.one_of(
    st.floats(-1.7e308, 1.7e308), st.sampled_from([1.7e308, -1.7e308, 5e-324, 1.0, 0.0])
)
weight = st.one_of(
    st.floats(0.0, 1.7e308), st.sampled_from([5e-324, 1e-310, 1.7e308, 1.0, 0.0])
)


@quick
@given(
    st.lists(st.tuples(st.integers(0, 2), *[extreme] * 3, weight), min_size=1).filter(
        lambda rows: any(row[-1] for row in rows)
    ),
    forms,
    st.booleans(),
    st.data(),
)
def test_any_scale(rows, form, squared, data):
    y, *f, w = (list(column) for column in zip(*rows, strict=True))
    f = np.transpose(f)
    settings = {"labels": [0, 1, 2], "squared": squared, "multi_class": form}
    with np.errstate(all="raise"):
        whole = hinge_loss(y, f, sample_weight=w, **settings)
        loss = HingeLossAccumulator(**settings)
        for rows in data.draw(batches(len(y))):
            part = np.reshape(take(f, rows), (-1, 3))
            loss.update(take(y, rows), part, sample_weight=take(w, rows))
        assert loss.compute() == whole


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1.0, 1e308])
def test_weights_of_one_scale(scale):
    loss = HingeLossAccumulator(labels=[0, 1])
    with np.errstate(all="raise"):
        for decision in (1.0, 0.5, 1.7e308, -1.0):
            loss.update([1], [decision], sample_weight=[scale])
        assert loss.compute() == 2.5 / 4.0


def test_large_losses_do_not_overflow_before_the_mean_does():
    loss = HingeLossAccumulator(labels=[0, 1])
    with np.errstate(all="raise"):
        for _ in range(10):
            loss.update([0], [1.7e308], sample_weight=[1e308])
    assert loss.compute() == 1.7e308


def test_small_batches_after_large_ones_are_not_lost():
    loss = HingeLossAccumulator(labels=[0, 1])
    loss.update([0], [2.0**70])
    for _ in range(1 << 10):
        loss.update([1], [0.0])
    assert loss.compute() == (2.0**70 + 2.0**10) / (2.0**10 + 1.0)


def test_an_infinite_loss_stays_until_reset():
    loss = HingeLossAccumulator(labels=[0, 1, 2])
    far = [[-1.7e308, 1.7e308, 0.0]]
    assert loss.update([0], far, sample_weight=[0.0]) is loss
    assert loss.update([2], np.eye(3)[[2]]).compute() == 0.0
    assert loss.update([0], far).compute() == np.inf
    assert HingeLossAccumulator(labels=[0, 1, 2]).merge(loss).compute() == np.inf
    assert loss.reset() is loss
    with pytest.raises(ValueError, match=NOTHING):
        loss.compute()
    assert loss.update([2], np.eye(3)[[2]]).compute() == 0.0


@pytest.mark.parametrize("labels", [[0, 1], [0, 1, 2], ["a", "b"], ["a", "b", "c"]])
@pytest.mark.parametrize("box", [list, np.array])
def test_empty_batches_count_nothing(labels, box):
    ignored = "?" if isinstance(labels[0], str) else -1
    loss = HingeLossAccumulator(labels=labels, ignore_label=ignored)
    loss.update(box([]), box([]))
    loss.update(box([]), np.empty((0, len(labels))), sample_weight=box([]))
    with pytest.raises(ValueError, match=NOTHING):
        loss.compute()
    f = np.eye(len(labels)) * 0.5
    loss.update(labels, f)
    before = loss.compute()
    assert loss.update([], []).update([], f[:0]).compute() == before == 0.5


def test_batches_without_a_row_that_counts():
    loss = HingeLossAccumulator(labels=["no", "yes"], ignore_label="?")
    loss.update(["?", "?"], [np.nan, 1.0]).update(["no"], [3.0], sample_weight=[0.0])
    loss.update(["?", "no"], [1.0, 1.0], sample_weight=[1.0, 0.0])
    with pytest.raises(
        ValueError,
        match="Nothing has been counted: update with at least one row of positive "
        "weight whose label is not ignored",
    ):
        loss.compute()
    assert loss.update(["yes"], [0.5]).compute() == 0.5


def test_batches_of_one_class():
    loss = HingeLossAccumulator(labels=[1, 2])
    assert loss.update([1, 1], [2.0, 2.0]).compute() == 3.0
    assert loss.update([2, 2], [2.0, 2.0]).compute() == 1.5


@pytest.mark.parametrize(
    ("y", "f", "options", "message"),
    [
        ([0, 3], np.ones((2, 3)), {}, r"y_true contains \[3\], not in labels"),
        ([0, np.nan], np.ones((2, 3)), {}, "y_true contains NaN"),
        ([0, 1], np.ones((2, 2)), {}, r"shape \(n, 3\), got \(2, 2\)"),
        ([0, 1], np.ones(2), {}, r"shape \(n, 3\), got \(2,\)"),
        ([], np.ones((0, 2)), {}, r"shape \(n, 3\), got \(0, 2\)"),
        ([0, 1], np.full((2, 3), np.nan), {}, "pred_decision contains NaN"),
        ([0, 1], np.ones((1, 3)), {}, "inconsistent numbers of samples"),
        ([0], np.ones((1, 3)), {"sample_weight": [-1.0]}, "must be finite and non-neg"),
        ([0], np.ones((1, 3)), {"sample_weight": [np.nan]}, "must be finite"),
        ([0], np.ones((1, 3)), {"sample_weight": [1.0, 1.0]}, "inconsistent numbers"),
        (["a"], np.ones((1, 3)), {}, r"y_true contains \['a'\]"),
    ],
)
def test_bad_batches_count_nothing(y, f, options, message):
    loss = HingeLossAccumulator(labels=[0, 1, 2])
    with pytest.raises(ValueError, match=message):
        loss.update(y, f, **options)
    with pytest.raises(ValueError, match=NOTHING):
        loss.compute()
    loss.update([0], [[0.5, 0.0, 0.0]])
    with pytest.raises(ValueError, match=message):
        loss.update(y, f, **options)
    assert loss.compute() == 0.5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"labels": None}, "labels is None: pass all the classes, as a batch may lack"),
        ({"labels": [1]}, r"two or more distinct classes, got \[1\]"),
        ({"labels": []}, "labels is empty"),
        ({"labels": [0, np.nan]}, "labels contains NaN"),
        ({"labels": [0, 1], "multi_class": "one-vs-all"}, "multi_class must be one of"),
        ({"labels": [0, 1], "squared": None}, "squared must be True or False"),
        ({"labels": [0, 1], "ignore_label": np.nan}, "ignore_label is NaN"),
    ],
)
def test_settings_are_checked_at_once(settings, message):
    with pytest.raises(ValueError, match=message):
        HingeLossAccumulator(**settings)


def test_labels_must_be_given():
    with pytest.raises(TypeError, match=r"missing .* keyword-only argument: 'labels'"):
        HingeLossAccumulator()


SETTINGS = {
    "labels": ["a", "b", "c"],
    "squared": True,
    "multi_class": "ovr",
    "ignore_label": "?",
}


@pytest.mark.parametrize(
    "change",
    [
        {"labels": ["a", "b"]},
        {"labels": ["a", "b", "d"]},
        {"squared": False},
        {"multi_class": "weston_watkins"},
        {"ignore_label": "b"},
        {"ignore_label": None},
    ],
)
def test_merge_refuses_other_settings(change):
    one, other = (
        HingeLossAccumulator(**SETTINGS),
        HingeLossAccumulator(**{**SETTINGS, **change}),
    )
    one.update(["a"], [[1.0, 0.0, 0.0]])
    other.update(["a"], np.zeros((1, len(change.get("labels", "abc")))))
    with pytest.raises(ValueError, match="different settings cannot be merged"):
        one.merge(other)
    assert one.compute() == 2.0


def test_merge_takes_the_same_settings_said_otherwise():
    one = HingeLossAccumulator(labels=[1, 0, 1], squared=np.False_, ignore_label=2)
    other = HingeLossAccumulator(labels=(False, True), ignore_label=np.float64(2))
    assert one.merge(other.update([True], [0.5])).compute() == 0.5
    assert other.update([0], [0.0]).compute() == 0.75
    assert one.compute() == 0.5
    assert one.merge(one).compute() == 0.5


@pytest.mark.parametrize("other", [None, 0.5, HingeLossAccumulator])
def test_merge_refuses_what_is_no_accumulator(other):
    with pytest.raises(TypeError, match="Only a HingeLossAccumulator can be merged"):
        HingeLossAccumulator(labels=[0, 1]).merge(other)


def test_two_shapes_of_decisions_between_two_classes_are_not_mixed():
    one = HingeLossAccumulator(labels=[0, 1], multi_class="ovr").update([1], [0.5])
    two = HingeLossAccumulator(labels=[0, 1], multi_class="ovr")
    two.update([1], [[-0.5, 0.5]])
    assert (one.compute(), two.compute()) == (0.5, 1.0)
    with pytest.raises(ValueError, match=r"shape \(n,\) and of shape \(n, 2\)"):
        one.update([1], [[-0.5, 0.5]])
    with pytest.raises(ValueError, match=r"shape \(n,\) and of shape \(n, 2\)"):
        one.merge(two)
    assert (one.compute(), two.compute()) == (0.5, 1.0)
    one.update([], np.empty((0, 2))).update([1], [[0.5]])
    assert one.reset().merge(two).compute() == 1.0
    assert one.update([1], [[-0.5, 0.5]]).compute() == 1.0


def test_repr_can_be_read_back():
    loss = HingeLossAccumulator(labels=[1, 0])
    assert repr(loss) == "HingeLossAccumulator(labels=[0, 1])"
    loss = HingeLossAccumulator(**SETTINGS)
    assert repr(loss) == (
        "HingeLossAccumulator(labels=['a', 'b', 'c'], squared=True, "
        "multi_class='ovr', ignore_label='?')"
    )
    assert repr(eval(repr(loss))) == repr(loss)
    assert "ignore_label=0)" in repr(
        HingeLossAccumulator(labels=[0, 1], ignore_label=0)
    )


def test_copies_count_apart():
    loss = HingeLossAccumulator(labels=[0, 1]).update([1], [0.5])
    for duplicate in (
        copy.copy(loss),
        copy.deepcopy(loss),
        pickle.loads(pickle.dumps(loss)),
    ):
        assert duplicate.update([1], [0.0]).compute() == 0.75
        assert loss.compute() == 0.5


def test_what_is_kept_stays_small():
    rng = np.random.default_rng(0)
    loss = HingeLossAccumulator(labels=[0, 1])
    for _ in range(100):
        y, f = rng.integers(0, 2, 50), rng.normal(size=50)
        loss.update(y, f, sample_weight=10.0 ** rng.uniform(-300.0, 300.0, 50))
    assert len(pickle.dumps(loss)) < 2000


def test_workers_in_processes():
    rng = np.random.default_rng(0)
    y, f = rng.integers(0, 3, 90), rng.normal(size=(90, 3))
    whole = HingeLossAccumulator(labels=[0, 1, 2], multi_class="ovr")
    parts = joblib.Parallel(n_jobs=2)(
        joblib.delayed(whole.update)(y[rows], f[rows])
        for rows in np.split(np.arange(90), 3)
    )
    for part in parts:
        whole.merge(part)
    assert whole.compute() == hinge_loss(y, f, multi_class="ovr")

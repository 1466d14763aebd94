"""The hinge loss of decisions that are arrays of other libraries, where these are."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from metric_cases import binary, forms, multiclass, quick
from namespace_cases import (
    PLACES,
    brought,  # noqa: F401
    dispatched,  # noqa: F401
    either_place,
    every_place,
    raised_by,
)
from sklearn import config_context

from hingesvm import HingeSVC
from hingesvm.metrics import (
    HingeLossAccumulator,
    hinge_loss,
    make_neg_hinge_loss_scorer,
    neg_hinge_loss_scorer,
)

every_form = pytest.mark.parametrize(
    "form", ["crammer_singer", "weston_watkins", "ovr"]
)


def sample(n_rows, n_classes, seed=0):
    """Codes, decisions and weights, some of which are 0."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n_rows)
    f = 2.0 * rng.normal(size=(n_rows, n_classes)) + np.eye(n_classes)[y]
    w = rng.exponential(size=n_rows) * (rng.random(n_rows) < 0.9)
    return y, f, w


@every_place
@every_form
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("n_columns", [1, 2, 3, 7])
def test_value_is_that_of_numpy(place, form, squared, n_columns):
    n_classes = max(n_columns, 2)
    y, f, w = sample(5000, n_classes)
    f = f[:, 0] if n_columns == 1 else f
    options = {"labels": range(n_classes), "squared": squared, "multi_class": form}
    for weights in (None, w):
        found = hinge_loss(
            place.put(y), place.put(f), sample_weight=place.put(weights), **options
        )
        assert type(found) is float
        here = None if weights is None else place.rounded(weights)
        expected = hinge_loss(y, place.rounded(f), sample_weight=here, **options)
        if place.widest == np.float64 and (form == "crammer_singer" or n_columns < 3):
            assert found == expected
        assert found == pytest.approx(expected, rel=place.rounding)


@every_form
@pytest.mark.parametrize("place", PLACES[1:2] + PLACES[3:4], ids=repr)
@quick
@given(
    case=st.one_of(binary(), multiclass(least=2)),
    squared=st.booleans(),
    ignore=st.booleans(),
)
def test_any_labels_and_weights(place, form, case, squared, ignore):
    y, f, w, labels = case
    options = {"labels": labels, "squared": squared, "multi_class": form}
    if ignore:
        options["ignore_label"] = "none" if isinstance(labels[0], str) else 255
        y, f = [*y, options["ignore_label"]], [*f, np.full_like(f[0], np.nan)]
        w = None if w is None else [*w, -1.0]
    expected = hinge_loss(y, f, sample_weight=w, **options)
    there = place.put(f), place.put(w)
    found = hinge_loss(y, there[0], sample_weight=there[1], **options)
    assert found == pytest.approx(expected, rel=1e-13)
    if not isinstance(labels[0], str):
        there = place.put(y), *there
        again = hinge_loss(there[0], there[1], sample_weight=there[2], **options)
        assert again == found


def test_scikit_learn_has_the_same_loss():
    y, f, w = sample(1000, 3)
    # Its own takes no other arrays than those of NumPy.
    expected = sklearn.metrics.hinge_loss(y, f, sample_weight=w)
    for place in PLACES[:2]:
        found = hinge_loss(place.put(y), place.put(f), sample_weight=place.put(w))
        assert found == pytest.approx(expected, rel=1e-12)


@every_place
@every_form
def test_nothing_a_row_is_brought_to_the_host(place, form, brought):  # noqa: F811
    y, f, w = (place.put(values) for values in sample(3000, 3))
    options = {"multi_class": form, "squared": True, "ignore_label": 1}
    hinge_loss(y, f, labels=[0, 1, 2], sample_weight=w, **options)
    loss = HingeLossAccumulator(labels=place.put([0, 1, 2]), **options)
    loss.update(y, f, sample_weight=w)
    # Those are the distinct labels.
    assert brought == [3, 3, 3]


@every_place
def test_labels_of_the_host_are_brought_as_codes(place, brought):  # noqa: F811
    y, f, _ = sample(50, 3)
    expected = hinge_loss(place.put(y), place.put(f))
    del brought[:]
    names = np.array(["no", "or", "yes"])
    for labels in (y, y.tolist(), names[y], names[y].tolist(), y.astype(object)):
        assert hinge_loss(labels, place.put(f)) == expected
    assert not brought


@pytest.mark.parametrize("place", PLACES[:5], ids=repr)
def test_arrays_are_taken_from_anywhere(place):
    y, f, w = sample(60, 3)
    w = w.astype(np.float32).astype(np.float64)
    there = place.put(f)
    expected = hinge_loss(y, there, sample_weight=w)
    here = hinge_loss(y, f, sample_weight=w)
    for other in PLACES[:4]:
        weights = other.put(w)
        found = hinge_loss(other.put(y), there, sample_weight=weights)
        assert found == pytest.approx(expected, rel=place.rounding)
        # Decisions of the host keep all on the host.
        assert hinge_loss(other.put(y), f, sample_weight=weights) == here


@every_place
@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "uint16", "uint64", "int8", "int64", "float32"]
)
def test_labels_of_all_dtypes(place, dtype):
    labels = np.array([0, 1, 1, 0]).astype(dtype)
    f = place.put([0.5, 0.5, 2.0, -0.25])
    assert hinge_loss(place.put(labels), f) == (1.5 + 0.5 + 0.75) / 4
    column = place.put(labels[:, None])
    assert hinge_loss(column, f[:, None], sample_weight=place.put(np.ones((4, 1)))) == (
        (1.5 + 0.5 + 0.75) / 4
    )
    for negative in (labels[:1], labels[1:2]):
        with pytest.raises(ValueError, match="y_true has one class"):
            hinge_loss(place.put(negative), f[:1])


@every_place
def test_labels_compare_as_in_python(place):
    f = place.put([0.5, 9.0, -0.25])
    for y in ([0.0, 2.5, 1.0], [0, 2, 1], [False, True, True]):
        ignored = float(y[1])
        options = {"labels": [False, True], "ignore_label": ignored}
        expected = hinge_loss(y, [0.5, 9.0, -0.25], **options)
        assert hinge_loss(place.put(y), f, **options) == expected


@every_place
def test_other_numbers_are_taken(place):
    f = np.array([[2, 0], [1, 3], [0, 1]])
    for dtype in (np.int8, np.int32, bool):
        numbers = place.put(f.astype(dtype))
        found = hinge_loss([0, 1, 0], numbers, sample_weight=place.put([1, 2, 1]))
        expected = hinge_loss([0, 1, 0], f.astype(dtype), sample_weight=[1, 2, 1])
        assert found == expected
    numbers = place.put([1 + 1j, 2.0])
    with pytest.raises(ValueError, match="Complex data not supported"):
        hinge_loss([0, 1], numbers)
    with pytest.raises(ValueError, match=r"sample_weight .* Complex data"):
        hinge_loss([0, 1], place.put([1.0, 2.0]), sample_weight=numbers)


@either_place
@pytest.mark.parametrize(
    ("y", "f", "options"),
    [
        ([0, 1], [1.0], {}),
        ([0, 1], [1.0, 2.0], {"sample_weight": [1.0]}),
        ([0, 1], [np.nan, 1.0], {}),
        ([0, 1, 2], [[np.nan] * 3] * 3, {}),
        ([0, 2], [1.0, 2.0], {"labels": [0, 1]}),
        ([0, 1], [1.0, 2.0], {"labels": ["0", "1"]}),
        ([0.0, np.nan], [1.0, 2.0], {"labels": [0, 1]}),
        ([0.0, np.nan], [1.0, 2.0], {"ignore_label": 255}),
        ([0, 1], [1.0, 2.0], {"labels": [0, np.nan]}),
        ([0, 1, 2], np.ones((3, 4)), {}),
        ([0, 1], np.ones((2, 2)), {"labels": [0, 1, 2]}),
        ([0, 1, 2], np.ones(3), {}),
        ([0, 1], np.ones((2, 3)), {}),
        ([0, 1], np.ones((2, 1, 1)), {}),
        ([[0, 1], [1, 0]], [1.0, 2.0], {}),
        ([0, 1], 1.0, {}),
        (0, [1.0], {}),
        ([0, 1], [1.0, 2.0], {"labels": [[0, 1]]}),
        ([0, 1], [1.0, 2.0], {"sample_weight": np.ones((2, 2))}),
        ([0, 1], [1.0, 2.0], {"sample_weight": 1.0}),
        ([1, 1], [1.0, 2.0], {}),
        ([1, 1], [1.0, 2.0], {"labels": [1]}),
        (np.zeros(0, dtype=int), np.zeros(0), {}),
        (np.zeros(0, dtype=int), np.zeros(0), {"labels": [0, 1]}),
        ([0, 1], [1.0, 2.0], {"sample_weight": [1.0, -1.0]}),
        ([0, 1], [1.0, 2.0], {"sample_weight": [0.0, 0.0]}),
        ([0, 1], [1.0, 2.0], {"sample_weight": [1.0, np.nan]}),
        ([0, 1], [1.0, 2.0], {"sample_weight": [1.0, np.inf]}),
        ([0, 1], [1.0, 2.0], {"ignore_label": "255"}),
        ([7, 7], [1.0, 2.0], {"ignore_label": 7, "labels": [0, 1]}),
    ],
)
def test_bad_input_is_refused_as_of_numpy(place, y, f, options):
    expected = raised_by(hinge_loss, np.array(y), np.array(f), **options)

    def there(values):
        # Strings are nowhere but on the host.
        array = np.array(values)
        return array if array.dtype.kind == "U" else place.put(array)

    def shown(error):
        # Shapes and arrays look otherwise in torch and elsewhere.
        text = re.sub(r"torch\.Size\(\[(.*?)\]\)", r"(\1)", str(error))
        return re.sub("got .*, of type .*:", "got it:", text, flags=re.DOTALL)

    arrays = {
        name: values if name == "ignore_label" else there(values)
        for name, values in options.items()
    }
    for y_true, passed in [(np.array(y), options), (place.put(y), arrays)]:
        error = raised_by(hinge_loss, y_true, place.put(f), **passed)
        assert type(error) is type(expected)
        assert shown(error) == shown(expected)


@either_place
def test_infinite_decisions_and_large_weights_are_refused(place):
    for entry in (np.inf, -np.inf):
        with pytest.raises(ValueError, match="pred_decision contains infinity"):
            hinge_loss([0, 1], place.put([0.5, entry]))
    y, f = [0, 1], place.put([0.5, 1.0])
    weights = np.array([1.0, 1e300])
    if place.widest == np.float32:
        with pytest.raises(ValueError, match=r"must be finite .* got 1.0 to inf"):
            hinge_loss(y, f, sample_weight=weights)
    else:
        assert hinge_loss(y, f, sample_weight=weights) == pytest.approx(0.0, abs=1e-9)


@every_place
@every_form
@pytest.mark.parametrize("squared", [False, True])
def test_batches_in_any_order_have_the_value_of_all_rows(place, form, squared):
    y, f, w = sample(400, 5)
    options = {"labels": range(5), "squared": squared, "multi_class": form}
    there = place.put(y), place.put(f), place.put(w)
    whole = hinge_loss(there[0], there[1], sample_weight=there[2], **options)
    order = np.random.default_rng(1).permutation(400)
    loss, other = HingeLossAccumulator(**options), HingeLossAccumulator(**options)
    for rows in np.split(order, [1, 2, 60, 60, 310]):
        part = [place.put(values[rows]) for values in (y, f, w)]
        loss.update(part[0], part[1], sample_weight=part[2])
        if len(rows) < 100:
            other.merge(
                HingeLossAccumulator(**options).update(*part[:2], sample_weight=part[2])
            )
        else:  # of the host, with the loss of each row rounded there
            w_here, f_here = place.rounded(w[rows]), place.rounded(f[rows])
            other.update(y[rows], f_here, sample_weight=w_here)
    assert loss.compute() == whole
    assert other.compute() == pytest.approx(whole, rel=place.rounding)


@either_place
def test_bad_and_empty_batches_count_nothing(place):
    loss = HingeLossAccumulator(labels=[0, 1], ignore_label=9)
    empty = place.put(np.zeros(0))
    loss.update(empty, empty).update([], place.put(np.zeros((0, 2))))
    loss.update(place.put([9, 9]), place.put([np.nan, 1.0]))
    for y, f in [([0, 2], [0.5, 0.5]), ([0, 1], [np.nan, 0.5])]:
        with pytest.raises(ValueError, match=r"NaN|not in labels"):
            loss.update(place.put(y), place.put(f))
    with pytest.raises(ValueError, match="Nothing has been counted"):
        loss.compute()
    loss.update([0], place.put([0.5]))
    with pytest.raises(ValueError, match=r"shape \(n,\) and of shape \(n, 2\)"):
        loss.update([0], place.put([[0.5, 0.5]]))
    assert loss.compute() == 1.5


@every_place
def test_scorers_measure_classifiers_where_they_decide(place, brought):  # noqa: F811
    y, f, w = sample(500, 3)
    names = np.array(["a", "b", "c"])
    for classes, labels in [(place.put([0, 1, 2]), place.put(y)), (names, names[y])]:
        clf = SimpleNamespace(classes_=classes, decision_function=lambda X: X)
        for scorer in (
            neg_hinge_loss_scorer,
            make_neg_hinge_loss_scorer(multi_class="ovr", squared=True),
        ):
            del brought[:]
            score = scorer(clf, place.put(f), labels, sample_weight=place.put(w))
            assert max(brought, default=0) <= 3
            expected = hinge_loss(
                y,
                place.rounded(f),
                sample_weight=place.rounded(w),
                multi_class=scorer.multi_class,
                squared=scorer.squared,
            )
            assert score == pytest.approx(-expected, rel=place.rounding)


@pytest.mark.parametrize("place", PLACES[3:4], ids=repr)
def test_scores_of_a_model_that_is_trained_there(place):
    y, f, _ = sample(300, 2)
    there, labels = place.put(f), place.put(y)
    clf = HingeSVC(solver="batch").fit(there, labels)
    expected = -hinge_loss(labels, clf.decision_function(there))
    assert neg_hinge_loss_scorer(clf, there, labels) == expected


def test_tensors_that_have_gradients_are_taken():
    torch = pytest.importorskip("torch")
    f = torch.tensor([0.5, 0.5], requires_grad=True)
    w = torch.tensor([1.0, 3.0], requires_grad=True)
    assert hinge_loss([0, 1], 1.0 * f, sample_weight=1.0 * w) == (1.5 + 1.5) / 4


def test_without_dispatch_tensors_are_converted():
    torch = pytest.importorskip("torch")
    y, f, w = (torch.asarray(values) for values in sample(50, 3))
    expected = hinge_loss(y.numpy(), f.numpy(), sample_weight=w.numpy())
    with config_context(array_api_dispatch=False):
        assert hinge_loss(y, f, sample_weight=w) == expected


@quick
@given(forms)
def test_ranges_are_taken(form):
    f = np.eye(3)
    options = {"labels": range(3), "multi_class": form}
    assert hinge_loss(range(3), f, **options) == hinge_loss([0, 1, 2], f, **options)

"""The multi-class losses as objects: margin, equality, repr, and names."""

import math
import pickle

import numpy as np
import pytest
from multiclass_cases import EVERY, every_kind, every_loss

from hingesvm.losses import (
    CrammerSinger,
    Hinge,
    MulticlassLoss,
    WestonWatkins,
    get_loss,
    get_multiclass_loss,
)


@every_kind
@pytest.mark.parametrize(
    "margin",
    [0.0, -0.0, -1.0, math.nan, math.inf, -math.inf, True, "x", None, [1.0], 10**400],
)
def test_margin_must_be_positive_and_finite(kind, margin):
    with pytest.raises(ValueError, match="margin must be a positive finite number"):
        kind(margin)


@every_kind
def test_margin_is_kept_as_a_float(kind):
    for margin in (2, np.float32(2.0), np.int64(2)):
        assert type(kind(margin=margin).margin) is float
        assert kind(margin=margin) == kind(2.0)
    assert kind().margin == 1.0


def test_the_base_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        MulticlassLoss()


def test_equality_and_hash():
    assert CrammerSinger() == CrammerSinger(1)
    assert hash(CrammerSinger()) == hash(CrammerSinger(1))
    assert CrammerSinger() != CrammerSinger(2.0)
    assert CrammerSinger() != WestonWatkins()
    assert CrammerSinger() != "crammer_singer"
    assert len({*EVERY, *EVERY}) == len(EVERY)


@every_loss
def test_repr_can_be_read_back_and_pickle_keeps_a_loss(loss):
    assert eval(repr(loss)) == loss
    assert pickle.loads(pickle.dumps(loss)) == loss
    assert repr(CrammerSinger(2)) == "CrammerSinger(margin=2.0)"


def test_get_multiclass_loss_by_name():
    assert get_multiclass_loss("crammer_singer") == CrammerSinger()
    assert get_multiclass_loss("weston_watkins") == WestonWatkins()


@every_loss
def test_objects_are_returned_as_they_are_and_train_nothing(loss):
    assert get_multiclass_loss(loss) is loss
    with pytest.raises(TypeError, match="one-sided piecewise quadratic"):
        get_loss(loss)


@pytest.mark.parametrize("name", ["hinge", "CrammerSinger", ""])
def test_get_multiclass_loss_names_what_is_known(name):
    known = "choose one of 'crammer_singer', 'weston_watkins' or a MulticlassLoss"
    with pytest.raises(ValueError, match=known):
        get_multiclass_loss(name)


@pytest.mark.parametrize("loss", [None, 3, Hinge(), CrammerSinger, ["hinge"]])
def test_get_multiclass_loss_refuses_what_is_no_loss(loss):
    with pytest.raises(TypeError, match="name of a multi-class loss or an instance"):
        get_multiclass_loss(loss)

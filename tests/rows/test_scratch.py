"""Arrays of one number a row on the disk."""

import errno
import os

import numpy as np
import pytest
from batch_cases import batch_rows, cut, read_in_passes
from samples import make_data

from hingesvm import HingeSVC
from hingesvm.rows import scratch
from hingesvm.rows.memory import MemoryRows


def is_mapped(array):
    """Whether an array lies in a file."""
    while array is not None and not isinstance(array, np.memmap):
        array = array.base
    return array is not None


needs_files = pytest.mark.skipif(
    not hasattr(os, "posix_fallocate"), reason="files cannot be given their room"
)


@needs_files
def test_large_arrays_are_on_the_disk_and_small_ones_are_not(monkeypatch):
    monkeypatch.setattr(scratch, "MAPPED_BYTES", 400)
    array = scratch.on_disk(100, np.float32)
    array[:] = np.arange(100)
    assert is_mapped(array)
    assert array.dtype == np.float32
    assert array.flags.c_contiguous
    assert array.flags.writeable
    np.testing.assert_array_equal(array, np.arange(100))
    assert not is_mapped(scratch.on_disk(99, np.float32))


@needs_files
def test_without_room_on_the_disk_they_are_in_memory(monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(scratch, "MAPPED_BYTES", 1)
    monkeypatch.setattr(os, "posix_fallocate", refuse)
    array = scratch.on_disk(10, np.float64)
    assert array.shape == (10,)
    assert not is_mapped(array)


@needs_files
def test_only_rows_in_batches_have_them(monkeypatch):
    monkeypatch.setattr(scratch, "MAPPED_BYTES", 1)
    X = np.ones((6, 2))
    assert is_mapped(batch_rows(X, [4, 2]).scratch(np.float32))
    assert not is_mapped(MemoryRows(X).scratch(np.float32))


def test_arrays_on_the_disk_change_no_bit(monkeypatch):
    read_in_passes(monkeypatch)
    X, y = make_data(3300, 3, 2)
    batches = cut(X, y)
    expected = HingeSVC().fit_batches(batches)
    monkeypatch.setattr(scratch, "MAPPED_BYTES", 1)
    found = HingeSVC().fit_batches(batches)
    np.testing.assert_array_equal(found.coef_, expected.coef_)
    assert found.dual_gap_ == expected.dual_gap_

"""Open files, as the operating system sees them."""

import gc
import os
from pathlib import Path

import pytest


@pytest.fixture
def open_files(tmp_path):
    """Return a function that lists the files in tmp_path that are open, by name."""
    folder = Path("/proc/self/fd")

    def listed():
        gc.collect()
        found = []
        for entry in folder.iterdir():
            # The one of this very listing is closed by now.
            if entry.is_symlink():
                target = Path(os.readlink(entry))
                if target.is_relative_to(tmp_path):
                    found.append(target.name)
        return found

    if not folder.exists():
        return list
    with (tmp_path / "seen").open("w"):
        assert listed() == ["seen"]
    (tmp_path / "seen").unlink()
    return listed

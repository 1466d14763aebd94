"""The largest resident memory of this process."""

import contextlib
import resource
import sys
from pathlib import Path


def forget_peak() -> None:
    """Let the peak be that from now on, where the system can (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> float:
    """Return the largest resident size of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        _, _, rest = status.read_text().partition("VmHWM:")
        return float(rest.split()[0]) * 1024.0
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)

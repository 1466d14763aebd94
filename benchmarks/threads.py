"""One thread for BLAS, which reads the number of its threads when NumPy is imported."""

import os
import sys

#: The environment variables that BLAS libraries read.
ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)


def keep_to_one_thread() -> None:
    """Start the program anew, with the same arguments, unless it has one thread."""
    if any(os.environ.get(name) != "1" for name in ONE_THREAD):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ONE_THREAD)

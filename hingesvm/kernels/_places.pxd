# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Where the entries of X are, as kernels take it; see ``_places.pyx``."""

from libc.stdlib cimport free

from ._rows cimport Layout


cdef class Places:
    cdef Layout layout
    cdef Py_ssize_t longest
    cdef object owners


# With room for the indices of a row, which `close` gives back.
cdef Layout opened(Places where) except *


# Raises an error. Kernels are not compiled for float32 weights of float64 rows, which no
# solver has: this saves a tenth of the time that compiling takes.
cdef object refuse_single_weights()


cdef inline void close(Layout* X) noexcept nogil:
    """Give back what was opened."""
    free(X.room)

# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Arrays with one entry a row that may be scalars: one entry, or a block of them."""

from libc.stddef cimport ptrdiff_t

cdef enum:
    BLOCK = 256


cdef struct Values:
    # One entry a row, or with a step of 0 the same for all.
    const double* first
    ptrdiff_t step


cdef inline Values values_of(const double[:] array) noexcept nogil:
    """Return what an array holds, which may be a broadcast scalar."""
    cdef Values out
    out.first = &array[0] if array.shape[0] else NULL
    out.step = array.strides[0] // <ptrdiff_t>sizeof(double)
    return out


cdef inline double entry(Values values, ptrdiff_t row) noexcept nogil:
    """Return the entry of a row."""
    return values.first[row * values.step]


cdef inline const double* block_of(
    Values values, ptrdiff_t start, ptrdiff_t size, double* room
) noexcept nogil:
    """Return `size` entries from `start` on side by side: in place, or in `room`.

    A scalar is written to the room at the start 0 alone, so that must come first.
    """
    cdef ptrdiff_t k
    if values.step == 1:
        return values.first + start
    if values.step != 0 or start == 0:
        for k in range(size):
            room[k] = values.first[(start + k) * values.step]
    return room

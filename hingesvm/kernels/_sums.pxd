# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Arrays with one entry a row that may be scalars, in blocks, and sums over them."""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int8_t

from ._box cimport curved_loss, kinked_loss

cdef enum:
    BLOCK = 256


cdef struct Values:
    # One entry a row, or with a step of 0 the same for all.
    const double* first
    ptrdiff_t step


cdef struct Sums:
    double loss
    double gain
    double imbalance
    double moved


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


cdef inline Sums sum_up(
    const int8_t* signs,
    Values costs,
    Values bounds,
    Values curvatures,
    const double* shortfall,
    const double* alpha,
    const double* anchor,
    ptrdiff_t n,
) noexcept nogil:
    """Return the sums of ``_vectors.totals``; 0 for what `signs`, `anchor` NULL leave.
    """
    cdef Sums sums = Sums(0.0, 0.0, 0.0, 0.0)
    cdef double[BLOCK] cost_room, bound_room, curvature_room
    cdef const double* cost
    cdef const double* bound
    cdef const double* curvature
    cdef double a, part
    cdef ptrdiff_t start = 0, size, k
    while start < n:
        size = min(n - start, <ptrdiff_t>BLOCK)
        bound = block_of(bounds, start, size, bound_room)
        if curvatures.first[0] > 0.0:
            curvature = block_of(curvatures, start, size, curvature_room)
            for k in range(size):
                sums.loss += curved_loss(shortfall[start + k], bound[k], curvature[k])
                a = alpha[start + k]
                sums.gain -= 0.5 * curvature[k] * a * a
        else:
            for k in range(size):
                sums.loss += kinked_loss(shortfall[start + k], bound[k])
        for k in range(start, start + size):
            sums.gain += alpha[k]
        if signs != NULL:
            for k in range(start, start + size):
                sums.imbalance += alpha[k] * signs[k]
        if anchor != NULL:
            part = 0.0
            if costs.step == 0:
                # One division for all.
                for k in range(start, start + size):
                    part += (alpha[k] - anchor[k]) * (alpha[k] - anchor[k])
                part /= costs.first[0]
            else:
                cost = block_of(costs, start, size, cost_room)
                for k in range(size):
                    a = alpha[start + k] - anchor[start + k]
                    part += a * a / cost[k]
            sums.moved += part
        start += BLOCK
    return sums

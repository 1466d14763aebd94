# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Sums over the rows that make up objective, dual and stopping test."""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int8_t

from ._box cimport curved_loss, kinked_loss
from ._values cimport BLOCK, Values, block_of


cdef struct Sums:
    double loss
    double gain
    double imbalance
    double moved


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
    """Return the sums of ``_vectors.totals``.

    Those are 0 that would take `signs` or `anchor` where it is NULL.
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

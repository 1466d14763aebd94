# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The sets of the duals of a row: 0 <= a_k <= bound, with a sum of at most a cap."""

from libc.stddef cimport ptrdiff_t

from ._rows cimport weight_t

cdef extern from * nogil:
    """
    /* Stands for minus infinity, and is far from overflowing in float32. */
    #define HINGESVM_FAR 1e30f
    /* Part of a cap that is no different from it. */
    #define HINGESVM_NEARLY 0.999999f
    """
    const float FAR "HINGESVM_FAR"
    const float NEARLY "HINGESVM_NEARLY"


cdef enum:
    # Steps of Newton's method in one variable, at most.
    MOST_STEPS = 60


cdef inline weight_t level(
    const weight_t* apart,
    ptrdiff_t width,
    weight_t top,
    weight_t bound,
    weight_t cap,
    weight_t guess,
) noexcept nogil:
    """Return the eta at which sum_k clip(apart_k + eta, 0, bound) is min(top - eta, cap).

    All of `apart` are at most 0, and one is 0; `top` is positive. Newton's method, kept
    in a bracket.
    """
    cdef weight_t low = 0, high = min(top, cap)
    cdef weight_t eta = guess, total, slope, excess, term
    cdef ptrdiff_t v, k
    if not 0 < eta < high:
        eta = high
    for k in range(MOST_STEPS):
        total = 0
        slope = 0
        for v in range(width):
            term = apart[v] + eta
            slope += 1 if term > 0 and term < bound else 0
            term = term if term > 0 else 0
            total += term if term < bound else bound
        if top - eta < cap:
            excess = total - (top - eta)
            slope += 1
        else:
            excess = total - cap
        if excess == 0:
            break
        if excess > 0:
            high = eta
        else:
            low = eta
        eta = eta - excess / slope if slope > 0 else low
        if not low < eta < high:
            eta = (low + high) / 2
            if eta == low or eta == high:
                break
    return eta

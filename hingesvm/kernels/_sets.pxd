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


cdef inline weight_t cap_of(double caps, weight_t bound) noexcept nogil:
    """Return the cap of a row, which is `caps` times its bound, or FAR if there is none."""
    return <weight_t>caps * bound if caps < FAR else FAR


cdef inline weight_t outward_at_corner(
    const weight_t* gradient, ptrdiff_t width, ptrdiff_t k
) noexcept nogil:
    """Return the same where the dual of class k alone is the whole cap."""
    cdef weight_t other = -FAR, here = gradient[k], ahead
    cdef ptrdiff_t v
    for v in range(width):
        if v != k:
            other = gradient[v] if gradient[v] > other else other
    ahead = here - other
    return here if here < ahead else ahead


cdef inline weight_t outward_of_set(
    const weight_t* alpha,
    const weight_t* gradient,
    ptrdiff_t width,
    weight_t bound,
    weight_t cap,
    weight_t* violation,
    weight_t* gap,
) noexcept nogil:
    """Return how far the gradient of a row points out of its set at a vertex.

    If that is positive, the row's duals stay where they are; -1 if they are at no vertex.
    Sets `violation` to how far they are from optimal, in units of the gradient, and `gap`
    to the row's part of the duality gap: its loss, less a . g.
    """
    cdef weight_t total = 0, mean = 0, largest = -FAR, a, g, worst = 0, least = FAR
    cdef weight_t highest = 0, shortfall = 0
    cdef bint is_vertex = True, is_full
    cdef ptrdiff_t v, k = -1
    for v in range(width):
        total += alpha[v]
        mean += alpha[v] * gradient[v]
        largest = gradient[v] if gradient[v] > largest else largest
        shortfall += gradient[v] if gradient[v] > 0 else 0
    if cap > bound:
        gap[0] = bound * shortfall - mean
    else:
        gap[0] = cap * (largest if largest > 0 else 0) - mean
    if total == 0:
        violation[0] = largest if largest > 0 else 0
        return -largest
    is_full = total >= NEARLY * cap
    # The multiplier of the cap.
    mean = mean / total if is_full and mean > 0 else 0
    for v in range(width):
        a = alpha[v]
        g = gradient[v] - mean
        if a <= 0:
            worst = g if g > worst else worst
            least = -g if -g < least else least
        elif a >= bound:
            # At a cap that is no higher, there is no room to grow.
            worst = -g if -g > worst else worst
            least = g if g < least else least
        else:
            is_vertex = False
            worst = g if g > worst else worst
            worst = -g if -g > worst else worst
        if a > highest:
            highest = a
            k = v
    violation[0] = worst
    if cap > bound or not is_full:
        return least if is_vertex else -1
    if highest < NEARLY * cap:
        return -1
    return outward_at_corner(gradient, width, k)

# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""The slopes of losses along a line, and the zero of their sum."""

from libc.math cimport INFINITY, copysign, fabs, isfinite
from libc.stddef cimport ptrdiff_t

from ._values cimport BLOCK, Values, block_of

ctypedef fused real_t:
    float
    double

cdef enum:
    MOST_TRIALS = 40


cdef struct Slopes:
    # clip(rest + pace (1 - m), 0, bound) for n rows.
    Values rest
    Values pace
    Values bound
    ptrdiff_t n


cdef inline (double, double) clipped_sums(
    const Slopes* slopes,
    const real_t* here,
    const real_t* change,
    bint to_end,
    double t,
) noexcept nogil:
    """Return the sums that a search along a line needs.

    With a_i = clip(rest_i + pace_i (here_i - t change_i), 0, bound_i), the sum of
    a_i change_i, and that of pace_i change_i^2 over the a_i inside their box. If
    `to_end`, the change is that from `here` to `change`.
    """
    cdef double[BLOCK] rest_room, pace_room, bound_room
    cdef const double* rests
    cdef const double* paces
    cdef const double* bounds
    cdef double pull = 0.0, bend = 0.0, raw, clipped, along, width
    cdef ptrdiff_t start = 0, k, size
    while start < slopes.n:
        size = min(slopes.n - start, <ptrdiff_t>BLOCK)
        rests = block_of(slopes.rest, start, size, rest_room)
        paces = block_of(slopes.pace, start, size, pace_room)
        bounds = block_of(slopes.bound, start, size, bound_room)
        for k in range(size):
            along = change[start + k]
            if to_end:
                along = here[start + k] - along
            raw = rests[k] + paces[k] * (here[start + k] - t * along)
            clipped = raw if raw > 0.0 else 0.0
            clipped = clipped if clipped < bounds[k] else bounds[k]
            width = paces[k] * along * along
            pull += clipped * along
            bend += width if clipped == raw and raw > 0.0 else 0.0
        start += BLOCK
    return pull, bend


cdef inline double zero_along(
    const Slopes* slopes,
    const real_t* here,
    const real_t* change,
    bint to_end,
    double base,
    double slope,
    double start,
    double low,
    double tolerance,
    double noise,
) noexcept nogil:
    """Return a zero of ``base + slope t - pull(t)``, which is negative at t = `low`.

    See ``_vectors.find_zero``; `tolerance` is absolute here.
    """
    cdef double first = low, high = INFINITY, reach = 1.0, smallest = INFINITY
    cdef double x = start, best = start, x_next, value, bend
    cdef int trial
    for trial in range(MOST_TRIALS):
        value, bend = clipped_sums(slopes, here, change, to_end, x)
        value = base + slope * x - value
        bend += slope
        if fabs(value) < smallest:
            smallest = fabs(value)
            best = x
        elif smallest <= noise:
            break
        if fabs(value) <= tolerance:
            break
        if value > 0.0:
            high = x
        else:
            low = x
        x_next = x - value / bend if bend > 0.0 else INFINITY
        if not (low < x_next < high):
            if isfinite(first) and low == first and isfinite(high):
                x_next = first + 0.125 * (high - first)
            elif isfinite(low) and isfinite(high):
                x_next = 0.5 * (low + high)
            else:
                x_next = x - copysign(reach, value)
                reach *= 4.0
        if x_next == x or x_next == low or x_next == high:
            break
        x = x_next
    return best

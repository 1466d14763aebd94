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
    /* Part of a number by which its rounding is surely exceeded. */
    #define HINGESVM_SPARE 1e-6f
    """
    const float FAR "HINGESVM_FAR"
    const float NEARLY "HINGESVM_NEARLY"
    const float SPARE "HINGESVM_SPARE"

cdef extern from * nogil:
    """
    /* One bit for each of four numbers: whether it is above a level. */
    #if defined(__SSE2__)
    #include <immintrin.h>
    static inline int hingesvm_above_single(const float* a, float level) {
        return _mm_movemask_ps(_mm_cmpgt_ps(_mm_loadu_ps(a), _mm_set1_ps(level)));
    }
    #else
    static inline int hingesvm_above_single(const float* a, float level) {
        return (a[0] > level) | (a[1] > level) << 1 | (a[2] > level) << 2
            | (a[3] > level) << 3;
    }
    #endif
    #if defined(__AVX__)
    static inline int hingesvm_above_double(const double* a, double level) {
        return _mm256_movemask_pd(
            _mm256_cmp_pd(_mm256_loadu_pd(a), _mm256_set1_pd(level), _CMP_GT_OQ)
        );
    }
    #else
    static inline int hingesvm_above_double(const double* a, double level) {
        return (a[0] > level) | (a[1] > level) << 1 | (a[2] > level) << 2
            | (a[3] > level) << 3;
    }
    #endif
    """
    int above_single "hingesvm_above_single"(const float* a, float level)
    int above_double "hingesvm_above_double"(const double* a, double level)


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


cdef inline int those_above(const weight_t* a, weight_t least) noexcept nogil:
    """Return one bit for each of four numbers: whether it is above `least`."""
    if weight_t is float:
        return above_single(a, least)
    else:
        return above_double(a, least)


cdef inline ptrdiff_t listed(
    int found, ptrdiff_t first, ptrdiff_t* out, ptrdiff_t count
) noexcept nogil:
    """Append to a list the places of the bits that are set, and return its length."""
    cdef ptrdiff_t lane
    for lane in range(4):
        out[count] = first + lane
        count += (found >> lane) & 1
    return count


cdef inline ptrdiff_t support_of(
    const weight_t* alpha,
    const weight_t* gradient,
    ptrdiff_t width,
    ptrdiff_t* support,
    weight_t* rest,
) noexcept nogil:
    """List the classes with a positive dual in `support`, and return how many there are.

    Sets `rest` to the largest gradient of all others. `width` is a multiple of 4.
    """
    cdef weight_t most[4]
    cdef weight_t g
    cdef ptrdiff_t v, lane, count = 0
    cdef int found
    for lane in range(4):
        most[lane] = -FAR
    for v in range(0, width, 4):
        # Four chains, which the compiler makes a vector.
        for lane in range(4):
            g = -FAR if alpha[v + lane] > 0 else gradient[v + lane]
            most[lane] = g if g > most[lane] else most[lane]
        found = those_above(alpha + v, 0)
        if found:
            count = listed(found, v, support, count)
    most[0] = most[0] if most[0] > most[1] else most[1]
    most[2] = most[2] if most[2] > most[3] else most[3]
    rest[0] = most[0] if most[0] > most[2] else most[2]
    return count


cdef inline weight_t highest_of(
    const weight_t* numbers, ptrdiff_t width
) noexcept nogil:
    """Return the largest of some numbers, or -FAR if all are smaller."""
    cdef weight_t most[4]
    cdef ptrdiff_t v, lane
    for lane in range(4):
        most[lane] = -FAR
    for v in range(0, width, 4):
        for lane in range(4):
            most[lane] = (
                numbers[v + lane] if numbers[v + lane] > most[lane] else most[lane]
            )
    most[0] = most[0] if most[0] > most[1] else most[1]
    most[2] = most[2] if most[2] > most[3] else most[3]
    return most[0] if most[0] > most[2] else most[2]


cdef inline weight_t shortfall_of(
    const weight_t* gradient, ptrdiff_t width
) noexcept nogil:
    """Return the sum of the gradients that are positive."""
    cdef weight_t sums[4]
    cdef ptrdiff_t v, lane
    for lane in range(4):
        sums[lane] = 0
    for v in range(0, width, 4):
        for lane in range(4):
            sums[lane] += gradient[v + lane] if gradient[v + lane] > 0 else 0
    return (sums[0] + sums[1]) + (sums[2] + sums[3])


cdef inline weight_t outward_of_set(
    const weight_t* alpha,
    const weight_t* gradient,
    ptrdiff_t width,
    const ptrdiff_t* support,
    ptrdiff_t count,
    weight_t rest,
    weight_t bound,
    weight_t cap,
    weight_t* violation,
    weight_t* gap,
) noexcept nogil:
    """Return how far the gradient of a row points out of its set at a vertex.

    If that is positive, the row's duals stay where they are; -1 if they are at no vertex.
    Sets `violation` to how far they are from optimal, in units of the gradient, and `gap`
    to the row's part of the duality gap: its loss, less a . g. `support`, of `count`
    classes, and `rest` are what `support_of` finds.
    """
    cdef weight_t total = 0, mean = 0, largest = rest, a, g, worst, least
    cdef weight_t highest = 0, other = rest, second = -FAR
    cdef bint is_vertex = True, is_full
    cdef ptrdiff_t c, k = -1
    for c in range(count):
        a = alpha[support[c]]
        g = gradient[support[c]]
        total += a
        mean += a * g
        largest = g if g > largest else largest
    if cap > bound:
        gap[0] = bound * shortfall_of(gradient, width) - mean
    else:
        gap[0] = cap * (largest if largest > 0 else 0) - mean
    if count == 0:
        violation[0] = largest if largest > 0 else 0
        return -largest
    is_full = total >= NEARLY * cap
    # The multiplier of the cap.
    mean = mean / total if is_full and mean > 0 else 0
    worst = rest - mean
    least = mean - rest
    worst = worst if worst > 0 else 0
    for c in range(count):
        a = alpha[support[c]]
        g = gradient[support[c]] - mean
        worst = -g if -g > worst else worst
        if a >= bound:
            # At a cap that is no higher, there is no room to grow.
            least = g if g < least else least
        else:
            is_vertex = False
            worst = g if g > worst else worst
        if a > highest:
            highest = a
            k = c
    violation[0] = worst
    if cap > bound or not is_full:
        return least if is_vertex else -1
    if highest < NEARLY * cap:
        return -1
    # The dual of one class alone is the whole cap.
    for c in range(count):
        if c != k:
            second = gradient[support[c]]
            other = second if second > other else other
    g = gradient[support[k]]
    return g if g < g - other else g - other

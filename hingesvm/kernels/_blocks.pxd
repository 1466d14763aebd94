# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""What a row does to the weights of several classes that lie side by side.

The weights of a feature are `stride` numbers in sequence; those of 4, 8 or 16 of the
classes are a block, which is a few vectors. `lanes`, its width, is known to the compiler
wherever it is inlined.
"""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t

from ._rows cimport Row, sum_t, value_t, weight_t


cdef extern from * nogil:
    """
    #include <stddef.h>
    #include <stdint.h>
    /* What a row does to two blocks of the weights of a feature, or to one, which are vectors
       of 32 bytes, or to half of one. The compiler keeps what is a vector in a register; it
       does not do so with an array. Other compilers than those of the GNU dialect take an
       array. */
    #if defined(__GNUC__) || defined(__clang__)
    #define HINGESVM_HAS_VECTORS 1
    typedef float hingesvm_singles
        __attribute__((vector_size(32), aligned(4), may_alias));
    typedef float hingesvm_half __attribute__((vector_size(16), aligned(4), may_alias));
    typedef double hingesvm_doubles
        __attribute__((vector_size(32), aligned(8), may_alias));
    #define HINGESVM_PLACE(k) (stride * (columns ? (ptrdiff_t)columns[k] : (k)))
    #define HINGESVM_ONE(NAME, VALUE, SUM, VECTOR) \
    static inline void hingesvm_scores_##NAME( \
        const VALUE* values, const int32_t* columns, ptrdiff_t length, \
        const SUM* w, ptrdiff_t stride, SUM* scores \
    ) { \
        VECTOR total = *(const VECTOR*)scores, other = total - total; \
        ptrdiff_t k = 0; \
        for (; k + 1 < length; k += 2) { \
            total += (SUM)values[k] * *(const VECTOR*)(w + HINGESVM_PLACE(k)); \
            other += (SUM)values[k + 1] * *(const VECTOR*)(w + HINGESVM_PLACE(k + 1)); \
        } \
        if (k < length) \
            total += (SUM)values[k] * *(const VECTOR*)(w + HINGESVM_PLACE(k)); \
        *(VECTOR*)scores = total + other; \
    } \
    static inline void hingesvm_add_##NAME( \
        const VALUE* values, const int32_t* columns, ptrdiff_t length, \
        const SUM* factors, ptrdiff_t stride, SUM* w \
    ) { \
        const VECTOR rate = *(const VECTOR*)factors; \
        for (ptrdiff_t k = 0; k < length; ++k) \
            *(VECTOR*)(w + HINGESVM_PLACE(k)) += (SUM)values[k] * rate; \
    }
    #define HINGESVM_TWO(NAME, VALUE, SUM, FIRST, SECOND) \
    static inline void hingesvm_scores_##NAME( \
        const VALUE* values, const int32_t* columns, ptrdiff_t length, \
        const SUM* w, ptrdiff_t stride, SUM* scores \
    ) { \
        const ptrdiff_t next = sizeof(FIRST) / sizeof(SUM); \
        FIRST total = *(const FIRST*)scores, other = total - total; \
        SECOND sum = *(const SECOND*)(scores + next), rest = sum - sum; \
        const SUM *here, *there; \
        SUM value, following; \
        ptrdiff_t k = 0; \
        for (; k + 1 < length; k += 2) { \
            here = w + HINGESVM_PLACE(k); \
            there = w + HINGESVM_PLACE(k + 1); \
            value = (SUM)values[k]; \
            following = (SUM)values[k + 1]; \
            total += value * *(const FIRST*)here; \
            sum += value * *(const SECOND*)(here + next); \
            other += following * *(const FIRST*)there; \
            rest += following * *(const SECOND*)(there + next); \
        } \
        if (k < length) { \
            here = w + HINGESVM_PLACE(k); \
            value = (SUM)values[k]; \
            total += value * *(const FIRST*)here; \
            sum += value * *(const SECOND*)(here + next); \
        } \
        *(FIRST*)scores = total + other; \
        *(SECOND*)(scores + next) = sum + rest; \
    } \
    static inline void hingesvm_add_##NAME( \
        const VALUE* values, const int32_t* columns, ptrdiff_t length, \
        const SUM* factors, ptrdiff_t stride, SUM* w \
    ) { \
        const ptrdiff_t next = sizeof(FIRST) / sizeof(SUM); \
        const FIRST rate = *(const FIRST*)factors; \
        const SECOND pace = *(const SECOND*)(factors + next); \
        for (ptrdiff_t k = 0; k < length; ++k) { \
            SUM* here = w + HINGESVM_PLACE(k); \
            const SUM value = (SUM)values[k]; \
            *(FIRST*)here += value * rate; \
            *(SECOND*)(here + next) += value * pace; \
        } \
    }
    #else
    #define HINGESVM_HAS_VECTORS 0
    #define HINGESVM_ARRAY(NAME, VALUE, SUM, LANES) \
    static void hingesvm_scores_##NAME( \
        const VALUE* values, const int32_t* columns, ptrdiff_t length, \
        const SUM* w, ptrdiff_t stride, SUM* scores \
    ) { \
        for (ptrdiff_t k = 0; k < length; ++k) { \
            const SUM* here = w + stride * (columns ? (ptrdiff_t)columns[k] : k); \
            for (int v = 0; v < LANES; ++v) scores[v] += (SUM)values[k] * here[v]; \
        } \
    } \
    static void hingesvm_add_##NAME( \
        const VALUE* values, const int32_t* columns, ptrdiff_t length, \
        const SUM* factors, ptrdiff_t stride, SUM* w \
    ) { \
        for (ptrdiff_t k = 0; k < length; ++k) { \
            SUM* here = w + stride * (columns ? (ptrdiff_t)columns[k] : k); \
            for (int v = 0; v < LANES; ++v) here[v] += (SUM)values[k] * factors[v]; \
        } \
    }
    #define HINGESVM_ONE(NAME, VALUE, SUM, VECTOR) \
        HINGESVM_ARRAY(NAME, VALUE, SUM, VECTOR)
    #define HINGESVM_TWO(NAME, VALUE, SUM, FIRST, SECOND) \
        HINGESVM_ARRAY(NAME, VALUE, SUM, FIRST + SECOND)
    #define hingesvm_singles 8
    #define hingesvm_half 4
    #define hingesvm_doubles 4
    #endif
    HINGESVM_TWO(two_singles, float, float, hingesvm_singles, hingesvm_singles)
    HINGESVM_TWO(most_singles, float, float, hingesvm_singles, hingesvm_half)
    HINGESVM_ONE(singles, float, float, hingesvm_singles)
    HINGESVM_ONE(half, float, float, hingesvm_half)
    HINGESVM_TWO(two_mixed, float, double, hingesvm_doubles, hingesvm_doubles)
    HINGESVM_ONE(mixed, float, double, hingesvm_doubles)
    HINGESVM_TWO(two_doubles, double, double, hingesvm_doubles, hingesvm_doubles)
    HINGESVM_ONE(doubles, double, double, hingesvm_doubles)
    """
    void scores_two_singles "hingesvm_scores_two_singles"(
        const float*, const int32_t*, ptrdiff_t, const float*, ptrdiff_t, float*
    )
    void add_two_singles "hingesvm_add_two_singles"(
        const float*, const int32_t*, ptrdiff_t, const float*, ptrdiff_t, float*
    )
    void scores_most_singles "hingesvm_scores_most_singles"(
        const float*, const int32_t*, ptrdiff_t, const float*, ptrdiff_t, float*
    )
    void add_most_singles "hingesvm_add_most_singles"(
        const float*, const int32_t*, ptrdiff_t, const float*, ptrdiff_t, float*
    )
    void scores_singles "hingesvm_scores_singles"(
        const float*, const int32_t*, ptrdiff_t, const float*, ptrdiff_t, float*
    )
    void add_singles "hingesvm_add_singles"(
        const float*, const int32_t*, ptrdiff_t, const float*, ptrdiff_t, float*
    )
    void scores_half "hingesvm_scores_half"(
        const float*, const int32_t*, ptrdiff_t, const float*, ptrdiff_t, float*
    )
    void add_half "hingesvm_add_half"(
        const float*, const int32_t*, ptrdiff_t, const float*, ptrdiff_t, float*
    )
    void scores_two_mixed "hingesvm_scores_two_mixed"(
        const float*, const int32_t*, ptrdiff_t, const double*, ptrdiff_t, double*
    )
    void add_two_mixed "hingesvm_add_two_mixed"(
        const float*, const int32_t*, ptrdiff_t, const double*, ptrdiff_t, double*
    )
    void scores_mixed "hingesvm_scores_mixed"(
        const float*, const int32_t*, ptrdiff_t, const double*, ptrdiff_t, double*
    )
    void add_mixed "hingesvm_add_mixed"(
        const float*, const int32_t*, ptrdiff_t, const double*, ptrdiff_t, double*
    )
    void scores_two_doubles "hingesvm_scores_two_doubles"(
        const double*, const int32_t*, ptrdiff_t, const double*, ptrdiff_t, double*
    )
    void add_two_doubles "hingesvm_add_two_doubles"(
        const double*, const int32_t*, ptrdiff_t, const double*, ptrdiff_t, double*
    )
    void scores_doubles "hingesvm_scores_doubles"(
        const double*, const int32_t*, ptrdiff_t, const double*, ptrdiff_t, double*
    )
    void add_doubles "hingesvm_add_doubles"(
        const double*, const int32_t*, ptrdiff_t, const double*, ptrdiff_t, double*
    )


cdef enum:
    # The widest block.
    MOST_LANES = 16


cdef inline void add_scores(
    const value_t* data,
    const Row* place,
    const weight_t* w,
    ptrdiff_t stride,
    ptrdiff_t lanes,
    sum_t* scores,
) noexcept nogil:
    """Add x_i . w of each lane to its score."""
    cdef const value_t* values = data + place.start
    cdef const int32_t* columns = place.columns
    cdef ptrdiff_t length = place.length
    cdef sum_t total[MOST_LANES]
    cdef sum_t other[MOST_LANES]
    cdef const weight_t* here
    cdef const weight_t* there
    cdef sum_t value, next_value
    cdef ptrdiff_t k, v
    for v in range(lanes):
        total[v] = scores[v]
        other[v] = 0
    # Two chains: the additions of one entry wait for those of the last otherwise.
    for k in range(0, length - 1, 2):
        here = w + stride * (k if columns == NULL else columns[k])
        there = w + stride * (k + 1 if columns == NULL else columns[k + 1])
        value = <sum_t>values[k]
        next_value = <sum_t>values[k + 1]
        for v in range(lanes):
            total[v] += value * <sum_t>here[v]
            other[v] += next_value * <sum_t>there[v]
    if length & 1:
        k = length - 1
        here = w + stride * (k if columns == NULL else columns[k])
        value = <sum_t>values[k]
        for v in range(lanes):
            total[v] += value * <sum_t>here[v]
    for v in range(lanes):
        scores[v] = total[v] + other[v]


cdef inline void add_row(
    const value_t* data,
    const Row* place,
    const sum_t* factors,
    ptrdiff_t stride,
    ptrdiff_t lanes,
    sum_t* w,
) noexcept nogil:
    """Add the lane's factor times x_i to the weights of each lane."""
    cdef const value_t* values = data + place.start
    cdef const int32_t* columns = place.columns
    cdef ptrdiff_t length = place.length
    cdef sum_t rate[MOST_LANES]
    cdef sum_t sums[MOST_LANES]
    cdef sum_t* here
    cdef sum_t value
    cdef ptrdiff_t k, v
    for v in range(lanes):
        rate[v] = factors[v]
    for k in range(length):
        here = w + stride * (k if columns == NULL else columns[k])
        value = <sum_t>values[k]
        # All are read before any is written, so that they can be a vector.
        for v in range(lanes):
            sums[v] = here[v] + value * rate[v]
        for v in range(lanes):
            here[v] = sums[v]


cdef inline void add_all_scores(
    const value_t* data,
    const Row* place,
    const weight_t* w,
    ptrdiff_t width,
    sum_t* scores,
) noexcept nogil:
    """Add x_i . w of each of `width` classes, a multiple of 4, to its score."""
    cdef const value_t* values = data + place.start
    cdef const int32_t* columns = place.columns
    cdef ptrdiff_t length = place.length, k = 0
    if weight_t is float and sum_t is float:
        while width - k >= 16:
            scores_two_singles(
                <const float*>values, columns, length, w + k, width, scores + k
            )
            k += 16
        if width - k == 12:
            scores_most_singles(
                <const float*>values, columns, length, w + k, width, scores + k
            )
        elif width - k == 8:
            scores_singles(
                <const float*>values, columns, length, w + k, width, scores + k
            )
        elif width - k == 4:
            scores_half(
                <const float*>values, columns, length, w + k, width, scores + k
            )
    elif weight_t is double and sum_t is double:
        while width - k >= 8:
            if value_t is float:
                scores_two_mixed(values, columns, length, w + k, width, scores + k)
            else:
                scores_two_doubles(values, columns, length, w + k, width, scores + k)
            k += 8
        if width - k == 4:
            if value_t is float:
                scores_mixed(values, columns, length, w + k, width, scores + k)
            else:
                scores_doubles(values, columns, length, w + k, width, scores + k)
    else:
        while width - k >= 8:
            add_scores(data, place, w + k, width, 8, scores + k)
            k += 8
        if width - k == 4:
            add_scores(data, place, w + k, width, 4, scores + k)


cdef inline bint any_differs(const sum_t* factors, ptrdiff_t count) noexcept nogil:
    """Whether any of some factors is not 0."""
    cdef ptrdiff_t k
    cdef bint found = False
    for k in range(count):
        found |= factors[k] != 0
    return found


cdef inline void add_to_all(
    const value_t* data,
    const Row* place,
    const sum_t* factors,
    ptrdiff_t width,
    sum_t* w,
) noexcept nogil:
    """Add its factor times x_i to the weights of each of `width` classes.

    Blocks whose factors are all 0 are passed over, as most are; of others two are taken in
    one go. They are as wide as those that are read: what was written can then be read at
    once.
    """
    cdef const value_t* values = data + place.start
    cdef const int32_t* columns = place.columns
    cdef ptrdiff_t length = place.length, k = 0
    cdef bint first, second
    if sum_t is float:
        while width - k >= 8:
            first = any_differs(factors + k, 8)
            second = width - k >= 12 and any_differs(
                factors + k + 8, 8 if width - k >= 16 else 4
            )
            if first and second and width - k >= 16:
                add_two_singles(
                    <const float*>values, columns, length, factors + k, width, w + k
                )
            elif first and second:
                add_most_singles(
                    <const float*>values, columns, length, factors + k, width, w + k
                )
            elif first:
                add_singles(
                    <const float*>values, columns, length, factors + k, width, w + k
                )
            elif second and width - k >= 16:
                add_singles(
                    <const float*>values,
                    columns,
                    length,
                    factors + k + 8,
                    width,
                    w + k + 8,
                )
            elif second:
                add_half(
                    <const float*>values,
                    columns,
                    length,
                    factors + k + 8,
                    width,
                    w + k + 8,
                )
            k += 16
        if width - k == 4 and any_differs(factors + k, 4):
            add_half(<const float*>values, columns, length, factors + k, width, w + k)
        return
    else:
        while k < width:
            first = any_differs(factors + k, 4)
            second = width - k >= 8 and any_differs(factors + k + 4, 4)
            if first and second:
                if value_t is float:
                    add_two_mixed(values, columns, length, factors + k, width, w + k)
                else:
                    add_two_doubles(values, columns, length, factors + k, width, w + k)
                k += 8
                continue
            if first:
                if value_t is float:
                    add_mixed(values, columns, length, factors + k, width, w + k)
                else:
                    add_doubles(values, columns, length, factors + k, width, w + k)
            k += 4


cdef inline const value_t* packed_row(
    const value_t* data, Row* place, value_t* packed, int32_t* places
) noexcept nogil:
    """Return the values of a row, and let `place` be where they are among themselves.

    The entries of a dense row that are not 0 are copied to `packed` and `places` first,
    unless these are NULL.
    """
    cdef const value_t* values = data + place.start
    cdef ptrdiff_t j, count = 0
    place.start = 0
    if packed == NULL:
        return values
    for j in range(place.length):
        packed[count] = values[j]
        places[count] = <int32_t>j
        count += values[j] != 0
    place.columns, place.length = places, count
    return packed

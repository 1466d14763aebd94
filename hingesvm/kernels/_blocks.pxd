# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""What a row does to the weights of several classes that lie side by side.

The weights of a feature are `stride` numbers in sequence; those of 4, 8 or 16 of the
classes are a block, which is a few vectors. `lanes`, its width, is known to the compiler
wherever it is inlined.
"""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t

from ._rows cimport Row, sum_t, value_t, weight_t


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
    cdef ptrdiff_t k = 0
    while width - k >= 16:
        add_scores(data, place, w + k, width, 16, scores + k)
        k += 16
    if width - k == 12:
        add_scores(data, place, w + k, width, 12, scores + k)
    elif width - k == 8:
        add_scores(data, place, w + k, width, 8, scores + k)
    elif width - k == 4:
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

    Blocks whose factors are all 0 are passed over, as most are. They are as wide as those
    that are read, as what was written can then be read at once.
    """
    cdef ptrdiff_t k = 0
    if sizeof(sum_t) == 4:
        while width - k >= 8:
            if any_differs(factors + k, 8):
                add_row(data, place, factors + k, width, 8, w + k)
            k += 8
    while k < width:
        if any_differs(factors + k, 4):
            add_row(data, place, factors + k, width, 4, w + k)
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

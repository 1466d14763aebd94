# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""Sums of products in twice the precision of float64, by error-free transformations.

Each sum is a float64 and a correction, whose error is that of a sum in twice the working
precision (Ogita, Rump and Oishi, "Accurate sum and dot product", SIAM J. Sci. Comput. 26,
2005). Built without the options that let a compiler reorder sums, which would undo it.

X is given as ``(data, where)``: its values, flat and C-ordered, and the Places that tell
which of them make up a row. No function holds the GIL while it works.
"""

from libc.math cimport fabs
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t

from ._places cimport Places, close, opened
from ._rows cimport Layout, Row, locate, value_t

cdef enum:
    # Sums that go side by side, as additions to one wait for each other.
    LANES = 4

# 2^27 + 1: halves of a float64 are products of it.
cdef double SPLITTER = 134217729.0


cdef struct Sum:
    double value
    double rest


cdef inline void add(double* value, double* rest, double term) noexcept nogil:
    """Add a number, its rounding error to the rest."""
    cdef double after = value[0] + term
    cdef double taken = after - value[0]
    rest[0] += (value[0] - (after - taken)) + (term - taken)
    value[0] = after


cdef inline void add_product(
    double* value, double* rest, double a, double b
) noexcept nogil:
    """Add a product, its rounding errors to the rest."""
    cdef double product = a * b
    cdef double large = SPLITTER * a
    cdef double a_high = large - (large - a)
    cdef double a_low = a - a_high
    large = SPLITTER * b
    cdef double b_high = large - (large - b)
    cdef double b_low = b - b_high
    add(value, rest, product)
    rest[0] += a_low * b_low - (
        ((product - a_high * b_high) - a_low * b_high) - a_high * b_low
    )


cdef inline Sum joined(const double* values, const double* rests) noexcept nogil:
    """Return the sum of all lanes, its rest as small as it can be."""
    cdef Sum total = Sum(values[0], rests[0])
    cdef double rest
    cdef ptrdiff_t k
    for k in range(1, LANES):
        add(&total.value, &total.rest, values[k])
        total.rest += rests[k]
    rest = total.rest
    total.rest = 0.0
    add(&total.value, &total.rest, rest)
    return total


def scores(
    const value_t[::1] data,
    Places where,
    const ptrdiff_t[::1] order,
    ptrdiff_t start,
    ptrdiff_t stop,
    const double[::1] w,
    double intercept,
    double[::1] value,
    double[::1] rest,
    double[::1] size,
):
    """Set ``value[k] + rest[k]`` to x_r . w + b of r = order[k] for start <= k < stop.

    And `size` to the sum of the sizes of their terms.
    """
    cdef Layout X = opened(where)
    cdef double[LANES] values, rests, sizes
    cdef Sum total
    cdef Row place
    cdef const value_t* entries
    cdef const int32_t* names
    cdef ptrdiff_t row, k, j, lane, whole
    with nogil:
        for row in range(start, stop):
            place = locate(&X, order[row])
            entries = &data[place.start]
            names = place.columns
            whole = place.length // LANES * LANES
            for lane in range(LANES):
                values[lane] = rests[lane] = sizes[lane] = 0.0
            values[0], sizes[0] = intercept, fabs(intercept)
            k = 0
            if names == NULL:
                while k < whole:
                    for lane in range(LANES):
                        add_product(
                            &values[lane],
                            &rests[lane],
                            <double>entries[k + lane],
                            w[k + lane],
                        )
                        sizes[lane] += fabs(<double>entries[k + lane] * w[k + lane])
                    k += LANES
            for k in range(k, place.length):
                lane = k % LANES
                j = k if names == NULL else <ptrdiff_t>names[k]
                add_product(&values[lane], &rests[lane], <double>entries[k], w[j])
                sizes[lane] += fabs(<double>entries[k] * w[j])
            total = joined(values, rests)
            value[row], rest[row] = total.value, total.rest
            size[row] = 0.0
            for lane in range(LANES):
                size[row] += sizes[lane]
    close(&X)


def combine(
    const value_t[::1] data,
    Places where,
    ptrdiff_t start,
    ptrdiff_t stop,
    const double[::1] factors,
    double[::1] value,
    double[::1] rest,
    double[::1] size,
):
    """Add the sum of factors_r x_r over start <= r < stop to `value` and `rest`.

    And the sizes of its terms to `size`.
    """
    cdef Layout X = opened(where)
    cdef Row place
    cdef const value_t* entries
    cdef const int32_t* names
    cdef ptrdiff_t row, k, j
    with nogil:
        for row in range(start, stop):
            if factors[row] == 0.0:
                continue
            place = locate(&X, row)
            entries = &data[place.start]
            names = place.columns
            for k in range(place.length):
                j = k if names == NULL else <ptrdiff_t>names[k]
                add_product(&value[j], &rest[j], factors[row], <double>entries[k])
                size[j] += fabs(factors[row] * <double>entries[k])
    close(&X)


def dot(const double[:] a, const double[:] b):
    """Return the sum of a_k b_k, and a correction to it."""
    cdef double[LANES] values, rests
    cdef Sum total
    cdef ptrdiff_t k, lane
    with nogil:
        for lane in range(LANES):
            values[lane] = rests[lane] = 0.0
        for k in range(a.shape[0]):
            add_product(&values[k % LANES], &rests[k % LANES], a[k], b[k])
        total = joined(values, rests)
    return total.value, total.rest

# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Soft thresholding, and weights that follow from sums of rows by it."""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t

from ._rows cimport Row, row_dot, value_t, weight_t

cdef struct Identity:
    # Weights that are the sums themselves; only its type counts.
    bint unused


cdef struct Shrinkage:
    # Weights w_j = soft(v_j + z_j, t_j) / s_j of sums v: the thresholds t, the reciprocals
    # of s, and the centers z.
    const double* threshold
    const double* reciprocal
    const double* center


ctypedef fused map_t:
    Identity
    Shrinkage


cdef inline double soft(double value, double threshold) noexcept nogil:
    """Return a value moved towards 0 by a threshold, and no further than to 0."""
    # Without branches, for vectors.
    cdef double above = value - threshold, below = value + threshold
    return (above if above > 0.0 else 0.0) + (below if below < 0.0 else 0.0)


cdef inline double weight_of(
    double total, ptrdiff_t column, const Shrinkage* map
) noexcept nogil:
    """Return the weight of a column whose sum is `total`."""
    total = soft(total + map.center[column], map.threshold[column])
    return total * map.reciprocal[column]


cdef inline double mapped_dot(
    const value_t* data,
    const Row* place,
    const weight_t* sums,
    const map_t* map,
) noexcept nogil:
    """Return x_i . w for the weights w of some sums.

    Added up in the precision of the sums where they are the weights, in double precision
    otherwise.
    """
    cdef const value_t* values
    cdef const int32_t* columns
    cdef double total = 0.0, other = 0.0
    cdef ptrdiff_t k, length
    if map_t is Identity:
        return row_dot(data, place, sums, <weight_t>0)
    else:
        values, columns, length = data + place.start, place.columns, place.length
        if columns == NULL:
            for k in range(length):
                total += values[k] * weight_of(sums[k], k, map)
            return total
        # Two chains, as in `row_dot`.
        for k in range(0, length - 1, 2):
            total += values[k] * weight_of(sums[columns[k]], columns[k], map)
            other += values[k + 1] * weight_of(sums[columns[k + 1]], columns[k + 1], map)
        if length & 1:
            k = length - 1
            total += values[k] * weight_of(sums[columns[k]], columns[k], map)
        return total + other

# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Products of short vectors, for the small systems of narrow problems."""

from libc.stddef cimport ptrdiff_t

cdef enum:
    # Entries of a row of a strip: free rows whose products are added up at once.
    STRIP = 256


cdef inline double weighted_dot(
    const double* weights, const double* a, const double* b, ptrdiff_t n
) noexcept nogil:
    """Return the sum of weights a b."""
    cdef double total = 0.0
    cdef ptrdiff_t k
    for k in range(n):
        total += weights[k] * a[k] * b[k]
    return total


cdef inline double dot(const double* a, const double* b, ptrdiff_t n) noexcept nogil:
    """Return the sum of a b."""
    cdef double total = 0.0
    cdef ptrdiff_t k
    for k in range(n):
        total += a[k] * b[k]
    return total


cdef inline void add_products(
    const double* a, const double* b, ptrdiff_t n, double* out, ptrdiff_t padded
) noexcept nogil:
    """Add the products of two rows of a strip with four others."""
    cdef double s0 = 0.0, s1 = 0.0, s2 = 0.0, s3 = 0.0
    cdef double t0 = 0.0, t1 = 0.0, t2 = 0.0, t3 = 0.0
    cdef ptrdiff_t k
    for k in range(n):
        s0 += a[k] * b[k]
        s1 += a[k] * b[k + STRIP]
        s2 += a[k] * b[k + 2 * STRIP]
        s3 += a[k] * b[k + 3 * STRIP]
        t0 += a[k + STRIP] * b[k]
        t1 += a[k + STRIP] * b[k + STRIP]
        t2 += a[k + STRIP] * b[k + 2 * STRIP]
        t3 += a[k + STRIP] * b[k + 3 * STRIP]
    out[0] += s0
    out[1] += s1
    out[2] += s2
    out[3] += s3
    out[padded] += t0
    out[padded + 1] += t1
    out[padded + 2] += t2
    out[padded + 3] += t3

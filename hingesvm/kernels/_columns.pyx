# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""Steps at one column after the other, on a quadratic model of few columns.

No function holds the GIL while it works, and callers pass short ranges, so that a fit can
be interrupted between two calls.
"""

from libc.math cimport fabs
from libc.stddef cimport ptrdiff_t

from ._soft cimport soft


def descend(
    const double[:, ::1] hessian,
    const double[::1] threshold,
    const ptrdiff_t[::1] chosen,
    ptrdiff_t start,
    ptrdiff_t stop,
    double[::1] z,
    double[::1] gradient,
):
    """Minimise the model in each coordinate in turn, the others being fixed.

    For the coordinates j = ``chosen[k]``, start <= k < stop, of the model

        1/2 z'Hz - c'z + sum_j t_j |z_j|,

    with ``gradient`` = Hz - c following. Where H_jj is 0, z_j becomes 0 if t_j is
    positive, and stays where it is otherwise.
    """
    cdef ptrdiff_t m = z.shape[0], k, j, i
    cdef const double* row
    cdef double* slope = &gradient[0] if m else NULL
    cdef double old, new, change, curvature
    with nogil:
        for k in range(start, stop):
            j = chosen[k]
            old = z[j]
            if old == 0.0 and fabs(slope[j]) <= threshold[j]:
                continue
            row = &hessian[j, 0]
            curvature = row[j]
            if curvature > 0.0:
                new = soft(curvature * old - slope[j], threshold[j]) / curvature
            else:
                new = 0.0 if threshold[j] > 0.0 else old
            change = new - old
            if change == 0.0:
                continue
            z[j] = new
            for i in range(m):
                slope[i] += change * row[i]

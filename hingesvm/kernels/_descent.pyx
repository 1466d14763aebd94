# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Steps at one column after the other, on a quadratic model of many sparse columns."""

from cython cimport floating as real_t
from libc.math cimport fabs
from libc.stddef cimport ptrdiff_t

from ._soft cimport soft


def descend(
    const real_t[::1] data,
    const int[::1] rows,
    const int[::1] starts,
    const double[::1] strength,
    const double[::1] bend,
    const double[::1] threshold,
    const double[::1] slope,
    const double[::1] origin,
    const ptrdiff_t[::1] chosen,
    ptrdiff_t start,
    ptrdiff_t stop,
    double[::1] z,
    double[::1] moved,
):
    """Minimise the model in each coordinate in turn, the others being fixed.

    For the coordinates j = ``chosen[k]``, start <= k < stop, of the model

        |A(z - z0)|^2 / 2 + sum_j (s_j (z_j - z0_j)^2 / 2 + g_j (z_j - z0_j) + t_j |z_j|),

    with ``moved`` = A(z - z0) following. A is given by its columns: entries
    ``starts[j]`` to ``starts[j + 1]`` of data and rows. ``bend[j]`` is the squared norm
    of a column plus s_j; a coordinate where it is 0 stays.

    Returns
    -------
    float
        The largest distance from optimality that was met.
    """
    cdef ptrdiff_t k, j
    cdef int i
    cdef double old, new, change, slant, far, worst = 0.0
    with nogil:
        for k in range(start, stop):
            j = chosen[k]
            if not bend[j] > 0.0:
                continue
            old = z[j]
            slant = 0.0
            for i in range(starts[j], starts[j + 1]):
                slant += data[i] * moved[rows[i]]
            slant += slope[j] + strength[j] * (old - origin[j])
            if old == 0.0:
                far = fabs(slant) - threshold[j]
                if far <= 0.0:
                    continue
            else:
                far = fabs(slant + (threshold[j] if old > 0.0 else -threshold[j]))
            if far > worst:
                worst = far
            new = soft(bend[j] * old - slant, threshold[j]) / bend[j]
            change = new - old
            if change == 0.0:
                continue
            z[j] = new
            for i in range(starts[j], starts[j + 1]):
                moved[rows[i]] += change * data[i]
    return worst

# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""The hot loops of the batch method.

X is given as ``(data, where)``: its values, flat and C-ordered, and the Places that tell
which of them make up a row. Arrays with one entry a row that may be a broadcast scalar
are strided; the others are contiguous. No function holds the GIL while it works.
"""

from libc.math cimport sqrt
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int8_t

from ._box cimport clip
from ._places cimport Places, close, opened, refuse_single_weights
from ._rows cimport (
    Layout,
    Row,
    fetch_ahead,
    locate,
    row_add,
    row_dot,
    row_scaled_norm,
    value_t,
    weight_t,
)

ctypedef fused real_t:
    float
    double


def survey(
    const value_t[::1] data,
    Places where,
    ptrdiff_t start,
    ptrdiff_t stop,
    const int8_t[::1] signs,
    const double[:] bound,
    const double[:] curvature,
    bint judge,
    const weight_t[::1] w,
    double intercept,
    const value_t[::1] scales,
    double[::1] shortfall,
    double[::1] alpha,
    float[::1] reach,
    double[::1] own,
):
    """Look at the rows start <= r < stop once, for all that a certificate needs.

    Arrays with one entry a row hold those of the range alone. Sets
    ``shortfall[r] = 1 - m_r`` and adds ``alpha_r y_r x_r`` to `own`. If `judge`,
    alpha_r is first set to minus the subgradient c_r dl(m_r). Where `scales` is not
    empty, ``reach[r]`` becomes the norm of x_r with columns multiplied by `scales`.
    """
    if value_t is double and weight_t is float:
        return refuse_single_weights()
    cdef Layout X = opened(where)
    cdef bint with_reach = scales.shape[0] > 0
    cdef double short
    cdef ptrdiff_t row
    cdef Row place
    with nogil:
        for row in range(stop - start):
            fetch_ahead(&X, &data[0], NULL, start + row, stop)
            place = locate(&X, start + row)
            short = 1.0 - signs[row] * (
                intercept + row_dot(&data[0], &place, &w[0], <double>0)
            )
            shortfall[row] = short
            if judge:
                if short <= 0.0:
                    alpha[row] = 0.0
                elif curvature[row] == 0.0:
                    alpha[row] = bound[row]
                else:
                    alpha[row] = clip(short / curvature[row], bound[row])
            if with_reach:
                reach[row] = <float>sqrt(row_scaled_norm(&data[0], &place, &scales[0]))
            if alpha[row] != 0.0:
                row_add(&data[0], &place, alpha[row] * signs[row], &own[0])
    close(&X)


def settle(
    const value_t[::1] data,
    Places where,
    ptrdiff_t start,
    ptrdiff_t stop,
    const int8_t[::1] signs,
    const double[:] rest,
    const double[:] pace,
    const double[:] bound,
    const double[::1] shortfall,
    const double[::1] before,
    double[::1] alpha,
    ptrdiff_t[::1] free,
    ptrdiff_t n_free,
    double[::1] own,
):
    """Set alpha = clip(rest + pace shortfall, 0, bound) for start <= r < stop.

    `own` follows from the values `before`. The rows strictly inside their box are
    appended to `free`, behind the `n_free` there.

    Returns
    -------
    int
        The new length of `free`.
    """
    cdef Layout X = opened(where)
    cdef double raw, new
    cdef ptrdiff_t row
    cdef Row place
    with nogil:
        for row in range(start, stop):
            raw = rest[row] + pace[row] * shortfall[row]
            new = clip(raw, bound[row])
            alpha[row] = new
            if raw > 0.0 and raw < bound[row]:
                free[n_free] = row
                n_free += 1
            if new != before[row]:
                place = locate(&X, row)
                row_add(&data[0], &place, (new - before[row]) * signs[row], &own[0])
    close(&X)
    return n_free


def gather(
    const value_t[::1] data,
    Places where,
    const ptrdiff_t[::1] order,
    const double[::1] factors,
    bint bordered,
    real_t[:, ::1] out,
):
    """Set ``out[k] = factors[k] x_i`` for dense rows i = ``order[k]``.

    If `bordered`, a last column holds the factors.
    """
    cdef Layout X = opened(where)
    cdef ptrdiff_t k, j
    cdef real_t factor
    cdef Row place
    cdef const value_t* values
    cdef real_t* target
    with nogil:
        for k in range(order.shape[0]):
            fetch_ahead(&X, &data[0], &order[0], k, order.shape[0])
            place = locate(&X, order[k])
            values = &data[place.start]
            target = &out[k, 0]
            factor = <real_t>factors[k]
            for j in range(X.n_features):
                target[j] = factor * <real_t>values[j]
            if bordered:
                target[X.n_features] = factor
    close(&X)


def gram(
    const value_t[::1] data,
    Places where,
    const ptrdiff_t[::1] order,
    ptrdiff_t start,
    ptrdiff_t stop,
    const double[::1] factors,
    bint bordered,
    double[:, ::1] out,
):
    """Add ``factors[k] x_i x_i'`` of sparse rows to the lower triangle of `out`.

    If `bordered`, x_i has a last entry 1.
    """
    cdef Layout X = opened(where)
    cdef ptrdiff_t k, a, b, i, j
    cdef double value, scaled, product
    cdef Row place
    with nogil:
        for k in range(start, stop):
            place = locate(&X, order[k])
            if bordered:
                out[X.n_features, X.n_features] += factors[k]
            for a in range(place.length):
                i = place.columns[a]
                value = <double>data[place.start + a]
                scaled = factors[k] * value
                out[i, i] += scaled * value
                if bordered:
                    out[X.n_features, i] += scaled
                for b in range(a):
                    j = place.columns[b]
                    product = scaled * <double>data[place.start + b]
                    if j < i:
                        out[i, j] += product
                    elif j > i:
                        out[j, i] += product
                    else:
                        out[i, i] += 2.0 * product
    close(&X)

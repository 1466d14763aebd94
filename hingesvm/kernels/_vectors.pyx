# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""Loops over arrays with one entry a row, without X.

Arrays that may be a broadcast scalar are strided; the others are contiguous. No
function holds the GIL while it works.
"""

from libc.math cimport INFINITY, fabs, isfinite
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int8_t, uint8_t

from ._box cimport clip, outward
from ._line cimport Slopes, clipped_sums, real_t, zero_along
from ._sums cimport Sums, sum_up
from ._values cimport BLOCK, Values, block_of, entry, values_of

cdef enum:
    # Where a dual variable is in its box, as ``duals.py`` names it.
    AT_ZERO = 0
    AT_BOUND = 1
    INSIDE = 2


def pack(
    const double[::1] alpha,
    const double[:] bound,
    uint8_t[::1] places,
    double[::1] values,
):
    """Set `places` to where each dual variable is, and list those inside in `values`.

    Returns
    -------
    int
        How many are inside.
    """
    cdef Values bounds = values_of(bound)
    cdef double[BLOCK] room
    cdef const double* top
    cdef ptrdiff_t start = 0, size, k, row, count = 0
    cdef double a
    cdef uint8_t found
    with nogil:
        while start < alpha.shape[0]:
            size = min(alpha.shape[0] - start, <ptrdiff_t>BLOCK)
            top = block_of(bounds, start, size, room)
            found = 0
            for k in range(size):
                # Arithmetic, as a branch between the two ends would be guessed wrong.
                a = alpha[start + k]
                places[start + k] = AT_BOUND * (a != 0.0) + (INSIDE - AT_BOUND) * (
                    (a != 0.0) & (a != top[k])
                )
                found |= places[start + k]
            if found & INSIDE:
                for row in range(start, start + size):
                    if places[row] == INSIDE:
                        values[count] = alpha[row]
                        count += 1
            start += BLOCK
    return count


def unpack(
    const uint8_t[::1] places,
    const double[::1] values,
    const double[:] bound,
    ptrdiff_t count,
    double[::1] alpha,
):
    """Set `alpha` from `places`, those inside their box from ``values[count:]``.

    Returns
    -------
    int
        `count` and the number of those.
    """
    cdef Values bounds = values_of(bound)
    cdef double[BLOCK] room
    cdef const double* top
    cdef ptrdiff_t start = 0, size, k, row
    cdef uint8_t found
    with nogil:
        while start < places.shape[0]:
            size = min(places.shape[0] - start, <ptrdiff_t>BLOCK)
            top = block_of(bounds, start, size, room)
            found = 0
            for k in range(size):
                alpha[start + k] = top[k] if places[start + k] else 0.0
                found |= places[start + k]
            if found & INSIDE:
                for row in range(start, start + size):
                    if places[row] == INSIDE:
                        alpha[row] = values[count]
                        count += 1
            start += BLOCK
    return count


def totals(
    const int8_t[::1] signs,
    const double[:] cost,
    const double[:] bound,
    const double[:] curvature,
    const double[::1] shortfall,
    const double[::1] alpha,
    const double[::1] anchor,
):
    """Return the sums over the rows that make up objective, dual and stopping test.

    The losses; a - q a^2 / 2; a y; and (a - anchor)^2 / c, over all rows; the last
    is 0 without an `anchor`.
    """
    cdef Sums sums = Sums(0.0, 0.0, 0.0, 0.0)
    cdef Values costs = values_of(cost), bounds = values_of(bound)
    cdef Values curvatures = values_of(curvature)
    cdef const double* from_anchor = &anchor[0] if anchor.shape[0] else NULL
    with nogil:
        if alpha.shape[0]:
            sums = sum_up(
                &signs[0],
                costs,
                bounds,
                curvatures,
                &shortfall[0],
                &alpha[0],
                from_anchor,
                alpha.shape[0],
            )
    return sums.loss, sums.gain, sums.imbalance, sums.moved


def find_zero(
    const double[:] rest,
    const double[:] pace,
    const double[:] bound,
    const real_t[::1] here,
    const real_t[::1] change,
    bint to_end,
    double base,
    double slope,
    double start,
    double low,
    double tolerance,
    double noise,
):
    """Return a zero of ``base + slope t - pull(t)``, and the value at t = `low`.

    pull(t) is the sum of clip(rest + pace (here - t change), 0, bound) change, so
    the function increases and is linear between kinks. Newton steps, kept inside a
    bracket; finite.

    Parameters
    ----------
    rest, pace, bound : ndarray of float64, of shape (n,)
    here, change : ndarray of float32 or float64, of shape (n,)
    to_end : bool
        Whether `change` holds what `here` is at t = 1, not what is taken from it.
    base, slope : float
    start : float
        First t tried.
    low : float
        Where the function is known to be negative, or -inf. If it is finite and the
        function is not negative there, the search ends at once, at `low`.
    tolerance : float
        Absolute value that counts as 0, as a part of that at `low` if that is finite.
    noise : float
        Absolute value at which the search ends once it no longer falls.
    """
    cdef Slopes slopes = Slopes(
        values_of(rest), values_of(pace), values_of(bound), here.shape[0]
    )
    cdef const real_t* from_here = &here[0] if here.shape[0] else NULL
    cdef const real_t* by = &change[0] if here.shape[0] else NULL
    cdef double value, bend, at_low = 0.0, best = low
    cdef bint is_below = True
    with nogil:
        if isfinite(low):
            value, bend = clipped_sums(&slopes, from_here, by, to_end, low)
            at_low = base + slope * low - value
            tolerance *= fabs(at_low)
            is_below = at_low < 0.0
        if is_below:
            best = zero_along(
                &slopes, from_here, by, to_end, base, slope, start, low, tolerance, noise
            )
    return best, at_low


cdef inline double distance(
    double short, double bound, double curvature
) noexcept nogil:
    """Return how far outside of where its loss bends a shortfall is, or minus it."""
    cdef double beyond = short
    if curvature > 0.0:
        beyond = short - curvature * bound
    return -short if -short > beyond else beyond


cdef inline bint is_misplaced(
    uint8_t place, double short, double bound, double curvature
) noexcept nogil:
    """Whether a row is at the end of its box that its margin is not."""
    cdef double beyond = short - curvature * bound if curvature > 0.0 else short
    return ((place == AT_ZERO) & (short > 0.0)) | ((place == AT_BOUND) & (beyond < 0.0))


def choose(
    const real_t[::1] shortfall,
    const real_t[::1] moved,
    const float[::1] reach,
    const uint8_t[::1] places,
    const double[:] bound,
    const double[:] curvature,
    double near,
    double likely,
    unsigned char[::1] out,
):
    """Set `out` to 1 in the rows whose dual variable may still change, else to 0.

    These are the rows inside their box or at the wrong end of it, those within
    ``near * reach`` of a kink of their loss, and those within `likely` times the
    distance by which their margin has just `moved`.
    """
    cdef Values bounds = values_of(bound), curvatures = values_of(curvature)
    cdef double[BLOCK] bound_room, curvature_room
    cdef const double* top
    cdef const double* width
    cdef ptrdiff_t start = 0, size, k, row
    cdef double short, far
    with nogil:
        while start < places.shape[0]:
            size = min(places.shape[0] - start, <ptrdiff_t>BLOCK)
            top = block_of(bounds, start, size, bound_room)
            width = block_of(curvatures, start, size, curvature_room)
            for k in range(size):
                row = start + k
                short = shortfall[row]
                far = distance(short, top[k], width[k])
                # Arithmetic, as branches here would be guessed wrong.
                out[row] = (
                    (far <= near * reach[row])
                    | (far <= likely * fabs(moved[row]))
                    | (places[row] == INSIDE)
                    | is_misplaced(places[row], short, top[k], width[k])
                )
            start += BLOCK


def distances(
    const real_t[::1] shortfall,
    const float[::1] reach,
    const double[:] bound,
    const double[:] curvature,
    ptrdiff_t step,
    double[::1] out,
):
    """Set `out` to the distance to the kinks of every `step`-th row, over its reach.

    inf in rows of no reach, even on a kink.
    """
    cdef Values bounds = values_of(bound), curvatures = values_of(curvature)
    cdef ptrdiff_t k, row
    cdef double far
    with nogil:
        for k in range(out.shape[0]):
            row = k * step
            out[k] = INFINITY
            if reach[row] > 0.0:
                far = distance(
                    shortfall[row],
                    entry(bounds, row),
                    entry(curvatures, row),
                )
                out[k] = far / <double>reach[row]


def misplaced(
    const real_t[::1] shortfall,
    const uint8_t[::1] places,
    const double[:] bound,
    const double[:] curvature,
    double farther,
    float[::1] reach,
):
    """Return how many rows are at the end of their box that their margin is not.

    Their `reach` is multiplied by `farther`.
    """
    cdef ptrdiff_t row, count = 0
    with nogil:
        for row in range(places.shape[0]):
            if is_misplaced(places[row], shortfall[row], bound[row], curvature[row]):
                count += 1
                reach[row] = <float>(reach[row] * farther)
    return count


def intercept_derivative(
    const int8_t[::1] signs,
    const double[:] bound,
    const double[:] curvature,
    const double[::1] at_one,
    double b,
    bint above,
):
    """Return the derivative of the losses in the intercept, and the sum of its terms.

    The margin of row r is 1 where b is ``at_one[r]``. At a kink the limit from above
    or from below is taken.
    """
    cdef double total = 0.0, value = 0.0, short, slope
    cdef int8_t steep_on_kink = -1 if above else 1
    cdef ptrdiff_t row
    with nogil:
        for row in range(at_one.shape[0]):
            short = signs[row] * (at_one[row] - b)
            if curvature[row] > 0.0:
                slope = clip(short / curvature[row], bound[row])
            else:
                # Arithmetic, as a branch here would be guessed wrong half the time.
                slope = bound[row] * (short > 0.0)
                if short == 0.0 and signs[row] == steep_on_kink:
                    slope = bound[row]
            total += slope
            value -= slope * signs[row]
    return value, total


def wake(
    const double[::1] shortfall,
    const double[::1] alpha,
    const double[:] bound,
    const double[:] curvature,
    double safe,
    ptrdiff_t[::1] out,
):
    """List in `out` the rows that are not safely at their bound.

    These are the rows whose gradient does not point outwards by more than a part
    `safe` of the largest violation of optimality.

    Returns
    -------
    count : int
    worst : float
        The largest violation.
    """
    cdef double worst = 0.0, gradient, violation
    cdef ptrdiff_t row, count = 0
    with nogil:
        for row in range(alpha.shape[0]):
            gradient = shortfall[row] - curvature[row] * alpha[row]
            violation = -outward(alpha[row], bound[row], gradient)
            worst = violation if violation > worst else worst
        for row in range(alpha.shape[0]):
            gradient = shortfall[row] - curvature[row] * alpha[row]
            if outward(alpha[row], bound[row], gradient) <= safe * worst:
                out[count] = row
                count += 1
    return count, worst


def squared_norm(const real_t[::1] w):
    """Return the squared norm of w, summed in float64."""
    cdef double total = 0.0
    cdef ptrdiff_t k
    with nogil:
        for k in range(w.shape[0]):
            total += <double>w[k] * <double>w[k]
    return total


def class_sums(const double[:] alpha, const int8_t[::1] signs):
    """Return the sums of alpha over the rows of sign +1 and over those of sign -1."""
    cdef double positive = 0.0, negative = 0.0
    cdef ptrdiff_t row
    with nogil:
        for row in range(alpha.shape[0]):
            positive += alpha[row] * (signs[row] > 0)
            negative += alpha[row] * (signs[row] < 0)
    return positive, negative


def lower_class(
    double[::1] alpha,
    const double[:] bound,
    const int8_t[::1] signs,
    int8_t sign,
    double heavy,
    double light,
    double little,
):
    """Lower the sum of alpha over the rows of one sign from `heavy` to `light`.

    In the rows strictly inside their box, if that is at most a part `little` of their
    sum, so that the others stay at their bound; else in all.
    """
    cdef double inner = 0.0, factor = light / heavy
    cdef bint all_rows
    cdef ptrdiff_t row
    with nogil:
        for row in range(alpha.shape[0]):
            if signs[row] == sign and alpha[row] < bound[row]:
                inner += alpha[row]
        all_rows = heavy - light > little * inner
        if not all_rows:
            factor = 1.0 - (heavy - light) / inner
        for row in range(alpha.shape[0]):
            if signs[row] == sign and (all_rows or alpha[row] < bound[row]):
                alpha[row] *= factor

# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""The hot loops of the batch method.

X is taken as in ``_sweep.pyx``. Arrays with one entry a row that may be a broadcast
scalar are strided; the others are contiguous. No function holds the GIL while it
works.
"""

from libc.math cimport INFINITY, copysign, fabs, isfinite, sqrt
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int8_t

from ._rows cimport (
    Layout,
    Row,
    fetch_row,
    index_t,
    layout,
    locate,
    row_add,
    row_dot,
    row_scaled_norm,
    value_t,
)

ctypedef fused real_t:
    float
    double

cdef enum:
    BLOCK = 256
    # Rows between the one that is asked for and the one that is worked on.
    AHEAD = 8
    MOST_TRIALS = 40


cdef inline double clip(double value, double bound) noexcept nogil:
    """Return the point of [0, bound] next to a value."""
    value = value if value > 0.0 else 0.0
    return value if value < bound else bound


def survey(
    const value_t[::1] data,
    const index_t[::1] columns,
    const index_t[::1] row_starts,
    ptrdiff_t n_features,
    const ptrdiff_t[::1] index,
    ptrdiff_t start,
    ptrdiff_t stop,
    const int8_t[::1] signs,
    const double[:] bound,
    const double[:] curvature,
    bint judge,
    const double[::1] w,
    double intercept,
    const value_t[::1] scales,
    double[::1] shortfall,
    double[::1] alpha,
    float[::1] reach,
    double[::1] own,
):
    """Look at the rows start <= r < stop once, for all that a certificate needs.

    Sets ``shortfall[r] = 1 - m_r`` and adds ``alpha_r y_r x_r`` to `own`. If `judge`,
    alpha_r is first set to minus the subgradient c_r dl(m_r). Where `scales` is not
    empty, ``reach[r]`` becomes the norm of x_r with columns multiplied by `scales`.
    """
    cdef Layout X = layout(columns, row_starts, n_features, index)
    cdef bint scattered = index.shape[0] > 0
    cdef bint with_reach = scales.shape[0] > 0
    cdef double short
    cdef ptrdiff_t row
    cdef Row place
    with nogil:
        for row in range(start, stop):
            if scattered and row + AHEAD < stop:
                fetch_row(&X, &data[0], row + AHEAD, <index_t>0)
            place = locate(&X, row, <index_t>0)
            short = 1.0 - signs[row] * (
                intercept
                + row_dot(
                    &data[place.start],
                    <const index_t*>place.columns,
                    place.length,
                    &w[0],
                )
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
                reach[row] = <float>sqrt(
                    row_scaled_norm(
                        &data[place.start],
                        <const index_t*>place.columns,
                        place.length,
                        &scales[0],
                    )
                )
            if alpha[row] != 0.0:
                row_add(
                    &data[place.start],
                    <const index_t*>place.columns,
                    place.length,
                    alpha[row] * signs[row],
                    &own[0],
                )


def settle(
    const value_t[::1] data,
    const index_t[::1] columns,
    const index_t[::1] row_starts,
    ptrdiff_t n_features,
    const ptrdiff_t[::1] index,
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
    cdef Layout X = layout(columns, row_starts, n_features, index)
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
                place = locate(&X, row, <index_t>0)
                row_add(
                    &data[place.start],
                    <const index_t*>place.columns,
                    place.length,
                    (new - before[row]) * signs[row],
                    &own[0],
                )
    return n_free


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

    The losses; a - q a^2 / 2; a y; and (a - anchor)^2 / c, over all rows.
    """
    cdef double loss = 0.0, gain = 0.0, imbalance = 0.0, moved = 0.0
    cdef double short, slope, a
    cdef ptrdiff_t row
    with nogil:
        for row in range(alpha.shape[0]):
            short = shortfall[row]
            a = alpha[row]
            slope = bound[row]
            if curvature[row] > 0.0:
                slope = clip(short / curvature[row], bound[row])
            short = short if short > 0.0 else 0.0
            if short > 0.0:
                loss += slope * (short - 0.5 * curvature[row] * slope)
            gain += a - 0.5 * curvature[row] * a * a
            imbalance += a * signs[row]
            moved += (a - anchor[row]) * (a - anchor[row]) / cost[row]
    return loss, gain, imbalance, moved


cdef (double, double) clipped_sums(
    const double[:] rest,
    const double[:] pace,
    const double[:] bound,
    const double[::1] here,
    const double[::1] change,
    double t,
) noexcept nogil:
    """Return the sums that a search along a line needs.

    With a_i = clip(rest_i + pace_i (here_i - t change_i), 0, bound_i), the sum of
    a_i change_i, and that of pace_i change_i^2 over the a_i inside their box.
    """
    cdef ptrdiff_t n = here.shape[0]
    cdef bint one_rest = n == 0 or rest.strides[0] == 0
    cdef bint one_pace = n == 0 or pace.strides[0] == 0
    cdef bint one_bound = n == 0 or bound.strides[0] == 0
    cdef double[BLOCK] rests, paces, bounds
    cdef double pull = 0.0, bend = 0.0, raw, clipped, along, width
    cdef ptrdiff_t start = 0, k, size
    while start < n:
        size = min(n - start, <ptrdiff_t>BLOCK)
        if not one_rest or start == 0:
            for k in range(size):
                rests[k] = rest[start + k]
        if not one_pace or start == 0:
            for k in range(size):
                paces[k] = pace[start + k]
        if not one_bound or start == 0:
            for k in range(size):
                bounds[k] = bound[start + k]
        for k in range(size):
            along = change[start + k]
            raw = rests[k] + paces[k] * (here[start + k] - t * along)
            clipped = raw if raw > 0.0 else 0.0
            clipped = clipped if clipped < bounds[k] else bounds[k]
            width = paces[k] * along * along
            pull += clipped * along
            bend += width if clipped == raw and raw > 0.0 else 0.0
        start += BLOCK
    return pull, bend


def find_zero(
    const double[:] rest,
    const double[:] pace,
    const double[:] bound,
    const double[::1] here,
    const double[::1] change,
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
    rest, pace, bound, here, change : ndarray of float64, of shape (n,)
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
    cdef double first = low, high = INFINITY, reach = 1.0, smallest = INFINITY
    cdef double x = start, best = start, x_next, value, bend, at_low = 0.0
    cdef int trial
    with nogil:
        if isfinite(low):
            value, bend = clipped_sums(rest, pace, bound, here, change, low)
            at_low = base + slope * low - value
            tolerance *= fabs(at_low)
            if not at_low < 0.0:
                best = low
                tolerance = INFINITY
        for trial in range(MOST_TRIALS):
            if tolerance == INFINITY:
                break
            value, bend = clipped_sums(rest, pace, bound, here, change, x)
            value = base + slope * x - value
            bend += slope
            if fabs(value) < smallest:
                smallest = fabs(value)
                best = x
            elif smallest <= noise:
                break
            if fabs(value) <= tolerance:
                break
            if value > 0.0:
                high = x
            else:
                low = x
            x_next = x - value / bend if bend > 0.0 else INFINITY
            if not (low < x_next < high):
                if isfinite(first) and low == first and isfinite(high):
                    x_next = first + 0.125 * (high - first)
                elif isfinite(low) and isfinite(high):
                    x_next = 0.5 * (low + high)
                else:
                    x_next = x - copysign(reach, value)
                    reach *= 4.0
            if x_next == x or x_next == low or x_next == high:
                break
            x = x_next
    return best, at_low


def gather(
    const value_t[::1] data,
    const index_t[::1] columns,
    const index_t[::1] row_starts,
    ptrdiff_t n_features,
    const ptrdiff_t[::1] index,
    const ptrdiff_t[::1] order,
    const double[::1] factors,
    bint bordered,
    real_t[:, ::1] out,
):
    """Set ``out[k] = factors[k] x_i`` for dense rows i = ``order[k]``.

    If `bordered`, a last column holds the factors.
    """
    cdef Layout X = layout(columns, row_starts, n_features, index)
    cdef ptrdiff_t k, j
    cdef real_t factor
    cdef Row place
    cdef const value_t* values
    cdef real_t* target
    with nogil:
        for k in range(order.shape[0]):
            if k + AHEAD < order.shape[0]:
                fetch_row(&X, &data[0], order[k + AHEAD], <index_t>0)
            place = locate(&X, order[k], <index_t>0)
            values = &data[place.start]
            target = &out[k, 0]
            factor = <real_t>factors[k]
            for j in range(n_features):
                target[j] = factor * <real_t>values[j]
            if bordered:
                target[n_features] = factor


def gram(
    const value_t[::1] data,
    const index_t[::1] columns,
    const index_t[::1] row_starts,
    ptrdiff_t n_features,
    const ptrdiff_t[::1] index,
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
    cdef Layout X = layout(columns, row_starts, n_features, index)
    cdef ptrdiff_t k, a, b, i, j
    cdef double scaled, product
    cdef Row place
    with nogil:
        for k in range(start, stop):
            place = locate(&X, order[k], <index_t>0)
            if bordered:
                out[n_features, n_features] += factors[k]
            for a in range(place.start, place.start + place.length):
                i = columns[a]
                scaled = factors[k] * <double>data[a]
                out[i, i] += scaled * <double>data[a]
                if bordered:
                    out[n_features, i] += scaled
                for b in range(place.start, a):
                    j = columns[b]
                    product = scaled * <double>data[b]
                    if j < i:
                        out[i, j] += product
                    elif j > i:
                        out[j, i] += product
                    else:
                        out[i, i] += 2.0 * product


def choose(
    const double[::1] shortfall,
    const double[:] moved,
    const float[::1] reach,
    const double[::1] alpha,
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
    cdef ptrdiff_t row
    cdef double short, beyond, distance
    with nogil:
        for row in range(alpha.shape[0]):
            short = shortfall[row]
            beyond = short
            if curvature[row] > 0.0:
                beyond = short - curvature[row] * bound[row]
            distance = -short if -short > beyond else beyond
            out[row] = (
                distance <= near * reach[row]
                or distance <= likely * fabs(moved[row])
                or (alpha[row] > 0.0 and alpha[row] < bound[row])
                or (alpha[row] == 0.0 and short > 0.0)
                or (alpha[row] > 0.0 and beyond < 0.0)
            )


def misplaced(
    const double[::1] shortfall,
    const double[::1] alpha,
    const double[:] bound,
    const double[:] curvature,
    double farther,
    float[::1] reach,
):
    """Return how many rows are at the end of their box that their margin is not.

    Their `reach` is multiplied by `farther`.
    """
    cdef ptrdiff_t row, count = 0
    cdef double beyond
    cdef bint wrong
    with nogil:
        for row in range(alpha.shape[0]):
            wrong = False
            if alpha[row] == 0.0:
                wrong = shortfall[row] > 0.0
            elif alpha[row] == bound[row]:
                beyond = shortfall[row]
                if curvature[row] > 0.0:
                    beyond = beyond - curvature[row] * bound[row]
                wrong = beyond < 0.0
            if wrong:
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


cdef inline double outwards(
    double alpha, double bound, double curvature, double shortfall
) noexcept nogil:
    """Return how far the gradient of a row at a bound points out of its box, or 0.

    Minus the size of the gradient if the row is inside its box or should move there.
    """
    cdef double gradient = shortfall - curvature * alpha
    if alpha == 0.0 and gradient < 0.0:
        return -gradient
    if alpha == bound and gradient > 0.0:
        return gradient
    return -fabs(gradient)


def wake(
    const double[::1] shortfall,
    const double[::1] alpha,
    const double[:] bound,
    const double[:] curvature,
    ptrdiff_t[::1] out,
):
    """List in `out` the rows that are not safely at their bound.

    These are the rows whose gradient does not point outwards by more than the largest
    violation of optimality.

    Returns
    -------
    count : int
    worst : float
        The largest violation.
    """
    cdef double worst = 0.0, value
    cdef ptrdiff_t row, count = 0
    with nogil:
        for row in range(alpha.shape[0]):
            value = -outwards(alpha[row], bound[row], curvature[row], shortfall[row])
            worst = value if value > worst else worst
        for row in range(alpha.shape[0]):
            value = outwards(alpha[row], bound[row], curvature[row], shortfall[row])
            if value <= worst:
                out[count] = row
                count += 1
    return count, worst


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

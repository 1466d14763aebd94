# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""Loops of certificates: the best free intercept, and the losses of a point.

On few rows a call of NumPy for each of their steps would take far longer than they do.
Arrays that may be a broadcast scalar are strided; the others are contiguous. No
function holds the GIL while it works.
"""

from libc.math cimport INFINITY, fabs
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int8_t
from libc.stdlib cimport free, malloc, qsort

from ._box cimport curved_loss, kinked_loss
from ._values cimport BLOCK, Values, block_of, entry, values_of

cdef struct Kink:
    # Where a row has its kink, what it adds to the derivative, and what rows add that
    # have theirs behind it.
    double place
    double up
    double down
    ptrdiff_t row


cdef struct Sides:
    # Sums of bounds of the negative rows with kinks up to a window and inside, of the
    # positive ones inside and beyond; and the number of kinks inside.
    double before
    double up
    double down
    double beyond
    ptrdiff_t inside


cdef int by_place(const void* a, const void* b) noexcept nogil:
    """Compare two kinks, the rows of those in one place."""
    cdef const Kink* one = <const Kink*>a
    cdef const Kink* other = <const Kink*>b
    if one.place != other.place:
        return 1 if one.place > other.place else -1
    return 1 if one.row > other.row else -1


cdef inline Sides sides_of(
    const int8_t* signs,
    Values bounds,
    const double* at_one,
    ptrdiff_t n,
    double low,
    double high,
) noexcept nogil:
    """Return the sums for a window; in blocks, so that rounding errors stay small."""
    cdef Sides sides = Sides(0.0, 0.0, 0.0, 0.0, 0)
    cdef double[BLOCK] room
    cdef const double* bound
    cdef double before, up, down, beyond, at, negative, positive
    cdef ptrdiff_t start = 0, size, k
    while start < n:
        size = min(n - start, <ptrdiff_t>BLOCK)
        bound = block_of(bounds, start, size, room)
        before = up = down = beyond = 0.0
        for k in range(size):
            # Arithmetic, as branches here would be guessed wrong.
            at = at_one[start + k]
            negative = bound[k] * (signs[start + k] < 0)
            positive = bound[k] * (signs[start + k] > 0)
            before += negative * (at <= low)
            up += negative * ((at > low) & (at < high))
            down += positive * ((at > low) & (at < high))
            beyond += positive * (at >= high)
            sides.inside += (at > low) & (at < high)
        sides.before += before
        sides.up += up
        sides.down += down
        sides.beyond += beyond
        start += BLOCK
    return sides


cdef inline double difference(double more, double less, double flat) noexcept nogil:
    """Return a difference, 0 where it is small relative to its terms."""
    return more - less if fabs(more - less) > flat * (more + less) else 0.0


cdef inline double midpoint(
    Kink* kinks, ptrdiff_t count, double before, double beyond, double flat
) noexcept nogil:
    """Return the midpoint of the zeros of the derivative; sorts the kinks."""
    cdef double behind = 0.0, up = 0.0, value
    cdef ptrdiff_t k
    qsort(kinks, count, sizeof(Kink), by_place)
    # Each class is summed from its own end, as the costs of one can be rounding errors
    # beside those of the other.
    for k in range(count - 1, -1, -1):
        value = kinks[k].down
        kinks[k].down = behind
        behind += value
    for k in range(count):
        up += kinks[k].up
        # Behind several kinks in one place only the last value is attained.
        if k + 1 < count and kinks[k + 1].place == kinks[k].place:
            continue
        value = difference(before + up, beyond + kinks[k].down, flat)
        if value > 0.0 or k + 1 == count:
            return kinks[k].place
        if value == 0.0:
            return 0.5 * (kinks[k].place + kinks[k + 1].place)
    return 0.0


def best_between(
    const int8_t[::1] signs,
    const double[:] bound,
    const double[::1] at_one,
    double low,
    double high,
    double flat,
):
    """Return the midpoint of argmin_b for losses with a kink, where the margin is 1.

    Parameters
    ----------
    signs : ndarray of int8, of shape (n,)
        Both must occur.
    bound : ndarray of float64, of shape (n,)
    at_one : ndarray of float64, of shape (n,)
        The b at which a row has its kink.
    low, high : float
        Where the minimum may lie between; if it does not, all kinks are sorted.
    flat : float
        Derivative, relative to its terms, that is 0 but for rounding.
    """
    cdef Values bounds = values_of(bound)
    cdef ptrdiff_t n = at_one.shape[0], row, count = 0
    cdef Sides sides
    cdef Kink* kinks
    cdef double found, u
    with nogil:
        sides = sides_of(&signs[0], bounds, &at_one[0], n, low, high)
        if not (
            difference(sides.before, sides.down + sides.beyond, flat) < 0.0
            and difference(sides.before + sides.up, sides.beyond, flat) > 0.0
        ):
            low, high = -INFINITY, INFINITY
            sides = Sides(0.0, 0.0, 0.0, 0.0, n)
        kinks = <Kink*>malloc(sides.inside * sizeof(Kink))
        if kinks != NULL:
            for row in range(n):
                if low < at_one[row] < high:
                    u = entry(bounds, row)
                    kinks[count] = Kink(
                        at_one[row],
                        u if signs[row] < 0 else 0.0,
                        u if signs[row] > 0 else 0.0,
                        row,
                    )
                    count += 1
            found = midpoint(kinks, count, sides.before, sides.beyond, flat)
            free(kinks)
    if kinks == NULL:
        raise MemoryError
    return found


def losses_at(
    const int8_t[::1] signs,
    const double[::1] scores,
    double intercept,
    const double[:] bound,
    const double[:] curvature,
    const double[::1] alpha,
    double tiny,
    double[::1] losses,
):
    """Set the losses of rows; return how far those fall short that need no loss.

    Parameters
    ----------
    signs : ndarray of int8, of shape (n,)
    scores : ndarray of float64, of shape (n,)
        x_i . w.
    intercept : float
    bound, curvature : ndarray of float64, of shape (n,)
    alpha : ndarray of float64, of shape (n,)
        Dual variables. Rows with a kink need no loss where these are below the bound.
    tiny : float
        Without a kink, rows that fall short by less than that need none.
    losses : ndarray of float64, of shape (n,)
        Out.

    Returns
    -------
    positive, negative : float
        The largest 1 - m of such rows of either sign; -inf if there is none.
    """
    cdef Values bounds = values_of(bound), curvatures = values_of(curvature)
    cdef double[2] worst = [-INFINITY, -INFINITY]
    cdef double short, u, q
    cdef bint is_loose
    cdef ptrdiff_t row, side
    with nogil:
        for row in range(losses.shape[0]):
            short = 1.0 - signs[row] * (scores[row] + intercept)
            u = entry(bounds, row)
            q = entry(curvatures, row)
            if q > 0.0:
                losses[row] = curved_loss(short, u, q)
                is_loose = short < tiny
            else:
                losses[row] = kinked_loss(short, u)
                is_loose = alpha[row] < u
            side = signs[row] < 0
            if is_loose and short > worst[side]:
                worst[side] = short
    return worst[0], worst[1]

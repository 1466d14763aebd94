# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""A part of the rows in tiles: those that may leave a bound, the others held there."""

from libc.math cimport fabs
from libc.stddef cimport ptrdiff_t
from libc.string cimport memcpy

from ._box cimport clip
from ._rows cimport value_t
from ._tiles cimport TILE, Band, add_up, set_margins, set_slopes
from ._values cimport Values, entry


cdef struct Part:
    # The rows of a band that are not held at a bound, and room for them: its rows of
    # costs, bounds, curvatures and signs, of what a band has, and its matrix of X.
    Band band
    ptrdiff_t most
    ptrdiff_t* rows
    double* cost
    double* bound
    double* curvature
    double* signs
    double* fixed


cdef inline Values gathered(
    Values values, const ptrdiff_t* rows, ptrdiff_t n, double* out
) noexcept nogil:
    """Return the values of some rows, written to `out` unless they are all the same."""
    cdef ptrdiff_t k
    if values.step == 0:
        return values
    for k in range(n):
        out[k] = entry(values, rows[k])
    return Values(out, 1)


cdef inline bint gather(
    const value_t* tiles, Band* band, Part* part, value_t* out, double reach
) noexcept nogil:
    """Take the rows that may leave a bound; False where these are too many.

    The others were at their bound before and have margins that are beyond the kink by
    more than `reach`. Their duals count as fixed.
    """
    cdef Band* some = &part.band
    cdef ptrdiff_t size = band.size, n = 0, first = 0, count, k, j
    cdef ptrdiff_t* rows = part.rows
    cdef ptrdiff_t[TILE] places
    cdef double upper, curvature, total
    cdef const value_t* values
    for k in range(band.n):
        upper = entry(band.slopes.bound, k)
        curvature = entry(band.curvature, k)
        rows[n] = k
        # Infinite bounds are never reached.
        n += not (
            (band.anchor[k] <= 0.0 and band.shortfall[k] < -reach)
            or (
                band.anchor[k] >= upper
                and band.shortfall[k] - curvature * upper > reach
            )
        )
    if n > part.most:
        return False
    some.n = n
    some.slopes.n = n
    some.slopes.bound = gathered(band.slopes.bound, rows, n, part.bound)
    some.cost = gathered(band.cost, rows, n, part.cost)
    some.curvature = gathered(band.curvature, rows, n, part.curvature)
    some.rho = band.rho
    for k in range(n):
        some.anchor[k] = band.anchor[rows[k]]
        some.alpha[k] = band.alpha[rows[k]]
        some.shortfall[k] = band.shortfall[rows[k]]
    if band.signs != NULL:
        for k in range(n):
            part.signs[k] = band.signs[rows[k]]
    memcpy(part.fixed, band.own, size * sizeof(double))
    some.fixed_gain = band.fixed_gain + band.sums.gain
    for k in range(n):
        curvature = entry(band.curvature, rows[k])
        some.fixed_gain -= some.alpha[k] - 0.5 * curvature * some.alpha[k] ** 2
    while first < n:
        count = min(n - first, <ptrdiff_t>TILE)
        for k in range(count):
            places[k] = rows[first + k] // TILE * (size * TILE) + rows[first + k] % TILE
        for k in range(count, TILE):
            some.alpha[first + k] = 0.0
        for j in range(size):
            values = tiles + j * TILE
            for k in range(count):
                out[k] = values[places[k]]
            for k in range(count, TILE):
                out[k] = 0.0
            total = 0.0
            for k in range(TILE):
                total += some.alpha[first + k] * <double>out[k]
            part.fixed[j] -= total
            out += TILE
        first += TILE
    set_slopes(some)
    return True


cdef inline bint expand(const value_t* tiles, Band* band, Part* part) noexcept nogil:
    """Set the whole band from a part of it; False if another row leaves its bound.

    In that case w(a) is that of the part.
    """
    cdef Band* some = &part.band
    cdef ptrdiff_t k, m = 0
    cdef double rest, pace, upper
    cdef bint stays = True
    set_margins(tiles, band)
    for k in range(band.n):
        if m < some.n and part.rows[m] == k:
            band.alpha[k] = some.alpha[m]
            m += 1
            continue
        rest = entry(band.slopes.rest, k)
        pace = entry(band.slopes.pace, k)
        upper = entry(band.slopes.bound, k)
        band.alpha[k] = clip(rest + pace * band.shortfall[k], upper)
        stays = stays and band.alpha[k] == band.anchor[k]
    add_up(band)
    return stays


cdef inline double moved_by(const Band* band, const double* former) noexcept nogil:
    """Return how far a margin has moved at most."""
    cdef double most = 0.0, change
    cdef ptrdiff_t k
    for k in range(band.n):
        change = fabs(band.shortfall[k] - former[k])
        most = change if change > most else most
    return most

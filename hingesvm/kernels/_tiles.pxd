# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The parts of a Newton step on rows in tiles; ``_inner.pxd`` puts them together."""

from libc.math cimport INFINITY, fabs, sqrt
from libc.stddef cimport ptrdiff_t
from libc.string cimport memcpy, memset

from ._box cimport clip
from ._line cimport Slopes, zero_along
from ._products cimport STRIP, add_products, dot, weighted_dot
from ._rows cimport value_t
from ._sums cimport Sums, sum_up
from ._values cimport Values, block_of, entry

cdef enum:
    TILE = 64
    # The shift grows a hundredfold each time, from 1e-14.
    MOST_SHIFTS = 8


cdef struct Band:
    # Problem, iterate, best points and room; a step of 0 means a scalar.
    ptrdiff_t n
    ptrdiff_t size
    ptrdiff_t padded
    bint has_kink
    Slopes slopes
    const double* signs
    Values cost
    Values curvature
    double* anchor
    const double* ridge
    const double* fixed
    double fixed_gain
    double rho
    double* rest
    double* pace
    double* shortfall
    double* alpha
    double* change
    ptrdiff_t* free
    double* point
    double* own
    double* gradient
    double* direction
    double* matrix
    double* factor
    double* strip
    double* scale
    double* inverse
    ptrdiff_t n_free
    # Free rows that a system is made of, at most.
    ptrdiff_t most_free
    Sums sums
    # Best values, and where they are found.
    double* values
    double* best_point
    double* best_alpha
    bint has_point
    bint has_duals


cdef inline double gap_between(double primal, double dual) noexcept nogil:
    """Return what ``Certificate.gap`` does."""
    cdef double gap = primal - dual
    if gap < 0.0:
        gap = 0.0 if -gap <= 1e-9 * (fabs(primal) + fabs(dual)) else -gap
    return gap


cdef inline double relative_gap(double primal, double dual) noexcept nogil:
    """Return what ``Certificate.relative_gap`` does."""
    if not primal < INFINITY:
        return INFINITY
    return gap_between(primal, dual) / primal if primal > 0.0 else 0.0


cdef inline void set_slopes(Band* band) noexcept nogil:
    """Set rest and pace from the anchor and rho."""
    cdef double rho = band.rho
    cdef bint one_pace = band.cost.step == 0 and band.curvature.step == 0
    cdef double width = 1.0, sigma = 0.0
    cdef ptrdiff_t k
    for k in range(min(band.n, <ptrdiff_t>1) if one_pace else band.n):
        sigma = rho * entry(band.cost, k)
        width = 1.0 + sigma * entry(band.curvature, k)
        band.pace[k] = sigma / width
    band.slopes.pace = Values(band.pace, not one_pace)
    band.slopes.rest = Values(band.anchor, 1)
    if not band.has_kink:
        for k in range(band.n):
            if not one_pace:
                sigma = rho * entry(band.cost, k)
                width = 1.0 + sigma * entry(band.curvature, k)
            band.rest[k] = band.anchor[k] / width
        band.slopes.rest = Values(band.rest, 1)


cdef inline void add_up(Band* band) noexcept nogil:
    """Find the sums over the rows of a band."""
    band.sums = sum_up(
        NULL,
        band.cost,
        band.slopes.bound,
        band.curvature,
        band.shortfall,
        band.alpha,
        band.anchor,
        band.n,
    )


cdef inline void settle(const value_t* tiles, Band* band) noexcept nogil:
    """Set alpha, what follows from it, and the free rows, from the shortfalls."""
    cdef ptrdiff_t start = 0, size, k, j, n_free = 0
    cdef double raw, total
    cdef double[TILE] pace_room, bound_room
    cdef const double* rest
    cdef const double* pace
    cdef const double* bound
    cdef const double* shortfall
    cdef double* alpha
    memcpy(band.own, band.fixed, band.size * sizeof(double))
    while start < band.n:
        size = min(band.n - start, <ptrdiff_t>TILE)
        rest, shortfall = band.slopes.rest.first + start, band.shortfall + start
        pace = block_of(band.slopes.pace, start, size, pace_room)
        bound = block_of(band.slopes.bound, start, size, bound_room)
        alpha = band.alpha + start
        for k in range(size):
            alpha[k] = clip(rest[k] + pace[k] * shortfall[k], bound[k])
        for k in range(size):
            raw = rest[k] + pace[k] * shortfall[k]
            band.free[n_free] = start + k
            n_free += (raw > 0.0) & (raw < bound[k])
        for j in range(band.size):
            total = 0.0
            for k in range(TILE):
                total += alpha[k] * <double>tiles[k]
            band.own[j] += total
            tiles += TILE
        start += TILE
    band.n_free = n_free
    add_up(band)


cdef inline void multiply(
    const value_t* tiles, Band* band, const double* by
) noexcept nogil:
    """Set the change of the margins along a direction."""
    cdef double* change
    cdef ptrdiff_t start = 0, k, j
    while start < band.n:
        change = band.change + start
        memset(change, 0, TILE * sizeof(double))
        for j in range(0, band.size - 3, 4):
            # Four at once, as the sums are read and written each time.
            for k in range(TILE):
                change[k] += (
                    by[j] * <double>tiles[k]
                    + by[j + 1] * <double>tiles[k + TILE]
                    + by[j + 2] * <double>tiles[k + 2 * TILE]
                    + by[j + 3] * <double>tiles[k + 3 * TILE]
                )
            tiles += 4 * TILE
        for j in range(band.size // 4 * 4, band.size):
            for k in range(TILE):
                change[k] += by[j] * <double>tiles[k]
            tiles += TILE
        start += TILE


cdef inline void set_matrix(const value_t* tiles, Band* band) noexcept nogil:
    """Set the lower triangle of the Newton system's matrix.

    Of some of the free rows for all of them, where these are more than wanted.
    """
    cdef ptrdiff_t size = band.size, padded = band.padded, count, k, i, j, row
    cdef ptrdiff_t first = 0, total = min(band.n_free, band.most_free)
    cdef double each = <double>band.n_free / <double>total
    cdef double[STRIP] roots
    cdef ptrdiff_t[STRIP] places
    cdef double* strip = band.strip
    cdef const value_t* values
    memset(band.matrix, 0, padded * padded * sizeof(double))
    memset(strip + size * STRIP, 0, (padded - size) * STRIP * sizeof(double))
    while first < total:
        count = min(total - first, <ptrdiff_t>STRIP)
        for k in range(count):
            row = band.free[<ptrdiff_t>((first + k) * each)]
            roots[k] = sqrt(each * band.pace[row * band.slopes.pace.step])
            places[k] = row // TILE * (size * TILE) + row % TILE
        # By columns, as neighbours among the rows are often in one tile.
        for j in range(size):
            values = tiles + j * TILE
            for k in range(count):
                strip[j * STRIP + k] = roots[k] * <double>values[places[k]]
        for i in range(0, size, 2):
            for j in range(0, i + 2, 4):
                add_products(
                    strip + i * STRIP,
                    strip + j * STRIP,
                    count,
                    band.matrix + i * padded + j,
                    padded,
                )
        first += STRIP
    for j in range(size):
        band.matrix[j * padded + j] += band.ridge[j]


cdef inline bint factorise(Band* band, double shift) noexcept nogil:
    """Factorise the matrix with a unit diagonal and a shift; False if that fails."""
    cdef ptrdiff_t padded = band.padded, i, j
    cdef double* row
    cdef double pivot
    for i in range(band.size):
        row = band.factor + i * padded
        for j in range(i):
            row[j] = band.matrix[i * padded + j] * band.scale[i] * band.scale[j]
            row[j] -= dot(row, band.factor + j * padded, j)
            row[j] *= band.inverse[j]
        pivot = 1.0 + shift - dot(row, row, i)
        if not pivot > 0.0:
            return False
        row[i] = sqrt(pivot)
        band.inverse[i] = 1.0 / row[i]
    return True


cdef inline void set_direction(const value_t* tiles, Band* band) noexcept nogil:
    """Set the Newton direction, as ``newton/system.py`` has it."""
    cdef ptrdiff_t size = band.size, padded = band.padded, i, j
    cdef double* x = band.direction
    cdef double shift = 0.0
    cdef bint solved = False
    for j in range(size):
        x[j] = -band.gradient[j]
    if band.n_free == 0:
        return
    set_matrix(tiles, band)
    for j in range(size):
        band.scale[j] = 1.0 / sqrt(band.matrix[j * padded + j])
    for _ in range(MOST_SHIFTS):
        solved = factorise(band, shift)
        if solved:
            break
        shift = max(100.0 * shift, 1e-14)
    for i in range(size):
        x[i] = band.scale[i] * x[i] - dot(band.factor + i * padded, x, i)
        x[i] *= band.inverse[i]
    for i in range(size - 1, -1, -1):
        x[i] *= band.inverse[i]
        for j in range(i):
            x[j] -= band.factor[i * padded + j] * x[i]
    for j in range(size):
        x[j] = band.scale[j] * x[j] if solved else 0.0


cdef inline void move_intercept(Band* band) noexcept nogil:
    """Move a free intercept to its minimiser."""
    cdef double rounding = 0.0, shift
    cdef ptrdiff_t k
    for k in range(band.n):
        rounding += band.alpha[k]
    # As ``newton/until.py`` has it.
    rounding *= 1e-14
    shift = zero_along(
        &band.slopes,
        <const double*>band.shortfall,
        band.signs,
        False,
        -band.fixed[band.size - 1],
        0.0,
        0.0,
        -INFINITY,
        rounding,
        rounding,
    )
    band.point[band.size - 1] += shift
    for k in range(band.n):
        band.shortfall[k] -= shift * band.signs[k]


cdef inline void set_margins(const value_t* tiles, Band* band) noexcept nogil:
    """Set the shortfalls anew from the point, without what rounding has added up to."""
    cdef ptrdiff_t k
    multiply(tiles, band, band.point)
    for k in range(band.n):
        band.shortfall[k] = 1.0 - band.change[k]


cdef inline double primal_of(const Band* band) noexcept nogil:
    """Return P at the iterate."""
    cdef double value = 0.5 * weighted_dot(
        band.ridge, band.point, band.point, band.size
    )
    return value + band.sums.loss + band.fixed_gain - dot(
        band.fixed, band.point, band.size
    )


cdef inline void keep_best(Band* band) noexcept nogil:
    """Keep the iterate where it is better, as ``Certificate.join`` does."""
    cdef ptrdiff_t last = band.size - 1
    cdef double primal = primal_of(band), noise
    cdef double dual = band.sums.gain + band.fixed_gain
    dual -= 0.5 * weighted_dot(band.ridge, band.own, band.own, band.size)
    if band.signs != NULL:
        # About what a repair of rounding errors would cost.
        dual -= fabs(band.own[last]) * (2.0 + fabs(band.point[last]))
    noise = 4e-16 * (fabs(band.values[0]) + fabs(band.values[1]))
    if primal <= band.values[0] + noise:
        band.values[0] = primal
        memcpy(band.best_point, band.point, band.size * sizeof(double))
        band.has_point = True
    if dual >= band.values[1] - noise:
        band.values[1] = dual
        memcpy(band.best_alpha, band.alpha, band.n * sizeof(double))
        band.has_duals = True


cdef inline bint step(const value_t* tiles, Band* band) noexcept nogil:
    """Take a Newton step; False when it leads nowhere."""
    cdef ptrdiff_t size = band.size, k
    cdef double base, length, at_start, t
    set_direction(tiles, band)
    multiply(tiles, band, band.direction)
    base = weighted_dot(band.ridge, band.point, band.direction, size)
    base -= dot(band.fixed, band.direction, size)
    length = weighted_dot(band.ridge, band.direction, band.direction, size)
    at_start = dot(band.gradient, band.direction, size)
    if not at_start < 0.0:
        return False
    t = zero_along(
        &band.slopes,
        <const double*>band.shortfall,
        <const double*>band.change,
        False,
        base,
        length,
        1.0,
        0.0,
        # As ``newton/until.py`` has it.
        1e-3 * fabs(at_start),
        0.0,
    )
    if not t > 0.0:
        return False
    for k in range(size):
        band.point[k] += t * band.direction[k]
    for k in range(band.n):
        band.shortfall[k] -= t * band.change[k]
    return True

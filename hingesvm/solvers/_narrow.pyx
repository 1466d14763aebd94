# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""Many Newton steps of the batch method in one call, on few dense rows of few columns.

There a step takes some ten microseconds, and Python between its parts would take longer,
and hold up other threads. The rows are copied into tiles: TILE of them, multiplied by
their signs, with the entries of a column side by side; the signs are the last column if
there is an intercept. Weights and intercept are one vector, the point. No function holds
the GIL while it works.
"""

from libc.math cimport INFINITY, fabs, sqrt
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int8_t
from libc.string cimport memcpy, memset

from ._box cimport clip
from ._line cimport Slopes, zero_along
from ._products cimport STRIP, add_products, dot, weighted_dot
from ._rows cimport Layout, Row, fetch_row, index_t, layout, locate, value_t
from ._sums cimport Sums, Values, block_of, sum_up, values_of

cdef enum:
    # Rows between the one that is asked for and the one that is worked on.
    AHEAD = 8
    TILE = 64
    # Columns that go together in products.
    PADDED = 4
    # The shift grows a hundredfold each time, from 1e-14.
    MOST_SHIFTS = 8

# As ``batch.py`` has them.
cdef double FLAT = 1e-3
cdef double ROUNDING = 1e-14
# As ``certificate.py`` has them.
cdef double NOISE = 4e-16
cdef double WRONG = 1e-9

#: Rows in a tile.
ROWS_PER_TILE = TILE

cdef enum End:
    SOLVED_
    LEADS_NOWHERE_
    OUT_OF_WORK_

#: How `minimise` ends.
SOLVED, LEADS_NOWHERE, OUT_OF_WORK = SOLVED_, LEADS_NOWHERE_, OUT_OF_WORK_


def room_for(ptrdiff_t size):
    """Return how much room `minimise` needs for points with so many entries."""
    cdef ptrdiff_t padded = (size + PADDED - 1) // PADDED * PADDED
    return 2 * padded * padded + padded * STRIP + 5 * padded


def fill_tiles(
    const value_t[::1] data,
    const index_t[::1] columns,
    const index_t[::1] row_starts,
    ptrdiff_t n_features,
    const ptrdiff_t[::1] index,
    const int8_t[::1] signs,
    value_t[:, :, ::1] tiles,
):
    """Copy dense rows to tiles; the last one is filled up with zeros."""
    cdef Layout X = layout(columns, row_starts, n_features, index)
    cdef ptrdiff_t row, j, size = tiles.shape[1], n = signs.shape[0]
    cdef value_t sign
    cdef const value_t* values
    cdef value_t* out
    with nogil:
        for row in range(n):
            if row + AHEAD < n:
                fetch_row(&X, &data[0], row + AHEAD, <index_t>0)
            values = &data[locate(&X, row, <index_t>0).start]
            out = &tiles[row // TILE, 0, row % TILE]
            sign = <value_t>signs[row]
            for j in range(n_features):
                out[j * TILE] = sign * values[j]
            if size > n_features:
                out[n_features * TILE] = sign
        if n % TILE:
            out = &tiles[n // TILE, 0, 0]
            for j in range(size):
                for row in range(n % TILE, TILE):
                    out[j * TILE + row] = 0.0


cdef struct Band:
    # Problem, iterate and room of `minimise`; a step of 0 means a scalar.
    ptrdiff_t n
    ptrdiff_t size
    ptrdiff_t padded
    bint has_kink
    Slopes slopes
    const double* signs
    Values cost
    Values curvature
    const double* anchor
    const double* ridge
    const double* fixed
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
    Sums sums


cdef inline double relative_gap(double primal, double dual) noexcept nogil:
    """Return what ``Certificate.relative_gap`` does."""
    cdef double gap = primal - dual
    if not primal < INFINITY:
        return INFINITY
    if gap < 0.0:
        gap = 0.0 if -gap <= WRONG * (fabs(primal) + fabs(dual)) else -gap
    return gap / primal if primal > 0.0 else 0.0


cdef inline void set_slopes(Band* band, double rho) noexcept nogil:
    """Set rest and pace from the anchor and rho."""
    cdef bint one_pace = band.cost.step == 0 and band.curvature.step == 0
    cdef double width = 1.0, sigma = 0.0
    cdef ptrdiff_t k
    for k in range(min(band.n, <ptrdiff_t>1) if one_pace else band.n):
        sigma = rho * band.cost.first[k * band.cost.step]
        width = 1.0 + sigma * band.curvature.first[k * band.curvature.step]
        band.pace[k] = sigma / width
    band.slopes.pace = Values(band.pace, not one_pace)
    band.slopes.rest = Values(band.anchor, 1)
    if not band.has_kink:
        for k in range(band.n):
            if not one_pace:
                sigma = rho * band.cost.first[k * band.cost.step]
                width = 1.0 + sigma * band.curvature.first[k * band.curvature.step]
            band.rest[k] = band.anchor[k] / width
        band.slopes.rest = Values(band.rest, 1)


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


cdef inline void multiply(const value_t* tiles, Band* band) noexcept nogil:
    """Set the change of the margins along the direction."""
    cdef const double* by = band.direction
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
    """Set the lower triangle of the Newton system's matrix."""
    cdef ptrdiff_t size = band.size, padded = band.padded, count, k, i, j, row
    cdef ptrdiff_t first = 0
    cdef double[STRIP] roots
    cdef ptrdiff_t[STRIP] places
    cdef double* strip = band.strip
    cdef const value_t* values
    memset(band.matrix, 0, padded * padded * sizeof(double))
    memset(strip + size * STRIP, 0, (padded - size) * STRIP * sizeof(double))
    while first < band.n_free:
        count = min(band.n_free - first, <ptrdiff_t>STRIP)
        for k in range(count):
            row = band.free[first + k]
            roots[k] = sqrt(band.pace[row * band.slopes.pace.step])
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
    """Set the Newton direction, as ``newton.py`` has it."""
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
    rounding *= ROUNDING
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


def minimise(
    const value_t[:, :, ::1] tiles,
    const double[:] cost,
    const double[:] bound,
    const double[:] curvature,
    const double[::1] signs,
    const double[::1] anchor,
    double rho,
    const double[::1] ridge,
    const double[::1] fixed,
    double fixed_gain,
    double goal,
    double floor,
    ptrdiff_t limit,
    ptrdiff_t allowed,
    double work,
    double[:, ::1] per_row,
    ptrdiff_t[::1] free,
    double[:, ::1] points,
    double[::1] values,
    double[::1] room,
):
    """Minimise Psi by Newton steps, as ``batch.py`` describes it.

    Parameters
    ----------
    tiles : ndarray of the dtype of X, of shape (n_tiles, size, ROWS_PER_TILE)
        From `fill_tiles`.
    cost, bound, curvature : ndarray of float64, of shape (n_rows,)
        Of the losses; each may be a broadcast scalar.
    signs : ndarray of float64, of shape (n_rows,)
        Of length 0 unless the intercept is free.
    anchor : ndarray of float64, of shape (n_rows,)
    rho : float
    ridge : ndarray of float64, of shape (size,)
        Curvature of P in each entry of the point, beside that of the losses.
    fixed : ndarray of float64, of shape (size,)
    fixed_gain : float
        What rows left out contribute.
    goal, floor : float
        As of ``newton_until``.
    limit, allowed : int
        Newton steps after which it ends: unsolved, and for good.
    work : float
        Multiply-adds after which it ends early.
    per_row : ndarray of float64, of shape (6, n_tiles * ROWS_PER_TILE)
        Shortfalls and duals of the iterate, overwritten; duals of the best dual point;
        and room.
    free : ndarray of intp, of shape (n_rows,)
        Room.
    points : ndarray of float64, of shape (2, size)
        The iterate, overwritten, and the best primal point.
    values : ndarray of float64, of shape (3,)
        Best primal and dual value, updated, and the sum of the iterate's losses.
    room : ndarray of float64, of shape (room_for(size),)

    Returns
    -------
    steps : int
    end : {SOLVED, LEADS_NOWHERE, OUT_OF_WORK}
    """
    cdef Band band
    cdef ptrdiff_t size = points.shape[1], n = cost.shape[0], j, k
    cdef bint intercept_is_free = signs.shape[0] > 0
    cdef ptrdiff_t steps = 0, padded = (size + PADDED - 1) // PADDED * PADDED
    cdef int end = LEADS_NOWHERE_
    cdef double primal, dual, noise, along, length, base, at_start, t
    cdef const value_t* X = &tiles[0, 0, 0]
    band.n, band.size, band.padded = n, size, padded
    band.slopes = Slopes(values_of(bound), values_of(bound), values_of(bound), n)
    band.cost, band.curvature = values_of(cost), values_of(curvature)
    band.has_kink = curvature[0] == 0.0
    band.signs = &signs[0] if intercept_is_free else NULL
    band.anchor, band.ridge, band.fixed = &anchor[0], &ridge[0], &fixed[0]
    band.shortfall, band.alpha = &per_row[0, 0], &per_row[1, 0]
    band.rest, band.pace = &per_row[3, 0], &per_row[4, 0]
    band.change, band.free = &per_row[5, 0], &free[0]
    band.point = &points[0, 0]
    band.matrix = &room[0]
    band.factor = band.matrix + padded * padded
    band.strip = band.factor + padded * padded
    band.own = band.strip + padded * STRIP
    band.gradient = band.own + padded
    band.direction = band.gradient + padded
    band.scale = band.direction + padded
    band.inverse = band.scale + padded
    with nogil:
        set_slopes(&band, rho)
        memset(band.alpha + n, 0, (per_row.shape[1] - n) * sizeof(double))
        while True:
            if intercept_is_free:
                move_intercept(&band)
            settle(X, &band)
            if steps == limit:
                break
            primal = band.sums.loss + fixed_gain - dot(band.fixed, band.point, size)
            primal += 0.5 * weighted_dot(band.ridge, band.point, band.point, size)
            dual = band.sums.gain + fixed_gain
            dual -= 0.5 * weighted_dot(band.ridge, band.own, band.own, size)
            if intercept_is_free:
                # About what a repair of rounding errors would cost.
                dual -= fabs(band.own[size - 1]) * (2.0 + fabs(band.point[size - 1]))
            noise = NOISE * (fabs(values[0]) + fabs(values[1]))
            if primal <= values[0] + noise:
                values[0] = primal
                memcpy(&points[1, 0], band.point, size * sizeof(double))
            if dual >= values[1] - noise:
                values[1] = dual
                memcpy(&per_row[2, 0], band.alpha, n * sizeof(double))
            if (
                steps >= allowed
                or relative_gap(values[0], values[1]) <= goal
                or primal < floor
            ):
                end = SOLVED_
                break
            for j in range(size):
                band.gradient[j] = band.ridge[j] * band.point[j] - band.own[j]
            if intercept_is_free:
                band.gradient[size - 1] = 0.0
            if dot(band.gradient, band.gradient, size) <= band.sums.moved / rho:
                end = SOLVED_
                break
            if work <= 0.0:
                end = OUT_OF_WORK_
                break
            work -= <double>n * (2 * size + 30) + <double>padded**3 / 3.0
            work -= 0.5 * <double>band.n_free * padded * padded
            set_direction(X, &band)
            multiply(X, &band)
            steps += 1
            along = weighted_dot(band.ridge, band.point, band.direction, size)
            length = weighted_dot(band.ridge, band.direction, band.direction, size)
            base = along - dot(band.fixed, band.direction, size)
            at_start = dot(band.gradient, band.direction, size)
            if not at_start < 0.0:
                break
            t = zero_along(
                &band.slopes,
                <const double*>band.shortfall,
                <const double*>band.change,
                False,
                base,
                length,
                1.0,
                0.0,
                FLAT * fabs(at_start),
                0.0,
            )
            if not t > 0.0:
                break
            for j in range(size):
                band.point[j] += t * band.direction[j]
            for k in range(n):
                band.shortfall[k] -= t * band.change[k]
        values[2] = band.sums.loss
    return steps, end

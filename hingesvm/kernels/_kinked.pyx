# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""An inner problem of the batch method with kinks in the penalty, on few rows and columns.

Rows are in tiles, as in ``_narrow.pyx``, and a step is what ``direction.py`` and
``line_search.py`` of ``solvers/sparse`` say. No function holds the GIL while it works.
"""

from libc.math cimport INFINITY, fabs, sqrt
from libc.stddef cimport ptrdiff_t
from libc.string cimport memcpy, memset

from . cimport _inner
from ._face cimport go_on
from ._inner cimport NOTHING, Budget
from ._line cimport Slopes, clipped_sums, zero_along
from ._model cimport MOST_ON_FACE, Model, begin, give_room, room_of
from ._products cimport STRIP, add_products, dot
from ._rows cimport value_t
from ._soft cimport soft
from ._tiles cimport (
    TILE,
    Band,
    move_intercept,
    multiply,
    primal_of,
    relative_gap,
    set_margins,
    set_slopes,
    settle,
)
from ._values cimport values_of

#: How `minimise` returns, and the largest number of columns, with the intercept.
SOLVED, UNSOLVED = _inner.SOLVED, _inner.UNSOLVED
OUT_OF_WORK, MOST_COLUMNS = _inner.OUT_OF_WORK, MOST_ON_FACE

cdef enum:
    # Columns that go together in products.
    PADDED = 4
    # Vectors of the size of a point, or of a model and the kinks along a step.
    VECTORS = 12
    # As ``solvers/sparse/quadratic.py`` has them.
    MOST_ROUNDS = 200
    MOST_SOLVES = 100

# As ``solvers/sparse/direction.py`` has them.
cdef double PART = 0.1, SHRINKS = 0.01, FINE = 1e-12
cdef double BEND = 1e-10, BEND_OF_NOTHING = 1e-2
# As ``newton/until.py``, ``newton/line_search.py`` and ``sparse/line_search.py`` have them.
cdef double LITTLE = 1e-6, FLAT = 1e-3, BEHIND = 1.0 + 8.0 * 2.0**-53
# As ``problems/penalized.py`` and ``penalties/_columns.py`` have them.
cdef double CANCELS = 1e-13, SHORTENS = 1.0 - 4.0 * 2.0**-53
# Multiply-adds for one model: its best point is good enough then.
cdef double MODEL_WORK = 1 << 24


cdef struct Kinks:
    # The penalty, beside the ridge of the band, and room for steps.
    const double* threshold
    ptrdiff_t d
    bint is_penalized
    # Bend of columns without strength, as a part of all pace.
    double length
    Model model
    ptrdiff_t* active
    double* slope
    double* bound
    double* start
    double* end
    double* ends
    double* rises
    double* hessian


def room_for(ptrdiff_t size):
    """Return how much room `minimise` needs for points with so many entries."""
    cdef ptrdiff_t padded = (size + PADDED - 1) // PADDED * PADDED
    return padded * padded + padded * STRIP + size * size + VECTORS * size + room_of(size)


cdef inline (double, double) values_at(const Band* band, const Kinks* kinks) noexcept nogil:
    """Return P and D at the iterate."""
    cdef double primal = primal_of(band), dual, factor = 1.0, excess = 0.0, beyond
    cdef ptrdiff_t j, d = kinks.d
    for j in range(d):
        primal += kinks.threshold[j] * fabs(band.point[j])
        if band.ridge[j] == 0.0:
            excess = max(excess, fabs(band.own[j]) / kinks.threshold[j])
    if excess > 1.0:
        factor = SHORTENS / excess
    dual = factor * (band.sums.gain + band.fixed_gain)
    for j in range(d):
        if band.ridge[j] > 0.0:
            beyond = soft(factor * band.own[j], kinks.threshold[j])
            dual -= 0.5 * beyond * beyond / band.ridge[j]
    if kinks.is_penalized:
        dual -= 0.5 * (factor * band.own[d]) ** 2
    elif band.signs != NULL:
        # About what a repair of rounding errors would cost.
        dual -= fabs(band.own[d]) * (2.0 + fabs(band.point[d]))
    return primal, dual


cdef inline double keep_best(Band* band, const Kinks* kinks) noexcept nogil:
    """Keep the iterate where it is better, as ``Certificate.join`` does; return P."""
    cdef double primal, dual, noise
    primal, dual = values_at(band, kinks)
    noise = 4e-16 * (fabs(band.values[0]) + fabs(band.values[1]))
    if primal <= band.values[0] + noise:
        band.values[0] = primal
        memcpy(band.best_point, band.point, band.size * sizeof(double))
        band.has_point = True
    if dual >= band.values[1] - noise:
        band.values[1] = dual
        memcpy(band.best_alpha, band.alpha, band.n * sizeof(double))
        band.has_duals = True
    return primal


cdef inline void set_active(const Band* band, Kinks* kinks) noexcept nogil:
    """Choose the columns that take part, and set their slopes and thresholds."""
    cdef ptrdiff_t j, m = 0
    for j in range(band.size):
        if j < kinks.d:
            if band.point[j] == 0.0 and fabs(band.own[j]) <= kinks.threshold[j]:
                continue
            kinks.start[m], kinks.bound[m] = band.point[j], kinks.threshold[j]
        else:
            # Of the intercept it is the step.
            kinks.start[m], kinks.bound[m] = 0.0, 0.0
        kinks.slope[m] = band.ridge[j] * band.point[j] - band.own[j]
        if band.signs != NULL and j == kinks.d:
            kinks.slope[m] = 0.0
        kinks.active[m] = j
        m += 1
    kinks.model.m = m


cdef inline void set_hessian(
    const value_t* tiles, Band* band, Kinks* kinks
) noexcept nogil:
    """Set the Hessian of the model."""
    cdef ptrdiff_t m = kinks.model.m, size = band.size, k, i, j, row, count, first = 0
    cdef ptrdiff_t padded = (m + PADDED - 1) // PADDED * PADDED
    cdef double[STRIP] roots
    cdef ptrdiff_t[STRIP] places
    cdef double* strip = band.strip
    cdef double paces = 0.0, least, bend
    cdef const value_t* values
    memset(band.matrix, 0, padded * padded * sizeof(double))
    memset(strip + m * STRIP, 0, (padded - m) * STRIP * sizeof(double))
    while first < band.n_free:
        count = min(band.n_free - first, <ptrdiff_t>STRIP)
        for k in range(count):
            row = band.free[first + k]
            roots[k] = sqrt(band.pace[row * band.slopes.pace.step])
            places[k] = row // TILE * (size * TILE) + row % TILE
        for i in range(m):
            values = tiles + kinks.active[i] * TILE
            for k in range(count):
                strip[i * STRIP + k] = roots[k] * <double>values[places[k]]
        for i in range(0, m, 2):
            for j in range(0, i + 2, 4):
                add_products(
                    strip + i * STRIP,
                    strip + j * STRIP,
                    count,
                    band.matrix + i * padded + j,
                    padded,
                )
        first += STRIP
    for k in range(band.n):
        paces += band.pace[k * band.slopes.pace.step]
    least = (BEND if band.n_free > 0 else BEND_OF_NOTHING) * paces
    for i in range(m):
        for j in range(i + 1):
            kinks.hessian[i * m + j] = band.matrix[i * padded + j]
            kinks.hessian[j * m + i] = band.matrix[i * padded + j]
        j = kinks.active[i]
        bend = kinks.hessian[i * m + i]
        if band.ridge[j] > 0.0:
            bend += band.ridge[j]
        elif bend > 0.0:
            # Relative to its own bend, as columns may differ in scale.
            bend *= 1.0 + BEND
        else:
            bend = least * (kinks.length if j < kinks.d else 1.0)
        kinks.hessian[i * m + i] = bend


cdef inline double set_direction(
    const value_t* tiles, Band* band, Kinks* kinks
) noexcept nogil:
    """Set the step to the minimum of the model; return its decrement."""
    cdef ptrdiff_t m, i, j
    cdef double far = 0.0, step, value = 0.0
    cdef Model* model = &kinks.model
    set_active(band, kinks)
    set_hessian(tiles, band, kinks)
    m = model.m
    memset(band.direction, 0, band.size * sizeof(double))
    if m == 0:
        return 0.0
    give_room(model, kinks.rises + band.size, kinks.active + band.size)
    model.tol = 0.0
    begin(model)
    far = PART * relative_gap(band.values[0], band.values[1])
    model.tol = max(FINE, min(far, SHRINKS * model.least))
    go_on(model, MODEL_WORK)
    for i in range(m):
        j = kinks.active[i]
        step = model.best[i] - kinks.start[i]
        band.direction[j] = step
        value += kinks.slope[i] * step
        value += kinks.bound[i] * (fabs(model.best[i]) - fabs(kinks.start[i]))
        if j < kinks.d:
            value += 0.5 * band.ridge[j] * step * step
    return max(-value, 0.0)


cdef inline ptrdiff_t set_kinks(
    const Band* band, Kinks* kinks, double* slope
) noexcept nogil:
    """Find where weights change their sign along the step, in order; return how many.

    `slope` becomes that of the thresholds at the start, and ``rises[i]`` twice what a
    weight adds to it.
    """
    cdef ptrdiff_t j, k, count = 0
    cdef double steep, end, step
    slope[0] = 0.0
    for j in range(kinks.d):
        step = band.direction[j]
        steep = kinks.threshold[j] * fabs(step)
        if not steep > 0.0:
            continue
        if not band.point[j] * step < 0.0:
            slope[0] += steep
            continue
        slope[0] -= steep
        end = -band.point[j] / step
        k = count
        while k > 0 and kinks.ends[k - 1] > end:
            kinks.ends[k], kinks.rises[k] = kinks.ends[k - 1], kinks.rises[k - 1]
            k -= 1
        kinks.ends[k], kinks.rises[k] = end, 2.0 * steep
        count += 1
    return count


cdef inline double length_of_step(Band* band, Kinks* kinks) noexcept nogil:
    """Return how many times the step goes to the minimum along it; 0 if it leads up."""
    cdef ptrdiff_t j, count, low = 0, high, guess, k
    cdef double along = 0.0, length = 0.0, slope, first, here, t, pull
    cdef double start, end
    for j in range(band.size):
        along += (band.ridge[j] * band.point[j] - band.fixed[j]) * band.direction[j]
        length += band.ridge[j] * band.direction[j] * band.direction[j]
    count = high = set_kinks(band, kinks, &slope)
    pull, _ = clipped_sums(
        &band.slopes, <const double*>band.shortfall, <const double*>band.change, False, 0.0
    )
    if not along + slope - pull < 0.0:
        return 0.0
    # Most steps end at their end, where many weights become 0.
    guess = 0
    while guess < count and kinks.ends[guess] <= BEHIND:
        guess += 1
    while True:
        # The minimum is behind kink number `low` - 1, and not behind kink `high`.
        here = along + slope
        for k in range(guess):
            here += kinks.rises[k]
        t = zero_along(
            &band.slopes,
            <const double*>band.shortfall,
            <const double*>band.change,
            False,
            here,
            length,
            1.0,
            0.0,
            FLAT * fabs(here - pull),
            0.0,
        )
        start = kinks.ends[guess - 1] if guess > 0 else 0.0
        end = kinks.ends[guess] if guess < count else INFINITY
        if t < start:
            high = guess - 1
        elif t > end:
            low = guess + 1
        else:
            return t
        if low > high:
            # Between the slopes before and behind one kink.
            return kinks.ends[low - 1]
        guess = (low + high) // 2


cdef inline bint line_search(
    const value_t* tiles, Band* band, Kinks* kinks
) noexcept nogil:
    """Go to the minimum of Psi along the step; False when it leads nowhere."""
    cdef ptrdiff_t j, k
    cdef double t, step, end
    multiply(tiles, band, band.direction)
    t = length_of_step(band, kinks)
    if not t > 0.0:
        return False
    for j in range(band.size):
        step = t * band.direction[j]
        end = band.point[j] + step
        if j < kinks.d and kinks.threshold[j] > 0.0:
            if fabs(end) <= CANCELS * (fabs(band.point[j]) + fabs(step)):
                end = 0.0
        band.point[j] = end
    for k in range(band.n):
        band.shortfall[k] -= t * band.change[k]
    return True


cdef inline int steps_until(
    const value_t* tiles, Band* band, Kinks* kinks, Budget* budget
) noexcept nogil:
    """Minimise Psi by Newton steps, as ``newton/until.py`` does."""
    cdef double gap, primal, allowed, decrement, m
    while True:
        if band.signs != NULL:
            move_intercept(band)
        settle(tiles, band)
        if budget.steps >= budget.limit:
            return _inner.UNSOLVED
        primal = keep_best(band, kinks)
        gap = relative_gap(band.values[0], band.values[1])
        if gap <= budget.goal or primal < budget.floor:
            return _inner.SOLVED
        if budget.steps >= budget.enough or (gap <= NOTHING and budget.steps > 0):
            return _inner.SOLVED
        if budget.work <= 0.0:
            return _inner.OUT_OF_WORK
        budget.steps += 1
        allowed = band.sums.moved / band.rho
        decrement = set_direction(tiles, band, kinks)
        m = <double>kinks.model.m
        budget.work -= <double>band.n * (2 * band.size + 30) + 0.3 * m * m * m
        budget.work -= 0.5 * <double>band.n_free * m * m
        if decrement <= LITTLE * allowed:
            return _inner.SOLVED
        if not line_search(tiles, band, kinks):
            return _inner.SOLVED if decrement <= allowed else _inner.UNSOLVED


def minimise(
    const value_t[:, :, ::1] tiles,
    const double[:] cost,
    const double[:] bound,
    const double[:] curvature,
    const double[::1] signs,
    const double[::1] ridge,
    const double[::1] threshold,
    const double[::1] fixed,
    double fixed_gain,
    double length,
    double rho,
    bint is_noisy,
    double goal,
    double floor,
    ptrdiff_t enough,
    ptrdiff_t limit,
    double work,
    double[:, ::1] per_row,
    ptrdiff_t[::1] free,
    double[:, ::1] points,
    double[::1] values,
    double[::1] room,
    ptrdiff_t[::1] places,
):
    """Minimise Psi by Newton steps, as ``newton/until.py`` describes it.

    Parameters
    ----------
    tiles : ndarray of the dtype of X, of shape (n_tiles, size, ROWS_PER_TILE)
        From ``_narrow.fill_tiles``; with at most `MOST_COLUMNS` columns.
    cost, bound, curvature : ndarray of float64, of shape (n_rows,)
        Units of the proximal step, and boxes; each may be a broadcast scalar.
    signs : ndarray of float64, of shape (n_rows,)
        Of length 0 unless the intercept is free.
    ridge : ndarray of float64, of shape (size,)
        The strengths, and the curvature in the intercept.
    threshold : ndarray of float64, of shape (d,)
        Of the d columns; `size` is larger if there is an intercept.
    fixed : ndarray of float64, of shape (size,)
    fixed_gain : float
        What rows left out contribute.
    length : float
        Mean of x_ij^2 over all rows and columns.
    rho : float
        The proximal step.
    is_noisy : bool
        Whether margins are found from scratch first.
    goal, floor : float
        As of ``newton_until``.
    enough, limit : int
        Steps after which it is solved or unsolved in any case.
    work : float
        Multiply-adds after which it returns early, to be called again.
    per_row : ndarray of float64, of shape (7, n_tiles * ROWS_PER_TILE)
        Shortfalls and duals of the iterate, duals of the best dual point, and anchor;
        and room. All but the anchor are overwritten.
    free : ndarray of intp, of shape (n_tiles * ROWS_PER_TILE,)
        Room.
    points : ndarray of float64, of shape (3, size)
        The iterate, overwritten, the best primal point, and the sums v of the iterate.
    values : ndarray of float64, of shape (7,)
        Best primal and dual value, updated; whether points for them were found; and the
        sums of the iterate: losses, a - q a^2 / 2, and (a - anchor)^2 over the unit.
    room : ndarray of float64, of shape (room_for(size),)
    places : ndarray of intp, of shape (2 * size,)
        Room.

    Returns
    -------
    steps : int
    end : {SOLVED, UNSOLVED, OUT_OF_WORK}
    """
    cdef Band band
    cdef Kinks kinks
    cdef Budget budget
    cdef ptrdiff_t size = points.shape[1], n = cost.shape[0]
    cdef ptrdiff_t padded = (size + PADDED - 1) // PADDED * PADDED
    cdef int end
    cdef double* vectors
    cdef const value_t* X = &tiles[0, 0, 0]
    budget.goal, budget.floor, budget.work = goal, floor, work
    budget.enough, budget.limit, budget.steps = enough, limit, 0
    band.n, band.size, band.padded, band.rho = n, size, padded, rho
    band.slopes = Slopes(values_of(bound), values_of(bound), values_of(bound), n)
    band.cost, band.curvature = values_of(cost), values_of(curvature)
    band.has_kink = curvature[0] == 0.0
    band.signs = &signs[0] if signs.shape[0] > 0 else NULL
    band.ridge, band.fixed, band.fixed_gain = &ridge[0], &fixed[0], fixed_gain
    band.shortfall, band.alpha = &per_row[0, 0], &per_row[1, 0]
    band.best_alpha, band.anchor = &per_row[2, 0], &per_row[3, 0]
    band.rest, band.pace = &per_row[4, 0], &per_row[5, 0]
    band.change, band.free = &per_row[6, 0], &free[0]
    band.point, band.best_point, band.values = &points[0, 0], &points[1, 0], &values[0]
    band.own = &points[2, 0]
    band.has_point, band.has_duals = False, False
    band.matrix = &room[0]
    band.strip = band.matrix + padded * padded
    kinks.hessian = band.strip + padded * STRIP
    vectors = kinks.hessian + size * size
    kinks.d, kinks.length = threshold.shape[0], length
    kinks.is_penalized = size > kinks.d and signs.shape[0] == 0
    kinks.threshold, kinks.active = &threshold[0], &places[0]
    band.direction = vectors
    kinks.slope, kinks.bound = vectors + size, vectors + 2 * size
    kinks.start, kinks.end = vectors + 3 * size, vectors + 4 * size
    kinks.ends, kinks.rises = vectors + 6 * size, vectors + 7 * size
    kinks.model.hessian, kinks.model.slope = kinks.hessian, kinks.slope
    kinks.model.threshold, kinks.model.start = kinks.bound, kinks.start
    kinks.model.best, kinks.model.direction = kinks.end, vectors + 5 * size
    kinks.model.most_rounds, kinks.model.most_solves = MOST_ROUNDS, MOST_SOLVES
    with nogil:
        memset(band.alpha + n, 0, (per_row.shape[1] - n) * sizeof(double))
        set_slopes(&band)
        if is_noisy:
            set_margins(X, &band)
        end = steps_until(X, &band, &kinks, &budget)
        values[2] = band.has_point
        values[3] = band.has_duals
        values[4], values[5] = band.sums.loss, band.sums.gain
        values[6] = band.sums.moved
    return budget.steps, end
